#include "lib/listener.h"

#include <check.h>

#include "core/merkle/cosignature.h"
#include "crypt/keyfile.h"
#include "passerelle/v1/sync.pb-c.h"
#include "service/desk/desk.h"
#include "service/engine.h"
#include "service/journal.h"
#include "service/keyring.h"
#include "service/sync/take.h"
#include "store/feed/feed.h"
#include "wire/pack.h"

#define EVENT(name) PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_##name

static void must(int err, const struct fault *fault)
{
    ck_assert_msg(err == E_OK, "%s", fault->text);
}

/* ---- joining ---- */

static struct feed_id hub_feed(struct listener *o, const char *name)
{
    struct feed_id id;
    struct fault fault = FAULT_NONE;
    must(db_begin_read(o->hub->service.db, &fault), &fault);
    ck_assert_int_eq(feed_find(o->hub->service.db, view_of(name), &id), E_OK);
    must(db_end(o->hub->service.db, &fault), &fault);
    return id;
}

/* The keys that a join leaves behind. */
static void write_key(struct listener *o)
{
    char file[KEYRING_FILE_MAX];
    struct fault fault = FAULT_NONE;
    struct arena *arena = &o->site.arena;
    keyring_feed_file(view_of(o->box.site_id), view_of(o->box.origin), file);
    char *path = arena_printf(arena, "%s/keys/%s", o->site.dir, file);
    const char *epoch = strrchr(o->box.origin, '/') + 1;
    char *purpose = arena_printf(arena, "feed %s-%s", o->box.site_id, epoch);
    must(keyfile_write(path, purpose, &o->box.key, &fault), &fault);
    const struct ed25519_key *cosign;
    struct note_key *cosigner = ARENA_NEW(arena, struct note_key);
    must(keyring_cosign(o->hub->node.keys, &cosign, &fault), &fault);
    ck_assert_int_eq(note_key_init(cosigner, VIEW_LIT("passerelle.example/test/cosigner"),
                                   NOTE_COSIGNATURE, cosign->public_key),
                     E_OK);
    o->site.node.cosigner = cosigner;
}

static void make_feeds(struct listener *o)
{
    struct service *service = &o->site.service;
    struct feeds *feeds = journal_feeds(service->journal);
    struct fault fault = FAULT_NONE;
    struct feed_id own = hub_feed(o, o->box.site_id);
    struct feed_id net = hub_feed(o, "net");
    struct feed *feed;
    must(db_begin(service->db, &fault), &fault);
    must(feeds_make(feeds, &own, &feed, &fault), &fault);
    for (uint64_t i = 0; i < o->box.size; i++) {
        bool added;
        must(journal_take(service, feed, i + 1, o->box.entries[i], &o->site.arena, NULL, &added,
                          &fault),
             &fault);
    }
    must(feeds_make(feeds, &net, &feed, &fault), &fault);
    must(db_commit(service->db, &fault), &fault);
    journal_committed(service->journal);
}

void listener_begin(struct listener *o, struct network *hub, const char *site_id)
{
    *o = (struct listener){.hub = hub};
    box_init(&o->box, hub, site_id);
    box_begin(&o->box);
    network_init_site(&o->site, "test", site_id, 77);
    o->site.clock.now_utc_ms = hub->clock.now_utc_ms;
    write_key(o);
    make_feeds(o);
}

void listener_release(struct listener *o)
{
    network_release(&o->site);
    box_release(&o->box);
}

/* ---- both sides ---- */

const struct call *listener_call(struct listener *o, struct principal who, const char *service,
                                const char *method, const ProtobufCMessage *request)
{
    return network_call(&o->site, who, service, method, request);
}

void listener_tick(struct listener *o)
{
    network_tick(&o->site);
}

static void pass_time(struct network *network, int64_t ms)
{
    network->clock.now_utc_ms += ms;
}

