/* Threads. The I/O threads come in through the gateway's functions; each has its own `struct
 * service`, kept under a pthread key and freed when the thread ends. The table of methods and its
 * map are made before any thread and only read after. Hooks run under the writer's lock. */
#include "process/hub.h"

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
};
#define FOLLOW_UP_NS (INT64_C(15) * 60 * 1000 * 1000 * 1000)

struct hub {
    struct hub_options options;
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

static int64_t now_ns(const struct hub *hub)
{
    return env_monotonic_ns(hub->node.env);
}

/* ---- connections ---- */

static int64_t reader_cache_kib(const struct hub *hub)
{
    int64_t kib = hub->options.settings->cache_mib * 1024 / 4;
    return kib > 8192 ? 8192 : kib;
}

int hub_reader(const struct hub *hub, struct db **out, struct fault *fault)
{
    struct db_options options = {
        .path = hub->options.state->database, .mode = DB_READ, .cache_kib = reader_cache_kib(hub)};
    return db_open(out, &options, fault);
}

static void free_reader(void *value)
{
    struct service *service = value;
    db_free(service->db);
    free(service);
}

struct service *hub_service_here(struct hub *hub, struct fault *fault)
{
    struct service *service = pthread_getspecific(hub->reader_key);
    if (service != NULL) {
        return service;
    }
    struct db *db;
    if (hub_reader(hub, &db, fault) != E_OK) {
        return NULL;
    }
    service = xcalloc(1, sizeof *service);
    *service = (struct service){.node = &hub->node, .db = db};
    pthread_setspecific(hub->reader_key, service);
    return service;
}

/* ---- the gateway ---- */

static enum lookup find(void *context, struct view service, struct view name,
                        const struct method **out)
{
    const struct hub *hub = context;
    char key[160];
    int len = snprintf(key, sizeof key, "%.*s/%.*s", VIEW_FMT(service), VIEW_FMT(name));
    if (len > 0 && (size_t)len < sizeof key) {
        const struct method_metrics *found = map_get(&hub->methods, view_bytes(key, (size_t)len));
        if (found != NULL) {
            *out = found->method;
            return LOOKUP_FOUND;
        }
    }
    return map_get(&hub->services, service) != NULL ? LOOKUP_NO_METHOD : LOOKUP_NO_SERVICE;
}

static int identify(struct hub *hub, struct db *db, const struct credentials *shown,
                    struct principal *out, struct fault *fault)
{
    int64_t real_utc_ms = env_real_utc_ms(hub->node.env);
    bool site = hub->node.role == NODE_SITE;
    if (shown->certificate == NULL && site) {
        return fault_set(fault, E_UNAUTHENTICATED,
                         "API keys are the hub's: show a desk's certificate here, or ask %s.",
                         hub->node.hub_url);
    }
    if (shown->certificate == NULL) {
        return identity_of_key(db, shown->bearer, real_utc_ms, out, fault);
    }
    struct cert_info info;
    int err = cert_inspect(shown->certificate, hub->node.network_id, &info, fault);
    if (err != E_OK) {
        return err;
    }
    return site ? identity_at_site(db, hub->node.site_id, &info, real_utc_ms, out, fault)
                : identity_of_certificate(db, &info, real_utc_ms, out, fault);
}

static bool authenticate(void *context, const struct credentials *shown, struct principal *out,
                         struct call_error *error)
{
    static _Thread_local struct fault fault; /* error->message points here until the next call */
    struct hub *hub = context;
    fault = FAULT_NONE;
    struct service *service = hub_service_here(hub, &fault);
    if (service != NULL && db_begin_read(service->db, &fault) == E_OK) {
        int err = identify(hub, service->db, shown, out, &fault);
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
    const struct hub *hub = context;
    return (uint64_t)(now_ns(hub) / 1000 / EPOCH_NS) << 24 ^ atomic_load(&hub->revocations);
}

static void read_here(struct hub *hub, struct call *call)
{
    struct fault fault = FAULT_NONE;
    struct service *service = hub_service_here(hub, &fault);
    if (service == NULL) {
        call_fail_with(call, &fault);
    } else {
        engine_read(service, call);
    }
    call->done(call);
}

/* The one with the least to do. */
static struct worker *checker_of(struct hub *hub)
{
    struct worker *best = hub->worker;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < hub->checker_count; i++) {
        size_t queued = worker_queued(hub->checkers[i]);
        best = queued < least ? hub->checkers[i] : best;
        least = queued < least ? queued : least;
    }
    return best;
}

static void submit(void *context, struct call *call)
{
    struct hub *hub = context;
    if (hub->node.role == NODE_SITE && !call->method->at_sites) {
        call_fail(call, CODE_FAILED_PRECONDITION,
                  "this is the daemon of the site %s: ask the hub at %s", hub->node.site_id,
                  hub->node.hub_url);
        call->done(call);
        return;
    }
    if (call->method->apply != NULL && atomic_load(&hub->node.catching_up)) {
        call_fail(call, CODE_UNAVAILABLE,
                  "this daemon asks its hub whether its ledger is whole: try again in a moment");
        call->error.retry_after_s = 1;
        call->done(call);
        return;
    }
    if (call->method->apply == NULL) {
        if (call->method->slow) {
            worker_submit(hub->worker, call);
        } else {
            read_here(hub, call);
        }
        return;
    }
    if (call->method->precompute != NULL) {
        worker_submit(call->method->bulk ? checker_of(hub) : hub->worker, call);
        return;
    }
    if (call->method->prepare != NULL) {
        call->method->prepare(&hub->node, call);
    }
    bool alone = call->received_ns - atomic_load(&hub->written_ns) > ALONE_NS;
    atomic_store(&hub->written_ns, now_ns(hub));
    if (!alone || !writer_try(hub->writer, call)) {
        writer_submit(hub->writer, call);
    }
}

static int pump(void *context, struct stream *stream)
{
    struct hub *hub = context;
    struct fault fault = FAULT_NONE;
    struct service *service = hub_service_here(hub, &fault);
    if (service == NULL) {
        return call_fail_with(stream->call, &fault);
    }
    engine_pump(service, stream);
    return stream->call->error.code == CODE_OK ? 0 : -1;
}

static void ended(void *context, const struct method *method, enum code code, int64_t duration_ns)
{
    struct hub *hub = context;
    size_t i = 0;
    while (i < hub->method_count && hub->metrics[i].method != method) {
        i++;
    }
    metric_add(&hub->metrics[i].codes[code], 1);
    histogram_add(&hub->metrics[i].duration_ns, (uint64_t)(duration_ns > 0 ? duration_ns : 0));
}

/* ---- the writer's hooks ---- */

static void run(void *context, struct call *call)
{
    struct hub *hub = context;
    hub->ran = true;
    /* What it could not do stands in the call, or sticks in the connection. */
    bool kept = engine_write(&hub->service, call);
    assert(kept || call->error.code != CODE_OK || db_error(hub->service.db, NULL) != E_OK);
}

/* The marks of two caches in one number. */
static size_t mark(void *context)
{
    const struct service *service = &((struct hub *)context)->service;
    size_t journal = journal_mark(service->journal);
    size_t desk = desk_mark(service->desk);
    assert(journal <= UINT32_MAX);
    assert(desk <= UINT32_MAX);
    return journal << 32 | desk;
}

static void undo(void *context, size_t to)
{
    const struct service *service = &((struct hub *)context)->service;
    journal_undo(service->journal, to >> 32);
    desk_undo(service->desk, to & UINT32_MAX);
}

static void flush(void *context)
{
    sync_flush(&((struct hub *)context)->service);
}

static void committed(void *context)
{
    struct hub *hub = context;
    journal_committed(hub->service.journal);
    desk_committed(hub->service.desk);
    if (atomic_exchange(&hub->node.credentials_changed, false)) {
        atomic_fetch_add(&hub->revocations, 1);
    }
    if (!hub->ran) {
        return;
    }
    hub->ran = false;
    atomic_fetch_add(&hub->node.commits, 1);
    if (hub->on_commit != NULL) {
        hub->on_commit(hub->on_commit_context);
    }
    atomic_store(&hub->written_ns, now_ns(hub));
    struct transport *transport = atomic_load(&hub->transport);
    if (transport != NULL) {
        transport_wake(transport);
    }
}

static void abandoned(void *context)
{
    struct hub *hub = context;
    hub->ran = false;
    journal_rolled_back(hub->service.journal);
    desk_abandoned(hub->service.desk);
}

/* A clock that was set back loses nothing: times of feeds stand still until it has caught up, and
 * proofs of then are of the future. Whoever looks after the machine must know. */
static void watch_clock(struct hub *hub, int64_t now_utc_ms)
{
    int64_t behind_ms = hub->newest_utc_ms - now_utc_ms;
    if (behind_ms <= 0) {
        hub->newest_utc_ms = now_utc_ms;
        if (hub->clock_behind) {
            log_event(hub->options.log, LOG_INFO, "clock_caught_up", LOG_N("utc_ms", now_utc_ms));
        }
        hub->clock_behind = false;
    } else if (!hub->clock_behind && behind_ms > CLOCK_BACK_MS) {
        hub->clock_behind = true;
        log_event(hub->options.log, LOG_ERROR, "clock_behind", LOG_N("behind_s", behind_ms / 1000),
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
static struct chore *chore_new(struct hub *hub, struct view service, struct view name)
{
    const struct method *method = NULL;
    enum lookup found = find(hub, service, name, &method);
    assert(found == LOOKUP_FOUND);
    struct chore *chore = xcalloc(1, sizeof *chore);
    chore->request = wire_new(&chore->arena, method->input);
    chore->log = hub->node.log;
    chore->call = (struct call){.method = method,
                                .arena = &chore->arena,
                                .who = {.role = ROLE_OPERATOR, .author = "hub"},
                                .request = chore->request,
                                .received_ns = now_ns(hub),
                                .done = chore_done,
                                .owner = chore};
    return chore;
}

static void chore_begin(struct hub *hub, struct chore *chore)
{
    chore->call.request_bytes = wire_pack_arena(&chore->arena, chore->request);
    worker_submit(hub->worker, &chore->call);
}

/* With each day: ledgers of sites may still arrive until the month is closed. */
static void look_at_last_month(struct hub *hub, int64_t now_utc_ms)
{
    struct day today = day_of_instant(now_utc_ms);
    struct day before = hub->looked_on;
    struct month month = padded_month(today);
    hub->looked_on = today;
    if (before.number == 0 || before.number == today.number || hub->node.role != NODE_HUB ||
        atomic_load(&hub->transport) == NULL || period_is_closed(hub->service.db, month)) {
        return;
    }
    struct chore *chore =
        chore_new(hub, VIEW_LIT("passerelle.v1.LedgerService"), VIEW_LIT("FindPadded"));
    Passerelle__V1__FindPaddedRequest *request = (void *)chore->request;
    char text[8];
    month_format(month, text);
    request->month = wire_string(&chore->arena, view_of(text));
    chore_begin(hub, chore);
}

/* What issuers owe and what is overdue, and what the policy does about it. */
static void follow_up(struct hub *hub)
{
    if (hub->node.role != NODE_HUB || atomic_load(&hub->transport) == NULL ||
        now_ns(hub) < hub->follow_up_ns) {
        return;
    }
    hub->follow_up_ns = now_ns(hub) + FOLLOW_UP_NS;
    if (!follow_up_is_wanted(&hub->service)) {
        return;
    }
    struct chore *chore =
        chore_new(hub, VIEW_LIT("passerelle.v1.SettlementService"), VIEW_LIT("FollowUp"));
    Passerelle__V1__FollowUpRequest *request = (void *)chore->request;
    uint8_t random[10];
    char id[UUID_TEXT_LEN + 1];
    env_random(hub->node.env, random, sizeof random);
    uuid_format(uuid_v7(service_now(&hub->service), random), id);
    request->request_id = wire_string(&chore->arena, view_of(id));
    chore_begin(hub, chore);
}

static bool tick(void *context, int64_t now_utc_ms)
{
    struct hub *hub = context;
    watch_clock(hub, now_utc_ms);
    look_at_last_month(hub, now_utc_ms);
    int64_t before_utc_ms = now_utc_ms - atomic_load(&hub->answers_days) * DAY_MS;
    bool more = request_forget(hub->service.db, before_utc_ms, FORGET_AT_ONCE) == FORGET_AT_ONCE;
    more |= desk_tick(&hub->service, now_utc_ms);
    follow_up(hub);
    bool news = false;
    more |= sync_tick(&hub->service, now_utc_ms, &news);
    /* Streams are woken for what the clock wrote into feeds, and when a site's link comes or goes,
     * not each second. */
    bool connected = node_is_connected(&hub->node);
    hub->ran = news || connected != hub->connected || journal_mark(hub->service.journal) > 0;
    hub->connected = connected;
    return more;
}

/* ---- life ---- */

static void index_methods(struct hub *hub)
{
    uint64_t seed;
    while (methods_at(hub->method_count) != NULL) {
        hub->method_count++;
    }
    env_random(hub->node.env, &seed, sizeof seed);
    map_init(&hub->methods, seed);
    map_init(&hub->services, seed);
    hub->metrics = xcalloc(hub->method_count + 1, sizeof *hub->metrics);
    for (size_t i = 0; i < hub->method_count; i++) {
        char key[160];
        const struct method *method = methods_at(i);
        hub->metrics[i].method = method;
        int len = snprintf(key, sizeof key, "passerelle.v1.%s", method->service);
        map_put(&hub->services, view_bytes(key, (size_t)len), hub);
        len = snprintf(key, sizeof key, "passerelle.v1.%s/%s", method->service, method->name);
        void *twin = map_put(&hub->methods, view_bytes(key, (size_t)len), &hub->metrics[i]);
        assert(twin == NULL);
    }
}

static void read_newest(struct hub *hub)
{
    struct feed_id feed;
    struct query *list = feed_list(hub->service.db);
    while (feed_list_next(list, &feed)) {
        int64_t utc_ms = feed_head(hub->service.db, feed.no).appended_utc_ms;
        hub->newest_utc_ms = utc_ms > hub->newest_utc_ms ? utc_ms : hub->newest_utc_ms;
    }
}

/* A site that has not yet heard of its network's beginning knows it by what it joined. */
static void take_joined(struct hub *hub, const struct joined *joined)
{
    struct node *node = &hub->node;
    node->role = NODE_SITE;
    node->hub_url = hub->options.settings->hub;
    node->cosigner = &joined->cosigner;
    node->catching_up = true;
    node->demo = hub->options.state->clock.rate != 0;
    memcpy(node->site_id, joined->site, sizeof node->site_id);
    memcpy(node->network_id, joined->network, sizeof node->network_id);
}

/* Whose network is this? */
static int read_network(struct hub *hub, struct fault *fault)
{
    if (hub->options.joined != NULL) {
        take_joined(hub, hub->options.joined);
        return E_OK;
    }
    struct arena arena = ARENA_INIT;
    int err = db_begin_read(hub->service.db, fault);
    if (err == E_OK) {
        struct registry_network network = registry_network(hub->service.db, &arena);
        err = db_end(hub->service.db, fault);
        if (err == E_OK && network.network_id == NULL) {
            err = fault_set(fault, E_NOT_FOUND,
                            "the database %s holds no network: make one with `passerelled init`, "
                            "or name the right file in the settings",
                            hub->options.state->database);
        } else if (err == E_OK && network.demo != (hub->options.state->clock.rate != 0)) {
            err = fault_set(fault, E_CONFLICT,
                            "the file %s/clock does not belong to the network %s: %s",
                            hub->options.state->dir, network.network_id,
                            network.demo ? "restore it from a backup, or make a new network"
                                         : "only demonstration networks have one; remove it");
        } else if (err == E_OK) {
            snprintf(hub->node.network_id, sizeof hub->node.network_id, "%s", network.network_id);
            hub->node.demo = network.demo;
        }
    }
    arena_release(&arena);
    return err;
}

int hub_open(struct hub **out, const struct hub_options *options, struct fault *fault)
{
    const struct settings *settings = options->settings;
    struct hub *hub = xcalloc(1, sizeof *hub);
    hub->options = *options;
    atomic_store(&hub->answers_days, settings->answers_days);
    hub->node.env = &options->state->env;
    hub->node.log = options->log;
    hub->node.state_dir = options->state->dir;
    hub->node.keys = keyring_new(options->state->keys, hub->node.env);
    hub->service.node = &hub->node;
    int rc = pthread_key_create(&hub->reader_key, free_reader);
    if (rc != 0) {
        die("pthread_key_create: %s", strerror(rc));
    }
    index_methods(hub);
    struct db_options db_options = {.path = options->state->database,
                                    .mode = DB_WRITE,
                                    .cache_kib = settings->cache_mib * 1024};
    int err = db_open(&hub->service.db, &db_options, fault);
    err = err != E_OK ? err : migrate_run(hub->service.db, fault);
    err = err != E_OK ? err : read_network(hub, fault);
    if (err != E_OK) {
        hub_free(hub);
        return err;
    }
    hub->service.journal = journal_new(&hub->node, hub->service.db);
    hub->service.desk = desk_new(&hub->service);
    err = db_begin_read(hub->service.db, fault);
    if (err == E_OK) {
        desk_load(&hub->service);
        read_newest(hub);
        err = db_end(hub->service.db, fault);
    }
    if (err != E_OK) {
        hub_free(hub);
        return err;
    }
    struct writer_options writer = {
        .db = hub->service.db,
        .env = hub->node.env,
        .log = options->log,
        .hooks = {.context = hub,
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
        /* Pages of 4 KiB. Each copy writes the pages that all check-ins share once more: late is
         * cheap. */
        .wal_hard_frames = settings->wal_mib * 256,
        .wal_soft_frames = settings->wal_mib * 192,
    };
    hub->writer = writer_new(&writer);
    *out = hub;
    return E_OK;
}

struct service *hub_service(struct hub *hub)
{
    return &hub->service;
}

int hub_start_writer(struct hub *hub, struct fault *fault)
{
    return writer_start(hub->writer, fault);
}

void hub_on_commit(struct hub *hub, void (*tell)(void *context), void *context)
{
    hub->on_commit = tell;
    hub->on_commit_context = context;
}

void hub_submit_internal(struct hub *hub, struct call *call)
{
    writer_submit(hub->writer, call);
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

void hub_call(struct hub *hub, struct call *call)
{
    struct waiting waiting = {.done = false};
    pthread_mutex_init(&waiting.lock, NULL);
    pthread_cond_init(&waiting.over, NULL);
    call->owner = &waiting;
    call->done = call_done;
    hub_submit_internal(hub, call);
    pthread_mutex_lock(&waiting.lock);
    while (!waiting.done) {
        pthread_cond_wait(&waiting.over, &waiting.lock);
    }
    pthread_mutex_unlock(&waiting.lock);
    pthread_cond_destroy(&waiting.over);
    pthread_mutex_destroy(&waiting.lock);
}

static struct tls_files tls_files(const struct hub *hub)
{
    const struct state *state = hub->options.state;
    return (struct tls_files){.certificate = state->server_certificate,
                              .key = state->server_key,
                              .client_ca = state->ca_certificate};
}

/* As many as speak with clients: what these receive, they look at. */
static int start_checkers(struct hub *hub, struct fault *fault)
{
    const struct settings *settings = hub->options.settings;
    int err = E_OK;
    while (err == E_OK && hub->node.role == NODE_HUB && hub->checker_count < CHECKERS_MAX &&
           hub->checker_count < (size_t)settings->threads) {
        struct db *db = NULL;
        struct worker *worker;
        err = hub_reader(hub, &db, fault);
        err = err != E_OK ? err
                          : worker_start(&worker, &hub->node, db, hub->writer,
                                         (size_t)settings->queue_calls, fault);
        if (err == E_OK) {
            hub->checkers[hub->checker_count++] = worker;
        } else {
            db_free(db);
        }
    }
    return err;
}

int hub_start(struct hub *hub, const struct route *routes, size_t route_count, void *route_context,
              struct fault *fault)
{
    const struct settings *settings = hub->options.settings;
    struct transport_config config = {
        .env = hub->node.env,
        .log = hub->node.log,
        .host = settings->address,
        .port = (uint16_t)settings->port,
        .threads = (int)settings->threads,
        .tls = tls_files(hub),
        .limits = settings_limits(settings),
        .gateway = {.context = hub,
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
    int err = hub_reader(hub, &db, fault);
    err = err != E_OK ? err
                      : worker_start(&hub->worker, &hub->node, db, hub->writer,
                                     (size_t)settings->slow_calls, fault);
    if (err != E_OK) {
        db_free(db);
        return err;
    }
    err = start_checkers(hub, fault);
    err = err != E_OK ? err : transport_start(&config, &transport, fault);
    if (err == E_OK) {
        atomic_store(&hub->transport, transport);
    }
    return err;
}

uint16_t hub_port(const struct hub *hub)
{
    return transport_port(atomic_load(&hub->transport));
}

int hub_reload_certificates(struct hub *hub, struct fault *fault)
{
    struct tls_files files = tls_files(hub);
    return transport_reload(atomic_load(&hub->transport), &files, fault);
}

void hub_reload_settings(struct hub *hub)
{
    const struct settings *settings = hub->options.settings;
    struct limits limits = settings_limits(settings);
    transport_set_limits(atomic_load(&hub->transport), &limits);
    writer_tune(hub->writer, (size_t)settings->queue_calls, (size_t)settings->group_calls,
                settings->group_wait_us);
    worker_tune(hub->worker, (size_t)settings->slow_calls);
    atomic_store(&hub->answers_days, settings->answers_days);
}

bool hub_stop(struct hub *hub, int64_t drain_ms)
{
    struct transport *transport = atomic_load(&hub->transport);
    bool drained = transport == NULL || transport_drain(transport, drain_ms);
    /* Callers who were not done in time may still send: the threads' ends refuse, and stay until
     * the I/O threads are gone. The worker first, for it hands calls on to the writer. */
    worker_stop(hub->worker);
    for (size_t i = 0; i < hub->checker_count; i++) {
        worker_stop(hub->checkers[i]);
    }
    writer_stop(hub->writer);
    if (transport != NULL) {
        transport_free(transport);
    }
    atomic_store(&hub->transport, NULL);
    worker_free(hub->worker);
    hub->worker = NULL;
    while (hub->checker_count > 0) {
        worker_free(hub->checkers[--hub->checker_count]);
    }
    hub->stopped = true;
    return drained;
}

void hub_free(struct hub *hub)
{
    if (hub == NULL) {
        return;
    }
    if (hub->writer != NULL && !hub->stopped) {
        hub_stop(hub, 0);
    }
    writer_free(hub->writer);
    desk_free(hub->service.desk);
    journal_free(hub->service.journal);
    void *reader = pthread_getspecific(hub->reader_key);
    if (reader != NULL) {
        free_reader(reader);
    }
    pthread_key_delete(hub->reader_key);
    db_free(hub->service.db);
    keyring_free(hub->node.keys);
    map_release(&hub->methods);
    map_release(&hub->services);
    free(hub->metrics);
    free(hub);
}

const struct node *hub_node(const struct hub *hub)
{
    return &hub->node;
}

const struct method_metrics *hub_metrics(const struct hub *hub, size_t *count)
{
    *count = hub->method_count + 1;
    return hub->metrics;
}

const struct writer *hub_writer(const struct hub *hub)
{
    return hub->writer;
}

const struct transport *hub_transport(const struct hub *hub)
{
    return atomic_load(&hub->transport);
}

size_t hub_slow_queued(const struct hub *hub)
{
    return hub->worker == NULL ? 0 : worker_queued(hub->worker);
}
