/* Connect's error JSON (protocol page, "Error end-stream" and "Unary error"). */
#include "base/text.h"
#include "transport/connect/private.h"
#include "wire/json.h"
#include "wire/pack.h"

/* Messages are ours, but may quote what a caller sent. */
static void add_string(struct buf *out, struct view text, struct arena *arena)
{
    if (!text_is_utf8(text)) {
        char *plain = arena_string(arena, text);
        for (size_t i = 0; i < text.len; i++) {
            plain[i] = (unsigned char)plain[i] < 0x80 ? plain[i] : '?';
        }
        text.data = plain;
    }
    json_write_string(out, text);
}

/* google.rpc.RetryInfo by hand: retry_delay (1) is a google.protobuf.Duration, seconds (1). It is
 * not in our contract: clients have it from googleapis, and gRPC's retry policies look for it. */
static void add_retry_info(struct buf *out, int seconds)
{
    unsigned char bytes[8] = {0x0a, 0, 0x08};
    size_t len = 3;
    unsigned rest = (unsigned)seconds;
    for (; rest >= 0x80; rest >>= 7) {
        bytes[len++] = (unsigned char)(rest | 0x80);
    }
    bytes[len++] = (unsigned char)rest;
    bytes[1] = (unsigned char)(len - 2);
    buf_text(out, "{\"type\":\"google.rpc.RetryInfo\",\"value\":\"");
    text_to_base64_unpadded(out, view_bytes(bytes, len));
    buf_printf(out, "\",\"debug\":{\"retryDelay\":\"%ds\"}}", seconds);
}

void error_write(struct buf *out, const struct call_error *error, struct arena *arena)
{
    buf_printf(out, "{\"code\":\"%s\"", code_name(error->code));
    if (error->message != NULL) {
        buf_text(out, ",\"message\":");
        add_string(out, view_of(error->message), arena);
    }
    for (size_t i = 0; i < error->detail_count; i++) {
        const ProtobufCMessage *detail = error->details[i];
        buf_printf(out, "%s{\"type\":\"%s\",\"value\":\"", i == 0 ? ",\"details\":[" : ",",
                   detail->descriptor->name);
        text_to_base64_unpadded(out, wire_pack_arena(arena, detail));
        buf_byte(out, '"');
        size_t before = out->len;
        buf_text(out, ",\"debug\":");
        if (json_write(out, detail, 0) != E_OK) {
            buf_truncate(out, before); /* debug is optional */
        }
        buf_byte(out, '}');
    }
    if (error->retry_after_s > 0) {
        buf_text(out, error->detail_count == 0 ? ",\"details\":[" : ",");
        add_retry_info(out, error->retry_after_s);
    }
    buf_text(out, error->detail_count > 0 || error->retry_after_s > 0 ? "]}" : "}");
}
