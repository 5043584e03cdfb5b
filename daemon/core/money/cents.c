#include "core/money/cents.h"

#include "base/text.h"

enum { BASIS_POINTS_WHOLE = 10000 };

int cents_add(struct cents a, struct cents b, struct cents *out)
{
    int64_t sum;
    if (__builtin_add_overflow(a.cents, b.cents, &sum)) {
        return E_OVERFLOW;
    }
    out->cents = sum;
    return E_OK;
}

int cents_sub(struct cents a, struct cents b, struct cents *out)
{
    int64_t difference;
    if (__builtin_sub_overflow(a.cents, b.cents, &difference)) {
        return E_OVERFLOW;
    }
    out->cents = difference;
    return E_OK;
}

int cents_times(struct cents a, int64_t quantity, struct cents *out)
{
    int64_t product;
    if (__builtin_mul_overflow(a.cents, quantity, &product)) {
        return E_OVERFLOW;
    }
    out->cents = product;
    return E_OK;
}

int cents_accumulate(struct cents *sum, struct cents a)
{
    return cents_add(*sum, a, sum);
}

int cents_vat(struct cents net, struct vat_rate rate, struct cents *out)
{
    if (rate.basis_points < 0 || rate.basis_points > BASIS_POINTS_WHOLE) {
        return E_INVALID;
    }
    /* Split before multiplying, so that no product overflows: at 100 % the result is the net. Both
     * parts have the sign of the net, so rounding the small one away from zero rounds the whole. */
    int64_t whole = net.cents / BASIS_POINTS_WHOLE * rate.basis_points;
    int64_t part = net.cents % BASIS_POINTS_WHOLE * rate.basis_points;
    int64_t half = part < 0 ? -BASIS_POINTS_WHOLE / 2 : BASIS_POINTS_WHOLE / 2;
    out->cents = whole + (part + half) / BASIS_POINTS_WHOLE;
    return E_OK;
}

int cents_compare(struct cents a, struct cents b)
{
    return (a.cents > b.cents) - (a.cents < b.cents);
}

int cents_parse(struct view text, struct cents *out)
{
    uint64_t value;
    int err = text_u64(text, &value);
    if (err != E_OK) {
        return err;
    }
    if (value > INT64_MAX) {
        return E_OVERFLOW;
    }
    out->cents = (int64_t)value;
    return E_OK;
}

void cents_format(struct cents a, char text[static 32])
{
    uint64_t left = a.cents < 0 ? 0 - (uint64_t)a.cents : (uint64_t)a.cents;
    char digits[32]; /* from the last on; by hand, since an invoice is full of them */
    size_t count = 0;
    while (left > 0 || count < 4) {
        if (count == 2) {
            digits[count++] = '.';
        }
        digits[count++] = (char)('0' + left % 10);
        left /= 10;
    }
    if (a.cents < 0) {
        digits[count++] = '-';
    }
    for (size_t i = 0; i < count; i++) {
        text[i] = digits[count - 1 - i];
    }
    text[count] = '\0';
}
