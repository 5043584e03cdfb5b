/* What a thread of the daemon does for its uplink (process/site.c), here over links that lose,
 * double and delay. A call is a message there and one back, given up after a while; a stream keeps
 * its order like the connection that carries it, and ends where the link is cut. */
#include <stdlib.h>
#include <string.h>

#include "core/merkle/note.h"
#include "crypt/keyfile.h"
#include "passerelle/v1/sync.pb-c.h"
#include "service/engine.h"
#include "service/journal.h"
#include "service/keyring.h"
#include "service/sync/uplink.h"
#include "sim/work.h"
#include "wire/pack.h"

enum { CALL_MS = 20000, HEARTBEAT_MS = HEARTBEAT_S * 1000, SILENCE_MS = 3 * HEARTBEAT_MS };

struct lane {
    struct carrier *carrier;
    enum uplink_lane no;
    uint64_t planned; /* the newest event of this lane: older ones do nothing */
    uint64_t attempt; /* the call that waits for its answer; others are too late */
    bool waiting;
};

/* The hub's end of a stream. */
struct stream_end {
    uint64_t number;
    struct arena arena;
    struct call call;
    int64_t last_ms; /* when its last message arrives */
    bool dead;       /* the connection broke; the other end does not know yet */
    bool over;
};

struct carrier {
    struct work *work;
    int site;
    struct sim_node *node;
    struct ed25519_key key;
    char origin[NOTE_NAME_MAX + 1];
    char net_origin[NOTE_NAME_MAX + 1];
    uint8_t net_key[ED25519_PUBLIC_LEN];
    struct note_key cosigner;
    struct lane lanes[UPLINK_LANES];
    uint64_t stream; /* the open one; 0: none */
    int64_t heard_ms;
    struct stream_end *end;
    uint64_t numbers;
    bool pumping;
};

struct later {
    struct lane *lane;
    uint64_t planned;
};

/* A message on its way; freed with its last copy. */
struct packet {
    struct carrier *carrier;
    int copies;
    enum uplink_lane lane;
    uint64_t number; /* of the call or stream */
    const struct method *method;
    bool without_certificate;
    enum code code;
    struct view bytes;
    char message[160];
};

static struct packet *packet_new(struct carrier *carrier, uint64_t number, struct view bytes)
{
    struct packet *packet = xcalloc(1, sizeof *packet + bytes.len + 1);
    packet->carrier = carrier;
    packet->number = number;
    packet->bytes = view_bytes(packet + 1, bytes.len);
    if (bytes.len > 0) {
        memcpy(packet + 1, bytes.data, bytes.len);
    }
    return packet;
}

static void packet_send(struct packet *packet, int from, int to, sim_event *event)
{
    packet->copies = sim_send(packet->carrier->work->sim, from, to, event, packet);
    if (packet->copies == 0) {
        free(packet);
    }
}

static void packet_free(struct packet *packet)
{
    if (--packet->copies == 0) {
        free(packet);
    }
}

/* ---- joining ---- */

static struct carrier *joining;

static int nothing_to_decide(struct service *service, struct call *call)
{
    (void)service;
    (void)call;
    return 0;
}

static int join_apply(struct service *service, struct call *call)
{
    struct view feed_id = view_of(joining->work->world.sites[joining->site].id);
    journal_open_feed(service, feed_id, view_of("hub"));
    const Passerelle__V1__FeedOpened *opened = journal_begin_epoch(
        service, view_of("hub"), feed_id, PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_SITE,
        joining->key.public_key, call->arena);
    if (opened == NULL) {
        return call_fail(call, CODE_INTERNAL, "no epoch");
    }
    snprintf(joining->origin, sizeof joining->origin, "%s", opened->origin);
    call_respond(call);
    return 0;
}

/* JoinSite without its certificates, whose bytes are not the seed's. */
static const struct method join_method = {.service = "Sim",
                                          .name = "Join",
                                          .input = &passerelle__v1__follow_request__descriptor,
                                          .output = &passerelle__v1__caught_up__descriptor,
                                          .decide = nothing_to_decide,
                                          .apply = join_apply};

static void must_be_done(struct node_call *mine)
{
    if (mine->call.error.code != CODE_OK) {
        sim_fail(mine->at->sim, "%s: %s", mine->call.method->name, mine->call.error.message);
    }
}

