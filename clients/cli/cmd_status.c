#include "cli/commands.h"
#include "cli/table.h"

#include "core/day/day.h"
#include "core/money/cents.h"
#include "passerelle/v1/directory.pb-c.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "wire/pack.h"

/* "3 h 20 min", "12 days 3 h" */
static void print_age(int64_t ms)
{
    enum { HOUR = 60, DAY = 24 * HOUR };
    long long minutes = (long long)(ms / 60000);
    if (minutes < 1) {
        printf("less than a minute");
        return;
    }
    if (minutes >= 2 * DAY) {
        printf("%lld days %lld h", minutes / DAY, minutes % DAY / HOUR);
        return;
    }
    if (minutes >= HOUR) {
        printf("%lld h ", minutes / HOUR);
    }
    printf("%lld min", minutes % HOUR);
}

static void print_daemon(const Passerelle__V1__GetNetworkResponse *network)
{
    const Passerelle__V1__SiteDaemon *daemon = network->site_daemon;
    const Passerelle__V1__Knowledge *knowledge = daemon->knowledge;
    printf("This is the daemon of the site %s; its hub is %s: %s.\n", daemon->site_id,
           daemon->hub_url, daemon->link);
    if (daemon->sentence[0] != '\0') {
        printf("  %s\n", daemon->sentence);
    }
    if (knowledge->as_of_utc_ms == 0) {
        printf("It has not yet heard from the hub.\n");
    } else {
        printf("It %s; what it knows is ",
               knowledge->untaken
                   ? "decides by the offline rules, since the hub does not take its entries"
               : knowledge->connected   ? "hears from the hub"
               : knowledge->catching_up ? "is told what it missed, and decides by the offline "
                                          "rules until it has all"
                                        : "does not hear from the hub");
        print_age(network->now_utc_ms - knowledge->as_of_utc_ms);
        printf(" old%s%s.\n", knowledge->complete ? "" : ", and not yet complete",
               knowledge->horizon_passed ? ": longer than the policy's horizon" : "");
    }
    printf("Worst case: until it hears again, its desks could overspend %llu units.\n",
           (unsigned long long)knowledge->worst_case_units);
    printf("Ledger: %llu entr%s, %llu of them with the hub's receipt.\n",
           (unsigned long long)daemon->own_size, daemon->own_size == 1 ? "y" : "ies",
           (unsigned long long)daemon->receipt_size);
}

void exposure_tell(struct cli *cli)
{
    int status = CLI_OK;
    struct peer_error error = {0};
    ProtobufCMessage *answer;
    const ProtobufCMessage *request =
        wire_new(&cli->arena, &passerelle__v1__list_exposure_request__descriptor);
    struct peer *peer = cli_peer(cli, &status);
    if (peer == NULL || peer_call(peer, "passerelle.v1.SettlementService", "ListExposure", request,
                                  &passerelle__v1__list_exposure_response__descriptor, &cli->arena,
                                  &answer, &error) != CODE_OK) {
        return; /* a site's daemon, or none of this credential's business */
    }
    const Passerelle__V1__ListExposureResponse *response = (const void *)answer;
    for (size_t i = 0; i < response->n_issuers; i++) {
        const Passerelle__V1__Exposure *one = response->issuers[i];
        char owed[32];
        char limit[32];
        cents_format(CENTS(one->owed_cents), owed);
        cents_format(CENTS(one->limit_cents), limit);
        if (one->level >= PASSERELLE__V1__EXPOSURE_LEVEL__EXPOSURE_LEVEL_WARNED) {
            printf("%s %s: it owed %s EUR, and may owe %s EUR%s.\n", one->member_id,
                   one->level == PASSERELLE__V1__EXPOSURE_LEVEL__EXPOSURE_LEVEL_WARNED
                       ? "nears its exposure limit"
                       : "is cut off",
                   owed, limit,
                   one->level == PASSERELLE__V1__EXPOSURE_LEVEL__EXPOSURE_LEVEL_WARNED
                       ? ""
                       : "; passes of its plans by use are refused");
        }
    }
}

/* Sites that an operator must look at. */
static void feeds_tell(struct cli *cli)
{
    int status = CLI_OK;
    struct peer_error error = {0};
    ProtobufCMessage *answer;
    const ProtobufCMessage *request =
        wire_new(&cli->arena, &passerelle__v1__list_feeds_request__descriptor);
    struct peer *peer = cli_peer(cli, &status);
    if (peer == NULL || peer_call(peer, "passerelle.v1.LedgerService", "ListFeeds", request,
                                  &passerelle__v1__list_feeds_response__descriptor, &cli->arena,
                                  &answer, &error) != CODE_OK) {
        return;
    }
    const Passerelle__V1__ListFeedsResponse *response = (const void *)answer;
    for (size_t i = 0; i < response->n_feeds; i++) {
        if (response->feeds[i]->forked) {
            printf("%s: its ledger told two stories; nothing more is taken from it, and it is left "
                   "out of settlement: see passerelle ledger problems %s\n",
                   response->feeds[i]->feed_id, response->feeds[i]->feed_id);
        }
    }
}

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
    if (network->site_daemon != NULL) {
        print_daemon(network);
    } else {
        exposure_tell(cli);
        feeds_tell(cli);
    }
    return CLI_OK;
}
