/* One function builds every certificate (`issue`); the kinds differ in a row of extensions. */
#include "crypt/cert.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "crypt/secret.h"

struct cert_authority {
    X509 *certificate;
    EVP_PKEY *key;
};

void cert_pem_release(struct cert_pem *pem)
{
    if (pem->key.data != NULL) {
        secret_wipe(pem->key.data, pem->key.alloc);
    }
    buf_release(&pem->certificate);
    buf_release(&pem->key);
}

/* OpenSSL's own reason goes into the sentence, and its queue is left empty. */
static int openssl_fault(struct fault *fault, const char *what)
{
    char reason[160] = "no reason given";
    unsigned long code = ERR_get_error();
    if (code != 0) {
        ERR_error_string_n(code, reason, sizeof reason);
    }
    ERR_clear_error();
    return fault_set(fault, E_INTERNAL, "%s failed: %s", what, reason);
}

static bool is_word(struct view word)
{
    if (word.len == 0 || word.len > CERT_WORD_MAX) {
        return false;
    }
    for (size_t i = 0; i < word.len; i++) {
        char c = word.data[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '_' || c == '-')) {
            return false;
        }
    }
    return true;
}

int cert_identity_parse(struct view uri, struct cert_identity *out)
{
    static const char scheme[] = "passerelle://";
    if (!view_starts(uri, scheme)) {
        return E_INVALID;
    }
    struct cert_identity read = {0};
    char *const parts[] = {read.network, read.role, read.party, read.name};
    size_t at = sizeof scheme - 1;
    size_t count = 0;
    for (;;) {
        struct view rest = view_slice(uri, at, uri.len);
        size_t end = view_find(rest, '/');
        struct view part = view_slice(rest, 0, end);
        if (count == ARRAY_LEN(parts) || !is_word(part)) {
            return E_INVALID;
        }
        memcpy(parts[count++], part.data, part.len);
        if (end == rest.len) {
            break;
        }
        at += end + 1;
    }
    if (count < 3) {
        return E_INVALID;
    }
    *out = read;
    return E_OK;
}

void cert_identity_format(const struct cert_identity *identity, struct buf *out)
{
    buf_printf(out, "passerelle://%s/%s/%s", identity->network, identity->role, identity->party);
    if (identity->name[0] != '\0') {
        buf_printf(out, "/%s", identity->name);
    }
}

static void take_bio(BIO *bio, struct buf *out)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    buf_add(out, data, (size_t)len);
}

static int certificate_to_pem(X509 *certificate, struct buf *out, struct fault *fault)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int ok = bio != NULL && PEM_write_bio_X509(bio, certificate) == 1;
    if (ok) {
        take_bio(bio, out);
    }
    BIO_free(bio);
    return ok ? E_OK : openssl_fault(fault, "writing a certificate");
}

static int key_to_pem(EVP_PKEY *key, struct buf *out, struct fault *fault)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    int ok = bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    if (ok) {
        buf_reserve(out, 1024); /* not copied by a growing buffer */
        take_bio(bio, out);
    }
    BIO_free(bio);
    return ok ? E_OK : openssl_fault(fault, "writing a private key");
}

static X509 *certificate_from_pem(struct view pem)
{
    BIO *bio = pem.len > INT32_MAX ? NULL : BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *certificate = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return certificate;
}

/* A passphrase is never asked for. */
static int no_passphrase(char *text, int size, int writing, void *context)
{
    (void)text, (void)size, (void)writing, (void)context;
    return -1;
}

static bool set_time(ASN1_TIME *time, int64_t utc_ms)
{
    return ASN1_TIME_set(time, (time_t)(utc_ms / 1000)) != NULL;
}

static bool set_serial(X509 *certificate, const struct env *env)
{
    uint8_t bytes[CERT_SERIAL_LEN];
    env_random(env, bytes, sizeof bytes);
    bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive, and always 16 bytes long */
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool ok =
        number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return ok;
}

static bool set_common_name(X509 *certificate, const char *text)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    /* RFC 5280: a common name has at most 64 characters; who is meant stands in the URI. */
    int len = (int)strnlen(text, 64);
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)text, len,
                                      -1, 0) == 1;
}

struct extension {
    int nid;
    const char *value;
};

struct plan {
    const struct extension *extensions; /* ends with nid 0 */
    const char *common_name;
    struct cert_validity validity;
};

