/* The methods of NetworkService among themselves. */
#ifndef SERVICE_NETWORK_INTERNAL_H
#define SERVICE_NETWORK_INTERNAL_H

#include "passerelle/v1/network.pb-c.h"
#include "service/service.h"

int put_member_decide(struct service *service, struct call *call);
int put_member_apply(struct service *service, struct call *call);
int list_members(struct service *service, struct call *call);
int put_site_decide(struct service *service, struct call *call);
int put_site_apply(struct service *service, struct call *call);
int set_site_state_decide(struct service *service, struct call *call);
int set_site_state_apply(struct service *service, struct call *call);
int publish_tariff_decide(struct service *service, struct call *call);
int publish_tariff_apply(struct service *service, struct call *call);
int publish_charter_decide(struct service *service, struct call *call);
int publish_charter_apply(struct service *service, struct call *call);
int accept_charter_decide(struct service *service, struct call *call);
int accept_charter_apply(struct service *service, struct call *call);
int get_policy(struct service *service, struct call *call);
int set_policy_decide(struct service *service, struct call *call);
int set_policy_apply(struct service *service, struct call *call);
int list_approvals(struct service *service, struct call *call);
int import_table_decide(struct service *service, struct call *call);
int import_table_apply(struct service *service, struct call *call);
int export_table(struct service *service, struct call *call);

/* The one function that moves a site; the caller decided that it may. A move that the table of
 * states does not know is a bug. */
void site_move(struct service *service, struct view author, const Passerelle__V1__Site *site,
               Passerelle__V1__SiteState to);

#endif
