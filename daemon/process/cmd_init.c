/* For nftw(). */
#define _XOPEN_SOURCE 700
/* passerelled init: makes a network. Everything is made in a folder beside the wanted one, which
 * then takes its name: a network is there as a whole or not at all, and nothing is ever
 * overwritten. */

#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "core/ident/ident.h"
#include "crypt/keyfile.h"
#include "process/command.h"
#include "service/found.h"
#include "service/identity/identity.h"
#include "service/journal.h"
#include "service/keyring.h"
#include "store/migrate/migrate.h"

enum {
    HOSTS_MAX = CERT_NAMES_MAX - 2,
    AUTHORITY_DAYS = 3650,
    SERVER_DAYS = 825, /* the longest that every TLS client takes */
    OPERATOR_DAYS = 825,
    CLOCK_RATE_MAX = 100000,
};
#define DAY_MS ((int64_t)24 * 3600 * 1000)
/* Clocks of peers may be slow. */
#define SKEW_MS ((int64_t)3600 * 1000)
/* 2026-11-03T07:00:00Z */
#define DEMO_START_UTC_MS ((int64_t)1793689200000)

struct plan {
    const char *network;
    const char *name;
    const char *hosts[HOSTS_MAX];
    size_t host_count;
    const char *port;
    bool demo;
    int64_t rate;
};

static struct cert_validity validity(const struct env *env, int64_t days)
{
    int64_t now = env_real_utc_ms(env);
    return (struct cert_validity){now - SKEW_MS, now + days * DAY_MS};
}

static int make_folder(const char *path, struct fault *fault)
{
    if (mkdir(path, 0700) != 0) {
        return fault_set(fault, err_from_errno(errno), "the folder %s cannot be made: %s", path,
                         strerror(errno));
    }
    return E_OK;
}

static int write_pair(struct cert_pem *pem, const char *certificate, const char *key,
                      struct fault *fault)
{
    int err = keyfile_create_private(key, buf_content(&pem->key), fault);
    err = err != E_OK ? err : state_write_file(certificate, buf_content(&pem->certificate), fault);
    cert_pem_release(pem);
    return err;
}

static int make_server(struct state *state, const struct plan *plan,
                       const struct cert_authority *authority, struct fault *fault)
{
    const char *names[CERT_NAMES_MAX] = {"localhost", "127.0.0.1"};
    struct cert_pem pem = CERT_PEM_INIT;
    memcpy(names + 2, plan->hosts, plan->host_count * sizeof *names);
    int err = cert_issue_server(authority, &state->env, names, 2 + plan->host_count,
                                validity(&state->env, SERVER_DAYS), &pem, fault);
    return err != E_OK ? err
                       : write_pair(&pem, state->server_certificate, state->server_key, fault);
}

static int make_operator(struct state *state, const struct plan *plan, struct db *db,
                         const struct cert_authority *authority, const char *name,
                         struct fault *fault)
{
    struct cert_pem pem = CERT_PEM_INIT;
    struct cert_identity who = {.role = "operator"};
    struct cert_info info;
    snprintf(who.network, sizeof who.network, "%s", plan->network);
    snprintf(who.party, sizeof who.party, "%s", name);
    int err = cert_issue_client(authority, &state->env, &who,
                                validity(&state->env, OPERATOR_DAYS), &pem, fault);
    err = err != E_OK ? err
                      : cert_inspect_pem(buf_content(&pem.certificate), plan->network, &info,
                                         fault);
    if (err == E_OK) {
        identity_put_certificate(db, &info, VIEW_LIT("made by init"),
                                 env_real_utc_ms(&state->env));
        err = write_pair(
            &pem, arena_printf(&state->arena, "%s/%s.crt", state->dir, name),
            arena_printf(&state->arena, "%s/%s.key", state->dir, name), fault);
    }
    cert_pem_release(&pem);
    return err;
}

static int make_authority(struct state *state, const struct plan *plan,
                          struct cert_authority **out, struct fault *fault)
{
    struct cert_pem pem = CERT_PEM_INIT;
    int err = cert_make_authority(&state->env, plan->network,
                                  validity(&state->env, AUTHORITY_DAYS), &pem, fault);
    err = err != E_OK ? err
                      : cert_authority_load(buf_content(&pem.certificate), buf_content(&pem.key),
                                            out, fault);
    if (err == E_OK) {
        err = write_pair(&pem, state->ca_certificate, state->ca_key, fault);
    }
    cert_pem_release(&pem);
    return err;
}

