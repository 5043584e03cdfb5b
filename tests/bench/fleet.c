/* Sites with daemons of their own, as their hub sees them: a thread and a connection for each, with
 * its certificate and the key of its feed (prepare --daemons).
 *
 *     fleet --state DIR --port P --first N --sites N --push VISITS
 *     fleet --state DIR --port P --first N --sites N --follow 1
 *
 * push: each site has that many visits, opened by a phone's proof and closed, and pushes them all at
 * once with the others until it has its receipt. Requests are made beforehand. One line:
 *     sites=120 entries=61440 microseconds=... rate_per_s=... p50_us=... (of a site's receipt)
 *
 * follow: each follows the hub. `ready` is printed when all have caught up; then a line of stdin is
 * a command, each answered by one line:
 *     revoke N    revokes pass N; how long until the first, half and last heard of it, and how many
 *                 in each hundredth of a second
 *     busy N      N changes of passes in `net`, one behind the other; until all have heard of all */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "core/ident/uuid.h"
#include "core/pass/proof.h"
#include "crowd.h"
#include "lib/box.h"
#include "passerelle/v1/desk.pb-c.h"
#include "passerelle/v1/directory.pb-c.h"
#include "passerelle/v1/pass.pb-c.h"
#include "store/feed/feed.h"
#include "transport/peer/peer.h"
#include "wire/pack.h"

enum { PACKAGES = 32, BUCKETS = 100, BUCKET_US = 10000, WAIT_S = 120 };
#define HOUR_MS ((int64_t)3600 * 1000)

struct options {
    const char *state;
    uint64_t port, first, sites, push, follow;
};

struct site {
    struct fleet *fleet;
    uint64_t index;
    pthread_t thread;
    struct peer *peer;
    struct box box;
    Passerelle__V1__PushEntriesRequest **requests;
    size_t count;
    int64_t done_ns;
    _Atomic bool caught_up;
    _Atomic uint64_t net_size;
    _Atomic uint64_t heard; /* the last mark */
    _Atomic int64_t heard_ns;
};

struct fleet {
    struct options options;
    struct crowd_network network;
    struct network box_network; /* an arena and a clock for tests/lib/box */
    struct site *sites;
    struct peer *operator;
    pthread_barrier_t begin;
    _Atomic bool stopping;
    _Atomic uint64_t mark;
    uint64_t net_size, knowledge_version;
};

static int64_t now_ns(void)
{
    return env_monotonic_ns(&env_system);
}

static bool is_stopping(void *context)
{
    return atomic_load(&((struct fleet *)context)->stopping);
}

static struct peer *connect_as(struct fleet *fleet, const char *name)
{
    struct peer *peer;
    struct fault fault = FAULT_NONE;
    struct arena *arena = &fleet->network.state.arena;
    struct peer_config config = {
        .url = arena_printf(arena, "https://localhost:%llu",
                            (unsigned long long)fleet->options.port),
        .ca = fleet->network.state.ca_certificate,
        .certificate = arena_printf(arena, "%s/%s.crt", fleet->network.state.dir, name),
        .key = arena_printf(arena, "%s/%s.key", fleet->network.state.dir, name),
        .timeout_ms = 60000,
        .stop = is_stopping,
        .stop_context = fleet,
    };
    if (peer_new(&config, &peer, &fault) != E_OK) {
        crowd_give_up("%s", fault.text);
    }
    return peer;
}

static void *call(struct peer *peer, const char *service, const char *method,
                  const ProtobufCMessage *request, const ProtobufCMessageDescriptor *output,
                  struct arena *arena)
{
    ProtobufCMessage *response = NULL;
    struct peer_error error;
    if (peer_call_patiently(peer, service, method, request, output, arena, &response, &error,
                            30000) != CODE_OK) {
        crowd_give_up("%s: %s", method, error.message);
    }
    return response;
}

/* ---- push ---- */

/* Whom visit `number` of this site is of: nobody comes twice. */
static uint64_t pass_of(const struct site *site, uint64_t number)
{
    return site->index * site->fleet->options.push + number;
}

