#include "service/identity/manage.h"

#include "store/view/registry.h"

enum reach {
    REACH_ALL,      /* of any party */
    REACH_SELF,     /* of the caller's own party */
    REACH_SITE,     /* of a site that the caller runs */
    REACH_EMPLOYER, /* of an employer whose contract is with the caller */
};

/* What is not here is refused. A party hands out what speaks for itself or for what is its own,
 * never more than it may do itself; whoever speaks for a site gets its credentials from the member
 * that runs it. Auditors, the Region, sites and desks manage nothing. */
static const struct {
    enum role caller;
    enum role role;
    enum reach reach;
} rows[] = {
    {ROLE_OPERATOR, ROLE_OPERATOR, REACH_ALL}, /* two operators: DESIGN 8 */
    {ROLE_OPERATOR, ROLE_AUDITOR, REACH_ALL},
    {ROLE_OPERATOR, ROLE_REGION, REACH_ALL},
    {ROLE_OPERATOR, ROLE_MEMBER, REACH_ALL},
    {ROLE_OPERATOR, ROLE_SITE, REACH_ALL},
    {ROLE_OPERATOR, ROLE_DESK, REACH_ALL},
    {ROLE_OPERATOR, ROLE_EMPLOYER, REACH_ALL},
    {ROLE_MEMBER, ROLE_MEMBER, REACH_SELF},
    {ROLE_MEMBER, ROLE_SITE, REACH_SITE},
    {ROLE_MEMBER, ROLE_DESK, REACH_SITE},
    {ROLE_MEMBER, ROLE_EMPLOYER, REACH_EMPLOYER},
    {ROLE_EMPLOYER, ROLE_EMPLOYER, REACH_SELF},
};

static bool reaches(struct service *service, const struct call *call, enum reach reach,
                    struct view party)
{
    switch (reach) {
    case REACH_ALL:
        return true;
    case REACH_SELF:
        return view_is(party, call->who.party);
    case REACH_SITE: {
        const Passerelle__V1__Site *site = registry_site(service->db, call->arena, party);
        return site != NULL && strcmp(site->member_id, call->who.party) == 0;
    }
    case REACH_EMPLOYER: {
        const Passerelle__V1__Employer *employer =
            registry_employer(service->db, call->arena, party);
        return employer != NULL && strcmp(employer->issuer_member_id, call->who.party) == 0;
    }
    }
    die("a row of no reach");
}

static bool may(struct service *service, const struct call *call, enum role role,
                struct view party)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].caller == call->who.role && rows[i].role == role) {
            return party.len > 0 && reaches(service, call, rows[i].reach, party);
        }
    }
    return false;
}

bool manage_sees(struct service *service, const struct call *call, enum role role,
                 struct view party)
{
    return call->who.role == ROLE_AUDITOR || may(service, call, role, party);
}

static bool exists(struct service *service, struct call *call, enum role role, struct view party)
{
    switch (role) {
    case ROLE_MEMBER:
        return registry_member(service->db, call->arena, party) != NULL;
    case ROLE_SITE:
    case ROLE_DESK:
        return registry_site(service->db, call->arena, party) != NULL;
    case ROLE_EMPLOYER:
        return registry_employer(service->db, call->arena, party) != NULL;
    default:
        return true; /* people and offices have names that nobody registers */
    }
}

int manage_check(struct service *service, struct call *call, enum role role, struct view party)
{
    if (!may(service, call, role, party)) {
        return call_fail(call, CODE_PERMISSION_DENIED,
                         "credentials of this role and party are not yours to manage: ask an "
                         "operator");
    }
    if (!exists(service, call, role, party)) {
        return call_fail(call, CODE_NOT_FOUND, "there is no %s %.*s: check the id",
                         role == ROLE_DESK ? "site" : role_name(role), VIEW_FMT(party));
    }
    return 0;
}
