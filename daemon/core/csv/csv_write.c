/* The way out, and cutting: neither needs to understand fields, only quotes. */
#include "core/csv/csv.h"

void csv_write_field(struct buf *out, struct view field)
{
    bool plain = true;
    for (size_t i = 0; i < field.len && plain; i++) {
        char c = field.data[i];
        plain = c != ',' && c != '"' && c != '\r' && c != '\n';
    }
    if (plain) {
        buf_view(out, field);
        return;
    }
    buf_byte(out, '"');
    for (size_t from = 0; from < field.len;) {
        struct view rest = view_slice(field, from, field.len);
        size_t quote = view_find(rest, '"');
        buf_view(out, view_slice(rest, 0, quote));
        if (quote < rest.len) {
            buf_text(out, "\"\"");
        }
        from += quote + 1;
    }
    buf_byte(out, '"');
}

void csv_write_row(struct buf *out, const struct view *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_byte(out, ',');
        }
        csv_write_field(out, fields[i]);
    }
    buf_byte(out, '\n');
}

struct view csv_split(struct view text, size_t max_bytes)
{
    if (text.len <= max_bytes) {
        return text;
    }
    /* A doubled quote turns twice: no need to know it from an end and a beginning. */
    bool quoted = false;
    size_t end = 0;
    for (size_t i = 0; i < max_bytes; i++) {
        if (text.data[i] == '"') {
            quoted = !quoted;
        } else if (text.data[i] == '\n' && !quoted) {
            end = i + 1;
        }
    }
    return view_slice(text, 0, end);
}
