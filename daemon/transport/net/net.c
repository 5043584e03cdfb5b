#include "transport/net/net.h"

#include <assert.h>
#include <errno.h>
#include <event2/util.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "transport/net/private.h"

/* A thread takes at most so many new connections before it serves the others again. */
enum { ACCEPTS_PER_TURN = 16, TICK_MS = 250, BACKLOG = 1024 };

static _Thread_local const struct io *current;

bool io_is_current(const struct io *io)
{
    return current == io;
}

static void ring(struct io *io)
{
    uint64_t one = 1;
    /* EAGAIN means that the counter is full: the thread is as awake as it can be. */
    ssize_t ignored = write(io->wake_fd, &one, sizeof one);
    (void)ignored;
}

void io_post(struct io *io, struct post *post)
{
    post->next = NULL;
    pthread_mutex_lock(&io->lock);
    bool first = io->posts_first == NULL;
    if (first) {
        io->posts_first = post;
    } else {
        io->posts_last->next = post;
    }
    io->posts_last = post;
    if (first) {
        ring(io); /* under the lock: once the post has run, io may be freed */
    }
    pthread_mutex_unlock(&io->lock);
}

static void run_posts(struct io *io)
{
    pthread_mutex_lock(&io->lock);
    struct post *post = io->posts_first;
    io->posts_first = io->posts_last = NULL;
    pthread_mutex_unlock(&io->lock);
    while (post != NULL) {
        struct post *next = post->next;
        post->run(io, post);
        post = next;
    }
}

static struct timeval timeval_of_ns(int64_t ns)
{
    ns = ns < 0 ? 0 : ns;
    return (struct timeval){.tv_sec = ns / 1000000000, .tv_usec = ns % 1000000000 / 1000};
}

static void pump(struct io *io)
{
    atomic_store(&io->woken, false);
    io->pumped_ns = io->now_ns;
    io->net->config.protocol.pump(io);
}

static void on_pump(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct io *io = context;
    io->now_ns = env_monotonic_ns(io->net->config.env);
    pump(io);
    conn_reap(io);
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct io *io = context;
    uint64_t count;
    ssize_t ignored = read(fd, &count, sizeof count);
    (void)ignored;
    io->now_ns = env_monotonic_ns(io->net->config.env);
    run_posts(io);
    if (atomic_load(&io->woken)) {
        int64_t wait_ns = io->pumped_ns + net_limits(io->net)->wake_ms_min * 1000000 - io->now_ns;
        if (wait_ns <= 0) {
            pump(io);
        } else if (!evtimer_pending(io->pump_event, NULL)) {
            struct timeval wait = timeval_of_ns(wait_ns);
            evtimer_add(io->pump_event, &wait);
        }
    }
    conn_reap(io);
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct io *io = context;
    conn_expire(io);
    io->net->config.protocol.tick(io);
    conn_reap(io);
}

struct hand_over {
    struct post post;
    int fd;
    uint8_t address[16];
};

static void run_hand_over(struct io *io, struct post *post)
{
    struct hand_over *over = (struct hand_over *)post;
    admit(io, over->fd, over->address);
    free(over);
}

static void address_of(const struct sockaddr_storage *from, uint8_t address[16])
{
    memset(address, 0, 16);
    if (from->ss_family == AF_INET6) {
        memcpy(address, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
    } else if (from->ss_family == AF_INET) {
        address[10] = address[11] = 0xff;
        memcpy(address + 12, &((const struct sockaddr_in *)from)->sin_addr, 4);
    }
}

/* Among equals each in its turn: where all are full, each cuts its oldest connection for one that
 * is new, and none keeps those that are the oldest of all. */
static struct io *least_loaded(struct net *net)
{
    unsigned threads = (unsigned)net->config.threads;
    unsigned turn = atomic_fetch_add(&net->turn, 1);
    struct io *best = &net->ios[turn % threads];
    for (unsigned i = 1; i < threads; i++) {
        struct io *io = &net->ios[(turn + i) % threads];
        best = atomic_load(&io->count) < atomic_load(&best->count) ? io : best;
    }
    return best;
}

static void on_accept(evutil_socket_t listen_fd, short what, void *context)
{
    (void)what;
    struct io *io = context;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage from;
        socklen_t from_len = sizeof from;
        int fd = accept(listen_fd, (struct sockaddr *)&from, &from_len);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE) {
                log_event(io->net->config.log, LOG_ERROR, "accept", LOG_S("error", "out of file "
                          "descriptors: raise LimitNOFILE or lower connections_max"));
                if (io->lists[CONN_IDLE].first != NULL) {
                    conn_close(io->lists[CONN_IDLE].first);
                }
            }
            break;
        }
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        /* A peer that vanished acknowledges nothing: the next heartbeat then ends its stream. */
        unsigned silence_ms = (unsigned)net_limits(io->net)->write_ms_max;
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence_ms, sizeof silence_ms);
        evutil_make_socket_nonblocking(fd);
        evutil_make_socket_closeonexec(fd);
        uint8_t address[16];
        address_of(&from, address);
        struct io *to = least_loaded(io->net);
        atomic_fetch_add(&to->count, 1);
        if (to == io) {
            admit(io, fd, address);
            continue;
        }
        struct hand_over *over = xcalloc(1, sizeof *over);
        over->post.run = run_hand_over;
        over->fd = fd;
        memcpy(over->address, address, sizeof over->address);
        io_post(to, &over->post);
    }
    conn_reap(io);
}

