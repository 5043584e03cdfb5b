/* C2SP signed-note: text, an empty line, signature lines `— <name> base64(key id || signature)`.
 * Key types: 0x01 Ed25519 over the text, 0x04 timestamped Ed25519 cosignature (core/merkle/
 * checkpoint.h); signatures of other types count as made by unknown keys and are skipped. Base64 is
 * the padded standard form, to the letter. Pure. */
#ifndef CORE_MERKLE_NOTE_H
#define CORE_MERKLE_NOTE_H

#include "base/buf.h"
#include "crypt/ed25519.h"

enum {
    NOTE_NAME_MAX = 200,
    NOTE_BYTES_MAX = 128 * 1024,
    NOTE_SIGNATURES_MAX = 64, /* the specification asks for at least 16 */
    NOTE_KEYS_MAX = 64,
};

enum note_key_type { NOTE_ED25519 = 0x01, NOTE_COSIGNATURE = 0x04 };

/* A public key under a name. The id is the first 4 bytes, big-endian, of
 * SHA-256(name || "\n" || type || public key). */
struct note_key {
    char name[NOTE_NAME_MAX + 1];
    enum note_key_type type;
    uint32_t id;
    uint8_t public_key[ED25519_PUBLIC_LEN];
};
/* E_INVALID when the name is empty, longer than NOTE_NAME_MAX, no UTF-8, or holds a Unicode space,
 * control character or '+'. */
must_check int note_key_init(struct note_key *key, struct view name, enum note_key_type type,
                             const uint8_t public_key[static ED25519_PUBLIC_LEN]);
/* vkey: `<name>+<id, 8 hex digits>+<base64(type || public key)>`. E_INVALID, E_UNSUPPORTED (another
 * type of key). */
must_check int note_key_parse(struct view vkey, struct note_key *key);
void note_key_format(const struct note_key *key, struct buf *out);

/* A note in two parts, both views of what was parsed. */
struct note {
    struct view text;       /* with its last newline */
    struct view signatures; /* the lines, well-formed */
};
/* Takes apart; verifies nothing, and the text means nothing before note_verify(). E_INVALID when it
 * is no note, E_LIMIT past NOTE_BYTES_MAX or NOTE_SIGNATURES_MAX. */
must_check int note_parse(struct view bytes, struct note *out);
/* E_OK: `key` signed, and each of its signatures is good. E_NOT_FOUND: it did not sign.
 * E_SIGNATURE: a signature under its name and id is bad: reject the whole note. For a cosignature
 * the time of signing, the latest of several, goes to *cosigned_utc_s (may be NULL). */
must_check int note_verify(const struct note *note, const struct note_key *key,
                           uint64_t *cosigned_utc_s);
/* Rejects (E_SIGNATURE) a note with a bad signature of any of the keys, or a good one of none. Bit
 * i of *signers is set when keys[i] signed. At most NOTE_KEYS_MAX keys. */
must_check int note_verify_any(const struct note *note, const struct note_key *keys, size_t count,
                               uint64_t *signers);

/* Appends the lines under the key's name and id, as they stand. Verifies nothing. */
void note_lines_of(const struct note *note, const struct note_key *key, struct buf *out);

/* Appends the note with one line of each of the keys that have one, and no line of others: anybody
 * can add lines to a note. Verifies nothing. */
void note_of_keys(const struct note *note, const struct note_key *keys, size_t count,
                  struct buf *out);

/* Starts a note: text and empty line. E_INVALID unless the text is printable lines in UTF-8 that
 * end in a newline. Signature lines follow by note_sign() and checkpoint_cosign(). */
must_check int note_begin(struct buf *out, struct view text);
/* Adds a signature line of type 0x01; `secret` is the secret half of `key`. */
void note_sign(struct buf *out, struct view text, const struct note_key *key,
               const struct ed25519_key *secret);
/* Adds a line from finished signature bytes. */
void note_add_line(struct buf *out, const struct note_key *key, struct view signature);

/* The message that a type 0x04 signature signs: `cosignature/v1`, time, text. */
void note_cosigned_message(struct view text, uint64_t utc_s, struct buf *out);

/* Padded standard base64 of exactly `len` bytes. */
must_check int note_base64(struct view text, void *out, size_t len);

#endif
