"""Reads an invoice in CII or in UBL into the terms of EN 16931 (BT-n), the same from both, with the
standard library alone. A term that is absent is None; a repeated group is a list."""
import xml.etree.ElementTree as ET

RSM = "{urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100}"
RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
UDT = "{urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100}"
QDT = "{urn:un:unece:uncefact:data:standard:QualifiedDataType:100}"
CAC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2}"
CBC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}"
SPACES = {"rsm": RSM, "ram": RAM, "udt": UDT, "qdt": QDT, "cac": CAC, "cbc": CBC}


# What may stand more than once in one place.
MANY = {RAM + "IncludedNote", RAM + "IncludedSupplyChainTradeLineItem", RAM + "InvoiceReferencedDocument",
        CBC + "Note", CAC + "BillingReference", CAC + "PartyIdentification", CAC + "InvoiceLine", CAC + "CreditNoteLine"}


def expand(path):
    return "/".join(SPACES[step.split(":")[0]] + step.split(":")[1] for step in path.split("/"))


def all_of(node, path):
    return [] if node is None else node.findall(expand(path))


def one(node, path):
    """The node at the path; more than one is a mistake of the writer."""
    found = all_of(node, path)
    if len(found) > 1:
        raise ValueError(f"{path} stands {len(found)} times")
    return found[0] if found else None


def text(node, path):
    found = one(node, path)
    return None if found is None else found.text or ""


def with_scheme(node, path):
    return [(found.get("schemeID"), found.text or "") for found in all_of(node, path)]


def day102(node, path, space="udt"):
    found = one(node, f"{path}/{space}:DateTimeString")
    if found is None:
        return None
    if found.get("format") != "102":
        raise ValueError(f"{path} has a format other than 102")
    value = found.text or ""
    return f"{value[:4]}-{value[4:6]}-{value[6:]}"


def doubled(root):
    """Names of what stands twice in one place and may stand there once."""
    found = []
    for node in root.iter():
        names = [child.tag for child in node if child.tag not in MANY]
        found += sorted(name for name in set(names) if names.count(name) > 1)
    return found


def read(path):
    root = ET.parse(path).getroot()
    return read_cii(root) if root.tag == RSM + "CrossIndustryInvoice" else read_ubl(root)


# ---- CII

def cii_party(node):
    tax = with_scheme(node, "ram:SpecifiedTaxRegistration/ram:ID")
    address = one(node, "ram:PostalTradeAddress")
    return {
        "ids": with_scheme(node, "ram:GlobalID") + [(None, i.text) for i in all_of(node, "ram:ID")],
        "name": text(node, "ram:Name"),
        "legal_id": (with_scheme(node, "ram:SpecifiedLegalOrganization/ram:ID") or [None])[0],
        "vat_id": next((value for scheme, value in tax if scheme == "VA"), None),
        "tax_id": next((value for scheme, value in tax if scheme == "FC"), None),
        "endpoint": (with_scheme(node, "ram:URIUniversalCommunication/ram:URIID") or [None])[0],
        "address": None if address is None else {
            "line": text(address, "ram:LineOne"), "city": text(address, "ram:CityName"),
            "postcode": text(address, "ram:PostcodeCode"), "country": text(address, "ram:CountryID")},
    }


def cii_tax(node):
    return {"type": text(node, "ram:TypeCode"), "category": text(node, "ram:CategoryCode"),
            "rate": text(node, "ram:RateApplicablePercent"), "amount": text(node, "ram:CalculatedAmount"),
            "basis": text(node, "ram:BasisAmount"), "reason": text(node, "ram:ExemptionReason"),
            "code": text(node, "ram:ExemptionReasonCode")}


def cii_line(node):
    settlement = one(node, "ram:SpecifiedLineTradeSettlement")
    quantity = one(node, "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity")
    tax = cii_tax(one(settlement, "ram:ApplicableTradeTax"))
    return {
        "id": text(node, "ram:AssociatedDocumentLineDocument/ram:LineID"),
        "note": text(node, "ram:AssociatedDocumentLineDocument/ram:IncludedNote/ram:Content"),
        "name": text(node, "ram:SpecifiedTradeProduct/ram:Name"),
        "item_id": text(node, "ram:SpecifiedTradeProduct/ram:SellerAssignedID"),
        "price": text(node, "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice/ram:ChargeAmount"),
        "quantity": None if quantity is None else quantity.text,
        "unit": None if quantity is None else quantity.get("unitCode"),
        "tax_type": tax["type"], "category": tax["category"], "rate": tax["rate"],
        "from": day102(settlement, "ram:BillingSpecifiedPeriod/ram:StartDateTime"),
        "to": day102(settlement, "ram:BillingSpecifiedPeriod/ram:EndDateTime"),
        "net": text(settlement, "ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount"),
    }


