/* The world that is handed in: time and chance. Nothing below process/ asks the system for either,
 * so that a test or a simulator decides what time it is and what the dice say. */
#ifndef BASE_ENV_H
#define BASE_ENV_H

#include <stddef.h>
#include <stdint.h>

struct env {
    /* Business time, UTC milliseconds since 1970. Demo networks run it fast; see env_demo. */
    int64_t (*now_utc_ms)(void *context);
    /* Real time, UTC milliseconds: for certificates only. */
    int64_t (*real_utc_ms)(void *context);
    /* Never goes back; for deadlines and durations. Nanoseconds. */
    int64_t (*monotonic_ns)(void *context);
    /* Fills with random bytes fit for keys; stops the process when it cannot. */
    void (*random)(void *context, void *bytes, size_t len);
    void *context;
};

int64_t env_now_utc_ms(const struct env *env);
int64_t env_real_utc_ms(const struct env *env);
int64_t env_monotonic_ns(const struct env *env);
void env_random(const struct env *env, void *bytes, size_t len);

/* The real world: the system's clocks and getrandom(2). */
extern const struct env env_system;

/* A business clock for demonstrations: at the real moment `real_start_utc_ms` it shows
 * `business_start_utc_ms`, and from there runs `rate` times as fast. Every process that is given
 * the same three numbers computes the same time. Fill it, then env_demo() points an env at it. */
struct env_demo_clock {
    int64_t business_start_utc_ms;
    int64_t real_start_utc_ms;
    int64_t rate; /* at least 1 */
};
void env_demo(struct env *env, struct env_demo_clock *clock);
/* The clock that env_demo() gave it; NULL: business time is real time. */
const struct env_demo_clock *env_demo_clock_of(const struct env *env);

/* For tests: a clock that stands still until it is moved, and a seeded generator (not for keys).
 * The context must outlive the env. */
struct env_test {
    int64_t now_utc_ms;
    uint64_t seed;
};
void env_test_init(struct env *env, struct env_test *context);

#endif
