#include "store/migrate/migrate.h"

#include <assert.h>

#include "base/buf.h"

/* Identity and version, in an open transaction. */
static int examine(struct db *db, int64_t *version, bool *fresh, struct fault *fault)
{
    *fresh = db_is_empty(db);
    *version = db_schema_version(db);
    int64_t id = db_application_id(db);
    int err = db_error(db, fault);
    if (err != E_OK) {
        return err;
    }
    if (id != MIGRATE_APPLICATION_ID && !(*fresh && id == 0 && *version == 0)) {
        return fault_set(fault, E_FOREIGN,
                         "%s is a database of another program: name another file in the settings",
                         db_path(db));
    }
    if (*version > (int64_t)migration_count) {
        return fault_set(fault, E_FOREIGN,
                         "the database %s has schema %lld, this program knows %zu: it was used by "
                         "a newer Passerelle; install that version, or restore a backup of yours",
                         db_path(db), (long long)*version, migration_count);
    }
    if (*version < 0 || (*fresh && *version != 0) || (!*fresh && *version == 0)) {
        return fault_set(fault, E_CORRUPT,
                         "the database %s says schema %lld, which does not fit its tables: restore "
                         "a backup",
                         db_path(db), (long long)*version);
    }
    return E_OK;
}

/* Applies one migration; *done when there was none left. */
static int advance(struct db *db, bool *done, struct fault *fault)
{
    int64_t version = 0;
    bool fresh = false;

    int err = db_begin(db, fault);
    if (err != E_OK) {
        return err;
    }
    err = examine(db, &version, &fresh, fault);
    *done = err == E_OK && version == (int64_t)migration_count;
    if (err != E_OK || *done) {
        db_end(db, fault);
        return err;
    }
    if (fresh) {
        db_set_application_id(db, MIGRATE_APPLICATION_ID);
    }
    db_exec(db, migrations[version].sql);
    db_set_schema_version(db, version + 1);
    err = db_commit(db, fault);
    if (err != E_OK) {
        fault_prefix(fault, "schema %s", migrations[version].name);
    }
    return err;
}

int migrate_run(struct db *db, struct fault *fault)
{
    bool done = false;
    int err = E_OK;
    while (err == E_OK && !done) {
        err = advance(db, &done, fault);
    }
    return err;
}

int migrate_check(struct db *db, struct fault *fault)
{
    int64_t version = 0;
    bool fresh = false;

    int err = db_begin_read(db, fault);
    if (err != E_OK) {
        return err;
    }
    err = examine(db, &version, &fresh, fault);
    db_end(db, NULL);
    if (err == E_OK && version < (int64_t)migration_count) {
        return fault_set(fault, E_CONFLICT,
                         "the database %s has schema %lld, this program needs %zu: start the "
                         "daemon once, it brings it up to date",
                         db_path(db), (long long)version, migration_count);
    }
    return err;
}

/* ---- the tables themselves ---- */

static int read_schema(struct db *db, struct buf *out, struct fault *fault)
{
    int err = db_begin_read(db, fault);
    if (err == E_OK) {
        db_schema(db, out);
        err = db_end(db, fault);
    }
    return err;
}

/* Name and text of the next one; an empty name, behind all others, at the end. */
static void next_one(struct view *rest, struct view *name, struct view *text)
{
    *name = *text = VIEW_NONE;
    if (rest->len > 0 && view_cut(rest, '\0', name)) {
        view_cut(rest, '\0', text);
    }
}

static int compare(struct view made, struct view found, const char *path, struct fault *fault)
{
    struct view name, text, other, other_text;
    do {
        next_one(&made, &name, &text);
        next_one(&found, &other, &other_text);
    } while (name.len > 0 && view_equal(name, other) && view_equal(text, other_text));
    if (other.len > 0 && (name.len == 0 || view_compare(other, name) < 0)) {
        return fault_set(fault, E_CORRUPT,
                         "the database %s holds \"%.*s\", which is not ours: drop it, or restore a "
                         "backup",
                         path, VIEW_FMT(other));
    }
    if (name.len > 0) {
        return fault_set(fault, E_CORRUPT,
                         "\"%.*s\" of the database %s is missing, or not what this version makes: "
                         "restore a backup",
                         VIEW_FMT(name), path);
    }
    return E_OK;
}

int migrate_verify(struct db *db, struct fault *fault)
{
    struct buf made = BUF_INIT, found = BUF_INIT;
    struct db *fresh = NULL;
    struct db_options options = {.path = ":memory:", .mode = DB_CREATE};
    int err = db_open(&fresh, &options, fault);
    err = err != E_OK ? err : migrate_run(fresh, fault);
    err = err != E_OK ? err : read_schema(fresh, &made, fault);
    err = err != E_OK ? err : read_schema(db, &found, fault);
    err = err != E_OK ? err
                      : compare(buf_content(&made), buf_content(&found), db_path(db), fault);
    db_free(fresh);
    buf_release(&made);
    buf_release(&found);
    return err;
}
