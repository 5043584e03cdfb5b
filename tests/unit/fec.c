/* A member's accounts: what the network booked, in a file that the tax office's rules accept. */
#include <check.h>
#include <stdlib.h>

#include "base/text.h"
#include "core/close/document.h"
#include "core/fec/check.h"
#include "core/fec/opening.h"
#include "stride.h"
#include "tests/lib/reference.h"

#define KIND(k) PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_##k
#define OP_SIREN "998836464"

static struct day day(const char *text)
{
    struct day out;
    ck_assert_int_eq(day_parse(view_of(text), &out), E_OK);
    return out;
}

/* ---- what was found ---- */

struct found {
    size_t count;
    struct fec_finding first;
    unsigned rules; /* bits */
};

static void keep(void *context, const struct fec_finding *finding)
{
    struct found *found = context;
    if (found->count++ == 0) {
        found->first = *finding;
    }
    found->rules |= 1u << finding->rule;
    ck_assert_uint_gt(strlen(finding->text), 10);
}

static struct found checked(struct view file, const char *name, struct fec_report *report)
{
    struct found found = {0};
    fec_check(file, view_of(name), keep, &found, report);
    ck_assert_uint_eq(found.count, report->findings);
    return found;
}

/* The file of these accounts, with no breach; the number of its lines and entries is theirs. */
static void good_file(const struct fec *fec, struct buf *out)
{
    struct fec_report report;
    char name[FEC_NAME_MAX];
    buf_clear(out);
    fec_name(fec, name);
    fec_write(fec, out);
    struct found found = checked(buf_content(out), name, &report);
    ck_assert_msg(found.count == 0, "%s:%zu: %s: %s", name, found.first.line,
                  fec_rule_name(found.first.rule), found.first.text);
    ck_assert_uint_eq(report.lines, fec->line_count);
    ck_assert_uint_eq(report.entries, fec->entry_count);
    ck_assert_int_eq(report.debits.cents, report.credits.cents);
}

/* The last line but its own of a CSV: "Total;;;;debits;credits;0,00". */
static void total_is(const struct buf *csv, struct cents debits)
{
    char wanted[96];
    snprintf(wanted, sizeof wanted, "Total;;;;%lld,%02lld;%lld,%02lld;0,00\r\n",
             (long long)(debits.cents / 100), (long long)(debits.cents % 100),
             (long long)(debits.cents / 100), (long long)(debits.cents % 100));
    size_t len = strlen(wanted);
    ck_assert_msg(csv->len > len && strcmp(csv->data + csv->len - len, wanted) == 0, "%s not %s",
                  csv->data + csv->len - len, wanted);
}

static size_t times(const struct buf *text, const char *word)
{
    size_t count = 0;
    for (const char *at = strstr(text->data, word); at != NULL; at = strstr(at + 1, word)) {
        count++;
    }
    return count;
}

/* ---- the reference month ---- */

static bool by_id(void *context, const char *id, bool employer, struct fec_party *out)
{
    (void)context;
    (void)employer;
    *out = (struct fec_party){view_of(id), view_of(id)};
    return true;
}

static int64_t expected_position(const char *json, struct view id)
{
    char key[64];
    snprintf(key, sizeof key, "\"%.*s\":", VIEW_FMT(id));
    const char *at = strstr(json, "\"positions\"");
    ck_assert_ptr_nonnull(at);
    at = strstr(at, key);
    ck_assert_ptr_nonnull(at);
    return strtoll(at + strlen(key), NULL, 10);
}

START_TEST(reference_positions)
{
    struct reference reference;
    struct arena arena = ARENA_INIT;
    struct fault fault = FAULT_NONE;
    struct close_result result;
    struct buf file = BUF_INIT;
    size_t len;
    char *expected = reference_file(REFERENCE_DIR, "expected.json", &len);
    reference_load(&reference, REFERENCE_DIR);
    struct close_input input = {.month = month_of(day("2026-10-01")),
                                .stays = reference.stays,
                                .stay_count = reference.stay_count,
                                .carry_minimum = CLOSE_CARRY_MINIMUM};
    ck_assert_int_eq(close_run(&result, &reference.roster, &input, &fault), E_OK);
    struct fec_close close = {.document = document_of_result(&result, &reference.roster, &arena),
                              .booked = day("2026-10-31"),
                              .issued = day("2026-11-03"),
                              .validated = day("2026-11-03")};
    struct view *numbers = ARENA_ARRAY(&arena, close.document->n_documents, struct view);
    for (size_t i = 0; i < close.document->n_documents; i++) {
        numbers[i] = view_of(arena_printf(&arena, "FA-%zu", i));
    }
    close.numbers = numbers;
    const struct roster *roster = &reference.roster;
    int64_t carnets = 0;
    for (uint32_t m = 0; m < roster->member_ids.count; m += stride()) {
        struct fec fec;
        struct fec_carnet *own = ARENA_ARRAY(&arena, roster->carnet_ids.count, struct fec_carnet);
        size_t count = 0;
        for (uint32_t i = 0; i < roster->carnet_ids.count; i++) {
            const struct carnet *carnet = &roster->carnets[i];
            uint32_t employer = roster->plans[carnet->plan].employer;
            if (roster->employers[employer].issuer == m) {
                own[count++] =
                    (struct fec_carnet){arena_string(&arena, roster->carnet_ids.ids[i]),
                                        arena_string(&arena, roster->employer_ids.ids[employer]),
                                        carnet->price,
                                        carnet->units,
                                        carnet->last_day,
                                        carnet->bought_on};
            }
        }
        struct fec_input in = {.member_id = arena_string(&arena, roster->member_ids.ids[m]),
                               .siren = VIEW_LIT(OP_SIREN),
                               .from = day("2026-01-01"),
                               .to = day("2026-12-31"),
                               .chart = &fec_chart_default,
                               .closes = &close,
                               .close_count = 1,
                               .carnets = own,
                               .carnet_count = count,
                               .party = by_id};
        ck_assert_msg(fec_make(&in, &arena, &fec, &fault) == E_OK, "%s", fault.text);
        good_file(&fec, &file);
        /* No payment yet: what the network owes the member. */
        int64_t position = expected_position(expected, roster->member_ids.ids[m]);
        ck_assert_int_eq(fec_balance(&fec, VIEW_LIT("467000"), VIEW_NONE).cents, position);
        static const struct {
            const char *number;
            enum account account;
        } same[] = {{"706000", ACCOUNT_PASS_SALES},     {"487000", ACCOUNT_CARNETS_DEFERRED},
                    {"611000", ACCOUNT_HOSTING_BOUGHT}, {"622800", ACCOUNT_FEE_EXPENSE},
                    {"706100", ACCOUNT_HOSTING_SOLD},   {"706200", ACCOUNT_FEE_INCOME},
                    {"740000", ACCOUNT_SUBSIDY_INCOME}, {"467100", ACCOUNT_SUBSIDY_PASSED_ON},
                    {"445710", ACCOUNT_VAT_COLLECTED},  {"445660", ACCOUNT_VAT_PAID}};
        int64_t expired = fec_balance(&fec, VIEW_LIT("706800"), VIEW_NONE).cents;
        for (size_t i = 0; i < ARRAY_LEN(same); i++) {
            int64_t booked = fec_balance(&fec, view_of(same[i].number), VIEW_NONE).cents;
            /* The close leaves deferred what its last day took from a carnet. */
            booked += same[i].account == ACCOUNT_CARNETS_DEFERRED ? expired : 0;
            ck_assert_int_eq(booked, books_balance(&result.books, m, same[i].account).cents);
        }
        carnets += fec_balance(&fec, VIEW_LIT("487000"), VIEW_NONE).cents;
    }
    ck_assert_int_ne(carnets, 0);
    free(expected);
    buf_release(&file);
    close_result_release(&result);
    reference_release(&reference);
    arena_release(&arena);
}
END_TEST

