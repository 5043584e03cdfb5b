/* Proofs that a tree holds a subtree (draft-ietf-plants-merkle-tree-certs, section 4: "subtree
 * consistency proof"). A subtree [start, end) begins at a multiple of the smallest power of two
 * >= end - start; its root is that of its leaves alone. One walk serves three proofs: a subtree of
 * one leaf is RFC 6962's inclusion proof, one that begins at 0 its consistency proof, and one of
 * 256 the proof of a package.
 *
 * A package is what travels when a feed is copied (C2SP tlog-mirror): at most 256 entries, ended by
 * the next multiple of 256 or by the checkpoint, proven against the checkpoint's root as soon as it
 * has arrived. So the receiver stores it at once, and needs memory for one package whatever the
 * length of the feed. Pure. */
#ifndef CORE_MERKLE_SUBTREE_H
#define CORE_MERKLE_SUBTREE_H

#include "core/merkle/tree.h"

enum {
    PACKAGE_WIDTH = 256,
    PACKAGE_HASHES_MAX = 63, /* what a sender may send with one package */
};

/* An empty one ([x, x)) is a subtree too. */
bool subtree_is_valid(uint64_t start, uint64_t end);

/* The proof that the tree of `size` leaves holds [start, end). Empty for an empty subtree and for
 * the whole tree. E_INVALID when [start, end) is no subtree or ends after `size`. Reads O(log n)
 * nodes. */
must_check int subtree_prove(const struct tree_reader *reader, uint64_t start, uint64_t end,
                             uint64_t size, struct tree_proof *out);
/* E_OK, or E_SIGNATURE when the proof does not show that the tree of `size` leaves with that root
 * holds the subtree with hash `hash`. Of an empty one it asks only for the empty hash and proof:
 * every tree holds it. Takes no memory that grows with the tree. */
must_check int subtree_check(uint64_t start, uint64_t end, const struct tree_hash *hash,
                             uint64_t size, const struct tree_hash *root,
                             const struct tree_hash *proof, size_t count);

/* One package: it carries the entries [start, end), its proof is that of [base, end). */
struct package {
    uint64_t base;
    uint64_t start;
    uint64_t end;
};
/* The package that begins at `start` (below `size`) on the way to a checkpoint of `size` leaves.
 * `width` is PACKAGE_WIDTH, or another power of two in a test. The next one begins at its end. */
struct package package_at(uint64_t start, uint64_t size, uint64_t width);
/* Puts into `frontier` what the receiver already has of the package, [base, start), read from its
 * own tree. Then tree_frontier_append() each entry's leaf, and tree_frontier_root() is the hash
 * that package_check() wants. `nodes` of those appends are those of the package's own tree: a
 * receiver appends to its feed after the check. */
must_check int package_begin(const struct tree_reader *reader, const struct package *package,
                             struct tree_frontier *frontier);
/* subtree_check() of a package; E_LIMIT when it brings more than PACKAGE_HASHES_MAX hashes. */
must_check int package_check(const struct package *package, const struct tree_hash *hash,
                             uint64_t size, const struct tree_hash *root,
                             const struct tree_hash *proof, size_t count);

#endif
