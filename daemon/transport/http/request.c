/* Reading one request with http_parser, which checks the grammar, refuses Content-Length twice or
 * beside Transfer-Encoding, and calls back with fragments. What it lets pass and must not is
 * checked in head_complete(). */
#include <assert.h>

#include "transport/http/private.h"

/* So much of a body that nobody wants is read for the sake of keep-alive. */
enum { DISCARD_BYTES_MAX = 64 * 1024 };

static const struct limits *limits_of(const struct exchange *x)
{
    return net_limits(x->io->net);
}

static int on_url(http_parser *parser, const char *at, size_t len)
{
    struct exchange *x = parser->data;
    buf_add(&x->head, at, len);
    x->spans->target_len += len;
    return x->head.len > limits_of(x)->head_bytes_max;
}

static int on_name(http_parser *parser, const char *at, size_t len)
{
    struct exchange *x = parser->data;
    struct http_spans *spans = x->spans;
    if (x->head_done) {
        return 0; /* trailers: nobody here reads them */
    }
    if (spans->in_value || spans->count == 0) {
        if (spans->count == limits_of(x)->headers_max) {
            return 1;
        }
        spans->span[spans->count++] = (struct http_span){.name_at = x->head.len};
        spans->in_value = false;
    }
    buf_add(&x->head, at, len);
    spans->span[spans->count - 1].name_len += len;
    return x->head.len > limits_of(x)->head_bytes_max;
}

static int on_value(http_parser *parser, const char *at, size_t len)
{
    struct exchange *x = parser->data;
    struct http_spans *spans = x->spans;
    if (x->head_done) {
        return 0;
    }
    struct http_span *span = &spans->span[spans->count - 1];
    if (!spans->in_value) {
        span->value_at = x->head.len;
        spans->in_value = true;
    }
    buf_add(&x->head, at, len);
    span->value_len += len;
    return x->head.len > limits_of(x)->head_bytes_max;
}

static void split_target(struct exchange *x)
{
    struct view target = x->target;
    if (target.len > 0 && target.data[0] != '/') {
        struct http_parser_url url;
        http_parser_url_init(&url);
        if (http_parser_parse_url(target.data, target.len, x->method == HTTP_CONNECT, &url) == 0 &&
            (url.field_set & (1u << UF_PATH)) != 0) {
            size_t at = url.field_data[UF_PATH].off;
            target = view_slice(target, at, target.len);
        }
    }
    target = view_slice(target, 0, view_find(target, '#'));
    size_t mark = view_find(target, '?');
    x->path = view_slice(target, 0, mark);
    x->query = mark < target.len ? view_slice(target, mark + 1, target.len) : VIEW_NONE;
}

static void make_views(struct exchange *x)
{
    const struct http_spans *spans = x->spans;
    struct view head = buf_content(&x->head);
    x->target = view_slice(head, 0, spans->target_len);
    x->headers = ARENA_ARRAY(&x->arena, spans->count, struct http_header);
    x->header_count = spans->count;
    for (size_t i = 0; i < spans->count; i++) {
        const struct http_span *span = &spans->span[i];
        x->headers[i].name = view_slice(head, span->name_at, span->name_at + span->name_len);
        x->headers[i].value =
            view_trim(view_slice(head, span->value_at, span->value_at + span->value_len));
    }
}

/* What the parser tolerates and a proxy in front of us might read differently. */
static const char *ambiguity(const struct exchange *x)
{
    int transfer = 0;
    int hosts = 0;
    for (size_t i = 0; i < x->header_count; i++) {
        const struct http_header *header = &x->headers[i];
        if (view_is_nocase(header->name, "transfer-encoding")) {
            transfer++;
            if (!view_is_nocase(header->value, "chunked") || x->parser.http_minor == 0) {
                return "The only Transfer-Encoding understood here is chunked, in HTTP/1.1.";
            }
        }
        hosts += view_is_nocase(header->name, "host");
        if (view_find(header->name, ' ') < header->name.len) {
            return "A header name holds a space.";
        }
        if (view_find(header->value, '\r') < header->value.len ||
            view_find(header->value, '\0') < header->value.len) {
            return "A header value holds a forbidden character.";
        }
    }
    if (transfer > 1) {
        return "Transfer-Encoding is given twice.";
    }
    if (hosts > 1 || (hosts == 0 && x->parser.http_minor >= 1)) {
        return "A request has exactly one Host header.";
    }
    return NULL;
}

