#include "core/fec/check.h"

#include <assert.h>
#include <stdarg.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "core/ident/ident.h"

enum column {
    COLUMN_JOURNAL,
    COLUMN_JOURNAL_LABEL,
    COLUMN_NUMBER,
    COLUMN_DATE,
    COLUMN_ACCOUNT,
    COLUMN_ACCOUNT_LABEL,
    COLUMN_AUX,
    COLUMN_AUX_LABEL,
    COLUMN_PIECE,
    COLUMN_PIECE_DATE,
    COLUMN_LABEL,
    COLUMN_DEBIT,
    COLUMN_CREDIT,
    COLUMN_LETTER,
    COLUMN_LETTER_DATE,
    COLUMN_VALID,
    COLUMN_CURRENCY_AMOUNT,
    COLUMN_CURRENCY,
};
enum { COLUMNS = 18, YEAR_MONTHS_MAX = 24 };

static const struct {
    const char *name;
    bool wanted; /* may not be empty */
} columns[] = {
    [COLUMN_JOURNAL] = {"JournalCode", true},
    [COLUMN_JOURNAL_LABEL] = {"JournalLib", true},
    [COLUMN_NUMBER] = {"EcritureNum", true},
    [COLUMN_DATE] = {"EcritureDate", true},
    [COLUMN_ACCOUNT] = {"CompteNum", true},
    [COLUMN_ACCOUNT_LABEL] = {"CompteLib", true},
    [COLUMN_AUX] = {"CompAuxNum", false},
    [COLUMN_AUX_LABEL] = {"CompAuxLib", false},
    [COLUMN_PIECE] = {"PieceRef", true},
    [COLUMN_PIECE_DATE] = {"PieceDate", true},
    [COLUMN_LABEL] = {"EcritureLib", true},
    [COLUMN_DEBIT] = {"Debit", true},
    [COLUMN_CREDIT] = {"Credit", true},
    [COLUMN_LETTER] = {"EcritureLet", false},
    [COLUMN_LETTER_DATE] = {"DateLet", false},
    [COLUMN_VALID] = {"ValidDate", true},
    [COLUMN_CURRENCY_AMOUNT] = {"Montantdevise", false},
    [COLUMN_CURRENCY] = {"Idevise", false},
};

static const char *const rule_names[] = {
    [FEC_RULE_NAME] = "name",       [FEC_RULE_ENCODING] = "encoding",
    [FEC_RULE_ENDING] = "ending",   [FEC_RULE_HEADER] = "header",
    [FEC_RULE_FIELDS] = "fields",   [FEC_RULE_EMPTY] = "empty",
    [FEC_RULE_DATE] = "date",       [FEC_RULE_YEAR] = "year",
    [FEC_RULE_ACCOUNT] = "account", [FEC_RULE_AMOUNT] = "amount",
    [FEC_RULE_SIDES] = "sides",     [FEC_RULE_PAIR] = "pair",
    [FEC_RULE_JOURNAL] = "journal", [FEC_RULE_NUMBER] = "number",
    [FEC_RULE_ORDER] = "order",     [FEC_RULE_OPENING] = "opening",
    [FEC_RULE_CLOSING] = "closing", [FEC_RULE_CENTRAL] = "centralisation",
    [FEC_RULE_ENTRY] = "entry",     [FEC_RULE_BALANCE] = "balance",
};

const char *fec_rule_name(enum fec_rule rule)
{
    static_assert(ARRAY_LEN(rule_names) == FEC_RULE_COUNT, "each rule has its name");
    return rule_names[rule];
}

/* A sequence that must hold over the file or within each journal: where it first breaks. */
struct run {
    size_t file_break, journal_break; /* line; 0: nowhere */
    char file_text[160], journal_text[160];
};

struct journal {
    struct view label;
    bool any;
    uint64_t number;
    bool any_valid;
    struct day valid;
};

