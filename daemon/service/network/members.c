/* Members and the charter that they accept. */
#include "core/day/day.h"
#include "service/contracts.h"
#include "service/journal.h"
#include "service/network/internal.h"
#include "store/view/registry.h"
#include "wire/pack.h"

/* ---- PutMember ---- */

struct member_put {
    bool account_is_new;     /* the request brings one that is not recorded so */
    bool account_is_changed; /* there was another IBAN: two operators */
};

int put_member_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__PutMemberRequest *request = (const void *)call->request;
    if (request->member == NULL) {
        return call_violation(call, "member", "give the whole member");
    }
    Passerelle__V1__PutMemberResponse *response = call_respond(call);
    if (contract_decide(service, call, PASSERELLE__V1__TABLE__TABLE_MEMBERS, &request->member->base,
                        &response->verdict) != 0) {
        return -1;
    }
    struct member_put *put = ARENA_NEW(call->arena, struct member_put);
    call->decision = put;
    if (request->account == NULL) {
        return 0;
    }
    struct fault fault = FAULT_NONE;
    /* The account is the member's, whatever the request calls it. */
    request->account->member_id = request->member->member_id;
    if (account_check(request->account, &fault) != E_OK) {
        return call_violation(call, "account", "%s", fault.text);
    }
    const Passerelle__V1__BankAccount *before =
        registry_account(service->db, call->arena, view_of(request->member->member_id));
    put->account_is_new = before == NULL || !wire_equal(&before->base, &request->account->base);
    put->account_is_changed = before != NULL && strcmp(before->iban, request->account->iban) != 0;
    return 0;
}

int put_member_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__PutMemberRequest *request = (const void *)call->request;
    Passerelle__V1__PutMemberResponse *response = (void *)call->response;
    const struct member_put *put = call->decision;
    struct view author = view_of(call->who.author);
    if (put->account_is_changed) {
        const char *approved_by;
        const char *approval_id = approval_ask(
            service, call, command_digest(call),
            arena_printf(call->arena, "another IBAN for member %s", request->member->member_id),
            &approved_by);
        if (approval_id != NULL) {
            response->approval_id = wire_string(call->arena, view_of(approval_id));
            return 0;
        }
    }
    if (response->verdict != PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_UNCHANGED) {
        contract_put_member(service, author, request->member);
    }
    if (put->account_is_new) {
        contract_put_account(service, author, request->account);
        if (response->verdict == PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_UNCHANGED) {
            response->verdict = PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_CHANGED;
        }
    }
    return 0;
}

/* ---- ListMembers ---- */

struct listing {
    struct call *call;
    const char *only; /* "": all */
    ProtobufCMessage **items;
    size_t count;
};

static bool list_one(void *context, const ProtobufCMessage *record)
{
    struct listing *listing = context;
    /* Both records begin with the member's id. */
    const char *id = ((const Passerelle__V1__Member *)record)->member_id;
    if (record->descriptor == &passerelle__v1__bank_account__descriptor) {
        id = ((const Passerelle__V1__BankAccount *)record)->member_id;
    }
    if (listing->only[0] == '\0' || strcmp(listing->only, id) == 0) {
        listing->items[listing->count++] = wire_clone(listing->call->arena, record);
    }
    return true;
}

static struct listing list(struct service *service, struct call *call, enum registry_table table,
                           const char *only)
{
    struct listing listing = {
        .call = call,
        .only = only,
        .items = ARENA_ARRAY(call->arena, (size_t)registry_count(service->db, table),
                             ProtobufCMessage *),
    };
    registry_walk(service->db, table, list_one, &listing);
    return listing;
}

int list_members(struct service *service, struct call *call)
{
    const Passerelle__V1__ListMembersRequest *request = (const void *)call->request;
    const char *only = request->member_id;
    if (!scope_is_operator(call)) {
        if (only[0] != '\0' && scope_member(service, call, view_of(only)) != 0) {
            return -1;
        }
        only = call->who.party;
    }
    Passerelle__V1__ListMembersResponse *response = call_respond(call);
    struct listing members = list(service, call, REGISTRY_MEMBERS, only);
    struct listing accounts = list(service, call, REGISTRY_ACCOUNTS, only);
    response->members = (Passerelle__V1__Member **)members.items;
    response->n_members = members.count;
    response->accounts = (Passerelle__V1__BankAccount **)accounts.items;
    response->n_accounts = accounts.count;
    return 0;
}

/* ---- the charter ---- */

enum { CHARTER_BYTES_MAX = 48 * 1024 }; /* an entry holds it whole */

int publish_charter_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__PublishCharterRequest *request = (const void *)call->request;
    const Passerelle__V1__Charter *charter = request->charter;
    struct day day;
    if (charter == NULL) {
        return call_violation(call, "charter", "give the whole charter");
    }
    uint32_t next = registry_charter_latest(service->db) + 1;
    if (charter->version != next) {
        return call_violation(call, "charter.version", "the next version is %u", next);
    }
    if (day_parse(view_of(charter->valid_from), &day) != E_OK) {
        return call_violation(call, "charter.valid_from", "write a day as 2026-10-01");
    }
    if (charter->text[0] == '\0' || strlen(charter->text) > CHARTER_BYTES_MAX) {
        return call_violation(call, "charter.text", "it has 1 to %d bytes", CHARTER_BYTES_MAX);
    }
    return 0;
}

int publish_charter_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__PublishCharterRequest *request = (const void *)call->request;
    call_respond(call);
    journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_NET),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_CHARTER_PUBLISHED,
                   &request->charter->base);
    return 0;
}

int accept_charter_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__AcceptCharterRequest *request = (const void *)call->request;
    struct day day;
    if (scope_member(service, call, view_of(request->member_id)) != 0) {
        return -1;
    }
    if (registry_member(service->db, call->arena, view_of(request->member_id)) == NULL) {
        return call_fail(call, CODE_NOT_FOUND, "there is no member %s: correct the id",
                         request->member_id);
    }
    uint32_t latest = registry_charter_latest(service->db);
    if (request->version == 0 || request->version > latest) {
        return call_violation(call, "version", "the charter's latest version is %u", latest);
    }
    if (day_parse(view_of(request->accepted_on), &day) != E_OK ||
        day_compare(day, day_of_instant(service_now(service))) > 0) {
        return call_violation(call, "accepted_on", "write a day as 2026-10-01, not after today");
    }
    return 0;
}

int accept_charter_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__AcceptCharterRequest *request = (const void *)call->request;
    call_respond(call);
    if (registry_charter_accepted(service->db, view_of(request->member_id)) >= request->version) {
        return 0;
    }
    Passerelle__V1__CharterAccepted accepted = PASSERELLE__V1__CHARTER_ACCEPTED__INIT;
    accepted.member_id = request->member_id;
    accepted.version = request->version;
    accepted.accepted_on = request->accepted_on;
    journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_NET),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_CHARTER_ACCEPTED, &accepted.base);
    return 0;
}
