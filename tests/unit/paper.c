#include "core/paper/make.h"

#include <check.h>

#include "core/paper/cii.h"
#include "core/paper/facturx.h"
#include "core/paper/french.h"
#include "core/paper/html.h"
#include "core/paper/legal.h"
#include "core/paper/letters.h"
#include "core/paper/series.h"
#include "core/paper/ubl.h"
#include "tests/paper/cases.h"

#define KIND(k) PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_##k
#define REGIME(r) PASSERELLE__V1__VAT_REGIME__VAT_REGIME_##r

static struct day day(const char *text)
{
    struct day out;
    ck_assert_int_eq(day_parse(view_of(text), &out), E_OK);
    return out;
}

/* ---- numbers ---- */

START_TEST(series_names)
{
    static const struct {
        Passerelle__V1__DocumentKind kind;
        bool credit;
        const char *issued, *name;
    } rows[] = {
        {KIND(EMPLOYER_INVOICE), false, "2026-11-03", "FA-998836464-2026"},
        {KIND(EMPLOYER_INVOICE), true, "2026-11-03", "AV-998836464-2026"},
        {KIND(FEE_INVOICE), false, "2026-11-03", "RE-998836464-2026"},
        {KIND(FEE_INVOICE), true, "2026-11-03", "AV-998836464-2026"},
        {KIND(HOST_INVOICE), false, "2026-11-03", "AF-998836464-996471223-2026"},
        {KIND(HOST_INVOICE), true, "2026-11-03", "AA-998836464-996471223-2026"},
        /* December is billed in January: a new year's series. */
        {KIND(EMPLOYER_INVOICE), false, "2026-12-31", "FA-998836464-2026"},
        {KIND(EMPLOYER_INVOICE), false, "2027-01-01", "FA-998836464-2027"},
        {KIND(EMPLOYER_INVOICE), false, "2028-02-29", "FA-998836464-2028"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char name[SERIES_TEXT_MAX + 1];
        series_name(rows[i].kind, rows[i].credit, VIEW_LIT("998836464"), VIEW_LIT("996471223"),
                    day(rows[i].issued), name);
        ck_assert_str_eq(name, rows[i].name);
    }
}
END_TEST

START_TEST(series_numbers)
{
    static const struct {
        const char *name;
        uint32_t number;
        const char *text;
    } rows[] = {
        {"FA-998836464-2026", 1, "FA-998836464-2026-000001"},
        {"FA-998836464-2026", 999999, "FA-998836464-2026-999999"},
        {"FA-998836464-2026", 1000000, "FA-998836464-2026-1000000"},
        {"AF-998836464-996471223-2026", 9999999, "AF-998836464-996471223-2026-9999999"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[SERIES_TEXT_MAX + 1];
        struct view name;
        uint32_t number;
        series_number(rows[i].name, rows[i].number, text);
        ck_assert_str_eq(text, rows[i].text);
        ck_assert_int_le((int)strlen(text), 35);
        ck_assert_int_eq(series_parse(view_of(text), &name, &number), E_OK);
        ck_assert(view_is(name, rows[i].name));
        ck_assert_uint_eq(number, rows[i].number);
    }
    static const char *const wrong[] = {"",
                                        "FA-998836464-2026",
                                        "FA-998836464-2026-00001",
                                        "FA-998836464-2026-0000001",
                                        "FA-998836464-2026-000000",
                                        "FA-998836464-2026-12345678",
                                        "FA-998836464-2026-00000x",
                                        "-000001",
                                        "000001"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct view name;
        uint32_t number;
        ck_assert_msg(series_parse(view_of(wrong[i]), &name, &number) == E_INVALID, "%s", wrong[i]);
    }
}
END_TEST

START_TEST(series_have_no_gap_and_an_end)
{
    struct fault fault = FAULT_NONE;
    uint32_t next = 0;
    ck_assert_int_eq(series_next(0, &next, &fault), E_OK);
    ck_assert_uint_eq(next, 1);
    ck_assert_int_eq(series_next(SERIES_NUMBER_MAX - 1, &next, &fault), E_OK);
    ck_assert_uint_eq(next, SERIES_NUMBER_MAX);
    ck_assert_int_eq(series_next(SERIES_NUMBER_MAX, &next, &fault), E_LIMIT);
    ck_assert_uint_eq(next, SERIES_NUMBER_MAX);
    ck_assert_ptr_nonnull(strstr(fault.text, "series"));
}
END_TEST

START_TEST(pro_forma_is_a_reference)
{
    char text[SERIES_TEXT_MAX + 1];
    struct month october = month_of(day("2026-10-01"));
    series_pro_forma(VIEW_LIT("998836464"), VIEW_LIT("996471223"), october, false, text);
    ck_assert_str_eq(text, "PF-998836464-996471223-2026-10");
    series_pro_forma(VIEW_LIT("998836464"), VIEW_LIT("996471223"), october, true, text);
    ck_assert_str_eq(text, "PF-998836464-996471223-2026-10-A");
}
END_TEST

/* ---- law ---- */

START_TEST(law_by_day)
{
    static const struct {
        Passerelle__V1__VatRegime regime;
        const char *issued, *category, *code, *part;
    } rows[] = {
        {REGIME(STANDARD), "2026-08-31", "S", NULL, NULL},
        {REGIME(STANDARD), "2026-09-01", "S", NULL, NULL},
        {REGIME(FRANCHISE), "2026-08-31", "E", "VATEX-FR-FRANCHISE", "art. 293 B du CGI"},
        {REGIME(FRANCHISE), "2026-09-01", "E", "VATEX-FR-FRANCHISE",
         "L. 223-1 et suivants du CIBS"},
        {REGIME(PUBLIC_BODY), "2026-08-31", "O", "VATEX-EU-O", "art. 256 B du CGI"},
        {REGIME(PUBLIC_BODY), "2026-09-01", "O", "VATEX-EU-O", "CIBS"},
        {REGIME(EXEMPT_ASSOCIATION), "2026-08-31", "E", "VATEX-FR-CGI261-7", "261, 7-1° du CGI"},
        {REGIME(EXEMPT_ASSOCIATION), "2026-09-01", "E", "VATEX-FR-CGI261-7", "CIBS"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct legal_vat *vat = legal_vat_of(rows[i].regime, day(rows[i].issued));
        ck_assert_ptr_nonnull(vat);
        ck_assert_str_eq(vat->category, rows[i].category);
        ck_assert_int_eq(vat->basis_points, rows[i].regime == REGIME(STANDARD) ? 2000 : 0);
        ck_assert_int_eq(vat->code == NULL, rows[i].code == NULL);
        ck_assert_int_eq(vat->text == NULL, rows[i].part == NULL);
        if (rows[i].code != NULL) {
            ck_assert_str_eq(vat->code, rows[i].code);
            ck_assert_msg(strstr(vat->text, rows[i].part) != NULL, "%s", vat->text);
        }
    }
    ck_assert_ptr_null(legal_vat_of(REGIME(UNSPECIFIED), day("2026-09-01")));
    ck_assert_ptr_null(legal_vat_of(REGIME(STANDARD), (struct day){0}));
}
END_TEST

/* Each mention has a row from 2000 on, and rows of one subject stand in the order of their days. */
START_TEST(law_tables_are_whole)
{
    for (int mention = MENTION_RECOVERY; mention <= MENTION_PRO_FORMA; mention++) {
        ck_assert_ptr_nonnull(legal_mention_of((enum legal_mention)mention, day("2000-01-01")));
    }
    for (size_t i = 0; i < legal_mention_row_count; i++) {
        for (size_t k = i + 1; k < legal_mention_row_count; k++) {
            ck_assert(legal_mention_rows[i].mention != legal_mention_rows[k].mention ||
                      strcmp(legal_mention_rows[i].valid_from, legal_mention_rows[k].valid_from) <
                          0);
        }
    }
    for (size_t i = 0; i < legal_vat_row_count; i++) {
        day(legal_vat_rows[i].valid_from);
        for (size_t k = i + 1; k < legal_vat_row_count; k++) {
            ck_assert(legal_vat_rows[i].regime != legal_vat_rows[k].regime ||
                      strcmp(legal_vat_rows[i].valid_from, legal_vat_rows[k].valid_from) < 0);
        }
    }
    ck_assert_str_eq(legal_mention_of(MENTION_SELF_BILLING, day("2026-08-31")),
                     "art. 289, I-2 du CGI");
    ck_assert_ptr_nonnull(
        strstr(legal_mention_of(MENTION_SELF_BILLING, day("2026-09-01")), "L. 216-33"));
}
END_TEST

/* ---- words ---- */

#define NB "\xc2\xa0"

START_TEST(french_words)
{
    static const struct {
        int64_t cents;
        const char *text;
    } amounts[] = {{0, "0,00"},
                   {5, "0,05"},
                   {-5, "-0,05"},
                   {99999, "999,99"},
                   {100000, "1" NB "000,00"},
                   {-123456789, "-1" NB "234" NB "567,89"},
                   {INT64_MAX, "92" NB "233" NB "720" NB "368" NB "547" NB "758,07"},
                   {INT64_MIN, "-92" NB "233" NB "720" NB "368" NB "547" NB "758,08"}};
    static const struct {
        int32_t basis_points;
        const char *text;
    } rates[] = {{0, "0" NB "%"}, {2000, "20" NB "%"}, {550, "5,5" NB "%"}, {1205, "12,05" NB "%"}};
    char text[FRENCH_TEXT_MAX];
    for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
        french_amount(CENTS(amounts[i].cents), text);
        ck_assert_str_eq(text, amounts[i].text);
    }
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        french_rate((struct vat_rate){rates[i].basis_points}, text);
        ck_assert_str_eq(text, rates[i].text);
    }
    french_day(day("2028-02-29"), text);
    ck_assert_str_eq(text, "29" NB "février" NB "2028");
    french_day(day("2027-03-01"), text);
    ck_assert_str_eq(text, "1er" NB "mars" NB "2027");
}
END_TEST

START_TEST(letters_are_cleaned_and_escaped)
{
    static const struct {
        const char *text, *clean, *escaped;
    } rows[] = {
        {"plain", "plain", "plain"},
        {"a&b<c>\"d\"'", "a&b<c>\"d\"'", "a&amp;b&lt;c&gt;&quot;d&quot;&#39;"},
        {"é€\xF0\x9F\x8F\xA2", "é€\xF0\x9F\x8F\xA2", "é€\xF0\x9F\x8F\xA2"},
        {"\x01|\x7F|\xC2\x85|", "�|�|�|", "�|�|�|"},
        {"\xFF|\xC3|\xE2\x82|\xC0\x80", "�|�|�|��", "�|�|�|��"},
        {"\xED\xA0\x80|\xEF\xBF\xBE|\xF4\x90\x80\x80", "�|�|�", "�|�|�"},
        {"\xE0\x80\x80|", "�|", "�|"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = BUF_INIT;
        letters_clean(&out, view_of(rows[i].text));
        ck_assert_str_eq(out.data, rows[i].clean);
        buf_clear(&out);
        letters_escape(&out, view_of(rows[i].text));
        ck_assert_str_eq(out.data, rows[i].escaped);
        buf_release(&out);
    }
}
END_TEST

/* ---- every case, in every form ---- */

static void has(const struct buf *bytes, const char *text, const char *name)
{
    struct view at = buf_content(bytes);
    size_t len = strlen(text);
    for (size_t i = 0; i + len <= at.len; i++) {
        if (memcmp(at.data + i, text, len) == 0) {
            return;
        }
    }
    ck_abort_msg("%s lacks %s", name, text);
}

static void each_form(void *context, const char *name, bool employer, const struct invoice *invoice,
                      const struct evidence *evidence)
{
    int *count = context;
    struct buf cii = BUF_INIT;
    struct buf bytes = BUF_INIT;
    ++*count;
    ck_assert_int_eq(cii_write(invoice, &cii), invoice->pro_forma ? E_UNSUPPORTED : E_OK);
    ck_assert_int_eq(ubl_write(invoice, &bytes), invoice->pro_forma ? E_UNSUPPORTED : E_OK);
    ck_assert_int_eq(cii.len == 0, invoice->pro_forma);
    buf_clear(&bytes);
    html_write(invoice, &bytes);
    has(&bytes, "</html>\n", name);
    buf_clear(&bytes);
    facturx_write(invoice, buf_content(&cii), &bytes);
    has(&bytes, "%%EOF\n", name);
    buf_clear(&bytes);
    evidence_json(invoice, employer, evidence, &bytes);
    has(&bytes, employer ? "check_ins" : "visits", name);
    ck_assert_int_eq(invoice->payable.cents, invoice->gross.cents - invoice->paid.cents);
    ck_assert_int_ge(invoice->payable.cents, 0);
    buf_release(&cii);
    buf_release(&bytes);
}

START_TEST(every_case_in_every_form)
{
    int count = 0;
    cases_each(each_form, &count);
    ck_assert_int_ge(count, 50);
}
END_TEST

struct wanted {
    const char *name;
    int seen;
};

static void look(void *context, const char *name, bool employer, const struct invoice *invoice,
                 const struct evidence *evidence)
{
    struct wanted *wanted = context;
    struct buf bytes = BUF_INIT;
    (void)employer;
    (void)evidence;
    if (strcmp(name, "carnets-only") == 0) {
        /* 2 x 164.03 + 0.33, and VAT on the sum; paid on the day of the last carnet. */
        ck_assert_str_eq(invoice->process, "S2");
        ck_assert_int_eq(invoice->paid.cents, 39407);
        ck_assert_int_eq(invoice->payable.cents, 0);
        ck_assert_int_eq(day_compare(invoice->due, day("2026-10-20")), 0);
        ck_assert_int_eq(invoice->payment.means, PAYMENT_NONE);
        wanted->seen++;
    } else if (strcmp(name, "carnets-and-zeros") == 0) {
        ck_assert_str_eq(invoice->process, "S1");
        ck_assert_int_eq(invoice->paid.cents, invoice->gross.cents);
        ck_assert_int_eq(day_compare(invoice->due, day("2026-12-03")), 0);
        wanted->seen++;
    } else if (strcmp(name, "overseas") == 0 || strcmp(name, "abroad") == 0) {
        ck_assert_str_eq(invoice->notes[3].subject, "BAR");
        ck_assert(view_is(invoice->notes[3].text, name[0] == 'o' ? "B2B" : "B2BINT"));
        wanted->seen++;
    } else if (strcmp(name, "employer-standard") == 0) {
        /* RULES 14: carnets count with half_up of their VAT: 492.09 + 98.42 */
        ck_assert_str_eq(invoice->process, "S1");
        ck_assert_int_eq(invoice->paid.cents, 59051);
        ck_assert_int_eq(day_compare(invoice->from, day("2026-09-01")), 0);
        ck_assert_int_eq(day_compare(invoice->to, day("2026-10-31")), 0);
        ck_assert_int_eq(day_compare(invoice->due, day("2026-12-03")), 0);
        wanted->seen++;
    } else if (strcmp(name, "employer-credit-standard") == 0) {
        ck_assert_int_eq(invoice->type, INVOICE_CREDIT);
        ck_assert_int_eq(invoice->paid.cents, 0);
        ck_assert_int_eq(invoice->payable.cents, invoice->gross.cents);
        ck_assert_uint_eq(invoice->preceding_count, 2);
        wanted->seen++;
    } else if (strcmp(name, "host-public") == 0) {
        ck_assert_int_eq(cii_write(invoice, &bytes), E_OK);
        has(&bytes, "Autofacturation (art. L. 216-33", name);
        has(&bytes, "mandat du 15" NB "janvier" NB "2024, contestation sous 15 jours", name);
        has(&bytes, "VATEX-EU-O", name);
        ck_assert_ptr_null(strstr(bytes.data, "schemeID=\"VA\""));
        ck_assert_ptr_null(strstr(bytes.data, "RateApplicablePercent"));
        /* netted: whoever reads an account here would pay it again */
        ck_assert_int_eq(invoice->payment.means, PAYMENT_CLEARING);
        ck_assert_ptr_null(strstr(bytes.data, "IBANID"));
        wanted->seen++;
    } else if (strcmp(name, "public-buyer") == 0) {
        ck_assert(view_is(invoice->buyer_reference, "SERV005"));
        ck_assert(view_is(invoice->engagement, "ENG-554686"));
        html_write(invoice, &bytes);
        has(&bytes, "<dt>Code service</dt><dd>SERV005</dd>", name);
        wanted->seen++;
    } else if (strcmp(name, "debit") == 0) {
        ck_assert_int_eq(invoice->payment.means, PAYMENT_SEPA_DEBIT);
        ck_assert(view_is(invoice->payment.mandate, "RUM-000001"));
        ck_assert(view_is(invoice->payment.creditor_id, "FR72ZZZ123456"));
        wanted->seen++;
    } else if (strcmp(name, "no-iban") == 0) {
        ck_assert_int_eq(invoice->payment.means, PAYMENT_UNDEFINED);
        wanted->seen++;
    } else if (strcmp(name, "pro-forma") == 0) {
        ck_assert(invoice->pro_forma);
        ck_assert(view_is(invoice->number, "PF-552100554-443061841-2026-10"));
        html_write(invoice, &bytes);
        has(&bytes, "ne vaut pas facture", name);
        wanted->seen++;
    } else if (strcmp(name, "hostile-host") == 0) {
        html_write(invoice, &bytes);
        ck_assert_ptr_null(strstr(bytes.data, "<script"));
        wanted->seen++;
    }
    buf_release(&bytes);
}

START_TEST(what_cases_say)
{
    struct wanted wanted = {0};
    cases_each(look, &wanted);
    ck_assert_int_eq(wanted.seen, 12);
}
END_TEST

/* A full buffer is told, not forgotten. */
static void into_little(void *context, const char *name, bool employer,
                        const struct invoice *invoice, const struct evidence *evidence)
{
    (void)employer;
    (void)evidence;
    int *count = context;
    if (strcmp(name, "employer-standard") != 0) {
        return;
    }
    struct buf whole = BUF_INIT;
    ck_assert_int_eq(cii_write(invoice, &whole), E_OK);
    for (size_t max = 1; max < whole.len; max += 997) {
        struct buf little = BUF_INIT_MAX(max);
        ck_assert_int_eq(cii_write(invoice, &little), E_LIMIT);
        buf_release(&little);
        ++*count;
    }
    buf_release(&whole);
}

START_TEST(full_buffers)
{
    int count = 0;
    cases_each(into_little, &count);
    ck_assert_int_gt(count, 3);
}
END_TEST

/* ---- what is refused ---- */

static bool no_member(void *context, const char *id, struct paper_member *out)
{
    const Passerelle__V1__Member *member = context;
    *out = (struct paper_member){.member = member};
    return strcmp(id, "unknown") != 0;
}

static const Passerelle__V1__Employer *no_employer(void *context, const char *id)
{
    (void)context;
    (void)id;
    return NULL;
}

static const Passerelle__V1__Site *no_site(void *context, const char *id)
{
    (void)context;
    (void)id;
    return NULL;
}

static const Passerelle__V1__Carnet *no_carnet(void *context, const char *id, size_t i)
{
    (void)context;
    (void)id;
    (void)i;
    return NULL;
}

START_TEST(refusals)
{
    Passerelle__V1__Member member = PASSERELLE__V1__MEMBER__INIT;
    Passerelle__V1__DocumentLine line = PASSERELLE__V1__DOCUMENT_LINE__INIT;
    Passerelle__V1__DocumentLine *lines[] = {&line};
    Passerelle__V1__Document document = PASSERELLE__V1__DOCUMENT__INIT;
    struct paper_book book = {&member, no_member, no_employer, no_site, no_carnet};
    struct paper_terms terms = {.number = VIEW_LIT("FA-1"), .issued = day("2026-11-03")};
    struct arena arena = ARENA_INIT;
    struct invoice invoice = {.line_count = 77};
    struct fault fault;
    char siren[] = "552100554";
    char month[] = "2026-10";
    member.siren = siren;
    member.vat_regime = REGIME(STANDARD);
    line.kind = PASSERELLE__V1__LINE_KIND__LINE_KIND_FEE;
    line.quantity = 3;
    line.price_cents = 100;
    line.month = month;
    document.kind = KIND(FEE_INVOICE);
    document.lines = lines;
    document.n_lines = 1;
    document.net_cents = 300;
    document.vat_cents = 60;
    document.gross_cents = 360;
    document.vat_basis_points = 2000;

    const struct {
        int code;
        const char *sentence;
    } rows[] = {
        {E_OK, ""},
        {E_INVALID, "subsidy"},
        {E_NOT_FOUND, "unknown"},
        {E_NOT_FOUND, "employer"},
        {E_NOT_FOUND, "site"},
        {E_CORRUPT, "sums"},
        {E_CORRUPT, "sums"},
        {E_CORRUPT, "line"},
        {E_CORRUPT, "no line"},
        {E_CONFLICT, "basis points"},
        {E_INVALID, "number of an invoice"},
        {E_INVALID, "number of an invoice"},
        {E_INVALID, "names no invoice"},
        {E_INVALID, "SIREN"},
        {E_CORRUPT, "line"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Passerelle__V1__Document wrong = document;
        Passerelle__V1__DocumentLine wrong_line = line;
        Passerelle__V1__DocumentLine *wrong_lines[] = {&wrong_line};
        struct paper_terms wrong_terms = terms;
        char unknown[] = "unknown";
        wrong.lines = wrong_lines;
        fault = FAULT_NONE;
        member.siren = siren;
        switch (i) {
        case 1:
            wrong.kind = KIND(SUBSIDY_STATEMENT);
            break;
        case 2:
            wrong.seller_member_id = unknown;
            break;
        case 3:
            wrong.kind = KIND(EMPLOYER_INVOICE);
            break;
        case 4:
            wrong_line.kind = PASSERELLE__V1__LINE_KIND__LINE_KIND_HOST;
            break;
        case 5:
            wrong.vat_cents = 61;
            break;
        case 6:
            wrong_line.quantity = 4;
            break;
        case 7:
            wrong_line.quantity = 0;
            break;
        case 8:
            wrong.n_lines = 0;
            break;
        case 9:
            member.vat_regime = REGIME(FRANCHISE);
            break;
        case 10:
            wrong_terms.number = VIEW_LIT("FA 1");
            break;
        case 11:
            wrong_terms.number = VIEW_LIT("123456789012345678901234567890123456");
            break;
        case 12:
            wrong.credit_note = true;
            wrong_line.quantity = -3;
            wrong.net_cents = -300;
            wrong.vat_cents = -60;
            wrong.gross_cents = -360;
            break;
        case 13:
            member.siren = unknown + 7;
            break;
        case 14:
            wrong_line.price_cents = INT64_MAX;
            break;
        default:
            break;
        }
        int err = paper_invoice(&wrong, &wrong_terms, &book, &arena, &invoice, &fault);
        member.vat_regime = REGIME(STANDARD);
        ck_assert_msg(err == rows[i].code, "row %zu: %d %s", i, err, fault.text);
        ck_assert_msg(strstr(fault.text, rows[i].sentence) != NULL, "row %zu: %s", i, fault.text);
        ck_assert_uint_eq(invoice.line_count, 1); /* untouched by a failure */
    }
    arena_release(&arena);
}
END_TEST

static bool mandated_member(void *context, const char *id, struct paper_member *out)
{
    (void)id;
    *out = *(const struct paper_member *)context;
    return true;
}

START_TEST(mandates_by_day)
{
    Passerelle__V1__Member member = PASSERELLE__V1__MEMBER__INIT;
    struct paper_member host = {.member = &member,
                                .mandate = true,
                                .mandate_signed_on = day("2026-05-10"),
                                .mandate_revoked = true,
                                .mandate_revoked_on = day("2026-11-20")};
    struct paper_book book = {&host, mandated_member, no_employer, no_site, no_carnet};
    Passerelle__V1__Document document = PASSERELLE__V1__DOCUMENT__INIT;
    static const struct {
        Passerelle__V1__DocumentKind kind;
        const char *issued;
        bool revoked, numbered;
    } rows[] = {
        {KIND(HOST_INVOICE), "2026-05-09", true, false},
        {KIND(HOST_INVOICE), "2026-05-10", true, true},
        {KIND(HOST_INVOICE), "2026-11-19", true, true},
        {KIND(HOST_INVOICE), "2026-11-20", true, false},
        {KIND(HOST_INVOICE), "2026-11-20", false, true},
        {KIND(SUBSIDY_STATEMENT), "2026-11-19", true, false},
        {KIND(FEE_INVOICE), "2026-05-09", true, true},
        {KIND(EMPLOYER_INVOICE), "2026-05-09", true, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fault fault = FAULT_NONE;
        bool numbered = !rows[i].numbered;
        document.kind = rows[i].kind;
        host.mandate_revoked = rows[i].revoked;
        ck_assert_int_eq(
            paper_is_numbered(&document, &book, day(rows[i].issued), &numbered, &fault), E_OK);
        ck_assert_msg(numbered == rows[i].numbered, "row %zu", i);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("paper");
    TCase *tcase = tcase_create("paper");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, series_names);
    tcase_add_test(tcase, series_numbers);
    tcase_add_test(tcase, series_have_no_gap_and_an_end);
    tcase_add_test(tcase, pro_forma_is_a_reference);
    tcase_add_test(tcase, law_by_day);
    tcase_add_test(tcase, law_tables_are_whole);
    tcase_add_test(tcase, french_words);
    tcase_add_test(tcase, letters_are_cleaned_and_escaped);
    tcase_add_test(tcase, every_case_in_every_form);
    tcase_add_test(tcase, what_cases_say);
    tcase_add_test(tcase, full_buffers);
    tcase_add_test(tcase, refusals);
    tcase_add_test(tcase, mandates_by_day);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
