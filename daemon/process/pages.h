/* Plain pages beside the services: /healthz (the process lives), /readyz (it can be used:
 * until damage is found behind the start, or it stops), /ca.crt of a hub (who joins compares it
 * with what the join code says), /metrics (Prometheus text format 0.0.4), /tlog/
 * (process/tlog.h). */
#ifndef PROCESS_PAGES_H
#define PROCESS_PAGES_H

#include <pthread.h>

#include "process/daemon.h"
#include "process/witnesses.h"

enum { PAGES_MAX = 6 };

/* Stays that a site's feed got since the start, by where they came from. */
struct site_stays {
    int64_t feed_no;
    int64_t last_key; /* of the feed's visits, those up to this one are counted */
    uint64_t by_source[4];
};

struct pages {
    struct daemon *daemon;
    const struct state *state;
    const struct witnesses *witnesses; /* NULL: none are named */
    struct route routes[PAGES_MAX];
    size_t route_count;
    _Atomic bool draining;
    /* The verification of everything, which runs behind the start. */
    _Atomic size_t verified, feeds;
    _Atomic bool verify_over, verify_stop;
    pthread_mutex_t lock; /* of the next, and of the refusals and stays that were counted */
    struct fault damage;
    struct site_stays *stays;
    size_t stays_count;
    int64_t refusal_no;
    uint64_t refusals[64];
    pthread_t verifier;
    bool verifying;
};

/* Before the hub is started. */
must_check int pages_init(struct pages *pages, struct daemon *daemon, const struct state *state,
                          const struct settings *settings, struct fault *fault);
/* Verifies all feeds in a thread of its own, then says so. */
must_check int pages_verify(struct pages *pages, struct fault *fault);
/* Joins that thread. */
void pages_unload(struct pages *pages);

#endif
