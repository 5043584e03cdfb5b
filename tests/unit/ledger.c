/* LedgerService: what it gives, to whom, and that a stranger's script believes it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "core/merkle/checkpoint.h"
#include "lib/network.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "service/engine.h"
#include "service/journal.h"
#include "service/methods.h"
#include "service/tiles.h"
#include "wire/pack.h"

#define NEW(type) network_new(&net, &passerelle__v1__##type##__descriptor)

static struct network net;
static struct principal olive;

/* Appends as the writer would. */
static void append(const char *feed, Passerelle__V1__EntryType type, const void *payload)
{
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(db_begin(net.service.db, &fault), E_OK);
    journal_open_feed(&net.service, view_of(feed), VIEW_LIT("hub"));
    ck_assert_int_ne(journal_append(&net.service, VIEW_LIT("hub"), view_of(feed), type, payload),
                     0);
    ck_assert_msg(db_commit(net.service.db, &fault) == E_OK, "%s", fault.text);
    journal_committed(net.service.journal);
}

static void stays(const char *feed, unsigned from, unsigned count)
{
    for (unsigned i = from; i < from + count; i++) {
        Passerelle__V1__StayRecorded *stay = NEW(stay_recorded);
        uint8_t id[16] = {1, (uint8_t)(i >> 8), (uint8_t)i};
        stay->visit_id = wire_bytes(arena_copy(&net.arena, view_bytes(id, sizeof id)));
        stay->holder_id = wire_string(&net.arena, VIEW_LIT("h-1"));
        stay->resource = PASSERELLE__V1__RESOURCE__RESOURCE_DESK;
        stay->in_utc_ms = net.clock.now_utc_ms;
        stay->line = i + 1;
        append(feed, PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_STAY_RECORDED, stay);
    }
}

static void begin(void)
{
    network_init(&net, true, 7);
    olive = network_who(ROLE_OPERATOR, "olive");
    Passerelle__V1__Site *site = NEW(site);
    site->site_id = wire_string(&net.arena, VIEW_LIT("s-1"));
    site->member_id = wire_string(&net.arena, VIEW_LIT("m-1"));
    append(FEED_NET, PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_SITE_PUT, site);
    stays("s-1", 0, 5);
}

static void end(void)
{
    network_check(&net);
    network_release(&net);
}

static const char *checkpoint_of(const char *feed)
{
    Passerelle__V1__GetCheckpointRequest *request = NEW(get_checkpoint_request);
    request->feed_id = wire_string(&net.arena, view_of(feed));
    const Passerelle__V1__GetCheckpointResponse *response = network_must(
        &net, network_who(ROLE_ANYONE, ""), "LedgerService", "GetCheckpoint", &request->base);
    return response->checkpoint;
}

static const struct call *consistency(struct principal who, const char *feed, uint64_t old,
                                      uint64_t size)
{
    Passerelle__V1__GetConsistencyProofRequest *request = NEW(get_consistency_proof_request);
    request->feed_id = wire_string(&net.arena, view_of(feed));
    request->old_size = old;
    request->size = size;
    return network_call(&net, who, "LedgerService", "GetConsistencyProof", &request->base);
}

static const struct call *inclusion(struct principal who, const char *feed, uint64_t seq,
                                    uint64_t size)
{
    Passerelle__V1__GetInclusionProofRequest *request = NEW(get_inclusion_proof_request);
    request->feed_id = wire_string(&net.arena, view_of(feed));
    request->seq = seq;
    request->size = size;
    return network_call(&net, who, "LedgerService", "GetInclusionProof", &request->base);
}

/* ---- streams ---- */

struct received {
    struct stream stream;
    unsigned room; /* messages that the peer takes before its buffer is full */
    uint64_t next;
    struct view last; /* the last entry, in the network's arena */
};

