/* Two locks. `queue_lock` guards the list of calls that wait and is held for a few instructions.
 * `work_lock` is the right to write: whoever holds it owns the connection, the feeds and the hooks.
 * Order: work_lock, then queue_lock. */
#include "service/writer.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/slice.h"
#include "service/checkpointer.h"

enum { RETRY_AFTER_S = 1, RETRY_AFTER_FAILURE_S = 5, SLICE_NS = 100 * 1000 };
/* Between two ticks that have more to do, while others wait. */
enum { TICK_BESIDE_NS = 20 * 1000 * 1000 };
/* Rows of bulk in a group: what makes the commit cheap, shared out over a few calls; when others
 * wait, or came a moment ago and will be back, a millisecond or two. */
enum { BULK_CALLS = 4, BULK_ROWS = 2048, BULK_ROWS_BESIDE = 192 };
enum { LATELY_NS = 100 * 1000 * 1000 };
/* Work rests after each bout for so many times as long: bulk while others come one behind the
 * other, since its rows lie all over the tables and are as dear to sync as to write; ticks while
 * bulk comes in, which gives them much to look at and is over the sooner without them. */
enum { BULK_RESTS = 4, TICK_RESTS = 9, REST_NS_MAX = 500 * 1000 * 1000 };
enum { NEXT_NS = 10 * 1000 * 1000 };
/* When a group had so many calls, as many are on their way: the next one waits for them. */
enum { MANY_CALLS = 5, FILL_NS_MAX = 2 * 1000 * 1000 };
/* A page and its header in SQLite's log. */
enum { WAL_FRAME_BYTES = 4096 + 24 };

/* The calls of one transaction, in the order in which they run. */
struct group {
    struct call *first;
    struct call **last; /* where the next one is linked */
    size_t count;
    size_t bulk; /* of these */
};

struct writer {
    struct writer_options options;
    struct writer_metrics metrics;

    pthread_mutex_t queue_lock;
    pthread_cond_t queue_wake;
    struct call *first;
    struct call **last; /* where the next one is linked */
    size_t queued;
    size_t queued_bulk; /* of these */
    int64_t others_ns;    /* when one that is not bulk was seen last; 0: never */
    int64_t bulk_ns;      /* when bulk came last, or a portion of it was done */
    int64_t next_bulk_ns; /* not before, while others come */
    size_t last_others;   /* of the last group, and when it ended */
    int64_t last_ns;
    int64_t commit_ns; /* of the last groups, about */
    bool sleeping; /* the thread waits for queue_wake */
    bool stopping;

    pthread_mutex_t work_lock;
    int64_t next_tick_ns;
    int64_t next_tick_in_bulk_ns; /* not before, while bulk comes in */
    bool failing; /* the last transaction failed: it is logged once, not once a group */

    struct checkpointer *checkpointer;
    pthread_t thread;
    bool started;
};

struct writer *writer_new(const struct writer_options *options)
{
    struct writer *writer = xcalloc(1, sizeof *writer);
    pthread_condattr_t monotonic;

    assert(options->hooks.run != NULL);
    writer->options = *options;
    struct writer_options *o = &writer->options;
    o->queue_max = o->queue_max == 0 ? 4096 : o->queue_max;
    o->group_max = o->group_max == 0 ? 256 : o->group_max;
    o->tick_ms = o->tick_ms == 0 ? 1000 : o->tick_ms;
    o->wal_soft_frames = o->wal_soft_frames == 0 ? 1000 : o->wal_soft_frames;
    o->wal_hard_frames = o->wal_hard_frames == 0 ? 4000 : o->wal_hard_frames;
    assert(o->wal_soft_frames <= o->wal_hard_frames);

