/* What a site's daemon pushes: whole and in pieces, twice, in disorder, with gaps; what lies is
 * refused or noted with its evidence, and never stops what is behind it. */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/ident/uuid.h"
#include "core/pass/proof.h"
#include "lib/box.h"
#include "passerelle/v1/desk.pb-c.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "passerelle/v1/pass.pb-c.h"
#include "passerelle/v1/settlement.pb-c.h"
#include "service/desk/memory.h"
#include "service/engine.h"
#include "service/journal.h"
#include "service/keyring.h"
#include "store/feed/feed.h"
#include "store/view/registry.h"
#include "wire/pack.h"

#define KIND(name) PASSERELLE__V1__LEDGER_PROBLEM_KIND__LEDGER_PROBLEM_KIND_##name
#define HOUR_MS ((int64_t)3600 * 1000)

static struct network network;
static struct box box;

static void setup(void)
{
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

static void stays(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        int64_t at_utc_ms = network.clock.now_utc_ms - HOUR_MS + (int64_t)box.size * 10;
        const char *holder = arena_printf(&network.arena, "h%05u", 1 + (unsigned)(i % 900));
        box_stay(&box, holder, box.size + 1, at_utc_ms, at_utc_ms + 9);
    }
}

static const Passerelle__V1__PushEntriesResponse *pushed(const struct call *call)
{
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    return (const void *)call->response;
}

static uint64_t held(void)
{
    struct feed_id id;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(db_begin_read(network.service.db, &fault), E_OK);
    ck_assert_int_eq(feed_find(network.service.db, view_of(box.site_id), &id), E_OK);
    uint64_t size = feed_head(network.service.db, id.no).size;
    ck_assert_int_eq(db_end(network.service.db, &fault), E_OK);
    return size;
}

static const Passerelle__V1__GetPeriodResponse *period(const char *month)
{
    Passerelle__V1__GetPeriodRequest *ask =
        network_new(&network, &passerelle__v1__get_period_request__descriptor);
    ask->month = (char *)(uintptr_t)month;
    return network_must(&network, network_who(ROLE_OPERATOR, "op-1"), "SettlementService",
                        "GetPeriod", &ask->base);
}

static const Passerelle__V1__ListProblemsResponse *problems(void)
{
    Passerelle__V1__ListProblemsRequest *ask =
        network_new(&network, &passerelle__v1__list_problems_request__descriptor);
    return network_must(&network, network_who(ROLE_OPERATOR, "op-1"), "LedgerService",
                        "ListProblems", &ask->base);
}

static size_t count_kind(int kind)
{
    const Passerelle__V1__ListProblemsResponse *found = problems();
    size_t count = 0;
    for (size_t i = 0; i < found->n_problems; i++) {
        count += (int)found->problems[i]->kind == kind;
    }
    return count;
}

START_TEST(a_week_comes_in_packages)
{
    stays(8600); /* more than one request holds */
    const Passerelle__V1__PushEntriesResponse *first =
        pushed(box_send(&box, box_push_request(&box, 0, box.size, 32)));
    ck_assert_uint_eq(first->size, 32 * 256);
    ck_assert_str_eq(first->receipt, ""); /* the checkpoint is not complete */
    ck_assert_uint_eq(first->checkpoint_size, box.size);
    box_push_all(&box);
    ck_assert_uint_eq(held(), box.size);
    for (int i = 0; i < 40; i++) { /* and then one by one, inside blocks */
        stays(1 + (uint64_t)i % 3);
        box_push_all(&box);
    }
    ck_assert_uint_eq(held(), box.size);
    ck_assert_uint_eq(problems()->n_problems, 0);
    Passerelle__V1__GetCheckpointRequest *ask =
        network_new(&network, &passerelle__v1__get_checkpoint_request__descriptor);
    ask->feed_id = box.site_id;
    const Passerelle__V1__GetCheckpointResponse *head = network_must(
        &network, network_who(ROLE_ANYONE, ""), "LedgerService", "GetCheckpoint", &ask->base);
    ck_assert(view_starts(view_of(head->checkpoint), box.origin)); /* the site's own, cosigned */
}
END_TEST

static const Passerelle__V1__Feed *feed_as(enum role role, const char *party)
{
    const Passerelle__V1__ListFeedsResponse *list =
        network_must(&network, network_who(role, party), "LedgerService", "ListFeeds",
                     network_new(&network, &passerelle__v1__list_feeds_request__descriptor));
    size_t i = 0;
    while (strcmp(list->feeds[i]->feed_id, box.site_id) != 0) {
        i++;
    }
    return list->feeds[i];
}

/* An operator sees which sites are away; others do not. */
START_TEST(who_was_heard_is_told_to_operators)
{
    stays(3);
    box_push_all(&box);
    int64_t heard_utc_ms = network.clock.now_utc_ms;
    network.clock.now_utc_ms += HOUR_MS;
    const Passerelle__V1__Feed *feed = feed_as(ROLE_OPERATOR, "op-1");
    ck_assert(feed->kept_by_site);
    ck_assert_int_eq(feed->heard_utc_ms, heard_utc_ms);
    ck_assert_uint_eq(feed->receipt_size, box.size);
    feed = feed_as(ROLE_ANYONE, "");
    ck_assert_uint_eq(feed->size, box.size);
    ck_assert_int_eq(feed->heard_utc_ms, 0);
    ck_assert(!feed->kept_by_site);
}
END_TEST

/* The same pushes, lost, twice and in any order, over connections that know nothing of each other:
 * the hub ends with what the box has. */
START_TEST(any_order_gives_the_same)
{
    uint64_t random = (uint64_t)_i * 7919 + 3;
    uint64_t sizes[12];
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        stays(1 + (random >> 33) % 150);
        sizes[i] = box.size;
    }
    for (int round = 0; round < 60; round++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint64_t size = sizes[(random >> 33) % ARRAY_LEN(sizes)];
        uint64_t from = (random >> 13) % size;
        uint64_t before = held();
        const struct call *call = box_send(&box, box_push_request(&box, from, size, 2));
        ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
        const Passerelle__V1__PushEntriesResponse *response = (const void *)call->response;
        ck_assert_uint_eq(response->size, held());
        ck_assert_uint_ge(held(), before);
        ck_assert_uint_eq(response->n_problems, 0);
    }
    box_push_all(&box);
    ck_assert_uint_eq(held(), box.size);
    ck_assert_uint_eq(problems()->n_problems, 0);
}
END_TEST

