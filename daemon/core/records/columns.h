/* The columns of each table: private to this room. */
#ifndef CORE_RECORDS_COLUMNS_H
#define CORE_RECORDS_COLUMNS_H

#include "core/records/records.h"

enum column_kind {
    COLUMN_TEXT,    /* char *: printable, no space around; `ident` says more */
    COLUMN_DAY,     /* char *: a day */
    COLUMN_COUNT,   /* uint32_t, `min` to `max` */
    COLUMN_CENTS,   /* int64_t, 0 to RECORD_CENTS_MAX */
    COLUMN_FLAG,    /* protobuf_c_boolean: "0" or "1" */
    COLUMN_WORD,    /* an enum: one of `words` */
    COLUMN_LIST,    /* char ** with its count: words separated by "|" */
    COLUMN_DEGREES, /* int32_t in 1/100,000: "43.00250" */
    COLUMN_MINUTE,  /* uint32_t: "09:00", to "24:00" */
    COLUMN_INSTANT, /* int64_t UTC ms */
};

struct record_word {
    int number; /* of the enum; words without one (a list's) have their place */
    const char *word;
};
struct record_words {
    const struct record_word *words;
    size_t count;
};

struct record_column {
    const char *name;
    enum column_kind kind;
    size_t offset;       /* in the record */
    size_t count_offset; /* COLUMN_LIST: of its size_t */
    const struct record_words *words;
    int (*ident)(struct view text, struct fault *fault);
    uint32_t min, max;
    /* Whether this record's field is empty when its value is zero: NULL for never. */
    bool (*blank)(const void *record);
};

extern const struct record_words service_words;
/* The network's socle de base: the first so many of service_words. */
enum { SERVICE_BASE_COUNT = 4 };

const char *record_word_of(const struct record_words *words, int number);
bool record_number_of(const struct record_words *words, struct view word, int *number);

/* Checks each field by its column. */
must_check int columns_check(const struct record_table *table, const void *record,
                             struct fault *fault);

int member_rules(const void *record, struct fault *fault);
int site_rules(const void *record, struct fault *fault);
int stop_rules(const void *record, struct fault *fault);
int employer_rules(const void *record, struct fault *fault);
int plan_rules(const void *record, struct fault *fault);
int holder_rules(const void *record, struct fault *fault);
int tariff_row_rules(const void *record, struct fault *fault);
int stay_rules(const void *record, struct fault *fault);

#endif
