/* passerelled leave: before a site's ledger goes back to the hub, all of it must be there. The
 * daemon's own threads do it, without its listener. */
#include <time.h>
#include <unistd.h>

#include "process/command.h"
#include "process/site.h"

enum {
    POLL_MS = 50,
    WAIT_S = 60,
    QUIET_POLLS =
        10, /* so often in a row nothing is missing: what came with the hub is pushed too */
};

/* Until the hub has given a receipt for all of it; E_TIMEOUT with why. */
static int wait_for_receipt(struct site *site, struct uplink_status *status, struct fault *fault)
{
    int quiet = 0;
    for (int i = 0; i < WAIT_S * 1000 / POLL_MS && quiet < QUIET_POLLS; i++) {
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000 * 1000}, NULL);
        site_status(site, status);
        bool good = status->state == UPLINK_GOOD && status->own_size == status->receipt_size &&
                    (status->pushes > 0 || status->own_size == 0);
        quiet = good ? quiet + 1 : 0;
        if (status->state == UPLINK_REFUSED || status->state == UPLINK_DIVERGED) {
            break;
        }
    }
    return quiet == QUIET_POLLS
               ? E_OK
               : fault_set(
                     fault, E_TIMEOUT, "the hub has %llu of the %llu entries of this site: %s",
                     (unsigned long long)status->receipt_size, (unsigned long long)status->own_size,
                     status->sentence[0] == '\0' ? "try again when it can be reached"
                                                 : status->sentence);
}

static int leave(struct state *state, const struct settings *settings, const struct joined *joined,
                 const struct log *log, struct uplink_status *status, struct fault *fault)
{
    struct daemon *daemon = NULL;
    struct site *site = NULL;
    struct daemon_options options = {
        .settings = settings, .state = state, .log = log, .joined = joined};
    int err = daemon_open(&daemon, &options, fault);
    if (err != E_OK) {
        return err;
    }
    err = site_new(&site, daemon, state, settings, log, fault);
    err = err != E_OK ? err : daemon_start_writer(daemon, fault);
    err = err != E_OK ? err : site_start(site, fault);
    err = err != E_OK ? err : wait_for_receipt(site, status, fault);
    site_stop(site);
    daemon_free(daemon);
    site_free(site);
    return err;
}

static int run(int argc, char **argv)
{
    const char *target = NULL;
    struct settings settings;
    struct state state;
    struct joined joined;
    struct uplink_status status = {.state = UPLINK_STARTING};
    struct fault fault = FAULT_NONE;
    if (!command_options(&command_leave, argc, argv, NULL, 0, &target, 1)) {
        return EXIT_USAGE;
    }
    int err = state_open(&state, &settings, target, &fault);
    if (err != E_OK) {
        return command_fail(&fault);
    }
    struct log log = {.env = &state.env, .fd = STDERR_FILENO, .level = LOG_ERROR};
    err = joined_read(&state, &joined, &fault);
    err = err != E_OK ? err : state_lock(&state, &fault);
    err = err != E_OK ? err : leave(&state, &settings, &joined, &log, &status, &fault);
    state_release(&state);
    if (err != E_OK) {
        return command_fail(&fault);
    }
    printf("The hub holds all %llu entries of %s, and has given a receipt for them.\n"
           "Do not start this daemon again. Next, an operator: passerelle site host %s\n",
           (unsigned long long)status.own_size, joined.site, joined.site);
    return EXIT_DONE;
}

const struct command command_leave = {
    .name = "leave",
    .usage = "DIR",
    .summary = "Pushes all that a site wrote, before its ledger goes back to the hub.",
    .help = "\n"
            "Stop the daemon first. Says what an operator does next; until then nothing has "
            "changed.\n\n"
            "Examples:\n"
            "  passerelled leave /var/lib/passerelle\n",
    .run = run,
};