START_TEST(what_was_not_signed_is_not_kept)
{
    stays(700);
    Passerelle__V1__PushEntriesRequest *request = box_push_request(&box, 0, box.size, 32);
    ProtobufCBinaryData *entry = &request->packages[1]->entries[17];
    struct view changed = arena_copy(&network.arena, wire_view(*entry));
    ((uint8_t *)(uintptr_t)changed.data)[changed.len / 2] ^= 1;
    *entry = wire_bytes(changed);
    const Passerelle__V1__PushEntriesResponse *response = pushed(box_send(&box, request));
    ck_assert_uint_eq(response->size, 0);
    ck_assert_uint_eq(response->n_problems, 1);
    ck_assert_int_eq(response->problems[0]->kind, KIND(BAD_PUSH));
    ck_assert_ptr_nonnull(strstr(response->problems[0]->sentence, "passerelled check"));

    request = box_push_request(&box, 0, box.size, 32);
    request->packages[0]->proof[0].data[3] ^= 1;
    response = pushed(box_send(&box, request));
    ck_assert_uint_eq(response->size, 0);

    static const struct {
        const char *what;
        enum code code;
    } bad[] = {{"signature", CODE_PERMISSION_DENIED},
               {"truncated package", CODE_INVALID_ARGUMENT},
               {"hole between packages", CODE_INVALID_ARGUMENT},
               {"another feed", CODE_PERMISSION_DENIED},
               {"checkpoint of 2^63", CODE_INVALID_ARGUMENT},
               {"64 hashes", CODE_OK},
               {"a gap", CODE_OK}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        request = box_push_request(&box, i == 6 ? 256 : 0, box.size, 32);
        struct view note = view_of(request->checkpoint);
        switch (i) {
        case 0:
            request->checkpoint[note.len - 10] ^= 1;
            break;
        case 1:
            request->packages[0]->n_entries--;
            break;
        case 2:
            request->packages[0] = request->packages[1];
            request->packages[1] = request->packages[2];
            request->packages[1]->first_seq += 256;
            break;
        case 3:
            request->feed_id = arena_string(&network.arena, VIEW_LIT("s043"));
            break;
        case 4:
            request->checkpoint = arena_printf(&network.arena, "%s\n9223372036854775808\n%s",
                                               box.origin, strrchr(request->checkpoint, '\n'));
            break;
        case 5:
            request->packages[0]->proof = ARENA_ARRAY(&network.arena, 64, ProtobufCBinaryData);
            request->packages[0]->n_proof = 64;
            for (size_t k = 0; k < 64; k++) {
                request->packages[0]->proof[k] = wire_bytes(view_bytes(box.origin, 32));
            }
            break;
        default:
            break;
        }
        const struct call *call = box_send(&box, request);
        ck_assert_msg(call->error.code == bad[i].code, "%s: %s", bad[i].what,
                      call->error.code == CODE_OK ? "taken" : call->error.message);
        ck_assert_msg(held() == 0, "%s", bad[i].what);
    }
    box_push_all(&box); /* nothing stands in the way of the truth */
}
END_TEST

START_TEST(one_bad_entry_stops_nothing)
{
    stays(20);
    box_append_bytes(&box, VIEW_LIT("no entry at all"));
    box_append_bytes(&box, box.entries[3]); /* it says another number */
    stays(20);
    int64_t now_utc_ms = network.clock.now_utc_ms;
    box_stay(&box, "h00003", 900, now_utc_ms - 6 * HOUR_MS, now_utc_ms - 5 * HOUR_MS);
    stays(1);
    box_stay(&box, "h00003", 901, now_utc_ms - 6 * HOUR_MS, now_utc_ms + HOUR_MS);
    box_push_all(&box);
    static const int kinds[] = {KIND(UNREADABLE), KIND(UNREADABLE), KIND(TIME), KIND(TIME)};
    static const uint64_t seqs[] = {21, 22, 43, 45};
    const Passerelle__V1__ListProblemsResponse *found = problems();
    ck_assert_uint_eq(found->n_problems, ARRAY_LEN(seqs));
    for (size_t i = 0; i < ARRAY_LEN(seqs); i++) {
        ck_assert_int_eq(found->problems[i]->kind, kinds[i]);
        ck_assert_uint_eq(found->problems[i]->seq, seqs[i]);
        ck_assert(view_equal(wire_view(found->problems[i]->evidence[0]), box.entries[seqs[i] - 1]));
        ck_assert_ptr_nonnull(strstr(found->problems[i]->sentence, "; ask the site"));
    }
    network.clock.now_utc_ms += 2 * HOUR_MS;
    stays(3); /* and what comes behind is taken */
    box_push_all(&box);
    ck_assert_uint_eq(held(), box.size);
    ck_assert_uint_eq(problems()->n_problems, ARRAY_LEN(seqs));
}
END_TEST

/* The writer takes a push in portions, and a portion twice when its transaction failed: what was
 * found is said once. */
START_TEST(portions_give_the_same_answer)
{
    stays(100);
    box_append_bytes(&box, VIEW_LIT("no entry at all"));
    stays(500);
    box_append_bytes(&box, VIEW_LIT("nor is this"));
    stays(1);
    Passerelle__V1__PushEntriesRequest *request = box_push_request(&box, 0, box.size, 32);
    struct call *call = network_prepare(&network, network_who(ROLE_SITE, box.site_id),
                                        "LedgerService", "PushEntries", &request->base);
    call->portion = 7;
    int portions = 0;
    do {
        call->again = false;
        call->response = NULL;
        call->decision = NULL;
        if (portions % 3 == 1) { /* and it never was */
            struct fault fault = FAULT_NONE;
            ck_assert_int_eq(db_begin(network.service.db, &fault), E_OK);
            ck_assert(engine_write(&network.service, call));
            db_end(network.service.db, NULL);
            journal_rolled_back(network.service.journal);
            call->again = false;
            call->response = NULL;
            call->decision = NULL;
        }
        network_write(&network, call);
        const Passerelle__V1__PushEntriesResponse *answer = pushed(call);
        portions++;
        ck_assert_uint_eq(held(), call->again ? (uint64_t)portions * 7 : box.size);
        ck_assert_uint_eq(answer->size, held());
        ck_assert((answer->receipt[0] == '\0') == call->again);
    } while (call->again);
    const Passerelle__V1__PushEntriesResponse *answer = pushed(call);
    ck_assert_int_eq(portions, (int)(box.size + 6) / 7);
    ck_assert_uint_eq(answer->n_problems, 2);
    ck_assert_uint_eq(answer->problems[0]->seq, 101);
    ck_assert_uint_eq(answer->problems[1]->seq, 602);
    ck_assert_uint_eq(problems()->n_problems, 2);
}
END_TEST

/* The same package on two connections at once: both were looked at before either is carried out. */
START_TEST(twice_at_once_is_once)
{
    stays(600);
    Passerelle__V1__PushEntriesRequest *request = box_push_request(&box, 0, box.size, 32);
    struct principal site = network_who(ROLE_SITE, box.site_id);
    struct call *calls[2];
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        calls[i] = network_prepare(&network, site, "LedgerService", "PushEntries", &request->base);
    }
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        network_write(&network, calls[i]);
        const Passerelle__V1__PushEntriesResponse *response = pushed(calls[i]);
        ck_assert_uint_eq(response->size, box.size);
        ck_assert_uint_eq(response->n_problems, 0);
        ck_assert_str_ne(response->receipt, "");
    }
    ck_assert_uint_eq(held(), box.size);
}
END_TEST

/* What cannot be read is evidence too, as large as who pushes it likes: it comes in pages, of which
 * each problem is on one. */
