#include "crypt/secret.h"

#include <assert.h>
#include <sodium.h>

#include "base/text.h"

enum { SECRET_BYTES = 32 };

bool secret_equal(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}

void secret_wipe(void *bytes, size_t len)
{
    sodium_memzero(bytes, len);
}

/* `purpose` is hashed with its NUL, so that no hash of one kind is one of another. */
static void hash_for(const char *purpose, const void *bytes, size_t len, uint8_t out[static 32])
{
    struct sha256 hash;
    sha256_init(&hash);
    sha256_add(&hash, purpose, strlen(purpose) + 1);
    sha256_add(&hash, bytes, len);
    sha256_end(&hash, out);
    secret_wipe(&hash, sizeof hash);
}

static void api_key_fill(struct api_key *key)
{
    memcpy(key->prefix, key->text + 4, API_KEY_PREFIX_LEN);
    key->prefix[API_KEY_PREFIX_LEN] = '\0';
    hash_for("passerelle-api-key/v1", key->text, API_KEY_LEN, key->hash);
}

void api_key_make(struct api_key *key, const struct env *env)
{
    uint8_t prefix[API_KEY_PREFIX_LEN];
    uint8_t secret[SECRET_BYTES];
    env_random(env, prefix, sizeof prefix);
    env_random(env, secret, sizeof secret);
    struct buf text = BUF_INIT;
    buf_reserve(&text, 2 * API_KEY_LEN);
    buf_text(&text, "psk_");
    for (size_t i = 0; i < sizeof prefix; i++) {
        char c = text_crockford(prefix[i] & 31);
        buf_byte(&text, (char)(c >= 'A' ? c - 'A' + 'a' : c));
    }
    buf_byte(&text, '_');
    text_to_base64url(&text, view_bytes(secret, sizeof secret));
    assert(text.len == API_KEY_LEN);
    memcpy(key->text, text.data, API_KEY_LEN + 1);
    api_key_fill(key);
    secret_wipe(secret, sizeof secret);
    secret_wipe(text.data, text.len);
    buf_release(&text);
}

int api_key_parse(struct view text, struct api_key *key)
{
    if (text.len != API_KEY_LEN || !view_starts(text, "psk_") ||
        text.data[4 + API_KEY_PREFIX_LEN] != '_') {
        return E_INVALID;
    }
    for (size_t i = 4; i < text.len; i++) {
        char c = text.data[i];
        bool lower = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        bool in_secret = i > 4 + API_KEY_PREFIX_LEN;
        if (!lower && i != 4 + API_KEY_PREFIX_LEN &&
            !(in_secret && ((c >= 'A' && c <= 'Z') || c == '-' || c == '_'))) {
            return E_INVALID;
        }
    }
    memcpy(key->text, text.data, API_KEY_LEN);
    key->text[API_KEY_LEN] = '\0';
    api_key_fill(key);
    return E_OK;
}

void one_time_code_fill(struct one_time_code *code, const uint8_t bytes[static CODE_BYTES])
{
    memcpy(code->bytes, bytes, CODE_BYTES);
    unsigned rest = 0;
    for (size_t i = 0; i < CODE_BYTES; i++) {
        rest = (rest * 256 + bytes[i]) % 37;
    }
    unsigned window = 0;
    int bits = 2; /* 26 characters hold 130 bits: the two above the code are zero */
    size_t at = 0;
    for (size_t i = 0; i < CODE_BYTES; i++) {
        window = (window << 8 | bytes[i]) & 0xfff;
        for (bits += 8; bits >= 5; bits -= 5) {
            code->text[at++] = text_crockford(window >> (bits - 5) & 31);
        }
    }
    assert(at == CODE_LEN - 1 && bits == 0);
    code->text[at++] = text_crockford(rest);
    code->text[at] = '\0';
    hash_for("passerelle-code/v1", bytes, CODE_BYTES, code->hash);
}

void one_time_code_make(struct one_time_code *code, const struct env *env)
{
    uint8_t bytes[CODE_BYTES];
    env_random(env, bytes, sizeof bytes);
    one_time_code_fill(code, bytes);
    secret_wipe(bytes, sizeof bytes);
}

int one_time_code_parse(struct view text, struct one_time_code *code)
{
    uint8_t bytes[CODE_BYTES] = {0};
    char check = '\0';
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == ' ' || text.data[i] == '-') {
            continue;
        }
        int value = text_crockford_value(text.data[i]);
        if (value < 0 || count == CODE_LEN) {
            return E_INVALID;
        }
        if (count == CODE_LEN - 1) {
            check = text_crockford((unsigned)value);
        } else if (value >= 32 || (count == 0 && value >= 8)) {
            return E_INVALID;
        } else {
            for (int bit = 0; bit < 5; bit++) { /* the character's bits, highest first */
                size_t position = count * 5 + (size_t)bit;
                if (position >= 2) {
                    size_t at = position - 2;
                    bytes[at / 8] |= (uint8_t)((value >> (4 - bit) & 1) << (7 - at % 8));
                }
            }
        }
        count++;
    }
    struct one_time_code read;
    one_time_code_fill(&read, bytes);
    secret_wipe(bytes, sizeof bytes);
    if (count != CODE_LEN || read.text[CODE_LEN - 1] != check) {
        return E_INVALID;
    }
    *code = read;
    return E_OK;
}
