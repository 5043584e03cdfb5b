/* What the holder may still use, at a site: what the hub told, and the site's own visits that it
 * did not count yet. Each visit-day with such a visit is folded as a whole; what of it the hub has
 * counted for sure is given back first. So a site never lets use more than the hub would, and less
 * only until it hears again. */
#include "core/policy/policy.h"
#include "service/desk/away.h"
#include "service/desk/money.h"
#include "store/person/person.h"

/* Visit-days of a plan that the hub did not count, all of them or in part. */
struct uncounted {
    struct spending_day *days;
    size_t count;
    size_t max;
    struct spending rooms;
    uint32_t credit_units; /* of them, what the hub counted */
    int64_t credit_cents;  /* under a plan `usage` */
};

struct asking {
    struct service *service;
    struct arena *arena;
    const struct spending_stay *asked; /* NULL: by nobody of this plan */
    struct view holder_id;             /* who asks */
    int64_t feed_no;
    struct month month;
};

static uint64_t seq_of(int64_t key)
{
    return (uint64_t)key & FEED_SEQ_MAX;
}

static bool counts_here(const struct asking *a, const struct visit_row *row)
{
    return row->feed_no == a->feed_no &&
           (row->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_OPEN ||
            row->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_CLOSED);
}

static bool day_is_touched(const struct asking *a, const struct holder_visits *visits,
                           struct day day, uint64_t counted, bool asks)
{
    if (asks && a->asked != NULL && day_compare(day, a->asked->day) == 0) {
        return true;
    }
    for (size_t i = 0; i < visits->count; i++) {
        const struct visit_row *row = &visits->rows[i];
        if (counts_here(a, row) && row->resource == DESK_RESOURCE &&
            day_compare(row->day, day) == 0 && seq_of(row->visit_key) > counted) {
            return true;
        }
    }
    return false;
}

static void add_days(const struct asking *a, struct uncounted *u, const struct spending_day *days,
                     size_t count, uint32_t number)
{
    if (u->count + count > u->max) {
        size_t max = (u->count + count) * 2;
        struct spending_day *more = ARENA_ARRAY(a->arena, max, struct spending_day);
        if (u->count > 0) {
            memcpy(more, u->days, u->count * sizeof *more);
        }
        u->days = more;
        u->max = max;
    }
    for (size_t i = 0; i < count; i++) {
        u->days[u->count] = days[i];
        u->days[u->count++].holder = number;
    }
}

/* The holder's stays of the month behind entry `counted`, with the one that is asked for. */
static void add_holder(const struct asking *a, struct view holder_id, uint32_t number,
                       uint64_t counted, struct uncounted *u)
{
    struct service *service = a->service;
    struct day today = day_of_instant(service_now(service));
    bool asks = a->asked != NULL && view_equal(holder_id, a->holder_id);
    struct holder_visits visits =
        holder_visits(service, a->arena, holder_id, month_first(a->month), month_last(a->month));
    struct spending_stay *all = ARENA_ARRAY(a->arena, visits.count + 1, struct spending_stay);
    struct spending_stay *old = ARENA_ARRAY(a->arena, visits.count + 1, struct spending_stay);
    struct spending_day *days = ARENA_ARRAY(a->arena, visits.count + 1, struct spending_day);
    size_t count = 0, old_count = 0;
    for (size_t i = 0; i < visits.count; i++) {
        const struct visit_row *row = &visits.rows[i];
        const struct desk_site *site = desk_site_of_feed(service, row->feed_no);
        bool known = seq_of(row->visit_key) <= counted;
        bool desk = row->resource == DESK_RESOURCE;
        if (site == NULL || !counts_here(a, row) || (known && !desk) ||
            (desk && !day_is_touched(a, &visits, row->day, counted, asks))) {
            continue;
        }
        all[count++] = desk_stay_of(service, row, site, today);
        if (known && seq_of(row->last_key) <= counted && !all[count - 1].open) {
            old[old_count++] = all[count - 1];
        }
    }
    if (asks) {
        all[count++] = *a->asked;
    }
    struct spending none = {0};
    size_t old_days = spending_fold(old, old_count, days, &none);
    spending_of_usage(days, old_days);
    for (size_t i = 0; i < old_days; i++) {
        u->credit_units += days[i].units;
        u->credit_cents += days[i].charged_cents;
    }
    add_days(a, u, days, spending_fold(all, count, days, &u->rooms), number);
}

static int64_t cents_of_rooms(const struct uncounted *u)
{
    return u->rooms.charged_cents + u->rooms.reserved_cents;
}

static int64_t sum_of(const struct uncounted *u)
{
    int64_t cents = cents_of_rooms(u);
    for (size_t i = 0; i < u->count; i++) {
        cents += u->days[i].charged_cents + u->days[i].reserved_cents;
    }
    return cents;
}

static bool in_vain(const struct uncounted *u)
{
    for (size_t i = 0; i < u->count; i++) {
        if (u->days[i].asked && u->days[i].open) {
            return u->days[i].units < 2 && u->days[i].units_reserved == 0;
        }
    }
    return false;
}

