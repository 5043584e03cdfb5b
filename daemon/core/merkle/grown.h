/* A tree that grows in memory: two hashes an entry, and all that the functions of tree.h read. For
 * those who hold the entries and no database. Pure. */
#ifndef CORE_MERKLE_GROWN_H
#define CORE_MERKLE_GROWN_H

#include "core/merkle/tree.h"

struct grown {
    uint64_t size;
    struct tree_frontier frontier;
    struct tree_hash *nodes; /* of one record behind the other */
    size_t alloc;
};

/* {0} is the empty tree. */
void grown_add(struct grown *grown, const struct tree_hash *leaf);
void grown_release(struct grown *grown);
/* Borrows the tree. */
struct tree_reader grown_reader(const struct grown *grown);

#endif
