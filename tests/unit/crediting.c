/* Invoices that are credited, whole and in part, through the service: what is refused, what is told
 * before, and what the next close then writes. */
#include <check.h>
#include <stdlib.h>

#include "core/day/day.h"
#include "lib/recorded.h"
#include "passerelle/v1/settlement.pb-c.h"
#include "service/journal.h"
#include "wire/pack.h"

#define KIND(name) PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_##name##_INVOICE
#define LINE_KIND(name) PASSERELLE__V1__LINE_KIND__LINE_KIND_##name

typedef const Passerelle__V1__CreditInvoiceResponse *credited;

static struct principal olive;

static char *text_of(struct network *network, const char *text)
{
    return arena_string(&network->arena, view_of(text));
}

static void must_close(struct network *network, const char *month)
{
    Passerelle__V1__ClosePeriodRequest *request =
        network_new(network, &passerelle__v1__close_period_request__descriptor);
    request->request_id = network_request_id(network);
    request->month = text_of(network, month);
    network_must(network, olive, "SettlementService", "ClosePeriod", &request->base);
}

static const Passerelle__V1__SettlementDocument *result(struct network *network, const char *month)
{
    Passerelle__V1__GetPeriodRequest *request =
        network_new(network, &passerelle__v1__get_period_request__descriptor);
    request->month = text_of(network, month);
    const Passerelle__V1__GetPeriodResponse *response =
        network_must(network, olive, "SettlementService", "GetPeriod", &request->base);
    return response->document;
}

static const Passerelle__V1__ListInvoicesResponse *invoices(struct network *network,
                                                            const char *month)
{
    static Passerelle__V1__InvoiceFormat evidence =
        PASSERELLE__V1__INVOICE_FORMAT__INVOICE_FORMAT_EVIDENCE;
    Passerelle__V1__ListInvoicesRequest *request =
        network_new(network, &passerelle__v1__list_invoices_request__descriptor);
    request->month = text_of(network, month);
    request->formats = &evidence;
    request->n_formats = 1;
    return network_must(network, olive, "SettlementService", "ListInvoices", &request->base);
}

static Passerelle__V1__CreditInvoiceRequest *credit_of(struct network *network, const char *number)
{
    Passerelle__V1__CreditInvoiceRequest *request =
        network_new(network, &passerelle__v1__credit_invoice_request__descriptor);
    request->request_id = network_request_id(network);
    request->number = text_of(network, number);
    request->reason = text_of(network, "the site was closed that day");
    return request;
}

static Passerelle__V1__CreditInvoiceRequest *line_of(struct network *network, const char *number,
                                                     uint32_t line)
{
    Passerelle__V1__CreditInvoiceRequest *request = credit_of(network, number);
    request->lines = ARENA_NEW(&network->arena, uint32_t);
    request->lines[0] = line;
    request->n_lines = 1;
    return request;
}

static Passerelle__V1__CreditInvoiceRequest *visit_of(struct network *network, const char *number,
                                                      const char *reference)
{
    Passerelle__V1__CreditInvoiceRequest *request = credit_of(network, number);
    request->references = ARENA_NEW(&network->arena, char *);
    request->references[0] = text_of(network, reference);
    request->n_references = 1;
    return request;
}

static uint64_t books_size(struct network *network)
{
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(db_begin_read(network->service.db, &fault), E_OK);
    uint64_t size = journal_feed_size(network->service.db, VIEW_LIT(FEED_BOOKS));
    ck_assert_int_eq(db_end(network->service.db, &fault), E_OK);
    return size;
}

static void refused(struct network *network, Passerelle__V1__CreditInvoiceRequest *request,
                    enum code code, const char *says)
{
    uint64_t before = books_size(network);
    const struct call *call =
        network_call(network, olive, "SettlementService", "CreditInvoice", &request->base);
    ck_assert_int_eq(call->error.code, code);
    ck_assert_msg(strstr(call->error.message, says) != NULL, "%s: no '%s'", call->error.message,
                  says);
    ck_assert_uint_eq(books_size(network), before);
}

static credited must_credit(struct network *network, Passerelle__V1__CreditInvoiceRequest *request)
{
    return network_must(network, olive, "SettlementService", "CreditInvoice", &request->base);
}

static const Passerelle__V1__Document *document_of(const Passerelle__V1__SettlementDocument *close,
                                                   Passerelle__V1__DocumentKind kind,
                                                   const char *seller, const char *buyer,
                                                   bool credit_note)
{
    for (size_t i = 0; i < close->n_documents; i++) {
        const Passerelle__V1__Document *one = close->documents[i];
        if (one->kind == kind && (seller == NULL || strcmp(one->seller_member_id, seller) == 0) &&
            (buyer == NULL || strcmp(one->buyer_id, buyer) == 0) &&
            one->credit_note == credit_note) {
            return one;
        }
    }
    return NULL;
}

