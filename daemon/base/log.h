/* Structured logs, one logfmt line per event, to a file descriptor (stderr, so journald or a
 * terminal). No name, e-mail address, token or key may ever be a field. Safe from any thread: a
 * line is one write(2). */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/env.h"
#include "base/view.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

struct log {
    const struct env *env; /* borrowed; its business clock stamps each line */
    int fd;
    _Atomic enum log_level level; /* lines above it are dropped; may change at any time */
};

struct log_field {
    const char *key;
    struct view text; /* used when is_number is false; quoted and escaped when needed */
    int64_t number;
    bool is_number;
};
#define LOG_S(k, s) ((struct log_field){.key = (k), .text = view_of(s)})
#define LOG_V(k, v) ((struct log_field){.key = (k), .text = (v)})
#define LOG_N(k, n) ((struct log_field){.key = (k), .number = (int64_t)(n), .is_number = true})

/* Writes `ts=... level=... event=... key=value ...`. Lines over 2,000 bytes are cut. A NULL log
 * drops the line. */
void log_write(const struct log *log, enum log_level level, const char *event,
               const struct log_field *fields, size_t count);
#define log_event(log, level, event, ...)                                                          \
    log_write((log), (level), (event), (const struct log_field[]){__VA_ARGS__},                    \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

/* "error", "warning", "info" or "debug"; false when the word is none of them. */
bool log_level_parse(struct view word, enum log_level *out);

#endif
