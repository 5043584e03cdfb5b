"""The rules of EN 16931 (1.3.16) and of XP Z12-012 (BR-FR-Flux2 1.4.0) that concern the terms which
Passerelle writes, from their published wording, on what terms.py read. failed(invoice) gives the ids
of the rules that do not hold."""
import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

TYPES = {"380", "389", "381", "261"}
CREDITS = {"381", "261"}
SELF_BILLED = {"389", "261", "501", "500", "471", "473", "502"}
PROCESSES = set("B1 S1 M1 B2 S2 M2 S3 B4 S4 M4 S5 S6 B7 S7 B8 S8 M8 B9 S9 M9".split())
UNITS = {"C62", "DAY", "HUR"}
SUBJECTS = {"PMT", "PMD", "AAB", "BAR", "REG", "TXD", "SUR", "AAI"}
MEANS = {"1", "30", "57", "58", "59", "97"}
ICD = {"0002", "0009", "0224", "0231"}
BAR = {"B2B", "B2BINT", "B2C", "B2CINT", "OUTOFSCOPE", "ARCHIVEONLY"}
RATES = set("0 0.0 0.00 10 10.0 10.00 13 13.0 13.00 20 20.0 20.00 8.5 8.50 19.6 19.60 2.1 2.10 5.5 5.50 7 "
            "7.0 7.00 20.6 20.60 1.05 0.9 0.90 1.75 9.2 9.20 9.6 9.60".split())
COUNTRIES = set("AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS "
                "BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE "
                "EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM "
                "HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC "
                "LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA "
                "NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW "
                "SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO "
                "TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW 1A XI".split())
VATEX = {"VATEX-FR-FRANCHISE", "VATEX-FR-CGI261-7", "VATEX-EU-O"}
AMOUNT = re.compile(r"-?\d{1,17}(\.\d{1,2})?")
CENT = Decimal("0.01")


def number(value):
    try:
        return Decimal(value)
    except (InvalidOperation, TypeError):
        return None


def day_holds(value):
    match = re.fullmatch(r"(20\d\d)-(\d\d)-(\d\d)", value or "")
    if not match:
        return False
    year, month, day = map(int, match.groups())
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return 1 <= month <= 12 and 1 <= day <= lengths[month - 1]


def iban_holds(value):
    if not re.fullmatch(r"[A-Z]{2}\d\d[A-Z0-9]{10,30}", value or ""):
        return False
    return int("".join(str(int(c, 36)) for c in value[4:] + value[:4])) % 97 == 1


def luhn(digits):
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def presence(i, no):
    """BR-01 to BR-16, BR-45 to BR-48, BR-21 to BR-26, R008; ONCE is BR-CO-15, BR-67, UBL-SR and
    CII-SR, where they count."""
    for rule, value in (("BR-01", i["guideline"]), ("BR-02", i["number"]), ("BR-03", i["issued"]),
                        ("BR-04", i["type"]), ("BR-05", i["currency"]), ("BR-06", i["seller"]["name"]),
                        ("BR-07", i["buyer"]["name"]), ("BR-08", i["seller"]["address"]),
                        ("BR-09", (i["seller"]["address"] or {}).get("country")),
                        ("BR-10", i["buyer"]["address"]),
                        ("BR-11", (i["buyer"]["address"] or {}).get("country")), ("BR-12", i["sum"]),
                        ("BR-13", i["net"]), ("BR-14", i["gross"]), ("BR-15", i["payable"]),
                        ("BR-16", i["lines"]), ("BR-CO-18", i["taxes"])):
        no(rule, value)
    no("R008", not i["empty"])
    no("ONCE", not i["doubled"])
    no("BR-01", i["guideline"] == "urn:cen.eu:en16931:2017")
    for line in i["lines"]:
        for rule, name in (("BR-21", "id"), ("BR-22", "quantity"), ("BR-23", "unit"), ("BR-24", "net"),
                           ("BR-25", "name"), ("BR-26", "price"), ("BR-CO-04", "category")):
            no(rule, line[name])
    for tax in i["taxes"]:
        no("BR-45", tax["basis"])
        no("BR-46", tax["amount"])
        no("BR-47", tax["category"])
        no("BR-48", tax["rate"] or tax["category"] == "O")


def _text(i):
    return "".join(value for subject, value in i["notes"] if subject is None)


