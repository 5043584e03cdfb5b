/* RFC 6962 defines proofs by recursion from the root; here the same walk is a loop that collects
 * from the top, and the result is turned around at the end. Of all the subtrees that a proof names
 * at most one is not perfect, so a proof reads each node once. */
#include "core/merkle/tree.h"

#include <assert.h>

struct tree_hash tree_leaf(struct view entry)
{
    struct tree_hash out;
    struct sha256 hash;
    sha256_init(&hash);
    sha256_add(&hash, "\0", 1);
    sha256_add(&hash, entry.data, entry.len);
    sha256_end(&hash, out.bytes);
    return out;
}

struct tree_hash tree_node(const struct tree_hash *left, const struct tree_hash *right)
{
    uint8_t bytes[1 + 2 * SHA256_LEN];
    bytes[0] = 1;
    memcpy(bytes + 1, left->bytes, SHA256_LEN);
    memcpy(bytes + 1 + SHA256_LEN, right->bytes, SHA256_LEN);
    struct tree_hash out;
    sha256(view_bytes(bytes, sizeof bytes), out.bytes);
    return out;
}

struct tree_hash tree_empty(void)
{
    struct tree_hash out;
    sha256(VIEW_NONE, out.bytes);
    return out;
}

bool tree_hash_equal(const struct tree_hash *a, const struct tree_hash *b)
{
    return memcmp(a->bytes, b->bytes, SHA256_LEN) == 0;
}

void tree_frontier_append(struct tree_frontier *frontier, const struct tree_hash *leaf,
                          struct tree_nodes *nodes)
{
    assert(frontier->size < (uint64_t)1 << (TREE_LEVELS - 1));
    struct tree_hash hash = *leaf;
    unsigned level = 0;
    for (;; level++) {
        if (nodes != NULL) {
            nodes->hash[level] = hash;
        }
        if ((frontier->size >> level & 1) == 0) {
            break;
        }
        hash = tree_node(&frontier->level[level], &hash);
    }
    if (nodes != NULL) {
        nodes->count = level + 1;
    }
    frontier->level[level] = hash;
    frontier->size++;
}

struct tree_hash tree_frontier_root(const struct tree_frontier *frontier)
{
    if (frontier->size == 0) {
        return tree_empty();
    }
    unsigned level = (unsigned)__builtin_ctzll(frontier->size);
    struct tree_hash hash = frontier->level[level];
    for (level++; frontier->size >> level != 0; level++) {
        if ((frontier->size >> level & 1) != 0) {
            hash = tree_node(&frontier->level[level], &hash);
        }
    }
    return hash;
}

static int read_node(const struct tree_reader *reader, unsigned level, uint64_t index,
                     struct tree_hash *out)
{
    return reader->node(reader->context, ((index + 1) << level) - 1, level, out->bytes);
}

int tree_frontier_load(const struct tree_reader *reader, uint64_t size, struct tree_frontier *out)
{
    struct tree_frontier loaded = {.size = size};
    for (unsigned level = 0; level < TREE_LEVELS && size >> level != 0; level++) {
        if ((size >> level & 1) == 0) {
            continue;
        }
        int err = read_node(reader, level, (size >> level) - 1, &loaded.level[level]);
        if (err != E_OK) {
            return err;
        }
    }
    *out = loaded;
    return E_OK;
}

int tree_range(const struct tree_reader *reader, uint64_t from, uint64_t to, struct tree_hash *out)
{
    assert(from <= to);
    uint64_t size = to - from;
    struct tree_hash hash = tree_empty();
    bool first = true;
    for (unsigned level = 0; level < TREE_LEVELS && size >> level != 0; level++) {
        if ((size >> level & 1) == 0) {
            continue;
        }
        /* This level's subtree begins where the larger ones end. */
        uint64_t start = from + (size >> level >> 1 << level << 1);
        assert((start & (((uint64_t)1 << level) - 1)) == 0);
        struct tree_hash part;
        int err = read_node(reader, level, start >> level, &part);
        if (err != E_OK) {
            return err;
        }
        hash = first ? part : tree_node(&part, &hash);
        first = false;
    }
    *out = hash;
    return E_OK;
}

int tree_root(const struct tree_reader *reader, uint64_t size, struct tree_hash *out)
{
    return tree_range(reader, 0, size, out);
}

/* The largest power of two below n; n is at least 2. */
static uint64_t split(uint64_t n)
{
    return (uint64_t)1 << (63 - __builtin_clzll(n - 1));
}

static void turn_around(struct tree_proof *proof)
{
    for (unsigned i = 0; i < proof->count / 2; i++) {
        struct tree_hash other = proof->hash[i];
        proof->hash[i] = proof->hash[proof->count - 1 - i];
        proof->hash[proof->count - 1 - i] = other;
    }
}

int tree_inclusion(const struct tree_reader *reader, uint64_t index, uint64_t size,
                   struct tree_proof *out)
{
    if (index >= size) {
        return E_INVALID;
    }
    struct tree_proof proof = {0};
    uint64_t from = 0;
    uint64_t to = size;
    while (to - from > 1) {
        uint64_t middle = from + split(to - from);
        bool left = index < middle;
        int err = left ? tree_range(reader, middle, to, &proof.hash[proof.count])
                       : tree_range(reader, from, middle, &proof.hash[proof.count]);
        if (err != E_OK) {
            return err;
        }
        proof.count++;
        *(left ? &to : &from) = middle;
    }
    turn_around(&proof);
    *out = proof;
    return E_OK;
}

