#define _GNU_SOURCE /* memmem */
/* A closed month until it is paid, through the service: files for banks, statements from them,
 * returns, matches by hand and undone, other accounts than at the close, who sees what. */
#include <check.h>
#include <stdlib.h>

#include "lib/recorded.h"
#include "passerelle/v1/desk.pb-c.h"
#include "passerelle/v1/pass.pb-c.h"
#include "passerelle/v1/settlement.pb-c.h"
#include "service/journal.h"
#include "wire/pack.h"

#define MONTH "2026-10"
#define KIND(name) PASSERELLE__V1__PAYMENT_KIND__PAYMENT_KIND_##name
#define STATE(name) PASSERELLE__V1__PAYMENT_STATE__PAYMENT_STATE_##name
#define RULE(name) PASSERELLE__V1__PAYMENT_RULE__PAYMENT_RULE_##name
#define ELSEWHERE "DE89370400440532013000"

static struct principal olive, oscar;

static char *text_of(struct network *network, const char *text)
{
    return arena_string(&network->arena, view_of(text));
}

static void close_month(struct network *network, const char *month)
{
    for (int i = 0; i < 2; i++) {
        Passerelle__V1__ClosePeriodRequest *request =
            network_new(network, &passerelle__v1__close_period_request__descriptor);
        request->request_id = network_request_id(network);
        request->month = text_of(network, month);
        network_must(network, i == 0 ? olive : oscar, "SettlementService", "ClosePeriod",
                     &request->base);
    }
}

static Passerelle__V1__NetworkPolicy policy_now(struct network *network)
{
    Passerelle__V1__GetPolicyRequest *request =
        network_new(network, &passerelle__v1__get_policy_request__descriptor);
    const Passerelle__V1__GetPolicyResponse *response =
        network_must(network, olive, "NetworkService", "GetPolicy", &request->base);
    return *response->policy;
}

static void policy_put(struct network *network, Passerelle__V1__NetworkPolicy *policy)
{
    for (int i = 0; i < 2; i++) {
        Passerelle__V1__SetPolicyRequest *request =
            network_new(network, &passerelle__v1__set_policy_request__descriptor);
        request->request_id = network_request_id(network);
        request->policy = policy;
        network_must(network, i == 0 ? olive : oscar, "NetworkService", "SetPolicy",
                     &request->base);
    }
}

/* October with its first stays, closed by two operators. */
static void begin(struct network *network, uint64_t seed, bool accounts)
{
    size_t count;
    network_init(network, false, seed);
    if (accounts) {
        network_import(network, REFERENCE_DIR);
    } else {
        recorded_network(network, REFERENCE_DIR);
    }
    const struct recorded_stay *stays =
        recorded_stays(network, REFERENCE_DIR "/visits-2026-10.csv", &count);
    recorded_begin(network);
    for (size_t i = 0; i < 900; i++) {
        recorded_append(network, &stays[i], VIEW_NONE);
    }
    recorded_commit(network);
    for (int i = 0; i < 2; i++) {
        Passerelle__V1__ClosePeriodRequest *request =
            network_new(network, &passerelle__v1__close_period_request__descriptor);
        request->request_id = network_request_id(network);
        request->month = text_of(network, MONTH);
        network_must(network, i == 0 ? olive : oscar, "SettlementService", "ClosePeriod",
                     &request->base);
    }
}

static const Passerelle__V1__ListPaymentsResponse *payments(struct network *network,
                                                            struct principal who, const char *party)
{
    Passerelle__V1__ListPaymentsRequest *request =
        network_new(network, &passerelle__v1__list_payments_request__descriptor);
    request->party_id = text_of(network, party);
    return network_must(network, who, "SettlementService", "ListPayments", &request->base);
}

static const Passerelle__V1__Payment *payment(struct network *network, const char *id)
{
    const Passerelle__V1__ListPaymentsResponse *all = payments(network, olive, "");
    for (size_t i = 0; i < all->n_payments; i++) {
        if (strcmp(all->payments[i]->payment_id, id) == 0) {
            return all->payments[i];
        }
    }
    ck_abort_msg("there is no payment %s", id);
    return NULL;
}

static const struct call *export_call(struct network *network, struct principal who, int kind,
                                      bool again, int version, const char *party)
{
    Passerelle__V1__ExportPaymentsRequest *request =
        network_new(network, &passerelle__v1__export_payments_request__descriptor);
    request->request_id = network_request_id(network);
    request->month = text_of(network, MONTH);
    request->kind = (Passerelle__V1__PaymentKind)kind;
    request->again = again;
    request->version = (Passerelle__V1__PaymentVersion)version;
    request->party_id = text_of(network, party);
    return network_call(network, who, "SettlementService", "ExportPayments", &request->base);
}

static const Passerelle__V1__ExportPaymentsResponse *export(struct network *network,
                                                            struct principal who, int kind,
                                                            bool again)
{
    const struct call *call = export_call(network, who, kind, again, 0, "");
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    return (const void *)call->response;
}

static bool holds(const Passerelle__V1__PaymentFile *file, const char *part)
{
    return memmem(file->content.data, file->content.len, part, strlen(part)) != NULL;
}

static const char *iban_of(struct network *network, const char *member_id)
{
    Passerelle__V1__ListMembersRequest *request =
        network_new(network, &passerelle__v1__list_members_request__descriptor);
    request->member_id = text_of(network, member_id);
    const Passerelle__V1__ListMembersResponse *response =
        network_must(network, olive, "NetworkService", "ListMembers", &request->base);
    ck_assert_uint_eq(response->n_accounts, 1);
    return response->accounts[0]->iban;
}

/* A member again, with these changes (NULL: none). */
static const struct call *member_put(struct network *network, struct principal who,
                                     const char *member_id, const char *creditor_id,
                                     const char *iban)
{
    Passerelle__V1__ListMembersRequest *ask =
        network_new(network, &passerelle__v1__list_members_request__descriptor);
    ask->member_id = text_of(network, member_id);
    const Passerelle__V1__ListMembersResponse *response =
        network_must(network, olive, "NetworkService", "ListMembers", &ask->base);
    Passerelle__V1__PutMemberRequest *request =
        network_new(network, &passerelle__v1__put_member_request__descriptor);
    request->request_id = network_request_id(network);
    request->member = response->members[0];
    if (creditor_id != NULL) {
        request->member->sepa_creditor_id = text_of(network, creditor_id);
    }
    if (iban != NULL) {
        request->account = network_new(network, &passerelle__v1__bank_account__descriptor);
        request->account->member_id = request->member->member_id;
        request->account->iban = text_of(network, iban);
    }
    return network_call(network, who, "NetworkService", "PutMember", &request->base);
}

/* ---- statements ---- */

static void statement_begin(struct buf *out, const char *iban)
{
    buf_clear(out);
    buf_printf(out,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Document "
               "xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt><GrpHdr>"
               "<MsgId>M</MsgId></GrpHdr><Stmt><Id>S</Id><Acct><Id><IBAN>%s</IBAN></Id></Acct>",
               iban);
}

struct line {
    int64_t cents; /* above 0: a credit */
    const char *end_to_end, *group, *iban, *returned;
};

static void statement_line(struct buf *out, struct line line)
{
    bool credit = line.cents > 0;
    int64_t cents = credit ? line.cents : -line.cents;
    buf_printf(out,
               "<Ntry><Amt Ccy=\"EUR\">%lld.%02lld</Amt><CdtDbtInd>%s</CdtDbtInd><Sts><Cd>BOOK</Cd>"
               "</Sts><BookgDt><Dt>2026-11-05</Dt></BookgDt><AcctSvcrRef>BANK-%zu</AcctSvcrRef>"
               "<NtryDtls>",
               (long long)cents / 100, (long long)cents % 100, credit ? "CRDT" : "DBIT", out->len);
    if (line.group != NULL) {
        buf_printf(out, "<Btch><PmtInfId>%s</PmtInfId></Btch>", line.group);
    } else {
        const char *side = credit != (line.returned != NULL) ? "Dbtr" : "Cdtr";
        buf_printf(out, "<TxDtls><Refs><EndToEndId>%s</EndToEndId></Refs>",
                   line.end_to_end == NULL ? "NOTPROVIDED" : line.end_to_end);
        if (line.iban != NULL) {
            buf_printf(out, "<RltdPties><%sAcct><Id><IBAN>%s</IBAN></Id></%sAcct></RltdPties>",
                       side, line.iban, side);
        }
        if (line.returned != NULL) {
            buf_printf(out, "<RtrInf><Rsn><Cd>%s</Cd></Rsn></RtrInf>", line.returned);
        }
        buf_text(out, "</TxDtls>");
    }
    buf_text(out, "</NtryDtls></Ntry>");
}

