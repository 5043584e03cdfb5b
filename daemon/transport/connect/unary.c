/* Unary calls, POST and GET. */
#include "base/text.h"
#include "transport/connect/private.h"
#include "transport/connect/query.h"
#include "wire/pack.h"

void unary_fail(struct rpc *rpc, const struct call_error *error)
{
    rpc_end(rpc, error->code);
    rpc_refuse(rpc->x, 0, error);
}

static void refuse(struct rpc *rpc, const struct fault *fault)
{
    unary_fail(rpc, &(struct call_error){.code = code_of_err(fault->code), .message = fault->text});
}

/* The parameters of a GET: connect, encoding, message, base64, compression. */
static int read_query(struct rpc *rpc, struct view *message, struct fault *fault)
{
    struct arena *arena = &rpc->x->arena;
    struct query query;
    struct view connect, encoding, base64, compression;
    int err = query_parse(rpc->x->query, arena, &query, fault);
    err = err != E_OK ? err : query_get(&query, "connect", &connect, fault);
    err = err != E_OK ? err : query_get(&query, "encoding", &encoding, fault);
    err = err != E_OK ? err : query_get(&query, "base64", &base64, fault);
    err = err != E_OK ? err : query_get(&query, "compression", &compression, fault);
    err = err != E_OK ? err : query_get(&query, "message", message, fault);
    if (err != E_OK) {
        return err;
    }
    if (connect.data != NULL && !view_is(connect, "v1")) {
        return fault_set(fault, E_INVALID, "This server speaks version v1 of Connect.");
    }
    if (encoding.data == NULL || message->data == NULL) {
        return fault_set(fault, E_INVALID, "A GET needs the parameters `encoding` and `message`.");
    }
    if (!codec_parse(encoding, &rpc->codec)) {
        return fault_set(fault, E_FOREIGN, "This encoding is not known here: use proto or json.");
    }
    if (!codec_coding(compression, &rpc->request_gzip)) {
        return fault_set(fault, E_UNSUPPORTED,
                         "This compression is not known here: use gzip or identity.");
    }
    if (view_is(base64, "1")) {
        struct buf decoded = BUF_INIT;
        if (text_from_base64(*message, &decoded) != E_OK) {
            buf_release(&decoded);
            return fault_set(fault, E_INVALID, "The message is not base64.");
        }
        *message = arena_copy(arena, buf_content(&decoded));
        buf_release(&decoded);
    }
    return E_OK;
}

static int decode(struct rpc *rpc, struct view bytes, struct fault *fault)
{
    struct call *call = &rpc->call;
    struct arena *arena = &rpc->x->arena;
    struct buf plain = BUF_INIT;
    ProtobufCMessage *message = NULL;
    int err = E_OK;
    if (rpc->request_gzip) {
        err = gzip_decompress(rpc_gzip(rpc), bytes, rpc->method->request_bytes_max, &plain, fault);
        bytes = buf_content(&plain);
    } else if (bytes.len > rpc->method->request_bytes_max) {
        err = fault_set(fault, E_LIMIT,
                        "The message is larger than the %zu bytes that this method takes: "
                        "send less at once.", (size_t)rpc->method->request_bytes_max);
    }
    if (err == E_OK) {
        err = codec_decode(rpc->codec, rpc->method->input, bytes, arena, &message, fault);
    }
    buf_release(&plain);
    if (err == E_OK) {
        call->request = message;
        call->request_bytes = wire_pack_arena(arena, message);
    }
    return err;
}

void unary_body(struct rpc *rpc)
{
    struct fault fault = FAULT_NONE;
    struct view bytes = buf_content(&rpc->x->body);
    int err = E_OK;
    if (rpc->get) {
        err = read_query(rpc, &bytes, &fault);
    }
    if (err == E_FOREIGN) {
        rpc_end(rpc, CODE_UNKNOWN);
        rpc_refuse(rpc->x, 415, &(struct call_error){.code = CODE_UNKNOWN, .message = fault.text});
        return;
    }
    err = err != E_OK ? err : decode(rpc, bytes, &fault);
    if (err != E_OK) {
        if (err == E_OVERFLOW) {
            fault.code = E_INVALID; /* of a number that does not fit its field */
        }
        refuse(rpc, &fault);
        return;
    }
    rpc_submit(rpc);
}

void unary_done(struct rpc *rpc)
{
    struct call *call = &rpc->call;
    struct exchange *x = rpc->x;
    if (call->error.code != CODE_OK) {
        unary_fail(rpc, &call->error);
        return;
    }
    struct buf *body = &x->body; /* the request's bytes are decoded: its memory serves again */
    buf_clear(body);
    body->max = 0;
    if (call->response == NULL || codec_encode(rpc->codec, call->response, body) != E_OK) {
        unary_fail(rpc, &(struct call_error){.code = CODE_INTERNAL,
                                             .message = "The answer cannot be written."});
        return;
    }
    struct buf packed = BUF_INIT;
    bool gzip = rpc->response_gzip && body->len >= GZIP_BYTES_MIN &&
                gzip_compress(rpc_gzip(rpc), buf_content(body), &packed) == E_OK;
    rpc_end(rpc, CODE_OK);
    http_begin(x, 200);
    rpc_add_metadata(rpc);
    if (gzip) {
        http_add(x, "Content-Encoding", VIEW_LIT("gzip"));
    }
    if (rpc->get) {
        http_add(x, "Vary", VIEW_LIT("Accept-Encoding, Authorization"));
        http_add(x, "Cache-Control", VIEW_LIT("private, no-cache"));
    }
    http_body(x, rpc->codec == CODEC_JSON ? "application/json" : "application/proto",
              gzip ? buf_content(&packed) : buf_content(body));
    buf_release(&packed);
}
