/* What banks say: statements are read and matched, account by account, from the side of the member
 * whose account it is. What was matched goes into `books`, without a name; the bookings themselves
 * are kept here only. A statement that was read before changes nothing. */
#include "base/map.h"
#include "core/payments/match.h"
#include "service/journal.h"
#include "service/settlement/payments.h"
#include "service/settlement/settlement.h"
#include "store/view/registry.h"
#include "wire/pack.h"

enum {
    BOOKINGS_PER_ENTRY = 100, /* of at most 600 bytes each */
    REFERENCE_MAX = 200,      /* bytes of a bank's reference that are kept */
    PAYMENTS_BY_HAND_MAX = 500,
};

_Static_assert((int)PAYMENT_STATE(TO_PAY) == PAYMENT_TO_PAY + 1 &&
                   (int)PAYMENT_STATE(RETURNED) == PAYMENT_RETURNED + 1,
               "states are those of the contract, from 1");
_Static_assert((int)PASSERELLE__V1__PAYMENT_RULE__PAYMENT_RULE_GROUP == MATCH_GROUP + 1,
               "rules too");

static enum payment_state state_of(Passerelle__V1__PaymentState state)
{
    return (enum payment_state)(state - 1);
}

static Passerelle__V1__PaymentState state_told(enum payment_state state)
{
    return (Passerelle__V1__PaymentState)(state + 1);
}

/* ---- all that may be paid ---- */

struct bank_account {
    const char *iban;
    const char *member_id;
};

/* The payments of all closed months, and whose which account is or was. */
struct ledger {
    struct service *service;
    struct call *call;
    struct payments *months;
    size_t month_count;
    struct map accounts; /* by IBAN: struct bank_account */
};

static void account_add(struct ledger *ledger, const char *iban, const char *member_id)
{
    struct bank_account *account = ARENA_NEW(ledger->call->arena, struct bank_account);
    *account = (struct bank_account){arena_string(ledger->call->arena, view_of(iban)),
                                     arena_string(ledger->call->arena, view_of(member_id))};
    if (iban[0] != '\0' && map_get(&ledger->accounts, view_of(iban)) == NULL) {
        map_put(&ledger->accounts, view_of(iban), account);
    }
}

static bool account_take(void *context, const ProtobufCMessage *record)
{
    const Passerelle__V1__BankAccount *account = (const void *)record;
    account_add(context, account->iban, account->member_id);
    return true;
}

static void ledger_release(struct ledger *ledger)
{
    map_release(&ledger->accounts);
}

/* To be released in every case. */
static int ledger_load(struct service *service, struct call *call, struct ledger *out)
{
    struct month *months;
    *out = (struct ledger){.service = service, .call = call};
    map_init(&out->accounts, 0);
    size_t count = payments_months(service->db, call->arena, &months);
    out->months = ARENA_ARRAY(call->arena, count, struct payments);
    registry_walk(service->db, REGISTRY_ACCOUNTS, account_take, out);
    while (out->month_count < count) {
        struct payments *payments = &out->months[out->month_count];
        if (payments_load(service, call, months[out->month_count], payments) != 0) {
            return -1;
        }
        out->month_count++;
        for (size_t i = 0; i < payments->terms->n_accounts; i++) {
            const Passerelle__V1__BankAccount *then = payments->terms->accounts[i];
            account_add(out, then->iban, then->member_id);
        }
    }
    return 0;
}

static struct payment *ledger_find(const struct ledger *ledger, const char *payment_id)
{
    for (size_t m = 0; m < ledger->month_count; m++) {
        for (size_t i = 0; i < ledger->months[m].count; i++) {
            struct payment *payment = &ledger->months[m].all[i];
            if (strcmp(payment->told->payment_id, payment_id) == 0) {
                return payment;
            }
        }
    }
    return NULL;
}

/* The member's side of a payment: whether it is one of the two, and gets the money. */
static bool is_side(const struct payment *payment, const char *member_id, bool *incoming)
{
    const Passerelle__V1__Payment *told = payment->told;
    bool pays = told->kind == PAYMENT_KIND(TRANSFER) || told->kind == PAYMENT_KIND(REFUND);
    bool gets = told->kind == PAYMENT_KIND(TRANSFER) || told->kind == PAYMENT_KIND(INVOICE);
    *incoming = gets && strcmp(told->to_id, member_id) == 0;
    return told->cents > 0 && (*incoming || (pays && strcmp(told->from_id, member_id) == 0));
}

/* A member is believed when it says that it got its money, not that it has paid: what it owes, and
 * whether its visitors are let in, hangs on that. */
static bool is_believed(const struct call *call, const struct payment *payment, bool incoming)
{
    return scope_is_operator(call) || incoming || payment->transfer == NULL;
}
#define NOT_BELIEVED "the member that gets this transfer confirms it, or an operator"

