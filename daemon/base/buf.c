#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/arena.h"

void buf_release(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){.max = buf->max};
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->error = E_OK;
    if (buf->data != NULL) {
        buf->data[0] = '\0';
    }
}

int buf_error(const struct buf *buf)
{
    return buf->error;
}

char *buf_reserve(struct buf *buf, size_t len)
{
    if (buf->error != E_OK) {
        return NULL;
    }
    size_t need;
    if (__builtin_add_overflow(buf->len, len, &need) || need == SIZE_MAX ||
        (buf->max != 0 && need > buf->max)) {
        buf->error = E_LIMIT;
        return NULL;
    }
    if (need + 1 > buf->alloc) {
        size_t alloc = buf->alloc < 64 ? 64 : buf->alloc;
        while (alloc < need + 1) {
            alloc = alloc > SIZE_MAX / 2 ? need + 1 : alloc * 2;
        }
        buf->data = xrealloc(buf->data, alloc, 1);
        buf->alloc = alloc;
        buf->data[buf->len] = '\0';
    }
    return buf->data + buf->len;
}

void buf_wrote(struct buf *buf, size_t len)
{
    assert(len < buf->alloc - buf->len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
    char *to = buf_reserve(buf, len);
    if (to != NULL && len > 0) {
        memcpy(to, data, len);
        buf_wrote(buf, len);
    }
}

void buf_view(struct buf *buf, struct view text)
{
    buf_add(buf, text.data, text.len);
}

void buf_text(struct buf *buf, const char *string)
{
    buf_add(buf, string, strlen(string));
}

void buf_byte(struct buf *buf, char byte)
{
    buf_add(buf, &byte, 1);
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
    va_list args;
    size_t spare = buf->data == NULL || buf->error != E_OK ? 0 : buf->alloc - buf->len;
    va_start(args, fmt);
    int len = vsnprintf(spare == 0 ? NULL : buf->data + buf->len, spare, fmt, args);
    va_end(args);
    assert(len >= 0);
    if (spare > 0 && (size_t)len < spare && (buf->max == 0 || buf->len + (size_t)len <= buf->max)) {
        buf->len += (size_t)len; /* it fitted at once, as it mostly does */
        return;
    }
    if (spare > 0) {
        buf->data[buf->len] = '\0';
    }
    char *to = buf_reserve(buf, (size_t)len);
    if (to != NULL) {
        va_start(args, fmt);
        vsnprintf(to, (size_t)len + 1, fmt, args);
        va_end(args);
        buf_wrote(buf, (size_t)len);
    }
}

void buf_u16be(struct buf *buf, uint16_t value)
{
    uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    buf_add(buf, bytes, sizeof bytes);
}

void buf_u32be(struct buf *buf, uint32_t value)
{
    buf_u16be(buf, (uint16_t)(value >> 16));
    buf_u16be(buf, (uint16_t)value);
}

void buf_u64be(struct buf *buf, uint64_t value)
{
    buf_u32be(buf, (uint32_t)(value >> 32));
    buf_u32be(buf, (uint32_t)value);
}

void buf_truncate(struct buf *buf, size_t len)
{
    assert(len <= buf->len);
    if (len < buf->len) {
        buf->len = len;
        buf->data[len] = '\0';
    }
}

void buf_consume(struct buf *buf, size_t len)
{
    assert(len <= buf->len);
    if (len > 0) {
        memmove(buf->data, buf->data + len, buf->len - len + 1);
        buf->len -= len;
    }
}

struct view buf_content(const struct buf *buf)
{
    return (struct view){buf->data, buf->len};
}

char *buf_detach(struct buf *buf)
{
    char *data = buf->data == NULL ? xcalloc(1, 1) : buf->data;
    *buf = (struct buf){.max = buf->max};
    return data;
}
