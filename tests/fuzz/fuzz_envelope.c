/* wire/envelope.h: a stream in pieces (the first byte is their size) is the same stream. */
#include <assert.h>

#include "wire/envelope.h"

#include "fuzz.h"

enum { MESSAGE_BYTES_MAX = 300 };

/* Reads the stream and writes its envelopes again, up to the first failure. */
static int copy_stream(struct view stream, size_t piece, struct buf *out)
{
    struct envelope_reader reader;
    int err = E_OK;
    envelope_reader_init(&reader, MESSAGE_BYTES_MAX, ENVELOPE_COMPRESSED | ENVELOPE_END);
    for (size_t from = 0; err == E_OK && from < stream.len; from += piece) {
        struct view in = view_slice(stream, from, from + piece);
        bool complete = true;
        while (err == E_OK && complete) {
            struct envelope envelope;
            err = envelope_read(&reader, &in, &envelope, &complete, NULL);
            if (err == E_OK && complete) {
                assert(envelope.message.len <= MESSAGE_BYTES_MAX);
                envelope_write(out, envelope.flags, envelope.message);
            }
        }
        assert(err != E_OK || in.len == 0);
    }
    err = err != E_OK ? err : envelope_finish(&reader, NULL);
    envelope_reader_release(&reader);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view stream = view_bytes(data, size);
    struct buf whole = BUF_INIT;
    struct buf pieces = BUF_INIT;
    size_t piece = 1 + (size > 0 ? data[0] % 8u : 0u);

    stream = view_slice(stream, 1, size);
    int err = copy_stream(stream, stream.len + 1, &whole);
    assert(copy_stream(stream, piece, &pieces) == err);
    assert(view_equal(buf_content(&whole), buf_content(&pieces)));
    assert(view_equal(view_slice(stream, 0, whole.len), buf_content(&whole)));
    assert(err != E_OK || whole.len == stream.len);
    buf_release(&pieces);
    buf_release(&whole);
    return 0;
}
