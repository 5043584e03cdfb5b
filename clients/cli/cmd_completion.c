/* The completion script, written out of the table of commands and the contract: it knows every
 * command, option and word of a closed list without asking anybody. Names of profiles are read when
 * they are wanted. */
#include "cli/commands.h"
#include "cli/table.h"

static const char head[] =
    "# bash completion for passerelle\n"
    "_passerelle_files() {\n"
    "    local IFS=$'\\n'\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    COMPREPLY=($(compgen -f -- \"$1\"))\n"
    "}\n"
    "_passerelle() {\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD-1]} i command= words=\n"
    "    local first= second=\n"
    "    COMPREPLY=()\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "        --profile | --config) ((i++)) ;;\n"
    "        -*) ;;\n"
    "        *) if [[ -z $first ]]; then first=${COMP_WORDS[i]}; else second=${COMP_WORDS[i]}; "
    "break; fi ;;\n"
    "        esac\n"
    "    done\n"
    "    case $last in\n"
    "    --profile)\n"
    "        words=$(\"${COMP_WORDS[0]}\" profile list 2>/dev/null | awk 'NR > 2 {print $1}')\n"
    "        COMPREPLY=($(compgen -W \"$words\" -- \"$word\")); return ;;\n"
    "    --config | --out | --ca | --cert | --key | --api-key-file | --tariffs)\n"
    "        _passerelle_files \"$word\"; return ;;\n";

static const char tail[] =
    "    if [[ -z $first && $word != -* ]]; then\n"
    "        COMPREPLY=($(compgen -W \"$groups\" -- \"$word\")); return\n"
    "    elif [[ -z $first ]]; then\n"
    "        words='--profile --config --json --quiet --help --version'\n"
    "    elif [[ -n ${members[$first]-} && -z $second ]]; then\n"
    "        words=${members[$first]}\n"
    "    else\n"
    "        command=$first\n"
    "        [[ -n ${members[$first]-} ]] && command=\"$first $second\"\n"
    "        [[ $word == -* ]] && words=\"${options[$command]-} --json --quiet --help\"\n"
    "        [[ $word != -* ]] && words=${words_of[$command]-}\n"
    "    fi\n"
    "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
    "    [[ ${#COMPREPLY[@]} -gt 0 || $word == -* ]] || _passerelle_files \"$word\"\n"
    "}\n"
    "complete -F _passerelle passerelle\n";

static size_t group_length(const char *name)
{
    return view_find(view_of(name), ' ');
}

static bool same_group(const struct command *a, const struct command *b)
{
    size_t len = group_length(a->name);
    return len == group_length(b->name) && strncmp(a->name, b->name, len) == 0;
}

/* Groups in the order of --help, then the second words of each. */
static void print_groups(void)
{
    fputs("    local groups='", stdout);
    for (size_t i = 0; i < command_count; i++) {
        if (i == 0 || !same_group(&commands[i - 1], &commands[i])) {
            printf("%s%.*s", i == 0 ? "" : " ", (int)group_length(commands[i].name),
                   commands[i].name);
        }
    }
    puts("'\n    local -A members=(");
    for (size_t i = 0; i < command_count; i++) {
        size_t len = group_length(commands[i].name);
        if (commands[i].name[len] == '\0' ||
            (i > 0 && same_group(&commands[i - 1], &commands[i]))) {
            continue;
        }
        printf("        [%.*s]='", (int)len, commands[i].name);
        for (size_t k = i; k < command_count && same_group(&commands[i], &commands[k]); k++) {
            printf("%s%s", k == i ? "" : " ", commands[k].name + len + 1);
        }
        puts("'");
    }
    puts("    )");
}

static void print_option(const char *field_name)
{
    fputs(" --", stdout);
    for (const char *c = field_name; *c != '\0'; c++) {
        putchar(*c == '_' ? '-' : *c);
    }
}

