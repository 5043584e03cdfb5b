/* What would this month have cost? Reads a network and its stays from CSV files, rates and closes
 * in memory, with the code that the hub closes with, and asks nobody. */
#include "cli/commands.h"

#include <assert.h>
#include <unistd.h>

#include "core/close/document.h"
#include "core/close/result_json.h"
#include "core/ident/uuid.h"
#include "core/records/memory.h"
#include "core/records/roster_fill.h"

enum { FILE_BYTES_MAX = 1024 * 1024 * 1024 };

struct simulation {
    struct cli *cli;
    struct memory memory;
    struct roster roster;
    struct stay *stays;
    size_t count;
    size_t capacity;
    struct map told; /* visit id -> struct record_stay as first told */
    size_t refused;
    const char *path; /* of the file that is being read */
};

static void refuse_line(void *context, size_t line, const char *sentence)
{
    struct simulation *s = context;
    fprintf(stderr, "%s:%zu: %s\n", s->path, line, sentence);
    s->refused++;
}

/* In the order in which one needs the other. Stops of trucks decide who may come in, not what a
 * stay costs: they are not read. */
static const struct {
    Passerelle__V1__Table table;
    const char *name;
    bool may_lack;
} files[] = {
    {PASSERELLE__V1__TABLE__TABLE_MEMBERS, "members", false},
    {PASSERELLE__V1__TABLE__TABLE_TARIFFS, "tariffs", false},
    {PASSERELLE__V1__TABLE__TABLE_SITES, "sites", false},
    {PASSERELLE__V1__TABLE__TABLE_EMPLOYERS, "employers", false},
    {PASSERELLE__V1__TABLE__TABLE_PLANS, "plans", false},
    {PASSERELLE__V1__TABLE__TABLE_CARNETS, "carnets", true},
    {PASSERELLE__V1__TABLE__TABLE_HOLDERS, "holders", false},
};

static int read_network(struct simulation *s, const char *dir, const char *tariffs)
{
    int status = CLI_OK;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char *path = arena_printf(&s->cli->arena, "%s/%s.csv", dir, files[i].name);
        if (files[i].table == PASSERELLE__V1__TABLE__TABLE_TARIFFS && tariffs != NULL) {
            path = arena_string(&s->cli->arena, view_of(tariffs));
        }
        if (files[i].may_lack && access(path, F_OK) != 0) {
            continue;
        }
        struct view csv;
        struct fault fault = FAULT_NONE;
        s->path = path;
        if (!cli_read_file(s->cli, path, FILE_BYTES_MAX, &csv)) {
            return CLI_FAILED;
        }
        if (memory_read(&s->memory, files[i].table, csv, refuse_line, s, &fault) != E_OK) {
            if (fault.text[0] != '\0') {
                cli_fail(CLI_REFUSED, "%s: %s", path, fault.text);
            }
            status = CLI_REFUSED;
        }
    }
    return status;
}

static int fill_one(struct simulation *s, size_t table, const ProtobufCMessage *record,
                    struct fault *fault)
{
    switch (files[table].table) {
    case PASSERELLE__V1__TABLE__TABLE_MEMBERS:
        return roster_fill_member(&s->roster, (const void *)record, fault);
    case PASSERELLE__V1__TABLE__TABLE_TARIFFS:
        return roster_fill_tariff(&s->roster, (const void *)record, fault);
    case PASSERELLE__V1__TABLE__TABLE_SITES:
        return roster_fill_site(&s->roster, (const void *)record, &s->cli->arena, fault);
    case PASSERELLE__V1__TABLE__TABLE_EMPLOYERS:
        return roster_fill_employer(&s->roster, (const void *)record, fault);
    case PASSERELLE__V1__TABLE__TABLE_PLANS:
        return roster_fill_plan(&s->roster, (const void *)record, fault);
    case PASSERELLE__V1__TABLE__TABLE_CARNETS:
        return roster_fill_carnet(&s->roster, (const void *)record, fault);
    case PASSERELLE__V1__TABLE__TABLE_HOLDERS: {
        const Passerelle__V1__Holder *holder = (const void *)record;
        return roster_fill_holder(&s->roster, holder->holder_id, holder->plan_id,
                                  holder->active_from, holder->active_to, fault);
    }
    default:
        return E_OK;
    }
}

