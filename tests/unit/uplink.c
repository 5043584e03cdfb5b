/* A site's uplink against a real hub, over a link that fails at each step: nothing is lost, nothing
 * comes twice, and what cannot be true is not taken. */
#include <check.h>
#include <stdlib.h>

#include "crypt/cert.h"
#include "lib/outpost.h"
#include "passerelle/v1/desk.pb-c.h"
#include "passerelle/v1/employer.pb-c.h"
#include "passerelle/v1/enrol.pb-c.h"
#include "passerelle/v1/network.pb-c.h"
#include "passerelle/v1/pass.pb-c.h"
#include "service/desk/desk.h"
#include "service/engine.h"
#include "service/journal.h"
#include "service/methods.h"
#include "service/sync/take.h"
#include "store/feed/feed.h"
#include "store/view/apply.h"
#include "store/view/registry.h"
#include "wire/pack.h"
#include "stride.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)
static const char site_id[] = "s042";

static struct network network;
static struct outpost outpost;

static void setup(void)
{
    network_init(&network, true, 17);
    network_authority(&network);
    network_import(&network, network_reference_dir());
    outpost_init(&outpost, &network, site_id);
}

static void teardown(void)
{
    network_check_tables(&network);
    outpost_release(&outpost);
    network_release(&network);
}

static uint64_t hub_size(const char *feed_id)
{
    struct feed *feed = feeds_get(journal_feeds(network.service.journal), view_of(feed_id));
    return feed == NULL ? 0 : feed->size;
}

static void check_equal(const char *feed_id)
{
    outpost_size(&outpost, feed_id); /* reads it after a restart */
    struct feed *here = feeds_get(journal_feeds(outpost.service.journal), view_of(feed_id));
    struct feed *there = feeds_get(journal_feeds(network.service.journal), view_of(feed_id));
    struct tree_hash a = tree_frontier_root(&here->frontier);
    struct tree_hash b = tree_frontier_root(&there->frontier);
    ck_assert_uint_eq(here->size, there->size);
    ck_assert(tree_hash_equal(&a, &b));
}

static const Passerelle__V1__ListProblemsResponse *problems(void)
{
    return network_must(
        &network, network_who(ROLE_OPERATOR, "op-1"), "LedgerService", "ListProblems",
        network_new(&network, &passerelle__v1__list_problems_request__descriptor));
}

static void check_no_problem(void)
{
    const Passerelle__V1__ListProblemsResponse *list = problems();
    ck_assert_msg(list->n_problems == 0, "%s",
                  list->n_problems == 0 ? "" : list->problems[0]->sentence);
}

static void check_in_step(void)
{
    struct take_memory memory;
    struct fault fault = FAULT_NONE;
    check_equal(FEED_NET);
    check_equal(site_id);
    ck_assert_int_eq(db_begin_read(outpost.service.db, &fault), E_OK);
    take_memory(outpost.service.db, &memory);
    ck_assert_int_eq(db_end(outpost.service.db, &fault), E_OK);
    ck_assert_uint_eq(memory.receipt_size, outpost_size(&outpost, site_id));
    ck_assert(memory.complete);
    struct uplink_status status = outpost_status(&outpost);
    ck_assert_msg(status.state == UPLINK_GOOD, "%s: %s", uplink_state_name(status.state),
                  status.sentence);
    ck_assert(!outpost.node.catching_up);
}

static void check_settled(void)
{
    check_in_step();
    check_no_problem();
}

/* Something new in `net`. */
static void change_net(const char *name)
{
    Passerelle__V1__SetSiteStateRequest *request =
        network_new(&network, &passerelle__v1__set_site_state_request__descriptor);
    request->request_id = network_request_id(&network);
    request->site_id = arena_string(&network.arena, view_of(name));
    request->state = PASSERELLE__V1__SITE_STATE__SITE_STATE_SUSPENDED;
    network_must(&network, network_who(ROLE_OPERATOR, "op-1"), "NetworkService", "SetSiteState",
                 &request->base);
}

/* Its desk is told to wait, not that there is no such site. */
START_TEST(before_the_hub_has_spoken)
{
    struct call call = {.method = methods_find(VIEW_LIT("passerelle.v1.DeskService"),
                                               VIEW_LIT("ListVisits"), &(bool){false}),
                        .arena = &network.arena,
                        .who = network_who(ROLE_DESK, site_id)};
    Passerelle__V1__ListVisitsRequest request = PASSERELLE__V1__LIST_VISITS_REQUEST__INIT;
    request.site_id = (char *)(uintptr_t)site_id;
    call.request = &request.base;
    engine_read(&outpost.service, &call);
    ck_assert_int_eq(call.error.code, CODE_UNAVAILABLE);
    outpost_settle(&outpost);
    call.error.code = CODE_OK;
    engine_read(&outpost.service, &call);
    ck_assert_msg(call.error.code == CODE_OK, "%s", call.error.message);
}
END_TEST

