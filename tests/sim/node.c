#include "sim/node.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "service/desk/desk.h"
#include "service/engine.h"
#include "service/journal.h"
#include "service/keyring.h"
#include "service/methods.h"
#include "service/sync/sync.h"
#include "service/sync/uplink.h"
#include "store/migrate/migrate.h"
#include "store/request/request.h"
#include "store/view/apply.h"
#include "sim/work.h"
#include "wire/pack.h"

void node_must(const struct sim_node *node, int err, const struct fault *fault, const char *what)
{
    if (err != E_OK) {
        sim_fail(node->sim, "%s: %s: %s", node->name, what, fault->text);
    }
}

/* ---- the world that is handed in ---- */

int64_t node_utc_ms(const struct sim_node *node)
{
    int64_t since_ms = node->sim->now_ms - node->clock_since_ms;
    return sim_utc_ms(node->sim) + node->clock_off_ms + since_ms * node->clock_ppm / 1000000;
}

static int64_t clock_now(void *context)
{
    return node_utc_ms(context);
}

static int64_t clock_monotonic(void *context)
{
    return ((struct sim_node *)context)->sim->now_ms * 1000000;
}

static void chance(void *context, void *bytes, size_t len)
{
    struct sim_node *node = context;
    uint8_t *out = bytes;
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(dice_draw(&node->chance) >> 32);
    }
}

void node_set_clock(struct sim_node *node, int64_t off_ms, int64_t ppm)
{
    node->clock_off_ms = off_ms;
    node->clock_ppm = ppm;
    node->clock_since_ms = node->sim->now_ms;
}

/* ---- the writer's hooks: those of process/daemon.c ---- */

static void run(void *context, struct call *call)
{
    struct sim_node *node = context;
    struct node_call *mine = call->owner;
    node->ran = true;
    work_sizes(node->owner, node, mine);
    bool kept = engine_write(&node->service, call);
    assert(kept || call->error.code != CODE_OK || db_error(node->service.db, NULL) != E_OK);
    work_own_size(node->owner, node, mine);
}

static size_t mark(void *context)
{
    const struct service *service = &((struct sim_node *)context)->service;
    return journal_mark(service->journal) << 32 | desk_mark(service->desk);
}

static void undo(void *context, size_t to)
{
    const struct service *service = &((struct sim_node *)context)->service;
    journal_undo(service->journal, to >> 32);
    desk_undo(service->desk, to & UINT32_MAX);
}

static void flush(void *context)
{
    sync_flush(&((struct sim_node *)context)->service);
}

/* A daemon's clock works once a second: sites hear within one of what the hub has done. */
static void second_event(struct sim *sim, void *context)
{
    (void)sim;
    struct sim_node *node = context;
    node->second = false;
    node_step(node);
}

static void committed(void *context)
{
    struct sim_node *node = context;
    journal_committed(node->service.journal);
    desk_committed(node->service.desk);
    if (node->ran && !node->second) {
        node->second = true;
        sim_after(node->sim, 1000, second_event, node);
    }
    if (node->ran) {
        node->node.commits++;
        work_committed(node->owner, node);
    }
    node->ran = false;
    if (node->ticking && node->ticked != NULL) {
        node->ticked(node, node_utc_ms(node));
    }
    node->ticking = false;
}

static void abandoned(void *context)
{
    struct sim_node *node = context;
    journal_rolled_back(node->service.journal);
    desk_abandoned(node->service.desk);
    node->ran = false;
    node->ticking = false;
}

static bool tick(void *context, int64_t now_utc_ms, bool beside)
{
    struct sim_node *node = context;
    bool news = false;
    node->ticking = true;
    bool more = desk_tick(&node->service, now_utc_ms);
    more |= sync_tick(&node->service, now_utc_ms, beside, &news);
    node->ran = news || journal_mark(node->service.journal) > 0;
    return more;
}

/* ---- life ---- */

static int open_database(struct sim_node *node, enum db_mode mode, struct fault *fault)
{
    struct db_options options = {
        .path = "node.db", .vfs = node->vfs, .mode = mode, .cache_kib = 512};
    int err = db_open(&node->service.db, &options, fault);
    return err != E_OK ? err : migrate_run(node->service.db, fault);
}

