/* Documents that no month of the reference holds: every regime, credit notes, pro forma, names that
 * break naive writers, amounts and lengths at their ends. */
#ifndef TESTS_PAPER_CASES_H
#define TESTS_PAPER_CASES_H

#include "core/paper/evidence.h"
#include "core/paper/make.h"

/* Called for each, in order; what it gets ends with the call. */
typedef void (*case_fn)(void *context, const char *name, bool employer,
                        const struct invoice *invoice, const struct evidence *evidence);
void cases_each(case_fn each, void *context);

#endif
