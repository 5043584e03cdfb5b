/* ImportStays: each line is looked at once, all before the first is recorded; sites and holders are
 * remembered for the length of the request. Told twice with the same content counts once, so an
 * import that was stopped half way is sent again as it is. */
#include "core/csv/csv.h"
#include "core/ident/uuid.h"
#include "core/visit/stay.h"
#include "service/desk/memory.h"
#include "wire/pack.h"

enum { REPORTS_MAX = 1000 };

enum { VISIT_ID, SITE_ID, HOLDER_ID, RESOURCE, CHECK_IN, CHECK_OUT, MEDIUM, SOURCE, COLUMNS };

static const struct csv_column columns[COLUMNS] = {
    [VISIT_ID] = {"visit_id", false},   [SITE_ID] = {"site_id", false},
    [HOLDER_ID] = {"holder_id", false}, [RESOURCE] = {"resource", false},
    [CHECK_IN] = {"check_in", false},   [CHECK_OUT] = {"check_out", false},
    [MEDIUM] = {"medium", false},       [SOURCE] = {"source", false},
};

struct stay_line {
    struct uuid visit_id;
    struct desk_site *site;
    const char *holder_id;
    Passerelle__V1__Resource resource;
    int64_t in_utc_ms;
    int64_t out_utc_ms; /* 0: none */
    Passerelle__V1__Medium medium;
    Passerelle__V1__Source source;
    uint32_t line;
};

struct import {
    struct stay_line *lines; /* to be recorded */
    size_t count;
    size_t max;
    struct map told;    /* visit id, 16 bytes, to the stay_line of this file */
    struct map sites;   /* site id to desk_site; &refused: not the caller's, or not there */
    struct map holders; /* holder id to its copy; `refused`: unknown */
    Passerelle__V1__ImportTableResponse *report;
};

static char refused[1];

/* ---- one line ---- */

struct word {
    const char *text;
    int value;
};
static const struct word resources[] = {{"desk", 1}, {"meeting_room", 2}, {"booth", 3}};
static const struct word media[] = {{"phone", 1}, {"card", 2}};
static const struct word sources[] = {{"online", 1}, {"offline", 2}, {"paper", 3}};

static int word_of(struct view text, const struct word *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (view_is(text, words[i].text)) {
            return words[i].value;
        }
    }
    return 0;
}

static struct desk_site *site_of(struct service *service, struct call *call, struct import *import,
                                 struct view id)
{
    void *known = map_get(&import->sites, id);
    if (known == NULL) {
        struct call probe = *call; /* so that a line out of scope fails the line, not the call */
        known = scope_site(service, &probe, id) == 0 ? desk_site(service, id) : NULL;
        known = known == NULL ? refused : known;
        map_put(&import->sites, id, known);
    }
    return known == refused ? NULL : known;
}

static const char *holder_of(struct service *service, struct call *call, struct import *import,
                             struct view id)
{
    char *known = map_get(&import->holders, id);
    if (known == NULL) {
        known = registry_holder(service->db, call->arena, id) == NULL
                    ? refused
                    : arena_string(call->arena, id);
        map_put(&import->holders, id, known);
    }
    return known == refused ? NULL : known;
}

static int read_times(const struct view *fields, struct stay_line *line, struct fault *fault)
{
    if (instant_parse(fields[CHECK_IN], &line->in_utc_ms) != E_OK) {
        return fault_set(fault, E_INVALID,
                         "check_in '%.*s' is no instant: write 2026-10-01T05:57:06.574Z",
                         VIEW_FMT(fields[CHECK_IN]));
    }
    line->out_utc_ms = 0;
    if (fields[CHECK_OUT].len > 0 && instant_parse(fields[CHECK_OUT], &line->out_utc_ms) != E_OK) {
        return fault_set(fault, E_INVALID,
                         "check_out '%.*s' is no instant: write 2026-10-01T10:58:37.861Z, or leave "
                         "it empty",
                         VIEW_FMT(fields[CHECK_OUT]));
    }
    if (fields[CHECK_OUT].len > 0 && line->out_utc_ms < line->in_utc_ms) {
        return fault_set(fault, E_INVALID, "check_out is before check_in: mend the times");
    }
    return 0;
}

static int read_words(const struct view *fields, struct stay_line *line, struct fault *fault)
{
    int resource = word_of(fields[RESOURCE], resources, ARRAY_LEN(resources));
    int medium = word_of(fields[MEDIUM], media, ARRAY_LEN(media));
    int source = word_of(fields[SOURCE], sources, ARRAY_LEN(sources));
    if (resource == 0) {
        return fault_set(fault, E_INVALID,
                         "resource '%.*s' is unknown: write desk, meeting_room or booth",
                         VIEW_FMT(fields[RESOURCE]));
    }
    if (medium == 0) {
        return fault_set(fault, E_INVALID, "medium '%.*s' is unknown: write phone or card",
                         VIEW_FMT(fields[MEDIUM]));
    }
    if (source == 0) {
        return fault_set(fault, E_INVALID,
                         "source '%.*s' is unknown: write online, offline or paper",
                         VIEW_FMT(fields[SOURCE]));
    }
    line->resource = (Passerelle__V1__Resource)resource;
    line->medium = (Passerelle__V1__Medium)medium;
    line->source = (Passerelle__V1__Source)source;
    return 0;
}

