/* Which account of a chart (PCG, the French plan comptable général) stands for what the network
 * books. A member may bring its own: a CSV with the columns key, account, label, of which each row
 * replaces a default. Pure; any thread. */
#ifndef CORE_FEC_CHART_H
#define CORE_FEC_CHART_H

#include "base/arena.h"
#include "base/buf.h"

enum fec_key {
    FEC_EMPLOYERS,       /* what employers owe */
    FEC_CARNETS,         /* sold and not used yet: deferred income */
    FEC_SALES,           /* passes used */
    FEC_CARNETS_EXPIRED, /* units that nobody used */
    FEC_HOSTS,           /* what is owed to hosts */
    FEC_HOSTING_BOUGHT,
    FEC_OPERATOR, /* what is owed to the operator for its fee */
    FEC_FEE_BOUGHT,
    FEC_ISSUERS, /* what issuers owe, for hosting or the fee */
    FEC_HOSTING_SOLD,
    FEC_FEE_SOLD,
    FEC_SUBSIDY,        /* got by issuers */
    FEC_SUBSIDY_PASSED, /* the Region's money on its way through the operator */
    FEC_NETWORK,        /* what the network owes or is owed after netting */
    FEC_VAT_COLLECTED,
    FEC_VAT_PAID,
    FEC_BANK,
    FEC_CARNETS_PAID, /* where the money for carnets came, when they were bought */
    FEC_PROFIT, /* result of earlier years, above 0 */
    FEC_LOSS,   /* and below */
};
enum { FEC_KEY_COUNT = 20, FEC_ACCOUNT_MAX = 20, FEC_LABEL_MAX = 100 };

struct fec_account {
    struct view number; /* at least three digits first */
    struct view label;
};
struct fec_chart {
    struct fec_account accounts[FEC_KEY_COUNT];
};

/* The account of a key, by the default chart. */
extern const struct fec_chart fec_chart_default;
/* "employers"; the keys of the CSV. */
const char *fec_key_name(enum fec_key key);

/* Sets the account of a key; texts are borrowed. E_INVALID with a sentence: an unknown key, an
 * account that is no account, a label that is empty. */
must_check int fec_chart_set(struct fec_chart *chart, struct view key, struct view account,
                             struct view label, struct fault *fault);

/* Whether it can be an account: three digits (class 1 to 7), then digits or letters; a name of
 * accounts: 1 to FEC_LABEL_MAX letters. */
bool fec_is_account(struct view text);
bool fec_is_label(struct view text);

/* Starts from the default. Texts are in the arena. E_INVALID with a sentence that begins with the
 * line: what fec_chart_set() refuses, or a key told twice. */
must_check int fec_chart_read(struct view csv, struct arena *arena, struct fec_chart *out,
                              struct fault *fault);

/* Appends the chart as such a CSV, to start one's own from. */
void fec_chart_write(const struct fec_chart *chart, struct buf *out);

#endif
