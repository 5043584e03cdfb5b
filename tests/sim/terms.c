/* Operators change plans, rules of employers, rights of holders, the network's policy and the
 * places of sites, while sites are away. Who lets somebody in decides by what it has heard: the hub
 * by what stands there, a site by `net` as far as it has it, and by the terms that its hub told.
 * Those are read from its tables before it decides; they must have stood at the hub once, and must
 * stand there still where it had the time to hear. The close counts what stands at the end. */
#include <string.h>

#include "passerelle/v1/employer.pb-c.h"
#include "passerelle/v1/network.pb-c.h"
#include "sim/work.h"
#include "store/view/registry.h"
#include "wire/pack.h"

#define NEW(snake) wire_new(work->sim->arena, &passerelle__v1__##snake##__descriptor)
#define RULE(name) PASSERELLE__V1__POLICY_RULE_KIND__POLICY_RULE_KIND_##name

/* A stream that is cut is noticed after three heartbeats of 15 s; the rest is for what is lost. */
#define HEARD_MS (MINUTES_MS)

static const int plan_types[] = {[WORLD_USAGE] = PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_USAGE,
                                 [WORLD_CARNET] = PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_CARNET,
                                 [WORLD_SUBSCRIPTION] =
                                     PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_SUBSCRIPTION};

static char *text_of(struct work *work, const char *text)
{
    return arena_string(work->sim->arena, view_of(text));
}

/* ---- what a site has ---- */

static struct day day_told(const char *text)
{
    struct day day;
    return day_parse(view_of(text), &day) == E_OK ? day : (struct day){0};
}

static void read_plan(const Passerelle__V1__Plan *row, struct world_plan *out)
{
    *out = (struct world_plan){.units = row->included_units,
                               .refuses = row->overage == PASSERELLE__V1__OVERAGE__OVERAGE_REFUSE,
                               .holder_cap_cents = row->holder_cap_cents,
                               .contract_cap_cents = row->contract_cap_cents,
                               .offline_rule = (int)row->offline_rule};
    snprintf(out->id, sizeof out->id, "%s", row->plan_id);
    while (plan_types[out->type] != (int)row->type) {
        out->type++;
    }
}

static unsigned mask_of(const int *numbers, size_t count, int zero)
{
    unsigned mask = 0;
    for (size_t i = 0; i < count; i++) {
        mask |= 1u << (numbers[i] - zero);
    }
    return mask;
}

static void read_policy(const Passerelle__V1__EmployerPolicy *row, struct world_policy *out)
{
    *out = (struct world_policy){0};
    for (size_t i = 0; row != NULL && i < row->n_rules; i++) {
        const Passerelle__V1__PolicyRule *rule = row->rules[i];
        out->warns = rule->enforcement == PASSERELLE__V1__ENFORCEMENT__ENFORCEMENT_WARN;
        out->weekdays |= mask_of((const int *)rule->weekdays, rule->n_weekdays, 1);
        out->resources |= mask_of((const int *)rule->resources, rule->n_resources, 0);
        out->zones |= mask_of((const int *)rule->zones, rule->n_zones, 1);
        out->days_a_week += (int)rule->number;
        out->holder_cap_cents += rule->kind == RULE(HOLDER_CAP) ? rule->cents : 0;
        out->contract_cap_cents += rule->kind == RULE(CONTRACT_CAP) ? rule->cents : 0;
    }
}

static const char *known_plan_id(struct work *work, struct db *db, struct arena *arena, int holder,
                                 const struct model_pass *pass, struct model_terms *out)
{
    const Passerelle__V1__HolderPut *row =
        registry_holder(db, arena, view_of(work->world.holders[holder].id));
    if (row == NULL) { /* `net` tells of a pass before the hub tells of its holder */
        return pass == NULL ? "" : work->world.plans[pass->right.plan].id;
    }
    out->from = day_told(row->active_from);
    out->to = day_told(row->active_to);
    return row->plan_id;
}

struct model_terms *terms_known(struct work *work, struct sim_node *node, int holder,
                                const struct model_pass *pass, struct arena *arena)
{
    struct db *db = node->service.db;
    struct model_terms *out = ARENA_NEW(arena, struct model_terms);
    const char *plan_id = known_plan_id(work, db, arena, holder, pass, out);
    const Passerelle__V1__Plan *plan = registry_plan(db, arena, view_of(plan_id));
    out->has_plan = plan != NULL;
    if (plan != NULL) {
        read_plan(plan, &out->plan);
        read_policy(registry_employer_policy(db, arena, view_of(plan->employer_id)), &out->policy);
    }
    return out;
}

