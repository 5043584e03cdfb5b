/* Ed25519 signatures (RFC 8032) by libsodium, which refuses non-canonical and small-order points.
 * Signing is deterministic. Any thread. */
#ifndef CRYPT_ED25519_H
#define CRYPT_ED25519_H

#include "base/env.h"
#include "base/view.h"

enum { ED25519_SEED_LEN = 32, ED25519_PUBLIC_LEN = 32, ED25519_SIGNATURE_LEN = 64 };

/* A key pair. Wipe it when it is no longer needed. */
struct ed25519_key {
    uint8_t seed[ED25519_SEED_LEN];
    uint8_t public_key[ED25519_PUBLIC_LEN]; /* follows from the seed; the order is libsodium's */
};

void ed25519_key_from_seed(struct ed25519_key *key, const uint8_t seed[static ED25519_SEED_LEN]);
void ed25519_key_make(struct ed25519_key *key, const struct env *env);
void ed25519_key_wipe(struct ed25519_key *key);

void ed25519_sign(const struct ed25519_key *key, struct view message,
                  uint8_t signature[static ED25519_SIGNATURE_LEN]);
bool ed25519_verify(const uint8_t public_key[static ED25519_PUBLIC_LEN], struct view message,
                    const uint8_t signature[static ED25519_SIGNATURE_LEN]);

#endif
