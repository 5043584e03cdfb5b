#include "service/sync/knowledge.h"

#include "base/map.h"
#include "core/day/day.h"
#include "core/ident/uuid.h"
#include "service/desk/standing.h"
#include "service/journal.h"
#include "store/person/person.h"
#include "store/view/registry.h"
#include "store/view/visits.h"
#include "wire/pack.h"

/* Ten milliseconds; while somebody waits at a door, some. */
enum { ENTRIES_A_TICK = 2048, ENTRIES_BESIDE = 512, SWEEP_A_TICK = 200, SWEEP_BESIDE = 80 };
enum { CURSOR_VERSION = 0, CURSOR_SWEPT = -1, CURSOR_DAY = -2 };

#define ITEM(name) PASSERELLE__V1__KNOWLEDGE_ITEM__ITEM_##name
#define TYPE(name) PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_##name

/* ---- cursors ---- */

DB_SQL(select_cursor, "SELECT seq FROM knowledge_cursor WHERE feed_no = :feed_no");
DB_SQL(put_cursor, "INSERT INTO knowledge_cursor (feed_no, seq) VALUES (:feed_no, :seq) "
                   "ON CONFLICT (feed_no) DO UPDATE SET seq = excluded.seq");

/* -1: there is none. */
static int64_t cursor_get(struct db *db, int64_t feed_no)
{
    int64_t seq = -1;
    struct query *query = db_query(db, &select_cursor);
    query_bind_int(query, "feed_no", feed_no);
    if (query_next(query)) {
        seq = query_int(query, 0);
        query_end(query);
    }
    return seq;
}

static void cursor_set(struct db *db, int64_t feed_no, int64_t seq)
{
    struct query *query = db_query(db, &put_cursor);
    query_bind_int(query, "feed_no", feed_no);
    query_bind_int(query, "seq", seq);
    query_run(query);
}

uint64_t knowledge_last_version(struct db *db)
{
    int64_t version = cursor_get(db, CURSOR_VERSION);
    return version > 0 ? (uint64_t)version : 0;
}

DB_SQL(select_latest, "SELECT appended_utc_ms FROM entry WHERE entry_id > :from "
                      "AND entry_id <= :to ORDER BY entry_id DESC");

void knowledge_tell_today(struct service *service, struct view site_id)
{
    int64_t feed_no = journal_feed_no(service->db, site_id);
    int64_t today_utc_ms = day_start_utc_ms(day_of_instant(service_now(service)));
    int64_t seq = (int64_t)feed_head(service->db, feed_no).size;
    struct query *query = db_query(service->db, &select_latest);
    query_bind_int(query, "from", feed_no << FEED_SEQ_BITS);
    query_bind_int(query, "to", (feed_no << FEED_SEQ_BITS) + seq);
    while (query_next(query) && query_int(query, 0) >= today_utc_ms) {
        seq--;
    }
    query_end(query);
    int64_t read = cursor_get(service->db, feed_no);
    if (read < 0 || seq < read) { /* that all is swept, the changed registry sees to */
        cursor_set(service->db, feed_no, seq);
    }
}

bool knowledge_is_complete(struct db *db)
{
    return cursor_get(db, CURSOR_SWEPT) > 0;
}

uint64_t knowledge_counted(struct db *db, struct view site_id)
{
    int64_t seq = cursor_get(db, journal_feed_no(db, site_id));
    return seq > 0 ? (uint64_t)seq : 0;
}

void knowledge_stamp(Passerelle__V1__KnowledgeItem *item, uint64_t own_seq)
{
    switch (item->item_case) {
    case ITEM(PLAN_STANDING):
        item->plan_standing->own_seq = own_seq;
        break;
    case ITEM(HOLDER_STANDING):
        item->holder_standing->own_seq = own_seq;
        break;
    case ITEM(CONTRACT_STANDING):
        item->contract_standing->own_seq = own_seq;
        break;
    default:
        break;
    }
}

/* ---- pieces ---- */