static bool same_plan(const struct world_plan *a, const struct world_plan *b)
{
    return a->type == b->type && a->units == b->units && a->refuses == b->refuses &&
           a->holder_cap_cents == b->holder_cap_cents &&
           a->contract_cap_cents == b->contract_cap_cents &&
           (a->offline_rule == b->offline_rule || a->offline_rule == 0 || b->offline_rule == 0);
}

static bool same_policy(const struct world_policy *a, const struct world_policy *b)
{
    return a->weekdays == b->weekdays && a->resources == b->resources && a->zones == b->zones &&
           a->days_a_week == b->days_a_week && a->holder_cap_cents == b->holder_cap_cents &&
           a->contract_cap_cents == b->contract_cap_cents && a->warns == b->warns;
}

static bool is_as_told(const struct work *work, const struct world_version *version,
                       const struct model_terms *terms)
{
    switch (version->kind) {
    case WORLD_PLAN:
        return same_plan(&version->plan, &terms->plan);
    case WORLD_POLICY:
        return same_policy(&version->policy, &terms->policy);
    case WORLD_HOLDER:
        return strcmp(work->world.plans[version->holder.plan].id, terms->plan.id) == 0 &&
               day_compare(version->holder.from, terms->from) == 0 &&
               day_compare(version->holder.to, terms->to) == 0;
    default:
        return true;
    }
}

/* What the site goes by stood there once; where it had the time to hear, it is the newest. */
static void check_one(struct work *work, struct sim_node *node, enum world_kind kind, int index,
                      const struct model_terms *terms, bool must_be_new)
{
    static const char *const names[] = {"plan", "holder", "rules of employer"};
    const struct world *world = &work->world;
    bool was = false, is_newest = false, newest_seen = false;
    int64_t told_ms = 0;
    for (size_t i = world->version_count; i-- > 0 && !was;) {
        const struct world_version *version = &world->versions[i];
        if (version->kind != kind || version->index != index) {
            continue;
        }
        was = is_as_told(work, version, terms);
        if (!newest_seen && !version->lost) {
            newest_seen = true;
            is_newest = was;
            told_ms = version->told_ms;
        }
    }
    bool had_time = told_ms > 0 && work->sim->now_ms - told_ms > HEARD_MS;
    if (!was || (!is_newest && must_be_new && had_time)) {
        sim_fail(work->sim, "%s goes by a %s %d that %s", node->name, names[kind], index,
                 was ? "stood there before, and the hub told another one since"
                     : "never stood there");
    }
}

static int plan_no(const struct world *world, const char *id)
{
    int at = 0;
    while (at < world->plan_count && strcmp(world->plans[at].id, id) != 0) {
        at++;
    }
    return at;
}

void terms_check(struct work *work, struct sim_node *node, int holder,
                 const struct model_terms *terms, bool heard)
{
    int plan = plan_no(&work->world, terms->plan.id);
    if (plan < work->world.plan_count) {
        check_one(work, node, WORLD_HOLDER, holder, terms, heard);
        check_one(work, node, WORLD_PLAN, plan, terms, heard);
        check_one(work, node, WORLD_POLICY, work->world.plans[plan].employer, terms, heard);
    } else if (heard) {
        sim_fail(work->sim, "%s is in contact, and has not heard of the plan of %s", node->name,
                 work->world.holders[holder].id);
    }
}

void terms_check_all(struct work *work, struct sim_node *node)
{
    struct arena arena = ARENA_INIT;
    struct fault fault = FAULT_NONE;
    node_must(node, db_begin_read(node->service.db, &fault), &fault, "begin");
    for (int holder = 0; holder < work->world.holder_count; holder++) {
        terms_check(work, node, holder, terms_known(work, node, holder, NULL, &arena), true);
        arena_clear(&arena);
    }
    node_must(node, db_end(node->service.db, &fault), &fault, "read");
    arena_release(&arena);
}

void terms_ticked(struct work *work)
{
    struct world *world = &work->world;
    bool told = !work->hub.service.knowledge.sweeping;
    for (size_t i = 0; i < world->version_count; i++) {
        struct world_version *version = &world->versions[i];
        version->ticks++;
        if (version->told_ms == 0 && version->ticks > 2 && told) {
            version->told_ms = work->sim->now_ms;
        }
    }
}

