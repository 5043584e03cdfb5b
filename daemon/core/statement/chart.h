/* Private to statement/: drawings as SVG. */
#ifndef CORE_STATEMENT_CHART_H
#define CORE_STATEMENT_CHART_H

#include "core/statement/statement.h"

void chart_svg(const struct statement_chart *chart, struct arena *arena, struct buf *out);
void map_svg(const struct statement_map *map, struct arena *arena, struct buf *out);

#endif