/* One tick: what it must look at again, each once. */
struct renewing {
    struct service *service;
    struct db *db;
    struct arena arena;   /* of the tick */
    struct arena scratch; /* of one piece */
    struct map holders;   /* whose terms may be others: id -> struct view */
    struct map used;      /* who used something, or gave it back */
    struct map plans;
    struct map contracts;
    struct map days;   /* day number and holder -> struct holder_day */
    struct map opened; /* visits of which the opening was read -> struct holder_day */
    struct map sites;  /* feed number -> struct remote_site */
    struct day today;
    bool beside;
    bool moved; /* some cursor did */
    uint64_t version;
};

DB_SQL(select_piece, "SELECT record FROM knowledge "
                     "WHERE site_id = :site_id AND kind = :kind AND item_key = :key");
DB_SQL(delete_piece, "DELETE FROM knowledge "
                     "WHERE site_id = :site_id AND kind = :kind AND item_key = :key");
DB_SQL(put_piece, "INSERT INTO knowledge (version, site_id, kind, item_key, record) "
                  "VALUES (:version, :site_id, :kind, :key, :record)");

static void bind_piece(struct query *query, const char *site_id, int kind, struct view key)
{
    query_bind_text(query, "site_id", view_of(site_id));
    query_bind_int(query, "kind", kind);
    query_bind_text(query, "key", key);
}

/* A newer piece; nothing when the same stands there, unless it must be told again: a standing that
 * counts more entries and says the same. */
static void piece_put(struct renewing *r, const char *site_id, struct view key,
                      const Passerelle__V1__KnowledgeItem *item, bool again)
{
    struct view record = wire_pack_arena(&r->scratch, &item->base);
    struct query *query = db_query(r->db, &select_piece);
    bind_piece(query, site_id, (int)item->item_case, key);
    bool known = query_next(query);
    bool same = known && view_equal(query_blob(query, 0), record);
    query_end(query);
    if (same && !again) {
        return;
    }
    if (known) {
        query = db_query(r->db, &delete_piece);
        bind_piece(query, site_id, (int)item->item_case, key);
        query_run(query);
    }
    query = db_query(r->db, &put_piece);
    bind_piece(query, site_id, (int)item->item_case, key);
    query_bind_int(query, "version", (int64_t)++r->version);
    query_bind_blob(query, "record", record);
    query_run(query);
}

static bool piece_is_known(struct renewing *r, const char *site_id, int kind, struct view key)
{
    struct query *query = db_query(r->db, &select_piece);
    bind_piece(query, site_id, kind, key);
    bool known = query_next(query);
    query_end(query);
    return known;
}

/* ---- terms and standings ---- */

static void renew_plan(struct renewing *r, struct view plan_id, bool again)
{
    const Passerelle__V1__Plan *known = registry_plan(r->db, &r->scratch, plan_id);
    if (known == NULL) {
        return;
    }
    Passerelle__V1__KnowledgeItem item = PASSERELLE__V1__KNOWLEDGE_ITEM__INIT;
    Passerelle__V1__PlanTerms terms = PASSERELLE__V1__PLAN_TERMS__INIT;
    Passerelle__V1__Plan plan = *known;
    plan.monthly_fee_cents = 0; /* a host need not know */
    plan.issuer_cut_off = standing_is_cut_off(r->service, plan_id);
    terms.plan = &plan;
    item.item_case = ITEM(PLAN);
    item.plan = &terms;
    piece_put(r, "", plan_id, &item, false);
    item.plan_standing = standing_of_plan(r->service, &r->scratch, plan_id);
    if (item.plan_standing != NULL) {
        item.item_case = ITEM(PLAN_STANDING);
        piece_put(r, "", plan_id, &item, again);
    }
}

static void renew_contract(struct renewing *r, struct view employer_id, bool again)
{
    const Passerelle__V1__EmployerPolicy *policy =
        registry_employer_policy(r->db, &r->scratch, employer_id);
    Passerelle__V1__EmployerPolicy none = PASSERELLE__V1__EMPLOYER_POLICY__INIT;
    none.employer_id = arena_string(&r->scratch, employer_id);
    policy = policy == NULL ? &none : policy; /* a restored hub may have lost one that sites know */
    Passerelle__V1__KnowledgeItem item = PASSERELLE__V1__KNOWLEDGE_ITEM__INIT;
    item.item_case = ITEM(POLICY);
    item.policy = (Passerelle__V1__EmployerPolicy *)(uintptr_t)policy;
    piece_put(r, "", employer_id, &item, false);
    item.contract_standing = standing_of_contract(r->service, &r->scratch, employer_id);
    if (item.contract_standing != NULL) {
        item.item_case = ITEM(CONTRACT_STANDING);
        piece_put(r, "", employer_id, &item, again);
    }
}

