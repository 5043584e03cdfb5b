#!/usr/bin/env python3
# tier: full
# plain builds only: what writes invoices runs under sanitizers in tests/unit/paper.c
"""An invoice of 10,044 lines through the hub: a host of 81 sites, a tariff for each day of October, four things sold at
each site on each day. All its forms have every line and the same sums, its evidence has every visit, and neither end
needs more than 128 MiB for it."""
import csv
import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
for room in ("lib", "bench"):
    sys.path.insert(0, os.path.join(root, "tests", room))
import hub as hubs  # noqa: E402
import month  # noqa: E402
from hub import Hub, check, cli, cli_json, command, tmp  # noqa: E402

SITES, DAYS = 81, 31
# What, its unit, the host's share on day 0, and its hours of UTC: each day is a cent dearer.
SOLD = [("desk", "half_day", 1000, 6, 8), ("desk", "day", 1600, 6, 12), ("meeting_room", "hour", 500, 10, 11),
        ("booth", "hour", 300, 12, 13)]
LINES = SITES * DAYS * len(SOLD)
NET = SITES * sum(share + day for _, _, share, _, _ in SOLD for day in range(1, DAYS + 1))
VAT = (NET * 20 + 50) // 100
tables = Path(tmp) / "tables"
tables.mkdir()


def visit(number):
    return f"019a0000-0000-7000-8000-{number:012x}"


month.terms(tables, 2, 1)
month.write(tables, "members.csv", [
    {**month.company(i), "member_id": name, "legal_name": f"Tiers-lieu {name}", "legal_form": "scic",
     "vat_regime": "standard", "is_operator": int(i == 0), "is_issuer": int(i == 0)}
    for i, name in enumerate(("op", "host"))])
with open(tables / "sites.csv", encoding="utf-8") as file:
    site = next(csv.DictReader(file))
month.write(tables, "sites.csv", [{**site, "site_id": f"s{i:04d}", "member_id": "host", "name": f"Lieu {i}"}
                                  for i in range(SITES)])
with open(tables / "holders.csv", encoding="utf-8") as file:
    holder = next(csv.DictReader(file))
month.write(tables, "holders.csv", [{**holder, "holder_id": f"h{i:06d}", "family_name": f"Micocoulier {i}",
                                     "email": f"h{i}@example.org"} for i in range(2 * SITES)])
month.write(tables, "tariffs.csv", [
    {"version": day, "valid_from": f"2026-10-{day:02d}", "category": site["category"], "zone": site["zone"],
     "resource": resource_, "unit": unit, "p_cents": share + day + 100, "h_cents": share + day, "f_cents": 69,
     "s_cents": 0}
    for day in range(1, DAYS + 1) for resource_, unit, share, _, _ in SOLD])
with open(tables / "visits.csv", "w", encoding="utf-8") as file:
    file.write("visit_id,site_id,holder_id,resource,check_in,check_out,medium,source\n")
    for n in range(LINES):
        day, place, what = n // len(SOLD) // SITES + 1, n // len(SOLD) % SITES, n % len(SOLD)
        name, unit, _, begin, end = SOLD[what]
        person = place + (SITES if unit == "day" else 0)  # a desk of a half-day and one of a day are two persons'
        file.write(f"{visit(n)},s{place:04d},h{person:06d},{name},2026-10-{day:02d}T{begin:02d}:00:00.000Z,"
                   f"2026-10-{day:02d}T{end:02d}:00:00.000Z,card,paper\n")

command("init", f"{tmp}/hub", "--network", "long", "--name", "long", "--demo", "--port", "0")
hub = Hub(f"{tmp}/hub")
subprocess.run([hubs.passerelle, "--config", f"{tmp}/profiles", "profile", "add", "op", "--url", hub.url, "--ca",
                f"{hub.folder}/ca.crt", "--cert", f"{hub.folder}/operator-1.crt", "--key",
                f"{hub.folder}/operator-1.key"], check=True, stdout=subprocess.DEVNULL)