START_TEST(much_evidence_comes_in_pages)
{
    enum { LARGE = 40, SMALL = 1010 };
    uint8_t *bytes = arena_alloc(&network.arena, 60000);
    for (size_t i = 0; i < LARGE + SMALL; i++) {
        size_t len = i < LARGE ? 60000 : 20;
        memset(bytes, (int)(i % 251) + 1, len);
        box_append_bytes(&box, arena_copy(&network.arena, view_bytes(bytes, len)));
    }
    box_push_all(&box);
    Passerelle__V1__ListProblemsRequest *ask =
        network_new(&network, &passerelle__v1__list_problems_request__descriptor);
    size_t pages = 0;
    uint64_t seen = 0;
    do {
        const Passerelle__V1__ListProblemsResponse *page =
            network_must(&network, network_who(ROLE_OPERATOR, "op-1"), "LedgerService",
                         "ListProblems", &ask->base);
        size_t total = 0;
        for (size_t i = 0; i < page->n_problems; i++) {
            ck_assert_uint_eq(page->problems[i]->seq, ++seen);
            total += page->problems[i]->evidence[0].len;
        }
        ck_assert_uint_le(total, 1 << 20);
        ck_assert_uint_le(page->n_problems, 1000);
        ask->page_token = page->next_page_token;
        pages++;
    } while (ask->page_token[0] != '\0');
    ck_assert_uint_eq(seen, LARGE + SMALL);
    ck_assert_uint_eq(pages, 4); /* 17, 17, 6 and 994, the rest */
    ask->page_token = (char[]){"soon"};
    const struct call *call = network_call(&network, network_who(ROLE_OPERATOR, "op-1"),
                                           "LedgerService", "ListProblems", &ask->base);
    ck_assert_int_eq(call->error.code, CODE_INVALID_ARGUMENT);
    ask->page_token = (char[]){""};
    ask->feed_id = (char[]){"s0042"}; /* whoever mistypes it would hear that all is well */
    call = network_call(&network, network_who(ROLE_OPERATOR, "op-1"), "LedgerService",
                        "ListProblems", &ask->base);
    ck_assert_int_eq(call->error.code, CODE_NOT_FOUND);
}
END_TEST

/* An entry that is right, in another feed: here it is a leaf that cannot be read. */
START_TEST(an_entry_of_another_feed_counts_for_nothing)
{
    struct box other;
    box_init(&other, &network, "s043");
    box_begin(&other);
    int64_t now_utc_ms = network.clock.now_utc_ms;
    box_stay(&other, "h00003", 1, now_utc_ms - HOUR_MS, now_utc_ms);
    box_append_bytes(&box, other.entries[0]);
    stays(1);
    box_push_all(&box);
    ck_assert_uint_eq(held(), 2);
    ck_assert_uint_eq(problems()->n_problems, 1);
    ck_assert_int_eq(problems()->problems[0]->kind, KIND(UNREADABLE));
    ck_assert_uint_eq(problems()->problems[0]->seq, 1);
    network.clock.now_utc_ms += 40 * 24 * HOUR_MS;
    ck_assert_uint_eq(period("2026-11")->document->stays, 1);
    box_release(&other);
}
END_TEST

/* A second feed under the same key, as a box restored from a backup would have it. */
static struct box other_story(uint64_t from)
{
    struct box other = box;
    other.entries = NULL;
    other.nodes = NULL;
    other.size = other.capacity = 0;
    other.frontier = (struct tree_frontier){0};
    for (uint64_t i = 0; i < from; i++) {
        box_append_bytes(&other, box.entries[i]);
    }
    return other;
}

START_TEST(two_stories_are_a_fork)
{
    stays(200);
    box_push_all(&box);
    struct box other = other_story(100);
    int64_t now_utc_ms = network.clock.now_utc_ms;
    for (uint64_t i = 0; i < (uint64_t)_i; i++) {
        box_stay(&other, "h00003", 5000 + i, now_utc_ms, now_utc_ms + 1);
    }
    uint64_t before = held();
    other.known_size = other.size < box.size ? 0 : box.size;
    const Passerelle__V1__PushEntriesResponse *response =
        pushed(box_send(&other, box_push_request(&other, 100, other.size, 32)));
    ck_assert_uint_eq(response->size, before);
    ck_assert_uint_eq(response->n_problems, 1);
    ck_assert_int_eq(response->problems[0]->kind, KIND(FORK));
    ck_assert_uint_eq(response->problems[0]->n_evidence, 2);
    ck_assert(view_starts(wire_view(response->problems[0]->evidence[0]), box.origin));
    ck_assert(view_starts(wire_view(response->problems[0]->evidence[1]), box.origin));
    /* Neither story goes on until an operator has decided. */
    stays(1);
    const struct call *call = box_send(&box, box_push_request(&box, before, box.size, 32));
    ck_assert_int_eq(call->error.code, CODE_FAILED_PRECONDITION);
    ck_assert_ptr_nonnull(strstr(call->error.message, "two stories"));
    ck_assert_uint_eq(held(), before);
    box_release(&other);

    box_release(&box); /* a new box is believed until it tells two as well, which is told too */
    box_init(&box, &network, "s042");
    box_begin(&box);
    other = other_story(box.size - 1);
    box_stay(&other, "h00003", 6000, now_utc_ms, now_utc_ms + 1);
    other.known_size = box.size;
    pushed(box_send(&other, box_push_request(&other, other.size - 1, other.size, 32)));
    ck_assert_uint_eq(count_kind(KIND(FORK)), 2);
    box_release(&other);
}
END_TEST

/* The box before was lost in the middle of a push, or told two stories: what it had signed beyond
 * what is here holds nobody up. */
START_TEST(a_new_box_goes_on_from_what_is_here)
{
    stays(300);
    pushed(box_send(&box, box_push_request(&box, 0, box.size, 1)));
    ck_assert_uint_eq(held(), 256);
    if (_i > 0) {
        struct box other = other_story(199);
        box_stay(&other, "h00003", 5000, network.clock.now_utc_ms, network.clock.now_utc_ms + 1);
        const Passerelle__V1__PushEntriesResponse *response =
            pushed(box_send(&other, box_push_request(&other, 0, other.size, 32)));
        ck_assert_uint_eq(response->n_problems, 1);
        ck_assert_int_eq(response->problems[0]->kind, KIND(FORK));
        box_release(&other);
    }
    box_release(&box);
    box_init(&box, &network, "s042");
    box_begin(&box);
    ck_assert_uint_eq(box.size, 256);
    stays(60); /* others than the 44 that were lost */
    const Passerelle__V1__PushEntriesResponse *last = box_push_all(&box);
    ck_assert_uint_eq(last->n_problems, 0);
    ck_assert_uint_eq(held(), box.size);
}
END_TEST

/* ---- the close ---- */

static const struct call *close_month(const char *month)
{
    Passerelle__V1__ClosePeriodRequest *ask =
        network_new(&network, &passerelle__v1__close_period_request__descriptor);
    ask->request_id = network_request_id(&network);
    ask->month = (char *)(uintptr_t)month;
    return network_call(&network, network_who(ROLE_OPERATOR, "op-1"), "SettlementService",
                        "ClosePeriod", &ask->base);
}

static bool awaits(const char *month)
{
    const Passerelle__V1__Period *p = period(month)->period;
    for (size_t i = 0; i < p->n_blockers; i++) {
        if (strcmp(p->blockers[i]->reason, "ledger_awaited") == 0) {
            ck_assert_str_eq(p->blockers[i]->subject, "s042");
            return true;
        }
    }
    return false;
}

#define DAY ((int64_t)24 * HOUR_MS)

