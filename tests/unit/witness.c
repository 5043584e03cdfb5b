/* The hub as a witness of others' logs, and its own feeds witnessed by others. */
#include <check.h>
#include <stdlib.h>

#include "core/merkle/cosignature.h"
#include "core/merkle/witness.h"
#include "lib/network.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "passerelle/v1/network.pb-c.h"
#include "service/sync/witnessed.h"
#include "wire/pack.h"

enum { LEAVES = 300 };
#include "leaves.h"

#define NEW(type) network_new(&net, &passerelle__v1__##type##__descriptor)
#define ORIGIN "log.example/log"

static struct network net;
static struct principal olive;
static struct signer owner, stranger;
static unsigned charters;

static size_t entry_of(size_t i, char bytes[static 16])
{
    return (size_t)snprintf(bytes, 16, "entry %d", (int)i);
}

static void begin(void)
{
    network_init(&net, true, 11);
    charters = 0;
    olive = network_who(ROLE_OPERATOR, "olive");
    owner = make_signer(1, ORIGIN, NOTE_ED25519);
    stranger = make_signer(2, ORIGIN, NOTE_ED25519);
    leaves_grow(entry_of);
}

static void end(void)
{
    network_check(&net);
    network_release(&net);
}

static const struct call *put(const char *origin, const struct signer *key)
{
    Passerelle__V1__PutWitnessedLogRequest *request = NEW(put_witnessed_log_request);
    request->request_id = network_request_id(&net);
    request->origin = wire_string(&net.arena, view_of(origin));
    if (key != NULL) {
        struct buf vkey = BUF_INIT;
        note_key_format(&key->key, &vkey);
        request->verifier_keys = ARENA_ARRAY(&net.arena, 1, char *);
        request->verifier_keys[0] = wire_string(&net.arena, buf_content(&vkey));
        request->n_verifier_keys = 1;
        buf_release(&vkey);
    }
    return network_call(&net, olive, "LedgerService", "PutWitnessedLog", &request->base);
}

static const Passerelle__V1__ListWitnessedLogsResponse *list(void)
{
    return network_must(&net, network_who(ROLE_ANYONE, ""), "LedgerService", "ListWitnessedLogs",
                        NEW(list_witnessed_logs_request));
}

static const Passerelle__V1__AddCheckpointResponse *add_body(struct view body)
{
    Passerelle__V1__AddCheckpointRequest *request = NEW(add_checkpoint_request);
    request->body = wire_bytes(arena_copy(&net.arena, body));
    return network_must(&net, olive, "LedgerService", "AddCheckpoint", &request->base);
}

/* A log's request: from `old` to `size`, with another root when `root` is given. */
static const Passerelle__V1__AddCheckpointResponse *add(const struct signer *by, uint64_t old,
                                                        uint64_t size, const struct tree_hash *root)
{
    struct checkpoint head = {
        .origin = ORIGIN, .size = size, .root = root == NULL ? roots[size] : *root};
    struct buf note = BUF_INIT, body = BUF_INIT;
    struct witness_request request = {.old_size = old};
    ck_assert_int_eq(checkpoint_sign(&head, &by->key, &by->secret, &note), E_OK);
    if (old > 0 && old < size) {
        ck_assert_int_eq(tree_consistency(&reader, old, size, &request.proof), E_OK);
    }
    request.checkpoint = buf_content(&note);
    witness_request_format(&request, &body);
    const Passerelle__V1__AddCheckpointResponse *response = add_body(buf_content(&body));
    buf_release(&note);
    buf_release(&body);
    return response;
}

static void must(const Passerelle__V1__AddCheckpointResponse *response, unsigned status,
                 const char *body)
{
    ck_assert_msg(response->status == status && strstr(response->body, body) != NULL, "%u %s",
                  response->status, response->body);
}

