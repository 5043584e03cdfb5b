/* The writer stepped in one thread over a disk that fails; and with its threads on a real one. */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/scratch.h"
#include "lib/vfs_twin.h"
#include "service/writer.h"
#include "store/migrate/migrate.h"
#include "store/request/request.h"
#include "stride.h"

DB_SQL(sql_times_found, "SELECT count(*) FROM entry WHERE bytes = :bytes");

static struct env env;
static struct env_test env_context;
static struct ed25519_key secret;

/* A node as small as it can be: two feeds, answers remembered, one kind of call. */
struct node {
    struct db *db;
    struct feeds *feeds;
    struct writer *writer;
    int64_t ticks;
    bool beside; /* of the last tick */
    bool more;   /* what a tick answers */
    int tick_ms; /* how long it takes */
    int ended;
};

/* A request: append this text to that feed; publish too when asked. */
struct job {
    struct call call;
    struct arena arena;
    struct node *node;
    char text[32];
    const char *feed;
    bool publish;
    bool promises;
    bool refused; /* the decision is an objection */
    bool breaks;  /* writes, then breaks a constraint of the database */
    int portions; /* of a bulk call: so many are left */
    int portion_ms; /* how long each takes */
    size_t portion;
    struct job *brings; /* comes while this one runs */
    int acknowledged;
    struct buf note;
};

/* A group of these goes without savepoints, until one breaks this promise. */
static const struct method promises = {.fails_unwritten = true};
static const struct method bulk = {.bulk = true};

static void submit(struct node *node, struct job *job);

static ProtobufCMessage answer; /* what an answer says does not matter here */

static void run(void *context, struct call *call)
{
    struct node *node = context;
    struct job *job = call->owner;
    struct fault fault = FAULT_NONE;
    struct request_key key;
    struct view before;
    uint64_t seq = 0;

    request_key_init(&key, view_of("desk"), view_of(job->text), view_of("Append"), VIEW_NONE);
    switch (request_find(node->db, &key, call->arena, &before)) {
    case REQUEST_SAME:
        call->response = &answer;
        return;
    case REQUEST_OTHER:
        call_fail(call, CODE_INVALID_ARGUMENT, "another request had this id");
        return;
    case REQUEST_NEW:
        break;
    }
    struct feed *feed = feeds_get(node->feeds, view_of(job->feed));
    if (feed == NULL) {
        call_fail(call, CODE_NOT_FOUND, "no such feed");
        return;
    }
    if (feed_append(node->feeds, feed, view_of(job->text), env_now_utc_ms(&env), &seq, &fault) !=
        E_OK) {
        call_fail_with(call, &fault);
        return;
    }
    if (job->refused) {
        call_fail(call, CODE_FAILED_PRECONDITION, "not today");
        return;
    }
    if (job->brings != NULL) {
        submit(node, job->brings);
        job->brings = NULL;
    }
    job->portion = call->portion;
    env_context.now_utc_ms += job->portion_ms;
    if (job->portions > 1) {
        job->portions--;
        call->again = true;
        call->response = &answer;
        return;
    }
    buf_clear(&job->note);
    if (job->publish &&
        feed_publish(node->feeds, feed, &secret, env_now_utc_ms(&env), &job->note, &fault) != 0) {
        call_fail_with(call, &fault);
        return;
    }
    request_put(node->db, &key, VIEW_NONE, env_now_utc_ms(&env));
    if (job->breaks) {
        request_put(node->db, &key, VIEW_NONE, env_now_utc_ms(&env));
    }
    call->response = &answer;
}

static bool tick(void *context, int64_t now_utc_ms, bool beside)
{
    struct node *node = context;
    (void)now_utc_ms;
    node->ticks++;
    node->beside = beside;
    env_context.now_utc_ms += node->tick_ms;
    return node->more;
}

static void done(struct call *call)
{
    struct job *job = call->owner;
    job->node->ended++;
    if (call->error.code == CODE_OK) {
        ck_assert_ptr_nonnull(call->response);
        job->acknowledged++;
    } else {
        ck_assert_ptr_nonnull(call->error.message);
    }
}

/* The tables of store/feed are all that is needed here, and far quicker than the whole schema. */
static int make_tables(struct db *db, struct fault *fault)
{
    int err = db_begin(db, fault);
    if (err != E_OK) {
        return err;
    }
    bool empty = db_is_empty(db);
    for (size_t i = 0; empty && i < migration_count; i++) {
        if (strstr(migrations[i].name, "_feed") != NULL) {
            db_exec(db, migrations[i].sql);
        }
    }
    return db_commit(db, fault);
}

static bool whole_schema;

