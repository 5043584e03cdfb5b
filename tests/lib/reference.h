/* The reference network of config/reference in memory, for tests of rating and close. Reads the
 * files with a reader of its own, which expects them to be right: a surprise stops the test. */
#ifndef TESTS_LIB_REFERENCE_H
#define TESTS_LIB_REFERENCE_H

#include "core/day/opening_hours.h"
#include "core/rating/rating.h"

struct reference {
    struct roster roster;
    struct opening_hours *hours; /* by site, before the freeze */
    struct stay *stays;
    size_t stay_count;
};

void reference_load(struct reference *reference, const char *folder);
void reference_release(struct reference *reference);
/* A whole file; the caller frees. */
char *reference_file(const char *folder, const char *name, size_t *len);

#endif
