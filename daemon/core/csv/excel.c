#include "core/csv/excel.h"

void excel_begin(struct buf *out)
{
    buf_text(out, "\xEF\xBB\xBF");
}

void excel_text(struct buf *out, struct view text)
{
    bool quotes = false;
    for (size_t i = 0; i < text.len; i++) {
        quotes = quotes || (text.data[i] != '\0' && strchr(";\"\r\n", text.data[i]) != NULL);
    }
    bool computes = text.len > 0 && text.data[0] != '\0' && strchr("=+-@\t", text.data[0]) != NULL;
    buf_text(out, quotes ? "\"" : "");
    buf_text(out, computes ? "'" : "");
    while (text.len > 0) {
        size_t quote = view_find(text, '"');
        buf_add(out, text.data, quote);
        buf_text(out, quote < text.len ? "\"\"" : "");
        text = view_slice(text, quote + 1, text.len);
    }
    buf_text(out, quotes ? "\";" : ";");
}

void excel_cents(struct buf *out, int64_t cents)
{
    uint64_t size = cents < 0 ? UINT64_C(0) - (uint64_t)cents : (uint64_t)cents;
    buf_printf(out, "%s%llu,%02llu;", cents < 0 ? "-" : "", (unsigned long long)(size / 100),
               (unsigned long long)(size % 100));
}

void excel_end(struct buf *out)
{
    if (out->len > 0 && out->data[out->len - 1] == ';') {
        buf_truncate(out, out->len - 1);
    }
    buf_text(out, "\r\n");
}