static void open_visit(struct site *site, uint64_t number, const uint8_t visit_id[16],
                       int64_t in_utc_ms)
{
    Passerelle__V1__VisitOpened opened = PASSERELLE__V1__VISIT_OPENED__INIT;
    char holder_id[CROWD_ID_MAX];
    uint8_t pass_id[16], hash[SHA256_LEN], signature[ED25519_SIGNATURE_LEN];
    struct ed25519_key device;
    uint64_t pass = pass_of(site, number);
    crowd_holder(pass, holder_id);
    crowd_pass_id(pass, pass_id);
    crowd_device(pass, &device);
    sha256(view_bytes(pass_id, sizeof pass_id), hash); /* stands for its token's */
    opened.proof_second = (uint64_t)in_utc_ms / 1000;
    proof_sign(&device, hash, opened.proof_second, signature);
    opened.visit_id = wire_bytes(view_bytes(visit_id, 16));
    opened.pass_id = wire_bytes(view_bytes(pass_id, sizeof pass_id));
    opened.holder_id = holder_id;
    opened.resource = PASSERELLE__V1__RESOURCE__RESOURCE_DESK;
    opened.in_utc_ms = in_utc_ms;
    opened.medium = PASSERELLE__V1__MEDIUM__MEDIUM_PHONE;
    opened.source = PASSERELLE__V1__SOURCE__SOURCE_OFFLINE;
    opened.token_hash = wire_bytes(view_bytes(hash, sizeof hash));
    opened.proof_signature = wire_bytes(view_bytes(signature, sizeof signature));
    opened.tariff_version = 1;
    opened.nonce = opened.visit_id;
    box_append(&site->box, in_utc_ms, PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_OPENED,
               &opened.base);
}

static void close_visit(struct site *site, const uint8_t visit_id[16], int64_t out_utc_ms)
{
    Passerelle__V1__VisitClosed closed = PASSERELLE__V1__VISIT_CLOSED__INIT;
    closed.visit_id = wire_bytes(view_bytes(visit_id, 16));
    closed.out_utc_ms = out_utc_ms;
    box_append(&site->box, out_utc_ms, PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_CLOSED,
               &closed.base);
}

static void make_pushes(struct site *site)
{
    struct fleet *fleet = site->fleet;
    uint64_t visits = fleet->options.push;
    int64_t from_utc_ms = env_now_utc_ms(&fleet->network.state.env) - 4 * HOUR_MS;
    uint8_t(*ids)[16] = xcalloc(visits, sizeof *ids);
    for (uint64_t i = 0; i < visits; i++) {
        uint8_t random[10];
        env_random(&env_system, random, sizeof random);
        struct uuid id = uuid_v7(from_utc_ms + (int64_t)i * 100, random);
        memcpy(ids[i], id.bytes, 16);
        open_visit(site, i, ids[i], from_utc_ms + (int64_t)i * 100);
    }
    for (uint64_t i = 0; i < visits; i++) {
        close_visit(site, ids[i], from_utc_ms + 2 * HOUR_MS + (int64_t)i * 100);
    }
    free(ids);
    site->requests = xcalloc(site->box.size / (PACKAGES * 256) + 1, sizeof *site->requests);
    for (uint64_t at = 0; at < site->box.size; at += PACKAGES * 256) {
        site->requests[site->count++] =
            box_push_request(&site->box, at, site->box.size, PACKAGES);
        site->box.known_size = site->box.size; /* the first one tells the checkpoint */
    }
}

static void *push_main(void *argument)
{
    struct site *site = argument;
    struct arena arena = ARENA_INIT;
    pthread_barrier_wait(&site->fleet->begin);
    for (size_t i = 0; i < site->count; i++) {
        const Passerelle__V1__PushEntriesResponse *answer =
            call(site->peer, "passerelle.v1.LedgerService", "PushEntries",
                 &site->requests[i]->base, &passerelle__v1__push_entries_response__descriptor,
                 &arena);
        if (answer->n_problems > 0) {
            crowd_give_up("%s", answer->problems[0]->sentence);
        }
        if (i + 1 == site->count && answer->receipt[0] == '\0') {
            crowd_give_up("%s has no receipt", site->box.site_id);
        }
        arena_clear(&arena);
    }
    site->done_ns = now_ns();
    arena_release(&arena);
    return NULL;
}

