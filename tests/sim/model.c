#include "sim/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum {
    NOT_YET_VALID = 4,
    EXPIRED = 5,
    REVOKED = 6,
    SUSPENDED = 7,
    PROOF_STALE = 9,
    PROOF_REPLAYED = 10,
    NOT_ENTITLED = 11,
    SITE_CLOSED = 12,
    ALREADY_IN = 14
};
#define HALF_DAY_MS (4 * HOURS_MS + 30 * MINUTES_MS)
#define GRACE_MS (5 * MINUTES_MS)

void model_init(struct model *model, const struct world *world)
{
    *model = (struct model){.world = world};
}

void model_release(struct model *model)
{
    free(model->visits);
    free(model->proofs);
    free(model->changes);
}

static void log_change(struct model *model, const struct model_change *change)
{
    if (model->change_count == model->change_max) {
        model->change_max = model->change_max == 0 ? 256 : model->change_max * 2;
        model->changes = xrealloc(model->changes, model->change_max, sizeof *change);
    }
    model->changes[model->change_count++] = *change;
}

void model_changes(struct model *model, struct model_visit *visit, uint64_t seq)
{
    log_change(model, &(struct model_change){.site = visit->site,
                                             .seq = seq,
                                             .visit = (size_t)(visit - model->visits),
                                             .before = *visit});
    visit->changed_seq = seq;
}

struct model_visit *model_add(struct model *model, const struct model_visit *visit)
{
    log_change(model, &(struct model_change){.site = visit->site,
                                             .seq = visit->begun_seq,
                                             .visit = model->visit_count,
                                             .made = true});
    if (model->visit_count == model->visit_max) {
        model->visit_max = model->visit_max == 0 ? 256 : model->visit_max * 2;
        model->visits = xrealloc(model->visits, model->visit_max, sizeof *visit);
    }
    struct model_visit *added = &model->visits[model->visit_count++];
    *added = *visit;
    added->changed_seq = visit->begun_seq;
    return added;
}

struct model_visit *model_find(struct model *model, const uint8_t id[static 16])
{
    for (size_t i = model->visit_count; i-- > 0;) {
        if (model->visits[i].state != MODEL_LOST && memcmp(model->visits[i].id, id, 16) == 0) {
            return &model->visits[i];
        }
    }
    return NULL;
}

void model_proof_used(struct model *model, const struct model_proof *proof)
{
    if (model->proof_count == model->proof_max) {
        model->proof_max = model->proof_max == 0 ? 256 : model->proof_max * 2;
        model->proofs = xrealloc(model->proofs, model->proof_max, sizeof *proof);
    }
    model->proofs[model->proof_count++] = *proof;
}

/* ---- hours ---- */

static const int (*spans_on(const struct world *world, int site, struct day day))[2]
{
    static const int none[2][2] = {{-1, -1}, {-1, -1}};
    const struct world_hours *hours = &world_hours[world->sites[site].hours];
    if (hours->closed_on_holidays && day_is_public_holiday(day)) {
        return none;
    }
    return hours->spans[day_weekday(day)];
}

bool model_is_open(const struct world *world, int site, int64_t utc_ms)
{
    if (world_hours[world->sites[site].hours].always) {
        return true;
    }
    const int(*spans)[2] = spans_on(world, site, day_of_instant(utc_ms));
    int minute = day_wall_minute(utc_ms);
    return (minute >= spans[0][0] && minute < spans[0][1]) ||
           (minute >= spans[1][0] && minute < spans[1][1]);
}

int64_t model_closing(const struct world *world, int site, int64_t in_utc_ms)
{
    struct day day = day_of_instant(in_utc_ms);
    int64_t midnight = day_start_utc_ms(day_plus(day, 1));
    int64_t out = in_utc_ms + HALF_DAY_MS;
    if (world_hours[world->sites[site].hours].always) {
        return midnight;
    }
    const int(*spans)[2] = spans_on(world, site, day);
    int last = spans[0][1] > spans[1][1] ? spans[0][1] : spans[1][1];
    if (last > 0 && in_utc_ms < day_minute_utc_ms(day, last)) {
        out = day_minute_utc_ms(day, last);
    }
    return out < midnight ? out : midnight;
}

static bool is_over(const struct model *model, const struct model_visit *visit, int site,
                    int64_t now_utc_ms)
{
    return visit->site == site && visit->state == MODEL_OPEN &&
           model_closing(model->world, site, visit->in_utc_ms) <= now_utc_ms;
}

bool model_is_due(const struct model *model, int site, int64_t now_utc_ms)
{
    for (size_t i = 0; i < model->visit_count; i++) {
        if (is_over(model, &model->visits[i], site, now_utc_ms)) {
            return true;
        }
    }
    return false;
}

