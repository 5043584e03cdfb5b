/* Which stays stand behind which lines of a rated month: those that an item of the line is made of.
 * Carnets and subscription fees have none. Pure; any thread. */
#ifndef CORE_CLOSE_BEHIND_H
#define CORE_CLOSE_BEHIND_H

#include "core/close/close.h"

struct behind {
    uint32_t *first; /* by line, and one more: where its stays begin in `stays` */
    uint32_t *stays; /* places in the caller's stays, by line, then ascending by visit id */
    uint32_t line_count;
};
#define BEHIND_INIT ((struct behind){0})

/* `lines` are those of a close (close_result.lines); the ones of another month and of credit notes
 * get none. `stays` are those that `rating` was made of, in the same order. E_LIMIT: more than 2^32
 * pairs. Release in every case. */
must_check int behind_run(struct behind *behind, const struct roster *roster,
                          const struct rating *rating, const struct stay *stays,
                          const struct line *lines, uint32_t line_count);
void behind_release(struct behind *behind);

#endif
