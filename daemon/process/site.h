/* A site's daemon speaks with its hub: a thread for each lane of the uplink, over the blocking
 * client. The threads decide nothing: service/sync/uplink.h does. */
#ifndef PROCESS_SITE_H
#define PROCESS_SITE_H

#include "process/daemon.h"
#include "service/sync/uplink.h"

struct site;

/* Behind daemon_open(), before anybody asks: the uplink stands in the node from now on. Reads our
 * certificate and makes the requests with which it is renewed. `hub` is a site's daemon. */
must_check int site_new(struct site **out, struct daemon *daemon, const struct state *state,
                        const struct settings *settings, const struct log *log,
                        struct fault *fault);
/* Starts the threads, behind daemon_start_writer(). */
must_check int site_start(struct site *site, struct fault *fault);
void site_status(struct site *site, struct uplink_status *out);
/* Before daemon_stop(): breaks off what is on its way and joins the threads. */
void site_stop(struct site *site);
/* NULL is fine. */
void site_free(struct site *site);

#endif
