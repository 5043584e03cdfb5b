#include "core/merkle/checkpoint.h"

#include <assert.h>

#include "base/text.h"

void checkpoint_format(const struct checkpoint *checkpoint, struct buf *out)
{
    buf_printf(out, "%s\n%llu\n", checkpoint->origin, (unsigned long long)checkpoint->size);
    text_to_base64(out, view_bytes(checkpoint->root.bytes, SHA256_LEN));
    buf_byte(out, '\n');
}

/* Takes the three lines off the front of *rest. */
static int parse_lines(struct view *rest, struct checkpoint *out)
{
    struct view lines[3];
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        size_t end = view_find(*rest, '\n');
        if (end == rest->len) {
            return E_INVALID;
        }
        lines[i] = view_slice(*rest, 0, end);
        *rest = view_slice(*rest, end + 1, rest->len);
    }
    struct checkpoint read = {0};
    if (lines[0].len == 0 || lines[0].len > NOTE_NAME_MAX || !text_is_printable(lines[0]) ||
        text_u64(lines[1], &read.size) != E_OK || read.size > INT64_MAX ||
        note_base64(lines[2], read.root.bytes, SHA256_LEN) != E_OK) {
        return E_INVALID;
    }
    memcpy(read.origin, lines[0].data, lines[0].len);
    *out = read;
    return E_OK;
}

bool checkpoint_root_is_possible(const struct checkpoint *checkpoint)
{
    struct tree_hash empty = tree_empty();
    return checkpoint->size != 0 || tree_hash_equal(&checkpoint->root, &empty);
}

int checkpoint_parse(struct view text, struct checkpoint *out)
{
    struct checkpoint read;
    if (parse_lines(&text, &read) != E_OK || text.len != 0 || !checkpoint_root_is_possible(&read)) {
        return E_INVALID;
    }
    *out = read;
    return E_OK;
}

int checkpoint_parse_foreign(struct view text, struct checkpoint *out)
{
    struct checkpoint read;
    int err = parse_lines(&text, &read);
    while (err == E_OK && text.len > 0) {
        size_t end = view_find(text, '\n');
        err = end == 0 || end == text.len ? E_INVALID : E_OK;
        text = view_slice(text, end + 1, text.len);
    }
    if (err == E_OK) {
        *out = read;
    }
    return err;
}

int checkpoint_sign(const struct checkpoint *checkpoint, const struct note_key *key,
                    const struct ed25519_key *secret, struct buf *out)
{
    if (strcmp(checkpoint->origin, key->name) != 0) {
        return E_INVALID;
    }
    struct buf text = BUF_INIT;
    checkpoint_format(checkpoint, &text);
    int err = note_begin(out, buf_content(&text));
    if (err == E_OK) {
        note_sign(out, buf_content(&text), key, secret);
        err = buf_error(out);
    }
    buf_release(&text);
    return err;
}

int checkpoint_open(struct view bytes, const struct note_key *log_key, struct checkpoint *out,
                    struct note *note, struct fault *fault)
{
    struct note parts;
    int err = note_parse(bytes, &parts);
    if (err != E_OK) {
        return fault_set(fault, err, "the checkpoint of %s is no signed note", log_key->name);
    }
    err = note_verify(&parts, log_key, NULL);
    if (err != E_OK) {
        return fault_set(fault, E_SIGNATURE,
                         err == E_NOT_FOUND ? "the checkpoint is not signed by the key %s+%08x"
                                            : "the checkpoint is not what the key %s+%08x signed: "
                                              "it was changed",
                         log_key->name, (unsigned)log_key->id);
    }
    struct checkpoint read;
    err = checkpoint_parse(parts.text, &read);
    if (err != E_OK) {
        return fault_set(fault, err, "the note that %s signed is no checkpoint of three lines",
                         log_key->name);
    }
    if (strcmp(read.origin, log_key->name) != 0) {
        return fault_set(fault, E_SIGNATURE,
                         "the checkpoint speaks of the feed %s but is signed for %s", read.origin,
                         log_key->name);
    }
    *out = read;
    if (note != NULL) {
        *note = parts;
    }
    return E_OK;
}

void checkpoint_cosign(struct buf *out, struct view text, const struct note_key *key,
                       const struct ed25519_key *secret, uint64_t utc_s)
{
    assert(key->type == NOTE_COSIGNATURE && utc_s <= INT64_MAX);
    assert(memcmp(key->public_key, secret->public_key, ED25519_PUBLIC_LEN) == 0);
    struct buf message = BUF_INIT;
    note_cosigned_message(text, utc_s, &message);
    uint8_t signature[ED25519_SIGNATURE_LEN];
    ed25519_sign(secret, buf_content(&message), signature);
    buf_clear(&message);
    buf_u64be(&message, utc_s);
    buf_add(&message, signature, sizeof signature);
    note_add_line(out, key, buf_content(&message));
    buf_release(&message);
}
