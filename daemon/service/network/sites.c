#include <assert.h>

#include "service/contracts.h"
#include "service/journal.h"
#include "service/network/internal.h"
#include "store/view/registry.h"

#define STATE(name) PASSERELLE__V1__SITE_STATE__SITE_STATE_##name

/* DESIGN 2: candidate -> active <-> suspended -> closed. */
static const struct {
    Passerelle__V1__SiteState from, to;
} moves[] = {
    {STATE(CANDIDATE), STATE(ACTIVE)},
    {STATE(ACTIVE), STATE(SUSPENDED)},
    {STATE(SUSPENDED), STATE(ACTIVE)},
    {STATE(SUSPENDED), STATE(CLOSED)},
};

static bool may_move(Passerelle__V1__SiteState from, Passerelle__V1__SiteState to)
{
    for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
        if (moves[i].from == from && moves[i].to == to) {
            return true;
        }
    }
    return false;
}

static const char *state_word(Passerelle__V1__SiteState state)
{
    static const char *const words[] = {"without a state", "a candidate", "active", "suspended",
                                        "closed"};
    return state > 0 && (size_t)state < ARRAY_LEN(words) ? words[state] : words[0];
}

void site_move(struct service *service, struct view author, const Passerelle__V1__Site *site,
               Passerelle__V1__SiteState to)
{
    Passerelle__V1__SiteState from =
        site->state == STATE(UNSPECIFIED) ? STATE(CANDIDATE) : site->state;
    assert(may_move(from, to));
    Passerelle__V1__SiteStateSet set = PASSERELLE__V1__SITE_STATE_SET__INIT;
    set.site_id = site->site_id;
    set.state = to;
    journal_append(service, author, VIEW_LIT(FEED_NET),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_SITE_STATE_SET, &set.base);
}

int put_site_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__PutSiteRequest *request = (const void *)call->request;
    if (request->site == NULL) {
        return call_violation(call, "site", "give the whole site");
    }
    Passerelle__V1__PutSiteResponse *response = call_respond(call);
    return contract_decide(service, call, PASSERELLE__V1__TABLE__TABLE_SITES, &request->site->base,
                           &response->verdict);
}

int put_site_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__PutSiteRequest *request = (const void *)call->request;
    const Passerelle__V1__PutSiteResponse *response = (const void *)call->response;
    if (response->verdict != PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_UNCHANGED) {
        contract_put_site(service, view_of(call->who.author), request->site);
    }
    return 0;
}

int set_site_state_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__SetSiteStateRequest *request = (const void *)call->request;
    const Passerelle__V1__Site *site =
        registry_site(service->db, call->arena, view_of(request->site_id));
    struct fault fault = FAULT_NONE;
    if (site == NULL) {
        return call_fail(call, CODE_NOT_FOUND, "there is no site %s: correct the id",
                         request->site_id);
    }
    if (!may_move(site->state, request->state)) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "site %s is %s and cannot become %s: the order is candidate, active, "
                         "suspended (and back), closed",
                         request->site_id, state_word(site->state), state_word(request->state));
    }
    if (request->state == STATE(ACTIVE) &&
        contract_tariff_covers(service, call->arena, site, &fault) != 0) {
        return call_fail(call, CODE_FAILED_PRECONDITION, "%s", fault.text);
    }
    call->decision = (void *)(uintptr_t)site;
    return 0;
}

int set_site_state_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__SetSiteStateRequest *request = (const void *)call->request;
    const Passerelle__V1__Site *site = call->decision;
    Passerelle__V1__SetSiteStateResponse *response = call_respond(call);
    response->before = site->state;
    site_move(service, view_of(call->who.author), site, request->state);
    return 0;
}
