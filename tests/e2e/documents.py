#!/usr/bin/env python3
# tier: full
# plain builds only: the same code runs under sanitizers in tests/unit/settlement.c
"""Invoices of two networks with the real programs over TLS. The reference month: every file by schemas
(where PASSERELLE_SCHEMAS or ../shared/schemas has them), by the rules of EN 16931 and of the French
platforms, by sums of expected.json; written twice, after a party moved, after a rebuild, after a stop in
the middle and on a full disk. Another network closes three months with late and disputed stays: its
credit notes name what they correct. Who may see what."""
import calendar
import csv
import glob
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
for room in ("lib", "paper"):
    sys.path.insert(0, os.path.join(root, "tests", room))
import hub as hubs  # noqa: E402
import rules  # noqa: E402
import terms  # noqa: E402
from hub import Hub, check, cli, cli_json, command, request_id, tmp  # noqa: E402

reference = os.path.join(root, "config", "reference")
schemas = os.environ.get("PASSERELLE_SCHEMAS") or os.path.join(root, "..", "shared", "schemas")
with open(os.path.join(reference, "expected.json"), encoding="utf-8") as file:
    expected = json.load(file)
with open(os.path.join(reference, "visits-2026-10.csv"), newline="", encoding="utf-8") as file:
    stays = list(csv.DictReader(file))
with open(os.path.join(reference, "members.csv"), newline="", encoding="utf-8") as file:
    members = list(csv.DictReader(file))


def begin(name):
    """A network with the reference's contracts, where every member but m003 gives a mandate."""
    folder = os.path.join(tmp, name)
    command("init", folder, "--network", name, "--name", name, "--demo", "--port", "0")
    hub = Hub(folder)
    for who, credential in (("op", ["--cert", f"{folder}/operator-1.crt", "--key", f"{folder}/operator-1.key"]),):
        subprocess.run([hubs.passerelle, "--config", f"{tmp}/profiles", "profile", "add", f"{name}-{who}", "--url",
                        hub.url, "--ca", f"{folder}/ca.crt", *credential], check=True, stdout=subprocess.DEVNULL)
    cli("network", "import", reference, profile=f"{name}-op")
    for member in members:
        said = ["--self-billing-mandate-signed-on", "2026-08-01", "--self-billing-mandate-contest-days", "15"]
        if member["member_id"] != "m003":
            cli("member", "put", member["member_id"], *said, profile=f"{name}-op")
    return hub


def again(hub, name):
    """The same network after a restart: another port."""
    hub = Hub(hub.folder)
    with open(f"{tmp}/profiles", encoding="utf-8") as file:
        text = file.read()
    parts = re.split(r"(?m)^(?=\[)", text)
    parts = [re.sub(r"(?m)^url = .*$", f"url = {hub.url}", part) if part.startswith(f"[{name}-") else part
             for part in parts]
    with open(f"{tmp}/profiles", "w", encoding="utf-8") as file:
        file.write("".join(parts))
    return hub


def export(name, folder, profile, code=0, says="", month="2026-10", more=()):
    path = os.path.join(tmp, folder)
    cli("documents", "export", month, path, *more, profile=profile, code=code, says=says)
    return path


def tree(folder):
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = hashlib.sha256(file.read()).hexdigest()
    return found


def same(one, other, what):
    a, b = tree(one), tree(other)
    check(a == b, f"{what}: {[name for name in set(a) | set(b) if a.get(name) != b.get(name)][:5]}")


def sums(folder):
    found = tree(folder)
    with open(os.path.join(folder, "SHA256SUMS"), encoding="utf-8") as file:
        told = dict(reversed(line.rstrip("\n").split("  ")) for line in file)
    found.pop("SHA256SUMS")
    check(told == found, "SHA256SUMS names other files, or other sums")
    check("resume" not in found, "what resumes is left in the folder")


def read_all(folder):
    """Invoices by number, read from CII and held against UBL, rules, schemas and the page."""
    invoices = {}
    for path in sorted(glob.glob(f"{folder}/members/*/*.cii.xml")):
        cii, ubl = terms.read(path), terms.read(path.replace(".cii.", ".ubl."))
        if cii["number"] in invoices:
            continue
        for invoice in (cii, ubl):
            for rule in rules.failed(invoice):
                check(False, f"{cii['number']} in {invoice['syntax']} breaks {rule}")
        for term in set(cii) - {"syntax", "root", "currencies", "remittance"}:
            check(cii[term] == ubl[term], f"{cii['number']}: {term} differs between CII and UBL")
        check(os.path.basename(path) == cii["number"] + ".cii.xml", f"{path} is called otherwise")
        with open(path.replace(".cii.xml", ".evidence.json"), encoding="utf-8") as file:
            cii["evidence"] = json.load(file)
        check(cii["evidence"]["invoice"] == cii["number"], f"evidence of {cii['number']}")
        for form in ("pdf", "html"):
            check(os.path.exists(path.replace("cii.xml", form)), f"{cii['number']} has no {form}")
        invoices[cii["number"]] = cii
    return invoices


