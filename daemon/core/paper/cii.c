/* Elements stand in the order of the schema; what EN 16931 does not use is not written (rules
 * CII-SR, CII-DT), and no element is empty (R008). */
#include "core/paper/cii.h"

#include "core/paper/xml.h"

static void date(struct xml *xml, const char *name, const char *inner, struct day day)
{
    char text[11];
    day_format(day, text); /* without its hyphens */
    memmove(text + 4, text + 5, 2);
    memmove(text + 6, text + 8, 3);
    xml_open(xml, name);
    xml_leaf_with(xml, inner, "format", "102", view_of(text));
    xml_close(xml);
}

static void period(struct xml *xml, struct day from, struct day to)
{
    xml_open(xml, "ram:BillingSpecifiedPeriod");
    date(xml, "ram:StartDateTime", "udt:DateTimeString", from);
    date(xml, "ram:EndDateTime", "udt:DateTimeString", to);
    xml_close(xml);
}

static void parameter(struct xml *xml, const char *name, const char *id)
{
    xml_open(xml, name);
    xml_leaf(xml, "ram:ID", view_of(id));
    xml_close(xml);
}

static void header(struct xml *xml, const struct invoice *invoice)
{
    xml_open(xml, "rsm:ExchangedDocumentContext");
    parameter(xml, "ram:BusinessProcessSpecifiedDocumentContextParameter", invoice->process);
    parameter(xml, "ram:GuidelineSpecifiedDocumentContextParameter", "urn:cen.eu:en16931:2017");
    xml_close(xml);
    xml_open(xml, "rsm:ExchangedDocument");
    xml_leaf(xml, "ram:ID", invoice->number);
    xml_number(xml, "ram:TypeCode", invoice->type);
    date(xml, "ram:IssueDateTime", "udt:DateTimeString", invoice->issued);
    for (size_t i = 0; i < invoice->note_count; i++) {
        xml_open(xml, "ram:IncludedNote");
        xml_leaf(xml, "ram:Content", invoice->notes[i].text);
        xml_leaf(xml, "ram:SubjectCode", view_of(invoice->notes[i].subject));
        xml_close(xml);
    }
    xml_close(xml);
}

static void line_tax(struct xml *xml, const struct invoice *invoice)
{
    xml_open(xml, "ram:ApplicableTradeTax");
    xml_leaf(xml, "ram:TypeCode", VIEW_LIT("VAT"));
    xml_leaf(xml, "ram:CategoryCode", view_of(invoice->category));
    if (invoice->category[0] != 'O') {
        xml_rate(xml, "ram:RateApplicablePercent", invoice->rate);
    }
    xml_close(xml);
}

static void line(struct xml *xml, const struct invoice *invoice, size_t i)
{
    const struct invoice_line *line = &invoice->lines[i];
    char quantity[32];
    snprintf(quantity, sizeof quantity, "%lld", (long long)line->quantity);
    xml_open(xml, "ram:IncludedSupplyChainTradeLineItem");
    xml_open(xml, "ram:AssociatedDocumentLineDocument");
    xml_number(xml, "ram:LineID", (int64_t)i + 1);
    if (line->note.len > 0) {
        xml_open(xml, "ram:IncludedNote");
        xml_leaf(xml, "ram:Content", line->note);
        xml_close(xml);
    }
    xml_close(xml);
    xml_open(xml, "ram:SpecifiedTradeProduct");
    xml_leaf(xml, "ram:SellerAssignedID", line->item_id);
    xml_leaf(xml, "ram:Name", line->name);
    xml_close(xml);
    xml_open(xml, "ram:SpecifiedLineTradeAgreement");
    xml_open(xml, "ram:NetPriceProductTradePrice");
    xml_amount(xml, "ram:ChargeAmount", line->price);
    xml_close(xml);
    xml_close(xml);
    xml_open(xml, "ram:SpecifiedLineTradeDelivery");
    xml_leaf_with(xml, "ram:BilledQuantity", "unitCode", line->unit, view_of(quantity));
    xml_close(xml);
    xml_open(xml, "ram:SpecifiedLineTradeSettlement");
    line_tax(xml, invoice);
    period(xml, month_first(line->month), month_last(line->month));
    xml_open(xml, "ram:SpecifiedTradeSettlementLineMonetarySummation");
    xml_amount(xml, "ram:LineTotalAmount", line->net);
    xml_close(xml);
    xml_close(xml);
    xml_close(xml);
}

