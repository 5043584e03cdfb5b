#include "core/statement/member.h"

#define KIND(name) PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_##name
#define EUROS "\xc2\xa0€"

const char *statement_unit(enum slot slot)
{
    static const char *const units[] = {[SLOT_HALF_DAY] = "Demi-journée",
                                        [SLOT_DAY] = "Journée",
                                        [SLOT_MEETING_ROOM] = "Heure de salle de réunion",
                                        [SLOT_BOOTH] = "Heure de cabine"};
    return units[slot];
}

struct building {
    const struct member_input *in;
    struct arena *arena;
    struct statement *out;
    int64_t hosting, bought, sales, fee, subsidy; /* net, of this close */
    int64_t hosting_gross, bought_gross, fee_gross;
};

static bool sells(const struct building *b, const Passerelle__V1__Document *document)
{
    return strcmp(document->seller_member_id, b->in->member->member_id) == 0;
}

static bool buys(const struct building *b, const Passerelle__V1__Document *document)
{
    return document->kind != KIND(EMPLOYER_INVOICE) &&
           strcmp(document->buyer_id, b->in->member->member_id) == 0;
}

static struct view name_of(const struct building *b, const char *id, bool employer, bool site)
{
    return b->in->name(b->in->context, id, employer, site);
}

static void sum_up(struct building *b)
{
    const Passerelle__V1__SettlementDocument *all = b->in->document;
    for (size_t i = 0; i < all->n_documents; i++) {
        const Passerelle__V1__Document *one = all->documents[i];
        int64_t net = one->net_cents;
        int64_t gross = one->gross_cents;
        switch (one->kind) {
        case KIND(EMPLOYER_INVOICE):
            b->sales += sells(b, one) ? net : 0;
            break;
        case KIND(HOST_INVOICE):
            b->hosting += sells(b, one) ? net : 0;
            b->hosting_gross += sells(b, one) ? gross : 0;
            b->bought += buys(b, one) ? net : 0;
            b->bought_gross += buys(b, one) ? gross : 0;
            break;
        case KIND(FEE_INVOICE):
            b->fee += sells(b, one) ? -net : buys(b, one) ? net : 0;
            b->fee_gross += sells(b, one) ? -gross : buys(b, one) ? gross : 0;
            break;
        case KIND(SUBSIDY_STATEMENT):
            b->subsidy += sells(b, one) ? -gross : buys(b, one) ? gross : 0;
            break;
        default:
            break;
        }
    }
}

static int64_t position_of(const struct building *b, Passerelle__V1__Position *const *list,
                           size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i]->member_id, b->in->member->member_id) == 0) {
            return list[i]->cents;
        }
    }
    return 0;
}

/* ---- what it hosts ---- */

/* Of the same site: lines of invoices for its visits. */
static void hosting_by_site(struct building *b)
{
    static const struct statement_column columns[] = {
        {"site", "Site", false},
        {"half_days", "Demi-journées", true},
        {"days", "Journées", true},
        {"room_hours", "Heures de salle", true},
        {"host_cents", "Accueil facturé\xc2\xa0(€\xc2\xa0HT)", true},
    };
    const Passerelle__V1__SettlementDocument *all = b->in->document;
    struct statement_section *section =
        statement_section(b->out, "hosted_sites", "Ce que j'accueille, par site",
                          "Usages du mois sur mes sites\xc2\xa0; ceux de mes propres titulaires ne "
                          "sont pas facturés.");
    int64_t sums[4] = {0};
    section_columns(section, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < all->n_sites; i++) {
        const Passerelle__V1__SiteTotals *site = all->sites[i];
        struct view owner = name_of(b, site->site_id, false, true);
        if (owner.len == 0) {
            continue; /* another member's */
        }
        const int64_t figures[] = {site->half_days, site->days, site->room_hours, site->host_cents};
        struct figure *row = section_row(b->out, section);
        row[0] = figure_text(owner);
        for (size_t k = 0; k < ARRAY_LEN(figures); k++) {
            row[k + 1] = k == 3 ? figure_cents(CENTS(figures[k])) : figure_count(figures[k]);
            sums[k] += figures[k];
        }
    }
    if (section->row_count > 1) {
        struct figure *total = section_total(b->out, section);
        total[0] = figure_text(VIEW_LIT("Total"));
        for (size_t k = 0; k < ARRAY_LEN(sums); k++) {
            total[k + 1] = k == 3 ? figure_cents(CENTS(sums[k])) : figure_count(sums[k]);
        }
    }
    section_chart(b->out, section, "Accueil facturé par site, en euros hors taxes", 0, 4, false);
}

