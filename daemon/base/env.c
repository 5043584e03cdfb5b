#include "base/env.h"

#include <errno.h>
#include <sys/random.h>

#include "base/err.h"

int64_t env_now_utc_ms(const struct env *env)
{
    return env->now_utc_ms(env->context);
}

int64_t env_real_utc_ms(const struct env *env)
{
    return env->real_utc_ms(env->context);
}

int64_t env_monotonic_ns(const struct env *env)
{
    return env->monotonic_ns(env->context);
}

void env_random(const struct env *env, void *bytes, size_t len)
{
    env->random(env->context, bytes, len);
}

static int64_t system_ns(clockid_t which)
{
    struct timespec now;
    if (clock_gettime(which, &now) != 0) {
        die("the system has no clock %d", (int)which);
    }
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t system_utc_ms(void *context)
{
    (void)context;
    return system_ns(CLOCK_REALTIME) / 1000000;
}

static int64_t system_monotonic_ns(void *context)
{
    (void)context;
    return system_ns(CLOCK_MONOTONIC);
}

static void system_random(void *context, void *bytes, size_t len)
{
    (void)context;
    char *to = bytes;
    while (len > 0) {
        ssize_t got = getrandom(to, len, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            die("the system gives no random bytes");
        }
        to += got;
        len -= (size_t)got;
    }
}

const struct env env_system = {
    .now_utc_ms = system_utc_ms,
    .real_utc_ms = system_utc_ms,
    .monotonic_ns = system_monotonic_ns,
    .random = system_random,
};

static int64_t demo_utc_ms(void *context)
{
    const struct env_demo_clock *clock = context;
    int64_t real = system_utc_ms(NULL) - clock->real_start_utc_ms;
    return clock->business_start_utc_ms + real * clock->rate;
}

void env_demo(struct env *env, struct env_demo_clock *clock)
{
    *env = env_system;
    env->now_utc_ms = demo_utc_ms;
    env->context = clock;
}

const struct env_demo_clock *env_demo_clock_of(const struct env *env)
{
    return env->now_utc_ms == demo_utc_ms ? env->context : NULL;
}

static int64_t test_utc_ms(void *context)
{
    return ((struct env_test *)context)->now_utc_ms;
}

static int64_t test_monotonic_ns(void *context)
{
    return ((struct env_test *)context)->now_utc_ms * 1000000;
}

/* SplitMix64 (Steele, Lea, Flood 2014): small, and good enough to draw test cases. */
static void test_random(void *context, void *bytes, size_t len)
{
    struct env_test *test = context;
    uint8_t *to = bytes;
    for (size_t i = 0; i < len; i++) {
        uint64_t z = test->seed += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        to[i] = (uint8_t)(z ^ z >> 31);
    }
}

void env_test_init(struct env *env, struct env_test *context)
{
    *env = (struct env){
        .now_utc_ms = test_utc_ms,
        .real_utc_ms = test_utc_ms,
        .monotonic_ns = test_monotonic_ns,
        .random = test_random,
        .context = context,
    };
}