static void party(struct xml *xml, const char *name, const struct invoice_party *party,
                  bool vat_ids)
{
    xml_open(xml, name);
    xml_leaf_with(xml, "ram:GlobalID", "schemeID", "0009", party->siret);
    xml_leaf(xml, "ram:Name", party->name);
    xml_open(xml, "ram:SpecifiedLegalOrganization");
    xml_leaf_with(xml, "ram:ID", "schemeID", "0002", party->siren);
    xml_close(xml);
    xml_open(xml, "ram:PostalTradeAddress");
    xml_leaf(xml, "ram:PostcodeCode", party->postcode);
    xml_leaf(xml, "ram:LineOne", party->address);
    xml_leaf(xml, "ram:CityName", party->city);
    xml_leaf(xml, "ram:CountryID", party->country);
    xml_close(xml);
    xml_open(xml, "ram:URIUniversalCommunication");
    xml_leaf_with(xml, "ram:URIID", "schemeID", "0225", party->siren);
    xml_close(xml);
    if (vat_ids && (party->vat_id.len > 0 || party->tax_id.len > 0)) {
        bool vat = party->vat_id.len > 0;
        xml_open(xml, "ram:SpecifiedTaxRegistration");
        xml_leaf_with(xml, "ram:ID", "schemeID", vat ? "VA" : "FC",
                      vat ? party->vat_id : party->tax_id);
        xml_close(xml);
    }
    xml_close(xml);
}

static void agreement(struct xml *xml, const struct invoice *invoice)
{
    bool vat_ids = invoice_names_vat_ids(invoice);
    xml_open(xml, "ram:ApplicableHeaderTradeAgreement");
    xml_leaf(xml, "ram:BuyerReference", invoice->buyer_reference);
    party(xml, "ram:SellerTradeParty", &invoice->seller, vat_ids);
    party(xml, "ram:BuyerTradeParty", &invoice->buyer, vat_ids);
    if (invoice->engagement.len > 0) {
        xml_open(xml, "ram:BuyerOrderReferencedDocument");
        xml_leaf(xml, "ram:IssuerAssignedID", invoice->engagement);
        xml_close(xml);
    }
    xml_close(xml);
    xml_open(xml, "ram:ApplicableHeaderTradeDelivery");
    xml_open(xml, "ram:ActualDeliverySupplyChainEvent");
    date(xml, "ram:OccurrenceDateTime", "udt:DateTimeString", invoice->delivered);
    xml_close(xml);
    xml_close(xml);
}

static void account(struct xml *xml, const char *name, struct view iban)
{
    if (iban.len > 0) {
        xml_open(xml, name);
        xml_leaf(xml, "ram:IBANID", iban);
        xml_close(xml);
    }
}

static void payment_means(struct xml *xml, const struct invoice_payment *payment)
{
    if (payment->means == PAYMENT_NONE) {
        return;
    }
    xml_open(xml, "ram:SpecifiedTradeSettlementPaymentMeans");
    xml_number(xml, "ram:TypeCode", payment->means);
    account(xml, "ram:PayerPartyDebtorFinancialAccount", payment->debited_iban);
    account(xml, "ram:PayeePartyCreditorFinancialAccount", payment->iban);
    if (payment->bic.len > 0) {
        xml_open(xml, "ram:PayeeSpecifiedCreditorFinancialInstitution");
        xml_leaf(xml, "ram:BICID", payment->bic);
        xml_close(xml);
    }
    xml_close(xml);
}

