#include "crypt/keyfile.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"

static const char header[] = "passerelle-key/v1 ";

static void wipe_release(struct buf *buf)
{
    if (buf->data != NULL) {
        sodium_memzero(buf->data, buf->alloc);
    }
    buf_release(buf);
}

static int write_all(int fd, struct view content)
{
    while (content.len > 0) {
        ssize_t wrote = write(fd, content.data, content.len);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0) {
            return err_from_errno(errno);
        }
        content = view_slice(content, (size_t)wrote, content.len);
    }
    return fsync(fd) == 0 ? E_OK : err_from_errno(errno);
}

/* A new name is safe only when its folder is. */
static int sync_folder_of(const char *path)
{
    struct arena arena = ARENA_INIT;
    const char *slash = strrchr(path, '/');
    const char *folder = slash == NULL ? "."
                         : slash == path
                             ? "/"
                             : arena_string(&arena, view_bytes(path, (size_t)(slash - path)));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = fd >= 0 && fsync(fd) == 0 ? E_OK : err_from_errno(errno);
    if (fd >= 0) {
        close(fd);
    }
    arena_release(&arena);
    return err;
}

int keyfile_create_private(const char *path, struct view content, struct fault *fault)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        int err = errno == EEXIST ? E_EXISTS : err_from_errno(errno);
        return fault_set(fault, err,
                         errno == EEXIST
                             ? "%s exists already and is left alone: move it away to make a new one"
                             : "%s cannot be created: %s",
                         path, err_text(err));
    }
    int err = write_all(fd, content);
    if (close(fd) != 0 && err == E_OK) {
        err = err_from_errno(errno);
    }
    if (err == E_OK) {
        err = sync_folder_of(path);
    }
    if (err != E_OK) {
        unlink(path);
        return fault_set(fault, err, "%s cannot be written: %s", path, err_text(err));
    }
    return E_OK;
}

static int check_private(const char *path, int fd, struct fault *fault)
{
    struct stat info;
    if (fstat(fd, &info) != 0) {
        int err = err_from_errno(errno);
        return fault_set(fault, err, "%s cannot be read: %s", path, err_text(err));
    }
    if (!S_ISREG(info.st_mode)) {
        return fault_set(fault, E_INVALID, "%s is not a regular file", path);
    }
    if ((info.st_mode & 077) != 0) {
        return fault_set(fault, E_DENIED,
                         "%s holds a secret but has mode %04o, which lets others at it: run "
                         "\"chmod 600 %s\", and think about replacing the key",
                         path, (unsigned)(info.st_mode & 07777), path);
    }
    if (info.st_size > KEYFILE_BYTES_MAX) {
        return fault_set(fault, E_LIMIT, "%s is too large for a key file (at most %d bytes)", path,
                         KEYFILE_BYTES_MAX);
    }
    return E_OK;
}

int keyfile_read_private(const char *path, struct buf *out, struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        int err = err_from_errno(errno);
        return fault_set(fault, err, "%s cannot be opened: %s", path, err_text(err));
    }
    int err = check_private(path, fd, fault);
    size_t total = 0;
    while (err == E_OK && total <= KEYFILE_BYTES_MAX) {
        char *room = buf_reserve(out, KEYFILE_BYTES_MAX);
        ssize_t got = room == NULL ? 0 : read(fd, room, KEYFILE_BYTES_MAX);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            err = err_from_errno(errno);
            fault_set(fault, err, "%s cannot be read: %s", path, err_text(err));
        }
        if (got <= 0) {
            break;
        }
        buf_wrote(out, (size_t)got);
        total += (size_t)got;
    }
    close(fd);
    return err;
}

int keyfile_write(const char *path, const char *purpose, const struct ed25519_key *key,
                  struct fault *fault)
{
    assert(purpose[0] != '\0' && strlen(purpose) <= KEYFILE_PURPOSE_MAX);
    struct buf line = BUF_INIT;
    buf_reserve(&line, 256); /* the seed is never copied by a growing buffer */
    buf_printf(&line, "%s%s ", header, purpose);
    text_to_base64(&line, view_bytes(key->seed, sizeof key->seed));
    buf_byte(&line, '\n');
    int err = keyfile_create_private(path, buf_content(&line), fault);
    wipe_release(&line);
    return err;
}

/* What is wrong with the line, or E_OK and the seed in `seed`. */
static int parse(struct view line, const char *path, const char *purpose, struct buf *seed,
                 struct fault *fault)
{
    if (!view_starts(line, header)) {
        return fault_set(fault, E_FOREIGN,
                         "%s is not a key file of this version (its line does not "
                         "start with \"%s\")",
                         path, header);
    }
    size_t last = line.len;
    while (last > 0 && line.data[last - 1] != ' ') {
        last--;
    }
    struct view found = view_slice(line, sizeof header - 1, last - 1);
    struct view secret = view_slice(line, last, line.len - 1);
    if (line.data[line.len - 1] != '\n' || text_from_base64(secret, seed) != E_OK ||
        seed->len != ED25519_SEED_LEN) {
        return fault_set(fault, E_FOREIGN,
                         "%s is a key file that is cut short or damaged: restore "
                         "it from a backup",
                         path);
    }
    if (!view_is(found, purpose)) {
        return fault_set(fault, E_CONFLICT,
                         "%s holds a key for \"%.*s\", not for \"%s\": a key "
                         "serves one purpose only",
                         path, VIEW_FMT(found), purpose);
    }
    return E_OK;
}

int keyfile_read(const char *path, const char *purpose, struct ed25519_key *key,
                 struct fault *fault)
{
    struct buf line = BUF_INIT;
    struct buf seed = BUF_INIT;
    int err = keyfile_read_private(path, &line, fault);
    if (err == E_OK) {
        err = parse(buf_content(&line), path, purpose, &seed, fault);
    }
    if (err == E_OK) {
        ed25519_key_from_seed(key, (const uint8_t *)seed.data);
    }
    wipe_release(&line);
    wipe_release(&seed);
    return err;
}
