/* Blocks double in size up to 256 KiB; a larger request gets a block of its own. */
#include "base/arena.h"

#include <stdarg.h>
#include <assert.h>
#include <stdlib.h>

enum { BLOCK_FIRST = 4096, BLOCK_MAX = 256 * 1024, ALIGN = 16 };

struct arena_block {
    struct arena_block *next;
    size_t size; /* of data */
    size_t used;
    size_t pad; /* keeps data aligned to 16 */
    char data[];
};
_Static_assert(sizeof(struct arena_block) % ALIGN == 0, "block data must be aligned for any type");

void *xmalloc(size_t size)
{
    void *memory = malloc(size == 0 ? 1 : size);
    if (memory == NULL) {
        die("out of memory asking for %zu bytes", size);
    }
    return memory;
}

void *xcalloc(size_t count, size_t size)
{
    void *memory = calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);
    if (memory == NULL) {
        die("out of memory asking for %zu x %zu bytes", count, size);
    }
    return memory;
}

void *xrealloc(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        die("asked for %zu x %zu bytes", count, size);
    }
    void *memory = realloc(old, bytes == 0 ? 1 : bytes);
    if (memory == NULL) {
        die("out of memory asking for %zu bytes", bytes);
    }
    return memory;
}

char *xstrdup(const char *string)
{
    size_t len = strlen(string) + 1;
    return memcpy(xmalloc(len), string, len);
}

/* A plain memset before free may be optimised away; explicit_bzero may not. */
static void block_free(const struct arena *arena, struct arena_block *block)
{
    if (arena->wipes) {
        explicit_bzero(block->data, block->used);
    }
    free(block);
}

void arena_init(struct arena *arena)
{
    *arena = ARENA_INIT;
}

void arena_init_wiping(struct arena *arena)
{
    *arena = (struct arena){.wipes = true};
}

void arena_release(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        block_free(arena, block);
    }
    arena->used = 0;
}

void arena_clear(struct arena *arena)
{
    struct arena_block *kept = arena->blocks;
    if (kept == NULL) {
        return;
    }
    arena->blocks = kept->next;
    kept->next = NULL;
    arena_release(arena);
    if (kept->size > BLOCK_MAX) {
        block_free(arena, kept);
        return;
    }
    explicit_bzero(kept->data, arena->wipes ? kept->used : 0);
    kept->used = 0;
    arena->blocks = kept;
}

/* As it is. */
static void *take(struct arena *arena, size_t size)
{
    assert(size < SIZE_MAX / 2);
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    size = size == 0 ? ALIGN : size;
    struct arena_block *block = arena->blocks;
    if (block == NULL || block->size - block->used < size) {
        size_t want = block == NULL ? BLOCK_FIRST : block->size * 2;
        want = want > BLOCK_MAX ? BLOCK_MAX : want;
        want = want < size ? size : want;
        block = xmalloc(sizeof *block + want);
        *block = (struct arena_block){.next = arena->blocks, .size = want};
        arena->blocks = block;
    }
    void *memory = block->data + block->used;
    block->used += size;
    arena->used += size;
    return memory;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    return memset(take(arena, size), 0, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        die("asked for %zu x %zu bytes", count, size);
    }
    return arena_alloc(arena, bytes);
}

struct view arena_copy(struct arena *arena, struct view bytes)
{
    char *copy = take(arena, bytes.len + 1);
    if (bytes.len > 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    copy[bytes.len] = '\0';
    return (struct view){copy, bytes.len};
}

char *arena_string(struct arena *arena, struct view text)
{
    return (char *)(uintptr_t)arena_copy(arena, text).data;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(len >= 0);
    char *text = arena_alloc(arena, (size_t)len + 1);
    va_start(args, fmt);
    vsnprintf(text, (size_t)len + 1, fmt, args);
    va_end(args);
    return text;
}
