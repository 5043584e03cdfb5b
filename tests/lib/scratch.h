/* A folder for what a test writes: in $TMPDIR, which is in memory in most runs, since each commit
 * waits for a disk. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* Makes a new one and writes its path to out; whoever makes it removes it. */
static inline void scratch_make(char *out, size_t size)
{
    const char *tmp = getenv("TMPDIR");
    int len = snprintf(out, size, "%s/passerelle-test-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    ck_assert_int_lt(len, (int)size);
    ck_assert_ptr_nonnull(mkdtemp(out));
}

#endif
