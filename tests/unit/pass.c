#include <check.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/env.h"
#include "base/text.h"
#include "core/pass/base45.h"
#include "core/pass/card.h"
#include "core/pass/proof.h"
#include "core/pass/token_cache.h"
#include "stride.h"

/* ---- the published vectors ---- */

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    char *text = calloc(1, 1 << 18);
    ck_assert_uint_gt(fread(text, 1, (1 << 18) - 1, file), 0);
    fclose(file);
    return text;
}

/* The value of "name" in one line of the file, without its quotes. */
static struct view field(struct view line, const char *name)
{
    char key[32];
    snprintf(key, sizeof key, "\"%s\": ", name);
    for (size_t at = 0; at < line.len; at++) {
        struct view rest = view_slice(line, at, line.len);
        if (view_starts(rest, key)) {
            rest = view_slice(rest, strlen(key), rest.len);
            bool quoted = view_starts(rest, "\"");
            rest = view_slice(rest, quoted ? 1 : 0, rest.len);
            return view_slice(rest, 0, view_find(rest, quoted ? '"' : ','));
        }
    }
    return VIEW_NONE;
}

/* Checks in the order of proto/pass-token.md; `used` is what was accepted before. */
static const char *decide(struct view text, const struct token_keyset *set,
                          struct proof_filter *used, uint64_t now)
{
    struct token_scan scan = TOKEN_SCAN_INIT;
    struct token token = {.has_device = false};
    const char *result = "VALID";
    enum token_verdict verdict = token_scan_parse(text, &scan);
    if (verdict == TOKEN_VALID) {
        verdict = token_verify(scan.token, set, &token);
    }
    int32_t today = (int32_t)((now + 3600) / 86400); /* all vectors lie in a Paris winter */
    uint8_t hash[SHA256_LEN];
    token_hash(scan.token, hash);
    if (verdict != TOKEN_VALID) {
        result = token_verdict_refusal(verdict);
    } else if (scan.has_proof && !token.has_device) {
        result = "BAD_TOKEN";
    } else if (today < token.valid_from_day) {
        result = "NOT_YET_VALID";
    } else if (token.valid_until_day != 0 && today > token.valid_until_day) {
        result = "EXPIRED";
    } else if (token.has_device && !scan.has_proof) {
        result = "PROOF_MISSING";
    } else if (token.has_device &&
               (proof_age(scan.proof_utc_s, (int64_t)now * 1000, 60, 0) != PROOF_FRESH ||
                !proof_check(hash, scan.proof_utc_s, scan.proof_signature, token.device_key))) {
        result = "PROOF_STALE";
    } else if (token.has_device &&
               proof_filter_add(used, hash, scan.proof_utc_s, (int64_t)now - 60) != E_OK) {
        result = "PROOF_REPLAYED";
    }
    token_scan_release(&scan);
    return result;
}

START_TEST(published_vectors)
{
    char *json = read_file(VECTORS);
    struct view rest = view_of(json);
    struct view line;
    struct token_keyset set;
    struct proof_filter used;
    int counts[3] = {0};
    proof_filter_init(&used, 64);
    ck_assert_int_eq(token_keyset_init(&set, VIEW_LIT("demo")), E_OK);
    while (view_cut(&rest, '\n', &line)) {
        struct view text = field(line, "text");
        uint8_t key[32];
        if (text_from_hex(field(line, "public_key"), key, sizeof key) == E_OK) {
            ck_assert_int_eq(token_keyset_add(&set, key), E_OK);
            counts[0]++;
        } else if (field(line, "hex").data != NULL) {
            struct buf bytes = BUF_INIT;
            bool good =
                !view_is(field(line, "hex"), "null}") && !view_is(field(line, "hex"), "null");
            ck_assert_msg((base45_decode(text, &bytes) == E_OK) == good, "%.*s", VIEW_FMT(text));
            uint8_t expected[32];
            ck_assert(!good || text_from_hex(field(line, "hex"), expected, bytes.len) == E_OK);
            ck_assert(bytes.len == 0 || memcmp(bytes.data, expected, bytes.len) == 0);
            buf_release(&bytes);
            counts[1]++;
        } else if (field(line, "expect").data != NULL) {
            uint64_t now;
            ck_assert_int_eq(text_u64(field(line, "now_utc_s"), &now), E_OK);
            ck_assert_msg(view_is(field(line, "expect"), decide(text, &set, &used, now)), "%.*s",
                          VIEW_FMT(line));
            counts[2]++;
        }
    }
    ck_assert_int_eq(counts[0], 2);
    ck_assert_int_eq(counts[1], 14);
    ck_assert_int_eq(counts[2], 42);
    proof_filter_release(&used);
    free(json);
}
END_TEST

/* ---- base45 ---- */

