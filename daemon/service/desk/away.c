#include "service/desk/away.h"

#include <stdlib.h>

#include "core/visit/stay.h"
#include "wire/pack.h"

/* More passes than that are not looked at to learn that they could use up what the site may. */
enum { PASSES_MAX = 5000 };
/* Passes whose visits a tick looks at: a millisecond or two. */
enum { COUNTED_AT_ONCE = 128 };

/* ---- standings ---- */

DB_SQL(select_standing, "SELECT record FROM standing WHERE kind = :kind AND item_key = :key");

static const void *told_of(struct service *service, struct arena *arena, int kind, struct view key,
                           const ProtobufCMessageDescriptor *type)
{
    const void *standing = NULL;
    struct query *query = db_query(service->db, &select_standing);
    query_bind_int(query, "kind", kind);
    query_bind_text(query, "key", key);
    if (query_next(query)) {
        standing = wire_unpack_trusted(type, query_blob(query, 0), arena);
        query_end(query);
    }
    return standing;
}

const Passerelle__V1__PlanStanding *told_of_plan(struct service *service, struct arena *arena,
                                                 struct view plan_id)
{
    return told_of(service, arena, PASSERELLE__V1__KNOWLEDGE_ITEM__ITEM_PLAN_STANDING, plan_id,
                   &passerelle__v1__plan_standing__descriptor);
}

const Passerelle__V1__HolderStanding *told_of_holder(struct service *service, struct arena *arena,
                                                     struct view holder_id)
{
    return told_of(service, arena, PASSERELLE__V1__KNOWLEDGE_ITEM__ITEM_HOLDER_STANDING, holder_id,
                   &passerelle__v1__holder_standing__descriptor);
}

const Passerelle__V1__ContractStanding *
told_of_contract(struct service *service, struct arena *arena, struct view employer_id)
{
    return told_of(service, arena, PASSERELLE__V1__KNOWLEDGE_ITEM__ITEM_CONTRACT_STANDING,
                   employer_id, &passerelle__v1__contract_standing__descriptor);
}

/* ---- since the last receipt ---- */

DB_SQL(select_receipt, "SELECT size, received_utc_ms FROM receipt ORDER BY size DESC LIMIT 1");

struct receipt {
    uint64_t size;
    int64_t received_utc_ms;
};

static struct receipt last_receipt(struct db *db)
{
    struct receipt receipt = {0};
    struct query *query = db_query(db, &select_receipt);
    if (query_next(query)) {
        receipt.size = (uint64_t)query_int(query, 0);
        receipt.received_utc_ms = query_int(query, 1);
        query_end(query);
    }
    return receipt;
}

static int64_t own_feed(struct service *service)
{
    return journal_feed_no(service->db, view_of(service->node->site_id));
}

static bool stands(const struct visit_row *row)
{
    return row->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_OPEN ||
           row->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_CLOSED;
}

static uint32_t units_of(struct spending_stay *stays, size_t count, struct spending_day *days)
{
    struct spending rooms = {0};
    uint32_t units = 0;
    size_t day_count = spending_fold(stays, count, days, &rooms);
    for (size_t i = 0; i < day_count; i++) {
        units += days[i].open ? OFFLINE_UNITS_A_DAY : days[i].units;
    }
    return units;
}

/* Units of the pass's desk stays at this site on the days from..to: all of them, and those that the
 * entries up to `seq` began. An empty pass is that of stays without one, which nobody decided. */
static void units_here(struct service *service, struct view holder_id, struct view pass_id,
                       struct day from, struct day to, uint64_t seq, uint32_t *all,
                       uint32_t *before)
{
    struct arena arena = ARENA_INIT;
    int64_t feed_no = own_feed(service);
    struct day today = day_of_instant(service_now(service));
    struct holder_visits visits = holder_visits(service, &arena, holder_id, from, to);
    struct spending_stay *stays = ARENA_ARRAY(&arena, visits.count + 1, struct spending_stay);
    struct spending_stay *old = ARENA_ARRAY(&arena, visits.count + 1, struct spending_stay);
    struct spending_day *days = ARENA_ARRAY(&arena, visits.count + 1, struct spending_day);
    size_t count = 0, old_count = 0;
    for (size_t i = 0; i < visits.count; i++) {
        const struct visit_row *row = &visits.rows[i];
        const struct desk_site *site = desk_site_of_feed(service, row->feed_no);
        if (row->feed_no != feed_no || site == NULL || row->resource != DESK_RESOURCE ||
            !stands(row) || row->pass_id.len == 0 || !view_equal(row->pass_id, pass_id)) {
            continue;
        }
        stays[count] = desk_stay_of(service, row, site, today);
        int64_t cut_utc_ms = visit_cut_utc_ms(service, &visits, row);
        if (stays[count].open && cut_utc_ms != 0) { /* the day has units left for who comes back */
            stays[count].open = false;
            stays[count].out_utc_ms = cut_utc_ms;
        }
        count++;
        if (((uint64_t)row->visit_key & FEED_SEQ_MAX) <= seq) {
            old[old_count++] = stays[count - 1];
        }
    }
    *all = units_of(stays, count, days);
    *before = units_of(old, old_count, days);
    arena_release(&arena);
}

