/* Lines added up by account. Private to fec/. */
#ifndef CORE_FEC_SUMS_H
#define CORE_FEC_SUMS_H

#include "core/fec/fec.h"

struct fec_sum {
    struct view account, account_label;
    struct view aux, aux_label;
    struct cents debits, credits; /* both above or equal to 0 */
};

/* By account, then auxiliary account, ascending; in the arena. The lines come into that order, and
 * keep theirs within an account. Amounts must fit, as those of fec_make() do. */
size_t fec_sums(struct fec_line *lines, size_t count, struct arena *arena, struct fec_sum **out);

#endif