static int make_feeds(struct node *node, struct fault *fault)
{
    int err = db_begin(node->db, fault);
    for (int i = 0; err == E_OK && i < 2; i++) {
        struct feed *feed = NULL;
        struct feed_id id = {.entry_bytes_max = FEED_SITE_ENTRY_MAX};
        snprintf(id.name, sizeof id.name, "site-%d", i);
        snprintf(id.origin, sizeof id.origin, "example.org/site-%d", i);
        memcpy(id.public_key, secret.public_key, sizeof id.public_key);
        if (feeds_get(node->feeds, view_of(id.name)) == NULL && db_error(node->db, fault) == E_OK) {
            err = feeds_make(node->feeds, &id, &feed, fault);
        }
    }
    if (err == E_OK) {
        err = db_commit(node->db, fault);
    } else if (db_in_transaction(node->db)) {
        db_end(node->db, NULL);
    }
    (err == E_OK ? feeds_commit : feeds_undo_all)(node->feeds);
    return err;
}

static int node_open(struct node *node, const char *path, const char *vfs,
                     const struct writer_options *more, struct fault *fault)
{
    struct db_options options = {
        .path = path, .vfs = vfs, .mode = DB_CREATE, .cache_kib = 40, .busy_ms = 1000};
    *node = (struct node){0};
    int err = db_open(&node->db, &options, fault);
    if (err != E_OK) {
        return err;
    }
    err = (whole_schema ? migrate_run : make_tables)(node->db, fault);
    node->feeds = feeds_new(node->db);
    if (err == E_OK) {
        err = make_feeds(node, fault);
    }
    if (err != E_OK) {
        feeds_free(node->feeds);
        db_free(node->db);
        return err;
    }
    struct writer_options w = *more;
    w.db = node->db;
    w.feeds = node->feeds;
    w.env = &env;
    w.hooks = (struct writer_hooks){.context = node, .run = run, .tick = tick};
    node->writer = writer_new(&w);
    return E_OK;
}

static void node_close(struct node *node)
{
    writer_free(node->writer);
    feeds_free(node->feeds);
    db_free(node->db);
}

static void job_init(struct job *job, int number)
{
    *job = (struct job){.feed = number % 3 == 0 ? "site-1" : "site-0", .publish = number % 5 == 0};
    snprintf(job->text, sizeof job->text, "visit %d", number);
}

static void submit(struct node *node, struct job *job)
{
    arena_release(&job->arena);
    arena_init(&job->arena);
    job->node = node;
    job->call = (struct call){
        .arena = &job->arena, .owner = job, .done = done, .deadline_ns = job->call.deadline_ns,
        .method = job->promises       ? &promises
                  : job->portions > 0 ? &bulk
                                      : NULL};
    writer_submit(node->writer, &job->call);
}

static void job_release(struct job *job)
{
    arena_release(&job->arena);
    buf_release(&job->note);
}

static int64_t times_found(struct db *db, const char *text)
{
    struct query *query = db_query(db, &sql_times_found);
    query_bind_blob(query, "bytes", view_of(text));
    int64_t count = query_next(query) ? query_int(query, 0) : -1;
    query_end(query);
    return count;
}

static void world(void)
{
    env_context = (struct env_test){.now_utc_ms = 1790000000000, .seed = 11};
    env_test_init(&env, &env_context);
    ed25519_key_make(&secret, &env);
}

/* ---- a disk that fails ---- */

enum { GROUPS = 6, GROUP = 4, JOBS = GROUPS * GROUP };

/* Sends each group until it is acknowledged, `tries` times at most, checkpoints now and then. */
static void play(struct node *node, struct job *jobs, int tries)
{
    for (int group = 0; group < GROUPS; group++) {
        for (int attempt = 0; attempt < tries; attempt++) {
            for (int i = group * GROUP; i < (group + 1) * GROUP; i++) {
                if (jobs[i].acknowledged == 0) {
                    submit(node, &jobs[i]);
                }
            }
            writer_step(node->writer);
        }
    }
}

/* The signed checkpoint that a job was given must be a prefix of the feed as it is now. */
static void assert_published(struct db *db, const struct job *job)
{
    struct feed_id id;
    struct note_key key;
    struct checkpoint head;
    struct tree_hash root;
    ck_assert_int_eq(feed_find(db, view_of(job->feed), &id), E_OK);
    ck_assert_int_eq(note_key_init(&key, view_of(id.origin), NOTE_ED25519, id.public_key), E_OK);
    ck_assert_int_eq(checkpoint_open(buf_content(&job->note), &key, &head, NULL, NULL), E_OK);
    ck_assert_int_eq(feed_root(db, id.no, head.size, &root), E_OK);
    ck_assert(tree_hash_equal(&root, &head.root));
}

