/* What the files of this folder share; nobody else includes it. */
#ifndef SERVICE_DESK_MEMORY_H
#define SERVICE_DESK_MEMORY_H

#include "base/map.h"
#include "base/text.h"
#include "core/day/opening_hours.h"
#include "core/pass/proof.h"
#include "core/policy/spending.h"
#include "service/desk/desk.h"
#include "service/desk/standing.h"
#include "service/desk/turnstile.h"
#include "service/journal.h"
#include "store/view/registry.h"
#include "store/view/visits.h"

enum {
    DESK_PROOFS_MAX = 1 << 19, /* check-ins of three windows of a minute, at 2,900 a second */
    DESK_TOKENS_MAX = 1 << 15, /* verified tokens remembered: 5 MiB */
    DESK_PROOFS_AT_SITE_MAX = 1 << 15,
    DESK_TOKENS_AT_SITE_MAX = 1 << 12, /* 640 KiB */
    DESK_REASON_MAX = 500,
    DESK_TALLIES_MAX = 256, /* plans whose month is remembered */
    DESK_CLOSES_MAX = 256,  /* visits closed in one tick */
};

#define DESK_RESOURCE PASSERELLE__V1__RESOURCE__RESOURCE_DESK

/* A site as the registry has it, and who is in. */
struct desk_site {
    const Passerelle__V1__Site *site;
    struct view id;
    struct opening_hours hours;
    int64_t feed_no;        /* 0: its feed is not open yet */
    bool kept_here;         /* this node appends to its feed; false when read by another thread */
    uint64_t present_epoch; /* `present` counts when this and the day are the desk's */
    struct day present_day;
    uint32_t present[4]; /* by resource */
};

struct desk_plan {
    const Passerelle__V1__Plan *plan;
    const Passerelle__V1__EmployerPolicy *policy; /* NULL: none */
    bool cut_off; /* paid after use, and its issuer owes all that it may */
};

struct desk_proof {
    uint8_t token_hash[SHA256_LEN];
    uint64_t utc_s;
};

struct tally;
struct away_memory; /* away.c */

struct desk {
    struct node *node;
    /* Of the registry at `version`. */
    uint64_t version;
    struct arena registry;
    struct map sites; /* by id */
    struct map feeds; /* the same by feed number, 8 bytes */
    struct map plans;
    const Passerelle__V1__NetworkPolicy *policy;
    const Passerelle__V1__TariffVersion **tariffs;
    struct day *tariff_days; /* valid_from */
    size_t tariff_count;

    struct proof_filter proofs; /* of committed visits */
    struct desk_proof *pending; /* of this transaction */
    size_t pending_count;
    size_t pending_max;

    uint64_t epoch;            /* of presence counts */
    size_t touched;            /* visits changed in this transaction */
    bool ticked;
    struct day names_day;      /* no name of an earlier day is kept */
    int64_t next_close_utc_ms; /* no open visit ends by itself before */
    struct tally *tallies[DESK_TALLIES_MAX];
    size_t tally_next;
    struct away_memory *away; /* a site's: units since the last receipt; NULL: not counted */

    /* A site's: units that the passes it knows could use up, at that state of `net` and limit. */
    struct desk_worst {
        uint64_t net_size;
        uint64_t version;
        uint64_t limit;
        struct day today;
        uint64_t units;
    } worst;
};

/* Reads the registry again when it has changed. First thing in each decide. */
void desk_refresh(struct service *service);
/* The network's; any thread. */
const Passerelle__V1__NetworkPolicy *desk_policy(struct service *service, struct arena *arena);
/* NULL: no such site. The first one for any thread: nothing is remembered. */
struct desk_site *desk_site_read(struct db *db, struct arena *arena, struct view site_id);
struct desk_site *desk_site(struct service *service, struct view site_id);
struct desk_site *desk_site_of_feed(struct service *service, int64_t feed_no);
const struct desk_plan *desk_plan(struct service *service, struct view plan_id);
/* RULES 7: the version on that day (0: none), and its P for a site. */
uint32_t desk_tariff(struct desk *desk, struct day day);
struct spending_prices desk_prices(struct desk *desk, const Passerelle__V1__Site *site,
                                   struct day day);
/* How many are in at the site today, by resource. */
const uint32_t *desk_present(struct service *service, struct desk_site *site);

bool desk_proof_seen(const struct desk *desk, const uint8_t token_hash[static SHA256_LEN],
                     uint64_t utc_s);
void desk_proof_use(struct desk *desk, const uint8_t token_hash[static SHA256_LEN], uint64_t utc_s);

/* A holder's visits of some days, all sites and states; rows and views in the arena. */
struct holder_visits {
    struct visit_row *rows;
    size_t count;
};
struct holder_visits holder_visits(struct service *service, struct arena *arena,
                                   struct view holder_id, struct day from, struct day to);
/* RULES 4: the visit that cuts this one (at a desk, later that day); NULL: none. */
const struct visit_row *visit_cut_by(struct service *service, const struct holder_visits *visits,
                                     const struct visit_row *visit);
/* When a check-in at another desk ended it, in these visits or, at a site, as its hub told; 0:
 * none. */