/* A holder who has used nothing needs no standing: what is not told counts as nothing. */
static bool has_used(const Passerelle__V1__HolderStanding *standing,
                     const Passerelle__V1__Plan *plan)
{
    return standing->cents != 0 || standing->days != 0 ||
           (plan->type == PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_SUBSCRIPTION &&
            standing->units_left != (int64_t)plan->included_units);
}

static void renew_holder_standing(struct renewing *r, const Passerelle__V1__HolderPut *right,
                                  bool again)
{
    Passerelle__V1__KnowledgeItem item = PASSERELLE__V1__KNOWLEDGE_ITEM__INIT;
    item.item_case = ITEM(HOLDER_STANDING);
    item.holder_standing = standing_of_holder(r->service, &r->scratch, right);
    if (item.holder_standing == NULL) {
        return;
    }
    const Passerelle__V1__Plan *plan =
        again ? NULL : registry_plan(r->db, &r->scratch, view_of(right->plan_id));
    if (again || (plan != NULL && has_used(item.holder_standing, plan)) ||
        piece_is_known(r, "", ITEM(HOLDER_STANDING), view_of(right->holder_id))) {
        piece_put(r, "", view_of(right->holder_id), &item, again);
    }
}

static void renew_holder(struct renewing *r, struct view holder_id, bool again)
{
    const Passerelle__V1__HolderPut *right = registry_holder(r->db, &r->scratch, holder_id);
    struct person person;
    if (right == NULL) {
        return;
    }
    person_get(r->db, &r->scratch, holder_id, &person);
    Passerelle__V1__KnowledgeItem item = PASSERELLE__V1__KNOWLEDGE_ITEM__INIT;
    Passerelle__V1__HolderTerms terms = PASSERELLE__V1__HOLDER_TERMS__INIT;
    terms.holder_id = right->holder_id;
    terms.employer_id = right->employer_id;
    terms.plan_id = right->plan_id;
    terms.medium = right->medium;
    terms.active_from = right->active_from;
    terms.active_to = right->active_to;
    terms.cost_centre = person.cost_centre;
    item.item_case = ITEM(HOLDER);
    item.holder = &terms;
    piece_put(r, "", holder_id, &item, false);
    renew_holder_standing(r, right, again);
}

/* ---- what is of one site ---- */

struct holder_day {
    struct view holder_id;
    struct day day;
};

DB_SQL(select_feed_name, "SELECT name FROM feed WHERE feed_no = :feed_no");

struct remote_site {
    char name[FEED_NAME_MAX + 1];
    bool remote;
};

/* The site whose daemon keeps that feed; NULL: the hub does. */
static const char *remote_site(struct renewing *r, int64_t feed_no)
{
    struct view key = view_bytes(&feed_no, sizeof feed_no);
    struct remote_site *site = map_get(&r->sites, key);
    if (site == NULL) {
        site = ARENA_NEW(&r->arena, struct remote_site);
        struct query *query = db_query(r->db, &select_feed_name);
        query_bind_int(query, "feed_no", feed_no);
        if (query_next(query)) {
            snprintf(site->name, sizeof site->name, "%.*s", VIEW_FMT(query_text(query, 0)));
            query_end(query);
        }
        site->remote = entry_home_of_feed(view_of(site->name)) == ENTRY_IN_SITE &&
                       registry_feed_keeper(r->db, view_of(site->name)) ==
                           PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_SITE;
        map_put(&r->sites, key, site);
    }
    return site->remote ? site->name : NULL;
}

static void uuid_text(struct view bytes, char out[static UUID_TEXT_LEN + 1])
{
    struct uuid uuid = {0};
    if (bytes.len == sizeof uuid.bytes) {
        memcpy(uuid.bytes, bytes.data, bytes.len);
    }
    uuid_format(uuid, out);
}

/* That the site is to be told a name; the name itself is looked up when it is sent, so that it lies
 * nowhere twice. */
