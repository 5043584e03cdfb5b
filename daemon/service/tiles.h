/* Feeds as C2SP tlog-tiles, for tools that nobody here wrote: <prefix>/checkpoint, which is public,
 * and <prefix>/tile/..., for those who may read the feed's entries. A prefix is a feed's id or the
 * origin of its checkpoints. What is read depends on the path alone and never changes, but for the
 * checkpoint. */
#ifndef SERVICE_TILES_H
#define SERVICE_TILES_H

#include "core/merkle/tiles.h"
#include "service/service.h"
#include "store/feed/feed.h"

struct tiles_path {
    struct feed_id feed;
    bool checkpoint; /* else the tile */
    struct tile_path tile;
};

/* Which feed and which part of it a path behind the common prefix names, inside a transaction of
 * service->db. Ends the call with not_found otherwise. Returns 0 or -1. */
must_check int tiles_find(struct service *service, struct call *call, struct view path,
                          struct tiles_path *out);
/* Appends a tile, or bundle of entries, for call->who; call->method is ReadEntries. Ends the call
 * with permission_denied, or not_found when the feed does not fill it so far or its entries are not
 * here. */
must_check int tiles_read(struct service *service, struct call *call, const struct tiles_path *path,
                          struct buf *out);

#endif
