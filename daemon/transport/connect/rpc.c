/* From a request's head to a submitted call, for unary calls and streams alike. Checks stand in the
 * order of the protocol page: path, HTTP method, content type, version, timeout, encoding; then who
 * calls, and whether that role may; all before the body is read. */
#include <assert.h>

#include "base/text.h"
#include "transport/connect/private.h"

void rpc_end(struct rpc *rpc, enum code code)
{
    if (rpc->ended) {
        return;
    }
    rpc->ended = true;
    const struct transport_config *config = &rpc->transport->config;
    int64_t took_ns = env_monotonic_ns(config->env) - rpc->x->started_ns;
    config->gateway.ended(config->gateway.context, rpc->method, code, took_ns);
    if (config->log != NULL && config->log->level >= LOG_INFO && rpc->method != NULL) {
        bool ours = code == CODE_INTERNAL || code == CODE_DATA_LOSS;
        log_event(config->log, ours ? LOG_ERROR : LOG_DEBUG, "call",
                  LOG_S("id", rpc->call.trace), LOG_S("service", rpc->method->service),
                  LOG_S("method", rpc->method->name), LOG_S("code", code_name(code)),
                  LOG_S("role", role_name(rpc->call.who.role)), LOG_N("us", took_ns / 1000));
    }
}

void rpc_add_metadata(struct rpc *rpc)
{
    if (rpc->call.trace[0] != '\0') {
        http_add(rpc->x, "Passerelle-Call", view_of(rpc->call.trace));
    }
    for (const struct metadata *pair = rpc->call.metadata; pair != NULL; pair = pair->next) {
        if (pair->trailing && !rpc->method->streams) {
            http_add(rpc->x, arena_printf(&rpc->x->arena, "Trailer-%s", pair->name), pair->value);
        } else if (!pair->trailing) {
            http_add(rpc->x, pair->name, pair->value);
        }
    }
}

void rpc_refuse(struct exchange *x, int status, const struct call_error *error)
{
    struct buf body = BUF_INIT;
    error_write(&body, error, &x->arena);
    http_begin(x, status == 0 ? code_http_status(error->code) : status);
    if (error->retry_after_s > 0) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%d", error->retry_after_s);
        http_add(x, "Retry-After", view_of(seconds));
    }
    if (error->code == CODE_UNAUTHENTICATED) {
        http_add(x, "WWW-Authenticate", VIEW_LIT("Bearer"));
    }
    if (x->user != NULL) {
        rpc_add_metadata(x->user);
    }
    if (status == 405) {
        const struct rpc *rpc = x->user;
        bool both = rpc->route == NULL && rpc->method->no_side_effects;
        bool get = rpc->route != NULL && rpc->route->post_bytes_max == 0;
        http_add(x, "Allow", both  ? VIEW_LIT("GET, HEAD, POST")
                             : get ? VIEW_LIT("GET, HEAD")
                                   : VIEW_LIT("POST"));
    } else if (status == 415) {
        const struct rpc *rpc = x->user;
        http_add(x, "Accept-Post",
                 rpc->method->streams
                     ? VIEW_LIT("application/connect+proto, application/connect+json")
                     : VIEW_LIT("application/proto, application/json"));
    } else if (error->code == CODE_UNIMPLEMENTED) {
        http_add(x, "Accept-Encoding", VIEW_LIT("gzip, identity"));
    }
    http_body(x, "application/json", buf_content(&body));
    buf_release(&body);
}

static void refuse(struct rpc *rpc, int status, enum code code, const char *message)
{
    rpc_end(rpc, code);
    rpc_refuse(rpc->x, status, &(struct call_error){.code = code, .message = message});
}

static bool find_method(struct rpc *rpc)
{
    const struct gateway *gateway = &rpc->transport->config.gateway;
    struct view rest = rpc->x->path;
    struct view part[4];
    size_t count = 0;
    while (count < ARRAY_LEN(part) && view_cut(&rest, '/', &part[count])) {
        count++;
    }
    enum lookup found = LOOKUP_NO_SERVICE;
    if (count == 3 && part[0].len == 0) {
        found = gateway->find(gateway->context, part[1], part[2], &rpc->method);
    }
    if (found == LOOKUP_NO_METHOD) {
        refuse(rpc, 501, CODE_UNIMPLEMENTED, "This service has no such method.");
    } else if (found == LOOKUP_NO_SERVICE) {
        refuse(rpc, 404, CODE_UNIMPLEMENTED, "There is nothing at this path.");
    }
    return found == LOOKUP_FOUND;
}

