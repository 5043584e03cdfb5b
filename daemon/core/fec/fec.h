/* The accounts of one member over one fiscal year as a FEC (LPF A47 A-1, French tax law): entries
 * made of the closes and payments that the network knows, in the member's own chart of accounts,
 * and from the same lines a ledger and a trial balance, which therefore add up to it.
 *
 * Carnets are paid when they are bought: that money is booked on that day, once their month is
 * closed. All else that moved is handed in as payments.
 *
 * Everything up to the end of the year is handed in. What was booked before the year's first day
 * becomes its opening balances, with the results of earlier years in one account; accounts of
 * classes 6 and 7 are never closed by entries. Each entry balances, and so does the whole:
 * asserted. The same input gives the same bytes for ever. Pure; any thread. */
#ifndef CORE_FEC_FEC_H
#define CORE_FEC_FEC_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/day/day.h"
#include "core/fec/chart.h"
#include "core/money/cents.h"
#include "passerelle/v1/settlement.pb-c.h"

/* ---- what is handed in ---- */

/* A member or an employer, as an auxiliary account. */
struct fec_party {
    struct view number; /* its SIREN, or its id */
    struct view name;
};

/* A carnet that the member sold, whenever that was. */
struct fec_carnet {
    const char *carnet_id;
    const char *employer_id;
    struct cents price; /* net */
    uint32_t units;     /* at least 1 */
    struct day last_day;
    struct day bought_on;
};

/* One close. */
struct fec_close {
    const Passerelle__V1__SettlementDocument *document;
    /* The number of each document (BT-1), in the order of document->documents; empty for a subsidy
     * statement or a pro forma. Where a host wrote its own invoice: that invoice's. */
    const struct view *numbers;
    struct day booked; /* EcritureDate: the last day of the month, unless policy says otherwise */
    struct day issued; /* PieceDate: the day of issue of its documents */
    struct day validated; /* ValidDate: the day of the close; not before `booked` */
    /* Carnets of its own month that it bills, in the order in which they were bought. What it bills
     * beside them was told late, and is booked as its invoice is. */
    const struct fec_carnet *sold;
    size_t sold_count;
};

/* Money that moved, of state confirmed; not what carnets cost. */
struct fec_payment {
    struct day booked;      /* by the bank */
    struct view reference;  /* of the bank; empty: the end-to-end id stands in */
    struct view end_to_end; /* invoice number or transfer id */
    const char *party_id;   /* a member, or an employer */
    bool employer;
    struct cents amount; /* above 0: the member got it; below 0: it paid, or it came back */
};

/* What stood on an account before all of that; debit above 0. They add up to 0. Units of carnets
 * that were sold before the first close earn too: what was deferred for them stands here
 * (opening.h). */
struct fec_opening {
    struct view account, label;
    struct view aux, aux_label; /* empty: none */
    struct cents amount;
};

struct fec_input {
    const char *member_id;
    struct view siren;
    struct day from, to; /* the fiscal year, inclusive */
    const struct fec_chart *chart;
    const struct fec_close *closes; /* ascending by month; all with `booked` up to `to` */
    size_t close_count;
    const struct fec_payment *payments; /* any order; what is after `to` is left out */
    size_t payment_count;
    const struct fec_carnet *carnets;
    size_t carnet_count;
    const struct fec_opening *openings;
    size_t opening_count;
    void *context;
    bool (*party)(void *context, const char *id, bool employer, struct fec_party *out);
};

/* ---- what comes out ---- */

enum fec_journal {
    JOURNAL_OPENING, /* AN, à nouveaux */
    JOURNAL_SALES,   /* VT, ventes */
    JOURNAL_BOUGHT,  /* AC, achats */
    JOURNAL_BANK,    /* BQ, banque */
    JOURNAL_OTHER,   /* OD, opérations diverses */
};
enum { FEC_JOURNAL_COUNT = 5 };
const char *fec_journal_code(enum fec_journal journal);
const char *fec_journal_label(enum fec_journal journal);

struct fec_line {
    enum fec_journal journal;
    uint32_t entry; /* EcritureNum: from 1, without a gap */
    struct day day; /* EcritureDate */
    struct view account, account_label;
    struct view aux, aux_label; /* empty: none */
    struct view piece;
    struct day piece_day;
    struct view label;
    struct cents amount; /* debit above 0, credit below; never 0 */
    struct day validated;
};

struct fec {
    struct view siren;
    struct day from, to;
    struct fec_line *lines; /* by entry: opening first, then by validation */
    size_t line_count;
    uint32_t entry_count;
};

/* Lines and texts are in the arena, or borrowed from the input. E_NOT_FOUND: a party that the book
 * lacks; E_INVALID: closes or days out of order, openings that do not add up to 0; E_CORRUPT: a
 * document that does not add up; E_OVERFLOW. *out is untouched then. */
must_check int fec_make(const struct fec_input *input, struct arena *arena, struct fec *out,
                        struct fault *fault);

enum { FEC_NAME_MAX = 40 };
/* "998836464FEC20261231.txt" */
void fec_name(const struct fec *fec, char name[static FEC_NAME_MAX]);
/* Appends the file: tabs, CR LF, decimal commas, ISO 8859-15. What its letters lack is written with
 * those of SEPA (core/payments/latin.h). Check buf_error(). */
void fec_write(const struct fec *fec, struct buf *out);

/* What stands on one account, or auxiliary account, at the end of the year; debit above 0. */
struct cents fec_balance(const struct fec *fec, struct view account, struct view aux);

/* Appends, for a French spreadsheet (UTF-8 with a mark, ';', decimal comma, CR LF): every account
 * with its debits, credits and balance, and their sums; and every line by account with the balance
 * after it. E_OVERFLOW cannot happen after fec_make(). Check buf_error(). */
void fec_trial_balance(const struct fec *fec, struct arena *arena, struct buf *out);
void fec_ledger(const struct fec *fec, struct arena *arena, struct buf *out);

#endif