static void *io_main(void *context)
{
    struct io *io = context;
    current = io;
    event_base_dispatch(io->base);
    return NULL;
}

static struct event *event_must(struct event *event)
{
    if (event == NULL) {
        die("libevent gives no event");
    }
    return event;
}

static void io_open(struct net *net, int index, int listen_fd)
{
    struct io *io = &net->ios[index];
    io->net = net;
    io->index = index;
    pthread_mutex_init(&io->lock, NULL);
    io->base = event_base_new();
    io->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    io->listen_fd = dup(listen_fd);
    if (io->base == NULL || io->wake_fd < 0 || io->listen_fd < 0) {
        die("the system gives no event loop: %s", strerror(errno));
    }
    evutil_make_socket_closeonexec(io->listen_fd);
    io->accept_event =
        event_must(event_new(io->base, io->listen_fd, EV_READ | EV_PERSIST, on_accept, io));
    io->wake_event =
        event_must(event_new(io->base, io->wake_fd, EV_READ | EV_PERSIST, on_wake, io));
    io->tick_event = event_must(event_new(io->base, -1, EV_PERSIST, on_tick, io));
    io->pump_event = event_must(evtimer_new(io->base, on_pump, io));
    event_add(io->accept_event, NULL);
    event_add(io->wake_event, NULL);
    struct timeval tick = timeval_of_ns(TICK_MS * 1000000);
    event_add(io->tick_event, &tick);
    net->config.protocol.started(io);
}

static int listen_on(const struct net_config *config, int *out, uint16_t *port, struct fault *fault)
{
    char service[8];
    snprintf(service, sizeof service, "%u", config->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    int fd = -1;
    const char *host = config->host == NULL ? "any address" : config->host;
    int err = getaddrinfo(config->host, service, &hints, &found);
    if (err != 0) {
        err = fault_set(fault, E_INVALID, "cannot listen on %s: %s; give an address of this "
                        "machine", host, gai_strerror(err));
        goto out;
    }
    fd = socket(found->ai_family, SOCK_STREAM, 0);
    int on = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int why = errno;
        err = fault_set(fault, why == EADDRINUSE ? E_EXISTS : err_from_errno(why),
                        "cannot listen on %s port %u: %s; %s", host, config->port, strerror(why),
                        why == EADDRINUSE ? "stop the program that has it or choose another port"
                                          : "choose another address or port");
        goto out;
    }
    struct sockaddr_storage bound;
    socklen_t bound_len = sizeof bound;
    if (getsockname(fd, (struct sockaddr *)&bound, &bound_len) != 0) {
        err = fault_set(fault, E_IO, "cannot learn the port: %s", strerror(errno));
        goto out;
    }
    *port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                              : ((struct sockaddr_in *)&bound)->sin_port);
    evutil_make_socket_nonblocking(fd);
    evutil_make_socket_closeonexec(fd);
    *out = fd;
    fd = -1;
    err = E_OK;
out:
    if (fd >= 0) {
        close(fd);
    }
    if (found != NULL) {
        freeaddrinfo(found);
    }
    return err;
}

int net_start(const struct net_config *config, struct net **out, struct fault *fault)
{
    assert(config->threads > 0 && config->limits.connections_max > 0);
    SSL_CTX *tls = NULL;
    int err = tls_context_new(&config->tls, &tls, fault);
    if (err != E_OK) {
        return err;
    }
    int listen_fd = -1;
    uint16_t port = 0;
    err = listen_on(config, &listen_fd, &port, fault);
    if (err != E_OK) {
        SSL_CTX_free(tls);
        return err;
    }
    signal(SIGPIPE, SIG_IGN);
    struct net *net = xcalloc(1, sizeof *net);
    net->config = *config;
    net->tls = tls;
    net->port = port;
    pthread_mutex_init(&net->lock, NULL);
    net_set_limits(net, &config->limits);
    net->ios = xcalloc((size_t)config->threads, sizeof *net->ios);
    for (int i = 0; i < config->threads; i++) {
        io_open(net, i, listen_fd);
    }
    close(listen_fd);
    *out = net; /* nothing fails from here on, and the threads look for it there */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 0; i < config->threads; i++) {
        if (pthread_create(&net->ios[i].thread, NULL, io_main, &net->ios[i]) != 0) {
            die("the system gives no thread");
        }
        net->ios[i].running = true;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return E_OK;
}

