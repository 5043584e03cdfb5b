/* A credit note differs from an invoice by the names of a few elements and by the order of the
 * first ones; its due date would stand with the payment means, and it has none. */
#include "core/paper/ubl.h"

#include "core/paper/xml.h"

static void date(struct xml *xml, const char *name, struct day day)
{
    char text[11];
    day_format(day, text);
    xml_leaf(xml, name, view_of(text));
}

static void period(struct xml *xml, struct day from, struct day to)
{
    xml_open(xml, "cac:InvoicePeriod");
    date(xml, "cbc:StartDate", from);
    date(xml, "cbc:EndDate", to);
    xml_close(xml);
}

/* <outer><inner>text</inner></outer>, or nothing. */
static void wrapped(struct xml *xml, const char *outer, const char *inner, struct view text)
{
    if (text.len > 0) {
        xml_open(xml, outer);
        xml_leaf(xml, inner, text);
        xml_close(xml);
    }
}

/* Codes stand before the text, "#PMT#..."; a text without one may hold no '#' that would look so.
 */
static void notes(struct xml *xml, const struct invoice *invoice)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < invoice->note_count; i++) {
        buf_clear(&text);
        if (invoice->notes[i].subject != NULL) {
            buf_printf(&text, "#%s#", invoice->notes[i].subject);
        }
        buf_view(&text, invoice->notes[i].text);
        xml_leaf(xml, "cbc:Note", buf_content(&text));
    }
    buf_release(&text);
}

static void references(struct xml *xml, const struct invoice *invoice)
{
    xml_leaf(xml, "cbc:BuyerReference", invoice->buyer_reference);
    period(xml, invoice->from, invoice->to);
    wrapped(xml, "cac:OrderReference", "cbc:ID", invoice->engagement);
    for (size_t i = 0; i < invoice->preceding_count; i++) {
        xml_open(xml, "cac:BillingReference");
        xml_open(xml, "cac:InvoiceDocumentReference");
        xml_leaf(xml, "cbc:ID", invoice->preceding[i].number);
        date(xml, "cbc:IssueDate", invoice->preceding[i].issued);
        xml_close(xml);
        xml_close(xml);
    }
}

static void header(struct xml *xml, const struct invoice *invoice, bool credit)
{
    xml_leaf(xml, "cbc:CustomizationID", VIEW_LIT("urn:cen.eu:en16931:2017"));
    xml_leaf(xml, "cbc:ProfileID", view_of(invoice->process));
    xml_leaf(xml, "cbc:ID", invoice->number);
    date(xml, "cbc:IssueDate", invoice->issued);
    if (!credit) {
        date(xml, "cbc:DueDate", invoice->due);
    }
    xml_number(xml, credit ? "cbc:CreditNoteTypeCode" : "cbc:InvoiceTypeCode", invoice->type);
    notes(xml, invoice);
    xml_leaf(xml, "cbc:DocumentCurrencyCode", VIEW_LIT("EUR"));
    references(xml, invoice);
}

static void scheme(struct xml *xml, const char *id)
{
    xml_open(xml, "cac:TaxScheme");
    xml_leaf(xml, "cbc:ID", view_of(id));
    xml_close(xml);
}

static void identification(struct xml *xml, const char *scheme_id, struct view id)
{
    if (id.len > 0) {
        xml_open(xml, "cac:PartyIdentification");
        xml_leaf_with(xml, "cbc:ID", "schemeID", scheme_id, id);
        xml_close(xml);
    }
}

static void party(struct xml *xml, const char *name, const struct invoice_party *party,
                  struct view creditor_id, bool vat_ids)
{
    xml_open(xml, name);
    xml_open(xml, "cac:Party");
    xml_leaf_with(xml, "cbc:EndpointID", "schemeID", "0225", party->siren);
    identification(xml, "0009", party->siret);
    identification(xml, "SEPA", creditor_id); /* BT-90 */
    xml_open(xml, "cac:PostalAddress");
    xml_leaf(xml, "cbc:StreetName", party->address);
    xml_leaf(xml, "cbc:CityName", party->city);
    xml_leaf(xml, "cbc:PostalZone", party->postcode);
    xml_open(xml, "cac:Country");
    xml_leaf(xml, "cbc:IdentificationCode", party->country);
    xml_close(xml);
    xml_close(xml);
    if (vat_ids && (party->vat_id.len > 0 || party->tax_id.len > 0)) {
        bool vat = party->vat_id.len > 0;
        xml_open(xml, "cac:PartyTaxScheme");
        xml_leaf(xml, "cbc:CompanyID", vat ? party->vat_id : party->tax_id);
        scheme(xml, vat ? "VAT" : "FC");
        xml_close(xml);
    }
    xml_open(xml, "cac:PartyLegalEntity");
    xml_leaf(xml, "cbc:RegistrationName", party->name);
    xml_leaf_with(xml, "cbc:CompanyID", "schemeID", "0002", party->siren);
    xml_close(xml);
    xml_close(xml);
    xml_close(xml);
}

