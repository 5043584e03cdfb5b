/* What an audit knows: private to this room. */
#ifndef CORE_AUDIT_KNOWN_H
#define CORE_AUDIT_KNOWN_H

#include "base/map.h"
#include "core/audit/audit.h"
#include "core/audit/canon.h"

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

struct known_feed {
    struct note_key key;
    bool checked;
};

enum visit_state { VISIT_NONE, VISIT_OPEN, VISIT_CLOSED, VISIT_GONE, VISIT_PROOF };

/* Visits of one feed, and the proofs that opened them, by 16 bytes. Open addressing. */
struct visit_slot {
    uint8_t key[16];
    int64_t in_utc_ms;
    uint64_t state; /* enum visit_state; VISIT_NONE: free */
};
struct visit_table {
    struct visit_slot *slots;
    size_t capacity; /* a power of two */
    size_t count;
    uint64_t seed;
};

struct audit {
    struct audit_options options;
    struct audit_totals totals;
    struct arena arena;
    struct map passes, feeds, ids; /* ids: carnets, disputes, keys..., with their type in front */
    struct visit_table visits;     /* of the feed at hand */
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
const char *visits_take(struct audit *audit, const struct audit_entry *entry,
                        const struct canon *payload);

void visit_table_clear(struct visit_table *table);

#endif
