/* What happens in the simulated network: who works at which node, what they ask for, and what the
 * model says to each answer. */
#ifndef TESTS_SIM_WORK_H
#define TESTS_SIM_WORK_H

#include "crypt/ed25519.h"
#include "sim/model.h"
#include "sim/node.h"

enum op_kind {
    OP_CHECK_IN,
    OP_CHECK_OUT,
    OP_UNDO,
    OP_VOID,
    OP_CORRECT,
    OP_PAPER,
    OP_SUSPEND,
    OP_RESUME,
    OP_REVOKE,
    OP_ISSUE,
    OP_TARIFF
};

/* One request of a client. It is sent until it is answered, always the same bytes. */
struct op {
    enum op_kind kind;
    int site; /* -1: at the hub, about `net` */
    struct principal who;
    const struct method *method;
    struct view request;
    uint8_t id[16];
    uint8_t about[16]; /* visit */
    int pass;
    int holder;
    int resource;
    bool phone_proof;
    int64_t proof_second;
    int64_t in_utc_ms, out_utc_ms;
    struct world_tariff tariff;
    int attempts;
    bool answered; /* the client knows */
    bool doubt;    /* it was under way when the power went */
    bool listed;   /* in work.doubts */
    bool done;     /* a node has done it: the answer stands */
    bool accepted;
    struct view answer;
    struct op *next_doubt;
};

/* Somebody with a pass. */
struct person {
    int holder;
    int pass; /* in the model; -1: none yet */
    char *token;
    struct ed25519_key device;
};

struct carrier;

struct work {
    struct sim *sim;
    struct world world;
    struct model model;
    struct sim_node hub;
    struct sim_node *sites; /* by site; those with a daemon of their own are in use */
    struct carrier *carriers;
    struct person persons[128];
    int person_count;
    struct op *doubts[SIM_ENDS_MAX]; /* by endpoint */
    int64_t open_ops;
    uint64_t id_count;
    const struct method *check_in, *check_out, *undo, *void_visit, *correct, *paper, *suspend,
        *resume, *revoke, *issue, *tariff;
    uint64_t accepted, refused, away, receipts, pushed;
};

void work_init(struct work *work, struct sim *sim);
void work_release(struct work *work);
/* Plans everything that happens on the days of work. */
void work_plan(struct work *work);

struct sim_node *work_node(struct work *work, int site);
/* A call right now, without links, that must succeed. The answer lives in the run's arena. */
const void *work_must(struct work *work, struct sim_node *node, int site, struct principal who,
                      const char *service, const char *method, const ProtobufCMessage *request);
struct principal work_who(enum role role, const char *party);
char *work_request_id(struct work *work, uint8_t id[static 16]);

/* Hooks of a node's writer. */
void work_sizes(struct work *work, struct sim_node *node, struct node_call *call);
void work_own_size(struct work *work, struct sim_node *node, struct node_call *call);
/* The node lost its power by a planned fault: it comes back later. */
void work_down(struct work *work, struct sim_node *node);
/* After a boot: what was under way is sent again before anything else. */
void work_boot(struct sim_node *node);

void work_committed(struct work *work, struct sim_node *node);

/* ---- carrier.c: drives the uplink of each site's daemon over the links ---- */

/* Gives the site a daemon: a new epoch of its feed, and a node that has nothing yet. */
void carrier_join(struct work *work, int site);
/* Starts all, and waits in calm until each has what the hub has. */
void carrier_start(struct work *work);
/* Something was committed at that node; it starts again. */
void carrier_woken(struct work *work, struct sim_node *node);
void carrier_booted(struct work *work, struct sim_node *node);
/* All that each site has is at the hub, and the reverse. */
bool carrier_is_idle(struct work *work);
void carrier_release(struct work *work);

/* ---- check.c: what must hold ---- */

/* What was acknowledged is there, at the node that did it, as the model has it. */
void check_kept(struct work *work, struct sim_node *node);
/* The hub's copy of each feed is a beginning of the site's. */
void check_prefix(struct work *work, int site);
/* Feeds verify; projections equal a replay. */
void check_replay(struct work *work, struct sim_node *node);
/* After calm: the same everywhere, and the close is the model's. */
void check_equal(struct work *work);
void check_close(struct work *work);

#endif
