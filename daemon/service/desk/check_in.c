/* CheckIn: facts are gathered step by step, the cheap ones first, and the decision looks after each
 * step: what refuses early costs little. */
#include "core/pass/card.h"
#include "core/policy/policy.h"
#include "core/visit/check_in.h"
#include "core/visit/stay.h"
#include "passerelle/v1/desk.pb-c.h"
#include "service/desk/away.h"
#include "service/desk/memory.h"
#include "wire/pack.h"

struct check_in {
    uint8_t visit_id[16];
    struct desk_site *site;
    Passerelle__V1__Resource resource;
    int64_t now_utc_ms;
    const struct scanned *scanned; /* NULL: a card's number was typed */
    bool has_pass;
    struct registry_pass pass;
    const Passerelle__V1__HolderPut *holder;
    const struct desk_plan *plan;
    bool by_token;               /* a pass that this site has not heard of */
    struct holder_visits visits; /* of today */
    struct check_in_facts facts;
    struct policy_verdict policy;
    struct check_in_decision decision;
};

_Static_assert((int)REFUSAL_BAD_TOKEN == (int)PASSERELLE__V1__REFUSAL_CODE__REFUSAL_CODE_BAD_TOKEN,
               "codes are those of the contract");
_Static_assert((int)REFUSAL_OFFLINE_LIMIT ==
                   (int)PASSERELLE__V1__REFUSAL_CODE__REFUSAL_CODE_OFFLINE_LIMIT,
               "codes are those of the contract");

/* ---- facts ---- */

static void later(struct day *day, const char *text)
{
    struct day other;
    if (day_parse(view_of(text), &other) == E_OK && day_compare(other, *day) > 0) {
        *day = other;
    }
}

static void earlier(struct day *day, const char *text)
{
    struct day other;
    if (day_parse(view_of(text), &other) == E_OK && day_compare(other, *day) < 0) {
        *day = other;
    }
}

/* Whether there may be passes, and units used elsewhere, that this site has not heard of: a hub
 * knows them all, and a site that has all and hears from its hub does too. */
static bool knows_in_part(const struct service *service)
{
    return service->node->role == NODE_SITE &&
           (!node_is_connected(service->node) || !atomic_load(&service->node->complete));
}

/* The pass as its token tells of it; whose it is stands there not. */
static void take_token(struct call *call, struct check_in *in, const struct token *token)
{
    Passerelle__V1__PassIssued *issued =
        wire_new(call->arena, &passerelle__v1__pass_issued__descriptor);
    issued->pass_id =
        wire_bytes(arena_copy(call->arena, view_bytes(token->pass_id, sizeof token->pass_id)));
    issued->medium = token->has_device ? PASSERELLE__V1__MEDIUM__MEDIUM_PHONE
                                       : PASSERELLE__V1__MEDIUM__MEDIUM_CARD;
    issued->offline_rule = (Passerelle__V1__OfflineRule)token->offline;
    in->pass = (struct registry_pass){.issued = issued,
                                      .state = PASSERELLE__V1__PASS_STATE__PASS_STATE_ACTIVE};
    if (token->has_device) {
        in->pass.device_public_key =
            arena_copy(call->arena, view_bytes(token->device_key, ED25519_PUBLIC_LEN));
    }
    in->has_pass = true;
    in->by_token = true;
    in->facts.unknown_pass = false;
}

/* `net` tells of a pass before the hub tells the terms of its holder. */
static const Passerelle__V1__HolderPut *holder_of_pass(struct call *call,
                                                       const Passerelle__V1__PassIssued *issued)
{
    Passerelle__V1__HolderPut *holder =
        wire_new(call->arena, &passerelle__v1__holder_put__descriptor);
    holder->holder_id = issued->holder_id;
    holder->employer_id = issued->employer_id;
    holder->plan_id = issued->plan_id;
    holder->medium = issued->medium;
    return holder;
}

