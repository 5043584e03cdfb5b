#include "process/state.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

enum { STATE_FILE_BYTES_MAX = 1024 * 1024 };

static const char *below(struct state *state, const char *name)
{
    return arena_printf(&state->arena, "%s/%s", state->dir, name);
}

void state_init(struct state *state, const char *dir, const struct settings *settings)
{
    *state = (struct state){.env = env_system, .lock_fd = -1};
    state->dir = arena_string(&state->arena, view_of(dir));
    struct view path = settings_sqlite_path(settings);
    char *database = arena_string(&state->arena, path);
    state->database = view_starts(path, "/") ? database : below(state, database);
    state->keys = below(state, "keys");
    state->ca_certificate = below(state, "ca.crt");
    state->ca_key = below(state, "keys/ca.key");
    state->server_certificate = below(state, "server.crt");
    state->server_key = below(state, "keys/server.key");
    state->site_certificate = below(state, "site.crt");
    state->site_key = below(state, "keys/site.key");
    state->joined = below(state, "joined");
}

void state_release(struct state *state)
{
    if (state->lock_fd >= 0) {
        close(state->lock_fd);
    }
    state->lock_fd = -1;
    arena_release(&state->arena);
}

/* ---- the clock ---- */

static const char *const clock_names[] = {"business_start_utc_ms", "real_start_utc_ms", "rate"};

static int64_t *clock_field(struct env_demo_clock *clock, size_t index)
{
    int64_t *const fields[] = {&clock->business_start_utc_ms, &clock->real_start_utc_ms,
                               &clock->rate};
    return fields[index];
}

int state_write_clock(struct state *state, const struct env_demo_clock *clock, struct fault *fault)
{
    struct env_demo_clock copy = *clock;
    struct buf text = BUF_INIT;
    buf_text(&text, "# Business time of this demonstration network; every process reads it. It is "
                    "never changed.\n");
    for (size_t i = 0; i < ARRAY_LEN(clock_names); i++) {
        buf_printf(&text, "%s = %lld\n", clock_names[i], (long long)*clock_field(&copy, i));
    }
    int err = state_write_file(below(state, "clock"), buf_content(&text), fault);
    buf_release(&text);
    return err;
}

static int read_clock(struct state *state, struct fault *fault)
{
    const char *path = below(state, "clock");
    if (!state_exists(path)) {
        return E_OK;
    }
    struct buf text = BUF_INIT;
    struct env_demo_clock clock = {0};
    int err = state_read_file(path, &text, fault);
    struct view rest = buf_content(&text);
    struct view line;
    while (err == E_OK && view_cut(&rest, '\n', &line)) {
        size_t at = view_find(line, '=');
        for (size_t i = 0; i < ARRAY_LEN(clock_names) && at < line.len; i++) {
            if (view_is(view_trim(view_slice(line, 0, at)), clock_names[i]) &&
                text_i64(view_trim(view_slice(line, at + 1, line.len)), clock_field(&clock, i)) !=
                    E_OK) {
                err = E_INVALID;
            }
        }
    }
    buf_release(&text);
    if (err == E_INVALID || (err == E_OK && (clock.rate < 1 || clock.real_start_utc_ms <= 0 ||
                                             clock.business_start_utc_ms <= 0))) {
        return fault_set(fault, E_CORRUPT, "%s is damaged: restore it from a backup", path);
    }
    if (err == E_OK) {
        state->clock = clock;
        env_demo(&state->env, &state->clock);
    }
    return err;
}

/* ---- opening ---- */

int state_open(struct state *state, struct settings *settings, const char *target,
               struct fault *fault)
{
    struct arena arena = ARENA_INIT;
    struct stat stat_of;
    bool folder = stat(target, &stat_of) == 0 && S_ISDIR(stat_of.st_mode);
    const char *config = folder ? arena_printf(&arena, "%s/hub.conf", target) : target;
    if (folder && !state_exists(config)) {
        config = arena_printf(&arena, "%s/site.conf", target);
    }
    int err = E_OK;
    if (!state_exists(config)) {
        err = fault_set(fault, E_NOT_FOUND,
                        "there is no network in %s: make one with `passerelled init`, or join one "
                        "with `passerelled join`",
                        target);
    }
    err = err != E_OK ? err : settings_read(settings, config, fault);
    if (err == E_OK) {
        state_init(state, settings->state_folder, settings);
        err = read_clock(state, fault);
        if (err != E_OK) {
            state_release(state);
        }
    }
    arena_release(&arena);
    return err;
}

int state_lock(struct state *state, struct fault *fault)
{
    const char *path = below(state, "lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fault_set(fault, err_from_errno(errno), "%s cannot be made: %s", path,
                         strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        char who[32] = "";
        ssize_t got = read(fd, who, sizeof who - 1);
        struct view pid = view_trim(view_bytes(who, got > 0 ? (size_t)got : 0));
        close(fd);
        return fault_set(fault, E_BUSY,
                         "another passerelled (process %.*s) works on %s: stop it first, or name "
                         "another state folder",
                         (int)view_find(pid, '\n'), pid.len == 0 ? "?" : pid.data, state->dir);
    }
    char text[32];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    errno = ENOSPC; /* what a write that is cut short means */
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)len, 0) != len) {
        int err = err_from_errno(errno);
        close(fd);
        return fault_set(fault, err, "%s cannot be written: %s%s", path, err_text(err),
                         err == E_FULL ? "; free space on that disk" : "");
    }
    state->lock_fd = fd;
    return E_OK;
}

/* ---- files ---- */

bool state_exists(const char *path)
{
    struct stat stat_of;
    return lstat(path, &stat_of) == 0;
}

static int write_all(int fd, struct view content)
{
    while (content.len > 0) {
        ssize_t put = write(fd, content.data, content.len);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return put == 0 ? E_IO : err_from_errno(errno);
        }
        content = view_slice(content, (size_t)put, content.len);
    }
    return fsync(fd) == 0 ? E_OK : err_from_errno(errno);
}

int state_write_file(const char *path, struct view content, struct fault *fault)
{
    struct arena arena = ARENA_INIT;
    const char *fresh = arena_printf(&arena, "%s.new", path);
    int err = E_OK;
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        err = err_from_errno(errno);
    } else {
        err = write_all(fd, content);
        if (close(fd) != 0 && err == E_OK) {
            err = err_from_errno(errno);
        }
        if (err == E_OK && rename(fresh, path) != 0) {
            err = err_from_errno(errno);
        }
        if (err != E_OK) {
            unlink(fresh);
        }
    }
    if (err != E_OK) {
        fault_set(fault, err, "%s cannot be written: %s", path, err_text(err));
    }
    arena_release(&arena);
    return err;
}

int state_read_file(const char *path, struct buf *out, struct fault *fault)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return fault_set(fault, err_from_errno(errno), "%s cannot be read: %s", path,
                         strerror(errno));
    }
    int err = E_OK;
    size_t got;
    do {
        char piece[4096];
        got = fread(piece, 1, sizeof piece, file);
        buf_add(out, piece, got);
    } while (got > 0 && out->len <= STATE_FILE_BYTES_MAX);
    if (ferror(file) != 0 || out->len > STATE_FILE_BYTES_MAX) {
        err = fault_set(fault, E_IO, "%s cannot be read, or is far too long", path);
    }
    fclose(file);
    return err;
}
