/* Proof of possession: a phone signs "I hold this token's device key, at this second". Signed
 * bytes: "passerelle-proof/v1" NUL, SHA-256 of the token bytes (payload, key id and signature: what
 * PT1 carries), the UTC second as u64 big-endian. Pure. */
#ifndef CORE_PASS_PROOF_H
#define CORE_PASS_PROOF_H

#include "crypt/ed25519.h"
#include "crypt/sha256.h"

enum {
    PROOF_MESSAGE_LEN = 20 + SHA256_LEN + 8,
    PROOF_WINDOW_S_MAX = 600, /* no policy lets in more, before and after */
};

void proof_message(const uint8_t token_hash[static SHA256_LEN], uint64_t utc_s,
                   uint8_t out[static PROOF_MESSAGE_LEN]);
void proof_sign(const struct ed25519_key *device, const uint8_t token_hash[static SHA256_LEN],
                uint64_t utc_s, uint8_t signature[static ED25519_SIGNATURE_LEN]);
/* False: not signed by that device, or not for that token and second. */
bool proof_check(const uint8_t token_hash[static SHA256_LEN], uint64_t utc_s,
                 const uint8_t signature[static ED25519_SIGNATURE_LEN],
                 const uint8_t device_key[static ED25519_PUBLIC_LEN]);

enum proof_age { PROOF_FRESH, PROOF_STALE, PROOF_FUTURE };
/* How the proof's second lies to this node's time. `clock_offset_ms` is what must be added to the
 * node's clock to get the network's time; `window_s` (>= 0) counts on both sides and is included.
 */
enum proof_age proof_age(uint64_t utc_s, int64_t now_utc_ms, int64_t window_s,
                         int64_t clock_offset_ms);

/* Which proofs were used: a bounded set of (token hash, second), in memory that is allocated once.
 * It never forgets a proof that could still be fresh: when it is full of such, it says so. A proof
 * as old as one that it had to drop counts as seen, so that a clock set back opens nothing. One
 * thread. Give it room for the most check-ins of three windows. */
struct proof_used {
    uint64_t utc_s;
    uint8_t token[16]; /* the first half of its hash */
    uint32_t next;     /* in its chain; UINT32_MAX ends it */
    uint32_t chain;
};
struct proof_filter {
    struct proof_used *used; /* a ring, oldest first from `first` */
    uint32_t *chains;
    uint32_t capacity;
    uint32_t first;
    uint32_t count;
    int64_t floor_utc_s; /* dropped proofs were at most this old; -1: none dropped */
};
/* `capacity` is 1 to 2^24. */
void proof_filter_init(struct proof_filter *filter, uint32_t capacity);
void proof_filter_release(struct proof_filter *filter);
bool proof_filter_seen(const struct proof_filter *filter,
                       const uint8_t token_hash[static SHA256_LEN], uint64_t utc_s);
/* Notes a proof that was not seen. `oldest_fresh_utc_s`: proofs of earlier seconds are stale by now
 * and may be dropped. E_LIMIT when every place holds one that is not: refuse the check-in and let
 * the phone show a new proof. E_EXISTS when it was seen. */
must_check int proof_filter_add(struct proof_filter *filter,
                                const uint8_t token_hash[static SHA256_LEN], uint64_t utc_s,
                                int64_t oldest_fresh_utc_s);

#endif