static const struct extension extensions_authority[] = {
    {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
    {NID_key_usage, "critical,keyCertSign,cRLSign"},
    {NID_subject_key_identifier, "hash"},
    {0, NULL},
};
static const struct extension extensions_server[] = {
    {NID_basic_constraints, "critical,CA:FALSE"},
    {NID_key_usage, "critical,digitalSignature"},
    {NID_ext_key_usage, "serverAuth"},
    {NID_subject_key_identifier, "hash"},
    {NID_authority_key_identifier, "keyid:always"},
    {0, NULL},
};
static const struct extension extensions_client[] = {
    {NID_basic_constraints, "critical,CA:FALSE"},
    {NID_key_usage, "critical,digitalSignature"},
    {NID_ext_key_usage, "clientAuth"},
    {NID_subject_key_identifier, "hash"},
    {NID_authority_key_identifier, "keyid:always"},
    {0, NULL},
};

static bool add_extensions(X509 *certificate, X509 *issuer, const struct extension *rows)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    for (; rows->nid != 0; rows++) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, rows->nid, rows->value);
        bool ok = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
        X509_EXTENSION_free(extension);
        if (!ok) {
            return false;
        }
    }
    return true;
}

/* Appends one name: GEN_DNS and GEN_URI take text, GEN_IPADD the address bytes. */
static bool add_name(GENERAL_NAMES *names, int kind, const void *bytes, size_t len)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *value =
        ASN1_STRING_type_new(kind == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    if (name == NULL || value == NULL || ASN1_STRING_set(value, bytes, (int)len) != 1) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(value);
        return false;
    }
    GENERAL_NAME_set0_value(name, kind, value);
    if (sk_GENERAL_NAME_push(names, name) <= 0) {
        GENERAL_NAME_free(name);
        return false;
    }
    return true;
}

/* Signs a certificate for `subject_key`. Without an authority it signs itself. */
static int issue(const struct cert_authority *authority, const struct env *env,
                 const struct plan *plan, EVP_PKEY *subject_key, GENERAL_NAMES *names,
                 EVP_PKEY *signer, struct buf *out, struct fault *fault)
{
    if (plan->validity.not_after_utc_ms <= plan->validity.not_before_utc_ms) {
        return fault_set(fault, E_INVALID, "a certificate must end after it begins");
    }
    X509 *certificate = X509_new();
    X509 *issuer = authority == NULL ? certificate : authority->certificate;
    int err = E_OK;
    if (certificate == NULL || X509_set_version(certificate, X509_VERSION_3) != 1 ||
        !set_serial(certificate, env) || !set_common_name(certificate, plan->common_name) ||
        X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) != 1 ||
        !set_time(X509_getm_notBefore(certificate), plan->validity.not_before_utc_ms) ||
        !set_time(X509_getm_notAfter(certificate), plan->validity.not_after_utc_ms) ||
        X509_set_pubkey(certificate, subject_key) != 1 ||
        !add_extensions(certificate, issuer, plan->extensions) ||
        (names != NULL &&
         X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) != 1) ||
        X509_sign(certificate, signer, EVP_sha256()) == 0) {
        err = openssl_fault(fault, "signing a certificate");
    } else {
        err = certificate_to_pem(certificate, out, fault);
    }
    X509_free(certificate);
    return err;
}

static int issue_with_new_key(const struct cert_authority *authority, const struct env *env,
                              const struct plan *plan, GENERAL_NAMES *names, struct cert_pem *out,
                              struct fault *fault)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (key == NULL) {
        return openssl_fault(fault, "making a key");
    }
    struct cert_pem made = CERT_PEM_INIT;
    int err = issue(authority, env, plan, key, names, authority == NULL ? key : authority->key,
                    &made.certificate, fault);
    if (err == E_OK) {
        err = key_to_pem(key, &made.key, fault);
    }
    if (err == E_OK) {
        *out = made;
    } else {
        cert_pem_release(&made);
    }
    EVP_PKEY_free(key);
    return err;
}

int cert_make_authority(const struct env *env, const char *network, struct cert_validity validity,
                        struct cert_pem *out, struct fault *fault)
{
    if (!is_word(view_of(network))) {
        return fault_set(fault, E_INVALID,
                         "\"%s\" cannot be a network's id: use 1 to %d of A-Z a-z "
                         "0-9 . _ -",
                         network, CERT_WORD_MAX);
    }
    struct arena arena = ARENA_INIT;
    struct plan plan = {extensions_authority, arena_printf(&arena, "Passerelle %s", network),
                        validity};
    int err = issue_with_new_key(NULL, env, &plan, NULL, out, fault);
    arena_release(&arena);
    return err;
}

