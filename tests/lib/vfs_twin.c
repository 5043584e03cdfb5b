#include "lib/vfs_twin.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { LOCKS = SQLITE_SHM_NLOCK, REGIONS_MAX = 64 };

/* A write or a truncation (data NULL) that no sync has made certain. */
struct change {
    size_t offset; /* of a truncation: the new size */
    size_t len;
    uint8_t *data;
    struct change *next;
};

struct content {
    uint8_t *data;
    size_t len;
    size_t alloc;
};

struct handle;

/* A file; it outlives its name while handles are open. */
struct inode {
    char *name; /* NULL: deleted or temporary */
    struct content now;
    struct content certain;
    struct change *first;
    struct change **last;
    struct handle *handles;
    void *regions[REGIONS_MAX];
    struct inode *next;
};

struct handle {
    sqlite3_file base;
    struct vfs_twin *twin;
    struct inode *inode;
    struct handle *next;
    int lock;
    unsigned shm_shared;
    unsigned shm_exclusive;
};

struct vfs_twin {
    sqlite3_vfs vfs;
    sqlite3_vfs *system;
    struct inode *inodes;
    enum vfs_fault fault;
    uint64_t fault_at;
    uint64_t operations;
    bool struck;
    enum vfs_operation struck_at;
    size_t capacity;
};

enum { SECTOR = 4096 };

/* ---- content ---- */

static void content_write(struct content *content, const void *data, size_t len, size_t offset)
{
    size_t end = offset + len;
    if (end > content->alloc) {
        content->alloc = end * 2;
        content->data = xrealloc(content->data, content->alloc, 1);
    }
    if (offset > content->len) {
        memset(content->data + content->len, 0, offset - content->len);
    }
    if (len > 0) {
        memcpy(content->data + offset, data, len);
    }
    content->len = end > content->len ? end : content->len;
}

static void content_truncate(struct content *content, size_t len)
{
    content->len = len < content->len ? len : content->len;
}

static void content_apply(struct content *content, const struct change *change, size_t len)
{
    if (change->data == NULL) {
        content_truncate(content, change->offset);
    } else {
        content_write(content, change->data, len, change->offset);
    }
}

static void drop_changes(struct inode *inode)
{
    for (struct change *next, *change = inode->first; change != NULL; change = next) {
        next = change->next;
        free(change->data);
        free(change);
    }
    inode->first = NULL;
    inode->last = &inode->first;
}

static void note_change(struct inode *inode, const void *data, size_t len, size_t offset)
{
    struct change *change = xcalloc(1, sizeof *change);
    change->offset = offset;
    change->len = len;
    if (data != NULL) {
        change->data = xmalloc(len + 1);
        memcpy(change->data, data, len);
    }
    *inode->last = change;
    inode->last = &change->next;
    content_apply(&inode->now, change, len);
}

/* Shared memory is gone with the power. */
static void forget_regions(struct inode *inode)
{
    for (int i = 0; i < REGIONS_MAX; i++) {
        free(inode->regions[i]);
        inode->regions[i] = NULL;
    }
}

static void inode_free(struct inode *inode)
{
    drop_changes(inode);
    forget_regions(inode);
    free(inode->now.data);
    free(inode->certain.data);
    free(inode->name);
    free(inode);
}

/* ---- faults ---- */

/* Counts the operation; true when it is to fail. */
static bool strikes(struct handle *handle, enum vfs_operation operation)
{
    struct vfs_twin *twin = handle->twin;
    twin->operations++;
    bool now = twin->fault != VFS_FAULT_NONE && twin->operations == twin->fault_at;
    bool lasts = twin->struck && (twin->fault == VFS_FAULT_LASTING || twin->fault == VFS_FAULT_CUT);
    twin->struck |= now;
    twin->struck_at = now ? operation : twin->struck_at;
    return now || lasts;
}

void vfs_twin_plan(struct vfs_twin *twin, enum vfs_fault fault, uint64_t operation)
{
    twin->fault = fault;
    twin->fault_at = operation;
    twin->operations = 0;
    twin->struck = false;
}

uint64_t vfs_twin_operations(const struct vfs_twin *twin)
{
    return twin->operations;
}

bool vfs_twin_struck(const struct vfs_twin *twin)
{
    return twin->struck;
}

