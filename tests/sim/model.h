/* The second, simple model: what DESIGN 4 and RULES say must happen, written again over plain
 * arrays. It shares with daemon/ only ids and times. It hears of each decision when a node has
 * committed it, predicts it first, and at the end computes the close.
 *
 * What a node can know is a set of entries: all of the feeds that it keeps, and of the others as
 * far as its copies reach. So each fact carries the feed and the number of its entry. */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include "sim/world.h"

enum model_state { MODEL_OPEN, MODEL_CLOSED, MODEL_VOID, MODEL_CORRECTED, MODEL_LOST };

struct model_visit {
    uint8_t id[16];
    int site;
    int holder;
    int resource;
    int64_t in_utc_ms;
    int64_t out_utc_ms; /* 0: not told */
    enum model_state state;
    bool auto_closed;
    bool noted;         /* from paper: nobody decided it */
    bool away;          /* decided by a site that did not hear the network */
    uint64_t begun_seq; /* entry of its site's feed */
    uint64_t ended_seq; /* that made it void or corrected; 0: none */
    uint64_t closed_seq;
    uint64_t changed_seq; /* the last one that said anything of it */
};

struct model_pass {
    int holder;
    char pass_id[40];
    char number[16];
    uint64_t issued_seq; /* in `net` */
    /* What stood there then, which it goes on telling. */
    struct world_holder right;
    unsigned resources; /* that its employer allowed: stands in its token */
    int offline_rule;
    bool gone; /* its entry was lost with the hub's disk */
    /* Its states, by entry of `net`. */
    struct {
        uint64_t seq;
        int state; /* 1 active, 2 suspended, 3 revoked */
    } states[32];
    int state_count;
};

/* A proof that let somebody in or out. */
struct model_proof {
    int pass;
    int64_t second;
    int site;
    uint64_t seq;
};

/* What an entry of a site's feed did to a visit, so that it can be undone. */
struct model_change {
    int site; /* -1: it was undone */
    uint64_t seq;
    size_t visit;
    bool made;
    struct model_visit before;
};

struct model {
    const struct world *world;
    struct model_visit *visits;
    size_t visit_count, visit_max;
    struct model_pass passes[256];
    int pass_count;
    struct model_proof *proofs;
    size_t proof_count, proof_max;
    struct model_change *changes;
    size_t change_count, change_max;
};

/* Who decides, when, and what it knows: `sizes` by site, entries of that feed; those of a feed
 * that it keeps are all known. */
struct model_knows {
    int64_t now_utc_ms;
    uint64_t net_size;
    const uint64_t *sizes;
    bool late; /* what became void or was lost elsewhere is not taken back yet at `site` */
    int site;
};

void model_init(struct model *model, const struct world *world);
void model_release(struct model *model);

/* What a node knows of a holder's contract. */
struct model_terms {
    struct day from, to;
    bool has_plan;
    struct world_plan plan;
    struct world_policy policy;
};
/* As it is now, which the hub knows. */
struct model_terms model_terms_of(const struct world *world, const struct world_holder *holder);

/* Codes of refusals as in the contract; 0: let in. */
enum {
    MODEL_BAD_TOKEN = 1,
    MODEL_SITE_FULL = 13,
    MODEL_ALREADY_IN,
    MODEL_NO_CREDIT,
    MODEL_CAP_REACHED,
    MODEL_OFFLINE_LIMIT
};
enum { MODEL_MONEY = 1000 };
struct model_question {
    int site;
    int pass; /* -1: nobody's */
    int resource;
    bool phone_proof;
    bool typed; /* its number: the token was not seen */
    int64_t proof_second;
    const struct model_terms *terms;
};
/* The refusal that must come; MODEL_MONEY: let in, NO_CREDIT or CAP_REACHED. */
int model_check_in(const struct model *model, const struct model_knows *knows,
                   const struct model_question *question);

/* How many are in there, each who has gone on elsewhere left out. */
uint32_t model_taken(const struct model *model, const struct model_knows *knows, int site,
                     int resource);

/* Whether the holder of the pass has a desk there already. */
bool model_is_in(const struct model *model, const struct model_knows *knows,
                 const struct model_question *question);

struct model_visit *model_add(struct model *model, const struct model_visit *visit);
struct model_visit *model_find(struct model *model, const uint8_t id[static 16]);
/* Before a visit changes by the entry `seq` of its site's feed. */
void model_changes(struct model *model, struct model_visit *visit, uint64_t seq);
/* The last thing that the node's clock does: what is open at that site past its closing time ends,
 * by entries up to `seq`. */
void model_tick(struct model *model, int site, int64_t now_utc_ms, uint64_t seq);
/* Whether it would end anything. */
bool model_is_due(const struct model *model, int site, int64_t now_utc_ms);
/* A disaster: of the site's feed only so many entries are left. Returns how many visits are gone,
 * or as they were before. */
size_t model_truncate(struct model *model, int site, uint64_t size);
void model_proof_used(struct model *model, const struct model_proof *proof);
/* DESIGN 4, offline bound: units that a holder's passes have surely used at the site since its
 * entry `receipt`, which is the last that the hub has acknowledged; an open stay counts as what it
 * may become. */
int64_t model_spent(const struct model *model, int site, int holder, uint64_t receipt);
/* The same of all holders together, by visits that the site decided away. */
int64_t model_spent_away(const struct model *model, int site, uint64_t receipt);
bool model_is_open(const struct world *world, int site, int64_t utc_ms);
/* RULES 2, 3. */
int64_t model_closing(const struct world *world, int site, int64_t in_utc_ms);

/* ---- the close ---- */

struct model_document {
    int kind; /* DocumentKind */
    char seller[16];
    char buyer[16];
    int64_t net_cents, vat_cents, gross_cents;
};

struct model_close {
    int64_t stays, visit_days, half_days, days, room_hours, units_used;
    int64_t auto_closed, cut_short, grace, outside_validity, overdraft;
    struct model_document documents[2000];
    size_t document_count;
    int64_t positions[100]; /* by member */
};
void model_close(const struct model *model, struct month month, struct model_close *out);

#endif
