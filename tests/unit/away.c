#define _GNU_SOURCE /* memmem */
/* A site's own daemon at its desk: what it decides by what its hub told, and while it hears
 * nothing. Site s004 with a daemon of its own, all others at the hub. */
#include <check.h>
#include <stdlib.h>

#include "core/day/day.h"
#include "core/ident/uuid.h"
#include "core/pass/token.h"
#include "core/policy/offline.h"
#include "lib/listener.h"
#include "passerelle/v1/desk.pb-c.h"
#include "passerelle/v1/employer.pb-c.h"
#include "passerelle/v1/pass.pb-c.h"
#include "passerelle/v1/sync.pb-c.h"
#include "service/desk/away.h"
#include "passerelle/v1/settlement.pb-c.h"
#include "service/journal.h"
#include "service/sync/take.h"
#include "store/view/registry.h"
#include "store/view/visits.h"
#include "wire/pack.h"

#define NEW(stem) network_new(&hub, &passerelle__v1__##stem##__descriptor)
#define CODE(name) PASSERELLE__V1__REFUSAL_CODE__REFUSAL_CODE_##name
#define HOUR ((int64_t)HOUR_MS)

static struct network hub;
static struct listener site;

static void setup(void)
{
    network_init(&hub, true, 21);
    network_authority(&hub);
    network_import(&hub, network_reference_dir());
    listener_begin(&site, &hub, "s004");
    listener_wait(&site, 3 * HOUR); /* eleven in the morning: open everywhere */
}

static void teardown(void)
{
    listener_push(&site);
    listener_hear(&site);
    network_check_tables(&site.site);
    network_check(&hub);
    listener_release(&site);
    network_release(&hub);
}

static char *text(const char *string)
{
    return wire_string(&hub.arena, view_of(string));
}

static struct principal operator(void)
{
    return network_who(ROLE_OPERATOR, "olive");
}

/* ---- visitors with cards ---- */

static char *last_pass_id; /* of the last card */

/* A holder on a card, under a plan of e001; returns what its code shows. */
static const char *card(const char *plan_id, const char *holder_id)
{
    Passerelle__V1__ImportHoldersRequest *put = NEW(import_holders_request);
    put->request_id = network_request_id(&hub);
    put->employer_id = text("e001");
    put->csv = wire_bytes(view_of(
        arena_printf(&hub.arena,
                     "holder_id,employer_id,plan_id,given_name,family_name,email,cost_centre,"
                     "medium,active_from,active_to\n%s,e001,%s,Zoé,Zèle,%s@example.org,CC1,card,"
                     "2026-01-01,\n",
                     holder_id, plan_id, holder_id)));
    const Passerelle__V1__ImportHoldersResponse *imported =
        network_must(&hub, operator(), "EmployerService", "ImportHolders", &put->base);
    ck_assert(imported->report->done);
    Passerelle__V1__IssuePassesRequest *issue = NEW(issue_passes_request);
    issue->request_id = network_request_id(&hub);
    issue->holder_ids = ARENA_ARRAY(&hub.arena, 1, char *);
    issue->holder_ids[0] = text(holder_id);
    issue->n_holder_ids = 1;
    const Passerelle__V1__IssuePassesResponse *issued =
        network_must(&hub, operator(), "PassService", "IssuePasses", &issue->base);
    last_pass_id = issued->passes[0]->pass->pass_id;
    return issued->passes[0]->token;
}

static void put_plan(const char *plan_id, int type, int overage, uint32_t units,
                     int64_t holder_cap_cents, int64_t contract_cap_cents, int rule)
{
    Passerelle__V1__PutPlanRequest *request = NEW(put_plan_request);
    Passerelle__V1__Plan *plan = NEW(plan);
    plan->plan_id = text(plan_id);
    plan->employer_id = text("e001");
    plan->type = (Passerelle__V1__PlanType)type;
    plan->overage = (Passerelle__V1__Overage)overage;
    plan->included_units = units;
    plan->monthly_fee_cents = type == PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_SUBSCRIPTION ? 8900 : 0;
    plan->holder_cap_cents = holder_cap_cents;
    plan->contract_cap_cents = contract_cap_cents;
    plan->offline_rule = (Passerelle__V1__OfflineRule)rule;
    request->request_id = network_request_id(&hub);
    request->plan = plan;
    network_must(&hub, operator(), "EmployerService", "PutPlan", &request->base);
}

static void sell_carnet(const char *plan_id, const char *carnet_id, uint32_t units)
{
    Passerelle__V1__SellCarnetRequest *request = NEW(sell_carnet_request);
    Passerelle__V1__Carnet *carnet = NEW(carnet);
    carnet->carnet_id = text(carnet_id);
    carnet->plan_id = text(plan_id);
    carnet->units = units;
    carnet->price_cents = 1000 * (int64_t)units;
    carnet->valid_months = 6;
    carnet->bought_on = text("2026-11-03");
    request->request_id = network_request_id(&hub);
    request->carnet = carnet;
    network_must(&hub, operator(), "EmployerService", "SellCarnet", &request->base);
}

/* ---- desks ---- */

