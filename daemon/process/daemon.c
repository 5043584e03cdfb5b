/* Threads. The I/O threads come in through the gateway's functions; each has its own `struct
 * service`, kept under a pthread key and freed when the thread ends. The table of methods and its
 * map are made before any thread and only read after. Hooks run under the writer's lock. */
#include "process/daemon.h"

#include <assert.h>
#include <pthread.h>

#include "base/map.h"
#include "core/ident/uuid.h"
#include "process/worker.h"
#include "service/desk/desk.h"
#include "service/engine.h"
#include "service/identity/identity.h"
#include "service/journal.h"
#include "service/keyring.h"
#include "service/methods.h"
#include "service/settlement/payments.h"
#include "service/settlement/period.h"
#include "service/sync/padded.h"
#include "service/sync/sync.h"
#include "store/migrate/migrate.h"
#include "store/request/request.h"
#include "store/view/registry.h"
#include "wire/pack.h"

enum {
    CHECKERS_MAX = 4,
    /* A write is done on the I/O thread itself when nothing was written for so long before its
     * first byte came: then the caller is alone, and two hops between threads are most of what it
     * waits for. Requests that came during a commit have waited in the socket, so their first byte
     * is read sooner than this after it: they form a group. */
    ALONE_NS = 50 * 1000,
    /* Certificates are asked about again so often, since they expire. */
    EPOCH_NS = 30 * 1000 * 1000,
    CLOCK_BACK_MS = 60 * 1000, /* a step that a time service may make says nothing */
    FORGET_AT_ONCE = 200,      /* answers forgotten in one tick: a few milliseconds */
    /* What one site let in, the others hear with the hub's next tick: within a second in all, with
     * the push before it and the stream behind it. */
    HUB_TICK_MS = 500,
};
#define FOLLOW_UP_NS (INT64_C(15) * 60 * 1000 * 1000 * 1000)

struct daemon {
    struct daemon_options options;
    struct node node;
    struct service service; /* the writer's */
    struct writer *writer;
    struct worker *worker;
    struct worker *checkers[CHECKERS_MAX]; /* of what comes in bulk, at a hub */
    size_t checker_count;
    _Atomic(struct transport *) transport;
    pthread_key_t reader_key;

    struct map methods; /* "passerelle.v1.DeskService/CheckIn" -> struct method_metrics */
    struct map services;
    struct method_metrics *metrics;
    size_t method_count;

    _Atomic int64_t answers_days;
    _Atomic int64_t written_ns; /* when a write was last submitted or committed */
    _Atomic uint64_t revocations;
    int64_t follow_up_ns;  /* the writer's: when it looks at debts again */
    int64_t newest_utc_ms; /* the writer's: of the newest entry, or the latest tick */
    bool clock_behind;     /* the writer's: it was told that the clock is */
    bool connected;        /* the writer's: as desks' streams were last told */
    bool ran;              /* the writer's: there is something new in this transaction */
    struct day looked_on;  /* the writer's: when the last month's stays were compared */
    bool stopped;
    void (*on_commit)(void *context); /* may be NULL */
    void *on_commit_context;
};

static int64_t now_ns(const struct daemon *daemon)
{
    return env_monotonic_ns(daemon->node.env);
}

/* ---- connections ---- */

static int64_t reader_cache_kib(const struct daemon *daemon)
{
    int64_t kib = daemon->options.settings->cache_mib * 1024 / 4;
    return kib > 8192 ? 8192 : kib;
}

int daemon_reader(const struct daemon *daemon, struct db **out, struct fault *fault)
{
    struct db_options options = {.path = daemon->options.state->database,
                                 .mode = DB_READ,
                                 .cache_kib = reader_cache_kib(daemon)};
    return db_open(out, &options, fault);
}

static void free_reader(void *value)
{
    struct service *service = value;
    db_free(service->db);
    free(service);
}

struct service *daemon_service_here(struct daemon *daemon, struct fault *fault)
{
    struct service *service = pthread_getspecific(daemon->reader_key);
    if (service != NULL) {
        return service;
    }
    struct db *db;
    if (daemon_reader(daemon, &db, fault) != E_OK) {
        return NULL;
    }
    service = xcalloc(1, sizeof *service);
    *service = (struct service){.node = &daemon->node, .db = db};
    pthread_setspecific(daemon->reader_key, service);
    return service;
}

/* ---- the gateway ---- */

