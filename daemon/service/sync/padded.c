#include "service/sync/padded.h"

#include "core/visit/padding.h"
#include "service/sync/problems.h"
#include "store/feed/feed.h"
#include "store/view/registry.h"
#include "store/view/visits.h"
#include "wire/pack.h"

#define BY(name) PASSERELLE__V1__PADDED_BY__PADDED_BY_##name

enum { EVIDENCE_STAYS = 8 };

/* A site with a feed. */
struct looked_at {
    int64_t feed_no;
    const Passerelle__V1__Site *site;
    struct opening_hours hours;
    size_t evidence_count; /* entries of its longest stays, the longest first */
    int64_t evidence_minutes[EVIDENCE_STAYS];
    int64_t evidence_keys[EVIDENCE_STAYS];
};

struct looking {
    struct service *service;
    struct arena *arena;
    struct looked_at *at; /* by feed_no */
    struct padding_site *sites;
    struct padding_finding *findings;
    size_t count;
};

/* ---- counting ---- */

static void read_sites(struct looking *l)
{
    struct feed_id feed;
    size_t room = (size_t)registry_count(l->service->db, REGISTRY_SITES);
    l->at = ARENA_ARRAY(l->arena, room + 1, struct looked_at);
    l->sites = ARENA_ARRAY(l->arena, room + 1, struct padding_site);
    l->findings = ARENA_ARRAY(l->arena, room + 1, struct padding_finding);
    struct query *list = feed_list(l->service->db);
    while (feed_list_next(list, &feed)) {
        const Passerelle__V1__Site *site =
            registry_site(l->service->db, l->arena, view_of(feed.name));
        struct fault fault = FAULT_NONE;
        if (site != NULL && l->count < room) {
            struct looked_at *at = &l->at[l->count++];
            *at = (struct looked_at){.feed_no = feed.no, .site = site};
            /* A site without hours never opens: then it is like its peers, or it is not. */
            if (site->opening_hours[0] != '\0' &&
                opening_hours_parse(view_of(site->opening_hours), &at->hours, &fault) != E_OK) {
                at->hours = (struct opening_hours){0};
            }
        }
    }
}

static size_t place_of(const struct looking *l, int64_t feed_no)
{
    size_t low = 0;
    size_t high = l->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (l->at[middle].feed_no < feed_no) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < l->count && l->at[low].feed_no == feed_no ? low : SIZE_MAX;
}

/* The stay of a row, and its signs; false when it is still open, or of no site. */
static bool stay_of(const struct looking *l, const struct visit_row *row, size_t place,
                    struct padding_stay *stay, unsigned *signs)
{
    if (place == SIZE_MAX || row->state != PASSERELLE__V1__VISIT_STATE__VISIT_STATE_CLOSED) {
        return false;
    }
    bool paper = row->source == PASSERELLE__V1__SOURCE__SOURCE_PAPER;
    *stay = (struct padding_stay){
        .in_utc_ms = row->in_utc_ms,
        .out_utc_ms = row->out_utc_ms,
        .desk = row->resource == PASSERELLE__V1__RESOURCE__RESOURCE_DESK,
        .auto_closed = row->auto_closed,
        .card = !paper && row->medium == PASSERELLE__V1__MEDIUM__MEDIUM_CARD,
        .paper = paper,
    };
    *signs = padding_signs(stay, l->at[place].site, &l->at[place].hours);
    return true;
}

static bool count_row(void *context, const struct visit_row *row)
{
    struct looking *l = context;
    struct padding_stay stay;
    unsigned signs;
    size_t place = place_of(l, row->feed_no);
    if (stay_of(l, row, place, &stay, &signs)) {
        padding_add(&l->sites[place], &stay, signs);
    }
    return true;
}

/* ---- evidence ---- */

static bool is_telling(const struct padding_finding *finding, const struct padding_stay *stay,
                       unsigned signs)
{
    const struct padding_figure *length = &finding->figures[PADDING_LONG_STAYS];
    bool telling = stay->desk && length->stands_out && padding_minutes(stay) >= length->value;
    for (unsigned sign = 0; sign < PADDING_LONG_STAYS; sign++) {
        telling |= finding->figures[sign].stands_out && (signs >> sign & 1) != 0;
    }
    return telling;
}

