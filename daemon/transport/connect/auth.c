/* From what the peer showed to a principal. A certificate is asked about once per connection and
 * epoch, a bearer token for each request: its look-up is cheap, and connections of proxies carry
 * several. */
#include <stdlib.h>

#include "transport/connect/private.h"

static bool fail(struct call_error *error, const char *message)
{
    *error = (struct call_error){.code = CODE_UNAUTHENTICATED, .message = message};
    return false;
}

static bool check_certificate(struct transport *transport, struct exchange *x,
                              const X509 *certificate, struct principal *out,
                              struct call_error *error)
{
    const struct gateway *gateway = &transport->config.gateway;
    uint64_t epoch = gateway->epoch(gateway->context);
    struct identity *known = x->conn->memo;
    if (known == NULL || known->epoch != epoch) {
        struct identity now = {.epoch = epoch};
        struct credentials shown = {.certificate = certificate};
        if (!gateway->authenticate(gateway->context, &shown, &now.who, error)) {
            free(known);
            x->conn->memo = NULL;
            return false;
        }
        if (known == NULL) {
            x->conn->memo = known = xmalloc(sizeof *known);
        }
        *known = now;
    }
    *out = known->who;
    return true;
}

bool auth_check(struct transport *transport, struct exchange *x, struct principal *out,
                struct call_error *error)
{
    const struct gateway *gateway = &transport->config.gateway;
    const X509 *certificate = SSL_get0_peer_certificate(x->conn->ssl);
    struct view authorization = http_header(x, "authorization");
    *out = (struct principal){.role = ROLE_ANYONE};
    if (authorization.data != NULL) {
        struct view scheme = view_slice(authorization, 0, view_find(authorization, ' '));
        struct view token = view_trim(view_slice(authorization, scheme.len, authorization.len));
        if (!view_is_nocase(scheme, "bearer") || token.len == 0) {
            return fail(error, "The Authorization header is not understood: send `Bearer KEY`.");
        }
        if (certificate != NULL) {
            return fail(error, "Both a certificate and a key were given: use one of them.");
        }
        struct credentials shown = {.bearer = token};
        return gateway->authenticate(gateway->context, &shown, out, error);
    }
    return certificate == NULL || check_certificate(transport, x, certificate, out, error);
}
