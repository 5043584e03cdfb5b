#include "process/pages.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/entry/entry.h"
#include "core/merkle/witness.h"
#include "passerelle/v1/desk.pb-c.h"
#include "passerelle/v1/payment.pb-c.h"
#include "process/tlog.h"
#include "process/verify.h"
#include "process/worker.h"
#include "service/service.h"
#include "service/sync/uplink.h"
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

/* Everybody may have it. */
static void ca_certificate(void *context, struct exchange *x, const struct principal *who)
{
    const struct pages *pages = context;
    struct buf pem = BUF_INIT;
    struct fault fault = FAULT_NONE;
    (void)who;
    if (state_read_file(pages->state->ca_certificate, &pem, &fault) != E_OK) {
        reply(x, 503, "%s\n", fault.text);
    } else {
        route_reply(x, 200, "application/x-pem-file", buf_content(&pem));
    }
    buf_release(&pem);
}

/* ---- metrics ---- */

static void add_requests(struct buf *out, const struct daemon *daemon)
{
    size_t count;
    const struct method_metrics *rows = daemon_metrics(daemon, &count);
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

static void add_connections(struct buf *out, const struct daemon *daemon)
{
    const struct transport *transport = daemon_transport(daemon);
    const char *help = "Connections by state.";
    char labels[64];
    for (int state = 0; transport != NULL && state < CONN_STATE_COUNT; state++) {
        snprintf(labels, sizeof labels, "state=\"%s\"", conn_state_name((enum conn_state)state));
        metric_format(out, "passerelle_connections", help, "gauge", labels,
                      (uint64_t)transport_count(transport, (enum conn_state)state));
        help = NULL;
    }
}

static void add_refused(struct buf *out, const struct daemon *daemon)
{
    const struct transport *transport = daemon_transport(daemon);
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

DB_SQL(count_forked, "SELECT COUNT(*) FROM remote_feed WHERE forked = 1");

static void add_forked(struct buf *out, struct db *db)
{
    struct query *query = db_query(db, &count_forked);
    if (query_next(query)) {
        metric_format(out, "passerelle_feeds_forked",
                      "Ledgers of sites that told two stories: nothing more is taken from them.",
                      "gauge", "", (uint64_t)query_int(query, 0));
        query_end(query);
    }
}

/* What a value of an enum is called behind the name of the enum. */
static const char *word_of(const ProtobufCEnumDescriptor *descriptor, int value, const char *prefix)
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(descriptor, value);
    return found == NULL ? "unknown" : found->name + strlen(prefix);
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
        if (pages->refusals[i] == 0) {
            continue;
        }
        char labels[96];
        snprintf(labels, sizeof labels, "code=\"%s\"",
                 word_of(&passerelle__v1__refusal_code__descriptor, (int)i, "REFUSAL_CODE_"));
        metric_format(out, "passerelle_refusals_total", help, "counter", labels,
                      pages->refusals[i]);
        help = NULL;
    }
    pthread_mutex_unlock(&pages->lock);
}

DB_SQL(count_levels, "SELECT level, COUNT(*) FROM exposure GROUP BY level ORDER BY level");

/* Which issuer it is, `passerelle status` tells those who may know. */
static void add_exposure(struct buf *out, struct db *db)
{
    const char *help = "Issuers with an exposure limit, by level.";
    struct query *query = db_query(db, &count_levels);
    while (query_next(query)) {
        char labels[64];
        snprintf(labels, sizeof labels, "level=\"%s\"",
                 word_of(&passerelle__v1__exposure_level__descriptor, (int)query_int(query, 0),
                         "EXPOSURE_LEVEL_"));
        metric_format(out, "passerelle_exposure_issuers", help, "gauge", labels,
                      (uint64_t)query_int(query, 1));
        help = NULL;
    }
}

DB_SQL(new_stays, "SELECT source, COUNT(*), MAX(visit_key) FROM visit "
                  "WHERE visit_key > :after AND visit_key < :end GROUP BY source");

static bool is_site_feed(const struct feed_id *feed)
{
    return strcmp(feed->name, FEED_NET) != 0 && strcmp(feed->name, FEED_BOOKS) != 0;
}

