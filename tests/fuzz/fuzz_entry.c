/* Entries as a peer or the disk has them: what is accepted is of this feed, has a payload of its
 * type, and packs into bytes that are accepted again. */
#include <assert.h>

#include "core/entry/entry.h"
#include "wire/json.h"
#include "wire/pack.h"

#include "fuzz.h"

static void try_in(struct view feed_id, struct view bytes)
{
    struct arena arena = ARENA_INIT;
    struct fault fault = FAULT_NONE;
    struct entry entry = {0};
    int err = entry_decode(feed_id, bytes, &arena, &entry, &fault);
    assert(err == fault.code && err != E_INTERNAL);
    if (err != E_OK) {
        assert(fault.text[0] != '\0');
    } else {
        assert(view_equal(view_of(entry.envelope->feed_id), feed_id));
        assert((entry.kind == NULL) == (entry.payload == NULL));
    }
    if (err == E_OK && entry.kind != NULL) {
        struct buf json = BUF_INIT;
        assert(entry.kind->home == entry_home_of_feed(feed_id));
        assert(entry.payload->descriptor == entry.kind->payload);
        assert(json_write(&json, entry.payload, 0) == E_OK);
        assert(json_write(&json, &entry.envelope->base, 0) == E_OK);
        buf_release(&json);
        struct entry_draft draft = {
            .feed_id = feed_id,
            .seq = entry.envelope->seq,
            .appended_utc_ms = entry.envelope->appended_utc_ms,
            .type = entry.envelope->type,
            .author = view_of(entry.envelope->author),
            .payload = entry.payload,
        };
        struct entry ours, again;
        struct view packed, twice;
        /* Unknown fields of a later version are not ours to write. */
        if (entry_encode(&draft, &arena, &packed, &ours, &fault) == E_OK) {
            err = entry_decode(feed_id, packed, &arena, &again, &fault);
            assert(err == E_OK);
            draft.payload = again.payload;
            err = entry_encode(&draft, &arena, &twice, &ours, &fault);
            assert(err == E_OK && view_equal(packed, twice));
        }
    }
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view bytes = view_bytes(data, size);
    try_in(VIEW_LIT(FEED_NET), bytes);
    try_in(VIEW_LIT(FEED_BOOKS), bytes);
    try_in(VIEW_LIT("s010"), bytes);
    return 0;
}
