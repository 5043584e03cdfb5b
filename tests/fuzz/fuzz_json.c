/* wire/json.h: what is read is written back as text that reads as the same message. */
#include <assert.h>

#include "wire/json.h"
#include "wire/json_lex.h"
#include "wire/pack.h"
#include "wire/scan.h"
#include "wiretest.pb-c.h"

#include "fuzz.h"

static void numbers_agree(struct view text)
{
    int64_t number = 0;
    uint64_t natural = 0;
    int err = json_to_i64(text, &number);
    if (err == E_OK && number >= 0) {
        assert(json_to_u64(text, &natural) == E_OK);
        assert(natural == (uint64_t)number);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ProtobufCMessageDescriptor *type = &wiretest__everything__descriptor;
    struct view text = view_bytes(data, size);
    struct arena arena = ARENA_INIT;
    struct buf json = BUF_INIT;
    struct fault fault = FAULT_NONE;
    ProtobufCMessage *message = NULL;
    ProtobufCMessage *again = NULL;

    numbers_agree(text);
    int err = json_read(type, text, &wire_limits_request, &arena, &message, &fault);
    assert(err == fault.code);
    if (err == E_OK) {
        struct view bytes = wire_pack_arena(&arena, message);
        assert(wire_scan(type, bytes, &wire_limits_request, NULL) == E_OK);
        assert(wire_is_deterministic(type, bytes));
        assert(json_write(&json, message, size % 2 == 0 ? 0 : JSON_PRETTY) == E_OK);
        assert(json_read(type, buf_content(&json), &wire_limits_request, &arena, &again, NULL) ==
               E_OK);
        assert(wire_equal(message, again));
        /* Whoever is strict accepts nothing that the tolerant refuses. */
        assert(json_read(type, text, &wire_limits_tolerant, &arena, &again, NULL) == E_OK);
    }
    buf_release(&json);
    arena_release(&arena);
    return 0;
}
