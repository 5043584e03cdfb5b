/* The people: imported, listed, erased; and what they used. */
#include "service/contracts.h"
#include "service/employer/internal.h"
#include "service/network/import.h"
#include "service/settlement/usage.h"
#include "store/person/person.h"
#include "store/view/registry.h"
#include "wire/pack.h"

enum { LIST_DEFAULT = 1000, LIST_MAX = 5000 };

int import_holders_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__ImportHoldersRequest *request = (const void *)call->request;
    if (scope_employer(service, call, view_of(request->employer_id)) != 0) {
        return -1;
    }
    Passerelle__V1__ImportHoldersResponse *response = call_respond(call);
    response->report = wire_new(call->arena, &passerelle__v1__import_table_response__descriptor);
    if (registry_employer(service->db, call->arena, view_of(request->employer_id)) == NULL) {
        return call_violation(call, "employer_id", "there is no employer %s: put it first",
                              request->employer_id);
    }
    struct import *import = import_read(service, call, PASSERELLE__V1__TABLE__TABLE_HOLDERS,
                                        wire_view(request->csv), view_of(request->employer_id),
                                        response->report);
    if (import == NULL) {
        return -1;
    }
    call->decision = import;
    return 0;
}

int import_holders_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__ImportHoldersRequest *request = (const void *)call->request;
    const Passerelle__V1__ImportHoldersResponse *response = (const void *)call->response;
    if (!request->dry_run && response->report->done) {
        import_record(service, call, call->decision);
    }
    return 0;
}

/* ---- ListHolders ---- */

DB_SQL(list_all, "SELECT record FROM holder WHERE holder_id > :after "
                 "ORDER BY holder_id LIMIT :max");
DB_SQL(list_of_employer, "SELECT record FROM holder WHERE employer_id = :party "
                         "AND holder_id > :after ORDER BY holder_id LIMIT :max");
DB_SQL(list_of_issuer, "SELECT holder.record FROM holder JOIN employer "
                       "ON employer.employer_id = holder.employer_id "
                       "WHERE employer.issuer_member_id = :party AND holder.holder_id > :after "
                       "ORDER BY holder.holder_id LIMIT :max");

int list_holders(struct service *service, struct call *call)
{
    const Passerelle__V1__ListHoldersRequest *request = (const void *)call->request;
    const char *employer_id = request->employer_id;
    if (employer_id[0] == '\0' && call->who.role == ROLE_EMPLOYER) {
        employer_id = call->who.party;
    }
    if (employer_id[0] != '\0' && scope_employer(service, call, view_of(employer_id)) != 0) {
        return -1;
    }
    size_t max = request->limit == 0 ? LIST_DEFAULT : request->limit;
    max = max > LIST_MAX ? LIST_MAX : max;
    const struct db_sql *sql = employer_id[0] != '\0'          ? &list_of_employer
                               : call->who.role == ROLE_MEMBER ? &list_of_issuer
                                                               : &list_all;
    struct query *query = db_query(service->db, sql);
    if (sql != &list_all) {
        query_bind_text(query, "party",
                        view_of(sql == &list_of_employer ? employer_id : call->who.party));
    }
    query_bind_text(query, "after", view_of(request->after_holder_id));
    query_bind_int(query, "max", (int64_t)max);
    Passerelle__V1__ListHoldersResponse *response = call_respond(call);
    response->holders = ARENA_ARRAY(call->arena, max, Passerelle__V1__Holder *);
    while (query_next(query)) {
        const Passerelle__V1__HolderPut *right = wire_unpack_trusted(
            &passerelle__v1__holder_put__descriptor, query_blob(query, 0), call->arena);
        if (right == NULL) {
            db_fail(service->db, E_CORRUPT,
                    "a holder in the database cannot be read: run `passerelled rebuild`");
            query_end(query);
            break;
        }
        response->holders[response->n_holders++] =
            contract_holder_of(service->db, call->arena, right);
    }
    return 0;
}

/* ---- EraseHolder ---- */

int erase_holder_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__EraseHolderRequest *request = (const void *)call->request;
    const Passerelle__V1__HolderPut *holder =
        registry_holder(service->db, call->arena, view_of(request->holder_id));
    if (scope_employer(service, call,
                       holder == NULL ? VIEW_NONE : view_of(holder->employer_id)) != 0) {
        return -1;
    }
    if (holder == NULL) {
        return call_violation(call, "holder_id", "there is no holder %s", request->holder_id);
    }
    return 0;
}

int erase_holder_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__EraseHolderRequest *request = (const void *)call->request;
    call_respond(call);
    person_erase(service->db, view_of(request->holder_id));
    service->node->registry_version++; /* cost centres are cached */
    return 0;
}

/* ---- GetUsage ---- */

int get_usage(struct service *service, struct call *call)
{
    const Passerelle__V1__GetUsageRequest *request = (const void *)call->request;
    struct month month;
    if (scope_employer(service, call, view_of(request->employer_id)) != 0) {
        return -1;
    }
    if (registry_employer(service->db, call->arena, view_of(request->employer_id)) == NULL) {
        return call_violation(call, "employer_id", "there is no employer %s", request->employer_id);
    }
    if (call_check_month(call, request->month, &month) != 0) {
        return -1;
    }
    uint64_t seed;
    struct usage usage;
    struct fault fault = FAULT_NONE;
    env_random(service->node->env, &seed, sizeof seed);
    if (usage_of_employer(service->db, seed, view_of(request->employer_id), month,
                          usage_untold_from(service, call), call->arena, &usage,
                          &fault) != E_OK) {
        return call_fail(call, CODE_FAILED_PRECONDITION, "%s", fault.text);
    }
    Passerelle__V1__GetUsageResponse *response = call_respond(call);
    response->closed = usage.closed;
    response->holders = ARENA_ARRAY(call->arena, usage.count, Passerelle__V1__HolderUsage *);
    for (size_t i = 0; i < usage.count; i++) {
        struct person person;
        Passerelle__V1__HolderUsage *use =
            wire_new(call->arena, &passerelle__v1__holder_usage__descriptor);
        person_get(service->db, call->arena, view_of(usage.holders[i].holder_id), &person);
        use->holder_id = wire_string(call->arena, view_of(usage.holders[i].holder_id));
        use->cost_centre = person.cost_centre;
        use->half_days = usage.holders[i].half_days;
        use->days = usage.holders[i].days;
        use->room_hours = usage.holders[i].room_hours;
        use->units_used = usage.holders[i].units_used;
        use->charged_cents = usage.holders[i].charged.cents;
        response->holders[response->n_holders++] = use;
    }
    return 0;
}