void vfs_twin_set_capacity(struct vfs_twin *twin, size_t bytes)
{
    twin->capacity = bytes;
}

enum vfs_operation vfs_twin_struck_at(const struct vfs_twin *twin)
{
    return twin->struck_at;
}

size_t vfs_twin_used(const struct vfs_twin *twin)
{
    size_t used = 0;
    for (const struct inode *inode = twin->inodes; inode != NULL; inode = inode->next) {
        used += inode->now.len;
    }
    return used;
}

/* ---- files ---- */

static int file_close(sqlite3_file *file)
{
    struct handle *handle = (struct handle *)file;
    struct inode *inode = handle->inode;
    struct handle **at = &inode->handles;
    while (*at != handle) {
        at = &(*at)->next;
    }
    *at = handle->next;
    if (inode->handles == NULL && inode->name == NULL) {
        struct inode **link = &handle->twin->inodes;
        while (*link != inode) {
            link = &(*link)->next;
        }
        *link = inode->next;
        inode_free(inode);
    }
    return SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *out, int amount, sqlite3_int64 offset)
{
    struct handle *handle = (struct handle *)file;
    const struct content *content = &handle->inode->now;
    size_t from = (size_t)offset;
    size_t len = (size_t)amount;
    if (strikes(handle, VFS_READ)) {
        return SQLITE_IOERR_READ;
    }
    size_t have = from >= content->len ? 0 : content->len - from;
    if (have > 0) {
        memcpy(out, content->data + from, have < len ? have : len);
    }
    if (have < len) {
        memset((char *)out + have, 0, len - have);
        return SQLITE_IOERR_SHORT_READ;
    }
    return SQLITE_OK;
}

static int write_piece(struct handle *handle, const void *data, size_t len, size_t offset)
{
    struct vfs_twin *twin = handle->twin;
    size_t end = offset + len;
    if (strikes(handle, VFS_WRITE)) {
        if (twin->fault == VFS_FAULT_ONCE || twin->operations == twin->fault_at) {
            note_change(handle->inode, data, len / 2, offset);
        }
        return SQLITE_IOERR_WRITE;
    }
    size_t grows = end > handle->inode->now.len ? end - handle->inode->now.len : 0;
    if (twin->capacity > 0 && grows > 0 && vfs_twin_used(twin) + grows > twin->capacity) {
        return SQLITE_FULL;
    }
    note_change(handle->inode, data, len, offset);
    return SQLITE_OK;
}

/* A large write is one operation for each sector: it can fail, and be lost or torn, at any. */
static int file_write(sqlite3_file *file, const void *data, int amount, sqlite3_int64 offset)
{
    int rc = SQLITE_OK;
    for (int done = 0; rc == SQLITE_OK && done < amount; done += SECTOR) {
        int len = amount - done < SECTOR ? amount - done : SECTOR;
        rc = write_piece((struct handle *)file, (const char *)data + done, (size_t)len,
                         (size_t)offset + (size_t)done);
    }
    return rc;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct handle *handle = (struct handle *)file;
    if (strikes(handle, VFS_TRUNCATE)) {
        return SQLITE_IOERR_TRUNCATE;
    }
    note_change(handle->inode, NULL, 0, (size_t)size);
    return SQLITE_OK;
}

static int file_sync(sqlite3_file *file, int flags)
{
    struct handle *handle = (struct handle *)file;
    struct inode *inode = handle->inode;
    (void)flags;
    if (strikes(handle, VFS_SYNC)) {
        return SQLITE_IOERR_FSYNC;
    }
    for (const struct change *change = inode->first; change != NULL; change = change->next) {
        content_apply(&inode->certain, change, change->len);
    }
    drop_changes(inode);
    return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)((struct handle *)file)->inode->now.len;
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *file, int level)
{
    struct handle *handle = (struct handle *)file;
    for (struct handle *other = handle->inode->handles; other != NULL; other = other->next) {
        bool conflict = level == SQLITE_LOCK_SHARED     ? other->lock >= SQLITE_LOCK_PENDING
                        : level == SQLITE_LOCK_RESERVED ? other->lock >= SQLITE_LOCK_RESERVED
                                                        : other->lock > SQLITE_LOCK_NONE;
        if (other != handle && conflict) {
            return SQLITE_BUSY;
        }
    }
    handle->lock = level > handle->lock ? level : handle->lock;
    return SQLITE_OK;
}

