/* Notes, checkpoints, verifier keys and proof files from anyone. What a parser takes it must also
 * write, to the same bytes. */
#include <assert.h>
#include <string.h>

#include "core/merkle/proof_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view input = view_bytes(data, size);
    struct note_key key;
    struct buf again = BUF_INIT;
    if (note_key_parse(input, &key) != E_OK) {
        uint8_t public_key[32] = {1};
        int err = note_key_init(&key, VIEW_LIT("example.com/log"), NOTE_ED25519, public_key);
        assert(err == E_OK);
    }
    struct checkpoint head;
    if (checkpoint_parse(input, &head) == E_OK) {
        checkpoint_format(&head, &again);
        assert(view_equal(buf_content(&again), input));
    }
    buf_clear(&again);
    struct arena arena = ARENA_INIT;
    struct proof_file proof;
    struct tree_hash leaf = tree_leaf(input);
    if (proof_file_parse(input, &arena, &proof) == E_OK) {
        proof_file_write(&proof, &again);
        assert(view_equal(buf_content(&again), input));
        int err = proof_file_verify(&proof, &leaf, &key, &head, NULL, NULL);
        assert(err != E_OK);
    }
    struct note note;
    if (note_parse(input, &note) == E_OK) {
        uint64_t signers;
        int err = note_verify_any(&note, &key, 1, &signers);
        assert(err != E_OK);
    }
    struct fault fault = FAULT_NONE;
    int err = checkpoint_open(input, &key, &head, &note, &fault);
    assert(err != E_OK);
    arena_release(&arena);
    buf_release(&again);
    return 0;
}
