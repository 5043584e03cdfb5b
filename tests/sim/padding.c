/* Sites that pad their stays, and whether the hub says which look so: the rule of
 * core/visit/padding written again over the model's stays. What it flags is right, an honest site
 * too whose few stays look like that; nothing else is. The order in which the entries came counts
 * for nothing. */
#include <stdlib.h>
#include <string.h>

#include "core/day/day.h"
#include "core/entry/entry.h"
#include "passerelle/v1/desk.pb-c.h"
#include "passerelle/v1/settlement.pb-c.h"
#include "passerelle/v1/sync.pb-c.h"
#include "service/sync/padded.h"
#include "sim/work.h"
#include "store/view/apply.h"
#include "wire/pack.h"

enum { AUTO_CLOSED, CARD, PAPER, OUT_OF_HOURS, LONG_STAYS, SIGNS };
enum { PEERS_LEAST = 8, EVIDENCE_MOST = 8, EARLY_LATE_MS = 30 * 60 * 1000 };

/* ---- cheats ---- */

struct busy {
    struct work *work;
    int site;
};

/* One more stay, which nobody may have made. */
static void visit_event(struct sim *sim, void *context)
{
    const struct busy *busy = context;
    struct work *work = sim->work;
    int64_t now = sim_utc_ms(sim);
    struct day today = day_of_instant(now);
    int64_t in = now - dice_between(&sim->dice, 2, 6) * HOURS_MS;
    if (sim->calm) {
        return;
    }
    switch (work->world.sites[busy->site].cheat) {
    case WORLD_NOTES:
        work_note(work, busy->site, in, in + HOURS_MS);
        break;
    case WORLD_AT_NIGHT:
        in = day_start_utc_ms(today) + dice_below(&sim->dice, 4 * HOURS_MS);
        work_note(work, busy->site, in, in + HOURS_MS);
        break;
    default:
        work_visit(work, busy->site, work->world.sites[busy->site].cheat == WORLD_BY_CARD);
        break;
    }
}

void padding_plan(struct work *work)
{
    struct sim *sim = work->sim;
    struct dice *dice = &sim->dice;
    if (sim->params.cheats == 0) {
        return;
    }
    struct world_version version = {.kind = WORLD_RULES, .rules = work->world.rules};
    version.rules.padded_stays_min = 1;
    version.rules.padded_deviations = dice_between(dice, 1, 4);
    version.rules.padded_per_thousand = dice_between(dice, 100, 400);
    version.rules.padded_minutes = dice_between(dice, 30, 120);
    terms_change_now(work, &version);
    for (int64_t i = 0; i < sim->params.cheats; i++) {
        work->world.sites[dice_below(dice, work->world.site_count)].cheat =
            (enum world_cheat)dice_between(dice, WORLD_NOTES, WORLD_STAYS_LONG);
    }
    for (int site = 0; site < work->world.site_count; site++) {
        struct busy *busy = ARENA_NEW(sim->arena, struct busy);
        bool honest = work->world.sites[site].cheat == WORLD_HONEST;
        *busy = (struct busy){work, site};
        for (int64_t k = honest ? 8 : dice_between(dice, 12, 20); k > 0; k--) {
            sim_after(sim,
                      dice_below(dice, sim->params.days) * DAYS_MS +
                          dice_between(dice, 3 * HOURS_MS, 11 * HOURS_MS),
                      visit_event, busy);
        }
    }
}

/* ---- the rule ---- */

struct figure {
    bool stands_out;
    int64_t value, median, deviation;
};

/* A site's stays of the month. */
struct pile {
    int64_t stays, desk_stays;
    int64_t with[LONG_STAYS];
    int64_t *minutes; /* of desk stays */
    int64_t peers;
    bool stands_out;
    struct figure figures[SIGNS];
};

struct looking {
    struct work *work;
    struct month month;
    struct pile piles[SIM_SITES_MAX];
    int64_t values[SIM_SITES_MAX];
};

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool is_in(const struct looking *l, const struct model_visit *visit)
{
    return visit->state == MODEL_CLOSED &&
           month_of(day_of_instant(visit->in_utc_ms)).number == l->month.number;
}

static int64_t out_of(const struct looking *l, const struct model_visit *visit)
{
    return visit->out_utc_ms != 0 ? visit->out_utc_ms
                                  : model_closing(&l->work->world, visit->site, visit->in_utc_ms);
}

