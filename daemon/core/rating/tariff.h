/* The tariff grid (RULES 7): versions, each with rows (category, zone, resource, unit) -> prices.
 * Fill with tariff_add(), then tariff_freeze() once; after that it is only read, from any thread.
 * Which version applies is decided by the day alone. */
#ifndef CORE_RATING_TARIFF_H
#define CORE_RATING_TARIFF_H

#include "core/day/day.h"
#include "core/money/cents.h"
#include "core/rating/names.h"

enum resource { RESOURCE_DESK, RESOURCE_MEETING_ROOM, RESOURCE_BOOTH };
enum unit { UNIT_HALF_DAY, UNIT_DAY, UNIT_HOUR };
enum zone { ZONE_URBAN, ZONE_PERIURBAN, ZONE_RURAL };
enum { RESOURCE_COUNT = 3, ZONE_COUNT = 3, SLOT_COUNT = 4 };

/* The (resource, unit) pairs that can be sold. */
enum slot { SLOT_HALF_DAY, SLOT_DAY, SLOT_MEETING_ROOM, SLOT_BOOTH };

/* The words of the files: "meeting_room", "half_day", "periurban". */
const char *resource_name(enum resource resource);
const char *unit_name(enum unit unit);
const char *zone_name(enum zone zone);
must_check int resource_parse(struct view word, enum resource *out);
must_check int unit_parse(struct view word, enum unit *out);
must_check int zone_parse(struct view word, enum zone *out);
/* E_INVALID: desks are sold by half-days and days, rooms and booths by hours. */
must_check int slot_of(enum resource resource, enum unit unit, enum slot *out);
enum resource slot_resource(enum slot slot);
enum unit slot_unit(enum slot slot);

/* Net of VAT, per unit of the row. */
struct prices {
    struct cents public_price; /* P: what the employer is charged */
    struct cents host_share;   /* H: issuer to host */
    struct cents network_fee;  /* F: issuer to operator */
    struct cents subsidy;      /* S: operator to issuer */
};

struct tariff_row {
    uint32_t version;
    struct day valid_from;
    struct view category;
    enum zone zone;
    enum resource resource;
    enum unit unit;
    struct prices prices;
};

struct tariff_version {
    uint32_t number;
    struct day valid_from;
};

struct tariff_entry; /* a row as added */

struct tariff {
    struct names categories;
    struct tariff_version *versions; /* by valid_from once frozen */
    uint32_t version_count;
    struct tariff_entry *entries;
    uint32_t entry_count;
    struct prices *grid; /* frozen: [version][category][zone][slot] */
    bool *present;       /* the same index */
    uint32_t row_count;
};

void tariff_init(struct tariff *tariff, uint64_t seed);
void tariff_release(struct tariff *tariff);
/* E_INVALID: a negative price, or a unit that the resource is not sold by; E_CONFLICT: the version
 * has another first day, or another version has this one; E_EXISTS: the version has this row. */
must_check int tariff_add(struct tariff *tariff, const struct tariff_row *row, struct fault *fault);
/* The number of a category, known to the grid or not. Not after the freeze. */
must_check int tariff_category(struct tariff *tariff, struct view category, uint32_t *out);
must_check int tariff_freeze(struct tariff *tariff, struct fault *fault);

/* Index of the version in force on that day, or -1 when none is yet. */
int tariff_version_on(const struct tariff *tariff, struct day day);
/* Number of a row of the grid; the row may be absent. SLOT_DAY is always SLOT_HALF_DAY + 1. */
uint32_t tariff_row_number(const struct tariff *tariff, uint32_t version, uint32_t category,
                           enum zone zone, enum slot slot);
/* NULL when the version has no such row. */
const struct prices *tariff_prices(const struct tariff *tariff, uint32_t row);
/* Sets the sentence "no tariff row for standard/rural/booth/hour on 2026-10-03: ..."; returns
 * E_NOT_FOUND. `version` may be -1. */
int tariff_missing(const struct tariff *tariff, int version, uint32_t category, enum zone zone,
                   enum slot slot, struct day day, struct fault *fault);

#endif