/* The account of the other side, as far as it is known. */
static struct view other_iban(struct ledger *ledger, const struct payment *payment, bool incoming)
{
    if (payment->employer != NULL) {
        const Passerelle__V1__SepaMandate *mandate = payment->employer->mandate;
        return payment->sent_iban.len > 0 ? payment->sent_iban
               : mandate == NULL          ? VIEW_NONE
                                          : view_of(mandate->iban);
    }
    if (!incoming && payment->sent_iban.len > 0) {
        return payment->sent_iban;
    }
    if (payment->transfer == NULL) {
        return VIEW_NONE;
    }
    const char *other = incoming ? payment->told->from_id : payment->told->to_id;
    const Passerelle__V1__BankAccount *account =
        registry_account(ledger->service->db, ledger->call->arena, view_of(other));
    return account == NULL ? VIEW_NONE : view_of(account->iban);
}

/* ---- a statement ---- */

struct statement {
    struct ledger ledger;
    Passerelle__V1__ImportStatementResponse *response;
    uint64_t books_size;            /* that it was matched with */
    Passerelle__V1__Booking **kept; /* all that is to be kept here */
    size_t kept_count;
};

DB_SQL(select_seen,
       "SELECT 1 FROM payment_booking WHERE booking_id = :booking_id UNION ALL "
       "SELECT 1 FROM bank_booking WHERE booking_id = :booking_id AND ignored = 1 LIMIT 1");

/* Undone ones too: what somebody took back is not matched again by itself. */
static bool is_seen(struct service *service, const char *booking_id)
{
    struct query *query = db_query(service->db, &select_seen);
    query_bind_text(query, "booking_id", view_of(booking_id));
    bool seen = query_next(query);
    query_end(query);
    return seen;
}

static char *clipped(struct arena *arena, struct view text)
{
    size_t len = text.len < REFERENCE_MAX ? text.len : REFERENCE_MAX;
    while (len < text.len && len > 0 && ((unsigned char)text.data[len] & 0xc0) == 0x80) {
        len--;
    }
    return wire_string(arena, view_slice(text, 0, len));
}

static char *day_text(struct arena *arena, struct day day)
{
    char text[11];
    day_format(day, text);
    return arena_string(arena, view_of(text));
}

static Passerelle__V1__Booking *booking_of(struct arena *arena, const struct camt_entry *entry,
                                           const struct bank_account *account)
{
    Passerelle__V1__Booking *booking = wire_new(arena, &passerelle__v1__booking__descriptor);
    booking->booking_id = arena_string(arena, view_of(entry->key));
    booking->account_iban = wire_string(arena, entry->account);
    booking->member_id = arena_string(arena, view_of(account->member_id));
    booking->booked_on = day_text(arena, entry->booked);
    booking->cents = entry->amount.cents;
    booking->credit = entry->credit;
    booking->returned = entry->returned;
    booking->iban = wire_string(arena, entry->iban);
    booking->name = clipped(arena, entry->name);
    booking->text = clipped(arena, entry->text);
    booking->end_to_end = clipped(arena, entry->end_to_end);
    booking->bank_reference = clipped(arena, entry->bank_reference);
    return booking;
}

/* The bookings of one account, and the payments of its member. */
struct side {
    struct match_item *items;
    struct payment **payments;
    size_t item_count;
    struct camt_entry *entries;
    size_t entry_count;
    char (*seen)[33];
    size_t seen_count;
};

static void side_make(struct statement *s, const struct camt *camt,
                      const struct bank_account *account, struct side *out)
{
    struct arena *arena = s->ledger.call->arena;
    size_t max = 0;
    for (size_t m = 0; m < s->ledger.month_count; m++) {
        max += s->ledger.months[m].count;
    }
    *out = (struct side){.items = ARENA_ARRAY(arena, max, struct match_item),
                         .payments = ARENA_ARRAY(arena, max, struct payment *),
                         .entries = ARENA_ARRAY(arena, camt->count, struct camt_entry),
                         .seen = arena_array(arena, camt->count, sizeof *out->seen)};
    for (size_t m = 0; m < s->ledger.month_count; m++) {
        for (size_t i = 0; i < s->ledger.months[m].count; i++) {
            struct payment *payment = &s->ledger.months[m].all[i];
            bool incoming;
            if (is_side(payment, account->member_id, &incoming) &&
                is_believed(s->ledger.call, payment, incoming)) {
                out->payments[out->item_count] = payment;
                out->items[out->item_count++] = (struct match_item){
                    .id = view_of(payment->told->payment_id),
                    .end_to_end = view_of(payment->told->payment_id),
                    .group = payment->group_id,
                    .iban = other_iban(&s->ledger, payment, incoming),
                    .amount = CENTS(payment->left),
                    .incoming = incoming,
                    .state = state_of(payment->told->state),
                };
            }
        }
    }
    for (size_t i = 0; i < camt->count; i++) {
        if (!view_is(camt->entries[i].account, account->iban)) {
            continue;
        }
        out->entries[out->entry_count++] = camt->entries[i];
        if (is_seen(s->ledger.service, camt->entries[i].key)) {
            memcpy(out->seen[out->seen_count++], camt->entries[i].key, sizeof *out->seen);
        }
    }
}

