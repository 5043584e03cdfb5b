/* Our client against our server: peer-check DIR PORT, with an echo-server running there. Dies at
 * the first thing that is not as it should be. */
#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "echo.pb-c.h"
#include "transport/peer/peer.h"
#include "wire/pack.h"

#define SERVICE "passerelle.test.v1.EchoService"

static bool sum(void *context, const ProtobufCMessage *message)
{
    const Passerelle__Test__V1__CountResponse *count = (const void *)message;
    int64_t *total = context;
    if (count->event_case == PASSERELLE__TEST__V1__COUNT_RESPONSE__EVENT_NUMBER) {
        *total += count->number->value;
    }
    return *total < 500500;
}

static struct peer *connect_to(const char *dir, const char *url, const char *name, const char *key)
{
    static char files[3][512];
    snprintf(files[0], sizeof files[0], "%s/ca.pem", dir);
    snprintf(files[1], sizeof files[1], "%s/%s.pem", dir, name == NULL ? "" : name);
    snprintf(files[2], sizeof files[2], "%s/%s.key", dir, name == NULL ? "" : name);
    struct peer_config config = {.url = url, .ca = files[0], .bearer = key, .timeout_ms = 5000};
    if (name != NULL) {
        config.certificate = files[1];
        config.key = files[2];
    }
    struct peer *peer = NULL;
    struct fault fault = FAULT_NONE;
    if (peer_new(&config, &peer, &fault) != E_OK) {
        die("%s", fault.text);
    }
    return peer;
}

static void check_echo(struct peer *peer, struct arena *arena, const char *role)
{
    struct peer_error error;
    ProtobufCMessage *message = NULL;
    Passerelle__Test__V1__EchoRequest request = PASSERELLE__TEST__V1__ECHO_REQUEST__INIT;
    char large[9001];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    request.text = large; /* compressed both ways */
    request.number = INT64_MIN;
    enum code code = peer_call(peer, SERVICE, "Echo", &request.base,
                               &passerelle__test__v1__echo_response__descriptor, arena, &message,
                               &error);
    if (code != CODE_OK) {
        die("%s: %s", code_name(code), error.message);
    }
    const Passerelle__Test__V1__EchoResponse *response = (const void *)message;
    assert(strcmp(response->text, large) == 0);
    assert(response->number == INT64_MIN);
    assert(strcmp(response->role, role) == 0);
}

static void check_errors(struct peer *peer, struct arena *arena)
{
    struct peer_error error;
    ProtobufCMessage *message = NULL;
    Passerelle__Test__V1__FailRequest request = PASSERELLE__TEST__V1__FAIL_REQUEST__INIT;
    char name[] = "unavailable";
    request.code = name;
    enum code code = peer_call_patiently(peer, SERVICE, "Fail", &request.base,
                                         &passerelle__test__v1__fail_response__descriptor, arena,
                                         &message, &error, 1500);
    assert(code == CODE_UNAVAILABLE && error.code == code && error.retry_after_s == 1);
    assert(error.reached && message == NULL);
    assert(strstr(error.message, "\xc3\xa9") != NULL);
    assert(error.detail_count == 2);
    assert(strcmp(error.details[0].type, "passerelle.test.v1.FailDetail") == 0);
    struct fault fault = FAULT_NONE;
    ProtobufCMessage *detail = NULL;
    assert(wire_unpack(&passerelle__test__v1__fail_detail__descriptor, error.details[0].value,
                       &wire_limits_request, arena, &detail, &fault) == E_OK);
    assert(((Passerelle__Test__V1__FailDetail *)detail)->limit == 9007199254740993);
    Passerelle__Test__V1__SecretRequest secret = PASSERELLE__TEST__V1__SECRET_REQUEST__INIT;
    code = peer_call(peer, SERVICE, "Secret", &secret.base,
                     &passerelle__test__v1__secret_response__descriptor, arena, &message, &error);
    assert(code == CODE_UNAUTHENTICATED);
    code = peer_call(peer, SERVICE, "Missing", &secret.base,
                     &passerelle__test__v1__secret_response__descriptor, arena, &message, &error);
    assert(code == CODE_UNIMPLEMENTED);
}