def read_cii(root):
    context = one(root, "rsm:ExchangedDocumentContext")
    document = one(root, "rsm:ExchangedDocument")
    trade = one(root, "rsm:SupplyChainTradeTransaction")
    agreement = one(trade, "ram:ApplicableHeaderTradeAgreement")
    delivery = one(trade, "ram:ApplicableHeaderTradeDelivery")
    settlement = one(trade, "ram:ApplicableHeaderTradeSettlement")
    terms = one(settlement, "ram:SpecifiedTradePaymentTerms")
    sums = one(settlement, "ram:SpecifiedTradeSettlementHeaderMonetarySummation")
    tax_total = all_of(sums, "ram:TaxTotalAmount")
    return {
        "syntax": "cii", "root": "CrossIndustryInvoice",
        "empty": [node.tag for node in root.iter() if len(node) == 0 and not (node.text or "").strip()],
        "doubled": doubled(root),
        "process": text(context, "ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID"),
        "guideline": text(context, "ram:GuidelineSpecifiedDocumentContextParameter/ram:ID"),
        "number": text(document, "ram:ID"), "type": text(document, "ram:TypeCode"),
        "issued": day102(document, "ram:IssueDateTime"),
        "notes": [(text(note, "ram:SubjectCode"), text(note, "ram:Content"))
                  for note in all_of(document, "ram:IncludedNote")],
        "buyer_reference": text(agreement, "ram:BuyerReference"),
        "order": text(agreement, "ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID"),
        "seller": cii_party(one(agreement, "ram:SellerTradeParty")),
        "buyer": cii_party(one(agreement, "ram:BuyerTradeParty")),
        "delivered": day102(delivery, "ram:ActualDeliverySupplyChainEvent/ram:OccurrenceDateTime"),
        "currency": text(settlement, "ram:InvoiceCurrencyCode"),
        "remittance": text(settlement, "ram:PaymentReference"),
        "creditor_id": text(settlement, "ram:CreditorReferenceID"),
        "means": [{"code": text(node, "ram:TypeCode"),
                   "iban": text(node, "ram:PayeePartyCreditorFinancialAccount/ram:IBANID"),
                   "bic": text(node, "ram:PayeeSpecifiedCreditorFinancialInstitution/ram:BICID"),
                   "debited": text(node, "ram:PayerPartyDebtorFinancialAccount/ram:IBANID")}
                  for node in all_of(settlement, "ram:SpecifiedTradeSettlementPaymentMeans")],
        "mandate": text(terms, "ram:DirectDebitMandateID"),
        "terms": text(terms, "ram:Description"), "due": day102(terms, "ram:DueDateDateTime"),
        "from": day102(settlement, "ram:BillingSpecifiedPeriod/ram:StartDateTime"),
        "to": day102(settlement, "ram:BillingSpecifiedPeriod/ram:EndDateTime"),
        "preceding": [(text(node, "ram:IssuerAssignedID"), day102(node, "ram:FormattedIssueDateTime", "qdt"))
                      for node in all_of(settlement, "ram:InvoiceReferencedDocument")],
        "taxes": [cii_tax(node) for node in all_of(settlement, "ram:ApplicableTradeTax")],
        "lines": [cii_line(node) for node in all_of(trade, "ram:IncludedSupplyChainTradeLineItem")],
        "sum": text(sums, "ram:LineTotalAmount"), "net": text(sums, "ram:TaxBasisTotalAmount"),
        "vat": tax_total[0].text if tax_total else None,
        "currencies": [node.get("currencyID") for node in tax_total],
        "gross": text(sums, "ram:GrandTotalAmount"), "paid": text(sums, "ram:TotalPrepaidAmount"),
        "payable": text(sums, "ram:DuePayableAmount"),
    }


# ---- UBL

def ubl_party(node):
    taxes = [(text(tax, "cac:TaxScheme/cbc:ID"), text(tax, "cbc:CompanyID"))
             for tax in all_of(node, "cac:Party/cac:PartyTaxScheme")]
    party = one(node, "cac:Party")
    address = one(party, "cac:PostalAddress")
    ids = with_scheme(party, "cac:PartyIdentification/cbc:ID")
    return {
        "ids": [row for row in ids if row[0] != "SEPA"],
        "name": text(party, "cac:PartyLegalEntity/cbc:RegistrationName"),
        "legal_id": (with_scheme(party, "cac:PartyLegalEntity/cbc:CompanyID") or [None])[0],
        "vat_id": next((value for scheme, value in taxes if scheme == "VAT"), None),
        "tax_id": next((value for scheme, value in taxes if scheme != "VAT"), None),
        "endpoint": (with_scheme(party, "cbc:EndpointID") or [None])[0],
        "address": None if address is None else {
            "line": text(address, "cbc:StreetName"), "city": text(address, "cbc:CityName"),
            "postcode": text(address, "cbc:PostalZone"),
            "country": text(address, "cac:Country/cbc:IdentificationCode")},
    }


