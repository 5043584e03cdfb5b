/* The rows of NetworkService about credentials. Decide makes what can fail (the key, the
 * certificate); apply records it. What an operator's credential needs, a second operator's word,
 * is asked in apply, since the asking is written. */
#include "base/text.h"
#include "crypt/secret.h"
#include "passerelle/v1/network.pb-c.h"
#include "service/identity/authority.h"
#include "service/identity/manage.h"
#include "wire/pack.h"

enum {
    KEY_DAYS_MAX = 3650,
    CERTIFICATE_DAYS = 90,
    CERTIFICATE_DAYS_MAX = 825, /* the longest that every TLS client takes */
    LABEL_MAX = 100,
    CSR_BYTES_MAX = 8192,
};
#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define SKEW_MS ((int64_t)3600 * 1000) /* clocks of peers may be slow */

/* A credential that was made and is not recorded yet. */
struct issue {
    Passerelle__V1__Credential *credential;
    struct view secret_hash; /* of a key */
    const char *secret;
    const char *certificate_pem;
};

static int64_t real_now(const struct service *service)
{
    return env_real_utc_ms(service->node->env);
}

static int check_subject(struct service *service, struct call *call, const char *role_text,
                         const char *party, const char *label, unsigned roles)
{
    enum role role = identity_role(view_of(role_text));
    if (role == ROLE_COUNT || (roles & ROLE_BIT(role)) == 0) {
        return call_violation(call, "role", "\"%s\" is no role that can have one of these",
                              role_text);
    }
    if (call_check_id(call, "party", party) != 0) {
        return -1;
    }
    if (!text_is_printable(view_of(label)) || text_length(view_of(label)) > LABEL_MAX) {
        return call_violation(call, "label", "at most %d printable characters", LABEL_MAX);
    }
    return manage_check(service, call, role, view_of(party));
}

static Passerelle__V1__Credential *new_credential(struct service *service, struct call *call,
                                                  Passerelle__V1__CredentialKind kind,
                                                  const char *id, const char *role,
                                                  const char *party, const char *label)
{
    Passerelle__V1__Credential *credential =
        wire_new(call->arena, &passerelle__v1__credential__descriptor);
    credential->kind = kind;
    credential->credential_id = wire_string(call->arena, view_of(id));
    credential->role = wire_string(call->arena, view_of(role));
    credential->party = wire_string(call->arena, view_of(party));
    credential->label = wire_string(call->arena, view_of(label));
    credential->created_utc_ms = real_now(service);
    return credential;
}

DB_SQL(insert_credential,
       "INSERT INTO credential (credential_id, kind, secret_hash, role, party, label, "
       "created_utc_ms, expires_utc_ms, revoked_utc_ms) VALUES (:id, :kind, :secret_hash, :role, "
       ":party, :label, :created_utc_ms, :expires_utc_ms, 0)");

static void record(struct service *service, const struct issue *issue)
{
    const Passerelle__V1__Credential *c = issue->credential;
    struct query *query = db_query(service->db, &insert_credential);
    query_bind_text(query, "id", view_of(c->credential_id));
    query_bind_int(query, "kind", c->kind);
    if (issue->secret_hash.len > 0) {
        query_bind_blob(query, "secret_hash", issue->secret_hash);
    }
    query_bind_text(query, "role", view_of(c->role));
    query_bind_text(query, "party", view_of(c->party));
    query_bind_text(query, "label", view_of(c->label));
    query_bind_int(query, "created_utc_ms", c->created_utc_ms);
    query_bind_int(query, "expires_utc_ms", c->expires_utc_ms);
    query_run(query);
}

/* NULL: go ahead; otherwise the id of the wish that waits for a second operator. `subject` is what
 * the two must have said alike. */
