/* Documents of a close get their numbers: from which series, what a credit note names, how they are
 * cut into entries; and the terms that are frozen for them. */
#include <check.h>
#include <stdlib.h>

#include "core/entry/entry.h"
#include "core/invoices/numbering.h"
#include "core/paper/cii.h"
#include "core/paper/series.h"
#include "crypt/sha256.h"
#include "wire/pack.h"

#define KIND(k) PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_##k
#define LINE(k) PASSERELLE__V1__LINE_KIND__LINE_KIND_##k

enum { DOCUMENTS_MAX = 1200, EARLIER_MAX = 450 };

static struct arena arena;
static Passerelle__V1__SettlementDocument settled;
static Passerelle__V1__Document *documents[DOCUMENTS_MAX];

/* ---- what the network has on record ---- */

static Passerelle__V1__SelfBillingMandate mandate;
static Passerelle__V1__BankAccount account;
static Passerelle__V1__Member members[] = {
    PASSERELLE__V1__MEMBER__INIT, PASSERELLE__V1__MEMBER__INIT, PASSERELLE__V1__MEMBER__INIT,
    PASSERELLE__V1__MEMBER__INIT, PASSERELLE__V1__MEMBER__INIT};
static Passerelle__V1__Employer employers[] = {PASSERELLE__V1__EMPLOYER__INIT,
                                               PASSERELLE__V1__EMPLOYER__INIT};
static Passerelle__V1__Site sites[] = {PASSERELLE__V1__SITE__INIT, PASSERELLE__V1__SITE__INIT};
static Passerelle__V1__Carnet carnets[] = {PASSERELLE__V1__CARNET__INIT,
                                           PASSERELLE__V1__CARNET__INIT,
                                           PASSERELLE__V1__CARNET__INIT,
                                           PASSERELLE__V1__CARNET__INIT};

#define TEXT(s) ((char *)(s))

static const Passerelle__V1__Member *member_of(void *context, const char *id)
{
    (void)context;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (strcmp(members[i].member_id, id) == 0) {
            return &members[i];
        }
    }
    return NULL;
}

static const Passerelle__V1__BankAccount *account_of(void *context, const char *id)
{
    (void)context;
    return strcmp(id, account.member_id) == 0 ? &account : NULL;
}

static const Passerelle__V1__Employer *employer_of(void *context, const char *id)
{
    (void)context;
    for (size_t i = 0; i < ARRAY_LEN(employers); i++) {
        if (strcmp(employers[i].employer_id, id) == 0) {
            return &employers[i];
        }
    }
    return NULL;
}

static const Passerelle__V1__Site *site_of(void *context, const char *id)
{
    (void)context;
    for (size_t i = 0; i < ARRAY_LEN(sites); i++) {
        if (strcmp(sites[i].site_id, id) == 0) {
            return &sites[i];
        }
    }
    return NULL;
}

static void carnets_of(void *context, const char *plan_id,
                       void (*each)(void *to, const Passerelle__V1__Carnet *carnet), void *to)
{
    (void)context;
    for (size_t i = 0; i < ARRAY_LEN(carnets); i++) {
        if (strcmp(carnets[i].plan_id, plan_id) == 0) {
            each(to, &carnets[i]);
        }
    }
}

static const struct terms_source records = {NULL,    member_of, account_of, employer_of,
                                            site_of, carnets_of};

