#include "lib/recorded.h"

#include <check.h>

#include "base/text.h"
#include "core/csv/csv.h"
#include "core/ident/uuid.h"
#include "core/rating/roster.h"
#include "service/journal.h"
#include "wire/pack.h"

struct table {
    struct network *network;
    struct csv csv;
    struct csv_row head;
    struct csv_row row;
};

static bool table_open(struct table *table, struct network *network, const char *path)
{
    struct fault fault = FAULT_NONE;
    struct buf text = BUF_INIT;
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s cannot be read", path);
    size_t got;
    do {
        got = fread(buf_reserve(&text, 1 << 16), 1, 1 << 16, file);
        buf_wrote(&text, got);
    } while (got > 0);
    fclose(file);
    table->network = network;
    csv_init(&table->csv, arena_copy(&network->arena, buf_content(&text)), &network->arena);
    buf_release(&text);
    ck_assert_int_eq(csv_next(&table->csv, &table->head, &fault), 1);
    return true;
}

static bool table_next(struct table *table)
{
    struct fault fault = FAULT_NONE;
    int got = csv_next(&table->csv, &table->row, &fault);
    ck_assert_msg(got >= 0, "%s", fault.text);
    return got == 1;
}

static struct view cell(const struct table *table, const char *name)
{
    for (size_t i = 0; i < table->head.count; i++) {
        if (view_is(table->head.fields[i], name)) {
            return table->row.fields[i];
        }
    }
    return VIEW_NONE;
}

static char *text(const struct table *table, const char *name)
{
    return arena_string(&table->network->arena, cell(table, name));
}

static int64_t number(const struct table *table, const char *name)
{
    struct view digits = cell(table, name);
    int64_t value = 0;
    ck_assert_msg(digits.len == 0 || text_i64(digits, &value) == E_OK, "%s is no number", name);
    return value;
}

static int64_t instant(struct view told)
{
    int64_t utc_ms = 0;
    ck_assert(told.len == 0 || instant_parse(told, &utc_ms) == E_OK);
    return utc_ms;
}

void recorded_append_entry(struct network *network, const char *feed,
                           Passerelle__V1__EntryType type, const ProtobufCMessage *payload)
{
    ck_assert_int_ne(
        journal_append(&network->service, VIEW_LIT("test"), view_of(feed), type, payload), 0);
}

static void members_record(struct table *table)
{
    while (table_next(table)) {
        Passerelle__V1__Member member = PASSERELLE__V1__MEMBER__INIT;
        bool standard = view_is(cell(table, "vat_regime"), "standard");
        member.member_id = text(table, "member_id");
        member.vat_regime = standard ? PASSERELLE__V1__VAT_REGIME__VAT_REGIME_STANDARD
                                     : PASSERELLE__V1__VAT_REGIME__VAT_REGIME_FRANCHISE;
        member.legal_name = text(table, "legal_name");
        member.siren = text(table, "siren");
        member.siret = text(table, "siret");
        member.vat_id = text(table, "vat_id");
        member.address = text(table, "address");
        member.postcode = text(table, "postcode");
        member.city = text(table, "city");
        member.country = text(table, "country");
        Passerelle__V1__SelfBillingMandate mandate = PASSERELLE__V1__SELF_BILLING_MANDATE__INIT;
        char signed_on[] = "2026-01-01";
        mandate.signed_on = signed_on;
        mandate.contest_days = 15;
        if (strcmp(member.member_id, "m003") != 0) { /* one host that writes its own invoices */
            member.self_billing_mandate = &mandate;
        }
        member.is_operator = number(table, "is_operator") == 1;
        member.is_issuer = number(table, "is_issuer") == 1;
        recorded_append_entry(table->network, FEED_NET,
                              PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_MEMBER_PUT, &member.base);
    }
}

static Passerelle__V1__Zone zone_of(struct view word)
{
    enum zone zone;
    ck_assert_int_eq(zone_parse(word, &zone), E_OK);
    return (Passerelle__V1__Zone)(zone + 1);
}

static Passerelle__V1__Resource resource_of(struct view word)
{
    enum resource resource;
    ck_assert_int_eq(resource_parse(word, &resource), E_OK);
    return (Passerelle__V1__Resource)(resource + 1);
}

static void sites_record(struct table *table)
{
    while (table_next(table)) {
        Passerelle__V1__Site site = PASSERELLE__V1__SITE__INIT;
        Passerelle__V1__SiteStateSet state = PASSERELLE__V1__SITE_STATE_SET__INIT;
        site.site_id = text(table, "site_id");
        site.member_id = text(table, "member_id");
        site.name = text(table, "name");
        site.insee = text(table, "insee");
        site.zone = zone_of(cell(table, "zone"));
        site.category = text(table, "category");
        site.opening_hours = text(table, "opening_hours");
        site.desks = (uint32_t)number(table, "desks");
        site.meeting_rooms = (uint32_t)number(table, "meeting_rooms");
        site.booths = (uint32_t)number(table, "booths");
        recorded_append_entry(table->network, FEED_NET,
                              PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_SITE_PUT, &site.base);
        state.site_id = site.site_id;
        state.state = PASSERELLE__V1__SITE_STATE__SITE_STATE_ACTIVE;
        recorded_append_entry(table->network, FEED_NET,
                              PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_SITE_STATE_SET, &state.base);
        journal_open_feed(&table->network->service, view_of(site.site_id), VIEW_LIT("test"));
    }
}

