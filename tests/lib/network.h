/* A whole hub in one thread for tests: a temporary state folder, a founded network, a clock that
 * the test moves, methods called by their row. No socket, no thread, no libevent. A failure of the
 * machinery itself (disk, setup) ends the test program with a message. */
#ifndef TESTS_LIB_NETWORK_H
#define TESTS_LIB_NETWORK_H

#include "base/env.h"
#include "crypt/ed25519.h"
#include "service/service.h"

struct network {
    char dir[160]; /* removed by network_release() */
    struct env env;
    struct env_test clock; /* clock.now_utc_ms moves business and real time */
    struct node node;
    struct service service; /* the writer's */
    struct arena arena;     /* requests and answers live here until network_release() */
};

/* Founds the network "test" (two operators unless `demo`) at 2026-11-03T07:00:00Z. */
void network_init(struct network *network, bool demo, uint64_t seed);
/* An empty database of a site's daemon, without feeds. */
void network_init_site(struct network *network, const char *network_id, const char *site_id,
                       uint64_t seed);
void network_release(struct network *network);
/* Closes and opens again, as a restart of the daemon would. */
void network_reopen(struct network *network);

/* Gives the hub a certificate authority, as `passerelled init` does. */
void network_authority(struct network *network);

/* Who calls. `party` is a member, site or employer id; operators have names. */
struct principal network_who(enum role role, const char *party);

/* Calls the method of that row ("DeskService", "CheckIn") and returns the finished call, with its
 * response or error, whichever thread it would run on in the daemon: writes in a transaction of
 * their own. The request is packed, scanned and unpacked on the way, as on the wire. Does not check
 * the role: the transport does. */
const struct call *network_call(struct network *network, struct principal who, const char *service,
                                const char *method, const ProtobufCMessage *request);
/* The same in its two halves, for methods with `precompute`: what a worker does with a snapshot,
 * then what the writer does. */
struct call *network_prepare(struct network *network, struct principal who, const char *service,
                             const char *method, const ProtobufCMessage *request);
void network_write(struct network *network, struct call *call);
/* The same, and the call must succeed: returns the response. */
const void *network_must(struct network *network, struct principal who, const char *service,
                         const char *method, const ProtobufCMessage *request);
/* The clock's work, as the writer does it: one tick of it, which says whether there is more; and
 * until there is none left. */
bool network_tick_once(struct network *network);
void network_tick(struct network *network);

/* A server stream: opened, then pumped; each pump leaves the messages that it sent, in the
 * network's arena. After `room` messages the peer takes no more. */
enum { NETWORK_STREAM_MAX = 4096 };
struct network_stream {
    struct stream stream; /* first */
    struct network *network;
    struct arena scratch;
    size_t room;
    size_t count;
    const ProtobufCMessage *messages[NETWORK_STREAM_MAX];
};
struct network_stream *network_open(struct network *network, struct principal who,
                                    const char *service, const char *method,
                                    const ProtobufCMessage *request);
size_t network_pump(struct network_stream *stream, size_t room);
/* A fresh UUIDv7 as text, in the arena. */
char *network_request_id(struct network *network);
/* An initialised request message in the arena. */
void *network_new(struct network *network, const ProtobufCMessageDescriptor *descriptor);

/* Activates the pass of that code by a phone with that key: its token. */
const char *network_activate(struct network *network, const char *code_text,
                             const struct ed25519_key *device);

/* Imports members, sites (all set active), stops, employers, plans, carnets, holders and tariffs
 * from a folder of CSV files, through NetworkService.ImportTable, as an operator. */
void network_import(struct network *network, const char *dir);
/* A whole file, in the arena. */
struct view network_read_file(struct network *network, const char *dir, const char *name);
/* The project's copy of the reference network. */
const char *network_reference_dir(void);

/* What must hold after every scenario: each feed verifies; the projections equal a replay, feed by
 * feed and in three other interleavings; the audit finds nothing, and computes every close again to
 * the same bytes. Ends the test otherwise. */
void network_check(struct network *network);
/* The same without the audit: where a site's daemon told what an audit must find. */
void network_check_tables(struct network *network);

#endif
