#include "process/site.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "crypt/cert.h"
#include "crypt/keyfile.h"
#include "crypt/secret.h"
#include "passerelle/v1/enrol.pb-c.h"
#include "service/methods.h"
#include "transport/peer/peer.h"
#include "wire/pack.h"

enum {
    CALL_MS = 20 * 1000,
    WRITER_TRIES = 100, /* of 50 ms: a full queue of our own writer */
    NAMES_MAX = CERT_NAMES_MAX,
    SECOND_NS = 1000 * 1000 * 1000,
};

struct lane_thread {
    struct site *site;
    enum uplink_lane lane;
    pthread_t thread;
    bool started;
    struct service reader;
    struct arena arena; /* of one step */
    struct peer *peer;  /* made again when the certificate is another one */
    uint64_t peer_certificate;
    struct uplink_failure local; /* why the writer refused a message of the stream */
};

struct site {
    struct daemon *daemon;
    const struct state *state;
    const struct settings *settings;
    const struct log *log;
    struct uplink *uplink;
    struct lane_thread lanes[UPLINK_LANES];
    _Atomic uint64_t certificate; /* counts the certificates that were installed */
    _Atomic bool stopping;
    pthread_mutex_t lock; /* of `wakes` */
    pthread_cond_t woken;
    uint64_t wakes;
    enum uplink_state told; /* the last state that was logged; of the lock */
};

/* ---- waiting ---- */

static void wake(void *context)
{
    struct site *site = context;
    pthread_mutex_lock(&site->lock);
    site->wakes++;
    pthread_cond_broadcast(&site->woken);
    pthread_mutex_unlock(&site->lock);
}

static uint64_t wakes_of(struct site *site)
{
    pthread_mutex_lock(&site->lock);
    uint64_t wakes = site->wakes;
    pthread_mutex_unlock(&site->lock);
    return wakes;
}

/* Until then, or until something was committed since `wakes`; the lane that follows is not woken by
 * what it wrote itself. */
static void wait_until(struct lane_thread *t, int64_t until_ns, uint64_t wakes)
{
    struct site *site = t->site;
    struct timespec until = {.tv_sec = until_ns / SECOND_NS, .tv_nsec = until_ns % SECOND_NS};
    pthread_mutex_lock(&site->lock);
    int rc = 0;
    while (rc == 0 && !atomic_load(&site->stopping) &&
           (t->lane == UPLINK_DOWN || site->wakes == wakes)) {
        rc = pthread_cond_timedwait(&site->woken, &site->lock, &until);
    }
    pthread_mutex_unlock(&site->lock);
}

/* ---- our own writer ---- */

/* NULL: *failure says why. The answer is in `arena`. */
static const ProtobufCMessage *call_writer(struct lane_thread *t, const struct uplink_step *step,
                                           struct arena *arena, struct uplink_failure *failure)
{
    const struct method *method = step->method;
    bool known;
    if (method == NULL) {
        const char *full = arena_printf(arena, "passerelle.v1.%s", step->service);
        method = methods_find(view_of(full), view_of(step->name), &known);
    }
    for (int i = 0;; i++) {
        struct call call = {.method = method,
                            .arena = arena,
                            .request = step->request,
                            .request_bytes = wire_pack_arena(arena, step->request)};
        daemon_call(t->site->daemon, &call);
        if (call.error.code == CODE_OK) {
            return call.response;
        }
        *failure = (struct uplink_failure){
            .code = call.error.code, .message = call.error.message, .reached = true};
        if (call.error.code != CODE_UNAVAILABLE || i == WRITER_TRIES ||
            atomic_load(&t->site->stopping)) {
            return NULL;
        }
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
    }
}

/* ---- the hub ---- */

static bool is_stopping(void *context)
{
    return atomic_load(&((struct site *)context)->stopping);
}