static int make_feed(struct sim_node *node, const char *name, const char *origin,
                     const uint8_t *public_key, size_t bytes_max, struct fault *fault)
{
    struct feed *feed;
    struct feed_id id = {.entry_bytes_max = bytes_max};
    snprintf(id.name, sizeof id.name, "%s", name);
    snprintf(id.origin, sizeof id.origin, "%s", origin);
    memcpy(id.public_key, public_key, sizeof id.public_key);
    return feeds_make(journal_feeds(node->service.journal), &id, &feed, fault);
}

static int found_site(struct sim_node *node, struct fault *fault)
{
    int err = make_feed(node, "net", joining->net_origin, joining->net_key, FEED_ENTRY_MAX, fault);
    return err != E_OK ? err
                       : make_feed(node, node->name, joining->origin, joining->key.public_key,
                                   FEED_SITE_ENTRY_MAX, fault);
}

static void write_key(struct carrier *carrier)
{
    char file[KEYRING_FILE_MAX], path[320], purpose[KEYFILE_PURPOSE_MAX];
    struct fault fault = FAULT_NONE;
    keyring_feed_file(view_of(carrier->node->name), view_of(carrier->origin), file);
    snprintf(path, sizeof path, "%s/%s", carrier->node->dir, file);
    snprintf(purpose, sizeof purpose, "%.*s", (int)strlen(file) - 4, file);
    *strchr(purpose, '-') = ' ';
    node_must(carrier->node, keyfile_write(path, purpose, &carrier->key, &fault), &fault, "key");
}

static void read_hub(struct work *work, struct carrier *carrier)
{
    struct fault fault = FAULT_NONE;
    struct db *db = work->hub.service.db;
    struct feed_id net;
    const struct ed25519_key *cosign;
    node_must(&work->hub, db_begin_read(db, &fault), &fault, "begin");
    node_must(&work->hub, feed_find(db, view_of("net"), &net), &fault, "net");
    node_must(&work->hub, db_end(db, &fault), &fault, "read");
    node_must(&work->hub, keyring_cosign(work->hub.node.keys, &cosign, &fault), &fault, "cosign");
    snprintf(carrier->net_origin, sizeof carrier->net_origin, "%s", net.origin);
    memcpy(carrier->net_key, net.public_key, sizeof carrier->net_key);
    if (note_key_init(&carrier->cosigner, VIEW_LIT("passerelle.example/test/cosigner"),
                      NOTE_COSIGNATURE, cosign->public_key) != E_OK) {
        sim_fail(work->sim, "no key of receipts");
    }
}

void carrier_join(struct work *work, int site)
{
    if (work->carriers == NULL) {
        work->carriers = xcalloc((size_t)work->world.site_count, sizeof *work->carriers);
    }
    struct carrier *carrier = &work->carriers[site];
    struct sim_node *node = &work->sites[site];
    Passerelle__V1__FollowRequest request = PASSERELLE__V1__FOLLOW_REQUEST__INIT;
    *carrier = (struct carrier){.work = work, .site = site, .node = node};
    for (int i = 0; i < UPLINK_LANES; i++) {
        carrier->lanes[i] = (struct lane){.carrier = carrier, .no = (enum uplink_lane)i};
    }
    node_init(node, work->sim, site + 1, work->world.sites[site].id);
    node->owner = work;
    ed25519_key_make(&carrier->key, &node->env);
    joining = carrier;
    node_call_message(&work->hub, -1, work_who(ROLE_OPERATOR, "olive"), &join_method, &request.base,
                      must_be_done, NULL);
    node_step(&work->hub);
    read_hub(work, carrier);
    write_key(carrier);
    node->node.cosigner = &carrier->cosigner;
    node->node.hub_url = "https://hub.example.org:8443";
    node_found(node, found_site);
}

static void end_free(struct carrier *carrier)
{
    if (carrier->end != NULL) {
        arena_release(&carrier->end->arena);
        free(carrier->end);
        carrier->end = NULL;
    }
}

static void lane_event(struct sim *sim, void *context);
static void answer_came(struct sim *sim, void *context);
static void call_arrived(struct sim *sim, void *context);
static void stream_message(struct sim *sim, void *context);
static void stream_asked(struct sim *sim, void *context);

static void packet_drop(void *context)
{
    packet_free(context);
}

void carrier_release(struct work *work)
{
    sim_event *const of_packets[] = {answer_came, call_arrived, stream_message, stream_asked};
    for (size_t i = 0; i < ARRAY_LEN(of_packets); i++) {
        sim_drop(work->sim, of_packets[i], packet_drop);
    }
    sim_drop(work->sim, lane_event, free);
    for (int site = 0; site < work->sim->params.sites; site++) {
        end_free(&work->carriers[site]);
    }
    free(work->carriers);
}

