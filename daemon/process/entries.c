#include "process/entries.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "base/text.h"
#include "core/audit/audit.h"
#include "core/merkle/tiles.h"
#include "store/feed/feed.h"
#include "store/view/apply.h"

enum {
    FEEDS_MAX = 4096,
    CHECKPOINT_BYTES_MAX = 64 * 1024,
    BUNDLE_BYTES_MAX = TREE_TILE_WIDTH * (2 + TILE_ENTRY_MAX),
};

/* One feed of the folder, read from its first entry to its last. */
struct folder {
    const char *dir;
    char feed_id[FEED_NAME_MAX + 1];
    struct db *db; /* the backup */
    int64_t feed_no;
    uint64_t held;  /* entries that the backup has */
    uint64_t size;  /* as its checkpoint says */
    uint64_t first; /* leaf: those before are the backup's */
    uint64_t next;  /* leaf */
    struct buf bundle;
    struct view rest; /* of the bundle */
};

static int read_file(const char *path, size_t bytes_max, struct buf *out, struct fault *fault)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return fault_set(fault, err_from_errno(errno), "%s cannot be read: %s", path,
                         strerror(errno));
    }
    char piece[65536];
    size_t got;
    while ((got = fread(piece, 1, sizeof piece, file)) > 0 && out->len <= bytes_max) {
        buf_add(out, piece, got);
    }
    bool failed = ferror(file) != 0;
    fclose(file);
    return failed || out->len > bytes_max
               ? fault_set(fault, E_IO, "%s cannot be read, or is far too long", path)
               : E_OK;
}

/* The bundle of `next`, as the backup has it. */
static int read_held(struct folder *folder, struct fault *fault)
{
    struct feed_entry entry;
    uint64_t end = folder->next + TREE_TILE_WIDTH;
    if (folder->next != folder->first || end > folder->held) {
        return fault_set(fault, E_NOT_FOUND,
                         "%s lacks entries from %llu on of feed %s, and the backup has only %llu: "
                         "take a later backup, or the export of another site's daemon",
                         folder->dir, (unsigned long long)folder->next + 1, folder->feed_id,
                         (unsigned long long)folder->held);
    }
    struct query *read = feed_read(folder->db, folder->feed_no, folder->next + 1, end);
    while (feed_read_next(read, &entry)) {
        buf_u16be(&folder->bundle, (uint16_t)entry.bytes.len);
        buf_view(&folder->bundle, entry.bytes);
    }
    folder->first = end;
    return db_error(folder->db, fault);
}

static int read_bundle(struct folder *folder, struct fault *fault)
{
    struct buf path = BUF_INIT;
    uint64_t index = folder->next / TREE_TILE_WIDTH;
    struct tile_path tile = {
        .entries = true, .index = index, .width = tile_width(folder->size, 0, index)};
    buf_printf(&path, "%s/%s/", folder->dir, folder->feed_id);
    tile_path_format(&tile, &path);
    buf_byte(&path, '\0');
    buf_clear(&folder->bundle);
    int err = access(path.data, F_OK) != 0 && errno == ENOENT
                  ? read_held(folder, fault)
                  : read_file(path.data, BUNDLE_BYTES_MAX, &folder->bundle, fault);
    folder->rest = buf_content(&folder->bundle);
    buf_release(&path);
    return err;
}

/* 1: the next entry; 0: there is none; or a negative E_*. */
static int next_entry(void *context, struct audit_record *out, struct fault *fault)
{
    struct folder *folder = context;
    if (folder->next == folder->size) {
        return 0;
    }
    *out = (struct audit_record){0};
    int err = folder->next % TREE_TILE_WIDTH == 0 ? read_bundle(folder, fault) : E_OK;
    if (err == E_OK && (folder->rest.len == 0 || bundle_next(&folder->rest, &out->bytes) != E_OK)) {
        err = fault_set(fault, E_CORRUPT, "the bundle of entry %llu is cut short",
                        (unsigned long long)folder->next + 1);
    }
    folder->next++;
    return err == E_OK ? 1 : err;
}

/* The second line of a checkpoint; the audit verifies the whole. */
static uint64_t size_of(struct view checkpoint)
{
    struct view line = VIEW_NONE;
    uint64_t size = 0;
    return view_cut(&checkpoint, '\n', &line) && view_cut(&checkpoint, '\n', &line) &&
                   text_u64(line, &size) == E_OK
               ? size
               : 0;
}

