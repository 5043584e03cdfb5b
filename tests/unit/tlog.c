#include <check.h>
#include <stdlib.h>

#include "base/text.h"
#include "core/merkle/contradiction.h"
#include "core/merkle/cosignature.h"
#include "core/merkle/policy.h"
#include "core/merkle/subtree.h"
#include "core/merkle/tiles.h"
#include "core/merkle/witness.h"
#include "stride.h"

enum { LEAVES = 300, PUBLISHED = 130, COSIGNERS = 20 };
#include "leaves.h"

/* The tree of torchwood's tests: leaf i is the byte i (of two beyond 255). */
static size_t entry_of(size_t i, char bytes[static 16])
{
    bytes[0] = (char)i;
    bytes[1] = (char)(i >> 8);
    return i < 256 ? 1 : 2;
}

static void setup(void)
{
    leaves_grow(entry_of);
}

static struct tree_hash flipped(struct tree_hash hash)
{
    hash.bytes[0] ^= 0xff;
    return hash;
}

static struct tree_hash hash_of(uint64_t start, uint64_t end)
{
    struct tree_frontier frontier = {0};
    for (uint64_t i = start; i < end; i++) {
        tree_frontier_append(&frontier, &leaves[i], NULL);
    }
    return tree_frontier_root(&frontier);
}

/* ---- subtrees ---- */

/* No change of a proof may pass; `proof` comes back as it was. */
static void must_fail(uint64_t start, uint64_t end, const struct tree_hash *hash, uint64_t size,
                      struct tree_proof *proof)
{
    struct tree_hash wrong = flipped(*hash);
    ck_assert(subtree_check(start, end, &wrong, size, &roots[size], proof->hash, proof->count) ==
              E_SIGNATURE);
    wrong = flipped(roots[size]);
    ck_assert(start == end || subtree_check(start, end, hash, size, &wrong, proof->hash,
                                            proof->count) == E_SIGNATURE);
    for (unsigned i = 0; i < proof->count; i++) {
        proof->hash[i] = flipped(proof->hash[i]);
        ck_assert(subtree_check(start, end, hash, size, &roots[size], proof->hash, proof->count) ==
                  E_SIGNATURE);
        proof->hash[i] = flipped(proof->hash[i]);
    }
    if (proof->count < TREE_PROOF_MAX) {
        proof->hash[proof->count] = roots[size];
        ck_assert(subtree_check(start, end, hash, size, &roots[size], proof->hash,
                                proof->count + 1) == E_SIGNATURE);
    }
    if (proof->count > 0) {
        ck_assert(subtree_check(start, end, hash, size, &roots[size], proof->hash,
                                proof->count - 1) == E_SIGNATURE);
        ck_assert(subtree_check(start, end, hash, size, &roots[size], proof->hash + 1,
                                proof->count - 1) == E_SIGNATURE);
    }
}

START_TEST(the_published_proofs)
{
    /* filippo.io/torchwood, TestAccumulatedSubtreeProof: the SHA-256 of all proofs of all subtrees
     * of all trees up to 130 leaves. */
    struct sha256 all;
    sha256_init(&all);
    struct buf line = BUF_INIT;
    for (uint64_t size = 0; size <= PUBLISHED; size++) {
        for (uint64_t end = 0; end <= size; end++) {
            for (uint64_t start = 0; start <= end; start++) {
                struct tree_proof proof;
                if (!subtree_is_valid(start, end)) {
                    ck_assert_int_eq(subtree_prove(&reader, start, end, size, &proof), E_INVALID);
                    continue;
                }
                reads = 0;
                ck_assert_int_eq(subtree_prove(&reader, start, end, size, &proof), E_OK);
                ck_assert_int_le(reads, 16);
                buf_clear(&line);
                buf_printf(&line, "[%d, %d) %d", (int)start, (int)end, (int)size);
                for (unsigned i = 0; i < proof.count; i++) {
                    char hex[65];
                    text_to_hex(proof.hash[i].bytes, 32, hex);
                    buf_printf(&line, " %s", hex);
                }
                buf_byte(&line, '\n');
                sha256_add(&all, line.data, line.len);
                struct tree_hash hash = hash_of(start, end);
                ck_assert_int_eq(
                    subtree_check(start, end, &hash, size, &roots[size], proof.hash, proof.count),
                    E_OK);
                if (size % 13 == 0) {
                    must_fail(start, end, &hash, size, &proof);
                }
            }
        }
    }
    uint8_t digest[SHA256_LEN];
    char hex[65];
    sha256_end(&all, digest);
    text_to_hex(digest, sizeof digest, hex);
    ck_assert_str_eq(hex, "10fa99b37bf9bf9ffa26b412fbd98bd75363256d0b75d61bc4538b9c9c5a0a74");
    buf_release(&line);
}
END_TEST