int64_t visit_cut_utc_ms(struct service *service, const struct holder_visits *visits,
                         const struct visit_row *visit);
/* When it ended, or will by itself (RULES 2-4); 0 while the visitor is in. */
int64_t visit_out_utc_ms(struct service *service, const struct desk_site *site,
                         const struct holder_visits *visits, const struct visit_row *visit);

/* After an entry about a visit of this holder: counts and sums follow. `delta` is +1 when the site
 * gained an open visit, -1 when it lost one that was present, 0: count again. */
void desk_changed(struct service *service, struct desk_site *site, struct view holder_id,
                  const struct visit_row *visit, int delta, const struct holder_visits *visits);

/* After more changes than are worth following: all counts and sums are computed again. */
void desk_changed_much(struct desk *desk);
/* A site's: the hub has acknowledged more of what it wrote. */
void desk_acknowledged(struct desk *desk);

/* ---- answers ---- */

Passerelle__V1__Knowledge *desk_knowledge(struct service *service, struct arena *arena);
size_t desk_occupancy(struct arena *arena, const Passerelle__V1__Site *site,
                      const uint32_t present[4], Passerelle__V1__Occupancy ***out);
/* A row as message, without name; pass number looked up. */
Passerelle__V1__Visit *desk_visit(struct service *service, struct arena *arena, const char *site_id,
                                  const struct visit_row *row, bool cut_short, int64_t out_utc_ms);
/* At a site: the name that the hub told of a visit of today, or "". */
char *desk_name_told(struct service *service, struct arena *arena, struct view visit_id);
/* Names the visitor of a visit that stands in an answer, when it is of today. */
void desk_name_visit(struct service *service, struct call *call, Passerelle__V1__Visit *visit);

/* ---- what requests share ---- */

/* The site of a request: scope, then existence. NULL: the call failed. */
struct desk_site *desk_site_of_call(struct service *service, struct call *call,
                                    const char *site_id);
/* The scanned code, by what prepare left or anew. */
const struct scanned *desk_scanned(struct service *service, struct call *call, const char *scan);
/* Parses the id of a visit: invalid_argument when malformed. */
must_check int desk_visit_id(struct call *call, const char *text, uint8_t uuid[static 16]);
/* A reason: required, printable, at most DESK_REASON_MAX characters. */
must_check int desk_check_reason(struct call *call, const char *reason);

/* ---- money (spending.c) ---- */

struct policy_sums;
/* What the holder may still use, when the plan or the policy asks: fills *sums with what is charged
 * and reserved and what this visit would reserve. False: nothing here asks. */
struct money_question {
    const struct desk_plan *plan;
    struct desk_site *site;
    struct view holder_id;
    Passerelle__V1__Resource resource;
    int64_t now_utc_ms;
};
bool desk_money(struct service *service, struct call *call, const struct money_question *question,
                struct policy_sums *sums, bool *no_credit, const char **cost_centre);
/* A stay as sums of money count it: until when it lasts by RULES 2 and 3, at what prices. */
struct spending_stay desk_stay_of(struct service *service, const struct visit_row *row,
                                  const struct desk_site *site, struct day today);
/* The plan's sums are stale for this holder; a visit of an earlier month makes all of it stale. */
void desk_money_changed(struct desk *desk, struct view holder_id, struct day day);
void desk_money_forget(struct desk *desk);

/* What check-ins ask for, as it is now, over all feeds of this node. */
struct desk_used {
    int64_t units_left; /* after reservations: in a plan's carnets, of a holder's subscription */
    int64_t cents;      /* charged and reserved this month */
};
struct desk_centre {
    const char *cost_centre;
    int64_t cents;
};
/* False: nothing asks. */
bool desk_plan_used(struct service *service, const struct desk_plan *plan, struct day today,
                    struct desk_used *out);
bool desk_holder_used(struct service *service, const struct desk_plan *plan, struct view holder_id,
                      struct day today, struct desk_used *out);
/* All plans of a contract; returns how many cost centres have used something. */
size_t desk_contract_used(struct service *service, const struct desk_plan *const *plans,
                          size_t plan_count, struct day today, struct arena *arena, int64_t *cents,
                          struct desk_centre *centres, size_t max);

/* ---- the methods ---- */

void desk_prepare(struct node *node, struct call *call);
int check_in_decide_call(struct service *service, struct call *call);
int check_in_apply(struct service *service, struct call *call);
void check_in_complete(struct service *service, struct call *call);
int check_out_decide(struct service *service, struct call *call);
int check_out_apply(struct service *service, struct call *call);
void check_out_complete(struct service *service, struct call *call);
int undo_decide(struct service *service, struct call *call);
int undo_apply(struct service *service, struct call *call);
int void_visit_decide(struct service *service, struct call *call);
int void_visit_apply(struct service *service, struct call *call);
int correct_decide(struct service *service, struct call *call);
int correct_apply(struct service *service, struct call *call);
int paper_decide(struct service *service, struct call *call);
int paper_apply(struct service *service, struct call *call);
int import_decide(struct service *service, struct call *call);
int import_apply(struct service *service, struct call *call);
int list_visits(struct service *service, struct call *call);
int watch_open(struct service *service, struct call *call);
int watch_pump(struct service *service, struct stream *stream);

#endif
