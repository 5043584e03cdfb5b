/* Base45 from a scanner: what it takes, it must also write. */
#include <assert.h>

#include "core/pass/base45.h"
#include "core/pass/card.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view input = view_bytes(data, size);
    struct buf bytes = BUF_INIT;
    struct buf again = BUF_INIT;
    if (base45_decode(input, &bytes) == E_OK) {
        base45_encode(buf_content(&bytes), &again);
        assert(view_equal(buf_content(&again), input));
    } else {
        assert(bytes.len == 0);
    }
    char number[CARD_DIGITS + 1];
    char other[CARD_DIGITS + 1];
    if (card_number_parse(input, number) == E_OK) {
        int err = card_number_parse(view_of(number), other);
        assert(err == E_OK);
    }
    buf_release(&bytes);
    buf_release(&again);
    return 0;
}