/* The answer's lines under the checkpoint are our cosignature of it, of now. */
static void cosigned(const Passerelle__V1__AddCheckpointResponse *response, uint64_t size)
{
    struct note_key key;
    struct checkpoint head = {.origin = ORIGIN, .size = size, .root = roots[size]};
    struct buf note = BUF_INIT;
    uint64_t signers = 0;
    uint64_t utc_s = 0;
    must(response, WITNESS_COSIGN, "\xe2\x80\x94 passerelle.example/test/witness ");
    ck_assert_str_eq(response->content_type, "text/plain; charset=utf-8");
    ck_assert_int_eq(note_key_parse(view_of(list()->verifier_key), &key), E_OK);
    ck_assert_int_eq(checkpoint_sign(&head, &owner.key, &owner.secret, &note), E_OK);
    ck_assert_int_eq(cosignatures_add(&note, view_of(response->body), &key, 1, &signers, &utc_s),
                     E_OK);
    ck_assert_uint_eq(signers, 1);
    ck_assert_uint_eq(utc_s, (uint64_t)net.clock.now_utc_ms / 1000);
    buf_release(&note);
}

START_TEST(one_history_is_cosigned)
{
    begin();
    ck_assert_str_eq(list()->verifier_key, "");
    must(add(&owner, 0, 10, NULL), WITNESS_UNKNOWN_LOG, "does not know the log");
    ck_assert_int_eq(put(ORIGIN, &owner)->error.code, CODE_OK);
    must(add(&stranger, 0, 10, NULL), WITNESS_NOT_SIGNED, "no key");
    cosigned(add(&owner, 0, 10, NULL), 10);
    cosigned(add(&owner, 10, 10, NULL), 10); /* again: a fresh time */
    net.clock.now_utc_ms += 3600000;
    cosigned(add(&owner, 10, 77, NULL), 77);
    const Passerelle__V1__AddCheckpointResponse *other = add(&owner, 10, 90, NULL);
    must(other, WITNESS_OTHER_SIZE, "77\n");
    ck_assert_str_eq(other->content_type, WITNESS_SIZE_TYPE);
    must(add(&owner, 78, 77, NULL), WITNESS_BAD_REQUEST, "above");
    must(add(&owner, 77, 90, &roots[91]), WITNESS_INCONSISTENT, "extends");
    must(add_body(VIEW_LIT("old 1\n")), WITNESS_BAD_REQUEST, "an empty line and a checkpoint");
    const Passerelle__V1__WitnessedLog *log = list()->logs[0];
    ck_assert_uint_eq(log->size, 77);
    ck_assert_int_eq(log->cosigned_utc_ms, net.clock.now_utc_ms);
    ck_assert_uint_eq(log->n_contradiction, 0);
    ck_assert_ptr_nonnull(strstr(log->checkpoint, "/test/witness "));
    end();
}
END_TEST

START_TEST(a_second_history_is_kept_as_evidence)
{
    begin();
    ck_assert_int_eq(put(ORIGIN, &owner)->error.code, CODE_OK);
    cosigned(add(&owner, 0, 40, NULL), 40);
    must(add(&stranger, 40, 40, &roots[41]), WITNESS_NOT_SIGNED, "no key");
    ck_assert_uint_eq(list()->logs[0]->n_contradiction, 0);
    must(add(&owner, 40, 40, &roots[41]), WITNESS_INCONSISTENT, "another root");
    must(add(&owner, 40, 40, &roots[42]), WITNESS_INCONSISTENT, "another root");
    const Passerelle__V1__WitnessedLog *log = list()->logs[0];
    ck_assert_uint_eq(log->n_contradiction, 2);
    struct checkpoint told[2];
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(
            checkpoint_open(view_of(log->contradiction[i]), &owner.key, &told[i], NULL, NULL),
            E_OK);
    }
    ck_assert(told[0].size == 40 && told[1].size == 40);
    ck_assert(tree_hash_equal(&told[0].root, &roots[40]));
    ck_assert(tree_hash_equal(&told[1].root, &roots[41])); /* the first one stays */
    cosigned(add(&owner, 40, 41, NULL), 41);
    end();
}
END_TEST

