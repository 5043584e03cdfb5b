/* Listener and I/O threads. Each thread has its own event base, accepts from a duplicate of the one
 * listening socket, and hands a new connection to the thread with the fewest. Threads share
 * nothing but counters, the TLS context and queues of posts with an eventfd.
 *
 * net knows bytes only; a `struct protocol` (transport/http) makes requests out of them. All its
 * functions run on the connection's I/O thread. */
#ifndef TRANSPORT_NET_NET_H
#define TRANSPORT_NET_NET_H

#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/env.h"
#include "base/log.h"
#include "transport/net/conn.h"
#include "transport/net/limits.h"
#include "transport/net/tls.h"

struct net;

/* Work for an I/O thread from any thread. Whoever posts owns the memory until run() is called. */
struct post {
    struct post *next;
    void (*run)(struct io *io, struct post *post);
};

struct protocol {
    void *context;
    void (*started)(struct io *io);                /* sets io->upper; before the thread runs */
    void (*stopped)(struct io *io);                /* after it ended; frees io->upper */
    void (*opened)(struct conn *conn);             /* the handshake is done: state idle */
    void (*readable)(struct conn *conn);           /* there is input */
    void (*flushed)(struct conn *conn);            /* see conn_when_flushed() */
    void (*expired)(struct conn *conn);            /* head, body or write took too long */
    void (*closing)(struct conn *conn);            /* drop what belongs to it */
    void (*pump)(struct io *io);                   /* net_wake() was called */
    void (*tick)(struct io *io);                   /* four times a second */
    void (*drain)(struct io *io);                  /* no new requests: end what has no end */
};

struct conn_list {
    struct conn *first, *last;
    atomic_int count; /* written by its own thread only */
};

struct io {
    struct net *net;
    struct event_base *base;
    struct conn_list lists[CONN_STATE_COUNT];
    atomic_int count;       /* of connections, handed over ones included */
    int64_t now_ns;         /* monotonic clock, refreshed at each event */
    void *upper;            /* the protocol's own */
    int index;
    pthread_t thread;
    bool running;
    int listen_fd, wake_fd;
    struct event *accept_event, *wake_event, *tick_event, *pump_event;
    pthread_mutex_t lock;   /* of the two below */
    struct post *posts_first, *posts_last;
    atomic_bool woken;
    int64_t pumped_ns;
};

struct net_config {
    const struct env *env;
    const struct log *log;  /* may be NULL */
    const char *host;       /* "127.0.0.1", "::", a name; NULL = any address */
    uint16_t port;          /* 0 = any free one, see net_port() */
    int threads;
    struct tls_files tls;
    struct limits limits;
    struct protocol protocol;
};

/* Listens and starts the threads; ignores SIGPIPE for the whole process and leaves all other
 * signals to the threads of the caller. E_EXISTS when the port is taken. */
must_check int net_start(const struct net_config *config, struct net **out, struct fault *fault);
uint16_t net_port(const struct net *net);
const struct net_config *net_config(const struct net *net);
/* The limits now. They never change in place: who needs two that agree asks once. Any thread. */
const struct limits *net_limits(const struct net *net);
/* From the next event on. Nobody is cut for being over a lower limit. One thread at a time. */
void net_set_limits(struct net *net, const struct limits *limits);
/* New connections use the new files; on an error the old ones stay. Any thread. */
must_check int net_reload(struct net *net, const struct tls_files *files, struct fault *fault);
/* Each I/O thread calls pump soon; many calls make one. Any thread. */
void net_wake(struct net *net);
void io_post(struct io *io, struct post *post);
/* Is the caller this I/O thread? */
bool io_is_current(const struct io *io);
int net_connections(const struct net *net);
bool net_is_draining(const struct net *net);
/* Stops accepting, lets requests in flight end, and returns when all connections are closed or the
 * time is over; true when all ended by themselves. Call once, from a thread that is not I/O. */
bool net_drain(struct net *net, int64_t deadline_ms);
/* Ends the threads, closes what is left, frees. Nothing may be posted any more. */
void net_free(struct net *net);

/* For tests and metrics: connections in a state over all threads, read without a lock. */
int net_count(const struct net *net, enum conn_state state);
/* For metrics, since the start: connections cut to make room, and refused since there was none. */
uint64_t net_cut(const struct net *net);
uint64_t net_refused(const struct net *net);

#endif
