/* Invoices of a close, numbered again: parties and terms as the entries up to the cut tell them,
 * numbers as the closes before left their series. */
#include "core/audit/known.h"

#include "core/invoices/numbering.h"
#include "core/paper/series.h"
#include "wire/pack.h"

#define T(upper) PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_##upper

struct looking {
    struct audit *audit;
    const struct fact_close *close;
    struct arena arena;
    struct map members, accounts, employers, sites; /* by id: the last record up to the cut */
    const struct fact_record **carnets;             /* by plan, in the order of books */
    struct view *plans;                             /* of each */
    size_t carnet_count;
    audit_found *found;
    void *context;
};

/* ---- records up to the cut ---- */

static uint64_t cut_of(const struct fact_close *close, const char *feed_id)
{
    for (size_t i = 0; i < close->cut_count; i++) {
        if (view_is(close->cuts[i].feed_id, feed_id)) {
            return close->cuts[i].root->size;
        }
    }
    return 0;
}

static void records_note(struct looking *looking, const struct fact_list *list, uint64_t cut)
{
    for (size_t i = 0; i < list->count && list->all[i].seq <= cut; i++) {
        struct fact_record *record = &list->all[i];
        struct map *map = record->type == T(MEMBER_PUT)         ? &looking->members
                          : record->type == T(BANK_ACCOUNT_PUT) ? &looking->accounts
                          : record->type == T(EMPLOYER_PUT)     ? &looking->employers
                          : record->type == T(SITE_PUT)         ? &looking->sites
                                                                : NULL;
        if (map != NULL) {
            map_put(map, record->id, record);
        } else if (record->type == T(CARNET_SOLD)) {
            looking->carnets[looking->carnet_count++] = record;
        }
    }
}

static const void *record_of(struct looking *looking, const struct map *map, const char *id)
{
    const struct fact_record *record = map_get(map, view_of(id));
    return record == NULL ? NULL
                          : wire_unpack_trusted(entry_kind(record->type)->payload, record->payload,
                                                &looking->arena);
}

static const Passerelle__V1__Member *look_member(void *context, const char *id)
{
    struct looking *looking = context;
    return record_of(looking, &looking->members, id);
}

static const Passerelle__V1__BankAccount *look_account(void *context, const char *id)
{
    struct looking *looking = context;
    return record_of(looking, &looking->accounts, id);
}

static const Passerelle__V1__Employer *look_employer(void *context, const char *id)
{
    struct looking *looking = context;
    return record_of(looking, &looking->employers, id);
}

static const Passerelle__V1__Site *look_site(void *context, const char *id)
{
    struct looking *looking = context;
    return record_of(looking, &looking->sites, id);
}

static void look_carnets(void *context, const char *plan_id,
                         void (*each)(void *to, const Passerelle__V1__Carnet *carnet), void *to)
{
    struct looking *looking = context;
    for (size_t i = 0; i < looking->carnet_count; i++) {
        if (!view_is(looking->plans[i], plan_id)) {
            continue;
        }
        const Passerelle__V1__Carnet *carnet = wire_unpack_trusted(
            &passerelle__v1__carnet__descriptor, looking->carnets[i]->payload, &looking->arena);
        if (carnet != NULL) {
            each(to, carnet);
        }
    }
}

static void plans_note(struct looking *looking)
{
    struct arena scratch = ARENA_INIT;
    looking->plans = ARENA_ARRAY(&looking->arena, looking->carnet_count, struct view);
    for (size_t i = 0; i < looking->carnet_count; i++) {
        arena_clear(&scratch);
        const Passerelle__V1__Carnet *carnet = wire_unpack_trusted(
            &passerelle__v1__carnet__descriptor, looking->carnets[i]->payload, &scratch);
        if (carnet != NULL) {
            looking->plans[i] = arena_copy(&looking->arena, view_of(carnet->plan_id));
        }
    }
    arena_release(&scratch);
}

/* ---- what was numbered before ---- */

static uint32_t look_last(void *context, const char *series)
{
    const struct looking *looking = context;
    const uint32_t *last = map_get(&looking->audit->series, view_of(series));
    return last == NULL ? 0 : *last;
}

static void look_issued(void *context, const Passerelle__V1__Document *document,
                        void (*each)(void *to, const char *number, const char *issued_on,
                                     const Passerelle__V1__NumberedInvoice *invoice),
                        void *to)
{
    struct looking *looking = context;
    const struct facts *facts = &looking->audit->facts;
    uint64_t limit = looking->close->seq;
    for (size_t c = 0; c < facts->close_count && facts->closes[c].seq < limit; c++) {
        for (size_t p = 0; p < facts->closes[c].numbered_count; p++) {
            const Passerelle__V1__InvoicesNumbered *part = facts->closes[c].numbered[p];
            for (size_t i = 0; i < part->n_invoices; i++) {
                const Passerelle__V1__NumberedInvoice *one = part->invoices[i];
                if (one->credit_note || one->kind != document->kind ||
                    strcmp(one->seller_member_id, document->seller_member_id) != 0 ||
                    strcmp(one->buyer_id, document->buyer_id) != 0) {
                    continue;
                }
                if (!one->pro_forma) {
                    each(to, one->number, part->issued_on, one);
                }
                for (size_t r = 0; one->pro_forma && r < facts->recorded_count; r++) {
                    const struct fact_recorded *own = &facts->recorded[r];
                    if (own->seq < limit && view_is(own->pro_forma, one->number)) {
                        each(to, arena_string(&looking->arena, own->number),
                             arena_string(&looking->arena, own->issued_on), one);
                    }
                }
            }
        }
    }
}

/* ---- comparing ---- */

