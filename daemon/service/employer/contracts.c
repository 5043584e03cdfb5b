/* Employers, plans, carnets: who may write them, and lists of one's own. */
#include "service/contracts.h"
#include "service/employer/internal.h"
#include "service/journal.h"
#include "store/view/registry.h"
#include "wire/pack.h"

#define UNCHANGED PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_UNCHANGED

int scope_issuer(struct call *call, const char *issuer_member_id)
{
    if (scope_is_operator(call) ||
        (call->who.role == ROLE_MEMBER && strcmp(call->who.party, issuer_member_id) == 0)) {
        return 0;
    }
    return call_fail(call, CODE_PERMISSION_DENIED,
                     "this is not yours: ask with the credential of the party that it belongs to");
}

int put_employer_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__PutEmployerRequest *request = (const void *)call->request;
    if (request->employer == NULL) {
        return call_violation(call, "employer", "give the whole employer");
    }
    const Passerelle__V1__Employer *before =
        registry_employer(service->db, call->arena, view_of(request->employer->employer_id));
    if (scope_issuer(call, request->employer->issuer_member_id) != 0 ||
        (before != NULL && scope_issuer(call, before->issuer_member_id) != 0)) {
        return -1;
    }
    Passerelle__V1__PutEmployerResponse *response = call_respond(call);
    return contract_decide(service, call, PASSERELLE__V1__TABLE__TABLE_EMPLOYERS,
                           &request->employer->base, &response->verdict);
}

int put_employer_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__PutEmployerRequest *request = (const void *)call->request;
    const Passerelle__V1__PutEmployerResponse *response = (const void *)call->response;
    if (response->verdict != UNCHANGED) {
        contract_put_employer(service, view_of(call->who.author), request->employer);
    }
    return 0;
}

/* Who sells to this employer; "" when there is no such employer, whom nobody sells to. */
static const char *issuer_of(struct service *service, struct call *call, const char *employer_id)
{
    const Passerelle__V1__Employer *employer =
        registry_employer(service->db, call->arena, view_of(employer_id));
    return employer == NULL ? "" : employer->issuer_member_id;
}

DB_SQL(last_billed, "SELECT MAX(month) FROM period WHERE EXISTS "
                    "(SELECT 1 FROM holder WHERE plan_id = :plan_id)");

/* RULES 19 rates a closed month again by the terms of the day, so other terms may be billed for it:
 * whoever changes them is told. */
static void plan_note(struct service *service, struct call *call,
                      const Passerelle__V1__Plan *before, const Passerelle__V1__Plan *after)
{
    Passerelle__V1__PutPlanResponse *response = (void *)call->response;
    if (before == NULL || (before->monthly_fee_cents == after->monthly_fee_cents &&
                           before->included_units == after->included_units)) {
        return;
    }
    struct query *query = db_query(service->db, &last_billed);
    query_bind_text(query, "plan_id", view_of(after->plan_id));
    if (query_next(query) && !query_is_null(query, 0)) {
        char month[8];
        month_format((struct month){(int32_t)query_int(query, 0)}, month);
        response->note = arena_printf(
            call->arena,
            "months up to %s keep what was billed, but one that a late stay, a ruling or another "
            "right has rated again is rated by these terms; for new terms without that, make "
            "another plan, for rights that begin with it",
            month);
    }
    query_end(query);
}

int put_plan_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__PutPlanRequest *request = (const void *)call->request;
    if (request->plan == NULL) {
        return call_violation(call, "plan", "give the whole plan");
    }
    const Passerelle__V1__Plan *before =
        registry_plan(service->db, call->arena, view_of(request->plan->plan_id));
    if (scope_issuer(call, issuer_of(service, call, request->plan->employer_id)) != 0 ||
        (before != NULL &&
         scope_issuer(call, issuer_of(service, call, before->employer_id)) != 0)) {
        return -1;
    }
    request->plan->issuer_cut_off = false; /* the hub's to tell */
    Passerelle__V1__PutPlanResponse *response = call_respond(call);
    plan_note(service, call, before, request->plan);
    return contract_decide(service, call, PASSERELLE__V1__TABLE__TABLE_PLANS, &request->plan->base,
                           &response->verdict);
}

int put_plan_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__PutPlanRequest *request = (const void *)call->request;
    const Passerelle__V1__PutPlanResponse *response = (const void *)call->response;
    if (response->verdict != UNCHANGED) {
        contract_put_plan(service, view_of(call->who.author), request->plan);
    }
    return 0;
}

