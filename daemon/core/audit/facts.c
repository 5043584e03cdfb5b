/* What the entries say that a close is computed from. */
#include "core/audit/known.h"

#include "core/day/day.h"
#include "wire/pack.h"

#define T(upper) PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_##upper

/* Room for one more of `size` bytes. */
static void *one_more(void *all, size_t count, size_t *alloc, size_t size)
{
    if (count < *alloc) {
        return all;
    }
    *alloc = *alloc == 0 ? 64 : *alloc * 2;
    return xrealloc(all, *alloc, size);
}
#define ONE_MORE(all, count, alloc) ((all) = one_more((all), (count), &(alloc), sizeof *(all)))

void facts_init(struct facts *facts, uint64_t seed)
{
    *facts = (struct facts){0};
    names_init(&facts->holders, seed);
    map_init(&facts->dispute_of, seed);
}

void facts_release(struct facts *facts)
{
    free(facts->net.all);
    free(facts->net.leaves);
    free(facts->books.all);
    free(facts->books.leaves);
    for (size_t i = 0; i < facts->close_count; i++) {
        free(facts->closes[i].numbered);
    }
    free(facts->closes);
    free(facts->recorded);
    free(facts->pending);
    free(facts->visits);
    free(facts->disputes);
    free(facts->rulings);
    free(facts->feeds);
    names_release(&facts->holders);
    map_release(&facts->dispute_of);
}

void facts_feed_add(struct audit *audit, struct known_feed *feed)
{
    struct facts *facts = &audit->facts;
    ONE_MORE(facts->feeds, facts->feed_count, facts->feed_alloc);
    feed->number = (uint32_t)facts->feed_count;
    facts->feeds[facts->feed_count++] = feed;
}

void facts_leaf_add(struct fact_list *list, const struct tree_hash *leaf)
{
    ONE_MORE(list->leaves, list->leaf_count, list->leaf_alloc);
    list->leaves[list->leaf_count++] = *leaf;
}

static void record_add(struct audit *audit, struct fact_list *list, const struct audit_entry *entry,
                       struct view id, struct view bytes)
{
    ONE_MORE(list->all, list->count, list->alloc);
    list->all[list->count++] = (struct fact_record){
        .seq = entry->seq,
        .type = entry->type,
        .id = arena_copy(&audit->arena, id),
        .payload = arena_copy(&audit->arena, bytes),
    };
}

/* ---- closes ---- */

static const char *period_cut(struct audit *audit, struct view bytes)
{
    struct facts *facts = &audit->facts;
    const Passerelle__V1__PeriodCut *m =
        wire_unpack_trusted(&passerelle__v1__period_cut__descriptor, bytes, &audit->arena);
    if (m == NULL || strlen(m->month) >= sizeof facts->pending_month) {
        return "it cannot be read";
    }
    if (facts->pending_count > 0 && strcmp(facts->pending_month, m->month) != 0) {
        return "the cut of another month stands before it, without its close";
    }
    snprintf(facts->pending_month, sizeof facts->pending_month, "%s", m->month);
    for (size_t i = 0; i < m->n_feeds; i++) {
        const Passerelle__V1__FeedCut *one = m->feeds[i];
        struct known_root *root = ARENA_NEW(&audit->arena, struct known_root);
        if (one->root.len != sizeof root->told) {
            return "a root has 32 bytes";
        }
        root->size = one->size;
        memcpy(&root->told, one->root.data, sizeof root->told);
        ONE_MORE(facts->pending, facts->pending_count, facts->pending_alloc);
        facts->pending[facts->pending_count++] =
            (struct fact_cut){.feed_id = view_of(one->feed_id), .root = root};
    }
    return NULL;
}

static int cuts_compare(const void *left, const void *right)
{
    return view_compare(((const struct fact_cut *)left)->feed_id,
                        ((const struct fact_cut *)right)->feed_id);
}