static const Passerelle__V1__Invoice *invoice_of(const Passerelle__V1__ListInvoicesResponse *all,
                                                 const Passerelle__V1__Document *of)
{
    for (size_t i = 0; i < all->n_invoices; i++) {
        const Passerelle__V1__Invoice *one = all->invoices[i];
        if (one->kind == of->kind && strcmp(one->seller_member_id, of->seller_member_id) == 0 &&
            strcmp(one->buyer_id, of->buyer_id) == 0 && one->credit_note == of->credit_note) {
            return one;
        }
    }
    ck_abort_msg("no invoice of %s to %s", of->seller_member_id, of->buyer_id);
    return NULL;
}

/* The first reference in an invoice's evidence. */
static const char *reference_of(struct network *network, const Passerelle__V1__Invoice *invoice,
                                const char *list)
{
    ck_assert_uint_eq(invoice->n_files, 1);
    const char *text = arena_string(&network->arena, wire_view(invoice->files[0]->content));
    const char *at = strstr(text, list);
    ck_assert_ptr_nonnull(at);
    at = strchr(strchr(at, '['), '"') + 1;
    return arena_printf(&network->arena, "%.*s", (int)strcspn(at, "\""), at);
}

/* What was said before stands in the next close. */
static void stands_in(const Passerelle__V1__SettlementDocument *close, credited said)
{
    for (size_t i = 0; i < said->n_documents; i++) {
        const Passerelle__V1__Document *one = said->documents[i];
        if (one->credit_note) {
            const Passerelle__V1__Document *is = document_of(
                close, one->kind, one->seller_member_id, one->buyer_id, one->credit_note);
            ck_assert_ptr_nonnull(is);
            ck_assert(wire_equal(&is->base, &one->base));
        }
    }
}

/* An employer of at least two lines, all of them charges, and some in the first; and one that
 * bought a carnet. */
static void employers_find(const Passerelle__V1__SettlementDocument *close,
                           const Passerelle__V1__Document **charged,
                           const Passerelle__V1__Document **carnet)
{
    *charged = *carnet = NULL;
    for (size_t i = 0; i < close->n_documents; i++) {
        const Passerelle__V1__Document *one = close->documents[i];
        bool charges_only = one->n_lines >= 2 && one->lines[0]->quantity >= 3;
        for (size_t k = 0; k < one->n_lines; k++) {
            charges_only = charges_only && one->lines[k]->kind == LINE_KIND(CHARGE);
            *carnet = one->lines[k]->kind == LINE_KIND(CARNET) ? one : *carnet;
        }
        *charged = one->kind == KIND(EMPLOYER) && charges_only ? one : *charged;
    }
    ck_assert(*charged != NULL && *carnet != NULL);
}

static void begin(struct network *network, uint64_t seed)
{
    size_t count;
    network_init(network, true, seed);
    recorded_network(network, REFERENCE_DIR);
    const struct recorded_stay *stays =
        recorded_stays(network, REFERENCE_DIR "/visits-2026-10.csv", &count);
    recorded_begin(network);
    for (size_t i = 0; i < 900; i++) {
        recorded_append(network, &stays[i], VIEW_NONE);
    }
    recorded_commit(network);
    must_close(network, "2026-10");
}

START_TEST(refusals)
{
    static struct network network;
    const Passerelle__V1__Document *charged, *carnet;
    begin(&network, 3);
    employers_find(result(&network, "2026-10"), &charged, &carnet);
    const Passerelle__V1__ListInvoicesResponse *all = invoices(&network, "2026-10");
    const Passerelle__V1__Invoice *invoice = invoice_of(all, charged);
    const Passerelle__V1__Invoice *sold = invoice_of(all, carnet);
    const char *number = invoice->number;
    refused(&network, credit_of(&network, "FA-998836464-2026-999999"), CODE_NOT_FOUND,
            "no invoice FA-998836464-2026-999999");
    Passerelle__V1__CreditInvoiceRequest *request = credit_of(&network, number);
    request->reason = text_of(&network, "");
    refused(&network, request, CODE_INVALID_ARGUMENT, "say in a sentence");
    refused(&network, line_of(&network, number, 0), CODE_INVALID_ARGUMENT, "has lines 1 to");
    refused(&network, line_of(&network, number, 99), CODE_INVALID_ARGUMENT, "has lines 1 to");
    refused(&network, visit_of(&network, number, "so"), CODE_INVALID_ARGUMENT, "as the evidence");
    refused(&network, visit_of(&network, number, "00112233445566778899aabbccddeeff"),
            CODE_NOT_FOUND, "does not stand behind");
    refused(&network, credit_of(&network, sold->number), CODE_FAILED_PRECONDITION, "is a carnet");
    /* all or nothing: a good line beside one that cannot be */
    request = line_of(&network, number, 1);
    request->references =
        visit_of(&network, number, "00112233445566778899aabbccddeeff")->references;
    request->n_references = 1;
    refused(&network, request, CODE_NOT_FOUND, "does not stand behind");
    network_release(&network);
}
END_TEST