static Passerelle__V1__CheckInRequest *ask(struct network *at, const char *site_id,
                                           const char *token)
{
    Passerelle__V1__CheckInRequest *request =
        network_new(at, &passerelle__v1__check_in_request__descriptor);
    request->request_id = network_request_id(at);
    request->site_id = text(site_id);
    request->credential_case = PASSERELLE__V1__CHECK_IN_REQUEST__CREDENTIAL_SCAN;
    request->scan = text(token);
    return request;
}

static const Passerelle__V1__CheckInResponse *check_in(struct network *at, const char *site_id,
                                                       const char *token)
{
    return network_must(at, network_who(ROLE_DESK, site_id), "DeskService", "CheckIn",
                        &ask(at, site_id, token)->base);
}

static const Passerelle__V1__CheckInResponse *here(const char *token)
{
    return check_in(&site.site, "s004", token);
}

static const Passerelle__V1__Visit *let_in(const Passerelle__V1__CheckInResponse *response)
{
    ck_assert_msg(response->accepted, "%s",
                  response->accepted ? "" : response->refusal->sentence_en);
    return response->visit;
}

static void refused(const Passerelle__V1__CheckInResponse *response, int code, const char *rule)
{
    ck_assert_msg(!response->accepted, "let in, not refused with %d", code);
    ck_assert_msg((int)response->refusal->code == code, "%s, not %d",
                  response->refusal->sentence_en, code);
    ck_assert_str_eq(response->refusal->rule, rule);
}

static void leave(struct network *at, const char *site_id, const char *visit_id)
{
    Passerelle__V1__CheckOutRequest *request =
        network_new(at, &passerelle__v1__check_out_request__descriptor);
    request->request_id = network_request_id(at);
    request->site_id = text(site_id);
    request->who_case = PASSERELLE__V1__CHECK_OUT_REQUEST__WHO_VISIT_ID;
    request->visit_id = text(visit_id);
    network_must(at, network_who(ROLE_DESK, site_id), "DeskService", "CheckOut", &request->base);
}

static const Passerelle__V1__ListVisitsResponse *list(struct network *at, const char *site_id)
{
    Passerelle__V1__ListVisitsRequest *request =
        network_new(at, &passerelle__v1__list_visits_request__descriptor);
    request->site_id = text(site_id);
    return network_must(at, network_who(ROLE_DESK, site_id), "DeskService", "ListVisits",
                        &request->base);
}

enum {
    CARNET = 1,
    SUBSCRIPTION = 2,
    USAGE = 3,
    CHARGE = 1,
    REFUSE = 2,
    ALWAYS = 1,
    ALLOWANCE = 2,
    NEVER = 3
};

static int64_t names_at(struct network *at)
{
    struct fault fault = FAULT_NONE;
    DB_SQL(count_names, "SELECT (SELECT COUNT(*) FROM visitor_name) + "
                        "(SELECT COUNT(*) FROM knowledge WHERE kind = 7)");
    ck_assert_int_eq(db_begin_read(at->service.db, &fault), E_OK);
    struct query *query = db_query(at->service.db, &count_names);
    ck_assert(query_next(query));
    int64_t count = query_int(query, 0);
    query_end(query);
    ck_assert_int_eq(db_end(at->service.db, &fault), E_OK);
    return count;
}

/* ---- connected ---- */

START_TEST(a_connected_site_decides_as_the_hub)
{
    put_plan("plan-a", USAGE, 0, 0, 0, 0, ALLOWANCE);
    const char *anna = card("plan-a", "zoe-1");
    listener_hear(&site);
    const Passerelle__V1__CheckInResponse *in = here(anna);
    const Passerelle__V1__Visit *visit = let_in(in);
    ck_assert(in->knowledge->connected);
    ck_assert(in->knowledge->complete);
    ck_assert(!in->knowledge->horizon_passed);
    ck_assert_int_eq(in->knowledge->as_of_utc_ms, site.site.clock.now_utc_ms);
    ck_assert_int_eq(visit->source, PASSERELLE__V1__SOURCE__SOURCE_ONLINE);
    ck_assert_str_eq(visit->display_name, ""); /* the hub tells names, and has not heard */
    listener_push(&site);
    listener_hear(&site);
    ck_assert_str_eq(list(&site.site, "s004")->visits[0]->display_name, "Zoé Z.");
    refused(here(anna), CODE(ALREADY_IN), "");
    refused(here(text("PT1:NONSENSE")), CODE(BAD_TOKEN), "");
    /* Midnight: the name is gone, at both. */
    leave(&site.site, "s004", visit->visit_id);
    listener_wait(&site, 24 * HOUR);
    listener_tick(&site);
    listener_hear(&site);
    ck_assert_int_eq(names_at(&site.site), 0);
    ck_assert_int_eq(names_at(&hub), 0);
}
END_TEST

/* ---- names ---- */

/* The bytes of the database's file and of its log. */
struct disk {
    struct view files[2];
};

static struct disk disk_of(struct network *at)
{
    return (struct disk){{network_read_file(at, at->dir, "hub.db"),
                          network_read_file(at, at->dir, "hub.db-wal")}};
}

static bool lies_in(const struct disk *disk, const char *name)
{
    return memmem(disk->files[0].data, disk->files[0].len, name, strlen(name)) != NULL ||
           memmem(disk->files[1].data, disk->files[1].len, name, strlen(name)) != NULL;
}

