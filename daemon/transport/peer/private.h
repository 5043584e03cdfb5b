#ifndef TRANSPORT_PEER_PRIVATE_H
#define TRANSPORT_PEER_PRIVATE_H

#include "transport/peer/peer.h"

/* Waits that a server asks for are below a day; what says more is not listened to. */
enum { PEER_RETRY_S_END = 86400 };

/* Connect's error JSON (`inner` false), or that within an EndStreamResponse (`inner` true; "{}" is
 * CODE_OK). A google.rpc.RetryInfo among the details counts unless a header said so before. False
 * when the text is neither; error is then untouched. */
bool peer_error_read(struct view json, bool inner, struct arena *arena, struct peer_error *error);
/* What an HTTP status without such a text means. */
enum code peer_code_of_status(long status);

#endif
