#include "core/merkle/tree.h"

#include <assert.h>

#include "core/merkle/subtree.h"

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

int tree_frontier_load_range(const struct tree_reader *reader, uint64_t from, uint64_t to,
                             struct tree_frontier *out)
{
    assert(from <= to);
    uint64_t size = to - from;
    struct tree_frontier loaded = {.size = size};
    for (unsigned level = 0; level < TREE_LEVELS && size >> level != 0; level++) {
        if ((size >> level & 1) == 0) {
            continue;
        }
        int err =
            read_node(reader, level, (from >> level) + (size >> level) - 1, &loaded.level[level]);
        if (err != E_OK) {
            return err;
        }
    }
    *out = loaded;
    return E_OK;
}

int tree_frontier_load(const struct tree_reader *reader, uint64_t size, struct tree_frontier *out)
{
    return tree_frontier_load_range(reader, 0, size, out);
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

int tree_inclusion(const struct tree_reader *reader, uint64_t index, uint64_t size,
                   struct tree_proof *out)
{
    return subtree_prove(reader, index, index + 1, size, out);
}

int tree_consistency(const struct tree_reader *reader, uint64_t old_size, uint64_t new_size,
                     struct tree_proof *out)
{
    return subtree_prove(reader, 0, old_size, new_size, out);
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
    return subtree_check(index, index + 1, leaf, size, root, proof, count);
}

int tree_check_consistency(uint64_t old_size, const struct tree_hash *old_root, uint64_t new_size,
                           const struct tree_hash *new_root, const struct tree_hash *proof,
                           size_t count)
{
    return subtree_check(0, old_size, old_root, new_size, new_root, proof, count);
}
