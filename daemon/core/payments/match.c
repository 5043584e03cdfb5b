#include "core/payments/match.h"

#include <assert.h>

#include "base/buf.h"
#include "base/map.h"

/* ---- states ---- */

static const char *const state_names[] = {
    [PAYMENT_TO_PAY] = "to_pay",
    [PAYMENT_SENT] = "sent",
    [PAYMENT_CONFIRMED] = "confirmed",
    [PAYMENT_RETURNED] = "returned",
};

static const char *const event_words[] = {
    [PAYMENT_EXPORT] = "sent to the bank",
    [PAYMENT_BOOKED] = "booked",
    [PAYMENT_CAME_BACK] = "returned",
};

/* A payment may be booked that no file of ours sent: somebody paid by hand. */
static const struct {
    enum payment_state from;
    enum payment_event event;
    enum payment_state to;
} moves[] = {
    {PAYMENT_TO_PAY, PAYMENT_EXPORT, PAYMENT_SENT},
    {PAYMENT_TO_PAY, PAYMENT_BOOKED, PAYMENT_CONFIRMED},
    {PAYMENT_SENT, PAYMENT_BOOKED, PAYMENT_CONFIRMED},
    {PAYMENT_SENT, PAYMENT_CAME_BACK, PAYMENT_RETURNED},
    {PAYMENT_CONFIRMED, PAYMENT_CAME_BACK, PAYMENT_RETURNED},
    {PAYMENT_RETURNED, PAYMENT_EXPORT, PAYMENT_SENT},
    {PAYMENT_RETURNED, PAYMENT_BOOKED, PAYMENT_CONFIRMED},
};

const char *payment_state_name(enum payment_state state)
{
    return state_names[state];
}

int payment_move(enum payment_state *state, enum payment_event event, struct fault *fault)
{
    for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
        if (moves[i].from == *state && moves[i].event == event) {
            *state = moves[i].to;
            return E_OK;
        }
    }
    return fault_set(fault, E_CONFLICT, "a payment that is %s cannot be %s", state_names[*state],
                     event_words[event]);
}

/* ---- matching ---- */

static const char *const leftover_texts[] = {
    [LEFTOVER_UNKNOWN] = "no payment has this id, nor this amount and IBAN",
    [LEFTOVER_AMOUNT] = "the payment, or the file, with this id has another amount",
    [LEFTOVER_AMBIGUOUS] = "several fit: match it by hand",
    [LEFTOVER_STATE] = "the payment with this id is settled already",
    [LEFTOVER_PENDING] = "not booked yet",
    [LEFTOVER_SEEN] = "matched before",
};

const char *leftover_text(enum leftover_reason reason)
{
    return leftover_texts[reason];
}

/* Items, or entries, that share a key. */
struct group {
    size_t first;
    size_t count;
};

struct run {
    struct match_item *items;
    const struct camt_entry *entries;
    struct arena *arena;
    struct matching *out;
    size_t item_count;
    struct map by_id, by_group, by_amount, entries_by_amount, seen;
    struct buf key;
    bool *matched; /* entries */
    bool *done;    /* entries that this pass has told of by their id */
};

static void group_add(struct run *run, struct map *map, size_t place)
{
    struct view key = buf_content(&run->key);
    struct group *group = map_get(map, key);
    if (group == NULL) {
        group = ARENA_NEW(run->arena, struct group);
        group->first = place;
        map_put(map, key, group);
    }
    group->count++;
}

static struct view id_key(struct run *run, struct view end_to_end)
{
    buf_clear(&run->key);
    buf_view(&run->key, end_to_end);
    return buf_content(&run->key);
}

static struct view amount_key(struct run *run, struct cents amount, struct view iban, bool incoming,
                              enum payment_event event)
{
    buf_clear(&run->key);
    buf_printf(&run->key, "%lld %d %d %.*s", (long long)amount.cents, incoming, (int)event,
               VIEW_FMT(iban));
    return buf_content(&run->key);
}

/* What an entry says of a payment: money that comes in is what we were to get, or what came back.
 */
static bool entry_incoming(const struct camt_entry *entry)
{
    return entry->credit != entry->returned;
}

static enum payment_event entry_event(const struct camt_entry *entry)
{
    return entry->returned ? PAYMENT_CAME_BACK : PAYMENT_BOOKED;
}

static bool can_follow(const struct match_item *item, enum payment_event event)
{
    enum payment_state state = item->state;
    return payment_move(&state, event, NULL) == E_OK;
}

static bool same_account(const struct match_item *item, const struct camt_entry *entry)
{
    return item->account.len == 0 || entry->account.len == 0 ||
           view_equal(item->account, entry->account);
}