static void statement_end(struct buf *out)
{
    buf_text(out, "</Stmt></BkToCstmrStmt></Document>");
}

static const struct call *import_call(struct network *network, struct principal who,
                                      struct view content)
{
    Passerelle__V1__ImportStatementRequest *request =
        network_new(network, &passerelle__v1__import_statement_request__descriptor);
    request->request_id = network_request_id(network);
    request->content = wire_bytes(content);
    return network_call(network, who, "SettlementService", "ImportStatement", &request->base);
}

static const Passerelle__V1__ImportStatementResponse *
import(struct network *network, struct principal who, const struct buf *content)
{
    const struct call *call = import_call(network, who, buf_content(content));
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    return (const void *)call->response;
}

static uint64_t books_size(struct network *network)
{
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(db_begin_read(network->service.db, &fault), E_OK);
    uint64_t size = journal_feed_size(network->service.db, VIEW_LIT(FEED_BOOKS));
    ck_assert_int_eq(db_end(network->service.db, &fault), E_OK);
    return size;
}

static Passerelle__V1__PeriodState period_state(struct network *network)
{
    Passerelle__V1__ListPeriodsRequest *request =
        network_new(network, &passerelle__v1__list_periods_request__descriptor);
    const Passerelle__V1__ListPeriodsResponse *response =
        network_must(network, olive, "SettlementService", "ListPeriods", &request->base);
    ck_assert_uint_eq(response->n_periods, 1);
    ck_assert_int_eq(response->periods[0]->paid_utc_ms != 0,
                     response->periods[0]->state ==
                         PASSERELLE__V1__PERIOD_STATE__PERIOD_STATE_PAID);
    return response->periods[0]->state;
}

static enum code match_code(struct network *network, const char *booking, const char *one,
                            const char *other)
{
    Passerelle__V1__MatchBookingRequest *request =
        network_new(network, &passerelle__v1__match_booking_request__descriptor);
    char *ids[] = {text_of(network, one), text_of(network, other == NULL ? "" : other)};
    request->request_id = network_request_id(network);
    request->booking_id = text_of(network, booking);
    request->payment_ids = ids;
    request->n_payment_ids = other == NULL ? 1 : 2;
    return network_call(network, olive, "SettlementService", "MatchBooking", &request->base)
        ->error.code;
}

static enum code undo_code(struct network *network, const char *booking)
{
    Passerelle__V1__UndoBookingRequest *request =
        network_new(network, &passerelle__v1__undo_booking_request__descriptor);
    request->request_id = network_request_id(network);
    request->booking_id = text_of(network, booking);
    return network_call(network, olive, "SettlementService", "UndoBooking", &request->base)
        ->error.code;
}

static size_t left_over(struct network *network, struct principal who)
{
    Passerelle__V1__ListBookingsRequest *request =
        network_new(network, &passerelle__v1__list_bookings_request__descriptor);
    const Passerelle__V1__ListBookingsResponse *response =
        network_must(network, who, "SettlementService", "ListBookings", &request->base);
    return response->n_bookings;
}

/* ---- transfers ---- */

/* Every transfer in one file, of who pays it; the same bytes whenever it is asked for. */
static const Passerelle__V1__PaymentFile *transfers_sent(struct network *network)
{
    const Passerelle__V1__PaymentFile *of_operator = NULL;
    const Passerelle__V1__ExportPaymentsResponse *made =
        export(network, olive, KIND(TRANSFER), false);
    const Passerelle__V1__ListPaymentsResponse *all = payments(network, olive, "");
    int64_t sum = 0, in_files = 0;
    size_t transfers = 0, in_file_count = 0;
    for (size_t i = 0; i < all->n_payments; i++) {
        const Passerelle__V1__Payment *one = all->payments[i];
        if (one->kind == KIND(TRANSFER)) {
            sum += one->cents;
            transfers++;
            ck_assert_int_eq(one->state, STATE(SENT));
            ck_assert_str_ne(one->message_id, "");
        }
    }
    for (size_t i = 0; i < made->n_files; i++) {
        in_files += made->files[i]->cents;
        in_file_count += made->files[i]->payments;
        ck_assert(!made->files[i]->repeated_run);
        of_operator = strcmp(made->files[i]->party_id, "op") == 0 ? made->files[i] : of_operator;
    }
    ck_assert_uint_gt(transfers, 10);
    ck_assert_uint_eq(in_file_count, transfers);
    ck_assert_int_eq(in_files, sum);
    ck_assert_uint_eq(made->n_left_out, 0);
    for (int again = 0; again < 2; again++) {
        uint64_t before = books_size(network);
        network->clock.now_utc_ms += 3 * 86400000;
        const Passerelle__V1__ExportPaymentsResponse *same =
            export(network, oscar, KIND(TRANSFER), again != 0);
        ck_assert_uint_eq(same->n_files, made->n_files);
        for (size_t i = 0; i < same->n_files; i++) {
            ck_assert(same->files[i]->repeated_run);
            ck_assert(
                view_equal(wire_view(same->files[i]->content), wire_view(made->files[i]->content)));
        }
        ck_assert_uint_eq(books_size(network), before);
    }
    const Passerelle__V1__ExportPaymentsResponse *older =
        (const void *)export_call(network, olive, KIND(TRANSFER), false,
                                  PASSERELLE__V1__PAYMENT_VERSION__PAYMENT_VERSION_V2009, "op")
            ->response;
    ck_assert_uint_eq(older->n_files, 1);
    ck_assert_str_eq(older->files[0]->message_id, of_operator->message_id);
    ck_assert(holds(older->files[0], "pain.001.001.03"));
    ck_assert(holds(of_operator, "pain.001.001.09"));
    return of_operator;
}

/* Who owes says that it has paid: that is for others to say. */
static void own_word_counts_for_nothing(struct network *network,
                                        const Passerelle__V1__ListPaymentsResponse *all)
{
    struct buf xml = BUF_INIT;
    size_t i = 0;
    while (all->payments[i]->kind != KIND(TRANSFER) || strcmp(all->payments[i]->to_id, "op") != 0) {
        i++;
    }
    const Passerelle__V1__Payment *owed = all->payments[i];
    struct principal debtor = network_who(ROLE_MEMBER, owed->from_id);
    statement_begin(&xml, iban_of(network, owed->from_id));
    statement_line(&xml, (struct line){.cents = -owed->cents, .end_to_end = owed->payment_id});
    statement_end(&xml);
    uint64_t size = books_size(network);
    const Passerelle__V1__ImportStatementResponse *told = import(network, debtor, &xml);
    ck_assert_uint_eq(told->n_matched, 0);
    ck_assert_uint_eq(told->n_left_over, 1);
    ck_assert_ptr_nonnull(strstr(told->left_over[0]->reason, "operator"));
    statement_begin(&xml, iban_of(network, owed->from_id));
    statement_line(&xml, (struct line){.cents = -owed->cents, .iban = ELSEWHERE});
    statement_end(&xml);
    told = import(network, debtor, &xml);
    Passerelle__V1__MatchBookingRequest *by_hand =
        network_new(network, &passerelle__v1__match_booking_request__descriptor);
    char *ids[] = {owed->payment_id};
    by_hand->request_id = network_request_id(network);
    by_hand->booking_id = told->left_over[0]->booking_id;
    by_hand->payment_ids = ids;
    by_hand->n_payment_ids = 1;
    ck_assert_int_eq(
        network_call(network, debtor, "SettlementService", "MatchBooking", &by_hand->base)
            ->error.code,
        CODE_PERMISSION_DENIED);
    by_hand->request_id = network_request_id(network);
    by_hand->n_payment_ids = 0;
    by_hand->none = true;
    network_must(network, debtor, "SettlementService", "MatchBooking", &by_hand->base);
    ck_assert_uint_eq(books_size(network), size);
    ck_assert_int_eq(payment(network, owed->payment_id)->state, STATE(SENT));
    buf_release(&xml);
}

