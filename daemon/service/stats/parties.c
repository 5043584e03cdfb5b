/* What statements are made from: the rated month, the close's documents, and names. */
#include <stdlib.h>

#include "core/day/opening_hours.h"
#include "core/statement/places.h"
#include "service/settlement/compute.h"
#include "service/settlement/period.h"
#include "service/settlement/usage.h"
#include "service/stats/rated.h"
#include "service/stats/statement.h"
#include "store/person/person.h"
#include "store/view/registry.h"
#include "wire/pack.h"

#define KIND_EMPLOYER PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_EMPLOYER_INVOICE

static int too_large(struct call *call)
{
    return call_fail(call, CODE_OUT_OF_RANGE,
                     "the amounts of this month are too large to be added up");
}

/* ---- names ---- */

/* Names by number of the roster, and pass numbers. */
struct known_names {
    const struct roster *roster;
    struct arena *arena;
    struct view *sites;
    struct view *members;
    struct pass_of {
        uint32_t holder;
        int64_t issued_utc_ms; /* a UUIDv7 tells it */
        struct view number;
    } * passes;
    size_t pass_count, pass_alloc;
};

static bool site_name_take(void *context, const ProtobufCMessage *record)
{
    struct known_names *names = context;
    const Passerelle__V1__Site *site = (const void *)record;
    uint32_t number;
    if (names_find(&names->roster->site_ids, view_of(site->site_id), &number)) {
        names->sites[number] = arena_copy(names->arena, view_of(site->name));
    }
    return true;
}

static bool member_name_take(void *context, const ProtobufCMessage *record)
{
    struct known_names *names = context;
    const Passerelle__V1__Member *member = (const void *)record;
    uint32_t number;
    if (names_find(&names->roster->member_ids, view_of(member->member_id), &number)) {
        names->members[number] = arena_copy(names->arena, view_of(member->legal_name));
    }
    return true;
}

static bool pass_take(void *context, const struct registry_pass *pass)
{
    struct known_names *names = context;
    ProtobufCBinaryData id = pass->issued->pass_id;
    uint32_t holder;
    if (id.len < 6 ||
        !names_find(&names->roster->holder_ids, view_of(pass->issued->holder_id), &holder)) {
        return true;
    }
    if (names->pass_count == names->pass_alloc) {
        names->pass_alloc = names->pass_alloc == 0 ? 256 : names->pass_alloc * 2;
        names->passes = xrealloc(names->passes, names->pass_alloc, sizeof *names->passes);
    }
    int64_t issued = 0;
    for (size_t i = 0; i < 6; i++) {
        issued = issued << 8 | id.data[i];
    }
    names->passes[names->pass_count++] =
        (struct pass_of){holder, issued, arena_copy(names->arena, view_of(pass->issued->number))};
    return true;
}

static int pass_compare(const void *left, const void *right)
{
    const struct pass_of *a = left;
    const struct pass_of *b = right;
    int holder = (a->holder > b->holder) - (a->holder < b->holder);
    return holder != 0
               ? holder
               : (a->issued_utc_ms > b->issued_utc_ms) - (a->issued_utc_ms < b->issued_utc_ms);
}

static void names_take(struct known_names *names, struct service *service,
                       const struct roster *roster, struct arena *arena)
{
    *names =
        (struct known_names){.roster = roster,
                             .arena = arena,
                             .sites = ARENA_ARRAY(arena, roster->site_ids.count, struct view),
                             .members = ARENA_ARRAY(arena, roster->member_ids.count, struct view)};
    registry_walk(service->db, REGISTRY_SITES, site_name_take, names);
    registry_walk(service->db, REGISTRY_MEMBERS, member_name_take, names);
}

/* The passes of those whose stays were rated. */
static void passes_take(struct known_names *names, struct service *service,
                        const struct rated *rated)
{
    for (uint32_t i = 0; i < names->roster->holder_ids.count; i++) {
        if (rated->holders[i]) {
            struct registry_pass_filter own = {.holder_id = names->roster->holder_ids.ids[i],
                                               .limit = INT64_MAX};
            registry_walk_passes(service->db, &own, pass_take, names);
        }
    }
    if (names->pass_count > 0) {
        qsort(names->passes, names->pass_count, sizeof *names->passes, pass_compare);
    }
}

/* The number of the pass that the holder had at that time: the newest that was issued before, or
 * the first, for stays that were told later than they happened. */