static enum lookup find(void *context, struct view service, struct view name,
                        const struct method **out)
{
    const struct daemon *daemon = context;
    char key[160];
    int len = snprintf(key, sizeof key, "%.*s/%.*s", VIEW_FMT(service), VIEW_FMT(name));
    if (len > 0 && (size_t)len < sizeof key) {
        const struct method_metrics *found =
            map_get(&daemon->methods, view_bytes(key, (size_t)len));
        if (found != NULL) {
            *out = found->method;
            return LOOKUP_FOUND;
        }
    }
    return map_get(&daemon->services, service) != NULL ? LOOKUP_NO_METHOD : LOOKUP_NO_SERVICE;
}

static int identify(struct daemon *daemon, struct db *db, const struct credentials *shown,
                    struct principal *out, struct fault *fault)
{
    int64_t real_utc_ms = env_real_utc_ms(daemon->node.env);
    bool site = daemon->node.role == NODE_SITE;
    if (shown->certificate == NULL && site) {
        return fault_set(fault, E_UNAUTHENTICATED,
                         "API keys are the hub's: show a desk's certificate here, or ask %s.",
                         daemon->node.hub_url);
    }
    if (shown->certificate == NULL) {
        return identity_of_key(db, shown->bearer, real_utc_ms, out, fault);
    }
    struct cert_info info;
    int err = cert_inspect(shown->certificate, daemon->node.network_id, &info, fault);
    if (err != E_OK) {
        return err;
    }
    return site ? identity_at_site(db, daemon->node.site_id, &info, real_utc_ms, out, fault)
                : identity_of_certificate(db, &info, real_utc_ms, out, fault);
}

static bool authenticate(void *context, const struct credentials *shown, struct principal *out,
                         struct call_error *error)
{
    static _Thread_local struct fault fault; /* error->message points here until the next call */
    struct daemon *daemon = context;
    fault = FAULT_NONE;
    struct service *service = daemon_service_here(daemon, &fault);
    if (service != NULL && db_begin_read(service->db, &fault) == E_OK) {
        int err = identify(daemon, service->db, shown, out, &fault);
        int ended = db_end(service->db, &fault);
        if (err == E_OK && ended == E_OK) {
            return true;
        }
    }
    *error = (struct call_error){.code = code_of_err(fault.code), .message = fault.text};
    return false;
}

static uint64_t epoch(void *context)
{
    const struct daemon *daemon = context;
    return (uint64_t)(now_ns(daemon) / 1000 / EPOCH_NS) << 24 ^ atomic_load(&daemon->revocations);
}

static void read_here(struct daemon *daemon, struct call *call)
{
    struct fault fault = FAULT_NONE;
    struct service *service = daemon_service_here(daemon, &fault);
    if (service == NULL) {
        call_fail_with(call, &fault);
    } else {
        engine_read(service, call);
    }
    call->done(call);
}

/* The one with the least to do. */
static struct worker *checker_of(struct daemon *daemon)
{
    struct worker *best = daemon->worker;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < daemon->checker_count; i++) {
        size_t load = worker_load(daemon->checkers[i]);
        best = load < least ? daemon->checkers[i] : best;
        least = load < least ? load : least;
    }
    return best;
}

/* For a long read: the worker, or a checker that has less to do, so that an export is made on two
 * cores and does not wait for a close. The other checkers are left to sites. */
static struct worker *reader_of(struct daemon *daemon)
{
    struct worker *spare =
        daemon->checker_count > 1 ? daemon->checkers[daemon->checker_count - 1] : daemon->worker;
    return worker_load(spare) < worker_load(daemon->worker) ? spare : daemon->worker;
}

static void submit(void *context, struct call *call)
{
    struct daemon *daemon = context;
    if (daemon->node.role == NODE_SITE && !call->method->at_sites) {
        call_fail(call, CODE_FAILED_PRECONDITION,
                  "this is the daemon of the site %s: ask the hub at %s", daemon->node.site_id,
                  daemon->node.hub_url);
        call->done(call);
        return;
    }
    if (call->method->apply != NULL && atomic_load(&daemon->node.catching_up)) {
        call_fail(call, CODE_UNAVAILABLE,
                  "this daemon asks its hub whether its ledger is whole: try again in a moment");
        call->error.retry_after_s = 1;
        call->done(call);
        return;
    }
    if (call->method->apply == NULL) {
        if (call->method->slow) {
            /* a stream writes the snapshot that it begins with: one at a time */
            worker_submit(call->method->streams ? daemon->worker : reader_of(daemon), call);
        } else {
            read_here(daemon, call);
        }
        return;
    }
    if (call->method->precompute != NULL) {
        worker_submit(call->method->bulk ? checker_of(daemon) : daemon->worker, call);
        return;
    }
    if (call->method->prepare != NULL) {
        call->method->prepare(&daemon->node, call);
    }
    bool alone = call->received_ns - atomic_load(&daemon->written_ns) > ALONE_NS;
    atomic_store(&daemon->written_ns, now_ns(daemon));
    if (!alone || !writer_try(daemon->writer, call)) {
        writer_submit(daemon->writer, call);
    }
}