static struct peer *peer_of(struct lane_thread *t, bool without_certificate, struct fault *fault)
{
    struct site *site = t->site;
    uint64_t certificate = atomic_load(&site->certificate) + (without_certificate ? 1000000 : 0);
    if (t->peer != NULL && t->peer_certificate == certificate) {
        return t->peer;
    }
    struct peer_config config = {
        .url = site->settings->hub,
        .ca = site->state->ca_certificate,
        .certificate = without_certificate ? NULL : site->state->site_certificate,
        .key = without_certificate ? NULL : site->state->site_key,
        .timeout_ms = CALL_MS,
        .silence_ms_max = HEARTBEATS_MISSED * HEARTBEAT_S * 1000,
        .stop = is_stopping,
        .stop_context = site,
    };
    peer_free(t->peer);
    t->peer = NULL;
    t->peer_certificate = certificate;
    return peer_new(&config, &t->peer, fault) == E_OK ? t->peer : NULL;
}

static struct uplink_failure failure_of(enum code code, const struct peer_error *error)
{
    return (struct uplink_failure){.code = code,
                                   .message = error->message == NULL ? "" : error->message,
                                   .retry_after_s = error->retry_after_s,
                                   .reached = error->reached};
}

static void call_hub(struct lane_thread *t, const struct uplink_step *step)
{
    struct site *site = t->site;
    struct fault fault = FAULT_NONE;
    struct peer_error error;
    ProtobufCMessage *response = NULL;
    struct peer *peer = peer_of(t, step->without_certificate, &fault);
    struct uplink_failure failure = {.code = CODE_UNAVAILABLE, .message = fault.text};
    if (peer != NULL) {
        const char *service = arena_printf(&t->arena, "passerelle.v1.%s", step->service);
        enum code code = peer_call(peer, service, step->name, step->request, step->output,
                                   &t->arena, &response, &error);
        failure = failure_of(code, &error);
    }
    if (response != NULL) {
        uplink_answered(site->uplink, t->lane, response);
    } else {
        uplink_failed(site->uplink, t->lane, &failure);
    }
}

static bool on_message(void *context, const ProtobufCMessage *message)
{
    struct lane_thread *t = context;
    struct uplink_step step;
    struct uplink_failure failure;
    struct arena arena = ARENA_INIT;
    bool go_on = uplink_heard(t->site->uplink, message, &arena, &step);
    if (go_on && step.act == UPLINK_LOCAL) {
        const ProtobufCMessage *response = call_writer(t, &step, &arena, &failure);
        if (response != NULL) {
            uplink_answered(t->site->uplink, t->lane, response);
        } else {
            t->local = failure;
            t->local.message = arena_string(&t->arena, view_of(failure.message));
            go_on = false;
        }
    }
    arena_release(&arena);
    return go_on && !atomic_load(&t->site->stopping);
}

static void follow(struct lane_thread *t, const struct uplink_step *step)
{
    struct site *site = t->site;
    struct fault fault = FAULT_NONE;
    struct peer_error error;
    struct peer *peer = peer_of(t, false, &fault);
    struct uplink_failure failure = {.code = CODE_UNAVAILABLE, .message = fault.text};
    t->local = (struct uplink_failure){.code = CODE_OK};
    if (peer != NULL) {
        const char *service = arena_printf(&t->arena, "passerelle.v1.%s", step->service);
        enum code code = peer_stream(peer, service, step->name, step->request, step->output, 0,
                                     on_message, t, &t->arena, &error);
        failure = t->local.code != CODE_OK ? t->local : failure_of(code, &error);
    }
    uplink_failed(site->uplink, t->lane, &failure);
}

/* ---- our certificate ---- */

static int read_names(const struct settings *settings, struct arena *arena, char **names,
                      size_t *count)
{
    struct view rest = view_of(settings->certificate_names);
    struct view name;
    names[(*count)++] = arena_string(arena, VIEW_LIT("localhost"));
    names[(*count)++] = arena_string(arena, VIEW_LIT("127.0.0.1"));
    while (*count < NAMES_MAX && view_cut(&rest, ',', &name)) {
        if (view_trim(name).len > 0) {
            names[(*count)++] = arena_string(arena, view_trim(name));
        }
    }
    return E_OK;
}

