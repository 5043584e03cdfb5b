#include "core/fec/chart.h"

#include <assert.h>

#include "base/text.h"
#include "core/csv/csv.h"

#define ACCOUNT(n, l)                                                                              \
    {                                                                                              \
        {(n), sizeof(n) - 1},                                                                      \
        {                                                                                          \
            (l), sizeof(l) - 1                                                                     \
        }                                                                                          \
    }

const struct fec_chart fec_chart_default = {{
    [FEC_EMPLOYERS] = ACCOUNT("411000", "Clients"),
    [FEC_CARNETS] = ACCOUNT("487000", "Produits constatés d'avance, carnets"),
    [FEC_SALES] = ACCOUNT("706000", "Prestations de services, passes"),
    [FEC_CARNETS_EXPIRED] = ACCOUNT("706800", "Carnets expirés"),
    [FEC_HOSTS] = ACCOUNT("401000", "Fournisseurs"),
    [FEC_HOSTING_BOUGHT] = ACCOUNT("611000", "Sous-traitance, accueil"),
    [FEC_OPERATOR] = ACCOUNT("401100", "Fournisseurs, opérateur du réseau"),
    [FEC_FEE_BOUGHT] = ACCOUNT("622800", "Redevances du réseau"),
    [FEC_ISSUERS] = ACCOUNT("411100", "Clients, membres du réseau"),
    [FEC_HOSTING_SOLD] = ACCOUNT("706100", "Prestations de services, accueil"),
    [FEC_FEE_SOLD] = ACCOUNT("706200", "Redevances du réseau"),
    [FEC_SUBSIDY] = ACCOUNT("740000", "Subventions d'exploitation"),
    [FEC_SUBSIDY_PASSED] = ACCOUNT("467100", "Subventions de la Région à reverser"),
    [FEC_NETWORK] = ACCOUNT("467000", "Règlement mensuel du réseau"),
    [FEC_VAT_COLLECTED] = ACCOUNT("445710", "TVA collectée"),
    [FEC_VAT_PAID] = ACCOUNT("445660", "TVA déductible"),
    [FEC_BANK] = ACCOUNT("512000", "Banque"),
    [FEC_CARNETS_PAID] = ACCOUNT("512000", "Banque"),
    [FEC_PROFIT] = ACCOUNT("120000", "Résultat des exercices précédents (bénéfice)"),
    [FEC_LOSS] = ACCOUNT("129000", "Résultat des exercices précédents (perte)"),
}};

static const char *const key_names[] = {
    [FEC_EMPLOYERS] = "employers",
    [FEC_CARNETS] = "carnets",
    [FEC_SALES] = "sales",
    [FEC_CARNETS_EXPIRED] = "carnets_expired",
    [FEC_HOSTS] = "hosts",
    [FEC_HOSTING_BOUGHT] = "hosting_bought",
    [FEC_OPERATOR] = "operator",
    [FEC_FEE_BOUGHT] = "fee_bought",
    [FEC_ISSUERS] = "issuers",
    [FEC_HOSTING_SOLD] = "hosting_sold",
    [FEC_FEE_SOLD] = "fee_sold",
    [FEC_SUBSIDY] = "subsidy",
    [FEC_SUBSIDY_PASSED] = "subsidy_passed",
    [FEC_NETWORK] = "network",
    [FEC_VAT_COLLECTED] = "vat_collected",
    [FEC_VAT_PAID] = "vat_paid",
    [FEC_BANK] = "bank",
    [FEC_CARNETS_PAID] = "carnets_paid",
    [FEC_PROFIT] = "profit",
    [FEC_LOSS] = "loss",
};

const char *fec_key_name(enum fec_key key)
{
    static_assert(ARRAY_LEN(key_names) == FEC_KEY_COUNT, "each key has its name");
    return key_names[key];
}

