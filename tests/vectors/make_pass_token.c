/* Writes pass-token.json: keys, base45, passes, and each way to be refused, from fixed seeds. The
 * same bytes each time; a test compares. Redirect its output there after a change of format. */
#include <stdio.h>

#include "base/text.h"
#include "core/pass/base45.h"
#include "core/pass/proof.h"
#include "core/pass/token.h"

static const uint64_t now = 1793692800; /* 2026-11-03T08:00:00Z, Paris day 20760 */
static const char network[] = "demo";
static bool first_line = true;

static void key_of(uint8_t fill, struct ed25519_key *key)
{
    uint8_t seed[ED25519_SEED_LEN];
    memset(seed, fill, sizeof seed);
    ed25519_key_from_seed(key, seed);
}

static void row(const char *name, struct view text, uint64_t at, const char *expect)
{
    printf("%s    {\"name\": \"%s\", \"now_utc_s\": %llu, \"expect\": \"%s\", \"text\": \"%.*s\"}",
           first_line ? "" : ",\n", name, (unsigned long long)at, expect, VIEW_FMT(text));
    first_line = false;
}

static void bare(const char *name, struct view token, uint64_t at, const char *expect)
{
    struct buf text = BUF_INIT;
    token_text(token, &text);
    row(name, buf_content(&text), at, expect);
    buf_release(&text);
}

static void proven(const char *name, struct view token, const struct ed25519_key *device,
                   uint64_t second, uint64_t at, const char *expect)
{
    uint8_t hash[SHA256_LEN];
    uint8_t signature[ED25519_SIGNATURE_LEN];
    token_hash(token, hash);
    proof_sign(device, hash, second, signature);
    struct buf text = BUF_INIT;
    token_proof_text(token, second, signature, &text);
    row(name, buf_content(&text), at, expect);
    buf_release(&text);
}

static struct view sign(const struct token *token, const char *of, const struct ed25519_key *key,
                        struct buf *out)
{
    buf_clear(out);
    if (token_sign(token, view_of(of), key, out) != E_OK) {
        die("a vector's token cannot be signed");
    }
    return buf_content(out);
}

/* A payload that token_sign() would refuse, signed all the same. */
static struct view sign_raw(struct view payload, const struct ed25519_key *key, struct buf *out)
{
    struct buf input = BUF_INIT;
    uint8_t id[TOKEN_KEY_ID_LEN];
    uint8_t signature[ED25519_SIGNATURE_LEN];
    buf_add(&input, "passerelle-token/v1", 20);
    buf_add(&input, network, sizeof network);
    buf_view(&input, payload);
    ed25519_sign(key, buf_content(&input), signature);
    token_key_id(key->public_key, id);
    buf_clear(out);
    buf_view(out, payload);
    buf_add(out, id, sizeof id);
    buf_add(out, signature, sizeof signature);
    buf_release(&input);
    return buf_content(out);
}

static void print_keys(const struct ed25519_key *keys, size_t count)
{
    printf("{\n  \"network\": \"%s\",\n  \"keys\": [\n", network);
    for (size_t i = 0; i < count; i++) {
        uint8_t id[TOKEN_KEY_ID_LEN];
        char id_hex[2 * TOKEN_KEY_ID_LEN + 1];
        char hex[2 * ED25519_PUBLIC_LEN + 1];
        token_key_id(keys[i].public_key, id);
        text_to_hex(id, sizeof id, id_hex);
        text_to_hex(keys[i].public_key, ED25519_PUBLIC_LEN, hex);
        printf("    {\"key_id\": \"%s\", \"public_key\": \"%s\"}%s\n", id_hex, hex,
               i + 1 < count ? "," : "");
    }
    printf("  ],\n");
}

static void print_base45(void)
{
    static const char *const texts[] = {"", "AB", "Hello!!", "base-45", "ietf!"};
    static const char *const bad[] = {
        "A", "GGWA", "GGX", ":::", "::", "V5", "QED8WEXa0", "BB8,", "6 "};
    printf("  \"base45\": [\n");
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct buf coded = BUF_INIT;
        char hex[32];
        base45_encode(view_of(texts[i]), &coded);
        text_to_hex(texts[i], strlen(texts[i]), hex);
        printf("    {\"text\": \"%.*s\", \"hex\": \"%s\"},\n", VIEW_FMT(buf_content(&coded)), hex);
        buf_release(&coded);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        printf("    {\"text\": \"%s\", \"hex\": null}%s\n", bad[i],
               i + 1 < ARRAY_LEN(bad) ? "," : "");
    }
    printf("  ],\n");
}

static void flip(struct buf *bytes, size_t at)
{
    bytes->data[at] = (char)(bytes->data[at] ^ 1);
}

