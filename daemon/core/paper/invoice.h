/* One invoice or credit note, whatever syntax it is written in: the terms of EN 16931 (BT-n, groups
 * BG-n) that Passerelle uses, as filled by make.h and read by cii.h, ubl.h, html.h and facturx.h.
 * Amounts are above or equal to 0 in a credit note too: its type says that they flow back.
 *
 * Texts are UTF-8, borrowed; an empty one is left out of every form. Dates are Paris days. Money is
 * EUR (BT-5). There is one VAT category per document: that of its seller. Pure; any thread. */
#ifndef CORE_PAPER_INVOICE_H
#define CORE_PAPER_INVOICE_H

#include "core/day/day.h"
#include "core/money/cents.h"

enum invoice_type {                            /* BT-3, UNTDID 1001 */
                    INVOICE_COMMERCIAL = 380,  /* of an issuer to an employer; of the operator */
                    INVOICE_SELF_BILLED = 389, /* of a host, written by the issuer that buys */
                    INVOICE_CREDIT = 381,      /* takes back what 380 billed */
                    INVOICE_SELF_BILLED_CREDIT = 261, /* takes back what 389 billed */
};

struct invoice_party {    /* BG-4 seller, BG-7 buyer */
    struct view name;     /* BT-27, BT-44 */
    struct view siren;    /* BT-30, BT-47, scheme 0002; BT-34, BT-49, scheme 0225 */
    struct view siret;    /* BT-29, BT-46, scheme 0009 */
    struct view vat_id;   /* BT-31, BT-48 */
    struct view tax_id;   /* BT-32, of a seller without a VAT number: its SIREN */
    struct view address;  /* BT-35, BT-50 */
    struct view city;     /* BT-37, BT-52 */
    struct view postcode; /* BT-38, BT-53 */
    struct view country;  /* BT-40, BT-55 */
};

struct invoice_note {    /* BG-1 */
    const char *subject; /* BT-21, UNTDID 4451; NULL: none */
    struct view text;    /* BT-22 */
};
enum { INVOICE_NOTES_MAX = 8 };

struct invoice_reference { /* BG-3 */
    struct view number;    /* BT-25 */
    struct day issued;     /* BT-26 */
};

enum payment_means {                        /* BT-81, UNTDID 4461 */
                     PAYMENT_NONE = 0,      /* no BG-16: nothing is left to pay */
                     PAYMENT_UNDEFINED = 1, /* the seller has no account on record */
                     PAYMENT_SEPA_TRANSFER = 58,
                     PAYMENT_SEPA_DEBIT = 59,
                     PAYMENT_CLEARING = 97, /* netted between members; a credit note: taken off */
};

struct invoice_payment {      /* BG-16 */
    enum payment_means means; /* BT-81 */
    struct view iban;         /* BT-84: the seller's */
    struct view bic;          /* BT-86 */
    struct view mandate;      /* BT-89 */
    struct view creditor_id;  /* BT-90 */
    struct view debited_iban; /* BT-91 */
    struct view terms;        /* BT-20 */
};

struct invoice_line {    /* BG-25; BT-126 is its place, from 1 */
    struct view name;    /* BT-153 */
    struct view item_id; /* BT-155: site or plan */
    struct view note;    /* BT-127 */
    int64_t quantity;    /* BT-129 */
    const char *unit;    /* BT-130, UN/ECE Recommendation 20 */
    struct cents price;  /* BT-146, net, of one */
    struct cents net;    /* BT-131 */
    struct month month;  /* BG-26: its first and last day */
    bool paid;           /* paid when bought: counts in BT-113 */
};

struct invoice {
    bool pro_forma;         /* no invoice: it has no XML, and its number is a reference only */
    enum invoice_type type; /* BT-3 */
    const char *process;    /* BT-23: "S1", or "S2" when all is paid */
    struct view number;     /* BT-1 */
    struct day issued;      /* BT-2 */
    struct day due;         /* BT-9; credit notes have none, and say BT-20 only */
    struct day delivered;   /* BT-72 */
    struct day from, to;    /* BG-14: BT-73, BT-74 */
    struct invoice_note notes[INVOICE_NOTES_MAX];
    size_t note_count;
    struct view buyer_reference;               /* BT-10: for a public buyer its service code */
    bool buyer_service;                        /* BT-10 is that code */
    struct view engagement;                    /* BT-13 */
    const struct invoice_reference *preceding; /* BG-3 */
    size_t preceding_count;
    struct invoice_party seller, buyer;
    struct invoice_payment payment;
    const char *category;    /* BT-118, BT-151: "S", "E" or "O" */
    struct vat_rate rate;    /* BT-119, BT-152; category O has none */
    const char *exempt_code; /* BT-121; NULL: taxed */
    const char *exempt_text; /* BT-120 */
    const struct invoice_line *lines;
    size_t line_count;
    struct cents net;     /* BT-106, BT-109, BT-116 */
    struct cents vat;     /* BT-110, BT-117 */
    struct cents gross;   /* BT-112 */
    struct cents paid;    /* BT-113 */
    struct cents payable; /* BT-115 */
};

static inline bool invoice_is_credit(const struct invoice *invoice)
{
    return invoice->type == INVOICE_CREDIT || invoice->type == INVOICE_SELF_BILLED_CREDIT;
}

static inline bool invoice_is_self_billed(const struct invoice *invoice)
{
    return invoice->type == INVOICE_SELF_BILLED || invoice->type == INVOICE_SELF_BILLED_CREDIT;
}

/* BR-O-02: outside the scope of VAT, an invoice names no VAT number of anybody. */
static inline bool invoice_names_vat_ids(const struct invoice *invoice)
{
    return invoice->category[0] != 'O';
}

#endif
