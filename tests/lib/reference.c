#include "tests/lib/reference.h"

#include <assert.h>

#include "base/text.h"

enum { FIELDS_MAX = 32 };

struct table {
    char *bytes;
    struct view rest;
    struct view heads[FIELDS_MAX];
    struct view fields[FIELDS_MAX];
};

char *reference_file(const char *folder, const char *name, size_t *len)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        die("cannot open %s", path);
    }
    struct buf buf = BUF_INIT;
    size_t got;
    do {
        got = fread(buf_reserve(&buf, 1 << 16), 1, 1 << 16, file);
        buf_wrote(&buf, got);
    } while (got > 0);
    fclose(file);
    *len = buf.len;
    return buf_detach(&buf);
}

/* One line into fields; doubled quotes do not occur. */
static bool line_split(struct table *table, struct view *fields)
{
    struct view line;
    if (!view_cut(&table->rest, '\n', &line) || line.len == 0) {
        return false;
    }
    size_t at = 0;
    for (int i = 0; i < FIELDS_MAX && at <= line.len; i++) {
        bool quoted = at < line.len && line.data[at] == '"';
        at += quoted;
        size_t end = at + view_find(view_slice(line, at, line.len), quoted ? '"' : ',');
        fields[i] = view_slice(line, at, end);
        at = end + quoted + 1;
    }
    return true;
}

static void table_open(struct table *table, const char *folder, const char *name)
{
    size_t len;
    *table = (struct table){0};
    table->bytes = reference_file(folder, name, &len);
    table->rest = view_bytes(table->bytes, len);
    bool header = line_split(table, table->heads);
    assert(header);
}

static struct view field(const struct table *table, const char *name)
{
    for (int i = 0; i < FIELDS_MAX; i++) {
        if (view_is(table->heads[i], name)) {
            return table->fields[i];
        }
    }
    die("no column %s", name);
}

static int64_t number(const struct table *table, const char *name, int64_t empty)
{
    struct view text = field(table, name);
    int64_t value = empty;
    if (text.len > 0 && text_i64(text, &value) != 0) {
        die("%s is no number", name);
    }
    return value;
}

static struct day date(const struct table *table, const char *name, struct day empty)
{
    struct view text = field(table, name);
    struct day day = empty;
    if (text.len > 0 && day_parse(text, &day) != 0) {
        die("%s is no day", name);
    }
    return day;
}

static int64_t instant(const struct table *table, const char *name)
{
    int64_t utc_ms = STAY_NO_OUT;
    struct view text = field(table, name);
    if (text.len > 0 && instant_parse(text, &utc_ms) != 0) {
        die("%s is no instant", name);
    }
    return utc_ms;
}

static void added(int error, const struct fault *fault)
{
    if (error != 0) {
        die("reference: %s", fault->text);
    }
}

static void members_load(struct roster *roster, const char *folder)
{
    struct fault fault = FAULT_NONE;
    struct table table;
    table_open(&table, folder, "members.csv");
    while (line_split(&table, table.fields)) {
        struct member member = {
            .vat = {view_is(field(&table, "vat_regime"), "standard") ? 2000 : 0},
            .is_operator = number(&table, "is_operator", 0) == 1,
            .is_issuer = number(&table, "is_issuer", 0) == 1,
        };
        added(roster_add_member(roster, field(&table, "member_id"), member, &fault), &fault);
    }
    free(table.bytes);
}

static void sites_load(struct reference *reference, const char *folder)
{
    struct fault fault = FAULT_NONE;
    struct table table;
    table_open(&table, folder, "sites.csv");
    reference->hours = xcalloc(1024, sizeof(*reference->hours));
    for (size_t i = 0; line_split(&table, table.fields); i++) {
        assert(i < 1024);
        struct site site = {.hours = &reference->hours[i],
                            .offers = {number(&table, "desks", 0) > 0,
                                       number(&table, "meeting_rooms", 0) > 0,
                                       number(&table, "booths", 0) > 0}};
        added(opening_hours_parse(field(&table, "opening_hours"), &reference->hours[i], &fault),
              &fault);
        if (zone_parse(field(&table, "zone"), &site.zone) != 0) {
            die("a site of the reference cannot be read");
        }
        added(roster_add_site(&reference->roster, field(&table, "site_id"),
                              field(&table, "member_id"), field(&table, "category"), site, &fault),
              &fault);
    }
    free(table.bytes);
}

static void tariffs_load(struct roster *roster, const char *folder)
{
    struct fault fault = FAULT_NONE;
    struct table table;
    table_open(&table, folder, "tariffs.csv");
    while (line_split(&table, table.fields)) {
        struct tariff_row row = {
            .version = (uint32_t)number(&table, "version", 0),
            .valid_from = date(&table, "valid_from", DAY_FIRST),
            .category = field(&table, "category"),
            .prices = {CENTS(number(&table, "p_cents", 0)), CENTS(number(&table, "h_cents", 0)),
                       CENTS(number(&table, "f_cents", 0)), CENTS(number(&table, "s_cents", 0))},
        };
        if (zone_parse(field(&table, "zone"), &row.zone) != 0 ||
            resource_parse(field(&table, "resource"), &row.resource) != 0 ||
            unit_parse(field(&table, "unit"), &row.unit) != 0) {
            die("a tariff row of the reference cannot be read");
        }
        added(tariff_add(&roster->tariff, &row, &fault), &fault);
    }
    free(table.bytes);
}

