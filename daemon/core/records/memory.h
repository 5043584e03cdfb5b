/* A network in memory, read from CSV tables: a `struct known` without history, for the simulation
 * of a month (`only_computes`), and for a look at files that need each other before they are
 * imported (clear `known.only_computes`). Not shared between threads. */
#ifndef CORE_RECORDS_MEMORY_H
#define CORE_RECORDS_MEMORY_H

#include "base/map.h"
#include "core/records/table.h"

struct memory_list {
    const ProtobufCMessage **items;
    size_t count, alloc;
};

struct memory {
    struct arena arena;
    struct map by_id[9];           /* by number of the table */
    struct memory_list records[9]; /* in the order of the file; sites with their stops */
    const char *operator_id;
    struct known known;
};

/* `seed` keeps whoever chooses the ids from making the lookup slow. The memory must not move. */
void memory_init(struct memory *memory, uint64_t seed);
void memory_release(struct memory *memory);

/* Reads one table and remembers what stood the checks. An error is of the whole file, as that of
 * table_read(). */
must_check int memory_take(struct memory *memory, Passerelle__V1__Table table, struct view csv,
                           struct table_reading *out, struct fault *fault);
/* Reads one table after those that it refers to (members, sites, stops, employers, plans, carnets,
 * holders; tariffs at any time). Calls `refused` for each line that a check objects to and returns
 * E_INVALID when there was one; an error of the whole file has its sentence in `fault`. */
must_check int memory_read(struct memory *memory, Passerelle__V1__Table table, struct view csv,
                           void (*refused)(void *context, size_t line, const char *sentence),
                           void *context, struct fault *fault);

#endif
