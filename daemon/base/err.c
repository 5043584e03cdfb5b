#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

static const struct {
    int code;
    const char *text;
} texts[] = {
    {E_OK, "no error"},
    {E_INVALID, "malformed or out of range"},
    {E_NOT_FOUND, "not found"},
    {E_EXISTS, "exists already"},
    {E_CONFLICT, "conflicts with what is recorded"},
    {E_OVERFLOW, "number too large"},
    {E_LIMIT, "limit reached"},
    {E_IO, "input/output error"},
    {E_FULL, "no space left on the device"},
    {E_CORRUPT, "stored data is damaged"},
    {E_FOREIGN, "made by another program or a newer version"},
    {E_BUSY, "busy, try again later"},
    {E_TIMEOUT, "took too long"},
    {E_UNAUTHENTICATED, "not authenticated"},
    {E_DENIED, "not allowed"},
    {E_SIGNATURE, "signature does not verify"},
    {E_UNSUPPORTED, "not supported"},
    {E_CLOSED, "closed by the other side"},
    {E_INTERNAL, "internal error"},
};

const char *err_text(int code)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].code == code) {
            return texts[i].text;
        }
    }
    return "unknown error";
}

int err_from_errno(int errnum)
{
    switch (errnum) {
    case 0:
        return E_OK;
    case ENOSPC:
    case EDQUOT:
        return E_FULL;
    case ENOENT:
        return E_NOT_FOUND;
    case EEXIST:
        return E_EXISTS;
    case EACCES:
    case EPERM:
        return E_DENIED;
    case ETIMEDOUT:
        return E_TIMEOUT;
    case EAGAIN:
    case EBUSY:
        return E_BUSY;
    case EPIPE:
    case ECONNRESET:
        return E_CLOSED;
    case EINVAL:
        return E_INVALID;
    default:
        return E_IO;
    }
}

int fault_set(struct fault *fault, int code, const char *fmt, ...)
{
    if (fault != NULL && fault->code == E_OK) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(fault->text, sizeof fault->text, fmt, args);
        va_end(args);
        fault->code = code;
    }
    return code;
}

void fault_prefix(struct fault *fault, const char *fmt, ...)
{
    if (fault == NULL || fault->code == E_OK) {
        return;
    }
    char prefixed[sizeof fault->text];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(prefixed, sizeof prefixed, fmt, args);
    va_end(args);
    /* What does not fit is cut at the end: the prefix and the beginning matter most. */
    size_t at = n < 0 ? 0 : (size_t)n;
    for (const char *rest = ": "; at < sizeof prefixed - 1 && *rest != '\0'; rest++) {
        prefixed[at++] = *rest;
    }
    for (const char *rest = fault->text; at < sizeof prefixed - 1 && *rest != '\0'; rest++) {
        prefixed[at++] = *rest;
    }
    prefixed[at < sizeof prefixed ? at : sizeof prefixed - 1] = '\0';
    memcpy(fault->text, prefixed, sizeof prefixed);
}

void die_at(const char *file, int line, const char *fmt, ...)
{
    va_list args;
    fprintf(stderr, "passerelle: stopped by a bug at %s:%d: ", file, line);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}
