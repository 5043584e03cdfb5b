#include "base/log.h"

#include <unistd.h>

#include "base/buf.h"

enum { LINE_MAX_BYTES = 2000 };

static const char *const level_names[] = {"error", "warning", "info", "debug"};

bool log_level_parse(struct view word, enum log_level *out)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (view_is(word, level_names[i])) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static bool is_plain(struct view text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) {
            return false;
        }
    }
    return text.len > 0;
}

static void add_text(struct buf *line, struct view text)
{
    if (is_plain(text)) {
        buf_view(line, text);
        return;
    }
    buf_byte(line, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '"' || c == '\\') {
            buf_byte(line, '\\');
            buf_byte(line, (char)c);
        } else if (c == '\n') {
            buf_text(line, "\\n");
        } else if (c < ' ' || c == 0x7f) {
            buf_printf(line, "\\x%02x", c);
        } else {
            buf_byte(line, (char)c);
        }
    }
    buf_byte(line, '"');
}

void log_write(const struct log *log, enum log_level level, const char *event,
               const struct log_field *fields, size_t count)
{
    if (log == NULL || level > log->level) {
        return;
    }
    struct buf line = BUF_INIT_MAX(LINE_MAX_BYTES);
    int64_t now_utc_ms = env_now_utc_ms(log->env);
    time_t second = (time_t)(now_utc_ms / 1000);
    struct tm tm;
    if (gmtime_r(&second, &tm) != NULL) {
        buf_printf(&line, "ts=%04d-%02d-%02dT%02d:%02d:%02d.%03dZ ", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                   (int)(now_utc_ms % 1000));
    }
    buf_printf(&line, "level=%s event=%s", level_names[level], event);
    for (size_t i = 0; i < count; i++) {
        buf_printf(&line, " %s=", fields[i].key);
        if (fields[i].is_number) {
            buf_printf(&line, "%lld", (long long)fields[i].number);
        } else {
            add_text(&line, fields[i].text);
        }
    }
    line.error = E_OK;
    line.max = 0;
    buf_byte(&line, '\n');
    /* A log that cannot be written must not stop the daemon: nothing useful is left to do. */
    ssize_t ignored = write(log->fd, line.data, line.len);
    (void)ignored;
    buf_release(&line);
}
