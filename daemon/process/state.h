/* The state folder of one daemon: where everything is, the clock that its network runs by, and the
 * lock that keeps a second daemon out.
 *
 *   hub.conf, site.conf  settings of a hub, of a site's daemon
 *   hub.db               the database (or where the settings say)
 *   ca.crt, server.crt   certificates; everybody may have them
 *   keys/                0600 each: ca.key, server.key, cosign.key, witness.key, feed-*, token-*
 *   operator-N.crt, .key what `init` makes for people: hand them out
 *   site.crt, joined     of a site: its certificate for the hub, and what it joined
 *   version              of a site: which program ran last
 *   clock                only in demonstration networks: business time
 *   lock                 held while a daemon or a command works on the state */
#ifndef PROCESS_STATE_H
#define PROCESS_STATE_H

#include "base/arena.h"
#include "process/settings.h"

struct state {
    struct arena arena; /* holds the paths */
    const char *dir;
    const char *database;
    const char *keys;
    const char *ca_certificate, *ca_key;
    const char *server_certificate, *server_key;
    const char *site_certificate, *site_key;
    const char *joined;
    struct env env;
    struct env_demo_clock clock; /* rate 0: business time is real time */
    int lock_fd;                 /* -1: not held */
};

/* `target` is a state folder (its hub.conf is read) or a settings file. Fills both; reads the
 * clock. E_NOT_FOUND when there is no network, with what to do. */
must_check int state_open(struct state *state, struct settings *settings, const char *target,
                          struct fault *fault);
/* Paths only, for a folder that is being made. */
void state_init(struct state *state, const char *dir, const struct settings *settings);
void state_release(struct state *state);

/* E_BUSY when another process holds it. Given back by state_release(), or when the process ends. */
must_check int state_lock(struct state *state, struct fault *fault);

/* The file `clock`: written once, when a demonstration network is made. */
must_check int state_write_clock(struct state *state, const struct env_demo_clock *clock,
                                 struct fault *fault);

/* A file that everyone may read, made whole or not at all, over an older one. */
must_check int state_write_file(const char *path, struct view content, struct fault *fault);
must_check int state_read_file(const char *path, struct buf *out, struct fault *fault);
bool state_exists(const char *path);

#endif