/* The site's counts, begun when it is met; those that are there at the start begin at its end. */
static struct site_stays *stays_of(struct pages *pages, int64_t feed_no, uint64_t size)
{
    for (size_t i = 0; i < pages->stays_count; i++) {
        if (pages->stays[i].feed_no == feed_no) {
            return &pages->stays[i];
        }
    }
    pages->stays = xrealloc(pages->stays, pages->stays_count + 1, sizeof *pages->stays);
    struct site_stays *fresh = &pages->stays[pages->stays_count++];
    *fresh = (struct site_stays){.feed_no = feed_no,
                                 .last_key = feed_no << FEED_SEQ_BITS | (int64_t)size};
    return fresh;
}

/* The keys of visits are those of entries, which only grow: each stay is counted once, when it is
 * first seen. */
static void count_stays(struct site_stays *site, struct db *db)
{
    struct query *query = db_query(db, &new_stays);
    query_bind_int(query, "after", site->last_key);
    query_bind_int(query, "end", (site->feed_no + 1) << FEED_SEQ_BITS);
    while (query_next(query)) {
        uint64_t source = (uint64_t)query_int(query, 0);
        site->by_source[source < ARRAY_LEN(site->by_source) ? source : 0] +=
            (uint64_t)query_int(query, 1);
        int64_t key = query_int(query, 2);
        site->last_key = key > site->last_key ? key : site->last_key;
    }
}

static void add_stays(struct buf *out, struct pages *pages, struct db *db)
{
    const char *help = "Stays recorded at a site, by source: the share of PAPER is that of notes "
                       "from paper.";
    struct feed_id feed;
    struct query *list = feed_list(db);
    pthread_mutex_lock(&pages->lock);
    while (feed_list_next(list, &feed)) {
        if (!is_site_feed(&feed)) {
            continue;
        }
        struct site_stays *site = stays_of(pages, feed.no, 0);
        count_stays(site, db);
        for (size_t i = 0; i < ARRAY_LEN(site->by_source); i++) {
            char labels[FEED_NAME_MAX + 64];
            if (site->by_source[i] == 0) {
                continue;
            }
            snprintf(labels, sizeof labels, "site=\"%s\",source=\"%s\"", feed.name,
                     word_of(&passerelle__v1__source__descriptor, (int)i, "SOURCE_"));
            metric_format(out, "passerelle_stays_total", help, "counter", labels,
                          site->by_source[i]);
            help = NULL;
        }
    }
    pthread_mutex_unlock(&pages->lock);
}

/* Of a site's daemon. */
static void add_uplink(struct buf *out, const struct node *node)
{
    struct uplink_status status;
    struct uplink *uplink = node->uplink;
    const char *help = "1 for how this site stands with its hub, 0 for the others.";
    char labels[64];
    uplink_status(uplink, &status);
    for (int i = 0; i < UPLINK_STATES; i++) {
        snprintf(labels, sizeof labels, "state=\"%s\"", uplink_state_name((enum uplink_state)i));
        metric_format(out, "passerelle_uplink_state", help, "gauge", labels,
                      status.state == (enum uplink_state)i);
        help = NULL;
    }
    metric_format(out, "passerelle_uplink_connected",
                  "1 while this site hears from its hub and is heard, 0 while its desks decide by "
                  "the offline rules.",
                  "gauge", "", node_is_connected(node));
    metric_format(out, "passerelle_uplink_untaken",
                  "1 while the hub does not take what this site writes.", "gauge", "",
                  node_is_untaken(node));
    metric_format(out, "passerelle_uplink_receipt_entries",
                  "Entries of this site that the hub has given a receipt for.", "gauge", "",
                  status.receipt_size);
    metric_format(out, "passerelle_uplink_pushes_total", "Pushes that the hub answered.", "counter",
                  "", status.pushes);
    metric_format(out, "passerelle_uplink_failures_total", "Calls and streams that failed.",
                  "counter", "", status.failures);
    metric_format(out, "passerelle_uplink_problems_total",
                  "What the hub found wrong with entries of this site.", "counter", "",
                  status.problems);
    metric_format(out, "passerelle_uplink_recovered_entries_total",
                  "Entries of this site that it had lost and got back from the hub.", "counter", "",
                  status.recovered);
    metric_format(out, "passerelle_uplink_snapshots_total",
                  "Snapshots of the network that were taken in place of its entries.", "counter",
                  "", status.snapshots);
}