/* ---- lanes ---- */

static void lane_plan(struct lane *lane, int64_t ms)
{
    struct later *later = xmalloc(sizeof *later);
    *later = (struct later){lane, ++lane->planned};
    sim_after(lane->carrier->work->sim, ms, lane_event, later);
}

static void lane_failed(struct lane *lane, enum code code, const char *message, bool reached)
{
    struct uplink_failure failure = {.code = code, .message = message, .reached = reached};
    lane->waiting = false;
    uplink_failed(lane->carrier->node->node.uplink, lane->no, &failure);
    lane_plan(lane, 1);
}

static struct principal site_of(const struct carrier *carrier)
{
    return work_who(ROLE_SITE, carrier->node->name);
}

/* ---- on our own writer ---- */

struct local {
    struct lane *lane;
    bool done;
    bool ok;
};

static void local_done(struct node_call *mine)
{
    struct local *local = mine->context;
    struct call *call = &mine->call;
    local->done = true;
    local->ok = call->error.code == CODE_OK;
    if (!mine->at->up || vfs_twin_struck(mine->at->disk)) {
        local->ok = false; /* the process is gone before it could tell its uplink */
    } else if (local->ok) {
        uplink_answered(mine->at->node.uplink, local->lane->no, call->response);
    } else {
        struct uplink_failure failure = {
            .code = call->error.code, .message = call->error.message, .reached = true};
        uplink_failed(mine->at->node.uplink, local->lane->no, &failure);
    }
}

/* False: it failed and the uplink knows, or the node is down. */
static bool do_local(struct lane *lane, const struct uplink_step *step)
{
    struct carrier *carrier = lane->carrier;
    struct local local = {.lane = lane};
    const struct method *method =
        step->method != NULL ? step->method : node_method(step->service, step->name);
    if (node_call_message(carrier->node, carrier->site, site_of(carrier), method, step->request,
                          local_done, &local)) {
        node_step(carrier->node);
    }
    if (!local.done) {
        sim_fail(carrier->work->sim, "%s did not run %s", carrier->node->name, method->name);
    }
    return local.ok && carrier->node->up;
}

/* ---- calls ---- */

static void answer_came(struct sim *sim, void *context)
{
    struct packet *packet = context;
    struct carrier *carrier = packet->carrier;
    struct lane *lane = &carrier->lanes[packet->lane];
    struct arena arena = ARENA_INIT;
    struct fault fault = FAULT_NONE;
    ProtobufCMessage *message;
    (void)sim;
    if (carrier->node->up && lane->waiting && lane->attempt == packet->number) {
        if (packet->code != CODE_OK) {
            lane_failed(lane, packet->code, packet->message, true);
        } else {
            node_must(carrier->node,
                      wire_unpack(packet->method->output, packet->bytes, &wire_limits_tolerant,
                                  &arena, &message, &fault),
                      &fault, "answer");
            lane->waiting = false;
            uplink_answered(carrier->node->node.uplink, lane->no, message);
            lane_plan(lane, 0);
        }
    }
    arena_release(&arena);
    packet_free(packet);
}

static void check_problems(struct carrier *carrier, const struct call *call)
{
    if (call->error.code != CODE_OK || strcmp(call->method->name, "PushEntries") != 0) {
        return;
    }
    const Passerelle__V1__PushEntriesResponse *response = (const void *)call->response;
    carrier->work->pushed++;
    for (size_t i = 0; i < response->n_problems; i++) {
        if (response->problems[i]->kind <=
                PASSERELLE__V1__LEDGER_PROBLEM_KIND__LEDGER_PROBLEM_KIND_ROLLED_BACK &&
            response->problems[i]->kind !=
                PASSERELLE__V1__LEDGER_PROBLEM_KIND__LEDGER_PROBLEM_KIND_TIME) {
            sim_fail(carrier->work->sim, "%s is honest, and: %s", carrier->node->name,
                     response->problems[i]->sentence);
        }
    }
}

struct asked {
    struct carrier *carrier;
    enum uplink_lane lane;
    uint64_t number;
};

