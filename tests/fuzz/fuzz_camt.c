#include <assert.h>

#include "core/payments/match.h"
#include "fuzz.h"

/* What is read keeps the promises of the header, and reading it again gives the same; matched with
 * nothing, all of it is left over. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view file = view_bytes(data, size);
    struct arena arena = ARENA_INIT;
    struct camt camt;
    struct camt again;
    struct fault fault = FAULT_NONE;
    int err = camt_read(file, &arena, &camt, &fault);
    assert(err == fault.code);
    if (err == E_OK) {
        struct matching matching;
        assert(camt.version >= 2 && camt.version <= 8);
        assert(camt_read(file, &arena, &again, NULL) == E_OK && again.count == camt.count);
        for (size_t i = 0; i < camt.count; i++) {
            assert(camt.entries[i].amount.cents >= 0);
            assert(strlen(camt.entries[i].key) == 32);
            assert(strcmp(camt.entries[i].key, again.entries[i].key) == 0);
            assert(i == 0 || strcmp(camt.entries[i].key, camt.entries[i - 1].key) != 0);
        }
        match_run(NULL, 0, camt.entries, camt.count, NULL, 0, &arena, &matching);
        assert(matching.match_count == 0 && matching.leftover_count == camt.count);
    } else {
        assert(fault.text[0] != '\0');
    }
    arena_release(&arena);
    return 0;
}