void model_tick(struct model *model, int site, int64_t now_utc_ms, uint64_t seq)
{
    for (size_t i = 0; i < model->visit_count; i++) {
        struct model_visit *visit = &model->visits[i];
        if (is_over(model, visit, site, now_utc_ms)) {
            model_changes(model, visit, seq);
            visit->state = MODEL_CLOSED;
            visit->out_utc_ms = model_closing(model->world, site, visit->in_utc_ms);
            visit->auto_closed = true;
        }
    }
}

size_t model_truncate(struct model *model, int site, uint64_t size)
{
    size_t count = 0;
    for (size_t i = model->change_count; i-- > 0;) {
        struct model_change *change = &model->changes[i];
        struct model_visit *visit = &model->visits[change->visit];
        if (change->site != site || change->seq <= size) {
            continue;
        }
        if (change->made) {
            visit->state = MODEL_LOST;
        } else {
            *visit = change->before;
        }
        change->site = -1;
        count++;
    }
    for (size_t i = 0; i < model->proof_count; i++) {
        struct model_proof *used = &model->proofs[i];
        if (used->site == site && used->seq > size) {
            used->pass = -1;
        }
    }
    return count;
}

/* ---- check-in, DESIGN 4 ---- */

static bool is_known(const struct model_knows *knows, const struct model_visit *visit)
{
    return visit->state != MODEL_LOST && visit->begun_seq <= knows->sizes[visit->site];
}

/* Whether a node that knows this much counts the visit. */
static bool counts(const struct model_knows *knows, const struct model_visit *visit)
{
    bool told_before = knows->late && visit->site != knows->site;
    if (visit->state == MODEL_LOST) {
        return told_before; /* by a hub that was restored since */
    }
    return is_known(knows, visit) &&
           (visit->ended_seq == 0 || told_before || visit->ended_seq > knows->sizes[visit->site]);
}

static bool is_later(const struct model *model, const struct model_visit *a,
                     const struct model_visit *b)
{
    if (a->in_utc_ms != b->in_utc_ms) {
        return a->in_utc_ms > b->in_utc_ms;
    }
    return strcmp(model->world->sites[a->site].id, model->world->sites[b->site].id) > 0;
}

/* An open desk stay of that day at that site, which no later stay of its holder has cut. */
static bool is_present(const struct model *model, const struct model_knows *knows,
                       const struct model_visit *visit, struct day today)
{
    if (!counts(knows, visit) || visit->state != MODEL_OPEN ||
        day_compare(day_of_instant(visit->in_utc_ms), today) != 0) {
        return false;
    }
    for (size_t i = 0; visit->resource == WORLD_DESK && i < model->visit_count; i++) {
        const struct model_visit *other = &model->visits[i];
        if (other != visit && other->holder == visit->holder && other->resource == WORLD_DESK &&
            counts(knows, other) && day_compare(day_of_instant(other->in_utc_ms), today) == 0 &&
            is_later(model, other, visit)) {
            return false;
        }
    }
    return true;
}

uint32_t model_taken(const struct model *model, const struct model_knows *knows, int site,
                     int resource)
{
    struct day today = day_of_instant(knows->now_utc_ms);
    uint32_t taken = 0;
    for (size_t i = 0; i < model->visit_count; i++) {
        const struct model_visit *visit = &model->visits[i];
        taken += visit->site == site && visit->resource == resource &&
                 is_present(model, knows, visit, today);
    }
    return taken;
}

bool model_is_in(const struct model *model, const struct model_knows *knows,
                 const struct model_question *q)
{
    struct day today = day_of_instant(knows->now_utc_ms);
    bool in = false;
    for (size_t i = 0; q->resource == WORLD_DESK && i < model->visit_count; i++) {
        const struct model_visit *visit = &model->visits[i];
        in |= visit->site == q->site && visit->resource == WORLD_DESK &&
              visit->holder == model->passes[q->pass].holder &&
              is_present(model, knows, visit, today);
    }
    return in;
}

static int state_of(const struct model_pass *pass, uint64_t net_size)
{
    int state = 1;
    for (int i = 0; i < pass->state_count; i++) {
        if (pass->states[i].seq <= net_size) {
            state = pass->states[i].state;
        }
    }
    return state;
}

struct model_terms model_terms_of(const struct world *world, const struct world_holder *holder)
{
    const struct world_plan *plan = &world->plans[holder->plan];
    return (struct model_terms){.from = holder->from,
                                .to = holder->to,
                                .has_plan = true,
                                .plan = *plan,
                                .policy = world->employers[plan->employer].policy};
}

static bool is_outside(struct day day, struct day from, struct day to, int *refusal)
{
    *refusal = from.number != 0 && day_compare(day, from) < 0 ? NOT_YET_VALID
               : to.number != 0 && day_compare(day, to) > 0   ? EXPIRED
                                                              : 0;
    return *refusal != 0;
}

static int refuse_by_day(const struct model_question *q, const struct model_pass *pass,
                         struct day today)
{
    int by_terms, by_pass;
    bool outside = is_outside(today, q->terms->from, q->terms->to, &by_terms);
    is_outside(today, pass->right.from, pass->right.to, &by_pass);
    return !outside || (by_pass == NOT_YET_VALID && by_terms == EXPIRED) ? by_pass : by_terms;
}

