#include <check.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "crypt/cert.h"
#include "crypt/ed25519.h"
#include "crypt/keyfile.h"
#include "crypt/secret.h"
#include "crypt/sha256.h"

static struct env env;
static struct env_test world;
static char folder[] = "/tmp/passerelle-crypt-XXXXXX";
static char path[128];

static void setup(void)
{
    world = (struct env_test){.now_utc_ms = 1793520000000, .seed = 7};
    env_test_init(&env, &world);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key", folder);
}

static void teardown(void)
{
    unlink(path);
    rmdir(folder);
    snprintf(folder, sizeof folder, "/tmp/passerelle-crypt-XXXXXX");
}

START_TEST(sha256_known_answers)
{
    /* FIPS 180-4 examples. */
    static const struct {
        const char *text;
        const char *hex;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t whole[32];
        uint8_t pieces[32];
        char hex[65];
        sha256(view_of(rows[i].text), whole);
        text_to_hex(whole, 32, hex);
        ck_assert_str_eq(hex, rows[i].hex);
        struct sha256 hash;
        sha256_init(&hash);
        for (const char *c = rows[i].text; *c != '\0'; c++) {
            sha256_add(&hash, c, 1);
        }
        sha256_end(&hash, pieces);
        ck_assert_mem_eq(whole, pieces, 32);
    }
}
END_TEST

