#!/usr/bin/env python3
# tier: full
# plain builds only: the same code runs under sanitizers in tests/unit/settlement.c
"""A member's accounts with the real programs over TLS: the FEC of the reference month breaks no rule, balance and
ledger add up to it; chart and opening balances by file and one by one; who may fetch whose; stopped, on a full disk,
into a folder that is there."""
import csv
import glob
import hashlib
import json
import os
import subprocess
import sys
import time

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(root, "tests", "lib"))
import hub as hubs  # noqa: E402
from hub import Hub, check, cli, cli_json, command, tmp  # noqa: E402

reference = os.path.join(root, "config", "reference")


def profile_add(name, *credential):
    subprocess.run([hubs.passerelle, "--config", f"{tmp}/profiles", "profile", "add", name, "--url", hub.url,
                    "--ca", f"{hub.folder}/ca.crt", *credential], check=True, stdout=subprocess.DEVNULL)


def key_add(kind, party):
    made = cli_json("credential", "key", kind, party)
    with open(f"{tmp}/{party}.key", "w", encoding="utf-8") as file:
        file.write(made["secret"])
    profile_add(party, "--api-key-file", f"{tmp}/{party}.key")


def read(path, encoding="utf-8-sig"):
    with open(path, encoding=encoding, newline="") as file:
        return file.read()


def table(path):
    return list(csv.DictReader(read(path).splitlines(), delimiter=";"))


def cents(text):
    return int(text.replace(",", ""))


def export(member, name, *more, profile="op"):
    folder = os.path.join(tmp, name)
    cli("fec", "export", member, "2026", folder, *more, profile=profile)
    sums(folder)
    return folder


def sums(folder):
    """SHA256SUMS names every file below, with its sum."""
    with open(f"{folder}/SHA256SUMS", encoding="utf-8") as file:
        told = dict(reversed(line.rstrip("\n").split("  ")) for line in file)
    found = {os.path.relpath(os.path.join(place, name), folder) for place, _, names in os.walk(folder) for name in names}
    check(set(told) | {"SHA256SUMS"} == found, f"{folder}: SHA256SUMS names {set(told) ^ found}")
    for name, digest in told.items():
        with open(f"{folder}/{name}", "rb") as content:
            check(hashlib.sha256(content.read()).hexdigest() == digest, f"{folder}: sum of {name}")


def holds(folder):
    """The three files of a folder are of one sum; returns the balance by account."""
    fec, = glob.glob(f"{folder}/*FEC*.txt")
    told = cli_json("fec", "check", fec)
    check(told["breaches"] == 0, f"{fec}: {told['findings'][:3]}")
    balance = table(glob.glob(f"{folder}/balance-*.csv")[0])
    ledger = table(glob.glob(f"{folder}/grand-livre-*.csv")[0])
    check(cents(balance[-1]["Débit"]) == int(told["debitCents"]), f"{folder}: sum of the balance")
    check(sum(cents(row["Débit"]) for row in ledger) == int(told["debitCents"]), f"{folder}: sum of the ledger")
    by_account = {}
    for row in balance[:-1]:
        by_account[row["Compte"]] = by_account.get(row["Compte"], 0) + cents(row["Solde"])
    lines = read(fec, "iso-8859-15").split("\r\n")[1:-1]
    sums = {}
    for line in lines:
        row = line.split("\t")
        sums[row[4]] = sums.get(row[4], 0) + cents(row[11]) - cents(row[12])
    check(sums == by_account, f"{folder}: the balance is not that of the FEC")
    check(sorted(set(os.listdir(folder)) - {"SHA256SUMS"}) == sorted([
        os.path.basename(fec), "balance-2026-12-31.csv", "grand-livre-2026-12-31.csv"]), f"{folder}: {os.listdir(folder)}")
    return by_account


command("init", f"{tmp}/hub", "--network", "acc", "--name", "acc", "--demo", "--port", "0")
hub = Hub(f"{tmp}/hub")
profile_add("op", "--cert", f"{tmp}/hub/operator-1.crt", "--key", f"{tmp}/hub/operator-1.key")
cli("network", "import", reference)
cli("visit", "import", os.path.join(reference, "visits-2026-10.csv"), says="12002 added")
for kind, party in (("member", "m001"), ("member", "m006"), ("employer", "e001")):
    key_add(kind, party)
early = holds(export("m001", "early"))
check(set(early) == set(), f"accounts before a close: {early}")
cli("period", "close", "2026-10")
with open(os.path.join(reference, "expected.json"), encoding="utf-8") as file:
    expected = json.load(file)