static struct view pass_number(const struct known_names *names, uint32_t holder, int64_t utc_ms)
{
    size_t low = 0;
    size_t high = names->pass_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct pass_of *pass = &names->passes[middle];
        if (pass->holder < holder || (pass->holder == holder && pass->issued_utc_ms <= utc_ms)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low > 0 && names->passes[low - 1].holder == holder) {
        return names->passes[low - 1].number;
    }
    return low < names->pass_count && names->passes[low].holder == holder
               ? names->passes[low].number
               : VIEW_NONE;
}

/* ---- a member ---- */

struct naming {
    struct service *service;
    struct arena *arena;
    const char *member_id;
};

static struct view party_name(void *context, const char *id, bool employer, bool site)
{
    struct naming *naming = context;
    struct db *db = naming->service->db;
    const char *name = NULL;
    if (site) {
        const Passerelle__V1__Site *one = registry_site(db, naming->arena, view_of(id));
        bool own = one != NULL && strcmp(one->member_id, naming->member_id) == 0;
        return own ? view_of(one->name) : VIEW_NONE;
    }
    if (employer) {
        const Passerelle__V1__Employer *one = registry_employer(db, naming->arena, view_of(id));
        name = one == NULL ? NULL : one->legal_name;
    } else {
        const Passerelle__V1__Member *one = registry_member(db, naming->arena, view_of(id));
        name = one == NULL ? NULL : one->legal_name;
    }
    return view_of(name == NULL ? id : name);
}

static int visit_compare(const void *left, const void *right)
{
    const struct member_visit *a = left;
    const struct member_visit *b = right;
    int order = (a->in_utc_ms > b->in_utc_ms) - (a->in_utc_ms < b->in_utc_ms);
    order = order != 0 ? order : view_compare(a->site, b->site);
    order = order != 0 ? order : view_compare(a->pass_number, b->pass_number);
    return order != 0 ? order : (a->slot > b->slot) - (a->slot < b->slot);
}

/* By item: when its last stay ended, and the flags of its stays. */
static void ends_take(const struct rated *rated, int64_t *outs, uint8_t *flags)
{
    for (size_t i = 0; i < rated->rating.stay_count; i++) {
        const struct outcome *outcome = &rated->rating.outcomes[i];
        if (outcome->item < rated->rating.item_count) {
            int64_t *out = &outs[outcome->item];
            *out = outcome->out_utc_ms > *out ? outcome->out_utc_ms : *out;
            flags[outcome->item] |= outcome->flags;
        }
    }
}

static int visits_take(const struct rated *rated, const struct known_names *names, uint32_t member,
                       struct arena *arena, struct member_input *out)
{
    uint32_t count = rated->rating.item_count;
    int64_t *outs = xcalloc(count + 1u, sizeof *outs);
    uint8_t *flags = xcalloc(count + 1u, sizeof *flags);
    size_t hosted = 0;
    size_t issued = 0;
    int error = 0;
    ends_take(rated, outs, flags);
    for (uint32_t i = 0; i < count; i++) {
        const struct item *item = &rated->rating.items[i];
        hosted += rated->loaded.roster.sites[item->site].member == member;
        issued += rated_issuer(rated, item) == member && item->quantity > 0;
    }
    struct member_visit *here = ARENA_ARRAY(arena, hosted, struct member_visit);
    struct member_visit *there = ARENA_ARRAY(arena, issued, struct member_visit);
    out->hosted = here;
    out->issued = there;
    for (uint32_t i = 0; i < count && error == 0; i++) {
        const struct item *item = &rated->rating.items[i];
        uint32_t host = rated->loaded.roster.sites[item->site].member;
        uint32_t issuer = rated_issuer(rated, item);
        struct rated_amounts amounts;
        if (host != member && issuer != member) {
            continue;
        }
        error = rated_amounts(rated, item, &amounts);
        struct member_visit visit = {.day = day_plus(month_first(rated->rating.month), item->day),
                                     .in_utc_ms = item->first_in_utc_ms,
                                     .out_utc_ms = outs[i],
                                     .site = names->sites[item->site],
                                     .pass_number =
                                         pass_number(names, item->holder, item->first_in_utc_ms),
                                     .other = names->members[issuer],
                                     .slot = (enum slot)item->slot,
                                     .quantity = item->quantity,
                                     .flags = (uint8_t)(item->flags | flags[i]),
                                     .host = amounts.host,
                                     .fee = amounts.fee,
                                     .subsidy = amounts.subsidy};
        if (host == member) {
            here[out->hosted_count++] = visit;
        }
        if (issuer == member && item->quantity > 0) {
            visit.other = names->members[host];
            there[out->issued_count++] = visit;
        }
    }
    free(outs);
    free(flags);
    if (out->hosted_count > 0) {
        qsort(here, out->hosted_count, sizeof *here, visit_compare);
    }
    if (out->issued_count > 0) {
        qsort(there, out->issued_count, sizeof *there, visit_compare);
    }
    return error;
}