static int pump(void *context, struct stream *stream)
{
    struct daemon *daemon = context;
    struct fault fault = FAULT_NONE;
    struct service *service = daemon_service_here(daemon, &fault);
    if (service == NULL) {
        return call_fail_with(stream->call, &fault);
    }
    engine_pump(service, stream);
    return stream->call->error.code == CODE_OK ? 0 : -1;
}

static void ended(void *context, const struct method *method, enum code code, int64_t duration_ns)
{
    struct daemon *daemon = context;
    size_t i = 0;
    while (i < daemon->method_count && daemon->metrics[i].method != method) {
        i++;
    }
    metric_add(&daemon->metrics[i].codes[code], 1);
    histogram_add(&daemon->metrics[i].duration_ns, (uint64_t)(duration_ns > 0 ? duration_ns : 0));
}

/* ---- the writer's hooks ---- */

static void run(void *context, struct call *call)
{
    struct daemon *daemon = context;
    daemon->ran = true;
    /* What it could not do stands in the call, or sticks in the connection. */
    bool kept = engine_write(&daemon->service, call);
    assert(kept || call->error.code != CODE_OK || db_error(daemon->service.db, NULL) != E_OK);
}

/* The marks of two caches in one number. */
static size_t mark(void *context)
{
    const struct service *service = &((struct daemon *)context)->service;
    size_t journal = journal_mark(service->journal);
    size_t desk = desk_mark(service->desk);
    assert(journal <= UINT32_MAX);
    assert(desk <= UINT32_MAX);
    return journal << 32 | desk;
}

static void undo(void *context, size_t to)
{
    const struct service *service = &((struct daemon *)context)->service;
    journal_undo(service->journal, to >> 32);
    desk_undo(service->desk, to & UINT32_MAX);
}

static void flush(void *context)
{
    sync_flush(&((struct daemon *)context)->service);
}

static void committed(void *context)
{
    struct daemon *daemon = context;
    journal_committed(daemon->service.journal);
    desk_committed(daemon->service.desk);
    if (atomic_exchange(&daemon->node.credentials_changed, false)) {
        atomic_fetch_add(&daemon->revocations, 1);
    }
    if (!daemon->ran) {
        return;
    }
    daemon->ran = false;
    atomic_fetch_add(&daemon->node.commits, 1);
    if (daemon->on_commit != NULL) {
        daemon->on_commit(daemon->on_commit_context);
    }
    atomic_store(&daemon->written_ns, now_ns(daemon));
    struct transport *transport = atomic_load(&daemon->transport);
    if (transport != NULL) {
        transport_wake(transport);
    }
}

static void abandoned(void *context)
{
    struct daemon *daemon = context;
    daemon->ran = false;
    journal_rolled_back(daemon->service.journal);
    desk_abandoned(daemon->service.desk);
}

/* A clock that was set back loses nothing: times of feeds stand still until it has caught up, and
 * proofs of then are of the future. Whoever looks after the machine must know. */
static void watch_clock(struct daemon *daemon, int64_t now_utc_ms)
{
    int64_t behind_ms = daemon->newest_utc_ms - now_utc_ms;
    if (behind_ms <= 0) {
        daemon->newest_utc_ms = now_utc_ms;
        if (daemon->clock_behind) {
            log_event(daemon->options.log, LOG_INFO, "clock_caught_up",
                      LOG_N("utc_ms", now_utc_ms));
        }
        daemon->clock_behind = false;
    } else if (!daemon->clock_behind && behind_ms > CLOCK_BACK_MS) {
        daemon->clock_behind = true;
        log_event(daemon->options.log, LOG_ERROR, "clock_behind",
                  LOG_N("behind_s", behind_ms / 1000),
                  LOG_S("todo", "set this machine's clock: phones are refused until it is right"));
    }
}

