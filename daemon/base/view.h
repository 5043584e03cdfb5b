/* A view is a borrowed range of bytes: it never owns, and takes no responsibility for the life of
 * what it points to. Bytes may hold NUL. */
#ifndef BASE_VIEW_H
#define BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct view {
    const char *data; /* NULL only when len is 0 */
    size_t len;
};

#define VIEW_LIT(s) ((struct view){(s), sizeof(s) - 1})
#define VIEW_NONE ((struct view){NULL, 0})
/* For printf's "%.*s". */
#define VIEW_FMT(v) (int)(v).len, ((v).data == NULL ? "" : (v).data)

struct view view_of(const char *string); /* NUL-terminated; NULL gives VIEW_NONE */
struct view view_bytes(const void *data, size_t len);
bool view_equal(struct view a, struct view b);
bool view_is(struct view a, const char *string);
bool view_is_nocase(struct view a, const char *string); /* ASCII letters only */
/* Byte order, shorter first among equals: the order of ids in RULES. */
int view_compare(struct view a, struct view b);
bool view_starts(struct view a, const char *prefix);
/* Position of the byte, or len when absent. */
size_t view_find(struct view a, char byte);
/* [from, to) clamped to the view. */
struct view view_slice(struct view a, size_t from, size_t to);
/* Without leading and trailing spaces and tabs. */
struct view view_trim(struct view a);
/* Cuts what stands before `separator` off the front of *rest and puts it into *part; the last part
 * is what remains. Returns false when *rest is used up. An empty view has no part. */
bool view_cut(struct view *rest, char separator, struct view *part);

#endif
