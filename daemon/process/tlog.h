/* What C2SP's transparency logs look like over HTTP: feeds as tlog-tiles under /tlog/, and a hub as
 * a witness of others' logs. Handlers of plain routes; their context is the pages. */
#ifndef PROCESS_TLOG_H
#define PROCESS_TLOG_H

#include "transport/transport.h"

#define TLOG_PREFIX "/tlog/"

/* GET /tlog/<feed or origin>/checkpoint, /tile/<level>/<index>[.p/<width>],
 * /tile/entries/<index>[.p/<width>]; and of a log that this hub witnesses (tlog-witness, for
 * monitors), /tlog/<SHA-256 of its origin>/checkpoint. */
void tlog_tiles(void *context, struct exchange *x, const struct principal *who);
/* POST /add-checkpoint (tlog-witness), for everyone: only what its log signed reaches the writer.
 */
void tlog_add_checkpoint(void *context, struct exchange *x, const struct principal *who);

#endif
