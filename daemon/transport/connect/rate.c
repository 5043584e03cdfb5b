#include "transport/connect/rate.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/arena.h"

enum { SETS = 512, WAYS = 8 };

struct bucket {
    uint64_t caller;  /* 0: nobody's */
    int64_t full_ns;  /* when it is full again */
};

struct rates {
    uint64_t seed;
    atomic_ullong refused;
    pthread_mutex_t lock; /* of the buckets; held for a few instructions */
    struct bucket buckets[SETS][WAYS];
};

struct rates *rates_new(uint64_t seed)
{
    struct rates *rates = xcalloc(1, sizeof *rates);
    rates->seed = seed;
    pthread_mutex_init(&rates->lock, NULL);
    return rates;
}

void rates_free(struct rates *rates)
{
    if (rates != NULL) {
        pthread_mutex_destroy(&rates->lock);
        free(rates);
    }
}

/* FNV-1a from a secret start, and a finish that spreads it. Never 0. */
static uint64_t hash_of(const struct rates *rates, struct view caller)
{
    uint64_t z = rates->seed ^ 0xcbf29ce484222325u;
    for (size_t i = 0; i < caller.len; i++) {
        z = (z ^ (unsigned char)caller.data[i]) * 0x100000001b3u;
    }
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return z == 0 ? 1 : z;
}

/* The caller's bucket, or the one that has been full for longest. */
static struct bucket *bucket_of(struct rates *rates, uint64_t caller)
{
    struct bucket *set = rates->buckets[caller % SETS];
    struct bucket *quietest = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].caller == caller) {
            return &set[i];
        }
        quietest = set[i].full_ns < quietest->full_ns ? &set[i] : quietest;
    }
    *quietest = (struct bucket){.caller = caller};
    return quietest;
}

int64_t rates_take(struct rates *rates, struct view caller, int64_t per_s, int64_t burst,
                   int64_t now_ns)
{
    if (per_s == 0) {
        return 0;
    }
    assert(per_s > 0 && burst > 0);
    int64_t each_ns = 1000000000 / per_s;
    uint64_t hash = hash_of(rates, caller);
    pthread_mutex_lock(&rates->lock);
    struct bucket *bucket = bucket_of(rates, hash);
    int64_t full_ns = (bucket->full_ns > now_ns ? bucket->full_ns : now_ns) + each_ns;
    int64_t over_ns = full_ns - now_ns - burst * each_ns;
    if (over_ns <= 0) {
        bucket->full_ns = full_ns;
    }
    pthread_mutex_unlock(&rates->lock);
    if (over_ns <= 0) {
        return 0;
    }
    atomic_fetch_add(&rates->refused, 1);
    return (over_ns + 999999) / 1000000;
}

uint64_t rates_refused(const struct rates *rates)
{
    return atomic_load(&rates->refused);
}
