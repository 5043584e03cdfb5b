/* The pass token and what a phone or a card shows: proto/pass-token.md is the format, word for
 * word.
 *
 *     token     payload (PassToken of token.proto) | key id, 4 bytes | Ed25519 signature, 64 bytes
 *     card      "PT1:" base45(token)
 *     phone     "PP1:" base45(token | second, u32 big-endian | Ed25519 signature, 64 bytes)
 *
 * A token names its network, its key and the phone's own key, so that a site that never heard of
 * the pass can check all of it. Pure; any thread. */
#ifndef CORE_PASS_TOKEN_H
#define CORE_PASS_TOKEN_H

#include "base/buf.h"
#include "crypt/ed25519.h"
#include "crypt/sha256.h"

enum {
    TOKEN_KEY_ID_LEN = 4,
    TOKEN_ENVELOPE_LEN = TOKEN_KEY_ID_LEN + ED25519_SIGNATURE_LEN,
    TOKEN_BYTES_MAX = 204, /* "PT1:" and so many bytes fill a QR code of version 10 at ECC M */
    TOKEN_PROOF_LEN = 4 + ED25519_SIGNATURE_LEN,
    TOKEN_ISSUER_MAX = 40,
    TOKEN_POLICY_LEN = 8,
    TOKEN_KEYS_MAX = 16,
    TOKEN_NETWORK_MAX = 63,
};

/* Numbers as in employer.proto. */
enum token_plan { TOKEN_CARNET = 1, TOKEN_SUBSCRIPTION = 2, TOKEN_USAGE = 3 };
enum token_offline {
    TOKEN_OFFLINE_ALWAYS = 1,
    TOKEN_OFFLINE_ALLOWANCE = 2,
    TOKEN_OFFLINE_NEVER = 3
};
enum { TOKEN_DESK = 1, TOKEN_MEETING_ROOM = 2, TOKEN_BOOTH = 4 };

struct token {
    uint8_t pass_id[16];
    uint8_t device_key[ED25519_PUBLIC_LEN]; /* when has_device: a phone; otherwise a card */
    bool has_device;
    bool has_policy;
    uint8_t policy_digest[TOKEN_POLICY_LEN]; /* when has_policy */
    char issuer[TOKEN_ISSUER_MAX + 1];
    enum token_plan plan;
    enum token_offline offline;
    uint32_t entitlements;  /* TOKEN_DESK ...; unknown bits open nothing */
    int32_t valid_from_day; /* Paris days since 1970-01-01, both included; 0 = open */
    int32_t valid_until_day;
    uint32_t issued_utc_s;
};

/* The keys whose tokens are accepted, and the network that they speak for. */
struct token_key {
    uint8_t id[TOKEN_KEY_ID_LEN]; /* first bytes of SHA-256(public key) */
    uint8_t public_key[ED25519_PUBLIC_LEN];
};
struct token_keyset {
    char network[TOKEN_NETWORK_MAX + 1];
    struct token_key keys[TOKEN_KEYS_MAX];
    size_t count;
};
/* E_INVALID when the network's id is empty or too long. */
must_check int token_keyset_init(struct token_keyset *set, struct view network);
/* E_EXISTS when it is there already, E_LIMIT past TOKEN_KEYS_MAX. */
must_check int token_keyset_add(struct token_keyset *set,
                                const uint8_t public_key[static ED25519_PUBLIC_LEN]);
void token_key_id(const uint8_t public_key[static ED25519_PUBLIC_LEN],
                  uint8_t out[static TOKEN_KEY_ID_LEN]);

/* Signed token bytes. E_INVALID when a field is out of range; never longer than TOKEN_BYTES_MAX. */
must_check int token_sign(const struct token *token, struct view network,
                          const struct ed25519_key *key, struct buf *out);

/* Why a text or token is not accepted; TOKEN_VALID is 0. */
enum token_verdict {
    TOKEN_VALID,
    TOKEN_NO_PASS, /* not a pass of ours at all: neither "PT1:" nor "PP1:" */
    TOKEN_NEWER, /* "PT" or "PP", another digit, ":": a version that this program is too old for */
    TOKEN_BAD_TEXT,      /* base45 is damaged */
    TOKEN_BAD_LENGTH,    /* shorter than any, or longer than TOKEN_BYTES_MAX */
    TOKEN_BAD_PAYLOAD,   /* not a canonical PassToken, or a field out of range */
    TOKEN_OTHER_NETWORK, /* made by and for another network */
    TOKEN_KEY_UNKNOWN,   /* the key id is not in the set */
    TOKEN_FORGED,        /* the signature is of no key with that id */
};
/* DESIGN 4: "BAD_TOKEN", "UNKNOWN_KEY" or "BAD_SIGNATURE"; "" for TOKEN_VALID. */
const char *token_verdict_refusal(enum token_verdict verdict);

/* What was scanned, taken apart; nothing is verified yet. The token is a view of `bytes`. */
struct token_scan {
    struct buf bytes;
    struct view token;
    bool has_proof;
    uint64_t proof_utc_s;
    uint8_t proof_signature[ED25519_SIGNATURE_LEN];
};
#define TOKEN_SCAN_INIT ((struct token_scan){.bytes = BUF_INIT})
/* TOKEN_VALID, TOKEN_NO_PASS, TOKEN_NEWER, TOKEN_BAD_TEXT or TOKEN_BAD_LENGTH. `scan` starts with
 * TOKEN_SCAN_INIT; release it whatever the verdict. */
must_check enum token_verdict token_scan_parse(struct view text, struct token_scan *scan);
void token_scan_release(struct token_scan *scan);

/* SHA-256 of the token bytes: its name in proofs, caches and entries. */
void token_hash(struct view token, uint8_t out[static SHA256_LEN]);
/* Payload to fields, strictly: what it accepts, token_sign() would write. No signature is checked.
 * TOKEN_VALID, TOKEN_BAD_LENGTH, TOKEN_BAD_PAYLOAD or TOKEN_OTHER_NETWORK. */
must_check enum token_verdict token_decode(struct view token, struct view network,
                                           struct token *out);
/* Decodes, then verifies with each key of that id. `out` is untouched unless TOKEN_VALID. */
must_check enum token_verdict token_verify(struct view token, const struct token_keyset *set,
                                           struct token *out);

/* "PT1:" and the token. */
void token_text(struct view token, struct buf *out);
/* "PP1:", token and proof; the second is below 2^32. */
void token_proof_text(struct view token, uint64_t utc_s,
                      const uint8_t signature[static ED25519_SIGNATURE_LEN], struct buf *out);

#endif
