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
    OP_TARIFF,
    OP_TERMS
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
    bool typed; /* the number of a card */
    int64_t proof_second;
    int64_t in_utc_ms, out_utc_ms;
    struct world_tariff tariff;
    const struct world_version *change;
    bool in_books; /* and not in `net` */
    int attempts;
    bool answered;  /* the client knows */
    bool doubt;     /* it was under way when the power went */
    bool listed;    /* in work.doubts */
    bool done;      /* a node has done it: the answer stands */
    bool forgotten; /* a node had done it, and lost its answer with its disk or to another keeper */
    int64_t done_ms;
    uint64_t seq; /* of the feed that it wrote, then */
    bool accepted;
    struct view answer;
    struct op *next_doubt;
    struct op *next; /* of its endpoint */
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
    struct op *ops[SIM_ENDS_MAX];    /* all, by site + 1 */
    struct mending *mendings;        /* by site, and last the hub's */
    int64_t open_ops;
    int64_t laters; /* what will be asked for somebody who was let in */
    uint64_t id_count;
    struct receipt_seen *receipts_seen; /* by site: the last that was verified */
    uint64_t tariff_seq[16];            /* entry of `net`, of world.tariffs */
    const struct method *check_in, *check_out, *undo, *void_visit, *correct, *paper, *suspend,
        *resume, *revoke, *issue, *tariff;
    bool changing; /* a change of terms is on its way */
    uint64_t compared, cheats_compared, cheats_found, flagged_honest; /* sites beside their peers */
    uint64_t accepted, refused, away, receipts, pushed, changes;
    uint64_t restored, lost, flipped, flips_found, moved, lies, renewed, hub_restored, snapshots;
};

/* What a site may tell its hub that is not so. */
enum lie {
    LIE_NONE,
    LIE_CHANGE, /* other bytes of an entry than it signed */
    LIE_GAP,    /* entries without the one before them */
    LIE_FORK,   /* two signed trees that cannot both be true */
    LIE_STALE   /* one that another push has overtaken: it says nothing */
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

/* A request of a client: made, and sent until it is answered. */
struct op *work_op_new(struct work *work, enum op_kind kind, int site, const struct method *method);
void work_op_begin(struct work *work, struct op *op, const ProtobufCMessage *request);

/* Somebody comes to that site; the desk notes a stay there from paper. */
void work_visit(struct work *work, int site, bool by_card);
void work_note(struct work *work, int site, int64_t in_utc_ms, int64_t out_utc_ms);

/* What was done at this endpoint (site + 1, or 0 for the hub) since then: its answers are lost, and
 * so is what stands behind `size` in its feed, or of the hub behind `books_size` in `books`. */
void work_forget(struct work *work, int end, int64_t since_ms, uint64_t size, uint64_t books_size);
/* What operators did behind these entries of `net` and `books` never was. */
void work_operators_lost(struct work *work, uint64_t net_size, uint64_t books_size);

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
/* A site goes on under a new key: in a new folder with what the hub holds, or in the one that it
 * has. The node must be down. False: the hub could not, try later. */
bool carrier_rejoin(struct work *work, int site, bool fresh);
/* All that is on its way to and from the site's daemon is lost. */
void carrier_forget(struct work *work, int site);
/* And its connections are broken: it has to notice, and to go on. */
void carrier_reset(struct work *work, int site);
void carrier_certify(struct sim_node *node);
/* The next push of the site tells this. */
void carrier_lie(struct work *work, int site, enum lie lie);
/* Starts all, and waits in calm until each has what the hub has. */
void carrier_start(struct work *work);
/* Something was committed at that node; it starts again. */
void carrier_woken(struct work *work, struct sim_node *node);
void carrier_booted(struct work *work, struct sim_node *node);
/* Which site lacks what, of its receipts and of what the hub has; NULL: none lacks anything. */
const char *carrier_waits(struct work *work);
void carrier_release(struct work *work);

/* ---- terms.c: operators change plans, policies, rights and places ---- */

/* Before passes are issued: some plans and employers are not as they were imported. */
void terms_begin(struct work *work);
void terms_plan(struct work *work);
/* A change right now, without links, that must succeed. */
void terms_change_now(struct work *work, struct world_version *version);
void terms_judge(struct work *work, struct op *op, struct node_call *mine);
/* What a site has of a holder's contract; `pass` may be NULL. In a transaction. */
struct model_terms *terms_known(struct work *work, struct sim_node *node, int holder,
                                const struct model_pass *pass, struct arena *arena);
/* That stood at the hub once; with `heard` and time enough it is what stands there now. */
void terms_check(struct work *work, struct sim_node *node, int holder,
                 const struct model_terms *terms, bool heard);
/* The same of all holders, at a site that has heard all. */
void terms_check_all(struct work *work, struct sim_node *node);
/* The hub's clock has worked: its sites may hear of what has changed. */
void terms_ticked(struct work *work);
/* The hub was restored. */
void terms_lost(struct work *work, uint64_t net_size, uint64_t books_size);

/* ---- padding.c: sites that pad their stays ---- */

void padding_plan(struct work *work);
/* At the hub, before the close: who looks padded beside its peers, and by which stays. */
void padding_check(struct work *work);

/* ---- mend.c: disasters, and what operators do about them ---- */

void mend_init(struct work *work);
void mend_release(struct work *work);
void mend_plan(struct work *work);
/* The desk of that site is closed: its daemon is being restored, moved or joined again. */
bool mend_is_closed(struct work *work, int site);
/* Its feed may have gone on from an old backup: a fork is what the hub should find. */
bool mend_may_fork(struct work *work, int site);
/* What is left to be mended; NULL: nothing. */
const char *mend_waits(struct work *work);
void mend_lie_found(struct work *work, int site, enum lie lie);
/* Every lie that was found is still on record. */
void mend_check(struct work *work);

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