/* The other bank told it first: both sides of a transfer have a statement. */
static bool told_before(const struct side *side, const struct leftover *left)
{
    if (left->reason != LEFTOVER_STATE || left->item == SIZE_MAX) {
        return false;
    }
    const struct payment *payment = side->payments[left->item];
    const struct match_item *item = &side->items[left->item];
    const struct camt_entry *entry = &side->entries[left->entry];
    bool back = entry->returned || item->incoming != entry->credit;
    return payment->transfer != NULL && payment->told_by_payee != item->incoming &&
           item->state == (back ? PAYMENT_RETURNED : PAYMENT_CONFIRMED);
}

static void matched_add(struct statement *s, const struct side *side, const struct match *match)
{
    struct arena *arena = s->ledger.call->arena;
    const struct camt_entry *entry = &side->entries[match->entry];
    struct payment *payment = side->payments[match->item];
    Passerelle__V1__PaymentBooking *out =
        wire_new(arena, &passerelle__v1__payment_booking__descriptor);
    out->booking_id = arena_string(arena, view_of(match->key));
    out->payment_id = payment->told->payment_id;
    out->month = payment->told->month;
    out->before = state_told(match->before);
    out->after = state_told(match->after);
    out->rule = (Passerelle__V1__PaymentRule)(match->rule + 1);
    out->bank_reference = clipped(arena, entry->bank_reference);
    out->booked_on = day_text(arena, entry->booked);
    out->cents = payment->left;
    out->return_reason = match->after == PAYMENT_RETURNED ? clipped(arena, entry->return_reason)
                                                          : wire_string(arena, VIEW_NONE);
    out->told_by_payee = side->items[match->item].incoming;
    payment->told->state = out->after;
    payment->told_by_payee = out->told_by_payee;
    s->response->matched[s->response->n_matched++] = out;
}

/* A member's own statement says that it has paid a transfer: told, and not kept. */
static bool own_word(struct statement *s, const struct camt_entry *entry,
                     const struct bank_account *account)
{
    struct arena *arena = s->ledger.call->arena;
    bool incoming;
    if (scope_is_operator(s->ledger.call) || !view_starts(entry->end_to_end, "VT-") ||
        is_seen(s->ledger.service, entry->key)) {
        return false;
    }
    const struct payment *payment = ledger_find(&s->ledger, arena_string(arena, entry->end_to_end));
    if (payment == NULL || !is_side(payment, account->member_id, &incoming) ||
        is_believed(s->ledger.call, payment, incoming)) {
        return false;
    }
    if (payment->told->state == PAYMENT_STATE(CONFIRMED)) {
        s->response->known++;
        return true;
    }
    Passerelle__V1__Booking *booking = booking_of(arena, entry, account);
    booking->reason = wire_string(arena, VIEW_LIT(NOT_BELIEVED));
    s->response->left_over[s->response->n_left_over++] = booking;
    return true;
}

static void account_match(struct statement *s, const struct camt *camt,
                          const struct bank_account *account)
{
    struct arena *arena = s->ledger.call->arena;
    struct side side;
    struct matching matching;
    side_make(s, camt, account, &side);
    match_run(side.items, side.item_count, side.entries, side.entry_count,
              (const char(*)[33])side.seen, side.seen_count, arena, &matching);
    Passerelle__V1__PaymentBooking **more = ARENA_ARRAY(
        arena, s->response->n_matched + matching.match_count, Passerelle__V1__PaymentBooking *);
    if (s->response->n_matched > 0) {
        memcpy(more, s->response->matched, s->response->n_matched * sizeof *more);
    }
    s->response->matched = more;
    for (size_t i = 0; i < matching.match_count; i++) {
        const struct match *match = &matching.matches[i];
        matched_add(s, &side, match);
        if (i == 0 || matching.matches[i - 1].entry != match->entry) {
            s->kept[s->kept_count++] = booking_of(arena, &side.entries[match->entry], account);
        }
    }
    for (size_t i = 0; i < matching.leftover_count; i++) {
        const struct leftover *left = &matching.leftovers[i];
        if (left->reason == LEFTOVER_PENDING) {
            s->response->pending++;
        } else if (own_word(s, &side.entries[left->entry], account)) {
            continue;
        } else if (left->reason == LEFTOVER_SEEN || told_before(&side, left)) {
            s->response->known++;
        } else {
            Passerelle__V1__Booking *booking =
                booking_of(arena, &side.entries[left->entry], account);
            booking->reason = arena_string(arena, view_of(leftover_text(left->reason)));
            s->response->left_over[s->response->n_left_over++] = booking;
            s->kept[s->kept_count++] = booking;
        }
    }
}