/* ---- years of made up months ---- */

enum { MONTHS = 28, DOCUMENTS = 8, CARNETS = 3, PAYMENTS = MONTHS * 3 };

struct world {
    struct arena arena;
    uint64_t seed;
    struct fec_close closes[MONTHS];
    struct fec_payment payments[PAYMENTS];
    size_t payment_count;
    struct fec_carnet carnets[CARNETS];
    int64_t position; /* of m1, less what was paid */
    int64_t sold;     /* carnets, net */
};

static uint64_t chance(struct world *w, uint64_t below)
{
    w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
    return (w->seed >> 33) % below;
}

static char *text(const char *literal)
{
    return (char *)(uintptr_t)literal;
}

/* Amounts of credit notes are below 0, as in a close's document. */
static Passerelle__V1__Document *document(struct world *w, Passerelle__V1__DocumentKind kind,
                                          const char *seller, const char *buyer, bool credit,
                                          uint32_t basis_points, int64_t carnets)
{
    Passerelle__V1__Document *out = ARENA_NEW(&w->arena, Passerelle__V1__Document);
    struct cents vat;
    int64_t sign = credit ? -1 : 1;
    int64_t net = carnets + (int64_t)chance(w, chance(w, 5) == 0 ? 3000000000 : 100000);
    passerelle__v1__document__init(out);
    ck_assert_int_eq(cents_vat(CENTS(net), (struct vat_rate){(int32_t)basis_points}, &vat), E_OK);
    out->kind = kind;
    out->seller_member_id = text(seller);
    out->buyer_id = text(buyer);
    out->credit_note = credit;
    out->net_cents = sign * net;
    out->vat_cents = sign * vat.cents;
    out->gross_cents = sign * (net + vat.cents);
    if (carnets > 0) {
        out->n_lines = 1;
        out->lines = ARENA_ARRAY(&w->arena, 1, Passerelle__V1__DocumentLine *);
        out->lines[0] = ARENA_NEW(&w->arena, Passerelle__V1__DocumentLine);
        passerelle__v1__document_line__init(out->lines[0]);
        out->lines[0]->kind = PASSERELLE__V1__LINE_KIND__LINE_KIND_CARNET;
        out->lines[0]->quantity = sign;
        out->lines[0]->price_cents = carnets;
        w->sold += sign * carnets;
    }
    return out;
}

static void use(struct world *w, Passerelle__V1__SettlementDocument *close, const char *carnet,
                const char *month, uint32_t units)
{
    Passerelle__V1__CarnetUse *out = ARENA_NEW(&w->arena, Passerelle__V1__CarnetUse);
    passerelle__v1__carnet_use__init(out);
    out->carnet_id = text(carnet);
    out->month = text(month);
    out->units = units;
    close->carnet_uses[close->n_carnet_uses++] = out;
}

