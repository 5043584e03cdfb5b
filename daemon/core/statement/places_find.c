#include <stdlib.h>

#include "core/statement/places.h"

enum { INSEE_LEN = 5 };

static int commune_compare(const void *key, const void *row)
{
    const struct view *insee = key;
    return view_compare(*insee, view_bytes(((const struct place_commune *)row)->insee, INSEE_LEN));
}

const struct place_commune *place_find(struct view insee)
{
    return bsearch(&insee, place_communes, place_commune_count, sizeof *place_communes,
                   commune_compare);
}

/* Fitted to the outlines (config/reference/README.md): x = 168.308 + 40.062 lon + 1.127 lat,
 * y = 3038.430 - 0.316 lon - 59.152 lat. */
void place_point(int32_t lat_e5, int32_t lon_e5, int64_t *x, int64_t *y)
{
    *x = 168308 + (INT64_C(40062) * lon_e5 + INT64_C(1127) * lat_e5) / 100000;
    *y = 3038430 - (INT64_C(316) * lon_e5 + INT64_C(59152) * lat_e5) / 100000;
}