/* What the site pushed does not come back to it. */
static void no_own(Passerelle__V1__FollowResponse *message)
{
    ck_assert_int_ne(message->event_case, PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_OWN);
}

START_TEST(test_both_ways)
{
    outpost.tamper = no_own;
    outpost_settle(&outpost);
    check_settled();
    for (uint64_t i = 1; i <= 700; i++) {
        outpost_stay(&outpost, i);
    }
    change_net("s007");
    outpost_settle(&outpost);
    check_settled();
    ck_assert_uint_ge(outpost_size(&outpost, site_id), 700);
    /* The head of net that it saw stands in its own feed, and moves with the hour. */
    uint64_t before = outpost_size(&outpost, site_id);
    change_net("s008");
    outpost_settle(&outpost);
    ck_assert_uint_eq(outpost_size(&outpost, site_id), before);
    network.clock.now_utc_ms += 3600000;
    change_net("s010");
    outpost_settle(&outpost);
    ck_assert_uint_eq(outpost_size(&outpost, site_id), before + 1);
    check_settled();
    outpost_reopen(&outpost);
    outpost_settle(&outpost);
    check_settled();
}
END_TEST

/* The link breaks at the n-th message in each way, then heals. */
START_TEST(test_faults)
{
    static const enum outpost_fault faults[] = {LINK_DOWN, LINK_LOST_ANSWER, LINK_BUSY};
    for (size_t kind = 0; kind < ARRAY_LEN(faults); kind++) {
        for (int after = 0; after < 14; after += (int)stride()) {
            outpost.fault = faults[kind];
            outpost.fault_after = after;
            outpost.fault_calls = 1 + after % 3;
            uint64_t count = after % 7 == 3 ? 300 : 5;
            for (uint64_t i = 0; i < count; i++) {
                outpost_stay(&outpost, kind * 100000 + (uint64_t)after * 1000 + i);
            }
            outpost_run(&outpost, 30000);
            outpost.fault = LINK_GOOD;
            if (after % 4 == 0) {
                outpost_reopen(&outpost);
            }
            outpost_run(&outpost, 60000);
            check_settled();
        }
    }
}
END_TEST

/* A close waits until each site has shown its ledger past the month's end, also a quiet one. */
START_TEST(test_quiet)
{
    outpost_stay(&outpost, 1);
    outpost_run(&outpost, 60000);
    uint64_t pushes = outpost_status(&outpost).pushes;
    outpost_run(&outpost, 1800000);
    ck_assert_uint_eq(outpost_status(&outpost).pushes, pushes);
    outpost_run(&outpost, 3 * 3600000);
    ck_assert_uint_ge(outpost_status(&outpost).pushes, pushes + 3);
    check_settled();
}
END_TEST

START_TEST(test_revoked)
{
    outpost_settle(&outpost);
    outpost.fault = LINK_REVOKED;
    outpost_stay(&outpost, 1);
    outpost_settle(&outpost);
    struct uplink_status status = outpost_status(&outpost);
    ck_assert_int_eq(status.state, UPLINK_REFUSED);
    ck_assert_ptr_nonnull(strstr(status.sentence, "revoked"));
    ck_assert(!outpost.node.catching_up);
    uint64_t failures = status.failures;
    outpost_run(&outpost, 60000);
    ck_assert_uint_le(outpost_status(&outpost).failures, failures + 8);
    outpost.fault = LINK_GOOD;
    outpost_run(&outpost, 70000);
    check_settled();
}
END_TEST

START_TEST(test_hosted_again)
{
    outpost_settle(&outpost);
    Passerelle__V1__HostSiteRequest *request =
        network_new(&network, &passerelle__v1__host_site_request__descriptor);
    request->request_id = network_request_id(&network);
    request->site_id = outpost.site_id;
    network_must(&network, network_who(ROLE_OPERATOR, "op-1"), "NetworkService", "HostSite",
                 &request->base);
    uint64_t size = hub_size(site_id);
    outpost_stay(&outpost, 1);
    outpost_run(&outpost, 1000);
    struct uplink_status status = outpost_status(&outpost);
    ck_assert_int_eq(status.state, UPLINK_REFUSED);
    ck_assert_ptr_nonnull(strstr(status.sentence, "join again"));
    ck_assert_uint_eq(hub_size(site_id), size);
}
END_TEST

