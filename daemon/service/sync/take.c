#include "service/sync/take.h"

#include "core/day/day.h"
#include "core/ident/uuid.h"
#include "core/merkle/cosignature.h"
#include "core/merkle/subtree.h"
#include "passerelle/v1/enrol.pb-c.h"
#include "passerelle/v1/sync.pb-c.h"
#include "service/desk/desk.h"
#include "service/desk/memory.h"
#include "service/identity/identity.h"
#include "service/journal.h"
#include "service/keyring.h"
#include "service/sync/enrol.h"
#include "service/sync/problems.h"
#include "service/sync/snapshot.h"
#include "store/person/person.h"
#include "store/view/apply.h"
#include "store/view/registry.h"
#include "store/view/visits.h"
#include "wire/pack.h"

#define HOUR_MS ((int64_t)3600 * 1000)
#define ITEM(name) PASSERELLE__V1__KNOWLEDGE_ITEM__ITEM_##name
#define TYPE(name) PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_##name

/* ---- memory ---- */

DB_SQL(select_uplink, "SELECT knowledge_version, heard_utc_ms, complete FROM uplink WHERE one = 1");
DB_SQL(select_receipt_size, "SELECT MAX(size) FROM receipt");

void take_memory(struct db *db, struct take_memory *out)
{
    *out = (struct take_memory){0};
    struct query *query = db_query(db, &select_uplink);
    if (query_next(query)) {
        out->knowledge_version = (uint64_t)query_int(query, 0);
        out->heard_utc_ms = query_int(query, 1);
        out->complete = query_int(query, 2) != 0;
        query_end(query);
    }
    query = db_query(db, &select_receipt_size);
    if (query_next(query)) {
        out->receipt_size = (uint64_t)query_int(query, 0);
        query_end(query);
    }
}

DB_SQL(select_net_head, "SELECT note FROM remote_feed WHERE feed_id = 'net'");

char *take_net_head(struct db *db, struct arena *arena)
{
    struct query *query = db_query(db, &select_net_head);
    char *note = wire_string(arena, query_next(query) ? query_text(query, 0) : VIEW_NONE);
    query_end(query);
    return note;
}

DB_SQL(put_uplink, "INSERT INTO uplink (one, knowledge_version, heard_utc_ms, complete) VALUES "
                   "(1, :version, :heard, :complete) ON CONFLICT (one) DO UPDATE SET "
                   "knowledge_version = excluded.knowledge_version, "
                   "heard_utc_ms = excluded.heard_utc_ms, complete = excluded.complete");

static void write_memory(struct service *service, const struct take_memory *memory)
{
    struct query *query = db_query(service->db, &put_uplink);
    query_bind_int(query, "version", (int64_t)memory->knowledge_version);
    query_bind_int(query, "heard", memory->heard_utc_ms);
    query_bind_int(query, "complete", memory->complete);
    query_run(query);
}

/* A word of the hub; who is behind has not heard all that came before it. */
static void remember(struct service *service, uint64_t knowledge_version)
{
    struct take_memory memory;
    take_memory(service->db, &memory);
    memory.knowledge_version = knowledge_version;
    if (!atomic_load(&service->node->behind)) {
        memory.heard_utc_ms = service_now(service);
    }
    write_memory(service, &memory);
}

/* The answer: what is here now. */
static int answer(struct service *service, struct call *call)
{
    struct take_memory memory;
    Passerelle__V1__CaughtUp *response = call_respond(call);
    struct feed *net = feeds_get(journal_feeds(service->journal), VIEW_LIT(FEED_NET));
    struct feed *own = feeds_get(journal_feeds(service->journal), view_of(service->node->site_id));
    take_memory(service->db, &memory);
    response->net_size = net == NULL ? 0 : net->size;
    response->own_size = own == NULL ? 0 : own->size;
    response->knowledge_version = memory.knowledge_version;
    return 0;
}

static int nothing_to_decide(struct service *service, struct call *call)
{
    (void)service;
    (void)call;
    return 0;
}

