/* The three files that are made of the same lines. */
#include <assert.h>

#include "core/csv/excel.h"
#include "core/fec/sums.h"
#include "core/paper/letters.h"
#include "core/payments/latin.h"

static const struct {
    const char *code, *label;
} journals[] = {
    [JOURNAL_OPENING] = {"AN", "À nouveaux"},
    [JOURNAL_SALES] = {"VT", "Ventes"},
    [JOURNAL_BOUGHT] = {"AC", "Achats"},
    [JOURNAL_BANK] = {"BQ", "Banque"},
    [JOURNAL_OTHER] = {"OD", "Opérations diverses"},
};

const char *fec_journal_code(enum fec_journal journal)
{
    static_assert(ARRAY_LEN(journals) == FEC_JOURNAL_COUNT, "each journal has its names");
    return journals[journal].code;
}

const char *fec_journal_label(enum fec_journal journal)
{
    return journals[journal].label;
}

/* ---- sums ---- */

/* Sorted by place too, since qsort() is not stable. */
struct placed {
    struct fec_line line;
    size_t place;
};

static int by_account(const struct fec_line *a, const struct fec_line *b)
{
    int order = view_compare(a->account, b->account);
    return order != 0 ? order : view_compare(a->aux, b->aux);
}

static int placed_compare(const void *left, const void *right)
{
    const struct placed *a = left;
    const struct placed *b = right;
    int order = by_account(&a->line, &b->line);
    return order != 0 ? order : a->place < b->place ? -1 : a->place > b->place;
}

size_t fec_sums(struct fec_line *lines, size_t count, struct arena *arena, struct fec_sum **out)
{
    struct placed *placed = ARENA_ARRAY(arena, count, struct placed);
    size_t sums = 0;
    for (size_t i = 0; i < count; i++) {
        placed[i] = (struct placed){lines[i], i};
    }
    qsort(placed, count, sizeof *placed, placed_compare);
    *out = ARENA_ARRAY(arena, count, struct fec_sum);
    for (size_t i = 0; i < count; i++) {
        const struct fec_line *line = &placed[i].line;
        lines[i] = *line;
        if (i == 0 || by_account(&placed[i - 1].line, line) != 0) {
            (*out)[sums++] = (struct fec_sum){.account = line->account,
                                              .account_label = line->account_label,
                                              .aux = line->aux,
                                              .aux_label = line->aux_label};
        }
        struct fec_sum *sum = &(*out)[sums - 1];
        if (line->amount.cents > 0) {
            sum->debits.cents += line->amount.cents;
        } else {
            sum->credits.cents -= line->amount.cents;
        }
    }
    return sums;
}

struct cents fec_balance(const struct fec *fec, struct view account, struct view aux)
{
    struct cents balance = CENTS(0);
    for (size_t i = 0; i < fec->line_count; i++) {
        const struct fec_line *line = &fec->lines[i];
        if (view_equal(line->account, account) && view_equal(line->aux, aux)) {
            balance.cents += line->amount.cents;
        }
    }
    return balance;
}

/* ---- FEC ---- */

void fec_name(const struct fec *fec, char name[static FEC_NAME_MAX])
{
    int year;
    int month;
    int day;
    day_split(fec->to, &year, &month, &day);
    snprintf(name, FEC_NAME_MAX, "%.9sFEC%04d%02d%02d.txt", fec->siren.data, year, month, day);
}

/* The letters of ISO 8859-15 that are not those of Unicode. */
static const struct {
    uint32_t letter;
    uint8_t byte;
} latin_9[] = {{0x20AC, 0xA4}, {0x0160, 0xA6}, {0x0161, 0xA8}, {0x017D, 0xB4},
               {0x017E, 0xB8}, {0x0152, 0xBC}, {0x0153, 0xBD}, {0x0178, 0xBE}};

/* A byte of ISO 8859-15, or 0. */
static uint8_t latin_9_of(uint32_t letter)
{
    if (letter < 0x80) {
        return letter < ' ' || letter == 0x7F || letter == '|' ? ' ' : (uint8_t)letter;
    }
    for (size_t i = 0; i < ARRAY_LEN(latin_9); i++) {
        if (latin_9[i].letter == letter) {
            return latin_9[i].byte;
        }
        if (latin_9[i].byte == letter) {
            return 0;
        }
    }
    return letter == 0xA0 ? ' ' : letter > 0xA0 && letter <= 0xFF ? (uint8_t)letter : 0;
}

static void text(struct buf *out, struct view value)
{
    while (value.len > 0) {
        size_t plain = 0; /* most of any text */
        while (plain < value.len && value.data[plain] >= ' ' && value.data[plain] < 0x7F &&
               value.data[plain] != '|') {
            plain++;
        }
        buf_add(out, value.data, plain);
        value = view_slice(value, plain, value.len);
        if (value.len == 0) {
            break;
        }
        uint32_t letter = letters_next(&value);
        uint8_t byte = latin_9_of(letter);
        if (byte != 0) {
            buf_byte(out, (char)byte);
        } else {
            latin_letter(out, letter);
        }
    }
    buf_byte(out, '\t');
}