/* Each time that it happens, its operator hears of it once. */
START_TEST(test_rolled_back)
{
    outpost_settle(&outpost);
    uint64_t kept = outpost_size(&outpost, site_id);
    outpost_backup(&outpost);
    for (uint64_t i = 1; i <= 600; i++) {
        outpost_stay(&outpost, i);
    }
    outpost_settle(&outpost);
    check_settled();
    uint64_t size = hub_size(site_id);
    outpost_restore(&outpost);
    ck_assert_uint_lt(outpost_size(&outpost, site_id), size);
    ck_assert(outpost.node.catching_up);
    outpost_settle(&outpost);
    check_in_step();
    ck_assert_uint_eq(hub_size(site_id), size);
    ck_assert_uint_ge(outpost_status(&outpost).recovered, 600);
    outpost_stay(&outpost, 1000);
    outpost_settle(&outpost);
    outpost_restore(&outpost);
    outpost_settle(&outpost);
    outpost_stay(&outpost, 1001);
    outpost_settle(&outpost);
    check_in_step();
    ck_assert_uint_eq(problems()->n_problems, 2);
    for (size_t i = 0; i < 2; i++) {
        const Passerelle__V1__LedgerProblem *problem = problems()->problems[i];
        ck_assert_int_eq(problem->kind,
                         PASSERELLE__V1__LEDGER_PROBLEM_KIND__LEDGER_PROBLEM_KIND_ROLLED_BACK);
        ck_assert_str_eq(problem->feed_id, site_id);
        ck_assert_uint_eq(problem->seq, kept + 1);
        ck_assert_uint_eq(problem->n_evidence, 1); /* its own word for what it had lost */
        ck_assert(view_starts(wire_view(problem->evidence[0]), "passerelle.example/"));
    }
}
END_TEST

/* A harmed disk gave back files from before the join: nothing can be fetched into a ledger that is
 * not here, and who looks is told what to do. */
START_TEST(test_own_ledger_is_gone)
{
    struct fault fault = FAULT_NONE;
    outpost_stay(&outpost, 1);
    outpost_settle(&outpost);
    ck_assert_int_eq(db_begin(outpost.service.db, &fault), E_OK);
    db_exec(outpost.service.db, "DELETE FROM feed WHERE name = 's042'");
    ck_assert_int_eq(db_commit(outpost.service.db, &fault), E_OK);
    outpost_reopen(&outpost);
    outpost_settle(&outpost);
    struct uplink_status status = outpost_status(&outpost);
    ck_assert_int_eq(status.state, UPLINK_DIVERGED);
    ck_assert_msg(strstr(status.sentence, "join again") != NULL, "%s", status.sentence);
}
END_TEST

/* The hub tells all again: what is here already makes nobody read the registry again. Standings
 * are as of the push before, so they are others. */
START_TEST(test_told_again)
{
    struct fault fault = FAULT_NONE;
    outpost_settle(&outpost);
    uint64_t before = atomic_load(&outpost.node.registry_version);
    ck_assert_int_eq(db_begin(network.service.db, &fault), E_OK);
    db_exec(network.service.db, "DELETE FROM knowledge WHERE kind IN (4, 5, 6)");
    ck_assert_int_eq(db_commit(network.service.db, &fault), E_OK);
    ck_assert_int_eq(db_begin(outpost.service.db, &fault), E_OK);
    db_exec(outpost.service.db, "UPDATE uplink SET knowledge_version = 0");
    ck_assert_int_eq(db_commit(outpost.service.db, &fault), E_OK);
    outpost.follow = NULL;
    outpost_settle(&outpost);
    check_settled();
    ck_assert_uint_eq(atomic_load(&outpost.node.registry_version), before);
    change_net("s007");
    outpost_settle(&outpost);
    ck_assert_uint_gt(atomic_load(&outpost.node.registry_version), before);
}
END_TEST

static void clock_ticks(void)
{
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(db_begin(outpost.service.db, &fault), E_OK);
    desk_tick(&outpost.service, network.clock.now_utc_ms);
    ck_assert_int_eq(db_commit(outpost.service.db, &fault), E_OK);
    journal_committed(outpost.service.journal);
    desk_committed(outpost.service.desk);
}

