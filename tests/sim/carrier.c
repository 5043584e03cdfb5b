/* What a thread of the daemon does for its uplink (process/site.c), here over links that lose,
 * double and delay. A call is a message there and one back, given up after a while; a stream keeps
 * its order like the connection that carries it, and ends where the link is cut. */
#include <stdlib.h>
#include <string.h>

#include "core/merkle/note.h"
#include "crypt/keyfile.h"
#include "passerelle/v1/enrol.pb-c.h"
#include "passerelle/v1/sync.pb-c.h"
#include "service/engine.h"
#include "service/journal.h"
#include "service/keyring.h"
#include "service/sync/enrol.h"
#include "service/sync/uplink.h"
#include "sim/work.h"
#include "wire/pack.h"

#define KIND(name) PASSERELLE__V1__LEDGER_PROBLEM_KIND__LEDGER_PROBLEM_KIND_##name

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
    uint64_t old_size; /* of its feed, when the hub handed it over */
    char net_origin[NOTE_NAME_MAX + 1];
    uint8_t net_key[ED25519_PUBLIC_LEN];
    struct note_key cosigner;
    struct lane lanes[UPLINK_LANES];
    uint64_t stream; /* the open one; 0: none */
    const ProtobufCMessageDescriptor *stream_output;
    int64_t heard_ms;
    struct stream_end *end;
    uint64_t numbers;
    uint64_t since; /* what was sent before is lost with the process that sent it */
    bool pumping;
    enum lie lie; /* that the next push will tell */
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
    enum lie lie;
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
    joining->old_size = opened->old_size;
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