static int audit_one(struct audit *audit, struct folder *folder, struct fault *fault)
{
    struct buf path = BUF_INIT, checkpoint = BUF_INIT;
    struct audit_wrong wrong = {0};
    buf_printf(&path, "%s/%s/checkpoint%c", folder->dir, folder->feed_id, '\0');
    int err = read_file(path.data, CHECKPOINT_BYTES_MAX, &checkpoint, fault);
    folder->size = size_of(buf_content(&checkpoint));
    struct audit_source source = {.feed_id = view_of(folder->feed_id),
                                  .checkpoint = buf_content(&checkpoint),
                                  .next = next_entry,
                                  .context = folder};
    if (err == E_OK && audit_feed(audit, &source, &wrong) != E_OK) {
        err = wrong.seq != 0
                  ? fault_set(fault, E_CORRUPT, "%s: feed %s, entry %llu: %s", folder->dir,
                              wrong.feed_id, (unsigned long long)wrong.seq, wrong.what)
                  : fault_set(fault, E_CORRUPT, "%s: feed %s: %s", folder->dir, wrong.feed_id,
                              wrong.what);
    }
    folder->next = folder->first;
    buf_release(&path);
    buf_release(&checkpoint);
    return err;
}

/* ---- taking ---- */

struct taking {
    struct db *db;
    struct feeds *feeds;
    struct arena arena; /* of one entry */
    uint64_t taken;
};

/* An entry in `net` that opens a feed, or begins a new epoch of one. */
static int open_feed(struct taking *t, const Passerelle__V1__FeedOpened *opened,
                     struct fault *fault)
{
    struct feed *feed = feeds_get(t->feeds, view_of(opened->feed_id));
    struct feed_id id = {.entry_bytes_max =
                             entry_home_of_feed(view_of(opened->feed_id)) == ENTRY_IN_SITE
                                 ? FEED_SITE_ENTRY_MAX
                                 : FEED_ENTRY_MAX};
    if (opened->public_key.len != sizeof id.public_key || strlen(opened->origin) > NOTE_NAME_MAX ||
        strlen(opened->feed_id) > FEED_NAME_MAX) {
        return fault_set(fault, E_CORRUPT, "feed %s is opened with a wrong key or name",
                         opened->feed_id);
    }
    if (feed != NULL) {
        feed_begin_epoch(t->feeds, feed, view_of(opened->origin), opened->public_key.data);
        return E_OK;
    }
    snprintf(id.name, sizeof id.name, "%s", opened->feed_id);
    snprintf(id.origin, sizeof id.origin, "%s", opened->origin);
    memcpy(id.public_key, opened->public_key.data, sizeof id.public_key);
    return feeds_make(t->feeds, &id, &feed, fault);
}

static int take_entry(struct taking *t, struct feed *feed, struct view bytes, struct fault *fault)
{
    struct entry entry;
    bool added;
    arena_clear(&t->arena);
    int err = entry_decode(view_of(feed->id.name), bytes, &t->arena, &entry, fault);
    err = err != E_OK ? err
                      : feed_put(t->feeds, feed, feed->size + 1, bytes,
                                 entry.envelope->appended_utc_ms, &added, fault);
    if (err != E_OK) {
        return err;
    }
    struct view_position at = {
        .feed_no = feed->id.no,
        .entry_key = feed->id.no << FEED_SEQ_BITS | (int64_t)feed->size,
    };
    t->taken++;
    view_apply(t->db, at, &entry);
    if (entry.kind != NULL &&
        entry.kind->type == PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_FEED_OPENED) {
        err = open_feed(t, (const void *)entry.payload, fault);
    }
    return err == E_OK ? db_error(t->db, fault) : err;
}

/* What the backup holds must be what the folder begins with. */
static int compare(struct taking *t, struct folder *folder, const struct feed *feed,
                   struct fault *fault)
{
    struct feed_entry kept;
    struct audit_record told;
    uint64_t both = feed->size < folder->size ? feed->size : folder->size;
    struct query *read =
        both <= folder->first ? NULL : feed_read(t->db, feed->id.no, folder->first + 1, both);
    int err = E_OK;
    while (read != NULL && err == E_OK && feed_read_next(read, &kept)) {
        int got = next_entry(folder, &told, fault);
        if (got < 0 || !view_equal(told.bytes, kept.bytes)) {
            query_end(read);
            return got < 0 ? got
                           : fault_set(fault, E_CONFLICT,
                                       "%s tells another story than the backup, from entry %llu "
                                       "of feed %s on: it is of another network, or one of the "
                                       "two is forged; keep both",
                                       folder->dir, (unsigned long long)kept.seq, folder->feed_id);
        }
    }
    return db_error(t->db, fault);
}

