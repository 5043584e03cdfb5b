#include "service/sync/follow.h"

#include "core/ident/uuid.h"
#include "core/merkle/subtree.h"
#include "passerelle/v1/sync.pb-c.h"
#include "service/desk/standing.h"
#include "service/journal.h"
#include "service/sync/knowledge.h"
#include "store/feed/feed.h"
#include "store/view/registry.h"
#include "store/view/visits.h"
#include "wire/pack.h"

enum { PIECES_MAX = 256, PIECES_BYTES_MAX = 32 * 1024 };

struct follow {
    char site_id[FEED_NAME_MAX + 1];
    uint64_t net; /* entries, entries, version: all sent up to here */
    uint64_t own;
    uint64_t knowledge;
    uint64_t own_until; /* entries of its own that we held when it came */
    bool desks;         /* its desks were sent, before all else that is known */
    bool caught_up; /* it was told so */
    bool idle;      /* at `published` and `version` nothing more was to be sent */
    uint64_t published;
    uint64_t version;
};

/* One pump. Its memory goes when it is over: what a stream keeps is small. */
struct sending {
    struct service *service;
    struct stream *stream;
    struct follow *follow;
    struct arena arena;
    bool full; /* the peer takes no more now */
};

static bool send(struct sending *s, const Passerelle__V1__FollowResponse *response)
{
    s->full = !s->stream->emit(s->stream, &response->base);
    return !s->full;
}

/* ---- feeds ---- */

static ProtobufCBinaryData *proof_hashes(struct arena *arena, const struct tree_proof *proof)
{
    ProtobufCBinaryData *hashes = ARENA_ARRAY(arena, proof->count + 1, ProtobufCBinaryData);
    for (unsigned i = 0; i < proof->count; i++) {
        hashes[i] = wire_bytes(arena_copy(arena, view_bytes(proof->hash[i].bytes, SHA256_LEN)));
    }
    return hashes;
}

/* The entries from `at` to the end of their block, or of the checkpoint; NULL: the tree is damaged,
 * which stands in the connection. */
static Passerelle__V1__FeedPackage *package_of(struct sending *s, int64_t feed_no, uint64_t at,
                                               uint64_t size, struct view note)
{
    struct db *db = s->service->db;
    struct package shape = package_at(at, size, PACKAGE_WIDTH);
    struct tree_proof proof;
    struct feed_tree tree;
    feed_tree_init(&tree, db, feed_no);
    if (subtree_prove(&tree.reader, shape.base, shape.end, size, &proof) != E_OK) {
        return NULL;
    }
    Passerelle__V1__FeedPackage *message =
        wire_new(&s->arena, &passerelle__v1__feed_package__descriptor);
    Passerelle__V1__Package *package = wire_new(&s->arena, &passerelle__v1__package__descriptor);
    message->checkpoint = wire_string(&s->arena, note);
    message->package = package;
    package->first_seq = shape.start + 1;
    package->proof = proof_hashes(&s->arena, &proof);
    package->n_proof = proof.count;
    package->entries = ARENA_ARRAY(&s->arena, PACKAGE_WIDTH, ProtobufCBinaryData);
    struct query *read = feed_read(db, feed_no, shape.start + 1, shape.end);
    struct feed_entry entry;
    while (feed_read_next(read, &entry)) {
        package->entries[package->n_entries++] = wire_bytes(arena_copy(&s->arena, entry.bytes));
    }
    return package->n_entries == shape.end - shape.start ? message : NULL;
}

/* Up to `size`, which the note signs. */
static void send_feed(struct sending *s, Passerelle__V1__FollowResponse__EventCase event,
                      int64_t feed_no, uint64_t *at, uint64_t size, struct view note)
{
    while (!s->full && *at < size) {
        Passerelle__V1__FollowResponse response = PASSERELLE__V1__FOLLOW_RESPONSE__INIT;
        Passerelle__V1__FeedPackage *package = package_of(s, feed_no, *at, size, note);
        if (package == NULL) {
            return;
        }
        response.event_case = event;
        response.net = package; /* `own` is the same member */
        if (send(s, &response)) {
            *at += package->package->n_entries;
        }
        arena_clear(&s->arena);
    }
}

static void send_net(struct sending *s)
{
    struct db *db = s->service->db;
    struct feed_id id;
    struct feed_checkpoint head;
    struct buf note = BUF_INIT;
    if (feed_find(db, VIEW_LIT(FEED_NET), &id) == E_OK &&
        feed_published(db, id.no, &head, &note) == E_OK) {
        send_feed(s, PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_NET, id.no, &s->follow->net, head.size,
                  buf_content(&note));
    }
    buf_release(&note);
}

DB_SQL(select_receipt, "SELECT receipt_size, receipt FROM remote_feed WHERE feed_id = :feed_id");

/* The last checkpoint of the site whose entries are all here; 0: none. */
static uint64_t receipt_of(struct db *db, const char *site_id, struct buf *note)
{
    struct query *query = db_query(db, &select_receipt);
    uint64_t size = 0;
    query_bind_text(query, "feed_id", view_of(site_id));
    if (query_next(query)) {
        size = (uint64_t)query_int(query, 0);
        buf_view(note, query_text(query, 1));
        query_end(query);
    }
    return size;
}

