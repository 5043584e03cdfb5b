#include "service/checkpointer.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"

enum { AHEAD_MIN = 512 }; /* frames for which another copy is worth its two syncs */
/* Before the pause the thread copies until so few frames come meanwhile, or so often. */
enum { FEW_FRAMES = 256, LAST_COPIES = 3 };
/* A log that cannot be emptied, since a disk is full for hours, is not copied again each tick. */
#define EMPTY_AGAIN_NS ((int64_t)30 * 1000 * 1000 * 1000)

struct checkpointer {
    struct db *writer_db;
    struct db *own_db; /* the thread's */
    const struct log *log;
    int64_t soft_frames;
    int64_t hard_frames;
    int64_t soft_at; /* the log's lengths at which something is done next; the writer's own */
    int64_t hard_at;
    int last_copies; /* how many of them were begun, and at which length the last one */
    int64_t last_copy_at;
    int64_t empty_at_ns; /* not before, by the monotonic clock */

    pthread_mutex_t lock; /* of the three below */
    pthread_cond_t wake;
    bool wanted;
    bool busy;
    bool stopping;
    pthread_mutex_t copying; /* held by whoever copies */
    pthread_t thread;
    bool started;
};

struct checkpointer *checkpointer_new(struct db *db, const struct log *log, int64_t soft_frames,
                                      int64_t hard_frames)
{
    struct checkpointer *checkpointer = xcalloc(1, sizeof *checkpointer);
    checkpointer->writer_db = db;
    checkpointer->log = log;
    checkpointer->soft_frames = checkpointer->soft_at = soft_frames;
    checkpointer->hard_frames = checkpointer->hard_at = hard_frames;
    pthread_mutex_init(&checkpointer->lock, NULL);
    pthread_mutex_init(&checkpointer->copying, NULL);
    pthread_cond_init(&checkpointer->wake, NULL);
    return checkpointer;
}

void checkpointer_free(struct checkpointer *checkpointer)
{
    if (checkpointer == NULL) {
        return;
    }
    assert(!checkpointer->started);
    pthread_cond_destroy(&checkpointer->wake);
    pthread_mutex_destroy(&checkpointer->copying);
    pthread_mutex_destroy(&checkpointer->lock);
    free(checkpointer);
}

static void tell(const struct checkpointer *checkpointer, int err, const struct fault *fault)
{
    if (err != E_OK) {
        log_event(checkpointer->log, LOG_WARNING, "checkpoint_failed",
                  LOG_S("reason", fault->text));
    }
}

/* A failure loses nothing: the log is only longer. */
static void copy_back(struct checkpointer *checkpointer, struct db *db)
{
    struct fault fault = FAULT_NONE;
    int64_t left = 0;
    pthread_mutex_lock(&checkpointer->copying);
    int err = db_checkpoint(db, &left, &fault);
    if (err == E_OK && db == checkpointer->own_db) {
        err = db_sync(db, &fault);
    }
    pthread_mutex_unlock(&checkpointer->copying);
    tell(checkpointer, err, &fault);
}

static void *checkpointer_main(void *argument)
{
    struct checkpointer *checkpointer = argument;
    pthread_mutex_lock(&checkpointer->lock);
    while (!checkpointer->stopping) {
        if (!checkpointer->wanted) {
            pthread_cond_wait(&checkpointer->wake, &checkpointer->lock);
            continue;
        }
        checkpointer->wanted = false;
        checkpointer->busy = true;
        pthread_mutex_unlock(&checkpointer->lock);
        copy_back(checkpointer, checkpointer->own_db);
        pthread_mutex_lock(&checkpointer->lock);
        checkpointer->busy = false;
    }
    pthread_mutex_unlock(&checkpointer->lock);
    return NULL;
}

