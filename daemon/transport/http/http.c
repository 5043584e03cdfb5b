/* The life of exchanges, and what net tells us. */
#include "transport/http/http.h"

#include <stdlib.h>

#include "transport/http/private.h"

/* Exchanges kept per thread with their memory, and how much of it each may keep. */
enum { FREE_MAX = 64, KEEP_BYTES_MAX = 64 * 1024 };

struct http_io *http_io(const struct io *io)
{
    return io->upper;
}

struct exchange *exchange_take(struct conn *conn)
{
    struct http_io *own = http_io(conn->io);
    size_t headers_max = net_limits(conn->io->net)->headers_max;
    struct exchange *x = own->free;
    if (x != NULL) {
        own->free = x->next_free;
        own->free_count--;
    } else {
        x = xcalloc(1, sizeof *x);
        arena_init_wiping(&x->arena);
        x->spans = xcalloc(1, sizeof *x->spans + headers_max * sizeof x->spans->span[0]);
    }
    x->io = conn->io;
    x->conn = conn;
    x->started_ns = conn->io->now_ns;
    http_parser_init(&x->parser, HTTP_REQUEST);
    x->parser.data = x;
    conn->upper = x;
    return x;
}

static void exchange_free(struct exchange *x)
{
    arena_release(&x->arena);
    buf_release(&x->head);
    buf_release(&x->body);
    buf_release(&x->out);
    free(x->spans);
    free(x);
}

static void buf_trim(struct buf *buf)
{
    if (buf->alloc > KEEP_BYTES_MAX) {
        buf_release(buf);
    }
    buf_clear(buf);
}

void exchange_recycle(struct exchange *x)
{
    struct http_io *own = http_io(x->io);
    if (x->head.data != NULL) {
        explicit_bzero(x->head.data, x->head.len); /* bearer tokens */
    }
    if (own->free_count >= FREE_MAX) {
        exchange_free(x);
        return;
    }
    if (x->arena.used > KEEP_BYTES_MAX) {
        arena_release(&x->arena);
    } else {
        arena_clear(&x->arena);
    }
    x->arena.used = 0;
    buf_trim(&x->head);
    buf_trim(&x->body);
    buf_trim(&x->out);
    struct http_spans *spans = x->spans;
    spans->target_len = spans->count = 0;
    spans->in_value = false;
    *x = (struct exchange){.arena = x->arena,
                           .head = x->head,
                           .body = x->body,
                           .out = x->out,
                           .spans = spans,
                           .next_free = own->free};
    own->free = x;
    own->free_count++;
}

void exchange_post(struct exchange *x)
{
    io_post(x->io, &x->post);
}

void exchange_release(struct exchange *x)
{
    x->held = false;
    if (x->conn == NULL) {
        exchange_recycle(x);
    }
}

struct view http_header(const struct exchange *x, const char *name)
{
    for (size_t i = 0; i < x->header_count; i++) {
        if (view_is_nocase(x->headers[i].name, name)) {
            return x->headers[i].value;
        }
    }
    return VIEW_NONE;
}

static void started(struct io *io)
{
    struct http_io *own = xcalloc(1, sizeof *own);
    own->handler = net_config(io->net)->protocol.context;
    io->upper = own;
}

static void stopped(struct io *io)
{
    struct http_io *own = http_io(io);
    while (own->free != NULL) {
        struct exchange *x = own->free;
        own->free = x->next_free;
        exchange_free(x);
    }
    free(own);
    io->upper = NULL;
}

static void opened(struct conn *conn)
{
    if (conn->refused) {
        reply_refuse(conn);
    } else if (net_is_draining(conn->io->net)) {
        conn_close(conn);
    }
}

static void readable(struct conn *conn)
{
    if (conn->state == CONN_IDLE) {
        conn_move(conn, CONN_HEAD);
        exchange_take(conn);
    }
    if (conn->state == CONN_HEAD || conn->state == CONN_BODY) {
        request_read(conn->upper);
    }
}

static void flushed(struct conn *conn)
{
    if (conn->state == CONN_STREAMING) {
        const struct http_handler *handler = http_io(conn->io)->handler;
        handler->pump(handler->context, conn->upper);
    } else if (conn->state == CONN_WRITING) {
        reply_sent(conn);
    }
}

static void expired(struct conn *conn)
{
    struct exchange *x = conn->upper;
    request_fail(x, 408, "The request took too long to arrive: send it faster.");
    reply_send(x);
}

static void closing(struct conn *conn)
{
    struct exchange *x = conn->upper;
    if (x == NULL) {
        return;
    }
    const struct http_handler *handler = http_io(conn->io)->handler;
    conn->upper = NULL;
    x->conn = NULL;
    handler->gone(handler->context, x);
    if (!x->held) {
        exchange_recycle(x);
    }
}

/* Streams may end, and so leave the list, while it is walked. */
static void each_stream(struct io *io, void (*act)(void *context, struct exchange *x))
{
    const struct http_handler *handler = http_io(io)->handler;
    struct conn *next;
    for (struct conn *conn = io->lists[CONN_STREAMING].first; conn != NULL; conn = next) {
        next = conn->next;
        act(handler->context, conn->upper);
    }
}

static void pump(struct io *io)
{
    each_stream(io, http_io(io)->handler->pump);
}

static void tick(struct io *io)
{
    each_stream(io, http_io(io)->handler->tick);
}

static void drain(struct io *io)
{
    each_stream(io, http_io(io)->handler->drain);
}

struct protocol http_protocol(const struct http_handler *handler)
{
    return (struct protocol){.context = (void *)(uintptr_t)handler,
                             .started = started,
                             .stopped = stopped,
                             .opened = opened,
                             .readable = readable,
                             .flushed = flushed,
                             .expired = expired,
                             .closing = closing,
                             .pump = pump,
                             .tick = tick,
                             .drain = drain};
}
