#!/usr/bin/env python3
"""Breaks good invoices in one place after the other: rules.py must name the rule each time, and every rule that
it looks at must have been broken. Usage: test_rules.py FOLDER, with cii/ and ubl/ of paper-dump"""
import copy
import sys

import rules
import terms

STANDARD = [
    ("BR-01", lambda i: i.update(guideline="urn:x")), ("BR-02", lambda i: i.update(number=None)),
    ("BR-03", lambda i: i.update(issued=None)), ("BR-05", lambda i: i.update(currency=None)),
    ("BR-06", lambda i: i["seller"].update(name=None)), ("BR-07", lambda i: i["buyer"].update(name="")),
    ("BR-09", lambda i: i["seller"]["address"].update(country=None)),
    ("BR-16", lambda i: i.update(lines=[])), ("BR-21", lambda i: i["lines"][1].update(id="1")),
    ("BR-23", lambda i: i["lines"][0].update(unit=None)), ("BR-25", lambda i: i["lines"][0].update(name=None)),
    ("BR-26", lambda i: i["lines"][0].update(price=None)), ("BR-27", lambda i: i["lines"][0].update(price="-1.00")),
    ("BR-29", lambda i: i.update({"from": "2026-12-01"})),
    ("BR-30", lambda i: i["lines"][0].update({"from": "2026-11-30"})),
    ("BR-45", lambda i: i["taxes"][0].update(basis=None, category=None)),
    ("BR-48", lambda i: i["taxes"][0].update(rate=None)), ("BR-61", lambda i: i["means"][0].update(iban=None)),
    ("IBAN", lambda i: i["means"][0].update(iban="FR7630006000011234567890188")),
    ("BR-CL-01", lambda i: i.update(type="325")), ("BR-CL-03", lambda i: i.update(currencies=["USD"])),
    ("BR-CL-08", lambda i: i["notes"].append(("ZZZ", "x"))), ("BR-CL-16", lambda i: i["means"][0].update(code="99")),
    ("BR-CL-23", lambda i: i["lines"][0].update(unit="demi-journée")),
    ("BR-CO-10", lambda i: i.update(sum="1.00")), ("BR-CO-13", lambda i: i.update(net="1.00")),
    ("BR-CO-14", lambda i: i.update(vat="1.00")), ("BR-CO-15", lambda i: i.update(gross="1.00")),
    ("BR-CO-16", lambda i: i.update(payable="1.00")), ("BR-CO-17", lambda i: i["taxes"][0].update(amount="1.00")),
    ("BR-CO-25", lambda i: i.update(due=None, terms=None)), ("BR-DEC-12", lambda i: i.update(net="1.001")),
    ("BR-DEC-23", lambda i: i["lines"][0].update(net="1.001")),
    ("BR-S-02", lambda i: i["seller"].update(vat_id=None, tax_id=None)),
    ("BR-S-05", lambda i: i["lines"][0].update(rate="0")), ("BR-S-08", lambda i: i["taxes"][0].update(basis="1.00")),
    ("BR-S-10", lambda i: i["taxes"][0].update(reason="x")), ("R008", lambda i: i["empty"].append("x")),
    ("ONCE", lambda i: i["doubled"].append("x")),
    ("BR-FR-01_BT-1", lambda i: i.update(number="F" * 36)), ("BR-FR-02_BT-1", lambda i: i.update(number="F 1")),
    ("BR-FR-03_BT-2", lambda i: i.update(issued="2026-02-29")),
    ("BR-FR-05_BT-22_PMT", lambda i: i.update(notes=[n for n in i["notes"] if n[0] != "PMT"])),
    ("BR-FR-05_BT-22_PMD", lambda i: i.update(notes=[n for n in i["notes"] if n[0] != "PMD"])),
    ("BR-FR-05_BT-22_AAB", lambda i: i.update(notes=[n for n in i["notes"] if n[0] != "AAB"])),
    ("BR-FR-06_BT-21_PMT", lambda i: i["notes"].append(("PMT", "x"))),
    ("BR-FR-08_BT-23", lambda i: i.update(process="A1")), ("BR-FR-08_BT-23", lambda i: i.update(process=None)),
    ("BR-FR-09_BT-29", lambda i: i["seller"].update(ids=[("0009", "12345678900013")])),
    ("BR-FR-10_BT-30", lambda i: i["seller"].update(legal_id=None)),
    ("BR-FR-11_BT-47", lambda i: i["buyer"].update(legal_id=None)),
    ("BR-FR-12_BT-49", lambda i: i["buyer"].update(endpoint=None)),
    ("BR-FR-13_BT-34", lambda i: i["seller"].update(endpoint=None)),
    ("BR-FR-15_BT-118", lambda i: i["taxes"][0].update(category="L")),
    ("BR-FR-16_BT-119", lambda i: i["taxes"][0].update(rate="21")),
    ("BR-FR-20_BT-21", lambda i: i["notes"].append(("BAR", "x"))),
    ("BR-FR-21_BT-49", lambda i: i["buyer"].update(endpoint=("0225", "999999999"))),
    ("BR-FR-CO-05_BT-3", lambda i: i.update(type="381", preceding=[])),
    ("BR-FR-CO-07_BT-9", lambda i: i.update(due="2026-11-02")),
    ("BR-FR-CO-09_BT-23-1", lambda i: i.update(process="S2")),
    ("BR-FR-DEC-02_BT-129", lambda i: i["lines"][0].update(quantity="1.00001")),
    ("BR-FR-DEC-03_BT-146", lambda i: i["lines"][0].update(price="1.0000001")),
    ("SEPA-59", lambda i: i["means"][0].update(code="59")), ("SELF-BILLING", lambda i: i.update(type="389")),
    ("BR-O-11", lambda i: i["lines"][0].update(category="O", rate=None)),
    ("BR-E-01", lambda i: i["lines"][0].update(category="E", rate="0")),
    ("PEPPOL-R110", lambda i: i["lines"][0].update({"from": "2026-08-01"})),
]


