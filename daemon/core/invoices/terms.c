#include "core/invoices/terms.h"

#include "wire/pack.h"

#define KIND_EMPLOYER PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_EMPLOYER_INVOICE
#define KIND_SUBSIDY PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_SUBSIDY_STATEMENT

/* ---- gathering ---- */

/* Ids; once sorted, ascending and each once. */
struct ids {
    const char **all;
    size_t count;
};

static int by_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void ids_sort(struct ids *ids)
{
    size_t kept = 0;
    if (ids->count > 0) {
        qsort(ids->all, ids->count, sizeof *ids->all, by_text);
    }
    for (size_t i = 0; i < ids->count; i++) {
        if (kept == 0 || strcmp(ids->all[kept - 1], ids->all[i]) != 0) {
            ids->all[kept++] = ids->all[i];
        }
    }
    ids->count = kept;
}

struct gathering {
    const struct terms_source *source;
    struct arena *arena;
    struct ids members, employers, sites;
    struct ids sold; /* "plan month" of the lines of carnets */
    Passerelle__V1__InvoiceTerms *terms;
    struct month month; /* of the carnets that are wanted now */
    size_t carnet_alloc;
};

static void lines_count(const Passerelle__V1__SettlementDocument *document, size_t *documents,
                        size_t *lines)
{
    *documents = document->n_documents;
    *lines = 0;
    for (size_t i = 0; i < document->n_documents; i++) {
        *lines += document->documents[i]->n_lines;
    }
}

static void ids_gather(struct gathering *g, const Passerelle__V1__SettlementDocument *document)
{
    size_t documents, lines;
    lines_count(document, &documents, &lines);
    g->members.all = ARENA_ARRAY(g->arena, 2 * documents, const char *);
    g->employers.all = ARENA_ARRAY(g->arena, documents, const char *);
    g->sites.all = ARENA_ARRAY(g->arena, lines, const char *);
    g->sold.all = ARENA_ARRAY(g->arena, lines, const char *);
    for (size_t i = 0; i < document->n_documents; i++) {
        const Passerelle__V1__Document *one = document->documents[i];
        if (one->kind == KIND_SUBSIDY) {
            continue;
        }
        g->members.all[g->members.count++] = one->seller_member_id;
        struct ids *buyers = one->kind == KIND_EMPLOYER ? &g->employers : &g->members;
        buyers->all[buyers->count++] = one->buyer_id;
        for (size_t k = 0; k < one->n_lines; k++) {
            const Passerelle__V1__DocumentLine *line = one->lines[k];
            if (line->kind == PASSERELLE__V1__LINE_KIND__LINE_KIND_HOST) {
                g->sites.all[g->sites.count++] = line->site_id;
            } else if (line->kind == PASSERELLE__V1__LINE_KIND__LINE_KIND_CARNET) {
                g->sold.all[g->sold.count++] =
                    arena_printf(g->arena, "%s %s", line->plan_id, line->month);
            }
        }
    }
    ids_sort(&g->members);
    ids_sort(&g->employers);
    ids_sort(&g->sites);
    ids_sort(&g->sold);
}

static void members_gather(struct gathering *g)
{
    Passerelle__V1__InvoiceTerms *terms = g->terms;
    void *context = g->source->context;
    terms->members = ARENA_ARRAY(g->arena, g->members.count, Passerelle__V1__Member *);
    terms->accounts = ARENA_ARRAY(g->arena, g->members.count, Passerelle__V1__BankAccount *);
    for (size_t i = 0; i < g->members.count; i++) {
        const Passerelle__V1__Member *member = g->source->member(context, g->members.all[i]);
        if (member != NULL) {
            terms->members[terms->n_members++] = (void *)wire_clone(g->arena, &member->base);
        }
        const Passerelle__V1__BankAccount *account = g->source->account(context, g->members.all[i]);
        if (account != NULL) {
            terms->accounts[terms->n_accounts++] = (void *)wire_clone(g->arena, &account->base);
        }
    }
}

static void others_gather(struct gathering *g)
{
    Passerelle__V1__InvoiceTerms *terms = g->terms;
    void *context = g->source->context;
    terms->employers = ARENA_ARRAY(g->arena, g->employers.count, Passerelle__V1__Employer *);
    for (size_t i = 0; i < g->employers.count; i++) {
        const Passerelle__V1__Employer *one = g->source->employer(context, g->employers.all[i]);
        if (one != NULL) {
            terms->employers[terms->n_employers++] = (void *)wire_clone(g->arena, &one->base);
        }
    }
    terms->sites = ARENA_ARRAY(g->arena, g->sites.count, Passerelle__V1__Site *);
    for (size_t i = 0; i < g->sites.count; i++) {
        const Passerelle__V1__Site *one = g->source->site(context, g->sites.all[i]);
        if (one != NULL) {
            Passerelle__V1__Site *named = wire_new(g->arena, &passerelle__v1__site__descriptor);
            named->site_id = wire_string(g->arena, view_of(one->site_id));
            named->name = wire_string(g->arena, view_of(one->name));
            terms->sites[terms->n_sites++] = named;
        }
    }
}

