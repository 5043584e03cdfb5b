/* What is to be paid, as files for banks: the transfers of a close, one file per paying member; the
 * invoices that employers pay by direct debit, one file per issuer. What cannot stand in a file is
 * listed with the reason, never dropped. The same input gives the same files. Pure; any thread. */
#ifndef CORE_PAYMENTS_ORDERS_H
#define CORE_PAYMENTS_ORDERS_H

#include "core/payments/pain.h"
#include "passerelle/v1/settlement.pb-c.h"

/* A member as a bank needs it. */
struct orders_member {
    struct pain_party party; /* iban empty: none on record */
    struct view siren;
    struct view creditor_id; /* ICS; empty: it debits nobody */
};

struct orders_terms {
    struct view network; /* its name, for message ids */
    struct month month;  /* of the close */
    unsigned run;        /* pain_message_id() */
    enum pain_version version;
    int64_t created_utc_ms;
    struct day wanted; /* day of execution or collection */
    bool b2b;          /* debits */
    bool addresses;    /* write them where they are whole */
};

/* Why something stands in no file. */
enum left_out {
    LEFT_NO_IBAN_PAYER,
    LEFT_NO_IBAN_PAYEE,
    LEFT_NO_CREDITOR_ID,
    LEFT_NO_MANDATE,
    LEFT_NO_NAME,   /* nothing of its name can be written in SEPA's letters */
    LEFT_TOO_LARGE, /* PAIN_AMOUNT_MAX */
    LEFT_CREDIT,    /* a credit note above what its employer owes: to be paid back by hand */
};
enum { LEFT_OUT_COUNT = 7 };
/* A sentence of what to do; never NULL. */
const char *left_out_text(enum left_out reason);

struct orders_left {
    struct view end_to_end; /* of the payment that is missing */
    struct view from, to;   /* ids of who pays and who gets */
    struct cents amount;
    enum left_out reason;
};

struct orders_file {
    struct view party_id; /* who hands it to its bank */
    struct pain_file file;
};

struct orders {
    struct orders_file *files; /* ascending by party id */
    size_t file_count;
    struct orders_left *left;
    size_t left_count;
};

/* The transfers of a close, in both modes of netting. `member` gives false for an id that it does
 * not know: E_NOT_FOUND. Texts are in the arena, in the document or in what `member` gave. */
must_check int
orders_transfers(const Passerelle__V1__SettlementDocument *document,
                 const struct orders_terms *terms,
                 bool (*member)(void *context, const char *id, struct orders_member *out),
                 void *context, struct arena *arena, struct orders *out, struct fault *fault);

/* An invoice or a credit note of an issuer to an employer that gave it a mandate. */
struct orders_claim {
    const char *issuer_id;
    struct view employer_id;
    struct view number;         /* of the invoice: becomes the end-to-end id */
    struct cents amount;        /* what is left to pay; of a credit note below 0 */
    struct pain_party employer; /* iban: that of the mandate */
    struct view mandate;        /* empty: it gave none */
    struct day signed_on;
    bool debited; /* under this mandate, before this run */
};

/* Takes each credit note off the invoices between the same two, in the order given: open[] begins
 * as the amounts, and a credit note that is above them stays below 0. */
void orders_set_off(const struct orders_claim *claims, size_t count, int64_t *open);

/* Direct debits. Credit notes are first taken off the invoices of the same issuer and employer, in
 * the order given; what then is 0 needs no debit. */
must_check int
orders_debits(const struct orders_claim *claims, size_t count, const struct orders_terms *terms,
              bool (*member)(void *context, const char *id, struct orders_member *out),
              void *context, struct arena *arena, struct orders *out, struct fault *fault);

#endif
