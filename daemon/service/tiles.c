#include "service/tiles.h"

#include "service/ledger.h"

static int nothing_there(struct call *call)
{
    return call_fail(call, CODE_NOT_FOUND,
                     "there is nothing at this path: a feed or an origin, then checkpoint, "
                     "tile/<level>/<index> or tile/entries/<index>");
}

/* Cuts the part that C2SP describes off the path; what is left is the prefix. */
static bool cut_part(struct view *path, bool *checkpoint, struct tile_path *tile)
{
    static const char head[] = "/checkpoint";
    static const char tiles[] = "/tile/";
    size_t len = sizeof head - 1;
    *checkpoint = path->len > len && view_is(view_slice(*path, path->len - len, path->len), head);
    if (*checkpoint) {
        *path = view_slice(*path, 0, path->len - len);
        return true;
    }
    for (size_t at = path->len; at-- > 0;) {
        struct view part = view_slice(*path, at, path->len);
        if (view_starts(part, tiles)) {
            *path = view_slice(*path, 0, at);
            return tile_path_parse(view_slice(part, 1, part.len), tile) == E_OK;
        }
    }
    return false;
}

int tiles_find(struct service *service, struct call *call, struct view path, struct tiles_path *out)
{
    if (!cut_part(&path, &out->checkpoint, &out->tile)) {
        return nothing_there(call);
    }
    if (feed_find(service->db, path, &out->feed) != E_OK &&
        feed_of_origin(service->db, path, &out->feed) != E_OK) {
        return call_fail(call, CODE_NOT_FOUND,
                         "there is no feed \"%.*s\": passerelle ledger feeds lists them",
                         VIEW_FMT(path));
    }
    return 0;
}

/* Leaves under one hash of the tile; 0: more than any feed has. */
static uint64_t span_of(const struct tile_path *tile)
{
    unsigned bits = tile->level * TREE_TILE_LEVELS;
    return bits >= FEED_SEQ_BITS ? 0 : (uint64_t)1 << bits;
}

/* A daemon that began with a snapshot holds nothing that was completed before it. */
static bool is_here(struct service *service, const struct tiles_path *path)
{
    uint64_t base = feed_base(service->db, path->feed.no);
    uint64_t first = path->tile.index * TREE_TILE_WIDTH + (path->tile.entries ? 0 : 1);
    return base == 0 || (path->tile.entries ? first >= base : first * span_of(&path->tile) > base);
}

static int read_entries(struct service *service, const struct tiles_path *path, struct buf *out)
{
    uint64_t first = path->tile.index * TREE_TILE_WIDTH;
    struct query *read = feed_read(service->db, path->feed.no, first + 1, first + path->tile.width);
    struct feed_entry entry;
    int err = E_OK;
    while (feed_read_next(read, &entry)) {
        err = bundle_add(out, entry.bytes);
        if (err != E_OK) {
            query_end(read);
            return err;
        }
    }
    return db_error(service->db, NULL);
}

int tiles_read(struct service *service, struct call *call, const struct tiles_path *path,
               struct buf *out)
{
    const struct tile_path *tile = &path->tile;
    uint64_t size = feed_head(service->db, path->feed.no).size;
    if (ledger_may_read(service, call, path->feed.name) != 0) {
        return -1;
    }
    if (span_of(tile) == 0 || tile_width(size, tile->level, tile->index) < tile->width) {
        return call_fail(call, CODE_NOT_FOUND,
                         "the feed %s has %llu entries: they do not fill this tile so far",
                         path->feed.name, (unsigned long long)size);
    }
    if (!is_here(service, path)) {
        return call_fail(call, CODE_NOT_FOUND,
                         "this daemon began with a snapshot of %s: ask the hub for its past",
                         path->feed.name);
    }
    struct feed_tree tree;
    feed_tree_init(&tree, service->db, path->feed.no);
    int err =
        tile->entries ? read_entries(service, path, out) : tile_read(&tree.reader, size, tile, out);
    return err == E_OK
               ? 0
               : call_fail(call, code_of_err(err),
                           "the tree of %s is damaged: run passerelled check", path->feed.name);
}
