/* Server streams. The response's head leaves before the method is asked, as the protocol wants it;
 * after that every outcome is told by the last envelope. Messages of one pump leave together. */
#include "transport/connect/private.h"
#include "wire/envelope.h"
#include "wire/json.h"
#include "wire/pack.h"
#include "wire/reflect.h"

enum { RETRY_S = 2 };
/* What a stream keeps of the memory of its last messages. */
enum { KEEP_BYTES_MAX = 4096 };

static const char *content_type(const struct rpc *rpc)
{
    return rpc->codec == CODEC_JSON ? "application/connect+json" : "application/connect+proto";
}

static int64_t now_ns(const struct rpc *rpc)
{
    return env_monotonic_ns(rpc->transport->config.env);
}

bool stream_admit(struct rpc *rpc, struct call_error *error)
{
    if (atomic_load(&rpc->transport->streams) < net_limits(rpc->transport->net)->streams_max) {
        return true;
    }
    *error = (struct call_error){.code = CODE_UNAVAILABLE,
                                 .message = "All streams are in use: try again in a few seconds.",
                                 .retry_after_s = RETRY_S};
    return false;
}

static void write_metadata(struct buf *out, const struct call_error *error,
                           const struct metadata *pairs)
{
    const char *comma = error->code != CODE_OK ? "," : "";
    const char *close = "";
    if (error->retry_after_s > 0) {
        buf_printf(out, "%s\"metadata\":{\"retry-after\":[\"%d\"]", comma, error->retry_after_s);
        comma = ",";
        close = "}";
    }
    for (const struct metadata *pair = pairs; pair != NULL; pair = pair->next) {
        if (pair->trailing) {
            buf_printf(out, "%s%s\"%s\":[", comma, *close == '\0' ? "\"metadata\":{" : "",
                       pair->name);
            json_write_string(out, pair->value);
            buf_byte(out, ']');
            comma = ",";
            close = "}";
        }
    }
    buf_text(out, close);
}

/* EndStreamResponse: {} or {"error": ..., "metadata": ...}. */
static void write_end(struct buf *out, const struct call_error *error, struct rpc *rpc)
{
    struct arena *arena = &rpc->x->arena;
    size_t at = envelope_begin(out, ENVELOPE_END);
    buf_byte(out, '{');
    if (error->code != CODE_OK) {
        buf_text(out, "\"error\":");
        error_write(out, error, arena);
    }
    write_metadata(out, error, rpc->call.metadata);
    buf_byte(out, '}');
    envelope_end(out, at);
}

/* Sends what waits, then the last envelope; the exchange is not ours any more after that. */
static void end(struct rpc *rpc, const struct call_error *error)
{
    struct exchange *x = rpc->x;
    write_end(&x->body, error, rpc);
    if (rpc->timer_set) {
        event_del(&rpc->timer);
        rpc->timer_set = false;
    }
    arena_release(&rpc->scratch);
    atomic_fetch_sub(&rpc->transport->streams, 1);
    rpc->streaming = false;
    rpc->opened = false;
    rpc_end(rpc, error->code);
    http_stream_write(x, buf_content(&x->body));
    http_stream_end(x);
}

static void begin(struct rpc *rpc)
{
    http_begin(rpc->x, 200);
    rpc_add_metadata(rpc);
    http_add(rpc->x, "Connect-Accept-Encoding", VIEW_LIT("gzip"));
    if (rpc->response_gzip) {
        http_add(rpc->x, "Connect-Content-Encoding", VIEW_LIT("gzip"));
    }
}

void stream_fail(struct rpc *rpc, const struct call_error *error)
{
    if (rpc->streaming) {
        end(rpc, error);
        return;
    }
    struct buf body = BUF_INIT;
    rpc->response_gzip = false;
    rpc_end(rpc, error->code);
    write_end(&body, error, rpc);
    begin(rpc);
    http_body(rpc->x, content_type(rpc), buf_content(&body));
    buf_release(&body);
}

static void fail(struct rpc *rpc, enum code code, const char *message)
{
    stream_fail(rpc, &(struct call_error){.code = code, .message = message});
}

