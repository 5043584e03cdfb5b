/* One TLS connection. It belongs to one I/O thread from accept to close, is always in exactly one
 * state and in that state's list of its thread, and conn_move() is the only function that changes
 * either. Each state has a time limit; the list is in order of arrival, so that the first entry is
 * the first to expire. An idle connection holds no buffer. */
#ifndef TRANSPORT_NET_CONN_H
#define TRANSPORT_NET_CONN_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <openssl/ssl.h>

#include "base/view.h"

struct io;

enum conn_state {
    CONN_HANDSHAKE, /* TLS is being agreed on */
    CONN_IDLE,      /* between two requests */
    CONN_HEAD,      /* a request has begun */
    CONN_BODY,      /* its head is read, its body not */
    CONN_CALL,      /* the request is with a handler */
    CONN_WRITING,   /* the response is on its way */
    CONN_STREAMING, /* a server stream is open */
    CONN_LINGERING, /* the last response is sent; the peer gets time to read it */
    CONN_CLOSED,    /* freed before the thread polls again */
    CONN_STATE_COUNT
};

struct conn {
    struct io *io;
    struct bufferevent *bev;
    SSL *ssl;            /* owned by bev */
    enum conn_state state;
    bool refused;        /* admitted only to be told 503 */
    bool broken;         /* the peer is gone: nothing can be written any more */
    struct conn *previous, *next; /* in the state's list */
    int64_t since_ns;    /* monotonic, of the last move */
    uint64_t id;         /* for logs */
    uint8_t address[16]; /* of the peer, IPv4 mapped into IPv6 */
    bool last;           /* the protocol's: no request after this one */
    void *upper;         /* the protocol's own, NULL while idle */
    void *memo;          /* the protocol's own for the life of the connection; freed with free() */
};

const char *conn_state_name(enum conn_state state);
/* Moves to another state and its list; an illegal move stops the process. */
void conn_move(struct conn *conn, enum conn_state to);
/* Writes as much as the peer takes now, keeps the rest: see conn_unsent(). Does nothing on a broken
 * connection. */
void conn_write(struct conn *conn, struct view bytes);
size_t conn_unsent(const struct conn *conn);
/* Asks for the protocol's `flushed` when at most `low` bytes wait to be sent; once. */
void conn_when_flushed(struct conn *conn, size_t low);
/* Asks for the protocol's `readable` again if there is input left. */
void conn_when_readable(struct conn *conn);
/* Says goodbye when all is sent, waits at most linger_ms_max for the peer, closes. */
void conn_linger(struct conn *conn);
/* Closes at once. The protocol's `closing` runs first; the memory stays until the next turn. */
void conn_close(struct conn *conn);

#endif
