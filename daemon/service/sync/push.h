/* What the hub does with entries that a site's daemon pushes (LedgerService.PushEntries): verified
 * on arrival, kept as received, applied, and cosigned once a signed checkpoint is complete. Memory
 * is bounded by the request. */
#ifndef SERVICE_SYNC_PUSH_H
#define SERVICE_SYNC_PUSH_H

#include "service/service.h"

enum {
    PUSH_PACKAGES_MAX = 32,
    PUSH_REQUEST_BYTES_MAX =
        4 << 20,                     /* 32 packages of entries of 4 KiB would not fit: send fewer */
    PUSH_FUTURE_MS_MAX = 120 * 1000, /* a clock may be as wrong as that */
};

/* The three parts of the method's row: signatures on a snapshot, then what the writer does, in
 * portions of entries. */
void push_precompute(struct service *service, struct call *call);
int push_decide(struct service *service, struct call *call);
int push_apply(struct service *service, struct call *call);

#endif