/* Who was in when the box broke is let out by the clock of the box that was restored. */
START_TEST(what_came_back_ends_by_the_clock)
{
    static uint8_t id[16] = {[6] = 0x70, [8] = 0x80};
    static char holder[] = "h00001";
    struct fault fault = FAULT_NONE;
    outpost_settle(&outpost);
    outpost_backup(&outpost);
    Passerelle__V1__VisitOpened opened = PASSERELLE__V1__VISIT_OPENED__INIT;
    opened.visit_id = wire_bytes(view_bytes(id, sizeof id));
    opened.holder_id = holder;
    opened.resource = PASSERELLE__V1__RESOURCE__RESOURCE_BOOTH;
    opened.in_utc_ms = network.clock.now_utc_ms;
    opened.medium = PASSERELLE__V1__MEDIUM__MEDIUM_CARD;
    opened.source = PASSERELLE__V1__SOURCE__SOURCE_ONLINE;
    opened.nonce = opened.visit_id;
    ck_assert_int_eq(db_begin(outpost.service.db, &fault), E_OK);
    journal_append(&outpost.service, VIEW_LIT("cert-desk"), view_of(site_id),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_OPENED, &opened.base);
    ck_assert_int_eq(db_commit(outpost.service.db, &fault), E_OK);
    journal_committed(outpost.service.journal);
    outpost_settle(&outpost);
    outpost_restore(&outpost);
    clock_ticks(); /* nobody is in */
    outpost_settle(&outpost);
    uint64_t size = outpost_size(&outpost, site_id);
    network.clock.now_utc_ms += DAY_MS;
    clock_ticks();
    ck_assert_uint_eq(outpost_size(&outpost, site_id), size + 1);
}
END_TEST

/* With the heartbeats that the transport sends on the stream. */
static void pass_seconds(int seconds)
{
    for (; seconds > 0; seconds -= 10) {
        outpost_run(&outpost, 10000);
        atomic_store(&outpost.node.heard_ns, env_monotonic_ns(outpost.node.env));
    }
}

/* Restored without a link, it went on: nothing is taken, both say so, an operator acts. */
START_TEST(test_diverged)
{
    outpost_settle(&outpost);
    outpost_backup(&outpost);
    for (uint64_t i = 1; i <= 5; i++) {
        outpost_stay(&outpost, i);
    }
    outpost_settle(&outpost);
    uint64_t size = hub_size(site_id);
    outpost_restore(&outpost);
    outpost.fault = LINK_DOWN;
    outpost_settle(&outpost);
    ck_assert(!outpost.node.catching_up); /* it decides alone */
    outpost_stay(&outpost, 77);
    outpost_stay(&outpost, 78);
    uint64_t own = outpost_size(&outpost, site_id);
    outpost.fault = LINK_GOOD;
    pass_seconds(60);
    struct uplink_status status = outpost_status(&outpost);
    ck_assert_int_eq(status.state, UPLINK_DIVERGED);
    ck_assert_uint_eq(outpost_size(&outpost, site_id), own);
    ck_assert_uint_eq(hub_size(site_id), size);
    ck_assert(node_is_untaken(&outpost.node) && !node_is_connected(&outpost.node));
    outpost_reopen(&outpost);
    pass_seconds(60);
    ck_assert(node_is_untaken(&outpost.node) && !node_is_connected(&outpost.node));
}
END_TEST

/* What the hub does not take it does not know: its word alone makes nobody connected. */
START_TEST(test_untaken)
{
    outpost_settle(&outpost);
    ck_assert(node_is_connected(&outpost.node));
    outpost.fault = LINK_UP_BUSY;
    pass_seconds(120);
    ck_assert(node_is_connected(&outpost.node)); /* it has all there is */
    outpost_stay(&outpost, 1);
    pass_seconds(40);
    ck_assert(node_is_connected(&outpost.node));
    pass_seconds(10);
    ck_assert(node_is_untaken(&outpost.node) && !node_is_connected(&outpost.node));
    outpost.fault = LINK_GOOD;
    pass_seconds(10);
    ck_assert(!node_is_untaken(&outpost.node) && node_is_connected(&outpost.node));
    check_settled();
}
END_TEST

/* Something new that no feed tells sites of. */
static void put_plan(void)
{
    Passerelle__V1__PutPlanRequest *request =
        network_new(&network, &passerelle__v1__put_plan_request__descriptor);
    request->request_id = network_request_id(&network);
    request->plan = network_new(&network, &passerelle__v1__plan__descriptor);
    request->plan->plan_id = (char[]){"plan-a"};
    request->plan->employer_id = (char[]){"e001"};
    request->plan->type = PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_USAGE;
    request->plan->offline_rule = PASSERELLE__V1__OFFLINE_RULE__OFFLINE_RULE_ALLOWANCE;
    network_must(&network, network_who(ROLE_OPERATOR, "op-1"), "EmployerService", "PutPlan",
                 &request->base);
}

/* Told of each message before it is heard. */
static void not_yet(Passerelle__V1__FollowResponse *message)
{
    (void)message;
    ck_assert(!node_is_connected(&outpost.node));
}

