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

/* The words of all commands, so that the script knows them without asking. */
int cmd_completion(struct cli *cli, const struct command *command, int argc, char **argv)
{
    (void)cli;
    if (argc != 1 || strcmp(argv[0], "bash") != 0) {
        return cli_usage(command, "only bash is known");
    }
    puts("# bash completion for passerelle\n_passerelle() {\n"
         "    local word=${COMP_WORDS[COMP_CWORD]} i first=\n"
         "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "        case ${COMP_WORDS[i]} in\n"
         "        --profile | --config) ((i++)) ;;\n"
         "        -*) ;;\n"
         "        *) first=${COMP_WORDS[i]}; break ;;\n"
         "        esac\n"
         "    done\n"
         "    case $first in");
    for (size_t i = 0; i < command_count; i++) {
        struct view name = view_of(commands[i].name);
        size_t space = view_find(name, ' ');
        struct view group = view_slice(name, 0, space);
        bool first_of_group =
            i == 0 || !view_starts(view_of(commands[i - 1].name),
                                   arena_printf(&cli->arena, "%.*s", VIEW_FMT(group)));
        if (space == name.len || !first_of_group) {
            continue;
        }
        printf("    %.*s) COMPREPLY=($(compgen -W \"", VIEW_FMT(group));
        for (size_t k = i; k < command_count; k++) {
            struct view other = view_of(commands[k].name);
            if (view_equal(view_slice(other, 0, view_find(other, ' ')), group)) {
                printf("%s ", commands[k].name + space + 1);
            }
        }
        puts("\" -- \"$word\")) ;;");
    }
    fputs("    '') COMPREPLY=($(compgen -W \"--profile --config --json --quiet --help ", stdout);
    const char *last = "";
    for (size_t i = 0; i < command_count; i++) {
        struct view name = view_of(commands[i].name);
        struct view group = view_slice(name, 0, view_find(name, ' '));
        if (!view_is(group, last)) {
            last = arena_string(&cli->arena, group);
            printf("%s ", last);
        }
    }
    puts("\" -- \"$word\")) ;;\n    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n    esac\n}\n"
         "complete -F _passerelle passerelle");
    return CLI_OK;
}
