/* One file for a bank: transfers (ISO 20022 pain.001) or direct debits (pain.008) of one party, in
 * the form that SEPA's rulebooks give them (EPC132-08, EPC130-08). Texts are written in the letters
 * of latin.h; an address is written with its parts or not at all, since banks refuse one of free
 * lines from November 2026 on. The same file gives the same bytes for ever. Pure; any thread.
 *
 * Each payment is booked by itself (BtchBookg false): statements then name each end-to-end id. */
#ifndef CORE_PAYMENTS_PAIN_H
#define CORE_PAYMENTS_PAIN_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/day/day.h"
#include "core/money/cents.h"

enum pain_kind {
    PAIN_TRANSFERS, /* pain.001 */
    PAIN_DEBITS,    /* pain.008 */
};
enum pain_version {
    PAIN_2019, /* pain.001.001.09, pain.008.001.08: what banks take now */
    PAIN_2009, /* pain.001.001.03, pain.008.001.02: for those that do not yet */
};
enum { PAIN_ID_MAX = 35, PAIN_NAME_MAX = 70, PAIN_TEXT_MAX = 140 };
/* Of one payment, by the rulebooks. */
#define PAIN_AMOUNT_MAX CENTS(INT64_C(99999999999))

struct pain_party {
    struct view name;
    struct view iban;
    struct view bic;    /* empty: none is written */
    struct view street; /* the address is written when town and country are known */
    struct view postcode;
    struct view town;
    struct view country;
};

struct pain_payment {
    struct view end_to_end;  /* at most PAIN_ID_MAX of A-Z a-z 0-9 and '-' */
    struct cents amount;     /* 1 to PAIN_AMOUNT_MAX */
    struct pain_party party; /* who gets, or is debited */
    struct view text;        /* what it is for */
    struct view mandate;     /* debits: its reference (RUM), */
    struct day signed_on;    /* the day of its signature, */
    bool first;              /* and whether this is the first under it (FRST, RCUR after that) */
};

struct pain_file {
    enum pain_kind kind;
    enum pain_version version;
    char message_id[PAIN_ID_MAX + 1];
    int64_t created_utc_ms;
    struct day wanted;       /* when it is to be executed or collected */
    struct pain_party owner; /* who pays, or is paid by debit */
    struct view creditor_id; /* debits: ICS */
    bool b2b;                /* debits: the scheme between companies rather than CORE */
    struct view note;        /* a comment at its beginning; empty: none */
    const struct pain_payment *payments;
    size_t count; /* above 0 */
    struct cents sum;
};

/* "VT-202610-1-0123456789abcdef": kind ("VT" transfers, "PR" debits), month, run, and the beginning
 * of a hash of network, party, kind, month and run. A bank refuses a message id that it has seen,
 * so one and the same run cannot be paid twice, whatever version of the schema it is written in.
 * `run` is 1, and one more each time that a file is made anew on purpose (returned, another IBAN);
 * 1 to 999. */
void pain_message_id(enum pain_kind kind, struct view network, struct view party_id,
                     struct month month, unsigned run, char text[static PAIN_ID_MAX + 1]);

/* The group of a file (PmtInfId) in which a payment stands: debits that are the first under their
 * mandate are one group, those that recur another. */
void pain_group_id(const struct pain_file *file, const struct pain_payment *payment,
                   char text[static PAIN_ID_MAX + 1]);

/* "VT-202610-998836464-996471223": the transfer of a month between two SIREN numbers. */
void pain_transfer_id(struct month month, struct view from_siren, struct view to_siren,
                      char text[static PAIN_ID_MAX + 1]);

/* "pain.001.001.09": the last part of the namespace, for names of files. */
const char *pain_schema(enum pain_kind kind, enum pain_version version);

/* Appends the file. E_LIMIT: the buffer's maximum; E_INTERNAL: libxml2. What the members above
 * promise is asserted. */
must_check int pain_write(const struct pain_file *file, struct buf *out);

#endif