static void setup(void)
{
    static const char *const ids[][2] = {{"op", "100000009"},
                                         {"iss", "552100554"},
                                         {"lone", "443061841"},
                                         {"hst", "732829320"},
                                         {"stranger", "996471223"}};
    arena_init(&arena);
    passerelle__v1__settlement_document__init(&settled);
    settled.month = TEXT("2026-10");
    settled.documents = documents;
    passerelle__v1__self_billing_mandate__init(&mandate);
    mandate.signed_on = TEXT("2026-01-15");
    mandate.contest_days = 15;
    passerelle__v1__bank_account__init(&account);
    account.member_id = TEXT("iss");
    account.iban = TEXT("FR7630006000011234567890189");
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        passerelle__v1__member__init(&members[i]);
        members[i].member_id = TEXT(ids[i][0]);
        members[i].legal_name = TEXT(ids[i][0]);
        members[i].siren = TEXT(ids[i][1]);
        members[i].vat_regime = PASSERELLE__V1__VAT_REGIME__VAT_REGIME_STANDARD;
        members[i].country = TEXT("FR");
    }
    members[3].self_billing_mandate = &mandate;
    for (size_t i = 0; i < ARRAY_LEN(employers); i++) {
        passerelle__v1__employer__init(&employers[i]);
        employers[i].employer_id = TEXT(i == 0 ? "e1" : "e2");
        employers[i].legal_name = employers[i].employer_id;
        employers[i].siren = TEXT(i == 0 ? "998836464" : "996853115");
        employers[i].country = TEXT("FR");
    }
    for (size_t i = 0; i < ARRAY_LEN(sites); i++) {
        passerelle__v1__site__init(&sites[i]);
        sites[i].site_id = TEXT(i == 0 ? "s2" : "s1");
        sites[i].name = TEXT(i == 0 ? "L'Atelier" : "La Ruche");
        sites[i].member_id = TEXT("hst");
    }
    for (size_t i = 0; i < ARRAY_LEN(carnets); i++) {
        static const char *const carnet_ids[] = {"c3", "c2", "c1", "c4"};
        static const char *const bought[] = {"2026-10-31", "2026-10-01", "2026-09-30",
                                             "2026-11-01"};
        passerelle__v1__carnet__init(&carnets[i]);
        carnets[i].carnet_id = TEXT(carnet_ids[i]);
        carnets[i].plan_id = TEXT("p1");
        carnets[i].bought_on = TEXT(bought[i]);
        carnets[i].units = 20;
        carnets[i].price_cents = 1000;
    }
}

static void teardown(void)
{
    arena_release(&arena);
}

/* A document of the close with one line of 10.00 EUR. */
static Passerelle__V1__Document *add(Passerelle__V1__DocumentKind kind, bool credit,
                                     const char *seller, const char *buyer, const char *month)
{
    static const Passerelle__V1__LineKind lines[] = {[KIND(EMPLOYER_INVOICE)] = LINE(CHARGE),
                                                     [KIND(HOST_INVOICE)] = LINE(HOST),
                                                     [KIND(FEE_INVOICE)] = LINE(FEE),
                                                     [KIND(SUBSIDY_STATEMENT)] = LINE(SUBSIDY)};
    Passerelle__V1__Document *one = wire_new(&arena, &passerelle__v1__document__descriptor);
    Passerelle__V1__DocumentLine *line =
        wire_new(&arena, &passerelle__v1__document_line__descriptor);
    int64_t sign = credit ? -1 : 1;
    ck_assert_uint_lt(settled.n_documents, DOCUMENTS_MAX);
    documents[settled.n_documents++] = one;
    one->kind = kind;
    one->credit_note = credit;
    one->seller_member_id = TEXT(seller);
    one->buyer_id = TEXT(buyer);
    one->vat_basis_points = 2000;
    one->net_cents = sign * 1000;
    one->vat_cents = sign * 200;
    one->gross_cents = sign * 1200;
    one->lines = ARENA_ARRAY(&arena, 1, Passerelle__V1__DocumentLine *);
    one->lines[one->n_lines++] = line;
    line->kind = lines[kind];
    line->site_id = TEXT(kind == KIND(HOST_INVOICE) ? "s1" : "");
    line->resource = PASSERELLE__V1__RESOURCE__RESOURCE_DESK;
    line->unit = PASSERELLE__V1__UNIT__UNIT_HALF_DAY;
    line->quantity = sign;
    line->price_cents = 1000;
    line->month = TEXT(month);
    return one;
}

/* ---- what was numbered before ---- */

struct earlier {
    const char *number, *issued_on;
    Passerelle__V1__NumberedInvoice *invoice;
};

