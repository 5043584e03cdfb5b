#include "service/contracts.h"

#include <assert.h>

#include "core/records/roster_fill.h"
#include "crypt/sha256.h"
#include "service/history.h"
#include "service/journal.h"
#include "store/person/person.h"
#include "store/view/registry.h"
#include "wire/pack.h"

#define TABLE(name) PASSERELLE__V1__TABLE__TABLE_##name
#define VERDICT(name) PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_##name
#define ENTRY(name) PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_##name

/* ---- what is known ---- */

struct facts {
    struct service *service;
    struct arena *arena;
    /* The last one looked up of each: lines of a file often name the same in turn. */
    const Passerelle__V1__Employer *employer;
    const Passerelle__V1__Plan *plan;
    const char *operator_id; /* NULL: not asked yet */
};

static const Passerelle__V1__Member *known_member(void *context, struct view id)
{
    struct facts *facts = context;
    return registry_member(facts->service->db, facts->arena, id);
}

static const Passerelle__V1__BankAccount *known_account(void *context, struct view member_id)
{
    struct facts *facts = context;
    return registry_account(facts->service->db, facts->arena, member_id);
}

static const Passerelle__V1__Site *known_site(void *context, struct view id)
{
    struct facts *facts = context;
    return registry_site(facts->service->db, facts->arena, id);
}

static const Passerelle__V1__Employer *known_employer(void *context, struct view id)
{
    struct facts *facts = context;
    if (facts->employer == NULL || !view_is(id, facts->employer->employer_id)) {
        facts->employer = registry_employer(facts->service->db, facts->arena, id);
    }
    return facts->employer;
}

static const Passerelle__V1__Plan *known_plan(void *context, struct view id)
{
    struct facts *facts = context;
    if (facts->plan == NULL || !view_is(id, facts->plan->plan_id)) {
        facts->plan = registry_plan(facts->service->db, facts->arena, id);
    }
    return facts->plan;
}

static const Passerelle__V1__Carnet *known_carnet(void *context, struct view id)
{
    struct facts *facts = context;
    return registry_carnet(facts->service->db, facts->arena, id);
}

static const Passerelle__V1__Holder *known_holder(void *context, struct view id)
{
    struct facts *facts = context;
    return contract_holder(facts->service->db, facts->arena, id);
}

static const Passerelle__V1__TariffVersion *known_tariff(void *context, uint32_t version)
{
    struct facts *facts = context;
    return registry_tariff(facts->service->db, facts->arena, version);
}

struct operator_search {
    struct arena *arena;
    const char *id;
};

static bool is_operator(void *context, const ProtobufCMessage *record)
{
    struct operator_search *search = context;
    const Passerelle__V1__Member *member = (const void *)record;
    if (member->is_operator) {
        search->id = arena_string(search->arena, view_of(member->member_id));
    }
    return !member->is_operator;
}

static const char *known_operator(void *context)
{
    struct facts *facts = context;
    if (facts->operator_id == NULL) {
        struct operator_search search = {.arena = facts->arena, .id = ""};
        registry_walk(facts->service->db, REGISTRY_MEMBERS, is_operator, &search);
        facts->operator_id = search.id;
    }
    return facts->operator_id;
}

static int known_object(void *context, Passerelle__V1__Table table, const ProtobufCMessage *before,
                        const ProtobufCMessage *after, struct fault *fault)
{
    struct facts *facts = context;
    return history_object(facts->service, facts->arena, table, before, after, fault);
}

struct known contracts_known(struct service *service, struct arena *arena)
{
    struct facts *facts = ARENA_NEW(arena, struct facts);
    facts->service = service;
    facts->arena = arena;
    return (struct known){
        .context = facts,
        .member = known_member,
        .account = known_account,
        .site = known_site,
        .employer = known_employer,
        .plan = known_plan,
        .carnet = known_carnet,
        .holder = known_holder,
        .tariff = known_tariff,
        .operator_id = known_operator,
        .object = known_object,
    };
}

const Passerelle__V1__Holder *contract_holder(struct db *db, struct arena *arena, struct view id)
{
    const Passerelle__V1__HolderPut *right = registry_holder(db, arena, id);
    return right == NULL ? NULL : contract_holder_of(db, arena, right);
}

