#include "core/fec/opening.h"

#include "base/text.h"
#include "core/csv/csv.h"

int fec_opening_check(const struct fec_opening *opening, struct fault *fault)
{
    bool aux = opening->aux.len > 0 || opening->aux_label.len > 0;
    if (!fec_is_account(opening->account)) {
        return fault_set(fault, E_INVALID,
                         "'%.*s' is no account: three digits (class 1 to 7), then digits or "
                         "letters",
                         VIEW_FMT(view_slice(opening->account, 0, 40)));
    }
    if (!fec_is_label(opening->label) ||
        (aux && (!fec_is_label(opening->aux) || !fec_is_label(opening->aux_label)))) {
        return fault_set(fault, E_INVALID,
                         "labels must have 1 to %d letters and no tab; an auxiliary account has "
                         "both aux and aux_label",
                         FEC_LABEL_MAX);
    }
    if (opening->amount.cents == 0) {
        return fault_set(fault, E_INVALID, "the balance of %.*s is 0: leave it out",
                         VIEW_FMT(opening->account));
    }
    return E_OK;
}

int fec_openings_check(const struct fec_opening *openings, size_t count, struct fault *fault)
{
    struct cents sum = CENTS(0);
    int err = count <= FEC_OPENINGS_MAX ? E_OK
                                        : fault_set(fault, E_LIMIT,
                                                    "at most %d opening balances fit: add up what "
                                                    "stands on one account",
                                                    FEC_OPENINGS_MAX);
    for (size_t i = 0; i < count && err == E_OK; i++) {
        err = fec_opening_check(&openings[i], fault);
        if (err == E_OK && cents_accumulate(&sum, openings[i].amount) != E_OK) {
            err = fault_set(fault, E_OVERFLOW, "the opening balances are too large");
        }
    }
    if (err == E_OK && sum.cents != 0) {
        char text[32];
        cents_format(sum, text);
        err = fault_set(fault, E_INVALID,
                        "debits less credits are %s EUR, not 0: an opening balance is missing or "
                        "wrong",
                        text);
    }
    return err;
}

enum column { ACCOUNT, LABEL, AUX, AUX_LABEL, DEBIT, CREDIT, COLUMNS };

static int row_read(const struct csv_row *row, const size_t *map, struct arena *arena,
                    struct fec_opening *out, struct fault *fault)
{
    struct view fields[COLUMNS];
    struct cents debit = CENTS(0);
    struct cents credit = CENTS(0);
    for (size_t i = 0; i < COLUMNS; i++) {
        fields[i] = arena_copy(arena, view_trim(csv_field(row, map[i])));
    }
    bool one = (fields[DEBIT].len > 0) != (fields[CREDIT].len > 0);
    if (!one || (fields[DEBIT].len > 0 && cents_parse(fields[DEBIT], &debit) != E_OK) ||
        (fields[CREDIT].len > 0 && cents_parse(fields[CREDIT], &credit) != E_OK)) {
        return fault_set(fault, E_INVALID,
                         "write whole cents as debit_cents or as credit_cents, not both");
    }
    *out = (struct fec_opening){.account = fields[ACCOUNT],
                                .label = fields[LABEL],
                                .aux = fields[AUX],
                                .aux_label = fields[AUX_LABEL],
                                .amount = CENTS(debit.cents - credit.cents)};
    return fec_opening_check(out, fault);
}

int fec_openings_read(struct view csv, struct arena *arena, struct fec_opening **out, size_t *count,
                      struct fault *fault)
{
    static const struct csv_column columns[COLUMNS] = {[ACCOUNT] = {"account", false},
                                                       [LABEL] = {"label", false},
                                                       [AUX] = {"aux", true},
                                                       [AUX_LABEL] = {"aux_label", true},
                                                       [DEBIT] = {"debit_cents", false},
                                                       [CREDIT] = {"credit_cents", false}};
    struct csv reader;
    struct csv_row row;
    size_t map[COLUMNS];
    size_t made = 0;
    struct fec_opening *openings = ARENA_ARRAY(arena, FEC_OPENINGS_MAX, struct fec_opening);
    csv_init(&reader, csv, arena);
    int got = csv_next(&reader, &row, fault);
    if (got == 0) {
        return fault_set(fault, E_INVALID,
                         "line 1: the columns account, label, aux, aux_label, debit_cents and "
                         "credit_cents are wanted");
    }
    int err = got < 0 ? got : csv_header_match(&row, columns, COLUMNS, map, fault);
    while (err == E_OK && (got = csv_next(&reader, &row, fault)) == 1) {
        if (made == FEC_OPENINGS_MAX) {
            return fault_set(fault, E_LIMIT, "line %zu: at most %d opening balances fit", row.line,
                             FEC_OPENINGS_MAX);
        }
        err = row_read(&row, map, arena, &openings[made++], fault);
        if (err != E_OK) {
            fault_prefix(fault, "line %zu", row.line);
        }
    }
    err = err == E_OK && got < 0 ? got : err;
    err = err == E_OK ? fec_openings_check(openings, made, fault) : err;
    if (err == E_OK) {
        *out = openings;
        *count = made;
    }
    return err;
}

void fec_openings_write(const struct fec_opening *openings, size_t count, struct buf *out)
{
    buf_text(out, "account,label,aux,aux_label,debit_cents,credit_cents\n");
    for (size_t i = 0; i < count; i++) {
        int64_t cents = openings[i].amount.cents;
        char amount[24];
        snprintf(amount, sizeof amount, "%lld", (long long)(cents < 0 ? -cents : cents));
        const struct view fields[] = {openings[i].account,
                                      openings[i].label,
                                      openings[i].aux,
                                      openings[i].aux_label,
                                      cents > 0 ? view_of(amount) : VIEW_NONE,
                                      cents > 0 ? VIEW_NONE : view_of(amount)};
        csv_write_row(out, fields, ARRAY_LEN(fields));
    }
}

int fec_openings_of_carnets(const struct fec_chart *chart, const struct fec_carnet *carnets,
                            size_t carnet_count, struct month first, const struct fec_opening *own,
                            size_t own_count, struct fec_opening out[static 2], size_t *added)
{
    const struct fec_account *deferred = &chart->accounts[FEC_CARNETS];
    const struct fec_account *paid = &chart->accounts[FEC_CARNETS_PAID];
    struct cents sum = CENTS(0);
    *added = 0;
    for (size_t i = 0; i < own_count; i++) {
        if (view_equal(own[i].account, deferred->number)) {
            return E_OK;
        }
    }
    for (size_t i = 0; i < carnet_count; i++) {
        if (day_compare(carnets[i].bought_on, month_first(first)) < 0 &&
            day_compare(carnets[i].last_day, month_first(first)) >= 0 &&
            cents_accumulate(&sum, carnets[i].price) != E_OK) {
            return E_OVERFLOW;
        }
    }
    if (sum.cents > 0) {
        out[0] = (struct fec_opening){.account = paid->number, .label = paid->label, .amount = sum};
        out[1] = (struct fec_opening){
            .account = deferred->number, .label = deferred->label, .amount = CENTS(-sum.cents)};
        *added = 2;
    }
    return E_OK;
}