/* What the site itself has signed and we held when it came: it lost it. What we hold since then it
 * has just pushed. */
static void send_own(struct sending *s)
{
    struct db *db = s->service->db;
    struct feed_id id;
    struct buf note = BUF_INIT;
    if (s->follow->own >= s->follow->own_until) {
        return;
    }
    uint64_t size = receipt_of(db, s->follow->site_id, &note);
    if (size > s->follow->own && feed_find(db, view_of(s->follow->site_id), &id) == E_OK) {
        send_feed(s, PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_OWN, id.no, &s->follow->own, size,
                  buf_content(&note));
    }
    buf_release(&note);
}

/* ---- knowledge ---- */

/* By version, which is the row's number: as an expression, the site chooses no index, which would
 * mean all rows, sorted, each time. */
DB_SQL(select_pieces, "SELECT version, record FROM knowledge WHERE version > :after "
                      "AND site_id || '' IN ('', :site_id) ORDER BY version LIMIT :max");

static void name_visitor(struct sending *s, Passerelle__V1__VisitorName *name)
{
    struct db *db = s->service->db;
    int64_t feed_no = journal_feed_no(db, view_of(s->follow->site_id));
    struct visit_row row;
    struct uuid id;
    name->display_name =
        uuid_parse(view_of(name->visit_id), &id) == E_OK &&
                visits_by_id(db, &s->arena, feed_no, view_bytes(id.bytes, sizeof id.bytes), &row)
            ? desk_display_name(s->service, &s->arena, row.holder_id)
            : wire_string(&s->arena, VIEW_LIT(""));
}

static bool read_piece(struct sending *s, struct view record, uint64_t own_seq,
                       Passerelle__V1__Knowing *knowing)
{
    Passerelle__V1__KnowledgeItem *item =
        wire_unpack_trusted(&passerelle__v1__knowledge_item__descriptor, record, &s->arena);
    if (item == NULL) {
        db_fail(s->service->db, E_CORRUPT, "knowledge for sites cannot be read: restore a backup");
        return false;
    }
    knowledge_stamp(item, own_seq);
    if (item->item_case == PASSERELLE__V1__KNOWLEDGE_ITEM__ITEM_VISITOR_NAME) {
        name_visitor(s, item->visitor_name);
    }
    knowing->items[knowing->n_items++] = item;
    return true;
}

DB_SQL(select_desks, "SELECT record FROM knowledge WHERE site_id = :site_id AND kind = :kind");

/* A new site lets its desks in before it has all terms; they come once more in their turn. */
static void send_desks(struct sending *s)
{
    struct follow *f = s->follow;
    Passerelle__V1__FollowResponse response = PASSERELLE__V1__FOLLOW_RESPONSE__INIT;
    Passerelle__V1__Knowing knowing = PASSERELLE__V1__KNOWING__INIT;
    if (s->full || f->desks || f->knowledge > 0) {
        return;
    }
    knowing.items = ARENA_ARRAY(&s->arena, PIECES_MAX, Passerelle__V1__KnowledgeItem *);
    struct query *query = db_query(s->service->db, &select_desks);
    query_bind_text(query, "site_id", view_of(f->site_id));
    query_bind_int(query, "kind", PASSERELLE__V1__KNOWLEDGE_ITEM__ITEM_DESK);
    while (knowing.n_items < PIECES_MAX && query_next(query) &&
           read_piece(s, query_blob(query, 0), 0, &knowing)) {
    }
    query_end(query);
    response.event_case = PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_KNOWING;
    response.knowing = &knowing;
    f->desks = knowing.n_items == 0 || send(s, &response);
    arena_clear(&s->arena);
}

static void send_knowledge(struct sending *s)
{
    struct follow *f = s->follow;
    uint64_t own_seq = knowledge_counted(s->service->db, view_of(f->site_id));
    while (!s->full) {
        Passerelle__V1__FollowResponse response = PASSERELLE__V1__FOLLOW_RESPONSE__INIT;
        Passerelle__V1__Knowing knowing = PASSERELLE__V1__KNOWING__INIT;
        size_t bytes = 0;
        knowing.items = ARENA_ARRAY(&s->arena, PIECES_MAX, Passerelle__V1__KnowledgeItem *);
        struct query *query = db_query(s->service->db, &select_pieces);
        query_bind_int(query, "after", (int64_t)f->knowledge);
        query_bind_text(query, "site_id", view_of(f->site_id));
        query_bind_int(query, "max", PIECES_MAX);
        while (bytes < PIECES_BYTES_MAX && query_next(query)) {
            knowing.version = (uint64_t)query_int(query, 0);
            bytes += query_blob(query, 1).len;
            if (!read_piece(s, query_blob(query, 1), own_seq, &knowing)) {
                break;
            }
        }
        query_end(query);
        if (db_error(s->service->db, NULL) != E_OK) {
            return;
        }
        if (knowing.n_items == 0) { /* what lies between is for others */
            uint64_t last = knowledge_last_version(s->service->db);
            f->knowledge = last > f->knowledge ? last : f->knowledge;
            return;
        }
        response.event_case = PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_KNOWING;
        response.knowing = &knowing;
        if (send(s, &response)) {
            f->knowledge = knowing.version;
        }
        arena_clear(&s->arena);
    }
}

