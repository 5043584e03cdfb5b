/* Runs a row that is a method: options and arguments become fields of the request, by the names in
 * the contract; the response becomes a table. */
#include "cli/command.h"
#include "cli/table.h"

#include <assert.h>

#include "base/text.h"
#include "core/day/day.h"
#include "wire/pack.h"
#include "wire/reflect.h"

/* ---- text to field ---- */

/* "desk" or "RESOURCE_DESK" or 1. */
static bool parse_enum(struct arena *arena, const ProtobufCEnumDescriptor *descriptor,
                       const char *text, int32_t *out)
{
    for (unsigned i = 0; i < descriptor->n_values; i++) {
        const ProtobufCEnumValue *value = &descriptor->values[i];
        if (view_is_nocase(view_of(text), value->name) ||
            (value->value != 0 &&
             view_is_nocase(view_of(text), table_enum_word(arena, descriptor, value->value)))) {
            *out = value->value;
            return true;
        }
    }
    return false;
}

static const char *enum_words(struct arena *arena, const ProtobufCEnumDescriptor *descriptor)
{
    const char *words = NULL;
    for (unsigned i = 0; i < descriptor->n_values; i++) {
        if (descriptor->values[i].value != 0) {
            const char *word = table_enum_word(arena, descriptor, descriptor->values[i].value);
            words = words == NULL ? word : arena_printf(arena, "%s, %s", words, word);
        }
    }
    return words;
}

/* An instant as RFC 3339 with or without milliseconds, or as milliseconds. */
static bool parse_instant(const char *text, int64_t *out)
{
    char whole[32];
    size_t n = strlen(text);
    if (n == 20 && text[19] == 'Z') {
        snprintf(whole, sizeof whole, "%.19s.000Z", text);
        return instant_parse(view_of(whole), out) == E_OK;
    }
    return instant_parse(view_of(text), out) == E_OK || text_i64(view_of(text), out) == E_OK;
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);
    return n > m && strcmp(name + n - m, suffix) == 0;
}

/* Degrees with at most five decimals, "43.0025", as a count of the fifth. */
static bool parse_degrees(const char *text, int64_t *out)
{
    bool south = text[0] == '-';
    text += south;
    const char *point = strchr(text, '.');
    size_t decimals = point == NULL ? 0 : strlen(point + 1);
    size_t whole = point == NULL ? strlen(text) : (size_t)(point - text);
    char digits[24];
    if (decimals > 5 || whole > 4 || (point != NULL && decimals == 0)) {
        return false;
    }
    snprintf(digits, sizeof digits, "%.*s%s%.*s", (int)whole, text, point == NULL ? "" : point + 1,
             (int)(5 - decimals), "00000");
    const char *first = digits + strspn(digits, "0");
    uint64_t e5 = 0;
    bool read = *first == '\0' || text_u64(view_of(first), &e5) == E_OK;
    *out = south ? -(int64_t)e5 : (int64_t)e5;
    return read && whole > 0;
}

