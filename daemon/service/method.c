/* Names and numbers of the method table: Connect's codes and the roles, one row each. */
#include "service/method.h"

#include <assert.h>
#include <stdarg.h>

static const char *const role_names[] = {
    [ROLE_ANYONE] = "anyone", [ROLE_OPERATOR] = "operator", [ROLE_AUDITOR] = "auditor",
    [ROLE_REGION] = "region", [ROLE_MEMBER] = "member",     [ROLE_SITE] = "site",
    [ROLE_DESK] = "desk",     [ROLE_EMPLOYER] = "employer",
};
_Static_assert(ARRAY_LEN(role_names) == ROLE_COUNT, "each role has a name");

static const struct {
    const char *name;
    int http_status;
} codes[] = {
    [CODE_OK] = {"ok", 200},
    [CODE_CANCELED] = {"canceled", 499},
    [CODE_UNKNOWN] = {"unknown", 500},
    [CODE_INVALID_ARGUMENT] = {"invalid_argument", 400},
    [CODE_DEADLINE_EXCEEDED] = {"deadline_exceeded", 504},
    [CODE_NOT_FOUND] = {"not_found", 404},
    [CODE_ALREADY_EXISTS] = {"already_exists", 409},
    [CODE_PERMISSION_DENIED] = {"permission_denied", 403},
    [CODE_RESOURCE_EXHAUSTED] = {"resource_exhausted", 429},
    [CODE_FAILED_PRECONDITION] = {"failed_precondition", 400},
    [CODE_ABORTED] = {"aborted", 409},
    [CODE_OUT_OF_RANGE] = {"out_of_range", 400},
    [CODE_UNIMPLEMENTED] = {"unimplemented", 501},
    [CODE_INTERNAL] = {"internal", 500},
    [CODE_UNAVAILABLE] = {"unavailable", 503},
    [CODE_DATA_LOSS] = {"data_loss", 500},
    [CODE_UNAUTHENTICATED] = {"unauthenticated", 401},
};
_Static_assert(ARRAY_LEN(codes) == CODE_COUNT, "each code has a row");

const char *role_name(enum role role)
{
    assert((unsigned)role < ROLE_COUNT);
    return role_names[role];
}

const char *code_name(enum code code)
{
    assert((unsigned)code < CODE_COUNT);
    return codes[code].name;
}

int code_http_status(enum code code)
{
    assert((unsigned)code < CODE_COUNT);
    return codes[code].http_status;
}

enum code code_of_err(int err)
{
    switch ((enum err)err) {
    case E_OK:
        return CODE_OK;
    case E_INVALID:
    case E_SIGNATURE:
        return CODE_INVALID_ARGUMENT;
    case E_NOT_FOUND:
        return CODE_NOT_FOUND;
    case E_EXISTS:
        return CODE_ALREADY_EXISTS;
    case E_CONFLICT:
        return CODE_FAILED_PRECONDITION;
    case E_OVERFLOW:
        return CODE_OUT_OF_RANGE;
    case E_LIMIT:
        return CODE_RESOURCE_EXHAUSTED;
    case E_BUSY:
    case E_FULL:
    case E_CLOSED:
        return CODE_UNAVAILABLE;
    case E_TIMEOUT:
        return CODE_DEADLINE_EXCEEDED;
    case E_CORRUPT:
    case E_FOREIGN:
        return CODE_DATA_LOSS;
    case E_UNAUTHENTICATED:
        return CODE_UNAUTHENTICATED;
    case E_DENIED:
        return CODE_PERMISSION_DENIED;
    case E_UNSUPPORTED:
        return CODE_UNIMPLEMENTED;
    case E_IO:
    case E_INTERNAL:
        return CODE_INTERNAL;
    }
    return CODE_UNKNOWN;
}

int call_fail(struct call *call, enum code code, const char *fmt, ...)
{
    assert(code != CODE_OK);
    if (call->error.code != CODE_OK) {
        return -1;
    }
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(len >= 0);
    char *message = arena_alloc(call->arena, (size_t)len + 1);
    va_start(args, fmt);
    vsnprintf(message, (size_t)len + 1, fmt, args);
    va_end(args);
    call->error.code = code;
    call->error.message = message;
    return -1;
}

struct view call_metadata(const struct call *call, const char *name)
{
    return call->sent == NULL ? VIEW_NONE : call->sent(call, name);
}

void call_answer_metadata(struct call *call, const char *name, struct view value, bool trailing)
{
    for (size_t i = 0; i < value.len; i++) {
        assert(value.data[i] >= ' ' && value.data[i] <= '~');
    }
    struct metadata *pair = ARENA_NEW(call->arena, struct metadata);
    *pair = (struct metadata){
        .name = name, .value = value, .trailing = trailing, .next = call->metadata};
    call->metadata = pair;
}

int call_fail_with(struct call *call, const struct fault *fault)
{
    assert(fault->code != E_OK);
    return call_fail(call, code_of_err(fault->code), "%s", fault->text);
}
