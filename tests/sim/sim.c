/* For nftw(). */
#define _XOPEN_SOURCE 700
#include "sim/sim.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "core/day/day.h"

struct sim_item {
    int64_t at_ms;
    uint64_t order;
    sim_event *event;
    void *context;
};

/* ---- parameters ---- */

/* A fault is there in about half of the runs. */
static int64_t maybe(struct dice *dice, int64_t low, int64_t high)
{
    return dice_below(dice, 2) == 0 ? 0 : dice_between(dice, low, high);
}

/* Most networks are small; the largest that there can be comes now and then. */
static int64_t draw_sites(struct dice *dice, uint64_t seed, bool long_run)
{
    int64_t luck = dice_below(dice, 100);
    if (long_run && seed % 200 == 0) {
        return SIM_SITES_MAX - 2;
    }
    return luck < 95   ? dice_between(dice, 1, long_run ? 12 : 4)
           : luck < 99 ? dice_between(dice, 5, long_run ? 40 : 12)
                       : dice_between(dice, 13, long_run ? 120 : 40);
}

void sim_params_draw(struct sim_params *p, uint64_t seed, bool long_run)
{
    struct dice dice = {seed * 2 + 1};
    *p = (struct sim_params){.seed = seed};
    p->days = dice_between(&dice, 1, long_run ? 24 : 2);
    p->sites = draw_sites(&dice, seed, long_run);
    if (p->sites > 40) {
        p->days = dice_between(&dice, 1, long_run ? 2 : 1);
    }
    p->hosted = dice_between(&dice, 1, 2);
    p->holders = dice_between(&dice, 6, long_run ? 60 : 24);
    p->visits = dice_between(&dice, 20, long_run ? 200 : 60);
    p->loss = maybe(&dice, 5, 300);
    p->twice = maybe(&dice, 5, 200);
    p->delay_ms = dice_between(&dice, 1, 400);
    p->spread_ms = maybe(&dice, 10, 5000);
    p->cut_every_ms = maybe(&dice, 20 * MINUTES_MS, 6 * HOURS_MS);
    p->cut_for_ms = dice_between(&dice, MINUTES_MS, long_run ? 14 * DAYS_MS : 8 * HOURS_MS);
    if (!long_run && dice_below(&dice, 4) == 0) { /* a weekend of bad weather */
        p->days = 3;
        p->cut_every_ms = dice_between(&dice, HOURS_MS, 6 * HOURS_MS);
        p->cut_for_ms = dice_between(&dice, 12 * HOURS_MS, 72 * HOURS_MS);
    }
    p->crash_every_ms = maybe(&dice, 20 * MINUTES_MS, 8 * HOURS_MS);
    p->full_every_ms = maybe(&dice, HOURS_MS, 8 * HOURS_MS);
    p->clock_off_ms = maybe(&dice, 100, 90 * SECOND_MS);
    p->clock_ppm = maybe(&dice, 1, 400);
    p->clock_jump_every_ms = maybe(&dice, HOURS_MS, 12 * HOURS_MS);
    p->clock_far_ms = dice_below(&dice, 4) == 0 ? dice_between(&dice, MINUTES_MS, 3 * HOURS_MS) : 0;
    p->restore_every_ms = maybe(&dice, 2 * HOURS_MS, 16 * HOURS_MS);
    p->flip_every_ms = maybe(&dice, 2 * HOURS_MS, 16 * HOURS_MS);
    p->move_every_ms = maybe(&dice, 2 * HOURS_MS, 16 * HOURS_MS);
    p->lie_every_ms = maybe(&dice, 2 * HOURS_MS, 16 * HOURS_MS);
    p->certificate_ms =
        dice_below(&dice, 2) == 0 ? 3650 * DAYS_MS : dice_between(&dice, 6 * HOURS_MS, 3 * DAYS_MS);
    p->behind_max = dice_below(&dice, 2) == 0 ? 8192 : dice_between(&dice, 5, 150);
    if (p->sites > 40) {
        p->visits = p->sites * dice_between(&dice, 1, 4);
    }
    p->operator_every_ms = dice_between(&dice, 10 * MINUTES_MS, 4 * HOURS_MS);
    p->group_max = dice_between(&dice, 1, 8);
    p->terms_every_ms = maybe(&dice, 20 * MINUTES_MS, 4 * HOURS_MS);
    if (p->sites + p->hosted < 8 && dice_below(&dice, 4) == 0) {
        p->hosted = dice_between(&dice, 8, 11); /* enough peers for the rule */
    }
    if (p->sites + p->hosted >= 8) {
        p->cheats = dice_between(&dice, 1, 2);
        p->holders += 12;
    }
}

