/* The load: keep-alive TLS 1.3 connections that send requests made beforehand, one at a time each,
 * as fast as answers come. The same for the daemon and for its peers.
 *
 *     load --state DIR --port P [--connections 64] [--requests 20000] [--first 0] [--passes 20000]
 *          [--sites 120 | --site ID] [--out 1] [--format proto|json] [--certificate F --key F]
 *     load --port P --get /readyz [--connections N] [--requests N]
 *     load --port P --idle 300 --seconds S
 *
 * With --out these visitors leave again.
 *
 * Check-ins: request i is by pass i % passes of the crowd, at another site each time around, with a
 * request id, a proof of possession and a body of its own, signed before the clock starts. An
 * answer counts as accepted when it says so; codes of refusals are told. One line is printed:
 *     requests=20000 accepted=20000 refused=0 failed=0 seconds=3.912 rate_per_s=5112 p50_us=... */
/* For memmem(). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/ident/uuid.h"
#include "core/pass/proof.h"
#include "crowd.h"
#include "passerelle/v1/desk.pb-c.h"
#include "wire/pack.h"

enum { ANSWER_MAX = 16384, REFUSALS = 32 };

struct options {
    const char *state, *path, *certificate, *key, *site;
    uint16_t port;
    uint64_t connections, requests, first, passes, sites;
    uint64_t seconds;
    bool json, get, idle, out;
};

struct request {
    struct view bytes;
    int64_t sent_ns;
    int64_t took_ns;
};

struct connection {
    SSL *ssl;
    int fd;
    struct request *at;
    size_t written;
    size_t len;
    char answer[ANSWER_MAX];
};

struct load {
    struct options options;
    struct request *requests;
    uint64_t started, ended, accepted, failed;
    uint64_t refused[REFUSALS];
    bool complained;
    struct arena arena;
};

static int64_t now_ns(void)
{
    return env_monotonic_ns(&env_system);
}

/* ---- requests ---- */

static struct view http(struct load *load, struct view body)
{
    struct buf text = BUF_INIT;
    if (load->options.get) {
        buf_printf(&text, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", load->options.path);
    } else {
        buf_printf(&text,
                   "POST %s HTTP/1.1\r\nHost: localhost\r\nConnect-Protocol-Version: 1\r\n"
                   "Content-Type: application/%s\r\nContent-Length: %zu\r\n\r\n",
                   load->options.path, load->options.json ? "json" : "proto", body.len);
        buf_view(&text, body);
    }
    struct view copy = arena_copy(&load->arena, buf_content(&text));
    buf_release(&text);
    return copy;
}

static struct view check_in(struct load *load, struct crowd_network *network, uint64_t number,
                            struct view token)
{
    const struct options *options = &load->options;
    uint64_t pass = number % options->passes;
    uint64_t site = (number / options->passes * 7 + pass) % options->sites;
    int64_t now_utc_ms = env_now_utc_ms(&network->state.env);
    struct ed25519_key device;
    uint8_t hash[SHA256_LEN], signature[ED25519_SIGNATURE_LEN], random[10];
    char request_id[UUID_TEXT_LEN + 1], site_id[CROWD_ID_MAX];

    crowd_device(pass, &device);
    token_hash(token, hash);
    proof_sign(&device, hash, (uint64_t)(now_utc_ms / 1000), signature);
    struct buf scan = BUF_INIT;
    token_proof_text(token, (uint64_t)(now_utc_ms / 1000), signature, &scan);
    env_random(&env_system, random, sizeof random);
    uuid_format(uuid_v7(now_utc_ms, random), request_id);
    crowd_site(site, site_id);
    if (options->site != NULL) {
        snprintf(site_id, sizeof site_id, "%s", options->site);
    }

