#!/usr/bin/env python3
"""Breaks a good invoice in one place after the other: rules.py must name the rule each time.
Usage: test_rules.py INVOICE.xml"""
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


def main():
    good = terms.read(sys.argv[1])
    wrong = [f"a good invoice breaks {rule}" for rule in rules.failed(good)]
    for rule, change in STANDARD:
        broken = copy.deepcopy(good)
        change(broken)
        if rule not in rules.failed(broken):
            wrong.append(f"{rule} was not found broken")
    print("\n".join(wrong) or f"{len(STANDARD)} broken invoices, each named by its rule")
    sys.exit(bool(wrong))


main()