uint16_t net_port(const struct net *net)
{
    return net->port;
}

const struct net_config *net_config(const struct net *net)
{
    return &net->config;
}

const struct limits *net_limits(const struct net *net)
{
    return &atomic_load(&net->limits)->limits;
}

void net_set_limits(struct net *net, const struct limits *limits)
{
    struct net_limits *fresh = xmalloc(sizeof *fresh);
    *fresh = (struct net_limits){.limits = *limits, .older = atomic_load(&net->limits)};
    admit_make_room(net, (size_t)(limits->connections_max + REFUSALS_MAX + ACCEPTS_PER_TURN));
    atomic_store(&net->limits, fresh);
}

int net_reload(struct net *net, const struct tls_files *files, struct fault *fault)
{
    SSL_CTX *tls = NULL;
    int err = tls_context_new(files, &tls, fault);
    if (err == E_OK) {
        pthread_mutex_lock(&net->lock);
        SSL_CTX *old = net->tls;
        net->tls = tls;
        pthread_mutex_unlock(&net->lock);
        SSL_CTX_free(old);
    }
    return err;
}

void net_wake(struct net *net)
{
    for (int i = 0; i < net->config.threads; i++) {
        if (!atomic_exchange(&net->ios[i].woken, true)) {
            ring(&net->ios[i]);
        }
    }
}

int net_connections(const struct net *net)
{
    int count = 0;
    for (int i = 0; i < net->config.threads; i++) {
        count += atomic_load(&net->ios[i].count);
    }
    return count;
}

bool net_is_draining(const struct net *net)
{
    return atomic_load(&net->draining);
}

static void run_drain(struct io *io, struct post *post)
{
    free(post);
    event_del(io->accept_event);
    close(io->listen_fd);
    io->listen_fd = -1;
    while (io->lists[CONN_IDLE].first != NULL) {
        conn_close(io->lists[CONN_IDLE].first);
    }
    io->net->config.protocol.drain(io);
}

static void post_all(struct net *net, void (*run)(struct io *io, struct post *post))
{
    for (int i = 0; i < net->config.threads; i++) {
        struct post *post = xcalloc(1, sizeof *post);
        post->run = run;
        io_post(&net->ios[i], post);
    }
}

bool net_drain(struct net *net, int64_t deadline_ms)
{
    atomic_store(&net->draining, true);
    post_all(net, run_drain);
    int64_t end_ns = env_monotonic_ns(net->config.env) + deadline_ms * 1000000;
    while (net_connections(net) > 0 && env_monotonic_ns(net->config.env) < end_ns) {
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    }
    return net_connections(net) == 0;
}

static void run_stop(struct io *io, struct post *post)
{
    free(post);
    event_base_loopbreak(io->base);
}

static void io_close(struct io *io)
{
    run_posts(io);
    for (int state = 0; state < CONN_CLOSED; state++) {
        while (io->lists[state].first != NULL) {
            conn_close(io->lists[state].first);
        }
    }
    io->net->config.protocol.stopped(io);
    conn_reap(io);
    event_free(io->accept_event);
    event_free(io->wake_event);
    event_free(io->tick_event);
    event_free(io->pump_event);
    /* Freed bufferevents are finalised by the loop, which runs no more: one last turn does it. */
    event_base_loop(io->base, EVLOOP_NONBLOCK);
    event_base_free(io->base);
    if (io->listen_fd >= 0) {
        close(io->listen_fd);
    }
    close(io->wake_fd);
    pthread_mutex_destroy(&io->lock);
}

void net_free(struct net *net)
{
    atomic_store(&net->draining, true);
    post_all(net, run_stop);
    for (int i = 0; i < net->config.threads; i++) {
        pthread_join(net->ios[i].thread, NULL);
    }
    for (int i = 0; i < net->config.threads; i++) {
        io_close(&net->ios[i]);
    }
    SSL_CTX_free(net->tls);
    for (struct net_limits *limits = atomic_load(&net->limits); limits != NULL;) {
        struct net_limits *older = limits->older;
        free(limits);
        limits = older;
    }
    free(net->addresses);
    free(net->ios);
    pthread_mutex_destroy(&net->lock);
    free(net);
}

int net_count(const struct net *net, enum conn_state state)
{
    int count = 0;
    for (int i = 0; i < net->config.threads; i++) {
        count += atomic_load(&net->ios[i].lists[state].count);
    }
    return count;
}

uint64_t net_cut(const struct net *net)
{
    return atomic_load(&net->cut);
}

uint64_t net_refused(const struct net *net)
{
    return atomic_load(&net->refused);
}