START_TEST(a_close_waits_for_ledgers)
{
    stays(30);
    box_push_all(&box);
    network.clock.now_utc_ms += 28 * DAY; /* the first of December */
    ck_assert(awaits("2026-11"));
    ck_assert_int_eq(close_month("2026-11")->error.code, CODE_FAILED_PRECONDITION);
    if (_i == 0) { /* it shows its ledger: all of it, signed after the end */
        box_stay(&box, "h00003", 9000, network.clock.now_utc_ms - HOUR_MS,
                 network.clock.now_utc_ms);
        ck_assert_uint_lt(pushed(box_send(&box, box_push_request(&box, 0, box.size, 0)))->size,
                          box.size);
        ck_assert(awaits("2026-11")); /* it signed, and did not send */
        box_push_all(&box);
    } else { /* or the policy's ten days pass */
        network.clock.now_utc_ms += 10 * DAY;
    }
    ck_assert(!awaits("2026-11"));
    const struct call *call = close_month("2026-11");
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    ck_assert_uint_gt(period("2026-11")->document->stays, 0);
}
END_TEST

/* A checkpoint of before the month's end that arrives after it says nothing about the rest; one
 * that says that nothing is new does. */
START_TEST(a_late_checkpoint_opens_no_close)
{
    stays(30);
    Passerelle__V1__PushEntriesRequest *late = box_push_request(&box, 0, box.size, 32);
    stays(30);
    box_push_all(&box);
    network.clock.now_utc_ms += 28 * DAY;
    ck_assert(awaits("2026-11"));
    pushed(box_send(&box, late));
    ck_assert(awaits("2026-11"));
    pushed(box_send(&box, box_push_request(&box, box.size, box.size, 0)));
    ck_assert(!awaits("2026-11"));
}
END_TEST

/* What came since the last close counts for nothing, and the audit says the same. */
START_TEST(a_fork_is_left_out_and_named)
{
    network.clock.now_utc_ms += 20 * DAY;
    stays(30);
    box_push_all(&box);
    network.clock.now_utc_ms += 9 * DAY;
    if (_i > 0) { /* November is closed before */
        stays(1);
        box_push_all(&box);
        const struct call *call = close_month("2026-11");
        ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
        stays(10);
        box_push_all(&box);
    }
    struct box other = other_story(20);
    box_stay(&other, "h00003", 5000, network.clock.now_utc_ms, network.clock.now_utc_ms + 1);
    other.known_size = 0;
    pushed(box_send(&other, box_push_request(&other, 0, other.size, 32)));
    network.clock.now_utc_ms += 40 * DAY;
    const char *month = _i > 0 ? "2026-12" : "2026-11";
    ck_assert(!awaits(month));
    ck_assert_uint_eq(period(month)->period->n_left_out_site_ids, 1);
    ck_assert_str_eq(period(month)->period->left_out_site_ids[0], "s042");
    const struct call *call = close_month(month);
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    /* What the close before had covered of this month stays. */
    ck_assert_uint_eq(period(month)->document->stays, _i > 0 ? 1 : 0);
    box_release(&other);
}
END_TEST

START_TEST(who_is_nobody_is_not_billed)
{
    stays(3);
    int64_t now_utc_ms = network.clock.now_utc_ms;
    box_stay(&box, "nobody-at-all", 7000, now_utc_ms - HOUR_MS, now_utc_ms);
    box_append_bytes(&box, VIEW_LIT("no entry at all"));
    box_push_all(&box);
    network.clock.now_utc_ms += 40 * DAY;
    const struct call *call = close_month("2026-11");
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    ck_assert_uint_eq(period("2026-11")->document->stays, 3);
}
END_TEST

/* ---- doubts ---- */

/* The day before. */
static const Passerelle__V1__IssuedPass *issued(const char *holder_id)
{
    network.clock.now_utc_ms -= DAY;
    Passerelle__V1__IssuePassesRequest *ask =
        network_new(&network, &passerelle__v1__issue_passes_request__descriptor);
    ask->request_id = network_request_id(&network);
    ask->holder_ids = ARENA_ARRAY(&network.arena, 1, char *);
    ask->holder_ids[ask->n_holder_ids++] = (char *)(uintptr_t)holder_id;
    const Passerelle__V1__IssuePassesResponse *response = network_must(
        &network, network_who(ROLE_OPERATOR, "op-1"), "PassService", "IssuePasses", &ask->base);
    network.clock.now_utc_ms += DAY;
    return response->passes[0];
}

static const char *issue(const char *holder_id, Passerelle__V1__Pass **pass)
{
    *pass = issued(holder_id)->pass;
    return holder_id;
}

/* What the visitor showed coming or leaving; all zeros: nothing. */
struct proof {
    uint8_t token_hash[SHA256_LEN];
    uint64_t second;
    uint8_t signature[ED25519_SIGNATURE_LEN];
};

/* A visit by a pass ("": one that nobody issued). */
static void visit_with(struct box *at, uint16_t number, const char *pass_id, const char *holder_id,
                       int64_t in_utc_ms, const struct proof *coming, const struct proof *leaving,
                       uint32_t tariff_version)
{
    uint8_t *id = arena_alloc(&network.arena, 16);
    struct uuid pass = {{9}};
    memcpy(id, (uint8_t[16]){[0] = (uint8_t)number, (uint8_t)(number >> 8), [6] = 0x70, [8] = 0x80},
           16);
    ck_assert(pass_id[0] == '\0' || uuid_parse(view_of(pass_id), &pass) == E_OK);
    Passerelle__V1__VisitOpened opened = PASSERELLE__V1__VISIT_OPENED__INIT;
    opened.visit_id = wire_bytes(view_bytes(id, 16));
    opened.pass_id = wire_bytes(view_bytes(pass.bytes, 16));
    opened.holder_id = (char *)(uintptr_t)holder_id;
    opened.resource = PASSERELLE__V1__RESOURCE__RESOURCE_DESK;
    opened.in_utc_ms = in_utc_ms;
    opened.medium = PASSERELLE__V1__MEDIUM__MEDIUM_CARD;
    opened.source = PASSERELLE__V1__SOURCE__SOURCE_OFFLINE;
    opened.tariff_version = tariff_version;
    opened.nonce = opened.visit_id;
    if (coming->second != 0) {
        opened.token_hash = wire_bytes(view_bytes(coming->token_hash, SHA256_LEN));
        opened.proof_second = coming->second;
        opened.proof_signature = wire_bytes(view_bytes(coming->signature, ED25519_SIGNATURE_LEN));
    }
    box_append(at, network.clock.now_utc_ms, PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_OPENED,
               &opened.base);
    Passerelle__V1__VisitClosed closed = PASSERELLE__V1__VISIT_CLOSED__INIT;
    closed.visit_id = opened.visit_id;
    closed.out_utc_ms = in_utc_ms + HOUR_MS / 2;
    if (leaving->second != 0) {
        closed.token_hash = wire_bytes(view_bytes(leaving->token_hash, SHA256_LEN));
        closed.proof_second = leaving->second;
        closed.proof_signature = wire_bytes(view_bytes(leaving->signature, ED25519_SIGNATURE_LEN));
    }
    box_append(at, network.clock.now_utc_ms, PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_CLOSED,
               &closed.base);
}

/* With a proof at that second (0: none) that no device made. */
static void visit(struct box *at, uint8_t number, const char *pass_id, const char *holder_id,
                  int64_t in_utc_ms, uint64_t second, uint32_t tariff_version)
{
    struct proof made_up = {.token_hash = {1}, .second = second, .signature = {1}};
    visit_with(at, number, pass_id, holder_id, in_utc_ms, &made_up, &(struct proof){0},
               tariff_version);
}

