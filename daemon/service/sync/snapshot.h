/* LedgerService.GetSnapshot: the state of the projections of `net` at a published head, for a site
 * that has nothing yet, or was away for so long that following entry by entry takes longer. The
 * hub writes it into a file of its state folder, from one transaction that only reads, and streams
 * that; it serves all who ask until `net` has moved far.
 *
 * The site keeps each part as it comes, so that a link that breaks, or a crash, costs one part.
 * The hub's cosigning key signs head and digest: whoever trusts receipts by it trusts the rows;
 * and the header proves that the head goes on from the entries that the site has. Nothing is
 * touched before all of that was verified, then the rows take the place of those that the site
 * had, in one transaction of its writer, and Follow goes on behind them. The parts stay: a rebuild
 * begins with them.
 *
 * The hub's file is a list of frames: a length in 4 bytes, big-endian, and a part. */
#ifndef SERVICE_SYNC_SNAPSHOT_H
#define SERVICE_SYNC_SNAPSHOT_H

#include "core/merkle/checkpoint.h"
#include "passerelle/v1/sync.pb-c.h"
#include "service/service.h"

/* ---- at the hub: the halves of the method's row ---- */

int snapshot_open(struct service *service, struct call *call);
int snapshot_pump(struct service *service, struct stream *stream);

/* ---- at the site ---- */

/* Whether the head is signed by the cosigner, and is that of the right edge. */
must_check int snapshot_header_check(const Passerelle__V1__SnapshotHeader *header,
                                     const uint8_t cosigner[static ED25519_PUBLIC_LEN],
                                     struct checkpoint *head, struct tree_frontier *frontier,
                                     struct fault *fault);
/* What is here of a snapshot that was not loaded yet. */
struct snapshot_pending {
    uint64_t size; /* entries of `net` at its head; 0: nothing is here */
    uint64_t parts;
    uint64_t old_size; /* entries of `net` behind which it goes on */
};
void snapshot_pending(struct db *db, struct snapshot_pending *out);

/* In the writer's transaction. Keeps the next part. A header is verified, and what was here of
 * another snapshot goes. */
must_check int snapshot_take(struct service *service,
                             const Passerelle__V1__GetSnapshotResponse *part, struct fault *fault);
/* Whether all parts are here, as they were signed, and go on from `net` as it is here. */
must_check int snapshot_verify(struct service *service, struct fault *fault);
/* Puts a verified snapshot in the place of what was here of `net`, which goes on in the epoch that
 * the rows name. The caller undoes its savepoint when this fails. */
must_check int snapshot_load(struct service *service, struct fault *fault);
/* Forgets the parts that were not loaded. */
void snapshot_drop(struct db *db);

#endif
