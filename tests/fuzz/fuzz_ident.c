#include <assert.h>

#include "core/day/day.h"
#include "core/ident/ident.h"
#include "core/ident/uuid.h"
#include "core/money/cents.h"
#include "fuzz.h"

/* Short texts: every check answers; what has a format writes back what it read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int (*const checks[])(struct view, struct fault *) = {
        ident_siren, ident_siret, ident_iban, ident_bic, ident_vat, ident_insee, ident_slug};
    struct view text = view_bytes(data, size);
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        struct fault fault = FAULT_NONE;
        int err = checks[i](text, &fault);
        assert(err == E_OK || (err == E_INVALID && fault.text[0] != '\0'));
    }
    luhn_holds(text);
    char out[UUID_TEXT_LEN + 1];
    struct uuid uuid;
    struct day day;
    struct month month;
    int64_t utc_ms;
    struct cents cents;
    if (uuid_parse(text, &uuid) == E_OK) {
        uuid_format(uuid, out);
        assert(view_is(text, out));
    }
    if (day_parse(text, &day) == E_OK) {
        day_format(day, out);
        assert(view_is(text, out));
    }
    if (month_parse(text, &month) == E_OK) {
        month_format(month, out);
        assert(view_is(text, out));
    }
    if (instant_parse(text, &utc_ms) == E_OK) {
        instant_format(utc_ms, out);
        assert(view_is(text, out));
    }
    assert(cents_parse(text, &cents) != E_OK || cents.cents >= 0);
    return 0;
}
