#include "process/progress.h"

#include <unistd.h>

#include "base/banned.h"

enum { QUIET_MS = 2000, REDRAW_MS = 100, BAR = 30 };

void progress_begin(struct progress *progress, const struct env *env, const char *what)
{
    *progress = (struct progress){.env = env, .what = what, .started_ns = env_monotonic_ns(env)};
}

void progress_step(struct progress *progress, uint64_t done, uint64_t of)
{
    int64_t now = env_monotonic_ns(progress->env);
    if (isatty(STDERR_FILENO) == 0 || now - progress->started_ns < QUIET_MS * (int64_t)1000000 ||
        now - progress->drawn_ns < REDRAW_MS * (int64_t)1000000) {
        return;
    }
    progress->drawn_ns = now;
    progress->drawn = true;
    if (of == 0) {
        fprintf(stderr, "\r%s: %llu", progress->what, (unsigned long long)done);
        return;
    }
    int full = (int)((done < of ? done : of) * BAR / of);
    fprintf(stderr, "\r%s [%.*s%*s] %llu of %llu", progress->what, full,
            "##############################", BAR - full, "", (unsigned long long)done,
            (unsigned long long)of);
}

void progress_end(struct progress *progress)
{
    if (progress->drawn) {
        fputs("\r\033[K", stderr);
    }
}