static int refuse_pass(const struct model *model, const struct model_knows *knows,
                       const struct model_question *q)
{
    if (q->pass < 0 || model->passes[q->pass].gone ||
        model->passes[q->pass].issued_seq > knows->net_size) {
        return MODEL_BAD_TOKEN;
    }
    const struct model_pass *pass = &model->passes[q->pass];
    int refusal = refuse_by_day(q, pass, day_of_instant(knows->now_utc_ms));
    if (refusal != 0) {
        return refusal;
    }
    int state = state_of(pass, knows->net_size);
    if (state != 1) {
        return state == 3 ? REVOKED : SUSPENDED;
    }
    if (q->phone_proof) {
        int64_t age_ms = knows->now_utc_ms - q->proof_second * 1000;
        int64_t window_ms =
            world_rules_at(model->world, knows->net_size)->proof_window_s * SECOND_MS;
        if (age_ms < -window_ms || age_ms > window_ms) {
            return PROOF_STALE;
        }
        for (size_t i = 0; i < model->proof_count; i++) {
            const struct model_proof *used = &model->proofs[i];
            if (used->pass == q->pass && used->second == q->proof_second &&
                used->seq <= knows->sizes[used->site]) {
                return PROOF_REPLAYED;
            }
        }
    }
    return 0;
}

static int days_of_week(const struct model *model, const struct model_knows *knows, int holder,
                        struct day today)
{
    struct day monday = day_plus(today, -(int)day_weekday(today));
    unsigned days = 1u << day_weekday(today);
    for (size_t i = 0; i < model->visit_count; i++) {
        const struct model_visit *visit = &model->visits[i];
        struct day day = day_of_instant(visit->in_utc_ms);
        if (visit->holder == holder && counts(knows, visit) && day_compare(day, monday) >= 0 &&
            day_compare(day, today) <= 0) {
            days |= 1u << day_weekday(day);
        }
    }
    return __builtin_popcount(days);
}

/* What the employer's rules, or the token, do not open. */
static bool is_not_entitled(const struct model *model, const struct model_knows *knows,
                            const struct model_question *q, struct day today)
{
    const struct model_pass *pass = &model->passes[q->pass];
    const struct world_policy *policy = &q->terms->policy;
    if (!q->typed && (pass->resources & 1u << q->resource) == 0) {
        return true;
    }
    if (!q->terms->has_plan || policy->warns) {
        return false;
    }
    unsigned zone = 1u << model->world->sites[q->site].zone;
    return (policy->resources != 0 && (policy->resources & 1u << q->resource) == 0) ||
           (policy->zones != 0 && (policy->zones & zone) == 0) ||
           (policy->weekdays != 0 && (policy->weekdays & 1u << day_weekday(today)) == 0) ||
           (policy->days_a_week != 0 &&
            days_of_week(model, knows, pass->holder, today) > policy->days_a_week);
}

/* Whether money or units are looked at. */
static bool has_limits(const struct model_terms *terms, int resource)
{
    const struct world_plan *plan = &terms->plan;
    const struct world_policy *policy = &terms->policy;
    return terms->has_plan &&
           (plan->holder_cap_cents > 0 || plan->contract_cap_cents > 0 ||
            (!policy->warns && (policy->holder_cap_cents > 0 || policy->contract_cap_cents > 0)) ||
            (plan->refuses && plan->type != WORLD_USAGE && resource == WORLD_DESK));
}

static int ask_money(const struct model *model, const struct model_knows *knows,
                     const struct model_question *q);

int model_check_in(const struct model *model, const struct model_knows *knows,
                   const struct model_question *q)
{
    const struct world *world = model->world;
    struct day today = day_of_instant(knows->now_utc_ms);
    int refusal = refuse_pass(model, knows, q);
    if (refusal != 0) {
        return refusal;
    }
    if (is_not_entitled(model, knows, q, today)) {
        return NOT_ENTITLED;
    }
    if (!model_is_open(world, q->site, knows->now_utc_ms)) {
        return SITE_CLOSED;
    }
    if (model_taken(model, knows, q->site, q->resource) >= world_places_at(world, q->site, knows->net_size)->of[q->resource]) {
        return MODEL_SITE_FULL;
    }
    if (model_is_in(model, knows, q)) {
        return MODEL_ALREADY_IN;
    }
    return has_limits(q->terms, q->resource) ? ask_money(model, knows, q) : 0;
}

/* Units of one day at one site by the stays that entries up to `seq` began; without those since
 * `receipt` that the site decided in contact, when only what it decided away counts. */