static void empty_log(struct network *at)
{
    struct fault fault = FAULT_NONE;
    ck_assert(db_wants_empty_log(at->service.db));
    ck_assert_int_eq(db_empty_log(at->service.db, &fault), E_OK);
    ck_assert(!db_wants_empty_log(at->service.db));
}

enum { NAMES = 2400, TOLD_AT_ONCE = 16 };

static unsigned dice(unsigned *state)
{
    *state = *state * 1103515245U + 12345U;
    return *state >> 16;
}

/* Whose visit is told again on the next day. */
static bool is_told_again(int i)
{
    unsigned state = (unsigned)i;
    dice(&state);
    return dice(&state) % 2 == 1;
}

/* The hub tells the site the names of all, or again of some under another. */
static void tell_names(bool again)
{
    static const char letters[] = "Marie-Antoinette, Jean-Baptiste, Anne-Charlotte, Guillaume, Luc";
    unsigned state = again;
    for (int i = 0; i < NAMES;) {
        Passerelle__V1__Knowing *knowing = NEW(knowing);
        knowing->items = ARENA_ARRAY(&hub.arena, TOLD_AT_ONCE, Passerelle__V1__KnowledgeItem *);
        for (; i < NAMES && knowing->n_items < TOLD_AT_ONCE; i++) {
            Passerelle__V1__VisitorName *name = NEW(visitor_name);
            Passerelle__V1__KnowledgeItem *item = NEW(knowledge_item);
            name->visit_id = arena_printf(&hub.arena, "%08x-0000-7000-8000-%012x",
                                          (unsigned)i * 2654435761U, (unsigned)i);
            name->display_name =
                arena_printf(&hub.arena, "%s%04d %.*s", again ? "Again" : "Once", i,
                             (int)(dice(&state) % sizeof letters), letters);
            item->item_case = PASSERELLE__V1__KNOWLEDGE_ITEM__ITEM_VISITOR_NAME;
            item->visitor_name = name;
            if (!again || is_told_again(i)) {
                knowing->items[knowing->n_items++] = item;
            }
        }
        struct call call = {.method = take_method(TAKE_KNOWLEDGE),
                            .arena = &hub.arena,
                            .request = &knowing->base,
                            .request_bytes = wire_pack_arena(&hub.arena, &knowing->base)};
        network_write(&site.site, &call);
        ck_assert_int_eq(call.error.code, CODE_OK);
    }
}

/* Neither row, nor free byte of a page, nor frame of the log. Some are of the new day before the
 * clock has looked at it, and stay. */
START_TEST(an_erased_name_lies_nowhere)
{
    listener_tick(&site);
    tell_names(false);
    listener_wait(&site, 24 * HOUR);
    tell_names(true);
    listener_tick(&site);
    empty_log(&site.site);
    struct disk disk = disk_of(&site.site);
    int left = 0;
    for (int i = 0; i < NAMES; i++) {
        left += lies_in(&disk, arena_printf(&hub.arena, "Once%04d", i));
        ck_assert(lies_in(&disk, arena_printf(&hub.arena, "Again%04d", i)) == is_told_again(i));
    }
    ck_assert_msg(left == 0, "%d erased names are left", left);
}
END_TEST

/* And the hub holds her visit. */
static void zoe_comes(void)
{
    put_plan("plan-a", USAGE, 0, 0, 0, 0, ALLOWANCE);
    const char *zoe = card("plan-a", "zoe-1");
    listener_hear(&site);
    let_in(here(zoe));
    listener_push(&site);
}

/* The hub makes a name when it tells it. */
START_TEST(a_hub_keeps_no_name_for_sites)
{
    zoe_comes();
    listener_hear(&site);
    ck_assert_str_eq(list(&site.site, "s004")->visits[0]->display_name, "Zoé Z.");
    struct disk near = disk_of(&site.site), far = disk_of(&hub);
    ck_assert(lies_in(&near, "Zoé Z."));
    ck_assert(!lies_in(&far, "Zoé Z."));
}
END_TEST

/* By the site's clock: the hub's is a little behind, or its word was long on the way. */
START_TEST(a_name_that_comes_after_midnight_is_not_kept)
{
    zoe_comes();
    site.site.clock.now_utc_ms += 24 * HOUR;
    listener_tick(&site);
    listener_hear(&site);
    ck_assert_int_eq(names_at(&hub), 1);
    ck_assert_int_eq(names_at(&site.site), 0);
    hub.clock.now_utc_ms += 24 * HOUR;
}
END_TEST

START_TEST(no_credit_holds_across_sites)
{
    put_plan("plan-a", _i == 0 ? CARNET : SUBSCRIPTION, REFUSE, _i == 0 ? 0 : 3, 0, 0, ALLOWANCE);
    if (_i == 0) {
        sell_carnet("plan-a", "carnet-1", 3);
    }
    const char *anna = card("plan-a", "zoe-1");
    listener_hear(&site);
    const Passerelle__V1__Visit *there = let_in(check_in(&hub, "s002", anna));
    listener_wait(&site, HOUR);
    leave(&hub, "s002", there->visit_id); /* a half-day: one unit */
    listener_hear(&site);
    const Passerelle__V1__Visit *visit = let_in(here(anna)); /* reserves the other two */
    leave(&site.site, "s004", visit->visit_id);
    listener_wait(&site, HOUR);
    visit = let_in(here(anna)); /* the same visit-day */
    listener_wait(&site, 5 * HOUR);
    leave(&site.site, "s004", visit->visit_id); /* a day: two units */
    listener_push(&site);
    listener_hear(&site);
    listener_wait(&site, 20 * HOUR);
    listener_hear(&site);
    refused(here(anna), CODE(NO_CREDIT), "");
    refused(check_in(&hub, "s002", anna), CODE(NO_CREDIT), "");
}
END_TEST