/* The one request message. */
static enum code read_request(struct rpc *rpc, struct fault *fault)
{
    struct arena *arena = &rpc->x->arena;
    struct view in = buf_content(&rpc->x->body);
    struct envelope_reader reader;
    struct envelope envelope;
    bool complete = false;
    struct buf plain = BUF_INIT;
    ProtobufCMessage *message = NULL;
    enum code code = CODE_OK;
    envelope_reader_init(&reader, rpc->method->request_bytes_max, ENVELOPE_COMPRESSED);
    int err = in.len == 0 ? E_OK : envelope_read(&reader, &in, &envelope, &complete, fault);
    if (err != E_OK) {
        code = code_of_err(err);
    } else if (!complete && rpc->x->body.len > 0) {
        fault_set(fault, E_INVALID, "The request ends within an envelope.");
        code = CODE_INVALID_ARGUMENT;
    } else if (!complete || in.len > 0) {
        fault_set(fault, E_UNSUPPORTED, "A server stream takes exactly one request message.");
        code = CODE_UNIMPLEMENTED;
    } else if ((envelope.flags & ENVELOPE_COMPRESSED) != 0 && !rpc->request_gzip) {
        fault_set(fault, E_INTERNAL,
                  "A compressed message without Connect-Content-Encoding cannot be read.");
        code = CODE_INTERNAL;
    } else {
        struct view bytes = envelope.message;
        if ((envelope.flags & ENVELOPE_COMPRESSED) != 0) {
            err = gzip_decompress(rpc_gzip(rpc), bytes, rpc->method->request_bytes_max, &plain,
                                  fault);
            bytes = buf_content(&plain);
        }
        err = err != E_OK ? err : codec_decode(rpc->codec, rpc->method->input, bytes, arena,
                                               &message, fault);
        code = err == E_OVERFLOW ? CODE_INVALID_ARGUMENT : code_of_err(err);
    }
    if (code == CODE_OK) {
        rpc->call.request = message;
        rpc->call.request_bytes = wire_pack_arena(arena, message);
    }
    buf_release(&plain);
    envelope_reader_release(&reader);
    return code;
}

static bool emit(struct stream *stream, const ProtobufCMessage *message);

void stream_body(struct rpc *rpc)
{
    struct exchange *x = rpc->x;
    struct fault fault = FAULT_NONE;
    enum code code = read_request(rpc, &fault);
    if (code != CODE_OK) {
        fail(rpc, code, fault.text);
        return;
    }
    buf_clear(&x->body);
    begin(rpc);
    http_stream(x, content_type(rpc));
    atomic_fetch_add(&rpc->transport->streams, 1);
    rpc->streaming = true;
    rpc->sent_ns = now_ns(rpc);
    rpc->stream = (struct stream){.call = &rpc->call, .emit = emit, .scratch = &rpc->scratch};
    rpc_submit(rpc);
}

static void encode(struct rpc *rpc, const ProtobufCMessage *message)
{
    struct buf *out = &rpc->x->body;
    size_t start = out->len;
    size_t at = envelope_begin(out, 0);
    size_t text = out->len;
    if (codec_encode(rpc->codec, message, out) != E_OK) {
        buf_truncate(out, start);
        call_fail(&rpc->call, CODE_INTERNAL, "A message of the stream cannot be written.");
        return;
    }
    struct buf packed = BUF_INIT;
    struct view plain = view_slice(buf_content(out), text, out->len);
    if (rpc->response_gzip && plain.len >= GZIP_BYTES_MIN &&
        gzip_compress(rpc_gzip(rpc), plain, &packed) == E_OK) {
        buf_truncate(out, start);
        envelope_write(out, ENVELOPE_COMPRESSED, buf_content(&packed));
    } else {
        envelope_end(out, at);
    }
    buf_release(&packed);
}

static bool emit(struct stream *stream, const ProtobufCMessage *message)
{
    struct rpc *rpc = stream->call->owner;
    size_t max = net_limits(rpc->transport->net)->stream_output_bytes_max;
    if (http_stream_unsent(rpc->x) + rpc->x->body.len >= max) {
        rpc->full = true;
        return false;
    }
    encode(rpc, message);
    return true;
}

static void send_waiting(struct rpc *rpc)
{
    struct exchange *x = rpc->x;
    if (x->body.len > 0) {
        http_stream_write(x, buf_content(&x->body));
        rpc->written += (int64_t)x->body.len;
        (x->body.alloc > KEEP_BYTES_MAX ? buf_release : buf_clear)(&x->body);
        rpc->sent_ns = now_ns(rpc);
    }
}

