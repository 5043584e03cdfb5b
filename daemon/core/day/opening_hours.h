/* Opening hours: a subset of OpenStreetMap's `opening_hours`, as a value of fixed size.
 *
 *   hours = "24/7" or rules: rule *( ";" rule )
 *   rule  = [ days ] ( spans / "off" / "closed" ) / "24/7"
 *   days  = day *( "," day ); day = "Mo".."Su", a range "Mo-Fr" (which may wrap: "Sa-Mo"), or "PH"
 *   spans = "HH:MM-HH:MM" *( "," "HH:MM-HH:MM" ), from 00:00 to 24:00
 *
 * Spaces may follow a comma and stand around ";". A rule without days holds for all of them. A
 * later rule replaces what earlier ones said of its days, as in OpenStreetMap. Without a rule that
 * names PH, public holidays are ordinary days; a rule that does not name PH may not follow one that
 * does (there it would open the holidays again, which nobody means). The spans of a rule ascend and
 * do not overlap (refused); spans that touch are joined. A span past midnight is refused: no stay
 * passes midnight. Everything else of the OpenStreetMap syntax is refused.
 *
 * Times are those of a clock on the wall in Paris. A span includes its first minute and not its
 * last. Pure; any thread. */
#ifndef CORE_DAY_OPENING_HOURS_H
#define CORE_DAY_OPENING_HOURS_H

#include "base/buf.h"
#include "core/day/day.h"

enum { OPENING_SPANS_MAX = 6, OPENING_MINUTE_LAST = 1440 };

/* Minutes since midnight, 0 <= from < to <= 1440. */
struct opening_span {
    int16_t from;
    int16_t to;
};

/* The spans of one kind of day, ascending, with a gap between any two. */
struct opening_day {
    uint8_t count;
    struct opening_span spans[OPENING_SPANS_MAX];
};

/* Zero is a site that never opens. */
struct opening_hours {
    struct opening_day weekdays[7];
    struct opening_day holidays; /* used when names_holidays */
    bool names_holidays;
};

/* E_INVALID names the part and its position (bytes, from 1); *out is untouched then. */
must_check int opening_hours_parse(struct view text, struct opening_hours *out,
                                   struct fault *fault);
/* Appends the canonical text: one rule for the days that share hours, in the order of their first
 * day, PH last; "off" when there is no hour at all. It parses to the same value. */
void opening_hours_format(const struct opening_hours *hours, struct buf *out);

/* What holds on that day, public holidays considered; never NULL, lives as long as `hours`. */
const struct opening_day *opening_hours_on(const struct opening_hours *hours, struct day day);
bool opening_hours_is_open(const struct opening_hours *hours, int64_t utc_ms);
/* RULES 2: the last closing time of the day in minutes, 1440 for "24/7". False, and *minute
 * untouched, when the site has no hours on that day. */
bool opening_hours_closing(const struct opening_hours *hours, struct day day, int *minute);

#endif