START_TEST(caps_hold_across_sites)
{
    /* More than a day, less than two. */
    put_plan("plan-a", USAGE, 0, 0, _i == 0 ? 2500 : 0, _i == 1 ? 2500 : 0, ALLOWANCE);
    const char *anna = card("plan-a", "zoe-1");
    const char *berthe = card("plan-a", "zoe-2");
    listener_hear(&site);
    bool full = false; /* of what the hub let in, and what the site did */
    for (int day = 0; day < 8 && !full; day++) {
        const Passerelle__V1__CheckInResponse *at_hub =
            check_in(&hub, "s003", day % 2 == 0 || _i == 0 ? anna : berthe);
        if (at_hub->accepted) {
            listener_wait(&site, HOUR);
            leave(&hub, "s003", at_hub->visit->visit_id);
        }
        listener_hear(&site);
        const Passerelle__V1__CheckInResponse *at_site = here(anna);
        if (!at_hub->accepted || !at_site->accepted) {
            full = true;
            if (!at_site->accepted) {
                refused(at_site, CODE(CAP_REACHED), _i == 0 ? "holder_cap" : "contract_cap");
            }
            break;
        }
        leave(&site.site, "s004", at_site->visit->visit_id);
        listener_push(&site);
        listener_hear(&site);
        listener_wait(&site, 23 * HOUR);
    }
    ck_assert(full);
}
END_TEST

/* What the issuer of e001 may owe; then the hub looks. */
static void limit(int64_t cents)
{
    Passerelle__V1__SetExposureLimitRequest *set = NEW(set_exposure_limit_request);
    Passerelle__V1__FollowUpRequest *look = NEW(follow_up_request);
    set->request_id = network_request_id(&hub);
    set->member_id = text("m006");
    set->limit_cents = cents;
    look->request_id = network_request_id(&hub);
    network_must(&hub, operator(), "SettlementService", "SetExposureLimit", &set->base);
    network_must(&hub, operator(), "SettlementService", "FollowUp", &look->base);
}

START_TEST(an_issuer_at_its_limit_is_cut_off_everywhere)
{
    put_plan("plan-a", USAGE, 0, 0, 0, 0, ALLOWANCE);
    put_plan("plan-b", SUBSCRIPTION, CHARGE, 20, 0, 0, ALLOWANCE);
    const char *anna = card("plan-a", "zoe-1");
    const char *berthe = card("plan-b", "zoe-2");
    const Passerelle__V1__Visit *visit = let_in(check_in(&hub, "s002", anna));
    listener_wait(&site, 3 * HOUR);
    leave(&hub, "s002", visit->visit_id); /* m006 owes the host of s002 */
    limit(1);
    listener_hear(&site);
    refused(check_in(&hub, "s002", anna), CODE(CAP_REACHED), "issuer_exposure");
    refused(here(anna), CODE(CAP_REACHED), "issuer_exposure");
    let_in(here(berthe)); /* that is paid before */
    limit(0);
    listener_hear(&site);
    let_in(here(anna));
}
END_TEST

START_TEST(a_visitor_who_goes_elsewhere_is_gone)
{
    put_plan("plan-a", USAGE, 0, 0, 0, 0, ALLOWANCE);
    const char *anna = card("plan-a", "zoe-1");
    listener_hear(&site);
    let_in(here(anna));
    listener_push(&site);
    listener_hear(&site);
    listener_wait(&site, HOUR);
    const Passerelle__V1__Visit *there = let_in(check_in(&hub, "s002", anna));
    listener_hear(&site);
    const Passerelle__V1__ListVisitsResponse *visits = list(&site.site, "s004");
    ck_assert(visits->visits[0]->cut_short);
    ck_assert_int_eq(visits->visits[0]->out_utc_ms, there->in_utc_ms);
    ck_assert_uint_eq(visits->occupancy[0]->taken, 0);
    /* It never was: she is here again. */
    Passerelle__V1__UndoRequest *undo = NEW(undo_request);
    undo->request_id = network_request_id(&hub);
    undo->site_id = text("s002");
    undo->visit_id = there->visit_id;
    network_must(&hub, network_who(ROLE_DESK, "s002"), "DeskService", "Undo", &undo->base);
    listener_hear(&site);
    visits = list(&site.site, "s004");
    ck_assert(!visits->visits[0]->cut_short);
    ck_assert_uint_eq(visits->occupancy[0]->taken, 1);
    refused(here(anna), CODE(ALREADY_IN), "");
}
END_TEST

