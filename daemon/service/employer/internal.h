/* What the files of this room share. */
#ifndef SERVICE_EMPLOYER_INTERNAL_H
#define SERVICE_EMPLOYER_INTERNAL_H

#include "passerelle/v1/employer.pb-c.h"
#include "service/service.h"

int put_employer_decide(struct service *service, struct call *call);
int put_employer_apply(struct service *service, struct call *call);
int list_employers(struct service *service, struct call *call);
int put_plan_decide(struct service *service, struct call *call);
int put_plan_apply(struct service *service, struct call *call);
int list_plans(struct service *service, struct call *call);
int set_employer_policy_decide(struct service *service, struct call *call);
int set_employer_policy_apply(struct service *service, struct call *call);
int get_employer_policy(struct service *service, struct call *call);
int sell_carnet_decide(struct service *service, struct call *call);
int sell_carnet_apply(struct service *service, struct call *call);
int list_carnets(struct service *service, struct call *call);
int import_holders_decide(struct service *service, struct call *call);
int import_holders_apply(struct service *service, struct call *call);
int list_holders(struct service *service, struct call *call);
int erase_holder_decide(struct service *service, struct call *call);
int erase_holder_apply(struct service *service, struct call *call);
int get_usage(struct service *service, struct call *call);

/* Whether the caller, an issuer's member, sells to that employer; operators always. A new employer
 * is the issuer's whom it names. */
must_check int scope_issuer(struct call *call, const char *issuer_member_id);

#endif