static int64_t units_of_day(const struct model *model, int site, int holder, struct day day,
                            uint64_t seq, bool away_only, uint64_t receipt)
{
    int64_t duration_ms = 0;
    for (size_t i = 0; i < model->visit_count; i++) {
        const struct model_visit *visit = &model->visits[i];
        if (visit->site != site || visit->holder != holder || visit->noted ||
            visit->resource != WORLD_DESK || visit->state > MODEL_CLOSED ||
            visit->begun_seq > seq || day_compare(day_of_instant(visit->in_utc_ms), day) != 0 ||
            (away_only && !visit->away && visit->begun_seq > receipt)) {
            continue;
        }
        int64_t out = visit->out_utc_ms;
        for (size_t k = 0; k < model->visit_count; k++) { /* RULES 4 */
            const struct model_visit *other = &model->visits[k];
            if (other->holder == holder && other->resource == WORLD_DESK &&
                other->state <= MODEL_CLOSED && other != visit &&
                other->in_utc_ms >= visit->in_utc_ms &&
                day_compare(day_of_instant(other->in_utc_ms), day) == 0 &&
                (out == 0 || other->in_utc_ms < out)) {
                out = other->in_utc_ms;
            }
        }
        if (out == 0) {
            return 2;
        }
        duration_ms += out - visit->in_utc_ms;
    }
    return duration_ms < GRACE_MS ? 0 : duration_ms <= HALF_DAY_MS ? 1 : 2;
}

static int64_t spent(const struct model *model, int site, int holder, uint64_t receipt,
                     bool away_only)
{
    int64_t units = 0;
    struct day seen[64];
    size_t seen_count = 0;
    for (size_t i = 0; i < model->visit_count; i++) {
        const struct model_visit *visit = &model->visits[i];
        struct day day = day_of_instant(visit->in_utc_ms);
        bool counted =
            visit->site != site || visit->holder != holder || visit->begun_seq <= receipt;
        for (size_t k = 0; k < seen_count; k++) {
            counted |= day_compare(seen[k], day) == 0;
        }
        if (!counted && seen_count < sizeof seen / sizeof *seen) {
            seen[seen_count++] = day;
            int64_t all = units_of_day(model, site, holder, day, UINT64_MAX, away_only, receipt);
            int64_t before = units_of_day(model, site, holder, day, receipt, away_only, receipt);
            units += all > before ? all - before : 0;
        }
    }
    return units;
}

int64_t model_spent(const struct model *model, int site, int holder, uint64_t receipt)
{
    return spent(model, site, holder, receipt, false);
}

int64_t model_spent_away(const struct model *model, int site, uint64_t receipt)
{
    bool looked[sizeof model->world->holders / sizeof *model->world->holders] = {false};
    int64_t units = 0;
    for (size_t i = model->visit_count; i-- > 0;) {
        const struct model_visit *visit = &model->visits[i];
        if (visit->site == site && visit->away && visit->begun_seq > receipt &&
            visit->state != MODEL_LOST && !looked[visit->holder]) {
            looked[visit->holder] = true;
            units += spent(model, site, visit->holder, receipt, true);
        }
    }
    return units;
}

/* ---- RULES ---- */

struct stay {
    const struct model_visit *visit;
    int64_t out_utc_ms;
};

struct visit_day {
    struct day day;
    int site;
    int holder;
    int64_t first_in_utc_ms;
    int64_t duration_ms;
    int64_t uncovered;
    bool outside;
};

struct charge {
    int employer;
    int resource;
    int unit;
    int64_t p;
    int64_t quantity;
};

struct work_close {
    const struct model *model;
    const struct world *world;
    struct month month;
    struct model_close *out;
    struct stay *stays;
    size_t stay_count;
    struct visit_day *days;
    size_t day_count;
};

static struct model_document *document_of(struct work_close *w, int kind, const char *seller,
                                          const char *buyer)
{
    struct model_close *out = w->out;
    for (size_t i = 0; i < out->document_count; i++) {
        struct model_document *document = &out->documents[i];
        if (document->kind == kind && strcmp(document->seller, seller) == 0 &&
            strcmp(document->buyer, buyer) == 0) {
            return document;
        }
    }
    struct model_document *document = &out->documents[out->document_count++];
    *document = (struct model_document){.kind = kind};
    snprintf(document->seller, sizeof document->seller, "%s", seller);
    snprintf(document->buyer, sizeof document->buyer, "%s", buyer);
    return document;
}

static int operator_of(const struct world *world)
{
    int at = 0;
    while (!world->members[at].is_operator) {
        at++;
    }
    return at;
}

static const struct world_price *price_of(const struct world *world, int site, struct day day,
                                          int slot)
{
    const struct world_tariff *best = &world->tariffs[0];
    for (int i = 1; i < world->tariff_count; i++) {
        const struct world_tariff *tariff = &world->tariffs[i];
        if (day_compare(tariff->from, day) <= 0 && day_compare(tariff->from, best->from) > 0) {
            best = tariff;
        }
    }
    return &best->prices[world->sites[site].zone][slot];
}

/* ---- units and cents of a month, DESIGN 4 ---- */

