/* A close computed again: the network and its visits as the entries up to the cut tell them. */
#include "core/audit/known.h"

#include <assert.h>
#include <stdarg.h>

#include "base/text.h"
#include "core/records/roster_fill.h"
#include "wire/pack.h"

#define T(upper) PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_##upper

/* One close while it is computed. */
struct again {
    struct audit *audit;
    struct fact_close *close;
    const struct fact_close *last; /* the close of the latest month before it; NULL: none */
    struct arena arena;
    struct arena scratch;
    struct roster roster;
    struct due due;
    uint64_t *cut, *last_cut; /* by feed: entries that this close and the last one cover */
    uint32_t *site, *holder;  /* of the roster, by feed and by holder; FACT_NONE: none */
};

static uint64_t cut_of(const struct fact_close *close, const char *feed_id)
{
    for (size_t i = 0; close != NULL && i < close->cut_count; i++) {
        if (view_is(close->cuts[i].feed_id, feed_id)) {
            return close->cuts[i].root->size;
        }
    }
    return 0;
}

/* ---- the network ---- */

static int record_fill(struct again *again, Passerelle__V1__EntryType type, struct view payload,
                       struct fault *fault)
{
    struct roster *roster = &again->roster;
    arena_clear(&again->scratch);
    const void *m = wire_unpack_trusted(entry_kind(type)->payload, payload, &again->scratch);
    const Passerelle__V1__HolderPut *holder = m;
    if (m == NULL) {
        return fault_set(fault, E_CORRUPT, "a %s cannot be read", entry_kind(type)->name);
    }
    switch (type) {
    case T(MEMBER_PUT):
        return roster_fill_member(roster, m, fault);
    case T(SITE_PUT):
        return roster_fill_site(roster, m, &again->arena, fault);
    case T(TARIFF_PUBLISHED):
        return roster_fill_tariff(roster, m, fault);
    case T(EMPLOYER_PUT):
        return roster_fill_employer(roster, m, fault);
    case T(PLAN_PUT):
        return roster_fill_plan(roster, m, fault);
    case T(CARNET_SOLD):
        return roster_fill_carnet(roster, m, fault);
    default:
        return roster_fill_holder(roster, holder->holder_id, holder->plan_id, holder->active_from,
                                  holder->active_to, fault);
    }
}

/* The last record about each thing up to the cut counts; of tariffs and carnets, which nothing
 * changes, the first. */
static int records_fill(struct again *again, const struct fact_list *list, uint64_t cut,
                        Passerelle__V1__EntryType type, struct fault *fault)
{
    struct map latest;
    bool first = type == T(TARIFF_PUBLISHED) || type == T(CARNET_SOLD);
    int error = 0;
    map_init(&latest, again->audit->options.seed);
    for (size_t i = 0; i < list->count && list->all[i].seq <= cut; i++) {
        struct fact_record *record = &list->all[i];
        if (record->type == type && (!first || map_get(&latest, record->id) == NULL)) {
            map_put(&latest, record->id, record);
        }
    }
    for (size_t i = 0; i < list->count && list->all[i].seq <= cut && error == 0; i++) {
        const struct fact_record *record = &list->all[i];
        if (record->type == type && map_get(&latest, record->id) == record) {
            error = record_fill(again, type, record->payload, fault);
        }
    }
    map_release(&latest);
    return error;
}

static int roster_make(struct again *again, struct fault *fault)
{
    static const struct {
        Passerelle__V1__EntryType type;
        bool in_net;
    } steps[] = {
        {T(MEMBER_PUT), true},    {T(SITE_PUT), true},  {T(TARIFF_PUBLISHED), true},
        {T(EMPLOYER_PUT), false}, {T(PLAN_PUT), false}, {T(CARNET_SOLD), false},
        {T(HOLDER_PUT), false},
    };
    const struct facts *facts = &again->audit->facts;
    int error = 0;
    for (size_t i = 0; i < ARRAY_LEN(steps) && error == 0; i++) {
        const struct fact_list *list = steps[i].in_net ? &facts->net : &facts->books;
        uint64_t cut = cut_of(again->close, steps[i].in_net ? FEED_NET : FEED_BOOKS);
        error = records_fill(again, list, cut, steps[i].type, fault);
    }
    return error == 0 ? roster_freeze(&again->roster, fault) : error;
}

