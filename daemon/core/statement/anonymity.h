/* Which counts may be told so that none speaks of fewer than five people, neither by itself nor as
 * a difference of others. Counts are of groups; a group is a set of atoms, of which nobody tells
 * anything. What is withheld for its own sake pulls others with it:
 *
 * - a group with one to four people is withheld;
 * - what remains of a told group when told groups within it are taken away, family by family in
 *   every order, has nobody or five people and more;
 * - no sum or difference of told counts, with whatever factors, is the count of up to four atoms
 *   that have one to four people together.
 *
 * Pure; any thread. */
#ifndef CORE_STATEMENT_ANONYMITY_H
#define CORE_STATEMENT_ANONYMITY_H

#include "base/arena.h"

enum { ANONYMITY_MIN = 5 };

/* Somebody was in an atom. */
struct anonymity_pair {
    uint32_t person;
    uint32_t atom;
};

struct anonymity_group {
    unsigned family; /* groups of one family share no atom; below ANONYMITY_FAMILIES */
    const bool *atoms;
    uint32_t people; /* filled in */
    bool withheld;   /* filled in */
};
enum { ANONYMITY_FAMILIES = 4 };

struct anonymity {
    size_t atom_count;
    const struct anonymity_pair *pairs; /* by person */
    size_t pair_count;
    struct anonymity_group *groups;
    size_t group_count;
};

void anonymity_decide(struct anonymity *anonymity);

#endif