/* Everything acknowledged is there, nothing twice, all feeds verify. */
static void assert_truth(struct db *db, const struct job *jobs, const char *what)
{
    struct fault fault = FAULT_NONE;
    ck_assert_msg(db_check_pages(db, &fault) == E_OK, "%s: %s", what, fault.text);
    ck_assert_msg(db_begin_read(db, &fault) == E_OK, "%s: %s", what, fault.text);
    for (int i = 0; i < JOBS; i++) {
        int64_t found = times_found(db, jobs[i].text);
        ck_assert_msg(found == 1 || (found == 0 && jobs[i].acknowledged == 0),
                      "%s: job %d acknowledged %d, found %lld", what, i, jobs[i].acknowledged,
                      (long long)found);
        if (jobs[i].acknowledged > 0 && jobs[i].note.len > 0) {
            assert_published(db, &jobs[i]);
        }
    }
    struct feed_id id;
    struct query *list = feed_list(db);
    while (feed_list_next(list, &id)) {
        ck_assert_msg(feed_verify(db, &id, 1, &fault) == E_OK, "%s: %s", what, fault.text);
    }
    ck_assert_int_eq(db_end(db, NULL), E_OK);
}

static unsigned met; /* which kinds of operations met a fault, one bit each */

/* The whole scenario with one fault; afterwards the power goes, comes back, and the node goes on.
 * False when the scenario ended before the fault. */
static bool scenario(enum vfs_fault kind, uint64_t operation, size_t room, uint64_t seed,
                     bool while_opening)
{
    static struct job jobs[JOBS];
    struct node node;
    struct fault fault = FAULT_NONE;
    char what[80];
    snprintf(what, sizeof what, "fault %d at operation %llu, room %zu, seed %llu", (int)kind,
             (unsigned long long)operation, room, (unsigned long long)seed);
    struct writer_options options = {.group_max = GROUP, .wal_soft_frames = 20,
                                     .wal_hard_frames = 20};

    struct vfs_twin *twin = vfs_twin_new("twin");
    for (int i = 0; i < JOBS; i++) {
        job_init(&jobs[i], i);
        jobs[i].promises = i / GROUP % 2 == 1;
    }
    if (while_opening) {
        vfs_twin_plan(twin, kind, operation);
    }
    if (node_open(&node, "node.db", "twin", &options, &fault) == E_OK) {
        if (!while_opening) {
            vfs_twin_plan(twin, kind, operation);
        }
        if (room > 0) {
            vfs_twin_set_capacity(twin, vfs_twin_used(twin) + room);
        }
        play(&node, jobs, kind == VFS_FAULT_ONCE ? 2 : 1);
        if (kind == VFS_FAULT_ONCE) { /* the daemon stayed up: the second try went through */
            for (int i = 0; i < JOBS; i++) {
                ck_assert_msg(jobs[i].acknowledged == 1, "%s: job %d: %s", what, i,
                              jobs[i].call.error.message);
            }
        }
        if (room > 0) { /* space returns */
            vfs_twin_set_capacity(twin, 0);
            play(&node, jobs, 1);
            for (int i = 0; i < JOBS; i++) {
                ck_assert_msg(jobs[i].acknowledged == 1, "%s: job %d", what, i);
            }
        }
        bool struck = vfs_twin_struck(twin);
        met |= struck ? 1u << vfs_twin_struck_at(twin) : 0;
        vfs_twin_stop(twin);
        node_close(&node);
        operation = struck ? operation : 0;
    }
    vfs_twin_stop(twin);
    vfs_twin_power_cut(twin, seed);
    vfs_twin_set_capacity(twin, 0);

    fault = FAULT_NONE;
    ck_assert_msg(node_open(&node, "node.db", "twin", &options, &fault) == E_OK, "%s: %s", what,
                  fault.text);
    assert_truth(node.db, jobs, what);
    play(&node, jobs, 1); /* who got no answer asks again, with the same request id */
    for (int i = 0; i < JOBS; i++) {
        ck_assert_msg(jobs[i].acknowledged == 1, "%s: job %d", what, i);
        if (jobs[i].note.len > 0) { /* given before the cut or now: it is in the feed */
            buf_clear(&jobs[i].note);
        }
    }
    assert_truth(node.db, jobs, what);
    node_close(&node);
    for (int i = 0; i < JOBS; i++) {
        job_release(&jobs[i]);
    }
    vfs_twin_free(twin);
    return operation != 0;
}

static void every_operation(enum vfs_fault kind, int seeds)
{
    uint64_t operation = 1;
    world();
    met = 0;
    for (bool struck = true; struck; operation += stride()) {
        for (int seed = 1; seed <= seeds; seed++) {
            struck = scenario(kind, operation, 0, (uint64_t)seed + operation * 1000, false);
        }
    }
    ck_assert_uint_gt(operation, 50);
    unsigned all = 1u << VFS_READ | 1u << VFS_WRITE | 1u << VFS_SYNC;
    ck_assert(stride() > 1 || (met & all) == all);
}