/* A process that starts has heard nothing. */
static void start_uplink(struct sim_node *node)
{
    node->node.followed = false;
    node->node.net_published = 0;
    node->node.snapshot_size = 0;
    node->node.knowledge_version = 0;
    if (node->is_hub) {
        return;
    }
    node->node.uplink = uplink_new(&node->node);
    uplink_set_behind_max(node->node.uplink, (uint64_t)node->sim->params.behind_max);
    node->node.catching_up = true;
    node->node.heard_utc_ms = 0;
    node->node.heard_ns = 0;
    node->node.untaken_ns = 0;
    node->node.behind = false;
    node->node.complete = false;
    uplink_set_certificate(node->node.uplink, node->certificate_from_utc_ms,
                           node->certificate_to_utc_ms, VIEW_LIT("csr"), VIEW_LIT("csr"), NULL, 0);
}

static void start_writer(struct sim_node *node)
{
    struct fault fault = FAULT_NONE;
    start_uplink(node);
    node->service.journal = journal_new(&node->node, node->service.db);
    node->service.desk = desk_new(&node->service);
    node_must(node, db_begin_read(node->service.db, &fault), &fault, "begin");
    desk_load(&node->service);
    node_must(node, db_end(node->service.db, &fault), &fault, "load");
    struct writer_options options = {
        .db = node->service.db,
        .feeds = journal_feeds(node->service.journal),
        .env = &node->env,
        .hooks = {.context = node,
                  .run = run,
                  .mark = mark,
                  .undo = undo,
                  .flush = flush,
                  .committed = committed,
                  .abandoned = abandoned,
                  .tick = tick},
        .group_max = (size_t)node->sim->params.group_max,
        .tick_ms = 1, /* the clock's work comes before the calls of each moment */
        .wal_soft_frames = 100,
        .wal_hard_frames = 200,
    };
    node->writer = writer_new(&options);
    node->up = true;
    node->boots++;
}

static void close_all(struct sim_node *node)
{
    if (node->writer != NULL) {
        writer_stop(node->writer);
        writer_free(node->writer);
    }
    desk_free(node->service.desk);
    journal_free(node->service.journal);
    db_free(node->service.db);
    uplink_free(node->node.uplink);
    node->node.uplink = NULL;
    node->writer = NULL;
    node->service = (struct service){.node = &node->node};
    node->up = false;
}

void node_init(struct sim_node *node, struct sim *sim, int no, const char *name)
{
    *node = (struct sim_node){.sim = sim, .no = no, .is_hub = no == 0};
    node->chance.state = sim->params.seed * 1000 + (uint64_t)no + 77;
    snprintf(node->name, sizeof node->name, "%s", name);
    snprintf(node->dir, sizeof node->dir, "%s/%d", sim->dir, no);
    snprintf(node->vfs, sizeof node->vfs, "sim-%d", no);
    node->disk = vfs_twin_new(node->vfs);
    node->env = (struct env){clock_now, clock_now, clock_monotonic, chance, node};
    if (mkdir(node->dir, 0700) != 0) {
        sim_fail(sim, "no folder %s", node->dir);
    }
    node->node = (struct node){.role = node->is_hub ? NODE_HUB : NODE_SITE,
                               .env = &node->env,
                               .demo = true,
                               .keys = keyring_new(node->dir, &node->env),
                               .state_dir = node->dir};
    snprintf(node->node.network_id, sizeof node->node.network_id, "test");
    if (!node->is_hub) {
        snprintf(node->node.site_id, sizeof node->node.site_id, "%s", name);
    }
    node->service.node = &node->node;
}

static void start_with(struct sim_node *node, enum db_mode mode, node_change *change)
{
    struct fault fault = FAULT_NONE;
    node_must(node, open_database(node, mode, &fault), &fault, "open");
    node->service.journal = journal_new(&node->node, node->service.db);
    node_must(node, db_begin(node->service.db, &fault), &fault, "begin");
    node_must(node, change(node, &fault), &fault, "change");
    node_must(node, db_commit(node->service.db, &fault), &fault, "commit");
    journal_committed(node->service.journal);
    journal_free(node->service.journal);
    start_writer(node);
}

