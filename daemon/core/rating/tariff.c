#include "core/rating/tariff.h"

#include <assert.h>

struct tariff_entry {
    uint32_t version; /* index into versions */
    uint32_t category;
    enum zone zone;
    enum slot slot;
    struct prices prices;
};

/* Keeps row numbers within 24 bits of a sort key. */
static const uint64_t row_count_max = 1u << 24;

static const char *const resource_names[] = {"desk", "meeting_room", "booth"};
static const char *const unit_names[] = {"half_day", "day", "hour"};
static const char *const zone_names[] = {"urban", "periurban", "rural"};

static const struct {
    enum resource resource;
    enum unit unit;
} slots[] = {
    [SLOT_HALF_DAY] = {RESOURCE_DESK, UNIT_HALF_DAY},
    [SLOT_DAY] = {RESOURCE_DESK, UNIT_DAY},
    [SLOT_MEETING_ROOM] = {RESOURCE_MEETING_ROOM, UNIT_HOUR},
    [SLOT_BOOTH] = {RESOURCE_BOOTH, UNIT_HOUR},
};
_Static_assert(ARRAY_LEN(slots) == SLOT_COUNT, "every slot has a row");
_Static_assert(SLOT_DAY == SLOT_HALF_DAY + 1, "rating steps from a day's row to the half-day's");

static int word_find(struct view word, const char *const *words, size_t count, size_t *out)
{
    for (size_t i = 0; i < count; i++) {
        if (view_is(word, words[i])) {
            *out = i;
            return 0;
        }
    }
    return E_INVALID;
}

const char *resource_name(enum resource resource)
{
    return resource_names[resource];
}

const char *unit_name(enum unit unit)
{
    return unit_names[unit];
}

const char *zone_name(enum zone zone)
{
    return zone_names[zone];
}

int resource_parse(struct view word, enum resource *out)
{
    size_t at;
    int error = word_find(word, resource_names, ARRAY_LEN(resource_names), &at);
    if (error == 0) {
        *out = (enum resource)at;
    }
    return error;
}

int unit_parse(struct view word, enum unit *out)
{
    size_t at;
    int error = word_find(word, unit_names, ARRAY_LEN(unit_names), &at);
    if (error == 0) {
        *out = (enum unit)at;
    }
    return error;
}

int zone_parse(struct view word, enum zone *out)
{
    size_t at;
    int error = word_find(word, zone_names, ARRAY_LEN(zone_names), &at);
    if (error == 0) {
        *out = (enum zone)at;
    }
    return error;
}

int slot_of(enum resource resource, enum unit unit, enum slot *out)
{
    for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
        if (slots[i].resource == resource && slots[i].unit == unit) {
            *out = (enum slot)i;
            return 0;
        }
    }
    return E_INVALID;
}

enum resource slot_resource(enum slot slot)
{
    return slots[slot].resource;
}

enum unit slot_unit(enum slot slot)
{
    return slots[slot].unit;
}

void tariff_init(struct tariff *tariff, uint64_t seed)
{
    *tariff = (struct tariff){0};
    names_init(&tariff->categories, seed);
}

void tariff_release(struct tariff *tariff)
{
    names_release(&tariff->categories);
    free(tariff->versions);
    free(tariff->entries);
    free(tariff->grid);
    free(tariff->present);
    *tariff = (struct tariff){0};
}

int tariff_category(struct tariff *tariff, struct view category, uint32_t *out)
{
    assert(tariff->grid == NULL);
    int error = names_add(&tariff->categories, category, out);
    return error == E_EXISTS ? 0 : error;
}

static int version_add(struct tariff *tariff, uint32_t number, struct day valid_from, uint32_t *out,
                       struct fault *fault)
{
    for (uint32_t i = 0; i < tariff->version_count; i++) {
        const struct tariff_version *old = &tariff->versions[i];
        bool same_day = day_compare(old->valid_from, valid_from) == 0;
        if (old->number == number && same_day) {
            *out = i;
            return 0;
        }
        if (old->number == number) {
            return fault_set(fault, E_CONFLICT,
                             "tariff version %u has two first days: give all its rows the same "
                             "valid_from",
                             number);
        }
        if (same_day) {
            return fault_set(fault, E_CONFLICT,
                             "tariff versions %u and %u start on the same day: give one of them "
                             "another valid_from",
                             old->number, number);
        }
    }
    tariff->versions =
        xrealloc(tariff->versions, tariff->version_count + 1u, sizeof(*tariff->versions));
    *out = tariff->version_count++;
    tariff->versions[*out] = (struct tariff_version){number, valid_from};
    return 0;
}

static int prices_check(const struct prices *prices, struct fault *fault)
{
    if (prices->public_price.cents < 0 || prices->host_share.cents < 0 ||
        prices->network_fee.cents < 0 || prices->subsidy.cents < 0) {
        return fault_set(fault, E_INVALID, "a tariff row holds a negative amount");
    }
    return 0;
}

