/* A site's half of the sync, as a state machine over messages: no socket, no thread, no clock of
 * its own. A driver (a thread of the daemon, or a simulator) asks what to do next, does it, and
 * tells what came of it.
 *
 * Two lanes that do not wait for each other. *Up*: our own feed from what the hub holds on, under
 * a checkpoint, until its receipt is here; and the renewal of our certificate. *Down*: Follow,
 * whose messages go to the writer one by one. Each lane belongs to one thread; what both and
 * others read is atomic.
 *
 * A site that is far behind `net`, new or away for long, takes a snapshot first: a package of
 * Follow says how far that is. What is wrong with the snapshot, or a link that breaks again and
 * again without a part more, makes the site follow entry by entry; the next snapshot is not asked
 * for before it has caught up.
 *
 * Failures are answered by waiting: full jitter under a bound that doubles, so that all sites of a
 * hub that starts again are back within seconds and never at once. How long the hub asks us to wait
 * comes before that, 30 s at most, and the jitter is then at least as long. */
#ifndef SERVICE_SYNC_UPLINK_H
#define SERVICE_SYNC_UPLINK_H

#include "passerelle/v1/sync.pb-c.h"
#include "service/service.h"

enum uplink_lane { UPLINK_UP, UPLINK_DOWN, UPLINK_LANES };

/* How we stand with the hub; the worst that either lane found. */
enum uplink_state {
    UPLINK_STARTING, /* nothing was heard yet */
    UPLINK_GOOD,
    UPLINK_UNREACHABLE, /* no answer, or only that it cannot now */
    UPLINK_ROLLED_BACK, /* the hub holds entries of ours that we lost: they are fetched */
    UPLINK_EXPIRED,     /* our certificate: renewing by the feed's key */
    UPLINK_REFUSED,     /* revoked, moved to another box, back at the hub: an operator must act */
    UPLINK_DIVERGED,    /* what one side holds is not what the other does: an operator must act */
    UPLINK_STATES
};
const char *uplink_state_name(enum uplink_state state);

/* What desks do within so long is pushed together: each push costs two commits here. */
enum { UPLINK_GATHER_MS = 100 };

struct uplink;
/* `node` is a site's, borrowed. */
struct uplink *uplink_new(struct node *node);
void uplink_free(struct uplink *uplink);

/* Our client certificate and the requests with which to renew it; the texts are copied. `lasts` of
 * a certificate that cannot be read: zeros, which means expired. */
void uplink_set_certificate(struct uplink *uplink, int64_t not_before_utc_ms,
                            int64_t not_after_utc_ms, struct view csr_pem,
                            struct view server_csr_pem, char *const *server_names,
                            size_t server_name_count);

/* Who is further behind `net` than so many entries, and than half of it, takes a snapshot; 0:
 * nobody does. UPLINK_BEHIND_MAX at first. Before the first step. */
enum { UPLINK_BEHIND_MAX = 8192 };
void uplink_set_behind_max(struct uplink *uplink, uint64_t entries);

enum uplink_act {
    UPLINK_WAIT,    /* until step.until_ns (monotonic); up: or until something was committed */
    UPLINK_LOCAL,   /* step.method with step.request on our own writer; then uplink_answered() */
    UPLINK_CALL,    /* the same at the hub, as step.service/step.name */
    UPLINK_FOLLOW,  /* open that stream; uplink_heard() for each message, uplink_failed() at its end
                     * (Follow, or GetSnapshot) */
    UPLINK_INSTALL, /* step.request is a RenewSiteResponse: put it on disk and use it; then
                     * uplink_set_certificate() and uplink_answered(), or uplink_failed() */
};
struct uplink_step {
    enum uplink_act act;
    int64_t until_ns;
    const struct method *method; /* LOCAL */
    const char *service;         /* CALL, FOLLOW: "LedgerService" */
    const char *name;
    const ProtobufCMessageDescriptor *output;
    const ProtobufCMessage *request; /* in the arena of the call, or the uplink's */
    bool without_certificate;        /* CALL: ours has expired */
};

/* What this lane is to do now. `reader` is a service in a reading transaction. */
void uplink_next(struct uplink *uplink, enum uplink_lane lane, struct service *reader,
                 struct arena *arena, struct uplink_step *step);
/* A LOCAL, CALL or INSTALL went well. `response` may be NULL for INSTALL. */
void uplink_answered(struct uplink *uplink, enum uplink_lane lane,
                     const ProtobufCMessage *response);
/* How a step failed, or why the stream ended (CODE_OK: the hub ended it). */
struct uplink_failure {
    enum code code;
    const char *message;
    int64_t retry_after_s;
    bool reached; /* it is the answer of the hub, or of our writer */
};
void uplink_failed(struct uplink *uplink, enum uplink_lane lane,
                   const struct uplink_failure *failure);
/* A message of the open stream: *step is what it asks for, LOCAL or WAIT (nothing). False: end the
 * stream, as CODE_OK. */
bool uplink_heard(struct uplink *uplink, const ProtobufCMessage *message, struct arena *arena,
                  struct uplink_step *step);

/* ---- for status and metrics; any thread ---- */

struct uplink_status {
    enum uplink_state state;
    uint64_t own_size;     /* of our feed, when last looked */
    uint64_t receipt_size; /* entries that the hub can never deny */
    uint64_t net_size;
    uint64_t pushes; /* requests that were answered */
    uint64_t failures;
    uint64_t problems;  /* that the hub found with what we pushed */
    uint64_t recovered; /* entries of ours that came back from the hub */
    uint64_t snapshots; /* of `net`, loaded */
    int64_t certificate_ends_utc_ms;
    char sentence[512]; /* what is wrong and what to do; "" when nothing is */
};
void uplink_status(struct uplink *uplink, struct uplink_status *out);

#endif
