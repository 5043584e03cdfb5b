/* A line on the terminal that says how far a long command is; nothing when stderr is no terminal,
 * and nothing in the first two seconds. */
#ifndef PROCESS_PROGRESS_H
#define PROCESS_PROGRESS_H

#include <stdbool.h>

#include "base/env.h"

struct progress {
    const struct env *env;
    const char *what;   /* "Verifying feeds" */
    int64_t started_ns;
    int64_t drawn_ns;
    bool drawn;
};
void progress_begin(struct progress *progress, const struct env *env, const char *what);
/* of 0: not known. */
void progress_step(struct progress *progress, uint64_t done, uint64_t of);
void progress_end(struct progress *progress);

#endif