START_TEST(ed25519_known_answer)
{
    /* RFC 8032 section 7.1, test 2. */
    uint8_t seed[32];
    uint8_t public_key[32];
    uint8_t expected[64];
    uint8_t signature[64];
    ck_assert_int_eq(
        text_from_hex(VIEW_LIT("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
                      seed, 32),
        E_OK);
    ck_assert_int_eq(
        text_from_hex(VIEW_LIT("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
                      public_key, 32),
        E_OK);
    ck_assert_int_eq(
        text_from_hex(VIEW_LIT("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085"
                               "ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
                      expected, 64),
        E_OK);
    struct ed25519_key key;
    ed25519_key_from_seed(&key, seed);
    ck_assert_mem_eq(key.public_key, public_key, 32);
    struct view message = VIEW_LIT("\x72");
    ed25519_sign(&key, message, signature);
    ck_assert_mem_eq(signature, expected, 64);
    ck_assert(ed25519_verify(public_key, message, signature));
    ck_assert(!ed25519_verify(public_key, VIEW_LIT("\x73"), signature));
    ck_assert(!ed25519_verify(public_key, VIEW_NONE, signature));
    for (size_t i = 0; i < 64; i++) {
        signature[i] ^= 1;
        ck_assert(!ed25519_verify(public_key, message, signature));
        signature[i] ^= 1;
    }
    struct ed25519_key other;
    ed25519_key_make(&other, &env);
    ck_assert(!ed25519_verify(other.public_key, message, signature));
    ed25519_key_wipe(&other);
    ck_assert(other.seed[0] == 0 && other.seed[31] == 0);
}
END_TEST

START_TEST(keyfile_round_trip)
{
    struct ed25519_key key;
    struct ed25519_key back;
    struct fault fault = FAULT_NONE;
    struct stat info;
    ed25519_key_make(&key, &env);
    ck_assert_int_eq(keyfile_write(path, "feed s001", &key, &fault), E_OK);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 07777, 0600);
    ck_assert_int_eq(keyfile_read(path, "feed s001", &back, &fault), E_OK);
    ck_assert_mem_eq(&key, &back, sizeof key);
    ck_assert_int_eq(keyfile_write(path, "feed s001", &key, &fault), E_EXISTS);
    ck_assert_ptr_nonnull(strstr(fault.text, "exists already"));
    fault = FAULT_NONE;
    ck_assert_int_eq(keyfile_read(path, "token", &back, &fault), E_CONFLICT);
    ck_assert_ptr_nonnull(strstr(fault.text, "\"feed s001\""));
    static const mode_t wide[] = {0640, 0604, 0610, 0602, 0666};
    for (size_t i = 0; i < ARRAY_LEN(wide); i++) {
        fault = FAULT_NONE;
        ck_assert_int_eq(chmod(path, wide[i]), 0);
        ck_assert_int_eq(keyfile_read(path, "feed s001", &back, &fault), E_DENIED);
        ck_assert_ptr_nonnull(strstr(fault.text, "chmod 600"));
    }
    ck_assert_int_eq(chmod(path, 0400), 0);
    ck_assert_int_eq(keyfile_read(path, "feed s001", &back, NULL), E_OK);
}
END_TEST

START_TEST(keyfile_damaged)
{
    static const struct {
        const char *content;
        int err;
    } rows[] = {
        {"", E_FOREIGN},
        {"\n", E_FOREIGN},
        {"hello\n", E_FOREIGN},
        {"passerelle-key/v2 token AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", E_FOREIGN},
        {"passerelle-key/v1 ", E_FOREIGN},
        {"passerelle-key/v1 token\n", E_FOREIGN},
        {"passerelle-key/v1 token AAAA\n", E_FOREIGN},
        {"passerelle-key/v1 token AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", E_FOREIGN},
        {"passerelle-key/v1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", E_CONFLICT},
        {"passerelle-key/v1 token AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", E_OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ed25519_key key;
        ck_assert_int_eq(keyfile_create_private(path, view_of(rows[i].content), NULL), E_OK);
        ck_assert_msg(keyfile_read(path, "token", &key, NULL) == rows[i].err, "row %zu", i);
        unlink(path);
    }
    struct buf out = BUF_INIT;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(keyfile_read_private(path, &out, &fault), E_NOT_FOUND);
    ck_assert_int_eq(keyfile_read_private("/dev/null", &out, NULL), E_INVALID);
    ck_assert_int_eq(keyfile_create_private("/no/such/folder/key", VIEW_NONE, &fault), E_NOT_FOUND);
    char *large = calloc(1, KEYFILE_BYTES_MAX + 1);
    ck_assert_int_eq(keyfile_create_private(path, view_bytes(large, KEYFILE_BYTES_MAX + 1), NULL),
                     E_OK);
    ck_assert_int_eq(keyfile_read_private(path, &out, NULL), E_LIMIT);
    ck_assert_uint_eq(out.len, 0);
    free(large);
    buf_release(&out);
}
END_TEST

START_TEST(api_keys)
{
    struct api_key key;
    struct api_key other;
    struct api_key back;
    api_key_make(&key, &env);
    api_key_make(&other, &env);
    ck_assert_uint_eq(strlen(key.text), API_KEY_LEN);
    ck_assert_str_ne(key.text, other.text);
    ck_assert_int_eq(api_key_parse(view_of(key.text), &back), E_OK);
    ck_assert_mem_eq(&key, &back, sizeof key);
    ck_assert(secret_equal(key.hash, back.hash, 32) && !secret_equal(key.hash, other.hash, 32));
    ck_assert(memcmp(key.text + 4, key.prefix, API_KEY_PREFIX_LEN) == 0);
    for (size_t i = 0; i < API_KEY_LEN; i++) {
        struct api_key bad = key;
        bad.text[i] = '!';
        ck_assert_int_eq(api_key_parse(view_of(bad.text), &back), E_INVALID);
    }
    ck_assert_int_eq(api_key_parse(view_bytes(key.text, API_KEY_LEN - 1), &back), E_INVALID);
    ck_assert_int_eq(api_key_parse(VIEW_NONE, &back), E_INVALID);
}
END_TEST

START_TEST(one_time_codes)
{
    for (int round = 0; round < 200; round++) {
        struct one_time_code code;
        struct one_time_code back;
        one_time_code_make(&code, &env);
        ck_assert_uint_eq(strlen(code.text), CODE_LEN);
        ck_assert_int_eq(one_time_code_parse(view_of(code.text), &back), E_OK);
        ck_assert_mem_eq(&code, &back, sizeof code);
        /* As a person writes it. */
        char typed[80] = "";
        size_t at = 0;
        for (size_t i = 0; i < CODE_LEN; i++) {
            char c = code.text[i];
            typed[at++] = (char)(c == '0'               ? 'o'
                                 : c == '1'             ? 'L'
                                 : c >= 'A' && c <= 'Z' ? c + 32
                                                        : c);
            if (i % 5 == 4) {
                typed[at++] = '-';
                typed[at++] = ' ';
            }
        }
        ck_assert_int_eq(one_time_code_parse(view_bytes(typed, at), &back), E_OK);
        ck_assert_str_eq(back.text, code.text);
        /* Any other single character, and any two neighbours swapped, are noticed. */
        size_t place = (size_t)round % CODE_LEN;
        struct one_time_code bad = code;
        bad.text[place] = code.text[place] == '7' ? '6' : '7';
        ck_assert_int_eq(one_time_code_parse(view_of(bad.text), &back), E_INVALID);
        bad = code;
        place %= CODE_LEN - 2;
        bad.text[place] = code.text[place + 1];
        bad.text[place + 1] = code.text[place];
        ck_assert_int_eq(one_time_code_parse(view_of(bad.text), &back),
                         bad.text[place] == code.text[place] ? E_OK : E_INVALID);
    }
    static const char *const bad[] = {"",
                                      "0",
                                      "00000000000000000000000000",
                                      "80000000000000000000000000U",
                                      "0000000000000000000000000001",
                                      "0000000000000*00000000000000",
                                      "00000000000000000000000000 0 0",
                                      "\xc3\xa9"};
    struct one_time_code back;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert_msg(one_time_code_parse(view_of(bad[i]), &back) == E_INVALID, "%s", bad[i]);
    }
    ck_assert_int_eq(one_time_code_parse(VIEW_LIT("000000000000000000000000000"), &back), E_OK);
}
END_TEST

START_TEST(identities)
{
    static const struct {
        const char *uri;
        int err;
    } rows[] = {
        {"passerelle://net/operator/op", E_OK},
        {"passerelle://net/desk/s001/tablet-2", E_OK},
        {"passerelle://net/desk", E_INVALID},
        {"passerelle://net/desk/", E_INVALID},
        {"passerelle://net/desk/s001/", E_INVALID},
        {"passerelle://net//s001", E_INVALID},
        {"passerelle://net/desk/s001/a/b", E_INVALID},
        {"passerelle://net/desk/s 1", E_INVALID},
        {"passerelle:/net/desk/s1", E_INVALID},
        {"https://net/desk/s1", E_INVALID},
        {"Passerelle://net/desk/s1", E_INVALID},
        {"passerelle://net/desk/0123456789012345678901234567890123456789012345678901234567890123",
         E_INVALID},
        {"", E_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cert_identity who;
        ck_assert_msg(cert_identity_parse(view_of(rows[i].uri), &who) == rows[i].err, "%s",
                      rows[i].uri);
        if (rows[i].err == E_OK) {
            struct buf again = BUF_INIT;
            cert_identity_format(&who, &again);
            ck_assert_str_eq(again.data, rows[i].uri);
            buf_release(&again);
        }
    }
}
END_TEST

static const struct cert_validity valid = {1793520000000, 1801296000000};

static struct cert_authority *authority(const char *network, struct cert_pem *pem)
{
    struct cert_authority *made = NULL;
    struct fault fault = FAULT_NONE;
    ck_assert_msg(cert_make_authority(&env, network, valid, pem, &fault) == E_OK, "%s", fault.text);
    ck_assert_int_eq(
        cert_authority_load(buf_content(&pem->certificate), buf_content(&pem->key), &made, &fault),
        E_OK);
    return made;
}

static X509 *load(struct view pem)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ck_assert_ptr_nonnull(certificate);
    return certificate;
}

/* OpenSSL's own chain check. */
static int chain(struct view ca, struct view leaf, int purpose, const char *host)
{
    X509_STORE *store = X509_STORE_new();
    X509 *root = load(ca);
    X509 *end = load(leaf);
    X509_STORE_add_cert(store, root);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509_STORE_CTX_init(context, store, end, NULL);
    X509_VERIFY_PARAM *how = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(how, 1793520100);
    X509_VERIFY_PARAM_set_purpose(how, purpose);
    X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_X509_STRICT);
    if (host != NULL && X509_VERIFY_PARAM_set1_ip_asc(how, host) != 1) {
        X509_VERIFY_PARAM_set1_host(how, host, 0);
    }
    int good = X509_verify_cert(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    X509_free(root);
    X509_free(end);
    return good;
}

START_TEST(certificates)
{
    struct cert_pem ca_pem = CERT_PEM_INIT;
    struct cert_pem foreign_pem = CERT_PEM_INIT;
    struct cert_pem server = CERT_PEM_INIT;
    struct cert_pem client = CERT_PEM_INIT;
    struct cert_authority *ca = authority("net", &ca_pem);
    struct cert_authority *foreign = authority("net", &foreign_pem);
    struct fault fault = FAULT_NONE;
    const char *names[] = {"hub.example.org", "127.0.0.1", "::1", "localhost"};
    ck_assert_int_eq(cert_issue_server(ca, &env, names, 4, valid, &server, &fault), E_OK);
    struct view root = buf_content(&ca_pem.certificate);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(
            chain(root, buf_content(&server.certificate), X509_PURPOSE_SSL_SERVER, names[i]), 1);
    }
    ck_assert_int_eq(
        chain(root, buf_content(&server.certificate), X509_PURPOSE_SSL_SERVER, "a.org"), 0);
    ck_assert_int_eq(chain(root, buf_content(&server.certificate), X509_PURPOSE_SSL_CLIENT, NULL),
                     0);
    ck_assert_int_eq(chain(buf_content(&foreign_pem.certificate), buf_content(&server.certificate),
                           X509_PURPOSE_SSL_SERVER, NULL),
                     0);

    struct cert_identity desk = {"net", "desk", "s001", "tablet"};
    ck_assert_int_eq(cert_issue_client(ca, &env, &desk, valid, &client, &fault), E_OK);
    ck_assert_int_eq(chain(root, buf_content(&client.certificate), X509_PURPOSE_SSL_CLIENT, NULL),
                     1);
    ck_assert_int_eq(chain(root, buf_content(&client.certificate), X509_PURPOSE_SSL_SERVER, NULL),
                     0);
    struct cert_info info;
    ck_assert_int_eq(cert_inspect_pem(buf_content(&client.certificate), "net", &info, &fault),
                     E_OK);
    ck_assert_mem_eq(&info.who, &desk, sizeof desk);
    ck_assert_int_eq(info.validity.not_before_utc_ms, valid.not_before_utc_ms);
    ck_assert_int_eq(info.validity.not_after_utc_ms, valid.not_after_utc_ms);
    ck_assert_uint_eq(strlen(info.serial), 32);
    X509 *leaf = load(buf_content(&client.certificate));
    uint8_t digest[32];
    unsigned len = 32;
    ck_assert_int_eq(X509_digest(leaf, EVP_sha256(), digest, &len), 1);
    ck_assert_mem_eq(digest, info.fingerprint, 32);
    X509_free(leaf);
    ck_assert_int_eq(cert_inspect_pem(buf_content(&client.certificate), "other", &info, &fault),
                     E_UNAUTHENTICATED);
    ck_assert_ptr_nonnull(strstr(fault.text, "network"));
    ck_assert_int_eq(cert_inspect_pem(buf_content(&server.certificate), "net", &info, NULL),
                     E_UNAUTHENTICATED);
    ck_assert_int_eq(cert_inspect_pem(VIEW_LIT("hello"), "net", &info, NULL), E_INVALID);

    uint8_t print[2][32];
    cert_authority_fingerprint(ca, print[0]);
    cert_authority_fingerprint(foreign, print[1]);
    ck_assert_mem_ne(print[0], print[1], 32);
    cert_pem_release(&client);
    cert_pem_release(&server);
    cert_pem_release(&ca_pem);
    cert_pem_release(&foreign_pem);
    cert_authority_free(ca);
    cert_authority_free(foreign);
}
END_TEST

START_TEST(certificates_refused)
{
    struct cert_pem ca_pem = CERT_PEM_INIT;
    struct cert_pem other_pem = CERT_PEM_INIT;
    struct cert_pem out = CERT_PEM_INIT;
    struct cert_authority *ca = authority("net", &ca_pem);
    struct cert_authority *none = NULL;
    cert_authority_free(authority("other", &other_pem));
    struct cert_validity backwards = {2000, 1000};
    struct cert_identity bad = {"net", "desk", "s 1", ""};
    struct cert_identity good = {"net", "site", "s001", ""};
    const char *names[] = {"a b"};
    ck_assert_int_eq(cert_make_authority(&env, "a/b", valid, &out, NULL), E_INVALID);
    ck_assert_int_eq(cert_make_authority(&env, "net", backwards, &out, NULL), E_INVALID);
    ck_assert_int_eq(cert_issue_server(ca, &env, names, 1, valid, &out, NULL), E_INVALID);
    ck_assert_int_eq(cert_issue_server(ca, &env, names, 0, valid, &out, NULL), E_INVALID);
    ck_assert_int_eq(cert_issue_client(ca, &env, &bad, valid, &out, NULL), E_INVALID);
    ck_assert_ptr_null(out.key.data);
    ck_assert_int_eq(cert_issue_client(ca, &env, &good, valid, &out, NULL), E_OK);
    struct view certificate = buf_content(&ca_pem.certificate);
    struct view key = buf_content(&ca_pem.key);
    ck_assert_int_eq(cert_authority_load(certificate, buf_content(&other_pem.key), &none, NULL),
                     E_INVALID);
    ck_assert_int_eq(cert_authority_load(VIEW_LIT("x"), key, &none, NULL), E_INVALID);
    ck_assert_int_eq(cert_authority_load(certificate, VIEW_LIT("x"), &none, NULL), E_INVALID);
    ck_assert_int_eq(
        cert_authority_load(buf_content(&out.certificate), buf_content(&out.key), &none, NULL),
        E_INVALID);

    /* Two URI names, made by hand. */
    X509 *twice = load(buf_content(&out.certificate));
    GENERAL_NAMES *uris = GENERAL_NAMES_new();
    for (int i = 0; i < 2; i++) {
        GENERAL_NAME *name = GENERAL_NAME_new();
        ASN1_IA5STRING *text = ASN1_IA5STRING_new();
        ASN1_STRING_set(text, "passerelle://net/site/s001", -1);
        GENERAL_NAME_set0_value(name, GEN_URI, text);
        sk_GENERAL_NAME_push(uris, name);
    }
    X509_add1_ext_i2d(twice, NID_subject_alt_name, uris, 0, X509V3_ADD_REPLACE);
    struct cert_info info;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(cert_inspect(twice, "net", &info, &fault), E_UNAUTHENTICATED);
    ck_assert_ptr_nonnull(strstr(fault.text, "more than one way"));
    GENERAL_NAMES_free(uris);
    X509_free(twice);
    cert_pem_release(&out);
    cert_pem_release(&ca_pem);
    cert_pem_release(&other_pem);
    cert_authority_free(ca);
}
END_TEST

START_TEST(requests)
{
    struct cert_pem ca_pem = CERT_PEM_INIT;
    struct cert_pem request = CERT_PEM_INIT;
    struct cert_authority *ca = authority("net", &ca_pem);
    struct buf certificate = BUF_INIT;
    struct fault fault = FAULT_NONE;
    struct cert_identity site = {"net", "site", "s042", ""};
    ck_assert_int_eq(cert_make_request(&request, &fault), E_OK);
    ck_assert_int_eq(cert_issue_requested(ca, &env, buf_content(&request.certificate), &site, valid,
                                          &certificate, &fault),
                     E_OK);
    ck_assert_int_eq(chain(buf_content(&ca_pem.certificate), buf_content(&certificate),
                           X509_PURPOSE_SSL_CLIENT, NULL),
                     1);
    struct cert_info info;
    ck_assert_int_eq(cert_inspect_pem(buf_content(&certificate), "net", &info, &fault), E_OK);
    ck_assert_str_eq(info.who.party, "s042");
    buf_clear(&certificate);
    const char *names[] = {"desk.example.org", "192.0.2.7"};
    ck_assert_int_eq(cert_issue_server_requested(ca, &env, buf_content(&request.certificate), names,
                                                 2, valid, &certificate, &fault),
                     E_OK);
    ck_assert_int_eq(chain(buf_content(&ca_pem.certificate), buf_content(&certificate),
                           X509_PURPOSE_SSL_SERVER, "desk.example.org"),
                     1);
    ck_assert_int_eq(cert_issue_server_requested(ca, &env, VIEW_LIT("-"), names, 2, valid,
                                                 &certificate, NULL),
                     E_INVALID);
    buf_clear(&certificate);
    /* One bit of the request's signature. */
    X509_REQ *parsed = NULL;
    BIO *bio = BIO_new_mem_buf(request.certificate.data, (int)request.certificate.len);
    parsed = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    BIO_free(bio);
    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(parsed), "CN", MBSTRING_ASC,
                               (const unsigned char *)"x", -1, -1, 0);
    EVP_PKEY *other = EVP_EC_gen("P-256");
    X509_REQ_sign(parsed, other, EVP_sha256());
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509_REQ(bio, parsed);
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    ck_assert_int_eq(cert_issue_requested(ca, &env, view_bytes(data, (size_t)len), &site, valid,
                                          &certificate, &fault),
                     E_SIGNATURE);
    BIO_free(bio);
    X509_REQ_free(parsed);
    EVP_PKEY_free(other);
    ck_assert_int_eq(
        cert_issue_requested(ca, &env, VIEW_LIT("-"), &site, valid, &certificate, NULL), E_INVALID);
    site.role[0] = '\0';
    ck_assert_int_eq(cert_issue_requested(ca, &env, buf_content(&request.certificate), &site, valid,
                                          &certificate, NULL),
                     E_INVALID);
    ck_assert_uint_eq(certificate.len, 0);
    buf_release(&certificate);
    cert_pem_release(&request);
    cert_pem_release(&ca_pem);
    cert_authority_free(ca);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("crypt");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, sha256_known_answers);
    tcase_add_test(cases, ed25519_known_answer);
    tcase_add_test(cases, keyfile_round_trip);
    tcase_add_test(cases, keyfile_damaged);
    tcase_add_test(cases, api_keys);
    tcase_add_test(cases, one_time_codes);
    tcase_add_test(cases, identities);
    tcase_add_test(cases, certificates);
    tcase_add_test(cases, certificates_refused);
    tcase_add_test(cases, requests);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
