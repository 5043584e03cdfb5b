/* Later entries for a backup, out of a folder that `passerelle ledger export` wrote (or any copy of
 * the feeds' C2SP tlog-tiles bundles in that layout):
 *
 *     DIR/<feed>/checkpoint                the signed note
 *     DIR/<feed>/tile/entries/000, 001.p/17, ...
 *
 * The folder is nobody's word: all of it is verified as an auditor would (numbers, times, bytes,
 * roots, signatures, sense), and must begin with exactly what the backup holds. The first bundles
 * may be missing, as a daemon that began with a snapshot has none: the backup's stand for them. */
#ifndef PROCESS_ENTRIES_H
#define PROCESS_ENTRIES_H

#include "store/db/db.h"

/* Appends to each feed what the folder has behind the backup's end, opens feeds that are newer than
 * the backup, and applies it all to the projections, in one transaction. *taken counts entries.
 * E_NOT_FOUND, E_IO; E_CORRUPT: it does not verify; E_CONFLICT: it tells another story than the
 * backup. Each names the feed and the entry. */
must_check int entries_take(struct db *db, const char *dir, uint64_t seed, uint64_t *taken,
                            struct fault *fault);

#endif
