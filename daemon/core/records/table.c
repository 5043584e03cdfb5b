#include "core/records/table.h"

#include <assert.h>

#include "base/map.h"
#include "core/records/columns.h"
#include "core/visit/stay.h"
#include "wire/pack.h"

#define TABLE(name) PASSERELLE__V1__TABLE__TABLE_##name
#define VERDICT(name) PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_##name

struct reading {
    const struct record_table *table;
    const struct known *known;
    struct arena *arena;
    struct table_reading *out;
    size_t line_alloc;
    size_t put_alloc;
    struct map seen;   /* key -> struct seen: lines of this file */
    struct map groups; /* stops, tariffs: key -> struct group */
    struct group **group_list;
    size_t group_count, group_alloc;
    const char *operator_id; /* known, or of this file */
};

/* Lines that become one message. */
struct group {
    struct view key;
    size_t *lines; /* indexes into out->lines */
    void **records;
    size_t count, alloc;
    const ProtobufCMessage *before;
    bool refused;
};

/* ---- one record against what is known ---- */

static int missing(struct fault *fault, const char *column, const char *noun, const char *id)
{
    return fault_set(fault, E_NOT_FOUND, "%s: there is no %s %s: add it first or correct the id",
                     column, noun, id);
}

static int member_admit(const struct known *known, const Passerelle__V1__Member *before,
                        const Passerelle__V1__Member *after, struct fault *fault)
{
    const char *operator_id = known->operator_id(known->context);
    if (after->is_operator && operator_id[0] != '\0' &&
        strcmp(operator_id, after->member_id) != 0) {
        return fault_set(fault, E_CONFLICT,
                         "is_operator: %s is the operator already: a network "
                         "has exactly one",
                         operator_id);
    }
    if (before != NULL && before->is_operator && !after->is_operator) {
        return fault_set(fault, E_CONFLICT,
                         "is_operator: the network would have no operator: leave "
                         "it at 1");
    }
    return 0;
}

static int employer_admit(const struct known *known, const Passerelle__V1__Employer *after,
                          struct fault *fault)
{
    const Passerelle__V1__Member *issuer =
        known->member(known->context, view_of(after->issuer_member_id));
    if (issuer == NULL) {
        return missing(fault, "issuer_member_id", "member", after->issuer_member_id);
    }
    if (!issuer->is_issuer) {
        return fault_set(fault, E_INVALID,
                         "issuer_member_id: member %s sells no passes: make it "
                         "an issuer or name another",
                         after->issuer_member_id);
    }
    return 0;
}

static int carnet_admit(const struct known *known, const Passerelle__V1__Carnet *before,
                        const Passerelle__V1__Carnet *after, struct fault *fault)
{
    const Passerelle__V1__Plan *plan = known->plan(known->context, view_of(after->plan_id));
    if (plan == NULL) {
        return missing(fault, "plan_id", "plan", after->plan_id);
    }
    if (plan->type != PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_CARNET) {
        return fault_set(fault, E_INVALID, "plan_id: %s is no carnet plan: name one that is",
                         after->plan_id);
    }
    if (before != NULL) {
        return fault_set(fault, E_CONFLICT,
                         "carnet_id: carnet %s is sold and never changes: give "
                         "the new one an id of its own",
                         after->carnet_id);
    }
    return 0;
}

static int holder_admit(const struct known *known, const Passerelle__V1__Holder *after,
                        struct fault *fault)
{
    if (known->employer(known->context, view_of(after->employer_id)) == NULL) {
        return missing(fault, "employer_id", "employer", after->employer_id);
    }
    const Passerelle__V1__Plan *plan = known->plan(known->context, view_of(after->plan_id));
    if (plan == NULL || strcmp(plan->employer_id, after->employer_id) != 0) {
        return fault_set(fault, E_NOT_FOUND,
                         "plan_id: employer %s has no plan %s: add it first or "
                         "correct the id",
                         after->employer_id, after->plan_id);
    }
    return 0;
}

