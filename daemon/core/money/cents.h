/* Money: integer cents of EUR in a type of its own, so that cents, units and days do not mix.
 * Arithmetic is checked: what does not fit stops with E_OVERFLOW and leaves the result untouched.
 * No floating point, ever. Pure; any thread. */
#ifndef CORE_MONEY_CENTS_H
#define CORE_MONEY_CENTS_H

#include "base/view.h"

struct cents {
    int64_t cents;
};
#define CENTS(n) ((struct cents){(n)})

/* VAT rates are in basis points: 2000 is 20 %. */
struct vat_rate {
    int32_t basis_points;
};

must_check int cents_add(struct cents a, struct cents b, struct cents *out);
must_check int cents_sub(struct cents a, struct cents b, struct cents *out);
must_check int cents_times(struct cents a, int64_t quantity, struct cents *out);
/* *sum += a. */
must_check int cents_accumulate(struct cents *sum, struct cents a);
/* RULES: half_up rounds half away from zero to the cent; EN 16931 BR-CO-17: on the sum of one
 * rate's nets, never on each line. E_INVALID for a rate outside 0-100 %. */
must_check int cents_vat(struct cents net, struct vat_rate rate, struct cents *out);
int cents_compare(struct cents a, struct cents b);

/* "1234" -> 1234 cents (the files hold whole cents). Refuses negatives. */
must_check int cents_parse(struct view text, struct cents *out);
/* "-12.34" into `text`, for people: two decimals, '.' as the separator. */
void cents_format(struct cents a, char text[static 32]);

#endif
