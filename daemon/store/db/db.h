/* A thin way to run SQL: connections, named parameters, statements prepared once per connection,
 * one sticky error per transaction. It knows no table and no entity.
 *
 * SQL is written so that SQLite and PostgreSQL both take it: `bigint`, `text` and `blob` columns,
 * `@rowid` in a CREATE TABLE for the integer primary key that is SQLite's row number and
 * `@row(column)` for that number where no column has it, ON CONFLICT, `:name` parameters; no
 * STRICT, no WITHOUT ROWID, no INSERT OR, no pragma. Every statement is declared with DB_SQL, so
 * that a test can walk them all and PREPARE each in a real PostgreSQL.
 *
 * Errors. Inside a transaction the first error sticks: what follows does nothing (query_next()
 * answers false, columns read as 0 and empty) and db_commit() or db_end() reports it. So a caller
 * writes straight-line code and checks once. Rolling back to a savepoint forgets an error that
 * happened inside it, unless the database had to abandon the whole transaction.
 *
 * Threads. A connection belongs to one thread at a time and holds no lock of its own. Reads and
 * writes are asserted to stand inside a transaction. */
#ifndef STORE_DB_DB_H
#define STORE_DB_DB_H

#include "base/buf.h"

/* ---- statements ---- */

struct db_sql {
    const char *text;
};

/* Declares a statement at file scope: DB_SQL(insert_row, "INSERT INTO t (a) VALUES (:a)"). All of
 * them, from every room, lie side by side in one section of the program, which makes the list that
 * a test walks and gives each its number. */
#define DB_SQL(name, sql)                                                                          \
    static const struct db_sql name __attribute__((section("db_sql"), used, aligned(8))) = {sql}

/* All declared statements of this program: from db_sql_first() up to, without, db_sql_end(). */
const struct db_sql *db_sql_first(void);
const struct db_sql *db_sql_end(void);

/* The same statement for PostgreSQL: `:name` becomes $1, $2 ... in order of first use, `@rowid`
 * becomes `bigint PRIMARY KEY`, `@row(column)` the column: it has no order of arrival. String
 * literals, quoted names, comments and `::` casts stay. */
void db_sql_for_postgres(const char *sql, struct buf *out);
/* `@rowid` becomes `INTEGER PRIMARY KEY`, `@row(column)` becomes `rowid`. */
void db_sql_for_sqlite(const char *sql, struct buf *out);

/* ---- connections ---- */

struct db;

enum db_mode {
    DB_READ,   /* read-only; the file must exist */
    DB_WRITE,  /* read and write; the file must exist */
    DB_CREATE, /* read and write; an empty database is made when there is none */
};

struct db_options {
    const char *path;
    const char *vfs; /* SQLite VFS name; NULL: the system's */
    enum db_mode mode;
    int64_t cache_kib;  /* page cache; 0: 8,192 when writing, 2,048 when reading */
    int64_t page_bytes; /* for a new file; 0: 4,096 */
    int64_t busy_ms;    /* how long to wait for another process's lock; 0: 5,000 */
    bool bulk; /* for a command that rewrites much: a cache of 262,144, large sorts on the disk */
};

/* Opens, and asks for WAL, synchronous=FULL, no automatic checkpoint. E_NOT_FOUND, E_DENIED, E_IO,
 * E_CORRUPT, E_FOREIGN (not a database) with a sentence. *out is untouched then. */
must_check int db_open(struct db **out, const struct db_options *options, struct fault *fault);
/* Closes; an open transaction is rolled back. The last connection to close checkpoints the WAL.
 * NULL is fine. */
void db_free(struct db *db);
const char *db_path(const struct db *db);

/* ---- transactions ---- */

/* A transaction that writes: takes the write lock at once. E_BUSY, E_IO, ... */
must_check int db_begin(struct db *db, struct fault *fault);
/* A transaction that only reads: everything in it sees one state of the database. */
must_check int db_begin_read(struct db *db, struct fault *fault);
/* Ends either kind. With a sticky error, or when the commit itself fails, everything is rolled back
 * and the error is returned. After E_OK a write is on the disk. */
must_check int db_commit(struct db *db, struct fault *fault);
/* Ends a read, or abandons a write; returns the sticky error that it held. */
int db_end(struct db *db, struct fault *fault);
bool db_in_transaction(const struct db *db);