/* A site that was away hears again at once, and what it missed comes later: who was revoked, what
 * was used elsewhere. Until then it decides as one that is away, and says so. */
START_TEST(test_back)
{
    outpost_settle(&outpost);
    int64_t heard_utc_ms = outpost.node.heard_utc_ms;
    outpost.fault = LINK_DOWN;
    outpost_run(&outpost, 120000);
    change_net("s007");
    put_plan();
    outpost_stay(&outpost, 1);
    outpost_run(&outpost, 120000);
    ck_assert(!node_is_untaken(&outpost.node)); /* nobody was there to take it */
    outpost.fault_after = 3; /* some messages, and not all */
    outpost_run(&outpost, 10000);
    outpost_reopen(&outpost);
    outpost_run(&outpost, 10000);
    ck_assert_int_eq(outpost.node.heard_utc_ms, heard_utc_ms);
    outpost.tamper = not_yet;
    outpost.fault = LINK_GOOD;
    uint64_t pushes = outpost_status(&outpost).pushes;
    network.clock.now_utc_ms += 60000;
    for (int i = 0; i < 10; i++) { /* what it says is taken, and tells it nothing */
        outpost_step(&outpost, UPLINK_UP);
    }
    ck_assert_uint_gt(outpost_status(&outpost).pushes, pushes);
    ck_assert(!node_is_connected(&outpost.node));
    outpost_run(&outpost, 10000);
    ck_assert(node_is_connected(&outpost.node) && !node_is_catching_up(&outpost.node));
    ck_assert_int_gt(outpost.node.heard_utc_ms, heard_utc_ms);
    outpost.tamper = NULL;
    check_settled();
}
END_TEST

/* A hub that takes the stream and says nothing: the desk waits for 5 s, then decides alone. */
START_TEST(test_silent_hub)
{
    for (int i = 0; i < 10; i++) {
        ck_assert(outpost.node.catching_up);
        outpost_step(&outpost, UPLINK_UP);
        network.clock.now_utc_ms += 500;
    }
    outpost_step(&outpost, UPLINK_UP);
    ck_assert(!outpost.node.catching_up);
    outpost_settle(&outpost);
    check_settled();
}
END_TEST

/* ---- what the hub must not tell ---- */

static int tampered;

static void flip_entry(Passerelle__V1__FollowResponse *message)
{
    if (message->event_case == PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_NET) {
        message->net->package->entries[0].data[7] ^= 1;
        tampered++;
    }
}

static void drop_entry(Passerelle__V1__FollowResponse *message)
{
    if (message->event_case == PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_NET) {
        message->net->package->n_entries--;
        tampered++;
    }
}

static void flip_root(Passerelle__V1__FollowResponse *message)
{
    if (message->event_case == PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_NET) {
        char *line = strchr(strchr(message->net->checkpoint, '\n') + 1, '\n') + 1;
        line[3] = line[3] == 'A' ? 'B' : 'A';
        tampered++;
    }
}

static void cut_proof(Passerelle__V1__FollowResponse *message)
{
    if (message->event_case == PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_NET &&
        message->net->package->n_proof > 0) {
        message->net->package->n_proof--;
        tampered++;
    }
}

/* A note whose text is right and whose signature is of another key. */
static void flip_signature(Passerelle__V1__FollowResponse *message)
{
    if (message->event_case == PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_NET) {
        char *end = message->net->checkpoint + strlen(message->net->checkpoint) - 10;
        *end = *end == 'A' ? 'B' : 'A';
        tampered++;
    }
}

static const struct {
    void (*tamper)(Passerelle__V1__FollowResponse *message);
    bool last_only; /* only the package that completes the checkpoint is refused */
} lies[] = {
    {flip_entry, false}, {drop_entry, false},    {flip_root, false},
    {cut_proof, false},  {flip_signature, true},
};

START_TEST(test_lies)
{
    tampered = 0;
    outpost.tamper = lies[_i].tamper;
    outpost_settle(&outpost);
    ck_assert_int_gt(tampered, 0);
    ck_assert(!outpost.node.complete);
    ck_assert_uint_lt(outpost_size(&outpost, FEED_NET), hub_size(FEED_NET));
    if (!lies[_i].last_only) {
        ck_assert_uint_eq(outpost_size(&outpost, FEED_NET), 0);
    }
    ck_assert_int_ne(outpost_status(&outpost).state, UPLINK_GOOD);
    outpost.tamper = NULL;
    outpost_run(&outpost, 120000);
    check_settled();
}
END_TEST

/* ---- snapshots ---- */

