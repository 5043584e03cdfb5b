/* A disk in memory for SQLite, that fails when told to. Each file has two contents: what the
 * running program sees, and what is certain to be there after a power cut; a sync makes the second
 * equal to the first. Between syncs a write is certain of nothing.
 *
 * Limits: making and deleting files is durable at once; everything happens on one thread. */
#ifndef TESTS_LIB_VFS_TWIN_H
#define TESTS_LIB_VFS_TWIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vfs_twin;

enum vfs_fault {
    VFS_FAULT_NONE,
    VFS_FAULT_ONCE,    /* the operation fails, half done; the next one works */
    VFS_FAULT_LASTING, /* this one and all that follow fail */
    VFS_FAULT_CUT,     /* the power goes: this one is half done, nothing works any more until
                          vfs_twin_power_cut() */
};

enum vfs_operation { VFS_READ, VFS_WRITE, VFS_TRUNCATE, VFS_SYNC };

/* Registers the disk with SQLite under this name (db_options.vfs). */
struct vfs_twin *vfs_twin_new(const char *name);
/* All connections must be closed. */
void vfs_twin_free(struct vfs_twin *twin);

/* Counts reads, writes (one for each 4 KiB), truncations and syncs from 1. The operation with that
 * number from now on meets the fault. */
void vfs_twin_plan(struct vfs_twin *twin, enum vfs_fault fault, uint64_t operation);
/* Operations since the last plan; whether the planned fault has happened. */
uint64_t vfs_twin_operations(const struct vfs_twin *twin);
bool vfs_twin_struck(const struct vfs_twin *twin);
/* What the operation was that met it. */
enum vfs_operation vfs_twin_struck_at(const struct vfs_twin *twin);
/* Bytes that the disk holds; a write that needs more fails as "disk full". 0: no limit. */
void vfs_twin_set_capacity(struct vfs_twin *twin, size_t bytes);
size_t vfs_twin_used(const struct vfs_twin *twin);

/* The power goes now: every operation fails. Close the connections, then vfs_twin_power_cut(). */
void vfs_twin_stop(struct vfs_twin *twin);
/* The power comes back: of each write that was not synced, in order, chance decides whether it is
 * there, not there, or torn. No connection may be open. The plan is forgotten. */
void vfs_twin_power_cut(struct vfs_twin *twin, uint64_t seed);
/* Turns over the bits of one byte of a file, for good, if it is that long. */
bool vfs_twin_flip(struct vfs_twin *twin, const char *file, size_t offset);
/* Bytes of a file; 0 when there is none. */
size_t vfs_twin_size(const struct vfs_twin *twin, const char *file);

/* All files as the running program sees them: what a copy of the folder would hold. */
struct vfs_copy;
struct vfs_copy *vfs_twin_copy(const struct vfs_twin *twin);
void vfs_copy_free(struct vfs_copy *copy);
/* The disk holds these files and no others, all certain; NULL: none at all. No connection may be
 * open. */
void vfs_twin_put(struct vfs_twin *twin, const struct vfs_copy *copy);

#endif