/* Rows of several versions may stand mixed. */
static void tariffs_record(struct table *table)
{
    enum { VERSIONS_MAX = 16, ROWS_MAX = 1024 };
    struct arena *arena = &table->network->arena;
    Passerelle__V1__TariffVersion *versions[VERSIONS_MAX];
    size_t count = 0;
    while (table_next(table)) {
        size_t at = 0;
        while (at < count && versions[at]->version != number(table, "version")) {
            at++;
        }
        ck_assert_uint_lt(at, VERSIONS_MAX);
        if (at == count) {
            versions[count] = wire_new(arena, &passerelle__v1__tariff_version__descriptor);
            versions[count]->version = (uint32_t)number(table, "version");
            versions[count]->valid_from = text(table, "valid_from");
            versions[count++]->rows = ARENA_ARRAY(arena, ROWS_MAX, Passerelle__V1__TariffRow *);
        }
        enum unit unit;
        ck_assert_int_eq(unit_parse(cell(table, "unit"), &unit), E_OK);
        Passerelle__V1__TariffRow *row = wire_new(arena, &passerelle__v1__tariff_row__descriptor);
        row->category = text(table, "category");
        row->zone = zone_of(cell(table, "zone"));
        row->resource = resource_of(cell(table, "resource"));
        row->unit = (Passerelle__V1__Unit)(unit + 1);
        row->p_cents = number(table, "p_cents");
        row->h_cents = number(table, "h_cents");
        row->f_cents = number(table, "f_cents");
        row->s_cents = number(table, "s_cents");
        ck_assert_uint_lt(versions[at]->n_rows, ROWS_MAX);
        versions[at]->rows[versions[at]->n_rows++] = row;
    }
    for (size_t i = 0; i < count; i++) {
        recorded_append_entry(table->network, FEED_NET,
                              PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_TARIFF_PUBLISHED,
                              &versions[i]->base);
    }
}

static void employers_record(struct table *table)
{
    while (table_next(table)) {
        Passerelle__V1__Employer employer = PASSERELLE__V1__EMPLOYER__INIT;
        employer.employer_id = text(table, "employer_id");
        employer.issuer_member_id = text(table, "issuer_member_id");
        employer.legal_name = text(table, "legal_name");
        employer.siren = text(table, "siren");
        employer.siret = text(table, "siret");
        employer.vat_id = text(table, "vat_id");
        employer.address = text(table, "address");
        employer.postcode = text(table, "postcode");
        employer.city = text(table, "city");
        employer.country = text(table, "country");
        recorded_append_entry(table->network, FEED_BOOKS,
                              PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_EMPLOYER_PUT, &employer.base);
    }
}

static void plans_record(struct table *table)
{
    while (table_next(table)) {
        struct view type = cell(table, "type");
        Passerelle__V1__Plan plan = PASSERELLE__V1__PLAN__INIT;
        plan.plan_id = text(table, "plan_id");
        plan.employer_id = text(table, "employer_id");
        plan.type = view_is(type, "usage")    ? PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_USAGE
                    : view_is(type, "carnet") ? PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_CARNET
                                              : PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_SUBSCRIPTION;
        plan.monthly_fee_cents = number(table, "monthly_fee_cents");
        plan.included_units = (uint32_t)number(table, "included_units");
        recorded_append_entry(table->network, FEED_BOOKS,
                              PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PLAN_PUT, &plan.base);
    }
}

static void carnets_record(struct table *table)
{
    while (table_next(table)) {
        Passerelle__V1__Carnet carnet = PASSERELLE__V1__CARNET__INIT;
        carnet.carnet_id = text(table, "carnet_id");
        carnet.plan_id = text(table, "plan_id");
        carnet.units = (uint32_t)number(table, "units");
        carnet.price_cents = number(table, "price_cents");
        carnet.bought_on = text(table, "bought_on");
        carnet.valid_months = (uint32_t)number(table, "valid_months");
        recorded_append_entry(table->network, FEED_BOOKS,
                              PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_CARNET_SOLD, &carnet.base);
    }
}

