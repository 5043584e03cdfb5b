/* All feeds of a network with the settlement documents of its closed months: from the hub, or in a
 * folder. The folder has the layout of C2SP tlog-tiles for entries, so that others' tools read it:
 *
 *     DIR/<feed>/checkpoint            the signed note
 *     DIR/<feed>/tile/entries/000      256 entries, each a u16 big-endian length and its bytes;
 *                            .../001.p/17   the last, of 17 entries
 *     DIR/settlement.2026-10.pb        what the close of 2026-10 says, as protobuf
 *
 * What a daemon holds that began with a snapshot lacks its first bundles: it completes a backup,
 * and nobody can verify it alone. */
#ifndef CLIENTS_CLI_FEEDS_H
#define CLIENTS_CLI_FEEDS_H

#include "cli/command.h"
#include "core/audit/audit.h"

/* A feed in memory: its checkpoint and its entries, each behind its length. */
struct feed_bytes {
    const char *feed_id;
    struct view checkpoint;
    struct buf entries;
    uint64_t first; /* how many lie before them, of whole bundles */
    uint64_t count; /* of `entries` */
    size_t at; /* of the reader */
};

struct feeds {
    struct feed_bytes *all; /* net, books, then the others by id */
    size_t count;
    struct view *documents; /* by month */
    size_t document_count;
};

/* The next entry, for the audit: `context` is a struct feed_bytes. */
int feed_next_entry(void *context, struct audit_record *out, struct fault *fault);

/* Each says what is wrong and returns a cli_status; release the feeds in every case. Entries that
 * come while the hub is read are in or out as a whole: what is read is one possible state. */
must_check int feeds_download(struct cli *cli, struct feeds *out);
/* One feed alone, without settlement documents: a site's daemon has no more. */
must_check int feeds_download_one(struct cli *cli, const char *feed_id, struct feeds *out);
must_check int feeds_read(struct cli *cli, const char *dir, struct feeds *out);
/* Complete or absent: written beside, then renamed. */
must_check int feeds_write(struct cli *cli, const char *dir, struct feeds *feeds);
void feeds_release(struct feeds *feeds);

#endif
