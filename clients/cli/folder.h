/* A folder that an export writes: complete or absent. It is written as DIR.part, where each file is
 * whole; it gets its name at the end, on the disk. Run again after it was stopped, the same command
 * goes on in DIR.part. Functions return a status; when it is not CLI_OK they have said why. */
#ifndef CLIENTS_CLI_FOLDER_H
#define CLIENTS_CLI_FOLDER_H

#include "cli/command.h"

/* What a run that was stopped leaves to go on with; no part of the export. */
#define FOLDER_RESUME "resume"

struct folder {
    struct cli *cli;
    const char *dir;
    const char *part; /* where it is written */
    struct buf text;  /* scratch */
};

/* Refuses a folder that is there already; makes nothing yet. Release in every case. */
int folder_begin(struct folder *folder, struct cli *cli, const char *dir);
void folder_release(struct folder *folder);

/* The path of a name in it, in the arena of cli. */
char *folder_path(struct folder *folder, const char *fmt, ...) printf_like(2, 3);
int folder_make(struct folder *folder, const char *path);
/* The file whole, or not there. */
int folder_write(struct folder *folder, const char *path, struct view content);
/* Everything written so far is on the disk: one call for many small files. */
int folder_sync(struct folder *folder);
/* Replaces the file FOLDER_RESUME. */
int folder_resume(struct folder *folder, const char *line);
/* Says that the path cannot be written, and that nothing is half done. */
int folder_cannot(const struct folder *folder, const char *path, int why);
/* Names come from the hub: nothing of them leads out of the folder. */
bool folder_is_name(const char *text);

/* Writes SHA256SUMS; *files becomes how many files there are. Then the folder gets its name. */
int folder_end(struct folder *folder, size_t *files);

#endif
