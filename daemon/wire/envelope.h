/* Connect's envelopes: a flag byte, a length as u32 big-endian, and that many bytes. The reader
 * takes the bytes of a stream in pieces of any size; the writer appends. Not shared between
 * threads. */
#ifndef WIRE_ENVELOPE_H
#define WIRE_ENVELOPE_H

#include "base/buf.h"

enum {
    ENVELOPE_COMPRESSED = 0x01, /* the message is compressed by the stream's encoding */
    ENVELOPE_END = 0x02,        /* the last one of a response: JSON, EndStreamResponse */
    ENVELOPE_HEADER_BYTES = 5,
};

struct envelope {
    uint8_t flags;
    struct view message; /* borrowed until the next call on the reader, or from its input */
};

struct envelope_reader {
    size_t message_bytes_max;
    uint8_t flags_allowed; /* ENVELOPE_COMPRESSED | ENVELOPE_END, as the direction has them */
    bool ended;            /* an ENVELOPE_END was read: nothing may follow */
    uint8_t header[ENVELOPE_HEADER_BYTES];
    size_t header_len;
    struct buf message; /* grows with what arrives, not with what was announced */
};

void envelope_reader_init(struct envelope_reader *reader, size_t message_bytes_max,
                          uint8_t flags_allowed);
void envelope_reader_release(struct envelope_reader *reader);
/* Takes bytes off the front of *in. *complete says whether *out is a whole envelope; if not, all of
 * *in was taken and more is needed. E_INVALID: a flag that is not allowed, or bytes after the end;
 * E_LIMIT: a message over the maximum, told as soon as its length is known. Do not go on after a
 * failure. */
must_check int envelope_read(struct envelope_reader *reader, struct view *in, struct envelope *out,
                             bool *complete, struct fault *fault);
/* To call when the bytes are over: E_INVALID when they ended within an envelope. */
must_check int envelope_finish(const struct envelope_reader *reader, struct fault *fault);

/* Appends a whole envelope. The message has less than 4 GiB. */
void envelope_write(struct buf *out, uint8_t flags, struct view message);
/* The same without a copy: begin, append the message to `out`, end with what begin returned. */
size_t envelope_begin(struct buf *out, uint8_t flags);
void envelope_end(struct buf *out, size_t at);

#endif