static bool gather_row(void *context, const struct visit_row *row)
{
    struct looking *l = context;
    struct padding_stay stay;
    unsigned signs;
    size_t place = place_of(l, row->feed_no);
    if (place == SIZE_MAX || !l->findings[place].stands_out ||
        !stay_of(l, row, place, &stay, &signs) ||
        !is_telling(&l->findings[place], &stay, signs)) {
        return true;
    }
    struct looked_at *at = &l->at[place];
    int64_t minutes = padding_minutes(&stay);
    size_t i = at->evidence_count < EVIDENCE_STAYS ? at->evidence_count++ : EVIDENCE_STAYS - 1;
    if (at->evidence_keys[i] != 0 && at->evidence_minutes[i] >= minutes) {
        return true;
    }
    for (; i > 0 && at->evidence_minutes[i - 1] < minutes; i--) {
        at->evidence_minutes[i] = at->evidence_minutes[i - 1];
        at->evidence_keys[i] = at->evidence_keys[i - 1];
    }
    at->evidence_minutes[i] = minutes;
    at->evidence_keys[i] = row->visit_key;
    return true;
}

static void add_evidence(struct looking *l, const struct looked_at *at,
                         Passerelle__V1__LedgerProblem *problem)
{
    problem->evidence = ARENA_ARRAY(l->arena, EVIDENCE_STAYS, ProtobufCBinaryData);
    for (size_t i = 0; i < at->evidence_count; i++) {
        struct feed_entry entry;
        uint64_t seq = (uint64_t)at->evidence_keys[i] & FEED_SEQ_MAX;
        struct query *read = feed_read(l->service->db, at->feed_no, seq, seq);
        if (feed_read_next(read, &entry)) {
            problem->evidence[problem->n_evidence++] =
                wire_bytes(arena_copy(l->arena, entry.bytes));
        }
        query_end(read);
    }
}

/* ---- telling ---- */

static const struct {
    Passerelle__V1__PaddedBy by;
    const char *before; /* its value */
    const char *behind;
} signs_told[PADDING_SIGNS] = {
    [PADDING_AUTO_CLOSED] = {BY(AUTO_CLOSED), "closed by the clock ", " of 1,000 stays"},
    [PADDING_CARD] = {BY(CARD), "by card ", " of 1,000 stays"},
    [PADDING_PAPER] = {BY(PAPER), "from paper ", " of 1,000 stays"},
    [PADDING_OUT_OF_HOURS] = {BY(OUT_OF_HOURS), "out of hours ", " of 1,000 stays"},
    [PADDING_LONG_STAYS] = {BY(LONG_STAYS), "one in ten lasts ", " minutes or more"},
};

static char *sentence_of(struct arena *arena, const struct padding_finding *finding,
                         const Passerelle__V1__LedgerProblem *problem)
{
    struct buf text = BUF_INIT;
    buf_printf(&text, "the %u stays of %s in %s look padded beside those of %u peers:",
               problem->stays, problem->feed_id, problem->month, problem->peers);
    const char *before = " ";
    for (int sign = 0; sign < PADDING_SIGNS; sign++) {
        const struct padding_figure *figure = &finding->figures[sign];
        if (figure->stands_out) {
            buf_printf(&text, "%s%s%lld%s (theirs: %lld, half of them within %lld)", before,
                       signs_told[sign].before, (long long)figure->value, signs_told[sign].behind,
                       (long long)figure->median, (long long)figure->deviation);
            before = "; ";
        }
    }
    buf_text(&text, ". Ask the site, and open a dispute on what was not");
    char *sentence = wire_string(arena, buf_content(&text));
    buf_release(&text);
    return sentence;
}

