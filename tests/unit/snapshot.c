/* A site that took a snapshot of `net` and one that replayed it all hold the same, and go on the
 * same; a snapshot that was changed anywhere is not loaded. */
#include <check.h>
#include <stdlib.h>

#include "lib/listener.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "passerelle/v1/pass.pb-c.h"
#include "service/journal.h"
#include "service/sync/snapshot.h"
#include "service/sync/take.h"
#include "store/feed/feed.h"
#include "store/view/apply.h"
#include "store/view/snapshot.h"
#include "wire/pack.h"

static struct network hub;
static struct listener old; /* replays */
static struct listener young;

static void setup(void)
{
    network_init(&hub, true, 31);
    network_authority(&hub);
    network_import(&hub, network_reference_dir());
    listener_begin(&old, &hub, "s004");
    listener_begin(&young, &hub, "s005");
}

static void teardown(void)
{
    network_check(&hub);
    listener_release(&old);
    listener_release(&young);
    network_release(&hub);
}

static const Passerelle__V1__IssuePassesResponse *issue_passes(unsigned from, unsigned count)
{
    Passerelle__V1__IssuePassesRequest *issue =
        network_new(&hub, &passerelle__v1__issue_passes_request__descriptor);
    issue->request_id = network_request_id(&hub);
    issue->holder_ids = ARENA_ARRAY(&hub.arena, count, char *);
    for (unsigned i = 0; i < count; i++) {
        issue->holder_ids[issue->n_holder_ids++] = arena_printf(&hub.arena, "h%05u", from + i);
    }
    return network_must(&hub, network_who(ROLE_OPERATOR, "olive"), "PassService", "IssuePasses",
                        &issue->base);
}

/* Suspended, resumed, then replaced, which revokes them. */
static void replace(const Passerelle__V1__IssuePassesResponse *issued, size_t count)
{
    struct principal olive = network_who(ROLE_OPERATOR, "olive");
    for (size_t i = 0; i < count; i++) {
        Passerelle__V1__SuspendPassesRequest *suspend =
            network_new(&hub, &passerelle__v1__suspend_passes_request__descriptor);
        Passerelle__V1__ReplacePassRequest *replace =
            network_new(&hub, &passerelle__v1__replace_pass_request__descriptor);
        suspend->request_id = network_request_id(&hub);
        suspend->pass_ids = &issued->passes[i]->pass->pass_id;
        suspend->n_pass_ids = 1;
        suspend->reason = (char[]){"lost"};
        network_must(&hub, olive, "PassService", "SuspendPasses", &suspend->base);
        Passerelle__V1__ResumePassesRequest *resume =
            network_new(&hub, &passerelle__v1__resume_passes_request__descriptor);
        resume->request_id = network_request_id(&hub);
        resume->pass_ids = suspend->pass_ids;
        resume->n_pass_ids = 1;
        resume->reason = suspend->reason;
        network_must(&hub, olive, "PassService", "ResumePasses", &resume->base);
        replace->request_id = network_request_id(&hub);
        replace->reason = (char[]){"lost"};
        replace->pass_id = issued->passes[i]->pass->pass_id;
        network_must(&hub, olive, "PassService", "ReplacePass", &replace->base);
    }
}

/* The parts of a snapshot as a site that holds so much gets them. */
static struct parts {
    const ProtobufCMessage *part[64];
    size_t count;
    enum code code;
} fetched;

static void fetch_more(struct listener *for_whom, uint64_t net_size, uint64_t size, uint64_t parts)
{
    struct principal who = network_who(ROLE_SITE, for_whom->box.site_id);
    Passerelle__V1__GetSnapshotRequest *request =
        network_new(&hub, &passerelle__v1__get_snapshot_request__descriptor);
    request->net_size = net_size;
    request->size = size;
    request->parts = parts;
    struct network_stream *s =
        network_open(&hub, who, "LedgerService", "GetSnapshot", &request->base);
    if (s->stream.call->error.code == CODE_UNAVAILABLE) { /* nothing is signed yet */
        network_tick(&hub);
        s = network_open(&hub, who, "LedgerService", "GetSnapshot", &request->base);
    }
    fetched = (struct parts){.code = s->stream.call->error.code};
    size_t count;
    while (fetched.code == CODE_OK && (count = network_pump(s, 2)) > 0) {
        for (size_t i = 0; i < count; i++) {
            ck_assert_uint_lt(fetched.count, ARRAY_LEN(fetched.part));
            fetched.part[fetched.count++] = s->messages[i];
        }
    }
    ck_assert(fetched.code != CODE_OK || s->stream.finished);
}

