#include "core/merkle/grown.h"

#include <stdlib.h>

#include "base/arena.h"

/* Record r holds one node more than the ones at the end of r, so that those before it hold 2r less
 * one for each bit of r. */
static size_t place_of(uint64_t record)
{
    return (size_t)(2 * record) - (size_t)__builtin_popcountll((unsigned long long)record);
}

void grown_add(struct grown *grown, const struct tree_hash *leaf)
{
    struct tree_nodes nodes;
    size_t at = place_of(grown->size);
    tree_frontier_append(&grown->frontier, leaf, &nodes);
    if (at + nodes.count > grown->alloc) {
        grown->alloc = 2 * (at + nodes.count);
        grown->nodes = xrealloc(grown->nodes, grown->alloc, sizeof *grown->nodes);
    }
    memcpy(&grown->nodes[at], nodes.hash, nodes.count * sizeof *grown->nodes);
    grown->size++;
}

void grown_release(struct grown *grown)
{
    free(grown->nodes);
    *grown = (struct grown){.size = 0};
}

static int read_node(void *context, uint64_t record, unsigned level, uint8_t out[static SHA256_LEN])
{
    const struct grown *grown = context;
    if (record >= grown->size || level > (unsigned)__builtin_ctzll(~(unsigned long long)record)) {
        return E_NOT_FOUND;
    }
    memcpy(out, grown->nodes[place_of(record) + level].bytes, SHA256_LEN);
    return E_OK;
}

struct tree_reader grown_reader(const struct grown *grown)
{
    return (struct tree_reader){.node = read_node, .context = (void *)(uintptr_t)grown};
}