static void tell(const struct looking *looking, const char *position, const char *what)
{
    struct audit_difference difference = {.operation = "invoice"};
    snprintf(difference.position, sizeof difference.position, "%s", position);
    snprintf(difference.what, sizeof difference.what, "%s", what);
    looking->found(looking->context, &difference);
}

static const char *what_differs(const Passerelle__V1__NumberedInvoice *told,
                                const Passerelle__V1__NumberedInvoice *ours)
{
    if (told->kind != ours->kind || told->credit_note != ours->credit_note ||
        strcmp(told->seller_member_id, ours->seller_member_id) != 0 ||
        strcmp(told->buyer_id, ours->buyer_id) != 0) {
        return "books numbers another document here than the close has";
    }
    if (told->pro_forma != ours->pro_forma) {
        return told->pro_forma ? "books makes it a pro forma although it can be numbered"
                               : "books numbers it although its host gave no mandate";
    }
    if (strcmp(told->number, ours->number) != 0) {
        return "its number is not the next of its series: there is a gap, or one was given twice";
    }
    return "its months, the invoices that it names or the hash of its XML are not those that the "
           "feeds give";
}

/* The numbers that were told count for the closes after this one. */
static void series_note(struct audit *audit, const Passerelle__V1__NumberedInvoice *told)
{
    struct view name;
    uint32_t number;
    if (told->pro_forma || series_parse(view_of(told->number), &name, &number) != E_OK) {
        return;
    }
    uint32_t *last = map_get(&audit->series, name);
    if (last == NULL) {
        last = ARENA_NEW(&audit->arena, uint32_t);
        map_put(&audit->series, name, last);
    }
    *last = number > *last ? number : *last;
}

/* The parts as one list. */
struct walk {
    const Passerelle__V1__InvoicesNumbered *const *parts;
    size_t count, part, at;
};

static const Passerelle__V1__NumberedInvoice *walk_next(struct walk *walk)
{
    while (walk->part < walk->count && walk->at == walk->parts[walk->part]->n_invoices) {
        walk->part++;
        walk->at = 0;
    }
    return walk->part < walk->count ? walk->parts[walk->part]->invoices[walk->at++] : NULL;
}

static void compare(struct looking *looking, Passerelle__V1__InvoicesNumbered **ours,
                    size_t our_count)
{
    const struct fact_close *close = looking->close;
    struct walk told_walk = {.parts = close->numbered, .count = close->numbered_count};
    struct walk our_walk = {.parts = (const Passerelle__V1__InvoicesNumbered *const *)ours,
                            .count = our_count};
    for (size_t i = 0; i < close->numbered_count; i++) {
        const Passerelle__V1__InvoicesNumbered *part = close->numbered[i];
        if (strcmp(part->issued_on, ours[0]->issued_on) != 0) {
            tell(looking, "invoices", "their day of issue is not that of the close");
        }
        if (!view_equal(wire_view(part->terms_sha256), wire_view(ours[0]->terms_sha256))) {
            tell(looking, "invoices",
                 "the SHA-256 of their parties and terms is not that of what the feeds give");
        }
    }
    for (;;) {
        const Passerelle__V1__NumberedInvoice *told = walk_next(&told_walk);
        const Passerelle__V1__NumberedInvoice *own = walk_next(&our_walk);
        if (told == NULL && own == NULL) {
            return;
        }
        if (told == NULL || own == NULL) {
            tell(looking, told == NULL ? own->number : told->number,
                 told == NULL ? "books leaves this invoice of the close out"
                              : "books numbers more invoices than the close has");
        } else if (!wire_equal(&told->base, &own->base)) {
            tell(looking, told->number, what_differs(told, own));
        }
        if (told != NULL) {
            series_note(looking->audit, told);
        }
    }
}

static bool numbered_before(const struct audit *audit, const struct fact_close *close)
{
    for (size_t i = 0; i < audit->facts.close_count; i++) {
        if (audit->facts.closes[i].seq < close->seq && audit->facts.closes[i].numbered_count > 0) {
            return true;
        }
    }
    return false;
}

void invoices_check(struct audit *audit, struct fact_close *close,
                    const Passerelle__V1__SettlementDocument *document, audit_found *found,
                    void *context)
{
    struct looking looking = {.audit = audit, .close = close, .found = found, .context = context};
    struct fault fault = FAULT_NONE;
    Passerelle__V1__InvoicesNumbered **ours;
    size_t our_count;
    if (close->numbered_count == 0) {
        if (numbered_before(audit, close)) {
            tell(&looking, "invoices", "books numbers no invoice of this close");
        }
        return;
    }
    arena_init(&looking.arena);
    struct map *maps[] = {&looking.members, &looking.accounts, &looking.employers, &looking.sites};
    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        map_init(maps[i], audit->options.seed);
    }
    looking.carnets =
        ARENA_ARRAY(&looking.arena, audit->facts.books.count, const struct fact_record *);
    records_note(&looking, &audit->facts.net, cut_of(close, FEED_NET));
    records_note(&looking, &audit->facts.books, cut_of(close, FEED_BOOKS));
    plans_note(&looking);
    struct terms_source terms_source = {&looking,      look_member, look_account,
                                        look_employer, look_site,   look_carnets};
    struct numbering_source source = {&looking, look_last, look_issued};
    const Passerelle__V1__InvoiceTerms *terms =
        terms_gather(document, &terms_source, &looking.arena);
    if (numbering_run(document, terms, day_of_instant(close->at_utc_ms), &source,
                      audit->options.seed, &looking.arena, &ours, &our_count, &fault) != E_OK) {
        tell(&looking, "invoices", fault.text);
    } else {
        compare(&looking, ours, our_count);
    }
    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        map_release(maps[i]);
    }
    arena_release(&looking.arena);
}