/* Each account of the file once, if the caller may see it. */
static int accounts_match(struct statement *s, const struct camt *camt)
{
    struct call *call = s->ledger.call;
    struct map done;
    int error = 0;
    map_init(&done, 0);
    for (size_t i = 0; i < camt->count && error == 0; i++) {
        struct view iban = camt->entries[i].account;
        struct bank_account *account = iban.len == 0 ? NULL : map_get(&s->ledger.accounts, iban);
        bool own = account != NULL &&
                   (scope_is_operator(call) || strcmp(account->member_id, call->who.party) == 0);
        if (!own) {
            error =
                call_fail(call, CODE_FAILED_PRECONDITION,
                          "the statement is of the account %.*s, which is none of %s: enter the "
                          "member's IBAN first (member put --account-iban)",
                          VIEW_FMT(iban), scope_is_operator(call) ? "the network" : "yours");
        } else if (map_put(&done, iban, account) == NULL) {
            account_match(s, camt, account);
        }
    }
    map_release(&done);
    return error;
}

static int statement_read(struct service *service, struct call *call, struct statement **out)
{
    const Passerelle__V1__ImportStatementRequest *request = (const void *)call->request;
    struct statement *s = ARENA_NEW(call->arena, struct statement);
    struct camt camt;
    struct fault fault = FAULT_NONE;
    if (camt_read(wire_view(request->content), call->arena, &camt, &fault) != E_OK) {
        return call_violation(call, "content", "%s", fault.text);
    }
    s->response = wire_new(call->arena, call->method->output);
    s->response->left_over = ARENA_ARRAY(call->arena, camt.count, Passerelle__V1__Booking *);
    s->kept = ARENA_ARRAY(call->arena, camt.count, Passerelle__V1__Booking *);
    s->books_size = journal_feed_size(service->db, VIEW_LIT(FEED_BOOKS));
    int error = ledger_load(service, call, &s->ledger);
    error = error == 0 ? accounts_match(s, &camt) : error;
    ledger_release(&s->ledger);
    *out = s;
    return error;
}

/* On a worker: nothing is objected to here. */
void import_statement_precompute(struct service *service, struct call *call)
{
    struct call look = *call;
    struct statement *s;
    struct fault fault = FAULT_NONE;
    if (statement_read(service, &look, &s) == 0 && db_error(service->db, &fault) == E_OK) {
        call->prepared = s;
    }
}

int import_statement_decide(struct service *service, struct call *call)
{
    struct statement *s = call->prepared;
    if ((s == NULL || s->books_size != journal_feed_size(service->db, VIEW_LIT(FEED_BOOKS))) &&
        statement_read(service, call, &s) != 0) {
        return -1;
    }
    call->decision = s;
    return 0;
}

DB_SQL(put_booking, "INSERT INTO bank_booking (booking_id, member_id, booked_on, ignored, record) "
                    "VALUES (:booking_id, :member_id, :booked_on, 0, :record) "
                    "ON CONFLICT (booking_id) DO UPDATE SET record = excluded.record");

static void booking_keep(struct service *service, struct call *call,
                         const Passerelle__V1__Booking *booking)
{
    struct query *query = db_query(service->db, &put_booking);
    query_bind_text(query, "booking_id", view_of(booking->booking_id));
    query_bind_text(query, "member_id", view_of(booking->member_id));
    query_bind_text(query, "booked_on", view_of(booking->booked_on));
    query_bind_blob(query, "record", wire_pack_arena(call->arena, &booking->base));
    query_run(query);
}

static void bookings_append(struct service *service, struct call *call,
                            Passerelle__V1__PaymentBooking **bookings, size_t count)
{
    for (size_t first = 0; first < count; first += BOOKINGS_PER_ENTRY) {
        Passerelle__V1__PaymentsBooked booked = PASSERELLE__V1__PAYMENTS_BOOKED__INIT;
        booked.bookings = bookings + first;
        booked.n_bookings = count - first < BOOKINGS_PER_ENTRY ? count - first : BOOKINGS_PER_ENTRY;
        journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_BOOKS),
                       PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PAYMENTS_BOOKED, &booked.base);
    }
}

/* The months of bookings that were appended: paid, or no longer. */
static int periods_follow(struct service *service, struct call *call,
                          Passerelle__V1__PaymentBooking *const *bookings, size_t count,
                          char **paid_months, size_t *paid_count)
{
    for (size_t i = 0; i < count; i++) {
        struct month month;
        bool done = false;
        bool paid;
        for (size_t k = 0; k < i && !done; k++) {
            done = strcmp(bookings[k]->month, bookings[i]->month) == 0;
        }
        if (done || month_parse(view_of(bookings[i]->month), &month) != E_OK) {
            continue;
        }
        bool before = payments_paid_utc_ms(service->db, month) != 0;
        if (payments_period(service, call, month, &paid) != 0) {
            return -1;
        }
        if (paid && !before && paid_months != NULL) {
            paid_months[(*paid_count)++] = bookings[i]->month;
        }
    }
    return 0;
}