def codes(i, no):
    no("BR-CL-01", i["type"] in TYPES)
    if i["syntax"] == "ubl":
        no("BR-CL-01", (i["root"] == "CreditNote") == (i["type"] in CREDITS))
    no("BR-CL-03", set(i["currencies"]) <= {"EUR"} and i["currencies"])
    no("BR-CL-04", i["currency"] == "EUR")
    for subject, _ in i["notes"]:
        no("BR-CL-08", subject is None or subject in SUBJECTS)
        no("BR-CL-08", i["syntax"] != "ubl" or subject is not None or "#" not in _text(i))
    for party in (i["seller"], i["buyer"]):
        no("BR-CL-10", all(scheme in ICD for scheme, _ in party["ids"]))
        no("BR-CL-11", party["legal_id"] is None or party["legal_id"][0] in ICD)
        no("BR-CL-14", (party["address"] or {}).get("country") in COUNTRIES)
        no("BR-CL-25", party["endpoint"] is None or party["endpoint"][0] == "0225")
        no("BR-62", party["endpoint"] is None or party["endpoint"][0])
        no("CII-SR-450", len(party["ids"]) <= 1)
    for means in i["means"]:
        no("BR-CL-16", means["code"] in MEANS)
    for tax in i["taxes"]:
        no("BR-CL-18", tax["category"] in {"S", "E", "O"})
        no("BR-CL-22", tax["code"] is None or tax["code"] in VATEX)
    for line in i["lines"]:
        no("BR-CL-18", line["category"] in {"S", "E", "O"})
        no("BR-CL-23", line["unit"] in UNITS)


def sums(i, no):
    lines = [number(line["net"]) for line in i["lines"]]
    net, vat, gross = number(i["net"]), number(i["vat"]), number(i["gross"])
    paid, payable = number(i["paid"]) or Decimal(0), number(i["payable"])
    if None in lines or None in (net, vat, gross, payable):
        return no("BR-DEC-09", False)
    no("BR-CO-10", number(i["sum"]) == sum(lines))
    no("BR-CO-13", net == number(i["sum"]))
    if any(number(tax["basis"]) is None or number(tax["amount"]) is None for tax in i["taxes"]):
        return no("BR-DEC-19", False)
    no("BR-CO-14", vat == sum(number(tax["amount"]) for tax in i["taxes"]))
    no("BR-CO-15", gross == net + vat)
    no("BR-CO-16", payable == gross - paid)
    for tax in i["taxes"]:
        rate = number(tax["rate"]) or Decimal(0)
        wanted = (number(tax["basis"]) * rate / 100).quantize(CENT, ROUND_HALF_UP)
        no("BR-CO-17", number(tax["amount"]) == wanted)
        in_category = sum(number(line["net"]) for line in i["lines"]
                          if (line["category"], number(line["rate"])) == (tax["category"], number(tax["rate"])))
        no({"S": "BR-S-08", "E": "BR-E-08"}.get(tax["category"], "BR-O-08"), number(tax["basis"]) == in_category)
        no({"S": "BR-S-09", "E": "BR-E-09"}.get(tax["category"], "BR-O-09"),
           number(tax["amount"]) == (wanted if tax["category"] == "S" else 0))
    for rule, value in (("BR-DEC-09", i["sum"]), ("BR-DEC-12", i["net"]), ("BR-DEC-13", i["vat"]),
                        ("BR-DEC-14", i["gross"]), ("BR-DEC-16", i["paid"]), ("BR-DEC-18", i["payable"])):
        no(rule, value is None or AMOUNT.fullmatch(value))
    for tax in i["taxes"]:
        no("BR-DEC-19", AMOUNT.fullmatch(tax["basis"] or ""))
        no("BR-DEC-20", AMOUNT.fullmatch(tax["amount"] or ""))
    for line in i["lines"]:
        no("BR-DEC-23", AMOUNT.fullmatch(line["net"] or ""))
        price, quantity = number(line["price"]), number(line["quantity"])
        no("BR-27", price is not None and price >= 0)
        no("PEPPOL-R120", price is not None and quantity is not None and
           number(line["net"]) == (price * quantity).quantize(CENT, ROUND_HALF_UP))