static void name_visitor(struct renewing *r, int64_t feed_no, struct view id,
                         const struct holder_day *visit)
{
    const char *site_id = remote_site(r, feed_no);
    char visit_id[UUID_TEXT_LEN + 1];
    if (day_compare(visit->day, r->today) != 0 || site_id == NULL) {
        return;
    }
    Passerelle__V1__KnowledgeItem item = PASSERELLE__V1__KNOWLEDGE_ITEM__INIT;
    Passerelle__V1__VisitorName name = PASSERELLE__V1__VISITOR_NAME__INIT;
    uuid_text(id, visit_id);
    name.visit_id = visit_id;
    item.item_case = ITEM(VISITOR_NAME);
    item.visitor_name = &name;
    if (desk_display_name(r->service, &r->scratch, visit->holder_id)[0] != '\0') {
        piece_put(r, site_id, view_of(visit_id), &item, false);
    }
}

static void renew_cut(void *context, int64_t feed_no, struct view id, int64_t cut_utc_ms)
{
    struct renewing *r = context;
    const char *site_id = remote_site(r, feed_no);
    char visit_id[UUID_TEXT_LEN + 1];
    uuid_text(id, visit_id);
    if (site_id == NULL ||
        (cut_utc_ms == 0 && !piece_is_known(r, site_id, ITEM(VISIT_CUT), view_of(visit_id)))) {
        return;
    }
    Passerelle__V1__KnowledgeItem item = PASSERELLE__V1__KNOWLEDGE_ITEM__INIT;
    Passerelle__V1__VisitCut cut = PASSERELLE__V1__VISIT_CUT__INIT;
    cut.visit_id = visit_id;
    cut.cut_utc_ms = cut_utc_ms;
    item.item_case = ITEM(VISIT_CUT);
    item.visit_cut = &cut;
    piece_put(r, site_id, view_of(visit_id), &item, false);
}

DB_SQL(erase_names, "DELETE FROM knowledge WHERE kind = :kind");

static void erase_names_of_yesterday(struct renewing *r)
{
    if (cursor_get(r->db, CURSOR_DAY) == r->today.number) {
        return;
    }
    cursor_set(r->db, CURSOR_DAY, r->today.number);
    struct query *query = db_query(r->db, &erase_names);
    query_bind_int(query, "kind", ITEM(VISITOR_NAME));
    query_run(query);
}

DB_SQL(select_desks,
       "SELECT credential_id, kind, party, label, created_utc_ms, expires_utc_ms, revoked_utc_ms, "
       "role FROM credential WHERE role = 'desk' OR (role IN ('operator', 'auditor') AND "
       "revoked_utc_ms <> 0) ORDER BY credential_id");

/* A site is told of its own desks, those that it may no more let in included; and of who may read
 * no more at any. */
static void renew_desks(struct renewing *r)
{
    struct query *query = db_query(r->db, &select_desks);
    while (query_next(query)) {
        Passerelle__V1__KnowledgeItem item = PASSERELLE__V1__KNOWLEDGE_ITEM__INIT;
        Passerelle__V1__Credential desk = PASSERELLE__V1__CREDENTIAL__INIT;
        desk.credential_id = wire_string(&r->scratch, query_text(query, 0));
        desk.kind = (Passerelle__V1__CredentialKind)query_int(query, 1);
        desk.role = wire_string(&r->scratch, query_text(query, 7));
        desk.party = wire_string(&r->scratch, query_text(query, 2));
        desk.label = wire_string(&r->scratch, query_text(query, 3));
        desk.created_utc_ms = query_int(query, 4);
        desk.expires_utc_ms = query_int(query, 5);
        desk.revoked_utc_ms = query_int(query, 6);
        item.item_case = ITEM(DESK);
        item.desk = &desk;
        bool of_site = strcmp(desk.role, role_name(ROLE_DESK)) == 0;
        if (desk.kind == PASSERELLE__V1__CREDENTIAL_KIND__CREDENTIAL_KIND_CERTIFICATE &&
            (!of_site || registry_feed_keeper(r->db, view_of(desk.party)) ==
                             PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_SITE)) {
            piece_put(r, of_site ? desk.party : "", view_of(desk.credential_id), &item, false);
        }
        arena_clear(&r->scratch);
    }
}

