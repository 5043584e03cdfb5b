/* A site's feed has one keeper at a time. Each move begins an epoch: the new keeper signs under its
 * own origin and key behind what the hub holds, so that nothing is ever signed twice and an old box
 * that comes back is a stranger. Certificates of a site end when its feed moves. */
#include "service/sync/enrol.h"

#include "base/text.h"
#include "core/ident/ident.h"
#include "core/join/join_code.h"
#include "core/merkle/note.h"
#include "passerelle/v1/enrol.pb-c.h"
#include "passerelle/v1/network.pb-c.h"
#include "service/identity/authority.h"
#include "service/identity/identity.h"
#include "service/journal.h"
#include "service/sync/cosigner.h"
#include "service/sync/knowledge.h"
#include "store/feed/feed.h"
#include "store/view/registry.h"
#include "wire/pack.h"

enum {
    CODE_HOURS = 72,
    CODE_HOURS_MAX = 720,
    SITE_DAYS = 90,
    CSR_BYTES_MAX = 8192,
    RENEW_SKEW_HOURS = 24,
};
#define HOUR_MS ((int64_t)3600 * 1000)
#define KEEPER_HUB PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_HUB
#define KEEPER_SITE PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_SITE

static int64_t real_now(const struct service *service)
{
    return env_real_utc_ms(service->node->env);
}

/* The site, when it exists and is not gone for ever. */
static int check_site(struct service *service, struct call *call, const char *site_id)
{
    if (call_check_id(call, "site_id", site_id) != 0) {
        return -1;
    }
    const Passerelle__V1__Site *site = registry_site(service->db, call->arena, view_of(site_id));
    if (site == NULL) {
        return call_fail(call, CODE_NOT_FOUND, "there is no site %s: correct the id", site_id);
    }
    if (site->state == PASSERELLE__V1__SITE_STATE__SITE_STATE_CLOSED) {
        return call_fail(call, CODE_FAILED_PRECONDITION, "the site %s is closed for ever", site_id);
    }
    return 0;
}

/* ---- what is signed ---- */

static void message_begin(const char *domain, struct view network_id, struct view site_id,
                          struct buf *out)
{
    buf_add(out, domain, strlen(domain) + 1);
    buf_view(out, network_id);
    buf_add(out, "", 1);
    buf_view(out, site_id);
    buf_add(out, "", 1);
}

static void message_end(struct view csr_pem, struct buf *out)
{
    uint8_t hash[SHA256_LEN];
    sha256(csr_pem, hash);
    buf_add(out, hash, sizeof hash);
}

void enrol_join_message(struct view network_id, struct view site_id, struct view csr_pem,
                        struct buf *out)
{
    message_begin("passerelle-join/v1", network_id, site_id, out);
    message_end(csr_pem, out);
}

void enrol_renew_message(struct view network_id, struct view site_id, int64_t signed_utc_ms,
                         struct view csr_pem, struct buf *out)
{
    message_begin("passerelle-renew/v1", network_id, site_id, out);
    for (int shift = 56; shift >= 0; shift -= 8) {
        buf_add(out, &(uint8_t){(uint8_t)((uint64_t)signed_utc_ms >> shift)}, 1);
    }
    message_end(csr_pem, out);
}

/* ---- EnrolSite ---- */

