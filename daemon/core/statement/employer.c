#include "core/statement/employer.h"

#include <stdlib.h>

#include "core/paper/french.h"

static int use_compare(const void *left, const void *right)
{
    const struct employer_use *a = left;
    const struct employer_use *b = right;
    int order = view_compare(a->cost_centre, b->cost_centre);
    return order != 0 ? order : view_compare(a->holder_id, b->holder_id);
}

struct sums {
    int64_t holders, half_days, days, room_hours, units, charged;
};

static void add(struct sums *sums, const struct employer_use *use)
{
    sums->holders++;
    sums->half_days += use->half_days;
    sums->days += use->days;
    sums->room_hours += use->room_hours;
    sums->units += use->units;
    sums->charged += use->charged.cents;
}

static void figures(struct figure *row, const struct sums *sums)
{
    row[0] = figure_count(sums->half_days);
    row[1] = figure_count(sums->days);
    row[2] = figure_count(sums->room_hours);
    row[3] = figure_count(sums->units);
    row[4] = figure_cents(CENTS(sums->charged));
}

#define FIGURES                                                                                    \
    {"half_days", "Demi-journées", true}, {"days", "Journées", true},                              \
        {"room_hours", "Heures de salle", true}, {"units_used", "Unités utilisées", true},         \
    {                                                                                              \
        "charged_cents", "Facturé en plus\xc2\xa0(€\xc2\xa0HT)", true                              \
    }

static struct view centre_shown(struct view centre)
{
    return centre.len > 0 ? centre : VIEW_LIT("Sans centre de coûts");
}

static void by_centre(const struct employer_input *in, struct statement *out,
                      const struct sums *all)
{
    static const struct statement_column columns[] = {
        {"cost_centre", "Centre de coûts", false}, {"holders", "Titulaires", true}, FIGURES};
    struct statement_section *section =
        statement_section(out, "cost_centres", "Par centre de coûts", NULL);
    section_columns(section, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < in->use_count;) {
        struct sums sums = {0};
        struct view centre = in->uses[i].cost_centre;
        for (; i < in->use_count && view_equal(in->uses[i].cost_centre, centre); i++) {
            add(&sums, &in->uses[i]);
        }
        struct figure *row = section_row(out, section);
        row[0] = figure_text(centre_shown(centre));
        row[1] = figure_count(sums.holders);
        figures(row + 2, &sums);
    }
    if (section->row_count > 1) {
        struct figure *total = section_total(out, section);
        total[0] = figure_text(VIEW_LIT("Total"));
        total[1] = figure_count(all->holders);
        figures(total + 2, all);
    }
    section_chart(out, section, "Unités utilisées par centre de coûts", 0, 5, false);
    if (section->chart == NULL) {
        section_chart(out, section, "Facturé en plus par centre de coûts, en euros hors taxes", 0,
                      6, false);
    }
}

static void by_holder(const struct employer_input *in, struct statement *out,
                      const struct sums *all)
{
    static const struct statement_column columns[] = {{"holder_id", "Titulaire", false},
                                                      {"name", "Nom", false},
                                                      {"cost_centre", "Centre de coûts", false},
                                                      FIGURES};
    struct statement_section *section = statement_section(out, "holders", "Par titulaire", NULL);
    section_columns(section, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < in->use_count; i++) {
        const struct employer_use *use = &in->uses[i];
        struct sums sums = {0};
        struct figure *row = section_row(out, section);
        add(&sums, use);
        row[0] = figure_text(use->holder_id);
        row[1] = figure_text(use->name);
        row[2] = figure_text(use->cost_centre);
        figures(row + 3, &sums);
    }
    if (section->row_count > 1) {
        struct figure *total = section_total(out, section);
        total[0] = figure_text(VIEW_LIT("Total"));
        figures(total + 3, all);
    }
}