int cert_authority_load(struct view certificate_pem, struct view key_pem,
                        struct cert_authority **out, struct fault *fault)
{
    BIO *bio = key_pem.len > INT32_MAX ? NULL : BIO_new_mem_buf(key_pem.data, (int)key_pem.len);
    struct cert_authority loaded = {
        .certificate = certificate_from_pem(certificate_pem),
        .key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL),
    };
    BIO_free(bio);
    int err = E_OK;
    if (loaded.certificate == NULL || loaded.key == NULL) {
        err = fault_set(fault, E_INVALID, "the authority's %s is not PEM, or is damaged",
                        loaded.certificate == NULL ? "certificate" : "key");
    } else if (X509_check_ca(loaded.certificate) != 1) {
        err = fault_set(fault, E_INVALID, "the certificate is not one of an authority");
    } else if (X509_check_private_key(loaded.certificate, loaded.key) != 1) {
        err = fault_set(fault, E_INVALID,
                        "the authority's certificate and key do not belong together");
    }
    ERR_clear_error();
    if (err != E_OK) {
        X509_free(loaded.certificate);
        EVP_PKEY_free(loaded.key);
        return err;
    }
    *out = xmalloc(sizeof **out);
    **out = loaded;
    return E_OK;
}

void cert_authority_free(struct cert_authority *authority)
{
    if (authority != NULL) {
        X509_free(authority->certificate);
        EVP_PKEY_free(authority->key);
        free(authority);
    }
}

/* `certificate` is read only; OpenSSL's i2d wants it writable. */
static void fingerprint(const X509 *certificate, uint8_t out[static SHA256_LEN])
{
    unsigned char *der = NULL;
    int len = i2d_X509((X509 *)(uintptr_t)certificate, &der);
    assert(len > 0);
    sha256(view_bytes(der, (size_t)len), out);
    OPENSSL_free(der);
}

void cert_authority_fingerprint(const struct cert_authority *authority,
                                uint8_t out[static SHA256_LEN])
{
    fingerprint(authority->certificate, out);
}

static bool is_dns_name(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > 253 || name[0] == '.' || name[len - 1] == '.') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!letter && c != '-' && c != '.' && !(c == '*' && i == 0 && name[1] == '.')) {
            return false;
        }
    }
    return true;
}

static int add_server_name(GENERAL_NAMES *names, const char *name, struct fault *fault)
{
    uint8_t address[16];
    bool ok;
    if (inet_pton(AF_INET, name, address) == 1) {
        ok = add_name(names, GEN_IPADD, address, 4);
    } else if (inet_pton(AF_INET6, name, address) == 1) {
        ok = add_name(names, GEN_IPADD, address, 16);
    } else if (is_dns_name(name)) {
        ok = add_name(names, GEN_DNS, name, strlen(name));
    } else {
        return fault_set(fault, E_INVALID, "\"%s\" is neither a DNS name nor an IP address", name);
    }
    return ok ? E_OK : openssl_fault(fault, "naming a server");
}

/* *out is to be freed by the caller. */
static int name_server(const char *const *names, size_t count, GENERAL_NAMES **out,
                       struct fault *fault)
{
    if (count == 0 || count > CERT_NAMES_MAX) {
        return fault_set(fault, E_INVALID, "a server certificate takes 1 to %d names, not %zu",
                         CERT_NAMES_MAX, count);
    }
    *out = GENERAL_NAMES_new();
    int err = *out == NULL ? openssl_fault(fault, "naming a server") : E_OK;
    for (size_t i = 0; err == E_OK && i < count; i++) {
        err = add_server_name(*out, names[i], fault);
    }
    return err;
}

int cert_issue_server(const struct cert_authority *authority, const struct env *env,
                      const char *const *names, size_t count, struct cert_validity validity,
                      struct cert_pem *out, struct fault *fault)
{
    GENERAL_NAMES *all = NULL;
    int err = name_server(names, count, &all, fault);
    if (err == E_OK) {
        struct plan plan = {extensions_server, names[0], validity};
        err = issue_with_new_key(authority, env, &plan, all, out, fault);
    }
    GENERAL_NAMES_free(all);
    return err;
}

