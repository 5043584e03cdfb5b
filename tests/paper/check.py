#!/usr/bin/env python3
"""Reads what paper-dump writes with readers that nobody here wrote: schemas by xmllint, the rules of
EN 16931 and of the French platforms (rules.py), PDF by qpdf, poppler and factur-x-kit; compares the
sums with expected.json. Usage: check.py PAPER_DUMP REFERENCE_DIR SOURCE_ROOT"""
import glob
import html.parser
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

import rules
import terms

FILE_MAX = 1_000_000  # bytes of what a reader is given that needs a minute for more

problems = []
counts = {}


def say(name, problem):
    problems.append(f"{name}: {problem}")


def count(what, number=1):
    counts[what] = counts.get(what, 0) + number


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


# ---- XML

def schemas(folder, place):
    """The published schemas are not ours to copy: they are beside the project, or where
    PASSERELLE_SCHEMAS says."""
    if not os.path.isdir(place):
        print(f"skipped: schemas ({place} is not there; PASSERELLE_SCHEMAS says where they are)")
        return
    ubl = sorted(glob.glob(f"{folder}/ubl/*.xml"))
    credit = [path for path in ubl if b"<CreditNote " in open(path, "rb").read(400)]
    for schema, paths in (("cii/Factur-X_1.09_EN16931.xsd", sorted(glob.glob(f"{folder}/cii/*.xml"))),
                          ("ubl/maindoc/UBL-CreditNote-2.1.xsd", credit),
                          ("ubl/maindoc/UBL-Invoice-2.1.xsd", sorted(set(ubl) - set(credit)))):
        result = run("xmllint", "--nonet", "--noout", "--schema", f"{place}/{schema}", *paths)
        lines = result.stderr.decode().splitlines()
        held = sum(line.endswith(" validates") for line in lines)
        count("files held by schemas", held)
        if result.returncode != 0 or held != len(paths) or not paths:
            for line in [line for line in lines if not line.endswith(" validates")][:10] or ["no file"]:
                say(schema, line)


def invoices(folder, rows):
    """Rules, and that both syntaxes say the same."""
    for row in rows:
        paths = [f"{folder}/{form}/{row['name']}.xml" for form in ("cii", "ubl")]
        if row["pro_forma"]:
            if any(map(os.path.exists, paths)):
                say(row["name"], "a pro forma has no XML")
            continue
        cii, ubl = map(terms.read, paths)
        for invoice in (cii, ubl):
            for rule in rules.failed(invoice):
                say(row["name"], f"{invoice['syntax']} breaks {rule}")
        for term in set(cii) - {"syntax", "root", "currencies", "remittance"}:
            if cii[term] != ubl[term]:
                say(row["name"], f"{term} is {str(cii[term])[:80]} in CII, {str(ubl[term])[:80]} in UBL")
        for term in ("net", "vat", "gross"):
            if round(float(cii[term]) * 100) != row[term]:
                say(row["name"], f"{term} is {cii[term]}, not {row[term]} cents")
        if cii["number"] != row["number"]:
            say(row["name"], f"number {cii['number']}")
        count("invoices by rules", 2)


def totals(rows, expected):
    """The reference month, to the cent."""
    found = {row["name"]: row for row in rows}
    wanted = [(f"1-{row['issuer']}-{employer}", row) for employer, row in expected["employers"].items()]
    wanted += [(f"2-{row['host']}-{row['issuer']}", row) for row in expected["host_invoices"]]
    operator = next(iter({row["name"].split("-")[1] for row in rows if row["name"].startswith("3-")}))
    wanted += [(f"3-{operator}-{row['issuer']}", row) for row in expected["fee_invoices"]
               if row["gross_cents"] != 0]
    for name, row in wanted:
        mine = found.get(name)
        if mine is None:
            say(name, "is in expected.json, and was not written")
        elif (mine["net"], mine["vat"], mine["gross"]) != (row["net_cents"], row["vat_cents"], row["gross_cents"]):
            say(name, f"{mine} against {row}")
    written = {name for name in found if not name.startswith("case-")}
    for name in sorted(written - {name for name, _ in wanted}):
        say(name, "is not in expected.json")
    count("invoices by expected.json", len(wanted))


