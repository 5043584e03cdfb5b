/* Up: our own feed from what the hub holds on, until its receipt is here; and our certificate. */
#include <assert.h>

#include "core/ident/uuid.h"
#include "core/merkle/subtree.h"
#include "passerelle/v1/enrol.pb-c.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "service/sync/lanes.h"
#include "service/sync/push.h"
#include "store/feed/feed.h"
#include "wire/pack.h"

enum {
    ALONE_MS = 5 * 1000, /* how long a start waits for the hub before it decides alone */
    PUSH_BYTES_MAX = PUSH_REQUEST_BYTES_MAX - 512 * 1024, /* the rest: proofs, and numbers */
    IDLE_PUSHES_MAX = 3, /* answers in a row by which nothing got further */
};
#define PROBLEM(name) PASSERELLE__V1__LEDGER_PROBLEM_KIND__LEDGER_PROBLEM_KIND_##name
#define FOREVER_NS (INT64_C(3600) * 1000 * MS_NS)
/* How often the hub sees our head though nothing is new: a close waits for it. */
#define SHOW_NS (INT64_C(3600) * 1000 * MS_NS)

/* ---- certificate ---- */

/* At two thirds of its life. */
static int64_t renewal_due(int64_t from_utc_ms, int64_t to_utc_ms)
{
    return from_utc_ms + (to_utc_ms - from_utc_ms) / 3 * 2;
}

void uplink_set_certificate(struct uplink *uplink, int64_t not_before_utc_ms,
                            int64_t not_after_utc_ms, struct view csr_pem,
                            struct view server_csr_pem, char *const *server_names,
                            size_t server_name_count)
{
    atomic_store(&uplink->not_after_utc_ms, not_after_utc_ms);
    atomic_store(&uplink->renewable, csr_pem.len > 0);
    uplink->renew_after_utc_ms = renewal_due(not_before_utc_ms, not_after_utc_ms);
    buf_clear(&uplink->csr_pem);
    buf_view(&uplink->csr_pem, csr_pem);
    buf_clear(&uplink->server_csr_pem);
    buf_view(&uplink->server_csr_pem, server_csr_pem);
    arena_clear(&uplink->names_arena);
    uplink->names = ARENA_ARRAY(&uplink->names_arena, server_name_count + 1, char *);
    uplink->name_count = server_name_count;
    for (size_t i = 0; i < server_name_count; i++) {
        uplink->names[i] = arena_string(&uplink->names_arena, view_of(server_names[i]));
    }
    pthread_mutex_lock(&uplink->lock);
    uplink->status.certificate_ends_utc_ms = not_after_utc_ms;
    pthread_mutex_unlock(&uplink->lock);
}

bool up_has_expired(const struct uplink *uplink)
{
    return env_real_utc_ms(uplink->node->env) >= atomic_load(&uplink->not_after_utc_ms);
}

static bool renews_now(const struct uplink *uplink)
{
    return atomic_load(&uplink->renewable) &&
           env_real_utc_ms(uplink->node->env) >= uplink->renew_after_utc_ms;
}

/* A renewal that failed is tried again an hour later, when there is so long left; else with the
 * lane's own waits. The other work goes on meanwhile, while the certificate is in force. */
void up_renewal_failed(struct uplink *uplink)
{
    static const int64_t hour_ms = (int64_t)3600 * 1000;
    int64_t now = env_real_utc_ms(uplink->node->env);
    if (atomic_load(&uplink->not_after_utc_ms) - now > 2 * hour_ms) {
        uplink->renew_after_utc_ms = now + hour_ms;
    }
}

static void ask_signature(struct uplink *uplink, struct arena *arena, struct uplink_step *step)
{
    Passerelle__V1__RenewSiteRequest *request =
        wire_new(arena, &passerelle__v1__renew_site_request__descriptor);
    uint8_t random[10];
    char id[UUID_TEXT_LEN + 1];
    env_random(uplink->node->env, random, sizeof random);
    uuid_format(uuid_v7(env_real_utc_ms(uplink->node->env), random), id);
    request->request_id = wire_string(arena, view_of(id));
    request->site_id = wire_string(arena, view_of(uplink->node->site_id));
    request->csr_pem = wire_string(arena, buf_content(&uplink->csr_pem));
    request->server_csr_pem = wire_string(arena, buf_content(&uplink->server_csr_pem));
    request->server_names = uplink->names;
    request->n_server_names = uplink->name_count;
    uplink->lanes[UPLINK_UP].doing = DOING_SIGN;
    *step = (struct uplink_step){
        .act = UPLINK_LOCAL, .method = take_method(TAKE_RENEWAL), .request = &request->base};
}

