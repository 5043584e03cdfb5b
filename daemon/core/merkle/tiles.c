#include "core/merkle/tiles.h"

#include <assert.h>

#include "base/text.h"

/* "x001/x234/067": never negative, below 2^63, no group of zeroes in front. */
static int parse_index(struct view text, uint64_t *out)
{
    struct view group;
    uint64_t index = 0;
    bool last = false;
    if (text.len == 0 || text.data[text.len - 1] == '/') {
        return E_INVALID;
    }
    for (size_t count = 0; view_cut(&text, '/', &group); count++) {
        bool more = view_starts(group, "x");
        struct view digits = view_slice(group, more ? 1 : 0, group.len);
        unsigned value = 0;
        if (last || digits.len != 3) {
            return E_INVALID;
        }
        for (size_t i = 0; i < digits.len; i++) {
            if (digits.data[i] < '0' || digits.data[i] > '9') {
                return E_INVALID;
            }
            value = value * 10 + (unsigned)(digits.data[i] - '0');
        }
        if ((more && count == 0 && value == 0) || index > ((uint64_t)INT64_MAX - value) / 1000) {
            return E_INVALID;
        }
        index = index * 1000 + value;
        last = !more;
    }
    *out = index;
    return last ? E_OK : E_INVALID;
}

static int parse_width(struct view text, unsigned *out)
{
    uint64_t width;
    if (text_u64(text, &width) != E_OK || width == 0 || width >= TREE_TILE_WIDTH) {
        return E_INVALID;
    }
    *out = (unsigned)width;
    return E_OK;
}

int tile_path_parse(struct view path, struct tile_path *out)
{
    struct tile_path read = {.width = TREE_TILE_WIDTH};
    struct view rest = path;
    struct view part;
    if (path.len > TILE_PATH_MAX || !view_cut(&rest, '/', &part) || !view_is(part, "tile") ||
        !view_cut(&rest, '/', &part)) {
        return E_INVALID;
    }
    read.entries = view_is(part, "entries");
    uint64_t level = 0;
    if (!read.entries && (text_u64(part, &level) != E_OK || level > TILE_LEVEL_MAX)) {
        return E_INVALID;
    }
    read.level = (unsigned)level;
    size_t dot = view_find(rest, '.');
    if (dot < rest.len) {
        struct view suffix = view_slice(rest, dot, rest.len);
        if (!view_starts(suffix, ".p/") ||
            parse_width(view_slice(suffix, 3, suffix.len), &read.width) != E_OK) {
            return E_INVALID;
        }
    }
    if (parse_index(view_slice(rest, 0, dot), &read.index) != E_OK) {
        return E_INVALID;
    }
    *out = read;
    return E_OK;
}

void tile_path_format(const struct tile_path *path, struct buf *out)
{
    buf_text(out, "tile/");
    if (path->entries) {
        buf_text(out, "entries");
    } else {
        buf_printf(out, "%u", path->level);
    }
    uint64_t above = 1; /* the value of the highest group's last digit */
    while (path->index / above >= 1000) {
        above *= 1000;
    }
    for (; above > 0; above /= 1000) {
        buf_printf(out, above == 1 ? "/%03u" : "/x%03u", (unsigned)(path->index / above % 1000));
    }
    if (path->width != TREE_TILE_WIDTH) {
        buf_printf(out, ".p/%u", path->width);
    }
}

unsigned tile_width(uint64_t size, unsigned level, uint64_t index)
{
    uint64_t hashes =
        level * TREE_TILE_LEVELS >= TREE_LEVELS ? 0 : size >> level * TREE_TILE_LEVELS;
    uint64_t full = hashes / TREE_TILE_WIDTH;
    return index < full    ? TREE_TILE_WIDTH
           : index == full ? (unsigned)(hashes % TREE_TILE_WIDTH)
                           : 0;
}

int tile_read(const struct tree_reader *reader, uint64_t size, const struct tile_path *path,
              struct buf *out)
{
    assert(!path->entries);
    struct tree_hash hashes[TREE_TILE_WIDTH];
    int err = tree_tile(reader, size, path->level, path->index, path->width, hashes);
    for (unsigned i = 0; err == E_OK && i < path->width; i++) {
        buf_add(out, hashes[i].bytes, SHA256_LEN);
    }
    return err == E_OK ? buf_error(out) : err;
}

int bundle_add(struct buf *out, struct view entry)
{
    if (entry.len > TILE_ENTRY_MAX) {
        return E_LIMIT;
    }
    buf_u16be(out, (uint16_t)entry.len);
    buf_view(out, entry);
    return buf_error(out);
}

int bundle_next(struct view *rest, struct view *entry)
{
    if (rest->len < 2) {
        return E_INVALID;
    }
    size_t len = (size_t)(uint8_t)rest->data[0] << 8 | (uint8_t)rest->data[1];
    if (rest->len - 2 < len) {
        return E_INVALID;
    }
    *entry = view_slice(*rest, 2, 2 + len);
    *rest = view_slice(*rest, 2 + len, rest->len);
    return E_OK;
}
