#include "demo/wire.h"

#include <stdarg.h>
#include <unistd.h>

#include "core/ident/uuid.h"
#include "passerelle/v1/directory.pb-c.h"
#include "wire/pack.h"

void demo_give_up(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("passerelle-demo: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

struct peer *demo_connect(const struct demo_link *link)
{
    struct peer_config config = {
        .url = link->url,
        .ca = link->ca,
        .certificate = link->certificate,
        .key = link->key,
        .timeout_ms = 120000,
    };
    struct peer *peer;
    struct fault fault = FAULT_NONE;
    if (peer_new(&config, &peer, &fault) != E_OK) {
        demo_give_up("%s", fault.text);
    }
    return peer;
}

void demo_open(struct demo *demo)
{
    demo->env = env_system;
    demo->operator= demo_connect(&demo->link);
    struct demo_link bare = {.url = demo->link.url, .ca = demo->link.ca};
    demo->anyone = demo_connect(&bare);
    demo_look_at_clock(demo);
}

void demo_close(struct demo *demo)
{
    peer_free(demo->operator);
    peer_free(demo->anyone);
    arena_release(&demo->arena);
}

void *demo_new(struct demo *demo, const ProtobufCMessageDescriptor *descriptor)
{
    return wire_new(&demo->arena, descriptor);
}

const void *demo_call(struct demo *demo, struct peer *peer, const char *service, const char *method,
                      const ProtobufCMessage *request, const ProtobufCMessageDescriptor *output)
{
    char full[96];
    snprintf(full, sizeof full, "passerelle.v1.%s", service);
    ProtobufCMessage *response;
    struct peer_error error = {0};
    enum code code = peer_call_patiently(peer, full, method, request, output, &demo->arena,
                                         &response, &error, 30000);
    if (code != CODE_OK) {
        demo_give_up("%s/%s: %s: %s", service, method, code_name(code), error.message);
    }
    return response;
}

void demo_look_at_clock(struct demo *demo)
{
    const Passerelle__V1__GetNetworkRequest *request =
        demo_new(demo, &passerelle__v1__get_network_request__descriptor);
    int64_t before_ms = env_real_utc_ms(&demo->env);
    const Passerelle__V1__GetNetworkResponse *network =
        demo_call(demo, demo->anyone, "DirectoryService", "GetNetwork", &request->base,
                  &passerelle__v1__get_network_response__descriptor);
    if (!network->demo) {
        demo_give_up("%s is not a demonstration network: passes and visits are not made up there",
                     network->network_id);
    }
    snprintf(demo->network_id, sizeof demo->network_id, "%s", network->network_id);
    demo->looked_real_ms = before_ms;
    demo->offset_ms = network->now_utc_ms - before_ms;
}

int64_t demo_now_utc_ms(struct demo *demo)
{
    int64_t real_ms = env_real_utc_ms(&demo->env);
    return demo->looked_real_ms + demo->offset_ms + (real_ms - demo->looked_real_ms) * demo->rate;
}

void demo_wait_business_s(struct demo *demo, int64_t seconds)
{
    usleep((useconds_t)(seconds * 1000000 / demo->rate));
    demo_look_at_clock(demo);
}

char *demo_request_id(struct demo *demo)
{
    uint8_t random[10];
    env_random(&demo->env, random, sizeof random);
    char text[UUID_TEXT_LEN + 1];
    uuid_format(uuid_v7(env_real_utc_ms(&demo->env), random), text);
    return wire_string(&demo->arena, view_of(text));
}