static uint32_t units_with_credit(int64_t left, const struct uncounted *u)
{
    int64_t units = (left > 0 ? left : 0) + u->credit_units;
    return units > UINT32_MAX ? UINT32_MAX : (uint32_t)units;
}

static int day_order(const void *a, const void *b)
{
    return spending_day_compare(a, b);
}

static bool is_this_month(const struct asking *a, const char *month)
{
    struct month of;
    return month_parse(view_of(month), &of) == E_OK && of.number == a->month.number;
}

/* ---- by the kind of plan ---- */

/* A subscription's holder: what was told, or nothing used yet. */
static int64_t left_of_subscription(const struct asking *a, const Passerelle__V1__Plan *plan,
                                    const Passerelle__V1__HolderStanding *told)
{
    return told != NULL && is_this_month(a, told->month) ? told->units_left
                                                         : (int64_t)plan->included_units;
}

/* Lets the days draw, and returns their cents beyond what the hub counted. */
static int64_t draw(const struct asking *a, const Passerelle__V1__Plan *plan, int64_t units_left,
                    struct uncounted *u)
{
    struct spending_carnet carnet = {.bought_on = {INT32_MIN},
                                     .last_day = {INT32_MAX},
                                     .left = units_with_credit(units_left, u)};
    switch (plan->type) {
    case PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_CARNET:
        if (u->count > 0) {
            qsort(u->days, u->count, sizeof *u->days, day_order);
        }
        spending_of_carnets(u->days, u->count, &carnet, 1, day_of_instant(service_now(a->service)));
        return sum_of(u);
    case PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_SUBSCRIPTION:
        spending_of_subscription(u->days, u->count, carnet.left);
        return sum_of(u);
    default:
        spending_of_usage(u->days, u->count);
        return sum_of(u) - u->credit_cents;
    }
}

struct cents {
    int64_t all;
    int64_t of_holder;
    int64_t of_centre;
    bool in_vain;
};

DB_SQL(select_holders_since,
       "SELECT DISTINCT v.holder_id FROM visit v JOIN holder h ON h.holder_id = v.holder_id "
       "WHERE v.visit_key > :from AND v.visit_key <= :to AND v.state IN (1, 2) "
       "AND h.plan_id = :plan_id ORDER BY v.holder_id");

static const char *centre_of(const struct asking *a, struct view holder_id)
{
    struct person person;
    person_get(a->service->db, a->arena, holder_id, &person);
    return person.cost_centre;
}

static void add_cents(const struct asking *a, struct cents *out, struct view holder_id, bool asks,
                      const char *cost_centre, int64_t cents)
{
    out->all += cents;
    out->of_holder += asks && view_equal(holder_id, a->holder_id) ? cents : 0;
    out->of_centre += strcmp(centre_of(a, holder_id), cost_centre) == 0 ? cents : 0;
}

/* What a holder adds alone: exact where the units are its own. */
static int64_t cents_of_holder(const struct asking *a, const Passerelle__V1__Plan *plan,
                               struct view holder_id, uint64_t counted, int64_t plan_units_left,
                               bool *vain)
{
    struct uncounted u = {0};
    const Passerelle__V1__HolderStanding *told = told_of_holder(a->service, a->arena, holder_id);
    bool carnet = plan->type == PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_CARNET;
    if (told != NULL && told->own_seq < counted) {
        counted = told->own_seq;
    }
    add_holder(a, holder_id, 0, counted, &u);
    int64_t cents =
        draw(a, plan, carnet ? plan_units_left : left_of_subscription(a, plan, told), &u);
    *vain = in_vain(&u);
    return cents;
}

/* All holders of a plan since entry `counted`, and the one who asks when it is of this plan. */
static void add_plan(const struct asking *a, const Passerelle__V1__Plan *plan, bool asks,
                     uint64_t counted, const char *cost_centre, struct cents *out)
{
    struct view ids[1024]; /* a site that is full has fewer on a day */
    size_t count = 0;
    int64_t feed = a->feed_no << FEED_SEQ_BITS;
    const Passerelle__V1__PlanStanding *told =
        told_of_plan(a->service, a->arena, view_of(plan->plan_id));
    int64_t left = told == NULL ? 0 : told->units_left;
    if (told != NULL && told->own_seq < counted) {
        counted = told->own_seq;
    }
    struct query *query = db_query(a->service->db, &select_holders_since);
    query_bind_int(query, "from", feed + (int64_t)counted);
    query_bind_int(query, "to", feed + (int64_t)FEED_SEQ_MAX);
    query_bind_text(query, "plan_id", view_of(plan->plan_id));
    while (count + 1 < ARRAY_LEN(ids) && query_next(query)) {
        ids[count++] = arena_copy(a->arena, query_text(query, 0));
    }
    query_end(query);
    bool listed = !asks;
    for (size_t i = 0; i < count; i++) {
        listed = listed || view_equal(ids[i], a->holder_id);
    }
    if (!listed) {
        ids[count++] = a->holder_id;
    }
    struct uncounted shared = {0};
    bool carnet = plan->type == PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_CARNET;
    for (size_t i = 0; i < count; i++) {
        bool vain;
        if (carnet) {
            int64_t before = cents_of_rooms(&shared);
            add_holder(a, ids[i], (uint32_t)i, counted, &shared);
            add_cents(a, out, ids[i], asks, cost_centre, cents_of_rooms(&shared) - before);
            continue;
        }
        int64_t cents = cents_of_holder(a, plan, ids[i], counted, 0, &vain);
        add_cents(a, out, ids[i], asks, cost_centre, cents);
        out->in_vain = out->in_vain || (asks && vain && view_equal(ids[i], a->holder_id));
    }
    if (!carnet) {
        return;
    }
    draw(a, plan, left, &shared);
    out->in_vain = in_vain(&shared);
    for (size_t i = 0; i < shared.count; i++) {
        const struct spending_day *day = &shared.days[i];
        add_cents(a, out, ids[day->holder], asks, cost_centre,
                  day->charged_cents + day->reserved_cents);
    }
}

