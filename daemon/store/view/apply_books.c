/* What `books` says: contracts, closes, disputes, invoices, payments. */
#include "store/view/appliers.h"

#include "core/day/day.h"
#include "core/paper/series.h"
#include "passerelle/v1/payment.pb-c.h"

DB_SQL(put_account, "INSERT INTO bank_account (member_id, record) VALUES (:member_id, :record) "
                    "ON CONFLICT (member_id) DO UPDATE SET record = excluded.record");

static void bank_account_put(const struct application *a, const ProtobufCMessage *message)
{
    struct query *query = db_query(a->db, &put_account);
    bind_id(query, "member_id", ((const Passerelle__V1__BankAccount *)message)->member_id);
    query_bind_blob(query, "record", record_of(a));
    query_run(query);
}

DB_SQL(put_employer, "INSERT INTO employer (employer_id, issuer_member_id, record) "
                     "VALUES (:employer_id, :issuer_member_id, :record) "
                     "ON CONFLICT (employer_id) DO UPDATE SET "
                     "issuer_member_id = excluded.issuer_member_id, record = excluded.record");

static void employer_put(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__Employer *m = (const void *)message;
    struct query *query = db_query(a->db, &put_employer);
    bind_id(query, "employer_id", m->employer_id);
    bind_id(query, "issuer_member_id", m->issuer_member_id);
    query_bind_blob(query, "record", record_of(a));
    query_run(query);
}

DB_SQL(put_employer_policy, "INSERT INTO employer_policy (employer_id, record) "
                            "VALUES (:employer_id, :record) ON CONFLICT (employer_id) "
                            "DO UPDATE SET record = excluded.record");

static void employer_policy_set(const struct application *a, const ProtobufCMessage *message)
{
    struct query *query = db_query(a->db, &put_employer_policy);
    bind_id(query, "employer_id", ((const Passerelle__V1__EmployerPolicy *)message)->employer_id);
    query_bind_blob(query, "record", record_of(a));
    query_run(query);
}

DB_SQL(put_plan, "INSERT INTO plan (plan_id, employer_id, record) "
                 "VALUES (:plan_id, :employer_id, :record) ON CONFLICT (plan_id) DO UPDATE SET "
                 "employer_id = excluded.employer_id, record = excluded.record");

static void plan_put(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__Plan *m = (const void *)message;
    struct query *query = db_query(a->db, &put_plan);
    bind_id(query, "plan_id", m->plan_id);
    bind_id(query, "employer_id", m->employer_id);
    query_bind_blob(query, "record", record_of(a));
    query_run(query);
}

DB_SQL(put_holder, "INSERT INTO holder (holder_id, employer_id, plan_id, record) "
                   "VALUES (:holder_id, :employer_id, :plan_id, :record) "
                   "ON CONFLICT (holder_id) DO UPDATE SET employer_id = excluded.employer_id, "
                   "plan_id = excluded.plan_id, record = excluded.record");

static void holder_put(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__HolderPut *m = (const void *)message;
    struct query *query = db_query(a->db, &put_holder);
    bind_id(query, "holder_id", m->holder_id);
    bind_id(query, "employer_id", m->employer_id);
    bind_id(query, "plan_id", m->plan_id);
    query_bind_blob(query, "record", record_of(a));
    query_run(query);
}

DB_SQL(put_carnet, "INSERT INTO carnet (carnet_id, plan_id, record, entry_key) "
                   "VALUES (:carnet_id, :plan_id, :record, :key) "
                   "ON CONFLICT (carnet_id) DO NOTHING");

static void carnet_sold(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__Carnet *m = (const void *)message;
    struct query *query = db_query(a->db, &put_carnet);
    bind_id(query, "carnet_id", m->carnet_id);
    bind_id(query, "plan_id", m->plan_id);
    query_bind_blob(query, "record", record_of(a));
    query_bind_int(query, "key", a->at.entry_key);
    query_run(query);
}

DB_SQL(put_cut, "INSERT INTO period_cut (month, feed_id, size, root) "
                "VALUES (:month, :feed_id, :size, :root) ON CONFLICT (month, feed_id) DO NOTHING");

