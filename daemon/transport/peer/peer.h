/* A blocking client of the Connect protocol, over libcurl: for the command line, tests and the sync
 * of sites. Messages go as protobuf, large ones compressed. A peer keeps its connection open from
 * one call to the next, and is used by one thread at a time. */
#ifndef TRANSPORT_PEER_PEER_H
#define TRANSPORT_PEER_PEER_H

#include "base/buf.h"
#include "service/method.h"

struct peer_config {
    const char *url;         /* "https://hub.example:8443", no path */
    const char *ca;          /* PEM file of the network's CA; NULL = the system's */
    bool unverified;         /* any server will do: for a page that is checked by other means */
    const char *certificate; /* PEM files of a client certificate and its key; both or neither */
    const char *key;
    const char *bearer;      /* API key, or NULL */
    int64_t timeout_ms;      /* of a unary call; 0 = 30 seconds */
    int64_t silence_ms_max;  /* of a stream: three missed heartbeats; 0 = 45 seconds */
    bool plain;              /* a unary call compresses nothing, as on one machine */
    const char *user_agent;  /* NULL = "passerelle/VERSION" */
    /* Asked about once a second while a call or stream lasts: true breaks it off. May be NULL. */
    bool (*stop)(void *context);
    void *stop_context;
};

struct peer;

/* Copies what it needs. Nothing is sent yet. E_INVALID when the URL is not https. */
must_check int peer_new(const struct peer_config *config, struct peer **out, struct fault *fault);
void peer_free(struct peer *peer);

enum { PEER_DETAILS_MAX = 8 };

/* How a call failed. Everything is in the call's arena. */
struct peer_error {
    enum code code;      /* not reached: UNAVAILABLE, or FAILED_PRECONDITION: it will not be */
    const char *message;
    struct {
        const char *type;   /* "passerelle.v1.Something" */
        struct view value;  /* its protobuf bytes */
    } details[PEER_DETAILS_MAX];
    size_t detail_count;
    int retry_after_s;   /* by Retry-After, or among the details; 0 = not said */
    bool reached;        /* the server answered: a failure is its answer, not the network's */
};

/* `service` is the full name, "passerelle.v1.DeskService". Answers CODE_OK and the response, or the
 * code of `error`; *response is then untouched. */
must_check enum code peer_call(struct peer *peer, const char *service, const char *method,
                               const ProtobufCMessage *request,
                               const ProtobufCMessageDescriptor *output, struct arena *arena,
                               ProtobufCMessage **response, struct peer_error *error);

/* The same, again and again while the answer is `unavailable`, or that we ask too often, and less
 * than wait_ms_max has passed: after the time that the server asks for, or 100 ms, doubled each
 * time up to 5 s. A server that never answered this peer is given 2 s at most. Calls are idempotent
 * by their request ids, so that asking again is safe. */
must_check enum code peer_call_patiently(struct peer *peer, const char *service,
                                         const char *method, const ProtobufCMessage *request,
                                         const ProtobufCMessageDescriptor *output,
                                         struct arena *arena, ProtobufCMessage **response,
                                         struct peer_error *error, int64_t wait_ms_max);

/* Calls each() with every message, heartbeats included, until the stream ends or each() returns
 * false (which is CODE_OK). A message lives until each() returns. timeout_ms 0 = no end. */
must_check enum code peer_stream(struct peer *peer, const char *service, const char *method,
                                 const ProtobufCMessage *request,
                                 const ProtobufCMessageDescriptor *output, int64_t timeout_ms,
                                 bool (*each)(void *context, const ProtobufCMessage *message),
                                 void *context, struct arena *arena, struct peer_error *error);

/* The same, and again as peer_call_patiently() does, as long as nothing at all was heard. */
must_check enum code
peer_stream_patiently(struct peer *peer, const char *service, const char *method,
                      const ProtobufCMessage *request, const ProtobufCMessageDescriptor *output,
                      int64_t timeout_ms,
                      bool (*each)(void *context, const ProtobufCMessage *message), void *context,
                      struct arena *arena, struct peer_error *error, int64_t wait_ms_max);

/* A plain GET, such as /metrics; appends to `out`. */
must_check enum code peer_get(struct peer *peer, const char *path, struct buf *out,
                              struct arena *arena, struct peer_error *error);

/* A plain POST: CODE_OK with whatever the server answered; its body is appended to `out`, whose
 * maximum counts. */
struct peer_answer {
    int status;
    struct view content_type; /* in the arena */
};
must_check enum code peer_post(struct peer *peer, const char *path, const char *content_type,
                               struct view body, struct peer_answer *answer, struct buf *out,
                               struct arena *arena, struct peer_error *error);

#endif