/* The operator's bank: what members pay, one by one; what it pays, in one booking. */
static void transfers_booked(struct network *network, const Passerelle__V1__PaymentFile *file)
{
    struct buf xml = BUF_INIT;
    const Passerelle__V1__ListPaymentsResponse *all = payments(network, olive, "");
    const Passerelle__V1__Payment *of_member = NULL;
    size_t incoming = 0;
    own_word_counts_for_nothing(network, all);
    statement_begin(&xml, iban_of(network, "op"));
    for (size_t i = 0; i < all->n_payments; i++) {
        const Passerelle__V1__Payment *one = all->payments[i];
        if (one->kind == KIND(TRANSFER) && strcmp(one->to_id, "op") == 0) {
            statement_line(&xml, (struct line){.cents = one->cents, .end_to_end = one->payment_id});
            of_member = one;
            incoming++;
        }
    }
    statement_line(&xml, (struct line){.cents = -file->cents + 1, .group = file->message_id});
    statement_line(&xml, (struct line){.cents = -file->cents, .group = file->message_id});
    statement_line(&xml,
                   (struct line){.cents = 4200, .end_to_end = "SOMETHING", .iban = ELSEWHERE});
    statement_end(&xml);
    const Passerelle__V1__ImportStatementResponse *done = import(network, olive, &xml);
    ck_assert_uint_eq(done->n_matched, incoming + file->payments);
    ck_assert_uint_eq(done->n_left_over, 2); /* another sum than the file's; a stranger */
    ck_assert_int_eq(done->matched[incoming]->rule, RULE(GROUP));
    ck_assert_uint_eq(done->n_paid_months, 0);
    uint64_t size = books_size(network);
    const Passerelle__V1__ImportStatementResponse *again = import(network, oscar, &xml);
    ck_assert_uint_eq(again->n_matched, 0);
    ck_assert_uint_eq(again->known, incoming + 1);
    ck_assert_uint_eq(again->n_left_over, 2);
    ck_assert_uint_eq(books_size(network), size);
    ck_assert_uint_eq(left_over(network, olive), 2);
    /* the bank of who pays tells the same */
    ck_assert_ptr_nonnull(of_member);
    const char *member_id = of_member->from_id;
    struct principal member = network_who(ROLE_MEMBER, member_id);
    statement_begin(&xml, iban_of(network, member_id));
    statement_line(&xml,
                   (struct line){.cents = -of_member->cents, .end_to_end = of_member->payment_id});
    statement_end(&xml);
    ck_assert_int_eq(
        import_call(network, network_who(ROLE_MEMBER, "m999"), buf_content(&xml))->error.code,
        CODE_FAILED_PRECONDITION);
    const Passerelle__V1__ImportStatementResponse *theirs = import(network, member, &xml);
    ck_assert_uint_eq(theirs->n_matched + theirs->n_left_over, 0);
    ck_assert_uint_eq(theirs->known, 1);
    ck_assert_uint_eq(left_over(network, member), 0);
    const Passerelle__V1__Payment *told = payment(network, of_member->payment_id);
    ck_assert_int_eq(told->state, STATE(CONFIRMED));
    ck_assert_str_eq(told->booked_on, "2026-11-05");
    ck_assert_int_eq(strncmp(told->bank_reference, "BANK-", 5), 0);
    buf_release(&xml);
}

/* ---- invoices of employers ---- */

struct debits {
    const Passerelle__V1__PaymentFile *file; /* of the first issuer with two payments or more */
    const Passerelle__V1__Payment *back;     /* one of them, which comes back */
    char *booking;                           /* that takes it back */
};

/* A payment that the employer made by itself: its bank gives amount and account only. */
static void paid_by_itself(struct network *network)
{
    struct buf xml = BUF_INIT;
    const Passerelle__V1__ListPaymentsResponse *all = payments(network, olive, "");
    for (size_t i = 0; i < all->n_payments; i++) {
        const Passerelle__V1__Payment *one = all->payments[i];
        if (one->kind == KIND(INVOICE) && one->cents > 0) {
            Passerelle__V1__ListEmployersRequest *request =
                network_new(network, &passerelle__v1__list_employers_request__descriptor);
            request->employer_id = one->from_id;
            const Passerelle__V1__ListEmployersResponse *employer =
                network_must(network, olive, "EmployerService", "ListEmployers", &request->base);
            statement_begin(&xml, iban_of(network, one->to_id));
            statement_line(&xml, (struct line){.cents = one->cents,
                                               .iban = employer->employers[0]->mandate->iban});
            statement_end(&xml);
            const Passerelle__V1__ImportStatementResponse *done = import(network, olive, &xml);
            ck_assert_uint_eq(done->n_matched, 1);
            ck_assert_int_eq(done->matched[0]->rule, RULE(AMOUNT_IBAN));
            ck_assert_int_eq(payment(network, one->payment_id)->state, STATE(CONFIRMED));
            buf_release(&xml);
            return;
        }
    }
    ck_abort_msg("no employer owes anything");
}

static void debits_sent(struct network *network, struct debits *out)
{
    const Passerelle__V1__ExportPaymentsResponse *none =
        export(network, olive, KIND(INVOICE), false);
    ck_assert_uint_eq(none->n_files, 0); /* nobody has a creditor id */
    ck_assert_uint_gt(none->n_left_out, 2);
    ck_assert_ptr_nonnull(strstr(none->left_out[0]->reason, "creditor id"));
    for (size_t i = 0; i < none->n_left_out; i++) {
        ck_assert_int_eq(
            member_put(network, olive, none->left_out[i]->to_id, "FR72ZZZ123456", NULL)->error.code,
            CODE_OK);
    }
    const Passerelle__V1__ExportPaymentsResponse *made =
        export(network, olive, KIND(INVOICE), false);
    ck_assert_uint_eq(made->n_left_out, 0);
    for (size_t i = 0; i < made->n_files; i++) {
        ck_assert(holds(made->files[i], "pain.008.001.08"));
        ck_assert(holds(made->files[i], "<SeqTp>FRST</SeqTp>"));
        ck_assert(!holds(made->files[i], "RCUR"));
        out->file = out->file == NULL ? made->files[i] : out->file;
    }
    ck_assert_ptr_nonnull(out->file);
}

/* All collected, one sent back; then once more, and the month is paid. */
static void debits_booked(struct network *network, struct debits *d)
{
    struct buf xml = BUF_INIT;
    const Passerelle__V1__ListPaymentsResponse *all = payments(network, olive, "");
    for (size_t i = 0; i < all->n_payments; i++) {
        const Passerelle__V1__Payment *one = all->payments[i];
        /* those without a mandate pay by transfer, and name the invoice */
        bool open = one->state == (one->debited ? STATE(SENT) : STATE(TO_PAY));
        if (one->kind != KIND(INVOICE) || !open) {
            continue;
        }
        statement_begin(&xml, iban_of(network, one->to_id));
        statement_line(&xml, (struct line){.cents = one->cents, .end_to_end = one->payment_id});
        if (d->back == NULL && one->debited) {
            d->back = one;
            statement_line(&xml, (struct line){.cents = -one->cents,
                                               .end_to_end = one->payment_id,
                                               .returned = "AM04"});
        }
        statement_end(&xml);
        const Passerelle__V1__ImportStatementResponse *done = import(network, olive, &xml);
        ck_assert_uint_eq(done->n_matched, d->back == one ? 2 : 1);
        ck_assert_uint_eq(done->n_left_over, 0);
        if (d->back == one) {
            d->booking = done->matched[1]->booking_id;
        }
    }
    ck_assert_ptr_nonnull(d->back);
    const Passerelle__V1__Payment *told = payment(network, d->back->payment_id);
    ck_assert_int_eq(told->state, STATE(RETURNED));
    ck_assert_str_eq(told->return_reason, "AM04");
    ck_assert_int_eq(period_state(network), PASSERELLE__V1__PERIOD_STATE__PERIOD_STATE_CLOSED);
    buf_release(&xml);
}

