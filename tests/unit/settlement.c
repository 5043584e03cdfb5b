/* The close of a month through the service: the reference, order of arrival, what refuses, who sees
 * what. Three months with late entries are compared with the rules written a second time in
 * tests/oracle/sequence.py. */
#include <check.h>
#include <stdlib.h>

#include "core/close/result_json.h"
#include "core/ident/uuid.h"
#include "passerelle/v1/errors.pb-c.h"
#include "passerelle/v1/stats.pb-c.h"
#include "service/settlement/compute.h"
#include "service/settlement/usage.h"
#include "settlement_accounts.h"
#include "settlement_statements.h"
#include "stride.h"
#include "wire/pack.h"

static struct principal olive;
static struct principal oscar;

static struct month month(const char *text)
{
    struct month month;
    ck_assert_int_eq(month_parse(view_of(text), &month), E_OK);
    return month;
}

static const Passerelle__V1__GetPeriodResponse *period_get(struct network *network,
                                                           const char *text)
{
    Passerelle__V1__GetPeriodRequest *request =
        network_new(network, &passerelle__v1__get_period_request__descriptor);
    request->month = arena_string(&network->arena, view_of(text));
    return network_must(network, olive, "SettlementService", "GetPeriod", &request->base);
}

static const struct call *period_close(struct network *network, struct principal who,
                                       const char *text)
{
    Passerelle__V1__ClosePeriodRequest *request =
        network_new(network, &passerelle__v1__close_period_request__descriptor);
    request->request_id = network_request_id(network);
    request->month = arena_string(&network->arena, view_of(text));
    return network_call(network, who, "SettlementService", "ClosePeriod", &request->base);
}

static void must_close(struct network *network, const char *text)
{
    const struct call *call = period_close(network, olive, text);
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    const Passerelle__V1__ClosePeriodResponse *response = (const void *)call->response;
    ck_assert_int_eq(response->period->state, PASSERELLE__V1__PERIOD_STATE__PERIOD_STATE_CLOSED);
}

/* The call was refused, and its first detail says why. */
static void refused(const struct call *call, const char *reason, const char *subject)
{
    ck_assert_int_eq(call->error.code, CODE_FAILED_PRECONDITION);
    if (reason == NULL) {
        return;
    }
    ck_assert_uint_gt(call->error.detail_count, 0);
    const Passerelle__V1__Obstacle *obstacle = (const void *)call->error.details[0];
    ck_assert_str_eq(obstacle->reason, reason);
    ck_assert_str_eq(obstacle->subject, subject);
}

static char *file_text(const char *path)
{
    struct buf text = BUF_INIT;
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    size_t got;
    do {
        got = fread(buf_reserve(&text, 1 << 16), 1, 1 << 16, file);
        buf_wrote(&text, got);
    } while (got > 0);
    fclose(file);
    return buf_detach(&text);
}

/* All but `transfers`, which expected.json leaves out. */
static void equals_expected(const Passerelle__V1__SettlementDocument *document)
{
    struct buf json = BUF_INIT;
    char *expected = file_text(REFERENCE_DIR "/expected.json");
    document_json(document, &json);
    char *transfers = strstr(json.data, ",\n \"transfers\"");
    ck_assert_ptr_nonnull(transfers);
    /* expected.json ends where `transfers` begins, with the closing bracket */
    size_t len = (size_t)(transfers - json.data);
    ck_assert_msg(strncmp(json.data, expected, len) == 0 && strncmp(expected + len, "\n}", 2) == 0,
                  "the result is not that of expected.json");
    free(expected);
    buf_release(&json);
}

/* ---- the reference ---- */

static int64_t balance_sum(const Passerelle__V1__GetTrialBalanceResponse *balance, int64_t *debits)
{
    int64_t sum = 0;
    *debits = 0;
    for (size_t i = 0; i < balance->n_accounts; i++) {
        sum += balance->accounts[i]->debit_cents - balance->accounts[i]->credit_cents;
        *debits += balance->accounts[i]->debit_cents;
    }
    return sum;
}

static const Passerelle__V1__ListDocumentsResponse *
documents(struct network *network, struct principal who, const char *party)
{
    Passerelle__V1__ListDocumentsRequest *request =
        network_new(network, &passerelle__v1__list_documents_request__descriptor);
    request->month = arena_string(&network->arena, VIEW_LIT("2026-10"));
    request->party_id = arena_string(&network->arena, view_of(party));
    return network_must(network, who, "SettlementService", "ListDocuments", &request->base);
}

