/* The table of methods: one row for each rpc of proto/. Nothing is reachable without a row. The
 * transport turns bytes into a `struct call`, finds the row, checks the role and the limits, hands
 * the call to a gateway, and turns the response back into bytes. Services never see a socket, a
 * thread or a JSON text; the transport never sees a table or a rule.
 *
 * A method without `apply` only reads: it runs on any thread with a read-only connection. A method
 * with `apply` runs on the writer: `decide` looks and stops at the first objection, `apply` writes
 * and cannot be refused. Both get the same call; `decide` leaves its findings in call->decision. */
#ifndef SERVICE_METHOD_H
#define SERVICE_METHOD_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"

/* Who is calling. A method states the set of roles that may call it, as bits. */
enum role {
    ROLE_ANYONE,   /* no credential: public directory, keys, activation by one-time code */
    ROLE_OPERATOR, /* certificate, or key */
    ROLE_AUDITOR,  /* certificate, or key: reads all feeds, changes nothing */
    ROLE_REGION,   /* certificate, or key: statistics */
    ROLE_MEMBER,   /* certificate, or key: its own sites and statements */
    ROLE_SITE,     /* certificate: a site's own daemon, or key: its own visits of today */
    ROLE_DESK,     /* certificate: a tablet at one site */
    ROLE_EMPLOYER, /* certificate, or key: its own contract */
    ROLE_COUNT
};
#define ROLE_BIT(role) (1u << (role))
#define ROLES_ALL ((1u << ROLE_COUNT) - 1u)

const char *role_name(enum role role); /* "operator", ... */

struct principal {
    enum role role;
    char party[64];   /* the id of the member, site, employer or operator; "" for ROLE_ANYONE */
    char author[64];  /* certificate or key id, as entries name their author; "" for ROLE_ANYONE */
};

/* Connect's codes (connectrpc.com/docs/protocol, "Error codes"), in the order of gRPC's numbers. */
enum code {
    CODE_OK,
    CODE_CANCELED,
    CODE_UNKNOWN,
    CODE_INVALID_ARGUMENT,
    CODE_DEADLINE_EXCEEDED,
    CODE_NOT_FOUND,
    CODE_ALREADY_EXISTS,
    CODE_PERMISSION_DENIED,
    CODE_RESOURCE_EXHAUSTED,
    CODE_FAILED_PRECONDITION,
    CODE_ABORTED,
    CODE_OUT_OF_RANGE,
    CODE_UNIMPLEMENTED,
    CODE_INTERNAL,
    CODE_UNAVAILABLE,
    CODE_DATA_LOSS,
    CODE_UNAUTHENTICATED,
    CODE_COUNT
};
const char *code_name(enum code code);      /* "invalid_argument", ... */
int code_http_status(enum code code);       /* 400, ... as the Connect protocol maps them */
/* The code that a failure of the base (E_*) is told as. */
enum code code_of_err(int err);

enum { CALL_DETAILS_MAX = 4 };

struct call_error {
    enum code code;
    const char *message;                              /* one sentence: what is wrong, what to do */
    const ProtobufCMessage *details[CALL_DETAILS_MAX]; /* typed details, in the call's arena */
    size_t detail_count;
    int retry_after_s; /* 0 = none; also sent as Retry-After and as google.rpc.RetryInfo */
};

/* A pair that travels beside the messages, as the transport's headers and trailers. */
struct metadata {
    const char *name;  /* lower case: letters, digits, '-' */
    struct view value; /* printable ASCII; base64 when the name ends in "-bin" */
    bool trailing;     /* behind the answer; a stream's answer has only these */
    const struct metadata *next;
};

struct method;
struct node;
struct service; /* what methods work with: connection, clock, keys; service/service.h */

/* One request on its way. It lives, with all it points to, in its own arena, from the first byte
 * to the last; one thread at a time holds it. */
struct call {
    const struct method *method;
    struct arena *arena;
    struct principal who;
    const ProtobufCMessage *request;  /* unpacked into the arena, scanned before */
    struct view request_bytes;        /* canonical protobuf bytes of the request */
    int64_t deadline_ns;              /* monotonic; 0 = none */
    int64_t received_ns;              /* monotonic */
    char trace[17];                   /* request id for logs, 16 hex digits */