/* The single URI name, and the plan's common name in `arena`. */
static int plan_client(const struct cert_identity *identity, struct cert_validity validity,
                       struct arena *arena, struct plan *plan, GENERAL_NAMES **names,
                       struct fault *fault)
{
    struct buf uri = BUF_INIT;
    cert_identity_format(identity, &uri);
    struct cert_identity again;
    int err = E_OK;
    if (cert_identity_parse(buf_content(&uri), &again) != E_OK) {
        err = fault_set(fault, E_INVALID,
                        "\"%s\" cannot be put into a certificate: network, role, "
                        "party and name are 1 to %d of A-Z a-z 0-9 . _ -",
                        uri.data, CERT_WORD_MAX);
    } else {
        *names = GENERAL_NAMES_new();
        if (*names == NULL || !add_name(*names, GEN_URI, uri.data, uri.len)) {
            err = openssl_fault(fault, "naming a client");
        }
    }
    const char *common = identity->name[0] == '\0' ? identity->party : identity->name;
    *plan = (struct plan){extensions_client, arena_printf(arena, "%s %s", identity->role, common),
                          validity};
    buf_release(&uri);
    return err;
}

int cert_issue_client(const struct cert_authority *authority, const struct env *env,
                      const struct cert_identity *identity, struct cert_validity validity,
                      struct cert_pem *out, struct fault *fault)
{
    struct arena arena = ARENA_INIT;
    struct plan plan;
    GENERAL_NAMES *names = NULL;
    int err = plan_client(identity, validity, &arena, &plan, &names, fault);
    if (err == E_OK) {
        err = issue_with_new_key(authority, env, &plan, names, out, fault);
    }
    GENERAL_NAMES_free(names);
    arena_release(&arena);
    return err;
}

static int request_for(EVP_PKEY *key, struct buf *out, struct fault *fault)
{
    X509_REQ *request = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());
    int err = E_OK;
    if (key == NULL || request == NULL || bio == NULL ||
        X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_pubkey(request, key) != 1 || X509_REQ_sign(request, key, EVP_sha256()) == 0 ||
        PEM_write_bio_X509_REQ(bio, request) != 1) {
        err = openssl_fault(fault, "making a certificate request");
    } else {
        take_bio(bio, out);
    }
    BIO_free(bio);
    X509_REQ_free(request);
    return err;
}

int cert_make_request(struct cert_pem *out, struct fault *fault)
{
    struct cert_pem made = CERT_PEM_INIT;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    int err = request_for(key, &made.certificate, fault);
    err = err != E_OK ? err : key_to_pem(key, &made.key, fault);
    if (err == E_OK) {
        *out = made;
    } else {
        cert_pem_release(&made);
    }
    EVP_PKEY_free(key);
    return err;
}

int cert_request_again(struct view key_pem, struct buf *request_pem, struct fault *fault)
{
    BIO *bio = key_pem.len > INT32_MAX ? NULL : BIO_new_mem_buf(key_pem.data, (int)key_pem.len);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    int err = request_for(key, request_pem, fault);
    EVP_PKEY_free(key);
    BIO_free(bio);
    return err;
}

/* *out is to be freed by the caller; its key is P-256 and has signed it. */
static int read_request(struct view pem, X509_REQ **out, struct fault *fault)
{
    BIO *bio = pem.len > INT32_MAX ? NULL : BIO_new_mem_buf(pem.data, (int)pem.len);
    *out = bio == NULL ? NULL : PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    EVP_PKEY *key = *out == NULL ? NULL : X509_REQ_get0_pubkey(*out);
    char curve[32] = "";
    int err = E_OK;
    if (key == NULL || !EVP_PKEY_is_a(key, "EC") ||
        EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) != 1 ||
        strcmp(curve, SN_X9_62_prime256v1) != 0) {
        err = fault_set(fault, E_INVALID,
                        "the certificate request is not PEM, is damaged, or its key "
                        "is not ECDSA P-256");
    } else if (X509_REQ_verify(*out, key) != 1) {
        err = fault_set(fault, E_SIGNATURE, "the certificate request is not signed by its own key");
    }
    BIO_free(bio);
    ERR_clear_error();
    return err;
}

int cert_issue_requested(const struct cert_authority *authority, const struct env *env,
                         struct view request_pem, const struct cert_identity *identity,
                         struct cert_validity validity, struct buf *certificate_pem,
                         struct fault *fault)
{
    struct arena arena = ARENA_INIT;
    struct plan plan;
    GENERAL_NAMES *names = NULL;
    X509_REQ *request = NULL;
    int err = read_request(request_pem, &request, fault);
    err = err != E_OK ? err : plan_client(identity, validity, &arena, &plan, &names, fault);
    ERR_clear_error();
    if (err == E_OK) {
        err = issue(authority, env, &plan, X509_REQ_get0_pubkey(request), names, authority->key,
                    certificate_pem, fault);
    }
    GENERAL_NAMES_free(names);
    X509_REQ_free(request);
    arena_release(&arena);
    return err;
}

