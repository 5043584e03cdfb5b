/* One invoice: what it says, or one of its forms as it is. */
#include "cli/commands.h"
#include "cli/table.h"
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
