/* What only the history of the network can object to when its registry changes: visits, sales and
 * closed months that a change would falsify, prices that a site would lack. Reads only. */
#ifndef SERVICE_HISTORY_H
#define SERVICE_HISTORY_H

#include "core/records/table.h"
#include "service/service.h"

/* As struct known's `object` (core/records/table.h). */
must_check int history_object(struct service *service, struct arena *arena,
                              Passerelle__V1__Table table, const ProtobufCMessage *before,
                              const ProtobufCMessage *after, struct fault *fault);

#endif
