/* A growable byte buffer with a maximum and a sticky error: after the first write that would pass
 * the maximum, further writes do nothing and buf_error() is E_LIMIT. Check once, at the end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/view.h"

struct buf {
    char *data; /* NUL-terminated whenever not NULL */
    size_t len;
    size_t alloc;
    size_t max; /* 0 = no maximum */
    int error;
};
#define BUF_INIT ((struct buf){0})
#define BUF_INIT_MAX(n) ((struct buf){.max = (n)})

void buf_release(struct buf *buf);
void buf_clear(struct buf *buf); /* keeps memory and maximum, forgets the error */
int buf_error(const struct buf *buf);
void buf_add(struct buf *buf, const void *data, size_t len);
void buf_view(struct buf *buf, struct view text);
void buf_text(struct buf *buf, const char *string);
void buf_byte(struct buf *buf, char byte);
void buf_printf(struct buf *buf, const char *fmt, ...) printf_like(2, 3);
void buf_u16be(struct buf *buf, uint16_t value);
void buf_u32be(struct buf *buf, uint32_t value);
void buf_u64be(struct buf *buf, uint64_t value);
/* Room for `len` more bytes at the returned address, or NULL when the maximum forbids; then
 * buf_wrote() says how many were written there. */
char *buf_reserve(struct buf *buf, size_t len);
void buf_wrote(struct buf *buf, size_t len);
/* Drops all after the first `len` bytes. */
void buf_truncate(struct buf *buf, size_t len);
/* Drops the first `len` bytes. */
void buf_consume(struct buf *buf, size_t len);
struct view buf_content(const struct buf *buf);
/* Takes the bytes out of the buffer (which is empty then); the caller frees them. Never NULL. */
char *buf_detach(struct buf *buf);

#endif
