#include "core/visit/padding.h"

#include <stdlib.h>

#include "base/arena.h"

/* ---- one stay ---- */

/* Before the doors open or after they close, by more than half an hour. */
static bool is_out_of_hours(const struct padding_stay *stay, const Passerelle__V1__Site *site,
                            const struct opening_hours *hours)
{
    int64_t slack_ms = (int64_t)PADDING_EARLY_LATE_MINUTES * MINUTE_MS;
    Passerelle__V1__Site then = *site;
    then.state = PASSERELLE__V1__SITE_STATE__SITE_STATE_ACTIVE;
    return (!site_is_open(&then, hours, stay->in_utc_ms) &&
            !site_is_open(&then, hours, stay->in_utc_ms + slack_ms)) ||
           stay->out_utc_ms > stay_closing_utc_ms(hours, stay->in_utc_ms) + slack_ms;
}

unsigned padding_signs(struct padding_stay *stay, const Passerelle__V1__Site *site,
                       const struct opening_hours *hours)
{
    if (stay->out_utc_ms == 0) {
        stay->out_utc_ms = stay_closing_utc_ms(hours, stay->in_utc_ms);
        stay->auto_closed = true;
    }
    return (stay->auto_closed ? 1u << PADDING_AUTO_CLOSED : 0) |
           (stay->card ? 1u << PADDING_CARD : 0) | (stay->paper ? 1u << PADDING_PAPER : 0) |
           (is_out_of_hours(stay, site, hours) ? 1u << PADDING_OUT_OF_HOURS : 0);
}

int64_t padding_minutes(const struct padding_stay *stay)
{
    int64_t minutes = (stay->out_utc_ms - stay->in_utc_ms) / MINUTE_MS;
    return minutes < 0 ? 0 : minutes / PADDING_STEP_MINUTES * PADDING_STEP_MINUTES;
}

void padding_add(struct padding_site *site, const struct padding_stay *stay, unsigned signs)
{
    site->stays++;
    for (unsigned sign = 0; sign < PADDING_LONG_STAYS; sign++) {
        site->with[sign] += signs >> sign & 1;
    }
    if (stay->desk) {
        int64_t step = padding_minutes(stay) / PADDING_STEP_MINUTES;
        site->lengths[step < PADDING_STEPS ? step : PADDING_STEPS - 1]++;
        site->desk_stays++;
    }
}

/* ---- figures ---- */

/* The length that one desk stay in ten reaches; 0 where there is none. */
static int64_t longest_tenth(const struct padding_site *site)
{
    uint32_t above = 0;
    int step = site->desk_stays == 0 ? 0 : PADDING_STEPS - 1;
    while (step > 0) {
        above += site->lengths[step];
        if ((uint64_t)above * 10 >= site->desk_stays) {
            break;
        }
        step--;
    }
    return (int64_t)step * PADDING_STEP_MINUTES;
}

static int64_t value_of(const struct padding_site *site, enum padding_sign sign)
{
    return sign == PADDING_LONG_STAYS ? longest_tenth(site)
                                      : (int64_t)site->with[sign] * 1000 / site->stays;
}

static int by_number(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* The lower of the two in the middle. Sorts. */
static int64_t median_of(int64_t *values, size_t count)
{
    qsort(values, count, sizeof *values, by_number);
    return values[(count - 1) / 2];
}

/* ---- groups ---- */

struct looking {
    const struct padding_site *sites;
    const Passerelle__V1__NetworkPolicy *policy;
    struct padding_finding *out;
    const size_t *members; /* the peers */
    size_t count;
    int64_t *values; /* room for as many */
};

static bool has_enough(const struct looking *l, size_t i)
{
    return l->sites[i].stays > 0 && l->sites[i].stays >= l->policy->padded_stays_min;
}

static void compare(const struct looking *l, enum padding_sign sign)
{
    int64_t least = sign == PADDING_LONG_STAYS ? l->policy->padded_minutes
                                               : l->policy->padded_per_thousand;
    for (size_t i = 0; i < l->count; i++) {
        l->values[i] = value_of(&l->sites[l->members[i]], sign);
    }
    int64_t median = median_of(l->values, l->count);
    for (size_t i = 0; i < l->count; i++) {
        l->values[i] = llabs(l->values[i] - median);
    }
    int64_t deviation = median_of(l->values, l->count);
    for (size_t i = 0; i < l->count; i++) {
        struct padding_finding *finding = &l->out[l->members[i]];
        struct padding_figure *figure = &finding->figures[sign];
        int64_t value = value_of(&l->sites[l->members[i]], sign);
        int64_t above = value - median;
        *figure = (struct padding_figure){
            .value = value,
            .median = median,
            .deviation = deviation,
            .stands_out = above > least && above > deviation * l->policy->padded_deviations,
        };
        finding->peers = (uint32_t)l->count - 1;
        finding->stands_out |= figure->stands_out;
    }
}

/* The sites of a zone (UNSPECIFIED: of all) that have enough stays. */
static size_t gather(const struct looking *l, const Passerelle__V1__Zone *zones, size_t count,
                     Passerelle__V1__Zone zone, size_t *members)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (has_enough(l, i) &&
            (zone == PASSERELLE__V1__ZONE__ZONE_UNSPECIFIED || zones[i] == zone)) {
            members[found++] = i;
        }
    }
    return found;
}

static void compare_all(const struct looking *l)
{
    for (int sign = 0; l->count >= PADDING_PEERS_MIN && sign < PADDING_SIGNS; sign++) {
        compare(l, (enum padding_sign)sign);
    }
}

void padding_look(const struct padding_site *sites, const Passerelle__V1__Zone *zones, size_t count,
                  const Passerelle__V1__NetworkPolicy *policy, struct padding_finding *out)
{
    static const Passerelle__V1__Zone order[] = {
        PASSERELLE__V1__ZONE__ZONE_UNSPECIFIED, PASSERELLE__V1__ZONE__ZONE_URBAN,
        PASSERELLE__V1__ZONE__ZONE_PERIURBAN, PASSERELLE__V1__ZONE__ZONE_RURAL};
    size_t *members = xcalloc(count + 1, sizeof *members);
    struct looking l = {.sites = sites, .policy = policy, .out = out, .members = members};
    l.values = xcalloc(count + 1, sizeof *l.values);
    memset(out, 0, count * sizeof *out);
    for (size_t i = 0; i < ARRAY_LEN(order); i++) { /* a zone of its own replaces all zones */
        l.count = gather(&l, zones, count, order[i], members);
        for (size_t k = 0; l.count >= PADDING_PEERS_MIN && k < l.count; k++) {
            out[members[k]] = (struct padding_finding){0};
        }
        compare_all(&l);
    }
    free(l.values);
    free(members);
}