/* One value into the place for it. False after it said why. */
static bool set_element(struct cli *cli, const ProtobufCFieldDescriptor *field, const char *text,
                        void *at)
{
    int64_t number = 0;
    bool is_instant = ends_with(field->name, "_utc_ms");
    bool is_degrees = ends_with(field->name, "_e5");
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        *(char **)at = wire_string(&cli->arena, view_of(text));
        return true;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)at = strcmp(text, "no") != 0 && strcmp(text, "false") != 0;
        return true;
    case PROTOBUF_C_TYPE_ENUM:
        if (!parse_enum(&cli->arena, field->descriptor, text, at)) {
            cli_fail(CLI_USAGE, "%s cannot be '%s': use one of %s", field->name, text,
                     enum_words(&cli->arena, field->descriptor));
            return false;
        }
        return true;
    case PROTOBUF_C_TYPE_BYTES: {
        uint8_t *bytes = arena_alloc(&cli->arena, strlen(text) / 2);
        if (text_from_hex(view_of(text), bytes, strlen(text) / 2) != E_OK) {
            cli_fail(CLI_USAGE, "%s: write bytes as hexadecimal digits", field->name);
            return false;
        }
        *(ProtobufCBinaryData *)at = (ProtobufCBinaryData){strlen(text) / 2, bytes};
        return true;
    }
    default:
        break;
    }
    bool read = is_instant   ? parse_instant(text, &number)
                : is_degrees ? parse_degrees(text, &number)
                             : text_i64(view_of(text), &number) == E_OK;
    if (!read) {
        cli_fail(CLI_USAGE, "%s cannot be '%s': write %s", field->name, text,
                 is_instant   ? "an instant as 2026-11-03T08:30:00Z"
                 : is_degrees ? "degrees as 43.60426"
                              : "a whole number");
        return false;
    }
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_UINT32:
        if (number < INT32_MIN || number > UINT32_MAX) {
            cli_fail(CLI_USAGE, "%s: %s is too large", field->name, text);
            return false;
        }
        *(uint32_t *)at = (uint32_t)number;
        return true;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT64:
        *(int64_t *)at = number;
        return true;
    default:
        cli_fail(CLI_USAGE, "%s cannot be given on the command line", field->name);
        return false;
    }
}

static bool add_element(struct cli *cli, ProtobufCMessage *message,
                        const ProtobufCFieldDescriptor *field, const char *text)
{
    size_t *count = (size_t *)(void *)((char *)message + field->quantifier_offset);
    size_t size = field_size(field);
    char *items = arena_array(&cli->arena, *count + 1, size);
    char **member = field_member(message, field);
    if (*count > 0) {
        memcpy(items, *member, *count * size);
    }
    if (!set_element(cli, field, text, items + *count * size)) {
        return false;
    }
    *member = items;
    ++*count;
    return true;
}

/* A list may also be given as one value: "wifi|printer". */
static bool set_field(struct cli *cli, ProtobufCMessage *message,
                      const ProtobufCFieldDescriptor *field, const char *text)
{
    if (!field_is_repeated(field)) {
        if (field_is_oneof(field)) {
            *field_oneof_case(message, field) = field->id;
        }
        return set_element(cli, field, text, field_member(message, field));
    }
    struct view rest = view_of(text);
    struct view part;
    while (view_cut(&rest, '|', &part)) {
        if (!add_element(cli, message, field, arena_string(&cli->arena, part))) {
            return false;
        }
    }
    return true;
}

/* ---- arguments to request ---- */

static const ProtobufCFieldDescriptor *field_of_option(const ProtobufCMessage *message,
                                                       const char *option)
{
    char name[64];
    snprintf(name, sizeof name, "%s", option);
    for (char *c = name; *c != '\0'; c++) {
        *c = *c == '-' ? '_' : *c;
    }
    static const char *const suffixes[] = {"", "_id", "_utc_ms", "_cents", "_e5"};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        char full[80];
        snprintf(full, sizeof full, "%s%s", name, suffixes[i]);
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field_by_name(message->descriptor, full);
        if (field != NULL && field->type != PROTOBUF_C_TYPE_MESSAGE) {
            return field;
        }
    }
    return NULL;
}

static ProtobufCMessage *submessage(struct cli *cli, ProtobufCMessage *message, const char *name)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
    ProtobufCMessage **member = field_member(message, field);
    if (*member == NULL) {
        *member = wire_new(&cli->arena, field->descriptor);
    }
    return *member;
}

/* Whether an option, "self-billing-mandate-signed-on", begins with a field's name and a hyphen. */
static bool begins_with_field(const char *option, const char *field)
{
    size_t i = 0;
    while (field[i] != '\0' && option[i] == (field[i] == '_' ? '-' : field[i])) {
        i++;
    }
    return field[i] == '\0' && option[i] == '-';
}

/* The option may name a field of the request, or of the record in it, or of a message in the record
 * ("mandate-iban"). */