static struct vfs_copy *empty_disk;

/* All begin on the same empty tables: made once, then copied. */
void node_found(struct sim_node *node, node_change *found)
{
    struct fault fault = FAULT_NONE;
    if (empty_disk == NULL) {
        node_must(node, open_database(node, DB_CREATE, &fault), &fault, "tables");
        db_free(node->service.db);
        empty_disk = vfs_twin_copy(node->disk);
    }
    vfs_twin_put(node->disk, empty_disk);
    start_with(node, DB_WRITE, found);
}

void node_forget_disk(void)
{
    vfs_copy_free(empty_disk);
    empty_disk = NULL;
}

void node_boot_with(struct sim_node *node, node_change *change)
{
    start_with(node, DB_WRITE, change);
    node->retired = false;
}

void node_release(struct sim_node *node)
{
    close_all(node);
    keyring_free(node->node.keys);
    vfs_twin_free(node->disk);
}

void node_plan_crash(struct sim_node *node, uint64_t operation)
{
    if (!node->up) {
        return;
    }
    if (operation == 0) {
        node_crash(node);
    } else {
        node->crash_in = operation;
    }
}

void node_crash(struct sim_node *node)
{
    if (!node->up) {
        return;
    }
    sim_trace(node->sim, "%s: power gone", node->name);
    node->up = false;
    node->crash_in = 0;
    node->sim->crashes++;
    vfs_twin_stop(node->disk);
    close_all(node);
    vfs_twin_power_cut(node->disk, dice_draw(&node->sim->dice));
    vfs_twin_set_capacity(node->disk, 0);
}

void node_boot(struct sim_node *node)
{
    struct fault fault = FAULT_NONE;
    if (node->up || node->retired) {
        return;
    }
    node_must(node, open_database(node, DB_WRITE, &fault), &fault, "open again");
    start_writer(node);
    sim_trace(node->sim, "%s: up again", node->name);
    if (node->booted != NULL) {
        node->booted(node);
    }
}

/* ---- checks ---- */

int node_replay(struct sim_node *node, struct db *db, struct fault *fault)
{
    struct feed_id feed;
    uint8_t before[32], after[32];
    int err = db_begin(db, fault);
    if (err != E_OK) {
        return err;
    }
    struct query *list = feed_list(db);
    while (err == E_OK && feed_list_next(list, &feed)) {
        err = feed_verify(db, &feed, 1, fault);
    }
    query_end(list);
    if (!node->is_hub) { /* terms that it was told stand in no feed of a site */
        db_exec(db, "DELETE FROM employer; DELETE FROM employer_policy; DELETE FROM plan; "
                    "DELETE FROM holder; DELETE FROM carnet;");
    }
    err = err != E_OK ? err : view_digest(db, before, fault);
    for (uint64_t order = 0; err == E_OK && order < 2; order++) {
        err = view_rebuild(db, order, NULL, NULL, fault);
        err = err != E_OK ? err : view_digest(db, after, fault);
        if (err == E_OK && memcmp(before, after, sizeof before) != 0) {
            err = fault_set(fault, E_CORRUPT, "a replay gives other projections");
        }
    }
    db_end(db, NULL);
    return err;
}

uint64_t node_feed_size(struct sim_node *node, const char *feed_id)
{
    struct fault fault = FAULT_NONE;
    struct db *db = node->service.db;
    if (db_in_transaction(db)) {
        return journal_feed_size(db, view_of(feed_id));
    }
    node_must(node, db_begin_read(db, &fault), &fault, "begin");
    uint64_t size = journal_feed_size(db, view_of(feed_id));
    node_must(node, db_end(db, &fault), &fault, "read");
    return size;
}

int node_check(struct sim_node *node, void (*look)(struct sim_node *), uint64_t *size,
               struct fault *fault)
{
    int err = open_database(node, DB_WRITE, fault);
    err = err != E_OK ? err : db_check_pages(node->service.db, fault);
    err = err != E_OK ? err : node_replay(node, node->service.db, fault);
    if (err == E_OK) {
        *size = node_feed_size(node, node->name);
        if (look != NULL) {
            look(node);
        }
    }
    db_free(node->service.db);
    node->service.db = NULL;
    return err;
}

