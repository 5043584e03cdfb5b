#include "core/merkle/note.h"

#include <assert.h>

#include "base/text.h"
#include "crypt/sha256.h"

static const char dash[] = "\xe2\x80\x94 "; /* U+2014 and a space */
enum { KEY_ID_LEN = 4, TIME_LEN = 8 };

static bool is_base64_strict(struct view text)
{
    return text.len > 0 && text.len % 4 == 0 && view_find(text, '-') == text.len &&
           view_find(text, '_') == text.len;
}

/* Appends to `out`. base/text takes both alphabets and no padding too; C2SP does not. */
static int base64_strict(struct view text, struct buf *out)
{
    return is_base64_strict(text) ? text_from_base64(text, out) : E_INVALID;
}

int note_base64(struct view text, void *out, size_t len)
{
    struct buf bytes = BUF_INIT;
    int err = base64_strict(text, &bytes);
    if (err == E_OK && bytes.len != len) {
        err = E_INVALID;
    }
    if (err == E_OK) {
        memcpy(out, bytes.data, len);
    }
    buf_release(&bytes);
    return err;
}

/* Unicode White_Space of more than one byte, in UTF-8. */
static bool has_wide_space(struct view name)
{
    static const char *const spaces[] = {
        "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
        "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
        "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
        "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
    };
    for (size_t at = 0; at < name.len; at++) {
        bool wide = (unsigned char)name.data[at] >= 0xc2;
        for (size_t i = 0; wide && i < ARRAY_LEN(spaces); i++) {
            if (view_starts(view_slice(name, at, name.len), spaces[i])) {
                return true;
            }
        }
    }
    return false;
}

static bool is_name(struct view name)
{
    return name.len > 0 && name.len <= NOTE_NAME_MAX && text_is_printable(name) &&
           view_find(name, ' ') == name.len && view_find(name, '+') == name.len &&
           !has_wide_space(name);
}

/* Valid UTF-8 whose only control character is the newline, which ends it. */
static bool is_lines(struct view text)
{
    if (text.len == 0 || text.data[text.len - 1] != '\n' || !text_is_utf8(text)) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] < 0x20 && text.data[i] != '\n') {
            return false;
        }
    }
    return true;
}

