#include <assert.h>

#include "core/csv/csv.h"
#include "fuzz.h"

static struct view next_of(struct csv *csv, struct csv_row *row, bool *got)
{
    struct fault fault = FAULT_NONE;
    int result = csv_next(csv, row, &fault);
    assert(result == 1 || result == 0 || fault.code == result);
    *got = result == 1;
    return csv_field(row, *got ? 0 : CSV_ABSENT);
}

/* Each row that is read is written, and reads again as the same fields. Cutting never fails. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view text = view_bytes(data, size);
    struct arena arena;
    struct csv csv;
    struct csv_row row, again;
    bool got;
    arena_init(&arena);
    csv_init(&csv, text, &arena);
    for (next_of(&csv, &row, &got); got; next_of(&csv, &row, &got)) {
        struct buf out = BUF_INIT;
        struct csv second;
        /* The mark, so that one that a field begins with stays. */
        buf_text(&out, "\xef\xbb\xbf");
        csv_write_row(&out, row.fields, row.count);
        csv_init(&second, buf_content(&out), &arena);
        second.line = row.line;
        /* Within the limits: what is written is never longer than what was read. */
        bool same;
        next_of(&second, &again, &same);
        assert(same && again.count == row.count && again.line == row.line);
        for (size_t i = 0; i < row.count; i++) {
            assert(view_equal(row.fields[i], again.fields[i]));
        }
        buf_release(&out);
    }
    assert(csv_split(text, size / 2).len <= size / 2);
    arena_release(&arena);
    return 0;
}