    writer->last = &writer->first;
    pthread_mutex_init(&writer->queue_lock, NULL);
    pthread_mutex_init(&writer->work_lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->queue_wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    writer->checkpointer = checkpointer_new(o->db, o->log, o->wal_soft_frames, o->wal_hard_frames);
    return writer;
}

void writer_free(struct writer *writer)
{
    if (writer == NULL) {
        return;
    }
    assert(!writer->started);
    assert(writer->first == NULL);
    checkpointer_free(writer->checkpointer);
    pthread_cond_destroy(&writer->queue_wake);
    pthread_mutex_destroy(&writer->work_lock);
    pthread_mutex_destroy(&writer->queue_lock);
    free(writer);
}

static int64_t now_ns(const struct writer *writer)
{
    return env_monotonic_ns(writer->options.env);
}

/* ---- the queue ---- */

static bool is_bulk(const struct call *call)
{
    return call->method != NULL && call->method->bulk;
}

/* Holds queue_lock. True: the thread is to be woken. */
static bool put(struct writer *writer, struct call *call)
{
    call->next = NULL;
    *writer->last = call;
    writer->last = &call->next;
    if (is_bulk(call)) {
        writer->queued_bulk++;
        writer->bulk_ns = now_ns(writer);
    }
    metric_set(&writer->metrics.queued, ++writer->queued);
    bool wake = writer->sleeping;
    writer->sleeping = false;
    return wake;
}

void writer_submit(struct writer *writer, struct call *call)
{
    pthread_mutex_lock(&writer->queue_lock);
    bool stopping = writer->stopping;
    bool taken = !stopping && writer->queued < writer->options.queue_max;
    bool wake = taken && put(writer, call);
    pthread_mutex_unlock(&writer->queue_lock);
    if (wake) {
        pthread_cond_signal(&writer->queue_wake);
    }
    if (!taken) {
        metric_add(&writer->metrics.refused_full, 1);
        call->error.retry_after_s = RETRY_AFTER_S;
        call_fail(call, CODE_UNAVAILABLE, "%s; nothing was done, try again in a second",
                  stopping ? "the server is stopping" : "too many requests wait for the database");
        call->done(call);
    }
}

/* The rest of a call of which a portion was committed. */
static void put_back(struct writer *writer, struct call *call)
{
    call->again = false;
    call->response = NULL;
    call->decision = NULL;
    pthread_mutex_lock(&writer->queue_lock);
    bool wake = put(writer, call);
    pthread_mutex_unlock(&writer->queue_lock);
    if (wake) {
        pthread_cond_signal(&writer->queue_wake);
    }
}

void writer_tune(struct writer *writer, size_t queue_max, size_t group_max, int64_t wait_us)
{
    assert(queue_max > 0 && group_max > 0);
    pthread_mutex_lock(&writer->queue_lock);
    writer->options.queue_max = queue_max;
    writer->options.group_max = group_max;
    writer->options.wait_us = wait_us;
    pthread_mutex_unlock(&writer->queue_lock);
}

/* Others than bulk, for which somebody waits at a door. Under queue_lock. */
static bool some_wait(const struct writer *writer)
{
    return writer->queued > writer->queued_bulk;
}

static bool some_came_lately(struct writer *writer)
{
    int64_t now = now_ns(writer);
    if (some_wait(writer)) {
        writer->others_ns = now;
    }
    return writer->others_ns != 0 && now - writer->others_ns < LATELY_NS;
}

/* Work that took from `start_ns` until now may go on at: */
static int64_t rested_ns(const struct writer *writer, int64_t start_ns, int rests)
{
    int64_t now = now_ns(writer);
    int64_t rest_ns = (now - start_ns) * rests;
    return now + (rest_ns < REST_NS_MAX ? rest_ns : REST_NS_MAX);
}

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

/* When bulk may be taken if nobody else comes until then. Under queue_lock. */
static int64_t bulk_due_ns(const struct writer *writer)
{
    return earlier(writer->next_bulk_ns, writer->others_ns + NEXT_NS);
}

/* When the queue has something to take if nothing more comes until then. Under queue_lock. */
static int64_t queue_due_ns(const struct writer *writer)
{
    if (writer->first == NULL) {
        return INT64_MAX;
    }
    return some_wait(writer) ? 0 : bulk_due_ns(writer);
}

/* Takes what fits into the group off the queue and links it to its end; returns the first of these.
 * Bulk that does not fit keeps its place, and joins no group that has begun. */
static struct call *gather(struct writer *writer, struct group *group)
{
    struct call **end = group->last;
    size_t n = group->count, bulk = 0;
    pthread_mutex_lock(&writer->queue_lock);
    bool beside = some_came_lately(writer);
    bool rests = !writer->stopping && now_ns(writer) < bulk_due_ns(writer);
    size_t bulk_max = rests || n > 0                     ? 0
                      : beside                           ? 1
                      : writer->queued_bulk < BULK_CALLS ? writer->queued_bulk
                                                         : BULK_CALLS;
    struct call **at = &writer->first;
    while (*at != NULL && n < writer->options.group_max) {
        struct call *call = *at;
        if (is_bulk(call) && bulk == bulk_max) {
            at = &call->next;
            continue;
        }
        bulk += is_bulk(call);
        call->portion = !is_bulk(call) ? 0
                        : beside       ? BULK_ROWS_BESIDE
                                       : BULK_ROWS / bulk_max;
        *at = call->next;
        *end = call;
        end = &call->next;
        n++;
    }
    *end = NULL;
    bool left = at != &writer->first; /* bulk in front, so that the last one may be gone */
    while (left && *at != NULL) {
        at = &(*at)->next;
    }
    if (left || writer->first == NULL) {
        writer->last = at;
    }
    writer->queued -= n - group->count;
    writer->queued_bulk -= bulk;
    metric_set(&writer->metrics.queued, writer->queued);
    pthread_mutex_unlock(&writer->queue_lock);
    struct call *joined = *group->last;
    group->last = end;
    group->count = n;
    group->bulk += bulk;
    return joined;
}

/* ---- one transaction ---- */

/* A call that must be told that the database failed: whatever it said so far was not so. */
static void fail_storage(struct call *call, const struct fault *fault)
{
    call->response = NULL;
    call->error = (struct call_error){.retry_after_s = RETRY_AFTER_FAILURE_S};
    if (fault->code == E_CORRUPT || fault->code == E_FOREIGN) {
        call->error.retry_after_s = 0;
        call_fail(call, CODE_DATA_LOSS, "the request was not carried out: %s", fault->text);
    } else {
        call_fail(call, CODE_UNAVAILABLE,
                  "the request was not carried out, try again in some seconds: %s", fault->text);
    }
}

/* False: what the call wrote must be undone, and nothing but a savepoint could have done it. */
static bool run_call(struct writer *writer, struct call *call, bool savepoint)
{
    const struct writer_options *o = &writer->options;
    struct fault fault = FAULT_NONE;

    size_t feeds_at = o->feeds == NULL ? 0 : feeds_mark(o->feeds);
    size_t mark = o->hooks.mark == NULL ? 0 : o->hooks.mark(o->hooks.context);
    int64_t changes = db_changes(o->db);
    if (savepoint) {
        db_savepoint(o->db);
    }
    o->hooks.run(o->hooks.context, call);
    bool broken = db_error(o->db, &fault) != E_OK;
    bool failed = broken || call->error.code != CODE_OK;
    if (!savepoint && failed && (broken || db_changes(o->db) != changes)) {
        return false;
    }
    if (broken) {
        fail_storage(call, &fault);
    }
    assert(failed || call->response != NULL);
    if (savepoint) {
        (failed ? db_savepoint_undo : db_savepoint_keep)(o->db);
    }
    if (failed && o->feeds != NULL) {
        feeds_undo(o->feeds, feeds_at);
    }
    if (failed && o->hooks.undo != NULL) {
        o->hooks.undo(o->hooks.context, mark);
    }
    return true;
}

static void settle_caches(struct writer *writer, bool committed)
{
    const struct writer_options *o = &writer->options;
    if (o->feeds != NULL) {
        (committed ? feeds_commit : feeds_undo_all)(o->feeds);
    }
    void (*settled)(void *) = committed ? o->hooks.committed : o->hooks.abandoned;
    if (settled != NULL) {
        settled(o->hooks.context);
    }
}

static void log_outcome(struct writer *writer, int err, const struct fault *fault)
{
    if (err != E_OK && !writer->failing) {
        log_event(writer->options.log, LOG_ERROR, "commit_failed", LOG_S("reason", fault->text));
    } else if (err == E_OK && writer->failing) {
        log_event(writer->options.log, LOG_INFO, "commit_works_again", LOG_N("failures",
                  metric_get(&writer->metrics.groups_failed)));
    }
    writer->failing = err != E_OK;
}

/* Ends the transaction that was begun with `err`, and makes the caches follow. */
static int commit(struct writer *writer, int err, int64_t *took_ns, struct fault *fault)
{
    const struct writer_options *o = &writer->options;
    *took_ns = 0;
    if (err == E_OK) {
        if (o->hooks.flush != NULL) {
            o->hooks.flush(o->hooks.context);
        }
        int64_t start = now_ns(writer);
        err = db_commit(o->db, fault);
        *took_ns = now_ns(writer) - start;
        histogram_add(&writer->metrics.commit_ns, (uint64_t)*took_ns);
    }
    settle_caches(writer, err == E_OK);
    metric_set(&writer->metrics.wal_frames, (uint64_t)db_wal_frames(o->db));
    log_outcome(writer, err, fault);
    return err;
}

/* Calls whose caller has given up are not carried out. */
static void drop_late(struct writer *writer, struct call *group)
{
    int64_t now = now_ns(writer);
    for (struct call *call = group; call != NULL; call = call->next) {
        histogram_add(&writer->metrics.wait_ns,
                      now > call->received_ns ? (uint64_t)(now - call->received_ns) : 0);
        if (call->deadline_ns != 0 && now >= call->deadline_ns) {
            metric_add(&writer->metrics.late, 1);
            call_fail(call, CODE_DEADLINE_EXCEEDED,
                      "the deadline passed while the request waited; nothing was done");
        }
    }
}

static bool is_late(const struct call *call)
{
    return call->error.code == CODE_DEADLINE_EXCEEDED;
}

/* A savepoint makes SQLite copy each page before it changes: methods that fail before they write,
 * if at all, go without unless `savepoints` says otherwise. */
static bool run_calls(struct writer *writer, struct call *group, bool savepoints)
{
    for (struct call *call = group; call != NULL; call = call->next) {
        bool spared = call->method != NULL && call->method->fails_unwritten;
        if (!is_late(call) && !run_call(writer, call, savepoints || !spared)) {
            return false;
        }
    }
    return true;
}

/* As if no call of the group had been run. */
static int start_again(struct writer *writer, struct call *group, struct fault *fault)
{
    db_end(writer->options.db, NULL);
    settle_caches(writer, false);
    for (struct call *call = group; call != NULL; call = call->next) {
        if (!is_late(call)) {
            call->response = NULL;
            call->kept_response = NULL;
            call->metadata = NULL;
            call->decision = NULL;
            call->again = false;
            call->error = (struct call_error){.code = CODE_OK};
        }
    }
    return db_begin(writer->options.db, fault);
}

/* Runs the group and whoever comes meanwhile, who would wait for another sync. As run_calls(). */
static bool run_and_join(struct writer *writer, struct group *group)
{
    for (struct call *next = group->first; next != NULL; next = gather(writer, group)) {
        drop_late(writer, next);
        if (!run_calls(writer, next, false)) {
            return false;
        }
    }
    return true;
}

/* What tells how long the next group waits for company. */
static void note_group(struct writer *writer, const struct group *group, int64_t commit_ns)
{
    pthread_mutex_lock(&writer->queue_lock);
    writer->last_others = group->count - group->bulk;
    writer->last_ns = now_ns(writer);
    writer->commit_ns += (commit_ns - writer->commit_ns) / 8;
    pthread_mutex_unlock(&writer->queue_lock);
}

/* The whole life of a group; holds work_lock. */
static void run_group(struct writer *writer, struct group *group)
{
    struct fault fault = FAULT_NONE;
    int64_t commit_ns;

    int err = db_begin(writer->options.db, &fault);
    if (err == E_OK && !run_and_join(writer, group)) {
        err = start_again(writer, group->first, &fault);
        bool done = err != E_OK || run_calls(writer, group->first, true);
        assert(done);
    }
    err = commit(writer, err, &commit_ns, &fault);
    note_group(writer, group, commit_ns);
    metric_add(&writer->metrics.calls, group->count);
    metric_add(err == E_OK ? &writer->metrics.groups : &writer->metrics.groups_failed, 1);
    histogram_add(&writer->metrics.group_size, group->count);
    for (struct call *next, *call = group->first; call != NULL; call = next) {
        next = call->next; /* after done() the call is no longer ours */
        call->next = NULL;
        if (err != E_OK && !is_late(call)) {
            fail_storage(call, &fault);
        }
        if (call->again && call->error.code == CODE_OK) {
            put_back(writer, call);
        } else {
            call->done(call);
        }
    }
    metric_add(&writer->metrics.pauses,
               checkpointer_after_commit(writer->checkpointer, db_wal_frames(writer->options.db)));
}

/* ---- the clock's work ---- */

/* When the next tick is due if no more bulk comes until then. Holds both locks. */
static int64_t tick_due_ns(const struct writer *writer)
{
    int64_t in_bulk_ns = earlier(writer->next_tick_in_bulk_ns, writer->bulk_ns + LATELY_NS);
    return writer->next_tick_ns > in_bulk_ns ? writer->next_tick_ns : in_bulk_ns;
}

static void run_tick_if_due(struct writer *writer)
{
    const struct writer_options *o = &writer->options;
    int64_t now = now_ns(writer), commit_ns;
    struct fault fault = FAULT_NONE;
    bool more = false;
    pthread_mutex_lock(&writer->queue_lock);
    bool due = o->hooks.tick != NULL && now >= tick_due_ns(writer);
    bool beside = due && some_came_lately(writer);
    pthread_mutex_unlock(&writer->queue_lock);
    if (!due) {
        return;
    }
    int err = db_begin(o->db, &fault);
    if (err == E_OK) {
        more = o->hooks.tick(o->hooks.context, env_now_utc_ms(o->env), beside);
    }
    err = commit(writer, err, &commit_ns, &fault);
    int64_t pause_ns = !more || err != E_OK ? o->tick_ms * 1000000
                       : beside             ? TICK_BESIDE_NS
                                            : 0;
    writer->next_tick_ns = now + pause_ns;
    writer->next_tick_in_bulk_ns = rested_ns(writer, now, TICK_RESTS);
    metric_add(&writer->metrics.pauses,
               checkpointer_after_commit(writer->checkpointer, db_wal_frames(o->db)));
    checkpointer_after_tick(writer->checkpointer, now);
}

/* ---- ways to run ---- */

size_t writer_step(struct writer *writer)
{
    struct group group = {.last = &group.first};
    pthread_mutex_lock(&writer->work_lock);
    run_tick_if_due(writer);
    gather(writer, &group);
    int64_t start_ns = now_ns(writer);
    if (group.first != NULL) {
        run_group(writer, &group);
    }
    if (group.bulk > 0) {
        pthread_mutex_lock(&writer->queue_lock);
        writer->next_bulk_ns = rested_ns(writer, start_ns, BULK_RESTS);
        pthread_mutex_unlock(&writer->queue_lock);
    }
    pthread_mutex_unlock(&writer->work_lock);
    return group.count;
}

bool writer_try(struct writer *writer, struct call *call)
{
    if (pthread_mutex_trylock(&writer->work_lock) != 0) {
        return false;
    }
    pthread_mutex_lock(&writer->queue_lock);
    bool idle = writer->first == NULL && !writer->stopping;
    pthread_mutex_unlock(&writer->queue_lock);
    if (idle) {
        call->next = NULL;
        run_group(writer, &(struct group){.first = call, .last = &call->next, .count = 1});
    }
    pthread_mutex_unlock(&writer->work_lock);
    return idle;
}

static void wait_until(struct writer *writer, int64_t until_ns)
{
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                             .tv_nsec = (long)(until_ns % 1000000000)};
    writer->sleeping = true;
    pthread_cond_timedwait(&writer->queue_wake, &writer->queue_lock, &until);
    writer->sleeping = false;
}

