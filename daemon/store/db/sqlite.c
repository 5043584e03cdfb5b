/* SQLite behind db.h. Statements live in an array with one slot for each DB_SQL of the program, so
 * finding a prepared one is an index; a slot is filled at first use. */
#include "store/db/db.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/arena.h"
#include "store/db/gather.h"

/* How often one statement may be read at the same time on one connection: more is a leak. */
enum { QUERY_DEPTH_MAX = 8 };

/* The linker marks both ends of the section that DB_SQL fills. Weak, so that a program without any
 * statement links too. */
extern const struct db_sql __start_db_sql[] __attribute__((weak));
extern const struct db_sql __stop_db_sql[] __attribute__((weak));

struct query {
    struct db *db;
    sqlite3_stmt *stmt;  /* NULL: the transaction has failed, nothing is to be done */
    char **names;        /* of its parameters; SQLite walks a list for each. NULL: never asked */
    int count;
    int bound;           /* parameters are mostly bound in their order: where the next one is */
    bool active;         /* has been started, its rows are being read */
    struct query *again; /* the same statement once more, while the rows of this one are read */
};

enum control { BEGIN_WRITE, BEGIN_READ, COMMIT, ROLLBACK, SAVE, KEEP, UNDO, CONTROL_COUNT };
static const char *const control_sql[CONTROL_COUNT] = {
    [BEGIN_WRITE] = "BEGIN IMMEDIATE", [BEGIN_READ] = "BEGIN", [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",           [SAVE] = "SAVEPOINT s", [KEEP] = "RELEASE s",
    [UNDO] = "ROLLBACK TO s",
};

struct db {
    sqlite3 *handle;
    struct gather *gather; /* what a connection that writes puts over its VFS */
    char *path;
    struct query *queries; /* one for each declared statement */
    struct query nothing;  /* what db_query() gives after a failure */
    sqlite3_stmt *controls[CONTROL_COUNT];
    struct fault fault;  /* the transaction's sticky error */
    int savepoints;      /* open, as the caller counts */
    int savepoints_made; /* of these, from the outermost, those that SQLite knows */
    int64_t wal_frames;
    int busy_ms;
    bool in_transaction;
    bool wants_empty_log;
};

const struct db_sql *db_sql_first(void)
{
    return __start_db_sql;
}

const struct db_sql *db_sql_end(void)
{
    return __stop_db_sql;
}

/* ---- errors ---- */

static int fault_of_sqlite(struct fault *fault, const char *path, sqlite3 *handle, int rc)
{
    int extended = handle == NULL ? rc : sqlite3_extended_errcode(handle);
    const char *why = handle == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(handle);
    int errnum = handle == NULL ? 0 : sqlite3_system_errno(handle);
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return fault_set(fault, E_FULL,
                         "no space left for the database %s: free space on that disk; nothing that "
                         "was confirmed is lost",
                         path);
    case SQLITE_CORRUPT:
        return fault_set(fault, E_CORRUPT,
                         "the database %s is damaged (%s): stop the daemon and restore a backup",
                         path, why);
    case SQLITE_NOTADB:
        return fault_set(fault, E_FOREIGN,
                         "%s is not a database of Passerelle: name another file, or move it away",
                         path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return fault_set(fault, E_BUSY,
                         "the database %s is locked by another process: stop it, or try again",
                         path);
    case SQLITE_CANTOPEN:
        if (errnum == ENOENT || errnum == EACCES || errnum == EPERM) {
            return fault_set(fault, err_from_errno(errnum),
                             "cannot open the database %s: %s; check the path and its owner", path,
                             strerror(errnum));
        }
        return fault_set(fault, E_IO,
                         "cannot open the database %s: %s; check that it is a file that you may "
                         "read and write",
                         path, why);
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return fault_set(fault, E_DENIED,
                         "the database %s cannot be written: check the owner of the file", path);
    case SQLITE_CONSTRAINT:
        return fault_set(fault, E_CONFLICT, "the database %s refuses the row: %s", path, why);
    case SQLITE_NOMEM:
        die("out of memory in the database");
    case SQLITE_IOERR:
        if (errnum == ENOSPC || errnum == EDQUOT) {
            return fault_set(fault, E_FULL,
                             "no space left for the database %s: free space on that disk; nothing "
                             "that was confirmed is lost",
                             path);
        }
        return fault_set(fault, E_IO,
                         "reading or writing the database %s failed (%s, %s, %d): check the disk",
                         path, why, errnum == 0 ? "no reason given" : strerror(errnum), extended);
    default:
        return fault_set(fault, E_INTERNAL, "the database %s failed: %s (%d)", path, why, extended);
    }
}

static void stick(struct db *db, int rc)
{
    if (db->fault.code == E_OK) {
        fault_of_sqlite(&db->fault, db->path, db->handle, rc);
    }
}

static int tell(const struct db *db, struct fault *fault)
{
    if (db->fault.code == E_OK) {
        return E_OK;
    }
    return fault_set(fault, db->fault.code, "%s", db->fault.text);
}

int db_error(const struct db *db, struct fault *fault)
{
    return tell(db, fault);
}

int db_fail(struct db *db, int code, const char *fmt, ...)
{
    assert(code < 0);
    if (db->fault.code == E_OK) {
        char text[sizeof db->fault.text];
        va_list args;
        va_start(args, fmt);
        vsnprintf(text, sizeof text, fmt, args);
        va_end(args);
        fault_set(&db->fault, code, "%s", text);
    }
    return db->fault.code;
}

/* ---- connections ---- */

static size_t sql_count(void)
{
    return (size_t)(__stop_db_sql - __start_db_sql);
}

static void configure_library(void)
{
    /* Counting every allocation takes a lock that all threads share. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int note_wal(void *context, sqlite3 *handle, const char *schema, int frames)
{
    (void)handle;
    (void)schema;
    struct db *db = context;
    db->wal_frames = frames;
    return SQLITE_OK;
}

static int apply_options(struct db *db, const struct db_options *options)
{
    bool reads = options->mode == DB_READ;
    int64_t page = options->page_bytes == 0 ? 4096 : options->page_bytes;
    int64_t cache = options->cache_kib != 0 ? options->cache_kib
                    : options->bulk         ? 256 * 1024
                    : reads                 ? 2048
                                            : 8192;
    char sql[512];

    sqlite3_extended_result_codes(db->handle, 1);
    db->busy_ms = options->busy_ms == 0 ? 5000 : (int)options->busy_ms;
    sqlite3_busy_timeout(db->handle, db->busy_ms);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* Else a parameter that a partial index speaks of gets its statement compiled at each bind. */
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    /* The journal's mode stands in the file: a reader finds it there. The first pragma that reads
     * the file is the one that fails on what is no database. */
    snprintf(sql, sizeof sql,
             "PRAGMA page_size=%lld; PRAGMA cache_size=-%lld; PRAGMA foreign_keys=OFF;"
             "PRAGMA temp_store=%s; PRAGMA mmap_size=0; PRAGMA cell_size_check=ON;"
             "%s PRAGMA synchronous=FULL; PRAGMA application_id;",
             (long long)page, (long long)cache, options->bulk ? "FILE" : "MEMORY",
             /* What is erased is overwritten too, whatever the library was built with. */
             reads ? "" : "PRAGMA journal_mode=WAL; PRAGMA secure_delete=ON;");
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    /* One hook serves both: it replaces the automatic checkpoint. */
    sqlite3_wal_hook(db->handle, note_wal, db);
    return rc;
}

int db_open(struct db **out, const struct db_options *options, struct fault *fault)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_library);

    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    flags |= options->mode == DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    flags |= options->mode == DB_CREATE ? SQLITE_OPEN_CREATE : 0;

    struct db *db = xcalloc(1, sizeof *db);
    db->path = xstrdup(options->path);
    db->queries = xcalloc(sql_count() + 1, sizeof *db->queries);
    db->nothing.db = db;
    const char *vfs = options->vfs;
    if (options->mode != DB_READ) {
        db->gather = gather_new(vfs);
        vfs = db->gather == NULL ? vfs : gather_name(db->gather);
    }
    int rc = sqlite3_open_v2(options->path, &db->handle, flags, vfs);
    if (rc == SQLITE_OK) {
        rc = apply_options(db, options);
    }
    for (int i = 0; rc == SQLITE_OK && i < CONTROL_COUNT; i++) {
        rc = sqlite3_prepare_v3(db->handle, control_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                &db->controls[i], NULL);
    }
    if (rc != SQLITE_OK) {
        int err = fault_of_sqlite(fault, options->path, db->handle, rc);
        db_free(db);
        return err;
    }
    *out = db;
    return E_OK;
}

