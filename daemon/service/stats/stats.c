#include "service/stats/stats.h"

#include "passerelle/v1/stats.pb-c.h"
#include "service/settlement/period.h"
#include "service/stats/region.h"
#include "service/stats/statement.h"
#include "store/view/registry.h"
#include "wire/pack.h"

static const enum territory_family families[] = {
    [PASSERELLE__V1__TERRITORY__TERRITORY_UNSPECIFIED] = TERRITORY_DEPARTEMENT,
    [PASSERELLE__V1__TERRITORY__TERRITORY_DEPARTEMENT] = TERRITORY_DEPARTEMENT,
    [PASSERELLE__V1__TERRITORY__TERRITORY_ZONE] = TERRITORY_ZONE,
    [PASSERELLE__V1__TERRITORY__TERRITORY_NETWORK] = TERRITORY_NETWORK,
    [PASSERELLE__V1__TERRITORY__TERRITORY_EPCI] = TERRITORY_EPCI,
};

static int get_territories(struct service *service, struct call *call)
{
    const Passerelle__V1__GetTerritoriesRequest *request = (const void *)call->request;
    struct month month;
    struct territories territories;
    if ((size_t)request->territory >= ARRAY_LEN(families)) {
        return call_violation(call, "territory", "ask for DEPARTEMENT, EPCI, ZONE or NETWORK");
    }
    if (call_check_month(call, request->month, &month) != 0 ||
        region_count(service, call, month, &territories) != 0) {
        return -1;
    }
    Passerelle__V1__GetTerritoriesResponse *response = call_respond(call);
    response->counts =
        ARENA_ARRAY(call->arena, territories.count, Passerelle__V1__TerritoryCount *);
    for (size_t i = 0; i < territories.count; i++) {
        const struct territory *one = &territories.all[i];
        if (one->family != families[request->territory] || one->holders == 0) {
            continue;
        }
        Passerelle__V1__TerritoryCount *count =
            wire_new(call->arena, &passerelle__v1__territory_count__descriptor);
        count->territory = wire_string(call->arena, one->code);
        count->withheld = one->withheld;
        if (!one->withheld) {
            count->sites = (uint32_t)one->sites;
            count->holders = (uint32_t)one->holders;
            count->visit_days = (uint32_t)one->visit_days;
            count->room_hours = (uint32_t)one->room_hours;
            count->subsidy_cents = one->subsidy.cents;
        }
        response->counts[response->n_counts++] = count;
    }
    return 0;
}

DB_SQL(select_quality,
       "SELECT feed.name, COUNT(*), CAST(SUM(CASE WHEN visit.source = 3 THEN 1 ELSE 0 END) AS "
       "bigint), CAST(SUM(CASE WHEN visit.medium = 2 THEN 1 ELSE 0 END) AS bigint), "
       "CAST(SUM(CASE WHEN visit.auto_closed <> 0 THEN 1 ELSE 0 END) AS bigint), "
       "CAST(SUM(CASE WHEN visit.source = 2 THEN 1 ELSE 0 END) AS bigint) "
       "FROM visit JOIN feed ON feed.feed_no = visit.feed_no "
       "WHERE visit.day BETWEEN :first AND :last AND visit.state IN (1, 2) "
       "GROUP BY feed.name ORDER BY feed.name");

static bool is_own(struct service *service, struct call *call, struct view site_id)
{
    if (scope_is_operator(call)) {
        return true;
    }
    const Passerelle__V1__Site *site = registry_site(service->db, call->arena, site_id);
    return site != NULL && strcmp(site->member_id, call->who.party) == 0;
}

static int get_site_quality(struct service *service, struct call *call)
{
    const Passerelle__V1__GetSiteQualityRequest *request = (const void *)call->request;
    struct month month;
    if (call_check_month(call, request->month, &month) != 0) {
        return -1;
    }
    Passerelle__V1__GetSiteQualityResponse *response = call_respond(call);
    response->sites = ARENA_ARRAY(call->arena, (size_t)registry_count(service->db, REGISTRY_SITES),
                                  Passerelle__V1__SiteQuality *);
    struct query *query = db_query(service->db, &select_quality);
    query_bind_int(query, "first", month_first(month).number);
    query_bind_int(query, "last", month_last(month).number);
    while (query_next(query)) {
        if (!is_own(service, call, query_text(query, 0))) {
            continue;
        }
        Passerelle__V1__SiteQuality *site =
            wire_new(call->arena, &passerelle__v1__site_quality__descriptor);
        site->site_id = wire_string(call->arena, query_text(query, 0));
        site->stays = (uint32_t)query_int(query, 1);
        site->paper = (uint32_t)query_int(query, 2);
        site->card = (uint32_t)query_int(query, 3);
        site->auto_closed = (uint32_t)query_int(query, 4);
        site->offline = (uint32_t)query_int(query, 5);
        response->sites[response->n_sites++] = site;
    }
    query_end(query);
    return 0;
}

#define OFFICE (ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_AUDITOR))
#define READS(rpc, request, response, who, function)                                               \
    {                                                                                              \
        .service = "StatsService", .name = rpc, .input = &passerelle__v1__##request##__descriptor, \
        .output = &passerelle__v1__##response##__descriptor, .roles = (who),                       \
        .no_side_effects = true, .request_bytes_max = 4096, .duration_ms_max = 120000,             \
        .slow = true, .decide = function                                                           \
    }

const struct method stats_methods[] = {
    READS("GetTerritories", get_territories_request, get_territories_response,
          OFFICE | ROLE_BIT(ROLE_REGION), get_territories),
    READS("GetStatement", get_statement_request, get_statement_response,
          OFFICE | ROLE_BIT(ROLE_REGION) | ROLE_BIT(ROLE_MEMBER) | ROLE_BIT(ROLE_EMPLOYER),
          statement_get),
    READS("GetSiteQuality", get_site_quality_request, get_site_quality_response,
          OFFICE | ROLE_BIT(ROLE_MEMBER), get_site_quality),
};
const size_t stats_method_count = ARRAY_LEN(stats_methods);