int record_admit(Passerelle__V1__Table table, const struct known *known,
                 const ProtobufCMessage *before, const ProtobufCMessage *after, struct fault *fault)
{
    int err = 0;
    switch (table) {
    case TABLE(MEMBERS):
        err = member_admit(known, (const void *)before, (const void *)after, fault);
        break;
    case TABLE(SITES):
    case TABLE(STOPS): {
        const Passerelle__V1__Site *site = (const void *)after;
        if (known->member(known->context, view_of(site->member_id)) == NULL) {
            err = missing(fault, "member_id", "member", site->member_id);
        }
        break;
    }
    case TABLE(EMPLOYERS):
        err = employer_admit(known, (const void *)after, fault);
        break;
    case TABLE(PLANS): {
        const Passerelle__V1__Plan *plan = (const void *)after;
        if (known->employer(known->context, view_of(plan->employer_id)) == NULL) {
            err = missing(fault, "employer_id", "employer", plan->employer_id);
        }
        break;
    }
    case TABLE(CARNETS):
        err = carnet_admit(known, (const void *)before, (const void *)after, fault);
        break;
    case TABLE(HOLDERS):
        err = holder_admit(known, (const void *)after, fault);
        break;
    case TABLE(TARIFFS):
        if (before != NULL) {
            err = fault_set(fault, E_CONFLICT,
                            "version: version %u is published and never changes: "
                            "publish these prices under a new number",
                            ((const Passerelle__V1__TariffVersion *)after)->version);
        }
        break;
    default:
        break;
    }
    if (err == 0 && known->object != NULL) {
        err = known->object(known->context, table, before, after, fault);
    }
    return err;
}

int stay_admit(const struct known *known, const struct record_stay *stay, struct fault *fault)
{
    const Passerelle__V1__Site *site = known->site(known->context, view_of(stay->site_id));
    if (site == NULL) {
        return missing(fault, "site_id", "site", stay->site_id);
    }
    if (known->holder(known->context, view_of(stay->holder_id)) == NULL) {
        return missing(fault, "holder_id", "holder", stay->holder_id);
    }
    if (site_capacity(site, stay->resource) == 0) {
        return fault_set(fault, E_INVALID,
                         "resource: site %s has no %s: correct the resource or "
                         "the site",
                         stay->site_id, record_resource_word(stay->resource));
    }
    return 0;
}

/* ---- lines and puts ---- */

static void *grown(struct arena *arena, void *items, size_t count, size_t *alloc, size_t size)
{
    if (count < *alloc) {
        return items;
    }
    size_t more = *alloc == 0 ? 64 : *alloc * 2;
    void *copy = arena_array(arena, more, size);
    if (count > 0) {
        memcpy(copy, items, count * size);
    }
    *alloc = more;
    return copy;
}

static struct table_line *line_add(struct reading *r, size_t line)
{
    struct table_reading *out = r->out;
    out->lines = grown(r->arena, out->lines, out->count, &r->line_alloc, sizeof *out->lines);
    out->lines[out->count] = (struct table_line){.line = line, .subject = "", .problem = ""};
    return &out->lines[out->count++];
}

static void line_refuse(struct reading *r, struct table_line *line, const struct fault *fault)
{
    line->verdict = VERDICT(REFUSED);
    line->problem = arena_string(r->arena, view_of(fault->text));
}

static struct table_put *put_add(struct reading *r, struct table_put put)
{
    struct table_reading *out = r->out;
    out->puts = grown(r->arena, out->puts, out->put_count, &r->put_alloc, sizeof *out->puts);
    out->puts[out->put_count] = put;
    return &out->puts[out->put_count++];
}

/* The same thing twice in one file: E_EXISTS names the first line. Lines are told by index + 1. */
static int first_time(struct reading *r, const char *subject, struct view key, struct fault *fault)
{
    size_t index = r->out->count - 1;
    uintptr_t before = (uintptr_t)map_get(&r->seen, key);
    if (before != 0) {
        return fault_set(fault, E_EXISTS, "%s %s stands in line %zu already: keep one of the two",
                         r->table->noun, subject, r->out->lines[before - 1].line);
    }
    map_put(&r->seen, key, (void *)(index + 1));
    return 0;
}