static const char *second_operator(struct service *service, struct call *call,
                                   const Passerelle__V1__Credential *wanted, const char *subject)
{
    if (strcmp(wanted->role, role_name(ROLE_OPERATOR)) != 0) {
        return NULL;
    }
    uint8_t digest[SHA256_LEN];
    const char *said = arena_printf(call->arena, "%s\n%s\n%s\n%s", call->method->name,
                                    wanted->party, wanted->label, subject);
    sha256(view_of(said), digest);
    const char *both;
    return approval_ask(service, call, view_bytes(digest, sizeof digest),
                        arena_printf(call->arena, "%s for the operator %s",
                                     call->method->name, wanted->party),
                        &both);
}

/* ---- API keys ---- */

static int create_key_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__CreateApiKeyRequest *request = (const void *)call->request;
    unsigned roles = ROLES_ALL & ~(ROLE_BIT(ROLE_ANYONE) | ROLE_BIT(ROLE_DESK));
    if (check_subject(service, call, request->role, request->party, request->label, roles) != 0) {
        return -1;
    }
    if (request->valid_days > KEY_DAYS_MAX) {
        return call_violation(call, "valid_days", "at most %d, or 0", KEY_DAYS_MAX);
    }
    struct api_key key;
    api_key_make(&key, service->node->env);
    struct issue *issue = ARENA_NEW(call->arena, struct issue);
    issue->credential =
        new_credential(service, call, PASSERELLE__V1__CREDENTIAL_KIND__CREDENTIAL_KIND_API_KEY,
                       key.prefix, request->role, request->party, request->label);
    if (request->valid_days > 0) {
        issue->credential->expires_utc_ms =
            issue->credential->created_utc_ms + (int64_t)request->valid_days * DAY_MS;
    }
    issue->secret_hash = arena_copy(call->arena, view_bytes(key.hash, sizeof key.hash));
    issue->secret = arena_string(call->arena, view_of(key.text));
    secret_wipe(&key, sizeof key);
    call->decision = issue;
    return 0;
}

static int create_key_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__CreateApiKeyRequest *request = (const void *)call->request;
    const struct issue *issue = call->decision;
    Passerelle__V1__CreateApiKeyResponse *response = call_respond(call);
    const char *waits =
        second_operator(service, call, issue->credential,
                        arena_printf(call->arena, "%u", (unsigned)request->valid_days));
    if (waits != NULL) {
        response->approval_id = wire_string(call->arena, view_of(waits));
        return 0;
    }
    record(service, issue);
    response->credential = issue->credential;
    /* A repeat of the request does not show the secret again: it is not kept. */
    call->kept_response = wire_clone(call->arena, &response->base);
    response->secret = wire_string(call->arena, view_of(issue->secret));
    return 0;
}

/* ---- certificates ---- */

static int sign_request(struct service *service, struct call *call, struct cert_info *info,
                        struct buf *pem)
{
    const Passerelle__V1__IssueCertificateRequest *request = (const void *)call->request;
    struct cert_authority *authority = NULL;
    if (authority_load(service, call, &authority) != 0) {
        return -1;
    }
    int64_t now = real_now(service);
    int64_t days = request->valid_days == 0 ? CERTIFICATE_DAYS : request->valid_days;
    struct cert_validity validity = {now - SKEW_MS, now + days * DAY_MS};
    struct cert_identity who = {.name = ""};
    struct fault fault = FAULT_NONE;
    snprintf(who.network, sizeof who.network, "%s", service->node->network_id);
    snprintf(who.role, sizeof who.role, "%s", request->role);
    snprintf(who.party, sizeof who.party, "%s", request->party);
    int err = cert_issue_requested(authority, service->node->env, view_of(request->csr_pem), &who,
                                   validity, pem, &fault);
    cert_authority_free(authority);
    if (err != E_OK) {
        return call_violation(call, "csr_pem", "%s", fault.text);
    }
    err = cert_inspect_pem(buf_content(pem), who.network, info, &fault);
    return err == E_OK ? 0 : call_fail_with(call, &fault);
}

