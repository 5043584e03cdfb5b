/* What the law has written on invoices, as dated rows: VAT law moved from the CGI to the CIBS on
 * 2026-09-01. The row in force on the day of issue counts. Pure; any thread. */
#ifndef CORE_PAPER_LEGAL_H
#define CORE_PAPER_LEGAL_H

#include "core/day/day.h"
#include "passerelle/v1/network.pb-c.h"

/* How a seller's regime stands on its invoices. */
struct legal_vat {
    const char *category; /* BT-118 */
    int32_t basis_points; /* BT-119 */
    const char *code;     /* BT-121; NULL: taxed */
    const char *text;     /* BT-120; NULL: taxed */
};

/* Each row holds from its first day until the next row of the same subject. */
struct legal_vat_row {
    const char *valid_from;
    Passerelle__V1__VatRegime regime;
    struct legal_vat vat;
};
extern const struct legal_vat_row legal_vat_rows[];
extern const size_t legal_vat_row_count;

enum legal_mention {
    MENTION_RECOVERY,     /* note PMT */
    MENTION_LATE,         /* note PMD, private buyer */
    MENTION_LATE_PUBLIC,  /* note PMD, public buyer */
    MENTION_DISCOUNT,     /* note AAB */
    MENTION_SELF_BILLING, /* the law that allows self-billing, to stand in brackets */
    MENTION_PRO_FORMA,
};
struct legal_mention_row {
    const char *valid_from;
    enum legal_mention mention;
    const char *text;
};
extern const struct legal_mention_row legal_mention_rows[];
extern const size_t legal_mention_row_count;

/* NULL: the regime has no row on that day. */
const struct legal_vat *legal_vat_of(Passerelle__V1__VatRegime regime, struct day issued);
/* Never NULL: each mention has a row from 2000 on. */
const char *legal_mention_of(enum legal_mention mention, struct day issued);

#endif