/* ---- entries ---- */

static void mark(struct renewing *r, struct map *set, struct view id)
{
    if (id.len > 0 && map_get(set, id) == NULL) {
        struct view *copy = ARENA_NEW(&r->arena, struct view);
        *copy = arena_copy(&r->arena, id);
        map_put(set, id, copy);
    }
}

/* A holder used something, or gave it back. */
static struct holder_day *mark_used(struct renewing *r, struct view holder_id, struct day day)
{
    char key[16 + 64];
    int len = snprintf(key, sizeof key, "%d %.*s", (int)day.number, VIEW_FMT(holder_id));
    struct view id = view_bytes(key, (size_t)len < sizeof key ? (size_t)len : sizeof key - 1);
    struct holder_day *one = map_get(&r->days, id);
    if (one != NULL) {
        return one;
    }
    one = ARENA_NEW(&r->arena, struct holder_day);
    *one = (struct holder_day){.holder_id = arena_copy(&r->arena, holder_id), .day = day};
    map_put(&r->days, id, one);
    mark(r, &r->used, holder_id);
    return one;
}

/* Whose visit it is, and of which day. */
static struct holder_day *used_by(struct renewing *r, int64_t feed_no, struct view visit_id)
{
    struct visit_row row;
    return visits_by_id(r->db, &r->scratch, feed_no, visit_id, &row)
               ? mark_used(r, row.holder_id, row.day)
               : NULL;
}

static void heard_visit(struct renewing *r, int64_t feed_no, const struct entry *entry)
{
    struct view id = entry_visit_id(entry);
    if (id.len == 0) {
        return;
    }
    if (entry->kind->type != TYPE(VISIT_OPENED)) {
        if (map_get(&r->opened, id) == NULL) { /* else it is marked already */
            used_by(r, feed_no, id);
        }
        return;
    }
    const Passerelle__V1__VisitOpened *m = (const void *)entry->payload;
    struct holder_day *visit =
        m->holder_id[0] == '\0' ? used_by(r, feed_no, id)
                                : mark_used(r, view_of(m->holder_id), day_of_instant(m->in_utc_ms));
    if (visit != NULL) {
        map_put(&r->opened, id, visit);
        name_visitor(r, feed_no, id, visit);
    }
}

/* Returns whether more must be looked at than what the entry names. */
static bool heard(struct renewing *r, int64_t feed_no, const struct entry *entry)
{
    switch (entry->kind->type) {
    case TYPE(PLAN_PUT):
    case TYPE(EMPLOYER_POLICY_SET):
        return true; /* other things may be asked of each holder from now on */
    case TYPE(HOLDER_PUT):
        mark(r, &r->holders,
             view_of(((const Passerelle__V1__HolderPut *)entry->payload)->holder_id));
        return false;
    case TYPE(CARNET_SOLD):
        mark(r, &r->plans, view_of(((const Passerelle__V1__Carnet *)entry->payload)->plan_id));
        return false;
    default:
        heard_visit(r, feed_no, entry);
        return false;
    }
}

struct news {
    uint64_t left;   /* entries that this tick may still read */
    bool everything; /* a sweep is due */
};

static void cursor_move(struct renewing *r, int64_t feed_no, uint64_t seq)
{
    cursor_set(r->db, feed_no, (int64_t)seq);
    r->moved = true;
}

static void read_news(struct renewing *r, const struct feed_id *feed, struct news *news)
{
    if (entry_home_of_feed(view_of(feed->name)) == ENTRY_IN_NET) {
        return; /* sites read it themselves */
    }
    int64_t seq = cursor_get(r->db, feed->no);
    uint64_t size = feed_head(r->db, feed->no).size;
    if (seq < 0) { /* a feed that was never looked at: the sweep sees what stands in the tables */
        cursor_move(r, feed->no, size);
        news->everything = true;
        return;
    }
    if ((uint64_t)seq >= size || news->left == 0) {
        return;
    }
    uint64_t last = size - (uint64_t)seq > news->left ? (uint64_t)seq + news->left : size;
    struct query *read = feed_read(r->db, feed->no, (uint64_t)seq + 1, last);
    struct feed_entry raw;
    while (feed_read_next(read, &raw)) {
        struct entry entry;
        struct fault unread = FAULT_NONE;
        arena_clear(&r->scratch);
        if (entry_decode(view_of(feed->name), raw.bytes, &r->scratch, &entry, &unread) == E_OK &&
            entry.kind != NULL) {
            news->everything |= heard(r, feed->no, &entry);
        }
    }
    arena_clear(&r->scratch);
    news->left -= last - (uint64_t)seq;
    cursor_move(r, feed->no, last);
}

