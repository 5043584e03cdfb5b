/* The rules of a FEC, applied to a file that lies here, whoever wrote it. Asks no hub. */
#include "cli/commands.h"
#include "core/fec/check.h"
#include "wire/json.h"

enum { FILE_BYTES_MAX = 1024 * 1024 * 1024, SHOWN_MAX = 1000 };

struct telling {
    const char *path;
    size_t count;
    bool json;
    struct buf out; /* --json: the findings */
};

static void tell(void *context, const struct fec_finding *finding)
{
    struct telling *t = context;
    const char *rule = fec_rule_name(finding->rule);
    if (t->count++ >= SHOWN_MAX) {
        return;
    }
    if (t->json) {
        buf_printf(&t->out, "%s{\"line\":%zu,\"rule\":\"%s\",\"text\":", t->count == 1 ? "" : ",",
                   finding->line, rule);
        json_write_string(&t->out, view_of(finding->text));
        buf_byte(&t->out, '}');
    } else if (finding->line > 0) {
        printf("%s:%zu: %s: %s\n", t->path, finding->line, rule, finding->text);
    } else {
        printf("%s: %s: %s\n", t->path, rule, finding->text);
    }
}

static void summary(const struct telling *t, const struct fec_report *report)
{
    char debits[32];
    char credits[32];
    cents_format(report->debits, debits);
    cents_format(report->credits, credits);
    if (t->json) {
        printf("{\"lines\":%zu,\"entries\":%zu,\"debitCents\":\"%lld\",\"creditCents\":\"%lld\","
               "\"breaches\":%zu,\"findings\":[%.*s]}\n",
               report->lines, report->entries, (long long)report->debits.cents,
               (long long)report->credits.cents, report->findings, VIEW_FMT(buf_content(&t->out)));
        return;
    }
    if (report->findings > SHOWN_MAX) {
        printf("... and %zu more\n", report->findings - SHOWN_MAX);
    }
    printf("%zu lines, %zu entries, debits %s EUR, credits %s EUR: ", report->lines,
           report->entries, debits, credits);
    if (report->findings == 0) {
        puts("nothing is wrong.");
    } else {
        printf("%zu %s.\n", report->findings,
               report->findings == 1 ? "breach of the rules" : "breaches of the rules");
    }
}

int cmd_fec_check(struct cli *cli, const struct command *command, int argc, char **argv)
{
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 1) {
        return status != CLI_OK ? status : cli_usage(command, "give one file");
    }
    struct buf file = BUF_INIT;
    struct fec_report report;
    struct telling telling = {.path = argv[0], .json = cli->json};
    const char *slash = strrchr(argv[0], '/');
    if (cli_add_file(argv[0], FILE_BYTES_MAX, &file)) {
        fec_check(buf_content(&file), view_of(slash == NULL ? argv[0] : slash + 1), tell, &telling,
                  &report);
        summary(&telling, &report);
        status = report.findings == 0 ? CLI_OK : CLI_REFUSED;
    } else {
        status = CLI_FAILED;
    }
    buf_release(&telling.out);
    buf_release(&file);
    return status;
}
