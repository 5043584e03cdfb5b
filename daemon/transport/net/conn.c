/* The table of legal moves stands for the state machine; everything else here is one libevent
 * bufferevent per connection. libevent's callbacks are deferred, so that writing never closes the
 * connection under the writer's feet; a callback may close the connection that it runs for: its
 * memory stays on the closed list until the thread's next turn. */
#include "transport/net/conn.h"

#include <assert.h>
#include <event2/bufferevent_ssl.h>
#include <limits.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "transport/net/private.h"

/* Pipelined bytes beyond a request wait in the kernel past this. */
enum { INPUT_BYTES_MAX = 64 * 1024 };

#define TO(state) (1u << (state))
static const struct {
    const char *name;
    unsigned moves;
} states[] = {
    [CONN_HANDSHAKE] = {"handshake", TO(CONN_IDLE) | TO(CONN_CLOSED)},
    [CONN_IDLE] = {"idle", TO(CONN_HEAD) | TO(CONN_WRITING) | TO(CONN_CLOSED)},
    [CONN_HEAD] = {"head", TO(CONN_BODY) | TO(CONN_CALL) | TO(CONN_WRITING) | TO(CONN_CLOSED)},
    [CONN_BODY] = {"body", TO(CONN_CALL) | TO(CONN_WRITING) | TO(CONN_CLOSED)},
    [CONN_CALL] = {"call", TO(CONN_WRITING) | TO(CONN_STREAMING) | TO(CONN_CLOSED)},
    [CONN_WRITING] = {"writing", TO(CONN_IDLE) | TO(CONN_LINGERING) | TO(CONN_CLOSED)},
    [CONN_STREAMING] = {"streaming", TO(CONN_WRITING) | TO(CONN_CLOSED)},
    [CONN_LINGERING] = {"lingering", TO(CONN_CLOSED)},
    [CONN_CLOSED] = {"closed", 0},
};
_Static_assert(ARRAY_LEN(states) == CONN_STATE_COUNT, "each state has a row");

const char *conn_state_name(enum conn_state state)
{
    return states[state].name;
}

/* One thread writes, any may read. */
static void count_add(struct conn_list *list, int by)
{
    int count = atomic_load_explicit(&list->count, memory_order_relaxed);
    atomic_store_explicit(&list->count, count + by, memory_order_relaxed);
}

static void list_add(struct conn_list *list, struct conn *conn)
{
    conn->next = NULL;
    conn->previous = list->last;
    if (list->last == NULL) {
        list->first = conn;
    } else {
        list->last->next = conn;
    }
    list->last = conn;
    count_add(list, 1);
}

static void list_remove(struct conn_list *list, struct conn *conn)
{
    if (conn->previous == NULL) {
        list->first = conn->next;
    } else {
        conn->previous->next = conn->next;
    }
    if (conn->next == NULL) {
        list->last = conn->previous;
    } else {
        conn->next->previous = conn->previous;
    }
    count_add(list, -1);
}

void conn_move(struct conn *conn, enum conn_state to)
{
    enum conn_state from = conn->state;
    if ((states[from].moves & TO(to)) == 0) {
        die("connection %llu cannot move from %s to %s", (unsigned long long)conn->id,
            states[from].name, states[to].name);
    }
    list_remove(&conn->io->lists[from], conn);
    list_add(&conn->io->lists[to], conn);
    conn->state = to;
    conn->since_ns = conn->io->now_ns;
    const struct log *log = conn->io->net->config.log;
    if (log != NULL && log->level >= LOG_DEBUG) {
        log_event(log, LOG_DEBUG, "connection", LOG_N("id", conn->id),
                  LOG_S("from", states[from].name), LOG_S("to", states[to].name));
    }
}

/* Hands bytes to TLS without the detour by libevent's queue, which would wait for the socket to be
 * writable in the next turn. Returns how many it took; what is left, the queue offers again. */