struct history {
    const char *series; /* one that has numbers already, up to `last` */
    uint32_t last;
    struct earlier earlier[EARLIER_MAX];
    size_t count;
};

static uint32_t last_of(void *context, const char *series)
{
    const struct history *history = context;
    return history->series != NULL && strcmp(series, history->series) == 0 ? history->last : 0;
}

static void issued_of(void *context, const Passerelle__V1__Document *document,
                      void (*each)(void *to, const char *number, const char *issued_on,
                                   const Passerelle__V1__NumberedInvoice *invoice),
                      void *to)
{
    const struct history *history = context;
    (void)document;
    for (size_t i = 0; i < history->count; i++) {
        each(to, history->earlier[i].number, history->earlier[i].issued_on,
             history->earlier[i].invoice);
    }
}

static void remember(struct history *history, const char *number, const char *first,
                     const char *second)
{
    Passerelle__V1__NumberedInvoice *invoice =
        wire_new(&arena, &passerelle__v1__numbered_invoice__descriptor);
    invoice->months = ARENA_ARRAY(&arena, 2, char *);
    invoice->months[invoice->n_months++] = TEXT(first);
    if (second != NULL) {
        invoice->months[invoice->n_months++] = TEXT(second);
    }
    history->earlier[history->count++] = (struct earlier){number, "2026-10-04", invoice};
}

struct numbered {
    Passerelle__V1__InvoicesNumbered **parts;
    size_t count;
    const Passerelle__V1__InvoiceTerms *terms;
};

static int number_on(const char *day, struct history *history, struct numbered *out,
                     struct fault *fault)
{
    struct day issued;
    struct numbering_source source = {history, last_of, issued_of};
    ck_assert_int_eq(day_parse(view_of(day), &issued), E_OK);
    out->terms = terms_gather(&settled, &records, &arena);
    return numbering_run(&settled, out->terms, issued, &source, 7, &arena, &out->parts, &out->count,
                         fault);
}

static struct numbered number_all(const char *day, struct history *history)
{
    struct numbered out;
    struct fault fault = FAULT_NONE;
    ck_assert_msg(number_on(day, history, &out, &fault) == E_OK, "%s", fault.text);
    return out;
}

static bool is_of(const Passerelle__V1__NumberedInvoice *numbered,
                  const Passerelle__V1__Document *document)
{
    return numbered->kind == document->kind && numbered->credit_note == document->credit_note &&
           strcmp(numbered->seller_member_id, document->seller_member_id) == 0 &&
           strcmp(numbered->buyer_id, document->buyer_id) == 0;
}

/* ---- numbers ---- */