DB_SQL(select_other_plans, "SELECT plan_id FROM plan WHERE employer_id = :employer_id AND "
                           "plan_id <> :plan_id");

static void add_other_plans(const struct asking *a, const Passerelle__V1__Plan *plan,
                            uint64_t counted, const char *cost_centre, struct cents *out)
{
    struct view ids[64];
    size_t count = 0;
    struct query *query = db_query(a->service->db, &select_other_plans);
    query_bind_text(query, "employer_id", view_of(plan->employer_id));
    query_bind_text(query, "plan_id", view_of(plan->plan_id));
    while (count < ARRAY_LEN(ids) && query_next(query)) {
        ids[count++] = arena_copy(a->arena, query_text(query, 0));
    }
    query_end(query);
    for (size_t i = 0; i < count; i++) {
        const struct desk_plan *other = desk_plan(a->service, ids[i]);
        if (other != NULL) {
            add_plan(a, other->plan, false, counted, cost_centre, out);
        }
    }
}

static int64_t centre_told(const Passerelle__V1__ContractStanding *told, const char *cost_centre)
{
    for (size_t i = 0; i < told->n_centres; i++) {
        if (strcmp(told->centres[i]->cost_centre, cost_centre) == 0) {
            return told->centres[i]->cents;
        }
    }
    return 0;
}

bool money_at_site(struct service *service, struct call *call,
                   const struct money_question *question, const struct spending_stay *asked,
                   const struct money_asks *asks, struct policy_sums *sums, bool *vain,
                   const char **cost_centre)
{
    const Passerelle__V1__Plan *plan = question->plan->plan;
    struct view plan_id = view_of(plan->plan_id);
    struct asking a = {.service = service,
                       .arena = call->arena,
                       .asked = asked,
                       .holder_id = question->holder_id,
                       .feed_no = question->site->feed_no,
                       .month = month_of(asked->day)};
    const Passerelle__V1__PlanStanding *of_plan = told_of_plan(service, call->arena, plan_id);
    const Passerelle__V1__HolderStanding *of_holder =
        told_of_holder(service, call->arena, question->holder_id);
    const Passerelle__V1__ContractStanding *of_contract =
        asks->contract ? told_of_contract(service, call->arena, view_of(plan->employer_id)) : NULL;
    bool carnet = plan->type == PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_CARNET;
    struct cents added = {0};
    *cost_centre = centre_of(&a, question->holder_id);
    if (carnet && of_plan == NULL) {
        return false; /* it was told of the plan, not yet of its units: offline rules alone */
    }
    /* What one standing counts and another, told before, does not yet, is counted here. */
    uint64_t counted = of_plan == NULL ? 0 : of_plan->own_seq;
    if (asks->contract) {
        uint64_t seq = of_contract == NULL ? 0 : of_contract->own_seq;
        counted = seq < counted ? seq : counted;
    }
    if (asks->plan || carnet) {
        add_plan(&a, plan, true, counted, *cost_centre, &added);
    } else {
        added.of_holder =
            cents_of_holder(&a, plan, question->holder_id,
                            of_holder == NULL ? 0 : of_holder->own_seq, 0, &added.in_vain);
    }
    *sums = (struct policy_sums){.holder_cents = added.of_holder, .plan_cents = added.all};
    if (of_holder != NULL && is_this_month(&a, of_holder->month)) {
        sums->holder_cents += of_holder->cents;
    }
    if (of_plan != NULL && is_this_month(&a, of_plan->month)) {
        sums->plan_cents += of_plan->cents;
    }
    if (asks->contract) {
        add_other_plans(&a, plan, counted, *cost_centre, &added);
        sums->contract_cents = added.all;
        sums->cost_centre_cents = added.of_centre;
        if (of_contract != NULL && is_this_month(&a, of_contract->month)) {
            sums->contract_cents += of_contract->cents;
            sums->cost_centre_cents += centre_told(of_contract, *cost_centre);
        }
    }
    *vain = added.in_vain;
    return true;
}