# All members, stopped in the middle: no folder, and the same command goes on. What the network owes each is its position.
members = [row["member_id"] for row in csv.DictReader(read(os.path.join(reference, "members.csv")).splitlines())]
everyone = f"{tmp}/everyone"
stopped = subprocess.Popen([hubs.passerelle, "--config", f"{tmp}/profiles", "--profile", "op", "fec", "export", "--all",
                            "2026", everyone], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
while stopped.poll() is None and not os.path.exists(f"{everyone}.part/m005"):
    time.sleep(0.001)
stopped.kill()
stopped.wait()
check(os.path.exists(f"{everyone}.part/m005") and not os.path.exists(everyone), "it was not stopped in the middle")
cli("fec", "export", "--all", "2026", everyone, says=f"{len(members)} members")
sums(everyone)
check(sorted(os.listdir(everyone)) == sorted(members + ["SHA256SUMS"]), f"all members: {os.listdir(everyone)}")
check(not os.path.exists(f"{everyone}.part"), "what it was written in is left")
for member in members:
    accounts = holds(f"{everyone}/{member}")
    check(accounts.get("467000", 0) == expected["positions"].get(member, 0), f"{member}: position")
    check(sum(accounts.values()) == 0, f"{member}: balances do not add up to 0")

# Carnets of October were paid on the days on which they were bought.
bought = {(row["carnet_id"], row["bought_on"].replace("-", ""))
          for row in csv.DictReader(read(os.path.join(reference, "carnets.csv")).splitlines())
          if row["bought_on"].startswith("2026-10")}
booked = set()
for path in glob.glob(f"{everyone}/*/*FEC*.txt"):
    for row in (line.split("\t") for line in read(path, "iso-8859-15").split("\r\n")[1:-1]):
        if row[0] == "BQ" and row[10].startswith("Carnets pay"):
            booked.add((row[8], row[3]))
check(len(bought) > 5 and booked == bought, f"carnets: {booked ^ bought}")

# A member fetches its own and nobody else's; an employer none.
first = export("m001", "own", profile="m001")
for name in set(os.listdir(first)) - {"SHA256SUMS"}:
    with open(f"{first}/{name}", "rb") as mine, open(f"{everyone}/m001/{name}", "rb") as theirs:
        check(mine.read() == theirs.read(), f"{name} is another for the member itself")
cli("fec", "export", "m002", "2026", f"{tmp}/other", profile="m001", code=4)
cli("fec", "export", "--all", "2026", f"{tmp}/mine", profile="m001")
check(sorted(os.listdir(f"{tmp}/mine")) == ["SHA256SUMS", "m001"], "a member has all accounts")
cli("fec", "export", "m001", "2026", f"{tmp}/other", profile="e001", code=4)
cli("fec", "export", "m999", "2026", f"{tmp}/other", code=1, says="no member")
cli("fec", "export", "m001", "26", f"{tmp}/other", code=2, says="a year is written as 2026")
check(not glob.glob(f"{tmp}/other*"), "what was refused left a folder")
cli("fec", "export", "m001", "2026", first, code=1, says="is there already")
cli("fec", "export", "m001", "2027", f"{tmp}/half-year", "--closes", "06-30", says="2026-07-01 to 2027-06-30")
check(glob.glob(f"{tmp}/half-year/*FEC20270630.txt"), "a fiscal year that ends in June")

# Its own chart, from the file that is there to start from, and one account.
cli("fec", "chart-set", "m006", os.path.join(root, "config", "accounts.csv"), profile="m006")
cli("fec", "chart-set", "m006", "hosting_sold", "706150", "Accueil de télétravailleurs", profile="m006")
chart = cli("fec", "chart", "m006", profile="m006").decode()
check("hosting_sold,706150,Accueil de télétravailleurs\n" in chart and "bank,512000,Banque\n" in chart, chart)
cli("fec", "chart-set", "m006", "hosting", "706150", "Accueil", profile="m006", code=6, says="no key 'hosting'")
cli("fec", "chart-set", "m006", "bank", "5", "Banque", profile="m006", code=6, says="'5' is no account")
cli("fec", "chart-set", "m001", "bank", "512100", "Banque", profile="m006", code=4)
mapped = holds(export("m006", "mapped", profile="m006"))
check(mapped.get("706150") == holds(f"{everyone}/m006").get("706100") != 0, "the mapped account")
check("706100" not in mapped, "the default account is still used")
with open(f"{tmp}/openings.csv", "w", encoding="utf-8") as file:
    file.write("account,label,debit_cents,credit_cents\n512000,Banque,150000,\n101000,Capital,,150000\n")
cli("fec", "openings-set", "m006", f"{tmp}/openings.csv", profile="m006", says="2 opening balances")
cli("fec", "openings-set", "m006", f"{tmp}/openings.csv", profile="m006", says="nothing changed")
check("101000,Capital,,,,150000" in cli("fec", "openings", "m006", profile="m006").decode(), "openings are told")
check(holds(export("m006", "opened", profile="m006")).get("101000") == -150000, "opening balances are booked")
with open(f"{tmp}/openings.csv", "a", encoding="utf-8") as file:
    file.write("106000,Réserves,,1\n")
cli("fec", "openings-set", "m006", f"{tmp}/openings.csv", profile="m006", code=6, says="0.01 EUR, not 0")

# Carnets of before the first close are deferred income from the beginning.
with open(os.path.join(reference, "members.csv"), encoding="utf-8") as file:
    issuers = [row["member_id"] for row in csv.DictReader(file) if row["is_issuer"] in ("true", "yes", "1")]
added = [member for member in issuers if cli_json("fec", "openings", member).get("added")]
check(added, "no issuer has sold carnets before")
for member in added:
    told = cli_json("fec", "openings", member)["added"]
    check(told[1]["account"] == "487000" and int(told[1]["amountCents"]) == -int(told[0]["amountCents"]) < 0, told)

# What a stop or a full disk leaves is gone on with, never taken for whole.
os.mkdir(f"{tmp}/stopped.part")
good, = glob.glob(f"{first}/*FEC*.txt")
with open(good, "rb") as file:
    content = file.read()
with open(f"{tmp}/stopped.part/{os.path.basename(good)}", "wb") as file:
    file.write(content[:1000])
stopped = export("m001", "stopped")
check(holds(stopped) == holds(first), "half a file of a run that was stopped stayed")
small = os.path.join(tmp, "small")
os.mkdir(small)
if os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", small],
                                        stderr=subprocess.DEVNULL, check=False).returncode == 0:
    try:
        cli("fec", "export", "m001", "2026", f"{small}/full", code=1, says="No space left")
        check(os.listdir(small) == ["full.part"], "a full disk left a folder")
    finally:
        subprocess.run(["umount", small], check=False)
else:
    print("skipped: a full disk (nothing can be mounted here)")
cli("ledger", "verify", says="equal")
hub.end()
hubs.over()
