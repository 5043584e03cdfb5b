/* A page for a screen and for A4: headings and tables that are read aloud in order, nothing but the
 * page itself to load. */
#include "core/paper/french.h"
#include "core/paper/letters.h"
#include "core/statement/chart.h"

enum { WIDE = 7 }; /* columns; more of them get smaller letters */

static const char style[] =
    "@page{size:A4;margin:15mm 14mm 17mm;@bottom-right{content:counter(page) \" / \" "
    "counter(pages);font:8pt 'DejaVu Sans',Verdana,sans-serif;color:#55707f}}"
    "*{box-sizing:border-box}"
    "body{font:10pt/1.45 'DejaVu Sans',Verdana,sans-serif;color:#1a1a1a;max-width:190mm;"
    "margin:12mm auto;padding:0 4mm}"
    "header{border-bottom:.6mm solid #12405c;margin:0 0 6mm;padding:0 0 3mm}"
    "h1{font-size:18pt;line-height:1.2;margin:0;color:#12405c}"
    "header p{margin:1mm 0 0;font-size:12pt;overflow-wrap:anywhere}"
    ".draft{display:inline-block;border:.5mm solid #a33;color:#a33;padding:1mm 3mm;"
    "font-weight:700;font-size:9pt}"
    ".facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(52mm,1fr));gap:3mm;"
    "margin:0 0 6mm}"
    ".facts div{border:.3mm solid #c9d3d9;border-radius:1mm;padding:2mm 3mm;break-inside:avoid}"
    "dt{font-size:8pt;color:#4a6270}dd{margin:0;font-size:13pt;font-weight:600;"
    "overflow-wrap:anywhere}"
    "dd.t{font-size:10pt}section{margin:0 0 8mm}"
    "h2{font-size:12.5pt;color:#12405c;margin:0 0 2mm;break-after:avoid}"
    "section>p{margin:0 0 2mm;break-after:avoid}"
    "figure{margin:0 0 3mm;break-inside:avoid}figcaption{font-size:8.5pt;color:#4a6270;"
    "margin:1mm 0 0}"
    "svg{width:100%;height:auto;display:block}"
    "svg text{font:30px 'DejaVu Sans',Verdana,sans-serif;fill:#1a1a1a}svg text.s{font-size:24px}"
    ".bar{fill:#2a6f97}.axis{stroke:#55707f;stroke-width:3;fill:none}"
    ".map{max-height:120mm}.map text{font-size:5px;font-weight:700;text-anchor:middle;"
    "paint-order:stroke;stroke:#fff;stroke-width:1px}"
    ".dep{stroke:#fff;stroke-width:.5;stroke-linejoin:round}"
    ".q0{fill:#e6ebee}.q1{fill:#c6dbe8}.q2{fill:#8fb9d3}.q3{fill:#4d8fb5}.q4{fill:#1d5f8a}"
    ".q9{fill:url(#hatch);stroke:#8a98a1}"
    ".dot{fill:#c8553d;stroke:#fff;stroke-width:.25}"
    ".legend{list-style:none;display:flex;flex-wrap:wrap;gap:1mm 5mm;margin:1mm 0 0;padding:0;"
    "font-size:8.5pt}.legend svg{display:inline-block;width:4mm;height:4mm;vertical-align:-.6mm;"
    "margin:0 1.5mm 0 0}"
    "table{width:100%;border-collapse:collapse;font-size:8.5pt}"
    "table.w{font-size:7.5pt}table.w thead th,table.w th,table.w td{padding:.8mm 1.2mm}"
    ".d{white-space:nowrap}"
    "caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}"
    "thead{display:table-header-group}tfoot{display:table-row-group}tr{break-inside:avoid}"
    "tbody tr:first-child{break-before:avoid}"
    "thead th{background:#12405c;color:#fff;text-align:left;font-weight:600;padding:1.3mm 1.8mm;"
    "vertical-align:bottom}"
    "tbody th{font-weight:400;text-align:left}"
    "tbody th,td,tfoot th{padding:1mm 1.8mm;border-bottom:.2mm solid #dde4e8;vertical-align:top;"
    "overflow-wrap:break-word;text-align:left}"
    ".r,thead th.r{text-align:right}td.r{white-space:nowrap}"
    "tfoot th,tfoot td{font-weight:700;border-top:.4mm solid #12405c}"
    ".none{font-style:italic;color:#4a6270}"
    "footer{border-top:.2mm solid #c9d3d9;font-size:8pt;color:#444;padding:2mm 0 0}"
    "footer p{margin:0 0 1mm}"
    "thead th,.bar,.dep,.dot,.facts div{print-color-adjust:exact;"
    "-webkit-print-color-adjust:exact}"
    "@media print{body{margin:0;padding:0;max-width:none}}";

static void escape(struct buf *out, const char *text)
{
    letters_escape(out, view_of(text));
}

static void figure_write(struct buf *out, const struct figure *figure, struct arena *arena)
{
    letters_escape(out, figure_french(figure, arena));
    if (figure->kind == FIGURE_CENTS && !figure->none && !figure->withheld) {
        buf_text(out, "\xc2\xa0€");
    }
}

/* Within a table the heading of the column says that amounts are euros. */
static void cells_write(struct buf *out, const struct statement_section *section,
                        const struct figure *cells, struct arena *arena)
{
    buf_text(out, "<tr>");
    for (size_t i = 0; i < section->column_count; i++) {
        const char *class = section->columns[i].right     ? " class=\"r\""
                            : cells[i].kind == FIGURE_DAY ? " class=\"d\""
                                                          : "";
        if (i == 0) {
            buf_printf(out, "<th scope=\"row\"%s>", class);
        } else {
            buf_printf(out, "<td%s>", class);
        }
        letters_escape(out, figure_french(&cells[i], arena));
        buf_text(out, i == 0 ? "</th>" : "</td>");
    }
    buf_text(out, "</tr>\n");
}

