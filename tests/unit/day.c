#include <check.h>
#include <stdlib.h>

#include "core/day/day.h"

/* Check tells its parent about each ck_assert: too slow for the walks over the century. */
#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg("%s", #condition);                                                        \
        }                                                                                          \
    } while (0)

static struct day day_from(const char *text)
{
    struct day day = {0};
    if (day_parse(view_of(text), &day) != E_OK) {
        ck_abort_msg("%s", text);
    }
    return day;
}

static int64_t instant_from(const char *text)
{
    int64_t utc_ms = 0;
    if (instant_parse(view_of(text), &utc_ms) != E_OK) {
        ck_abort_msg("%s", text);
    }
    return utc_ms;
}

START_TEST(every_day_of_the_century)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int32_t number = 10957; /* 2000-01-01: 30 years with 7 leap days */
    int weekday = SATURDAY;
    for (int y = 2000; y < 2100; y++) {
        for (int m = 1; m <= 12; m++) {
            int length = lengths[m - 1] + (m == 2 && y % 4 == 0);
            struct month month = {(y - 1970) * 12 + m - 1};
            HOLDS(month_first(month).number == number);
            HOLDS(month_last(month).number == number + length - 1);
            for (int d = 1; d <= length; d++, number++, weekday = (weekday + 1) % 7) {
                struct day day = day_of(y, m, d);
                int year, month_of_year, day_of_month;
                day_split(day, &year, &month_of_year, &day_of_month);
                HOLDS(day.number == number);
                HOLDS(year == y && month_of_year == m && day_of_month == d);
                HOLDS((int)day_weekday(day) == weekday);
                HOLDS(month_of(day).number == month.number);
                char text[11], expected[32];
                snprintf(expected, sizeof(expected), "%04d-%02d-%02d", y, m, d);
                day_format(day, text);
                HOLDS(strcmp(text, expected) == 0);
                HOLDS(day_from(text).number == number);
            }
        }
    }
}
END_TEST

START_TEST(days_outside_the_century_still_count)
{
    static const struct {
        int year, month, day_of_month;
        int32_t number;
        enum weekday weekday;
    } rows[] = {
        {1970, 1, 1, 0, THURSDAY},       {1969, 12, 31, -1, WEDNESDAY},
        {1900, 3, 1, -25508, THURSDAY},  {1600, 2, 29, -135081, TUESDAY},
        {2100, 2, 28, 47540, SUNDAY},    {2100, 3, 1, 47541, MONDAY},
        {0, 3, 1, -719468, WEDNESDAY},   {-1, 12, 31, -719529, FRIDAY},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct day day = day_of(rows[i].year, rows[i].month, rows[i].day_of_month);
        ck_assert_int_eq(day.number, rows[i].number);
        ck_assert_int_eq((int)day_weekday(day), (int)rows[i].weekday);
        int year, month, day_of_month;
        day_split(day, &year, &month, &day_of_month);
        ck_assert_int_eq(year, rows[i].year);
        ck_assert_int_eq(month, rows[i].month);
        ck_assert_int_eq(day_of_month, rows[i].day_of_month);
    }
    ck_assert_int_eq(month_of(day_of(1969, 12, 31)).number, -1);
    ck_assert_int_eq(month_last((struct month){-1}).number, -1);
    ck_assert_int_eq(day_compare((struct day){1}, day_plus((struct day){-1}, 3)), -1);
    ck_assert_int_eq(day_compare((struct day){3}, (struct day){2}), 1);
    ck_assert_int_eq(day_compare((struct day){2}, (struct day){2}), 0);
}
END_TEST

