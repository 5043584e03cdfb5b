/* What a site's daemon follows: `net` proven against signed heads, knowledge in its newest state,
 * its own entries when it lost them; resumed anywhere, stopped anywhere. */
#include <check.h>
#include <stdlib.h>

#include "core/day/day.h"
#include "core/entry/entry.h"
#include "core/merkle/subtree.h"
#include "lib/box.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "service/journal.h"
#include "service/sync/knowledge.h"
#include "service/sync/sync.h"
#include "store/feed/feed.h"
#include "store/view/registry.h"
#include "wire/pack.h"

#define EVENT(name) PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_##name
#define ITEM(name) PASSERELLE__V1__KNOWLEDGE_ITEM__ITEM_##name

static struct network network;
static struct box box;
static int changes; /* of net, by change_net() */

static void setup(void)
{
    changes = 0;
    network_init(&network, true, 12);
    network_authority(&network);
    network_import(&network, network_reference_dir());
    box_init(&box, &network, "s042");
    box_begin(&box);
}

static void teardown(void)
{
    network_check(&network);
    box_release(&box);
    network_release(&network);
}

/* What a follower has, from messages alone. */
struct follower {
    struct network_stream *stream;
    struct tree_frontier net;
    uint64_t own;
    uint64_t version;
    size_t pieces[16]; /* by kind */
    const Passerelle__V1__KnowledgeItem *last[16];
    bool caught_up;
};

static void follow(struct follower *f)
{
    Passerelle__V1__FollowRequest *request =
        network_new(&network, &passerelle__v1__follow_request__descriptor);
    request->net_size = f->net.size;
    request->own_size = f->own;
    request->knowledge_version = f->version;
    f->caught_up = false;
    f->stream = network_open(&network, network_who(ROLE_SITE, "s042"), "LedgerService", "Follow",
                             &request->base);
}

static struct note_key key_of(const char *feed_id)
{
    struct feed_id id;
    struct note_key key;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(db_begin_read(network.service.db, &fault), E_OK);
    ck_assert_int_eq(feed_find(network.service.db, view_of(feed_id), &id), E_OK);
    ck_assert_int_eq(db_end(network.service.db, &fault), E_OK);
    ck_assert_int_eq(note_key_init(&key, view_of(id.origin), NOTE_ED25519, id.public_key), E_OK);
    return key;
}

static void take_package(struct tree_frontier *have, const char *feed_id,
                         const Passerelle__V1__FeedPackage *message)
{
    struct note_key key = key_of(feed_id);
    struct checkpoint head;
    const Passerelle__V1__Package *package = message->package;
    struct tree_hash proof[TREE_PROOF_MAX];
    ck_assert_int_eq(checkpoint_open(view_of(message->checkpoint), &key, &head, NULL, NULL), E_OK);
    ck_assert_uint_eq(package->first_seq, have->size + 1);
    struct package shape = package_at(have->size, head.size, PACKAGE_WIDTH);
    ck_assert_uint_eq(package->n_entries, shape.end - shape.start);
    for (size_t i = 0; i < package->n_proof; i++) {
        memcpy(&proof[i], package->proof[i].data, sizeof proof[i]);
    }
    struct tree_frontier block = {.size = have->size - shape.base};
    memcpy(block.level, have->level, 8 * sizeof block.level[0]);
    for (size_t i = 0; i < package->n_entries; i++) {
        struct tree_hash leaf = tree_leaf(wire_view(package->entries[i]));
        tree_frontier_append(&block, &leaf, NULL);
        tree_frontier_append(have, &leaf, NULL);
    }
    struct tree_hash hash = tree_frontier_root(&block);
    ck_assert_int_eq(package_check(&shape, &hash, head.size, &head.root, proof, package->n_proof),
                     E_OK);
}

static void take_pieces(struct follower *f, const Passerelle__V1__Knowing *knowing)
{
    ck_assert_uint_gt(knowing->version, f->version);
    f->version = knowing->version;
    for (size_t i = 0; i < knowing->n_items; i++) {
        f->pieces[knowing->items[i]->item_case]++;
        f->last[knowing->items[i]->item_case] = knowing->items[i];
    }
}

/* Pumps until nothing comes, some messages at a time. */
static size_t listen(struct follower *f, size_t room)
{
    struct tree_frontier own = box.frontier;
    size_t total = 0, count;
    ck_assert_msg(f->stream->stream.call->error.code == CODE_OK, "%s",
                  f->stream->stream.call->error.message);
    while ((count = network_pump(f->stream, room)) > 0) {
        total += count;
        for (size_t i = 0; i < count; i++) {
            const Passerelle__V1__FollowResponse *response = (const void *)f->stream->messages[i];
            switch (response->event_case) {
            case EVENT(NET):
                take_package(&f->net, "net", response->net);
                break;
            case EVENT(OWN):
                ck_assert_uint_eq(response->own->package->first_seq, f->own + 1);
                f->own += response->own->package->n_entries;
                break;
            case EVENT(KNOWING):
                take_pieces(f, response->knowing);
                break;
            case EVENT(CAUGHT_UP):
                ck_assert(!f->caught_up);
                ck_assert_uint_eq(response->caught_up->net_size, f->net.size);
                ck_assert_uint_eq(response->caught_up->own_size, own.size);
                f->caught_up = true;
                break;
            default:
                ck_abort_msg("an event of kind %d", (int)response->event_case);
            }
        }
    }
    return total;
}

