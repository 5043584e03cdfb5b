/* Feeds: append-only, hashed, signed lists of entries. This room stores bytes and does not look
 * into them. Entries of a feed are counted from 1, without a gap; entry seq is leaf seq - 1 of the
 * feed's RFC 6962 tree (core/merkle/tree.h).
 *
 * Three facts are kept apart. An entry is *sequenced* when it has its number, and *integrated* when
 * the tree's nodes stand beside it: feed_append() does both, and the commit makes them durable. It
 * is *published* when a signed checkpoint covers it: feed_publish(), on demand, later. A checkpoint
 * may leave this process only after the commit that recorded it.
 *
 * Two sides. Reading works on any connection, inside a transaction. Writing goes through one
 * `struct feeds`, which remembers each feed's right edge so that an append reads nothing; it
 * belongs to the writer's connection and must follow its fate: feeds_mark() at a savepoint,
 * feeds_undo() when it is undone, feeds_commit() or feeds_undo_all() at the end. */
#ifndef STORE_FEED_FEED_H
#define STORE_FEED_FEED_H

#include "core/merkle/checkpoint.h"
#include "store/db/db.h"

enum {
    FEED_NAME_MAX = 64,
    FEED_ENTRY_MAX = 65535, /* bytes of an entry: fits the 16-bit length of tlog-tiles bundles */
    FEED_SITE_ENTRY_MAX = 4096,
    FEED_SEQ_BITS = 40, /* entry_id = feed_no << 40 | seq */
};
#define FEED_SEQ_MAX (((uint64_t)1 << FEED_SEQ_BITS) - 1)

struct feed_id {
    int64_t no; /* 1 ... 2^22 */
    char name[FEED_NAME_MAX + 1];
    char origin[NOTE_NAME_MAX + 1];
    uint8_t public_key[ED25519_PUBLIC_LEN];
    size_t entry_bytes_max;
};

/* ---- reading ---- */

/* E_NOT_FOUND when there is no feed of that name. */
must_check int feed_find(struct db *db, struct view name, struct feed_id *out);
/* The same by the origin of the feed's checkpoints, as it is now. */
must_check int feed_of_origin(struct db *db, struct view origin, struct feed_id *out);
/* All feeds in the order of their numbers: feed_list(), then feed_list_next() until false. */
struct query *feed_list(struct db *db);
bool feed_list_next(struct query *list, struct feed_id *out);

struct feed_head {
    uint64_t size;
    int64_t appended_utc_ms; /* of the last entry; 0 when there is none */
};
struct feed_head feed_head(struct db *db, int64_t feed_no);

/* Entries 1 to so many are not here: the feed began with a snapshot. 0: all are. */
uint64_t feed_base(struct db *db, int64_t feed_no);

struct feed_entry {
    uint64_t seq;
    int64_t appended_utc_ms;
    struct view bytes; /* good until the next step of the query */
    struct tree_hash leaf;
};
/* Entries from_seq <= seq <= to_seq that are here, in order: feed_read(), then feed_read_next()
 * until false; query_end() to stop early. A gap is E_CORRUPT on the transaction. */
struct query *feed_read(struct db *db, int64_t feed_no, uint64_t from_seq, uint64_t to_seq);
bool feed_read_next(struct query *read, struct feed_entry *out);

/* The nodes of one feed's tree, for the functions of core/merkle/tree.h: roots, proofs, tiles. A
 * node that is not there makes E_CORRUPT on the transaction: ask only within the feed's size. */
struct feed_tree {
    struct db *db;
    int64_t feed_no;
    struct tree_reader reader; /* context points to this struct: do not copy it */
};
void feed_tree_init(struct feed_tree *tree, struct db *db, int64_t feed_no);

/* O(log n) reads each. Leaf hashes are those of the entries. E_INVALID when seq or size lies
 * outside the feed, or before its base. */
must_check int feed_root(struct db *db, int64_t feed_no, uint64_t size, struct tree_hash *out);
must_check int feed_inclusion(struct db *db, int64_t feed_no, uint64_t seq, uint64_t size,
                              struct tree_proof *out);
must_check int feed_consistency(struct db *db, int64_t feed_no, uint64_t old_size,
                                uint64_t new_size, struct tree_proof *out);

/* The checkpoint signed last. */
struct feed_checkpoint {
    uint64_t size;
    struct tree_hash root;
    int64_t signed_at_utc_ms;
};
/* E_NOT_FOUND when none was signed yet. The note is appended to `note` unless that is NULL. */
must_check int feed_published(struct db *db, int64_t feed_no, struct feed_checkpoint *out,
                              struct buf *note);

