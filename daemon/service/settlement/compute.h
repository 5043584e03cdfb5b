/* A month's settlement, computed from one state of the views: what a close would record. */
#ifndef SERVICE_SETTLEMENT_COMPUTE_H
#define SERVICE_SETTLEMENT_COMPUTE_H

#include "core/close/document.h"
#include "core/close/reader.h"
#include "crypt/sha256.h"
#include "passerelle/v1/entries.pb-c.h"
#include "service/settlement/load.h"

struct settlement {
    struct month month;
    Passerelle__V1__SettlementDocument *document;
    struct view bytes; /* the document, canonical */
    uint8_t sha256[SHA256_LEN];
    size_t closed_count; /* closes before it: another one since makes it worthless */
    /* The state of the views that it was computed from: every feed, by id. What comes later is
     * late, so a close may be computed while others write. */
    Passerelle__V1__FeedCut **cut;
    size_t cut_count;
    /* For a close: what its invoices need (invoices.h). */
    Passerelle__V1__InvoiceTerms *terms;
    struct view *evidence; /* by document: keys of what stands behind its lines */
    Passerelle__V1__InvoicesNumbered **numbered; /* filled when it is decided */
    size_t numbered_count;
};

/* Inside a transaction, on any thread; the result lives in the arena. `seed` is random.
 * E_NOT_FOUND: a price is missing, by name. Seconds for millions of stays. */
must_check int settlement_compute(struct db *db, uint64_t seed, struct month month,
                                  struct arena *arena, struct settlement *out, struct fault *fault);

/* The same for a close that is to be recorded: with the terms and the evidence of its invoices. */
must_check int settlement_prepare(struct db *db, uint64_t seed, struct month month,
                                  struct arena *arena, struct settlement *out, struct fault *fault);

/* What the close of `month` will take back and bill of earlier months, as things stand, and once
 * these visits never were. Nothing of the month itself is in either document. Inside a transaction,
 * on any thread; seconds for millions of stays. `voided` are rulings, filled but for `order`. */
must_check int settlement_late(struct db *db, uint64_t seed, struct month month,
                               const struct ruling *voided, size_t count, struct arena *arena,
                               Passerelle__V1__SettlementDocument **before,
                               Passerelle__V1__SettlementDocument **after, struct fault *fault);

/* The document of a closed month, in the arena; NULL when there is none (or it is damaged, which
 * sticks in `db`). */
Passerelle__V1__SettlementDocument *settlement_stored(struct db *db, struct month month,
                                                      struct arena *arena);
/* Its bytes, good until the query that is returned ends; empty when there is none. */
struct query *settlement_packed(struct db *db, struct month month, struct view *out);
/* The same message without the documents that are not wanted: nothing of a large month is unpacked
 * that a party has no part in. */
Passerelle__V1__SettlementDocument *
settlement_some(struct db *db, struct month month,
                bool (*wanted)(void *context, const struct document_head *head), void *context,
                struct arena *arena);
/* Takes the documents of the closes before `month` into the history. */
must_check int settlement_history(const struct loaded *loaded, struct month month,
                                  struct close_history *history, struct fault *fault);

#endif