static const Passerelle__V1__NetworkPolicy *policy_at(struct again *again)
{
    const struct fact_list *net = &again->audit->facts.net;
    uint64_t cut = cut_of(again->close, FEED_NET);
    struct view payload = VIEW_NONE;
    bool set = false;
    for (size_t i = 0; i < net->count && net->all[i].seq <= cut; i++) {
        if (net->all[i].type == T(POLICY_SET)) {
            payload = net->all[i].payload;
            set = true;
        }
    }
    return set ? wire_unpack_trusted(&passerelle__v1__network_policy__descriptor, payload,
                                     &again->arena)
               : NULL;
}

/* ---- what is due ---- */

static int months_compare(const void *left, const void *right)
{
    const struct month *a = left;
    const struct month *b = right;
    return a->number < b->number ? -1 : a->number > b->number;
}

static void closed_list(struct again *again)
{
    const struct facts *facts = &again->audit->facts;
    uint64_t cut = cut_of(again->close, FEED_BOOKS);
    again->due.closed = ARENA_ARRAY(&again->arena, facts->close_count, struct month);
    again->due.touched = ARENA_ARRAY(&again->arena, facts->close_count, bool);
    for (size_t i = 0; i < facts->close_count && facts->closes[i].seq <= cut; i++) {
        const struct fact_close *close = &facts->closes[i];
        again->due.closed[again->due.closed_count++] = close->month;
        if (again->last == NULL || close->month.number > again->last->month.number) {
            again->last = close;
        }
    }
    if (again->due.closed_count > 0) {
        qsort(again->due.closed, again->due.closed_count, sizeof(struct month), months_compare);
    }
}

static void numbers_find(struct again *again)
{
    const struct facts *facts = &again->audit->facts;
    size_t feeds = facts->feed_count;
    again->cut = ARENA_ARRAY(&again->arena, feeds, uint64_t);
    again->last_cut = ARENA_ARRAY(&again->arena, feeds, uint64_t);
    again->site = ARENA_ARRAY(&again->arena, feeds, uint32_t);
    again->holder = ARENA_ARRAY(&again->arena, facts->holders.count, uint32_t);
    for (size_t i = 0; i < feeds; i++) {
        if (!names_find(&again->roster.site_ids, facts->feeds[i]->id, &again->site[i])) {
            again->site[i] = FACT_NONE;
        }
    }
    for (uint32_t i = 0; i < facts->holders.count; i++) {
        if (!names_find(&again->roster.holder_ids, facts->holders.ids[i], &again->holder[i])) {
            again->holder[i] = FACT_NONE;
        }
    }
    for (size_t i = 0; i < again->close->cut_count; i++) {
        const struct fact_cut *cut = &again->close->cuts[i];
        if (cut->feed != NULL) {
            again->cut[cut->feed->number] = cut->root->size;
        }
    }
    for (size_t i = 0; again->last != NULL && i < again->last->cut_count; i++) {
        const struct fact_cut *cut = &again->last->cuts[i];
        if (cut->feed != NULL) {
            again->last_cut[cut->feed->number] = cut->root->size;
        }
    }
}

static bool by(uint64_t seq, uint64_t cut)
{
    return seq != 0 && seq <= cut;
}

static int64_t key_of(uint32_t visit)
{
    return (int64_t)visit; /* facts are in the order of their feed */
}

/* A ruling follows a visit to what took its place. */
static bool ruling_find(const struct again *again, uint32_t at, struct ruling *out)
{
    const struct facts *facts = &again->audit->facts;
    bool found = false;
    while (at != FACT_NONE && by(facts->visits[at].seq, again->cut[facts->visits[at].feed])) {
        const struct fact_visit *visit = &facts->visits[at];
        found = true;
        out->visit_key = key_of(at);
        out->month = (struct month){visit->month};
        at = by(visit->undone_seq, again->cut[visit->feed]) ? visit->replaced_by : FACT_NONE;
    }
    return found;
}

