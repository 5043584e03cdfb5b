/* What a plan has used this month. Sums of a whole plan are computed on first need by a scan over
 * its holders, remembered, and mended by the holders whose visits changed since. A visit that is
 * asked for is added to its holder's stays as one that runs, which gives charged + reserved + this
 * reservation in one go.
 *
 * Carnets: every visit-day since the plan's first carnet draws in the order of RULES 9; what is
 * left when the month begins is remembered. */
#include <assert.h>

#include "core/policy/policy.h"
#include "service/desk/money.h"

struct tally_holder {
    struct view id;
    const char *cost_centre;
    struct day from, to;       /* validity, inclusive */
    struct spending_day *days; /* of this month, by first in; xmalloc */
    size_t count;
    struct spending rooms;
    struct spending sums; /* days and rooms */
    uint32_t units_left;  /* of a subscription */
    uint32_t number;      /* in byte order of ids */
    bool stale;
};

struct tally {
    char plan_id[41];
    struct month month;
    struct arena arena;
    struct map holders;
    struct tally_holder *list;
    size_t count;
    struct spending_carnet *carnets; /* as they are when the month begins */
    size_t carnet_count;
    uint32_t units_left; /* in the carnets, on the day of the last look */
    struct spending sums;
    size_t stale; /* holders to mend */
};

static void tally_free(struct tally *tally)
{
    if (tally != NULL) {
        for (size_t i = 0; i < tally->count; i++) {
            free(tally->list[i].days);
        }
        map_release(&tally->holders);
        arena_release(&tally->arena);
        free(tally);
    }
}

void desk_money_forget(struct desk *desk)
{
    for (size_t i = 0; i < DESK_TALLIES_MAX; i++) {
        tally_free(desk->tallies[i]);
        desk->tallies[i] = NULL;
    }
}

void desk_money_changed(struct desk *desk, struct view holder_id, struct day day)
{
    for (size_t i = 0; i < DESK_TALLIES_MAX; i++) {
        struct tally *tally = desk->tallies[i];
        struct tally_holder *holder = tally == NULL ? NULL : map_get(&tally->holders, holder_id);
        if (holder == NULL) {
            continue;
        }
        if (month_of(day).number < tally->month.number && tally->carnet_count > 0) {
            tally_free(tally);
            desk->tallies[i] = NULL;
        } else if (!holder->stale) {
            holder->stale = true;
            tally->stale++;
        }
    }
}

/* ---- one holder ---- */

static bool is_outside(const struct tally_holder *holder, struct day day)
{
    return day_compare(day, holder->from) < 0 || day_compare(day, holder->to) > 0;
}

struct spending_stay desk_stay_of(struct service *service, const struct visit_row *row,
                                  const struct desk_site *site, struct day today)
{
    struct spending_stay stay = {
        .day = row->day,
        .site = site->feed_no,
        .site_id = site->id.data,
        .resource = (enum spending_resource)(row->resource - DESK_RESOURCE),
        .in_utc_ms = row->in_utc_ms,
        .open = row->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_OPEN &&
                day_compare(row->day, today) == 0,
        .prices = desk_prices(service->desk, site->site, row->day),
    };
    memcpy(stay.visit_id, row->visit_id.data, sizeof stay.visit_id);
    if (!stay.open) {
        struct holder_visits alone = {0};
        stay.out_utc_ms = visit_out_utc_ms(service, site, &alone, row);
        int64_t midnight = day_start_utc_ms(day_plus(row->day, 1));
        stay.out_utc_ms = stay.out_utc_ms < midnight ? stay.out_utc_ms : midnight;
    }
    return stay;
}

