/* C2SP tlog-tiles: a log as files. `tile/<level>/<index>` holds 256 hashes of the tree, or fewer at
 * its right edge with `.p/<width>` behind; `tile/entries/<index>` holds the entries of a tile of
 * level 0, each behind its length. An index is written in groups of three digits, all but the last
 * behind an x: 1234067 is x001/x234/067. Pure. */
#ifndef CORE_MERKLE_TILES_H
#define CORE_MERKLE_TILES_H

#include "base/buf.h"
#include "core/merkle/tree.h"

enum {
    TILE_LEVEL_MAX = 63,
    TILE_ENTRY_MAX = UINT16_MAX, /* bytes of an entry: its length is two bytes */
    TILE_PATH_MAX = 64,          /* a longer text is no path of a tile */
};

struct tile_path {
    bool entries;   /* a bundle of entries; its level is 0 */
    unsigned level; /* 0 to TILE_LEVEL_MAX */
    uint64_t index;
    unsigned width; /* 1 to TREE_TILE_WIDTH; that one is a full tile and not written */
};

/* "tile/0/x001/x234/067.p/5". Strict: takes what tile_path_format() writes and nothing else (no
 * leading zeroes, empty groups, or index past 2^63 - 1). E_INVALID. */
must_check int tile_path_parse(struct view path, struct tile_path *out);
void tile_path_format(const struct tile_path *path, struct buf *out);

/* How many hashes (or entries) stand in tile `index` of `level` when the tree has `size` leaves: 0
 * when there is no such tile. */
unsigned tile_width(uint64_t size, unsigned level, uint64_t index);

/* Appends the bytes of a tile of hashes: width * 32. E_NOT_FOUND when a tree of `size` leaves does
 * not fill it that far. */
must_check int tile_read(const struct tree_reader *reader, uint64_t size,
                         const struct tile_path *path, struct buf *out);

/* Appends an entry to a bundle: length (u16, big-endian) and bytes. E_LIMIT past TILE_ENTRY_MAX. */
must_check int bundle_add(struct buf *out, struct view entry);
/* Cuts the next entry off the front of *rest. E_INVALID when it is cut short; call it while `rest`
 * has bytes. */
must_check int bundle_next(struct view *rest, struct view *entry);

#endif
