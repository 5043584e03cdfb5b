/* The rows of the command line against the contract: what a row names is there. */
#include <check.h>
#include <ctype.h>
#include <stdlib.h>

#include "cli/command.h"
#include "wire/reflect.h"

static const ProtobufCFieldDescriptor *field_named(const ProtobufCMessageDescriptor *message,
                                                   struct view name)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", VIEW_FMT(name));
    return message == NULL ? NULL : protobuf_c_message_descriptor_get_field_by_name(message, text);
}

static const ProtobufCMessageDescriptor *first_list(const ProtobufCMessageDescriptor *message)
{
    for (unsigned i = 0; i < message->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->fields[i];
        if (field_is_repeated(field) && field->type == PROTOBUF_C_TYPE_MESSAGE) {
            return field->descriptor;
        }
    }
    return NULL;
}

static const ProtobufCMessageDescriptor *record_of(const struct command *command)
{
    if (command->record == NULL) {
        return NULL;
    }
    const ProtobufCFieldDescriptor *field = field_named(command->input, view_of(command->record));
    ck_assert_msg(field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE, "%s: no record %s",
                  command->name, command->record);
    return field->descriptor;
}

START_TEST(columns_and_records_are_in_the_contract)
{
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        struct view names = view_of(command->columns == NULL ? "" : command->columns);
        struct view name;
        while (names.len > 0 && view_cut(&names, ' ', &name)) {
            ck_assert_msg(field_named(first_list(command->output), name) != NULL,
                          "%s: no column %.*s", command->name, VIEW_FMT(name));
        }
        const ProtobufCMessageDescriptor *record = record_of(command);
        if (command->reads_method != NULL) {
            ck_assert_msg(first_list(command->reads_output) == record, "%s reads another record",
                          command->name);
        }
    }
}
END_TEST

/* Every "--option" of the help is a field, under one of the names that generic.c takes. */
START_TEST(options_of_the_help_are_in_the_contract)
{
    static const char *const suffixes[] = {"", "_id", "_utc_ms", "_cents"};
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        const char *at = command->run != NULL ? NULL : command->arguments;
        while (at != NULL && (at = strstr(at, "--")) != NULL) {
            char name[64];
            size_t n = 0;
            for (at += 2; islower((unsigned char)*at) || *at == '-'; at++) {
                name[n++] = *at == '-' ? '_' : *at;
            }
            bool found = n == 0; /* "--FIELD" */
            for (size_t k = 0; k < ARRAY_LEN(suffixes) && !found; k++) {
                snprintf(name + n, sizeof name - n, "%s", suffixes[k]);
                found = field_named(command->input, view_of(name)) != NULL ||
                        field_named(record_of(command), view_of(name)) != NULL;
            }
            ck_assert_msg(found, "%s: no option --%.*s", command->name, (int)n, name);
        }
    }
}
END_TEST

/* Without a profile nothing can be asked, but every argument has found its field by then. */
START_TEST(every_argument_has_a_field)
{
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        struct cli cli = {.config = "/nonexistent"};
        char *words[8];
        int count = 0;
        struct view names = view_of(command->positional == NULL ? "" : command->positional);
        struct view name;
        while (command->run == NULL && names.len > 0 && view_cut(&names, ' ', &name)) {
            bool optional = name.data[0] == '[';
            name = view_slice(name, optional, name.len);
            if (name.len > 3 && view_is(view_slice(name, name.len - 3, name.len), "...")) {
                name = view_slice(name, 0, name.len - 3);
            }
            const ProtobufCFieldDescriptor *field = field_named(command->input, name);
            ck_assert_msg(field != NULL || view_is(name, "ID"), "%s: no argument %.*s",
                          command->name, VIEW_FMT(name));
            const char *word = "1";
            if (field != NULL && field->type == PROTOBUF_C_TYPE_ENUM) {
                word = ((const ProtobufCEnumDescriptor *)field->descriptor)->values[1].name;
            }
            words[count++] = arena_string(&cli.arena, view_of(word));
        }
        if (command->run == NULL) {
            ck_assert_int_eq(command_run_generic(&cli, command, count, words), CLI_USAGE);
            words[count++] = arena_string(&cli.arena, view_of("more"));
            bool rest = count > 1 && strstr(command->positional, "...") != NULL;
            ck_assert(rest || command_run_generic(&cli, command, count, words) == CLI_USAGE);
        }
        arena_release(&cli.arena);
    }
}
END_TEST

/* A field of the record, or of a message in it: "account_iban". */
static bool record_has(const ProtobufCMessageDescriptor *record, const char *name)
{
    for (unsigned i = 0; record != NULL && i < record->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &record->fields[i];
        size_t len = strlen(field->name);
        if (strcmp(field->name, name) == 0 ||
            (field->type == PROTOBUF_C_TYPE_MESSAGE && strncmp(field->name, name, len) == 0 &&
             name[len] == '_' && record_has(field->descriptor, name + len + 1))) {
            return true;
        }
    }
    return false;
}

/* The help of each command shows a line that can be typed: it is that command, with options that it
 * has. */
START_TEST(each_command_has_an_example)
{
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        size_t len = strlen(command->name);
        const char *example = command->example;
        ck_assert_msg(command->summary != NULL && command->summary[0] != '\0', "%s says nothing",
                      command->name);
        ck_assert_msg(example != NULL && strncmp(example, command->name, len) == 0 &&
                          (example[len] == '\0' || example[len] == ' '),
                      "%s has no example", command->name);
        struct view rest = view_of(example);
        struct view word;
        while (rest.len > 0 && view_cut(&rest, ' ', &word)) {
            char option[64];
            if (!view_starts(word, "--") || view_is(word, "--json")) {
                continue;
            }
            snprintf(option, sizeof option, "%.*s", VIEW_FMT(word));
            bool has = strstr(command->arguments, option) != NULL;
            for (char *c = option; *c != '\0'; c++) {
                *c = *c == '-' ? '_' : *c;
            }
            has |= record_has(record_of(command), option + 2);
            ck_assert_msg(has, "%s: %.*s", command->name, VIEW_FMT(word));
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli");
    TCase *tc = tcase_create("cli");
    tcase_add_test(tc, columns_and_records_are_in_the_contract);
    tcase_add_test(tc, options_of_the_help_are_in_the_contract);
    tcase_add_test(tc, every_argument_has_a_field);
    tcase_add_test(tc, each_command_has_an_example);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