static void check_rebuild(void)
{
    struct db *db = outpost.service.db;
    struct fault fault = FAULT_NONE;
    uint8_t before[32], after[32];
    ck_assert_int_eq(db_begin(db, &fault), E_OK);
    ck_assert_int_eq(view_digest(db, before, &fault), E_OK);
    ck_assert_msg(view_rebuild(db, 0, NULL, NULL, &fault) == E_OK, "%s", fault.text);
    ck_assert_int_eq(view_digest(db, after, &fault), E_OK);
    ck_assert_mem_eq(before, after, sizeof before);
    db_end(db, NULL);
}

/* As a site that is far behind with so few. */
static void far_behind(void)
{
    uplink_set_behind_max(outpost.uplink, 100);
}

static void check_snapshots(uint64_t count)
{
    check_settled();
    check_rebuild();
    ck_assert_uint_eq(outpost_status(&outpost).snapshots, count);
}

static uint64_t net_base(void)
{
    struct fault fault = FAULT_NONE;
    struct db *db = outpost.service.db;
    ck_assert_int_eq(db_begin_read(db, &fault), E_OK);
    uint64_t base = feed_base(db, journal_feed_no(db, VIEW_LIT(FEED_NET)));
    ck_assert_int_eq(db_end(db, &fault), E_OK);
    return base;
}

START_TEST(test_new_site)
{
    far_behind();
    outpost_stay(&outpost, 1);
    outpost_settle(&outpost);
    check_snapshots(1);
    ck_assert_uint_gt(net_base(), 100);
    for (uint64_t i = 2; i < 300; i++) {
        outpost_stay(&outpost, i);
    }
    change_net("s007");
    outpost_reopen(&outpost);
    far_behind();
    outpost_settle(&outpost);
    check_snapshots(0);
}
END_TEST

/* The network is small: its whole ledger is worth more. */
START_TEST(test_near)
{
    outpost_settle(&outpost);
    check_snapshots(0);
    ck_assert_uint_eq(net_base(), 0);
}
END_TEST

static void issue_passes(unsigned from, unsigned count)
{
    Passerelle__V1__IssuePassesRequest *issue =
        network_new(&network, &passerelle__v1__issue_passes_request__descriptor);
    issue->request_id = network_request_id(&network);
    issue->holder_ids = ARENA_ARRAY(&network.arena, count, char *);
    for (unsigned i = 0; i < count; i++) {
        issue->holder_ids[issue->n_holder_ids++] = arena_printf(&network.arena, "h%05u", from + i);
    }
    network_must(&network, network_who(ROLE_OPERATOR, "op-1"), "PassService", "IssuePasses",
                 &issue->base);
}

START_TEST(test_long_sleep)
{
    outpost_settle(&outpost);
    outpost.fault = LINK_DOWN;
    outpost_run(&outpost, 60000);
    for (unsigned i = 0; i < 1500; i += 500) {
        issue_passes(1 + i, 500);
    }
    for (uint64_t i = 0; i < 300; i++) {
        outpost_stay(&outpost, i);
    }
    network.clock.now_utc_ms += 365 * DAY_MS;
    outpost_reopen(&outpost);
    far_behind();
    outpost.fault = LINK_GOOD;
    outpost_run(&outpost, 60000);
    check_snapshots(1);
    ck_assert_uint_gt(net_base(), 1500);
    /* A few more are followed. */
    issue_passes(1501, 200);
    outpost_settle(&outpost);
    check_snapshots(1);
}
END_TEST

/* The link breaks at the n-th message, or the site is killed there; then all is well. */
START_TEST(test_broken_snapshot)
{
    static const enum outpost_fault faults[] = {LINK_DOWN, LINK_LOST_ANSWER, LINK_BUSY};
    for (unsigned i = 0; i < 1500; i += 500) {
        issue_passes(1 + i, 500);
    }
    bool killed = _i % 2 == 1;
    far_behind();
    outpost.fault = faults[_i % (int)ARRAY_LEN(faults)];
    outpost.fault_after = _i / 2;
    outpost.fault_calls = 1 + _i % 2;
    outpost_settle(&outpost);
    if (killed) {
        outpost_reopen(&outpost);
        far_behind();
    }
    outpost.fault = LINK_GOOD;
    outpost_run(&outpost, 60000);
    check_settled();
    check_rebuild();
    ck_assert_uint_gt(net_base(), 1500);
}
END_TEST

/* A link that carries all but snapshots. */
static int cut;

static void cut_parts(Passerelle__V1__GetSnapshotResponse *part)
{
    (void)part;
    outpost.fault = LINK_DOWN;
    outpost.fault_after = 0;
    outpost.fault_calls = 1;
    cut++;
}

