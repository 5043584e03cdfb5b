#include "service/directory.h"

#include "core/visit/stay.h"
#include "passerelle/v1/directory.pb-c.h"
#include "service/desk/memory.h"
#include "service/sync/take.h"
#include "service/sync/uplink.h"
#include "store/feed/feed.h"
#include "store/view/registry.h"
#include "wire/pack.h"

static uint64_t feed_size(struct db *db, const char *feed_id)
{
    struct feed_id id;
    return feed_find(db, view_of(feed_id), &id) == E_OK ? feed_head(db, id.no).size : 0;
}

/* 2100-01-01T00:00Z: the days of core/day end there. */
#define INSTANT_MAX_UTC_MS INT64_C(4102444799999)

static Passerelle__V1__SiteDaemon *describe_daemon(struct service *service, struct arena *arena)
{
    const struct node *node = service->node;
    Passerelle__V1__SiteDaemon *daemon =
        wire_new(arena, &passerelle__v1__site_daemon__descriptor);
    struct uplink_status status;
    struct take_memory memory;
    uplink_status(node->uplink, &status);
    take_memory(service->db, &memory);
    daemon->site_id = wire_string(arena, view_of(node->site_id));
    daemon->hub_url = wire_string(arena, view_of(node->hub_url));
    daemon->link = wire_string(arena, view_of(uplink_state_name(status.state)));
    daemon->sentence = wire_string(arena, view_of(status.sentence));
    daemon->knowledge = desk_knowledge(service, arena);
    daemon->net_size = feed_size(service->db, FEED_NET);
    daemon->own_size = feed_size(service->db, node->site_id);
    daemon->receipt_size = memory.receipt_size;
    daemon->certificate_ends_utc_ms = status.certificate_ends_utc_ms;
    return daemon;
}

static int get_network(struct service *service, struct call *call)
{
    Passerelle__V1__GetNetworkResponse *response = call_respond(call);
    struct registry_network network = registry_network(service->db, call->arena);
    response->network_id = wire_string(call->arena, view_of(network.network_id));
    response->name = wire_string(call->arena, view_of(network.name));
    response->demo = network.demo;
    response->now_utc_ms = service_now(service);
    response->version = wire_string(call->arena, VIEW_LIT(PASSERELLE_VERSION));
    response->members = (uint32_t)registry_count(service->db, REGISTRY_MEMBERS);
    response->sites = (uint32_t)registry_count(service->db, REGISTRY_SITES);
    if (service->node->uplink != NULL) {
        response->site_daemon = describe_daemon(service, call->arena);
        response->network_id = wire_string(call->arena, view_of(service->node->network_id));
        response->demo = service->node->demo;
    }
    return 0;
}

/* Gathers copies of the records that a filter lets through, in the arena of the call. */
struct gathering {
    struct call *call;
    ProtobufCMessage **records;
    size_t count;
    size_t capacity;
    bool (*wanted)(const ProtobufCMessage *request, const ProtobufCMessage *record);
};

static bool gather_one(void *context, const ProtobufCMessage *record)
{
    struct gathering *g = context;
    if (g->wanted != NULL && !g->wanted(g->call->request, record)) {
        return true;
    }
    if (g->count == g->capacity) {
        ProtobufCMessage **more = ARENA_ARRAY(
            g->call->arena, g->capacity == 0 ? 16 : g->capacity * 2, ProtobufCMessage *);
        if (g->count > 0) {
            memcpy(more, g->records, g->count * sizeof(ProtobufCMessage *));
        }
        g->records = more;
        g->capacity = g->capacity == 0 ? 16 : g->capacity * 2;
    }
    g->records[g->count++] = wire_clone(g->call->arena, record);
    return true;
}