static Passerelle__V1__LedgerProblem *tell(struct looking *l, size_t i, struct month month)
{
    char text[8];
    const struct padding_finding *finding = &l->findings[i];
    Passerelle__V1__LedgerProblem *problem =
        wire_new(l->arena, &passerelle__v1__ledger_problem__descriptor);
    month_format(month, text);
    problem->kind = PASSERELLE__V1__LEDGER_PROBLEM_KIND__LEDGER_PROBLEM_KIND_PADDED;
    problem->feed_id = l->at[i].site->site_id;
    problem->month = wire_string(l->arena, view_of(text));
    problem->stays = l->sites[i].stays;
    problem->peers = finding->peers;
    problem->figures = ARENA_ARRAY(l->arena, PADDING_SIGNS, Passerelle__V1__PaddedFigure *);
    for (int sign = 0; sign < PADDING_SIGNS; sign++) {
        Passerelle__V1__PaddedFigure *figure =
            wire_new(l->arena, &passerelle__v1__padded_figure__descriptor);
        figure->by = signs_told[sign].by;
        figure->value = finding->figures[sign].value;
        figure->median = finding->figures[sign].median;
        figure->deviation = finding->figures[sign].deviation;
        figure->stands_out = finding->figures[sign].stands_out;
        problem->figures[problem->n_figures++] = figure;
    }
    problem->sentence = sentence_of(l->arena, finding, problem);
    add_evidence(l, &l->at[i], problem);
    return problem;
}

static int by_feed(const void *a, const void *b)
{
    const Passerelle__V1__LedgerProblem *const *left = a;
    const Passerelle__V1__LedgerProblem *const *right = b;
    return strcmp((*left)->feed_id, (*right)->feed_id);
}

void padded_find(struct service *service, struct arena *arena, struct month month,
                 struct padded *out)
{
    struct db *db = service->db;
    struct looking l = {.service = service, .arena = arena};
    bool any = false;
    *out = (struct padded){.month = month};
    read_sites(&l);
    Passerelle__V1__Zone *zones = ARENA_ARRAY(arena, l.count + 1, Passerelle__V1__Zone);
    for (size_t i = 0; i < l.count; i++) {
        zones[i] = l.at[i].site->zone;
    }
    visits_of_days(db, month_first(month), month_last(month), count_row, &l);
    padding_look(l.sites, zones, l.count, registry_policy(db, arena), l.findings);
    for (size_t i = 0; i < l.count; i++) {
        any |= l.findings[i].stands_out;
    }
    if (!any) {
        return;
    }
    visits_of_days(db, month_first(month), month_last(month), gather_row, &l);
    out->problems = ARENA_ARRAY(arena, l.count, Passerelle__V1__LedgerProblem *);
    for (size_t i = 0; i < l.count; i++) {
        if (l.findings[i].stands_out) {
            out->problems[out->count++] = tell(&l, i, month);
        }
    }
    qsort(out->problems, out->count, sizeof *out->problems, by_feed);
}

void padded_note(struct service *service, struct arena *arena, const struct padded *padded)
{
    for (size_t i = 0; i < padded->count; i++) {
        problem_note_month(service, arena, padded->month, padded->problems[i]);
    }
}

void padded_warn(struct arena *arena, const struct padded *padded, Passerelle__V1__Period *period)
{
    period->warnings = ARENA_ARRAY(arena, padded->count + 1, Passerelle__V1__Blocker *);
    for (size_t i = 0; i < padded->count; i++) {
        Passerelle__V1__Blocker *warning = wire_new(arena, &passerelle__v1__blocker__descriptor);
        warning->reason = wire_string(arena, VIEW_LIT("stays_look_padded"));
        warning->subject = padded->problems[i]->feed_id;
        warning->description = padded->problems[i]->sentence;
        period->warnings[period->n_warnings++] = warning;
    }
}

/* ---- the method ---- */

struct month padded_month(struct day today)
{
    return (struct month){month_of(today).number - 1};
}

void find_padded_look(struct service *service, struct call *call)
{
    const Passerelle__V1__FindPaddedRequest *request = (const void *)call->request;
    struct padded *padded = ARENA_NEW(call->arena, struct padded);
    struct month month;
    if (month_parse(view_of(request->month), &month) == E_OK) {
        padded_find(service, call->arena, month, padded);
        call->prepared = padded;
    }
}

int find_padded_decide(struct service *service, struct call *call)
{
    struct month month;
    const Passerelle__V1__FindPaddedRequest *request = (const void *)call->request;
    if (call_check_month(call, request->month, &month) != 0) {
        return -1;
    }
    if (call->prepared == NULL) {
        find_padded_look(service, call);
    }
    return 0;
}

int find_padded_apply(struct service *service, struct call *call)
{
    const struct padded *padded = call->prepared;
    Passerelle__V1__FindPaddedResponse *response = call_respond(call);
    padded_note(service, call->arena, padded);
    response->problems = padded->problems;
    response->n_problems = padded->count;
    return 0;
}