static void payment(struct xml *xml, const struct invoice *invoice)
{
    const struct invoice_payment *payment = &invoice->payment;
    if (payment->means != PAYMENT_NONE) {
        xml_open(xml, "cac:PaymentMeans");
        xml_number(xml, "cbc:PaymentMeansCode", payment->means);
        xml_leaf(xml, "cbc:PaymentID", invoice->number);
        if (payment->iban.len > 0) {
            xml_open(xml, "cac:PayeeFinancialAccount");
            xml_leaf(xml, "cbc:ID", payment->iban);
            wrapped(xml, "cac:FinancialInstitutionBranch", "cbc:ID", payment->bic);
            xml_close(xml);
        }
        if (payment->mandate.len > 0) {
            xml_open(xml, "cac:PaymentMandate");
            xml_leaf(xml, "cbc:ID", payment->mandate);
            wrapped(xml, "cac:PayerFinancialAccount", "cbc:ID", payment->debited_iban);
            xml_close(xml);
        }
        xml_close(xml);
    }
    wrapped(xml, "cac:PaymentTerms", "cbc:Note", payment->terms);
}

static void category(struct xml *xml, const char *name, const struct invoice *invoice, bool reasons)
{
    xml_open(xml, name);
    xml_leaf(xml, "cbc:ID", view_of(invoice->category));
    if (invoice->category[0] != 'O') {
        xml_rate(xml, "cbc:Percent", invoice->rate);
    }
    if (reasons) {
        xml_leaf(xml, "cbc:TaxExemptionReasonCode", view_of(invoice->exempt_code));
        xml_leaf(xml, "cbc:TaxExemptionReason", view_of(invoice->exempt_text));
    }
    scheme(xml, "VAT");
    xml_close(xml);
}

static void totals(struct xml *xml, const struct invoice *invoice)
{
    xml_open(xml, "cac:TaxTotal");
    xml_money(xml, "cbc:TaxAmount", invoice->vat);
    xml_open(xml, "cac:TaxSubtotal");
    xml_money(xml, "cbc:TaxableAmount", invoice->net);
    xml_money(xml, "cbc:TaxAmount", invoice->vat);
    category(xml, "cac:TaxCategory", invoice, true);
    xml_close(xml);
    xml_close(xml);
    xml_open(xml, "cac:LegalMonetaryTotal");
    xml_money(xml, "cbc:LineExtensionAmount", invoice->net);
    xml_money(xml, "cbc:TaxExclusiveAmount", invoice->net);
    xml_money(xml, "cbc:TaxInclusiveAmount", invoice->gross);
    if (invoice->paid.cents != 0 || invoice->process[1] == '2') {
        xml_money(xml, "cbc:PrepaidAmount", invoice->paid);
    }
    xml_money(xml, "cbc:PayableAmount", invoice->payable);
    xml_close(xml);
}

static void line(struct xml *xml, const struct invoice *invoice, size_t i, bool credit)
{
    const struct invoice_line *line = &invoice->lines[i];
    char quantity[32];
    snprintf(quantity, sizeof quantity, "%lld", (long long)line->quantity);
    xml_open(xml, credit ? "cac:CreditNoteLine" : "cac:InvoiceLine");
    xml_number(xml, "cbc:ID", (int64_t)i + 1);
    xml_leaf(xml, "cbc:Note", line->note);
    xml_leaf_with(xml, credit ? "cbc:CreditedQuantity" : "cbc:InvoicedQuantity", "unitCode",
                  line->unit, view_of(quantity));
    xml_money(xml, "cbc:LineExtensionAmount", line->net);
    period(xml, month_first(line->month), month_last(line->month));
    xml_open(xml, "cac:Item");
    xml_leaf(xml, "cbc:Name", line->name);
    wrapped(xml, "cac:SellersItemIdentification", "cbc:ID", line->item_id);
    category(xml, "cac:ClassifiedTaxCategory", invoice, false);
    xml_close(xml);
    xml_open(xml, "cac:Price");
    xml_money(xml, "cbc:PriceAmount", line->price);
    xml_close(xml);
    xml_close(xml);
}

int ubl_write(const struct invoice *invoice, struct buf *out)
{
    if (invoice->pro_forma) {
        return E_UNSUPPORTED;
    }
    bool credit = invoice_is_credit(invoice);
    bool vat_ids = invoice_names_vat_ids(invoice);
    struct xml xml;
    struct buf scratch = BUF_INIT;
    xml_begin(&xml, out, &scratch);
    xml_open(&xml, credit ? "CreditNote" : "Invoice");
    xml_attribute(&xml, "xmlns",
                  credit ? "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2"
                         : "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2");
    xml_attribute(&xml, "xmlns:cac",
                  "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2");
    xml_attribute(&xml, "xmlns:cbc",
                  "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2");
    header(&xml, invoice, credit);
    party(&xml, "cac:AccountingSupplierParty", &invoice->seller, invoice->payment.creditor_id,
          vat_ids);
    party(&xml, "cac:AccountingCustomerParty", &invoice->buyer, VIEW_NONE, vat_ids);
    xml_open(&xml, "cac:Delivery");
    date(&xml, "cbc:ActualDeliveryDate", invoice->delivered);
    xml_close(&xml);
    payment(&xml, invoice);
    totals(&xml, invoice);
    for (size_t i = 0; i < invoice->line_count; i++) {
        line(&xml, invoice, i, credit);
    }
    xml_close(&xml);
    int err = xml_end(&xml);
    buf_release(&scratch);
    return err;
}