static void period_cut(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__PeriodCut *m = (const void *)message;
    struct month month;
    if (month_parse(view_of(m->month), &month) != E_OK) {
        return;
    }
    for (size_t i = 0; i < m->n_feeds; i++) {
        struct query *query = db_query(a->db, &put_cut);
        query_bind_int(query, "month", month.number);
        bind_id(query, "feed_id", m->feeds[i]->feed_id);
        query_bind_int(query, "size", (int64_t)m->feeds[i]->size);
        query_bind_blob(query, "root", bytes_of(m->feeds[i]->root));
        query_run(query);
    }
}

DB_SQL(put_period, "INSERT INTO period (month, document_sha256, closed_utc_ms, record) "
                   "VALUES (:month, :sha256, :closed_utc_ms, :record) "
                   "ON CONFLICT (month) DO NOTHING");

static void period_closed(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__PeriodClosed *m = (const void *)message;
    struct month month;
    if (month_parse(view_of(m->month), &month) != E_OK) {
        return;
    }
    struct query *query = db_query(a->db, &put_period);
    query_bind_int(query, "month", month.number);
    query_bind_blob(query, "sha256", bytes_of(m->document_sha256));
    query_bind_int(query, "closed_utc_ms", a->envelope->appended_utc_ms);
    query_bind_blob(query, "record", record_of(a));
    query_run(query);
}

DB_SQL(put_dispute, "INSERT INTO dispute (dispute_id, feed_id, visit_id, outcome, in_utc_ms, "
                    "out_utc_ms, opened_utc_ms, resolved_key) VALUES (:dispute_id, :feed_id, "
                    ":visit_id, 0, 0, 0, :opened_utc_ms, 0) ON CONFLICT (dispute_id) DO NOTHING");

static void dispute_opened(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__DisputeOpened *m = (const void *)message;
    struct query *query = db_query(a->db, &put_dispute);
    query_bind_blob(query, "dispute_id", bytes_of(m->dispute_id));
    bind_id(query, "feed_id", m->feed_id);
    query_bind_blob(query, "visit_id", bytes_of(m->visit_id));
    query_bind_int(query, "opened_utc_ms", a->envelope->appended_utc_ms);
    query_run(query);
}

DB_SQL(resolve_dispute, "UPDATE dispute SET outcome = :outcome, in_utc_ms = :in_utc_ms, "
                        "out_utc_ms = :out_utc_ms, resolved_key = :key "
                        "WHERE dispute_id = :dispute_id AND outcome = 0");

static void dispute_resolved(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__DisputeResolved *m = (const void *)message;
    struct query *query = db_query(a->db, &resolve_dispute);
    query_bind_blob(query, "dispute_id", bytes_of(m->dispute_id));
    query_bind_int(query, "outcome", m->outcome);
    query_bind_int(query, "in_utc_ms", m->in_utc_ms);
    query_bind_int(query, "out_utc_ms", m->out_utc_ms);
    query_bind_int(query, "key", a->at.entry_key);
    query_run(query);
}

DB_SQL(put_invoice_close, "INSERT INTO invoice_close (month, issued_on, terms_sha256) "
                          "VALUES (:month, :issued_on, :sha256) ON CONFLICT (month) DO NOTHING");
DB_SQL(put_invoice,
       "INSERT INTO invoice (month, kind, seller_member_id, buyer_id, credit_note, number, series, "
       "sequence, issued_on, record, recorded_number, recorded_on) VALUES (:month, :kind, :seller, "
       ":buyer, :credit_note, :number, :series, :sequence, :issued_on, :record, '', '') "
       "ON CONFLICT (month, kind, seller_member_id, buyer_id, credit_note) DO NOTHING");