static uint64_t net_size(struct listener *site)
{
    struct db *db = site->site.service.db;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(db_begin_read(db, &fault), E_OK);
    uint64_t size = feed_head(db, journal_feed_no(db, VIEW_LIT("net"))).size;
    ck_assert_int_eq(db_end(db, &fault), E_OK);
    return size;
}

static void fetch(struct listener *for_whom)
{
    fetch_more(for_whom, net_size(for_whom), 0, 0);
    ck_assert_int_eq(fetched.code, CODE_OK);
}

static struct call *take(struct listener *site, enum take which, const ProtobufCMessage *message)
{
    struct call *call = ARENA_NEW(&site->site.arena, struct call);
    *call = (struct call){.method = take_method(which),
                          .arena = &site->site.arena,
                          .request = message,
                          .request_bytes = wire_pack_arena(&site->site.arena, message)};
    network_write(&site->site, call);
    return call;
}

/* Whether all parts were taken. */
static bool take_parts(struct listener *site)
{
    for (size_t i = 0; i < fetched.count; i++) {
        if (take(site, TAKE_PART, fetched.part[i])->error.code != CODE_OK) {
            return false;
        }
    }
    return true;
}

/* Whether `net` begins with the snapshot now. */
static bool load(struct listener *site)
{
    uint64_t before = net_size(site);
    const struct call *call = take(
        site, TAKE_SNAPSHOT, wire_new(&site->site.arena, &passerelle__v1__caught_up__descriptor));
    bool loaded = net_size(site) > before;
    ck_assert(!loaded || call->error.code == CODE_OK);
    return loaded;
}

static void fetch_and_load(struct listener *site)
{
    fetch(site);
    ck_assert(take_parts(site));
    ck_assert(load(site));
}

static bool hash_row(void *context, const Passerelle__V1__SnapshotRow *row)
{
    struct buf bytes = BUF_INIT;
    wire_pack(&bytes, &row->base);
    sha256_add(context, bytes.data, bytes.len);
    buf_release(&bytes);
    return true;
}

static void digest(struct network *at, uint8_t out[static SHA256_LEN])
{
    struct sha256 hash;
    struct fault fault = FAULT_NONE;
    sha256_init(&hash);
    ck_assert_int_eq(db_begin_read(at->service.db, &fault), E_OK);
    view_snapshot_walk(at->service.db, hash_row, &hash);
    ck_assert_int_eq(db_end(at->service.db, &fault), E_OK);
    sha256_end(&hash, out);
}

static void must_be_equal(void)
{
    uint8_t at_hub[SHA256_LEN], replayed[SHA256_LEN], loaded[SHA256_LEN];
    digest(&hub, at_hub);
    digest(&old.site, replayed);
    digest(&young.site, loaded);
    ck_assert_mem_eq(at_hub, replayed, SHA256_LEN);
    ck_assert_mem_eq(at_hub, loaded, SHA256_LEN);
}

START_TEST(a_snapshot_is_as_good_as_all_entries)
{
    issue_passes(1, 60);
    listener_hear(&old);
    fetch_and_load(&young);
    for (unsigned i = 0; i < 4; i++) {
        issue_passes(100 + 40 * i, (unsigned)_i);
        listener_hear(&young); /* what followed, from its head on */
        listener_hear(&old);
        must_be_equal();
    }
    network_reopen(&young.site);
    issue_passes(400, 3);
    listener_hear(&young);
    listener_hear(&old);
    must_be_equal();
    network_check_tables(&young.site); /* verified and replayed from the base on */
    network_check_tables(&old.site);
    must_be_equal();
    /* What lies before it is asked for elsewhere. */
    Passerelle__V1__ReadEntriesRequest *read =
        network_new(&young.site, &passerelle__v1__read_entries_request__descriptor);
    read->feed_id = (char[]){"net"};
    read->from_seq = 1;
    struct network_stream *s = network_open(&young.site, network_who(ROLE_OPERATOR, "olive"),
                                            "LedgerService", "ReadEntries", &read->base);
    ck_assert_int_eq(s->stream.call->error.code, CODE_OUT_OF_RANGE);
    ck_assert_ptr_nonnull(strstr(s->stream.call->error.message, "ask the hub"));
}
END_TEST

