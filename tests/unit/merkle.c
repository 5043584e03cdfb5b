#include <check.h>
#include <stdlib.h>

#include "base/text.h"
#include "core/merkle/proof_file.h"
#include "stride.h"

enum { LEAVES = 130 };
#include "leaves.h"

static size_t entry_of(size_t i, char bytes[static 16])
{
    return (size_t)snprintf(bytes, 16, "entry %d", (int)i);
}

static void setup(void)
{
    leaves_grow(entry_of);
}

static size_t below(size_t n)
{
    size_t k = 1;
    while (k * 2 < n) {
        k *= 2;
    }
    return k;
}

static struct tree_hash naive_root(const struct tree_hash *d, size_t n)
{
    if (n == 0) {
        return tree_empty();
    }
    if (n == 1) {
        return d[0];
    }
    size_t k = below(n);
    struct tree_hash left = naive_root(d, k);
    struct tree_hash right = naive_root(d + k, n - k);
    return tree_node(&left, &right);
}

static void naive_path(size_t m, const struct tree_hash *d, size_t n, struct tree_proof *out)
{
    if (n == 1) {
        return;
    }
    size_t k = below(n);
    naive_path(m < k ? m : m - k, m < k ? d : d + k, m < k ? k : n - k, out);
    out->hash[out->count++] = m < k ? naive_root(d + k, n - k) : naive_root(d, k);
}

static void naive_subproof(size_t m, const struct tree_hash *d, size_t n, bool whole,
                           struct tree_proof *out)
{
    if (m == n) {
        if (!whole) {
            out->hash[out->count++] = naive_root(d, n);
        }
        return;
    }
    size_t k = below(n);
    naive_subproof(m <= k ? m : m - k, m <= k ? d : d + k, m <= k ? k : n - k, whole && m <= k,
                   out);
    out->hash[out->count++] = m <= k ? naive_root(d + k, n - k) : naive_root(d, k);
}

static void same(const struct tree_proof *a, const struct tree_proof *b)
{
    ck_assert_uint_eq(a->count, b->count);
    ck_assert(memcmp(a->hash, b->hash, a->count * sizeof a->hash[0]) == 0);
}

START_TEST(known_roots)
{
    /* The test vectors of Certificate Transparency's reference implementation. */
    static const char *const entries[8] = {"",
                                           "00",
                                           "10",
                                           "2021",
                                           "3031",
                                           "40414243",
                                           "5051525354555657",
                                           "606162636465666768696a6b6c6d6e6f"};
    static const char *const known[9] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    struct tree_frontier frontier = {0};
    for (size_t n = 0;; n++) {
        char hex[65];
        struct tree_hash root = tree_frontier_root(&frontier);
        text_to_hex(root.bytes, 32, hex);
        ck_assert_str_eq(hex, known[n]);
        if (n == 8) {
            break;
        }
        uint8_t entry[16];
        size_t len = strlen(entries[n]) / 2;
        ck_assert_int_eq(text_from_hex(view_of(entries[n]), entry, len), E_OK);
        struct tree_hash leaf = tree_leaf(view_bytes(entry, len));
        tree_frontier_append(&frontier, &leaf, NULL);
    }
}
END_TEST

START_TEST(records_hold_what_the_leaf_completes)
{
    for (size_t i = 0; i < LEAVES; i++) {
        ck_assert_uint_eq(records[i].count, (unsigned)__builtin_ctzll(~(unsigned long long)i) + 1);
        for (unsigned l = 0; l < records[i].count; l++) {
            size_t width = (size_t)1 << l;
            struct tree_hash naive = naive_root(leaves + i + 1 - width, width);
            ck_assert(tree_hash_equal(&records[i].hash[l], &naive));
        }
    }
}
END_TEST