DB_SQL(select_first_since,
       "SELECT MIN(day) FROM visit WHERE visit_key > :from AND visit_key <= :to");

/* The first day that a visit since the receipt is of; false: there is none. */
static bool first_day_since(struct service *service, uint64_t seq, struct day *out)
{
    int64_t feed = own_feed(service) << FEED_SEQ_BITS;
    struct query *query = db_query(service->db, &select_first_since);
    query_bind_int(query, "from", feed + (int64_t)seq);
    query_bind_int(query, "to", feed + (int64_t)FEED_SEQ_MAX);
    bool found = query_next(query) && !query_is_null(query, 0);
    if (found) {
        *out = (struct day){(int32_t)query_int(query, 0)};
    }
    query_end(query);
    return found;
}

static uint32_t spent_since(struct service *service, uint64_t seq, struct day first,
                            struct view holder_id, struct view pass_id)
{
    uint32_t all, before;
    struct day today = day_of_instant(service_now(service));
    units_here(service, holder_id, pass_id, first, today, seq, &all, &before);
    return all > before ? all - before : 0;
}

struct spender {
    struct view holder_id;
    struct view pass_id;
    uint32_t units;
    uint32_t allowance; /* of its pass, as it is now */
    bool asked;         /* for that */
    bool stale;
    struct spender *next_stale;
};

struct away_memory {
    /* What it was counted for: what is told later can change what a visit uses, and whose it is. */
    uint64_t receipt;
    uint64_t net_size;
    uint64_t version;
    struct day today;
    struct day first; /* of a visit since */
    uint64_t units;
    uint64_t units_beyond; /* of these: more than the allowances of their passes, as they are now */
    struct map passes;
    struct spender *stale;
    struct arena arena;
};

void away_forget(struct desk *desk)
{
    if (desk->away != NULL) {
        map_release(&desk->away->passes);
        arena_release(&desk->away->arena);
        free(desk->away);
        desk->away = NULL;
    }
}

static bool lets_in(const struct registry_pass *pass, struct day today)
{
    struct day last;
    bool over = day_parse(view_of(pass->issued->valid_until), &last) == E_OK &&
                day_compare(last, today) < 0;
    return pass->state == PASSERELLE__V1__PASS_STATE__PASS_STATE_ACTIVE &&
           pass->replaced_by.len == 0 && !over;
}

/* Units that the pass may use here before the site hears again. */
static uint32_t allowance_of(const Passerelle__V1__NetworkPolicy *policy,
                             const struct registry_pass *pass, struct day today)
{
    const Passerelle__V1__PassIssued *issued = pass->issued;
    if (!lets_in(pass, today) ||
        issued->offline_rule == PASSERELLE__V1__OFFLINE_RULE__OFFLINE_RULE_NEVER) {
        return 0;
    }
    return issued->offline_rule == PASSERELLE__V1__OFFLINE_RULE__OFFLINE_RULE_ALWAYS
               ? UINT32_MAX
               : offline_allowance(policy, issued->medium);
}

static struct spender *spender_of(struct away_memory *memory, struct view holder_id,
                                  struct view pass_id)
{
    struct spender *spender = map_get(&memory->passes, pass_id);
    if (spender == NULL) {
        spender = ARENA_NEW(&memory->arena, struct spender);
        spender->holder_id = arena_copy(&memory->arena, holder_id);
        spender->pass_id = arena_copy(&memory->arena, pass_id);
        map_put(&memory->passes, pass_id, spender);
    }
    return spender;
}

static void make_stale(struct away_memory *memory, struct view holder_id, struct view pass_id)
{
    struct spender *spender = spender_of(memory, holder_id, pass_id);
    if (!spender->stale) {
        spender->stale = true;
        spender->next_stale = memory->stale;
        memory->stale = spender;
    }
}

void away_changed(struct desk *desk, struct view holder_id, struct view pass_id, struct day day)
{
    struct away_memory *memory = desk->away;
    if (memory != NULL && pass_id.len > 0) {
        make_stale(memory, holder_id, pass_id);
        memory->first = day_compare(day, memory->first) < 0 ? day : memory->first;
    }
}