/* Rows that statements of this connection wrote since it was opened, also those undone since: when
 * it is what it was, nothing was written. */
int64_t db_changes(const struct db *db);

/* Savepoints nest. Each is ended by one of: keep, undo. */
void db_savepoint(struct db *db);
void db_savepoint_keep(struct db *db);
void db_savepoint_undo(struct db *db);

/* The sticky error so far (0: none), with its sentence. */
int db_error(const struct db *db, struct fault *fault);
/* Lets a caller that found damage (a row that cannot be) make it the transaction's error; the first
 * one counts. Returns the code. */
int db_fail(struct db *db, int code, const char *fmt, ...) printf_like(3, 4);

/* ---- queries ---- */

struct query;

/* The statement, ready for its parameters (all NULL). It stays the connection's; the pointer is
 * good until query_end(). While its rows are being read it can be started again, at most 8 deep. */
struct query *db_query(struct db *db, const struct db_sql *sql);
/* Bytes are borrowed until the query ends. A name that the statement lacks is a bug. */
void query_bind_int(struct query *query, const char *name, int64_t value);
void query_bind_text(struct query *query, const char *name, struct view text);
void query_bind_blob(struct query *query, const char *name, struct view bytes);
void query_bind_null(struct query *query, const char *name);
/* Moves to the next row. False at the end and on an error; the query has ended then. */
bool query_next(struct query *query);
/* Columns of the present row, from 0. Views are good until the next query_next() or query_end(). */
int64_t query_int(const struct query *query, int column);
struct view query_text(const struct query *query, int column);
struct view query_blob(const struct query *query, int column);
int query_columns(const struct query *query);
bool query_is_null(const struct query *query, int column);
bool query_is_int(const struct query *query, int column);
bool query_is_text(const struct query *query, int column);
/* Stops early; harmless when the query has ended. */
void query_end(struct query *query);
struct db *query_db(const struct query *query);
/* Runs a statement that returns no row; returns how many rows it wrote. */
int64_t query_run(struct query *query);

/* Runs several statements of DDL or maintenance from text, `@rowid` replaced. Sticky error. */
void db_exec(struct db *db, const char *sql);
/* Drops the indexes that were made by CREATE INDEX on a table, all but `keep` (may be NULL), and
 * adds to `again` the text that makes them again: filling a large table and indexing it afterwards
 * is several times faster. */
void db_drop_indexes(struct db *db, const char *table, const char *keep, struct buf *again);

/* ---- the file ---- */

/* Frames in the write-ahead log after this connection's last commit: its length in pages, whether
 * copied back or not. */
int64_t db_wal_frames(const struct db *db);
/* Copies what it can from the WAL into the database without making anyone wait, outside a
 * transaction. *left says how many frames remain to be copied. When 0 remain and no reader is in
 * the way, the next write starts the WAL anew. */
must_check int db_checkpoint(struct db *db, int64_t *left, struct fault *fault);
/* Syncs the database's file, as no checkpoint does that was overtaken by a commit: the last one
 * then has little to wait for. */
must_check int db_sync(struct db *db, struct fault *fault);

/* What was erased lies in the write-ahead log still, until its pages are written over. Who erases
 * says that the log is to be emptied; it is so until db_empty_log() has copied all back and cut the
 * file to nothing, outside a transaction. That makes nobody wait: with a reader in the way it does
 * nothing, and is to be called again. */
void db_want_empty_log(struct db *db);
bool db_wants_empty_log(const struct db *db);
must_check int db_empty_log(struct db *db, struct fault *fault);

/* Two numbers in the header of the file: whose it is, and which version of the schema. */
int64_t db_application_id(struct db *db);
int64_t db_schema_version(struct db *db);
/* Both take effect with the commit. */
void db_set_application_id(struct db *db, int64_t id);
void db_set_schema_version(struct db *db, int64_t version);
/* True when the database holds no table at all. */
bool db_is_empty(struct db *db);
/* Appends each table, index and trigger by name: its name, NUL, the text that makes it, NUL. Inside
 * a transaction. */
void db_schema(struct db *db, struct buf *out);
/* Reads the whole file and checks that its pages and indexes agree. Minutes on a large one.
 * E_CORRUPT with the first thing found. */
must_check int db_check_pages(struct db *db, struct fault *fault);
/* Copies a consistent state of the whole database into a new file, while others write. */
must_check int db_copy_to(struct db *db, const char *path, struct fault *fault);

#endif
