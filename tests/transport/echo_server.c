/* The transport with the service of echo.proto behind it, as a program that tests start:
 *     echo-server DIR [name=value ...]
 * It makes certificates in DIR, prints "port N", and obeys lines on its standard input: "drain"
 * (answers "drained" or "late"), "revoke" (nobody is known any more), "counts", "reload", and
 * name=value for limits that change while it runs. It ends when the input does. Names are those of
 * struct limits, and threads, port, everywhere, log. */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "crypt/cert.h"
#include "echo.pb-c.h"
#include "transport/transport.h"
#include "wire/pack.h"

static struct transport *transport;
static atomic_int recorded;
static atomic_ullong epoch = 1;
static atomic_bool revoked, stopping;
static atomic_int ended_ok, ended_failed;
static atomic_int running; /* calls on threads of their own */

/* Methods: `service` is not used by any of them. */

#define NEW(call, lower, Type)                                                                     \
    ((Passerelle__Test__V1__##Type *)wire_new((call)->arena,                                       \
                                              &passerelle__test__v1__##lower##__descriptor))

static int echo(struct service *service, struct call *call)
{
    (void)service;
    const Passerelle__Test__V1__EchoRequest *request = (const void *)call->request;
    Passerelle__Test__V1__EchoResponse *response = NEW(call, echo_response, EchoResponse);
    response->text = request->text;
    response->data = request->data;
    response->number = request->number;
    response->role = wire_string(call->arena, view_of(role_name(call->who.role)));
    response->party = wire_string(call->arena, view_of(call->who.party));
    call->response = &response->base;
    struct view asked = call_metadata(call, "echo-metadata");
    if (asked.data != NULL) {
        call_answer_metadata(call, "echo-metadata", asked, false);
        call_answer_metadata(call, "echo-trailer", asked, true);
    }
    return 0;
}

static int record(struct service *service, struct call *call)
{
    (void)service;
    const Passerelle__Test__V1__RecordRequest *request = (const void *)call->request;
    nanosleep(&(struct timespec){.tv_sec = request->delay_ms / 1000,
                                 .tv_nsec = request->delay_ms % 1000 * 1000000L},
              NULL);
    Passerelle__Test__V1__RecordResponse *response = NEW(call, record_response, RecordResponse);
    response->text = request->text;
    response->count = atomic_fetch_add(&recorded, 1) + 1;
    call->response = &response->base;
    return 0;
}

static int count_open(struct service *service, struct call *call)
{
    static _Atomic int refused;
    (void)service;
    const Passerelle__Test__V1__CountRequest *request = (const void *)call->request;
    if (atomic_load(&refused) < request->refusals) {
        atomic_fetch_add(&refused, 1);
        call_fail(call, CODE_UNAVAILABLE, "Not now.");
        call->error.retry_after_s = 1;
        return -1;
    }
    if (request->up_to < 0) {
        return call_fail(call, CODE_INVALID_ARGUMENT, "up_to: count upwards.");
    }
    call->decision = ARENA_NEW(call->arena, int64_t);
    struct view asked = call_metadata(call, "echo-metadata");
    if (asked.data != NULL) {
        call_answer_metadata(call, "echo-trailer", asked, true);
    }
    return 0;
}

static int count_pump(struct service *service, struct stream *stream)
{
    (void)service;
    const Passerelle__Test__V1__CountRequest *request = (const void *)stream->call->request;
    int64_t *at = stream->call->decision;
    while (*at < request->up_to) {
        if (request->fail_at == *at + 1) {
            return call_fail(stream->call, CODE_DATA_LOSS, "Lost count at %lld.", (long long)*at);
        }
        Passerelle__Test__V1__CountResponse *message =
            wire_new(stream->scratch, &passerelle__test__v1__count_response__descriptor);
        Passerelle__Test__V1__Number *number =
            wire_new(stream->scratch, &passerelle__test__v1__number__descriptor);
        number->value = *at + 1;
        number->padding.len = (size_t)request->padding;
        number->padding.data = arena_alloc(stream->scratch, (size_t)request->padding);
        message->event_case = PASSERELLE__TEST__V1__COUNT_RESPONSE__EVENT_NUMBER;
        message->number = number;
        if (!stream->emit(stream, &message->base)) {
            return 0;
        }
        ++*at;
        if (request->slowly) {
            return 0;
        }
    }
    stream->finished = !request->silent;
    return 0;
}

static int fail(struct service *service, struct call *call)
{
    (void)service;
    const Passerelle__Test__V1__FailRequest *request = (const void *)call->request;
    enum code code = CODE_FAILED_PRECONDITION;
    for (int i = CODE_CANCELED; i < CODE_COUNT; i++) {
        code = strcmp(code_name((enum code)i), request->code) == 0 ? (enum code)i : code;
    }
    Passerelle__Test__V1__FailDetail *detail = NEW(call, fail_detail, FailDetail);
    detail->field = wire_string(call->arena, VIEW_LIT("qu\"ota"));
    detail->limit = 9007199254740993;
    call_fail(call, code, "It fails \"always\": \xc3\xa9.");
    call->error.details[call->error.detail_count++] = &detail->base;
    call->error.retry_after_s = code == CODE_UNAVAILABLE ? 1 : 0;
    call_answer_metadata(call, "echo-trailer", VIEW_LIT("failed"), true);
    return -1;
}

static int secret(struct service *service, struct call *call)
{
    (void)service;
    Passerelle__Test__V1__SecretResponse *response = NEW(call, secret_response, SecretResponse);
    response->text = wire_string(call->arena, view_of(call->who.author));
    call->response = &response->base;
    return 0;
}

#define ROW(Name, lower)                                                                           \
    .service = "EchoService", .name = #Name,                                                       \
    .input = &passerelle__test__v1__##lower##_request__descriptor,                                 \
    .output = &passerelle__test__v1__##lower##_response__descriptor, .duration_ms_max = 20000

static const struct method methods[] = {
    {ROW(Echo, echo), .roles = ROLES_ALL, .no_side_effects = true, .request_bytes_max = 200000,
     .decide = echo},
    {ROW(Record, record), .roles = ROLES_ALL, .request_bytes_max = 4096, .decide = record},
    {ROW(Count, count), .roles = ROLES_ALL, .streams = true, .request_bytes_max = 4096,
     .decide = count_open, .pump = count_pump},
    {ROW(Fail, fail), .roles = ROLES_ALL, .request_bytes_max = 4096, .decide = fail},
    {ROW(Secret, secret), .roles = ROLE_BIT(ROLE_OPERATOR), .request_bytes_max = 4096,
     .decide = secret},
};

/* The gateway */

static enum lookup find(void *context, struct view service, struct view name,
                        const struct method **out)
{
    (void)context;
    if (!view_is(service, "passerelle.test.v1.EchoService")) {
        return LOOKUP_NO_SERVICE;
    }
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (view_is(name, methods[i].name)) {
            *out = &methods[i];
            return LOOKUP_FOUND;
        }
    }
    return LOOKUP_NO_METHOD;
}

static bool refuse(struct call_error *error, const char *message)
{
    *error = (struct call_error){.code = CODE_UNAUTHENTICATED, .message = message};
    return false;
}

static bool authenticate(void *context, const struct credentials *credentials,
                         struct principal *out, struct call_error *error)
{
    (void)context;
    if (atomic_load(&revoked)) {
        return refuse(error, "You were revoked.");
    }
    *out = (struct principal){.role = ROLE_ANYONE};
    if (credentials->certificate != NULL) {
        struct cert_info info;
        struct fault fault = FAULT_NONE;
        if (cert_inspect(credentials->certificate, "test", &info, &fault) != E_OK) {
            return refuse(error, "This certificate is for something else.");
        }
        for (int role = ROLE_OPERATOR; role < ROLE_COUNT; role++) {
            if (strcmp(role_name((enum role)role), info.who.role) == 0) {
                out->role = (enum role)role;
            }
        }
        snprintf(out->party, sizeof out->party, "%s", info.who.party);
        snprintf(out->author, sizeof out->author, "%.16s", info.serial);
        return out->role != ROLE_ANYONE || refuse(error, "There is no such role.");
    }
    if (!view_is(credentials->bearer, "employer-key")) {
        return refuse(error, "This key is not known.");
    }
    out->role = ROLE_EMPLOYER;
    snprintf(out->party, sizeof out->party, "e-1");
    snprintf(out->author, sizeof out->author, "key-1");
    return true;
}

static uint64_t epoch_now(void *context)
{
    (void)context;
    return atomic_load(&epoch);
}

static void *run_record(void *context)
{
    struct call *call = context;
    call->method->decide(NULL, call);
    atomic_fetch_sub(&running, 1);
    call->done(call);
    return NULL;
}

static void submit(void *context, struct call *call)
{
    (void)context;
    if (strcmp(call->method->name, "Record") == 0) {
        pthread_t thread;
        atomic_fetch_add(&running, 1);
        if (pthread_create(&thread, NULL, run_record, call) != 0) {
            die("no thread");
        }
        pthread_detach(thread);
        return;
    }
    call->method->decide(NULL, call);
    call->done(call);
}

static int pump(void *context, struct stream *stream)
{
    (void)context;
    return stream->call->method->pump(NULL, stream);
}

static void ended(void *context, const struct method *method, enum code code, int64_t duration_ns)
{
    (void)context;
    (void)method;
    assert(duration_ns >= 0);
    atomic_fetch_add(code == CODE_OK ? &ended_ok : &ended_failed, 1);
}

static void healthz(void *context, struct exchange *x, const struct principal *who)
{
    (void)context;
    (void)who;
    route_reply(x, 200, "text/plain", VIEW_LIT("ok\n"));
}

static void upload(void *context, struct exchange *x, const struct principal *who)
{
    (void)context;
    (void)who;
    route_answer(x, &(struct route_answer){.status = 200, .content_type = "text/plain",
                                           .cache_control = "no-cache", .may_gzip = true,
                                           .body = buf_content(&x->body)});
}

static void *run_waker(void *context)
{
    (void)context;
    while (!atomic_load(&stopping)) {
        nanosleep(&(struct timespec){.tv_nsec = 30 * 1000000}, NULL);
        transport_wake(transport);
    }
    return NULL;
}

/* Certificates */

static char *path_in(const char *dir, const char *name)
{
    size_t len = strlen(dir) + strlen(name) + 2;
    char *path = xmalloc(len);
    snprintf(path, len, "%s/%s", dir, name);
    return path;
}

static void write_file(const char *dir, const char *name, const char *suffix, struct view text)
{
    char file[64];
    snprintf(file, sizeof file, "%s.%s", name, suffix);
    char *path = path_in(dir, file);
    FILE *out = fopen(path, "w");
    if (out == NULL || fwrite(text.data, 1, text.len, out) != text.len || fclose(out) != 0) {
        die("cannot write %s", path);
    }
    free(path);
}

static void must(int err, const struct fault *fault)
{
    if (err != E_OK) {
        fprintf(stderr, "echo-server: %s\n", fault->text);
        exit(EXIT_FAILURE);
    }
}

static void write_pem(const char *dir, const char *name, struct cert_pem *pem)
{
    write_file(dir, name, "pem", buf_content(&pem->certificate));
    write_file(dir, name, "key", buf_content(&pem->key));
}

static void make_certificates(const char *dir)
{
    struct fault fault = FAULT_NONE;
    int64_t now = env_real_utc_ms(&env_system);
    struct cert_validity validity = {now - 3600000, now + 86400000};
    static const struct {
        const char *authority, *operator_name, *site_name;
    } networks[] = {{"ca", "operator", "site"}, {"other-ca", "stranger", "stranger-site"}};
    for (size_t i = 0; i < ARRAY_LEN(networks); i++) {
        struct cert_pem root = CERT_PEM_INIT;
        struct cert_authority *authority = NULL;
        must(cert_make_authority(&env_system, "test", validity, &root, &fault), &fault);
        must(cert_authority_load(buf_content(&root.certificate), buf_content(&root.key),
                                 &authority, &fault), &fault);
        write_file(dir, networks[i].authority, "pem", buf_content(&root.certificate));
        cert_pem_release(&root);
        if (i == 0) {
            const char *const names[] = {"localhost", "127.0.0.1"};
            struct cert_pem server = CERT_PEM_INIT;
            must(cert_issue_server(authority, &env_system, names, 2, validity, &server, &fault),
                 &fault);
            write_pem(dir, "server", &server);
            cert_pem_release(&server);
        }
        const struct cert_identity operator_identity = {"test", "operator", "op-1", "alice"};
        const struct cert_identity site_identity = {"test", "site", "s-1", ""};
        struct cert_pem client = CERT_PEM_INIT;
        must(cert_issue_client(authority, &env_system, &operator_identity, validity, &client,
                               &fault), &fault);
        write_pem(dir, networks[i].operator_name, &client);
        cert_pem_release(&client);
        must(cert_issue_client(authority, &env_system, &site_identity, validity, &client, &fault),
             &fault);
        write_pem(dir, networks[i].site_name, &client);
        cert_pem_release(&client);
        cert_authority_free(authority);
    }
}

static void set(struct transport_config *config, struct log *log, struct view name, int64_t value)
{
    struct limits *limits = &config->limits;
    if (view_is(name, "threads")) {
        config->threads = (int)value;
    } else if (view_is(name, "port")) {
        config->port = (uint16_t)value;
    } else if (view_is(name, "everywhere")) {
        config->host = "0.0.0.0";
    } else if (view_is(name, "log")) {
        log->level = (enum log_level)value;
    } else if (view_is(name, "connections_max")) {
        limits->connections_max = (int)value;
    } else if (view_is(name, "connections_per_address_max")) {
        limits->connections_per_address_max = (int)value;
    } else if (view_is(name, "streams_max")) {
        limits->streams_max = (int)value;
    } else if (view_is(name, "idle_ms_max")) {
        limits->idle_ms_max = value;
    } else if (view_is(name, "handshake_ms_max")) {
        limits->handshake_ms_max = value;
    } else if (view_is(name, "head_ms_max")) {
        limits->head_ms_max = value;
    } else if (view_is(name, "request_ms_max")) {
        limits->request_ms_max = value;
    } else if (view_is(name, "write_ms_max")) {
        limits->write_ms_max = value;
    } else if (view_is(name, "heartbeat_ms")) {
        limits->heartbeat_ms = value;
    } else if (view_is(name, "caller_calls_per_s")) {
        limits->caller_calls_per_s = value;
    } else if (view_is(name, "caller_burst")) {
        limits->caller_burst = value;
    } else {
        die("no setting %.*s", VIEW_FMT(name));
    }
}

static void set_from(struct transport_config *config, struct log *log, struct view words)
{
    struct view rest = words;
    struct view name = VIEW_NONE;
    int64_t value = 0;
    if (!view_cut(&rest, '=', &name) || text_i64(rest, &value) != E_OK) {
        die("not a setting: %.*s", VIEW_FMT(words));
    }
    set(config, log, name, value);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: echo-server DIR [name=value ...]\n");
        return 2;
    }
    const char *dir = argv[1];
    static const struct route routes[] = {
        {.path = "/healthz", .roles = ROLE_BIT(ROLE_ANYONE), .serve = healthz},
        {.path = "/private/*", .roles = ROLE_BIT(ROLE_OPERATOR), .serve = healthz},
        {.path = "/upload", .roles = ROLE_BIT(ROLE_ANYONE), .post_bytes_max = 2048,
         .counted = true, .serve = upload},
        {.path = "/metrics", .roles = ROLE_BIT(ROLE_OPERATOR), .loopback = true, .serve = healthz},
    };
    struct log log = {.env = &env_system, .fd = STDERR_FILENO, .level = LOG_WARNING};
    struct transport_config config = {
        .env = &env_system,
        .log = &log,
        .host = "127.0.0.1",
        .threads = 2,
        .tls = {.certificate = path_in(dir, "server.pem"),
                .key = path_in(dir, "server.key"),
                .client_ca = path_in(dir, "ca.pem")},
        .limits = LIMITS_DEFAULT,
        .gateway = {.find = find, .authenticate = authenticate, .epoch = epoch_now,
                    .submit = submit, .pump = pump, .ended = ended},
        .routes = routes,
        .route_count = ARRAY_LEN(routes),
    };
    for (int i = 2; i < argc; i++) {
        set_from(&config, &log, view_of(argv[i]));
    }
    make_certificates(dir);
    struct fault fault = FAULT_NONE;
    must(transport_start(&config, &transport, &fault), &fault);
    pthread_t waker;
    if (pthread_create(&waker, NULL, run_waker, NULL) != 0) {
        die("no thread");
    }
    printf("port %u\n", transport_port(transport));
    fflush(stdout);
    char line[64];
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strcmp(line, "drain\n") == 0) {
            puts(transport_drain(transport, 5000) ? "drained" : "late");
        } else if (strcmp(line, "revoke\n") == 0) {
            atomic_store(&revoked, true);
            atomic_fetch_add(&epoch, 1);
            puts("revoked");
        } else if (strcmp(line, "reload\n") == 0) {
            make_certificates(dir);
            puts(transport_reload(transport, &config.tls, &fault) == E_OK ? "reloaded" : fault.text);
        } else if (strchr(line, '=') != NULL) {
            set_from(&config, &log, view_slice(view_of(line), 0, strcspn(line, "\n")));
            transport_set_limits(transport, &config.limits);
            puts("set");
        } else {
            for (int state = 0; state < CONN_STATE_COUNT; state++) {
                printf("%s=%d ", conn_state_name((enum conn_state)state),
                       transport_count(transport, (enum conn_state)state));
            }
            struct transport_refused refused = transport_refused(transport);
            printf("ok=%d failed=%d over_rate=%llu cut=%llu refused=%llu\n",
                   atomic_load(&ended_ok), atomic_load(&ended_failed),
                   (unsigned long long)refused.calls_over_rate,
                   (unsigned long long)refused.connections_cut,
                   (unsigned long long)refused.connections_refused);
        }
        fflush(stdout);
    }
    atomic_store(&stopping, true);
    pthread_join(waker, NULL);
    transport_free(transport);
    assert(atomic_load(&running) == 0); /* it waits for them */
    free((void *)(uintptr_t)config.tls.certificate);
    free((void *)(uintptr_t)config.tls.key);
    free((void *)(uintptr_t)config.tls.client_ca);
    return EXIT_SUCCESS;
}
