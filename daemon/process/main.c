/* passerelled: finds the command and runs it. */
#include <stdarg.h>

#include "core/paper/cii.h"
#include "process/command.h"

static const struct command *const commands[] = {
    &command_init,    &command_join,   &command_leave,   &command_run,      &command_check,
    &command_rebuild, &command_backup, &command_restore, &command_settings,
};

static void print_help(FILE *out)
{
    fputs("passerelled, the hub of a Passerelle network, or the daemon of one of its sites.\n\n"
          "Usage: passerelled COMMAND [OPTION...]\n\n",
          out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    fputs("\nEach command explains itself: passerelled COMMAND --help\n\n"
          "Examples:\n"
          "  passerelled init /var/lib/passerelle --network occitanie --name 'Pass Occitanie'\n"
          "  passerelled run /var/lib/passerelle\n\n"
          "Exit codes:\n"
          "  0 done   1 failed   2 wrong command line   3 wrong settings\n"
          "  4 our data is damaged   5 database of another program or a newer version\n"
          "  6 in use by another process\n",
          out);
}

static void print_usage(FILE *out, const struct command *command)
{
    fprintf(out, "Usage: passerelled %s %s\n", command->name, command->usage);
}

int command_wrong(const struct command *command, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("passerelled: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    print_usage(stderr, command);
    fprintf(stderr, "`passerelled %s --help` explains it.\n", command->name);
    return EXIT_USAGE;
}

int command_fail(const struct fault *fault)
{
    fprintf(stderr, "passerelled: %s\n", fault->text);
    switch (fault->code) {
    case E_INVALID:
    case E_UNSUPPORTED:
        return EXIT_CONFIG;
    case E_CORRUPT:
        return EXIT_DAMAGED;
    case E_FOREIGN:
        return EXIT_FOREIGN;
    case E_BUSY:
        return EXIT_BUSY;
    default:
        return EXIT_FAILED;
    }
}

/* One option with what follows it; returns how many words it took, 0 when it is wrong. */
static int read_option(const struct command *command, int argc, char **argv,
                       const struct option_spec *specs, size_t count)
{
    const struct option_spec *spec = NULL;
    size_t name_len = view_find(view_of(argv[0]), '=');
    for (size_t i = 0; i < count; i++) {
        if (view_is(view_bytes(argv[0], name_len), specs[i].name)) {
            spec = &specs[i];
        }
    }
    if (spec == NULL) {
        command_wrong(command, "there is no option %s", argv[0]);
        return 0;
    }
    const char *value = argv[0][name_len] == '=' ? argv[0] + name_len + 1 : NULL;
    if (spec->flag != NULL) {
        if (value != NULL) {
            command_wrong(command, "%s takes no value", spec->name);
            return 0;
        }
        *spec->flag = true;
        return 1;
    }
    int took = value == NULL ? 2 : 1;
    if (value == NULL && argc < 2) {
        command_wrong(command, "%s needs a value", spec->name);
        return 0;
    }
    value = value == NULL ? argv[1] : value;
    if (spec->value != NULL) {
        *spec->value = value;
    } else if (*spec->count < spec->max) {
        spec->values[(*spec->count)++] = value;
    } else {
        command_wrong(command, "%s at most %zu times", spec->name, spec->max);
        return 0;
    }
    return took;
}

bool command_options(const struct command *command, int argc, char **argv,
                     const struct option_spec *specs, size_t spec_count, const char **words,
                     size_t word_count)
{
    size_t found = 0;
    for (int i = 0; i < argc;) {
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            int took = read_option(command, argc - i, argv + i, specs, spec_count);
            if (took == 0) {
                return false;
            }
            i += took;
        } else if (found < word_count) {
            words[found++] = argv[i++];
        } else {
            command_wrong(command, "%s is one word too many", argv[i]);
            return false;
        }
    }
    if (found < word_count) {
        command_wrong(command, "a word is missing");
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    struct view name = view_of(argv[1]);
    if (view_is(name, "--version")) {
        puts("passerelled " PASSERELLE_VERSION);
        return EXIT_DONE;
    }
    if (view_is(name, "--help") || view_is(name, "-h") || view_is(name, "help")) {
        print_help(stdout);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (!view_is(name, commands[i]->name)) {
            continue;
        }
        for (int k = 2; k < argc; k++) {
            if (view_is(view_of(argv[k]), "--help")) {
                print_usage(stdout, commands[i]);
                printf("\n%s\n%s", commands[i]->summary, commands[i]->help);
                return EXIT_DONE;
            }
        }
        paper_start();
        return commands[i]->run(argc - 2, argv + 2);
    }
    fprintf(stderr, "passerelled: there is no command %s; `passerelled --help` lists them\n",
            argv[1]);
    return EXIT_USAGE;
}