static int fill_roster(struct simulation *s)
{
    struct fault fault = FAULT_NONE;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        const struct memory_list *list = &s->memory.records[files[i].table];
        for (size_t k = 0; k < list->count; k++) {
            if (fill_one(s, i, list->items[k], &fault) != E_OK) {
                return cli_fail(CLI_FAILED, "%s", fault.text);
            }
        }
    }
    if (roster_freeze(&s->roster, &fault) != E_OK) {
        return cli_fail(CLI_FAILED, "%s", fault.text);
    }
    return CLI_OK;
}

static bool same_stay(const struct record_stay *a, const struct record_stay *b)
{
    return strcmp(a->site_id, b->site_id) == 0 && strcmp(a->holder_id, b->holder_id) == 0 &&
           a->resource == b->resource && a->in_utc_ms == b->in_utc_ms &&
           a->out_utc_ms == b->out_utc_ms && a->medium == b->medium && a->source == b->source;
}

static void add_stay(struct simulation *s, const struct record_stay *record)
{
    if (s->count == s->capacity) {
        s->capacity = s->capacity == 0 ? 4096 : s->capacity * 2;
        s->stays = xrealloc(s->stays, s->capacity, sizeof *s->stays);
    }
    struct stay *stay = &s->stays[s->count++];
    struct uuid id;
    int err = uuid_parse(view_of(record->visit_id), &id);
    assert(err == E_OK);
    *stay = (struct stay){
        .in_utc_ms = record->in_utc_ms,
        .out_utc_ms = record->out_utc_ms == 0 ? STAY_NO_OUT : record->out_utc_ms,
        .resource = (uint8_t)(record->resource - PASSERELLE__V1__RESOURCE__RESOURCE_DESK),
    };
    memcpy(stay->visit_id, id.bytes, sizeof stay->visit_id);
    bool found = names_find(&s->roster.site_ids, view_of(record->site_id), &stay->site);
    assert(found);
    found = names_find(&s->roster.holder_ids, view_of(record->holder_id), &stay->holder);
    assert(found);
}

/* RULES "Files": told twice with the same content counts once, with other content is refused. A
 * line that is refused has told nothing, as at the hub: what mends it may follow. */
static int take_stay(struct simulation *s, struct month month, struct record_stay *record,
                     struct fault *fault)
{
    const struct record_stay *first = map_get(&s->told, view_of(record->visit_id));
    if (first != NULL) {
        return same_stay(first, record)
                   ? E_OK
                   : fault_set(fault, E_CONFLICT,
                               "visit %s was told before with other content: the first one counts",
                               record->visit_id);
    }
    int err = stay_admit(&s->memory.known, record, fault);
    if (err != E_OK) {
        return err;
    }
    map_put(&s->told, view_of(record->visit_id), record);
    if (month_of(day_of_instant(record->in_utc_ms)).number != month.number) {
        char text[8];
        month_format(month, text);
        return fault_set(fault, E_INVALID, "check_in lies outside %s: it belongs to another file",
                         text);
    }
    add_stay(s, record);
    return E_OK;
}