static void rulings_find(struct again *again)
{
    const struct facts *facts = &again->audit->facts;
    uint64_t cut = cut_of(again->close, FEED_BOOKS);
    uint64_t last_cut = cut_of(again->last, FEED_BOOKS);
    again->due.rulings = ARENA_ARRAY(&again->arena, facts->ruling_count, struct ruling);
    for (size_t i = 0; i < facts->ruling_count && facts->rulings[i]->resolved_seq <= cut; i++) {
        const struct fact_dispute *dispute = facts->rulings[i];
        bool voids = dispute->outcome == PASSERELLE__V1__DISPUTE_OUTCOME__DISPUTE_OUTCOME_VOIDED;
        struct ruling ruling = {
            .voided = voids,
            .late = dispute->resolved_seq > last_cut,
            .in_utc_ms = dispute->in_utc_ms,
            .out_utc_ms = dispute->out_utc_ms,
        };
        bool changes =
            voids || dispute->outcome == PASSERELLE__V1__DISPUTE_OUTCOME__DISPUTE_OUTCOME_CORRECTED;
        if (changes && ruling_find(again, dispute->visit, &ruling)) {
            due_ruling_put(&again->due, ruling);
        }
    }
    due_rulings_sort(&again->due);
}

static int visit_take(const struct again *again, uint32_t at, struct stays *out,
                      struct fault *fault)
{
    const struct facts *facts = &again->audit->facts;
    const struct fact_visit *visit = &facts->visits[at];
    struct stay stay = {
        .site = again->site[visit->feed],
        .holder = again->holder[visit->holder],
        .in_utc_ms = visit->in_utc_ms,
        .out_utc_ms = visit->out_utc_ms == 0 ? STAY_NO_OUT : visit->out_utc_ms,
        .resource = visit->resource,
        .auto_closed = visit->auto_closed,
    };
    if (stay.holder == FACT_NONE) {
        /* A site's own daemon may tell of anyone; nobody is billed for it. */
        return facts->feeds[visit->feed]->kept_by_site
                   ? 0
                   : fault_set(
                         fault, E_CORRUPT,
                         "feed %.*s, entry %llu: a visit of the holder %.*s, who has no right",
                         VIEW_FMT(facts->feeds[visit->feed]->id), (unsigned long long)visit->seq,
                         VIEW_FMT(facts->holders.ids[visit->holder]));
    }
    memcpy(stay.visit_id, visit->visit_id, sizeof stay.visit_id);
    due_take(&again->due, key_of(at), true, stay, out);
    return 0;
}

/* Whether a visit stands at the cut and has ended. */
static bool counts(const struct again *again, const struct fact_visit *visit)
{
    uint64_t cut = again->cut[visit->feed];
    return again->site[visit->feed] != FACT_NONE && by(visit->closed_seq, cut) &&
           !by(visit->undone_seq, cut);
}

static int stays_again(void *context, struct month month, struct stays *out, struct fault *fault)
{
    const struct again *again = context;
    const struct facts *facts = &again->audit->facts;
    int error = 0;
    for (uint32_t i = 0; i < facts->visit_count && error == 0; i++) {
        if (facts->visits[i].month == month.number && counts(again, &facts->visits[i])) {
            error = visit_take(again, i, out, fault);
        }
    }
    return error;
}

static const Passerelle__V1__HolderPut *right_of(struct again *again,
                                                 const struct fact_record *record)
{
    return record == NULL ? NULL
                          : wire_unpack_trusted(&passerelle__v1__holder_put__descriptor,
                                                record->payload, &again->scratch);
}

/* Holders whose rights were put between two cuts: as they were and as they are. */
static void rights_touch(struct again *again, uint64_t last_cut, uint64_t cut)
{
    const struct fact_list *books = &again->audit->facts.books;
    struct map before;
    struct map after;
    map_init(&before, again->audit->options.seed);
    map_init(&after, again->audit->options.seed);
    for (size_t i = 0; i < books->count && books->all[i].seq <= cut; i++) {
        struct fact_record *record = &books->all[i];
        if (record->type == T(HOLDER_PUT)) {
            map_put(record->seq <= last_cut ? &before : &after, record->id, record);
        }
    }
    size_t at = 0;
    for (const struct map_slot *slot; (slot = map_next(&after, &at)) != NULL;) {
        arena_clear(&again->scratch);
        const Passerelle__V1__HolderPut *now = right_of(again, slot->value);
        if (now != NULL) {
            due_touch_right(&again->due, &again->roster,
                            right_of(again, map_get(&before, slot->key)), now);
        }
    }
    map_release(&before);
    map_release(&after);
}

