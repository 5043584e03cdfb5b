/* What an audit knows: private to this room. */
#ifndef CORE_AUDIT_KNOWN_H
#define CORE_AUDIT_KNOWN_H

#include "base/map.h"
#include "core/audit/audit.h"
#include "core/audit/canon.h"
#include "core/close/due.h"
#include "passerelle/v1/entries.pb-c.h"

/* A site hears of a change of a pass within seconds; what it let in meanwhile is no lie. */
enum { AUDIT_HEARD_MS = 60000 };

struct pass_event {
    struct pass_event *before;
    int64_t at_utc_ms;
    uint64_t state; /* PassState; 0: another device key */
    uint8_t device_key[ED25519_PUBLIC_LEN];
};
struct known_pass {
    struct view holder_id;
    int64_t issued_utc_ms;
    struct pass_event *last;
};

/* What another feed says of a feed's root at some size: a close's cut, or a restored hub. */
struct known_root {
    struct known_root *next; /* of the same feed */
    uint64_t size;
    struct tree_hash told, found;
    bool reached; /* the feed has that many entries; `found` is filled */
};

struct known_feed {
    struct note_key key;
    struct view id;
    uint32_t number;     /* in the order of opening, from 0 */
    uint64_t opened_seq; /* the entry of net that opened it */
    uint64_t size;       /* entries read */
    bool checked;
    struct known_root *roots;
    struct known_root *epoch; /* where it went on under another key last; NULL: nowhere */
    bool taken_over;          /* it went on under another key, */
    uint64_t taken_size;      /* behind so many entries */
    /* A site's own daemon wrote the entries behind kept_from, up to kept_to: what is wrong with one
     * of them is that site's, and the hub notes it when it comes (LedgerService.ListProblems). */
    bool kept_by_site;
    uint64_t kept_from;
    uint64_t kept_to;
};

enum visit_state { VISIT_NONE, VISIT_OPEN, VISIT_CLOSED, VISIT_GONE, VISIT_PROOF };

/* Visits of one feed, and the proofs that opened them, by 16 bytes. Open addressing. */
struct visit_slot {
    uint8_t key[16];
    int64_t in_utc_ms;
    uint32_t state; /* enum visit_state; VISIT_NONE: free */
    uint32_t fact;  /* its place among the facts */
};
struct visit_table {
    struct visit_slot *slots;
    size_t capacity; /* a power of two */
    size_t count;
    uint64_t seed;
};

/* What `net` and `books` say of the network, in their order: closes are computed from it again. */
struct fact_record {
    uint64_t seq;
    Passerelle__V1__EntryType type;
    struct view id; /* what it is about */
    struct view payload;
};
struct fact_list {
    struct fact_record *all;
    size_t count, alloc;
    struct tree_hash *leaves; /* of every entry: cuts are told of later than read */
    size_t leaf_count, leaf_alloc;
};

/* A visit, when there are closes. A number of an entry is 0 while that has not happened. */
#define FACT_NONE UINT32_MAX
struct fact_visit {
    uint8_t visit_id[16];
    int64_t in_utc_ms, out_utc_ms; /* out 0: not told */
    uint64_t seq, closed_seq, undone_seq;
    uint32_t feed, holder;
    uint32_t replaced_by; /* FACT_NONE: by none */
    int32_t month;
    uint8_t resource;
    bool auto_closed;
};

struct fact_dispute {
    struct view feed_id, visit_id;
    uint32_t visit; /* FACT_NONE until the feed was read */
    int64_t in_utc_ms, out_utc_ms;
    uint64_t resolved_seq, outcome;
};

struct fact_cut {
    struct view feed_id;
    const struct known_feed *feed; /* NULL: net does not know it */
    struct known_root *root;
};
struct fact_close {
    struct month month;
    uint64_t seq;
    int64_t at_utc_ms;
    struct view sha256;
    int64_t paid_cents;
    uint64_t netting;
    struct fact_cut *cuts;
    size_t cut_count;
    struct view handed_out; /* the document as the hub hands it out; empty: not given */
    struct view standing;   /* the document that later closes build on */
    /* What numbers its invoices; none: it was closed before invoices had numbers. */
    const Passerelle__V1__InvoicesNumbered **numbered;
    size_t numbered_count, numbered_alloc;
    uint64_t numbered_seq; /* of the last of them */
};