static int issue_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__IssueCertificateRequest *request = (const void *)call->request;
    unsigned roles = ROLES_ALL & ~(ROLE_BIT(ROLE_ANYONE) | ROLE_BIT(ROLE_EMPLOYER));
    if (check_subject(service, call, request->role, request->party, request->label, roles) != 0) {
        return -1;
    }
    if (request->valid_days > CERTIFICATE_DAYS_MAX) {
        return call_violation(call, "valid_days", "at most %d", CERTIFICATE_DAYS_MAX);
    }
    if (strlen(request->csr_pem) > CSR_BYTES_MAX) {
        return call_violation(call, "csr_pem", "at most %d bytes", CSR_BYTES_MAX);
    }
    struct buf pem = BUF_INIT;
    struct cert_info info;
    int refused = sign_request(service, call, &info, &pem);
    if (refused == 0) {
        struct issue *issue = ARENA_NEW(call->arena, struct issue);
        issue->credential = new_credential(
            service, call, PASSERELLE__V1__CREDENTIAL_KIND__CREDENTIAL_KIND_CERTIFICATE,
            info.serial, request->role, request->party, request->label);
        issue->credential->expires_utc_ms = info.validity.not_after_utc_ms;
        issue->certificate_pem = arena_string(call->arena, buf_content(&pem));
        call->decision = issue;
    }
    buf_release(&pem);
    return refused;
}

static int issue_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__IssueCertificateRequest *request = (const void *)call->request;
    const struct issue *issue = call->decision;
    Passerelle__V1__IssueCertificateResponse *response = call_respond(call);
    const char *waits =
        second_operator(service, call, issue->credential,
                        arena_printf(call->arena, "%u\n%s", (unsigned)request->valid_days,
                                     request->csr_pem));
    if (waits != NULL) {
        response->approval_id = wire_string(call->arena, view_of(waits));
        return 0;
    }
    record(service, issue);
    response->credential = issue->credential;
    response->certificate_pem = wire_string(call->arena, view_of(issue->certificate_pem));
    return 0;
}

/* ---- listing and revoking ---- */

DB_SQL(list_credentials, "SELECT credential_id, kind, role, party, label, created_utc_ms, "
                         "expires_utc_ms, revoked_utc_ms FROM credential "
                         "ORDER BY created_utc_ms, credential_id");

static Passerelle__V1__Credential *read_credential(struct call *call, const struct query *query)
{
    struct arena *arena = call->arena;
    Passerelle__V1__Credential *c = wire_new(arena, &passerelle__v1__credential__descriptor);
    c->credential_id = wire_string(arena, query_text(query, 0));
    c->kind = (Passerelle__V1__CredentialKind)query_int(query, 1);
    c->role = wire_string(arena, query_text(query, 2));
    c->party = wire_string(arena, query_text(query, 3));
    c->label = wire_string(arena, query_text(query, 4));
    c->created_utc_ms = query_int(query, 5);
    c->expires_utc_ms = query_int(query, 6);
    c->revoked_utc_ms = query_int(query, 7);
    return c;
}

static bool in_force(const Passerelle__V1__Credential *c, int64_t real_utc_ms)
{
    return c->revoked_utc_ms == 0 && (c->expires_utc_ms == 0 || c->expires_utc_ms > real_utc_ms);
}

static int list(struct service *service, struct call *call)
{
    const Passerelle__V1__ListCredentialsRequest *request = (const void *)call->request;
    Passerelle__V1__ListCredentialsResponse *response = call_respond(call);
    size_t capacity = 0;
    struct query *query = db_query(service->db, &list_credentials);
    while (query_next(query)) {
        struct view role = query_text(query, 2);
        struct view party = query_text(query, 3);
        if ((request->role[0] != '\0' && !view_is(role, request->role)) ||
            (request->party[0] != '\0' && !view_is(party, request->party)) ||
            !manage_sees(service, call, identity_role(role), party)) {
            continue;
        }
        Passerelle__V1__Credential *c = read_credential(call, query);
        if (!request->all && !in_force(c, real_now(service))) {
            continue;
        }
        if (response->n_credentials == capacity) {
            size_t more = capacity == 0 ? 16 : capacity * 2;
            Passerelle__V1__Credential **grown =
                ARENA_ARRAY(call->arena, more, Passerelle__V1__Credential *);
            for (size_t i = 0; i < capacity; i++) {
                grown[i] = response->credentials[i];
            }
            response->credentials = grown;
            capacity = more;
        }
        response->credentials[response->n_credentials++] = c;
    }
    return 0;
}