/* A call that nobody waits for. */
struct chore {
    struct call call;
    struct arena arena;
    const struct log *log;
    ProtobufCMessage *request;
};

static void chore_done(struct call *call)
{
    struct chore *chore = call->owner;
    if (call->error.code != CODE_OK) {
        log_event(chore->log, LOG_WARNING, "chore_failed", LOG_S("method", call->method->name),
                  LOG_S("reason", call->error.message));
    }
    arena_release(&chore->arena);
    free(chore);
}

/* Of a method that is there; the request is the caller's to fill. */
static struct chore *chore_new(struct daemon *daemon, struct view service, struct view name)
{
    const struct method *method = NULL;
    enum lookup found = find(daemon, service, name, &method);
    assert(found == LOOKUP_FOUND);
    struct chore *chore = xcalloc(1, sizeof *chore);
    chore->request = wire_new(&chore->arena, method->input);
    chore->log = daemon->node.log;
    chore->call = (struct call){.method = method,
                                .arena = &chore->arena,
                                .who = {.role = ROLE_OPERATOR, .author = "hub"},
                                .request = chore->request,
                                .received_ns = now_ns(daemon),
                                .done = chore_done,
                                .owner = chore};
    return chore;
}

static void chore_begin(struct daemon *daemon, struct chore *chore)
{
    chore->call.request_bytes = wire_pack_arena(&chore->arena, chore->request);
    worker_submit(daemon->worker, &chore->call);
}

/* With each day: ledgers of sites may still arrive until the month is closed. */
static void look_at_last_month(struct daemon *daemon, int64_t now_utc_ms)
{
    struct day today = day_of_instant(now_utc_ms);
    struct day before = daemon->looked_on;
    struct month month = padded_month(today);
    daemon->looked_on = today;
    if (before.number == 0 || before.number == today.number || daemon->node.role != NODE_HUB ||
        atomic_load(&daemon->transport) == NULL || period_is_closed(daemon->service.db, month)) {
        return;
    }
    struct chore *chore =
        chore_new(daemon, VIEW_LIT("passerelle.v1.LedgerService"), VIEW_LIT("FindPadded"));
    Passerelle__V1__FindPaddedRequest *request = (void *)chore->request;
    char text[8];
    month_format(month, text);
    request->month = wire_string(&chore->arena, view_of(text));
    chore_begin(daemon, chore);
}

/* What issuers owe and what is overdue, and what the policy does about it. */
static void follow_up(struct daemon *daemon)
{
    if (daemon->node.role != NODE_HUB || atomic_load(&daemon->transport) == NULL ||
        now_ns(daemon) < daemon->follow_up_ns) {
        return;
    }
    daemon->follow_up_ns = now_ns(daemon) + FOLLOW_UP_NS;
    if (!follow_up_is_wanted(&daemon->service)) {
        return;
    }
    struct chore *chore =
        chore_new(daemon, VIEW_LIT("passerelle.v1.SettlementService"), VIEW_LIT("FollowUp"));
    Passerelle__V1__FollowUpRequest *request = (void *)chore->request;
    uint8_t random[10];
    char id[UUID_TEXT_LEN + 1];
    env_random(daemon->node.env, random, sizeof random);
    uuid_format(uuid_v7(service_now(&daemon->service), random), id);
    request->request_id = wire_string(&chore->arena, view_of(id));
    chore_begin(daemon, chore);
}

static bool tick(void *context, int64_t now_utc_ms, bool beside)
{
    struct daemon *daemon = context;
    watch_clock(daemon, now_utc_ms);
    look_at_last_month(daemon, now_utc_ms);
    int64_t before_utc_ms = now_utc_ms - atomic_load(&daemon->answers_days) * DAY_MS;
    bool more = request_forget(daemon->service.db, before_utc_ms, FORGET_AT_ONCE) == FORGET_AT_ONCE;
    more |= desk_tick(&daemon->service, now_utc_ms);
    follow_up(daemon);
    bool news = false;
    more |= sync_tick(&daemon->service, now_utc_ms, beside, &news);
    /* Streams are woken for what the clock wrote into feeds, and when a site's link comes or goes,
     * not each second. */
    bool connected = node_is_connected(&daemon->node);
    daemon->ran =
        news || connected != daemon->connected || journal_mark(daemon->service.journal) > 0;
    daemon->connected = connected;
    return more;
}