static bool set_option(struct cli *cli, const struct command *command, ProtobufCMessage *request,
                       ProtobufCMessage *record, const char *option, const char *text)
{
    ProtobufCMessage *targets[] = {record, request};
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        if (targets[i] == NULL) {
            continue;
        }
        const ProtobufCFieldDescriptor *field = field_of_option(targets[i], option);
        if (field != NULL) {
            if (field_is_repeated(field)) {
                *(size_t *)(void *)((char *)targets[i] + field->quantifier_offset) = 0;
            }
            return set_field(cli, targets[i], field, text);
        }
        for (unsigned k = 0; k < targets[i]->descriptor->n_fields; k++) {
            const ProtobufCFieldDescriptor *outer = &targets[i]->descriptor->fields[k];
            size_t n = strlen(outer->name);
            if (outer->type == PROTOBUF_C_TYPE_MESSAGE && !field_is_repeated(outer) &&
                begins_with_field(option, outer->name)) {
                ProtobufCMessage *inner = submessage(cli, targets[i], outer->name);
                field = field_of_option(inner, option + n + 1);
                if (field != NULL) {
                    return set_field(cli, inner, field, text);
                }
            }
        }
    }
    cli_usage(command, "there is no option --%s", option);
    return false;
}

static bool is_bool_option(const ProtobufCMessage *request, const ProtobufCMessage *record,
                           const char *option)
{
    const ProtobufCFieldDescriptor *field = field_of_option(request, option);
    if (field == NULL && record != NULL) {
        field = field_of_option(record, option);
    }
    return field != NULL && field->type == PROTOBUF_C_TYPE_BOOL;
}

/* Reads the present record, so that only what is named changes. Absent: starts empty. */
static bool read_record(struct cli *cli, const struct command *command, const char *id,
                        ProtobufCMessage *request, int *status)
{
    ProtobufCMessage *ask = wire_new(&cli->arena, command->reads_input);
    const ProtobufCFieldDescriptor *key = NULL;
    ProtobufCMessage *record = submessage(cli, request, command->record);
    const ProtobufCFieldDescriptor *id_field = &record->descriptor->fields[0];
    key = protobuf_c_message_descriptor_get_field_by_name(command->reads_input, id_field->name);
    if (key != NULL) {
        *(char **)field_member(ask, key) = wire_string(&cli->arena, view_of(id));
    }
    /* "Service/Method" when the list belongs to another service. */
    struct view method = view_of(command->reads_method);
    struct view service = view_of(command->service);
    size_t slash = view_find(method, '/');
    if (slash < method.len) {
        service = view_slice(method, 0, slash);
        method = view_slice(method, slash + 1, method.len);
    }
    const ProtobufCMessage *response =
        cli_call(cli, arena_string(&cli->arena, service), arena_string(&cli->arena, method), ask,
                 command->reads_output, status);
    if (response == NULL) {
        return false;
    }
    const ProtobufCFieldDescriptor *list = &response->descriptor->fields[0];
    ProtobufCMessage *const *items =
        *(ProtobufCMessage *const *const *)field_member_const(response, list);
    for (size_t i = 0; i < field_count(response, list); i++) {
        const char *item_id = *(const char *const *)field_member_const(items[i], id_field);
        if (strcmp(item_id, id) == 0) {
            const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(
                request->descriptor, command->record);
            *(ProtobufCMessage **)field_member(request, field) = wire_clone(&cli->arena, items[i]);
            return true;
        }
    }
    *(char **)field_member(record, id_field) = wire_string(&cli->arena, view_of(id));
    return true;
}

