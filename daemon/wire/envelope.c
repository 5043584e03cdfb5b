#include "wire/envelope.h"

#include <assert.h>

void envelope_reader_init(struct envelope_reader *reader, size_t message_bytes_max,
                          uint8_t flags_allowed)
{
    assert(message_bytes_max <= UINT32_MAX);
    *reader = (struct envelope_reader){.message_bytes_max = message_bytes_max,
                                       .flags_allowed = flags_allowed};
}

void envelope_reader_release(struct envelope_reader *reader)
{
    buf_release(&reader->message);
}

static size_t announced(const struct envelope_reader *reader)
{
    const uint8_t *h = reader->header;
    return (size_t)h[1] << 24 | (size_t)h[2] << 16 | (size_t)h[3] << 8 | (size_t)h[4];
}

static int check_header(const struct envelope_reader *reader, struct fault *fault)
{
    if ((reader->header[0] & ~reader->flags_allowed) != 0) {
        return fault_set(fault, E_INVALID,
                         "the envelope has flags 0x%02x that are not allowed here",
                         reader->header[0]);
    }
    if (announced(reader) > reader->message_bytes_max) {
        return fault_set(fault, E_LIMIT, "a message of %zu bytes; at most %zu are allowed",
                         announced(reader), reader->message_bytes_max);
    }
    return E_OK;
}

static struct view take(struct view *in, size_t len)
{
    struct view taken = view_slice(*in, 0, len);
    *in = view_slice(*in, taken.len, in->len);
    return taken;
}

int envelope_read(struct envelope_reader *reader, struct view *in, struct envelope *out,
                  bool *complete, struct fault *fault)
{
    *complete = false;
    if (reader->header_len == 0) {
        buf_clear(&reader->message);
    }
    if (reader->header_len < ENVELOPE_HEADER_BYTES) {
        if (reader->ended && in->len > 0) {
            return fault_set(fault, E_INVALID, "something follows the end of the stream");
        }
        struct view part = take(in, ENVELOPE_HEADER_BYTES - reader->header_len);
        if (part.len > 0) {
            memcpy(reader->header + reader->header_len, part.data, part.len);
            reader->header_len += part.len;
        }
        if (reader->header_len < ENVELOPE_HEADER_BYTES) {
            return E_OK;
        }
        int err = check_header(reader, fault);
        if (err != E_OK) {
            return err;
        }
    }
    struct view part = take(in, announced(reader) - reader->message.len);
    bool whole = part.len == announced(reader);
    if (!whole) {
        buf_view(&reader->message, part);
        whole = reader->message.len == announced(reader);
        part = buf_content(&reader->message);
    }
    if (whole) {
        *out = (struct envelope){.flags = reader->header[0], .message = part};
        *complete = true;
        reader->ended = (out->flags & ENVELOPE_END) != 0;
        reader->header_len = 0;
    }
    return E_OK;
}

int envelope_finish(const struct envelope_reader *reader, struct fault *fault)
{
    if (reader->header_len > 0) {
        return fault_set(fault, E_INVALID, "the stream ends within an envelope");
    }
    return E_OK;
}

void envelope_write(struct buf *out, uint8_t flags, struct view message)
{
    assert(message.len <= UINT32_MAX);
    buf_byte(out, (char)flags);
    buf_u32be(out, (uint32_t)message.len);
    buf_view(out, message);
}

size_t envelope_begin(struct buf *out, uint8_t flags)
{
    size_t at = out->len;
    buf_byte(out, (char)flags);
    buf_u32be(out, 0);
    return at;
}

void envelope_end(struct buf *out, size_t at)
{
    if (buf_error(out) != E_OK) {
        return;
    }
    size_t len = out->len - at - ENVELOPE_HEADER_BYTES;
    assert(out->len >= at + ENVELOPE_HEADER_BYTES && len <= UINT32_MAX);
    for (size_t i = 0; i < 4; i++) {
        out->data[at + 1 + i] = (char)(len >> (24 - 8 * i));
    }
}
