/* HTTP/1.1 on top of net: requests in, responses out, one at a time per connection in the order in
 * which they came. An `exchange` is one request with its response; it lives from the first byte of
 * the request until the response is handed to the connection and whoever works on it has let go,
 * and it outlives its connection if need be. Everything about a request lives in its arena, which
 * wipes itself, since heads hold bearer tokens.
 *
 * Malformed requests, limits, slow peers, Expect, keep-alive and drain are dealt with here; a
 * `struct http_handler` (transport/connect, plain routes) sees whole requests only. All functions
 * run on the exchange's I/O thread unless they say otherwise. */
#ifndef TRANSPORT_HTTP_HTTP_H
#define TRANSPORT_HTTP_HTTP_H

#include <http_parser.h>

#include "base/arena.h"
#include "base/buf.h"
#include "transport/net/net.h"

struct http_header {
    struct view name; /* as sent: compare with view_is_nocase() */
    struct view value;
};

struct exchange {
    struct post post;    /* to come back to the I/O thread: exchange_post() */
    struct io *io;
    struct conn *conn;   /* NULL once the connection is gone */
    struct arena arena;
    void *user;          /* the handler's own, in the arena */
    bool held;           /* someone outside works on it: it must not be freed */
    int64_t started_ns;  /* monotonic: first byte of the request */

    /* The request, from head() on. */
    enum http_method method;
    struct view target, path, query; /* query without '?'; as sent, still percent-encoded */
    struct http_header *headers;
    size_t header_count;
    bool has_body;
    uint64_t content_length; /* UINT64_MAX when the body is chunked */
    size_t body_bytes_max;   /* set by head(); beyond it too_large() is called */
    struct buf body;         /* complete when body() is called */

    /* private to http */
    http_parser parser;
    struct buf head, out;
    struct http_spans *spans;
    bool head_done;        /* head() was called, or the head was refused */
    bool message_done;     /* the last byte of the request is read */
    bool replied;          /* a whole response stands in `out` */
    bool over_limit;       /* more body than body_bytes_max */
    bool expects_continue;
    bool keep_alive;
    bool chunked;          /* the response of a stream is */
    struct exchange *next_free;
};

struct http_handler {
    void *context;
    /* The head is complete: reply (the rest of the request is then skipped), or set body_bytes_max
     * and let it come. */
    void (*head)(void *context, struct exchange *x);
    /* The request is complete: reply, now or later. */
    void (*body)(void *context, struct exchange *x);
    void (*too_large)(void *context, struct exchange *x); /* must reply */
    /* The connection is gone; x->conn is NULL. Unless x->held, x ends when this returns. */
    void (*gone)(void *context, struct exchange *x);
    /* For streams: */
    /* Its output has room again, or net_wake() was called: send what is new. */
    void (*pump)(void *context, struct exchange *x);
    void (*tick)(void *context, struct exchange *x);  /* four times a second */
    void (*drain)(void *context, struct exchange *x); /* end it */
    /* Must reply to a request that is malformed, too long or too slow; path may be empty. */
    void (*bad_request)(void *context, struct exchange *x, int status, const char *sentence);
};

/* The protocol for net_config. `handler` is borrowed and must outlive the net. */
struct protocol http_protocol(const struct http_handler *handler);

/* The first header of that name (any case); VIEW_NONE when absent. */
struct view http_header(const struct exchange *x, const char *name);

/* A response, in this order: begin, any headers, then body or stream. `body` may be empty. */
void http_begin(struct exchange *x, int status);
void http_add(struct exchange *x, const char *name, struct view value);
void http_body(struct exchange *x, const char *content_type, struct view body);
/* Chunked; the head leaves at once. The exchange lives until http_stream_end() or gone(). */
void http_stream(struct exchange *x, const char *content_type);
void http_stream_write(struct exchange *x, struct view bytes);
void http_stream_end(struct exchange *x);
size_t http_stream_unsent(const struct exchange *x);
/* Asks for pump() when at most `low` bytes wait to be sent. */
void http_stream_wait(struct exchange *x, size_t low);

/* Comes back to x's I/O thread and calls post.run there; from any thread. */
void exchange_post(struct exchange *x);
/* The one that held x lets go: x is freed if its connection is gone or its response is sent. */
void exchange_release(struct exchange *x);

#endif
