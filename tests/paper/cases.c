#include "tests/paper/cases.h"

#include <assert.h>

#define KIND(k) PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_##k
#define LINE(k) PASSERELLE__V1__LINE_KIND__LINE_KIND_##k
#define REGIME(r) PASSERELLE__V1__VAT_REGIME__VAT_REGIME_##r

/* Every letter of Latin-1, Latin Extended A and B, then of Latin Extended Additional: too many for
 * one name of 200 code points, so they are spread over the parties' texts. */
enum { LETTERS_EACH = 180 };

static char *letters(struct arena *arena, uint32_t from, uint32_t to)
{
    char *text = arena_alloc(arena, 3 * (size_t)(to - from) + 1);
    size_t at = 0;
    for (uint32_t letter = from; letter < to; letter++) {
        if (letter >= 0x80 && letter < 0xA0) {
            continue;
        }
        if (letter < 0x80) {
            text[at++] = (char)letter;
        } else if (letter < 0x800) {
            text[at++] = (char)(0xC0 | letter >> 6);
            text[at++] = (char)(0x80 | (letter & 0x3F));
        } else {
            text[at++] = (char)(0xE0 | letter >> 12);
            text[at++] = (char)(0x80 | (letter >> 6 & 0x3F));
            text[at++] = (char)(0x80 | (letter & 0x3F));
        }
    }
    return text;
}

struct world {
    struct arena arena;
    Passerelle__V1__Member seller, buyer;
    Passerelle__V1__BankAccount account;
    bool mandate, account_known;
    Passerelle__V1__Employer employer;
    Passerelle__V1__SepaMandate debit;
    Passerelle__V1__Site site;
    Passerelle__V1__Carnet carnets[2];
    size_t carnet_count;
    struct paper_book book;
    case_fn each;
    void *context;
};

static bool find_member(void *context, const char *id, struct paper_member *out)
{
    struct world *w = context;
    bool seller = strcmp(id, "seller") == 0;
    *out = (struct paper_member){.member = seller ? &w->seller : &w->buyer,
                                 .account = w->account_known ? &w->account : NULL,
                                 .sepa_creditor_id = VIEW_LIT("FR72ZZZ123456"),
                                 .mandate = seller && w->mandate,
                                 .mandate_signed_on = day_of(2024, 1, 15),
                                 .mandate_contest_days = 15};
    return true;
}

static const Passerelle__V1__Employer *find_employer(void *context, const char *id)
{
    struct world *w = context;
    return strcmp(id, "employer") == 0 ? &w->employer : NULL;
}

static const Passerelle__V1__Site *find_site(void *context, const char *id)
{
    struct world *w = context;
    (void)id;
    return &w->site;
}

static const Passerelle__V1__Carnet *find_carnet(void *context, const char *plan_id, size_t i)
{
    struct world *w = context;
    (void)plan_id;
    return i < w->carnet_count ? &w->carnets[i] : NULL;
}

#define TEXT(s) ((char *)(s))

static void world_init(struct world *w, case_fn each, void *context)
{
    *w = (struct world){.mandate = true, .account_known = true, .each = each, .context = context};
    passerelle__v1__member__init(&w->seller);
    passerelle__v1__member__init(&w->buyer);
    passerelle__v1__bank_account__init(&w->account);
    passerelle__v1__employer__init(&w->employer);
    passerelle__v1__sepa_mandate__init(&w->debit);
    passerelle__v1__site__init(&w->site);
    w->seller.legal_name = TEXT("SCIC Le Phare");
    w->seller.sector = PASSERELLE__V1__SECTOR__SECTOR_PRIVATE;
    w->seller.siren = TEXT("552100554");
    w->seller.siret = TEXT("55210055400013");
    w->seller.vat_regime = REGIME(STANDARD);
    w->seller.vat_id = TEXT("FR03552100554");
    w->seller.address = TEXT("1 rue de l'Église");
    w->seller.postcode = TEXT("31000");
    w->seller.city = TEXT("Toulouse");
    w->seller.country = TEXT("FR");
    w->buyer = w->seller;
    w->buyer.legal_name = TEXT("Association La Ruche");
    w->buyer.siren = TEXT("443061841");
    w->buyer.siret = TEXT("44306184100047");
    w->buyer.vat_id = TEXT("FR64443061841");
    w->account.iban = TEXT("FR7630006000011234567890189");
    w->account.bic = TEXT("AGRIFRPP");
    w->employer.legal_name = TEXT("Employeur SA");
    w->employer.sector = PASSERELLE__V1__SECTOR__SECTOR_PRIVATE;
    w->employer.siren = TEXT("732829320");
    w->employer.siret = TEXT("73282932000074");
    w->employer.vat_id = TEXT("FR44732829320");
    w->employer.address = TEXT("3 rue C");
    w->employer.postcode = TEXT("34000");
    w->employer.city = TEXT("Montpellier");
    w->employer.country = TEXT("FR");
    w->employer.buyer_reference = TEXT("ACH-0001");
    w->site.name = TEXT("L’Atelier – Cintegabelle");
    for (size_t i = 0; i < 2; i++) {
        passerelle__v1__carnet__init(&w->carnets[i]);
        w->carnets[i].units = 20;
        w->carnets[i].price_cents = 16403;
        w->carnets[i].bought_on = TEXT(i == 0 ? "2026-10-05" : "2026-10-20");
    }
    w->carnet_count = 2;
    w->book = (struct paper_book){w, find_member, find_employer, find_site, find_carnet};
}