static void call_done(struct node_call *mine)
{
    struct asked *asked = mine->context;
    struct carrier *carrier = asked->carrier;
    struct call *call = &mine->call;
    bool ok = call->error.code == CODE_OK;
    check_problems(carrier, call);
    if (mine->at->up && !vfs_twin_struck(mine->at->disk)) {
        struct packet *packet = packet_new(
            carrier, asked->number, ok ? wire_pack_arena(call->arena, call->response) : VIEW_NONE);
        packet->lane = asked->lane;
        packet->method = call->method;
        packet->code = call->error.code;
        snprintf(packet->message, sizeof packet->message, "%s", ok ? "" : call->error.message);
        packet_send(packet, 0, carrier->node->no, answer_came);
    }
    free(asked);
}

static void call_arrived(struct sim *sim, void *context)
{
    struct packet *packet = context;
    struct carrier *carrier = packet->carrier;
    struct asked *asked = xmalloc(sizeof *asked);
    (void)sim;
    *asked = (struct asked){carrier, packet->lane, packet->number};
    struct principal who =
        packet->without_certificate ? work_who(ROLE_ANYONE, "") : site_of(carrier);
    if (!node_call(&carrier->work->hub, carrier->site, who, packet->method, packet->bytes,
                   call_done, asked)) {
        free(asked);
    }
    packet_free(packet);
}

static void do_call(struct lane *lane, const struct uplink_step *step)
{
    struct carrier *carrier = lane->carrier;
    struct arena arena = ARENA_INIT;
    struct packet *packet =
        packet_new(carrier, ++carrier->numbers, wire_pack_arena(&arena, step->request));
    packet->lane = lane->no;
    packet->method = node_method(step->service, step->name);
    packet->without_certificate = step->without_certificate;
    lane->attempt = packet->number;
    lane->waiting = true;
    packet_send(packet, carrier->node->no, 0, call_arrived);
    lane_plan(lane, CALL_MS);
    arena_release(&arena);
}

/* ---- the stream ---- */

static void stream_message(struct sim *sim, void *context)
{
    struct packet *packet = context;
    struct carrier *carrier = packet->carrier;
    struct lane *lane = &carrier->lanes[UPLINK_DOWN];
    struct arena arena = ARENA_INIT;
    struct fault fault = FAULT_NONE;
    ProtobufCMessage *message;
    struct uplink_step step;
    if (carrier->node->up && carrier->stream == packet->number) {
        carrier->heard_ms = sim->now_ms;
        if (packet->code != CODE_OK || packet->bytes.len == 0) {
            carrier->stream = 0;
            lane_failed(lane, packet->code, packet->message, true);
        } else {
            node_must(carrier->node,
                      wire_unpack(&passerelle__v1__follow_response__descriptor, packet->bytes,
                                  &wire_limits_tolerant, &arena, &message, &fault),
                      &fault, "message");
            if (!uplink_heard(carrier->node->node.uplink, message, &arena, &step)) {
                carrier->stream = 0;
                lane_failed(lane, CODE_OK, "", true);
            } else if (step.act == UPLINK_LOCAL && !do_local(lane, &step)) {
                carrier->stream = 0;
                if (carrier->node->up) {
                    lane_plan(lane, 1);
                }
            }
        }
    }
    arena_release(&arena);
    packet_free(packet);
}

/* One message of the hub's end; what is lost on the way is sent again by the connection. */
static void stream_send(struct carrier *carrier, struct packet *packet)
{
    struct sim *sim = carrier->work->sim;
    struct stream_end *end = carrier->end;
    int64_t delay_ms = sim->params.delay_ms;
    end->dead |= !sim->calm && sim->cut_until_ms[0][carrier->node->no] > sim->now_ms;
    if (end->dead) {
        free(packet);
        return;
    }
    if (!sim->calm) {
        delay_ms += dice_below(&sim->dice, sim->params.spread_ms + 1);
        while (dice_permille(&sim->dice, sim->params.loss)) {
            delay_ms += 300;
        }
    }
    int64_t at_ms = sim->now_ms + delay_ms;
    end->last_ms = at_ms > end->last_ms ? at_ms : end->last_ms;
    packet->copies = 1;
    sim->delivered++;
    sim_after(sim, end->last_ms - sim->now_ms, stream_message, packet);
}

static bool emit(struct stream *stream, const ProtobufCMessage *message)
{
    struct carrier *carrier = stream->call->owner;
    struct arena arena = ARENA_INIT;
    if (!carrier->end->dead) {
        stream_send(carrier,
                    packet_new(carrier, carrier->end->number, wire_pack_arena(&arena, message)));
    }
    arena_release(&arena);
    return true;
}

