/* Which booking at the bank settles which payment. First by end-to-end id; one booking for a whole
 * file by the id of the file's group, when their sums agree; then by amount and IBAN where that
 * leaves one choice on both sides; whatever is left is listed with the reason. What was
 * matched before stays: the same statement again changes nothing. A match can be undone. Pure; any
 * thread. */
#ifndef CORE_PAYMENTS_MATCH_H
#define CORE_PAYMENTS_MATCH_H

#include "core/payments/camt.h"

/* ---- the life of a payment ---- */

enum payment_state {
    PAYMENT_TO_PAY,
    PAYMENT_SENT,      /* stands in a file that was exported */
    PAYMENT_CONFIRMED, /* the bank booked it */
    PAYMENT_RETURNED,  /* it came back, or was refused */
};
enum { PAYMENT_STATE_COUNT = 4 };
enum payment_event {
    PAYMENT_EXPORT,
    PAYMENT_BOOKED,
    PAYMENT_CAME_BACK,
};
enum { PAYMENT_EVENT_COUNT = 3 };

/* "to_pay", "sent", "confirmed", "returned". */
const char *payment_state_name(enum payment_state state);
/* Moves; E_CONFLICT with a sentence when the event cannot follow, *state is as it was then. */
must_check int payment_move(enum payment_state *state, enum payment_event event,
                            struct fault *fault);

/* ---- matching ---- */

/* A transfer of a month, or what an employer owes. */
struct match_item {
    struct view id;         /* of the service */
    struct view end_to_end; /* transfer id or invoice number */
    struct view group;      /* PmtInfId under which it was sent; empty: none */
    struct view account;    /* our IBAN; empty: any statement will do */
    struct view iban;       /* of the other side; empty: not known */
    struct cents amount;    /* above 0 */
    bool incoming;          /* we get it: a credit confirms it, and a debit takes it back */
    enum payment_state state;
};

enum match_rule {
    MATCH_END_TO_END,
    MATCH_AMOUNT_IBAN,
    MATCH_GROUP, /* the entry settles several payments: a match each */
};

struct match {
    char key[33]; /* of the entry */
    size_t item;
    size_t entry;
    enum match_rule rule;
    enum payment_state before, after;
};

enum leftover_reason {
    LEFTOVER_UNKNOWN,   /* no payment has its id, nor its amount and IBAN */
    LEFTOVER_AMOUNT,    /* the id is known, the amount (of the group: the sum) is another */
    LEFTOVER_AMBIGUOUS, /* several payments or entries have this amount and IBAN, or this id */
    LEFTOVER_STATE,     /* the payment is known, but this cannot follow (confirmed already) */
    LEFTOVER_PENDING,   /* not booked yet */
    LEFTOVER_SEEN,      /* matched before: nothing to do */
};
enum { LEFTOVER_REASON_COUNT = 6 };
const char *leftover_text(enum leftover_reason reason);

struct leftover {
    size_t entry;
    enum leftover_reason reason;
    size_t item; /* SIZE_MAX: none */
};

struct matching {
    struct match *matches; /* in the order in which they were made: undo the last first */
    size_t match_count;
    struct leftover *leftovers; /* by entry; each entry is in one of the two lists */
    size_t leftover_count;
};

/* Moves items[].state along. `seen` holds the keys of entries that were matched by earlier calls.
 * Lists are in the arena. */
void match_run(struct match_item *items, size_t item_count, const struct camt_entry *entries,
               size_t entry_count, const char (*seen)[33], size_t seen_count, struct arena *arena,
               struct matching *out);

/* Takes a match back: the payment is again what it was before. E_CONFLICT when something followed
 * since (undo that first); *state is as it was then. */
must_check int match_undo(const struct match *match, enum payment_state *state,
                          struct fault *fault);

#endif
