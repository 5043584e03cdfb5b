#include <check.h>
#include <stdlib.h>

#include "core/day/opening_hours.h"

static struct opening_hours hours_from(const char *text)
{
    struct opening_hours hours = {0};
    struct fault fault = FAULT_NONE;
    ck_assert_msg(opening_hours_parse(view_of(text), &hours, &fault) == E_OK, "%s: %s", text,
                  fault.text);
    return hours;
}

static void check_format(const struct opening_hours *hours, const char *expected)
{
    struct buf out = BUF_INIT;
    opening_hours_format(hours, &out);
    ck_assert_str_eq(out.data, expected);
    struct opening_hours again = hours_from(out.data);
    struct buf second = BUF_INIT;
    opening_hours_format(&again, &second);
    ck_assert_str_eq(second.data, expected);
    buf_release(&out);
    buf_release(&second);
}

START_TEST(canonical_texts)
{
    static const char *const rows[][2] = {
        /* What the reference network uses is canonical already. */
        {"24/7", "24/7"},
        {"Mo-Fr 08:30-18:30; PH off", "Mo-Fr 08:30-18:30; PH off"},
        {"Tu-Th 09:00-17:30; PH off", "Tu-Th 09:00-17:30; PH off"},
        {"Mo-Fr 09:00-12:30,13:30-18:00; PH off", "Mo-Fr 09:00-12:30,13:30-18:00; PH off"},
        {"Mo-Fr 08:00-19:00; Sa 09:00-12:30; PH off", "Mo-Fr 08:00-19:00; Sa 09:00-12:30; PH off"},
        {"Mo,We,Fr 08:00-18:00; Sa 10:00-16:00; PH off",
         "Mo,We,Fr 08:00-18:00; Sa 10:00-16:00; PH off"},
        {"Mo-Su 07:00-22:00", "Mo-Su 07:00-22:00"},
        /* Other ways to say the same. */
        {"08:00-18:00", "Mo-Su 08:00-18:00"},
        {"00:00-24:00", "24/7"},
        {"Mo-Su 00:00-12:00,12:00-24:00", "24/7"},
        {"off", "off"},
        {"closed", "off"},
        {"24/7; PH off", "24/7; PH off"},
        {"off; PH 09:00-12:00", "off; PH 09:00-12:00"},
        {"PH 09:00-12:00", "off; PH 09:00-12:00"},
        {"Sa-Mo 10:00-24:00", "Mo,Sa-Su 10:00-24:00"},
        {"Su-Su 10:00-11:00", "Su 10:00-11:00"},
        {"Su-Sa 10:00-11:00", "Mo-Su 10:00-11:00"},
        {"  Mo, Tu   09:00-12:00, 13:00-17:00 ;We closed ", "Mo-Tu 09:00-12:00,13:00-17:00"},
        {"Mo-Fr 08:00-18:00; We 08:00-12:00", "Mo-Tu,Th-Fr 08:00-18:00; We 08:00-12:00"},
        {"We 08:00-12:00; Mo-Fr 08:00-18:00", "Mo-Fr 08:00-18:00"},
        {"Mo-Fr 08:00-18:00; Mo-Fr off", "off"},
        {"Mo-Fr 08:00-18:00; Su,PH off", "Mo-Fr 08:00-18:00; PH off"},
        {"Mo-Fr 08:00-18:00; PH,Su 10:00-12:00; PH off",
         "Mo-Fr 08:00-18:00; Su 10:00-12:00; PH off"},
        {"Mo 00:00-00:01,01:00-02:00,03:00-04:00,05:00-06:00,07:00-08:00,09:00-10:00",
         "Mo 00:00-00:01,01:00-02:00,03:00-04:00,05:00-06:00,07:00-08:00,09:00-10:00"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct opening_hours hours = hours_from(rows[i][0]);
        check_format(&hours, rows[i][1]);
    }
}
END_TEST

START_TEST(refusals_name_part_and_position)
{
    static const struct {
        const char *text;
        int position;
        const char *why;
    } rows[] = {
        {"", 1, "hours or \"off\""},
        {"Mo-Fr", 6, "after the days"},
        {"Mo-Fr ", 7, "hours or \"off\""},
        {"Mo-Fr09:00-12:00", 6, "after the days"},
        {"mo-fr 09:00-12:00", 1, "(\"mo-fr\")"},
        {"Mo-Xx 09:00-12:00", 1, "(\"Mo-Xx\"): a range"},
        {"Mo-PH 09:00-12:00", 1, "a range"},
        {"PH-Mo 09:00-12:00", 1, "a range"},
        {"Mo,Lu 09:00-12:00", 4, "(\"Lu\"): a day is expected"},
        {"SH off", 1, "a day is expected"},
        {"Jan-Mar 09:00-12:00", 1, "a day is expected"},
        {"Mo-Fr 9:00-17:00", 7, "two digits"},
        {"Mo-Fr 09:00-17", 13, "two digits"},
        {"Mo-Fr 09.00-17.00", 7, "two digits"},
        {"Mo-Fr 09:00", 7, "a first and a last"},
        {"Mo-Fr 09:00+", 7, "a first and a last"},
        {"Mo-Fr 09:60-12:00", 7, "no such time"},
        {"Mo-Fr 09:00-24:01", 13, "no such time"},
        {"Mo-Fr 09:00-99:99", 13, "no such time"},
        {"Mo-Fr 22:00-02:00", 7, "ends after it begins"},
        {"Mo-Fr 09:00-09:00", 7, "ends after it begins"},
        {"24:00-24:00", 1, "ends after it begins"},
        {"Mo 09:00-12:00,11:00-13:00", 16, "do not overlap"},
        {"Mo 13:00-18:00,09:00-12:00", 16, "ascend"},
        {"Mo 00:00-01:00,02:00-03:00,04:00-05:00,06:00-07:00,08:00-09:00,10:00-11:00,12:00-13:00",
         76, "at most 6"},
        {"Mo-Fr 09:00-12:00, Sa 10:00-12:00", 20, "a time is expected"},
        {"Mo-Fr 09:00-12:00;", 19, "hours or \"off\""},
        {"Mo-Fr 09:00-12:00 \"by appointment\"", 19, "not understood"},
        {"Mo-Fr 09:00-12:00 || Sa off", 19, "not understood"},
        {"Mo-Fr 24/7", 7, "two digits"},
        {"24/7\n", 5, "not understood"},
        {"PH off; Mo-Fr 09:00-12:00", 9, "rules with PH come last"},
        {"Mo off; PH off; 24/7", 17, "rules with PH come last"},
        {"Mo 09:00-12:00,", 16, "a time is expected"},
        {"Mo \xe9", 4, "hours or \"off\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct opening_hours out = {.names_holidays = true};
        struct fault fault = FAULT_NONE;
        char where[64];
        snprintf(where, sizeof(where), "opening hours, position %d", rows[i].position);
        ck_assert_msg(opening_hours_parse(view_of(rows[i].text), &out, &fault) == E_INVALID,
                      "%s", rows[i].text);
        ck_assert_msg(view_starts(view_of(fault.text), where) &&
                          strchr(":( ", fault.text[strlen(where)]) != NULL &&
                          strstr(fault.text, rows[i].why) != NULL,
                      "%s: %s", rows[i].text, fault.text);
        ck_assert(out.names_holidays);
    }
}
END_TEST

START_TEST(open_and_closing)
{
    static const struct {
        const char *hours;
        const char *instant;
        bool open;
        int closing; /* -1: no hours that day */
    } rows[] = {
        /* Thursday 1 October 2026, summer time. */
        {"Mo-Fr 09:00-12:30,13:30-18:00", "2026-10-01T06:59:59.999Z", false, 1080},
        {"Mo-Fr 09:00-12:30,13:30-18:00", "2026-10-01T07:00:00.000Z", true, 1080},
        {"Mo-Fr 09:00-12:30,13:30-18:00", "2026-10-01T10:29:59.999Z", true, 1080},
        {"Mo-Fr 09:00-12:30,13:30-18:00", "2026-10-01T10:30:00.000Z", false, 1080},
        {"Mo-Fr 09:00-12:30,13:30-18:00", "2026-10-01T16:00:00.000Z", false, 1080},
        {"Mo-Fr 09:00-12:30", "2026-10-03T08:00:00.000Z", false, -1},
        {"24/7", "2026-10-01T22:00:00.000Z", true, 1440},
        {"Th 20:00-24:00", "2026-10-01T21:59:59.999Z", true, 1440},
        {"Th 20:00-24:00", "2026-10-01T22:00:00.000Z", false, -1}, /* Friday already */
        /* All Saints 2026 is a Sunday, Armistice a Wednesday. */
        {"Mo-Su 09:00-18:00", "2026-11-11T10:00:00.000Z", true, 1080},
        {"Mo-Su 09:00-18:00; PH off", "2026-11-11T10:00:00.000Z", false, -1},
        {"Mo-Su 09:00-18:00; PH 09:00-10:00", "2026-11-11T08:30:00.000Z", true, 600},
        {"Mo-Su 09:00-18:00; PH off", "2026-11-12T10:00:00.000Z", true, 1080},
        {"off; PH 10:00-12:00", "2026-11-01T10:00:00.000Z", true, 720},
        {"off; PH 10:00-12:00", "2026-11-02T10:00:00.000Z", false, -1},
        /* 02:30 does not exist on 29 March and comes twice on 25 October (Sundays). */
        {"Su 03:00-04:00", "2026-03-29T01:00:00.000Z", true, 240},
        {"Su 02:00-03:00", "2026-03-29T01:00:00.000Z", false, 180},
        {"Su 02:00-03:00", "2026-10-25T00:30:00.000Z", true, 180},
        {"Su 02:00-03:00", "2026-10-25T01:30:00.000Z", true, 180},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct opening_hours hours = hours_from(rows[i].hours);
        int64_t utc_ms = 0;
        ck_assert_int_eq(instant_parse(view_of(rows[i].instant), &utc_ms), E_OK);
        ck_assert_msg(opening_hours_is_open(&hours, utc_ms) == rows[i].open, "%s at %s",
                      rows[i].hours, rows[i].instant);
        int minute = -1;
        bool any = opening_hours_closing(&hours, day_of_instant(utc_ms), &minute);
        ck_assert_int_eq(minute, rows[i].closing);
        ck_assert(any == (rows[i].closing >= 0));
    }
}
END_TEST

static uint64_t dice_next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Whatever rules are drawn, a plain table of minutes that is painted rule by rule says the same as
 * the parsed value, before and after formatting. */
START_TEST(parsed_hours_equal_a_painted_table)
{
    static const char *const names[] = {"Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"};
    static bool open[7][1440];
    const uint64_t seed = 20261001;
    uint64_t dice = seed;
    for (int round = 0; round < 500; round++) {
        char text[256];
        int len = 0;
        memset(open, 0, sizeof(open));
        int rules = 1 + (int)(dice_next(&dice) % 4);
        for (int r = 0; r < rules; r++) {
            int first = (int)(dice_next(&dice) % 7);
            int last = (int)(dice_next(&dice) % 7);
            int from = (int)(dice_next(&dice) % 700);
            int to = from + 1 + (int)(dice_next(&dice) % 300);
            int again = to + (int)(dice_next(&dice) % 100);
            int end = again + 1 + (int)(dice_next(&dice) % 300);
            len += snprintf(text + len, sizeof(text) - (size_t)len,
                            "%s%s-%s %02d:%02d-%02d:%02d,%02d:%02d-%02d:%02d", r == 0 ? "" : "; ",
                            names[first], names[last], from / 60, from % 60, to / 60, to % 60,
                            again / 60, again % 60, end / 60, end % 60);
            for (int day = first;; day = (day + 1) % 7) {
                for (int minute = 0; minute < 1440; minute++) {
                    open[day][minute] =
                        (minute >= from && minute < to) || (minute >= again && minute < end);
                }
                if (day == last) {
                    break;
                }
            }
        }
        struct opening_hours hours = hours_from(text);
        struct buf out = BUF_INIT;
        opening_hours_format(&hours, &out);
        struct opening_hours again = hours_from(out.data);
        struct day monday = day_of(2026, 10, 5);
        for (int i = 0; i < 7 * 1440; i += 7) {
            int64_t utc_ms = day_minute_utc_ms(day_plus(monday, i / 1440), i % 1440);
            bool expected = open[i / 1440][i % 1440];
            if (opening_hours_is_open(&hours, utc_ms) != expected ||
                opening_hours_is_open(&again, utc_ms) != expected) {
                ck_abort_msg("seed %llu, round %d: %s", (unsigned long long)seed, round, text);
            }
        }
        buf_release(&out);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("opening_hours");
    TCase *cases = tcase_create("opening_hours");
    tcase_add_test(cases, canonical_texts);
    tcase_add_test(cases, refusals_name_part_and_position);
    tcase_add_test(cases, open_and_closing);
    tcase_add_test(cases, parsed_hours_equal_a_painted_table);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
