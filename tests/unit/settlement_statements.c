#include "settlement_statements.h"

#include <check.h>
#include <stdlib.h>

#include "passerelle/v1/directory.pb-c.h"
#include "passerelle/v1/stats.pb-c.h"
#include "stride.h"
#include "wire/pack.h"

#define FORMAT(name) PASSERELLE__V1__STATEMENT_FORMAT__STATEMENT_FORMAT_##name

enum kind { MEMBER, EMPLOYER, SITE, REGION };

static const struct call *ask(struct network *network, struct principal who, enum kind kind,
                              const char *id, Passerelle__V1__StatementFormat format)
{
    Passerelle__V1__GetStatementRequest *request =
        network_new(network, &passerelle__v1__get_statement_request__descriptor);
    request->month = arena_string(&network->arena, VIEW_LIT("2026-10"));
    request->format = format;
    char **ids[] = {&request->member_id, &request->employer_id, &request->site_id};
    if (kind != REGION) {
        *ids[kind] = arena_string(&network->arena, view_of(id));
    }
    return network_call(network, who, "StatsService", "GetStatement", &request->base);
}

static const char *get(struct network *network, struct principal who, enum kind kind,
                       const char *id, Passerelle__V1__StatementFormat format)
{
    const struct call *call = ask(network, who, kind, id, format);
    ck_assert_msg(call->error.code == CODE_OK, "%s: %s", id, call->error.message);
    const Passerelle__V1__GetStatementResponse *response = (const void *)call->response;
    ck_assert_uint_eq(response->content.len, response->size);
    ck_assert(!response->provisional);
    return arena_string(&network->arena, wire_view(response->content));
}

/* The sum of the numbers with this key behind `from`, up to `to`. */
static int64_t sum_of(const char *json, const char *from, const char *to, const char *key)
{
    char name[64];
    int64_t sum = 0;
    const char *at = strstr(json, from);
    ck_assert_msg(at != NULL, "%s is not there", from);
    const char *end = strstr(at, to);
    end = end == NULL ? at + strlen(at) : end;
    snprintf(name, sizeof name, "\"%s\":", key);
    while ((at = strstr(at, name)) != NULL && at < end) {
        at += strlen(name);
        sum += strtoll(at, NULL, 10);
    }
    return sum;
}

static int64_t fact(const char *json, const char *key)
{
    return sum_of(json, "\"facts\"", "\"sections\"", key);
}

static void members(struct network *network, const Passerelle__V1__SettlementDocument *document,
                    struct principal olive)
{
    int64_t positions = 0;
    for (size_t i = 0; i < document->n_positions; i += stride()) {
        const char *id = document->positions[i]->member_id;
        int64_t hosting = 0;
        int64_t fees = 0;
        const char *json = get(network, olive, MEMBER, id, FORMAT(JSON));
        for (size_t k = 0; k < document->n_documents; k++) {
            const Passerelle__V1__Document *one = document->documents[k];
            bool host = one->kind == PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_HOST_INVOICE;
            bool fee = one->kind == PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_FEE_INVOICE;
            hosting += host && strcmp(one->seller_member_id, id) == 0 ? one->net_cents : 0;
            fees += fee && strcmp(one->buyer_id, id) == 0 ? one->net_cents : 0;
        }
        ck_assert_int_eq(fact(json, "hosting_cents"), hosting);
        ck_assert_int_eq(fact(json, "position_cents"), document->positions[i]->cents);
        ck_assert_int_eq(sum_of(json, "\"hosted_visits\"", "\"issued_visits\"", "host_cents"),
                         hosting);
        if (strstr(json, "\"issued_visits\"") != NULL) {
            ck_assert_int_eq(sum_of(json, "\"issued_visits\"", "}}\n", "fee_cents"), fees);
        }
        positions += fact(json, "position_cents");
    }
    ck_assert(stride() > 1 || positions == 0);
}

static void sites(struct network *network, const Passerelle__V1__SettlementDocument *document,
                  struct principal olive)
{
    for (size_t i = 0; i < document->n_sites; i += 9 * stride()) {
        const Passerelle__V1__SiteTotals *site = document->sites[i];
        const char *json = get(network, olive, SITE, site->site_id, FORMAT(JSON));
        ck_assert_int_eq(fact(json, "host_cents"), site->host_cents);
        ck_assert_int_eq(sum_of(json, "\"days\":[", "\"issuers\"", "half_days"), site->half_days);
        ck_assert_int_eq(sum_of(json, "\"issuers\"", "}}\n", "room_hours"), site->room_hours);
        ck_assert_ptr_nonnull(strstr(json, "\"day\":\"2026-10-31\""));
    }
}