/* ---- documents ---- */

static const struct statement_column document_columns[] = {
    {"other", "Avec", false},
    {"document", "Document", false},
    {"net_cents", "HT\xc2\xa0(€)", true},
    {"vat_cents", "TVA\xc2\xa0(€)", true},
    {"gross_cents", "TTC\xc2\xa0(€)", true},
};

static void documents(struct building *b, const char *key, const char *heading, const char *note,
                      Passerelle__V1__DocumentKind kind, bool selling, bool chart)
{
    const Passerelle__V1__SettlementDocument *all = b->in->document;
    struct statement_section *section = statement_section(b->out, key, heading, note);
    struct cents net = CENTS(0), vat = CENTS(0), gross = CENTS(0);
    section_columns(section, document_columns, ARRAY_LEN(document_columns));
    for (size_t i = 0; i < all->n_documents; i++) {
        const Passerelle__V1__Document *one = all->documents[i];
        if (one->kind != kind || !(selling ? sells(b, one) : buys(b, one))) {
            continue;
        }
        struct figure *row = section_row(b->out, section);
        row[0] =
            figure_text(selling ? name_of(b, one->buyer_id, kind == KIND(EMPLOYER_INVOICE), false)
                                : name_of(b, one->seller_member_id, false, false));
        row[1] = figure_text(one->credit_note ? VIEW_LIT("Avoir") : VIEW_LIT("Facture"));
        row[2] = figure_cents(CENTS(one->net_cents));
        row[3] = figure_cents(CENTS(one->vat_cents));
        row[4] = figure_cents(CENTS(one->gross_cents));
        net.cents += one->net_cents;
        vat.cents += one->vat_cents;
        gross.cents += one->gross_cents;
    }
    if (section->row_count > 1) {
        struct figure *total = section_total(b->out, section);
        total[0] = figure_text(VIEW_LIT("Total"));
        total[2] = figure_cents(net);
        total[3] = figure_cents(vat);
        total[4] = figure_cents(gross);
    }
    if (chart) {
        section_chart(b->out, section, "Montants hors taxes, en euros", 0, 2, false);
    }
}

/* ---- position ---- */

static void position_row(struct building *b, struct statement_section *section, const char *what,
                         int64_t cents)
{
    struct figure *row = section_row(b->out, section);
    row[0] = figure_text(view_of(what));
    row[1] = figure_cents(CENTS(cents));
}

static void position(struct building *b)
{
    static const struct statement_column columns[] = {
        {"what", "Poste", false}, {"cents", "Montant\xc2\xa0(€\xc2\xa0TTC)", true}};
    const Passerelle__V1__SettlementDocument *all = b->in->document;
    struct statement_section *section =
        statement_section(b->out, "position", "Ma position",
                          "Au-dessus de zéro, le réseau me doit ce montant\xc2\xa0; en dessous, je "
                          "le dois.");
    int64_t carried_in = position_of(b, all->carried_in, all->n_carried_in);
    int64_t carried = position_of(b, all->carried, all->n_carried);
    int64_t net = position_of(b, all->positions, all->n_positions);
    section_columns(section, columns, ARRAY_LEN(columns));
    position_row(b, section, "Accueil facturé aux émetteurs", b->hosting_gross);
    position_row(b, section, "Accueil acheté aux hôtes", -b->bought_gross);
    position_row(b, section, "Contribution au réseau", -b->fee_gross);
    position_row(b, section, "Subvention de la Région", b->subsidy);
    position_row(b, section, "Report du mois précédent", carried_in);
    position_row(b, section, "Position du mois", net);
    position_row(b, section, "Reporté au mois suivant", -carried);
    struct figure *total = section_total(b->out, section);
    total[0] = figure_text(VIEW_LIT("À régler"));
    total[1] = figure_cents(CENTS(net - carried));
}

