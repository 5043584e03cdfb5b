/* A site's daemon beside its hub, both in one thread: the site's own writer, fed by the messages
 * that the hub's Follow sends, and its feed pushed by a box that holds the same key. The link is as
 * the test wants it. */
#ifndef TESTS_LIB_LISTENER_H
#define TESTS_LIB_LISTENER_H

#include "lib/box.h"
#include "lib/network.h"

struct listener {
    struct network *hub;
    struct network site;
    struct box box; /* what the hub sees of the site */
    struct network_stream *stream;
};

/* The site joins; its clock is the hub's. It has heard nothing yet. */
void listener_begin(struct listener *listener, struct network *hub, const char *site_id);
void listener_release(struct listener *listener);

/* A method of the site's own daemon, and its clock's work. */
const struct call *listener_call(struct listener *listener, struct principal who, const char *service,
                                const char *method, const ProtobufCMessage *request);
void listener_tick(struct listener *listener);

/* Both clocks go on. */
void listener_wait(struct listener *listener, int64_t ms);
/* The hub's clock works, the stream is opened where it must be, and all that it says is taken; the
 * site is connected. */
void listener_hear(struct listener *listener);
/* What the site wrote reaches the hub, and the receipt comes back. */
void listener_push(struct listener *listener);
/* The link is cut: three heartbeats pass in silence. */
void listener_cut(struct listener *listener);

#endif