void sim_params_print(const struct sim_params *p)
{
    printf("seed %llu: days=%lld sites=%lld hosted=%lld holders=%lld visits=%lld loss=%lld "
           "twice=%lld delay=%lld spread=%lld cut_every=%lld cut_for=%lld crash_every=%lld "
           "full_every=%lld clock_off=%lld clock_ppm=%lld clock_jump_every=%lld clock_far=%lld "
           "restore_every=%lld flip_every=%lld move_every=%lld lie_every=%lld certificate=%lld "
           "behind_max=%lld operator_every=%lld group=%lld terms_every=%lld cheats=%lld\n",
           (unsigned long long)p->seed, (long long)p->days, (long long)p->sites,
           (long long)p->hosted, (long long)p->holders, (long long)p->visits, (long long)p->loss,
           (long long)p->twice, (long long)p->delay_ms, (long long)p->spread_ms,
           (long long)p->cut_every_ms, (long long)p->cut_for_ms, (long long)p->crash_every_ms,
           (long long)p->full_every_ms, (long long)p->clock_off_ms, (long long)p->clock_ppm,
           (long long)p->clock_jump_every_ms, (long long)p->clock_far_ms,
           (long long)p->restore_every_ms, (long long)p->flip_every_ms, (long long)p->move_every_ms,
           (long long)p->lie_every_ms, (long long)p->certificate_ms, (long long)p->behind_max,
           (long long)p->operator_every_ms, (long long)p->group_max, (long long)p->terms_every_ms,
           (long long)p->cheats);
    fflush(stdout);
}

/* ---- life ---- */

