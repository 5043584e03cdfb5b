/* A site gets a daemon of its own: the join code, as text and as a picture to scan; and back. */
#include <unistd.h>

#include "cli/commands.h"
#include "cli/qr.h"

#include "base/text.h"
#include "passerelle/v1/enrol.pb-c.h"
#include "wire/pack.h"

/* "host:port" of the profile's address. */
static char *address_of(struct cli *cli)
{
    struct view url = view_of(cli->url);
    struct view scheme = VIEW_LIT("https://");
    struct view address = view_slice(url, scheme.len, url.len);
    address = view_slice(address, 0, view_find(address, '/'));
    size_t bracket = view_find(address, ']');
    size_t from = bracket == address.len ? 0 : bracket;
    bool port = view_find(view_slice(address, from, address.len), ':') < address.len - from;
    return arena_printf(&cli->arena, "%.*s%s", VIEW_FMT(address), port ? "" : ":443");
}

/* Only the hub's own machine reaches it so. */
static bool is_local(const char *address)
{
    return view_starts(view_of(address), "localhost:") || view_starts(view_of(address), "127.") ||
           view_starts(view_of(address), "[::1]");
}

static int show_qr(const char *text)
{
    struct qr qr;
    struct fault fault = FAULT_NONE;
    struct buf out = BUF_INIT;
    if (qr_make(&qr, view_of(text), &fault) != E_OK) {
        return cli_fail(CLI_FAILED, "%s", fault.text);
    }
    qr_terminal(&qr, isatty(STDOUT_FILENO) == 1, &out);
    fwrite(out.data, 1, out.len, stdout);
    buf_release(&out);
    qr_release(&qr);
    return CLI_OK;
}

int cmd_site_enrol(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *hours = NULL;
    const char *address = NULL;
    cli_option(&argc, argv, "--valid-hours", &hours);
    cli_option(&argc, argv, "--hub-address", &address);
    bool qr = cli_option(&argc, argv, "--qr", NULL);
    int status = cli_options_end(command, argc, argv);
    int64_t valid_hours = 0;
    if (status != CLI_OK || argc != 1) {
        return status != CLI_OK ? status : cli_usage(command, "give the id of one site");
    }
    if (hours != NULL &&
        (text_i64(view_of(hours), &valid_hours) != E_OK || valid_hours < 1 || valid_hours > 720)) {
        return cli_usage(command, "--valid-hours: 1 to 720");
    }
    if (cli_peer(cli, &status) == NULL) {
        return status;
    }
    Passerelle__V1__EnrolSiteRequest *request =
        wire_new(&cli->arena, &passerelle__v1__enrol_site_request__descriptor);
    request->request_id = cli_request_id(cli);
    request->site_id = argv[0];
    request->valid_hours = (uint32_t)valid_hours;
    request->hub_address =
        address == NULL ? address_of(cli) : arena_string(&cli->arena, view_of(address));
    const Passerelle__V1__EnrolSiteResponse *response =
        cli_call(cli, "NetworkService", "EnrolSite", &request->base,
                 &passerelle__v1__enrol_site_response__descriptor, &status);
    if (response == NULL) {
        return status;
    }
    if (cli->json) {
        cli_print_json(&response->base);
        return CLI_OK;
    }
    printf("%s\n", response->join_code);
    if (!cli->quiet) {
        fprintf(stderr,
                "This join code is shown once and lets one daemon in as %s, for %lld hours. At the "
                "site:\n  passerelled join CODE DIR\n",
                argv[0], (long long)(valid_hours == 0 ? 72 : valid_hours));
        if (is_local(request->hub_address)) {
            fprintf(stderr,
                    "It names the hub as %s, which only this machine reaches: for a site "
                    "elsewhere, say\n  --hub-address with a name that the hub's certificate has\n",
                    request->hub_address);
        }
    }
    return qr ? show_qr(response->join_code) : CLI_OK;
}

int cmd_site_host(struct cli *cli, const struct command *command, int argc, char **argv)
{
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 1) {
        return status != CLI_OK ? status : cli_usage(command, "give the id of one site");
    }
    Passerelle__V1__HostSiteRequest *request =
        wire_new(&cli->arena, &passerelle__v1__host_site_request__descriptor);
    request->request_id = cli_request_id(cli);
    request->site_id = argv[0];
    const Passerelle__V1__HostSiteResponse *response =
        cli_call(cli, "NetworkService", "HostSite", &request->base,
                 &passerelle__v1__host_site_response__descriptor, &status);
    if (response == NULL) {
        return status;
    }
    if (cli->json) {
        cli_print_json(&response->base);
        return CLI_OK;
    }
    printf("The hub keeps the ledger of %s from now on, behind the %llu entr%s that it holds.\n"
           "Its daemon is cut off: what that box wrote and had not pushed does not count. The "
           "site's desks call %s now.\n",
           argv[0], (unsigned long long)response->size, response->size == 1 ? "y" : "ies",
           cli->url);
    return CLI_OK;
}
