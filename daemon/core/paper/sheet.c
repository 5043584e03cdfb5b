#include "core/paper/sheet.h"

#include <assert.h>

#include "core/paper/french.h"

#define NO_BREAK "\xc2\xa0"

const char *const sheet_heads[SHEET_CELLS] = {
    "N°", "Désignation", "Période", "Quantité", "Prix unitaire HT", "TVA", "Montant HT"};
const bool sheet_right[SHEET_CELLS] = {true, false, false, true, true, true, true};

static void add(struct sheet_rows *rows, const char *label, struct view value)
{
    if (value.len > 0) {
        assert(rows->count < SHEET_ROWS_MAX);
        rows->rows[rows->count++] = (struct sheet_row){label, value, false};
    }
}

static void add_text(struct sheet_rows *rows, const char *label, const char *text)
{
    add(rows, label, view_of(text));
}

static char *day_text(struct arena *arena, struct day day)
{
    char text[FRENCH_TEXT_MAX];
    french_day(day, text);
    return arena_string(arena, view_of(text));
}

static char *euros(struct arena *arena, struct cents amount)
{
    char text[FRENCH_TEXT_MAX];
    french_amount(amount, text);
    return arena_printf(arena, "%s" NO_BREAK "€", text);
}

static char *period_text(struct arena *arena, struct day from, struct day to)
{
    char first[FRENCH_TEXT_MAX];
    char last[FRENCH_TEXT_MAX];
    french_month(month_of(from), first);
    french_month(month_of(to), last);
    return strcmp(first, last) == 0 ? arena_string(arena, view_of(first))
                                    : arena_printf(arena, "%s à %s", first, last);
}

static void facts(const struct invoice *invoice, struct arena *arena, struct sheet_rows *out)
{
    bool paid = invoice->process[1] == '2';
    add(out, invoice->pro_forma ? "Référence" : "Numéro", invoice->number);
    add_text(out, "Date d'émission", day_text(arena, invoice->issued));
    if (!invoice_is_credit(invoice)) {
        add_text(out, paid ? "Payée le" : "Échéance", day_text(arena, invoice->due));
    }
    add_text(out, "Période", period_text(arena, invoice->from, invoice->to));
    add_text(out, "Nature", "Prestations de services");
    add(out, invoice->buyer_service ? "Code service" : "Référence de l'acheteur",
        invoice->buyer_reference);
    add(out, "N° d'engagement", invoice->engagement);
    for (size_t i = 0; i < invoice->preceding_count; i++) {
        if (out->count == SHEET_ROWS_MAX - 1 && invoice->preceding_count - i > 1) {
            add_text(out, "Et",
                     arena_printf(arena, "%zu autres, dans le fichier joint",
                                  invoice->preceding_count - i));
            break;
        }
        add_text(out, "Facture rectifiée",
                 arena_printf(arena, "%.*s du %s", VIEW_FMT(invoice->preceding[i].number),
                              day_text(arena, invoice->preceding[i].issued)));
    }
}

static void party(const struct invoice_party *party, bool vat_ids, struct arena *arena,
                  struct sheet_rows *out)
{
    add(out, "", party->name);
    out->rows[0].strong = true;
    add(out, "", party->address);
    add_text(out, "",
             arena_printf(arena, "%.*s %.*s%s%.*s", VIEW_FMT(party->postcode),
                          VIEW_FMT(party->city), view_is(party->country, "FR") ? "" : ", ",
                          view_is(party->country, "FR") ? 0 : (int)party->country.len,
                          party->country.data));
    add(out, "SIREN", party->siren);
    add(out, "SIRET", party->siret);
    if (vat_ids) {
        add(out, "TVA", party->vat_id);
    }
}

