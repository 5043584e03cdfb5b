/* A layer over an SQLite VFS that gathers what is written to the write-ahead log. SQLite writes a
 * page of the log as two small pieces, hundreds of them for one commit; here they lie side by side
 * in memory and go down as one large write at the sync, or before anything else looks at the log:
 * a read of what is gathered, a truncation, the length, the close. All other files are the
 * underlying VFS's own, without a layer.
 *
 * This is sound for connections with synchronous=FULL only: SQLite then syncs the log before it
 * tells other connections of a commit, so nobody looks for a page that still lies here. A write
 * that fails at the sync fails the sync, and with it the commit. */
#ifndef STORE_DB_GATHER_H
#define STORE_DB_GATHER_H

#include <sqlite3.h>

struct gather;

/* Registers a layer over the VFS of that name (NULL: the system's). NULL when there is none. */
struct gather *gather_new(const char *vfs);
/* For sqlite3_open_v2(). */
const char *gather_name(const struct gather *gather);
/* All its files must be closed. NULL is fine. */
void gather_free(struct gather *gather);

#endif
