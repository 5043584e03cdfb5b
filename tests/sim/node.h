/* A node of the simulated network: the real store, services and writer of a hub or a site, on a
 * disk that loses what was not synced, with a clock that is wrong. A crash closes it as a power cut
 * would; the same folder of keys and the same disk open again. */
#ifndef TESTS_SIM_NODE_H
#define TESTS_SIM_NODE_H

#include "lib/vfs_twin.h"
#include "service/service.h"
#include "service/writer.h"
#include "sim/sim.h"

struct node_call; /* one call at a node */
/* The call is over: its answer, or its error, stands in `call`. Runs inside the step. */
typedef void node_done(struct node_call *call);

struct node_call {
    struct call call; /* call.owner points back here */
    struct arena arena;
    struct sim_node *at;
    node_done *done;
    void *context;
    int site; /* whose feed it writes; -1: the hub's `net` */
    /* Taken when the writer had run it: entries of the feed it writes, of `net`, and of each feed
     * (by site) as this node knew them when it decided. */
    uint64_t own_size;
    uint64_t net_size;
    uint64_t *sizes;
    uint64_t receipt; /* entries of the last receipt that a site had */
    uint64_t stated;  /* units that it could cause at worst, as a site said before it decided */
    bool connected;
    bool complete;
    struct model_terms *terms; /* of who asks to come in, as a site has them */
};

struct sim_node {
    struct sim *sim;
    int no; /* endpoint */
    bool is_hub;
    char name[41]; /* "hub", or its site */
    char dir[160];
    char vfs[40];
    struct vfs_twin *disk;
    struct dice chance;
    int64_t clock_off_ms;
    int64_t clock_ppm;
    int64_t clock_since_ms;
    struct env env;
    struct node node;
    struct service service;
    struct writer *writer;
    bool up;
    bool retired;  /* its site is kept by the hub now: it never boots again as it is */
    bool stepping; /* a step is planned */
    bool second;   /* a tick is due within the second */
    bool ticking;
    bool ran;          /* something worth telling is in this transaction */
    uint64_t crash_in; /* operations of the disk until the power goes; 0: not planned */
    bool armed;        /* its own work is under way */
    uint64_t boots;
    int64_t certificate_from_utc_ms; /* of a site's daemon */
    int64_t certificate_to_utc_ms;
    /* The clock closed what was forgotten: told after the commit. */
    void (*ticked)(struct sim_node *node, int64_t now_utc_ms);
    void (*booted)(struct sim_node *node);
    void *owner;
};

/* Makes the disk and opens it empty: `found` is then run in one transaction. */
void node_init(struct sim_node *node, struct sim *sim, int no, const char *name);
typedef int node_change(struct sim_node *node, struct fault *fault);
void node_found(struct sim_node *node, node_change *found);
/* The empty disk on which all are found: at the end of the program. */
void node_forget_disk(void);
/* Starts a node that is down, after a change of its database in one transaction. */
void node_boot_with(struct sim_node *node, node_change *change);
void node_release(struct sim_node *node);

int64_t node_utc_ms(const struct sim_node *node);
/* Sets its clock: off by so much from now on, and drifting. */
void node_set_clock(struct sim_node *node, int64_t off_ms, int64_t ppm);

/* Hands a packed request to a node that is up; false: it is down, nothing happens. Reads are
 * answered at once, writes by a step soon after. */
bool node_call(struct sim_node *node, int site, struct principal who, const struct method *method,
               struct view request, node_done *done, void *context);
/* The same with a message, that is not packed on the way. */
bool node_call_message(struct sim_node *node, int site, struct principal who,
                       const struct method *method, const ProtobufCMessage *request,
                       node_done *done, void *context);
/* Entries of a feed; 0 when it is not there. */
uint64_t node_feed_size(struct sim_node *node, const char *feed_id);
/* Runs what waits, now. */
void node_step(struct sim_node *node);
const struct method *node_method(const char *service, const char *name);

/* The power goes at the disk's operation with that number from now on, or at once for 0. */
void node_plan_crash(struct sim_node *node, uint64_t operation);
void node_crash(struct sim_node *node);
void node_boot(struct sim_node *node);

/* What a daemon looks at when it starts, and what `passerelled check` does then, on a node that is
 * down: pages, feeds, projections beside a replay. When all is well `look` (may be NULL) runs, and
 * *size gets the entries of its own feed. */
must_check int node_check(struct sim_node *node, void (*look)(struct sim_node *), uint64_t *size,
                          struct fault *fault);
/* That part on an open database, in a transaction that is then undone. */
must_check int node_replay(struct sim_node *node, struct db *db, struct fault *fault);

/* Ends the run unless the error is none. */
void node_must(const struct sim_node *node, int err, const struct fault *fault, const char *what);

#endif
