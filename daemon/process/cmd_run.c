/* passerelled run: the daemon. Signals are taken by the main thread, one at a time, in order; all
 * others block them. */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "process/command.h"
#include "process/pages.h"
#include "process/rebuild.h"
#include "process/lean.h"
#include "process/site.h"
#include "process/verify.h"
#include "process/witnesses.h"
#include "service/service.h"

static void block_signals(sigset_t *set)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit of the file size is a full disk: an error, not an end */
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL);
}

/* What is wrong is told, and nothing changes then. */
static void reload(struct daemon *daemon, struct witnesses *witnesses, struct settings *settings,
                   struct log *log, const char *target)
{
    struct settings fresh;
    struct state state;
    struct fault fault = FAULT_NONE;
    struct buf changed = BUF_INIT, ignored = BUF_INIT;
    int err = state_open(&state, &fresh, target, &fault);
    if (err == E_OK) {
        state_release(&state);
        err = daemon_reload_certificates(daemon, &fault);
    }
    if (err != E_OK) {
        log_event(log, LOG_ERROR, "reload_failed", LOG_S("reason", fault.text));
        return;
    }
    settings_reload(settings, &fresh, &changed, &ignored);
    daemon_reload_settings(daemon);
    witnesses_tune(witnesses, settings->witness_s);
    atomic_store(&log->level, (enum log_level)settings->log_level);
    log_event(log, LOG_INFO, "reloaded", LOG_V("changed", buf_content(&changed)),
              LOG_V("need_restart", buf_content(&ignored)));
    buf_release(&changed);
    buf_release(&ignored);
}

/* Whatever level the settings ask for: programs wait for this line. */
static void say_ready(const struct daemon *daemon, const struct settings *settings,
                      const struct log *log)
{
    const struct log always = {.env = log->env, .fd = log->fd, .level = LOG_INFO};
    const char *address = settings->address;
    bool v6 = strchr(address, ':') != NULL;
    struct buf url = BUF_INIT;
    buf_printf(&url, "https://%s%s%s:%u", v6 ? "[" : "", address, v6 ? "]" : "",
               (unsigned)daemon_port(daemon));
    log_event(&always, LOG_INFO, "ready", LOG_V("url", buf_content(&url)),
              LOG_S("network", daemon_node(daemon)->network_id),
              LOG_S("demo", daemon_node(daemon)->demo ? "yes" : "no"), LOG_N("pid", getpid()));
    buf_release(&url);
}

static void serve(struct daemon *daemon, struct witnesses *witnesses, struct settings *settings,
                  struct log *log, const char *target, const sigset_t *signals)
{
    for (;;) {
        int number = 0;
        if (sigwait(signals, &number) != 0) {
            continue;
        }
        if (number != SIGHUP) {
            log_event(log, LOG_INFO, "stopping", LOG_N("signal", number));
            return;
        }
        reload(daemon, witnesses, settings, log, target);
    }
}

static int run_daemon(struct state *state, struct settings *settings, struct log *log,
                      const char *target, struct fault *fault)
{
    sigset_t signals;
    struct daemon *daemon = NULL;
    struct pages pages;
    struct daemon_options options = {.settings = settings, .state = state, .log = log};
    struct joined joined;
    struct site *site = NULL;
    struct witnesses *witnesses = NULL;
    block_signals(&signals);
    int err = E_OK;
    if (settings->role != SETTING_ROLE_SITE) {
        lean_allocator();
    } else {
        lean_one_heap();
        err = joined_read(state, &joined, fault);
        options.joined = &joined;
        err = err != E_OK ? err : rebuild_after_upgrade(state, log, fault);
    }
    err = err != E_OK ? err : daemon_open(&daemon, &options, fault);
    if (err != E_OK) {
        return err;
    }
    err = pages_init(&pages, daemon, state, settings, fault);
    uint64_t verified = (uint64_t)settings->verify_entries;
    err = err != E_OK ? err : verify_ends(daemon_service(daemon)->db, verified, fault);
    err = err != E_OK ? err : verify_keys(daemon_service(daemon)->db, state, fault);
    if (err == E_OK && options.joined != NULL) {
        err = site_new(&site, daemon, state, settings, log, fault);
    }
    err = err != E_OK ? err : witnesses_new(&witnesses, daemon, state, settings, fault);
    pages.witnesses = witnesses;
    err = err != E_OK ? err : daemon_start_writer(daemon, fault);
    err = err != E_OK || site == NULL ? err : site_start(site, fault);
    err = err != E_OK ? err : witnesses_start(witnesses, fault);
    err = err != E_OK ? err : daemon_start(daemon, pages.routes, pages.route_count, &pages, fault);
    if (err == E_OK) {
        err = pages_verify(&pages, fault);
        lean_give_back();
        say_ready(daemon, settings, log);
        if (err == E_OK) {
            serve(daemon, witnesses, settings, log, target, &signals);
        }
        atomic_store(&pages.draining, true);
        site_stop(site);
        witnesses_stop(witnesses);
        if (!daemon_stop(daemon, settings->drain_s * 1000)) {
            log_event(log, LOG_WARNING, "drain_cut", LOG_N("after_s", settings->drain_s));
        }
        log_write(log, LOG_INFO, "stopped", NULL, 0);
    }
    pages_unload(&pages);
    site_stop(site);
    witnesses_free(witnesses);
    daemon_free(daemon);
    site_free(site);
    return err;
}

static int run(int argc, char **argv)
{
    const char *target = NULL;
    struct option_spec specs[] = {{.name = "--config", .value = &target}};
    struct settings settings;
    struct state state;
    struct fault fault = FAULT_NONE;
    bool by_option = argc > 0 && view_starts(view_of(argv[0]), "--");
    if (!command_options(&command_run, argc, argv, specs, ARRAY_LEN(specs), &target,
                         by_option ? 0 : 1)) {
        return EXIT_USAGE;
    }
    int err = state_open(&state, &settings, target, &fault);
    if (err != E_OK) {
        return command_fail(&fault);
    }
    struct log log = {
        .env = &state.env, .fd = STDERR_FILENO, .level = (enum log_level)settings.log_level};
    err = state_lock(&state, &fault);
    err = err != E_OK ? err : run_daemon(&state, &settings, &log, target, &fault);
    state_release(&state);
    if (err == E_EXISTS) {
        command_fail(&fault);
        return EXIT_BUSY; /* the port */
    }
    return err == E_OK ? EXIT_DONE : command_fail(&fault);
}

const struct command command_run = {
    .name = "run",
    .usage = "DIR | --config FILE",
    .summary = "Runs the hub, or the daemon of the site, in DIR until SIGTERM.",
    .help = "\n"
            "Writes one line `event=ready url=https://...` to stderr when it takes requests.\n"
            "/healthz, /readyz and /metrics are plain pages at the same address.\n\n"
            "  --config FILE   settings elsewhere than DIR/hub.conf\n\n"
            "Signals:\n"
            "  SIGTERM, SIGINT   no new requests; those in flight end; then the process does\n"
            "  SIGHUP            reads certificates and the settings that may change again\n\n"
            "Examples:\n"
            "  passerelled run /var/lib/passerelle\n"
            "  passerelled run --config /etc/passerelle/hub.conf\n",
    .run = run,
};