/* What each party may see of the closed reference month. */
static void parties_see_their_own(struct network *network)
{
    const Passerelle__V1__SettlementDocument *document = period_get(network, "2026-10")->document;
    ck_assert_uint_eq(documents(network, olive, "")->n_documents, document->n_documents);
    const Passerelle__V1__ListDocumentsResponse *seen =
        documents(network, network_who(ROLE_EMPLOYER, "e001"), "");
    ck_assert_uint_eq(seen->n_documents, 1);
    ck_assert_str_eq(seen->documents[0]->buyer_id, "e001");
    ck_assert_ptr_null(seen->position);
    ck_assert_uint_eq(seen->n_transfers, 0);
    seen = documents(network, network_who(ROLE_MEMBER, "m006"), "m006");
    ck_assert_uint_gt(seen->n_documents, 1);
    for (size_t i = 0; i < seen->n_documents; i++) {
        ck_assert(strcmp(seen->documents[i]->seller_member_id, "m006") == 0 ||
                  strcmp(seen->documents[i]->buyer_id, "m006") == 0);
    }
    ck_assert_str_eq(seen->position->member_id, "m006");
    Passerelle__V1__ListDocumentsRequest *other =
        network_new(network, &passerelle__v1__list_documents_request__descriptor);
    other->month = arena_string(&network->arena, VIEW_LIT("2026-10"));
    other->party_id = arena_string(&network->arena, VIEW_LIT("e002"));
    ck_assert_int_eq(network_call(network, network_who(ROLE_EMPLOYER, "e001"), "SettlementService",
                                  "ListDocuments", &other->base)
                         ->error.code,
                     CODE_PERMISSION_DENIED);

    Passerelle__V1__GetTrialBalanceRequest *request =
        network_new(network, &passerelle__v1__get_trial_balance_request__descriptor);
    request->month = arena_string(&network->arena, VIEW_LIT("2026-10"));
    int64_t all;
    int64_t own;
    ck_assert_int_eq(balance_sum(network_must(network, olive, "SettlementService",
                                              "GetTrialBalance", &request->base),
                                 &all),
                     0);
    ck_assert_int_eq(
        balance_sum(network_must(network, network_who(ROLE_MEMBER, "m006"), "SettlementService",
                                 "GetTrialBalance", &request->base),
                    &own),
        0);
    ck_assert_int_gt(own, 0);
    ck_assert_int_lt(own, all);
}

static const Passerelle__V1__ListInvoicesResponse *
invoices(struct network *network, struct principal who, const char *text, bool files)
{
    static Passerelle__V1__InvoiceFormat all[] = {
        PASSERELLE__V1__INVOICE_FORMAT__INVOICE_FORMAT_CII,
        PASSERELLE__V1__INVOICE_FORMAT__INVOICE_FORMAT_UBL,
        PASSERELLE__V1__INVOICE_FORMAT__INVOICE_FORMAT_HTML,
        PASSERELLE__V1__INVOICE_FORMAT__INVOICE_FORMAT_PDF,
        PASSERELLE__V1__INVOICE_FORMAT__INVOICE_FORMAT_EVIDENCE,
    };
    Passerelle__V1__ListInvoicesRequest *request =
        network_new(network, &passerelle__v1__list_invoices_request__descriptor);
    request->month = arena_string(&network->arena, view_of(text));
    request->formats = all;
    request->n_formats = files ? ARRAY_LEN(all) : 0;
    return network_must(network, who, "SettlementService", "ListInvoices", &request->base);
}

/* Parts of the list, asked for one by one, are the list: whoever asks, and past its end. */
static void parts_are_the_list(struct network *network, struct principal who, uint32_t count)
{
    const Passerelle__V1__ListInvoicesResponse *all = invoices(network, who, "2026-10", false);
    for (uint32_t first = 0; first < all->total + count; first += count) {
        Passerelle__V1__ListInvoicesRequest *request =
            network_new(network, &passerelle__v1__list_invoices_request__descriptor);
        request->month = arena_string(&network->arena, VIEW_LIT("2026-10"));
        request->first = first;
        request->count = count;
        const Passerelle__V1__ListInvoicesResponse *part =
            network_must(network, who, "SettlementService", "ListInvoices", &request->base);
        uint32_t left = first < all->total ? all->total - first : 0;
        ck_assert_uint_eq(part->total, all->total);
        ck_assert_uint_eq(part->n_invoices, left < count ? left : count);
        ck_assert_str_eq(part->next_page_token, "");
        for (size_t i = 0; i < part->n_invoices; i++) {
            ck_assert_str_eq(part->invoices[i]->number, all->invoices[first + i]->number);
        }
    }
}

static enum code invoice_code(struct network *network, struct principal who, const char *number)
{
    Passerelle__V1__GetInvoiceRequest *request =
        network_new(network, &passerelle__v1__get_invoice_request__descriptor);
    request->number = arena_string(&network->arena, view_of(number));
    return network_call(network, who, "SettlementService", "GetInvoice", &request->base)
        ->error.code;
}

static enum code record_code(struct network *network, struct principal who,
                             const Passerelle__V1__Invoice *pro_forma, int64_t gross_cents)
{
    Passerelle__V1__RecordInvoiceRequest *request =
        network_new(network, &passerelle__v1__record_invoice_request__descriptor);
    request->request_id = network_request_id(network);
    request->pro_forma = pro_forma->number;
    request->number = arena_string(&network->arena, VIEW_LIT("F2026-31"));
    request->issued_on = arena_string(&network->arena, VIEW_LIT("2026-11-02"));
    request->gross_cents = gross_cents;
    return network_call(network, who, "SettlementService", "RecordInvoice", &request->base)
        ->error.code;
}

