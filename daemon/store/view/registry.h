/* Reading the projections of `net` and `books`: members, sites, tariffs, contracts, passes. Each
 * function reads inside the caller's transaction and unpacks into the caller's arena; what is not
 * there is NULL (or false). Errors of the database stick in `db`: the caller checks once. Any
 * thread, on that thread's connection. */
#ifndef STORE_VIEW_REGISTRY_H
#define STORE_VIEW_REGISTRY_H

#include "base/arena.h"
#include "core/day/day.h"
#include "passerelle/v1/desk.pb-c.h"
#include "passerelle/v1/employer.pb-c.h"
#include "passerelle/v1/entries.pb-c.h"
#include "passerelle/v1/network.pb-c.h"
#include "passerelle/v1/pass.pb-c.h"
#include "passerelle/v1/settlement.pb-c.h"
#include "store/db/db.h"

/* ---- one thing by its id ---- */

struct registry_network {
    const char *network_id; /* NULL: the network has not begun */
    const char *name;
    bool demo;
};
struct registry_network registry_network(struct db *db, struct arena *arena);

/* The policy in force; a network without one has the defaults of network.proto. Never NULL. */
const Passerelle__V1__NetworkPolicy *registry_policy(struct db *db, struct arena *arena);
/* The defaults, filled in. */
Passerelle__V1__NetworkPolicy *registry_policy_defaults(struct arena *arena);

const Passerelle__V1__Member *registry_member(struct db *db, struct arena *arena, struct view id);
const Passerelle__V1__BankAccount *registry_account(struct db *db, struct arena *arena,
                                                    struct view member_id);
/* With its state filled in. */
const Passerelle__V1__Site *registry_site(struct db *db, struct arena *arena, struct view id);
const Passerelle__V1__Employer *registry_employer(struct db *db, struct arena *arena,
                                                  struct view id);
const Passerelle__V1__EmployerPolicy *registry_employer_policy(struct db *db, struct arena *arena,
                                                               struct view employer_id);
const Passerelle__V1__Plan *registry_plan(struct db *db, struct arena *arena, struct view id);
const Passerelle__V1__Carnet *registry_carnet(struct db *db, struct arena *arena, struct view id);
/* How a member's accounts are kept; NULL: by the default chart. */
const Passerelle__V1__Chart *registry_chart(struct db *db, struct arena *arena,
                                            struct view member_id);
/* The right of a holder, without the person. */
const Passerelle__V1__HolderPut *registry_holder(struct db *db, struct arena *arena,
                                                 struct view id);
/* The tariff version with this number. */
const Passerelle__V1__TariffVersion *registry_tariff(struct db *db, struct arena *arena,
                                                     uint32_t version);
/* Who keeps a feed now; the hub, when `net` says nothing of it. */
Passerelle__V1__FeedKeeper registry_feed_keeper(struct db *db, struct view feed_id);
/* How a feed goes on since its last epoch began. */
struct registry_epoch {
    const char *origin;
    const uint8_t *public_key; /* 32 bytes */
    Passerelle__V1__FeedKeeper keeper;
    uint64_t old_size;
    struct view old_root; /* 32 bytes; empty when there was nothing */
    uint64_t opened_by;   /* the entry of `net` */
};
bool registry_feed_epoch(struct db *db, struct arena *arena, struct view feed_id,
                         struct registry_epoch *out);
/* RULES 7: the version with the latest valid_from not after the day; 0 when there is none. */
uint32_t registry_tariff_version_on(struct db *db, struct day day);
/* Latest charter version; 0: none. */
uint32_t registry_charter_latest(struct db *db);
/* Latest charter version that the member accepted; 0: none. */
uint32_t registry_charter_accepted(struct db *db, struct view member_id);

/* ---- walking ---- */

/* Which table to walk, in the order of its ids. */
enum registry_table {
    REGISTRY_MEMBERS,   /* Passerelle__V1__Member */
    REGISTRY_ACCOUNTS,  /* Passerelle__V1__BankAccount */
    REGISTRY_SITES,     /* Passerelle__V1__Site, state filled in */
    REGISTRY_EMPLOYERS, /* Passerelle__V1__Employer */
    REGISTRY_PLANS,     /* Passerelle__V1__Plan */
    REGISTRY_CARNETS,   /* Passerelle__V1__Carnet */
    REGISTRY_HOLDERS,   /* Passerelle__V1__HolderPut */
    REGISTRY_TARIFFS,   /* Passerelle__V1__TariffVersion, by version */
    REGISTRY_CHARTERS,  /* Passerelle__V1__Charter, by version */
};
/* Calls `each` with every record; stops when it returns false. The message lives in an arena that
 * is cleared after each call: copy what must stay. */
void registry_walk(struct db *db, enum registry_table table,
                   bool (*each)(void *context, const ProtobufCMessage *record), void *context);
/* How many rows it has. */
int64_t registry_count(struct db *db, enum registry_table table);

/* ---- passes ---- */

/* A pass as check-in needs it. */
struct registry_pass {
    const Passerelle__V1__PassIssued *issued;
    Passerelle__V1__PassState state; /* as set; EXPIRED is for the caller's clock to say */
    struct view device_public_key;   /* empty: not activated, or a card */
    struct view replaced_by;         /* empty: not replaced */
};
bool registry_pass(struct db *db, struct arena *arena, struct view pass_id,
                   struct registry_pass *out);
/* Only whose it is and its device's key, in a third of the time. */
bool registry_pass_device(struct db *db, struct arena *arena, struct view pass_id,
                          struct view *holder_id, struct view *device_public_key);
bool registry_pass_by_number(struct db *db, struct arena *arena, struct view number,
                             struct registry_pass *out);
/* The pass of a holder that is neither revoked nor replaced. */
bool registry_pass_of_holder(struct db *db, struct arena *arena, struct view holder_id,
                             struct registry_pass *out);
/* Passes with an id after `after`, in the order of their ids; empty views let all through. Each is
 * good until the call that got it returns; stops when that answers false. */
struct registry_pass_filter {
    struct view after;
    struct view employer_id;
    struct view holder_id;
    struct view issuer_member_id; /* of the employer, as it is now */
    int64_t limit;
};
void registry_walk_passes(struct db *db, const struct registry_pass_filter *filter,
                          bool (*each)(void *context, const struct registry_pass *pass),
                          void *context);
/* For the API: the pass as message, EXPIRED when its last day is before `today`. */
Passerelle__V1__Pass *registry_pass_message(const struct registry_pass *pass, struct day today,
                                            struct arena *arena);

/* ---- keys ---- */

struct registry_key {
    struct view key_id;
    struct view public_key;
    int64_t from_utc_ms;
    int64_t retired_utc_ms; /* 0: in use */
};
/* Keys of a purpose, newest first; returns how many. */
size_t registry_signing_keys(struct db *db, struct arena *arena, Passerelle__V1__KeyPurpose purpose,
                             struct registry_key *keys, size_t max);

#endif