static int head_complete(http_parser *parser)
{
    struct exchange *x = parser->data;
    const struct http_handler *handler = http_io(x->io)->handler;
    x->head_done = true;
    x->method = (enum http_method)parser->method;
    parser->upgrade = 0; /* we never change protocols: read on as HTTP */
    make_views(x);
    split_target(x);
    if (parser->http_major != 1) {
        request_fail(x, 505, "This server speaks HTTP/1.1.");
        return 1;
    }
    const char *wrong = ambiguity(x);
    if (wrong != NULL) {
        request_fail(x, 400, wrong);
        return 1;
    }
    bool chunked = (parser->flags & F_CHUNKED) != 0;
    bool sized = (parser->flags & F_CONTENTLENGTH) != 0;
    x->content_length = chunked ? UINT64_MAX : sized ? parser->content_length : 0;
    x->has_body = x->content_length > 0;
    x->keep_alive = http_should_keep_alive(parser) != 0 && !net_is_draining(x->io->net);
    struct view expect = http_header(x, "expect");
    if (expect.data != NULL && !view_is_nocase(expect, "100-continue")) {
        request_fail(x, 417, "The only expectation understood here is 100-continue.");
        return 1;
    }
    x->expects_continue = expect.data != NULL && parser->http_minor >= 1 && x->has_body;
    if (x->content_length != UINT64_MAX && x->content_length > DISCARD_BYTES_MAX) {
        /* Whoever is refused now would send all of it for nothing. */
        bool keep_alive = x->keep_alive;
        x->keep_alive = false;
        handler->head(handler->context, x);
        if (!x->replied) {
            if (x->content_length > x->body_bytes_max) {
                handler->too_large(handler->context, x);
                assert(x->replied);
            } else {
                x->keep_alive = keep_alive;
            }
        }
        return 0;
    }
    bool keep_alive = x->keep_alive;
    x->keep_alive = keep_alive && !x->expects_continue;
    handler->head(handler->context, x);
    if (!x->replied) {
        x->keep_alive = keep_alive;
    }
    return 0;
}

static int on_body(http_parser *parser, const char *at, size_t len)
{
    struct exchange *x = parser->data;
    size_t max = x->replied ? DISCARD_BYTES_MAX : x->body_bytes_max;
    if (x->over_limit || len > max - x->body.len) {
        x->over_limit = true;
        return 0;
    }
    buf_add(&x->body, at, len);
    return 0;
}

static int on_complete(http_parser *parser)
{
    struct exchange *x = parser->data;
    x->message_done = true;
    http_parser_pause(parser, 1); /* what follows is the next request */
    return 0;
}

static const http_parser_settings settings = {
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = head_complete,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

void request_fail(struct exchange *x, int status, const char *sentence)
{
    const struct http_handler *handler = http_io(x->io)->handler;
    x->keep_alive = false;
    x->head_done = true;
    if (!x->replied) {
        handler->bad_request(handler->context, x, status, sentence);
    }
    assert(x->replied);
}

static void malformed(struct exchange *x, enum http_errno error, const char *start, size_t len)
{
    bool method_like = len > 0 && start[0] >= 'A' && start[0] <= 'Z';
    switch (error) {
    case HPE_CB_url:
        request_fail(x, 414, "The request target is too long: use POST instead of GET.");
        break;
    case HPE_CB_header_field:
    case HPE_CB_header_value:
    case HPE_HEADER_OVERFLOW:
        request_fail(x, 431, "The headers are too many or too long: send fewer.");
        break;
    case HPE_INVALID_VERSION:
        request_fail(x, 505, "This server speaks HTTP/1.1.");
        break;
    case HPE_INVALID_METHOD:
        if (method_like && !x->head_done) {
            request_fail(x, 501, "This HTTP method is not known here: use POST or GET.");
            break;
        }
        request_fail(x, 400, "The request is not HTTP.");
        break;
    default:
        request_fail(x, 400, http_errno_description(error));
    }
}

/* After each piece of input: what does the request need now? */
static void request_act(struct exchange *x)
{
    const struct http_handler *handler = http_io(x->io)->handler;
    if (x->over_limit && !x->replied) {
        x->keep_alive = x->keep_alive && x->message_done;
        handler->too_large(handler->context, x);
        assert(x->replied);
    }
    if (x->replied) {
        /* Wait for the rest of the request if it is short: an early close may destroy the reply. */
        if (x->message_done || !x->keep_alive || x->over_limit) {
            x->keep_alive = x->keep_alive && x->message_done;
            reply_send(x);
        }
    } else if (x->message_done) {
        conn_move(x->conn, CONN_CALL);
        handler->body(handler->context, x);
    } else if (x->expects_continue && x->head_done) {
        x->expects_continue = false;
        conn_write(x->conn, VIEW_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
    }
}

void request_read(struct exchange *x)
{
    struct conn *conn = x->conn;
    struct evbuffer *input = bufferevent_get_input(conn->bev);
    while (conn->upper == x && !x->message_done &&
           (conn->state == CONN_HEAD || conn->state == CONN_BODY)) {
        struct evbuffer_iovec piece;
        if (evbuffer_peek(input, -1, NULL, &piece, 1) < 1 || piece.iov_len == 0) {
            break;
        }
        size_t used = http_parser_execute(&x->parser, &settings, piece.iov_base, piece.iov_len);
        enum http_errno error = HTTP_PARSER_ERRNO(&x->parser);
        if (error != HPE_OK && error != HPE_PAUSED) {
            malformed(x, error, piece.iov_base, piece.iov_len);
        }
        evbuffer_drain(input, used);
        if (x->head_done && !x->message_done && conn->state == CONN_HEAD) {
            conn_move(conn, CONN_BODY);
        }
        request_act(x);
    }
}
