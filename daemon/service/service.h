/* What methods work with. A `struct node` is this process's part in the network, shared by all its
 * threads; a `struct service` is what one thread holds of it: its own connection, and on the writer
 * the journal. Methods get a service and a call, and nothing else.
 *
 * The way of a write: decide reads and objects; apply builds payloads and hands each to
 * journal_append(), which makes the entry, puts it into its feed and changes the projections.
 * Nothing else writes to a projection. Local truth (persons, credentials, refusals, ...) is written
 * by its own room's functions, in the same transaction. */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include <stdatomic.h>

#include "base/env.h"
#include "base/log.h"
#include "core/day/day.h"
#include "core/entry/entry.h"
#include "service/method.h"
#include "store/db/db.h"

struct keyring;   /* service/keyring.h */
struct journal;   /* service/journal.h */
struct desk;      /* service/desk/: the writer's memory of proofs, places and counters */
struct note_key;  /* core/merkle/note.h */
struct uplink;    /* service/sync/uplink.h */
struct turnstile; /* service/desk/turnstile.h */

/* What a node is in its network: the hub, or the daemon of one site. */
enum node_role { NODE_HUB, NODE_SITE };

/* Set before the threads start and unchanged after, but for the atomics. */
struct node {
    enum node_role role;
    char site_id[41];    /* of a site's daemon; empty at the hub */
    const char *hub_url; /* of a site's daemon: where its hub is; NULL at the hub */
    const struct env *env;
    const struct log *log;
    char network_id[41];
    bool demo;
    struct keyring *keys;
    const char *state_dir;
    /* Bumped after each commit, so that streams and caches know that there is something new. */
    _Atomic uint64_t commits;
    /* Set by the method that revoked a credential; after the commit, whoever runs the writer makes
     * the transport ask again who everyone is. */
    _Atomic bool credentials_changed;
    /* Bumped by the writer whenever members, sites, contracts, keys or persons may have changed (or
     * such a change was undone): what was cached of them is read again. */
    _Atomic uint64_t registry_version;
    struct uplink *uplink;           /* of a site's daemon; NULL at the hub */
    const struct note_key *cosigner; /* of a site's daemon: whose receipts count; NULL at the hub */
    /* Of a site's daemon: when it last heard from its hub, by the business clock (0: never) and by
     * the monotonic one (0: not since the start); whether it ever had all that the hub had. Who
     * was away hears again, and is `behind` until it has all: then it counts as heard. */
    _Atomic int64_t heard_utc_ms;
    _Atomic int64_t heard_ns;
    _Atomic bool complete;
    _Atomic bool behind;
    /* Since when, by the monotonic clock, the hub has taken nothing of what this site has for it
     * (0: nothing waits); HUB_REFUSES: it will not. */
    _Atomic int64_t untaken_ns;
    /* A hub's: some site follows, so that each new head of `net` is signed as it comes; the size
     * that was signed last, and the last version of knowledge. A stream compares them with what it
     * sent and reads nothing when they are the same; both may run ahead of a commit. */
    _Atomic bool followed;
    _Atomic uint64_t net_published;
    _Atomic uint64_t knowledge_version;
    _Atomic uint64_t snapshot_size; /* of `net`, in the last snapshot that was written; 0: none */
    /* Until a site's daemon knows that it has the whole of its own feed, nothing is written: it may
     * have been restored from a backup. */
    _Atomic bool catching_up;
    /* A site's: which of its own entries came back from the hub, until that is told; 0: none. */
    _Atomic uint64_t recovered_from;
    _Atomic uint64_t recovered_to;
    /* At a site: units that passes used since its last receipt, and how many of these are more than
     * the allowances that stand now. */
    _Atomic uint64_t units_spent;
    _Atomic uint64_t units_beyond;
    _Atomic bool units_counted; /* both, since the start */
    /* Begins work(context) on another thread, NULL when none is to be had, and waits for its end.
     * NULL: everybody works alone. */
    struct helper *(*help_begin)(void (*work)(void *context), void *context);
    void (*help_end)(struct helper *helper);
    /* Between two pieces of long work beside the writer: lets those go first who are at doors.
     * NULL: there is no other thread. */
    void (*give_way)(const struct node *node);
    _Atomic int64_t door_ns; /* when a call that is not bulk came last, monotonic; 0: none did */
    /* Verified tokens, for all threads. NULL where nobody checks in. */
    struct turnstile *turnstile;
};