static void damaged_rows(const struct token *card, const struct ed25519_key *key, struct buf *bytes)
{
    struct buf text = BUF_INIT;
    token_text(sign(card, network, key, bytes), &text);
    struct view whole = buf_content(&text);
    row("no prefix", view_slice(whole, 4, whole.len), now, "BAD_TOKEN");
    row("nothing", VIEW_NONE, now, "BAD_TOKEN");
    row("prefix only", VIEW_LIT("PT1:"), now, "BAD_TOKEN");
    row("proof of nothing", VIEW_LIT("PP1:"), now, "BAD_TOKEN");
    row("cut by one character", view_slice(whole, 0, whole.len - 1), now, "BAD_TOKEN");
    row("cut to a whole group", view_slice(whole, 0, 4 + (whole.len - 4) / 3 * 3 - 3), now,
        "BAD_TOKEN");
    buf_text(&text, " ");
    row("a space behind", buf_content(&text), now, "BAD_TOKEN");
    text.data[text.len - 1] = 'a';
    row("a small letter behind", buf_content(&text), now, "BAD_TOKEN");
    text.len--;
    text.data[2] = '2';
    row("a later version", buf_content(&text), now, "BAD_TOKEN");
    buf_clear(&text);
    buf_text(&text, "PT1:");
    for (int i = 0; i < 205; i++) {
        buf_text(&text, i % 2 == 0 ? "00" : "0");
    }
    row("205 zero bytes", buf_content(&text), now, "BAD_TOKEN");
    buf_release(&text);
}

static void payload_rows(const struct token *card, const struct ed25519_key *key, struct buf *bytes)
{
    struct buf payload = BUF_INIT;
    buf_view(&payload, sign(card, network, key, bytes));
    size_t len = payload.len - TOKEN_ENVELOPE_LEN;
    payload.len = len;
    buf_add(&payload, "\x60\x01", 2); /* field 12 */
    bare("an unknown field", sign_raw(buf_content(&payload), key, bytes), now, "BAD_TOKEN");
    payload.len = len;
    buf_add(&payload, "\x48\x02", 2); /* field 9 again, after 11 */
    bare("a field twice", sign_raw(buf_content(&payload), key, bytes), now, "BAD_TOKEN");
    bare("half a payload", sign_raw(view_slice(buf_content(&payload), 0, len / 2), key, bytes), now,
         "BAD_TOKEN");
    bare("bytes that are no protobuf", sign_raw(VIEW_LIT("\xff\xff\xff\xff"), key, bytes), now,
         "BAD_TOKEN");
    bare("a payload of one field", sign_raw(VIEW_LIT("\x28\x01"), key, bytes), now, "BAD_TOKEN");
    payload.len = len;
    payload.data[1] = 15; /* pass_id: one byte short, the next byte read as a tag */
    bare("a pass id of 15 bytes", sign_raw(buf_content(&payload), key, bytes), now, "BAD_TOKEN");
    payload.data[1] = 16;
    payload.data[len - 6] = 0x50; /* field 11 becomes 10 as a varint */
    bare("a wrong wire type", sign_raw(buf_content(&payload), key, bytes), now, "BAD_TOKEN");
    payload.data[len - 6] = 0x58;
    payload.data[len - 1] = (char)(payload.data[len - 1] | 0x80);
    buf_byte(&payload, '\0');
    bare("a varint that is too long", sign_raw(buf_content(&payload), key, bytes), now,
         "BAD_TOKEN");
    buf_release(&payload);
}

static void day_rows(const struct token *phone, const struct ed25519_key *key,
                     const struct ed25519_key *device, struct buf *bytes)
{
    static const struct {
        const char *name;
        uint64_t at;
        const char *expect;
    } rows[] = {
        {"the second before the first day", 1793660399, "NOT_YET_VALID"}, /* 2026-11-02T22:59:59Z */
        {"the first second", 1793660400, "VALID"},
        {"the last second", 1793746799, "VALID"}, /* 2026-11-03T22:59:59Z */
        {"the second after the last day", 1793746800, "EXPIRED"},
    };
    struct token day = *phone;
    day.valid_from_day = 20760;
    day.valid_until_day = 20760;
    struct view token = sign(&day, network, key, bytes);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        proven(rows[i].name, token, device, rows[i].at, rows[i].at, rows[i].expect);
    }
}