/* How long a group that could begin waits for company: what it would cost those to wait for the
 * group after it, and only while they come in numbers. Under queue_lock. */
static int64_t fill_ns(const struct writer *writer)
{
    if (writer->options.wait_us > 0 || !some_wait(writer)) {
        return writer->options.wait_us * 1000;
    }
    bool many = writer->last_others >= MANY_CALLS &&
                now_ns(writer) - writer->last_ns < LATELY_NS;
    return many ? earlier(writer->commit_ns, FILL_NS_MAX) : 0;
}

/* Sleeps until there is something to do; false when all is done and the writer stops. */
static bool wait_for_work(struct writer *writer)
{
    const struct writer_options *o = &writer->options;
    pthread_mutex_lock(&writer->work_lock);
    pthread_mutex_lock(&writer->queue_lock);
    int64_t tick_ns = o->hooks.tick == NULL ? now_ns(writer) + o->tick_ms * 1000000
                                            : tick_due_ns(writer);
    pthread_mutex_unlock(&writer->work_lock);
    for (int64_t due_ns; !writer->stopping && (due_ns = earlier(queue_due_ns(writer), tick_ns)) >
                                                  now_ns(writer);) {
        wait_until(writer, due_ns);
    }
    if (writer->first != NULL) {
        int64_t full_ns = now_ns(writer) + fill_ns(writer);
        size_t full = o->wait_us > 0 ? o->group_max : writer->last_others;
        while (writer->queued - writer->queued_bulk < full && !writer->stopping &&
               now_ns(writer) < full_ns) {
            wait_until(writer, full_ns);
        }
    }
    bool more = writer->first != NULL || !writer->stopping;
    pthread_mutex_unlock(&writer->queue_lock);
    return more;
}

