#include "process/witnesses.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "passerelle/v1/ledger.pb-c.h"
#include "service/methods.h"
#include "service/sync/witnessed.h"
#include "transport/peer/peer.h"
#include "wire/pack.h"

enum {
    CALL_MS = 10 * 1000,
    POLICY_BYTES_MAX = 64 * 1024,
    ANSWER_BYTES_MAX = 64 * 1024,
    LOOK_S = 2,      /* whether a month was closed */
    BACK_OFF_S = 60, /* doubled each time */
    BACK_OFF_DOUBLINGS = 6,
    SECOND_NS = 1000 * 1000 * 1000,
};

struct asked {
    const struct policy_witness *witness;
    char verifier_key[NOTE_NAME_MAX + 80];
    char path[POLICY_URL_MAX + 20];
    struct peer *peer;
    int64_t since_ns; /* it was asked last; 0: not yet */
    int64_t wait_ns;  /* before it is asked again, when it was late */
    unsigned late;    /* times in a row that it did not answer */
    unsigned refused; /* in this turn */
    _Atomic uint64_t cosigned, failures;
};

struct witnesses {
    struct daemon *daemon;
    _Atomic int64_t interval_s;
    struct service reader;
    struct policy_witness policy[POLICY_WITNESSES_MAX];
    struct asked asked[POLICY_WITNESSES_MAX];
    size_t count;
    int64_t closes; /* that were seen; -1: not yet looked */
    pthread_t thread;
    bool started;
    _Atomic bool stopping;
    pthread_mutex_t lock;
    pthread_cond_t woken;
};

static int64_t now_ns(const struct witnesses *w)
{
    return env_monotonic_ns(daemon_node(w->daemon)->env);
}

/* ---- one feed, one witness ---- */

static const ProtobufCMessage *call_writer(struct witnesses *w, const char *name,
                                           const ProtobufCMessage *request, struct arena *arena,
                                           const char **why)
{
    bool known;
    struct call call = {
        .method = methods_find(VIEW_LIT("passerelle.v1.LedgerService"), view_of(name), &known),
        .arena = arena,
        .request = request,
        .request_bytes = wire_pack_arena(arena, request),
    };
    daemon_call(w->daemon, &call);
    *why = call.error.message;
    return call.error.code == CODE_OK ? call.response : NULL;
}

static const char *publish(struct witnesses *w, const char *feed_id, struct arena *arena,
                           const char **why)
{
    Passerelle__V1__GetCheckpointRequest *request =
        wire_new(arena, &passerelle__v1__get_checkpoint_request__descriptor);
    request->feed_id = wire_string(arena, view_of(feed_id));
    const Passerelle__V1__GetCheckpointResponse *response =
        (const void *)call_writer(w, "GetCheckpoint", &request->base, arena, why);
    return response == NULL ? NULL : response->checkpoint;
}

static bool keep(struct witnesses *w, const struct asked *asked, const char *feed_id,
                 const char *checkpoint, struct view lines, struct arena *arena, const char **why)
{
    Passerelle__V1__AddCosignatureRequest *request =
        wire_new(arena, &passerelle__v1__add_cosignature_request__descriptor);
    request->feed_id = wire_string(arena, view_of(feed_id));
    request->checkpoint = wire_string(arena, view_of(checkpoint));
    request->verifier_key = wire_string(arena, view_of(asked->verifier_key));
    request->cosignature = wire_string(arena, lines);
    return call_writer(w, "AddCosignature", &request->base, arena, why) != NULL;
}

static int make_body(struct witnesses *w, const struct feed_id *feed, uint64_t old_size,
                     const char *checkpoint, struct buf *body)
{
    struct fault fault = FAULT_NONE;
    int err = db_begin_read(w->reader.db, &fault);
    if (err == E_OK) {
        err = witnessed_request(&w->reader, feed, old_size, view_of(checkpoint), body);
        int ended = db_end(w->reader.db, &fault);
        err = err != E_OK ? err : ended;
    }
    return err;
}

