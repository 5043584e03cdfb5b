#include "transport/connect/codec.h"

#include "wire/json.h"
#include "wire/pack.h"

bool codec_parse(struct view name, enum codec *out)
{
    if (view_is(name, "proto")) {
        *out = CODEC_PROTO;
        return true;
    }
    *out = CODEC_JSON;
    return view_is(name, "json");
}

int codec_decode(enum codec codec, const ProtobufCMessageDescriptor *descriptor, struct view bytes,
                 struct arena *arena, ProtobufCMessage **out, struct fault *fault)
{
    if (codec == CODEC_JSON) {
        return json_read(descriptor, bytes, &wire_limits_request, arena, out, fault);
    }
    return wire_unpack(descriptor, bytes, &wire_limits_request, arena, out, fault);
}

int codec_encode(enum codec codec, const ProtobufCMessage *message, struct buf *out)
{
    if (codec == CODEC_JSON) {
        return json_write(out, message, 0);
    }
    wire_pack(out, message);
    return buf_error(out);
}

bool codec_offers_gzip(struct view list)
{
    struct view item;
    while (view_cut(&list, ',', &item)) {
        size_t mark = view_find(item, ';');
        struct view weight = view_trim(view_slice(item, mark + 1, item.len));
        if (view_is_nocase(view_trim(view_slice(item, 0, mark)), "gzip")) {
            return !view_is(weight, "q=0") && !view_starts(weight, "q=0.0");
        }
    }
    return false;
}

bool codec_coding(struct view name, bool *gzip)
{
    *gzip = view_is_nocase(name, "gzip");
    return *gzip || name.len == 0 || view_is_nocase(name, "identity");
}
