/* SettlementService: the close of a month and its results; disputes. */
#ifndef SERVICE_SETTLEMENT_SETTLEMENT_H
#define SERVICE_SETTLEMENT_SETTLEMENT_H

#include "core/close/reader.h"
#include "service/method.h"

extern const struct method settlement_methods[];
extern const size_t settlement_method_count;

/* Private to settlement/: the functions of the rows in other files. */
int documents_list(struct service *service, struct call *call);
int invoices_list(struct service *service, struct call *call);
int invoice_get(struct service *service, struct call *call);
int invoice_record_decide(struct service *service, struct call *call);
int invoice_record_apply(struct service *service, struct call *call);
void credit_precompute(struct service *service, struct call *call);
int credit_decide(struct service *service, struct call *call);
int credit_apply(struct service *service, struct call *call);
int payments_list(struct service *service, struct call *call);
int export_payments_decide(struct service *service, struct call *call);
int export_payments_apply(struct service *service, struct call *call);
void import_statement_precompute(struct service *service, struct call *call);
int import_statement_decide(struct service *service, struct call *call);
int import_statement_apply(struct service *service, struct call *call);
int bookings_list(struct service *service, struct call *call);
int match_booking_decide(struct service *service, struct call *call);
int match_booking_apply(struct service *service, struct call *call);
int record_payment_decide(struct service *service, struct call *call);
int record_payment_apply(struct service *service, struct call *call);
int undo_booking_decide(struct service *service, struct call *call);
int undo_booking_apply(struct service *service, struct call *call);
int overdue_list(struct service *service, struct call *call);
int remind_decide(struct service *service, struct call *call);
int remind_apply(struct service *service, struct call *call);
int exposure_limit_decide(struct service *service, struct call *call);
int exposure_limit_apply(struct service *service, struct call *call);
int exposure_list(struct service *service, struct call *call);
void follow_up_precompute(struct service *service, struct call *call);
int follow_up_decide(struct service *service, struct call *call);
int follow_up_apply(struct service *service, struct call *call);
int trial_balance_get(struct service *service, struct call *call);
int chart_get(struct service *service, struct call *call);
int chart_put_decide(struct service *service, struct call *call);
int chart_put_apply(struct service *service, struct call *call);
int accounts_get(struct service *service, struct call *call);
void dispute_open_precompute(struct service *service, struct call *call);
/* Fails the call when the reason is too long, or is needed and not given. */
must_check int dispute_reason_check(struct call *call, const char *reason, bool needed);
int dispute_open_decide(struct service *service, struct call *call);
int dispute_open_apply(struct service *service, struct call *call);
int dispute_resolve_decide(struct service *service, struct call *call);
int dispute_resolve_apply(struct service *service, struct call *call);

/* Which documents of a party are wanted: those of an employer, of a member, or all. */
struct wanted {
    const char *employer_id; /* NULL: none */
    const char *member_id;   /* NULL: none */
    bool all;
};
/* What the caller may see of a party's; an empty id: all that it may see. Ends the call with
 * permission_denied when that is another's. */
must_check int wanted_of(struct call *call, const char *party_id, struct wanted *out);
/* `wanted` is a struct wanted: for settlement_some(). */
bool document_is_wanted(void *wanted, const struct document_head *document);

#endif