/* Copies: SQLite's own go when a changed schema makes it compile the statement anew. */
static void name_parameters(struct query *query)
{
    query->count = sqlite3_bind_parameter_count(query->stmt);
    query->names = xcalloc((size_t)query->count + 1, sizeof *query->names);
    for (int i = 0; i < query->count; i++) {
        query->names[i] = xstrdup(sqlite3_bind_parameter_name(query->stmt, i + 1) + 1);
    }
}

static void finalize(struct query *query)
{
    sqlite3_finalize(query->stmt);
    for (int i = 0; i < query->count; i++) {
        free(query->names[i]);
    }
    free(query->names);
}

void db_free(struct db *db)
{
    if (db == NULL) {
        return;
    }
    for (size_t i = 0; i < sql_count(); i++) {
        finalize(&db->queries[i]);
        for (struct query *next, *query = db->queries[i].again; query != NULL; query = next) {
            next = query->again;
            finalize(query);
            free(query);
        }
    }
    for (int i = 0; i < CONTROL_COUNT; i++) {
        sqlite3_finalize(db->controls[i]);
    }
    int rc = sqlite3_close(db->handle);
    assert(rc == SQLITE_OK);
    gather_free(db->gather);
    free(db->queries);
    free(db->path);
    free(db);
}

const char *db_path(const struct db *db)
{
    return db->path;
}

