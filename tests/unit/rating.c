#include "core/rating/rating.h"

#include <check.h>

#include "core/rating/radix.h"
#include "tests/lib/small.h"

#define T(day, time) "2026-10-" day "T" time "Z"
#define MINUTES(n) ((uint32_t)(n)*MINUTE_MS)

static void rate(struct rating *rating, const struct small *small, const char *month)
{
    struct fault fault = FAULT_NONE;
    int error = rating_run(rating, &small->roster, small_month(month), small->stays, small->count,
                           NULL, &fault);
    ck_assert_msg(error == 0, "%s", fault.text);
}

/* RULES 1-3, 5, 6: one stay alone, what it becomes. Paris is UTC+2 until the 25th of October. */
START_TEST(single_stay)
{
    static const struct {
        const char *month, *site;
        enum resource resource;
        const char *in, *out;
        uint32_t duration_ms;
        int slot, quantity, units, item_flags, stay_flags;
    } rows[] = {
        /* grace and the half-day's end, to the millisecond */
        {"2026-10", "s-hst", 0, T("05", "08:00:00.000"), T("05", "08:04:59.999"), 299999,
         SLOT_HALF_DAY, 0, 0, FLAG_GRACE, 0},
        {"2026-10", "s-hst", 0, T("05", "08:00:00.000"), T("05", "08:05:00.000"), 300000,
         SLOT_HALF_DAY, 1, 1, 0, 0},
        {"2026-10", "s-hst", 0, T("05", "08:00:00.000"), T("05", "12:30:00.000"), MINUTES(270),
         SLOT_HALF_DAY, 1, 1, 0, 0},
        {"2026-10", "s-hst", 0, T("05", "08:00:00.000"), T("05", "12:30:00.001"), MINUTES(270) + 1,
         SLOT_DAY, 1, 2, 0, 0},
        {"2026-10", "s-hst", 0, T("05", "08:00:00.000"), T("05", "08:00:00.000"), 0, SLOT_HALF_DAY,
         0, 0, FLAG_GRACE, 0},
        /* rooms: started hours, no units */
        {"2026-10", "s-hst", 1, T("05", "08:00:00.000"), T("05", "08:04:59.999"), 299999,
         SLOT_MEETING_ROOM, 0, 0, FLAG_GRACE, 0},
        {"2026-10", "s-hst", 1, T("05", "08:00:00.000"), T("05", "08:05:00.000"), 300000,
         SLOT_MEETING_ROOM, 1, 0, 0, 0},
        {"2026-10", "s-hst", 2, T("05", "08:00:00.000"), T("05", "10:00:00.000"), MINUTES(120),
         SLOT_BOOTH, 2, 0, 0, 0},
        {"2026-10", "s-hst", 2, T("05", "08:00:00.000"), T("05", "10:00:00.001"), MINUTES(120) + 1,
         SLOT_BOOTH, 3, 0, 0, 0},
        /* forgotten: closing time (18:00 in Paris), or 4 h 30 */
        {"2026-10", "s-hst", 0, T("05", "08:00:00.000"), NULL, MINUTES(480), SLOT_DAY, 1, 2, 0,
         FLAG_AUTO_CLOSED},
        {"2026-10", "s-hst", 0, T("05", "15:59:59.999"), NULL, 1, SLOT_HALF_DAY, 0, 0, FLAG_GRACE,
         FLAG_AUTO_CLOSED},
        {"2026-10", "s-hst", 0, T("05", "16:00:00.000"), NULL, MINUTES(270), SLOT_HALF_DAY, 1, 1, 0,
         FLAG_AUTO_CLOSED},
        {"2026-10", "s-hst", 0, T("05", "20:00:00.000"), NULL, MINUTES(120), SLOT_HALF_DAY, 1, 1, 0,
         FLAG_AUTO_CLOSED},
        {"2026-10", "s-hst", 1, T("04", "08:00:00.000"), NULL, MINUTES(270), SLOT_MEETING_ROOM, 5,
         0, 0, FLAG_AUTO_CLOSED},
        {"2026-10", "s-rur", 0, T("04", "18:00:00.000"), NULL, MINUTES(240), SLOT_HALF_DAY, 1, 1, 0,
         FLAG_AUTO_CLOSED},
        {"2026-11", "s-hst", 0, "2026-11-11T08:00:00.000Z", NULL, MINUTES(270), SLOT_HALF_DAY, 1, 1,
         0, FLAG_AUTO_CLOSED},
        /* midnight */
        {"2026-10", "s-hst", 0, T("05", "20:00:00.000"), T("06", "09:00:00.000"), MINUTES(120),
         SLOT_HALF_DAY, 1, 1, 0, 0},
        {"2026-10", "s-hst", 0, T("05", "21:56:00.000"), T("06", "09:00:00.000"), MINUTES(4),
         SLOT_HALF_DAY, 0, 0, FLAG_GRACE, 0},
        {"2026-10", "s-hst", 0, "2026-09-30T22:00:00.000Z", T("01", "00:00:00.000"), MINUTES(120),
         SLOT_HALF_DAY, 1, 1, 0, 0},
        {"2026-10", "s-hst", 0, T("31", "22:59:00.000"), "2026-11-02T00:00:00.000Z", MINUTES(1),
         SLOT_HALF_DAY, 0, 0, FLAG_GRACE, 0},
        /* the day of 25 hours, and of 23 */
        {"2026-10", "s-rur", 1, T("24", "22:00:00.000"), NULL, MINUTES(1500), SLOT_MEETING_ROOM, 25,
         0, 0, FLAG_AUTO_CLOSED},
        {"2026-10", "s-hst", 0, T("25", "00:30:00.000"), T("25", "05:00:00.000"), MINUTES(270),
         SLOT_HALF_DAY, 1, 1, 0, 0},
        {"2026-03", "s-rur", 1, "2026-03-28T23:00:00.000Z", NULL, MINUTES(1380), SLOT_MEETING_ROOM,
         23, 0, 0, FLAG_AUTO_CLOSED},
        {"2026-03", "s-rur", 0, "2026-03-31T21:00:00.000Z", NULL, MINUTES(60), SLOT_HALF_DAY, 1, 1,
         0, FLAG_AUTO_CLOSED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct small small;
        struct rating rating;
        small_init(&small);
        small_holder(&small, "h", "e1-use", NULL, NULL);
        small_freeze(&small);
        small_stay(&small, rows[i].site, "h", rows[i].resource, rows[i].in, rows[i].out);
        rate(&rating, &small, rows[i].month);
        ck_assert_uint_eq(rating.item_count, 1);
        const struct item *item = &rating.items[0];
        ck_assert_msg(
            item->duration_ms == rows[i].duration_ms && item->slot == rows[i].slot &&
                item->quantity == rows[i].quantity && item->units == rows[i].units &&
                item->flags == rows[i].item_flags && rating.outcomes[0].flags == rows[i].stay_flags,
            "row %zu: %u ms, slot %d, %d, units %d, flags %d %d", i, item->duration_ms, item->slot,
            item->quantity, item->units, item->flags, rating.outcomes[0].flags);
        rating_release(&rating);
        small_release(&small);
    }
}
END_TEST

/* RULES 4: cutting, over all sites, ties, no time left; rooms stand aside. */
START_TEST(cutting)
{
    struct small small;
    struct rating rating;
    small_init(&small);
    small_holder(&small, "a", "e1-use", NULL, NULL);
    small_holder(&small, "b", "e1-use", NULL, NULL);
    small_freeze(&small);
    small_stay(&small, "s-hst", "a", 0, T("05", "08:00:00.000"),
               T("05", "16:00:00.000")); /* cut at 10 */
    small_stay(&small, "s-iss", "a", 0, T("05", "10:00:00.000"),
               T("05", "11:00:00.000")); /* no time left: s-iss before s-rur */
    small_stay(&small, "s-rur", "a", 0, T("05", "10:00:00.000"),
               T("05", "12:00:00.000")); /* ends as the next begins: kept */
    small_stay(&small, "s-hst", "a", 0, T("05", "12:00:00.000"), T("05", "14:00:00.000"));
    small_stay(&small, "s-hst", "a", 1, T("05", "08:30:00.000"),
               T("05", "15:00:00.000")); /* a room */
    small_stay(&small, "s-hst", "b", 0, T("05", "09:00:00.000"),
               T("05", "15:00:00.000")); /* another holder */
    rate(&rating, &small, "2026-10");
    ck_assert_int_eq(rating.cut_short, 2);
    ck_assert_int_eq(rating.auto_closed, 0);
    static const struct {
        int flags;
        uint32_t minutes;
    } wanted[] = {
        {FLAG_CUT_SHORT, 120}, {FLAG_CUT_SHORT, 0}, {0, 120}, {0, 120}, {0, 390}, {0, 360}};
    for (size_t i = 0; i < small.count; i++) {
        ck_assert_int_eq(rating.outcomes[i].flags, wanted[i].flags);
        ck_assert_int_eq(rating.outcomes[i].out_utc_ms - small.stays[i].in_utc_ms,
                         MINUTES(wanted[i].minutes));
    }
    /* visit-days: s-hst (2 stays, 4 h), s-iss (grace), s-rur, b's; then the room */
    ck_assert_uint_eq(rating.item_count, 5);
    ck_assert_uint_eq(rating.outcomes[0].item, rating.outcomes[3].item);
    ck_assert_uint_eq(rating.items[rating.outcomes[0].item].duration_ms, MINUTES(240));
    ck_assert_int_eq(rating.items[rating.outcomes[1].item].flags, FLAG_GRACE);
    rating_release(&rating);
    small_release(&small);
}
END_TEST

/* RULES 4: equal site and instant go by visit id; the first one has no time left. A stay without
 * time still cuts the one before it. */
START_TEST(cutting_ties)
{
    struct small small;
    struct rating rating;
    small_init(&small);
    small_holder(&small, "a", "e1-use", NULL, NULL);
    small_freeze(&small);
    small_stay(&small, "s-hst", "a", 0, T("05", "08:00:00.000"), T("05", "09:00:00.000"));
    small_stay(&small, "s-hst", "a", 0, T("05", "08:00:00.000"), T("05", "10:00:00.000"));
    small_stay(&small, "s-iss", "a", 0, T("05", "08:00:00.000"), T("05", "08:00:00.000"));
    small.stays[0].visit_id[0] = 9;
    rate(&rating, &small, "2026-10");
    ck_assert_int_eq(rating.outcomes[0].out_utc_ms, small.stays[0].in_utc_ms);
    ck_assert_int_eq(rating.outcomes[1].out_utc_ms, small.stays[1].in_utc_ms);
    ck_assert_int_eq(rating.cut_short, 2);
    ck_assert_int_eq(rating.outcomes[2].flags, 0);
    rating_release(&rating);
    small_release(&small);
}
END_TEST

/* RULES 7: the version in force on the day; P of the row. */
START_TEST(price_by_day)
{
    struct small small;
    struct rating rating;
    small_init(&small);
    small_holder(&small, "a", "e1-use", NULL, NULL);
    small_freeze(&small);
    small_stay(&small, "s-hst", "a", 0, T("14", "21:00:00.000"), T("14", "21:30:00.000"));
    small_stay(&small, "s-hst", "a", 0, T("14", "22:00:00.000"),
               T("14", "22:30:00.000")); /* the 15th in Paris */
    rate(&rating, &small, "2026-10");
    const struct tariff *tariff = &small.roster.tariff;
    ck_assert_int_eq(tariff_prices(tariff, rating.items[0].row)->public_price.cents, 1000);
    ck_assert_int_eq(tariff_prices(tariff, rating.items[1].row)->public_price.cents, 1100);
    rating_release(&rating);
    small_release(&small);
}
END_TEST

/* RULES 9: how long a carnet lives. */
START_TEST(carnet_life)
{
    static const struct {
        const char *bought;
        int months;
        const char *last;
    } rows[] = {
        {"2026-10-01", 1, "2026-10-31"},  {"2026-01-31", 1, "2026-02-28"},
        {"2026-01-30", 1, "2026-02-28"},  {"2026-01-29", 1, "2026-02-28"},
        {"2026-01-28", 1, "2026-02-27"},  {"2028-01-29", 1, "2028-02-28"},
        {"2028-01-31", 1, "2028-02-29"},  {"2026-08-31", 6, "2027-02-28"},
        {"2026-03-31", 1, "2026-04-30"},  {"2026-10-15", 12, "2027-10-14"},
        {"2028-02-29", 12, "2029-02-28"}, {"2026-12-31", 2, "2027-02-28"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[11];
        day_format(carnet_last_day(small_day(rows[i].bought), rows[i].months), text);
        ck_assert_str_eq(text, rows[i].last);
    }
}
END_TEST

/* RULES 9-11: which units a visit-day gets. Each row: visit-days in time order, "h" a half-day or
 * "d" a day on the given day of October; what is covered; flags at the end. */
static const char *full_day_out(const char *kind)
{
    return kind[0] == 'd' ? "16:00:00.000Z" : "09:00:00.000Z";
}

START_TEST(units)
{
    static const struct {
        const char *plan, *from, *to;
        struct {
            const char *id;
            uint32_t units;
            const char *bought;
            int months;
        } carnets[3];
        struct {
            const char *day, *kind;
            int covered, flags;
        } days[4];
    } rows[] = {
        {"e1-use", NULL, NULL, {{0}}, {{"05", "d", 0, 0}}},
        {"e1-use",
         "2026-10-06",
         NULL,
         {{0}},
         {{"05", "d", 0, FLAG_OUTSIDE_VALIDITY}, {"06", "d", 0, 0}}},
        /* inclusive ends */
        {"e1-sub",
         "2026-10-06",
         "2026-10-07",
         {{0}},
         {{"05", "h", 0, FLAG_OUTSIDE_VALIDITY | FLAG_OVERDRAFT},
          {"06", "h", 1, 0},
          {"07", "h", 1, 0},
          {"08", "h", 0, FLAG_OUTSIDE_VALIDITY | FLAG_OVERDRAFT}}},
        /* four units: the fourth visit-day finds one unit of two, the next none */
        {"e1-sub",
         NULL,
         NULL,
         {{0}},
         {{"05", "d", 2, 0},
          {"06", "h", 1, 0},
          {"07", "d", 1, FLAG_OVERDRAFT},
          {"08", "h", 0, FLAG_OVERDRAFT}}},
        /* no carnet */
        {"e1-car",
         NULL,
         NULL,
         {{0}},
         {{"05", "d", 0, FLAG_OVERDRAFT}, {"06", "h", 0, FLAG_OVERDRAFT}}},
        /* a day draws on two carnets; the soonest to expire first */
        {"e1-car",
         NULL,
         NULL,
         {{"k1", 9, "2026-06-01", 12}, {"k2", 1, "2026-09-01", 2}},
         {{"05", "d", 2, 0}}},
        {"e1-car",
         NULL,
         NULL,
         {{"k1", 1, "2026-06-01", 12}, {"k2", 1, "2026-09-01", 2}},
         {{"05", "d", 2, 0}, {"06", "h", 0, FLAG_OVERDRAFT}}},
        /* bought on the day, and a day late; expired the day before */
        {"e1-car",
         NULL,
         NULL,
         {{"k1", 9, "2026-10-06", 1}},
         {{"05", "h", 0, FLAG_OVERDRAFT}, {"06", "h", 1, 0}}},
        {"e1-car",
         NULL,
         NULL,
         {{"k1", 9, "2026-09-06", 1}},
         {{"05", "h", 1, 0}, {"06", "h", 0, FLAG_OVERDRAFT}}},
        {"e1-car",
         NULL,
         "2026-10-05",
         {{"k1", 9, "2026-09-07", 1}},
         {{"05", "h", 1, 0}, {"06", "h", 0, FLAG_OUTSIDE_VALIDITY | FLAG_OVERDRAFT}}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct small small;
        struct rating rating;
        small_init(&small);
        for (size_t k = 0; k < 3 && rows[i].carnets[k].id != NULL; k++) {
            small_carnet(&small, rows[i].carnets[k].id, rows[i].plan, rows[i].carnets[k].units,
                         rows[i].carnets[k].bought, rows[i].carnets[k].months);
        }
        small_holder(&small, "h", rows[i].plan, rows[i].from, rows[i].to);
        small_freeze(&small);
        size_t days = 0;
        for (; days < 4 && rows[i].days[days].day != NULL; days++) {
            char in[32], out[32];
            snprintf(in, sizeof(in), "2026-10-%sT08:00:00.000Z", rows[i].days[days].day);
            snprintf(out, sizeof(out), "2026-10-%sT%s", rows[i].days[days].day,
                     full_day_out(rows[i].days[days].kind));
            small_stay(&small, "s-hst", "h", RESOURCE_DESK, in, out);
        }
        rate(&rating, &small, "2026-10");
        ck_assert_uint_eq(rating.item_count, days);
        int64_t used = 0;
        for (size_t k = 0; k < days; k++) {
            used += rows[i].days[k].covered;
            ck_assert_msg(rating.items[k].units_covered == rows[i].days[k].covered &&
                              rating.items[k].flags == rows[i].days[k].flags,
                          "row %zu day %zu: covered %d flags %d", i, k,
                          rating.items[k].units_covered, rating.items[k].flags);
        }
        ck_assert_int_eq(rating.units_used, used);
        rating_release(&rating);
        small_release(&small);
    }
}
END_TEST

/* RULES 9: one carnet for several holders: first in, then site id, then holder id; and the order of
 * carnets that expire together: earliest bought, then lowest id. */
START_TEST(carnet_order)
{
    struct small small;
    struct rating rating;
    small_init(&small);
    small_carnet(&small, "k9", "e1-car", 1, "2026-09-30", 1); /* 2026-10-29 */
    small_carnet(&small, "k3", "e1-car", 1, "2026-08-30", 2); /* 2026-10-29, bought earlier */
    small_carnet(&small, "k2", "e1-car", 1, "2026-08-30", 2); /* the same, lower id */
    small_holder(&small, "z", "e1-car", NULL, NULL);
    small_holder(&small, "a", "e1-car", NULL, NULL);
    small_holder(&small, "m", "e1-car", NULL, NULL);
    small_freeze(&small);
    small_stay(&small, "s-rur", "a", 0, T("05", "08:00:00.000"),
               T("05", "09:00:00.000")); /* 4th: site */
    small_stay(&small, "s-hst", "m", 0, T("05", "08:00:00.000"),
               T("05", "09:00:00.000")); /* 3rd: holder */
    small_stay(&small, "s-hst", "a", 0, T("05", "09:30:00.000"), T("05", "10:00:00.000")); /* 5th */
    small_stay(&small, "s-iss", "z", 0, T("05", "07:00:00.000"), T("05", "07:30:00.000")); /* 1st */
    small_stay(&small, "s-hst", "z", 0, T("05", "08:00:00.000"),
               T("05", "09:00:00.000")); /* 3rd tie: z after m */
    static const int covered[] = {0, 1, 0, 1, 1};
    rate(&rating, &small, "2026-10");
    for (size_t i = 0; i < ARRAY_LEN(covered); i++) {
        ck_assert_int_eq(rating.items[rating.outcomes[i].item].units_covered, covered[i]);
    }
    rating_release(&rating);
    small.count = 0;
    static const char *const order[] = {"k2", "k3", "k9"};
    static const char *const times[][2] = {{T("05", "08:00:00.000"), T("05", "09:00:00.000")},
                                           {T("06", "08:00:00.000"), T("06", "09:00:00.000")},
                                           {T("07", "08:00:00.000"), T("07", "09:00:00.000")}};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        small_stay(&small, "s-hst", "a", 0, times[i][0], times[i][1]);
        rate(&rating, &small, "2026-10");
        uint32_t carnet = small_number(&small.roster.carnet_ids, order[i]);
        ck_assert_uint_eq(rating.carnet_units[carnet], 1);
        ck_assert_int_eq(rating.units_used, (int64_t)i + 1);
        rating_release(&rating);
    }
    /* units given to other months are gone */
    uint32_t spent[] = {1, 0, 1};
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(rating_run(&rating, &small.roster, small_month("2026-10"), small.stays,
                                small.count, spent, &fault),
                     0);
    ck_assert_int_eq(rating.units_used, 1);
    ck_assert_uint_eq(rating.carnet_units[1], 1);
    rating_release(&rating);
    small_release(&small);
}
END_TEST

/* What cannot be rated is named. */
START_TEST(rating_faults)
{
    static const struct {
        const char *month, *in, *out;
        int code;
        const char *text;
    } rows[] = {
        {"2026-10", "2026-11-01T08:00:00.000Z", NULL, E_INVALID,
         "a stay of holder h begins in another month"},
        {"2026-10", "2026-09-30T21:59:59.999Z", NULL, E_INVALID,
         "a stay of holder h begins in another month"},
        {"2026-10", T("05", "08:00:00.000"), T("05", "07:59:59.999"), E_INVALID,
         "a stay of holder h ends before it begins"},
        {"2025-12", "2025-12-01T08:00:00.000Z", NULL, E_NOT_FOUND,
         "no tariff version is in force on 2025-12-01: publish one that starts on or before that "
         "day"},
        {"2026-12", "2026-12-03T08:00:00.000Z", "2026-12-03T09:00:00.000Z", E_NOT_FOUND,
         "no tariff row for standard/urban/desk/half_day on 2026-12-03: publish a version that has "
         "it"},
        /* a day of which the subscription covers one unit of two needs the half-day's price */
        {"2026-12", "2026-12-03T08:00:00.000Z", "2026-12-03T15:00:00.000Z", E_NOT_FOUND,
         "no tariff row for standard/urban/desk/half_day on 2026-12-03: publish a version that has "
         "it"},
    };
    struct small small;
    struct fault fault = FAULT_NONE;
    small_init(&small);
    struct tariff_row row = {.version = 3,
                             .valid_from = small_day("2026-12-01"),
                             .category = VIEW_LIT("standard"),
                             .zone = ZONE_URBAN,
                             .resource = RESOURCE_DESK,
                             .unit = UNIT_DAY,
                             .prices = {CENTS(9), CENTS(5), CENTS(1), CENTS(0)}};
    ck_assert_int_eq(tariff_add(&small.roster.tariff, &row, &fault), 0);
    struct plan one_unit = {.type = PLAN_SUBSCRIPTION, .included_units = 1};
    ck_assert_int_eq(
        roster_add_plan(&small.roster, VIEW_LIT("p1"), VIEW_LIT("e1"), one_unit, &fault), 0);
    small_holder(&small, "h", "p1", NULL, NULL);
    small_freeze(&small);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rating rating;
        fault = FAULT_NONE;
        small.count = 0;
        small_stay(&small, "s-hst", "h", 0, rows[i].in, rows[i].out);
        int error = rating_run(&rating, &small.roster, small_month(rows[i].month), small.stays,
                               small.count, NULL, &fault);
        ck_assert_msg(error == rows[i].code, "row %zu: %d", i, error);
        ck_assert_str_eq(fault.text, rows[i].text);
        rating_release(&rating);
    }
    fault = FAULT_NONE;
    ck_assert_int_eq(roster_check_tariff(&small.roster, small_day("2026-10-01"),
                                         small_day("2026-11-30"), &fault),
                     0);
    /* Days before the first version have none that could lack a row. */
    ck_assert_int_eq(roster_check_tariff(&small.roster, small_day("2025-01-01"),
                                         small_day("2026-11-30"), &fault),
                     0);
    ck_assert_int_eq(roster_check_tariff(&small.roster, small_day("2026-10-01"),
                                         small_day("2026-12-01"), &fault),
                     E_NOT_FOUND);
    ck_assert_str_eq(fault.text, "no tariff row for standard/urban/desk/half_day on 2026-12-01: "
                                 "publish a version that has it");
    small_release(&small);
}
END_TEST

/* What the files may not say, in the words that a person reads. */
START_TEST(roster_faults)
{
    struct small small;
    struct fault fault;
    small_init(&small);
    struct roster *roster = &small.roster;
    struct plan plan = {.type = PLAN_USAGE};
    struct carnet carnet = {.units = 1, .bought_on = small_day("2026-10-01")};
    struct carnet empty = {.bought_on = small_day("2026-10-01")};
    struct holder holder = {.active_from = DAY_FIRST, .active_to = DAY_LAST};
    struct site site = {.zone = ZONE_URBAN};
    struct tariff_row row = {.version = 1,
                             .valid_from = small_day("2026-01-01"),
                             .category = VIEW_LIT("standard"),
                             .zone = ZONE_URBAN,
                             .resource = RESOURCE_DESK,
                             .unit = UNIT_DAY,
                             .prices = {CENTS(9), CENTS(5), CENTS(1), CENTS(0)}};
    struct tariff_row other_day = row, same_day = row, hourly = row, negative = row;
    other_day.valid_from = small_day("2026-01-02");
    same_day.version = 7;
    hourly.unit = UNIT_HOUR;
    negative.prices.subsidy = CENTS(-1);
#define WRONG(call, wanted, sentence)                                                              \
    do {                                                                                           \
        fault = FAULT_NONE;                                                                        \
        ck_assert_int_eq((call), (wanted));                                                        \
        ck_assert_str_eq(fault.text, (sentence));                                                  \
    } while (0)
    WRONG(roster_add_member(roster, VIEW_NONE, (struct member){0}, &fault), E_INVALID,
          "a member has no id");
    WRONG(roster_add_member(roster, VIEW_LIT("op"), (struct member){0}, &fault), E_EXISTS,
          "member op is there twice");
    WRONG(roster_add_site(roster, VIEW_LIT("s"), VIEW_LIT("x"), VIEW_LIT("standard"), site, &fault),
          E_NOT_FOUND, "unknown member x: add it first");
    WRONG(roster_add_site(roster, VIEW_LIT("s-op"), VIEW_LIT("op"), VIEW_LIT("standard"), site,
                          &fault),
          E_EXISTS, "site s-op is there twice");
    WRONG(roster_add_employer(roster, VIEW_LIT("e"), VIEW_LIT("x"), &fault), E_NOT_FOUND,
          "unknown member x: add it first");
    WRONG(roster_add_employer(roster, VIEW_LIT("e"), VIEW_LIT("hst"), &fault), E_INVALID,
          "employer e: member hst is not an issuer: make it one or name another");
    WRONG(roster_add_employer(roster, VIEW_LIT("e1"), VIEW_LIT("op"), &fault), E_EXISTS,
          "employer e1 is there twice");
    WRONG(roster_add_plan(roster, VIEW_LIT("p"), VIEW_LIT("x"), plan, &fault), E_NOT_FOUND,
          "unknown employer x: add it first");
    WRONG(roster_add_plan(roster, VIEW_LIT("e1-use"), VIEW_LIT("e1"), plan, &fault), E_EXISTS,
          "plan e1-use is there twice");
    WRONG(roster_add_carnet(roster, VIEW_LIT("k"), VIEW_LIT("x"), carnet, 1, &fault), E_NOT_FOUND,
          "unknown plan x: add it first");
    WRONG(roster_add_carnet(roster, VIEW_LIT("k"), VIEW_LIT("e1-use"), carnet, 1, &fault),
          E_INVALID, "carnet k: plan e1-use is not a carnet plan");
    WRONG(roster_add_carnet(roster, VIEW_LIT("k"), VIEW_LIT("e1-car"), carnet, 0, &fault),
          E_INVALID, "carnet k: give it at least one unit and one month");
    WRONG(roster_add_carnet(roster, VIEW_LIT("k"), VIEW_LIT("e1-car"), empty, 1, &fault), E_INVALID,
          "carnet k: give it at least one unit and one month");
    WRONG(roster_add_holder(roster, VIEW_LIT("h"), VIEW_LIT("x"), holder, &fault), E_NOT_FOUND,
          "unknown plan x: add it first");
    WRONG(tariff_add(&roster->tariff, &other_day, &fault), E_CONFLICT,
          "tariff version 1 has two first days: give all its rows the same valid_from");
    WRONG(tariff_add(&roster->tariff, &same_day, &fault), E_CONFLICT,
          "tariff versions 1 and 7 start on the same day: give one of them another valid_from");
    WRONG(tariff_add(&roster->tariff, &hourly, &fault), E_INVALID,
          "a desk is not sold by the hour");
    WRONG(tariff_add(&roster->tariff, &negative, &fault), E_INVALID,
          "a tariff row holds a negative amount");
    ck_assert_int_eq(tariff_add(&roster->tariff, &row, &fault), 0);
    WRONG(roster_freeze(roster, &fault), E_EXISTS,
          "tariff version 1 has the row standard/urban/desk/day twice");
    small_release(&small);
    small_init(&small);
    small.roster.members[0].is_operator = false;
    WRONG(roster_freeze(&small.roster, &fault), E_INVALID,
          "the network has 0 operators: exactly one member must be the operator");
    small_release(&small);
    enum resource resource;
    enum unit unit;
    enum zone zone;
    ck_assert_int_eq(resource_parse(VIEW_LIT("booth"), &resource), 0);
    ck_assert_int_eq(resource, RESOURCE_BOOTH);
    ck_assert_int_eq(resource_parse(VIEW_LIT("Booth"), &resource), E_INVALID);
    ck_assert_int_eq(unit_parse(VIEW_LIT("hour"), &unit), 0);
    ck_assert_int_eq(unit, UNIT_HOUR);
    ck_assert_int_eq(unit_parse(VIEW_LIT(""), &unit), E_INVALID);
    ck_assert_int_eq(zone_parse(VIEW_LIT("rural"), &zone), 0);
    ck_assert_int_eq(zone, ZONE_RURAL);
    ck_assert_int_eq(zone_parse(VIEW_LIT("city"), &zone), E_INVALID);
}
END_TEST

static int odd_first(const void *context, uint32_t a, uint32_t b)
{
    (void)context;
    return a < b ? 1 : a > b ? -1 : 0;
}

/* Against the definition, with many ties: keys ascending, values of equal keys descending. */
START_TEST(sorting)
{
    enum { COUNT = 5000 };
    static struct radix_key keys[COUNT], scratch[COUNT];
    uint64_t seed = 20261001;
    for (uint32_t i = 0; i < COUNT; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        keys[i] = (struct radix_key){(seed >> 60) << 50 | (seed >> 40 & 3), i};
    }
    radix_sort(keys, scratch, COUNT, odd_first, NULL);
    for (uint32_t i = 1; i < COUNT; i++) {
        ck_assert(keys[i - 1].key < keys[i].key ||
                  (keys[i - 1].key == keys[i].key && keys[i - 1].value > keys[i].value));
    }
    radix_sort(keys, scratch, 0, odd_first, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rating");
    TCase *cases = tcase_create("rating");
    tcase_add_test(cases, single_stay);
    tcase_add_test(cases, cutting);
    tcase_add_test(cases, cutting_ties);
    tcase_add_test(cases, price_by_day);
    tcase_add_test(cases, carnet_life);
    tcase_add_test(cases, units);
    tcase_add_test(cases, carnet_order);
    tcase_add_test(cases, rating_faults);
    tcase_add_test(cases, roster_faults);
    tcase_add_test(cases, sorting);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