START_TEST(it_is_served_to_many)
{
    fetch(&young);
    uint64_t size = hub.node.snapshot_size;
    issue_passes(1, 5);
    network_tick(&hub);
    fetch(&young); /* the same file: what followed is followed */
    ck_assert_uint_eq(hub.node.snapshot_size, size);
    ck_assert(take_parts(&young));
    ck_assert(load(&young));
    fetch_more(&young, net_size(&young), 0, 0); /* a newer one goes on from there */
    ck_assert_int_eq(fetched.code, CODE_OK);
    ck_assert_uint_gt(hub.node.snapshot_size, size);
    ck_assert(take_parts(&young));
    ck_assert(load(&young));
    fetch_more(&young, net_size(&young), 0, 0);
    ck_assert_int_eq(fetched.code, CODE_OUT_OF_RANGE);
    listener_hear(&young);
    listener_hear(&old);
    must_be_equal();
    network_check_tables(&young.site);
}
END_TEST

/* Who knows the network as it was, and sleeps while much changes: also passes that are replaced and
 * revoked, of which a replay on top of the newest rows would make something else. */
START_TEST(a_long_sleep)
{
    issue_passes(1, 30);
    listener_hear(&young);
    listener_hear(&old);
    uint64_t before = net_size(&young);
    replace(issue_passes(31, 60), 3);
    fetch_and_load(&young);
    ck_assert_uint_gt(net_size(&young), before);
    listener_hear(&old);
    replace(issue_passes(300, 20), 2);
    young.stream = NULL;
    for (int i = 0; i < 2; i++) {
        listener_hear(&young);
        listener_hear(&old);
        must_be_equal();
        network_check_tables(&young.site);
        must_be_equal();
        network_reopen(&young.site);
    }
}
END_TEST

/* A stream that breaks, or a site that crashes, behind each part. */
START_TEST(it_goes_on_behind_the_parts_that_are_here)
{
    issue_passes(1, 1500); /* more than one chunk */
    fetch(&young);
    struct parts all = fetched;
    ck_assert_uint_ge(all.count, 3);
    uint64_t size = hub.node.snapshot_size;
    for (size_t i = 0; i < all.count; i++) {
        ck_assert_int_eq(take(&young, TAKE_PART, all.part[i])->error.code, CODE_OK);
        struct snapshot_pending pending;
        struct fault fault = FAULT_NONE;
        network_reopen(&young.site);
        ck_assert_int_eq(db_begin_read(young.site.service.db, &fault), E_OK);
        snapshot_pending(young.site.service.db, &pending);
        ck_assert_int_eq(db_end(young.site.service.db, &fault), E_OK);
        ck_assert_uint_eq(pending.size, size);
        ck_assert_uint_eq(pending.parts, i + 1);
        fetch_more(&young, 0, pending.size, pending.parts);
        ck_assert_uint_eq(fetched.count, all.count - i - 1);
        if (fetched.count > 0) {
            ck_assert(wire_equal(fetched.part[0], all.part[i + 1]));
        }
    }
    ck_assert(load(&young));
    listener_hear(&young);
    listener_hear(&old);
    must_be_equal();
    /* Of another one it has nothing: all of this one comes. */
    fetch_more(&young, 0, size + 1, 2);
    ck_assert_uint_eq(fetched.count, all.count);
}
END_TEST

START_TEST(part_of_it_is_not_loaded)
{
    issue_passes(1, 1500);
    fetch(&young);
    struct parts all = fetched;
    for (size_t left_out = 0; left_out < all.count; left_out++) {
        bool taken = true;
        for (size_t i = 0; i < all.count; i++) {
            taken &= i == left_out || take(&young, TAKE_PART, all.part[i])->error.code == CODE_OK;
        }
        ck_assert(taken == (left_out != 0)); /* without a header nothing is kept */
        ck_assert(!load(&young));
    }
    fetched = all;
    ck_assert(take_parts(&young));
    ck_assert(take(&young, TAKE_PART, all.part[1])->error.code == CODE_OK); /* once too often */
    ck_assert(!load(&young));
    ck_assert(take_parts(&young));
    ck_assert(load(&young));
}
END_TEST

