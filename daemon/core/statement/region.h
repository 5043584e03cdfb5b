/* What the Region is told of a month: use and subsidy by territory, and how they compare with the
 * population. Never of fewer than five people (core/statement/territory.h). Pure; any thread. */
#ifndef CORE_STATEMENT_REGION_H
#define CORE_STATEMENT_REGION_H

#include "core/statement/statement.h"
#include "core/statement/territory.h"

struct region_input {
    struct view network; /* name */
    struct month month;
    bool provisional;
    struct territories territories;
    const struct statement_dot *sites; /* active ones */
    size_t site_count;
};

void statement_of_region(const struct region_input *input, struct arena *arena,
                         struct statement *out);

#endif