/* "host:port"; IPv6 in brackets. */
static int read_address(struct call *call, const char *text, struct join_code *code)
{
    struct view address = view_of(text);
    size_t colon = address.len;
    while (colon > 0 && address.data[colon - 1] != ':') {
        colon--;
    }
    int64_t port = 0;
    struct view host = colon == 0 ? VIEW_NONE : view_slice(address, 0, colon - 1);
    if (host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']') {
        host = view_slice(host, 1, host.len - 1);
    }
    if (host.len == 0 || host.len > JOIN_HOST_MAX ||
        text_i64(view_slice(address, colon, address.len), &port) != E_OK || port < 1 ||
        port > 65535) {
        return call_violation(call, "hub_address",
                              "say where the site will find the hub: hub.example.org:8443");
    }
    for (size_t i = 0; i < host.len; i++) {
        char c = host.data[i];
        code->host[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    code->host[host.len] = '\0';
    code->port = (uint16_t)port;
    return 0;
}

static int enrol_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__EnrolSiteRequest *request = (const void *)call->request;
    struct join_code *code = ARENA_NEW(call->arena, struct join_code);
    if (check_site(service, call, request->site_id) != 0 ||
        read_address(call, request->hub_address, code) != 0) {
        return -1;
    }
    if (request->valid_hours > CODE_HOURS_MAX) {
        return call_violation(call, "valid_hours", "at most %d hours", CODE_HOURS_MAX);
    }
    struct view ca;
    uint8_t print[SHA256_LEN];
    struct fault fault = FAULT_NONE;
    if (authority_certificate(service, call, &ca) != 0) {
        return -1;
    }
    if (cert_fingerprint_pem(ca, print, &fault) != E_OK) {
        return call_fail_with(call, &fault);
    }
    int64_t hours = request->valid_hours == 0 ? CODE_HOURS : request->valid_hours;
    code->expires_utc_s = (uint32_t)((real_now(service) + hours * HOUR_MS) / 1000);
    snprintf(code->network, sizeof code->network, "%s", service->node->network_id);
    snprintf(code->site, sizeof code->site, "%s", request->site_id);
    memcpy(code->ca_prefix, print, sizeof code->ca_prefix);
    call->decision = code;
    return 0;
}

DB_SQL(put_enrolment, "INSERT INTO enrolment (site_id, secret_hash, expires_utc_ms, used_utc_ms) "
                      "VALUES (:site_id, :secret_hash, :expires_utc_ms, 0) ON CONFLICT (site_id) "
                      "DO UPDATE SET secret_hash = excluded.secret_hash, "
                      "expires_utc_ms = excluded.expires_utc_ms, used_utc_ms = 0");

/* A newer code for the same site ends the one before. */
static int enrol_apply(struct service *service, struct call *call)
{
    struct join_code *code = call->decision;
    struct one_time_code secret;
    struct buf text = BUF_INIT;
    struct fault fault = FAULT_NONE;
    one_time_code_make(&secret, service->node->env);
    memcpy(code->secret, secret.bytes, sizeof code->secret);
    int err = join_code_format(code, &text, &fault);
    Passerelle__V1__EnrolSiteResponse *response = call_respond(call);
    response->expires_utc_ms = (int64_t)code->expires_utc_s * 1000;
    call->kept_response = wire_clone(call->arena, &response->base);
    response->join_code = wire_string(call->arena, buf_content(&text));
    struct query *query = db_query(service->db, &put_enrolment);
    query_bind_text(query, "site_id", view_of(code->site));
    query_bind_blob(query, "secret_hash", view_bytes(secret.hash, sizeof secret.hash));
    query_bind_int(query, "expires_utc_ms", response->expires_utc_ms);
    query_run(query);
    if (text.data != NULL) {
        secret_wipe(text.data, text.len);
    }
    buf_release(&text);
    secret_wipe(&secret, sizeof secret);
    secret_wipe(code->secret, sizeof code->secret);
    return err == E_OK ? 0 : call_fail_with(call, &fault);
}

/* ---- certificates of a site ---- */

struct pair {
    struct cert_info info; /* of the client certificate */
    const char *certificate_pem;
    const char *server_certificate_pem;
};

struct pair_request {
    const char *site_id;
    const char *csr_pem;
    const char *server_csr_pem;
    char *const *names;
    size_t name_count;
};

static int sign_pair(struct service *service, struct call *call, const struct pair_request *request,
                     struct pair *out)
{
    if (strlen(request->csr_pem) > CSR_BYTES_MAX ||
        strlen(request->server_csr_pem) > CSR_BYTES_MAX) {
        return call_violation(call, "csr_pem", "at most %d bytes", CSR_BYTES_MAX);
    }
    struct cert_authority *authority = NULL;
    if (authority_load(service, call, &authority) != 0) {
        return -1;
    }
    int64_t now = real_now(service);
    struct cert_validity validity = {now - HOUR_MS, now + SITE_DAYS * 24 * HOUR_MS};
    struct cert_identity who = {.name = ""};
    struct buf client = BUF_INIT, server = BUF_INIT;
    struct fault fault = FAULT_NONE;
    snprintf(who.network, sizeof who.network, "%s", service->node->network_id);
    snprintf(who.role, sizeof who.role, "%s", role_name(ROLE_SITE));
    snprintf(who.party, sizeof who.party, "%s", request->site_id);
    const char *field = "csr_pem";
    int err = cert_issue_requested(authority, service->node->env, view_of(request->csr_pem), &who,
                                   validity, &client, &fault);
    err =
        err != E_OK ? err : cert_inspect_pem(buf_content(&client), who.network, &out->info, &fault);
    if (err == E_OK) {
        field = "server_csr_pem";
        err = cert_issue_server_requested(
            authority, service->node->env, view_of(request->server_csr_pem),
            (const char *const *)request->names, request->name_count, validity, &server, &fault);
    }
    cert_authority_free(authority);
    out->certificate_pem = arena_string(call->arena, buf_content(&client));
    out->server_certificate_pem = arena_string(call->arena, buf_content(&server));
    buf_release(&client);
    buf_release(&server);
    return err == E_OK ? 0 : call_violation(call, field, "%s", fault.text);
}

DB_SQL(revoke_site, "UPDATE credential SET revoked_utc_ms = :revoked_utc_ms "
                    "WHERE role = 'site' AND kind = 1 AND party = :party AND revoked_utc_ms = 0");

static void revoke_certificates(struct service *service, const char *site_id)
{
    struct query *query = db_query(service->db, &revoke_site);
    query_bind_int(query, "revoked_utc_ms", real_now(service));
    query_bind_text(query, "party", view_of(site_id));
    query_run(query);
    atomic_store(&service->node->credentials_changed, true);
}

/* ---- JoinSite ---- */

DB_SQL(select_enrolment, "SELECT secret_hash, expires_utc_ms, used_utc_ms FROM enrolment "
                         "WHERE site_id = :site_id");

/* Why a secret lets nobody in; NULL: it does. A wrong one and a site without a code are told alike.
 */
static const char *secret_objection(struct service *service, const char *site_id,
                                    ProtobufCBinaryData shown)
{
    static const char unknown[] = "this join code is not known here: the site may have got a newer "
                                  "one, or it is another network's; ask your operator for one";
    struct one_time_code secret;
    if (shown.len != CODE_BYTES) {
        return unknown;
    }
    one_time_code_fill(&secret, shown.data);
    struct query *query = db_query(service->db, &select_enrolment);
    query_bind_text(query, "site_id", view_of(site_id));
    const char *objection = unknown;
    if (query_next(query)) {
        struct view hash = query_blob(query, 0);
        if (hash.len == sizeof secret.hash && secret_equal(hash.data, secret.hash, hash.len)) {
            objection = query_int(query, 2) != 0
                            ? "this join code was used: each lets one daemon in, once; ask your "
                              "operator for another one"
                        : query_int(query, 1) <= real_now(service)
                            ? "this join code has expired: ask your operator for another one"
                            : NULL;
        }
        query_end(query);
    }
    secret_wipe(&secret, sizeof secret);
    return objection;
}

static bool key_signed(const uint8_t *public_key, ProtobufCBinaryData signature,
                       const struct buf *message)
{
    return signature.len == ED25519_SIGNATURE_LEN &&
           ed25519_verify(public_key, buf_content(message), signature.data);
}

static int join_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__JoinSiteRequest *request = (const void *)call->request;
    if (check_site(service, call, request->site_id) != 0) {
        return -1;
    }
    const char *objection = secret_objection(service, request->site_id, request->secret);
    if (objection != NULL) {
        return call_fail(call, CODE_PERMISSION_DENIED, "%s", objection);
    }
    struct buf message = BUF_INIT;
    enrol_join_message(view_of(service->node->network_id), view_of(request->site_id),
                       view_of(request->csr_pem), &message);
    bool holds = request->feed_public_key.len == ED25519_PUBLIC_LEN &&
                 key_signed(request->feed_public_key.data, request->feed_signature, &message);
    buf_release(&message);
    if (!holds) {
        return call_violation(call, "feed_signature",
                              "sign the request with the feed's own key, as enrol.proto says");
    }
    struct pair *pair = ARENA_NEW(call->arena, struct pair);
    struct pair_request wanted = {.site_id = request->site_id,
                                  .csr_pem = request->csr_pem,
                                  .server_csr_pem = request->server_csr_pem,
                                  .names = request->server_names,
                                  .name_count = request->n_server_names};
    call->decision = pair;
    return sign_pair(service, call, &wanted, pair);
}