static void holders_record(struct table *table)
{
    while (table_next(table)) {
        Passerelle__V1__HolderPut holder = PASSERELLE__V1__HOLDER_PUT__INIT;
        holder.holder_id = text(table, "holder_id");
        holder.employer_id = text(table, "employer_id");
        holder.plan_id = text(table, "plan_id");
        holder.active_from = text(table, "active_from");
        holder.active_to = text(table, "active_to");
        recorded_append_entry(table->network, FEED_BOOKS,
                              PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_HOLDER_PUT, &holder.base);
    }
}

void recorded_network(struct network *network, const char *dir)
{
    static const struct {
        const char *file;
        void (*record)(struct table *table);
    } files[] = {
        {"members.csv", members_record}, {"sites.csv", sites_record},
        {"tariffs.csv", tariffs_record}, {"employers.csv", employers_record},
        {"plans.csv", plans_record},     {"carnets.csv", carnets_record},
        {"holders.csv", holders_record},
    };
    recorded_begin(network);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct table table;
        table_open(&table, network, arena_printf(&network->arena, "%s/%s", dir, files[i].file));
        files[i].record(&table);
    }
    recorded_commit(network);
}

struct recorded_stay *recorded_stays(struct network *network, const char *path, size_t *count)
{
    size_t alloc = 1 << 15;
    struct recorded_stay *stays = ARENA_ARRAY(&network->arena, alloc, struct recorded_stay);
    struct table table;
    *count = 0;
    table_open(&table, network, path);
    while (table_next(&table)) {
        ck_assert_uint_lt(*count, alloc);
        stays[(*count)++] = (struct recorded_stay){
            .visit_id = cell(&table, "visit_id"),
            .site_id = cell(&table, "site_id"),
            .holder_id = cell(&table, "holder_id"),
            .resource = cell(&table, "resource"),
            .check_in = cell(&table, "check_in"),
            .check_out = cell(&table, "check_out"),
            .medium = cell(&table, "medium"),
            .source = cell(&table, "source"),
            .status = cell(&table, "status"),
        };
    }
    return stays;
}

static ProtobufCBinaryData uuid_of(struct network *network, struct view id)
{
    struct uuid *uuid = ARENA_NEW(&network->arena, struct uuid);
    ck_assert_int_eq(uuid_parse(id, uuid), E_OK);
    return (ProtobufCBinaryData){sizeof uuid->bytes, uuid->bytes};
}

void recorded_append(struct network *network, const struct recorded_stay *stay,
                     struct view replaces)
{
    const char *feed = arena_string(&network->arena, stay->site_id);
    Passerelle__V1__VisitCorrected corrected = PASSERELLE__V1__VISIT_CORRECTED__INIT;
    Passerelle__V1__StayRecorded recorded = PASSERELLE__V1__STAY_RECORDED__INIT;
    recorded.visit_id = uuid_of(network, stay->visit_id);
    recorded.holder_id = arena_string(&network->arena, stay->holder_id);
    recorded.resource = resource_of(stay->resource);
    recorded.in_utc_ms = instant(stay->check_in);
    recorded.out_utc_ms = instant(stay->check_out);
    recorded.medium = view_is(stay->medium, "card") ? PASSERELLE__V1__MEDIUM__MEDIUM_CARD
                                                    : PASSERELLE__V1__MEDIUM__MEDIUM_PHONE;
    recorded.source = view_is(stay->source, "paper") ? PASSERELLE__V1__SOURCE__SOURCE_PAPER
                                                     : PASSERELLE__V1__SOURCE__SOURCE_ONLINE;
    if (replaces.len == 0) {
        recorded_append_entry(network, feed, PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_STAY_RECORDED,
                              &recorded.base);
        return;
    }
    corrected.visit_id = recorded.visit_id;
    corrected.replaces_visit_id = uuid_of(network, replaces);
    corrected.resource = recorded.resource;
    corrected.in_utc_ms = recorded.in_utc_ms;
    corrected.out_utc_ms = recorded.out_utc_ms;
    recorded_append_entry(network, feed, PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_CORRECTED,
                          &corrected.base);
}

void recorded_void(struct network *network, struct view site_id, struct view visit_id)
{
    Passerelle__V1__VisitVoided voided = PASSERELLE__V1__VISIT_VOIDED__INIT;
    voided.visit_id = uuid_of(network, visit_id);
    recorded_append_entry(network, arena_string(&network->arena, site_id),
                          PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_VOIDED, &voided.base);
}

void recorded_begin(struct network *network)
{
    struct fault fault = FAULT_NONE;
    ck_assert_msg(db_begin(network->service.db, &fault) == E_OK, "%s", fault.text);
}

void recorded_commit(struct network *network)
{
    struct fault fault = FAULT_NONE;
    ck_assert_msg(db_commit(network->service.db, &fault) == E_OK, "%s", fault.text);
    journal_committed(network->service.journal);
}

void recorded_abandon(struct network *network)
{
    db_end(network->service.db, NULL);
    journal_rolled_back(network->service.journal);
}
