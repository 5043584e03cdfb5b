#include "service/engine.h"

#include <assert.h>

#include "store/request/request.h"
#include "wire/pack.h"

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
    if (call->method->decide(service, call) != 0) {
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
    int refused = call->method->decide(service, call);
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