/* One request; *size is the size to ask again from. */
static enum witnessed_result ask(struct witnesses *w, struct asked *asked,
                                 const struct feed_id *feed, uint64_t old_size,
                                 const char *checkpoint, struct buf *answer, uint64_t *size,
                                 struct arena *arena, const char **why)
{
    struct buf body = BUF_INIT;
    struct peer_answer told;
    struct peer_error error;
    enum witnessed_result result = WITNESSED_REFUSED;
    *why = "it has cosigned more than this daemon holds: was one of the two restored?";
    buf_clear(answer);
    if (make_body(w, feed, old_size, checkpoint, &body) == E_OK) {
        enum code code = peer_post(asked->peer, asked->path, "text/plain; charset=utf-8",
                                   buf_content(&body), &told, answer, arena, &error);
        if (code == CODE_OK) {
            result = witnessed_judge(told.status, told.content_type, buf_content(answer), size);
            *why = arena_printf(arena, "HTTP %d: %.200s", told.status,
                                arena_string(arena, buf_content(answer)));
        } else {
            result = WITNESSED_LATER;
            *why = error.message;
        }
    }
    buf_release(&body);
    return result;
}

static enum witnessed_result submit(struct witnesses *w, struct asked *asked,
                                    const struct witnessed_due *due, struct arena *arena,
                                    const char **why)
{
    struct buf answer = BUF_INIT;
    uint64_t size = due->old_size;
    const char *checkpoint = publish(w, due->feed.name, arena, why);
    if (checkpoint == NULL) {
        return WITNESSED_LATER;
    }
    answer.max = ANSWER_BYTES_MAX;
    enum witnessed_result result =
        ask(w, asked, &due->feed, size, checkpoint, &answer, &size, arena, why);
    if (result == WITNESSED_OTHER_SIZE && size != due->old_size) {
        result = ask(w, asked, &due->feed, size, checkpoint, &answer, &size, arena, why);
    }
    if (result == WITNESSED_COSIGNED &&
        !keep(w, asked, due->feed.name, checkpoint, buf_content(&answer), arena, why)) {
        result = WITNESSED_REFUSED;
    }
    buf_release(&answer);
    return result == WITNESSED_OTHER_SIZE ? WITNESSED_LATER : result;
}

/* ---- one witness ---- */

static bool next_due(struct witnesses *w, const struct asked *asked, int64_t after,
                     struct witnessed_due *due)
{
    struct fault fault = FAULT_NONE;
    bool found = false;
    if (db_begin_read(w->reader.db, &fault) == E_OK) {
        found = witnessed_next(&w->reader, view_of(asked->verifier_key), after, due);
        found = db_end(w->reader.db, &fault) == E_OK && found;
    }
    return found;
}

/* Half of a bound that doubles, and up to as much again by chance. */
static int64_t back_off_ns(const struct witnesses *w, unsigned late)
{
    uint64_t chance;
    unsigned doublings = late > BACK_OFF_DOUBLINGS ? BACK_OFF_DOUBLINGS : late - 1;
    int64_t interval_s = atomic_load(&w->interval_s);
    int64_t first_s = interval_s < BACK_OFF_S ? interval_s : BACK_OFF_S;
    int64_t half_ns = first_s * SECOND_NS / 2 << doublings;
    env_random(daemon_node(w->daemon)->env, &chance, sizeof chance);
    return half_ns + (int64_t)(chance % (uint64_t)half_ns);
}

static void tell(struct witnesses *w, struct asked *asked, const struct witnessed_due *due,
                 enum witnessed_result result, const char *why)
{
    const struct log *log = daemon_node(w->daemon)->log;
    if (result == WITNESSED_COSIGNED) {
        atomic_fetch_add(&asked->cosigned, 1);
        log_event(log, LOG_DEBUG, "witnessed", LOG_S("witness", asked->witness->name),
                  LOG_S("feed", due->feed.name), LOG_N("size", due->size));
        return;
    }
    atomic_fetch_add(&asked->failures, 1);
    /* One that witnesses some of the feeds refuses all others: the first one says why. */
    log_event(log, asked->refused++ == 0 ? LOG_WARNING : LOG_DEBUG,
              result == WITNESSED_LATER ? "witness_late" : "witness_refused",
              LOG_S("witness", asked->witness->name), LOG_S("feed", due->feed.name),
              LOG_S("reason", why == NULL ? "" : why));
}

