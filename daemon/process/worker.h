/* One thread for what takes long (documents, periods, the first half of a close), so that neither
 * an I/O thread nor the writer stands still for it: a bounded queue, a connection of its own. */
#ifndef PROCESS_WORKER_H
#define PROCESS_WORKER_H

#include "service/service.h"
#include "service/writer.h"

struct worker;

/* How much less of a core a thread gets than one that answers somebody who waits at a door, as
 * nice() counts: ten to one. Linux lowers the thread that asks, not the process. */
enum { WORKER_NICE = 10 };
/* In long slices, so that whoever wakes goes before it at once (base/slice.h). */
enum { WORKER_SLICE_NS = 5 * 1000 * 1000 };

/* Starts the thread. `db` is taken on success; `node` and `writer` are borrowed. */
must_check int worker_start(struct worker **out, struct node *node, struct db *db,
                            struct writer *writer, size_t queue_max, struct fault *fault);
/* Ends what waits with `unavailable`, joins; refuses from then on. NULL is fine. */
void worker_stop(struct worker *worker);
/* After worker_stop(), when nobody can submit any more. NULL is fine. */
void worker_free(struct worker *worker);

/* From now on whichever of them has nothing to do takes over calls in bulk that wait for another.
 * The array is borrowed until the last of them is stopped. */
void worker_share(struct worker *const *workers, size_t count);

/* Runs the call's read later, or its first half and then hands it to the writer; done() is called
 * once. A full queue ends it now. Any thread. */
void worker_submit(struct worker *worker, struct call *call);
size_t worker_queued(struct worker *worker);
/* Those that wait, and the one that runs. */
size_t worker_load(struct worker *worker);
void worker_tune(struct worker *worker, size_t queue_max);

/* Begins work(context) on a thread of its own, as nice as the caller's; NULL when none can be had.
 * worker_help_end() waits until it is done. Any thread. */
struct helper *worker_help_begin(void (*work)(void *context), void *context);
void worker_help_end(struct helper *helper);
/* Sleeps a moment while others come, so that a core is free when one of their threads wakes: Linux
 * leaves it on its core, behind a thread that runs there at whatever nice. Any thread. */
void worker_give_way(const struct node *node);

#endif