static void month_make(struct world *w, size_t i, struct month month)
{
    Passerelle__V1__SettlementDocument *close =
        ARENA_NEW(&w->arena, Passerelle__V1__SettlementDocument);
    struct view *numbers = ARENA_ARRAY(&w->arena, DOCUMENTS, struct view);
    char *code = arena_alloc(&w->arena, 8);
    passerelle__v1__settlement_document__init(close);
    month_format(month, code);
    close->month = code;
    close->documents = ARENA_ARRAY(&w->arena, DOCUMENTS, Passerelle__V1__Document *);
    close->carnet_uses = ARENA_ARRAY(&w->arena, 8, Passerelle__V1__CarnetUse *);
    Passerelle__V1__Document *all[] = {
        document(w, KIND(EMPLOYER_INVOICE), "m1", "e1", false, 2000, i == 0 ? 1000 : 0),
        document(w, KIND(EMPLOYER_INVOICE), "m1", "e1", true, 2000, 0),
        document(w, KIND(EMPLOYER_INVOICE), "m2", "e2", false, 2000, 0),
        document(w, KIND(HOST_INVOICE), "m1", "m2", false, 2000, 0),
        document(w, KIND(HOST_INVOICE), "m2", "m1", false, 0, 0),
        document(w, KIND(HOST_INVOICE), "m2", "m1", true, 0, 0),
        document(w, KIND(FEE_INVOICE), "op", "m1", false, 2000, 0),
        document(w, KIND(SUBSIDY_STATEMENT), "op", "m1", false, 0, 0),
    };
    w->position += all[3]->gross_cents - all[4]->gross_cents - all[5]->gross_cents -
                   all[6]->gross_cents + all[7]->gross_cents;
    for (size_t k = 0; k < DOCUMENTS; k++) {
        close->documents[close->n_documents++] = all[k];
        numbers[k] = k == 7 ? VIEW_NONE : view_of(arena_printf(&w->arena, "FA-%s-%zu", code, k));
    }
    struct day last = month_last(month);
    w->closes[i] = (struct fec_close){.document = close,
                                      .numbers = numbers,
                                      .booked = last,
                                      .issued = day_plus(last, 3),
                                      .validated = day_plus(last, 5)};
    w->payments[w->payment_count++] =
        (struct fec_payment){.booked = day_plus(last, 10),
                             .reference = view_of(arena_printf(&w->arena, "BK%zu", i)),
                             .end_to_end = numbers[0],
                             .party_id = "e1",
                             .employer = true,
                             .amount = CENTS(1 + (int64_t)chance(w, 5000))};
    int64_t paid = (int64_t)chance(w, 5000) - 2500;
    w->payments[w->payment_count++] =
        (struct fec_payment){.booked = day_plus(last, 12), .party_id = "op", .amount = CENTS(paid)};
}

/* From 2026-11 to 2029-02; the leap day is a booking day. */
static void world_make(struct world *w, uint64_t seed)
{
    *w = (struct world){.seed = seed};
    struct month first = month_of(day("2026-11-01"));
    for (size_t i = 0; i < MONTHS; i++) {
        month_make(w, i, (struct month){first.number + (int32_t)i});
    }
    w->carnets[0] =
        (struct fec_carnet){"c1", "e1", CENTS(1000), 3, day("2027-06-15"), day("2026-11-16")};
    w->carnets[1] =
        (struct fec_carnet){"old", "e1", CENTS(700), 10, day("2026-12-31"), day("2026-07-01")};
    w->carnets[2] =
        (struct fec_carnet){"dead", "e1", CENTS(999), 10, day("2026-10-31"), day("2026-05-01")};
}

static void releases_make(struct world *w)
{
    use(w, (void *)(uintptr_t)w->closes[0].document, "c1", "2026-11", 1);
    use(w, (void *)(uintptr_t)w->closes[0].document, "theirs", "2026-11", 1);
    use(w, (void *)(uintptr_t)w->closes[2].document, "c1", "2027-01", 1);
    /* February rates November again: its visit is void. */
    Passerelle__V1__SettlementDocument *february = (void *)(uintptr_t)w->closes[3].document;
    february->revised_months = ARENA_ARRAY(&w->arena, 1, char *);
    february->revised_months[0] = text("2026-11");
    february->n_revised_months = 1;
    use(w, february, "c1", "2027-02", 1);
}

static bool parties(void *context, const char *id, bool employer, struct fec_party *out)
{
    struct world *w = context;
    (void)employer;
    *out = (struct fec_party){view_of(id),
                              view_of(arena_printf(&w->arena, "%s Œuvre\t|d'Été\r\nŁódź €", id))};
    return strcmp(id, "nobody") != 0;
}

static const struct fec_opening openings[] = {
    {{"487000", 6}, {"Carnets", 7}, {NULL, 0}, {NULL, 0}, {-1700}},
    {{"512000", 6}, {"Banque", 6}, {NULL, 0}, {NULL, 0}, {1700}},
};

static struct fec_input year_of(struct world *w, const char *from, const char *to)
{
    struct fec_input in = {.member_id = "m1",
                           .siren = VIEW_LIT(OP_SIREN),
                           .from = day(from),
                           .to = day(to),
                           .chart = &fec_chart_default,
                           .closes = w->closes,
                           .payments = w->payments,
                           .payment_count = w->payment_count,
                           .carnets = w->carnets,
                           .carnet_count = CARNETS,
                           .openings = openings,
                           .opening_count = ARRAY_LEN(openings),
                           .context = w,
                           .party = parties};
    while (in.close_count < MONTHS && day_compare(w->closes[in.close_count].booked, in.to) <= 0) {
        in.close_count++;
    }
    return in;
}

static void year_holds(struct world *w, const char *from, const char *to, struct fec *fec)
{
    struct fault fault = FAULT_NONE;
    struct buf out = BUF_INIT;
    struct buf again = BUF_INIT;
    struct fec second;
    struct cents debits = CENTS(0);
    struct fec_input in = year_of(w, from, to);
    ck_assert_msg(fec_make(&in, &w->arena, fec, &fault) == E_OK, "%s", fault.text);
    good_file(fec, &out);
    ck_assert_int_eq(fec_make(&in, &w->arena, &second, &fault), E_OK);
    fec_write(&second, &again);
    ck_assert(view_equal(buf_content(&out), buf_content(&again)));
    for (size_t i = 0; i < fec->line_count; i++) {
        ck_assert_int_ge(fec->lines[i].day.number, in.from.number);
        ck_assert_int_le(fec->lines[i].day.number, in.to.number);
        debits.cents += fec->lines[i].amount.cents > 0 ? fec->lines[i].amount.cents : 0;
    }
    buf_clear(&out);
    fec_trial_balance(fec, &w->arena, &out);
    total_is(&out, debits);
    buf_clear(&out);
    fec_ledger(fec, &w->arena, &out);
    ck_assert_uint_eq(times(&out, "\r\n"), fec->line_count + 1 + times(&out, "\r\nŁódź €"));
    buf_release(&out);
    buf_release(&again);
}

