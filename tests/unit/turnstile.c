/* What a scan costs: signatures are counted, by a linker that puts a counter in front of
 * ed25519_verify(). A token is verified once; a proof each time. */
#include "service/desk/turnstile.h"

#include <check.h>
#include <stdlib.h>

#include "core/pass/proof.h"

enum { CAPACITY = 16, CARDS = 200 };

static struct env env;
static struct env_test world = {.now_utc_ms = 1793689200000, .seed = 5};
static struct ed25519_key network, device;
static struct token_keyset keys;
static struct turnstile *turnstile;
static int verified;

bool __real_ed25519_verify(const uint8_t public_key[static ED25519_PUBLIC_LEN],
                           struct view message,
                           const uint8_t signature[static ED25519_SIGNATURE_LEN]);
bool __wrap_ed25519_verify(const uint8_t public_key[static ED25519_PUBLIC_LEN],
                           struct view message,
                           const uint8_t signature[static ED25519_SIGNATURE_LEN]);

bool __wrap_ed25519_verify(const uint8_t public_key[static ED25519_PUBLIC_LEN],
                           struct view message,
                           const uint8_t signature[static ED25519_SIGNATURE_LEN])
{
    verified++;
    return __real_ed25519_verify(public_key, message, signature);
}

static void setup(void)
{
    env_test_init(&env, &world);
    ed25519_key_make(&network, &env);
    ed25519_key_make(&device, &env);
    ck_assert_int_eq(token_keyset_init(&keys, VIEW_LIT("test")), E_OK);
    ck_assert_int_eq(token_keyset_add(&keys, network.public_key), E_OK);
    turnstile = turnstile_new(CAPACITY);
    turnstile_set_keys(turnstile, &keys);
    verified = 0;
}

static void teardown(void)
{
    turnstile_free(turnstile);
}

/* A token of that number; of a phone or a card. */
static void make(uint8_t number, bool phone, struct buf *out)
{
    struct token token = {.pass_id = {number},
                          .has_device = phone,
                          .issuer = "m001",
                          .plan = TOKEN_USAGE,
                          .offline = TOKEN_OFFLINE_NEVER,
                          .entitlements = TOKEN_DESK,
                          .issued_utc_s = 1793689200};
    memcpy(token.device_key, phone ? device.public_key : token.device_key, ED25519_PUBLIC_LEN);
    buf_clear(out);
    ck_assert_int_eq(token_sign(&token, VIEW_LIT("test"), &network, out), E_OK);
}

/* Reads it; returns how many signatures that took. */
static int read_text(struct view text, enum token_verdict verdict, struct scanned *out)
{
    int before = verified;
    turnstile_read(turnstile, text, out);
    ck_assert_int_eq(out->verdict, verdict);
    return verified - before;
}

static int show(struct view token, uint64_t second, bool good)
{
    uint8_t hash[SHA256_LEN], signature[ED25519_SIGNATURE_LEN];
    struct buf text = BUF_INIT;
    struct scanned scanned;
    token_hash(token, hash);
    proof_sign(&device, hash, good ? second : second + 1, signature);
    token_proof_text(token, second, signature, &text);
    int cost = read_text(buf_content(&text), TOKEN_VALID, &scanned);
    ck_assert(scanned.has_proof && scanned.proof_signed == good);
    buf_release(&text);
    return cost;
}

static int present(struct view token, enum token_verdict verdict)
{
    struct buf text = BUF_INIT;
    struct scanned scanned;
    token_text(token, &text);
    int cost = read_text(buf_content(&text), verdict, &scanned);
    buf_release(&text);
    return cost;
}

START_TEST(a_known_phone_costs_one_signature)
{
    struct buf token = BUF_INIT;
    make(1, true, &token);
    ck_assert_int_eq(show(buf_content(&token), 1793689200, true), 2);
    for (uint64_t i = 1; i < 20; i++) { /* each proof is checked, good or not */
        ck_assert_int_eq(show(buf_content(&token), 1793689200 + i, i % 2 == 0), 1);
    }
    turnstile_set_keys(turnstile, &keys); /* the same ones: nothing is forgotten */
    ck_assert_int_eq(show(buf_content(&token), 1793689300, true), 1);
    struct ed25519_key next;
    ed25519_key_make(&next, &env);
    ck_assert_int_eq(token_keyset_add(&keys, next.public_key), E_OK);
    turnstile_set_keys(turnstile, &keys);
    ck_assert_int_eq(show(buf_content(&token), 1793689301, true), 2);
    buf_release(&token);
}
END_TEST

START_TEST(a_forged_token_is_never_remembered)
{
    struct buf token = BUF_INIT;
    make(1, false, &token);
    ck_assert_int_eq(present(buf_content(&token), TOKEN_VALID), 1);
    ck_assert_int_eq(present(buf_content(&token), TOKEN_VALID), 0);
    token.data[token.len - 1] ^= 1;
    ck_assert_int_eq(present(buf_content(&token), TOKEN_FORGED), 1);
    ck_assert_int_eq(present(buf_content(&token), TOKEN_FORGED), 1);
    buf_release(&token);
}
END_TEST

/* Many more cards than places: the table stays as large as it is, and forgets. */
START_TEST(the_table_is_bounded)
{
    struct buf token = BUF_INIT;
    for (int round = 0; round < 2; round++) {
        for (uint8_t i = 0; i < CARDS; i++) {
            make(i, false, &token);
            present(buf_content(&token), TOKEN_VALID);
        }
    }
    ck_assert_int_ge(verified, 2 * CARDS - CAPACITY);
    ck_assert_int_eq(present(buf_content(&token), TOKEN_VALID), 0); /* the last one is there */
    buf_release(&token);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("turnstile");
    TCase *cases = tcase_create("turnstile");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, a_known_phone_costs_one_signature);
    tcase_add_test(cases, a_forged_token_is_never_remembered);
    tcase_add_test(cases, the_table_is_bounded);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