static bool set_positional(struct cli *cli, const struct command *command,
                           ProtobufCMessage *request, int argc, char **argv, int *status)
{
    struct view names = view_of(command->positional == NULL ? "" : command->positional);
    struct view name;
    int at = 0;
    while (names.len > 0 && view_cut(&names, ' ', &name)) {
        bool rest = name.len > 3 && view_is(view_slice(name, name.len - 3, name.len), "...");
        bool optional = name.data[0] == '[';
        name = view_slice(name, optional, name.len - (rest ? 3 : 0));
        if (at >= argc && !optional) {
            cli_usage(command, "%.*s is missing", VIEW_FMT(name));
            return false;
        }
        if (at >= argc) {
            continue;
        }
        if (command->record != NULL && view_is(name, "ID")) {
            if (!read_record(cli, command, argv[at++], request, status)) {
                return false;
            }
            continue;
        }
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(
            request->descriptor, arena_string(&cli->arena, name));
        assert(field != NULL);
        do {
            if (!set_field(cli, request, field, argv[at++])) {
                return false;
            }
        } while (rest && at < argc);
    }
    if (at < argc) {
        cli_usage(command, "'%s' is one argument too many", argv[at]);
        return false;
    }
    return true;
}

/* ---- response to text ---- */

static const ProtobufCFieldDescriptor *first_list(const ProtobufCMessage *response)
{
    for (unsigned i = 0; i < response->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &response->descriptor->fields[i];
        if (field_is_repeated(field) && field->type == PROTOBUF_C_TYPE_MESSAGE) {
            return field;
        }
    }
    return NULL;
}

static void print_table(struct cli *cli, const struct command *command,
                        const ProtobufCMessage *response)
{
    const ProtobufCFieldDescriptor *list = first_list(response);
    assert(list != NULL);
    ProtobufCMessage *const *items =
        *(ProtobufCMessage *const *const *)field_member_const(response, list);
    const ProtobufCMessageDescriptor *descriptor = list->descriptor;
    const ProtobufCFieldDescriptor *fields[32];
    size_t count = 0;
    struct view names = view_of(command->columns);
    struct view name;
    while (count < ARRAY_LEN(fields) && view_cut(&names, ' ', &name)) {
        fields[count++] = protobuf_c_message_descriptor_get_field_by_name(
            descriptor, arena_string(&cli->arena, name));
    }
    struct table table;
    table_init(&table, count);
    for (size_t i = 0; i < count; i++) {
        table_add(&table, table_title(&table.arena, fields[i]->name));
        table.right[i] = table_is_number(fields[i]);
    }
    for (size_t row = 0; row < field_count(response, list); row++) {
        for (size_t i = 0; i < count; i++) {
            table_add(&table, table_value(&table.arena, items[row], fields[i]));
        }
    }
    table_print(&table, stdout);
    table_release(&table);
}

static void print_fields(struct cli *cli, const ProtobufCMessage *message, int indent)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (!field_is_set(message, field)) {
            continue;
        }
        const char *title = table_title(&cli->arena, field->name);
        if (field->type != PROTOBUF_C_TYPE_MESSAGE) {
            printf("%*s%s: %s\n", indent, "", title, table_value(&cli->arena, message, field));
            continue;
        }
        const void *member = field_member_const(message, field);
        size_t count = field_is_repeated(field) ? field_count(message, field) : 1;
        ProtobufCMessage *const *items = field_is_repeated(field)
                                             ? *(ProtobufCMessage *const *const *)member
                                             : (ProtobufCMessage *const *)member;
        for (size_t k = 0; k < count; k++) {
            printf("%*s%s:\n", indent, "", title);
            print_fields(cli, items[k], indent + 2);
        }
    }
}

/* A visitor who is refused, and an answer that says "a second operator must do the same", have a
 * status of their own. */
static int status_of(struct cli *cli, const ProtobufCMessage *response)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(response->descriptor, "refusal");
    if (field != NULL && field_is_set(response, field)) {
        return CLI_FAILED;
    }
    field = protobuf_c_message_descriptor_get_field_by_name(response->descriptor, "approval_id");
    if (field == NULL || !field_is_set(response, field)) {
        return CLI_OK;
    }
    if (!cli->json) {
        fprintf(stderr, "This waits for a second operator, who sends the same command.\n");
    }
    return CLI_WAITS;
}

