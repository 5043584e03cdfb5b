#include "process/settings.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include "base/text.h"

enum { SETTINGS_FILE_BYTES_MAX = 64 * 1024 };

#define NUMBER(field, least, most, value, of, reload, sentence)                                    \
    {                                                                                              \
        .name = #field, .type = SETTING_NUMBER, .offset = offsetof(struct settings, field),        \
        .min = least, .max = most, .initial = value, .unit = of, .reloads = reload,                \
        .help = sentence                                                                           \
    }
#define WORD(field, choice, value, reload, sentence)                                               \
    {                                                                                              \
        .name = #field, .type = SETTING_WORD, .offset = offsetof(struct settings, field),          \
        .words = choice, .initial = value, .unit = "", .reloads = reload, .help = sentence         \
    }
#define TEXT(field, value, sentence)                                                               \
    {                                                                                              \
        .name = #field, .type = SETTING_TEXT, .offset = offsetof(struct settings, field),          \
        .initial = value, .unit = "", .help = sentence                                             \
    }

const struct setting settings_table[] = {
    WORD(role, "hub site", "hub", false,
         "What this daemon is in its network. `passerelled join` makes a site's settings."),
    TEXT(hub, "", "Of a site: where the hub is, https://host:port."),
    TEXT(state_folder, "",
         "Where keys, certificates, lock and database are. Empty: the folder of this file."),
    TEXT(database, "sqlite:hub.db",
         "The database: `sqlite:` and a path, absolute or below the state folder."),
    TEXT(address, "127.0.0.1",
         "The address to listen on. `0.0.0.0` or `::` is every address of the machine."),
    NUMBER(port, 0, 65535, "7443", "", false, "The port to listen on. 0: any free one."),
    TEXT(certificate_names, "",
         "Names and addresses for the server's certificate beside localhost and 127.0.0.1, "
         "separated by commas. Used when the certificate is made."),
    NUMBER(threads, 1, 64, "4", "threads", false,
           "Threads that speak with clients. Twice as many as cores share the work out evenly; "
           "more are of no use."),
    NUMBER(cache_mib, 1, 16384, "8", "MiB", false,
           "Page cache of the connection that writes. Each reading thread has a quarter of it, at "
           "most 8 MiB."),
    NUMBER(queue_calls, 16, 65536, "4096", "calls", true,
           "Writing calls that may wait. Beyond it callers are told `unavailable` at once."),
    NUMBER(group_calls, 1, 4096, "256", "calls", true, "Writing calls in one transaction."),
    NUMBER(group_wait_us, 0, 100000, "0", "microseconds", true,
           "How long a transaction waits for more calls. 0: while many come, about as long as a "
           "commit takes; else not at all."),
    NUMBER(wal_mib, 4, 1024, "48", "MiB", false,
           "Length of the write-ahead log past which the writer pauses to copy it back."),
    NUMBER(slow_calls, 1, 1024, "64", "calls", true,
           "Long reading calls (documents, periods) that may wait for their thread."),
    NUMBER(connections, 16, 100000, "1024", "connections", true,
           "Connections at a time. Beyond it the one that was idle longest is cut."),
    NUMBER(connections_per_address, 1, 100000, "512", "connections", true,
           "The same for one address."),
    NUMBER(streams, 1, 100000, "256", "streams", true, "Open server streams at a time."),
    NUMBER(caller_calls_s, 0, 1000000, "1000", "calls a second", true,
           "Calls that one caller may make over time: a certificate or a key, or the address of "
           "who has neither. Beyond it `resource_exhausted`, and when to go on. 0: no limit."),
    NUMBER(caller_burst, 1, 1000000, "2000", "calls", true,
           "Calls of one caller at once, before that counts."),
    NUMBER(head_kib, 4, 64, "16", "KiB", true, "Request line and headers of a request."),
    NUMBER(handshake_s, 1, 60, "10", "seconds", true, "From the connection to the end of TLS."),
    NUMBER(head_s, 1, 60, "10", "seconds", true, "For the head of a request to arrive."),
    NUMBER(request_s, 1, 600, "30", "seconds", true, "For the whole request to arrive."),
    NUMBER(write_s, 1, 600, "30", "seconds", true, "For the caller to take an answer."),
    NUMBER(idle_s, 1, 3600, "60", "seconds", true, "Between two requests of a connection."),
    NUMBER(heartbeat_s, 1, 60, "15", "seconds", true,
           "Silence after which a stream says that it lives."),
    NUMBER(drain_s, 0, 600, "20", "seconds", true,
           "How long SIGTERM waits for calls in flight before it cuts them."),
    NUMBER(answers_days, 1, 3650, "35", "days", true,
           "How long answers are kept for callers that repeat a request id. Business time."),
    NUMBER(verify_entries, 0, 1000000, "1000", "entries", false,
           "Entries verified before the daemon listens, shared out over the ends of all feeds. The "
           "rest is verified while it serves; damage that is found ends /readyz's 200."),
    NUMBER(snapshot_entries, 0, 1000000000, "8192", "entries", false,
           "Of a site: who is further behind the hub's feed `net`, and than half of it (new, or "
           "away for long), takes a snapshot in place of these entries. 0: nobody does."),
    WORD(log_level, "error warning info debug", "info", true,
         "Lines above this level are dropped."),
    WORD(metrics, "loopback operator off", "loopback", false,
         "Who may read /metrics: programs on this machine and operators, operators and auditors "
         "only, or nobody."),
    TEXT(witnesses, "",
         "A file with the witnesses of this daemon's feeds, below the state folder if it does not "
         "begin with /: lines `witness NAME VKEY URL` (C2SP tlog-policy). Each new checkpoint is "
         "brought to each of them, and their cosignatures are kept beside it. Empty: none."),
    TEXT(witnesses_ca, "",
         "Authorities that witnesses' servers may have their certificates from, as a PEM file. "
         "Empty: those that the system trusts."),
    NUMBER(witness_s, 1, 86400, "3600", "s", true,
           "How often new checkpoints go to witnesses; also when a month was closed."),
};
const size_t settings_count = ARRAY_LEN(settings_table);
static_assert(SETTING_METRICS_OFF == 2, "the words of metrics are in the order of the enum");
static_assert(LOG_DEBUG == 3, "the words of log_level are in the order of the enum");

