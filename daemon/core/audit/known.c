/* The entries of `net` and `books`. */
#include "core/audit/known.h"

#include "passerelle/v1/pass.pb-c.h"

#define T(upper) PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_##upper

/* Notes that this id was seen in this role; false when it was seen before. */
static bool first_time(struct audit *audit, Passerelle__V1__EntryType type, struct view id)
{
    struct arena scratch = ARENA_INIT;
    char *key = arena_printf(&scratch, "%d:", (int)type);
    struct buf bytes = BUF_INIT;
    buf_text(&bytes, key);
    buf_view(&bytes, id);
    bool first = map_put(&audit->ids, buf_content(&bytes), audit) == NULL;
    buf_release(&bytes);
    arena_release(&scratch);
    return first;
}

/* A feed goes on under another key, from entries that are told by their root. */
static const char *feed_goes_on(struct audit *audit, struct known_feed *feed,
                                const struct note_key *key, const struct canon *p)
{
    struct known_root *root = ARENA_NEW(&audit->arena, struct known_root);
    struct view told = canon_bytes(p, 7);
    root->size = canon_number(p, 6);
    if (!view_is(canon_bytes(p, 5), feed->key.name)) {
        return "it goes on from another feed than the one that is open";
    }
    if (root->size > 0 && told.len != sizeof root->told) {
        return "it names no root of the entries from which it goes on";
    }
    if (canon_number(p, 8) == PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_SITE) {
        feed->kept_from = feed->kept_by_site ? feed->kept_from : root->size;
        feed->kept_by_site = true;
        feed->kept_to = UINT64_MAX;
    } else if (feed->kept_to == UINT64_MAX) {
        feed->kept_to = root->size;
    }
    feed->taken_over = true;
    feed->taken_size = root->size;
    if (root->size > 0) {
        memcpy(&root->told, told.data, sizeof root->told);
        root->next = feed->roots;
        feed->roots = feed->epoch = root;
    }
    feed->key = *key;
    return NULL;
}

static const char *feed_opened(struct audit *audit, const struct audit_entry *entry,
                               const struct canon *p)
{
    struct view id = canon_bytes(p, 1);
    struct view public_key = canon_bytes(p, 3);
    struct note_key key;
    if (public_key.len != ED25519_PUBLIC_LEN ||
        note_key_init(&key, canon_bytes(p, 2), NOTE_ED25519, (const uint8_t *)public_key.data) !=
            E_OK) {
        return "it names no key";
    }
    struct known_feed *feed = map_get(&audit->feeds, id);
    if (feed != NULL) {
        return canon_bytes(p, 5).len > 0 ? feed_goes_on(audit, feed, &key, p)
                                         : "this feed is open already";
    }
    if ((entry->seq == 1) != view_is(id, FEED_NET)) {
        return "the feed net begins with its own opening, and nowhere else";
    }
    feed = ARENA_NEW(&audit->arena, struct known_feed);
    feed->key = key;
    feed->id = arena_copy(&audit->arena, id);
    feed->opened_seq = entry->seq;
    facts_feed_add(audit, feed);
    map_put(&audit->feeds, id, feed);
    return NULL;
}

static void add_event(struct audit *audit, struct known_pass *pass, const struct audit_entry *entry,
                      uint64_t state, struct view device_key)
{
    struct pass_event *event = ARENA_NEW(&audit->arena, struct pass_event);
    event->before = pass->last;
    event->at_utc_ms = entry->at_utc_ms;
    event->state = state;
    if (device_key.len == sizeof event->device_key) {
        memcpy(event->device_key, device_key.data, device_key.len);
    }
    pass->last = event;
}

static bool is_revoked(const struct known_pass *pass)
{
    for (const struct pass_event *e = pass->last; e != NULL; e = e->before) {
        if (e->state == PASSERELLE__V1__PASS_STATE__PASS_STATE_REVOKED) {
            return true;
        }
    }
    return false;
}

static const char *pass_issued(struct audit *audit, const struct audit_entry *entry,
                               const struct canon *p)
{
    struct known_pass *pass = ARENA_NEW(&audit->arena, struct known_pass);
    pass->holder_id = arena_copy(&audit->arena, canon_bytes(p, 2));
    pass->issued_utc_ms = entry->at_utc_ms;
    if (canon_bytes(p, 1).len != 16) {
        return "a pass id has 16 bytes";
    }
    if (map_put(&audit->passes, canon_bytes(p, 1), pass) != NULL) {
        return "this pass was issued before";
    }
    if (canon_bytes(p, 12).len > 0) {
        struct known_pass *old = map_get(&audit->passes, canon_bytes(p, 12));
        if (old == NULL) {
            return "it replaces a pass that was never issued";
        }
        add_event(audit, old, entry, PASSERELLE__V1__PASS_STATE__PASS_STATE_REVOKED, VIEW_NONE);
    }
    return NULL;
}

static const char *pass_changed(struct audit *audit, const struct audit_entry *entry,
                                const struct canon *p)
{
    struct known_pass *pass = map_get(&audit->passes, canon_bytes(p, 1));
    if (pass == NULL) {
        return "it speaks of a pass that was never issued";
    }
    if (is_revoked(pass)) {
        return "the pass is revoked: nothing can change it";
    }
    if (entry->type == T(PASS_DEVICE_SET)) {
        if (canon_bytes(p, 2).len != ED25519_PUBLIC_LEN) {
            return "a device key has 32 bytes";
        }
        add_event(audit, pass, entry, 0, canon_bytes(p, 2));
    } else {
        if (canon_number(p, 2) == 0) {
            return "it names no state";
        }
        add_event(audit, pass, entry, canon_number(p, 2), VIEW_NONE);
    }
    return NULL;
}

const char *known_take(struct audit *audit, const struct audit_entry *entry, const struct canon *p)
{
    bool net_begins = view_is(entry->feed_id, FEED_NET) && entry->seq == 1;
    if (net_begins && entry->type != T(FEED_OPENED)) {
        return "the feed net does not begin with its own opening";
    }
    switch (entry->type) {
    case T(FEED_OPENED):
        return feed_opened(audit, entry, p);
    case T(PASS_ISSUED):
        return pass_issued(audit, entry, p);
    case T(PASS_DEVICE_SET):
    case T(PASS_STATE_SET):
        return pass_changed(audit, entry, p);
    case T(NETWORK_CREATED):
        return first_time(audit, entry->type, VIEW_NONE) ? NULL : "the network began before";
    case T(KEY_PUBLISHED):
    case T(CARNET_SOLD):
    case T(DISPUTE_OPENED):
        return first_time(audit, entry->type, canon_bytes(p, 1)) ? NULL : "its id was used before";
    case T(KEY_RETIRED):
        return first_time(audit, T(KEY_PUBLISHED), canon_bytes(p, 1)) ? "this key was never in use"
                                                                      : NULL;
    case T(DISPUTE_RESOLVED):
        if (first_time(audit, T(DISPUTE_OPENED), canon_bytes(p, 1))) {
            return "this dispute was never opened";
        }
        return first_time(audit, entry->type, canon_bytes(p, 1)) ? NULL
                                                                 : "this dispute ended before";
    case T(PERIOD_CLOSED):
        return first_time(audit, entry->type, canon_bytes(p, 1)) ? NULL
                                                                 : "this month was closed before";
    default:
        return NULL;
    }
}