def series(rows):
    """Each series of the month runs from 1 without a gap."""
    by_series = {}
    for row in rows:
        if not row["name"].startswith("case-"):
            name, number = row["number"].rsplit("-", 1)
            by_series.setdefault(name, []).append(int(number))
    for name, numbers in by_series.items():
        if numbers != list(range(1, len(numbers) + 1)):
            say(name, f"numbers {numbers[:20]}")
    count("series without gap", len(by_series))


# ---- pages

class Page(html.parser.HTMLParser):
    """Text and tags, and whether they nest."""
    def __init__(self):
        super().__init__()
        self.open, self.text, self.tags, self.broken = [], "", set(), False

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag != "meta":
            self.open.append(tag)
        self.broken |= any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)

    def handle_endtag(self, tag):
        self.broken |= not self.open or self.open.pop() != tag

    def handle_data(self, data):
        self.text += data


def pages(folder, rows):
    for row in rows:
        path = f"{folder}/html/{row['name']}.html"
        if not os.path.exists(path):
            continue
        page = Page()
        with open(path, encoding="utf-8") as file:
            text = file.read()
        page.feed(text)
        if page.broken or page.open or page.tags & {"script", "link", "img", "iframe"}:
            say(path, f"tags {page.open or page.tags}")
        if row["number"] not in page.text or french(row["gross"]) not in page.text:
            say(path, "lacks its number or its sum")
        if row["pro_forma"] and "ne vaut pas facture" not in page.text:
            say(path, "does not say that it is a pro forma")
        count("pages of HTML")


def french(cents):
    whole = f"{cents // 100:,}".replace(",", "\u00a0")
    return f"{whole},{cents % 100:02d}"


def pdf_text(path):
    return run("pdftotext", "-raw", "-enc", "UTF-8", path, "-").stdout.decode()


def pdf(folder, row, scratch):
    path, name = f"{folder}/pdf/{row['name']}.pdf", row["name"]
    with open(path, "rb") as file:
        data = file.read()
    checked = run("qpdf", "--check", path)
    if checked.returncode != 0 or b"No syntax or stream encoding errors" not in checked.stdout:
        say(name, "qpdf: " + (checked.stdout + checked.stderr).decode(errors="replace")[:300])
    saved = f"{scratch}/out.xml"
    run("pdfdetach", "-save", "1", "-o", saved, path)
    if row["pro_forma"] == os.path.exists(saved):
        say(name, "has no attachment, or a pro forma has one")
    if os.path.exists(saved):
        with open(saved, "rb") as one, open(f"{folder}/cii/{name}.xml", "rb") as other:
            if one.read() != other.read():
                say(name, "the attachment is not the CII")
        os.remove(saved)
    text = pdf_text(path)
    if row["number"] not in text or french(row["gross"]) not in text.replace(" ", "\u00a0"):
        say(name, "pdftotext does not find its number or its sum")
    fonts = run("pdffonts", path).stdout.decode().splitlines()[2:]
    if len(fonts) != 1 or not re.match(r"[A-Z]{6}\+DejaVuSans +CID TrueType +Identity-H +yes yes yes", fonts[0]):
        say(name, f"fonts {fonts}")
    archive(name, row, data)
    count("PDF")


def archive(name, row, data):
    """What PDF/A-3b and Factur-X want of the file's own words."""
    packet = data[data.index(b"<?xpacket begin"):data.index(b'<?xpacket end="w"?>')]
    meta = ET.fromstring(packet[packet.index(b"?>") + 2:])
    said = {node.tag.split("}")[1]: node.text for node in meta.iter() if len(node) == 0}
    wanted = {"part": "3", "conformance": "B"}
    if not row["pro_forma"]:
        wanted.update(DocumentType="INVOICE", DocumentFileName="factur-x.xml", Version="1.0",
                      ConformanceLevel="EN 16931")
    for key, value in wanted.items():
        if said.get(key) != value:
            say(name, f"XMP {key} is {said.get(key)}")
    for words in (b"/OutputIntents[", b"/GTS_PDFA1", b"/ID[<", b"/CIDToGIDMap/Identity"):
        if words not in data:
            say(name, f"lacks {words}")
    for words in (b"/Encrypt", b"/JavaScript", b"/Filter", b"<0000>] TJ", b"/AA"):
        if words in data:
            say(name, f"has {words}")
    if not row["pro_forma"] and not all(words in data for words in (
            b"/AFRelationship/Alternative", b"/AF[", b"/EmbeddedFiles", b"/Subtype/text#2Fxml")):
        say(name, "does not name its attachment as Factur-X does")