START_TEST(years_follow_each_other)
{
    static const struct {
        const char *from, *to;
    } years[] = {{"2026-01-01", "2026-12-31"},
                 {"2027-01-01", "2027-12-31"},
                 {"2028-01-01", "2028-12-31"},
                 {"2029-01-01", "2029-02-28"}};
    for (uint64_t seed = 1; seed <= 40; seed += stride()) {
        struct world w;
        struct fec fec[ARRAY_LEN(years)];
        world_make(&w, seed);
        releases_make(&w);
        for (size_t y = 0; y < ARRAY_LEN(years); y++) {
            year_holds(&w, years[y].from, years[y].to, &fec[y]);
            /* What a year ends with is what the next one opens with. */
            int64_t result = 0;
            for (size_t i = 0; y > 0 && i < fec[y - 1].line_count; i++) {
                const struct fec_line *line = &fec[y - 1].lines[i];
                if (line->account.data[0] >= '6') {
                    result += line->amount.cents;
                } else if (!view_starts(line->account, "12")) {
                    int64_t opened = 0;
                    for (size_t k = 0; k < fec[y].line_count && fec[y].lines[k].entry == 1; k++) {
                        opened += view_equal(fec[y].lines[k].account, line->account) &&
                                          view_equal(fec[y].lines[k].aux, line->aux)
                                      ? fec[y].lines[k].amount.cents
                                      : 0;
                    }
                    ck_assert_int_eq(fec_balance(&fec[y - 1], line->account, line->aux).cents,
                                     opened);
                }
            }
            for (size_t k = 0; y == 1 && k < fec[1].line_count && fec[1].lines[k].entry == 1; k++) {
                result -=
                    view_starts(fec[1].lines[k].account, "12") ? fec[1].lines[k].amount.cents : 0;
            }
            ck_assert_msg(y != 1 || result == 0, "seed %llu", (unsigned long long)seed);
        }
        int64_t paid = 0;
        for (size_t i = 0; i < w.payment_count; i++) {
            bool in = day_compare(w.payments[i].booked, day("2029-02-28")) <= 0;
            paid += in && !w.payments[i].employer ? w.payments[i].amount.cents : 0;
        }
        ck_assert_int_eq(fec_balance(&fec[3], VIEW_LIT("467000"), VIEW_NONE).cents,
                         w.position - paid);
        arena_release(&w.arena);
    }
}
END_TEST

/* 1000 over 3 units: 333 in November, back in February with 1 + 1 = 666 in all by then, the rest at
 * expiry in June; 700 of an older carnet expire in December; what was dead before is not touched.
 */
START_TEST(carnets_earn)
{
    struct world w;
    struct fec fec;
    static const struct {
        const char *from, *to;
        int64_t deferred, expired;
    } rows[] = {
        {"2026-01-01", "2026-11-30", -(1700 - 333) - 1000, 0},
        {"2026-01-01", "2026-12-31", -(1700 - 333 - 700) - 1000, -700},
        {"2027-01-01", "2027-01-31", -(1700 - 666 - 700) - 1000, 0},
        {"2027-01-01", "2027-05-31", -(1700 - 666 - 700) - 1000, 0},
        {"2027-01-01", "2027-06-30", -(1700 - 1000 - 700) - 1000, -334},
        {"2027-01-01", "2027-12-31", -(1700 - 1000 - 700) - 1000, -334},
    };
    world_make(&w, 7);
    releases_make(&w);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        year_holds(&w, rows[i].from, rows[i].to, &fec);
        ck_assert_msg(fec_balance(&fec, VIEW_LIT("487000"), VIEW_NONE).cents == rows[i].deferred,
                      "%s: %lld", rows[i].to,
                      (long long)fec_balance(&fec, VIEW_LIT("487000"), VIEW_NONE).cents);
        ck_assert_int_eq(fec_balance(&fec, VIEW_LIT("706800"), VIEW_NONE).cents, rows[i].expired);
    }
    arena_release(&w.arena);
}
END_TEST

START_TEST(the_file_itself)
{
    struct world w;
    struct fec fec;
    struct buf out = BUF_INIT;
    char name[FEC_NAME_MAX];
    world_make(&w, 3);
    releases_make(&w);
    year_holds(&w, "2028-01-01", "2028-12-31", &fec);
    fec_name(&fec, name);
    ck_assert_str_eq(name, OP_SIREN "FEC20281231.txt");
    fec_write(&fec, &out);
    ck_assert_uint_gt(times(&out, "\t20280229\t"), 3);
    ck_assert_int_eq(strncmp(strchr(out.data, '\n') + 1, "AN\t\xC0 nouveaux\t1\t20280101\t", 24),
                     0);
    /* ISO 8859-15: Œ, É and €; Ł and ź are not in it; no separator in a label. */
    ck_assert_ptr_nonnull(strstr(out.data, "e1 \xBCuvre  d'\xC9t\xE9  L\xF3"
                                           "dz \xA4"));
    ck_assert_ptr_null(strchr(out.data, '|'));
    ck_assert_ptr_nonnull(strstr(out.data, "\tBK14\t"));
    buf_release(&out);
    arena_release(&w.arena);
}
END_TEST

