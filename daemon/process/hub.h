/* The hub, or the daemon of a site, at work: what stands behind the transport. It owns the node,
 * the writer with its connection, the thread for long reads, and one read-only connection for each
 * I/O thread.
 *
 * The way of a call: the transport finds its row and its caller here, then submits it. A read runs
 * at once on the I/O thread, or on the worker when its row says `slow`. A write is prepared on the
 * I/O thread and goes to the writer; its answer leaves after the commit. */
#ifndef PROCESS_HUB_H
#define PROCESS_HUB_H

#include "process/joined.h"
#include "process/state.h"
#include "service/metrics.h"
#include "service/writer.h"
#include "transport/transport.h"

struct hub;

struct hub_options {
    const struct settings *settings; /* borrowed; read at the start and by hub_reload_settings() */
    const struct state *state;       /* borrowed, locked */
    const struct log *log;           /* borrowed */
    const struct joined *joined;     /* of a site's daemon; NULL at the hub */
};

/* Opens the database, brings its schema up to date and reads whose network it is. No thread yet. */
must_check int hub_open(struct hub **out, const struct hub_options *options, struct fault *fault);
/* The writer's service, for checks before hub_start(). */
struct service *hub_service(struct hub *hub);
/* The writer, with its thread; before hub_start(), for what must be written before anybody asks. */
must_check int hub_start_writer(struct hub *hub, struct fault *fault);
/* Called behind each commit that changed something, under the writer's lock: be brief. Before
 * hub_start_writer(). */
void hub_on_commit(struct hub *hub, void (*tell)(void *context), void *context);
/* Hands an internal call to the writer: no row of the table, no role. */
void hub_submit_internal(struct hub *hub, struct call *call);
/* The same, and waits for its end; from a thread that has nothing else to do. */
void hub_call(struct hub *hub, struct call *call);
/* Listens and works, behind hub_start_writer(). Routes are borrowed. */
must_check int hub_start(struct hub *hub, const struct route *routes, size_t route_count,
                         void *route_context, struct fault *fault);
uint16_t hub_port(const struct hub *hub);
must_check int hub_reload_certificates(struct hub *hub, struct fault *fault);
/* Takes over the values of hub_options.settings that may change while it runs. */
void hub_reload_settings(struct hub *hub);
/* Lets calls in flight end, then stops all threads; hub_free() is all that may follow. False when
 * some had to be cut. */
bool hub_stop(struct hub *hub, int64_t drain_ms);
void hub_free(struct hub *hub);

/* A further read-only connection to the hub's database; the caller frees it. */
must_check int hub_reader(const struct hub *hub, struct db **out, struct fault *fault);
/* The service of this I/O thread, with its connection; NULL with a fault when none can be opened.
 */
struct service *hub_service_here(struct hub *hub, struct fault *fault);
const struct node *hub_node(const struct hub *hub);

/* ---- what /metrics shows ---- */

struct method_metrics {
    const struct method *method; /* NULL in the last: requests for no method */
    metric codes[CODE_COUNT];
    struct histogram duration_ns;
};
/* One for each row of methods_at(), and a last one. */
const struct method_metrics *hub_metrics(const struct hub *hub, size_t *count);
const struct writer *hub_writer(const struct hub *hub);
const struct transport *hub_transport(const struct hub *hub);
size_t hub_slow_queued(const struct hub *hub);

#endif
