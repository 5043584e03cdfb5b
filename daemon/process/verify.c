#include "process/verify.h"

#include "base/arena.h"
#include "process/joined.h"
#include "service/keyring.h"
#include "store/view/registry.h"

/* All feeds; the caller frees *out. */
static int list_feeds(struct db *db, struct feed_id **out, size_t *count, struct fault *fault)
{
    size_t capacity = 0;
    struct feed_id *feeds = NULL;
    size_t found = 0;
    int err = db_begin_read(db, fault);
    if (err != E_OK) {
        return err;
    }
    struct feed_id feed;
    struct query *list = feed_list(db);
    while (feed_list_next(list, &feed)) {
        if (found == capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            feeds = xrealloc(feeds, capacity, sizeof *feeds);
        }
        feeds[found++] = feed;
    }
    err = db_end(db, fault);
    if (err != E_OK) {
        free(feeds);
        return err;
    }
    *out = feeds;
    *count = found;
    return E_OK;
}

/* The last `entries` of one feed; 0: all. */
static int verify_one(struct db *db, const struct feed_id *feed, uint64_t entries,
                      struct fault *fault)
{
    int err = db_begin_read(db, fault);
    if (err != E_OK) {
        return err;
    }
    uint64_t size = feed_head(db, feed->no).size;
    uint64_t from = entries == 0 || size <= entries ? 1 : size - entries + 1;
    err = feed_verify(db, feed, from, fault);
    int ended = db_end(db, fault);
    return err != E_OK ? err : ended;
}

int verify_ends(struct db *db, uint64_t entries, struct fault *fault)
{
    struct feed_id *feeds = NULL;
    size_t count = 0;
    if (entries == 0) {
        return E_OK;
    }
    int err = list_feeds(db, &feeds, &count, fault);
    uint64_t each = count == 0 || entries / count == 0 ? 1 : entries / count;
    for (size_t i = 0; err == E_OK && i < count; i++) {
        err = verify_one(db, &feeds[i], each, fault);
    }
    free(feeds);
    return err;
}

int verify_all(struct db *db, const struct verify_progress *progress, size_t *damaged,
               struct fault *fault)
{
    struct feed_id *feeds = NULL;
    size_t count = 0;
    *damaged = 0;
    int first = list_feeds(db, &feeds, &count, fault);
    for (size_t i = 0; i < count; i++) {
        if (progress->stop != NULL && progress->stop(progress->context)) {
            first = fault_set(fault, E_CLOSED, "stopped");
            break;
        }
        int err = verify_one(db, &feeds[i], 0, fault); /* the first fault stays */
        *damaged += err != E_OK;
        first = first != E_OK ? first : err;
        if (progress->step != NULL) {
            progress->step(progress->context, i + 1, count);
        }
    }
    free(feeds);
    return first;
}

/* Fills *kept: whether this node keeps the feed. A feed that its site keeps has its key there. */
static int is_kept_here(struct db *db, const struct feed_id *feed, const char *site_id, bool *kept,
                        struct fault *fault)
{
    if (site_id[0] != '\0') {
        *kept = strcmp(feed->name, site_id) == 0;
        return E_OK;
    }
    int err = db_begin_read(db, fault);
    if (err != E_OK) {
        return err;
    }
    *kept = registry_feed_keeper(db, view_of(feed->name)) !=
            PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_SITE;
    return db_end(db, fault);
}

static int verify_key(const struct feed_id *feed, struct keyring *keys, struct state *state,
                      struct fault *fault)
{
    const struct ed25519_key *key;
    char file[KEYRING_FILE_MAX];
    keyring_feed_file(view_of(feed->name), view_of(feed->origin), file);
    char *path = arena_printf(&state->arena, "%s/%s", state->keys, file);
    if (!state_exists(path)) {
        return fault_set(fault, E_NOT_FOUND, "%s is missing: restore it from a backup", path);
    }
    int err = keyring_feed(keys, view_of(feed->name), view_of(feed->origin), &key, fault);
    if (err == E_OK && memcmp(key->public_key, feed->public_key, sizeof feed->public_key) != 0) {
        err = fault_set(fault, E_CONFLICT,
                        "%s is not the key of the feed %s: restore it from a backup", path,
                        feed->name);
    }
    return err;
}

int verify_keys(struct db *db, struct state *state, struct fault *fault)
{
    struct feed_id *feeds = NULL;
    size_t count = 0;
    struct keyring *keys = keyring_new(state->keys, &state->env);
    struct joined joined = {.site = ""};
    int err = state_exists(state->joined) ? joined_read(state, &joined, fault) : E_OK;
    err = err != E_OK ? err : list_feeds(db, &feeds, &count, fault);
    for (size_t i = 0; err == E_OK && i < count; i++) {
        bool kept = false;
        err = is_kept_here(db, &feeds[i], joined.site, &kept, fault);
        err = err != E_OK || !kept ? err : verify_key(&feeds[i], keys, state, fault);
    }
    free(feeds);
    keyring_free(keys);
    return err;
}