/* ---- tables with one record a line ---- */

/* What the CSV does not say is kept from what is there. */
static const ProtobufCMessage *before_of(struct reading *r, void *record)
{
    const struct known *known = r->known;
    void *context = known->context;
    switch (r->table->table) {
    case TABLE(MEMBERS): {
        struct record_member *m = record;
        m->account.member_id = m->member.member_id;
        const Passerelle__V1__Member *before = known->member(context, view_of(m->member.member_id));
        if (before != NULL) {
            m->member.sepa_creditor_id = before->sepa_creditor_id;
            m->member.self_billing_mandate = before->self_billing_mandate;
        }
        return (const void *)before;
    }
    case TABLE(SITES): {
        Passerelle__V1__Site *site = record;
        const Passerelle__V1__Site *before = known->site(context, view_of(site->site_id));
        if (before != NULL) {
            site->state = before->state;
            if (site->kind == PASSERELLE__V1__SITE_KIND__SITE_KIND_ITINERANT) {
                site->stops = before->stops;
                site->n_stops = before->n_stops;
            }
        }
        return (const void *)before;
    }
    case TABLE(EMPLOYERS): {
        struct record_employer *e = record;
        e->employer.mandate = e->mandate.iban[0] != '\0' ? &e->mandate : NULL;
        return (const void *)known->employer(context, view_of(e->employer.employer_id));
    }
    case TABLE(PLANS): {
        Passerelle__V1__Plan *plan = record;
        const Passerelle__V1__Plan *before = known->plan(context, view_of(plan->plan_id));
        plan->offline_rule = before != NULL ? before->offline_rule : plan->offline_rule;
        return (const void *)before;
    }
    case TABLE(CARNETS): {
        Passerelle__V1__Carnet *carnet = record;
        const Passerelle__V1__Carnet *before = known->carnet(context, view_of(carnet->carnet_id));
        carnet->vat_basis_points = before != NULL ? before->vat_basis_points : 0;
        return (const void *)before;
    }
    default:
        assert(r->table->table == TABLE(HOLDERS));
        return (const void *)known->holder(context,
                                           view_of(((Passerelle__V1__Holder *)record)->holder_id));
    }
}

static void account_compare(struct reading *r, struct record_member *record, struct table_put *put)
{
    if (record->account.iban[0] == '\0') {
        return;
    }
    const Passerelle__V1__BankAccount *before =
        r->known->account(r->known->context, view_of(record->member.member_id));
    if (before == NULL || !wire_equal(&before->base, &record->account.base)) {
        put->account = &record->account;
        put->account_changes = before != NULL && strcmp(before->iban, record->account.iban) != 0;
    }
}

/* A record of this file that later lines of the same file must see: the operator. */
static int within_file(struct reading *r, const void *record, struct fault *fault)
{
    if (r->table->table != TABLE(MEMBERS)) {
        return 0;
    }
    const Passerelle__V1__Member *member = &((const struct record_member *)record)->member;
    if (!member->is_operator) {
        return 0;
    }
    if (r->operator_id != NULL && strcmp(r->operator_id, member->member_id) != 0) {
        return fault_set(fault, E_CONFLICT,
                         "is_operator: %s is the operator already: a network "
                         "has exactly one",
                         r->operator_id);
    }
    r->operator_id = member->member_id;
    return 0;
}

static int read_line(struct reading *r, const struct csv_row *row, const size_t *map,
                     struct table_line *line, void *record, struct fault *fault)
{
    struct fault own = FAULT_NONE;
    int err = record_read(r->table, row, map, r->arena, record, &own);
    if (err == 0) {
        return 0;
    }
    struct fault unreadable = FAULT_NONE;
    if (r->known->only_computes &&
        record_parse(r->table, row, map, r->arena, record, &unreadable) == 0) {
        line->problem = arena_string(r->arena, view_of(own.text));
        return 0;
    }
    return fault_set(fault, own.code, "%s", own.text);
}