START_TEST(the_first_start_meets_faults)
{
    world();
    whole_schema = true;
    for (int kind = VFS_FAULT_ONCE; kind <= VFS_FAULT_CUT; kind++) {
        for (uint64_t operation = 1; operation < 200; operation += 9 * stride()) {
            scenario((enum vfs_fault)kind, operation, 0, operation, true);
        }
    }
    whole_schema = false;
}
END_TEST

START_TEST(each_operation_fails_once)
{
    every_operation(VFS_FAULT_ONCE, 1);
}
END_TEST

START_TEST(each_operation_breaks_the_disk)
{
    every_operation(VFS_FAULT_LASTING, 1);
}
END_TEST

START_TEST(the_power_goes_at_each_operation)
{
    every_operation(VFS_FAULT_CUT, 2);
}
END_TEST

START_TEST(the_disk_fills)
{
    world();
    for (size_t room = 1; room < 160 * 1024; room += 3000 * stride()) {
        scenario(VFS_FAULT_NONE, 0, room, room, false);
    }
}
END_TEST

/* ---- one thread, step by step ---- */

static struct vfs_twin *twin;
static struct node stepped;

static void step_setup(void)
{
    struct fault fault = FAULT_NONE;
    world();
    twin = vfs_twin_new("twin");
    struct writer_options options = {
        .queue_max = 5, .group_max = 3, .wal_soft_frames = 20, .wal_hard_frames = 40};
    ck_assert_int_eq(node_open(&stepped, "node.db", "twin", &options, &fault), E_OK);
}

static void step_teardown(void)
{
    node_close(&stepped);
    vfs_twin_free(twin);
}

START_TEST(a_full_queue_says_so_at_once)
{
    struct job jobs[7];
    for (int i = 0; i < 7; i++) {
        job_init(&jobs[i], i);
        submit(&stepped, &jobs[i]);
        ck_assert_int_eq(stepped.ended, i < 5 ? 0 : i - 4);
    }
    ck_assert_int_eq(jobs[6].call.error.code, CODE_UNAVAILABLE);
    ck_assert_int_gt(jobs[6].call.error.retry_after_s, 0);
    ck_assert_uint_eq(metric_get(&writer_metrics(stepped.writer)->refused_full), 2);
    ck_assert_uint_eq(writer_step(stepped.writer), 3);
    ck_assert_uint_eq(writer_step(stepped.writer), 2);
    ck_assert_uint_eq(writer_step(stepped.writer), 0);
    for (int i = 0; i < 7; i++) {
        ck_assert_int_eq(jobs[i].acknowledged, i < 5 ? 1 : 0);
        job_release(&jobs[i]);
    }
}
END_TEST

static void step_jobs(int from, int to)
{
    for (int i = from; i < to; i++) {
        struct job job;
        job_init(&job, i);
        submit(&stepped, &job);
        ck_assert_uint_eq(writer_step(stepped.writer), 1);
        ck_assert_int_eq(job.acknowledged, 1);
        job_release(&job);
    }
}

START_TEST(a_long_log_is_copied_back)
{
    for (int i = 0; i < 100; i++) {
        step_jobs(i, i + 1);
        ck_assert_int_lt((int)db_wal_frames(stepped.db), 40 + 20);
    }
    ck_assert_uint_gt(metric_get(&writer_metrics(stepped.writer)->pauses), 1);
}
END_TEST

/* Where a disk is full or broken for hours, copying the log at each tick would wear it out for nothing. */
START_TEST(a_log_that_cannot_be_emptied_waits)
{
    static const struct {
        int64_t after_ms;
        bool empty;
    } ticks[] = {{1000, false}, {28000, false}, {2000, true}};
    step_jobs(0, 8);
    db_want_empty_log(stepped.db);
    vfs_twin_plan(twin, VFS_FAULT_LASTING, 1);
    env_context.now_utc_ms += 1000;
    writer_step(stepped.writer);
    ck_assert(db_wants_empty_log(stepped.db));
    vfs_twin_plan(twin, VFS_FAULT_NONE, 0);
    for (size_t i = 0; i < ARRAY_LEN(ticks); i++) {
        env_context.now_utc_ms += ticks[i].after_ms;
        writer_step(stepped.writer);
        ck_assert(db_wants_empty_log(stepped.db) != ticks[i].empty);
    }
}
END_TEST

