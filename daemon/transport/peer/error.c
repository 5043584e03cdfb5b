/* Reading Connect's errors: fields in any order, unknown ones skipped. */
#include "base/text.h"
#include "transport/peer/private.h"
#include "wire/json_lex.h"
#include "wire/scan.h"

static char *string_of(struct arena *arena, const struct json_token *token)
{
    return arena_string(arena, token->text);
}

static enum code code_of(struct view name)
{
    for (int code = CODE_CANCELED; code < CODE_COUNT; code++) {
        if (view_is(name, code_name((enum code)code))) {
            return (enum code)code;
        }
    }
    return CODE_UNKNOWN;
}

/* Base64 into the arena; VIEW_NONE when it is not. */
static struct view bytes_of(struct arena *arena, struct view text)
{
    struct buf bytes = BUF_INIT;
    struct view out = VIEW_NONE;
    if (text_from_base64(text, &bytes) == E_OK) {
        out = arena_copy(arena, buf_content(&bytes));
    }
    buf_release(&bytes);
    return out;
}

/* Of a google.rpc.RetryInfo: retry_delay (1) is a google.protobuf.Duration, seconds (1), nanos (2);
 * a part of a second counts as one. 0: not said. */
static int retry_after_s(struct view retry_info)
{
    struct wire_field delay, part;
    uint64_t seconds = 0;
    bool more = false;
    while (wire_field_next(&retry_info, &delay)) {
        while (delay.number == 1 && wire_field_next(&delay.bytes, &part)) {
            seconds = part.number == 1 ? part.value : seconds;
            more = part.number == 2 ? part.value > 0 : more;
        }
    }
    return seconds < PEER_RETRY_S_END - 1 ? (int)seconds + more : 0;
}

static int read_detail(struct json_lex *lex, struct arena *arena, struct peer_error *error)
{
    struct json_token token;
    const char *type = NULL;
    struct view value = VIEW_NONE;
    int err;
    while ((err = json_next(lex, &token, NULL)) == E_OK && token.type == JSON_KEY) {
        struct view key = token.text;
        if ((err = json_next(lex, &token, NULL)) != E_OK) {
            return err;
        }
        if (view_is(key, "type") && token.type == JSON_STRING) {
            type = string_of(arena, &token);
        } else if (view_is(key, "value") && token.type == JSON_STRING) {
            value = bytes_of(arena, token.text);
        } else if ((err = json_skip(lex, &token, NULL)) != E_OK) {
            return err;
        }
    }
    if (type != NULL && strcmp(type, "google.rpc.RetryInfo") == 0) {
        error->retry_after_s = retry_after_s(value);
    }
    if (type != NULL && error->detail_count < PEER_DETAILS_MAX) {
        error->details[error->detail_count].type = type;
        error->details[error->detail_count].value = value;
        error->detail_count++;
    }
    return err;
}

static int read_error(struct json_lex *lex, struct arena *arena, struct peer_error *error)
{
    struct json_token token;
    int err;
    while ((err = json_next(lex, &token, NULL)) == E_OK && token.type == JSON_KEY) {
        struct view key = token.text;
        if ((err = json_next(lex, &token, NULL)) != E_OK) {
            return err;
        }
        if (view_is(key, "code") && token.type == JSON_STRING) {
            error->code = code_of(token.text);
        } else if (view_is(key, "message") && token.type == JSON_STRING) {
            error->message = string_of(arena, &token);
        } else if (view_is(key, "details") && token.type == JSON_ARRAY) {
            while ((err = json_next(lex, &token, NULL)) == E_OK && token.type == JSON_OBJECT) {
                if ((err = read_detail(lex, arena, error)) != E_OK) {
                    return err;
                }
            }
        } else {
            err = json_skip(lex, &token, NULL);
        }
        if (err != E_OK) {
            return err;
        }
    }
    return err;
}

bool peer_error_read(struct view json, bool inner, struct arena *arena, struct peer_error *error)
{
    struct json_lex lex;
    struct json_token token;
    struct peer_error read = {.code = CODE_OK, .reached = true};
    if (json_begin(&lex, json, arena, NULL) != E_OK || json_next(&lex, &token, NULL) != E_OK ||
        token.type != JSON_OBJECT) {
        return false;
    }
    if (!inner) {
        if (read_error(&lex, arena, &read) != E_OK || read.code == CODE_OK) {
            return false;
        }
    } else {
        while (json_next(&lex, &token, NULL) == E_OK && token.type == JSON_KEY) {
            struct view key = token.text;
            if (json_next(&lex, &token, NULL) != E_OK) {
                return false;
            }
            if (view_is(key, "error") && token.type == JSON_OBJECT) {
                read.code = CODE_UNKNOWN;
                if (read_error(&lex, arena, &read) != E_OK) {
                    return false;
                }
            } else if (json_skip(&lex, &token, NULL) != E_OK) {
                return false;
            }
        }
    }
    if (error->retry_after_s > 0) {
        read.retry_after_s = error->retry_after_s;
    }
    *error = read;
    return true;
}

/* connectrpc.com/docs/protocol, "HTTP to Error Code". */
enum code peer_code_of_status(long status)
{
    switch (status) {
    case 200:
        return CODE_OK;
    case 400:
        return CODE_INTERNAL;
    case 401:
        return CODE_UNAUTHENTICATED;
    case 403:
        return CODE_PERMISSION_DENIED;
    case 404:
        return CODE_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return CODE_UNAVAILABLE;
    default:
        return CODE_UNKNOWN;
    }
}