Passerelle__V1__Holder *contract_holder_of(struct db *db, struct arena *arena,
                                           const Passerelle__V1__HolderPut *right)
{
    struct person person;
    Passerelle__V1__Holder *holder = ARENA_NEW(arena, Passerelle__V1__Holder);
    passerelle__v1__holder__init(holder);
    person_get(db, arena, view_of(right->holder_id), &person);
    holder->holder_id = right->holder_id;
    holder->employer_id = right->employer_id;
    holder->plan_id = right->plan_id;
    holder->given_name = person.given_name;
    holder->family_name = person.family_name;
    holder->email = person.email;
    holder->cost_centre = person.cost_centre;
    holder->medium = right->medium;
    holder->active_from = right->active_from;
    holder->active_to = right->active_to;
    return holder;
}

/* ---- decide ---- */

/* The record's own check, and what stands in its place now. */
static const ProtobufCMessage *check_one(const struct known *known, Passerelle__V1__Table table,
                                         ProtobufCMessage *after, int *err, struct fault *fault)
{
    void *context = known->context;
    switch (table) {
    case TABLE(MEMBERS): {
        Passerelle__V1__Member *member = (void *)after;
        *err = member_check(member, fault);
        return (const void *)known->member(context, view_of(member->member_id));
    }
    case TABLE(SITES): {
        Passerelle__V1__Site *site = (void *)after;
        *err = site_check(site, fault);
        const Passerelle__V1__Site *before = known->site(context, view_of(site->site_id));
        site->state =
            before != NULL ? before->state : PASSERELLE__V1__SITE_STATE__SITE_STATE_UNSPECIFIED;
        return (const void *)before;
    }
    case TABLE(EMPLOYERS): {
        Passerelle__V1__Employer *employer = (void *)after;
        *err = employer_check(employer, fault);
        return (const void *)known->employer(context, view_of(employer->employer_id));
    }
    case TABLE(PLANS): {
        Passerelle__V1__Plan *plan = (void *)after;
        *err = plan_check(plan, fault);
        return (const void *)known->plan(context, view_of(plan->plan_id));
    }
    case TABLE(CARNETS): {
        Passerelle__V1__Carnet *carnet = (void *)after;
        *err = carnet_check(carnet, fault);
        const Passerelle__V1__Carnet *before = known->carnet(context, view_of(carnet->carnet_id));
        carnet->vat_basis_points = before != NULL ? before->vat_basis_points : 0;
        return (const void *)before;
    }
    case TABLE(HOLDERS): {
        Passerelle__V1__Holder *holder = (void *)after;
        *err = holder_check(holder, fault);
        return (const void *)known->holder(context, view_of(holder->holder_id));
    }
    default: {
        assert(table == TABLE(TARIFFS));
        Passerelle__V1__TariffVersion *tariff = (void *)after;
        *err = tariff_check(tariff, fault);
        return (const void *)known->tariff(context, tariff->version);
    }
    }
}

int contract_decide(struct service *service, struct call *call, Passerelle__V1__Table table,
                    ProtobufCMessage *after, Passerelle__V1__LineVerdict *verdict)
{
    struct known known = contracts_known(service, call->arena);
    struct fault fault = FAULT_NONE;
    int err = 0;
    const ProtobufCMessage *before = check_one(&known, table, after, &err, &fault);
    if (err == 0 && before != NULL && wire_equal(before, after)) {
        *verdict = VERDICT(UNCHANGED);
        return 0;
    }
    if (err == 0) {
        err = record_admit(table, &known, before, after, &fault);
    }
    if (err != 0) {
        return call_fail_with(call, &fault);
    }
    *verdict = before == NULL ? VERDICT(ADDED) : VERDICT(CHANGED);
    return 0;
}

/* ---- apply ---- */

void contract_put_member(struct service *service, struct view author,
                         const Passerelle__V1__Member *member)
{
    journal_append(service, author, VIEW_LIT(FEED_NET), ENTRY(MEMBER_PUT), &member->base);
}

void contract_put_account(struct service *service, struct view author,
                          const Passerelle__V1__BankAccount *account)
{
    journal_append(service, author, VIEW_LIT(FEED_BOOKS), ENTRY(BANK_ACCOUNT_PUT), &account->base);
}