int tree_consistency(const struct tree_reader *reader, uint64_t old_size, uint64_t new_size,
                     struct tree_proof *out)
{
    if (old_size > new_size) {
        return E_INVALID;
    }
    struct tree_proof proof = {0};
    uint64_t from = 0;
    uint64_t to = new_size;
    while (old_size != 0 && old_size != to) {
        uint64_t middle = from + split(to - from);
        bool left = old_size <= middle;
        int err = left ? tree_range(reader, middle, to, &proof.hash[proof.count])
                       : tree_range(reader, from, middle, &proof.hash[proof.count]);
        if (err != E_OK) {
            return err;
        }
        proof.count++;
        *(left ? &to : &from) = middle;
    }
    if (old_size != 0 && from != 0) { /* from 0 the verifier has it: it is the old root */
        int err = tree_range(reader, from, to, &proof.hash[proof.count]);
        if (err != E_OK) {
            return err;
        }
        proof.count++;
    }
    turn_around(&proof);
    *out = proof;
    return E_OK;
}

int tree_tile(const struct tree_reader *reader, uint64_t size, unsigned level, uint64_t index,
              unsigned width, struct tree_hash *out)
{
    unsigned node_level = level * TREE_TILE_LEVELS;
    if (node_level >= TREE_LEVELS || width == 0 || width > TREE_TILE_WIDTH) {
        return E_NOT_FOUND;
    }
    uint64_t complete = size >> node_level; /* perfect subtrees of that level */
    if (index > complete / TREE_TILE_WIDTH || index * TREE_TILE_WIDTH + width > complete) {
        return E_NOT_FOUND;
    }
    for (unsigned i = 0; i < width; i++) {
        int err = read_node(reader, node_level, index * TREE_TILE_WIDTH + i, &out[i]);
        if (err != E_OK) {
            return err;
        }
    }
    return E_OK;
}

int tree_check_inclusion(const struct tree_hash *leaf, uint64_t index, uint64_t size,
                         const struct tree_hash *root, const struct tree_hash *proof, size_t count)
{
    if (index >= size) {
        return E_SIGNATURE;
    }
    uint64_t node = index;
    uint64_t last = size - 1;
    struct tree_hash hash = *leaf;
    for (size_t i = 0; i < count; i++) {
        if (last == 0) {
            return E_SIGNATURE;
        }
        if ((node & 1) != 0 || node == last) {
            hash = tree_node(&proof[i], &hash);
            while ((node & 1) == 0 && node != 0) {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = tree_node(&hash, &proof[i]);
        }
        node >>= 1;
        last >>= 1;
    }
    return last == 0 && tree_hash_equal(&hash, root) ? E_OK : E_SIGNATURE;
}

/* The cases without a walk; 1 when there is one to make. */
static int check_plain_consistency(uint64_t old_size, const struct tree_hash *old_root,
                                   uint64_t new_size, const struct tree_hash *new_root,
                                   size_t count)
{
    struct tree_hash empty = tree_empty();
    if (old_size > new_size || (old_size == 0 && !tree_hash_equal(old_root, &empty))) {
        return E_SIGNATURE;
    }
    if (old_size == new_size) {
        return count == 0 && tree_hash_equal(old_root, new_root) ? E_OK : E_SIGNATURE;
    }
    if (old_size == 0) {
        return count == 0 ? E_OK : E_SIGNATURE;
    }
    return count == 0 ? E_SIGNATURE : 1;
}

int tree_check_consistency(uint64_t old_size, const struct tree_hash *old_root, uint64_t new_size,
                           const struct tree_hash *new_root, const struct tree_hash *proof,
                           size_t count)
{
    int plain = check_plain_consistency(old_size, old_root, new_size, new_root, count);
    if (plain != 1) {
        return plain;
    }
    uint64_t node = old_size - 1;
    uint64_t last = new_size - 1;
    while ((node & 1) != 0) {
        node >>= 1;
        last >>= 1;
    }
    /* An old tree that is perfect is a node of the new one: its root is where the walk begins. */
    bool perfect = node == 0;
    struct tree_hash from_old = perfect ? *old_root : proof[0];
    struct tree_hash from_new = from_old;
    for (size_t i = perfect ? 0 : 1; i < count; i++) {
        if (last == 0) {
            return E_SIGNATURE;
        }
        if ((node & 1) != 0 || node == last) {
            from_old = tree_node(&proof[i], &from_old);
            from_new = tree_node(&proof[i], &from_new);
            while ((node & 1) == 0 && node != 0) {
                node >>= 1;
                last >>= 1;
            }
        } else {
            from_new = tree_node(&from_new, &proof[i]);
        }
        node >>= 1;
        last >>= 1;
    }
    bool good =
        last == 0 && tree_hash_equal(&from_old, old_root) && tree_hash_equal(&from_new, new_root);
    return good ? E_OK : E_SIGNATURE;
}