def by_schemas(folder):
    if not os.path.isdir(schemas):
        print(f"skipped: schemas ({schemas} is not there; PASSERELLE_SCHEMAS says where they are)")
        return
    ubl = sorted(glob.glob(f"{folder}/members/*/*.ubl.xml"))
    credit = [path for path in ubl if os.path.basename(path)[:2] in ("AV", "AA")]
    for schema, paths in (("cii/Factur-X_1.09_EN16931.xsd", glob.glob(f"{folder}/members/*/*.cii.xml")),
                          ("ubl/maindoc/UBL-CreditNote-2.1.xsd", credit),
                          ("ubl/maindoc/UBL-Invoice-2.1.xsd", sorted(set(ubl) - set(credit)))):
        for at in range(0, len(paths), 500):
            done = subprocess.run(["xmllint", "--nonet", "--noout", "--schema", f"{schemas}/{schema}",
                                   *paths[at:at + 500]], capture_output=True, text=True, check=False)
            check(done.returncode == 0, f"{schema}: " + "\n".join(
                line for line in done.stderr.splitlines() if not line.endswith("validates"))[:500])


def cents(text):
    return round(float(text) * 100)


def series(numbers):
    by_name = {}
    for number in numbers:
        name, sequence = number.rsplit("-", 1)
        by_name.setdefault(name, []).append(int(sequence))
    return by_name


# ---- the reference month

hub = begin("ref")
cli("visit", "import", os.path.join(reference, "visits-2026-10.csv"), profile="ref-op", says="12002 added")
cli("documents", "export", "2026-10", f"{tmp}/early", profile="ref-op", code=1, says="not closed")
check(not os.path.exists(f"{tmp}/early"), "an export before the close left a folder")
cli("period", "close", "2026-10", profile="ref-op")
began = time.monotonic()
first = export("ref", "first", "ref-op")
print(f"export of October: {time.monotonic() - began:.1f} s, {len(tree(first))} files")
sums(first)
by_schemas(first)
invoices = read_all(first)
for name, numbers in series(invoices).items():
    check(sorted(numbers) == list(range(1, len(numbers) + 1)), f"{name} has a gap: {sorted(numbers)[:9]}")

listed = cli_json("invoice", "list", "2026-10", profile="ref-op")["invoices"]
pro_formas = {one["number"] for one in listed if one.get("proForma")}
check(pro_formas and all(number.startswith("PF-") for number in pro_formas), "m003 gets pro formas")
check({one["number"] for one in listed} == set(invoices) | pro_formas, "the list and the folder differ")
found = {"employers": {}, "hosts": {}, "fees": {}}
for one in listed:
    amounts = tuple(int(one.get(key, 0)) for key in ("netCents", "vatCents", "grossCents"))
    kind, seller, buyer = one["kind"], one["sellerMemberId"], one["buyerId"]
    if kind.endswith("EMPLOYER_INVOICE"):
        found["employers"][buyer] = (seller, *amounts)
    elif kind.endswith("HOST_INVOICE"):
        found["hosts"][seller, buyer] = amounts
        check(bool(one.get("proForma")) == (seller == "m003"), f"{one['number']}: mandate of {seller}")
    else:
        found["fees"][buyer] = amounts
    if not one.get("proForma"):
        cii = invoices[one["number"]]
        check((cents(cii["net"]), cents(cii["vat"]), cents(cii["gross"])) == amounts, f"sums of {one['number']}")
        check(hashlib.sha256(open(f"{first}/members/{seller}/{one['number']}.cii.xml", "rb").read()).hexdigest() ==
              __import__("base64").b64decode(one["ciiSha256"]).hex(), f"hash of {one['number']}")
check(found["employers"] == {name: (row["issuer"], row["net_cents"], row["vat_cents"], row["gross_cents"])
                             for name, row in expected["employers"].items()}, "employers of expected.json")