/* All feeds that it has not yet cosigned as they stand. */
static void visit(struct witnesses *w, struct asked *asked)
{
    struct witnessed_due due = {.feed = {.no = 0}};
    enum witnessed_result result = WITNESSED_COSIGNED;
    asked->refused = 0;
    while (!atomic_load(&w->stopping) && result != WITNESSED_LATER &&
           next_due(w, asked, due.feed.no, &due)) {
        struct arena arena = ARENA_INIT;
        const char *why = NULL;
        result = submit(w, asked, &due, &arena, &why);
        if (!atomic_load(&w->stopping)) {
            tell(w, asked, &due, result, why);
        }
        arena_release(&arena);
    }
    asked->late = result == WITNESSED_LATER ? asked->late + 1 : 0;
    asked->since_ns = now_ns(w);
    asked->wait_ns = asked->late > 0 ? back_off_ns(w, asked->late) : 0;
}

static int64_t next_ns(const struct witnesses *w, const struct asked *asked)
{
    return asked->since_ns == 0 ? 0
           : asked->late > 0    ? asked->since_ns + asked->wait_ns
                                : asked->since_ns + atomic_load(&w->interval_s) * SECOND_NS;
}

/* ---- the thread ---- */

DB_SQL(count_closes, "SELECT COUNT(*) FROM period_mark");

/* Checkpoints of a closed month go to those who answer, at once. */
static bool month_was_closed(struct witnesses *w)
{
    struct fault fault = FAULT_NONE;
    int64_t before = w->closes;
    if (db_begin_read(w->reader.db, &fault) == E_OK) {
        struct query *query = db_query(w->reader.db, &count_closes);
        w->closes = query_next(query) ? query_int(query, 0) : before;
        query_end(query);
        if (db_end(w->reader.db, &fault) != E_OK) {
            w->closes = before;
        }
    }
    return before >= 0 && w->closes > before;
}

static bool is_stopping(void *context)
{
    return atomic_load(&((struct witnesses *)context)->stopping);
}

static void *witnesses_main(void *argument)
{
    struct witnesses *w = argument;
    while (!atomic_load(&w->stopping)) {
        bool closed = month_was_closed(w);
        for (size_t i = 0; i < w->count; i++) {
            struct asked *asked = &w->asked[i];
            bool due = next_ns(w, asked) <= now_ns(w) || (closed && asked->late == 0);
            /* A site that may have lost entries signs nothing. */
            if (due && !atomic_load(&daemon_node(w->daemon)->catching_up)) {
                visit(w, asked);
            }
        }
        int64_t until_ns = now_ns(w) + LOOK_S * (int64_t)SECOND_NS;
        for (size_t i = 0; i < w->count; i++) {
            int64_t at_ns = next_ns(w, &w->asked[i]);
            until_ns = at_ns > now_ns(w) && at_ns < until_ns ? at_ns : until_ns;
        }
        struct timespec until = {.tv_sec = until_ns / SECOND_NS, .tv_nsec = until_ns % SECOND_NS};
        pthread_mutex_lock(&w->lock);
        int rc = 0;
        while (rc == 0 && !atomic_load(&w->stopping)) {
            rc = pthread_cond_timedwait(&w->woken, &w->lock, &until);
        }
        pthread_mutex_unlock(&w->lock);
    }
    return NULL;
}

/* ---- life ---- */

static const char *path_in(const struct state *state, struct arena *arena, const char *path)
{
    return path[0] == '/' ? path : arena_printf(arena, "%s/%s", state->dir, path);
}

