/* Days and instants. An instant is UTC milliseconds since 1970 (int64_t, names end in _utc_ms). A
 * day is a Europe/Paris calendar day: between 23 and 25 hours, by the summer time rule of Directive
 * 2000/84/EC (last Sunday of March and of October, 01:00 UTC), valid here from 1996 to 2099;
 * instants outside 2000-2099 are refused by the parsers. The machine's time zone is never asked.
 * Pure; any thread. */
#ifndef CORE_DAY_DAY_H
#define CORE_DAY_DAY_H

#include "base/view.h"

enum { DAY_MS = 86400000, HOUR_MS = 3600000, MINUTE_MS = 60000 };

/* Proleptic Gregorian days since 1970-01-01. */
struct day {
    int32_t number;
};
/* Months since 1970-01. */
struct month {
    int32_t number;
};
enum weekday { MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY };

struct day day_of(int year, int month, int day_of_month);
void day_split(struct day day, int *year, int *month, int *day_of_month);
enum weekday day_weekday(struct day day);
int day_compare(struct day a, struct day b);
struct day day_plus(struct day day, int days);
/* RULES 9: the day with the same number `months` later, or the last day of that month when it has
 * no such day. */
struct day day_plus_months(struct day day, int months);

/* The Paris day of an instant. */
struct day day_of_instant(int64_t utc_ms);
/* First millisecond of the day; that of the next day is its end (RULES 3: 24:00). */
int64_t day_start_utc_ms(struct day day);
/* The instant of a Paris wall time `minute` (0..1440) on that day. A time that summer time skips is
 * read as the instant at which it would have been; one that comes twice is the first. */
int64_t day_minute_utc_ms(struct day day, int minute);
/* Minutes since the Paris midnight, as a clock on the wall shows them (0..1439). */
int day_wall_minute(int64_t utc_ms);
/* Minutes that Paris is ahead of UTC at this instant: 60 or 120. */
int day_offset_minutes(int64_t utc_ms);

struct month month_of(struct day day);
struct day month_first(struct month month);
struct day month_last(struct month month);

/* French national public holidays (Code du travail L. 3133-1): 11 a year; Easter by computus. */
bool day_is_public_holiday(struct day day);

/* "2026-10-01"; strict. E_INVALID also for days that do not exist and years outside 2000-2099. */
must_check int day_parse(struct view text, struct day *out);
/* The formats take years 0-9999; another year is a bug. */
void day_format(struct day day, char text[static 11]);
/* "2026-10". */
must_check int month_parse(struct view text, struct month *out);
void month_format(struct month month, char text[static 8]);
/* RFC 3339 in UTC: "2026-10-01T05:57:06.574Z"; exactly three decimals, 'Z', no leap second. */
must_check int instant_parse(struct view text, int64_t *out_utc_ms);
void instant_format(int64_t utc_ms, char text[static 25]);

#endif