int checkpointer_start(struct checkpointer *checkpointer, struct fault *fault)
{
    assert(!checkpointer->started);
    struct db_options options = {
        .path = db_path(checkpointer->writer_db), .mode = DB_WRITE, .cache_kib = 512};
    int err = db_open(&checkpointer->own_db, &options, fault);
    if (err != E_OK) {
        return err;
    }
    int rc = pthread_create(&checkpointer->thread, NULL, checkpointer_main, checkpointer);
    if (rc != 0) {
        db_free(checkpointer->own_db);
        checkpointer->own_db = NULL;
        return fault_set(fault, err_from_errno(rc), "cannot start the checkpointer's thread: %s",
                         strerror(rc));
    }
    checkpointer->started = true;
    return E_OK;
}

void checkpointer_stop(struct checkpointer *checkpointer)
{
    if (!checkpointer->started) {
        return;
    }
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->stopping = true;
    pthread_cond_signal(&checkpointer->wake);
    pthread_mutex_unlock(&checkpointer->lock);
    pthread_join(checkpointer->thread, NULL);
    db_free(checkpointer->own_db);
    checkpointer->own_db = NULL;
    checkpointer->started = false;
    checkpointer->stopping = false;
}

static void wake(struct checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->wanted = true;
    pthread_cond_signal(&checkpointer->wake);
    pthread_mutex_unlock(&checkpointer->lock);
}

static bool is_busy(struct checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->lock);
    bool busy = checkpointer->wanted || checkpointer->busy;
    pthread_mutex_unlock(&checkpointer->lock);
    return busy;
}

/* All wait through the pause: the thread first copies, and syncs, as much as it can. */
static bool copies_before_pause(struct checkpointer *checkpointer, int64_t frames)
{
    if (!checkpointer->started || frames >= checkpointer->hard_at + checkpointer->soft_frames) {
        return false;
    }
    if (is_busy(checkpointer)) {
        return true;
    }
    if (checkpointer->last_copies == LAST_COPIES ||
        (checkpointer->last_copies > 0 && frames - checkpointer->last_copy_at < FEW_FRAMES)) {
        return false;
    }
    checkpointer->last_copies++;
    checkpointer->last_copy_at = frames;
    wake(checkpointer);
    return true;
}

unsigned checkpointer_after_commit(struct checkpointer *checkpointer, int64_t frames)
{
    if (frames < checkpointer->soft_frames) { /* the log has started anew */
        checkpointer->soft_at = checkpointer->soft_frames;
        checkpointer->hard_at = checkpointer->hard_frames;
        checkpointer->last_copies = 0;
        return 0;
    }
    if (frames >= checkpointer->hard_at) {
        if (copies_before_pause(checkpointer, frames)) {
            return 0;
        }
        copy_back(checkpointer, checkpointer->writer_db);
        /* When all is copied and no reader looks into the log, the next write starts it anew. When
         * not: not again with each group. */
        checkpointer->hard_at = frames + checkpointer->soft_frames;
        checkpointer->last_copies = 0;
        return 1;
    }
    if (frames >= checkpointer->soft_at && checkpointer->started) {
        /* Again when two thirds of what is left have been written. */
        int64_t ahead = (checkpointer->hard_at - frames) * 2 / 3;
        checkpointer->soft_at =
            frames + (ahead > AHEAD_MIN ? ahead : checkpointer->soft_frames);
        wake(checkpointer);
    }
    return 0;
}

void checkpointer_after_tick(struct checkpointer *checkpointer, int64_t now_ns)
{
    struct fault fault = FAULT_NONE;
    if (!db_wants_empty_log(checkpointer->writer_db) || now_ns < checkpointer->empty_at_ns) {
        return;
    }
    pthread_mutex_lock(&checkpointer->copying);
    int err = db_empty_log(checkpointer->writer_db, &fault);
    pthread_mutex_unlock(&checkpointer->copying);
    checkpointer->empty_at_ns = err == E_OK ? 0 : now_ns + EMPTY_AGAIN_NS;
    tell(checkpointer, err, &fault);
}