START_TEST(roots_of_all_sizes)
{
    struct tree_frontier frontier = {0};
    for (size_t n = 0; n <= LEAVES; n++) {
        struct tree_hash naive = naive_root(leaves, n);
        struct tree_hash root;
        struct tree_frontier loaded;
        ck_assert_int_eq(tree_root(&reader, n, &root), E_OK);
        ck_assert(tree_hash_equal(&root, &naive));
        ck_assert_int_eq(tree_frontier_load(&reader, n, &loaded), E_OK);
        root = tree_frontier_root(&loaded);
        ck_assert(tree_hash_equal(&root, &naive));
        root = tree_frontier_root(&frontier);
        ck_assert(tree_hash_equal(&root, &naive));
        for (size_t more = n; more < LEAVES && more < n + 5; more++) { /* a loaded one goes on */
            struct tree_nodes nodes;
            tree_frontier_append(&loaded, &leaves[more], &nodes);
            ck_assert_uint_eq(nodes.count, records[more].count);
            ck_assert(memcmp(nodes.hash, records[more].hash, nodes.count * sizeof nodes.hash[0]) ==
                      0);
        }
        if (n < LEAVES) {
            tree_frontier_append(&frontier, &leaves[n], NULL);
        }
    }
    ck_assert_int_eq(tree_root(&reader, LEAVES + 1, &(struct tree_hash){0}), E_NOT_FOUND);
    ck_assert_int_eq(tree_frontier_load(&reader, LEAVES + 1, &(struct tree_frontier){0}),
                     E_NOT_FOUND);
}
END_TEST

START_TEST(inclusion_of_all_sizes)
{
    for (size_t n = 1; n <= LEAVES; n++) {
        struct tree_hash root = naive_root(leaves, n);
        for (size_t m = 0; m < n; m += stride()) {
            struct tree_proof proof;
            struct tree_proof naive = {0};
            naive_path(m, leaves, n, &naive);
            reads = 0;
            ck_assert_int_eq(tree_inclusion(&reader, m, n, &proof), E_OK);
            ck_assert_int_le(reads, 16);
            same(&proof, &naive);
            ck_assert_int_eq(tree_check_inclusion(&leaves[m], m, n, &root, proof.hash, proof.count),
                             E_OK);
            /* Another place, another size, a hash more or less, another leaf. */
            size_t other = (m + 1) % n;
            ck_assert(n == 1 || tree_check_inclusion(&leaves[m], other, n, &root, proof.hash,
                                                     proof.count) != E_OK);
            ck_assert(n == 1 || tree_check_inclusion(&leaves[other], m, n, &root, proof.hash,
                                                     proof.count) != E_OK);
            ck_assert(tree_check_inclusion(&leaves[m], n, n, &root, proof.hash, proof.count) !=
                      E_OK);
            proof.hash[proof.count] = root;
            ck_assert(tree_check_inclusion(&leaves[m], m, n, &root, proof.hash, proof.count + 1) !=
                      E_OK);
            if (proof.count > 0) {
                ck_assert(tree_check_inclusion(&leaves[m], m, n, &root, proof.hash,
                                               proof.count - 1) != E_OK);
                proof.hash[m % proof.count].bytes[n % 32] ^= 0x10;
                ck_assert(tree_check_inclusion(&leaves[m], m, n, &root, proof.hash, proof.count) !=
                          E_OK);
            }
        }
        struct tree_proof none;
        ck_assert_int_eq(tree_inclusion(&reader, n, n, &none), E_INVALID);
    }
    ck_assert_int_eq(tree_inclusion(&reader, 0, LEAVES + 1, &(struct tree_proof){0}), E_NOT_FOUND);
    ck_assert_int_eq(tree_check_inclusion(&leaves[0], 0, 0, &leaves[0], NULL, 0), E_SIGNATURE);
}
END_TEST

