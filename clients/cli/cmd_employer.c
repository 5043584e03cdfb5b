/* What human resources do with files. */
#include "cli/commands.h"
#include "cli/table.h"

#include "core/csv/csv.h"
#include "passerelle/v1/employer.pb-c.h"
#include "passerelle/v1/pass.pb-c.h"
#include "wire/json.h"
#include "wire/pack.h"

int cmd_holder_import(struct cli *cli, const struct command *command, int argc, char **argv)
{
    bool dry = cli_option(&argc, argv, "--dry-run", NULL);
    int status = cli_options_end(command, argc, argv);
    struct view csv;
    if (status != CLI_OK || argc != 2) {
        return status != CLI_OK ? status : cli_usage(command, "an employer and a file are needed");
    }
    if (!cli_read_file(cli, argv[1], 16 * 1024 * 1024, &csv)) {
        return CLI_FAILED;
    }
    Passerelle__V1__ImportHoldersRequest *request =
        wire_new(&cli->arena, &passerelle__v1__import_holders_request__descriptor);
    request->request_id = cli_request_id(cli);
    request->employer_id = wire_string(&cli->arena, view_of(argv[0]));
    request->csv = wire_bytes(csv);
    request->dry_run = dry;
    const Passerelle__V1__ImportHoldersResponse *response =
        cli_call(cli, "EmployerService", "ImportHolders", &request->base,
                 &passerelle__v1__import_holders_response__descriptor, &status);
    if (response == NULL) {
        return status;
    }
    const Passerelle__V1__ImportTableResponse *report = response->report;
    if (cli->json) {
        cli_print_json(&response->base);
        return report->done ? CLI_OK : CLI_REFUSED;
    }
    for (size_t i = 0; i < report->n_reports; i++) {
        fprintf(stderr, "%s:%u: %s\n", argv[1], report->reports[i]->line,
                report->reports[i]->problem);
    }
    printf("%u lines: %u added, %u changed, %u unchanged, %u refused%s\n", report->lines,
           report->added, report->changed, report->unchanged, report->refused,
           dry || !report->done ? "; nothing was recorded" : "");
    return report->done ? CLI_OK : CLI_REFUSED;
}

/* The file is what `employer policy --json` prints: the whole policy, or {"rules": [...]}. */
int cmd_employer_policy_set(struct cli *cli, const struct command *command, int argc, char **argv)
{
    int status = cli_options_end(command, argc, argv);
    struct view json;
    if (status != CLI_OK || argc != 2) {
        return status != CLI_OK ? status : cli_usage(command, "an employer and a file are needed");
    }
    if (!cli_read_file(cli, argv[1], 1024 * 1024, &json)) {
        return CLI_FAILED;
    }
    /* The answer of GetEmployerPolicy has the policy in a field of that name. */
    struct fault fault = FAULT_NONE, other = FAULT_NONE;
    ProtobufCMessage *read = NULL;
    Passerelle__V1__EmployerPolicy *policy = NULL;
    if (json_read(&passerelle__v1__get_employer_policy_response__descriptor, json,
                  &wire_limits_request, &cli->arena, &read, &other) == E_OK) {
        policy = ((Passerelle__V1__GetEmployerPolicyResponse *)(void *)read)->policy;
    }
    if (policy == NULL && json_read(&passerelle__v1__employer_policy__descriptor, json,
                                    &wire_limits_request, &cli->arena, &read, &fault) == E_OK) {
        policy = (Passerelle__V1__EmployerPolicy *)(void *)read;
    }
    if (policy == NULL) {
        return cli_fail(CLI_REFUSED, "%s: %s", argv[1], fault.text);
    }
    if (policy->employer_id[0] != '\0' && strcmp(policy->employer_id, argv[0]) != 0) {
        return cli_fail(CLI_REFUSED, "%s: this is the policy of %s, not of %s", argv[1],
                        policy->employer_id, argv[0]);
    }
    Passerelle__V1__SetEmployerPolicyRequest *request =
        wire_new(&cli->arena, &passerelle__v1__set_employer_policy_request__descriptor);
    request->request_id = cli_request_id(cli);
    request->policy = policy;
    policy->employer_id = wire_string(&cli->arena, view_of(argv[0]));
    const void *response =
        cli_call(cli, "EmployerService", "SetEmployerPolicy", &request->base,
                 &passerelle__v1__set_employer_policy_response__descriptor, &status);
    if (response == NULL) {
        return status;
    }
    if (cli->json) {
        puts("{}");
    } else {
        printf("%s: %zu rules\n", argv[0], policy->n_rules);
    }
    return CLI_OK;
}

