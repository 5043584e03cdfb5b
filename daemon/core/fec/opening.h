/* Opening balances: what stood on a member's accounts before the network's first close. They come
 * as a CSV with the columns account, label, aux, aux_label (both may be empty), debit_cents and
 * credit_cents, of which one is empty. Pure; any thread. */
#ifndef CORE_FEC_OPENING_H
#define CORE_FEC_OPENING_H

#include "core/fec/fec.h"

enum { FEC_OPENINGS_MAX = 300 };

/* E_INVALID with a sentence: an account that is no account, a label that is empty, an amount of 0;
 * several: they do not add up to 0. */
must_check int fec_opening_check(const struct fec_opening *opening, struct fault *fault);
must_check int fec_openings_check(const struct fec_opening *openings, size_t count,
                                  struct fault *fault);

/* Texts are in the arena. E_INVALID with a sentence that begins with the line, or that all of them
 * do not add up to 0; E_LIMIT: more than FEC_OPENINGS_MAX. */
must_check int fec_openings_read(struct view csv, struct arena *arena, struct fec_opening **out,
                                 size_t *count, struct fault *fault);
/* Appends them as such a CSV. */
void fec_openings_write(const struct fec_opening *openings, size_t count, struct buf *out);

/* What carnets add that were sold before `first`, the first month with a close, and can still be
 * used in it: their price is deferred income, and was paid. *added becomes 2, or 0 when there is
 * none or `own` balances name the account of carnets already. E_OVERFLOW. */
must_check int fec_openings_of_carnets(const struct fec_chart *chart,
                                       const struct fec_carnet *carnets, size_t carnet_count,
                                       struct month first, const struct fec_opening *own,
                                       size_t own_count, struct fec_opening out[static 2],
                                       size_t *added);

#endif