/* Invoices of the closed reference month: who sees which, and what they hold. */
static void invoices_are_of_their_parties(struct network *network)
{
    const struct principal employer = network_who(ROLE_EMPLOYER, "e001");
    const Passerelle__V1__ListInvoicesResponse *all = invoices(network, olive, "2026-10", false);
    const Passerelle__V1__Invoice *pro_forma = NULL;
    const Passerelle__V1__Invoice *other = NULL;
    ck_assert_uint_eq(all->n_invoices, all->total);
    for (size_t i = 0; i < all->n_invoices; i++) {
        bool of_m003 = strcmp(all->invoices[i]->seller_member_id, "m003") == 0;
        ck_assert_int_eq(all->invoices[i]->pro_forma, of_m003);
        pro_forma = of_m003 ? all->invoices[i] : pro_forma;
        other = strcmp(all->invoices[i]->buyer_id, "e002") == 0 ? all->invoices[i] : other;
    }
    ck_assert(pro_forma != NULL && other != NULL);
    parts_are_the_list(network, olive, 500);
    parts_are_the_list(network, network_who(ROLE_MEMBER, "m006"), 7);
    const Passerelle__V1__ListInvoicesResponse *own = invoices(network, employer, "2026-10", true);
    ck_assert_uint_eq(own->n_invoices, 1);
    ck_assert_str_eq(own->invoices[0]->buyer_id, "e001");
    ck_assert_uint_eq(own->invoices[0]->n_files, 5);
    ck_assert_ptr_null(strstr((char *)own->invoices[0]->files[4]->content.data, "\"visits\""));
    ck_assert_int_eq(invoice_code(network, employer, own->invoices[0]->number), CODE_OK);
    ck_assert_int_eq(invoice_code(network, employer, other->number), CODE_NOT_FOUND);
    ck_assert_int_eq(invoice_code(network, employer, "FA-000000000-2026-000001"), CODE_NOT_FOUND);
    own = invoices(network, network_who(ROLE_MEMBER, "m003"), "2026-10", true);
    ck_assert_uint_gt(own->n_invoices, 0);
    for (size_t i = 0; i < own->n_invoices; i++) {
        const Passerelle__V1__Invoice *one = own->invoices[i];
        ck_assert(strcmp(one->seller_member_id, "m003") == 0 || strcmp(one->buyer_id, "m003") == 0);
        ck_assert_uint_eq(one->n_files, one->pro_forma ? 3 : 5);
    }
    Passerelle__V1__ListInvoicesRequest *theirs =
        network_new(network, &passerelle__v1__list_invoices_request__descriptor);
    theirs->month = arena_string(&network->arena, VIEW_LIT("2026-10"));
    theirs->party_id = arena_string(&network->arena, VIEW_LIT("e002"));
    ck_assert_int_eq(
        network_call(network, employer, "SettlementService", "ListInvoices", &theirs->base)
            ->error.code,
        CODE_PERMISSION_DENIED);
    /* the host's own invoice, once, for the same amount, told by who gets it */
    int64_t gross = pro_forma->gross_cents;
    struct principal issuer = network_who(ROLE_MEMBER, pro_forma->buyer_id);
    ck_assert_int_eq(record_code(network, network_who(ROLE_MEMBER, "m003"), pro_forma, gross),
                     CODE_PERMISSION_DENIED);
    ck_assert_int_eq(record_code(network, issuer, pro_forma, gross + 1), CODE_INVALID_ARGUMENT);
    ck_assert_int_eq(record_code(network, issuer, other, other->gross_cents), CODE_NOT_FOUND);
    ck_assert_int_eq(record_code(network, olive, other, other->gross_cents),
                     CODE_FAILED_PRECONDITION);
    ck_assert_int_eq(record_code(network, issuer, pro_forma, gross), CODE_OK);
    ck_assert_int_eq(record_code(network, issuer, pro_forma, gross), CODE_FAILED_PRECONDITION);
}

/* Use by holder adds up to what the employer is charged, and to the month's units. */
static void usage_adds_up(struct network *network, bool closed)
{
    const Passerelle__V1__SettlementDocument *document = period_get(network, "2026-10")->document;
    struct fault fault = FAULT_NONE;
    uint32_t units = 0;
    uint32_t half_days = 0;
    ck_assert_int_eq(db_begin_read(network->service.db, &fault), E_OK);
    for (size_t i = 0; i < document->n_documents; i++) {
        const Passerelle__V1__Document *invoice = document->documents[i];
        struct usage usage;
        int64_t charged = 0;
        if (invoice->kind != PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_EMPLOYER_INVOICE) {
            continue;
        }
        ck_assert_msg(usage_of_employer(network->service.db, i, view_of(invoice->buyer_id),
                                        month("2026-10"), (struct day){INT32_MAX},
                                        &network->arena, &usage, &fault) == E_OK,
                      "%s", fault.text);
        ck_assert_int_eq(usage.closed, closed);
        for (size_t k = 0; k < usage.count; k++) {
            charged += usage.holders[k].charged.cents;
            units += usage.holders[k].units_used;
            half_days += usage.holders[k].half_days;
        }
        for (size_t k = 0; k < invoice->n_lines; k++) {
            if (invoice->lines[k]->kind == PASSERELLE__V1__LINE_KIND__LINE_KIND_CHARGE) {
                charged -= invoice->lines[k]->quantity * invoice->lines[k]->price_cents;
            }
        }
        ck_assert_int_eq(charged, 0);
    }
    db_end(network->service.db, NULL);
    ck_assert_uint_eq(units, document->units_used);
    ck_assert_uint_eq(half_days, document->half_days);
}

