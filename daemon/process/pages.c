#include "process/pages.h"

#include <stdarg.h>

#include "passerelle/v1/desk.pb-c.h"
#include "process/verify.h"
#include "service/service.h"
#include "store/feed/feed.h"

static void reply(struct exchange *x, int status, const char *fmt, ...) printf_like(3, 4);

static void reply(struct exchange *x, int status, const char *fmt, ...)
{
    char text[768];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    route_reply(x, status, "text/plain; charset=utf-8", view_of(text));
}

static void healthz(void *context, struct exchange *x, const struct principal *who)
{
    (void)context;
    (void)who;
    reply(x, 200, "ok\n");
}

static void readyz(void *context, struct exchange *x, const struct principal *who)
{
    struct pages *pages = context;
    (void)who;
    pthread_mutex_lock(&pages->lock);
    struct fault damage = pages->damage;
    pthread_mutex_unlock(&pages->lock);
    if (damage.code != E_OK) {
        reply(x, 503, "not ready: %s\n", damage.text);
    } else if (atomic_load(&pages->draining)) {
        reply(x, 503, "not ready: the server is stopping\n");
    } else if (!atomic_load(&pages->verify_over)) {
        /* Their ends are: whoever starts again after a crash need not wait for the years before. */
        reply(x, 200, "ready: %zu of %zu feeds are verified so far\n",
              atomic_load(&pages->verified), atomic_load(&pages->feeds));
    } else {
        reply(x, 200, "ready\n");
    }
}

/* ---- metrics ---- */

static void add_requests(struct buf *out, const struct hub *hub)
{
    size_t count;
    const struct method_metrics *rows = hub_metrics(hub, &count);
    const char *help = "Requests by method and code.";
    char labels[160];
    for (size_t i = 0; i < count; i++) {
        for (size_t code = 0; code < CODE_COUNT; code++) {
            uint64_t n = metric_get(&rows[i].codes[code]);
            if (n == 0) {
                continue;
            }
            snprintf(labels, sizeof labels, "service=\"%s\",method=\"%s\",code=\"%s\"",
                     rows[i].method == NULL ? "" : rows[i].method->service,
                     rows[i].method == NULL ? "" : rows[i].method->name,
                     code_name((enum code)code));
            metric_format(out, "passerelle_requests_total", help, "counter", labels, n);
            help = NULL;
        }
    }
    help = "Time from the first byte of a request to its answer; of a stream, its life.";
    for (size_t i = 0; i < count; i++) {
        if (rows[i].method == NULL || histogram_count(&rows[i].duration_ns) == 0) {
            continue;
        }
        snprintf(labels, sizeof labels, "service=\"%s\",method=\"%s\"", rows[i].method->service,
                 rows[i].method->name);
        histogram_format(out, "passerelle_request_seconds", help, labels, &rows[i].duration_ns, 9);
        help = NULL;
    }
}

static void add_connections(struct buf *out, const struct hub *hub)
{
    const struct transport *transport = hub_transport(hub);
    const char *help = "Connections by state.";
    char labels[64];
    for (int state = 0; transport != NULL && state < CONN_STATE_COUNT; state++) {
        snprintf(labels, sizeof labels, "state=\"%s\"", conn_state_name((enum conn_state)state));
        metric_format(out, "passerelle_connections", help, "gauge", labels,
                      (uint64_t)transport_count(transport, (enum conn_state)state));
        help = NULL;
    }
}

static void add_refused(struct buf *out, const struct hub *hub)
{
    const struct transport *transport = hub_transport(hub);
    if (transport == NULL) {
        return;
    }
    struct transport_refused refused = transport_refused(transport);
    metric_format(out, "passerelle_calls_over_rate_total",
                  "Calls refused since their caller makes too many.", "counter", "",
                  refused.calls_over_rate);
    metric_format(out, "passerelle_connections_cut_total",
                  "Connections cut to make room for others.", "counter", "",
                  refused.connections_cut);
    metric_format(out, "passerelle_connections_refused_total",
                  "Connections refused since there was no room.", "counter", "",
                  refused.connections_refused);
}

static void add_feeds(struct buf *out, struct db *db)
{
    const char *help = "Entries in a feed.";
    char labels[FEED_NAME_MAX + 16];
    struct feed_id feed;
    struct query *list = feed_list(db);
    while (feed_list_next(list, &feed)) {
        snprintf(labels, sizeof labels, "feed=\"%s\"", feed.name);
        metric_format(out, "passerelle_feed_entries", help, "gauge", labels,
                      feed_head(db, feed.no).size);
        help = NULL;
    }
}

DB_SQL(new_refusals, "SELECT refusal_no, code FROM refusal WHERE refusal_no > :after "
                     "ORDER BY refusal_no");