    struct buf body = BUF_INIT;
    if (options->out) {
        Passerelle__V1__CheckOutRequest message = PASSERELLE__V1__CHECK_OUT_REQUEST__INIT;
        message.request_id = request_id;
        message.site_id = site_id;
        message.who_case = PASSERELLE__V1__CHECK_OUT_REQUEST__WHO_SCAN;
        message.scan = scan.data;
        wire_pack(&body, &message.base);
    } else if (options->json) {
        buf_printf(&body, "{\"requestId\":\"%s\",\"siteId\":\"%s\",\"scan\":\"%.*s\"}", request_id,
                   site_id, VIEW_FMT(buf_content(&scan)));
    } else {
        Passerelle__V1__CheckInRequest message = PASSERELLE__V1__CHECK_IN_REQUEST__INIT;
        message.request_id = request_id;
        message.site_id = site_id;
        message.credential_case = PASSERELLE__V1__CHECK_IN_REQUEST__CREDENTIAL_SCAN;
        message.scan = scan.data;
        wire_pack(&body, &message.base);
    }
    struct view bytes = http(load, buf_content(&body));
    buf_release(&body);
    buf_release(&scan);
    return bytes;
}

/* Tokens first, then proofs, so that the last second before the start goes to proofs alone. */
static void make_requests(struct load *load)
{
    const struct options *options = &load->options;
    load->requests = xcalloc(options->requests, sizeof *load->requests);
    if (options->get) {
        struct view bytes = http(load, VIEW_NONE);
        for (uint64_t i = 0; i < options->requests; i++) {
            load->requests[i].bytes = bytes;
        }
        return;
    }
    struct crowd_network network;
    crowd_open(&network, options->state, DB_READ);
    struct view *tokens = xcalloc(options->passes, sizeof *tokens);
    for (uint64_t i = 0; i < options->requests; i++) {
        uint64_t pass = (options->first + i) % options->passes;
        if (tokens[pass].len == 0) {
            struct buf token = BUF_INIT;
            crowd_token(pass, view_of(network.network_id), &network.token_key, &token);
            tokens[pass] = arena_copy(&load->arena, buf_content(&token));
            buf_release(&token);
        }
    }
    for (uint64_t i = 0; i < options->requests; i++) {
        uint64_t number = options->first + i;
        load->requests[i].bytes =
            check_in(load, &network, number, tokens[number % options->passes]);
    }
    free(tokens);
    crowd_close(&network);
}

/* ---- connections ---- */

static SSL_CTX *make_context(const struct options *options)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (options->certificate != NULL &&
        (SSL_CTX_use_certificate_file(context, options->certificate, SSL_FILETYPE_PEM) != 1 ||
         SSL_CTX_use_PrivateKey_file(context, options->key, SSL_FILETYPE_PEM) != 1)) {
        crowd_give_up("%s and its key cannot be read", options->certificate);
    }
    return context;
}

static void open_connection(struct connection *connection, SSL_CTX *context, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    connection->ssl = SSL_new(context);
    SSL_set_fd(connection->ssl, connection->fd);
    SSL_set_tlsext_host_name(connection->ssl, "localhost");
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        SSL_connect(connection->ssl) != 1) {
        crowd_give_up("no TLS connection to port %u: %s", port, strerror(errno));
    }
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(connection->fd, F_SETFL, fcntl(connection->fd, F_GETFL) | O_NONBLOCK);
}

static void write_more(struct connection *connection)
{
    struct view bytes = connection->at->bytes;
    while (connection->written < bytes.len) {
        int n = SSL_write(connection->ssl, bytes.data + connection->written,
                          (int)(bytes.len - connection->written));
        if (n <= 0) {
            if (SSL_get_error(connection->ssl, n) == SSL_ERROR_SSL) {
                crowd_give_up("the server ended a connection");
            }
            return;
        }
        connection->written += (size_t)n;
    }
}

/* False: nothing is left to send. */
static bool send_next(struct load *load, struct connection *connection)
{
    connection->at = NULL;
    if (load->started == load->options.requests) {
        return false;
    }
    connection->at = &load->requests[load->started++];
    connection->written = 0;
    connection->len = 0;
    connection->at->sent_ns = now_ns();
    write_more(connection);
    return true;
}

/* ---- answers ---- */

static void complain(struct load *load, struct view answer)
{
    if (!load->complained) {
        load->complained = true;
        fprintf(stderr, "bench: first answer of this kind: %.*s\n", VIEW_FMT(answer));
    }
}

