/* wire/gzip.h: never more than the maximum, nothing kept of what is refused. */
#include <assert.h>

#include "wire/gzip.h"

#include "fuzz.h"

enum { BYTES_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gzip gzip; /* used again, as a thread does */
    struct view bytes = view_bytes(data, size);
    struct buf out = BUF_INIT;
    struct buf packed = BUF_INIT;
    struct buf again = BUF_INIT;

    buf_text(&out, "kept");
    int err = gzip_decompress(&gzip, bytes, BYTES_MAX, &out, NULL);
    assert(out.len <= 4 + BYTES_MAX && view_starts(buf_content(&out), "kept"));
    assert(err == E_OK || out.len == 4);
    assert(gzip_compress(&gzip, bytes, &packed) == E_OK);
    assert(gzip_decompress(&gzip, buf_content(&packed), size, &again, NULL) == E_OK);
    assert(view_equal(buf_content(&again), bytes));
    buf_release(&again);
    buf_release(&packed);
    buf_release(&out);
    return 0;
}
