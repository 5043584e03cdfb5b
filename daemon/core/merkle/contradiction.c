#include "core/merkle/contradiction.h"

#include <stdlib.h>

#include "base/arena.h"

struct placed {
    uint64_t size;
    size_t index;
};

static int by_size(const void *a, const void *b)
{
    const struct placed *x = a;
    const struct placed *y = b;
    return x->size != y->size ? (x->size > y->size) - (x->size < y->size)
                              : (x->index > y->index) - (x->index < y->index);
}

static bool at_one_size(const struct checkpoint *const *heads, const struct placed *order,
                        size_t count, struct contradiction *out)
{
    for (size_t i = 1; i < count; i++) {
        const struct checkpoint *before = heads[order[i - 1].index];
        const struct checkpoint *head = heads[order[i].index];
        if (before->size == head->size && !tree_hash_equal(&before->root, &head->root)) {
            *out = (struct contradiction){
                .first = order[i - 1].index, .second = order[i].index, .root = head->root};
            return true;
        }
    }
    return false;
}

/* The first head that is not the tree's, and the next one that is. */
static bool across_sizes(const struct checkpoint *const *heads, const struct placed *order,
                         size_t count, const struct grown *tree, struct contradiction *out)
{
    struct tree_reader reader = grown_reader(tree);
    bool found = false;
    for (size_t i = 0; i < count && order[i].size <= tree->size; i++) {
        const struct checkpoint *head = heads[order[i].index];
        struct tree_hash root;
        if (tree_root(&reader, head->size, &root) != E_OK) {
            return false;
        }
        if (!tree_hash_equal(&root, &head->root)) {
            if (!found) {
                found = true;
                out->first = order[i].index;
                out->root = root;
            }
        } else if (found && head->size > heads[out->first]->size) {
            out->second = order[i].index;
            return tree_consistency(&reader, heads[out->first]->size, head->size, &out->proof) ==
                   E_OK;
        }
    }
    return false;
}

int contradiction_find(const struct checkpoint *const *heads, size_t count,
                       const struct grown *const *trees, size_t tree_count,
                       struct contradiction *out)
{
    struct contradiction best = {0}, other = {0};
    struct placed *order = xcalloc(count + 1, sizeof *order);
    for (size_t i = 0; i < count; i++) {
        order[i] = (struct placed){.size = heads[i]->size, .index = i};
    }
    qsort(order, count, sizeof *order, by_size);
    bool found = at_one_size(heads, order, count, &best);
    for (size_t i = 0; i < tree_count; i++) {
        if (across_sizes(heads, order, count, trees[i], &other) &&
            (!found || heads[other.first]->size < heads[best.first]->size)) {
            found = true;
            best = other;
        }
    }
    free(order);
    if (found) {
        *out = best;
    }
    return found ? E_OK : E_NOT_FOUND;
}

int contradiction_check(const struct checkpoint *first, const struct checkpoint *second,
                        const struct tree_hash *root, const struct tree_proof *proof)
{
    if (strcmp(first->origin, second->origin) != 0 || first->size > second->size ||
        tree_hash_equal(root, &first->root)) {
        return E_INVALID;
    }
    if (first->size == 0 || /* an empty tree says nothing of a later one */
        tree_check_consistency(first->size, root, second->size, &second->root, proof->hash,
                               proof->count) != E_OK) {
        return E_INVALID;
    }
    return E_OK;
}