static void facts_of_token(struct service *service, struct call *call, struct check_in *in)
{
    const Passerelle__V1__CheckInRequest *request = (const void *)call->request;
    struct check_in_facts *facts = &in->facts;
    if (request->credential_case == PASSERELLE__V1__CHECK_IN_REQUEST__CREDENTIAL_CARD_NUMBER) {
        char number[CARD_DIGITS + 1];
        if (card_number_parse(view_of(request->card_number), number) != E_OK) {
            facts->unreadable = true;
            return;
        }
        in->has_pass =
            registry_pass_by_number(service->db, call->arena, view_of(number), &in->pass);
        facts->unknown_pass = !in->has_pass;
        return;
    }
    const struct scanned *scanned = desk_scanned(service, call, request->scan);
    in->scanned = scanned;
    facts->unknown_key = scanned->verdict == TOKEN_KEY_UNKNOWN;
    facts->forged = scanned->verdict == TOKEN_FORGED;
    /* A card has no device that could sign a proof: such a code was put together by somebody. */
    facts->unreadable = !scanned->has_token || (scanned->has_proof && !scanned->token.has_device);
    if (scanned->has_token) {
        in->has_pass = registry_pass(
            service->db, call->arena,
            view_bytes(scanned->token.pass_id, sizeof scanned->token.pass_id), &in->pass);
        facts->unknown_pass = !in->has_pass; /* the hub knows them all */
        if (!in->has_pass && scanned->verdict == TOKEN_VALID && knows_in_part(service)) {
            take_token(call, in, &scanned->token);
        }
    }
}

static bool same_device(const struct scanned *scanned, const struct registry_pass *pass)
{
    struct view device = pass->device_public_key;
    return scanned->token.has_device
               ? view_equal(device, view_bytes(scanned->token.device_key, ED25519_PUBLIC_LEN))
               : device.len == 0;
}

static void facts_of_pass(struct service *service, struct call *call, struct check_in *in)
{
    struct check_in_facts *facts = &in->facts;
    const Passerelle__V1__PassIssued *issued = in->pass.issued;
    in->holder = registry_holder(service->db, call->arena, view_of(issued->holder_id));
    if (in->holder == NULL && service->node->role == NODE_SITE) {
        in->holder = holder_of_pass(call, issued);
    }
    later(&facts->valid_from, issued->valid_from);
    earlier(&facts->valid_until, issued->valid_until);
    if (in->holder != NULL) {
        later(&facts->valid_from, in->holder->active_from);
        earlier(&facts->valid_until, in->holder->active_to);
    }
    if (in->scanned != NULL) {
        const struct token *token = &in->scanned->token;
        if (token->valid_from_day != 0 && token->valid_from_day > facts->valid_from.number) {
            facts->valid_from.number = token->valid_from_day;
        }
        if (token->valid_until_day != 0 && token->valid_until_day < facts->valid_until.number) {
            facts->valid_until.number = token->valid_until_day;
        }
    }
    facts->suspended = in->pass.state == PASSERELLE__V1__PASS_STATE__PASS_STATE_SUSPENDED;
    facts->revoked = in->pass.state == PASSERELLE__V1__PASS_STATE__PASS_STATE_REVOKED ||
                     in->pass.replaced_by.len > 0 || in->holder == NULL ||
                     (in->scanned != NULL && !same_device(in->scanned, &in->pass));
    facts->proof_needed = issued->medium == PASSERELLE__V1__MEDIUM__MEDIUM_PHONE;
    facts->proof_given = in->scanned != NULL && in->scanned->has_proof;
    if (facts->proof_given) {
        facts->proof_signed = in->scanned->proof_signed;
        facts->proof_age = proof_age(in->scanned->proof_utc_s, in->now_utc_ms,
                                     service->desk->policy->proof_window_s, 0);
        facts->proof_seen =
            desk_proof_seen(service->desk, in->scanned->hash, in->scanned->proof_utc_s);
    }
}

