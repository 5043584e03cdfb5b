/* The server: TLS 1.3, HTTP/1.1, the Connect protocol (connectrpc.com/docs/protocol) for the
 * methods of a gateway, and a few plain routes. transport/gateway.h is what stands behind it.
 *
 * Choices where the protocol leaves some: a message over its method's limit is `resource_exhausted`
 * with HTTP 429, as the protocol maps that code, and 413 only on plain routes; a missing
 * Connect-Protocol-Version is fine, another than 1 is not; 404, 405 and 415 carry Connect's JSON
 * too. Requests need no Content-Length (chunked is fine), so 411 is never said. */
#ifndef TRANSPORT_TRANSPORT_H
#define TRANSPORT_TRANSPORT_H

#include "transport/gateway.h"
#include "transport/http/http.h"

struct transport;

/* A plain route: GET, and HEAD with it, or POST. The handler replies before it returns, or asks a
 * method and replies later. `who` is anonymous when nothing was shown. */
struct route {
    const char *path;      /* exactly; a final '*' stands for any rest */
    unsigned roles;        /* ROLE_BIT of each that may read it */
    bool loopback;         /* a peer on this machine may read it without any role */
    bool counted;          /* requests count for their caller's rate, as calls do */
    size_t post_bytes_max; /* a POST with at most so many bytes, in x->body; 0: a GET */
    void (*serve)(void *context, struct exchange *x, const struct principal *who);
};
void route_reply(struct exchange *x, int status, const char *content_type, struct view body);
struct route_answer {
    int status;
    const char *content_type;
    const char *cache_control; /* NULL: nothing is said */
    bool may_gzip;             /* and is, when the caller takes it and it pays */
    struct view body;
};
void route_answer(struct exchange *x, const struct route_answer *answer);
/* The error as Connect says it; status 0: as its code maps. */
void route_refuse(struct exchange *x, int status, const struct call_error *error);
/* Hands a call to the gateway, with the caller's identity: the role is the caller's to check.
 * `answer` is called on this thread when it ended well, and replies; errors are told as by
 * route_refuse(). `request` lives in the exchange's arena. */
void route_ask(struct exchange *x, const struct method *method, const ProtobufCMessage *request,
               void (*answer)(void *context, struct exchange *x, const struct call *call));

struct transport_config {
    const struct env *env;
    const struct log *log;         /* may be NULL */
    const char *host;              /* NULL = any address */
    uint16_t port;                 /* 0 = any free one */
    int threads;
    struct tls_files tls;
    struct limits limits;          /* start from LIMITS_DEFAULT */
    struct gateway gateway;
    const struct route *routes;    /* borrowed */
    size_t route_count;
    void *route_context;
};

/* Listens and serves until transport_free(). See net_start() for signals and errors. */
must_check int transport_start(const struct transport_config *config, struct transport **out,
                               struct fault *fault);
uint16_t transport_port(const struct transport *transport);
/* The node's data changed: streams are pumped soon, many calls at once. Any thread. */
void transport_wake(struct transport *transport);
/* New connections use these files; on an error the old ones stay in use. Any thread. */
must_check int transport_reload(struct transport *transport, const struct tls_files *files,
                                struct fault *fault);
/* These limits count from now on; connections and streams that are there stay. From one thread at a
 * time. */
void transport_set_limits(struct transport *transport, const struct limits *limits);
/* Stops accepting, ends streams with `unavailable`, lets calls in flight end. True when all
 * connections closed in time. Once, not from an I/O thread. */
bool transport_drain(struct transport *transport, int64_t deadline_ms);
/* Waits for the gateway to end all its calls, also those that nobody waits for any more. */
void transport_free(struct transport *transport);
/* For metrics: connections in a state, and open streams. */
int transport_count(const struct transport *transport, enum conn_state state);
/* And what was turned away since the start. */
struct transport_refused {
    uint64_t calls_over_rate;
    uint64_t connections_cut; /* idle ones, to make room */
    uint64_t connections_refused;
};
struct transport_refused transport_refused(const struct transport *transport);

#endif
