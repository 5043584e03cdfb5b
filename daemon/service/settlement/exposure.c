#include "service/settlement/exposure.h"

#include "service/journal.h"
#include "service/settlement/compute.h"
#include "service/settlement/payments.h"
#include "service/settlement/period.h"
#include "store/view/registry.h"
#include "wire/pack.h"

#define LIMIT_MAX INT64_C(100000000000) /* cents: a thousand million EUR */

DB_SQL(count_limits, "SELECT COUNT(*) FROM exposure");
DB_SQL(select_limits,
       "SELECT member_id, limit_cents, level, owed_cents, since_utc_ms FROM exposure "
       "ORDER BY member_id");

size_t exposure_recorded(struct db *db, struct arena *arena, Passerelle__V1__Exposure ***out)
{
    struct query *query = db_query(db, &count_limits);
    size_t max = query_next(query) ? (size_t)query_int(query, 0) : 0;
    size_t count = 0;
    query_end(query);
    *out = ARENA_ARRAY(arena, max, Passerelle__V1__Exposure *);
    query = db_query(db, &select_limits);
    while (count < max && query_next(query)) {
        Passerelle__V1__Exposure *one = wire_new(arena, &passerelle__v1__exposure__descriptor);
        one->member_id = wire_string(arena, query_text(query, 0));
        one->limit_cents = query_int(query, 1);
        one->level = (Passerelle__V1__ExposureLevel)query_int(query, 2);
        one->owed_cents = query_int(query, 3);
        one->since_utc_ms = query_int(query, 4);
        (*out)[count++] = one;
    }
    query_end(query);
    return count;
}

/* ---- what is owed ---- */

static Passerelle__V1__Exposure *find(Passerelle__V1__Exposure **issuers, size_t count,
                                      const char *member_id)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(issuers[i]->member_id, member_id) == 0) {
            return issuers[i];
        }
    }
    return NULL;
}

static int closed_add(struct service *service, struct call *call,
                      Passerelle__V1__Exposure **issuers, size_t count)
{
    struct month *months;
    size_t month_count = payments_unpaid_months(service->db, call->arena, &months);
    for (size_t m = 0; m < month_count; m++) {
        struct payments payments;
        if (payments_load(service, call, months[m], &payments) != 0) {
            return -1;
        }
        for (size_t i = 0; i < payments.count && payments.all[i].transfer != NULL; i++) {
            const Passerelle__V1__Payment *told = payments.all[i].told;
            Passerelle__V1__Exposure *issuer = find(issuers, count, told->from_id);
            if (issuer != NULL && told->state != PAYMENT_STATE(CONFIRMED)) {
                issuer->closed_cents += payments.all[i].left;
            }
        }
    }
    return 0;
}

/* The months that are open, each by itself: what one gives back is not there yet. */
static int open_add(struct service *service, struct call *call, Passerelle__V1__Exposure **issuers,
                    size_t count)
{
    Passerelle__V1__Period **periods;
    size_t period_count = period_list(service, call->arena, &periods);
    for (size_t p = 0; p < period_count; p++) {
        struct month month;
        struct settlement settlement;
        struct fault fault = FAULT_NONE;
        uint64_t seed;
        if (periods[p]->state >= PASSERELLE__V1__PERIOD_STATE__PERIOD_STATE_CLOSED ||
            month_parse(view_of(periods[p]->month), &month) != E_OK) {
            continue;
        }
        env_random(service->node->env, &seed, sizeof seed);
        int error = settlement_compute(service->db, seed, month, call->arena, &settlement, &fault);
        if (error == E_NOT_FOUND) {
            continue;
        }
        if (error != E_OK) {
            return call_fail_with(call, &fault);
        }
        for (size_t i = 0; i < settlement.document->n_positions; i++) {
            const Passerelle__V1__Position *position = settlement.document->positions[i];
            Passerelle__V1__Exposure *issuer = find(issuers, count, position->member_id);
            if (issuer != NULL && position->cents < 0) {
                issuer->open_cents -= position->cents;
            }
        }
    }
    return 0;
}

int exposure_compute(struct service *service, struct call *call, Passerelle__V1__Exposure **issuers,
                     size_t count)
{
    if (count == 0) {
        return 0;
    }
    if (closed_add(service, call, issuers, count) != 0 ||
        open_add(service, call, issuers, count) != 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        issuers[i]->owed_cents = issuers[i]->closed_cents + issuers[i]->open_cents;
    }
    return 0;
}

