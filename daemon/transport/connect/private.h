/* What the files of connect/ share: one remote call on its way through an exchange. */
#ifndef TRANSPORT_CONNECT_PRIVATE_H
#define TRANSPORT_CONNECT_PRIVATE_H

#include <event2/event_struct.h>

#include "transport/connect/codec.h"
#include "transport/connect/rate.h"
#include "transport/transport.h"
#include "wire/gzip.h"

/* Below this gzip costs more than it saves. */
enum { GZIP_BYTES_MIN = 1024 };

struct transport {
    struct transport_config config;
    struct http_handler handler;
    struct net *net;
    struct gzip *gzips; /* one per I/O thread */
    struct rates *rates;
    atomic_int streams;
    atomic_int calls; /* submitted, and not yet ours again */
    atomic_ullong trace; /* of the next call: mixed before use */
};

/* Lives in the exchange's arena, at x->user. */
struct rpc {
    struct transport *transport;
    struct exchange *x;
    struct call call;
    const struct method *method; /* NULL: none was found */
    const struct route *route;   /* a plain one; its method is what it asks */
    void (*answer)(void *context, struct exchange *x, const struct call *call);
    enum codec codec;
    bool get;
    bool request_gzip;  /* unary: the whole body; stream: envelopes may be */
    bool response_gzip;
    int64_t timeout_ms; /* the caller's; -1 = none */
    struct event timer; /* runs out at the call's deadline */
    bool timer_set;
    bool submitting;    /* within gateway.submit(), on the I/O thread */
    bool done;          /* done() was called within it */
    bool ended;         /* the metrics know */

    struct stream stream;
    struct arena scratch;
    bool streaming;     /* the response's head is sent */
    bool opened;        /* submit() ended well: pump */
    bool pumping;
    bool full;          /* the peer's buffer was, since the last pump */
    uint64_t epoch;     /* when the caller was authenticated */
    int64_t sent_ns;    /* last message */
    int64_t written;    /* bytes handed to the connection */
    int64_t due;        /* of them, those that the peer must have taken in time, */
    int64_t due_ns;     /* counted from here */
};

/* A connection's certificate, asked about once per epoch; conn->memo. */
struct identity {
    uint64_t epoch;
    struct principal who;
};

/* auth.c: false fills error. */
bool auth_check(struct transport *transport, struct exchange *x, struct principal *out,
                struct call_error *error);

/* error.c: {"code": ...}; the arena is for the details' bytes. */
void error_write(struct buf *out, const struct call_error *error, struct arena *arena);

/* rpc.c */
void rpc_head(struct transport *transport, struct exchange *x);
/* A call that has yet to find what it is for. */
struct rpc *rpc_new(struct transport *transport, struct exchange *x);
/* False fills error: the caller, known or not, makes too many. */
bool rpc_within_rate(struct rpc *rpc, struct call_error *error);
/* Starts the deadline, submits, and goes on when the call is done. */
void rpc_submit(struct rpc *rpc);
/* Starts the timer of the call's deadline, if it has one. */
void rpc_set_timer(struct rpc *rpc);
struct gzip *rpc_gzip(struct rpc *rpc);
/* Tells metrics and log, once. */
void rpc_end(struct rpc *rpc, enum code code);
/* Adds the headers that every answer to a method's caller has: its own metadata, and the id that
 * the log knows the call by. After http_begin(). */
void rpc_add_metadata(struct rpc *rpc);
/* An answer without a call; status 0: as the code maps. */
void rpc_refuse(struct exchange *x, int status, const struct call_error *error);

/* connect.c: what a plain route asked for is over. */
void route_done(struct rpc *rpc);

/* unary.c */
void unary_body(struct rpc *rpc);
void unary_done(struct rpc *rpc);
void unary_fail(struct rpc *rpc, const struct call_error *error);

/* stream.c */
bool stream_admit(struct rpc *rpc, struct call_error *error);
void stream_body(struct rpc *rpc);
void stream_done(struct rpc *rpc);
void stream_fail(struct rpc *rpc, const struct call_error *error);
void stream_gone(struct rpc *rpc);
void stream_pump(struct rpc *rpc);
void stream_tick(struct rpc *rpc);
void stream_drain(struct rpc *rpc);

#endif