/* A host's own invoice for a pro forma. */
struct fact_recorded {
    uint64_t seq;
    struct view pro_forma, number, issued_on;
};

struct facts {
    struct fact_list net, books;
    struct fact_close *closes; /* in the order of books */
    size_t close_count, close_alloc;
    struct fact_recorded *recorded; /* in the order of books */
    size_t recorded_count, recorded_alloc;
    struct fact_cut *pending; /* the cut of `pending_month` until its close */
    size_t pending_count, pending_alloc;
    char pending_month[8];
    struct fact_visit *visits;
    size_t visit_count, visit_alloc;
    struct fact_dispute **disputes; /* as opened; */
    size_t dispute_count, dispute_alloc;
    struct fact_dispute **rulings; /* as resolved */
    size_t ruling_count, ruling_alloc;
    struct map dispute_of;
    struct names holders;
    struct known_feed **feeds; /* by number */
    size_t feed_count, feed_alloc;
};

struct audit {
    struct audit_options options;
    struct audit_totals totals;
    struct arena arena;
    struct map passes, feeds, ids; /* ids: carnets, disputes, keys..., with their type in front */
    struct visit_table visits;     /* of the feed at hand */
    uint64_t cut_max;              /* entries of the feed at hand that a close covers */
    struct known_feed *feed;       /* at hand; NULL: net does not know it */
    struct facts facts;
    struct map series; /* of invoices: the last number, uint32_t, as closes were checked */
};

/* The envelope of the entry at hand, already checked. */
struct audit_entry {
    struct view feed_id;
    uint64_t seq;
    int64_t at_utc_ms;
    Passerelle__V1__EntryType type;
};

/* Each: NULL, or what is wrong with the entry. */
const char *known_take(struct audit *audit, const struct audit_entry *entry,
                       const struct canon *payload);
/* A visit that a site's own daemon told counts, whatever is doubtful about it. */
const char *visits_take(struct audit *audit, const struct audit_entry *entry,
                        const struct canon *payload, bool of_site);

void visit_table_clear(struct visit_table *table);
/* The fact of a visit of the feed at hand; FACT_NONE: it has no such visit. */
uint32_t visit_fact(struct audit *audit, struct view visit_id);

/* ---- facts.c ---- */

void facts_init(struct facts *facts, uint64_t seed);
void facts_release(struct facts *facts);
/* Notes a feed that net opens. */
void facts_feed_add(struct audit *audit, struct known_feed *feed);
/* Notes an entry of net or books; NULL, or what is wrong with it. */
const char *facts_take(struct audit *audit, const struct audit_entry *entry,
                       const struct canon *payload, struct view bytes);
void facts_leaf_add(struct fact_list *list, const struct tree_hash *leaf);
/* Notes a visit, when a close covers it; its place, or FACT_NONE. */
uint32_t facts_visit_add(struct audit *audit, uint64_t seq, const struct fact_visit *visit,
                         struct view holder_id);
/* Of the feed at hand, once it is read to its end: the visits that are disputed. */
void facts_feed_end(struct audit *audit);
/* Fills in the roots of net and books that were told. */
void facts_roots_find(struct audit *audit);

/* ---- invoices.c ---- */

/* Tells where the numbers of a close's invoices are not those that follow from the feeds: a gap, a
 * number given twice, another day or hash. Closes are checked in the order of books. */
void invoices_check(struct audit *audit, struct fact_close *close,
                    const Passerelle__V1__SettlementDocument *document, audit_found *found,
                    void *context);

/* ---- compare.c ---- */

/* Tells each field by which two settlement documents differ; returns how many. */
size_t documents_compare(const Passerelle__V1__SettlementDocument *hub,
                         const Passerelle__V1__SettlementDocument *ours, uint64_t seed,
                         audit_found *found, void *context);
/* Tells where a document does not add up; returns how many. */
size_t document_check_sums(const Passerelle__V1__SettlementDocument *hub, audit_found *found,
                           void *context);

#endif