struct row {
    Passerelle__V1__LineKind kind;
    int64_t quantity, price;
    const char *month;
    Passerelle__V1__Resource resource;
    Passerelle__V1__Unit unit;
};

/* Makes the document whose sums are those of its rows, then the invoice. */
static void emit(struct world *w, const char *name, Passerelle__V1__DocumentKind kind, bool credit,
                 const char *issued, const struct row *rows, size_t count)
{
    bool employer = kind == KIND(EMPLOYER_INVOICE);
    int64_t sign = credit ? -1 : 1;
    struct cents net = CENTS(0);
    Passerelle__V1__Document document;
    passerelle__v1__document__init(&document);
    document.kind = kind;
    document.credit_note = credit;
    document.seller_member_id = TEXT("seller");
    document.buyer_id = TEXT(employer ? "employer" : "buyer");
    document.vat_basis_points = w->seller.vat_regime == REGIME(STANDARD) ? 2000 : 0;
    document.lines = ARENA_ARRAY(&w->arena, count, Passerelle__V1__DocumentLine *);
    struct evidence *evidence = ARENA_ARRAY(&w->arena, count, struct evidence);
    static const uint8_t ids[2][EVIDENCE_LEN] = {{1, 2, 3, 4, 5, 6, 0x77, 8, 0x99, 10},
                                                 {0xfe, 0xdc, 0xba}};
    for (size_t i = 0; i < count; i++) {
        Passerelle__V1__DocumentLine *line = ARENA_NEW(&w->arena, Passerelle__V1__DocumentLine);
        passerelle__v1__document_line__init(line);
        struct cents amount;
        int err = cents_times(CENTS(rows[i].price), rows[i].quantity, &amount);
        err = err == E_OK ? cents_accumulate(&net, amount) : err;
        assert(err == E_OK);
        line->kind = rows[i].kind;
        line->plan_id = TEXT("plan-1");
        line->site_id = TEXT("site-1");
        line->quantity = sign * rows[i].quantity;
        line->price_cents = rows[i].price;
        line->month = TEXT(rows[i].month);
        line->resource = rows[i].resource;
        line->unit = rows[i].unit;
        document.lines[document.n_lines++] = line;
        evidence[i] = (struct evidence){ids, i % 3};
    }
    struct cents vat;
    int err = cents_vat(net, (struct vat_rate){(int32_t)document.vat_basis_points}, &vat);
    assert(err == E_OK);
    document.net_cents = sign * net.cents;
    document.vat_cents = sign * vat.cents;
    document.gross_cents = sign * (net.cents + vat.cents);
    char *number = arena_printf(&w->arena, "T-%s", name);
    struct invoice_reference preceding[] = {
        {VIEW_LIT("FA-552100554-2026-000001"), day_of(2026, 10, 3)},
        {VIEW_LIT("FA-552100554-2026-000007"), day_of(2026, 9, 2)}};
    struct paper_terms terms = {.number = view_of(number),
                                .due_days = PAPER_DUE_DAYS,
                                .preceding = preceding,
                                .preceding_count = ARRAY_LEN(preceding)};
    err = day_parse(view_of(issued), &terms.issued);
    assert(err == E_OK);
    struct invoice invoice;
    struct fault fault = FAULT_NONE;
    err = paper_invoice(&document, &terms, &w->book, &w->arena, &invoice, &fault);
    if (err != E_OK) {
        die("%s: %s", name, fault.text);
    }
    w->each(w->context, name, employer, &invoice, evidence);
}

#define DESK PASSERELLE__V1__RESOURCE__RESOURCE_DESK
#define ROOM PASSERELLE__V1__RESOURCE__RESOURCE_MEETING_ROOM
#define HALF PASSERELLE__V1__UNIT__UNIT_HALF_DAY
#define WHOLE PASSERELLE__V1__UNIT__UNIT_DAY
#define HOUR PASSERELLE__V1__UNIT__UNIT_HOUR