static void list_append(struct cli *cli, const ProtobufCFieldDescriptor *list, ProtobufCMessage *to,
                        const ProtobufCMessage *from)
{
    size_t count = field_count(to, list);
    size_t more = field_count(from, list);
    const void **all = ARENA_ARRAY(&cli->arena, count + more, const void *);
    if (count > 0) {
        memcpy(all, *(void *const *)field_member_const(to, list), count * sizeof *all);
    }
    if (more > 0) {
        memcpy(all + count, *(void *const *)field_member_const(from, list), more * sizeof *all);
    }
    *(const void **)field_member(to, list) = all;
    *(size_t *)(void *)((char *)to + list->quantifier_offset) = count + more;
}

/* The pages behind the first, where a method has them: their items join its list. */
static int pages_follow(struct cli *cli, const struct command *command, ProtobufCMessage *request,
                        ProtobufCMessage *response)
{
    const ProtobufCFieldDescriptor *asks =
        protobuf_c_message_descriptor_get_field_by_name(command->input, "page_token");
    const ProtobufCFieldDescriptor *tells =
        protobuf_c_message_descriptor_get_field_by_name(command->output, "next_page_token");
    const ProtobufCFieldDescriptor *list = first_list(response);
    int status = CLI_OK;
    while (asks != NULL && tells != NULL && list != NULL && field_is_set(response, tells)) {
        char **token = field_member(response, tells);
        *(char **)field_member(request, asks) = *token;
        const ProtobufCMessage *page =
            cli_call(cli, command->service, command->method, request, command->output, &status);
        if (page == NULL) {
            return status;
        }
        list_append(cli, list, response, page);
        *token = *(char *const *)field_member_const(page, tells);
    }
    return status;
}

int command_run_generic(struct cli *cli, const struct command *command, int argc, char **argv)
{
    ProtobufCMessage *request = wire_new(&cli->arena, command->input);
    int status = CLI_USAGE;
    /* Positional arguments first: they may fetch the record that options then change. */
    char **words = ARENA_ARRAY(&cli->arena, (size_t)argc + 1, char *);
    const char **options = ARENA_ARRAY(&cli->arena, (size_t)argc + 1, const char *);
    const char **values = ARENA_ARRAY(&cli->arena, (size_t)argc + 1, const char *);
    int word_count = 0;
    int option_count = 0;
    ProtobufCMessage *record =
        command->record == NULL ? NULL : submessage(cli, request, command->record);
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0) {
            words[word_count++] = argv[i];
            continue;
        }
        options[option_count] = argv[i] + 2;
        bool flag = is_bool_option(request, record, argv[i] + 2);
        if (!flag && i + 1 >= argc) {
            return cli_usage(command, "%s needs a value", argv[i]);
        }
        bool has_value =
            !flag ||
            (i + 1 < argc && (strcmp(argv[i + 1], "yes") == 0 || strcmp(argv[i + 1], "no") == 0));
        values[option_count++] = has_value ? argv[++i] : "yes";
    }
    if (!set_positional(cli, command, request, word_count, words, &status)) {
        return status;
    }
    record = command->record == NULL ? NULL : submessage(cli, request, command->record);
    for (int i = 0; i < option_count; i++) {
        if (!set_option(cli, command, request, record, options[i], values[i])) {
            return CLI_USAGE;
        }
    }
    const ProtobufCFieldDescriptor *id =
        protobuf_c_message_descriptor_get_field_by_name(command->input, "request_id");
    if (id != NULL && !field_is_set(request, id)) {
        *(char **)field_member(request, id) = cli_request_id(cli);
    }
    ProtobufCMessage *response = (void *)(uintptr_t)cli_call(cli, command->service, command->method,
                                                             request, command->output, &status);
    if (response == NULL) {
        return status;
    }
    status = pages_follow(cli, command, request, response);
    if (status != CLI_OK) {
        return status;
    }
    if (cli->json) {
        cli_print_json(response);
    } else if (command->columns != NULL) {
        print_table(cli, command, response);
    } else {
        print_fields(cli, response, 0);
    }
    return status_of(cli, response);
}