static void fec_day(struct buf *out, struct day day)
{
    int year;
    int month;
    int number;
    day_split(day, &year, &month, &number);
    buf_printf(out, "%04d%02d%02d\t", year, month, number);
}

/* "1234,56", at least 0. */
static void amount(struct buf *out, struct cents cents)
{
    assert(cents.cents >= 0);
    buf_printf(out, "%lld,%02lld", (long long)(cents.cents / 100), (long long)(cents.cents % 100));
}

static struct cents debit_of(struct cents amount)
{
    return CENTS(amount.cents > 0 ? amount.cents : 0);
}

static struct cents credit_of(struct cents amount)
{
    return CENTS(amount.cents < 0 ? -amount.cents : 0);
}

void fec_write(const struct fec *fec, struct buf *out)
{
    buf_text(out, "JournalCode\tJournalLib\tEcritureNum\tEcritureDate\tCompteNum\tCompteLib\t"
                  "CompAuxNum\tCompAuxLib\tPieceRef\tPieceDate\tEcritureLib\tDebit\tCredit\t"
                  "EcritureLet\tDateLet\tValidDate\tMontantdevise\tIdevise\r\n");
    for (size_t i = 0; i < fec->line_count; i++) {
        const struct fec_line *line = &fec->lines[i];
        text(out, view_of(fec_journal_code(line->journal)));
        text(out, view_of(fec_journal_label(line->journal)));
        buf_printf(out, "%u\t", line->entry);
        fec_day(out, line->day);
        text(out, line->account);
        text(out, line->account_label);
        text(out, line->aux);
        text(out, line->aux_label);
        text(out, line->piece);
        fec_day(out, line->piece_day);
        text(out, line->label);
        amount(out, debit_of(line->amount));
        buf_byte(out, '\t');
        amount(out, credit_of(line->amount));
        buf_text(out, "\t\t\t");
        fec_day(out, line->validated);
        buf_text(out, "\t\r\n");
    }
}

/* ---- for a spreadsheet ---- */

void fec_trial_balance(const struct fec *fec, struct arena *arena, struct buf *out)
{
    struct fec_line *lines = ARENA_ARRAY(arena, fec->line_count, struct fec_line);
    struct fec_sum *sums;
    struct cents debits = CENTS(0);
    struct cents credits = CENTS(0);
    for (size_t i = 0; i < fec->line_count; i++) {
        lines[i] = fec->lines[i];
    }
    size_t count = fec_sums(lines, fec->line_count, arena, &sums);
    excel_begin(out);
    buf_text(out, "Compte;Libellé;Auxiliaire;Nom;Débit;Crédit;Solde\r\n");
    for (size_t i = 0; i < count; i++) {
        excel_text(out, sums[i].account);
        excel_text(out, sums[i].account_label);
        excel_text(out, sums[i].aux);
        excel_text(out, sums[i].aux_label);
        excel_cents(out, sums[i].debits.cents);
        excel_cents(out, sums[i].credits.cents);
        excel_cents(out, sums[i].debits.cents - sums[i].credits.cents);
        excel_end(out);
        debits.cents += sums[i].debits.cents;
        credits.cents += sums[i].credits.cents;
    }
    buf_text(out, "Total;;;;");
    excel_cents(out, debits.cents);
    excel_cents(out, credits.cents);
    excel_cents(out, debits.cents - credits.cents);
    excel_end(out);
}

void fec_ledger(const struct fec *fec, struct arena *arena, struct buf *out)
{
    struct fec_line *lines = ARENA_ARRAY(arena, fec->line_count, struct fec_line);
    struct fec_sum *sums;
    struct cents balance = CENTS(0);
    for (size_t i = 0; i < fec->line_count; i++) {
        lines[i] = fec->lines[i];
    }
    fec_sums(lines, fec->line_count, arena, &sums);
    excel_begin(out);
    buf_text(out, "Compte;Libellé;Auxiliaire;Nom;Date;Journal;Écriture;Pièce;"
                  "Libellé de l'écriture;Débit;Crédit;Solde\r\n");
    for (size_t i = 0; i < fec->line_count; i++) {
        const struct fec_line *line = &lines[i];
        char day[11];
        if (i > 0 && by_account(&lines[i - 1], line) != 0) {
            balance = CENTS(0);
        }
        balance.cents += line->amount.cents;
        excel_text(out, line->account);
        excel_text(out, line->account_label);
        excel_text(out, line->aux);
        excel_text(out, line->aux_label);
        day_format(line->day, day);
        excel_text(out, view_of(day));
        excel_text(out, view_of(fec_journal_code(line->journal)));
        buf_printf(out, "%u;", line->entry);
        excel_text(out, line->piece);
        excel_text(out, line->label);
        excel_cents(out, debit_of(line->amount).cents);
        excel_cents(out, credit_of(line->amount).cents);
        excel_cents(out, balance.cents);
        excel_end(out);
    }
}