static const struct row mixed[] = {
    {LINE(CARNET), 3, 16403, "2026-10", 0, 0},
    {LINE(SUBSCRIPTION), 7, 4900, "2026-10", 0, 0},
    {LINE(CHARGE), 12, 1050, "2026-10", DESK, HALF},
    {LINE(CHARGE), 1, 1801, "2026-09", DESK, WHOLE},
    {LINE(CHARGE), 2, 1800, "2026-10", ROOM, HOUR},
};
static const struct row carnets_only[] = {{LINE(CARNET), 2, 16403, "2026-10", 0, 0},
                                          {LINE(CARNET), 1, 33, "2026-10", 0, 0}};
/* Nothing is left to pay, but it holds more than carnets: S1. */
static const struct row carnets_and_zeros[] = {{LINE(CARNET), 2, 16403, "2026-10", 0, 0},
                                               {LINE(CHARGE), 4, 0, "2026-10", DESK, HALF}};
static const struct row hosted[] = {{LINE(HOST), 5, 733, "2026-10", DESK, HALF},
                                    {LINE(HOST), 1, 1211, "2026-10", DESK, WHOLE}};
static const struct row fees[] = {{LINE(FEE), 125, 60, "2026-10", 0, 0},
                                  {LINE(FEE), 31, 0, "2026-10", 0, 0}};
static const struct row zeros[] = {{LINE(CHARGE), 4, 0, "2026-10", DESK, HALF}};
static const struct row free_carnet[] = {{LINE(CARNET), 1, 0, "2026-10", 0, 0}};
static const struct row huge[] = {{LINE(CHARGE), 1000000, 214748, "2026-10", DESK, WHOLE},
                                  {LINE(CHARGE), 3, 10000000000, "2026-10", ROOM, HOUR}};
static const struct row leap[] = {{LINE(CHARGE), 1, 1000, "2028-02", DESK, HALF}};
static const struct row december[] = {{LINE(CHARGE), 1, 1000, "2026-12", DESK, HALF},
                                      {LINE(CHARGE), 2, 1000, "2027-01", DESK, HALF}};
static const struct row before_cibs[] = {{LINE(HOST), 5, 733, "2026-07", DESK, HALF}};

#define EMIT(name, kind, credit, issued, rows)                                                     \
    emit(&w, name, KIND(kind), credit, issued, rows, ARRAY_LEN(rows))

static void regimes(case_fn each, void *context)
{
    static const struct {
        const char *name;
        Passerelle__V1__VatRegime regime;
        const char *vat_id;
    } rows[] = {{"standard", REGIME(STANDARD), "FR03552100554"},
                {"standard-no-id", REGIME(STANDARD), ""},
                {"franchise", REGIME(FRANCHISE), ""},
                {"franchise-id", REGIME(FRANCHISE), "FR03552100554"},
                {"exempt", REGIME(EXEMPT_ASSOCIATION), ""},
                {"public", REGIME(PUBLIC_BODY), ""}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        char name[64];
        world_init(&w, each, context);
        w.seller.vat_regime = rows[i].regime;
        w.seller.vat_id = TEXT(rows[i].vat_id);
        snprintf(name, sizeof name, "employer-%s", rows[i].name);
        EMIT(name, EMPLOYER_INVOICE, false, "2026-11-03", mixed);
        snprintf(name, sizeof name, "employer-credit-%s", rows[i].name);
        EMIT(name, EMPLOYER_INVOICE, true, "2026-11-03", mixed);
        snprintf(name, sizeof name, "host-%s", rows[i].name);
        EMIT(name, HOST_INVOICE, false, "2026-11-03", hosted);
        snprintf(name, sizeof name, "host-credit-%s", rows[i].name);
        EMIT(name, HOST_INVOICE, true, "2026-11-03", hosted);
        snprintf(name, sizeof name, "fee-%s", rows[i].name);
        EMIT(name, FEE_INVOICE, false, "2026-11-03", fees);
        snprintf(name, sizeof name, "host-cgi-%s", rows[i].name);
        EMIT(name, HOST_INVOICE, false, "2026-08-31", before_cibs);
        arena_release(&w.arena);
    }
}