START_TEST(each_series_goes_on)
{
    static const struct {
        const char *number;
        size_t document;
        bool pro_forma;
    } rows[] = {
        {"FA-552100554-2026-000042", 0, false}, {"FA-552100554-2026-000043", 1, false},
        {"AF-732829320-552100554-2026-000001", 2, false},
        {"PF-443061841-552100554-2026-10", 3, true}, /* no mandate: the host writes its own */
        {"RE-100000009-2026-000001", 4, false},
        {"FA-443061841-2026-000001", 6, false},
    };
    struct history history = {.series = "FA-552100554-2026", .last = 41};
    add(KIND(EMPLOYER_INVOICE), false, "iss", "e1", "2026-10");
    add(KIND(EMPLOYER_INVOICE), false, "iss", "e2", "2026-10");
    add(KIND(HOST_INVOICE), false, "hst", "iss", "2026-10");
    add(KIND(HOST_INVOICE), false, "lone", "iss", "2026-10");
    add(KIND(FEE_INVOICE), false, "op", "iss", "2026-10");
    add(KIND(SUBSIDY_STATEMENT), false, "iss", "op", "2026-10"); /* no invoice, so no number */
    add(KIND(EMPLOYER_INVOICE), false, "lone", "e1", "2026-10");
    struct numbered all = number_all("2026-11-03", &history);
    uint8_t hash[SHA256_LEN];
    ck_assert_uint_eq(all.count, 1);
    const Passerelle__V1__InvoicesNumbered *part = all.parts[0];
    ck_assert_str_eq(part->month, "2026-10");
    ck_assert_str_eq(part->issued_on, "2026-11-03");
    sha256(wire_pack_arena(&arena, &all.terms->base), hash);
    ck_assert_mem_eq(part->terms_sha256.data, hash, SHA256_LEN);
    ck_assert_uint_eq(part->n_invoices, ARRAY_LEN(rows));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const Passerelle__V1__NumberedInvoice *one = part->invoices[i];
        const Passerelle__V1__Document *document = documents[rows[i].document];
        struct month month;
        struct invoice invoice;
        struct fault fault = FAULT_NONE;
        struct buf cii = BUF_INIT;
        ck_assert_str_eq(one->number, rows[i].number);
        ck_assert_int_eq(one->pro_forma, rows[i].pro_forma);
        ck_assert_uint_eq(one->n_months, 1);
        ck_assert_str_eq(one->months[0], "2026-10");
        for (size_t k = 0; k < settled.n_documents; k++) {
            ck_assert_int_eq(is_of(one, documents[k]), k == rows[i].document);
        }
        /* Made again by what was recorded, it is the same invoice, and its hash the recorded one. */
        ck_assert_int_eq(month_parse(VIEW_LIT("2026-10"), &month), E_OK);
        ck_assert_int_eq(numbered_invoice(document, one, month, day_of(2026, 11, 3), all.terms,
                                          &arena, &invoice, &fault),
                         E_OK);
        ck_assert(view_is(invoice.number, rows[i].number));
        if (!one->pro_forma) {
            ck_assert_int_eq(cii_write(&invoice, &cii), E_OK);
            sha256(buf_content(&cii), hash);
            ck_assert_uint_eq(one->cii_sha256.len, SHA256_LEN);
            ck_assert_mem_eq(one->cii_sha256.data, hash, SHA256_LEN);
        }
        ck_assert(!one->pro_forma || one->cii_sha256.len == 0);
        buf_release(&cii);
    }
}
END_TEST

/* What a close of December issues in January is of the new year. */
START_TEST(the_year_is_that_of_issue)
{
    struct history history = {.series = "FA-552100554-2026", .last = 41};
    settled.month = TEXT("2026-12");
    add(KIND(EMPLOYER_INVOICE), false, "iss", "e1", "2026-12");
    struct numbered all = number_all("2027-01-02", &history);
    ck_assert_str_eq(all.parts[0]->invoices[0]->number, "FA-552100554-2027-000001");
}
END_TEST

START_TEST(credit_notes_name_what_they_correct)
{
    struct history history = {0};
    struct history none = {0};
    remember(&history, "N-7", "2026-08", NULL);
    remember(&history, "N-8", "2026-09", NULL);
    remember(&history, "N-9", "2026-08", "2026-09");
    add(KIND(EMPLOYER_INVOICE), true, "iss", "e1", "2026-09");
    add(KIND(HOST_INVOICE), true, "hst", "iss", "2026-09");
    struct numbered all = number_all("2026-11-03", &history);
    static const char *const numbers[] = {"AV-552100554-2026-000001",
                                          "AA-732829320-552100554-2026-000001"};
    for (size_t i = 0; i < 2; i++) { /* those of its month, in the order of their issue */
        const Passerelle__V1__NumberedInvoice *one = all.parts[0]->invoices[i];
        ck_assert_str_eq(one->number, numbers[i]);
        ck_assert_uint_eq(one->n_preceding, 2);
        ck_assert_str_eq(one->preceding[0]->number, "N-8");
        ck_assert_str_eq(one->preceding[1]->number, "N-9");
        ck_assert_str_eq(one->preceding[1]->issued_on, "2026-10-04");
    }
    /* Nothing to name: the settlement of that month stands for it, and a host's is a pro forma. */
    all = number_all("2026-11-03", &none);
    const Passerelle__V1__NumberedInvoice *one = all.parts[0]->invoices[0];
    ck_assert_str_eq(one->number, numbers[0]);
    ck_assert_uint_eq(one->n_preceding, 1);
    ck_assert_str_eq(one->preceding[0]->number, "PF-552100554-998836464-2026-09");
    ck_assert_str_eq(one->preceding[0]->issued_on, "2026-09-30");
    one = all.parts[0]->invoices[1];
    ck_assert(one->pro_forma);
    ck_assert_str_eq(one->number, "PF-732829320-552100554-2026-10-A");
    ck_assert_uint_eq(one->n_preceding, 0);
    ck_assert_uint_eq(one->cii_sha256.len, 0);
}
END_TEST