/* All wait for this thread, which waits for the disk: when it is ready it should go first. */
static void *writer_main(void *argument)
{
    struct writer *writer = argument;
    slice_first();
    slice_ask(SLICE_NS);
    while (wait_for_work(writer)) {
        writer_step(writer);
    }
    return NULL;
}

int writer_start(struct writer *writer, struct fault *fault)
{
    assert(!writer->started);
    int err = checkpointer_start(writer->checkpointer, fault);
    if (err != E_OK) {
        return err;
    }
    int rc = pthread_create(&writer->thread, NULL, writer_main, writer);
    if (rc != 0) {
        checkpointer_stop(writer->checkpointer);
        return fault_set(fault, err_from_errno(rc), "cannot start the writer's thread: %s",
                         strerror(rc));
    }
    writer->started = true;
    return E_OK;
}

void writer_stop(struct writer *writer)
{
    pthread_mutex_lock(&writer->queue_lock);
    writer->stopping = true;
    pthread_cond_signal(&writer->queue_wake);
    pthread_mutex_unlock(&writer->queue_lock);
    if (writer->started) {
        pthread_join(writer->thread, NULL);
        writer->started = false;
        checkpointer_stop(writer->checkpointer);
    }
    while (writer_step(writer) > 0) {
        continue;
    }
}

