/* Checks feeds from their bytes alone, with nothing of the code that wrote them but the hashes of
 * core/merkle: numbers without a gap, times that do not go back, deterministic bytes, the root and
 * the signature of the checkpoint, and that each entry makes sense after those before it. The first
 * thing that is wrong is named by feed and entry. Give `net` first (its first entry names its key,
 * and it names the keys of all others), then `books` (it says what closes cover), then the others
 * in any order; one that is left out is told by audit_missing().
 *
 * Then each close is computed again: the network, its stays and rulings are read from the entries
 * up to the close's cut, rated, closed and netted by the code that the hub closes with, and the
 * SHA-256 of the settlement document compared with the one in `books`. When the document of the
 * hub is given, it is compared field by field.
 *
 * Memory: what passes, contracts and holders there are; 40 bytes a visit of the feed at hand; when
 * there are closes, 80 bytes for each visit that one covers. Pure. An audit is used by one thread
 * at a time. */
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

/* Where the hub and the audit differ. */
struct audit_difference {
    /* "entry", "missing_feed", "cut_feed", "cut_size", "cut_root", "close", "document_hash",
     * "document_bytes", "postings", "count", "site", "line", "net", "vat", "gross", "position",
     * "carried", "carried_in", "carnet_use", "transfer", "total", "invoice" */
    const char *operation;
    char month[8];      /* of the close; empty: of none */
    char position[256]; /* what it is, in words */
    char party[65];     /* whose it is; empty: nobody's */
    bool counted;       /* hub and auditor are filled */
    bool cents;         /* they are amounts */
    int64_t hub, auditor;
    char profitable[65]; /* who gains by what the hub says; empty: nobody */
    char what[512];      /* a sentence */
};
typedef void audit_found(void *context, const struct audit_difference *difference);

/* What came of a close. */
struct audit_close {
    char month[8];
    bool computed; /* false: the feeds do not give a result; a difference says why */
    uint8_t books_sha256[32], sha256[32]; /* as books tells it; as computed */
    uint32_t stays;
    int64_t trial_balance; /* of its postings, each of which adds up to 0 */
    size_t differences;    /* 0: equal */
};

/* Tells each feed that net opened and that was not given; returns how many. */
size_t audit_missing(struct audit *audit, audit_found *found, void *context);

/* After all feeds. A settlement document as the hub hands it out, for the close of its month.
 * E_INVALID when it cannot be read, E_NOT_FOUND when no such month is closed. */
must_check int audit_document(struct audit *audit, struct view bytes, struct fault *fault);

/* Closes in books: to be checked in this order, each once. */
size_t audit_closes(const struct audit *audit);
void audit_close_month(const struct audit *audit, size_t index, char month[static 8]);
struct audit_close audit_close_check(struct audit *audit, size_t index, audit_found *found,
                                     void *context);

#endif
