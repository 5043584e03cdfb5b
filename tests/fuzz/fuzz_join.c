/* Join codes from paper: what is read is written back as the same characters. */
#include <assert.h>

#include "base/text.h"
#include "core/join/join_code.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view input = view_bytes(data, size);
    struct join_code code;
    struct join_problem problem;
    struct fault fault = FAULT_NONE;
    int err = join_code_parse(input, &code, &problem, &fault);
    assert((err == E_OK) == (problem.reason == JOIN_GOOD) && (err == E_OK) == (fault.code == E_OK));
    if (err == E_OK) {
        struct buf again = BUF_INIT;
        err = join_code_format(&code, &again, NULL);
        assert(err == E_OK);
        size_t at = 0;
        for (size_t i = 0; i < input.len; i++) {
            int value = text_crockford_value(input.data[i]);
            while (at < again.len && again.data[at] == '-') {
                at++;
            }
            if (value >= 0) {
                assert(at < again.len && text_crockford_value(again.data[at]) == value);
                at++;
            }
        }
        assert(at == again.len);
        buf_release(&again);
    }
    return 0;
}