static void carnet_gather(void *to, const Passerelle__V1__Carnet *carnet)
{
    struct gathering *g = to;
    Passerelle__V1__InvoiceTerms *terms = g->terms;
    struct day bought;
    if (day_parse(view_of(carnet->bought_on), &bought) != E_OK ||
        month_of(bought).number != g->month.number) {
        return;
    }
    if (terms->n_carnets == g->carnet_alloc) {
        g->carnet_alloc = g->carnet_alloc == 0 ? 64 : g->carnet_alloc * 2;
        Passerelle__V1__Carnet **more =
            ARENA_ARRAY(g->arena, g->carnet_alloc, Passerelle__V1__Carnet *);
        if (terms->n_carnets > 0) {
            memcpy(more, terms->carnets, terms->n_carnets * sizeof *more);
        }
        terms->carnets = more;
    }
    terms->carnets[terms->n_carnets++] = (void *)wire_clone(g->arena, &carnet->base);
}

static int by_plan(const void *left, const void *right)
{
    const Passerelle__V1__Carnet *a = *(const Passerelle__V1__Carnet *const *)left;
    const Passerelle__V1__Carnet *b = *(const Passerelle__V1__Carnet *const *)right;
    int order = strcmp(a->plan_id, b->plan_id);
    return order != 0 ? order : strcmp(a->carnet_id, b->carnet_id);
}

static void carnets_gather(struct gathering *g)
{
    for (size_t i = 0; i < g->sold.count; i++) {
        struct view rest = view_of(g->sold.all[i]);
        struct view plan_id, month;
        if (view_cut(&rest, ' ', &plan_id) && view_cut(&rest, ' ', &month) &&
            month_parse(month, &g->month) == E_OK) {
            g->source->carnets(g->source->context, arena_string(g->arena, plan_id), carnet_gather,
                               g);
        }
    }
    if (g->terms->n_carnets > 0) {
        qsort(g->terms->carnets, g->terms->n_carnets, sizeof *g->terms->carnets, by_plan);
    }
}

Passerelle__V1__InvoiceTerms *terms_gather(const Passerelle__V1__SettlementDocument *document,
                                           const struct terms_source *source, struct arena *arena)
{
    struct gathering g = {.source = source, .arena = arena};
    g.terms = wire_new(arena, &passerelle__v1__invoice_terms__descriptor);
    ids_gather(&g, document);
    members_gather(&g);
    others_gather(&g);
    carnets_gather(&g);
    return g.terms;
}

/* ---- the book ---- */

/* Each record begins with its message's base and its id. */
struct with_id {
    ProtobufCMessage base;
    char *id;
};
#define BEGINS_WITH_ID(type, field)                                                                \
    _Static_assert(offsetof(type, field) == offsetof(struct with_id, id), "its id comes first")
BEGINS_WITH_ID(Passerelle__V1__Member, member_id);
BEGINS_WITH_ID(Passerelle__V1__BankAccount, member_id);
BEGINS_WITH_ID(Passerelle__V1__Employer, employer_id);
BEGINS_WITH_ID(Passerelle__V1__Site, site_id);

static const void *find(const void *all, size_t count, const char *id)
{
    struct with_id *const *records = all;
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(records[middle]->id, id);
        if (order == 0) {
            return records[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static bool book_member(void *context, const char *member_id, struct paper_member *out)
{
    const struct terms_book *book = context;
    const Passerelle__V1__InvoiceTerms *terms = book->terms;
    const Passerelle__V1__Member *member = find(terms->members, terms->n_members, member_id);
    if (member == NULL) {
        return false;
    }
    const Passerelle__V1__SelfBillingMandate *mandate = member->self_billing_mandate;
    *out = (struct paper_member){
        .member = member,
        .account = find(terms->accounts, terms->n_accounts, member_id),
        .sepa_creditor_id = view_of(member->sepa_creditor_id),
    };
    if (mandate != NULL && !book->pro_forma) {
        out->mandate = day_parse(view_of(mandate->signed_on), &out->mandate_signed_on) == E_OK;
        out->mandate_contest_days = mandate->contest_days;
        out->mandate_revoked =
            day_parse(view_of(mandate->revoked_on), &out->mandate_revoked_on) == E_OK;
    }
    return true;
}

static const Passerelle__V1__Employer *book_employer(void *context, const char *employer_id)
{
    const Passerelle__V1__InvoiceTerms *terms = ((const struct terms_book *)context)->terms;
    return find(terms->employers, terms->n_employers, employer_id);
}

static const Passerelle__V1__Site *book_site(void *context, const char *site_id)
{
    const Passerelle__V1__InvoiceTerms *terms = ((const struct terms_book *)context)->terms;
    return find(terms->sites, terms->n_sites, site_id);
}

static const Passerelle__V1__Carnet *book_carnet(void *context, const char *plan_id, size_t i)
{
    const Passerelle__V1__InvoiceTerms *terms = ((const struct terms_book *)context)->terms;
    size_t low = 0;
    size_t high = terms->n_carnets;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(terms->carnets[middle]->plan_id, plan_id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool there =
        i < terms->n_carnets - low && strcmp(terms->carnets[low + i]->plan_id, plan_id) == 0;
    return there ? terms->carnets[low + i] : NULL;
}

struct paper_book terms_book(struct terms_book *context)
{
    return (struct paper_book){context, book_member, book_employer, book_site, book_carnet};
}