static int prepare(struct witnesses *w, struct asked *asked, const struct policy_witness *witness,
                   const char *ca, struct fault *fault)
{
    struct buf vkey = BUF_INIT;
    asked->witness = witness;
    note_key_format(&witness->key, &vkey);
    snprintf(asked->verifier_key, sizeof asked->verifier_key, "%.*s", VIEW_FMT(buf_content(&vkey)));
    buf_release(&vkey);
    if (witness->url[0] == '\0') {
        return fault_set(fault, E_INVALID, "the witness %s has no address: write it behind its key",
                         witness->name);
    }
    char base[POLICY_URL_MAX + 1];
    struct view url = view_of(witness->url);
    size_t host = strlen("https://");
    size_t end = host + view_find(view_slice(url, host, url.len), '/');
    snprintf(base, sizeof base, "%.*s", VIEW_FMT(view_slice(url, 0, end)));
    snprintf(asked->path, sizeof asked->path, "%.*s/add-checkpoint",
             VIEW_FMT(view_slice(url, end, url.len)));
    struct peer_config config = {
        .url = base, .ca = ca, .timeout_ms = CALL_MS, .stop = is_stopping, .stop_context = w};
    return peer_new(&config, &asked->peer, fault);
}

static int read_policy(struct witnesses *w, const struct state *state,
                       const struct settings *settings, struct fault *fault)
{
    struct arena arena = ARENA_INIT;
    struct buf text = BUF_INIT;
    const char *path = path_in(state, &arena, settings->witnesses);
    const char *ca =
        settings->witnesses_ca[0] == '\0' ? NULL : path_in(state, &arena, settings->witnesses_ca);
    text.max = POLICY_BYTES_MAX;
    int err = state_read_file(path, &text, fault);
    err = err != E_OK ? err
                      : policy_witnesses(buf_content(&text), w->policy, POLICY_WITNESSES_MAX,
                                         &w->count, fault);
    for (size_t i = 0; err == E_OK && i < w->count; i++) {
        err = prepare(w, &w->asked[i], &w->policy[i], ca, fault);
    }
    if (err != E_OK) {
        fault_prefix(fault, "witnesses = %s", settings->witnesses);
    }
    buf_release(&text);
    arena_release(&arena);
    return err;
}

int witnesses_new(struct witnesses **out, struct daemon *daemon, const struct state *state,
                  const struct settings *settings, struct fault *fault)
{
    *out = NULL;
    if (settings->witnesses[0] == '\0') {
        return E_OK;
    }
    struct witnesses *w = xcalloc(1, sizeof *w);
    pthread_condattr_t monotonic;
    w->daemon = daemon;
    atomic_store(&w->interval_s, settings->witness_s);
    w->closes = -1;
    w->reader.node = daemon_service(daemon)->node;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *out = w;
    int err = read_policy(w, state, settings, fault);
    return err != E_OK ? err : daemon_reader(daemon, &w->reader.db, fault);
}

int witnesses_start(struct witnesses *w, struct fault *fault)
{
    int rc = w == NULL ? 0 : pthread_create(&w->thread, NULL, witnesses_main, w);
    if (rc != 0) {
        return fault_set(fault, err_from_errno(rc), "cannot start a thread: %s", strerror(rc));
    }
    if (w != NULL) {
        w->started = true;
    }
    return E_OK;
}

void witnesses_tune(struct witnesses *w, int64_t interval_s)
{
    if (w != NULL) {
        atomic_store(&w->interval_s, interval_s);
    }
}

void witnesses_stop(struct witnesses *w)
{
    if (w == NULL || !w->started) {
        return;
    }
    atomic_store(&w->stopping, true);
    pthread_mutex_lock(&w->lock);
    pthread_cond_broadcast(&w->woken);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    w->started = false;
}

void witnesses_free(struct witnesses *w)
{
    if (w == NULL) {
        return;
    }
    witnesses_stop(w);
    for (size_t i = 0; i < w->count; i++) {
        peer_free(w->asked[i].peer);
    }
    db_free(w->reader.db);
    pthread_cond_destroy(&w->woken);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

bool witnesses_counts(const struct witnesses *w, size_t index, struct witness_counts *out)
{
    if (w == NULL || index >= w->count) {
        return false;
    }
    *out = (struct witness_counts){.name = w->asked[index].witness->name,
                                   .cosigned = atomic_load(&w->asked[index].cosigned),
                                   .failures = atomic_load(&w->asked[index].failures)};
    return true;
}
