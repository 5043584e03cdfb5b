/* Request and response bytes: which encoding, which compression. */
#ifndef TRANSPORT_CONNECT_CODEC_H
#define TRANSPORT_CONNECT_CODEC_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/buf.h"

enum codec { CODEC_PROTO, CODEC_JSON };

/* "proto" or "json". */
bool codec_parse(struct view name, enum codec *out);
must_check int codec_decode(enum codec codec, const ProtobufCMessageDescriptor *descriptor,
                            struct view bytes, struct arena *arena, ProtobufCMessage **out,
                            struct fault *fault);
/* Appends. E_CORRUPT: the message holds text that is not UTF-8. */
must_check int codec_encode(enum codec codec, const ProtobufCMessage *message, struct buf *out);

/* A list of codings as in Accept-Encoding: does it offer gzip (and not with q=0)? */
bool codec_offers_gzip(struct view list);
/* VIEW_NONE, "" and "identity" are no compression; false: neither that nor gzip. */
bool codec_coding(struct view name, bool *gzip);

#endif