cli("network", "import", tables)
cli("member", "put", "host", "--self-billing-mandate-signed-on", "2026-08-01",
    "--self-billing-mandate-contest-days", "15")
cli("visit", "import", tables / "visits.csv", says=f"{LINES} added")
cli("period", "close", "2026-10")
invoice, = (one for one in cli_json("invoice", "list", "2026-10")["invoices"] if one["sellerMemberId"] == "host")
check([int(invoice[key]) for key in ("netCents", "vatCents", "grossCents")] == [NET, VAT, NET + VAT],
      f"{invoice}: not {NET} and {VAT}")
cli("documents", "export", "2026-10", f"{tmp}/out")
path = f"{tmp}/out/members/host/{invoice['number']}"


def form(suffix):
    with open(f"{path}.{suffix}", "rb") as content:
        return content.read()


def euros(cents):
    return f"{cents // 100}.{cents % 100:02d}"


for suffix, line, line_net, sums in (
        ("cii.xml", b"<ram:IncludedSupplyChainTradeLineItem>", rb"<ram:LineTotalAmount>([0-9.]+)<",
         ("ram:GrandTotalAmount", NET + VAT)),
        ("ubl.xml", b"<cac:InvoiceLine>", rb'<cbc:LineExtensionAmount currencyID="EUR">([0-9.]+)<',
         ("cbc:TaxInclusiveAmount", NET + VAT))):
    text = form(suffix)
    nets = [int(amount.replace(b".", b"")) for amount in re.findall(line_net, text)]
    check(text.count(line) == LINES, f"{suffix} has {text.count(line)} lines")
    check(len(nets) == LINES + 1 and sum(nets) == 2 * NET, f"{suffix}: lines add up to {sum(nets) - NET}, not {NET}")
    check(re.search(rb"<%b[^>]*>%b<" % (sums[0].encode(), euros(sums[1]).encode()), text), f"{suffix}: {sums}")
evidence = json.loads(form("evidence.json"))["lines"]
found = sorted(one for line in evidence for one in line["visits"])
check(len(evidence) == LINES and found == [visit(n) for n in range(LINES)], f"evidence of {len(evidence)} lines")
shown = json.loads(cli("invoice", "show", invoice["number"], "--format", "evidence"))["lines"]
check(shown == evidence, "the invoice by itself has other evidence")
page = form("html").decode()
gross = f"{(NET + VAT) // 100:,}".replace(",", "\u202f") + f",{(NET + VAT) % 100:02d}"
check(page.count("<tr>") >= LINES, f"the page has {page.count('<tr>')} rows")
subprocess.run(["qpdf", "--check", f"{path}.pdf"], check=True, stdout=subprocess.DEVNULL)
subprocess.run(["pdfdetach", "-save", "1", "-o", f"{tmp}/cii.xml", f"{path}.pdf"], check=True)
with open(f"{tmp}/cii.xml", "rb") as file:
    check(file.read() == form("cii.xml"), "the PDF holds another invoice")
text = subprocess.run(["pdftotext", "-layout", f"{path}.pdf", "-"], check=True, capture_output=True, text=True).stdout
numbers = {int(number) for number in re.findall(r"(?m)^ *(\d+) ", text)}
check(numbers >= set(range(1, LINES + 1)), f"the PDF has {len(numbers)} lines")
for name, content in (("page", page), ("PDF", text)):
    check(re.sub(r"\s", "", gross) in re.sub(r"[\s\u202f\u00a0]|&#?\w+;", "", content), f"{name}: {gross} is not told")
with open(f"/proc/{hub.process.pid}/status", encoding="utf-8") as file:
    held = int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1)) >> 10
most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
print(f"{len(form('cii.xml')) >> 20} MiB of CII, {len(form('pdf')) >> 20} of PDF; hub {held} MiB, commands {most}")
check(held <= 128 and most <= 128, f"memory: hub {held} MiB, commands {most}")
hub.end()
hubs.over()