START_TEST(what_cannot_be_made)
{
    struct world w;
    struct fec fec = {.line_count = 77};
    struct fault fault = FAULT_NONE;
    world_make(&w, 3);
    struct fec_input in = year_of(&w, "2027-01-01", "2027-12-31");
    struct fec_opening uneven[] = {openings[0]};
    in.openings = uneven;
    in.opening_count = 1;
    ck_assert_int_eq(fec_make(&in, &w.arena, &fec, &fault), E_INVALID);
    ck_assert_ptr_nonnull(strstr(fault.text, "add up to 0"));
    fault = FAULT_NONE;
    in = year_of(&w, "2027-01-01", "2027-12-31");
    w.payments[0].party_id = "nobody";
    ck_assert_int_eq(fec_make(&in, &w.arena, &fec, &fault), E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(fault.text, "nobody"));
    w.payments[0].party_id = "e1";
    fault = FAULT_NONE;
    in.close_count = MONTHS; /* past the year */
    ck_assert_int_eq(fec_make(&in, &w.arena, &fec, &fault), E_INVALID);
    fault = FAULT_NONE;
    in = year_of(&w, "2027-01-01", "2027-12-31");
    w.closes[1].document = w.closes[0].document; /* a month twice */
    ck_assert_int_eq(fec_make(&in, &w.arena, &fec, &fault), E_INVALID);
    ck_assert_uint_eq(fec.line_count, 77);
    arena_release(&w.arena);
}
END_TEST

/* ---- chart ---- */

START_TEST(charts)
{
    static const struct {
        const char *csv, *says;
    } rows[] = {
        {"key,account,label\nbank,512100,Crédit coopératif\nsales,706A1,Passes\n", NULL},
        {"label,key,account\nBanque,bank,5121\n", NULL},
        {"key,account,label\n", NULL},
        {"", "line 1"},
        {"key,account\nbank,512\n", "label"},
        {"key,account,label\nbanque,512000,B\n", "line 2: there is no key 'banque'"},
        {"key,account,label\nbank,51,B\n", "line 2: '51' is no account"},
        {"key,account,label\nbank,812000,B\n", "no account"},
        {"key,account,label\nbank,5B2000,B\n", "no account"},
        {"key,account,label\nbank,512000,\n", "line 2: the label"},
        {"key,account,label\nbank,512000,B\nbank,512001,B\n", "line 3: bank stands there twice"},
    };
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fec_chart chart;
        struct fault fault = FAULT_NONE;
        int err = fec_chart_read(view_of(rows[i].csv), &arena, &chart, &fault);
        ck_assert_msg((err == E_OK) == (rows[i].says == NULL), "%zu: %s", i, fault.text);
        ck_assert_msg(rows[i].says == NULL || strstr(fault.text, rows[i].says) != NULL, "%s",
                      fault.text);
        ck_assert(i > 0 || (view_is(chart.accounts[FEC_BANK].number, "512100") &&
                            view_is(chart.accounts[FEC_SALES].number, "706A1") &&
                            view_is(chart.accounts[FEC_EMPLOYERS].number, "411000")));
    }
    for (int key = 0; key < FEC_KEY_COUNT; key++) {
        ck_assert_uint_ge(fec_chart_default.accounts[key].number.len, 6);
        ck_assert_uint_gt(fec_chart_default.accounts[key].label.len, 4);
        for (int other = 0; other < key; other++) {
            ck_assert_str_ne(fec_key_name((enum fec_key)key), fec_key_name((enum fec_key)other));
        }
    }
    arena_release(&arena);
}
END_TEST

START_TEST(opening_balances)
{
#define HEAD "account,label,aux,aux_label,debit_cents,credit_cents\n"
    static const struct {
        const char *csv, *says;
    } rows[] = {
        {HEAD "512000,Banque,,,1700,\n411000,Clients,998,ACME,300,\n487000,Carnets,,,,2000\n",
         NULL},
        {"credit_cents,label,debit_cents,account\n,Banque,5,512000\n5,Capital,,101000\n", NULL},
        {HEAD, NULL},
        {"", "line 1: the columns account"},
        {"account,label\n", "debit_cents"},
        {HEAD "812000,B,,,5,\n", "line 2: '812000' is no account"},
        {HEAD "512000,,,,5,\n", "line 2: labels"},
        {HEAD "411000,C,998,,5,\n", "line 2: labels"},
        {HEAD "512000,B,,,5,5\n", "line 2: write whole cents"},
        {HEAD "512000,B,,,,\n", "line 2: write whole cents"},
        {HEAD "512000,B,,,5.10,\n", "line 2: write whole cents"},
        {HEAD "512000,B,,,0,\n", "line 2: the balance of 512000 is 0"},
        {HEAD "512000,B,,,1701,\n487000,C,,,,1700\n", "are 0.01 EUR, not 0"},
    };
    struct arena arena = ARENA_INIT;
    struct buf again = BUF_INIT;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fault fault = FAULT_NONE;
        struct fec_opening *read;
        size_t count;
        int err = fec_openings_read(view_of(rows[i].csv), &arena, &read, &count, &fault);
        ck_assert_msg((err == E_OK) == (rows[i].says == NULL), "%zu: %s", i, fault.text);
        ck_assert_msg(rows[i].says == NULL || strstr(fault.text, rows[i].says) != NULL, "%s",
                      fault.text);
        if (i == 0) {
            ck_assert_uint_eq(count, 3);
            fec_openings_write(read, count, &again);
            ck_assert(view_is(buf_content(&again), rows[0].csv));
        }
    }
    buf_release(&again);
    arena_release(&arena);
#undef HEAD
}
END_TEST

