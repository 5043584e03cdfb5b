/* The rules of a FEC (LPF A47 A-1; the tax office's Test-Compta-Demat), applied to any file,
 * whoever wrote it. Each breach names its line and its rule. Pure; any thread. */
#ifndef CORE_FEC_CHECK_H
#define CORE_FEC_CHECK_H

#include "core/day/day.h"
#include "core/money/cents.h"

enum fec_rule {
    FEC_RULE_NAME,     /* SIREN, FEC, the closing day, .txt */
    FEC_RULE_ENCODING, /* ASCII, ISO 8859-15 or UTF-8 without a mark; no control characters */
    FEC_RULE_ENDING,   /* lines all end in CR LF, or all in LF */
    FEC_RULE_HEADER,   /* the 18 names of columns, in order */
    FEC_RULE_FIELDS,   /* 18 fields in each line, and no more */
    FEC_RULE_EMPTY,    /* a field that must be filled is empty */
    FEC_RULE_DATE,     /* AAAAMMJJ */
    FEC_RULE_YEAR,     /* EcritureDate within the fiscal year */
    FEC_RULE_ACCOUNT,  /* CompteNum begins with three digits */
    FEC_RULE_AMOUNT,   /* decimal comma, no separator of thousands */
    FEC_RULE_SIDES,    /* not both debit and credit */
    FEC_RULE_PAIR,     /* fields that come together: auxiliary account, lettering, currency */
    FEC_RULE_JOURNAL,  /* a journal has one label */
    FEC_RULE_NUMBER,   /* EcritureNum goes on without a gap, in the file or within each journal */
    FEC_RULE_ORDER,    /* by ValidDate, likewise */
    FEC_RULE_OPENING,  /* opening balances first, without classes 6 and 7 */
    FEC_RULE_CLOSING,  /* classes 6 and 7 are not closed by entries */
    FEC_RULE_CENTRAL,  /* no entries that centralise those of other journals, by their labels */
    FEC_RULE_ENTRY,    /* each entry balances */
    FEC_RULE_BALANCE,  /* and the whole */
};
enum { FEC_RULE_COUNT = 20 };
/* "amount"; for reports. */
const char *fec_rule_name(enum fec_rule rule);

struct fec_finding {
    size_t line; /* from 1; 0: of the whole file */
    enum fec_rule rule;
    char text[256]; /* ASCII: what is wrong and what is wanted */
};

struct fec_report {
    size_t lines; /* without the header */
    size_t entries;
    struct cents debits, credits; /* of the lines that could be read */
    size_t findings;
};

/* `name` is the file's own, without folders; empty: it is not looked at. Calls `found` for each
 * breach, in the order of the lines, those of the whole file last (number and order are known then
 * only). */
void fec_check(struct view file, struct view name,
               void (*found)(void *context, const struct fec_finding *finding), void *context,
               struct fec_report *out);

#endif