START_TEST(in_parts)
{
    static struct network network;
    const Passerelle__V1__Document *charged, *carnet;
    begin(&network, 4);
    employers_find(result(&network, "2026-10"), &charged, &carnet);
    const Passerelle__V1__ListInvoicesResponse *all = invoices(&network, "2026-10");
    const Passerelle__V1__Invoice *invoice = invoice_of(all, charged);
    const char *reference = reference_of(&network, invoice, "check_ins");
    int64_t line_net = charged->lines[0]->quantity * charged->lines[0]->price_cents;

    /* what it would do, and nothing is done */
    Passerelle__V1__CreditInvoiceRequest *request = line_of(&network, invoice->number, 1);
    uint64_t before = books_size(&network);
    request->dry_run = true;
    credited line = must_credit(&network, request);
    ck_assert_uint_eq(books_size(&network), before);
    ck_assert_uint_gt(line->visits, 0);
    ck_assert_int_eq(line->net_cents, line_net);
    ck_assert_str_eq(line->month, "2026-11");
    ck_assert_ptr_null(
        document_of(result(&network, "2026-11"), KIND(EMPLOYER), NULL, charged->buyer_id, true));

    /* one visit: once, whoever asks again; the same request has the same answer */
    request = visit_of(&network, invoice->number, reference);
    credited one = must_credit(&network, request);
    ck_assert_uint_eq(one->visits, 1);
    ck_assert_int_gt(one->net_cents, 0);
    stands_in(result(&network, "2026-11"), one);
    before = books_size(&network);
    ck_assert(wire_equal(&must_credit(&network, request)->base, &one->base));
    ck_assert_uint_eq(books_size(&network), before);
    refused(&network, visit_of(&network, invoice->number, reference), CODE_FAILED_PRECONDITION,
            "is credited already");

    /* the rest of its line, then the rest of the invoice; hosts, fees and subsidies follow */
    credited rest = must_credit(&network, line_of(&network, invoice->number, 1));
    ck_assert_int_eq(rest->net_cents + one->net_cents, line_net);
    ck_assert_uint_eq(rest->visits, line->visits - 1);
    refused(&network, line_of(&network, invoice->number, 1), CODE_FAILED_PRECONDITION, "line 1 of");
    credited whole = must_credit(&network, credit_of(&network, invoice->number));
    refused(&network, credit_of(&network, invoice->number), CODE_FAILED_PRECONDITION,
            "is credited already");
    ck_assert_int_eq(whole->net_cents + line_net, invoice->net_cents);
    bool host = false, fee = false;
    for (size_t i = 0; i < whole->n_documents; i++) {
        host = host || whole->documents[i]->kind == KIND(HOST);
        fee = fee || whole->documents[i]->kind == KIND(FEE);
    }
    ck_assert(host && fee);

    /* as the close then writes it: one credit note for all, which names the invoice */
    stands_in(result(&network, "2026-11"), whole);
    network.clock.now_utc_ms = 1796083200000; /* 2026-12-01 */
    must_close(&network, "2026-11");
    const Passerelle__V1__SettlementDocument *november = result(&network, "2026-11");
    stands_in(november, whole);
    const Passerelle__V1__Document *note =
        document_of(november, KIND(EMPLOYER), charged->seller_member_id, charged->buyer_id, true);
    ck_assert_ptr_nonnull(note);
    const Passerelle__V1__Invoice *credit = invoice_of(invoices(&network, "2026-11"), note);
    ck_assert_uint_eq(credit->type_code, 381);
    ck_assert_int_eq(credit->gross_cents, invoice->gross_cents);
    ck_assert_uint_eq(credit->n_preceding, 1);
    ck_assert_str_eq(credit->preceding[0], invoice->number);
    refused(&network, credit_of(&network, invoice->number), CODE_FAILED_PRECONDITION,
            "is credited already");
    refused(&network, credit_of(&network, credit->number), CODE_FAILED_PRECONDITION,
            "is a credit note");
    network_check(&network);
    network_release(&network);
}
END_TEST

