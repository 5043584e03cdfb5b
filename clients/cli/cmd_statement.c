/* What a party is told of a month, as a page, for a spreadsheet or for a program. */

#include "cli/commands.h"
#include "crypt/sha256.h"
#include "passerelle/v1/stats.pb-c.h"
#include "wire/pack.h"

#define FORMAT(name) PASSERELLE__V1__STATEMENT_FORMAT__STATEMENT_FORMAT_##name

static bool ends_with(const char *path, const char *suffix)
{
    size_t len = path == NULL ? 0 : strlen(path);
    size_t tail = strlen(suffix);
    return len > tail && strcmp(path + len - tail, suffix) == 0;
}

/* By option, else by the name of the file, else a page. */
static bool format_take(int *argc, char **argv, const char *path, bool json,
                        Passerelle__V1__StatementFormat *out)
{
    bool html = cli_option(argc, argv, "--html", NULL);
    bool csv = cli_option(argc, argv, "--csv", NULL);
    *out = csv                        ? FORMAT(CSV)
           : json                     ? FORMAT(JSON)
           : html                     ? FORMAT(HTML)
           : ends_with(path, ".csv")  ? FORMAT(CSV)
           : ends_with(path, ".json") ? FORMAT(JSON)
                                      : FORMAT(HTML);
    return html + csv + json <= 1;
}

/* All parts; what they are of may change in between: then again. */
static int fetch(struct cli *cli, Passerelle__V1__GetStatementRequest *request, struct buf *out)
{
    enum { TRIES = 3 };
    int status = CLI_OK;
    for (int tries = 0; tries < TRIES; tries++) {
        const Passerelle__V1__GetStatementResponse *part;
        uint8_t hash[SHA256_LEN];
        buf_clear(out);
        do {
            request->offset = out->len;
            part = cli_call(cli, "StatsService", "GetStatement", &request->base,
                            &passerelle__v1__get_statement_response__descriptor, &status);
            if (part == NULL) {
                return status;
            }
            buf_view(out, wire_view(part->content));
            cli_progress(cli, part->name, out->len, part->size + 1);
        } while (part->content.len > 0 && out->len < part->size);
        cli_progress_end(cli);
        sha256(buf_content(out), hash);
        if (view_equal(view_bytes(hash, sizeof hash), wire_view(part->sha256))) {
            return CLI_OK;
        }
    }
    return cli_fail(CLI_FAILED, "the statement changed while it was read: try again");
}

int cmd_statement(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *path = NULL;
    Passerelle__V1__StatementFormat format;
    const char *of = command->name + strlen("statement ");
    bool region = strcmp(of, "region") == 0;
    if (!cli_option(&argc, argv, "-o", &path)) {
        cli_option(&argc, argv, "--out", &path);
    }
    bool one = format_take(&argc, argv, path, cli->json, &format);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != (region ? 1 : 2) || !one) {
        return status != CLI_OK ? status
               : !one           ? cli_usage(command, "one of --html, --csv and --json")
                                : cli_usage(command, "whose, and which month?");
    }
    Passerelle__V1__GetStatementRequest *request =
        wire_new(&cli->arena, &passerelle__v1__get_statement_request__descriptor);
    char *id = wire_string(&cli->arena, region ? VIEW_NONE : view_of(argv[0]));
    request->month = wire_string(&cli->arena, view_of(argv[region ? 0 : 1]));
    request->format = format;
    if (strcmp(of, "member") == 0) {
        request->member_id = id;
    } else if (strcmp(of, "employer") == 0) {
        request->employer_id = id;
    } else if (strcmp(of, "site") == 0) {
        request->site_id = id;
    }
    struct buf file = BUF_INIT;
    status = fetch(cli, request, &file);
    if (status == CLI_OK) {
        status = cli_write_file(path, buf_content(&file));
    }
    buf_release(&file);
    return status;
}
