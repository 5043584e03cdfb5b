/* What stands behind the transport: the table of methods, who may call, and who does the work.
 * process/ fills it in; tests use one of their own. All functions are called on I/O threads, on
 * several at once, and must not block for longer than a read from the local database. */
#ifndef TRANSPORT_GATEWAY_H
#define TRANSPORT_GATEWAY_H

#include <openssl/types.h>

#include "service/method.h"

enum lookup {
    LOOKUP_FOUND,
    LOOKUP_NO_METHOD,  /* the service exists */
    LOOKUP_NO_SERVICE
};

/* What a peer showed; both NULL: nothing. Never both: the transport refuses that. */
struct credentials {
    const X509 *certificate; /* TLS has verified its chain */
    struct view bearer;      /* the token alone */
};

struct gateway {
    void *context;
    /* `service` is the full name, "passerelle.v1.DeskService". */
    enum lookup (*find)(void *context, struct view service, struct view name,
                        const struct method **out);
    /* Who is this? False fills `error` (unauthenticated, and why). Called for each request with a
     * bearer token, and once per connection and epoch with a certificate. */
    bool (*authenticate)(void *context, const struct credentials *credentials,
                         struct principal *out, struct call_error *error);
    /* Changes whenever someone who was authenticated might not be any more: certificates are then
     * asked about again, and streams whose caller is not welcome any more end within a second. */
    uint64_t (*epoch)(void *context);
    /* Takes the call and ends it by call->done() exactly once, on any thread, now or later. For a
     * stream this opens it: decide, without pump. After call->deadline_ns nobody waits. */
    void (*submit)(void *context, struct call *call);
    /* method->pump() with the right service; on the stream's I/O thread, never twice at a time. */
    int (*pump)(void *context, struct stream *stream);
    /* A call is over, for metrics; a stream when it ends. method NULL: no row was found. */
    void (*ended)(void *context, const struct method *method, enum code code, int64_t duration_ns);
};

#endif
