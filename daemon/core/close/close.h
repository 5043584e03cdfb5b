/* A whole month by RULES.md: from stays to documents (14-16), positions and transfers (17, 18),
 * with what is late and corrected of earlier months (19). A pure function of its input: the same
 * set of stays in any order gives the same result. No clock, disk, chance, thread or global.
 *
 * Every amount that is ever billed is a `struct line` in exactly one document. What was billed for
 * a month is therefore the sum of the lines with that true month in all closes so far: invoices
 * add, credit notes take away. RULES 19 needs nothing else of the past, except which carnet units
 * are gone and what was carried over (core/close/document.h reads both from earlier documents). */
#ifndef CORE_CLOSE_CLOSE_H
#define CORE_CLOSE_CLOSE_H

#include "core/books/books.h"
#include "core/netting/netting.h"
#include "core/rating/rating.h"

enum document_kind {
    DOCUMENT_EMPLOYER, /* invoice of the issuer to an employer: party = employer, other = issuer */
    DOCUMENT_HOST,     /* self-billed: party = host (sells), other = issuer (buys and writes) */
    DOCUMENT_FEE,      /* invoice of the operator: party = issuer (buys), other = operator */
    DOCUMENT_SUBSIDY,  /* statement: party = issuer (gets), other = operator */
};

enum line_kind {
    LINE_CARNET,       /* subject = plan, quantity = carnets sold */
    LINE_SUBSCRIPTION, /* subject = plan, quantity = holders */
    LINE_CHARGE,       /* slot, quantity = half-days, days or hours */
    LINE_HOST,         /* subject = site, slot, quantity likewise */
    LINE_FEE,          /* quantity likewise */
    LINE_SUBSIDY,
};
/* Of `subject` and `slot`, where a line has none. */
#define LINE_NO_SUBJECT UINT32_MAX
enum { LINE_NO_SLOT = 255 };

/* All but `quantity` is the key: lines with equal keys are one line. */
struct line {
    uint8_t document; /* enum document_kind */
    bool credit;      /* stands in the credit note of that document: one for all true months */
    uint8_t kind;     /* enum line_kind */
    uint8_t slot;     /* enum slot or LINE_NO_SLOT */
    uint32_t party;   /* numbers of the roster */
    uint32_t other;
    struct month month; /* the true month (RULES 19) */
    uint32_t subject;
    struct cents price; /* net, of one */
    int64_t quantity;   /* above 0 in a document */
};

struct document {
    uint8_t kind; /* enum document_kind */
    bool credit;  /* a credit note: amounts are above 0 and flow the other way */
    uint32_t party;
    uint32_t other;
    uint32_t line_first; /* in close_result.lines */
    uint32_t line_count;
    struct cents net, vat, gross;
};

/* Units that one carnet gave to the visit-days of one month. */
struct carnet_use {
    struct month month;
    uint32_t carnet;
    uint32_t units;
};

/* An earlier, closed month that entries past its cut touch. */
struct close_correction {
    struct month month;
    const struct stay *stays; /* all of the month, up to the new cut */
    size_t stay_count;
    const struct line *billed; /* all lines with this true month in earlier closes, as they stand */
    size_t billed_count;
};

struct close_input {
    struct month month;
    bool late_only; /* what the corrections give, without the month itself */
    const struct stay *stays; /* all of the month; what begins in another month is E_INVALID */
    size_t stay_count;
    const struct close_correction *corrections; /* any order; each month earlier and once */
    size_t correction_count;
    const struct carnet_use *carnet_uses; /* of every closed month, after the last close */
    size_t carnet_use_count;
    const struct cents *carried_in; /* by member, from the last close; NULL: nothing */
    enum netting_mode mode;
    struct cents carry_minimum; /* RULES 18: CLOSE_CARRY_MINIMUM unless a policy says otherwise */
};
#define CLOSE_CARRY_MINIMUM CENTS(500)

struct close_site {
    int64_t half_days, days, room_hours;
    struct cents host; /* H of the items whose issuer is not the host */
    bool billed;
};

struct close_result {
    struct month month;
    enum netting_mode mode;
    struct rating rating; /* of the month itself: items, outcome of each stay */
    int64_t stays, visit_days, half_days, days, room_hours, units_used;
    int64_t auto_closed, cut_short, grace, outside_validity, overdraft;
    struct close_site *sites; /* by site */
    struct line *lines;       /* ascending by key, so by document */
    uint32_t line_count;
    struct document *documents; /* ascending by (kind, party, other, credit) */
    uint32_t document_count;
    struct month *revised; /* earlier months that were rated again, ascending */
    uint32_t revised_count;
    struct cents *carried_in;       /* by member: what the last close left it with */
    struct carnet_use *carnet_uses; /* for the next close: every closed month, this one included */
    size_t carnet_use_count;
    struct cents *positions; /* by member, before carry-over, with what was carried in */
    struct cents *carried;   /* by member: what it takes to the next month */
    struct cents *payable;   /* by member: positions after carry-over */
    uint32_t nonzero;
    struct cents paid;
    struct transfer *transfers;
    uint32_t transfer_count;
    struct books books; /* postings of this close */
};
#define CLOSE_RESULT_INIT ((struct close_result){0})

/* Computes the month. Errors name what is wrong and what to do; release the result in every case.
 * That every document balances, that positions and trial balance add up to 0, and that the books
 * give the positions is asserted. */
must_check int close_run(struct close_result *result, const struct roster *roster,
                         const struct close_input *input, struct fault *fault);
void close_result_release(struct close_result *result);

/* Posts documents, and what carnets earned between two states of their use (every closed month), as
 * a close does: each posting balances, asserted. E_OVERFLOW. */
struct close_postings {
    const struct document *documents;
    uint32_t document_count;
    const struct line *lines;
    const struct carnet_use *uses_before;
    size_t use_before_count;
    const struct carnet_use *uses_after;
    size_t use_after_count;
};
must_check int close_post(struct books *books, const struct roster *roster,
                          const struct close_postings *postings);

/* The order of lines within a result: by key. */
int line_compare(const struct line *a, const struct line *b);

#endif
