/* Statements: who must not be given away, by an attacker that tries every sum and difference; and
 * that the three forms of a statement say the same. */
#include <check.h>
#include <stdlib.h>

#include "core/statement/anonymity.h"
#include "core/statement/places.h"
#include "core/statement/region.h"
#include "stride.h"
#include "wire/json.h"

static uint64_t seed;

static uint64_t chance(uint64_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % below;
}

/* ---- who must not be given away ---- */

enum { ATOMS_MAX = 8, GROUPS_MAX = 10, PAIRS_MAX = 400 };

struct world {
    struct anonymity anonymity;
    struct anonymity_group groups[GROUPS_MAX];
    bool atoms[GROUPS_MAX][ATOMS_MAX];
    struct anonymity_pair pairs[PAIRS_MAX];
};

static int pair_compare(const void *left, const void *right)
{
    const struct anonymity_pair *a = left;
    const struct anonymity_pair *b = right;
    return a->person != b->person ? (a->person > b->person) - (a->person < b->person)
                                  : (a->atom > b->atom) - (a->atom < b->atom);
}

/* A network, then three families that part it anyhow. */
static void world_make(struct world *w, uint64_t number)
{
    size_t atoms = 2 + chance(ATOMS_MAX - 1);
    size_t groups = 1;
    *w = (struct world){0};
    seed = number * 7919 + 1;
    for (size_t a = 0; a < atoms; a++) {
        w->atoms[0][a] = true;
    }
    for (unsigned family = 1; family < ANONYMITY_FAMILIES; family++) {
        size_t parts = 1 + chance(3);
        for (size_t a = 0; a < atoms; a++) {
            w->atoms[groups + chance(parts)][a] = true;
        }
        for (size_t k = 0; k < parts; k++) {
            w->groups[groups + k].family = family;
        }
        groups += parts;
    }
    size_t count = 0;
    uint32_t person = 0;
    for (uint32_t a = 0; a < atoms; a++) {
        uint64_t people = chance(3) == 0 ? chance(4) : chance(14);
        for (uint64_t p = 0; p < people && count + 2 < PAIRS_MAX; p++, person++) {
            w->pairs[count++] = (struct anonymity_pair){person, a};
            if (chance(4) == 0) {
                uint32_t other = (uint32_t)chance(atoms);
                if (other != a) {
                    w->pairs[count++] = (struct anonymity_pair){person, other};
                }
            }
        }
    }
    qsort(w->pairs, count, sizeof *w->pairs, pair_compare);
    for (size_t g = 0; g < groups; g++) {
        w->groups[g].atoms = w->atoms[g];
    }
    w->anonymity = (struct anonymity){atoms, w->pairs, count, w->groups, groups};
}

static size_t people_in(const struct world *w, const bool *atoms)
{
    size_t people = 0;
    for (size_t i = 0; i < w->anonymity.pair_count;) {
        bool there = false;
        uint32_t person = w->pairs[i].person;
        for (; i < w->anonymity.pair_count && w->pairs[i].person == person; i++) {
            there = there || atoms[w->pairs[i].atom];
        }
        people += there;
    }
    return people;
}

/* Every told count times -1, 0 or 1, added up: what comes out as a set of atoms has nobody or five
 * people and more. Returns how many sets came out. */
static size_t attack(const struct world *w, uint64_t number)
{
    size_t told[GROUPS_MAX];
    size_t count = 0;
    size_t sets = 0;
    for (size_t g = 0; g < w->anonymity.group_count; g++) {
        if (!w->groups[g].withheld && w->groups[g].people > 0) {
            told[count++] = g;
        }
    }
    size_t ways = 1;
    bool somebody[ATOMS_MAX] = {false}; /* where nobody was, any factor adds nothing */
    for (size_t i = 0; i < w->anonymity.pair_count; i++) {
        somebody[w->pairs[i].atom] = true;
    }
    for (size_t i = 0; i < count; i++) {
        ways *= 3;
    }
    for (size_t way = 0; way < ways; way++) {
        int sum[ATOMS_MAX] = {0};
        bool atoms[ATOMS_MAX] = {false};
        bool is_set = true;
        for (size_t i = 0, rest = way; i < count; i++, rest /= 3) {
            for (size_t a = 0; a < w->anonymity.atom_count; a++) {
                sum[a] += ((int)(rest % 3) - 1) * w->atoms[told[i]][a];
            }
        }
        for (size_t a = 0; a < w->anonymity.atom_count; a++) {
            is_set = is_set && (sum[a] == 0 || sum[a] == 1 || !somebody[a]);
            atoms[a] = sum[a] == 1;
        }
        size_t people = is_set ? people_in(w, atoms) : 0;
        ck_assert_msg(people == 0 || people >= ANONYMITY_MIN,
                      "world %llu: a difference tells of %zu people", (unsigned long long)number,
                      people);
        sets += people > 0;
    }
    return sets;
}