static void stream_over(struct carrier *carrier)
{
    struct stream_end *end = carrier->end;
    struct packet *packet = packet_new(carrier, end->number, VIEW_NONE);
    packet->code = end->call.error.code;
    snprintf(packet->message, sizeof packet->message, "%s",
             end->call.error.message == NULL ? "" : end->call.error.message);
    stream_send(carrier, packet);
    end->over = true;
}

static void pump(struct carrier *carrier)
{
    struct stream_end *end = carrier->end;
    if (!carrier->work->hub.up || end == NULL || end->dead || end->over) {
        return;
    }
    struct arena scratch = ARENA_INIT;
    struct stream stream = {.call = &end->call, .emit = emit, .scratch = &scratch};
    engine_pump(&carrier->work->hub.service, &stream);
    arena_release(&scratch);
    if (end->call.error.code != CODE_OK || stream.finished) {
        stream_over(carrier);
    }
}

static void pump_event(struct sim *sim, void *context)
{
    struct carrier *carrier = context;
    (void)sim;
    carrier->pumping = false;
    pump(carrier);
}

static void heartbeat_event(struct sim *sim, void *context)
{
    struct carrier *carrier = context;
    struct stream_end *end = carrier->end;
    struct arena arena = ARENA_INIT;
    if (carrier->work->hub.up && end != NULL && !end->dead && !end->over) {
        Passerelle__V1__Heartbeat heartbeat = PASSERELLE__V1__HEARTBEAT__INIT;
        Passerelle__V1__FollowResponse message = PASSERELLE__V1__FOLLOW_RESPONSE__INIT;
        heartbeat.now_utc_ms = node_utc_ms(&carrier->work->hub);
        message.event_case = PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_HEARTBEAT;
        message.heartbeat = &heartbeat;
        stream_send(carrier,
                    packet_new(carrier, end->number, wire_pack_arena(&arena, &message.base)));
    }
    arena_release(&arena);
    if (carrier->node->up && carrier->stream != 0 && sim->now_ms - carrier->heard_ms > SILENCE_MS) {
        carrier->stream = 0;
        lane_failed(&carrier->lanes[UPLINK_DOWN], CODE_UNAVAILABLE, "silence", false);
    }
    sim_after(sim, HEARTBEAT_MS, heartbeat_event, carrier);
}

static void stream_asked(struct sim *sim, void *context)
{
    struct packet *packet = context;
    struct carrier *carrier = packet->carrier;
    struct fault fault = FAULT_NONE;
    ProtobufCMessage *message;
    (void)sim;
    if (carrier->work->hub.up && (carrier->end == NULL || carrier->end->number < packet->number)) {
        end_free(carrier);
        struct stream_end *end = xcalloc(1, sizeof *end);
        carrier->end = end;
        end->number = packet->number;
        struct view bytes = arena_copy(&end->arena, packet->bytes);
        node_must(&carrier->work->hub,
                  wire_unpack(packet->method->input, bytes, &wire_limits_request, &end->arena,
                              &message, &fault),
                  &fault, "request");
        end->call = (struct call){.method = packet->method,
                                  .arena = &end->arena,
                                  .who = site_of(carrier),
                                  .request = message,
                                  .request_bytes = bytes,
                                  .owner = carrier};
        engine_read(&carrier->work->hub.service, &end->call);
        if (end->call.error.code != CODE_OK) {
            stream_over(carrier);
        } else {
            pump(carrier);
        }
    }
    packet_free(packet);
}

static void do_follow(struct lane *lane, const struct uplink_step *step)
{
    struct carrier *carrier = lane->carrier;
    struct arena arena = ARENA_INIT;
    struct packet *packet =
        packet_new(carrier, ++carrier->numbers, wire_pack_arena(&arena, step->request));
    packet->method = node_method(step->service, step->name);
    carrier->stream = packet->number;
    carrier->heard_ms = carrier->work->sim->now_ms;
    packet_send(packet, carrier->node->no, 0, stream_asked);
    arena_release(&arena);
}

/* ---- the driver ---- */