int note_key_init(struct note_key *key, struct view name, enum note_key_type type,
                  const uint8_t public_key[static ED25519_PUBLIC_LEN])
{
    if (!is_name(name)) {
        return E_INVALID;
    }
    struct note_key made = {.type = type};
    memcpy(made.name, name.data, name.len);
    memcpy(made.public_key, public_key, ED25519_PUBLIC_LEN);
    uint8_t digest[SHA256_LEN];
    struct sha256 hash;
    sha256_init(&hash);
    sha256_add(&hash, name.data, name.len);
    sha256_add(&hash, (char[]){'\n', (char)type}, 2);
    sha256_add(&hash, public_key, ED25519_PUBLIC_LEN);
    sha256_end(&hash, digest);
    made.id = (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 |
              digest[3];
    *key = made;
    return E_OK;
}

int note_key_parse(struct view vkey, struct note_key *key)
{
    struct view rest = vkey;
    struct view name;
    struct view id;
    uint8_t id_bytes[KEY_ID_LEN];
    if (!view_cut(&rest, '+', &name) || !view_cut(&rest, '+', &id) ||
        text_from_hex(id, id_bytes, sizeof id_bytes) != E_OK) {
        return E_INVALID;
    }
    struct buf material = BUF_INIT_MAX(8192);
    int err = base64_strict(rest, &material);
    if (err == E_OK && material.data[0] != NOTE_ED25519 && material.data[0] != NOTE_COSIGNATURE) {
        err = E_UNSUPPORTED;
    } else if (err == E_OK && material.len != 1 + ED25519_PUBLIC_LEN) {
        err = E_INVALID;
    }
    struct note_key made;
    if (err == E_OK) {
        err = note_key_init(&made, name, (enum note_key_type)material.data[0],
                            (const uint8_t *)material.data + 1);
    }
    buf_release(&material);
    if (err == E_OK && made.id != ((uint32_t)id_bytes[0] << 24 | (uint32_t)id_bytes[1] << 16 |
                                   (uint32_t)id_bytes[2] << 8 | id_bytes[3])) {
        err = E_INVALID;
    }
    if (err == E_OK) {
        *key = made;
    }
    return err;
}

void note_key_format(const struct note_key *key, struct buf *out)
{
    uint8_t material[1 + ED25519_PUBLIC_LEN] = {(uint8_t)key->type};
    memcpy(material + 1, key->public_key, ED25519_PUBLIC_LEN);
    buf_printf(out, "%s+%08x+", key->name, (unsigned)key->id);
    text_to_base64(out, view_bytes(material, sizeof material));
}

struct signature_line {
    struct view name;
    struct view base64;
};

/* Cuts the next line off *rest; E_INVALID when it is no signature line. */
static int next_line(struct view *rest, struct signature_line *out)
{
    size_t end = view_find(*rest, '\n');
    struct view line = view_slice(*rest, 0, end);
    if (end == rest->len || !view_starts(line, dash)) {
        return E_INVALID;
    }
    line = view_slice(line, sizeof dash - 1, line.len);
    size_t space = view_find(line, ' ');
    out->name = view_slice(line, 0, space);
    out->base64 = view_slice(line, space == line.len ? space : space + 1, line.len);
    *rest = view_slice(*rest, end + 1, rest->len);
    return is_name(out->name) ? E_OK : E_INVALID;
}

static int decode_line(const struct signature_line *line, struct buf *out)
{
    buf_clear(out);
    int err = base64_strict(line->base64, out);
    return err == E_OK && out->len <= KEY_ID_LEN ? E_INVALID : err;
}

int note_parse(struct view bytes, struct note *out)
{
    if (bytes.len > NOTE_BYTES_MAX) {
        return E_LIMIT;
    }
    if (!is_lines(bytes)) {
        return E_INVALID;
    }
    size_t at = bytes.len - 1;
    while (at > 0 && !(bytes.data[at - 1] == '\n' && bytes.data[at] == '\n')) {
        at--;
    }
    if (at == 0) {
        return E_INVALID;
    }
    struct note read = {view_slice(bytes, 0, at), view_slice(bytes, at + 1, bytes.len)};
    struct view rest = read.signatures;
    struct buf scratch = BUF_INIT;
    int count = 0;
    int err = rest.len == 0 ? E_INVALID : E_OK;
    while (err == E_OK && rest.len > 0) {
        struct signature_line line;
        err = next_line(&rest, &line);
        if (err == E_OK) {
            err = decode_line(&line, &scratch);
        }
        if (err == E_OK && ++count > NOTE_SIGNATURES_MAX) {
            err = E_LIMIT;
        }
    }
    buf_release(&scratch);
    if (err == E_OK) {
        *out = read;
    }
    return err;
}

void note_cosigned_message(struct view text, uint64_t utc_s, struct buf *out)
{
    buf_printf(out, "cosignature/v1\ntime %llu\n", (unsigned long long)utc_s);
    buf_view(out, text);
}

static bool cosignature_is_good(struct view text, const struct note_key *key, struct view signature,
                                uint64_t *utc_s)
{
    const uint8_t *bytes = (const uint8_t *)signature.data;
    if (signature.len != TIME_LEN + ED25519_SIGNATURE_LEN || bytes[0] > 0x7f) {
        return false;
    }
    uint64_t time = 0;
    for (int i = 0; i < TIME_LEN; i++) {
        time = time << 8 | bytes[i];
    }
    struct buf message = BUF_INIT;
    note_cosigned_message(text, time, &message);
    bool good = ed25519_verify(key->public_key, buf_content(&message), bytes + TIME_LEN);
    buf_release(&message);
    if (good && time > *utc_s) {
        *utc_s = time;
    }
    return good;
}

static bool signature_is_good(struct view text, const struct note_key *key, struct view signature,
                              uint64_t *utc_s)
{
    if (key->type == NOTE_COSIGNATURE) {
        return cosignature_is_good(text, key, signature, utc_s);
    }
    return signature.len == ED25519_SIGNATURE_LEN &&
           ed25519_verify(key->public_key, text, (const uint8_t *)signature.data);
}

/* Cuts lines off *rest up to the next that `key` is said to have made, and puts its signature into
 * `bytes`, behind the id; `line` (may be NULL) gets the whole line. */
static bool next_of_key(struct view *rest, const struct note_key *key, struct buf *bytes,
                        struct view *line)
{
    uint8_t id[KEY_ID_LEN] = {(uint8_t)(key->id >> 24), (uint8_t)(key->id >> 16),
                              (uint8_t)(key->id >> 8), (uint8_t)key->id};
    struct signature_line found;
    for (struct view from = *rest; rest->len > 0 && next_line(rest, &found) == E_OK; from = *rest) {
        if (view_is(found.name, key->name) && decode_line(&found, bytes) == E_OK &&
            memcmp(bytes->data, id, KEY_ID_LEN) == 0) {
            if (line != NULL) {
                *line = view_slice(from, 0, from.len - rest->len);
            }
            return true;
        }
    }
    return false;
}

int note_verify(const struct note *note, const struct note_key *key, uint64_t *cosigned_utc_s)
{
    struct buf bytes = BUF_INIT;
    struct view rest = note->signatures;
    int result = E_NOT_FOUND;
    uint64_t latest = 0;
    while (result != E_SIGNATURE && next_of_key(&rest, key, &bytes, NULL)) {
        struct view signature = view_slice(buf_content(&bytes), KEY_ID_LEN, bytes.len);
        result = signature_is_good(note->text, key, signature, &latest) ? E_OK : E_SIGNATURE;
    }
    buf_release(&bytes);
    if (result == E_OK && cosigned_utc_s != NULL) {
        *cosigned_utc_s = latest;
    }
    return result;
}

void note_lines_of(const struct note *note, const struct note_key *key, struct buf *out)
{
    struct buf bytes = BUF_INIT;
    struct view rest = note->signatures;
    struct view line;
    while (next_of_key(&rest, key, &bytes, &line)) {
        buf_view(out, line);
    }
    buf_release(&bytes);
}

int note_verify_any(const struct note *note, const struct note_key *keys, size_t count,
                    uint64_t *signers)
{
    assert(count <= NOTE_KEYS_MAX);
    uint64_t found = 0;
    for (size_t i = 0; i < count; i++) {
        int err = note_verify(note, &keys[i], NULL);
        if (err == E_OK) {
            found |= (uint64_t)1 << i;
        } else if (err != E_NOT_FOUND) {
            return err;
        }
    }
    if (found == 0) {
        return E_SIGNATURE;
    }
    *signers = found;
    return E_OK;
}

void note_of_keys(const struct note *note, const struct note_key *keys, size_t count,
                  struct buf *out)
{
    struct buf lines = BUF_INIT;
    buf_view(out, note->text);
    buf_byte(out, '\n');
    for (size_t i = 0; i < count; i++) {
        buf_clear(&lines);
        note_lines_of(note, &keys[i], &lines);
        struct view all = buf_content(&lines);
        buf_view(out, view_slice(all, 0, view_find(all, '\n') + 1));
    }
    buf_release(&lines);
}

int note_begin(struct buf *out, struct view text)
{
    if (!is_lines(text)) {
        return E_INVALID;
    }
    buf_view(out, text);
    buf_byte(out, '\n');
    return buf_error(out);
}

void note_add_line(struct buf *out, const struct note_key *key, struct view signature)
{
    struct buf bytes = BUF_INIT;
    buf_u32be(&bytes, key->id);
    buf_view(&bytes, signature);
    buf_printf(out, "%s%s ", dash, key->name);
    text_to_base64(out, buf_content(&bytes));
    buf_byte(out, '\n');
    buf_release(&bytes);
}

void note_sign(struct buf *out, struct view text, const struct note_key *key,
               const struct ed25519_key *secret)
{
    assert(key->type == NOTE_ED25519);
    assert(memcmp(key->public_key, secret->public_key, ED25519_PUBLIC_LEN) == 0);
    uint8_t signature[ED25519_SIGNATURE_LEN];
    ed25519_sign(secret, text, signature);
    note_add_line(out, key, view_bytes(signature, sizeof signature));
}