static const char *period_closed(struct audit *audit, const struct audit_entry *entry,
                                 const struct canon *p)
{
    struct facts *facts = &audit->facts;
    struct fact_close close = {
        .seq = entry->seq,
        .at_utc_ms = entry->at_utc_ms,
        .sha256 = arena_copy(&audit->arena, canon_bytes(p, 2)),
        .netting = canon_number(p, 3),
        .paid_cents = canon_signed(p, 5),
    };
    if (month_parse(canon_bytes(p, 1), &close.month) != E_OK) {
        return "it names no month";
    }
    if (close.sha256.len != SHA256_LEN) {
        return "a SHA-256 has 32 bytes";
    }
    if (facts->pending_count == 0 || !view_is(canon_bytes(p, 1), facts->pending_month)) {
        return "no cut says what this close covers";
    }
    close.cuts = ARENA_ARRAY(&audit->arena, facts->pending_count, struct fact_cut);
    close.cut_count = facts->pending_count;
    memcpy(close.cuts, facts->pending, facts->pending_count * sizeof *close.cuts);
    qsort(close.cuts, close.cut_count, sizeof *close.cuts, cuts_compare);
    for (size_t i = 0; i < close.cut_count; i++) {
        struct fact_cut *cut = &close.cuts[i];
        struct known_feed *feed = map_get(&audit->feeds, cut->feed_id);
        if (i > 0 && view_equal(cut->feed_id, close.cuts[i - 1].feed_id)) {
            return "its cut names a feed twice";
        }
        if (view_is(cut->feed_id, FEED_BOOKS) && cut->root->size >= entry->seq) {
            return "its cut covers entries that came later";
        }
        cut->feed = feed;
        if (feed != NULL) {
            cut->root->next = feed->roots;
            feed->roots = cut->root;
        }
    }
    facts->pending_count = 0;
    ONE_MORE(facts->closes, facts->close_count, facts->close_alloc);
    facts->closes[facts->close_count++] = close;
    return NULL;
}

/* ---- invoices ---- */

static const char *invoices_numbered(struct audit *audit, const struct audit_entry *entry,
                                     struct view bytes)
{
    struct facts *facts = &audit->facts;
    struct month month;
    const Passerelle__V1__InvoicesNumbered *m =
        wire_unpack_trusted(&passerelle__v1__invoices_numbered__descriptor, bytes, &audit->arena);
    if (m == NULL || month_parse(view_of(m->month), &month) != E_OK) {
        return "it cannot be read";
    }
    struct fact_close *close =
        facts->close_count > 0 ? &facts->closes[facts->close_count - 1] : NULL;
    if (close == NULL || close->month.number != month.number) {
        return "its month is not the one closed last";
    }
    uint64_t before = close->numbered_count == 0 ? close->seq : close->numbered_seq;
    if (entry->seq != before + 1) {
        return "it does not stand right after its close";
    }
    ONE_MORE(close->numbered, close->numbered_count, close->numbered_alloc);
    close->numbered[close->numbered_count++] = m;
    close->numbered_seq = entry->seq;
    return NULL;
}

static const char *invoice_recorded(struct audit *audit, const struct audit_entry *entry,
                                    const struct canon *p)
{
    struct facts *facts = &audit->facts;
    struct fact_recorded recorded = {
        .seq = entry->seq,
        .pro_forma = arena_copy(&audit->arena, canon_bytes(p, 1)),
        .number = arena_copy(&audit->arena, canon_bytes(p, 2)),
        .issued_on = arena_copy(&audit->arena, canon_bytes(p, 3)),
    };
    bool known = false;
    for (size_t i = 0; i < facts->close_count; i++) {
        for (size_t k = 0; k < facts->closes[i].numbered_count; k++) {
            const Passerelle__V1__InvoicesNumbered *part = facts->closes[i].numbered[k];
            for (size_t n = 0; n < part->n_invoices; n++) {
                known = known || (part->invoices[n]->pro_forma &&
                                  view_is(recorded.pro_forma, part->invoices[n]->number));
            }
        }
    }
    if (!known) {
        return "no close made this pro forma";
    }
    for (size_t i = 0; i < facts->recorded_count; i++) {
        if (view_equal(facts->recorded[i].pro_forma, recorded.pro_forma)) {
            return "the host's invoice for this pro forma was recorded before";
        }
    }
    ONE_MORE(facts->recorded, facts->recorded_count, facts->recorded_alloc);
    facts->recorded[facts->recorded_count++] = recorded;
    return NULL;
}

/* ---- disputes ---- */

static void dispute_opened(struct audit *audit, const struct canon *p)
{
    struct facts *facts = &audit->facts;
    struct fact_dispute *dispute = ARENA_NEW(&audit->arena, struct fact_dispute);
    dispute->feed_id = arena_copy(&audit->arena, canon_bytes(p, 2));
    dispute->visit_id = arena_copy(&audit->arena, canon_bytes(p, 3));
    dispute->visit = FACT_NONE;
    ONE_MORE(facts->disputes, facts->dispute_count, facts->dispute_alloc);
    facts->disputes[facts->dispute_count++] = dispute;
    map_put(&facts->dispute_of, canon_bytes(p, 1), dispute);
}

