/* TLS 1.3 for the listener: our certificate, an optional certificate of the peer, ALPN. */
#ifndef TRANSPORT_NET_TLS_H
#define TRANSPORT_NET_TLS_H

#include <openssl/ssl.h>

#include "base/err.h"

struct tls_files {
    const char *certificate; /* PEM, leaf first */
    const char *key;         /* PEM */
    const char *client_ca;   /* PEM: whose client certificates count; NULL = none are asked for */
};

/* A server context: TLS 1.3 only, ALPN "http/1.1", stateless tickets so that coming back is cheap,
 * record buffers given back while a connection is idle. A client certificate is optional; one that
 * the CA did not sign ends the handshake. The caller frees *out with SSL_CTX_free(). E_INVALID or
 * E_IO with the name of the file that is wrong. */
must_check int tls_context_new(const struct tls_files *files, SSL_CTX **out, struct fault *fault);

#endif
