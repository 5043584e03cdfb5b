/* Calls of the demonstration: one per line of the story. Every failure ends the program with the
 * server's sentence: a demonstration that goes on after an error shows nothing. */
#ifndef CLIENTS_DEMO_WIRE_H
#define CLIENTS_DEMO_WIRE_H

#include "base/env.h"
#include "transport/peer/peer.h"

/* How to reach the hub, and as whom. */
struct demo_link {
    const char *url;
    const char *ca;
    const char *certificate; /* NULL: as anyone */
    const char *key;
};

struct demo {
    struct demo_link link;
    const char *dir; /* where phones and cards are kept: mode 0700 */
    struct env env;
    struct arena arena;
    struct peer *operator; /* the operator's connection */
    struct peer *anyone;   /* a phone's connection: no credential */
    char network_id[64];
    int64_t offset_ms; /* business time of the hub - real time here, at the last look */
    int64_t rate;      /* business milliseconds per real one */
    int64_t looked_real_ms;
};

/* Opens both connections. */
void demo_open(struct demo *demo);
void demo_close(struct demo *demo);
struct peer *demo_connect(const struct demo_link *link);
/* The hub's business time now, UTC ms: asked for, then carried on at the clock's rate. */
int64_t demo_now_utc_ms(struct demo *demo);
/* Asks the hub what time it is. */
void demo_look_at_clock(struct demo *demo);
void demo_wait_business_s(struct demo *demo, int64_t seconds);

/* A fresh request id. */
char *demo_request_id(struct demo *demo);
void *demo_new(struct demo *demo, const ProtobufCMessageDescriptor *descriptor);
/* Calls and returns the answer; `service` is "DeskService". Ends the program on an error. */
const void *demo_call(struct demo *demo, struct peer *peer, const char *service, const char *method,
                      const ProtobufCMessage *request, const ProtobufCMessageDescriptor *output);
_Noreturn void demo_give_up(const char *fmt, ...) printf_like(1, 2);

#endif