int cert_issue_server_requested(const struct cert_authority *authority, const struct env *env,
                                struct view request_pem, const char *const *names, size_t count,
                                struct cert_validity validity, struct buf *certificate_pem,
                                struct fault *fault)
{
    GENERAL_NAMES *all = NULL;
    X509_REQ *request = NULL;
    int err = read_request(request_pem, &request, fault);
    err = err != E_OK ? err : name_server(names, count, &all, fault);
    if (err == E_OK) {
        struct plan plan = {extensions_server, names[0], validity};
        err = issue(authority, env, &plan, X509_REQ_get0_pubkey(request), all, authority->key,
                    certificate_pem, fault);
    }
    GENERAL_NAMES_free(all);
    X509_REQ_free(request);
    return err;
}

static int read_identity(const X509 *certificate, const char *network, struct cert_identity *out,
                         struct fault *fault)
{
    int critical = 0;
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, NULL);
    const ASN1_STRING *uri = NULL;
    int uris = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) { /* -1 when there are none */
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_URI) {
            uri = name->d.uniformResourceIdentifier;
            uris++;
        }
    }
    int err = E_OK;
    if (uris != 1) {
        err = fault_set(fault, E_UNAUTHENTICATED,
                        "the certificate says %s who it speaks for: it must "
                        "have exactly one URI name",
                        uris == 0 ? "not" : "in more than one way");
    } else if (cert_identity_parse(
                   view_bytes(ASN1_STRING_get0_data(uri), (size_t)ASN1_STRING_length(uri)), out) !=
               E_OK) {
        err = fault_set(fault, E_UNAUTHENTICATED,
                        "the certificate's URI name is not of the form "
                        "passerelle://network/role/party");
    } else if (strcmp(out->network, network) != 0) {
        err = fault_set(fault, E_UNAUTHENTICATED,
                        "the certificate is of the network \"%s\", this is "
                        "\"%s\"",
                        out->network, network);
    }
    GENERAL_NAMES_free(names);
    return err;
}

static bool time_to_utc_ms(const ASN1_TIME *time, int64_t *out)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0;
    int seconds = 0;
    bool ok = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;
    ASN1_TIME_free(epoch);
    *out = ((int64_t)days * 86400 + seconds) * 1000;
    return ok;
}

static bool read_serial(const X509 *certificate, char out[static 41])
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    uint8_t bytes[20];
    bool ok = number != NULL && BN_num_bytes(number) <= 20;
    int len = ok && BN_num_bytes(number) > CERT_SERIAL_LEN ? BN_num_bytes(number) : CERT_SERIAL_LEN;
    ok = ok && BN_bn2binpad(number, bytes, len) == len;
    for (int i = 0; ok && i < len; i++) {
        snprintf(out + (ptrdiff_t)i * 2, 3, "%02x", bytes[i]);
    }
    BN_free(number);
    return ok;
}

int cert_inspect(const X509 *certificate, const char *network, struct cert_info *out,
                 struct fault *fault)
{
    struct cert_info read = {0};
    int err = read_identity(certificate, network, &read.who, fault);
    if (err == E_OK &&
        (!time_to_utc_ms(X509_get0_notBefore(certificate), &read.validity.not_before_utc_ms) ||
         !time_to_utc_ms(X509_get0_notAfter(certificate), &read.validity.not_after_utc_ms) ||
         !read_serial(certificate, read.serial))) {
        err =
            fault_set(fault, E_UNAUTHENTICATED, "the certificate's dates or serial cannot be read");
    }
    ERR_clear_error();
    if (err == E_OK) {
        fingerprint(certificate, read.fingerprint);
        *out = read;
    }
    return err;
}

int cert_inspect_pem(struct view certificate_pem, const char *network, struct cert_info *out,
                     struct fault *fault)
{
    X509 *certificate = certificate_from_pem(certificate_pem);
    ERR_clear_error();
    if (certificate == NULL) {
        return fault_set(fault, E_INVALID, "the certificate is not PEM, or is damaged");
    }
    int err = cert_inspect(certificate, network, out, fault);
    X509_free(certificate);
    return err;
}

int cert_fingerprint_pem(struct view certificate_pem, uint8_t out[static SHA256_LEN],
                         struct fault *fault)
{
    X509 *certificate = certificate_from_pem(certificate_pem);
    ERR_clear_error();
    if (certificate == NULL) {
        return fault_set(fault, E_INVALID, "the certificate is not PEM, or is damaged");
    }
    fingerprint(certificate, out);
    X509_free(certificate);
    return E_OK;
}
