/* The Merkle tree of RFC 6962 section 2 (RFC 9162 section 2.1): roots, proofs and their checks.
 * Pure.
 *
 * Leaves are counted from 0 (entry seq n is leaf n - 1). Node (level l, index k) is the root of the
 * perfect subtree over the leaves [k * 2^l, (k + 1) * 2^l). The storage keeps one record per leaf:
 * its `nodes` are the leaf's hash and the hashes of all perfect subtrees that this leaf completes,
 * by rising level, 32 bytes each. So node (l, k) stands in record (k + 1) * 2^l - 1 at offset
 * l * 32, a record never changes, and every proof takes O(log n) reads. */
#ifndef CORE_MERKLE_TREE_H
#define CORE_MERKLE_TREE_H

#include "crypt/sha256.h"

/* Sizes stay below 2^63. */
enum { TREE_LEVELS = 63, TREE_PROOF_MAX = 64, TREE_TILE_LEVELS = 8, TREE_TILE_WIDTH = 256 };

struct tree_hash {
    uint8_t bytes[SHA256_LEN];
};

/* SHA-256(0x00 || entry) and SHA-256(0x01 || left || right). */
struct tree_hash tree_leaf(struct view entry);
struct tree_hash tree_node(const struct tree_hash *left, const struct tree_hash *right);
/* The root of no leaves: SHA-256(""). */
struct tree_hash tree_empty(void);
bool tree_hash_equal(const struct tree_hash *a, const struct tree_hash *b);

/* Where the nodes are read. node() gives the hash at `level` of `record` (see above), 0 or a
 * negative E_*, which the function that asked then returns. */
struct tree_reader {
    int (*node)(void *context, uint64_t record, unsigned level, uint8_t out[static SHA256_LEN]);
    void *context;
};

/* The right edge of a tree: for each bit that is set in `size`, the perfect subtree of that level.
 * All that appending needs. {0} is the empty tree. */
struct tree_frontier {
    uint64_t size;
    struct tree_hash level[TREE_LEVELS];
};
struct tree_nodes {
    unsigned count; /* trailing ones of the leaf's index, plus one */
    struct tree_hash hash[TREE_LEVELS];
};
/* Adds a leaf. `nodes` (may be NULL) gets the content of its record. One node hash on average. Also
 * the way to compute a root of a stream of entries: append each, then ask for the root. */
void tree_frontier_append(struct tree_frontier *frontier, const struct tree_hash *leaf,
                          struct tree_nodes *nodes);
struct tree_hash tree_frontier_root(const struct tree_frontier *frontier);
must_check int tree_frontier_load(const struct tree_reader *reader, uint64_t size,
                                  struct tree_frontier *out);
/* The right edge of the tree over the leaves [from, to) alone; `from` as for tree_range(), and a
 * multiple too of what the leaves to be appended will fill. */
must_check int tree_frontier_load_range(const struct tree_reader *reader, uint64_t from,
                                        uint64_t to, struct tree_frontier *out);

/* A proof, in the order of RFC 6962: deepest hash first. */
struct tree_proof {
    unsigned count;
    struct tree_hash hash[TREE_PROOF_MAX];
};

/* The root when the tree had `size` leaves. */
must_check int tree_root(const struct tree_reader *reader, uint64_t size, struct tree_hash *out);
/* Root of the leaves [from, to); `from` is a multiple of the smallest power of two >= to - from, as
 * for each subtree of RFC 6962. */
must_check int tree_range(const struct tree_reader *reader, uint64_t from, uint64_t to,
                          struct tree_hash *out);
/* PATH(index, D[size]). E_INVALID unless index < size. */
must_check int tree_inclusion(const struct tree_reader *reader, uint64_t index, uint64_t size,
                              struct tree_proof *out);
/* PROOF(old_size, D[new_size]); empty when they are equal or old_size is 0. E_INVALID when
 * old_size > new_size. */
must_check int tree_consistency(const struct tree_reader *reader, uint64_t old_size,
                                uint64_t new_size, struct tree_proof *out);
/* C2SP tlog-tiles: `width` (1 to 256) hashes of tile `index` at tile level `level` (0 to 7), from a
 * tree of `size` leaves. E_NOT_FOUND when the tree does not hold that many there. */
must_check int tree_tile(const struct tree_reader *reader, uint64_t size, unsigned level,
                         uint64_t index, unsigned width, struct tree_hash *out);

/* RFC 9162 section 2.1.3: E_OK, or E_SIGNATURE when the proof does not show that `leaf` stands at
 * `index` in the tree of `size` leaves with that root. */
must_check int tree_check_inclusion(const struct tree_hash *leaf, uint64_t index, uint64_t size,
                                    const struct tree_hash *root, const struct tree_hash *proof,
                                    size_t count);
/* RFC 9162 section 2.1.4: E_OK, or E_SIGNATURE when the proof does not show that the new tree
 * extends the old one. From size 0 the old root must be that of the empty tree and the proof empty.
 */
must_check int tree_check_consistency(uint64_t old_size, const struct tree_hash *old_root,
                                      uint64_t new_size, const struct tree_hash *new_root,
                                      const struct tree_hash *proof, size_t count);

#endif