static uint64_t size_of(struct db *db, const char *feed_id)
{
    struct feed_id id;
    return feed_find(db, view_of(feed_id), &id) == E_OK ? feed_head(db, id.no).size : 0;
}

DB_SQL(select_verified, "SELECT size FROM remote_feed WHERE feed_id = :feed_id");

/* Entries of the site's own that are known to have been: those that are here, or those of the last
 * checkpoint that it signed and pushed, of which a power cut may have kept the rest away. */
static uint64_t known_of(struct db *db, const char *site_id)
{
    uint64_t held = size_of(db, site_id), verified = 0;
    struct query *query = db_query(db, &select_verified);
    query_bind_text(query, "feed_id", view_of(site_id));
    if (query_next(query)) {
        verified = (uint64_t)query_int(query, 0);
        query_end(query);
    }
    return verified > held ? verified : held;
}

/* Once; it waits until all of `net` is signed. */
static void send_caught_up(struct sending *s)
{
    struct follow *f = s->follow;
    Passerelle__V1__FollowResponse response = PASSERELLE__V1__FOLLOW_RESPONSE__INIT;
    Passerelle__V1__CaughtUp caught_up = PASSERELLE__V1__CAUGHT_UP__INIT;
    if (f->caught_up || s->full || f->net < size_of(s->service->db, FEED_NET) ||
        !knowledge_is_complete(s->service->db)) {
        return;
    }
    caught_up.net_size = f->net;
    caught_up.knowledge_version = f->knowledge;
    caught_up.own_size = known_of(s->service->db, f->site_id);
    response.event_case = PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_CAUGHT_UP;
    response.caught_up = &caught_up;
    f->caught_up = send(s, &response);
}

/* ---- the method ---- */

DB_SQL(select_net_epoch, "SELECT MAX(entry_key) FROM feed_epoch WHERE feed_id = 'net'");

/* Whether versions are counted here as when the site heard them: a hub that was restored gives the
 * same ones out again, for other things. It went on under another key of `net`, and the site that
 * has not seen that entry is told all again. */
static bool is_same_count(struct db *db, const Passerelle__V1__FollowRequest *request)
{
    struct query *query = db_query(db, &select_net_epoch);
    uint64_t begun = 0;
    if (query_next(query)) {
        begun = (uint64_t)query_int(query, 0) & FEED_SEQ_MAX;
        query_end(query);
    }
    return request->net_size >= begun && request->knowledge_version <= knowledge_last_version(db);
}

int follow_open(struct service *service, struct call *call)
{
    const Passerelle__V1__FollowRequest *request = (const void *)call->request;
    const char *site_id = call->who.party;
    if (call->who.role != ROLE_SITE || registry_feed_keeper(service->db, view_of(site_id)) !=
                                           PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_SITE) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "the hub keeps the ledger of %s: join again with a join code", site_id);
    }
    uint64_t net = size_of(service->db, FEED_NET);
    if (request->net_size > net) {
        log_event(service->node->log, LOG_ERROR, "hub_rolled_back", LOG_S("site", site_id),
                  LOG_N("net_there", (int64_t)request->net_size), LOG_N("net_here", (int64_t)net),
                  LOG_S("todo", "see passerelle ledger problems net"));
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "the hub holds %llu entries of net, this site %llu: the hub was restored "
                         "from a backup. Keep this site's files: your operator brings the entries "
                         "back from here (passerelle ledger export FOLDER --feed net)",
                         (unsigned long long)net, (unsigned long long)request->net_size);
    }
    struct follow *follow = ARENA_NEW(call->arena, struct follow);
    snprintf(follow->site_id, sizeof follow->site_id, "%s", site_id);
    follow->net = request->net_size;
    follow->own = request->own_size;
    struct buf note = BUF_INIT;
    follow->own_until = receipt_of(service->db, site_id, &note);
    buf_release(&note);
    if (is_same_count(service->db, request)) {
        follow->knowledge = request->knowledge_version;
    }
    atomic_store(&service->node->followed, true);
    call->decision = follow;
    return 0;
}

int follow_pump(struct service *service, struct stream *stream)
{
    struct follow *f = stream->call->decision;
    uint64_t published = atomic_load(&service->node->net_published);
    uint64_t version = atomic_load(&service->node->knowledge_version);
    if (f->idle && f->published == published && f->version == version) {
        return 0;
    }
    struct sending s = {.service = service, .stream = stream, .follow = f};
    send_own(&s);
    send_net(&s);
    send_desks(&s);
    send_knowledge(&s);
    send_caught_up(&s);
    arena_release(&s.arena);
    f->idle = !s.full && f->caught_up && f->net >= published && f->knowledge >= version;
    f->published = published;
    f->version = version;
    struct fault fault = FAULT_NONE;
    return db_error(service->db, &fault) == E_OK ? 0 : call_fail_with(stream->call, &fault);
}
