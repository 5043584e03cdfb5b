/* Rating looks at the registry as it is when a month is closed, or corrected later (RULES 19): so
 * what decided the price of a visit that is on record may not change any more. */
#include "service/history.h"

#include <assert.h>

#include "core/visit/stay.h"
#include "service/contracts.h"
#include "service/journal.h"
#include "store/view/registry.h"

#define TABLE(name) PASSERELLE__V1__TABLE__TABLE_##name

DB_SQL(any_visit, "SELECT 1 FROM visit LIMIT 1");
DB_SQL(visit_at, "SELECT 1 FROM visit v JOIN feed f ON f.feed_no = v.feed_no "
                 "WHERE f.name = :id LIMIT 1");
DB_SQL(visit_of, "SELECT 1 FROM visit WHERE holder_id = :id LIMIT 1");
DB_SQL(employer_of, "SELECT 1 FROM employer WHERE issuer_member_id = :id LIMIT 1");
DB_SQL(plan_of, "SELECT 1 FROM plan WHERE employer_id = :id LIMIT 1");
DB_SQL(holder_of, "SELECT 1 FROM holder WHERE plan_id = :id LIMIT 1");
DB_SQL(carnet_of, "SELECT 1 FROM carnet WHERE plan_id = :id LIMIT 1");
DB_SQL(month_closed, "SELECT 1 FROM period WHERE month = :month");
DB_SQL(tariff_from, "SELECT version FROM tariff WHERE valid_from = :day");

static bool any_row(struct query *query)
{
    bool found = query_next(query);
    query_end(query);
    return found;
}

static bool any_with_id(struct db *db, const struct db_sql *sql, const char *id)
{
    struct query *query = db_query(db, sql);
    query_bind_text(query, "id", view_of(id));
    return any_row(query);
}

/* ---- prices ---- */

static const struct {
    Passerelle__V1__Resource resource;
    Passerelle__V1__Unit unit;
} slots[] = {
    {PASSERELLE__V1__RESOURCE__RESOURCE_DESK, PASSERELLE__V1__UNIT__UNIT_HALF_DAY},
    {PASSERELLE__V1__RESOURCE__RESOURCE_DESK, PASSERELLE__V1__UNIT__UNIT_DAY},
    {PASSERELLE__V1__RESOURCE__RESOURCE_MEETING_ROOM, PASSERELLE__V1__UNIT__UNIT_HOUR},
    {PASSERELLE__V1__RESOURCE__RESOURCE_BOOTH, PASSERELLE__V1__UNIT__UNIT_HOUR},
};

static int version_covers(const Passerelle__V1__TariffVersion *version,
                          const Passerelle__V1__Site *site, struct fault *fault)
{
    for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
        bool found = site_capacity(site, slots[i].resource) == 0;
        for (size_t k = 0; k < version->n_rows && !found; k++) {
            const Passerelle__V1__TariffRow *row = version->rows[k];
            found = row->zone == site->zone && row->resource == slots[i].resource &&
                    row->unit == slots[i].unit && strcmp(row->category, site->category) == 0;
        }
        if (!found) {
            return fault_set(fault, E_NOT_FOUND,
                             "tariff version %u has no row %s/%s/%s/%s, which site %s needs: "
                             "publish a version that has it",
                             version->version, site->category, record_zone_word(site->zone),
                             record_resource_word(slots[i].resource),
                             record_unit_word(slots[i].unit), site->site_id);
        }
    }
    return 0;
}

struct coverage {
    const Passerelle__V1__Site *site;
    const Passerelle__V1__TariffVersion *version;
    const char *since; /* first day of the version in force */
    struct fault *fault;
    int err;
};

static bool version_is_enough(void *context, const ProtobufCMessage *record)
{
    struct coverage *coverage = context;
    const Passerelle__V1__TariffVersion *version = (const void *)record;
    if (strcmp(version->valid_from, coverage->since) >= 0) {
        coverage->err = version_covers(version, coverage->site, coverage->fault);
    }
    return coverage->err == 0;
}

int contract_tariff_covers(struct service *service, struct arena *arena,
                           const Passerelle__V1__Site *site, struct fault *fault)
{
    struct day today = day_of_instant(service_now(service));
    uint32_t in_force = registry_tariff_version_on(service->db, today);
    const Passerelle__V1__TariffVersion *version =
        in_force == 0 ? NULL : registry_tariff(service->db, arena, in_force);
    if (version == NULL) {
        return fault_set(fault, E_NOT_FOUND,
                         "no tariff version is in force, so that site %s has "
                         "no price: publish one",
                         site->site_id);
    }
    struct coverage coverage = {.site = site, .since = version->valid_from, .fault = fault};
    registry_walk(service->db, REGISTRY_TARIFFS, version_is_enough, &coverage);
    return coverage.err;
}

static bool site_is_covered(void *context, const ProtobufCMessage *record)
{
    struct coverage *coverage = context;
    const Passerelle__V1__Site *site = (const void *)record;
    if (site->state == PASSERELLE__V1__SITE_STATE__SITE_STATE_ACTIVE ||
        site->state == PASSERELLE__V1__SITE_STATE__SITE_STATE_SUSPENDED) {
        coverage->err = version_covers(coverage->version, site, coverage->fault);
    }
    return coverage->err == 0;
}

