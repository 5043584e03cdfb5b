#include "core/visit/stay.h"

static const int64_t half_day_ms = 4 * HOUR_MS + 30 * MINUTE_MS; /* RULES 2 */

static bool day_within(struct day day, const char *first_text, const char *last_text)
{
    struct day first, last;
    return (day_parse(view_of(first_text), &first) != E_OK || day_compare(day, first) >= 0) &&
           (day_parse(view_of(last_text), &last) != E_OK || day_compare(day, last) <= 0);
}

static bool at_a_stop(const Passerelle__V1__Site *site, struct day day, int minute)
{
    int weekday = (int)day_weekday(day) + 1; /* WEEKDAY_MONDAY is 1 */
    for (size_t i = 0; i < site->n_stops; i++) {
        const Passerelle__V1__Stop *stop = site->stops[i];
        if ((int)stop->weekday == weekday && minute >= (int)stop->open_minute &&
            minute < (int)stop->close_minute) {
            return true;
        }
    }
    return false;
}

bool site_is_open(const Passerelle__V1__Site *site, const struct opening_hours *hours,
                  int64_t utc_ms)
{
    struct day day = day_of_instant(utc_ms);
    if (site->state != PASSERELLE__V1__SITE_STATE__SITE_STATE_ACTIVE) {
        return false;
    }
    if (site->kind == PASSERELLE__V1__SITE_KIND__SITE_KIND_EPHEMERAL &&
        !day_within(day, site->first_day, site->last_day)) {
        return false;
    }
    if (site->kind == PASSERELLE__V1__SITE_KIND__SITE_KIND_ITINERANT) {
        /* Stops say where it is; its opening hours, where it has any, still keep holidays off. */
        return at_a_stop(site, day, day_wall_minute(utc_ms)) &&
               (site->opening_hours[0] == '\0' || opening_hours_on(hours, day)->count > 0);
    }
    return opening_hours_is_open(hours, utc_ms);
}

bool site_opens_on(const Passerelle__V1__Site *site, const struct opening_hours *hours,
                   struct day day)
{
    bool hours_say = opening_hours_on(hours, day)->count > 0;
    if (site->kind == PASSERELLE__V1__SITE_KIND__SITE_KIND_EPHEMERAL &&
        !day_within(day, site->first_day, site->last_day)) {
        return false;
    }
    if (site->kind != PASSERELLE__V1__SITE_KIND__SITE_KIND_ITINERANT) {
        return hours_say;
    }
    bool stops = false;
    for (size_t i = 0; i < site->n_stops; i++) {
        stops |= (int)site->stops[i]->weekday == (int)day_weekday(day) + 1;
    }
    return stops && (site->opening_hours[0] == '\0' || hours_say);
}

uint32_t site_capacity(const Passerelle__V1__Site *site, Passerelle__V1__Resource resource)
{
    switch (resource) {
    case PASSERELLE__V1__RESOURCE__RESOURCE_DESK:
        return site->desks;
    case PASSERELLE__V1__RESOURCE__RESOURCE_MEETING_ROOM:
        return site->meeting_rooms;
    case PASSERELLE__V1__RESOURCE__RESOURCE_BOOTH:
        return site->booths;
    default:
        return 0;
    }
}

int64_t stay_closing_utc_ms(const struct opening_hours *hours, int64_t in_utc_ms)
{
    struct day day = day_of_instant(in_utc_ms);
    int64_t midnight = day_start_utc_ms(day_plus(day, 1));
    int minute;
    int64_t out_utc_ms = in_utc_ms + half_day_ms;
    if (opening_hours_closing(hours, day, &minute)) {
        int64_t closing_utc_ms = day_minute_utc_ms(day, minute);
        out_utc_ms = in_utc_ms < closing_utc_ms ? closing_utc_ms : out_utc_ms;
    }
    return out_utc_ms < midnight ? out_utc_ms : midnight;
}

const char *undo_objection(const struct change_facts *facts)
{
    if (facts->is_void || facts->is_corrected || facts->out_utc_ms != 0) {
        return "this visit is no longer open: void it with a reason instead";
    }
    if (!facts->is_last_scan) {
        return "somebody was let in since: void the visit with a reason instead";
    }
    if (facts->now_utc_ms > facts->in_utc_ms + (int64_t)facts->policy->undo_s * 1000) {
        return "the time for taking a scan back is over: void the visit with a reason instead";
    }
    return NULL;
}

const char *void_objection(const struct change_facts *facts)
{
    if (facts->is_void) {
        return "this visit is void already";
    }
    if (facts->is_corrected) {
        return "this visit was corrected: void the one that took its place";
    }
    int64_t last_utc_ms = facts->out_utc_ms + (int64_t)facts->policy->correction_hours * HOUR_MS;
    if (facts->out_utc_ms != 0 && facts->now_utc_ms > last_utc_ms) {
        return "the time for changing this visit is over: ask the operator to open a dispute";
    }
    return NULL;
}

const char *correct_objection(const struct change_facts *facts, int64_t in_utc_ms,
                              int64_t out_utc_ms)
{
    const char *objection = void_objection(facts);
    if (objection != NULL) {
        return objection;
    }
    if (facts->out_utc_ms == 0) {
        return "the visitor is still in: check out first, then correct";
    }
    if (out_utc_ms < in_utc_ms) {
        return "a stay cannot end before it begins: mend the times";
    }
    if (out_utc_ms > facts->now_utc_ms) {
        return "a stay cannot end in the future: mend the times";
    }
    if (day_compare(day_of_instant(in_utc_ms), day_of_instant(facts->in_utc_ms)) != 0) {
        return "a correction keeps the day: void the visit and note the stay from paper instead";
    }
    return NULL;
}

const char *paper_objection(const Passerelle__V1__NetworkPolicy *policy, int64_t now_utc_ms,
                            int64_t in_utc_ms, int64_t out_utc_ms)
{
    if (in_utc_ms > now_utc_ms || out_utc_ms > now_utc_ms) {
        return "a stay noted on paper cannot lie in the future: mend the times";
    }
    if (out_utc_ms != 0 && out_utc_ms < in_utc_ms) {
        return "a stay cannot end before it begins: mend the times";
    }
    if (in_utc_ms < now_utc_ms - (int64_t)policy->paper_hours * HOUR_MS) {
        return "this stay lies too far back to be noted by the desk: ask the operator";
    }
    return NULL;
}

bool correct_lengthens(const struct change_facts *facts, int64_t in_utc_ms, int64_t out_utc_ms)
{
    return out_utc_ms - in_utc_ms > facts->out_utc_ms - facts->in_utc_ms;
}
