/* passerelle: the command line. Finds the row, runs it. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "cli/command.h"

static const char intro[] =
    "usage: passerelle [--profile NAME] [--config FILE] [--json] [--quiet] COMMAND ...\n"
    "       passerelle COMMAND --help\n"
    "\n"
    "The command line of a Passerelle network: for desks, employers, treasurers and operators.\n"
    "\n"
    "  --profile NAME  which hub and which credential (passerelle profile add); default: the\n"
    "                  one named \"default\", or the only one\n"
    "  --config FILE   where profiles are kept (default: $PASSERELLE_CONFIG, or\n"
    "                  ~/.config/passerelle)\n"
    "  --json          answers as JSON, for programs\n"
    "  --quiet         no progress\n"
    "\n"
    "Commands:\n";

static const char outro[] =
    "\n"
    "Exit status: 0 done; 1 the answer is no; 2 usage; 3 the hub cannot be reached; 4 not "
    "allowed;\n"
    "5 waits for a second operator; 6 lines were refused, or something does not verify.\n";

static void print_help(FILE *out)
{
    fputs(intro, out);
    for (size_t i = 0; i < command_count; i++) {
        fprintf(out, "  %-22s %s\n", commands[i].name, commands[i].summary);
    }
    fputs(outro, out);
}

static void print_command_help(const struct command *command)
{
    printf("usage: passerelle %s %s\n\n%s\n", command->name,
           command->arguments == NULL ? "" : command->arguments, command->summary);
    if (command->record != NULL) {
        bool by_id = command->positional != NULL && strstr(command->positional, "ID") != NULL;
        printf("\nOnly what is named changes%s. Options:\n",
               by_id ? "; what is not there yet is made" : "");
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field_by_name(command->input, command->record);
        const ProtobufCMessageDescriptor *record = field->descriptor;
        for (unsigned i = by_id; i < record->n_fields; i++) {
            if (record->fields[i].type != PROTOBUF_C_TYPE_MESSAGE) {
                char name[64];
                snprintf(name, sizeof name, "%s", record->fields[i].name);
                for (char *c = name; *c != '\0'; c++) {
                    *c = *c == '_' ? '-' : *c;
                }
                printf("  --%s\n", name);
            }
        }
    }
    if (command->example != NULL) {
        printf("\nExample:\n  passerelle %s\n", command->example);
    }
}

/* The longest name that the words begin with; *taken says how many words it has. */
static const struct command *find_command(int argc, char **argv, int *taken)
{
    for (int words = 2; words >= 1; words--) {
        char name[64];
        if (argc < words) {
            continue;
        }
        snprintf(name, sizeof name, "%s%s%s", argv[0], words == 2 ? " " : "",
                 words == 2 ? argv[1] : "");
        for (size_t i = 0; i < command_count; i++) {
            if (strcmp(commands[i].name, name) == 0) {
                *taken = words;
                return &commands[i];
            }
        }
    }
    return NULL;
}

/* The first word of several commands, or of none. */
static int unknown_command(int argc, char **argv)
{
    bool asked = argc > 1 && strcmp(argv[1], "--help") == 0;
    FILE *out = asked ? stdout : stderr;
    bool group = false;
    for (size_t i = 0; i < command_count; i++) {
        size_t n = strlen(argv[0]);
        if (strncmp(commands[i].name, argv[0], n) == 0 && commands[i].name[n] == ' ') {
            if (!group && asked) {
                fprintf(out, "usage: passerelle COMMAND ...\n\n");
            } else if (!group) {
                fprintf(out, "passerelle %s: which one?\n", argv[0]);
            }
            group = true;
            fprintf(out, "  %-22s %s\n", commands[i].name, commands[i].summary);
        }
    }
    if (!group) {
        fprintf(stderr, "passerelle: there is no command '%s': see passerelle --help\n", argv[0]);
    }
    return asked && group ? CLI_OK : CLI_USAGE;
}

static const char *default_config(struct cli *cli)
{
    const char *given = getenv("PASSERELLE_CONFIG");
    if (given != NULL && given[0] != '\0') {
        return given;
    }
    const char *home = getenv("HOME");
    return arena_printf(&cli->arena, "%s/.config/passerelle", home == NULL ? "" : home);
}

static bool is_question(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "--version") == 0;
}

/* Options before the command or --help; returns how many words they took, or -1. */
static int global_options(struct cli *cli, int argc, char **argv)
{
    int at = 0;
    for (; at < argc && argv[at][0] == '-' && !is_question(argv[at]); at++) {
        if (strcmp(argv[at], "--json") == 0) {
            cli->json = true;
        } else if (strcmp(argv[at], "--quiet") == 0) {
            cli->quiet = true;
        } else if (strcmp(argv[at], "--profile") == 0 && at + 1 < argc) {
            cli->profile = argv[++at];
        } else if (strcmp(argv[at], "--config") == 0 && at + 1 < argc) {
            cli->config = argv[++at];
        } else {
            fprintf(stderr, "passerelle: cannot use %s: see passerelle --help\n", argv[at]);
            return -1;
        }
    }
    return at;
}

int main(int argc, char **argv)
{
    struct cli cli = {0};
    signal(SIGPIPE, SIG_IGN);
    argc--;
    argv++;
    cli.config = default_config(&cli);
    int taken = global_options(&cli, argc, argv);
    if (taken < 0) {
        return CLI_USAGE;
    }
    argc -= taken;
    argv += taken;
    if (argc == 0 || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "help") == 0) {
        print_help(argc == 0 ? stderr : stdout);
        return argc == 0 ? CLI_USAGE : CLI_OK;
    }
    if (strcmp(argv[0], "--version") == 0) {
        printf("passerelle %s\n", PASSERELLE_VERSION);
        return CLI_OK;
    }
    const struct command *command = find_command(argc, argv, &taken);
    if (command == NULL) {
        return unknown_command(argc, argv);
    }
    argc -= taken;
    argv += taken;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_command_help(command);
            return CLI_OK;
        }
    }
    /* --json and --quiet may also stand behind the command. */
    cli.json |= cli_option(&argc, argv, "--json", NULL);
    cli.quiet |= cli_option(&argc, argv, "--quiet", NULL);
    int status = command->run != NULL ? command->run(&cli, command, argc, argv)
                                      : command_run_generic(&cli, command, argc, argv);
    peer_free(cli.peer);
    arena_release(&cli.arena);
    /* A full disk behind stdout is a failure too; whoever reads no further (`| head`) knows why. */
    if (fflush(stdout) != 0 && status == CLI_OK) {
        return errno == EPIPE ? CLI_FAILED : cli_fail(CLI_FAILED, "the output cannot be written");
    }
    return status;
}