def letters(folder):
    """Every letter that the face has comes back from the PDF."""
    text = re.sub(r"\s", "", pdf_text(f"{folder}/pdf/case-hostile.pdf"))
    missing = [chr(letter) for letter in list(range(0x21, 0x7F)) + list(range(0xA1, 0x250))
               if letter != 0xAD and chr(letter) not in text]
    if missing:
        say("hostile.pdf", f"lacks {missing}")
    extended = sum(chr(letter) in text for letter in range(0x1E00, 0x1F00))
    if extended < 250:
        say("hostile.pdf", f"has {extended} of 256 letters of Latin Extended Additional")
    for words in ("A&B<\"C\">'D'", "&amp;", "T-hostile"):
        if words not in text:
            say("hostile.pdf", f"lacks {words}")


# ---- evidence

def evidence(folder, rows):
    for row in rows:
        path = f"{folder}/json/{row['name']}.json"
        with open(path, encoding="utf-8") as file:
            said = json.load(file)
        if said["invoice"] != row["number"] or len(said["lines"]) != row["lines"]:
            say(path, "is not of its invoice")
        employer = row["type"] in (380, 381) and any("check_ins" in line for line in said["lines"])
        shape = r"[0-9a-f]{32}" if employer else r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
        for line in said["lines"]:
            ids = line["check_ins" if employer else "visits"]
            if ids != sorted(set(ids)):
                say(path, f"line {line['line']} is not in order")
            of_stays = not line["name"].startswith(("Carnet", "Abonnement"))
            if not row["name"].startswith("case-") and bool(ids) != of_stays:
                say(path, f"line {line['line']} stands on {len(ids)} stays")
            count("stays behind lines", len(ids))
            for one in line["check_ins" if employer else "visits"]:
                if not re.fullmatch(shape, one):
                    say(path, f"names {one}")
        count("lists of evidence")


def factur_x_kit(folder, rows, root):
    """A reader of Factur-X in JavaScript, where deploy/setup --test installed it."""
    if not os.path.isdir(f"{root}/tests/conformance/node_modules/factur-x-kit"):
        print("skipped: factur-x-kit (deploy/setup --test installs it)")
        return
    paths = [f"{folder}/pdf/{row['name']}.pdf" for row in rows if not row["pro_forma"]]
    paths = [path for path in paths if os.path.exists(path) and os.path.getsize(path) < FILE_MAX]
    result = run("node", f"{root}/tests/conformance/facturx.mjs", *paths)
    if result.returncode != 0:
        say("factur-x-kit", (result.stdout + result.stderr).decode()[-2000:])
    count("Factur-X by factur-x-kit", len(paths))


def read_rows(folder):
    names = ("name", "number", "type", "pro_forma", "lines", "net", "vat", "gross", "paid")
    rows = []
    with open(f"{folder}/list.tsv", encoding="utf-8") as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            rows.append({name: value if name in ("name", "number") else int(value)
                         for name, value in zip(names, fields)})
    return rows


def main():
    dump, reference, root = sys.argv[1:4]
    place = os.environ.get("PASSERELLE_SCHEMAS") or os.path.join(root, "..", "shared", "schemas")
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as again:
        for one in (folder, again):
            if subprocess.run([dump, one], check=False).returncode != 0:
                sys.exit("paper-dump failed (above)")
        if run("diff", "-rq", folder, again).stdout:
            say("paper-dump", "writes other bytes the second time")
        rows = read_rows(folder)
        with open(f"{reference}/expected.json", encoding="utf-8") as file:
            expected = json.load(file)
        schemas(folder, place)
        invoices(folder, rows)
        totals(rows, expected)
        series(rows)
        pages(folder, rows)
        evidence(folder, rows)
        for row in rows:
            if os.path.exists(f"{folder}/pdf/{row['name']}.pdf"):
                pdf(folder, row, again)
        letters(folder)
        factur_x_kit(folder, rows, root)
        broken = run(sys.executable, f"{root}/tests/paper/test_rules.py", folder)
        print(broken.stdout.decode().strip())
        if broken.returncode != 0:
            say("test_rules.py", broken.stderr.decode()[-500:] or "a rule cannot fail")
    print("\n".join(problems[:60]))
    print(", ".join(f"{number} {what}" for what, number in counts.items()) + f", {len(problems)} problems")
    sys.exit(bool(problems))


main()