static int tariff_object(struct service *service, struct arena *arena,
                         const Passerelle__V1__TariffVersion *version, struct fault *fault)
{
    struct day first;
    int err = day_parse(view_of(version->valid_from), &first);
    assert(err == 0);
    struct query *query = db_query(service->db, &tariff_from);
    query_bind_int(query, "day", first.number);
    if (query_next(query)) {
        uint32_t other = (uint32_t)query_int(query, 0);
        query_end(query);
        return fault_set(fault, E_CONFLICT,
                         "valid_from: version %u begins on %s already: choose "
                         "another first day",
                         other, version->valid_from);
    }
    int notice = (int)registry_policy(service->db, arena)->tariff_notice_days;
    struct day earliest = day_plus(day_of_instant(service_now(service)), notice);
    if (day_compare(first, earliest) < 0 && any_row(db_query(service->db, &any_visit))) {
        char text[11];
        day_format(earliest, text);
        return fault_set(fault, E_CONFLICT,
                         "valid_from: a tariff is published %d days before it "
                         "holds: choose %s or later",
                         notice, text);
    }
    struct coverage coverage = {.version = version, .fault = fault};
    registry_walk(service->db, REGISTRY_SITES, site_is_covered, &coverage);
    return coverage.err;
}

/* ---- records ---- */

static int site_object(struct service *service, struct arena *arena,
                       const Passerelle__V1__Site *before, const Passerelle__V1__Site *after,
                       struct fault *fault)
{
    if (before == NULL) {
        return 0;
    }
    if (before->state == PASSERELLE__V1__SITE_STATE__SITE_STATE_CLOSED) {
        return fault_set(fault, E_CONFLICT,
                         "site_id: site %s is closed for ever: give the new one "
                         "an id of its own",
                         after->site_id);
    }
    bool same_price = strcmp(before->member_id, after->member_id) == 0 &&
                      strcmp(before->category, after->category) == 0 && before->zone == after->zone;
    if (!same_price && any_with_id(service->db, &visit_at, after->site_id)) {
        return fault_set(fault, E_CONFLICT,
                         "member_id: site %s has visits, whose price its member, zone and category "
                         "decide: close it and open another",
                         after->site_id);
    }
    if (before->state == PASSERELLE__V1__SITE_STATE__SITE_STATE_CANDIDATE) {
        return 0;
    }
    struct fault own = FAULT_NONE;
    return contract_tariff_covers(service, arena, after, &own) == 0
               ? 0
               : fault_set(fault, E_CONFLICT, "category: %s", own.text);
}

static int member_object(struct service *service, const Passerelle__V1__Member *before,
                         const Passerelle__V1__Member *after, struct fault *fault)
{
    if (before != NULL && before->is_issuer && !after->is_issuer &&
        any_with_id(service->db, &employer_of, after->member_id)) {
        return fault_set(fault, E_CONFLICT,
                         "is_issuer: employers have contracts with %s: leave it "
                         "at 1",
                         after->member_id);
    }
    return 0;
}

static int employer_object(struct service *service, const Passerelle__V1__Employer *before,
                           const Passerelle__V1__Employer *after, struct fault *fault)
{
    if (before != NULL && strcmp(before->issuer_member_id, after->issuer_member_id) != 0 &&
        any_with_id(service->db, &plan_of, after->employer_id)) {
        return fault_set(fault, E_CONFLICT,
                         "issuer_member_id: %s has plans with %s: a contract "
                         "with another issuer is another employer",
                         after->employer_id, before->issuer_member_id);
    }
    return 0;
}

static int plan_object(struct service *service, const Passerelle__V1__Plan *before,
                       const Passerelle__V1__Plan *after, struct fault *fault)
{
    bool same = before == NULL || (before->type == after->type &&
                                   strcmp(before->employer_id, after->employer_id) == 0);
    if (!same && (any_with_id(service->db, &holder_of, after->plan_id) ||
                  any_with_id(service->db, &carnet_of, after->plan_id))) {
        return fault_set(fault, E_CONFLICT,
                         "type: plan %s is in use: its type and employer stay, "
                         "make another plan",
                         after->plan_id);
    }
    return 0;
}

static int carnet_object(struct service *service, const Passerelle__V1__Carnet *after,
                         struct fault *fault)
{
    struct day bought;
    int err = day_parse(view_of(after->bought_on), &bought);
    assert(err == 0);
    struct query *query = db_query(service->db, &month_closed);
    query_bind_int(query, "month", month_of(bought).number);
    if (any_row(query)) {
        return fault_set(fault, E_CONFLICT,
                         "bought_on: the month of %s is closed: sell it on a "
                         "later day",
                         after->bought_on);
    }
    return 0;
}

static int holder_object(struct service *service, const Passerelle__V1__Holder *before,
                         const Passerelle__V1__Holder *after, struct fault *fault)
{
    if (before != NULL && strcmp(before->plan_id, after->plan_id) != 0 &&
        any_with_id(service->db, &visit_of, after->holder_id)) {
        return fault_set(fault, E_CONFLICT,
                         "plan_id: holder %s has visits under plan %s: end this "
                         "right with active_to and add another holder",
                         after->holder_id, before->plan_id);
    }
    return 0;
}

int history_object(struct service *service, struct arena *arena, Passerelle__V1__Table table,
                   const ProtobufCMessage *before, const ProtobufCMessage *after,
                   struct fault *fault)
{
    switch (table) {
    case TABLE(MEMBERS):
        return member_object(service, (const void *)before, (const void *)after, fault);
    case TABLE(SITES):
    case TABLE(STOPS):
        return site_object(service, arena, (const void *)before, (const void *)after, fault);
    case TABLE(EMPLOYERS):
        return employer_object(service, (const void *)before, (const void *)after, fault);
    case TABLE(PLANS):
        return plan_object(service, (const void *)before, (const void *)after, fault);
    case TABLE(CARNETS):
        return carnet_object(service, (const void *)after, fault);
    case TABLE(HOLDERS):
        return holder_object(service, (const void *)before, (const void *)after, fault);
    case TABLE(TARIFFS):
        return tariff_object(service, arena, (const void *)after, fault);
    default:
        return 0;
    }
}