/* ---- transactions ---- */

static int control(struct db *db, enum control which)
{
    sqlite3_stmt *stmt = db->controls[which];
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_DONE) {
        sqlite3_reset(stmt);
        return SQLITE_OK;
    }
    return sqlite3_reset(stmt);
}

static int begin(struct db *db, enum control how, struct fault *fault)
{
    assert(!db->in_transaction);
    assert(db->fault.code == E_OK);
    int rc = control(db, how);
    if (rc != SQLITE_OK) {
        return fault_of_sqlite(fault, db->path, db->handle, rc);
    }
    db->in_transaction = true;
    return E_OK;
}

int db_begin(struct db *db, struct fault *fault)
{
    return begin(db, BEGIN_WRITE, fault);
}

int db_begin_read(struct db *db, struct fault *fault)
{
    return begin(db, BEGIN_READ, fault);
}

/* Some failures make SQLite roll back by itself; what is left open is closed here. */
static void finish(struct db *db)
{
    if (sqlite3_get_autocommit(db->handle) == 0) {
        control(db, ROLLBACK);
    }
    assert(sqlite3_get_autocommit(db->handle) != 0);
    db->in_transaction = false;
    db->savepoints = 0;
    db->savepoints_made = 0;
    db->fault = FAULT_NONE;
}

int db_commit(struct db *db, struct fault *fault)
{
    assert(db->in_transaction);
    assert(db->savepoints == 0 || db->fault.code != E_OK);
    if (db->fault.code == E_OK) {
        int rc = control(db, COMMIT);
        if (rc != SQLITE_OK) {
            stick(db, rc);
        }
    }
    int err = tell(db, fault);
    finish(db);
    return err;
}

int db_end(struct db *db, struct fault *fault)
{
    assert(db->in_transaction);
    int err = tell(db, fault);
    finish(db);
    return err;
}

bool db_in_transaction(const struct db *db)
{
    return db->in_transaction;
}

int64_t db_changes(const struct db *db)
{
    return sqlite3_total_changes64(db->handle);
}

/* A savepoint asked for after a failure is only counted. So the failure that is found when a real
 * one ends happened inside it. */
void db_savepoint(struct db *db)
{
    assert(db->in_transaction);
    db->savepoints++;
    if (db->fault.code == E_OK) {
        int rc = control(db, SAVE);
        if (rc == SQLITE_OK) {
            db->savepoints_made = db->savepoints;
        } else {
            stick(db, rc);
        }
    }
}

