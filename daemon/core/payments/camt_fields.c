#include "core/payments/camt_fields.h"

#include <stdarg.h>

void camt_fail(struct camt_reading *r, int code, const char *fmt, ...)
{
    char text[256];
    va_list args;
    if (r->error != E_OK) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    r->error = fault_set(r->fault, code, "%s", text);
}

static struct view keep(struct camt_reading *r, struct view text)
{
    return arena_copy(r->arena, text);
}

/* ---- values ---- */

/* "1234.5": digits, at most two decimals that are not 0. */
static void take_amount(struct camt_reading *r, struct view text, struct cents *out)
{
    size_t point = view_find(text, '.');
    struct view whole = view_slice(text, 0, point);
    struct view part = view_slice(text, point + (point < text.len), text.len);
    int64_t cents = 0;
    bool good = whole.len > 0 && whole.len <= 16 && part.len <= 5;
    for (size_t i = 0; good && i < whole.len; i++) {
        good = whole.data[i] >= '0' && whole.data[i] <= '9';
        cents = cents * 10 + (whole.data[i] - '0');
    }
    for (size_t i = 0; good && i < 2; i++) {
        char digit = i < part.len ? part.data[i] : '0';
        good = digit >= '0' && digit <= '9';
        cents = cents * 10 + (digit - '0');
    }
    for (size_t i = 2; good && i < part.len; i++) {
        good = part.data[i] == '0';
    }
    if (!good) {
        camt_fail(r, E_INVALID, "'%.*s' is no amount in EUR: ask the bank for the file again",
                  (int)(text.len < 40 ? text.len : 40), text.data);
        return;
    }
    out->cents = cents;
}

/* A date, or the date of a time as the bank writes it, whatever its zone. */
static void take_day(struct camt_reading *r, struct view text, struct day *out)
{
    bool time = text.len > 10 && (text.data[10] == 'T' || text.data[10] == '+' ||
                                  text.data[10] == '-' || text.data[10] == 'Z');
    if ((text.len != 10 && !time) || day_parse(view_slice(text, 0, 10), out) != E_OK) {
        camt_fail(r, E_INVALID, "'%.*s' is no day: ask the bank for the file again",
                  (int)(text.len < 40 ? text.len : 40), text.data);
    }
}

static void take_side(struct camt_reading *r, struct view text, bool *credit)
{
    if (!view_is(text, "CRDT") && !view_is(text, "DBIT")) {
        camt_fail(r, E_INVALID, "an entry is neither credit (CRDT) nor debit (DBIT)");
    }
    *credit = view_is(text, "CRDT");
}

/* ---- the fields that are read ---- */

enum field {
    FIELD_STATEMENT,
    FIELD_ACCOUNT,
    FIELD_ENTRY_REFERENCE,
    FIELD_ENTRY_AMOUNT,
    FIELD_ENTRY_SIDE,
    FIELD_REVERSAL,
    FIELD_STATUS,
    FIELD_BOOKED,
    FIELD_VALUED,
    FIELD_ENTRY_BANK,
    FIELD_GROUP,
    FIELD_PAYMENT_BANK,
    FIELD_PAYMENT_GROUP,
    FIELD_END_TO_END,
    FIELD_PAYMENT_AMOUNT,
    FIELD_PAYMENT_SIDE,
    FIELD_DEBTOR,
    FIELD_DEBTOR_IBAN,
    FIELD_CREDITOR,
    FIELD_CREDITOR_IBAN,
    FIELD_TEXT,
    FIELD_RETURN,
};

