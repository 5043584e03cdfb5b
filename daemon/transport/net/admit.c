/* Who gets in. Full means that the oldest idle connection goes; where none is idle, one that has
 * been greeting or beginning a request for over a second; else the new one is told 503. */
#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "transport/net/private.h"

enum { PATIENCE_MS = 1000 };

static struct address_slot *slot_of(struct net *net, const uint8_t address[16])
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < 16; i++) {
        hash = (hash ^ address[i]) * 0x100000001b3u;
    }
    size_t mask = net->address_slots - 1;
    for (size_t i = (hash ^ hash >> 32) & mask;; i = (i + 1) & mask) {
        struct address_slot *slot = &net->addresses[i];
        if (slot->count == 0 || memcmp(slot->address, address, 16) == 0) {
            return slot;
        }
    }
}

void admit_make_room(struct net *net, size_t connections)
{
    size_t slots = 64;
    while (slots < connections * 2) {
        slots *= 2;
    }
    pthread_mutex_lock(&net->lock);
    if (slots > net->address_slots) {
        struct address_slot *before = net->addresses;
        size_t count = net->address_slots;
        net->addresses = xcalloc(slots, sizeof *net->addresses);
        net->address_slots = slots;
        for (size_t i = 0; i < count; i++) {
            if (before[i].count > 0) {
                *slot_of(net, before[i].address) = before[i];
            }
        }
        free(before);
    }
    pthread_mutex_unlock(&net->lock);
}

static int remember(struct net *net, const uint8_t address[16])
{
    pthread_mutex_lock(&net->lock);
    struct address_slot *slot = slot_of(net, address);
    memcpy(slot->address, address, 16);
    int count = ++slot->count;
    pthread_mutex_unlock(&net->lock);
    return count;
}

void admit_forget(struct net *net, const uint8_t address[16])
{
    pthread_mutex_lock(&net->lock);
    struct address_slot *slot = slot_of(net, address);
    assert(slot->count > 0);
    if (--slot->count == 0) {
        /* Close the gap: whatever stands behind may have been pushed past this slot. */
        size_t mask = net->address_slots - 1;
        size_t at = (size_t)(slot - net->addresses);
        for (size_t i = (at + 1) & mask; net->addresses[i].count != 0; i = (i + 1) & mask) {
            struct address_slot moved = net->addresses[i];
            net->addresses[i].count = 0;
            *slot_of(net, moved.address) = moved;
        }
    }
    pthread_mutex_unlock(&net->lock);
}

static struct conn *oldest(struct io *io, enum conn_state state, int64_t age_ms,
                           const uint8_t *address)
{
    for (struct conn *conn = io->lists[state].first; conn != NULL; conn = conn->next) {
        if (io->now_ns - conn->since_ns < age_ms * 1000000) {
            return NULL;
        }
        if (address == NULL || memcmp(conn->address, address, 16) == 0) {
            return conn;
        }
    }
    return NULL;
}

/* Makes room by one connection of the address (NULL: of anybody). */
static bool cut_one(struct io *io, const uint8_t *address)
{
    io->now_ns = env_monotonic_ns(io->net->config.env);
    struct conn *conn = oldest(io, CONN_LINGERING, 0, address);
    conn = conn != NULL ? conn : oldest(io, CONN_IDLE, 0, address);
    conn = conn != NULL ? conn : oldest(io, CONN_HANDSHAKE, PATIENCE_MS, address);
    conn = conn != NULL ? conn : oldest(io, CONN_HEAD, PATIENCE_MS, address);
    if (conn == NULL) {
        return false;
    }
    conn_close(conn);
    atomic_fetch_add(&io->net->cut, 1);
    return true;
}

void admit(struct io *io, int fd, const uint8_t address[16])
{
    struct net *net = io->net;
    const struct limits *limits = net_limits(net);
    int mine = remember(net, address); /* io->count counts it already: see net.c */
    bool fits = true;
    if (mine > limits->connections_per_address_max) {
        fits = cut_one(io, address);
    } else if (net_connections(net) > limits->connections_max) {
        fits = cut_one(io, NULL);
    }
    atomic_fetch_add(&net->refused, fits ? 0 : 1);
    if (!fits && net_connections(net) > limits->connections_max + REFUSALS_MAX) {
        close(fd);
        admit_forget(net, address);
        atomic_fetch_sub(&io->count, 1);
        return;
    }
    conn_open(io, fd, address, !fits);
}