/* Which closed months entries past the last cut touch. */
static void months_touch(struct again *again)
{
    const struct facts *facts = &again->audit->facts;
    uint64_t books = cut_of(again->close, FEED_BOOKS);
    uint64_t last_books = cut_of(again->last, FEED_BOOKS);
    for (uint32_t i = 0; i < facts->visit_count; i++) {
        const struct fact_visit *visit = &facts->visits[i];
        uint64_t cut = again->cut[visit->feed];
        uint64_t last = again->last_cut[visit->feed];
        bool is_new = by(visit->seq, cut) && visit->seq > last;
        bool undone = by(visit->undone_seq, cut) && visit->undone_seq > last;
        if (again->site[visit->feed] != FACT_NONE && (is_new || undone)) {
            due_touch(&again->due, (struct month){visit->month});
        }
    }
    for (size_t i = 0; i < facts->books.count && facts->books.all[i].seq <= books; i++) {
        const struct fact_record *record = &facts->books.all[i];
        struct day day;
        if (record->type != T(CARNET_SOLD) || record->seq <= last_books) {
            continue;
        }
        arena_clear(&again->scratch);
        const Passerelle__V1__Carnet *carnet = wire_unpack_trusted(
            &passerelle__v1__carnet__descriptor, record->payload, &again->scratch);
        if (carnet != NULL && day_parse(view_of(carnet->bought_on), &day) == E_OK) {
            due_touch(&again->due, month_of(day));
        }
    }
    due_touch_rulings(&again->due);
    rights_touch(again, last_books, books);
}

static int history_take(void *context, struct close_history *history, struct fault *fault)
{
    struct again *again = context;
    const struct facts *facts = &again->audit->facts;
    int error = 0;
    for (size_t i = 0; i < again->due.closed_count && error == 0; i++) {
        struct view bytes = VIEW_NONE;
        if (again->due.closed[i].number >= again->close->month.number) {
            break;
        }
        for (size_t k = 0; k < facts->close_count; k++) {
            if (facts->closes[k].month.number == again->due.closed[i].number) {
                bytes = facts->closes[k].standing;
            }
        }
        arena_clear(&again->scratch);
        const Passerelle__V1__SettlementDocument *document =
            bytes.len == 0 ? NULL
                           : wire_unpack_trusted(&passerelle__v1__settlement_document__descriptor,
                                                 bytes, &again->scratch);
        error = document != NULL
                    ? close_history_add(history, &again->roster, document, fault)
                    : fault_set(fault, E_CORRUPT, "an earlier close could not be computed");
    }
    return error;
}

/* The document of the close as the feeds give it, in again->arena. */
static int compute(struct again *again, Passerelle__V1__SettlementDocument **out,
                   struct cents *balance, struct fault *fault)
{
    struct stays stays = STAYS_INIT;
    struct close_result result = CLOSE_RESULT_INIT;
    struct due_source source = {stays_again, history_take, again};
    closed_list(again);
    int error = roster_make(again, fault);
    if (error == 0) {
        numbers_find(again);
        rulings_find(again);
        months_touch(again);
        error = stays_again(again, again->close->month, &stays, fault);
    }
    if (error == 0) {
        error = due_close(&again->due, &again->roster, again->close->month, &stays, &source,
                          policy_at(again), &result, fault);
    }
    if (error == 0) {
        error = books_trial_balance(&result.books, balance);
    }
    if (error == 0) {
        *out = document_of_result(&result, &again->roster, &again->arena);
    }
    close_result_release(&result);
    stays_release(&stays);
    return error;
}

/* ---- what is wrong with it ---- */

struct finding {
    audit_found *found;
    void *context;
    const char *month;
    size_t count;
};

static void tell(struct finding *finding, struct audit_difference difference)
{
    snprintf(difference.month, sizeof difference.month, "%s", finding->month);
    finding->count++;
    finding->found(finding->context, &difference);
}

/* Passes a difference between documents on, with its month. */
static void tell_on(void *context, const struct audit_difference *difference)
{
    tell(context, *difference);
}

static void printf_like(6, 7)
    cut_tell(struct finding *finding, const char *operation, struct view feed_id, uint64_t hub,
             uint64_t auditor, const char *fmt, ...)
{
    struct audit_difference difference = {.operation = operation, .counted = true};
    va_list args;
    difference.hub = (int64_t)hub;
    difference.auditor = (int64_t)auditor;
    snprintf(difference.position, sizeof difference.position, "cut of %s: feed %.*s",
             finding->month, VIEW_FMT(feed_id));
    snprintf(difference.party, sizeof difference.party, "%.*s", VIEW_FMT(feed_id));
    va_start(args, fmt);
    vsnprintf(difference.what, sizeof difference.what, fmt, args);
    va_end(args);
    tell(finding, difference);
}