void terms_lost(struct work *work, uint64_t net_size, uint64_t books_size)
{
    world_forget(&work->world, net_size, books_size);
    for (size_t i = 0; i < work->world.version_count; i++) {
        work->world.versions[i].told_ms = 0; /* sites hear all again */
        work->world.versions[i].ticks = 0;
    }
}

/* ---- what is asked of the hub ---- */

static const ProtobufCMessage *plan_request(struct work *work, const struct world_version *version,
                                            uint8_t id[static 16])
{
    const struct world_plan *plan = &version->plan;
    Passerelle__V1__PutPlanRequest *request = NEW(put_plan_request);
    Passerelle__V1__Plan *put = NEW(plan);
    request->request_id = work_request_id(work, id);
    request->plan = put;
    put->plan_id = text_of(work, plan->id);
    put->employer_id = text_of(work, work->world.employers[plan->employer].id);
    put->type = (Passerelle__V1__PlanType)plan_types[plan->type];
    put->monthly_fee_cents = plan->fee_cents;
    put->included_units = (uint32_t)plan->units;
    put->overage = plan->refuses               ? PASSERELLE__V1__OVERAGE__OVERAGE_REFUSE
                   : plan->type == WORLD_USAGE ? PASSERELLE__V1__OVERAGE__OVERAGE_UNSPECIFIED
                                               : PASSERELLE__V1__OVERAGE__OVERAGE_CHARGE;
    put->holder_cap_cents = plan->holder_cap_cents;
    put->contract_cap_cents = plan->contract_cap_cents;
    put->offline_rule = (Passerelle__V1__OfflineRule)plan->offline_rule;
    return &request->base;
}

static Passerelle__V1__PolicyRule *add_rule(struct work *work, Passerelle__V1__EmployerPolicy *put,
                                            Passerelle__V1__PolicyRuleKind kind, bool warns)
{
    Passerelle__V1__PolicyRule *rule = NEW(policy_rule);
    rule->kind = kind;
    rule->enforcement = warns ? PASSERELLE__V1__ENFORCEMENT__ENFORCEMENT_WARN
                              : PASSERELLE__V1__ENFORCEMENT__ENFORCEMENT_BLOCK;
    put->rules[put->n_rules++] = rule;
    return rule;
}

/* The numbers of a mask; how many. */
static size_t list_of(struct work *work, unsigned mask, int zero, void *out)
{
    int *numbers = ARENA_ARRAY(work->sim->arena, 8, int);
    size_t count = 0;
    for (int i = 0; i < 8; i++) {
        if ((mask & 1u << i) != 0) {
            numbers[count++] = i + zero;
        }
    }
    *(int **)out = numbers;
    return count;
}

static const ProtobufCMessage *
policy_request(struct work *work, const struct world_version *version, uint8_t id[static 16])
{
    const struct world_policy *p = &version->policy;
    Passerelle__V1__SetEmployerPolicyRequest *request = NEW(set_employer_policy_request);
    Passerelle__V1__EmployerPolicy *put = NEW(employer_policy);
    request->request_id = work_request_id(work, id);
    request->policy = put;
    put->employer_id = text_of(work, work->world.employers[version->index].id);
    put->rules = ARENA_ARRAY(work->sim->arena, 8, Passerelle__V1__PolicyRule *);
    if (p->weekdays != 0) {
        Passerelle__V1__PolicyRule *rule = add_rule(work, put, RULE(WEEKDAYS), p->warns);
        rule->n_weekdays = list_of(work, p->weekdays, 1, &rule->weekdays);
    }
    if (p->resources != 0) {
        Passerelle__V1__PolicyRule *rule = add_rule(work, put, RULE(RESOURCES), p->warns);
        rule->n_resources = list_of(work, p->resources, 0, &rule->resources);
    }
    if (p->zones != 0) {
        Passerelle__V1__PolicyRule *rule = add_rule(work, put, RULE(ZONES), p->warns);
        rule->n_zones = list_of(work, p->zones, 1, &rule->zones);
    }
    if (p->days_a_week != 0) {
        add_rule(work, put, RULE(DAYS_A_WEEK), p->warns)->number = (uint32_t)p->days_a_week;
    }
    if (p->holder_cap_cents != 0) {
        add_rule(work, put, RULE(HOLDER_CAP), p->warns)->cents = p->holder_cap_cents;
    }
    if (p->contract_cap_cents != 0) {
        add_rule(work, put, RULE(CONTRACT_CAP), p->warns)->cents = p->contract_cap_cents;
    }
    return &request->base;
}