/* ---- metrics ---- */

const struct writer_metrics *writer_metrics(const struct writer *writer)
{
    return &writer->metrics;
}

void writer_metrics_format(const struct writer *writer, struct buf *out)
{
    const struct writer_metrics *m = &writer->metrics;
    const struct {
        const char *name;
        const char *type;
        const char *help;
        const metric *value;
    } rows[] = {
        {"queued_calls", "gauge", "Calls that wait for the writer.", &m->queued},
        {"refused_full_total", "counter", "Calls refused by a full queue.", &m->refused_full},
        {"late_total", "counter", "Calls dropped after their deadline.", &m->late},
        {"groups_total", "counter", "Transactions committed.", &m->groups},
        {"groups_failed_total", "counter", "Transactions given up.", &m->groups_failed},
        {"calls_total", "counter", "Calls run.", &m->calls},
        {"pauses_total", "counter", "Pauses for a checkpoint.", &m->pauses},
    };
    char name[64];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(name, sizeof name, "passerelle_writer_%s", rows[i].name);
        metric_format(out, name, rows[i].help, rows[i].type, "", metric_get(rows[i].value));
    }
    metric_format(out, "passerelle_writer_wal_bytes", "Length of the write-ahead log.", "gauge", "",
                  metric_get(&m->wal_frames) * WAL_FRAME_BYTES);
    histogram_format(out, "passerelle_writer_group_calls", "Calls in a transaction.", "",
                     &m->group_size, 0);
    histogram_format(out, "passerelle_writer_commit_seconds", "Time of a commit on the disk.", "",
                     &m->commit_ns, 9);
    histogram_format(out, "passerelle_writer_wait_seconds", "Time from arrival to decision.", "",
                     &m->wait_ns, 9);
}