/* ---- packages ---- */

struct taking {
    struct feed *feed;
    struct checkpoint checkpoint;
    struct view note;
    const Passerelle__V1__Package *package;
    struct package shape;
};

static const struct tree_hash *proof_hashes(struct arena *arena, const ProtobufCBinaryData *hashes,
                                            size_t count)
{
    struct tree_hash *copy = ARENA_ARRAY(arena, count + 1, struct tree_hash);
    for (size_t i = 0; i < count; i++) {
        if (hashes[i].len != sizeof copy[i].bytes) {
            return NULL;
        }
        memcpy(copy[i].bytes, hashes[i].data, sizeof copy[i].bytes);
    }
    return copy;
}

static bool read_package(struct call *call, struct taking *t)
{
    const Passerelle__V1__FeedPackage *message = (const void *)call->request;
    struct note note;
    t->note = view_of(message->checkpoint);
    t->package = message->package;
    if (note_parse(t->note, &note) != E_OK || checkpoint_parse(note.text, &t->checkpoint) != E_OK ||
        t->package == NULL || t->package->first_seq == 0 ||
        t->package->first_seq > t->checkpoint.size) {
        return false;
    }
    t->shape = package_at(t->package->first_seq - 1, t->checkpoint.size, PACKAGE_WIDTH);
    return t->package->n_entries == t->shape.end - t->shape.start;
}

/* Whether the entries, behind those of their block that are here, stand in the checkpoint. */
static bool package_stands(struct service *service, struct call *call, const struct taking *t)
{
    const struct tree_hash *proof =
        proof_hashes(call->arena, t->package->proof, t->package->n_proof);
    struct tree_frontier frontier;
    struct feed_tree tree;
    feed_tree_init(&tree, service->db, t->feed->id.no);
    if (proof == NULL || package_begin(&tree.reader, &t->shape, &frontier) != E_OK) {
        return false;
    }
    for (size_t i = 0; i < t->package->n_entries; i++) {
        struct tree_hash leaf = tree_leaf(wire_view(t->package->entries[i]));
        tree_frontier_append(&frontier, &leaf, NULL);
    }
    struct tree_hash hash = tree_frontier_root(&frontier);
    return package_check(&t->shape, &hash, t->checkpoint.size, &t->checkpoint.root, proof,
                         t->package->n_proof) == E_OK;
}

static int package_decide(struct service *service, struct call *call, const char *feed_id)
{
    struct taking *t = ARENA_NEW(call->arena, struct taking);
    call->decision = t;
    t->feed = feeds_get(journal_feeds(service->journal), view_of(feed_id));
    if (t->feed == NULL) {
        return call_fail(call, CODE_DATA_LOSS,
                         "the files of this site no longer hold its ledger: join again with a "
                         "join code, which fetches what the hub holds");
    }
    if (!read_package(call, t)) {
        return call_fail(call, CODE_INVALID_ARGUMENT,
                         "a package of %s from the hub cannot be read: is its version newer?",
                         feed_id);
    }
    if (t->shape.end <= t->feed->size) {
        t->package = NULL; /* it is here */
        return 0;
    }
    if (t->shape.start > t->feed->size) {
        return call_fail(call, CODE_ABORTED, "entries of %s are missing before %llu", feed_id,
                         (unsigned long long)t->package->first_seq);
    }
    if (!package_stands(service, call, t)) {
        return call_fail(call, CODE_DATA_LOSS,
                         "the entries of %s from %llu on are not those that go on from what this "
                         "site holds: the hub was restored without them, or tells two stories. "
                         "Keep this site's files and ask your operator (passerelle ledger "
                         "problems)",
                         feed_id, (unsigned long long)t->package->first_seq);
    }
    return 0;
}

