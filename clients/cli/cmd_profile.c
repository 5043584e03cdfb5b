#include "cli/commands.h"
#include "cli/profile.h"
#include "cli/table.h"
#include "wire/json.h"

/* Relative paths would mean something else from another folder. */
static const char *absolute(struct cli *cli, const char *path)
{
    if (path == NULL) {
        return NULL;
    }
    char *real = realpath(path, NULL);
    if (real == NULL) {
        return path;
    }
    char *copy = arena_string(&cli->arena, view_of(real));
    free(real);
    return copy;
}

int cmd_profile_add(struct cli *cli, const struct command *command, int argc, char **argv)
{
    struct profile profile = {0};
    const char *ca = NULL;
    const char *certificate = NULL;
    const char *key = NULL;
    const char *api_key_file = NULL;
    cli_option(&argc, argv, "--url", &profile.url);
    cli_option(&argc, argv, "--ca", &ca);
    cli_option(&argc, argv, "--cert", &certificate);
    cli_option(&argc, argv, "--key", &key);
    cli_option(&argc, argv, "--api-key-file", &api_key_file);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK) {
        return status;
    }
    if (argc != 1 || profile.url == NULL) {
        return cli_usage(command, "a name and --url are needed");
    }
    if ((certificate == NULL) != (key == NULL)) {
        return cli_usage(command, "--cert and --key go together");
    }
    profile.name = argv[0];
    profile.ca = absolute(cli, ca);
    profile.certificate = absolute(cli, certificate);
    profile.key = absolute(cli, key);
    profile.api_key_file = absolute(cli, api_key_file);
    struct fault fault = FAULT_NONE;
    if (profile_add(cli->config, &profile, &fault) != E_OK) {
        return cli_fail(fault.code == E_INVALID ? CLI_USAGE : CLI_FAILED, "%s", fault.text);
    }
    printf("%s is kept in %s\n", profile.name, cli->config);
    return CLI_OK;
}

static void add_row(void *context, const struct profile *profile)
{
    struct table *table = context;
    table_add(table, profile->name);
    table_add(table, profile->url == NULL ? "" : profile->url);
    table_add(table, profile->certificate != NULL    ? profile->certificate
                     : profile->api_key_file != NULL ? profile->api_key_file
                                                     : "no credential");
}

static void print_json(const struct table *table)
{
    struct buf out = BUF_INIT;
    buf_text(&out, "{\"profiles\":[");
    for (size_t at = table->columns; at < table->rows; at += table->columns) {
        for (size_t i = 0; i < table->columns; i++) {
            buf_printf(&out, "%s\"%s\":",
                       i > 0                  ? ","
                       : at == table->columns ? "{"
                                              : ",{",
                       table->cells[i]);
            json_write_string(&out, view_of(table->cells[at + i]));
        }
        buf_byte(&out, '}');
    }
    buf_text(&out, "]}\n");
    fwrite(out.data, 1, out.len, stdout);
    buf_release(&out);
}

int cmd_profile_list(struct cli *cli, const struct command *command, int argc, char **argv)
{
    (void)argv;
    if (argc > 0) {
        return cli_usage(command, "it takes no argument");
    }
    struct table table;
    table_init(&table, 3);
    table_add(&table, "profile");
    table_add(&table, "hub");
    table_add(&table, "credential");
    struct fault fault = FAULT_NONE;
    int err = profile_each(cli->config, &cli->arena, add_row, &table, &fault);
    if (err == E_OK && cli->json) {
        print_json(&table);
    } else if (err == E_OK) {
        table_print(&table, stdout);
    }
    table_release(&table);
    return err == E_OK ? CLI_OK : cli_fail(CLI_FAILED, "%s", fault.text);
}
