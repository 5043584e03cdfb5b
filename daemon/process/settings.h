/* Every setting of the daemon is one row of a table: name, type, range, default, unit, help. The
 * table reads configuration files, writes config/settings.md and config/hub.conf, and a test holds
 * those two against it.
 *
 * A file has lines `name = value`; empty lines and lines that begin with '#' are skipped. A name
 * that is unknown, or set twice, or a value out of its range is refused with file, line and what
 * to write instead. */
#ifndef PROCESS_SETTINGS_H
#define PROCESS_SETTINGS_H

#include "base/buf.h"
#include "base/log.h"
#include "transport/net/limits.h"

enum { SETTING_TEXT_MAX = 512 };

enum setting_role { SETTING_ROLE_HUB, SETTING_ROLE_SITE };
enum setting_metrics { SETTING_METRICS_LOOPBACK, SETTING_METRICS_OPERATOR, SETTING_METRICS_OFF };

struct settings {
    int64_t role; /* enum setting_role */
    char hub[SETTING_TEXT_MAX + 1];
    char state_folder[SETTING_TEXT_MAX + 1];
    char database[SETTING_TEXT_MAX + 1];
    char address[SETTING_TEXT_MAX + 1];
    int64_t port;
    char certificate_names[SETTING_TEXT_MAX + 1];
    int64_t threads;
    int64_t cache_mib;
    int64_t queue_calls;
    int64_t group_calls;
    int64_t group_wait_us;
    int64_t wal_mib;
    int64_t slow_calls;
    int64_t connections;
    int64_t connections_per_address;
    int64_t streams;
    int64_t caller_calls_s;
    int64_t caller_burst;
    int64_t head_kib;
    int64_t handshake_s;
    int64_t head_s;
    int64_t request_s;
    int64_t write_s;
    int64_t idle_s;
    int64_t heartbeat_s;
    int64_t drain_s;
    int64_t answers_days;
    int64_t verify_entries;
    int64_t snapshot_entries;
    int64_t log_level; /* enum log_level */
    int64_t metrics;   /* enum setting_metrics */
    char witnesses[SETTING_TEXT_MAX + 1];
    char witnesses_ca[SETTING_TEXT_MAX + 1];
    int64_t witness_s;
};

enum setting_type { SETTING_NUMBER, SETTING_WORD, SETTING_TEXT };

struct setting {
    const char *name;
    enum setting_type type;
    size_t offset; /* in struct settings */
    int64_t min, max;
    const char *words; /* of a SETTING_WORD: "loopback operator off", in the order of its enum */
    const char *initial;
    const char *unit; /* "" when it has none */
    bool reloads;     /* SIGHUP takes the new value; the others need a restart */
    const char *help; /* one or two sentences */
};
extern const struct setting settings_table[];
extern const size_t settings_count;

void settings_defaults(struct settings *settings);
/* Reads the lines over what `settings` holds; `name` is told in errors. E_INVALID with a sentence;
 * `settings` is untouched then. */
must_check int settings_parse(struct settings *settings, struct view text, const char *name,
                              struct fault *fault);
/* The defaults, then the file; an empty state_folder becomes the folder of the file. E_NOT_FOUND,
 * E_IO, E_INVALID; E_UNSUPPORTED for a database that this version cannot use. Values
 * that do not go together are E_INVALID too. */
must_check int settings_read(struct settings *settings, const char *path, struct fault *fault);
/* Takes over from `fresh` what SIGHUP may change. Appends the names of what changed, and of what
 * differs but needs a restart, separated by commas. */
void settings_reload(struct settings *settings, const struct settings *fresh, struct buf *changed,
                     struct buf *ignored);

/* The path of the SQLite file, absolute or relative to the state folder. */
struct view settings_sqlite_path(const struct settings *settings);
struct limits settings_limits(const struct settings *settings);

/* config/settings.md, and config/hub.conf with every row and its default. */
void settings_markdown(struct buf *out);
void settings_sample(struct buf *out);

#endif
