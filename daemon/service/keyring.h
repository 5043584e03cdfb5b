/* The secret keys of this node, each in a file of its own under <state>/keys (mode 0600):
 * `feed-<id>.key` signs one feed's checkpoints (`feed-<id>-<epoch>.key` after its first epoch),
 * `token-<key id>.key` signs pass tokens, `cosign.key` cosigns, `witness.key` witnesses. Keys are
 * read when first needed and kept in memory that is wiped. Any thread; what is made is made by the
 * writer.
 *
 * Losing token keys or feed keys is survivable (new ones are published); telling them is not: each
 * file but those in daily use (feeds, the newest token key) may be kept offline. */
#ifndef SERVICE_KEYRING_H
#define SERVICE_KEYRING_H

#include "base/env.h"
#include "crypt/ed25519.h"

enum { KEYRING_FILE_MAX = 96 };

struct keyring;

/* `dir` must exist and belong to us. */
struct keyring *keyring_new(const char *dir, const struct env *env);
void keyring_free(struct keyring *keyring);

/* The key of a feed under an origin, "<any>/<network>/<feed>" or "<any>/<network>/<feed>/<epoch>":
 * each epoch has a key of its own. Made, and safe on disk, when there is none yet. The pointer
 * lasts as long as the keyring. */
must_check int keyring_feed(struct keyring *keyring, struct view feed_id, struct view origin,
                            const struct ed25519_key **out, struct fault *fault);
/* The name of its file, without folder. */
void keyring_feed_file(struct view feed_id, struct view origin, char out[static KEYRING_FILE_MAX]);
/* A new token key; its id is the first 4 bytes of SHA-256 of the public key. */
must_check int keyring_token_make(struct keyring *keyring, uint8_t key_id[static 4],
                                  const struct ed25519_key **out, struct fault *fault);
/* The key of the hub's cosignatures (C2SP cosignature/v1); made when there is none yet. */
must_check int keyring_cosign(struct keyring *keyring, const struct ed25519_key **out,
                              struct fault *fault);
/* The key of this hub's cosignatures as a witness of others' logs: never that of its receipts.
 * E_NOT_FOUND when there is none yet, unless `make`. */
must_check int keyring_witness(struct keyring *keyring, bool make, const struct ed25519_key **out,
                               struct fault *fault);
/* The token key with this id. E_NOT_FOUND when its file is not here. */
must_check int keyring_token(struct keyring *keyring, const uint8_t key_id[static 4],
                             const struct ed25519_key **out, struct fault *fault);

#endif