/* Carnets sold before the first close count whole, unless they ended before or are told already. */
START_TEST(carnets_of_before)
{
    struct world w;
    struct fec_opening out[2];
    size_t added;
    struct month first = month_of(day("2026-11-01"));
    world_make(&w, 7);
    ck_assert_int_eq(fec_openings_of_carnets(&fec_chart_default, w.carnets, CARNETS, first, NULL, 0,
                                             out, &added),
                     E_OK);
    ck_assert_uint_eq(added, 2); /* "old" alone: one is sold later, one was dead */
    ck_assert(view_is(out[0].account, "512000") && view_is(out[1].account, "487000"));
    ck_assert_int_eq(out[0].amount.cents, 700);
    ck_assert_int_eq(out[1].amount.cents, -700);
    ck_assert_int_eq(fec_openings_of_carnets(&fec_chart_default, w.carnets, CARNETS, first,
                                             openings, ARRAY_LEN(openings), out, &added),
                     E_OK);
    ck_assert_uint_eq(added, 0);
    w.carnets[0].price = CENTS(INT64_MAX);
    w.carnets[0].bought_on = w.carnets[1].bought_on;
    ck_assert_int_eq(fec_openings_of_carnets(&fec_chart_default, w.carnets, CARNETS, first, NULL, 0,
                                             out, &added),
                     E_OVERFLOW);
    arena_release(&w.arena);
}
END_TEST

/* What carnets cost stands on the bank's account, and is owed by nobody. */
START_TEST(carnets_are_paid)
{
    struct world w;
    struct fec fec;
    world_make(&w, 7);
    w.payment_count = 0;
    year_holds(&w, "2026-01-01", "2026-11-30", &fec);
    const Passerelle__V1__Document *invoice = w.closes[0].document->documents[0];
    const Passerelle__V1__Document *credit = w.closes[0].document->documents[1];
    ck_assert_int_eq(fec_balance(&fec, VIEW_LIT("512000"), VIEW_NONE).cents, 1700 + 1000);
    ck_assert_int_eq(fec_balance(&fec, VIEW_LIT("411000"), VIEW_LIT("e1")).cents,
                     invoice->gross_cents + credit->gross_cents - 1000);
    arena_release(&w.arena);
}
END_TEST

static struct cents banked_on(const struct fec *fec, const char *when, const char *piece)
{
    struct cents sum = CENTS(0);
    for (size_t i = 0; i < fec->line_count; i++) {
        const struct fec_line *line = &fec->lines[i];
        if (view_is(line->account, "512000") && day_compare(line->day, day(when)) == 0 &&
            view_is(line->piece, piece)) {
            ck_assert_int_eq(line->journal, JOURNAL_BANK);
            ck_assert_int_eq(cents_accumulate(&sum, line->amount), E_OK);
        }
    }
    return sum;
}

/* Each on the day on which it was bought, with its part of the VAT of all; what was told late with
 * the invoice. In a year that begins after that day, with its first day. */
START_TEST(carnets_are_paid_on_their_day)
{
    static const struct fec_carnet sold[] = {
        {"a", "e1", {333}, 10, {0}, {0}},
        {"b", "e1", {333}, 10, {0}, {0}},
        {"other", "e2", {333}, 10, {0}, {0}},
    };
    struct fec_carnet bought[ARRAY_LEN(sold)];
    struct world w;
    struct fec fec;
    world_make(&w, 7);
    w.payment_count = 0;
    memcpy(bought, sold, sizeof sold);
    bought[0].bought_on = day("2026-11-02");
    bought[1].bought_on = bought[2].bought_on = day("2026-11-27");
    w.closes[0].sold = bought;
    w.closes[0].sold_count = ARRAY_LEN(bought);
    Passerelle__V1__Document *invoice = w.closes[0].document->documents[0];
    invoice->vat_basis_points = 2000;
    year_holds(&w, "2026-01-01", "2026-11-30", &fec);
    ck_assert_int_eq(banked_on(&fec, "2026-11-02", "a").cents, 333 + 67);
    ck_assert_int_eq(banked_on(&fec, "2026-11-27", "b").cents, 333 + 66);
    ck_assert_int_eq(banked_on(&fec, "2026-11-27", "other").cents, 0);
    ck_assert_int_eq(banked_on(&fec, "2026-11-30", "FA-2026-11-0").cents, 334 + 67);
    ck_assert_int_eq(fec_balance(&fec, VIEW_LIT("512000"), VIEW_NONE).cents, 1700 + 1200);
    year_holds(&w, "2026-11-10", "2026-12-31", &fec);
    ck_assert_int_eq(banked_on(&fec, "2026-11-10", "a").cents, 333 + 67);
    arena_release(&w.arena);
}
END_TEST

/* The file that is given to members as a start is the default. */
START_TEST(chart_to_start_from)
{
    struct arena arena = ARENA_INIT;
    struct buf csv = BUF_INIT;
    struct fec_chart chart;
    size_t len;
    char *given = reference_file(CONFIG_DIR, "accounts.csv", &len);
    fec_chart_write(&fec_chart_default, &csv);
    ck_assert(view_equal(buf_content(&csv), view_bytes(given, len)));
    ck_assert_int_eq(fec_chart_read(buf_content(&csv), &arena, &chart, NULL), E_OK);
    for (int key = 0; key < FEC_KEY_COUNT; key++) {
        ck_assert(view_equal(chart.accounts[key].number, fec_chart_default.accounts[key].number));
        ck_assert(view_equal(chart.accounts[key].label, fec_chart_default.accounts[key].label));
    }
    free(given);
    buf_release(&csv);
    arena_release(&arena);
}
END_TEST

/* ---- the rules ---- */

#define HEADER                                                                                     \
    "JournalCode\tJournalLib\tEcritureNum\tEcritureDate\tCompteNum\tCompteLib\tCompAuxNum\t"       \
    "CompAuxLib\tPieceRef\tPieceDate\tEcritureLib\tDebit\tCredit\tEcritureLet\tDateLet\t"          \
    "ValidDate\tMontantdevise\tIdevise\r\n"