START_TEST(base45_is_one_to_one)
{
    /* All last groups: none ends in a space, each decodes to itself, one change of case is refused.
     */
    for (unsigned value = 0; value < 65536 + 256; value += stride()) {
        uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
        struct view in = value < 65536 ? view_bytes(bytes, 2) : view_bytes(bytes + 1, 1);
        struct buf text = BUF_INIT;
        struct buf back = BUF_INIT;
        base45_encode(in, &text);
        ck_assert(text.data[text.len - 1] != ' ');
        ck_assert_int_eq(base45_decode(buf_content(&text), &back), E_OK);
        ck_assert(view_equal(buf_content(&back), in));
        buf_release(&text);
        buf_release(&back);
    }
    struct buf out = BUF_INIT;
    buf_text(&out, "kept");
    ck_assert_int_eq(base45_decode(view_bytes("00\0", 3), &out), E_INVALID);
    ck_assert_int_eq(base45_decode(VIEW_LIT("000:::"), &out), E_INVALID);
    ck_assert_str_eq(out.data, "kept");
    buf_release(&out);
}
END_TEST

/* ---- tokens ---- */

static struct ed25519_key network_key;
static struct ed25519_key device;
static struct token_keyset set;
static struct token phone;

static void setup(void)
{
    uint8_t seed[32] = {7};
    ed25519_key_from_seed(&network_key, seed);
    seed[0] = 8;
    ed25519_key_from_seed(&device, seed);
    ck_assert_int_eq(token_keyset_init(&set, VIEW_LIT("demo")), E_OK);
    ck_assert_int_eq(token_keyset_add(&set, network_key.public_key), E_OK);
    phone = (struct token){.has_device = true,
                           .has_policy = true,
                           .issuer = "m001",
                           .plan = TOKEN_USAGE,
                           .offline = TOKEN_OFFLINE_NEVER,
                           .entitlements = 7,
                           .valid_from_day = 20700,
                           .valid_until_day = 20800,
                           .issued_utc_s = 1793692800};
    memcpy(phone.device_key, device.public_key, 32);
    memcpy(phone.pass_id, "0123456789abcdef", 16);
}

START_TEST(token_round_trip_and_sizes)
{
    struct token longest = phone;
    memset(longest.issuer, 'z', TOKEN_ISSUER_MAX);
    longest.entitlements = UINT32_MAX;
    longest.issued_utc_s = UINT32_MAX;
    struct token card = phone;
    card.has_device = false;
    memset(card.device_key, 0, 32);
    const struct token *all[] = {&phone, &longest, &card};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct buf bytes = BUF_INIT;
        struct buf text = BUF_INIT;
        struct token back = {.has_device = false};
        ck_assert_int_eq(token_sign(all[i], VIEW_LIT("demo"), &network_key, &bytes), E_OK);
        token_text(buf_content(&bytes), &text);
        ck_assert_uint_le(text.len, 311);     /* QR version 10, ECC M */
        ck_assert(i != 0 || text.len <= 262); /* a phone: version 9 */
        ck_assert(i != 2 || text.len <= 221); /* a card: version 8 */
        ck_assert_int_eq(token_verify(buf_content(&bytes), &set, &back), TOKEN_VALID);
        ck_assert_mem_eq(back.pass_id, all[i]->pass_id, 16);
        ck_assert_str_eq(back.issuer, all[i]->issuer);
        ck_assert(back.has_device == all[i]->has_device && back.plan == all[i]->plan &&
                  back.offline == all[i]->offline && back.entitlements == all[i]->entitlements &&
                  back.valid_from_day == all[i]->valid_from_day &&
                  back.valid_until_day == all[i]->valid_until_day &&
                  back.issued_utc_s == all[i]->issued_utc_s);
        /* Any bit changed is refused. */
        for (size_t bit = 0; bit < bytes.len * 8; bit += 3) {
            bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ 1 << bit % 8);
            ck_assert(token_verify(buf_content(&bytes), &set, &back) != TOKEN_VALID);
            bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ 1 << bit % 8);
        }
        buf_release(&bytes);
        buf_release(&text);
    }
}
END_TEST

START_TEST(tokens_that_are_not_signed)
{
    struct token bad[9];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        bad[i] = phone;
    }
    bad[0].issuer[0] = 'M';
    bad[1].issuer[0] = '\0';
    bad[2].plan = 0;
    bad[3].offline = (enum token_offline)4;
    bad[4].entitlements = 0;
    bad[5].valid_until_day = 20699;
    bad[6].valid_from_day = -1;
    bad[7].valid_until_day = 60000;
    bad[8].plan = (enum token_plan)4;
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert_msg(token_sign(&bad[i], VIEW_LIT("demo"), &network_key, &out) == E_INVALID, "%zu",
                      i);
    }
    ck_assert_int_eq(token_sign(&phone, VIEW_NONE, &network_key, &out), E_INVALID);
    ck_assert_uint_eq(out.len, 0);
    buf_release(&out);
}
END_TEST