/* ---- the sweep ---- */

struct sweep_step {
    const struct db_sql *sql;
    void (*renew)(struct renewing *r, struct view id, bool again);
};

DB_SQL(next_plans, "SELECT plan_id FROM plan WHERE plan_id > :after ORDER BY plan_id LIMIT :max");
DB_SQL(next_contracts, "SELECT employer_id FROM employer WHERE employer_id > :after "
                       "ORDER BY employer_id LIMIT :max");
DB_SQL(next_holders, "SELECT holder_id FROM holder WHERE holder_id > :after "
                     "ORDER BY holder_id LIMIT :max");

static const struct sweep_step steps[] = {
    {&next_plans, renew_plan}, {&next_contracts, renew_contract}, {&next_holders, renew_holder}};

/* Some rows of the step at hand. */
static void sweep(struct renewing *r, struct knowledge_memory *memory)
{
    const struct sweep_step *step = &steps[memory->step];
    struct view ids[SWEEP_A_TICK];
    size_t count = 0, max = r->beside ? SWEEP_BESIDE : SWEEP_A_TICK;
    struct query *query = db_query(r->db, step->sql);
    query_bind_text(query, "after", view_of(memory->after));
    query_bind_int(query, "max", (int64_t)max);
    while (count < max && query_next(query)) {
        ids[count++] = arena_copy(&r->arena, query_text(query, 0));
    }
    query_end(query);
    for (size_t i = 0; i < count; i++) {
        step->renew(r, ids[i], false);
        arena_clear(&r->scratch);
    }
    if (count == max) {
        snprintf(memory->after, sizeof memory->after, "%.*s", VIEW_FMT(ids[count - 1]));
        return;
    }
    memory->after[0] = '\0';
    if (++memory->step < ARRAY_LEN(steps)) {
        return;
    }
    memory->step = 0;
    memory->sweeping = memory->again;
    memory->again = false;
    if (!memory->sweeping && !knowledge_is_complete(r->db)) {
        cursor_set(r->db, CURSOR_SWEPT, 1);
    }
}

static void ask_for_sweep(struct knowledge_memory *memory)
{
    memory->again = memory->again || (memory->sweeping && (memory->step > 0 || memory->after[0]));
    memory->sweeping = true;
}

/* ---- the tick ---- */

DB_SQL(count_remote,
       "SELECT COUNT(*) FROM feed_epoch a WHERE keeper = :keeper AND NOT EXISTS (SELECT 1 FROM "
       "feed_epoch b WHERE b.feed_id = a.feed_id AND b.entry_key > a.entry_key)");

static bool some_site_is_remote(struct db *db)
{
    struct query *query = db_query(db, &count_remote);
    query_bind_int(query, "keeper", PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_SITE);
    bool some = query_next(query) && query_int(query, 0) > 0;
    query_end(query);
    return some;
}

/* What changed since the last tick outside feeds: the registry (persons have no entries), the day.
 */
static void look_around(struct renewing *r, struct knowledge_memory *memory)
{
    uint64_t registry = atomic_load(&r->service->node->registry_version);
    if (!memory->began || memory->registry_version != registry) {
        ask_for_sweep(memory);
    }
    if (memory->began && memory->today != r->today.number) {
        ask_for_sweep(memory); /* carnets expire, months and weeks begin */
    }
    erase_names_of_yesterday(r);
    memory->began = true;
    memory->registry_version = registry;
    memory->today = r->today.number;
}