/* Whether the feed's key, as it is known now, signed the note. */
static bool is_signed(const struct taking *t)
{
    struct note_key key;
    struct checkpoint checkpoint;
    return note_key_init(&key, view_of(t->feed->id.origin), NOTE_ED25519, t->feed->id.public_key) ==
               E_OK &&
           checkpoint_open(t->note, &key, &checkpoint, NULL, NULL) == E_OK;
}

/* ---- net ---- */

DB_SQL(put_net_head,
       "INSERT INTO remote_feed (feed_id, size, root, note, receipt_size, receipt, heard_utc_ms, "
       "forked) VALUES ('net', :size, :root, :note, 0, '', :now, 0) ON CONFLICT (feed_id) DO "
       "UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note, "
       "heard_utc_ms = excluded.heard_utc_ms");
DB_SQL(select_seen, "SELECT s.note, e.appended_utc_ms FROM hub_checkpoint_seen s "
                    "LEFT JOIN entry e ON e.entry_id = s.entry_key "
                    "ORDER BY s.entry_key DESC LIMIT 1");

/* A checkpoint as its feed's key signed it, without what others added: an entry has room for no
 * more, and it is what counts. */
static struct view as_signed(struct service *service, struct arena *arena, struct view whole)
{
    struct buf out = BUF_INIT;
    struct note note;
    struct note_key key;
    const struct feed *net = feeds_get(journal_feeds(service->journal), VIEW_LIT(FEED_NET));
    if (net == NULL || note_parse(whole, &note) != E_OK ||
        note_key_init(&key, view_of(net->id.origin), NOTE_ED25519, net->id.public_key) != E_OK) {
        return whole;
    }
    note_of_keys(&note, &key, 1, &out);
    struct view kept = arena_copy(arena, buf_content(&out));
    buf_release(&out);
    return kept;
}

/* Writes the head of `net` that we verified into our own feed, so that a hub that tells two stories
 * is proven wrong: when it moved, and an hour has passed or a month was closed. */
static void anchor(struct service *service, struct arena *arena, bool now)
{
    Passerelle__V1__HubCheckpointSeen seen = PASSERELLE__V1__HUB_CHECKPOINT_SEEN__INIT;
    struct view last = VIEW_NONE;
    struct query *query = db_query(service->db, &select_seen);
    if (query_next(query)) {
        bool waits = !now && !query_is_null(query, 1) &&
                     service_now(service) - query_int(query, 1) < HOUR_MS;
        last = waits ? VIEW_NONE : arena_copy(arena, query_text(query, 0));
        query_end(query);
        if (waits) {
            return; /* most heartbeats end here: nothing is parsed for them */
        }
    }
    seen.checkpoint = take_net_head(service->db, arena);
    if (seen.checkpoint[0] == '\0') {
        return;
    }
    seen.checkpoint = wire_string(arena, as_signed(service, arena, view_of(seen.checkpoint)));
    if (view_is(last, seen.checkpoint)) {
        return;
    }
    journal_append(service, VIEW_LIT("site"), view_of(service->node->site_id),
                   TYPE(HUB_CHECKPOINT_SEEN), &seen.base);
}

DB_SQL(forget_standings, "DELETE FROM standing");
DB_SQL(forget_names, "DELETE FROM visitor_name");
DB_SQL(forget_cuts, "DELETE FROM visit_cut");

/* The hub counts anew, and tells all again; what it never says again, since it lost it, is not so.
 * Terms stay meanwhile. */
static void hear_anew(struct service *service)
{
    static const struct db_sql *const all[] = {&forget_standings, &forget_names, &forget_cuts};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        query_run(db_query(service->db, all[i]));
    }
    remember(service, 0);
    desk_changed_much(service->desk);
}