static void returned_again(struct network *network, struct debits *d)
{
    struct buf xml = BUF_INIT;
    const Passerelle__V1__PaymentFile *second = NULL;
    const Passerelle__V1__ExportPaymentsResponse *again =
        export(network, olive, KIND(INVOICE), true);
    for (size_t i = 0; i < again->n_files; i++) {
        second = again->files[i]->repeated_run ? second : again->files[i];
    }
    ck_assert_ptr_nonnull(second);
    ck_assert_uint_eq(second->payments, 1);
    ck_assert(holds(second, d->back->payment_id));
    ck_assert(holds(second, "<SeqTp>RCUR</SeqTp>"));
    ck_assert_int_eq(payment(network, d->back->payment_id)->state, STATE(SENT));
    ck_assert_str_eq(payment(network, d->back->payment_id)->return_reason, "");
    ck_assert_int_eq(undo_code(network, d->booking), CODE_FAILED_PRECONDITION); /* sent since */
    /* the bank books it without its id, from an account that nobody knows */
    statement_begin(&xml, iban_of(network, d->back->to_id));
    statement_line(&xml, (struct line){.cents = d->back->cents, .iban = ELSEWHERE});
    statement_end(&xml);
    const Passerelle__V1__ImportStatementResponse *done = import(network, olive, &xml);
    ck_assert_uint_eq(done->n_left_over, 1);
    const char *booking = done->left_over[0]->booking_id;
    ck_assert_int_eq(match_code(network, booking, d->back->payment_id, d->back->payment_id),
                     CODE_FAILED_PRECONDITION);
    ck_assert_int_eq(match_code(network, booking, "VT-1", NULL), CODE_NOT_FOUND);
    ck_assert_int_eq(match_code(network, "0", d->back->payment_id, NULL), CODE_NOT_FOUND);
    ck_assert_int_eq(match_code(network, booking, d->back->payment_id, NULL), CODE_OK);
    ck_assert_int_eq(match_code(network, booking, d->back->payment_id, NULL),
                     CODE_FAILED_PRECONDITION);
    ck_assert_int_eq(period_state(network), PASSERELLE__V1__PERIOD_STATE__PERIOD_STATE_PAID);
    ck_assert_int_eq(undo_code(network, booking), CODE_OK);
    ck_assert_int_eq(undo_code(network, booking), CODE_FAILED_PRECONDITION);
    ck_assert_int_eq(payment(network, d->back->payment_id)->state, STATE(SENT));
    ck_assert_str_eq(payment(network, d->back->payment_id)->bank_reference, "");
    ck_assert_int_eq(period_state(network), PASSERELLE__V1__PERIOD_STATE__PERIOD_STATE_CLOSED);
    ck_assert_uint_eq(import(network, olive, &xml)->known, 1); /* not matched again by itself */
    ck_assert_int_eq(match_code(network, booking, d->back->payment_id, NULL), CODE_OK);
    ck_assert_int_eq(period_state(network), PASSERELLE__V1__PERIOD_STATE__PERIOD_STATE_PAID);
    buf_release(&xml);
}

static void parties_see_their_own(struct network *network, const struct debits *d)
{
    const Passerelle__V1__ListPaymentsResponse *seen =
        payments(network, network_who(ROLE_EMPLOYER, d->back->from_id), "");
    ck_assert_uint_eq(seen->n_payments, 1);
    ck_assert_str_eq(seen->payments[0]->payment_id, d->back->payment_id);
    struct principal member = network_who(ROLE_MEMBER, d->back->to_id);
    seen = payments(network, member, "");
    ck_assert_uint_gt(seen->n_payments, 2);
    for (size_t i = 0; i < seen->n_payments; i++) {
        ck_assert(strcmp(seen->payments[i]->from_id, d->back->to_id) == 0 ||
                  strcmp(seen->payments[i]->to_id, d->back->to_id) == 0);
    }
    const struct call *own = export_call(network, member, KIND(INVOICE), false, 0, "");
    ck_assert_int_eq(own->error.code, CODE_OK);
    ck_assert_uint_eq(((const Passerelle__V1__ExportPaymentsResponse *)own->response)->n_files, 1);
    ck_assert_int_eq(export_call(network, member, KIND(INVOICE), false, 0, "op")->error.code,
                     CODE_PERMISSION_DENIED);
}

/* Nothing is to be paid, so the close itself says that all is. */
START_TEST(nothing_to_pay)
{
    static struct network network;
    network_init(&network, false, 20);
    recorded_network(&network, REFERENCE_DIR);
    close_month(&network, "2020-01"); /* before any contract */
    ck_assert_uint_eq(payments(&network, olive, "")->n_payments, 0);
    ck_assert_int_eq(period_state(&network), PASSERELLE__V1__PERIOD_STATE__PERIOD_STATE_PAID);
    network_check(&network);
    network_release(&network);
}
END_TEST

/* ---- seen on paper; in parts ---- */

static Passerelle__V1__RecordPaymentRequest *paper_of(struct network *network, const char *id,
                                                      int64_t cents)
{
    Passerelle__V1__RecordPaymentRequest *request =
        network_new(network, &passerelle__v1__record_payment_request__descriptor);
    request->request_id = network_request_id(network);
    request->payment_id = text_of(network, id);
    request->cents = cents;
    request->booked_on = text_of(network, "2026-11-03");
    request->reference = text_of(network, "CHQ 0001");
    return request;
}

static const struct call *record(struct network *network, struct principal who,
                                 Passerelle__V1__RecordPaymentRequest *request)
{
    return network_call(network, who, "SettlementService", "RecordPayment", &request->base);
}

static void paper_refused(struct network *network, struct principal who,
                          Passerelle__V1__RecordPaymentRequest *request, enum code code,
                          const char *says)
{
    uint64_t before = books_size(network);
    const struct call *call = record(network, who, request);
    ck_assert_int_eq(call->error.code, code);
    ck_assert_msg(strstr(call->error.message, says) != NULL, "%s", call->error.message);
    ck_assert_uint_eq(books_size(network), before);
}

static void stands(struct network *network, const char *id, int state, int64_t paid_cents)
{
    const Passerelle__V1__Payment *told = payment(network, id);
    ck_assert_int_eq(told->state, state);
    ck_assert_int_eq(told->paid_cents, paid_cents);
}

static void paper_refusals(struct network *network, const Passerelle__V1__Payment *owed)
{
    const Passerelle__V1__ListPaymentsResponse *all = payments(network, olive, "");
    const char *netted = NULL;
    for (size_t i = 0; i < all->n_payments; i++) {
        netted = all->payments[i]->kind == KIND(NETTED) ? all->payments[i]->payment_id : netted;
    }
    ck_assert_ptr_nonnull(netted);
    paper_refused(network, olive, paper_of(network, netted, 100), CODE_FAILED_PRECONDITION,
                  "transfers of its month");
    paper_refused(network, olive, paper_of(network, "FA-1", 100), CODE_NOT_FOUND,
                  "no payment FA-1");
    paper_refused(network, network_who(ROLE_MEMBER, "m999"),
                  paper_of(network, owed->payment_id, 100), CODE_NOT_FOUND, "no payment FA-");
    paper_refused(network, olive, paper_of(network, owed->payment_id, owed->cents + 1),
                  CODE_INVALID_ARGUMENT, "are left to pay");
    paper_refused(network, olive, paper_of(network, owed->payment_id, -1), CODE_INVALID_ARGUMENT,
                  "above 0");
    Passerelle__V1__RecordPaymentRequest *request = paper_of(network, owed->payment_id, 100);
    request->booked_on = text_of(network, "2026-11-04");
    paper_refused(network, olive, request, CODE_INVALID_ARGUMENT, "up to today");
    request = paper_of(network, owed->payment_id, 100);
    request->reference = text_of(network, "chèque de Jeanne");
    paper_refused(network, olive, request, CODE_INVALID_ARGUMENT, "without accents");
}

