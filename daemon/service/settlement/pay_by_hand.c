/* What people say of bookings: which payments one is for, that it is none of the network's, what
 * was seen on paper, and that it was not so after all. */
#include "service/journal.h"
#include "service/settlement/bookings.h"
#include "wire/pack.h"

enum { PAYMENTS_BY_HAND_MAX = 500 };

/* ---- one booking ---- */

DB_SQL(select_booking, "SELECT record FROM bank_booking WHERE booking_id = :booking_id");

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

static int by_hand_one(struct payment_book *book, const Passerelle__V1__Booking *booking,
                       const char *payment_id, int64_t *sum, Passerelle__V1__PaymentBooking **out)
{
    struct call *call = book->call;
    struct payment *payment = payment_book_find(book, payment_id);
    bool incoming = false;
    struct fault fault = FAULT_NONE;
    if (payment == NULL || !payment_is_side(payment, booking->member_id, &incoming)) {
        return call_fail(call, CODE_NOT_FOUND,
                         "%s is no payment from or to %s: `passerelle payment list` names them",
                         payment_id, booking->member_id);
    }
    if (!payment_is_believed(call, payment, incoming)) {
        return call_fail(call, CODE_PERMISSION_DENIED, "%s: " PAYMENT_NOT_BELIEVED, payment_id);
    }
    enum payment_state state = payment_state_of(payment->told->state);
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
    made->after = payment_state_told(state);
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

static int by_hand(struct payment_book *book, const Passerelle__V1__Booking *booking,
                   const Passerelle__V1__MatchBookingRequest *request)
{
    struct call *call = book->call;
    Passerelle__V1__MatchBookingResponse *response = call_respond(call);
    int64_t sum = 0;
    response->matched =
        ARENA_ARRAY(call->arena, request->n_payment_ids, Passerelle__V1__PaymentBooking *);
    for (size_t i = 0; i < request->n_payment_ids; i++) {
        if (by_hand_one(book, booking, request->payment_ids[i], &sum,
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
    struct payment_book book;
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
    int error = payment_book_load(service, call, &book);
    error = error == 0 ? by_hand(&book, booking, request) : error;
    payment_book_release(&book);
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
    return bookings_settle(service, call, response->matched, response->n_matched, NULL, NULL);
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

static int paper_take(struct payment_book *book, const struct payment *payment)
{
    struct call *call = book->call;
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
    booking->credit = payment_is_side(payment, member_id, &incoming) && incoming;
    booking->cents = request->cents != 0 ? request->cents : payment->left;
    int64_t lacking = payment->left - booking->cents;
    if (by_hand_one(book, booking, request->payment_id, &sum, &response->booked) != 0) {
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
    struct payment_book book;
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
    int error = payment_book_load(service, call, &book);
    const struct payment *payment =
        error == 0 ? payment_book_find(&book, request->payment_id) : NULL;
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
        error = paper_take(&book, payment);
    }
    payment_book_release(&book);
    return error;
}

int record_payment_apply(struct service *service, struct call *call)
{
    Passerelle__V1__RecordPaymentResponse *response = (void *)call->response;
    booking_keep(service, call, call->decision);
    bookings_append(service, call, &response->booked, 1);
    return bookings_settle(service, call, &response->booked, 1, NULL, NULL);
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
    enum payment_state state =
        query_next(query) ? payment_state_of((Passerelle__V1__PaymentState)query_int(query, 0))
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
        struct match match = {.before = payment_state_of(one->before),
                              .after = payment_state_of(one->after)};
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
    return bookings_settle(service, call, response->undone, response->n_undone, NULL, NULL);
}
