/* Down: the hub's stream, message by message to our writer, and snapshots of `net`. */
#include "core/merkle/checkpoint.h"
#include "service/sync/lanes.h"
#include "service/sync/snapshot.h"
#include "store/feed/feed.h"
#include "wire/pack.h"

enum {
    HEARD_MS = 60 * 1000, /* how often the last word is written down */
    BROKEN_MAX = 5,       /* ends of a snapshot's stream in a row, without a part more */
};

static const char lost[] =
    "the hub knows of entries of this site that are not here, and cannot send them with a signed "
    "checkpoint: join again with a join code, which fetches what the hub holds";

/* ---- down ---- */

static uint64_t size_of(struct db *db, const char *feed_id)
{
    struct feed_id id;
    return feed_find(db, view_of(feed_id), &id) == E_OK ? feed_head(db, id.no).size : 0;
}

static void ask_snapshot(struct uplink *uplink, struct service *reader, struct arena *arena,
                         struct uplink_step *step)
{
    Passerelle__V1__GetSnapshotRequest *request =
        wire_new(arena, &passerelle__v1__get_snapshot_request__descriptor);
    struct snapshot_pending pending;
    snapshot_pending(reader->db, &pending);
    request->net_size = size_of(reader->db, FEED_NET);
    if (pending.old_size == request->net_size) {
        request->size = pending.size;
        request->parts = pending.parts;
    }
    uplink->lanes[UPLINK_DOWN].doing = DOING_SNAPSHOT;
    *step = (struct uplink_step){.act = UPLINK_FOLLOW,
                                 .service = "LedgerService",
                                 .name = "GetSnapshot",
                                 .output = &passerelle__v1__get_snapshot_response__descriptor,
                                 .request = &request->base};
}

static void take(struct uplink *uplink, enum take which, const ProtobufCMessage *message,
                 struct uplink_step *step)
{
    uplink->lanes[UPLINK_DOWN].doing = DOING_TAKE;
    uplink->taking = which;
    uplink->written_ns = uplink_now_ns(uplink);
    *step =
        (struct uplink_step){.act = UPLINK_LOCAL, .method = take_method(which), .request = message};
}

void down_next(struct uplink *uplink, struct service *reader, struct arena *arena,
               struct uplink_step *step)
{
    Passerelle__V1__FollowRequest *request =
        wire_new(arena, &passerelle__v1__follow_request__descriptor);
    struct take_memory memory;
    if (up_has_expired(uplink) && atomic_load(&uplink->renewable)) {
        lane_back_off(uplink, &uplink->lanes[UPLINK_DOWN], 0); /* the other lane renews */
        lane_wait_step(uplink, &uplink->lanes[UPLINK_DOWN], step);
        return;
    }
    if (uplink->snapshot == SNAPSHOT_WANTED) {
        ask_snapshot(uplink, reader, arena, step);
        return;
    }
    if (uplink->snapshot == SNAPSHOT_HERE) {
        take(uplink, TAKE_SNAPSHOT, wire_new(arena, &passerelle__v1__caught_up__descriptor), step);
        return;
    }
    take_memory(reader->db, &memory);
    if (atomic_load(&uplink->node->heard_utc_ms) == 0) {
        atomic_store(&uplink->node->heard_utc_ms, memory.heard_utc_ms);
        atomic_store(&uplink->node->complete, memory.complete);
    }
    request->net_size = size_of(reader->db, FEED_NET);
    request->own_size = size_of(reader->db, uplink->node->site_id);
    request->knowledge_version = memory.knowledge_version;
    uplink->net_size = request->net_size;
    uplink->own_size = request->own_size;
    pthread_mutex_lock(&uplink->lock);
    uplink->status.net_size = request->net_size;
    uplink->status.own_size = request->own_size;
    pthread_mutex_unlock(&uplink->lock);
    uplink->lanes[UPLINK_DOWN].doing = DOING_FOLLOW;
    uplink->told_all = false; /* also where the one before was left for a snapshot */
    *step = (struct uplink_step){.act = UPLINK_FOLLOW,
                                 .service = "LedgerService",
                                 .name = "Follow",
                                 .output = &passerelle__v1__follow_response__descriptor,
                                 .request = &request->base};
}

static void own_is_whole(struct uplink *uplink)
{
    atomic_store(&uplink->missing, false);
    atomic_store(&uplink->node->catching_up, false);
    if (uplink->lanes[UPLINK_DOWN].state == UPLINK_ROLLED_BACK) {
        lane_set_state(uplink, UPLINK_DOWN, UPLINK_GOOD, "");
    }
}

/* By the checkpoint of a package. What we hold would come once more with a snapshot: it is worth it
 * when that is the smaller part. */
static bool is_far_behind(const struct uplink *uplink, const Passerelle__V1__FeedPackage *package)
{
    struct checkpoint head;
    struct note note;
    return uplink->snapshot == SNAPSHOT_MAYBE && uplink->behind_max > 0 &&
           note_parse(view_of(package->checkpoint), &note) == E_OK &&
           checkpoint_parse(note.text, &head) == E_OK && head.size > uplink->net_size &&
           head.size - uplink->net_size > uplink->behind_max &&
           head.size - uplink->net_size > uplink->net_size;
}