void contract_put_site(struct service *service, struct view author,
                       const Passerelle__V1__Site *site)
{
    Passerelle__V1__Site put = *site;
    put.state = PASSERELLE__V1__SITE_STATE__SITE_STATE_UNSPECIFIED;
    journal_append(service, author, VIEW_LIT(FEED_NET), ENTRY(SITE_PUT), &put.base);
    journal_open_feed(service, view_of(site->site_id), author);
}

void contract_put_employer(struct service *service, struct view author,
                           const Passerelle__V1__Employer *employer)
{
    journal_append(service, author, VIEW_LIT(FEED_BOOKS), ENTRY(EMPLOYER_PUT), &employer->base);
}

void contract_put_plan(struct service *service, struct view author,
                       const Passerelle__V1__Plan *plan)
{
    journal_append(service, author, VIEW_LIT(FEED_BOOKS), ENTRY(PLAN_PUT), &plan->base);
}

void contract_sell_carnet(struct service *service, struct view author,
                          Passerelle__V1__Carnet *carnet)
{
    struct arena arena = ARENA_INIT;
    const Passerelle__V1__Plan *plan = registry_plan(service->db, &arena, view_of(carnet->plan_id));
    const Passerelle__V1__Employer *employer =
        plan == NULL ? NULL : registry_employer(service->db, &arena, view_of(plan->employer_id));
    const Passerelle__V1__Member *issuer =
        employer == NULL
            ? NULL
            : registry_member(service->db, &arena, view_of(employer->issuer_member_id));
    if (issuer != NULL) {
        carnet->vat_basis_points = (uint32_t)vat_rate_of(issuer->vat_regime).basis_points;
        journal_append(service, author, VIEW_LIT(FEED_BOOKS), ENTRY(CARNET_SOLD), &carnet->base);
    } else {
        db_fail(service->db, E_CORRUPT,
                "the plan of carnet %s has no issuer: run `passerelled "
                "rebuild`",
                carnet->carnet_id);
    }
    arena_release(&arena);
}

void contract_put_holder(struct service *service, struct view author,
                         const Passerelle__V1__Holder *holder)
{
    struct arena arena = ARENA_INIT;
    Passerelle__V1__HolderPut right = PASSERELLE__V1__HOLDER_PUT__INIT;
    right.holder_id = holder->holder_id;
    right.employer_id = holder->employer_id;
    right.plan_id = holder->plan_id;
    right.medium = holder->medium;
    right.active_from = holder->active_from;
    right.active_to = holder->active_to;
    const Passerelle__V1__HolderPut *before =
        registry_holder(service->db, &arena, view_of(holder->holder_id));
    if (before == NULL || !wire_equal(&before->base, &right.base)) {
        journal_append(service, author, VIEW_LIT(FEED_BOOKS), ENTRY(HOLDER_PUT), &right.base);
    }
    struct person person = {holder->given_name, holder->family_name, holder->email,
                            holder->cost_centre};
    person_put(service->db, view_of(holder->holder_id), &person);
    service->node->registry_version++; /* cost centres are cached */
    arena_release(&arena);
}

void contract_publish_tariff(struct service *service, struct view author,
                             const Passerelle__V1__TariffVersion *tariff)
{
    journal_append(service, author, VIEW_LIT(FEED_NET), ENTRY(TARIFF_PUBLISHED), &tariff->base);
}

/* ---- two operators ---- */

struct view command_digest(struct call *call)
{
    ProtobufCMessage *request = wire_clone(call->arena, call->request);
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(call->method->input, "request_id");
    if (field != NULL) {
        char **id = (void *)((char *)request + field->offset);
        *id = wire_string(call->arena, VIEW_NONE);
    }
    struct view bytes = wire_pack_arena(call->arena, request);
    struct sha256 hash;
    uint8_t *out = arena_alloc(call->arena, SHA256_LEN);
    sha256_init(&hash);
    sha256_add(&hash, call->method->service, strlen(call->method->service) + 1);
    sha256_add(&hash, call->method->name, strlen(call->method->name) + 1);
    sha256_add(&hash, bytes.data, bytes.len);
    sha256_end(&hash, out);
    return view_bytes(out, SHA256_LEN);
}