/* ---- life ---- */

static void index_methods(struct daemon *daemon)
{
    uint64_t seed;
    while (methods_at(daemon->method_count) != NULL) {
        daemon->method_count++;
    }
    env_random(daemon->node.env, &seed, sizeof seed);
    map_init(&daemon->methods, seed);
    map_init(&daemon->services, seed);
    daemon->metrics = xcalloc(daemon->method_count + 1, sizeof *daemon->metrics);
    for (size_t i = 0; i < daemon->method_count; i++) {
        char key[160];
        const struct method *method = methods_at(i);
        daemon->metrics[i].method = method;
        int len = snprintf(key, sizeof key, "passerelle.v1.%s", method->service);
        map_put(&daemon->services, view_bytes(key, (size_t)len), daemon);
        len = snprintf(key, sizeof key, "passerelle.v1.%s/%s", method->service, method->name);
        void *twin = map_put(&daemon->methods, view_bytes(key, (size_t)len), &daemon->metrics[i]);
        assert(twin == NULL);
    }
}

static void read_newest(struct daemon *daemon)
{
    struct feed_id feed;
    struct query *list = feed_list(daemon->service.db);
    while (feed_list_next(list, &feed)) {
        int64_t utc_ms = feed_head(daemon->service.db, feed.no).appended_utc_ms;
        daemon->newest_utc_ms = utc_ms > daemon->newest_utc_ms ? utc_ms : daemon->newest_utc_ms;
    }
}

/* A site that has not yet heard of its network's beginning knows it by what it joined. */
static void take_joined(struct daemon *daemon, const struct joined *joined)
{
    struct node *node = &daemon->node;
    node->role = NODE_SITE;
    node->hub_url = daemon->options.settings->hub;
    node->cosigner = &joined->cosigner;
    node->catching_up = true;
    node->demo = daemon->options.state->clock.rate != 0;
    memcpy(node->site_id, joined->site, sizeof node->site_id);
    memcpy(node->network_id, joined->network, sizeof node->network_id);
}

/* Whose network is this? */
static int read_network(struct daemon *daemon, struct fault *fault)
{
    if (daemon->options.joined != NULL) {
        take_joined(daemon, daemon->options.joined);
        return E_OK;
    }
    struct arena arena = ARENA_INIT;
    int err = db_begin_read(daemon->service.db, fault);
    if (err == E_OK) {
        struct registry_network network = registry_network(daemon->service.db, &arena);
        err = db_end(daemon->service.db, fault);
        if (err == E_OK && network.network_id == NULL) {
            err = fault_set(fault, E_NOT_FOUND,
                            "the database %s holds no network: make one with `passerelled init`, "
                            "or name the right file in the settings",
                            daemon->options.state->database);
        } else if (err == E_OK && network.demo != (daemon->options.state->clock.rate != 0)) {
            err = fault_set(fault, E_CONFLICT,
                            "the file %s/clock does not belong to the network %s: %s",
                            daemon->options.state->dir, network.network_id,
                            network.demo ? "restore it from a backup, or make a new network"
                                         : "only demonstration networks have one; remove it");
        } else if (err == E_OK) {
            snprintf(daemon->node.network_id, sizeof daemon->node.network_id, "%s",
                     network.network_id);
            daemon->node.demo = network.demo;
        }
    }
    arena_release(&arena);
    return err;
}

