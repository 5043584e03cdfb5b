#include "core/paper/html.h"

#include "core/paper/letters.h"
#include "core/paper/sheet.h"

static const char style[] =
    "@page{size:A4;margin:16mm 15mm 18mm}"
    "*{box-sizing:border-box}"
    "body{font:10pt/1.4 'DejaVu Sans',Verdana,sans-serif;color:#1a1a1a;max-width:180mm;"
    "margin:12mm auto;padding:0 4mm}"
    "h1{font-size:19pt;line-height:1.2;margin:0 0 6mm;color:#12405c}"
    ".parties{display:flex;gap:8mm;margin:0 0 6mm}"
    ".parties section{flex:1;min-width:0;border:.3mm solid #c9d3d9;border-radius:1mm;padding:3mm "
    "4mm}"
    "h2{font-size:8pt;text-transform:uppercase;letter-spacing:.05em;color:#55707f;margin:0 0 1mm}"
    "p,dl{margin:0;overflow-wrap:anywhere}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.4mm 4mm}"
    "dt{color:#55707f}dd{margin:0;overflow-wrap:anywhere}"
    "table{width:100%;border-collapse:collapse;margin:6mm 0;font-size:9pt}"
    "thead{display:table-header-group}tr{break-inside:avoid}"
    "th{background:#12405c;color:#fff;text-align:left;font-weight:600;padding:1.5mm 2mm;"
    "vertical-align:bottom;print-color-adjust:exact;-webkit-print-color-adjust:exact}"
    "td{padding:1.3mm 2mm;border-bottom:.2mm solid "
    "#dde4e8;vertical-align:top;overflow-wrap:anywhere}"
    "td:nth-child(3),.r{white-space:nowrap}.r{text-align:right}"
    "th.r{white-space:normal}"
    ".end{display:flex;gap:8mm;justify-content:space-between;break-inside:avoid}"
    ".end>section{flex:1;min-width:0}"
    ".totals{flex:0 0 72mm!important}.totals dl{grid-template-columns:1fr max-content}"
    ".totals dd{text-align:right;white-space:nowrap}"
    ".totals .s{font-weight:700;font-size:11pt;border-top:.4mm solid #12405c;padding-top:1mm}"
    ".notes{margin:7mm 0 0;padding:3mm 0 0;border-top:.2mm solid #c9d3d9;font-size:8pt;color:#444;"
    "break-inside:avoid}"
    ".s{font-weight:700}"
    ".pf{border:.6mm solid #a33;color:#a33;padding:2mm 4mm;font-weight:700;margin:0 0 5mm}"
    "@media print{body{margin:0;padding:0;max-width:none}}";

static void escape(struct buf *out, const char *text)
{
    letters_escape(out, view_of(text));
}

static void paragraphs(struct buf *out, const struct sheet_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct sheet_row *row = &rows->rows[i];
        buf_text(out, row->strong ? "<p class=\"s\">" : "<p>");
        if (row->label[0] != '\0') {
            escape(out, row->label);
            buf_byte(out, ' ');
        }
        letters_escape(out, row->value);
        buf_text(out, "</p>\n");
    }
}

static void pairs(struct buf *out, const struct sheet_rows *rows)
{
    buf_text(out, "<dl>\n");
    for (size_t i = 0; i < rows->count; i++) {
        const struct sheet_row *row = &rows->rows[i];
        const char *strong = row->strong ? " class=\"s\"" : "";
        buf_printf(out, "<dt%s>", strong);
        escape(out, row->label);
        buf_printf(out, "</dt><dd%s>", strong);
        letters_escape(out, row->value);
        buf_text(out, "</dd>\n");
    }
    buf_text(out, "</dl>\n");
}

static void section(struct buf *out, const char *head, const struct sheet_rows *rows,
                    void (*body)(struct buf *, const struct sheet_rows *))
{
    buf_text(out, "<section>\n<h2>");
    escape(out, head);
    buf_text(out, "</h2>\n");
    body(out, rows);
    buf_text(out, "</section>\n");
}

static void table(struct buf *out, const struct invoice *invoice)
{
    struct arena arena = ARENA_INIT;
    buf_text(out, "<table>\n<thead><tr>");
    for (size_t k = 0; k < SHEET_CELLS; k++) {
        buf_text(out, sheet_right[k] ? "<th scope=\"col\" class=\"r\">" : "<th scope=\"col\">");
        escape(out, sheet_heads[k]);
        buf_text(out, "</th>");
    }
    buf_text(out, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < invoice->line_count; i++) {
        struct view cells[SHEET_CELLS];
        sheet_line(invoice, i, &arena, cells);
        buf_text(out, "<tr>");
        for (size_t k = 0; k < SHEET_CELLS; k++) {
            buf_text(out, sheet_right[k] ? "<td class=\"r\">" : "<td>");
            letters_escape(out, cells[k]);
            buf_text(out, "</td>");
        }
        buf_text(out, "</tr>\n");
        arena_clear(&arena);
    }
    buf_text(out, "</tbody>\n</table>\n");
    arena_release(&arena);
}

void html_write(const struct invoice *invoice, struct buf *out)
{
    struct arena arena = ARENA_INIT;
    struct sheet sheet;
    sheet_make(invoice, &arena, &sheet);
    buf_text(out, "<!DOCTYPE html>\n<html lang=\"fr\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    escape(out, sheet.title);
    buf_byte(out, ' ');
    letters_escape(out, invoice->number);
    buf_printf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n<h1>", style);
    escape(out, sheet.title);
    buf_text(out, "</h1>\n");
    if (invoice->pro_forma) {
        buf_text(out, "<p class=\"pf\">Pro forma : ne vaut pas facture</p>\n");
    }
    buf_text(out, "<div class=\"parties\">\n");
    section(out, "Vendeur", &sheet.seller, paragraphs);
    section(out, "Acheteur", &sheet.buyer, paragraphs);
    buf_text(out, "</div>\n");
    pairs(out, &sheet.facts);
    table(out, invoice);
    buf_text(out, "<div class=\"end\">\n");
    section(out, "Règlement", &sheet.payment, pairs);
    buf_text(out, "<section class=\"totals\">\n<h2>Totaux en euros</h2>\n");
    pairs(out, &sheet.totals);
    buf_text(out, "</section>\n</div>\n<div class=\"notes\">\n");
    paragraphs(out, &sheet.notes);
    buf_text(out, "</div>\n</body>\n</html>\n");
    arena_release(&arena);
}