static void join_done(struct node_call *mine)
{
    *(bool *)mine->context = mine->call.error.code == CODE_OK;
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

/* What the hub holds of our feed, as `passerelled join` fetches it. */
static int fetch_entries(struct sim_node *node, struct fault *fault)
{
    struct db *db = joining->work->hub.service.db;
    struct feed *feed = feeds_get(journal_feeds(node->service.journal), view_of(node->name));
    struct feed_entry entry;
    struct arena arena = ARENA_INIT;
    int err = db_begin_read(db, fault);
    struct query *read =
        feed_read(db, journal_feed_no(db, view_of(node->name)), 1, joining->old_size);
    while (err == E_OK && feed_read_next(read, &entry)) {
        bool added;
        err =
            journal_take(&node->service, feed, entry.seq, entry.bytes, &arena, NULL, &added, fault);
        arena_clear(&arena);
    }
    query_end(read);
    arena_release(&arena);
    int ended = db_end(db, fault);
    return err != E_OK ? err : ended;
}

static int found_site(struct sim_node *node, struct fault *fault)
{
    int err = make_feed(node, "net", joining->net_origin, joining->net_key, FEED_ENTRY_MAX, fault);
    err = err != E_OK ? err
                      : make_feed(node, node->name, joining->origin, joining->key.public_key,
                                  FEED_SITE_ENTRY_MAX, fault);
    return err != E_OK || joining->old_size == 0 ? err : fetch_entries(node, fault);
}

/* The folder joins again: it holds at least what the hub does. */
static int go_on_as(struct sim_node *node, struct fault *fault)
{
    struct feeds *feeds = journal_feeds(node->service.journal);
    feed_begin_epoch(feeds, feeds_get(feeds, view_of(node->name)), view_of(joining->origin),
                     joining->key.public_key);
    return db_error(node->service.db, fault);
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

/* True: the hub has handed the feed over, to a fresh key. */
static bool take_over(struct carrier *carrier)
{
    struct work *work = carrier->work;
    Passerelle__V1__FollowRequest request = PASSERELLE__V1__FOLLOW_REQUEST__INIT;
    bool done = false;
    joining = carrier;
    ed25519_key_make(&carrier->key, &carrier->node->env);
    if (node_call_message(&work->hub, -1, work_who(ROLE_OPERATOR, "olive"), &join_method,
                          &request.base, join_done, &done)) {
        node_step(&work->hub);
    }
    if (!done || !work->hub.up) {
        return false;
    }
    read_hub(work, carrier);
    write_key(carrier);
    carrier_certify(carrier->node);
    return true;
}

/* A fresh certificate, by true time. */
void carrier_certify(struct sim_node *node)
{
    int64_t life_ms = node->sim->params.certificate_ms;
    node->certificate_from_utc_ms = sim_utc_ms(node->sim) - HOURS_MS;
    node->certificate_to_utc_ms = sim_utc_ms(node->sim) + life_ms;
}

void carrier_join(struct work *work, int site)
{
    if (work->carriers == NULL) {
        work->carriers = xcalloc((size_t)work->world.site_count, sizeof *work->carriers);
    }
    struct carrier *carrier = &work->carriers[site];
    struct sim_node *node = &work->sites[site];
    *carrier = (struct carrier){.work = work, .site = site, .node = node};
    for (int i = 0; i < UPLINK_LANES; i++) {
        carrier->lanes[i] = (struct lane){.carrier = carrier, .no = (enum uplink_lane)i};
    }
    node_init(node, work->sim, site + 1, work->world.sites[site].id);
    node->owner = work;
    if (!take_over(carrier)) {
        sim_fail(work->sim, "%s cannot join", node->name);
    }
    node->node.cosigner = &carrier->cosigner;
    node->node.hub_url = "https://hub.example.org:8443";
    node_found(node, found_site);
}

static void end_free(struct carrier *carrier);
static void lane_failed(struct lane *lane, enum code code, const char *message, bool reached);

void carrier_forget(struct work *work, int site)
{
    struct carrier *carrier = &work->carriers[site];
    carrier->since = ++carrier->numbers;
    carrier->stream = 0;
    carrier->lie = LIE_NONE;
    end_free(carrier);
}

bool carrier_rejoin(struct work *work, int site, bool fresh)
{
    struct carrier *carrier = &work->carriers[site];
    struct sim_node *node = carrier->node;
    carrier_forget(work, site);
    if (!take_over(carrier)) {
        return false;
    }
    if (fresh) {
        vfs_twin_put(node->disk, NULL);
        node_found(node, found_site);
        node->retired = false;
    } else {
        node_boot_with(node, go_on_as);
    }
    carrier_booted(work, node);
    return true;
}

void carrier_reset(struct work *work, int site)
{
    carrier_forget(work, site);
    lane_failed(&work->carriers[site].lanes[UPLINK_DOWN], CODE_UNAVAILABLE, "connection reset",
                false);
}

void carrier_lie(struct work *work, int site, enum lie lie)
{
    work->carriers[site].lie = lie;
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
    if (carrier->node->up && lane->waiting && lane->attempt == packet->number &&
        packet->number > carrier->since) {
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

static bool is_told(const Passerelle__V1__PushEntriesResponse *response,
                    Passerelle__V1__LedgerProblemKind kind)
{
    for (size_t i = 0; i < response->n_problems; i++) {
        if (response->problems[i]->kind == kind && response->problems[i]->n_evidence > 0) {
            return true;
        }
    }
    return false;
}

/* Honest sites are never blamed, but for a clock that runs ahead or was set back; a lie is found at
 * once. */
static void check_problems(struct carrier *carrier, const struct call *call, enum lie lie,
                           uint64_t size_before)
{
    if (call->error.code != CODE_OK || strcmp(call->method->name, "PushEntries") != 0) {
        return;
    }
    struct work *work = carrier->work;
    const Passerelle__V1__PushEntriesResponse *response = (const void *)call->response;
    work->pushed++;
    if (lie == LIE_STALE) {
        return;
    }
    if (lie != LIE_NONE) {
        bool found = lie == LIE_GAP
                         ? response->size == size_before
                         : is_told(response, lie == LIE_FORK ? KIND(FORK) : KIND(BAD_PUSH));
        if (!found) {
            sim_fail(work->sim, "%s tells a lie (%d), and the hub does not see it",
                     carrier->node->name, (int)lie);
        }
        mend_lie_found(work, carrier->site, lie);
        return;
    }
    for (size_t i = 0; i < response->n_problems && !mend_may_fork(work, carrier->site); i++) {
        const Passerelle__V1__LedgerProblem *problem = response->problems[i];
        bool clock = problem->kind == KIND(TIME) &&
                     (strstr(problem->sentence, "future") != NULL ||
                      strstr(problem->sentence, "clock was set back") != NULL);
        if ((problem->kind <= KIND(ROLLED_BACK) && !clock) || problem->kind == KIND(BAD_PUSH)) {
            sim_fail(work->sim, "%s is honest, and: %s", carrier->node->name, problem->sentence);
        }
    }
}

struct asked {
    struct carrier *carrier;
    enum uplink_lane lane;
    uint64_t number;
    enum lie lie;
    uint64_t size_before; /* of the feed at the hub */
};

static void call_done(struct node_call *mine)
{
    struct asked *asked = mine->context;
    struct carrier *carrier = asked->carrier;
    struct call *call = &mine->call;
    bool ok = call->error.code == CODE_OK;
    check_problems(carrier, call, asked->lie, asked->size_before);
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

/* A listener lets nobody in whose certificate is over by the hub's clock. */
static bool is_let_in(const struct carrier *carrier)
{
    return node_utc_ms(&carrier->work->hub) < carrier->node->certificate_to_utc_ms;
}

/* RenewSite without certificates, whose bytes are not the seed's: only the feed's key counts. A box
 * that was put back to before its last join has another one. */
static void renew(struct carrier *carrier, const struct packet *packet)
{
    struct arena arena = ARENA_INIT;
    struct fault fault = FAULT_NONE;
    struct buf message = BUF_INIT;
    ProtobufCMessage *unpacked;
    Passerelle__V1__RenewSiteResponse response = PASSERELLE__V1__RENEW_SITE_RESPONSE__INIT;
    enum code code = CODE_OK;
    node_must(&carrier->work->hub,
              wire_unpack(packet->method->input, packet->bytes, &wire_limits_request, &arena,
                          &unpacked, &fault),
              &fault, "renewal");
    const Passerelle__V1__RenewSiteRequest *request = (const void *)unpacked;
    enrol_renew_message(VIEW_LIT("test"), view_of(request->site_id), request->signed_utc_ms,
                        view_of(request->csr_pem), &message);
    if (strcmp(request->site_id, carrier->node->name) != 0 ||
        request->feed_signature.len != ED25519_SIGNATURE_LEN ||
        !ed25519_verify(carrier->key.public_key, buf_content(&message),
                        request->feed_signature.data)) {
        code = CODE_PERMISSION_DENIED;
    }
    struct packet *back =
        packet_new(carrier, packet->number, wire_pack_arena(&arena, &response.base));
    back->lane = packet->lane;
    back->method = packet->method;
    back->code = code;
    carrier->work->renewed += code == CODE_OK;
    packet_send(back, 0, carrier->node->no, answer_came);
    buf_release(&message);
    arena_release(&arena);
}

DB_SQL(select_remote_size, "SELECT size FROM remote_feed WHERE feed_id = :feed_id");

/* What another push has overtaken proves nothing any more. */
static enum lie lie_of(struct carrier *carrier, const struct packet *packet)
{
    struct db *db = carrier->work->hub.service.db;
    struct arena arena = ARENA_INIT;
    struct fault fault = FAULT_NONE;
    ProtobufCMessage *unpacked;
    uint64_t verified = 0;
    if (packet->lie == LIE_NONE) {
        return LIE_NONE;
    }
    node_must(&carrier->work->hub,
              wire_unpack(packet->method->input, packet->bytes, &wire_limits_request, &arena,
                          &unpacked, &fault),
              &fault, "push");
    const Passerelle__V1__PushEntriesRequest *request = (const void *)unpacked;
    node_must(&carrier->work->hub, db_begin_read(db, &fault), &fault, "begin");
    struct query *query = db_query(db, &select_remote_size);
    query_bind_text(query, "feed_id", view_of(carrier->node->name));
    if (query_next(query)) {
        verified = (uint64_t)query_int(query, 0);
        query_end(query);
    }
    node_must(&carrier->work->hub, db_end(db, &fault), &fault, "read");
    uint64_t held = node_feed_size(&carrier->work->hub, carrier->node->name);
    uint64_t first = request->n_packages == 0 ? 0 : request->packages[0]->first_seq;
    bool fits =
        packet->lie == LIE_FORK
            ? request->known_size <= held || request->known_size == verified
            : request->known_size == verified && first == held + (packet->lie == LIE_GAP ? 2 : 1);
    arena_release(&arena);
    return fits ? packet->lie : LIE_STALE;
}

static void call_arrived(struct sim *sim, void *context)
{
    struct packet *packet = context;
    struct carrier *carrier = packet->carrier;
    struct sim_node *hub = &carrier->work->hub;
    (void)sim;
    if (packet->number <= carrier->since || !hub->up ||
        (!packet->without_certificate && !is_let_in(carrier))) {
        packet_free(packet);
        return;
    }
    if (strcmp(packet->method->name, "RenewSite") == 0) {
        renew(carrier, packet);
        packet_free(packet);
        return;
    }
    struct asked *asked = xmalloc(sizeof *asked);
    *asked = (struct asked){carrier, packet->lane, packet->number, lie_of(carrier, packet),
                            node_feed_size(hub, carrier->node->name)};
    struct principal who =
        packet->without_certificate ? work_who(ROLE_ANYONE, "") : site_of(carrier);
    if (!node_call(hub, carrier->site, who, packet->method, packet->bytes, call_done, asked)) {
        free(asked);
    }
    packet_free(packet);
}

/* ---- lies ---- */

/* Bytes of an entry that is pushed are others than those in the tree that was signed. */
static bool change_entry(struct carrier *carrier, Passerelle__V1__PushEntriesRequest *request)
{
    for (size_t i = 0; i < request->n_packages; i++) {
        Passerelle__V1__Package *package = request->packages[i];
        if (package->n_entries > 0) {
            ProtobufCBinaryData *entry =
                &package
                     ->entries[dice_below(&carrier->work->sim->dice, (int64_t)package->n_entries)];
            entry->data[entry->len / 2] ^= 1;
            return true;
        }
    }
    return false;
}

/* The first of the entries that the hub lacks is held back. */
static bool leave_gap(Passerelle__V1__PushEntriesRequest *request)
{
    if (request->n_packages == 0 || request->packages[0]->n_entries < 2) {
        return false;
    }
    Passerelle__V1__Package *first = request->packages[0];
    first->first_seq++;
    first->entries++;
    first->n_entries--;
    return true;
}

/* Another tree of the size that the hub has verified, signed by the same key. */
static bool tell_another_story(struct carrier *carrier, struct arena *arena,
                               Passerelle__V1__PushEntriesRequest *request)
{
    struct note_key key;
    struct note note;
    struct checkpoint checkpoint;
    struct buf out = BUF_INIT;
    if (request->known_size == 0 || note_parse(view_of(request->checkpoint), &note) != E_OK ||
        checkpoint_parse(note.text, &checkpoint) != E_OK ||
        note_key_init(&key, view_of(carrier->origin), NOTE_ED25519, carrier->key.public_key) !=
            E_OK) {
        return false;
    }
    checkpoint.size = request->known_size;
    memset(&checkpoint.root, 7, sizeof checkpoint.root);
    bool made = checkpoint_sign(&checkpoint, &key, &carrier->key, &out) == E_OK;
    request->checkpoint = arena_string(arena, buf_content(&out));
    request->n_consistency = 0;
    request->n_packages = 0;
    buf_release(&out);
    return made;
}

/* The request as a keeper sends it who wants to be believed what is not so; the lie that it tells.
 */
static enum lie make_lie(struct carrier *carrier, struct arena *arena,
                         const ProtobufCMessage **message)
{
    enum lie lie = carrier->lie;
    Passerelle__V1__PushEntriesRequest *request = (void *)wire_clone(arena, *message);
    bool made = lie == LIE_CHANGE ? change_entry(carrier, request)
                : lie == LIE_GAP  ? leave_gap(request)
                                  : tell_another_story(carrier, arena, request);
    if (!made) {
        return LIE_NONE;
    }
    carrier->lie = LIE_NONE;
    *message = &request->base;
    return lie;
}

static void do_call(struct lane *lane, const struct uplink_step *step)
{
    struct carrier *carrier = lane->carrier;
    struct arena arena = ARENA_INIT;
    const ProtobufCMessage *request = step->request;
    bool lies = carrier->lie != LIE_NONE && strcmp(step->name, "PushEntries") == 0;
    enum lie lie = lies ? make_lie(carrier, &arena, &request) : LIE_NONE;
    struct packet *packet =
        packet_new(carrier, ++carrier->numbers, wire_pack_arena(&arena, request));
    packet->lane = lane->no;
    packet->lie = lie;
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
    if (carrier->node->up && carrier->stream == packet->number && packet->number > carrier->since) {
        carrier->heard_ms = sim->now_ms;
        if (packet->code != CODE_OK || packet->bytes.len == 0) {
            carrier->stream = 0;
            lane_failed(lane, packet->code, packet->message, true);
        } else {
            node_must(carrier->node,
                      wire_unpack(carrier->stream_output, packet->bytes, &wire_limits_tolerant,
                                  &arena, &message, &fault),
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
    if (carrier->work->hub.up && end != NULL && !end->dead && !end->over &&
        end->call.method->output == &passerelle__v1__follow_response__descriptor) {
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
    if (carrier->work->hub.up && packet->number > carrier->since && is_let_in(carrier) &&
        (carrier->end == NULL || carrier->end->number < packet->number)) {
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
    carrier->stream_output = step->output;
    carrier->work->snapshots += strcmp(step->name, "GetSnapshot") == 0;
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
        carrier_certify(carrier->node);
        uplink_set_certificate(carrier->node->node.uplink, carrier->node->certificate_from_utc_ms,
                               carrier->node->certificate_to_utc_ms, VIEW_LIT("csr"),
                               VIEW_LIT("csr"), NULL, 0);
        uplink_answered(carrier->node->node.uplink, lane->no, NULL);
        lane_plan(lane, 1);
        break;
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

/* What the site still lacks; NULL: nothing. */
static const char *lacks(struct work *work, struct sim_node *node)
{
    struct uplink_status status;
    if (!node->up || !work->hub.up) {
        return "is down, or its hub";
    }
    uplink_status(node->node.uplink, &status);
    if (status.state != UPLINK_GOOD) {
        return status.sentence[0] == '\0'
                   ? uplink_state_name(status.state)
                   : arena_string(work->sim->arena, view_of(status.sentence));
    }
    return status.receipt_size < node_feed_size(node, node->name) ? "lacks a receipt"
           : node_feed_size(node, "net") < node_feed_size(&work->hub, "net")
               ? "lacks entries of net"
           : !node_is_connected(&node->node) || !node->node.complete ? "is away"
                                                                     : NULL;
}

const char *carrier_waits(struct work *work)
{
    for (int site = 0; site < work->sim->params.sites; site++) {
        struct sim_node *node = work->carriers[site].node;
        const char *what = work_node(work, site) == &work->hub ? NULL : lacks(work, node);
        if (what != NULL) {
            return arena_printf(work->sim->arena, "%s %s", node->name, what);
        }
    }
    return NULL;
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
    for (int64_t until_ms = SECOND_MS; carrier_waits(work) != NULL; until_ms += SECOND_MS) {
        while (sim_step(sim, until_ms)) {
        }
        node_step(&work->hub);
        if (until_ms > 10 * MINUTES_MS) {
            sim_fail(sim, "the sites never have what the hub has");
        }
    }
    sim->calm = false;
}
