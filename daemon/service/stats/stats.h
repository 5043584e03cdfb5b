/* StatsService: what the Region may know, statements for each party, and how sites record. */
#ifndef SERVICE_STATS_STATS_H
#define SERVICE_STATS_STATS_H

#include "service/method.h"

extern const struct method stats_methods[];
extern const size_t stats_method_count;

#endif