/* A site's clock is ahead: who comes to the hub's own site has left it again, by the times of both,
 * and takes no place there. */
START_TEST(who_is_elsewhere_already_takes_no_place)
{
    Passerelle__V1__Pass *card;
    const char *anna = issue("h00003", &card);
    visit(&box, 1, card->pass_id, anna, network.clock.now_utc_ms + 30000, 0, 0);
    box_push_all(&box);
    Passerelle__V1__CheckInRequest *ask =
        network_new(&network, &passerelle__v1__check_in_request__descriptor);
    ask->request_id = network_request_id(&network);
    ask->site_id = (char *)(uintptr_t) "s002";
    ask->credential_case = PASSERELLE__V1__CHECK_IN_REQUEST__CREDENTIAL_CARD_NUMBER;
    ask->card_number = card->number;
    const Passerelle__V1__CheckInResponse *response = network_must(
        &network, network_who(ROLE_DESK, "s002"), "DeskService", "CheckIn", &ask->base);
    ck_assert_msg(response->accepted, "%s",
                  response->accepted ? "" : response->refusal->sentence_en);
    ck_assert_int_eq(response->occupancy[0]->resource, PASSERELLE__V1__RESOURCE__RESOURCE_DESK);
    ck_assert_uint_eq(response->occupancy[0]->taken, 0);
}
END_TEST

static bool count_closed(void *context, const struct visit_row *row)
{
    *(int *)context += row->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_CLOSED;
    return true;
}

/* A site may lie about ids: what closes a visit closes all that have its id in that feed. Nor does it
 * help to call a check-in paper. */
START_TEST(an_id_told_twice_is_closed_twice)
{
    Passerelle__V1__VisitOpened opened = PASSERELLE__V1__VISIT_OPENED__INIT;
    Passerelle__V1__VisitClosed closed = PASSERELLE__V1__VISIT_CLOSED__INIT;
    struct fault fault = FAULT_NONE;
    int count = 0;
    opened.visit_id = wire_bytes(view_bytes((uint8_t[16]){7, [6] = 0x70, [8] = 0x80}, 16));
    opened.holder_id = (char[]){"h00003"};
    opened.resource = PASSERELLE__V1__RESOURCE__RESOURCE_MEETING_ROOM;
    opened.in_utc_ms = network.clock.now_utc_ms - HOUR_MS;
    opened.source = PASSERELLE__V1__SOURCE__SOURCE_PAPER;
    closed.visit_id = opened.visit_id;
    closed.out_utc_ms = network.clock.now_utc_ms;
    for (int i = 0; i < 2; i++) {
        box_append(&box, network.clock.now_utc_ms,
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_OPENED, &opened.base);
    }
    box_append(&box, network.clock.now_utc_ms, PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_CLOSED,
               &closed.base);
    box_push_all(&box);
    ck_assert_int_eq(db_begin_read(network.service.db, &fault), E_OK);
    struct day day = day_of_instant(opened.in_utc_ms);
    visits_of_holder(network.service.db, VIEW_LIT("h00003"), day, day, count_closed, &count);
    ck_assert_int_eq(db_end(network.service.db, &fault), E_OK);
    ck_assert_int_eq(count, 2);
    ck_assert_uint_eq(count_kind(KIND(UNKNOWN_PASS)), 2);
}
END_TEST

static bool seen(const struct proof *proof)
{
    return desk_proof_seen(network.service.desk, proof->token_hash, proof->second);
}

/* What another node's desk has seen lets nobody in here, after a restart too; what is long over is
 * not remembered. What the visitor's device did not sign is nobody's proof: whoever knows a token
 * would else shut its holder out. */
START_TEST(a_proof_that_was_pushed_is_seen)
{
    const Passerelle__V1__IssuedPass *phone = issued("h00001");
    const char *pass_id = phone->pass->pass_id;
    int64_t now_utc_ms = network.clock.now_utc_ms;
    struct ed25519_key device, thief;
    struct proof good[2], old, bad[2], none = {0};
    ed25519_key_from_seed(&device, (const uint8_t[32]){1});
    ed25519_key_from_seed(&thief, (const uint8_t[32]){2});
    network_activate(&network, phone->activation_code, &device);
    struct proof *all[] = {&good[0], &good[1], &old, &bad[0], &bad[1]};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        *all[i] = (struct proof){.token_hash = {7}, .second = (uint64_t)now_utc_ms / 1000 - i};
        all[i]->second -= all[i] == &old ? 3600 : 0;
        proof_sign(i < 3 ? &device : &thief, all[i]->token_hash, all[i]->second, all[i]->signature);
    }
    visit_with(&box, 1, pass_id, "h00001", now_utc_ms - HOUR_MS, &old, &none, 0);
    visit_with(&box, 2, pass_id, "h00001", now_utc_ms, &good[0], &good[1], 0);
    visit_with(&box, 3, pass_id, "h00001", now_utc_ms, &bad[0], &bad[1], 0);
    ck_assert(!seen(&good[0]) && !seen(&good[1]));
    box_push_all(&box);
    for (int start = 0; start < 2; start++) {
        ck_assert(seen(&good[0]));
        ck_assert(seen(&good[1]));
        ck_assert(!seen(&old));
        ck_assert(!seen(&bad[0]));
        ck_assert(!seen(&bad[1]));
        network_reopen(&network);
    }
}
END_TEST

static unsigned helpers;

struct helper {
    pthread_t thread;
    void (*work)(void *context);
    void *context;
};

static void *helper_main(void *argument)
{
    struct helper *helper = argument;
    helper->work(helper->context);
    return NULL;
}

static struct helper *help_begin(void (*work)(void *context), void *context)
{
    static struct helper helper;
    helper.work = work;
    helper.context = context;
    helpers++;
    ck_assert_int_eq(pthread_create(&helper.thread, NULL, helper_main, &helper), 0);
    return &helper;
}

static void help_end(struct helper *helper)
{
    ck_assert_int_eq(pthread_join(helper->thread, NULL), 0);
    helpers--;
}

static _Atomic unsigned ways;

static void give_way(const struct node *node)
{
    ck_assert_ptr_eq(node, &network.node);
    atomic_fetch_add(&ways, 1);
}

/* Whoever comes back with many proofs has them looked at by two threads, and by the writer where
 * they are not yet: each lie is found once, whoever finds it. Only the two give way to doors, which a
 * push is not. */
START_TEST(many_proofs_are_looked_at_with_help)
{
    enum { MANY = 2100, LIE_EACH = 300 };
    const Passerelle__V1__IssuedPass *phone = issued("h00001");
    struct ed25519_key device;
    ed25519_key_from_seed(&device, (const uint8_t[32]){1});
    network_activate(&network, phone->activation_code, &device);
    network.node.help_begin = help_begin;
    network.node.help_end = help_end;
    network.node.give_way = give_way;
    atomic_store(&network.node.door_ns, 1);
    int64_t in_utc_ms = network.clock.now_utc_ms - HOUR_MS;
    for (uint16_t i = 1; i <= MANY; i++) {
        struct proof proof = {.token_hash = {(uint8_t)(i >> 8), (uint8_t)i},
                              .second = (uint64_t)in_utc_ms / 1000};
        proof_sign(&device, proof.token_hash, proof.second, proof.signature);
        proof.signature[0] ^= i % LIE_EACH == 0;
        visit_with(&box, i, phone->pass->pass_id, "h00001", in_utc_ms, &proof, &(struct proof){0},
                   0);
    }
    box_push_all(&box);
    ck_assert_uint_eq(helpers, 0);
    ck_assert_uint_ge(ways, MANY / 2);
    ck_assert_uint_le(ways, MANY);
    ck_assert_int_eq(atomic_load(&network.node.door_ns), 1);
    ck_assert_uint_eq(problems()->n_problems, MANY / LIE_EACH);
    for (size_t i = 0; i < problems()->n_problems; i++) {
        ck_assert_int_eq(problems()->problems[i]->kind, KIND(BAD_PROOF));
    }
}
END_TEST