/* Refusals are rows; each is counted once, when it is first seen. */
static void add_refusals(struct buf *out, struct pages *pages, struct db *db)
{
    pthread_mutex_lock(&pages->lock);
    struct query *query = db_query(db, &new_refusals);
    query_bind_int(query, "after", pages->refusal_no);
    while (query_next(query)) {
        pages->refusal_no = query_int(query, 0);
        uint64_t code = (uint64_t)query_int(query, 1);
        pages->refusals[code < ARRAY_LEN(pages->refusals) ? code : 0]++;
    }
    const char *help = "Check-ins refused, by code.";
    for (size_t i = 0; i < ARRAY_LEN(pages->refusals); i++) {
        const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
            &passerelle__v1__refusal_code__descriptor, (int)i);
        if (pages->refusals[i] == 0) {
            continue;
        }
        char labels[96];
        snprintf(labels, sizeof labels, "code=\"%s\"", value == NULL ? "unknown" : value->name);
        metric_format(out, "passerelle_refusals_total", help, "counter", labels,
                      pages->refusals[i]);
        help = NULL;
    }
    pthread_mutex_unlock(&pages->lock);
}

static void metrics(void *context, struct exchange *x, const struct principal *who)
{
    struct pages *pages = context;
    struct buf out = BUF_INIT;
    struct fault fault = FAULT_NONE;
    struct db *db;
    (void)who;
    metric_format(&out, "passerelle_build_info", "Version that runs.", "gauge",
                  "version=\"" PASSERELLE_VERSION "\"", 1);
    add_requests(&out, pages->hub);
    add_connections(&out, pages->hub);
    add_refused(&out, pages->hub);
    metric_format(&out, "passerelle_slow_calls_queued", "Long reads that wait.", "gauge", "",
                  hub_slow_queued(pages->hub));
    writer_metrics_format(hub_writer(pages->hub), &out);
    db = hub_reader_here(pages->hub, &fault);
    if (db != NULL && db_begin_read(db, &fault) == E_OK) {
        add_feeds(&out, db);
        add_refusals(&out, pages, db);
        db_end(db, NULL);
    }
    route_reply(x, 200, "text/plain; version=0.0.4; charset=utf-8", buf_content(&out));
    buf_release(&out);
}

/* ---- verification behind the start ---- */

static void step(void *context, size_t done, size_t of)
{
    struct pages *pages = context;
    atomic_store(&pages->feeds, of);
    atomic_store(&pages->verified, done);
}

static bool stop(void *context)
{
    return atomic_load(&((struct pages *)context)->verify_stop);
}

static void *verify_main(void *argument)
{
    struct pages *pages = argument;
    struct verify_progress progress = {.step = step, .stop = stop, .context = pages};
    struct fault fault = FAULT_NONE;
    struct db *db = NULL;
    size_t damaged = 0;
    const struct log *log = hub_node(pages->hub)->log;
    int err = hub_reader(pages->hub, &db, &fault);
    err = err != E_OK ? err : verify_all(db, &progress, &damaged, &fault);
    db_free(db);
    if (err == E_CLOSED) {
        return NULL;
    }
    if (err != E_OK) {
        log_event(log, LOG_ERROR, "damage_found", LOG_N("feeds", damaged),
                  LOG_S("reason", fault.text));
        pthread_mutex_lock(&pages->lock);
        pages->damage = fault;
        pthread_mutex_unlock(&pages->lock);
    } else {
        log_event(log, LOG_INFO, "verified", LOG_N("feeds", atomic_load(&pages->feeds)));
    }
    atomic_store(&pages->verify_over, true);
    return NULL;
}

int pages_verify(struct pages *pages, struct fault *fault)
{
    int rc = pthread_create(&pages->verifier, NULL, verify_main, pages);
    if (rc != 0) {
        return fault_set(fault, err_from_errno(rc), "cannot start a thread: %s", strerror(rc));
    }
    pages->verifying = true;
    return E_OK;
}

/* ---- life ---- */

void pages_init(struct pages *pages, struct hub *hub, const struct settings *settings)
{
    *pages = (struct pages){.hub = hub};
    pthread_mutex_init(&pages->lock, NULL);
    pages->routes[pages->route_count++] =
        (struct route){.path = "/healthz", .roles = ROLES_ALL, .loopback = true, .get = healthz};
    pages->routes[pages->route_count++] =
        (struct route){.path = "/readyz", .roles = ROLES_ALL, .loopback = true, .get = readyz};
    if (settings->metrics != SETTING_METRICS_OFF) {
        pages->routes[pages->route_count++] = (struct route){
            .path = "/metrics",
            .roles = ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_AUDITOR),
            .loopback = settings->metrics == SETTING_METRICS_LOOPBACK,
            .get = metrics,
        };
    }
}

void pages_release(struct pages *pages)
{
    atomic_store(&pages->verify_stop, true);
    if (pages->verifying) {
        pthread_join(pages->verifier, NULL);
        pages->verifying = false;
    }
    pthread_mutex_destroy(&pages->lock);
}