static int file_unlock(sqlite3_file *file, int level)
{
    ((struct handle *)file)->lock = level;
    return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *file, int *out)
{
    *out = 0;
    for (struct handle *other = ((struct handle *)file)->inode->handles; other != NULL;
         other = other->next) {
        *out |= other->lock >= SQLITE_LOCK_RESERVED;
    }
    return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int operation, void *argument)
{
    (void)file;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *file)
{
    (void)file;
    return SECTOR;
}

static int file_characteristics(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* as SQLite takes real disks to be */
}

/* ---- the WAL's shared memory ---- */

static int shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
    struct inode *inode = ((struct handle *)file)->inode;
    assert(region < REGIONS_MAX);
    if (inode->regions[region] == NULL && extend) {
        inode->regions[region] = xcalloc(1, (size_t)size);
    }
    *out = inode->regions[region];
    return SQLITE_OK;
}

static int shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    struct handle *handle = (struct handle *)file;
    unsigned mask = ((1u << count) - 1u) << offset;
    bool shared = (flags & SQLITE_SHM_SHARED) != 0;
    assert(offset + count <= LOCKS);
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        *(shared ? &handle->shm_shared : &handle->shm_exclusive) &= ~mask;
        return SQLITE_OK;
    }
    for (struct handle *other = handle->inode->handles; other != NULL; other = other->next) {
        unsigned held = other->shm_exclusive | (shared ? 0 : other->shm_shared);
        if (other != handle && (held & mask) != 0) {
            return SQLITE_BUSY;
        }
    }
    *(shared ? &handle->shm_shared : &handle->shm_exclusive) |= mask;
    return SQLITE_OK;
}

static void shm_barrier(sqlite3_file *file)
{
    (void)file;
    __sync_synchronize();
}

static int shm_unmap(sqlite3_file *file, int delete)
{
    struct handle *handle = (struct handle *)file;
    handle->shm_shared = 0;
    handle->shm_exclusive = 0;
    if (delete) {
        forget_regions(handle->inode);
    }
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

/* ---- the file system ---- */

static struct inode *find(const struct vfs_twin *twin, const char *name)
{
    struct inode *inode = twin->inodes;
    while (inode != NULL && (inode->name == NULL || strcmp(inode->name, name) != 0)) {
        inode = inode->next;
    }
    return inode;
}

static struct inode *make(struct vfs_twin *twin, const char *name)
{
    struct inode *inode = xcalloc(1, sizeof *inode);
    inode->name = name == NULL ? NULL : xstrdup(name);
    inode->last = &inode->first;
    inode->next = twin->inodes;
    twin->inodes = inode;
    return inode;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    struct vfs_twin *twin = vfs->pAppData;
    struct handle *handle = (struct handle *)file;
    memset(handle, 0, sizeof *handle);
    struct inode *inode = name == NULL ? NULL : find(twin, name);
    if (inode == NULL && name != NULL && (flags & SQLITE_OPEN_CREATE) == 0) {
        return SQLITE_CANTOPEN;
    }
    handle->base.pMethods = &methods;
    handle->twin = twin;
    handle->inode = inode != NULL ? inode : make(twin, name);
    handle->next = handle->inode->handles;
    handle->inode->handles = handle;
    if (out != NULL) {
        *out = flags;
    }
    return SQLITE_OK;
}

static void take_name(struct vfs_twin *twin, struct inode *inode)
{
    free(inode->name);
    inode->name = NULL;
    if (inode->handles == NULL) {
        struct inode **link = &twin->inodes;
        while (*link != inode) {
            link = &(*link)->next;
        }
        *link = inode->next;
        inode_free(inode);
    }
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    struct vfs_twin *twin = vfs->pAppData;
    (void)sync;
    struct inode *inode = find(twin, name);
    if (inode == NULL) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    if (twin->struck && twin->fault != VFS_FAULT_ONCE) {
        return SQLITE_IOERR_DELETE;
    }
    take_name(twin, inode);
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    (void)flags;
    struct inode *inode = find(vfs->pAppData, name);
    *out = inode != NULL;
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    (void)vfs;
    snprintf(out, (size_t)size, "%s", name);
    return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int len, char *out)
{
    (void)vfs;
    memset(out, 42, (size_t)len); /* the same run each time */
    return len;
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us;
}

static int vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
    (void)vfs;
    *out = 210866760000000; /* 1970, as SQLite counts */
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int len, char *out)
{
    (void)vfs;
    (void)len;
    (void)out;
    return 0;
}