static int read_line(struct service *service, struct call *call, struct import *import,
                     const struct view *fields, struct stay_line *line, struct fault *fault)
{
    if (uuid_parse(fields[VISIT_ID], &line->visit_id) != E_OK) {
        return fault_set(fault, E_INVALID, "visit_id '%.*s' is no UUID in lower case",
                         VIEW_FMT(fields[VISIT_ID]));
    }
    int err = read_words(fields, line, fault);
    if (err == E_OK) {
        err = read_times(fields, line, fault);
    }
    if (err != E_OK) {
        return err;
    }
    line->site = site_of(service, call, import, fields[SITE_ID]);
    if (line->site == NULL) {
        return fault_set(fault, E_NOT_FOUND, "there is no site '%.*s' of yours: import it first",
                         VIEW_FMT(fields[SITE_ID]));
    }
    if (!line->site->kept_here) {
        return fault_set(fault, E_CONFLICT,
                         "the site %.*s keeps its own ledger: import this at its daemon",
                         VIEW_FMT(fields[SITE_ID]));
    }
    line->holder_id = holder_of(service, call, import, fields[HOLDER_ID]);
    if (line->holder_id == NULL) {
        return fault_set(fault, E_NOT_FOUND, "there is no holder '%.*s': import it first",
                         VIEW_FMT(fields[HOLDER_ID]));
    }
    if (site_capacity(line->site->site, line->resource) == 0) {
        return fault_set(fault, E_INVALID, "the site %.*s has no %.*s: mend the line, or the site",
                         VIEW_FMT(fields[SITE_ID]), VIEW_FMT(fields[RESOURCE]));
    }
    return 0;
}

/* ---- told twice ---- */

static bool same_line(const struct stay_line *a, const struct stay_line *b)
{
    return a->site == b->site && strcmp(a->holder_id, b->holder_id) == 0 &&
           a->resource == b->resource && a->in_utc_ms == b->in_utc_ms &&
           a->out_utc_ms == b->out_utc_ms && a->medium == b->medium && a->source == b->source;
}

/* By key, which is by feed first: the order of the index, so that nothing is sorted. */
DB_SQL(select_told, "SELECT feed_no, holder_id, resource, in_utc_ms, out_utc_ms, medium, source "
                    "FROM visit WHERE visit_id = :visit_id ORDER BY visit_key LIMIT 1");

/* 0: new; 1: told before, the same; E_CONFLICT: told before with other content. */
static int told_before(struct service *service, struct import *import, struct stay_line *line,
                       struct fault *fault)
{
    struct view key = view_bytes(line->visit_id.bytes, sizeof line->visit_id.bytes);
    const struct stay_line *here = map_get(&import->told, key);
    bool told = here != NULL;
    bool same = told && same_line(here, line);
    if (!told) {
        struct query *query = db_query(service->db, &select_told);
        query_bind_blob(query, "visit_id", key);
        if (query_next(query)) {
            told = true;
            same = query_int(query, 0) == line->site->feed_no &&
                   view_is(query_text(query, 1), line->holder_id) &&
                   query_int(query, 2) == (int64_t)line->resource &&
                   query_int(query, 3) == line->in_utc_ms &&
                   query_int(query, 4) == line->out_utc_ms &&
                   query_int(query, 5) == (int64_t)line->medium &&
                   query_int(query, 6) == (int64_t)line->source;
            query_end(query);
        }
    }
    if (told && !same) {
        return fault_set(fault, E_CONFLICT,
                         "this visit was told before with other content: correct it at its site, "
                         "or give this stay an id of its own");
    }
    return told ? 1 : 0;
}

static void report_refused(struct call *call, struct import *import, uint32_t line,
                           struct view subject, const struct fault *fault)
{
    Passerelle__V1__ImportTableResponse *report = import->report;
    report->refused++;
    if (report->n_reports == REPORTS_MAX) {
        return;
    }
    if (report->reports == NULL) {
        report->reports = ARENA_ARRAY(call->arena, REPORTS_MAX, Passerelle__V1__LineReport *);
    }
    Passerelle__V1__LineReport *one =
        wire_new(call->arena, &passerelle__v1__line_report__descriptor);
    one->line = line;
    one->verdict = PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_REFUSED;
    one->subject = text_is_printable(subject) ? wire_string(call->arena, view_slice(subject, 0, 64))
                                              : wire_string(call->arena, VIEW_LIT(""));
    one->problem = wire_string(call->arena, view_of(fault->text));
    report->reports[report->n_reports++] = one;
}

