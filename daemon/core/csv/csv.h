/* CSV as RULES "Files" has it: RFC 4180, UTF-8 (a byte order mark is skipped), a header line, LF or
 * CRLF. The reader walks over a text in memory, row by row; each complaint is a sentence that
 * begins with "line N". Nothing is guessed: what RFC 4180 does not allow is refused.
 *
 * Fields are views into the text; one with doubled quotes is a copy in the arena. They live as long
 * as both. No other memory is taken. One reader per thread. */
#ifndef CORE_CSV_CSV_H
#define CORE_CSV_CSV_H

#include "base/arena.h"
#include "base/buf.h"

enum {
    CSV_FIELDS_MAX = 64,         /* the widest file of the project has 19 */
    CSV_FIELD_BYTES_MAX = 4096,  /* as it stands in the file, quotes included */
    CSV_ROW_BYTES_MAX = 65536,
};
/* In a column map: the file has no such column. */
#define CSV_ABSENT SIZE_MAX

struct csv_row {
    size_t line; /* in which the row begins, from 1; a quoted field may hold line ends */
    size_t count;
    struct view fields[CSV_FIELDS_MAX];
};

struct csv {
    struct view text;
    struct arena *arena;
    size_t at;
    /* Of the next row. May be set after csv_init, when the text is a later chunk of a file. */
    size_t line;
    /* That each row must have; 0: the next row decides. May be set as `line`. */
    size_t fields;
    int error; /* sticky */
};

/* Borrows both for the life of the reader. */
void csv_init(struct csv *csv, struct view text, struct arena *arena);
/* Returns 1 with a row, 0 at the end of the text, or E_INVALID (bare or unterminated quote, CR
 * without LF, NUL, not UTF-8, another number of fields than the first row) or E_LIMIT with the
 * sentence; after an error, the same again without a sentence. *row is undefined unless 1. */
must_check int csv_next(struct csv *csv, struct csv_row *row, struct fault *fault);

struct csv_column {
    const char *name;
    bool optional;
};
/* Finds the columns in a header row, in any order: map[i] becomes the field of columns[i], or
 * CSV_ABSENT for an optional one that is not there. E_INVALID when a column is missing, unknown or
 * there twice; `map` is undefined then. */
must_check int csv_header_match(const struct csv_row *header, const struct csv_column *columns,
                                size_t count, size_t *map, struct fault *fault);
/* The field at an entry of the map; empty for CSV_ABSENT. */
struct view csv_field(const struct csv_row *row, size_t index);

/* Appends a field, in quotes only when it holds a comma, a quote, CR or LF. */
void csv_write_field(struct buf *out, struct view field);
/* Appends the fields with commas between and LF behind. */
void csv_write_row(struct buf *out, const struct view *fields, size_t count);

/* The longest prefix of at most `max_bytes` that ends behind the line end of a row, or at the end
 * of the text; empty when the first row is longer than that. For sending a file in chunks. */
struct view csv_split(struct view text, size_t max_bytes);

#endif
