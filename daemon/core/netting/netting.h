/* RULES 18: net positions become transfers. A position is what a member gets (above 0) or owes
 * (below 0); the positions of a network add up to 0. Members are numbers; equal input gives equal
 * output, whatever the machine. Pure; any thread. */
#ifndef CORE_NETTING_NETTING_H
#define CORE_NETTING_NETTING_H

#include "core/money/cents.h"

struct transfer {
    uint32_t from;
    uint32_t to;
    struct cents amount; /* above 0 */
};

enum netting_mode {
    NETTING_OPERATOR, /* everyone pays to or gets from the operator */
    NETTING_DIRECT,   /* between members: the fewest when few take part, at most n - 1 always */
};

/* Up to so many positions that are not 0, NETTING_DIRECT is exact. It needs 9 MiB and about 20
 * million steps for 20 of them; each further one would double both. */
enum { NETTING_EXACT_MAX = 20 };

/* Carry-over: each member but the operator whose position is not 0 and below `minimum` in size
 * gives it to the operator: carried[i] is what it had, its position becomes 0. E_OVERFLOW. */
must_check int netting_carry(struct cents *positions, struct cents *carried, uint32_t count,
                             uint32_t operator_member, struct cents minimum);

/* Transfers that bring all positions to 0, ascending by (from, to). `transfers` has room for
 * `count`. E_INVALID: the positions do not add up to 0; E_OVERFLOW: an amount past 2^57 cents. */
must_check int netting_transfers(const struct cents *positions, uint32_t count,
                                 uint32_t operator_member, enum netting_mode mode,
                                 struct transfer *transfers, uint32_t *transfer_count);

#endif