void listener_wait(struct listener *o, int64_t ms)
{
    pass_time(o->hub, ms);
    pass_time(&o->site, ms);
}

void listener_cut(struct listener *o)
{
    listener_wait(o, (int64_t)HEARTBEAT_S * HEARTBEATS_MISSED * 1000 + 1000);
    ck_assert(!node_is_connected(&o->site.node));
}

/* An internal call of the site's writer. */
static const ProtobufCMessage *take(struct listener *o, enum take which,
                                    const ProtobufCMessage *message)
{
    struct call *call = ARENA_NEW(&o->site.arena, struct call);
    *call = (struct call){.method = take_method(which),
                          .arena = &o->site.arena,
                          .request = message,
                          .request_bytes = wire_pack_arena(&o->site.arena, message)};
    network_write(&o->site, call);
    ck_assert_msg(call->error.code == CODE_OK, "%s: %s", call->method->name, call->error.message);
    return call->response;
}

static void take_event(struct listener *o, const Passerelle__V1__FollowResponse *event)
{
    struct node *node = &o->site.node;
    switch (event->event_case) {
    case EVENT(NET):
        take(o, TAKE_NET, &event->net->base);
        break;
    case EVENT(OWN):
        take(o, TAKE_OWN, &event->own->base);
        break;
    case EVENT(KNOWING):
        take(o, TAKE_KNOWLEDGE, &event->knowing->base);
        break;
    case EVENT(CAUGHT_UP):
        take(o, TAKE_CAUGHT_UP, &event->caught_up->base);
        node->complete = true;
        break;
    default:
        break;
    }
}

static void heard(struct listener *o)
{
    o->site.node.heard_utc_ms = o->site.clock.now_utc_ms;
    o->site.node.heard_ns = env_monotonic_ns(&o->site.env);
    ck_assert(node_is_connected(&o->site.node));
}

static void open_stream(struct listener *o)
{
    struct take_memory memory;
    struct fault fault = FAULT_NONE;
    struct db *db = o->site.service.db;
    Passerelle__V1__FollowRequest *request =
        network_new(o->hub, &passerelle__v1__follow_request__descriptor);
    must(db_begin_read(db, &fault), &fault);
    take_memory(db, &memory);
    request->net_size = feed_head(db, journal_feed_no(db, VIEW_LIT("net"))).size;
    request->own_size = feed_head(db, journal_feed_no(db, view_of(o->box.site_id))).size;
    request->knowledge_version = memory.knowledge_version;
    must(db_end(db, &fault), &fault);
    o->stream = network_open(o->hub, network_who(ROLE_SITE, o->box.site_id), "LedgerService",
                             "Follow", &request->base);
    ck_assert_msg(o->stream->stream.call->error.code == CODE_OK, "%s",
                  o->stream->stream.call->error.message);
}

void listener_hear(struct listener *o)
{
    if (o->stream == NULL) {
        open_stream(o);
    }
    network_tick(o->hub);
    size_t count;
    while ((count = network_pump(o->stream, NETWORK_STREAM_MAX)) > 0) {
        for (size_t i = 0; i < count; i++) {
            take_event(o, (const void *)o->stream->messages[i]);
        }
    }
    heard(o);
}

void listener_push(struct listener *o)
{
    struct db *db = o->site.service.db;
    struct fault fault = FAULT_NONE;
    struct feed_entry entry;
    must(db_begin_read(db, &fault), &fault);
    struct query *read =
        feed_read(db, journal_feed_no(db, view_of(o->box.site_id)), o->box.size + 1, FEED_SEQ_MAX);
    while (feed_read_next(read, &entry)) {
        box_append_bytes(&o->box, arena_copy(&o->hub->arena, entry.bytes));
    }
    must(db_end(db, &fault), &fault);
    const Passerelle__V1__PushEntriesResponse *last = box_push_all(&o->box);
    take(o, TAKE_RECEIPT, &last->base);
    heard(o);
}