static void carnets(const struct employer_input *in, struct statement *out)
{
    static const struct statement_column columns[] = {
        {"carnet_id", "Carnet", false},
        {"bought_on", "Acheté le", false},
        {"last_day", "Valable jusqu'au", false},
        {"price_cents", "Prix\xc2\xa0(€\xc2\xa0HT)", true},
        {"units", "Unités", true},
        {"used", "Utilisées", true},
        {"left", "Restantes", true}};
    struct statement_section *section = statement_section(
        out, "carnets", "Carnets", "Unités utilisées d'après les mois clôturés jusqu'ici.");
    section_columns(section, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < in->carnet_count; i++) {
        const struct employer_carnet *carnet = &in->carnets[i];
        struct figure *row = section_row(out, section);
        row[0] = figure_text(carnet->carnet_id);
        row[1] = figure_day(carnet->bought_on);
        row[2] = figure_day(carnet->last_day);
        row[3] = figure_cents(carnet->price);
        row[4] = figure_count(carnet->units);
        row[5] = figure_count(carnet->used);
        row[6] = figure_count(carnet->units - carnet->used);
    }
}

static struct view line_name(const Passerelle__V1__DocumentLine *line, struct arena *arena)
{
    switch (line->kind) {
    case PASSERELLE__V1__LINE_KIND__LINE_KIND_CARNET:
        return VIEW_LIT("Carnet");
    case PASSERELLE__V1__LINE_KIND__LINE_KIND_SUBSCRIPTION:
        return VIEW_LIT("Abonnement mensuel");
    default:
        return view_of(arena_printf(arena, "Usage\xc2\xa0: %s, %s", french_resource(line->resource),
                                    french_unit(line->unit)));
    }
}

static int64_t invoices(const struct employer_input *in, struct statement *out)
{
    static const struct statement_column columns[] = {
        {"line", "Ligne", false},
        {"document", "Document", false},
        {"month", "Mois", false},
        {"quantity", "Quantité", true},
        {"price_cents", "Prix\xc2\xa0(€\xc2\xa0HT)", true},
        {"net_cents", "Montant\xc2\xa0(€\xc2\xa0HT)", true}};
    struct statement_section *section = statement_section(
        out, "invoice", "Factures de la clôture", "TVA et paiement figurent sur les factures.");
    int64_t gross = 0;
    section_columns(section, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < in->document->n_documents; i++) {
        const Passerelle__V1__Document *one = in->document->documents[i];
        if (one->kind != PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_EMPLOYER_INVOICE ||
            strcmp(one->buyer_id, in->employer->employer_id) != 0) {
            continue;
        }
        gross += one->gross_cents;
        for (size_t k = 0; k < one->n_lines; k++) {
            const Passerelle__V1__DocumentLine *line = one->lines[k];
            struct figure *row = section_row(out, section);
            row[0] = figure_text(line_name(line, out->arena));
            row[1] = figure_text(one->credit_note ? VIEW_LIT("Avoir") : VIEW_LIT("Facture"));
            row[2] = figure_text(view_of(line->month));
            row[3] = figure_count(line->quantity);
            row[4] = figure_cents(CENTS(line->price_cents));
            row[5] = figure_cents(CENTS(line->quantity * line->price_cents));
        }
    }
    return gross;
}

void statement_of_employer(const struct employer_input *input, struct arena *arena,
                           struct statement *out)
{
    struct sums all = {0};
    statement_begin(out, arena, "employer", "Relevé mensuel de l'employeur",
                    view_of(input->employer->legal_name), input->month, input->provisional);
    if (input->use_count > 0) {
        qsort(input->uses, input->use_count, sizeof *input->uses, use_compare);
    }
    for (size_t i = 0; i < input->use_count; i++) {
        add(&all, &input->uses[i]);
    }
    statement_fact(out, "issuer", "Émetteur des passes", figure_text(input->issuer));
    statement_fact(out, "holders", "Titulaires actifs", figure_count(all.holders));
    statement_fact(out, "units_used", "Unités utilisées", figure_count(all.units));
    statement_fact(out, "charged_cents", "Usages facturés en plus, HT",
                   figure_cents(CENTS(all.charged)));
    by_centre(input, out, &all);
    by_holder(input, out, &all);
    carnets(input, out);
    if (input->document != NULL) {
        int64_t gross = invoices(input, out);
        statement_fact(out, "gross_cents", "Factures et avoirs, TTC", figure_cents(CENTS(gross)));
    }
    statement_note(out, "Une demi-journée compte une unité, une journée deux. Ni le lieu, ni "
                        "l'heure, ni la durée des visites ne sont communiqués à l'employeur.");
}