/* The first entries of the network, and the operators' credentials. */
static int make_database(struct state *state, const struct plan *plan,
                         const struct cert_authority *authority, struct fault *fault)
{
    struct node node = {.env = &state->env, .demo = plan->demo, .state_dir = state->dir,
                        .keys = keyring_new(state->keys, &state->env)};
    struct service service = {.node = &node};
    struct db_options options = {.path = state->database, .mode = DB_CREATE};
    struct found_options found = {.network_id = plan->network, .name = plan->name,
                                  .demo = plan->demo};
    int err = db_open(&service.db, &options, fault);
    err = err != E_OK ? err : migrate_run(service.db, fault);
    if (err == E_OK) {
        service.journal = journal_new(&node, service.db);
        err = db_begin(service.db, fault);
    }
    if (err == E_OK) {
        err = found_network(&service, &found, fault);
        err = err != E_OK ? err
                          : make_operator(state, plan, service.db, authority,
                                          "operator-1", fault);
        if (err == E_OK && !plan->demo) {
            err = make_operator(state, plan, service.db, authority, "operator-2", fault);
        }
        int ended = err == E_OK ? db_commit(service.db, fault) : db_end(service.db, NULL);
        err = err != E_OK ? err : ended;
    }
    journal_free(service.journal);
    db_free(service.db);
    keyring_free(node.keys);
    return err;
}

static int write_settings(struct state *state, const struct plan *plan, struct fault *fault)
{
    struct buf text = BUF_INIT;
    buf_text(&text, "# Settings of this hub; `passerelled settings` explains all of them.\n"
                    "role = hub\ndatabase = sqlite:hub.db\n");
    buf_printf(&text, "address = %s\nport = %s\n",
               plan->host_count == 0 ? "127.0.0.1" : "0.0.0.0", plan->port);
    if (plan->host_count > 0) {
        buf_text(&text, "certificate_names = ");
        for (size_t i = 0; i < plan->host_count; i++) {
            buf_printf(&text, "%s%s", i == 0 ? "" : ",", plan->hosts[i]);
        }
        buf_byte(&text, '\n');
    }
    struct settings settings;
    settings_defaults(&settings);
    int err = settings_parse(&settings, buf_content(&text), "the command line", fault);
    err = err != E_OK ? err
                      : state_write_file(arena_printf(&state->arena, "%s/hub.conf", state->dir),
                                         buf_content(&text), fault);
    buf_release(&text);
    return err;
}

