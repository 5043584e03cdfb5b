#include "service/service.h"

#include <stdarg.h>

#include "core/ident/ident.h"
#include "core/ident/uuid.h"
#include "crypt/sha256.h"
#include "passerelle/v1/errors.pb-c.h"
#include "store/view/registry.h"
#include "wire/pack.h"

int64_t service_now(const struct service *service)
{
    return env_now_utc_ms(service->node->env);
}

static const int64_t away_ns = HEARTBEATS_MISSED * HEARTBEAT_S * INT64_C(1000000000);

bool node_hears(const struct node *node)
{
    int64_t heard_ns = atomic_load(&node->heard_ns);
    return heard_ns != 0 && env_monotonic_ns(node->env) - heard_ns < away_ns;
}

bool node_is_untaken(const struct node *node)
{
    int64_t untaken_ns = atomic_load(&node->untaken_ns);
    return untaken_ns == HUB_REFUSES ||
           (untaken_ns != 0 && env_monotonic_ns(node->env) - untaken_ns >= away_ns &&
            node_hears(node));
}

bool node_is_catching_up(const struct node *node)
{
    return atomic_load(&node->behind) || (node_hears(node) && !atomic_load(&node->complete));
}

bool node_is_connected(const struct node *node)
{
    return node->role == NODE_HUB || (node_hears(node) && !node_is_untaken(node));
}

/* ---- answers ---- */

void *call_respond(struct call *call)
{
    call->response = wire_new(call->arena, call->method->output);
    return call->response;
}

int call_violation(struct call *call, const char *field, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char text[512];
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (call->error.code == CODE_OK) {
        Passerelle__V1__FieldViolation *detail =
            wire_new(call->arena, &passerelle__v1__field_violation__descriptor);
        detail->field = arena_string(call->arena, view_of(field));
        detail->description = arena_string(call->arena, view_of(text));
        call->error.details[call->error.detail_count++] = &detail->base;
    }
    return call_fail(call, CODE_INVALID_ARGUMENT, "%s: %s", field, text);
}

int call_check_id(struct call *call, const char *field, const char *id)
{
    struct fault fault = FAULT_NONE;
    if (ident_slug(view_of(id), &fault) != E_OK) {
        return call_violation(call, field, "%s", fault.text);
    }
    return 0;
}

int call_check_request_id(struct call *call, const char *request_id, uint8_t uuid[16])
{
    struct uuid parsed;
    if (uuid_parse(view_of(request_id), &parsed) != E_OK || (parsed.bytes[6] >> 4) != 7) {
        return call_violation(
            call, "request_id",
            "make a fresh UUIDv7 in lower case for each new request, and send the "
            "same one again only to repeat it");
    }
    memcpy(uuid, parsed.bytes, 16);
    return 0;
}

int call_check_month(struct call *call, const char *text, struct month *out)
{
    if (month_parse(view_of(text), out) != E_OK) {
        return call_violation(call, "month",
                              "write a month as 2026-10, of the years 2000 to 2099");
    }
    return 0;
}

int call_part(struct call *call, struct view whole, uint64_t offset, struct file_part *out)
{
    enum { PART_BYTES_MAX = 2 << 20 };
    if (offset > whole.len) {
        return call_violation(call, "offset", "the file has %zu bytes", whole.len);
    }
    uint8_t *hash = arena_alloc(call->arena, SHA256_LEN);
    sha256(whole, hash);
    out->sha256 = view_bytes(hash, SHA256_LEN);
    out->content = arena_copy(call->arena, view_slice(whole, offset, offset + PART_BYTES_MAX));
    return 0;
}

/* ---- scope ---- */

bool scope_is_operator(const struct call *call)
{
    return call->who.role == ROLE_OPERATOR ||
           (call->who.role == ROLE_AUDITOR && call->method->apply == NULL);
}

static int out_of_scope(struct call *call)
{
    return call_fail(call, CODE_PERMISSION_DENIED,
                     "this is not yours: ask with the credential of the party that it belongs to");
}

static bool is_party(const struct call *call, enum role role, struct view id)
{
    return call->who.role == role && id.len > 0 && view_is(id, call->who.party);
}

int scope_member(struct service *service, struct call *call, struct view member_id)
{
    (void)service;
    if (scope_is_operator(call) || is_party(call, ROLE_MEMBER, member_id)) {
        return 0;
    }
    return out_of_scope(call);
}

