/* A site's own box as the hub sees it from outside: a feed with its key, entries, tree and
 * checkpoints, made with core/ alone, so that it can also lie. It joins a hub of tests/lib/network
 * and pushes to it. */
#ifndef TESTS_LIB_BOX_H
#define TESTS_LIB_BOX_H

#include "core/merkle/checkpoint.h"
#include "lib/network.h"
#include "passerelle/v1/enrol.pb-c.h"
#include "passerelle/v1/sync.pb-c.h"

struct box {
    struct network *network;
    char site_id[41];
    struct ed25519_key key;
    char origin[NOTE_NAME_MAX + 1];
    struct view *entries; /* in the network's arena */
    struct tree_nodes *nodes;
    uint64_t size;
    uint64_t capacity;
    uint64_t known_size; /* of the checkpoint that the hub verified last, as it said */
    struct tree_frontier frontier;
};

/* A join code for the site; a request that uses it with the box's keys; its answer. */
struct join_code;
void box_init(struct box *box, struct network *network, const char *site_id);
struct join_code box_enrol(struct box *box, const char *hub_address);
Passerelle__V1__JoinSiteRequest *box_join_request(struct box *box, const struct join_code *code);
const struct call *box_join(struct box *box, const Passerelle__V1__JoinSiteRequest *request);
/* All three; takes over what the hub holds of the feed. */
void box_begin(struct box *box);
void box_release(struct box *box);

/* Appends bytes as they are; an entry. */
void box_append_bytes(struct box *box, struct view bytes);
void box_append(struct box *box, int64_t appended_utc_ms, Passerelle__V1__EntryType type,
                const ProtobufCMessage *payload);
/* A stay that ended, told by one entry. `number` makes its id. */
void box_stay(struct box *box, const char *holder_id, uint64_t number, int64_t in_utc_ms,
              int64_t out_utc_ms);

/* The entries from `from` on, `packages` packages of them, under a checkpoint of `size`. */
Passerelle__V1__PushEntriesRequest *box_push_request(struct box *box, uint64_t from, uint64_t size,
                                                     size_t packages);
const struct call *box_send(struct box *box, const Passerelle__V1__PushEntriesRequest *request);
/* Pushes until all is there, checks the last receipt, and returns the answer that has it. */
const Passerelle__V1__PushEntriesResponse *box_push_all(struct box *box);

#endif
