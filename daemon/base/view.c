#include "base/view.h"

struct view view_of(const char *string)
{
    return string == NULL ? VIEW_NONE : (struct view){string, strlen(string)};
}

struct view view_bytes(const void *data, size_t len)
{
    return (struct view){data, len};
}

bool view_equal(struct view a, struct view b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool view_is(struct view a, const char *string)
{
    return view_equal(a, view_of(string));
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool view_is_nocase(struct view a, const char *string)
{
    struct view b = view_of(string);
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.data[i]) != lower(b.data[i])) {
            return false;
        }
    }
    return true;
}

int view_compare(struct view a, struct view b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n == 0 ? 0 : memcmp(a.data, b.data, n);
    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

bool view_starts(struct view a, const char *prefix)
{
    size_t n = strlen(prefix);
    return a.len >= n && memcmp(a.data, prefix, n) == 0;
}

size_t view_find(struct view a, char byte)
{
    const char *at = a.len == 0 ? NULL : memchr(a.data, byte, a.len);
    return at == NULL ? a.len : (size_t)(at - a.data);
}

struct view view_slice(struct view a, size_t from, size_t to)
{
    to = to > a.len ? a.len : to;
    from = from > to ? to : from;
    /* No arithmetic on NULL, not even + 0: it is undefined. */
    return (struct view){a.len == 0 ? a.data : a.data + from, to - from};
}

struct view view_trim(struct view a)
{
    size_t from = 0;
    size_t to = a.len;
    while (from < to && (a.data[from] == ' ' || a.data[from] == '\t')) {
        from++;
    }
    while (to > from && (a.data[to - 1] == ' ' || a.data[to - 1] == '\t')) {
        to--;
    }
    return view_slice(a, from, to);
}

bool view_cut(struct view *rest, char separator, struct view *part)
{
    if (rest->data == NULL) {
        return false;
    }
    size_t at = view_find(*rest, separator);
    *part = view_slice(*rest, 0, at);
    *rest = at == rest->len ? VIEW_NONE : view_slice(*rest, at + 1, rest->len);
    return true;
}