static void print_issued(const Passerelle__V1__IssuedPass *issued)
{
    struct buf line = BUF_INIT;
    struct view fields[] = {
        view_of(issued->pass->holder_id), view_of(issued->pass->pass_id),
        view_of(issued->pass->number),    view_of(issued->activation_code),
        view_of(issued->token),
    };
    csv_write_row(&line, fields, ARRAY_LEN(fields));
    fwrite(line.data, 1, line.len, stdout);
    buf_release(&line);
}

/* Codes are shown once: each part is printed before the next is asked for. */
int cmd_pass_issue(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *employer = "";
    bool dry = cli_option(&argc, argv, "--dry-run", NULL);
    cli_option(&argc, argv, "--employer", &employer);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK) {
        return status;
    }
    uint64_t done = 0;
    uint32_t remaining = 1;
    bool headed = false;
    while (remaining > 0) {
        Passerelle__V1__IssuePassesRequest *request =
            wire_new(&cli->arena, &passerelle__v1__issue_passes_request__descriptor);
        request->request_id = cli_request_id(cli);
        request->employer_id = wire_string(&cli->arena, view_of(employer));
        request->holder_ids = argv;
        request->n_holder_ids = (size_t)argc;
        request->dry_run = dry;
        request->limit = 250;
        const Passerelle__V1__IssuePassesResponse *response =
            cli_call(cli, "PassService", "IssuePasses", &request->base,
                     &passerelle__v1__issue_passes_response__descriptor, &status);
        if (response == NULL) {
            return status;
        }
        if (!headed && !cli->json) {
            puts("holder_id,pass_id,number,activation_code,card_token");
            headed = true;
        }
        if (cli->json) {
            cli_print_json_line(&response->base);
        }
        for (size_t i = 0; i < response->n_passes && !cli->json; i++) {
            print_issued(response->passes[i]);
        }
        if (fflush(stdout) != 0) {
            return cli_fail(CLI_FAILED, "the output could not be written; the codes of this part "
                                        "are lost: pass renew gives new ones");
        }
        done += response->n_passes;
        remaining = dry ? 0 : response->remaining;
        cli_progress(cli, "issuing", done, done + remaining);
    }
    cli_progress_end(cli);
    return CLI_OK;
}

int cmd_usage(struct cli *cli, const struct command *command, int argc, char **argv)
{
    bool csv = cli_option(&argc, argv, "--csv", NULL);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 2) {
        return status != CLI_OK ? status : cli_usage(command, "an employer and a month are needed");
    }
    Passerelle__V1__GetUsageRequest *request =
        wire_new(&cli->arena, &passerelle__v1__get_usage_request__descriptor);
    request->employer_id = wire_string(&cli->arena, view_of(argv[0]));
    request->month = wire_string(&cli->arena, view_of(argv[1]));
    const Passerelle__V1__GetUsageResponse *response =
        cli_call(cli, "EmployerService", "GetUsage", &request->base,
                 &passerelle__v1__get_usage_response__descriptor, &status);
    if (response == NULL) {
        return status;
    }
    if (cli->json) {
        cli_print_json(&response->base);
        return CLI_OK;
    }
    static const char *const titles[] = {"holder_id",  "cost_centre", "half_days",    "days",
                                         "room_hours", "units_used",  "charged_cents"};
    struct table table;
    table_init(&table, ARRAY_LEN(titles));
    for (size_t i = 0; i < ARRAY_LEN(titles); i++) {
        table_add(&table, csv ? titles[i] : table_title(&table.arena, titles[i]));
    }
    for (size_t i = 0; i < response->n_holders; i++) {
        const Passerelle__V1__HolderUsage *use = response->holders[i];
        table_add(&table, use->holder_id);
        table_add(&table, use->cost_centre);
        table_add_number(&table, use->half_days);
        table_add_number(&table, use->days);
        table_add_number(&table, use->room_hours);
        table_add_number(&table, use->units_used);
        if (csv) {
            table_add_number(&table, use->charged_cents);
        } else {
            table_add_cents(&table, use->charged_cents);
        }
    }
    if (csv) {
        struct buf text = BUF_INIT;
        for (size_t row = 0; row < table.rows / table.columns; row++) {
            struct view fields[ARRAY_LEN(titles)];
            for (size_t i = 0; i < ARRAY_LEN(titles); i++) {
                fields[i] = view_of(table.cells[row * table.columns + i]);
            }
            csv_write_row(&text, fields, ARRAY_LEN(fields));
        }
        fwrite(text.data, 1, text.len, stdout);
        buf_release(&text);
    } else {
        table_print(&table, stdout);
        printf("%s\n", response->closed ? "billed" : "the month is open: figures may change");
    }
    table_release(&table);
    return CLI_OK;
}