struct checking {
    struct arena arena;
    struct map journals;
    void (*found)(void *context, const struct fec_finding *finding);
    void *context;
    struct fec_report report;
    size_t line;
    char separator;
    bool utf8;
    bool has_close;
    struct day close, earliest;
    struct run numbers, order;
    struct journal whole; /* the file as one journal */
    bool past_opening, opening_told;
    /* Of the present entry. */
    struct view entry_journal, entry_number;
    size_t entry_line;
    struct cents entry_sum;
    bool entry_unread, entry_result, entry_profit, entry_opening;
};

static void tell(struct checking *c, size_t line, enum fec_rule rule, const char *fmt, ...)
    printf_like(4, 5);

static void tell(struct checking *c, size_t line, enum fec_rule rule, const char *fmt, ...)
{
    struct fec_finding finding = {.line = line, .rule = rule};
    va_list args;
    va_start(args, fmt);
    vsnprintf(finding.text, sizeof finding.text, fmt, args);
    va_end(args);
    c->report.findings++;
    c->found(c->context, &finding);
}

struct shown {
    char text[41];
};

/* The beginning of a field, for a sentence: the file's encoding is not ours to guess. */
static struct shown show(struct view value)
{
    struct shown out = {{0}};
    for (size_t i = 0; i < value.len && i < sizeof out.text - 1; i++) {
        out.text[i] = value.data[i];
        if (value.data[i] < ' ' || value.data[i] > '~') {
            out.text[i] = '?';
        }
    }
    return out;
}

/* ---- values ---- */

static bool all_digits(struct view text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return text.len > 0;
}

static bool read_day(struct view text, struct day *out)
{
    char iso[11];
    if (text.len != 8 || !all_digits(text)) {
        return false;
    }
    snprintf(iso, sizeof iso, "%.4s-%.2s-%.2s", text.data, text.data + 4, text.data + 6);
    return day_parse(view_of(iso), out) == E_OK;
}

static bool check_day(struct checking *c, const struct view *fields, enum column column,
                      struct day *out)
{
    struct view text = fields[column];
    if (text.len == 0 || read_day(text, out)) {
        return text.len > 0;
    }
    tell(c, c->line, FEC_RULE_DATE, "%s is '%s': a day as AAAAMMJJ is wanted", columns[column].name,
         show(text).text);
    return false;
}

/* NULL, or what is wrong. */
static const char *read_amount(struct view text, struct cents *out)
{
    size_t at = text.len > 0 && (text.data[0] == '-' || text.data[0] == '+');
    size_t comma = view_find(text, ',');
    struct view whole = view_slice(text, at, comma);
    struct view part = view_slice(text, comma + 1, text.len);
    int64_t cents = 0;
    if (view_find(text, '.') < text.len) {
        return "a point; the decimal separator is a comma";
    }
    if (view_find(text, ' ') < text.len || view_find(text, '\xA0') < text.len) {
        return "a space; thousands are not set apart";
    }
    if (!all_digits(whole) || (comma < text.len && !all_digits(part)) || part.len > 2) {
        return "no amount such as 1234,56";
    }
    if (whole.len > 16) {
        return "too large";
    }
    for (size_t i = 0; i < whole.len; i++) {
        cents = cents * 10 + (whole.data[i] - '0');
    }
    for (size_t i = 0; i < 2; i++) {
        cents = cents * 10 + (i < part.len ? part.data[i] - '0' : 0);
    }
    out->cents = text.data[0] == '-' ? -cents : cents;
    return NULL;
}

static bool check_amount(struct checking *c, const struct view *fields, enum column column,
                         struct cents *out)
{
    const char *what = fields[column].len == 0 ? NULL : read_amount(fields[column], out);
    if (what != NULL) {
        tell(c, c->line, FEC_RULE_AMOUNT, "%s is '%s': %s", columns[column].name,
             show(fields[column]).text, what);
    }
    return what == NULL && fields[column].len > 0;
}

/* ---- entries ---- */