static int request_again(const char *key_path, struct buf *out, struct fault *fault)
{
    struct buf key = BUF_INIT;
    int err = keyfile_read_private(key_path, &key, fault);
    err = err != E_OK ? err : cert_request_again(buf_content(&key), out, fault);
    if (key.data != NULL) {
        secret_wipe(key.data, key.len);
    }
    buf_release(&key);
    return err;
}

static int load_certificate(struct site *site, struct fault *fault)
{
    struct arena arena = ARENA_INIT;
    struct buf pem = BUF_INIT, client = BUF_INIT, server = BUF_INIT;
    struct cert_info info;
    char *names[NAMES_MAX];
    size_t count = 0;
    int err = state_read_file(site->state->site_certificate, &pem, fault);
    err = err != E_OK ? err
                      : cert_inspect_pem(buf_content(&pem), daemon_node(site->daemon)->network_id,
                                         &info, fault);
    err = err != E_OK ? err : request_again(site->state->site_key, &client, fault);
    err = err != E_OK ? err : request_again(site->state->server_key, &server, fault);
    err = err != E_OK ? err : read_names(site->settings, &arena, names, &count);
    if (err == E_OK) {
        uplink_set_certificate(site->uplink, info.validity.not_before_utc_ms,
                               info.validity.not_after_utc_ms, buf_content(&client),
                               buf_content(&server), names, count);
    }
    buf_release(&pem);
    buf_release(&client);
    buf_release(&server);
    arena_release(&arena);
    return err;
}

/* The keys stay, so that each file is right at every moment. */
static void install(struct lane_thread *t, const struct uplink_step *step)
{
    struct site *site = t->site;
    const Passerelle__V1__RenewSiteResponse *renewed = (const void *)step->request;
    struct fault fault = FAULT_NONE;
    int err =
        state_write_file(site->state->site_certificate, view_of(renewed->certificate_pem), &fault);
    err = err != E_OK ? err
                      : state_write_file(site->state->server_certificate,
                                         view_of(renewed->server_certificate_pem), &fault);
    err = err != E_OK ? err : load_certificate(site, &fault);
    err = err != E_OK || daemon_transport(site->daemon) == NULL
              ? err
              : daemon_reload_certificates(site->daemon, &fault);
    if (err != E_OK) {
        struct uplink_failure failure = {
            .code = CODE_INTERNAL, .message = fault.text, .reached = true};
        uplink_failed(site->uplink, t->lane, &failure);
        return;
    }
    atomic_fetch_add(&site->certificate, 1);
    uplink_answered(site->uplink, t->lane, NULL);
    log_write(site->log, LOG_INFO, "certificate_renewed", NULL, 0);
}

/* ---- the threads ---- */

/* A change of how we stand with the hub is worth a line. */
static void tell(struct site *site)
{
    struct uplink_status status;
    uplink_status(site->uplink, &status);
    pthread_mutex_lock(&site->lock);
    bool changed = status.state != site->told;
    site->told = status.state;
    pthread_mutex_unlock(&site->lock);
    if (!changed) {
        return;
    }
    enum log_level level = status.state == UPLINK_GOOD          ? LOG_INFO
                           : status.state == UPLINK_UNREACHABLE ? LOG_WARNING
                                                                : LOG_ERROR;
    log_event(site->log, level, "hub_link", LOG_S("state", uplink_state_name(status.state)),
              LOG_S("reason", status.sentence));
}

static bool step_of(struct lane_thread *t, struct uplink_step *step)
{
    struct fault fault = FAULT_NONE;
    int err = db_begin_read(t->reader.db, &fault);
    if (err == E_OK) {
        uplink_next(t->site->uplink, t->lane, &t->reader, &t->arena, step);
        err = db_end(t->reader.db, &fault);
    }
    if (err != E_OK) {
        struct uplink_failure failure = {
            .code = code_of_err(err), .message = fault.text, .reached = true};
        uplink_failed(t->site->uplink, t->lane, &failure);
    }
    return err == E_OK;
}

