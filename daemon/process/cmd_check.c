/* passerelled check: everything that can be found out about a state folder without changing it. It
 * goes on after what it finds, so that one run tells all. The daemon may run meanwhile: each step
 * looks at a state of the database that no one changes. */
#include <unistd.h>

#include "process/command.h"
#include "process/progress.h"
#include "process/verify.h"
#include "store/migrate/migrate.h"
#include "store/view/apply.h"
#include "store/view/registry.h"

struct check {
    struct state *state;
    struct db *db;
    struct progress progress;
    int worst; /* exit code */
};

static void say(struct check *check, const char *what, int err, const struct fault *fault,
                const char *good)
{
    if (err == E_OK) {
        printf("ok       %-12s %s\n", what, good);
    } else {
        printf("DAMAGED  %-12s %s\n", what, fault->text);
        check->worst = EXIT_DAMAGED;
    }
    fflush(stdout);
}

static void step(void *context, size_t done, size_t of)
{
    progress_step(&((struct check *)context)->progress, done, of);
}

static void check_feeds(struct check *check)
{
    struct fault fault = FAULT_NONE;
    size_t damaged = 0;
    struct verify_progress progress = {.step = step, .context = check};
    progress_begin(&check->progress, &check->state->env, "Verifying feeds");
    int err = verify_all(check->db, &progress, &damaged, &fault);
    progress_end(&check->progress);
    if (damaged > 1) {
        fault_prefix(&fault, "%zu feeds; the first", damaged);
    }
    say(check, "feeds", err, &fault, "every entry, every hash, every signed root");
}

static void count_entries(void *context, uint64_t done)
{
    progress_step(context, done, 0);
}

/* In a copy, since a replay writes. */
static int compare_projections(struct check *check, const char *path, struct fault *fault)
{
    struct db *copy = NULL;
    struct db_options options = {.path = path, .mode = DB_WRITE, .bulk = true};
    uint8_t before[32], after[32];
    int err = db_copy_to(check->db, path, fault);
    err = err != E_OK ? err : db_open(&copy, &options, fault);
    if (err == E_OK && (err = db_begin(copy, fault)) == E_OK) {
        progress_begin(&check->progress, &check->state->env, "Replaying entries");
        err = view_digest(copy, before, fault);
        err = err != E_OK ? err
                          : view_rebuild(copy, 0, count_entries, &check->progress, fault);
        err = err != E_OK ? err : view_digest(copy, after, fault);
        progress_end(&check->progress);
        db_end(copy, NULL);
    }
    if (err == E_OK && memcmp(before, after, sizeof before) != 0) {
        err = fault_set(fault, E_CORRUPT,
                        "the tables differ from what the feeds say: stop the daemon and run "
                        "`passerelled rebuild`");
    }
    db_free(copy);
    return err;
}

static void remove_copy(struct arena *arena, const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        unlink(arena_printf(arena, "%s%s", path, ends[i]));
    }
}

static void check_projections(struct check *check)
{
    struct fault fault = FAULT_NONE;
    const char *path = arena_printf(&check->state->arena, "%s/check-%ld.db", check->state->dir,
                                    (long)getpid());
    int err = compare_projections(check, path, &fault);
    remove_copy(&check->state->arena, path);
    say(check, "tables", err, &fault, "equal to a replay of all feeds");
}

static void check_identity(struct check *check)
{
    struct fault fault = FAULT_NONE;
    int err = db_begin_read(check->db, &fault);
    if (err == E_OK) {
        struct registry_network network = registry_network(check->db, &check->state->arena);
        err = db_end(check->db, &fault);
        if (err == E_OK && network.network_id == NULL) {
            err = fault_set(&fault, E_CORRUPT, "the database holds no network");
        }
        say(check, "identity", err, &fault, network.network_id);
    }
}

static int run(int argc, char **argv)
{
    const char *dir;
    struct settings settings;
    struct state state;
    struct fault fault = FAULT_NONE;
    if (!command_options(&command_check, argc, argv, NULL, 0, &dir, 1)) {
        return EXIT_USAGE;
    }
    int err = state_open(&state, &settings, dir, &fault);
    if (err != E_OK) {
        return command_fail(&fault);
    }
    struct check check = {.state = &state};
    struct db_options options = {.path = state.database, .mode = DB_READ};
    err = db_open(&check.db, &options, &fault);
    err = err != E_OK ? err : migrate_check(check.db, &fault);
    if (err == E_OK) {
        check_identity(&check);
        err = migrate_verify(check.db, &fault);
        say(&check, "schema", err, &fault, "all tables and indexes of this version");
        fault = FAULT_NONE;
        err = db_check_pages(check.db, &fault);
        say(&check, "pages", err, &fault, "all pages and indexes agree");
        check_feeds(&check);
        fault = FAULT_NONE;
        err = verify_keys(check.db, check.state, &fault);
        say(&check, "keys", err, &fault, "each feed has its own");
        if (check.worst == EXIT_DONE) {
            check_projections(&check);
        }
        err = E_OK;
    }
    db_free(check.db);
    state_release(&state);
    return err != E_OK ? command_fail(&fault) : check.worst;
}

const struct command command_check = {
    .name = "check",
    .usage = "DIR",
    .summary = "Checks the whole database: pages, feeds, keys, tables.",
    .help = "\n"
            "Reads everything, changes nothing; the daemon may run meanwhile. The tables are\n"
            "compared with a replay in a copy, for which DIR needs room for the database once\n"
            "more. Ends with 4 when something is damaged, and says where.\n\n"
            "Examples:\n"
            "  passerelled check /var/lib/passerelle\n",
    .run = run,
};