static void invoice_insert(const struct application *a, struct month month,
                           const Passerelle__V1__InvoicesNumbered *all,
                           const Passerelle__V1__NumberedInvoice *one, struct buf *record)
{
    struct view series = view_of(one->number);
    uint32_t sequence = 0;
    if (!one->pro_forma && series_parse(view_of(one->number), &series, &sequence) != E_OK) {
        return;
    }
    buf_clear(record);
    wire_pack(record, &one->base);
    struct query *query = db_query(a->db, &put_invoice);
    query_bind_int(query, "month", month.number);
    query_bind_int(query, "kind", one->kind);
    bind_id(query, "seller", one->seller_member_id);
    bind_id(query, "buyer", one->buyer_id);
    query_bind_int(query, "credit_note", one->credit_note);
    bind_id(query, "number", one->number);
    query_bind_text(query, "series", series);
    query_bind_int(query, "sequence", sequence);
    bind_id(query, "issued_on", all->issued_on);
    query_bind_blob(query, "record", buf_content(record));
    query_run(query);
}

static void invoices_numbered(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__InvoicesNumbered *m = (const void *)message;
    struct month month;
    struct buf record = BUF_INIT;
    if (month_parse(view_of(m->month), &month) != E_OK) {
        return;
    }
    struct query *query = db_query(a->db, &put_invoice_close);
    query_bind_int(query, "month", month.number);
    bind_id(query, "issued_on", m->issued_on);
    query_bind_blob(query, "sha256", bytes_of(m->terms_sha256));
    query_run(query);
    for (size_t i = 0; i < m->n_invoices; i++) {
        invoice_insert(a, month, m, m->invoices[i], &record);
    }
    buf_release(&record);
}

DB_SQL(record_invoice, "UPDATE invoice SET recorded_number = :number, recorded_on = :issued_on "
                       "WHERE number = :pro_forma AND sequence = 0 AND recorded_number = ''");

static void invoice_recorded(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__InvoiceRecorded *m = (const void *)message;
    struct query *query = db_query(a->db, &record_invoice);
    bind_id(query, "pro_forma", m->pro_forma);
    bind_id(query, "number", m->number);
    bind_id(query, "issued_on", m->issued_on);
    query_run(query);
}

DB_SQL(put_chart, "INSERT INTO chart (member_id, record) VALUES (:member_id, :record) "
                  "ON CONFLICT (member_id) DO UPDATE SET record = excluded.record");

static void chart_put(const struct application *a, const ProtobufCMessage *message)
{
    struct query *query = db_query(a->db, &put_chart);
    bind_id(query, "member_id", ((const Passerelle__V1__Chart *)message)->member_id);
    query_bind_blob(query, "record", record_of(a));
    query_run(query);
}

DB_SQL(put_sent,
       "INSERT INTO payment (payment_id, month, state, message_id, group_id, sent_iban, "
       "bank_reference, booked_on, return_reason, told_by_payee) VALUES (:id, :month, :state, "
       ":message_id, :group_id, :iban, '', '', '', 0) ON CONFLICT (payment_id) DO UPDATE SET state "
       "= excluded.state, message_id = excluded.message_id, group_id = excluded.group_id, "
       "sent_iban = excluded.sent_iban, bank_reference = '', booked_on = '', return_reason = ''");
DB_SQL(put_run, "INSERT INTO payment_run (entry_key, month, kind, party_id, run, record) "
                "VALUES (:key, :month, :kind, :party_id, :run, :record) "
                "ON CONFLICT (entry_key) DO NOTHING");
DB_SQL(put_mandate,
       "INSERT INTO payment_mandate (party_id, mandate_id) "
       "VALUES (:party_id, :mandate_id) ON CONFLICT (party_id, mandate_id) DO NOTHING");