/* Leaves the innermost savepoint; true when it is one that SQLite still holds. */
static bool leave_savepoint(struct db *db)
{
    assert(db->savepoints > 0);
    bool made = db->savepoints == db->savepoints_made;
    db->savepoints--;
    if (made) {
        db->savepoints_made--;
    }
    return made && sqlite3_get_autocommit(db->handle) == 0;
}

void db_savepoint_keep(struct db *db)
{
    if (leave_savepoint(db)) {
        int rc = control(db, KEEP);
        if (rc != SQLITE_OK) {
            stick(db, rc);
        }
    }
}

void db_savepoint_undo(struct db *db)
{
    if (leave_savepoint(db)) {
        int rc = control(db, UNDO);
        if (rc == SQLITE_OK) {
            db->fault = FAULT_NONE;
            rc = control(db, KEEP);
        }
        if (rc != SQLITE_OK) {
            stick(db, rc);
        }
    }
}

/* ---- queries ---- */

/* The tests prepare each statement: one that does not fit has met tables that were damaged. */
static int prepare(struct db *db, const char *text, sqlite3_stmt **out)
{
    struct buf sql = BUF_INIT;
    db_sql_for_sqlite(text, &sql);
    int rc = sqlite3_prepare_v3(db->handle, sql.data, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    if (rc == SQLITE_ERROR) {
        db_fail(db, E_CORRUPT,
                "the tables of %s are not those that this version made (%s): restore a backup",
                db->path, sqlite3_errmsg(db->handle));
    }
    buf_release(&sql);
    return rc;
}

struct query *db_query(struct db *db, const struct db_sql *sql)
{
    assert(db->in_transaction);
    if (db->fault.code != E_OK) {
        return &db->nothing;
    }
    assert(sql >= __start_db_sql);
    assert(sql < __stop_db_sql);
    struct query *query = &db->queries[sql - __start_db_sql];
    for (int depth = 1; query->active; depth++) {
        assert(depth < QUERY_DEPTH_MAX);
        if (query->again == NULL) {
            query->again = xcalloc(1, sizeof *query->again);
        }
        query = query->again;
    }
    if (query->stmt == NULL) {
        query->db = db;
        int rc = prepare(db, sql->text, &query->stmt);
        if (rc != SQLITE_OK) {
            stick(db, rc);
            return &db->nothing;
        }
    }
    query->bound = 0;
    return query;
}

/* The parameter's index; asks SQLite to search only when it is not the next in line. */
static int parameter(struct query *query, const char *name)
{
    assert(!query->active);
    if (query->names == NULL) {
        name_parameters(query);
    }
    if (query->bound < query->count && strcmp(query->names[query->bound], name) == 0) {
        return ++query->bound;
    }
    for (int i = 0; i < query->count; i++) {
        if (strcmp(query->names[i], name) == 0) {
            query->bound = i + 1;
            return i + 1;
        }
    }
    die("no parameter %s in: %s", name, sqlite3_sql(query->stmt));
}

static void bound(struct query *query, int rc)
{
    if (rc != SQLITE_OK) {
        stick(query->db, rc);
    }
}

void query_bind_int(struct query *query, const char *name, int64_t value)
{
    if (query->stmt != NULL) {
        bound(query, sqlite3_bind_int64(query->stmt, parameter(query, name), value));
    }
}

void query_bind_text(struct query *query, const char *name, struct view text)
{
    if (query->stmt != NULL) {
        bound(query, sqlite3_bind_text64(query->stmt, parameter(query, name),
                                         text.data == NULL ? "" : text.data, text.len,
                                         SQLITE_STATIC, SQLITE_UTF8));
    }
}

void query_bind_blob(struct query *query, const char *name, struct view bytes)
{
    if (query->stmt != NULL) {
        bound(query,
              sqlite3_bind_blob64(query->stmt, parameter(query, name),
                                  bytes.data == NULL ? "" : bytes.data, bytes.len, SQLITE_STATIC));
    }
}

void query_bind_null(struct query *query, const char *name)
{
    if (query->stmt != NULL) {
        bound(query, sqlite3_bind_null(query->stmt, parameter(query, name)));
    }
}

static void rewind_query(struct query *query)
{
    sqlite3_reset(query->stmt);
    sqlite3_clear_bindings(query->stmt); /* nothing borrowed is kept */
    query->active = false;
}

bool query_next(struct query *query)
{
    if (query->stmt == NULL) {
        return false;
    }
    if (query->db->fault.code != E_OK) {
        query_end(query);
        return false;
    }
    query->active = true;
    int rc = sqlite3_step(query->stmt);
    if (rc == SQLITE_ROW) {
        return true;
    }
    if (rc != SQLITE_DONE) {
        stick(query->db, rc);
    }
    rewind_query(query);
    return false;
}

static bool has_row(const struct query *query, int column)
{
    if (query->stmt == NULL || !query->active) {
        return false;
    }
    assert(column >= 0);
    assert(column < sqlite3_column_count(query->stmt));
    return true;
}

int64_t query_int(const struct query *query, int column)
{
    return has_row(query, column) ? sqlite3_column_int64(query->stmt, column) : 0;
}

struct view query_text(const struct query *query, int column)
{
    if (!has_row(query, column)) {
        return VIEW_NONE;
    }
    const char *text = (const char *)sqlite3_column_text(query->stmt, column);
    return (struct view){text, (size_t)sqlite3_column_bytes(query->stmt, column)};
}

struct view query_blob(const struct query *query, int column)
{
    if (!has_row(query, column)) {
        return VIEW_NONE;
    }
    const char *bytes = sqlite3_column_blob(query->stmt, column);
    return (struct view){bytes, (size_t)sqlite3_column_bytes(query->stmt, column)};
}

int query_columns(const struct query *query)
{
    return sqlite3_column_count(query->stmt);
}

bool query_is_null(const struct query *query, int column)
{
    return !has_row(query, column) || sqlite3_column_type(query->stmt, column) == SQLITE_NULL;
}

bool query_is_int(const struct query *query, int column)
{
    return has_row(query, column) && sqlite3_column_type(query->stmt, column) == SQLITE_INTEGER;
}

bool query_is_text(const struct query *query, int column)
{
    return has_row(query, column) && sqlite3_column_type(query->stmt, column) == SQLITE_TEXT;
}

void query_end(struct query *query)
{
    if (query->stmt != NULL && query->active) {
        rewind_query(query);
    }
}

struct db *query_db(const struct query *query)
{
    return query->db;
}

int64_t query_run(struct query *query)
{
    if (query->stmt == NULL) {
        return 0;
    }
    bool row = query_next(query);
    assert(!row);
    return query->db->fault.code == E_OK ? sqlite3_changes64(query->db->handle) : 0;
}

void db_exec(struct db *db, const char *sql)
{
    assert(db->in_transaction);
    if (db->fault.code != E_OK) {
        return;
    }
    struct buf text = BUF_INIT;
    db_sql_for_sqlite(sql, &text);
    int rc = sqlite3_exec(db->handle, text.data, NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        stick(db, rc);
    }
    buf_release(&text);
}

void db_drop_indexes(struct db *db, const char *table, const char *keep, struct buf *again)
{
    sqlite3_stmt *stmt = NULL;
    struct buf drop = BUF_INIT;

    assert(db->in_transaction);
    if (db->fault.code != E_OK) {
        return;
    }
    int rc = prepare(db,
                     "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 "
                     "AND sql IS NOT NULL AND name IS NOT ?2",
                     &stmt);
    if (rc == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 2, keep, -1, SQLITE_STATIC);
        while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
            buf_printf(&drop, "DROP INDEX %s;", sqlite3_column_text(stmt, 0));
            buf_printf(again, "%s;", sqlite3_column_text(stmt, 1));
        }
    }
    sqlite3_finalize(stmt);
    if (rc != SQLITE_OK && rc != SQLITE_DONE) {
        stick(db, rc);
    } else if (drop.len > 0) {
        db_exec(db, drop.data);
    }
    buf_release(&drop);
}