static enum code match_part(struct network *network, const char *booking, char *payment_id)
{
    Passerelle__V1__MatchBookingRequest *request =
        network_new(network, &passerelle__v1__match_booking_request__descriptor);
    request->request_id = network_request_id(network);
    request->booking_id = text_of(network, booking);
    request->payment_ids = &payment_id;
    request->n_payment_ids = 1;
    request->part = true;
    return network_call(network, olive, "SettlementService", "MatchBooking", &request->base)
        ->error.code;
}

static bool accounts_hold(struct network *network, const char *member_id, const char *part)
{
    Passerelle__V1__GetAccountsRequest *request =
        network_new(network, &passerelle__v1__get_accounts_request__descriptor);
    request->member_id = text_of(network, member_id);
    request->from = text_of(network, "2026-01-01");
    request->to = text_of(network, "2026-12-31");
    const Passerelle__V1__GetAccountsResponse *response =
        network_must(network, olive, "SettlementService", "GetAccounts", &request->base);
    return memmem(response->content.data, response->content.len, part, strlen(part)) != NULL;
}

static int64_t overdue_cents(struct network *network, const char *id)
{
    Passerelle__V1__ListOverdueRequest *request =
        network_new(network, &passerelle__v1__list_overdue_request__descriptor);
    const Passerelle__V1__ListOverdueResponse *response =
        network_must(network, olive, "SettlementService", "ListOverdue", &request->base);
    for (size_t i = 0; i < response->n_invoices; i++) {
        if (strcmp(response->invoices[i]->payment_id, id) == 0) {
            return response->invoices[i]->cents;
        }
    }
    return 0;
}

/* A cheque pays a part; the debit asks for the rest; a transfer pays another part; then the rest
 * comes. Each is undone, the last first. */
START_TEST(in_parts)
{
    static struct network network;
    struct buf xml = BUF_INIT;
    const Passerelle__V1__Payment *owed = NULL;
    char amount[64];
    begin(&network, 39, true);
    const Passerelle__V1__ListPaymentsResponse *all = payments(&network, olive, "");
    for (size_t i = 0; i < all->n_payments; i++) {
        const Passerelle__V1__Payment *one = all->payments[i];
        owed = one->kind == KIND(INVOICE) && one->debited && one->cents > 5000 ? one : owed;
    }
    ck_assert_ptr_nonnull(owed);
    paper_refusals(&network, owed);
    Passerelle__V1__RecordPaymentRequest *cheque = paper_of(&network, owed->payment_id, 1234);
    const struct call *call = record(&network, network_who(ROLE_MEMBER, owed->to_id), cheque);
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    const Passerelle__V1__RecordPaymentResponse *done = (const void *)call->response;
    ck_assert_int_eq(done->left_cents, owed->cents - 1234);
    ck_assert(done->booked->part);
    record(&network, network_who(ROLE_MEMBER, owed->to_id), cheque); /* once */
    stands(&network, owed->payment_id, STATE(TO_PAY), 1234);
    ck_assert(accounts_hold(&network, owed->to_id, "CHQ 0001\t20261103"));
    ck_assert(accounts_hold(&network, owed->to_id, "\t12,34\t0,00\t"));
    ck_assert(accounts_hold(&network, owed->to_id, "\t0,00\t12,34\t"));

    ck_assert_int_eq(member_put(&network, olive, owed->to_id, "FR72ZZZ123456", NULL)->error.code,
                     CODE_OK);
    const struct call *files = export_call(&network, olive, KIND(INVOICE), false, 0, owed->to_id);
    const Passerelle__V1__ExportPaymentsResponse *made = (const void *)files->response;
    ck_assert_uint_eq(made->n_files, 1);
    snprintf(amount, sizeof amount, ">%lld.%02lld</InstdAmt>",
             (long long)(owed->cents - 1234) / 100, (long long)(owed->cents - 1234) % 100);
    ck_assert(holds(made->files[0], amount));
    stands(&network, owed->payment_id, STATE(SENT), 1234);

    /* too much, and too little: listed, and the second matched by hand */
    statement_begin(&xml, iban_of(&network, owed->to_id));
    statement_line(&xml, (struct line){.cents = owed->cents, .end_to_end = owed->payment_id});
    statement_line(&xml, (struct line){.cents = 766, .end_to_end = owed->payment_id});
    statement_end(&xml);
    const Passerelle__V1__ImportStatementResponse *told = import(&network, olive, &xml);
    ck_assert_uint_eq(told->n_matched, 0);
    ck_assert_uint_eq(told->n_left_over, 2);
    const char *much = told->left_over[0]->booking_id;
    const char *little = told->left_over[1]->booking_id;
    ck_assert_int_eq(match_code(&network, much, owed->payment_id, NULL), CODE_FAILED_PRECONDITION);
    ck_assert_int_eq(match_part(&network, much, owed->payment_id), CODE_FAILED_PRECONDITION);
    ck_assert_int_eq(match_code(&network, little, owed->payment_id, NULL),
                     CODE_FAILED_PRECONDITION);
    ck_assert_int_eq(match_part(&network, little, owed->payment_id), CODE_OK);
    stands(&network, owed->payment_id, STATE(SENT), 2000);
    network.clock.now_utc_ms += INT64_C(60) * 86400000;
    ck_assert_int_eq(overdue_cents(&network, owed->payment_id), owed->cents - 2000);

    statement_begin(&xml, iban_of(&network, owed->to_id));
    statement_line(&xml,
                   (struct line){.cents = owed->cents - 2000, .end_to_end = owed->payment_id});
    statement_end(&xml);
    told = import(&network, olive, &xml);
    ck_assert_uint_eq(told->n_matched, 1);
    ck_assert_int_eq(told->matched[0]->cents, owed->cents - 2000);
    stands(&network, owed->payment_id, STATE(CONFIRMED), owed->cents);
    paper_refused(&network, olive, paper_of(&network, owed->payment_id, 1),
                  CODE_FAILED_PRECONDITION, "cannot be booked");
    network_check(&network);

    ck_assert_int_eq(undo_code(&network, cheque->request_id), CODE_FAILED_PRECONDITION);
    ck_assert_int_eq(undo_code(&network, told->matched[0]->booking_id), CODE_OK);
    stands(&network, owed->payment_id, STATE(SENT), 2000);
    ck_assert_str_eq(payment(&network, owed->payment_id)->bank_reference, "");
    size_t left = left_over(&network, olive);
    ck_assert_int_eq(undo_code(&network, cheque->request_id), CODE_OK);
    stands(&network, owed->payment_id, STATE(SENT), 766);
    ck_assert(!accounts_hold(&network, owed->to_id, "CHQ 0001"));
    ck_assert_uint_eq(left_over(&network, olive), left); /* no bank told it: it is forgotten */
    ck_assert_int_eq(undo_code(&network, cheque->request_id), CODE_NOT_FOUND);
    cheque = paper_of(&network, owed->payment_id, 0);
    ck_assert_int_eq(record(&network, olive, cheque)->error.code, CODE_OK);
    stands(&network, owed->payment_id, STATE(CONFIRMED), owed->cents);
    ck_assert_int_eq(undo_code(&network, little), CODE_FAILED_PRECONDITION);
    network_check(&network);
    buf_release(&xml);
    network_release(&network);
}
END_TEST

START_TEST(until_paid)
{
    static struct network network;
    struct debits debits = {0};
    begin(&network, 31, true);
    const Passerelle__V1__PaymentFile *file = transfers_sent(&network);
    transfers_booked(&network, file);
    paid_by_itself(&network);
    debits_sent(&network, &debits);
    debits_booked(&network, &debits);
    network_check(&network);
    returned_again(&network, &debits);
    parties_see_their_own(&network, &debits);
    network_check(&network);
    network_release(&network);
}
END_TEST

/* ---- other accounts than at the close ---- */