/* Of who used something the standing, but not the terms. */
static void renew_used(struct renewing *r)
{
    size_t at = 0;
    for (const struct map_slot *slot; (slot = map_next(&r->used, &at)) != NULL;) {
        const Passerelle__V1__HolderPut *right = registry_holder(r->db, &r->scratch, slot->key);
        if (right != NULL) {
            mark(r, &r->plans, view_of(right->plan_id));
            mark(r, &r->contracts, view_of(right->employer_id));
        }
        if (right != NULL && map_get(&r->holders, slot->key) == NULL) {
            renew_holder_standing(r, right, true);
        }
        arena_clear(&r->scratch);
    }
}

static void renew_marked(struct renewing *r)
{
    renew_used(r);
    const struct {
        struct map *set;
        void (*renew)(struct renewing *r, struct view id, bool again);
    } kinds[] = {
        {&r->plans, renew_plan}, {&r->contracts, renew_contract}, {&r->holders, renew_holder}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        size_t at = 0;
        for (const struct map_slot *slot; (slot = map_next(kinds[i].set, &at)) != NULL;) {
            kinds[i].renew(r, *(const struct view *)slot->value, true);
            arena_clear(&r->scratch);
        }
    }
    size_t at = 0;
    for (const struct map_slot *slot; (slot = map_next(&r->days, &at)) != NULL;) {
        const struct holder_day *one = slot->value;
        standing_cuts(r->service, one->holder_id, one->day, renew_cut, r);
        arena_clear(&r->scratch);
    }
}

/* All feeds after a start; then those that changed. */
static bool read_feeds(struct renewing *r, struct knowledge_memory *memory, bool all)
{
    const struct feeds *feeds = journal_feeds(r->service->journal);
    uint64_t commits = feeds_commits(feeds);
    struct news news = {.left = r->beside ? ENTRIES_BESIDE : ENTRIES_A_TICK};
    if (all) {
        struct feed_id id;
        struct query *list = feed_list(r->db);
        while (feed_list_next(list, &id)) {
            read_news(r, &id, &news);
        }
    } else {
        size_t at = 0;
        for (const struct feed *feed; (feed = feeds_changed(feeds, memory->commits, &at));) {
            read_news(r, &feed->id, &news);
        }
    }
    if (news.everything) {
        ask_for_sweep(memory);
    }
    memory->all = all && news.left == 0;
    if (news.left > 0) {
        memory->commits = commits;
    }
    return news.left == 0;
}

bool knowledge_tick(struct service *service, int64_t now_utc_ms, bool beside)
{
    struct knowledge_memory *memory = &service->knowledge;
    struct node *node = service->node;
    uint64_t registry = atomic_load(&node->registry_version);
    bool same = memory->began && memory->registry_version == registry;
    memory->remote = same ? memory->remote : some_site_is_remote(service->db);
    if (!memory->remote) {
        memory->began = true;
        memory->registry_version = registry;
        return false;
    }
    struct renewing r = {.service = service,
                         .db = service->db,
                         .today = day_of_instant(now_utc_ms),
                         .beside = beside,
                         .version = knowledge_last_version(service->db)};
    uint64_t before = r.version;
    if (memory->version != before) {
        memory->began = false; /* a start; or the last tick was undone */
    }
    map_init(&r.holders, 1);
    map_init(&r.used, 7);
    map_init(&r.plans, 2);
    map_init(&r.contracts, 3);
    map_init(&r.days, 4);
    map_init(&r.opened, 5);
    map_init(&r.sites, 6);
    bool all = memory->all || !memory->began;
    look_around(&r, memory);
    bool more = read_feeds(&r, memory, all);
    renew_marked(&r);
    renew_desks(&r);
    if (memory->sweeping) {
        sweep(&r, memory);
        more = more || (memory->sweeping && !knowledge_is_complete(service->db));
    }
    r.version += r.moved && r.version == before; /* it tells a tick that was undone */
    if (r.version != before) {
        cursor_set(service->db, CURSOR_VERSION, (int64_t)r.version);
    }
    memory->version = r.version;
    atomic_store(&node->knowledge_version, r.version);
    map_release(&r.holders);
    map_release(&r.used);
    map_release(&r.plans);
    map_release(&r.contracts);
    map_release(&r.days);
    map_release(&r.opened);
    map_release(&r.sites);
    arena_release(&r.scratch);
    arena_release(&r.arena);
    return more;
}