static int compare_done(const void *a, const void *b)
{
    const struct site *x = a, *y = b;
    return x->done_ns < y->done_ns ? -1 : x->done_ns > y->done_ns;
}

static void push(struct fleet *fleet)
{
    uint64_t count = fleet->options.sites, entries = 0;
    struct arena arena = ARENA_INIT;
    for (uint64_t i = 0; i < count; i++) {
        make_pushes(&fleet->sites[i]);
        entries += fleet->sites[i].box.size;
        /* TLS is begun before the clock starts. */
        call(fleet->sites[i].peer, "passerelle.v1.DirectoryService", "GetNetwork",
             wire_new(&arena, &passerelle__v1__get_network_request__descriptor),
             &passerelle__v1__get_network_response__descriptor, &arena);
        arena_clear(&arena);
    }
    arena_release(&arena);
    pthread_barrier_init(&fleet->begin, NULL, (unsigned)count + 1);
    for (uint64_t i = 0; i < count; i++) {
        pthread_create(&fleet->sites[i].thread, NULL, push_main, &fleet->sites[i]);
    }
    printf("ready\n");
    fflush(stdout);
    pthread_barrier_wait(&fleet->begin);
    int64_t start_ns = now_ns();
    for (uint64_t i = 0; i < count; i++) {
        pthread_join(fleet->sites[i].thread, NULL);
    }
    qsort(fleet->sites, count, sizeof *fleet->sites, compare_done);
    int64_t took_us = (fleet->sites[count - 1].done_ns - start_ns) / 1000;
    printf("sites=%llu entries=%llu microseconds=%lld rate_per_s=%lld p50_us=%lld\n",
           (unsigned long long)count, (unsigned long long)entries, (long long)took_us,
           (long long)((int64_t)entries * 1000000 / took_us),
           (long long)((fleet->sites[count / 2].done_ns - start_ns) / 1000));
}

/* ---- follow ---- */

static bool heard(void *context, const ProtobufCMessage *message)
{
    struct site *site = context;
    const Passerelle__V1__FollowResponse *event = (const void *)message;
    if (event->event_case == PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_NET) {
        const Passerelle__V1__Package *package = event->net->package;
        uint64_t mark = atomic_load(&site->fleet->mark);
        if (atomic_load(&site->heard) != mark) {
            atomic_store(&site->heard_ns, now_ns());
            atomic_store(&site->heard, mark);
        }
        atomic_store(&site->net_size, package->first_seq + package->n_entries - 1);
    }
    if (event->event_case == PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_CAUGHT_UP) {
        site->fleet->knowledge_version = event->caught_up->knowledge_version;
        atomic_store(&site->net_size, event->caught_up->net_size);
        atomic_store(&site->caught_up, true);
    }
    return !atomic_load(&site->fleet->stopping);
}

static void *follow_main(void *argument)
{
    struct site *site = argument;
    struct arena arena = ARENA_INIT;
    struct peer_error error;
    Passerelle__V1__FollowRequest request = PASSERELLE__V1__FOLLOW_REQUEST__INIT;
    request.net_size = site->fleet->net_size;
    request.knowledge_version = site->fleet->knowledge_version;
    enum code code = peer_stream(site->peer, "passerelle.v1.LedgerService", "Follow",
                                 &request.base, &passerelle__v1__follow_response__descriptor, 0,
                                 heard, site, &arena, &error);
    if (!atomic_load(&site->fleet->stopping)) {
        crowd_give_up("a stream ended: %s", code == CODE_OK ? "no error" : error.message);
    }
    arena_release(&arena);
    return NULL;
}