/* Folds the holder's visits of the days, and the stay that is asked for (NULL: none). */
static void holder_fold(struct service *service, struct tally_holder *holder, struct day from,
                        struct day to, const struct spending_stay *asked)
{
    struct arena arena = ARENA_INIT;
    struct day today = day_of_instant(service_now(service));
    struct holder_visits visits = holder_visits(service, &arena, holder->id, from, to);
    struct spending_stay *stays = ARENA_ARRAY(&arena, visits.count + 1, struct spending_stay);
    size_t count = 0;
    for (size_t i = 0; i < visits.count; i++) {
        const struct visit_row *row = &visits.rows[i];
        const struct desk_site *site = desk_site_of_feed(service, row->feed_no);
        if (site != NULL && (row->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_OPEN ||
                             row->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_CLOSED)) {
            stays[count++] = desk_stay_of(service, row, site, today);
        }
    }
    if (asked != NULL) {
        stays[count++] = *asked;
    }
    holder->days = xrealloc(holder->days, count + 1, sizeof *holder->days);
    holder->rooms = (struct spending){0};
    holder->count = spending_fold(stays, count, holder->days, &holder->rooms);
    for (size_t i = 0; i < holder->count; i++) {
        holder->days[i].holder = holder->number;
        holder->days[i].outside_validity = is_outside(holder, holder->days[i].day);
    }
    arena_release(&arena);
}

static void holder_sum(struct tally_holder *holder)
{
    holder->sums = holder->rooms;
    for (size_t i = 0; i < holder->count; i++) {
        holder->sums.charged_cents += holder->days[i].charged_cents;
        holder->sums.reserved_cents += holder->days[i].reserved_cents;
    }
}

/* Plans whose holders do not touch each other. */
static void holder_allot(const Passerelle__V1__Plan *plan, struct tally_holder *holder)
{
    if (plan->type == PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_SUBSCRIPTION) {
        holder->units_left =
            spending_of_subscription(holder->days, holder->count, plan->included_units);
    } else {
        spending_of_usage(holder->days, holder->count);
    }
    holder_sum(holder);
}

DB_SQL(select_centre, "SELECT cost_centre FROM person WHERE holder_id = :holder_id");

static void holder_read(struct service *service, struct arena *arena, struct view id,
                        struct tally_holder *out)
{
    *out =
        (struct tally_holder){.id = id, .cost_centre = "", .from = {INT32_MIN}, .to = {INT32_MAX}};
    const Passerelle__V1__HolderPut *right = registry_holder(service->db, arena, id);
    struct day day;
    if (right != NULL && day_parse(view_of(right->active_from), &day) == E_OK) {
        out->from = day;
    }
    if (right != NULL && day_parse(view_of(right->active_to), &day) == E_OK) {
        out->to = day;
    }
    struct query *query = db_query(service->db, &select_centre);
    query_bind_text(query, "holder_id", id);
    if (query_next(query)) {
        out->cost_centre = arena_string(arena, query_text(query, 0));
        query_end(query);
    }
}

/* ---- a plan ---- */

/* All visit-days of the plan in the order of RULES 9; the caller frees. */
static struct spending_day *all_days(const struct tally *tally, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < tally->count; i++) {
        *count += tally->list[i].count;
    }
    struct spending_day *days = xmalloc((*count + 1) * sizeof *days);
    size_t at = 0;
    for (size_t i = 0; i < tally->count; i++) {
        if (tally->list[i].count > 0) {
            memcpy(&days[at], tally->list[i].days, tally->list[i].count * sizeof *days);
            at += tally->list[i].count;
        }
    }
    return days;
}

static int day_order(const void *a, const void *b)
{
    return spending_day_compare(a, b);
}

/* Lets all visit-days that the holders hold draw on the carnets. With `keep` the carnets stay so.
 */
static void carnets_allot(struct tally *tally, struct day today, bool keep)
{
    size_t count;
    struct spending_day *days = all_days(tally, &count);
    qsort(days, count, sizeof *days, day_order);
    struct spending_carnet *carnets = xmalloc((tally->carnet_count + 1) * sizeof *carnets);
    memcpy(carnets, tally->carnets, tally->carnet_count * sizeof *carnets);
    tally->units_left = spending_of_carnets(days, count, carnets, tally->carnet_count, today);
    if (keep) {
        memcpy(tally->carnets, carnets, tally->carnet_count * sizeof *carnets);
    }
    size_t *next = xcalloc(tally->count + 1, sizeof *next);
    for (size_t i = 0; i < count; i++) { /* in its own order each holder gets them back */
        struct tally_holder *holder = &tally->list[days[i].holder];
        holder->days[next[days[i].holder]++] = days[i];
    }
    tally->sums = (struct spending){0};
    for (size_t i = 0; i < tally->count; i++) {
        holder_sum(&tally->list[i]);
        tally->sums.charged_cents += tally->list[i].sums.charged_cents;
        tally->sums.reserved_cents += tally->list[i].sums.reserved_cents;
    }
    free(next);
    free(carnets);
    free(days);
}