struct whose {
    struct view id;
    bool employer;
};

static bool is_theirs(void *context, const struct document_head *document)
{
    const struct whose *whose = context;
    bool to_employer = document->kind == KIND_EMPLOYER;
    return (whose->employer == to_employer && view_equal(document->buyer_id, whose->id)) ||
           (!whose->employer && view_equal(document->seller_member_id, whose->id));
}

/* The close's document, with what concerns a party; of an open month, what it would be now. */
static const Passerelle__V1__SettlementDocument *document_take(struct service *service,
                                                               struct call *call,
                                                               struct month month,
                                                               struct whose whose, bool closed)
{
    if (closed) {
        const Passerelle__V1__SettlementDocument *stored =
            settlement_some(service->db, month, is_theirs, &whose, call->arena);
        if (stored == NULL) {
            call_fail(call, CODE_DATA_LOSS,
                      "the settlement document of this month is not here: restore a backup");
        }
        return stored;
    }
    struct settlement settlement;
    struct fault fault = FAULT_NONE;
    uint64_t seed;
    env_random(service->node->env, &seed, sizeof seed);
    if (settlement_compute(service->db, seed, month, call->arena, &settlement, &fault) != 0) {
        call_fail_with(call, &fault);
        return NULL;
    }
    return settlement.document;
}

int member_load(struct service *service, struct call *call, const char *member_id,
                struct month month, struct member_input *out)
{
    struct rated rated;
    struct known_names names;
    uint32_t number;
    if (scope_member(service, call, view_of(member_id)) != 0) {
        return -1;
    }
    const Passerelle__V1__Member *member =
        registry_member(service->db, call->arena, view_of(member_id));
    if (member == NULL) {
        return call_fail(call, CODE_NOT_FOUND, "there is no member %s", member_id);
    }
    struct naming *naming = ARENA_NEW(call->arena, struct naming);
    *naming = (struct naming){service, call->arena, member->member_id};
    *out = (struct member_input){
        .member = member, .month = month, .name = party_name, .context = naming};
    int failed = rated_open_member(&rated, service, call, view_of(member_id), month);
    if (failed == 0) {
        out->provisional = !rated.closed;
        names_take(&names, service, &rated.loaded.roster, call->arena);
        passes_take(&names, service, &rated);
        if (names_find(&rated.loaded.roster.member_ids, view_of(member_id), &number) &&
            visits_take(&rated, &names, number, call->arena, out) != 0) {
            failed = too_large(call);
        }
        free(names.passes);
    }
    rated_release(&rated);
    if (failed == 0) {
        out->document = document_take(service, call, month,
                                      (struct whose){view_of(member_id), false}, !out->provisional);
        failed = out->document == NULL ? -1 : 0;
    }
    return failed;
}

/* ---- an employer ---- */

/* Names are for who manages the staff; an auditor gets ids. */
static bool reads_names(const struct call *call)
{
    return call->who.role != ROLE_AUDITOR;
}

static void uses_take(struct service *service, struct call *call, const struct usage *usage,
                      struct employer_input *out)
{
    out->uses = ARENA_ARRAY(call->arena, usage->count, struct employer_use);
    for (size_t i = 0; i < usage->count; i++) {
        const struct holder_use *use = &usage->holders[i];
        struct person person;
        person_get(service->db, call->arena, view_of(use->holder_id), &person);
        bool named =
            reads_names(call) && (person.given_name[0] != '\0' || person.family_name[0] != '\0');
        out->uses[out->use_count++] = (struct employer_use){
            .holder_id = view_of(use->holder_id),
            .name = named ? view_trim(view_of(arena_printf(call->arena, "%s %s", person.given_name,
                                                           person.family_name)))
                          : VIEW_NONE,
            .cost_centre = view_of(person.cost_centre),
            .half_days = use->half_days,
            .days = use->days,
            .room_hours = use->room_hours,
            .units = use->units_used,
            .charged = use->charged};
    }
}

