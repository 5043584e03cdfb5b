/* wire/scan.h: what the scan accepts, protobuf-c unpacks, and packs into bytes that are accepted.
 */
#include <assert.h>

#include "wire/json.h"
#include "wire/pack.h"
#include "wire/scan.h"
#include "wiretest.pb-c.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ProtobufCMessageDescriptor *type = &wiretest__everything__descriptor;
    struct view bytes = view_bytes(data, size);
    struct arena arena = ARENA_INIT;
    struct buf json = BUF_INIT;
    struct fault fault = FAULT_NONE;
    ProtobufCMessage *message = NULL;

    int err = wire_unpack(type, bytes, &wire_limits_tolerant, &arena, &message, &fault);
    assert(err == fault.code && err != E_INTERNAL);
    if (err == E_OK) {
        assert(wire_is_deterministic(type, wire_pack_arena(&arena, message)));
        assert(json_write(&json, message, 0) == E_OK);
    } else {
        assert(wire_scan(type, bytes, &wire_limits_request, NULL) != E_OK);
        assert(!wire_is_deterministic(type, bytes));
    }
    buf_release(&json);
    arena_release(&arena);
    return 0;
}