static void *field_of(struct settings *settings, const struct setting *row)
{
    return (char *)settings + row->offset;
}

static const void *value_of(const struct settings *settings, const struct setting *row)
{
    return (const char *)settings + row->offset;
}

/* ---- one value ---- */

static int set_word(int64_t *to, const struct setting *row, struct view value, struct fault *fault)
{
    struct view rest = view_of(row->words);
    struct view word;
    for (int64_t i = 0; view_cut(&rest, ' ', &word); i++) {
        if (view_equal(word, value)) {
            *to = i;
            return E_OK;
        }
    }
    return fault_set(fault, E_INVALID, "%s = %.*s: choose one of: %s", row->name, VIEW_FMT(value),
                     row->words);
}

static int set_value(struct settings *settings, const struct setting *row, struct view value,
                     struct fault *fault)
{
    int64_t number;
    switch (row->type) {
    case SETTING_WORD:
        return set_word(field_of(settings, row), row, value, fault);
    case SETTING_TEXT:
        if (value.len > SETTING_TEXT_MAX || !text_is_printable(value)) {
            return fault_set(fault, E_INVALID, "%s: at most %d printable characters", row->name,
                             SETTING_TEXT_MAX);
        }
        snprintf(field_of(settings, row), SETTING_TEXT_MAX + 1, "%.*s", VIEW_FMT(value));
        return E_OK;
    case SETTING_NUMBER:
        if (text_i64(value, &number) != E_OK || number < row->min || number > row->max) {
            return fault_set(fault, E_INVALID,
                             "%s = %.*s: write a whole number from %lld to %lld%s%s", row->name,
                             VIEW_FMT(value), (long long)row->min, (long long)row->max,
                             row->unit[0] == '\0' ? "" : " ", row->unit);
        }
        *(int64_t *)field_of(settings, row) = number;
        return E_OK;
    }
    die("a setting of no type");
}