static int read_stays(struct simulation *s, const char *dir, const char *month_text,
                      struct month month)
{
    const struct record_table *table = record_table(PASSERELLE__V1__TABLE__TABLE_VISITS);
    char *path = arena_printf(&s->cli->arena, "%s/visits-%s.csv", dir, month_text);
    struct view csv;
    struct fault fault = FAULT_NONE;
    s->path = path;
    if (!cli_read_file(s->cli, path, FILE_BYTES_MAX, &csv)) {
        return CLI_FAILED;
    }
    struct csv reader;
    struct csv_row row;
    size_t map[CSV_FIELDS_MAX];
    struct arena scratch = ARENA_INIT;
    csv_init(&reader, csv, &scratch);
    int got = csv_next(&reader, &row, &fault);
    if (got <= 0 || record_header(table, &row, map, &fault) != E_OK) {
        arena_release(&scratch);
        return cli_fail(CLI_FAILED, "%s: %s", path, got == 0 ? "the file is empty" : fault.text);
    }
    while ((got = csv_next(&reader, &row, &fault)) > 0) {
        struct record_stay *record = ARENA_NEW(&s->cli->arena, struct record_stay);
        struct fault line = FAULT_NONE;
        table->init(record);
        if (record_read(table, &row, map, &s->cli->arena, record, &line) != E_OK) {
            refuse_line(s, row.line, line.text);
        } else if (take_stay(s, month, record, &line) != E_OK) {
            refuse_line(s, row.line, line.text);
        }
        arena_clear(&scratch);
    }
    arena_release(&scratch);
    return got < 0 ? cli_fail(CLI_FAILED, "%s: %s", path, fault.text) : CLI_OK;
}

static int compute(struct simulation *s, struct month month, enum netting_mode mode)
{
    struct close_input input = {
        .month = month,
        .stays = s->stays,
        .stay_count = s->count,
        .mode = mode,
        .carry_minimum = CLOSE_CARRY_MINIMUM,
    };
    struct close_result result = CLOSE_RESULT_INIT;
    struct fault fault = FAULT_NONE;
    int status = CLI_OK;
    if (roster_check_tariff(&s->roster, month_first(month), month_last(month), &fault) != E_OK ||
        close_run(&result, &s->roster, &input, &fault) != E_OK) {
        status = cli_fail(CLI_FAILED, "%s", fault.text);
    } else if (s->cli->json) {
        struct buf text = BUF_INIT;
        close_result_json(&result, &s->roster, &text);
        fwrite(text.data, 1, text.len, stdout);
        buf_release(&text);
    } else {
        period_print(s->cli, document_of_result(&result, &s->roster, &s->cli->arena));
    }
    close_result_release(&result);
    return status;
}

int cmd_simulate(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *tariffs = NULL;
    const char *mode = "operator";
    bool strict = cli_option(&argc, argv, "--strict", NULL);
    cli_option(&argc, argv, "--tariffs", &tariffs);
    cli_option(&argc, argv, "--mode", &mode);
    int status = cli_options_end(command, argc, argv);
    struct month month;
    if (status != CLI_OK || argc != 2) {
        return status != CLI_OK ? status : cli_usage(command, "a folder and a month are needed");
    }
    if (month_parse(view_of(argv[1]), &month) != E_OK) {
        return cli_usage(command, "'%s' is no month: write 2026-10", argv[1]);
    }
    bool direct = strcmp(mode, "direct") == 0;
    if (!direct && strcmp(mode, "operator") != 0) {
        return cli_usage(command, "--mode is operator or direct");
    }
    struct simulation *s = ARENA_NEW(&cli->arena, struct simulation);
    uint64_t seed;
    env_random(&env_system, &seed, sizeof seed);
    s->cli = cli;
    memory_init(&s->memory, seed);
    roster_init(&s->roster, seed);
    map_init(&s->told, seed);
    status = read_network(s, argv[0], tariffs);
    status = status == CLI_OK ? fill_roster(s) : status;
    status = status == CLI_OK ? read_stays(s, argv[0], argv[1], month) : status;
    status = status == CLI_OK && strict && s->refused > 0 ? CLI_REFUSED : status;
    status =
        status == CLI_OK ? compute(s, month, direct ? NETTING_DIRECT : NETTING_OPERATOR) : status;
    free(s->stays);
    map_release(&s->told);
    roster_release(&s->roster);
    memory_release(&s->memory);
    return status;
}