int daemon_open(struct daemon **out, const struct daemon_options *options, struct fault *fault)
{
    const struct settings *settings = options->settings;
    struct daemon *daemon = xcalloc(1, sizeof *daemon);
    daemon->options = *options;
    atomic_store(&daemon->answers_days, settings->answers_days);
    daemon->node.env = &options->state->env;
    daemon->node.help_begin = worker_help_begin;
    daemon->node.help_end = worker_help_end;
    daemon->node.give_way = worker_give_way;
    daemon->node.log = options->log;
    daemon->node.state_dir = options->state->dir;
    daemon->node.keys = keyring_new(options->state->keys, daemon->node.env);
    daemon->service.node = &daemon->node;
    int rc = pthread_key_create(&daemon->reader_key, free_reader);
    if (rc != 0) {
        die("pthread_key_create: %s", strerror(rc));
    }
    index_methods(daemon);
    struct db_options db_options = {.path = options->state->database,
                                    .mode = DB_WRITE,
                                    .cache_kib = settings->cache_mib * 1024};
    int err = db_open(&daemon->service.db, &db_options, fault);
    err = err != E_OK ? err : migrate_run(daemon->service.db, fault);
    err = err != E_OK ? err : migrate_verify(daemon->service.db, fault);
    err = err != E_OK ? err : read_network(daemon, fault);
    if (err != E_OK) {
        daemon_free(daemon);
        return err;
    }
    daemon->service.journal = journal_new(&daemon->node, daemon->service.db);
    daemon->service.desk = desk_new(&daemon->service);
    err = db_begin_read(daemon->service.db, fault);
    if (err == E_OK) {
        desk_load(&daemon->service);
        read_newest(daemon);
        err = db_end(daemon->service.db, fault);
    }
    if (err != E_OK) {
        daemon_free(daemon);
        return err;
    }
    struct writer_options writer = {
        .db = daemon->service.db,
        .env = daemon->node.env,
        .log = options->log,
        .hooks = {.context = daemon,
                  .run = run,
                  .mark = mark,
                  .undo = undo,
                  .flush = flush,
                  .committed = committed,
                  .abandoned = abandoned,
                  .tick = tick},
        .queue_max = (size_t)settings->queue_calls,
        .group_max = (size_t)settings->group_calls,
        .wait_us = settings->group_wait_us,
        .tick_ms = daemon->node.role == NODE_HUB ? HUB_TICK_MS : 0,
        /* Pages of 4 KiB. Each copy writes the pages that all check-ins share once more: late is
         * cheap. */
        .wal_hard_frames = settings->wal_mib * 256,
        .wal_soft_frames = settings->wal_mib * 192,
    };
    daemon->writer = writer_new(&writer);
    *out = daemon;
    return E_OK;
}

struct service *daemon_service(struct daemon *daemon)
{
    return &daemon->service;
}

int daemon_start_writer(struct daemon *daemon, struct fault *fault)
{
    return writer_start(daemon->writer, fault);
}

void daemon_on_commit(struct daemon *daemon, void (*tell)(void *context), void *context)
{
    daemon->on_commit = tell;
    daemon->on_commit_context = context;
}

void daemon_submit_internal(struct daemon *daemon, struct call *call)
{
    writer_submit(daemon->writer, call);
}

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool done;
};

static void call_done(struct call *call)
{
    struct waiting *waiting = call->owner;
    pthread_mutex_lock(&waiting->lock);
    waiting->done = true;
    pthread_cond_signal(&waiting->over);
    pthread_mutex_unlock(&waiting->lock);
}

void daemon_call(struct daemon *daemon, struct call *call)
{
    struct waiting waiting = {.done = false};
    pthread_mutex_init(&waiting.lock, NULL);
    pthread_cond_init(&waiting.over, NULL);
    call->owner = &waiting;
    call->done = call_done;
    daemon_submit_internal(daemon, call);
    pthread_mutex_lock(&waiting.lock);
    while (!waiting.done) {
        pthread_cond_wait(&waiting.over, &waiting.lock);
    }
    pthread_mutex_unlock(&waiting.lock);
    pthread_cond_destroy(&waiting.over);
    pthread_mutex_destroy(&waiting.lock);
}

static struct tls_files tls_files(const struct daemon *daemon)
{
    const struct state *state = daemon->options.state;
    return (struct tls_files){.certificate = state->server_certificate,
                              .key = state->server_key,
                              .client_ca = state->ca_certificate};
}

/* Half as many as speak with clients: what these receive, they look at. */
static int start_checkers(struct daemon *daemon, struct fault *fault)
{
    const struct settings *settings = daemon->options.settings;
    int err = E_OK;
    while (err == E_OK && daemon->node.role == NODE_HUB && daemon->checker_count < CHECKERS_MAX &&
           daemon->checker_count < ((size_t)settings->threads + 1) / 2) {
        struct db *db = NULL;
        struct worker *worker;
        err = daemon_reader(daemon, &db, fault);
        err = err != E_OK ? err
                          : worker_start(&worker, &daemon->node, db, daemon->writer,
                                         (size_t)settings->queue_calls, fault);
        if (err == E_OK) {
            daemon->checkers[daemon->checker_count++] = worker;
        } else {
            db_free(db);
        }
    }
    worker_share(daemon->checkers, daemon->checker_count);
    return err;
}