def ubl_category(node):
    return {"type": text(node, "cac:TaxScheme/cbc:ID"), "category": text(node, "cbc:ID"),
            "rate": text(node, "cbc:Percent"), "reason": text(node, "cbc:TaxExemptionReason"),
            "code": text(node, "cbc:TaxExemptionReasonCode")}


def ubl_line(node):
    quantity = (all_of(node, "cbc:InvoicedQuantity") + all_of(node, "cbc:CreditedQuantity") + [None])[0]
    tax = ubl_category(one(node, "cac:Item/cac:ClassifiedTaxCategory"))
    return {
        "id": text(node, "cbc:ID"), "note": text(node, "cbc:Note"),
        "name": text(node, "cac:Item/cbc:Name"),
        "item_id": text(node, "cac:Item/cac:SellersItemIdentification/cbc:ID"),
        "price": text(node, "cac:Price/cbc:PriceAmount"),
        "quantity": None if quantity is None else quantity.text,
        "unit": None if quantity is None else quantity.get("unitCode"),
        "tax_type": tax["type"], "category": tax["category"], "rate": tax["rate"],
        "from": text(node, "cac:InvoicePeriod/cbc:StartDate"),
        "to": text(node, "cac:InvoicePeriod/cbc:EndDate"), "net": text(node, "cbc:LineExtensionAmount"),
    }


def ubl_note(value):
    if value.startswith("#") and value[4:5] == "#":
        return value[1:4], value[5:]
    return None, value


def read_ubl(root):
    kind = root.tag.split("}")[1]
    supplier = one(root, "cac:AccountingSupplierParty")
    sums = one(root, "cac:LegalMonetaryTotal")
    means = all_of(root, "cac:PaymentMeans")
    sepa = [value for scheme, value in with_scheme(supplier, "cac:Party/cac:PartyIdentification/cbc:ID")
            if scheme == "SEPA"]
    return {
        "syntax": "ubl", "root": kind,
        "empty": [node.tag for node in root.iter() if len(node) == 0 and not (node.text or "").strip()],
        "doubled": doubled(root),
        "process": text(root, "cbc:ProfileID"), "guideline": text(root, "cbc:CustomizationID"),
        "number": text(root, "cbc:ID"),
        "type": text(root, "cbc:CreditNoteTypeCode" if kind == "CreditNote" else "cbc:InvoiceTypeCode"),
        "issued": text(root, "cbc:IssueDate"),
        "notes": [ubl_note(node.text or "") for node in all_of(root, "cbc:Note")],
        "buyer_reference": text(root, "cbc:BuyerReference"),
        "order": text(root, "cac:OrderReference/cbc:ID"),
        "seller": ubl_party(supplier), "buyer": ubl_party(one(root, "cac:AccountingCustomerParty")),
        "delivered": text(root, "cac:Delivery/cbc:ActualDeliveryDate"),
        "currency": text(root, "cbc:DocumentCurrencyCode"),
        "remittance": means[0].findtext(CBC + "PaymentID") if means else None,
        "creditor_id": sepa[0] if sepa else None,
        "means": [{"code": text(node, "cbc:PaymentMeansCode"),
                   "iban": text(node, "cac:PayeeFinancialAccount/cbc:ID"),
                   "bic": text(node, "cac:PayeeFinancialAccount/cac:FinancialInstitutionBranch/cbc:ID"),
                   "debited": text(node, "cac:PaymentMandate/cac:PayerFinancialAccount/cbc:ID")}
                  for node in means],
        "mandate": means[0].findtext(expand("cac:PaymentMandate/cbc:ID")) if means else None,
        "terms": text(root, "cac:PaymentTerms/cbc:Note"), "due": text(root, "cbc:DueDate"),
        "from": text(root, "cac:InvoicePeriod/cbc:StartDate"),
        "to": text(root, "cac:InvoicePeriod/cbc:EndDate"),
        "preceding": [(text(node, "cbc:ID"), text(node, "cbc:IssueDate"))
                      for node in all_of(root, "cac:BillingReference/cac:InvoiceDocumentReference")],
        "taxes": [dict(ubl_category(one(node, "cac:TaxCategory")), amount=text(node, "cbc:TaxAmount"),
                       basis=text(node, "cbc:TaxableAmount"))
                  for node in all_of(root, "cac:TaxTotal/cac:TaxSubtotal")],
        "lines": [ubl_line(node) for node in all_of(root, "cac:InvoiceLine") + all_of(root, "cac:CreditNoteLine")],
        "sum": text(sums, "cbc:LineExtensionAmount"), "net": text(sums, "cbc:TaxExclusiveAmount"),
        "vat": text(root, "cac:TaxTotal/cbc:TaxAmount"),
        "currencies": sorted({node.get("currencyID") for node in root.iter()
                              if node.tag.endswith("Amount")} - {None}),
        "gross": text(sums, "cbc:TaxInclusiveAmount"), "paid": text(sums, "cbc:PrepaidAmount"),
        "payable": text(sums, "cbc:PayableAmount"),
    }
