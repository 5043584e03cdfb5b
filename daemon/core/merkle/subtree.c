/* The specification defines both walks by recursion from the root. Here the way down is a loop that
 * notes each turn, and the hashes, which are listed from the deepest up, are then taken from the
 * end of the notes. */
#include "core/merkle/subtree.h"

#include <assert.h>

/* Where the subtree lies below a node: in one child, or across both and then from the node's first
 * leaf on. */
enum turn { TURN_LEFT, TURN_RIGHT, TURN_ACROSS };

struct walk {
    uint64_t from, to;   /* the node */
    uint64_t start, end; /* what is below it of the subtree */
    bool known;          /* that part is the whole subtree, whose hash the verifier has */
};

bool subtree_is_valid(uint64_t start, uint64_t end)
{
    if (start > end || end > INT64_MAX) {
        return false;
    }
    uint64_t mask = end - start < 2 ? 0 : UINT64_MAX >> __builtin_clzll(end - start - 1);
    return start == end || (start & mask) == 0;
}

static bool has_arrived(const struct walk *walk)
{
    return walk->from == walk->start && walk->to == walk->end;
}

/* Goes one level down; [*sibling_from, *sibling_to) is the child that it does not enter. */
static enum turn step(struct walk *walk, uint64_t *sibling_from, uint64_t *sibling_to)
{
    uint64_t middle =
        walk->from + ((uint64_t)1 << (63 - __builtin_clzll(walk->to - walk->from - 1)));
    if (walk->end <= middle) {
        *sibling_from = middle;
        *sibling_to = walk->to;
        walk->to = middle;
        return TURN_LEFT;
    }
    *sibling_from = walk->from;
    *sibling_to = middle;
    walk->from = middle;
    if (walk->start >= middle) {
        return TURN_RIGHT;
    }
    assert(walk->start == *sibling_from);
    walk->start = middle;
    walk->known = false;
    return TURN_ACROSS;
}

int subtree_prove(const struct tree_reader *reader, uint64_t start, uint64_t end, uint64_t size,
                  struct tree_proof *out)
{
    if (end > size || size > INT64_MAX || !subtree_is_valid(start, end)) {
        return E_INVALID;
    }
    struct tree_proof found = {0};
    struct walk walk = {0, size, start, end, true};
    while (start != end && !has_arrived(&walk)) {
        uint64_t from;
        uint64_t to;
        step(&walk, &from, &to);
        int err = tree_range(reader, from, to, &found.hash[found.count++]);
        if (err != E_OK) {
            return err;
        }
    }
    if (!walk.known) {
        int err = tree_range(reader, walk.from, walk.to, &found.hash[found.count++]);
        if (err != E_OK) {
            return err;
        }
    }
    out->count = found.count;
    for (unsigned i = 0; i < found.count; i++) {
        out->hash[i] = found.hash[found.count - 1 - i];
    }
    return E_OK;
}

int subtree_check(uint64_t start, uint64_t end, const struct tree_hash *hash, uint64_t size,
                  const struct tree_hash *root, const struct tree_hash *proof, size_t count)
{
    if (end > size || size > INT64_MAX || !subtree_is_valid(start, end)) {
        return E_SIGNATURE;
    }
    if (start == end) {
        struct tree_hash empty = tree_empty();
        return count == 0 && tree_hash_equal(hash, &empty) ? E_OK : E_SIGNATURE;
    }
    struct walk walk = {0, size, start, end, true};
    enum turn turns[TREE_PROOF_MAX];
    size_t depth = 0;
    while (!has_arrived(&walk)) {
        uint64_t from;
        uint64_t to;
        turns[depth++] = step(&walk, &from, &to);
    }
    if (count != depth + (walk.known ? 0 : 1)) {
        return E_SIGNATURE;
    }
    struct tree_hash part = walk.known ? *hash : *proof++;
    struct tree_hash node = part;
    while (depth > 0) {
        enum turn turn = turns[--depth];
        node = turn == TURN_LEFT ? tree_node(&node, proof) : tree_node(proof, &node);
        part = turn == TURN_ACROSS ? tree_node(proof, &part) : part;
        proof++;
    }
    return tree_hash_equal(&part, hash) && tree_hash_equal(&node, root) ? E_OK : E_SIGNATURE;
}

struct package package_at(uint64_t start, uint64_t size, uint64_t width)
{
    assert(start < size && width > 0 && (width & (width - 1)) == 0);
    uint64_t base = start & ~(width - 1);
    return (struct package){base, start, size - base < width ? size : base + width};
}

int package_begin(const struct tree_reader *reader, const struct package *package,
                  struct tree_frontier *frontier)
{
    return tree_frontier_load_range(reader, package->base, package->start, frontier);
}

int package_check(const struct package *package, const struct tree_hash *hash, uint64_t size,
                  const struct tree_hash *root, const struct tree_hash *proof, size_t count)
{
    return count > PACKAGE_HASHES_MAX
               ? E_LIMIT
               : subtree_check(package->base, package->end, hash, size, root, proof, count);
}