int daemon_start(struct daemon *daemon, const struct route *routes, size_t route_count,
                 void *route_context, struct fault *fault)
{
    const struct settings *settings = daemon->options.settings;
    struct transport_config config = {
        .env = daemon->node.env,
        .log = daemon->node.log,
        .host = settings->address,
        .port = (uint16_t)settings->port,
        .threads = (int)settings->threads,
        .tls = tls_files(daemon),
        .limits = settings_limits(settings),
        .gateway = {.context = daemon,
                    .find = find,
                    .authenticate = authenticate,
                    .epoch = epoch,
                    .submit = submit,
                    .pump = pump,
                    .ended = ended},
        .routes = routes,
        .route_count = route_count,
        .route_context = route_context,
    };
    struct db *db = NULL;
    struct transport *transport;
    int err = daemon_reader(daemon, &db, fault);
    err = err != E_OK ? err
                      : worker_start(&daemon->worker, &daemon->node, db, daemon->writer,
                                     (size_t)settings->slow_calls, fault);
    if (err != E_OK) {
        db_free(db);
        return err;
    }
    err = start_checkers(daemon, fault);
    err = err != E_OK ? err : transport_start(&config, &transport, fault);
    if (err == E_OK) {
        atomic_store(&daemon->transport, transport);
    }
    return err;
}

uint16_t daemon_port(const struct daemon *daemon)
{
    return transport_port(atomic_load(&daemon->transport));
}

int daemon_reload_certificates(struct daemon *daemon, struct fault *fault)
{
    struct tls_files files = tls_files(daemon);
    return transport_reload(atomic_load(&daemon->transport), &files, fault);
}

void daemon_reload_settings(struct daemon *daemon)
{
    const struct settings *settings = daemon->options.settings;
    struct limits limits = settings_limits(settings);
    transport_set_limits(atomic_load(&daemon->transport), &limits);
    writer_tune(daemon->writer, (size_t)settings->queue_calls, (size_t)settings->group_calls,
                settings->group_wait_us);
    worker_tune(daemon->worker, (size_t)settings->slow_calls);
    atomic_store(&daemon->answers_days, settings->answers_days);
}

bool daemon_stop(struct daemon *daemon, int64_t drain_ms)
{
    struct transport *transport = atomic_load(&daemon->transport);
    bool drained = transport == NULL || transport_drain(transport, drain_ms);
    /* Callers who were not done in time may still send: the threads' ends refuse, and stay until
     * the I/O threads are gone. The worker first, for it hands calls on to the writer. */
    worker_stop(daemon->worker);
    for (size_t i = 0; i < daemon->checker_count; i++) {
        worker_stop(daemon->checkers[i]);
    }
    writer_stop(daemon->writer);
    if (transport != NULL) {
        transport_free(transport);
    }
    atomic_store(&daemon->transport, NULL);
    worker_free(daemon->worker);
    daemon->worker = NULL;
    while (daemon->checker_count > 0) {
        worker_free(daemon->checkers[--daemon->checker_count]);
    }
    daemon->stopped = true;
    return drained;
}

void daemon_free(struct daemon *daemon)
{
    if (daemon == NULL) {
        return;
    }
    if (daemon->writer != NULL && !daemon->stopped) {
        daemon_stop(daemon, 0);
    }
    writer_free(daemon->writer);
    desk_free(daemon->service.desk);
    journal_free(daemon->service.journal);
    void *reader = pthread_getspecific(daemon->reader_key);
    if (reader != NULL) {
        free_reader(reader);
    }
    pthread_key_delete(daemon->reader_key);
    db_free(daemon->service.db);
    keyring_free(daemon->node.keys);
    map_release(&daemon->methods);
    map_release(&daemon->services);
    free(daemon->metrics);
    free(daemon);
}

const struct node *daemon_node(const struct daemon *daemon)
{
    return &daemon->node;
}

const struct method_metrics *daemon_metrics(const struct daemon *daemon, size_t *count)
{
    *count = daemon->method_count + 1;
    return daemon->metrics;
}

const struct writer *daemon_writer(const struct daemon *daemon)
{
    return daemon->writer;
}

const struct transport *daemon_transport(const struct daemon *daemon)
{
    return atomic_load(&daemon->transport);
}

size_t daemon_slow_queued(const struct daemon *daemon)
{
    return daemon->worker == NULL ? 0 : worker_queued(daemon->worker);
}