/* Each tick tries, until nobody is in the way. */
START_TEST(a_log_with_what_was_erased_is_emptied)
{
    struct db *reader = NULL;
    struct fault fault = FAULT_NONE;
    struct db_options options = {.path = "node.db", .vfs = "twin", .mode = DB_READ};
    step_jobs(0, 3);
    ck_assert_msg(db_open(&reader, &options, &fault) == E_OK, "%s", fault.text);
    ck_assert_int_eq(db_begin_read(reader, &fault), E_OK);
    ck_assert_int_eq(times_found(reader, "visit 2"), 1);
    db_want_empty_log(stepped.db);
    env_context.now_utc_ms += 1000;
    writer_step(stepped.writer);
    ck_assert(db_wants_empty_log(stepped.db));
    ck_assert_int_eq(db_end(reader, &fault), E_OK);
    step_jobs(3, 4); /* not with each group */
    ck_assert(db_wants_empty_log(stepped.db));
    env_context.now_utc_ms += 1000;
    writer_step(stepped.writer);
    ck_assert(!db_wants_empty_log(stepped.db));
    ck_assert_int_eq((int)db_wal_frames(stepped.db), 0);
    step_jobs(4, 5);
    db_free(reader);
}
END_TEST

/* Whoever looks at a snapshot keeps the log from starting anew, and no longer than that. */
START_TEST(a_reader_makes_the_log_longer_while_it_reads)
{
    struct db *reader = NULL;
    struct fault fault = FAULT_NONE;
    struct db_options options = {.path = "node.db", .vfs = "twin", .mode = DB_READ};
    step_jobs(0, 10);
    ck_assert_msg(db_open(&reader, &options, &fault) == E_OK, "%s", fault.text);
    ck_assert_int_eq(db_begin_read(reader, &fault), E_OK);
    ck_assert_int_eq(times_found(reader, "visit 9"), 1);
    step_jobs(10, 110);
    ck_assert_int_gt((int)db_wal_frames(stepped.db), 40 + 20);
    ck_assert_int_eq(times_found(reader, "visit 10"), 0); /* its moment stands still */
    uint64_t pauses = metric_get(&writer_metrics(stepped.writer)->pauses);
    ck_assert_uint_lt(pauses, 40); /* not with each of a hundred groups, which would help nobody */
    ck_assert_int_eq(db_end(reader, &fault), E_OK);
    step_jobs(110, 140);
    for (int i = 140; i < 240; i++) {
        step_jobs(i, i + 1);
        ck_assert_int_lt((int)db_wal_frames(stepped.db), 40 + 20);
    }
    db_free(reader);
}
END_TEST

/* Bulk goes in portions, one at a time beside calls for which somebody waits. */
START_TEST(bulk_lets_others_pass)
{
    struct job large[2];
    struct job small[4];
    for (int i = 0; i < 2; i++) {
        job_init(&large[i], 1 + i);
        large[i].portions = 3;
    }
    for (int i = 0; i < 4; i++) {
        job_init(&small[i], 4 + i);
    }
    submit(&stepped, &large[0]);
    submit(&stepped, &large[1]);
    submit(&stepped, &small[0]);
    ck_assert_uint_eq(writer_step(stepped.writer), 2); /* the second one waits */
    ck_assert_int_eq(small[0].acknowledged, 1);
    ck_assert_int_eq(large[0].portions, 2);
    ck_assert_int_eq(large[1].portions, 3);
    size_t beside = large[0].portion;
    submit(&stepped, &small[1]); /* behind both */
    submit(&stepped, &small[2]);
    ck_assert_uint_eq(writer_step(stepped.writer), 3); /* and now it is first */
    ck_assert_int_eq(small[1].acknowledged + small[2].acknowledged, 2);
    ck_assert_int_eq(large[1].portions, 2);
    large[0].portions++;
    ck_assert_uint_eq(writer_step(stepped.writer), 1); /* they may be back: one */
    ck_assert_uint_eq(large[0].portion, beside);
    env_context.now_utc_ms += 200;
    ck_assert_uint_eq(writer_step(stepped.writer), 2); /* nobody comes: both, and more of each */
    ck_assert_uint_gt(large[0].portion, beside);
    ck_assert_int_eq(large[0].acknowledged + large[1].acknowledged, 0);
    submit(&stepped, &small[3]);
    ck_assert_uint_eq(writer_step(stepped.writer), 2);
    ck_assert_uint_eq(writer_step(stepped.writer), 1);
    ck_assert_uint_eq(writer_step(stepped.writer), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(large[i].acknowledged, 1);
    }
    ck_assert_int_eq(small[3].acknowledged, 1);
    ck_assert_int_eq(stepped.ended, 6);
    ck_assert_uint_eq(metric_get(&writer_metrics(stepped.writer)->queued), 0);
    ck_assert_int_eq(db_begin_read(stepped.db, NULL), E_OK);
    ck_assert_int_eq(times_found(stepped.db, "visit 1"), 4); /* each portion was committed */
    ck_assert_int_eq(times_found(stepped.db, "visit 2"), 3);
    ck_assert_int_eq(db_end(stepped.db, NULL), E_OK);
    for (int i = 0; i < 4; i++) {
        job_release(&small[i]);
    }
    job_release(&large[0]);
    job_release(&large[1]);
}
END_TEST

