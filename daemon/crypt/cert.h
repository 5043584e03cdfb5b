/* The network's own certificates (X.509 v3, ECDSA P-256, which every TLS client takes). The CA
 * signs server certificates with DNS and IP names, and client certificates with exactly one URI
 * name: passerelle://<network>/<role>/<party>[/<name>] from which the other side reads who calls.
 * Network, role, party and name are made of A-Z a-z 0-9 . _ - and are at most CERT_WORD_MAX bytes.
 * Which roles exist is the caller's matter.
 *
 * Keys and signatures use OpenSSL's own generator, serials the one of `env`; times are real UTC
 * milliseconds, given by the caller. An authority may be used by one thread at a time. */
#ifndef CRYPT_CERT_H
#define CRYPT_CERT_H

#include <openssl/types.h>

#include "base/buf.h"
#include "base/env.h"
#include "crypt/sha256.h"

enum { CERT_WORD_MAX = 63, CERT_NAMES_MAX = 16, CERT_SERIAL_LEN = 16 };

struct cert_validity {
    int64_t not_before_utc_ms; /* real time; cut to whole seconds */
    int64_t not_after_utc_ms;
};

/* Certificate and private key (PKCS #8) in PEM. The key's buffer is to be wiped by whoever holds
 * it: cert_pem_release() does. */
struct cert_pem {
    struct buf certificate;
    struct buf key;
};
#define CERT_PEM_INIT ((struct cert_pem){BUF_INIT, BUF_INIT})
void cert_pem_release(struct cert_pem *pem);

/* A new authority of the network `network`. */
must_check int cert_make_authority(const struct env *env, const char *network,
                                   struct cert_validity validity, struct cert_pem *out,
                                   struct fault *fault);

struct cert_authority;
/* Reads both parts; E_INVALID when they are damaged, no authority, or do not belong together. */
must_check int cert_authority_load(struct view certificate_pem, struct view key_pem,
                                   struct cert_authority **out, struct fault *fault);
void cert_authority_free(struct cert_authority *authority);
/* SHA-256 of the authority's DER certificate: what a join code holds. */
void cert_authority_fingerprint(const struct cert_authority *authority,
                                uint8_t out[static SHA256_LEN]);

/* A server certificate for `names`, each a DNS name or an IP address; 1 to CERT_NAMES_MAX. */
must_check int cert_issue_server(const struct cert_authority *authority, const struct env *env,
                                 const char *const *names, size_t count,
                                 struct cert_validity validity, struct cert_pem *out,
                                 struct fault *fault);

/* Who a client certificate speaks for; all fields NUL-terminated. */
struct cert_identity {
    char network[CERT_WORD_MAX + 1];
    char role[CERT_WORD_MAX + 1];
    char party[CERT_WORD_MAX + 1];
    char name[CERT_WORD_MAX + 1]; /* may be empty */
};
must_check int cert_issue_client(const struct cert_authority *authority, const struct env *env,
                                 const struct cert_identity *identity,
                                 struct cert_validity validity, struct cert_pem *out,
                                 struct fault *fault);

/* Enrolment: the client makes its key and a request (the certificate part of `out` holds the
 * request), the authority signs it for an identity that the authority chose. Of the request only
 * the key is taken, after its signature was checked; it must be P-256. */
must_check int cert_make_request(struct cert_pem *out, struct fault *fault);
/* A request for a key that is there already. */
must_check int cert_request_again(struct view key_pem, struct buf *request_pem,
                                  struct fault *fault);
must_check int cert_issue_requested(const struct cert_authority *authority, const struct env *env,
                                    struct view request_pem, const struct cert_identity *identity,
                                    struct cert_validity validity, struct buf *certificate_pem,
                                    struct fault *fault);

/* The same for a server that has its key elsewhere. */
must_check int cert_issue_server_requested(const struct cert_authority *authority,
                                           const struct env *env, struct view request_pem,
                                           const char *const *names, size_t count,
                                           struct cert_validity validity,
                                           struct buf *certificate_pem, struct fault *fault);

/* SHA-256 of the DER of a certificate given as PEM, whatever it is for. */
must_check int cert_fingerprint_pem(struct view certificate_pem, uint8_t out[static SHA256_LEN],
                                    struct fault *fault);

struct cert_info {
    struct cert_identity who;
    uint8_t fingerprint[SHA256_LEN]; /* of the DER certificate */
    char serial[2 * 20 + 1];         /* lower-case hex, at least 32 digits */
    struct cert_validity validity;
};
/* Reads a peer's client certificate, whose chain TLS has verified already. E_UNAUTHENTICATED, with
 * the reason, when it has no URI name or several, one of another scheme or network, or a malformed
 * one; *out is untouched then. */
must_check int cert_inspect(const X509 *certificate, const char *network, struct cert_info *out,
                            struct fault *fault);
/* The same from PEM. */
must_check int cert_inspect_pem(struct view certificate_pem, const char *network,
                                struct cert_info *out, struct fault *fault);

/* `passerelle://network/role/party[/name]`, strictly; E_INVALID. */
must_check int cert_identity_parse(struct view uri, struct cert_identity *out);
void cert_identity_format(const struct cert_identity *identity, struct buf *out);

#endif
