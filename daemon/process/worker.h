/* One thread for reads that take long (documents, periods), so that no I/O thread stands still for
 * them: a bounded queue, a connection of its own. */
#ifndef PROCESS_WORKER_H
#define PROCESS_WORKER_H

#include "service/service.h"

struct worker;

/* Starts the thread. `db` is taken on success; `node` is borrowed. */
must_check int worker_start(struct worker **out, struct node *node, struct db *db,
                            size_t queue_max, struct fault *fault);
/* Ends what waits with `unavailable`, joins. NULL is fine. */
void worker_stop(struct worker *worker);

/* Runs the call's read later; done() is called once. A full queue ends it now. Any thread. */
void worker_submit(struct worker *worker, struct call *call);
size_t worker_queued(struct worker *worker);

#endif