/* The cut names every feed that was open, with as many entries as it had and their root. */
static void cut_check(struct audit *audit, const struct fact_close *close, struct finding *finding)
{
    const struct facts *facts = &audit->facts;
    bool *covered = xcalloc(facts->feed_count + 1, sizeof *covered);
    uint64_t net = cut_of(close, FEED_NET);
    for (size_t i = 0; i < close->cut_count; i++) {
        const struct fact_cut *cut = &close->cuts[i];
        if (cut->feed == NULL) {
            cut_tell(finding, "cut_feed", cut->feed_id, cut->root->size, 0,
                     "its cut names the feed %.*s, which net never opened", VIEW_FMT(cut->feed_id));
            continue;
        }
        covered[cut->feed->number] = true;
        if (!cut->feed->checked) {
            continue; /* told by audit_missing() */
        }
        if (!cut->root->reached) {
            cut_tell(finding, "cut_size", cut->feed_id, cut->root->size, cut->feed->size,
                     "its cut says that the feed %.*s had %llu entries; it has %llu",
                     VIEW_FMT(cut->feed_id), (unsigned long long)cut->root->size,
                     (unsigned long long)cut->feed->size);
        } else if (!tree_hash_equal(&cut->root->told, &cut->root->found)) {
            cut_tell(finding, "cut_root", cut->feed_id, cut->root->size, cut->root->size,
                     "its cut tells for the feed %.*s a root that is not that of its first %llu "
                     "entries",
                     VIEW_FMT(cut->feed_id), (unsigned long long)cut->root->size);
        }
    }
    for (size_t i = 0; i < facts->feed_count; i++) {
        const struct known_feed *feed = facts->feeds[i];
        if (!covered[i] && feed->opened_seq <= net) {
            cut_tell(finding, "cut_feed", feed->id, 0, feed->size,
                     "its cut leaves out the feed %.*s, which was open by then",
                     VIEW_FMT(feed->id));
        }
    }
    free(covered);
}

static void sentence_tell(struct finding *finding, const char *operation, const char *position,
                          const char *what)
{
    struct audit_difference difference = {.operation = operation};
    snprintf(difference.position, sizeof difference.position, "%s", position);
    snprintf(difference.what, sizeof difference.what, "%s", what);
    tell(finding, difference);
}

static void total_tell(struct finding *finding, const char *name, bool cents, int64_t hub,
                       int64_t auditor)
{
    struct audit_difference difference = {
        .operation = "total", .counted = true, .cents = cents, .hub = hub, .auditor = auditor};
    snprintf(difference.position, sizeof difference.position, "%s of the close, as books tells it",
             name);
    snprintf(difference.what, sizeof difference.what, "books tells another %s than the feeds give",
             name);
    if (hub != auditor) {
        tell(finding, difference);
    }
}

/* Ours is right by the rules; the hub's may be at hand. */
static void document_check(struct audit *audit, const struct fact_close *close,
                           const Passerelle__V1__SettlementDocument *ours, struct view bytes,
                           const struct audit_close *outcome, struct finding *finding)
{
    struct arena arena = ARENA_INIT;
    uint8_t handed_sha256[SHA256_LEN];
    bool same = memcmp(outcome->sha256, outcome->books_sha256, SHA256_LEN) == 0;
    size_t before = finding->count;
    const Passerelle__V1__SettlementDocument *hub = NULL;
    if (close->handed_out.len > 0) {
        hub = wire_unpack_trusted(&passerelle__v1__settlement_document__descriptor,
                                  close->handed_out, &arena);
        sha256(close->handed_out, handed_sha256);
    }
    if (hub != NULL && !view_equal(close->handed_out, bytes)) {
        size_t named = documents_compare(hub, ours, audit->options.seed, tell_on, finding) +
                       document_check_sums(hub, tell_on, finding);
        if (named == 0) {
            sentence_tell(finding, "document_bytes", "settlement document",
                          "it says what the feeds give, but is not written the canonical way");
        }
        if (memcmp(handed_sha256, outcome->books_sha256, SHA256_LEN) != 0) {
            sentence_tell(finding, "document_hash", "settlement document",
                          "the document that was handed out is not the one whose SHA-256 stands "
                          "in books");
        }
    }
    if (!same && finding->count == before) {
        sentence_tell(finding, "document_hash", "settlement document",
                      hub != NULL
                          ? "its SHA-256 in books is not that of the document that the feeds give, "
                            "which is the one that was handed out"
                          : "its SHA-256 in books is not that of the document that the feeds give; "
                            "the hub's document is not at hand, so what differs cannot be named: "
                            "export again as an operator");
    }
    total_tell(finding, "the netting mode", false, (int64_t)close->netting, (int64_t)ours->netting);
    total_tell(finding, "the sum paid", true, close->paid_cents, ours->paid_cents);
    arena_release(&arena);
}

