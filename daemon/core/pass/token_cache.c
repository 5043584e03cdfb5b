#include "core/pass/token_cache.h"

#include <assert.h>

#include "base/arena.h"

void token_cache_init(struct token_cache *cache, size_t capacity)
{
    assert(capacity > 0);
    cache->set_count = (capacity + TOKEN_CACHE_WAYS - 1) / TOKEN_CACHE_WAYS;
    cache->sets = xcalloc(cache->set_count, sizeof *cache->sets);
}

void token_cache_release(struct token_cache *cache)
{
    free(cache->sets);
    *cache = (struct token_cache){.sets = NULL};
}

void token_cache_clear(struct token_cache *cache)
{
    memset(cache->sets, 0, cache->set_count * sizeof *cache->sets);
}

static struct token_cache_set *set_of(const struct token_cache *cache, const uint8_t *hash)
{
    uint64_t start; /* a hash of a signed token: nobody outside picks its set */
    memcpy(&start, hash, sizeof start);
    return &cache->sets[start % cache->set_count];
}

const struct token *token_cache_get(const struct token_cache *cache,
                                    const uint8_t hash[static SHA256_LEN])
{
    struct token_cache_set *set = set_of(cache, hash);
    for (uint32_t i = 0; i < TOKEN_CACHE_WAYS && i < set->filled; i++) {
        if (memcmp(set->hash[i], hash, SHA256_LEN) == 0) {
            return &set->token[i];
        }
    }
    return NULL;
}

void token_cache_put(struct token_cache *cache, const uint8_t hash[static SHA256_LEN],
                     const struct token *token)
{
    if (token_cache_get(cache, hash) != NULL) {
        return;
    }
    struct token_cache_set *set = set_of(cache, hash);
    uint32_t place = set->filled % TOKEN_CACHE_WAYS;
    memcpy(set->hash[place], hash, SHA256_LEN);
    set->token[place] = *token;
    /* Counts on without end, and stays past the ways when it wraps. */
    set->filled = set->filled == UINT32_MAX ? UINT32_MAX / 4 * 4 : set->filled + 1;
}