static void leave(struct run *run, size_t entry, enum leftover_reason reason, size_t item)
{
    run->out->leftovers[run->out->leftover_count++] = (struct leftover){entry, reason, item};
}

static void settle(struct run *run, size_t entry, size_t place, enum payment_event event,
                   enum match_rule rule)
{
    struct match_item *item = &run->items[place];
    struct match *match = &run->out->matches[run->out->match_count++];
    *match = (struct match){.item = place, .entry = entry, .rule = rule, .before = item->state};
    snprintf(match->key, sizeof match->key, "%s", run->entries[entry].key);
    int err = payment_move(&item->state, event, NULL);
    assert(err == E_OK);
    match->after = item->state;
    run->matched[entry] = true;
}

/* Some banks book what comes back without a word of return: money the other way under our own id.
 */
static enum payment_event event_by_id(const struct match_item *item, const struct camt_entry *entry)
{
    bool other_way = item->incoming != entry_incoming(entry);
    return other_way && !entry->returned ? PAYMENT_CAME_BACK : entry_event(entry);
}

static void by_end_to_end(struct run *run, size_t place, const struct group *group)
{
    const struct match_item *item = &run->items[group->first];
    const struct camt_entry *entry = &run->entries[place];
    if (group->count > 1) {
        leave(run, place, LEFTOVER_AMBIGUOUS, group->first);
    } else if (!same_account(item, entry)) {
        leave(run, place, LEFTOVER_UNKNOWN, SIZE_MAX);
    } else if (item->amount.cents != entry->amount.cents) {
        leave(run, place, LEFTOVER_AMOUNT, group->first);
    } else if ((entry->returned && item->incoming != entry_incoming(entry)) ||
               !can_follow(item, event_by_id(item, entry))) {
        leave(run, place, LEFTOVER_STATE, group->first);
    } else {
        settle(run, place, group->first, event_by_id(item, entry), MATCH_END_TO_END);
    }
}

static void by_amount(struct run *run, size_t place)
{
    const struct camt_entry *entry = &run->entries[place];
    if (entry->iban.len == 0) {
        leave(run, place, LEFTOVER_UNKNOWN, SIZE_MAX);
        return;
    }
    struct view key =
        amount_key(run, entry->amount, entry->iban, entry_incoming(entry), entry_event(entry));
    const struct group *items = map_get(&run->by_amount, key);
    const struct group *entries = map_get(&run->entries_by_amount, key);
    if (items == NULL || !same_account(&run->items[items->first], entry)) {
        leave(run, place, LEFTOVER_UNKNOWN, SIZE_MAX);
    } else if (items->count > 1 || entries->count > 1) {
        leave(run, place, LEFTOVER_AMBIGUOUS, SIZE_MAX);
    } else {
        settle(run, place, items->first, entry_event(entry), MATCH_AMOUNT_IBAN);
    }
}

/* One booking for all that a group of a file sent and that is not settled yet. Banks differ in
 * which element tells the group, so the sum must agree. */
static void by_group(struct run *run, size_t place)
{
    const struct camt_entry *entry = &run->entries[place];
    struct cents sum = CENTS(0);
    bool fits = !entry->returned;
    for (size_t i = 0; i < run->item_count && fits; i++) {
        const struct match_item *item = &run->items[i];
        if (view_equal(item->group, entry->payment_group) && can_follow(item, PAYMENT_BOOKED)) {
            fits = item->incoming == entry_incoming(entry) && same_account(item, entry) &&
                   cents_accumulate(&sum, item->amount) == E_OK;
        }
    }
    if (!fits || sum.cents == 0) {
        leave(run, place, LEFTOVER_STATE, SIZE_MAX);
    } else if (sum.cents != entry->amount.cents) {
        leave(run, place, LEFTOVER_AMOUNT, SIZE_MAX);
    } else {
        for (size_t i = 0; i < run->item_count; i++) {
            const struct match_item *item = &run->items[i];
            if (view_equal(item->group, entry->payment_group) && can_follow(item, PAYMENT_BOOKED)) {
                settle(run, place, i, PAYMENT_BOOKED, MATCH_GROUP);
            }
        }
    }
}

/* Whether the entry is one booking for a group that we sent. */
static bool is_of_group(struct run *run, const struct camt_entry *entry)
{
    return entry->end_to_end.len == 0 && entry->payment_group.len > 0 &&
           map_get(&run->by_group, entry->payment_group) != NULL;
}

/* The entry's own id decides, if it is one of ours. */
static const struct group *group_of(struct run *run, const struct camt_entry *entry)
{
    return entry->end_to_end.len == 0 ? NULL : map_get(&run->by_id, id_key(run, entry->end_to_end));
}