START_TEST(nothing_cosigned_is_forgotten)
{
    begin();
    ck_assert_int_eq(put(ORIGIN, NULL)->error.code, CODE_NOT_FOUND);
    ck_assert_int_eq(put(ORIGIN, &owner)->error.code, CODE_OK);
    cosigned(add(&owner, 0, 100, NULL), 100);
    char *key = list()->verifier_key;
    ck_assert_int_eq(put(ORIGIN, NULL)->error.code, CODE_OK);
    must(add(&owner, 100, 120, NULL), WITNESS_UNKNOWN_LOG, "does not know");
    ck_assert_uint_eq(list()->logs[0]->n_verifier_keys, 0);
    /* Taken up again, with another key too: from where it was. */
    ck_assert_int_eq(put(ORIGIN, &stranger)->error.code, CODE_OK);
    must(add(&stranger, 0, 50, &roots[51]), WITNESS_OTHER_SIZE, "100\n");
    must(add(&owner, 100, 120, NULL), WITNESS_NOT_SIGNED, "no key");
    network_reopen(&net);
    ck_assert_int_eq(put(ORIGIN, &owner)->error.code, CODE_OK);
    must(add(&owner, 0, 120, NULL), WITNESS_OTHER_SIZE, "100\n");
    cosigned(add(&owner, 100, 120, NULL), 120);
    ck_assert_str_eq(list()->verifier_key, key);
    end();
}
END_TEST

/* Anybody can add lines to a note: they are not kept. */
START_TEST(only_the_log_s_own_line_is_kept)
{
    begin();
    struct signer junk = make_signer(9, "junk.example", NOTE_ED25519);
    struct checkpoint head = {.origin = ORIGIN, .size = 8, .root = roots[8]};
    struct buf note = BUF_INIT, body = BUF_INIT, text = BUF_INIT;
    ck_assert_int_eq(put(ORIGIN, &owner)->error.code, CODE_OK);
    ck_assert_int_eq(checkpoint_sign(&head, &owner.key, &owner.secret, &note), E_OK);
    checkpoint_format(&head, &text);
    for (int i = 0; i < 40; i++) {
        note_sign(&note, buf_content(&text), i % 2 == 0 ? &junk.key : &owner.key,
                  i % 2 == 0 ? &junk.secret : &owner.secret);
    }
    struct witness_request request = {.checkpoint = buf_content(&note)};
    witness_request_format(&request, &body);
    cosigned(add_body(buf_content(&body)), 8);
    const char *kept = list()->logs[0]->checkpoint;
    ck_assert_ptr_null(strstr(kept, "junk"));
    ck_assert_uint_lt(strlen(kept), 600);
    struct checkpoint back;
    ck_assert_int_eq(checkpoint_open(view_of(kept), &owner.key, &back, NULL, NULL), E_OK);
    buf_release(&note);
    buf_release(&body);
    buf_release(&text);
    end();
}
END_TEST

START_TEST(what_cannot_be_witnessed_is_told)
{
    begin();
    struct signer mirror = make_signer(3, ORIGIN, NOTE_COSIGNATURE);
    const struct call *call = put(ORIGIN, &mirror);
    ck_assert_int_eq(call->error.code, CODE_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(call->error.message, "cut short"));
    ck_assert_int_eq(put("", &owner)->error.code, CODE_INVALID_ARGUMENT);
    ck_assert_int_eq(put("two\nlines", &owner)->error.code, CODE_INVALID_ARGUMENT);
    ck_assert_uint_eq(list()->n_logs, 0);
    end();
}
END_TEST

/* ---- our feeds, witnessed ---- */

static struct buf vkey_of(const struct signer *witness)
{
    struct buf vkey = BUF_INIT;
    note_key_format(&witness->key, &vkey);
    return vkey;
}

static const Passerelle__V1__GetCheckpointResponse *checkpoint_of(const char *feed)
{
    Passerelle__V1__GetCheckpointRequest *request = NEW(get_checkpoint_request);
    request->feed_id = wire_string(&net.arena, view_of(feed));
    return network_must(&net, network_who(ROLE_ANYONE, ""), "LedgerService", "GetCheckpoint",
                        &request->base);
}

/* The feeds that the witness has not cosigned as they stand, in one text. */
static const char *due(const struct signer *witness)
{
    struct fault fault = FAULT_NONE;
    struct witnessed_due due = {.feed = {.no = 0}};
    struct buf vkey = vkey_of(witness), out = BUF_INIT;
    ck_assert_int_eq(db_begin_read(net.service.db, &fault), E_OK);
    while (witnessed_next(&net.service, buf_content(&vkey), due.feed.no, &due)) {
        buf_printf(&out, "%s %s+%llu", out.len == 0 ? "" : ",", due.feed.name,
                   (unsigned long long)due.old_size);
    }
    ck_assert_int_eq(db_end(net.service.db, &fault), E_OK);
    const char *text = arena_string(&net.arena, buf_content(&out));
    buf_release(&vkey);
    buf_release(&out);
    return text;
}

