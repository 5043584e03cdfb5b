/* The writer: one place where decisions are taken, in order. Calls wait in a bounded queue; the
 * writer takes what is there (at most one group), runs each in a savepoint inside one transaction
 * (or without, see method.fails_unwritten), commits, and only then ends them: an answer that left
 * is on the disk. Who comes while a group runs joins it, while it commits the next one gathers; and
 * when the last one had many calls, the next waits for as many, as long as a commit takes at most.
 *
 * Bulk methods (method.bulk) write much: a group with other calls takes one of them, and a small
 * portion of it, and then none for four times as long while others go on coming; without, some
 * more. What is left of it goes to the end of the queue. While bulk comes in, the clock's work has
 * a tenth of the time.
 *
 * When the commit fails (disk full, disk broken), no call of the group happened: each ends with
 * `unavailable` (`data_loss` when the database is damaged) and a sentence, the caches go back, and
 * the next group tries again.
 *
 * It runs in three ways, by the same code: writer_start() gives it a thread; writer_try() lets the
 * thread that has a call do the whole group of one itself when the writer is idle, which spares two
 * hops; writer_step() runs one group at a time without any thread, for a simulator.
 *
 * Threads: writer_submit(), writer_try() and writer_metrics() from any; the hooks run on whichever
 * thread does the work, never two at a time. */
#ifndef SERVICE_WRITER_H
#define SERVICE_WRITER_H

#include "base/env.h"
#include "base/log.h"
#include "service/method.h"
#include "service/metrics.h"
#include "store/db/db.h"
#include "store/feed/feed.h"

/* What the services plug in. All but `run` may be NULL. Hooks write through the writer's
 * connection; they never begin or end a transaction. */
struct writer_hooks {
    void *context;
    /* Looks up the request id, decides, applies. Sets the response, or fails the call: then what it
     * wrote is undone. */
    void (*run)(void *context, struct call *call);
    /* Caches beside the database follow it: a mark before each call, undone when the call failed;
     * committed or abandoned as a whole. The writer does the same for its `feeds` itself. */
    size_t (*mark)(void *context);
    void (*undo)(void *context, size_t mark);
    /* The last thing before the commit: what is written once for the whole group. */
    void (*flush)(void *context);
    void (*committed)(void *context);
    void (*abandoned)(void *context);
    /* Work that the clock asks for, in a transaction of its own: at least once a second, also when
     * nobody calls. `beside`: others than bulk wait for its end or will, so that it does little
     * at once.
     * True: there is more to do, come back before the second is over. */
    bool (*tick)(void *context, int64_t now_utc_ms, bool beside);
};

struct writer_options {
    struct db *db;         /* borrowed; the writer's alone from now on */
    struct feeds *feeds;   /* borrowed; may be NULL */
    const struct env *env; /* borrowed */
    const struct log *log; /* borrowed; may be NULL */
    struct writer_hooks hooks;
    size_t queue_max;       /* calls that may wait; 0: 4,096 */
    size_t group_max;       /* calls in a transaction; 0: 256 */
    int64_t wait_us;        /* how long a group waits to fill; 0: as the writer sees fit */
    int64_t tick_ms;        /* 0: 1,000 */
    /* Lengths of the write-ahead log, in pages: from the first on the checkpointer copies it back
     * while others write; past the second the writer pauses for the last frames, which lets the log
     * start anew. 0: 1,000 and 4,000 (16 MiB). A reader that holds a snapshot keeps it growing. */
    int64_t wal_soft_frames;
    int64_t wal_hard_frames;
};

struct writer_metrics {
    metric queued;            /* calls that wait now */
    metric refused_full;      /* calls refused since the queue was full */
    metric late;              /* calls dropped since their deadline had passed */
    metric groups;            /* transactions with calls, committed */
    metric groups_failed;     /* and given up */
    metric calls;             /* calls that were run */
    metric wal_frames;        /* length of the write-ahead log after the last commit */
    metric pauses;            /* checkpoints for which the writer paused */
    struct histogram group_size;
    struct histogram commit_ns;
    struct histogram wait_ns; /* from submit to the beginning of the group */
};

struct writer;

/* Nothing runs yet. */
struct writer *writer_new(const struct writer_options *options);
/* The queue must be empty and the threads stopped. NULL is fine. */
void writer_free(struct writer *writer);

/* Hands a call over; call->done is called once, on any thread, perhaps before this returns. A full
 * queue, or a writer that is stopping, ends it at once with `unavailable` and a time to retry. */
void writer_submit(struct writer *writer, struct call *call);
/* Runs the call here and now when the writer has nothing else to do: true, and it is done. False
 * when not: nothing happened, submit it. For a thread that has nothing else to do either, since it
 * stands still for the length of a commit. */
bool writer_try(struct writer *writer, struct call *call);
/* Runs the clock's work if it is due and then at most one group, in this thread. Returns how many
 * calls it ended. */
size_t writer_step(struct writer *writer);

/* Starts the writer's thread and the checkpointer's, which opens a connection of its own. */
must_check int writer_start(struct writer *writer, struct fault *fault);
/* Refuses new calls, ends those that wait, and joins the threads. */
void writer_stop(struct writer *writer);

/* Changes the limits of the queue and of a group, as in the options. Any thread. */
void writer_tune(struct writer *writer, size_t queue_max, size_t group_max, int64_t wait_us);

const struct writer_metrics *writer_metrics(const struct writer *writer);
/* All of them as Prometheus text, names beginning with `passerelle_writer_`. */
void writer_metrics_format(const struct writer *writer, struct buf *out);

#endif
