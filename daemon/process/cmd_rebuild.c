/* passerelled rebuild: drops every projection and replays all feeds, in one transaction: it happens
 * as a whole or not at all. */
#include "process/command.h"
#include "process/rebuild.h"

static int run(int argc, char **argv)
{
    const char *dir;
    struct settings settings;
    struct state state;
    struct fault fault = FAULT_NONE;
    bool same = false;
    char hex[65];
    if (!command_options(&command_rebuild, argc, argv, NULL, 0, &dir, 1)) {
        return EXIT_USAGE;
    }
    int err = state_open(&state, &settings, dir, &fault);
    if (err != E_OK) {
        return command_fail(&fault);
    }
    err = state_lock(&state, &fault);
    err = err != E_OK ? err : rebuild_tables(&state, &same, hex, &fault);
    state_release(&state);
    if (err != E_OK) {
        return command_fail(&fault);
    }
    printf("All tables are made anew from the feeds; %s.\nSHA-256 of the tables: %s\n",
           same ? "nothing changed" : "THEY WERE DIFFERENT before", hex);
    return EXIT_DONE;
}

const struct command command_rebuild = {
    .name = "rebuild",
    .usage = "DIR",
    .summary = "Drops all projections and replays the feeds.",
    .help = "\n"
            "The daemon must be stopped. Persons, credentials, reasons and stored answers are not\n"
            "projections: they stay.\n\n"
            "Examples:\n"
            "  passerelled rebuild /var/lib/passerelle\n",
    .run = run,
};