void settings_defaults(struct settings *settings)
{
    *settings = (struct settings){0};
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];
        struct fault fault = FAULT_NONE;
        if (set_value(settings, row, view_of(row->initial), &fault) != E_OK) {
            die("default of %s: %s", row->name, fault.text);
        }
    }
}

/* ---- a file ---- */

/* Edit distance (Levenshtein), for names only. */
static size_t distance(struct view a, struct view b)
{
    enum { NAME_MAX_LEN = 40 };
    size_t row[NAME_MAX_LEN + 1];
    if (a.len > NAME_MAX_LEN || b.len > NAME_MAX_LEN) {
        return SIZE_MAX;
    }
    for (size_t k = 0; k <= b.len; k++) {
        row[k] = k;
    }
    for (size_t i = 0; i < a.len; i++) {
        size_t before = row[0];
        row[0] = i + 1;
        for (size_t k = 0; k < b.len; k++) {
            size_t best = before + (a.data[i] != b.data[k]);
            best = best < row[k] + 1 ? best : row[k] + 1;
            best = best < row[k + 1] + 1 ? best : row[k + 1] + 1;
            before = row[k + 1];
            row[k + 1] = best;
        }
    }
    return row[b.len];
}

static const struct setting *find(struct view name)
{
    for (size_t i = 0; i < settings_count; i++) {
        if (view_is(name, settings_table[i].name)) {
            return &settings_table[i];
        }
    }
    return NULL;
}

static int unknown(struct view name, struct fault *fault)
{
    size_t best = SIZE_MAX;
    const char *nearest = "";
    for (size_t i = 0; i < settings_count; i++) {
        size_t d = distance(name, view_of(settings_table[i].name));
        if (d < best) {
            best = d;
            nearest = settings_table[i].name;
        }
    }
    if (best <= 3 || best <= name.len / 2) {
        return fault_set(fault, E_INVALID, "there is no setting %.*s: did you mean %s?",
                         VIEW_FMT(name), nearest);
    }
    return fault_set(fault, E_INVALID,
                     "there is no setting %.*s: `passerelled settings` lists all of them",
                     VIEW_FMT(name));
}

static int parse_line(struct settings *settings, struct view line, bool *seen, struct fault *fault)
{
    size_t at = view_find(line, '=');
    if (at == line.len) {
        return fault_set(fault, E_INVALID, "write `name = value`");
    }
    struct view name = view_trim(view_slice(line, 0, at));
    struct view value = view_trim(view_slice(line, at + 1, line.len));
    const struct setting *row = find(name);
    if (row == NULL) {
        return unknown(name, fault);
    }
    if (seen[row - settings_table]) {
        return fault_set(fault, E_INVALID, "%s is set a second time: keep one of the lines",
                         row->name);
    }
    seen[row - settings_table] = true;
    return set_value(settings, row, value, fault);
}

int settings_parse(struct settings *settings, struct view text, const char *name,
                   struct fault *fault)
{
    struct settings fresh = *settings;
    bool seen[ARRAY_LEN(settings_table)] = {false};
    struct view line;
    if (!text_is_utf8(text)) {
        return fault_set(fault, E_INVALID, "%s is not UTF-8 text", name);
    }
    for (unsigned number = 1; view_cut(&text, '\n', &line); number++) {
        if (line.len > 0 && line.data[line.len - 1] == '\r') {
            line.len--;
        }
        line = view_trim(line);
        if (line.len == 0 || line.data[0] == '#') {
            continue;
        }
        int err = parse_line(&fresh, line, seen, fault);
        if (err != E_OK) {
            fault_prefix(fault, "%s, line %u", name, number);
            return err;
        }
    }
    *settings = fresh;
    return E_OK;
}