static void payments_sent(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__PaymentsSent *m = (const void *)message;
    struct month month;
    if (month_parse(view_of(m->month), &month) != E_OK) {
        return;
    }
    struct query *query = db_query(a->db, &put_run);
    query_bind_int(query, "key", a->at.entry_key);
    query_bind_int(query, "month", month.number);
    query_bind_int(query, "kind", m->kind);
    bind_id(query, "party_id", m->party_id);
    query_bind_int(query, "run", m->run);
    query_bind_blob(query, "record", record_of(a));
    query_run(query);
    for (size_t i = 0; i < m->n_orders; i++) {
        const Passerelle__V1__PaymentOrder *order = m->orders[i];
        query = db_query(a->db, &put_sent);
        bind_id(query, "id", order->payment_id);
        query_bind_int(query, "month", month.number);
        query_bind_int(query, "state", PASSERELLE__V1__PAYMENT_STATE__PAYMENT_STATE_SENT);
        bind_id(query, "message_id", m->message_id);
        bind_id(query, "group_id", order->group_id);
        bind_id(query, "iban", order->party == NULL ? "" : order->party->iban);
        query_run(query);
        if (order->mandate_id[0] != '\0') {
            query = db_query(a->db, &put_mandate);
            bind_id(query, "party_id", m->party_id);
            bind_id(query, "mandate_id", order->mandate_id);
            query_run(query);
        }
    }
}

DB_SQL(put_payment_booking,
       "INSERT INTO payment_booking (booking_id, payment_id, month, entry_key, place, undone, "
       "record) VALUES (:booking_id, :payment_id, :month, :key, :place, 0, :record) "
       "ON CONFLICT (booking_id, payment_id) DO UPDATE SET entry_key = excluded.entry_key, "
       "place = excluded.place, undone = 0, record = excluded.record");
DB_SQL(put_booked,
       "INSERT INTO payment (payment_id, month, state, message_id, group_id, sent_iban, "
       "bank_reference, booked_on, return_reason, told_by_payee) VALUES (:id, :month, :state, '', "
       "'', '', :reference, :booked_on, :reason, :by_payee) ON CONFLICT (payment_id) DO UPDATE SET "
       "state = excluded.state, bank_reference = excluded.bank_reference, "
       "booked_on = excluded.booked_on, return_reason = excluded.return_reason, "
       "told_by_payee = excluded.told_by_payee");

static void payment_set(const struct application *a, const char *payment_id, struct month month,
                        Passerelle__V1__PaymentState state,
                        const Passerelle__V1__PaymentBooking *told)
{
    struct query *query = db_query(a->db, &put_booked);
    bind_id(query, "id", payment_id);
    query_bind_int(query, "month", month.number);
    query_bind_int(query, "state", state);
    bind_id(query, "reference", told == NULL ? "" : told->bank_reference);
    bind_id(query, "booked_on", told == NULL ? "" : told->booked_on);
    bind_id(query, "reason", told == NULL ? "" : told->return_reason);
    query_bind_int(query, "by_payee", told != NULL && told->told_by_payee);
    query_run(query);
}

DB_SQL(put_part,
       "INSERT INTO payment (payment_id, month, state, message_id, group_id, sent_iban, "
       "bank_reference, booked_on, return_reason, told_by_payee, part_cents) VALUES (:id, "
       ":month, :state, '', '', '', '', '', '', 0, :cents) ON CONFLICT (payment_id) DO "
       "UPDATE SET part_cents = payment.part_cents + excluded.part_cents");

static void part_add(const struct application *a, const Passerelle__V1__PaymentBooking *booking,
                     struct month month, int64_t cents)
{
    struct query *query = db_query(a->db, &put_part);
    bind_id(query, "id", booking->payment_id);
    query_bind_int(query, "month", month.number);
    query_bind_int(query, "state", booking->before);
    query_bind_int(query, "cents", cents);
    query_run(query);
}

static void payments_booked(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__PaymentsBooked *m = (const void *)message;
    struct buf record = BUF_INIT;
    for (size_t i = 0; i < m->n_bookings; i++) {
        const Passerelle__V1__PaymentBooking *booking = m->bookings[i];
        struct month month;
        if (month_parse(view_of(booking->month), &month) != E_OK) {
            continue;
        }
        buf_clear(&record);
        wire_pack(&record, &booking->base);
        struct query *query = db_query(a->db, &put_payment_booking);
        bind_id(query, "booking_id", booking->booking_id);
        bind_id(query, "payment_id", booking->payment_id);
        query_bind_int(query, "month", month.number);
        query_bind_int(query, "key", a->at.entry_key);
        query_bind_int(query, "place", (int64_t)i);
        query_bind_blob(query, "record", buf_content(&record));
        query_run(query);
        if (booking->part) {
            part_add(a, booking, month, booking->cents);
        } else {
            payment_set(a, booking->payment_id, month, booking->after, booking);
        }
    }
    buf_release(&record);
}