/* The feed goes on under another key, as an entry of it says. */
static int take_epoch(struct service *service, struct call *call, struct feed *net,
                      const Passerelle__V1__FeedOpened *opened)
{
    struct tree_hash root;
    if (strcmp(opened->feed_id, FEED_NET) != 0 || strcmp(opened->old_origin, net->id.origin) != 0) {
        return 0;
    }
    if (opened->public_key.len != ED25519_PUBLIC_LEN || opened->old_size > net->size ||
        feed_root(service->db, net->id.no, opened->old_size, &root) != E_OK ||
        opened->old_root.len != sizeof root.bytes ||
        memcmp(opened->old_root.data, root.bytes, sizeof root.bytes) != 0) {
        return call_fail(call, CODE_DATA_LOSS,
                         "net goes on from another head than the one that this site holds");
    }
    feed_begin_epoch(journal_feeds(service->journal), net, view_of(opened->origin),
                     opened->public_key.data);
    hear_anew(service);
    return 0;
}

/* All entries of the checkpoint are here. */
static int complete_net(struct service *service, struct call *call, const struct taking *t)
{
    struct tree_hash root = tree_frontier_root(&t->feed->frontier);
    if (!tree_hash_equal(&root, &t->checkpoint.root) || !is_signed(t)) {
        return call_fail(call, CODE_DATA_LOSS,
                         "the hub's checkpoint of net of %llu entries is not signed by its key, or "
                         "not that of the entries that it sent",
                         (unsigned long long)t->checkpoint.size);
    }
    struct query *query = db_query(service->db, &put_net_head);
    query_bind_int(query, "size", (int64_t)t->checkpoint.size);
    query_bind_blob(query, "root", view_bytes(&root, sizeof root));
    query_bind_text(query, "note", t->note);
    query_bind_int(query, "now", service_now(service));
    query_run(query);
    return 0;
}

static int net_decide(struct service *service, struct call *call)
{
    return package_decide(service, call, FEED_NET);
}

static int net_apply(struct service *service, struct call *call)
{
    const struct taking *t = call->decision;
    struct fault fault = FAULT_NONE;
    bool month_closed = false;
    for (size_t i = 0; t->package != NULL && i < t->package->n_entries; i++) {
        struct entry entry;
        bool added;
        if (journal_take(service, t->feed, t->package->first_seq + i,
                         wire_view(t->package->entries[i]), call->arena, &entry, &added,
                         &fault) != E_OK) {
            return call_fail_with(call, &fault);
        }
        if (!added || entry.kind == NULL) {
            continue;
        }
        month_closed |= entry.kind->type == TYPE(PERIOD_MARKED);
        if (entry.kind->type == TYPE(FEED_OPENED) &&
            take_epoch(service, call, t->feed, (const void *)entry.payload) != 0) {
            return -1;
        }
    }
    if (t->package != NULL && t->feed->size == t->checkpoint.size) {
        if (complete_net(service, call, t) != 0) {
            return -1;
        }
        anchor(service, call->arena, month_closed);
    }
    return answer(service, call);
}

/* ---- our own feed ---- */

static int own_decide(struct service *service, struct call *call)
{
    if (package_decide(service, call, service->node->site_id) != 0) {
        return -1;
    }
    const struct taking *t = call->decision;
    if (t->package != NULL && !is_signed(t)) {
        return call_fail(call, CODE_PERMISSION_DENIED,
                         "the hub sends entries of %s that this site's key did not sign",
                         service->node->site_id);
    }
    return 0;
}

static int own_apply(struct service *service, struct call *call)
{
    const struct taking *t = call->decision;
    struct fault fault = FAULT_NONE;
    for (size_t i = 0; t->package != NULL && i < t->package->n_entries; i++) {
        struct entry entry;
        bool added;
        uint64_t seq = t->package->first_seq + i;
        if (journal_take(service, t->feed, seq,
                         wire_view(t->package->entries[i]), call->arena, &entry, &added,
                         &fault) != E_OK) {
            return call_fail_with(call, &fault);
        }
        if (added && atomic_load(&service->node->recovered_from) == 0) {
            atomic_store(&service->node->recovered_from, seq);
        }
        if (added) {
            atomic_store(&service->node->recovered_to, seq);
        }
        if (added && entry.kind != NULL) {
            desk_heard(service, t->feed->id.no, &entry, HEARD_PROOF_GOOD); /* we looked then */
        }
    }
    return answer(service, call);
}

