/* What is told of a site's month: days, occupancy, money. Pure; any thread. */
#ifndef CORE_STATEMENT_SITE_H
#define CORE_STATEMENT_SITE_H

#include "core/statement/statement.h"
#include "passerelle/v1/network.pb-c.h"

struct site_day {
    struct day day;
    bool open;
    int64_t visits; /* visit-days and stays in rooms */
    int64_t people; /* distinct */
    int64_t half_days, days, room_hours;
    int64_t desks_at_once; /* most of them */
    struct cents host;
};

struct site_issuer {
    struct view name;
    bool own; /* the host itself: nothing is billed */
    int64_t half_days, days, room_hours;
    struct cents host;
};

struct site_input {
    const Passerelle__V1__Site *site;
    struct view member;  /* name */
    struct view commune; /* name or code */
    struct month month;
    bool provisional;
    const struct site_day *days; /* of the month, each */
    size_t day_count;
    const struct site_issuer *issuers; /* with something billed */
    size_t issuer_count;
};

void statement_of_site(const struct site_input *input, struct arena *arena, struct statement *out);

#endif
