/* The hub's key for cosignatures (C2SP cosignature/v1): it says that the hub holds every entry of a
 * checkpoint and that it extends the one before. Its name is
 * "passerelle.example/<network>/cosigner".
 */
#ifndef SERVICE_SYNC_COSIGNER_H
#define SERVICE_SYNC_COSIGNER_H

#include "core/merkle/note.h"
#include "service/service.h"

/* Any thread. The secret lasts as long as the node's keyring. */
must_check int cosigner_key(struct service *service, struct note_key *key,
                            const struct ed25519_key **secret, struct fault *fault);

#endif