static void statistics(struct network *network)
{
    Passerelle__V1__GetTerritoriesRequest *request =
        network_new(network, &passerelle__v1__get_territories_request__descriptor);
    request->month = arena_string(&network->arena, VIEW_LIT("2026-10"));
    const Passerelle__V1__SettlementDocument *document = period_get(network, "2026-10")->document;
    struct principal region = network_who(ROLE_REGION, "region");
    for (int by = 1; by <= 3; by++) {
        uint32_t visit_days = 0;
        uint32_t withheld = 0;
        request->territory = (Passerelle__V1__Territory)by;
        const Passerelle__V1__GetTerritoriesResponse *response =
            network_must(network, region, "StatsService", "GetTerritories", &request->base);
        for (size_t i = 0; i < response->n_counts; i++) {
            visit_days += response->counts[i]->visit_days;
            withheld += response->counts[i]->withheld != 0;
            ck_assert(response->counts[i]->withheld || response->counts[i]->holders >= 5);
        }
        ck_assert_uint_ne(withheld, 1);
        ck_assert(withheld > 0 || visit_days == document->visit_days);
    }
    Passerelle__V1__GetSiteQualityRequest *quality =
        network_new(network, &passerelle__v1__get_site_quality_request__descriptor);
    quality->month = request->month;
    const Passerelle__V1__GetSiteQualityResponse *sites =
        network_must(network, olive, "StatsService", "GetSiteQuality", &quality->base);
    uint32_t stays = 0;
    for (size_t i = 0; i < sites->n_sites; i++) {
        stays += sites->sites[i]->stays;
    }
    ck_assert_uint_eq(stays, document->stays);
}

START_TEST(reference)
{
    static struct network network;
    size_t count;
    network_init(&network, true, 7);
    recorded_network(&network, REFERENCE_DIR);
    const struct recorded_stay *stays =
        recorded_stays(&network, REFERENCE_DIR "/visits-2026-10.csv", &count);
    recorded_begin(&network);
    for (size_t i = 0; i < count; i++) {
        recorded_append(&network, &stays[i], VIEW_NONE);
    }
    recorded_commit(&network);
    const Passerelle__V1__GetPeriodResponse *open = period_get(&network, "2026-10");
    ck_assert_uint_eq(open->period->n_blockers, 0);
    equals_expected(open->document);
    usage_adds_up(&network, false);

    must_close(&network, "2026-10");
    const Passerelle__V1__GetPeriodResponse *closed = period_get(&network, "2026-10");
    ck_assert(wire_equal(&open->document->base, &closed->document->base));
    uint8_t sha256_now[SHA256_LEN];
    sha256(wire_pack_arena(&network.arena, &closed->document->base), sha256_now);
    ck_assert(view_equal(wire_view(closed->period->document_sha256),
                         view_bytes(sha256_now, sizeof sha256_now)));
    parties_see_their_own(&network);
    invoices_are_of_their_parties(&network);
    usage_adds_up(&network, true);
    statistics(&network);
    statements_hold(&network, closed->document);
    /* what is closed stays closed, whatever else comes */
    refused(period_close(&network, olive, "2026-10"), NULL, NULL);
    network_check(&network);
    network_release(&network);
}
END_TEST

/* ---- a year of invoices ---- */

enum { YEAR_CLOSES = 12, YEAR_STAYS = 150, YEAR_VOIDS = 12 };

/* The same stay in another month: its id and its days. */
static struct recorded_stay stay_in(struct network *network, const struct recorded_stay *stay,
                                    struct month month)
{
    struct recorded_stay moved = *stay;
    struct view *texts[] = {&moved.check_in, &moved.check_out};
    char text[8];
    month_format(month, text);
    moved.visit_id = view_of(arena_printf(&network->arena, "%08x%.*s", (unsigned)month.number,
                                          (int)stay->visit_id.len - 8, stay->visit_id.data + 8));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i]->len > 7) {
            *texts[i] = view_of(arena_printf(&network->arena, "%s%.*s", text,
                                             (int)texts[i]->len - 7, texts[i]->data + 7));
        }
    }
    return moved;
}

/* One number of a series: it must be the next. */
struct series_seen {
    char name[64];
    unsigned last;
};

static void number_follows(struct series_seen *seen, size_t *count, const char *number)
{
    const char *dash = strrchr(number, '-');
    size_t len = (size_t)(dash - number);
    size_t i = 0;
    while (i < *count && (strncmp(seen[i].name, number, len) != 0 || seen[i].name[len] != '\0')) {
        i++;
    }
    if (i == *count) {
        ck_assert_uint_lt(*count, 4000);
        snprintf(seen[i].name, sizeof seen[i].name, "%.*s", (int)len, number);
        ++*count;
    }
    char wanted[16];
    snprintf(wanted, sizeof wanted, "%06u", ++seen[i].last);
    ck_assert_msg(strcmp(dash + 1, wanted) == 0, "%s, and %s would be next", number, wanted);
}