static uint64_t net_size(void)
{
    struct feed_id id;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(db_begin_read(network.service.db, &fault), E_OK);
    ck_assert_int_eq(feed_find(network.service.db, VIEW_LIT("net"), &id), E_OK);
    uint64_t size = feed_head(network.service.db, id.no).size;
    ck_assert_int_eq(db_end(network.service.db, &fault), E_OK);
    return size;
}

static void change_net(void)
{
    Passerelle__V1__SetSiteStateRequest *request =
        network_new(&network, &passerelle__v1__set_site_state_request__descriptor);
    request->request_id = network_request_id(&network);
    request->site_id = (char[]){"s010"};
    request->state = changes++ % 2 == 0 ? PASSERELLE__V1__SITE_STATE__SITE_STATE_SUSPENDED
                                     : PASSERELLE__V1__SITE_STATE__SITE_STATE_ACTIVE;
    network_must(&network, network_who(ROLE_OPERATOR, "op-1"), "NetworkService", "SetSiteState",
                 &request->base);
}

static size_t rows_of(enum registry_table table)
{
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(db_begin_read(network.service.db, &fault), E_OK);
    int64_t count = registry_count(network.service.db, table);
    ck_assert_int_eq(db_end(network.service.db, &fault), E_OK);
    return (size_t)count;
}

START_TEST(a_new_site_hears_all_then_news)
{
    struct follower f = {0};
    follow(&f);
    listen(&f, 1000); /* nothing is signed yet, and it does not say that this is all */
    ck_assert(!f.caught_up);
    network_tick(&network);
    listen(&f, (size_t)_i);
    ck_assert(f.caught_up);
    ck_assert_uint_eq(f.net.size, net_size());
    ck_assert_uint_eq(f.pieces[ITEM(PLAN)], rows_of(REGISTRY_PLANS));
    ck_assert_uint_eq(f.pieces[ITEM(HOLDER)], rows_of(REGISTRY_HOLDERS));
    ck_assert_int_eq(f.last[ITEM(PLAN)]->plan->plan->monthly_fee_cents, 0);
    uint64_t version = f.version;
    for (int i = 0; i < 3; i++) {
        change_net(); /* signed with its own commit, no tick between */
        ck_assert_uint_eq(listen(&f, 1000), 1);
        ck_assert_uint_eq(f.net.size, net_size());
    }
    ck_assert_uint_eq(f.version, version);
    ck_assert_uint_eq(network_pump(f.stream, 10), 0);
    follow(&f); /* another connection goes on where this one was */
    listen(&f, 1000);
    ck_assert(f.caught_up);
    ck_assert_uint_eq(f.version, version);
}
END_TEST

/* When all was looked at and nothing was new, who waits to be told so is woken all the same. */
START_TEST(the_end_of_the_sweep_is_news)
{
    struct service *service = &network.service;
    struct fault fault = FAULT_NONE;
    bool told = false, more = true;
    network_tick(&network);
    ck_assert_int_eq(db_begin(service->db, &fault), E_OK);
    ck_assert(knowledge_is_complete(service->db));
    db_exec(service->db, "UPDATE knowledge_cursor SET seq = 0 WHERE feed_no = -1");
    service->knowledge.began = false;
    while (more) {
        bool news;
        more = sync_tick(service, network.clock.now_utc_ms, false, &news);
        told = told || (news && knowledge_is_complete(service->db));
    }
    ck_assert(told);
    ck_assert_int_eq(db_commit(service->db, &fault), E_OK);
    journal_committed(service->journal);
}
END_TEST

START_TEST(visits_elsewhere_are_told)
{
    struct follower f = {0};
    follow(&f);
    network_tick(&network);
    listen(&f, 1000);
    size_t before = f.pieces[ITEM(HOLDER)];
    memset(f.pieces, 0, sizeof f.pieces);
    int64_t now_utc_ms = network.clock.now_utc_ms;
    for (uint64_t i = 0; i < 30; i++) {
        const char *holder = arena_printf(&network.arena, "h%05u", 1 + (unsigned)i * 29);
        box_stay(&box, holder, 1 + i, now_utc_ms - HOUR_MS + (int64_t)i,
                 now_utc_ms - HOUR_MS / 2 + (int64_t)i);
    }
    box_push_all(&box);
    network_tick(&network);
    listen(&f, 1000);
    ck_assert_uint_gt(before, 0);
    ck_assert_uint_eq(f.pieces[ITEM(HOLDER)], 0);
    ck_assert_uint_gt(f.pieces[ITEM(PLAN_STANDING)] + f.pieces[ITEM(HOLDER_STANDING)], 0);
    const Passerelle__V1__KnowledgeItem *standing = f.last[ITEM(PLAN_STANDING)];
    if (standing != NULL) {
        ck_assert_uint_eq(standing->plan_standing->own_seq, box.size);
        ck_assert_str_eq(standing->plan_standing->month, "2026-11");
    }
    uint64_t version = f.version;
    network_tick(&network);
    ck_assert_uint_eq(listen(&f, 1000), 0); /* nothing is told twice */
    ck_assert_uint_eq(f.version, version);
    network_reopen(&network); /* a start looks at all again, and finds nothing new */
    network.service.knowledge = (struct knowledge_memory){0};
    network_tick(&network);
    follow(&f);
    listen(&f, 1000);
    ck_assert_uint_eq(f.version, version);
}
END_TEST