/* Days of this week, from `monday` on, with a visit elsewhere, as the hub told. */
static uint32_t days_told(struct service *service, struct call *call, const struct check_in *in,
                          struct day monday)
{
    struct day week;
    const Passerelle__V1__HolderStanding *told =
        service->node->role == NODE_SITE
            ? told_of_holder(service, call->arena, view_of(in->holder->holder_id))
            : NULL;
    bool this_week = told != NULL && day_parse(view_of(told->week), &week) == E_OK &&
                     day_compare(week, monday) == 0;
    return this_week ? told->days : 0;
}

static uint32_t days_of_week(struct service *service, struct call *call, const struct check_in *in)
{
    struct day today = in->facts.today;
    struct day monday = day_plus(today, -(int)day_weekday(today));
    struct holder_visits week =
        holder_visits(service, call->arena, view_of(in->holder->holder_id), monday, today);
    uint32_t days = days_told(service, call, in, monday) | 1u << (today.number - monday.number);
    for (size_t i = 0; i < week.count; i++) {
        const struct visit_row *row = &week.rows[i];
        if (row->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_OPEN ||
            row->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_CLOSED) {
            days |= 1u << (row->day.number - monday.number);
        }
    }
    return (uint32_t)__builtin_popcount(days);
}

static unsigned entitlement_of(Passerelle__V1__Resource resource)
{
    switch (resource) {
    case PASSERELLE__V1__RESOURCE__RESOURCE_MEETING_ROOM:
        return TOKEN_MEETING_ROOM;
    case PASSERELLE__V1__RESOURCE__RESOURCE_BOOTH:
        return TOKEN_BOOTH;
    default:
        return TOKEN_DESK;
    }
}

static void facts_of_rules(struct service *service, struct call *call, struct check_in *in)
{
    struct check_in_facts *facts = &in->facts;
    const Passerelle__V1__Site *site = in->site->site;
    in->plan = desk_plan(service, view_of(in->holder->plan_id));
    const Passerelle__V1__EmployerPolicy *policy = in->plan == NULL ? NULL : in->plan->policy;
    struct policy_question question = {
        .resource = in->resource,
        .zone = site->zone,
        .security_level = site->security_level,
        .weekday = day_weekday(facts->today),
        .days_this_week = policy_counts_days(policy) ? days_of_week(service, call, in) : 1,
    };
    policy_look(policy, &question, &in->policy);
    facts->entitlement_broken = in->policy.blocked;
    if (in->scanned != NULL &&
        (in->scanned->token.entitlements & entitlement_of(in->resource)) == 0) {
        facts->entitlement_broken = "entitlements";
    }
}

static void facts_of_site(struct service *service, struct call *call, struct check_in *in)
{
    struct check_in_facts *facts = &in->facts;
    facts->site_closed = !site_is_open(in->site->site, &in->site->hours, in->now_utc_ms);
    facts->capacity = site_capacity(in->site->site, in->resource);
    facts->taken = desk_present(service, in->site)[in->resource];
    in->visits = holder_visits(service, call->arena, view_of(in->holder->holder_id), facts->today,
                               facts->today);
    for (size_t i = 0; in->resource == DESK_RESOURCE && i < in->visits.count; i++) {
        const struct visit_row *row = &in->visits.rows[i];
        if (row->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_OPEN &&
            row->resource == DESK_RESOURCE && row->feed_no == in->site->feed_no &&
            (!in->by_token || view_equal(row->pass_id, wire_view(in->pass.issued->pass_id))) &&
            visit_cut_utc_ms(service, &in->visits, row) == 0) {
            facts->already_in = true;
        }
    }
}

static void facts_of_money(struct service *service, struct call *call, struct check_in *in)
{
    struct check_in_facts *facts = &in->facts;
    struct policy_sums sums;
    const char *cost_centre;
    if (in->plan == NULL) {
        return;
    }
    struct money_question question = {
        .plan = in->plan,
        .site = in->site,
        .holder_id = view_of(in->holder->holder_id),
        .resource = in->resource,
        .now_utc_ms = in->now_utc_ms,
    };
    if (desk_money(service, call, &question, &sums, &facts->no_credit, &cost_centre)) {
        struct policy_verdict caps = in->policy;
        caps.blocked = NULL;
        policy_look_at_caps(in->plan->plan, in->plan->policy, cost_centre, &sums, &caps);
        facts->cap_reached = caps.blocked;
        caps.blocked = in->policy.blocked;
        in->policy = caps;
    }
    if (in->plan->cut_off) {
        facts->cap_reached = "issuer_exposure";
    }
}