static void entry_close(struct checking *c)
{
    if (c->entry_line == 0) {
        return;
    }
    struct shown number = show(c->entry_number);
    struct shown journal = show(c->entry_journal);
    if (c->entry_sum.cents != 0 && !c->entry_unread) {
        char text[32];
        cents_format(c->entry_sum, text);
        tell(c, c->entry_line, FEC_RULE_ENTRY,
             "entry %s of journal %s does not balance: debits less credits are %s", number.text,
             journal.text, text);
    }
    if (c->entry_profit && c->entry_result && !c->entry_opening) {
        tell(c, c->entry_line, FEC_RULE_CLOSING,
             "entry %s of journal %s closes accounts of classes 6 and 7 into account 12: leave it "
             "out",
             number.text, journal.text);
    }
}

/* The digits at the end, "VT00012" is 12. */
static bool entry_number(struct view text, uint64_t *out)
{
    size_t first = text.len;
    while (first > 0 && text.data[first - 1] >= '0' && text.data[first - 1] <= '9') {
        first--;
    }
    *out = 0;
    for (size_t i = first; i < text.len; i++) {
        *out = *out * 10 + (uint64_t)(text.data[i] - '0');
    }
    return first < text.len && text.len - first <= 18;
}

static void break_note(size_t *at, char *text, size_t size, size_t line, const char *fmt, ...)
    printf_like(5, 6);

static void break_note(size_t *at, char *text, size_t size, size_t line, const char *fmt, ...)
{
    if (*at == 0) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(text, size, fmt, args);
        va_end(args);
        *at = line;
    }
}

static void follow_number(struct checking *c, struct journal *journal, struct view text)
{
    uint64_t number;
    if (!entry_number(text, &number)) {
        tell(c, c->line, FEC_RULE_NUMBER, "EcritureNum is '%s': a number is wanted",
             show(text).text);
        return;
    }
    struct journal *both[] = {&c->whole, journal};
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        if (both[i]->any && number != both[i]->number + 1) {
            struct run *run = &c->numbers;
            break_note(i == 0 ? &run->file_break : &run->journal_break,
                       i == 0 ? run->file_text : run->journal_text, sizeof run->file_text, c->line,
                       "EcritureNum %llu follows %llu: numbers go on by 1, in the file or within "
                       "a journal",
                       (unsigned long long)number, (unsigned long long)both[i]->number);
        }
        both[i]->any = true;
        both[i]->number = number;
    }
}

static void follow_valid(struct checking *c, struct journal *journal, struct day valid)
{
    struct journal *both[] = {&c->whole, journal};
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        if (both[i]->any_valid && day_compare(valid, both[i]->valid) < 0) {
            char now[11];
            char before[11];
            struct run *run = &c->order;
            day_format(valid, now);
            day_format(both[i]->valid, before);
            break_note(i == 0 ? &run->file_break : &run->journal_break,
                       i == 0 ? run->file_text : run->journal_text, sizeof run->file_text, c->line,
                       "ValidDate %s follows %s: entries stand in the order of their validation",
                       now, before);
        }
        both[i]->any_valid = true;
        both[i]->valid = valid;
    }
}

/* Either way is right; of two that broke, the one that held longer was meant. */
static void run_end(struct checking *c, const struct run *run, enum fec_rule rule)
{
    if (run->file_break != 0 && run->journal_break != 0) {
        bool file = run->file_break >= run->journal_break;
        tell(c, file ? run->file_break : run->journal_break, rule, "%s",
             file ? run->file_text : run->journal_text);
    }
}

/* ---- lines ---- */

static bool has_word(struct view text, const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= text.len; i++) {
        if (view_is_nocase(view_slice(text, i, i + len), word)) {
            return true;
        }
    }
    return false;
}

static bool is_opening(struct view code, struct view label)
{
    return view_is_nocase(code, "AN") || view_is_nocase(code, "RAN") ||
           view_is_nocase(code, "ANO") || has_word(label, "nouveau");
}

