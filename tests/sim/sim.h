/* A whole network in one thread: virtual time, a queue of events, links that lose, double, delay
 * and cut, nodes on disks that fail. Everything is drawn from one seed: the same seed gives the
 * same run, event by event. What is found wrong ends the program with the command that replays it.
 *
 * Endpoints of links: 0 is the hub, 1 ... sites those who stand at a site. Between the desk of a
 * site and the daemon of that site there is a link too, from the site to itself. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <stdio.h>

#include "base/arena.h"
#include "base/env.h"
#include "sim/dice.h"

enum { SIM_SITES_MAX = 200, SIM_ENDS_MAX = SIM_SITES_MAX + 1 };

#define SECOND_MS INT64_C(1000)
#define MINUTES_MS INT64_C(60000)
#define HOURS_MS INT64_C(3600000)
#define DAYS_MS INT64_C(86400000)

/* All drawn from the seed; printed before anything happens. Times in ms; 0 switches a fault off. */
struct sim_params {
    uint64_t seed;
    int64_t days;   /* of work; then calm and the close */
    int64_t sites;  /* with a daemon of their own */
    int64_t hosted; /* whose feed the hub keeps */
    int64_t holders;
    int64_t visits;       /* check-ins tried a day, over all sites */
    int64_t loss;         /* permille of messages */
    int64_t twice;        /* permille */
    int64_t delay_ms;     /* of a message, at least */
    int64_t spread_ms;    /* and at most so much more: what reorders */
    int64_t cut_every_ms; /* a link is cut in one direction or both, on average */
    int64_t cut_for_ms;   /* up to so long */
    int64_t crash_every_ms;
    int64_t full_every_ms; /* a disk is full for a while */
    int64_t clock_off_ms;  /* clocks are set wrong by up to this */
    int64_t clock_ppm;     /* and drift by up to this */
    int64_t clock_jump_every_ms;
    int64_t clock_far_ms;      /* one that jumps may be wrong by up to this, for a while */
    int64_t restore_every_ms;  /* a disk is put back from an older copy */
    int64_t flip_every_ms;     /* a byte of a file turns over */
    int64_t move_every_ms;     /* a site goes to the hub, and back */
    int64_t lie_every_ms;      /* a site pushes what is not so */
    int64_t certificate_ms;    /* life of a site's certificate */
    int64_t behind_max;        /* entries of `net` that a site fetches one by one */
    int64_t operator_every_ms; /* an operator changes something */
    int64_t group_max;         /* calls in one transaction */
    int64_t terms_every_ms;    /* and something in contracts, policies, places */
    int64_t cheats;            /* sites that pad their stays */
};

struct sim;
typedef void sim_event(struct sim *sim, void *context);

struct sim {
    struct sim_params params;
    struct dice dice;
    int64_t start_utc_ms;
    int64_t now_ms; /* virtual time since the start; true time, which no node knows */
    bool calm;      /* faults are off */
    bool trace;
    struct sim_item *heap;
    size_t heap_count;
    size_t heap_max;
    uint64_t order; /* breaks ties: events of one moment come in the order of planning */
    int64_t cut_until_ms[SIM_ENDS_MAX][SIM_ENDS_MAX];
    uint64_t delivered;
    uint64_t lost;
    uint64_t crashes;
    uint64_t answers;
    struct arena *arena; /* of the whole run */
    struct work *work;
    char dir[128];
};

/* Draws the parameters. `long_run` draws from wider ranges. */
void sim_params_draw(struct sim_params *params, uint64_t seed, bool long_run);
void sim_params_print(const struct sim_params *params);

void sim_init(struct sim *sim, const struct sim_params *params);
void sim_release(struct sim *sim);
/* Hands over what events of this kind that never came about would have got, at the end. */
void sim_drop(struct sim *sim, sim_event *event, void (*drop)(void *context));

int64_t sim_utc_ms(const struct sim *sim);
void sim_after(struct sim *sim, int64_t ms, sim_event *event, void *context);
/* Sends over a link; the event happens when, and as often as, it arrives: returned. */
int sim_send(struct sim *sim, int from, int to, sim_event *event, void *context);
/* Cuts links and heals them, until calm. */
void sim_weather(struct sim *sim);
/* So much time passes in which nothing happens: all that is planned comes later. */
void sim_skip(struct sim *sim, int64_t ms);
/* Takes the next event; false: there is none before `until_ms`, which it is then. */
bool sim_step(struct sim *sim, int64_t until_ms);

/* What is wrong, when, and how to see it again; ends the program. */
_Noreturn void sim_fail(const struct sim *sim, const char *fmt, ...) printf_like(2, 3);
void sim_trace(const struct sim *sim, const char *fmt, ...) printf_like(2, 3);

#endif
