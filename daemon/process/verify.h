/* Looking after what is stored: the ends of the feeds at every start, all of them behind it. */
#ifndef PROCESS_VERIFY_H
#define PROCESS_VERIFY_H

#include "process/state.h"
#include "store/feed/feed.h"

struct verify_progress {
    void (*step)(void *context, size_t done, size_t of); /* may be NULL; by feeds */
    bool (*stop)(void *context);                         /* may be NULL; asked between feeds */
    void *context;
};

/* The last `entries` entries, shared out over all feeds, at least one of each. Outside a
 * transaction. E_CORRUPT names the feed and the entry. */
must_check int verify_ends(struct db *db, uint64_t entries, struct fault *fault);
/* Every entry of every feed, each feed in a read transaction of its own, so that the write-ahead
 * log does not wait for the whole. Goes on behind a damaged feed: `fault` names the first, *damaged
 * counts them. E_CLOSED when `stop` said so. */
must_check int verify_all(struct db *db, const struct verify_progress *progress, size_t *damaged,
                          struct fault *fault);
/* Is the key file of each feed that this node keeps there, and the one that the feed says? With
 * another it would sign checkpoints that nobody accepts. E_NOT_FOUND, E_CONFLICT; whatever reading
 * the file gives. */
must_check int verify_keys(struct db *db, struct state *state, struct fault *fault);

#endif