static void totals(const struct invoice *invoice, struct arena *arena, struct sheet_rows *out)
{
    char rate[FRENCH_TEXT_MAX];
    french_rate(invoice->rate, rate);
    add_text(out, "Total HT", euros(arena, invoice->net));
    add_text(out, invoice->exempt_code == NULL ? arena_printf(arena, "TVA %s", rate) : "TVA",
             euros(arena, invoice->vat));
    add_text(out, "Total TTC", euros(arena, invoice->gross));
    if (invoice->paid.cents != 0) {
        add_text(out, "Déjà payé", euros(arena, invoice->paid));
    }
    add_text(out, invoice_is_credit(invoice) ? "À votre crédit" : "Net à payer",
             euros(arena, invoice->payable));
    out->rows[out->count - 1].strong = true;
}

/* In groups of four, as on paper. */
static char *iban_text(struct arena *arena, struct view iban)
{
    char *text = arena_alloc(arena, iban.len * 2 + 1);
    size_t at = 0;
    for (size_t i = 0; i < iban.len; i++) {
        if (i > 0 && i % 4 == 0) {
            text[at++] = ' ';
        }
        text[at++] = iban.data[i];
    }
    return text;
}

static void payment(const struct invoice *invoice, struct arena *arena, struct sheet_rows *out)
{
    const struct invoice_payment *payment = &invoice->payment;
    add_text(out, "Mode", french_means(payment->means));
    add(out, "Conditions", payment->terms);
    add_text(out, "IBAN", iban_text(arena, payment->iban));
    add(out, "BIC", payment->bic);
    add_text(out, "Compte débité", iban_text(arena, payment->debited_iban));
    add(out, "Mandat (RUM)", payment->mandate);
    add(out, "Créancier (ICS)", payment->creditor_id);
    if (payment->means == PAYMENT_SEPA_TRANSFER) {
        add(out, "À rappeler", invoice->number);
    }
}

static void notes(const struct invoice *invoice, struct sheet_rows *out)
{
    add_text(out, "", invoice->exempt_text);
    for (size_t i = 0; i < invoice->note_count; i++) {
        const struct invoice_note *note = &invoice->notes[i];
        if (note->subject == NULL || strcmp(note->subject, "BAR") != 0) { /* for machines */
            add(out, "", note->text);
        }
    }
}

void sheet_make(const struct invoice *invoice, struct arena *arena, struct sheet *out)
{
    bool vat_ids = invoice_names_vat_ids(invoice);
    *out = (struct sheet){.title = french_title(invoice)};
    facts(invoice, arena, &out->facts);
    party(&invoice->seller, vat_ids, arena, &out->seller);
    party(&invoice->buyer, vat_ids, arena, &out->buyer);
    totals(invoice, arena, &out->totals);
    payment(invoice, arena, &out->payment);
    notes(invoice, &out->notes);
}

void sheet_line(const struct invoice *invoice, size_t i, struct arena *arena,
                struct view cells[static SHEET_CELLS])
{
    const struct invoice_line *line = &invoice->lines[i];
    char count[FRENCH_TEXT_MAX];
    char price[FRENCH_TEXT_MAX];
    char rate[FRENCH_TEXT_MAX];
    char net[FRENCH_TEXT_MAX];
    char month[FRENCH_TEXT_MAX];
    french_count(line->quantity, count);
    french_amount(line->price, price);
    french_rate(invoice->rate, rate);
    french_amount(line->net, net);
    french_month(line->month, month);
    cells[0] = view_of(arena_printf(arena, "%zu", i + 1));
    cells[1] = line->note.len == 0
                   ? line->name
                   : view_of(arena_printf(arena, "%.*s (%.*s)", VIEW_FMT(line->name),
                                          VIEW_FMT(line->note)));
    cells[2] = arena_copy(arena, view_of(month));
    cells[3] = arena_copy(arena, view_of(count));
    cells[4] = arena_copy(arena, view_of(price));
    cells[5] = invoice->category[0] == 'O' ? VIEW_LIT("–") : arena_copy(arena, view_of(rate));
    cells[6] = arena_copy(arena, view_of(net));
}
