/* LedgerService.GetSnapshot: the state of the projections of `net` at a published head, for a site
 * that has nothing yet. The hub writes it into a file of its state folder, from one transaction
 * that only reads, and streams that; it serves all who ask until `net` has moved far. The site
 * collects the messages in a file of its own and loads it in one transaction of its writer; Follow
 * goes on behind it.
 *
 * A file is a list of frames: a length in 4 bytes, big-endian, and a GetSnapshotResponse. The
 * digest is the SHA-256 over each row's bytes behind their length in 4 bytes. The hub's cosigning
 * key signs head and digest: whoever trusts receipts by it trusts the rows. */
#ifndef SERVICE_SYNC_SNAPSHOT_H
#define SERVICE_SYNC_SNAPSHOT_H

#include <stdio.h>

#include "core/merkle/checkpoint.h"
#include "passerelle/v1/sync.pb-c.h"
#include "service/service.h"

enum { SNAPSHOT_FRAME_MAX = 256 * 1024 }; /* and a row at most */

/* ---- at the hub: the halves of the method's row ---- */

int snapshot_open(struct service *service, struct call *call);
int snapshot_pump(struct service *service, struct stream *stream);

/* ---- at the site ---- */

/* Appends a message of the stream to a file; heartbeats are left out. E_IO. */
must_check int snapshot_frame_write(FILE *file, const Passerelle__V1__GetSnapshotResponse *message,
                                    struct fault *fault);
/* Takes the next frame off *bytes. E_NOT_FOUND: there is none; E_INVALID, E_LIMIT. */
must_check int snapshot_frame_read(struct view *bytes, struct arena *arena,
                                   Passerelle__V1__GetSnapshotResponse **out, struct fault *fault);
/* Whether the head is signed by the cosigner, and is that of the right edge. */
must_check int snapshot_header_check(const Passerelle__V1__SnapshotHeader *header,
                                     const uint8_t cosigner[static ED25519_PUBLIC_LEN],
                                     struct checkpoint *head, struct tree_frontier *frontier,
                                     struct fault *fault);
/* Loads the file into tables without rows and a feed `net` without entries, inside the writer's
 * transaction, which the caller undoes when this fails. `net` goes on in the epoch that the rows
 * name. */
must_check int snapshot_load(struct service *service, const char *path,
                             const uint8_t cosigner[static ED25519_PUBLIC_LEN],
                             struct fault *fault);

#endif
