#include "service/desk/standing.h"

#include "core/policy/policy.h"
#include "service/desk/memory.h"
#include "wire/pack.h"

enum { PLANS_MAX = 64, CENTRES_MAX = 1000 };

static struct day today_of(const struct service *service)
{
    return day_of_instant(service_now(service));
}

static char *month_text(struct arena *arena, struct day today)
{
    char text[8];
    month_format(month_of(today), text);
    return wire_string(arena, view_of(text));
}

Passerelle__V1__PlanStanding *standing_of_plan(struct service *service, struct arena *arena,
                                               struct view plan_id)
{
    struct desk_used used;
    struct day today = today_of(service);
    desk_refresh(service);
    const struct desk_plan *plan = desk_plan(service, plan_id);
    if (plan == NULL || !desk_plan_used(service, plan, today, &used)) {
        return NULL;
    }
    Passerelle__V1__PlanStanding *standing =
        wire_new(arena, &passerelle__v1__plan_standing__descriptor);
    standing->plan_id = wire_string(arena, plan_id);
    standing->month = month_text(arena, today);
    standing->units_left = used.units_left;
    standing->cents = used.cents;
    return standing;
}

static uint32_t days_with_visits(struct service *service, struct arena *arena,
                                 struct view holder_id, struct day monday)
{
    uint32_t days = 0;
    struct holder_visits week =
        holder_visits(service, arena, holder_id, monday, day_plus(monday, 6));
    for (size_t i = 0; i < week.count; i++) {
        if (week.rows[i].state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_OPEN ||
            week.rows[i].state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_CLOSED) {
            days |= 1u << (week.rows[i].day.number - monday.number);
        }
    }
    return days;
}

Passerelle__V1__HolderStanding *standing_of_holder(struct service *service, struct arena *arena,
                                                   const Passerelle__V1__HolderPut *right)
{
    struct desk_used used;
    struct day today = today_of(service);
    struct view holder_id = view_of(right->holder_id);
    desk_refresh(service);
    const struct desk_plan *plan = desk_plan(service, view_of(right->plan_id));
    if (plan == NULL) {
        return NULL;
    }
    bool money = desk_holder_used(service, plan, holder_id, today, &used);
    bool days = policy_counts_days(plan->policy);
    if (!money && !days) {
        return NULL;
    }
    struct day monday = day_plus(today, -(int)day_weekday(today));
    char week[11];
    day_format(monday, week);
    Passerelle__V1__HolderStanding *standing =
        wire_new(arena, &passerelle__v1__holder_standing__descriptor);
    standing->holder_id = wire_string(arena, holder_id);
    standing->month = month_text(arena, today);
    standing->units_left = used.units_left;
    standing->cents = used.cents;
    standing->week = wire_string(arena, view_of(week));
    standing->days = days ? days_with_visits(service, arena, holder_id, monday) : 0;
    return standing;
}

bool standing_is_cut_off(struct service *service, struct view plan_id)
{
    desk_refresh(service);
    const struct desk_plan *plan = desk_plan(service, plan_id);
    return plan != NULL && plan->cut_off;
}

DB_SQL(select_plans, "SELECT plan_id FROM plan WHERE employer_id = :employer_id ORDER BY plan_id");

Passerelle__V1__ContractStanding *standing_of_contract(struct service *service, struct arena *arena,
                                                       struct view employer_id)
{
    struct view ids[PLANS_MAX];
    const struct desk_plan *plans[PLANS_MAX];
    struct desk_centre *centres = ARENA_ARRAY(arena, CENTRES_MAX, struct desk_centre);
    size_t count = 0, plan_count = 0;
    desk_refresh(service);
    if (!policy_has_cap(registry_employer_policy(service->db, arena, employer_id))) {
        return NULL;
    }
    struct query *query = db_query(service->db, &select_plans);
    query_bind_text(query, "employer_id", employer_id);
    while (count < PLANS_MAX && query_next(query)) {
        ids[count++] = arena_copy(arena, query_text(query, 0));
    }
    query_end(query);
    for (size_t i = 0; i < count; i++) {
        const struct desk_plan *plan = desk_plan(service, ids[i]);
        if (plan != NULL) {
            plans[plan_count++] = plan;
        }
    }
    struct day today = today_of(service);
    Passerelle__V1__ContractStanding *standing =
        wire_new(arena, &passerelle__v1__contract_standing__descriptor);
    standing->employer_id = wire_string(arena, employer_id);
    standing->month = month_text(arena, today);
    size_t centre_count = desk_contract_used(service, plans, plan_count, today, arena,
                                             &standing->cents, centres, CENTRES_MAX);
    standing->centres = ARENA_ARRAY(arena, centre_count + 1, Passerelle__V1__CentreStanding *);
    for (size_t i = 0; i < centre_count; i++) {
        Passerelle__V1__CentreStanding *centre =
            wire_new(arena, &passerelle__v1__centre_standing__descriptor);
        centre->cost_centre = wire_string(arena, view_of(centres[i].cost_centre));
        centre->cents = centres[i].cents;
        standing->centres[standing->n_centres++] = centre;
    }
    return standing;
}

void standing_cuts(struct service *service, struct view holder_id, struct day day,
                   void (*each)(void *context, int64_t feed_no, struct view visit_id,
                                int64_t cut_utc_ms),
                   void *context)
{
    struct arena arena = ARENA_INIT;
    desk_refresh(service);
    struct holder_visits visits = holder_visits(service, &arena, holder_id, day, day);
    for (size_t i = 0; i < visits.count; i++) {
        const struct visit_row *row = &visits.rows[i];
        if (row->resource == DESK_RESOURCE) {
            const struct visit_row *by = visit_cut_by(service, &visits, row);
            bool elsewhere = by != NULL && by->feed_no != row->feed_no;
            each(context, row->feed_no, row->visit_id, elsewhere ? by->in_utc_ms : 0);
        }
    }
    arena_release(&arena);
}
