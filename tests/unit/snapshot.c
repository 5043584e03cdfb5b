/* A site that took a snapshot of `net` and one that replayed it all hold the same, and go on the
 * same; a snapshot that was changed anywhere is not loaded. */
#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/listener.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "passerelle/v1/pass.pb-c.h"
#include "service/journal.h"
#include "service/sync/snapshot.h"
#include "store/feed/feed.h"
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

static void issue_passes(unsigned from, unsigned count)
{
    Passerelle__V1__IssuePassesRequest *issue =
        network_new(&hub, &passerelle__v1__issue_passes_request__descriptor);
    issue->request_id = network_request_id(&hub);
    issue->holder_ids = ARENA_ARRAY(&hub.arena, count, char *);
    for (unsigned i = 0; i < count; i++) {
        issue->holder_ids[issue->n_holder_ids++] = arena_printf(&hub.arena, "h%05u", from + i);
    }
    network_must(&hub, network_who(ROLE_OPERATOR, "olive"), "PassService", "IssuePasses",
                 &issue->base);
}

/* The stream into a file of the young site; returns its path. */
static char *fetch(void)
{
    char *path = arena_printf(&young.site.arena, "%s/snapshot.part", young.site.dir);
    struct fault fault = FAULT_NONE;
    Passerelle__V1__GetSnapshotRequest *request =
        network_new(&hub, &passerelle__v1__get_snapshot_request__descriptor);
    struct network_stream *s = network_open(&hub, network_who(ROLE_SITE, "s005"), "LedgerService",
                                            "GetSnapshot", &request->base);
    if (s->stream.call->error.code == CODE_UNAVAILABLE) { /* nothing is signed yet */
        network_tick(&hub);
        s = network_open(&hub, network_who(ROLE_SITE, "s005"), "LedgerService", "GetSnapshot",
                         &request->base);
    }
    ck_assert_msg(s->stream.call->error.code == CODE_OK, "%s", s->stream.call->error.message);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    size_t count;
    while ((count = network_pump(s, 2)) > 0) {
        for (size_t i = 0; i < count; i++) {
            ck_assert_int_eq(snapshot_frame_write(file, (const void *)s->messages[i], &fault),
                             E_OK);
        }
    }
    ck_assert(s->stream.finished);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

static int load(const char *path, struct fault *fault)
{
    struct service *service = &young.site.service;
    ck_assert_int_eq(db_begin(service->db, fault), E_OK);
    int err = snapshot_load(service, path, young.site.node.cosigner->public_key, fault);
    if (err == E_OK) {
        ck_assert_int_eq(db_commit(service->db, fault), E_OK);
        journal_committed(service->journal);
    } else {
        db_end(service->db, NULL);
        journal_rolled_back(service->journal);
    }
    return err;
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
    struct fault fault = FAULT_NONE;
    int err = load(fetch(), &fault);
    ck_assert_msg(err == E_OK, "%s", fault.text);
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

START_TEST(it_is_loaded_once_and_served_to_many)
{
    struct fault fault = FAULT_NONE;
    char *path = fetch();
    uint64_t size = hub.node.snapshot_size;
    issue_passes(1, 5);
    network_tick(&hub);
    path = fetch(); /* the same file: what followed is followed */
    ck_assert_uint_eq(hub.node.snapshot_size, size);
    ck_assert_int_eq(load(path, &fault), E_OK);
    ck_assert_int_eq(load(path, &fault), E_EXISTS);
    listener_hear(&young);
    listener_hear(&old);
    must_be_equal();
}
END_TEST

START_TEST(no_changed_byte_is_loaded)
{
    struct fault fault = FAULT_NONE;
    char *path = fetch();
    struct view good = network_read_file(&young.site, young.site.dir, "snapshot.part");
    size_t stride = good.len / 300 + 1;
    for (size_t at = 0; at < good.len; at += at < 400 ? 1 : stride) {
        FILE *file = fopen(path, "wb");
        char *bad = arena_alloc(&young.site.arena, good.len);
        memcpy(bad, good.data, good.len);
        bad[at] ^= 1;
        ck_assert_uint_eq(fwrite(bad, 1, good.len, file), good.len);
        ck_assert_int_eq(fclose(file), 0);
        fault = FAULT_NONE;
        ck_assert_msg(load(path, &fault) != E_OK, "byte %zu of %zu", at, good.len);
        ck_assert_uint_gt(strlen(fault.text), 5);
    }
    for (size_t len = 0; len < good.len; len += stride) { /* cut short */
        FILE *file = fopen(path, "wb");
        ck_assert_uint_eq(fwrite(good.data, 1, len, file), len);
        ck_assert_int_eq(fclose(file), 0);
        ck_assert_int_ne(load(path, &fault), E_OK);
    }
    FILE *file = fopen(path, "wb");
    ck_assert_uint_eq(fwrite(good.data, 1, good.len, file), good.len);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(load(path, &fault), E_OK);
    listener_hear(&young);
    listener_hear(&old);
    must_be_equal();
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("snapshot");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, a_snapshot_is_as_good_as_all_entries, 1, 2);
    tcase_add_loop_test(cases, a_snapshot_is_as_good_as_all_entries, 39, 40);
    tcase_add_test(cases, it_is_loaded_once_and_served_to_many);
    tcase_add_test(cases, no_changed_byte_is_loaded);
    Suite *suite = suite_create("snapshot");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