static void print_fields(const ProtobufCMessageDescriptor *descriptor, const char *positional)
{
    for (unsigned i = 0; descriptor != NULL && i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE && strcmp(field->name, "request_id") != 0 &&
            (positional == NULL || strstr(positional, field->name) == NULL)) {
            print_option(field->name);
        }
    }
}

static const ProtobufCMessageDescriptor *record_of(const struct command *command)
{
    if (command->record == NULL || command->input == NULL) {
        return NULL;
    }
    return protobuf_c_message_descriptor_get_field_by_name(command->input, command->record)
        ->descriptor;
}

/* What the usage line names, and the fields of the request and of its record. */
static void print_options(const struct command *command)
{
    printf("        ['%s']='", command->name);
    for (const char *at = strstr(command->arguments, "--"); at != NULL; at = strstr(at, "--")) {
        size_t len = strspn(at, "-abcdefghijklmnopqrstuvwxyz");
        if (len > 2 && strncmp(at, "--FIELD", 7) != 0) {
            printf(" %.*s", (int)len, at);
        }
        at += len;
    }
    print_fields(command->input, command->positional);
    print_fields(record_of(command), NULL);
    puts("'");
}

/* Words of a usage line that stand for themselves: "candidate|active|suspended|closed". */
static void print_words(const struct command *command)
{
    struct view rest = view_of(command->arguments);
    struct view word;
    while (view_cut(&rest, ' ', &word)) {
        bool lower = word.len > 0 && word.data[0] >= 'a' && word.data[0] <= 'z';
        if (!lower || (view_find(word, '|') == word.len && rest.len > 0)) {
            continue;
        }
        printf("        ['%s']='", command->name);
        for (size_t i = 0; i < word.len; i++) {
            putchar(word.data[i] == '|' ? ' ' : word.data[i]);
        }
        puts("'");
        return;
    }
}

/* An option of a closed list: --resource desk|meeting_room|booth. The first of a name counts. */
static void print_enums(struct cli *cli)
{
    const char *seen = " ";
    for (size_t i = 0; i < command_count; i++) {
        const ProtobufCMessageDescriptor *places[] = {commands[i].input, record_of(&commands[i])};
        for (size_t p = 0; p < ARRAY_LEN(places); p++) {
            for (unsigned k = 0; places[p] != NULL && k < places[p]->n_fields; k++) {
                const ProtobufCFieldDescriptor *field = &places[p]->fields[k];
                const char *mark = arena_printf(&cli->arena, " %s ", field->name);
                if (field->type != PROTOBUF_C_TYPE_ENUM || strstr(seen, mark) != NULL) {
                    continue;
                }
                seen = arena_printf(&cli->arena, "%s%s", seen, mark);
                fputs("   ", stdout);
                print_option(field->name);
                fputs(") words='", stdout);
                const ProtobufCEnumDescriptor *descriptor = field->descriptor;
                for (unsigned v = 0; v < descriptor->n_values; v++) {
                    if (descriptor->values[v].value != 0) {
                        printf("%s ", table_enum_word(&cli->arena, descriptor,
                                                      descriptor->values[v].value));
                    }
                }
                puts("'\n        COMPREPLY=($(compgen -W \"$words\" -- \"$word\")); return ;;");
            }
        }
    }
}

int cmd_completion(struct cli *cli, const struct command *command, int argc, char **argv)
{
    if (argc != 1 || strcmp(argv[0], "bash") != 0) {
        return cli_usage(command, "only bash is known");
    }
    fputs(head, stdout);
    print_enums(cli);
    puts("    esac");
    print_groups();
    puts("    local -A options=(");
    for (size_t i = 0; i < command_count; i++) {
        print_options(&commands[i]);
    }
    puts("    )\n    local -A words_of=(");
    for (size_t i = 0; i < command_count; i++) {
        print_words(&commands[i]);
    }
    puts("    )");
    fputs(tail, stdout);
    return CLI_OK;
}
