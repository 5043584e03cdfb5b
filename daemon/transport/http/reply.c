/* One response is one write: head and body are put together in x->out first. A large body is not
 * copied for that. */
#include <assert.h>

#include "transport/http/private.h"

enum {
    STREAM_KEEP_BYTES = 16 * 1024, /* of a chunk's buffer, while a stream is open */
    BODY_BYTES_APART = 64 * 1024,  /* a body longer than that is written by itself */
};

static const char *date_of(struct io *io)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct http_io *own = http_io(io);
    int64_t now_s = env_real_utc_ms(net_config(io->net)->env) / 1000;
    if (now_s != own->date_s) {
        time_t second = (time_t)now_s;
        struct tm tm;
        gmtime_r(&second, &tm);
        snprintf(own->date, sizeof own->date, "%s, %02d %s %04d %02d:%02d:%02d GMT",
                 days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour,
                 tm.tm_min, tm.tm_sec);
        own->date_s = now_s;
    }
    return own->date;
}

static const char *reason_of(int status)
{
    const char *reason = http_status_str((enum http_status)status);
    return reason[0] == '<' ? "Canceled" : reason; /* 499 has no name in the registry */
}

void http_begin(struct exchange *x, int status)
{
    assert(x->conn != NULL && !x->replied);
    buf_clear(&x->out);
    if (status == 200) {
        buf_text(&x->out, "HTTP/1.1 200 OK\r\nDate: ");
    } else {
        buf_printf(&x->out, "HTTP/1.1 %d %s\r\nDate: ", status, reason_of(status));
    }
    buf_text(&x->out, date_of(x->io));
    buf_text(&x->out, "\r\n");
    if (net_is_draining(x->io->net)) {
        x->keep_alive = false;
    }
    if (!x->keep_alive) {
        buf_text(&x->out, "Connection: close\r\n");
    } else if (x->parser.http_minor == 0) {
        buf_text(&x->out, "Connection: keep-alive\r\n");
    }
}

void http_add(struct exchange *x, const char *name, struct view value)
{
    buf_text(&x->out, name);
    buf_text(&x->out, ": ");
    buf_view(&x->out, value);
    buf_text(&x->out, "\r\n");
}

void reply_sent(struct conn *conn)
{
    if (conn->last || conn->broken || net_is_draining(conn->io->net)) {
        conn_linger(conn);
        return;
    }
    conn_move(conn, CONN_IDLE);
    conn_when_readable(conn);
}

static void let_go(struct exchange *x, struct conn *conn)
{
    conn->last = !x->keep_alive;
    conn->upper = NULL;
    x->conn = NULL;
    if (!x->held) {
        exchange_recycle(x);
    }
    if (conn_unsent(conn) == 0) {
        reply_sent(conn);
    } else {
        conn_when_flushed(conn, 0);
    }
}

/* `body` follows what stands in x->out. */
static void send_with(struct exchange *x, struct view body)
{
    struct conn *conn = x->conn;
    conn_move(conn, CONN_WRITING);
    conn_write(conn, buf_content(&x->out));
    if (body.len > 0) {
        conn_write(conn, body);
    }
    let_go(x, conn);
}

void http_body(struct exchange *x, const char *content_type, struct view body)
{
    if (content_type != NULL) {
        http_add(x, "Content-Type", view_of(content_type));
    }
    char length[48];
    int len = snprintf(length, sizeof length, "Content-Length: %zu\r\n\r\n", body.len);
    buf_add(&x->out, length, (size_t)len);
    bool sends = x->conn->state == CONN_CALL;
    bool wants = x->method != HTTP_HEAD || !x->head_done;
    bool apart = sends && wants && body.len > BODY_BYTES_APART;
    if (wants && !apart) {
        buf_view(&x->out, body);
    }
    x->replied = true;
    if (sends) {
        send_with(x, apart ? body : VIEW_NONE);
    } /* else request_act() does when the request is read, or http's own limits */
}

void reply_send(struct exchange *x)
{
    send_with(x, VIEW_NONE);
}

void reply_refuse(struct conn *conn)
{
    /* As connect/error.c would say it: this room knows no messages. */
    static const char body[] =
        "{\"code\":\"unavailable\",\"message\":\"All connections are in use: try again in a few "
        "seconds.\",\"details\":[{\"type\":\"google.rpc.RetryInfo\",\"value\":\"CgIIBQ\","
        "\"debug\":{\"retryDelay\":\"5s\"}}]}";
    char reply[640];
    int len = snprintf(reply, sizeof reply,
                       "HTTP/1.1 503 Service Unavailable\r\nDate: %s\r\nConnection: close\r\n"
                       "Retry-After: 5\r\nContent-Type: application/json\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       date_of(conn->io), sizeof body - 1, body);
    conn_move(conn, CONN_WRITING);
    conn_write(conn, view_bytes(reply, (size_t)len));
    conn_linger(conn);
}

void http_stream(struct exchange *x, const char *content_type)
{
    assert(x->conn->state == CONN_CALL);
    x->chunked = x->parser.http_minor >= 1;
    http_add(x, "Content-Type", view_of(content_type));
    if (x->chunked) {
        http_add(x, "Transfer-Encoding", VIEW_LIT("chunked"));
    } else {
        x->keep_alive = false;
    }
    buf_text(&x->out, "\r\n");
    conn_move(x->conn, CONN_STREAMING);
    conn_write(x->conn, buf_content(&x->out));
}

void http_stream_write(struct exchange *x, struct view bytes)
{
    if (bytes.len == 0) {
        return; /* an empty chunk would be the end */
    }
    if (!x->chunked) {
        conn_write(x->conn, bytes);
        return;
    }
    buf_clear(&x->out);
    buf_printf(&x->out, "%zx\r\n", bytes.len);
    buf_view(&x->out, bytes);
    buf_text(&x->out, "\r\n");
    conn_write(x->conn, buf_content(&x->out));
    if (x->out.alloc > STREAM_KEEP_BYTES) {
        buf_release(&x->out);
    }
}

void http_stream_end(struct exchange *x)
{
    struct conn *conn = x->conn;
    conn_move(conn, CONN_WRITING);
    if (x->chunked) {
        conn_write(conn, VIEW_LIT("0\r\n\r\n"));
    }
    let_go(x, conn);
}

size_t http_stream_unsent(const struct exchange *x)
{
    return conn_unsent(x->conn);
}

void http_stream_wait(struct exchange *x, size_t low)
{
    conn_when_flushed(x->conn, low);
}
