/* The settlement document: a close's whole result as a message, canonical and deterministic. Equal
 * results give equal bytes on any machine; it holds no size, root, chance or clock time. And back:
 * what the next close needs of the past is read from the documents of the earlier ones, and from
 * nothing else. Pure; any thread. */
#ifndef CORE_CLOSE_DOCUMENT_H
#define CORE_CLOSE_DOCUMENT_H

#include "core/close/close.h"
#include "passerelle/v1/settlement.pb-c.h"

/* The document, in the arena; wire_pack() makes its bytes. Of the carnet units it tells those of
 * the months that this close rated, so that documents do not grow with time. */
Passerelle__V1__SettlementDocument *document_of_result(const struct close_result *result,
                                                       const struct roster *roster,
                                                       struct arena *arena);

/* What earlier closes left behind. */
struct close_history {
    const struct month *wanted; /* borrowed */
    size_t wanted_count;
    bool partial;        /* the roster is of one employer: other carnets are left out */
    struct line *billed; /* all lines whose true month is a wanted one, in no promised order */
    size_t billed_count;
    size_t billed_alloc;
    struct carnet_use *uses; /* of every closed month, as the last close that rated it left them */
    size_t use_count;
    size_t use_alloc;
    struct cents *carried; /* by member: what the last close carried over; NULL before the first */
};
#define CLOSE_HISTORY_INIT ((struct close_history){0})

/* Takes in one document; call it for each, oldest month first. E_CORRUPT: it names what the roster
 * does not know. */
must_check int close_history_add(struct close_history *history, const struct roster *roster,
                                 const Passerelle__V1__SettlementDocument *document,
                                 struct fault *fault);
void close_history_release(struct close_history *history);
/* Puts the lines in order of their true months; *count of them from the returned one on are those
 * of `month`. */
const struct line *close_history_billed(struct close_history *history, struct month month,
                                        size_t *count);

/* Posts the documents of a close again. `before` is the history up to it, `after` the history with
 * it. */
must_check int document_post_again(const Passerelle__V1__SettlementDocument *document,
                                   const struct roster *roster, const struct close_history *before,
                                   const struct close_history *after, struct books *books,
                                   struct fault *fault);

#endif
