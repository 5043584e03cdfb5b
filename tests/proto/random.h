/* Random messages by reflection, heavy on the edges of each type. */
#ifndef PROTO_RANDOM_H
#define PROTO_RANDOM_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/env.h"

/* In the arena; every enum number has a name, every string is UTF-8 without NUL. */
ProtobufCMessage *random_message(const struct env *env, struct arena *arena,
                                 const ProtobufCMessageDescriptor *descriptor);

#endif