/* Where the keeping of knowledge for sites stands (service/sync/knowledge.h). */
struct knowledge_memory {
    bool began;
    bool remote;   /* some site has a daemon of its own */
    bool sweeping; /* all is compared with the tables, from `step` and behind `after` on */
    bool again;    /* and then once more */
    size_t step;
    char after[64];
    int32_t today;
    uint64_t registry_version;
    uint64_t version; /* after the last tick */
    bool all;         /* not all feeds were looked at since a start */
    uint64_t commits; /* feeds that changed later were not (feeds_changed()) */
};

struct service {
    struct node *node;
    struct db *db;
    struct journal *journal;           /* NULL on readers */
    struct desk *desk;                 /* NULL on readers */
    struct knowledge_memory knowledge; /* the writer's, at a hub */
};

enum { HEARTBEAT_S = 15, HEARTBEATS_MISSED = 3, HUB_REFUSES = -1 };
/* Whether the last word of its hub is no older than three heartbeats. */
bool node_hears(const struct node *node);
/* Whether the hub takes none of what a site's daemon writes: it refuses it, or is heard and has had
 * it for three heartbeats without a word of more. At the hub, false. */
bool node_is_untaken(const struct node *node);
/* Whether a site's daemon is being told what it has not heard yet. At the hub, false. */
bool node_is_catching_up(const struct node *node);
/* Whether a site's daemon heard from its hub within three heartbeats, and is not untaken: what it
 * spends is known there. At the hub, true. */
bool node_is_connected(const struct node *node);

/* ---- what every method needs ---- */

/* The business clock, UTC ms; the Paris day it is. */
int64_t service_now(const struct service *service);

/* Row-level scope: ends the call with permission_denied unless the caller may act on this party.
 * Operators may on all. The sentence is the same whether or not the party exists, so that ids of
 * others cannot be tried out. Return 0 when allowed. */
must_check int scope_employer(struct service *service, struct call *call, struct view employer_id);
must_check int scope_member(struct service *service, struct call *call, struct view member_id);
/* A site's own desk or daemon, its member, operators. */
must_check int scope_site(struct service *service, struct call *call, struct view site_id);
/* Whether the caller is an operator, or an auditor that only reads. */
bool scope_is_operator(const struct call *call);

/* Checks an id's shape: invalid_argument with a FieldViolation when it is malformed. */
must_check int call_check_id(struct call *call, const char *field, const char *id);
/* Parses the request id (UUIDv7, lower case): invalid_argument when it is malformed. */
must_check int call_check_request_id(struct call *call, const char *request_id, uint8_t uuid[16]);
/* Parses the field "month" of a request ("2026-10"): invalid_argument when it is malformed. */
must_check int call_check_month(struct call *call, const char *text, struct month *out);
/* invalid_argument with a FieldViolation detail. Returns -1. */
int call_violation(struct call *call, const char *field, const char *fmt, ...) printf_like(3, 4);
/* A file is handed out in parts; its SHA-256 tells whether they are of one file. What `offset` and
 * the limit leave of `whole`, in the call's arena; fails the call when it is past the end. */
struct file_part {
    struct view content;
    struct view sha256; /* of the whole */
};
must_check int call_part(struct call *call, struct view whole, uint64_t offset,
                         struct file_part *out);
/* An initialised response of the method's output type, in the call's arena; sets call->response. */
void *call_respond(struct call *call);

/* Two operators (DESIGN 8): when the policy asks for two and nobody else asked for exactly this
 * before, records the wish and returns its id (the caller answers with it and applies nothing);
 * otherwise forgets the pending wish and returns NULL: go ahead. `digest` identifies the command
 * without its request id. Writer only. *approved_by gets both authors, comma separated, when it
 * goes ahead. */
const char *approval_ask(struct service *service, struct call *call, struct view digest,
                         const char *summary, const char **approved_by);

#endif
