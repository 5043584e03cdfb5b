/* What a site's daemon follows (LedgerService.Follow): packages of `net` against its last signed
 * checkpoint, knowledge outside feeds, and entries of its own feed that it does not hold. A reader
 * signs nothing: the writer does, at the end of each group that moved `net`, once somebody follows.
 *
 * A stream remembers three numbers, not messages; what its peer has not taken is read again. So a
 * follower costs what waits in its connection, which the transport bounds. */
#ifndef SERVICE_SYNC_FOLLOW_H
#define SERVICE_SYNC_FOLLOW_H

#include "service/service.h"

int follow_open(struct service *service, struct call *call);
int follow_pump(struct service *service, struct stream *stream);

#endif
