/* Under valgrind a program is 30 times slower, under a sanitizer some times: PASSERELLE_TEST_STRIDE=7
 * has each loop that walks every value, size or round of something take each seventh. One digit; 1
 * when it is not set. */
#ifndef TESTS_STRIDE_H
#define TESTS_STRIDE_H

#include <stdlib.h>

static inline unsigned stride(void)
{
    const char *text = getenv("PASSERELLE_TEST_STRIDE");
    return text == NULL || text[0] < '1' || text[0] > '9' ? 1 : (unsigned)(text[0] - '0');
}

#endif
