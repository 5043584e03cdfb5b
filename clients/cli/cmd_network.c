/* Whole tables in and out. */
#include "cli/commands.h"

#include <unistd.h>

#include "core/records/memory.h"
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

static int show(struct cli *cli, const char *path,
                const Passerelle__V1__ImportTableResponse *response, bool dry)
{
    if (cli->json) {
        cli_print_json(&response->base);
        return response->approval_id[0] != '\0' ? CLI_WAITS
               : response->done                ? CLI_OK
                                               : CLI_REFUSED;
    }
    return report(path, response, dry);
}

static const Passerelle__V1__ImportTableResponse *import_call(struct cli *cli, struct view csv,
                                                              Passerelle__V1__Table table, bool dry,
                                                              int *status)
{
    Passerelle__V1__ImportTableRequest *request =
        wire_new(&cli->arena, &passerelle__v1__import_table_request__descriptor);
    request->request_id = cli_request_id(cli);
    request->table = table;
    request->csv = wire_bytes(csv);
    request->dry_run = dry;
    return cli_call(cli, "NetworkService", "ImportTable", &request->base,
                    &passerelle__v1__import_table_response__descriptor, status);
}

int network_import_file(struct cli *cli, const char *path, Passerelle__V1__Table table, bool dry)
{
    struct view csv;
    int status = CLI_FAILED;
    if (!cli_read_file(cli, path, TABLE_BYTES_MAX, &csv)) {
        return status;
    }
    const Passerelle__V1__ImportTableResponse *response =
        import_call(cli, csv, table, dry, &status);
    return response == NULL ? status : show(cli, path, response, dry);
}

static const Passerelle__V1__ExportTableResponse *
export_call(struct cli *cli, Passerelle__V1__Table table, const char *month, int *status)
{
    Passerelle__V1__ExportTableRequest *request =
        wire_new(&cli->arena, &passerelle__v1__export_table_request__descriptor);
    request->table = table;
    request->month = wire_string(&cli->arena, view_of(month));
    return cli_call(cli, "NetworkService", "ExportTable", &request->base,
                    &passerelle__v1__export_table_response__descriptor, status);
}

/* ---- a folder ---- */

/* The hub looks at one file at a time: it cannot see what an earlier file of the folder will bring.
 * Where it objects, the file is read again over a copy of the network that has the earlier ones. */
struct folder {
    const char *paths[ARRAY_LEN(tables)]; /* NULL: not there */
    struct view files[ARRAY_LEN(tables)];
    bool copied;
    struct memory copy;
};

static bool copy_take(struct cli *cli, struct folder *folder, size_t i, struct view csv,
                      Passerelle__V1__ImportTableResponse *response)
{
    struct table_reading reading;
    struct fault fault = FAULT_NONE;
    if (memory_take(&folder->copy, tables[i].table, csv, &reading, &fault) != E_OK) {
        return false;
    }
    response->lines = (uint32_t)reading.count;
    response->added = (uint32_t)reading.added;
    response->changed = (uint32_t)reading.changed;
    response->unchanged = (uint32_t)reading.unchanged;
    response->refused = (uint32_t)reading.refused;
    response->done = reading.refused == 0;
    response->reports =
        ARENA_ARRAY(&cli->arena, reading.count + 1, Passerelle__V1__LineReport *);
    for (size_t k = 0; k < reading.count; k++) {
        const struct table_line *line = &reading.lines[k];
        if (line->problem[0] != '\0') {
            Passerelle__V1__LineReport *told =
                wire_new(&cli->arena, &passerelle__v1__line_report__descriptor);
            told->line = (uint32_t)line->line;
            told->verdict = line->verdict;
            told->subject = wire_string(&cli->arena, view_of(line->subject));
            told->problem = wire_string(&cli->arena, view_of(line->problem));
            response->reports[response->n_reports++] = told;
        }
    }
    return true;
}

/* The network as the hub has it, then the files before `end`. */
static int copy_make(struct cli *cli, struct folder *folder, size_t end)
{
    int status = CLI_OK;
    for (size_t i = 0; i < TABLE_VISITS_ROW; i++) {
        const Passerelle__V1__ExportTableResponse *now =
            export_call(cli, tables[i].table, "", &status);
        Passerelle__V1__ImportTableResponse ignored;
        if (now == NULL) {
            return status;
        }
        copy_take(cli, folder, i, wire_view(now->csv), &ignored);
    }
    for (size_t i = 0; i < end; i++) {
        Passerelle__V1__ImportTableResponse ignored;
        if (folder->paths[i] != NULL) {
            copy_take(cli, folder, i, folder->files[i], &ignored);
        }
    }
    folder->copied = true;
    return CLI_OK;
}

