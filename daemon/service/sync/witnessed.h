/* The feeds that this node keeps, witnessed by others (C2SP tlog-witness): what is to be asked of a
 * witness, what its answer means, and the cosignatures that came, kept beside the checkpoints. No
 * socket and no clock: process/witnesses.c has both. */
#ifndef SERVICE_SYNC_WITNESSED_H
#define SERVICE_SYNC_WITNESSED_H

#include "service/service.h"
#include "store/feed/feed.h"

/* A feed that is longer than what a witness has cosigned of it. */
struct witnessed_due {
    struct feed_id feed;
    uint64_t size;
    uint64_t old_size; /* what the witness has, as far as is known */
};
/* The next one behind the feed number `after`, in a transaction of service->db; false: none. */
bool witnessed_next(struct service *service, struct view verifier_key, int64_t after,
                    struct witnessed_due *out);
/* Appends the body of `add-checkpoint`: from `old_size` to the checkpoint. E_INVALID when the feed
 * has no such sizes. */
must_check int witnessed_request(struct service *service, const struct feed_id *feed,
                                 uint64_t old_size, struct view checkpoint, struct buf *body);

enum witnessed_result {
    WITNESSED_COSIGNED,   /* the body holds cosignatures, yet to be verified */
    WITNESSED_OTHER_SIZE, /* ask again from *size on */
    WITNESSED_LATER,      /* it cannot now */
    WITNESSED_REFUSED,    /* an operator, here or there, must act */
};
enum witnessed_result witnessed_judge(int status, struct view content_type, struct view body,
                                      uint64_t *size);

/* Appends the checkpoint of the feed that was cosigned last, under its present origin; nothing when
 * there is none. */
void witnessed_checkpoint(struct db *db, const struct feed_id *feed, struct buf *note);

int add_cosignature_decide(struct service *service, struct call *call);
int add_cosignature_apply(struct service *service, struct call *call);

#endif
