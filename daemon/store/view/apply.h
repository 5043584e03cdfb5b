/* Projections are made here and only here: each entry, once it is in its feed, changes the tables
 * of migrate/0002_views.sql. The result is a function of the set of entries: each row comes from
 * one feed, so feeds may be applied in any order; within a feed entries come in order. The local
 * writer and a rebuild call the same function. Writer thread only. */
#ifndef STORE_VIEW_APPLY_H
#define STORE_VIEW_APPLY_H

#include "core/entry/entry.h"
#include "store/db/db.h"

/* The row key of an entry: feed number and seq in one integer (store/feed). */
struct view_position {
    int64_t feed_no;
    int64_t entry_key;
};

/* Applies one entry. What it says was checked before it was appended, so nothing is refused here:
 * an entry that makes no sense (a check-out of a visit that the feed does not know) changes
 * nothing. An entry of a newer version's type changes nothing. Errors stick in `db`. */
void view_apply(struct db *db, struct view_position at, const struct entry *entry);

/* Drops the indexes that a replay does not need; `again` gets the text that makes them. */
void view_drop_indexes(struct db *db, struct buf *again);

/* Empties the projections that entries of such feeds make. */
void view_drop(struct db *db, enum entry_home home);
/* Empties every projection, before a replay. */
void view_drop_all(struct db *db);

/* Empties every projection, puts the rows of the snapshot back that `net` began with, if it did,
 * and applies all feeds again, inside the caller's transaction. With seed 0 feed by feed; any
 * other seed draws another interleaving of the feeds, which must give the same tables. `progress`
 * (may be NULL) is called now and then with the entries done. E_CORRUPT names the first entry that
 * cannot be read. */
must_check int view_rebuild(struct db *db, uint64_t seed, void (*progress)(void *, uint64_t done),
                            void *context, struct fault *fault);

/* SHA-256 over every row of every projection in key order: equal digests mean equal tables. */
must_check int view_digest(struct db *db, uint8_t out[static 32], struct fault *fault);

#endif