START_TEST(consistency_of_all_sizes)
{
    for (size_t n = 0; n <= LEAVES; n++) {
        for (size_t m = 0; m <= n; m += stride()) {
            struct tree_proof proof;
            struct tree_proof naive = {0};
            if (m > 0) {
                naive_subproof(m, leaves, n, true, &naive);
            }
            ck_assert_int_eq(tree_consistency(&reader, m, n, &proof), E_OK);
            same(&proof, &naive);
            ck_assert_int_eq(
                tree_check_consistency(m, &roots[m], n, &roots[n], proof.hash, proof.count), E_OK);
            struct tree_hash wrong = roots[m];
            wrong.bytes[m % 32] ^= 1;
            ck_assert(tree_check_consistency(m, &wrong, n, &roots[n], proof.hash, proof.count) !=
                      E_OK);
            wrong = roots[n];
            wrong.bytes[n % 32] ^= 1;
            ck_assert(m == 0 || tree_check_consistency(m, &roots[m], n, &wrong, proof.hash,
                                                       proof.count) != E_OK);
            proof.hash[proof.count] = roots[n];
            ck_assert(tree_check_consistency(m, &roots[m], n, &roots[n], proof.hash,
                                             proof.count + 1) != E_OK);
            if (proof.count > 0) {
                ck_assert(tree_check_consistency(m, &roots[m], n, &roots[n], proof.hash,
                                                 proof.count - 1) != E_OK);
                proof.hash[m % proof.count].bytes[n % 32] ^= 0x10;
                ck_assert(tree_check_consistency(m, &roots[m], n, &roots[n], proof.hash,
                                                 proof.count) != E_OK);
            }
        }
    }
    struct tree_proof proof;
    ck_assert_int_eq(tree_consistency(&reader, 2, 1, &proof), E_INVALID);
    ck_assert_int_eq(tree_consistency(&reader, 1, LEAVES + 1, &proof), E_NOT_FOUND);
    ck_assert_int_eq(tree_consistency(&reader, LEAVES - 1, LEAVES + 1, &proof), E_NOT_FOUND);
    ck_assert_int_eq(tree_check_consistency(2, &roots[2], 1, &roots[1], NULL, 0), E_SIGNATURE);
}
END_TEST

static int read_many(void *context, uint64_t record, unsigned level, uint8_t out[static 32])
{
    const struct tree_nodes *all = context;
    ck_assert(record < 300 && level < all[record].count);
    memcpy(out, all[record].hash[level].bytes, 32);
    return E_OK;
}

START_TEST(tiles)
{
    struct tree_hash out[TREE_TILE_WIDTH];
    ck_assert_int_eq(tree_tile(&reader, LEAVES, 0, 0, LEAVES, out), E_OK);
    ck_assert(memcmp(out, leaves, sizeof leaves) == 0);
    static const struct {
        uint64_t size;
        unsigned level;
        uint64_t index;
        unsigned width;
        int err;
    } rows[] = {
        {100, 0, 0, 100, E_OK},
        {100, 0, 0, 101, E_NOT_FOUND},
        {100, 0, 1, 1, E_NOT_FOUND},
        {100, 0, UINT64_MAX / 128, 1, E_NOT_FOUND},
        {100, 1, 0, 1, E_NOT_FOUND},
        {100, 0, 0, 0, E_NOT_FOUND},
        {1000, 0, 0, 257, E_NOT_FOUND},
        {1000, 8, 0, 1, E_NOT_FOUND},
        {LEAVES + 1, 0, 0, LEAVES + 1, E_NOT_FOUND}, /* what the storage does not have */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ck_assert_msg(tree_tile(&reader, rows[i].size, rows[i].level, rows[i].index, rows[i].width,
                                out) == rows[i].err,
                      "row %zu", i);
    }
    /* Level 1 of 300 leaves: one hash, the root of the first 256. */
    static struct tree_nodes many[300];
    static struct tree_hash d[300];
    struct tree_frontier frontier = {0};
    for (size_t i = 0; i < 300; i++) {
        d[i] = tree_leaf(view_bytes(&i, sizeof i));
        tree_frontier_append(&frontier, &d[i], &many[i]);
    }
    const struct tree_reader large = {read_many, many};
    struct tree_hash naive = naive_root(d, 256);
    ck_assert_int_eq(tree_tile(&large, 300, 1, 0, 1, out), E_OK);
    ck_assert(tree_hash_equal(&naive, &out[0]));
    ck_assert_int_eq(tree_tile(&large, 300, 0, 1, 44, out), E_OK);
    ck_assert(memcmp(out, d + 256, 44 * sizeof d[0]) == 0);
    ck_assert_int_eq(tree_tile(&large, 300, 1, 0, 2, out), E_NOT_FOUND);
}
END_TEST