/* journal, label, number, date, account; debit, credit; valid. */
#define LINE(j, l, n, d, a, debit, credit, v)                                                      \
    j "\t" l "\t" n "\t" d "\t" a "\tCompte\t\t\tP1\t" d "\tTexte\t" debit "\t" credit "\t\t\t" v  \
      "\t\t\r\n"
#define AN(n, debit, credit)                                                                       \
    LINE("AN", "A nouveaux", n, "20260101", "512000", debit, credit, "20260101")
#define VT(n, a, debit, credit, v) LINE("VT", "Ventes", n, "20260131", a, debit, credit, v)
#define LABEL(text)                                                                                \
    "VT\tVentes\t1\t20260131\t411\tClients\t\t\tP1\t20260131\t" text                               \
    "\t0,00\t0,00\t\t\t20260131\t\t\r\n"
#define OPENED AN("1", "10,00", "0,00") AN("1", "0,00", "10,00")
#define SOLD(n, v) VT(n, "411000", "12,00", "0,00", v) VT(n, "706000", "0,00", "12,00", v)
#define BOUGHT(n, v)                                                                               \
    LINE("AC", "Achats", n, "20260131", "611000", "5,00", "0,00", v)                               \
    LINE("AC", "Achats", n, "20260131", "401000", "0,00", "5,00", v)
#define NAME OP_SIREN "FEC20261231.txt"

START_TEST(rules)
{
    static const struct {
        const char *name, *file;
        size_t line;
        int rule; /* -1: none is broken */
    } rows[] = {
        {NAME, HEADER OPENED SOLD("2", "20260210") BOUGHT("3", "20260210"), 0, -1},
        {NAME, HEADER, 0, -1},
        {"", HEADER OPENED, 0, -1},
        /* Numbers and order within each journal are as right. */
        {NAME, HEADER OPENED SOLD("1", "20260210") SOLD("2", "20260211") BOUGHT("1", "20260205"), 0,
         -1},
        {NAME, HEADER OPENED SOLD("VT0009", "20260210") SOLD("VT0010", "20260211"), 0, -1},
        {"accounts.txt", HEADER OPENED, 0, FEC_RULE_NAME},
        {"998836465FEC20261231.txt", HEADER, 0, FEC_RULE_NAME}, /* no SIREN */
        {OP_SIREN "FEC20261331.txt", HEADER, 0, FEC_RULE_NAME},
        {NAME, "", 0, FEC_RULE_HEADER},
        {NAME, "\xEF\xBB\xBF" HEADER OPENED, 1, FEC_RULE_ENCODING},
        {NAME, HEADER VT("1", "411\x01", "0,00", "0,00", "20260101"), 2, FEC_RULE_ENCODING},
        {NAME, HEADER LABEL("Caf\xE9 \xA4 \xBD"), 0, -1},                 /* ISO 8859-15 */
        {NAME, HEADER LABEL("Caf\xC3\xA9 \xE2\x82\xAC \xC5\x93"), 0, -1}, /* UTF-8 */
        {NAME, HEADER LABEL("Caf\xE9 \x80 \x9C"), 2, FEC_RULE_ENCODING},  /* Windows-1252 */
        {NAME, HEADER LABEL("Caf\xC3\xA9 \xC2\x85"), 2, FEC_RULE_ENCODING},
        {NAME, HEADER LABEL("Centralisation des ventes"), 2, FEC_RULE_CENTRAL},
        {NAME, "JournalCode;JournalLib\r\n", 1, FEC_RULE_HEADER},
        {NAME, "journalcode\tJournalLib\r\n", 1, FEC_RULE_HEADER},
        {NAME, HEADER "AN\tA nouveaux\r\n", 2, FEC_RULE_FIELDS},
        {NAME, HEADER AN("1", "0,00", "0,00\t"), 2, FEC_RULE_FIELDS},
        {NAME, HEADER AN("1", "0,00", "0,00") "\n", 3, FEC_RULE_ENDING},
        {NAME, HEADER AN("", "0,00", "0,00"), 2, FEC_RULE_EMPTY},
        {NAME, HEADER AN("1", "", "0,00"), 2, FEC_RULE_EMPTY},
        {NAME, HEADER LINE("", "A nouveaux", "1", "20260101", "512", "0,00", "0,00", "20260101"), 2,
         FEC_RULE_EMPTY},
        {NAME, HEADER VT("1", "411", "0,00", "0,00", ""), 2, FEC_RULE_EMPTY},
        {NAME, HEADER VT("1", "411", "0,00", "0,00", "2026-01-31"), 2, FEC_RULE_DATE},
        {NAME, HEADER VT("1", "411", "0,00", "0,00", "20260229"), 2, FEC_RULE_DATE},
        {NAME, HEADER LINE("VT", "V", "1", "20270101", "411", "0,00", "0,00", "20270105"), 2,
         FEC_RULE_YEAR},
        {NAME, HEADER LINE("VT", "V", "1", "20241231", "411", "0,00", "0,00", "20270105"), 2,
         FEC_RULE_YEAR},
        {NAME, HEADER VT("1", "41", "0,00", "0,00", "20260131"), 2, FEC_RULE_ACCOUNT},
        {NAME, HEADER VT("1", "C411", "0,00", "0,00", "20260131"), 2, FEC_RULE_ACCOUNT},
        {NAME, HEADER VT("1", "411", "0.00", "0,00", "20260131"), 2, FEC_RULE_AMOUNT},
        {NAME, HEADER VT("1", "411", "1 000,00", "0,00", "20260131"), 2, FEC_RULE_AMOUNT},
        {NAME,
         HEADER VT("1", "411",
                   "1\xC2\xA0"
                   "000,00",
                   "0,00", "20260131"),
         2, FEC_RULE_AMOUNT},
        {NAME, HEADER VT("1", "411", "0,00", ",5", "20260131"), 2, FEC_RULE_AMOUNT},
        {NAME, HEADER VT("1", "411", "0,001", "0,00", "20260131"), 2, FEC_RULE_AMOUNT},
        {NAME, HEADER VT("1", "411", "5,00", "5,00", "20260131"), 2, FEC_RULE_SIDES},
        {NAME,
         HEADER
         "VT\tV\t1\t20260131\t411\tC\tA1\t\tP\t20260131\tT\t0,00\t0,00\t\t\t20260131\t\t\r\n",
         2, FEC_RULE_PAIR},
        {NAME,
         HEADER "VT\tV\t1\t20260131\t411\tC\t\t\tP\t20260131\tT\t0,00\t0,00\tA\t\t20260131\t\t\r\n",
         2, FEC_RULE_PAIR},
        {NAME,
         HEADER
         "VT\tV\t1\t20260131\t411\tC\t\t\tP\t20260131\tT\t0,00\t0,00\t\t\t20260131\t\tUSD\r\n",
         2, FEC_RULE_PAIR},
        {NAME,
         HEADER VT("1", "411", "0,00", "0,00", "20260131")
             LINE("VT", "Sales", "2", "20260131", "411", "0,00", "0,00", "20260131"),
         3, FEC_RULE_JOURNAL},
        {NAME, HEADER OPENED SOLD("2", "20260210") SOLD("4", "20260210"), 6, FEC_RULE_NUMBER},
        {NAME, HEADER OPENED SOLD("3", "20260210") BOUGHT("4", "20260210") SOLD("6", "20260210"), 8,
         FEC_RULE_NUMBER},
        {NAME, HEADER OPENED SOLD("2", "20260210") SOLD("2x", "20260210"), 6, FEC_RULE_NUMBER},
        {NAME, HEADER OPENED SOLD("2", "20260210") SOLD("3", "20260209"), 6, FEC_RULE_ORDER},
        {NAME, HEADER SOLD("1", "20260131") AN("2", "1,00", "0,00") AN("2", "0,00", "1,00"), 4,
         FEC_RULE_OPENING},
        {NAME,
         HEADER LINE("AN", "A nouveaux", "1", "20260101", "706000", "0,00", "0,00", "20260101"), 2,
         FEC_RULE_OPENING},
        {NAME,
         HEADER VT("1", "706000", "12,00", "0,00", "20261231")
             VT("1", "120000", "0,00", "12,00", "20261231"),
         2, FEC_RULE_CLOSING},
        {NAME,
         HEADER VT("1", "411", "1,00", "0,00", "20260131")
             VT("2", "411", "0,00", "1,00", "20260131"),
         2, FEC_RULE_ENTRY},
        {NAME, HEADER VT("1", "411", "1,00", "0,00", "20260131"), 2, FEC_RULE_ENTRY},
        {NAME, HEADER "AN\r\n" VT("1", "411", "1,00", "0,00", "20260131"), 0, FEC_RULE_BALANCE},
    };
    unsigned broken = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fec_report report;
        struct found found = checked(view_of(rows[i].file), rows[i].name, &report);
        if (rows[i].rule < 0) {
            ck_assert_msg(found.count == 0, "%zu: %zu: %s", i, found.first.line, found.first.text);
            continue;
        }
        ck_assert_msg((found.rules & (1u << rows[i].rule)) != 0, "%zu: %s not found; %s", i,
                      fec_rule_name((enum fec_rule)rows[i].rule), found.first.text);
        if (rows[i].rule != FEC_RULE_BALANCE) {
            ck_assert_msg(found.first.rule == (enum fec_rule)rows[i].rule &&
                              found.first.line == rows[i].line,
                          "%zu: line %zu, %s: %s", i, found.first.line,
                          fec_rule_name(found.first.rule), found.first.text);
        }
        broken |= 1u << rows[i].rule;
    }
    ck_assert_uint_eq(broken, (1u << FEC_RULE_COUNT) - 1); /* each has a broken file */
}
END_TEST

