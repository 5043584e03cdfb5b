/* The rows of the projections of `net`, as a snapshot carries them: table by table, in key order,
 * each value with its kind. Keys of entries lose the number of their feed on the way, which is
 * each node's own.
 *
 * A node that took one keeps its parts (the table snapshot_part): they stand for the entries that
 * it does not have. The digest is the SHA-256 over each row's bytes behind their length in 4
 * bytes. Inside the caller's transaction. */
#ifndef STORE_VIEW_SNAPSHOT_H
#define STORE_VIEW_SNAPSHOT_H

#include "base/arena.h"
#include "crypt/sha256.h"
#include "passerelle/v1/sync.pb-c.h"
#include "store/db/db.h"

/* Calls `each` with every row; stops when it answers false. A row is good until `each` returns. */
void view_snapshot_walk(struct db *db,
                        bool (*each)(void *context, const Passerelle__V1__SnapshotRow *row),
                        void *context);

/* E_INVALID with a sentence when this is no row of such a table: from a peer, anything may come. */
must_check int view_snapshot_check(const Passerelle__V1__SnapshotRow *row, struct fault *fault);
/* Adds a packed row to the digest. */
void view_snapshot_hash(struct sha256 *hash, struct view row);

/* The first part that is kept of a snapshot of so many entries. E_CORRUPT. */
must_check int view_snapshot_header(struct db *db, uint64_t size, struct arena *arena,
                                    const Passerelle__V1__SnapshotHeader **out,
                                    struct fault *fault);
/* Whether all its rows are there, fit, and have the digest of its header. E_INVALID, E_SIGNATURE,
 * E_CORRUPT. */
must_check int view_snapshot_verify(struct db *db, uint64_t size, struct fault *fault);
/* Inserts its rows into tables that have none; `feed_no` is that of `net` here. */
must_check int view_snapshot_load(struct db *db, uint64_t size, int64_t feed_no,
                                  struct fault *fault);

#endif