void sim_init(struct sim *sim, const struct sim_params *params)
{
    const char *tmp = getenv("TMPDIR");
    *sim = (struct sim){.params = *params, .dice = {params->seed}};
    sim->arena = xcalloc(1, sizeof *sim->arena);
    /* A working day of November, early in the morning, so that the days stay within the month. */
    int64_t room = 28 - 2 - params->days;
    struct day first = day_of(2026, 11, 2 + (int)dice_below(&sim->dice, room < 14 ? room : 14));
    sim->start_utc_ms = day_start_utc_ms(first) + 6 * HOURS_MS;
    int len =
        snprintf(sim->dir, sizeof sim->dir, "%s/passerelle-sim-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    if (len >= (int)sizeof sim->dir || mkdtemp(sim->dir) == NULL) {
        die("no folder for the keys in %s", sim->dir);
    }
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

void sim_release(struct sim *sim)
{
    nftw(sim->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    arena_release(sim->arena);
    free(sim->arena);
    free(sim->heap);
}

void sim_drop(struct sim *sim, sim_event *event, void (*drop)(void *context))
{
    for (size_t i = 0; i < sim->heap_count; i++) {
        if (sim->heap[i].event == event) {
            drop(sim->heap[i].context);
        }
    }
}

int64_t sim_utc_ms(const struct sim *sim)
{
    return sim->start_utc_ms + sim->now_ms;
}

/* ---- events ---- */

static bool sooner(const struct sim_item *a, const struct sim_item *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

void sim_after(struct sim *sim, int64_t ms, sim_event *event, void *context)
{
    if (sim->heap_count == sim->heap_max) {
        sim->heap_max = sim->heap_max == 0 ? 1024 : sim->heap_max * 2;
        sim->heap = xrealloc(sim->heap, sim->heap_max, sizeof *sim->heap);
    }
    struct sim_item item = {sim->now_ms + (ms < 0 ? 0 : ms), sim->order++, event, context};
    size_t at = sim->heap_count++;
    while (at > 0 && sooner(&item, &sim->heap[(at - 1) / 2])) {
        sim->heap[at] = sim->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    sim->heap[at] = item;
}

static struct sim_item take_first(struct sim *sim)
{
    struct sim_item first = sim->heap[0];
    struct sim_item last = sim->heap[--sim->heap_count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < sim->heap_count; at = child) {
        if (child + 1 < sim->heap_count && sooner(&sim->heap[child + 1], &sim->heap[child])) {
            child++;
        }
        if (!sooner(&sim->heap[child], &last)) {
            break;
        }
        sim->heap[at] = sim->heap[child];
    }
    sim->heap[at] = last;
    return first;
}

bool sim_step(struct sim *sim, int64_t until_ms)
{
    if (sim->heap_count == 0 || sim->heap[0].at_ms > until_ms) {
        sim->now_ms = until_ms > sim->now_ms ? until_ms : sim->now_ms;
        return false;
    }
    struct sim_item item = take_first(sim);
    sim->now_ms = item.at_ms;
    item.event(sim, item.context);
    return true;
}

void sim_skip(struct sim *sim, int64_t ms)
{
    sim->now_ms += ms;
    for (size_t i = 0; i < sim->heap_count; i++) {
        sim->heap[i].at_ms += ms;
    }
}

/* ---- links ---- */

int sim_send(struct sim *sim, int from, int to, sim_event *event, void *context)
{
    const struct sim_params *p = &sim->params;
    bool near = from == to; /* a desk and the daemon beside it */
    int copies = 1;
    if (!sim->calm) {
        int64_t loss = near ? p->loss / 10 : p->loss;
        copies = dice_permille(&sim->dice, loss) || sim->cut_until_ms[from][to] > sim->now_ms ? 0
                 : dice_permille(&sim->dice, p->twice)                                        ? 2
                                                                                              : 1;
    }
    sim->lost += copies == 0;
    sim->delivered += (uint64_t)copies;
    for (int i = 0; i < copies; i++) {
        int64_t spread = sim->calm ? 0 : dice_below(&sim->dice, p->spread_ms + 1);
        sim_after(sim, near ? 1 + spread / 50 : p->delay_ms + spread, event, context);
    }
    return copies;
}

static void cut(struct sim *sim, void *context)
{
    (void)context;
    if (sim->calm) {
        return;
    }
    int64_t end = 1 + dice_below(&sim->dice, sim->params.sites + sim->params.hosted);
    int64_t until_ms = sim->now_ms + dice_between(&sim->dice, SECOND_MS, sim->params.cut_for_ms);
    int64_t ways = dice_between(&sim->dice, 1, 3); /* there, back, both */
    if (ways & 1) {
        sim->cut_until_ms[end][0] = until_ms;
    }
    if (ways & 2) {
        sim->cut_until_ms[0][end] = until_ms;
    }
    sim_trace(sim, "link of site %lld cut %s%s until %lld ms", (long long)end,
              ways & 1 ? "there " : "", ways & 2 ? "back" : "", (long long)until_ms);
    sim_after(sim, dice_below(&sim->dice, 2 * sim->params.cut_every_ms), cut, NULL);
}

void sim_weather(struct sim *sim)
{
    if (sim->params.cut_every_ms > 0) {
        sim_after(sim, dice_below(&sim->dice, 2 * sim->params.cut_every_ms), cut, NULL);
    }
}

/* ---- telling ---- */

static void printf_like(3, 0)
    tell(const struct sim *sim, FILE *out, const char *fmt, va_list arguments)
{
    char when[25];
    instant_format(sim_utc_ms(sim), when);
    fprintf(out, "%s ", when);
    vfprintf(out, fmt, arguments);
    fputc('\n', out);
}

void sim_fail(const struct sim *sim, const char *fmt, ...)
{
    va_list arguments;
    fflush(stdout);
    fprintf(stderr, "seed %llu FAILED: ", (unsigned long long)sim->params.seed);
    va_start(arguments, fmt);
    tell(sim, stderr, fmt, arguments);
    va_end(arguments);
    nftw(sim->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    exit(1); /* main says how to replay it */
}

void sim_trace(const struct sim *sim, const char *fmt, ...)
{
    if (sim->trace) {
        va_list arguments;
        va_start(arguments, fmt);
        tell(sim, stdout, fmt, arguments);
        va_end(arguments);
    }
}
