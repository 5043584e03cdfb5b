/* C2SP tlog-witness, `add-checkpoint`: a log asks for a cosignature on its new checkpoint and
 * proves that it extends the one which the witness cosigned last. Here are the request's text, the
 * decision as a value, and the answer; HTTP, clock and storage are the caller's. Pure.
 *
 * The caller that decides must, in one transaction, read what it recorded, call witness_decide(),
 * and on 200 record the new checkpoint before the answer leaves: two requests at once would else
 * roll the log back.
 *
 * A checkpoint of the recorded size with another root is 422, as the specification has it since
 * July 2026 (C2SP/C2SP#280); before that it was 409, which now always means: another old size. */
#ifndef CORE_MERKLE_WITNESS_H
#define CORE_MERKLE_WITNESS_H

#include "core/merkle/checkpoint.h"

enum {
    WITNESS_HASHES_MAX = 63,
    WITNESS_BODY_MAX = NOTE_BYTES_MAX + 4096, /* of a request: the checkpoint and the lines above */
};

struct witness_request {
    uint64_t old_size;
    struct tree_proof proof;
    struct view checkpoint; /* the whole note, well-formed */
    struct view origin;     /* its first line: which log to look up; not yet verified */
};
/* The views are of `body`. E_INVALID or E_LIMIT: answer 400. */
must_check int witness_request_parse(struct view body, struct witness_request *out);
void witness_request_format(const struct witness_request *request, struct buf *out);

/* What the witness knows of a log. */
struct witness_log {
    const char *origin;
    const struct note_key *keys; /* of type NOTE_ED25519; at most NOTE_KEYS_MAX */
    size_t count;
    uint64_t size; /* of the checkpoint cosigned last; 0 and the empty root when there is none */
    struct tree_hash root;
};

enum witness_status {
    WITNESS_COSIGN = 200,
    WITNESS_BAD_REQUEST = 400,
    WITNESS_NOT_SIGNED = 403,
    WITNESS_UNKNOWN_LOG = 404,
    WITNESS_OTHER_SIZE = 409,
    WITNESS_INCONSISTENT = 422,
};
struct witness_answer {
    enum witness_status status;
    const char *why; /* a sentence for the body and the log; NULL for 200 and 409 */
    /* The log's key signed what contradicts its own past, or a proof that does not hold: keep the
     * request, it may prove misbehaviour. */
    bool evidence;
    bool contradicts;       /* it is another one than the one cosigned, at the same size */
    uint64_t recorded_size; /* for 409 */
    struct checkpoint head; /* for 200: what to record; and when it contradicts */
    struct view text;       /* for 200: what checkpoint_cosign() signs, extension lines included */
};
/* `log` NULL: no log of that origin is known. */
void witness_decide(const struct witness_request *request, const struct witness_log *log,
                    struct witness_answer *out);

/* The body of 409, `<size>\n`, and its content type. The reader is strict: E_INVALID. */
#define WITNESS_SIZE_TYPE "text/x.tlog.size"
void witness_size_format(uint64_t size, struct buf *out);
must_check int witness_size_parse(struct view body, uint64_t *out);

#endif
