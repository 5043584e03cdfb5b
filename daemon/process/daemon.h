/* The daemon of a hub or of a site at work: what stands behind the transport. It owns the node,
 * the writer with its connection, the thread for long reads, and one read-only connection for each
 * I/O thread.
 *
 * The way of a call: the transport finds its row and its caller here, then submits it. A read runs
 * at once on the I/O thread, or on the worker when its row says `slow`. A write is prepared on the
 * I/O thread and goes to the writer; its answer leaves after the commit. */
#ifndef PROCESS_DAEMON_H
#define PROCESS_DAEMON_H

#include "process/joined.h"
#include "process/state.h"
#include "service/metrics.h"
#include "service/writer.h"
#include "transport/transport.h"

struct daemon;

struct daemon_options {
    const struct settings *settings; /* borrowed; read now and by daemon_reload_settings() */
    const struct state *state;       /* borrowed, locked */
    const struct log *log;           /* borrowed */
    const struct joined *joined;     /* of a site's daemon; NULL at the hub */
};

/* Opens the database, brings its schema up to date and reads whose network it is. No thread yet. */
must_check int daemon_open(struct daemon **out, const struct daemon_options *options,
                           struct fault *fault);
/* The writer's service, for checks before daemon_start(). */
struct service *daemon_service(struct daemon *daemon);
/* The writer, with its thread; before daemon_start(), for what must be written before anybody asks.
 */
must_check int daemon_start_writer(struct daemon *daemon, struct fault *fault);
/* Called behind each commit that changed something, under the writer's lock: be brief. Before
 * daemon_start_writer(). */
void daemon_on_commit(struct daemon *daemon, void (*tell)(void *context), void *context);
/* Hands an internal call to the writer: no row of the table, no role. */
void daemon_submit_internal(struct daemon *daemon, struct call *call);
/* The same, and waits for its end; from a thread that has nothing else to do. */
void daemon_call(struct daemon *daemon, struct call *call);
/* Listens and works, behind daemon_start_writer(). Routes are borrowed. */
must_check int daemon_start(struct daemon *daemon, const struct route *routes, size_t route_count,
                            void *route_context, struct fault *fault);
uint16_t daemon_port(const struct daemon *daemon);
must_check int daemon_reload_certificates(struct daemon *daemon, struct fault *fault);
/* Takes over the values of daemon_options.settings that may change while it runs. */
void daemon_reload_settings(struct daemon *daemon);
/* Lets calls in flight end, then stops all threads; daemon_free() is all that may follow. False
 * when some had to be cut. */
bool daemon_stop(struct daemon *daemon, int64_t drain_ms);
void daemon_free(struct daemon *daemon);

/* A further read-only connection to the hub's database; the caller frees it. */
must_check int daemon_reader(const struct daemon *daemon, struct db **out, struct fault *fault);
/* The service of this I/O thread, with its connection; NULL with a fault when none can be opened.
 */
struct service *daemon_service_here(struct daemon *daemon, struct fault *fault);
const struct node *daemon_node(const struct daemon *daemon);

/* ---- what /metrics shows ---- */

struct method_metrics {
    const struct method *method; /* NULL in the last: requests for no method */
    metric codes[CODE_COUNT];
    struct histogram duration_ns;
};
/* One for each row of methods_at(), and a last one. */
const struct method_metrics *daemon_metrics(const struct daemon *daemon, size_t *count);
const struct writer *daemon_writer(const struct daemon *daemon);
const struct transport *daemon_transport(const struct daemon *daemon);
size_t daemon_slow_queued(const struct daemon *daemon);

#endif