static bool receive(struct stream *stream, const ProtobufCMessage *message)
{
    struct received *r = (struct received *)(void *)stream;
    const Passerelle__V1__ReadEntriesResponse *response = (const void *)message;
    if (r->room == 0) {
        return false;
    }
    r->room--;
    ck_assert_int_eq(response->event_case, PASSERELLE__V1__READ_ENTRIES_RESPONSE__EVENT_BATCH);
    ck_assert_uint_eq(response->batch->first_seq, r->next);
    ck_assert_uint_gt(response->batch->n_entries, 0);
    r->next += response->batch->n_entries;
    r->last =
        arena_copy(&net.arena, wire_view(response->batch->entries[response->batch->n_entries - 1]));
    return true;
}

static const struct call *open_stream(struct principal who, const char *feed, uint64_t from,
                                      uint64_t to, bool follow, struct received *r)
{
    static struct arena scratch;
    Passerelle__V1__ReadEntriesRequest *request = NEW(read_entries_request);
    request->feed_id = wire_string(&net.arena, view_of(feed));
    request->from_seq = from;
    request->to_seq = to;
    request->follow = follow;
    const struct call *call =
        network_call(&net, who, "LedgerService", "ReadEntries", &request->base);
    *r = (struct received){.room = 1000, .next = from == 0 ? 1 : from};
    arena_release(&scratch);
    r->stream = (struct stream){
        .call = (struct call *)(uintptr_t)call, .emit = receive, .scratch = &scratch};
    return call;
}

static void pump(struct received *r)
{
    engine_pump(&net.service, &r->stream);
    ck_assert_int_eq(r->stream.call->error.code, CODE_OK);
    arena_release(r->stream.scratch);
}

/* ---- tests ---- */

static const struct call *find_visit(struct principal who, const char *visit, const char *feed)
{
    Passerelle__V1__FindVisitRequest *request = NEW(find_visit_request);
    request->visit_id = wire_string(&net.arena, view_of(visit));
    request->feed_id = wire_string(&net.arena, view_of(feed));
    return network_call(&net, who, "LedgerService", "FindVisit", &request->base);
}

START_TEST(a_visit_is_found_by_those_who_may_read_it)
{
    static const char third[] = "01000200-0000-0000-0000-000000000000";
    static const char none[] = "01000900-0000-0000-0000-000000000000";
    begin();
    const struct principal may[] = {olive, network_who(ROLE_AUDITOR, "a-1"),
                                    network_who(ROLE_MEMBER, "m-1"), network_who(ROLE_SITE, "s-1"),
                                    network_who(ROLE_DESK, "s-1")};
    for (size_t i = 0; i < ARRAY_LEN(may); i++) {
        const struct call *call = find_visit(may[i], third, "");
        ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
        const Passerelle__V1__FindVisitResponse *found = (const void *)call->response;
        ck_assert_str_eq(found->feed_id, "s-1");
        ck_assert_uint_eq(found->seq, 3);
    }
    /* Whose it is not to know is told what is told of one that is not there. */
    const struct call *call = find_visit(network_who(ROLE_MEMBER, "m-2"), third, "");
    ck_assert_int_eq(call->error.code, CODE_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(call->error.message, third));
    ck_assert_int_eq(find_visit(olive, none, "")->error.code, CODE_NOT_FOUND);
    ck_assert_int_eq(find_visit(olive, "visit", "")->error.code, CODE_INVALID_ARGUMENT);
    /* Two feeds may use one id. */
    stays("s-2", 2, 1);
    call = find_visit(olive, third, "");
    ck_assert_int_eq(call->error.code, CODE_FAILED_PRECONDITION);
    ck_assert_ptr_nonnull(strstr(call->error.message, "s-2"));
    ck_assert_int_eq(find_visit(network_who(ROLE_SITE, "s-1"), third, "")->error.code, CODE_OK);
    call = find_visit(olive, third, "s-2");
    ck_assert_int_eq(call->error.code, CODE_OK);
    ck_assert_uint_eq(((const Passerelle__V1__FindVisitResponse *)call->response)->seq, 1);
    end();
}
END_TEST