struct desk_day {
    int site;
    struct day day;
    int64_t duration_ms;
    int64_t units;
    int64_t covered;
    int64_t charged_cents;
    bool open;
    bool asked;
};

struct asking {
    const struct model *model;
    const struct model_question *q;
    struct day today;
    const struct model_visit *desks[512]; /* of the month, as they began */
    size_t desk_count;
    struct desk_day days[512];
    size_t day_count;
    int64_t room_cents;
};

static bool runs(const struct asking *a, const struct model_visit *visit)
{
    return visit->state == MODEL_OPEN &&
           day_compare(day_of_instant(visit->in_utc_ms), a->today) == 0;
}

static int64_t end_of(const struct asking *a, const struct model_visit *visit)
{
    int64_t midnight = day_start_utc_ms(day_plus(day_of_instant(visit->in_utc_ms), 1));
    int64_t out = visit->out_utc_ms != 0
                      ? visit->out_utc_ms
                      : model_closing(a->model->world, visit->site, visit->in_utc_ms);
    return out < midnight ? out : midnight;
}

static void add_room(struct asking *a, const struct model_visit *visit)
{
    int slot = visit->resource == WORLD_ROOM ? WORLD_ROOM_HOUR : WORLD_BOOTH_HOUR;
    int64_t ms = end_of(a, visit) - visit->in_utc_ms;
    int64_t hours = runs(a, visit) ? 1 : ms >= GRACE_MS ? (ms + HOURS_MS - 1) / HOURS_MS : 0;
    a->room_cents +=
        hours * price_of(a->model->world, visit->site, day_of_instant(visit->in_utc_ms), slot)->p;
}

static int by_in(const void *left, const void *right)
{
    const struct model_visit *const *a = left;
    const struct model_visit *const *b = right;
    if ((*a)->in_utc_ms != (*b)->in_utc_ms) {
        return (*a)->in_utc_ms < (*b)->in_utc_ms ? -1 : 1;
    }
    return (*a)->site != (*b)->site ? (*a)->site - (*b)->site
                                    : memcmp((*a)->id, (*b)->id, sizeof(*a)->id);
}

/* False: not all of it is known for sure. */
static bool gather(struct asking *a, const struct model_knows *knows, int holder)
{
    for (size_t i = 0; i < a->model->visit_count; i++) {
        const struct model_visit *visit = &a->model->visits[i];
        if (visit->holder != holder || visit->state == MODEL_LOST) {
            continue;
        }
        if (visit->changed_seq > knows->sizes[visit->site] ||
            visit->in_utc_ms >= knows->now_utc_ms) {
            return false;
        }
        if (visit->state > MODEL_CLOSED ||
            month_of(day_of_instant(visit->in_utc_ms)).number != month_of(a->today).number) {
            continue;
        }
        if (visit->resource != WORLD_DESK) {
            add_room(a, visit);
        } else if (a->desk_count < sizeof a->desks / sizeof *a->desks) {
            a->desks[a->desk_count++] = visit;
        }
    }
    qsort(a->desks, a->desk_count, sizeof(const struct model_visit *), by_in);
    return true;
}

static struct desk_day *desk_day_of(struct asking *a, int site, struct day day)
{
    for (size_t i = 0; i < a->day_count; i++) {
        if (a->days[i].site == site && day_compare(a->days[i].day, day) == 0) {
            return &a->days[i];
        }
    }
    a->days[a->day_count] = (struct desk_day){.site = site, .day = day};
    return &a->days[a->day_count++];
}

/* RULES 4, 5; whoever asks for a desk leaves the one before. */
static void fold_desks(struct asking *a, int64_t now_utc_ms)
{
    bool asks = a->q->resource == WORLD_DESK;
    for (size_t i = 0; i < a->desk_count; i++) {
        const struct model_visit *visit = a->desks[i];
        struct day day = day_of_instant(visit->in_utc_ms);
        struct desk_day *one = desk_day_of(a, visit->site, day);
        int64_t next = i + 1 < a->desk_count ? a->desks[i + 1]->in_utc_ms
                       : asks                ? now_utc_ms
                                             : INT64_MAX;
        bool cut = next != INT64_MAX && day_compare(day_of_instant(next), day) == 0;
        if (runs(a, visit) && !cut) {
            one->open = true;
            continue;
        }
        int64_t out = runs(a, visit) ? next : end_of(a, visit);
        one->duration_ms += (cut && next < out ? next : out) - visit->in_utc_ms;
    }
    if (asks) {
        struct desk_day *one = desk_day_of(a, a->q->site, a->today);
        one->open = one->asked = true;
    }
}

static int64_t price_of_units(const struct asking *a, const struct desk_day *day, int64_t units)
{
    const struct world *world = a->model->world;
    return units == 0
               ? 0
               : price_of(world, day->site, day->day, units == 1 ? WORLD_HALF_DAY : WORLD_DAY)->p;
}

/* What is charged, then what those who are in hold, last the one who asks; whether that finds no
 * unit. */