static const ProtobufCMessage *
holder_request(struct work *work, const struct world_version *version, uint8_t id[static 16])
{
    struct buf csv = BUF_INIT;
    const struct world *world = &work->world;
    Passerelle__V1__ImportHoldersRequest *request = NEW(import_holders_request);
    request->request_id = work_request_id(work, id);
    request->employer_id =
        text_of(work, world->employers[world->plans[version->holder.plan].employer].id);
    buf_text(&csv, world_holder_header);
    world_holder_line(world, version->index, &version->holder, &csv);
    request->csv = wire_bytes(arena_copy(work->sim->arena, buf_content(&csv)));
    buf_release(&csv);
    return &request->base;
}

static const ProtobufCMessage *rules_request(struct work *work, const struct world_version *version,
                                             uint8_t id[static 16])
{
    const struct world_rules *rules = &version->rules;
    Passerelle__V1__SetPolicyRequest *request = NEW(set_policy_request);
    Passerelle__V1__NetworkPolicy *put = NEW(network_policy);
    request->request_id = work_request_id(work, id);
    request->policy = put;
    put->proof_window_s = (uint32_t)rules->proof_window_s;
    put->horizon_hours = 72;
    put->offline_units_phone = (uint32_t)rules->phone_units;
    put->offline_units_card = (uint32_t)rules->card_units;
    put->correction_hours = (uint32_t)rules->correction_hours;
    put->paper_hours = (uint32_t)rules->paper_hours;
    put->undo_s = (uint32_t)rules->undo_s;
    put->tariff_notice_days = 7;
    put->carry_under_cents = 500;
    put->close_wait_days = 10;
    put->netting = PASSERELLE__V1__NETTING_MODE__NETTING_MODE_OPERATOR;
    put->padded_stays_min = (uint32_t)rules->padded_stays_min;
    put->padded_deviations = (uint32_t)rules->padded_deviations;
    put->padded_per_thousand = (uint32_t)rules->padded_per_thousand;
    put->padded_minutes = (uint32_t)rules->padded_minutes;
    return &request->base;
}

/* NULL: the hub is down, and nobody can look up what stands there. */
static const ProtobufCMessage *
places_request(struct work *work, const struct world_version *version, uint8_t id[static 16])
{
    struct sim_node *hub = &work->hub;
    struct fault fault = FAULT_NONE;
    if (!hub->up) {
        return NULL;
    }
    Passerelle__V1__PutSiteRequest *request = NEW(put_site_request);
    request->request_id = work_request_id(work, id);
    node_must(hub, db_begin_read(hub->service.db, &fault), &fault, "begin");
    request->site = (void *)wire_clone(work->sim->arena,
                                       &registry_site(hub->service.db, work->sim->arena,
                                                      view_of(work->world.sites[version->index].id))
                                            ->base);
    node_must(hub, db_end(hub->service.db, &fault), &fault, "read");
    request->site->desks = version->places.of[WORLD_DESK];
    request->site->meeting_rooms = version->places.of[WORLD_ROOM];
    request->site->booths = version->places.of[WORLD_BOOTH];
    return &request->base;
}

static const struct {
    const char *service;
    const char *method;
    const ProtobufCMessage *(*request)(struct work *work, const struct world_version *version,
                                       uint8_t id[static 16]);
} kinds[] = {
    [WORLD_PLAN] = {"EmployerService", "PutPlan", plan_request},
    [WORLD_HOLDER] = {"EmployerService", "ImportHolders", holder_request},
    [WORLD_POLICY] = {"EmployerService", "SetEmployerPolicy", policy_request},
    [WORLD_RULES] = {"NetworkService", "SetPolicy", rules_request},
    [WORLD_PLACES] = {"NetworkService", "PutSite", places_request},
};

/* ---- what they think of ---- */

static int64_t maybe_cap(struct dice *dice)
{
    return dice_below(dice, 3) > 0 ? 0 : dice_between(dice, 2000, 20000);
}

static unsigned some_of(struct dice *dice, unsigned all)
{
    unsigned some = (unsigned)dice_draw(dice) & all;
    return dice_below(dice, 3) > 0 || some == 0 ? 0 : some | (unsigned)(dice_draw(dice) & all);
}

