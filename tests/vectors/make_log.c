/* Writes log.json: a feed's checkpoint with its verifier key, an inclusion and a consistency proof,
 * from fixed seeds. With an argument 0 to 5 it changes one bit of one of them, and then no verifier
 * may say yes: checkpoint's root, entry, index, inclusion proof, old root, consistency proof. */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "core/merkle/checkpoint.h"

enum { SIZE = 100, OLD_SIZE = 37, INDEX = 41 };
static struct tree_nodes records[SIZE];

static int read_record(void *context, uint64_t record, unsigned level,
                       uint8_t out[static SHA256_LEN])
{
    (void)context;
    memcpy(out, records[record].hash[level].bytes, SHA256_LEN);
    return E_OK;
}

static void print_base64(const void *bytes, size_t len)
{
    struct buf out = BUF_INIT;
    text_to_base64(&out, view_bytes(bytes, len));
    printf("\"%s\"", out.data);
    buf_release(&out);
}

static void print_proof(const char *name, const struct tree_proof *proof)
{
    printf("  \"%s\": [", name);
    for (unsigned i = 0; i < proof->count; i++) {
        printf(i == 0 ? "\n    " : ",\n    ");
        print_base64(proof->hash[i].bytes, SHA256_LEN);
    }
    printf("\n  ]");
}

int main(int argc, char **argv)
{
    uint64_t tamper = 99;
    if (argc > 1 && text_u64(view_of(argv[1]), &tamper) != E_OK) {
        return EXIT_FAILURE;
    }
    struct tree_frontier frontier = {0};
    char entry[32];
    for (int i = 0; i < SIZE; i++) {
        snprintf(entry, sizeof entry, "entry number %d", i + 1);
        struct tree_hash leaf = tree_leaf(view_of(entry));
        tree_frontier_append(&frontier, &leaf, &records[i]);
    }
    const struct tree_reader reader = {read_record, NULL};
    struct tree_hash old_root;
    struct tree_proof inclusion;
    struct tree_proof consistency;
    struct checkpoint head = {.origin = "passerelle.example/feed/s001", .size = SIZE};
    head.root = tree_frontier_root(&frontier);
    if (tree_root(&reader, OLD_SIZE, &old_root) != E_OK ||
        tree_inclusion(&reader, INDEX, SIZE, &inclusion) != E_OK ||
        tree_consistency(&reader, OLD_SIZE, SIZE, &consistency) != E_OK) {
        die("a vector's proof cannot be made");
    }
    struct ed25519_key secret;
    struct note_key key;
    uint8_t seed[ED25519_SEED_LEN] = {1, 2, 3};
    ed25519_key_from_seed(&secret, seed);
    struct buf vkey = BUF_INIT;
    struct buf note = BUF_INIT;
    if (note_key_init(&key, view_of(head.origin), NOTE_ED25519, secret.public_key) != E_OK ||
        checkpoint_sign(&head, &key, &secret, &note) != E_OK) {
        die("a vector's checkpoint cannot be signed");
    }
    note_key_format(&key, &vkey);
    snprintf(entry, sizeof entry, "entry number %d", tamper == 1 ? INDEX : INDEX + 1);
    if (tamper == 0) {
        size_t root = strlen(head.origin) + 5; /* after "origin\n100\n" */
        note.data[root] = note.data[root] == 'A' ? 'B' : 'A';
    }
    inclusion.hash[2].bytes[7] ^= tamper == 3;
    old_root.bytes[31] ^= tamper == 4;
    consistency.hash[1].bytes[0] ^= tamper == 5;
    printf("{\n  \"vkey\": \"%s\",\n  \"checkpoint\": ", vkey.data);
    print_base64(note.data, note.len);
    printf(",\n  \"leaf\": ");
    print_base64(entry, strlen(entry));
    printf(",\n  \"index\": %d,\n", tamper == 2 ? INDEX + 1 : INDEX);
    print_proof("proof", &inclusion);
    printf(",\n  \"old_size\": %d,\n  \"old_root\": ", OLD_SIZE);
    print_base64(old_root.bytes, SHA256_LEN);
    printf(",\n");
    print_proof("consistency", &consistency);
    printf("\n}\n");
    buf_release(&vkey);
    buf_release(&note);
    return EXIT_SUCCESS;
}
