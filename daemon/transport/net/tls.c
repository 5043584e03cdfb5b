#include "transport/net/tls.h"

#include <openssl/err.h>

static const unsigned char alpn_http11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
/* Resumption with client certificates needs a name for the context. */
static const unsigned char session_context[] = "passerelle";

static int fail(struct fault *fault, const char *what, const char *file, const char *todo)
{
    unsigned long first = ERR_peek_error(); /* the last one says "system lib" of a missing file */
    const char *reason = ERR_SYSTEM_ERROR(first) ? strerror(ERR_GET_REASON(first))
                                                 : ERR_reason_error_string(ERR_peek_last_error());
    fault_set(fault, E_INVALID, "%s %s cannot be used (%s): %s", what, file,
              reason == NULL ? "no reason given" : reason, todo);
    ERR_clear_error();
    return E_INVALID;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *context)
{
    (void)ssl;
    (void)context;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_len, alpn_http11, sizeof alpn_http11, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int use_client_ca(SSL_CTX *context, const char *file, struct fault *fault)
{
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);
    if (names == NULL || SSL_CTX_load_verify_file(context, file) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return fail(fault, "the network's CA", file, "give the PEM file that `init` made");
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return E_OK;
}

int tls_context_new(const struct tls_files *files, SSL_CTX **out, struct fault *fault)
{
    int err = E_OK;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL) {
        err = fault_set(fault, E_INTERNAL, "OpenSSL gives no TLS context");
        goto out;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    /* AES-128 is a third cheaper per record and strong enough; phones without AES get ChaCha. */
    SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                      "TLS_CHACHA20_POLY1305_SHA256");
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(context, session_context, sizeof session_context - 1);
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    if (SSL_CTX_use_certificate_chain_file(context, files->certificate) != 1) {
        err = fail(fault, "the certificate", files->certificate, "give a PEM file, leaf first");
        goto out;
    }
    if (SSL_CTX_use_PrivateKey_file(context, files->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        err = fail(fault, "the key", files->key, "give the PEM key of the certificate");
        goto out;
    }
    if (files->client_ca != NULL) {
        err = use_client_ca(context, files->client_ca, fault);
        if (err != E_OK) {
            goto out;
        }
    }
    *out = context;
    context = NULL;
out:
    SSL_CTX_free(context);
    return err;
}
