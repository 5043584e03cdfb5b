/* The network's certificate authority, as methods use it: `ca.crt` and `keys/ca.key` of the state
 * folder. The key may be elsewhere on purpose, and is only in memory while it signs. */
#ifndef SERVICE_IDENTITY_AUTHORITY_H
#define SERVICE_IDENTITY_AUTHORITY_H

#include "crypt/cert.h"
#include "service/service.h"

/* The certificate alone, PEM, in the call's arena. */
must_check int authority_certificate(struct service *service, struct call *call, struct view *pem);
/* The caller frees *out. Ends the call with what to do when the key is not here. */
must_check int authority_load(struct service *service, struct call *call,
                              struct cert_authority **out);

#endif