static size_t write_now(struct conn *conn, struct view bytes)
{
    size_t done = 0;
    ERR_clear_error();
    while (done < bytes.len) {
        size_t len = bytes.len - done < INT_MAX ? bytes.len - done : INT_MAX;
        int n = SSL_write(conn->ssl, bytes.data + done, (int)len);
        if (n <= 0) {
            int why = SSL_get_error(conn->ssl, n);
            if (why != SSL_ERROR_WANT_WRITE && why != SSL_ERROR_WANT_READ) {
                conn->broken = true;
                bufferevent_trigger_event(conn->bev, BEV_EVENT_ERROR, BEV_OPT_DEFER_CALLBACKS);
            }
            break;
        }
        done += (size_t)n;
    }
    return done;
}

void conn_write(struct conn *conn, struct view bytes)
{
    if (conn->broken || conn->state == CONN_CLOSED) {
        return;
    }
    if (conn_unsent(conn) == 0) {
        bytes = view_slice(bytes, write_now(conn, bytes), bytes.len);
    }
    if (!conn->broken && bytes.len > 0 &&
        bufferevent_write(conn->bev, bytes.data, bytes.len) != 0) {
        conn->broken = true;
    }
}

size_t conn_unsent(const struct conn *conn)
{
    if (conn->broken || conn->state == CONN_CLOSED) {
        return 0;
    }
    return evbuffer_get_length(bufferevent_get_output(conn->bev));
}

static void refresh(struct io *io)
{
    io->now_ns = env_monotonic_ns(io->net->config.env);
}

static void on_readable(struct bufferevent *bev, void *context)
{
    struct conn *conn = context;
    refresh(conn->io);
    if (conn->state == CONN_LINGERING || conn->refused) {
        struct evbuffer *input = bufferevent_get_input(bev);
        evbuffer_drain(input, evbuffer_get_length(input));
        return;
    }
    if (conn->state != CONN_CLOSED && conn->state != CONN_HANDSHAKE) {
        conn->io->net->config.protocol.readable(conn);
    }
}

static void on_event(struct bufferevent *bev, short what, void *context);

static void on_written(struct bufferevent *bev, void *context)
{
    struct conn *conn = context;
    refresh(conn->io);
    bufferevent_setcb(bev, on_readable, NULL, on_event, conn);
    if (conn->state == CONN_LINGERING) {
        conn_linger(conn);
    } else if (conn->state != CONN_CLOSED) {
        conn->io->net->config.protocol.flushed(conn);
    }
}

static void on_event(struct bufferevent *bev, short what, void *context)
{
    (void)bev;
    struct conn *conn = context;
    refresh(conn->io);
    if ((what & BEV_EVENT_CONNECTED) != 0 && conn->state == CONN_HANDSHAKE) {
        conn_move(conn, CONN_IDLE);
        conn->io->net->config.protocol.opened(conn);
        return;
    }
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0 && conn->state != CONN_CLOSED) {
        const struct log *log = conn->io->net->config.log;
        if (conn->state == CONN_HANDSHAKE && log != NULL && log->level >= LOG_DEBUG) {
            unsigned long error = bufferevent_get_openssl_error(conn->bev);
            log_event(log, LOG_DEBUG, "handshake_failed", LOG_N("id", conn->id),
                      LOG_S("reason", error == 0 ? "closed" : ERR_reason_error_string(error)));
        }
        conn->broken = true;
        conn_close(conn);
    }
}

void conn_when_flushed(struct conn *conn, size_t low)
{
    if (conn->state == CONN_CLOSED) {
        return;
    }
    bufferevent_setwatermark(conn->bev, EV_WRITE, low, 0);
    bufferevent_setcb(conn->bev, on_readable, on_written, on_event, conn);
    if (conn->broken || conn_unsent(conn) <= low) {
        bufferevent_trigger(conn->bev, EV_WRITE, BEV_OPT_DEFER_CALLBACKS);
    }
}

