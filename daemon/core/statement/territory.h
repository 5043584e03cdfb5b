/* A month's billed use by territory: the network, its zones, départements and intercommunalities,
 * with what must be withheld so that no count speaks of fewer than five people
 * (core/statement/anonymity.h decides over all of them together). Pure; any thread. */
#ifndef CORE_STATEMENT_TERRITORY_H
#define CORE_STATEMENT_TERRITORY_H

#include "core/rating/rating.h"

enum territory_family {
    TERRITORY_NETWORK,
    TERRITORY_ZONE,
    TERRITORY_DEPARTEMENT,
    TERRITORY_EPCI,
};

/* Where a site stands; texts are borrowed, "" where it is not known. */
struct territory_place {
    struct view departement; /* "31" */
    struct view epci;        /* SIREN */
    enum zone zone;
};

struct territory {
    enum territory_family family;
    struct view code; /* "network", "rural", "31", a SIREN */
    bool withheld;    /* the figures must not be told */
    int64_t sites;    /* with a billed visit */
    int64_t holders;
    int64_t visit_days, room_hours;
    struct cents subsidy; /* paid by the Region through the operator */
    struct cents host;    /* what hosts earn, of issuers other than themselves */
};

struct territories {
    struct territory *all; /* by family, then code */
    size_t count;
};

/* `places` is by number of the roster's sites. Lists are in the arena. E_OVERFLOW. */
must_check int territories_count(const struct roster *roster, const struct rating *rating,
                                 const struct territory_place *places, struct arena *arena,
                                 struct territories *out);

/* The département of an INSEE code: two characters, overseas three. */
struct view departement_of(struct view insee);

#endif
