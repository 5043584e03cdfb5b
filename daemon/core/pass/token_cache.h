/* Tokens that were verified, by hash, so that a check-in costs one signature check (the fresh
 * proof) and not two. A fixed table of sets of 16 places; the oldest of a set makes room. What it
 * holds was verified with one key set: clear it whenever the set changes. One thread; whoever
 * shares it locks. */
#ifndef CORE_PASS_TOKEN_CACHE_H
#define CORE_PASS_TOKEN_CACHE_H

#include "core/pass/token.h"

enum { TOKEN_CACHE_WAYS = 16 };

struct token_cache_set {
    uint8_t hash[TOKEN_CACHE_WAYS][SHA256_LEN];
    struct token token[TOKEN_CACHE_WAYS];
    uint32_t filled; /* places ever filled; the next one is filled % TOKEN_CACHE_WAYS */
};
struct token_cache {
    struct token_cache_set *sets;
    size_t set_count;
};

/* At least `capacity` tokens; 170 bytes each. */
void token_cache_init(struct token_cache *cache, size_t capacity);
void token_cache_release(struct token_cache *cache);
void token_cache_clear(struct token_cache *cache);
/* NULL when it is not there; valid until the next put or clear. */
const struct token *token_cache_get(const struct token_cache *cache,
                                    const uint8_t hash[static SHA256_LEN]);
void token_cache_put(struct token_cache *cache, const uint8_t hash[static SHA256_LEN],
                     const struct token *token);

#endif
