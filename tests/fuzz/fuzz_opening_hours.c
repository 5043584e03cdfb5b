#include <assert.h>

#include "core/day/opening_hours.h"
#include "fuzz.h"

/* What parses formats to a text that parses and formats the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct opening_hours hours, again;
    struct fault fault = FAULT_NONE;
    int err = opening_hours_parse(view_bytes(data, size), &hours, &fault);
    if (err != E_OK) {
        assert(err == E_INVALID && fault.text[0] != '\0');
        return 0;
    }
    struct buf first = BUF_INIT;
    struct buf second = BUF_INIT;
    opening_hours_format(&hours, &first);
    err = opening_hours_parse(buf_content(&first), &again, NULL);
    assert(err == E_OK);
    opening_hours_format(&again, &second);
    assert(view_equal(buf_content(&first), buf_content(&second)));
    int minute = 0;
    bool open = opening_hours_closing(&hours, day_of(2026, 5, 14), &minute);
    assert(open == (minute > 0) && minute <= OPENING_MINUTE_LAST);
    buf_release(&first);
    buf_release(&second);
    return 0;
}