static bool was_issued(char *const *numbers, size_t count, const char *number)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(numbers[i], number) == 0) {
            return true;
        }
    }
    return false;
}

START_TEST(a_year_of_invoices)
{
    static struct network network;
    static struct series_seen seen[4000];
    static char *issued[8000];
    size_t seen_count = 0, issued_count = 0, credits = 0, restarted = 0, count;
    network_init(&network, true, 11);
    recorded_network(&network, REFERENCE_DIR);
    const struct recorded_stay *stays =
        recorded_stays(&network, REFERENCE_DIR "/visits-2026-10.csv", &count);
    struct month begin = month("2026-11"); /* issued in December; all others in the next year */
    for (int i = 0; i < YEAR_CLOSES; i++) {
        struct month now = {begin.number + i};
        struct month next = {now.number + 1};
        char text[8], year[8];
        size_t credits_before = credits;
        month_format(now, text);
        month_format(next, year);
        year[4] = '\0';
        network.clock.now_utc_ms = day_start_utc_ms(month_first(next)) + 86400000;
        recorded_begin(&network);
        for (size_t k = 0; k < YEAR_STAYS; k++) {
            struct recorded_stay stay = stay_in(&network, &stays[k], now);
            recorded_append(&network, &stay, VIEW_NONE);
        }
        for (size_t k = 0; i > 0 && k < YEAR_VOIDS; k++) { /* of the month before */
            struct recorded_stay stay =
                stay_in(&network, &stays[k], (struct month){now.number - 1});
            recorded_void(&network, stay.site_id, stay.visit_id);
        }
        recorded_commit(&network);
        must_close(&network, text);
        const Passerelle__V1__ListInvoicesResponse *all = invoices(&network, olive, text, false);
        for (size_t k = 0; k < all->n_invoices; k++) {
            const Passerelle__V1__Invoice *one = all->invoices[k];
            if (one->pro_forma) {
                continue;
            }
            number_follows(seen, &seen_count, one->number);
            ck_assert_ptr_nonnull(strstr(one->number, year));
            ck_assert_int_eq(strncmp(one->issued_on, year, 4), 0);
            ck_assert_int_eq(one->credit_note, one->n_preceding > 0);
            for (size_t p = 0; p < one->n_preceding; p++) {
                ck_assert_msg(was_issued(issued, issued_count, one->preceding[p]), "%s names %s",
                              one->number, one->preceding[p]);
            }
            credits += one->credit_note != 0;
            restarted += i == 1 && strstr(one->number, "2027-000001") != NULL;
        }
        for (size_t k = 0; k < all->n_invoices; k++) {
            ck_assert_uint_lt(issued_count, ARRAY_LEN(issued));
            issued[issued_count++] = all->invoices[k]->number;
        }
        ck_assert(i == 0 || credits > credits_before);
    }
    ck_assert_uint_gt(restarted, 0);
    accounts_hold(&network, begin, YEAR_CLOSES);
    network_check(&network);
    network_release(&network);
}
END_TEST

/* ---- order of arrival ---- */

START_TEST(shuffled)
{
    static struct network network;
    enum { STAYS = 600, ROUNDS = 200 };
    uint64_t seed = 20261124;
    size_t count;
    struct view first = VIEW_NONE;
    printf("shuffled: seed %llu\n", (unsigned long long)seed);
    network_init(&network, true, 8);
    recorded_network(&network, REFERENCE_DIR);
    struct recorded_stay *stays =
        recorded_stays(&network, REFERENCE_DIR "/visits-2026-10.csv", &count);
    for (unsigned round = 0; round < ROUNDS; round += stride()) {
        struct arena arena = ARENA_INIT;
        struct settlement settlement;
        struct fault fault = FAULT_NONE;
        for (size_t i = STAYS - 1; i > 0; i--) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            size_t other = (size_t)(seed >> 33) % (i + 1);
            struct recorded_stay swap = stays[i];
            stays[i] = stays[other];
            stays[other] = swap;
        }
        recorded_begin(&network);
        for (size_t i = 0; i < STAYS; i++) {
            recorded_append(&network, &stays[i], VIEW_NONE);
        }
        ck_assert_msg(settlement_compute(network.service.db, seed, month("2026-10"), &arena,
                                         &settlement, &fault) == E_OK,
                      "%s", fault.text);
        recorded_abandon(&network);
        if (round == 0) {
            ck_assert_uint_eq(settlement.document->stays, STAYS);
            first = arena_copy(&network.arena, settlement.bytes);
        }
        ck_assert(view_equal(first, settlement.bytes));
        arena_release(&arena);
    }
    network_release(&network);
}
END_TEST

/* ---- refusals and approvals ---- */

static struct recorded_stay stay_at(const char *id, const char *in, const char *out)
{
    return (struct recorded_stay){
        .visit_id = view_of(id),
        .site_id = VIEW_LIT("s001"),
        .holder_id = VIEW_LIT("h00001"),
        .resource = VIEW_LIT("desk"),
        .check_in = view_of(in),
        .check_out = view_of(out),
        .medium = VIEW_LIT("card"),
        .source = VIEW_LIT("paper"),
    };
}