bool fec_is_account(struct view text)
{
    bool good = text.len >= 3 && text.len <= FEC_ACCOUNT_MAX;
    for (size_t i = 0; good && i < text.len; i++) {
        bool digit = text.data[i] >= '0' && text.data[i] <= '9';
        good = digit || (i >= 3 && ((text.data[i] >= 'A' && text.data[i] <= 'Z') ||
                                    (text.data[i] >= 'a' && text.data[i] <= 'z')));
    }
    return good && text.data[0] >= '1' && text.data[0] <= '7';
}

bool fec_is_label(struct view text)
{
    return text.len > 0 && text_length(text) <= FEC_LABEL_MAX && text_is_printable(text);
}

static struct view shown(struct view text)
{
    return view_slice(text, 0, 40);
}

static bool key_find(struct view key, size_t *out)
{
    for (*out = 0; *out < FEC_KEY_COUNT; ++*out) {
        if (view_is(key, key_names[*out])) {
            return true;
        }
    }
    return false;
}

int fec_chart_set(struct fec_chart *chart, struct view key, struct view account, struct view label,
                  struct fault *fault)
{
    size_t at;
    if (!key_find(key, &at)) {
        return fault_set(fault, E_INVALID, "there is no key '%.*s'", VIEW_FMT(shown(key)));
    }
    if (!fec_is_account(account)) {
        return fault_set(fault, E_INVALID,
                         "'%.*s' is no account: three digits (class 1 to 7), then digits or "
                         "letters",
                         VIEW_FMT(shown(account)));
    }
    if (!fec_is_label(label)) {
        return fault_set(fault, E_INVALID, "the label must have 1 to %d letters and no tab",
                         FEC_LABEL_MAX);
    }
    chart->accounts[at] = (struct fec_account){account, label};
    return E_OK;
}

static int take_row(struct fec_chart *chart, bool *seen, struct view key, struct view account,
                    struct view label, struct arena *arena, struct fault *fault)
{
    size_t at;
    if (key_find(key, &at) && seen[at]) {
        return fault_set(fault, E_INVALID, "%s stands there twice", key_names[at]);
    }
    int err =
        fec_chart_set(chart, key, arena_copy(arena, account), arena_copy(arena, label), fault);
    if (err == E_OK) {
        seen[at] = true;
    }
    return err;
}

int fec_chart_read(struct view csv, struct arena *arena, struct fec_chart *out, struct fault *fault)
{
    static const struct csv_column columns[] = {
        {"key", false}, {"account", false}, {"label", false}};
    struct fec_chart chart = fec_chart_default;
    bool seen[FEC_KEY_COUNT] = {false};
    struct csv reader;
    struct csv_row row;
    size_t map[ARRAY_LEN(columns)];
    csv_init(&reader, csv, arena);
    int got = csv_next(&reader, &row, fault);
    if (got == 0) {
        return fault_set(fault, E_INVALID, "line 1: the columns key, account and label are wanted");
    }
    int err = got < 0 ? got : csv_header_match(&row, columns, ARRAY_LEN(columns), map, fault);
    while (err == E_OK && (got = csv_next(&reader, &row, fault)) == 1) {
        err = take_row(&chart, seen, view_trim(csv_field(&row, map[0])),
                       view_trim(csv_field(&row, map[1])), view_trim(csv_field(&row, map[2])),
                       arena, fault);
        if (err != E_OK) {
            fault_prefix(fault, "line %zu", row.line);
        }
    }
    err = err == E_OK && got < 0 ? got : err;
    if (err == E_OK) {
        *out = chart;
    }
    return err;
}

void fec_chart_write(const struct fec_chart *chart, struct buf *out)
{
    buf_text(out, "key,account,label\n");
    for (size_t i = 0; i < FEC_KEY_COUNT; i++) {
        const struct view fields[] = {view_of(key_names[i]), chart->accounts[i].number,
                                      chart->accounts[i].label};
        csv_write_row(out, fields, ARRAY_LEN(fields));
    }
}