/* ---- up ---- */

static void carry(struct uplink *uplink, const ProtobufCMessage *message)
{
    arena_clear(&uplink->arena);
    uplink->carried = wire_clone(&uplink->arena, message);
}

void up_drop_note(struct uplink *uplink)
{
    buf_clear(&uplink->note);
    uplink->note_size = 0;
    uplink->idle_pushes = 0;
}

static ProtobufCBinaryData *copy_hashes(struct arena *arena, const struct tree_proof *proof)
{
    ProtobufCBinaryData *all = ARENA_ARRAY(arena, proof->count + 1, ProtobufCBinaryData);
    for (unsigned i = 0; i < proof->count; i++) {
        all[i] = wire_bytes(arena_copy(arena, view_bytes(proof->hash[i].bytes, SHA256_LEN)));
    }
    return all;
}

static size_t fill_package(struct service *reader, struct arena *arena, int64_t feed_no,
                           const struct package *shape, uint64_t size,
                           Passerelle__V1__Package *package)
{
    struct tree_proof proof;
    struct feed_tree tree;
    size_t bytes = 0;
    feed_tree_init(&tree, reader->db, feed_no);
    if (subtree_prove(&tree.reader, shape->base, shape->end, size, &proof) != E_OK) {
        return 0;
    }
    package->first_seq = shape->start + 1;
    package->proof = copy_hashes(arena, &proof);
    package->n_proof = proof.count;
    package->entries = ARENA_ARRAY(arena, PACKAGE_WIDTH, ProtobufCBinaryData);
    struct query *read = feed_read(reader->db, feed_no, shape->start + 1, shape->end);
    struct feed_entry entry;
    while (feed_read_next(read, &entry)) {
        package->entries[package->n_entries++] = wire_bytes(arena_copy(arena, entry.bytes));
        bytes += entry.bytes.len + 4;
    }
    return bytes;
}

/* What the hub does not hold yet of our checkpoint, as much as a request takes. */
static void build_push(struct uplink *uplink, struct service *reader, struct arena *arena,
                       int64_t feed_no, struct uplink_step *step)
{
    Passerelle__V1__PushEntriesRequest *request =
        wire_new(arena, &passerelle__v1__push_entries_request__descriptor);
    struct tree_proof proof;
    size_t bytes = 0;
    request->feed_id = wire_string(arena, view_of(uplink->node->site_id));
    request->checkpoint = wire_string(arena, buf_content(&uplink->note));
    request->net_checkpoint = take_net_head(reader->db, arena);
    request->known_size = uplink->known_size;
    request->recovered_from = atomic_load(&uplink->node->recovered_from);
    request->recovered_to = atomic_load(&uplink->node->recovered_to);
    uplink->told_recovered = request->recovered_to;
    if (uplink->known_size <= uplink->note_size &&
        feed_consistency(reader->db, feed_no, uplink->known_size, uplink->note_size, &proof) ==
            E_OK) {
        request->consistency = copy_hashes(arena, &proof);
        request->n_consistency = proof.count;
    }
    request->packages = ARENA_ARRAY(arena, PUSH_PACKAGES_MAX, Passerelle__V1__Package *);
    for (uint64_t at = uplink->held; uplink->asked && at < uplink->note_size;) {
        struct package shape = package_at(at, uplink->note_size, PACKAGE_WIDTH);
        Passerelle__V1__Package *package = wire_new(arena, &passerelle__v1__package__descriptor);
        size_t more = fill_package(reader, arena, feed_no, &shape, uplink->note_size, package);
        if (request->n_packages == PUSH_PACKAGES_MAX ||
            (request->n_packages > 0 && bytes + more > PUSH_BYTES_MAX)) {
            break;
        }
        request->packages[request->n_packages++] = package;
        bytes += more;
        at = shape.end;
    }
    uplink->lanes[UPLINK_UP].doing = DOING_PUSH;
    *step = (struct uplink_step){.act = UPLINK_CALL,
                                 .service = "LedgerService",
                                 .name = "PushEntries",
                                 .output = &passerelle__v1__push_entries_response__descriptor,
                                 .request = &request->base};
}

DB_SQL(select_later, "SELECT entry_key FROM feed_epoch WHERE feed_id = :feed_id AND entry_key > "
                     "(SELECT MAX(entry_key) FROM feed_epoch WHERE feed_id = :feed_id AND "
                     "origin = :origin) LIMIT 1");

