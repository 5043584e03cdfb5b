#include "service/journal.h"

#include <assert.h>

#include "base/text.h"
#include "crypt/sha256.h"
#include "service/keyring.h"
#include "store/view/apply.h"
#include "wire/pack.h"

struct journal {
    struct node *node;
    struct db *db;
    struct feeds *feeds;
    struct arena scratch; /* of one append */
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

int64_t journal_feed_no(struct db *db, struct view feed_id)
{
    struct feed_id id;
    return feed_find(db, feed_id, &id) == E_OK ? id.no : 0;
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
        journal->registry_changed = true;
        journal->node->registry_version++;
    }
    return at.entry_key;
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
    if (keyring_feed(service->node->keys, feed_id, &key, &fault) != E_OK) {
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

/* The entry for one feed, with the feed's row changed already. */
static int begin_epoch(struct service *service, const struct feed_id *id, struct arena *arena,
                       Passerelle__V1__FeedOpened **out, struct fault *fault)
{
    uint8_t epoch[4];
    char hex[2 * sizeof epoch + 1];
    char *origin = arena_alloc(arena, sizeof id->origin);
    uint64_t size = feed_head(service->db, id->no).size;
    const struct ed25519_key *key;
    Passerelle__V1__FeedOpened *opened =
        wire_new(arena, &passerelle__v1__feed_opened__descriptor);
    env_random(service->node->env, epoch, sizeof epoch);
    text_to_hex(epoch, sizeof epoch, hex);
    snprintf(origin, sizeof id->origin, "passerelle.example/%s/%s/%s", service->node->network_id,
             id->name, hex);
    opened->feed_id = wire_string(arena, view_of(id->name));
    opened->origin = origin;
    opened->old_origin = wire_string(arena, view_of(id->origin));
    opened->old_size = size;
    opened->site_id = wire_string(
        arena, entry_home_of_feed(view_of(id->name)) == ENTRY_IN_SITE ? view_of(id->name)
                                                                      : VIEW_NONE);
    if (size > 0) {
        struct tree_hash *root = ARENA_NEW(arena, struct tree_hash);
        int err = feed_root(service->db, id->no, size, root);
        if (err != E_OK) {
            return fault_set(fault, err, "the feed %s has no root", id->name);
        }
        opened->old_root = wire_bytes(view_bytes(root, sizeof *root));
    }
    int err = keyring_feed(service->node->keys, view_of(id->name), &key, fault);
    if (err != E_OK) {
        return err;
    }
    assert(memcmp(key->public_key, id->public_key, sizeof id->public_key) != 0);
    opened->public_key = wire_bytes(view_bytes(key->public_key, sizeof key->public_key));
    feed_begin_epoch(service->db, id->no, view_of(origin), key->public_key);
    *out = opened;
    return E_OK;
}

int journal_begin_epochs(struct service *service, size_t *feeds, struct fault *fault)
{
    struct arena arena = ARENA_INIT;
    struct feed_id *ids = NULL;
    size_t count = 0, capacity = 0;
    struct feed_id id;
    struct query *list = feed_list(service->db);
    while (feed_list_next(list, &id)) {
        if (count == capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            ids = xrealloc(ids, capacity, sizeof *ids);
        }
        ids[count++] = id;
    }
    int err = db_error(service->db, fault);
    Passerelle__V1__FeedOpened **opened =
        ARENA_ARRAY(&arena, count, Passerelle__V1__FeedOpened *);
    for (size_t i = 0; err == E_OK && i < count; i++) {
        err = begin_epoch(service, &ids[i], &arena, &opened[i], fault);
    }
    for (size_t i = 0; err == E_OK && i < count; i++) {
        journal_append(service, VIEW_LIT("hub"), VIEW_LIT(FEED_NET),
                       PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_FEED_OPENED, &opened[i]->base);
        err = db_error(service->db, fault);
    }
    *feeds = count;
    free(ids);
    arena_release(&arena);
    return err;
}

int journal_publish(struct service *service, struct view feed_id, struct buf *note,
                    struct fault *fault)
{
    struct feed *feed = feeds_get(service->journal->feeds, feed_id);
    if (feed == NULL) {
        return fault_set(fault, E_NOT_FOUND, "there is no feed %.*s", VIEW_FMT(feed_id));
    }
    const struct ed25519_key *key;
    int err = keyring_feed(service->node->keys, feed_id, &key, fault);
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
    if (text == NULL || text[0] == '\0') {
        return VIEW_NONE;
    }
    uint8_t salt[16];
    env_random(service->node->env, salt, sizeof salt);
    struct buf salted = BUF_INIT;
    buf_add(&salted, salt, sizeof salt);
    buf_text(&salted, text);
    uint8_t *hash = arena_alloc(call->arena, SHA256_LEN);
    sha256(buf_content(&salted), hash);
    buf_release(&salted);
    struct query *query = db_query(service->db, &put_reason);
    query_bind_blob(query, "hash", view_bytes(hash, SHA256_LEN));
    query_bind_blob(query, "salt", view_bytes(salt, sizeof salt));
    query_bind_text(query, "author", view_of(call->who.author));
    query_bind_int(query, "at_utc_ms", service_now(service));
    query_bind_text(query, "body", view_of(text));
    query_run(query);
    return view_bytes(hash, SHA256_LEN);
}
