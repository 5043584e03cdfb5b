#include <assert.h>

#include "core/records/records.h"
#include "fuzz.h"

/* Reads the first line of a text with the table's columns in their order; 0 when it is accepted. */
static int read_line(const struct record_table *table, struct view line, struct arena *arena,
                     void *record)
{
    struct csv csv;
    struct csv_row row;
    struct fault fault = FAULT_NONE;
    size_t map[CSV_FIELDS_MAX];
    csv_init(&csv, line, arena);
    csv.fields = table->count;
    for (size_t i = 0; i < table->count; i++) {
        map[i] = i;
    }
    if (csv_next(&csv, &row, &fault) != 1) {
        return E_INVALID;
    }
    int err = record_read(table, &row, map, arena, record, &fault);
    assert((err == 0) == (fault.text[0] == '\0'));
    return err;
}

/* The first byte chooses the table, the rest is a line of it. What is accepted is written, accepted
 * again, and then written the same; what is refused has its sentence. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const struct record_table *table = record_table((Passerelle__V1__Table)(data[0] - '0'));
    struct arena arena = ARENA_INIT;
    if (table != NULL) {
        struct buf once = BUF_INIT, twice = BUF_INIT;
        void *record = arena_alloc(&arena, table->size);
        void *again = arena_alloc(&arena, table->size);
        if (read_line(table, view_bytes(data + 1, size - 1), &arena, record) == 0) {
            record_write(table, record, &once);
            int err = read_line(table, buf_content(&once), &arena, again);
            assert(err == 0);
            record_write(table, again, &twice);
            assert(view_equal(buf_content(&once), buf_content(&twice)));
        }
        buf_release(&once);
        buf_release(&twice);
    }
    arena_release(&arena);
    return 0;
}