static void dispute_resolved(struct audit *audit, const struct audit_entry *entry,
                             const struct canon *p)
{
    struct facts *facts = &audit->facts;
    struct fact_dispute *dispute = map_get(&facts->dispute_of, canon_bytes(p, 1));
    if (dispute != NULL) {
        dispute->outcome = canon_number(p, 2);
        dispute->in_utc_ms = canon_signed(p, 3);
        dispute->out_utc_ms = canon_signed(p, 4);
        dispute->resolved_seq = entry->seq;
        ONE_MORE(facts->rulings, facts->ruling_count, facts->ruling_alloc);
        facts->rulings[facts->ruling_count++] = dispute;
    }
}

const char *facts_take(struct audit *audit, const struct audit_entry *entry, const struct canon *p,
                       struct view bytes)
{
    switch (entry->type) {
    case T(MEMBER_PUT):
    case T(SITE_PUT):
        record_add(audit, &audit->facts.net, entry, canon_bytes(p, 1), bytes);
        return NULL;
    case T(TARIFF_PUBLISHED): {
        uint64_t version = canon_number(p, 1);
        record_add(audit, &audit->facts.net, entry, view_bytes(&version, sizeof version), bytes);
        return NULL;
    }
    case T(POLICY_SET):
        record_add(audit, &audit->facts.net, entry, VIEW_NONE, bytes);
        return NULL;
    case T(BANK_ACCOUNT_PUT):
    case T(EMPLOYER_PUT):
    case T(PLAN_PUT):
    case T(HOLDER_PUT):
    case T(CARNET_SOLD):
        record_add(audit, &audit->facts.books, entry, canon_bytes(p, 1), bytes);
        return NULL;
    case T(PERIOD_CUT):
        return period_cut(audit, bytes);
    case T(PERIOD_CLOSED):
        return period_closed(audit, entry, p);
    case T(INVOICES_NUMBERED):
        return invoices_numbered(audit, entry, bytes);
    case T(INVOICE_RECORDED):
        return invoice_recorded(audit, entry, p);
    case T(DISPUTE_OPENED):
        dispute_opened(audit, p);
        return NULL;
    case T(DISPUTE_RESOLVED):
        dispute_resolved(audit, entry, p);
        return NULL;
    default:
        return NULL;
    }
}

/* ---- visits ---- */

uint32_t facts_visit_add(struct audit *audit, uint64_t seq, const struct fact_visit *visit,
                         struct view holder_id)
{
    struct facts *facts = &audit->facts;
    uint32_t holder;
    int error = names_add(&facts->holders, holder_id, &holder);
    if ((error != E_OK && error != E_EXISTS) || facts->visit_count >= FACT_NONE - 1) {
        die("more visits or holders than an audit can hold");
    }
    ONE_MORE(facts->visits, facts->visit_count, facts->visit_alloc);
    struct fact_visit *fact = &facts->visits[facts->visit_count];
    *fact = *visit;
    fact->seq = seq;
    fact->feed = audit->feed->number;
    fact->holder = holder;
    fact->replaced_by = FACT_NONE;
    fact->month = month_of(day_of_instant(fact->in_utc_ms)).number;
    return (uint32_t)facts->visit_count++;
}

void facts_feed_end(struct audit *audit)
{
    struct facts *facts = &audit->facts;
    for (size_t i = 0; i < facts->dispute_count && audit->feed != NULL; i++) {
        struct fact_dispute *dispute = facts->disputes[i];
        if (view_equal(dispute->feed_id, audit->feed->id)) {
            dispute->visit = visit_fact(audit, dispute->visit_id);
        }
    }
}

/* ---- roots of net and books ---- */

static void list_roots_find(struct known_feed *feed, const struct fact_list *list)
{
    bool *wanted = NULL;
    if (feed == NULL || feed->roots == NULL) {
        return;
    }
    struct tree_frontier frontier = {0};
    wanted = xcalloc(list->leaf_count + 1, sizeof *wanted);
    for (const struct known_root *root = feed->roots; root != NULL; root = root->next) {
        if (root->size <= list->leaf_count) {
            wanted[root->size] = true;
        }
    }
    for (size_t size = 0; size <= list->leaf_count; size++) {
        if (size > 0) {
            tree_frontier_append(&frontier, &list->leaves[size - 1], NULL);
        }
        for (struct known_root *root = feed->roots; wanted[size] && root != NULL;
             root = root->next) {
            if (root->size == size) {
                root->found = tree_frontier_root(&frontier);
                root->reached = true;
            }
        }
    }
    free(wanted);
}

void facts_roots_find(struct audit *audit)
{
    list_roots_find(map_get(&audit->feeds, VIEW_LIT(FEED_NET)), &audit->facts.net);
    list_roots_find(map_get(&audit->feeds, VIEW_LIT(FEED_BOOKS)), &audit->facts.books);
}