/* Whoever waits at a door has most of the writer. */
START_TEST(bulk_rests_while_others_come)
{
    struct job large, small[4];
    job_init(&large, 1);
    large.portions = 5;
    large.portion_ms = 3;
    for (int i = 0; i < 4; i++) {
        job_init(&small[i], 4 + i);
    }
    submit(&stepped, &large);
    submit(&stepped, &small[0]);
    ck_assert_uint_eq(writer_step(stepped.writer), 2);
    submit(&stepped, &small[1]);
    ck_assert_uint_eq(writer_step(stepped.writer), 1);
    ck_assert_int_eq(large.portions, 4);
    ck_assert_uint_eq(writer_step(stepped.writer), 0); /* they may be back */
    env_context.now_utc_ms += 9;
    submit(&stepped, &small[2]);
    ck_assert_uint_eq(writer_step(stepped.writer), 1);
    ck_assert_uint_eq(writer_step(stepped.writer), 0);
    env_context.now_utc_ms += 3; /* the twelfth */
    submit(&stepped, &small[3]);
    ck_assert_uint_eq(writer_step(stepped.writer), 2);
    ck_assert_int_eq(large.portions, 3);
    env_context.now_utc_ms += 6; /* 9 since somebody came */
    ck_assert_uint_eq(writer_step(stepped.writer), 0);
    env_context.now_utc_ms += 1; /* nobody is next */
    ck_assert_uint_eq(writer_step(stepped.writer), 1);
    env_context.now_utc_ms += 10;
    for (int left = 1; left >= 0; left--) {
        ck_assert_uint_eq(writer_step(stepped.writer), 1);
    }
    ck_assert_int_eq(large.acknowledged, 1);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(small[i].acknowledged, 1);
        job_release(&small[i]);
    }
    job_release(&large);
}
END_TEST

START_TEST(ticks_rest_while_bulk_comes)
{
    struct job large;
    job_init(&large, 1);
    large.portions = 4;
    stepped.more = true;
    stepped.tick_ms = 5;
    submit(&stepped, &large);
    for (int ticks = 1; ticks <= 3; ticks++) {
        writer_step(stepped.writer);
        ck_assert_int_eq(stepped.ticks, ticks);
        env_context.now_utc_ms += ticks == 1 ? 44 : 45;
        if (ticks == 1) {
            writer_step(stepped.writer);
            ck_assert_int_eq(stepped.ticks, 1);
            env_context.now_utc_ms += 1;
        }
    }
    ck_assert_int_eq(large.acknowledged, 1);
    env_context.now_utc_ms += 101;
    for (int ticks = 4; ticks <= 6; ticks++) { /* no more bulk: at once */
        writer_step(stepped.writer);
        ck_assert_int_eq(stepped.ticks, ticks);
    }
    job_release(&large);
}
END_TEST

START_TEST(a_call_fails_alone)
{
    struct job jobs[3];
    for (int i = 0; i < 3; i++) {
        job_init(&jobs[i], 1);
        snprintf(jobs[i].text, sizeof jobs[i].text, "call %d", i);
        jobs[i].promises = _i == 1;
    }
    jobs[0].refused = true;
    jobs[1].breaks = true;
    for (int i = 0; i < 3; i++) {
        submit(&stepped, &jobs[i]);
    }
    ck_assert_uint_eq(writer_step(stepped.writer), 3);
    ck_assert_int_eq(jobs[0].call.error.code, CODE_FAILED_PRECONDITION);
    ck_assert_int_eq(jobs[1].call.error.code, CODE_UNAVAILABLE);
    ck_assert_ptr_null(jobs[1].call.response);
    ck_assert_int_eq(jobs[2].acknowledged, 1);
    ck_assert_int_eq(db_begin_read(stepped.db, NULL), E_OK);
    ck_assert_int_eq(times_found(stepped.db, "call 0"), 0);
    ck_assert_int_eq(times_found(stepped.db, "call 1"), 0);
    ck_assert_int_eq(times_found(stepped.db, "call 2"), 1);
    ck_assert_uint_eq(feeds_get(stepped.feeds, view_of("site-0"))->size, 1);
    ck_assert_int_eq(db_end(stepped.db, NULL), E_OK);
    for (int i = 0; i < 3; i++) {
        job_release(&jobs[i]);
    }
}
END_TEST