/* ---- notes ---- */

#define FOO_VKEY "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
#define FOO_NOTE                                                                                   \
    "This is an example message.\n\n— example.com/foo "                                          \
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=" \
    "\n"

START_TEST(the_specifications_note)
{
    struct note_key key;
    struct note note;
    uint64_t signers = 0;
    ck_assert_int_eq(note_key_parse(VIEW_LIT(FOO_VKEY), &key), E_OK);
    struct buf vkey = BUF_INIT;
    note_key_format(&key, &vkey);
    ck_assert_str_eq(vkey.data, FOO_VKEY);
    buf_release(&vkey);
    ck_assert_int_eq(note_parse(VIEW_LIT(FOO_NOTE), &note), E_OK);
    ck_assert(view_is(note.text, "This is an example message.\n"));
    ck_assert_int_eq(note_verify(&note, &key, NULL), E_OK);
    ck_assert_int_eq(note_verify_any(&note, &key, 1, &signers), E_OK);
    ck_assert_uint_eq(signers, 1);
    ck_assert_int_eq(note_verify_any(&note, &key, 0, &signers), E_SIGNATURE);
    /* Any byte of the text or the signature changed. */
    char bytes[] = FOO_NOTE;
    for (size_t i = 0; i < sizeof bytes - 1; i++) {
        char before = bytes[i];
        bytes[i] = (char)(before == 'A' ? 'B' : 'A');
        ck_assert_msg(note_parse(view_bytes(bytes, sizeof bytes - 1), &note) != E_OK ||
                          note_verify(&note, &key, NULL) != E_OK,
                      "byte %zu", i);
        bytes[i] = before;
    }
}
END_TEST

START_TEST(vkeys_refused)
{
    static const struct {
        const char *vkey;
        int err;
    } rows[] = {
        {"", E_INVALID},
        {"example.com/foo", E_INVALID},
        {"example.com/foo+530d903a", E_INVALID},
        {"example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", E_INVALID},
        {"example.com/bar+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", E_INVALID},
        {"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2", E_INVALID},
        {"example.com/foo+530d903a+BukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", E_UNSUPPORTED},
        {"example.com/foo+530d903a+Aeky", E_INVALID},
        {"a b+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", E_INVALID},
        {"a\xe2\x80\xa8z+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", E_INVALID},
        {"+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", E_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct note_key key;
        ck_assert_msg(note_key_parse(view_of(rows[i].vkey), &key) == rows[i].err, "%s",
                      rows[i].vkey);
    }
}
END_TEST

START_TEST(notes_refused)
{
#define SIG "— a AAAAAAA=\n"
    static const struct {
        const char *note;
        int err;
    } rows[] = {
        {"t\n\n" SIG, E_OK},
        {"\n\n" SIG, E_OK}, /* a text of one empty line */
        {"t\n\nu\n\n" SIG SIG, E_OK},
        {"", E_INVALID},
        {"t\n", E_INVALID},
        {"t\n\n", E_INVALID},
        {"t\n" SIG, E_INVALID},
        {"\n" SIG, E_INVALID},
        {"t\n\n— a AAAAAAA=", E_INVALID},
        {"t\n\n- a AAAAAAA=\n", E_INVALID},
        {"t\n\n— a\n", E_INVALID},
        {"t\n\n— a \n", E_INVALID},
        {"t\n\n—  AAAAAAA=\n", E_INVALID},
        {"t\n\n— a+b AAAAAAA=\n", E_INVALID},
        {"t\n\n— a AAAAAA==\n", E_INVALID}, /* an id and no signature */
        {"t\n\n— a AAAAAAA\n", E_INVALID},
        {"t\n\n— a AAAAAAA= \n", E_INVALID},
        {"t\n\n— a AAAA-AA=\n", E_INVALID},
        {"t\r\n\n" SIG, E_INVALID},
        {"t\xff\n\n" SIG, E_INVALID},
        {"t\n\n" SIG "\n", E_INVALID},
    };
    struct note note;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ck_assert_msg(note_parse(view_of(rows[i].note), &note) == rows[i].err, "row %zu", i);
    }
    struct buf many = BUF_INIT;
    buf_text(&many, "t\n\n");
    for (int i = 0; i < NOTE_SIGNATURES_MAX; i++) {
        buf_text(&many, SIG);
    }
    ck_assert_int_eq(note_parse(buf_content(&many), &note), E_OK);
    buf_text(&many, SIG);
    ck_assert_int_eq(note_parse(buf_content(&many), &note), E_LIMIT);
    while (many.len <= NOTE_BYTES_MAX) {
        buf_text(&many, SIG);
    }
    ck_assert_int_eq(note_parse(buf_content(&many), &note), E_LIMIT);
    buf_clear(&many);
    ck_assert_int_eq(note_begin(&many, VIEW_LIT("no newline")), E_INVALID);
    ck_assert_uint_eq(many.len, 0);
    buf_release(&many);
}
END_TEST