int scope_employer(struct service *service, struct call *call, struct view employer_id)
{
    if (scope_is_operator(call) || is_party(call, ROLE_EMPLOYER, employer_id)) {
        return 0;
    }
    if (call->who.role == ROLE_MEMBER) {
        const Passerelle__V1__Employer *employer =
            registry_employer(service->db, call->arena, employer_id);
        if (employer != NULL && is_party(call, ROLE_MEMBER, view_of(employer->issuer_member_id))) {
            return 0;
        }
    }
    return out_of_scope(call);
}

int scope_site(struct service *service, struct call *call, struct view site_id)
{
    if (scope_is_operator(call) || is_party(call, ROLE_DESK, site_id) ||
        is_party(call, ROLE_SITE, site_id)) {
        return 0;
    }
    if (call->who.role == ROLE_MEMBER) {
        const Passerelle__V1__Site *site = registry_site(service->db, call->arena, site_id);
        if (site != NULL && is_party(call, ROLE_MEMBER, view_of(site->member_id))) {
            return 0;
        }
    }
    return out_of_scope(call);
}

/* ---- two operators ---- */

DB_SQL(find_approval, "SELECT approval_id, author FROM approval WHERE digest = :digest");
DB_SQL(put_approval, "INSERT INTO approval (approval_id, digest, method, summary, author, "
                     "asked_utc_ms) VALUES (:approval_id, :digest, :method, :summary, :author, "
                     ":asked_utc_ms)");
DB_SQL(delete_approval, "DELETE FROM approval WHERE digest = :digest");

DB_SQL(find_party, "SELECT party FROM credential WHERE credential_id >= :from AND credential_id < "
                   ":to ORDER BY credential_id");

/* Whether the one who asked first is the caller: the same credential, or another one of the same
 * person. An author is "cert-" and the beginning of a serial, or "key-" and a prefix. */
static bool is_same_operator(struct service *service, const struct call *call, const char *first)
{
    if (strcmp(first, call->who.author) == 0) {
        return true;
    }
    struct view author = view_of(first);
    size_t dash = view_find(author, '-');
    if (dash + 1 >= author.len) {
        return false;
    }
    struct view from = view_slice(author, dash + 1, author.len);
    /* '~' sorts after every character of an id. */
    const char *to = arena_printf(call->arena, "%.*s~", VIEW_FMT(from));
    struct query *query = db_query(service->db, &find_party);
    query_bind_text(query, "from", from);
    query_bind_text(query, "to", view_of(to));
    bool same = query_next(query) && view_is(query_text(query, 0), call->who.party);
    query_end(query);
    return same;
}

const char *approval_ask(struct service *service, struct call *call, struct view digest,
                         const char *summary, const char **approved_by)
{
    struct db *db = service->db;
    *approved_by = call->who.author;
    if (!registry_policy(db, call->arena)->two_operators) {
        return NULL;
    }
    struct query *query = db_query(db, &find_approval);
    query_bind_blob(query, "digest", digest);
    if (query_next(query)) {
        char *id = arena_string(call->arena, query_text(query, 0));
        char *first = arena_string(call->arena, query_text(query, 1));
        query_end(query);
        if (is_same_operator(service, call, first)) {
            return id;
        }
        query = db_query(db, &delete_approval);
        query_bind_blob(query, "digest", digest);
        query_run(query);
        *approved_by = arena_printf(call->arena, "%s,%s", first, call->who.author);
        return NULL;
    }
    uint8_t random[10];
    env_random(service->node->env, random, sizeof random);
    char text[UUID_TEXT_LEN + 1];
    uuid_format(uuid_v7(service_now(service), random), text);
    query = db_query(db, &put_approval);
    query_bind_text(query, "approval_id", view_of(text));
    query_bind_blob(query, "digest", digest);
    query_bind_text(
        query, "method",
        view_of(arena_printf(call->arena, "%s/%s", call->method->service, call->method->name)));
    query_bind_text(query, "summary", view_of(summary));
    query_bind_text(query, "author", view_of(call->who.author));
    query_bind_int(query, "asked_utc_ms", service_now(service));
    query_run(query);
    return arena_string(call->arena, view_of(text));
}
