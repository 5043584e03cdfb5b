#include "core/payments/letter.h"

#include <assert.h>

#include "core/paper/french.h"
#include "core/paper/letters.h"

enum { PARAGRAPHS_MAX = 8 };

static const struct {
    const char *title;
    const char *asks;
    const char *closes;
} levels[] = {
    {"Rappel",
     "Sauf erreur de notre part, ce montant ne nous est pas encore parvenu. Nous vous remercions "
     "de "
     "le régler dès que possible.",
     "Si votre paiement s'est croisé avec cette lettre, veuillez ne pas en tenir compte."},
    {"Deuxième rappel",
     "Malgré notre premier rappel, ce montant ne nous est pas parvenu. Nous vous prions de le "
     "régler "
     "sous quinze jours, ou de nous dire ce qui s'y oppose.",
     "Passé ce délai, les pénalités de retard portées sur la facture seront dues, avec l'indemnité "
     "forfaitaire de recouvrement de 40 € (article L. 441-10 du Code de commerce)."},
    {"Mise en demeure",
     "Nos rappels sont restés sans effet. Par la présente, nous vous mettons en demeure de régler "
     "ce "
     "montant sous huit jours.",
     "Les pénalités de retard portées sur la facture courent depuis l'échéance, et l'indemnité "
     "forfaitaire de recouvrement de 40 € est due (article L. 441-10 du Code de commerce). À "
     "défaut "
     "de paiement, l'accès des titulaires de pass pourra être suspendu."},
};
_Static_assert(ARRAY_LEN(levels) == LETTER_LEVEL_MAX, "each level has its words");

const char *letter_title(unsigned level)
{
    assert(level >= 1 && level <= LETTER_LEVEL_MAX);
    return levels[level - 1].title;
}

/* The body, a paragraph each; texts in `words`. */
static size_t body(const struct letter *letter, struct buf *words, size_t ends[PARAGRAPHS_MAX])
{
    char issued[FRENCH_TEXT_MAX];
    char due[FRENCH_TEXT_MAX];
    char amount[FRENCH_TEXT_MAX];
    size_t count = 0;
    french_day(letter->issued, issued);
    french_day(letter->due, due);
    french_amount(letter->amount, amount);
    buf_text(words, "Madame, Monsieur,");
    ends[count++] = words->len;
    buf_printf(words, "Notre facture %.*s du %s, de %s € à régler, était due le %s (%d jours).",
               VIEW_FMT(letter->number), issued, amount, due,
               letter->written.number - letter->due.number);
    ends[count++] = words->len;
    if (letter->debit_failed) {
        buf_text(words, "Le prélèvement que nous avons présenté à votre banque nous est revenu.");
        ends[count++] = words->len;
    }
    buf_text(words, levels[letter->level - 1].asks);
    ends[count++] = words->len;
    if (letter->iban.len > 0) {
        buf_printf(words, "Virement à l'IBAN %.*s, avec la référence %.*s.", VIEW_FMT(letter->iban),
                   VIEW_FMT(letter->number));
        ends[count++] = words->len;
    }
    buf_text(words, levels[letter->level - 1].closes);
    ends[count++] = words->len;
    buf_text(words, "Nous vous prions d'agréer, Madame, Monsieur, nos salutations distinguées.");
    ends[count++] = words->len;
    assert(count <= PARAGRAPHS_MAX);
    return count;
}

static struct view paragraph(const struct buf *words, const size_t *ends, size_t i)
{
    return view_slice(buf_content(words), i == 0 ? 0 : ends[i - 1], ends[i]);
}

/* ---- text ---- */

static void text_party(struct buf *out, const struct letter_party *party)
{
    letters_clean(out, party->name);
    buf_byte(out, '\n');
    letters_clean(out, party->address);
    buf_byte(out, '\n');
    letters_clean(out, party->postcode);
    buf_byte(out, ' ');
    letters_clean(out, party->city);
    buf_text(out, "\n\n");
}

void letter_text(const struct letter *letter, struct buf *out)
{
    struct buf words = BUF_INIT;
    size_t ends[PARAGRAPHS_MAX];
    char day[FRENCH_TEXT_MAX];
    text_party(out, &letter->from);
    text_party(out, &letter->to);
    french_day(letter->written, day);
    buf_printf(out, "Le %s\n\n%s : facture %.*s\n", day, letter_title(letter->level),
               VIEW_FMT(letter->number));
    size_t count = body(letter, &words, ends);
    for (size_t i = 0; i < count; i++) {
        buf_byte(out, '\n');
        letters_clean(out, paragraph(&words, ends, i));
        buf_byte(out, '\n');
    }
    buf_byte(out, '\n');
    letters_clean(out, letter->from.name);
    buf_byte(out, '\n');
    buf_release(&words);
}

/* ---- a page ---- */

static void html_party(struct buf *out, const char *class, const struct letter_party *party)
{
    const struct view lines[] = {party->name, party->address};
    buf_printf(out, "<address class=\"%s\">", class);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        letters_escape(out, lines[i]);
        buf_text(out, "<br>");
    }
    letters_escape(out, party->postcode);
    buf_byte(out, ' ');
    letters_escape(out, party->city);
    buf_text(out, "</address>\n");
}

void letter_html(const struct letter *letter, struct buf *out)
{
    struct buf words = BUF_INIT;
    size_t ends[PARAGRAPHS_MAX];
    char day[FRENCH_TEXT_MAX];
    buf_printf(out, "<!doctype html>\n<html lang=\"fr\"><head><meta charset=\"utf-8\"><title>%s ",
               letter_title(letter->level));
    letters_escape(out, letter->number);
    buf_text(out, "</title>\n<style>@page{size:A4;margin:20mm}"
                  "body{font:11pt/1.5 'DejaVu Sans',Verdana,sans-serif;color:#1a1a1a;"
                  "max-width:170mm;margin:15mm auto}address{font-style:normal}"
                  ".to{margin:12mm 0 12mm 90mm}h1{font-size:14pt;color:#12405c;margin:8mm 0}"
                  "@media print{body{margin:0}}</style></head>\n<body>\n");
    html_party(out, "from", &letter->from);
    html_party(out, "to", &letter->to);
    french_day(letter->written, day);
    buf_printf(out, "<p>Le %s</p>\n<h1>%s : facture ", day, letter_title(letter->level));
    letters_escape(out, letter->number);
    buf_text(out, "</h1>\n");
    size_t count = body(letter, &words, ends);
    for (size_t i = 0; i < count; i++) {
        buf_text(out, "<p>");
        letters_escape(out, paragraph(&words, ends, i));
        buf_text(out, "</p>\n");
    }
    buf_text(out, "<p>");
    letters_escape(out, letter->from.name);
    buf_text(out, "</p>\n</body></html>\n");
    buf_release(&words);
}