/* What a site writes is what it says itself, also where the hub told that the stay was cut. */
START_TEST(a_correction_keeps_the_sites_own_end)
{
    put_plan("plan-a", USAGE, 0, 0, 0, 0, ALLOWANCE);
    const char *anna = card("plan-a", "zoe-1");
    listener_hear(&site);
    const char *visit_id = let_in(here(anna))->visit_id;
    listener_push(&site);
    listener_wait(&site, HOUR);
    let_in(check_in(&hub, "s002", anna));
    listener_hear(&site);
    listener_wait(&site, HOUR);
    int64_t left_utc_ms = site.site.clock.now_utc_ms;
    leave(&site.site, "s004", visit_id);
    Passerelle__V1__CorrectVisitRequest *correct = NEW(correct_visit_request);
    correct->request_id = network_request_id(&site.site);
    correct->site_id = text("s004");
    correct->visit_id = text(visit_id);
    correct->in_utc_ms = left_utc_ms - HOUR - HOUR / 2;
    correct->reason = text("came later");
    const Passerelle__V1__CorrectVisitResponse *corrected = network_must(
        &site.site, network_who(ROLE_DESK, "s004"), "DeskService", "CorrectVisit", &correct->base);
    ck_assert_int_eq(corrected->visit->out_utc_ms, left_utc_ms);
}
END_TEST

/* ---- away ---- */

START_TEST(a_pass_may_spend_its_allowance_away)
{
    put_plan("plan-a", USAGE, 0, 0, 0, 0, ALLOWANCE);
    const char *anna = card("plan-a", "zoe-1");
    listener_hear(&site);
    listener_cut(&site);
    const Passerelle__V1__CheckInResponse *in = here(anna); /* a card has two units: a day */
    ck_assert_int_eq(let_in(in)->source, PASSERELLE__V1__SOURCE__SOURCE_OFFLINE);
    ck_assert(!in->knowledge->connected);
    ck_assert_uint_gt(in->knowledge->worst_case_units, 0);
    listener_wait(&site, 6 * HOUR);
    leave(&site.site, "s004", in->visit->visit_id);
    listener_wait(&site, 18 * HOUR);
    refused(here(anna), CODE(OFFLINE_LIMIT), "pass_allowance");
    listener_wait(&site, 48 * HOUR);
    in = here(anna);
    ck_assert(in->knowledge->horizon_passed);
    listener_push(&site); /* the receipt settles it */
    listener_hear(&site);
    let_in(here(anna));
}
END_TEST

START_TEST(rules_of_plans_hold_away)
{
    put_plan("plan-a", USAGE, 0, 0, 0, 0, NEVER);
    put_plan("plan-b", USAGE, 0, 0, 0, 0, ALWAYS);
    put_plan("plan-c", CARNET, REFUSE, 0, 0, 0, ALLOWANCE);
    const char *never = card("plan-a", "zoe-1");
    const char *always = card("plan-b", "zoe-2");
    const char *poor = card("plan-c", "zoe-3");
    listener_hear(&site);
    const char *stranger = card("plan-b", "zoe-4");
    refused(here(stranger), CODE(BAD_TOKEN), ""); /* it hears, and nobody told of it */
    listener_cut(&site);
    refused(here(never), CODE(OFFLINE_LIMIT), "never");
    refused(here(poor), CODE(NO_CREDIT), "");
    const Passerelle__V1__Visit *visit = let_in(here(always));
    for (int day = 0; day < 3; day++) {
        listener_wait(&site, 5 * HOUR);
        leave(&site.site, "s004", visit->visit_id);
        listener_wait(&site, 19 * HOUR);
        visit = let_in(here(always));
    }
    visit = let_in(here(stranger)); /* its token is good */
    refused(here(stranger), CODE(ALREADY_IN), "");
    listener_push(&site); /* at the hub it is its holder's */
    struct fault fault = FAULT_NONE;
    struct arena arena = ARENA_INIT;
    struct visit_row row;
    ck_assert_int_eq(db_begin_read(hub.service.db, &fault), E_OK);
    struct uuid id;
    ck_assert_int_eq(uuid_parse(view_of(visit->visit_id), &id), E_OK);
    ck_assert(visits_by_id(hub.service.db, &arena,
                           journal_feed_no(hub.service.db, VIEW_LIT("s004")),
                           view_bytes(id.bytes, sizeof id.bytes), &row));
    ck_assert(view_is(row.holder_id, "zoe-4"));
    ck_assert_int_eq(db_end(hub.service.db, &fault), E_OK);
    arena_release(&arena);
}
END_TEST

/* A new site hears of passes before it hears of what they have used elsewhere. */
START_TEST(a_site_that_has_not_heard_all_keeps_to_the_allowance)
{
    put_plan("plan-a", USAGE, 0, 0, 0, 0, ALLOWANCE);
    put_plan("plan-b", USAGE, 0, 0, 0, 0, NEVER);
    const char *anna = card("plan-a", "zoe-1");
    const char *never = card("plan-b", "zoe-2");
    listener_hear(&site);
    atomic_store(&site.site.node.complete, false);
    const Passerelle__V1__CheckInResponse *in = here(anna);
    const char *visit_id = let_in(in)->visit_id;
    ck_assert_int_eq(in->visit->source, PASSERELLE__V1__SOURCE__SOURCE_OFFLINE);
    ck_assert(in->knowledge->connected);
    ck_assert(in->knowledge->catching_up);
    in = here(never);
    refused(in, CODE(OFFLINE_LIMIT), "never");
    ck_assert_ptr_nonnull(strstr(in->refusal->sentence_en, "has not yet heard all"));
    listener_wait(&site, 6 * HOUR);
    leave(&site.site, "s004", visit_id);
    listener_wait(&site, 18 * HOUR);
    atomic_store(&site.site.node.heard_ns, env_monotonic_ns(&site.site.env));
    refused(here(anna), CODE(OFFLINE_LIMIT), "pass_allowance");
    atomic_store(&site.site.node.complete, true);
    in = here(anna);
    ck_assert_int_eq(let_in(in)->source, PASSERELLE__V1__SOURCE__SOURCE_ONLINE);
}
END_TEST