START_TEST(test_no_snapshot_comes)
{
    far_behind();
    cut = 0;
    outpost.tamper_snapshot = cut_parts;
    outpost_run(&outpost, 120000);
    check_snapshots(0);
    ck_assert_int_gt(cut, 1);
    ck_assert_int_lt(cut, 10);
    ck_assert_uint_eq(net_base(), 0);
}
END_TEST

static void flip_digest(Passerelle__V1__GetSnapshotResponse *part)
{
    if (part->part_case == PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_HEADER) {
        part->header->digest.data[3] ^= 1;
        cut++;
    }
}

static void flip_snapshot_signature(Passerelle__V1__GetSnapshotResponse *part)
{
    if (part->part_case == PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_HEADER) {
        part->header->signature.data[3] ^= 1;
        cut++;
    }
}

static void flip_edge(Passerelle__V1__GetSnapshotResponse *part)
{
    if (part->part_case == PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_HEADER) {
        part->header->frontier[0].data[3] ^= 1;
        cut++;
    }
}

static void drop_row(Passerelle__V1__GetSnapshotResponse *part)
{
    if (part->part_case == PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_CHUNK) {
        part->chunk->n_rows--;
        cut++;
    }
}

static void (*const forgeries[])(Passerelle__V1__GetSnapshotResponse *part) = {
    flip_digest,
    flip_snapshot_signature,
    flip_edge,
    drop_row,
};

START_TEST(test_forged_snapshot)
{
    far_behind();
    cut = 0;
    outpost.tamper_snapshot = forgeries[_i];
    outpost_run(&outpost, 60000);
    ck_assert_int_gt(cut, 0);
    check_snapshots(0);
    ck_assert_uint_eq(net_base(), 0);
}
END_TEST

/* ---- certificates ---- */

static void set_certificate(int64_t from_utc_ms, int64_t to_utc_ms)
{
    static char localhost[] = "localhost";
    static char *names[] = {localhost};
    struct cert_pem client = CERT_PEM_INIT, server = CERT_PEM_INIT;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(cert_make_request(&client, &fault), E_OK);
    ck_assert_int_eq(cert_make_request(&server, &fault), E_OK);
    uplink_set_certificate(outpost.uplink, from_utc_ms, to_utc_ms, buf_content(&client.certificate),
                           buf_content(&server.certificate), names, 1);
    cert_pem_release(&client);
    cert_pem_release(&server);
}

START_TEST(test_renewal)
{
    int64_t now = network.clock.now_utc_ms;
    outpost_settle(&outpost);
    set_certificate(now - 59 * DAY_MS, now + 31 * DAY_MS);
    outpost_settle(&outpost);
    ck_assert_ptr_null(outpost.installed);
    set_certificate(now - 61 * DAY_MS, now + 29 * DAY_MS);
    outpost.fault = LINK_LOST_ANSWER;
    outpost.fault_calls = 1;
    outpost_run(&outpost, 60000); /* the other work goes on; the next try is in an hour */
    ck_assert_ptr_null(outpost.installed);
    check_settled();
    outpost_run(&outpost, 3600000);
    ck_assert_ptr_nonnull(outpost.installed);
    ck_assert(!outpost.gone_without_certificate);
    const Passerelle__V1__RenewSiteResponse *renewed = (const void *)outpost.installed;
    struct cert_info info;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(cert_inspect_pem(view_of(renewed->certificate_pem), "test", &info, &fault),
                     E_OK);
    ck_assert_str_eq(info.who.party, site_id);
}
END_TEST

START_TEST(test_expired)
{
    int64_t now = network.clock.now_utc_ms;
    set_certificate(now - 91 * DAY_MS, now - DAY_MS);
    outpost.fault = LINK_DOWN;
    outpost_run(&outpost, 10000);
    ck_assert_int_eq(outpost_status(&outpost).state, UPLINK_UNREACHABLE);
    network.clock.now_utc_ms += 60000; /* the next try tells nothing new: each change is a line */
    ck_assert_int_eq(outpost_step(&outpost, UPLINK_UP), UPLINK_LOCAL);
    ck_assert_int_eq(outpost_status(&outpost).state, UPLINK_UNREACHABLE);
    outpost.fault = LINK_GOOD;
    outpost_run(&outpost, 60000);
    ck_assert(outpost.gone_without_certificate);
    ck_assert_ptr_nonnull(outpost.installed);
    check_settled();
}
END_TEST

/* ---- waits ---- */

/* 120 sites lose their hub at the same moment, for a minute: they are back within 5 s, and no
 * tenth of a second sees more than a few. */
