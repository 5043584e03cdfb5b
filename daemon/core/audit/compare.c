/* Two settlement documents become rows of a name and a number; rows of the same name are compared.
 * The hub's document is not trusted: its texts are cut to length, its sums do not overflow. */
#include "core/audit/known.h"

#include <stdarg.h>

enum { NAME_BYTES = 256 };

struct row {
    const char *operation;
    const char *gets; /* who gains when the number is larger; "" nobody */
    const char *pays; /* who gains when it is smaller */
    const char *party;
    int64_t number;
    bool cents;
    bool met; /* of the hub's: we have it too */
    char *name;
};

struct rows {
    struct arena *arena;
    struct row **all;
    size_t count, alloc;
};

static struct row *printf_like(4, 5)
    row_add(struct rows *rows, const char *operation, int64_t number, const char *fmt, ...)
{
    char name[NAME_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    if (rows->count == rows->alloc) {
        rows->alloc = rows->alloc == 0 ? 256 : rows->alloc * 2;
        rows->all = xrealloc(rows->all, rows->alloc, sizeof(struct row *));
    }
    struct row *row = ARENA_NEW(rows->arena, struct row);
    *row = (struct row){.operation = operation, .number = number};
    row->gets = row->pays = row->party = "";
    row->name = arena_string(rows->arena, view_of(name));
    rows->all[rows->count++] = row;
    return row;
}

static const char *word_of(const ProtobufCEnumDescriptor *descriptor, int value)
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(descriptor, value);
    return found == NULL ? "?" : found->name;
}

/* "host_invoice" of DOCUMENT_KIND_HOST_INVOICE. */
static void word_write(const ProtobufCEnumDescriptor *descriptor, int value, size_t prefix,
                       char out[static 40])
{
    const char *word = word_of(descriptor, value);
    size_t len = strlen(word);
    size_t at = 0;
    for (size_t i = len > prefix ? prefix : 0; i < len && at < 39; i++) {
        out[at++] = word[i] >= 'A' && word[i] <= 'Z' ? (char)(word[i] - 'A' + 'a') : word[i];
    }
    out[at] = '\0';
}

