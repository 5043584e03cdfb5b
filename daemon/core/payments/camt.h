/* Reads what a bank says of an account: ISO 20022 camt.053 (statement) and camt.054 (notification),
 * versions .02 to .08. Each payment is one entry; a booking of several becomes as many. Nothing
 * outside the bytes is ever looked at: a document type is refused where it begins, so there are no
 * entities and nothing is loaded. Every complaint is a sentence. Pure; any thread. */
#ifndef CORE_PAYMENTS_CAMT_H
#define CORE_PAYMENTS_CAMT_H

#include "base/arena.h"
#include "core/day/day.h"
#include "core/money/cents.h"

enum {
    CAMT_BYTES_MAX = 256 << 20,
    CAMT_ENTRIES_MAX = 1000000,
    CAMT_DEPTH_MAX = 32,  /* the deepest element that is read stands at 9 */
    CAMT_TEXT_MAX = 4096, /* of one element that is read; the schema's longest has 500 */
};

struct camt_entry {
    struct view account;        /* IBAN of the account */
    struct view statement;      /* id of the statement or notification */
    struct view bank_reference; /* AcctSvcrRef of the payment, or of its booking; may be empty */
    struct view payment_group;  /* PmtInfId that we gave; may be empty */
    struct view end_to_end;     /* empty: none, or NOTPROVIDED */
    struct view iban;           /* of the other side; may be empty */
    struct view name;           /* likewise */
    struct view text;           /* remittance information, the first line */
    struct view return_reason;  /* "AC04"; empty: no reason told */
    struct day booked, valued;
    struct cents amount; /* above or equal to 0 */
    bool credit;         /* the account got it */
    bool returned;       /* it is a payment that came back */
    bool pending;        /* not booked yet: tells nothing */
    char key[33];        /* names the entry; the same in a statement that is read twice */
};

struct camt {
    struct view message_id;
    bool notification; /* camt.054 */
    int version;       /* 2 to 8 */
    struct camt_entry *entries;
    size_t count;
};

/* Entries and texts are in the arena. E_INVALID: not XML, cut short, with a document type or
 * entities, another currency, amounts or days that are none; E_FOREIGN: not camt.053 or camt.054;
 * E_UNSUPPORTED: another version of it; E_LIMIT: larger than the limits above. *out is untouched
 * unless E_OK. */
must_check int camt_read(struct view file, struct arena *arena, struct camt *out,
                         struct fault *fault);

#endif
