/* The hub's side of enrolment (rows of NetworkService): join codes, sites that join with a daemon
 * of their own, renewed certificates, sites that come back to the hub. */
#ifndef SERVICE_SYNC_ENROL_H
#define SERVICE_SYNC_ENROL_H

#include "base/buf.h"
#include "service/method.h"

extern const struct method enrol_methods[];
extern const size_t enrol_method_count;

/* What a feed's new keeper signs to prove that it holds the key: appended to `out`. */
void enrol_join_message(struct view network_id, struct view site_id, struct view csr_pem,
                        struct buf *out);
/* And what it signs to renew without a certificate in force; real time. */
void enrol_renew_message(struct view network_id, struct view site_id, int64_t signed_utc_ms,
                         struct view csr_pem, struct buf *out);

#endif
