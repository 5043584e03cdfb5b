/* Civil dates by counting days from 1 March of year 0, so that the leap day is the last of its
 * year (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
#include "core/day/day.h"

#include <assert.h>

enum { YEAR_FIRST = 2000, YEAR_LAST = 2099 };

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static bool year_is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int month_length(int year, int month)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return lengths[month - 1] + (month == 2 && year_is_leap(year));
}

struct day day_of(int year, int month, int day_of_month)
{
    assert(month >= 1 && month <= 12);
    assert(day_of_month >= 1 && day_of_month <= month_length(year, month));
    int64_t march_year = (int64_t)year - (month <= 2);
    int64_t era = floor_div(march_year, 400);
    int64_t year_of_era = march_year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day_of_month - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    int64_t number = era * 146097 + day_of_era - 719468;
    assert(number >= INT32_MIN && number <= INT32_MAX);
    return (struct day){(int32_t)number};
}

void day_split(struct day day, int *year, int *month, int *day_of_month)
{
    int64_t shifted = (int64_t)day.number + 719468;
    int64_t era = floor_div(shifted, 146097);
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    *day_of_month = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    *month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

enum weekday day_weekday(struct day day)
{
    /* 1970-01-01 was a Thursday. */
    int64_t since_monday = (int64_t)day.number + THURSDAY;
    return (enum weekday)(since_monday - 7 * floor_div(since_monday, 7));
}

int day_compare(struct day a, struct day b)
{
    return (a.number > b.number) - (a.number < b.number);
}

struct day day_plus(struct day day, int days)
{
    int32_t number;
    bool overflow = __builtin_add_overflow(day.number, days, &number);
    assert(!overflow);
    return (struct day){number};
}

struct month month_of(struct day day)
{
    int year, month, day_of_month;
    day_split(day, &year, &month, &day_of_month);
    return (struct month){(year - 1970) * 12 + month - 1};
}

static void month_split(struct month month, int *year, int *month_of_year)
{
    *year = 1970 + (int)floor_div(month.number, 12);
    *month_of_year = month.number - (*year - 1970) * 12 + 1;
}

struct day month_first(struct month month)
{
    int year, month_of_year;
    month_split(month, &year, &month_of_year);
    return day_of(year, month_of_year, 1);
}

struct day month_last(struct month month)
{
    int year, month_of_year;
    month_split(month, &year, &month_of_year);
    return day_of(year, month_of_year, month_length(year, month_of_year));
}

struct day day_plus_months(struct day day, int months)
{
    int year, month, day_of_month;
    day_split(day, &year, &month, &day_of_month);
    struct month target = month_of(day);
    bool overflow = __builtin_add_overflow(target.number, months, &target.number);
    assert(!overflow);
    month_split(target, &year, &month);
    int last = month_length(year, month);
    return day_of(year, month, day_of_month < last ? day_of_month : last);
}

/* 01:00 UTC of the last Sunday of March or October. */
static int64_t change_utc_ms(int year, int month)
{
    struct day last = day_of(year, month, 31);
    int after_sunday = ((int)day_weekday(last) + 1) % 7;
    return (int64_t)(last.number - after_sunday) * DAY_MS + HOUR_MS;
}

int day_offset_minutes(int64_t utc_ms)
{
    int64_t number = floor_div(utc_ms, DAY_MS);
    assert(number >= INT32_MIN && number <= INT32_MAX);
    int year, month, day_of_month;
    day_split((struct day){(int32_t)number}, &year, &month, &day_of_month);
    bool summer = month > 3 && month < 10;
    if (month == 3) {
        summer = utc_ms >= change_utc_ms(year, 3);
    } else if (month == 10) {
        summer = utc_ms < change_utc_ms(year, 10);
    }
    return summer ? 120 : 60;
}

static int64_t wall_ms(int64_t utc_ms)
{
    return utc_ms + (int64_t)day_offset_minutes(utc_ms) * MINUTE_MS;
}

struct day day_of_instant(int64_t utc_ms)
{
    return (struct day){(int32_t)floor_div(wall_ms(utc_ms), DAY_MS)};
}

int64_t day_start_utc_ms(struct day day)
{
    return day_minute_utc_ms(day, 0);
}

int64_t day_minute_utc_ms(struct day day, int minute)
{
    assert(minute >= 0 && minute <= 1440);
    /* Clocks change at 01:00 UTC, and this instant lies between 22:00 UTC and 01:00 UTC whatever
     * the season: the offset with which the day begins. */
    int64_t midnight = (int64_t)day.number * DAY_MS;
    int offset = day_offset_minutes(midnight - HOUR_MS);
    int64_t wall = midnight + (int64_t)minute * MINUTE_MS;
    int64_t early = wall - (int64_t)offset * MINUTE_MS;
    int offset_then = day_offset_minutes(early);
    if (offset_then == offset) {
        return early;
    }
    /* The clocks changed before. In the hour that March skips no offset fits: `early` it is. */
    int64_t late = wall - (int64_t)offset_then * MINUTE_MS;
    return day_offset_minutes(late) == offset_then ? late : early;
}

