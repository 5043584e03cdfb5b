#include "base/env.h"
#include "store/feed/feed.h"
#include "store/view/apply.h"
#include "store/view/snapshot.h"

enum {
    FEEDS_MAX = 4096,   /* a network has a few hundred */
    CHUNK = 4096,       /* entries of one feed in a row, in order */
    CHUNK_SHUFFLED = 7, /* small when shuffled, so that feeds mix finely */
    PROGRESS_EVERY = 1000,
};

struct cursor {
    struct feed_id id;
    uint64_t next;
    uint64_t size;
};

struct rebuild {
    struct db *db;
    struct cursor *cursors;
    size_t open; /* cursors that have entries left, at the front */
    uint64_t done;
    struct arena arena;
    void (*progress)(void *, uint64_t done);
    void *context;
    struct fault *fault;
};

static void load_cursors(struct rebuild *r)
{
    struct query *list = feed_list(r->db);
    struct feed_id id;
    while (r->open < FEEDS_MAX && feed_list_next(list, &id)) {
        r->cursors[r->open++] = (struct cursor){.id = id, .next = 1};
    }
    for (size_t i = 0; i < r->open; i++) {
        r->cursors[i].size = feed_head(r->db, r->cursors[i].id.no).size;
        r->cursors[i].next = feed_base(r->db, r->cursors[i].id.no) + 1;
    }
}

/* Applies up to `count` entries of one feed. */
static int advance(struct rebuild *r, struct cursor *cursor, uint64_t count)
{
    uint64_t last =
        cursor->next + count - 1 < cursor->size ? cursor->next + count - 1 : cursor->size;
    int err = E_OK;
    struct query *read = feed_read(r->db, cursor->id.no, cursor->next, last);
    struct feed_entry raw;
    while (err == E_OK && feed_read_next(read, &raw)) {
        struct entry entry;
        arena_clear(&r->arena);
        struct fault unread = FAULT_NONE;
        err = entry_decode(view_of(cursor->id.name), raw.bytes, &r->arena, &entry, &unread);
        if (err == E_OK && entry.envelope->seq != raw.seq) {
            err = fault_set(&unread, E_INVALID, "it says another number than its place");
        }
        if (err != E_OK && entry_home_of_feed(view_of(cursor->id.name)) == ENTRY_IN_SITE) {
            err = E_OK; /* it came from the daemon of a site: kept as it came, and never counts */
            continue;
        }
        if (err != E_OK) {
            fault_set(r->fault, err, "entry %llu of feed %s: %s", (unsigned long long)raw.seq,
                      cursor->id.name, unread.text);
            query_end(read);
            return E_CORRUPT;
        }
        struct view_position at = {
            .feed_no = cursor->id.no,
            .entry_key = cursor->id.no << FEED_SEQ_BITS | (int64_t)raw.seq,
        };
        view_apply(r->db, at, &entry);
        if (++r->done % PROGRESS_EVERY == 0 && r->progress != NULL) {
            r->progress(r->context, r->done);
        }
    }
    cursor->next = last + 1;
    return db_error(r->db, r->fault);
}

/* What stands for the entries of `net` that are not here. */
static int put_base(struct db *db, struct fault *fault)
{
    struct feed_id net;
    uint64_t base =
        feed_find(db, VIEW_LIT(FEED_NET), &net) == E_OK ? feed_base(db, net.no) : 0;
    int err = db_error(db, fault);
    if (err != E_OK || base == 0) {
        return err;
    }
    err = view_snapshot_verify(db, base, fault);
    return err == E_OK ? view_snapshot_load(db, base, net.no, fault) : err;
}

int view_rebuild(struct db *db, uint64_t seed, void (*progress)(void *, uint64_t done),
                 void *context, struct fault *fault)
{
    struct rebuild r = {
        .db = db,
        .cursors = xcalloc(FEEDS_MAX, sizeof *r.cursors),
        .progress = progress,
        .context = context,
        .fault = fault,
    };
    struct env_test chance = {.seed = seed};
    struct env env;
    env_test_init(&env, &chance);
    struct buf indexes = BUF_INIT;
    view_drop_indexes(db, &indexes);
    view_drop_all(db);
    load_cursors(&r);
    int err = put_base(db, fault);
    while (err == E_OK && r.open > 0) {
        uint32_t draw = 0;
        if (seed != 0) {
            env_random(&env, &draw, sizeof draw);
        }
        struct cursor *cursor = &r.cursors[draw % r.open];
        if (cursor->next > cursor->size) {
            *cursor = r.cursors[--r.open];
            continue;
        }
        err = advance(&r, cursor, seed == 0 ? CHUNK : CHUNK_SHUFFLED);
    }
    if (err == E_OK && indexes.len > 0) {
        db_exec(db, indexes.data);
        err = db_error(db, fault);
    }
    if (progress != NULL) {
        progress(context, r.done);
    }
    buf_release(&indexes);
    arena_release(&r.arena);
    free(r.cursors);
    return err;
}