void stream_pump(struct rpc *rpc)
{
    if (!rpc->opened || rpc->pumping) {
        return;
    }
    const struct gateway *gateway = &rpc->transport->config.gateway;
    rpc->full = false;
    rpc->pumping = true;
    int failed = gateway->pump(gateway->context, &rpc->stream);
    rpc->pumping = false;
    arena_clear(&rpc->scratch);
    if (rpc->call.error.code != CODE_OK || failed != 0) {
        if (rpc->call.error.code == CODE_OK) {
            call_fail(&rpc->call, CODE_INTERNAL, "The stream broke.");
        }
        end(rpc, &rpc->call.error);
    } else if (rpc->stream.finished) {
        end(rpc, &(struct call_error){.code = CODE_OK});
    } else {
        send_waiting(rpc);
        if (rpc->full) {
            http_stream_wait(rpc->x, net_limits(rpc->transport->net)->stream_output_bytes_max / 2);
        }
    }
}

void stream_done(struct rpc *rpc)
{
    if (rpc->call.error.code != CODE_OK) {
        end(rpc, &rpc->call.error);
        return;
    }
    rpc->opened = true;
    rpc_set_timer(rpc);
    stream_pump(rpc);
}

void stream_gone(struct rpc *rpc)
{
    if (rpc->streaming) {
        rpc->streaming = false;
        rpc->opened = false;
        arena_release(&rpc->scratch);
        atomic_fetch_sub(&rpc->transport->streams, 1);
    }
}

/* By convention each stream's response has an arm `heartbeat`: a message, which may hold the time,
 * or a bool. */
static void heartbeat(struct rpc *rpc)
{
    const ProtobufCMessageDescriptor *type = rpc->method->output;
    struct arena *arena = &rpc->scratch;
    ProtobufCMessage *message = wire_new(arena, type);
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(type, "heartbeat");
    if (field != NULL && field_is_oneof(field)) {
        *field_oneof_case(message, field) = field->id;
    }
    if (field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessageDescriptor *inner_type = field->descriptor;
        ProtobufCMessage *inner = wire_new(arena, inner_type);
        const ProtobufCFieldDescriptor *now =
            protobuf_c_message_descriptor_get_field_by_name(inner_type, "now_utc_ms");
        if (now != NULL && now->type == PROTOBUF_C_TYPE_INT64) {
            *(int64_t *)field_member(inner, now) = env_now_utc_ms(rpc->transport->config.env);
        }
        *(ProtobufCMessage **)field_member(message, field) = inner;
    } else if (field != NULL && field->type == PROTOBUF_C_TYPE_BOOL) {
        *(protobuf_c_boolean *)field_member(message, field) = 1;
    }
    encode(rpc, message);
    arena_clear(arena);
    send_waiting(rpc);
}

/* Whatever waits at a moment must be gone as soon as a whole response must: else the peer is gone,
 * or takes a byte now and then to look alive. */
static bool stalled(struct rpc *rpc, int64_t now)
{
    if (rpc->written - (int64_t)http_stream_unsent(rpc->x) >= rpc->due) {
        rpc->due = rpc->written;
        rpc->due_ns = now;
        return false;
    }
    return now - rpc->due_ns > net_limits(rpc->transport->net)->write_ms_max * 1000000;
}

void stream_tick(struct rpc *rpc)
{
    if (!rpc->streaming) {
        return;
    }
    const struct gateway *gateway = &rpc->transport->config.gateway;
    int64_t now = now_ns(rpc);
    if (stalled(rpc, now)) {
        conn_close(rpc->x->conn);
        return;
    }
    uint64_t epoch = gateway->epoch(gateway->context);
    if (epoch != rpc->epoch) {
        struct principal who;
        struct call_error error;
        if (!auth_check(rpc->transport, rpc->x, &who, &error)) {
            end(rpc, &error);
            return;
        }
        rpc->epoch = epoch;
    }
    if (now - rpc->sent_ns > net_limits(rpc->transport->net)->heartbeat_ms * 1000000 &&
        http_stream_unsent(rpc->x) == 0) {
        heartbeat(rpc);
    }
}

void stream_drain(struct rpc *rpc)
{
    if (rpc->streaming) {
        end(rpc, &(struct call_error){.code = CODE_UNAVAILABLE,
                                      .message = "The server is restarting: connect again.",
                                      .retry_after_s = RETRY_S});
    }
}