check(found["hosts"] == {(row["host"], row["issuer"]): (row["net_cents"], row["vat_cents"], row["gross_cents"])
                         for row in expected["host_invoices"]}, "hosts of expected.json")
check(found["fees"] == {row["issuer"]: (row["net_cents"], row["vat_cents"], row["gross_cents"])
                        for row in expected["fee_invoices"] if row["gross_cents"]}, "fees of expected.json")

# What stands behind lines: visits for hosts, references for employers.
visits = {stay["visit_id"] for stay in stays}
for number, invoice in invoices.items():
    for line in invoice["evidence"]["lines"]:
        employer = number.startswith("FA-")
        ids = line["check_ins" if employer else "visits"]
        shape = r"[0-9a-f]{32}"
        check(all(re.fullmatch(shape, one) if employer else one in visits for one in ids), f"{number}: {ids[:2]}")
        check(bool(ids) != line["name"].startswith(("Carnet", "Abonnement")), f"{number}: line without evidence")
parts = tree(first)
check(parts["employers/e001/" + next(n for n in os.listdir(f"{first}/employers/e001") if n.endswith(".pdf"))],
      "the employer's folder")

# Twice, after a party moved, after a rebuild: the same bytes.
cli("member", "put", "m006", "--address", "1 rue d'Ailleurs", "--postcode", "09000", "--city", "Foix", profile="ref-op")
cli("employer", "put", "e001", "--legal-name", "Un Autre Nom", profile="ref-op")
same(first, export("ref", "second", "ref-op"), "after parties changed")
cli("documents", "export", "2026-10", first, profile="ref-op", code=1, says="is there already")
hub.end()
command("rebuild", hub.folder)
hub = again(hub, "ref")
same(first, export("ref", "third", "ref-op"), "after a rebuild")

# Stopped in the middle: it goes on.
words = [hubs.passerelle, "--config", f"{tmp}/profiles", "--profile", "ref-op", "documents", "export", "2026-10",
         f"{tmp}/stopped"]
for _ in range(20):  # it takes half a second: one that is not stopped in time is made again
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not os.path.exists(f"{tmp}/stopped.part/resume"):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    if os.path.exists(f"{tmp}/stopped.part/resume"):
        break
    shutil.rmtree(f"{tmp}/stopped")
check(not os.path.exists(f"{tmp}/stopped"), "a stopped export has its name")
kept = os.stat(f"{tmp}/stopped.part/resume").st_mtime_ns
cli("documents", "export", "2026-09", f"{tmp}/stopped", profile="ref-op", code=1)
check(os.stat(f"{tmp}/stopped.part/resume").st_mtime_ns == kept, "another month went on there")
same(first, export("ref", "stopped", "ref-op"), "after a stop")

# A full disk leaves nothing half.
small = os.path.join(tmp, "small")
os.mkdir(small)
mounted = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", small],
                                               stderr=subprocess.DEVNULL, check=False).returncode == 0
if mounted:
    try:
        cli("documents", "export", "2026-10", f"{small}/full", profile="ref-op", code=1, says="No space left")
        check(os.listdir(small) == ["full.part"], "a full disk left a folder")
        left = tree(f"{small}/full.part")
        whole = tree(first)
        check(all(whole.get(name) == value for name, value in left.items() if name != "resume"),
              "a full disk left half a file")
    finally:
        subprocess.run(["umount", small], check=False)
else:
    print("skipped: a full disk (nothing can be mounted here)")

# Who sees what. m003 records what it sent; the issuer gets it.
for who, kind, party in (("m003", "member", "m003"), ("e001", "employer", "e001"), ("m006", "member", "m006")):
    made = cli_json("credential", "key", kind, party, profile="ref-op")
    with open(f"{tmp}/{who}.key", "w", encoding="utf-8") as file:
        file.write(made["secret"])
    subprocess.run([hubs.passerelle, "--config", f"{tmp}/profiles", "profile", "add", f"ref-{who}", "--url", hub.url,
                    "--ca", f"{hub.folder}/ca.crt", "--api-key-file", f"{tmp}/{who}.key"], check=True,
                   stdout=subprocess.DEVNULL)
own = export("ref", "e001", "ref-e001")
check(sorted(os.listdir(f"{own}/employers")) == ["e001"] and not glob.glob(f"{own}/settlement*"), "e001 sees its own")
number = next(name[:-8] for name in os.listdir(f"{own}/employers/e001") if name.endswith(".cii.xml"))
check(open(f"{own}/employers/e001/{number}.cii.xml", "rb").read() ==
      cli("invoice", "show", number, "--format", "cii", profile="ref-e001"), "invoice show gives the same bytes")