DB_SQL(undo_booking,
       "UPDATE payment_booking SET undone = 1 WHERE booking_id = :booking_id AND undone = 0");
DB_SQL(select_undone, "SELECT record FROM payment_booking WHERE booking_id = :booking_id "
                      "AND undone = 0 ORDER BY payment_id");
DB_SQL(select_told,
       "SELECT record FROM payment_booking WHERE payment_id = :payment_id AND undone = 0 "
       "AND booking_id <> :booking_id ORDER BY entry_key DESC, place DESC");

/* A payment says again what the booking before said of it. */
static void payment_undo(const struct application *a, const Passerelle__V1__PaymentBooking *undone,
                         struct arena *arena)
{
    const Passerelle__V1__PaymentBooking *told = NULL;
    struct month month;
    if (undone == NULL || month_parse(view_of(undone->month), &month) != E_OK) {
        return;
    }
    if (undone->part) {
        part_add(a, undone, month, -undone->cents);
        return;
    }
    struct query *query = db_query(a->db, &select_told);
    bind_id(query, "payment_id", undone->payment_id);
    bind_id(query, "booking_id", undone->booking_id);
    while ((told == NULL || told->part) && query_next(query)) { /* a part says nothing of it */
        told = wire_unpack_trusted(&passerelle__v1__payment_booking__descriptor,
                                   query_blob(query, 0), arena);
    }
    query_end(query);
    told = told != NULL && told->part ? NULL : told;
    /* sent again since that booking: it says nothing of the new file */
    told = told != NULL && told->after != undone->before ? NULL : told;
    payment_set(a, undone->payment_id, month, undone->before, told);
}

static void booking_undone(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__BookingUndone *m = (const void *)message;
    struct arena arena = ARENA_INIT;
    struct query *query = db_query(a->db, &select_undone);
    bind_id(query, "booking_id", m->booking_id);
    while (query_next(query)) {
        payment_undo(a,
                     wire_unpack_trusted(&passerelle__v1__payment_booking__descriptor,
                                         query_blob(query, 0), &arena),
                     &arena);
    }
    query = db_query(a->db, &undo_booking);
    bind_id(query, "booking_id", m->booking_id);
    query_run(query);
    arena_release(&arena);
}

DB_SQL(put_paid, "INSERT INTO period_paid (month, paid_utc_ms) VALUES (:month, :utc_ms) "
                 "ON CONFLICT (month) DO NOTHING");
DB_SQL(delete_paid, "DELETE FROM period_paid WHERE month = :month");

static void period_paid(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__PeriodPaid *m = (const void *)message;
    struct month month;
    if (month_parse(view_of(m->month), &month) != E_OK) {
        return;
    }
    struct query *query = db_query(a->db, m->paid ? &put_paid : &delete_paid);
    query_bind_int(query, "month", month.number);
    if (m->paid) {
        query_bind_int(query, "utc_ms", a->envelope->appended_utc_ms);
    }
    query_run(query);
}

DB_SQL(put_reminder, "INSERT INTO payment_reminder (payment_id, level, month, sent_on) "
                     "VALUES (:payment_id, :level, :month, :sent_on) "
                     "ON CONFLICT (payment_id, level) DO NOTHING");

static void reminder_sent(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__ReminderSent *m = (const void *)message;
    struct month month;
    if (month_parse(view_of(m->month), &month) != E_OK) {
        return;
    }
    struct query *query = db_query(a->db, &put_reminder);
    bind_id(query, "payment_id", m->payment_id);
    query_bind_int(query, "level", m->level);
    query_bind_int(query, "month", month.number);
    bind_id(query, "sent_on", m->sent_on);
    query_run(query);
}

DB_SQL(put_limit, "INSERT INTO exposure (member_id, limit_cents, level, owed_cents, since_utc_ms) "
                  "VALUES (:member_id, :cents, 0, 0, 0) ON CONFLICT (member_id) DO UPDATE SET "
                  "limit_cents = excluded.limit_cents");
