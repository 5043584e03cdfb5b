/* What an operator should look at (issue of trust between nodes): entries that cannot be read,
 * forks, stays that cannot be. Local truth of the hub, kept with its evidence; the same thing is
 * noted once. Writer thread, but for the list. */
#ifndef SERVICE_SYNC_PROBLEMS_H
#define SERVICE_SYNC_PROBLEMS_H

#include "core/day/day.h"
#include "passerelle/v1/sync.pb-c.h"
#include "service/service.h"

struct problem {
    Passerelle__V1__LedgerProblemKind kind;
    const char *feed_id;
    uint64_t seq;         /* 0: the feed as a whole */
    uint64_t place;       /* instead of `seq`, in what makes two problems the same; 0: `seq` */
    struct view visit_id; /* 16 bytes, or empty */
    const struct view *evidence;
    size_t evidence_count;
};
/* Notes it, in the writer's transaction, with a sentence; the message is the arena's. The time is
 * that of business. When it was noted before, nothing changes. */
Passerelle__V1__LedgerProblem *problem_note(struct service *service, struct arena *arena,
                                            const struct problem *problem, const char *fmt, ...)
    printf_like(4, 5);

/* Notes what was found about the feed in a month: once, with the newest figures. Sets when. */
void problem_note_month(struct service *service, struct arena *arena, struct month month,
                        Passerelle__V1__LedgerProblem *record);

/* Method of LedgerService. */
int list_problems(struct service *service, struct call *call);

#endif