static void contracts_load(struct roster *roster, const char *folder)
{
    struct fault fault = FAULT_NONE;
    struct table table;
    table_open(&table, folder, "employers.csv");
    while (line_split(&table, table.fields)) {
        added(roster_add_employer(roster, field(&table, "employer_id"),
                                  field(&table, "issuer_member_id"), &fault),
              &fault);
    }
    free(table.bytes);
    table_open(&table, folder, "plans.csv");
    while (line_split(&table, table.fields)) {
        struct view type = field(&table, "type");
        struct plan plan = {
            .type = view_is(type, "usage")    ? PLAN_USAGE
                    : view_is(type, "carnet") ? PLAN_CARNET
                                              : PLAN_SUBSCRIPTION,
            .monthly_fee = CENTS(number(&table, "monthly_fee_cents", 0)),
            .included_units = (uint32_t)number(&table, "included_units", 0),
            .holder_cap_cents = number(&table, "holder_cap_cents", -1),
            .contract_cap_cents = number(&table, "contract_cap_cents", -1),
        };
        added(roster_add_plan(roster, field(&table, "plan_id"), field(&table, "employer_id"), plan,
                              &fault),
              &fault);
    }
    free(table.bytes);
}

static void passes_load(struct roster *roster, const char *folder)
{
    struct fault fault = FAULT_NONE;
    struct table table;
    table_open(&table, folder, "carnets.csv");
    while (line_split(&table, table.fields)) {
        struct carnet carnet = {.units = (uint32_t)number(&table, "units", 0),
                                .price = CENTS(number(&table, "price_cents", 0)),
                                .bought_on = date(&table, "bought_on", DAY_FIRST)};
        added(roster_add_carnet(roster, field(&table, "carnet_id"), field(&table, "plan_id"),
                                carnet, (int)number(&table, "valid_months", 0), &fault),
              &fault);
    }
    free(table.bytes);
    table_open(&table, folder, "holders.csv");
    while (line_split(&table, table.fields)) {
        struct holder holder = {.active_from = date(&table, "active_from", DAY_FIRST),
                                .active_to = date(&table, "active_to", DAY_LAST)};
        added(roster_add_holder(roster, field(&table, "holder_id"), field(&table, "plan_id"),
                                holder, &fault),
              &fault);
    }
    free(table.bytes);
}

/* "01a0f609-b58e-..." without the dashes is hex. */
static void visit_id_read(struct view text, uint8_t *id)
{
    char hex[32];
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '-') {
            assert(len < sizeof(hex));
            hex[len++] = text.data[i];
        }
    }
    if (text_from_hex(view_bytes(hex, len), id, 16) != 0) {
        die("a visit id of the reference cannot be read");
    }
}

static void stays_load(struct reference *reference, const char *folder)
{
    struct table table;
    table_open(&table, folder, "visits-2026-10.csv");
    size_t alloc = 1 << 14;
    reference->stays = xmalloc(alloc * sizeof(*reference->stays));
    while (line_split(&table, table.fields)) {
        assert(reference->stay_count < alloc);
        struct stay *stay = &reference->stays[reference->stay_count++];
        *stay = (struct stay){.in_utc_ms = instant(&table, "check_in"),
                              .out_utc_ms = instant(&table, "check_out")};
        enum resource resource;
        if (!names_find(&reference->roster.site_ids, field(&table, "site_id"), &stay->site) ||
            !names_find(&reference->roster.holder_ids, field(&table, "holder_id"), &stay->holder) ||
            resource_parse(field(&table, "resource"), &resource) != 0) {
            die("a stay of the reference cannot be read");
        }
        stay->resource = (uint8_t)resource;
        visit_id_read(field(&table, "visit_id"), stay->visit_id);
    }
    free(table.bytes);
}

void reference_load(struct reference *reference, const char *folder)
{
    struct fault fault = FAULT_NONE;
    *reference = (struct reference){0};
    roster_init(&reference->roster, 1);
    members_load(&reference->roster, folder);
    sites_load(reference, folder);
    tariffs_load(&reference->roster, folder);
    contracts_load(&reference->roster, folder);
    passes_load(&reference->roster, folder);
    added(roster_freeze(&reference->roster, &fault), &fault);
    stays_load(reference, folder);
}

void reference_release(struct reference *reference)
{
    roster_release(&reference->roster);
    free(reference->hours);
    free(reference->stays);
    *reference = (struct reference){0};
}