/* Whether `net` says that our feed went on under another key, here or at the hub. What came before
 * our own epoch, and a `net` that does not reach it yet, say nothing. */
static bool was_moved(struct service *reader, const struct feed_id *own)
{
    struct query *query = db_query(reader->db, &select_later);
    query_bind_text(query, "feed_id", view_of(own->name));
    query_bind_text(query, "origin", view_of(own->origin));
    bool moved = query_next(query);
    query_end(query);
    return moved;
}

/* Nothing to push: until something is committed. A hub that says nothing stops no desk for long. */
static void rest(struct uplink *uplink, struct uplink_step *step)
{
    int64_t now = uplink_now_ns(uplink);
    int64_t alone_ns = uplink->started_ns + ALONE_MS * MS_NS;
    *step = (struct uplink_step){.act = UPLINK_WAIT, .until_ns = now + FOREVER_NS};
    if (!atomic_load(&uplink->node->catching_up) || atomic_load(&uplink->missing)) {
        return;
    }
    step->until_ns = alone_ns > now ? alone_ns : now;
    if (alone_ns <= now) {
        atomic_store(&uplink->node->catching_up, false);
    }
}

void up_next(struct uplink *uplink, struct service *reader, struct arena *arena,
             struct uplink_step *step)
{
    struct lane *lane = &uplink->lanes[UPLINK_UP];
    struct feed_id own;
    struct take_memory memory;
    if (renews_now(uplink)) {
        if (up_has_expired(uplink) && lane->failures == 0) { /* else why it fails is told */
            lane_set_state(
                uplink, UPLINK_UP, UPLINK_EXPIRED,
                "this site's certificate has expired: it is renewed by the feed's key as soon "
                "as the hub answers");
        }
        ask_signature(uplink, arena, step);
        return;
    }
    if (feed_find(reader->db, view_of(uplink->node->site_id), &own) != E_OK) {
        rest(uplink, step);
        return;
    }
    if (was_moved(reader, &own)) {
        lane_set_state(
            uplink, UPLINK_UP, UPLINK_REFUSED,
            "another box, or the hub, keeps this site's ledger now: nothing is pushed from "
            "here; join again with a join code to go on");
        lane_wait_for_operator(uplink, lane);
        lane_wait_step(uplink, lane, step);
        return;
    }
    uint64_t size = feed_head(reader->db, own.no).size;
    take_memory(reader->db, &memory);
    lane_set_waiting(uplink, memory.receipt_size < size);
    if (!uplink->asked && uplink->held == 0) {
        uplink->held = memory.receipt_size;
        uplink->known_size = memory.receipt_size;
    }
    pthread_mutex_lock(&uplink->lock);
    uplink->status.own_size = size;
    uplink->status.receipt_size = memory.receipt_size;
    pthread_mutex_unlock(&uplink->lock);
    if (uplink->note.len > 0) {
        build_push(uplink, reader, arena, own.no, step);
    } else if (size > 0 &&
               (!uplink->asked || uplink->held < size || memory.receipt_size < size ||
                uplink_now_ns(uplink) - uplink->shown_ns >= SHOW_NS) &&
               !atomic_load(&uplink->node->catching_up)) {
        if (uplink->gather_ns > uplink_now_ns(uplink)) {
            *step = (struct uplink_step){.act = UPLINK_WAIT, .until_ns = uplink->gather_ns};
            return;
        }
        uplink->gather_ns = uplink_now_ns(uplink) + UPLINK_GATHER_MS * MS_NS;
        Passerelle__V1__GetCheckpointRequest *request =
            wire_new(arena, &passerelle__v1__get_checkpoint_request__descriptor);
        request->feed_id = wire_string(arena, view_of(uplink->node->site_id));
        lane->doing = DOING_NOTE;
        *step = (struct uplink_step){.act = UPLINK_LOCAL,
                                     .service = "LedgerService",
                                     .name = "GetCheckpoint",
                                     .request = &request->base};
    } else {
        rest(uplink, step); /* or until it is time to show our head */
        int64_t show_ns = uplink->shown_ns + SHOW_NS;
        if (size > 0 && show_ns > uplink_now_ns(uplink) && show_ns < step->until_ns) {
            step->until_ns = show_ns;
        }
    }
}

static void took_note(struct uplink *uplink, const ProtobufCMessage *response)
{
    const Passerelle__V1__GetCheckpointResponse *answer = (const void *)response;
    struct checkpoint checkpoint;
    struct note note;
    if (note_parse(view_of(answer->checkpoint), &note) != E_OK ||
        checkpoint_parse(note.text, &checkpoint) != E_OK) {
        return;
    }
    up_drop_note(uplink);
    buf_text(&uplink->note, answer->checkpoint);
    uplink->note_size = checkpoint.size;
}

