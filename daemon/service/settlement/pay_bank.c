/* What banks say: statements are read and matched, account by account, from the side of the member
 * whose account it is. What was matched goes into `books`, without a name; the bookings themselves
 * are kept here only. A statement that was read before changes nothing. */
#include "service/journal.h"
#include "service/settlement/bookings.h"
#include "store/view/registry.h"
#include "wire/pack.h"

enum { REFERENCE_MAX = 200 }; /* bytes of a bank's reference that are kept */

/* The account of the other side, as far as it is known. */
static struct view other_iban(struct payment_book *book, const struct payment *payment,
                              bool incoming)
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
        registry_account(book->service->db, book->call->arena, view_of(other));
    return account == NULL ? VIEW_NONE : view_of(account->iban);
}

/* ---- a statement ---- */

struct statement {
    struct payment_book book;
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
    struct arena *arena = s->book.call->arena;
    size_t max = 0;
    for (size_t m = 0; m < s->book.month_count; m++) {
        max += s->book.months[m].count;
    }
    *out = (struct side){.items = ARENA_ARRAY(arena, max, struct match_item),
                         .payments = ARENA_ARRAY(arena, max, struct payment *),
                         .entries = ARENA_ARRAY(arena, camt->count, struct camt_entry),
                         .seen = arena_array(arena, camt->count, sizeof *out->seen)};
    for (size_t m = 0; m < s->book.month_count; m++) {
        for (size_t i = 0; i < s->book.months[m].count; i++) {
            struct payment *payment = &s->book.months[m].all[i];
            bool incoming;
            if (payment_is_side(payment, account->member_id, &incoming) &&
                payment_is_believed(s->book.call, payment, incoming)) {
                out->payments[out->item_count] = payment;
                out->items[out->item_count++] = (struct match_item){
                    .id = view_of(payment->told->payment_id),
                    .end_to_end = view_of(payment->told->payment_id),
                    .group = payment->group_id,
                    .iban = other_iban(&s->book, payment, incoming),
                    .amount = CENTS(payment->left),
                    .incoming = incoming,
                    .state = payment_state_of(payment->told->state),
                };
            }
        }
    }
    for (size_t i = 0; i < camt->count; i++) {
        if (!view_is(camt->entries[i].account, account->iban)) {
            continue;
        }
        out->entries[out->entry_count++] = camt->entries[i];
        if (is_seen(s->book.service, camt->entries[i].key)) {
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
    struct arena *arena = s->book.call->arena;
    const struct camt_entry *entry = &side->entries[match->entry];
    struct payment *payment = side->payments[match->item];
    Passerelle__V1__PaymentBooking *out =
        wire_new(arena, &passerelle__v1__payment_booking__descriptor);
    out->booking_id = arena_string(arena, view_of(match->key));
    out->payment_id = payment->told->payment_id;
    out->month = payment->told->month;
    out->before = payment_state_told(match->before);
    out->after = payment_state_told(match->after);
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
    struct arena *arena = s->book.call->arena;
    bool incoming;
    if (scope_is_operator(s->book.call) || !view_starts(entry->end_to_end, "VT-") ||
        is_seen(s->book.service, entry->key)) {
        return false;
    }
    const struct payment *payment =
        payment_book_find(&s->book, arena_string(arena, entry->end_to_end));
    if (payment == NULL || !payment_is_side(payment, account->member_id, &incoming) ||
        payment_is_believed(s->book.call, payment, incoming)) {
        return false;
    }
    if (payment->told->state == PAYMENT_STATE(CONFIRMED)) {
        s->response->known++;
        return true;
    }
    Passerelle__V1__Booking *booking = booking_of(arena, entry, account);
    booking->reason = wire_string(arena, VIEW_LIT(PAYMENT_NOT_BELIEVED));
    s->response->left_over[s->response->n_left_over++] = booking;
    return true;
}

static void account_match(struct statement *s, const struct camt *camt,
                          const struct bank_account *account)
{
    struct arena *arena = s->book.call->arena;
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
    struct call *call = s->book.call;
    struct map done;
    int error = 0;
    map_init(&done, 0);
    for (size_t i = 0; i < camt->count && error == 0; i++) {
        struct view iban = camt->entries[i].account;
        struct bank_account *account = iban.len == 0 ? NULL : map_get(&s->book.accounts, iban);
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
    int error = payment_book_load(service, call, &s->book);
    error = error == 0 ? accounts_match(s, &camt) : error;
    payment_book_release(&s->book);
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
    int error = bookings_settle(service, call, response->matched, response->n_matched,
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