/* ---- knowledge ---- */

/* As if `books` had said it: the same rows, which a rebuild without `books` keeps. */
static void apply_told(struct service *service, struct arena *arena, Passerelle__V1__EntryType type,
                       const ProtobufCMessage *payload)
{
    Passerelle__V1__Entry envelope = PASSERELLE__V1__ENTRY__INIT;
    envelope.type = type;
    envelope.payload = wire_bytes(wire_pack_arena(arena, payload));
    struct entry entry = {.envelope = &envelope, .kind = entry_kind(type), .payload = payload};
    view_apply(service->db, (struct view_position){0, 0}, &entry);
}

static bool differs(struct arena *arena, const ProtobufCMessage *here, const ProtobufCMessage *told)
{
    return here == NULL || !view_equal(wire_pack_arena(arena, here), wire_pack_arena(arena, told));
}

/* Plans, policies and holders are cached: what is told again as it is here changes nothing. Each
 * returns whether it did. */
static bool take_plan(struct service *service, struct arena *arena,
                      const Passerelle__V1__Plan *plan)
{
    const Passerelle__V1__Plan *here = registry_plan(service->db, arena, view_of(plan->plan_id));
    bool changed = differs(arena, here == NULL ? NULL : &here->base, &plan->base);
    if (changed) {
        apply_told(service, arena, TYPE(PLAN_PUT), &plan->base);
    }
    return changed;
}

static bool take_policy(struct service *service, struct arena *arena,
                        const Passerelle__V1__EmployerPolicy *policy)
{
    const Passerelle__V1__EmployerPolicy *here =
        registry_employer_policy(service->db, arena, view_of(policy->employer_id));
    bool changed = differs(arena, here == NULL ? NULL : &here->base, &policy->base);
    if (changed) {
        apply_told(service, arena, TYPE(EMPLOYER_POLICY_SET), &policy->base);
    }
    return changed;
}

static bool take_holder(struct service *service, struct arena *arena,
                        const Passerelle__V1__HolderTerms *told)
{
    Passerelle__V1__HolderPut put = PASSERELLE__V1__HOLDER_PUT__INIT;
    char none[1] = "";
    struct person person = {none, none, none, told->cost_centre};
    put.holder_id = told->holder_id;
    put.employer_id = told->employer_id;
    put.plan_id = told->plan_id;
    put.medium = told->medium;
    put.active_from = told->active_from;
    put.active_to = told->active_to;
    struct view id = view_of(told->holder_id);
    const Passerelle__V1__HolderPut *here = registry_holder(service->db, arena, id);
    struct person known;
    if (!differs(arena, here == NULL ? NULL : &here->base, &put.base) &&
        person_get(service->db, arena, id, &known) &&
        strcmp(known.cost_centre, told->cost_centre) == 0) {
        return false;
    }
    apply_told(service, arena, TYPE(HOLDER_PUT), &put.base);
    person_put(service->db, id, &person); /* a cost centre and no name */
    return true;
}

DB_SQL(put_standing, "INSERT INTO standing (kind, item_key, record) VALUES (:kind, :item_key, "
                     ":record) ON CONFLICT (kind, item_key) DO UPDATE SET "
                     "record = excluded.record WHERE standing.record <> excluded.record");

static bool take_standing(struct service *service, struct arena *arena, int kind, const char *key,
                          const ProtobufCMessage *record)
{
    struct query *query = db_query(service->db, &put_standing);
    query_bind_int(query, "kind", kind);
    query_bind_text(query, "item_key", view_of(key));
    query_bind_blob(query, "record", wire_pack_arena(arena, record));
    return query_run(query) > 0;
}

DB_SQL(put_name, "INSERT INTO visitor_name (visit_id, display_name, day) VALUES (:visit_id, "
                 ":display_name, :day) ON CONFLICT (visit_id) DO UPDATE SET "
                 "display_name = excluded.display_name, day = excluded.day");
