/* What conn.c, admit.c and net.c share and nobody else sees. */
#ifndef TRANSPORT_NET_PRIVATE_H
#define TRANSPORT_NET_PRIVATE_H

#include "transport/net/net.h"

/* How many connections each peer address has: open addressing, linear probing. */
struct address_slot {
    uint8_t address[16];
    int count; /* 0: free */
};

/* Limits in force, and those before them: an I/O thread may still be reading these. */
struct net_limits {
    struct limits limits;
    struct net_limits *older;
};

struct net {
    struct net_config config; /* its limits are those of the start: see net_limits() */
    _Atomic(struct net_limits *) limits;
    atomic_ullong cut, refused;
    struct io *ios;
    uint16_t port;
    atomic_bool draining;
    atomic_ullong next_id;
    atomic_uint turn; /* whose it is to take a connection */
    pthread_mutex_t lock; /* of the two below */
    SSL_CTX *tls;
    struct address_slot *addresses;
    size_t address_slots; /* a power of two, at least twice the connections that can be */
};

/* Connections that are admitted over the limit only to be told so. */
enum { REFUSALS_MAX = 32 };

/* Takes an accepted descriptor: admits it (cutting an idle connection if need be), refuses it with
 * 503 or closes it. On the I/O thread that is to own it. */
void admit(struct io *io, int fd, const uint8_t address[16]);
/* Makes the table of addresses large enough for so many connections. */
void admit_make_room(struct net *net, size_t connections);
/* Counts one connection less for the address. */
void admit_forget(struct net *net, const uint8_t address[16]);

void conn_open(struct io *io, int fd, const uint8_t address[16], bool refused);
/* Frees what was closed before this turn. */
void conn_reap(struct io *io);
/* Acts on connections that have been in their state for too long. */
void conn_expire(struct io *io);

#endif