static int leftover_compare(const void *left, const void *right)
{
    const struct leftover *a = left;
    const struct leftover *b = right;
    return a->entry < b->entry ? -1 : a->entry > b->entry;
}

static void index_items(struct run *run, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct match_item *item = &run->items[i];
        assert(item->amount.cents > 0);
        if (item->end_to_end.len > 0) {
            id_key(run, item->end_to_end);
            group_add(run, &run->by_id, i);
        }
        if (item->group.len > 0) {
            map_put(&run->by_group, item->group, run->out);
        }
    }
}

/* Only what an id did not settle is open to a match by amount. */
static void index_open(struct run *run, size_t item_count, size_t entry_count)
{
    for (size_t i = 0; i < item_count; i++) {
        const struct match_item *item = &run->items[i];
        for (int event = PAYMENT_BOOKED; event <= PAYMENT_CAME_BACK; event++) {
            if (item->iban.len > 0 && can_follow(item, (enum payment_event)event)) {
                amount_key(run, item->amount, item->iban, item->incoming,
                           (enum payment_event)event);
                group_add(run, &run->by_amount, i);
            }
        }
    }
    for (size_t i = 0; i < entry_count; i++) {
        const struct camt_entry *entry = &run->entries[i];
        if (!run->done[i] && entry->iban.len > 0) {
            amount_key(run, entry->amount, entry->iban, entry_incoming(entry), entry_event(entry));
            group_add(run, &run->entries_by_amount, i);
        }
    }
}

static void pass(struct run *run, size_t item_count, size_t entry_count)
{
    run->out->leftover_count = 0;
    for (size_t i = 0; i < entry_count; i++) {
        const struct camt_entry *entry = &run->entries[i];
        const struct group *group = group_of(run, entry);
        run->done[i] = true;
        if (run->matched[i]) {
            continue;
        }
        if (map_get(&run->seen, view_of(entry->key)) != NULL) {
            leave(run, i, LEFTOVER_SEEN, SIZE_MAX);
        } else if (entry->pending) {
            leave(run, i, LEFTOVER_PENDING, SIZE_MAX);
        } else if (group != NULL) {
            by_end_to_end(run, i, group);
        } else if (is_of_group(run, entry)) {
            by_group(run, i);
        } else {
            run->done[i] = false;
        }
    }
    map_init(&run->by_amount, 0);
    map_init(&run->entries_by_amount, 0);
    index_open(run, item_count, entry_count);
    for (size_t i = 0; i < entry_count; i++) {
        if (!run->done[i]) {
            by_amount(run, i);
        }
    }
    map_release(&run->by_amount);
    map_release(&run->entries_by_amount);
}

/* Until nothing more is found: some banks list the newest first, a return before what it returns.
 * The state at the end is one from which the same entries give nothing more. */
void match_run(struct match_item *items, size_t item_count, const struct camt_entry *entries,
               size_t entry_count, const char (*seen)[33], size_t seen_count, struct arena *arena,
               struct matching *out)
{
    struct run run = {.items = items,
                      .item_count = item_count,
                      .entries = entries,
                      .arena = arena,
                      .out = out,
                      .matched = ARENA_ARRAY(arena, entry_count, bool),
                      .done = ARENA_ARRAY(arena, entry_count, bool)};
    /* a group's entry settles each payment that is open once; the next needs an entry of its own */
    *out =
        (struct matching){.matches = ARENA_ARRAY(arena, 2 * entry_count + item_count, struct match),
                          .leftovers = ARENA_ARRAY(arena, entry_count, struct leftover)};
    map_init(&run.by_id, 0);
    map_init(&run.by_group, 0);
    map_init(&run.seen, 0);
    for (size_t i = 0; i < seen_count; i++) {
        map_put(&run.seen, view_of(seen[i]), out);
    }
    index_items(&run, item_count);
    size_t before;
    do {
        before = out->match_count;
        pass(&run, item_count, entry_count);
    } while (out->match_count > before);
    qsort(out->leftovers, out->leftover_count, sizeof *out->leftovers, leftover_compare);
    buf_release(&run.key);
    map_release(&run.by_id);
    map_release(&run.by_group);
    map_release(&run.seen);
}

int match_undo(const struct match *match, enum payment_state *state, struct fault *fault)
{
    if (*state != match->after) {
        return fault_set(fault, E_CONFLICT,
                         "the payment is %s since, and not %s as this match left it: undo what "
                         "came later first",
                         state_names[*state], state_names[match->after]);
    }
    *state = match->before;
    return E_OK;
}
