/* How the lanes stand and wait, and the surface. */
#include "service/sync/uplink.h"

#include <assert.h>

#include "service/sync/lanes.h"

enum {
    BACK_OFF_MS = 250,      /* the bound of the first wait; it doubles */
    BACK_OFF_MS_MAX = 4000, /* so that all are back within 5 s */
    AWAY_MS = 10 * 60 * 1000,
    AWAY_MS_MAX = 30 * 1000, /* the bound after that */
    RETRY_S_MAX = 30,        /* however long the hub asks us to wait */
    REFUSED_MS = 60 * 1000,  /* an operator must act first */
};
#define FOREVER_NS (INT64_C(3600) * 1000 * MS_NS)

static const char *const state_names[] = {
    [UPLINK_STARTING] = "starting",       [UPLINK_GOOD] = "good",
    [UPLINK_UNREACHABLE] = "unreachable", [UPLINK_ROLLED_BACK] = "rolled_back",
    [UPLINK_EXPIRED] = "expired",         [UPLINK_REFUSED] = "refused",
    [UPLINK_DIVERGED] = "diverged",
};
_Static_assert(ARRAY_LEN(state_names) == UPLINK_STATES, "each state has a name");

const char *uplink_state_name(enum uplink_state state)
{
    assert((unsigned)state < UPLINK_STATES);
    return state_names[state];
}

const char lane_rolled_back[] =
    "the hub holds entries of this site that are not here: this box was restored from a backup; "
    "they are fetched, and nothing is written before";

int64_t uplink_now_ns(const struct uplink *uplink)
{
    return env_monotonic_ns(uplink->node->env);
}

struct uplink *uplink_new(struct node *node)
{
    struct uplink *uplink = xcalloc(1, sizeof *uplink);
    uplink->node = node;
    uplink->started_ns = uplink_now_ns(uplink);
    uplink->behind_max = UPLINK_BEHIND_MAX;
    pthread_mutex_init(&uplink->lock, NULL);
    return uplink;
}

void uplink_free(struct uplink *uplink)
{
    if (uplink == NULL) {
        return;
    }
    buf_release(&uplink->note);
    buf_release(&uplink->csr_pem);
    buf_release(&uplink->server_csr_pem);
    arena_release(&uplink->arena);
    arena_release(&uplink->names_arena);
    pthread_mutex_destroy(&uplink->lock);
    free(uplink);
}

void uplink_set_behind_max(struct uplink *uplink, uint64_t entries)
{
    uplink->behind_max = entries;
}

/* ---- how it stands ---- */

void uplink_status(struct uplink *uplink, struct uplink_status *out)
{
    pthread_mutex_lock(&uplink->lock);
    *out = uplink->status;
    pthread_mutex_unlock(&uplink->lock);
}

/* There are, or not, entries that the hub has given no receipt for. */
void lane_set_waiting(struct uplink *uplink, bool waits)
{
    int64_t since_ns = atomic_load(&uplink->node->untaken_ns);
    if (since_ns != HUB_REFUSES && waits != (since_ns != 0)) {
        atomic_store(&uplink->node->untaken_ns, waits ? uplink_now_ns(uplink) : 0);
    }
}

/* What a push met: the hub will not, or it may again. */
static void set_refused(struct uplink *uplink, bool refused)
{
    if (refused) {
        atomic_store(&uplink->node->untaken_ns, HUB_REFUSES);
    } else if (atomic_load(&uplink->node->untaken_ns) == HUB_REFUSES) {
        atomic_store(&uplink->node->untaken_ns, uplink_now_ns(uplink));
    }
}

/* The worse of the two lanes is told. */
void lane_set_state(struct uplink *uplink, enum uplink_lane at, enum uplink_state state,
                    const char *sentence)
{
    struct lane *lane = &uplink->lanes[at];
    bool refused = state == UPLINK_REFUSED || state == UPLINK_DIVERGED;
    if (at == UPLINK_UP && (refused || state == UPLINK_GOOD)) {
        set_refused(uplink, refused);
    }
    pthread_mutex_lock(&uplink->lock);
    lane->state = state;
    snprintf(lane->sentence, sizeof lane->sentence, "%s", sentence);
    const struct lane *worse = &uplink->lanes[UPLINK_UP];
    if (uplink->lanes[UPLINK_DOWN].state > worse->state) {
        worse = &uplink->lanes[UPLINK_DOWN];
    }
    uplink->status.state = worse->state;
    memcpy(uplink->status.sentence, worse->sentence, sizeof worse->sentence);
    pthread_mutex_unlock(&uplink->lock);
}

void lane_went_well(struct uplink *uplink, enum uplink_lane at)
{
    struct lane *lane = &uplink->lanes[at];
    lane->failures = 0;
    lane->away_since_ns = 0;
    if (lane->state != UPLINK_GOOD && lane->state != UPLINK_ROLLED_BACK &&
        lane->state != UPLINK_DIVERGED) {
        lane_set_state(uplink, at, UPLINK_GOOD, "");
    }
}

/* ---- waiting ---- */

/* Anything between nothing and the bound, each as likely: sites that lost their hub at the same
 * moment come back apart. */
static int64_t jitter_ns(const struct uplink *uplink, int64_t bound_ms)
{
    uint64_t draw;
    env_random(uplink->node->env, &draw, sizeof draw);
    return (int64_t)(draw % ((uint64_t)(bound_ms * MS_NS) + 1));
}

