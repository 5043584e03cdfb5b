/* What the operator decides for all: tariffs, the policy; and what waits for a second operator. */
#include "core/pass/proof.h"
#include "service/contracts.h"
#include "service/journal.h"
#include "service/network/internal.h"
#include "store/view/registry.h"
#include "wire/pack.h"
#include "wire/reflect.h"

int publish_tariff_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__PublishTariffRequest *request = (const void *)call->request;
    if (request->tariff == NULL) {
        return call_violation(call, "tariff", "give the whole version");
    }
    Passerelle__V1__LineVerdict *verdict = ARENA_NEW(call->arena, Passerelle__V1__LineVerdict);
    call->decision = verdict;
    return contract_decide(service, call, PASSERELLE__V1__TABLE__TABLE_TARIFFS,
                           &request->tariff->base, verdict);
}

int publish_tariff_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__PublishTariffRequest *request = (const void *)call->request;
    const Passerelle__V1__LineVerdict *verdict = call->decision;
    call_respond(call);
    if (*verdict != PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_UNCHANGED) {
        contract_publish_tariff(service, view_of(call->who.author), request->tariff);
    }
    return 0;
}

/* ---- the policy ---- */

int get_policy(struct service *service, struct call *call)
{
    Passerelle__V1__GetPolicyResponse *response = call_respond(call);
    response->policy = (void *)(uintptr_t)registry_policy(service->db, call->arena);
    return 0;
}

/* Each number with the range in which the network still works as its users expect. */
static const struct {
    const char *field;
    int64_t min, max;
} policy_ranges[] = {
    {"proof_window_s", 15, PROOF_WINDOW_S_MAX},
    {"horizon_hours", 1, 720},
    {"offline_units_phone", 0, 100},
    {"offline_units_card", 0, 100},
    {"correction_hours", 0, 720},
    {"paper_hours", 0, 720},
    {"undo_s", 0, 3600},
    {"tariff_notice_days", 0, 366},
    {"carry_under_cents", 0, 1000000},
    {"close_wait_days", 0, 60},
    {"netting", 1, 2},
    {"padded_stays_min", 0, 100000},
    {"padded_deviations", 0, 1000},
    {"padded_per_thousand", 0, 1000},
    {"padded_minutes", 0, 1440},
    {"suspend_overdue_days", 0, 366},
    {"exposure_warn_percent", 0, 100},
    {"exposure_cut_percent", 0, 1000},
};

int set_policy_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__SetPolicyRequest *request = (const void *)call->request;
    (void)service;
    if (request->policy == NULL) {
        return call_violation(call, "policy", "give the whole policy");
    }
    for (size_t i = 0; i < ARRAY_LEN(policy_ranges); i++) {
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(
            &passerelle__v1__network_policy__descriptor, policy_ranges[i].field);
        int64_t value = 0;
        memcpy(&value, field_member_const(&request->policy->base, field), field_size(field));
        if (value < policy_ranges[i].min || value > policy_ranges[i].max) {
            char path[64];
            snprintf(path, sizeof path, "policy.%s", field->name);
            return call_violation(call, path, "it must lie between %lld and %lld",
                                  (long long)policy_ranges[i].min, (long long)policy_ranges[i].max);
        }
    }
    return 0;
}

int set_policy_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__SetPolicyRequest *request = (const void *)call->request;
    Passerelle__V1__SetPolicyResponse *response = call_respond(call);
    const char *approved_by;
    const char *approval_id =
        approval_ask(service, call, command_digest(call), "another network policy", &approved_by);
    if (approval_id != NULL) {
        response->approval_id = wire_string(call->arena, view_of(approval_id));
        return 0;
    }
    journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_NET),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_POLICY_SET, &request->policy->base);
    return 0;
}

/* ---- approvals ---- */

enum { APPROVALS_MAX = 200 };

DB_SQL(select_approvals, "SELECT approval_id, method, summary, author, asked_utc_ms FROM approval "
                         "ORDER BY asked_utc_ms, approval_id LIMIT :max");

int list_approvals(struct service *service, struct call *call)
{
    Passerelle__V1__ListApprovalsResponse *response = call_respond(call);
    response->approvals = ARENA_ARRAY(call->arena, APPROVALS_MAX, Passerelle__V1__Approval *);
    struct query *query = db_query(service->db, &select_approvals);
    query_bind_int(query, "max", APPROVALS_MAX);
    while (query_next(query)) {
        Passerelle__V1__Approval *approval =
            wire_new(call->arena, &passerelle__v1__approval__descriptor);
        approval->approval_id = wire_string(call->arena, query_text(query, 0));
        approval->method = wire_string(call->arena, query_text(query, 1));
        approval->summary = wire_string(call->arena, query_text(query, 2));
        approval->author = wire_string(call->arena, query_text(query, 3));
        approval->asked_utc_ms = query_int(query, 4);
        response->approvals[response->n_approvals++] = approval;
    }
    return 0;
}