DB_SQL(select_holders, "SELECT holder_id FROM holder WHERE plan_id = :plan_id ORDER BY holder_id");
DB_SQL(count_holders, "SELECT COUNT(*) FROM holder WHERE plan_id = :plan_id");

static int64_t count_of(struct service *service, const struct db_sql *sql, struct view plan_id)
{
    int64_t count = 0;
    struct query *query = db_query(service->db, sql);
    query_bind_text(query, "plan_id", plan_id);
    if (query_next(query)) {
        count = query_int(query, 0);
        query_end(query);
    }
    return count;
}

static void read_holders(struct service *service, struct tally *tally)
{
    struct view plan_id = view_of(tally->plan_id);
    size_t max = (size_t)count_of(service, &count_holders, plan_id);
    tally->list = ARENA_ARRAY(&tally->arena, max + 1, struct tally_holder);
    struct query *query = db_query(service->db, &select_holders);
    query_bind_text(query, "plan_id", plan_id);
    while (tally->count < max && query_next(query)) {
        tally->list[tally->count++].id = arena_copy(&tally->arena, query_text(query, 0));
    }
    query_end(query);
    for (size_t i = 0; i < tally->count; i++) {
        struct tally_holder *holder = &tally->list[i];
        holder_read(service, &tally->arena, holder->id, holder);
        holder->number = (uint32_t)i;
        map_put(&tally->holders, holder->id, holder);
    }
}

DB_SQL(select_carnets, "SELECT carnet_id FROM carnet WHERE plan_id = :plan_id ORDER BY carnet_id");
DB_SQL(count_carnets, "SELECT COUNT(*) FROM carnet WHERE plan_id = :plan_id");

/* RULES 9: valid until the day before the same day number so many months later; where that month
 * has no such day, until its end. */
static struct day carnet_last_day(struct day bought_on, int months)
{
    struct day end = day_plus_months(bought_on, months);
    int year, month, from, to;
    day_split(bought_on, &year, &month, &from);
    day_split(end, &year, &month, &to);
    return from == to ? day_plus(end, -1) : end;
}

static void read_carnets(struct service *service, struct tally *tally)
{
    struct view plan_id = view_of(tally->plan_id);
    size_t max = (size_t)count_of(service, &count_carnets, plan_id);
    tally->carnets = ARENA_ARRAY(&tally->arena, max + 1, struct spending_carnet);
    struct view *ids = ARENA_ARRAY(&tally->arena, max + 1, struct view);
    size_t count = 0;
    struct query *query = db_query(service->db, &select_carnets);
    query_bind_text(query, "plan_id", plan_id);
    while (count < max && query_next(query)) {
        ids[count++] = arena_copy(&tally->arena, query_text(query, 0));
    }
    query_end(query);
    for (size_t i = 0; i < count; i++) {
        const Passerelle__V1__Carnet *carnet = registry_carnet(service->db, &tally->arena, ids[i]);
        struct spending_carnet one = {.left = carnet == NULL ? 0 : carnet->units};
        if (carnet == NULL || day_parse(view_of(carnet->bought_on), &one.bought_on) != E_OK) {
            continue;
        }
        one.last_day = carnet_last_day(one.bought_on, (int)carnet->valid_months);
        size_t at = tally->carnet_count++; /* an insertion that keeps ids in order among equals */
        while (at > 0 && spending_carnet_compare(&tally->carnets[at - 1], &one) > 0) {
            tally->carnets[at] = tally->carnets[at - 1];
            at--;
        }
        tally->carnets[at] = one;
    }
}

