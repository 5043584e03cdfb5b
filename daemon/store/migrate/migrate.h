/* The schema, as numbered SQL files (0001_feeds.sql, ...) that are part of the program. Each is
 * applied once, in order, in a transaction of its own. A file that was released is never edited:
 * what changes comes as the next number. */
#ifndef STORE_MIGRATE_MIGRATE_H
#define STORE_MIGRATE_MIGRATE_H

#include "store/db/db.h"

/* "Pass" in ASCII, in the header of every database of ours (SQLite's application_id). */
#define MIGRATE_APPLICATION_ID 0x50617373

struct migration {
    const char *name; /* "0001_feeds" */
    const char *sql;  /* `@rowid` still to be replaced */
};

/* In order of their numbers; the version of a schema is how many of them it has had. */
extern const struct migration migrations[];
extern const size_t migration_count;

/* Brings the schema up to this program's version; an empty database becomes ours. Call it outside a
 * transaction, on a connection that writes, before any other use. E_FOREIGN: a database of another
 * program, or of a newer version of this one. E_CORRUPT: its tables are not those that its version
 * says. Each with a sentence; the file is unchanged then. */
must_check int migrate_run(struct db *db, struct fault *fault);

/* The same checks without changing anything; E_CONFLICT when the schema is older than the program
 * (migrate_run brings it up to date). */
must_check int migrate_check(struct db *db, struct fault *fault);

/* Are its tables and indexes, one by one, those that this program makes? For a database that is up
 * to date; some milliseconds. Outside a transaction. E_CORRUPT names the first that is not. */
must_check int migrate_verify(struct db *db, struct fault *fault);

#endif