static void wait_for(struct fleet *fleet, bool (*is_so)(struct site *site), const char *what)
{
    int64_t until_ns = now_ns() + (int64_t)WAIT_S * 1000000000;
    for (uint64_t i = 0; i < fleet->options.sites; i++) {
        while (!is_so(&fleet->sites[i])) {
            if (now_ns() > until_ns) {
                crowd_give_up("%s: not within %d s", what, WAIT_S);
            }
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
    }
}

static bool has_caught_up(struct site *site)
{
    return atomic_load(&site->caught_up);
}

static bool has_heard(struct site *site)
{
    return atomic_load(&site->heard) == atomic_load(&site->fleet->mark);
}

static bool has_all(struct site *site)
{
    return atomic_load(&site->net_size) == site->fleet->net_size;
}

static char *pass_text(uint64_t index, char out[static UUID_TEXT_LEN + 1])
{
    struct uuid id;
    crowd_pass_id(index, id.bytes);
    uuid_format(id, out);
    return out;
}

static char *request_id(char out[static UUID_TEXT_LEN + 1])
{
    uint8_t random[10];
    env_random(&env_system, random, sizeof random);
    uuid_format(uuid_v7(env_real_utc_ms(&env_system), random), out);
    return out;
}

/* The requests of the three moves are alike. */
static void move_pass(struct fleet *fleet, const char *method, uint64_t index,
                      const ProtobufCMessageDescriptor *input,
                      const ProtobufCMessageDescriptor *output)
{
    struct arena arena = ARENA_INIT;
    char id[UUID_TEXT_LEN + 1], pass[UUID_TEXT_LEN + 1];
    char *passes[] = {pass_text(index, pass)};
    Passerelle__V1__RevokePassesRequest *request = wire_new(&arena, input);
    request->request_id = request_id(id);
    request->pass_ids = passes;
    request->n_pass_ids = 1;
    request->reason = (char[]){"bench"};
    call(fleet->operator, "passerelle.v1.PassService", method, &request->base, output, &arena);
    arena_release(&arena);
}

static int compare_heard(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void revoke(struct fleet *fleet, uint64_t index)
{
    uint64_t count = fleet->options.sites;
    int64_t *waits = xcalloc(count, sizeof *waits);
    unsigned buckets[BUCKETS] = {0};
    atomic_fetch_add(&fleet->mark, 1);
    int64_t start_ns = now_ns();
    move_pass(fleet, "RevokePasses", index, &passerelle__v1__revoke_passes_request__descriptor,
              &passerelle__v1__revoke_passes_response__descriptor);
    wait_for(fleet, has_heard, "the revocation");
    for (uint64_t i = 0; i < count; i++) {
        waits[i] = (atomic_load(&fleet->sites[i].heard_ns) - start_ns) / 1000;
        int64_t bucket = waits[i] / BUCKET_US;
        buckets[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
    }
    qsort(waits, count, sizeof *waits, compare_heard);
    printf("followers=%llu first_us=%lld p50_us=%lld last_us=%lld buckets",
           (unsigned long long)count, (long long)waits[0], (long long)waits[count / 2],
           (long long)waits[count - 1]);
    for (int i = 0; i < BUCKETS; i++) {
        printf("%c%u", i == 0 ? '=' : ',', buckets[i]);
    }
    printf("\n");
    fleet->net_size = atomic_load(&fleet->sites[0].net_size);
    free(waits);
}

static void busy(struct fleet *fleet, uint64_t changes)
{
    int64_t start_ns = now_ns();
    for (uint64_t i = 0; i < changes; i++) {
        bool suspend = i % 2 == 0;
        move_pass(fleet, suspend ? "SuspendPasses" : "ResumePasses", 99999,
                  suspend ? &passerelle__v1__suspend_passes_request__descriptor
                          : &passerelle__v1__resume_passes_request__descriptor,
                  suspend ? &passerelle__v1__suspend_passes_response__descriptor
                          : &passerelle__v1__resume_passes_response__descriptor);
        fleet->net_size++;
    }
    wait_for(fleet, has_all, "the changes");
    printf("changes=%llu microseconds=%lld\n", (unsigned long long)changes,
           (long long)(now_ns() - start_ns) / 1000);
}

/* The first learns all knowledge, so that the others begin behind it. */
static void follow(struct fleet *fleet)
{
    uint64_t count = fleet->options.sites;
    char line[64];
    for (uint64_t i = 0; i < count; i++) {
        pthread_create(&fleet->sites[i].thread, NULL, follow_main, &fleet->sites[i]);
        if (i == 0) {
            fleet->options.sites = 1;
            wait_for(fleet, has_caught_up, "the first follower");
            fleet->options.sites = count;
        }
    }
    wait_for(fleet, has_caught_up, "the followers");
    fleet->net_size = atomic_load(&fleet->sites[0].net_size);
    printf("ready\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        unsigned long long number = 0;
        if (sscanf(line, "revoke %llu", &number) == 1) {
            revoke(fleet, number);
        } else if (sscanf(line, "busy %llu", &number) == 1) {
            busy(fleet, number);
        } else {
            crowd_give_up("no such command: %s", line);
        }
        fflush(stdout);
    }
    atomic_store(&fleet->stopping, true);
    for (uint64_t i = 0; i < count; i++) {
        pthread_join(fleet->sites[i].thread, NULL);
    }
}

/* ---- all ---- */

static void parse(struct options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        static const char *const names[] = {"--port", "--first", "--sites", "--push", "--follow"};
        uint64_t *const numbers[] = {&o->port, &o->first, &o->sites,
                                     &o->push, &o->follow};
        size_t at = 0;
        if (strcmp(argv[i], "--state") == 0) {
            o->state = value;
            continue;
        }
        while (at < ARRAY_LEN(names) && strcmp(argv[i], names[at]) != 0) {
            at++;
        }
        if (at == ARRAY_LEN(names)) {
            crowd_give_up("%s: no such option", argv[i]);
        }
        *numbers[at] = (uint64_t)crowd_number(argv[i], value, 0);
    }
    if (o->port == 0 || o->sites == 0 || (o->push == 0) == (o->follow == 0)) {
        crowd_give_up("say which --port and how many --sites; and --push or --follow");
    }
}

static void init_site(struct fleet *fleet, uint64_t index)
{
    struct site *site = &fleet->sites[index];
    uint64_t number = fleet->options.first + index;
    struct feed_id id;
    site->fleet = fleet;
    site->index = index;
    site->box.network = &fleet->box_network;
    crowd_site(number, site->box.site_id);
    crowd_feed(number, &site->box.key);
    if (feed_find(fleet->network.db, view_of(site->box.site_id), &id) != E_OK) {
        crowd_give_up("there is no feed %s", site->box.site_id);
    }
    snprintf(site->box.origin, sizeof site->box.origin, "%s", id.origin);
    site->peer = connect_as(fleet, site->box.site_id);
}

static struct options options; /* what main() read */

/* In a test of Check, since tests/lib/box asserts as its tests do. */
START_TEST(measure)
{
    struct fleet fleet = {.options = options};
    struct fault fault = FAULT_NONE;
    struct feed_id net;
    crowd_open(&fleet.network, options.state, DB_READ);
    fleet.box_network.env = fleet.network.state.env;
    fleet.sites = xcalloc(options.sites, sizeof *fleet.sites);
    fleet.operator = connect_as(&fleet, "operator-1");
    if (db_begin_read(fleet.network.db, &fault) != E_OK) {
        crowd_give_up("%s", fault.text);
    }
    for (uint64_t i = 0; i < options.sites; i++) {
        init_site(&fleet, i);
    }
    if (feed_find(fleet.network.db, VIEW_LIT(FEED_NET), &net) == E_OK) {
        fleet.net_size = feed_head(fleet.network.db, net.no).size;
    }
    db_end(fleet.network.db, NULL);
    if (options.push > 0) {
        push(&fleet);
    } else {
        follow(&fleet);
    }
    for (uint64_t i = 0; i < options.sites; i++) {
        peer_free(fleet.sites[i].peer);
        box_release(&fleet.sites[i].box);
        free(fleet.sites[i].requests);
    }
    peer_free(fleet.operator);
    free(fleet.sites);
    arena_release(&fleet.box_network.arena);
    crowd_close(&fleet.network);
}
END_TEST

int main(int argc, char **argv)
{
    parse(&options, argc, argv);
    Suite *suite = suite_create("fleet");
    TCase *tcase = tcase_create("fleet");
    tcase_set_timeout(tcase, 0);
    tcase_add_test(tcase, measure);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