/* Units that the plan still had when the hub last told. */
static int64_t units_told(struct service *service, struct call *call, const struct check_in *in)
{
    const Passerelle__V1__Plan *plan = in->plan->plan;
    if (plan->type == PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_CARNET) {
        const Passerelle__V1__PlanStanding *told =
            told_of_plan(service, call->arena, view_of(plan->plan_id));
        return told == NULL ? 0 : told->units_left;
    }
    char month[8];
    const Passerelle__V1__HolderStanding *told =
        told_of_holder(service, call->arena, view_of(in->holder->holder_id));
    month_format(month_of(in->facts.today), month);
    return told != NULL && strcmp(told->month, month) == 0 ? told->units_left
                                                           : (int64_t)plan->included_units;
}

static void facts_of_distance(struct service *service, struct call *call, struct check_in *in)
{
    if (!knows_in_part(service)) {
        return;
    }
    const Passerelle__V1__PassIssued *issued = in->pass.issued;
    struct view holder_id = view_of(in->holder->holder_id);
    struct view pass_id = wire_view(issued->pass_id);
    struct offline_facts offline = {
        .rule = in->scanned != NULL ? (Passerelle__V1__OfflineRule)in->scanned->token.offline
                                    : issued->offline_rule,
        .allowance = offline_allowance(service->desk->policy, issued->medium),
        .pass_spent = away_spent_by(service, pass_id),
        .site_spent = away_spent(service),
        .site_limit = away_site_limit(service, in->site),
    };
    if (in->resource == DESK_RESOURCE) {
        offline.units = away_units_asked(service, holder_id, pass_id);
    }
    const Passerelle__V1__Plan *plan = in->plan == NULL ? NULL : in->plan->plan;
    if (plan != NULL && plan->overage == PASSERELLE__V1__OVERAGE__OVERAGE_REFUSE &&
        plan->type != PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_USAGE) {
        offline.refuses_overage = true;
        offline.units_left = units_told(service, call, in);
    }
    in->facts.offline_limit = offline_objection(&offline);
}

static bool refused(struct check_in *in)
{
    in->decision = check_in_decide(&in->facts);
    return in->decision.refusal != REFUSAL_NONE;
}

static void gather_and_decide(struct service *service, struct call *call, struct check_in *in)
{
    in->facts = CHECK_IN_FACTS_INIT;
    in->facts.today = day_of_instant(in->now_utc_ms);
    facts_of_token(service, call, in);
    if (!in->has_pass || refused(in)) {
        refused(in);
        return;
    }
    facts_of_pass(service, call, in);
    if (refused(in)) {
        return;
    }
    facts_of_rules(service, call, in);
    facts_of_site(service, call, in);
    if (refused(in)) {
        return;
    }
    facts_of_money(service, call, in);
    if (!refused(in)) {
        facts_of_distance(service, call, in);
        refused(in);
    }
}

/* A visit's id is that of its request. Whoever has the visit and not the answer was restored, or
 * got the feed from another keeper. */
static int check_free(struct service *service, struct call *call, const struct check_in *in)
{
    struct visit_row before;
    if (!visits_by_id(service->db, call->arena, in->site->feed_no,
                      view_bytes(in->visit_id, sizeof in->visit_id), &before)) {
        return 0;
    }
    return call_fail(call, CODE_ALREADY_EXISTS,
                     "this request let somebody in before, and its answer is lost: look who is in, "
                     "or make a fresh UUIDv7");
}