START_TEST(a_box_that_forgot_gets_its_own_back)
{
    int64_t now_utc_ms = network.clock.now_utc_ms;
    for (uint64_t i = 0; i < 700; i++) {
        box_stay(&box, "h00003", 1 + i, now_utc_ms - HOUR_MS + (int64_t)i * 10,
                 now_utc_ms - HOUR_MS + (int64_t)i * 10 + 9);
    }
    box_push_all(&box);
    network_tick(&network);
    struct follower f = {.own = (uint64_t)_i};
    follow(&f);
    network_tick(&network);
    listen(&f, 2);
    ck_assert_uint_eq(f.own, box.size);
    ck_assert(f.caught_up);
}
END_TEST

/* A power cut kept away the rest of a push whose checkpoint was verified, then the box forgot: it
 * must not write again under numbers that it has signed. */
START_TEST(a_box_that_forgot_hears_what_it_signed_for)
{
    int64_t now_utc_ms = network.clock.now_utc_ms;
    for (uint64_t i = 0; i < 700; i++) {
        box_stay(&box, "h00003", 1 + i, now_utc_ms - HOUR_MS + (int64_t)i * 10,
                 now_utc_ms - HOUR_MS + (int64_t)i * 10 + 9);
    }
    const struct call *call = box_send(&box, box_push_request(&box, box.known_size, box.size, 1));
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    network_tick(&network);
    const Passerelle__V1__PushEntriesResponse *answer = (const void *)call->response;
    ck_assert_uint_lt(answer->size, box.size);
    ck_assert_uint_eq(answer->checkpoint_size, box.size);
    struct follower f = {.own = answer->size};
    follow(&f);
    network_tick(&network);
    listen(&f, 1000);
    ck_assert(f.caught_up);
    box_push_all(&box); /* it has them after all */
}
END_TEST

/* It gives out versions again that the site has heard, for other things. */
START_TEST(a_restored_hub_tells_all_again)
{
    struct follower f = {0};
    struct fault fault = FAULT_NONE;
    size_t feeds = 0;
    follow(&f);
    network_tick(&network);
    listen(&f, 1000);
    ck_assert_int_eq(db_begin(network.service.db, &fault), E_OK);
    ck_assert_int_eq(journal_begin_epochs(&network.service, &feeds, &fault), E_OK);
    ck_assert_int_eq(db_commit(network.service.db, &fault), E_OK);
    journal_committed(network.service.journal);
    network_reopen(&network);
    follow(&f);
    f.version = 0;
    f.pieces[ITEM(PLAN)] = 0;
    network_tick(&network);
    listen(&f, 1000);
    ck_assert(f.caught_up);
    ck_assert_uint_eq(f.pieces[ITEM(PLAN)], rows_of(REGISTRY_PLANS));
    follow(&f); /* once */
    ck_assert_uint_eq(listen(&f, 1000), 1);
}
END_TEST

START_TEST(who_may_not_follow_is_told_why)
{
    Passerelle__V1__FollowRequest *request =
        network_new(&network, &passerelle__v1__follow_request__descriptor);
    struct network_stream *s = network_open(&network, network_who(ROLE_SITE, "s041"),
                                            "LedgerService", "Follow", &request->base);
    ck_assert_int_eq(s->stream.call->error.code, CODE_FAILED_PRECONDITION);
    request->net_size = net_size() + 1;
    s = network_open(&network, network_who(ROLE_SITE, "s042"), "LedgerService", "Follow",
                     &request->base);
    ck_assert_int_eq(s->stream.call->error.code, CODE_FAILED_PRECONDITION);
    ck_assert_ptr_nonnull(strstr(s->stream.call->error.message, "restored from a backup"));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("follow");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, a_new_site_hears_all_then_news, 1, 3);
    tcase_add_test(cases, the_end_of_the_sweep_is_news);
    tcase_add_test(cases, visits_elsewhere_are_told);
    tcase_add_loop_test(cases, a_box_that_forgot_gets_its_own_back, 0, 1);
    tcase_add_loop_test(cases, a_box_that_forgot_gets_its_own_back, 300, 301);
    tcase_add_test(cases, a_box_that_forgot_hears_what_it_signed_for);
    tcase_add_test(cases, a_restored_hub_tells_all_again);
    tcase_add_test(cases, who_may_not_follow_is_told_why);
    Suite *suite = suite_create("follow");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