static int take_feed(struct taking *t, struct folder *folder, struct fault *fault)
{
    struct feed *feed = feeds_get(t->feeds, view_of(folder->feed_id));
    if (feed == NULL) {
        return fault_set(fault, E_CONFLICT, "%s: nobody opened the feed %s", folder->dir,
                         folder->feed_id);
    }
    int err = compare(t, folder, feed, fault);
    struct audit_record told;
    int got = 0;
    while (err == E_OK && (got = next_entry(folder, &told, fault)) == 1) {
        err = take_entry(t, feed, told.bytes, fault);
        if (err != E_OK) {
            fault_prefix(fault, "feed %s, entry %llu", folder->feed_id,
                         (unsigned long long)folder->next);
        }
    }
    return err != E_OK ? err : got;
}

/* ---- the folder ---- */

/* Settlement documents stand beside the feeds. */
static bool is_feed(const char *dir, const char *name)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/%s/checkpoint%c", dir, name, '\0');
    bool there = name[0] != '.' && access(path.data, F_OK) == 0;
    buf_release(&path);
    return there;
}

static int list_feeds(const char *dir, struct folder *folders, size_t *count, struct fault *fault)
{
    DIR *open = opendir(dir);
    if (open == NULL) {
        return fault_set(fault, err_from_errno(errno), "%s cannot be read: %s", dir,
                         strerror(errno));
    }
    int err = E_OK;
    const struct dirent *item;
    *count = 1; /* net comes first: it names the keys of all others */
    folders[0] = (struct folder){.dir = dir, .feed_id = FEED_NET};
    while (err == E_OK && (item = readdir(open)) != NULL) {
        if (!is_feed(dir, item->d_name) || strcmp(item->d_name, FEED_NET) == 0) {
            continue;
        }
        if (*count == FEEDS_MAX || strlen(item->d_name) > FEED_NAME_MAX) {
            err = fault_set(fault, E_LIMIT, "%s is no export: %s is not the name of a feed", dir,
                            item->d_name);
            break;
        }
        struct folder *folder = &folders[(*count)++];
        *folder = (struct folder){.dir = dir};
        snprintf(folder->feed_id, sizeof folder->feed_id, "%s", item->d_name);
    }
    closedir(open);
    return err;
}

static int take_all(struct db *db, struct folder *folders, size_t count, uint64_t *taken,
                    struct fault *fault)
{
    int err = db_begin(db, fault);
    if (err != E_OK) {
        return err;
    }
    struct taking t = {.db = db, .feeds = feeds_new(db)};
    for (size_t i = 0; err == E_OK && i < count; i++) {
        err = take_feed(&t, &folders[i], fault);
    }
    int ended = err == E_OK ? db_commit(db, fault) : db_end(db, NULL);
    feeds_free(t.feeds);
    arena_release(&t.arena);
    *taken = t.taken;
    return err != E_OK ? err : ended;
}

static void find_held(struct db *db, struct folder *folder)
{
    struct feed_id feed;
    folder->db = db;
    if (feed_find(db, view_of(folder->feed_id), &feed) == E_OK) {
        folder->feed_no = feed.no;
        folder->held = feed_head(db, feed.no).size;
    }
}

static int audit_all(struct audit *audit, struct db *db, struct folder *folders, size_t count,
                     struct fault *fault)
{
    int err = db_begin_read(db, fault);
    if (err != E_OK) {
        return err;
    }
    for (size_t i = 0; err == E_OK && i < count; i++) {
        find_held(db, &folders[i]);
        err = audit_one(audit, &folders[i], fault);
    }
    int ended = db_end(db, err == E_OK ? fault : NULL);
    return err != E_OK ? err : ended;
}

int entries_take(struct db *db, const char *dir, uint64_t seed, uint64_t *taken,
                 struct fault *fault)
{
    struct folder *folders = xcalloc(FEEDS_MAX, sizeof *folders);
    struct audit_options options = {.seed = seed};
    struct audit *audit = audit_new(&options);
    size_t count = 0;
    int err = list_feeds(dir, folders, &count, fault);
    err = err != E_OK ? err : audit_all(audit, db, folders, count, fault);
    audit_free(audit);
    err = err != E_OK ? err : take_all(db, folders, count, taken, fault);
    for (size_t i = 0; i < count; i++) {
        buf_release(&folders[i].bundle);
    }
    free(folders);
    return err;
}