    ProtobufCMessage *response;       /* set by the method, in the arena */
    /* What a repeat of the request gets instead, when the response holds a secret that is shown
     * only once; NULL: the response itself. Set by apply. */
    const ProtobufCMessage *kept_response;
    struct call_error error;          /* code CODE_OK: the response counts */
    const struct metadata *metadata;  /* of the answer or error: see call_answer_metadata() */
    /* What the caller sent beside the request: see call_metadata(). NULL: no transport is there. */
    struct view (*sent)(const struct call *call, const char *name);

    void *prepared;                   /* from precompute or prepare to decide; NULL: nothing */
    void *decision;                   /* from decide to apply */
    void *helped;                     /* what precompute left at work; ended by done */
    /* Of a bulk method: how much it may do in this transaction (0: all), which the writer says; and
     * whether there is more: then what was done is committed, and the call is run again. */
    size_t portion;
    bool again;
    /* Called once when the call is over, on any thread. Set by whoever submits the call. */
    void (*done)(struct call *call);
    void *owner;                      /* the submitter's own */
    struct call *next;                /* link of whichever queue holds it */
};

/* Ends the call with an error and returns -1, so that a method can `return call_fail(...)`. The
 * first failure counts. The message is a whole sentence for the caller. */
int call_fail(struct call *call, enum code code, const char *fmt, ...) printf_like(3, 4);
/* The same from a fault of a lower room. */
int call_fail_with(struct call *call, const struct fault *fault);

/* The first pair of that name that the caller sent; VIEW_NONE when there is none. */
struct view call_metadata(const struct call *call, const char *name);
/* Adds a pair to the answer, or to the error when it fails. Name and value live as long as the
 * call. A value that cannot be a header's is a bug. */
void call_answer_metadata(struct call *call, const char *name, struct view value, bool trailing);

/* A server stream: the transport calls pump() at the start and whenever the node's data changed;
 * pump() emits what is new and returns 0, or fails the call, which ends the stream with its error.
 * call->decision is its memory between the calls. emit() copies nothing: the message is serialised
 * before emit() returns. It returns false when the peer's buffer is full: the message was not
 * taken; stop and wait for the next pump. Every stream response has a `heartbeat` arm that the
 * transport sends on a timer. */
struct stream {
    struct call *call;
    bool (*emit)(struct stream *stream, const ProtobufCMessage *message);
    struct arena *scratch; /* for the messages of one pump: cleared after it */
    bool finished;         /* set by pump: the stream ends without an error */
};

struct method {
    const char *service; /* "DeskService": the package is passerelle.v1 */
    const char *name;    /* "CheckIn" */
    const ProtobufCMessageDescriptor *input;
    const ProtobufCMessageDescriptor *output;
    unsigned roles;         /* ROLE_BIT of each that may call */
    bool streams;           /* server stream; decide opens, pump emits */
    bool no_side_effects;   /* idempotency_level = NO_SIDE_EFFECTS: GET is allowed */
    size_t request_bytes_max;
    bool at_sites;          /* also served by the daemon of a site; the others are the hub's */
    bool slow;              /* reads for long (documents, periods): never on an I/O thread */
    /* Writes much, in portions of which each stands for itself (call->portion), so that calls for
     * which somebody waits at a door go between them. Its precompute runs on threads of its own. */
    bool bulk;
    /* Once it has written, it fails only with the database: the writer spares it the savepoint.
     * When it does fail, the whole group is run again from the start, so that decide and apply must
     * do the same when they are called twice. */
    bool fails_unwritten;
    int64_t duration_ms_max; /* the server's own limit; the shorter of it and the caller's counts */
    /* A long computation for a method with `apply`: runs first, on a worker thread with a read-only
     * connection of its own. It objects to nothing; what it found is in call->prepared. `decide`
     * checks that it still holds, and does without when it is not there. NULL for most. */
    void (*precompute)(struct service *service, struct call *call);
    /* What can be done without a database, such as checking signatures: run once on the thread that
     * received the call, before it is queued; leaves its result in call->prepared. May be NULL, and
     * the method must also work when it was not run. */
    void (*prepare)(struct node *node, struct call *call);
    int (*decide)(struct service *service, struct call *call);
    int (*apply)(struct service *service, struct call *call);
    /* Fills into the response what is never stored with it (names of persons): for a fresh answer
     * and for a repeated one alike. May be NULL. */
    void (*complete)(struct service *service, struct call *call);
    int (*pump)(struct service *service, struct stream *stream);
};

#endif
