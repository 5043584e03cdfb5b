/* What tests of core/merkle share: a tree whose records stand in memory as the storage keeps them,
 * with a reader that counts, and signers from fixed seeds. LEAVES is set before this is included.
 */
#ifndef TESTS_UNIT_LEAVES_H
#define TESTS_UNIT_LEAVES_H

#include <check.h>

#include "core/merkle/checkpoint.h"

static struct tree_nodes records[LEAVES];
static struct tree_hash leaves[LEAVES];
static struct tree_hash roots[LEAVES + 1]; /* of each size */
static int reads;

static int read_record(void *context, uint64_t record, unsigned level, uint8_t out[static 32])
{
    const struct tree_nodes *all = context;
    reads++;
    if (record >= LEAVES || level >= all[record].count) {
        return E_NOT_FOUND;
    }
    memcpy(out, all[record].hash[level].bytes, 32);
    return E_OK;
}

static const struct tree_reader reader = {read_record, records};

/* `entry` writes the bytes of entry i into room for 16 and returns how many. */
static void leaves_grow(size_t (*entry)(size_t i, char bytes[static 16]))
{
    struct tree_frontier frontier = {0};
    roots[0] = tree_empty();
    for (size_t i = 0; i < LEAVES; i++) {
        char bytes[16];
        size_t len = entry(i, bytes);
        leaves[i] = tree_leaf(view_bytes(bytes, len));
        tree_frontier_append(&frontier, &leaves[i], &records[i]);
        roots[i + 1] = tree_frontier_root(&frontier);
    }
}

struct signer {
    struct note_key key;
    struct ed25519_key secret;
};

static struct signer make_signer(uint8_t fill, const char *name, enum note_key_type type)
{
    struct signer made;
    uint8_t seed[ED25519_SEED_LEN];
    memset(seed, fill, sizeof seed);
    ed25519_key_from_seed(&made.secret, seed);
    ck_assert_int_eq(note_key_init(&made.key, view_of(name), type, made.secret.public_key), E_OK);
    return made;
}

#endif