/* What a GET of this path would answer: a code, and the bytes of a tile. */
static enum code get_tile(struct principal who, const char *path, struct buf *out)
{
    bool known;
    struct call call = {.arena = &net.arena, .who = who};
    call.method =
        methods_find(VIEW_LIT("passerelle.v1.LedgerService"), VIEW_LIT("ReadEntries"), &known);
    struct tiles_path found;
    struct fault fault = FAULT_NONE;
    buf_clear(out);
    ck_assert_int_eq(db_begin_read(net.service.db, &fault), E_OK);
    if (tiles_find(&net.service, &call, view_of(path), &found) == 0 && !found.checkpoint) {
        ck_assert_int_eq(tiles_read(&net.service, &call, &found, out),
                         call.error.code == CODE_OK ? 0 : -1);
    }
    ck_assert_int_eq(db_end(net.service.db, &fault), E_OK);
    return call.error.code;
}

START_TEST(tiles_give_the_tree_and_its_entries)
{
    begin();
    stays("s-1", 5, 595); /* 600 entries: two full tiles and 88 */
    struct buf tile = BUF_INIT;
    struct principal site = network_who(ROLE_SITE, "s-1");
    struct tree_frontier all = {0}, above = {0};
    static const char *const parts[] = {"000", "001", "002.p/88"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        char path[64];
        snprintf(path, sizeof path, "s-1/tile/entries/%s", parts[i]);
        ck_assert_int_eq(get_tile(site, path, &tile), CODE_OK);
        struct view rest = buf_content(&tile);
        struct view entry;
        struct buf hashes = BUF_INIT;
        while (rest.len > 0) {
            ck_assert_int_eq(bundle_next(&rest, &entry), E_OK);
            struct tree_hash leaf = tree_leaf(entry);
            buf_add(&hashes, leaf.bytes, sizeof leaf.bytes);
            tree_frontier_append(&all, &leaf, NULL);
        }
        /* By the feed's name, and by its origin. */
        snprintf(path, sizeof path, "passerelle.example/test/s-1/tile/0/%s", parts[i]);
        ck_assert_int_eq(get_tile(site, path, &tile), CODE_OK);
        ck_assert(view_equal(buf_content(&tile), buf_content(&hashes)));
        buf_release(&hashes);
        if (i < 2) {
            struct tree_hash root = tree_frontier_root(&all);
            ck_assert_int_eq(
                get_tile(olive, i == 0 ? "s-1/tile/1/000.p/1" : "s-1/tile/1/000.p/2", &tile),
                CODE_OK);
            struct tree_hash hash;
            ck_assert_uint_eq(tile.len, (i + 1) * sizeof hash);
            memcpy(&hash, tile.data + i * sizeof hash, sizeof hash);
            tree_frontier_append(&above, &hash, NULL);
            struct tree_hash joined = tree_frontier_root(&above);
            ck_assert(tree_hash_equal(&joined, &root));
        }
    }
    ck_assert_uint_eq(all.size, 600);
    struct note note;
    struct checkpoint head;
    ck_assert_int_eq(note_parse(view_of(checkpoint_of("s-1")), &note), E_OK);
    ck_assert_int_eq(checkpoint_parse(note.text, &head), E_OK);
    struct tree_hash root = tree_frontier_root(&all);
    ck_assert(head.size == 600 && tree_hash_equal(&head.root, &root));
    buf_release(&tile);
    end();
}
END_TEST

