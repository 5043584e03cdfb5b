/* Statements: what each party is told of a month. */
#ifndef SERVICE_STATS_STATEMENT_H
#define SERVICE_STATS_STATEMENT_H

#include "core/statement/employer.h"
#include "core/statement/member.h"
#include "core/statement/site.h"
#include "service/service.h"

int statement_get(struct service *service, struct call *call);

/* parties.c: what a statement is made from, in the call's arena. Each checks the caller's scope and
 * fails the call when it must. */
must_check int member_load(struct service *service, struct call *call, const char *member_id,
                           struct month month, struct member_input *out);
must_check int employer_load(struct service *service, struct call *call, const char *employer_id,
                             struct month month, struct employer_input *out);
must_check int site_load(struct service *service, struct call *call, const char *site_id,
                         struct month month, struct site_input *out);

#endif