static void append_one(struct network *network, const char *id, const char *in, const char *out)
{
    struct recorded_stay stay = stay_at(id, in, out);
    recorded_begin(network);
    recorded_append(network, &stay, VIEW_NONE);
    recorded_commit(network);
}

#define VISIT_A "01a0f609-b58e-7e4d-8286-6d5370d0be9e"
#define VISIT_B "01a0f609-b58e-7e4d-8286-6d5370d0be9f"
#define VISIT_C "01a0f609-b58e-7e4d-8286-6d5370d0bea0"

static size_t users(struct network *network, struct principal who)
{
    Passerelle__V1__GetUsageRequest *request =
        network_new(network, &passerelle__v1__get_usage_request__descriptor);
    request->employer_id = arena_string(&network->arena, VIEW_LIT("e001"));
    request->month = arena_string(&network->arena, VIEW_LIT("2026-11"));
    const Passerelle__V1__GetUsageResponse *response =
        network_must(network, who, "EmployerService", "GetUsage", &request->base);
    return response->n_holders;
}

/* A figure that moves when somebody checks out would tell the employer when that was. */
START_TEST(today_is_not_told)
{
    static struct network network;
    const struct principal employer = network_who(ROLE_EMPLOYER, "e001");
    network_init(&network, true, 13);
    recorded_network(&network, REFERENCE_DIR);
    append_one(&network, VISIT_A, "2026-11-03T06:00:00.000Z", "2026-11-03T06:45:00.000Z");
    ck_assert_uint_eq(users(&network, employer), 0);
    ck_assert_uint_eq(users(&network, olive), 1);
    network.clock.now_utc_ms += 86400000;
    ck_assert_uint_eq(users(&network, employer), 1);
    network_check(&network);
    network_release(&network);
}
END_TEST

START_TEST(refusals)
{
    static struct network network;
    network_init(&network, false, 9);
    recorded_network(&network, REFERENCE_DIR);
    append_one(&network, VISIT_A, "2026-09-10T08:00:00.000Z", "2026-09-10T09:00:00.000Z");
    append_one(&network, VISIT_B, "2026-10-31T22:59:59.999Z", "");
    /* too early, by a millisecond of Paris time; out of order; not a month */
    network.clock.now_utc_ms = 1793487600000 - 1; /* 2026-10-31T23:00Z: midnight in Paris */
    refused(period_close(&network, olive, "2026-10"), "month_not_over", "2026-10");
    network.clock.now_utc_ms++;
    refused(period_close(&network, olive, "2026-10"), "earlier_month_open", "2026-09");
    ck_assert_int_eq(period_close(&network, olive, "2026-13")->error.code, CODE_INVALID_ARGUMENT);
    /* an open visit of the month */
    Passerelle__V1__VisitOpened opened = PASSERELLE__V1__VISIT_OPENED__INIT;
    struct uuid visit_id;
    ck_assert_int_eq(uuid_parse(VIEW_LIT(VISIT_C), &visit_id), E_OK);
    opened.visit_id = (ProtobufCBinaryData){sizeof visit_id.bytes, visit_id.bytes};
    char holder[] = "h00001";
    Passerelle__V1__PassIssued issued = PASSERELLE__V1__PASS_ISSUED__INIT;
    issued.pass_id = opened.pass_id = opened.visit_id;
    issued.holder_id = opened.holder_id = holder;
    opened.resource = PASSERELLE__V1__RESOURCE__RESOURCE_DESK;
    opened.in_utc_ms = 1788940800000; /* 2026-09-09T08:00Z */
    recorded_begin(&network);
    recorded_append_entry(&network, "net", PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PASS_ISSUED,
                          &issued.base);
    recorded_append_entry(&network, "s001", PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_OPENED,
                          &opened.base);
    recorded_commit(&network);
    refused(period_close(&network, olive, "2026-09"), "open_visits", VISIT_C);
    recorded_begin(&network);
    recorded_void(&network, VIEW_LIT("s001"), VIEW_LIT(VISIT_C));
    recorded_commit(&network);
    /* one operator asks, asking again changes nothing, another one approves */
    for (int i = 0; i < 2; i++) {
        const Passerelle__V1__ClosePeriodResponse *asked =
            (const void *)period_close(&network, olive, "2026-09")->response;
        ck_assert_uint_gt(strlen(asked->approval_id), 0);
        ck_assert_int_eq(asked->period->state, PASSERELLE__V1__PERIOD_STATE__PERIOD_STATE_CLOSING);
    }
    const Passerelle__V1__ClosePeriodResponse *closed =
        (const void *)period_close(&network, oscar, "2026-09")->response;
    ck_assert_str_eq(closed->approval_id, "");
    ck_assert_int_eq(closed->period->state, PASSERELLE__V1__PERIOD_STATE__PERIOD_STATE_CLOSED);
    refused(period_close(&network, olive, "2026-11"), "month_not_over", "2026-11");
    refused(period_close(&network, olive, "2026-08"), "later_month_closed", "2026-09");
    Passerelle__V1__ListPeriodsRequest *list =
        network_new(&network, &passerelle__v1__list_periods_request__descriptor);
    const Passerelle__V1__ListPeriodsResponse *periods =
        network_must(&network, olive, "SettlementService", "ListPeriods", &list->base);
    ck_assert_uint_eq(periods->n_periods, 2);
    ck_assert_str_eq(periods->periods[0]->month, "2026-09");
    ck_assert_str_eq(periods->periods[1]->month, "2026-10");
    network_check(&network);
    network_release(&network);
}
END_TEST