static void table(struct buf *out, const struct statement_section *section)
{
    struct arena arena = ARENA_INIT;
    if (section->row_count == 0) {
        buf_text(out, "<p class=\"none\">Rien ce mois-ci.</p>\n");
        return;
    }
    buf_text(out, section->column_count > WIDE ? "<table class=\"w\">\n<caption>"
                                               : "<table>\n<caption>");
    escape(out, section->heading);
    buf_text(out, "</caption>\n<thead><tr>");
    for (size_t i = 0; i < section->column_count; i++) {
        buf_text(out, section->columns[i].right ? "<th scope=\"col\" class=\"r\">"
                                                : "<th scope=\"col\">");
        escape(out, section->columns[i].title);
        buf_text(out, "</th>");
    }
    buf_text(out, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < section->row_count; i++) {
        cells_write(out, section, section->cells + i * section->column_count, &arena);
        arena_clear(&arena);
    }
    buf_text(out, "</tbody>\n");
    if (section->total != NULL) {
        buf_text(out, "<tfoot>\n");
        cells_write(out, section, section->total, &arena);
        buf_text(out, "</tfoot>\n");
    }
    buf_text(out, "</table>\n");
    arena_release(&arena);
}

static void legend(struct buf *out, const struct statement_map *map)
{
    buf_text(out, "<ul class=\"legend\">");
    for (size_t i = 0; i < ARRAY_LEN(map->legend); i++) {
        if (map->legend[i] != NULL) {
            buf_printf(out,
                       "<li><svg viewBox=\"0 0 4 4\" aria-hidden=\"true\"><rect class=\"dep q%zu\" "
                       "width=\"4\" height=\"4\"/></svg>",
                       i);
            escape(out, map->legend[i]);
            buf_text(out, "</li>");
        }
    }
    buf_text(out, "<li><svg viewBox=\"0 0 4 4\" aria-hidden=\"true\"><rect class=\"dep q9\" "
                  "width=\"4\" height=\"4\"/></svg>moins de 5 personnes</li><li><svg viewBox=\"0 0 "
                  "4 4\" aria-hidden=\"true\"><circle class=\"dot\" cx=\"2\" cy=\"2\" r=\"1.6\"/>"
                  "</svg>tiers-lieu</li></ul>\n");
}

static void drawings(struct buf *out, const struct statement_section *section)
{
    struct arena arena = ARENA_INIT;
    if (section->map != NULL) {
        buf_text(out, "<figure>\n");
        map_svg(section->map, &arena, out);
        buf_text(out, "<figcaption>");
        escape(out, section->map->title);
        buf_text(out, "</figcaption>\n");
        legend(out, section->map);
        buf_text(out, "</figure>\n");
    }
    if (section->chart != NULL) {
        buf_text(out, "<figure>\n");
        chart_svg(section->chart, &arena, out);
        buf_text(out, "<figcaption>");
        escape(out, section->chart->title);
        buf_text(out, "</figcaption>\n</figure>\n");
    }
    arena_release(&arena);
}

static void facts(struct buf *out, const struct statement *statement)
{
    struct arena arena = ARENA_INIT;
    buf_text(out, "<dl class=\"facts\">\n");
    for (size_t i = 0; i < statement->fact_count; i++) {
        buf_text(out, "<div><dt>");
        escape(out, statement->facts[i].label);
        bool words = statement->facts[i].figure.kind == FIGURE_TEXT;
        buf_text(out, words ? "</dt><dd class=\"t\">" : "</dt><dd>");
        figure_write(out, &statement->facts[i].figure, &arena);
        buf_text(out, "</dd></div>\n");
    }
    buf_text(out, "</dl>\n");
    arena_release(&arena);
}

void statement_html(const struct statement *statement, struct buf *out)
{
    char month[FRENCH_TEXT_MAX];
    french_month(statement->month, month);
    buf_text(out, "<!DOCTYPE html>\n<html lang=\"fr\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    escape(out, statement->title);
    buf_text(out, ", ");
    letters_escape(out, statement->party);
    buf_printf(out, ", %s</title>\n<style>%s</style>\n</head>\n<body>\n<header>\n<h1>", month,
               style);
    escape(out, statement->title);
    buf_text(out, "</h1>\n<p>");
    letters_escape(out, statement->party);
    buf_printf(out, "</p>\n<p>%s</p>\n", month);
    if (statement->provisional) {
        buf_text(out, "<p class=\"draft\">Provisoire\xc2\xa0: le mois n'est pas clôturé</p>\n");
    }
    buf_text(out, "</header>\n<main>\n");
    facts(out, statement);
    for (size_t i = 0; i < statement->section_count; i++) {
        const struct statement_section *section = &statement->sections[i];
        buf_printf(out, "<section aria-labelledby=\"s-%s\">\n<h2 id=\"s-%s\">", section->key,
                   section->key);
        escape(out, section->heading);
        buf_text(out, "</h2>\n");
        if (section->note != NULL) {
            buf_text(out, "<p>");
            escape(out, section->note);
            buf_text(out, "</p>\n");
        }
        drawings(out, section);
        if (section->column_count > 0) {
            table(out, section);
        }
        buf_text(out, "</section>\n");
    }
    buf_text(out, "</main>\n<footer>\n");
    for (size_t i = 0; i < statement->note_count; i++) {
        buf_text(out, "<p>");
        escape(out, statement->notes[i]);
        buf_text(out, "</p>\n");
    }
    buf_text(out, "</footer>\n</body>\n</html>\n");
}