static bool spend(struct asking *a, int64_t *cents)
{
    const struct model_terms *terms = a->q->terms;
    int64_t left = terms->plan.type == WORLD_SUBSCRIPTION ? terms->plan.units : 0;
    bool in_vain = false;
    for (size_t i = 0; i < a->day_count; i++) {
        struct desk_day *day = &a->days[i];
        int refusal;
        bool outside = is_outside(day->day, terms->from, terms->to, &refusal);
        day->units = day->duration_ms < GRACE_MS ? 0 : day->duration_ms <= HALF_DAY_MS ? 1 : 2;
        day->covered = outside ? 0 : left < day->units ? left : day->units;
        left -= day->covered;
        day->charged_cents = price_of_units(a, day, day->units - day->covered);
        *cents += day->charged_cents;
    }
    for (int asked = 0; asked < 2; asked++) {
        for (size_t i = 0; i < a->day_count; i++) {
            const struct desk_day *day = &a->days[i];
            int64_t need = day->open && day->asked == (asked == 1) ? 2 - day->units : 0;
            if (need > 0 && left > 0) {
                left -= need < left ? need : left;
            } else if (need > 0) {
                int64_t held =
                    day->charged_cents + (day->covered > 0 ? price_of_units(a, day, 1) : 0);
                int64_t more = price_of_units(a, day, 2) - held;
                *cents += more > 0 ? more : 0;
                in_vain |= day->asked;
            }
        }
    }
    return in_vain;
}

/* Where the hub knows all that counts, what must come; else MODEL_MONEY. Carnets and contracts are
 * shared by many. */
static int ask_money(const struct model *model, const struct model_knows *knows,
                     const struct model_question *q)
{
    const struct model_terms *terms = q->terms;
    const struct world_policy *policy = &terms->policy;
    struct asking *a = xcalloc(1, sizeof *a);
    *a = (struct asking){.model = model, .q = q, .today = day_of_instant(knows->now_utc_ms)};
    int answer = MODEL_MONEY;
    if (knows->net_size == UINT64_MAX && terms->plan.type != WORLD_CARNET &&
        terms->plan.contract_cap_cents == 0 && policy->contract_cap_cents == 0 &&
        gather(a, knows, model->passes[q->pass].holder)) {
        int64_t cents = a->room_cents;
        fold_desks(a, knows->now_utc_ms);
        bool in_vain = spend(a, &cents);
        if (q->resource != WORLD_DESK) {
            cents += price_of(model->world, q->site, a->today,
                              q->resource == WORLD_ROOM ? WORLD_ROOM_HOUR : WORLD_BOOTH_HOUR)
                         ->p;
        }
        int64_t cap = terms->plan.holder_cap_cents;
        if (policy->holder_cap_cents > 0 && !policy->warns &&
            (cap == 0 || policy->holder_cap_cents < cap)) {
            cap = policy->holder_cap_cents;
        }
        bool refuses = terms->plan.refuses && terms->plan.type != WORLD_USAGE;
        answer = refuses && q->resource == WORLD_DESK && in_vain ? MODEL_NO_CREDIT
                 : cap > 0 && cents > cap                        ? MODEL_CAP_REACHED
                                                                 : 0;
    }
    free(a);
    return answer;
}

/* ---- the close ---- */

/* One billed item, `quantity` of a unit: RULES 8 to 16. `charged` of them are the employer's. */
static void bill(struct work_close *w, int site, int holder, struct day day, int slot,
                 int64_t quantity, int64_t charged, int charged_slot)
{
    const struct world *world = w->world;
    const struct world_price *price = price_of(world, site, day, slot);
    int employer = world->plans[world->holders[holder].plan].employer;
    int issuer = world->employers[employer].issuer;
    int host = world->sites[site].member;
    int operator= operator_of(world);
    const char *issuer_id = world->members[issuer].id;
    if (charged > 0) {
        int64_t p = price_of(world, site, day, charged_slot)->p;
        document_of(w, 1, issuer_id, world->employers[employer].id)->net_cents += p * charged;
    }
    if (host != issuer) {
        document_of(w, 2, world->members[host].id, issuer_id)->net_cents += price->h * quantity;
    }
    if (issuer != operator) {
        document_of(w, 3, world->members[operator].id, issuer_id)->net_cents +=
            price->f * quantity;
        document_of(w, 4, world->members[operator].id, issuer_id)->net_cents +=
            price->s * quantity;
    }
}

static int by_day_order(const void *a, const void *b)
{
    const struct visit_day *x = a, *y = b;
    if (x->first_in_utc_ms != y->first_in_utc_ms) {
        return x->first_in_utc_ms < y->first_in_utc_ms ? -1 : 1;
    }
    if (x->site != y->site) { /* ids are numbered in their order */
        return x->site < y->site ? -1 : 1;
    }
    return (x->holder > y->holder) - (x->holder < y->holder);
}