START_TEST(tiles_are_for_those_who_may_read)
{
    static const struct {
        const char *path;
        enum code operator, desk, member, anyone;
    } rows[] = {
        {"s-1/tile/0/000.p/5", CODE_OK, CODE_OK, CODE_PERMISSION_DENIED, CODE_PERMISSION_DENIED},
        {"s-1/tile/entries/000.p/5", CODE_OK, CODE_OK, CODE_PERMISSION_DENIED,
         CODE_PERMISSION_DENIED},
        {"net/tile/0/000.p/1", CODE_OK, CODE_OK, CODE_OK, CODE_PERMISSION_DENIED},
        {"books/checkpoint", CODE_OK, CODE_OK, CODE_OK, CODE_OK},
        {"books/tile/0/000", CODE_NOT_FOUND, CODE_PERMISSION_DENIED, CODE_PERMISSION_DENIED,
         CODE_PERMISSION_DENIED},
        {"s-1/checkpoint", CODE_OK, CODE_OK, CODE_OK, CODE_OK},
        {"s-1/tile/0/000", CODE_NOT_FOUND, CODE_NOT_FOUND, CODE_PERMISSION_DENIED,
         CODE_PERMISSION_DENIED},
        {"s-1/tile/0/000.p/6", CODE_NOT_FOUND, CODE_NOT_FOUND, CODE_PERMISSION_DENIED,
         CODE_PERMISSION_DENIED},
        {"s-1/tile/1/000.p/1", CODE_NOT_FOUND, CODE_NOT_FOUND, CODE_PERMISSION_DENIED,
         CODE_PERMISSION_DENIED},
        {"s-1/tile/63/000.p/1", CODE_NOT_FOUND, CODE_NOT_FOUND, CODE_PERMISSION_DENIED,
         CODE_PERMISSION_DENIED},
        {"s-1/tile/0/x999/999", CODE_NOT_FOUND, CODE_NOT_FOUND, CODE_PERMISSION_DENIED,
         CODE_PERMISSION_DENIED},
        {"s-9/tile/0/000", CODE_NOT_FOUND, CODE_NOT_FOUND, CODE_NOT_FOUND, CODE_NOT_FOUND},
        {"s-1/tile/0/0", CODE_NOT_FOUND, CODE_NOT_FOUND, CODE_NOT_FOUND, CODE_NOT_FOUND},
        {"s-1", CODE_NOT_FOUND, CODE_NOT_FOUND, CODE_NOT_FOUND, CODE_NOT_FOUND},
        {"/checkpoint", CODE_NOT_FOUND, CODE_NOT_FOUND, CODE_NOT_FOUND, CODE_NOT_FOUND},
        {"", CODE_NOT_FOUND, CODE_NOT_FOUND, CODE_NOT_FOUND, CODE_NOT_FOUND},
    };
    begin();
    struct buf tile = BUF_INIT;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct {
            struct principal who;
            enum code code;
        } asks[] = {{olive, rows[i].operator},
                     {network_who(ROLE_AUDITOR, "a-1"), rows[i].operator},
                      {network_who(ROLE_DESK, "s-1"), rows[i].desk},
                      {network_who(ROLE_MEMBER, "m-2"), rows[i].member},
                      {network_who(ROLE_ANYONE, ""), rows[i].anyone}};
        for (size_t k = 0; k < ARRAY_LEN(asks); k++) {
            enum code code = get_tile(asks[k].who, rows[i].path, &tile);
            ck_assert_msg(code == asks[k].code, "%s as %s: %s", rows[i].path,
                          role_name(asks[k].who.role), code_name(code));
        }
    }
    buf_release(&tile);
    end();
}
END_TEST

START_TEST(feeds_and_checkpoints_are_public_and_signed_once)
{
    begin();
    const Passerelle__V1__ListFeedsResponse *list = network_must(
        &net, network_who(ROLE_ANYONE, ""), "LedgerService", "ListFeeds", NEW(list_feeds_request));
    ck_assert_uint_eq(list->n_feeds, 3);
    ck_assert_str_eq(list->feeds[0]->feed_id, "books");
    ck_assert_str_eq(list->feeds[2]->site_id, "s-1");
    ck_assert_uint_eq(list->feeds[2]->size, 5);

    const char *note = checkpoint_of("s-1");
    struct note_key key;
    struct checkpoint checkpoint;
    ck_assert_int_eq(note_key_parse(view_of(list->feeds[2]->verifier_key), &key), E_OK);
    ck_assert_int_eq(checkpoint_open(view_of(note), &key, &checkpoint, NULL, NULL), E_OK);
    ck_assert_uint_eq(checkpoint.size, 5);
    net.clock.now_utc_ms += 1000;
    ck_assert_str_eq(checkpoint_of("s-1"), note);
    stays("s-1", 5, 1);
    ck_assert_str_ne(checkpoint_of("s-1"), note);

    Passerelle__V1__GetCheckpointRequest *request = NEW(get_checkpoint_request);
    request->feed_id = wire_string(&net.arena, VIEW_LIT("s-2"));
    ck_assert_int_eq(
        network_call(&net, olive, "LedgerService", "GetCheckpoint", &request->base)->error.code,
        CODE_NOT_FOUND);
    end();
}
END_TEST

