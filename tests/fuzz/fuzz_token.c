/* Scanned texts and raw tokens. A payload that is accepted must sign to the same bytes. */
#include <assert.h>

#include "core/pass/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_token(struct view bytes)
{
    struct token token;
    if (token_decode(bytes, VIEW_LIT("demo"), &token) != TOKEN_VALID) {
        return;
    }
    uint8_t seed[ED25519_SEED_LEN] = {1};
    struct ed25519_key key;
    struct buf again = BUF_INIT;
    ed25519_key_from_seed(&key, seed);
    int err = token_sign(&token, VIEW_LIT("demo"), &key, &again);
    assert(err == E_OK);
    size_t payload = bytes.len - TOKEN_ENVELOPE_LEN;
    assert(view_equal(view_slice(buf_content(&again), 0, payload), view_slice(bytes, 0, payload)));
    buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view input = view_bytes(data, size);
    struct token_scan scan = TOKEN_SCAN_INIT;
    try_token(input);
    if (token_scan_parse(input, &scan) == TOKEN_VALID) {
        struct buf again = BUF_INIT;
        if (scan.has_proof) {
            token_proof_text(scan.token, scan.proof_utc_s, scan.proof_signature, &again);
        } else {
            token_text(scan.token, &again);
        }
        assert(view_equal(buf_content(&again), input));
        buf_release(&again);
        try_token(scan.token);
    }
    token_scan_release(&scan);
    return 0;
}
