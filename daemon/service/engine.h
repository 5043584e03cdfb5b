/* Runs one call against a service: the steps that are the same for every method. */
#ifndef SERVICE_ENGINE_H
#define SERVICE_ENGINE_H

#include "service/service.h"

/* The first half of a call of a method with `precompute`, on a worker thread, in a read transaction
 * of its own; the call goes to the writer next, whatever became of this. Nothing for the others. */
void engine_precompute(struct service *service, struct call *call);

/* A call of a method with `apply`, on the writer, inside its transaction and a savepoint that the
 * caller undoes when this returns false. Idempotency first: a request id that this caller used for
 * the same request gets the stored answer and nothing is decided again; for another request it is
 * an error. Then decide, then apply, then the answer is stored. Failures are not stored: the same
 * request may be sent again. */
must_check bool engine_write(struct service *service, struct call *call);

/* A call of a method without `apply`, on any thread, in a read transaction of its own. For a stream
 * this opens it; engine_pump() then runs each time in a fresh read transaction. */
void engine_read(struct service *service, struct call *call);
void engine_pump(struct service *service, struct stream *stream);

#endif
