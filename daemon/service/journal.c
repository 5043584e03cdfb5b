#include "service/journal.h"

#include <assert.h>

#include "base/text.h"
#include "crypt/sha256.h"
#include "service/keyring.h"
#include "store/view/apply.h"
#include "store/view/registry.h"
#include "wire/pack.h"

struct journal {
    struct node *node;
    struct db *db;
    struct feeds *feeds;
    struct arena scratch;  /* of one append */
    bool registry_changed; /* in this transaction */
};

struct journal *journal_new(struct node *node, struct db *db)
{
    struct journal *journal = xcalloc(1, sizeof *journal);
    journal->node = node;
    journal->db = db;
    journal->feeds = feeds_new(db);
    return journal;
}

void journal_free(struct journal *journal)
{
    if (journal != NULL) {
        feeds_free(journal->feeds);
        arena_release(&journal->scratch);
        free(journal);
    }
}

size_t journal_mark(const struct journal *journal)
{
    return feeds_mark(journal->feeds);
}

/* Visits and passes change by the second and are read afresh each time: nobody caches them. */
static bool is_registry(Passerelle__V1__EntryType type)
{
    switch (type) {
    case PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PASS_ISSUED:
    case PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PASS_DEVICE_SET:
    case PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PASS_STATE_SET:
        return false;
    default:
        return type < PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_OPENED;
    }
}

/* What was read of the registry inside what is undone now was never so. */
static void registry_undone(struct journal *journal)
{
    if (journal->registry_changed) {
        journal->node->registry_version++;
    }
}

void journal_undo(struct journal *journal, size_t mark)
{
    registry_undone(journal);
    feeds_undo(journal->feeds, mark);
}

void journal_committed(struct journal *journal)
{
    journal->registry_changed = false;
    feeds_commit(journal->feeds);
}

void journal_rolled_back(struct journal *journal)
{
    registry_undone(journal);
    journal->registry_changed = false;
    feeds_undo_all(journal->feeds);
}

struct feeds *journal_feeds(struct journal *journal)
{
    return journal->feeds;
}

bool journal_keeps(struct service *service, struct view feed_id)
{
    const struct node *node = service->node;
    bool of_site = entry_home_of_feed(feed_id) == ENTRY_IN_SITE;
    if (node->role == NODE_SITE) {
        return view_is(feed_id, node->site_id);
    }
    return !of_site || registry_feed_keeper(service->db, feed_id) !=
                           PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_SITE;
}

int64_t journal_feed_no(struct db *db, struct view feed_id)
{
    struct feed_id id;
    return feed_find(db, feed_id, &id) == E_OK ? id.no : 0;
}

uint64_t journal_feed_size(struct db *db, struct view feed_id)
{
    int64_t feed_no = journal_feed_no(db, feed_id);
    return feed_no == 0 ? 0 : feed_head(db, feed_no).size;
}

int64_t journal_append(struct service *service, struct view author, struct view feed_id,
                       Passerelle__V1__EntryType type, const ProtobufCMessage *payload)
{
    struct journal *journal = service->journal;
    struct feed *feed = feeds_get(journal->feeds, feed_id);
    if (feed == NULL) {
        db_fail(service->db, E_NOT_FOUND, "the feed %.*s is not open", VIEW_FMT(feed_id));
        return 0;
    }
    arena_clear(&journal->scratch);
    int64_t now_utc_ms = service_now(service);
    struct entry_draft draft = {
        .feed_id = feed_id,
        .seq = feed->size + 1,
        .appended_utc_ms = now_utc_ms > feed->appended_utc_ms ? now_utc_ms : feed->appended_utc_ms,
        .type = type,
        .author = author,
        .payload = payload,
    };
    struct fault fault = FAULT_NONE;
    struct view bytes;
    struct entry entry;
    if (entry_encode(&draft, &journal->scratch, &bytes, &entry, &fault) != E_OK) {
        db_fail(service->db, fault.code, "%s", fault.text);
        return 0;
    }
    uint64_t seq;
    if (feed_append(journal->feeds, feed, bytes, draft.appended_utc_ms, &seq, &fault) != E_OK) {
        db_fail(service->db, fault.code, "%s", fault.text);
        return 0;
    }
    assert(seq == draft.seq);
    struct view_position at = {.feed_no = feed->id.no,
                               .entry_key = feed->id.no << FEED_SEQ_BITS | (int64_t)seq};
    view_apply(service->db, at, &entry);
    if (is_registry(type)) {
        journal_registry_changed(journal);
    }
    return at.entry_key;
}

void journal_registry_changed(struct journal *journal)
{
    journal->registry_changed = true;
    journal->node->registry_version++;
}

