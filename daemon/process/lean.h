/* Memory that only a start needs: the symbols of libraries, code that runs once. It is the page
 * cache's as well, which brings back what is wanted again. On a small box it is what a daemon that
 * waits for visitors mostly consists of. */
#ifndef PROCESS_LEAN_H
#define PROCESS_LEAN_H

/* Before there are threads: all use one heap, and what is free at its end goes back. For a daemon
 * with few threads; those of a large one would wait for each other. */
void lean_one_heap(void);
/* Once, when the start is over. Any thread. */
void lean_give_back(void);

/* Once, before there are threads: what is large goes back to the system when it is freed. By itself
 * glibc keeps tens of MiB for each thread that had a large block, such as a long invoice. */
void lean_allocator(void);

#endif