static void *lane_main(void *argument)
{
    struct lane_thread *t = argument;
    struct site *site = t->site;
    struct uplink_failure failure;
    const ProtobufCMessage *response;
    while (!atomic_load(&site->stopping)) {
        struct uplink_step step = {.act = UPLINK_WAIT};
        uint64_t wakes = wakes_of(site);
        arena_clear(&t->arena);
        tell(site);
        if (!step_of(t, &step)) {
            continue;
        }
        switch (step.act) {
        case UPLINK_WAIT:
            wait_until(t, step.until_ns, wakes);
            break;
        case UPLINK_LOCAL:
            response = call_writer(t, &step, &t->arena, &failure);
            if (response != NULL) {
                uplink_answered(site->uplink, t->lane, response);
            } else {
                uplink_failed(site->uplink, t->lane, &failure);
            }
            break;
        case UPLINK_CALL:
            call_hub(t, &step);
            break;
        case UPLINK_FOLLOW:
            follow(t, &step);
            break;
        case UPLINK_INSTALL:
            install(t, &step);
            break;
        }
    }
    return NULL;
}

/* ---- life ---- */

int site_new(struct site **out, struct daemon *daemon, const struct state *state,
             const struct settings *settings, const struct log *log, struct fault *fault)
{
    struct site *site = xcalloc(1, sizeof *site);
    pthread_condattr_t monotonic;
    site->daemon = daemon;
    site->state = state;
    site->settings = settings;
    site->log = log;
    pthread_mutex_init(&site->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&site->woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
    struct node *node = daemon_service(daemon)->node;
    site->uplink = uplink_new(node);
    uplink_set_behind_max(site->uplink, (uint64_t)settings->snapshot_entries);
    node->uplink = site->uplink;
    *out = site;
    int err = load_certificate(site, fault);
    for (int i = 0; err == E_OK && i < UPLINK_LANES; i++) {
        struct lane_thread *t = &site->lanes[i];
        t->site = site;
        t->lane = (enum uplink_lane)i;
        t->reader.node = node;
        err = daemon_reader(daemon, &t->reader.db, fault);
    }
    daemon_on_commit(daemon, wake, site);
    return err;
}

int site_start(struct site *site, struct fault *fault)
{
    for (int i = 0; i < UPLINK_LANES; i++) {
        struct lane_thread *t = &site->lanes[i];
        int rc = pthread_create(&t->thread, NULL, lane_main, t);
        if (rc != 0) {
            return fault_set(fault, err_from_errno(rc), "cannot start a thread: %s", strerror(rc));
        }
        t->started = true;
    }
    return E_OK;
}

void site_status(struct site *site, struct uplink_status *out)
{
    uplink_status(site->uplink, out);
}

void site_stop(struct site *site)
{
    if (site == NULL) {
        return;
    }
    atomic_store(&site->stopping, true);
    wake(site);
    for (int i = 0; i < UPLINK_LANES; i++) {
        if (site->lanes[i].started) {
            pthread_join(site->lanes[i].thread, NULL);
            site->lanes[i].started = false;
        }
        /* The writer's connection must be the last: what closes last copies the log back. */
        db_free(site->lanes[i].reader.db);
        site->lanes[i].reader.db = NULL;
    }
}

void site_free(struct site *site)
{
    if (site == NULL) {
        return;
    }
    site_stop(site);
    for (int i = 0; i < UPLINK_LANES; i++) {
        peer_free(site->lanes[i].peer);
        arena_release(&site->lanes[i].arena);
    }
    uplink_free(site->uplink);
    pthread_cond_destroy(&site->woken);
    pthread_mutex_destroy(&site->lock);
    free(site);
}
