#include "process/rebuild.h"

#include "base/text.h"
#include "process/progress.h"
#include "store/migrate/migrate.h"
#include "store/view/apply.h"

static void count_entries(void *context, uint64_t done)
{
    progress_step(context, done, 0);
}

/* A site's hub tells all that it knows once more: what a newer version makes of it was left out. */
DB_SQL(ask_again, "UPDATE uplink SET knowledge_version = 0");

int rebuild_tables(struct state *state, bool *same, char hex[static 65], struct fault *fault)
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

int rebuild_after_upgrade(struct state *state, const struct log *log, struct fault *fault)
{
    const char *path = arena_printf(&state->arena, "%s/version", state->dir);
    struct buf before = BUF_INIT;
    bool same = true;
    char hex[65];
    int err = state_exists(path) ? state_read_file(path, &before, fault) : E_OK;
    struct view last = buf_content(&before);
    last.len -= last.len > 0 && last.data[last.len - 1] == '\n';
    bool upgraded = last.len > 0 && !view_is(last, PASSERELLE_VERSION);
    if (err == E_OK && upgraded && state_exists(state->database)) {
        err = rebuild_tables(state, &same, hex, fault);
    }
    if (err == E_OK && upgraded) {
        log_event(log, LOG_INFO, "upgraded", LOG_V("from", last), LOG_S("to", PASSERELLE_VERSION),
                  LOG_S("tables", same ? "same" : "changed"));
    }
    if (err == E_OK && (upgraded || last.len == 0)) {
        err = state_write_file(path, VIEW_LIT(PASSERELLE_VERSION "\n"), fault);
    }
    buf_release(&before);
    return err;
}