int tariff_add(struct tariff *tariff, const struct tariff_row *row, struct fault *fault)
{
    assert(tariff->grid == NULL);
    struct tariff_entry entry = {.zone = row->zone, .prices = row->prices};
    if (slot_of(row->resource, row->unit, &entry.slot) != 0) {
        return fault_set(fault, E_INVALID, "a %s is not sold by the %s",
                         resource_name(row->resource), unit_name(row->unit));
    }
    int error = prices_check(&row->prices, fault);
    if (error != 0) {
        return error;
    }
    error = version_add(tariff, row->version, row->valid_from, &entry.version, fault);
    if (error != 0) {
        return error;
    }
    error = tariff_category(tariff, row->category, &entry.category);
    if (error != 0) {
        return fault_set(fault, error, "too many tariff categories");
    }
    if ((tariff->entry_count & (tariff->entry_count - 1)) == 0) { /* doubles at powers of two */
        tariff->entries = xrealloc(tariff->entries, tariff->entry_count * (size_t)2 + 1,
                                   sizeof(*tariff->entries));
    }
    tariff->entries[tariff->entry_count++] = entry;
    return 0;
}

static int versions_compare(const void *a, const void *b)
{
    return day_compare(((const struct tariff_version *)a)->valid_from,
                       ((const struct tariff_version *)b)->valid_from);
}

/* Sorts the versions and says where each one went; the caller frees. */
static uint32_t *versions_sort(struct tariff *tariff)
{
    struct tariff_version *old = xmalloc((tariff->version_count + 1u) * sizeof(*old));
    uint32_t *moved = xmalloc((tariff->version_count + 1u) * sizeof(*moved));
    for (uint32_t i = 0; i < tariff->version_count; i++) {
        old[i] = tariff->versions[i];
    }
    if (tariff->version_count > 1) {
        qsort(tariff->versions, tariff->version_count, sizeof(*old), versions_compare);
    }
    for (uint32_t i = 0; i < tariff->version_count; i++) {
        moved[i] = (uint32_t)tariff_version_on(tariff, old[i].valid_from);
    }
    free(old);
    return moved;
}

int tariff_freeze(struct tariff *tariff, struct fault *fault)
{
    assert(tariff->grid == NULL);
    uint64_t rows = (uint64_t)tariff->version_count * tariff->categories.count;
    if (rows > row_count_max / (ZONE_COUNT * SLOT_COUNT)) {
        return fault_set(fault, E_LIMIT, "too many tariff versions and categories");
    }
    tariff->row_count = (uint32_t)rows * ZONE_COUNT * SLOT_COUNT;
    tariff->grid = xcalloc(tariff->row_count + 1u, sizeof(*tariff->grid));
    tariff->present = xcalloc(tariff->row_count + 1u, sizeof(*tariff->present));
    uint32_t *moved = versions_sort(tariff);
    int error = 0;
    for (uint32_t i = 0; i < tariff->entry_count && error == 0; i++) {
        const struct tariff_entry *entry = &tariff->entries[i];
        uint32_t version = moved[entry->version];
        uint32_t row =
            tariff_row_number(tariff, version, entry->category, entry->zone, entry->slot);
        if (tariff->present[row]) {
            error = fault_set(fault, E_EXISTS, "tariff version %u has the row %.*s/%s/%s/%s twice",
                              tariff->versions[version].number,
                              VIEW_FMT(tariff->categories.ids[entry->category]),
                              zone_name(entry->zone), resource_name(slot_resource(entry->slot)),
                              unit_name(slot_unit(entry->slot)));
        }
        tariff->present[row] = true;
        tariff->grid[row] = entry->prices;
    }
    free(moved);
    return error;
}

int tariff_version_on(const struct tariff *tariff, struct day day)
{
    int found = -1;
    for (uint32_t i = 0; i < tariff->version_count; i++) {
        if (day_compare(tariff->versions[i].valid_from, day) <= 0) {
            found = (int)i;
        }
    }
    return found;
}

uint32_t tariff_row_number(const struct tariff *tariff, uint32_t version, uint32_t category,
                           enum zone zone, enum slot slot)
{
    return ((version * tariff->categories.count + category) * ZONE_COUNT + (uint32_t)zone) *
               SLOT_COUNT +
           (uint32_t)slot;
}

const struct prices *tariff_prices(const struct tariff *tariff, uint32_t row)
{
    assert(row < tariff->row_count);
    return tariff->present[row] ? &tariff->grid[row] : NULL;
}

int tariff_missing(const struct tariff *tariff, int version, uint32_t category, enum zone zone,
                   enum slot slot, struct day day, struct fault *fault)
{
    char text[11];
    day_format(day, text);
    if (version < 0) {
        return fault_set(fault, E_NOT_FOUND,
                         "no tariff version is in force on %s: publish one that starts on or "
                         "before that day",
                         text);
    }
    return fault_set(fault, E_NOT_FOUND,
                     "no tariff row for %.*s/%s/%s/%s on %s: publish a version that has it",
                     VIEW_FMT(tariff->categories.ids[category]), zone_name(zone),
                     resource_name(slot_resource(slot)), unit_name(slot_unit(slot)), text);
}
