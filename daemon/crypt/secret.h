/* Secrets that people and programs carry: API keys and one-time codes. Only their hashes are
 * stored; both are random and long enough that a plain hash cannot be turned back. Any thread. */
#ifndef CRYPT_SECRET_H
#define CRYPT_SECRET_H

#include "base/env.h"
#include "base/view.h"
#include "crypt/sha256.h"

/* In time that does not depend on where they differ. */
bool secret_equal(const void *a, const void *b, size_t len);
/* Overwrites, and is not optimised away. */
void secret_wipe(void *bytes, size_t len);

/* An API key: `psk_<prefix>_<secret>`: 8 characters of Crockford's base32 in lower case that name
 * the key in lists and logs, and 256 random bits in base64url. */
enum { API_KEY_PREFIX_LEN = 8, API_KEY_LEN = 4 + API_KEY_PREFIX_LEN + 1 + 43 };
struct api_key {
    char text[API_KEY_LEN + 1]; /* shown once, never stored */
    char prefix[API_KEY_PREFIX_LEN + 1];
    uint8_t hash[SHA256_LEN]; /* what is stored */
};
void api_key_make(struct api_key *key, const struct env *env);
/* Reads what a caller presented: fills all of `key`. E_INVALID when it has not the form. */
must_check int api_key_parse(struct view text, struct api_key *key);

/* A one-time code: 128 random bits as 26 characters of Crockford's base32 and one check character
 * (value modulo 37; `*~$=U` stand for 32 to 36). */
enum { CODE_LEN = 27, CODE_BYTES = 16 };
struct one_time_code {
    uint8_t bytes[CODE_BYTES]; /* the random bits: what a device signs when it activates */
    char text[CODE_LEN + 1];
    uint8_t hash[SHA256_LEN];
};
void one_time_code_make(struct one_time_code *code, const struct env *env);
/* From bits that came another way, as in a join code. */
void one_time_code_fill(struct one_time_code *code, const uint8_t bytes[static CODE_BYTES]);
/* Reads what a person typed: either case, O as 0, I and L as 1, spaces and hyphens skipped. Fills
 * all of `code`, in canonical form. E_INVALID for anything else, a wrong check character included.
 */
must_check int one_time_code_parse(struct view text, struct one_time_code *code);

#endif
