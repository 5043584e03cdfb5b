/* For nftw(). */
#define _XOPEN_SOURCE 700
#include "lib/outpost.h"

#include <check.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ident/uuid.h"
#include "core/join/join_code.h"
#include "crypt/keyfile.h"
#include "lib/box.h"
#include "lib/scratch.h"
#include "passerelle/v1/desk.pb-c.h"
#include "passerelle/v1/enrol.pb-c.h"
#include "service/desk/desk.h"
#include "service/engine.h"
#include "service/journal.h"
#include "service/keyring.h"
#include "service/methods.h"
#include "service/sync/sync.h"
#include "store/feed/feed.h"
#include "store/migrate/migrate.h"
#include "wire/pack.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)

static void must(int err, const struct fault *fault, const char *what)
{
    ck_assert_msg(err == E_OK, "%s: %s (%s)", what, fault->text, err_text(err));
}

static char *path_of(const struct outpost *outpost, const char *name)
{
    static char path[192];
    snprintf(path, sizeof path, "%s/%s", outpost->dir, name);
    return path;
}

static void open_database(struct outpost *outpost, enum db_mode mode)
{
    struct fault fault = FAULT_NONE;
    struct db_options options = {.path = path_of(outpost, "site.db"), .mode = mode};
    must(db_open(&outpost->service.db, &options, &fault), &fault, "open");
    must(migrate_run(outpost->service.db, &fault), &fault, "migrate");
    outpost->service.node = &outpost->node;
    outpost->service.journal = journal_new(&outpost->node, outpost->service.db);
    outpost->service.desk = desk_new(&outpost->service);
    outpost->uplink = uplink_new(&outpost->node);
    outpost->node.uplink = outpost->uplink;
    outpost->node.catching_up = true;
    outpost->node.heard_utc_ms = 0;
    outpost->node.heard_ns = 0;
    outpost->node.untaken_ns = 0;
    outpost->node.behind = false;
    outpost->node.complete = false;
    uplink_set_certificate(outpost->uplink, outpost->hub->clock.now_utc_ms,
                           outpost->hub->clock.now_utc_ms + 90 * DAY_MS, VIEW_NONE, VIEW_NONE, NULL,
                           0);
    must(db_begin_read(outpost->service.db, &fault), &fault, "begin");
    desk_load(&outpost->service);
    must(db_end(outpost->service.db, &fault), &fault, "load");
}

static void close_database(struct outpost *outpost)
{
    desk_free(outpost->service.desk);
    journal_free(outpost->service.journal);
    db_free(outpost->service.db);
    uplink_free(outpost->uplink);
    outpost->service = (struct service){.node = NULL};
    outpost->follow = NULL;
    arena_clear(&outpost->follow_arena);
}

void outpost_reopen(struct outpost *outpost)
{
    close_database(outpost);
    open_database(outpost, DB_WRITE);
}

static void copy_file(const char *from, const char *to)
{
    char command[512];
    snprintf(command, sizeof command, "cp %s %s", from, to);
    ck_assert_int_eq(system(command), 0);
}

void outpost_backup(struct outpost *outpost)
{
    char from[256];
    close_database(outpost);
    snprintf(from, sizeof from, "%s", path_of(outpost, "site.db"));
    copy_file(from, path_of(outpost, "old.db"));
    open_database(outpost, DB_WRITE);
}

void outpost_restore(struct outpost *outpost)
{
    char from[256];
    close_database(outpost);
    snprintf(from, sizeof from, "%s", path_of(outpost, "old.db"));
    copy_file(from, path_of(outpost, "site.db"));
    open_database(outpost, DB_WRITE);
}

/* ---- joining ---- */

static void make_feed(struct outpost *outpost, const char *name, const char *origin,
                      const uint8_t *public_key, size_t entry_bytes_max)
{
    struct fault fault = FAULT_NONE;
    struct feed_id id = {.entry_bytes_max = entry_bytes_max};
    struct feed *feed;
    snprintf(id.name, sizeof id.name, "%s", name);
    snprintf(id.origin, sizeof id.origin, "%s", origin);
    memcpy(id.public_key, public_key, sizeof id.public_key);
    must(feeds_make(journal_feeds(outpost->service.journal), &id, &feed, &fault), &fault, name);
}