int check_in_decide_call(struct service *service, struct call *call)
{
    const Passerelle__V1__CheckInRequest *request = (const void *)call->request;
    struct check_in *in = ARENA_NEW(call->arena, struct check_in);
    call->decision = in;
    in->site = desk_site_of_call(service, call, request->site_id);
    if (in->site == NULL || call_check_request_id(call, request->request_id, in->visit_id) != 0) {
        return -1;
    }
    if (request->credential_case == PASSERELLE__V1__CHECK_IN_REQUEST__CREDENTIAL__NOT_SET) {
        return call_violation(call, "scan", "send what was scanned, or the number of a card");
    }
    in->resource = request->resource == PASSERELLE__V1__RESOURCE__RESOURCE_UNSPECIFIED
                       ? DESK_RESOURCE
                       : request->resource;
    if (in->resource < DESK_RESOURCE || in->resource > PASSERELLE__V1__RESOURCE__RESOURCE_BOOTH) {
        return call_violation(call, "resource", "choose a desk, a meeting room or a booth");
    }
    in->now_utc_ms = service_now(service);
    gather_and_decide(service, call, in);
    return in->decision.refusal == REFUSAL_NONE ? check_free(service, call, in) : 0;
}

/* ---- what follows ---- */

DB_SQL(put_refusal, "INSERT INTO refusal (feed_no, at_utc_ms, code, rule, pass_id, author) "
                    "VALUES (:feed_no, :at_utc_ms, :code, :rule, :pass_id, :author)");

static void record_refusal(struct service *service, struct call *call, const struct check_in *in)
{
    struct query *query = db_query(service->db, &put_refusal);
    query_bind_int(query, "feed_no", in->site->feed_no);
    query_bind_int(query, "at_utc_ms", in->now_utc_ms);
    query_bind_int(query, "code", (int64_t)in->decision.refusal);
    query_bind_text(query, "rule", view_of(in->decision.rule));
    if (in->has_pass) {
        query_bind_blob(query, "pass_id", wire_view(in->pass.issued->pass_id));
    }
    query_bind_text(query, "author", view_of(call->who.author));
    query_run(query);
}

static const struct refusal_text *text_of(const struct service *service,
                                          const struct check_in_decision *decision)
{
    const char *rule = decision->rule;
    if (decision->refusal == REFUSAL_OFFLINE_LIMIT) {
        rule = node_is_untaken(service->node)       ? "untaken"
               : node_is_catching_up(service->node) ? "catching_up"
                                                    : rule;
    }
    return refusal_text(decision->refusal, rule);
}

static Passerelle__V1__Refusal *refusal_message(struct service *service, struct call *call,
                                                const struct check_in_decision *decision)
{
    const struct refusal_text *text = text_of(service, decision);
    Passerelle__V1__Refusal *refusal = wire_new(call->arena, &passerelle__v1__refusal__descriptor);
    refusal->code = (Passerelle__V1__RefusalCode)decision->refusal;
    refusal->rule = wire_string(call->arena, view_of(decision->rule));
    refusal->sentence_fr = wire_string(call->arena, view_of(text->sentence_fr));
    refusal->sentence_en = wire_string(call->arena, view_of(text->sentence_en));
    refusal->next_step_fr = wire_string(call->arena, view_of(text->next_step_fr));
    refusal->next_step_en = wire_string(call->arena, view_of(text->next_step_en));
    return refusal;
}

static Passerelle__V1__Source source_of(const struct service *service)
{
    return knows_in_part(service) ? PASSERELLE__V1__SOURCE__SOURCE_OFFLINE
                                  : PASSERELLE__V1__SOURCE__SOURCE_ONLINE;
}