static int make_network(struct state *state, const struct plan *plan, struct fault *fault)
{
    struct cert_authority *authority = NULL;
    int err = make_folder(state->keys, fault);
    if (err == E_OK && plan->demo) {
        state->clock = (struct env_demo_clock){DEMO_START_UTC_MS, env_real_utc_ms(&state->env),
                                               plan->rate};
        err = state_write_clock(state, &state->clock, fault);
        env_demo(&state->env, &state->clock);
    }
    err = err != E_OK ? err : make_authority(state, plan, &authority, fault);
    err = err != E_OK ? err : make_server(state, plan, authority, fault);
    err = err != E_OK ? err : make_database(state, plan, authority, fault);
    err = err != E_OK ? err : write_settings(state, plan, fault);
    cert_authority_free(authority);
    return err;
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int make_beside(const char *dir, const struct plan *plan, struct fault *fault)
{
    struct arena arena = ARENA_INIT;
    struct settings settings;
    struct state state;
    const char *beside = arena_printf(&arena, "%s.new-%ld", dir, (long)getpid());
    settings_defaults(&settings);
    state_init(&state, beside, &settings);
    int err = make_folder(beside, fault);
    if (err == E_OK) {
        err = make_network(&state, plan, fault);
        /* Takes the place of an empty folder; anything else in the way is left alone. */
        if (err == E_OK && rename(beside, dir) != 0) {
            err = errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR
                      ? fault_set(fault, E_EXISTS,
                                  "%s is not empty: choose a new folder; a network that is there "
                                  "already starts with `passerelled run %s`",
                                  dir, dir)
                      : fault_set(fault, err_from_errno(errno), "%s cannot be made: %s", dir,
                                  strerror(errno));
        }
        if (err != E_OK) {
            nftw(beside, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        }
    }
    state_release(&state);
    arena_release(&arena);
    return err;
}

static void report(const char *dir, const struct plan *plan)
{
    printf("The network %s is made in %s%s.\n\n", plan->network, dir,
           plan->demo ? " (a demonstration: its clock runs fast, one operator is enough)" : "");
    printf("  %s/ca.crt        the network's authority: clients check the hub by it\n", dir);
    printf("  %s/keys/         secrets; ca.key may be kept offline and put back to issue "
           "certificates\n",
           dir);
    if (plan->demo) {
        printf("  %s/operator-1.*  certificate and key: your way in\n", dir);
    } else {
        printf("  %s/operator-*    certificates and keys of two operators: give each pair to one "
               "person and\n                   remove it here\n",
               dir);
    }
    printf("\nNext: passerelled run %s\n", dir);
}

static int run(int argc, char **argv)
{
    struct plan plan = {.port = "7443", .rate = 60};
    const char *dir;
    const char *rate = NULL;
    const struct option_spec specs[] = {
        {.name = "--network", .value = &plan.network},
        {.name = "--name", .value = &plan.name},
        {.name = "--host", .values = plan.hosts, .count = &plan.host_count, .max = HOSTS_MAX},
        {.name = "--port", .value = &plan.port},
        {.name = "--demo", .flag = &plan.demo},
        {.name = "--clock-rate", .value = &rate},
    };
    if (!command_options(&command_init, argc, argv, specs, ARRAY_LEN(specs), &dir, 1)) {
        return EXIT_USAGE;
    }
    struct fault fault = FAULT_NONE;
    if (plan.network == NULL || plan.name == NULL) {
        return command_wrong(&command_init, "--network and --name are needed");
    }
    if (ident_slug(view_of(plan.network), &fault) != E_OK) {
        return command_wrong(&command_init, "--network: %s", fault.text);
    }
    if (plan.name[0] == '\0' || !text_is_printable(view_of(plan.name)) ||
        text_length(view_of(plan.name)) > 100) {
        return command_wrong(&command_init, "--name: 1 to 100 printable characters");
    }
    if (rate != NULL && (!plan.demo || text_i64(view_of(rate), &plan.rate) != E_OK ||
                         plan.rate < 1 || plan.rate > CLOCK_RATE_MAX)) {
        return command_wrong(&command_init, "--clock-rate: 1 to %d, with --demo", CLOCK_RATE_MAX);
    }
    size_t len = strlen(dir);
    char *plain = xstrdup(dir);
    while (len > 1 && plain[len - 1] == '/') {
        plain[--len] = '\0';
    }
    int err = make_beside(plain, &plan, &fault);
    if (err == E_OK) {
        report(plain, &plan);
    }
    free(plain);
    return err == E_OK ? EXIT_DONE : command_fail(&fault);
}

const struct command command_init = {
    .name = "init",
    .usage = "DIR --network ID --name NAME [--host NAME]... [--port N] [--demo [--clock-rate N]]",
    .summary = "Makes a network: keys, certificates, settings, database.",
    .help = "\n"
            "DIR is made, mode 0700; it must not hold anything yet.\n\n"
            "  --network ID      1-40 of a-z, 0-9 and -: part of every certificate, for ever\n"
            "  --name NAME       what people read\n"
            "  --host NAME       a DNS name or address for the server's certificate, beside\n"
            "                    localhost and 127.0.0.1; the hub then listens on all addresses\n"
            "  --port N          7443 unless said\n"
            "  --demo            a network to try things out: one operator is enough for what\n"
            "                    needs two, and its business clock starts on 2026-11-03 at 07:00Z\n"
            "  --clock-rate N    how fast that clock runs; 60: an hour a minute\n\n"
            "Examples:\n"
            "  passerelled init /srv/passerelle --network occitanie --name 'Pass Occitanie' \\\n"
            "      --host hub.example.org\n"
            "  passerelled init /tmp/demo --network demo --name Demo --demo\n",
    .run = run,
};