#define DETAILS "Ntry/NtryDtls/TxDtls/"
static const struct {
    const char *path;
    enum field field;
} fields[] = {
    {"Id", FIELD_STATEMENT},
    {"Acct/Id/IBAN", FIELD_ACCOUNT},
    {"Ntry/NtryRef", FIELD_ENTRY_REFERENCE},
    {"Ntry/Amt", FIELD_ENTRY_AMOUNT},
    {"Ntry/CdtDbtInd", FIELD_ENTRY_SIDE},
    {"Ntry/RvslInd", FIELD_REVERSAL},
    {"Ntry/Sts", FIELD_STATUS},
    {"Ntry/Sts/Cd", FIELD_STATUS}, /* .07 and later */
    {"Ntry/BookgDt/Dt", FIELD_BOOKED},
    {"Ntry/BookgDt/DtTm", FIELD_BOOKED},
    {"Ntry/ValDt/Dt", FIELD_VALUED},
    {"Ntry/ValDt/DtTm", FIELD_VALUED},
    {"Ntry/AcctSvcrRef", FIELD_ENTRY_BANK},
    {"Ntry/NtryDtls/Btch/PmtInfId", FIELD_GROUP},
    {DETAILS "Refs/AcctSvcrRef", FIELD_PAYMENT_BANK},
    {DETAILS "Refs/PmtInfId", FIELD_PAYMENT_GROUP},
    {DETAILS "Refs/EndToEndId", FIELD_END_TO_END},
    {DETAILS "AmtDtls/TxAmt/Amt", FIELD_PAYMENT_AMOUNT}, /* .02 and .03 */
    {DETAILS "Amt", FIELD_PAYMENT_AMOUNT},
    {DETAILS "CdtDbtInd", FIELD_PAYMENT_SIDE},
    {DETAILS "RltdPties/Dbtr/Nm", FIELD_DEBTOR},
    {DETAILS "RltdPties/Dbtr/Pty/Nm", FIELD_DEBTOR}, /* .07 and later */
    {DETAILS "RltdPties/DbtrAcct/Id/IBAN", FIELD_DEBTOR_IBAN},
    {DETAILS "RltdPties/Cdtr/Nm", FIELD_CREDITOR},
    {DETAILS "RltdPties/Cdtr/Pty/Nm", FIELD_CREDITOR},
    {DETAILS "RltdPties/CdtrAcct/Id/IBAN", FIELD_CREDITOR_IBAN},
    {DETAILS "RmtInf/Ustrd", FIELD_TEXT},
    {DETAILS "RtrInf/Rsn/Cd", FIELD_RETURN},
};

static void first_of(struct camt_reading *r, struct view *out, struct view text)
{
    if (out->len == 0) {
        *out = keep(r, text);
    }
}

static void take(struct camt_reading *r, enum field field, struct view text)
{
    struct camt_entry *booking = &r->booking;
    struct camt_entry *payment = &r->payment;
    switch (field) {
    case FIELD_STATEMENT:
        r->statement = keep(r, text);
        break;
    case FIELD_ACCOUNT:
        r->account = keep(r, text);
        break;
    case FIELD_ENTRY_REFERENCE:
        first_of(r, &r->reference, text);
        break;
    case FIELD_ENTRY_AMOUNT:
        r->has_amount = true;
        take_amount(r, text, &booking->amount);
        break;
    case FIELD_ENTRY_SIDE:
        take_side(r, text, &booking->credit);
        break;
    case FIELD_REVERSAL:
        r->reversal = view_is(text, "true") || view_is(text, "1");
        break;
    case FIELD_STATUS:
        booking->pending = !view_is(text, "BOOK");
        break;
    case FIELD_BOOKED:
        take_day(r, text, &booking->booked);
        break;
    case FIELD_VALUED:
        take_day(r, text, &booking->valued);
        break;
    case FIELD_ENTRY_BANK:
        booking->bank_reference = keep(r, text);
        break;
    case FIELD_GROUP:
        booking->payment_group = keep(r, text);
        break;
    case FIELD_PAYMENT_BANK:
        payment->bank_reference = keep(r, text);
        break;
    case FIELD_PAYMENT_GROUP:
        payment->payment_group = keep(r, text);
        break;
    case FIELD_END_TO_END:
        payment->end_to_end = view_is(text, "NOTPROVIDED") ? VIEW_NONE : keep(r, text);
        break;
    case FIELD_PAYMENT_AMOUNT:
        if (payment->amount.cents == 0) { /* the first is in the account's currency */
            take_amount(r, text, &payment->amount);
        }
        break;
    case FIELD_PAYMENT_SIDE:
        r->payment_has_side = true;
        take_side(r, text, &payment->credit);
        break;
    case FIELD_DEBTOR:
        r->debtor = keep(r, text);
        break;
    case FIELD_DEBTOR_IBAN:
        r->debtor_iban = keep(r, text);
        break;
    case FIELD_CREDITOR:
        r->creditor = keep(r, text);
        break;
    case FIELD_CREDITOR_IBAN:
        r->creditor_iban = keep(r, text);
        break;
    case FIELD_TEXT:
        first_of(r, &payment->text, text);
        break;
    case FIELD_RETURN:
        first_of(r, &payment->return_reason, text);
        break;
    }
}

/* ---- bookings and payments ---- */

static void payment_begin(struct camt_reading *r)
{
    r->payment = (struct camt_entry){0};
    r->payment_has_side = false;
    r->debtor = r->creditor = r->debtor_iban = r->creditor_iban = VIEW_NONE;
}