/* The sum that is kept is that of the visits. */
static uint64_t spent(void)
{
    struct service *service = &site.site.service;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(db_begin_read(service->db, &fault), E_OK);
    uint64_t kept = away_spent(service);
    away_forget(service->desk);
    uint64_t counted = away_spent(service);
    ck_assert_int_eq(db_end(service->db, &fault), E_OK);
    ck_assert_uint_eq(kept, counted);
    return kept;
}

START_TEST(what_is_spent_is_counted_once)
{
    const char *cards[12];
    uint64_t most = 0;
    put_plan("plan-a", USAGE, 0, 0, 0, 0, ALLOWANCE);
    for (int i = 0; i < 12; i++) {
        cards[i] = card("plan-a", arena_printf(&hub.arena, "zoe-%d", i));
    }
    listener_hear(&site);
    listener_cut(&site);
    for (int i = 0; i < 36; i++) {
        const Passerelle__V1__CheckInResponse *in = here(cards[i * 7 % 12]);
        most = spent() > most ? spent() : most;
        if (in->accepted && i % 3 != 0) {
            listener_wait(&site, i % 3 * 40 * 60 * 1000);
            leave(&site.site, "s004", in->visit->visit_id);
            spent();
        }
        if (i == 20) {
            network_reopen(&site.site);
        }
    }
    listener_wait(&site, 30 * HOUR); /* the clock closes who stayed */
    listener_tick(&site);
    ck_assert_uint_gt(most, 6);
    ck_assert_uint_gt(spent(), 6);
    listener_push(&site);
    ck_assert_uint_eq(spent(), 0);
}
END_TEST

/* However many come, the site lets at most its stated worst case be used. */
START_TEST(the_site_keeps_to_its_worst_case)
{
    const char *cards[40];
    put_plan("plan-a", USAGE, 0, 0, 0, 0, ALLOWANCE);
    for (int i = 0; i < 40; i++) {
        cards[i] = card("plan-a", arena_printf(&hub.arena, "zoe-%d", i));
    }
    listener_hear(&site);
    listener_cut(&site);
    uint64_t worst = list(&site.site, "s004")->knowledge->worst_case_units;
    ck_assert_uint_gt(worst, 0);
    uint64_t half_days = 0;
    bool limited = false;
    for (int i = 0; i < 40; i++) {
        const Passerelle__V1__CheckInResponse *in = here(cards[i]);
        if (in->accepted) {
            leave(&site.site, "s004", in->visit->visit_id); /* grace: it uses nothing after all */
        }
        limited = limited || !in->accepted;
    }
    ck_assert(!limited);
    listener_wait(&site, 60 * 1000);
    for (int i = 0; i < 40; i++) {
        const Passerelle__V1__CheckInResponse *in = here(cards[i]);
        ck_assert_msg(in->accepted || in->refusal->code == CODE(SITE_FULL) ||
                          (in->refusal->code == CODE(OFFLINE_LIMIT) &&
                           strcmp(in->refusal->rule, "site_allowance") == 0),
                      "%s", in->accepted ? "" : in->refusal->sentence_en);
        if (in->accepted) {
            half_days++;
            listener_wait(&site, 6 * 60 * 1000);
            leave(&site.site, "s004", in->visit->visit_id);
        }
        limited = limited || (!in->accepted && in->refusal->code == CODE(OFFLINE_LIMIT));
    }
    ck_assert(limited);
    ck_assert_uint_eq(half_days, worst - 1); /* the last unit is no whole day */
}
END_TEST

/* `net` can come while nothing of the site's is taken: a pass that is suspended then has no allowance
 * left, but what it used is used. */
START_TEST(what_a_suspended_pass_used_stays_in_the_worst_case)
{
    put_plan("plan-a", USAGE, 0, 0, 0, 0, ALLOWANCE);
    const char *anna = card("plan-a", "zoe-1");
    listener_hear(&site);
    atomic_store(&site.site.node.untaken_ns, HUB_REFUSES);
    ck_assert_int_eq(let_in(here(anna))->source, PASSERELLE__V1__SOURCE__SOURCE_OFFLINE);
    Passerelle__V1__SuspendPassesRequest *suspend = NEW(suspend_passes_request);
    suspend->request_id = network_request_id(&hub);
    suspend->pass_ids = &last_pass_id;
    suspend->n_pass_ids = 1;
    suspend->reason = text("unpaid");
    network_must(&hub, operator(), "PassService", "SuspendPasses", &suspend->base);
    atomic_store(&site.site.node.untaken_ns, 0);
    listener_hear(&site);
    atomic_store(&site.site.node.untaken_ns, HUB_REFUSES);
    refused(here(anna), CODE(SUSPENDED), "");
    ck_assert_uint_eq(list(&site.site, "s004")->knowledge->worst_case_units, 2);
    atomic_store(&site.site.node.untaken_ns, 0);
}
END_TEST

