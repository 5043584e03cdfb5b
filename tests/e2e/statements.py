#!/usr/bin/env python3
# tier: full
# plain builds only: the same code runs under sanitizers in tests/unit/settlement.c
"""Statements and sheets of cards with the real programs over TLS: every form of every kind, what they add up to, that
a page loads nothing and a spreadsheet can read its sheet; provisional before the close; who may fetch whose; output
whole or as it was."""
import csv
import html.parser
import io
import json
import os
import re
import subprocess
import sys

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(root, "tests", "lib"))
import hub as hubs  # noqa: E402
from hub import Hub, check, cli, cli_json, command, tmp  # noqa: E402

reference = os.path.join(root, "config", "reference")
VOID = {"meta"}


class Page(html.parser.HTMLParser):
    """Whether the elements of a page are closed as they were opened, and what a reader without eyes gets."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.headings, self.problems = [], {}, [], []
        self.feed(text)
        self.problems += [f"{tag} is never closed" for tag in self.open]

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.setdefault(tag, []).append(attrs)
        if tag in ("script", "link", "img", "iframe") or any(str(attrs.get(key)).startswith(("http:", "https:", "//"))
                                                             for key in ("src", "href")):
            self.problems.append(f"{tag} loads something")
        if tag == "th" and attrs.get("scope") not in ("col", "row"):
            self.problems.append("a th without scope")
        if re.fullmatch("h[1-6]", tag):
            level = int(tag[1])
            if level > (self.headings[-1] if self.headings else 0) + 1:
                self.problems.append(f"{tag} after h{self.headings[-1:]}")
            self.headings.append(level)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.setdefault(tag, []).append(dict(attrs))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes another element")


def profile_add(name, *credential):
    subprocess.run([hubs.passerelle, "--config", f"{tmp}/profiles", "profile", "add", name, "--url", hub.url,
                    "--ca", f"{hub.folder}/ca.crt", *credential], check=True, stdout=subprocess.DEVNULL)


def key_add(kind, party):
    made = cli_json("credential", "key", kind, party)
    with open(f"{tmp}/{party}.key", "w", encoding="utf-8") as file:
        file.write(made["secret"])
    profile_add(party, "--api-key-file", f"{tmp}/{party}.key")


def page(*words, **how):
    text = cli("statement", *words, **how).decode()
    found = Page(text)
    check(not found.problems, f"{words}: {found.problems[:3]}")
    check(len(found.tags.get("h1", [])) == 1 and found.tags["html"][0].get("lang") == "fr", f"{words}: no heading")
    check(all(svg.get("role") == "img" or svg.get("aria-hidden") for svg in found.tags.get("svg", [])),
          f"{words}: a drawing that is not said to be one")
    return text


def sheet(*words, **how):
    """The tables of a sheet by their headings, as a French spreadsheet reads them."""
    raw = cli("statement", *words, "--csv", **how)
    check(raw.startswith(b"\xef\xbb\xbf") and b"\r\n" in raw and b"\r\r" not in raw, f"{words}: mark and line ends")
    blocks = raw.decode("utf-8-sig").split("\r\n\r\n")
    tables = {}
    for block in blocks[1:]:
        rows = list(csv.reader(io.StringIO(block), delimiter=";"))
        check(len({len(row) for row in rows[1:]}) == 1, f"{words}: rows of {rows[0]} differ")
        tables[rows[0][0]] = rows[1:]
    return tables


def cents(text):
    check(re.fullmatch(r"-?\d+,\d\d", text), f"{text!r} is no amount")
    return int(text.replace(",", ""))


command("init", f"{tmp}/hub", "--network", "sta", "--name", "Réseau d'essai", "--demo", "--port", "0")
hub = Hub(f"{tmp}/hub")
profile_add("op", "--cert", f"{tmp}/hub/operator-1.crt", "--key", f"{tmp}/hub/operator-1.key")
cli("network", "import", reference)
codes = cli("pass", "issue").decode()
cli("visit", "import", os.path.join(reference, "visits-2026-10.csv"), says="12002 added")
for kind, party in (("member", "m001"), ("employer", "e001"), ("region", "occitanie")):
    key_add(kind, party)
with open(os.path.join(reference, "expected.json"), encoding="utf-8") as file:
    expected = json.load(file)

check("Provisoire" in page("member", "m001", "2026-10"), "an open month is not said to be provisional")
check(cli_json("statement", "site", "s001", "2026-10")["provisional"] is True, "an open month in JSON")
before = cli_json("statement", "member", "m001", "2026-10")
cli("period", "close", "2026-10")

# One member in three forms.
text = page("member", "m001", "2026-10")
check("Provisoire" not in text, "a closed month is said to be provisional")
told = cli_json("statement", "member", "m001", "2026-10")
check(told["sections"] == before["sections"], "the close changed what the month came to")
check(told["facts"]["position_cents"] == expected["positions"]["m001"], "position of m001")
numbers = {row["number"] for row in csv.DictReader(io.StringIO(codes))}
for section in ("hosted_visits", "issued_visits"):
    check(told["sections"][section] and all(row["pass_number"] in numbers for row in told["sections"][section]),
          f"{section}: not each has the number of a pass")
tables = sheet("member", "m001", "2026-10")
visits = next(rows for name, rows in tables.items() if name.startswith("Visites accueillies"))
column = next(i for i, name in enumerate(visits[0]) if name.startswith("Accueil"))
hosting = sum(row["net_cents"] for row in expected["host_invoices"] if row["host"] == "m001")
check(sum(cents(row[column]) for row in visits[1:-1]) == cents(visits[-1][column]) == hosting, "sum of the visits")

# Every site and employer that the month knows.
for site, totals in sorted(expected["sites"].items())[:20]:
    told = cli_json("statement", "site", site, "2026-10")
    check(told["facts"]["host_cents"] == totals["host_cents"], f"{site}: money")
    check(sum(row["days"] for row in told["sections"]["days"]) == totals["days"], f"{site}: days")
    check(len(told["sections"]["days"]) == 31, f"{site}: not each day of the month")
page("site", "s001", "2026-10")
with open(os.path.join(reference, "sites.csv"), newline="", encoding="utf-8") as file:
    places = [row["name"] for row in csv.DictReader(file)]
for employer, totals in sorted(expected["employers"].items())[:20]:
    text = cli("statement", "employer", employer, "2026-10", "--json").decode()
    told = json.loads(text)
    check(told["facts"]["gross_cents"] == totals["gross_cents"], f"{employer}: gross")
    check(not any(place in text for place in places), f"{employer} is told a place")
    check(not re.search(r"\d\d:\d\d|\d h \d\d", text), f"{employer} is told an hour")
text = page("employer", "e001", "2026-10", profile="e001")
check(not any(place in text for place in places), "e001's page tells a place")

# The Region.
text = page("region", "2026-10", profile="occitanie")
check(text.count('class="dep q') >= 13 and "CC BY 4.0" in text, "no map, or no licence")
told = cli_json("statement", "region", "2026-10", profile="occitanie")
check(told["facts"]["visit_days"] == expected["visit_days"], "visits of the Region")
check(told["facts"]["subsidy_cents"] == sum(row["subsidy_cents"] for row in expected["fee_invoices"]), "subsidy")
for name, rows in told["sections"].items():
    check(all(isinstance(row["holders"], dict) or row["holders"] >= 5 for row in rows), f"{name}: fewer than five")
    check(name == "epcis" or sum(row["visit_days"] for row in rows) == expected["visit_days"], f"{name}: sum")
check(len(sheet("region", "2026-10", profile="occitanie")) == 3, "tables of the Region")
cli("statement", "region", "2026-12", code=1, says="is not over")

# Scope, bad words, files.
cli("statement", "member", "m002", "2026-10", profile="m001", code=4)
cli("statement", "employer", "e002", "2026-10", profile="e001", code=4)
cli("statement", "region", "2026-10", profile="m001", code=4)
cli("statement", "member", "m001", "2026-10", profile="occitanie", code=4)
cli("statement", "member", "m001", "Oktober", code=1, says="write a month as 2026-10")
cli("statement", "member", "m001", "2026-10", "--csv", "--html", code=2, says="one of --html, --csv and --json")
cli("statement", "member", code=2, says="whose, and which month?")
cli("statement", "site", "s001", "2026-10", "-o", f"{tmp}/s001.csv")
with open(f"{tmp}/s001.csv", "rb") as file:
    check(file.read() == cli("statement", "site", "s001", "2026-10", "--csv"), "the name of the file says its form")
cli("statement", "site", "s001", "2026-10", "-o", f"{tmp}/nowhere/s001.csv", code=1, says="cannot be written")
if os.path.exists("/dev/full"):
    cli("statement", "site", "s001", "2026-10", "-o", "/dev/full", code=1, says="No space left")
check(not os.path.exists(f"{tmp}/s001.csv.part"), "a part was left")

# Cards: of an employer from the hub, and of what was issued from its file.
cards = [row for row in csv.DictReader(io.StringIO(codes)) if row["card_token"]]
cli("pass", "sheet", "e002", "-o", f"{tmp}/e002.html")
with open(f"{tmp}/codes.csv", "w", encoding="utf-8") as file:
    file.write(codes)
cli("pass", "sheet", f"{tmp}/codes.csv", "-o", f"{tmp}/all.html", "--title", "Réseau & Cie")
with open(f"{tmp}/all.html", encoding="utf-8") as file:
    text = file.read()
found = Page(text)
check(not found.problems, f"sheets: {found.problems[:3]}")
check(text.count('class="sheet"') == -(-len(cards) // 10), "ten cards on a sheet")
check("Réseau &amp; Cie" in text, "the title")
for row in cards[:30]:
    drawn = cli("pass", "qr", row["card_token"], "--format", "svg").decode()
    path = re.search(r' d="([^"]+)"', drawn).group(1)
    check(path in text, f"the QR of {row['number']} is not on a sheet")
    check(f"{row['number'][:3]} {row['number'][3:6]} {row['number'][6:]}" in text, f"{row['number']} is not on a sheet")
cli("pass", "sheet", "e002", "-o", f"{tmp}/other.html", profile="e001", code=4)
cli("pass", "sheet", "e999", "-o", f"{tmp}/other.html", code=1, says="no employer")
cli("pass", "sheet", os.path.join(reference, "members.csv"), "-o", f"{tmp}/other.html", code=6)
cli("pass", "sheet", "e002", code=2, says="where to")
check(not os.path.exists(f"{tmp}/other.html"), "what was refused left a file")
hub.end()
hubs.over()