static void make_key(uint8_t fill, const char *name, enum note_key_type type, struct note_key *key,
                     struct ed25519_key *secret)
{
    struct signer made = make_signer(fill, name, type);
    *key = made.key;
    *secret = made.secret;
}

START_TEST(checkpoints)
{
    struct note_key keys[3];
    struct ed25519_key secrets[3];
    make_key(1, "passerelle.example/feed/s001", NOTE_ED25519, &keys[0], &secrets[0]);
    make_key(2, "passerelle.example/mirror", NOTE_COSIGNATURE, &keys[1], &secrets[1]);
    make_key(3, "passerelle.example/other", NOTE_ED25519, &keys[2], &secrets[2]);
    struct checkpoint head = {.origin = "passerelle.example/feed/s001", .size = LEAVES};
    head.root = naive_root(leaves, LEAVES);
    struct buf note = BUF_INIT;
    struct buf text = BUF_INIT;
    ck_assert_int_eq(checkpoint_sign(&head, &keys[2], &secrets[2], &note), E_INVALID);
    ck_assert_int_eq(checkpoint_sign(&head, &keys[0], &secrets[0], &note), E_OK);
    checkpoint_format(&head, &text);
    checkpoint_cosign(&note, buf_content(&text), &keys[1], &secrets[1], 1793520000);
    struct checkpoint back;
    struct note parts;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(checkpoint_open(buf_content(&note), &keys[0], &back, &parts, &fault), E_OK);
    ck_assert_mem_eq(&back, &head, sizeof head);
    uint64_t when = 0;
    uint64_t signers = 0;
    ck_assert_int_eq(note_verify(&parts, &keys[1], &when), E_OK);
    ck_assert_uint_eq(when, 1793520000);
    ck_assert_int_eq(note_verify(&parts, &keys[2], NULL), E_NOT_FOUND);
    ck_assert_int_eq(note_verify_any(&parts, keys, 3, &signers), E_OK);
    ck_assert_uint_eq(signers, 3);
    ck_assert_int_eq(checkpoint_open(buf_content(&note), &keys[2], &back, NULL, &fault),
                     E_SIGNATURE);
    ck_assert_ptr_nonnull(strstr(fault.text, "not signed"));
    /* A bad signature of a known key rejects all; the same bytes of an unknown one do not. */
    struct buf bad = BUF_INIT;
    buf_view(&bad, buf_content(&note));
    uint8_t zeros[72] = {0};
    note_add_line(&bad, &keys[1], view_bytes(zeros, 72));
    ck_assert_int_eq(note_parse(buf_content(&bad), &parts), E_OK);
    ck_assert_int_eq(note_verify_any(&parts, keys, 3, &signers), E_SIGNATURE);
    ck_assert_int_eq(note_verify_any(&parts, keys, 1, &signers), E_OK);
    zeros[0] = 0x80; /* a time past 2^63 - 1, and a signature of another length */
    buf_clear(&bad);
    buf_view(&bad, buf_content(&note));
    note_add_line(&bad, &keys[1], view_bytes(zeros, 71));
    ck_assert_int_eq(note_parse(buf_content(&bad), &parts), E_OK);
    ck_assert_int_eq(note_verify(&parts, &keys[1], NULL), E_SIGNATURE);
    buf_release(&bad);
    /* A key that signs for another's feed. */
    buf_clear(&note);
    ck_assert_int_eq(note_begin(&note, buf_content(&text)), E_OK);
    note_sign(&note, buf_content(&text), &keys[2], &secrets[2]);
    fault = FAULT_NONE;
    ck_assert_int_eq(checkpoint_open(buf_content(&note), &keys[2], &back, NULL, &fault),
                     E_SIGNATURE);
    ck_assert_ptr_nonnull(strstr(fault.text, "speaks of the feed"));
    buf_clear(&note);
    ck_assert_int_eq(note_begin(&note, VIEW_LIT("hello\n")), E_OK);
    note_sign(&note, VIEW_LIT("hello\n"), &keys[2], &secrets[2]);
    ck_assert_int_eq(checkpoint_open(buf_content(&note), &keys[2], &back, NULL, NULL), E_INVALID);
    ck_assert_int_eq(checkpoint_open(VIEW_LIT("hello\n"), &keys[2], &back, NULL, NULL), E_INVALID);
    buf_release(&note);
    buf_release(&text);
}
END_TEST

