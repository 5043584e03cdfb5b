/* A month, for a treasurer: where it stands, what blocks it, who gets and who pays. As JSON it has
 * exactly the shape that RULES gives a result, so that two computations can be compared. */
#include "cli/commands.h"
#include "cli/table.h"

#include "core/close/result_json.h"
#include "passerelle/v1/settlement.pb-c.h"
#include "wire/pack.h"

enum { SHOWN_MAX = 12 };

static void print_counts(const Passerelle__V1__SettlementDocument *d)
{
    printf("%u stays, %u visit-days (%u half-days, %u days), %u room hours, %u units used\n",
           d->stays, d->visit_days, d->half_days, d->days, d->room_hours, d->units_used);
    printf("closed by the clock %u, cut short %u, under five minutes %u, outside validity %u, "
           "overdraft %u\n",
           d->auto_closed, d->cut_short, d->grace, d->outside_validity, d->overdraft);
    for (size_t i = 0; i < d->n_revised_months; i++) {
        printf("%s was rated again: what changed stands under its own month\n",
               d->revised_months[i]);
    }
}

static void print_documents(const Passerelle__V1__SettlementDocument *d)
{
    static const char *const titles[] = {"", "employer invoices", "host invoices", "fee invoices",
                                         "subsidy statements"};
    struct table table;
    table_init(&table, 4);
    table_add(&table, "documents");
    table_add(&table, "number");
    table_add(&table, "net");
    table_add(&table, "gross");
    for (size_t kind = 1; kind < ARRAY_LEN(titles); kind++) {
        int64_t sums[3] = {0};
        for (size_t i = 0; i < d->n_documents; i++) {
            if ((size_t)d->documents[i]->kind == kind) {
                sums[0]++;
                sums[1] += d->documents[i]->net_cents;
                sums[2] += d->documents[i]->gross_cents;
            }
        }
        table_add(&table, titles[kind]);
        table_add_number(&table, sums[0]);
        table_add_cents(&table, sums[1]);
        table_add_cents(&table, sums[2]);
    }
    table_print(&table, stdout);
    table_release(&table);
}

static int by_size(const void *a, const void *b)
{
    const Passerelle__V1__Position *left = *(Passerelle__V1__Position *const *)a;
    const Passerelle__V1__Position *right = *(Passerelle__V1__Position *const *)b;
    int64_t l = left->cents < 0 ? -left->cents : left->cents;
    int64_t r = right->cents < 0 ? -right->cents : right->cents;
    return (l < r) - (l > r) != 0 ? (l < r) - (l > r) : strcmp(left->member_id, right->member_id);
}

static void print_positions(struct cli *cli, const Passerelle__V1__SettlementDocument *d)
{
    Passerelle__V1__Position **sorted =
        ARENA_ARRAY(&cli->arena, d->n_positions, Passerelle__V1__Position *);
    int64_t sum = 0;
    for (size_t i = 0; i < d->n_positions; i++) {
        sorted[i] = d->positions[i];
        sum += d->positions[i]->cents;
    }
    qsort(sorted, d->n_positions, sizeof *sorted, by_size);
    printf("\nNet positions, the largest of %zu (positive: gets money; the sum of all is ",
           d->n_positions);
    char text[32];
    cents_format(CENTS(sum), text);
    printf("%s)\n", text);
    struct table table;
    table_init(&table, 2);
    table_add(&table, "member");
    table_add(&table, "EUR");
    for (size_t i = 0; i < d->n_positions && i < SHOWN_MAX; i++) {
        table_add(&table, sorted[i]->member_id);
        table_add_cents(&table, sorted[i]->cents);
    }
    table_print(&table, stdout);
    table_release(&table);
    cents_format(CENTS(d->paid_cents), text);
    printf("%zu transfers move %s EUR; %zu position%s carried over to the next month\n",
           d->n_transfers, text, d->n_carried, d->n_carried == 1 ? " is" : "s are");
}

void period_print(struct cli *cli, const Passerelle__V1__SettlementDocument *document)
{
    print_counts(document);
    putchar('\n');
    print_documents(document);
    print_positions(cli, document);
}

/* How far the payments of a closed month are. */
static void print_payments(struct cli *cli, const char *month)
{
    const ProtobufCEnumDescriptor *states = &passerelle__v1__payment_state__descriptor;
    int64_t counts[8] = {0};
    int64_t sums[8] = {0};
    int status = CLI_OK;
    Passerelle__V1__ListPaymentsRequest *request =
        wire_new(&cli->arena, &passerelle__v1__list_payments_request__descriptor);
    request->month = wire_string(&cli->arena, view_of(month));
    const Passerelle__V1__ListPaymentsResponse *response =
        cli_call(cli, "SettlementService", "ListPayments", &request->base,
                 &passerelle__v1__list_payments_response__descriptor, &status);
    for (size_t i = 0; response != NULL && i < response->n_payments; i++) {
        const Passerelle__V1__Payment *one = response->payments[i];
        bool moves = one->kind != PASSERELLE__V1__PAYMENT_KIND__PAYMENT_KIND_NETTED;
        if (moves && one->cents > 0 && (size_t)one->state < ARRAY_LEN(counts)) {
            counts[one->state]++;
            sums[one->state] += one->cents;
        }
    }
    printf("payments:");
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        char text[32];
        cents_format(CENTS(sums[i]), text);
        if (counts[i] > 0) {
            printf(" %lld %s (%s EUR)", (long long)counts[i],
                   table_enum_word(&cli->arena, states, (int32_t)i), text);
        }
    }
    putchar('\n');
}

int cmd_period_show(struct cli *cli, const struct command *command, int argc, char **argv)
{
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 1) {
        return status != CLI_OK ? status : cli_usage(command, "which month?");
    }
    Passerelle__V1__GetPeriodRequest *request =
        wire_new(&cli->arena, &passerelle__v1__get_period_request__descriptor);
    request->month = wire_string(&cli->arena, view_of(argv[0]));
    const Passerelle__V1__GetPeriodResponse *response =
        cli_call(cli, "SettlementService", "GetPeriod", &request->base,
                 &passerelle__v1__get_period_response__descriptor, &status);
    if (response == NULL) {
        return status;
    }
    const Passerelle__V1__SettlementDocument *document = response->document;
    if (cli->json) {
        struct buf text = BUF_INIT;
        if (document != NULL) {
            document_json(document, &text);
            fwrite(text.data, 1, text.len, stdout);
        }
        buf_release(&text);
        return document != NULL ? CLI_OK : cli_fail(CLI_FAILED, "%s has no result yet", argv[0]);
    }
    printf("%s is %s\n", response->period->month,
           table_enum_word(&cli->arena, &passerelle__v1__period_state__descriptor,
                           (int32_t)response->period->state));
    for (size_t i = 0; i < response->period->n_blockers; i++) {
        printf("  blocked: %s\n", response->period->blockers[i]->description);
    }
    for (size_t i = 0; i < response->period->n_warnings; i++) {
        printf("  look first: %s\n", response->period->warnings[i]->description);
    }
    if (response->period->state >= PASSERELLE__V1__PERIOD_STATE__PERIOD_STATE_CLOSED) {
        print_payments(cli, argv[0]);
    }
    exposure_tell(cli);
    if (document != NULL) {
        period_print(cli, document);
    }
    return CLI_OK;
}