static int64_t times(int64_t a, int64_t b)
{
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

static int64_t plus(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static void line_name(const Passerelle__V1__DocumentLine *line, char out[static 160])
{
    char kind[40], resource[40] = "", unit[40] = "";
    word_write(&passerelle__v1__line_kind__descriptor, (int)line->kind, strlen("LINE_KIND_"), kind);
    if (line->resource != 0) {
        word_write(&passerelle__v1__resource__descriptor, (int)line->resource, strlen("RESOURCE_"),
                   resource);
        word_write(&passerelle__v1__unit__descriptor, (int)line->unit, strlen("UNIT_"), unit);
    }
    const char *subject = line->plan_id[0] != '\0' ? line->plan_id : line->site_id;
    snprintf(out, 160, "%s%s%.40s%s%s%s%s of %.7s at %lld", kind, subject[0] != '\0' ? " " : "",
             subject, resource[0] != '\0' ? " " : "", resource, unit[0] != '\0' ? " " : "", unit,
             line->month, (long long)line->price_cents);
}

/* "host_invoice from m006 to m001" */
static void document_name(const Passerelle__V1__Document *one, char out[static 160])
{
    char kind[40];
    word_write(&passerelle__v1__document_kind__descriptor, (int)one->kind, strlen("DOCUMENT_KIND_"),
               kind);
    snprintf(out, 160, "%s%s from %.40s to %.40s", kind, one->credit_note ? " (credit note)" : "",
             one->seller_member_id, one->buyer_id);
}

/* The money of a subsidy statement flows to the buyer. */
static void document_row(struct row *row, const Passerelle__V1__Document *one)
{
    bool subsidy = one->kind == PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_SUBSIDY_STATEMENT;
    row->cents = true;
    row->party = one->seller_member_id;
    row->gets = subsidy ? one->buyer_id : one->seller_member_id;
    row->pays = subsidy ? one->seller_member_id : one->buyer_id;
}

static void document_rows(struct rows *rows, const Passerelle__V1__Document *one)
{
    char name[160];
    char line[160];
    document_name(one, name);
    for (size_t i = 0; i < one->n_lines; i++) {
        line_name(one->lines[i], line);
        document_row(row_add(rows, "line",
                             times(one->lines[i]->quantity, one->lines[i]->price_cents),
                             "%.120s: %.120s", name, line),
                     one);
    }
    document_row(row_add(rows, "net", one->net_cents, "%s: net", name), one);
    document_row(row_add(rows, "vat", one->vat_cents, "%s: VAT", name), one);
    document_row(row_add(rows, "gross", one->gross_cents, "%s: gross", name), one);
    row_add(rows, "vat", one->vat_basis_points, "%s: VAT rate, basis points", name)->party =
        one->seller_member_id;
}

static void position_rows(struct rows *rows, const char *operation, const char *words,
                          Passerelle__V1__Position **all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct row *row =
            row_add(rows, operation, all[i]->cents, "%s of %.64s", words, all[i]->member_id);
        row->cents = true;
        row->party = row->gets = all[i]->member_id;
    }
}

static void counts_rows(struct rows *rows, const Passerelle__V1__SettlementDocument *d)
{
    const struct {
        const char *name;
        uint32_t number;
    } counts[] = {
        {"stays", d->stays},
        {"visit-days", d->visit_days},
        {"half-days", d->half_days},
        {"days", d->days},
        {"room hours", d->room_hours},
        {"units used", d->units_used},
        {"stays closed by the clock", d->auto_closed},
        {"stays cut short", d->cut_short},
        {"under five minutes", d->grace},
        {"outside validity", d->outside_validity},
        {"overdraft", d->overdraft},
    };
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        row_add(rows, "count", counts[i].number, "%s", counts[i].name);
    }
    for (size_t i = 0; i < d->n_sites; i++) {
        const Passerelle__V1__SiteTotals *site = d->sites[i];
        row_add(rows, "site", site->half_days, "half-days at %.64s", site->site_id);
        row_add(rows, "site", site->days, "days at %.64s", site->site_id);
        row_add(rows, "site", site->room_hours, "room hours at %.64s", site->site_id);
        row_add(rows, "site", site->host_cents, "host's share at %.64s", site->site_id)->cents =
            true;
    }
}

static void totals_rows(struct rows *rows, const Passerelle__V1__SettlementDocument *d)
{
    for (size_t i = 0; i < d->n_carnet_uses; i++) {
        const Passerelle__V1__CarnetUse *use = d->carnet_uses[i];
        row_add(rows, "carnet_use", use->units, "units of the carnet %.64s in %.7s", use->carnet_id,
                use->month);
    }
    row_add(rows, "total", d->nonzero, "positions that are not 0");
    row_add(rows, "total", d->paid_cents, "the sum paid")->cents = true;
    row_add(rows, "total", (int64_t)d->netting, "netting mode");
    for (size_t i = 0; i < d->n_revised_months; i++) {
        row_add(rows, "total", 1, "%.7s rated again", d->revised_months[i]);
    }
}

/* What causes a difference stands before what follows from it. */
static void rows_make(struct rows *rows, const Passerelle__V1__SettlementDocument *d)
{
    row_add(rows, "count", 1, "month %.7s", d->month);
    counts_rows(rows, d);
    for (size_t i = 0; i < d->n_documents; i++) {
        document_rows(rows, d->documents[i]);
    }
    position_rows(rows, "carried_in", "carried over to this month: position", d->carried_in,
                  d->n_carried_in);
    position_rows(rows, "position", "position", d->positions, d->n_positions);
    position_rows(rows, "carried", "carried over to the next month: position", d->carried,
                  d->n_carried);
    for (size_t i = 0; i < d->n_transfers; i++) {
        const Passerelle__V1__Transfer *one = d->transfers[i];
        struct row *row = row_add(rows, "transfer", one->cents, "transfer from %.64s to %.64s",
                                  one->from_member_id, one->to_member_id);
        row->cents = true;
        row->party = row->gets = one->to_member_id;
        row->pays = one->from_member_id;
    }
    totals_rows(rows, d);
}