START_TEST(same_number_months_later)
{
    static const struct {
        const char *from;
        int months;
        const char *to;
    } rows[] = {
        {"2026-10-01", 6, "2027-04-01"},  {"2026-08-31", 6, "2027-02-28"},
        {"2027-08-31", 6, "2028-02-29"},  {"2026-01-31", 1, "2026-02-28"},
        {"2026-03-31", -1, "2026-02-28"}, {"2026-05-31", 1, "2026-06-30"},
        {"2026-12-15", 1, "2027-01-15"},  {"2026-01-15", -1, "2025-12-15"},
        {"2028-02-29", 12, "2029-02-28"}, {"2026-06-04", 0, "2026-06-04"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[11];
        day_format(day_plus_months(day_from(rows[i].from), rows[i].months), text);
        ck_assert_str_eq(text, rows[i].to);
    }
}
END_TEST

/* Walks the century hour by hour with nothing but "last Sunday, 01:00 UTC". */
START_TEST(summer_time_of_every_hour)
{
    int changes = 0;
    int64_t utc_ms = (int64_t)day_of(2000, 1, 1).number * DAY_MS;
    bool summer = false;
    for (int y = 2000; y < 2100; y++) {
        for (int m = 1; m <= 12; m++) {
            int last = month_last(month_of(day_of(y, m, 1))).number - day_of(y, m, 1).number + 1;
            for (int d = 1; d <= last; d++) {
                bool change = (m == 3 || m == 10) && d > 24 &&
                              day_weekday(day_of(y, m, d)) == SUNDAY;
                for (int hour = 0; hour < 24; hour++, utc_ms += HOUR_MS) {
                    if (change && hour == 1) {
                        HOLDS(day_offset_minutes(utc_ms - 1) == (summer ? 120 : 60));
                        summer = !summer;
                        changes++;
                    }
                    int offset = summer ? 120 : 60;
                    HOLDS(day_offset_minutes(utc_ms) == offset);
                    int wall = hour * 60 + offset;
                    HOLDS(day_wall_minute(utc_ms + 59999) == wall % 1440);
                    HOLDS(day_of_instant(utc_ms).number ==
                          day_of(y, m, d).number + wall / 1440);
                }
            }
        }
    }
    HOLDS(changes == 200);
}
END_TEST

START_TEST(paris_days_follow_each_other)
{
    int short_days = 0, long_days = 0;
    for (struct day day = day_of(2000, 1, 1); day.number < day_of(2100, 1, 1).number;
         day = day_plus(day, 1)) {
        int64_t start = day_start_utc_ms(day);
        int64_t end = day_start_utc_ms(day_plus(day, 1));
        HOLDS(day_of_instant(start).number == day.number);
        HOLDS(day_of_instant(start - 1).number == day.number - 1);
        HOLDS(day_wall_minute(start) == 0);
        HOLDS(day_minute_utc_ms(day, 1440) == end);
        int64_t length = end - start;
        if (length == 23 * (int64_t)HOUR_MS) {
            short_days++;
            HOLDS(day_weekday(day) == SUNDAY);
        } else if (length == 25 * (int64_t)HOUR_MS) {
            long_days++;
            HOLDS(day_weekday(day) == SUNDAY);
        } else {
            HOLDS(length == DAY_MS);
        }
        /* Every wall time is found again, but for the hour that March skips. */
        for (int minute = 0; minute < 1440; minute += 15) {
            int64_t at = day_minute_utc_ms(day, minute);
            bool skipped = length == 23 * (int64_t)HOUR_MS && minute >= 120 && minute < 180;
            HOLDS(day_wall_minute(at) == (skipped ? minute + 60 : minute));
            HOLDS(day_of_instant(at).number == day.number);
        }
    }
    HOLDS(short_days == 100);
    HOLDS(long_days == 100);
}
END_TEST

START_TEST(wall_times_of_the_change_days)
{
    static const struct {
        const char *day;
        int minute;
        const char *instant;
    } rows[] = {
        {"2026-03-29", 119, "2026-03-29T00:59:00.000Z"},
        {"2026-03-29", 120, "2026-03-29T01:00:00.000Z"}, /* skipped: reads as 03:00 */
        {"2026-03-29", 150, "2026-03-29T01:30:00.000Z"}, /* skipped: reads as 03:30 */
        {"2026-03-29", 180, "2026-03-29T01:00:00.000Z"},
        {"2026-03-29", 1080, "2026-03-29T16:00:00.000Z"},
        {"2026-10-25", 119, "2026-10-24T23:59:00.000Z"},
        {"2026-10-25", 120, "2026-10-25T00:00:00.000Z"}, /* twice: the first */
        {"2026-10-25", 179, "2026-10-25T00:59:00.000Z"}, /* twice: the first */
        {"2026-10-25", 180, "2026-10-25T02:00:00.000Z"},
        {"2026-10-25", 1440, "2026-10-25T23:00:00.000Z"},
        {"2026-07-14", 0, "2026-07-13T22:00:00.000Z"},
        {"2026-01-01", 0, "2025-12-31T23:00:00.000Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[25];
        instant_format(day_minute_utc_ms(day_from(rows[i].day), rows[i].minute), text);
        ck_assert_str_eq(text, rows[i].instant);
    }
}
END_TEST

START_TEST(public_holidays_of_known_years)
{
    static const char *const years[][11] = {
        {"2024-01-01", "2024-04-01", "2024-05-01", "2024-05-08", "2024-05-09", "2024-05-20",
         "2024-07-14", "2024-08-15", "2024-11-01", "2024-11-11", "2024-12-25"},
        {"2025-01-01", "2025-04-21", "2025-05-01", "2025-05-08", "2025-05-29", "2025-06-09",
         "2025-07-14", "2025-08-15", "2025-11-01", "2025-11-11", "2025-12-25"},
        {"2026-01-01", "2026-04-06", "2026-05-01", "2026-05-08", "2026-05-14", "2026-05-25",
         "2026-07-14", "2026-08-15", "2026-11-01", "2026-11-11", "2026-12-25"},
        {"2027-01-01", "2027-03-29", "2027-05-01", "2027-05-06", "2027-05-08", "2027-05-17",
         "2027-07-14", "2027-08-15", "2027-11-01", "2027-11-11", "2027-12-25"},
    };
    for (size_t y = 0; y < ARRAY_LEN(years); y++) {
        struct day day = day_from(years[y][0]);
        size_t next = 0;
        for (int i = 0; i < 365; i++, day = day_plus(day, 1)) {
            char text[11];
            day_format(day, text);
            bool expected = next < 11 && strcmp(text, years[y][next]) == 0;
            next += expected;
            if (day_is_public_holiday(day) != expected) {
                ck_abort_msg("%s", text);
            }
        }
        HOLDS(next == 11);
    }
    /* The earliest, the latest and the corrected Easters of the century (ecclesiastical tables). */
    static const char *const mondays[] = {"2008-03-24", "2011-04-25", "2038-04-26", "2049-04-19",
                                          "2076-04-20", "2000-04-24", "2019-04-22", "2035-03-26"};
    for (size_t i = 0; i < ARRAY_LEN(mondays); i++) {
        ck_assert_msg(day_is_public_holiday(day_from(mondays[i])), "%s", mondays[i]);
    }
}
END_TEST

START_TEST(dates_are_strict)
{
    static const char *const bad_days[] = {
        "",           "2026-10-1",   "2026-10-01 ", " 2026-10-01", "2026-02-29", "2026-04-31",
        "2026-13-01", "2026-00-10",  "2026-10-00",  "1999-12-31",  "2100-01-01", "2026/10/01",
        "2026-1a-01", "+026-10-01",  "20261001",    "2026-10-011", "2026-10-32", "0000-00-00"};
    for (size_t i = 0; i < ARRAY_LEN(bad_days); i++) {
        struct day out = {42};
        ck_assert_msg(day_parse(view_of(bad_days[i]), &out) == E_INVALID, "%s", bad_days[i]);
        ck_assert_int_eq(out.number, 42);
    }
    static const char *const bad_months[] = {"", "2026", "2026-13", "2026-00", "1999-12",
                                             "2026-1", "2026-101"};
    for (size_t i = 0; i < ARRAY_LEN(bad_months); i++) {
        struct month out = {42};
        ck_assert_msg(month_parse(view_of(bad_months[i]), &out) == E_INVALID, "%s", bad_months[i]);
        ck_assert_int_eq(out.number, 42);
    }
    struct month month = {0};
    ck_assert_int_eq(month_parse(VIEW_LIT("2026-10"), &month), E_OK);
    char text[8];
    month_format(month, text);
    ck_assert_str_eq(text, "2026-10");
    ck_assert_int_eq(month.number, 681);
    static const char *const bad_instants[] = {
        "2026-10-01T05:57:06Z",          "2026-10-01T05:57:06.57Z",   "2026-10-01T05:57:06.5744Z",
        "2026-10-01T05:57:06.574",       "2026-10-01T24:00:00.000Z",  "2026-10-01T05:60:06.574Z",
        "2026-06-30T23:59:60.000Z",      "2026-10-01t05:57:06.574Z",  "2026-10-01T05:57:06.574z",
        "2026-10-01 05:57:06.574Z",      "2026-10-01T05:57:06,574Z",  "2026-02-29T00:00:00.000Z",
        "2026-10-01T05:57:06.574+02:00", "1999-12-31T23:59:59.999Z",  "2100-01-01T00:00:00.000Z",
        ""};
    for (size_t i = 0; i < ARRAY_LEN(bad_instants); i++) {
        int64_t out = 42;
        ck_assert_msg(instant_parse(view_of(bad_instants[i]), &out) == E_INVALID, "%s",
                      bad_instants[i]);
        ck_assert_int_eq(out, 42);
    }
    static const struct {
        const char *text;
        int64_t utc_ms;
    } instants[] = {
        {"2026-10-01T05:57:06.574Z", 1790834226574},
        {"2000-01-01T00:00:00.000Z", 946684800000},
        {"2099-12-31T23:59:59.999Z", 4102444799999},
    };
    for (size_t i = 0; i < ARRAY_LEN(instants); i++) {
        char shown[25];
        ck_assert_int_eq(instant_from(instants[i].text), instants[i].utc_ms);
        instant_format(instants[i].utc_ms, shown);
        ck_assert_str_eq(shown, instants[i].text);
    }
    char before[25];
    instant_format(-1, before);
    ck_assert_str_eq(before, "1969-12-31T23:59:59.999Z");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("day");
    TCase *cases = tcase_create("day");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, every_day_of_the_century);
    tcase_add_test(cases, days_outside_the_century_still_count);
    tcase_add_test(cases, same_number_months_later);
    tcase_add_test(cases, summer_time_of_every_hour);
    tcase_add_test(cases, paris_days_follow_each_other);
    tcase_add_test(cases, wall_times_of_the_change_days);
    tcase_add_test(cases, public_holidays_of_known_years);
    tcase_add_test(cases, dates_are_strict);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
