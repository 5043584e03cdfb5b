#include "core/statement/statement.h"
#include "wire/json.h"

static void value(struct buf *out, const struct figure *figure)
{
    char text[25];
    if (figure->withheld) {
        buf_text(out, "{\"withheld\":true}");
        return;
    }
    if (figure->none) {
        buf_text(out, "null");
        return;
    }
    switch (figure->kind) {
    case FIGURE_TEXT:
        json_write_string(out, figure->text);
        return;
    case FIGURE_TENTHS: {
        bool below = figure->number < 0;
        long long size = below ? -figure->number : figure->number;
        buf_printf(out, "%s%lld.%lld", below ? "-" : "", size / 10, size % 10);
        return;
    }
    case FIGURE_DAY:
        day_format((struct day){(int32_t)figure->number}, text);
        break;
    case FIGURE_TIME:
        instant_format(figure->number, text);
        break;
    default:
        buf_printf(out, "%lld", (long long)figure->number);
        return;
    }
    json_write_string(out, view_of(text));
}

static void member(struct buf *out, const char *key, bool first)
{
    buf_text(out, first ? "" : ",");
    json_write_string(out, view_of(key));
    buf_byte(out, ':');
}

static void row(struct buf *out, const struct statement_section *section,
                const struct figure *cells)
{
    buf_byte(out, '{');
    for (size_t i = 0; i < section->column_count; i++) {
        member(out, section->columns[i].key, i == 0);
        value(out, &cells[i]);
    }
    buf_byte(out, '}');
}

void statement_json(const struct statement *statement, struct buf *out)
{
    char month[8];
    month_format(statement->month, month);
    buf_text(out, "{\"statement\":");
    json_write_string(out, view_of(statement->key));
    buf_text(out, ",\"party\":");
    json_write_string(out, statement->party);
    buf_printf(out, ",\"month\":\"%s\",\"provisional\":%s,\n\"facts\":{", month,
               statement->provisional ? "true" : "false");
    for (size_t i = 0; i < statement->fact_count; i++) {
        member(out, statement->facts[i].key, i == 0);
        value(out, &statement->facts[i].figure);
    }
    buf_text(out, "},\n\"sections\":{");
    bool first = true;
    for (size_t i = 0; i < statement->section_count; i++) {
        const struct statement_section *section = &statement->sections[i];
        if (section->column_count == 0) {
            continue;
        }
        buf_text(out, first ? "\n" : ",\n");
        member(out, section->key, true);
        buf_byte(out, '[');
        for (size_t k = 0; k < section->row_count; k++) {
            buf_text(out, k == 0 ? "\n" : ",\n");
            row(out, section, section->cells + k * section->column_count);
        }
        buf_byte(out, ']');
        first = false;
    }
    buf_text(out, "}}\n");
}
