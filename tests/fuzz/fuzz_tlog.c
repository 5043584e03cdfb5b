/* What a stranger sends to a log or a witness: requests, answers, paths, bundles, and proofs of
 * packages with any numbers. What a parser takes it must also write, to the same bytes. */
#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "core/merkle/cosignature.h"
#include "core/merkle/policy.h"
#include "core/merkle/subtree.h"
#include "core/merkle/tiles.h"
#include "core/merkle/witness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void witness(struct view input)
{
    struct witness_request request;
    struct buf again = BUF_INIT;
    if (witness_request_parse(input, &request) == E_OK) {
        witness_request_format(&request, &again);
        assert(view_equal(buf_content(&again), input));
        struct note_key key;
        uint8_t public_key[32] = {1};
        int err = note_key_init(&key, VIEW_LIT("example.com/log"), NOTE_ED25519, public_key);
        assert(err == E_OK);
        struct witness_log log = {"example.com/log", &key, 1, request.old_size, tree_empty()};
        struct witness_answer answer;
        witness_decide(&request, &log, &answer);
        assert(answer.status != WITNESS_COSIGN);
    }
    uint64_t recorded;
    if (witness_size_parse(input, &recorded) == E_OK) {
        buf_clear(&again);
        witness_size_format(recorded, &again);
        assert(view_equal(buf_content(&again), input));
    }
    buf_release(&again);
}

static void cosignatures(struct view input)
{
    static const char note[] =
        "example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n"
        "— example.com/log AAAAAAA=\n";
    struct note_key key;
    uint8_t public_key[32] = {1};
    int err = note_key_init(&key, VIEW_LIT("w"), NOTE_COSIGNATURE, public_key);
    assert(err == E_OK);
    struct buf grown = BUF_INIT;
    uint64_t signers;
    buf_text(&grown, note);
    err = cosignatures_add(&grown, input, &key, 1, &signers, NULL);
    assert(err != E_OK && view_is(buf_content(&grown), note));
    buf_release(&grown);
}

static void tiles(struct view input)
{
    struct tile_path path;
    struct buf again = BUF_INIT;
    if (tile_path_parse(input, &path) == E_OK) {
        tile_path_format(&path, &again);
        assert(view_equal(buf_content(&again), input));
        (void)tile_width(UINT64_MAX >> 1, path.level, path.index);
    }
    buf_clear(&again);
    struct view rest = input;
    struct view entry;
    bool whole = true;
    while (rest.len > 0 && whole) {
        whole = bundle_next(&rest, &entry) == E_OK && bundle_add(&again, entry) == E_OK;
    }
    assert(!whole || view_equal(buf_content(&again), input));
    buf_release(&again);
}

/* start, end, size (u64), then root and hashes. */
static void package(const uint8_t *data, size_t size)
{
    uint64_t numbers[3];
    struct tree_hash hashes[TREE_PROOF_MAX + 2] = {0};
    if (size < sizeof numbers) {
        return;
    }
    memcpy(numbers, data, sizeof numbers);
    size -= sizeof numbers;
    size = size < sizeof hashes ? size : sizeof hashes;
    memcpy(hashes, data + sizeof numbers, size);
    struct tree_hash hash = {{0}};
    size_t count = size / sizeof hashes[0];
    count = count > 0 ? count - 1 : 0;
    /* A root can be computed for any proof; but then no other hash has it. */
    int err =
        subtree_check(numbers[0], numbers[1], &hash, numbers[2], &hashes[0], &hashes[1], count);
    if (err == E_OK) {
        hash.bytes[0] ^= 1;
        err =
            subtree_check(numbers[0], numbers[1], &hash, numbers[2], &hashes[0], &hashes[1], count);
        assert(err == E_SIGNATURE);
    }
    if (numbers[0] < numbers[2]) {
        struct package sent = package_at(numbers[0], numbers[2], PACKAGE_WIDTH);
        assert(sent.base <= sent.start && sent.start < sent.end && sent.end <= numbers[2]);
        assert(sent.end - sent.base <= PACKAGE_WIDTH);
        err = package_check(&sent, &hash, numbers[2], &hashes[0], &hashes[1], count);
        assert(err == E_OK || err == E_SIGNATURE || count > PACKAGE_HASHES_MAX);
    }
}

/* What is read of a policy can be asked, and shown in logs and metrics. */
static void policy(struct view input)
{
    struct policy_witness witnesses[4];
    struct fault fault = FAULT_NONE;
    size_t count;
    int err = policy_witnesses(input, witnesses, ARRAY_LEN(witnesses), &count, &fault);
    assert(count <= ARRAY_LEN(witnesses) && (err == E_OK || fault.text[0] != '\0'));
    for (size_t i = 0; i < count; i++) {
        struct view url = view_of(witnesses[i].url);
        assert(witnesses[i].key.type == NOTE_COSIGNATURE);
        assert(witnesses[i].name[0] != '\0' && text_is_printable(view_of(witnesses[i].name)));
        assert(url.len == 0 || view_starts(url, "https://"));
    }
}

/* A note with the lines of known keys alone is a note, and none the longer. */
static void keys(struct view input)
{
    struct note note, again;
    struct note_key key;
    uint8_t public_key[32] = {1};
    struct buf out = BUF_INIT;
    int err = note_key_init(&key, VIEW_LIT("example.com/log"), NOTE_ED25519, public_key);
    assert(err == E_OK);
    if (note_parse(input, &note) == E_OK) {
        note_of_keys(&note, &key, 1, &out);
        assert(out.len <= input.len);
        assert(note_parse(buf_content(&out), &again) != E_OK || view_equal(again.text, note.text));
    }
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view input = view_bytes(data, size);
    witness(input);
    cosignatures(input);
    tiles(input);
    package(data, size);
    policy(input);
    keys(input);
    return 0;
}