static const struct call *keep(const char *feed, const char *checkpoint,
                               const struct signer *witness, const struct signer *named)
{
    struct buf lines = BUF_INIT, vkey = vkey_of(named);
    struct note note;
    Passerelle__V1__AddCosignatureRequest *request = NEW(add_cosignature_request);
    ck_assert_int_eq(note_parse(view_of(checkpoint), &note), E_OK);
    checkpoint_cosign(&lines, note.text, &witness->key, &witness->secret, 1793520000);
    request->feed_id = wire_string(&net.arena, view_of(feed));
    request->checkpoint = wire_string(&net.arena, view_of(checkpoint));
    request->verifier_key = wire_string(&net.arena, buf_content(&vkey));
    request->cosignature = wire_string(&net.arena, buf_content(&lines));
    buf_release(&lines);
    buf_release(&vkey);
    return network_call(&net, olive, "LedgerService", "AddCosignature", &request->base);
}

static bool shows(const char *note, const struct signer *witness)
{
    return strstr(note, witness->key.name) != NULL;
}

static void grow_net(void)
{
    Passerelle__V1__PublishCharterRequest *request = NEW(publish_charter_request);
    request->request_id = network_request_id(&net);
    request->charter = NEW(charter);
    request->charter->version = ++charters;
    request->charter->valid_from = wire_string(&net.arena, VIEW_LIT("2027-01-01"));
    request->charter->text = wire_string(&net.arena, VIEW_LIT("Be kind."));
    network_must(&net, olive, "NetworkService", "PublishCharter", &request->base);
}

START_TEST(cosignatures_stand_beside_the_checkpoint)
{
    begin();
    struct signer one = make_signer(4, "one.example/w", NOTE_COSIGNATURE);
    struct signer two = make_signer(5, "two.example/w", NOTE_COSIGNATURE);
    ck_assert_str_eq(due(&one), " net+0");
    const char *first = checkpoint_of("net")->checkpoint;
    ck_assert_str_eq(checkpoint_of("net")->witnessed, "");
    ck_assert_int_eq(keep("net", first, &one, &one)->error.code, CODE_OK);
    ck_assert_str_eq(due(&one), "");
    ck_assert_str_eq(due(&two), " net+0");
    ck_assert_int_eq(keep("net", first, &two, &two)->error.code, CODE_OK);
    ck_assert_int_eq(keep("net", first, &two, &two)->error.code, CODE_OK); /* again */
    const Passerelle__V1__GetCheckpointResponse *both = checkpoint_of("net");
    ck_assert(shows(both->checkpoint, &one) && shows(both->checkpoint, &two));
    ck_assert_str_eq(both->checkpoint, both->witnessed);
    /* The feed goes on: the newest has none, the one that is witnessed stays. */
    grow_net();
    const Passerelle__V1__GetCheckpointResponse *next = checkpoint_of("net");
    ck_assert(!shows(next->checkpoint, &one));
    ck_assert_str_eq(next->witnessed, both->witnessed);
    ck_assert_ptr_nonnull(strchr(due(&one), '+'));
    ck_assert_int_eq(keep("net", next->checkpoint, &two, &two)->error.code, CODE_OK);
    ck_assert(!shows(checkpoint_of("net")->witnessed, &one));
    /* A late answer for an older one takes nothing back. */
    ck_assert_int_eq(keep("net", first, &one, &one)->error.code, CODE_OK);
    ck_assert(shows(checkpoint_of("net")->witnessed, &two));
    end();
}
END_TEST

