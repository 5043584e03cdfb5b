/* StatsService: what the Region may know (counts of at least 5 holders), and how sites record. */
#ifndef SERVICE_STATS_STATS_H
#define SERVICE_STATS_STATS_H

#include "service/method.h"

extern const struct method stats_methods[];
extern const size_t stats_method_count;

/* The least number of distinct holders of a count that is told (DESIGN 11). */
enum { STATS_HOLDERS_MIN = 5 };

#endif
