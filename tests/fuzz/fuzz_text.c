/* base/text.h: what is accepted is written back as the same bytes. */
#include <assert.h>
#include <inttypes.h>

#include "base/buf.h"
#include "base/text.h"
#include "base/view.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view text = view_bytes(data, size);
    struct buf bytes = BUF_INIT;
    struct buf again = BUF_INIT;
    int64_t number = 0;
    uint8_t raw[32];
    char hex[2 * sizeof(raw) + 1];

    if (text_i64(text, &number) == E_OK) {
        buf_printf(&again, "%" PRId64, number);
        assert(view_equal(buf_content(&again), text));
        buf_clear(&again);
    }
    if (text_from_base64(text, &bytes) == E_OK) {
        struct buf back = BUF_INIT;
        text_to_base64url(&again, buf_content(&bytes));
        assert(text_from_base64(buf_content(&again), &back) == E_OK);
        assert(view_equal(buf_content(&back), buf_content(&bytes)));
        buf_release(&back);
    } else {
        assert(bytes.len == 0);
    }
    if (size % 2 == 0 && size / 2 <= sizeof(raw) && text_from_hex(text, raw, size / 2) == E_OK) {
        text_to_hex(raw, size / 2, hex);
        assert(view_is_nocase(text, hex));
    }
    if (text_is_printable(text)) {
        assert(text_is_utf8(text));
        assert(text_length(text) <= size);
    }
    buf_release(&again);
    buf_release(&bytes);
    return 0;
}