/* What earlier months left in the carnets. */
static void draw_earlier_months(struct service *service, struct tally *tally)
{
    struct day first = month_first(tally->month);
    for (size_t i = 0; i < tally->carnet_count; i++) {
        if (day_compare(tally->carnets[i].bought_on, first) < 0) {
            first = tally->carnets[i].bought_on;
        }
    }
    struct day last = day_plus(month_first(tally->month), -1);
    if (day_compare(first, last) <= 0) {
        for (size_t i = 0; i < tally->count; i++) {
            holder_fold(service, &tally->list[i], first, last, NULL);
        }
        carnets_allot(tally, last, true);
    }
}

static bool is_carnet(const Passerelle__V1__Plan *plan)
{
    return plan->type == PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_CARNET;
}

static void tally_mend(struct service *service, struct tally *tally,
                       const Passerelle__V1__Plan *plan)
{
    if (tally->stale == 0) {
        return;
    }
    for (size_t i = 0; i < tally->count; i++) {
        struct tally_holder *holder = &tally->list[i];
        if (!holder->stale) {
            continue;
        }
        struct spending before = holder->sums;
        holder_fold(service, holder, month_first(tally->month), month_last(tally->month), NULL);
        holder->stale = false;
        if (!is_carnet(plan)) {
            holder_allot(plan, holder);
            tally->sums.charged_cents += holder->sums.charged_cents - before.charged_cents;
            tally->sums.reserved_cents += holder->sums.reserved_cents - before.reserved_cents;
        }
    }
    tally->stale = 0;
    if (is_carnet(plan)) {
        carnets_allot(tally, day_of_instant(service_now(service)), false);
    }
}

static struct tally *tally_of(struct service *service, const Passerelle__V1__Plan *plan,
                              struct month month)
{
    struct desk *desk = service->desk;
    struct tally *tally = NULL;
    for (size_t i = 0; i < DESK_TALLIES_MAX && tally == NULL; i++) {
        struct tally *one = desk->tallies[i];
        if (one != NULL && one->month.number == month.number &&
            strcmp(one->plan_id, plan->plan_id) == 0) {
            tally = one;
        }
    }
    if (tally == NULL) {
        tally = xcalloc(1, sizeof *tally);
        snprintf(tally->plan_id, sizeof tally->plan_id, "%s", plan->plan_id);
        tally->month = month;
        map_init(&tally->holders, 4);
        read_holders(service, tally);
        if (is_carnet(plan)) {
            read_carnets(service, tally);
            draw_earlier_months(service, tally);
        }
        for (size_t i = 0; i < tally->count; i++) {
            tally->list[i].sums = (struct spending){0};
            tally->list[i].stale = true;
        }
        tally->sums = (struct spending){0};
        tally->stale = tally->count;
        size_t at = desk->tally_next++ % DESK_TALLIES_MAX;
        tally_free(desk->tallies[at]);
        desk->tallies[at] = tally;
    }
    tally_mend(service, tally, plan);
    return tally;
}

/* ---- the question ---- */

static int64_t total(struct spending sums)
{
    return sums.charged_cents + sums.reserved_cents;
}

/* Whether the visit-day that is asked for finds no unit where it needs one. */
static bool asks_in_vain(const struct tally_holder *holder)
{
    for (size_t i = 0; i < holder->count; i++) {
        const struct spending_day *day = &holder->days[i];
        if (day->asked && day->open) {
            return day->units < 2 && day->units_reserved == 0;
        }
    }
    return false;
}

static int64_t centre_total(const struct tally *tally, const char *cost_centre)
{
    int64_t cents = 0;
    for (size_t i = 0; i < tally->count; i++) {
        if (strcmp(tally->list[i].cost_centre, cost_centre) == 0) {
            cents += total(tally->list[i].sums);
        }
    }
    return cents;
}

DB_SQL(select_plans, "SELECT plan_id FROM plan WHERE employer_id = :employer_id AND "
                     "plan_id <> :plan_id");

