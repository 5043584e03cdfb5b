#include "cli/commands.h"
#include "cli/table.h"

#include "core/day/day.h"
#include "passerelle/v1/directory.pb-c.h"
#include "wire/pack.h"

int cmd_status(struct cli *cli, const struct command *command, int argc, char **argv)
{
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 0) {
        return status != CLI_OK ? status : cli_usage(command, "it takes no argument");
    }
    const Passerelle__V1__GetNetworkRequest *request =
        wire_new(&cli->arena, &passerelle__v1__get_network_request__descriptor);
    const Passerelle__V1__GetNetworkResponse *network =
        cli_call(cli, "DirectoryService", "GetNetwork", &request->base,
                 &passerelle__v1__get_network_response__descriptor, &status);
    if (network == NULL) {
        return status;
    }
    if (cli->json) {
        cli_print_json(&network->base);
        return CLI_OK;
    }
    char day[11];
    day_format(day_of_instant(network->now_utc_ms), day);
    int minute = day_wall_minute(network->now_utc_ms);
    printf("%s (%s) at %s, passerelled %s\n", network->name, network->network_id, cli->url,
           network->version);
    printf("It is %s %02d:%02d in Paris%s. %u members, %u sites.\n", day, minute / 60, minute % 60,
           network->demo ? " by the fast clock of a demonstration" : "", network->members,
           network->sites);
    return CLI_OK;
}