int day_wall_minute(int64_t utc_ms)
{
    int64_t wall = wall_ms(utc_ms);
    return (int)((wall - floor_div(wall, DAY_MS) * DAY_MS) / MINUTE_MS);
}

/* Easter Sunday, Gregorian ("anonymous" algorithm: Nature, 20 April 1876; Meeus). */
static struct day easter(int year)
{
    int a = year % 19;
    int b = year / 100;
    int c = year % 100;
    int d = b / 4;
    int e = b % 4;
    int f = (b + 8) / 25;
    int g = (b - f + 1) / 3;
    int h = (19 * a + b - d - g + 15) % 30;
    int i = c / 4;
    int k = c % 4;
    int l = (32 + 2 * e + 2 * i - h - k) % 7;
    int m = (a + 11 * h + 22 * l) / 451;
    int month = (h + l - 7 * m + 114) / 31;
    return day_of(year, month, (h + l - 7 * m + 114) % 31 + 1);
}

bool day_is_public_holiday(struct day day)
{
    static const struct {
        int month, day_of_month;
    } fixed[] = {{1, 1}, {5, 1}, {5, 8}, {7, 14}, {8, 15}, {11, 1}, {11, 11}, {12, 25}};
    int year, month, day_of_month;
    day_split(day, &year, &month, &day_of_month);
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
        if (fixed[i].month == month && fixed[i].day_of_month == day_of_month) {
            return true;
        }
    }
    /* Easter Monday, Ascension, Whit Monday. */
    int after_easter = day.number - easter(year).number;
    return after_easter == 1 || after_easter == 39 || after_easter == 50;
}

/* Reads a pattern of digits and literals: each '0' stands for a digit, and the numbers between
 * literals go to `values` in order. The whole view must match. */
static bool pattern_read(struct view text, const char *pattern, int *values)
{
    if (text.len != strlen(pattern)) {
        return false;
    }
    int *value = values;
    *value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (pattern[i] != '0') {
            if (text.data[i] != pattern[i]) {
                return false;
            }
            *++value = 0;
        } else if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        } else {
            *value = *value * 10 + (text.data[i] - '0');
        }
    }
    return true;
}

/* The mirror: each run of '0' takes the next value, padded with zeros. */
static void pattern_write(char *text, const char *pattern, const int *values)
{
    size_t len = strlen(pattern);
    for (size_t from = 0; from <= len;) {
        size_t to = from + strspn(pattern + from, "0");
        int rest = *values++;
        assert(rest >= 0);
        for (size_t i = to; i > from; i--, rest /= 10) {
            text[i - 1] = (char)('0' + rest % 10);
        }
        assert(rest == 0);
        text[to] = pattern[to];
        from = to + 1;
    }
}

static bool date_exists(const int *date)
{
    return date[0] >= YEAR_FIRST && date[0] <= YEAR_LAST && date[1] >= 1 && date[1] <= 12 &&
           date[2] >= 1 && date[2] <= month_length(date[0], date[1]);
}

int day_parse(struct view text, struct day *out)
{
    int date[3];
    if (!pattern_read(text, "0000-00-00", date) || !date_exists(date)) {
        return E_INVALID;
    }
    *out = day_of(date[0], date[1], date[2]);
    return E_OK;
}

void day_format(struct day day, char text[static 11])
{
    int date[3];
    day_split(day, &date[0], &date[1], &date[2]);
    pattern_write(text, "0000-00-00", date);
}

int month_parse(struct view text, struct month *out)
{
    int date[3] = {0, 0, 0};
    bool ok = pattern_read(text, "0000-00", date);
    date[2] = 1;
    if (!ok || !date_exists(date)) {
        return E_INVALID;
    }
    *out = month_of(day_of(date[0], date[1], 1));
    return E_OK;
}

void month_format(struct month month, char text[static 8])
{
    int date[2];
    month_split(month, &date[0], &date[1]);
    pattern_write(text, "0000-00", date);
}

/* The '.' separates seconds from milliseconds; the number after 'Z' is empty. */
static const char instant_pattern[] = "0000-00-00T00:00:00.000Z";

int instant_parse(struct view text, int64_t *out_utc_ms)
{
    int v[8];
    if (!pattern_read(text, instant_pattern, v) || !date_exists(v) || v[3] > 23 || v[4] > 59 ||
        v[5] > 59) {
        return E_INVALID;
    }
    *out_utc_ms = (int64_t)day_of(v[0], v[1], v[2]).number * DAY_MS +
                  (int64_t)v[3] * HOUR_MS + (int64_t)v[4] * MINUTE_MS + v[5] * 1000 + v[6];
    return E_OK;
}

void instant_format(int64_t utc_ms, char text[static 25])
{
    int v[8] = {0};
    int64_t number = floor_div(utc_ms, DAY_MS);
    assert(number >= INT32_MIN && number <= INT32_MAX);
    day_split((struct day){(int32_t)number}, &v[0], &v[1], &v[2]);
    int ms = (int)(utc_ms - number * DAY_MS);
    v[3] = ms / HOUR_MS;
    v[4] = ms / MINUTE_MS % 60;
    v[5] = ms / 1000 % 60;
    v[6] = ms % 1000;
    pattern_write(text, instant_pattern, v);
}
