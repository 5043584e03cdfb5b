/* A statement: what one party is told of a month, as sections of tables, charts and a map. It is
 * built once and written in three forms that say the same: a page for people and paper, CSV for a
 * French spreadsheet, JSON for programs. Figures are typed, so that each form writes them its own
 * way. Texts are borrowed and must live as long as the statement. Pure; any thread. */
#ifndef CORE_STATEMENT_STATEMENT_H
#define CORE_STATEMENT_STATEMENT_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/day/day.h"
#include "core/money/cents.h"

enum figure_kind {
    FIGURE_TEXT,
    FIGURE_COUNT,
    FIGURE_CENTS,
    FIGURE_TENTHS,  /* of one: "12,3" */
    FIGURE_PERCENT, /* whole */
    FIGURE_DAY,
    FIGURE_TIME, /* Paris wall time of an instant */
};

struct figure {
    enum figure_kind kind;
    bool none;     /* nothing to say: empty, null */
    bool withheld; /* would speak of fewer than five people */
    struct view text;
    int64_t number; /* of the kind; a day's number, an instant in UTC ms */
};

#define FIGURE_NONE ((struct figure){.none = true})
struct figure figure_text(struct view text); /* empty: none */
struct figure figure_count(int64_t number);
struct figure figure_cents(struct cents amount);
struct figure figure_tenths(int64_t tenths);
struct figure figure_percent(int64_t whole);
struct figure figure_day(struct day day);
struct figure figure_time(int64_t utc_ms);
struct figure figure_withheld(void);

struct statement_fact {
    const char *key, *label;
    struct figure figure;
};

struct statement_column {
    const char *key, *title; /* for programs; for people */
    bool right;              /* figures */
};

/* Horizontal bars, one a row. */
struct statement_chart {
    const char *title;
    const struct view *labels;
    const struct figure *values; /* at least 0; withheld ones have no bar */
    size_t count;
    bool upright; /* columns, for the days of a month */
};

/* Départements of the map of core/statement/places.h, shaded by a figure. */
struct statement_map {
    const char *title;
    const struct statement_region {
        struct view departement;
        struct figure value; /* shown in its title */
        int64_t shade;       /* 0: none, to 4; -1: withheld */
    } * regions;
    size_t region_count;
    const struct statement_dot {
        int32_t lat_e5, lon_e5;
        struct view name;
    } * dots;
    size_t dot_count;
    const char *legend[5]; /* of the shades */
};

struct statement_section {
    const char *key, *heading;
    const char *note; /* a paragraph; NULL: none */
    const struct statement_chart *chart;
    const struct statement_map *map;
    const struct statement_column *columns; /* the first heads its row; none: no table */
    size_t column_count;
    struct figure *cells; /* row by row */
    size_t row_count, row_alloc;
    struct figure *total; /* a last row; NULL: none */
};

enum { STATEMENT_FACTS_MAX = 16, STATEMENT_SECTIONS_MAX = 12, STATEMENT_NOTES_MAX = 8 };

struct statement {
    struct arena *arena;
    const char *key;   /* "member" */
    const char *title; /* "Relevé mensuel du membre" */
    struct view party; /* name */
    struct month month;
    bool provisional; /* the month is not closed */
    struct statement_fact facts[STATEMENT_FACTS_MAX];
    size_t fact_count;
    struct statement_section sections[STATEMENT_SECTIONS_MAX];
    size_t section_count;
    const char *notes[STATEMENT_NOTES_MAX];
    size_t note_count;
};

/* ---- building ---- */

void statement_begin(struct statement *out, struct arena *arena, const char *key, const char *title,
                     struct view party, struct month month, bool provisional);
void statement_fact(struct statement *statement, const char *key, const char *label,
                    struct figure figure);
void statement_note(struct statement *statement, const char *text);
struct statement_section *statement_section(struct statement *statement, const char *key,
                                            const char *heading, const char *note);
void section_columns(struct statement_section *section, const struct statement_column *columns,
                     size_t count);
/* The cells of a fresh row, all of nothing: fill them in before the next call. */
struct figure *section_row(const struct statement *statement, struct statement_section *section);
/* Likewise the last row, of sums. */
struct figure *section_total(const struct statement *statement, struct statement_section *section);
/* A chart of two columns of the rows so far: one of texts or days, and one of figures. NULL when
 * there is nothing to draw. */
void section_chart(const struct statement *statement, struct statement_section *section,
                   const char *title, size_t labels, size_t values, bool upright);

/* ---- writing ---- */

/* HTML 5 with its style and drawings inside: A4, no script, nothing is loaded. */
void statement_html(const struct statement *statement, struct buf *out);
/* UTF-8 with a mark, ';', decimal comma, CR LF: facts, then each table behind its heading. */
void statement_csv(const struct statement *statement, struct buf *out);
/* {"statement", "party", "month", "provisional", "facts": {}, "sections": {key: [{}]}}; cents and
 * counts as integers, days and instants as ISO 8601, what is withheld as {"withheld": true}. */
void statement_json(const struct statement *statement, struct buf *out);

/* What a person reads: "1 234,56", "12,3", "03/11/2026"; UTF-8 in the arena. */
struct view figure_french(const struct figure *figure, struct arena *arena);

#endif
