/* passerelled rebuild: drops every projection and replays all feeds, in one transaction: it happens
 * as a whole or not at all. */
#include "base/text.h"
#include "process/command.h"
#include "process/progress.h"
#include "store/migrate/migrate.h"
#include "store/view/apply.h"

static void count_entries(void *context, uint64_t done)
{
    progress_step(context, done, 0);
}

/* A site's hub tells all that it knows once more: what a newer version makes of it was left out. */
DB_SQL(ask_again, "UPDATE uplink SET knowledge_version = 0");

static int rebuild(struct state *state, bool *same, char hex[65], struct fault *fault)
{
    struct db *db = NULL;
    struct progress progress;
    struct db_options options = {.path = state->database, .mode = DB_WRITE, .bulk = true};
    uint8_t before[32], after[32];
    int err = db_open(&db, &options, fault);
    err = err != E_OK ? err : migrate_run(db, fault);
    if (err == E_OK && (err = db_begin(db, fault)) == E_OK) {
        progress_begin(&progress, &state->env, "Replaying entries");
        err = view_digest(db, before, fault);
        err = err != E_OK ? err : view_rebuild(db, 0, count_entries, &progress, fault);
        err = err != E_OK ? err : view_digest(db, after, fault);
        query_run(db_query(db, &ask_again));
        progress_end(&progress);
        int ended = err == E_OK ? db_commit(db, fault) : db_end(db, NULL);
        err = err != E_OK ? err : ended;
    }
    db_free(db);
    if (err == E_OK) {
        *same = memcmp(before, after, sizeof before) == 0;
        text_to_hex(after, sizeof after, hex);
    }
    return err;
}

static int run(int argc, char **argv)
{
    const char *dir;
    struct settings settings;
    struct state state;
    struct fault fault = FAULT_NONE;
    bool same = false;
    char hex[65];
    if (!command_options(&command_rebuild, argc, argv, NULL, 0, &dir, 1)) {
        return EXIT_USAGE;
    }
    int err = state_open(&state, &settings, dir, &fault);
    if (err != E_OK) {
        return command_fail(&fault);
    }
    err = state_lock(&state, &fault);
    err = err != E_OK ? err : rebuild(&state, &same, hex, &fault);
    state_release(&state);
    if (err != E_OK) {
        return command_fail(&fault);
    }
    printf("All tables are made anew from the feeds; %s.\nSHA-256 of the tables: %s\n",
           same ? "nothing changed" : "THEY WERE DIFFERENT before", hex);
    return EXIT_DONE;
}

const struct command command_rebuild = {
    .name = "rebuild",
    .usage = "DIR",
    .summary = "Drops all projections and replays the feeds.",
    .help = "\n"
            "The daemon must be stopped. Persons, credentials, reasons and stored answers are not\n"
            "projections: they stay. After an upgrade it applies entries of types that the old\n"
            "version did not know, and kept.\n\n"
            "Examples:\n"
            "  passerelled rebuild /var/lib/passerelle\n",
    .run = run,
};