static bool has_services(const Passerelle__V1__Site *site, char *const *services, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        for (size_t k = 0; k < site->n_services && !found; k++) {
            found = strcmp(site->services[k], services[i]) == 0;
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static bool is_open_at(const Passerelle__V1__Site *site, int64_t utc_ms)
{
    struct opening_hours hours = {0};
    struct fault fault = FAULT_NONE;
    if (site->opening_hours[0] != '\0' &&
        opening_hours_parse(view_of(site->opening_hours), &hours, &fault) != E_OK) {
        return false;
    }
    return site_is_open(site, &hours, utc_ms);
}

static bool site_wanted(const ProtobufCMessage *request, const ProtobufCMessage *record)
{
    const Passerelle__V1__ListSitesRequest *want = (const void *)request;
    const Passerelle__V1__Site *site = (const void *)record;
    return (want->site_id[0] == '\0' || strcmp(want->site_id, site->site_id) == 0) &&
           (want->member_id[0] == '\0' || strcmp(want->member_id, site->member_id) == 0) &&
           (want->zone == PASSERELLE__V1__ZONE__ZONE_UNSPECIFIED || want->zone == site->zone) &&
           (want->open_at_utc_ms == 0 || is_open_at(site, want->open_at_utc_ms)) &&
           has_services(site, want->services, want->n_services);
}

static int list_sites(struct service *service, struct call *call)
{
    const Passerelle__V1__ListSitesRequest *request = (const void *)call->request;
    if (request->open_at_utc_ms < 0 || request->open_at_utc_ms > INSTANT_MAX_UTC_MS) {
        return call_violation(call, "open_at_utc_ms", "it lies outside the years 2000 to 2099");
    }
    Passerelle__V1__ListSitesResponse *response = call_respond(call);
    struct gathering g = {.call = call, .wanted = site_wanted};
    registry_walk(service->db, REGISTRY_SITES, gather_one, &g);
    response->sites = (Passerelle__V1__Site **)g.records;
    response->n_sites = g.count;
    return 0;
}

static int list_tariffs(struct service *service, struct call *call)
{
    const Passerelle__V1__ListTariffsRequest *request = (const void *)call->request;
    Passerelle__V1__ListTariffsResponse *response = call_respond(call);
    struct gathering g = {.call = call};
    if (request->day[0] == '\0') {
        registry_walk(service->db, REGISTRY_TARIFFS, gather_one, &g);
    } else {
        struct day day;
        if (day_parse(view_of(request->day), &day) != E_OK) {
            return call_violation(call, "day", "write a day as 2026-10-01");
        }
        uint32_t version = registry_tariff_version_on(service->db, day);
        if (version != 0) {
            gather_one(&g, &registry_tariff(service->db, call->arena, version)->base);
        }
    }
    response->tariffs = (Passerelle__V1__TariffVersion **)g.records;
    response->n_tariffs = g.count;
    return 0;
}

static int list_charters(struct service *service, struct call *call)
{
    Passerelle__V1__ListChartersResponse *response = call_respond(call);
    struct gathering g = {.call = call};
    registry_walk(service->db, REGISTRY_CHARTERS, gather_one, &g);
    response->charters = (Passerelle__V1__Charter **)g.records;
    response->n_charters = g.count;
    return 0;
}

#define READS(rpc, request, response, function)                                                    \
    {                                                                                              \
        .service = "DirectoryService", .name = rpc, .at_sites = true,                              \
        .input = &passerelle__v1__##request##__descriptor,                                         \
        .output = &passerelle__v1__##response##__descriptor, .roles = ROLES_ALL,                   \
        .no_side_effects = true, .request_bytes_max = 4096, .duration_ms_max = 10000,              \
        .decide = function                                                                         \
    }

const struct method directory_methods[] = {
    READS("GetNetwork", get_network_request, get_network_response, get_network),
    READS("ListSites", list_sites_request, list_sites_response, list_sites),
    READS("ListTariffs", list_tariffs_request, list_tariffs_response, list_tariffs),
    READS("ListCharters", list_charters_request, list_charters_response, list_charters),
};
const size_t directory_method_count = ARRAY_LEN(directory_methods);