static void draw_plan(struct dice *dice, struct world_plan *plan)
{
    switch (dice_below(dice, 5)) {
    case 0:
        plan->refuses = plan->type != WORLD_USAGE && !plan->refuses;
        break;
    case 1:
        plan->holder_cap_cents = maybe_cap(dice);
        break;
    case 2:
        plan->contract_cap_cents = maybe_cap(dice);
        break;
    case 3:
        if (plan->type == WORLD_SUBSCRIPTION) {
            plan->units = dice_between(dice, 1, 6);
            plan->fee_cents = dice_between(dice, 3000, 9000);
        }
        break;
    default:
        plan->offline_rule = (int)dice_between(dice, WORLD_OFFLINE_ALWAYS, WORLD_OFFLINE_NEVER);
        break;
    }
}

static void draw_policy(struct dice *dice, struct world_policy *policy)
{
    *policy = (struct world_policy){
        .weekdays = some_of(dice, 127),
        .resources = some_of(dice, 1u << WORLD_ROOM | 1u << WORLD_BOOTH),
        .zones = some_of(dice, 7),
        .days_a_week = dice_below(dice, 4) > 0 ? 0 : (int)dice_between(dice, 1, 3),
        .holder_cap_cents = maybe_cap(dice),
        .contract_cap_cents = maybe_cap(dice),
    };
    policy->resources |= policy->resources != 0 ? 1u << WORLD_DESK : 0;
    policy->warns =
        dice_below(dice, 4) == 0 && (policy->weekdays | policy->resources | policy->zones) != 0;
}

static void draw_rules(struct dice *dice, struct world_rules *rules)
{
    static const int64_t windows_s[] = {15, 60, 180}, undo_s[] = {0, 10, 60},
                         hours[] = {0, 3, 12, 72};
    switch (dice_below(dice, 6)) {
    case 0:
        rules->proof_window_s = windows_s[dice_below(dice, 3)];
        break;
    case 1:
        rules->undo_s = undo_s[dice_below(dice, 3)];
        break;
    case 2:
        rules->correction_hours = hours[dice_below(dice, 4)];
        break;
    case 3:
        rules->paper_hours = hours[dice_below(dice, 4)];
        break;
    default:
        rules->phone_units = dice_between(dice, 0, 6);
        rules->card_units = dice_between(dice, 0, 4);
        break;
    }
}

/* To another plan of its employer; or for other days. */
static void draw_holder(struct work *work, struct dice *dice, struct world_holder *holder)
{
    struct day today = day_of_instant(sim_utc_ms(work->sim));
    const struct world_plan *plans = work->world.plans;
    int plan = (int)dice_below(dice, work->world.plan_count);
    if (plan != holder->plan && plans[plan].employer == plans[holder->plan].employer) {
        holder->plan = plan;
        return;
    }
    holder->from = dice_below(dice, 2) == 0 ? (struct day){0}
                                            : day_plus(today, (int)dice_between(dice, -3, 1));
    holder->to =
        dice_below(dice, 2) == 0 ? (struct day){0} : day_plus(today, (int)dice_between(dice, 1, 4));
}

static void draw_places(struct dice *dice, struct world_places *places)
{
    places->of[WORLD_DESK] = (uint32_t)dice_between(dice, 1, 8);
    places->of[WORLD_ROOM] = (uint32_t)dice_between(dice, 1, 2);
}

static void draw(struct work *work, struct world_version *version)
{
    struct dice *dice = &work->sim->dice;
    const struct world *world = &work->world;
    int64_t what = dice_below(dice, 12);
    *version = (struct world_version){0};
    if (what < 3) {
        version->index = (int)dice_below(dice, world->plan_count);
        version->plan = world->plans[version->index];
        draw_plan(dice, &version->plan);
    } else if (what < 6) {
        version->kind = WORLD_HOLDER;
        version->index = (int)dice_below(dice, world->holder_count);
        version->holder = world->holders[version->index];
        draw_holder(work, dice, &version->holder);
    } else if (what < 8) {
        version->kind = WORLD_POLICY;
        version->index = (int)dice_below(dice, world->employer_count);
        draw_policy(dice, &version->policy);
    } else if (what < 10) {
        version->kind = WORLD_RULES;
        version->rules = world->rules;
        draw_rules(dice, &version->rules);
    } else {
        version->kind = WORLD_PLACES;
        version->index = (int)dice_below(dice, world->site_count);
        version->places = world->sites[version->index].places;
        draw_places(dice, &version->places);
    }
}