static int one_line(struct reading *r, const struct csv_row *row, const size_t *map,
                    struct fault *fault)
{
    struct table_line *line = line_add(r, row->line);
    void *record = arena_alloc(r->arena, r->table->size);
    int err = read_line(r, row, map, line, record, fault);
    struct view id = csv_field(row, map[0]);
    line->subject = arena_string(r->arena, id.len > 64 ? VIEW_NONE : id);
    if (err != 0 || (err = first_time(r, line->subject, id, fault)) != 0 ||
        (err = within_file(r, record, fault)) != 0) {
        return err;
    }
    /* record_member and record_employer begin with their message. */
    struct table_put put = {.line = row->line, .before = before_of(r, record), .after = record};
    if (r->table->table == TABLE(MEMBERS)) {
        account_compare(r, record, &put);
    }
    put.same = put.before != NULL && wire_equal(put.before, put.after);
    if (put.same && put.account == NULL) {
        line->verdict = VERDICT(UNCHANGED);
        return 0;
    }
    if (!put.same) {
        err = record_admit(r->table->table, r->known, put.before, put.after, fault);
    }
    if (err == 0) {
        line->verdict = put.before == NULL ? VERDICT(ADDED) : VERDICT(CHANGED);
        put_add(r, put);
    }
    return err;
}

/* ---- stops and tariffs: lines that belong together ---- */

static struct group *group_of(struct reading *r, struct view key)
{
    struct group *group = map_get(&r->groups, key);
    if (group == NULL) {
        group = ARENA_NEW(r->arena, struct group);
        group->key = arena_copy(r->arena, key);
        map_put(&r->groups, key, group);
        r->group_list =
            grown(r->arena, r->group_list, r->group_count, &r->group_alloc, sizeof *r->group_list);
        r->group_list[r->group_count++] = group;
    }
    return group;
}

static void group_add(struct reading *r, struct group *group, void *record)
{
    size_t alloc = group->alloc;
    group->records =
        grown(r->arena, group->records, group->count, &group->alloc, sizeof *group->records);
    group->lines = grown(r->arena, group->lines, group->count, &alloc, sizeof *group->lines);
    group->records[group->count] = record;
    group->lines[group->count++] = r->out->count - 1;
}

static int stop_line(struct reading *r, struct record_stop *stop, struct group *group,
                     struct fault *fault)
{
    const Passerelle__V1__Site *site = r->known->site(r->known->context, view_of(stop->site_id));
    if (site == NULL) {
        return missing(fault, "site_id", "site", stop->site_id);
    }
    if (site->kind != PASSERELLE__V1__SITE_KIND__SITE_KIND_ITINERANT) {
        return fault_set(fault, E_INVALID,
                         "site_id: %s is not itinerant: only such a site has "
                         "stops",
                         stop->site_id);
    }
    group->before = &site->base;
    return 0;
}

static bool same_prices(const Passerelle__V1__TariffVersion *version,
                        const Passerelle__V1__TariffRow *row)
{
    for (size_t i = 0; i < version->n_rows; i++) {
        if (wire_equal(&version->rows[i]->base, &row->base)) {
            return true;
        }
    }
    return false;
}

