/* The daemon of a site in one thread, beside a hub of tests/lib/network: the same uplink and
 * writer's calls as in the process, driven step by step, over a link that a test cuts where it
 * likes. Both share the hub's clock. */
#ifndef TESTS_LIB_OUTPOST_H
#define TESTS_LIB_OUTPOST_H

#include "core/merkle/note.h"
#include "lib/network.h"
#include "passerelle/v1/sync.pb-c.h"
#include "service/sync/uplink.h"

enum outpost_fault {
    LINK_GOOD,
    LINK_DOWN,        /* the hub hears nothing */
    LINK_LOST_ANSWER, /* it does what was asked, and its answer is lost */
    LINK_BUSY,        /* it says that it cannot now */
    LINK_UP_BUSY,     /* the same, of what is pushed; it speaks on */
    LINK_REVOKED,     /* it does not know us any more */
};

struct outpost {
    struct network *hub;
    char site_id[41];
    char dir[160];
    struct node node;
    struct service service;
    struct note_key cosigner;
    struct uplink *uplink;
    enum outpost_fault fault;
    int fault_after;     /* calls that go well before it; then it stays */
    int fault_calls;     /* how many it spoils; 0: all */
    struct call *follow; /* the open stream */
    struct arena follow_arena;
    bool gone_without_certificate;     /* a call was made so */
    const ProtobufCMessage *installed; /* the last RenewSiteResponse */
    /* May change each message of the stream before it is heard. */
    void (*tamper)(Passerelle__V1__FollowResponse *message);
    void (*tamper_snapshot)(Passerelle__V1__GetSnapshotResponse *message);
};

/* Enrols and joins the site, and takes over its feed. The hub has an authority. */
void outpost_init(struct outpost *outpost, struct network *hub, const char *site_id);
void outpost_release(struct outpost *outpost);
/* As a restart of its process. */
void outpost_reopen(struct outpost *outpost);
/* Puts the database aside; puts it back as it was then. */
void outpost_backup(struct outpost *outpost);
void outpost_restore(struct outpost *outpost);

/* One step of a lane; what it was. */
enum uplink_act outpost_step(struct outpost *outpost, enum uplink_lane lane);
/* Steps of both until both wait. */
void outpost_settle(struct outpost *outpost);
/* The same while the clock moves from wait to wait, at most so long. */
void outpost_run(struct outpost *outpost, int64_t ms);

/* A stay that ended, noted from paper, as an entry of its feed. */
void outpost_stay(struct outpost *outpost, uint64_t number);
uint64_t outpost_size(struct outpost *outpost, const char *feed_id);
struct uplink_status outpost_status(struct outpost *outpost);

#endif
