/* Counts of a territory with few holders would speak of persons. It is withheld, and so is a second
 * one when totals would give the first away; those withheld have at least 5 holders together. */
#include "service/stats/stats.h"

#include <assert.h>

#include "passerelle/v1/stats.pb-c.h"
#include "service/settlement/compute.h"
#include "service/settlement/period.h"
#include "store/view/registry.h"
#include "wire/pack.h"

/* One territory while a month is counted. */
struct territory {
    char name[16];
    int64_t sites, holders, visit_days, room_hours;
    struct cents subsidy;
    bool *seen_site, *seen_holder; /* by number of the roster */
    bool withheld;
};

struct counting {
    struct roster *roster;
    Passerelle__V1__Territory by;
    struct territory *all;
    size_t count;
    uint32_t *of_site; /* territory of each site */
    struct arena *arena;
};

enum { TERRITORIES_MAX = 128 }; /* départements: 101 */

static uint32_t territory_find(struct counting *counting, const char *name)
{
    uint32_t at = 0;
    while (at < counting->count && strcmp(counting->all[at].name, name) != 0) {
        at++;
    }
    if (at == counting->count) {
        assert(counting->count < TERRITORIES_MAX);
        struct territory *one = &counting->all[counting->count++];
        snprintf(one->name, sizeof one->name, "%s", name);
        one->seen_site = ARENA_ARRAY(counting->arena, counting->roster->site_ids.count, bool);
        one->seen_holder = ARENA_ARRAY(counting->arena, counting->roster->holder_ids.count, bool);
    }
    return at;
}

/* 01-95, 2A, 2B; overseas the code has three characters (COG of INSEE). */
static void departement_of(const char *insee, char name[static 4])
{
    snprintf(name, 4, "%.*s", strncmp(insee, "97", 2) == 0 || strncmp(insee, "98", 2) == 0 ? 3 : 2,
             insee);
}

static bool site_place(void *context, const ProtobufCMessage *record)
{
    struct counting *counting = context;
    const Passerelle__V1__Site *site = (const void *)record;
    char departement[4];
    const char *name = "network";
    uint32_t number;
    if (!names_find(&counting->roster->site_ids, view_of(site->site_id), &number)) {
        return true;
    }
    if (counting->by == PASSERELLE__V1__TERRITORY__TERRITORY_DEPARTEMENT) {
        departement_of(site->insee, departement);
        name = departement;
    } else if (counting->by == PASSERELLE__V1__TERRITORY__TERRITORY_ZONE) {
        name = zone_name(counting->roster->sites[number].zone);
    }
    counting->of_site[number] = territory_find(counting, name);
    return true;
}

static int items_count(struct counting *counting, const struct rating *rating)
{
    const struct roster *roster = counting->roster;
    for (uint32_t i = 0; i < rating->item_count; i++) {
        const struct item *item = &rating->items[i];
        struct cents subsidy;
        if (item->quantity == 0) {
            continue;
        }
        struct territory *one = &counting->all[counting->of_site[item->site]];
        uint32_t employer = roster->plans[roster->holders[item->holder].plan].employer;
        one->sites += !one->seen_site[item->site];
        one->seen_site[item->site] = true;
        one->holders += !one->seen_holder[item->holder];
        one->seen_holder[item->holder] = true;
        one->visit_days += item->units > 0;
        one->room_hours += item->units > 0 ? 0 : item->quantity;
        if (roster->employers[employer].issuer != roster->operator_member) {
            const struct prices *prices = tariff_prices(&roster->tariff, item->row);
            int error = cents_times(prices->subsidy, item->quantity, &subsidy);
            if (error != 0 || cents_accumulate(&one->subsidy, subsidy) != 0) {
                return E_OVERFLOW;
            }
        }
    }
    return 0;
}

/* Distinct holders of all that is withheld. */
static int64_t withheld_holders(const struct counting *counting, size_t *territories)
{
    int64_t holders = 0;
    *territories = 0;
    for (size_t i = 0; i < counting->count; i++) {
        *territories += counting->all[i].withheld;
    }
    for (uint32_t h = 0; h < counting->roster->holder_ids.count; h++) {
        bool seen = false;
        for (size_t i = 0; i < counting->count && !seen; i++) {
            seen = counting->all[i].withheld && counting->all[i].seen_holder[h];
        }
        holders += seen;
    }
    return holders;
}