START_TEST(the_specifications_cosignature)
{
    /* tlog-cosignature's example names no key, but its message has a fixed form. */
    struct buf message = BUF_INIT;
    note_cosigned_message(VIEW_LIT("example.com/behind-the-sofa\n20852163\n"
                                   "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"),
                          1679315147, &message);
    ck_assert_str_eq(message.data, "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n"
                                   "20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n");
    buf_release(&message);
}
END_TEST

START_TEST(checkpoint_texts)
{
#define ROOT "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    static const struct {
        const char *text;
        int err;
    } rows[] = {
        {"a\n1\n" ROOT, E_OK},
        {"a b\n9223372036854775807\n" ROOT, E_OK},
        {"a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", E_OK},
        {"a\n0\n" ROOT, E_INVALID},
        {"a\n01\n" ROOT, E_INVALID},
        {"a\n-1\n" ROOT, E_INVALID},
        {"a\n9223372036854775808\n" ROOT, E_INVALID},
        {"a\n18446744073709551616\n" ROOT, E_INVALID},
        {"\n1\n" ROOT, E_INVALID},
        {"a\n1\n" ROOT "extension\n", E_INVALID},
        {"a\n1\n" ROOT "\n", E_INVALID},
        {"a\n1\n", E_INVALID},
        {"a\n1\nAAAA\n", E_INVALID},
        {"a\n1\nCsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=\n", E_INVALID},
        {"a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n", E_INVALID},
        {"", E_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct checkpoint head;
        ck_assert_msg(checkpoint_parse(view_of(rows[i].text), &head) == rows[i].err, "row %zu", i);
        if (rows[i].err == E_OK) {
            struct buf again = BUF_INIT;
            checkpoint_format(&head, &again);
            ck_assert_str_eq(again.data, rows[i].text);
            buf_release(&again);
        }
    }
}
END_TEST