def vat(i, no):
    """BR-S, BR-E and BR-O."""
    seller, buyer = i["seller"], i["buyer"]
    categories = {line["category"] for line in i["lines"]}
    broken = [tax["category"] for tax in i["taxes"]]
    known = seller["vat_id"] or seller["tax_id"]
    for category, name in (("S", "BR-S"), ("E", "BR-E"), ("O", "BR-O")):
        present = category in categories
        no(f"{name}-01", not present or broken.count(category) >= 1)
        no(f"{name}-01", category == "S" or broken.count(category) <= 1)
        if present and category != "O":
            no(f"{name}-02", known)
        elif present:
            no("BR-O-02", not seller["vat_id"] and not buyer["vat_id"])
            no("BR-O-11", set(broken) == {"O"})
            no("BR-O-12", categories == {"O"})
    for line in i["lines"]:
        rate = number(line["rate"])
        no("BR-S-05", line["category"] != "S" or (rate is not None and rate > 0))
        no("BR-E-05", line["category"] != "E" or rate == 0)
        no("BR-O-05", line["category"] != "O" or line["rate"] is None)
        no("CII-VAT", line["tax_type"] == "VAT")
    for tax in i["taxes"]:
        reason = tax["reason"] or tax["code"]
        no("BR-S-10", tax["category"] != "S" or not reason)
        no("BR-E-10", tax["category"] != "E" or reason)
        no("BR-O-10", tax["category"] != "O" or reason)
        no("G1.41", tax["category"] == "S" or (tax["reason"] and tax["code"]))
        no("CII-VAT", tax["type"] == "VAT")
    for party, rule in ((seller, "BR-CO-09"), (buyer, "BR-CO-09")):
        no(rule, party["vat_id"] is None or party["vat_id"][:2] in COUNTRIES | {"EL"})
    no("BR-CO-26", seller["ids"] or seller["legal_id"] or seller["vat_id"])


def dates(i, no):
    for rule, value in (("BR-FR-03_BT-2", i["issued"]), ("BR-FR-03_BT-9", i["due"]),
                        ("BR-FR-03_BT-72", i["delivered"]), ("BR-FR-03_BT-73", i["from"]),
                        ("BR-FR-03_BT-74", i["to"])):
        no(rule, value is None or day_holds(value))
    for _, issued in i["preceding"]:
        no("BR-FR-03_BT-26", day_holds(issued))
    no("BR-29", not i["from"] or not i["to"] or i["from"] <= i["to"])
    no("BR-CO-19", i["from"] or i["to"])
    for line in i["lines"]:
        no("BR-FR-03_BT-134", line["from"] is None or day_holds(line["from"]))
        no("BR-FR-03_BT-135", line["to"] is None or day_holds(line["to"]))
        no("BR-30", not line["from"] or not line["to"] or line["from"] <= line["to"])
        no("PEPPOL-R110", not line["from"] or (i["from"] or "") <= line["from"] and line["to"] <= (i["to"] or ""))
    no("BR-CO-25", (number(i["payable"]) or 0) <= 0 or i["due"] or i["terms"])
    no("BR-FR-CO-07_BT-9", not i["due"] or i["process"] in {"B2", "S2", "M2"} or i["due"] >= (i["issued"] or ""))


def payment(i, no):
    for means in i["means"]:
        no("BR-49", means["code"])
        no("BR-61", means["code"] not in {"30", "58"} or means["iban"])
        no("BR-50", means["iban"] is None or means["iban"])
        no("IBAN", means["iban"] is None or iban_holds(means["iban"]))
        no("IBAN", means["debited"] is None or iban_holds(means["debited"]))
        no("SEPA-59", means["code"] != "59" or (i["mandate"] and i["creditor_id"] and means["debited"]))
    no("PEPPOL-R061", not i["mandate"] or any(means["code"] == "59" for means in i["means"]))


def numbers(i, no):
    for rule, value in [("BT-1", i["number"])] + [("BT-25", value) for value, _ in i["preceding"]]:
        no(f"BR-FR-01_{rule}", len(value or "") <= 35)
        no(f"BR-FR-02_{rule}", re.fullmatch(r"[A-Za-z0-9+\-_/]+", value or ""))
    ids = [line["id"] for line in i["lines"]]
    no("BR-21", len(set(ids)) == len(ids))
    no("BR-55", all(value for value, _ in i["preceding"]))
    no("BR-FR-CO-05_BT-3", i["type"] not in CREDITS or any(value and day for value, day in i["preceding"]))