/* What any thread says, once the clock has worked, and the writer with each answer. */
static uint64_t stated(void)
{
    struct service reader = site.site.service;
    struct fault fault = FAULT_NONE;
    listener_tick(&site);
    reader.desk = NULL;
    ck_assert_int_eq(db_begin_read(reader.db, &fault), E_OK);
    uint64_t units = away_worst_case(&reader, &site.site.arena);
    ck_assert_int_eq(db_end(reader.db, &fault), E_OK);
    ck_assert_uint_eq(list(&site.site, "s004")->knowledge->worst_case_units, units);
    return units;
}

static void allow(uint32_t units)
{
    const Passerelle__V1__GetPolicyResponse *now =
        network_must(&hub, operator(), "NetworkService", "GetPolicy", NEW(get_policy_request));
    Passerelle__V1__SetPolicyRequest *set = NEW(set_policy_request);
    set->request_id = network_request_id(&hub);
    set->policy = now->policy;
    set->policy->offline_units_phone = units;
    set->policy->offline_units_card = units;
    network_must(&hub, operator(), "NetworkService", "SetPolicy", &set->base);
}

/* The site has so many desks from now on. */
static void furnish(uint32_t desks)
{
    struct fault fault = FAULT_NONE;
    Passerelle__V1__PutSiteRequest *put = NEW(put_site_request);
    put->request_id = network_request_id(&hub);
    ck_assert_int_eq(db_begin_read(hub.service.db, &fault), E_OK);
    put->site = (void *)wire_clone(
        &hub.arena, &registry_site(hub.service.db, &hub.arena, VIEW_LIT("s004"))->base);
    ck_assert_int_eq(db_end(hub.service.db, &fault), E_OK);
    put->site->desks = desks;
    network_must(&hub, operator(), "NetworkService", "PutSite", &put->base);
}

/* What was let be used by rules that allowed more is used: a site says no less. */
START_TEST(what_was_used_stays_in_the_worst_case_of_stricter_rules)
{
    bool lowered = _i == 0;
    put_plan("plan-a", USAGE, 0, 0, 0, 0, ALLOWANCE);
    const char *anna = card("plan-a", "zoe-1");
    const char *berthe = card("plan-a", "zoe-2");
    card("plan-a", "zoe-3"); /* has not come, and may */
    listener_hear(&site);
    atomic_store(&site.site.node.untaken_ns, HUB_REFUSES);
    const Passerelle__V1__Visit *visit = let_in(here(anna));
    const Passerelle__V1__Visit *other = let_in(here(berthe));
    if (lowered) {
        allow(1);
    } else {
        furnish(1);
    }
    atomic_store(&site.site.node.untaken_ns, 0);
    listener_hear(&site);
    atomic_store(&site.site.node.untaken_ns, HUB_REFUSES);
    ck_assert_uint_eq(stated(), lowered ? 5 : 4);
    listener_wait(&site, 6 * HOUR);
    leave(&site.site, "s004", visit->visit_id);
    leave(&site.site, "s004", other->visit_id);
    visit = let_in(here(anna)); /* her day is used up: she uses nothing more */
    leave(&site.site, "s004", visit->visit_id);
    ck_assert_uint_eq(stated(), lowered ? 5 : 4);
    listener_wait(&site, 18 * HOUR);
    const Passerelle__V1__CheckInResponse *no = here(anna);
    refused(no, CODE(OFFLINE_LIMIT), "pass_allowance");
    ck_assert_ptr_nonnull(strstr(no->refusal->sentence_en, "no longer takes"));
    atomic_store(&site.site.node.untaken_ns, 0);
    listener_push(&site);
    ck_assert_uint_eq(stated(), lowered ? 3 : 2);
}
END_TEST

/* At a start the clock does not count at once what is not acknowledged, and of many not all. */
START_TEST(no_less_is_stated_before_it_is_counted)
{
    enum { VISITORS_MAX = 300, TICKS_MAX = 6 };
    const char *visitors[VISITORS_MAX];
    size_t count = _i == 0 ? 1 : VISITORS_MAX;
    put_plan("plan-a", USAGE, 0, 0, 0, 0, ALLOWANCE);
    for (size_t i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "zoe-%zu", i);
        visitors[i] = card("plan-a", name);
    }
    card("plan-a", "anna"); /* has not come, and may */
    furnish(VISITORS_MAX + 1);
    listener_hear(&site);
    atomic_store(&site.site.node.untaken_ns, HUB_REFUSES);
    for (size_t i = 0; i < count; i++) {
        let_in(here(visitors[i]));
    }
    allow(1);
    atomic_store(&site.site.node.untaken_ns, 0);
    listener_hear(&site);
    atomic_store(&site.site.node.untaken_ns, HUB_REFUSES);
    uint64_t before = stated();
    listener_cut(&site);
    network_reopen(&site.site);
    atomic_store(&site.site.node.units_counted, false);
    atomic_store(&site.site.node.units_spent, 0);
    atomic_store(&site.site.node.units_beyond, 0);
    struct service reader = site.site.service;
    struct fault fault = FAULT_NONE;
    reader.desk = NULL;
    int ticks = 0;
    for (uint64_t units = UINT64_MAX; units != before; ticks++) {
        ck_assert_int_lt(ticks, TICKS_MAX);
        ck_assert_int_eq(db_begin_read(reader.db, &fault), E_OK);
        units = away_worst_case(&reader, &site.site.arena);
        ck_assert_int_eq(db_end(reader.db, &fault), E_OK);
        ck_assert_uint_ge(units, before);
        network_tick_once(&site.site);
    }
    ck_assert_int_gt(ticks, count == 1 ? 1 : 4);
    atomic_store(&site.site.node.untaken_ns, 0);
}
END_TEST

