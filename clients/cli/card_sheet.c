/* Lengths are tenths of a millimetre. */
#include "cli/card_sheet.h"

#include "cli/qr.h"
#include "core/day/day.h"
#include "core/paper/french.h"
#include "core/paper/letters.h"
#include "core/pass/card.h"

enum {
    SHEET_WIDTH = 2100,
    SHEET_HEIGHT = 2970,
    CARD_WIDTH = 856,
    CARD_HEIGHT = 540,
    LEFT = (SHEET_WIDTH - CARD_SHEET_COLUMNS * CARD_WIDTH) / 2,
    TOP = (SHEET_HEIGHT - CARD_SHEET_ROWS * CARD_HEIGHT) / 2,
    CARDS_A_SHEET = CARD_SHEET_COLUMNS * CARD_SHEET_ROWS,
    MARK = 60,     /* length of a mark */
    MARK_GAP = 20, /* between it and the cards */
    QR_SIDE = 370,
    NAME_LETTERS_MAX = 24,
};

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"fr\">\n<head>\n<meta charset=\"utf-8\">\n<title>";
static const char style[] =
    "</title>\n<style>@page{size:A4;margin:0}*{box-sizing:border-box}body{margin:0;background:#ddd}"
    "svg.sheet{display:block;width:210mm;height:297mm;margin:5mm auto;background:#fff;"
    "break-after:page}svg.sheet:last-of-type{break-after:auto}"
    "text{font-family:'DejaVu Sans',Verdana,sans-serif;fill:#1a1a1a}"
    ".t{font-size:34px;font-weight:700;fill:#fff}.n{font-size:38px;font-weight:700}"
    ".l{font-size:20px;fill:#4a6270}.m{font-size:42px;font-weight:700;"
    "font-family:'DejaVu Sans Mono',monospace}.s{font-size:21px}"
    ".band{fill:#12405c;print-color-adjust:exact;-webkit-print-color-adjust:exact}"
    ".mark{stroke:#000;stroke-width:2;fill:none}"
    "@media print{body{background:none}svg.sheet{margin:0}}</style>\n</head>\n<body>\n";

static void text_at(struct buf *out, int x, int y, const char *class, struct view text)
{
    size_t letters = 0;
    struct view rest = text;
    while (rest.len > 0 && letters < NAME_LETTERS_MAX) {
        letters_next(&rest);
        letters++;
    }
    buf_printf(out, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, class);
    letters_escape(out, view_slice(text, 0, text.len - rest.len));
    buf_text(out, rest.len > 0 ? "…</text>" : "</text>");
}

/* "Du 01/10/2026 au 30/09/2027", "Jusqu'au ...", or nothing. */
static void validity(struct buf *out, int x, int y, const struct card_face *card)
{
    struct day from;
    struct day until;
    char first[FRENCH_TEXT_MAX];
    char last[FRENCH_TEXT_MAX];
    bool begins = day_parse(card->valid_from, &from) == E_OK;
    bool ends = day_parse(card->valid_until, &until) == E_OK;
    if (begins) {
        french_day(from, first);
    }
    if (ends) {
        french_day(until, last);
    }
    if (begins || ends) {
        buf_printf(out, "<text x=\"%d\" y=\"%d\" class=\"l\">%s%s</text>", x, y,
                   ends ? "Valable jusqu'au " : "Valable à partir du ", ends ? last : first);
    }
}