int import_statement_apply(struct service *service, struct call *call)
{
    struct statement *s = call->decision;
    Passerelle__V1__ImportStatementResponse *response = s->response;
    Passerelle__V1__ImportStatementResponse *kept =
        ARENA_NEW(call->arena, Passerelle__V1__ImportStatementResponse);
    call->response = &response->base;
    for (size_t i = 0; i < s->kept_count; i++) {
        booking_keep(service, call, s->kept[i]);
    }
    bookings_append(service, call, response->matched, response->n_matched);
    response->paid_months = ARENA_ARRAY(call->arena, response->n_matched, char *);
    int error = periods_follow(service, call, response->matched, response->n_matched,
                               response->paid_months, &response->n_paid_months);
    *kept = *response; /* strangers stand in one table only */
    kept->n_left_over = 0;
    call->kept_response = &kept->base;
    return error;
}

/* ---- left over ---- */

DB_SQL(
    select_left,
    "SELECT record FROM bank_booking b WHERE ignored = 0 AND (:all = 1 OR member_id = :member_id) "
    "AND NOT EXISTS (SELECT 1 FROM payment_booking p WHERE p.booking_id = b.booking_id AND "
    "p.undone = 0) "
    "ORDER BY booked_on, booking_id LIMIT :max");
DB_SQL(select_booking, "SELECT record FROM bank_booking WHERE booking_id = :booking_id");

int bookings_list(struct service *service, struct call *call)
{
    enum { LIST_MAX = 5000 };
    const Passerelle__V1__ListBookingsRequest *request = (const void *)call->request;
    const char *member_id = request->member_id;
    if (!scope_is_operator(call)) {
        member_id = member_id[0] == '\0' ? call->who.party : member_id;
        if (scope_member(service, call, view_of(member_id)) != 0) {
            return -1;
        }
    }
    Passerelle__V1__ListBookingsResponse *response = call_respond(call);
    response->bookings = ARENA_ARRAY(call->arena, LIST_MAX, Passerelle__V1__Booking *);
    struct query *query = db_query(service->db, &select_left);
    query_bind_int(query, "all", member_id[0] == '\0');
    query_bind_text(query, "member_id", view_of(member_id));
    query_bind_int(query, "max", LIST_MAX);
    while (query_next(query)) {
        Passerelle__V1__Booking *booking = wire_unpack_trusted(&passerelle__v1__booking__descriptor,
                                                               query_blob(query, 0), call->arena);
        if (booking != NULL) {
            response->bookings[response->n_bookings++] = booking;
        }
    }
    query_end(query);
    return 0;
}

/* The booking, when the caller may see it; NULL after the call failed. */
static const Passerelle__V1__Booking *booking_find(struct service *service, struct call *call,
                                                   const char *booking_id)
{
    const Passerelle__V1__Booking *booking = NULL;
    struct query *query = db_query(service->db, &select_booking);
    query_bind_text(query, "booking_id", view_of(booking_id));
    if (query_next(query)) {
        booking = wire_unpack_trusted(&passerelle__v1__booking__descriptor, query_blob(query, 0),
                                      call->arena);
    }
    query_end(query);
    if (booking == NULL ||
        (!scope_is_operator(call) && strcmp(booking->member_id, call->who.party) != 0)) {
        call_fail(call, CODE_NOT_FOUND,
                  "there is no booking %s: `passerelle payment match` names those that are left "
                  "over",
                  booking_id);
        return NULL;
    }
    return booking;
}

DB_SQL(select_active, "SELECT record FROM payment_booking WHERE booking_id = :booking_id "
                      "AND undone = 0 ORDER BY entry_key, place");

/* What the booking is matched with now. */
static size_t booking_matches(struct service *service, struct call *call, const char *booking_id,
                              Passerelle__V1__PaymentBooking ***out)
{
    struct query *query = db_query(service->db, &select_active);
    size_t count = 0;
    size_t alloc = 0;
    query_bind_text(query, "booking_id", view_of(booking_id));
    while (query_next(query)) {
        if (count == alloc) {
            Passerelle__V1__PaymentBooking **more =
                ARENA_ARRAY(call->arena, 2 * alloc + 8, Passerelle__V1__PaymentBooking *);
            if (count > 0) {
                memcpy(more, *out, count * sizeof *more);
            }
            alloc = 2 * alloc + 8;
            *out = more;
        }
        Passerelle__V1__PaymentBooking *one = wire_unpack_trusted(
            &passerelle__v1__payment_booking__descriptor, query_blob(query, 0), call->arena);
        if (one != NULL) {
            (*out)[count++] = one;
        }
    }
    query_end(query);
    return count;
}