static int read_whole(const char *path, struct buf *out, struct fault *fault)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return fault_set(fault, err_from_errno(errno), "the settings %s cannot be read: %s", path,
                         strerror(errno));
    }
    char *to = buf_reserve(out, SETTINGS_FILE_BYTES_MAX + 1);
    size_t got = fread(to, 1, SETTINGS_FILE_BYTES_MAX + 1, file);
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed) {
        return fault_set(fault, E_IO, "the settings %s cannot be read", path);
    }
    if (got > SETTINGS_FILE_BYTES_MAX) {
        return fault_set(fault, E_INVALID, "the settings %s are longer than %d bytes", path,
                         SETTINGS_FILE_BYTES_MAX);
    }
    buf_wrote(out, got);
    return E_OK;
}

static int check_database(const struct settings *settings, const char *path, struct fault *fault)
{
    struct view database = view_of(settings->database);
    if (view_starts(database, "postgresql:") || view_starts(database, "postgres:")) {
        return fault_set(fault, E_UNSUPPORTED,
                         "%s: this version runs on SQLite only: write database = sqlite:hub.db",
                         path);
    }
    if (!view_starts(database, "sqlite:") || settings_sqlite_path(settings).len == 0) {
        return fault_set(fault, E_INVALID, "%s: write database = sqlite:PATH", path);
    }
    return E_OK;
}

static int check_hub(const struct settings *settings, const char *path, struct fault *fault)
{
    bool site = settings->role == SETTING_ROLE_SITE;
    if (site == (settings->hub[0] != '\0')) {
        return E_OK;
    }
    return fault_set(fault, E_INVALID,
                     site ? "%s: a site follows its hub: write hub = https://host:port"
                          : "%s: only a site has a hub: remove the line, or write role = site",
                     path);
}

static int check_times(const struct settings *settings, const char *path, struct fault *fault)
{
    if (settings->request_s > settings->head_s) {
        return E_OK;
    }
    return fault_set(fault, E_INVALID,
                     "%s: request_s = %lld: the head of a request may take head_s = %lld of them, "
                     "so write more than that",
                     path, (long long)settings->request_s, (long long)settings->head_s);
}

int settings_read(struct settings *settings, const char *path, struct fault *fault)
{
    struct settings fresh;
    struct buf text = BUF_INIT;
    settings_defaults(&fresh);
    int err = read_whole(path, &text, fault);
    err = err != E_OK ? err : settings_parse(&fresh, buf_content(&text), path, fault);
    err = err != E_OK ? err : check_database(&fresh, path, fault);
    err = err != E_OK ? err : check_hub(&fresh, path, fault);
    err = err != E_OK ? err : check_times(&fresh, path, fault);
    buf_release(&text);
    if (err != E_OK) {
        return err;
    }
    if (fresh.state_folder[0] == '\0') {
        const char *slash = strrchr(path, '/');
        int len = slash == NULL ? 0 : (int)(slash - path);
        snprintf(fresh.state_folder, sizeof fresh.state_folder, "%.*s",
                 slash == NULL || len == 0 ? 1 : len,
                 slash == NULL ? "." : path);
    }
    *settings = fresh;
    return E_OK;
}

static bool differs(const struct settings *a, const struct settings *b, const struct setting *row)
{
    if (row->type == SETTING_TEXT) {
        return strcmp(value_of(a, row), value_of(b, row)) != 0;
    }
    return *(const int64_t *)value_of(a, row) != *(const int64_t *)value_of(b, row);
}