START_TEST(nobody_is_given_away)
{
    size_t withheld = 0;
    size_t told = 0;
    size_t sets = 0;
    for (uint64_t number = 0; number < 4000; number += stride()) {
        struct world w;
        world_make(&w, number);
        anonymity_decide(&w.anonymity);
        for (size_t g = 0; g < w.anonymity.group_count; g++) {
            ck_assert_uint_eq(w.groups[g].people, people_in(&w, w.atoms[g]));
            withheld += w.groups[g].withheld;
            told += !w.groups[g].withheld && w.groups[g].people > 0;
        }
        sets += attack(&w, number);
    }
    ck_assert_uint_gt(withheld, 0);
    ck_assert_uint_gt(told, withheld / 4); /* not all is withheld to be safe */
    ck_assert_uint_gt(sets, told);
}
END_TEST

START_TEST(enough_people_are_told)
{
    static const bool all[] = {true, true, true};
    static const bool first[] = {true, false, false};
    static const bool second[] = {false, true, false};
    static const bool third[] = {false, false, true};
    struct anonymity_pair pairs[64];
    struct anonymity_group groups[] = {{.family = 0, .atoms = all},
                                       {.family = 1, .atoms = first},
                                       {.family = 1, .atoms = second},
                                       {.family = 1, .atoms = third}};
    for (uint32_t i = 0; i < 24; i++) {
        pairs[i] = (struct anonymity_pair){i, i % 3};
    }
    struct anonymity anonymity = {3, pairs, 24, groups, ARRAY_LEN(groups)};
    anonymity_decide(&anonymity);
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        ck_assert(!groups[i].withheld);
        ck_assert_uint_eq(groups[i].people, i == 0 ? 24 : 8);
    }
    /* Three people in one place: it is withheld, and with it the smallest other. */
    for (uint32_t i = 0; i < 24; i++) {
        pairs[i].atom = i < 3 ? 0 : i < 12 ? 1 : 2;
    }
    anonymity_decide(&anonymity);
    ck_assert(!groups[0].withheld && groups[1].withheld && groups[2].withheld);
    ck_assert(!groups[3].withheld);
}
END_TEST

/* ---- places ---- */

START_TEST(places)
{
    uint32_t people = 0;
    uint32_t in_epcis = 0;
    for (size_t i = 0; i < place_commune_count; i++) {
        ck_assert(i == 0 || strcmp(place_communes[i - 1].insee, place_communes[i].insee) < 0);
        people += place_communes[i].population;
    }
    for (size_t i = 0; i < place_epci_count; i++) {
        in_epcis += place_epcis[i].population;
    }
    ck_assert_uint_eq(place_departement_count, 13);
    ck_assert_uint_eq(people, in_epcis);
    const struct place_commune *toulouse = place_find(VIEW_LIT("31555"));
    ck_assert_ptr_nonnull(toulouse);
    ck_assert_str_eq(toulouse->name, "Toulouse");
    ck_assert_str_eq(place_departements[toulouse->departement].code, "31");
    ck_assert_int_eq(toulouse->zone, ZONE_URBAN);
    ck_assert_ptr_null(place_find(VIEW_LIT("75056")));
    ck_assert_ptr_null(place_find(VIEW_NONE));
    int64_t x, y;
    place_point(4360426, 144367, &x, &y); /* Toulouse lies within the map */
    ck_assert_int_gt(x, place_box[0] * 100);
    ck_assert_int_lt(x, (place_box[0] + place_box[2]) * 100);
    ck_assert_int_gt(y, place_box[1] * 100);
    ck_assert_int_lt(y, (place_box[1] + place_box[3]) * 100);
}
END_TEST

/* ---- forms ---- */

static void some_statement(struct statement *out, struct arena *arena)
{
    static const struct statement_column columns[] = {
        {"name", "Nom", false},    {"count", "Nombre", true}, {"cents", "Montant (€)", true},
        {"tenths", "Taux", true},  {"day", "Jour", false},    {"time", "Heure", true},
        {"percent", "Part", true}, {"none", "Rien", true},    {"withheld", "Tu", true}};
    static const char *const names[] = {"L'Œuvre <b>&\"co\";", "=SOMME(A1)"};
    statement_begin(out, arena, "some", "Relevé", VIEW_LIT("Ça & là"),
                    month_of((struct day){20757}), true);
    statement_fact(out, "sum_cents", "Somme", figure_cents(CENTS(-123456789)));
    struct statement_section *section = statement_section(out, "rows", "Lignes", "Une note.");
    section_columns(section, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < 40; i++) {
        struct figure *row = section_row(out, section);
        row[0] = figure_text(view_of(names[i % 2]));
        row[1] = figure_count((int64_t)i * 1000);
        row[2] = figure_cents(CENTS(i == 1 ? -5 : (int64_t)i * 10050));
        row[3] = figure_tenths(i == 1 ? -3 : 123);
        row[4] = figure_day((struct day){20757});
        row[5] = figure_time(INT64_C(1793430300000)); /* 2026-10-31T07:05:00Z */
        row[6] = figure_percent(42);
        row[8] = figure_withheld();
    }
    section_total(out, section)[0] = figure_text(VIEW_LIT("Total"));
    section_chart(out, section, "Nombres & noms", 0, 1, false);
    section = statement_section(out, "empty", "Rien", NULL);
    section_columns(section, columns, 2);
    section_chart(out, section, "Rien", 0, 1, true);
    ck_assert_ptr_null(section->chart);
    statement_note(out, "Fin.");
}