START_TEST(test_no_herd)
{
    enum { SITES = 120, TENTHS = 60 };
    int back[TENTHS] = {0};
    for (int i = 0; i < SITES; i++) {
        struct uplink *uplink = uplink_new(&outpost.node);
        struct uplink_failure failure = {.code = CODE_UNAVAILABLE, .message = "no answer"};
        struct arena arena = ARENA_INIT;
        struct uplink_step step;
        int64_t start = network.clock.now_utc_ms;
        int64_t waited_ms = 0;
        struct fault fault = FAULT_NONE;
        while (waited_ms < 60000) {
            ck_assert_int_eq(db_begin_read(outpost.service.db, &fault), E_OK);
            uplink_next(uplink, UPLINK_DOWN, &outpost.service, &arena, &step);
            ck_assert_int_eq(db_end(outpost.service.db, &fault), E_OK);
            if (step.act == UPLINK_FOLLOW) {
                uplink_failed(uplink, UPLINK_DOWN, &failure);
                continue;
            }
            ck_assert_int_eq(step.act, UPLINK_WAIT);
            network.clock.now_utc_ms = step.until_ns / 1000000 + 1;
            waited_ms = network.clock.now_utc_ms - start;
        }
        ck_assert_int_lt(waited_ms, 65000);
        back[(waited_ms - 60000) / 100]++;
        network.clock.now_utc_ms = start;
        arena_release(&arena);
        uplink_free(uplink);
    }
    for (int i = 0; i < TENTHS; i++) {
        ck_assert_int_le(back[i], SITES / 8);
    }
}
END_TEST

/* A hub that stops, or has too many streams, asks 120 sites at the same moment to wait: nobody is
 * back before, all are soon after and not at once; and nobody waits as long as nonsense says. */
START_TEST(test_asked_to_wait)
{
    enum { SITES = 120, TENTHS = 20 };
    static const struct {
        int64_t retry_after_s, least_ms, most_ms;
    } rows[] = {{2, 2000, 4000}, {86399, 30000, 60000}};
    for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
        int back[TENTHS + 1] = {0};
        for (int i = 0; i < SITES; i++) {
            struct uplink *uplink = uplink_new(&outpost.node);
            struct uplink_failure failure = {.code = CODE_UNAVAILABLE,
                                             .message = "All streams are in use.",
                                             .retry_after_s = rows[row].retry_after_s,
                                             .reached = true};
            struct arena arena = ARENA_INIT;
            struct uplink_step step;
            uplink_failed(uplink, UPLINK_DOWN, &failure);
            uplink_next(uplink, UPLINK_DOWN, &outpost.service, &arena, &step);
            ck_assert_int_eq(step.act, UPLINK_WAIT);
            int64_t wait_ms = step.until_ns / 1000000 - network.clock.now_utc_ms;
            ck_assert_int_ge(wait_ms, rows[row].least_ms);
            ck_assert_int_le(wait_ms, rows[row].most_ms);
            back[(wait_ms - rows[row].least_ms) * TENTHS /
                 (rows[row].most_ms - rows[row].least_ms)]++;
            arena_release(&arena);
            uplink_free(uplink);
        }
        for (int i = 0; i < TENTHS; i++) {
            ck_assert_int_le(back[i], SITES / 8);
        }
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("uplink");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, before_the_hub_has_spoken);
    tcase_add_test(cases, test_both_ways);
    tcase_add_test(cases, test_faults);
    tcase_add_test(cases, test_quiet);
    tcase_add_test(cases, test_revoked);
    tcase_add_test(cases, test_hosted_again);
    tcase_add_test(cases, what_came_back_ends_by_the_clock);
    tcase_add_test(cases, test_rolled_back);
    tcase_add_test(cases, test_own_ledger_is_gone);
    tcase_add_test(cases, test_told_again);
    tcase_add_test(cases, test_diverged);
    tcase_add_test(cases, test_untaken);
    tcase_add_test(cases, test_back);
    tcase_add_test(cases, test_silent_hub);
    tcase_add_loop_test(cases, test_lies, 0, (int)ARRAY_LEN(lies));
    tcase_add_test(cases, test_new_site);
    tcase_add_test(cases, test_near);
    tcase_add_test(cases, test_long_sleep);
    tcase_add_loop_test(cases, test_broken_snapshot, 0, 18);
    tcase_add_test(cases, test_no_snapshot_comes);
    tcase_add_loop_test(cases, test_forged_snapshot, 0, (int)ARRAY_LEN(forgeries));
    tcase_add_test(cases, test_renewal);
    tcase_add_test(cases, test_expired);
    tcase_add_test(cases, test_no_herd);
    tcase_add_test(cases, test_asked_to_wait);
    Suite *suite = suite_create("uplink");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
