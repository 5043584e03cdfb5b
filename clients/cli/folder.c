#define _GNU_SOURCE /* syncfs */
#include "cli/folder.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
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

/* ---- to the disk ---- */

static void *sync_main(void *context)
{
    struct folder_sync *sync = context;
    sync->why = syncfs(sync->fd) == 0 ? 0 : errno;
    atomic_store(&sync->done, true);
    return NULL;
}

int folder_sync_begin(struct folder *folder)
{
    struct folder_sync *sync = &folder->sync;
    assert(!sync->begun);
    *sync = (struct folder_sync){.fd = open(folder->part, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (sync->fd < 0) {
        return folder_cannot(folder, folder->part, errno);
    }
    sync->begun = true;
    sync->threaded = pthread_create(&sync->thread, NULL, sync_main, sync) == 0;
    if (!sync->threaded) {
        sync_main(sync);
    }
    return CLI_OK;
}

bool folder_syncs(const struct folder *folder)
{
    return folder->sync.begun && !atomic_load(&folder->sync.done);
}

/* The errno; 0: good, or nothing was begun. */
static int sync_wait(struct folder *folder)
{
    struct folder_sync *sync = &folder->sync;
    if (!sync->begun) {
        return 0;
    }
    if (sync->threaded) {
        pthread_join(sync->thread, NULL);
    }
    close(sync->fd);
    sync->begun = false;
    return sync->why;
}

int folder_sync_wait(struct folder *folder)
{
    int why = sync_wait(folder);
    return why == 0 ? CLI_OK : folder_cannot(folder, folder->part, why);
}

void folder_release(struct folder *folder)
{
    (void)sync_wait(folder);
    buf_release(&folder->text);
    free(folder->written);
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

int folder_file_begin(struct folder *folder, const char *path, struct folder_file *out)
{
    *out = (struct folder_file){.folder = folder, .path = path};
    out->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    sha256_init(&out->sha);
    return out->fd >= 0 ? CLI_OK : folder_cannot(folder, path, errno);
}

int folder_file_add(struct folder_file *file, struct view content)
{
    bool whole = true;
    for (size_t at = 0; whole && at < content.len;) {
        ssize_t put = write(file->fd, content.data + at, content.len - at);
        whole = put > 0;
        at += whole ? (size_t)put : 0;
    }
    int why = errno;
    sha256_add(&file->sha, content.data, content.len);
    return whole ? CLI_OK : folder_cannot(file->folder, file->path, why);
}

int folder_file_flush(struct folder_file *file, bool all)
{
    enum { FLUSH_BYTES = 1 << 16 };
    struct buf *text = &file->folder->text;
    if (text->len < FLUSH_BYTES && !all) {
        return CLI_OK;
    }
    int status = folder_file_add(file, buf_content(text));
    buf_clear(text);
    return status;
}

static struct folder_written *written_new(struct folder *folder)
{
    if (folder->written_count == folder->written_alloc) {
        folder->written_alloc = folder->written_alloc == 0 ? 256 : folder->written_alloc * 2;
        folder->written = xrealloc(folder->written, folder->written_alloc, sizeof *folder->written);
    }
    struct folder_written *one = &folder->written[folder->written_count];
    *one = (struct folder_written){.order = folder->written_count++};
    return one;
}

int folder_file_end(struct folder_file *file, int status)
{
    struct stat about;
    struct folder_written *one = written_new(file->folder);
    sha256_end(&file->sha, one->hash);
    one->inode = file->fd >= 0 && fstat(file->fd, &about) == 0 ? about.st_ino : 0;
    if (file->fd >= 0 && close(file->fd) != 0 && status == CLI_OK) {
        status = folder_cannot(file->folder, file->path, errno);
    }
    if (status != CLI_OK) {
        unlink(file->path);
    }
    return status;
}

int folder_write(struct folder *folder, const char *path, struct view content)
{
    struct folder_file file;
    int status = folder_file_begin(folder, path, &file);
    status = status == CLI_OK ? folder_file_add(&file, content) : status;
    return folder_file_end(&file, status);
}

int folder_make(struct folder *folder, const char *path)
{
    return mkdir(path, 0755) == 0 || errno == EEXIST ? CLI_OK : folder_cannot(folder, path, errno);
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

struct file_name {
    char *name;
    ino_t inode; /* a file with two names is read once */
    uint8_t hash[SHA256_LEN];
};

struct file_names {
    struct file_name *all;
    size_t count, alloc;
};

static int names_compare(const void *left, const void *right)
{
    return strcmp(((const struct file_name *)left)->name, ((const struct file_name *)right)->name);
}

static int inodes_compare(const void *left, const void *right)
{
    ino_t a = ((const struct file_name *)left)->inode;
    ino_t b = ((const struct file_name *)right)->inode;
    return (a > b) - (a < b);
}

static void name_add(struct file_names *names, char *name, ino_t inode)
{
    if (names->count == names->alloc) {
        names->alloc = names->alloc == 0 ? 256 : names->alloc * 2;
        names->all = xrealloc(names->all, names->alloc, sizeof *names->all);
    }
    names->all[names->count++] = (struct file_name){.name = name, .inode = inode};
}

/* Names of all files below a folder, behind its own. */
static int names_take(struct folder *f, const char *below, struct file_names *out)
{
    struct arena *arena = &f->cli->arena;
    const char *path = below[0] == '\0' ? f->part : folder_path(f, "%s", below);
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
        if (fstatat(dirfd(listing), item->d_name, &about, 0) != 0) {
            status = folder_cannot(f, name, errno);
        } else if (S_ISDIR(about.st_mode)) {
            status = names_take(f, name, out);
        } else if (strcmp(name, FOLDER_RESUME) != 0 && strcmp(name, "SHA256SUMS") != 0) {
            name_add(out, name, about.st_ino);
        }
    }
    closedir(listing);
    return status;
}

static int file_hash(struct folder *f, int part, struct file_name *one)
{
    static char block[1 << 16];
    struct sha256 sha;
    sha256_init(&sha);
    int fd = openat(part, one->name, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : 0;
    while (fd >= 0 && (got = read(fd, block, sizeof block)) > 0) {
        sha256_add(&sha, block, (size_t)got);
    }
    int why = errno;
    if (fd >= 0) {
        close(fd);
    }
    sha256_end(&sha, one->hash);
    return got < 0
               ? cli_fail(CLI_FAILED, "%s/%s cannot be read: %s", f->part, one->name, strerror(why))
               : CLI_OK;
}

/* The number of an inode is given again when its file is gone: the last one counts. */
static int written_compare(const void *left, const void *right)
{
    const struct folder_written *a = left;
    const struct folder_written *b = right;
    int order = (a->inode > b->inode) - (a->inode < b->inode);
    return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

/* What this run wrote it knows; the rest is read. */
static int hashes_fill(struct folder *f, struct file_names *names)
{
    int status = CLI_OK;
    size_t at = 0;
    int part = open(f->part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    qsort(names->all, names->count, sizeof *names->all, inodes_compare);
    if (f->written_count > 0) {
        qsort(f->written, f->written_count, sizeof *f->written, written_compare);
    }
    for (size_t i = 0; i < names->count && status == CLI_OK; i++) {
        struct file_name *one = &names->all[i];
        cli_progress(f->cli, "summing up", i, names->count);
        while (at < f->written_count && f->written[at].inode <= one->inode) {
            at++;
        }
        if (at > 0 && f->written[at - 1].inode == one->inode) {
            memcpy(one->hash, f->written[at - 1].hash, sizeof one->hash);
        } else if (i > 0 && one[-1].inode == one->inode) {
            memcpy(one->hash, one[-1].hash, sizeof one->hash);
        } else {
            status = file_hash(f, part, one);
        }
    }
    cli_progress_end(f->cli);
    if (part >= 0) {
        close(part);
    }
    qsort(names->all, names->count, sizeof *names->all, names_compare);
    return status;
}

static int sums_write(struct folder *f, size_t *files)
{
    struct file_names names = {0};
    struct folder_file sums;
    buf_clear(&f->text);
    int status = names_take(f, "", &names);
    if (status == CLI_OK && names.count > 0) {
        status = hashes_fill(f, &names);
    }
    if (status == CLI_OK) {
        status = folder_file_begin(f, folder_path(f, "SHA256SUMS"), &sums);
        for (size_t i = 0; i < names.count && status == CLI_OK; i++) {
            char hex[SHA256_LEN * 2 + 1];
            text_to_hex(names.all[i].hash, SHA256_LEN, hex);
            buf_printf(&f->text, "%s  %s\n", hex, names.all[i].name);
            status = folder_file_flush(&sums, i + 1 == names.count);
        }
        status = folder_file_end(&sums, status);
    }
    *files = names.count + 1;
    free(names.all);
    return status;
}

/* A file, or the names in a folder, alone: what others write on that disk is not waited for. */
static int path_sync(const struct folder *folder, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0) {
        close(fd);
    }
    return synced ? CLI_OK : folder_cannot(folder, path, why);
}

int folder_end(struct folder *folder, size_t *files)
{
    char *parent = dirname(arena_string(&folder->cli->arena, view_of(folder->dir)));
    int status = folder_sync_wait(folder);
    status = status == CLI_OK ? folder_sync_begin(folder) : status;
    status = status == CLI_OK ? sums_write(folder, files) : status;
    int synced = folder_sync_wait(folder);
    status = status == CLI_OK ? synced : status;
    status = status == CLI_OK ? path_sync(folder, folder_path(folder, "SHA256SUMS")) : status;
    status = status == CLI_OK ? path_sync(folder, folder->part) : status;
    if (status == CLI_OK && unlink(folder_path(folder, FOLDER_RESUME)) != 0 && errno != ENOENT) {
        status = folder_cannot(folder, FOLDER_RESUME, errno);
    }
    if (status == CLI_OK && rename(folder->part, folder->dir) != 0) {
        status = folder_cannot(folder, folder->dir, errno);
    }
    return status == CLI_OK ? path_sync(folder, parent) : status;
}