static int64_t minutes_of(const struct looking *l, const struct model_visit *visit)
{
    int64_t minutes = (out_of(l, visit) - visit->in_utc_ms) / MINUTES_MS;
    return minutes < 0 ? 0 : minutes / 5 * 5;
}

static unsigned signs_of(const struct looking *l, const struct model_visit *visit)
{
    const struct world *world = &l->work->world;
    int64_t in = visit->in_utc_ms;
    bool card = !visit->noted && !world->holders[visit->holder].phone;
    bool early = !model_is_open(world, visit->site, in) &&
                 !model_is_open(world, visit->site, in + EARLY_LATE_MS);
    bool late = out_of(l, visit) > model_closing(world, visit->site, in) + EARLY_LATE_MS;
    return (unsigned)(visit->auto_closed || visit->out_utc_ms == 0) << AUTO_CLOSED |
           (unsigned)card << CARD | (unsigned)visit->noted << PAPER |
           (unsigned)(early || late) << OUT_OF_HOURS;
}

static void count(struct looking *l)
{
    const struct model *model = &l->work->model;
    for (size_t i = 0; i < model->visit_count; i++) {
        const struct model_visit *visit = &model->visits[i];
        struct pile *pile = &l->piles[visit->site];
        if (!is_in(l, visit)) {
            continue;
        }
        unsigned signs = signs_of(l, visit);
        pile->stays++;
        for (int sign = 0; sign < LONG_STAYS; sign++) {
            pile->with[sign] += signs >> sign & 1;
        }
        if (visit->resource == WORLD_DESK) {
            if (pile->minutes == NULL) {
                pile->minutes = xcalloc(model->visit_count, sizeof *pile->minutes);
            }
            pile->minutes[pile->desk_stays++] = minutes_of(l, visit);
        }
    }
}

/* The length that one desk stay in ten reaches: of ten, the longest; of eleven, the second. */
static int64_t longest_tenth(const struct pile *pile)
{
    if (pile->desk_stays == 0) {
        return 0;
    }
    return pile->minutes[pile->desk_stays - (pile->desk_stays + 9) / 10];
}

static int64_t middle_of(int64_t *values, size_t n)
{
    qsort(values, n, sizeof *values, by_number);
    return values[(n - 1) / 2];
}

static bool is_peer(const struct looking *l, int site, int zone)
{
    int64_t least = l->work->world.rules.padded_stays_min;
    return l->piles[site].stays > 0 && l->piles[site].stays >= least &&
           (zone < 0 || l->work->world.sites[site].zone == zone);
}

/* The sites of a zone, or of all for -1; a zone of its own replaces all. */
static void compare(struct looking *l, int zone)
{
    const struct world *world = &l->work->world;
    size_t n = 0;
    for (int site = 0; site < world->site_count; site++) {
        n += is_peer(l, site, zone);
    }
    for (int sign = 0; n >= PEERS_LEAST && sign < SIGNS; sign++) {
        struct figure figure = {0};
        int64_t least =
            sign == LONG_STAYS ? world->rules.padded_minutes : world->rules.padded_per_thousand;
        for (int pass = 0; pass < 3; pass++) {
            size_t at = 0;
            for (int site = 0; site < world->site_count; site++) {
                struct pile *pile = &l->piles[site];
                if (!is_peer(l, site, zone)) {
                    continue;
                }
                figure.value = sign == LONG_STAYS ? longest_tenth(pile)
                                                  : pile->with[sign] * 1000 / pile->stays;
                int64_t above = figure.value - figure.median;
                l->values[at++] = pass == 0 ? figure.value : above < 0 ? -above : above;
                if (pass == 2) {
                    figure.stands_out =
                        above > least && above > figure.deviation * world->rules.padded_deviations;
                    pile->stands_out = (sign > 0 && pile->stands_out) || figure.stands_out;
                    pile->figures[sign] = figure;
                    pile->peers = (int64_t)n - 1;
                }
            }
            if (pass < 2) {
                *(pass == 0 ? &figure.median : &figure.deviation) = middle_of(l->values, n);
            }
        }
    }
}

static struct looking *look(struct work *work)
{
    struct looking *l = xcalloc(1, sizeof *l);
    l->work = work;
    l->month = month_of(day_of_instant(work->sim->start_utc_ms));
    count(l);
    for (int site = 0; site < work->world.site_count; site++) {
        if (l->piles[site].desk_stays > 0) {
            qsort(l->piles[site].minutes, (size_t)l->piles[site].desk_stays, sizeof(int64_t),
                  by_number);
        }
    }
    for (int zone = -1; zone < 3; zone++) {
        compare(l, zone);
    }
    return l;
}