START_TEST(a_credit_note_names_the_latest_at_most)
{
    static struct history history;
    for (size_t i = 0; i < EARLIER_MAX; i++) {
        remember(&history, arena_printf(&arena, "N-%zu", i), "2026-09", NULL);
    }
    add(KIND(EMPLOYER_INVOICE), true, "iss", "e1", "2026-09");
    struct numbered all = number_all("2026-11-03", &history);
    const Passerelle__V1__NumberedInvoice *one = all.parts[0]->invoices[0];
    ck_assert_uint_eq(one->n_preceding, 400);
    ck_assert_str_eq(one->preceding[0]->number, "N-50");
    ck_assert_str_eq(one->preceding[399]->number, "N-449");
}
END_TEST

START_TEST(entries_stay_short)
{
    struct history history = {0};
    uint32_t at = 0;
    for (size_t i = 0; i < DOCUMENTS_MAX; i++) {
        add(KIND(EMPLOYER_INVOICE), false, "iss", i % 2 == 0 ? "e1" : "e2", "2026-10");
    }
    struct numbered all = number_all("2026-11-03", &history);
    ck_assert_uint_gt(all.count, 2);
    for (size_t i = 0; i < all.count; i++) {
        const Passerelle__V1__InvoicesNumbered *part = all.parts[i];
        ck_assert_uint_lt(protobuf_c_message_get_packed_size(&part->base), ENTRY_BYTES_MAX - 4096);
        ck_assert_str_eq(part->month, "2026-10");
        ck_assert_str_eq(part->issued_on, "2026-11-03");
        ck_assert_mem_eq(part->terms_sha256.data, all.parts[0]->terms_sha256.data, SHA256_LEN);
        for (size_t k = 0; k < part->n_invoices; k++) { /* all of them, in order, without a gap */
            struct view series;
            uint32_t number;
            ck_assert_int_eq(series_parse(view_of(part->invoices[k]->number), &series, &number),
                             E_OK);
            ck_assert_uint_eq(number, ++at);
            ck_assert_str_eq(part->invoices[k]->buyer_id, at % 2 == 1 ? "e1" : "e2");
        }
    }
    ck_assert_uint_eq(at, DOCUMENTS_MAX);
}
END_TEST

/* ---- terms ---- */