int journal_take(struct service *service, struct feed *feed, uint64_t seq, struct view bytes,
                 struct arena *arena, struct entry *entry, bool *added, struct fault *fault)
{
    struct fault unread = FAULT_NONE;
    struct entry read = {.kind = NULL};
    bool readable = entry_decode(view_of(feed->id.name), bytes, arena, &read, &unread) == E_OK &&
                    read.envelope->seq == seq;
    int64_t at_utc_ms = readable ? read.envelope->appended_utc_ms : 0;
    if (at_utc_ms < feed->appended_utc_ms) {
        at_utc_ms = feed->appended_utc_ms;
    }
    int err = feed_put(service->journal->feeds, feed, seq, bytes, at_utc_ms, added, fault);
    if (err == E_OK && *added && readable) {
        struct view_position at = {.feed_no = feed->id.no,
                                   .entry_key = feed->id.no << FEED_SEQ_BITS | (int64_t)seq};
        view_apply(service->db, at, &read);
        if (is_registry(read.envelope->type)) {
            journal_registry_changed(service->journal);
        }
    }
    if (entry != NULL) {
        *entry = readable ? read : (struct entry){.kind = NULL};
    }
    return err;
}

void journal_open_feed(struct service *service, struct view feed_id, struct view author)
{
    struct journal *journal = service->journal;
    if (feeds_get(journal->feeds, feed_id) != NULL) {
        return;
    }
    struct fault fault = FAULT_NONE;
    const struct ed25519_key *key;
    struct feed_id id = {.entry_bytes_max = entry_home_of_feed(feed_id) == ENTRY_IN_SITE
                                                ? FEED_SITE_ENTRY_MAX
                                                : FEED_ENTRY_MAX};
    snprintf(id.name, sizeof id.name, "%.*s", VIEW_FMT(feed_id));
    snprintf(id.origin, sizeof id.origin, "passerelle.example/%s/%s", service->node->network_id,
             id.name);
    struct feed *feed;
    if (keyring_feed(service->node->keys, feed_id, view_of(id.origin), &key, &fault) != E_OK) {
        db_fail(service->db, fault.code, "%s", fault.text);
        return;
    }
    memcpy(id.public_key, key->public_key, sizeof id.public_key);
    if (feeds_make(journal->feeds, &id, &feed, &fault) != E_OK) {
        db_fail(service->db, fault.code, "%s", fault.text);
        return;
    }
    Passerelle__V1__FeedOpened opened = PASSERELLE__V1__FEED_OPENED__INIT;
    opened.feed_id = id.name;
    opened.origin = id.origin;
    opened.public_key = (ProtobufCBinaryData){sizeof id.public_key, id.public_key};
    char none[1] = "";
    opened.site_id = entry_home_of_feed(feed_id) == ENTRY_IN_SITE ? id.name : none;
    journal_append(service, author, VIEW_LIT(FEED_NET),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_FEED_OPENED, &opened.base);
}

/* `public_key` NULL: a fresh key of this node. */
static int next_epoch(struct service *service, const struct feed *feed,
                      Passerelle__V1__FeedKeeper keeper, const uint8_t *public_key,
                      struct arena *arena, Passerelle__V1__FeedOpened **out, struct fault *fault)
{
    const struct feed_id *id = &feed->id;
    uint8_t epoch[4];
    char hex[2 * sizeof epoch + 1];
    char *origin = arena_alloc(arena, sizeof id->origin);
    Passerelle__V1__FeedOpened *opened = wire_new(arena, &passerelle__v1__feed_opened__descriptor);
    env_random(service->node->env, epoch, sizeof epoch);
    text_to_hex(epoch, sizeof epoch, hex);
    snprintf(origin, sizeof id->origin, "passerelle.example/%s/%s/%s", service->node->network_id,
             id->name, hex);
    opened->feed_id = wire_string(arena, view_of(id->name));
    opened->origin = origin;
    opened->old_origin = wire_string(arena, view_of(id->origin));
    opened->old_size = feed->size;
    opened->keeper = keeper;
    if (entry_home_of_feed(view_of(id->name)) == ENTRY_IN_SITE) {
        opened->site_id = opened->feed_id;
    }
    if (feed->size > 0) {
        struct tree_hash *root = ARENA_NEW(arena, struct tree_hash);
        *root = tree_frontier_root(&feed->frontier);
        opened->old_root = wire_bytes(view_bytes(root, sizeof *root));
    }
    if (public_key == NULL) {
        const struct ed25519_key *key;
        int err =
            keyring_feed(service->node->keys, view_of(id->name), view_of(origin), &key, fault);
        if (err != E_OK) {
            return err;
        }
        public_key = key->public_key;
    }
    opened->public_key = wire_bytes(arena_copy(arena, view_bytes(public_key, ED25519_PUBLIC_LEN)));
    *out = opened;
    return E_OK;
}

DB_SQL(forget_remote, "DELETE FROM remote_feed WHERE feed_id = :feed_id");