with open(f"{own}/employers/e001/{number}.evidence.json", encoding="utf-8") as file:
    told = next(line["check_ins"][0] for line in json.load(file)["lines"] if line["check_ins"])
cli("dispute", "open", "--reference", told, "--reason", "nobody was away", profile="ref-e001")
cli("dispute", "open", "--reference", told, "--reason", "again", profile="ref-e001", code=1, says="disputed already")
cli("dispute", "open", "--reference", told, "--reason", "theirs", profile="ref-op", code=1, says="give the site")
cli("dispute", "open", "s001", told, "--reason", "no id", profile="ref-e001", code=1, says="UUID")
other = next(one["number"] for one in listed if one["buyerId"] == "e002")
cli("invoice", "show", other, profile="ref-e001", code=1, says="no invoice")
cli("documents", "export", "2026-10", f"{tmp}/theirs", "--party", "e002", profile="ref-e001", code=4)
for one in cli_json("invoice", "list", "2026-10", profile="ref-m006")["invoices"]:
    check("m006" in (one["sellerMemberId"], one["buyerId"]), f"m006 sees {one['number']}")
waits = next(one for one in listed if one.get("proForma"))
gross = waits["grossCents"]
cli("invoice", "show", waits["number"], "--format", "cii", profile="ref-op", code=1, says="pro forma")
cli("invoice", "record", waits["number"], "F2026-31", "--issued-on", "2026-11-02", "--gross-cents", gross,
    profile="ref-m003", code=4)
cli("invoice", "record", waits["number"], "F2026-31", "--issued-on", "2026-11-02", "--gross-cents", int(gross) + 1,
    profile="ref-op", code=1, says="the pro forma says")
cli("invoice", "record", waits["number"], "F 2026", "--issued-on", "2026-11-02", "--gross-cents", gross,
    profile="ref-op", code=1, says="letters, digits")
cli("invoice", "record", waits["number"], "F2026-31", "--issued-on", "2026-11-02", "--gross-cents", gross,
    profile="ref-op")
cli("invoice", "record", waits["number"], "F2026-32", "--issued-on", "2026-11-02", "--gross-cents", gross,
    profile="ref-op", code=1, says="F2026-31")
check(cli_json("invoice", "show", waits["number"], profile="ref-op")["recordedNumber"] == "F2026-31", "recorded")
cli("ledger", "verify", profile="ref-op", says="equal")
hub.end()

# ---- three months with credit notes

hub = begin("late")


def month_of(month, some):
    moved = []
    for stay in some:
        if stay["check_in"][8:10] <= "28":
            other = dict(stay, visit_id="%08x" % month + stay["visit_id"][8:])
            for key in ("check_in", "check_out"):
                other[key] = stay[key].replace("2026-10", "2026-%02d" % month)
            moved.append(other)
    return moved


def imports(name, some):
    path = os.path.join(tmp, name + ".csv")
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, stays[0].keys())
        table.writeheader()
        table.writerows(some)
    cli("visit", "import", path, profile="late-op", says=f"{len(some)} added")


def voids(stay):
    for method, body in (("OpenDispute", {"feedId": stay["site_id"], "visitId": stay["visit_id"], "reason": "so"}),
                         ("ResolveDispute", {"outcome": "DISPUTE_OUTCOME_VOIDED"})):
        body["requestId"] = request_id()
        if method == "ResolveDispute":
            body["disputeId"] = dispute
        status, answer = hub.call("SettlementService/" + method, body, cert="operator-1")
        check(status == 200, answer)
        dispute = answer.get("disputeId")


august, september = month_of(8, stays[:900]), month_of(9, stays[900:1800])
imports("august", august[:-60])
cli("period", "close", "2026-08", profile="late-op")
for stay in august[:40]:
    voids(stay)
imports("september", september)
cli("period", "close", "2026-09", profile="late-op")
imports("later-august", august[-60:])
for stay in august[40:60] + september[:40]:
    voids(stay)
imports("october", stays[1800:2700])

# Credited by command: an invoice whole, and one visit of a host. The close writes what was said before.
listed = cli_json("invoice", "list", "2026-09", profile="late-op")["invoices"]


def evidence(number):
    return json.loads(cli("invoice", "show", number, "--format", "evidence", profile="late-op"))["lines"]


