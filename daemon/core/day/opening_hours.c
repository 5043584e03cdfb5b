/* A cursor walks over the text once. Each read_ function consumes what it names or sets the fault
 * and returns false. */
#include "core/day/opening_hours.h"

static const char day_names[8][3] = {"Mo", "Tu", "We", "Th", "Fr", "Sa", "Su", "PH"};
enum { DAY_PH = 7, DAYS_WEEK = 0x7f, DAYS_PH = 0x80 };

struct cursor {
    struct view text;
    size_t at;
    struct fault *fault;
};

static char peek(const struct cursor *cursor)
{
    return cursor->at < cursor->text.len ? cursor->text.data[cursor->at] : '\0';
}

static bool at_end(const struct cursor *cursor)
{
    return cursor->at == cursor->text.len;
}

static void skip_spaces(struct cursor *cursor)
{
    while (peek(cursor) == ' ') {
        cursor->at++;
    }
}

static bool take(struct cursor *cursor, const char *word)
{
    if (!view_starts(view_slice(cursor->text, cursor->at, cursor->text.len), word)) {
        return false;
    }
    cursor->at += strlen(word);
    return true;
}

/* Shows the part from `at` up to the next separator; only what any terminal can print. */
static bool refuse(const struct cursor *cursor, size_t at, const char *why)
{
    enum { SHOWN_MAX = 24 };
    size_t end = at;
    while (end < cursor->text.len && end - at < SHOWN_MAX && cursor->text.data[end] > ' ' &&
           cursor->text.data[end] < 0x7f && cursor->text.data[end] != ';') {
        end++;
    }
    struct view part = view_slice(cursor->text, at, end);
    if (part.len == 0) {
        fault_set(cursor->fault, E_INVALID, "opening hours, position %zu: %s", at + 1, why);
    } else {
        fault_set(cursor->fault, E_INVALID, "opening hours, position %zu (\"%.*s\"): %s", at + 1,
                  VIEW_FMT(part), why);
    }
    return false;
}

/* The index of the day that is named at the cursor, which moves past it; -1 when none is. */
static int take_day(struct cursor *cursor)
{
    for (int i = 0; i < (int)ARRAY_LEN(day_names); i++) {
        if (take(cursor, day_names[i])) {
            return i;
        }
    }
    return -1;
}

static bool read_days(struct cursor *cursor, unsigned *days)
{
    *days = 0;
    do {
        skip_spaces(cursor);
        size_t at = cursor->at;
        int first = take_day(cursor);
        if (first < 0) {
            return refuse(cursor, at, "a day is expected: Mo, Tu, We, Th, Fr, Sa, Su or PH");
        }
        int last = first;
        if (take(cursor, "-")) {
            last = take_day(cursor);
            if (first == DAY_PH || last == DAY_PH || last < 0) {
                return refuse(cursor, at, "a range goes from a weekday to a weekday, as in Mo-Fr");
            }
        }
        *days |= 1u << first;
        for (int day = first; day != last;) {
            day = (day + 1) % 7;
            *days |= 1u << day;
        }
    } while (take(cursor, ","));
    return true;
}

static bool read_time(struct cursor *cursor, int *minute)
{
    static const char shape[] = "00:00";
    size_t at = cursor->at;
    int digits[5];
    for (size_t i = 0; i < 5; i++, cursor->at++) {
        char c = peek(cursor);
        if (shape[i] == ':' ? c != ':' : c < '0' || c > '9') {
            return refuse(cursor, at, "a time is expected, with two digits each: 09:00");
        }
        digits[i] = c - '0';
    }
    int hours = digits[0] * 10 + digits[1];
    int minutes = digits[3] * 10 + digits[4];
    *minute = hours * 60 + minutes;
    if (minutes > 59 || *minute > OPENING_MINUTE_LAST) {
        return refuse(cursor, at, "there is no such time: 00:00 is the first and 24:00 the last");
    }
    return true;
}

static bool read_span(struct cursor *cursor, struct opening_day *day)
{
    size_t at = cursor->at;
    int from, to;
    if (!read_time(cursor, &from)) {
        return false;
    }
    if (!take(cursor, "-")) {
        return refuse(cursor, at, "a span has a first and a last time: 09:00-12:30");
    }
    if (!read_time(cursor, &to)) {
        return false;
    }
    if (to <= from) {
        return refuse(cursor, at,
                      "a span ends after it begins, on the same day: 24:00 at the latest");
    }
    struct opening_span *before = day->count == 0 ? NULL : &day->spans[day->count - 1];
    if (before != NULL && from < before->to) {
        return refuse(cursor, at, "spans ascend and do not overlap: put the earlier one first");
    }
    if (before != NULL && from == before->to) {
        before->to = (int16_t)to;
        return true;
    }
    if (day->count == OPENING_SPANS_MAX) {
        return refuse(cursor, at, "a day has at most 6 spans");
    }
    day->spans[day->count++] = (struct opening_span){(int16_t)from, (int16_t)to};
    return true;
}

static bool read_spans(struct cursor *cursor, struct opening_day *day)
{
    do {
        skip_spaces(cursor);
        if (!read_span(cursor, day)) {
            return false;
        }
    } while (take(cursor, ","));
    return true;
}