void lane_back_off(struct uplink *uplink, struct lane *lane, int64_t retry_after_s)
{
    int64_t now = uplink_now_ns(uplink);
    int64_t bound_ms = BACK_OFF_MS;
    if (lane->failures++ == 0) {
        lane->away_since_ns = now;
    }
    int64_t max_ms = now - lane->away_since_ns > AWAY_MS * MS_NS ? AWAY_MS_MAX : BACK_OFF_MS_MAX;
    for (unsigned i = 1; i < lane->failures && bound_ms < max_ms; i++) {
        bound_ms *= 2;
    }
    bound_ms = bound_ms < max_ms ? bound_ms : max_ms;
    int64_t least_ms = (retry_after_s < RETRY_S_MAX ? retry_after_s : RETRY_S_MAX) * 1000;
    bound_ms = bound_ms > least_ms ? bound_ms : least_ms; /* all were told the same moment */
    lane->until_ns = now + least_ms * MS_NS + jitter_ns(uplink, bound_ms);
}

void lane_wait_for_operator(struct uplink *uplink, struct lane *lane)
{
    lane->until_ns =
        uplink_now_ns(uplink) + REFUSED_MS / 2 * MS_NS + jitter_ns(uplink, REFUSED_MS / 2);
}

void lane_wait_step(const struct uplink *uplink, const struct lane *lane, struct uplink_step *step)
{
    int64_t now = uplink_now_ns(uplink);
    *step = (struct uplink_step){
        .act = UPLINK_WAIT, .until_ns = lane->until_ns > now ? lane->until_ns : now + FOREVER_NS};
}

/* ---- the surface ---- */

void uplink_next(struct uplink *uplink, enum uplink_lane at, struct service *reader,
                 struct arena *arena, struct uplink_step *step)
{
    struct lane *lane = &uplink->lanes[at];
    if (at == UPLINK_UP && up_go_on(uplink, step)) {
        return;
    }
    if (lane->until_ns > uplink_now_ns(uplink)) {
        lane_wait_step(uplink, lane, step);
    } else if (at == UPLINK_UP) {
        up_next(uplink, reader, arena, step);
    } else {
        down_next(uplink, reader, arena, step);
    }
}

void uplink_answered(struct uplink *uplink, enum uplink_lane at, const ProtobufCMessage *response)
{
    struct lane *lane = &uplink->lanes[at];
    enum doing done = lane->doing;
    lane->doing = DOING_NOTHING;
    lane->until_ns = 0;
    if (at == UPLINK_UP) {
        up_answered(uplink, done, response);
    } else if (done == DOING_TAKE) {
        lane->doing = uplink->taking == TAKE_PART       ? DOING_SNAPSHOT
                      : uplink->taking == TAKE_SNAPSHOT ? DOING_NOTHING
                                                        : DOING_FOLLOW;
        down_took(uplink, response);
    }
}

bool lane_is_refusal(const struct uplink_failure *failure)
{
    return failure->reached &&
           (failure->code == CODE_UNAUTHENTICATED || failure->code == CODE_PERMISSION_DENIED ||
            failure->code == CODE_FAILED_PRECONDITION);
}

void uplink_failed(struct uplink *uplink, enum uplink_lane at, const struct uplink_failure *failure)
{
    struct lane *lane = &uplink->lanes[at];
    enum doing done = lane->doing;
    bool local = done == DOING_NOTE || done == DOING_RECEIPT || done == DOING_SIGN ||
                 done == DOING_INSTALL || done == DOING_TAKE;
    lane->doing = DOING_NOTHING;
    if (at == UPLINK_DOWN && down_ended_snapshot(uplink, done, failure)) {
        lane->until_ns = 0;
        return;
    }
    if (at == UPLINK_UP) {
        uplink->carried = NULL;
        up_drop_note(uplink);
        uplink->asked = false;
    } else {
        uplink->told_all = false;
        atomic_store(&uplink->node->behind, false); /* nothing is told any more */
    }
    pthread_mutex_lock(&uplink->lock);
    uplink->status.failures++;
    pthread_mutex_unlock(&uplink->lock);
    if (done == DOING_RENEW || done == DOING_SIGN || done == DOING_INSTALL) {
        up_renewal_failed(uplink);
    }
    if (local && (failure->code == CODE_DATA_LOSS || failure->code == CODE_PERMISSION_DENIED)) {
        lane_set_state(uplink, at, UPLINK_DIVERGED, failure->message);
        lane_wait_for_operator(uplink, lane);
    } else if (!local && lane_is_refusal(failure)) {
        lane_set_state(uplink, at, UPLINK_REFUSED, failure->message);
        lane_wait_for_operator(uplink, lane);
        atomic_store(&uplink->node->catching_up, false); /* we go on alone, and say so */
    } else {
        if (failure->code != CODE_OK) {
            lane_set_state(uplink, at, UPLINK_UNREACHABLE, failure->message);
            if (!failure->reached) {
                atomic_store(&uplink->node->catching_up, false);
            }
        }
        /* A hub that says so needs a moment, such as the next second's signature of its head. */
        int64_t least_s = done == DOING_SNAPSHOT && failure->reached ? 1 : 0;
        lane_back_off(uplink, lane,
                      failure->retry_after_s > least_s ? failure->retry_after_s : least_s);
    }
}