static struct journal *check_journal(struct checking *c, const struct view *fields)
{
    struct journal *journal = map_get(&c->journals, fields[COLUMN_JOURNAL]);
    if (journal == NULL) {
        journal = ARENA_NEW(&c->arena, struct journal);
        journal->label = fields[COLUMN_JOURNAL_LABEL];
        map_put(&c->journals, fields[COLUMN_JOURNAL], journal);
    } else if (!view_equal(journal->label, fields[COLUMN_JOURNAL_LABEL])) {
        tell(c, c->line, FEC_RULE_JOURNAL, "journal %s is called '%s' here and '%s' before",
             show(fields[COLUMN_JOURNAL]).text, show(fields[COLUMN_JOURNAL_LABEL]).text,
             show(journal->label).text);
    }
    return journal;
}

static void check_entry(struct checking *c, const struct view *fields, struct journal *journal)
{
    bool opening = is_opening(fields[COLUMN_JOURNAL], fields[COLUMN_JOURNAL_LABEL]);
    if (c->entry_line == 0 || !view_equal(c->entry_journal, fields[COLUMN_JOURNAL]) ||
        !view_equal(c->entry_number, fields[COLUMN_NUMBER])) {
        entry_close(c);
        c->entry_journal = fields[COLUMN_JOURNAL];
        c->entry_number = fields[COLUMN_NUMBER];
        c->entry_line = c->line;
        c->entry_sum = CENTS(0);
        c->entry_unread = c->entry_result = c->entry_profit = false;
        c->entry_opening = opening;
        c->report.entries++;
        if (fields[COLUMN_NUMBER].len > 0) {
            follow_number(c, journal, fields[COLUMN_NUMBER]);
        }
    }
    if (opening && c->past_opening && !c->opening_told) {
        c->opening_told = true;
        tell(c, c->line, FEC_RULE_OPENING,
             "opening balances stand behind other entries: they come "
             "first");
    }
    c->past_opening = c->past_opening || !opening;
    if (c->entry_line == c->line && (has_word(fields[COLUMN_JOURNAL_LABEL], "centralis") ||
                                     has_word(fields[COLUMN_LABEL], "centralis"))) {
        tell(c, c->line, FEC_RULE_CENTRAL,
             "entry %s of journal %s centralises others by its label: the file holds the entries "
             "themselves",
             show(fields[COLUMN_NUMBER]).text, show(fields[COLUMN_JOURNAL]).text);
    }
}

static void check_account(struct checking *c, struct view account)
{
    if (account.len == 0) {
        return;
    }
    if (account.len < 3 || !all_digits(view_slice(account, 0, 3))) {
        tell(c, c->line, FEC_RULE_ACCOUNT,
             "CompteNum is '%s': it begins with three digits of the plan comptable",
             show(account).text);
        return;
    }
    bool result = account.data[0] == '6' || account.data[0] == '7';
    c->entry_result = c->entry_result || result;
    c->entry_profit = c->entry_profit || (account.data[0] == '1' && account.data[1] == '2');
    if (result && c->entry_opening) {
        tell(c, c->line, FEC_RULE_OPENING,
             "account %s opens at 0: classes 6 and 7 have no opening "
             "balance",
             show(account).text);
    }
}

static void check_sides(struct checking *c, const struct view *fields)
{
    struct cents debit = CENTS(0);
    struct cents credit = CENTS(0);
    bool read = check_amount(c, fields, COLUMN_DEBIT, &debit);
    read = check_amount(c, fields, COLUMN_CREDIT, &credit) && read;
    if (!read) {
        c->entry_unread = true;
        return;
    }
    if (debit.cents != 0 && credit.cents != 0) {
        tell(c, c->line, FEC_RULE_SIDES,
             "both Debit and Credit have an amount: one of them is 0,00");
    }
    if (cents_accumulate(&c->report.debits, debit) != E_OK ||
        cents_accumulate(&c->report.credits, credit) != E_OK ||
        cents_accumulate(&c->entry_sum, debit) != E_OK ||
        cents_sub(c->entry_sum, credit, &c->entry_sum) != E_OK) {
        tell(c, c->line, FEC_RULE_AMOUNT, "the amounts are too large to be added up");
        c->entry_unread = true;
    }
}