/* While the group has room, and until a call breaks its promise: then it starts over, as it is. */
START_TEST(who_comes_meanwhile_joins_the_group)
{
    struct job jobs[4];
    const struct writer_metrics *metrics = writer_metrics(stepped.writer);
    for (int i = 0; i < 4; i++) {
        job_init(&jobs[i], i);
        jobs[i].promises = _i == 1;
        jobs[i].brings = i < 3 ? &jobs[i + 1] : NULL;
    }
    jobs[1].breaks = _i == 1;
    submit(&stepped, &jobs[0]);
    ck_assert_uint_eq(writer_step(stepped.writer), _i == 1 ? 2 : 3);
    ck_assert_uint_eq(metric_get(&metrics->groups), 1);
    ck_assert_uint_eq(metric_get(&metrics->queued), 1);
    ck_assert_uint_eq(writer_step(stepped.writer), _i == 1 ? 2 : 1);
    ck_assert_int_eq(db_begin_read(stepped.db, NULL), E_OK);
    for (int i = 0; i < 4; i++) {
        int kept = jobs[i].breaks ? 0 : 1;
        ck_assert_int_eq(jobs[i].acknowledged, kept);
        ck_assert_int_eq(times_found(stepped.db, jobs[i].text), kept);
        job_release(&jobs[i]);
    }
    ck_assert_int_eq(stepped.ended, 4);
    ck_assert_int_eq(db_end(stepped.db, NULL), E_OK);
}
END_TEST

/* The rest of a bulk call too waits for the group after. */
START_TEST(bulk_joins_no_group_that_has_begun)
{
    struct job first, large, last;
    job_init(&first, 1);
    job_init(&large, 2);
    job_init(&last, 3);
    first.brings = &large;
    large.portions = 1;
    large.brings = &last;
    submit(&stepped, &first);
    ck_assert_uint_eq(writer_step(stepped.writer), 1);
    env_context.now_utc_ms += 20;
    ck_assert_uint_eq(writer_step(stepped.writer), 2);
    ck_assert_int_eq(large.acknowledged, 1);
    ck_assert_int_eq(last.acknowledged, 1);
    job_release(&first);
    job_release(&large);
    job_release(&last);
}
END_TEST

START_TEST(late_calls_are_dropped_and_ticks_come)
{
    struct job jobs[2];
    for (int i = 0; i < 2; i++) {
        job_init(&jobs[i], i);
        jobs[i].call.deadline_ns = env_monotonic_ns(&env) + (i == 0 ? 1 : 10000000000);
        submit(&stepped, &jobs[i]);
    }
    env_context.now_utc_ms += 5;
    ck_assert_uint_eq(writer_step(stepped.writer), 2);
    ck_assert_int_eq(jobs[0].call.error.code, CODE_DEADLINE_EXCEEDED);
    ck_assert_int_eq(jobs[1].acknowledged, 1);
    ck_assert_int_eq(stepped.ticks, 1);
    ck_assert(stepped.beside);
    writer_step(stepped.writer);
    ck_assert_int_eq(stepped.ticks, 1);
    env_context.now_utc_ms += 1000;
    stepped.more = true; /* comes back at once, since nobody waits */
    writer_step(stepped.writer);
    ck_assert_int_eq(stepped.ticks, 2);
    ck_assert(!stepped.beside);
    stepped.more = false;
    writer_step(stepped.writer);
    ck_assert_int_eq(stepped.ticks, 3);

    struct job idle;
    job_init(&idle, 9);
    idle.node = &stepped;
    idle.call = (struct call){.arena = &idle.arena, .owner = &idle, .done = done};
    ck_assert(writer_try(stepped.writer, &idle.call));
    ck_assert_int_eq(idle.acknowledged, 1);
    submit(&stepped, &jobs[0]);
    ck_assert(!writer_try(stepped.writer, &idle.call)); /* others came first */
    writer_stop(stepped.writer);
    submit(&stepped, &jobs[1]);
    ck_assert_int_eq(jobs[1].call.error.code, CODE_UNAVAILABLE);

    struct buf text = BUF_INIT;
    writer_metrics_format(stepped.writer, &text);
    ck_assert_ptr_nonnull(strstr(text.data, "\npasserelle_writer_late_total 2\n"));
    ck_assert_ptr_nonnull(strstr(text.data, "_group_calls_bucket{le=\"1\"} 2\n"));
    buf_release(&text);
    job_release(&idle);
    job_release(&jobs[0]);
    job_release(&jobs[1]);
}
END_TEST

/* ---- with threads, on a real disk ---- */

enum { CLIENTS = 4, EACH = 400 };

