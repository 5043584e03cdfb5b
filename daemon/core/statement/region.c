#include "core/statement/region.h"

#include <stdlib.h>

#include "core/statement/places.h"

/* Rounded half up, in tenths, for each 1,000 inhabitants. */
static struct figure per_thousand(const struct territory *one, int64_t count, int64_t population)
{
    return one->withheld     ? figure_withheld()
           : population <= 0 ? FIGURE_NONE
                             : figure_tenths((count * 10000 + population / 2) / population);
}

static struct figure cents_per_thousand(const struct territory *one, struct cents amount,
                                        int64_t population)
{
    return one->withheld ? figure_withheld()
           : population <= 0
               ? FIGURE_NONE
               : figure_cents(CENTS((amount.cents * 1000 + population / 2) / population));
}

static struct figure told(const struct territory *one, struct figure figure)
{
    return one->withheld ? figure_withheld() : figure;
}

static int64_t population_of(const struct territory *one)
{
    int64_t people = 0;
    for (size_t i = 0; i < place_commune_count; i++) {
        const struct place_commune *commune = &place_communes[i];
        bool in =
            one->family == TERRITORY_NETWORK ||
            (one->family == TERRITORY_ZONE &&
             view_is(one->code, zone_name((enum zone)commune->zone))) ||
            (one->family == TERRITORY_DEPARTEMENT &&
             view_is(one->code, place_departements[commune->departement].code)) ||
            (one->family == TERRITORY_EPCI && view_is(one->code, place_epcis[commune->epci].siren));
        people += in ? commune->population : 0;
    }
    return people;
}

static struct view shown(const struct territory *one)
{
    static const char *const zones[][2] = {
        {"urban", "Urbain"}, {"periurban", "Périurbain"}, {"rural", "Rural"}};
    for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
        if (one->family == TERRITORY_ZONE && view_is(one->code, zones[i][0])) {
            return view_of(zones[i][1]);
        }
    }
    for (size_t i = 0; i < place_departement_count && one->family == TERRITORY_DEPARTEMENT; i++) {
        if (view_is(one->code, place_departements[i].code)) {
            return view_of(place_departements[i].name);
        }
    }
    for (size_t i = 0; i < place_epci_count && one->family == TERRITORY_EPCI; i++) {
        if (view_is(one->code, place_epcis[i].siren)) {
            return view_of(place_epcis[i].name);
        }
    }
    return one->code.len > 0 ? one->code : VIEW_LIT("Hors de la région");
}

static void table(const struct region_input *in, struct statement *out,
                  enum territory_family family, struct statement_section *section)
{
    static const struct statement_column columns[] = {
        {"territory", "Territoire", false},
        {"code", "Code", false},
        {"sites", "Sites", true},
        {"holders", "Personnes", true},
        {"visit_days", "Visites", true},
        {"room_hours", "Heures de salle", true},
        {"subsidy_cents", "Subvention\xc2\xa0(€)", true},
        {"population", "Habitants", true},
        {"visits_per_1000",
         "Visites pour 1\xc2\xa0"
         "000\xc2\xa0hab.",
         true},
        {"subsidy_cents_per_1000",
         "Subvention pour 1\xc2\xa0"
         "000\xc2\xa0hab.\xc2\xa0(€)",
         true},
        {"host_cents_per_1000",
         "Revenu des hôtes pour 1\xc2\xa0"
         "000\xc2\xa0hab.\xc2\xa0(€)",
         true}};
    section_columns(section, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < in->territories.count; i++) {
        const struct territory *one = &in->territories.all[i];
        if (one->family != family || one->holders == 0) {
            continue;
        }
        int64_t population = population_of(one);
        struct figure *row = section_row(out, section);
        row[0] = figure_text(shown(one));
        row[1] = figure_text(one->code);
        row[2] = told(one, figure_count(one->sites));
        row[3] = told(one, figure_count(one->holders));
        row[4] = told(one, figure_count(one->visit_days));
        row[5] = told(one, figure_count(one->room_hours));
        row[6] = told(one, figure_cents(one->subsidy));
        row[7] = population > 0 ? figure_count(population) : FIGURE_NONE;
        row[8] = per_thousand(one, one->visit_days, population);
        row[9] = cents_per_thousand(one, one->subsidy, population);
        row[10] = cents_per_thousand(one, one->host, population);
    }
}

/* ---- map ---- */

enum { SHADES = 4 };

static int64_t rate_of(const struct territory *one)
{
    int64_t population = population_of(one);
    return population > 0 ? (one->visit_days * 10000 + population / 2) / population : 0;
}

