/* The commands of passerelled, one file each. A command gets the words after its name, reads its
 * options, does its work and returns one of the documented exit codes. */
#ifndef PROCESS_COMMAND_H
#define PROCESS_COMMAND_H

#include "process/state.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,  /* disk, network, a name that does not exist: the sentence says what */
    EXIT_USAGE = 2,   /* wrong words on the command line */
    EXIT_CONFIG = 3,  /* wrong settings */
    EXIT_DAMAGED = 4, /* our own data is damaged */
    EXIT_FOREIGN = 5, /* a database of another program, or of a newer version */
    EXIT_BUSY = 6,    /* another process works on the state folder, or has the port */
};

struct command {
    const char *name;
    const char *usage;   /* "DIR --network ID ..." */
    const char *summary; /* one line */
    const char *help;    /* options and examples, ends with a newline */
    int (*run)(int argc, char **argv);
};

extern const struct command command_init, command_join, command_leave, command_run, command_check,
    command_rebuild, command_backup, command_restore, command_settings;

/* ---- options ---- */

struct option_spec {
    const char *name; /* "--network" */
    /* Exactly one is set: a flag, one value, or values that may be repeated up to `max`. */
    bool *flag;
    const char **value;
    const char **values;
    size_t *count;
    size_t max;
};
/* Reads options and `words` (exactly so many plain words). False, with a sentence and the usage on
 * stderr, for anything else. */
must_check bool command_options(const struct command *command, int argc, char **argv,
                                const struct option_spec *specs, size_t spec_count,
                                const char **words, size_t word_count);
/* Says what is wrong and returns the exit code for it. */
int command_fail(const struct fault *fault);
/* EXIT_USAGE, with a sentence. */
int command_wrong(const struct command *command, const char *fmt, ...) printf_like(2, 3);

#endif