Passerelle__V1__ExposureLevel exposure_level(const Passerelle__V1__NetworkPolicy *policy,
                                             int64_t owed_cents, int64_t limit_cents)
{
    int64_t hundredfold; /* past what can be counted: certainly above */
    bool above = __builtin_mul_overflow(owed_cents, 100, &hundredfold);
    int64_t cut = limit_cents * (int64_t)policy->exposure_cut_percent;
    int64_t warn = limit_cents * (int64_t)policy->exposure_warn_percent;
    if (policy->exposure_cut_percent > 0 && (above || hundredfold >= cut)) {
        return EXPOSURE_LEVEL(CUT_OFF);
    }
    if (policy->exposure_warn_percent > 0 && (above || hundredfold >= warn)) {
        return EXPOSURE_LEVEL(WARNED);
    }
    return EXPOSURE_LEVEL(FINE);
}

/* ---- the methods ---- */

int exposure_limit_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__SetExposureLimitRequest *request = (const void *)call->request;
    const Passerelle__V1__Member *member =
        registry_member(service->db, call->arena, view_of(request->member_id));
    if (member == NULL || !member->is_issuer) {
        return call_fail(call, CODE_NOT_FOUND,
                         "there is no issuer %s: `passerelle member list` "
                         "names them",
                         request->member_id);
    }
    if (request->limit_cents < 0 || request->limit_cents > LIMIT_MAX) {
        return call_violation(call, "limit_cents", "it lies between 0 (no limit) and %lld",
                              (long long)LIMIT_MAX);
    }
    return 0;
}

int exposure_limit_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__SetExposureLimitRequest *request = (const void *)call->request;
    Passerelle__V1__ExposureLimitSet set = PASSERELLE__V1__EXPOSURE_LIMIT_SET__INIT;
    Passerelle__V1__SetExposureLimitResponse *response = call_respond(call);
    set.member_id = request->member_id;
    set.limit_cents = request->limit_cents;
    journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_BOOKS),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_EXPOSURE_LIMIT_SET, &set.base);
    Passerelle__V1__Exposure **recorded;
    size_t count = exposure_recorded(service->db, call->arena, &recorded);
    response->issuer = find(recorded, count, request->member_id);
    if (response->issuer == NULL) {
        response->issuer = wire_new(call->arena, &passerelle__v1__exposure__descriptor);
        response->issuer->member_id = request->member_id;
    }
    return 0;
}

struct listing {
    struct arena *arena;
    Passerelle__V1__Exposure **all;
    size_t count;
};

/* What all owe now is of interest before anybody sets a limit. */
static bool issuer_add(void *context, const ProtobufCMessage *record)
{
    const Passerelle__V1__Member *member = (const void *)record;
    struct listing *list = context;
    if (member->is_issuer && find(list->all, list->count, member->member_id) == NULL) {
        Passerelle__V1__Exposure *one =
            wire_new(list->arena, &passerelle__v1__exposure__descriptor);
        one->member_id = arena_string(list->arena, view_of(member->member_id));
        list->all[list->count++] = one;
    }
    return true;
}

static int issuer_compare(const void *left, const void *right)
{
    return strcmp((*(Passerelle__V1__Exposure *const *)left)->member_id,
                  (*(Passerelle__V1__Exposure *const *)right)->member_id);
}

int exposure_list(struct service *service, struct call *call)
{
    const Passerelle__V1__ListExposureRequest *request = (const void *)call->request;
    const char *only = request->member_id;
    if (!scope_is_operator(call)) {
        only = only[0] == '\0' ? call->who.party : only;
        if (scope_member(service, call, view_of(only)) != 0) {
            return -1;
        }
    }
    Passerelle__V1__Exposure **recorded;
    struct listing list = {.arena = call->arena};
    list.count = exposure_recorded(service->db, call->arena, &recorded);
    size_t max = list.count + (size_t)registry_count(service->db, REGISTRY_MEMBERS);
    list.all = ARENA_ARRAY(call->arena, max, Passerelle__V1__Exposure *);
    for (size_t i = 0; i < list.count; i++) {
        list.all[i] = recorded[i];
    }
    if (request->now) {
        registry_walk(service->db, REGISTRY_MEMBERS, issuer_add, &list);
        if (exposure_compute(service, call, list.all, list.count) != 0) {
            return -1;
        }
    }
    if (list.count > 0) {
        qsort(list.all, list.count, sizeof *list.all, issuer_compare);
    }
    Passerelle__V1__ListExposureResponse *response = call_respond(call);
    response->issuers = ARENA_ARRAY(call->arena, list.count, Passerelle__V1__Exposure *);
    for (size_t i = 0; i < list.count; i++) {
        if (only[0] == '\0' || strcmp(only, list.all[i]->member_id) == 0) {
            response->issuers[response->n_issuers++] = list.all[i];
        }
    }
    return 0;
}