def french(i, no):
    seller, buyer = i["seller"], i["buyer"]
    subjects = [subject for subject, _ in i["notes"]]
    bar = [value for subject, value in i["notes"] if subject == "BAR"]
    marks = "#".join(f"#{subject}#{value}" for subject, value in i["notes"])
    no("BR-FR-04_BT-3", i["type"] in TYPES)
    for subject in ("PMT", "PMD", "AAB"):
        no(f"BR-FR-05_BT-22_{subject}", subject in subjects)
        no(f"BR-FR-06_BT-21_{subject}", subjects.count(subject) <= 1)
        no(f"BR-FR-06_BT-21_{subject}", i["syntax"] != "ubl" or marks.count(f"#{subject}#") <= 1)
    no("BR-FR-06_BT-21_TXD", subjects.count("TXD") <= 1)
    no("BR-FR-08_BT-23", i["process"] in PROCESSES)
    for name, party in (("BT-29", seller), ("BT-46", buyer)):
        siren = party["legal_id"][1] if party["legal_id"] else ""
        sirets = [value for scheme, value in party["ids"] if scheme == "0009"]
        no(f"BR-FR-09_{name}", not sirets or re.fullmatch(r"\d{14}", sirets[0]) and sirets[0][:9] == siren)
        no(f"BR-FR-CO-10_{name}", all(scheme for scheme, _ in party["ids"]))
        no(f"BR-FR-CO-10_{name}", len({scheme for scheme, _ in party["ids"]}) == len(party["ids"]))
        no("BR-FR-32", re.fullmatch(r"\d{9}", siren) and luhn(siren))
    legal = seller["legal_id"] or (None, "")
    no("BR-FR-10_BT-30", legal[0] == "0002" and re.fullmatch(r"\d{9}", legal[1]))
    bought = buyer["legal_id"] or (None, "")
    no("BR-FR-11_BT-47", "B2B" not in bar or bought[0] == "0002" and re.fullmatch(r"\d{9}", bought[1]))
    no("BR-FR-12_BT-49", buyer["endpoint"] and buyer["endpoint"][1])
    no("BR-FR-13_BT-34", seller["endpoint"] and seller["endpoint"][1])
    for tax in i["taxes"]:
        no("BR-FR-15_BT-118", tax["category"] in {"S", "E", "AE", "K", "G", "O", "Z"})
        no("BR-FR-16_BT-119", tax["rate"] is None or tax["rate"] in RATES)
    for line in i["lines"]:
        no("BR-FR-15_BT-151", line["category"] in {"S", "E", "AE", "K", "G", "O", "Z"})
        no("BR-FR-16_BT-152", line["rate"] is None or line["rate"] in RATES)
        no("BR-FR-DEC-02_BT-129", re.fullmatch(r"-?\d{1,15}(\.\d{1,4})?", line["quantity"] or ""))
        no("BR-FR-DEC-03_BT-146", re.fullmatch(r"\d{1,13}(\.\d{1,6})?", line["price"] or ""))
        no("BR-FR-DEC-04_BT-152", line["rate"] is None or re.fullmatch(r"\d{1,4}(\.\d{1,2})?", line["rate"])
           and len(line["rate"].replace(".", "")) <= 4)
    no("BR-FR-20_BT-21", all(value in BAR for value in bar))
    no("BR-FR-31_BT-21", len(bar) <= 1 and (i["syntax"] != "ubl" or marks.count("#BAR#") <= 1))
    for rule, name, party, self_billed in (("BR-FR-21_BT-49", "BT-49", buyer, False),
                                           ("BR-FR-22_BT-34", "BT-34", seller, True)):
        end, siren = party["endpoint"] or ("", ""), (party["legal_id"] or ("", ""))[1]
        concerned = "B2B" in bar and (i["type"] in SELF_BILLED) == self_billed
        no(rule, not concerned or end[0] == "0225" and end[1].startswith(siren))
        no(f"BR-FR-23_{name}", re.fullmatch(r"[A-Za-z0-9+\-_.]+", end[1]))
        no(f"BR-FR-25_{name}", len(end[1]) <= 125)
    if i["process"] in {"B2", "S2", "M2"}:
        no("BR-FR-CO-09_BT-23-1", i["paid"] is not None and number(i["paid"]) == number(i["gross"]))
        no("BR-FR-CO-09_BT-23-2", number(i["payable"]) == 0)
        no("BR-FR-CO-09_BT-23-3", i["due"])
    if i["type"] in {"389", "261"}:
        no("SELF-BILLING", any("Autofacturation" in value for _, value in i["notes"]))
    no("CPRO-BT-10", len(i["buyer_reference"] or "") <= 100)


def failed(invoice, asked=None):
    """Ids of the rules that do not hold, each once, in order; those that were looked at go to `asked`."""
    found = []

    def no(rule, holds):
        if asked is not None:
            asked.add(rule)
        if not holds and rule not in found:
            found.append(rule)

    for group in (presence, codes, sums, vat, dates, payment, numbers, french):
        group(invoice, no)
    return found
