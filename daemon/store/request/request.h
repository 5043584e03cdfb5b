/* The answers of requests that changed something, so that a client that asks again, after a crash
 * too, gets the same one. Request ids belong to their caller: two callers may use the same. Inside
 * a transaction of the writer. */
#ifndef STORE_REQUEST_REQUEST_H
#define STORE_REQUEST_REQUEST_H

#include "base/arena.h"
#include "store/db/db.h"

enum { REQUEST_KEY_TIME_LEN = 6, REQUEST_KEY_LEN = 22, REQUEST_DIGEST_LEN = 32 };

struct request_key {
    /* The first bytes of the request id, then those of SHA-256(caller || 0 || request id). A UUIDv7
     * begins with its time: new keys lie side by side in the index, on few pages. */
    uint8_t key[REQUEST_KEY_LEN];
    uint8_t digest[REQUEST_DIGEST_LEN]; /* SHA-256(method || 0 || request bytes) */
};
/* `request_id`: the 16 bytes of the UUID. `caller` and `method` hold no NUL: asserted. */
void request_key_init(struct request_key *key, struct view caller, struct view request_id,
                      struct view method, struct view request_bytes);

enum request_state {
    REQUEST_NEW,   /* not seen, or forgotten, or the transaction has failed */
    REQUEST_SAME,  /* seen; *answer is the answer it got, in the arena */
    REQUEST_OTHER, /* the caller used this id for another request: an error */
};
enum request_state request_find(struct db *db, const struct request_key *key, struct arena *arena,
                                struct view *answer);
/* Records the answer of a new request. */
void request_put(struct db *db, const struct request_key *key, struct view answer,
                 int64_t now_utc_ms);
/* Forgets at most `count` of the oldest answers that were given before that moment; returns how
 * many it forgot. Small steps, so that nobody waits. */
int64_t request_forget(struct db *db, int64_t before_utc_ms, int64_t count);

#endif