/* ---- two halves ---- */

/* A stay that comes between the halves is late: it goes to the next close, and nothing is computed
 * twice. A close in between makes the first half worthless. */
START_TEST(between_the_halves)
{
    static struct network network;
    network_init(&network, true, 10);
    recorded_network(&network, REFERENCE_DIR);
    append_one(&network, VISIT_A, "2026-09-10T08:00:00.000Z", "2026-09-10T09:00:00.000Z");
    Passerelle__V1__ClosePeriodRequest *request =
        network_new(&network, &passerelle__v1__close_period_request__descriptor);
    request->request_id = network_request_id(&network);
    request->month = arena_string(&network.arena, VIEW_LIT("2026-09"));
    struct call *call =
        network_prepare(&network, olive, "SettlementService", "ClosePeriod", &request->base);
    ck_assert_ptr_nonnull(call->prepared);
    append_one(&network, VISIT_B, "2026-09-11T08:00:00.000Z", "2026-09-11T09:00:00.000Z");
    network_write(&network, call);
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    ck_assert_uint_eq(period_get(&network, "2026-09")->document->stays, 1);
    const Passerelle__V1__SettlementDocument *october = period_get(&network, "2026-10")->document;
    ck_assert_uint_eq(october->stays, 0);
    ck_assert_uint_eq(october->n_revised_months, 1);
    ck_assert_str_eq(october->revised_months[0], "2026-09");
    ck_assert_uint_gt(october->n_documents, 0);
    /* two calls race: the loser of the race finds the month closed */
    request->month = arena_string(&network.arena, VIEW_LIT("2026-10"));
    request->request_id = network_request_id(&network);
    call = network_prepare(&network, olive, "SettlementService", "ClosePeriod", &request->base);
    must_close(&network, "2026-10");
    network_write(&network, call);
    ck_assert_int_eq(call->error.code, CODE_FAILED_PRECONDITION);
    network_check(&network);
    network_release(&network);
}
END_TEST

/* ---- disputes ---- */

static const struct call *dispute_open_by(struct network *network, struct principal who,
                                          const char *site_id, const char *visit_id,
                                          const char *named)
{
    Passerelle__V1__OpenDisputeRequest *request =
        network_new(network, &passerelle__v1__open_dispute_request__descriptor);
    request->request_id = network_request_id(network);
    request->feed_id = arena_string(&network->arena, view_of(site_id));
    request->visit_id = arena_string(&network->arena, view_of(visit_id));
    request->reference = arena_string(&network->arena, view_of(named));
    request->reason = arena_string(&network->arena, VIEW_LIT("she was ill that day"));
    return network_call(network, who, "SettlementService", "OpenDispute", &request->base);
}

static const struct call *dispute_open(struct network *network, struct principal who,
                                       const char *visit_id)
{
    return dispute_open_by(network, who, "s001", visit_id, "");
}

/* The only reference beside the employer's invoices of October. */
static const char *reference_of(struct network *network, struct principal employer)
{
    static const char before[] = "\"check_ins\": [\n    \"";
    const Passerelle__V1__ListInvoicesResponse *own = invoices(network, employer, "2026-10", true);
    const char *found = NULL;
    for (size_t i = 0; i < own->n_invoices; i++) {
        char *text = arena_string(&network->arena, wire_view(own->invoices[i]->files[4]->content));
        const char *at = strstr(text, before);
        ck_assert(at == NULL || found == NULL);
        found = at == NULL ? found : arena_printf(&network->arena, "%.32s", at + strlen(before));
    }
    ck_assert_ptr_nonnull(found);
    return found;
}

/* An employer knows neither site nor visit: the reference beside its invoice opens a dispute, for
 * nobody else. */
static const struct call *disputed_by_reference(struct network *network, struct principal employer)
{
    const char *named = reference_of(network, employer);
    static const char other[] = "00112233445566778899aabbccddeeff";
    const struct {
        struct principal who;
        const char *site_id, *visit_id, *named;
        enum code code;
    } wrong[] = {
        {network_who(ROLE_EMPLOYER, "e002"), "", "", named, CODE_NOT_FOUND},
        {employer, "", "", other, CODE_NOT_FOUND},
        {employer, "", "", "00112233445566778899aabbccddeefg", CODE_NOT_FOUND},
        {employer, "", "", named + 1, CODE_INVALID_ARGUMENT},
        {employer, "s001", "", named, CODE_INVALID_ARGUMENT},
        {employer, "", VISIT_A, named, CODE_INVALID_ARGUMENT},
        {employer, "", "", "", CODE_INVALID_ARGUMENT},
        {network_who(ROLE_MEMBER, "m001"), "", "", named, CODE_INVALID_ARGUMENT},
        {olive, "", "", named, CODE_INVALID_ARGUMENT},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        const struct call *call = dispute_open_by(network, wrong[i].who, wrong[i].site_id,
                                                  wrong[i].visit_id, wrong[i].named);
        ck_assert_msg(call->error.code == wrong[i].code, "row %zu: %s", i, call->error.message);
    }
    return dispute_open_by(network, employer, "", "", named);
}