static void payments(case_fn each, void *context)
{
    struct world w;
    world_init(&w, each, context);
    EMIT("carnets-only", EMPLOYER_INVOICE, false, "2026-11-03", carnets_only);
    EMIT("carnets-credit", EMPLOYER_INVOICE, true, "2026-11-03", carnets_only);
    EMIT("carnets-and-zeros", EMPLOYER_INVOICE, false, "2026-11-03", carnets_and_zeros);
    w.employer.country = TEXT("RE");
    EMIT("overseas", EMPLOYER_INVOICE, false, "2026-11-03", mixed);
    w.employer.country = TEXT("BE");
    EMIT("abroad", EMPLOYER_INVOICE, false, "2026-11-03", mixed);
    w.employer.country = TEXT("FR");
    EMIT("zeros", EMPLOYER_INVOICE, false, "2026-11-03", zeros);
    EMIT("free-carnet", EMPLOYER_INVOICE, false, "2026-11-03", free_carnet);
    w.debit.iban = TEXT("FR7699999688931376360266582");
    w.debit.mandate_id = TEXT("RUM-000001");
    w.debit.signed_on = TEXT("2026-06-21");
    w.employer.mandate = &w.debit;
    EMIT("debit", EMPLOYER_INVOICE, false, "2026-11-03", mixed);
    w.employer.mandate = NULL;
    w.employer.sector = PASSERELLE__V1__SECTOR__SECTOR_PUBLIC;
    w.employer.service_code = TEXT("SERV005");
    w.employer.engagement = TEXT("ENG-554686");
    w.employer.vat_id = TEXT("");
    EMIT("public-buyer", EMPLOYER_INVOICE, false, "2026-11-03", mixed);
    w.employer.buyer_reference = TEXT("#ABC# & <X#Y> #PMT#B2C#BAR#");
    EMIT("public-hostile", EMPLOYER_INVOICE, false, "2026-11-03", mixed);
    w.account_known = false;
    w.carnet_count = 0;
    EMIT("no-iban", EMPLOYER_INVOICE, false, "2026-11-03", mixed);
    EMIT("carnet-unknown", EMPLOYER_INVOICE, false, "2026-11-03", carnets_only);
    w.mandate = false;
    EMIT("pro-forma", HOST_INVOICE, false, "2026-11-03", hosted);
    EMIT("pro-forma-credit", HOST_INVOICE, true, "2026-11-03", hosted);
    arena_release(&w.arena);
}

static void extremes(case_fn each, void *context)
{
    enum { LINES = 10000 };
    struct world w;
    world_init(&w, each, context);
    EMIT("huge", EMPLOYER_INVOICE, false, "2026-11-03", huge);
    EMIT("leap", EMPLOYER_INVOICE, false, "2028-02-29", leap);
    EMIT("year-end", EMPLOYER_INVOICE, false, "2026-12-31", december);
    w.seller.legal_name = TEXT("A & B <\"C\"> 'D' ]]> -- &amp; \\(x) %s \xF0\x9F\x8F\xA2");
    w.seller.address = letters(&w.arena, 0x21, 0x180);
    w.employer.legal_name = letters(&w.arena, 0x180, 0x180 + LETTERS_EACH);
    w.employer.address = letters(&w.arena, 0x1E00, 0x1F00);
    w.employer.city = letters(&w.arena, 0x180 + LETTERS_EACH, 0x250);
    w.employer.buyer_reference = TEXT("<&>\"'");
    EMIT("hostile", EMPLOYER_INVOICE, false, "2026-11-03", mixed);
    w.site.name = TEXT("]]><script>alert('1')</script><!-- ");
    w.buyer.legal_name = TEXT("C# #BAR#B2C #AAB#");
    EMIT("hostile-host", HOST_INVOICE, false, "2026-11-03", hosted);
    w.seller.legal_name =
        TEXT("Établissement public de coopération intercommunale des hautes vallées "
             "pyrénéennes de l’Ariège, du Comminges et du Couserans réunis, Foix");
    w.employer.legal_name =
        TEXT("Wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww"
             "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW");
    w.site.name = w.employer.legal_name;
    EMIT("long-names", EMPLOYER_INVOICE, false, "2026-11-03", mixed);
    EMIT("long-site", HOST_INVOICE, false, "2026-11-03", hosted);
    w.site.name = TEXT("Les Hauts de Lacaune");
    struct row *rows = ARENA_ARRAY(&w.arena, LINES, struct row);
    for (int64_t i = 0; i < LINES; i++) {
        rows[i] = (struct row){LINE(HOST), i % 17 + 1, i % 1000, "2026-10", DESK, HALF};
    }
    emit(&w, "ten-thousand-lines", KIND(HOST_INVOICE), false, "2026-11-03", rows, LINES);
    arena_release(&w.arena);
}

void cases_each(case_fn each, void *context)
{
    regimes(each, context);
    payments(each, context);
    extremes(each, context);
}
