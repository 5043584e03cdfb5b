/* Runs a fuzz harness over every file of the folders given: its seeds, and what once broke it.
 * Each input is cut at a few lengths too, so that a truncated message is always among them, and
 * lies at the end of its own allocation, so that valgrind and ASan see a read past it. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

enum { INPUT_BYTES_MAX = 1 << 20 };

static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL) {
        abort();
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static int replay_file(const char *path)
{
    static uint8_t data[INPUT_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    size_t size = fread(data, 1, sizeof(data), file);
    fclose(file);
    run(data, size);
    for (size_t cut = 1; cut <= 16 && cut < size; cut++) {
        run(data, size - cut);
        run(data, size * cut / 17);
    }
    return 0;
}

int main(int argc, char **argv)
{
    int seeds = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (folder == NULL) {
            perror(argv[i]);
            return 1;
        }
        for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
            char path[4096];
            struct stat status;
            snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
            if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) {
                continue;
            }
            printf("%s\n", path);
            fflush(stdout);
            if (replay_file(path) != 0) {
                closedir(folder);
                return 1;
            }
            seeds++;
        }
        closedir(folder);
    }
    if (seeds == 0) {
        fprintf(stderr, "no seed found: each harness has some in tests/fuzz/corpus/<name>/\n");
        return 1;
    }
    run((const uint8_t *)"", 0);
    printf("%d seeds\n", seeds);
    return 0;
}
