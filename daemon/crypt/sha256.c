/* OpenSSL's low-level calls, deprecated in 3.0 but kept: a tree node (65 bytes) takes 115 ns, and
 * 215 ns through EVP with the digest fetched once and its context used again. The append of an
 * entry and the verification of a feed are made of such hashes. Should the calls go away, only this
 * file changes. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypt/sha256.h"

#include <assert.h>
#include <openssl/sha.h>

static_assert(sizeof(SHA256_CTX) <= sizeof(struct sha256), "struct sha256 holds OpenSSL's context");
static_assert(_Alignof(SHA256_CTX) <= _Alignof(struct sha256), "and is aligned for it");
static_assert(SHA256_LEN == SHA256_DIGEST_LENGTH, "a digest is a digest");

static SHA256_CTX *inside(struct sha256 *hash)
{
    return (SHA256_CTX *)(void *)hash->inside;
}

void sha256_init(struct sha256 *hash)
{
    SHA256_Init(inside(hash));
}

void sha256_add(struct sha256 *hash, const void *bytes, size_t len)
{
    SHA256_Update(inside(hash), bytes, len);
}

void sha256_end(struct sha256 *hash, uint8_t out[static SHA256_LEN])
{
    SHA256_Final(out, inside(hash));
}

void sha256(struct view bytes, uint8_t out[static SHA256_LEN])
{
    struct sha256 hash;
    sha256_init(&hash);
    sha256_add(&hash, bytes.data, bytes.len);
    sha256_end(&hash, out);
}