void terms_change_now(struct work *work, struct world_version *version)
{
    uint8_t id[16];
    const ProtobufCMessage *request = kinds[version->kind].request(work, version, id);
    work_must(work, &work->hub, -1, work_who(ROLE_OPERATOR, "olive"), kinds[version->kind].service,
              kinds[version->kind].method, request);
    version->seq = node_feed_size(
        &work->hub,
        version->kind == WORLD_RULES || version->kind == WORLD_PLACES ? "net" : "books");
    world_change(&work->world, version);
}

void terms_begin(struct work *work)
{
    struct dice *dice = &work->sim->dice;
    if (work->sim->params.terms_every_ms == 0) {
        return;
    }
    for (int i = 0; i < work->world.plan_count; i++) {
        struct world_version version = {.index = i, .plan = work->world.plans[i]};
        draw_plan(dice, &version.plan);
        if (dice_below(dice, 2) == 0) {
            version.plan.offline_rule =
                (int)dice_between(dice, WORLD_OFFLINE_ALWAYS, WORLD_OFFLINE_NEVER);
        }
        terms_change_now(work, &version);
    }
    for (int i = 0; i < work->world.employer_count; i++) {
        struct world_version version = {.kind = WORLD_POLICY, .index = i};
        if (dice_below(dice, 2) == 0) {
            draw_policy(dice, &version.policy);
            terms_change_now(work, &version);
        }
    }
}

static void terms_event(struct sim *sim, void *context)
{
    (void)context;
    struct work *work = sim->work;
    if (sim->calm) {
        return;
    }
    sim_after(sim, dice_below(&sim->dice, 2 * sim->params.terms_every_ms), terms_event, NULL);
    struct world_version *version = ARENA_NEW(sim->arena, struct world_version);
    uint8_t id[16];
    draw(work, version);
    /* One after the other: nobody can say which of two came first whose answers were lost. */
    const ProtobufCMessage *request =
        work->changing ? NULL : kinds[version->kind].request(work, version, id);
    if (request == NULL) {
        return;
    }
    struct op *op = work_op_new(
        work, OP_TERMS, -1, node_method(kinds[version->kind].service, kinds[version->kind].method));
    memcpy(op->id, id, sizeof op->id);
    op->change = version;
    op->in_books = version->kind < WORLD_RULES;
    work->changing = true;
    work_op_begin(work, op, request);
}

void terms_plan(struct work *work)
{
    struct sim *sim = work->sim;
    if (sim->params.terms_every_ms > 0) {
        sim_after(sim, dice_below(&sim->dice, 2 * sim->params.terms_every_ms), terms_event, NULL);
    }
}

/* ---- what the hub says ---- */

/* A holder with visits that the hub knows of keeps its plan: those were made under it. */
static bool may_move(const struct work *work, const struct op *op, const struct node_call *mine)
{
    const struct world_version *change = op->change;
    const struct model *model = &work->model;
    if (change->kind != WORLD_HOLDER ||
        work->world.holders[change->index].plan == change->holder.plan) {
        return true;
    }
    for (size_t i = 0; i < model->visit_count; i++) {
        const struct model_visit *visit = &model->visits[i];
        if (visit->holder == change->index && visit->state != MODEL_LOST &&
            visit->begun_seq <= mine->sizes[visit->site]) {
            return false;
        }
    }
    return true;
}

void terms_judge(struct work *work, struct op *op, struct node_call *mine)
{
    const struct call *call = &mine->call;
    bool done = call->error.code == CODE_OK;
    const char *why = done ? "" : call->error.message;
    if (done && op->change->kind == WORLD_HOLDER) {
        const Passerelle__V1__ImportTableResponse *report =
            ((const Passerelle__V1__ImportHoldersResponse *)call->response)->report;
        done = report->done;
        why = report->n_reports > 0 ? report->reports[0]->problem : "";
    }
    bool expected = may_move(work, op, mine);
    if (!op->doubt && done != expected) {
        sim_fail(work->sim, "%s of %d: the model says %s, the hub says %s %s", op->method->name,
                 op->change->index, expected ? "yes" : "no", done ? "yes" : "no", why);
    }
    work->changing = false;
    work->changes += done;
    if (done) {
        struct world_version version = *op->change;
        version.seq = mine->own_size;
        world_change(&work->world, &version);
    }
}
