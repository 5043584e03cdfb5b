/* SHA-256 (FIPS 180-4), one-shot and piece by piece. No allocation; any thread. */
#ifndef CRYPT_SHA256_H
#define CRYPT_SHA256_H

#include "base/view.h"

enum { SHA256_LEN = 32 };

/* A hash under way; lives on the stack. Its inside belongs to sha256.c. */
struct sha256 {
    uint64_t inside[14];
};

void sha256_init(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *bytes, size_t len);
void sha256_end(struct sha256 *hash, uint8_t out[static SHA256_LEN]);

/* The three in one. */
void sha256(struct view bytes, uint8_t out[static SHA256_LEN]);

#endif
