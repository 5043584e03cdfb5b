#define _GNU_SOURCE /* syncfs */
#include "cli/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "crypt/sha256.h"

int folder_begin(struct folder *folder, struct cli *cli, const char *dir)
{
    *folder = (struct folder){.cli = cli};
    char *name = arena_string(&cli->arena, view_of(dir));
    size_t len = strlen(name);
    while (len > 1 && name[len - 1] == '/') {
        name[--len] = '\0';
    }
    folder->dir = name;
    folder->part = arena_printf(&cli->arena, "%s.part", name);
    if (access(name, F_OK) == 0) {
        return cli_fail(CLI_FAILED, "%s is there already: name a new folder", name);
    }
    return CLI_OK;
}

void folder_release(struct folder *folder)
{
    buf_release(&folder->text);
}

char *folder_path(struct folder *folder, const char *fmt, ...)
{
    char name[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    return arena_printf(&folder->cli->arena, "%s/%s", folder->part, name);
}

int folder_cannot(const struct folder *folder, const char *path, int why)
{
    return cli_fail(CLI_FAILED,
                    "%s cannot be written: %s; %s has no half file, and the same command goes on "
                    "there",
                    path, strerror(why), folder->part);
}

int folder_write(struct folder *folder, const char *path, struct view content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool whole = fd >= 0;
    for (size_t at = 0; whole && at < content.len;) {
        ssize_t put = write(fd, content.data + at, content.len - at);
        whole = put > 0;
        at += whole ? (size_t)put : 0;
    }
    int why = errno;
    if (fd >= 0 && close(fd) != 0 && whole) {
        whole = false;
        why = errno;
    }
    if (!whole) {
        unlink(path);
    }
    return whole ? CLI_OK : folder_cannot(folder, path, why);
}

int folder_make(struct folder *folder, const char *path)
{
    return mkdir(path, 0755) == 0 || errno == EEXIST ? CLI_OK : folder_cannot(folder, path, errno);
}

int folder_sync(struct folder *folder)
{
    int fd = open(folder->part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && syncfs(fd) == 0;
    int why = errno;
    if (fd >= 0) {
        close(fd);
    }
    return synced ? CLI_OK : folder_cannot(folder, folder->part, why);
}

int folder_resume(struct folder *folder, const char *line)
{
    char *path = folder_path(folder, FOLDER_RESUME);
    char *fresh = folder_path(folder, FOLDER_RESUME ".new");
    int status = folder_write(folder, fresh, view_of(line));
    if (status == CLI_OK && rename(fresh, path) != 0) {
        status = folder_cannot(folder, path, errno);
    }
    return status;
}

bool folder_is_name(const char *text)
{
    static const char allowed[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "+-_.";
    size_t len = strlen(text);
    return len >= 1 && len <= 64 && strspn(text, allowed) == len && text[0] != '.';
}

/* ---- the end ---- */

struct file_names {
    char **all;
    size_t count, alloc;
};

static int names_compare(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Names of all files below a folder, behind its own. */
static int names_take(struct folder *f, const char *below, struct file_names *out)
{
    struct arena *arena = &f->cli->arena;
    char *path =
        below[0] == '\0' ? arena_string(arena, view_of(f->part)) : folder_path(f, "%s", below);
    DIR *listing = opendir(path);
    if (listing == NULL) {
        return folder_cannot(f, path, errno);
    }
    int status = CLI_OK;
    const struct dirent *item;
    while (status == CLI_OK && (item = readdir(listing)) != NULL) {
        struct stat about;
        if (item->d_name[0] == '.') {
            continue;
        }
        char *name = below[0] == '\0' ? arena_string(arena, view_of(item->d_name))
                                      : arena_printf(arena, "%s/%s", below, item->d_name);
        if (stat(folder_path(f, "%s", name), &about) != 0) {
            status = folder_cannot(f, name, errno);
        } else if (S_ISDIR(about.st_mode)) {
            status = names_take(f, name, out);
        } else if (strcmp(name, FOLDER_RESUME) != 0 && strcmp(name, "SHA256SUMS") != 0) {
            if (out->count == out->alloc) {
                out->alloc = out->alloc == 0 ? 256 : out->alloc * 2;
                out->all = xrealloc(out->all, out->alloc, sizeof *out->all);
            }
            out->all[out->count++] = name;
        }
    }
    closedir(listing);
    return status;
}

static int file_hash(struct folder *f, const char *name, char hex[static SHA256_LEN * 2 + 1])
{
    static char block[1 << 16];
    char *path = folder_path(f, "%s", name);
    uint8_t hash[SHA256_LEN];
    struct sha256 sha;
    sha256_init(&sha);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : 0;
    while (fd >= 0 && (got = read(fd, block, sizeof block)) > 0) {
        sha256_add(&sha, block, (size_t)got);
    }
    int why = errno;
    if (fd >= 0) {
        close(fd);
    }
    sha256_end(&sha, hash);
    text_to_hex(hash, sizeof hash, hex);
    return got < 0 ? cli_fail(CLI_FAILED, "%s cannot be read: %s", path, strerror(why)) : CLI_OK;
}

static int sums_write(struct folder *f, size_t *files)
{
    struct file_names names = {0};
    int status = names_take(f, "", &names);
    if (names.count > 0) {
        qsort(names.all, names.count, sizeof *names.all, names_compare);
    }
    buf_clear(&f->text);
    for (size_t i = 0; i < names.count && status == CLI_OK; i++) {
        char hex[SHA256_LEN * 2 + 1];
        cli_progress(f->cli, "summing up", i, names.count);
        status = file_hash(f, names.all[i], hex);
        buf_printf(&f->text, "%s  %s\n", hex, names.all[i]);
    }
    cli_progress_end(f->cli);
    *files = names.count + 1;
    free(names.all);
    return status == CLI_OK ? folder_write(f, folder_path(f, "SHA256SUMS"), buf_content(&f->text))
                            : status;
}

int folder_end(struct folder *folder, size_t *files)
{
    int status = sums_write(folder, files);
    status = status == CLI_OK ? folder_sync(folder) : status;
    if (status == CLI_OK && unlink(folder_path(folder, FOLDER_RESUME)) != 0 && errno != ENOENT) {
        status = folder_cannot(folder, FOLDER_RESUME, errno);
    }
    if (status == CLI_OK && rename(folder->part, folder->dir) != 0) {
        status = folder_cannot(folder, folder->dir, errno);
    }
    int fd = status == CLI_OK ? open(folder->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        status = syncfs(fd) == 0 ? CLI_OK : folder_cannot(folder, folder->dir, errno);
        close(fd);
    }
    return status;
}
