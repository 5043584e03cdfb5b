/* What nothing of ours can beat, on this machine, in the minute of the measurement. One line:
 *
 *     limits --state DIR [--leaves 1000000] [--leaf-bytes 200]
 *     verify_us=83 hello_p50_us=35 leaves_per_s=2000000
 *
 * verify: one Ed25519 signature over a proof's bytes. hello: a request of 560 bytes and an answer of
 * 480 over TLS 1.3 between two threads that do nothing else. leaves: the RFC 6962 root of leaves that
 * lie in memory, one core. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crowd.h"

enum { REQUEST = 560, ANSWER = 480, HELLOS = 5000, VERIFIES = 2000 };

static int64_t now_ns(void)
{
    return env_monotonic_ns(&env_system);
}

static int64_t verify_us(void)
{
    struct ed25519_key key;
    uint8_t signature[ED25519_SIGNATURE_LEN];
    struct view message = VIEW_LIT("passerelle-proof/v1 01234567890123456789012345678901 12345678");
    crowd_device(1, &key);
    ed25519_sign(&key, message, signature);
    int64_t start_ns = now_ns();
    for (int i = 0; i < VERIFIES; i++) {
        if (crypto_sign_verify_detached(signature, (const uint8_t *)message.data, message.len,
                                        key.public_key) != 0) {
            crowd_give_up("a signature does not verify");
        }
    }
    return (now_ns() - start_ns) / 1000 / VERIFIES;
}

/* ---- hello ---- */

struct server {
    SSL_CTX *context;
    int listener;
};

static bool read_all(SSL *ssl, char *bytes, int len)
{
    for (int n; len > 0; bytes += n, len -= n) {
        n = SSL_read(ssl, bytes, len);
        if (n <= 0) {
            return false;
        }
    }
    return true;
}

static void *serve(void *argument)
{
    static char bytes[REQUEST + ANSWER];
    struct server *server = argument;
    int on = 1;
    int fd = accept(server->listener, NULL, NULL);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SSL *ssl = SSL_new(server->context);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        while (read_all(ssl, bytes, REQUEST) && SSL_write(ssl, bytes, ANSWER) == ANSWER) {
        }
    }
    SSL_free(ssl);
    close(fd);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int64_t hello_us(const struct state *state)
{
    static char bytes[REQUEST + ANSWER];
    static int64_t took[HELLOS];
    struct server server = {.context = SSL_CTX_new(TLS_server_method()),
                            .listener = socket(AF_INET, SOCK_STREAM, 0)};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    pthread_t thread;
    int on = 1;
    SSL_CTX_set_min_proto_version(server.context, TLS1_3_VERSION);
    if (SSL_CTX_use_certificate_chain_file(server.context, state->server_certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(server.context, state->server_key, SSL_FILETYPE_PEM) != 1 ||
        bind(server.listener, (struct sockaddr *)&address, len) != 0 ||
        listen(server.listener, 1) != 0 ||
        getsockname(server.listener, (struct sockaddr *)&address, &len) != 0 ||
        pthread_create(&thread, NULL, serve, &server) != 0) {
        crowd_give_up("no TLS server could be started");
    }
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    SSL_set_fd(ssl, fd);
    if (connect(fd, (struct sockaddr *)&address, len) != 0 || SSL_connect(ssl) != 1) {
        crowd_give_up("no TLS connection");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (int i = 0; i < HELLOS; i++) {
        int64_t start_ns = now_ns();
        if (SSL_write(ssl, bytes, REQUEST) != REQUEST || !read_all(ssl, bytes, ANSWER)) {
            crowd_give_up("the TLS connection broke");
        }
        took[i] = now_ns() - start_ns;
    }
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
    close(server.listener);
    pthread_join(thread, NULL);
    SSL_CTX_free(context);
    SSL_CTX_free(server.context);
    qsort(took, HELLOS, sizeof *took, compare);
    return took[HELLOS / 2] / 1000;
}

/* ---- the root ---- */

struct hasher {
    EVP_MD *digest;
    EVP_MD_CTX *context;
};

static void hash(struct hasher *hasher, uint8_t prefix, const uint8_t *bytes, size_t len,
                 uint8_t out[static 32])
{
    EVP_DigestInit_ex2(hasher->context, hasher->digest, NULL);
    EVP_DigestUpdate(hasher->context, &prefix, 1);
    EVP_DigestUpdate(hasher->context, bytes, len);
    EVP_DigestFinal_ex(hasher->context, out, NULL);
}

static int64_t leaves_per_s(uint64_t leaves, size_t leaf)
{
    struct hasher hasher = {EVP_MD_fetch(NULL, "SHA256", NULL), EVP_MD_CTX_new()};
    uint8_t *bytes = xmalloc((size_t)leaves * leaf);
    uint8_t stack[66][32]; /* pairs lie side by side */
    size_t depth = 0;
    for (uint64_t i = 0; i < leaves * leaf; i++) {
        bytes[i] = (uint8_t)(i * 31 >> 3);
    }
    int64_t start_ns = now_ns();
    for (uint64_t i = 0; i < leaves; i++) {
        hash(&hasher, 0, bytes + i * leaf, leaf, stack[depth++]);
        for (uint64_t odd = i; odd & 1; odd >>= 1) {
            depth--;
            hash(&hasher, 1, stack[depth - 1], 64, stack[depth - 1]);
        }
    }
    while (depth > 1) {
        depth--;
        hash(&hasher, 1, stack[depth - 1], 64, stack[depth - 1]);
    }
    int64_t took_ns = now_ns() - start_ns;
    free(bytes);
    EVP_MD_CTX_free(hasher.context);
    EVP_MD_free(hasher.digest);
    return (int64_t)leaves * 1000000 / (took_ns / 1000);
}

int main(int argc, char **argv)
{
    const char *dir = NULL;
    uint64_t leaves = 1000000;
    uint64_t leaf = 200;
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--state") == 0) {
            dir = argv[i + 1];
        } else if (strcmp(argv[i], "--leaves") == 0) {
            leaves = (uint64_t)crowd_number(argv[i], argv[i + 1], 1);
        } else if (strcmp(argv[i], "--leaf-bytes") == 0) {
            leaf = (uint64_t)crowd_number(argv[i], argv[i + 1], 1);
        } else {
            crowd_give_up("%s: no such option", argv[i]);
        }
    }
    struct crowd_network network;
    crowd_open(&network, dir, DB_READ);
    if (sodium_init() < 0) {
        crowd_give_up("libsodium does not start");
    }
    printf("verify_us=%lld hello_p50_us=%lld leaves_per_s=%lld\n", (long long)verify_us(),
           (long long)hello_us(&network.state), (long long)leaves_per_s(leaves, leaf));
    crowd_close(&network);
    return EXIT_SUCCESS;
}