static void check_pair(struct checking *c, const struct view *fields, enum column one,
                       enum column other)
{
    if ((fields[one].len == 0) != (fields[other].len == 0)) {
        tell(c, c->line, FEC_RULE_PAIR, "%s and %s are filled together, or neither is",
             columns[one].name, columns[other].name);
    }
}

static void check_line(struct checking *c, const struct view *fields)
{
    struct day day;
    struct cents amount;
    for (size_t i = 0; i < COLUMNS; i++) {
        if (columns[i].wanted && view_trim(fields[i]).len == 0) {
            tell(c, c->line, FEC_RULE_EMPTY, "%s is empty%s", columns[i].name,
                 i == COLUMN_DEBIT || i == COLUMN_CREDIT ? ": 0,00 stands on the side without an "
                                                           "amount"
                                                         : "");
        }
    }
    struct journal *journal = check_journal(c, fields);
    check_entry(c, fields, journal);
    check_account(c, fields[COLUMN_ACCOUNT]);
    check_sides(c, fields);
    if (check_day(c, fields, COLUMN_DATE, &day) && c->has_close &&
        (day_compare(day, c->close) > 0 || day_compare(day, c->earliest) < 0)) {
        tell(c, c->line, FEC_RULE_YEAR,
             "EcritureDate %s is not in the fiscal year that the file's name closes",
             show(fields[COLUMN_DATE]).text);
    }
    check_day(c, fields, COLUMN_PIECE_DATE, &day);
    check_day(c, fields, COLUMN_LETTER_DATE, &day);
    if (check_day(c, fields, COLUMN_VALID, &day)) {
        follow_valid(c, journal, day);
    }
    check_amount(c, fields, COLUMN_CURRENCY_AMOUNT, &amount);
    check_pair(c, fields, COLUMN_AUX, COLUMN_AUX_LABEL);
    check_pair(c, fields, COLUMN_LETTER, COLUMN_LETTER_DATE);
    check_pair(c, fields, COLUMN_CURRENCY_AMOUNT, COLUMN_CURRENCY);
}

/* Splits; how many fields there are, of which at most COLUMNS are kept. */
static size_t split(struct view line, char separator, struct view *fields)
{
    size_t count = 0;
    for (size_t from = 0;; count++) {
        struct view rest = view_slice(line, from, line.len);
        size_t len = view_find(rest, separator);
        if (count < COLUMNS) {
            fields[count] = view_slice(rest, 0, len);
        }
        if (len == rest.len) {
            return count + 1;
        }
        from += len + 1;
    }
}

static bool check_header(struct checking *c, struct view line)
{
    struct view fields[COLUMNS];
    c->separator = view_find(line, '\t') < line.len ? '\t' : '|';
    size_t count = split(line, c->separator, fields);
    for (size_t i = 0; i < COLUMNS && i < count; i++) {
        if (view_is(fields[i], columns[i].name)) {
            continue;
        }
        if (i == COLUMN_DEBIT && view_is(fields[i], "Montant")) {
            tell(c, 1, FEC_RULE_HEADER,
                 "Montant and Sens stand where Debit and Credit are wanted: "
                 "the law allows it, but it is not read here");
        } else {
            tell(c, 1, FEC_RULE_HEADER, "column %zu is '%s': %s is wanted", i + 1,
                 show(fields[i]).text, columns[i].name);
        }
        return false;
    }
    if (count != COLUMNS) {
        tell(c, 1, FEC_RULE_HEADER,
             "%zu columns: the 18 of the law are wanted, set apart by tabs or by |", count);
    }
    return count == COLUMNS;
}

