#include "store/db/gather.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"

/* What SQLite's VFS for Unix writes at once: it takes no more than 17 bits of a length. */
enum { GATHER_BYTES = 0x1ffff };

struct gather {
    sqlite3_vfs vfs; /* first: SQLite hands it back */
    sqlite3_vfs *under;
    char name[32];
};

/* The file of the layer beneath lies behind it. */
struct log_file {
    sqlite3_file base;
    char *bytes; /* gathered: from `start` on, `len` of them */
    sqlite3_int64 start;
    int len;
    _Alignas(8) char under[];
};

static sqlite3_file *under(sqlite3_file *file)
{
    return (sqlite3_file *)(void *)((struct log_file *)file)->under;
}

/* What cannot be written is given up: the transaction fails, and the next one writes it anew. */
static int flush(struct log_file *log)
{
    int len = log->len;
    log->len = 0;
    sqlite3_file *file = under(&log->base);
    return len == 0 ? SQLITE_OK : file->pMethods->xWrite(file, log->bytes, len, log->start);
}

static int log_close(sqlite3_file *base)
{
    struct log_file *log = (struct log_file *)base;
    int rc = flush(log);
    int closed = under(base)->pMethods->xClose(under(base));
    free(log->bytes);
    return rc != SQLITE_OK ? rc : closed;
}

static int log_read(sqlite3_file *base, void *out, int len, sqlite3_int64 at)
{
    struct log_file *log = (struct log_file *)base;
    int rc = SQLITE_OK;
    if (at + len > log->start) {
        rc = flush(log);
    }
    return rc != SQLITE_OK ? rc : under(base)->pMethods->xRead(under(base), out, len, at);
}

static int log_write(sqlite3_file *base, const void *bytes, int len, sqlite3_int64 at)
{
    struct log_file *log = (struct log_file *)base;
    if (log->len > 0 && (at != log->start + log->len || len > GATHER_BYTES - log->len)) {
        int rc = flush(log);
        if (rc != SQLITE_OK) {
            return rc;
        }
    }
    if (len > GATHER_BYTES) {
        return under(base)->pMethods->xWrite(under(base), bytes, len, at);
    }
    if (log->len == 0) {
        log->start = at;
    }
    memcpy(log->bytes + log->len, bytes, (size_t)len);
    log->len += len;
    return SQLITE_OK;
}

static int log_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    int rc = flush((struct log_file *)base);
    return rc != SQLITE_OK ? rc : under(base)->pMethods->xTruncate(under(base), size);
}

static int log_sync(sqlite3_file *base, int flags)
{
    int rc = flush((struct log_file *)base);
    return rc != SQLITE_OK ? rc : under(base)->pMethods->xSync(under(base), flags);
}

static int log_size(sqlite3_file *base, sqlite3_int64 *out)
{
    int rc = flush((struct log_file *)base);
    return rc != SQLITE_OK ? rc : under(base)->pMethods->xFileSize(under(base), out);
}

static int log_lock(sqlite3_file *base, int level)
{
    return under(base)->pMethods->xLock(under(base), level);
}

static int log_unlock(sqlite3_file *base, int level)
{
    return under(base)->pMethods->xUnlock(under(base), level);
}

static int log_is_reserved(sqlite3_file *base, int *out)
{
    return under(base)->pMethods->xCheckReservedLock(under(base), out);
}

static int log_control(sqlite3_file *base, int op, void *argument)
{
    return under(base)->pMethods->xFileControl(under(base), op, argument);
}

static int log_sector(sqlite3_file *base)
{
    return under(base)->pMethods->xSectorSize(under(base));
}

static int log_device(sqlite3_file *base)
{
    return under(base)->pMethods->xDeviceCharacteristics(under(base));
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1, /* shared memory and maps are of the database's file */
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_is_reserved,
    .xFileControl = log_control,
    .xSectorSize = log_sector,
    .xDeviceCharacteristics = log_device,
};

static int gather_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    struct gather *gather = (struct gather *)vfs;
    if ((flags & SQLITE_OPEN_WAL) == 0) {
        return gather->under->xOpen(gather->under, name, file, flags, out);
    }
    struct log_file *log = (struct log_file *)file;
    *log = (struct log_file){0};
    int rc = gather->under->xOpen(gather->under, name, under(file), flags, out);
    if (rc != SQLITE_OK) {
        if (under(file)->pMethods != NULL) {
            under(file)->pMethods->xClose(under(file));
        }
        return rc;
    }
    log->bytes = xmalloc(GATHER_BYTES);
    log->base.pMethods = &log_methods;
    return SQLITE_OK;
}

struct gather *gather_new(const char *vfs)
{
    sqlite3_vfs *found = sqlite3_vfs_find(vfs);
    if (found == NULL) {
        return NULL;
    }
    struct gather *gather = xcalloc(1, sizeof *gather);
    snprintf(gather->name, sizeof gather->name, "gather-%p", (void *)gather);
    gather->under = found;
    gather->vfs = *found; /* all else is the VFS's own */
    gather->vfs.szOsFile = (int)sizeof(struct log_file) + found->szOsFile;
    gather->vfs.pNext = NULL;
    gather->vfs.zName = gather->name;
    gather->vfs.xOpen = gather_open;
    int rc = sqlite3_vfs_register(&gather->vfs, 0);
    assert(rc == SQLITE_OK);
    return gather;
}

const char *gather_name(const struct gather *gather)
{
    return gather->name;
}

void gather_free(struct gather *gather)
{
    if (gather != NULL) {
        sqlite3_vfs_unregister(&gather->vfs);
        free(gather);
    }
}