START_TEST(terms_are_what_documents_name)
{
    add(KIND(HOST_INVOICE), false, "hst", "iss", "2026-10");
    add(KIND(HOST_INVOICE), false, "hst", "iss", "2026-10")->lines[0]->site_id = TEXT("s2");
    add(KIND(SUBSIDY_STATEMENT), false, "stranger", "op", "2026-10");
    Passerelle__V1__DocumentLine *line =
        add(KIND(EMPLOYER_INVOICE), false, "iss", "e2", "2026-10")->lines[0];
    line->kind = LINE(CARNET);
    line->plan_id = TEXT("p1");
    const Passerelle__V1__InvoiceTerms *terms = terms_gather(&settled, &records, &arena);
    ck_assert_uint_eq(terms->n_members, 2); /* ascending, each once; a subsidy names nobody */
    ck_assert_str_eq(terms->members[0]->member_id, "hst");
    ck_assert_str_eq(terms->members[1]->member_id, "iss");
    ck_assert_uint_eq(terms->n_accounts, 1);
    ck_assert_str_eq(terms->accounts[0]->iban, account.iban);
    ck_assert_uint_eq(terms->n_employers, 1);
    ck_assert_str_eq(terms->employers[0]->employer_id, "e2");
    ck_assert_uint_eq(terms->n_sites, 2); /* names, nothing else */
    ck_assert_str_eq(terms->sites[0]->name, "La Ruche");
    ck_assert_str_eq(terms->sites[1]->name, "L'Atelier");
    ck_assert_str_eq(terms->sites[0]->member_id, "");
    ck_assert_uint_eq(terms->n_carnets, 2); /* of this month only */
    ck_assert_str_eq(terms->carnets[0]->carnet_id, "c2");
    ck_assert_str_eq(terms->carnets[1]->carnet_id, "c3");

    struct terms_book context = {terms, false};
    struct paper_book book = terms_book(&context);
    struct paper_member found;
    ck_assert(book.member(&context, "hst", &found));
    ck_assert(found.mandate && found.account == NULL);
    ck_assert_uint_eq(found.mandate_contest_days, 15);
    ck_assert(book.member(&context, "iss", &found));
    ck_assert(!found.mandate && found.account != NULL);
    ck_assert(!book.member(&context, "op", &found) && !book.member(&context, "zzz", &found));
    ck_assert_str_eq(book.employer(&context, "e2")->employer_id, "e2");
    ck_assert_ptr_null(book.employer(&context, "e1"));
    ck_assert_str_eq(book.site(&context, "s2")->name, "L'Atelier");
    ck_assert_ptr_null(book.site(&context, "s3"));
    ck_assert_str_eq(book.carnet(&context, "p1", 1)->carnet_id, "c3");
    ck_assert_ptr_null(book.carnet(&context, "p1", 2));
    ck_assert_ptr_null(book.carnet(&context, "p0", 0));
    ck_assert_ptr_null(book.carnet(&context, "p2", 0));
    context.pro_forma = true; /* whatever mandates say */
    ck_assert(book.member(&context, "hst", &found) && !found.mandate);
}
END_TEST

/* ---- what cannot be numbered ---- */

static void refuses(struct history *history, int error, const char *words)
{
    struct numbered out;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(number_on("2026-11-03", history, &out, &fault), error);
    ck_assert_msg(strstr(fault.text, words) != NULL, "%s", fault.text);
}

START_TEST(what_cannot_be_numbered_is_named)
{
    struct history history = {.series = "FA-552100554-2026", .last = SERIES_NUMBER_MAX};
    Passerelle__V1__Document *document =
        add(KIND(EMPLOYER_INVOICE), false, "iss", "e1", "2026-10");
    refuses(&history, E_LIMIT, "the series holds");
    history.last = 0;
    employers[0].siren = TEXT("");
    refuses(&history, E_INVALID, "e1 has no SIREN");
    employers[0].siren = TEXT("998836464");
    document->buyer_id = TEXT("e9"); /* of whom nobody knows anything */
    refuses(&history, E_INVALID, "e9 has no SIREN");
    document->buyer_id = TEXT("e1");
    members[1].siren = TEXT("");
    refuses(&history, E_INVALID, "iss has no SIREN");
    members[1].siren = TEXT("552100554");
    document->vat_cents = 199;
    refuses(&history, E_CORRUPT, "restore the settlement document");
    document->vat_cents = 200;
    settled.month = TEXT("2026-13");
    refuses(&history, E_CORRUPT, "of no month");
    settled.month = TEXT("2026-10");
    number_all("2026-11-03", &history);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("invoices");
    TCase *cases = tcase_create("invoices");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, each_series_goes_on);
    tcase_add_test(cases, the_year_is_that_of_issue);
    tcase_add_test(cases, credit_notes_name_what_they_correct);
    tcase_add_test(cases, a_credit_note_names_the_latest_at_most);
    tcase_add_test(cases, entries_stay_short);
    tcase_add_test(cases, terms_are_what_documents_name);
    tcase_add_test(cases, what_cannot_be_numbered_is_named);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