/* The other plans of the contract. */
static void add_other_plans(struct service *service, struct call *call,
                            const Passerelle__V1__Plan *plan, struct month month,
                            const char *cost_centre, struct policy_sums *sums)
{
    struct view ids[64];
    size_t count = 0;
    struct query *query = db_query(service->db, &select_plans);
    query_bind_text(query, "employer_id", view_of(plan->employer_id));
    query_bind_text(query, "plan_id", view_of(plan->plan_id));
    while (count < ARRAY_LEN(ids) && query_next(query)) {
        ids[count++] = arena_copy(call->arena, query_text(query, 0));
    }
    query_end(query);
    for (size_t i = 0; i < count; i++) {
        const struct desk_plan *other = desk_plan(service, ids[i]);
        if (other != NULL) {
            const struct tally *tally = tally_of(service, other->plan, month);
            sums->contract_cents += total(tally->sums);
            sums->cost_centre_cents += centre_total(tally, cost_centre);
        }
    }
}

/* The plan with the holder's visit as if it ran: afterwards the holder is stale. */
static bool ask_plan(struct service *service, struct call *call,
                     const struct money_question *question, const struct spending_stay *asked,
                     struct policy_sums *sums, bool *in_vain, const char **cost_centre)
{
    const Passerelle__V1__Plan *plan = question->plan->plan;
    struct month month = month_of(asked->day);
    struct tally *tally = tally_of(service, plan, month);
    struct tally_holder *holder = map_get(&tally->holders, question->holder_id);
    if (holder == NULL) {
        return false;
    }
    struct spending before = holder->sums;
    holder_fold(service, holder, month_first(month), month_last(month), asked);
    if (is_carnet(plan)) {
        carnets_allot(tally, asked->day, false);
    } else {
        holder_allot(plan, holder);
        tally->sums.charged_cents += holder->sums.charged_cents - before.charged_cents;
        tally->sums.reserved_cents += holder->sums.reserved_cents - before.reserved_cents;
    }
    holder->stale = true;
    tally->stale++;
    *cost_centre = arena_string(call->arena, view_of(holder->cost_centre));
    *in_vain = asks_in_vain(holder);
    *sums = (struct policy_sums){.holder_cents = total(holder->sums),
                                 .plan_cents = total(tally->sums),
                                 .contract_cents = total(tally->sums)};
    sums->cost_centre_cents = centre_total(tally, *cost_centre);
    add_other_plans(service, call, plan, month, *cost_centre, sums);
    return true;
}

static struct money_asks asks_of(const struct desk_plan *plan)
{
    const Passerelle__V1__Plan *record = plan->plan;
    bool usage = record->type == PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_USAGE;
    bool caps = policy_has_cap(plan->policy);
    return (struct money_asks){
        .units = record->overage == PASSERELLE__V1__OVERAGE__OVERAGE_REFUSE && !usage,
        .plan = record->contract_cap_cents > 0 || caps,
        .holder = record->holder_cap_cents > 0 || caps,
        .contract = caps,
    };
}

bool desk_money(struct service *service, struct call *call, const struct money_question *question,
                struct policy_sums *sums, bool *no_credit, const char **cost_centre)
{
    const Passerelle__V1__Plan *plan = question->plan->plan;
    struct money_asks asks = asks_of(question->plan);
    bool refuses = asks.units && question->resource == DESK_RESOURCE;
    if (!refuses && !asks.plan && !asks.holder) {
        return false;
    }
    struct day today = day_of_instant(question->now_utc_ms);
    struct spending_stay asked = {
        .day = today,
        .site = question->site->feed_no,
        .site_id = question->site->id.data,
        .resource = (enum spending_resource)(question->resource - DESK_RESOURCE),
        .in_utc_ms = question->now_utc_ms,
        .open = true,
        .asked = true,
        .prices = desk_prices(service->desk, question->site->site, today),
    };
    memset(asked.visit_id, 0xff, sizeof asked.visit_id);
    bool in_vain = false;
    if (service->node->role == NODE_SITE) {
        if (!money_at_site(service, call, question, &asked, &asks, sums, &in_vain, cost_centre)) {
            return false;
        }
    } else if (asks.plan || is_carnet(plan)) {
        if (!ask_plan(service, call, question, &asked, sums, &in_vain, cost_centre)) {
            return false;
        }
    } else {
        struct tally_holder holder;
        holder_read(service, call->arena, question->holder_id, &holder);
        holder_fold(service, &holder, month_first(month_of(today)), month_last(month_of(today)),
                    &asked);
        holder_allot(plan, &holder);
        in_vain = asks_in_vain(&holder);
        *sums = (struct policy_sums){.holder_cents = total(holder.sums)};
        *cost_centre = holder.cost_centre;
        free(holder.days);
    }
    *no_credit = refuses && in_vain;
    return true;
}