/* ---- the file ---- */

int64_t db_wal_frames(const struct db *db)
{
    return db->wal_frames;
}

int db_checkpoint(struct db *db, int64_t *left, struct fault *fault)
{
    assert(!db->in_transaction);
    int frames = 0;
    int copied = 0;
    int rc =
        sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &copied);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY) { /* busy: another thread is doing it */
        return fault_of_sqlite(fault, db->path, db->handle, rc);
    }
    *left = frames < 0 ? 0 : frames - copied;
    return E_OK;
}

int db_sync(struct db *db, struct fault *fault)
{
    sqlite3_file *file = NULL;
    int rc = sqlite3_file_control(db->handle, NULL, SQLITE_FCNTL_FILE_POINTER, &file);
    if (rc == SQLITE_OK) {
        rc = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
    }
    return rc == SQLITE_OK ? E_OK : fault_of_sqlite(fault, db->path, NULL, rc);
}

void db_want_empty_log(struct db *db)
{
    db->wants_empty_log = true;
}

bool db_wants_empty_log(const struct db *db)
{
    return db->wants_empty_log;
}

int db_empty_log(struct db *db, struct fault *fault)
{
    assert(!db->in_transaction);
    sqlite3_busy_timeout(db->handle, 0);
    int rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    int err = rc == SQLITE_OK || rc == SQLITE_BUSY
                  ? E_OK
                  : fault_of_sqlite(fault, db->path, db->handle, rc);
    sqlite3_busy_timeout(db->handle, db->busy_ms);
    if (rc == SQLITE_OK) {
        db->wants_empty_log = false;
        db->wal_frames = 0;
    }
    return err;
}

