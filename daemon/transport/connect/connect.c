/* The server as a whole: which path goes where, and the public functions. */
#include <stdlib.h>

#include "transport/connect/private.h"
#include "wire/pack.h"

struct gzip *rpc_gzip(struct rpc *rpc)
{
    return &rpc->transport->gzips[rpc->x->io->index];
}

static bool is_loopback(const uint8_t address[16])
{
    static const uint8_t v4[13] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127};
    static const uint8_t v6[16] = {[15] = 1};
    return memcmp(address, v4, sizeof v4) == 0 || memcmp(address, v6, sizeof v6) == 0;
}

static const struct route *find_route(const struct transport *transport, struct view path)
{
    for (size_t i = 0; i < transport->config.route_count; i++) {
        const struct route *route = &transport->config.routes[i];
        size_t len = strlen(route->path);
        if (route->path[len - 1] == '*'
                ? path.len >= len - 1 && memcmp(path.data, route->path, len - 1) == 0
                : view_is(path, route->path)) {
            return route;
        }
    }
    return NULL;
}

void route_reply(struct exchange *x, int status, const char *content_type, struct view body)
{
    route_answer(
        x, &(struct route_answer){.status = status, .content_type = content_type, .body = body});
}

void route_answer(struct exchange *x, const struct route_answer *answer)
{
    struct rpc *rpc = x->user;
    struct buf packed = BUF_INIT;
    bool gzip = answer->may_gzip && answer->body.len >= GZIP_BYTES_MIN &&
                codec_offers_gzip(http_header(x, "accept-encoding")) &&
                gzip_compress(rpc_gzip(rpc), answer->body, &packed) == E_OK;
    if (rpc->method != NULL) {
        rpc_end(rpc, CODE_OK);
    }
    http_begin(x, answer->status);
    if (rpc->method != NULL) {
        rpc_add_metadata(rpc);
    }
    if (answer->cache_control != NULL) {
        http_add(x, "Cache-Control", view_of(answer->cache_control));
    }
    if (answer->may_gzip) {
        http_add(x, "Vary", VIEW_LIT("Accept-Encoding"));
    }
    if (gzip) {
        http_add(x, "Content-Encoding", VIEW_LIT("gzip"));
    }
    http_body(x, answer->content_type, gzip ? buf_content(&packed) : answer->body);
    buf_release(&packed);
}

void route_refuse(struct exchange *x, int status, const struct call_error *error)
{
    struct rpc *rpc = x->user;
    if (rpc->method != NULL) {
        rpc_end(rpc, error->code);
    }
    rpc_refuse(x, status, error);
}

void route_ask(struct exchange *x, const struct method *method, const ProtobufCMessage *request,
               void (*answer)(void *context, struct exchange *x, const struct call *call))
{
    struct rpc *rpc = x->user;
    rpc->method = method;
    rpc->answer = answer;
    rpc->call.request = request;
    rpc->call.request_bytes = wire_pack_arena(&x->arena, request);
    rpc_submit(rpc);
}

void route_done(struct rpc *rpc)
{
    if (rpc->call.error.code != CODE_OK) {
        route_refuse(rpc->x, 0, &rpc->call.error);
    } else {
        rpc->answer(rpc->transport->config.route_context, rpc->x, &rpc->call);
    }
}

static void serve_route(struct transport *transport, const struct route *route, struct exchange *x)
{
    struct rpc *rpc = rpc_new(transport, x);
    struct principal *who = &rpc->call.who;
    struct call_error error;
    bool post = route->post_bytes_max > 0;
    rpc->route = route;
    x->body_bytes_max = 0;
    bool known = auth_check(transport, x, who, &error);
    if (!known) {
        *who = (struct principal){.role = ROLE_ANYONE};
    }
    if (post ? x->method != HTTP_POST : x->method != HTTP_GET && x->method != HTTP_HEAD) {
        rpc_refuse(x, 405,
                   &(struct call_error){.code = CODE_UNKNOWN,
                                        .message = post ? "This path is only for POST."
                                                        : "This path is only for reading."});
    } else if ((route->counted && !rpc_within_rate(rpc, &error)) || !known) {
        rpc_refuse(x, 0, &error);
    } else if ((route->roles & (ROLE_BIT(who->role) | ROLE_BIT(ROLE_ANYONE))) == 0 &&
               !(route->loopback && is_loopback(x->conn->address))) {
        rpc_refuse(x, 0,
                   &(struct call_error){.code = who->role == ROLE_ANYONE ? CODE_UNAUTHENTICATED
                                                                         : CODE_PERMISSION_DENIED,
                                        .message = "This path is not for everyone."});
    } else if (post) {
        x->body_bytes_max = route->post_bytes_max; /* then body() */
    } else {
        route->serve(transport->config.route_context, x, who);
    }
}

static void head(void *context, struct exchange *x)
{
    struct transport *transport = context;
    const struct route *route = find_route(transport, x->path);
    if (route != NULL) {
        serve_route(transport, route, x);
    } else {
        rpc_head(transport, x);
    }
}

static void body(void *context, struct exchange *x)
{
    (void)context;
    struct rpc *rpc = x->user;
    if (rpc->route != NULL) {
        rpc->route->serve(rpc->transport->config.route_context, x, &rpc->call.who);
    } else if (rpc->method->streams) {
        stream_body(rpc);
    } else {
        unary_body(rpc);
    }
}