START_TEST(keys_with_one_id_are_all_tried)
{
    struct buf bytes = BUF_INIT;
    struct token back;
    ck_assert_int_eq(token_sign(&phone, VIEW_LIT("demo"), &network_key, &bytes), E_OK);
    ck_assert_int_eq(token_keyset_add(&set, network_key.public_key), E_EXISTS);
    ck_assert_int_eq(token_keyset_add(&set, device.public_key), E_OK);
    /* A collision, made by hand. */
    memcpy(set.keys[1].id, set.keys[0].id, TOKEN_KEY_ID_LEN);
    struct token_key first = set.keys[0];
    set.keys[0] = set.keys[1];
    set.keys[1] = first;
    ck_assert_int_eq(token_verify(buf_content(&bytes), &set, &back), TOKEN_VALID);
    set.count = 1;
    ck_assert_int_eq(token_verify(buf_content(&bytes), &set, &back), TOKEN_FORGED);
    set.count = 0;
    ck_assert_int_eq(token_verify(buf_content(&bytes), &set, &back), TOKEN_KEY_UNKNOWN);
    for (uint8_t i = 0; i < TOKEN_KEYS_MAX; i++) {
        uint8_t key[32] = {i};
        ck_assert_int_eq(token_keyset_add(&set, key), E_OK);
    }
    ck_assert_int_eq(token_keyset_add(&set, device.public_key), E_LIMIT);
    ck_assert_int_eq(token_keyset_init(&set, VIEW_NONE), E_INVALID);
    ck_assert_int_eq(token_decode(view_bytes(bytes.data, 68), VIEW_LIT("demo"), &back),
                     TOKEN_BAD_LENGTH);
    ck_assert_int_eq(token_decode(buf_content(&bytes), VIEW_LIT("x"), &back), TOKEN_OTHER_NETWORK);
    buf_release(&bytes);
}
END_TEST

START_TEST(later_versions_are_named)
{
    struct token_scan scan = TOKEN_SCAN_INIT;
    ck_assert_int_eq(token_scan_parse(VIEW_LIT("PT2:ABC"), &scan), TOKEN_NEWER);
    ck_assert_int_eq(token_scan_parse(VIEW_LIT("PP9:"), &scan), TOKEN_NEWER);
    ck_assert_int_eq(token_scan_parse(VIEW_LIT("PX2:"), &scan), TOKEN_NO_PASS);
    ck_assert_int_eq(token_scan_parse(VIEW_LIT("HC1:ABC"), &scan), TOKEN_NO_PASS);
    token_scan_release(&scan);
}
END_TEST

/* ---- proofs ---- */