static void transfers(struct building *b)
{
    static const struct statement_column columns[] = {{"direction", "Sens", false},
                                                      {"other", "Avec", false},
                                                      {"cents", "Montant\xc2\xa0(€)", true}};
    const Passerelle__V1__SettlementDocument *all = b->in->document;
    struct statement_section *section =
        statement_section(b->out, "transfers", "Virements du règlement", NULL);
    section_columns(section, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < all->n_transfers; i++) {
        const Passerelle__V1__Transfer *one = all->transfers[i];
        bool pays = strcmp(one->from_member_id, b->in->member->member_id) == 0;
        if (!pays && strcmp(one->to_member_id, b->in->member->member_id) != 0) {
            continue;
        }
        struct figure *row = section_row(b->out, section);
        row[0] = figure_text(pays ? VIEW_LIT("À verser") : VIEW_LIT("À recevoir"));
        row[1] =
            figure_text(name_of(b, pays ? one->to_member_id : one->from_member_id, false, false));
        row[2] = figure_cents(CENTS(one->cents));
    }
}

/* ---- visits ---- */

static const char *remark(uint8_t flags, int64_t quantity)
{
    return quantity == 0                     ? "moins de 5 minutes, non facturé"
           : (flags & FLAG_AUTO_CLOSED) != 0 ? "départ non enregistré"
           : (flags & FLAG_CUT_SHORT) != 0   ? "écourté par un autre site"
                                             : "";
}

static void hosted(struct building *b)
{
    static const struct statement_column columns[] = {
        {"pass_number", "Passe", false},
        {"day", "Jour", false},
        {"in", "Arrivée", true},
        {"out", "Départ", true},
        {"site", "Site", false},
        {"issuer", "Émetteur", false},
        {"unit", "Usage", false},
        {"quantity", "Quantité", true},
        {"host_cents", "Accueil\xc2\xa0(€\xc2\xa0HT)", true},
        {"remark", "Remarque", false}};
    struct statement_section *section = statement_section(
        b->out, "hosted_visits", "Visites accueillies, une par une",
        "Les séjours d'une même personne sur un site dans la journée forment une visite.");
    int64_t sum = 0;
    section_columns(section, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < b->in->hosted_count; i++) {
        const struct member_visit *visit = &b->in->hosted[i];
        struct figure *row = section_row(b->out, section);
        row[0] = figure_text(visit->pass_number);
        row[1] = figure_day(visit->day);
        row[2] = figure_time(visit->in_utc_ms);
        row[3] = figure_time(visit->out_utc_ms);
        row[4] = figure_text(visit->site);
        row[5] = figure_text(visit->other);
        row[6] = figure_text(view_of(statement_unit(visit->slot)));
        row[7] = figure_count(visit->quantity);
        row[8] = figure_cents(visit->host);
        row[9] = figure_text(view_of(remark(visit->flags, visit->quantity)));
        sum += visit->host.cents;
    }
    if (section->row_count > 1) {
        struct figure *total = section_total(b->out, section);
        total[0] = figure_text(VIEW_LIT("Total"));
        total[8] = figure_cents(CENTS(sum));
    }
}