DB_SQL(put_cut, "INSERT INTO visit_cut (visit_id, cut_utc_ms) VALUES (:visit_id, :cut) "
                "ON CONFLICT (visit_id) DO UPDATE SET cut_utc_ms = excluded.cut_utc_ms "
                "WHERE visit_cut.cut_utc_ms <> excluded.cut_utc_ms");
DB_SQL(drop_cut, "DELETE FROM visit_cut WHERE visit_id = :visit_id");

static bool visit_of(const char *text, struct uuid *out)
{
    return uuid_parse(view_of(text), out) == E_OK;
}

/* Of today's visitors, by this clock: a name that comes after midnight is not kept for another day.
 */
static void take_name(struct service *service, struct arena *arena,
                      const Passerelle__V1__VisitorName *name)
{
    struct day today = day_of_instant(service_now(service));
    int64_t own = journal_feed_no(service->db, view_of(service->node->site_id));
    struct visit_row row = {.day = today};
    struct uuid id;
    if (!visit_of(name->visit_id, &id)) {
        return;
    }
    visits_by_id(service->db, arena, own, view_bytes(id.bytes, sizeof id.bytes), &row);
    if (day_compare(row.day, today) != 0) {
        return;
    }
    struct query *query = db_query(service->db, &put_name);
    query_bind_blob(query, "visit_id", view_bytes(id.bytes, sizeof id.bytes));
    query_bind_text(query, "display_name", view_of(name->display_name));
    query_bind_int(query, "day", today.number);
    query_run(query);
}

static bool take_cut(struct service *service, const Passerelle__V1__VisitCut *cut)
{
    struct uuid id;
    if (!visit_of(cut->visit_id, &id)) {
        return false;
    }
    struct query *query = db_query(service->db, cut->cut_utc_ms == 0 ? &drop_cut : &put_cut);
    query_bind_blob(query, "visit_id", view_bytes(id.bytes, sizeof id.bytes));
    if (cut->cut_utc_ms != 0) {
        query_bind_int(query, "cut", cut->cut_utc_ms);
    }
    return query_run(query) > 0;
}

static void take_desk(struct service *service, const Passerelle__V1__Credential *desk)
{
    /* Nothing else is let in here, whatever the hub says; but who was, may be no more. */
    bool reads_no_more = desk->revoked_utc_ms != 0 &&
                         (strcmp(desk->role, role_name(ROLE_OPERATOR)) == 0 ||
                          strcmp(desk->role, role_name(ROLE_AUDITOR)) == 0);
    if (reads_no_more || (strcmp(desk->role, role_name(ROLE_DESK)) == 0 &&
                          strcmp(desk->party, service->node->site_id) == 0)) {
        identity_put_told(service->db, desk);
        atomic_store(&service->node->credentials_changed, true);
    }
}

/* Whether it changed what the desk remembers: the registry, what was spent, who is in. */
static bool take_item(struct service *service, struct arena *arena,
                      const Passerelle__V1__KnowledgeItem *item)
{
    switch (item->item_case) {
    case ITEM(PLAN):
        return item->plan->plan != NULL && take_plan(service, arena, item->plan->plan);
    case ITEM(POLICY):
        return take_policy(service, arena, item->policy);
    case ITEM(HOLDER):
        return take_holder(service, arena, item->holder);
    case ITEM(PLAN_STANDING):
        return take_standing(service, arena, (int)item->item_case, item->plan_standing->plan_id,
                             &item->plan_standing->base);
    case ITEM(HOLDER_STANDING):
        return take_standing(service, arena, (int)item->item_case, item->holder_standing->holder_id,
                             &item->holder_standing->base);
    case ITEM(CONTRACT_STANDING):
        return take_standing(service, arena, (int)item->item_case,
                             item->contract_standing->employer_id, &item->contract_standing->base);
    case ITEM(VISITOR_NAME):
        take_name(service, arena, item->visitor_name);
        break;
    case ITEM(VISIT_CUT):
        return take_cut(service, item->visit_cut);
    case ITEM(DESK):
        take_desk(service, item->desk);
        break;
    default: /* of a newer hub, or nothing */
        break;
    }
    return false;
}