START_TEST(doubts_are_noted_and_stop_nothing)
{
    Passerelle__V1__Pass *card, *phone;
    const char *anna = issue("h00003", &card); /* on a card */
    const char *bea = issue("h00001", &phone); /* on a phone that was never activated */
    struct box other;
    box_init(&other, &network, "s002");
    box_begin(&other);
    int64_t now_utc_ms = network.clock.now_utc_ms - 5 * HOUR_MS;
    visit(&box, 1, card->pass_id, anna, now_utc_ms, 0, 0); /* nothing is wrong with it */
    box_push_all(&box);
    ck_assert_uint_eq(problems()->n_problems, 0);
    visit(&box, 2, "", anna, now_utc_ms + HOUR_MS, 0, 0);
    visit(&box, 3, card->pass_id, bea, now_utc_ms + HOUR_MS, 0, 0); /* not its holder */
    visit(&box, 4, phone->pass_id, bea, now_utc_ms, 0, 0);
    visit(&box, 5, card->pass_id, anna, now_utc_ms + 2 * HOUR_MS, 0, 77);
    visit(&box, 9, phone->pass_id, bea, now_utc_ms, (uint64_t)now_utc_ms / 1000, 0);
    box_stay(&box, "nobody-at-all", 7000, now_utc_ms, now_utc_ms + 1);
    box_push_all(&box);
    ck_assert_uint_eq(count_kind(KIND(UNKNOWN_PASS)), 3);
    ck_assert_uint_eq(count_kind(KIND(BAD_PROOF)), 2);
    ck_assert_uint_eq(count_kind(KIND(TARIFF)), 1);
    /* Ten minutes after Agde, and not next door. */
    visit(&other, 6, card->pass_id, anna, now_utc_ms + 10 * 60 * 1000, 0, 0);
    box_push_all(&other);
    ck_assert_uint_eq(count_kind(KIND(IMPOSSIBLE_STAY)), 1);
    /* One proof at both: the later visit is disputed, whichever ledger arrives first. */
    visit(&other, 7, card->pass_id, anna, now_utc_ms + 4 * HOUR_MS + 1, 1234567, 0);
    box_push_all(&other);
    visit(&box, 8, card->pass_id, anna, now_utc_ms + 4 * HOUR_MS, 1234567, 0);
    box_push_all(&box);
    ck_assert_uint_eq(count_kind(KIND(PROOF_TWICE)), 1);
    DB_SQL(select_disputes, "SELECT feed_id FROM dispute");
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(db_begin_read(network.service.db, &fault), E_OK);
    struct query *query = db_query(network.service.db, &select_disputes);
    ck_assert(query_next(query));
    ck_assert(view_is(query_text(query, 0), "s002"));
    ck_assert(!query_next(query));
    ck_assert_int_eq(db_end(network.service.db, &fault), E_OK);
    /* What was imported or noted by hand proves nothing by its times. */
    size_t before = count_kind(KIND(IMPOSSIBLE_STAY));
    box_stay(&other, anna, 7001, now_utc_ms + 3 * HOUR_MS, now_utc_ms + 3 * HOUR_MS + 1);
    box_push_all(&other);
    /* Times of no calendar are no entry at all. */
    box_stay(&other, anna, 7002, INT64_MIN, now_utc_ms + 3 * HOUR_MS);
    box_stay(&other, anna, 7003, now_utc_ms, now_utc_ms + 3 * HOUR_MS);
    box_push_all(&other);
    ck_assert_uint_eq(count_kind(KIND(IMPOSSIBLE_STAY)), before);
    ck_assert_uint_eq(count_kind(KIND(UNREADABLE)), 1);
    box_release(&other);
}
END_TEST

/* A desk writes as it decides: what it says of other times is doubtful, of a card or a phone alike;
 * what was noted by hand is not. */
START_TEST(stays_out_of_their_time_are_noted)
{
    Passerelle__V1__Pass *card;
    const char *anna = issue("h00003", &card);
    int64_t begun_utc_ms = network.clock.now_utc_ms;
    visit(&box, 1, card->pass_id, anna, begun_utc_ms - HOUR_MS, 0, 0);
    box_push_all(&box);
    network.clock.now_utc_ms += 3 * HOUR_MS;
    visit(&box, 2, card->pass_id, anna, begun_utc_ms - 60 * 1000, 0,
          0); /* clocks differ a little */
    box_push_all(&box);
    ck_assert_uint_eq(problems()->n_problems, 0);
    int64_t now_utc_ms = network.clock.now_utc_ms;
    network.clock.now_utc_ms += 3 * HOUR_MS;
    visit(&box, 3, card->pass_id, anna, now_utc_ms - 2 * HOUR_MS, 0, 0); /* made up later */
    box_stay(&box, anna, 7000, now_utc_ms - 2 * HOUR_MS, network.clock.now_utc_ms);
    box_push_all(&box);
    ck_assert_uint_eq(problems()->n_problems, 1);
    ck_assert_ptr_nonnull(strstr(problems()->problems[0]->sentence, "made up"));
    network.clock.now_utc_ms += HOUR_MS;
    /* It begins, and ends, in an hour; only ends later. */
    visit(&box, 4, card->pass_id, anna, network.clock.now_utc_ms + HOUR_MS, 0, 0);
    visit(&box, 5, card->pass_id, anna, network.clock.now_utc_ms - HOUR_MS / 4, 0, 0);
    box_push_all(&box);
    ck_assert_uint_eq(problems()->n_problems, 4);
    ck_assert_uint_eq(count_kind(KIND(TIME)), 4);
    ck_assert_uint_eq(held(), box.size);
}
END_TEST

/* A pass comes nowhere before it is issued, and a proof that a site once saw serves it for one visit:
 * another one has another time. A proof is judged beside the writer or by it. */