/* ---- by hand ---- */

static int by_hand_one(struct ledger *ledger, const Passerelle__V1__Booking *booking,
                       const char *payment_id, int64_t *sum, Passerelle__V1__PaymentBooking **out)
{
    struct call *call = ledger->call;
    struct payment *payment = ledger_find(ledger, payment_id);
    bool incoming = false;
    struct fault fault = FAULT_NONE;
    if (payment == NULL || !is_side(payment, booking->member_id, &incoming)) {
        return call_fail(call, CODE_NOT_FOUND,
                         "%s is no payment from or to %s: `passerelle payment list` names them",
                         payment_id, booking->member_id);
    }
    if (!is_believed(call, payment, incoming)) {
        return call_fail(call, CODE_PERMISSION_DENIED, "%s: " NOT_BELIEVED, payment_id);
    }
    enum payment_state state = state_of(payment->told->state);
    bool back = incoming != booking->credit;
    if (payment_move(&state, back ? PAYMENT_CAME_BACK : PAYMENT_BOOKED, &fault) != E_OK) {
        return call_fail(call, CODE_FAILED_PRECONDITION, "%s: %s", payment_id, fault.text);
    }
    Passerelle__V1__PaymentBooking *made =
        wire_new(call->arena, &passerelle__v1__payment_booking__descriptor);
    made->booking_id = booking->booking_id;
    made->payment_id = payment->told->payment_id;
    made->month = payment->told->month;
    made->before = payment->told->state;
    made->after = state_told(state);
    made->rule = PASSERELLE__V1__PAYMENT_RULE__PAYMENT_RULE_BY_HAND;
    made->bank_reference = booking->bank_reference;
    made->booked_on = booking->booked_on;
    made->cents = payment->left;
    made->told_by_payee = incoming;
    payment->told->state = made->after; /* named twice: it cannot follow itself */
    if (__builtin_add_overflow(*sum, made->cents, sum)) {
        return call_fail(call, CODE_INVALID_ARGUMENT, "these payments are too much to add up");
    }
    *out = made;
    return 0;
}

/* The last payment gets what is left of the booking; true when that pays a part of it. */
static bool part_make(Passerelle__V1__PaymentBooking *last, int64_t lacking)
{
    bool part = lacking > 0 && lacking < last->cents && last->after == PAYMENT_STATE(CONFIRMED);
    if (part) {
        last->cents -= lacking;
        last->after = last->before;
        last->part = true;
    }
    return part;
}

static int by_hand(struct ledger *ledger, const Passerelle__V1__Booking *booking,
                   const Passerelle__V1__MatchBookingRequest *request)
{
    struct call *call = ledger->call;
    Passerelle__V1__MatchBookingResponse *response = call_respond(call);
    int64_t sum = 0;
    response->matched =
        ARENA_ARRAY(call->arena, request->n_payment_ids, Passerelle__V1__PaymentBooking *);
    for (size_t i = 0; i < request->n_payment_ids; i++) {
        if (by_hand_one(ledger, booking, request->payment_ids[i], &sum,
                        &response->matched[response->n_matched]) != 0) {
            return -1;
        }
        response->n_matched++;
    }
    if (sum != booking->cents &&
        !(request->part &&
          part_make(response->matched[response->n_matched - 1], sum - booking->cents))) {
        char made[32];
        char told[32];
        cents_format(CENTS(sum), made);
        cents_format(CENTS(booking->cents), told);
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "these payments make %s EUR, and the booking is of %s EUR: name all that "
                         "it pays%s",
                         made, told,
                         sum > booking->cents && !request->part
                             ? ", or say that it pays the last in part (--part)"
                             : "");
    }
    return 0;
}

/* ---- none of the network's ---- */

DB_SQL(set_none, "UPDATE bank_booking SET ignored = :ignored, record = :record "
                 "WHERE booking_id = :booking_id");
DB_SQL(select_none, "SELECT 1 FROM bank_booking WHERE booking_id = :booking_id AND ignored = 1");

static bool is_none(struct service *service, const char *booking_id)
{
    struct query *query = db_query(service->db, &select_none);
    query_bind_text(query, "booking_id", view_of(booking_id));
    bool none = query_next(query);
    query_end(query);
    return none;
}

/* What names a stranger goes for ever; the rest can come back. */
static void none_set(struct service *service, struct call *call,
                     const Passerelle__V1__Booking *booking, bool none)
{
    Passerelle__V1__Booking left = *booking;
    left.iban = left.name = left.text = left.end_to_end = left.reason =
        wire_string(call->arena, VIEW_NONE);
    struct query *query = db_query(service->db, &set_none);
    query_bind_text(query, "booking_id", view_of(booking->booking_id));
    query_bind_int(query, "ignored", none);
    query_bind_blob(query, "record", wire_pack_arena(call->arena, &left.base));
    query_run(query);
}