const Passerelle__V1__FeedOpened *journal_begin_epoch(struct service *service, struct view author,
                                                      struct view feed_id,
                                                      Passerelle__V1__FeedKeeper keeper,
                                                      const uint8_t *public_key,
                                                      struct arena *arena)
{
    struct fault fault = FAULT_NONE;
    Passerelle__V1__FeedOpened *opened;
    struct feed *feed = feeds_get(service->journal->feeds, feed_id);
    if (feed == NULL) {
        db_fail(service->db, E_NOT_FOUND, "the feed %.*s is not open", VIEW_FMT(feed_id));
        return NULL;
    }
    if (next_epoch(service, feed, keeper, public_key, arena, &opened, &fault) != E_OK) {
        db_fail(service->db, fault.code, "%s", fault.text);
        return NULL;
    }
    feed_begin_epoch(service->journal->feeds, feed, view_of(opened->origin),
                     opened->public_key.data);
    struct query *query = db_query(service->db, &forget_remote);
    query_bind_text(query, "feed_id", feed_id);
    query_run(query);
    journal_append(service, author, VIEW_LIT(FEED_NET),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_FEED_OPENED, &opened->base);
    return opened;
}

int journal_begin_epochs(struct service *service, size_t *feeds, struct fault *fault)
{
    struct arena arena = ARENA_INIT;
    char(*names)[FEED_NAME_MAX + 1] = NULL;
    size_t count = 0, capacity = 0;
    struct feed_id id;
    struct query *list = feed_list(service->db);
    while (feed_list_next(list, &id)) {
        if (count == capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            names = xrealloc(names, capacity, sizeof *names);
        }
        memcpy(names[count++], id.name, sizeof id.name);
    }
    for (size_t i = 0; i < count; i++) {
        struct view name = view_of(names[i]);
        if (registry_feed_keeper(service->db, name) ==
            PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_SITE) {
            continue;
        }
        journal_begin_epoch(service, VIEW_LIT("hub"), name,
                            PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_HUB, NULL, &arena);
        arena_clear(&arena);
        *feeds += 1;
    }
    free(names);
    arena_release(&arena);
    return db_error(service->db, fault);
}

/* Of `net`, at a site, the hub's own word, all of which is here. */
DB_SQL(select_receipt, "SELECT CASE WHEN feed_id = 'net' THEN note ELSE receipt END "
                       "FROM remote_feed WHERE feed_id = :feed_id");
DB_SQL(select_head, "SELECT note FROM remote_feed WHERE feed_id = :feed_id");

/* A site keeps of `net` only heads whose entries are all here. */
static int find_remote(struct service *service, struct view feed_id, struct buf *note,
                       struct fault *fault)
{
    struct db *db = service->db;
    bool site = service->node->role == NODE_SITE;
    struct query *query = db_query(db, site ? &select_head : &select_receipt);
    query_bind_text(query, "feed_id", feed_id);
    if (query_next(query)) {
        buf_view(note, query_text(query, 0));
        query_end(query);
    }
    return db_error(db, fault);
}

int journal_publish(struct service *service, struct view feed_id, struct buf *note,
                    struct fault *fault)
{
    struct feed *feed = feeds_get(service->journal->feeds, feed_id);
    if (feed == NULL) {
        return fault_set(fault, E_NOT_FOUND, "there is no feed %.*s", VIEW_FMT(feed_id));
    }
    if (!journal_keeps(service, feed_id)) {
        return find_remote(service, feed_id, note, fault);
    }
    const struct ed25519_key *key;
    int err = keyring_feed(service->node->keys, feed_id, view_of(feed->id.origin), &key, fault);
    if (err != E_OK) {
        return err;
    }
    return feed_publish(service->journal->feeds, feed, key, service_now(service), note, fault);
}

DB_SQL(put_reason, "INSERT INTO reason (reason_hash, salt, author, at_utc_ms, body) "
                   "VALUES (:hash, :salt, :author, :at_utc_ms, :body) "
                   "ON CONFLICT (reason_hash) DO NOTHING");

struct view journal_reason(struct service *service, struct call *call, const char *text)
{
    return journal_reason_of(service, call->arena, view_of(call->who.author), text);
}

struct view journal_reason_of(struct service *service, struct arena *arena, struct view author,
                              const char *text)
{
    if (text == NULL || text[0] == '\0') {
        return VIEW_NONE;
    }
    uint8_t salt[16];
    env_random(service->node->env, salt, sizeof salt);
    struct buf salted = BUF_INIT;
    buf_add(&salted, salt, sizeof salt);
    buf_text(&salted, text);
    uint8_t *hash = arena_alloc(arena, SHA256_LEN);
    sha256(buf_content(&salted), hash);
    buf_release(&salted);
    struct query *query = db_query(service->db, &put_reason);
    query_bind_blob(query, "hash", view_bytes(hash, SHA256_LEN));
    query_bind_blob(query, "salt", view_bytes(salt, sizeof salt));
    query_bind_text(query, "author", author);
    query_bind_int(query, "at_utc_ms", service_now(service));
    query_bind_text(query, "body", view_of(text));
    query_run(query);
    return view_bytes(hash, SHA256_LEN);
}