static void judge(struct load *load, struct view answer, struct view body)
{
    if (!view_starts(answer, "HTTP/1.1 200")) {
        load->failed++;
        complain(load, answer);
    } else if (load->options.get || load->options.out) {
        load->accepted++;
    } else if (load->options.json) {
        bool yes = memmem(body.data, body.len, "\"accepted\":true", 15) != NULL;
        load->accepted += yes;
        load->refused[0] += !yes;
        if (!yes) {
            complain(load, body);
        }
    } else if (view_starts(body, "\x08\x01")) {
        load->accepted++;
    } else {
        struct arena arena = ARENA_INIT;
        const Passerelle__V1__CheckInResponse *response =
            wire_unpack_trusted(&passerelle__v1__check_in_response__descriptor, body, &arena);
        unsigned code = response == NULL || response->refusal == NULL
                            ? 0
                            : (unsigned)response->refusal->code % REFUSALS;
        load->refused[code]++;
        arena_release(&arena);
    }
}

/* The length of the whole answer; 0 while its head is not there. */
static size_t answer_length(const struct connection *connection, size_t *head)
{
    const char *end = memmem(connection->answer, connection->len, "\r\n\r\n", 4);
    if (end == NULL) {
        return 0;
    }
    *head = (size_t)(end - connection->answer) + 4;
    static const char name[] = "\r\ncontent-length:";
    for (const char *at = connection->answer; at < end; at++) {
        if (*at == '\r' && strncasecmp(at, name, sizeof name - 1) == 0) {
            return *head + (size_t)strtoul(at + sizeof name - 1, NULL, 10);
        }
    }
    crowd_give_up("an answer without Content-Length: %.*s", (int)*head, connection->answer);
}

/* True when an answer is whole. */
static bool read_more(struct load *load, struct connection *connection)
{
    for (;;) {
        int n = SSL_read(connection->ssl, connection->answer + connection->len,
                         (int)(ANSWER_MAX - 1 - connection->len));
        if (n <= 0) {
            int error = SSL_get_error(connection->ssl, n);
            if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
                crowd_give_up("the server ended a connection");
            }
            return false;
        }
        connection->len += (size_t)n;
        connection->answer[connection->len] = '\0';
        size_t head = 0;
        size_t length = answer_length(connection, &head);
        if (length > 0 && connection->len >= length) {
            connection->at->took_ns = now_ns() - connection->at->sent_ns;
            load->ended++;
            judge(load, (struct view){connection->answer, connection->len},
                  (struct view){connection->answer + head, length - head});
            return true;
        }
    }
}

static void run(struct load *load, struct connection *connections)
{
    struct epoll_event events[256];
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (uint64_t i = 0; i < load->options.connections; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET,
                                    .data.ptr = &connections[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event);
        send_next(load, &connections[i]);
    }
    while (load->ended < load->options.requests) {
        int count = epoll_wait(epoll, events, (int)ARRAY_LEN(events), 30000);
        if (count == 0) {
            crowd_give_up("no answer for 30 seconds");
        }
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection->at != NULL) {
                write_more(connection);
                if (read_more(load, connection)) {
                    send_next(load, connection);
                }
            }
        }
    }
    close(epoll);
}

/* ---- what came out ---- */

static int compare_took(const void *a, const void *b)
{
    const struct request *x = a, *y = b;
    return x->took_ns < y->took_ns ? -1 : x->took_ns > y->took_ns;
}

static long long percentile_us(const struct load *load, unsigned per_thousand)
{
    uint64_t count = load->options.requests;
    uint64_t at = (count * per_thousand + 999) / 1000;
    return (long long)load->requests[at == 0 ? 0 : at - 1].took_ns / 1000;
}