START_TEST(entries_are_for_those_whom_they_concern)
{
    static const struct {
        enum role role;
        const char *party;
        enum code site, net, books;
    } rows[] = {
        {ROLE_OPERATOR, "olive", CODE_OK, CODE_OK, CODE_OK},
        {ROLE_AUDITOR, "aude", CODE_OK, CODE_OK, CODE_OK},
        {ROLE_MEMBER, "m-1", CODE_OK, CODE_OK, CODE_PERMISSION_DENIED},
        {ROLE_MEMBER, "m-2", CODE_PERMISSION_DENIED, CODE_OK, CODE_PERMISSION_DENIED},
        {ROLE_SITE, "s-1", CODE_OK, CODE_OK, CODE_PERMISSION_DENIED},
        {ROLE_DESK, "s-2", CODE_PERMISSION_DENIED, CODE_OK, CODE_PERMISSION_DENIED},
        {ROLE_EMPLOYER, "e-1", CODE_PERMISSION_DENIED, CODE_PERMISSION_DENIED,
         CODE_PERMISSION_DENIED},
        {ROLE_ANYONE, "", CODE_PERMISSION_DENIED, CODE_PERMISSION_DENIED, CODE_PERMISSION_DENIED},
    };
    begin();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct principal who = network_who(rows[i].role, rows[i].party);
        struct received r;
        ck_assert_int_eq(open_stream(who, "s-1", 0, 0, false, &r)->error.code, rows[i].site);
        ck_assert_int_eq(open_stream(who, "net", 0, 0, false, &r)->error.code, rows[i].net);
        ck_assert_int_eq(open_stream(who, "books", 0, 0, false, &r)->error.code, rows[i].books);
        ck_assert_int_eq(inclusion(who, "s-1", 1, 0)->error.code, rows[i].site);
        ck_assert_int_eq(consistency(who, "s-1", 1, 5)->error.code, CODE_OK);
        ck_assert_int_eq(consistency(who, "books", 0, 0)->error.code, rows[i].books);
        bool all = rows[i].role == ROLE_OPERATOR || rows[i].role == ROLE_AUDITOR;
        ck_assert_int_eq(open_stream(who, "s-9", 0, 0, false, &r)->error.code,
                         all ? CODE_NOT_FOUND : CODE_PERMISSION_DENIED);
    }
    end();
}
END_TEST

START_TEST(entries_stream_in_order_and_follow)
{
    begin();
    stays("s-1", 5, 2495);
    struct received r;
    ck_assert_int_eq(open_stream(olive, "s-1", 0, 0, false, &r)->error.code, CODE_OK);
    r.room = 1;
    pump(&r); /* the peer is full after one batch */
    ck_assert_uint_eq(r.next, 1025);
    ck_assert(!r.stream.finished);
    r.room = 1000;
    pump(&r);
    ck_assert_uint_eq(r.next, 2501);
    ck_assert(r.stream.finished);

    ck_assert_int_eq(open_stream(olive, "s-1", 2499, 2502, true, &r)->error.code, CODE_OK);
    pump(&r);
    ck_assert_uint_eq(r.next, 2501);
    ck_assert(!r.stream.finished);
    stays("s-1", 2500, 3);
    pump(&r);
    ck_assert_uint_eq(r.next, 2503);
    ck_assert(r.stream.finished);

    ck_assert_int_eq(open_stream(olive, "s-1", 5, 4, false, &r)->error.code, CODE_INVALID_ARGUMENT);
    ck_assert_int_eq(open_stream(olive, "s-1", 1, 9999, false, &r)->error.code, CODE_OUT_OF_RANGE);
    ck_assert_int_eq(inclusion(olive, "s-1", 9999, 0)->error.code, CODE_OUT_OF_RANGE);
    ck_assert_int_eq(inclusion(olive, "s-1", 0, 0)->error.code, CODE_OUT_OF_RANGE);
    ck_assert_int_eq(inclusion(olive, "s-1", 1, 9999)->error.code, CODE_OUT_OF_RANGE);
    ck_assert_int_eq(consistency(olive, "s-1", 7, 6)->error.code, CODE_OUT_OF_RANGE);
    end();
}
END_TEST

