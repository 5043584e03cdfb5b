#include "process/lean.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

void lean_one_heap(void)
{
    enum { LARGE_BYTES = 64 * 1024 };
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
}

/* Mapped from a file and never written to: code, or the first pages of a library, which hold its
 * symbols. Others may have been relocated, and would lose that. */
static bool is_as_in_the_file(const char *rights, unsigned long long offset, const char *path)
{
    return path[0] == '/' &&
           (strcmp(rights, "r-xp") == 0 || (strcmp(rights, "r--p") == 0 && offset == 0));
}

void lean_give_back(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    malloc_trim(0);
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        unsigned long long from, to, offset;
        char rights[5], path[2] = "";
        int fields = sscanf(line, "%llx-%llx %4s %llx %*s %*s %1s", &from, &to, rights, &offset,
                            path);
        if (fields == 5 && is_as_in_the_file(rights, offset, path)) {
            madvise((void *)(unsigned long)from, to - from, MADV_DONTNEED);
        }
    }
    if (maps != NULL) {
        fclose(maps);
    }
}

void lean_allocator(void)
{
    enum { LARGE = 8 << 20, KEPT = 16 << 20 }; /* pages of an export are used again */
    mallopt(M_MMAP_THRESHOLD, LARGE);
    mallopt(M_TRIM_THRESHOLD, KEPT);
}