DB_SQL(use_enrolment, "UPDATE enrolment SET used_utc_ms = :used_utc_ms WHERE site_id = :site_id");

static char *vkey_of(struct arena *arena, const struct note_key *key)
{
    struct buf text = BUF_INIT;
    note_key_format(key, &text);
    char *vkey = arena_string(arena, buf_content(&text));
    buf_release(&text);
    return vkey;
}

/* What the daemon needs to know of the network before it follows it. */
static int tell_network(struct service *service, struct call *call,
                        Passerelle__V1__JoinSiteResponse *response)
{
    struct registry_network network = registry_network(service->db, call->arena);
    struct registry_epoch net;
    const struct ed25519_key *secret;
    struct note_key cosigner;
    struct fault fault = FAULT_NONE;
    struct view ca;
    const struct env_demo_clock *clock = env_demo_clock_of(service->node->env);
    if (!registry_feed_epoch(service->db, call->arena, VIEW_LIT(FEED_NET), &net) ||
        cosigner_key(service, &cosigner, &secret, &fault) != E_OK) {
        return fault.code == E_OK ? call_fail(call, CODE_DATA_LOSS, "net has no opening")
                                  : call_fail_with(call, &fault);
    }
    if (authority_certificate(service, call, &ca) != 0) {
        return -1;
    }
    response->network_id = wire_string(call->arena, view_of(network.network_id));
    response->network_name = wire_string(call->arena, view_of(network.name));
    response->ca_pem = wire_string(call->arena, ca);
    struct note_key key;
    if (note_key_init(&key, view_of(net.origin), NOTE_ED25519, net.public_key) != E_OK) {
        die("net has an origin that no key can be named after: %s", net.origin);
    }
    response->net_verifier_key = vkey_of(call->arena, &key);
    response->cosigner_verifier_key = vkey_of(call->arena, &cosigner);
    response->net_size = journal_feed_size(service->db, VIEW_LIT(FEED_NET));
    if (clock != NULL) {
        response->demo_clock = wire_new(call->arena, &passerelle__v1__demo_clock__descriptor);
        response->demo_clock->business_start_utc_ms = clock->business_start_utc_ms;
        response->demo_clock->real_start_utc_ms = clock->real_start_utc_ms;
        response->demo_clock->rate = clock->rate;
    }
    return 0;
}