/* The row by its id; NULL when there is none. *last: no other operator's credential is in force. */
static Passerelle__V1__Credential *find_to_revoke(struct service *service, struct call *call,
                                                  const char *id, bool *last)
{
    Passerelle__V1__Credential *found = NULL;
    *last = true;
    struct query *query = db_query(service->db, &list_credentials);
    while (query_next(query)) {
        if (view_is(query_text(query, 0), id)) {
            found = read_credential(call, query);
        } else if (view_is(query_text(query, 2), role_name(ROLE_OPERATOR)) &&
                   query_int(query, 7) == 0 &&
                   (query_int(query, 6) == 0 || query_int(query, 6) > real_now(service))) {
            *last = false;
        }
    }
    return found;
}

static int revoke_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__RevokeCredentialRequest *request = (const void *)call->request;
    bool last;
    Passerelle__V1__Credential *c =
        find_to_revoke(service, call, request->credential_id, &last);
    if (c == NULL || !manage_sees(service, call, identity_role(view_of(c->role)),
                                  view_of(c->party))) {
        return call_fail(call, CODE_NOT_FOUND,
                         "there is no such credential among yours: ListCredentials shows them");
    }
    if (c->revoked_utc_ms == 0 && last && strcmp(c->role, role_name(ROLE_OPERATOR)) == 0) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "this is the last operator's credential in force: make another one first, "
                         "or nobody could get in");
    }
    call->decision = c;
    return 0;
}

DB_SQL(revoke_credential, "UPDATE credential SET revoked_utc_ms = :revoked_utc_ms "
                          "WHERE credential_id = :id AND revoked_utc_ms = 0");

static int revoke_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__Credential *c = call->decision;
    Passerelle__V1__RevokeCredentialResponse *response = call_respond(call);
    response->revoked_utc_ms = c->revoked_utc_ms;
    if (c->revoked_utc_ms == 0) {
        response->revoked_utc_ms = real_now(service);
        struct query *query = db_query(service->db, &revoke_credential);
        query_bind_int(query, "revoked_utc_ms", response->revoked_utc_ms);
        query_bind_text(query, "id", view_of(c->credential_id));
        query_run(query);
        atomic_store(&service->node->credentials_changed, true);
    }
    return 0;
}

/* ---- the table ---- */

enum { MANAGERS = ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_MEMBER) | ROLE_BIT(ROLE_EMPLOYER) };

#define ROW(rpc, message, bytes, who, ...)                                                         \
    {                                                                                              \
        .service = "NetworkService", .name = rpc,                                                  \
        .input = &passerelle__v1__##message##_request__descriptor,                                 \
        .output = &passerelle__v1__##message##_response__descriptor, .roles = who,                 \
        .request_bytes_max = bytes, .duration_ms_max = 10000, __VA_ARGS__                          \
    }

const struct method identity_methods[] = {
    ROW("CreateApiKey", create_api_key, 4096, MANAGERS, .decide = create_key_decide,
        .apply = create_key_apply),
    ROW("IssueCertificate", issue_certificate, 16384,
        ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_MEMBER), .decide = issue_decide,
        .apply = issue_apply),
    ROW("ListCredentials", list_credentials, 4096, MANAGERS | ROLE_BIT(ROLE_AUDITOR),
        .no_side_effects = true, .decide = list),
    ROW("RevokeCredential", revoke_credential, 4096, MANAGERS, .decide = revoke_decide,
        .apply = revoke_apply),
};
const size_t identity_method_count = ARRAY_LEN(identity_methods);
