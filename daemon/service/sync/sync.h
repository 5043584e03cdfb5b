/* What the writer does for nodes that follow, beside its calls. */
#ifndef SERVICE_SYNC_SYNC_H
#define SERVICE_SYNC_SYNC_H

#include "service/service.h"

/* The last thing before a commit: signs the new head of `net` when somebody follows, so that it
 * leaves with the commit's wake-up. */
void sync_flush(struct service *service);

/* The clock's work: knowledge for sites, less at once with `beside`: somebody waits. *news is set
 * when streams have something to send. True: there is more to do now. */
bool sync_tick(struct service *service, int64_t now_utc_ms, bool beside, bool *news);

#endif
