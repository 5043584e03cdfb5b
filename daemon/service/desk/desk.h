/* DeskService, and the writer's memory behind it: which proofs were used, how many are in at each
 * site, what each plan has used this month, and what the registry says of sites and plans, unpacked
 * once. All of it is a cache of the database but the proofs of the last window, which desk_load()
 * reads back from the entries of visits, so that a restart opens nothing.
 *
 * A proof counts as used when it let somebody in or out; a refused scan may be shown again while it
 * is fresh. Writer thread only, but for methods that read. */
#ifndef SERVICE_DESK_DESK_H
#define SERVICE_DESK_DESK_H

#include "service/service.h"

extern const struct method desk_methods[];
extern const size_t desk_method_count;

/* `service` is the writer's; the desk makes the node's turnstile and puts it into the node. */
struct desk *desk_new(struct service *service);
/* Takes the turnstile out of the node: no other thread may read any more. NULL is fine. */
void desk_free(struct desk *desk);
/* Once at the start, inside a transaction: token keys, and the proofs used in the last window. */
void desk_load(struct service *service);

/* The memory follows the writer's savepoints and transaction: struct writer_hooks. */
size_t desk_mark(const struct desk *desk);
void desk_undo(struct desk *desk, size_t mark);
void desk_committed(struct desk *desk);
void desk_abandoned(struct desk *desk);

/* What is known of the proof in an entry that another node has made. */
enum heard_proof { HEARD_PROOF_UNCHECKED, HEARD_PROOF_GOOD, HEARD_PROOF_BAD };
/* An entry of a feed that another node keeps was applied: sums and counts follow. Its proof counts
 * as used when the device of its pass signed it: nobody else can use up a visitor's proofs. */
void desk_heard(struct service *service, int64_t feed_no, const struct entry *entry,
                enum heard_proof proof);

/* Closes visits that nobody checked out, at their site's closing time, midnight at the latest
 * (RULES 2, 3): entries by "hub". In a transaction of the writer. At most 256 at a time: true,
 * there is more to do now. Cheap when nothing is due. */
bool desk_tick(struct service *service, int64_t now_utc_ms);

#endif
