/* Secrets on disk: one file each, mode 0600, written once and never over another. */
#ifndef CRYPT_KEYFILE_H
#define CRYPT_KEYFILE_H

#include "base/buf.h"
#include "crypt/ed25519.h"

enum { KEYFILE_PURPOSE_MAX = 64, KEYFILE_BYTES_MAX = 64 * 1024 };

/* Makes the file, mode 0600, and returns when it and its name are safe on disk. E_EXISTS when
 * something stands at `path` (it is left alone), E_FULL, E_IO, E_DENIED; a file that could not be
 * written whole is removed. */
must_check int keyfile_create_private(const char *path, struct view content, struct fault *fault);
/* Appends the whole file to `out`. E_NOT_FOUND; E_DENIED when others than its owner may read or
 * write it; E_LIMIT past KEYFILE_BYTES_MAX; E_INVALID when it is no regular file; E_IO. */
must_check int keyfile_read_private(const char *path, struct buf *out, struct fault *fault);

/* An Ed25519 seed as one line: `passerelle-key/v1 <purpose> <base64 seed>`. The purpose ("token",
 * "feed s001") is printable ASCII, at most KEYFILE_PURPOSE_MAX bytes, and is checked by the
 * reader: a key never serves two. */
must_check int keyfile_write(const char *path, const char *purpose, const struct ed25519_key *key,
                             struct fault *fault);
/* E_FOREIGN: no key file, or a newer version; E_CONFLICT: a key for another purpose. */
must_check int keyfile_read(const char *path, const char *purpose, struct ed25519_key *key,
                            struct fault *fault);

#endif