static void look_free(struct looking *l)
{
    for (int site = 0; site < SIM_SITES_MAX; site++) {
        free(l->piles[site].minutes);
    }
    free(l);
}

/* ---- what the hub says ---- */

static bool is_telling(const struct looking *l, const struct model_visit *visit)
{
    const struct pile *pile = &l->piles[visit->site];
    unsigned signs = signs_of(l, visit);
    bool telling = visit->resource == WORLD_DESK && pile->figures[LONG_STAYS].stands_out &&
                   minutes_of(l, visit) >= pile->figures[LONG_STAYS].value;
    for (int sign = 0; sign < LONG_STAYS; sign++) {
        telling |= pile->figures[sign].stands_out && (signs >> sign & 1) != 0;
    }
    return telling;
}

/* The lengths of the site's telling stays, the longest first; how many there are. */
static size_t telling_minutes(const struct looking *l, int site, int64_t *out)
{
    const struct model *model = &l->work->model;
    size_t n = 0;
    for (size_t i = 0; i < model->visit_count; i++) {
        const struct model_visit *visit = &model->visits[i];
        if (visit->site == site && is_in(l, visit) && is_telling(l, visit)) {
            out[n++] = -minutes_of(l, visit);
        }
    }
    qsort(out, n, sizeof *out, by_number);
    return n;
}

/* The evidence is entries of the site, of as many of its longest telling stays as there is room. */
static void check_evidence(const struct looking *l, int site,
                           const Passerelle__V1__LedgerProblem *problem)
{
    struct work *work = l->work;
    const char *name = work->world.sites[site].id;
    struct arena arena = ARENA_INIT;
    int64_t *wanted = ARENA_ARRAY(&arena, work->model.visit_count + 1, int64_t);
    size_t n = telling_minutes(l, site, wanted);
    n = n < EVIDENCE_MOST ? n : EVIDENCE_MOST;
    bool right = problem->n_evidence == n;
    for (size_t i = 0; right && i < n; i++) {
        struct entry entry;
        struct fault fault = FAULT_NONE;
        right = entry_decode(view_of(name), wire_view(problem->evidence[i]), &arena, &entry,
                             &fault) == E_OK &&
                entry.payload != NULL;
        const ProtobufCFieldDescriptor *field =
            !right ? NULL
                   : protobuf_c_message_descriptor_get_field_by_name(entry.payload->descriptor,
                                                                     "visit_id");
        const ProtobufCBinaryData *id =
            field == NULL ? NULL : (const void *)((const char *)entry.payload + field->offset);
        const struct model_visit *visit =
            id == NULL || id->len != 16 ? NULL : model_find(&work->model, id->data);
        right = visit != NULL && visit->site == site && is_in(l, visit) && is_telling(l, visit) &&
                minutes_of(l, visit) == -wanted[i];
    }
    if (!right) {
        sim_fail(work->sim, "the evidence that the stays of %s look padded is not what it should",
                 name);
    }
    arena_release(&arena);
}

static void check_problem(const struct looking *l, int site,
                          const Passerelle__V1__LedgerProblem *problem)
{
    const struct pile *pile = &l->piles[site];
    bool right = problem->stays == pile->stays && problem->peers == pile->peers &&
                 problem->n_figures == SIGNS;
    for (int sign = 0; right && sign < SIGNS; sign++) {
        const Passerelle__V1__PaddedFigure *told = problem->figures[sign];
        const struct figure *figure = &pile->figures[sign];
        right = (int)told->by == sign + 1 && told->value == figure->value &&
                told->median == figure->median && told->deviation == figure->deviation &&
                told->stands_out == figure->stands_out;
    }
    if (!right) {
        sim_fail(l->work->sim, "the hub has other figures of the stays of %s than the model: %s",
                 l->work->world.sites[site].id, problem->sentence);
    }
    check_evidence(l, site, problem);
}

static bool is_of(const Passerelle__V1__LedgerProblem *problem, const char *site)
{
    return problem->kind == PASSERELLE__V1__LEDGER_PROBLEM_KIND__LEDGER_PROBLEM_KIND_PADDED &&
           strcmp(problem->feed_id, site) == 0;
}

