/* What a site's daemon does on its writer with what its hub tells: rows of a service that stands in
 * no table of methods, so that nobody reaches them over the wire. Savepoint, commit and wake-up are
 * the writer's, as for any call. The answer of all but one is what the site holds afterwards.
 *
 * Verified here: each package of a feed against its checkpoint, and a checkpoint, once all its
 * entries are here, against their root and the key that `net` names. */
#ifndef SERVICE_SYNC_TAKE_H
#define SERVICE_SYNC_TAKE_H

#include "service/service.h"

enum take {
    TAKE_NET,       /* FeedPackage of `net` */
    TAKE_OWN,       /* FeedPackage of our own feed: we lost these entries */
    TAKE_KNOWLEDGE, /* Knowing */
    TAKE_CAUGHT_UP, /* CaughtUp: we hold all that the hub holds */
    TAKE_HEARD,     /* Heartbeat: remembers when; writes the head of `net` that we saw, hourly */
    TAKE_RECEIPT,   /* PushEntriesResponse with a receipt */
    TAKE_RENEWAL,   /* RenewSiteRequest: the same comes back, signed by the feed's key */
    TAKE_PART,      /* GetSnapshotResponse: the next part of a snapshot */
    TAKE_SNAPSHOT,  /* CaughtUp, unread: loads it, or drops one that is not right */
    TAKE_COUNT
};
const struct method *take_method(enum take which);

/* What is remembered of the hub; zeros before the first word. */
struct take_memory {
    uint64_t knowledge_version;
    int64_t heard_utc_ms;
    bool complete;
    uint64_t receipt_size; /* of the newest receipt */
};
void take_memory(struct db *db, struct take_memory *out);
/* The last head of `net` that was verified, as it was signed; "" before the first. */
char *take_net_head(struct db *db, struct arena *arena);

#endif