static int tariff_line(struct reading *r, struct record_tariff *tariff, struct group *group,
                       struct fault *fault)
{
    const char *key =
        arena_printf(r->arena, "%u %s/%s/%s/%s", tariff->version, tariff->row.category,
                     record_zone_word(tariff->row.zone), record_resource_word(tariff->row.resource),
                     record_unit_word(tariff->row.unit));
    int err = first_time(r, key, view_of(key), fault);
    if (err != 0) {
        return err;
    }
    const struct record_tariff *first = group->count > 0 ? group->records[0] : tariff;
    if (strcmp(first->valid_from, tariff->valid_from) != 0) {
        return fault_set(fault, E_CONFLICT,
                         "valid_from: version %u begins on %s in line %zu: a "
                         "version has one first day",
                         tariff->version, first->valid_from, r->out->lines[group->lines[0]].line);
    }
    const Passerelle__V1__TariffVersion *known =
        r->known->tariff(r->known->context, tariff->version);
    if (known != NULL &&
        (strcmp(known->valid_from, tariff->valid_from) != 0 || !same_prices(known, &tariff->row))) {
        return fault_set(fault, E_CONFLICT,
                         "version: version %u is published and never changes: "
                         "publish these prices under a new number",
                         tariff->version);
    }
    group->before = known == NULL ? NULL : &known->base;
    return 0;
}

static int grouped_line(struct reading *r, const struct csv_row *row, const size_t *map,
                        struct fault *fault)
{
    struct table_line *line = line_add(r, row->line);
    void *record = arena_alloc(r->arena, r->table->size);
    int err = read_line(r, row, map, line, record, fault);
    struct view id = csv_field(row, map[0]);
    line->subject = arena_string(r->arena, id.len > 64 ? VIEW_NONE : id);
    struct group *group = group_of(r, id);
    if (err == 0) {
        err = r->table->table == TABLE(STOPS) ? stop_line(r, record, group, fault)
                                              : tariff_line(r, record, group, fault);
    }
    if (err == 0) {
        group_add(r, group, record);
    } else {
        group->refused = true;
    }
    return err;
}

static const ProtobufCMessage *site_with_stops(struct reading *r, const struct group *group)
{
    Passerelle__V1__Site *site = ARENA_NEW(r->arena, Passerelle__V1__Site);
    *site = *(const Passerelle__V1__Site *)group->before;
    site->stops = ARENA_ARRAY(r->arena, group->count, Passerelle__V1__Stop *);
    for (size_t i = 0; i < group->count; i++) {
        site->stops[i] = &((struct record_stop *)group->records[i])->stop;
    }
    site->n_stops = group->count;
    return &site->base;
}

static const ProtobufCMessage *version_of_rows(struct reading *r, const struct group *group)
{
    const struct record_tariff *first = group->records[0];
    Passerelle__V1__TariffVersion *version = ARENA_NEW(r->arena, Passerelle__V1__TariffVersion);
    passerelle__v1__tariff_version__init(version);
    version->version = first->version;
    version->valid_from = first->valid_from;
    version->rows = ARENA_ARRAY(r->arena, group->count, Passerelle__V1__TariffRow *);
    for (size_t i = 0; i < group->count; i++) {
        version->rows[i] = &((struct record_tariff *)group->records[i])->row;
    }
    version->n_rows = group->count;
    return &version->base;
}

/* Two versions of this file with one first day. */
static int group_first_day(struct reading *r, const struct group *group, struct fault *fault)
{
    const struct record_tariff *first = group->records[0];
    for (size_t i = 0; r->group_list[i] != group; i++) {
        const struct group *other = r->group_list[i];
        const struct record_tariff *theirs = other->count > 0 ? other->records[0] : NULL;
        if (theirs != NULL && strcmp(theirs->valid_from, first->valid_from) == 0) {
            return fault_set(fault, E_CONFLICT,
                             "valid_from: versions %u and %u both begin on %s: "
                             "give one another first day",
                             theirs->version, first->version, first->valid_from);
        }
    }
    return 0;
}

static int group_check(struct reading *r, const struct group *group, const ProtobufCMessage *after,
                       struct fault *fault)
{
    int err;
    if (r->table->table == TABLE(STOPS)) {
        err = site_check((const Passerelle__V1__Site *)after, fault);
    } else {
        err = group_first_day(r, group, fault);
        /* Each line told its own objection; the roster refuses a row that is there twice. */
        if (err == 0 && !r->known->only_computes) {
            err = tariff_check((const Passerelle__V1__TariffVersion *)after, fault);
        }
    }
    return err == 0 ? record_admit(r->table->table, r->known, group->before, after, fault) : err;
}