START_TEST(what_no_witness_cosigned_is_not_kept)
{
    begin();
    struct signer one = make_signer(4, "one.example/w", NOTE_COSIGNATURE);
    struct signer two = make_signer(5, "two.example/w", NOTE_COSIGNATURE);
    const char *checkpoint = checkpoint_of("net")->checkpoint;
    const struct call *call = keep("net", checkpoint, &two, &one);
    ck_assert_int_eq(call->error.code, CODE_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(call->error.message, "one.example/w"));
    ck_assert_int_eq(keep("net", checkpoint, &one, &owner)->error.code, CODE_INVALID_ARGUMENT);
    ck_assert_int_eq(keep("s-9", checkpoint, &one, &one)->error.code, CODE_NOT_FOUND);
    struct checkpoint head = {.origin = ORIGIN, .size = 3, .root = roots[3]};
    struct buf note = BUF_INIT;
    ck_assert_int_eq(checkpoint_sign(&head, &owner.key, &owner.secret, &note), E_OK);
    call = keep("net", arena_string(&net.arena, buf_content(&note)), &one, &one);
    ck_assert_int_eq(call->error.code, CODE_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(call->error.message, "none of the feed net"));
    buf_release(&note);
    ck_assert_str_eq(checkpoint_of("net")->witnessed, "");
    end();
}
END_TEST

/* A witness that is asked as witnessed_request() has it cosigns every head that it is shown. */
START_TEST(requests_convince_a_witness)
{
    begin();
    struct witness_log log = {.root = tree_empty(), .count = 1};
    struct note_key key;
    struct feed_id feed;
    struct fault fault = FAULT_NONE;
    for (int i = 0; i < 20; i++) {
        struct buf body = BUF_INIT;
        struct witness_request request;
        struct witness_answer answer;
        const char *checkpoint = checkpoint_of("net")->checkpoint;
        ck_assert_int_eq(db_begin_read(net.service.db, &fault), E_OK);
        ck_assert_int_eq(feed_find(net.service.db, VIEW_LIT("net"), &feed), E_OK);
        ck_assert_int_eq(
            witnessed_request(&net.service, &feed, log.size, view_of(checkpoint), &body), E_OK);
        ck_assert_int_ne(witnessed_request(&net.service, &feed, 1000, view_of(checkpoint), &body),
                         E_OK);
        ck_assert_int_eq(db_end(net.service.db, &fault), E_OK);
        ck_assert_int_eq(note_key_init(&key, view_of(feed.origin), NOTE_ED25519, feed.public_key),
                         E_OK);
        log.origin = feed.origin;
        log.keys = &key;
        ck_assert_int_eq(witness_request_parse(buf_content(&body), &request), E_OK);
        witness_decide(&request, &log, &answer);
        ck_assert_msg(answer.status == WITNESS_COSIGN, "%s", answer.why);
        log.size = answer.head.size;
        log.root = answer.head.root;
        buf_release(&body);
        grow_net();
    }
    end();
}
END_TEST

START_TEST(answers_are_judged)
{
    static const struct {
        int status;
        const char *type, *body;
        enum witnessed_result result;
    } rows[] = {
        {200, "text/plain", "x", WITNESSED_COSIGNED},
        {409, "text/x.tlog.size", "17\n", WITNESSED_OTHER_SIZE},
        {409, "text/x.tlog.size", "017\n", WITNESSED_REFUSED},
        {409, "text/plain", "17\n", WITNESSED_REFUSED},
        {400, "", "", WITNESSED_REFUSED},
        {403, "", "", WITNESSED_REFUSED},
        {404, "", "", WITNESSED_REFUSED},
        {422, "", "", WITNESSED_REFUSED},
        {429, "", "", WITNESSED_LATER},
        {500, "", "", WITNESSED_LATER},
        {503, "", "", WITNESSED_LATER},
        {301, "", "", WITNESSED_LATER},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t size = 0;
        ck_assert_msg(witnessed_judge(rows[i].status, view_of(rows[i].type), view_of(rows[i].body),
                                      &size) == rows[i].result,
                      "row %zu", i);
        ck_assert_uint_eq(size, rows[i].result == WITNESSED_OTHER_SIZE ? 17 : 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("witness");
    TCase *cases = tcase_create("all");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, one_history_is_cosigned);
    tcase_add_test(cases, a_second_history_is_kept_as_evidence);
    tcase_add_test(cases, nothing_cosigned_is_forgotten);
    tcase_add_test(cases, only_the_log_s_own_line_is_kept);
    tcase_add_test(cases, what_cannot_be_witnessed_is_told);
    tcase_add_test(cases, cosignatures_stand_beside_the_checkpoint);
    tcase_add_test(cases, what_no_witness_cosigned_is_not_kept);
    tcase_add_test(cases, requests_convince_a_witness);
    tcase_add_test(cases, answers_are_judged);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