int sell_carnet_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__SellCarnetRequest *request = (const void *)call->request;
    if (request->carnet == NULL) {
        return call_violation(call, "carnet", "give the whole carnet");
    }
    const Passerelle__V1__Plan *plan =
        registry_plan(service->db, call->arena, view_of(request->carnet->plan_id));
    if (scope_issuer(call, plan == NULL ? "" : issuer_of(service, call, plan->employer_id)) != 0) {
        return -1;
    }
    const Passerelle__V1__Carnet *before =
        registry_carnet(service->db, call->arena, view_of(request->carnet->carnet_id));
    if (before != NULL) {
        plan = registry_plan(service->db, call->arena, view_of(before->plan_id));
        if (scope_issuer(call, plan == NULL ? "" : issuer_of(service, call, plan->employer_id)) !=
            0) {
            return -1;
        }
    }
    Passerelle__V1__LineVerdict *verdict = ARENA_NEW(call->arena, Passerelle__V1__LineVerdict);
    call->decision = verdict;
    return contract_decide(service, call, PASSERELLE__V1__TABLE__TABLE_CARNETS,
                           &request->carnet->base, verdict);
}

int sell_carnet_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__SellCarnetRequest *request = (const void *)call->request;
    const Passerelle__V1__LineVerdict *verdict = call->decision;
    Passerelle__V1__SellCarnetResponse *response = call_respond(call);
    if (*verdict != UNCHANGED) {
        contract_sell_carnet(service, view_of(call->who.author), request->carnet);
    }
    response->carnet = request->carnet;
    return 0;
}

/* ---- lists ---- */

struct listing {
    struct service *service;
    struct call *call;
    const char *employer_id; /* "": all that the caller may see */
    ProtobufCMessage **items;
    size_t count;
};

/* The employer that a record belongs to. */
static const char *employer_of(struct listing *l, const ProtobufCMessage *record)
{
    if (record->descriptor == &passerelle__v1__employer__descriptor) {
        return ((const Passerelle__V1__Employer *)record)->employer_id;
    }
    if (record->descriptor == &passerelle__v1__plan__descriptor) {
        return ((const Passerelle__V1__Plan *)record)->employer_id;
    }
    const Passerelle__V1__Carnet *carnet = (const void *)record;
    const Passerelle__V1__Plan *plan =
        registry_plan(l->service->db, l->call->arena, view_of(carnet->plan_id));
    return plan == NULL ? "" : plan->employer_id;
}

static bool is_seen(struct listing *l, const char *employer_id)
{
    if (l->employer_id[0] != '\0') {
        return strcmp(l->employer_id, employer_id) == 0;
    }
    return l->call->who.role != ROLE_MEMBER ||
           strcmp(issuer_of(l->service, l->call, employer_id), l->call->who.party) == 0;
}

static bool list_one(void *context, const ProtobufCMessage *record)
{
    struct listing *l = context;
    if (is_seen(l, employer_of(l, record))) {
        l->items[l->count++] = wire_clone(l->call->arena, record);
    }
    return true;
}

/* Fails the call when the caller may not see that employer. */
static int list(struct service *service, struct call *call, enum registry_table table,
                const char *employer_id, struct listing *l)
{
    if (employer_id[0] == '\0' && call->who.role == ROLE_EMPLOYER) {
        employer_id = call->who.party;
    }
    if (employer_id[0] != '\0' && scope_employer(service, call, view_of(employer_id)) != 0) {
        return -1;
    }
    *l = (struct listing){
        .service = service,
        .call = call,
        .employer_id = employer_id,
        .items = ARENA_ARRAY(call->arena, (size_t)registry_count(service->db, table),
                             ProtobufCMessage *),
    };
    registry_walk(service->db, table, list_one, l);
    return 0;
}

int list_employers(struct service *service, struct call *call)
{
    const Passerelle__V1__ListEmployersRequest *request = (const void *)call->request;
    struct listing l;
    if (list(service, call, REGISTRY_EMPLOYERS, request->employer_id, &l) != 0) {
        return -1;
    }
    Passerelle__V1__ListEmployersResponse *response = call_respond(call);
    response->employers = (Passerelle__V1__Employer **)l.items;
    response->n_employers = l.count;
    return 0;
}

int list_plans(struct service *service, struct call *call)
{
    const Passerelle__V1__ListPlansRequest *request = (const void *)call->request;
    struct listing l;
    if (list(service, call, REGISTRY_PLANS, request->employer_id, &l) != 0) {
        return -1;
    }
    Passerelle__V1__ListPlansResponse *response = call_respond(call);
    response->plans = (Passerelle__V1__Plan **)l.items;
    response->n_plans = l.count;
    return 0;
}

int list_carnets(struct service *service, struct call *call)
{
    const Passerelle__V1__ListCarnetsRequest *request = (const void *)call->request;
    struct listing l;
    if (list(service, call, REGISTRY_CARNETS, request->employer_id, &l) != 0) {
        return -1;
    }
    Passerelle__V1__ListCarnetsResponse *response = call_respond(call);
    response->carnets = (Passerelle__V1__Carnet **)l.items;
    response->n_carnets = l.count;
    return 0;
}