static void put_hashes(FILE *file, const char *name, size_t count, const ProtobufCBinaryData *list)
{
    fprintf(file, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        struct buf text = BUF_INIT;
        text_to_base64(&text, wire_view(list[i]));
        fprintf(file, "%s\"%s\"", i == 0 ? "" : ",", text.data);
        buf_release(&text);
    }
    fputc(']', file);
}

static void put_base64(FILE *file, const char *name, struct view bytes)
{
    struct buf text = BUF_INIT;
    text_to_base64(&text, bytes);
    fprintf(file, ",\"%s\":\"%s\"", name, text.data);
    buf_release(&text);
}

/* tests/vectors/verify-log.mjs on what the service says; `spoil` changes the entry. */
static int stranger_says(const char *path, bool spoil)
{
    const Passerelle__V1__ListFeedsResponse *list =
        network_must(&net, olive, "LedgerService", "ListFeeds", NEW(list_feeds_request));
    struct note_key key;
    struct checkpoint old;
    ck_assert_int_eq(note_key_parse(view_of(list->feeds[2]->verifier_key), &key), E_OK);
    ck_assert_int_eq(checkpoint_open(view_of(checkpoint_of("s-1")), &key, &old, NULL, NULL), E_OK);
    stays("s-1", 5 + (spoil ? 9 : 0), 9);
    const char *now = checkpoint_of("s-1");
    struct received r;
    open_stream(olive, "s-1", 4, 4, false, &r);
    pump(&r);
    char *entry = arena_string(&net.arena, r.last);
    entry[r.last.len - 1] = (char)(entry[r.last.len - 1] ^ (spoil ? 1 : 0));
    const Passerelle__V1__GetInclusionProofResponse *in =
        (const void *)inclusion(olive, "s-1", 4, 0)->response;
    const Passerelle__V1__GetConsistencyProofResponse *con =
        (const void *)consistency(olive, "s-1", old.size, 0)->response;
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "{\"vkey\":\"%s\",\"index\":%llu,\"old_size\":%llu", list->feeds[2]->verifier_key,
            (unsigned long long)in->index, (unsigned long long)old.size);
    put_base64(file, "checkpoint", view_of(now));
    put_base64(file, "leaf", view_bytes(entry, r.last.len));
    put_base64(file, "old_root", view_bytes(old.root.bytes, sizeof old.root.bytes));
    put_hashes(file, "proof", in->n_hashes, in->hashes);
    put_hashes(file, "consistency", con->n_hashes, con->hashes);
    fputs("}\n", file);
    fclose(file);
    return system(arena_printf(&net.arena, "%s %s %s > %s.out", NODE, VERIFY_LOG, path, path));
}

START_TEST(a_stranger_s_script_believes_the_proofs)
{
    begin();
    char *path = arena_printf(&net.arena, "%s/log.json", net.dir);
    ck_assert_int_eq(stranger_says(path, false), 0);
    ck_assert_int_ne(stranger_says(path, true), 0);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger");
    TCase *cases = tcase_create("ledger");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_visit_is_found_by_those_who_may_read_it);
    tcase_add_test(cases, tiles_give_the_tree_and_its_entries);
    tcase_add_test(cases, tiles_are_for_those_who_may_read);
    tcase_add_test(cases, feeds_and_checkpoints_are_public_and_signed_once);
    tcase_add_test(cases, entries_are_for_those_whom_they_concern);
    tcase_add_test(cases, entries_stream_in_order_and_follow);
    if (NODE[0] != '\0') {
        tcase_add_test(cases, a_stranger_s_script_believes_the_proofs);
    }
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
