/* What can be said of a scanned code without a database: whether it is a pass of this network,
 * signed by a key in use, and a proof by its own phone. Verified tokens are remembered by hash, so
 * that a check-in costs one signature check, on the thread that received it. The writer hands over
 * the keys; every thread reads. Safe from any thread. */
#ifndef SERVICE_DESK_TURNSTILE_H
#define SERVICE_DESK_TURNSTILE_H

#include "core/pass/token.h"
#include "core/pass/token_cache.h"

struct turnstile;

/* `capacity` tokens are remembered. */
struct turnstile *turnstile_new(size_t capacity);
void turnstile_free(struct turnstile *turnstile);
/* The keys from now on; forgets all tokens when they are others than before. */
void turnstile_set_keys(struct turnstile *turnstile, const struct token_keyset *keys);

struct scanned {
    uint64_t generation; /* of the keys it was verified with; 0: there were none */
    enum token_verdict verdict;
    bool has_token; /* `token` and `hash` are filled, whatever the verdict */
    struct token token;
    uint8_t hash[SHA256_LEN];
    bool has_proof;
    bool proof_signed; /* by the device key in the token */
    uint64_t proof_utc_s;
    uint8_t proof_signature[ED25519_SIGNATURE_LEN];
};
void turnstile_read(struct turnstile *turnstile, struct view text, struct scanned *out);
/* Whether it was read with the keys that are in force now. */
bool turnstile_is_current(struct turnstile *turnstile, const struct scanned *scanned);

#endif