static void pushed(struct uplink *uplink, const ProtobufCMessage *response)
{
    struct lane *lane = &uplink->lanes[UPLINK_UP];
    const Passerelle__V1__PushEntriesResponse *answer = (const void *)response;
    bool further = !uplink->asked || answer->size > uplink->held ||
                   answer->checkpoint_size != uplink->known_size;
    if (answer->size > uplink->held) {
        lane_set_waiting(uplink, false); /* it takes more: what is left waits from now on */
    }
    if (uplink->told_recovered != 0 &&
        atomic_load(&uplink->node->recovered_to) == uplink->told_recovered) {
        atomic_store(&uplink->node->recovered_from, 0);
        atomic_store(&uplink->node->recovered_to, 0);
    }
    uplink->asked = true;
    uplink->shown_ns = uplink_now_ns(uplink);
    uplink->held = answer->size;
    uplink->known_size = answer->checkpoint_size;
    pthread_mutex_lock(&uplink->lock);
    uplink->status.pushes++;
    uplink->status.problems += answer->n_problems;
    pthread_mutex_unlock(&uplink->lock);
    if (answer->size > uplink->note_size) {
        lane_set_state(uplink, UPLINK_UP, UPLINK_ROLLED_BACK, lane_rolled_back);
        up_drop_note(uplink);
        lane_back_off(uplink, lane, 0);
        return;
    }
    if (lane->state == UPLINK_ROLLED_BACK) {
        lane_set_state(uplink, UPLINK_UP, UPLINK_GOOD, "");
    }
    if (answer->receipt[0] != '\0') {
        if (lane->state == UPLINK_DIVERGED) {
            lane_set_state(uplink, UPLINK_UP, UPLINK_GOOD, "");
        }
        carry(uplink, response);
        return;
    }
    uplink->idle_pushes = further ? 0 : uplink->idle_pushes + 1;
    for (size_t i = 0; i < answer->n_problems; i++) {
        if (answer->problems[i]->kind == PROBLEM(FORK) ||
            answer->problems[i]->kind == PROBLEM(BAD_PUSH)) {
            lane_set_state(uplink, UPLINK_UP, UPLINK_DIVERGED, answer->problems[i]->sentence);
            lane_wait_for_operator(uplink, lane);
            return;
        }
    }
    if (uplink->idle_pushes >= IDLE_PUSHES_MAX) {
        uplink->asked = false; /* it says what it holds, and takes nothing: begin anew */
        up_drop_note(uplink);
        lane_back_off(uplink, lane, 0);
    }
}

void up_answered(struct uplink *uplink, enum doing done, const ProtobufCMessage *response)
{
    switch (done) {
    case DOING_NOTE:
        took_note(uplink, response);
        return;
    case DOING_PUSH:
        lane_went_well(uplink, UPLINK_UP);
        pushed(uplink, response);
        return;
    case DOING_RECEIPT:
        lane_set_waiting(uplink, false);
        up_drop_note(uplink);
        return;
    case DOING_SIGN:
    case DOING_RENEW:
        carry(uplink, response);
        return;
    case DOING_INSTALL:
        lane_went_well(uplink, UPLINK_UP);
        return;
    default:
        return;
    }
}

/* What follows from the message that is carried; false: nothing is. */
bool up_go_on(struct uplink *uplink, struct uplink_step *step)
{
    struct lane *lane = &uplink->lanes[UPLINK_UP];
    if (uplink->carried == NULL) {
        return false;
    }
    const ProtobufCMessage *message = uplink->carried;
    uplink->carried = NULL;
    *step = (struct uplink_step){.request = message};
    if (message->descriptor == &passerelle__v1__push_entries_response__descriptor) {
        lane->doing = DOING_RECEIPT;
        step->act = UPLINK_LOCAL;
        step->method = take_method(TAKE_RECEIPT);
    } else if (message->descriptor == &passerelle__v1__renew_site_request__descriptor) {
        lane->doing = DOING_RENEW;
        step->act = UPLINK_CALL;
        step->service = "NetworkService";
        step->name = "RenewSite";
        step->output = &passerelle__v1__renew_site_response__descriptor;
        step->without_certificate = up_has_expired(uplink);
    } else {
        assert(message->descriptor == &passerelle__v1__renew_site_response__descriptor);
        lane->doing = DOING_INSTALL;
        step->act = UPLINK_INSTALL;
    }
    return true;
}