START_TEST(proof_ages)
{
    static const struct {
        uint64_t second;
        int64_t now_ms;
        int64_t offset_ms;
        enum proof_age age;
    } rows[] = {
        {1000, 1000000, 0, PROOF_FRESH},      {1000, 1060000, 0, PROOF_FRESH},
        {1000, 1060001, 0, PROOF_STALE},      {1000, 940000, 0, PROOF_FRESH},
        {1000, 939999, 0, PROOF_FUTURE},      {1000, 1090000, -30000, PROOF_FRESH},
        {1000, 1090001, -30000, PROOF_STALE}, {1000, 900000, 40000, PROOF_FRESH},
        {UINT64_MAX, 0, 0, PROOF_FUTURE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ck_assert_msg(proof_age(rows[i].second, rows[i].now_ms, 60, rows[i].offset_ms) ==
                          rows[i].age,
                      "%zu", i);
    }
}
END_TEST

START_TEST(proofs_are_of_one_token_second_and_device)
{
    uint8_t hash[32] = {1};
    uint8_t signature[64];
    proof_sign(&device, hash, 1793692800, signature);
    ck_assert(proof_check(hash, 1793692800, signature, device.public_key));
    ck_assert(!proof_check(hash, 1793692801, signature, device.public_key));
    ck_assert(!proof_check(hash, 1793692800, signature, network_key.public_key));
    hash[31] ^= 1;
    ck_assert(!proof_check(hash, 1793692800, signature, device.public_key));
}
END_TEST

START_TEST(filter_never_forgets_inside_the_window)
{
    /* Against a model that remembers all. Time runs, jumps ahead and goes back; arrivals outrun the
     * bound now and then. */
    enum { CAPACITY = 64, WINDOW = 60, STEPS = 20000 };
    static struct {
        uint8_t token;
        uint64_t second;
    } model[STEPS];
    struct env env;
    struct env_test world = {.seed = 11};
    env_test_init(&env, &world);
    struct proof_filter filter;
    proof_filter_init(&filter, CAPACITY);
    size_t known = 0;
    int full = 0;
    int64_t now = 1000000;
    for (int step = 0; step < STEPS; step++) {
        uint8_t dice[4];
        env_random(&env, dice, sizeof dice);
        now += dice[0] < 90 ? 1 : dice[0] == 255 ? 50 : dice[0] == 254 ? -40 : 0;
        uint64_t second = (uint64_t)(now - WINDOW + dice[1] % (2 * WINDOW + 1));
        uint8_t hash[32] = {dice[2] % 16};
        bool used = false;
        for (size_t i = known; i-- > 0 && !used;) {
            used = model[i].token == hash[0] && model[i].second == second;
        }
        ck_assert(!used || proof_filter_seen(&filter, hash, second));
        int err = proof_filter_add(&filter, hash, second, now - WINDOW);
        ck_assert(!used || err == E_EXISTS);
        ck_assert_uint_le(filter.count, CAPACITY);
        full += err == E_LIMIT;
        if (err == E_OK) {
            ck_assert(proof_filter_seen(&filter, hash, second));
            model[known].token = hash[0];
            model[known++].second = second;
        }
    }
    ck_assert_int_gt(full, 0);
    ck_assert_uint_gt(known, 10 * CAPACITY);
    proof_filter_release(&filter);
}
END_TEST

/* ---- cards and the cache ---- */

START_TEST(card_numbers)
{
    char number[11];
    char back[11];
    char grouped[13];
    card_number_make(799273987, number); /* 7992739871 3 is Luhn's own example, one digit longer */
    ck_assert_int_eq(card_number_parse(view_of(number), back), E_OK);
    card_number_make(123456789, number);
    ck_assert_str_eq(number, "1234567897");
    card_number_group(number, grouped);
    ck_assert_str_eq(grouped, "123 456 7897");
    ck_assert_int_eq(card_number_parse(VIEW_LIT(" 123-456 7897 "), back), E_OK);
    ck_assert_str_eq(back, number);
    for (size_t place = 0; place < 10; place++) {
        for (char digit = '0'; digit <= '9'; digit++) {
            char wrong[11];
            memcpy(wrong, number, sizeof wrong);
            wrong[place] = digit;
            ck_assert(card_number_parse(view_of(wrong), back) ==
                      (digit == number[place] ? E_OK : E_INVALID));
        }
    }
    static const char *const bad[] = {"", "123456789", "12345678970", "1234S67897", "0000000001"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert_int_eq(card_number_parse(view_of(bad[i]), back), E_INVALID);
    }
    card_number_make(0, number);
    ck_assert_str_eq(number, "0000000000");
}
END_TEST

START_TEST(cache_keeps_and_makes_room)
{
    struct token_cache cache;
    token_cache_init(&cache, 30);
    ck_assert_uint_eq(cache.set_count, 2);
    int found = 0;
    for (uint8_t i = 0; i < 200; i++) {
        uint8_t hash[32];
        sha256(view_bytes(&i, 1), hash);
        struct token token = phone;
        token.pass_id[0] = i;
        ck_assert_ptr_null(token_cache_get(&cache, hash));
        token_cache_put(&cache, hash, &token);
        token_cache_put(&cache, hash, &phone); /* it is there: nothing changes */
        ck_assert_uint_eq(token_cache_get(&cache, hash)->pass_id[0], i);
    }
    for (uint8_t i = 0; i < 200; i++) {
        uint8_t hash[32];
        sha256(view_bytes(&i, 1), hash);
        const struct token *token = token_cache_get(&cache, hash);
        ck_assert(token == NULL || token->pass_id[0] == i);
        found += token != NULL;
    }
    ck_assert_int_eq(found, 32);
    token_cache_clear(&cache);
    uint8_t hash[32];
    sha256(view_bytes("\xc7", 1), hash);
    ck_assert_ptr_null(token_cache_get(&cache, hash));
    token_cache_release(&cache);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pass");
    TCase *cases = tcase_create("all");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, setup, NULL);
    tcase_add_test(cases, published_vectors);
    tcase_add_test(cases, base45_is_one_to_one);
    tcase_add_test(cases, token_round_trip_and_sizes);
    tcase_add_test(cases, tokens_that_are_not_signed);
    tcase_add_test(cases, keys_with_one_id_are_all_tried);
    tcase_add_test(cases, later_versions_are_named);
    tcase_add_test(cases, proof_ages);
    tcase_add_test(cases, proofs_are_of_one_token_second_and_device);
    tcase_add_test(cases, filter_never_forgets_inside_the_window);
    tcase_add_test(cases, card_numbers);
    tcase_add_test(cases, cache_keeps_and_makes_room);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