void conn_when_readable(struct conn *conn)
{
    if (conn->state != CONN_CLOSED &&
        evbuffer_get_length(bufferevent_get_input(conn->bev)) > 0) {
        bufferevent_trigger(conn->bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
    }
}

void conn_linger(struct conn *conn)
{
    if (conn->state != CONN_LINGERING) {
        conn_move(conn, CONN_LINGERING);
    }
    if (conn->broken) {
        conn_close(conn);
        return;
    }
    if (conn_unsent(conn) > 0) {
        conn_when_flushed(conn, 0);
        return;
    }
    /* Closing with unread input would reset the connection and destroy the response on its way:
     * end our direction only and let the peer, or the time limit, end the other. */
    if ((SSL_get_shutdown(conn->ssl) & SSL_SENT_SHUTDOWN) == 0) {
        SSL_shutdown(conn->ssl);
        ERR_clear_error();
        shutdown(bufferevent_getfd(conn->bev), SHUT_WR);
    }
}

void conn_close(struct conn *conn)
{
    if (conn->state == CONN_CLOSED) {
        return;
    }
    bool greeted = conn->state != CONN_HANDSHAKE;
    conn->io->net->config.protocol.closing(conn);
    conn_move(conn, CONN_CLOSED);
    bufferevent_setcb(conn->bev, NULL, NULL, NULL, NULL);
    if (greeted && !conn->broken) {
        SSL_shutdown(conn->ssl);
        ERR_clear_error();
    }
    bufferevent_free(conn->bev);
    conn->bev = NULL;
    conn->ssl = NULL;
    admit_forget(conn->io->net, conn->address);
    atomic_fetch_sub(&conn->io->count, 1);
}

void conn_open(struct io *io, int fd, const uint8_t address[16], bool refused)
{
    struct net *net = io->net;
    pthread_mutex_lock(&net->lock);
    SSL *ssl = SSL_new(net->tls);
    pthread_mutex_unlock(&net->lock);
    if (ssl == NULL) {
        die("OpenSSL gives no connection");
    }
    struct conn *conn = xcalloc(1, sizeof *conn);
    conn->io = io;
    conn->ssl = ssl;
    conn->refused = refused;
    conn->id = atomic_fetch_add(&net->next_id, 1) + 1;
    memcpy(conn->address, address, sizeof conn->address);
    conn->bev = bufferevent_openssl_socket_new(io->base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                               BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (conn->bev == NULL) {
        die("libevent gives no connection");
    }
    bufferevent_openssl_set_allow_dirty_shutdown(conn->bev, 1);
    refresh(io);
    conn->since_ns = io->now_ns;
    list_add(&io->lists[CONN_HANDSHAKE], conn);
    bufferevent_setcb(conn->bev, on_readable, NULL, on_event, conn);
    bufferevent_setwatermark(conn->bev, EV_READ, 0, INPUT_BYTES_MAX);
    bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
}

void conn_reap(struct io *io)
{
    struct conn_list *closed = &io->lists[CONN_CLOSED];
    while (closed->first != NULL) {
        struct conn *conn = closed->first;
        list_remove(closed, conn);
        free(conn->memo);
        free(conn);
    }
}

void conn_expire(struct io *io)
{
    refresh(io);
    const struct limits *limits = net_limits(io->net);
    const int64_t ms_max[CONN_STATE_COUNT] = {
        [CONN_HANDSHAKE] = limits->handshake_ms_max,
        [CONN_IDLE] = limits->idle_ms_max,
        [CONN_HEAD] = limits->head_ms_max,
        [CONN_BODY] = limits->request_ms_max - limits->head_ms_max,
        [CONN_WRITING] = limits->write_ms_max,
        [CONN_LINGERING] = limits->linger_ms_max,
    };
    for (int state = 0; state < CONN_STATE_COUNT; state++) {
        struct conn *conn;
        while (ms_max[state] > 0 && (conn = io->lists[state].first) != NULL &&
               io->now_ns - conn->since_ns > ms_max[state] * 1000000) {
            if (state == CONN_HEAD || state == CONN_BODY) {
                io->net->config.protocol.expired(conn);
                assert(conn->state != (enum conn_state)state);
            } else {
                conn_close(conn);
            }
        }
    }
}