static void take_line(struct service *service, struct call *call, struct import *import,
                      const struct csv_row *row, const size_t *map)
{
    struct fault fault = FAULT_NONE;
    struct view fields[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++) {
        fields[i] = csv_field(row, map[i]);
    }
    struct stay_line line = {.line = (uint32_t)row->line};
    import->report->lines++;
    int told = read_line(service, call, import, fields, &line, &fault);
    if (told == E_OK) {
        told = told_before(service, import, &line, &fault);
    }
    if (told < 0) {
        report_refused(call, import, line.line, fields[VISIT_ID], &fault);
    } else if (told == 1) {
        import->report->unchanged++;
    } else {
        if (import->count == import->max) { /* cannot be: a line has a byte at least */
            return;
        }
        struct stay_line *kept = &import->lines[import->count++];
        *kept = line;
        map_put(&import->told, view_bytes(kept->visit_id.bytes, sizeof kept->visit_id.bytes), kept);
        import->report->added++;
    }
}

static int read_file(struct service *service, struct call *call, struct import *import)
{
    const Passerelle__V1__ImportStaysRequest *request = (const void *)call->request;
    struct fault fault = FAULT_NONE;
    struct csv csv;
    struct csv_row *row = ARENA_NEW(call->arena, struct csv_row);
    size_t map[COLUMNS];
    struct view text = wire_view(request->csv);
    csv_init(&csv, text, call->arena);
    int got = csv_next(&csv, row, &fault);
    if (got == 0) {
        fault_set(&fault, E_INVALID, "the file is empty: send its header line too");
        got = E_INVALID;
    }
    if (got == 1) {
        got = csv_header_match(row, columns, COLUMNS, map, &fault) == E_OK ? 1 : E_INVALID;
    }
    if (got != 1) {
        return call_violation(call, "csv", "%s", fault.text);
    }
    csv.line = request->first_line == 0 ? csv.line : request->first_line;
    size_t lines = 1;
    for (size_t i = 0; i < text.len; i++) {
        lines += text.data[i] == '\n';
    }
    import->max = lines;
    import->lines = ARENA_ARRAY(call->arena, lines, struct stay_line);
    while ((got = csv_next(&csv, row, &fault)) == 1) {
        take_line(service, call, import, row, map);
    }
    return got == 0 ? 0 : call_violation(call, "csv", "%s", fault.text);
}

int import_decide(struct service *service, struct call *call)
{
    struct import *import = ARENA_NEW(call->arena, struct import);
    call->decision = import;
    desk_refresh(service);
    import->report = wire_new(call->arena, &passerelle__v1__import_table_response__descriptor);
    map_init(&import->told, 5);
    map_init(&import->sites, 6);
    map_init(&import->holders, 7);
    int err = read_file(service, call, import);
    map_release(&import->told);
    map_release(&import->sites);
    map_release(&import->holders);
    return err;
}

int import_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__ImportStaysRequest *request = (const void *)call->request;
    struct import *import = call->decision;
    Passerelle__V1__ImportStaysResponse *response = call_respond(call);
    response->report = import->report;
    import->report->done = import->report->refused == 0;
    if (!import->report->done && !request->partial) {
        import->report->added = 0;
        return 0;
    }
    if (request->dry_run || import->count == 0) {
        return 0;
    }
    uint8_t(*nonces)[16] = arena_array(call->arena, import->count, 16);
    env_random(service->node->env, nonces, import->count * 16);
    for (size_t i = 0; i < import->count; i++) {
        struct stay_line *line = &import->lines[i];
        if (line->site->feed_no == 0) {
            journal_open_feed(service, line->site->id, view_of("hub"));
            line->site = desk_site(service, line->site->id);
        }
        Passerelle__V1__StayRecorded stay = PASSERELLE__V1__STAY_RECORDED__INIT;
        stay.visit_id = wire_bytes(view_bytes(line->visit_id.bytes, 16));
        stay.holder_id = (char *)(uintptr_t)line->holder_id;
        stay.resource = line->resource;
        stay.in_utc_ms = line->in_utc_ms;
        stay.out_utc_ms = line->out_utc_ms;
        stay.medium = line->medium;
        stay.source = line->source;
        stay.line = line->line - 1; /* the header is line 1 */
        stay.nonce = wire_bytes(view_bytes(nonces[i], 16));
        journal_append(service, view_of(call->who.author), line->site->id,
                       PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_STAY_RECORDED, &stay.base);
    }
    /* Too many to follow one by one. */
    desk_changed_much(service->desk);
    return 0;
}
