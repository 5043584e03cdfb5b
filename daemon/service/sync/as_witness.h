/* This hub as a witness of other organisations' logs (C2SP tlog-witness): it cosigns a log's
 * checkpoint when that extends the one which it cosigned last, and so is known to have seen one
 * history of it. Operators say which logs; anyone may bring a checkpoint, since only its signature
 * counts. What was cosigned stays recorded, also when a log is dropped and taken up again; after a
 * restore from a backup, which may have forgotten some, the witness has another key
 * (process/cmd_restore.c). */
#ifndef SERVICE_SYNC_AS_WITNESS_H
#define SERVICE_SYNC_AS_WITNESS_H

#include "core/merkle/witness.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "service/service.h"

/* What the witness would answer by what `service` sees; in a transaction of its db, and nothing is
 * cosigned or recorded. An answer other than 200 is final, but for a checkpoint that contradicts
 * the one cosigned: the writer keeps it. */
void as_witness_look(struct service *service, struct arena *arena, struct view body,
                     struct witness_answer *out);
/* Fills the response to an answer that is not 200. */
void as_witness_refuse(const struct witness_answer *answer, struct arena *arena,
                       Passerelle__V1__AddCheckpointResponse *response);

/* For monitors: appends the checkpoint cosigned last of the log whose origin has this SHA-256, in
 * hex. False: of none, or nothing was cosigned. */
bool as_witness_monitored(struct service *service, struct view origin_sha256, struct buf *note);

int add_checkpoint_decide(struct service *service, struct call *call);
int add_checkpoint_apply(struct service *service, struct call *call);
int put_witnessed_log_decide(struct service *service, struct call *call);
int put_witnessed_log_apply(struct service *service, struct call *call);
int list_witnessed_logs(struct service *service, struct call *call);

#endif
