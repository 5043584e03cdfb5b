/* Passes as requests name them, and who may manage or see them. */
#include "service/pass/internal.h"
#include "wire/pack.h"

struct view pass_bytes(ProtobufCBinaryData bytes)
{
    return wire_view(bytes);
}

int pass_find(struct service *service, struct call *call, const char *field, const char *pass_id,
              struct registry_pass *out)
{
    struct uuid uuid;
    if (uuid_parse(view_of(pass_id), &uuid) != E_OK) {
        return call_violation(call, field, "name a pass by its UUID in lower case");
    }
    bool found =
        registry_pass(service->db, call->arena, view_bytes(uuid.bytes, sizeof uuid.bytes), out);
    if (scope_employer(service, call, found ? view_of(out->issued->employer_id) : VIEW_NONE) != 0) {
        return -1;
    }
    if (!found) {
        return call_violation(call, field, "there is no pass %s: ListPasses names them", pass_id);
    }
    return 0;
}

int pass_check_reason(struct call *call, const char *reason)
{
    if (strlen(reason) > PASS_REASON_MAX) {
        return call_violation(call, "reason", "say why in at most %d bytes", PASS_REASON_MAX);
    }
    return 0;
}

Passerelle__V1__PassState pass_state_on(const struct registry_pass *pass, struct day today)
{
    struct day last;
    if (pass->state == PASSERELLE__V1__PASS_STATE__PASS_STATE_ACTIVE &&
        day_parse(view_of(pass->issued->valid_until), &last) == E_OK &&
        day_compare(last, today) < 0) {
        return PASSERELLE__V1__PASS_STATE__PASS_STATE_EXPIRED;
    }
    return pass->state;
}

const char *pass_state_word(Passerelle__V1__PassState state)
{
    static const char *const words[] = {"unknown", "active", "suspended", "revoked", "expired"};
    return (unsigned)state < ARRAY_LEN(words) ? words[state] : words[0];
}

/* ---- ListPasses ---- */

struct listing {
    struct call *call;
    struct day today;
    Passerelle__V1__ListPassesResponse *response;
};

static bool list_one(void *context, const struct registry_pass *pass)
{
    struct listing *listing = context;
    Passerelle__V1__ListPassesResponse *response = listing->response;
    struct arena *arena = listing->call->arena;
    response->passes[response->n_passes++] = (Passerelle__V1__Pass *)wire_clone(
        arena, &registry_pass_message(pass, listing->today, arena)->base);
    return true;
}

/* Whose passes the caller sees: fills the filter. */
static int list_scope(struct service *service, struct call *call, struct registry_pass_filter *f)
{
    const Passerelle__V1__ListPassesRequest *request = (const void *)call->request;
    f->employer_id = view_of(request->employer_id);
    f->holder_id = view_of(request->holder_id);
    if (f->holder_id.len > 0) {
        const Passerelle__V1__HolderPut *holder =
            registry_holder(service->db, call->arena, f->holder_id);
        struct view employer_id = holder == NULL ? VIEW_NONE : view_of(holder->employer_id);
        return scope_employer(service, call, employer_id);
    }
    if (f->employer_id.len > 0) {
        return scope_employer(service, call, f->employer_id);
    }
    if (call->who.role == ROLE_EMPLOYER) {
        f->employer_id = view_of(call->who.party);
    } else if (call->who.role == ROLE_MEMBER) {
        f->issuer_member_id = view_of(call->who.party);
    }
    return 0;
}

int list_passes(struct service *service, struct call *call)
{
    const Passerelle__V1__ListPassesRequest *request = (const void *)call->request;
    struct registry_pass_filter filter = {.limit = request->limit};
    if (request->limit == 0 || request->limit > PASS_IDS_MAX) {
        filter.limit = request->limit == 0 ? PASS_LIMIT_DEFAULT : PASS_IDS_MAX;
    }
    struct uuid after;
    if (request->after_pass_id[0] != '\0') {
        if (uuid_parse(view_of(request->after_pass_id), &after) != E_OK) {
            return call_violation(call, "after_pass_id",
                                  "give the id of the last pass of the page before");
        }
        filter.after = view_bytes(after.bytes, sizeof after.bytes);
    }
    if (list_scope(service, call, &filter) != 0) {
        return -1;
    }
    struct listing listing = {
        .call = call,
        .today = day_of_instant(service_now(service)),
        .response = call_respond(call),
    };
    listing.response->passes =
        ARENA_ARRAY(call->arena, (size_t)filter.limit, Passerelle__V1__Pass *);
    registry_walk_passes(service->db, &filter, list_one, &listing);
    return 0;
}