static int card_write(const struct card_face *card, int x, int y, struct view title,
                      struct buf *out, struct fault *fault)
{
    char number[CARD_DIGITS + 1];
    char grouped[CARD_GROUPED + 1];
    struct qr qr;
    if (card_number_parse(card->number, number) != E_OK) {
        return fault_set(fault, E_INVALID, "'%.*s' is no number of a pass",
                         VIEW_FMT(view_slice(card->number, 0, 40)));
    }
    int err = qr_make(&qr, card->token, fault);
    if (err != E_OK) {
        fault_prefix(fault, "card %s", number);
        return err;
    }
    card_number_group(number, grouped);
    buf_printf(out,
               "<g transform=\"translate(%d %d)\" role=\"group\" aria-label=\"Passe %s\">"
               "<rect class=\"band\" width=\"%d\" height=\"86\"/>",
               x, y, grouped, CARD_WIDTH);
    text_at(out, 34, 56, "t", title);
    bool named = card->name.len > 0 || card->family.len > 0;
    text_at(out, 34, 166, "n", named ? card->name : card->holder_id);
    text_at(out, 34, 214, "n", card->family);
    buf_text(out, "<text x=\"34\" y=\"296\" class=\"l\">Numéro de passe</text>");
    buf_printf(out, "<text x=\"34\" y=\"346\" class=\"m\">%s</text>", grouped);
    validity(out, 34, 396, card);
    buf_text(out, "<text x=\"34\" y=\"462\" class=\"s\">À présenter à l'accueil,</text>"
                  "<text x=\"34\" y=\"490\" class=\"s\">avec une pièce d'identité.</text>");
    buf_printf(out,
               "<svg x=\"%d\" y=\"116\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %zu %zu\" "
               "shape-rendering=\"crispEdges\"><path d=\"",
               CARD_WIDTH - QR_SIDE - 14, QR_SIDE, QR_SIDE, qr_side(&qr), qr_side(&qr));
    qr_path(&qr, out);
    buf_text(out, "\"/></svg></g>\n");
    qr_release(&qr);
    return E_OK;
}

static void line(struct buf *out, int x1, int y1, int x2, int y2)
{
    buf_printf(out, "M%d %dL%d %d", x1, y1, x2, y2);
}

/* At each edge of a card, outside the cards: nothing is printed where one cuts. */
static void marks(struct buf *out)
{
    int right = LEFT + CARD_SHEET_COLUMNS * CARD_WIDTH;
    int bottom = TOP + CARD_SHEET_ROWS * CARD_HEIGHT;
    buf_text(out, "<path class=\"mark\" d=\"");
    for (int i = 0; i <= CARD_SHEET_COLUMNS; i++) {
        int x = LEFT + i * CARD_WIDTH;
        line(out, x, TOP - MARK_GAP - MARK, x, TOP - MARK_GAP);
        line(out, x, bottom + MARK_GAP, x, bottom + MARK_GAP + MARK);
    }
    for (int i = 0; i <= CARD_SHEET_ROWS; i++) {
        int y = TOP + i * CARD_HEIGHT;
        line(out, LEFT - MARK_GAP - MARK, y, LEFT - MARK_GAP, y);
        line(out, right + MARK_GAP, y, right + MARK_GAP + MARK, y);
    }
    buf_text(out, "\"/>\n");
}

int card_sheet_write(const struct card_face *cards, size_t count, struct view title,
                     struct buf *out, struct fault *fault)
{
    int err = E_OK;
    buf_text(out, head);
    letters_escape(out, title);
    buf_printf(out, ", %zu cartes", count);
    buf_text(out, style);
    for (size_t first = 0; first < count && err == E_OK; first += CARDS_A_SHEET) {
        buf_printf(out,
                   "<svg class=\"sheet\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"Planche "
                   "%zu\" xmlns=\"http://www.w3.org/2000/svg\">\n",
                   SHEET_WIDTH, SHEET_HEIGHT, first / CARDS_A_SHEET + 1);
        marks(out);
        for (size_t i = first; i < count && i < first + CARDS_A_SHEET && err == E_OK; i++) {
            int place = (int)(i - first);
            err = card_write(&cards[i], LEFT + place % CARD_SHEET_COLUMNS * CARD_WIDTH,
                             TOP + place / CARD_SHEET_COLUMNS * CARD_HEIGHT, title, out, fault);
        }
        buf_text(out, "</svg>\n");
    }
    buf_text(out, "</body>\n</html>\n");
    return err;
}