static void entry_add(struct camt_reading *r)
{
    if (r->out.count >= CAMT_ENTRIES_MAX) {
        camt_fail(r, E_LIMIT, "more than %d entries: import the file in parts", CAMT_ENTRIES_MAX);
        return;
    }
    if (r->out.count == r->alloc) {
        r->alloc = r->alloc == 0 ? 64 : r->alloc * 2;
        r->out.entries = xrealloc(r->out.entries, r->alloc, sizeof *r->out.entries);
    }
    r->out.entries[r->out.count++] = r->payment;
}

/* A payment that came back: the bank gives a reason, or says that the booking is a reversal. The
 * parties then are those of the payment itself, so the other side is whichever account is not ours.
 */
static void payment_end(struct camt_reading *r)
{
    struct camt_entry *payment = &r->payment;
    bool debtor_is_us = r->debtor_iban.len > 0 && view_equal(r->debtor_iban, r->account);
    bool creditor_is_us = r->creditor_iban.len > 0 && view_equal(r->creditor_iban, r->account);
    payment->returned = payment->return_reason.len > 0;
    if (!r->payment_has_side) {
        payment->credit = r->booking.credit;
    }
    bool other_is_debtor =
        debtor_is_us != creditor_is_us ? creditor_is_us : payment->credit != payment->returned;
    payment->iban = other_is_debtor ? r->debtor_iban : r->creditor_iban;
    payment->name = other_is_debtor ? r->debtor : r->creditor;
    entry_add(r);
}

static void booking_begin(struct camt_reading *r)
{
    r->booking = (struct camt_entry){0};
    r->has_amount = false;
    r->reversal = false;
    r->reference = VIEW_NONE;
    r->booking_first = r->out.count;
    payment_begin(r);
}

/* What stands on the booking comes last in some versions, so that its payments get it here. */
static void booking_end(struct camt_reading *r)
{
    struct camt_entry *booking = &r->booking;
    size_t first = r->booking_first;
    if (!r->has_amount) {
        camt_fail(r, E_INVALID, "an entry has no amount: ask the bank for the file again");
        return;
    }
    if (booking->booked.number == 0) {
        booking->booked = booking->valued;
    }
    if (booking->booked.number == 0 && !booking->pending) {
        camt_fail(r, E_INVALID, "an entry has no day: ask the bank for the file again");
        return;
    }
    if (r->out.count == first) {
        r->payment = *booking;
        entry_add(r);
    }
    for (size_t i = first; i < r->out.count; i++) {
        struct camt_entry *entry = &r->out.entries[i];
        bool alone = r->out.count == first + 1;
        entry->account = r->account;
        entry->statement = r->statement;
        entry->booked = booking->booked;
        entry->valued = booking->valued.number == 0 ? booking->booked : booking->valued;
        entry->pending = booking->pending;
        entry->returned = entry->returned || r->reversal;
        if (entry->bank_reference.len == 0) {
            entry->bank_reference =
                booking->bank_reference.len > 0 ? booking->bank_reference : r->reference;
        }
        if (entry->payment_group.len == 0) {
            entry->payment_group = booking->payment_group;
        }
        if (alone && entry->amount.cents == 0) {
            entry->amount = booking->amount;
        }
    }
}

/* ---- for the reader ---- */

void camt_report(struct camt_reading *r)
{
    r->account = r->statement = VIEW_NONE;
}

bool camt_open(struct camt_reading *r, struct view path)
{
    if (view_is(path, "Ntry")) {
        booking_begin(r);
    } else if (view_is(path, "Ntry/NtryDtls/TxDtls")) {
        payment_begin(r);
    }
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (view_is(path, fields[i].path)) {
            return true;
        }
    }
    return false;
}

void camt_text(struct camt_reading *r, struct view path, struct view text, bool foreign)
{
    for (size_t i = 0; i < ARRAY_LEN(fields) && r->error == E_OK; i++) {
        enum field field = fields[i].field;
        if (!view_is(path, fields[i].path)) {
            continue;
        }
        if (field == FIELD_STATUS && text.len == 0) {
            return; /* the wrapper of Cd */
        }
        if (field == FIELD_PAYMENT_AMOUNT && foreign) {
            return; /* that of the payer; what the account got stands on the entry */
        }
        if (field == FIELD_ENTRY_AMOUNT && foreign) {
            camt_fail(r, E_INVALID,
                      "an entry is not in EUR: accounts in another currency are not read");
            return;
        }
        if (text.len > 0) {
            take(r, field, text);
        }
        return;
    }
}

void camt_close(struct camt_reading *r, struct view path)
{
    if (r->error == E_OK && view_is(path, "Ntry/NtryDtls/TxDtls")) {
        payment_end(r);
    } else if (r->error == E_OK && view_is(path, "Ntry")) {
        booking_end(r);
    }
}