/* Recomputes everything from the bytes of the entries seq >= from_seq (at least 1) on, from the
 * feed's base on when that is later: numbers
 * without a gap, times that do not go back, leaf hashes, nodes, and the root of the last signed
 * checkpoint if it lies there. E_CORRUPT names the feed and the first wrong entry. */
must_check int feed_verify(struct db *db, const struct feed_id *feed, uint64_t from_seq,
                           struct fault *fault);

/* ---- writing ---- */

struct feed {
    struct feed_id id;
    uint64_t size;
    int64_t appended_utc_ms; /* no later append may carry an earlier time */
    struct tree_frontier frontier;
    bool exists; /* false: was made in a savepoint that was undone */
    uint64_t changed_in; /* the last commit that changed it, or tried to; 0: none since the start */
};

struct feeds;

/* `db` is borrowed and must outlive it; it must not be in a transaction that wrote feeds. */
struct feeds *feeds_new(struct db *db);
void feeds_free(struct feeds *feeds);

/* A position in what this transaction did to feeds. */
size_t feeds_mark(const struct feeds *feeds);
/* Forgets what was done since the mark: call it when the savepoint is undone. */
void feeds_undo(struct feeds *feeds, size_t mark);
/* The transaction was committed; it was rolled back. */
void feeds_commit(struct feeds *feeds);
void feeds_undo_all(struct feeds *feeds);

/* Commits since the start that changed a feed. */
uint64_t feeds_commits(const struct feeds *feeds);
/* The next feed that changed in a later commit than that one, or in the transaction at hand, from
 * *at = 0 on, in no particular order; NULL at the end. */
const struct feed *feeds_changed(const struct feeds *feeds, uint64_t since, size_t *at);

/* The feed of that name, NULL when there is none (or when the transaction has failed). It stays the
 * cache's. */
struct feed *feeds_get(struct feeds *feeds, struct view name);
/* Begins a feed. `id->no` is ignored. E_EXISTS when the name is taken. */
must_check int feeds_make(struct feeds *feeds, const struct feed_id *id, struct feed **out,
                          struct fault *fault);

/* Appends an entry: sequenced and integrated, durable with the commit. Its time must not be before
 * feed->appended_utc_ms: asserted. E_LIMIT when the bytes are too many or the feed is full. */
must_check int feed_append(struct feeds *feeds, struct feed *feed, struct view bytes,
                           int64_t appended_utc_ms, uint64_t *seq, struct fault *fault);

/* An entry of a feed that is written elsewhere: put when absent, accepted when equal; *added says
 * which. E_NOT_FOUND: a gap, entries from feed->size + 1 are missing. E_CONFLICT: other bytes stand
 * at that number; the recorded ones (feed_read) and these are the evidence of a fork. E_INVALID: a
 * time that goes back. E_LIMIT past FEED_ENTRY_MAX or when the feed is full: what its writer may
 * not write stands in the feed all the same. */
must_check int feed_put(struct feeds *feeds, struct feed *feed, uint64_t seq, struct view bytes,
                        int64_t appended_utc_ms, bool *added, struct fault *fault);

/* Begins a feed behind entries that are not here, more than it has: the right edge of their tree,
 * and the time of the last. The entries that it had go. Undone with its savepoint. */
void feed_begin_at(struct feeds *feeds, struct feed *feed, const struct tree_frontier *frontier,
                   int64_t appended_utc_ms);

/* Signs a checkpoint of the feed as it stands in this transaction and records it; the note is
 * appended to `note`. When this size was signed before, that same note is given again. A smaller
 * size than one signed before, or another root for it, cannot be: asserted. `secret` is the feed's
 * key: asserted. */
must_check int feed_publish(struct feeds *feeds, struct feed *feed,
                            const struct ed25519_key *secret, int64_t now_utc_ms, struct buf *note,
                            struct fault *fault);

/* Others cosigned the checkpoint of that size: when it is still the one signed last, `note` (the
 * same with their lines) is given for it from now on. */
void feed_cosigned(struct db *db, int64_t feed_no, uint64_t size, struct view note);

/* A new epoch: from now on the feed's checkpoints have another origin and key, so that no size is
 * ever signed twice under one origin, whoever signed before. The checkpoint signed last is
 * forgotten; entries stay. Undone with its savepoint, like an append. */
void feed_begin_epoch(struct feeds *feeds, struct feed *feed, struct view origin,
                      const uint8_t public_key[static ED25519_PUBLIC_LEN]);

#endif