int match_booking_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__MatchBookingRequest *request = (const void *)call->request;
    Passerelle__V1__PaymentBooking **active = NULL;
    struct ledger ledger;
    const Passerelle__V1__Booking *booking = booking_find(service, call, request->booking_id);
    if (booking == NULL) {
        return -1;
    }
    if (request->none
            ? request->n_payment_ids > 0
            : request->n_payment_ids == 0 || request->n_payment_ids > PAYMENTS_BY_HAND_MAX) {
        return call_violation(call, "payment_ids", "name 1 to %d payments", PAYMENTS_BY_HAND_MAX);
    }
    if (is_none(service, request->booking_id)) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "somebody said that the booking is none of the network's: undo that first "
                         "(payment match --undo)");
    }
    if (booking_matches(service, call, request->booking_id, &active) > 0) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "the booking settles %s already: undo that first (payment match --undo)",
                         active[0]->payment_id);
    }
    if (request->none) {
        call->decision = (void *)(uintptr_t)booking;
        call_respond(call);
        return 0;
    }
    int error = ledger_load(service, call, &ledger);
    error = error == 0 ? by_hand(&ledger, booking, request) : error;
    ledger_release(&ledger);
    return error;
}

int match_booking_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__MatchBookingRequest *request = (const void *)call->request;
    const Passerelle__V1__MatchBookingResponse *response = (const void *)call->response;
    if (request->none) {
        none_set(service, call, call->decision, true);
        return 0;
    }
    bookings_append(service, call, response->matched, response->n_matched);
    return periods_follow(service, call, response->matched, response->n_matched, NULL, NULL);
}

/* ---- seen on paper ---- */

/* It goes into `books`: no free text. */
static bool can_be_reference(const char *text)
{
    enum { PAPER_REFERENCE_MAX = 35 };
    static const char allowed[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "/-?:().,'+ ";
    size_t len = strlen(text);
    return len <= PAPER_REFERENCE_MAX && strspn(text, allowed) == len;
}

/* A booking that no bank told. */
static bool is_paper(const Passerelle__V1__Booking *booking)
{
    return booking->account_iban[0] == '\0';
}

static int paper_take(struct ledger *ledger, const struct payment *payment)
{
    struct call *call = ledger->call;
    const Passerelle__V1__RecordPaymentRequest *request = (const void *)call->request;
    const Passerelle__V1__Payment *told = payment->told;
    Passerelle__V1__RecordPaymentResponse *response = call_respond(call);
    int64_t sum = 0;
    bool incoming;
    const char *member_id = !scope_is_operator(call)             ? call->who.party
                            : told->kind == PAYMENT_KIND(REFUND) ? told->from_id
                                                                 : told->to_id;
    Passerelle__V1__Booking *booking = wire_new(call->arena, &passerelle__v1__booking__descriptor);
    booking->booking_id = request->request_id;
    booking->member_id = arena_string(call->arena, view_of(member_id));
    booking->booked_on = request->booked_on;
    booking->bank_reference = request->reference;
    booking->credit = is_side(payment, member_id, &incoming) && incoming;
    booking->cents = request->cents != 0 ? request->cents : payment->left;
    int64_t lacking = payment->left - booking->cents;
    if (by_hand_one(ledger, booking, request->payment_id, &sum, &response->booked) != 0) {
        return -1;
    }
    if (lacking != 0 && !part_make(response->booked, lacking)) {
        char left[32];
        cents_format(CENTS(payment->left), left);
        return call_violation(call, "cents",
                              "%s EUR are left to pay of %s: book so much at most, and pay the "
                              "rest back",
                              left, request->payment_id);
    }
    response->left_cents = lacking;
    call->decision = booking;
    return 0;
}

int record_payment_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__RecordPaymentRequest *request = (const void *)call->request;
    struct ledger ledger;
    struct wanted wanted;
    struct day booked;
    if (wanted_of(call, "", &wanted) != 0) {
        return -1;
    }
    if (request->cents < 0) {
        return call_violation(call, "cents", "write what was paid as cents above 0");
    }
    if (!can_be_reference(request->reference)) {
        return call_violation(call, "reference",
                              "write a cheque's number or a bank's reference in at most 35 letters "
                              "without accents, digits and -/?:().,'+");
    }
    int error = ledger_load(service, call, &ledger);
    const struct payment *payment = error == 0 ? ledger_find(&ledger, request->payment_id) : NULL;
    if (error == 0 && (payment == NULL || !payments_is_wanted(&wanted, payment->told))) {
        error =
            call_fail(call, CODE_NOT_FOUND,
                      "there is no payment %s among yours: `passerelle payment list` names them",
                      request->payment_id);
    } else if (error == 0 && payment->told->kind == PAYMENT_KIND(NETTED)) {
        error = call_fail(call, CODE_FAILED_PRECONDITION,
                          "%s is paid by the transfers of its month: `passerelle payment list %s "
                          "--kind transfer` names them",
                          request->payment_id, payment->told->month);
    } else if (error == 0 && (day_parse(view_of(request->booked_on), &booked) != E_OK ||
                              day_compare(booked, day_of_instant(service_now(service))) > 0)) {
        error = call_violation(call, "booked_on",
                               "write the day on which the money came or went as 2026-11-05, up to "
                               "today");
    } else if (error == 0) {
        error = paper_take(&ledger, payment);
    }
    ledger_release(&ledger);
    return error;
}

