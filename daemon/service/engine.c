#include "service/engine.h"

#include <assert.h>

#include "store/request/request.h"
#include "wire/pack.h"
#include "wire/reflect.h"

/* The request_id of the request, when its message has one: a string field of that name. */
static const char *request_id_of(const struct call *call)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(call->method->input, "request_id");
    if (field == NULL || field->type != PROTOBUF_C_TYPE_STRING) {
        return NULL;
    }
    const char *const *member = (const void *)((const char *)call->request + field->offset);
    return *member;
}

/* An instant that a caller names lies between 1970 and 9999: what computes days and sums with it
 * relies on that. Fields of the outermost message, which is where the contract has them. */
static int check_instants(struct call *call)
{
    static const int64_t instant_max = INT64_C(253402300799999);
    const ProtobufCMessageDescriptor *input = call->method->input;
    for (unsigned i = 0; i < input->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &input->fields[i];
        size_t len = strlen(field->name);
        if (field->type != PROTOBUF_C_TYPE_INT64 || len < 7 ||
            strcmp(field->name + len - 7, "_utc_ms") != 0) {
            continue;
        }
        int64_t value = *(const int64_t *)field_member_const(call->request, field);
        if (value < 0 || value > instant_max) {
            return call_violation(call, field->name,
                                  "give an instant in UTC milliseconds, between 1970 and 9999");
        }
    }
    return 0;
}

static bool fail_with_database(struct service *service, struct call *call)
{
    struct fault fault = FAULT_NONE;
    if (db_error(service->db, &fault) == E_OK) {
        return false;
    }
    call_fail_with(call, &fault);
    return true;
}

static bool decide_and_apply(struct service *service, struct call *call)
{
    if (check_instants(call) != 0 || call->method->decide(service, call) != 0) {
        assert(call->error.code != CODE_OK);
        return false;
    }
    if (fail_with_database(service, call)) {
        return false;
    }
    if (call->method->apply(service, call) != 0) {
        assert(call->error.code != CODE_OK);
        return false;
    }
    assert(call->response != NULL && call->response->descriptor == call->method->output);
    return !fail_with_database(service, call);
}

static void complete(struct service *service, struct call *call)
{
    if (call->method->complete != NULL && call->response != NULL) {
        call->method->complete(service, call);
    }
}

/* Answers a repeated request from what was stored. */
static void repeat(struct service *service, struct call *call, struct view answer)
{
    struct fault fault = FAULT_NONE;
    if (wire_unpack(call->method->output, answer, &wire_limits_tolerant, call->arena,
                    &call->response, &fault) != E_OK) {
        db_fail(service->db, E_CORRUPT, "a stored answer cannot be read: %s", fault.text);
    }
}

void engine_precompute(struct service *service, struct call *call)
{
    struct fault fault = FAULT_NONE;
    if (call->method->precompute == NULL || db_begin_read(service->db, &fault) != E_OK) {
        return;
    }
    call->method->precompute(service, call);
    if (db_end(service->db, &fault) != E_OK) {
        call->prepared = NULL;
    }
}

bool engine_write(struct service *service, struct call *call)
{
    const char *request_id = request_id_of(call);
    struct request_key key;
    if (!call->method->bulk) {
        atomic_store(&service->node->door_ns, call->received_ns);
    }
    if (request_id != NULL) {
        uint8_t uuid[16];
        if (call_check_request_id(call, request_id, uuid) != 0) {
            return false;
        }
        char method[128];
        snprintf(method, sizeof method, "%s/%s", call->method->service, call->method->name);
        request_key_init(&key, view_of(call->who.author), view_bytes(uuid, sizeof uuid),
                         view_of(method), call->request_bytes);
        struct view answer;
        switch (request_find(service->db, &key, call->arena, &answer)) {
        case REQUEST_SAME:
            repeat(service, call, answer);
            complete(service, call);
            return !fail_with_database(service, call);
        case REQUEST_OTHER:
            call_fail(call, CODE_ALREADY_EXISTS,
                      "the request id %s was used for another request: make a fresh UUIDv7",
                      request_id);
            return false;
        case REQUEST_NEW:
            break;
        }
    }
    if (!decide_and_apply(service, call)) {
        return false;
    }
    if (request_id != NULL) {
        const ProtobufCMessage *kept =
            call->kept_response != NULL ? call->kept_response : call->response;
        request_put(service->db, &key, wire_pack_arena(call->arena, kept), service_now(service));
    }
    complete(service, call);
    return !fail_with_database(service, call);
}

void engine_read(struct service *service, struct call *call)
{
    struct fault fault = FAULT_NONE;
    if (db_begin_read(service->db, &fault) != E_OK) {
        call_fail_with(call, &fault);
        return;
    }
    int refused = check_instants(call) != 0 ? -1 : call->method->decide(service, call);
    int err = db_end(service->db, &fault);
    if (refused == 0 && err != E_OK) {
        call_fail_with(call, &fault);
    }
    assert(call->error.code != CODE_OK || call->method->streams || call->response != NULL);
}

void engine_pump(struct service *service, struct stream *stream)
{
    struct fault fault = FAULT_NONE;
    if (db_begin_read(service->db, &fault) != E_OK) {
        call_fail_with(stream->call, &fault);
        return;
    }
    int refused = stream->call->method->pump(service, stream);
    int err = db_end(service->db, &fault);
    if (refused == 0 && err != E_OK) {
        call_fail_with(stream->call, &fault);
    }
}
