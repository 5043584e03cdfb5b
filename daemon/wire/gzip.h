/* gzip (RFC 1952) of whole messages. One context serves one thread and is made to be used again:
 * zlib's state is allocated at the first use and kept. */
#ifndef WIRE_GZIP_H
#define WIRE_GZIP_H

#include <zlib.h>

#include "base/buf.h"

struct gzip {
    z_stream deflater;
    z_stream inflater;
    bool deflates; /* the stream is set up */
    bool inflates;
};
#define GZIP_INIT ((struct gzip){.deflates = false})

void gzip_release(struct gzip *gzip);
/* Appends. Buffer's error as usual: E_LIMIT. The same input gives the same bytes. */
must_check int gzip_compress(struct gzip *gzip, struct view bytes, struct buf *out);
/* Appends at most `max` bytes. An empty input is an empty message and is not decompressed (Connect:
 * "never decompress a zero-length body"). E_INVALID: damaged, cut short, or followed by more bytes,
 * another gzip member included; E_LIMIT: it would be more than `max`. On failure `out` is as
 * before. */
must_check int gzip_decompress(struct gzip *gzip, struct view bytes, size_t max, struct buf *out,
                               struct fault *fault);

#endif