START_TEST(another_account)
{
    static struct network network;
    begin(&network, 32, true);
    const Passerelle__V1__ListPaymentsResponse *all = payments(&network, olive, "");
    const char *payee = NULL;
    for (size_t i = 0; i < all->n_payments && payee == NULL; i++) {
        const Passerelle__V1__Payment *one = all->payments[i];
        payee = one->kind == KIND(TRANSFER) && strcmp(one->from_id, "op") == 0 ? one->to_id : NULL;
    }
    ck_assert_ptr_nonnull(payee);
    const char *before = iban_of(&network, payee);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(
            member_put(&network, i == 0 ? olive : oscar, payee, NULL, ELSEWHERE)->error.code,
            CODE_OK);
    }
    uint64_t size = books_size(&network);
    const struct call *call = export_call(&network, olive, KIND(TRANSFER), false, 0, "op");
    const Passerelle__V1__ExportPaymentsResponse *first = (const void *)call->response;
    ck_assert_str_ne(first->approval_id, "");
    ck_assert_uint_eq(first->n_files, 0);
    ck_assert_uint_eq(books_size(&network), size);
    /* it is changed once more before the second operator agrees: another wish */
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(
            member_put(&network, i == 0 ? olive : oscar, payee, NULL, "FR7630006000011234567890189")
                ->error.code,
            CODE_OK);
    }
    call = export_call(&network, oscar, KIND(TRANSFER), false, 0, "op");
    ck_assert_str_ne(((const Passerelle__V1__ExportPaymentsResponse *)call->response)->approval_id,
                     "");
    call = export_call(&network, olive, KIND(TRANSFER), false, 0, "op");
    const Passerelle__V1__ExportPaymentsResponse *made = (const void *)call->response;
    ck_assert_str_eq(made->approval_id, "");
    ck_assert_uint_eq(made->n_files, 1);
    ck_assert_uint_eq(made->files[0]->n_changed, 1);
    ck_assert_str_eq(made->files[0]->changed[0]->iban, "FR7630006000011234567890189");
    ck_assert_str_eq(made->files[0]->changed[0]->iban_at_close, before);
    const char *note = arena_printf(&network.arena, "used here: %s (at the close: %s)",
                                    "FR7630006000011234567890189", before);
    ck_assert(holds(made->files[0], note));
    network_check(&network);
    network_release(&network);
}
END_TEST

/* The mandate of an employer moves to another account after the close. */
START_TEST(another_debited_account)
{
    static struct network network;
    const Passerelle__V1__Payment *debited = NULL;
    begin(&network, 37, true);
    const Passerelle__V1__ListPaymentsResponse *all = payments(&network, olive, "");
    for (size_t i = 0; i < all->n_payments && debited == NULL; i++) {
        debited =
            all->payments[i]->debited && all->payments[i]->cents > 0 ? all->payments[i] : NULL;
    }
    ck_assert_ptr_nonnull(debited);
    ck_assert_int_eq(member_put(&network, olive, debited->to_id, "FR72ZZZ123456", NULL)->error.code,
                     CODE_OK);
    Passerelle__V1__ListEmployersRequest *ask =
        network_new(&network, &passerelle__v1__list_employers_request__descriptor);
    ask->employer_id = debited->from_id;
    Passerelle__V1__PutEmployerRequest *put =
        network_new(&network, &passerelle__v1__put_employer_request__descriptor);
    const Passerelle__V1__ListEmployersResponse *employers =
        network_must(&network, olive, "EmployerService", "ListEmployers", &ask->base);
    put->request_id = network_request_id(&network);
    put->employer = employers->employers[0];
    put->employer->mandate->iban = text_of(&network, ELSEWHERE);
    network_must(&network, olive, "EmployerService", "PutEmployer", &put->base);
    for (int i = 0; i < 2; i++) {
        const struct call *call =
            export_call(&network, i == 0 ? olive : oscar, KIND(INVOICE), false, 0, debited->to_id);
        const Passerelle__V1__ExportPaymentsResponse *made = (const void *)call->response;
        ck_assert_int_eq(made->approval_id[0] != '\0', i == 0);
        ck_assert_uint_eq(made->n_files, (unsigned)i);
        ck_assert(i == 0 || holds(made->files[0], "used here: " ELSEWHERE " (at the close: "));
    }
    network_check(&network);
    network_release(&network);
}
END_TEST

/* ---- direct transfers; credit notes ---- */

/* November has nothing but what October billed too much: credit notes, which are paid back. In it
 * members pay each other, not the operator. */
START_TEST(credit_notes_and_direct_transfers)
{
    static struct network network;
    size_t count, refunds = 0, direct = 0;
    begin(&network, 38, true);
    Passerelle__V1__NetworkPolicy policy = policy_now(&network);
    policy.netting = PASSERELLE__V1__NETTING_MODE__NETTING_MODE_DIRECT;
    policy_put(&network, &policy);
    const struct recorded_stay *stays =
        recorded_stays(&network, REFERENCE_DIR "/visits-2026-10.csv", &count);
    network.clock.now_utc_ms += INT64_C(30) * 86400000;
    recorded_begin(&network);
    for (size_t i = 0; i < 400; i++) {
        recorded_void(&network, stays[i].site_id, stays[i].visit_id);
    }
    recorded_commit(&network);
    close_month(&network, "2026-11");
    const Passerelle__V1__ListPaymentsResponse *all = payments(&network, olive, "");
    const Passerelle__V1__Payment *refund = NULL;
    for (size_t i = 0; i < all->n_payments; i++) {
        const Passerelle__V1__Payment *one = all->payments[i];
        bool november = strcmp(one->month, "2026-11") == 0;
        ck_assert_int_ge(one->cents, 0);
        ck_assert(one->kind == KIND(NETTED) || one->cents > 0 || one->state == STATE(CONFIRMED));
        if (november && one->kind == KIND(REFUND) && one->cents > 0) {
            refunds++;
            refund = one;
        }
        direct += november && one->kind == KIND(TRANSFER) && strcmp(one->from_id, "op") != 0 &&
                  strcmp(one->to_id, "op") != 0;
    }
    ck_assert_uint_gt(refunds, 3);
    ck_assert_uint_gt(direct, 3);
    /* the issuer pays it back; the statement names nobody that is known */
    struct buf xml = BUF_INIT;
    statement_begin(&xml, iban_of(&network, refund->from_id));
    statement_line(&xml, (struct line){.cents = -refund->cents, .iban = ELSEWHERE});
    statement_end(&xml);
    const Passerelle__V1__ImportStatementResponse *done = import(&network, olive, &xml);
    ck_assert_uint_eq(done->n_left_over, 1);
    ck_assert_int_eq(match_code(&network, done->left_over[0]->booking_id, refund->payment_id, NULL),
                     CODE_OK);
    ck_assert_int_eq(payment(&network, refund->payment_id)->state, STATE(CONFIRMED));
    Passerelle__V1__ExportPaymentsRequest *request =
        network_new(&network, &passerelle__v1__export_payments_request__descriptor);
    request->request_id = network_request_id(&network);
    request->month = text_of(&network, "2026-11");
    request->kind = KIND(TRANSFER);
    const Passerelle__V1__ExportPaymentsResponse *files =
        network_must(&network, olive, "SettlementService", "ExportPayments", &request->base);
    for (size_t i = 0; i < files->n_files; i++) {
        ck_assert(holds(files->files[i], "<EndToEndId>VT-202611-"));
    }
    ck_assert_uint_gt(files->n_files, 3);
    network_check(&network);
    buf_release(&xml);
    network_release(&network);
}
END_TEST

START_TEST(no_account)
{
    static struct network network;
    begin(&network, 33, false);
    const Passerelle__V1__ExportPaymentsResponse *made =
        export(&network, olive, KIND(TRANSFER), false);
    ck_assert_uint_eq(made->n_files, 0);
    ck_assert_uint_gt(made->n_left_out, 10);
    ck_assert_ptr_nonnull(strstr(made->left_out[0]->reason, "has no IBAN on record"));
    struct buf xml = BUF_INIT;
    statement_begin(&xml, ELSEWHERE);
    statement_line(&xml, (struct line){.cents = 1});
    statement_end(&xml);
    ck_assert_int_eq(import_call(&network, olive, buf_content(&xml))->error.code,
                     CODE_FAILED_PRECONDITION);
    buf_release(&xml);
    network_release(&network);
}
END_TEST