size_t audit_missing(struct audit *audit, audit_found *found, void *context)
{
    size_t missing = 0;
    for (size_t i = 0; i < audit->facts.feed_count; i++) {
        const struct known_feed *feed = audit->facts.feeds[i];
        if (!feed->checked) {
            struct audit_difference difference = {.operation = "missing_feed"};
            missing++;
            snprintf(difference.position, sizeof difference.position, "feed %.*s",
                     VIEW_FMT(feed->id));
            snprintf(difference.party, sizeof difference.party, "%.*s", VIEW_FMT(feed->id));
            snprintf(difference.what, sizeof difference.what,
                     "net opened the feed %.*s, but it is left out", VIEW_FMT(feed->id));
            found(context, &difference);
        }
    }
    return missing;
}

int audit_document(struct audit *audit, struct view bytes, struct fault *fault)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message;
    struct month month;
    struct fact_close *close = NULL;
    int error = wire_unpack(&passerelle__v1__settlement_document__descriptor, bytes,
                            &wire_limits_tolerant, &arena, &message, fault);
    if (error == E_OK) {
        const char *text = ((const Passerelle__V1__SettlementDocument *)message)->month;
        bool parsed = month_parse(view_of(text), &month) == E_OK;
        for (size_t i = 0; parsed && i < audit->facts.close_count; i++) {
            if (audit->facts.closes[i].month.number == month.number) {
                close = &audit->facts.closes[i];
            }
        }
        error = close != NULL ? E_OK
                              : fault_set(fault, E_NOT_FOUND,
                                          "a settlement document is of the month \"%s\", which "
                                          "books does not close",
                                          text);
    }
    if (error == E_OK) {
        close->handed_out = arena_copy(&audit->arena, bytes);
    }
    arena_release(&arena);
    return error;
}

size_t audit_closes(const struct audit *audit)
{
    return audit->facts.close_count;
}

void audit_close_month(const struct audit *audit, size_t index, char month[static 8])
{
    assert(index < audit->facts.close_count);
    month_format(audit->facts.closes[index].month, month);
}

struct audit_close audit_close_check(struct audit *audit, size_t index, audit_found *found,
                                     void *context)
{
    assert(index < audit->facts.close_count);
    struct fact_close *close = &audit->facts.closes[index];
    struct audit_close outcome = {0};
    struct fault fault = FAULT_NONE;
    struct again again = {.audit = audit, .close = close};
    Passerelle__V1__SettlementDocument *ours = NULL;
    month_format(close->month, outcome.month);
    memcpy(outcome.books_sha256, close->sha256.data, SHA256_LEN);
    struct finding finding = {found, context, outcome.month, 0};
    roster_init(&again.roster, audit->options.seed);
    cut_check(audit, close, &finding);
    struct cents balance = CENTS(0);
    if (compute(&again, &ours, &balance, &fault) != E_OK) {
        sentence_tell(&finding, "close", "close", fault.text);
    } else {
        struct view bytes = wire_pack_arena(&again.arena, &ours->base);
        outcome.computed = true;
        outcome.stays = ours->stays;
        outcome.trial_balance = balance.cents;
        sha256(bytes, outcome.sha256);
        document_check(audit, close, ours, bytes, &outcome, &finding);
        /* What was signed counts for the months after it: each close answers for itself. */
        uint8_t handed_sha256[SHA256_LEN];
        sha256(close->handed_out, handed_sha256);
        bool signed_one = memcmp(handed_sha256, outcome.books_sha256, SHA256_LEN) == 0;
        invoices_check(audit, close, ours, tell_on, &finding);
        close->standing = signed_one ? close->handed_out : arena_copy(&audit->arena, bytes);
    }
    outcome.differences = finding.count;
    roster_release(&again.roster);
    arena_release(&again.arena);
    arena_release(&again.scratch);
    return outcome;
}