static int rate_compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static bool is_on_map(const struct territory *one)
{
    return one->family == TERRITORY_DEPARTEMENT && one->holders > 0;
}

/* Upper ends of the shades: as many départements in each as can be. */
static void shades_of(const struct region_input *in, int64_t *ends, struct arena *arena)
{
    int64_t *rates = ARENA_ARRAY(arena, in->territories.count, int64_t);
    size_t count = 0;
    for (size_t i = 0; i < in->territories.count; i++) {
        const struct territory *one = &in->territories.all[i];
        if (is_on_map(one) && !one->withheld && rate_of(one) > 0) {
            rates[count++] = rate_of(one);
        }
    }
    if (count > 0) {
        qsort(rates, count, sizeof *rates, rate_compare);
    }
    for (size_t k = 0; k < SHADES; k++) {
        ends[k] = count == 0 ? 0 : rates[((k + 1) * count - 1) / SHADES];
    }
}

static int64_t shade_of(int64_t rate, const int64_t *ends)
{
    int64_t shade = 1;
    while (shade < SHADES && rate > ends[shade - 1]) {
        shade++;
    }
    return rate > 0 ? shade : 0;
}

static const struct statement_map *map_of(const struct region_input *in, struct arena *arena)
{
    struct statement_map *map = ARENA_NEW(arena, struct statement_map);
    struct statement_region *regions =
        ARENA_ARRAY(arena, in->territories.count, struct statement_region);
    int64_t ends[SHADES];
    shades_of(in, ends, arena);
    for (size_t i = 0; i < in->territories.count; i++) {
        const struct territory *one = &in->territories.all[i];
        if (is_on_map(one)) {
            regions[map->region_count++] = (struct statement_region){
                one->code, per_thousand(one, one->visit_days, population_of(one)),
                one->withheld ? -1 : shade_of(rate_of(one), ends)};
        }
    }
    map->title = "Visites du mois pour 1\xc2\xa0"
                 "000 habitants, par département\xc2\xa0; chaque point est un tiers-lieu ouvert";
    map->regions = regions;
    map->dots = in->sites;
    map->dot_count = in->site_count;
    map->legend[0] = "aucune visite";
    for (size_t k = 0; k < SHADES; k++) {
        struct figure end = figure_tenths(ends[k]);
        if (ends[k] > (k == 0 ? 0 : ends[k - 1])) {
            map->legend[k + 1] =
                arena_printf(arena, "jusqu'à %.*s", VIEW_FMT(figure_french(&end, arena)));
        }
    }
    return map;
}

void statement_of_region(const struct region_input *input, struct arena *arena,
                         struct statement *out)
{
    statement_begin(out, arena, "region", "Bilan mensuel pour la Région", input->network,
                    input->month, input->provisional);
    for (size_t i = 0; i < input->territories.count; i++) {
        const struct territory *one = &input->territories.all[i];
        if (one->family != TERRITORY_NETWORK || one->holders == 0) {
            continue;
        }
        statement_fact(out, "visit_days", "Visites", told(one, figure_count(one->visit_days)));
        statement_fact(out, "holders", "Personnes", told(one, figure_count(one->holders)));
        statement_fact(out, "sites", "Sites fréquentés", told(one, figure_count(one->sites)));
        statement_fact(out, "subsidy_cents", "Subvention utilisée",
                       told(one, figure_cents(one->subsidy)));
        statement_fact(out, "host_cents", "Revenu des hôtes, HT",
                       told(one, figure_cents(one->host)));
    }
    struct statement_section *section = statement_section(
        out, "zones", "Équité territoriale\xc2\xa0: urbain, périurbain, rural",
        "Visites et argent rapportés à la population de toutes les communes de chaque zone.");
    table(input, out, TERRITORY_ZONE, section);
    section_chart(out, section,
                  "Visites pour 1\xc2\xa0"
                  "000 habitants, par zone",
                  0, 8, false);
    section = statement_section(out, "departements", "Par département", NULL);
    section->map = map_of(input, arena);
    table(input, out, TERRITORY_DEPARTEMENT, section);
    section = statement_section(out, "epcis", "Par intercommunalité", NULL);
    table(input, out, TERRITORY_EPCI, section);
    statement_note(out, "Un territoire où moins de cinq personnes sont venues n'est pas "
                        "chiffré\xc2\xa0; d'autres ne le sont pas non plus quand une différence de "
                        "totaux le trahirait.");
    statement_note(out, "Une visite est la présence d'une personne à un poste d'un site un jour "
                        "donné. La zone d'une commune suit la règle du réseau, pas une "
                        "classification de l'INSEE.");
    statement_note(out, PLACES_SOURCE);
}