START_TEST(bad_statements)
{
    static struct network network;
    struct buf xml = BUF_INIT;
    begin(&network, 34, true);
    statement_begin(&xml, iban_of(&network, "op"));
    statement_line(&xml, (struct line){.cents = 100});
    statement_end(&xml);
    uint64_t size = books_size(&network);
    struct view whole = buf_content(&xml);
    const char *dollars = strstr(xml.data, "EUR");
    const struct {
        struct view file;
        const char *says;
    } rows[] = {
        {view_slice(whole, 0, whole.len - 30), "cut short"},
        {view_of(arena_printf(&network.arena, "%.*sUSD%s", (int)(dollars - xml.data), xml.data,
                              dollars + 3)),
         "not in EUR"},
        {view_of(arena_printf(&network.arena,
                              "<!DOCTYPE d [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>%s",
                              strchr(xml.data + 1, '<'))),
         "document type"},
        {VIEW_LIT("<Document/>"), "camt.053"},
        {VIEW_NONE, "the file is empty"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct call *call = import_call(&network, olive, rows[i].file);
        ck_assert_int_eq(call->error.code, CODE_INVALID_ARGUMENT);
        ck_assert_msg(strstr(call->error.message, rows[i].says) != NULL, "%zu: %s", i,
                      call->error.message);
    }
    ck_assert_uint_eq(books_size(&network), size);
    ck_assert_uint_eq(left_over(&network, olive), 0);
    buf_release(&xml);
    network_release(&network);
}
END_TEST

/* ---- overdue, reminders, suspension ---- */

#define DAY_MS INT64_C(86400000)
#define CARD PASSERELLE__V1__MEDIUM__MEDIUM_CARD

static void policy_set(struct network *network, uint32_t suspend_days, uint32_t cut_percent)
{
    Passerelle__V1__NetworkPolicy policy = policy_now(network);
    policy.suspend_overdue_days = suspend_days;
    policy.exposure_cut_percent = cut_percent;
    policy_put(network, &policy);
}

static const Passerelle__V1__FollowUpResponse *follow_up(struct network *network)
{
    Passerelle__V1__FollowUpRequest *request =
        network_new(network, &passerelle__v1__follow_up_request__descriptor);
    request->request_id = network_request_id(network);
    struct call *call =
        network_prepare(network, olive, "SettlementService", "FollowUp", &request->base);
    network_write(network, call);
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    return (const void *)call->response;
}

static const Passerelle__V1__ListOverdueResponse *overdue(struct network *network,
                                                          struct principal who)
{
    Passerelle__V1__ListOverdueRequest *request =
        network_new(network, &passerelle__v1__list_overdue_request__descriptor);
    return network_must(network, who, "SettlementService", "ListOverdue", &request->base);
}

static const struct call *remind(struct network *network, struct principal who, const char *id,
                                 uint32_t level)
{
    Passerelle__V1__RemindPaymentRequest *request =
        network_new(network, &passerelle__v1__remind_payment_request__descriptor);
    request->request_id = network_request_id(network);
    request->payment_id = text_of(network, id);
    request->level = level;
    return network_call(network, who, "SettlementService", "RemindPayment", &request->base);
}

static const Passerelle__V1__IssuePassesResponse *issue(struct network *network,
                                                        const char *employer_id)
{
    Passerelle__V1__IssuePassesRequest *request =
        network_new(network, &passerelle__v1__issue_passes_request__descriptor);
    request->request_id = network_request_id(network);
    request->employer_id = text_of(network, employer_id);
    return network_must(network, olive, "PassService", "IssuePasses", &request->base);
}

static size_t passes_in(struct network *network, const char *employer_id,
                        Passerelle__V1__PassState state)
{
    size_t count = 0;
    Passerelle__V1__ListPassesRequest *request =
        network_new(network, &passerelle__v1__list_passes_request__descriptor);
    request->employer_id = text_of(network, employer_id);
    const Passerelle__V1__ListPassesResponse *response =
        network_must(network, olive, "PassService", "ListPasses", &request->base);
    for (size_t i = 0; i < response->n_passes; i++) {
        count += response->passes[i]->state == state;
    }
    return count;
}

static void pass_move(struct network *network, const char *pass_id, bool resume)
{
    Passerelle__V1__SuspendPassesRequest *suspend =
        network_new(network, &passerelle__v1__suspend_passes_request__descriptor);
    Passerelle__V1__ResumePassesRequest *give_back =
        network_new(network, &passerelle__v1__resume_passes_request__descriptor);
    char *ids[] = {text_of(network, pass_id)};
    suspend->request_id = give_back->request_id = network_request_id(network);
    suspend->pass_ids = give_back->pass_ids = ids;
    suspend->n_pass_ids = give_back->n_pass_ids = 1;
    network_must(network, olive, "PassService", resume ? "ResumePasses" : "SuspendPasses",
                 resume ? &give_back->base : &suspend->base);
}

/* The letters of one invoice: three, a week apart, each again as it was. */
static void reminders(struct network *network, const Passerelle__V1__Overdue *one)
{
    struct principal issuer = network_who(ROLE_MEMBER, one->to_id);
    static const char *const titles[] = {"Rappel : facture", "rappel : facture", "Mise en demeure"};
    const char *first = NULL;
    ck_assert_int_eq(
        remind(network, network_who(ROLE_MEMBER, "m999"), one->payment_id, 0)->error.code,
        CODE_NOT_FOUND);
    ck_assert_int_eq(remind(network, issuer, one->payment_id, 1)->error.code, CODE_NOT_FOUND);
    for (uint32_t level = 1; level <= 3; level++) {
        const struct call *call = remind(network, issuer, one->payment_id, 0);
        ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
        const Passerelle__V1__RemindPaymentResponse *letter = (const void *)call->response;
        ck_assert_uint_eq(letter->level, level);
        ck_assert_ptr_nonnull(strstr(letter->text, titles[level - 1]));
        ck_assert_ptr_nonnull(strstr(letter->text, one->payment_id));
        ck_assert_ptr_nonnull(strstr(letter->html, "<h1>"));
        first = level == 1 ? letter->text : first;
        ck_assert_int_eq(remind(network, issuer, one->payment_id, 0)->error.code,
                         CODE_FAILED_PRECONDITION); /* too soon, or no more */
        network->clock.now_utc_ms += 7 * DAY_MS;
    }
    ck_assert_int_eq(remind(network, issuer, one->payment_id, 0)->error.code,
                     CODE_FAILED_PRECONDITION);
    const struct call *again = remind(network, olive, one->payment_id, 1);
    ck_assert_str_eq(((const Passerelle__V1__RemindPaymentResponse *)again->response)->text, first);
}

START_TEST(overdue_and_suspended)
{
    static struct network network;
    struct buf xml = BUF_INIT;
    begin(&network, 35, true);
    follow_up(&network);
    ck_assert_uint_eq(overdue(&network, olive)->n_invoices, 0);
    network.clock.now_utc_ms += 40 * DAY_MS;
    const Passerelle__V1__ListOverdueResponse *late = overdue(&network, olive);
    ck_assert_uint_gt(late->n_invoices, 2);
    const Passerelle__V1__Overdue *one = late->invoices[0];
    ck_assert_uint_eq(one->days_late, 10);
    ck_assert_str_ne(one->from_name, "");
    ck_assert_uint_eq(overdue(&network, network_who(ROLE_EMPLOYER, one->from_id))->n_invoices, 1);
    reminders(&network, one);
    ck_assert_uint_eq(
        overdue(&network, network_who(ROLE_EMPLOYER, one->from_id))->invoices[0]->reminders, 3);

    const Passerelle__V1__IssuePassesResponse *passes = issue(&network, one->from_id);
    ck_assert_uint_gt(passes->n_passes, 2);
    pass_move(&network, passes->passes[0]->pass->pass_id, false); /* for another reason */
    follow_up(&network);
    ck_assert_uint_eq(
        passes_in(&network, one->from_id, PASSERELLE__V1__PASS_STATE__PASS_STATE_SUSPENDED), 1);
    policy_set(&network, 60, 100);
    ck_assert_uint_eq(follow_up(&network)->n_suspended_employer_ids, 0);
    policy_set(&network, 20, 100);
    const Passerelle__V1__FollowUpResponse *done = follow_up(&network);
    ck_assert_uint_eq(done->n_suspended_employer_ids, late->n_invoices);
    ck_assert_uint_ge(done->passes, passes->n_passes - 1);
    ck_assert_uint_eq(
        passes_in(&network, one->from_id, PASSERELLE__V1__PASS_STATE__PASS_STATE_SUSPENDED),
        passes->n_passes);
    uint64_t size = books_size(&network);
    ck_assert_uint_eq(follow_up(&network)->passes, 0);
    ck_assert_uint_eq(books_size(&network), size);
    /* given back by hand: it stays so */
    pass_move(&network, passes->passes[1]->pass->pass_id, true);
    ck_assert_uint_eq(follow_up(&network)->passes, 0);
    network_check(&network);

    statement_begin(&xml, iban_of(&network, one->to_id));
    statement_line(&xml, (struct line){.cents = one->cents, .end_to_end = one->payment_id});
    statement_end(&xml);
    ck_assert_uint_eq(import(&network, olive, &xml)->n_matched, 1);
    done = follow_up(&network);
    ck_assert_uint_eq(done->n_resumed_employer_ids, 1);
    ck_assert_str_eq(done->resumed_employer_ids[0], one->from_id);
    ck_assert_uint_eq(
        passes_in(&network, one->from_id, PASSERELLE__V1__PASS_STATE__PASS_STATE_SUSPENDED), 1);
    policy_set(&network, 0, 100);
    ck_assert_uint_eq(follow_up(&network)->n_resumed_employer_ids, late->n_invoices - 1);
    network_check(&network);
    buf_release(&xml);
    network_release(&network);
}
END_TEST

/* ---- exposure ---- */

static enum code limit_set(struct network *network, const char *member_id, int64_t cents)
{
    Passerelle__V1__SetExposureLimitRequest *request =
        network_new(network, &passerelle__v1__set_exposure_limit_request__descriptor);
    request->request_id = network_request_id(network);
    request->member_id = text_of(network, member_id);
    request->limit_cents = cents;
    return network_call(network, olive, "SettlementService", "SetExposureLimit", &request->base)
        ->error.code;
}

static const Passerelle__V1__ListExposureResponse *exposure(struct network *network,
                                                            const char *member_id, bool now)
{
    Passerelle__V1__ListExposureRequest *request =
        network_new(network, &passerelle__v1__list_exposure_request__descriptor);
    request->member_id = text_of(network, member_id);
    request->now = now;
    return network_must(network, olive, "SettlementService", "ListExposure", &request->base);
}

static const Passerelle__V1__CheckInResponse *check_in(struct network *network, const char *number)
{
    Passerelle__V1__CheckInRequest *request =
        network_new(network, &passerelle__v1__check_in_request__descriptor);
    request->request_id = network_request_id(network);
    request->site_id = text_of(network, "s004"); /* open day and night */
    request->credential_case = PASSERELLE__V1__CHECK_IN_REQUEST__CREDENTIAL_CARD_NUMBER;
    request->card_number = text_of(network, number);
    return network_must(network, olive, "DeskService", "CheckIn", &request->base);
}

static int level_of(struct network *network, const char *member_id)
{
    const Passerelle__V1__ListExposureResponse *told = exposure(network, member_id, false);
    ck_assert_uint_eq(told->n_issuers, 1);
    return (int)told->issuers[0]->level;
}

#define LEVEL(name) PASSERELLE__V1__EXPOSURE_LEVEL__EXPOSURE_LEVEL_##name

/* e003 pays after use; its issuer owes others for October, and for what began in November. */
START_TEST(exposed)
{
    static struct network network;
    const char *number = NULL;
    begin(&network, 36, true);
    Passerelle__V1__ListEmployersRequest *ask =
        network_new(&network, &passerelle__v1__list_employers_request__descriptor);
    ask->employer_id = text_of(&network, "e003");
    const Passerelle__V1__ListEmployersResponse *employers =
        network_must(&network, olive, "EmployerService", "ListEmployers", &ask->base);
    const char *issuer = employers->employers[0]->issuer_member_id;
    const Passerelle__V1__IssuePassesResponse *passes = issue(&network, "e003");
    for (size_t i = 0; i < passes->n_passes; i++) {
        const Passerelle__V1__Pass *pass = passes->passes[i]->pass;
        bool after_use = pass->medium == CARD && strcmp(pass->plan_id, "e003-p1") == 0;
        number = after_use ? pass->number : number;
    }
    ck_assert_ptr_nonnull(number);
    ck_assert_uint_eq(exposure(&network, "", false)->n_issuers, 0);
    const Passerelle__V1__ListExposureResponse *told = exposure(&network, issuer, true);
    ck_assert_uint_eq(told->n_issuers, 1);
    int64_t owed = told->issuers[0]->owed_cents;
    ck_assert_int_gt(owed, 0);
    ck_assert_int_eq(owed, told->issuers[0]->closed_cents + told->issuers[0]->open_cents);
    ck_assert_int_eq(limit_set(&network, "m999", 1), CODE_NOT_FOUND);
    ck_assert_int_eq(limit_set(&network, issuer, -1), CODE_INVALID_ARGUMENT);
    const struct {
        int64_t limit;
        int level;
    } rows[] = {{2 * owed, LEVEL(FINE)},
                {owed * 5 / 4, LEVEL(WARNED)},
                {owed + 1, LEVEL(WARNED)},
                {owed, LEVEL(CUT_OFF)}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ck_assert_int_eq(limit_set(&network, issuer, rows[i].limit), CODE_OK);
        follow_up(&network);
        ck_assert_int_eq(level_of(&network, issuer), rows[i].level);
    }
    uint64_t size = books_size(&network);
    ck_assert_uint_eq(follow_up(&network)->n_issuers, 0);
    ck_assert_uint_eq(books_size(&network), size);
    const Passerelle__V1__CheckInResponse *refused = check_in(&network, number);
    ck_assert(!refused->accepted);
    ck_assert_int_eq(refused->refusal->code,
                     PASSERELLE__V1__REFUSAL_CODE__REFUSAL_CODE_CAP_REACHED);
    ck_assert_str_eq(refused->refusal->rule, "issuer_exposure");
    network_check(&network);
    /* the policy decides whether there is a cut-off */
    policy_set(&network, 0, 0);
    ck_assert_uint_eq(follow_up(&network)->n_issuers, 1);
    ck_assert_int_eq(level_of(&network, issuer), LEVEL(WARNED));
    ck_assert(check_in(&network, number)->accepted);
    /* what it owes is paid: it is fine again, but for the open month */
    struct buf xml = BUF_INIT;
    const Passerelle__V1__ListPaymentsResponse *all = payments(&network, olive, issuer);
    export(&network, olive, KIND(TRANSFER), false);
    statement_begin(&xml, iban_of(&network, issuer));
    for (size_t i = 0; i < all->n_payments; i++) {
        if (all->payments[i]->kind == KIND(TRANSFER) &&
            strcmp(all->payments[i]->from_id, issuer) == 0) {
            statement_line(&xml, (struct line){.cents = -all->payments[i]->cents,
                                               .end_to_end = all->payments[i]->payment_id});
        }
    }
    statement_end(&xml);
    import(&network, olive, &xml);
    told = exposure(&network, issuer, true);
    ck_assert_int_eq(told->issuers[0]->closed_cents, 0);
    ck_assert_int_lt(told->issuers[0]->owed_cents, owed);
    follow_up(&network);
    ck_assert_int_eq(level_of(&network, issuer), LEVEL(FINE));
    network_check(&network);
    buf_release(&xml);
    network_release(&network);
}
END_TEST

int main(void)
{
    olive = network_who(ROLE_OPERATOR, "olive");
    oscar = network_who(ROLE_OPERATOR, "oscar");
    Suite *suite = suite_create("paying");
    TCase *tcase = tcase_create("paying");
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, nothing_to_pay);
    tcase_add_test(tcase, in_parts);
    tcase_add_test(tcase, until_paid);
    tcase_add_test(tcase, another_account);
    tcase_add_test(tcase, another_debited_account);
    tcase_add_test(tcase, credit_notes_and_direct_transfers);
    tcase_add_test(tcase, no_account);
    tcase_add_test(tcase, bad_statements);
    tcase_add_test(tcase, overdue_and_suspended);
    tcase_add_test(tcase, exposed);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
