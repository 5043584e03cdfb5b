/* Who may make, see and revoke which credential. Shared by the files of this room only. */
#ifndef SERVICE_IDENTITY_MANAGE_H
#define SERVICE_IDENTITY_MANAGE_H

#include "service/identity/identity.h"

/* 0 when the caller may manage credentials of this role and party; otherwise ends the call, with
 * the same words whether or not the party exists. An operator is told of a party that is not there:
 * not_found. */
must_check int manage_check(struct service *service, struct call *call, enum role role,
                            struct view party);
/* The same as a question, for lists; auditors see all. Does not end the call. */
bool manage_sees(struct service *service, const struct call *call, enum role role,
                 struct view party);

#endif
