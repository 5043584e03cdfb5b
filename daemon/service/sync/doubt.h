/* What is doubtful about an entry that a site's daemon pushed: noted with its evidence, never
 * refused; the host is paid. Stays that were imported or noted from paper are told by hand, so
 * nothing is concluded from their times: these are entries of their own kind, and a desk's check-in
 * that calls itself paper is looked at as any other. */
#ifndef SERVICE_SYNC_DOUBT_H
#define SERVICE_SYNC_DOUBT_H

#include <stdatomic.h>

#include "core/entry/entry.h"
#include "crypt/ed25519.h"
#include "crypt/sha256.h"
#include "passerelle/v1/sync.pb-c.h"
#include "service/service.h"

/* A phone's proof that is looked at on other threads, against the key that the pass has then. */
struct doubt_proof {
    _Atomic bool looked_at; /* then `good` is so */
    bool good;
    uint8_t device_key[ED25519_PUBLIC_LEN];
    uint8_t token_hash[SHA256_LEN];
    uint64_t second;
    uint8_t signature[ED25519_SIGNATURE_LEN];
    uint64_t net_size; /* of the snapshot: while `net` is that, so are the pass and its key */
    bool holder_is_right;
};
/* What a snapshot, with so many entries of `net`, says of it; false: the entry, which is decoded,
 * has none. */
bool doubt_read_proof(struct service *reader, struct arena *scratch, const struct entry *entry,
                      uint64_t net_size, struct doubt_proof *out);
/* Looks: all that takes long, without a database. */
void doubt_check_proof(struct doubt_proof *proof);

struct doubt_entry {
    const char *site_id;
    int64_t feed_no;
    uint64_t seq;
    struct view bytes;
    const struct entry *entry;
    const struct doubt_proof *proof; /* may be NULL */
    int64_t shown_utc_ms;            /* of the last entry that the hub held before this push */
};

enum { DOUBTS_MAX = 8 }; /* about one entry */

/* After the entry was applied, in the writer's transaction. Returns how many problems it noted; the
 * messages are the arena's. `scratch` is used up. A proof that was seen at two sites opens a
 * dispute on the later visit, and suspends the pass where the policy says so. */
size_t doubt_look(struct service *service, struct arena *arena, struct arena *scratch,
                  const struct doubt_entry *at, Passerelle__V1__LedgerProblem *out[DOUBTS_MAX]);

#endif