/* ---- calls ---- */

const struct method *node_method(const char *service, const char *name)
{
    char full[96];
    bool known;
    snprintf(full, sizeof full, "passerelle.v1.%s", service);
    const struct method *method = methods_find(view_of(full), view_of(name), &known);
    assert(method != NULL);
    return method;
}

/* The planned fault strikes the node's own work, not what others read of its disk. */
static void fault_armed(struct sim_node *node, bool armed)
{
    if (node->crash_in == 0 || vfs_twin_struck(node->disk)) {
        return;
    }
    if (armed) {
        vfs_twin_plan(node->disk, VFS_FAULT_CUT, node->crash_in);
    } else {
        uint64_t operations = vfs_twin_operations(node->disk);
        node->crash_in = node->crash_in > operations ? node->crash_in - operations : 1;
        vfs_twin_plan(node->disk, VFS_FAULT_NONE, 0);
    }
}

static void over(struct call *call)
{
    struct node_call *mine = call->owner;
    bool armed = mine->at->armed;
    if (armed) {
        fault_armed(mine->at, false);
    }
    mine->done(mine);
    if (armed) {
        fault_armed(mine->at, true);
    }
    arena_release(&mine->arena);
    free(mine);
}

void node_step(struct sim_node *node)
{
    if (!node->up) {
        return;
    }
    node->armed = true;
    fault_armed(node, true);
    while (node->up && writer_step(node->writer) > 0) {
    }
    node->armed = false;
    if (node->up && vfs_twin_struck(node->disk)) {
        node_crash(node);
        work_down(node->owner, node);
    } else {
        fault_armed(node, false);
    }
}

static void step_event(struct sim *sim, void *context)
{
    (void)sim;
    struct sim_node *node = context;
    node->stepping = false;
    node_step(node);
}

static bool submit(struct node_call *mine, int site, struct principal who,
                   const struct method *method)
{
    struct sim_node *node = mine->at;
    struct call *call = &mine->call;
    mine->site = site;
    call->method = method;
    call->arena = &mine->arena;
    call->who = who;
    call->done = over;
    call->owner = mine;
    engine_precompute(&node->service, call);
    if (method->prepare != NULL) {
        method->prepare(&node->node, call);
    }
    if (method->apply == NULL) {
        engine_read(&node->service, call);
        over(call);
        return true;
    }
    writer_submit(node->writer, call);
    if (!node->stepping) {
        node->stepping = true;
        sim_after(node->sim, dice_below(&node->sim->dice, 3), step_event, node);
    }
    return true;
}

static struct node_call *call_new(struct sim_node *node, node_done *done, void *context)
{
    struct node_call *mine = xcalloc(1, sizeof *mine);
    mine->at = node;
    mine->done = done;
    mine->context = context;
    return mine;
}

bool node_call_message(struct sim_node *node, int site, struct principal who,
                       const struct method *method, const ProtobufCMessage *request,
                       node_done *done, void *context)
{
    if (!node->up) {
        return false;
    }
    struct node_call *mine = call_new(node, done, context);
    mine->call.request = wire_clone(&mine->arena, request);
    mine->call.request_bytes = wire_pack_arena(&mine->arena, request);
    return submit(mine, site, who, method);
}

bool node_call(struct sim_node *node, int site, struct principal who, const struct method *method,
               struct view request, node_done *done, void *context)
{
    if (!node->up) {
        return false;
    }
    struct node_call *mine = call_new(node, done, context);
    struct fault fault = FAULT_NONE;
    ProtobufCMessage *unpacked;
    mine->call.request_bytes = arena_copy(&mine->arena, request);
    if (wire_unpack(method->input, mine->call.request_bytes, &wire_limits_request, &mine->arena,
                    &unpacked, &fault) != E_OK) {
        sim_fail(node->sim, "%s: %s: %s", node->name, method->name, fault.text);
    }
    mine->call.request = unpacked;
    return submit(mine, site, who, method);
}