START_TEST(what_nobody_can_have_shown_is_noted)
{
    const Passerelle__V1__IssuedPass *phone = issued("h00001");
    Passerelle__V1__Pass *card;
    const char *anna = issue("h00003", &card);
    int64_t issued_utc_ms = network.clock.now_utc_ms - DAY, in_utc_ms = issued_utc_ms + HOUR_MS;
    struct ed25519_key device;
    struct proof good = {.token_hash = {7}, .second = (uint64_t)in_utc_ms / 1000}, none = {0};
    ed25519_key_from_seed(&device, (const uint8_t[32]){1});
    network_activate(&network, phone->activation_code, &device);
    proof_sign(&device, good.token_hash, good.second, good.signature);
    struct {
        const char *pass_id, *holder_id;
        const struct proof *proof;
        int64_t in_utc_ms;
        int kind; /* 0: nothing is wrong with it */
    } visits[] = {
        {phone->pass->pass_id, "h00001", &good, in_utc_ms, 0},
        {phone->pass->pass_id, "h00001", &good, in_utc_ms + 600 * 1000, 0},
        {phone->pass->pass_id, "h00001", &good, in_utc_ms + 601 * 1000, KIND(BAD_PROOF)},
        {phone->pass->pass_id, "h00001", &good, in_utc_ms - 601 * 1000, KIND(BAD_PROOF)},
        {card->pass_id, anna, &none, issued_utc_ms - 100 * 1000, 0},
        {card->pass_id, anna, &none, issued_utc_ms - 130 * 1000, KIND(UNKNOWN_PASS)},
    };
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(visits); i++) {
        visit_with(&box, (uint16_t)(i + 1), visits[i].pass_id, visits[i].holder_id,
                   visits[i].in_utc_ms, visits[i].proof, &none, 0);
    }
    box_push_all(&box);
    const Passerelle__V1__ListProblemsResponse *found = problems();
    for (size_t i = 0; i < ARRAY_LEN(visits); i++) {
        if (visits[i].kind != 0) {
            ck_assert_uint_lt(count, found->n_problems);
            ck_assert_int_eq(found->problems[count]->kind, visits[i].kind);
            ck_assert_uint_eq(found->problems[count]->seq, 2 * i + 1);
            ck_assert_ptr_nonnull(strstr(found->problems[count]->sentence, "; ask the "));
            count++;
        }
    }
    ck_assert_uint_eq(found->n_problems, count);
}
END_TEST

static const Passerelle__V1__Pass *pass_now(const char *holder_id)
{
    Passerelle__V1__ListPassesRequest *ask =
        network_new(&network, &passerelle__v1__list_passes_request__descriptor);
    ask->holder_id = (char *)(uintptr_t)holder_id;
    const Passerelle__V1__ListPassesResponse *list = network_must(
        &network, network_who(ROLE_OPERATOR, "op-1"), "PassService", "ListPasses", &ask->base);
    ck_assert_uint_ge(list->n_passes, 1);
    return list->passes[list->n_passes - 1];
}

static void set_suspension(bool suspend)
{
    Passerelle__V1__SetPolicyRequest *request =
        network_new(&network, &passerelle__v1__set_policy_request__descriptor);
    const Passerelle__V1__GetPolicyResponse *now =
        network_must(&network, network_who(ROLE_OPERATOR, "op-1"), "NetworkService", "GetPolicy",
                     network_new(&network, &passerelle__v1__get_policy_request__descriptor));
    request->policy = now->policy;
    request->policy->suspend_proof_twice = suspend;
    request->request_id = network_request_id(&network);
    network_must(&network, network_who(ROLE_OPERATOR, "op-1"), "NetworkService", "SetPolicy",
                 &request->base);
}

static int64_t host_cents(const Passerelle__V1__SettlementDocument *document, const char *site_id)
{
    for (size_t i = 0; i < document->n_sites; i++) {
        if (strcmp(document->sites[i]->site_id, site_id) == 0) {
            return document->sites[i]->host_cents;
        }
    }
    return 0;
}

/* Both hosts are paid and the later visit waits for a ruling; the pass is suspended where the
 * policy says so, by an entry like any other. */
START_TEST(one_proof_at_two_sites)
{
    Passerelle__V1__Pass *card;
    const char *anna = issue("h00003", &card);
    struct box other;
    box_init(&other, &network, "s002");
    box_begin(&other);
    set_suspension(_i > 0);
    int64_t now_utc_ms = network.clock.now_utc_ms - 5 * HOUR_MS;
    visit(&other, 1, card->pass_id, anna, now_utc_ms + 4 * HOUR_MS, 1234567, 0);
    box_push_all(&other);
    ck_assert_int_eq(pass_now(anna)->state, PASSERELLE__V1__PASS_STATE__PASS_STATE_ACTIVE);
    visit(&box, 2, card->pass_id, anna, now_utc_ms, 1234567, 0);
    box_push_all(&box);
    const Passerelle__V1__ListProblemsResponse *found = problems();
    ck_assert_uint_eq(found->n_problems, 1);
    ck_assert_int_eq(found->problems[0]->kind, KIND(PROOF_TWICE));
    ck_assert_ptr_nonnull(strstr(found->problems[0]->sentence, card->pass_id));
    ck_assert_uint_eq(found->problems[0]->n_evidence, 2);
    ck_assert_int_eq(pass_now(anna)->state, _i > 0
                                                ? PASSERELLE__V1__PASS_STATE__PASS_STATE_SUSPENDED
                                                : PASSERELLE__V1__PASS_STATE__PASS_STATE_ACTIVE);
    DB_SQL(count_reasons, "SELECT COUNT(*) FROM reason WHERE author = 'hub' "
                          "AND body = 'one proof was seen at s042 and at s002'");
    DB_SQL(select_disputed, "SELECT dispute_id, feed_id FROM dispute");
    struct fault fault = FAULT_NONE;
    struct uuid dispute;
    char dispute_id[UUID_TEXT_LEN + 1];
    ck_assert_int_eq(db_begin_read(network.service.db, &fault), E_OK);
    struct query *query = db_query(network.service.db, &count_reasons);
    ck_assert(query_next(query));
    ck_assert_int_eq(query_int(query, 0), _i > 0 ? 1 : 0);
    query_end(query);
    query = db_query(network.service.db, &select_disputed);
    ck_assert(query_next(query));
    memcpy(dispute.bytes, query_blob(query, 0).data, sizeof dispute.bytes);
    ck_assert(view_is(query_text(query, 1), "s002"));
    query_end(query);
    ck_assert_int_eq(db_end(network.service.db, &fault), E_OK);
    uuid_format(dispute, dispute_id);

    /* The money: both hosts, until an operator rules that the later visit was none. */
    network.clock.now_utc_ms += 40 * DAY;
    int64_t first = host_cents(period("2026-11")->document, "s042");
    ck_assert_int_gt(first, 0);
    ck_assert_int_gt(host_cents(period("2026-11")->document, "s002"), 0);
    Passerelle__V1__ResolveDisputeRequest *resolve =
        network_new(&network, &passerelle__v1__resolve_dispute_request__descriptor);
    resolve->request_id = network_request_id(&network);
    resolve->dispute_id = dispute_id;
    resolve->outcome = PASSERELLE__V1__DISPUTE_OUTCOME__DISPUTE_OUTCOME_VOIDED;
    resolve->reason = (char[]){"a copied code"};
    network_must(&network, network_who(ROLE_OPERATOR, "op-1"), "SettlementService",
                 "ResolveDispute", &resolve->base);
    ck_assert_int_eq(host_cents(period("2026-11")->document, "s042"), first);
    ck_assert_int_eq(host_cents(period("2026-11")->document, "s002"), 0);
    box_release(&other);
}
END_TEST

