/* A spreadsheet opens it as one sheet: what the statement is, then its tables, each behind its
 * heading, with an empty row between. */
#include "core/csv/excel.h"
#include "core/statement/statement.h"

static void cell(struct buf *out, const struct figure *figure)
{
    char text[32] = "";
    if (figure->withheld) {
        excel_text(out, VIEW_LIT("moins de 5"));
        return;
    }
    if (!figure->none) {
        switch (figure->kind) {
        case FIGURE_TEXT:
            excel_text(out, figure->text);
            return;
        case FIGURE_CENTS:
            excel_cents(out, figure->number);
            return;
        case FIGURE_TENTHS: {
            bool below = figure->number < 0;
            long long size = below ? -figure->number : figure->number;
            snprintf(text, sizeof text, "%s%lld,%lld", below ? "-" : "", size / 10, size % 10);
            break;
        }
        case FIGURE_DAY:
            day_format((struct day){(int32_t)figure->number}, text);
            break;
        case FIGURE_TIME: {
            int minute = day_wall_minute(figure->number);
            snprintf(text, sizeof text, "%02d:%02d", minute / 60, minute % 60);
            break;
        }
        default:
            snprintf(text, sizeof text, "%lld", (long long)figure->number);
            break;
        }
    }
    buf_text(out, text); /* nothing of it needs quotes, and a sign is no formula */
    buf_byte(out, ';');
}

static void pair(struct buf *out, const char *label, const struct figure *figure)
{
    excel_text(out, view_of(label));
    cell(out, figure);
    excel_end(out);
}

static void row(struct buf *out, const struct figure *cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cell(out, &cells[i]);
    }
    excel_end(out);
}

void statement_csv(const struct statement *statement, struct buf *out)
{
    char month[8];
    month_format(statement->month, month);
    excel_begin(out);
    struct figure of = figure_text(statement->party);
    pair(out, statement->title, &of);
    of = figure_text(view_of(month));
    pair(out, "Mois", &of);
    if (statement->provisional) {
        of = figure_text(VIEW_LIT("oui"));
        pair(out, "Provisoire", &of);
    }
    for (size_t i = 0; i < statement->fact_count; i++) {
        pair(out, statement->facts[i].label, &statement->facts[i].figure);
    }
    for (size_t i = 0; i < statement->section_count; i++) {
        const struct statement_section *section = &statement->sections[i];
        if (section->column_count == 0) {
            continue;
        }
        buf_text(out, "\r\n");
        excel_text(out, view_of(section->heading));
        excel_end(out);
        for (size_t k = 0; k < section->column_count; k++) {
            excel_text(out, view_of(section->columns[k].title));
        }
        excel_end(out);
        for (size_t k = 0; k < section->row_count; k++) {
            row(out, section->cells + k * section->column_count, section->column_count);
        }
        if (section->total != NULL) {
            row(out, section->total, section->column_count);
        }
    }
}
