/* One invoice: what it says, or one of its forms as it is; and what is taken back of it. */
#include "base/text.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "core/money/cents.h"
#include "wire/pack.h"

#define FORMAT(name) PASSERELLE__V1__INVOICE_FORMAT__INVOICE_FORMAT_##name

static bool format_parse(const char *word, Passerelle__V1__InvoiceFormat *out)
{
    static const struct {
        const char *word;
        Passerelle__V1__InvoiceFormat format;
    } words[] = {{"cii", FORMAT(CII)},
                 {"ubl", FORMAT(UBL)},
                 {"html", FORMAT(HTML)},
                 {"pdf", FORMAT(PDF)},
                 {"evidence", FORMAT(EVIDENCE)}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(words[i].word, word) == 0) {
            *out = words[i].format;
            return true;
        }
    }
    return false;
}

static void fields_print(struct cli *cli, const Passerelle__V1__Invoice *invoice)
{
    for (unsigned i = 0; i < invoice->base.descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &invoice->base.descriptor->fields[i];
        const char *value = field->type == PROTOBUF_C_TYPE_MESSAGE
                                ? ""
                                : table_value(&cli->arena, &invoice->base, field);
        if (value[0] != '\0') {
            printf("%-14s %s\n", table_title(&cli->arena, field->name), value);
        }
    }
}

int cmd_invoice_show(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *word = NULL;
    const char *path = NULL;
    Passerelle__V1__InvoiceFormat format = FORMAT(UNSPECIFIED);
    cli_option(&argc, argv, "--format", &word);
    cli_option(&argc, argv, "--out", &path);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 1) {
        return status != CLI_OK ? status : cli_usage(command, "which invoice?");
    }
    if (word != NULL && !format_parse(word, &format)) {
        return cli_usage(command, "there is no form '%s'", word);
    }
    if (word == NULL && path != NULL) {
        return cli_usage(command, "say with --format what to write to %s", path);
    }
    Passerelle__V1__GetInvoiceRequest *request =
        wire_new(&cli->arena, &passerelle__v1__get_invoice_request__descriptor);
    request->number = wire_string(&cli->arena, view_of(argv[0]));
    request->formats = &format;
    request->n_formats = word != NULL;
    const Passerelle__V1__GetInvoiceResponse *response =
        cli_call(cli, "SettlementService", "GetInvoice", &request->base,
                 &passerelle__v1__get_invoice_response__descriptor, &status);
    if (response == NULL || response->invoice == NULL) {
        return response == NULL ? status : CLI_FAILED;
    }
    const Passerelle__V1__Invoice *invoice = response->invoice;
    if (word != NULL) {
        return invoice->n_files == 0
                   ? cli_fail(CLI_FAILED, "%s is a pro forma, and no invoice: it has no XML",
                              argv[0])
                   : cli_write_file(path, wire_view(invoice->files[0]->content));
    }
    if (cli->json) {
        cli_print_json(&invoice->base);
    } else {
        fields_print(cli, invoice);
    }
    return CLI_OK;
}

/* ---- credit ---- */

static void credit_print(struct cli *cli, const Passerelle__V1__CreditInvoiceRequest *request,
                         const Passerelle__V1__CreditInvoiceResponse *response)
{
    static const char *const heads[] = {"document", "seller", "buyer", "net", "VAT", "gross"};
    struct table table;
    char text[32];
    cents_format(CENTS(response->net_cents), text);
    printf("%s of %s: %u visit%s, %s EUR net, in the close of %s%s\n",
           request->dry_run ? "would be credited" : "credited", request->number, response->visits,
           response->visits == 1 ? "" : "s", text, response->month,
           request->dry_run ? "; nothing was recorded" : "");
    printf("What that close then takes back or bills of earlier months, unless more comes:\n");
    table_init(&table, ARRAY_LEN(heads));
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        table_add(&table, heads[i]);
    }
    for (size_t i = 0; i < response->n_documents; i++) {
        const Passerelle__V1__Document *one = response->documents[i];
        table_add(&table, table_enum_word(&cli->arena, &passerelle__v1__document_kind__descriptor,
                                          (int32_t)one->kind));
        table_add(&table, one->seller_member_id);
        table_add(&table, one->buyer_id);
        table_add_cents(&table, one->net_cents);
        table_add_cents(&table, one->vat_cents);
        table_add_cents(&table, one->gross_cents);
    }
    table_print(&table, stdout);
    table_release(&table);
}

int cmd_invoice_credit(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *value = NULL;
    const char *reason = "";
    Passerelle__V1__CreditInvoiceRequest *request =
        wire_new(&cli->arena, &passerelle__v1__credit_invoice_request__descriptor);
    request->lines = ARENA_ARRAY(&cli->arena, (size_t)argc + 1, uint32_t);
    request->references = ARENA_ARRAY(&cli->arena, (size_t)argc + 1, char *);
    while (cli_option(&argc, argv, "--line", &value)) {
        uint64_t line;
        if (text_u64(view_of(value), &line) != E_OK || line == 0 || line > UINT32_MAX) {
            return cli_usage(command, "--line cannot be '%s': lines count from 1", value);
        }
        request->lines[request->n_lines++] = (uint32_t)line;
    }
    while (cli_option(&argc, argv, "--reference", &value)) {
        request->references[request->n_references++] = wire_string(&cli->arena, view_of(value));
    }
    request->dry_run = cli_option(&argc, argv, "--dry-run", NULL);
    cli_option(&argc, argv, "--reason", &reason);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 1) {
        return status != CLI_OK ? status : cli_usage(command, "which invoice?");
    }
    request->request_id = cli_request_id(cli);
    request->number = wire_string(&cli->arena, view_of(argv[0]));
    request->reason = wire_string(&cli->arena, view_of(reason));
    const Passerelle__V1__CreditInvoiceResponse *response =
        cli_call(cli, "SettlementService", "CreditInvoice", &request->base,
                 &passerelle__v1__credit_invoice_response__descriptor, &status);
    if (response != NULL && cli->json) {
        cli_print_json(&response->base);
    } else if (response != NULL) {
        credit_print(cli, request, response);
    }
    return status;
}
