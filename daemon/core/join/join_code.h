/* The join code: all that a new site needs to reach its hub and to be let in once. The hub prints
 * it, as text and as a QR code, and a person may type it from the paper:
 *
 *     PJ1-3504T-6RMCE-...      "PJ", the version, then groups of 5 of Crockford's base32
 *
 *     text      "PJ1" | length of the whole text, 2 characters | data | 4 check characters
 *     data      secret, 16 bytes | CA fingerprint, its first 16 | expiry, u32 big-endian, UTC
 *               seconds | names
 *     names     "network site host:port", each three characters (the last filled with spaces) a
 *               u16 big-endian in base 40: space, a-z, 0-9, '-', '.', ':'
 *
 * Case, spaces, line ends, hyphens and what is not ASCII (the dashes and spaces of letters and
 * mails) do not matter; O is read as 0, I and L as 1. The check characters are the sum of the
 * values of all characters before them, and the sum of the values each times its place (from 1),
 * both modulo the prime 1021, as two characters each. Two wrong characters, or any two exchanged,
 * are always noticed, and one wrong character is found: d is what the first sum is off, d * place
 * what the second is off. The length tells a code that was cut from one that was mistyped.
 *
 * 128 bits of the fingerprint are what an impostor would have to hit with a CA of his own (a second
 * preimage). Whether the code has expired or was used is for the caller to say. Pure. */
#ifndef CORE_JOIN_JOIN_CODE_H
#define CORE_JOIN_JOIN_CODE_H

#include "base/buf.h"
#include "core/ident/ident.h"
#include "crypt/secret.h"

enum { JOIN_HOST_MAX = 253, JOIN_CA_LEN = 16, JOIN_VERSION = 1, JOIN_GROUP = 5 };

struct join_code {
    char network[IDENT_SLUG_MAX + 1];
    char site[IDENT_SLUG_MAX + 1];
    char host[JOIN_HOST_MAX + 1]; /* a name or an address, IPv6 without brackets; lower case */
    uint16_t port;
    uint8_t secret[CODE_BYTES];     /* a one_time_code: one_time_code_fill() gives its hash */
    uint8_t ca_prefix[JOIN_CA_LEN]; /* of SHA-256 of the CA's certificate (DER) */
    uint32_t expires_utc_s;
};

/* Appends the text, in groups. All of it is QR-alphanumeric. E_INVALID with a sentence when a name
 * or the address cannot stand in a code. */
must_check int join_code_format(const struct join_code *code, struct buf *out, struct fault *fault);

/* Why a text is no join code that can be used. */
enum join_reason {
    JOIN_GOOD,
    JOIN_NOT_A_CODE, /* something else altogether */
    JOIN_NEWER,      /* of a version that this program does not know */
    JOIN_CUT_SHORT,
    JOIN_TOO_LONG,
    JOIN_MISTYPED,
    JOIN_NONSENSE, /* the check holds, yet what it says cannot be: not made by a hub */
};
struct join_problem {
    enum join_reason reason;
    unsigned group; /* for JOIN_MISTYPED, from 1: the one wrong character; 0 when there are more */
    unsigned place; /* in the group, from 1 */
};
/* E_OK, or E_INVALID or E_UNSUPPORTED (JOIN_NEWER) with a sentence that says what is wrong and what
 * to do, and with the reason (`problem` may be NULL). The sentence shows nothing of the code. */
must_check int join_code_parse(struct view text, struct join_code *out,
                               struct join_problem *problem, struct fault *fault);

/* Whether `fingerprint` (SHA-256) is that of the CA that the code names. */
bool join_code_names_ca(const struct join_code *code, const uint8_t fingerprint[static SHA256_LEN]);

#endif
