/* Checks feeds from their bytes alone, with nothing of the code that wrote them but the hashes of
 * core/merkle: numbers without a gap, times that do not go back, deterministic bytes, the root and
 * the signature of the checkpoint, and that each entry makes sense after those before it. The first
 * thing that is wrong is named by feed and entry. Give `net` first (its first entry names its key,
 * and it names the keys of all others), then the others in any order.
 *
 * Memory: what passes there are, and per feed 40 bytes a visit. Pure. An audit is used by one
 * thread at a time. */
#ifndef CORE_AUDIT_AUDIT_H
#define CORE_AUDIT_AUDIT_H

#include "core/entry/entry.h"
#include "core/merkle/checkpoint.h"

/* An entry as a source gives it. */
struct audit_record {
    struct view bytes;            /* good until the next one is asked for */
    const struct tree_hash *leaf; /* what the source says its hash is; NULL: nothing */
};

struct audit_source {
    struct view feed_id;
    struct view checkpoint; /* the signed note */
    /* The next entry: 1; 0 after the last; a negative E_* with a sentence. */
    int (*next)(void *context, struct audit_record *out, struct fault *fault);
    void *context;
};

struct audit_wrong {
    char feed_id[65];
    uint64_t seq; /* 0: the feed as a whole */
    char what[512];
};

struct audit_options {
    uint64_t seed;            /* of hash tables: keeps whoever chose the ids from slowing it */
    const char *net_verifier; /* vkey that net must have, told by another way; NULL: any */
    bool proofs;              /* verify every phone's signature too */
};

struct audit_totals {
    uint64_t feeds, entries, visits, proofs;
};

struct audit;

struct audit *audit_new(const struct audit_options *options);
void audit_free(struct audit *audit);

/* E_OK; E_CORRUPT with `wrong` filled. What follows a wrong feed is not to be trusted. */
must_check int audit_feed(struct audit *audit, const struct audit_source *source,
                          struct audit_wrong *wrong);
struct audit_totals audit_totals(const struct audit *audit);

#endif