static int carnets_take(struct service *service, struct call *call, const char *employer_id,
                        struct employer_input *out)
{
    struct loaded loaded;
    struct close_history history = {.partial = true};
    struct fault fault = FAULT_NONE;
    struct month after_all = {INT32_MAX};
    uint64_t seed;
    env_random(service->node->env, &seed, sizeof seed);
    int error = loaded_open(&loaded, service->db, seed, view_of(employer_id), &fault);
    if (error == 0) {
        error = settlement_history(&loaded, after_all, &history, &fault);
    }
    if (error == 0) {
        const struct roster *roster = &loaded.roster;
        struct employer_carnet *carnets =
            ARENA_ARRAY(call->arena, roster->carnet_ids.count, struct employer_carnet);
        for (uint32_t i = 0; i < roster->carnet_ids.count; i++) {
            const struct carnet *carnet = &roster->carnets[i];
            carnets[i] = (struct employer_carnet){
                .carnet_id = arena_copy(call->arena, roster->carnet_ids.ids[i]),
                .bought_on = carnet->bought_on,
                .last_day = carnet->last_day,
                .units = carnet->units,
                .price = carnet->price};
        }
        for (size_t i = 0; i < history.use_count; i++) {
            carnets[history.uses[i].carnet].used += history.uses[i].units;
        }
        out->carnets = carnets;
        out->carnet_count = roster->carnet_ids.count;
    }
    close_history_release(&history);
    loaded_release(&loaded);
    return error == 0 ? 0 : call_fail_with(call, &fault);
}

int employer_load(struct service *service, struct call *call, const char *employer_id,
                  struct month month, struct employer_input *out)
{
    struct usage usage;
    struct fault fault = FAULT_NONE;
    uint64_t seed;
    if (scope_employer(service, call, view_of(employer_id)) != 0) {
        return -1;
    }
    const Passerelle__V1__Employer *employer =
        registry_employer(service->db, call->arena, view_of(employer_id));
    if (employer == NULL) {
        return call_fail(call, CODE_NOT_FOUND, "there is no employer %s", employer_id);
    }
    struct naming naming = {service, call->arena, ""};
    *out = (struct employer_input){
        .employer = employer,
        .issuer = party_name(&naming, employer->issuer_member_id, false, false),
        .month = month};
    env_random(service->node->env, &seed, sizeof seed);
    if (usage_of_employer(service->db, seed, view_of(employer_id), month,
                          usage_untold_from(service, call), call->arena, &usage, &fault) != 0) {
        return call_fail_with(call, &fault);
    }
    out->provisional = !usage.closed;
    uses_take(service, call, &usage, out);
    if (carnets_take(service, call, employer_id, out) != 0) {
        return -1;
    }
    if (usage.closed) {
        out->document =
            document_take(service, call, month, (struct whose){view_of(employer_id), true}, true);
    }
    return usage.closed && out->document == NULL ? -1 : 0;
}

/* ---- a site ---- */

struct presence {
    int64_t utc_ms;
    int step; /* +1 arrives, -1 leaves */
};

static int presence_compare(const void *left, const void *right)
{
    const struct presence *a = left;
    const struct presence *b = right;
    int order = (a->utc_ms > b->utc_ms) - (a->utc_ms < b->utc_ms);
    return order != 0 ? order : a->step - b->step; /* who leaves makes room first */
}

/* The most desks that were taken at once, by day. */
static void desks_count(const struct rated *rated, uint32_t site, struct site_day *days)
{
    struct presence *all = xcalloc(2 * rated->stays.count + 1, sizeof *all);
    size_t count = 0;
    for (size_t i = 0; i < rated->stays.count; i++) {
        const struct stay *stay = &rated->stays.all[i];
        int64_t out = rated->rating.outcomes[i].out_utc_ms;
        if (stay->site == site && stay->resource == RESOURCE_DESK && out > stay->in_utc_ms) {
            all[count++] = (struct presence){stay->in_utc_ms, 1};
            all[count++] = (struct presence){out, -1};
        }
    }
    if (count > 0) {
        qsort(all, count, sizeof *all, presence_compare);
    }
    int64_t now = 0;
    for (size_t i = 0; i < count; i++) {
        now += all[i].step;
        if (all[i].step > 0) {
            int32_t at =
                day_of_instant(all[i].utc_ms).number - month_first(rated->rating.month).number;
            days[at].desks_at_once = now > days[at].desks_at_once ? now : days[at].desks_at_once;
        }
    }
    free(all);
}

struct person_day {
    uint8_t day;
    uint32_t holder;
};

static int person_day_compare(const void *left, const void *right)
{
    const struct person_day *a = left;
    const struct person_day *b = right;
    int day = a->day - b->day;
    return day != 0 ? day : (a->holder > b->holder) - (a->holder < b->holder);
}