/* What file `i` would do after those before it. NULL after it said why there is no answer. */
static const Passerelle__V1__ImportTableResponse *look(struct cli *cli, struct folder *folder,
                                                       size_t i, int *status)
{
    const Passerelle__V1__ImportTableResponse *response =
        import_call(cli, folder->files[i], tables[i].table, true, status);
    if (response == NULL) {
        return NULL;
    }
    if (!response->done && !folder->copied) {
        *status = copy_make(cli, folder, i);
        if (*status != CLI_OK) {
            return NULL;
        }
    }
    if (folder->copied) {
        Passerelle__V1__ImportTableResponse *ours =
            wire_new(&cli->arena, &passerelle__v1__import_table_response__descriptor);
        if (copy_take(cli, folder, i, folder->files[i], ours) && !response->done) {
            return ours;
        }
    }
    return response;
}

/* Looks at all files before the first is recorded, so that a folder goes in whole or not at all. */
static int import_folder(struct cli *cli, struct folder *folder, const char *dir, bool dry)
{
    int status = CLI_OK;
    for (size_t i = 0; i < TABLE_VISITS_ROW; i++) {
        char *path = arena_printf(&cli->arena, "%s/%s.csv", dir, tables[i].name);
        if (tables[i].may_lack && access(path, F_OK) != 0) {
            continue;
        }
        folder->paths[i] = path;
        if (!cli_read_file(cli, path, TABLE_BYTES_MAX, &folder->files[i])) {
            return CLI_FAILED;
        }
    }
    for (size_t i = 0; i < TABLE_VISITS_ROW && status == CLI_OK; i++) {
        if (folder->paths[i] != NULL) {
            cli_progress(cli, "looking", i, TABLE_VISITS_ROW);
            const Passerelle__V1__ImportTableResponse *response = look(cli, folder, i, &status);
            if (response != NULL && (dry || !response->done)) {
                cli_progress_end(cli);
                status = show(cli, folder->paths[i], response, true);
            }
        }
    }
    for (size_t i = 0; i < TABLE_VISITS_ROW && status == CLI_OK && !dry; i++) {
        if (folder->paths[i] != NULL) {
            cli_progress(cli, tables[i].name, i, TABLE_VISITS_ROW);
            const Passerelle__V1__ImportTableResponse *response =
                import_call(cli, folder->files[i], tables[i].table, false, &status);
            cli_progress_end(cli);
            status = response == NULL ? status : show(cli, folder->paths[i], response, false);
        }
    }
    cli_progress_end(cli);
    return status;
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
                return network_import_file(cli, argv[1], tables[i].table, dry);
            }
        }
        return cli_usage(command, "there is no table '%s' to import (visits: visit import)",
                         argv[0]);
    }
    struct folder *folder = ARENA_NEW(&cli->arena, struct folder);
    uint64_t seed;
    env_random(&env_system, &seed, sizeof seed);
    memory_init(&folder->copy, seed);
    folder->copy.known.only_computes = false;
    status = import_folder(cli, folder, argv[0], dry);
    memory_release(&folder->copy);
    return status;
}

int cmd_network_export(struct cli *cli, const struct command *command, int argc, char **argv)
{
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc < 1 || argc > 2) {
        return status != CLI_OK ? status : cli_usage(command, "which table?");
    }
    Passerelle__V1__Table table = PASSERELLE__V1__TABLE__TABLE_UNSPECIFIED;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        if (strcmp(tables[i].name, argv[0]) == 0) {
            table = tables[i].table;
        }
    }
    if (table == PASSERELLE__V1__TABLE__TABLE_UNSPECIFIED) {
        return cli_usage(command, "there is no table '%s'", argv[0]);
    }
    const Passerelle__V1__ExportTableResponse *response =
        export_call(cli, table, argc == 2 ? argv[1] : "", &status);
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
    return command_run_generic(cli, command, count + argc, words);
}