static void tax(struct xml *xml, const struct invoice *invoice)
{
    xml_open(xml, "ram:ApplicableTradeTax");
    xml_amount(xml, "ram:CalculatedAmount", invoice->vat);
    xml_leaf(xml, "ram:TypeCode", VIEW_LIT("VAT"));
    xml_leaf(xml, "ram:ExemptionReason", view_of(invoice->exempt_text));
    xml_amount(xml, "ram:BasisAmount", invoice->net);
    xml_leaf(xml, "ram:CategoryCode", view_of(invoice->category));
    xml_leaf(xml, "ram:ExemptionReasonCode", view_of(invoice->exempt_code));
    if (invoice->category[0] != 'O') {
        xml_rate(xml, "ram:RateApplicablePercent", invoice->rate);
    }
    xml_close(xml);
}

static void totals(struct xml *xml, const struct invoice *invoice)
{
    xml_open(xml, "ram:SpecifiedTradeSettlementHeaderMonetarySummation");
    xml_amount(xml, "ram:LineTotalAmount", invoice->net);
    xml_amount(xml, "ram:TaxBasisTotalAmount", invoice->net);
    xml_money(xml, "ram:TaxTotalAmount", invoice->vat);
    xml_amount(xml, "ram:GrandTotalAmount", invoice->gross);
    if (invoice->paid.cents != 0 || invoice->process[1] == '2') {
        xml_amount(xml, "ram:TotalPrepaidAmount", invoice->paid);
    }
    xml_amount(xml, "ram:DuePayableAmount", invoice->payable);
    xml_close(xml);
}

static void settlement(struct xml *xml, const struct invoice *invoice)
{
    const struct invoice_payment *payment = &invoice->payment;
    xml_open(xml, "ram:ApplicableHeaderTradeSettlement");
    xml_leaf(xml, "ram:CreditorReferenceID", payment->creditor_id);
    xml_leaf(xml, "ram:PaymentReference", invoice->number);
    xml_leaf(xml, "ram:InvoiceCurrencyCode", VIEW_LIT("EUR"));
    payment_means(xml, payment);
    tax(xml, invoice);
    period(xml, invoice->from, invoice->to);
    xml_open(xml, "ram:SpecifiedTradePaymentTerms");
    xml_leaf(xml, "ram:Description", payment->terms);
    if (!invoice_is_credit(invoice)) {
        date(xml, "ram:DueDateDateTime", "udt:DateTimeString", invoice->due);
    }
    xml_leaf(xml, "ram:DirectDebitMandateID", payment->mandate);
    xml_close(xml);
    totals(xml, invoice);
    for (size_t i = 0; i < invoice->preceding_count; i++) {
        xml_open(xml, "ram:InvoiceReferencedDocument");
        xml_leaf(xml, "ram:IssuerAssignedID", invoice->preceding[i].number);
        date(xml, "ram:FormattedIssueDateTime", "qdt:DateTimeString", invoice->preceding[i].issued);
        xml_close(xml);
    }
    xml_close(xml);
}

void paper_start(void)
{
    xmlInitParser();
}

int cii_write(const struct invoice *invoice, struct buf *out)
{
    static const char *const spaces[][2] = {
        {"xmlns:rsm", "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"},
        {"xmlns:qdt", "urn:un:unece:uncefact:data:standard:QualifiedDataType:100"},
        {"xmlns:ram",
         "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"},
        {"xmlns:udt", "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"},
    };
    if (invoice->pro_forma) {
        return E_UNSUPPORTED;
    }
    struct xml xml;
    struct buf scratch = BUF_INIT;
    xml_begin(&xml, out, &scratch);
    xml_open(&xml, "rsm:CrossIndustryInvoice");
    for (size_t i = 0; i < ARRAY_LEN(spaces); i++) {
        xml_attribute(&xml, spaces[i][0], spaces[i][1]);
    }
    header(&xml, invoice);
    xml_open(&xml, "rsm:SupplyChainTradeTransaction");
    for (size_t i = 0; i < invoice->line_count; i++) {
        line(&xml, invoice, i);
    }
    agreement(&xml, invoice);
    settlement(&xml, invoice);
    xml_close(&xml);
    xml_close(&xml);
    int err = xml_end(&xml);
    buf_release(&scratch);
    return err;
}
