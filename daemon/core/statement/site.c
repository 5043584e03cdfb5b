#include "core/statement/site.h"

enum { UNITS_A_DAY = 2 };

/* Of the units that the desks could give on that day. */
static int64_t occupancy(int64_t units, int64_t desks, int64_t open_days)
{
    int64_t most = desks * open_days * UNITS_A_DAY;
    return most > 0 ? (units * 100 + most / 2) / most : 0;
}

static void by_day(const struct site_input *in, struct statement *out, int64_t open_days)
{
    static const struct statement_column columns[] = {
        {"day", "Jour", false},
        {"open", "Ouvert", false},
        {"visits", "Visites", true},
        {"people", "Personnes", true},
        {"half_days", "Demi-journées", true},
        {"days", "Journées", true},
        {"room_hours", "Heures de salle", true},
        {"desks_at_once", "Postes pris au plus", true},
        {"occupancy_percent", "Occupation des postes", true},
        {"host_cents", "Accueil\xc2\xa0(€\xc2\xa0HT)", true}};
    struct statement_section *section = statement_section(
        out, "days", "Jour par jour",
        "Occupation\xc2\xa0: demi-journées facturées, sur deux par poste et jour d'ouverture.");
    struct site_day sum = {0};
    section_columns(section, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < in->day_count; i++) {
        const struct site_day *day = &in->days[i];
        int64_t units = day->half_days + UNITS_A_DAY * day->days;
        struct figure *row = section_row(out, section);
        row[0] = figure_day(day->day);
        row[1] = figure_text(day->open ? VIEW_LIT("oui") : VIEW_LIT("non"));
        row[2] = figure_count(day->visits);
        row[3] = figure_count(day->people);
        row[4] = figure_count(day->half_days);
        row[5] = figure_count(day->days);
        row[6] = figure_count(day->room_hours);
        row[7] = figure_count(day->desks_at_once);
        row[8] = day->open && in->site->desks > 0
                     ? figure_percent(occupancy(units, in->site->desks, 1))
                     : FIGURE_NONE;
        row[9] = figure_cents(day->host);
        sum.visits += day->visits;
        sum.half_days += day->half_days;
        sum.days += day->days;
        sum.room_hours += day->room_hours;
        sum.desks_at_once =
            day->desks_at_once > sum.desks_at_once ? day->desks_at_once : sum.desks_at_once;
        sum.host.cents += day->host.cents;
    }
    struct figure *total = section_total(out, section);
    int64_t percent = occupancy(sum.half_days + UNITS_A_DAY * sum.days, in->site->desks, open_days);
    total[0] = figure_text(VIEW_LIT("Mois"));
    total[2] = figure_count(sum.visits);
    total[4] = figure_count(sum.half_days);
    total[5] = figure_count(sum.days);
    total[6] = figure_count(sum.room_hours);
    total[7] = figure_count(sum.desks_at_once);
    total[8] = figure_percent(percent);
    total[9] = figure_cents(sum.host);
    section_chart(out, section, "Visites par jour du mois", 0, 2, true);
    statement_fact(out, "visits", "Visites", figure_count(sum.visits));
    statement_fact(out, "open_days", "Jours d'ouverture", figure_count(open_days));
    statement_fact(out, "occupancy_percent", "Occupation des postes", figure_percent(percent));
    statement_fact(out, "host_cents", "Accueil facturé, HT", figure_cents(sum.host));
}

static void by_issuer(const struct site_input *in, struct statement *out)
{
    static const struct statement_column columns[] = {
        {"issuer", "Émetteur", false},
        {"half_days", "Demi-journées", true},
        {"days", "Journées", true},
        {"room_hours", "Heures de salle", true},
        {"host_cents", "Accueil\xc2\xa0(€\xc2\xa0HT)", true}};
    struct statement_section *section =
        statement_section(out, "issuers", "Par émetteur des passes",
                          "Le passe d'un titulaire de l'hôte lui-même n'est pas facturé.");
    section_columns(section, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < in->issuer_count; i++) {
        const struct site_issuer *issuer = &in->issuers[i];
        struct figure *row = section_row(out, section);
        row[0] = figure_text(issuer->name);
        row[1] = figure_count(issuer->half_days);
        row[2] = figure_count(issuer->days);
        row[3] = figure_count(issuer->room_hours);
        row[4] = issuer->own ? FIGURE_NONE : figure_cents(issuer->host);
    }
    section_chart(out, section, "Accueil facturé par émetteur, en euros hors taxes", 0, 4, false);
}

void statement_of_site(const struct site_input *input, struct arena *arena, struct statement *out)
{
    int64_t open_days = 0;
    for (size_t i = 0; i < input->day_count; i++) {
        open_days += input->days[i].open;
    }
    statement_begin(out, arena, "site", "Relevé mensuel du tiers-lieu", view_of(input->site->name),
                    input->month, input->provisional);
    statement_fact(out, "member", "Membre", figure_text(input->member));
    statement_fact(out, "commune", "Commune", figure_text(input->commune));
    statement_fact(out, "desks", "Postes", figure_count(input->site->desks));
    statement_fact(out, "rooms", "Salles et cabines",
                   figure_count((int64_t)input->site->meeting_rooms + input->site->booths));
    by_day(input, out, open_days);
    by_issuer(input, out);
    statement_note(out, "Accueil\xc2\xa0: part de l'hôte des usages facturés, TVA non comprise.");
}