/* One number from text that this file wrote. */
static int64_t number(struct db *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t value = 0;

    assert(db->in_transaction);
    if (db->fault.code != E_OK) {
        return 0;
    }
    int rc = sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
        value = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
        if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
            rc = SQLITE_OK;
        }
    }
    if (rc != SQLITE_OK) {
        stick(db, rc);
    }
    sqlite3_finalize(stmt);
    return value;
}

int64_t db_application_id(struct db *db)
{
    return number(db, "PRAGMA application_id");
}

int64_t db_schema_version(struct db *db)
{
    return number(db, "PRAGMA user_version");
}

static void set_pragma(struct db *db, const char *name, int64_t value)
{
    char sql[80];
    assert(value >= 0);
    assert(value <= INT32_MAX);
    snprintf(sql, sizeof sql, "PRAGMA %s=%lld", name, (long long)value);
    db_exec(db, sql);
}

void db_set_application_id(struct db *db, int64_t id)
{
    set_pragma(db, "application_id", id);
}

void db_set_schema_version(struct db *db, int64_t version)
{
    set_pragma(db, "user_version", version);
}

bool db_is_empty(struct db *db)
{
    return number(db, "SELECT count(*) FROM sqlite_schema") == 0;
}

void db_schema(struct db *db, struct buf *out)
{
    sqlite3_stmt *stmt = NULL;

    assert(db->in_transaction);
    if (db->fault.code != E_OK) {
        return;
    }
    int rc = prepare(db,
                     "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND "
                     "name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
                     &stmt);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (int i = 0; i < 2; i++) {
            buf_text(out, (const char *)sqlite3_column_text(stmt, i));
            buf_byte(out, '\0');
        }
        rc = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    if (rc != SQLITE_OK && rc != SQLITE_DONE) {
        stick(db, rc);
    }
}

int db_check_pages(struct db *db, struct fault *fault)
{
    sqlite3_stmt *stmt = NULL;

    int rc = sqlite3_prepare_v2(db->handle, "PRAGMA quick_check(1)", -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
    }
    int err = E_OK;
    if (rc != SQLITE_ROW) {
        err = fault_of_sqlite(fault, db->path, db->handle, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc);
    } else if (strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") != 0) {
        err = fault_set(fault, E_CORRUPT,
                        "the database %s is damaged (%s): stop the daemon and restore a backup",
                        db->path, (const char *)sqlite3_column_text(stmt, 0));
    }
    sqlite3_finalize(stmt);
    return err;
}

int db_copy_to(struct db *db, const char *path, struct fault *fault)
{
    sqlite3_stmt *stmt = NULL;

    assert(!db->in_transaction);
    int rc = sqlite3_prepare_v2(db->handle, "VACUUM INTO ?1", -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, path, -1, SQLITE_STATIC);
        rc = sqlite3_step(stmt);
    }
    int err = rc == SQLITE_DONE ? E_OK : fault_of_sqlite(fault, path, db->handle, rc);
    sqlite3_finalize(stmt);
    return err;
}