static bool heard_followed(struct uplink *uplink, const Passerelle__V1__FollowResponse *message,
                           struct uplink_step *step)
{
    if (message->event_case != PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_OWN) {
        own_is_whole(uplink); /* what we lost comes first */
    }
    switch (message->event_case) {
    case PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_HEARTBEAT:
        if (uplink_now_ns(uplink) - uplink->written_ns >= HEARD_MS * MS_NS) {
            take(uplink, TAKE_HEARD, &message->heartbeat->base, step);
        }
        return true;
    case PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_NET:
        if (is_far_behind(uplink, message->net)) {
            uplink->snapshot = SNAPSHOT_WANTED;
            return false;
        }
        take(uplink, TAKE_NET, &message->net->base, step);
        return true;
    case PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_OWN:
        atomic_store(&uplink->missing, true);
        atomic_store(&uplink->node->catching_up, true);
        lane_set_state(uplink, UPLINK_DOWN, UPLINK_ROLLED_BACK, lane_rolled_back);
        take(uplink, TAKE_OWN, &message->own->base, step);
        return true;
    case PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_KNOWING:
        take(uplink, TAKE_KNOWLEDGE, &message->knowing->base, step);
        return true;
    case PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_CAUGHT_UP:
        uplink->told_own_size = message->caught_up->own_size;
        take(uplink, TAKE_CAUGHT_UP, &message->caught_up->base, step);
        return true;
    default: /* of a newer hub */
        return true;
    }
}

/* A site that was away is back only when it was told all: what it missed, passes revoked and units
 * used elsewhere, counts before it decides as one that hears. That the hub takes what is pushed
 * tells nothing of this. */
static void hub_spoke(struct uplink *uplink)
{
    struct node *node = uplink->node;
    if (uplink->told_all || node_hears(node) || !atomic_load(&node->complete)) {
        atomic_store(&node->heard_utc_ms, env_now_utc_ms(node->env));
        atomic_store(&node->heard_ns, uplink_now_ns(uplink));
    }
    atomic_store(&node->behind, !node_hears(node));
}

bool uplink_heard(struct uplink *uplink, const ProtobufCMessage *message, struct arena *arena,
                  struct uplink_step *step)
{
    (void)arena;
    hub_spoke(uplink);
    lane_went_well(uplink, UPLINK_DOWN);
    *step = (struct uplink_step){.act = UPLINK_WAIT};
    if (message->descriptor == &passerelle__v1__follow_response__descriptor) {
        return heard_followed(uplink, (const void *)message, step);
    }
    if (((const Passerelle__V1__GetSnapshotResponse *)(const void *)message)->part_case !=
        PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_HEARTBEAT) {
        take(uplink, TAKE_PART, message, step);
    }
    return true;
}

void down_took(struct uplink *uplink, const ProtobufCMessage *response)
{
    const Passerelle__V1__CaughtUp *here = (const void *)response;
    pthread_mutex_lock(&uplink->lock);
    if (uplink->taking == TAKE_OWN && here->own_size > uplink->own_size) {
        uplink->status.recovered += here->own_size - uplink->own_size;
    }
    if (uplink->taking == TAKE_SNAPSHOT && here->net_size > uplink->net_size) {
        uplink->status.snapshots++;
    }
    uplink->net_size = here->net_size;
    uplink->own_size = here->own_size;
    uplink->status.net_size = here->net_size;
    uplink->status.own_size = here->own_size;
    pthread_mutex_unlock(&uplink->lock);
    if (uplink->lanes[UPLINK_DOWN].state == UPLINK_DIVERGED) {
        lane_set_state(uplink, UPLINK_DOWN, UPLINK_GOOD, "");
    }
    if (uplink->taking == TAKE_PART) {
        uplink->broken = 0;
    } else if (uplink->taking == TAKE_SNAPSHOT) {
        uplink->snapshot = SNAPSHOT_OVER;
    } else if (uplink->taking == TAKE_CAUGHT_UP) {
        uplink->snapshot = SNAPSHOT_MAYBE;
        atomic_store(&uplink->node->complete, true);
        uplink->told_all = true;
        hub_spoke(uplink);
        if (uplink->told_own_size > here->own_size) {
            atomic_store(&uplink->missing, true);
            atomic_store(&uplink->node->catching_up, true);
            lane_set_state(uplink, UPLINK_DOWN, UPLINK_DIVERGED, lost);
        }
    }
}

static void give_up_snapshot(struct uplink *uplink, const char *reason)
{
    uplink->snapshot = SNAPSHOT_OVER;
    uplink->broken = 0;
    log_event(uplink->node->log, LOG_WARNING, "snapshot_given_up", LOG_S("reason", reason));
}

/* The end of what has to do with a snapshot; false: it is answered as any other failure is. */
bool down_ended_snapshot(struct uplink *uplink, enum doing done,
                         const struct uplink_failure *failure)
{
    bool taking =
        done == DOING_TAKE && (uplink->taking == TAKE_PART || uplink->taking == TAKE_SNAPSHOT);
    if (failure->code == CODE_OK && uplink->snapshot == SNAPSHOT_WANTED) {
        uplink->snapshot = done == DOING_SNAPSHOT ? SNAPSHOT_HERE : SNAPSHOT_WANTED;
        return true;
    }
    if ((done != DOING_SNAPSHOT && !taking) || (!taking && lane_is_refusal(failure))) {
        return false;
    }
    bool passes = !failure->reached || failure->code == CODE_UNAVAILABLE ||
                  failure->code == CODE_RESOURCE_EXHAUSTED || failure->code == CODE_ABORTED;
    uplink->snapshot = SNAPSHOT_MAYBE; /* Follow says whether the hub can be reached at all */
    if (!passes || ++uplink->broken >= BROKEN_MAX) {
        give_up_snapshot(uplink, failure->message);
    }
    return !passes;
}
