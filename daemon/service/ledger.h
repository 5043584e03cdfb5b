/* LedgerService: feeds, so that anyone entitled can check them. Checkpoints of all feeds, and
 * consistency proofs of all but `books`, are public. Entries, and what shows their leaf hashes,
 * need an operator or an auditor; a site's feed also its own site, desk or member; `net` also any
 * site, desk or member. */
#ifndef SERVICE_LEDGER_H
#define SERVICE_LEDGER_H

#include "service/service.h"

/* Ends the call with permission_denied unless the caller may read the feed's entries; 0 or -1. */
must_check int ledger_may_read(struct service *service, struct call *call, const char *feed_id);

extern const struct method ledger_methods[];
extern const size_t ledger_method_count;

#endif