static int join_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__JoinSiteRequest *request = (const void *)call->request;
    const struct pair *pair = call->decision;
    const struct view site_id = view_of(request->site_id);
    Passerelle__V1__JoinSiteResponse *response = call_respond(call);
    struct query *query = db_query(service->db, &use_enrolment);
    query_bind_int(query, "used_utc_ms", real_now(service));
    query_bind_text(query, "site_id", site_id);
    query_run(query);

    revoke_certificates(service, request->site_id);
    identity_put_certificate(service->db, &pair->info, VIEW_LIT("daemon"), real_now(service));
    journal_open_feed(service, site_id, VIEW_LIT("hub"));
    const Passerelle__V1__FeedOpened *opened = journal_begin_epoch(
        service, VIEW_LIT("hub"), site_id, KEEPER_SITE, request->feed_public_key.data, call->arena);
    knowledge_tell_today(service, site_id);
    if (opened == NULL || tell_network(service, call, response) != 0) {
        return opened == NULL ? call_fail(call, CODE_INTERNAL, "the feed could not be handed over")
                              : -1;
    }
    response->certificate_pem = wire_string(call->arena, view_of(pair->certificate_pem));
    response->server_certificate_pem =
        wire_string(call->arena, view_of(pair->server_certificate_pem));
    response->feed = wire_new(call->arena, &passerelle__v1__feed_taken__descriptor);
    response->feed->feed_id = wire_string(call->arena, site_id);
    response->feed->origin = wire_string(call->arena, view_of(opened->origin));
    response->feed->old_size = opened->old_size;
    response->feed->old_root = opened->old_root;
    return 0;
}

/* ---- RenewSite ---- */

DB_SQL(select_newest, "SELECT revoked_utc_ms FROM credential WHERE role = 'site' AND kind = 1 "
                      "AND party = :party ORDER BY created_utc_ms DESC, revoked_utc_ms LIMIT 1");

/* An operator took its certificate from it; those that it had before may only have expired. */
static bool was_cut_off(struct service *service, const char *site_id)
{
    struct query *query = db_query(service->db, &select_newest);
    query_bind_text(query, "party", view_of(site_id));
    bool cut_off = query_next(query) && query_int(query, 0) != 0;
    query_end(query);
    return cut_off;
}