struct client {
    pthread_t thread;
    struct node *node;
    struct job jobs[EACH];
    int number;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static uint64_t longest; /* the log, as answers leave */

static void done_threaded(struct call *call)
{
    struct job *job = call->owner;
    uint64_t frames = metric_get(&writer_metrics(job->node->writer)->wal_frames);
    pthread_mutex_lock(&lock);
    longest = frames > longest ? frames : longest;
    job->acknowledged += call->error.code == CODE_OK ? 1 : 1000;
    pthread_cond_broadcast(&ended);
    pthread_mutex_unlock(&lock);
}

static void *client_main(void *argument)
{
    struct client *client = argument;
    for (int i = 0; i < EACH; i++) {
        struct job *job = &client->jobs[i];
        job_init(job, client->number * EACH + i);
        job->node = client->node;
        job->call = (struct call){.arena = &job->arena, .owner = job, .done = done_threaded};
        if (i % 3 != 0 || !writer_try(client->node->writer, &job->call)) {
            writer_submit(client->node->writer, &job->call);
        }
        pthread_mutex_lock(&lock);
        while (i % 8 == 7 && job->acknowledged == 0) {
            pthread_cond_wait(&ended, &lock);
        }
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

START_TEST(many_threads_submit)
{
    static struct client clients[CLIENTS];
    struct node node;
    struct fault fault = FAULT_NONE;
    char dir[128];
    char path[160];
    scratch_make(dir, sizeof dir);
    snprintf(path, sizeof path, "%s/node.db", dir);
    world();
    struct writer_options options = {.wal_soft_frames = 50, .wal_hard_frames = 200,
                                     .wait_us = _i == 0 ? 50 : 0};
    ck_assert_int_eq(node_open(&node, path, NULL, &options, &fault), E_OK);
    env.monotonic_ns = env_system.monotonic_ns; /* real waiting */
    ck_assert_int_eq(writer_start(node.writer, &fault), E_OK);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].node = &node;
        clients[i].number = i;
        ck_assert_int_eq(pthread_create(&clients[i].thread, NULL, client_main, &clients[i]), 0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
    }
    writer_stop(node.writer);
    ck_assert_int_eq(db_begin_read(node.db, NULL), E_OK);
    uint64_t size = feeds_get(node.feeds, view_of("site-0"))->size +
                    feeds_get(node.feeds, view_of("site-1"))->size;
    ck_assert_uint_eq(size, CLIENTS * EACH);
    for (int i = 0; i < CLIENTS * EACH; i++) {
        struct job *job = &clients[i / EACH].jobs[i % EACH];
        ck_assert_int_eq(job->acknowledged, 1);
        job_release(job);
    }
    ck_assert_int_eq(db_end(node.db, NULL), E_OK);
    /* Past the hard length by the soft one and a group at most, under load from all sides. */
    ck_assert_uint_gt(longest, 50);
    ck_assert_uint_lt(longest, 200 + 200);
    node_close(&node);
    unlink(path);
    rmdir(dir);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("writer");
    TCase *faults = tcase_create("faults");
    tcase_set_timeout(faults, 120);
    tcase_add_test(faults, each_operation_fails_once);
    tcase_add_test(faults, each_operation_breaks_the_disk);
    tcase_add_test(faults, the_power_goes_at_each_operation);
    tcase_add_test(faults, the_first_start_meets_faults);
    tcase_add_test(faults, the_disk_fills);
    suite_add_tcase(suite, faults);
    TCase *steps = tcase_create("steps");
    tcase_add_checked_fixture(steps, step_setup, step_teardown);
    tcase_add_test(steps, a_full_queue_says_so_at_once);
    tcase_add_test(steps, a_long_log_is_copied_back);
    tcase_add_test(steps, a_log_that_cannot_be_emptied_waits);
    tcase_add_test(steps, a_log_with_what_was_erased_is_emptied);
    tcase_add_test(steps, a_reader_makes_the_log_longer_while_it_reads);
    tcase_add_test(steps, bulk_lets_others_pass);
    tcase_add_test(steps, bulk_rests_while_others_come);
    tcase_add_test(steps, ticks_rest_while_bulk_comes);
    tcase_add_loop_test(steps, a_call_fails_alone, 0, 2);
    tcase_add_loop_test(steps, who_comes_meanwhile_joins_the_group, 0, 2);
    tcase_add_test(steps, bulk_joins_no_group_that_has_begun);
    tcase_add_test(steps, late_calls_are_dropped_and_ticks_come);
    suite_add_tcase(suite, steps);
    TCase *threads = tcase_create("threads");
    tcase_set_timeout(threads, 60);
    tcase_add_loop_test(threads, many_threads_submit, 0, 2);
    suite_add_tcase(suite, threads);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