static void add_witnesses(struct buf *out, const struct witnesses *witnesses)
{
    struct witness_counts counts;
    const char *help = "Checkpoints of this daemon's feeds that a witness cosigned.";
    char labels[NOTE_NAME_MAX + 16];
    for (size_t i = 0; witnesses_counts(witnesses, i, &counts); i++) {
        snprintf(labels, sizeof labels, "witness=\"%s\"", counts.name);
        metric_format(out, "passerelle_witness_cosignatures_total", help, "counter", labels,
                      counts.cosigned);
        help = NULL;
    }
    help = "Times that a witness did not answer, or refused.";
    for (size_t i = 0; witnesses_counts(witnesses, i, &counts); i++) {
        snprintf(labels, sizeof labels, "witness=\"%s\"", counts.name);
        metric_format(out, "passerelle_witness_failures_total", help, "counter", labels,
                      counts.failures);
        help = NULL;
    }
}

static void metrics(void *context, struct exchange *x, const struct principal *who)
{
    struct pages *pages = context;
    struct buf out = BUF_INIT;
    struct fault fault = FAULT_NONE;
    (void)who;
    metric_format(&out, "passerelle_build_info", "Version that runs.", "gauge",
                  "version=\"" PASSERELLE_VERSION "\"", 1);
    add_requests(&out, pages->daemon);
    add_connections(&out, pages->daemon);
    add_refused(&out, pages->daemon);
    metric_format(&out, "passerelle_slow_calls_queued", "Long reads that wait.", "gauge", "",
                  daemon_slow_queued(pages->daemon));
    writer_metrics_format(daemon_writer(pages->daemon), &out);
    if (daemon_node(pages->daemon)->uplink != NULL) {
        add_uplink(&out, daemon_node(pages->daemon));
    }
    add_witnesses(&out, pages->witnesses);
    const struct service *service = daemon_service_here(pages->daemon, &fault);
    struct db *db = service == NULL ? NULL : service->db;
    if (db != NULL && db_begin_read(db, &fault) == E_OK) {
        add_feeds(&out, db);
        add_forked(&out, db);
        add_refusals(&out, pages, db);
        add_exposure(&out, db);
        add_stays(&out, pages, db);
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
    nice(WORKER_NICE);
    const struct log *log = daemon_node(pages->daemon)->log;
    int err = daemon_reader(pages->daemon, &db, &fault);
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

int pages_init(struct pages *pages, struct daemon *daemon, const struct state *state,
               const struct settings *settings, struct fault *fault)
{
    *pages = (struct pages){.daemon = daemon, .state = state};
    pthread_mutex_init(&pages->lock, NULL);
    struct db *db = daemon_service(daemon)->db;
    int err = db_begin_read(db, fault);
    if (err != E_OK) {
        return err;
    }
    struct feed_id feed;
    struct query *list = feed_list(db);
    while (feed_list_next(list, &feed)) {
        stays_of(pages, feed.no, feed_head(db, feed.no).size);
    }
    err = db_end(db, fault);
    pages->routes[pages->route_count++] =
        (struct route){.path = "/healthz", .roles = ROLES_ALL, .loopback = true, .serve = healthz};
    pages->routes[pages->route_count++] =
        (struct route){.path = "/readyz", .roles = ROLES_ALL, .loopback = true, .serve = readyz};
    pages->routes[pages->route_count++] = (struct route){
        .path = TLOG_PREFIX "*", .roles = ROLES_ALL, .counted = true, .serve = tlog_tiles};
    if (settings->role == SETTING_ROLE_HUB) {
        pages->routes[pages->route_count++] = (struct route){
            .path = "/ca.crt", .roles = ROLES_ALL, .loopback = true, .serve = ca_certificate};
        pages->routes[pages->route_count++] = (struct route){.path = "/add-checkpoint",
                                                             .roles = ROLES_ALL,
                                                             .counted = true,
                                                             .post_bytes_max = WITNESS_BODY_MAX,
                                                             .serve = tlog_add_checkpoint};
    }
    if (settings->metrics != SETTING_METRICS_OFF) {
        pages->routes[pages->route_count++] = (struct route){
            .path = "/metrics",
            .roles = ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_AUDITOR),
            .loopback = settings->metrics == SETTING_METRICS_LOOPBACK,
            .serve = metrics,
        };
    }
    return err;
}

void pages_unload(struct pages *pages)
{
    atomic_store(&pages->verify_stop, true);
    if (pages->verifying) {
        pthread_join(pages->verifier, NULL);
        pages->verifying = false;
    }
    free(pages->stays);
    pthread_mutex_destroy(&pages->lock);
}