static void check_site(const struct looking *l, const char *who, int site,
                       Passerelle__V1__LedgerProblem *const *problems, size_t n)
{
    const char *id = l->work->world.sites[site].id;
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        if (is_of(problems[i], id)) {
            check_problem(l, site, problems[i]);
            found++;
        }
    }
    if (found != l->piles[site].stands_out) {
        sim_fail(l->work->sim, "%s says %zu times that the stays of %s look padded, the model %d",
                 who, found, id, (int)l->piles[site].stands_out);
    }
}

/* It stands there once, however often it was looked for. */
static void check_listed(struct work *work, const struct looking *l)
{
    for (int site = 0; site < work->world.site_count; site++) {
        Passerelle__V1__ListProblemsRequest *request =
            wire_new(work->sim->arena, &passerelle__v1__list_problems_request__descriptor);
        request->feed_id = work->world.sites[site].id;
        const Passerelle__V1__ListProblemsResponse *listed =
            work_must(work, &work->hub, -1, work_who(ROLE_OPERATOR, "olive"), "LedgerService",
                      "ListProblems", &request->base);
        check_site(l, "ListProblems", site, listed->problems, listed->n_problems);
    }
}

/* The same from feeds that came in another order. */
static void check_order(struct work *work, struct month month)
{
    struct sim_node *hub = &work->hub;
    struct fault fault = FAULT_NONE;
    struct arena arena = ARENA_INIT;
    struct view first = VIEW_NONE;
    node_must(hub, db_begin(hub->service.db, &fault), &fault, "begin");
    for (uint64_t order = 0; order < 3; order++) {
        struct padded padded;
        Passerelle__V1__FindPaddedResponse found = PASSERELLE__V1__FIND_PADDED_RESPONSE__INIT;
        if (order > 0) {
            node_must(hub, view_rebuild(hub->service.db, order, NULL, NULL, &fault), &fault,
                      "rebuild");
        }
        padded_find(&hub->service, &arena, month, &padded);
        found.problems = padded.problems;
        found.n_problems = padded.count;
        struct view bytes = wire_pack_arena(&arena, &found.base);
        if (order > 0 && !view_equal(bytes, first)) {
            sim_fail(work->sim, "whose stays look padded depends on the order of the entries");
        }
        first = bytes;
    }
    db_end(hub->service.db, NULL);
    arena_release(&arena);
}

static void check_warnings(struct work *work, const struct looking *l,
                           const Passerelle__V1__Period *period)
{
    for (int site = 0; site < work->world.site_count; site++) {
        size_t found = 0;
        for (size_t i = 0; i < period->n_warnings; i++) {
            found += strcmp(period->warnings[i]->reason, "stays_look_padded") == 0 &&
                     strcmp(period->warnings[i]->subject, work->world.sites[site].id) == 0;
        }
        if (found != l->piles[site].stands_out) {
            sim_fail(work->sim, "before the close the treasurer is warned %zu times of %s", found,
                     work->world.sites[site].id);
        }
    }
}

void padding_check(struct work *work)
{
    struct arena *arena = work->sim->arena;
    struct principal who = work_who(ROLE_OPERATOR, "olive");
    struct looking *l = look(work);
    char *month = arena_alloc(arena, 8);
    month_format(l->month, month);
    Passerelle__V1__FindPaddedRequest *find =
        wire_new(arena, &passerelle__v1__find_padded_request__descriptor);
    find->month = month;
    for (int again = 0; again < 2; again++) {
        const Passerelle__V1__FindPaddedResponse *found =
            work_must(work, &work->hub, -1, who, "LedgerService", "FindPadded", &find->base);
        for (int site = 0; site < work->world.site_count; site++) {
            check_site(l, "FindPadded", site, found->problems, found->n_problems);
        }
    }
    check_listed(work, l);
    Passerelle__V1__GetPeriodRequest *ask =
        wire_new(arena, &passerelle__v1__get_period_request__descriptor);
    ask->month = month;
    const Passerelle__V1__GetPeriodResponse *period =
        work_must(work, &work->hub, -1, who, "SettlementService", "GetPeriod", &ask->base);
    check_warnings(work, l, period->period);
    if (work->sim->params.cheats > 0) {
        check_order(work, l->month);
    }
    for (int site = 0; site < work->world.site_count; site++) {
        const struct pile *pile = &l->piles[site];
        work->compared += pile->peers > 0;
        work->cheats_compared += pile->peers > 0 && work->world.sites[site].cheat != 0;
        work->cheats_found += pile->stands_out && work->world.sites[site].cheat != 0;
        work->flagged_honest += pile->stands_out && work->world.sites[site].cheat == 0;
    }
    look_free(l);
}