static void correct(struct box *at, uint8_t replaced, uint8_t number, int64_t in_utc_ms,
                    int64_t out_utc_ms)
{
    uint8_t *ids = arena_alloc(&network.arena, 32);
    memcpy(ids, (uint8_t[16]){[0] = replaced, [6] = 0x70, [8] = 0x80}, 16);
    memcpy(ids + 16, (uint8_t[16]){[0] = number, [6] = 0x70, [8] = 0x80}, 16);
    Passerelle__V1__VisitCorrected corrected = PASSERELLE__V1__VISIT_CORRECTED__INIT;
    corrected.replaces_visit_id = wire_bytes(view_bytes(ids, 16));
    corrected.visit_id = wire_bytes(view_bytes(ids + 16, 16));
    corrected.resource = PASSERELLE__V1__RESOURCE__RESOURCE_DESK;
    corrected.in_utc_ms = in_utc_ms;
    corrected.out_utc_ms = out_utc_ms;
    corrected.nonce = corrected.visit_id;
    box_append(at, network.clock.now_utc_ms, PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_CORRECTED,
               &corrected.base);
}

/* Whatever the entry itself says of it: the field `lengthens` is the site's word. */
START_TEST(a_correction_that_lengthens_is_noted)
{
    Passerelle__V1__Pass *card;
    const char *anna = issue("h00003", &card);
    int64_t in_utc_ms = network.clock.now_utc_ms - 5 * HOUR_MS;
    visit(&box, 1, card->pass_id, anna, in_utc_ms, 0, 0); /* half an hour */
    correct(&box, 1, 2, in_utc_ms, in_utc_ms + HOUR_MS / 3);
    correct(&box, 2, 3, in_utc_ms + HOUR_MS, in_utc_ms + HOUR_MS + HOUR_MS / 3); /* moved */
    box_push_all(&box);
    ck_assert_uint_eq(problems()->n_problems, 0);
    correct(&box, 3, 4, in_utc_ms, in_utc_ms + 5 * HOUR_MS);
    box_push_all(&box);
    const Passerelle__V1__ListProblemsResponse *found = problems();
    ck_assert_uint_eq(found->n_problems, 1);
    ck_assert_int_eq(found->problems[0]->kind, KIND(LENGTHENED));
    ck_assert_uint_eq(found->problems[0]->seq, box.size);
    ck_assert(view_equal(wire_view(found->problems[0]->evidence[0]), box.entries[box.size - 1]));
    ck_assert_int_eq(found->problems[0]->visit_id[1], '4');
}
END_TEST

/* A head of `net` as the hub (or a stranger) would sign it. */
static char *net_head(uint64_t size, const struct tree_hash *root, bool ours)
{
    struct feed *net = feeds_get(journal_feeds(network.service.journal), VIEW_LIT(FEED_NET));
    const struct ed25519_key *secret;
    struct note_key key;
    struct fault fault = FAULT_NONE;
    struct buf note = BUF_INIT;
    struct checkpoint checkpoint = {.size = size, .root = *root};
    ck_assert_int_eq(keyring_feed(network.node.keys, VIEW_LIT(FEED_NET), view_of(net->id.origin),
                                  &secret, &fault),
                     E_OK);
    secret = ours ? secret : &box.key;
    snprintf(checkpoint.origin, sizeof checkpoint.origin, "%s", net->id.origin);
    ck_assert_int_eq(note_key_init(&key, view_of(net->id.origin), NOTE_ED25519, secret->public_key),
                     E_OK);
    ck_assert_int_eq(checkpoint_sign(&checkpoint, &key, secret, &note), E_OK);
    char *text = arena_string(&network.arena, buf_content(&note));
    buf_release(&note);
    return text;
}

/* A site that knows more of `net` than the hub, by the hub's own signature, proves that it was
 * restored from a backup; the site's own entries are taken all the same. */
START_TEST(a_hub_that_was_restored_is_told)
{
    const struct feed *net = feeds_get(journal_feeds(network.service.journal), VIEW_LIT(FEED_NET));
    struct tree_hash root = tree_frontier_root(&net->frontier);
    struct tree_hash other = root;
    other.bytes[7] ^= 1;
    char *const quiet[] = {(char[]){""}, (char[]){"no note"}, net_head(net->size, &root, true),
                           net_head(net->size + 3, &other, false)};
    for (size_t i = 0; i < ARRAY_LEN(quiet); i++) {
        stays(1);
        Passerelle__V1__PushEntriesRequest *request =
            box_push_request(&box, box.size - 1, box.size, 32);
        request->net_checkpoint = quiet[i];
        ck_assert_uint_eq(pushed(box_send(&box, request))->size, box.size);
        ck_assert_uint_eq(problems()->n_problems, 0);
    }
    char *const loud[] = {net_head(net->size + 3, &other, true), net_head(net->size, &other, true)};
    for (size_t i = 0; i < ARRAY_LEN(loud); i++) {
        stays(1);
        Passerelle__V1__PushEntriesRequest *request =
            box_push_request(&box, box.size - 1, box.size, 32);
        request->net_checkpoint = loud[i];
        ck_assert_uint_eq(pushed(box_send(&box, request))->size, box.size);
        const Passerelle__V1__ListProblemsResponse *found = problems();
        ck_assert_uint_eq(found->n_problems, i + 1);
        ck_assert_int_eq(found->problems[i]->kind, KIND(HUB_ROLLED_BACK));
        ck_assert_str_eq(found->problems[i]->feed_id, "net");
        ck_assert(view_is(wire_view(found->problems[i]->evidence[0]), loud[i]));
        ck_assert_ptr_nonnull(strstr(found->problems[i]->sentence, "--entries"));
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("push");
    tcase_add_test(cases, a_hub_that_was_restored_is_told);
    tcase_add_loop_test(cases, one_proof_at_two_sites, 0, 2);
    tcase_add_test(cases, a_correction_that_lengthens_is_noted);
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, a_week_comes_in_packages);
    tcase_add_loop_test(cases, any_order_gives_the_same, 0, 6);
    tcase_add_test(cases, what_was_not_signed_is_not_kept);
    tcase_add_test(cases, one_bad_entry_stops_nothing);
    tcase_add_test(cases, who_was_heard_is_told_to_operators);
    tcase_add_test(cases, twice_at_once_is_once);
    tcase_add_test(cases, much_evidence_comes_in_pages);
    tcase_add_test(cases, an_entry_of_another_feed_counts_for_nothing);
    tcase_add_test(cases, portions_give_the_same_answer);
    tcase_add_loop_test(cases, two_stories_are_a_fork, 1, 4);
    tcase_add_loop_test(cases, two_stories_are_a_fork, 150, 152);
    tcase_add_loop_test(cases, a_new_box_goes_on_from_what_is_here, 0, 2);
    tcase_add_test(cases, who_is_elsewhere_already_takes_no_place);
    tcase_add_loop_test(cases, a_close_waits_for_ledgers, 0, 2);
    tcase_add_test(cases, a_late_checkpoint_opens_no_close);
    tcase_add_loop_test(cases, a_fork_is_left_out_and_named, 0, 2);
    tcase_add_test(cases, who_is_nobody_is_not_billed);
    tcase_add_test(cases, an_id_told_twice_is_closed_twice);
    tcase_add_test(cases, a_proof_that_was_pushed_is_seen);
    tcase_add_test(cases, many_proofs_are_looked_at_with_help);
    tcase_add_test(cases, stays_out_of_their_time_are_noted);
    tcase_add_test(cases, doubts_are_noted_and_stop_nothing);
    tcase_add_test(cases, what_nobody_can_have_shown_is_noted);
    Suite *suite = suite_create("push");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