def invoice_where(kind, wanted):
    return next(one for one in listed if one["kind"].endswith(kind) and not one.get("creditNote") and
                not one.get("proForma") and wanted(evidence(one["number"])))


whole = invoice_where("EMPLOYER_INVOICE", lambda lines: len(lines) > 1 and all(line["check_ins"] for line in lines))
sold = invoice_where("EMPLOYER_INVOICE", lambda lines: any(not line["check_ins"] for line in lines))
host = invoice_where("HOST_INVOICE", lambda lines: lines[0]["month"] == "2026-09" and len(lines[0]["visits"]) > 2)
visit = next(one for one in evidence(host["number"])[0]["visits"]
             if one not in {stay["visit_id"] for stay in september[:40]})
why = ("--reason", "the heating was out")
cli("invoice", "credit", "FA-1", *why, profile="late-op", code=1, says="no invoice FA-1")
cli("invoice", "credit", whole["number"], profile="late-op", code=1, says="say in a sentence")
cli("invoice", "credit", whole["number"], "--line", "two", *why, profile="late-op", code=2, says="count from 1")
cli("invoice", "credit", sold["number"], *why, profile="late-op", code=1, says="Name the other lines")
before = cli_json("invoice", "credit", whole["number"], "--dry-run", *why, profile="late-op")
cli("invoice", "credit", whole["number"], *why, profile="late-op", says=f"credited of {whole['number']}")
cli("invoice", "credit", whole["number"], *why, profile="late-op", code=1, says="credited already")
said = cli_json("invoice", "credit", host["number"], "--reference", visit, *why, profile="late-op")
check(said["visits"] == 1 and said["month"] == "2026-10", said)
said = {(one["kind"], one["sellerMemberId"], one["buyerId"]): one
        for answer in (before, said) for one in answer["documents"] if one.get("creditNote")}
cli("period", "close", "2026-10", profile="late-op")
notes = {(one["kind"], one["sellerMemberId"], one["buyerId"]): one
         for one in cli_json("invoice", "list", "2026-10", profile="late-op")["invoices"] if one.get("creditNote")}
for key, one in said.items():
    if not key[0].endswith("SUBSIDY_STATEMENT"):
        check([-int(one[name]) for name in ("netCents", "vatCents", "grossCents") if name in one] ==
              [int(notes[key][name]) for name in ("netCents", "vatCents", "grossCents") if name in one],
              f"{key}: the close writes {notes[key]}, and {one} was said")
for one, type_code in ((whole, 381), (host, 261)):
    note = notes[one["kind"], one["sellerMemberId"], one["buyerId"]]
    check(note["typeCode"] == type_code and one["number"] in note["preceding"], f"{note} does not name {one['number']}")
all_numbers, issued = {}, {}
for month in ("2026-08", "2026-09", "2026-10"):
    folder = export("late", "late-" + month, "late-op", month=month)
    by_schemas(folder)
    found = read_all(folder)
    credit = [one for one in found.values() if one["type"] in ("381", "261")]
    check(bool(credit) == (month != "2026-08"), f"{month} has {len(credit)} credit notes")
    for one in found.values():
        for line in one["evidence"]["lines"]:
            ids = line.get("visits", line.get("check_ins"))
            check(bool(ids) != line["name"].startswith(("Carnet", "Abonnement")),
                  f"{one['number']}: {line['name']} of {line['month']} stands on {len(ids)}")
    gone = {stay["visit_id"] for stay in (august[:40] if month == "2026-09" else august[40:60] + september[:40])}
    taken = {name for one in credit if one["type"] == "261" for line in one["evidence"]["lines"]
             for name in line["visits"]}
    check(not credit or len(taken & gone) > len(gone) / 2, f"{month}: credit notes do not name what was voided")
    for one in credit:
        names = [reference[0] for reference in one["preceding"]]
        check(names and all(name in issued for name in names), f"{one['number']} names {names}")
        for name in names:
            before = issued[name]
            check(before["seller"]["legal_id"] == one["seller"]["legal_id"] and
                  before["buyer"]["legal_id"] == one["buyer"]["legal_id"], f"{one['number']} names another's {name}")
    issued.update(found)
for name, numbers in series(issued).items():
    check(sorted(numbers) == list(range(1, len(numbers) + 1)), f"{name} has a gap: {sorted(numbers)[:9]}")
cli("ledger", "verify", profile="late-op", says="equal")
hub.end()
print(f"{len(invoices)} invoices of the reference, {len(issued)} of three months")
hubs.over()