static size_t times(const struct buf *text, const char *word)
{
    size_t count = 0;
    for (const char *at = strstr(text->data, word); at != NULL; at = strstr(at + 1, word)) {
        count++;
    }
    return count;
}

static void has(const struct buf *text, const char *word)
{
    ck_assert_msg(strstr(text->data, word) != NULL, "'%s' is not in: %.2000s", word, text->data);
}

START_TEST(forms)
{
    struct arena arena = ARENA_INIT;
    struct statement statement;
    struct buf out = BUF_INIT;
    some_statement(&statement, &arena);
    statement_html(&statement, &out);
    has(&out, "<html lang=\"fr\">");
    has(&out, "<th scope=\"row\">L&#39;Œuvre &lt;b&gt;&amp;&quot;co&quot;;</th>");
    has(&out, "<dd>-1\xc2\xa0"
              "234\xc2\xa0"
              "567,89\xc2\xa0€</dd>");
    has(&out, "8\xc2\xa0h\xc2\xa0"
              "05");
    has(&out, "42\xc2\xa0%");
    has(&out, "Provisoire");
    has(&out, "<title>Nombres &amp; noms</title>");
    has(&out, "Rien ce mois-ci.");
    ck_assert_uint_eq(times(&out, "<caption>"), 1);
    ck_assert_uint_eq(times(&out, "scope=\"col\""), 9);
    ck_assert_uint_eq(times(&out, "moins de 5"), 40);
    ck_assert_uint_eq(times(&out, "<script"), 0);
    buf_clear(&out);
    statement_csv(&statement, &out);
    ck_assert_int_eq(strncmp(out.data, "\xEF\xBB\xBFRelevé;Ça & là\r\nMois;2026-10\r\n", 33), 0);
    has(&out, "Somme;-1234567,89\r\n");
    has(&out, "\"L'Œuvre <b>&\"\"co\"\";\";0;0,00;12,3;2026-10-31;08:05;42;;moins de 5\r\n");
    has(&out, "'=SOMME(A1);1000;-0,05;-0,3;");
    buf_clear(&out);
    statement_json(&statement, &out);
    has(&out, "\"facts\":{\"sum_cents\":-123456789}");
    has(&out, "{\"name\":\"=SOMME(A1)\",\"count\":1000,\"cents\":-5,\"tenths\":-0.3,"
              "\"day\":\"2026-10-31\",\"time\":\"2026-10-31T07:05:00.000Z\",\"percent\":42,"
              "\"none\":null,\"withheld\":{\"withheld\":true}}");
    buf_release(&out);
    arena_release(&arena);
}
END_TEST

/* What is withheld stands in no form of the Region's statement. */
START_TEST(region_withholds)
{
    struct arena arena = ARENA_INIT;
    struct buf out = BUF_INIT;
    struct statement statement;
    struct territory all[] = {
        {TERRITORY_NETWORK, VIEW_LIT("network"), false, 9, 77, 7001, 3, CENTS(1200), CENTS(900)},
        {TERRITORY_ZONE, VIEW_LIT("rural"), true, 2, 4, 666661, 0, CENTS(66666), CENTS(1)},
        {TERRITORY_DEPARTEMENT, VIEW_LIT("48"), true, 2, 4, 666662, 0, CENTS(77777), CENTS(1)},
        {TERRITORY_DEPARTEMENT, VIEW_LIT("31"), false, 7, 73, 6000, 3, CENTS(1200), CENTS(900)},
        {TERRITORY_EPCI, VIEW_LIT(""), true, 2, 4, 666663, 0, CENTS(88888), CENTS(1)},
    };
    struct statement_dot dot = {4360426, 144367, VIEW_LIT("Ici & là")};
    struct region_input input = {.network = VIEW_LIT("Réseau"),
                                 .month = month_of((struct day){20757}),
                                 .territories = {all, ARRAY_LEN(all)},
                                 .sites = &dot,
                                 .site_count = 1};
    statement_of_region(&input, &arena, &statement);
    statement_html(&statement, &out);
    statement_csv(&statement, &out);
    statement_json(&statement, &out);
    ck_assert_uint_eq(times(&out, "66666"), 0);
    ck_assert_uint_eq(times(&out, "666"), 0);
    ck_assert_uint_eq(times(&out, "777,77"), 0);
    ck_assert_uint_eq(times(&out, "888,88"), 0);
    has(&out, "<path class=\"dep q9\"");
    has(&out, "<path class=\"dep q1\"");
    has(&out, "Ici &amp; là");
    has(&out, "Hors de la région");
    has(&out, "\"visit_days\":7001");
    has(&out, "Licence Ouverte");
    buf_release(&out);
    arena_release(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("statement");
    TCase *cases = tcase_create("statement");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, nobody_is_given_away);
    tcase_add_test(cases, enough_people_are_told);
    tcase_add_test(cases, places);
    tcase_add_test(cases, forms);
    tcase_add_test(cases, region_withholds);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