/* What the hub holds of the feed, as the hub gives it. */
static void take_over(struct outpost *outpost, const Passerelle__V1__FeedTaken *taken)
{
    struct db *db = outpost->hub->service.db;
    struct feed *own =
        feeds_get(journal_feeds(outpost->service.journal), view_of(outpost->site_id));
    struct fault fault = FAULT_NONE;
    struct feed_id id;
    struct feed_entry entry;
    bool added;
    must(db_begin_read(db, &fault), &fault, "begin");
    must(feed_find(db, view_of(outpost->site_id), &id), &fault, "feed");
    struct query *read = feed_read(db, id.no, 1, taken->old_size);
    while (feed_read_next(read, &entry)) {
        must(journal_take(&outpost->service, own, entry.seq, entry.bytes, &outpost->hub->arena,
                          NULL, &added, &fault),
             &fault, "take");
    }
    must(db_end(db, &fault), &fault, "end");
}

static void keep_key(struct outpost *outpost, const struct box *box, const char *origin)
{
    char file[KEYRING_FILE_MAX];
    char purpose[KEYRING_FILE_MAX];
    struct fault fault = FAULT_NONE;
    keyring_feed_file(view_of(outpost->site_id), view_of(origin), file);
    snprintf(purpose, sizeof purpose, "%.*s", (int)(strlen(file) - 4), file);
    purpose[4] = ' ';
    char *path = arena_printf(&outpost->hub->arena, "%s/keys/%s", outpost->dir, file);
    must(keyfile_write(path, purpose, &box->key, &fault), &fault, "key");
}