START_TEST(subtrees_are_aligned)
{
    static const struct {
        uint64_t start, end;
        bool valid;
    } rows[] = {
        {0, 1, true},          {4, 8, true},           {8, 13, true},
        {0, 13, true},         {2, 4, true},           {6, 8, true},
        {2, 6, false},         {5, 13, false},         {1, 7, false},
        {7, 9, false},         {0, 0, true},           {5, 5, true},
        {5, 3, false},         {0, INT64_MAX, true},   {0, (uint64_t)INT64_MAX + 1, false},
        {1, INT64_MAX, false}, {UINT64_MAX, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ck_assert_msg(subtree_is_valid(rows[i].start, rows[i].end) == rows[i].valid, "row %zu", i);
    }
    struct tree_proof proof = {0};
    struct tree_hash hash = roots[8];
    ck_assert_int_eq(subtree_prove(&reader, 0, 9, 8, &proof), E_INVALID);
    ck_assert_int_eq(subtree_prove(&reader, 4, 8, LEAVES + 1, &proof), E_NOT_FOUND);
    ck_assert_int_eq(subtree_check(0, 9, &hash, 8, &hash, NULL, 0), E_SIGNATURE);
    ck_assert_int_eq(subtree_check(2, 6, &hash, 8, &hash, proof.hash, 2), E_SIGNATURE);
    ck_assert_int_eq(subtree_check(0, 8, &hash, UINT64_MAX, &hash, proof.hash, 61), E_SIGNATURE);
    /* The deepest trees that there may be: no step past the arrays, whatever the count. */
    for (size_t count = 0; count <= TREE_PROOF_MAX; count++) {
        ck_assert_int_eq(
            subtree_check(0, ((uint64_t)1 << 62) + 1, &hash, INT64_MAX, &hash, proof.hash, count),
            E_SIGNATURE);
        ck_assert_int_eq(
            subtree_check(INT64_MAX - 1, INT64_MAX, &hash, INT64_MAX, &hash, proof.hash, count),
            E_SIGNATURE);
    }
}
END_TEST

START_TEST(packages_of_all_sizes)
{
    for (uint64_t size = 1; size <= LEAVES; size++) {
        for (uint64_t width = 1; width <= PACKAGE_WIDTH; width *= 2) {
            uint64_t count = 0;
            for (uint64_t at = 0; at < size; count++) {
                struct package package = package_at(at, size, width);
                ck_assert(package.base == at && package.start == at && package.end > at &&
                          package.end <= size);
                struct tree_proof proof;
                struct tree_hash hash = hash_of(at, package.end);
                ck_assert_int_eq(subtree_prove(&reader, at, package.end, size, &proof), E_OK);
                ck_assert_int_eq(
                    package_check(&package, &hash, size, &roots[size], proof.hash, proof.count),
                    E_OK);
                if (size % 50 == 0) {
                    must_fail(at, package.end, &hash, size, &proof);
                }
                at = package.end;
            }
            ck_assert_uint_eq(count, (size + width - 1) / width);
        }
    }
    struct package package = package_at(0, LEAVES, PACKAGE_WIDTH);
    ck_assert_int_eq(
        package_check(&package, &roots[1], LEAVES, &roots[LEAVES], leaves, PACKAGE_HASHES_MAX + 1),
        E_LIMIT);
}
END_TEST

START_TEST(packages_resume_anywhere)
{
    /* A receiver that has `start` entries and gets the rest of the package. */
    for (uint64_t width = 1; width <= PACKAGE_WIDTH; width *= 4) {
        for (uint64_t size = 1; size <= LEAVES; size += size < 40 ? 1 : 37) {
            for (uint64_t start = 0; start < size; start += width < 64 ? 1 : 11) {
                struct package package = package_at(start, size, width);
                ck_assert(package.base <= start && package.base % width == 0 &&
                          package.end > start && package.end - package.base <= width);
                struct tree_frontier frontier;
                reads = 0;
                ck_assert_int_eq(package_begin(&reader, &package, &frontier), E_OK);
                ck_assert_int_le(reads, 8);
                for (uint64_t i = package.start; i < package.end; i++) {
                    tree_frontier_append(&frontier, &leaves[i], NULL);
                }
                struct tree_hash hash = tree_frontier_root(&frontier);
                struct tree_proof proof;
                ck_assert_int_eq(subtree_prove(&reader, package.base, package.end, size, &proof),
                                 E_OK);
                ck_assert_int_eq(
                    package_check(&package, &hash, size, &roots[size], proof.hash, proof.count),
                    E_OK);
            }
        }
    }
    struct tree_frontier frontier;
    struct package beyond = {512, 520, 600};
    ck_assert_int_eq(package_begin(&reader, &beyond, &frontier), E_NOT_FOUND);
}
END_TEST

/* ---- tiles ---- */

START_TEST(tile_paths)
{
    static const struct {
        const char *text;
        struct tile_path path;
    } rows[] = {
        {"tile/0/000", {false, 0, 0, 256}},
        {"tile/63/x001/x234/067", {false, 63, 1234067, 256}},
        {"tile/0/x001/000.p/255", {false, 0, 1000, 255}},
        {"tile/entries/x273/112.p/1", {true, 0, 273112, 1}},
        {"tile/entries/999", {true, 0, 999, 256}},
        {"tile/7/x009/x223/x372/x036/x854/x775/807", {false, 7, INT64_MAX, 256}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct tile_path read;
        struct buf text = BUF_INIT;
        tile_path_format(&rows[i].path, &text);
        ck_assert_str_eq(text.data, rows[i].text);
        ck_assert_int_eq(tile_path_parse(buf_content(&text), &read), E_OK);
        ck_assert(read.entries == rows[i].path.entries && read.level == rows[i].path.level &&
                  read.index == rows[i].path.index && read.width == rows[i].path.width);
        buf_release(&text);
    }
    static const char *const bad[] = {
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/x001",
        "tile/0/x001/",
        "tile/0/001/000",
        "tile/0/x1/000",
        "tile/0/000/",
        "tile/0//000",
        "/tile/0/000",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000/.p/5",
        "tile/0/.p/5",
        "tile/0/000.p/5/",
        "tile/0/000.p/5.p/5",
        "tile/0/00a",
        "tile/0/X001/000",
        "tile/0/xx01/000",
        "tile/entries",
        "tile/entries/0",
        "Tile/0/000",
        "tile/0/x001/x000",
        "tile/0/+01",
        "tile/0/000 ",
        "tile/8/x009/x223/x372/x036/x854/x775/808",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x001/x000/x000/x000/x000/x000/x000/000",
        "tile/0/x001/x000/x000/x000/x000/x000/x000/x000/x000/x000/x000/x000/x000/000",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct tile_path read;
        ck_assert_msg(tile_path_parse(view_of(bad[i]), &read) == E_INVALID, "%s", bad[i]);
    }
    for (uint64_t index = 0; index < 3000000; index += 997 * stride()) {
        struct tile_path path = {.index = index, .width = (unsigned)(index % 256) + 1};
        struct tile_path read;
        struct buf text = BUF_INIT;
        tile_path_format(&path, &text);
        ck_assert_int_eq(tile_path_parse(buf_content(&text), &read), E_OK);
        ck_assert(read.index == index && read.width == path.width);
        buf_release(&text);
    }
}
END_TEST

START_TEST(tiles_of_a_tree)
{
    /* The specification's example: 70,000 entries. */
    static const struct {
        uint64_t size;
        unsigned level;
        uint64_t index;
        unsigned width;
    } rows[] = {
        {70000, 0, 0, 256}, {70000, 0, 272, 256},   {70000, 0, 273, 112}, {70000, 0, 274, 0},
        {70000, 1, 0, 256}, {70000, 1, 1, 17},      {70000, 2, 0, 1},     {70000, 2, 1, 0},
        {70000, 3, 0, 0},   {256, 0, 0, 256},       {256, 0, 1, 0},       {256, 1, 0, 1},
        {0, 0, 0, 0},       {INT64_MAX, 7, 0, 127}, {INT64_MAX, 8, 0, 0}, {INT64_MAX, 63, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ck_assert_msg(tile_width(rows[i].size, rows[i].level, rows[i].index) == rows[i].width,
                      "row %zu", i);
    }
    struct buf bytes = BUF_INIT;
    struct tile_path path = {.width = 256};
    ck_assert_int_eq(tile_read(&reader, LEAVES, &path, &bytes), E_OK);
    ck_assert_uint_eq(bytes.len, 8192);
    ck_assert_mem_eq(bytes.data, leaves, 8192);
    path = (struct tile_path){.level = 1, .width = 1};
    buf_clear(&bytes);
    ck_assert_int_eq(tile_read(&reader, LEAVES, &path, &bytes), E_OK);
    ck_assert_uint_eq(bytes.len, 32);
    ck_assert_mem_eq(bytes.data, roots[256].bytes, 32);
    path.width = 2;
    ck_assert_int_eq(tile_read(&reader, LEAVES, &path, &bytes), E_NOT_FOUND);
    path = (struct tile_path){.index = 1, .width = LEAVES - 256 + 1};
    ck_assert_int_eq(tile_read(&reader, LEAVES, &path, &bytes), E_NOT_FOUND);
    path.level = 60;
    ck_assert_int_eq(tile_read(&reader, LEAVES, &path, &bytes), E_NOT_FOUND);
    ck_assert_uint_eq(bytes.len, 32);
    buf_release(&bytes);
}
END_TEST

START_TEST(bundles)
{
    static char large[TILE_ENTRY_MAX + 1];
    struct buf bytes = BUF_INIT;
    ck_assert_int_eq(bundle_add(&bytes, VIEW_LIT("first")), E_OK);
    ck_assert_int_eq(bundle_add(&bytes, VIEW_NONE), E_OK);
    ck_assert_int_eq(bundle_add(&bytes, view_bytes(large, TILE_ENTRY_MAX)), E_OK);
    ck_assert_int_eq(bundle_add(&bytes, view_bytes(large, TILE_ENTRY_MAX + 1)), E_LIMIT);
    ck_assert_uint_eq(bytes.len, 7 + 2 + 2 + TILE_ENTRY_MAX);
    ck_assert_mem_eq(bytes.data, "\0\5first\0\0\377\377\0", 12);
    struct view rest = buf_content(&bytes);
    struct view entry;
    ck_assert_int_eq(bundle_next(&rest, &entry), E_OK);
    ck_assert(view_is(entry, "first"));
    ck_assert_int_eq(bundle_next(&rest, &entry), E_OK);
    ck_assert_uint_eq(entry.len, 0);
    struct view cut = view_slice(rest, 0, rest.len - 1);
    ck_assert_int_eq(bundle_next(&cut, &entry), E_INVALID);
    cut = view_slice(rest, 0, 1);
    ck_assert_int_eq(bundle_next(&cut, &entry), E_INVALID);
    ck_assert_int_eq(bundle_next(&rest, &entry), E_OK);
    ck_assert_uint_eq(entry.len, TILE_ENTRY_MAX);
    ck_assert_uint_eq(rest.len, 0);
    ck_assert_int_eq(bundle_next(&rest, &entry), E_INVALID);
    buf_release(&bytes);
}
END_TEST

/* ---- cosignatures ---- */

static void sign_head(const struct signer *log, uint64_t size, struct buf *out)
{
    struct checkpoint head = {.size = size, .root = roots[size]};
    snprintf(head.origin, sizeof head.origin, "%s", log->key.name);
    ck_assert_int_eq(checkpoint_sign(&head, &log->key, &log->secret, out), E_OK);
}

START_TEST(many_cosigners)
{
    struct signer log = make_signer(1, "net.example/feed/s001", NOTE_ED25519);
    struct note_key keys[COSIGNERS];
    struct buf note = BUF_INIT;
    struct buf text = BUF_INIT;
    struct checkpoint head = {.origin = "net.example/feed/s001", .size = 9, .root = roots[9]};
    sign_head(&log, 9, &note);
    checkpoint_format(&head, &text);
    for (uint8_t i = 0; i < COSIGNERS; i++) {
        char name[32];
        snprintf(name, sizeof name, "witness.example/w%d", i);
        struct signer one = make_signer((uint8_t)(10 + i), name, NOTE_COSIGNATURE);
        keys[i] = one.key;
        if (i != 7) {
            checkpoint_cosign(&note, buf_content(&text), &one.key, &one.secret, 1000u + i);
        }
        if (i == 3) { /* again, earlier: the latest time counts */
            checkpoint_cosign(&note, buf_content(&text), &one.key, &one.secret, 5);
        }
        struct buf vkey = BUF_INIT;
        struct note_key back;
        note_key_format(&one.key, &vkey);
        ck_assert_int_eq(note_key_parse(buf_content(&vkey), &back), E_OK);
        ck_assert(back.type == NOTE_COSIGNATURE && back.id == one.key.id);
        buf_release(&vkey);
    }
    struct note parts;
    struct checkpoint back;
    uint64_t signers = 0;
    uint64_t times[COSIGNERS];
    ck_assert_int_eq(checkpoint_open(buf_content(&note), &log.key, &back, &parts, NULL), E_OK);
    ck_assert_int_eq(cosignatures_verify(&parts, keys, COSIGNERS, &signers, times), E_OK);
    ck_assert_uint_eq(signers, 0xfffff & ~(1u << 7));
    for (unsigned i = 0; i < COSIGNERS; i++) {
        ck_assert_uint_eq(times[i], i == 7 ? 0 : 1000 + i);
    }
    ck_assert_int_eq(cosignatures_verify(&parts, keys + 7, 1, &signers, NULL), E_OK);
    ck_assert_uint_eq(signers, 0);
    ck_assert_int_eq(cosignatures_verify(&parts, NULL, 0, &signers, NULL), E_OK);
    /* A changed byte is never one of a text that somebody signed. */
    for (size_t i = 0; i < note.len; i += 3) {
        note.data[i] ^= 1;
        if (note_parse(buf_content(&note), &parts) == E_OK &&
            cosignatures_verify(&parts, keys, COSIGNERS, &signers, NULL) == E_OK) {
            ck_assert(view_equal(parts.text, buf_content(&text)));
        }
        note.data[i] ^= 1;
    }
    buf_release(&note);
    buf_release(&text);
}
END_TEST

START_TEST(answers_of_witnesses)
{
    struct signer log = make_signer(1, "net.example/feed/s001", NOTE_ED25519);
    struct signer hub = make_signer(2, "net.example/mirror", NOTE_COSIGNATURE);
    struct signer other = make_signer(3, "other.example/w", NOTE_COSIGNATURE);
    struct checkpoint head = {.origin = "net.example/feed/s001", .size = 9, .root = roots[9]};
    struct buf text = BUF_INIT;
    struct buf note = BUF_INIT;
    struct buf lines = BUF_INIT;
    checkpoint_format(&head, &text);
    sign_head(&log, 9, &note);
    size_t bare = note.len;
    checkpoint_cosign(&lines, buf_content(&text), &other.key, &other.secret, 70);
    checkpoint_cosign(&lines, buf_content(&text), &hub.key, &hub.secret, 71);
    uint64_t signers = 0;
    uint64_t when = 0;
    ck_assert_int_eq(cosignatures_add(&note, buf_content(&lines), &hub.key, 1, &signers, &when),
                     E_OK);
    ck_assert(signers == 1 && when == 71);
    ck_assert_ptr_nonnull(strstr(note.data, "net.example/mirror"));
    ck_assert_ptr_null(strstr(note.data, "other.example"));
    size_t once = note.len;
    ck_assert_int_eq(cosignatures_add(&note, buf_content(&lines), &hub.key, 1, &signers, &when),
                     E_OK);
    ck_assert_uint_eq(note.len, once);
    struct note parts;
    ck_assert_int_eq(checkpoint_open(buf_content(&note), &log.key, &head, &parts, NULL), E_OK);
    ck_assert_int_eq(note_verify(&parts, &hub.key, &when), E_OK);

    /* What cannot be taken leaves the note as it was. */
    buf_truncate(&note, bare);
    struct note_key stranger = make_signer(9, "third.example/w", NOTE_COSIGNATURE).key;
    ck_assert_int_eq(cosignatures_add(&note, buf_content(&lines), &stranger, 1, &signers, NULL),
                     E_SIGNATURE);
    static const char *const bad[] = {"", "\n", "ok\n", "net.example/mirror AAAA\n",
                                      "more text\n\n— a AAAAAAA=\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert_msg(cosignatures_add(&note, view_of(bad[i]), &hub.key, 1, &signers, NULL) ==
                          E_INVALID,
                      "row %zu", i);
    }
    ck_assert_int_eq(cosignatures_add(&note, view_slice(buf_content(&lines), 0, lines.len - 1),
                                      &hub.key, 1, &signers, NULL),
                     E_INVALID);
    /* The hub's signature on another checkpoint. */
    head.size = 10;
    head.root = roots[10];
    buf_clear(&text);
    checkpoint_format(&head, &text);
    checkpoint_cosign(&lines, buf_content(&text), &hub.key, &hub.secret, 72);
    ck_assert_int_eq(cosignatures_add(&note, buf_content(&lines), &hub.key, 1, &signers, NULL),
                     E_SIGNATURE);
    buf_clear(&lines);
    for (int i = 0; i < NOTE_SIGNATURES_MAX; i++) {
        head.size = 9;
        head.root = roots[9];
        buf_clear(&text);
        checkpoint_format(&head, &text);
        checkpoint_cosign(&lines, buf_content(&text), &hub.key, &hub.secret, 100u + (unsigned)i);
    }
    ck_assert_int_eq(cosignatures_add(&note, buf_content(&lines), &hub.key, 1, &signers, NULL),
                     E_LIMIT);
    ck_assert_uint_eq(note.len, bare);
    buf_release(&text);
    buf_release(&note);
    buf_release(&lines);
}
END_TEST

/* ---- witness ---- */

#define EXAMPLE_HEAD                                                                               \
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
#define EXAMPLE_SIGNED                                                                             \
    EXAMPLE_HEAD "\n— example.com/behind-the-sofa "                                              \
                 "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/"                       \
                 "Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
#define EXAMPLE_HASH "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"

START_TEST(witness_requests)
{
    /* The specification's example. */
    static const char example[] =
        "old 20852014\n" EXAMPLE_HASH "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
        "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
        "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\n" EXAMPLE_SIGNED;
    struct witness_request request;
    ck_assert_int_eq(witness_request_parse(view_of(example), &request), E_OK);
    ck_assert(request.old_size == 20852014 && request.proof.count == 4);
    ck_assert(view_is(request.origin, "example.com/behind-the-sofa"));
    ck_assert(view_is(request.checkpoint, EXAMPLE_SIGNED));
    struct buf again = BUF_INIT;
    witness_request_format(&request, &again);
    ck_assert_str_eq(again.data, example);
    static const char *const bad[] = {
        "",
        "old 1\n",
        "old 1\n\n",
        "old 01\n\n" EXAMPLE_SIGNED,
        "old -1\n\n" EXAMPLE_SIGNED,
        "old 18446744073709551616\n\n" EXAMPLE_SIGNED,
        "old  1\n\n" EXAMPLE_SIGNED,
        "OLD 1\n\n" EXAMPLE_SIGNED,
        "old 1\n" EXAMPLE_SIGNED,
        "old 1\nAAAA\n\n" EXAMPLE_SIGNED,
        "old 1\n\n\n" EXAMPLE_SIGNED,
        "old 1\r\n\r\n" EXAMPLE_SIGNED,
        ("old 1\n\n" EXAMPLE_HEAD),
        "old 1\n\nexample.com\n— a AAAAAAA=\n",
        "old 1\n\nexample.com\n1\n\n— a AAAAAAA=\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert_msg(witness_request_parse(view_of(bad[i]), &request) != E_OK, "%s", bad[i]);
    }
    for (int hashes = WITNESS_HASHES_MAX; hashes <= WITNESS_HASHES_MAX + 1; hashes++) {
        buf_clear(&again);
        buf_text(&again, "old 5\n");
        for (int i = 0; i < hashes; i++) {
            buf_text(&again, EXAMPLE_HASH);
        }
        buf_text(&again, "\n" EXAMPLE_SIGNED);
        ck_assert_int_eq(witness_request_parse(buf_content(&again), &request),
                         hashes == WITNESS_HASHES_MAX ? E_OK : E_LIMIT);
    }
    while (again.len <= WITNESS_BODY_MAX) {
        buf_text(&again, EXAMPLE_HASH);
    }
    ck_assert_int_eq(witness_request_parse(buf_content(&again), &request), E_LIMIT);
    buf_clear(&again);
    witness_size_format(20852014, &again);
    uint64_t size = 0;
    ck_assert_int_eq(witness_size_parse(buf_content(&again), &size), E_OK);
    ck_assert_uint_eq(size, 20852014);
    static const char *const sizes[] = {"",      "1",    "\n",   "01\n",
                                        "1\n\n", " 1\n", "-1\n", "9223372036854775808\n"};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        ck_assert_msg(witness_size_parse(view_of(sizes[i]), &size) == E_INVALID, "row %zu", i);
    }
    buf_release(&again);
}
END_TEST

/* Asks with the log's true tree of `size`, but for what a row of the table says. */
static struct witness_answer ask(const struct signer *log, const struct witness_log *known,
                                 uint64_t old_size, uint64_t size, struct buf *scratch)
{
    struct buf head = BUF_INIT;
    struct witness_request sent = {.old_size = old_size};
    struct witness_request request;
    struct witness_answer answer;
    sign_head(log, size, &head);
    sent.checkpoint = buf_content(&head);
    if (old_size <= size) {
        ck_assert_int_eq(tree_consistency(&reader, old_size, size, &sent.proof), E_OK);
    }
    buf_clear(scratch);
    witness_request_format(&sent, scratch);
    ck_assert_int_eq(witness_request_parse(buf_content(scratch), &request), E_OK);
    witness_decide(&request, known, &answer);
    buf_release(&head);
    return answer;
}

START_TEST(witness_decisions)
{
    struct signer log = make_signer(1, "net.example/feed/s001", NOTE_ED25519);
    struct signer thief = make_signer(2, "net.example/feed/s001", NOTE_ED25519);
    struct witness_log known = {"net.example/feed/s001", &log.key, 1, 0, tree_empty()};
    struct buf body = BUF_INIT;
    for (uint64_t recorded = 0; recorded <= 17; recorded++) {
        known.size = recorded;
        known.root = roots[recorded];
        for (uint64_t old = 0; old <= 18; old += stride()) {
            for (uint64_t size = 0; size <= 17; size++) {
                struct witness_answer answer = ask(&log, &known, old, size, &body);
                enum witness_status status = old > size        ? WITNESS_BAD_REQUEST
                                             : old != recorded ? WITNESS_OTHER_SIZE
                                                               : WITNESS_COSIGN;
                ck_assert_int_eq(answer.status, status);
                ck_assert(!answer.evidence);
                ck_assert_uint_eq(answer.recorded_size,
                                  status == WITNESS_OTHER_SIZE ? recorded : 0);
                ck_assert(status != WITNESS_COSIGN ||
                          (answer.head.size == size && answer.text.len > 0));
            }
        }
    }
    known.size = 20;
    known.root = roots[20];
    ck_assert_int_eq(ask(&log, NULL, 20, 30, &body).status, WITNESS_UNKNOWN_LOG);
    ck_assert_int_eq(ask(&thief, &known, 20, 30, &body).status, WITNESS_NOT_SIGNED);
    known.origin = "net.example/feed/s002";
    ck_assert_int_eq(ask(&log, &known, 20, 30, &body).status, WITNESS_UNKNOWN_LOG);
    known.origin = "net.example/feed/s001";
    /* A log with two keys, as while one replaces the other. */
    struct note_key both[] = {thief.key, log.key};
    known.keys = both;
    known.count = 2;
    ck_assert_int_eq(ask(&log, &known, 20, 30, &body).status, WITNESS_COSIGN);
    known.keys = &log.key;
    known.count = 1;
    /* A log that tells two stories: other entries before, at the same size and at a larger one. */
    known.root = flipped(roots[20]);
    for (uint64_t size = 20; size < 40; size++) {
        struct witness_answer answer = ask(&log, &known, 20, size, &body);
        ck_assert(answer.status == WITNESS_INCONSISTENT && answer.evidence);
        ck_assert_ptr_nonnull(strstr(answer.why, size == 20 ? "at the same size" : "the proof"));
    }
    known.size = 0;
    known.root = tree_empty();
    struct witness_request request;
    ask(&log, &known, 20, 30, &body);
    ck_assert_int_eq(witness_request_parse(buf_content(&body), &request), E_OK);
    request.old_size = 0; /* a proof where there can be none */
    struct witness_answer answer;
    witness_decide(&request, &known, &answer);
    ck_assert(answer.status == WITNESS_INCONSISTENT && answer.evidence);
    request.proof.count = 0;
    witness_decide(&request, &known, &answer);
    ck_assert_int_eq(answer.status, WITNESS_COSIGN);
    /* Size 0 under another root. */
    struct buf note = BUF_INIT;
    struct checkpoint head = {.origin = "net.example/feed/s001", .root = roots[3]};
    ck_assert_int_eq(checkpoint_sign(&head, &log.key, &log.secret, &note), E_OK);
    request.checkpoint = buf_content(&note);
    witness_decide(&request, &known, &answer);
    ck_assert(answer.status == WITNESS_INCONSISTENT && answer.evidence);
    /* Another organisation's log may have extension lines: they are cosigned too. */
    buf_clear(&note);
    struct buf text = BUF_INIT;
    head = (struct checkpoint){.origin = "net.example/feed/s001", .size = 7, .root = roots[7]};
    checkpoint_format(&head, &text);
    buf_text(&text, "extension 1\nextension 2\n");
    ck_assert_int_eq(note_begin(&note, buf_content(&text)), E_OK);
    note_sign(&note, buf_content(&text), &log.key, &log.secret);
    request.checkpoint = buf_content(&note);
    witness_decide(&request, &known, &answer);
    ck_assert_int_eq(answer.status, WITNESS_COSIGN);
    ck_assert(view_equal(answer.text, buf_content(&text)));
    buf_clear(&note);
    buf_text(&note, "hello\n\n— a AAAAAAA=\n");
    request.checkpoint = buf_content(&note);
    witness_decide(&request, &known, &answer);
    ck_assert_int_eq(answer.status, WITNESS_BAD_REQUEST);
    buf_release(&text);
    buf_release(&note);
    buf_release(&body);
}
END_TEST

START_TEST(policies)
{
    struct policy_witness read[POLICY_WITNESSES_MAX];
    struct fault fault = FAULT_NONE;
    struct buf text = BUF_INIT, vkey = BUF_INIT, other = BUF_INIT, log = BUF_INIT;
    size_t count;
    struct signer one = make_signer(1, "one.example/w", NOTE_COSIGNATURE);
    struct signer two = make_signer(2, "two.example/w", NOTE_COSIGNATURE);
    struct signer feed = make_signer(3, "log.example/log", NOTE_ED25519);
    note_key_format(&one.key, &vkey);
    note_key_format(&two.key, &other);
    note_key_format(&feed.key, &log);
    struct view v = buf_content(&vkey), o = buf_content(&other), l = buf_content(&log);
    buf_printf(&text,
               "# whom we trust\n\nlog %.*s\n  witness\tone \t %.*s   https://one.example/w/ \n"
               "witness two %.*s\ngroup both all one two\nquorum both",
               VIEW_FMT(l), VIEW_FMT(v), VIEW_FMT(o));
    ck_assert_msg(policy_witnesses(buf_content(&text), read, ARRAY_LEN(read), &count, &fault) ==
                      E_OK,
                  "%s", fault.text);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(read[0].name, "one");
    ck_assert_str_eq(read[0].url, "https://one.example/w");
    ck_assert_str_eq(read[1].url, "");
    ck_assert_uint_eq(read[1].key.id, two.key.id);
    ck_assert_int_eq(policy_witnesses(VIEW_NONE, read, ARRAY_LEN(read), &count, &fault), E_OK);
    ck_assert_uint_eq(count, 0);
    ck_assert_int_eq(policy_witnesses(buf_content(&text), read, 1, &count, &fault), E_LIMIT);
    static const struct {
        const char *before, *after, *says;
        bool of_log;
    } rows[] = {
        {"witness one ", " http://one.example", "https", false},
        {"witness one ", " https://one.example more", "write: witness", false},
        {"witness one ", "\nwitness one ", "write: witness", false},
        {"witness one ", "x https://one.example", "verifier key", false},
        {"witness one ", " https://one.example", "verifier key", true},
        {"witness \"one\" ", " https://one.example", "plain name", false},
        {"witnesses one ", "", "no word", false},
        {"", "", "no word", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&text);
        fault = FAULT_NONE;
        buf_printf(&text, "\n%s%.*s%s\n", rows[i].before, VIEW_FMT(rows[i].of_log ? l : v),
                   rows[i].after);
        ck_assert_int_eq(
            policy_witnesses(buf_content(&text), read, ARRAY_LEN(read), &count, &fault), E_INVALID);
        ck_assert_msg(strstr(fault.text, rows[i].says) != NULL && strstr(fault.text, "line ") != NULL,
                      "row %zu: %s", i, fault.text);
    }
    /* One key is one witness, whatever it is called. */
    buf_clear(&text);
    buf_printf(&text, "witness a %.*s\nwitness b %.*s\n", VIEW_FMT(v), VIEW_FMT(v));
    ck_assert_int_eq(policy_witnesses(buf_content(&text), read, ARRAY_LEN(read), &count, &fault),
                     E_INVALID);
    buf_release(&text);
    buf_release(&vkey);
    buf_release(&other);
    buf_release(&log);
}
END_TEST

/* ---- contradictions ---- */

/* The tree of `leaves` up to `fork`, and then, up to `size`, another. */
static void grow_fork(struct grown *tree, uint64_t fork, uint64_t size)
{
    while (tree->size < size) {
        struct tree_hash leaf = tree->size < fork ? leaves[tree->size]
                                                  : flipped(leaves[tree->size]);
        grown_add(tree, &leaf);
    }
}

static struct checkpoint head_of(const struct grown *tree, uint64_t size)
{
    struct checkpoint head = {.origin = "net.example/net", .size = size};
    struct tree_reader grown = grown_reader(tree);
    ck_assert_int_eq(tree_root(&grown, size, &head.root), E_OK);
    return head;
}

START_TEST(a_grown_tree_is_the_tree)
{
    struct grown tree = {0};
    for (uint64_t size = 0; size <= LEAVES; size++) {
        struct checkpoint head = head_of(&tree, size);
        ck_assert(tree_hash_equal(&head.root, &roots[size]));
        if (size < LEAVES) {
            grown_add(&tree, &leaves[size]);
        }
    }
    struct tree_reader grown = grown_reader(&tree);
    uint8_t hash[SHA256_LEN];
    ck_assert_int_eq(grown.node(grown.context, LEAVES, 0, hash), E_NOT_FOUND);
    ck_assert_int_eq(grown.node(grown.context, 4, 1, hash), E_NOT_FOUND);
    grown_release(&tree);
}
END_TEST

/* Two histories part behind `fork`; one reader saw the first at size a, the other the second at b. */
static void part(uint64_t fork, uint64_t a, uint64_t b, bool first_tree, bool second_tree)
{
    struct grown one = {0}, two = {0};
    struct contradiction found;
    grow_fork(&one, LEAVES, a + 3);
    grow_fork(&two, fork, b + 3);
    const struct checkpoint told[] = {head_of(&one, a), head_of(&two, b), head_of(&one, a + 3),
                                      head_of(&two, b + 3), head_of(&one, fork < a ? fork : a)};
    const struct checkpoint *heads[] = {&told[0], &told[1], &told[2], &told[3], &told[4]};
    const struct grown *trees[2];
    size_t tree_count = 0;
    if (first_tree) {
        trees[tree_count++] = &one;
    }
    if (second_tree) {
        trees[tree_count++] = &two;
    }
    int err = contradiction_find(heads, ARRAY_LEN(heads), trees, tree_count, &found);
    bool differ = fork < a + 3 && fork < b + 3;
    if (tree_count == 2 || !differ || (a == b && fork < a)) {
        ck_assert_msg((err == E_OK) == differ, "fork %d, %d and %d", (int)fork, (int)a, (int)b);
    }
    if (err == E_OK) {
        const struct checkpoint *first = heads[found.first], *second = heads[found.second];
        ck_assert_uint_gt(first->size, fork);
        ck_assert_int_eq(contradiction_check(first, second, &found.root, &found.proof), E_OK);
        struct tree_hash wrong = flipped(found.root);
        ck_assert_int_eq(contradiction_check(first, second, &wrong, &found.proof), E_INVALID);
        ck_assert_int_eq(contradiction_check(first, second, &first->root, &found.proof), E_INVALID);
        struct checkpoint other = *first;
        other.origin[0] = 'm';
        ck_assert_int_eq(contradiction_check(&other, second, &found.root, &found.proof), E_INVALID);
        if (first->size < second->size) {
            ck_assert_int_eq(contradiction_check(second, first, &found.root, &found.proof),
                             E_INVALID);
        }
    }
    grown_release(&one);
    grown_release(&two);
}

START_TEST(two_histories_are_proven)
{
    for (uint64_t fork = 1; fork < 40; fork += stride()) {
        for (uint64_t a = 1; a < 40; a += 3) {
            for (uint64_t b = 1; b < 40; b += 2) {
                part(fork, a, b, (a + b) % 3 != 0, (a + b) % 3 != 1);
            }
        }
    }
    part(10, 20, 20, false, false); /* without any entries, where the sizes meet */
}
END_TEST

START_TEST(one_history_is_not)
{
    struct grown tree = {0}, shorter = {0};
    struct contradiction found;
    struct checkpoint told[LEAVES];
    const struct checkpoint *heads[LEAVES];
    grow_fork(&tree, LEAVES, LEAVES);
    grow_fork(&shorter, LEAVES, 77);
    for (size_t i = 0; i < LEAVES; i++) {
        told[i] = head_of(&tree, i * 7 % (LEAVES + 1));
        heads[i] = &told[i];
    }
    const struct grown *trees[] = {&shorter, &tree};
    ck_assert_int_eq(contradiction_find(heads, LEAVES, trees, 2, &found), E_NOT_FOUND);
    ck_assert_int_eq(contradiction_find(heads, LEAVES, trees, 0, &found), E_NOT_FOUND);
    ck_assert_int_eq(contradiction_find(heads, 0, trees, 2, &found), E_NOT_FOUND);
    /* A later epoch goes on from an earlier head: what the first one signed beyond is not in the
     * tree, and nothing that the first one signed shows that it ever was otherwise. */
    struct grown lost = {0};
    grow_fork(&lost, 50, 60);
    told[0] = head_of(&lost, 60);
    told[1] = head_of(&tree, 50);
    ck_assert_int_eq(contradiction_find(heads, 2, trees, 2, &found), E_NOT_FOUND);
    told[1] = head_of(&tree, 61);
    ck_assert_int_eq(contradiction_find(heads, 2, trees, 2, &found), E_OK);
    struct tree_proof none = {0};
    told[0] = head_of(&tree, 0);
    ck_assert_int_eq(contradiction_check(&told[0], &told[1], &roots[1], &none), E_INVALID);
    grown_release(&tree);
    grown_release(&shorter);
    grown_release(&lost);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tlog");
    TCase *cases = tcase_create("all");
    tcase_set_timeout(cases, 120);
    tcase_add_checked_fixture(cases, setup, NULL);
    tcase_add_test(cases, the_published_proofs);
    tcase_add_test(cases, subtrees_are_aligned);
    tcase_add_test(cases, packages_of_all_sizes);
    tcase_add_test(cases, packages_resume_anywhere);
    tcase_add_test(cases, tile_paths);
    tcase_add_test(cases, tiles_of_a_tree);
    tcase_add_test(cases, bundles);
    tcase_add_test(cases, many_cosigners);
    tcase_add_test(cases, answers_of_witnesses);
    tcase_add_test(cases, witness_requests);
    tcase_add_test(cases, witness_decisions);
    tcase_add_test(cases, policies);
    tcase_add_test(cases, a_grown_tree_is_the_tree);
    tcase_add_test(cases, two_histories_are_proven);
    tcase_add_test(cases, one_history_is_not);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