static int stay_order(const void *a, const void *b)
{
    const struct model_visit *x = ((const struct stay *)a)->visit;
    const struct model_visit *y = ((const struct stay *)b)->visit;
    if (x->holder != y->holder) {
        return x->holder < y->holder ? -1 : 1;
    }
    if (x->in_utc_ms != y->in_utc_ms) {
        return x->in_utc_ms < y->in_utc_ms ? -1 : 1;
    }
    if (x->site != y->site) {
        return x->site < y->site ? -1 : 1;
    }
    return memcmp(x->id, y->id, sizeof x->id);
}

/* RULES 1 to 4. */
static void collect(struct work_close *w)
{
    w->stays = xcalloc(w->model->visit_count + 1, sizeof *w->stays);
    w->days = xcalloc(w->model->visit_count + 1, sizeof *w->days);
    for (size_t i = 0; i < w->model->visit_count; i++) {
        const struct model_visit *visit = &w->model->visits[i];
        struct day day = day_of_instant(visit->in_utc_ms);
        if ((visit->state != MODEL_OPEN && visit->state != MODEL_CLOSED) ||
            month_of(day).number != w->month.number) {
            continue;
        }
        struct stay *stay = &w->stays[w->stay_count++];
        int64_t midnight = day_start_utc_ms(day_plus(day, 1));
        stay->visit = visit;
        stay->out_utc_ms = visit->out_utc_ms;
        if (visit->out_utc_ms == 0) {
            stay->out_utc_ms = model_closing(w->world, visit->site, visit->in_utc_ms);
        }
        stay->out_utc_ms = stay->out_utc_ms < midnight ? stay->out_utc_ms : midnight;
        w->out->stays++;
        w->out->auto_closed += visit->auto_closed || visit->out_utc_ms == 0;
    }
    qsort(w->stays, w->stay_count, sizeof *w->stays, stay_order);
    for (size_t i = 0; i < w->stay_count; i++) {
        struct stay *stay = &w->stays[i];
        if (stay->visit->resource != WORLD_DESK) {
            continue;
        }
        size_t next = i + 1;
        while (next < w->stay_count && w->stays[next].visit->holder == stay->visit->holder &&
               w->stays[next].visit->resource != WORLD_DESK) {
            next++;
        }
        if (next < w->stay_count && w->stays[next].visit->holder == stay->visit->holder &&
            w->stays[next].visit->in_utc_ms < stay->out_utc_ms) {
            stay->out_utc_ms = w->stays[next].visit->in_utc_ms;
            w->out->cut_short++;
        }
    }
}

/* RULES 5, 6. */
static void fold(struct work_close *w)
{
    for (size_t i = 0; i < w->stay_count; i++) {
        const struct stay *stay = &w->stays[i];
        const struct model_visit *visit = stay->visit;
        struct day day = day_of_instant(visit->in_utc_ms);
        int64_t length_ms = stay->out_utc_ms - visit->in_utc_ms;
        if (visit->resource != WORLD_DESK) {
            if (length_ms < GRACE_MS) {
                w->out->grace++;
                continue;
            }
            int64_t hours = (length_ms + HOURS_MS - 1) / HOURS_MS;
            int slot = visit->resource == WORLD_ROOM ? WORLD_ROOM_HOUR : WORLD_BOOTH_HOUR;
            w->out->room_hours += hours;
            bill(w, visit->site, visit->holder, day, slot, hours, hours, slot);
            continue;
        }
        size_t at = 0;
        while (at < w->day_count &&
               (w->days[at].site != visit->site || w->days[at].holder != visit->holder ||
                day_compare(w->days[at].day, day) != 0)) {
            at++;
        }
        if (at == w->day_count) {
            w->days[w->day_count++] = (struct visit_day){.day = day,
                                                         .site = visit->site,
                                                         .holder = visit->holder,
                                                         .first_in_utc_ms = visit->in_utc_ms};
        }
        w->days[at].duration_ms += length_ms;
    }
}

static bool carnet_holds(const struct world_carnet *carnet, struct day day)
{
    int year, month, from, to;
    struct day end = day_plus_months(carnet->bought_on, carnet->months);
    day_split(carnet->bought_on, &year, &month, &from);
    day_split(end, &year, &month, &to);
    end = from == to ? day_plus(end, -1) : end;
    return day_compare(carnet->bought_on, day) <= 0 && day_compare(day, end) <= 0;
}

static struct day carnet_end(const struct world_carnet *carnet)
{
    struct day end = day_plus_months(carnet->bought_on, carnet->months);
    int year, month, from, to;
    day_split(carnet->bought_on, &year, &month, &from);
    day_split(end, &year, &month, &to);
    return from == to ? day_plus(end, -1) : end;
}