/* LF, and the other separator. */
START_TEST(other_forms)
{
    struct buf file = BUF_INIT;
    struct fec_report report;
    for (const char *c = HEADER OPENED SOLD("2", "20260210"); *c != '\0'; c++) {
        if (*c != '\r') {
            buf_byte(&file, *c == '\t' ? '|' : *c);
        }
    }
    ck_assert_uint_eq(checked(buf_content(&file), NAME, &report).count, 0);
    ck_assert_uint_eq(report.lines, 4);
    ck_assert_uint_eq(report.entries, 2);
    ck_assert_int_eq(report.debits.cents, 2200);
    /* A byte of any line lost or changed never goes unnoticed as a crash; amounts stay counted. */
    for (size_t i = 0; i < file.len; i += stride()) {
        char kept = file.data[i];
        struct found found = {0};
        file.data[i] = '\x7F';
        fec_check(buf_content(&file), VIEW_LIT(NAME), keep, &found, &report);
        ck_assert_uint_gt(found.count, 0);
        file.data[i] = kept;
    }
    buf_release(&file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fec");
    TCase *cases = tcase_create("fec");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, reference_positions);
    tcase_add_test(cases, years_follow_each_other);
    tcase_add_test(cases, carnets_earn);
    tcase_add_test(cases, the_file_itself);
    tcase_add_test(cases, what_cannot_be_made);
    tcase_add_test(cases, charts);
    tcase_add_test(cases, opening_balances);
    tcase_add_test(cases, carnets_of_before);
    tcase_add_test(cases, carnets_are_paid);
    tcase_add_test(cases, carnets_are_paid_on_their_day);
    tcase_add_test(cases, chart_to_start_from);
    tcase_add_test(cases, rules);
    tcase_add_test(cases, other_forms);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