static bool read_rule(struct cursor *cursor, struct opening_hours *hours)
{
    size_t at = cursor->at;
    unsigned days = DAYS_WEEK;
    struct opening_day day = {0};
    if (take(cursor, "24/7")) {
        day = (struct opening_day){.count = 1, .spans = {{0, OPENING_MINUTE_LAST}}};
    } else {
        char first = peek(cursor);
        if (first >= 'A' && first <= 'Z') {
            if (!read_days(cursor, &days)) {
                return false;
            }
            if (peek(cursor) != ' ') {
                return refuse(cursor, cursor->at,
                              "after the days comes a space, then hours or \"off\"");
            }
            skip_spaces(cursor);
        }
        bool closed = take(cursor, "off") || take(cursor, "closed");
        if (!closed && (peek(cursor) < '0' || peek(cursor) > '9')) {
            return refuse(cursor, cursor->at, "hours or \"off\" are expected: Mo-Fr 09:00-17:00");
        }
        if (!closed && !read_spans(cursor, &day)) {
            return false;
        }
    }
    if (hours->names_holidays && (days & DAYS_PH) == 0) {
        return refuse(cursor, at, "rules with PH come last: this one would replace them");
    }
    for (int i = 0; i < 7; i++) {
        if ((days & 1u << i) != 0) {
            hours->weekdays[i] = day;
        }
    }
    if ((days & DAYS_PH) != 0) {
        hours->holidays = day;
        hours->names_holidays = true;
    }
    return true;
}

int opening_hours_parse(struct view text, struct opening_hours *out, struct fault *fault)
{
    struct cursor cursor = {.text = text, .fault = fault};
    struct opening_hours hours = {0};
    do {
        skip_spaces(&cursor);
        if (!read_rule(&cursor, &hours)) {
            return E_INVALID;
        }
        skip_spaces(&cursor);
    } while (take(&cursor, ";"));
    if (!at_end(&cursor)) {
        refuse(&cursor, cursor.at, "not understood here: rules are separated by \";\"");
        return E_INVALID;
    }
    *out = hours;
    return E_OK;
}

static bool days_equal(const struct opening_day *a, const struct opening_day *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (int i = 0; i < a->count; i++) {
        if (a->spans[i].from != b->spans[i].from || a->spans[i].to != b->spans[i].to) {
            return false;
        }
    }
    return true;
}

static void add_spans(struct buf *out, const struct opening_day *day)
{
    if (day->count == 0) {
        buf_text(out, "off");
    }
    for (int i = 0; i < day->count; i++) {
        int from = day->spans[i].from;
        int to = day->spans[i].to;
        buf_printf(out, "%s%02d:%02d-%02d:%02d", i == 0 ? "" : ",", from / 60, from % 60, to / 60,
                   to % 60);
    }
}

static unsigned days_like(const struct opening_hours *hours, int weekday)
{
    unsigned days = 0;
    for (int i = 0; i < 7; i++) {
        if (days_equal(&hours->weekdays[i], &hours->weekdays[weekday])) {
            days |= 1u << i;
        }
    }
    return days;
}

static void add_days(struct buf *out, unsigned days)
{
    const char *comma = "";
    for (int i = 0; i < 7; i++) {
        if ((days & 1u << i) == 0) {
            continue;
        }
        int last = i;
        while ((days & 1u << (last + 1)) != 0) {
            last++;
        }
        buf_printf(out, "%s%s", comma, day_names[i]);
        if (last > i) {
            buf_printf(out, "-%s", day_names[last]);
        }
        comma = ",";
        i = last;
    }
}

static void add_weekdays(struct buf *out, const struct opening_hours *hours)
{
    const struct opening_day *monday = &hours->weekdays[MONDAY];
    if (days_like(hours, MONDAY) == DAYS_WEEK) {
        if (monday->count == 1 && monday->spans[0].from == 0 &&
            monday->spans[0].to == OPENING_MINUTE_LAST) {
            buf_text(out, "24/7");
            return;
        }
        if (monday->count == 0) {
            buf_text(out, "off");
            return;
        }
    }
    unsigned done = 0;
    for (int i = 0; i < 7; i++) {
        if ((done & 1u << i) != 0 || hours->weekdays[i].count == 0) {
            continue;
        }
        unsigned days = days_like(hours, i);
        if (done != 0) {
            buf_text(out, "; ");
        }
        add_days(out, days);
        buf_byte(out, ' ');
        add_spans(out, &hours->weekdays[i]);
        done |= days;
    }
}

void opening_hours_format(const struct opening_hours *hours, struct buf *out)
{
    add_weekdays(out, hours);
    if (hours->names_holidays) {
        buf_text(out, "; PH ");
        add_spans(out, &hours->holidays);
    }
}

const struct opening_day *opening_hours_on(const struct opening_hours *hours, struct day day)
{
    if (hours->names_holidays && day_is_public_holiday(day)) {
        return &hours->holidays;
    }
    return &hours->weekdays[day_weekday(day)];
}

bool opening_hours_is_open(const struct opening_hours *hours, int64_t utc_ms)
{
    const struct opening_day *day = opening_hours_on(hours, day_of_instant(utc_ms));
    int minute = day_wall_minute(utc_ms);
    for (int i = 0; i < day->count; i++) {
        if (minute >= day->spans[i].from && minute < day->spans[i].to) {
            return true;
        }
    }
    return false;
}

bool opening_hours_closing(const struct opening_hours *hours, struct day day, int *minute)
{
    const struct opening_day *on = opening_hours_on(hours, day);
    if (on->count == 0) {
        return false;
    }
    *minute = on->spans[on->count - 1].to;
    return true;
}