static void lane_step(struct lane *lane)
{
    struct carrier *carrier = lane->carrier;
    struct sim *sim = carrier->work->sim;
    struct fault fault = FAULT_NONE;
    struct arena arena = ARENA_INIT;
    struct uplink_step step;
    struct db *db = carrier->node->service.db;
    node_must(carrier->node, db_begin_read(db, &fault), &fault, "begin");
    uplink_next(carrier->node->node.uplink, lane->no, &carrier->node->service, &arena, &step);
    node_must(carrier->node, db_end(db, &fault), &fault, "read");
    switch (step.act) {
    case UPLINK_WAIT:
        lane_plan(lane, step.until_ns / 1000000 + 1 - sim->now_ms);
        break;
    case UPLINK_LOCAL:
        do_local(lane, &step);
        if (carrier->node->up) {
            lane_plan(lane, 1);
        }
        break;
    case UPLINK_CALL:
        do_call(lane, &step);
        break;
    case UPLINK_FOLLOW:
        do_follow(lane, &step);
        break;
    case UPLINK_INSTALL:
        sim_fail(sim, "%s renews a certificate that is good for years", carrier->node->name);
    }
    arena_release(&arena);
}

static void lane_event(struct sim *sim, void *context)
{
    struct later *later = context;
    struct lane *lane = later->lane;
    bool newest = later->planned == lane->planned;
    (void)sim;
    free(later);
    if (!newest || !lane->carrier->node->up) {
        return;
    }
    if (lane->waiting) {
        lane_failed(lane, CODE_UNAVAILABLE, "no answer", false);
    } else if (lane->no == UPLINK_UP || lane->carrier->stream == 0) {
        lane_step(lane);
    }
}

void carrier_woken(struct work *work, struct sim_node *node)
{
    if (work->carriers == NULL) {
        return;
    }
    for (int site = 0; site < work->sim->params.sites; site++) {
        struct carrier *carrier = &work->carriers[site];
        struct lane *up = &carrier->lanes[UPLINK_UP];
        if (node->is_hub && carrier->end != NULL && !carrier->pumping) {
            carrier->pumping = true;
            sim_after(work->sim, dice_below(&work->sim->dice, 20), pump_event, carrier);
        } else if (carrier->node == node && carrier->work != NULL && !up->waiting) {
            lane_plan(up, 1 + dice_below(&work->sim->dice, 20));
        }
    }
}

void carrier_booted(struct work *work, struct sim_node *node)
{
    for (int site = 0; site < work->sim->params.sites; site++) {
        struct carrier *carrier = &work->carriers[site];
        if (node->is_hub) {
            end_free(carrier);
        } else if (carrier->node == node) {
            carrier->stream = 0;
            for (int i = 0; i < UPLINK_LANES; i++) {
                carrier->lanes[i].waiting = false;
                lane_plan(&carrier->lanes[i], 1);
            }
        }
    }
}

static struct feed_head head_of(struct sim_node *node, const char *feed_id)
{
    struct fault fault = FAULT_NONE;
    struct db *db = node->service.db;
    node_must(node, db_begin_read(db, &fault), &fault, "begin");
    struct feed_head head = feed_head(db, journal_feed_no(db, view_of(feed_id)));
    node_must(node, db_end(db, &fault), &fault, "read");
    return head;
}

bool carrier_is_idle(struct work *work)
{
    for (int site = 0; site < work->sim->params.sites; site++) {
        struct sim_node *node = work->carriers[site].node;
        if (!node->up || !work->hub.up) {
            return false;
        }
        struct uplink_status status;
        uplink_status(node->node.uplink, &status);
        if (status.state != UPLINK_GOOD || status.receipt_size < head_of(node, node->name).size ||
            head_of(node, "net").size < head_of(&work->hub, "net").size ||
            !node_is_connected(&node->node) || !node->node.complete) {
            return false;
        }
    }
    return true;
}

void carrier_start(struct work *work)
{
    struct sim *sim = work->sim;
    for (int site = 0; site < sim->params.sites; site++) {
        struct carrier *carrier = &work->carriers[site];
        sim_after(sim, dice_below(&sim->dice, HEARTBEAT_MS), heartbeat_event, carrier);
        lane_plan(&carrier->lanes[UPLINK_UP], 1);
        lane_plan(&carrier->lanes[UPLINK_DOWN], 1);
    }
    sim->calm = true;
    for (int64_t until_ms = SECOND_MS; !carrier_is_idle(work); until_ms += SECOND_MS) {
        while (sim_step(sim, until_ms)) {
        }
        node_step(&work->hub);
        if (until_ms > 10 * MINUTES_MS) {
            sim_fail(sim, "the sites never have what the hub has");
        }
    }
    sim->calm = false;
}
