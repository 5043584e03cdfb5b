/* Whether checkpoints of one log can all be true: a log that shows different histories to different
 * readers has signed two that cannot. Two of one size with different roots contradict each other as
 * they stand; of two sizes, when a proof shows that the tree of the later one had another root at
 * the size of the earlier. The two notes with that proof convince anyone. Pure. */
#ifndef CORE_MERKLE_CONTRADICTION_H
#define CORE_MERKLE_CONTRADICTION_H

#include "core/merkle/checkpoint.h"
#include "core/merkle/grown.h"

struct contradiction {
    size_t first, second;    /* of the checkpoints; the first is not the larger one */
    struct tree_hash root;   /* what the second's tree has at the first's size */
    struct tree_proof proof; /* that it does, from that root to the second; empty for equal sizes */
};

/* `heads` are all of one log and signed by it; `trees` are its entries as somebody holds them.
 * Finds two that contradict each other, the earliest in the log. E_NOT_FOUND: all can be true, as
 * far as sizes that meet and the entries of the trees tell. */
must_check int contradiction_find(const struct checkpoint *const *heads, size_t count,
                                  const struct grown *const *trees, size_t tree_count,
                                  struct contradiction *out);
/* What anyone does who is given the two: E_OK, they contradict each other; E_INVALID. */
must_check int contradiction_check(const struct checkpoint *first, const struct checkpoint *second,
                                   const struct tree_hash *root, const struct tree_proof *proof);

#endif