static int knowledge_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__Knowing *knowing = (const void *)call->request;
    bool changed = false;
    for (size_t i = 0; i < knowing->n_items; i++) {
        changed |= take_item(service, call->arena, knowing->items[i]);
    }
    remember(service, knowing->version);
    if (changed) {
        journal_registry_changed(service->journal);
    }
    return answer(service, call);
}

static int caught_up_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__CaughtUp *told = (const void *)call->request;
    write_memory(service, &(struct take_memory){.knowledge_version = told->knowledge_version,
                                                .heard_utc_ms = service_now(service),
                                                .complete = true});
    anchor(service, call->arena, false);
    snapshot_drop(service->db); /* one that was given up */
    return answer(service, call);
}

static int heard_apply(struct service *service, struct call *call)
{
    struct take_memory memory;
    take_memory(service->db, &memory);
    remember(service, memory.knowledge_version);
    anchor(service, call->arena, false);
    return answer(service, call);
}

/* ---- receipts ---- */

DB_SQL(put_receipt, "INSERT INTO receipt (size, note, received_utc_ms) VALUES (:size, :note, :now) "
                    "ON CONFLICT (size) DO UPDATE SET note = excluded.note");
/* A receipt covers all that earlier ones did. */
DB_SQL(drop_receipts, "DELETE FROM receipt WHERE size < :size");

static int receipt_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__PushEntriesResponse *told = (const void *)call->request;
    struct feed *own = feeds_get(journal_feeds(service->journal), view_of(service->node->site_id));
    struct checkpoint *checkpoint = ARENA_NEW(call->arena, struct checkpoint);
    struct note_key key;
    struct note note;
    struct tree_hash root;
    uint64_t signers = 0;
    call->decision = checkpoint;
    if (own == NULL || service->node->cosigner == NULL ||
        note_key_init(&key, view_of(own->id.origin), NOTE_ED25519, own->id.public_key) != E_OK ||
        checkpoint_open(view_of(told->receipt), &key, checkpoint, &note, NULL) != E_OK ||
        cosignatures_verify(&note, service->node->cosigner, 1, &signers, NULL) != E_OK ||
        signers == 0 || checkpoint->size > own->size ||
        feed_root(service->db, own->id.no, checkpoint->size, &root) != E_OK ||
        !tree_hash_equal(&root, &checkpoint->root)) {
        return call_fail(call, CODE_DATA_LOSS,
                         "the hub's receipt is not of this site's ledger, or not signed by its "
                         "cosigning key");
    }
    return 0;
}

static int receipt_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__PushEntriesResponse *told = (const void *)call->request;
    const struct checkpoint *checkpoint = call->decision;
    struct query *query = db_query(service->db, &put_receipt);
    query_bind_int(query, "size", (int64_t)checkpoint->size);
    query_bind_text(query, "note", view_of(told->receipt));
    query_bind_int(query, "now", service_now(service));
    query_run(query);
    query = db_query(service->db, &drop_receipts);
    query_bind_int(query, "size", (int64_t)checkpoint->size);
    query_run(query);
    desk_acknowledged(service->desk);
    return answer(service, call);
}

/* ---- renewal ---- */