static bool stop_is_known(const Passerelle__V1__Site *site, const struct record_stop *record)
{
    for (size_t i = 0; i < site->n_stops; i++) {
        if (wire_equal(&site->stops[i]->base, &record->stop.base)) {
            return true;
        }
    }
    return false;
}

/* A version that is there already has all these rows: grouped lines saw to that. */
static void group_finish(struct reading *r, struct group *group)
{
    bool stops = r->table->table == TABLE(STOPS);
    if (group->count == 0) {
        return;
    }
    const ProtobufCMessage *after =
        stops ? site_with_stops(r, group)
              : (group->before != NULL ? group->before : version_of_rows(r, group));
    bool same = group->before != NULL && wire_equal(group->before, after);
    struct fault fault = FAULT_NONE;
    if (!same && !group->refused && group_check(r, group, after, &fault) != 0) {
        line_refuse(r, &r->out->lines[group->lines[0]], &fault);
        group->refused = true;
    }
    for (size_t i = 0; i < group->count; i++) {
        struct table_line *line = &r->out->lines[group->lines[i]];
        bool known =
            same || (stops && stop_is_known((const void *)group->before, group->records[i]));
        if (line->verdict != VERDICT(REFUSED)) {
            line->verdict = known ? VERDICT(UNCHANGED) : VERDICT(ADDED);
        }
    }
    if (!same && !group->refused) {
        put_add(r, (struct table_put){.line = r->out->lines[group->lines[0]].line,
                                      .before = group->before,
                                      .after = after});
    }
}

/* ---- the file ---- */

static int lines_read(struct reading *r, struct view text, size_t lines_max, struct fault *fault)
{
    struct csv csv;
    struct csv_row row;
    size_t map[CSV_FIELDS_MAX];
    csv_init(&csv, text, r->arena);
    int got = csv_next(&csv, &row, fault);
    if (got == 0) {
        return fault_set(fault, E_INVALID, "the file is empty: its first line names the columns");
    }
    if (got < 0 || (got = record_header(r->table, &row, map, fault)) != 0) {
        return got;
    }
    bool grouped = r->table->table == TABLE(STOPS) || r->table->table == TABLE(TARIFFS);
    while ((got = csv_next(&csv, &row, fault)) == 1) {
        struct fault own = FAULT_NONE;
        if (lines_max > 0 && r->out->count == lines_max) {
            return fault_set(fault, E_LIMIT,
                             "line %zu: more than %zu lines at once: send the file "
                             "in parts",
                             row.line, lines_max);
        }
        int err = grouped ? grouped_line(r, &row, map, &own) : one_line(r, &row, map, &own);
        if (err != 0) {
            line_refuse(r, &r->out->lines[r->out->count - 1], &own);
        }
    }
    return got;
}

static void verdicts_count(struct table_reading *out)
{
    for (size_t i = 0; i < out->count; i++) {
        switch (out->lines[i].verdict) {
        case VERDICT(ADDED):
            out->added++;
            break;
        case VERDICT(CHANGED):
            out->changed++;
            break;
        case VERDICT(UNCHANGED):
            out->unchanged++;
            break;
        default:
            out->refused++;
            break;
        }
    }
}

int table_read(Passerelle__V1__Table number, struct view csv, const struct known *known,
               size_t lines_max, struct arena *arena, struct table_reading *out,
               struct fault *fault)
{
    struct reading r = {.table = record_table(number), .known = known, .arena = arena, .out = out};
    assert(r.table != NULL && number != TABLE(VISITS));
    *out = (struct table_reading){.table = number};
    map_init(&r.seen, csv.len);
    map_init(&r.groups, csv.len);
    int err = lines_read(&r, csv, lines_max, fault);
    if (err == 0) {
        for (size_t i = 0; i < r.group_count; i++) {
            group_finish(&r, r.group_list[i]);
        }
        verdicts_count(out);
    }
    map_release(&r.seen);
    map_release(&r.groups);
    return err;
}