/* One unit from the plan's carnets: RULES 9. */
static bool draw_unit(const struct world *world, int64_t *left, int plan, struct day day)
{
    int best = -1;
    for (int i = 0; i < world->carnet_count; i++) {
        const struct world_carnet *carnet = &world->carnets[i];
        if (carnet->plan != plan || left[i] == 0 || !carnet_holds(carnet, day)) {
            continue;
        }
        if (best >= 0) {
            const struct world_carnet *other = &world->carnets[best];
            int order = day_compare(carnet_end(carnet), carnet_end(other));
            order = order != 0 ? order : day_compare(carnet->bought_on, other->bought_on);
            order = order != 0 ? order : strcmp(carnet->id, other->id);
            if (order > 0) {
                continue;
            }
        }
        best = i;
    }
    left[best < 0 ? 0 : best] -= best >= 0;
    return best >= 0;
}

static void bill_days(struct work_close *w)
{
    const struct world *world = w->world;
    int64_t left[64] = {0};
    int64_t used[128] = {0};
    for (int i = 0; i < world->carnet_count; i++) {
        left[i] = world->carnets[i].units;
    }
    qsort(w->days, w->day_count, sizeof *w->days, by_day_order);
    for (size_t i = 0; i < w->day_count; i++) {
        struct visit_day *day = &w->days[i];
        const struct world_holder *holder = &world->holders[day->holder];
        const struct world_plan *plan = &world->plans[holder->plan];
        if (day->duration_ms < GRACE_MS) {
            w->out->grace++;
            continue;
        }
        int64_t units = day->duration_ms <= HALF_DAY_MS ? 1 : 2;
        int64_t covered = 0;
        bool outside = (holder->from.number != 0 && day_compare(day->day, holder->from) < 0) ||
                       (holder->to.number != 0 && day_compare(day->day, holder->to) > 0);
        while (!outside && covered < units) {
            if (plan->type == WORLD_SUBSCRIPTION && used[day->holder] < plan->units) {
                used[day->holder]++;
            } else if (plan->type != WORLD_CARNET ||
                       !draw_unit(world, left, holder->plan, day->day)) {
                break;
            }
            covered++;
        }
        int64_t uncovered = units - covered;
        int slot = units == 2 ? WORLD_DAY : WORLD_HALF_DAY;
        w->out->visit_days++;
        w->out->half_days += units == 1;
        w->out->days += units == 2;
        w->out->units_used += covered;
        w->out->outside_validity += outside;
        w->out->overdraft += uncovered > 0 && plan->type != WORLD_USAGE;
        bill(w, day->site, day->holder, day->day, slot, 1, uncovered > 0,
             uncovered == 2 ? WORLD_DAY : WORLD_HALF_DAY);
    }
}

static void bill_sales(struct work_close *w)
{
    const struct world *world = w->world;
    for (int i = 0; i < world->carnet_count; i++) {
        const struct world_carnet *carnet = &world->carnets[i];
        const struct world_employer *employer =
            &world->employers[world->plans[carnet->plan].employer];
        if (month_of(carnet->bought_on).number == w->month.number) {
            document_of(w, 1, world->members[employer->issuer].id, employer->id)->net_cents +=
                carnet->price_cents;
        }
    }
    for (int i = 0; i < world->holder_count; i++) {
        const struct world_holder *holder = &world->holders[i];
        const struct world_plan *plan = &world->plans[holder->plan];
        const struct world_employer *employer = &world->employers[plan->employer];
        bool touches =
            (holder->from.number == 0 || day_compare(holder->from, month_last(w->month)) <= 0) &&
            (holder->to.number == 0 || day_compare(holder->to, month_first(w->month)) >= 0);
        if (plan->type == WORLD_SUBSCRIPTION && touches) {
            document_of(w, 1, world->members[employer->issuer].id, employer->id)->net_cents +=
                plan->fee_cents;
        }
    }
}

static int member_no(const struct world *world, const char *id)
{
    for (int i = 0; i < world->member_count; i++) {
        if (strcmp(world->members[i].id, id) == 0) {
            return i;
        }
    }
    return -1;
}

/* VAT by the regime of who invoices; positions: RULES 17. */
static void sum_up(struct work_close *w)
{
    for (size_t i = 0; i < w->out->document_count; i++) {
        struct model_document *document = &w->out->documents[i];
        int seller = member_no(w->world, document->seller);
        int buyer = member_no(w->world, document->buyer);
        int percent = document->kind == 4 ? 0 : w->world->members[seller].vat_percent;
        document->vat_cents = (document->net_cents * percent + 50) / 100;
        document->gross_cents = document->net_cents + document->vat_cents;
        int64_t owed = document->kind == 4 ? -document->gross_cents : document->gross_cents;
        if (document->kind != 1) {
            w->out->positions[seller] += owed;
            w->out->positions[buyer] -= owed;
        }
    }
}

void model_close(const struct model *model, struct month month, struct model_close *out)
{
    struct work_close w = {.model = model, .world = model->world, .month = month, .out = out};
    *out = (struct model_close){0};
    bill_sales(&w);
    collect(&w);
    fold(&w);
    bill_days(&w);
    sum_up(&w);
    free(w.stays);
    free(w.days);
}