static int renewal_apply(struct service *service, struct call *call)
{
    struct feed *own = feeds_get(journal_feeds(service->journal), view_of(service->node->site_id));
    const struct ed25519_key *key;
    struct fault fault = FAULT_NONE;
    if (own == NULL || keyring_feed(service->node->keys, view_of(service->node->site_id),
                                    view_of(own->id.origin), &key, &fault) != E_OK) {
        return own == NULL ? call_fail(call, CODE_DATA_LOSS, "this site has no feed")
                           : call_fail_with(call, &fault);
    }
    Passerelle__V1__RenewSiteRequest *signed_one = (void *)wire_clone(call->arena, call->request);
    uint8_t *signature = arena_alloc(call->arena, ED25519_SIGNATURE_LEN);
    struct buf message = BUF_INIT;
    signed_one->signed_utc_ms = env_real_utc_ms(service->node->env);
    enrol_renew_message(view_of(service->node->network_id), view_of(service->node->site_id),
                        signed_one->signed_utc_ms, view_of(signed_one->csr_pem), &message);
    ed25519_sign(key, buf_content(&message), signature);
    buf_release(&message);
    signed_one->feed_signature = wire_bytes(view_bytes(signature, ED25519_SIGNATURE_LEN));
    call->response = &signed_one->base;
    return 0;
}

/* ---- snapshots ---- */

static int part_apply(struct service *service, struct call *call)
{
    struct fault fault = FAULT_NONE;
    return snapshot_take(service, (const void *)call->request, &fault) == E_OK
               ? answer(service, call)
               : call_fail_with(call, &fault);
}

static int snapshot_decide(struct service *service, struct call *call)
{
    struct fault *wrong = ARENA_NEW(call->arena, struct fault);
    call->decision = snapshot_verify(service, wrong) == E_OK ? NULL : wrong;
    return 0;
}

static int snapshot_apply(struct service *service, struct call *call)
{
    const struct log *log = service->node->log;
    const struct fault *wrong = call->decision;
    struct fault fault = FAULT_NONE;
    if (wrong != NULL) {
        snapshot_drop(service->db);
        log_event(log, LOG_WARNING, "snapshot_dropped", LOG_S("reason", wrong->text));
        return answer(service, call);
    }
    if (snapshot_load(service, &fault) != E_OK) {
        return call_fail_with(call, &fault);
    }
    hear_anew(service); /* `net` may have begun an epoch in it */
    struct feed *net = feeds_get(journal_feeds(service->journal), VIEW_LIT(FEED_NET));
    log_event(log, LOG_INFO, "snapshot_loaded", LOG_N("net_entries", net->size));
    return answer(service, call);
}

/* ---- the rows ---- */

#define ROW(rpc, in, out, ...)                                                                     \
    {                                                                                              \
        .service = "UplinkService", .name = rpc, .input = &passerelle__v1__##in##__descriptor,     \
        .output = &passerelle__v1__##out##__descriptor, .at_sites = true, __VA_ARGS__              \
    }

static const struct method rows[TAKE_COUNT] = {
    [TAKE_NET] = ROW("TakeNet", feed_package, caught_up, .decide = net_decide, .apply = net_apply),
    [TAKE_OWN] = ROW("TakeOwn", feed_package, caught_up, .decide = own_decide, .apply = own_apply),
    [TAKE_KNOWLEDGE] = ROW("TakeKnowledge", knowing, caught_up, .decide = nothing_to_decide,
                           .apply = knowledge_apply),
    [TAKE_CAUGHT_UP] = ROW("TakeCaughtUp", caught_up, caught_up, .decide = nothing_to_decide,
                           .apply = caught_up_apply),
    [TAKE_HEARD] =
        ROW("TakeHeard", heartbeat, caught_up, .decide = nothing_to_decide, .apply = heard_apply),
    [TAKE_RECEIPT] = ROW("TakeReceipt", push_entries_response, caught_up, .decide = receipt_decide,
                         .apply = receipt_apply),
    [TAKE_RENEWAL] = ROW("SignRenewal", renew_site_request, renew_site_request,
                         .decide = nothing_to_decide, .apply = renewal_apply),
    [TAKE_PART] = ROW("TakePart", get_snapshot_response, caught_up, .decide = nothing_to_decide,
                      .apply = part_apply),
    [TAKE_SNAPSHOT] = ROW("TakeSnapshot", caught_up, caught_up, .decide = snapshot_decide,
                          .apply = snapshot_apply),
};

const struct method *take_method(enum take which)
{
    return &rows[which];
}