/* ---- what sites are told ---- */

bool desk_plan_used(struct service *service, const struct desk_plan *plan, struct day today,
                    struct desk_used *out)
{
    struct money_asks asks = asks_of(plan);
    bool carnet = is_carnet(plan->plan);
    if (!asks.plan && !(carnet && (asks.units || asks.holder))) {
        return false;
    }
    struct tally *tally = tally_of(service, plan->plan, month_of(today));
    if (carnet) {
        carnets_allot(tally, today, false); /* some may have expired since */
    }
    *out = (struct desk_used){.units_left = carnet ? tally->units_left : 0,
                              .cents = total(tally->sums)};
    return true;
}

bool desk_holder_used(struct service *service, const struct desk_plan *plan, struct view holder_id,
                      struct day today, struct desk_used *out)
{
    struct money_asks asks = asks_of(plan);
    bool carnet = is_carnet(plan->plan);
    *out = (struct desk_used){0};
    if (!asks.holder && !(asks.units && !carnet)) {
        return false;
    }
    struct month month = month_of(today);
    if (asks.plan || carnet) {
        const struct tally *tally = tally_of(service, plan->plan, month);
        const struct tally_holder *holder = map_get(&tally->holders, holder_id);
        if (holder != NULL) {
            *out =
                (struct desk_used){.units_left = holder->units_left, .cents = total(holder->sums)};
        }
        return holder != NULL;
    }
    struct arena arena = ARENA_INIT;
    struct tally_holder holder;
    holder_read(service, &arena, holder_id, &holder);
    holder_fold(service, &holder, month_first(month), month_last(month), NULL);
    holder_allot(plan->plan, &holder);
    *out = (struct desk_used){.units_left = holder.units_left, .cents = total(holder.sums)};
    free(holder.days);
    arena_release(&arena);
    return true;
}

/* A cost centre and its cents: found or added. */
static int64_t *centre_of(struct desk_centre *centres, size_t *count, size_t max, const char *name)
{
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(centres[i].cost_centre, name) == 0) {
            return &centres[i].cents;
        }
    }
    if (*count == max || name[0] == '\0') {
        return NULL;
    }
    centres[*count] = (struct desk_centre){.cost_centre = name};
    return &centres[(*count)++].cents;
}

size_t desk_contract_used(struct service *service, const struct desk_plan *const *plans,
                          size_t plan_count, struct day today, struct arena *arena, int64_t *cents,
                          struct desk_centre *centres, size_t max)
{
    size_t count = 0;
    *cents = 0;
    for (size_t i = 0; i < plan_count; i++) {
        const struct tally *tally = tally_of(service, plans[i]->plan, month_of(today));
        *cents += total(tally->sums);
        for (size_t k = 0; k < tally->count; k++) {
            const struct tally_holder *holder = &tally->list[k];
            int64_t used = total(holder->sums);
            int64_t *sum = used == 0 ? NULL : centre_of(centres, &count, max, holder->cost_centre);
            if (sum != NULL) {
                *sum += used;
            }
        }
    }
    for (size_t i = 0; i < count; i++) { /* a tally may go before the caller has read them */
        centres[i].cost_centre = arena_string(arena, view_of(centres[i].cost_centre));
    }
    return count;
}
