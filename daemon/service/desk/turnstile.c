#include "service/desk/turnstile.h"

#include <pthread.h>

#include "base/arena.h"
#include "core/pass/proof.h"

struct turnstile {
    pthread_mutex_t lock; /* held for a lookup, never for a signature */
    uint64_t generation;
    struct token_keyset keys;
    struct token_cache cache;
};

struct turnstile *turnstile_new(size_t capacity)
{
    struct turnstile *turnstile = xcalloc(1, sizeof *turnstile);
    pthread_mutex_init(&turnstile->lock, NULL);
    token_cache_init(&turnstile->cache, capacity);
    return turnstile;
}

void turnstile_free(struct turnstile *turnstile)
{
    if (turnstile != NULL) {
        token_cache_release(&turnstile->cache);
        pthread_mutex_destroy(&turnstile->lock);
        free(turnstile);
    }
}

static bool same_keys(const struct token_keyset *a, const struct token_keyset *b)
{
    if (a->count != b->count || strcmp(a->network, b->network) != 0) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (memcmp(a->keys[i].public_key, b->keys[i].public_key, ED25519_PUBLIC_LEN) != 0) {
            return false;
        }
    }
    return true;
}

void turnstile_set_keys(struct turnstile *turnstile, const struct token_keyset *keys)
{
    pthread_mutex_lock(&turnstile->lock);
    if (turnstile->generation == 0 || !same_keys(&turnstile->keys, keys)) {
        turnstile->keys = *keys;
        turnstile->generation++;
        token_cache_clear(&turnstile->cache);
    }
    pthread_mutex_unlock(&turnstile->lock);
}

/* The verdict on a token whose hash is known, from memory or anew. */
static void verify(struct turnstile *turnstile, struct view token, struct scanned *out)
{
    struct token_keyset keys;
    pthread_mutex_lock(&turnstile->lock);
    out->generation = turnstile->generation;
    const struct token *known = token_cache_get(&turnstile->cache, out->hash);
    if (known != NULL) {
        out->token = *known;
    } else {
        keys = turnstile->keys;
    }
    pthread_mutex_unlock(&turnstile->lock);
    out->has_token = known != NULL;
    out->verdict = TOKEN_VALID;
    if (known != NULL || out->generation == 0) {
        return;
    }
    out->verdict = token_verify(token, &keys, &out->token);
    out->has_token = out->verdict == TOKEN_VALID;
    if (out->verdict == TOKEN_KEY_UNKNOWN || out->verdict == TOKEN_FORGED) {
        out->has_token = token_decode(token, view_of(keys.network), &out->token) == TOKEN_VALID;
        return;
    }
    if (out->verdict == TOKEN_VALID) {
        pthread_mutex_lock(&turnstile->lock);
        if (turnstile->generation == out->generation) {
            token_cache_put(&turnstile->cache, out->hash, &out->token);
        }
        pthread_mutex_unlock(&turnstile->lock);
    }
}

void turnstile_read(struct turnstile *turnstile, struct view text, struct scanned *out)
{
    *out = (struct scanned){0};
    struct token_scan scan = TOKEN_SCAN_INIT;
    out->verdict = token_scan_parse(text, &scan);
    if (out->verdict == TOKEN_VALID) {
        token_hash(scan.token, out->hash);
        verify(turnstile, scan.token, out);
        out->has_proof = scan.has_proof;
        if (scan.has_proof) {
            out->proof_utc_s = scan.proof_utc_s;
            memcpy(out->proof_signature, scan.proof_signature, sizeof out->proof_signature);
            out->proof_signed = out->has_token && out->token.has_device &&
                                out->verdict == TOKEN_VALID &&
                                proof_check(out->hash, out->proof_utc_s, out->proof_signature,
                                            out->token.device_key);
        }
    } else {
        pthread_mutex_lock(&turnstile->lock);
        out->generation = turnstile->generation;
        pthread_mutex_unlock(&turnstile->lock);
    }
    token_scan_release(&scan);
}

bool turnstile_is_current(struct turnstile *turnstile, const struct scanned *scanned)
{
    pthread_mutex_lock(&turnstile->lock);
    bool current = scanned->generation == turnstile->generation && scanned->generation != 0;
    pthread_mutex_unlock(&turnstile->lock);
    return current;
}