/* A header that is right, for a site that holds something else. */
START_TEST(it_goes_on_from_what_is_here)
{
    fetch(&young); /* for who has nothing */
    struct parts first = fetched;
    listener_hear(&young);
    issue_passes(1, 10);
    fetched = first;
    ck_assert(!take_parts(&young));
    fetch(&young);
    Passerelle__V1__SnapshotHeader *header =
        ((Passerelle__V1__GetSnapshotResponse *)(uintptr_t)fetched.part[0])->header;
    ck_assert_uint_gt(header->n_consistency, 0);
    header->consistency[0].data[5] ^= 1;
    ck_assert(!take_parts(&young));
    header->consistency[0].data[5] ^= 1;
    header->n_consistency--;
    ck_assert(!take_parts(&young));
    header->n_consistency++;
    header->old_size--;
    ck_assert(!take_parts(&young));
    header->old_size++;
    ck_assert(take_parts(&young));
    ck_assert(load(&young));
}
END_TEST

/* A part with one bit of its bytes turned; NULL when they are none any more. */
static const ProtobufCMessage *turned(const ProtobufCMessage *part, size_t at)
{
    struct arena *arena = &young.site.arena;
    struct view bytes = wire_pack_arena(arena, part);
    ProtobufCMessage *bad = NULL;
    ((char *)(uintptr_t)bytes.data)[at] ^= 1;
    return wire_unpack(part->descriptor, bytes, &wire_limits_tolerant, arena, &bad, NULL) == E_OK
               ? bad
               : NULL;
}

START_TEST(no_changed_byte_is_loaded)
{
    fetch(&young);
    struct parts good = fetched;
    for (size_t i = 0; i < good.count; i++) {
        size_t len = wire_pack_arena(&young.site.arena, good.part[i]).len;
        size_t stride = i == 0 ? 1 : len / 200 + 1;
        for (size_t at = 0; at < len; at += stride) {
            fetched = good;
            fetched.part[i] = turned(good.part[i], at);
            if (fetched.part[i] == NULL || wire_equal(fetched.part[i], good.part[i])) {
                continue;
            }
            take_parts(&young);
            ck_assert_msg(!load(&young), "byte %zu of part %zu", at, i);
        }
    }
    fetched = good;
    ck_assert(take_parts(&young));
    ck_assert(load(&young));
    listener_hear(&young);
    listener_hear(&old);
    must_be_equal();
}
END_TEST

/* What is kept of it on the disk is checked before tables are made of it. */
START_TEST(a_damaged_base_is_found)
{
    struct db *db = young.site.service.db;
    struct fault fault = FAULT_NONE;
    fetch_and_load(&young);
    ck_assert_int_eq(db_begin(db, &fault), E_OK);
    db_exec(db, "UPDATE snapshot_part SET bytes = substr(bytes, 1, 700) || x'00' || "
                "substr(bytes, 702) WHERE part_no = 1");
    ck_assert_int_ne(view_rebuild(db, 0, NULL, NULL, &fault), E_OK);
    ck_assert_ptr_nonnull(strstr(fault.text, "snapshot"));
    db_end(db, NULL);
    network_check_tables(&young.site);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("snapshot");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, a_snapshot_is_as_good_as_all_entries, 1, 2);
    tcase_add_loop_test(cases, a_snapshot_is_as_good_as_all_entries, 39, 40);
    tcase_add_test(cases, it_is_served_to_many);
    tcase_add_test(cases, a_long_sleep);
    tcase_add_test(cases, it_goes_on_behind_the_parts_that_are_here);
    tcase_add_test(cases, part_of_it_is_not_loaded);
    tcase_add_test(cases, it_goes_on_from_what_is_here);
    tcase_add_test(cases, no_changed_byte_is_loaded);
    tcase_add_test(cases, a_damaged_base_is_found);
    Suite *suite = suite_create("snapshot");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