/* The subtype after "application/" or "application/connect+". */
static bool content_codec(struct rpc *rpc)
{
    struct view type = http_header(rpc->x, "content-type");
    const char *prefix = rpc->method->streams ? "application/connect+" : "application/";
    type = view_trim(view_slice(type, 0, view_find(type, ';')));
    char lower[64];
    if (type.len >= sizeof lower) {
        return false;
    }
    for (size_t i = 0; i < type.len; i++) {
        char c = type.data[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    type.data = lower;
    return view_starts(type, prefix) &&
           codec_parse(view_slice(type, strlen(prefix), type.len), &rpc->codec);
}

/* At most 10 digits, so that it always fits. */
static bool parse_timeout(struct rpc *rpc)
{
    struct view text = http_header(rpc->x, "connect-timeout-ms");
    rpc->timeout_ms = -1;
    if (text.data == NULL) {
        return true;
    }
    rpc->timeout_ms = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        rpc->timeout_ms = rpc->timeout_ms * 10 + (text.data[i] - '0');
        if (i >= 10) {
            return false;
        }
    }
    return text.len > 0;
}

static bool parse_codings(struct rpc *rpc)
{
    bool streams = rpc->method->streams;
    struct exchange *x = rpc->x;
    struct view coding = http_header(x, streams ? "connect-content-encoding" : "content-encoding");
    struct view accepts = http_header(x, streams ? "connect-accept-encoding" : "accept-encoding");
    if (rpc->get) {
        coding = VIEW_NONE; /* a parameter says it */
    }
    bool known = codec_coding(coding, &rpc->request_gzip);
    rpc->response_gzip = accepts.data == NULL ? rpc->request_gzip : codec_offers_gzip(accepts);
    return known;
}

/* A caller is a certificate or a key; without one, an address, of IPv6 the network of a house. */
bool rpc_within_rate(struct rpc *rpc, struct call_error *error)
{
    const struct limits *limits = net_limits(rpc->transport->net);
    const struct principal *who = &rpc->call.who;
    const uint8_t *address = rpc->x->conn->address;
    static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
    struct view caller = who->role != ROLE_ANYONE
                             ? view_of(who->author)
                             : view_bytes(address, memcmp(address, v4, sizeof v4) == 0 ? 16 : 8);
    int64_t wait_ms = rates_take(rpc->transport->rates, caller, limits->caller_calls_per_s,
                                 limits->caller_burst, rpc->x->started_ns);
    if (wait_ms == 0) {
        return true;
    }
    *error = (struct call_error){
        .code = CODE_RESOURCE_EXHAUSTED,
        .message = arena_printf(&rpc->x->arena,
                                "Too many requests: %lld a second are allowed. Wait, then go on "
                                "more slowly.",
                                (long long)limits->caller_calls_per_s),
        .retry_after_s = (int)((wait_ms + 999) / 1000)};
    return false;
}

static bool may_call(struct rpc *rpc, struct call_error *error)
{
    const struct gateway *gateway = &rpc->transport->config.gateway;
    rpc->epoch = gateway->epoch(gateway->context);
    struct principal *who = &rpc->call.who;
    bool known = auth_check(rpc->transport, rpc->x, who, error);
    if (!known) {
        *who = (struct principal){.role = ROLE_ANYONE};
    }
    /* Guesses at keys cost a look-up each: they count too. */
    if (!rpc_within_rate(rpc, error) || !known) {
        return false;
    }
    if ((rpc->method->roles & (ROLE_BIT(who->role) | ROLE_BIT(ROLE_ANYONE))) != 0) {
        return true;
    }
    if (who->role == ROLE_ANYONE) {
        *error = (struct call_error){
            .code = CODE_UNAUTHENTICATED,
            .message = "Who are you? Present a certificate or a key (Authorization: Bearer)."};
    } else {
        *error = (struct call_error){
            .code = CODE_PERMISSION_DENIED,
            .message = arena_printf(&rpc->x->arena, "The role %s may not call %s.",
                                    role_name(who->role), rpc->method->name)};
    }
    return false;
}

static void fail(struct rpc *rpc, const struct call_error *error)
{
    if (rpc->method->streams) {
        stream_fail(rpc, error);
    } else {
        unary_fail(rpc, error);
    }
}

static void fail_with(struct rpc *rpc, enum code code, const char *message)
{
    fail(rpc, &(struct call_error){.code = code, .message = message});
}

static void make_trace(struct transport *transport, char trace[17])
{
    /* SplitMix64's finish over a counter from a random start: unique, and tells no order. */
    uint64_t z = atomic_fetch_add(&transport->trace, 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    text_to_hex(&z, sizeof z, trace);
}

static struct view sent(const struct call *call, const char *name)
{
    const struct rpc *rpc = call->owner;
    return http_header(rpc->x, name);
}

struct rpc *rpc_new(struct transport *transport, struct exchange *x)
{
    struct rpc *rpc = ARENA_NEW(&x->arena, struct rpc);
    rpc->transport = transport;
    rpc->x = x;
    rpc->call.owner = rpc;
    rpc->call.sent = sent;
    x->user = rpc;
    rpc->timeout_ms = -1;
    make_trace(transport, rpc->call.trace);
    return rpc;
}

void rpc_head(struct transport *transport, struct exchange *x)
{
    struct rpc *rpc = rpc_new(transport, x);
    if (!find_method(rpc)) {
        return;
    }
    rpc->get = x->method == HTTP_GET || x->method == HTTP_HEAD;
    if (!(x->method == HTTP_POST ||
          (rpc->get && rpc->method->no_side_effects && !rpc->method->streams))) {
        refuse(rpc, 405, CODE_UNKNOWN, "This HTTP method is not for this path: see Allow.");
        return;
    }
    if (!rpc->get && !content_codec(rpc)) {
        refuse(rpc, 415, CODE_UNKNOWN, "This content type is not for this path: see Accept-Post.");
        return;
    }
    struct call_error error = {.code = CODE_OK};
    struct view version = http_header(x, "connect-protocol-version");
    if (version.data != NULL && !view_is(version, "1")) {
        fail_with(rpc, CODE_INVALID_ARGUMENT, "This server speaks version 1 of Connect.");
    } else if (!parse_timeout(rpc)) {
        fail_with(rpc, CODE_INVALID_ARGUMENT,
                  "Connect-Timeout-Ms is a number of at most 10 digits.");
    } else if (!parse_codings(rpc)) {
        fail_with(rpc, CODE_UNIMPLEMENTED,
                  "This compression is not known here: use gzip or identity.");
    } else if (!may_call(rpc, &error) || (rpc->method->streams && !stream_admit(rpc, &error))) {
        fail(rpc, &error);
    } else {
        x->body_bytes_max = rpc->get ? 0 : rpc->method->request_bytes_max +
                                               (rpc->method->streams ? 1024 : 0);
    }
}

/* Submitting */

/* The call is over and ours again. */
static void finish(struct rpc *rpc)
{
    struct exchange *x = rpc->x;
    atomic_fetch_sub(&rpc->transport->calls, 1);
    if (rpc->timer_set) {
        event_del(&rpc->timer);
        rpc->timer_set = false;
    }
    if (x->conn == NULL) {
        exchange_release(x); /* answered by the timer, or the peer is gone */
        return;
    }
    x->held = false;
    if (rpc->route != NULL) {
        route_done(rpc);
    } else if (rpc->method->streams) {
        stream_done(rpc);
    } else {
        unary_done(rpc);
    }
}

static void run_done(struct io *io, struct post *post)
{
    (void)io;
    /* `post` is the first member of its exchange. */
    finish(((struct exchange *)(void *)post)->user);
}

static void call_done(struct call *call)
{
    struct rpc *rpc = call->owner;
    if (io_is_current(rpc->x->io) && rpc->submitting) {
        rpc->done = true;
        return;
    }
    rpc->x->post.run = run_done;
    exchange_post(rpc->x);
}

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct rpc *rpc = context;
    rpc->timer_set = false;
    if (rpc->x->conn != NULL) {
        fail_with(rpc, CODE_DEADLINE_EXCEEDED,
                  "The deadline has passed; what was asked for may still happen.");
    }
}

void rpc_set_timer(struct rpc *rpc)
{
    if (rpc->call.deadline_ns == 0) {
        return;
    }
    int64_t left_ns =
        rpc->call.deadline_ns - env_monotonic_ns(rpc->transport->config.env);
    left_ns = left_ns < 0 ? 0 : left_ns;
    struct timeval left = {.tv_sec = left_ns / 1000000000, .tv_usec = left_ns % 1000000000 / 1000};
    evtimer_assign(&rpc->timer, rpc->x->io->base, on_deadline, rpc);
    evtimer_add(&rpc->timer, &left);
    rpc->timer_set = true;
}

void rpc_submit(struct rpc *rpc)
{
    struct exchange *x = rpc->x;
    const struct gateway *gateway = &rpc->transport->config.gateway;
    struct call *call = &rpc->call;
    int64_t ms = rpc->method->duration_ms_max;
    if (rpc->timeout_ms >= 0 && (ms == 0 || rpc->timeout_ms < ms)) {
        ms = rpc->timeout_ms;
    }
    call->method = rpc->method;
    call->arena = &x->arena;
    call->received_ns = x->started_ns;
    call->deadline_ns = ms == 0 && rpc->timeout_ms != 0 ? 0 : x->started_ns + ms * 1000000;
    call->done = call_done;
    x->held = true;
    atomic_fetch_add(&rpc->transport->calls, 1);
    rpc->submitting = true;
    gateway->submit(gateway->context, call);
    rpc->submitting = false;
    if (rpc->done) {
        finish(rpc);
    } else {
        rpc_set_timer(rpc);
    }
}