static void signature_rows(const struct token *phone, const struct token *card,
                           const struct ed25519_key keys[static 2],
                           const struct ed25519_key *stranger, const struct ed25519_key *device,
                           struct buf *bytes)
{
    proven("a key that is not in the set", sign(phone, network, stranger, bytes), device, now, now,
           "UNKNOWN_KEY");
    proven("of another network", sign(phone, "other", &keys[0], bytes), device, now, now,
           "BAD_TOKEN");
    sign(card, network, &keys[0], bytes);
    flip(bytes, bytes->len - 1);
    bare("a changed signature", buf_content(bytes), now, "BAD_SIGNATURE");
    sign(card, network, &keys[0], bytes);
    flip(bytes, 5); /* inside pass_id */
    bare("a changed pass id", buf_content(bytes), now, "BAD_SIGNATURE");
    sign(card, network, &keys[0], bytes);
    token_key_id(keys[1].public_key, (uint8_t *)bytes->data + bytes->len - TOKEN_ENVELOPE_LEN);
    bare("signed by the other key", buf_content(bytes), now, "BAD_SIGNATURE");
    sign(card, network, &keys[0], bytes);
    flip(bytes, bytes->len - TOKEN_ENVELOPE_LEN);
    bare("a changed key id", buf_content(bytes), now, "UNKNOWN_KEY");
}

static void proof_rows(const struct token *phone, const struct token *card,
                       const struct ed25519_key *key, const struct ed25519_key *device,
                       const struct ed25519_key *other, struct buf *bytes)
{
    struct view token = sign(phone, network, key, bytes);
    bare("a phone's token alone", token, now, "PROOF_MISSING");
    proven("60 s old", token, device, now - 60, now, "VALID");
    /* Rows are shown in order to one verifier. */
    proven("the same proof again", token, device, now - 60, now, "PROOF_REPLAYED");
    proven("61 s old", token, device, now - 61, now, "PROOF_STALE");
    proven("60 s ahead", token, device, now + 60, now, "VALID");
    proven("61 s ahead", token, device, now + 61, now, "PROOF_STALE");
    proven("by another device", token, other, now, now, "PROOF_STALE");
    uint8_t hash[SHA256_LEN];
    uint8_t signature[ED25519_SIGNATURE_LEN];
    struct buf text = BUF_INIT;
    token_hash(token, hash);
    proof_sign(device, hash, now, signature);
    token_proof_text(token, now + 1, signature, &text);
    row("another second than the signed one", buf_content(&text), now, "PROOF_STALE");
    buf_release(&text);
    proven("a proof with a card", sign(card, network, key, bytes), device, now, now, "BAD_TOKEN");
}

int main(void)
{
    struct ed25519_key keys[2];
    struct ed25519_key stranger;
    struct ed25519_key device;
    key_of(1, &keys[0]);
    key_of(2, &keys[1]);
    key_of(3, &stranger);
    key_of(4, &device);
    struct token card = {.issuer = "m006",
                         .plan = TOKEN_CARNET,
                         .offline = TOKEN_OFFLINE_ALLOWANCE,
                         .entitlements = TOKEN_DESK,
                         .valid_from_day = 20500,
                         .valid_until_day = 21000,
                         .issued_utc_s = 1793000000};
    for (uint8_t i = 0; i < 16; i++) {
        card.pass_id[i] = (uint8_t)(0xa0 + i);
    }
    struct token phone = card;
    phone.has_device = true;
    memcpy(phone.device_key, device.public_key, sizeof phone.device_key);
    phone.plan = TOKEN_USAGE;
    phone.entitlements = TOKEN_DESK | TOKEN_MEETING_ROOM | TOKEN_BOOTH;
    phone.has_policy = true;
    memcpy(phone.policy_digest, "policy01", sizeof phone.policy_digest);
    struct token longest = phone;
    memset(longest.issuer, 'z', TOKEN_ISSUER_MAX);
    longest.entitlements = UINT32_MAX;
    longest.issued_utc_s = UINT32_MAX;
    struct token open = card;
    open.valid_from_day = 0;
    open.valid_until_day = 0;
    open.issued_utc_s = 0;

    struct buf bytes = BUF_INIT;
    print_keys(keys, 2);
    print_base45();
    printf("  \"cases\": [\n");
    bare("a card", sign(&card, network, &keys[0], &bytes), now, "VALID");
    bare("a card by the new key", sign(&card, network, &keys[1], &bytes), now, "VALID");
    bare("a card without an end", sign(&open, network, &keys[0], &bytes), now, "VALID");
    proven("a phone", sign(&phone, network, &keys[0], &bytes), &device, now, now, "VALID");
    proven("the longest token", sign(&longest, network, &keys[1], &bytes), &device, now, now,
           "VALID");
    damaged_rows(&card, &keys[0], &bytes);
    payload_rows(&card, &keys[0], &bytes);
    signature_rows(&phone, &card, keys, &stranger, &device, &bytes);
    day_rows(&phone, &keys[0], &device, &bytes);
    proof_rows(&phone, &card, &keys[0], &device, &stranger, &bytes);
    printf("\n  ]\n}\n");
    buf_release(&bytes);
    return 0;
}