static const Passerelle__V1__WatchResponse *event_of(const struct network_stream *stream, size_t i)
{
    ck_assert_uint_lt(i, stream->count);
    return (const void *)stream->messages[i];
}

#define EVENT(name) PASSERELLE__V1__WATCH_RESPONSE__EVENT_##name

/* A desk sees who came at once, the name once the hub told it, and when the link goes and comes. */
START_TEST(the_desks_stream_says_what_is_known)
{
    put_plan("plan-a", USAGE, 0, 0, 0, 0, ALLOWANCE);
    const char *zoe = card("plan-a", "zoe-1");
    listener_hear(&site);
    Passerelle__V1__WatchRequest *request =
        network_new(&site.site, &passerelle__v1__watch_request__descriptor);
    request->site_id = (char[]){"s004"};
    struct network_stream *watch = network_open(&site.site, network_who(ROLE_DESK, "s004"),
                                                "DeskService", "Watch", &request->base);
    ck_assert_uint_eq(network_pump(watch, 100), 1);
    ck_assert(event_of(watch, 0)->status->knowledge->connected);
    ck_assert(here(zoe)->accepted);
    ck_assert_uint_eq(network_pump(watch, 100), 2);
    ck_assert_int_eq(event_of(watch, 0)->event_case, EVENT(ARRIVAL));
    ck_assert_str_eq(event_of(watch, 0)->arrival->display_name, "");
    char *visit_id = event_of(watch, 0)->arrival->visit_id;
    listener_push(&site);
    listener_hear(&site);
    ck_assert_uint_eq(network_pump(watch, 100), 2);
    ck_assert_int_eq(event_of(watch, 0)->event_case, EVENT(ARRIVAL));
    ck_assert_str_eq(event_of(watch, 0)->arrival->visit_id, visit_id);
    ck_assert_str_ne(event_of(watch, 0)->arrival->display_name, "");
    ck_assert_uint_eq(network_pump(watch, 100), 0);
    listener_cut(&site);
    ck_assert_uint_eq(network_pump(watch, 100), 1);
    ck_assert_int_eq(event_of(watch, 0)->event_case, EVENT(STATUS));
    ck_assert(!event_of(watch, 0)->status->knowledge->connected);
    ck_assert_uint_gt(event_of(watch, 0)->status->knowledge->worst_case_units, 0);
    /* Nobody comes, yet what was said is not so any more: a day is over, then the horizon passes. */
    for (int day = 1; day <= 4; day++) {
        ck_assert_uint_eq(network_pump(watch, 100), 0);
        listener_wait(&site, 24 * HOUR);
        size_t told = network_pump(watch, 100);
        ck_assert_uint_ge(told, 1);
        ck_assert_int_eq(event_of(watch, told - 1)->event_case, EVENT(STATUS));
        const Passerelle__V1__Knowledge *now = event_of(watch, told - 1)->status->knowledge;
        ck_assert(now->horizon_passed == (day >= 3));
    }
    listener_hear(&site);
    ck_assert_uint_eq(network_pump(watch, 100), 1);
    ck_assert(event_of(watch, 0)->status->knowledge->connected);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("away");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, the_desks_stream_says_what_is_known);
    tcase_add_test(cases, a_connected_site_decides_as_the_hub);
    tcase_add_test(cases, an_erased_name_lies_nowhere);
    tcase_add_test(cases, a_hub_keeps_no_name_for_sites);
    tcase_add_test(cases, a_name_that_comes_after_midnight_is_not_kept);
    tcase_add_loop_test(cases, no_credit_holds_across_sites, 0, 2);
    tcase_add_loop_test(cases, caps_hold_across_sites, 0, 2);
    tcase_add_test(cases, an_issuer_at_its_limit_is_cut_off_everywhere);
    tcase_add_test(cases, a_visitor_who_goes_elsewhere_is_gone);
    tcase_add_test(cases, a_correction_keeps_the_sites_own_end);
    tcase_add_test(cases, a_pass_may_spend_its_allowance_away);
    tcase_add_test(cases, rules_of_plans_hold_away);
    tcase_add_test(cases, a_site_that_has_not_heard_all_keeps_to_the_allowance);
    tcase_add_test(cases, what_is_spent_is_counted_once);
    tcase_add_test(cases, the_site_keeps_to_its_worst_case);
    tcase_add_test(cases, what_a_suspended_pass_used_stays_in_the_worst_case);
    tcase_add_loop_test(cases, no_less_is_stated_before_it_is_counted, 0, 2);
    tcase_add_loop_test(cases, what_was_used_stays_in_the_worst_case_of_stricter_rules, 0, 2);
    Suite *suite = suite_create("away");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