DB_SQL(select_spenders, "SELECT DISTINCT holder_id, pass_id FROM visit WHERE visit_key > :from "
                        "AND visit_key <= :to AND state IN (1, 2) AND resource = 1 "
                        "AND pass_id IS NOT NULL");

static void find_spenders(struct service *service, struct away_memory *memory)
{
    if (!first_day_since(service, memory->receipt, &memory->first)) {
        return;
    }
    int64_t feed = own_feed(service) << FEED_SEQ_BITS;
    struct query *query = db_query(service->db, &select_spenders);
    query_bind_int(query, "from", feed + (int64_t)memory->receipt);
    query_bind_int(query, "to", feed + (int64_t)FEED_SEQ_MAX);
    while (query_next(query)) {
        make_stale(memory, query_text(query, 0), query_blob(query, 1));
    }
}

/* Nothing stands any more for what a pass used that is gone, or under an allowance that was higher:
 * `net` can come while nothing of ours is taken. One that this node has not heard of has none. */
static uint32_t beyond_allowance(struct service *service, struct spender *spender, struct day today)
{
    if (!spender->asked) {
        struct arena arena = ARENA_INIT;
        struct registry_pass pass;
        spender->asked = true;
        if (registry_pass(service->db, &arena, spender->pass_id, &pass)) {
            spender->allowance = allowance_of(desk_policy(service, &arena), &pass, today);
        }
        arena_release(&arena);
    }
    return spender->units > spender->allowance ? spender->units - spender->allowance : 0;
}

/* Begun anew when what it was counted for is not so any more. */
static struct away_memory *remember(struct service *service)
{
    struct desk *desk = service->desk;
    struct away_memory now = {.receipt = last_receipt(service->db).size,
                              .net_size = journal_feed_size(service->db, VIEW_LIT(FEED_NET)),
                              .version = atomic_load(&service->node->registry_version),
                              .today = day_of_instant(service_now(service))};
    struct away_memory *memory = desk->away;
    if (memory == NULL || memory->receipt != now.receipt || memory->net_size != now.net_size ||
        memory->version != now.version || memory->today.number != now.today.number) {
        away_forget(desk);
        desk->away = memory = xmalloc(sizeof *memory);
        *memory = now;
        memory->first = now.today;
        map_init(&memory->passes, 0); /* ids of passes are the network's */
        find_spenders(service, memory);
    }
    return memory;
}

/* Counts so many passes again; other threads are told when none is left. */
static void count(struct service *service, struct away_memory *memory, size_t most)
{
    for (; memory->stale != NULL && most > 0; most--) {
        struct spender *spender = memory->stale;
        memory->stale = spender->next_stale;
        memory->units -= spender->units;
        memory->units_beyond -= beyond_allowance(service, spender, memory->today);
        spender->units = spent_since(service, memory->receipt, memory->first, spender->holder_id,
                                     spender->pass_id);
        memory->units += spender->units;
        memory->units_beyond += beyond_allowance(service, spender, memory->today);
        spender->stale = false;
    }
    if (memory->stale == NULL) {
        atomic_store(&service->node->units_spent, memory->units);
        atomic_store(&service->node->units_beyond, memory->units_beyond);
        atomic_store(&service->node->units_counted, true);
    }
}

bool away_tick(struct service *service)
{
    struct desk *desk = service->desk;
    if (desk->away == NULL || desk->away->stale != NULL) {
        count(service, remember(service), COUNTED_AT_ONCE);
    }
    return desk->away->stale != NULL;
}

/* As it is now. */
static struct away_memory *look(struct service *service)
{
    struct away_memory *memory = remember(service);
    count(service, memory, SIZE_MAX);
    return memory;
}

uint32_t away_spent_by(struct service *service, struct view pass_id)
{
    const struct spender *spender = map_get(&look(service)->passes, pass_id);
    return spender == NULL ? 0 : spender->units;
}

uint64_t away_spent(struct service *service)
{
    return look(service)->units;
}

uint32_t away_units_asked(struct service *service, struct view holder_id, struct view pass_id)
{
    uint32_t all, before;
    struct day today = day_of_instant(service_now(service));
    units_here(service, holder_id, pass_id, today, today, 0, &all, &before);
    return all < OFFLINE_UNITS_A_DAY ? OFFLINE_UNITS_A_DAY - all : 0;
}

/* ---- limits ---- */

DB_SQL(select_first_entry, "SELECT appended_utc_ms FROM entry WHERE entry_id > :from "
                           "AND entry_id <= :to ORDER BY entry_id LIMIT 1");

