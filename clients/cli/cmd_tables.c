/* Parts of tables, one by one: a tariff version, the stops of a site. They are shown as the CSV by
 * which they are changed. */
#include "base/text.h"
#include "cli/commands.h"
#include "core/records/records.h"
#include "passerelle/v1/directory.pb-c.h"
#include "passerelle/v1/network.pb-c.h"
#include "wire/pack.h"

enum { TABLE_BYTES_MAX = 16 * 1024 * 1024 };

static int print_csv(struct buf *csv)
{
    bool written = fwrite(csv->data, 1, csv->len, stdout) == csv->len;
    buf_release(csv);
    return written ? CLI_OK : cli_fail(CLI_FAILED, "the output could not be written");
}

/* ---- tariffs ---- */

int cmd_tariff_publish(struct cli *cli, const struct command *command, int argc, char **argv)
{
    bool dry = cli_option(&argc, argv, "--dry-run", NULL);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 1) {
        return status != CLI_OK ? status : cli_usage(command, "which file?");
    }
    return network_import_file(cli, argv[0], PASSERELLE__V1__TABLE__TABLE_TARIFFS, dry);
}

/* As the file that published it. */
int cmd_tariff_show(struct cli *cli, const struct command *command, int argc, char **argv)
{
    uint64_t version = 0;
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 1 || text_u64(view_of(argv[0]), &version) != E_OK) {
        return status != CLI_OK ? status : cli_usage(command, "the number of a version is needed");
    }
    const Passerelle__V1__ListTariffsRequest *request =
        wire_new(&cli->arena, &passerelle__v1__list_tariffs_request__descriptor);
    const Passerelle__V1__ListTariffsResponse *list =
        cli_call(cli, "DirectoryService", "ListTariffs", &request->base,
                 &passerelle__v1__list_tariffs_response__descriptor, &status);
    for (size_t i = 0; list != NULL && i < list->n_tariffs; i++) {
        const Passerelle__V1__TariffVersion *tariff = list->tariffs[i];
        if (tariff->version != version) {
            continue;
        }
        if (cli->json) {
            cli_print_json(&tariff->base);
            return CLI_OK;
        }
        const struct record_table *table = record_table(PASSERELLE__V1__TABLE__TABLE_TARIFFS);
        struct buf csv = BUF_INIT;
        record_write_header(table, &csv);
        for (size_t k = 0; k < tariff->n_rows; k++) {
            struct record_tariff record = {tariff->version, tariff->valid_from, *tariff->rows[k]};
            record_write(table, &record, &csv);
        }
        return print_csv(&csv);
    }
    return list == NULL ? status
                        : cli_fail(CLI_FAILED,
                                   "there is no tariff version %s: passerelle tariff "
                                   "list shows which there are",
                                   argv[0]);
}

/* ---- stops of one site ---- */

static const Passerelle__V1__Site *find_site(struct cli *cli, const char *site_id, int *status)
{
    Passerelle__V1__ListSitesRequest *request =
        wire_new(&cli->arena, &passerelle__v1__list_sites_request__descriptor);
    request->site_id = wire_string(&cli->arena, view_of(site_id));
    const Passerelle__V1__ListSitesResponse *list =
        cli_call(cli, "DirectoryService", "ListSites", &request->base,
                 &passerelle__v1__list_sites_response__descriptor, status);
    if (list != NULL && list->n_sites == 0) {
        *status = cli_fail(CLI_FAILED, "there is no site %s", site_id);
    }
    return list == NULL || list->n_sites == 0 ? NULL : list->sites[0];
}

static int show_stops(struct cli *cli, const Passerelle__V1__Site *site)
{
    const struct record_table *table = record_table(PASSERELLE__V1__TABLE__TABLE_STOPS);
    struct buf csv = BUF_INIT;
    if (cli->json) {
        cli_print_json(&site->base);
        return CLI_OK;
    }
    record_write_header(table, &csv);
    for (size_t i = 0; i < site->n_stops; i++) {
        struct record_stop record = {.site_id = site->site_id, .stop = *site->stops[i]};
        record_write(table, &record, &csv);
    }
    return print_csv(&csv);
}

/* A file for one site must not move another one. */
static int only_site(struct view csv, const char *path, const char *site_id)
{
    struct view line;
    for (unsigned number = 1; view_cut(&csv, '\n', &line); number++) {
        struct view first = view_slice(line, 0, view_find(line, ','));
        if (number > 1 && line.len > 0 && !view_is(first, site_id)) {
            return cli_fail(CLI_REFUSED,
                            "%s:%u: site_id: this is a line of %.*s, not of %s: "
                            "passerelle network import stops takes several sites",
                            path, number, VIEW_FMT(first), site_id);
        }
    }
    return CLI_OK;
}

int cmd_site_stops(struct cli *cli, const struct command *command, int argc, char **argv)
{
    bool dry = cli_option(&argc, argv, "--dry-run", NULL);
    bool none = cli_option(&argc, argv, "--none", NULL);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc < 1 || argc > 2 || (none && argc == 2)) {
        return status != CLI_OK ? status : cli_usage(command, "a site, and at most one file");
    }
    if (argc == 2) {
        struct view csv;
        if (!cli_read_file(cli, argv[1], TABLE_BYTES_MAX, &csv)) {
            return CLI_FAILED;
        }
        status = only_site(csv, argv[1], argv[0]);
        return status != CLI_OK
                   ? status
                   : network_import_file(cli, argv[1], PASSERELLE__V1__TABLE__TABLE_STOPS, dry);
    }
    const Passerelle__V1__Site *site = find_site(cli, argv[0], &status);
    if (site == NULL || !none) {
        return site == NULL ? status : show_stops(cli, site);
    }
    Passerelle__V1__PutSiteRequest *request =
        wire_new(&cli->arena, &passerelle__v1__put_site_request__descriptor);
    request->request_id = cli_request_id(cli);
    request->site = (Passerelle__V1__Site *)wire_clone(&cli->arena, &site->base);
    request->site->n_stops = 0;
    const void *response = cli_call(cli, "NetworkService", "PutSite", &request->base,
                                    &passerelle__v1__put_site_response__descriptor, &status);
    return response == NULL ? status : CLI_OK;
}
