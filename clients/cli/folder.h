/* A folder that an export writes: complete or absent. It is written as DIR.part, where each file is
 * whole; it gets its name at the end, on the disk. Run again after it was stopped, the same command
 * goes on in DIR.part. Functions return a status; when it is not CLI_OK they have said why. */
#ifndef CLIENTS_CLI_FOLDER_H
#define CLIENTS_CLI_FOLDER_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "cli/command.h"
#include "crypt/sha256.h"

/* What a run that was stopped leaves to go on with; no part of the export. */
#define FOLDER_RESUME "resume"

struct folder {
    struct cli *cli;
    const char *dir;
    const char *part; /* where it is written */
    struct buf text;  /* scratch */
    struct folder_written {
        ino_t inode;
        size_t order;
        uint8_t hash[SHA256_LEN];
    } * written; /* by this run, for the sums */
    size_t written_count, written_alloc;
    struct folder_sync { /* on its way: see folder_sync_begin() */
        pthread_t thread;
        bool begun, threaded;
        atomic_bool done;
        int fd, why; /* errno; 0: it is on the disk */
    } sync;
};

/* Refuses a folder that is there already; makes nothing yet. Release in every case. */
int folder_begin(struct folder *folder, struct cli *cli, const char *dir);
void folder_release(struct folder *folder);

/* The path of a name in it, in the arena of cli. */
char *folder_path(struct folder *folder, const char *fmt, ...) printf_like(2, 3);
int folder_make(struct folder *folder, const char *path);
/* The file whole, or not there. */
int folder_write(struct folder *folder, const char *path, struct view content);
/* The same piece by piece: nothing of a large file is kept. A file that is not ended is not there.
 */
struct folder_file {
    struct folder *folder;
    const char *path;
    int fd;
    struct sha256 sha;
};
int folder_file_begin(struct folder *folder, const char *path, struct folder_file *out);
int folder_file_add(struct folder_file *file, struct view content);
/* Adds folder->text once there is enough of it, or `all` of it, and clears it then. */
int folder_file_flush(struct folder_file *file, bool all);
/* With the status so far, which it returns when it is not CLI_OK. */
int folder_file_end(struct folder_file *file, int status);
/* Everything written so far goes to the disk, by one call for many small files, while more is
 * written. One at a time: wait for it before the next. */
int folder_sync_begin(struct folder *folder);
/* One was begun and is not over. */
bool folder_syncs(const struct folder *folder);
/* What was written before the last begin is on the disk. CLI_OK when none was begun. */
int folder_sync_wait(struct folder *folder);
/* Replaces the file FOLDER_RESUME. */
int folder_resume(struct folder *folder, const char *line);
/* Says that the path cannot be written, and that nothing is half done. */
int folder_cannot(const struct folder *folder, const char *path, int why);
/* Names come from the hub: nothing of them leads out of the folder. */
bool folder_is_name(const char *text);

/* Writes SHA256SUMS; *files becomes how many files there are. Then the folder gets its name. */
int folder_end(struct folder *folder, size_t *files);

#endif