static void count_item(const struct item *item, int64_t *half_days, int64_t *days,
                       int64_t *room_hours)
{
    *half_days += item->slot == SLOT_HALF_DAY;
    *days += item->slot == SLOT_DAY;
    *room_hours += item->units == 0 ? item->quantity : 0;
}

static int items_take(const struct rated *rated, uint32_t site, struct site_day *days,
                      struct site_issuer *issuers)
{
    struct person_day *people = xcalloc(rated->rating.item_count + 1u, sizeof *people);
    size_t count = 0;
    int error = 0;
    for (uint32_t i = 0; i < rated->rating.item_count && error == 0; i++) {
        const struct item *item = &rated->rating.items[i];
        struct rated_amounts amounts;
        if (item->site != site || item->quantity == 0) {
            continue;
        }
        struct site_day *day = &days[item->day];
        struct site_issuer *issuer = &issuers[rated_issuer(rated, item)];
        people[count++] = (struct person_day){item->day, item->holder};
        day->visits++;
        count_item(item, &day->half_days, &day->days, &day->room_hours);
        count_item(item, &issuer->half_days, &issuer->days, &issuer->room_hours);
        error = rated_amounts(rated, item, &amounts);
        if (error == 0 && (cents_accumulate(&day->host, amounts.host) != 0 ||
                           cents_accumulate(&issuer->host, amounts.host) != 0)) {
            error = E_OVERFLOW;
        }
    }
    if (count > 0) {
        qsort(people, count, sizeof *people, person_day_compare);
    }
    for (size_t i = 0; i < count; i++) {
        days[people[i].day].people += i == 0 || person_day_compare(&people[i - 1], &people[i]) != 0;
    }
    free(people);
    return error;
}

static bool exists_on(const Passerelle__V1__Site *site, struct day day)
{
    struct day first, last;
    return (day_parse(view_of(site->first_day), &first) != E_OK || day_compare(day, first) >= 0) &&
           (day_parse(view_of(site->last_day), &last) != E_OK || day_compare(day, last) <= 0);
}

static int days_take(const struct rated *rated, struct known_names *names, uint32_t site,
                     struct arena *arena, struct site_input *out)
{
    const struct roster *roster = &rated->loaded.roster;
    struct day first = month_first(out->month);
    size_t count = (size_t)(month_last(out->month).number - first.number) + 1;
    struct site_day *days = ARENA_ARRAY(arena, count, struct site_day);
    struct site_issuer *issuers = ARENA_ARRAY(arena, roster->member_ids.count, struct site_issuer);
    for (size_t i = 0; i < count; i++) {
        struct day day = day_plus(first, (int)i);
        const struct opening_hours *hours = roster->sites[site].hours;
        days[i].day = day;
        days[i].open =
            exists_on(out->site, day) && hours != NULL && opening_hours_on(hours, day)->count > 0;
    }
    int error = items_take(rated, site, days, issuers);
    desks_count(rated, site, days);
    size_t kept = 0;
    for (uint32_t i = 0; i < roster->member_ids.count; i++) {
        if (issuers[i].half_days + issuers[i].days + issuers[i].room_hours > 0) {
            issuers[kept] = issuers[i];
            issuers[kept].own = i == roster->sites[site].member;
            issuers[kept++].name = names->members[i];
        }
    }
    out->days = days;
    out->day_count = count;
    out->issuers = issuers;
    out->issuer_count = kept;
    return error;
}

int site_load(struct service *service, struct call *call, const char *site_id, struct month month,
              struct site_input *out)
{
    struct rated rated;
    struct known_names names;
    uint32_t number;
    if (scope_site(service, call, view_of(site_id)) != 0) {
        return -1;
    }
    const Passerelle__V1__Site *site = registry_site(service->db, call->arena, view_of(site_id));
    if (site == NULL) {
        return call_fail(call, CODE_NOT_FOUND, "there is no site %s", site_id);
    }
    struct naming naming = {service, call->arena, ""};
    const struct place_commune *commune = place_find(view_of(site->insee));
    *out = (struct site_input){.site = site,
                               .member = party_name(&naming, site->member_id, false, false),
                               .commune = view_of(commune == NULL ? site->insee : commune->name),
                               .month = month};
    int failed = rated_open_site(&rated, service, call, view_of(site_id), month);
    if (failed == 0) {
        out->provisional = !rated.closed;
        names_take(&names, service, &rated.loaded.roster, call->arena);
        if (names_find(&rated.loaded.roster.site_ids, view_of(site_id), &number) &&
            days_take(&rated, &names, number, call->arena, out) != 0) {
            failed = too_large(call);
        }
    }
    rated_release(&rated);
    return failed;
}