static void difference_tell(const struct row *row, int64_t hub, int64_t auditor, audit_found *found,
                            void *context)
{
    struct audit_difference difference = {
        .operation = row->operation,
        .counted = true,
        .cents = row->cents,
        .hub = hub,
        .auditor = auditor,
    };
    snprintf(difference.position, sizeof difference.position, "%s", row->name);
    snprintf(difference.party, sizeof difference.party, "%.64s", row->party);
    snprintf(difference.profitable, sizeof difference.profitable, "%.64s",
             hub > auditor ? row->gets : row->pays);
    snprintf(difference.what, sizeof difference.what,
             row->cents ? "the hub says %lld cents, the feeds give %lld"
                        : "the hub says %lld, the feeds give %lld",
             (long long)hub, (long long)auditor);
    found(context, &difference);
}

size_t documents_compare(const Passerelle__V1__SettlementDocument *hub,
                         const Passerelle__V1__SettlementDocument *ours, uint64_t seed,
                         audit_found *found, void *context)
{
    struct arena arena = ARENA_INIT;
    struct rows theirs = {.arena = &arena};
    struct rows right = {.arena = &arena};
    struct map by_name;
    size_t told = 0;
    rows_make(&theirs, hub);
    rows_make(&right, ours);
    map_init(&by_name, seed);
    for (size_t i = 0; i < theirs.count; i++) {
        if (map_get(&by_name, view_of(theirs.all[i]->name)) == NULL) {
            map_put(&by_name, view_of(theirs.all[i]->name), theirs.all[i]);
        }
    }
    for (size_t i = 0; i < right.count; i++) {
        struct row *row = map_get(&by_name, view_of(right.all[i]->name));
        int64_t says = row == NULL ? 0 : row->number;
        if (row != NULL) {
            row->met = true;
        }
        if (says != right.all[i]->number) {
            difference_tell(right.all[i], says, right.all[i]->number, found, context);
            told++;
        }
    }
    for (size_t i = 0; i < theirs.count; i++) {
        if (!theirs.all[i]->met && theirs.all[i]->number != 0) { /* ours lacks it, or it is twice */
            difference_tell(theirs.all[i], theirs.all[i]->number, 0, found, context);
            told++;
        }
    }
    map_release(&by_name);
    free(theirs.all);
    free(right.all);
    arena_release(&arena);
    return told;
}

static size_t sum_check(struct row row, int64_t says, int64_t gives, const char *sentence,
                        audit_found *found, void *context)
{
    struct audit_difference difference = {
        .operation = "postings", .counted = true, .cents = true, .hub = says, .auditor = gives};
    if (says == gives) {
        return 0;
    }
    snprintf(difference.position, sizeof difference.position, "%s", row.name);
    snprintf(difference.party, sizeof difference.party, "%.64s", row.party);
    snprintf(difference.profitable, sizeof difference.profitable, "%.64s",
             says > gives ? row.gets : row.pays);
    snprintf(difference.what, sizeof difference.what, "%s: %lld cents, not %lld", sentence,
             (long long)says, (long long)gives);
    found(context, &difference);
    return 1;
}

size_t document_check_sums(const Passerelle__V1__SettlementDocument *hub, audit_found *found,
                           void *context)
{
    size_t told = 0;
    int64_t sum = 0;
    for (size_t i = 0; i < hub->n_documents; i++) {
        const Passerelle__V1__Document *one = hub->documents[i];
        char name[160];
        int64_t net = 0;
        struct row row = {.name = name};
        document_name(one, name);
        document_row(&row, one);
        for (size_t k = 0; k < one->n_lines; k++) {
            net = plus(net, times(one->lines[k]->quantity, one->lines[k]->price_cents));
        }
        told += sum_check(row, one->net_cents, net, "its net is not the sum of its lines", found,
                          context);
        told += sum_check(row, one->gross_cents, plus(one->net_cents, one->vat_cents),
                          "what it posts does not add up to 0: gross is not net and VAT", found,
                          context);
    }
    for (size_t i = 0; i < hub->n_positions; i++) {
        sum = plus(sum, hub->positions[i]->cents);
    }
    char name[] = "trial balance: positions of all members";
    struct row row = {.name = name, .gets = "", .pays = "", .party = ""};
    return told + sum_check(row, sum, 0, "they do not add up to 0", found, context);
}