/* A host's invoice by the ids of its visits; a dispute that somebody opened ends with it. */
START_TEST(of_a_host)
{
    static struct network network;
    begin(&network, 5);
    const Passerelle__V1__ListInvoicesResponse *all = invoices(&network, "2026-10");
    const Passerelle__V1__SettlementDocument *october = result(&network, "2026-10");
    const Passerelle__V1__Document *host = NULL;
    for (size_t i = 0; i < october->n_documents && host == NULL; i++) {
        const Passerelle__V1__Document *one = october->documents[i];
        host = one->kind == KIND(HOST) && one->lines[0]->quantity >= 3 ? one : NULL;
    }
    ck_assert_ptr_nonnull(host);
    const Passerelle__V1__Invoice *invoice = invoice_of(all, host);
    const char *visit = reference_of(&network, invoice, "visits");
    Passerelle__V1__OpenDisputeRequest *open =
        network_new(&network, &passerelle__v1__open_dispute_request__descriptor);
    open->request_id = network_request_id(&network);
    open->feed_id = host->lines[0]->site_id;
    open->visit_id = text_of(&network, visit);
    open->reason = text_of(&network, "nobody came");
    const Passerelle__V1__OpenDisputeResponse *opened =
        network_must(&network, olive, "SettlementService", "OpenDispute", &open->base);
    uint64_t before = books_size(&network);
    credited said = must_credit(&network, visit_of(&network, invoice->number, visit));
    ck_assert_uint_eq(books_size(&network), before + 1); /* it is resolved, and none is opened */
    stands_in(result(&network, "2026-11"), said);
    Passerelle__V1__ResolveDisputeRequest *resolve =
        network_new(&network, &passerelle__v1__resolve_dispute_request__descriptor);
    resolve->request_id = network_request_id(&network);
    resolve->dispute_id = opened->dispute_id;
    resolve->outcome = PASSERELLE__V1__DISPUTE_OUTCOME__DISPUTE_OUTCOME_UPHELD;
    ck_assert_int_eq(
        network_call(&network, olive, "SettlementService", "ResolveDispute", &resolve->base)
            ->error.code,
        CODE_FAILED_PRECONDITION);

    /* a mistake: the visit stands again, and nothing is taken back */
    const struct recorded_stay *stays;
    size_t count, at = 0;
    stays = recorded_stays(&network, REFERENCE_DIR "/visits-2026-10.csv", &count);
    while (!view_is(stays[at].visit_id, visit)) {
        at++;
    }
    open->request_id = network_request_id(&network);
    opened = network_must(&network, olive, "SettlementService", "OpenDispute", &open->base);
    resolve->request_id = network_request_id(&network);
    resolve->dispute_id = opened->dispute_id;
    resolve->outcome = PASSERELLE__V1__DISPUTE_OUTCOME__DISPUTE_OUTCOME_CORRECTED;
    ck_assert_int_eq(instant_parse(stays[at].check_in, &resolve->in_utc_ms), E_OK);
    network_must(&network, olive, "SettlementService", "ResolveDispute", &resolve->base);
    ck_assert_ptr_null(document_of(result(&network, "2026-11"), KIND(HOST), NULL, NULL, true));
    must_credit(&network, visit_of(&network, invoice->number, visit));

    /* between its two halves somebody else credits it: the second looks again */
    Passerelle__V1__CreditInvoiceRequest *request = line_of(&network, invoice->number, 1);
    Passerelle__V1__CreditInvoiceRequest *other = line_of(&network, invoice->number, 1);
    struct call *call =
        network_prepare(&network, olive, "SettlementService", "CreditInvoice", &request->base);
    ck_assert_ptr_nonnull(call->prepared);
    must_credit(&network, other);
    network_write(&network, call);
    ck_assert_int_eq(call->error.code, CODE_FAILED_PRECONDITION);
    ck_assert_ptr_nonnull(strstr(call->error.message, "is credited already"));
    network_check(&network);
    network_release(&network);
}
END_TEST

int main(void)
{
    olive = network_who(ROLE_OPERATOR, "olive");
    Suite *suite = suite_create("crediting");
    TCase *tcase = tcase_create("crediting");
    tcase_set_timeout(tcase, 100);
    tcase_add_test(tcase, refusals);
    tcase_add_test(tcase, in_parts);
    tcase_add_test(tcase, of_a_host);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