static void issued(struct building *b)
{
    static const struct statement_column columns[] = {
        {"pass_number", "Passe", false},
        {"day", "Jour", false},
        {"host", "Hôte", false},
        {"site", "Site", false},
        {"unit", "Usage", false},
        {"quantity", "Quantité", true},
        {"host_cents", "Accueil\xc2\xa0(€\xc2\xa0HT)", true},
        {"fee_cents", "Contribution\xc2\xa0(€\xc2\xa0HT)", true},
        {"subsidy_cents", "Subvention\xc2\xa0(€)", true}};
    struct statement_section *section = statement_section(
        b->out, "issued_visits", "Visites avec les passes que j'émets, une par une",
        "Pour contrôler les factures des hôtes. Ne les transmettez pas aux employeurs\xc2\xa0: ils "
        "n'ont à connaître ni le lieu ni le jour.");
    int64_t sums[3] = {0};
    section_columns(section, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < b->in->issued_count; i++) {
        const struct member_visit *visit = &b->in->issued[i];
        const struct cents amounts[] = {visit->host, visit->fee, visit->subsidy};
        struct figure *row = section_row(b->out, section);
        row[0] = figure_text(visit->pass_number);
        row[1] = figure_day(visit->day);
        row[2] = figure_text(visit->other);
        row[3] = figure_text(visit->site);
        row[4] = figure_text(view_of(statement_unit(visit->slot)));
        row[5] = figure_count(visit->quantity);
        for (size_t k = 0; k < ARRAY_LEN(amounts); k++) {
            row[6 + k] = figure_cents(amounts[k]);
            sums[k] += amounts[k].cents;
        }
    }
    if (section->row_count > 1) {
        struct figure *total = section_total(b->out, section);
        total[0] = figure_text(VIEW_LIT("Total"));
        for (size_t k = 0; k < ARRAY_LEN(sums); k++) {
            total[6 + k] = figure_cents(CENTS(sums[k]));
        }
    }
}

void statement_of_member(const struct member_input *input, struct arena *arena,
                         struct statement *out)
{
    struct building b = {.in = input, .arena = arena, .out = out};
    statement_begin(out, arena, "member", "Relevé mensuel du membre",
                    view_of(input->member->legal_name), input->month, input->provisional);
    sum_up(&b);
    statement_fact(out, "siren", "SIREN", figure_text(view_of(input->member->siren)));
    statement_fact(out, "hosting_cents", "Accueil facturé, HT", figure_cents(CENTS(b.hosting)));
    if (input->member->is_issuer) {
        statement_fact(out, "sales_cents", "Ventes aux employeurs, HT",
                       figure_cents(CENTS(b.sales)));
        statement_fact(out, "bought_cents", "Accueil acheté, HT", figure_cents(CENTS(b.bought)));
        statement_fact(out, "subsidy_cents", "Subvention de la Région",
                       figure_cents(CENTS(b.subsidy)));
    }
    statement_fact(out, "position_cents", "Position",
                   figure_cents(CENTS(
                       position_of(&b, input->document->positions, input->document->n_positions))));
    hosting_by_site(&b);
    documents(&b, "host_invoices", "Factures d'accueil que j'émets", NULL, KIND(HOST_INVOICE), true,
              false);
    if (input->member->is_issuer) {
        documents(&b, "employer_invoices", "Ce que j'émets\xc2\xa0: factures aux employeurs", NULL,
                  KIND(EMPLOYER_INVOICE), true, true);
        documents(&b, "bought", "Factures d'accueil que je reçois", NULL, KIND(HOST_INVOICE), false,
                  true);
    }
    position(&b);
    transfers(&b);
    hosted(&b);
    if (input->member->is_issuer) {
        issued(&b);
    }
    statement_note(out,
                   "Les montants des factures sont ceux de la clôture du mois, corrections de "
                   "mois antérieurs comprises\xc2\xa0; les visites sont celles du mois, telles "
                   "que la dernière clôture les connaît. Les avoirs sont négatifs.");
}