struct vfs_twin *vfs_twin_new(const char *name)
{
    struct vfs_twin *twin = xcalloc(1, sizeof *twin);
    twin->vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = sizeof(struct handle),
        .mxPathname = 512,
        .zName = xstrdup(name),
        .pAppData = twin,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTimeInt64 = vfs_time,
        .xGetLastError = vfs_last_error,
    };
    sqlite3_vfs_register(&twin->vfs, 0);
    return twin;
}

void vfs_twin_free(struct vfs_twin *twin)
{
    sqlite3_vfs_unregister(&twin->vfs);
    for (struct inode *next, *inode = twin->inodes; inode != NULL; inode = next) {
        next = inode->next;
        assert(inode->handles == NULL);
        inode_free(inode);
    }
    free((char *)(uintptr_t)twin->vfs.zName);
    free(twin);
}

/* ---- power ---- */

static uint64_t draw(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

void vfs_twin_stop(struct vfs_twin *twin)
{
    vfs_twin_plan(twin, VFS_FAULT_CUT, 0);
    twin->struck = true;
}

/* What a file holds when the power is back. */
static void revive(struct inode *inode, uint64_t *seed)
{
    for (const struct change *change = inode->first; change != NULL; change = change->next) {
        uint64_t dice = draw(seed) % 4;
        if (dice == 0) {
            continue;
        }
        bool torn = dice == 1 && change->len > 0;
        content_apply(&inode->certain, change, torn ? draw(seed) % change->len : change->len);
    }
    drop_changes(inode);
    inode->now.len = 0;
    content_write(&inode->now, inode->certain.data, inode->certain.len, 0);
}

void vfs_twin_power_cut(struct vfs_twin *twin, uint64_t seed)
{
    for (struct inode *inode = twin->inodes; inode != NULL; inode = inode->next) {
        assert(inode->handles == NULL);
        revive(inode, &seed);
        forget_regions(inode);
    }
    vfs_twin_plan(twin, VFS_FAULT_NONE, 0);
}

bool vfs_twin_flip(struct vfs_twin *twin, const char *file, size_t offset)
{
    struct inode *inode = find(twin, file);
    if (inode == NULL || offset >= inode->now.len) {
        return false;
    }
    inode->now.data[offset] ^= 0xff;
    if (offset < inode->certain.len) {
        inode->certain.data[offset] ^= 0xff;
    }
    return true;
}

size_t vfs_twin_size(const struct vfs_twin *twin, const char *file)
{
    const struct inode *inode = find(twin, file);
    return inode == NULL ? 0 : inode->now.len;
}

/* ---- copies ---- */

struct vfs_copy {
    char *name;
    struct content content;
    struct vfs_copy *next;
};

struct vfs_copy *vfs_twin_copy(const struct vfs_twin *twin)
{
    struct vfs_copy *first = xcalloc(1, sizeof *first); /* a head without a name */
    for (const struct inode *inode = twin->inodes; inode != NULL; inode = inode->next) {
        if (inode->name != NULL) {
            struct vfs_copy *copy = xcalloc(1, sizeof *copy);
            copy->name = xstrdup(inode->name);
            content_write(&copy->content, inode->now.data, inode->now.len, 0);
            copy->next = first->next;
            first->next = copy;
        }
    }
    return first;
}

void vfs_copy_free(struct vfs_copy *copy)
{
    for (struct vfs_copy *next; copy != NULL; copy = next) {
        next = copy->next;
        free(copy->name);
        free(copy->content.data);
        free(copy);
    }
}

void vfs_twin_put(struct vfs_twin *twin, const struct vfs_copy *copy)
{
    for (struct inode *next, *inode = twin->inodes; inode != NULL; inode = next) {
        next = inode->next;
        assert(inode->handles == NULL);
        inode_free(inode);
    }
    twin->inodes = NULL;
    for (const struct vfs_copy *one = copy == NULL ? NULL : copy->next; one != NULL;
         one = one->next) {
        struct inode *inode = make(twin, one->name);
        content_write(&inode->now, one->content.data, one->content.len, 0);
        content_write(&inode->certain, one->content.data, one->content.len, 0);
    }
}
