/* What an employer is told of a month: units and amounts by cost centre and holder, its carnets,
 * its invoice. No site, hour or duration. Pure; any thread. */
#ifndef CORE_STATEMENT_EMPLOYER_H
#define CORE_STATEMENT_EMPLOYER_H

#include "core/statement/statement.h"
#include "passerelle/v1/employer.pb-c.h"
#include "passerelle/v1/settlement.pb-c.h"

struct employer_use {
    struct view holder_id;
    struct view name;        /* empty: erased, or not for the reader */
    struct view cost_centre; /* empty: none */
    int64_t half_days, days, room_hours, units;
    struct cents charged;
};

struct employer_carnet {
    struct view carnet_id;
    struct day bought_on, last_day;
    int64_t units, used; /* in all closed months */
    struct cents price;
};

struct employer_input {
    const Passerelle__V1__Employer *employer;
    struct view issuer; /* name */
    struct month month;
    bool provisional;
    struct employer_use *uses; /* any order: they are sorted */
    size_t use_count;
    const struct employer_carnet *carnets;
    size_t carnet_count;
    const Passerelle__V1__SettlementDocument *document; /* NULL: not closed */
};

void statement_of_employer(const struct employer_input *input, struct arena *arena,
                           struct statement *out);

#endif
