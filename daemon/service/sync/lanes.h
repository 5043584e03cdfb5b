/* What the files of the uplink share: how each lane stands and waits (uplink.c), our feed to the
 * hub and our certificate (uplink_up.c), the hub's streams to us (uplink_down.c). Nobody else
 * includes it. */
#ifndef SERVICE_SYNC_LANES_H
#define SERVICE_SYNC_LANES_H

#include <pthread.h>

#include "service/sync/take.h"
#include "service/sync/uplink.h"

#define MS_NS ((int64_t)1000 * 1000)

/* What a lane waits for. */
enum doing {
    DOING_NOTHING,
    DOING_NOTE,
    DOING_PUSH,
    DOING_RECEIPT,
    DOING_SIGN,
    DOING_RENEW,
    DOING_INSTALL,
    DOING_TAKE,
    DOING_FOLLOW,
    DOING_SNAPSHOT
};

enum snapshot {
    SNAPSHOT_MAYBE, /* if we are far behind */
    SNAPSHOT_WANTED,
    SNAPSHOT_HERE, /* all parts are */
    SNAPSHOT_OVER, /* loaded or given up: we follow until we have caught up */
};

struct lane {
    enum doing doing;
    unsigned failures; /* in a row */
    int64_t away_since_ns;
    int64_t until_ns;
    enum uplink_state state;
    char sentence[512];
};

struct uplink {
    struct node *node;
    int64_t started_ns;
    struct lane lanes[UPLINK_LANES];

    /* up */
    bool asked;          /* the hub told what it holds */
    uint64_t held;       /* entries that it holds */
    uint64_t known_size; /* of the checkpoint that it verified last */
    struct buf note;     /* our checkpoint, until its receipt is here */
    uint64_t note_size;
    unsigned idle_pushes;
    uint64_t told_recovered; /* by the push that waits for its answer: the last entry; 0: none */
    int64_t shown_ns;   /* when the hub last answered a push */
    int64_t gather_ns;  /* what is new waits until then */
    struct arena arena; /* of the message between two steps */
    const ProtobufCMessage *carried;

    /* down */
    enum take taking;
    enum snapshot snapshot;
    unsigned broken; /* its streams, in a row */
    uint64_t behind_max;
    bool told_all;        /* on the stream that is open */
    _Atomic bool missing; /* the hub holds entries of ours that are not here */
    uint64_t net_size;
    uint64_t own_size;
    uint64_t told_own_size; /* when the hub said that we are caught up */
    int64_t written_ns;     /* when the last word was written down */

    /* certificate */
    _Atomic int64_t not_after_utc_ms; /* both lanes ask */
    _Atomic bool renewable;           /* there are requests to renew it with */
    int64_t renew_after_utc_ms;       /* real time */
    struct buf csr_pem;
    struct buf server_csr_pem;
    struct arena names_arena;
    char **names;
    size_t name_count;

    pthread_mutex_t lock; /* of what follows */
    struct uplink_status status;
};

int64_t uplink_now_ns(const struct uplink *uplink);

/* ---- how it stands ---- */

/* There are, or not, entries that the hub has given no receipt for. */
void lane_set_waiting(struct uplink *uplink, bool waits);
/* The worse of the two lanes is told. */
void lane_set_state(struct uplink *uplink, enum uplink_lane at, enum uplink_state state,
                    const char *sentence);
void lane_went_well(struct uplink *uplink, enum uplink_lane at);
/* The answer of who may not, or not so. */
bool lane_is_refusal(const struct uplink_failure *failure);
extern const char lane_rolled_back[]; /* the sentence of that state */

/* ---- waiting ---- */

void lane_back_off(struct uplink *uplink, struct lane *lane, int64_t retry_after_s);
void lane_wait_for_operator(struct uplink *uplink, struct lane *lane);
/* Until the lane's moment; without one, until something is committed. */
void lane_wait_step(const struct uplink *uplink, const struct lane *lane, struct uplink_step *step);

/* ---- up ---- */

void up_next(struct uplink *uplink, struct service *reader, struct arena *arena,
             struct uplink_step *step);
void up_answered(struct uplink *uplink, enum doing done, const ProtobufCMessage *response);
/* What follows from the message that is carried; false: nothing is. */
bool up_go_on(struct uplink *uplink, struct uplink_step *step);
void up_drop_note(struct uplink *uplink);
/* Of the certificate. */
bool up_has_expired(const struct uplink *uplink);
void up_renewal_failed(struct uplink *uplink);

/* ---- down ---- */

void down_next(struct uplink *uplink, struct service *reader, struct arena *arena,
               struct uplink_step *step);
/* Our writer has taken a message of the stream. */
void down_took(struct uplink *uplink, const ProtobufCMessage *response);
/* The end of what has to do with a snapshot; false: it is answered as any other failure is. */
bool down_ended_snapshot(struct uplink *uplink, enum doing done,
                         const struct uplink_failure *failure);

#endif