int record_payment_apply(struct service *service, struct call *call)
{
    Passerelle__V1__RecordPaymentResponse *response = (void *)call->response;
    booking_keep(service, call, call->decision);
    bookings_append(service, call, &response->booked, 1);
    return periods_follow(service, call, &response->booked, 1, NULL, NULL);
}

/* ---- undone ---- */

DB_SQL(select_later, "SELECT later.record FROM payment_booking one JOIN payment_booking later "
                     "ON later.payment_id = one.payment_id WHERE one.booking_id = :booking_id "
                     "AND one.payment_id = :payment_id AND later.undone = 0 "
                     "AND later.entry_key > one.entry_key");

/* What settles a payment, or takes it back, is as large as the parts before it left; parts do not
 * look at each other. */
static bool is_counted(struct service *service, struct call *call,
                       const Passerelle__V1__PaymentBooking *one)
{
    bool counted = false;
    struct query *query = db_query(service->db, &select_later);
    query_bind_text(query, "booking_id", view_of(one->booking_id));
    query_bind_text(query, "payment_id", view_of(one->payment_id));
    while (query_next(query)) {
        const Passerelle__V1__PaymentBooking *later = wire_unpack_trusted(
            &passerelle__v1__payment_booking__descriptor, query_blob(query, 0), call->arena);
        counted = counted || (later != NULL && later->part != one->part);
    }
    query_end(query);
    return counted;
}

DB_SQL(select_state, "SELECT state FROM payment WHERE payment_id = :payment_id");

static enum payment_state state_now(struct service *service, const char *payment_id)
{
    struct query *query = db_query(service->db, &select_state);
    query_bind_text(query, "payment_id", view_of(payment_id));
    enum payment_state state = query_next(query)
                                   ? state_of((Passerelle__V1__PaymentState)query_int(query, 0))
                                   : PAYMENT_TO_PAY;
    query_end(query);
    return state;
}

int undo_booking_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__UndoBookingRequest *request = (const void *)call->request;
    const Passerelle__V1__Booking *booking = booking_find(service, call, request->booking_id);
    if (booking == NULL) {
        return -1;
    }
    Passerelle__V1__UndoBookingResponse *response = call_respond(call);
    call->decision = (void *)(uintptr_t)booking;
    if (is_none(service, request->booking_id)) {
        return 0;
    }
    response->n_undone = booking_matches(service, call, request->booking_id, &response->undone);
    if (response->n_undone == 0) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "the booking %s settles nothing: there is nothing to undo",
                         request->booking_id);
    }
    for (size_t i = 0; i < response->n_undone; i++) {
        const Passerelle__V1__PaymentBooking *one = response->undone[i];
        struct match match = {.before = state_of(one->before), .after = state_of(one->after)};
        enum payment_state state = state_now(service, one->payment_id);
        struct fault fault = FAULT_NONE;
        if (is_counted(service, call, one)) {
            return call_fail(call, CODE_FAILED_PRECONDITION,
                             "%s was booked again since: undo what came later first",
                             one->payment_id);
        }
        if (!one->part && match_undo(&match, &state, &fault) != E_OK) {
            return call_fail(call, CODE_FAILED_PRECONDITION, "%s: %s", one->payment_id, fault.text);
        }
    }
    return 0;
}

DB_SQL(forget_paper, "DELETE FROM bank_booking WHERE booking_id = :booking_id");

int undo_booking_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__UndoBookingRequest *request = (const void *)call->request;
    Passerelle__V1__UndoBookingResponse *response = (void *)call->response;
    if (response->n_undone == 0) {
        none_set(service, call, call->decision, false);
        return 0;
    }
    Passerelle__V1__BookingUndone undone = PASSERELLE__V1__BOOKING_UNDONE__INIT;
    undone.booking_id = request->booking_id;
    journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_BOOKS),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_BOOKING_UNDONE, &undone.base);
    if (is_paper(call->decision)) {
        struct query *query = db_query(service->db, &forget_paper);
        query_bind_text(query, "booking_id", view_of(request->booking_id));
        query_run(query);
    }
    return periods_follow(service, call, response->undone, response->n_undone, NULL, NULL);
}
