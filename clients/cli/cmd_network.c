/* Whole tables in and out. */
#include "cli/commands.h"

#include <unistd.h>

#include "passerelle/v1/network.pb-c.h"
#include "wire/pack.h"
#include "wire/reflect.h"

enum { TABLE_BYTES_MAX = 16 * 1024 * 1024 };

/* In the order in which one needs the other. */
static const struct {
    const char *name;
    Passerelle__V1__Table table;
    bool may_lack;
} tables[] = {
    {"members", PASSERELLE__V1__TABLE__TABLE_MEMBERS, false},
    {"tariffs", PASSERELLE__V1__TABLE__TABLE_TARIFFS, false},
    {"sites", PASSERELLE__V1__TABLE__TABLE_SITES, false},
    {"stops", PASSERELLE__V1__TABLE__TABLE_STOPS, true},
    {"employers", PASSERELLE__V1__TABLE__TABLE_EMPLOYERS, false},
    {"plans", PASSERELLE__V1__TABLE__TABLE_PLANS, false},
    {"carnets", PASSERELLE__V1__TABLE__TABLE_CARNETS, true},
    {"holders", PASSERELLE__V1__TABLE__TABLE_HOLDERS, false},
    {"visits", PASSERELLE__V1__TABLE__TABLE_VISITS, true},
};
enum { TABLE_VISITS_ROW = ARRAY_LEN(tables) - 1 };

static int report(const char *path, const Passerelle__V1__ImportTableResponse *response, bool dry)
{
    for (size_t i = 0; i < response->n_reports; i++) {
        fprintf(stderr, "%s:%u: %s\n", path, response->reports[i]->line,
                response->reports[i]->problem);
    }
    if (response->refused > response->n_reports) {
        fprintf(stderr, "... and %zu more\n", response->refused - response->n_reports);
    }
    printf("%s: %u lines: %u added, %u changed, %u unchanged, %u refused%s\n", path,
           response->lines, response->added, response->changed, response->unchanged,
           response->refused, dry || !response->done ? "; nothing was recorded" : "");
    if (response->approval_id[0] != '\0') {
        fprintf(stderr, "Changed IBANs wait for a second operator, who imports the same file.\n");
        return CLI_WAITS;
    }
    return response->done ? CLI_OK : CLI_REFUSED;
}

static int import_one(struct cli *cli, const char *path, Passerelle__V1__Table table, bool dry)
{
    Passerelle__V1__ImportTableRequest *request =
        wire_new(&cli->arena, &passerelle__v1__import_table_request__descriptor);
    struct view csv;
    int status = CLI_FAILED;
    if (!cli_read_file(cli, path, TABLE_BYTES_MAX, &csv)) {
        return status;
    }
    request->request_id = cli_request_id(cli);
    request->table = table;
    request->csv = wire_bytes(csv);
    request->dry_run = dry;
    const Passerelle__V1__ImportTableResponse *response =
        cli_call(cli, "NetworkService", "ImportTable", &request->base,
                 &passerelle__v1__import_table_response__descriptor, &status);
    if (response == NULL) {
        return status;
    }
    if (cli->json) {
        cli_print_json(&response->base);
        return response->done ? CLI_OK : CLI_REFUSED;
    }
    return report(path, response, dry);
}

int cmd_network_import(struct cli *cli, const struct command *command, int argc, char **argv)
{
    bool dry = cli_option(&argc, argv, "--dry-run", NULL);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc < 1 || argc > 2) {
        return status != CLI_OK ? status
                                : cli_usage(command, "a folder, or a table and a file, are needed");
    }
    if (argc == 2) {
        for (size_t i = 0; i < TABLE_VISITS_ROW; i++) {
            if (strcmp(tables[i].name, argv[0]) == 0) {
                return import_one(cli, argv[1], tables[i].table, dry);
            }
        }
        return cli_usage(command, "there is no table '%s' to import (visits: visit import)",
                         argv[0]);
    }
    for (size_t i = 0; i < TABLE_VISITS_ROW && status == CLI_OK; i++) {
        char *path = arena_printf(&cli->arena, "%s/%s.csv", argv[0], tables[i].name);
        if (tables[i].may_lack && access(path, F_OK) != 0) {
            continue;
        }
        cli_progress(cli, tables[i].name, i, TABLE_VISITS_ROW);
        status = import_one(cli, path, tables[i].table, dry);
        /* A dry run of an empty network cannot see what an earlier file would have brought. */
    }
    cli_progress_end(cli);
    return status;
}

int cmd_network_export(struct cli *cli, const struct command *command, int argc, char **argv)
{
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc < 1 || argc > 2) {
        return status != CLI_OK ? status : cli_usage(command, "which table?");
    }
    Passerelle__V1__ExportTableRequest *request =
        wire_new(&cli->arena, &passerelle__v1__export_table_request__descriptor);
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        if (strcmp(tables[i].name, argv[0]) == 0) {
            request->table = tables[i].table;
        }
    }
    if (request->table == PASSERELLE__V1__TABLE__TABLE_UNSPECIFIED) {
        return cli_usage(command, "there is no table '%s'", argv[0]);
    }
    request->month = argc == 2 ? wire_string(&cli->arena, view_of(argv[1])) : request->month;
    const Passerelle__V1__ExportTableResponse *response =
        cli_call(cli, "NetworkService", "ExportTable", &request->base,
                 &passerelle__v1__export_table_response__descriptor, &status);
    if (response == NULL) {
        return status;
    }
    size_t written = fwrite(response->csv.data, 1, response->csv.len, stdout);
    return written == response->csv.len ? CLI_OK
                                        : cli_fail(CLI_FAILED, "the output could not be written");
}

/* Starts from the policy in force, since the service takes the whole. */
int cmd_policy_set(struct cli *cli, const struct command *command, int argc, char **argv)
{
    int status = CLI_FAILED;
    const Passerelle__V1__GetPolicyRequest *ask =
        wire_new(&cli->arena, &passerelle__v1__get_policy_request__descriptor);
    const Passerelle__V1__GetPolicyResponse *now =
        cli_call(cli, "NetworkService", "GetPolicy", &ask->base,
                 &passerelle__v1__get_policy_response__descriptor, &status);
    if (now == NULL) {
        return status;
    }
    /* Each field of the policy that is not named goes in as an option with its present value. */
    const ProtobufCMessage *policy = &now->policy->base;
    char **words =
        ARENA_ARRAY(&cli->arena, (size_t)argc + 2 * policy->descriptor->n_fields, char *);
    int count = 0;
    for (unsigned i = 0; i < policy->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &policy->descriptor->fields[i];
        int64_t value = 0;
        memcpy(&value, field_member_const(policy, field), field_size(field));
        const char *word = field->type == PROTOBUF_C_TYPE_BOOL ? (value != 0 ? "yes" : "no")
                           : field->type == PROTOBUF_C_TYPE_ENUM
                               ? enum_name(field->descriptor, (int32_t)value)
                               : arena_printf(&cli->arena, "%lld", (long long)value);
        words[count++] = arena_printf(&cli->arena, "--%s", field->name);
        words[count++] = arena_string(&cli->arena, view_of(word));
    }
    memcpy(&words[count], argv, (size_t)argc * sizeof *argv);
    struct command generic = *command;
    generic.service = "NetworkService";
    generic.method = "SetPolicy";
    generic.input = &passerelle__v1__set_policy_request__descriptor;
    generic.output = &passerelle__v1__set_policy_response__descriptor;
    generic.record = "policy";
    generic.positional = "";
    return command_run_generic(cli, &generic, count + argc, words);
}
