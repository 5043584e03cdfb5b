/* sim [--seed N | --seeds FROM TO | --minutes N [--from N]] [--long] [--trace]: runs simulated
 * networks, one seed after the other, and stops at the first that is wrong with the command that
 * replays it. */
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "core/day/day.h"
#include "sim/work.h"

enum { CALM_MS = 6 * 3600 * 1000 };

static struct {
    const char *program;
    uint64_t seed;
    bool long_run;
    bool trace;
} running;

static struct {
    uint64_t delivered, lost, crashes, accepted, refused, away, receipts, answers;
    uint64_t restored, hub_restored, lost_changes, flipped, flips_found, moved, lies, renewed,
        snapshots;
    uint64_t changes, compared, cheats_compared, cheats_found, flagged_honest;
    double seconds;
} total;

static void say_replay(void)
{
    if (running.program != NULL) {
        char line[256];
        int len = snprintf(line, sizeof line, "replay it: %s --seed %" PRIu64 "%s --trace\n",
                           running.program, running.seed, running.long_run ? " --long" : "");
        (void)!write(2, line, (size_t)len);
    }
}

static void on_abort(int signal_number)
{
    say_replay();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void run_until(struct sim *sim, int64_t until_ms)
{
    int64_t look_ms = sim->now_ms;
    while (sim_step(sim, until_ms)) {
        if (sim->now_ms >= look_ms) {
            for (int site = 0; site < sim->params.sites; site++) {
                check_prefix(sim->work, site);
            }
            look_ms = sim->now_ms + 20 * MINUTES_MS;
        }
    }
}

/* What is still to come; NULL: nothing. */
static const char *waits(struct work *work)
{
    const char *what = mend_waits(work);
    what = what != NULL ? what : carrier_waits(work);
    return what != NULL || work->open_ops == 0
               ? what
               : arena_printf(work->sim->arena, "%lld requests without answer",
                              (long long)work->open_ops);
}

/* All faults off: everything that was asked is answered and everything is everywhere, in time. */
static void calm(struct work *work)
{
    struct sim *sim = work->sim;
    sim->calm = true;
    sim_trace(sim, "calm");
    for (int i = -1; i < sim->params.sites; i++) {
        struct sim_node *node = i < 0 ? &work->hub : &work->sites[i];
        node_set_clock(node, 0, 0);
        vfs_twin_set_capacity(node->disk, 0);
        node->crash_in = 0;
        node_boot(node);
    }
    int64_t until_ms = sim->now_ms + CALM_MS;
    while (waits(work) != NULL && sim->now_ms < until_ms) {
        run_until(sim, sim->now_ms + MINUTES_MS);
    }
    if (waits(work) != NULL) {
        sim_fail(sim, "hours of calm, and still: %s", waits(work));
    }
}

/* What was planned for later in the days of work still happens, in calm; then the month ends. */
static void finish(struct work *work)
{
    struct sim *sim = work->sim;
    struct day last = month_last(month_of(day_of_instant(sim->start_utc_ms)));
    int64_t end_ms = day_start_utc_ms(day_plus(last, 1)) + 6 * HOURS_MS - sim->start_utc_ms;
    int64_t late_ms = sim->now_ms + 31 * HOURS_MS;
    while (work->laters > 0 && sim->now_ms < late_ms) {
        run_until(sim, sim->now_ms + 10 * MINUTES_MS);
    }
    calm(work);
    sim_skip(sim, end_ms - sim->now_ms);
    run_until(sim, sim->now_ms + 3 * HOURS_MS); /* each site shows its ledger past the end */
    calm(work);
    check_equal(work);
    mend_check(work);
    padding_check(work);
    check_close(work);
}

static void run_seed(uint64_t seed)
{
    struct sim_params params;
    struct sim sim;
    struct work work;
    running.seed = seed;
    sim_params_draw(&params, seed, running.long_run);
    sim_params_print(&params);
    sim_init(&sim, &params);
    sim.trace = running.trace;
    work_init(&work, &sim);
    work_plan(&work);
    run_until(&sim, params.days * DAYS_MS);
    calm(&work);
    finish(&work);
    total.delivered += sim.delivered;
    total.lost += sim.lost;
    total.crashes += sim.crashes;
    total.answers += sim.answers;
    total.accepted += work.accepted;
    total.refused += work.refused;
    total.away += work.away;
    total.receipts += work.receipts;
    total.restored += work.restored;
    total.hub_restored += work.hub_restored;
    total.lost_changes += work.lost;
    total.flipped += work.flipped;
    total.flips_found += work.flips_found;
    total.moved += work.moved;
    total.lies += work.lies;
    total.renewed += work.renewed;
    total.snapshots += work.snapshots;
    total.changes += work.changes;
    total.compared += work.compared;
    total.cheats_compared += work.cheats_compared;
    total.cheats_found += work.cheats_found;
    total.flagged_honest += work.flagged_honest;
    work_release(&work);
    sim_release(&sim);
}

static double now_s(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    uint64_t from = 1, to = 200;
    double minutes = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            from = to = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seeds") == 0 && i + 2 < argc) {
            from = strtoull(argv[++i], NULL, 10);
            to = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--from") == 0 && i + 1 < argc) {
            from = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--minutes") == 0 && i + 1 < argc) {
            minutes = strtod(argv[++i], NULL);
            to = UINT64_MAX;
        } else if (strcmp(argv[i], "--long") == 0) {
            running.long_run = true;
        } else if (strcmp(argv[i], "--trace") == 0) {
            running.trace = true;
        } else {
            fprintf(stderr,
                    "usage: %s [--seed N | --seeds FROM TO | --minutes N [--from N]] [--long] "
                    "[--trace]\n",
                    argv[0]);
            return 2;
        }
    }
    /* World after world: memory is kept, not given back and faulted in again. */
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    const char *stride = getenv("PASSERELLE_TEST_STRIDE");
    uint64_t step = stride == NULL ? 1 : strtoull(stride, NULL, 10);
    running.program = argv[0];
    signal(SIGABRT, on_abort);
    signal(SIGSEGV, on_abort);
    atexit(say_replay);
    double begin = now_s(CLOCK_MONOTONIC), worked = now_s(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t seeds = 0;
    for (uint64_t seed = from;
         seed <= to && (minutes == 0 || now_s(CLOCK_MONOTONIC) - begin < minutes * 60);
         seed += step) {
        run_seed(seed);
        seeds++;
    }
    running.program = NULL;
    node_forget_disk();
    total.seconds = now_s(CLOCK_MONOTONIC) - begin;
    worked = now_s(CLOCK_PROCESS_CPUTIME_ID) - worked;
    printf("%" PRIu64 " seeds in %.1f s: %" PRIu64 " messages lost, %" PRIu64 " crashes, %" PRIu64
           " answers, %" PRIu64 " let in, %" PRIu64 " refused, %" PRIu64 " decided away, %" PRIu64
           " looks at receipts\n",
           seeds, total.seconds, total.lost, total.crashes, total.answers, total.accepted,
           total.refused, total.away, total.receipts);
    printf("disasters: %" PRIu64 " sites and %" PRIu64 " hubs restored (%" PRIu64
           " changes lost), %" PRIu64 " bytes turned over (%" PRIu64 " seen), %" PRIu64
           " sites moved or joined again, %" PRIu64 " lies found, %" PRIu64
           " certificates renewed, %" PRIu64 " snapshots asked for\n",
           total.restored, total.hub_restored, total.lost_changes, total.flipped, total.flips_found,
           total.moved, total.lies, total.renewed, total.snapshots);
    printf("terms changed %" PRIu64 " times; %" PRIu64 " sites compared with peers: %" PRIu64
           " of %" PRIu64 " that pad look so, %" PRIu64 " others\n",
           total.changes, total.compared, total.cheats_found, total.cheats_compared,
           total.flagged_honest);
    printf("messages=%" PRIu64 " per_second=%.0f\n", total.delivered,
           (double)total.delivered / worked);
    return 0;
}