def only(rows, **terms_of_it):
    """The first of the rows with other terms."""
    rows[0].update(terms_of_it)


OTHERS = {
    "cii/case-employer-standard.xml": [
        ("BR-04", lambda i: i.update(type=None)), ("BR-08", lambda i: i["seller"].update(address=None)),
        ("BR-10", lambda i: i["buyer"].update(address=None)),
        ("BR-11", lambda i: i["buyer"]["address"].update(country=None)), ("BR-12", lambda i: i.update(sum=None)),
        ("BR-13", lambda i: i.update(net=None)), ("BR-14", lambda i: i.update(gross=None)),
        ("BR-15", lambda i: i.update(payable=None)), ("BR-22", lambda i: only(i["lines"], quantity=None)),
        ("BR-24", lambda i: only(i["lines"], net=None)), ("BR-46", lambda i: only(i["taxes"], amount=None)),
        ("BR-47", lambda i: only(i["taxes"], category=None)), ("BR-49", lambda i: only(i["means"], code=None)),
        ("BR-50", lambda i: only(i["means"], iban="")), ("BR-62", lambda i: i["buyer"].update(endpoint=(None, "1"))),
        ("BR-CL-04", lambda i: i.update(currency="USD")),
        ("BR-CL-10", lambda i: i["seller"].update(ids=[("9999", "1")])),
        ("BR-CL-11", lambda i: i["seller"].update(legal_id=("9999", "1"))),
        ("BR-CL-14", lambda i: i["buyer"]["address"].update(country="UK")),
        ("BR-CL-18", lambda i: only(i["lines"], category="X")), ("BR-CL-22", lambda i: only(i["taxes"], code="X")),
        ("BR-CL-25", lambda i: i["buyer"].update(endpoint=("9999", "1"))),
        ("BR-CO-04", lambda i: only(i["lines"], category=None)),
        ("BR-CO-09", lambda i: i["buyer"].update(vat_id="XX732829320")), ("BR-CO-18", lambda i: i.update(taxes=[])),
        ("BR-CO-19", lambda i: i.update({"from": None, "to": None})),
        ("BR-CO-26", lambda i: i["seller"].update(ids=[], legal_id=None, vat_id=None)),
        ("BR-DEC-09", lambda i: i.update(sum="1.001")), ("BR-DEC-13", lambda i: i.update(vat="1.001")),
        ("BR-DEC-14", lambda i: i.update(gross="1.001")), ("BR-DEC-16", lambda i: i.update(paid="1.001")),
        ("BR-DEC-18", lambda i: i.update(payable="1.001")), ("BR-DEC-19", lambda i: only(i["taxes"], basis="1.001")),
        ("BR-DEC-20", lambda i: only(i["taxes"], amount="1.001")),
        ("BR-S-01", lambda i: only(i["taxes"], category="E")),
        ("BR-S-09", lambda i: only(i["taxes"], amount="1.00")),
        ("CII-SR-450", lambda i: i["seller"].update(ids=[("0009", "1"), ("0224", "2")])),
        ("CII-VAT", lambda i: only(i["taxes"], type="GST")),
        ("CPRO-BT-10", lambda i: i.update(buyer_reference="x" * 101)),
        ("PEPPOL-R061", lambda i: i.update(mandate="RUM")), ("PEPPOL-R120", lambda i: only(i["lines"], net="1.00")),
        ("BR-FR-03_BT-9", lambda i: i.update(due="2126-12-03")),
        ("BR-FR-03_BT-72", lambda i: i.update(delivered="1999-01-01")),
        ("BR-FR-03_BT-73", lambda i: i.update({"from": "2026-09-31"})),
        ("BR-FR-03_BT-74", lambda i: i.update(to="2026-10-32")),
        ("BR-FR-03_BT-134", lambda i: only(i["lines"], **{"from": "2026-13-01"})),
        ("BR-FR-03_BT-135", lambda i: only(i["lines"], to="2026-13-01")),
        ("BR-FR-04_BT-3", lambda i: i.update(type="383")),
        ("BR-FR-06_BT-21_PMD", lambda i: i["notes"].append(("PMD", "x"))),
        ("BR-FR-06_BT-21_AAB", lambda i: i["notes"].append(("AAB", "x"))),
        ("BR-FR-06_BT-21_TXD", lambda i: i["notes"].extend([("TXD", "x")] * 2)),
        ("BR-FR-09_BT-46", lambda i: i["buyer"].update(ids=[("0009", "73282932000O74")])),
        ("BR-FR-15_BT-151", lambda i: only(i["lines"], category="M")),
        ("BR-FR-16_BT-152", lambda i: only(i["lines"], rate="21")),
        ("BR-FR-23_BT-34", lambda i: i["seller"].update(endpoint=("0225", "5521 00554"))),
        ("BR-FR-23_BT-49", lambda i: i["buyer"].update(endpoint=("0225", "732829320/1"))),
        ("BR-FR-25_BT-34", lambda i: i["seller"].update(endpoint=("0225", "1" * 126))),
        ("BR-FR-25_BT-49", lambda i: i["buyer"].update(endpoint=("0225", "1" * 126))),
        ("BR-FR-31_BT-21", lambda i: i["notes"].append(("BAR", "B2C"))),
        ("BR-FR-32", lambda i: i["seller"].update(legal_id=("0002", "552100555"))),
        ("BR-FR-CO-10_BT-29", lambda i: i["seller"].update(ids=[(None, "1")])),
        ("BR-FR-CO-10_BT-46", lambda i: i["buyer"].update(ids=[("0009", "1"), ("0009", "2")])),
        ("BR-FR-DEC-04_BT-152", lambda i: only(i["lines"], rate="20.001")),
    ],
    "ubl/case-employer-standard.xml": [
        ("BR-CL-01", lambda i: i.update(root="CreditNote")),
        ("BR-CL-08", lambda i: i["notes"].append((None, "#ABC#"))),
        ("BR-FR-06_BT-21_PMT", lambda i: i["notes"].append(("AAI", "of #PMT# mine"))),
        ("BR-FR-31_BT-21", lambda i: i["notes"].append(("AAI", "#BAR#B2C"))),
    ],
    "cii/case-employer-credit-standard.xml": [
        ("BR-55", lambda i: i.update(preceding=[(None, "2026-10-03")])),
        ("BR-FR-01_BT-25", lambda i: i.update(preceding=[("F" * 36, "2026-10-03")])),
        ("BR-FR-02_BT-25", lambda i: i.update(preceding=[("F 1", "2026-10-03")])),
        ("BR-FR-03_BT-26", lambda i: i.update(preceding=[("F1", "2026-02-30")])),
        ("BR-FR-CO-05_BT-3", lambda i: i.update(preceding=[("F1", None)])),
    ],
    "cii/case-host-franchise.xml": [
        ("BR-E-02", lambda i: i["seller"].update(tax_id=None)), ("BR-E-05", lambda i: only(i["lines"], rate="20")),
        ("BR-E-08", lambda i: only(i["taxes"], basis="1.00")), ("BR-E-09", lambda i: only(i["taxes"], amount="1.00")),
        ("BR-E-10", lambda i: only(i["taxes"], reason=None, code=None)),
        ("G1.41", lambda i: only(i["taxes"], code=None)),
        ("BR-FR-22_BT-34", lambda i: i["seller"].update(endpoint=("0225", "999999999"))),
    ],
    "cii/case-employer-public.xml": [
        ("BR-O-01", lambda i: only(i["taxes"], category="E")),
        ("BR-O-02", lambda i: i["buyer"].update(vat_id="FR44732829320")),
        ("BR-O-05", lambda i: only(i["lines"], rate="0")), ("BR-O-08", lambda i: only(i["taxes"], basis="1.00")),
        ("BR-O-09", lambda i: only(i["taxes"], amount="1.00")),
        ("BR-O-10", lambda i: only(i["taxes"], reason=None, code=None)),
        ("BR-O-12", lambda i: only(i["lines"], category="E", rate="0")),
    ],
    "cii/case-carnets-only.xml": [
        ("BR-FR-CO-09_BT-23-1", lambda i: i.update(paid="1.00")),
        ("BR-FR-CO-09_BT-23-2", lambda i: i.update(payable="1.00")),
        ("BR-FR-CO-09_BT-23-3", lambda i: i.update(due=None)),
    ],
    "cii/case-debit.xml": [("SEPA-59", lambda i: i.update(creditor_id=None))],
}



def main():
    wrong, asked, broken, count = [], set(), set(), 0
    for name, changes in [("cii/case-employer-standard.xml", STANDARD), *OTHERS.items()]:
        good = terms.read(f"{sys.argv[1]}/{name}")
        wrong += [f"{name} breaks {rule}" for rule in rules.failed(good, asked)]
        for rule, change in changes:
            invoice = copy.deepcopy(good)
            change(invoice)
            count += 1
            broken.add(rule)
            if rule not in rules.failed(invoice):
                wrong.append(f"{rule} was not found broken in {name}")
    wrong += [f"{rule} is broken by no invoice here" for rule in sorted(asked - broken)]
    print("\n".join(wrong) or f"{count} broken invoices, each named by its rule; {len(asked)} rules")
    sys.exit(bool(wrong))


main()
