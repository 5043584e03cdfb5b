/* Who calls: certificates and API keys, kept in the table `credential`, and the rows of
 * NetworkService that issue, list and revoke them. A credential is known here or it does not count:
 * a certificate that the network's CA signed but that stands in no row is refused.
 *
 * Who may manage which credential is one table in manage.c. Times of credentials are real time. */
#ifndef SERVICE_IDENTITY_IDENTITY_H
#define SERVICE_IDENTITY_IDENTITY_H

#include "crypt/cert.h"
#include "passerelle/v1/network.pb-c.h"
#include "service/service.h"

extern const struct method identity_methods[];
extern const size_t identity_method_count;

/* The principal behind a client certificate whose chain TLS has verified, or behind a bearer token.
 * In a transaction of `db`. The author is "cert-" and the first 16 hex digits of the serial, or
 * "key-" and the key's prefix. E_UNAUTHENTICATED with what to do; the sentence is the same for a
 * key that never was and one that is wrong. */
must_check int identity_of_certificate(struct db *db, const struct cert_info *shown,
                                       int64_t real_utc_ms, struct principal *out,
                                       struct fault *fault);
must_check int identity_of_key(struct db *db, struct view bearer, int64_t real_utc_ms,
                               struct principal *out, struct fault *fault);

/* The same at the daemon of a site, whose list holds what the hub tells it: its own desks. An
 * operator's certificate of the network counts as an auditor's there: it reads and changes nothing,
 * since its revocation is known at the hub alone. Keys are the hub's. */
must_check int identity_at_site(struct db *db, const char *site_id, const struct cert_info *shown,
                                int64_t real_utc_ms, struct principal *out, struct fault *fault);

/* A credential as another node tells it: replaces what was known. In a writing transaction. */
void identity_put_told(struct db *db, const Passerelle__V1__Credential *told);

/* Records a certificate that was issued, in a writing transaction. */
void identity_put_certificate(struct db *db, const struct cert_info *issued, struct view label,
                              int64_t real_utc_ms);

/* The role of that name, ROLE_COUNT when there is none; "anyone" is no role of a credential. */
enum role identity_role(struct view name);

#endif