/* Bytes 80 to 9F are letters in Windows' own encoding only. */
static void check_bytes(struct checking *c, struct view line)
{
    for (size_t i = 0; i < line.len; i++) {
        unsigned char byte = (unsigned char)line.data[i];
        bool upper = byte >= 0x80 && byte < 0xA0;
        if (upper && !c->utf8) {
            tell(c, c->line, FEC_RULE_ENCODING,
                 "the byte %02X is none of ISO 8859-15, and the file is no UTF-8: is it "
                 "Windows-1252?",
                 byte);
            return;
        }
        if (byte == 0x7F || (byte < ' ' && byte != '\t') ||
            (upper && (unsigned char)line.data[i - 1] == 0xC2)) {
            tell(c, c->line, FEC_RULE_ENCODING, "the character %02X stands in the text", byte);
            return;
        }
    }
}

static void check_name(struct checking *c, struct view name)
{
    struct view day = view_slice(name, 12, 20);
    if (name.len != 24 || ident_siren(view_slice(name, 0, 9), NULL) != E_OK ||
        !view_is_nocase(view_slice(name, 9, 12), "FEC") || !read_day(day, &c->close) ||
        !view_is_nocase(view_slice(name, 20, 24), ".txt")) {
        tell(c, 0, FEC_RULE_NAME,
             "the file is called '%s': its name is the SIREN, FEC, the closing day as AAAAMMJJ, "
             "and .txt",
             show(name).text);
        return;
    }
    c->has_close = true;
    c->earliest = day_plus(day_plus_months(c->close, -YEAR_MONTHS_MAX), 1);
}

static void check_lines(struct checking *c, struct view rest)
{
    bool cr = false;
    bool told = false;
    while (rest.len > 0) {
        struct view fields[COLUMNS];
        size_t end = view_find(rest, '\n');
        bool ended = end < rest.len;
        struct view line = view_slice(rest, 0, end);
        rest = view_slice(rest, end + 1, rest.len);
        c->line++;
        bool has_cr = line.len > 0 && line.data[line.len - 1] == '\r';
        line.len -= has_cr;
        cr = c->line == 1 ? has_cr : cr;
        if (ended && has_cr != cr && !told) {
            told = true;
            tell(c, c->line, FEC_RULE_ENDING,
                 "lines end in CR LF in one place and in LF in another");
        }
        check_bytes(c, line);
        if (c->line == 1) {
            if (!check_header(c, line)) {
                return; /* what the fields mean is not known */
            }
            continue;
        }
        c->report.lines++;
        size_t count = split(line, c->separator, fields);
        if (count == COLUMNS) {
            check_line(c, fields);
        } else {
            tell(c, c->line, FEC_RULE_FIELDS, "%zu fields: 18 are wanted", count);
            c->entry_unread = true;
        }
    }
    entry_close(c);
}

void fec_check(struct view file, struct view name,
               void (*found)(void *context, const struct fec_finding *finding), void *context,
               struct fec_report *out)
{
    struct checking c = {.found = found, .context = context};
    map_init(&c.journals, 0);
    if (name.len > 0) {
        check_name(&c, name);
    }
    if (view_starts(file, "\xEF\xBB\xBF")) {
        tell(&c, 1, FEC_RULE_ENCODING, "the file begins with a byte order mark: leave it out");
        file = view_slice(file, 3, file.len);
    }
    c.utf8 = text_is_utf8(file);
    if (file.len == 0) {
        tell(&c, 0, FEC_RULE_HEADER, "the file is empty");
    }
    check_lines(&c, file);
    run_end(&c, &c.numbers, FEC_RULE_NUMBER);
    run_end(&c, &c.order, FEC_RULE_ORDER);
    if (c.report.debits.cents != c.report.credits.cents) {
        char debits[32];
        char credits[32];
        cents_format(c.report.debits, debits);
        cents_format(c.report.credits, credits);
        tell(&c, 0, FEC_RULE_BALANCE, "debits are %s, credits %s in all", debits, credits);
    }
    map_release(&c.journals);
    arena_release(&c.arena);
    *out = c.report;
}
