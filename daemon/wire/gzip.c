#include "wire/gzip.h"

#include <assert.h>
#include <limits.h>

enum {
    WINDOW_GZIP = 15 + 16, /* zlib: 32 KiB window, gzip header and checksum */
    MEMORY_LEVEL = 8,
    CHUNK = 16 * 1024,
};

void gzip_release(struct gzip *gzip)
{
    if (gzip->deflates) {
        deflateEnd(&gzip->deflater);
    }
    if (gzip->inflates) {
        inflateEnd(&gzip->inflater);
    }
    *gzip = GZIP_INIT;
}

static void set_input(z_stream *stream, struct view bytes)
{
    static const char nothing[1];
    stream->next_in = (Bytef *)(uintptr_t)(bytes.data == NULL ? nothing : bytes.data);
    stream->avail_in = (uInt)bytes.len;
}

int gzip_compress(struct gzip *gzip, struct view bytes, struct buf *out)
{
    z_stream *stream = &gzip->deflater;
    if (bytes.len > INT_MAX) {
        return E_LIMIT;
    }
    if (!gzip->deflates) {
        if (deflateInit2(stream, Z_BEST_SPEED, Z_DEFLATED, WINDOW_GZIP, MEMORY_LEVEL,
                         Z_DEFAULT_STRATEGY) != Z_OK) {
            die("zlib cannot make a deflate stream");
        }
        gzip->deflates = true;
    }
    deflateReset(stream);
    set_input(stream, bytes);
    size_t bound = deflateBound(stream, (uLong)bytes.len);
    assert(bound <= UINT_MAX);
    char *room = buf_reserve(out, bound);
    if (room == NULL) {
        return buf_error(out);
    }
    stream->next_out = (Bytef *)room;
    stream->avail_out = (uInt)bound;
    int result = deflate(stream, Z_FINISH);
    assert(result == Z_STREAM_END);
    buf_wrote(out, bound - stream->avail_out);
    return E_OK;
}

/* Drops what was appended since the buffer had `len` bytes. */
static int take_back(struct buf *out, size_t len, struct fault *fault, int code, const char *what)
{
    if (out->data != NULL) {
        out->len = len;
        out->data[len] = '\0';
    }
    return fault_set(fault, code, "%s", what);
}

int gzip_decompress(struct gzip *gzip, struct view bytes, size_t max, struct buf *out,
                    struct fault *fault)
{
    z_stream *stream = &gzip->inflater;
    size_t before = out->len;
    if (bytes.len == 0) {
        return E_OK;
    }
    if (bytes.len > INT_MAX) {
        return fault_set(fault, E_LIMIT, "the gzip data are larger than 2 GiB");
    }
    if (!gzip->inflates) {
        if (inflateInit2(stream, WINDOW_GZIP) != Z_OK) {
            die("zlib cannot make an inflate stream");
        }
        gzip->inflates = true;
    }
    inflateReset(stream);
    set_input(stream, bytes);
    size_t allowed = out->max != 0 && out->max - before < max ? out->max - before : max;
    int result = Z_OK;
    while (result == Z_OK) {
        /* With no room left, a byte that still comes out tells "too much" from "exactly full". */
        char probe;
        size_t left = allowed - (out->len - before);
        size_t chunk = left == 0 ? 1 : left < CHUNK ? left : CHUNK;
        char *room = left == 0 ? &probe : buf_reserve(out, chunk);
        if (room == NULL) {
            return fault_set(fault, buf_error(out), "the message is too large once unpacked");
        }
        stream->next_out = (Bytef *)room;
        stream->avail_out = (uInt)chunk;
        result = inflate(stream, Z_NO_FLUSH);
        size_t written = chunk - stream->avail_out;
        if (left == 0 && written > 0) {
            return take_back(out, before, fault, E_LIMIT, "the message is too large once unpacked");
        }
        if (written > 0) {
            buf_wrote(out, written);
        }
        if (result == Z_OK && stream->avail_in == 0 && stream->avail_out > 0) {
            result = Z_BUF_ERROR;
        }
    }
    if (result != Z_STREAM_END) {
        return take_back(out, before, fault, E_INVALID, "the gzip data are damaged or cut short");
    }
    if (stream->avail_in > 0) {
        return take_back(out, before, fault, E_INVALID, "something follows the gzip data");
    }
    return E_OK;
}