void settings_reload(struct settings *settings, const struct settings *fresh, struct buf *changed,
                     struct buf *ignored)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];
        if (!differs(settings, fresh, row)) {
            continue;
        }
        if (row->reloads) {
            assert(row->type != SETTING_TEXT);
            *(int64_t *)field_of(settings, row) = *(const int64_t *)value_of(fresh, row);
        }
        struct buf *names = row->reloads ? changed : ignored;
        buf_printf(names, "%s%s", names->len == 0 ? "" : ",", row->name);
    }
}

/* ---- what others make of them ---- */

struct view settings_sqlite_path(const struct settings *settings)
{
    struct view database = view_of(settings->database);
    return view_slice(database, sizeof "sqlite:" - 1, database.len);
}

struct limits settings_limits(const struct settings *settings)
{
    struct limits limits = LIMITS_DEFAULT;
    limits.connections_max = (int)settings->connections;
    limits.connections_per_address_max = (int)settings->connections_per_address;
    limits.streams_max = (int)settings->streams;
    limits.caller_calls_per_s = settings->caller_calls_s;
    limits.caller_burst = settings->caller_burst;
    limits.head_bytes_max = (size_t)settings->head_kib * 1024;
    limits.handshake_ms_max = settings->handshake_s * 1000;
    limits.head_ms_max = settings->head_s * 1000;
    limits.request_ms_max = settings->request_s * 1000;
    limits.write_ms_max = settings->write_s * 1000;
    limits.idle_ms_max = settings->idle_s * 1000;
    limits.heartbeat_ms = settings->heartbeat_s * 1000;
    return limits;
}

static void add_range(struct buf *out, const struct setting *row)
{
    switch (row->type) {
    case SETTING_NUMBER:
        buf_printf(out, "%lld to %lld", (long long)row->min, (long long)row->max);
        break;
    case SETTING_WORD:
        buf_text(out, row->words);
        break;
    case SETTING_TEXT:
        buf_printf(out, "text, at most %d characters", SETTING_TEXT_MAX);
        break;
    }
}

void settings_markdown(struct buf *out)
{
    buf_text(out, "# Settings of passerelled\n\n"
                  "Written by `passerelled settings --markdown`; a test holds it against the "
                  "program. A file has lines\n`name = value`; lines that begin with `#` are "
                  "comments. Settings marked *reload* are taken over on SIGHUP, the\nothers when "
                  "the daemon starts.\n\n"
                  "| name | default | range | unit | reload | meaning |\n"
                  "| --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];
        buf_printf(out, "| `%s` | %s%s%s | ", row->name, row->initial[0] == '\0' ? "" : "`",
                   row->initial[0] == '\0' ? "(empty)" : row->initial,
                   row->initial[0] == '\0' ? "" : "`");
        add_range(out, row);
        buf_printf(out, " | %s | %s | %s |\n", row->unit, row->reloads ? "yes" : "no", row->help);
    }
}

/* As a comment of at most 98 columns. */
static void add_comment(struct buf *out, const char *text)
{
    struct view rest = view_of(text);
    struct view word;
    size_t column = 0;
    while (view_cut(&rest, ' ', &word)) {
        if (column == 0 || column + 1 + word.len > 98) {
            buf_text(out, column == 0 ? "#" : "\n#");
            column = 1;
        }
        buf_printf(out, " %.*s", VIEW_FMT(word));
        column += 1 + word.len;
    }
    buf_byte(out, '\n');
}

void settings_sample(struct buf *out)
{
    buf_text(out, "# Settings of a hub. Each line that is commented out shows the default. "
                  "`passerelled settings`\n# prints this file.\n");
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];
        buf_byte(out, '\n');
        add_comment(out, row->help);
        buf_text(out, "# (");
        add_range(out, row);
        buf_printf(out, "%s%s%s)\n", row->unit[0] == '\0' ? "" : " ", row->unit,
                   row->reloads ? "; SIGHUP reloads it" : "");
        buf_printf(out, "%s%s =%s%s\n", view_is(view_of(row->name), "role") ? "" : "#", row->name,
                   row->initial[0] == '\0' ? "" : " ", row->initial);
    }
}
