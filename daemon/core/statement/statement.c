#include "core/statement/statement.h"

#include <assert.h>

#include "core/paper/french.h"

/* ---- figures ---- */

struct figure figure_text(struct view text)
{
    return (struct figure){.kind = FIGURE_TEXT, .none = text.len == 0, .text = text};
}

static struct figure figure_of(enum figure_kind kind, int64_t number)
{
    return (struct figure){.kind = kind, .number = number};
}

struct figure figure_count(int64_t number)
{
    return figure_of(FIGURE_COUNT, number);
}

struct figure figure_cents(struct cents amount)
{
    return figure_of(FIGURE_CENTS, amount.cents);
}

struct figure figure_tenths(int64_t tenths)
{
    return figure_of(FIGURE_TENTHS, tenths);
}

struct figure figure_percent(int64_t whole)
{
    return figure_of(FIGURE_PERCENT, whole);
}

struct figure figure_day(struct day day)
{
    return figure_of(FIGURE_DAY, day.number);
}

struct figure figure_time(int64_t utc_ms)
{
    return figure_of(FIGURE_TIME, utc_ms);
}

struct figure figure_withheld(void)
{
    return (struct figure){.withheld = true};
}

static struct view tenths_french(int64_t tenths, struct arena *arena)
{
    char whole[FRENCH_TEXT_MAX];
    uint64_t size = tenths < 0 ? UINT64_C(0) - (uint64_t)tenths : (uint64_t)tenths;
    french_count((int64_t)(size / 10), whole);
    return view_of(
        arena_printf(arena, "%s%s,%u", tenths < 0 ? "-" : "", whole, (unsigned)(size % 10)));
}

struct view figure_french(const struct figure *figure, struct arena *arena)
{
    char text[FRENCH_TEXT_MAX];
    if (figure->withheld) {
        return VIEW_LIT("moins de 5");
    }
    if (figure->none) {
        return VIEW_LIT("");
    }
    switch (figure->kind) {
    case FIGURE_TEXT:
        return figure->text;
    case FIGURE_COUNT:
        french_count(figure->number, text);
        break;
    case FIGURE_CENTS:
        french_amount(CENTS(figure->number), text);
        break;
    case FIGURE_TENTHS:
        return tenths_french(figure->number, arena);
    case FIGURE_PERCENT:
        french_count(figure->number, text);
        return view_of(arena_printf(arena, "%s\xc2\xa0%%", text));
    case FIGURE_DAY: {
        int year, month, day;
        day_split((struct day){(int32_t)figure->number}, &year, &month, &day);
        return view_of(arena_printf(arena, "%02d/%02d/%04d", day, month, year));
    }
    default: {
        int minute = day_wall_minute(figure->number);
        return view_of(arena_printf(arena, "%d\xc2\xa0h\xc2\xa0%02d", minute / 60, minute % 60));
    }
    }
    return view_of(arena_printf(arena, "%s", text));
}

/* ---- building ---- */

void statement_begin(struct statement *out, struct arena *arena, const char *key, const char *title,
                     struct view party, struct month month, bool provisional)
{
    *out = (struct statement){.arena = arena,
                              .key = key,
                              .title = title,
                              .party = party,
                              .month = month,
                              .provisional = provisional};
}

void statement_fact(struct statement *statement, const char *key, const char *label,
                    struct figure figure)
{
    assert(statement->fact_count < STATEMENT_FACTS_MAX);
    statement->facts[statement->fact_count++] = (struct statement_fact){key, label, figure};
}

void statement_note(struct statement *statement, const char *text)
{
    assert(statement->note_count < STATEMENT_NOTES_MAX);
    statement->notes[statement->note_count++] = text;
}

struct statement_section *statement_section(struct statement *statement, const char *key,
                                            const char *heading, const char *note)
{
    assert(statement->section_count < STATEMENT_SECTIONS_MAX);
    struct statement_section *section = &statement->sections[statement->section_count++];
    *section = (struct statement_section){.key = key, .heading = heading, .note = note};
    return section;
}

void section_columns(struct statement_section *section, const struct statement_column *columns,
                     size_t count)
{
    section->columns = columns;
    section->column_count = count;
}

static void empty(struct figure *cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cells[i] = FIGURE_NONE;
    }
}

struct figure *section_row(const struct statement *statement, struct statement_section *section)
{
    size_t columns = section->column_count;
    assert(columns > 0);
    if (section->row_count == section->row_alloc) {
        section->row_alloc = section->row_alloc == 0 ? 16 : section->row_alloc * 2;
        struct figure *more =
            arena_array(statement->arena, section->row_alloc, columns * sizeof *more);
        if (section->row_count > 0) {
            memcpy(more, section->cells, section->row_count * columns * sizeof *more);
        }
        section->cells = more;
    }
    struct figure *row = section->cells + section->row_count++ * columns;
    empty(row, columns);
    return row;
}

struct figure *section_total(const struct statement *statement, struct statement_section *section)
{
    section->total = ARENA_ARRAY(statement->arena, section->column_count, struct figure);
    empty(section->total, section->column_count);
    return section->total;
}

void section_chart(const struct statement *statement, struct statement_section *section,
                   const char *title, size_t labels, size_t values, bool upright)
{
    struct statement_chart *chart = ARENA_NEW(statement->arena, struct statement_chart);
    struct view *names = ARENA_ARRAY(statement->arena, section->row_count, struct view);
    struct figure *figures = ARENA_ARRAY(statement->arena, section->row_count, struct figure);
    bool any = false;
    for (size_t i = 0; i < section->row_count; i++) {
        const struct figure *row = section->cells + i * section->column_count;
        if (upright && row[labels].kind == FIGURE_DAY) {
            int year, month, day;
            day_split((struct day){(int32_t)row[labels].number}, &year, &month, &day);
            names[i] = view_of(arena_printf(statement->arena, "%d", day));
        } else {
            names[i] = figure_french(&row[labels], statement->arena);
        }
        figures[i] = row[values];
        any = any || (!row[values].none && !row[values].withheld && row[values].number > 0);
    }
    *chart = (struct statement_chart){title, names, figures, section->row_count, upright};
    section->chart = any ? chart : NULL;
}
