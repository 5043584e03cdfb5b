#include "process/worker.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "base/slice.h"
#include "service/engine.h"

/* How long after somebody came the next one is expected; how long to sleep then. */
enum { DOOR_NS = 20 * 1000 * 1000, WAY_NS = 50 * 1000 };

struct worker {
    struct service service;
    struct writer *writer;
    size_t queue_max;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct call *first;
    struct call **last;
    size_t queued;
    bool busy;
    bool stopping;
    struct worker *const *others; /* whose bulk it takes over, itself among them */
    size_t other_count;
    pthread_t thread;
};

/* The lock is held. */
static struct call *pop(struct worker *worker)
{
    struct call *call = worker->first;
    if (call != NULL) {
        worker->first = call->next;
        worker->last = worker->first == NULL ? &worker->first : worker->last;
        worker->queued--;
    }
    return call;
}

static struct call *take_over(struct worker *worker)
{
    struct call *call = NULL;
    for (size_t i = 0; call == NULL && i < worker->other_count; i++) {
        struct worker *other = worker->others[i];
        pthread_mutex_lock(&other->lock);
        if (other->first != NULL && other->first->method->bulk && !other->stopping) {
            call = pop(other);
        }
        pthread_mutex_unlock(&other->lock);
    }
    return call;
}

/* NULL when the thread is to end; *stopping: the call is to be refused. Who has nothing to do is
 * given the next call, so that only one that has just become so looks at what others have. */
static struct call *take(struct worker *worker, bool *stopping)
{
    struct call *call = NULL;
    pthread_mutex_lock(&worker->lock);
    if (worker->first == NULL && !worker->stopping && worker->other_count > 0) {
        pthread_mutex_unlock(&worker->lock);
        call = take_over(worker);
        pthread_mutex_lock(&worker->lock);
    }
    worker->busy = call != NULL;
    while (call == NULL && worker->first == NULL && !worker->stopping) {
        pthread_cond_wait(&worker->wake, &worker->lock);
    }
    call = call != NULL ? call : pop(worker);
    worker->busy = call != NULL;
    *stopping = worker->stopping;
    pthread_mutex_unlock(&worker->lock);
    return call;
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    struct call *call;
    bool stopping;
    nice(WORKER_NICE);
    slice_ask(WORKER_SLICE_NS);
    while ((call = take(worker, &stopping)) != NULL) {
        call->next = NULL;
        if (call->deadline_ns != 0 &&
            env_monotonic_ns(worker->service.node->env) >= call->deadline_ns) {
            call_fail(call, CODE_DEADLINE_EXCEEDED,
                      "the deadline passed while the request waited; ask for less, or later");
        } else if (stopping) {
            call_fail(call, CODE_UNAVAILABLE, "the server is stopping; try again in a minute");
        } else if (call->method->apply != NULL) {
            engine_precompute(&worker->service, call);
            writer_submit(worker->writer, call);
            continue;
        } else {
            engine_read(&worker->service, call);
        }
        call->done(call);
    }
    return NULL;
}

int worker_start(struct worker **out, struct node *node, struct db *db, struct writer *writer,
                 size_t queue_max, struct fault *fault)
{
    struct worker *worker = xcalloc(1, sizeof *worker);
    worker->service = (struct service){.node = node, .db = db};
    worker->writer = writer;
    worker->queue_max = queue_max;
    worker->last = &worker->first;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->wake, NULL);
    int rc = pthread_create(&worker->thread, NULL, worker_main, worker);
    if (rc != 0) {
        free(worker);
        return fault_set(fault, err_from_errno(rc), "cannot start the thread for long reads: %s",
                         strerror(rc));
    }
    *out = worker;
    return E_OK;
}

void worker_stop(struct worker *worker)
{
    if (worker == NULL) {
        return;
    }
    pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
}

void worker_free(struct worker *worker)
{
    if (worker == NULL) {
        return;
    }
    pthread_cond_destroy(&worker->wake);
    pthread_mutex_destroy(&worker->lock);
    db_free(worker->service.db);
    free(worker);
}

void worker_submit(struct worker *worker, struct call *call)
{
    call->next = NULL;
    pthread_mutex_lock(&worker->lock);
    bool stopping = worker->stopping;
    bool taken = !stopping && worker->queued < worker->queue_max;
    if (taken) {
        *worker->last = call;
        worker->last = &call->next;
        worker->queued++;
        pthread_cond_signal(&worker->wake);
    }
    pthread_mutex_unlock(&worker->lock);
    if (!taken) {
        call->error.retry_after_s = 5;
        call_fail(call, CODE_UNAVAILABLE, "%s; try again in some seconds",
                  stopping ? "the server is stopping" : "too many long requests wait");
        call->done(call);
    }
}

void worker_share(struct worker *const *workers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pthread_mutex_lock(&workers[i]->lock);
        workers[i]->others = workers;
        workers[i]->other_count = count;
        pthread_mutex_unlock(&workers[i]->lock);
    }
}

size_t worker_queued(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    size_t queued = worker->queued;
    pthread_mutex_unlock(&worker->lock);
    return queued;
}

size_t worker_load(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    size_t load = worker->queued + worker->busy;
    pthread_mutex_unlock(&worker->lock);
    return load;
}

void worker_tune(struct worker *worker, size_t queue_max)
{
    pthread_mutex_lock(&worker->lock);
    worker->queue_max = queue_max;
    pthread_mutex_unlock(&worker->lock);
}

struct helper {
    void (*work)(void *context);
    void *context;
    pthread_t thread;
};

static void *helper_main(void *argument)
{
    const struct helper *helper = argument;
    helper->work(helper->context);
    return NULL;
}

struct helper *worker_help_begin(void (*work)(void *context), void *context)
{
    struct helper *helper = xmalloc(sizeof *helper);
    *helper = (struct helper){.work = work, .context = context};
    if (pthread_create(&helper->thread, NULL, helper_main, helper) != 0) {
        free(helper);
        return NULL;
    }
    return helper;
}

void worker_give_way(const struct node *node)
{
    int64_t door_ns = atomic_load(&node->door_ns);
    if (door_ns != 0 && env_monotonic_ns(node->env) - door_ns < DOOR_NS) {
        nanosleep(&(struct timespec){.tv_nsec = WAY_NS}, NULL);
    }
}

void worker_help_end(struct helper *helper)
{
    pthread_join(helper->thread, NULL);
    free(helper);
}