START_TEST(proof_files)
{
    struct note_key key;
    struct note_key stranger;
    struct ed25519_key secret;
    make_key(3, "passerelle.example/other", NOTE_ED25519, &stranger, &secret);
    make_key(1, "passerelle.example/feed", NOTE_ED25519, &key, &secret);
    struct checkpoint head = {.origin = "passerelle.example/feed", .size = 77};
    head.root = naive_root(leaves, 77);
    struct buf note = BUF_INIT;
    ck_assert_int_eq(checkpoint_sign(&head, &key, &secret, &note), E_OK);
    struct proof_file proof = {
        .extra = VIEW_LIT("more"), .index = 41, .checkpoint = buf_content(&note)};
    ck_assert_int_eq(tree_inclusion(&reader, 41, 77, &proof.path), E_OK);
    struct buf file = BUF_INIT;
    proof_file_write(&proof, &file);
    struct arena arena = ARENA_INIT;
    struct proof_file back;
    struct checkpoint seen;
    struct note parts;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(proof_file_parse(buf_content(&file), &arena, &back), E_OK);
    ck_assert(view_is(back.extra, "more") && back.index == 41);
    same(&back.path, &proof.path);
    ck_assert_int_eq(proof_file_verify(&back, &leaves[41], &key, &seen, &parts, &fault), E_OK);
    ck_assert_uint_eq(seen.size, 77);
    ck_assert_int_eq(proof_file_verify(&back, &leaves[42], &key, &seen, NULL, &fault), E_SIGNATURE);
    ck_assert_ptr_nonnull(strstr(fault.text, "number 42"));
    ck_assert_int_eq(proof_file_verify(&back, &leaves[41], &stranger, &seen, NULL, NULL),
                     E_SIGNATURE);
    /* Cut anywhere it is refused. */
    for (size_t len = 0; len < file.len; len += stride()) {
        ck_assert(proof_file_parse(view_slice(buf_content(&file), 0, len), &arena, &back) != E_OK ||
                  proof_file_verify(&back, &leaves[41], &key, &seen, NULL, NULL) != E_OK);
    }
    static const char *const bad[] = {
        "c2sp.org/tlog-proof@v2\nindex 0\n\nx\n",
        "c2sp.org/tlog-proof@v1\nextra \nindex 0\n\nx\n",
        "c2sp.org/tlog-proof@v1\nextra AA-A\nindex 0\n\nx\n",
        "c2sp.org/tlog-proof@v1\nindex 00\n\nx\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nx\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra AAAA\n\nx\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert_msg(proof_file_parse(view_of(bad[i]), &arena, &back) == E_INVALID, "%s", bad[i]);
    }
    buf_clear(&file);
    proof.extra = VIEW_NONE;
    proof.path.count = TREE_PROOF_MAX;
    proof_file_write(&proof, &file);
    ck_assert_int_eq(proof_file_parse(buf_content(&file), &arena, &back), E_OK);
    ck_assert_uint_eq(back.extra.len, 0);
    buf_clear(&file);
    buf_text(&file, "c2sp.org/tlog-proof@v1\nindex 0\n");
    while (file.len <= NOTE_BYTES_MAX) {
        buf_text(&file, ROOT);
    }
    ck_assert_int_eq(proof_file_parse(buf_content(&file), &arena, &back), E_LIMIT);
    ck_assert_int_eq(
        proof_file_parse(view_slice(buf_content(&file), 0, NOTE_BYTES_MAX), &arena, &back),
        E_LIMIT);
    arena_release(&arena);
    buf_release(&note);
    buf_release(&file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("merkle");
    TCase *cases = tcase_create("all");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, setup, NULL);
    tcase_add_test(cases, known_roots);
    tcase_add_test(cases, records_hold_what_the_leaf_completes);
    tcase_add_test(cases, roots_of_all_sizes);
    tcase_add_test(cases, inclusion_of_all_sizes);
    tcase_add_test(cases, consistency_of_all_sizes);
    tcase_add_test(cases, tiles);
    tcase_add_test(cases, the_specifications_note);
    tcase_add_test(cases, vkeys_refused);
    tcase_add_test(cases, notes_refused);
    tcase_add_test(cases, checkpoints);
    tcase_add_test(cases, the_specifications_cosignature);
    tcase_add_test(cases, checkpoint_texts);
    tcase_add_test(cases, proof_files);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
