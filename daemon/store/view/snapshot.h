/* The rows of the projections of `net`, as a snapshot carries them: table by table, in key order,
 * each value with its kind. Keys of entries lose the number of their feed on the way, which is each
 * node's own. Inside the caller's transaction. */
#ifndef STORE_VIEW_SNAPSHOT_H
#define STORE_VIEW_SNAPSHOT_H

#include "base/arena.h"
#include "passerelle/v1/sync.pb-c.h"
#include "store/db/db.h"

/* Calls `each` with every row; stops when it answers false. A row is good until `each` returns. */
void view_snapshot_walk(struct db *db,
                        bool (*each)(void *context, const Passerelle__V1__SnapshotRow *row),
                        void *context);

/* E_INVALID with a sentence when this is no row of such a table: from a peer, anything may come. */
must_check int view_snapshot_check(const Passerelle__V1__SnapshotRow *row, struct fault *fault);
/* Checks and inserts. `feed_no` is that of `net` here. Errors of the database stick in it. */
must_check int view_snapshot_put(struct db *db, int64_t feed_no,
                                 const Passerelle__V1__SnapshotRow *row, struct fault *fault);
/* Whether all these tables are empty. */
bool view_snapshot_fits(struct db *db);

#endif
