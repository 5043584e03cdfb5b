#include "service/stats/region.h"

#include "core/statement/places.h"
#include "service/settlement/period.h"
#include "service/stats/rated.h"
#include "store/view/registry.h"

struct placing {
    const struct roster *roster;
    struct arena *arena;
    struct territory_place *places;
};

static bool site_place(void *context, const ProtobufCMessage *record)
{
    struct placing *p = context;
    const Passerelle__V1__Site *site = (const void *)record;
    const struct place_commune *commune = place_find(view_of(site->insee));
    uint32_t number;
    if (names_find(&p->roster->site_ids, view_of(site->site_id), &number)) {
        p->places[number] = (struct territory_place){
            .departement = arena_copy(p->arena, departement_of(view_of(site->insee))),
            .epci = commune == NULL ? VIEW_LIT("") : view_of(place_epcis[commune->epci].siren),
            .zone = p->roster->sites[number].zone};
    }
    return true;
}

int region_count(struct service *service, struct call *call, struct month month,
                 struct territories *out)
{
    if (service_now(service) < day_start_utc_ms(month_first((struct month){month.number + 1}))) {
        char text[8];
        month_format(month, text);
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "%s is not over: the difference between two days would speak of persons",
                         text);
    }
    struct rated rated;
    int failed = rated_open(&rated, service, call, month);
    if (failed == 0) {
        struct placing placing = {.roster = &rated.loaded.roster,
                                  .arena = call->arena,
                                  .places =
                                      ARENA_ARRAY(call->arena, rated.loaded.roster.site_ids.count,
                                                  struct territory_place)};
        registry_walk(service->db, REGISTRY_SITES, site_place, &placing);
        if (territories_count(&rated.loaded.roster, &rated.rating, placing.places, call->arena,
                              out) != 0) {
            failed = call_fail(call, CODE_OUT_OF_RANGE,
                               "the amounts of this month are too large to be added up");
        }
    }
    rated_release(&rated);
    return failed;
}

struct dots {
    struct arena *arena;
    struct statement_dot *all;
    size_t count;
};

static bool dot_add(void *context, const ProtobufCMessage *record)
{
    struct dots *dots = context;
    const Passerelle__V1__Site *site = (const void *)record;
    bool placed = site->lat_e5 != 0 || site->lon_e5 != 0;
    if (placed && site->state == PASSERELLE__V1__SITE_STATE__SITE_STATE_ACTIVE) {
        dots->all[dots->count++] = (struct statement_dot){
            site->lat_e5, site->lon_e5, arena_copy(dots->arena, view_of(site->name))};
    }
    return true;
}

int region_load(struct service *service, struct call *call, struct month month,
                struct region_input *out)
{
    struct dots dots = {.arena = call->arena,
                        .all = ARENA_ARRAY(call->arena,
                                           (size_t)registry_count(service->db, REGISTRY_SITES),
                                           struct statement_dot)};
    *out =
        (struct region_input){.network = view_of(registry_network(service->db, call->arena).name),
                              .month = month,
                              .provisional = !period_is_closed(service->db, month)};
    if (region_count(service, call, month, &out->territories) != 0) {
        return -1;
    }
    registry_walk(service->db, REGISTRY_SITES, dot_add, &dots);
    out->sites = dots.all;
    out->site_count = dots.count;
    return 0;
}