static void check_streams(struct peer *peer, struct arena *arena)
{
    const ProtobufCMessageDescriptor *output = &passerelle__test__v1__count_response__descriptor;
    struct peer_error error;
    int64_t total = 0;
    Passerelle__Test__V1__CountRequest request = PASSERELLE__TEST__V1__COUNT_REQUEST__INIT;
    request.up_to = 999;
    request.padding = 1500; /* compressed */
    assert(peer_stream(peer, SERVICE, "Count", &request.base, output, 0, sum, &total, arena,
                       &error) == CODE_OK);
    assert(total == 499500);
    request.up_to = 2000;
    total = 0;
    assert(peer_stream(peer, SERVICE, "Count", &request.base, output, 0, sum, &total, arena,
                       &error) == CODE_OK);
    assert(total == 500500); /* stopped by us */
    request.fail_at = 7;
    total = 0;
    assert(peer_stream(peer, SERVICE, "Count", &request.base, output, 0, sum, &total, arena,
                       &error) == CODE_DATA_LOSS);
    assert(total == 21 && strstr(error.message, "Lost count") != NULL);
    request.fail_at = 0;
    request.slowly = 1;
    assert(peer_stream(peer, SERVICE, "Count", &request.base, output, 200, sum, &total, arena,
                       &error) == CODE_DEADLINE_EXCEEDED);
}

/* Of refused streams the time to retry stands in their last envelope. */
static void check_patience(struct peer *peer, struct arena *arena)
{
    const ProtobufCMessageDescriptor *output = &passerelle__test__v1__count_response__descriptor;
    struct peer_error error;
    struct timespec before, after;
    int64_t total = 0;
    Passerelle__Test__V1__CountRequest request = PASSERELLE__TEST__V1__COUNT_REQUEST__INIT;
    request.up_to = 10;
    request.refusals = 1;
    assert(peer_stream(peer, SERVICE, "Count", &request.base, output, 0, sum, &total, arena,
                       &error) == CODE_UNAVAILABLE);
    assert(error.reached && error.retry_after_s == 1 && total == 0);
    request.refusals = 2;
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert(peer_stream_patiently(peer, SERVICE, "Count", &request.base, output, 0, sum, &total,
                                 arena, &error, 5000) == CODE_OK);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert(total == 55 && after.tv_sec > before.tv_sec); /* not after the first 100 ms */
    request.refusals = 4; /* it would have to wait longer than it may */
    assert(peer_stream_patiently(peer, SERVICE, "Count", &request.base, output, 0, sum, &total,
                                 arena, &error, 500) == CODE_UNAVAILABLE);
    request.refusals = 0;
    request.fail_at = 3; /* what was heard comes once */
    total = 0;
    assert(peer_stream_patiently(peer, SERVICE, "Count", &request.base, output, 0, sum, &total,
                                 arena, &error, 5000) == CODE_DATA_LOSS);
    assert(total == 3);
}

int main(int argc, char **argv)
{
    assert(argc == 3);
    char url[64];
    snprintf(url, sizeof url, "https://localhost:%s/", argv[2]);
    struct arena arena = ARENA_INIT;
    struct peer_error error;

    struct peer *peer = connect_to(argv[1], url, NULL, NULL);
    check_echo(peer, &arena, "anyone");
    check_errors(peer, &arena);
    check_streams(peer, &arena);
    check_patience(peer, &arena);
    struct buf text = BUF_INIT;
    assert(peer_get(peer, "/healthz", &text, &arena, &error) == CODE_OK);
    assert(view_is(buf_content(&text), "ok\n"));
    assert(peer_get(peer, "/nothing", &text, &arena, &error) == CODE_UNIMPLEMENTED);
    buf_release(&text);
    peer_free(peer);

    peer = connect_to(argv[1], url, "site", NULL);
    check_echo(peer, &arena, "site");
    peer_free(peer);
    peer = connect_to(argv[1], url, NULL, "employer-key");
    check_echo(peer, &arena, "employer");
    peer_free(peer);

    peer = connect_to(argv[1], "https://localhost:1", NULL, NULL);
    ProtobufCMessage *message = NULL;
    Passerelle__Test__V1__EchoRequest request = PASSERELLE__TEST__V1__ECHO_REQUEST__INIT;
    assert(peer_call(peer, SERVICE, "Echo", &request.base,
                     &passerelle__test__v1__echo_response__descriptor, &arena, &message,
                     &error) == CODE_UNAVAILABLE);
    assert(!error.reached);
    peer_free(peer);

    struct fault fault = FAULT_NONE;
    assert(peer_new(&(struct peer_config){.url = "http://x"}, &peer, &fault) == E_INVALID);
    arena_release(&arena);
    puts("peer: fine");
    return EXIT_SUCCESS;
}