DB_SQL(delete_limit, "DELETE FROM exposure WHERE member_id = :member_id");
DB_SQL(set_level, "UPDATE exposure SET level = :level, owed_cents = :owed, since_utc_ms = :utc_ms "
                  "WHERE member_id = :member_id");

static void exposure_limit_set(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__ExposureLimitSet *m = (const void *)message;
    struct query *query = db_query(a->db, m->limit_cents > 0 ? &put_limit : &delete_limit);
    bind_id(query, "member_id", m->member_id);
    if (m->limit_cents > 0) {
        query_bind_int(query, "cents", m->limit_cents);
    }
    query_run(query);
}

static void issuer_exposed(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__IssuerExposed *m = (const void *)message;
    struct query *query = db_query(a->db, &set_level);
    bind_id(query, "member_id", m->member_id);
    query_bind_int(query, "level", m->level);
    query_bind_int(query, "owed", m->owed_cents);
    query_bind_int(query, "utc_ms", a->envelope->appended_utc_ms);
    query_run(query);
}

DB_SQL(put_suspension, "INSERT INTO employer_suspension (employer_id, payment_id) "
                       "VALUES (:employer_id, :payment_id) ON CONFLICT (employer_id) DO NOTHING");
DB_SQL(put_suspended_pass, "INSERT INTO suspended_pass (pass_id, employer_id) "
                           "VALUES (:pass_id, :employer_id) ON CONFLICT (pass_id) DO NOTHING");
DB_SQL(delete_suspension, "DELETE FROM employer_suspension WHERE employer_id = :employer_id");
DB_SQL(delete_suspended, "DELETE FROM suspended_pass WHERE employer_id = :employer_id");

/* The passes themselves change by entries of their own, in `net`. */
static void employer_suspended(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__EmployerSuspended *m = (const void *)message;
    struct query *query = db_query(a->db, m->suspended ? &put_suspension : &delete_suspension);
    bind_id(query, "employer_id", m->employer_id);
    if (m->suspended) {
        bind_id(query, "payment_id", m->payment_id);
    }
    query_run(query);
    for (size_t i = 0; m->suspended && i < m->n_pass_ids; i++) {
        query = db_query(a->db, &put_suspended_pass);
        query_bind_blob(query, "pass_id", bytes_of(m->pass_ids[i]));
        bind_id(query, "employer_id", m->employer_id);
        query_run(query);
    }
    if (!m->suspended) {
        query = db_query(a->db, &delete_suspended);
        bind_id(query, "employer_id", m->employer_id);
        query_run(query);
    }
}

const struct applier appliers_books[] = {
    APPLIES(BANK_ACCOUNT_PUT, bank_account_put),
    APPLIES(EMPLOYER_PUT, employer_put),
    APPLIES(EMPLOYER_POLICY_SET, employer_policy_set),
    APPLIES(PLAN_PUT, plan_put),
    APPLIES(HOLDER_PUT, holder_put),
    APPLIES(CARNET_SOLD, carnet_sold),
    APPLIES(PERIOD_CUT, period_cut),
    APPLIES(PERIOD_CLOSED, period_closed),
    APPLIES(DISPUTE_OPENED, dispute_opened),
    APPLIES(DISPUTE_RESOLVED, dispute_resolved),
    APPLIES(INVOICES_NUMBERED, invoices_numbered),
    APPLIES(INVOICE_RECORDED, invoice_recorded),
    APPLIES(CHART_PUT, chart_put),
    APPLIES(PAYMENTS_SENT, payments_sent),
    APPLIES(PAYMENTS_BOOKED, payments_booked),
    APPLIES(BOOKING_UNDONE, booking_undone),
    APPLIES(PERIOD_PAID, period_paid),
    APPLIES(REMINDER_SENT, reminder_sent),
    APPLIES(EXPOSURE_LIMIT_SET, exposure_limit_set),
    APPLIES(ISSUER_EXPOSED, issuer_exposed),
    APPLIES(EMPLOYER_SUSPENDED, employer_suspended),
    {0},
};