static void too_large(void *context, struct exchange *x)
{
    (void)context;
    struct rpc *rpc = x->user;
    if (rpc->route != NULL) {
        rpc_refuse(x, 413,
                   &(struct call_error){
                       .code = CODE_RESOURCE_EXHAUSTED,
                       .message = arena_printf(&x->arena, "This path takes %zu bytes at most.",
                                               rpc->route->post_bytes_max)});
        return;
    }
    struct call_error error = {
        .code = CODE_RESOURCE_EXHAUSTED,
        .message = arena_printf(&x->arena,
                                "The message is larger than the %zu bytes that this "
                                "method takes: send less at once.",
                                (size_t)rpc->method->request_bytes_max)};
    if (rpc->method->streams) {
        stream_fail(rpc, &error);
    } else if (rpc->get) {
        error.code = CODE_INVALID_ARGUMENT;
        error.message = "A GET has no body: its message is a parameter.";
        unary_fail(rpc, &error);
    } else {
        unary_fail(rpc, &error);
    }
}

static void gone(void *context, struct exchange *x)
{
    (void)context;
    struct rpc *rpc = x->user;
    if (rpc == NULL) {
        return;
    }
    if (rpc->timer_set) {
        event_del(&rpc->timer);
        rpc->timer_set = false;
    }
    stream_gone(rpc);
    if (rpc->method != NULL) {
        rpc_end(rpc, CODE_CANCELED);
    }
}

static void pump(void *context, struct exchange *x)
{
    (void)context;
    stream_pump(x->user);
}

static void tick(void *context, struct exchange *x)
{
    (void)context;
    stream_tick(x->user);
}

static void drain(void *context, struct exchange *x)
{
    (void)context;
    stream_drain(x->user);
}

static void bad_request(void *context, struct exchange *x, int status, const char *sentence)
{
    (void)context;
    static const struct {
        int status;
        enum code code;
    } codes[] = {{408, CODE_DEADLINE_EXCEEDED},
                 {414, CODE_RESOURCE_EXHAUSTED},
                 {431, CODE_RESOURCE_EXHAUSTED},
                 {501, CODE_UNIMPLEMENTED},
                 {505, CODE_UNIMPLEMENTED}};
    struct call_error error = {.code = CODE_INVALID_ARGUMENT, .message = sentence};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        error.code = codes[i].status == status ? codes[i].code : error.code;
    }
    struct rpc *rpc = x->user;
    if (rpc != NULL && rpc->method != NULL) {
        rpc_end(rpc, error.code);
    }
    rpc_refuse(x, status, &error);
}

int transport_start(const struct transport_config *config, struct transport **out,
                    struct fault *fault)
{
    struct transport *transport = xcalloc(1, sizeof *transport);
    transport->config = *config;
    transport->gzips = xcalloc((size_t)config->threads, sizeof *transport->gzips);
    unsigned long long seed;
    env_random(config->env, &seed, sizeof seed);
    atomic_store(&transport->trace, seed);
    env_random(config->env, &seed, sizeof seed);
    transport->rates = rates_new(seed);
    transport->handler = (struct http_handler){.context = transport,
                                               .head = head,
                                               .body = body,
                                               .too_large = too_large,
                                               .gone = gone,
                                               .pump = pump,
                                               .tick = tick,
                                               .drain = drain,
                                               .bad_request = bad_request};
    struct net_config net = {.env = config->env,
                             .log = config->log,
                             .host = config->host,
                             .port = config->port,
                             .threads = config->threads,
                             .tls = config->tls,
                             .limits = config->limits,
                             .protocol = http_protocol(&transport->handler)};
    int err = net_start(&net, &transport->net, fault);
    if (err != E_OK) {
        rates_free(transport->rates);
        free(transport->gzips);
        free(transport);
        return err;
    }
    *out = transport;
    return E_OK;
}

uint16_t transport_port(const struct transport *transport)
{
    return net_port(transport->net);
}

void transport_wake(struct transport *transport)
{
    net_wake(transport->net);
}

int transport_reload(struct transport *transport, const struct tls_files *files,
                     struct fault *fault)
{
    return net_reload(transport->net, files, fault);
}

void transport_set_limits(struct transport *transport, const struct limits *limits)
{
    net_set_limits(transport->net, limits);
}

bool transport_drain(struct transport *transport, int64_t deadline_ms)
{
    return net_drain(transport->net, deadline_ms);
}

void transport_free(struct transport *transport)
{
    if (!net_is_draining(transport->net)) {
        net_drain(transport->net, 0);
    }
    /* Whoever works on a call writes into its exchange, even when nobody waits for the answer. */
    while (atomic_load(&transport->calls) > 0) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    net_free(transport->net);
    for (int i = 0; i < transport->config.threads; i++) {
        gzip_release(&transport->gzips[i]);
    }
    rates_free(transport->rates);
    free(transport->gzips);
    free(transport);
}

int transport_count(const struct transport *transport, enum conn_state state)
{
    return net_count(transport->net, state);
}

struct transport_refused transport_refused(const struct transport *transport)
{
    return (struct transport_refused){
        .calls_over_rate = rates_refused(transport->rates),
        .connections_cut = net_cut(transport->net),
        .connections_refused = net_refused(transport->net),
    };
}