/* By a certificate in force, or by the key that signs the site's feed now: for one that expired. */
static int may_renew(struct service *service, struct call *call)
{
    const Passerelle__V1__RenewSiteRequest *request = (const void *)call->request;
    struct registry_epoch epoch;
    if (!registry_feed_epoch(service->db, call->arena, view_of(request->site_id), &epoch) ||
        epoch.keeper != KEEPER_SITE) {
        return call_fail(call, CODE_PERMISSION_DENIED,
                         "the hub keeps this site's ledger: join again with a join code");
    }
    if (call->who.role == ROLE_SITE && strcmp(call->who.party, request->site_id) == 0) {
        return 0;
    }
    if (was_cut_off(service, request->site_id)) {
        return call_fail(call, CODE_PERMISSION_DENIED,
                         "this site's certificate was revoked: ask your operator for a join code");
    }
    int64_t skew_ms = real_now(service) - request->signed_utc_ms;
    if (skew_ms > RENEW_SKEW_HOURS * HOUR_MS || skew_ms < -RENEW_SKEW_HOURS * HOUR_MS) {
        return call_violation(call, "signed_utc_ms",
                              "this clock is more than a day away from the hub's: set it right");
    }
    struct buf message = BUF_INIT;
    enrol_renew_message(view_of(service->node->network_id), view_of(request->site_id),
                        request->signed_utc_ms, view_of(request->csr_pem), &message);
    bool holds = key_signed(epoch.public_key, request->feed_signature, &message);
    buf_release(&message);
    return holds ? 0
                 : call_fail(call, CODE_PERMISSION_DENIED,
                             "neither a certificate in force nor the key of this site's feed: join "
                             "again with a join code");
}

static int renew_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__RenewSiteRequest *request = (const void *)call->request;
    if (check_site(service, call, request->site_id) != 0 || may_renew(service, call) != 0) {
        return -1;
    }
    struct pair *pair = ARENA_NEW(call->arena, struct pair);
    struct pair_request wanted = {.site_id = request->site_id,
                                  .csr_pem = request->csr_pem,
                                  .server_csr_pem = request->server_csr_pem,
                                  .names = request->server_names,
                                  .name_count = request->n_server_names};
    call->decision = pair;
    return sign_pair(service, call, &wanted, pair);
}

static int renew_apply(struct service *service, struct call *call)
{
    const struct pair *pair = call->decision;
    Passerelle__V1__RenewSiteResponse *response = call_respond(call);
    identity_put_certificate(service->db, &pair->info, VIEW_LIT("daemon"), real_now(service));
    response->certificate_pem = wire_string(call->arena, view_of(pair->certificate_pem));
    response->server_certificate_pem =
        wire_string(call->arena, view_of(pair->server_certificate_pem));
    return 0;
}

/* ---- HostSite ---- */

static int host_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__HostSiteRequest *request = (const void *)call->request;
    if (check_site(service, call, request->site_id) != 0) {
        return -1;
    }
    if (registry_feed_keeper(service->db, view_of(request->site_id)) != KEEPER_SITE) {
        return call_fail(call, CODE_FAILED_PRECONDITION, "the hub keeps the ledger of %s already",
                         request->site_id);
    }
    return 0;
}

static int host_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__HostSiteRequest *request = (const void *)call->request;
    Passerelle__V1__HostSiteResponse *response = call_respond(call);
    revoke_certificates(service, request->site_id);
    const Passerelle__V1__FeedOpened *opened =
        journal_begin_epoch(service, view_of(call->who.author), view_of(request->site_id),
                            KEEPER_HUB, NULL, call->arena);
    response->size = opened == NULL ? 0 : opened->old_size;
    return opened == NULL ? call_fail(call, CODE_INTERNAL, "the feed could not be taken back") : 0;
}

/* ---- the rows ---- */

#define ROW(rpc, message, bytes, who, ...)                                                         \
    {                                                                                              \
        .service = "NetworkService", .name = rpc,                                                  \
        .input = &passerelle__v1__##message##_request__descriptor,                                 \
        .output = &passerelle__v1__##message##_response__descriptor, .roles = who,                 \
        .request_bytes_max = bytes, .duration_ms_max = 10000, __VA_ARGS__                          \
    }

const struct method enrol_methods[] = {
    ROW("EnrolSite", enrol_site, 4096, ROLE_BIT(ROLE_OPERATOR), .decide = enrol_decide,
        .apply = enrol_apply),
    ROW("JoinSite", join_site, 32768, ROLES_ALL, .decide = join_decide, .apply = join_apply),
    ROW("RenewSite", renew_site, 32768, ROLES_ALL, .decide = renew_decide, .apply = renew_apply),
    ROW("HostSite", host_site, 4096, ROLE_BIT(ROLE_OPERATOR), .decide = host_decide,
        .apply = host_apply),
};
const size_t enrol_method_count = ARRAY_LEN(enrol_methods);