void outpost_init(struct outpost *outpost, struct network *hub, const char *site_id)
{
    struct box box;
    struct note_key net;
    struct fault fault = FAULT_NONE;
    *outpost = (struct outpost){.hub = hub};
    snprintf(outpost->site_id, sizeof outpost->site_id, "%s", site_id);
    scratch_make(outpost->dir, sizeof outpost->dir);
    ck_assert_int_eq(mkdir(path_of(outpost, "keys"), 0700), 0);
    box_init(&box, hub, site_id);
    struct join_code code = box_enrol(&box, "hub.example.org:8443");
    const struct call *call = box_join(&box, box_join_request(&box, &code));
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    const Passerelle__V1__JoinSiteResponse *joined = (const void *)call->response;
    ck_assert_int_eq(note_key_parse(view_of(joined->net_verifier_key), &net), E_OK);
    ck_assert_int_eq(note_key_parse(view_of(joined->cosigner_verifier_key), &outpost->cosigner),
                     E_OK);
    keep_key(outpost, &box, joined->feed->origin);
    outpost->node = (struct node){
        .role = NODE_SITE,
        .env = &hub->env,
        .hub_url = "https://hub.example.org:8443",
        .keys = keyring_new(path_of(outpost, "keys"), &hub->env),
        .state_dir = outpost->dir,
        .cosigner = &outpost->cosigner,
    };
    snprintf(outpost->node.site_id, sizeof outpost->node.site_id, "%s", site_id);
    snprintf(outpost->node.network_id, sizeof outpost->node.network_id, "test");
    open_database(outpost, DB_CREATE);
    must(db_begin(outpost->service.db, &fault), &fault, "begin");
    make_feed(outpost, FEED_NET, net.name, net.public_key, FEED_ENTRY_MAX);
    make_feed(outpost, site_id, joined->feed->origin, box.key.public_key, FEED_SITE_ENTRY_MAX);
    take_over(outpost, joined->feed);
    must(db_commit(outpost->service.db, &fault), &fault, "commit");
    journal_committed(outpost->service.journal);
    box_release(&box);
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

void outpost_release(struct outpost *outpost)
{
    close_database(outpost);
    keyring_free(outpost->node.keys);
    arena_release(&outpost->follow_arena);
    nftw(outpost->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- its writer ---- */

static void write_call(struct outpost *outpost, struct call *call)
{
    struct service *service = &outpost->service;
    struct fault fault = FAULT_NONE;
    must(db_begin(service->db, &fault), &fault, "begin");
    db_savepoint(service->db);
    size_t mark = journal_mark(service->journal);
    size_t desk = desk_mark(service->desk);
    if (engine_write(service, call)) {
        db_savepoint_keep(service->db);
    } else {
        db_savepoint_undo(service->db);
        journal_undo(service->journal, mark);
        desk_undo(service->desk, desk);
    }
    must(db_commit(service->db, &fault), &fault, "commit");
    journal_committed(service->journal);
    desk_committed(service->desk);
}

static const struct method *row_of(const char *service, const char *name)
{
    bool known;
    char full[96];
    snprintf(full, sizeof full, "passerelle.v1.%s", service);
    const struct method *method = methods_find(view_of(full), view_of(name), &known);
    ck_assert_msg(method != NULL, "there is no method %s/%s", service, name);
    return method;
}

static void failed(struct outpost *outpost, enum uplink_lane lane, enum code code,
                   const char *message, bool reached)
{
    struct uplink_failure failure = {.code = code, .message = message, .reached = reached};
    uplink_failed(outpost->uplink, lane, &failure);
}

static bool local(struct outpost *outpost, enum uplink_lane lane, const struct uplink_step *step,
                  struct arena *arena)
{
    struct call call = {.method =
                            step->method != NULL ? step->method : row_of(step->service, step->name),
                        .arena = arena,
                        .request = step->request,
                        .request_bytes = wire_pack_arena(arena, step->request)};
    write_call(outpost, &call);
    if (call.error.code == CODE_OK) {
        uplink_answered(outpost->uplink, lane, call.response);
        return true;
    }
    failed(outpost, lane, call.error.code, call.error.message, true);
    return false;
}

/* ---- the link ---- */

static enum outpost_fault draw_fault(struct outpost *outpost, enum uplink_lane lane)
{
    if (outpost->fault == LINK_GOOD || (outpost->fault == LINK_UP_BUSY && lane != UPLINK_UP) ||
        outpost->fault_after-- > 0) {
        return LINK_GOOD;
    }
    outpost->fault_after = 0;
    enum outpost_fault fault = outpost->fault;
    if (outpost->fault_calls > 0 && --outpost->fault_calls == 0) {
        outpost->fault = LINK_GOOD;
    }
    return fault;
}

/* False: it failed, and the uplink knows. */
static bool spoil(struct outpost *outpost, enum uplink_lane lane, enum outpost_fault fault)
{
    switch (fault) {
    case LINK_GOOD:
        return true;
    case LINK_BUSY:
    case LINK_UP_BUSY:
        failed(outpost, lane, CODE_UNAVAILABLE, "the hub is busy", true);
        return false;
    case LINK_REVOKED:
        failed(outpost, lane, CODE_UNAUTHENTICATED, "This credential was revoked.", true);
        return false;
    case LINK_DOWN:
    case LINK_LOST_ANSWER:
        failed(outpost, lane, CODE_UNAVAILABLE, "no answer", false);
        return false;
    }
    return false;
}

static void call_hub(struct outpost *outpost, enum uplink_lane lane, const struct uplink_step *step)
{
    enum outpost_fault fault = draw_fault(outpost, lane);
    if (fault != LINK_GOOD && fault != LINK_LOST_ANSWER) {
        spoil(outpost, lane, fault);
        return;
    }
    outpost->gone_without_certificate |= step->without_certificate;
    struct principal who = step->without_certificate ? network_who(ROLE_ANYONE, "")
                                                     : network_who(ROLE_SITE, outpost->site_id);
    const struct call *call =
        network_call(outpost->hub, who, step->service, step->name, step->request);
    if (!spoil(outpost, lane, fault)) {
        return;
    }
    if (call->error.code == CODE_OK) {
        uplink_answered(outpost->uplink, lane, call->response);
    } else {
        failed(outpost, lane, call->error.code, call->error.message, true);
    }
}

struct carrying {
    struct outpost *outpost;
    bool broken;
};

/* One message of the stream, as it arrives. */
static bool carry(struct stream *stream, const ProtobufCMessage *message)
{
    struct carrying *carrying = stream->call->owner;
    struct outpost *outpost = carrying->outpost;
    struct arena arena = ARENA_INIT;
    struct uplink_step step;
    if (carrying->broken) {
        return false;
    }
    ProtobufCMessage *copy = wire_clone(&arena, message);
    if (outpost->tamper != NULL &&
        message->descriptor == &passerelle__v1__follow_response__descriptor) {
        outpost->tamper((void *)copy);
    }
    if (outpost->tamper_snapshot != NULL &&
        message->descriptor == &passerelle__v1__get_snapshot_response__descriptor) {
        outpost->tamper_snapshot((void *)copy);
    }
    enum outpost_fault fault = draw_fault(outpost, UPLINK_DOWN);
    carrying->broken = fault != LINK_GOOD;
    if (fault != LINK_GOOD) {
        spoil(outpost, UPLINK_DOWN, fault);
    } else if (!uplink_heard(outpost->uplink, copy, &arena, &step)) {
        carrying->broken = true;
        failed(outpost, UPLINK_DOWN, CODE_OK, "", true);
    } else if (step.act == UPLINK_LOCAL) {
        carrying->broken = !local(outpost, UPLINK_DOWN, &step, &arena);
    }
    arena_release(&arena);
    return !carrying->broken;
}

/* What the hub sends now on the open stream. */
static void pump(struct outpost *outpost)
{
    struct carrying carrying = {.outpost = outpost};
    struct arena scratch = ARENA_INIT;
    struct stream stream = {.call = outpost->follow, .emit = carry, .scratch = &scratch};
    struct fault fault = FAULT_NONE;
    bool news;
    struct service *hub = &outpost->hub->service;
    must(db_begin(hub->db, &fault), &fault, "begin");
    while (sync_tick(hub, outpost->hub->clock.now_utc_ms, false, &news)) {
    }
    sync_flush(hub);
    must(db_commit(hub->db, &fault), &fault, "commit");
    journal_committed(hub->journal);
    outpost->follow->owner = &carrying;
    engine_pump(hub, &stream);
    arena_release(&scratch);
    if (!carrying.broken && outpost->follow->error.code != CODE_OK) {
        failed(outpost, UPLINK_DOWN, outpost->follow->error.code, outpost->follow->error.message,
               true);
        carrying.broken = true;
    }
    if (!carrying.broken && stream.finished) {
        failed(outpost, UPLINK_DOWN, CODE_OK, "", true);
        carrying.broken = true;
    }
    if (carrying.broken) {
        outpost->follow = NULL;
    }
}

static void follow(struct outpost *outpost, const struct uplink_step *step)
{
    enum outpost_fault fault = draw_fault(outpost, UPLINK_DOWN);
    if (!spoil(outpost, UPLINK_DOWN, fault)) {
        return;
    }
    struct call *call = network_prepare(outpost->hub, network_who(ROLE_SITE, outpost->site_id),
                                        step->service, step->name, step->request);
    engine_read(&outpost->hub->service, call);
    if (call->error.code != CODE_OK) {
        failed(outpost, UPLINK_DOWN, call->error.code, call->error.message, true);
        return;
    }
    outpost->follow = call;
}

/* ---- the driver ---- */

static enum uplink_act next(struct outpost *outpost, enum uplink_lane lane,
                            struct uplink_step *step, struct arena *arena)
{
    struct fault fault = FAULT_NONE;
    must(db_begin_read(outpost->service.db, &fault), &fault, "begin");
    uplink_next(outpost->uplink, lane, &outpost->service, arena, step);
    must(db_end(outpost->service.db, &fault), &fault, "end");
    return step->act;
}

static enum uplink_act do_step(struct outpost *outpost, enum uplink_lane lane, int64_t *until_ns)
{
    struct uplink_step step;
    struct arena arena = ARENA_INIT;
    if (lane == UPLINK_DOWN && outpost->follow != NULL) {
        pump(outpost);
        *until_ns = INT64_MAX;
        return outpost->follow == NULL ? UPLINK_FOLLOW : UPLINK_WAIT;
    }
    enum uplink_act act = next(outpost, lane, &step, &arena);
    switch (act) {
    case UPLINK_WAIT:
        *until_ns = step.until_ns;
        break;
    case UPLINK_LOCAL:
        local(outpost, lane, &step, &arena);
        break;
    case UPLINK_CALL:
        call_hub(outpost, lane, &step);
        break;
    case UPLINK_FOLLOW:
        follow(outpost, &step);
        break;
    case UPLINK_INSTALL:
        outpost->installed = wire_clone(&outpost->hub->arena, step.request);
        uplink_set_certificate(outpost->uplink, outpost->hub->clock.now_utc_ms,
                               outpost->hub->clock.now_utc_ms + 90 * DAY_MS, VIEW_NONE, VIEW_NONE,
                               NULL, 0);
        uplink_answered(outpost->uplink, lane, NULL);
        break;
    }
    arena_release(&arena);
    return act;
}

enum uplink_act outpost_step(struct outpost *outpost, enum uplink_lane lane)
{
    int64_t until_ns;
    return do_step(outpost, lane, &until_ns);
}

/* Until both wait; the earlier of the two moments. */
static int64_t settle(struct outpost *outpost)
{
    for (int i = 0; i < 10000; i++) {
        int64_t down_ns = INT64_MAX;
        int64_t up_ns = INT64_MAX;
        bool down = do_step(outpost, UPLINK_DOWN, &down_ns) != UPLINK_WAIT;
        bool up = do_step(outpost, UPLINK_UP, &up_ns) != UPLINK_WAIT;
        int64_t wait_ms = up_ns / 1000000 - outpost->hub->clock.now_utc_ms;
        if (!down && !up && wait_ms > 0 && wait_ms <= UPLINK_GATHER_MS) {
            outpost->hub->clock.now_utc_ms = up_ns / 1000000 + 1; /* what is new is gathered */
        } else if (!down && !up) {
            return down_ns < up_ns ? down_ns : up_ns;
        }
    }
    ck_abort_msg("the uplink never waits");
}

void outpost_settle(struct outpost *outpost)
{
    settle(outpost);
}

void outpost_run(struct outpost *outpost, int64_t ms)
{
    int64_t end_utc_ms = outpost->hub->clock.now_utc_ms + ms;
    for (;;) {
        int64_t next_utc_ms = settle(outpost) / 1000000 + 1;
        if (next_utc_ms > end_utc_ms) {
            break;
        }
        if (next_utc_ms > outpost->hub->clock.now_utc_ms) {
            outpost->hub->clock.now_utc_ms = next_utc_ms;
        }
    }
    outpost->hub->clock.now_utc_ms = end_utc_ms;
    settle(outpost);
}

/* ---- what it does and holds ---- */

void outpost_stay(struct outpost *outpost, uint64_t number)
{
    struct fault fault = FAULT_NONE;
    uint8_t id[16] = {[6] = 0x70, [8] = 0x80};
    int64_t now = outpost->hub->clock.now_utc_ms;
    static char holder[] = "h00001";
    for (int i = 0; i < 6; i++) {
        id[15 - i] = (uint8_t)(number >> (8 * i));
    }
    Passerelle__V1__StayRecorded stay = PASSERELLE__V1__STAY_RECORDED__INIT;
    stay.visit_id = wire_bytes(view_bytes(id, sizeof id));
    stay.holder_id = holder;
    stay.resource = PASSERELLE__V1__RESOURCE__RESOURCE_DESK;
    stay.in_utc_ms = now - 7200000;
    stay.out_utc_ms = now - 3600000;
    stay.medium = PASSERELLE__V1__MEDIUM__MEDIUM_CARD;
    stay.source = PASSERELLE__V1__SOURCE__SOURCE_OFFLINE;
    stay.line = 1;
    stay.nonce = wire_bytes(view_bytes(id, sizeof id));
    must(db_begin(outpost->service.db, &fault), &fault, "begin");
    journal_append(&outpost->service, VIEW_LIT("cert-desk"), view_of(outpost->site_id),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_STAY_RECORDED, &stay.base);
    must(db_commit(outpost->service.db, &fault), &fault, "commit");
    journal_committed(outpost->service.journal);
}

uint64_t outpost_size(struct outpost *outpost, const char *feed_id)
{
    struct fault fault = FAULT_NONE;
    must(db_begin_read(outpost->service.db, &fault), &fault, "begin");
    struct feed *feed = feeds_get(journal_feeds(outpost->service.journal), view_of(feed_id));
    must(db_end(outpost->service.db, &fault), &fault, "end");
    return feed == NULL ? 0 : feed->size;
}

struct uplink_status outpost_status(struct outpost *outpost)
{
    struct uplink_status status;
    uplink_status(outpost->uplink, &status);
    return status;
}
