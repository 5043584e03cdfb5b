/* The decision of a check-in (DESIGN 4): facts in, decision out. Whoever asks gathers the facts
 * from its own tables; the decision looks at them in the order of one table and stops at the first
 * refusal. A refusal is an answer for the desk, in two languages, with what to do next.
 *
 * Facts may be gathered in steps: those of later steps start as CHECK_IN_FACTS_INIT, which objects
 * to nothing, so that a decision over the first ones is final when it refuses. Pure; any thread. */
#ifndef CORE_VISIT_CHECK_IN_H
#define CORE_VISIT_CHECK_IN_H

#include "core/day/day.h"
#include "core/pass/proof.h"
#include "core/pass/token.h"

/* In the order in which check-in looks; numbers as RefusalCode of desk.proto. */
enum refusal {
    REFUSAL_NONE,
    REFUSAL_BAD_TOKEN,
    REFUSAL_UNKNOWN_KEY,
    REFUSAL_BAD_SIGNATURE,
    REFUSAL_NOT_YET_VALID,
    REFUSAL_EXPIRED,
    REFUSAL_REVOKED,
    REFUSAL_SUSPENDED,
    REFUSAL_PROOF_MISSING,
    REFUSAL_PROOF_STALE,
    REFUSAL_PROOF_REPLAYED,
    REFUSAL_NOT_ENTITLED,
    REFUSAL_SITE_CLOSED,
    REFUSAL_SITE_FULL,
    REFUSAL_ALREADY_IN,
    REFUSAL_NO_CREDIT,
    REFUSAL_CAP_REACHED,
    REFUSAL_OFFLINE_LIMIT,
    REFUSAL_COUNT
};

struct refusal_text {
    const char *name; /* "BAD_TOKEN" */
    const char *sentence_fr;
    const char *sentence_en;
    const char *next_step_fr; /* what the desk does next */
    const char *next_step_en;
};
/* `rule` is "" where the code has one reason only; it chooses the sentence where it has several.
 * OFFLINE_LIMIT also has "catching_up" and "untaken", of a site that hears and decides alone all
 * the same. REFUSAL_NONE is a bug. */
const struct refusal_text *refusal_text(enum refusal code, const char *rule);

struct check_in_facts {
    /* Token or card number. */
    bool unreadable;   /* no token of this network, or no card number */
    bool unknown_pass; /* not known here, and the token alone is not enough */
    bool unknown_key;
    bool forged;
    /* The pass. Days are inclusive. */
    struct day today;
    struct day valid_from;
    struct day valid_until;
    bool revoked; /* the pass, or the device key in the token */
    bool suspended;
    /* The proof. */
    bool proof_needed; /* a phone's pass */
    bool proof_given;
    bool proof_signed; /* by the pass's device, over this token and second */
    enum proof_age proof_age;
    bool proof_seen;
    /* Rules, places, money. */
    const char *entitlement_broken; /* which rule blocks; NULL: none */
    bool site_closed;
    uint32_t capacity;
    uint32_t taken;
    bool already_in;         /* an open desk stay at this site, and a desk is asked for */
    bool no_credit;          /* no unit is left, and the plan refuses overage */
    const char *cap_reached; /* which cap; NULL: none */
    const char *offline_limit; /* this node is away; which allowance is used up; NULL: none */
};
#define CHECK_IN_FACTS_INIT                                                                        \
    ((struct check_in_facts){.valid_from = {INT32_MIN},                                            \
                             .valid_until = {INT32_MAX},                                           \
                             .proof_signed = true,                                                 \
                             .capacity = UINT32_MAX})

struct check_in_decision {
    enum refusal refusal; /* REFUSAL_NONE: let in */
    const char *rule;     /* "zones", "holder_cap"; "" when the code has one reason only */
};
struct check_in_decision check_in_decide(const struct check_in_facts *facts);

#endif