static void append_opened(struct service *service, struct call *call, struct check_in *in)
{
    uint8_t nonce[16];
    env_random(service->node->env, nonce, sizeof nonce);
    Passerelle__V1__VisitOpened opened = PASSERELLE__V1__VISIT_OPENED__INIT;
    opened.visit_id = wire_bytes(view_bytes(in->visit_id, sizeof in->visit_id));
    opened.pass_id = in->pass.issued->pass_id;
    opened.holder_id = in->holder->holder_id;
    opened.resource = in->resource;
    opened.in_utc_ms = in->now_utc_ms;
    opened.medium = in->pass.issued->medium;
    opened.source = source_of(service);
    if (in->scanned != NULL) {
        opened.token_hash = wire_bytes(view_bytes(in->scanned->hash, SHA256_LEN));
        if (in->scanned->has_proof) {
            opened.proof_second = in->scanned->proof_utc_s;
            opened.proof_signature =
                wire_bytes(view_bytes(in->scanned->proof_signature, ED25519_SIGNATURE_LEN));
            desk_proof_use(service->desk, in->scanned->hash, in->scanned->proof_utc_s);
        }
    }
    opened.tariff_version = desk_tariff(service->desk, in->facts.today);
    opened.nonce = wire_bytes(view_bytes(nonce, sizeof nonce));
    journal_append(service, view_of(call->who.author), in->site->id,
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_OPENED, &opened.base);
}

static void let_in(struct service *service, struct call *call, struct check_in *in,
                   Passerelle__V1__CheckInResponse *response)
{
    struct visit_row row = {
        .feed_no = in->site->feed_no,
        .visit_id = view_bytes(in->visit_id, sizeof in->visit_id),
        .holder_id = view_of(in->holder->holder_id),
        .resource = in->resource,
        .medium = in->pass.issued->medium,
        .source = source_of(service),
        .state = PASSERELLE__V1__VISIT_STATE__VISIT_STATE_OPEN,
        .day = in->facts.today,
        .in_utc_ms = in->now_utc_ms,
    };
    append_opened(service, call, in);
    int64_t closing_utc_ms = stay_closing_utc_ms(&in->site->hours, in->now_utc_ms);
    struct desk *desk = service->desk;
    if (closing_utc_ms < desk->next_close_utc_ms) {
        desk->next_close_utc_ms = closing_utc_ms;
    }
    response->accepted = true;
    response->visit = desk_visit(service, call->arena, in->site->site->site_id, &row, false, 0);
    response->visit->pass_number = in->pass.issued->number;
    row.pass_id = wire_view(in->pass.issued->pass_id); /* not before: it would be looked up */
    desk_changed(service, in->site, row.holder_id, &row, 1, &in->visits);
    response->check_identity = in->pass.issued->medium == PASSERELLE__V1__MEDIUM__MEDIUM_CARD;
    response->warnings = ARENA_ARRAY(call->arena, in->policy.warning_count + 1, char *);
    for (size_t i = 0; i < in->policy.warning_count; i++) {
        response->warnings[response->n_warnings++] =
            wire_string(call->arena, view_of(in->policy.warnings[i]));
    }
}

int check_in_apply(struct service *service, struct call *call)
{
    struct check_in *in = call->decision;
    Passerelle__V1__CheckInResponse *response = call_respond(call);
    if (in->site->feed_no == 0) {
        journal_open_feed(service, in->site->id, view_of("hub"));
        in->site = desk_site(service, in->site->id);
    }
    if (in->decision.refusal != REFUSAL_NONE) {
        record_refusal(service, call, in);
        response->refusal = refusal_message(service, call, &in->decision);
    } else {
        let_in(service, call, in, response);
    }
    response->n_occupancy = desk_occupancy(call->arena, in->site->site,
                                           desk_present(service, in->site), &response->occupancy);
    response->knowledge = desk_knowledge(service, call->arena);
    return 0;
}

void check_in_complete(struct service *service, struct call *call)
{
    Passerelle__V1__CheckInResponse *response = (void *)call->response;
    const struct check_in *in = call->decision; /* NULL: the answer is one that was stored */
    if (in != NULL && response->visit != NULL && service->node->role == NODE_HUB) {
        response->visit->display_name =
            desk_display_name(service, call->arena, view_of(in->holder->holder_id));
    } else {
        desk_name_visit(service, call, response->visit);
    }
}
