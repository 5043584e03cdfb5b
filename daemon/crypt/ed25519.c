#include "crypt/ed25519.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>

static_assert(sizeof(struct ed25519_key) == crypto_sign_SECRETKEYBYTES,
              "a key pair is libsodium's secret key: seed, then public key");

static void sodium_start(void)
{
    if (sodium_init() < 0) {
        die("libsodium does not start");
    }
}

static void ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, sodium_start);
}

static const unsigned char *bytes_of(struct view message)
{
    return (const unsigned char *)(message.data == NULL ? "" : message.data);
}

void ed25519_key_from_seed(struct ed25519_key *key, const uint8_t seed[static ED25519_SEED_LEN])
{
    ready();
    unsigned char pair[crypto_sign_SECRETKEYBYTES];
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    crypto_sign_seed_keypair(public_key, pair, seed);
    memcpy(key, pair, sizeof *key);
    sodium_memzero(pair, sizeof pair);
}

void ed25519_key_make(struct ed25519_key *key, const struct env *env)
{
    uint8_t seed[ED25519_SEED_LEN];
    env_random(env, seed, sizeof seed);
    ed25519_key_from_seed(key, seed);
    sodium_memzero(seed, sizeof seed);
}

void ed25519_key_wipe(struct ed25519_key *key)
{
    sodium_memzero(key, sizeof *key);
}

void ed25519_sign(const struct ed25519_key *key, struct view message,
                  uint8_t signature[static ED25519_SIGNATURE_LEN])
{
    ready();
    crypto_sign_detached(signature, NULL, bytes_of(message), message.len,
                         (const unsigned char *)key); /* the pair: see the assertion above */
}

bool ed25519_verify(const uint8_t public_key[static ED25519_PUBLIC_LEN], struct view message,
                    const uint8_t signature[static ED25519_SIGNATURE_LEN])
{
    ready();
    return crypto_sign_verify_detached(signature, bytes_of(message), message.len, public_key) == 0;
}
