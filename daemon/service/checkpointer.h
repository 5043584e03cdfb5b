/* Keeps the write-ahead log short under endless load. A thread copies it back while others write;
 * it never catches up with the last frames, and only a log that is copied whole can start anew: so
 * past a second length, and when the thread has left little to do, the writer pauses between two
 * groups and copies those itself.
 *
 * Without a thread (a simulator), the writer does both. */
#ifndef SERVICE_CHECKPOINTER_H
#define SERVICE_CHECKPOINTER_H

#include "base/log.h"
#include "store/db/db.h"

struct checkpointer;

/* `db` is the writer's connection, borrowed. */
struct checkpointer *checkpointer_new(struct db *db, const struct log *log, int64_t soft_frames,
                                      int64_t hard_frames);
void checkpointer_free(struct checkpointer *checkpointer);
must_check int checkpointer_start(struct checkpointer *checkpointer, struct fault *fault);
void checkpointer_stop(struct checkpointer *checkpointer);

/* By the writer, outside a transaction, with the length of the log. Wakes the thread or does the
 * work. Returns 1 when the writer paused for it, else 0. */
unsigned checkpointer_after_commit(struct checkpointer *checkpointer, int64_t frames);

/* By the writer, after its clock's work: empties a log that is to be emptied, or tries so; after a
 * failure again half a minute later. The monotonic clock. */
void checkpointer_after_tick(struct checkpointer *checkpointer, int64_t now_ns);

#endif
