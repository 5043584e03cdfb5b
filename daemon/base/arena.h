/* An arena is memory with one life: a request, a command, an import. Allocations are freed all at
 * once; there is no single free. Not shared between threads. Memory that the system refuses stops
 * the process. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/view.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used;                /* bytes handed out since the last clear */
    bool wipes;                 /* overwrite with zeros before giving memory back */
};
#define ARENA_INIT ((struct arena){0})

void arena_init(struct arena *arena);
/* For keys and tokens: everything is overwritten when it is given back. */
void arena_init_wiping(struct arena *arena);
void arena_release(struct arena *arena);
/* Gives everything back but one block, to be used again. */
void arena_clear(struct arena *arena);

/* Zeroed, aligned for any type; size 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t size);
/* An array of `count` items; stops the process when the product overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);
#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, count, type) ((type *)arena_array((arena), (count), sizeof(type)))

/* Copies; the result is NUL-terminated after its len bytes. */
struct view arena_copy(struct arena *arena, struct view bytes);
/* The copy as a C string (bytes after an embedded NUL are out of its reach). */
char *arena_string(struct arena *arena, struct view text);
char *arena_printf(struct arena *arena, const char *fmt, ...) printf_like(2, 3);

/* malloc family for memory with a life of its own; stops the process instead of returning NULL. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t count, size_t size); /* count * size, checked */
char *xstrdup(const char *string);

#endif
