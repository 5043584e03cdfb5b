/* The journal is the writer's pen: it turns payloads into entries, appends them to feeds and
 * changes the projections, all inside the writer's transaction. Writer thread only. */
#ifndef SERVICE_JOURNAL_H
#define SERVICE_JOURNAL_H

#include "service/service.h"
#include "store/feed/feed.h"

struct journal *journal_new(struct node *node, struct db *db);
void journal_free(struct journal *journal);

/* Opens the feed: makes its key file, its row and the feed_opened entry in `net`. Once per feed;
 * harmless when it is open already. */
void journal_open_feed(struct service *service, struct view feed_id, struct view author);

/* A new epoch of a feed: it goes on under a new origin and key, kept by the hub or by its site, and
 * an entry in `net` names the old head. What its keeper of before had signed beyond that head, or
 * against it, counts no more: the new one goes on from what is here. `public_key` is the site's;
 * NULL: a fresh key of this node.
 * Returns that entry's payload, in the arena; NULL when the database failed. */
const Passerelle__V1__FeedOpened *journal_begin_epoch(struct service *service, struct view author,
                                                      struct view feed_id,
                                                      Passerelle__V1__FeedKeeper keeper,
                                                      const uint8_t *public_key,
                                                      struct arena *arena);
/* After a restore: a new epoch of every feed that this hub keeps. *feeds counts them. */
must_check int journal_begin_epochs(struct service *service, size_t *feeds, struct fault *fault);

/* Appends one entry, written by `author` (the call's, or "hub"), at the business time of now or of
 * the feed's last entry, whichever is later, and applies it. Returns its key (feed_no << 40 | seq);
 * 0 when the database failed: the error sticks and ends the transaction. A payload too long for an
 * entry is a bug of the caller, which limits its input. */
int64_t journal_append(struct service *service, struct view author, struct view feed_id,
                       Passerelle__V1__EntryType type, const ProtobufCMessage *payload);

/* Takes an entry that another node, or this one before it lost it, has written: put behind those
 * that are here and applied; one that cannot be read keeps its place and changes nothing. An entry
 * that is here already is fine when it is the same: *added tells. Errors are those of feed_put().
 * `entry` (may be NULL) gets what was read, in the arena; kind NULL: nothing. */
must_check int journal_take(struct service *service, struct feed *feed, uint64_t seq,
                            struct view bytes, struct arena *arena, struct entry *entry,
                            bool *added, struct fault *fault);
/* What is kept of the registry outside feeds was changed: who caches it reads it again. */
void journal_registry_changed(struct journal *journal);

/* Whether this node appends to the feed: each has one keeper, the hub or the daemon of its site.
 * Any thread. */
bool journal_keeps(struct service *service, struct view feed_id);

/* feed_no of a feed; 0 when it is not open. */
int64_t journal_feed_no(struct db *db, struct view feed_id);
/* Its entries; 0 when it is not open, or when the database failed. */
uint64_t journal_feed_size(struct db *db, struct view feed_id);

/* The feed caches follow the fate of the writer's savepoints and transaction. */
size_t journal_mark(const struct journal *journal);
void journal_undo(struct journal *journal, size_t mark);
void journal_committed(struct journal *journal);
void journal_rolled_back(struct journal *journal);
struct feeds *journal_feeds(struct journal *journal);

/* The checkpoint of a feed, appended as a note: of one that this node keeps as it stands, signed
 * when it was not yet; of another the last that its keeper signed and whose entries are all here,
 * nothing when there is none since it took the feed over. */
must_check int journal_publish(struct service *service, struct view feed_id, struct buf *note,
                               struct fault *fault);

/* Salted hash of an erasable reason: stores (salt, text) and returns the 32-byte hash for the
 * entry, in the call's arena. Empty text gives VIEW_NONE. */
struct view journal_reason(struct service *service, struct call *call, const char *text);
/* The same where nobody calls: `author` is "hub". The hash is the arena's. */
struct view journal_reason_of(struct service *service, struct arena *arena, struct view author,
                              const char *text);

#endif