/* When the hub last knew all that this site had done: at the last word from it, or before the first
 * entry that it has not acknowledged; never before the receipt that it gave. */
static int64_t synced_utc_ms(struct service *service)
{
    struct receipt receipt = last_receipt(service->db);
    int64_t synced_utc_ms = atomic_load(&service->node->heard_utc_ms);
    int64_t feed = own_feed(service) << FEED_SEQ_BITS;
    struct query *query = db_query(service->db, &select_first_entry);
    query_bind_int(query, "from", feed + (int64_t)receipt.size);
    query_bind_int(query, "to", feed + (int64_t)FEED_SEQ_MAX);
    if (query_next(query)) {
        int64_t first_utc_ms = query_int(query, 0);
        synced_utc_ms = first_utc_ms < synced_utc_ms ? first_utc_ms : synced_utc_ms;
        query_end(query);
    }
    return synced_utc_ms > receipt.received_utc_ms ? synced_utc_ms : receipt.received_utc_ms;
}

uint64_t away_site_limit(struct service *service, const struct desk_site *site)
{
    enum { DAYS_MAX = 366 };
    struct day today = day_of_instant(service_now(service));
    struct day day = day_of_instant(synced_utc_ms(service));
    uint32_t open_days = 0;
    if (today.number - day.number > DAYS_MAX) {
        day = day_plus(today, -DAYS_MAX);
    }
    for (; day_compare(day, today) <= 0; day = day_plus(day, 1)) {
        open_days += site_opens_on(site->site, &site->hours, day);
    }
    return offline_site_limit(site_capacity(site->site, DESK_RESOURCE), open_days);
}

struct could_come {
    const Passerelle__V1__NetworkPolicy *policy;
    uint64_t limit;
    uint64_t units;
    size_t looked;
    struct day today;
};

static bool add_pass(void *context, const struct registry_pass *pass)
{
    struct could_come *c = context;
    c->units += allowance_of(c->policy, pass, c->today);
    if (++c->looked == PASSES_MAX) {
        c->units = c->limit; /* at most that, whoever else there is */
    }
    return c->units < c->limit;
}

/* The writer answers each visitor with it: the passes are looked at again when `net` has moved. */
static void units_of_passes(struct service *service, struct could_come *c)
{
    struct registry_pass_filter filter = {.limit = PASSES_MAX};
    struct desk *desk = service->desk;
    struct desk_worst now = {
        .net_size = journal_feed_size(service->db, VIEW_LIT(FEED_NET)),
        .version = atomic_load(&service->node->registry_version),
        .limit = c->limit,
        .today = c->today};
    if (desk != NULL && desk->worst.net_size == now.net_size && desk->worst.limit == now.limit &&
        desk->worst.version == now.version && desk->worst.today.number == now.today.number) {
        c->units = desk->worst.units;
        return;
    }
    registry_walk_passes(service->db, &filter, add_pass, c);
    if (desk != NULL && db_error(service->db, NULL) == E_OK) {
        now.units = c->units;
        desk->worst = now;
    }
}

/* Not less than what was used since the receipt, when nobody has counted it yet. */
static uint64_t spent_at_most(struct service *service)
{
    uint64_t size = journal_feed_size(service->db, view_of(service->node->site_id));
    uint64_t receipt = last_receipt(service->db).size;
    return size > receipt ? (size - receipt) * OFFLINE_UNITS_A_DAY : 0;
}

uint64_t away_worst_case(struct service *service, struct arena *arena)
{
    struct view site_id = view_of(service->node->site_id);
    const struct desk_site *site = service->desk != NULL
                                       ? desk_site(service, site_id)
                                       : desk_site_read(service->db, arena, site_id);
    if (site == NULL) {
        return 0; /* it has not heard of itself, and lets nobody in */
    }
    struct could_come c = {.policy = desk_policy(service, arena),
                           .limit = away_site_limit(service, site),
                           .today = day_of_instant(service_now(service))};
    if (c.limit > 0) {
        units_of_passes(service, &c);
    }
    if (service->desk != NULL) {
        look(service);
    }
    bool counted = atomic_load(&service->node->units_counted);
    uint64_t spent =
        counted ? atomic_load(&service->node->units_spent) : spent_at_most(service);
    uint64_t worst =
        offline_worst_case(c.units + atomic_load(&service->node->units_beyond), c.limit);
    /* A pass that it has not heard of may come too: the site's own limit holds for all. */
    if (!atomic_load(&service->node->complete) || (!counted && spent > 0)) {
        worst = c.limit;
    }
    return worst > spent ? worst : spent; /* the limit may have been higher, too */
}
