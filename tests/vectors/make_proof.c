/* Writes proof.tlog-proof: entry 42 of a feed of 100, with the checkpoint signed by the feed and
 * cosigned by a mirror and a witness, from fixed seeds; the entry itself is the extra data. With an
 * argument 0 to 6 it changes one thing, and then no verifier may say yes: entry, index, a hash, the
 * size, the feed's signature, the mirror's time, the mirror's signature. */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "core/merkle/proof_file.h"

enum { SIZE = 100, INDEX = 41, COSIGNED_UTC_S = 1793520000 };
static struct tree_nodes records[SIZE];

static int read_record(void *context, uint64_t record, unsigned level,
                       uint8_t out[static SHA256_LEN])
{
    (void)context;
    memcpy(out, records[record].hash[level].bytes, SHA256_LEN);
    return E_OK;
}

static void make_key(uint8_t fill, const char *name, enum note_key_type type, struct note_key *key,
                     struct ed25519_key *secret)
{
    uint8_t seed[ED25519_SEED_LEN] = {fill};
    ed25519_key_from_seed(secret, seed);
    if (note_key_init(key, view_of(name), type, secret->public_key) != E_OK) {
        die("a vector's key has a bad name");
    }
}

/* Adds the line with one bit of byte `at` changed. Bytes 0 to 3, the key id, are written anew: 0
 * changes nothing. */
static void add_changed(struct buf *note, const struct buf *line, const struct note_key *key,
                        size_t at)
{
    struct view text = view_slice(buf_content(line), 0, line->len - 1);
    struct buf bytes = BUF_INIT;
    size_t space = text.len;
    while (space > 0 && text.data[space - 1] != ' ') {
        space--;
    }
    if (text_from_base64(view_slice(text, space, text.len), &bytes) != E_OK) {
        die("a vector's signature line is bad");
    }
    bytes.data[at] ^= 1;
    note_add_line(note, key, view_slice(buf_content(&bytes), 4, bytes.len));
    buf_release(&bytes);
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
    struct checkpoint head = {.origin = "passerelle.example/feed/s001", .size = SIZE};
    head.root = tree_frontier_root(&frontier);
    struct note_key keys[3];
    struct ed25519_key secrets[3];
    make_key(1, head.origin, NOTE_ED25519, &keys[0], &secrets[0]);
    make_key(2, "passerelle.example/mirror", NOTE_COSIGNATURE, &keys[1], &secrets[1]);
    make_key(3, "witness.example/w1", NOTE_COSIGNATURE, &keys[2], &secrets[2]);
    struct buf text = BUF_INIT;
    struct buf note = BUF_INIT;
    struct buf line = BUF_INIT;
    struct proof_file proof = {.index = tamper == 1 ? INDEX + 1 : INDEX};
    if (tree_inclusion(&reader, INDEX, SIZE, &proof.path) != E_OK) {
        die("a vector's proof cannot be made");
    }
    proof.path.hash[2].bytes[7] ^= tamper == 2;
    checkpoint_format(&head, &text);
    struct buf signed_text = BUF_INIT;
    buf_view(&signed_text, buf_content(&text));
    if (tamper == 3) { /* 100 becomes 101 under the signatures of 100 */
        text.data[strlen(head.origin) + 3] = '1';
    }
    if (note_begin(&note, buf_content(&text)) != E_OK) {
        die("a vector's checkpoint is no note");
    }
    note_sign(&line, buf_content(&signed_text), &keys[0], &secrets[0]);
    add_changed(&note, &line, &keys[0], tamper == 4 ? 20 : 0);
    for (int i = 1; i < 3; i++) {
        buf_clear(&line);
        checkpoint_cosign(&line, buf_content(&signed_text), &keys[i], &secrets[i], COSIGNED_UTC_S);
        bool changed = i == 1 && (tamper == 5 || tamper == 6);
        add_changed(&note, &line, &keys[i], !changed ? 0 : tamper == 5 ? 11 : 40);
    }
    snprintf(entry, sizeof entry, "entry number %d", tamper == 0 ? INDEX : INDEX + 1);
    proof.extra = view_of(entry);
    proof.checkpoint = buf_content(&note);
    struct buf file = BUF_INIT;
    proof_file_write(&proof, &file);
    fwrite(file.data, 1, file.len, stdout);
    struct buf *all[] = {&text, &signed_text, &note, &line, &file};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        buf_release(all[i]);
    }
    return EXIT_SUCCESS;
}