static void report(struct load *load, int64_t took_ns)
{
    uint64_t count = load->options.requests;
    uint64_t refused = 0;
    for (size_t i = 0; i < REFUSALS; i++) {
        refused += load->refused[i];
        if (load->refused[i] > 0) {
            fprintf(stderr, "bench: %llu refused with code %zu\n",
                    (unsigned long long)load->refused[i], i);
        }
    }
    qsort(load->requests, count, sizeof *load->requests, compare_took);
    printf("requests=%llu accepted=%llu refused=%llu failed=%llu microseconds=%lld rate_per_s=%lld "
           "p50_us=%lld p90_us=%lld p99_us=%lld p999_us=%lld max_us=%lld\n",
           (unsigned long long)count, (unsigned long long)load->accepted,
           (unsigned long long)refused, (unsigned long long)load->failed,
           (long long)took_ns / 1000, (long long)((int64_t)count * 1000000 / (took_ns / 1000)),
           percentile_us(load, 500), percentile_us(load, 900), percentile_us(load, 990),
           percentile_us(load, 999), percentile_us(load, 1000));
}

static void parse(struct options *options, int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--state") == 0) {
            options->state = value;
        } else if (strcmp(name, "--port") == 0) {
            options->port = (uint16_t)crowd_number(name, value, 1);
        } else if (strcmp(name, "--connections") == 0) {
            options->connections = (uint64_t)crowd_number(name, value, 1);
        } else if (strcmp(name, "--requests") == 0) {
            options->requests = (uint64_t)crowd_number(name, value, 1);
        } else if (strcmp(name, "--first") == 0) {
            options->first = (uint64_t)crowd_number(name, value, 0);
        } else if (strcmp(name, "--passes") == 0) {
            options->passes = (uint64_t)crowd_number(name, value, 1);
        } else if (strcmp(name, "--sites") == 0) {
            options->sites = (uint64_t)crowd_number(name, value, 1);
        } else if (strcmp(name, "--out") == 0) {
            options->out = true;
            options->path = "/passerelle.v1.DeskService/CheckOut";
        } else if (strcmp(name, "--site") == 0) {
            options->site = value;
        } else if (strcmp(name, "--seconds") == 0) {
            options->seconds = (uint64_t)crowd_number(name, value, 0);
        } else if (strcmp(name, "--format") == 0) {
            options->json = value != NULL && strcmp(value, "json") == 0;
        } else if (strcmp(name, "--certificate") == 0) {
            options->certificate = value;
        } else if (strcmp(name, "--key") == 0) {
            options->key = value;
        } else if (strcmp(name, "--get") == 0) {
            options->get = true;
            options->path = value;
        } else if (strcmp(name, "--idle") == 0) {
            options->idle = true;
            options->connections = (uint64_t)crowd_number(name, value, 1);
        } else {
            crowd_give_up("%s: no such option", name);
        }
    }
    if (options->port == 0) {
        crowd_give_up("say which --port");
    }
}

int main(int argc, char **argv)
{
    struct load load = {.options = {.path = "/passerelle.v1.DeskService/CheckIn",
                                    .connections = 64,
                                    .requests = 20000,
                                    .passes = 20000,
                                    .sites = 120,
                                    .seconds = 10}};
    parse(&load.options, argc, argv);
    signal(SIGPIPE, SIG_IGN);
    SSL_CTX *context = make_context(&load.options);
    struct connection *connections = xcalloc(load.options.connections, sizeof *connections);
    for (uint64_t i = 0; load.options.idle && i < load.options.connections; i++) {
        open_connection(&connections[i], context, load.options.port);
    }
    if (load.options.idle) {
        printf("connections=%llu\n", (unsigned long long)load.options.connections);
        fflush(stdout);
        sleep((unsigned)load.options.seconds);
    } else {
        make_requests(&load);
        for (uint64_t i = 0; i < load.options.connections; i++) {
            open_connection(&connections[i], context, load.options.port);
        }
        int64_t start_ns = now_ns();
        run(&load, connections);
        report(&load, now_ns() - start_ns);
    }
    for (uint64_t i = 0; i < load.options.connections; i++) {
        SSL_free(connections[i].ssl);
        close(connections[i].fd);
    }
    free(connections);
    free(load.requests);
    SSL_CTX_free(context);
    arena_release(&load.arena);
    return load.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
