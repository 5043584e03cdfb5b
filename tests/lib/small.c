#include "tests/lib/small.h"

#include <assert.h>

static void must(int error, const struct fault *fault)
{
    if (error != 0) {
        die("small network: %s (%d)", fault == NULL ? "cannot be read" : fault->text, error);
    }
}

struct day small_day(const char *text)
{
    struct day day;
    must(day_parse(view_of(text), &day), NULL);
    return day;
}

struct month small_month(const char *text)
{
    struct month month;
    must(month_parse(view_of(text), &month), NULL);
    return month;
}

uint32_t small_number(const struct names *names, const char *id)
{
    uint32_t number;
    if (!names_find(names, view_of(id), &number)) {
        die("small network: no %s", id);
    }
    return number;
}

static void tariff_fill(struct small *small)
{
    static const int64_t amounts[SLOT_COUNT][3] = {
        [SLOT_HALF_DAY] = {1000, 800, 60},
        [SLOT_DAY] = {1800, 1400, 110},
        [SLOT_MEETING_ROOM] = {1500, 1200, 90},
        [SLOT_BOOTH] = {500, 400, 30},
    };
    struct fault fault = FAULT_NONE;
    for (int i = 0; i < 2 * 2 * SLOT_COUNT; i++) {
        enum slot slot = (enum slot)(i % SLOT_COUNT);
        int rural = i / SLOT_COUNT % 2;
        int second = i / SLOT_COUNT / 2;
        struct tariff_row row = {
            .version = (uint32_t)second + 1,
            .valid_from = small_day(second ? "2026-10-15" : "2026-01-01"),
            .category = VIEW_LIT("standard"),
            .zone = rural ? ZONE_RURAL : ZONE_URBAN,
            .resource = slot_resource(slot),
            .unit = slot_unit(slot),
            .prices = {CENTS(amounts[slot][0] - 200 * rural + 100 * second),
                       CENTS(amounts[slot][1]), CENTS(amounts[slot][2]), CENTS(200 * rural)},
        };
        must(tariff_add(&small->roster.tariff, &row, &fault), &fault);
    }
}

static void site_fill(struct small *small, const char *id, const char *member, enum zone zone)
{
    struct fault fault = FAULT_NONE;
    struct site site = {.zone = zone,
                        .offers = {true, true, true},
                        .hours = zone == ZONE_RURAL ? &small->always : &small->weekdays};
    must(roster_add_site(&small->roster, view_of(id), view_of(member), VIEW_LIT("standard"), site,
                         &fault),
         &fault);
}

void small_init(struct small *small)
{
    static const struct {
        const char *id;
        struct member member;
    } members[] = {{"op", {{2000}, true, true}},
                   {"iss", {{2000}, false, true}},
                   {"pub", {{0}, false, true}},
                   {"hst", {{0}, false, false}}};
    static const char *const employers[][2] = {{"e1", "iss"}, {"e2", "pub"}, {"e3", "op"}};
    static const char *const plans[] = {"use", "car", "sub"};
    struct fault fault = FAULT_NONE;
    *small = (struct small){0};
    must(opening_hours_parse(VIEW_LIT("Mo-Fr 08:00-18:00; PH off"), &small->weekdays, &fault),
         &fault);
    must(opening_hours_parse(VIEW_LIT("24/7"), &small->always, &fault), &fault);
    struct roster *roster = &small->roster;
    roster_init(roster, 7);
    tariff_fill(small);
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        must(roster_add_member(roster, view_of(members[i].id), members[i].member, &fault), &fault);
    }
    site_fill(small, "s-op", "op", ZONE_URBAN);
    site_fill(small, "s-iss", "iss", ZONE_URBAN);
    site_fill(small, "s-rur", "hst", ZONE_RURAL);
    site_fill(small, "s-hst", "hst", ZONE_URBAN);
    for (size_t i = 0; i < ARRAY_LEN(employers); i++) {
        must(
            roster_add_employer(roster, view_of(employers[i][0]), view_of(employers[i][1]), &fault),
            &fault);
        for (int type = PLAN_USAGE; type <= PLAN_SUBSCRIPTION; type++) {
            char id[32];
            snprintf(id, sizeof(id), "%s-%s", employers[i][0], plans[type]);
            struct plan plan = {
                .type = (enum plan_type)type, .monthly_fee = CENTS(5000), .included_units = 4};
            must(roster_add_plan(roster, view_of(id), view_of(employers[i][0]), plan, &fault),
                 &fault);
        }
    }
}

void small_carnet(struct small *small, const char *id, const char *plan, uint32_t units,
                  const char *bought_on, int months)
{
    struct fault fault = FAULT_NONE;
    struct carnet carnet = {
        .units = units, .price = CENTS(800 * (int64_t)units), .bought_on = small_day(bought_on)};
    must(roster_add_carnet(&small->roster, view_of(id), view_of(plan), carnet, months, &fault),
         &fault);
}

void small_holder(struct small *small, const char *id, const char *plan, const char *from,
                  const char *to)
{
    struct fault fault = FAULT_NONE;
    struct holder holder = {.active_from = from == NULL ? DAY_FIRST : small_day(from),
                            .active_to = to == NULL ? DAY_LAST : small_day(to)};
    must(roster_add_holder(&small->roster, view_of(id), view_of(plan), holder, &fault), &fault);
}

void small_freeze(struct small *small)
{
    struct fault fault = FAULT_NONE;
    must(roster_freeze(&small->roster, &fault), &fault);
}

void small_release(struct small *small)
{
    roster_release(&small->roster);
}

void small_stay(struct small *small, const char *site, const char *holder, enum resource resource,
                const char *in, const char *out)
{
    assert(small->count < SMALL_STAYS_MAX);
    struct stay *stay = &small->stays[small->count++];
    *stay = (struct stay){.site = small_number(&small->roster.site_ids, site),
                          .holder = small_number(&small->roster.holder_ids, holder),
                          .resource = (uint8_t)resource,
                          .out_utc_ms = STAY_NO_OUT};
    stay->visit_id[15] = (uint8_t)small->count;
    must(instant_parse(view_of(in), &stay->in_utc_ms), NULL);
    if (out != NULL) {
        must(instant_parse(view_of(out), &stay->out_utc_ms), NULL);
    }
}