static const struct call *dispute_resolve(struct network *network, const char *dispute_id,
                                          Passerelle__V1__DisputeOutcome outcome, int64_t in_utc_ms,
                                          int64_t out_utc_ms)
{
    Passerelle__V1__ResolveDisputeRequest *request =
        network_new(network, &passerelle__v1__resolve_dispute_request__descriptor);
    request->request_id = network_request_id(network);
    request->dispute_id = arena_string(&network->arena, view_of(dispute_id));
    request->outcome = outcome;
    request->in_utc_ms = in_utc_ms;
    request->out_utc_ms = out_utc_ms;
    return network_call(network, olive, "SettlementService", "ResolveDispute", &request->base);
}

START_TEST(disputes)
{
    static struct network network;
    network_init(&network, true, 11);
    recorded_network(&network, REFERENCE_DIR);
    append_one(&network, VISIT_A, "2026-10-12T08:00:00.000Z", "2026-10-12T09:00:00.000Z");
    /* h00001 is of e001, s001 of m001: to all others the visit does not exist */
    ck_assert_int_eq(
        dispute_open(&network, network_who(ROLE_EMPLOYER, "e002"), VISIT_A)->error.code,
        CODE_NOT_FOUND);
    ck_assert_int_eq(dispute_open(&network, network_who(ROLE_MEMBER, "m002"), VISIT_A)->error.code,
                     CODE_NOT_FOUND);
    ck_assert_int_eq(dispute_open(&network, olive, VISIT_B)->error.code, CODE_NOT_FOUND);
    must_close(&network, "2026-10");
    const struct call *call = disputed_by_reference(&network, network_who(ROLE_EMPLOYER, "e001"));
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    const char *id = ((const Passerelle__V1__OpenDisputeResponse *)call->response)->dispute_id;
    ck_assert_int_eq(dispute_open(&network, network_who(ROLE_MEMBER, "m001"), VISIT_A)->error.code,
                     CODE_FAILED_PRECONDITION);
    /* a correction stays in its month and ends after it begins */
    const Passerelle__V1__DisputeOutcome corrected =
        PASSERELLE__V1__DISPUTE_OUTCOME__DISPUTE_OUTCOME_CORRECTED;
    ck_assert_int_eq(dispute_resolve(&network, id, corrected, 1793620800000, 0)->error.code,
                     CODE_INVALID_ARGUMENT);
    ck_assert_int_eq(dispute_resolve(&network, id, corrected, 0, 1791784800000)->error.code,
                     CODE_INVALID_ARGUMENT);
    ck_assert_int_eq(dispute_resolve(&network, id, 0, 0, 0)->error.code, CODE_INVALID_ARGUMENT);
    const Passerelle__V1__DisputeOutcome voided =
        PASSERELLE__V1__DISPUTE_OUTCOME__DISPUTE_OUTCOME_VOIDED;
    ck_assert_int_eq(dispute_resolve(&network, id, voided, 0, 0)->error.code, CODE_OK);
    ck_assert_int_eq(dispute_resolve(&network, id, voided, 0, 0)->error.code,
                     CODE_FAILED_PRECONDITION);
    /* the next close takes everything back, and the closed month stands as it was */
    const Passerelle__V1__SettlementDocument *october = period_get(&network, "2026-10")->document;
    const Passerelle__V1__SettlementDocument *november = period_get(&network, "2026-11")->document;
    ck_assert_uint_eq(october->visit_days, 1);
    int64_t charged = 0;
    for (size_t i = 0; i < november->n_documents; i++) {
        const Passerelle__V1__Document *note = november->documents[i];
        if (note->credit_note &&
            note->kind == PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_EMPLOYER_INVOICE) {
            ck_assert_str_eq(note->buyer_id, "e001");
            ck_assert_str_eq(note->lines[0]->month, "2026-10");
            charged += note->net_cents;
        }
    }
    for (size_t i = 0; i < october->n_documents; i++) {
        if (strcmp(october->documents[i]->buyer_id, "e001") == 0) {
            charged += october->documents[i]->net_cents;
        }
    }
    ck_assert_int_eq(charged, 0);
    network_check(&network);
    network_release(&network);
}
END_TEST

int main(void)
{
    olive = network_who(ROLE_OPERATOR, "olive");
    oscar = network_who(ROLE_OPERATOR, "oscar");
    Suite *suite = suite_create("settlement");
    TCase *tcase = tcase_create("settlement");
    tcase_set_timeout(tcase, 100);
    tcase_add_test(tcase, reference);
    tcase_add_test(tcase, shuffled);
    tcase_add_test(tcase, a_year_of_invoices);
    tcase_add_test(tcase, today_is_not_told);
    tcase_add_test(tcase, refusals);
    tcase_add_test(tcase, between_the_halves);
    tcase_add_test(tcase, disputes);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