/* No name or id of a site, no day, no hour. */
static void tells_no_place(struct network *network, const char *text)
{
    Passerelle__V1__ListSitesRequest *request =
        network_new(network, &passerelle__v1__list_sites_request__descriptor);
    const Passerelle__V1__ListSitesResponse *all = network_must(
        network, network_who(ROLE_ANYONE, ""), "DirectoryService", "ListSites", &request->base);
    for (size_t i = 0; i < all->n_sites; i++) {
        char id[80];
        snprintf(id, sizeof id, "\"%s\"", all->sites[i]->site_id);
        ck_assert_ptr_null(strstr(text, all->sites[i]->name));
        ck_assert_ptr_null(strstr(text, id));
    }
    ck_assert_ptr_null(strstr(text, "T0"));
}

static void employers(struct network *network, const Passerelle__V1__SettlementDocument *document,
                      struct principal olive)
{
    int64_t units = 0;
    for (size_t i = 0; i < document->n_documents; i++) {
        const Passerelle__V1__Document *one = document->documents[i];
        if (one->kind != PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_EMPLOYER_INVOICE) {
            continue;
        }
        const char *json = get(network, olive, EMPLOYER, one->buyer_id, FORMAT(JSON));
        ck_assert_int_eq(fact(json, "gross_cents"), one->gross_cents);
        ck_assert_int_eq(sum_of(json, "\"cost_centres\"", "\"holders\":[", "units_used"),
                         fact(json, "units_used"));
        ck_assert_int_eq(sum_of(json, "\"holders\":[", "\"carnets\"", "charged_cents"),
                         fact(json, "charged_cents"));
        units += fact(json, "units_used");
        if (i % 40 == 0) {
            tells_no_place(network, json);
        }
    }
    ck_assert_int_eq(units, document->units_used);
    tells_no_place(network, get(network, olive, EMPLOYER, "e001", FORMAT(CSV)));
}

static void scopes(struct network *network)
{
    const struct {
        enum role role;
        const char *party;
        enum kind kind;
        const char *id;
        enum code code;
    } rows[] = {
        {ROLE_MEMBER, "m001", MEMBER, "m001", CODE_OK},
        {ROLE_MEMBER, "m001", MEMBER, "m002", CODE_PERMISSION_DENIED},
        {ROLE_MEMBER, "m001", SITE, "s001", CODE_OK},
        {ROLE_MEMBER, "m002", SITE, "s001", CODE_PERMISSION_DENIED},
        {ROLE_MEMBER, "m001", REGION, "", CODE_PERMISSION_DENIED},
        {ROLE_EMPLOYER, "e001", EMPLOYER, "e001", CODE_OK},
        {ROLE_EMPLOYER, "e001", EMPLOYER, "e002", CODE_PERMISSION_DENIED},
        {ROLE_EMPLOYER, "e001", SITE, "s001", CODE_PERMISSION_DENIED},
        {ROLE_EMPLOYER, "e001", REGION, "", CODE_PERMISSION_DENIED},
        {ROLE_REGION, "region", REGION, "", CODE_OK},
        {ROLE_REGION, "region", MEMBER, "m001", CODE_PERMISSION_DENIED},
        {ROLE_REGION, "region", EMPLOYER, "e001", CODE_PERMISSION_DENIED},
        {ROLE_AUDITOR, "anna", EMPLOYER, "e001", CODE_OK},
        {ROLE_OPERATOR, "olive", SITE, "s999", CODE_NOT_FOUND},
        {ROLE_OPERATOR, "olive", MEMBER, "m999", CODE_NOT_FOUND},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct call *call = ask(network, network_who(rows[i].role, rows[i].party),
                                      rows[i].kind, rows[i].id, FORMAT(HTML));
        ck_assert_msg(call->error.code == rows[i].code, "row %zu: %s", i,
                      call->error.message == NULL ? "" : call->error.message);
    }
    Passerelle__V1__GetStatementRequest *both =
        network_new(network, &passerelle__v1__get_statement_request__descriptor);
    both->month = arena_string(&network->arena, VIEW_LIT("2026-10"));
    both->member_id = arena_string(&network->arena, VIEW_LIT("m001"));
    both->site_id = arena_string(&network->arena, VIEW_LIT("s001"));
    ck_assert_int_eq(network_call(network, network_who(ROLE_OPERATOR, "olive"), "StatsService",
                                  "GetStatement", &both->base)
                         ->error.code,
                     CODE_INVALID_ARGUMENT);
}

void statements_hold(struct network *network, const Passerelle__V1__SettlementDocument *document)
{
    struct principal olive = network_who(ROLE_OPERATOR, "olive");
    const char *region = get(network, olive, REGION, "", FORMAT(JSON));
    ck_assert_int_eq(fact(region, "visit_days"), document->visit_days);
    ck_assert_ptr_nonnull(strstr(region, "\"code\":\"48\""));
    members(network, document, olive);
    sites(network, document, olive);
    employers(network, document, olive);
    scopes(network);
}
