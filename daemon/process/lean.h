/* Memory that only a start needs: the symbols of libraries, code that runs once. It is the page
 * cache's as well, which brings back what is wanted again. On a small box it is what a daemon that
 * waits for visitors mostly consists of. */
#ifndef PROCESS_LEAN_H
#define PROCESS_LEAN_H

/* Once, when the start is over. Any thread. */
void lean_give_back(void);

#endif
