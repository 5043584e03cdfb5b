#include "core/paper/french.h"

#include <assert.h>
#include <inttypes.h>

#define NO_BREAK "\xc2\xa0"

/* Digits in groups of three. */
static size_t group(uint64_t value, bool negative, char *text, size_t room)
{
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%" PRIu64, value);
    assert(count > 0);
    size_t at = 0;
    if (negative) {
        text[at++] = '-';
    }
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0) {
            memcpy(text + at, NO_BREAK, 2);
            at += 2;
        }
        text[at++] = digits[i];
    }
    assert(at < room);
    text[at] = '\0';
    return at;
}

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? UINT64_C(0) - (uint64_t)value : (uint64_t)value;
}

void french_amount(struct cents amount, char text[static FRENCH_TEXT_MAX])
{
    uint64_t cents = magnitude(amount.cents);
    size_t at = group(cents / 100, amount.cents < 0, text, FRENCH_TEXT_MAX);
    snprintf(text + at, FRENCH_TEXT_MAX - at, ",%02u", (unsigned)(cents % 100));
}

void french_count(int64_t count, char text[static FRENCH_TEXT_MAX])
{
    group(magnitude(count), count < 0, text, FRENCH_TEXT_MAX);
}

void french_rate(struct vat_rate rate, char text[static FRENCH_TEXT_MAX])
{
    int whole = rate.basis_points / 100;
    int part = rate.basis_points % 100;
    if (part == 0) {
        snprintf(text, FRENCH_TEXT_MAX, "%d" NO_BREAK "%%", whole);
    } else if (part % 10 == 0) {
        snprintf(text, FRENCH_TEXT_MAX, "%d,%d" NO_BREAK "%%", whole, part / 10);
    } else {
        snprintf(text, FRENCH_TEXT_MAX, "%d,%02d" NO_BREAK "%%", whole, part);
    }
}

static const char *month_name(int month)
{
    static const char *const names[] = {"janvier",   "février", "mars",     "avril",
                                        "mai",       "juin",    "juillet",  "août",
                                        "septembre", "octobre", "novembre", "décembre"};
    assert(month >= 1 && month <= 12);
    return names[month - 1];
}

void french_day(struct day day, char text[static FRENCH_TEXT_MAX])
{
    int year;
    int month;
    int number;
    day_split(day, &year, &month, &number);
    snprintf(text, FRENCH_TEXT_MAX, "%d%s" NO_BREAK "%s" NO_BREAK "%d", number,
             number == 1 ? "er" : "", month_name(month), year);
}

void french_month(struct month month, char text[static FRENCH_TEXT_MAX])
{
    int year;
    int number;
    int first;
    day_split(month_first(month), &year, &number, &first);
    snprintf(text, FRENCH_TEXT_MAX, "%s" NO_BREAK "%d", month_name(number), year);
}

const char *french_resource(Passerelle__V1__Resource resource)
{
    switch (resource) {
    case PASSERELLE__V1__RESOURCE__RESOURCE_MEETING_ROOM:
        return "salle de réunion";
    case PASSERELLE__V1__RESOURCE__RESOURCE_BOOTH:
        return "cabine";
    default:
        return "poste de travail";
    }
}

const char *french_unit(Passerelle__V1__Unit unit)
{
    switch (unit) {
    case PASSERELLE__V1__UNIT__UNIT_HALF_DAY:
        return "demi-journée";
    case PASSERELLE__V1__UNIT__UNIT_DAY:
        return "journée";
    default:
        return "heure";
    }
}

const char *french_title(const struct invoice *invoice)
{
    bool credit = invoice_is_credit(invoice);
    if (invoice->pro_forma) {
        return credit ? "Avoir pro forma" : "Facture pro forma";
    }
    if (invoice_is_self_billed(invoice)) {
        return credit ? "Avoir – Autofacturation" : "Facture – Autofacturation";
    }
    return credit ? "Avoir" : "Facture";
}

const char *french_means(enum payment_means means)
{
    switch (means) {
    case PAYMENT_NONE:
        return "Rien à payer";
    case PAYMENT_SEPA_TRANSFER:
        return "Virement SEPA";
    case PAYMENT_SEPA_DEBIT:
        return "Prélèvement SEPA";
    case PAYMENT_CLEARING:
        return "Compensation";
    case PAYMENT_UNDEFINED:
        break;
    }
    return "À convenir";
}
