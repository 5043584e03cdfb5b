/* What stands behind the lines of a close's invoices, taken while its rating is at hand: a later
 * look at the month would see other contracts. */
#ifndef SERVICE_SETTLEMENT_EVIDENCE_H
#define SERVICE_SETTLEMENT_EVIDENCE_H

#include "service/settlement/load.h"

/* Fills *out, an array by document in the arena: for each line in order how many (u32), then the
 * keys of the entries that began the visits (u64), in no promised order. Lines of the month name
 * all visits that they are made of; those of earlier months (RULES 19) the visits that the
 * correction adds, those of credit notes the ones that it takes away. `stays` are those of
 * loaded_month(), and loaded->keys theirs, which this uses up. */
must_check int evidence_gather(struct loaded *loaded, const struct close_result *result,
                               const struct stays *stays, struct arena *arena, struct view **out,
                               struct fault *fault);

#endif