static void withhold(struct counting *counting)
{
    size_t territories;
    for (size_t i = 0; i < counting->count; i++) {
        struct territory *one = &counting->all[i];
        one->withheld = one->holders > 0 && one->holders < STATS_HOLDERS_MIN;
    }
    for (;;) {
        int64_t holders = withheld_holders(counting, &territories);
        if (territories == 0 || (territories > 1 && holders >= STATS_HOLDERS_MIN)) {
            return;
        }
        struct territory *next = NULL;
        for (size_t i = 0; i < counting->count; i++) {
            struct territory *one = &counting->all[i];
            if (!one->withheld && one->holders > 0 &&
                (next == NULL || one->holders < next->holders)) {
                next = one;
            }
        }
        if (next == NULL) {
            return;
        }
        next->withheld = true;
    }
}

static int territories_compare(const void *left, const void *right)
{
    const struct territory *a = left;
    const struct territory *b = right;
    return strcmp(a->name, b->name);
}

static void territories_answer(struct call *call, struct counting *counting)
{
    Passerelle__V1__GetTerritoriesResponse *response = call_respond(call);
    response->counts = ARENA_ARRAY(call->arena, counting->count, Passerelle__V1__TerritoryCount *);
    if (counting->count > 0) {
        qsort(counting->all, counting->count, sizeof *counting->all, territories_compare);
    }
    for (size_t i = 0; i < counting->count; i++) {
        const struct territory *one = &counting->all[i];
        if (one->holders == 0) {
            continue;
        }
        Passerelle__V1__TerritoryCount *count =
            wire_new(call->arena, &passerelle__v1__territory_count__descriptor);
        count->territory = arena_string(call->arena, view_of(one->name));
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
}

static int month_count(struct service *service, struct call *call, struct loaded *loaded,
                       struct counting *counting, struct month month, struct fault *fault)
{
    struct rating rating = RATING_INIT;
    struct stays stays = STAYS_INIT;
    int error = period_is_closed(service->db, month) ? loaded_at_cut(loaded, month, &stays, fault)
                                                     : loaded_again(loaded, month, &stays, fault);
    if (error == 0) {
        error = rating_run(&rating, &loaded->roster, month, stays.all, stays.count, NULL, fault);
    }
    if (error == 0) {
        counting->all = ARENA_ARRAY(call->arena, TERRITORIES_MAX, struct territory);
        counting->of_site = ARENA_ARRAY(call->arena, loaded->roster.site_ids.count, uint32_t);
        registry_walk(service->db, REGISTRY_SITES, site_place, counting);
        error = items_count(counting, &rating);
    }
    rating_release(&rating);
    stays_release(&stays);
    return error;
}

static int get_territories(struct service *service, struct call *call)
{
    const Passerelle__V1__GetTerritoriesRequest *request = (const void *)call->request;
    struct month month;
    struct loaded loaded;
    struct fault fault = FAULT_NONE;
    if (period_parse(call, request->month, &month) != 0) {
        return -1;
    }
    if (service_now(service) < day_start_utc_ms(month_first((struct month){month.number + 1}))) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "%s is not over: the difference between two days would speak of persons",
                         request->month);
    }
    struct counting counting = {
        .roster = &loaded.roster, .by = request->territory, .arena = call->arena};
    if (counting.by == PASSERELLE__V1__TERRITORY__TERRITORY_UNSPECIFIED) {
        counting.by = PASSERELLE__V1__TERRITORY__TERRITORY_DEPARTEMENT;
    }
    uint64_t seed;
    env_random(service->node->env, &seed, sizeof seed);
    int error = loaded_open(&loaded, service->db, seed, VIEW_NONE, &fault);
    if (error == 0) {
        error = month_count(service, call, &loaded, &counting, month, &fault);
    }
    if (error == 0) {
        withhold(&counting);
        territories_answer(call, &counting);
    } else {
        fault_set(&fault, error, "the amounts of this month are too large to be added up");
        call_fail_with(call, &fault);
    }
    loaded_release(&loaded);
    return error == 0 ? 0 : -1;
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
    if (period_parse(call, request->month, &month) != 0) {
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
    READS("GetSiteQuality", get_site_quality_request, get_site_quality_response,
          OFFICE | ROLE_BIT(ROLE_MEMBER), get_site_quality),
};
const size_t stats_method_count = ARRAY_LEN(stats_methods);
