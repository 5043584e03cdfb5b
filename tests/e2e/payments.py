#!/usr/bin/env python3
# tier: full
# plain builds only: the same code runs under sanitizers in tests/unit/paying.c
"""October of the reference network until it is paid, with the real programs over TLS: SEPA files by schemas (where
PASSERELLE_SCHEMAS or ../shared/schemas has them), the same after a rebuild and in both versions; statements of a bank;
debits of employers; a full disk; bad files; who may see what."""
import csv
import glob
import json
import os
import re
import subprocess
import sys
import time

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(root, "tests", "lib"))
import hub as hubs  # noqa: E402
from hub import Hub, check, cli, cli_json, command, tmp  # noqa: E402

reference = os.path.join(root, "config", "reference")
schemas = os.path.join(os.environ.get("PASSERELLE_SCHEMAS") or os.path.join(root, "..", "shared", "schemas"), "sepa")
with open(os.path.join(reference, "members.csv"), newline="", encoding="utf-8") as file:
    ibans = {row["member_id"]: row["iban"] for row in csv.DictReader(file)}
OTHER = "FR7630006000011234567890189"
folder = os.path.join(tmp, "hub")


def profile(name, url, *credential):
    subprocess.run([hubs.passerelle, "--config", f"{tmp}/profiles", "profile", "add", name, "--url", url, "--ca",
                    f"{folder}/ca.crt", *credential], check=True, stdout=subprocess.DEVNULL)


def start():
    """The hub, on another port after each start."""
    running = Hub(folder)
    if os.path.exists(f"{tmp}/profiles"):
        os.remove(f"{tmp}/profiles")
    profile("op", running.url, "--cert", f"{folder}/operator-1.crt", "--key", f"{folder}/operator-1.key")
    return running


def tree(path):
    found = {}
    for name in sorted(os.listdir(path)):
        with open(os.path.join(path, name), "rb") as one:
            found[name] = one.read()
    return found


def by_schemas(path):
    if not os.path.isdir(schemas):
        print(f"skipped: schemas ({schemas} is not there; PASSERELLE_SCHEMAS says where they are)")
        return
    for name in glob.glob(f"{path}/*.xml"):
        schema = re.search(r"pain\.\d+\.\d+\.\d+", name).group(0)
        done = subprocess.run(["xmllint", "--nonet", "--noout", "--schema", f"{schemas}/{schema}.xsd", name],
                              capture_output=True, text=True, check=False)
        check(done.returncode == 0, f"{name}: {done.stderr[:500]}")


def statement(name, iban, *lines):
    """A camt.053 of (cents, end-to-end id, id of a group, reason of a return)."""
    text = ('<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">'
            f"<BkToCstmrStmt><GrpHdr><MsgId>M</MsgId></GrpHdr><Stmt><Id>S</Id><Acct><Id><IBAN>{iban}</IBAN></Id></Acct>")
    for number, (cents, end_to_end, group, reason) in enumerate(lines):
        side = "CRDT" if cents > 0 else "DBIT"
        text += (f'<Ntry><Amt Ccy="EUR">{abs(cents) // 100}.{abs(cents) % 100:02}</Amt><CdtDbtInd>{side}</CdtDbtInd>'
                 f"<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-11-05</Dt></BookgDt><AcctSvcrRef>{name}-{number}"
                 "</AcctSvcrRef><NtryDtls>")
        if group:
            text += f"<Btch><PmtInfId>{group}</PmtInfId></Btch>"
        else:
            back = f"<RtrInf><Rsn><Cd>{reason}</Cd></Rsn></RtrInf>" if reason else ""
            text += f"<TxDtls><Refs><EndToEndId>{end_to_end}</EndToEndId></Refs>{back}</TxDtls>"
        text += "</NtryDtls></Ntry>"
    path = f"{tmp}/{name}.xml"
    with open(path, "w", encoding="utf-8") as one:
        one.write(text + "</Stmt></BkToCstmrStmt></Document>")
    return path


def payments(month="2026-10", **how):
    return cli_json("payment", "list", month, **how)["payments"]


def states(kind):
    return {one["state"] for one in payments() if one["kind"].endswith(kind)}


def period():
    return cli_json("period", "list")["periods"][0]["state"]


command("init", folder, "--network", "pay", "--name", "pay", "--demo", "--port", "0")
hub = start()
cli("network", "import", reference)
cli("visit", "import", os.path.join(reference, "visits-2026-10.csv"), says="12002 added")
cli("payment", "export", "2026-10", "--out", f"{tmp}/early", code=1, says="not closed")
cli("period", "close", "2026-10")

# Transfers: by schemas; the same again, in another version, after a rebuild.
first = f"{tmp}/first"
cli("payment", "export", "2026-10", "--out", first, says=f"written to {first}")
by_schemas(first)
cli("payment", "export", "2026-10", "--out", first, code=1, says="is there already")
cli("payment", "export", "2026-10", "--out", f"{tmp}/second", says="made before, and the same")
check(tree(first) == tree(f"{tmp}/second"), "files asked for again are others")
cli("payment", "export", "2026-10", "--version", "03", "--out", f"{tmp}/older")
by_schemas(f"{tmp}/older")
check(len(tree(first)) == len(tree(f"{tmp}/older")) > 10, "another version has other files")
cli("payment", "export", "2026-10", "--party", "op", "-o", f"{tmp}/op.xml", says="made before")
check(open(f"{tmp}/op.xml", "rb").read() == tree(first)["op-2026-10-1.pain.001.001.09.xml"], "the file of one party")
check(states("TRANSFER") == {"PAYMENT_STATE_SENT"}, "transfers that were exported are sent")
hub.end()
command("rebuild", folder)
hub = start()
cli("payment", "export", "2026-10", "--out", f"{tmp}/third")
check(tree(first) == tree(f"{tmp}/third"), "files after a rebuild are others")

# A full disk leaves nothing with a name.
small = os.path.join(tmp, "small")
os.mkdir(small)
if os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", small],
                                        stderr=subprocess.DEVNULL, check=False).returncode == 0:
    try:
        cli("payment", "export", "2026-10", "--out", f"{small}/full", code=1, says="No space left")
        check(os.listdir(small) == ["full.part"], f"a full disk left {os.listdir(small)}")
        left = tree(f"{small}/full.part")
        check(all(tree(first)[name] == value for name, value in left.items()), "a full disk left half a file")
        cli("payment", "export", "2026-10", "--party", "op", "--out", f"{small}/op.xml", code=1, says="No space left")
        check(not os.path.exists(f"{small}/op.xml"), "a full disk left half a file with a name")
    finally:
        subprocess.run(["umount", small], check=False)
else:
    print("skipped: a full disk (nothing can be mounted here)")

# The operator's bank: each incoming transfer, and one booking for the file that it sent.
cli("payment", "import", os.path.join(reference, "statement.xml"), says="3 matched, 0 known before, 0 not final yet, 1 left")
sent = next(one for one in cli_json("payment", "export", "2026-10", "--party", "op", "--out", f"{tmp}/op-2.xml")["files"])
lines = [(int(one["cents"]), one["paymentId"], None, None) for one in payments() if one.get("toId") == "op"
         and one["kind"].endswith("TRANSFER") and one["state"] == "PAYMENT_STATE_SENT"]
bank = statement("bank", ibans["op"], *lines, (-int(sent["cents"]), None, sent["messageId"], None),
                 (1234, "NOTPROVIDED", None, None))
cli("payment", "import", bank, says="1 left over")
check(states("TRANSFER") == {"PAYMENT_STATE_CONFIRMED"}, "transfers that were booked are confirmed")
check(states("NETTED") == {"PAYMENT_STATE_CONFIRMED"}, "invoices between members follow their transfers")
cli("payment", "import", bank, says=f"0 matched, {len(lines) + 1} known before")
left = [one["bookingId"] for one in cli_json("payment", "match")["bookings"]]
check(len(left) == 2, "what is left over is listed once")
cli("payment", "match", left[0], "--none", says="listed no more")
cli("payment", "import", os.path.join(reference, "statement.xml"))
cli("payment", "import", bank)
told = cli_json("payment", "match")["bookings"]
check([one["bookingId"] for one in told] == left[1:], f"none of the network's: {left} {told}")
cli("payment", "match", left[0], "VT-1", code=1, says="undo that first")
cli("payment", "match", "--undo", left[0])
back = {one["bookingId"]: one for one in cli_json("payment", "match")["bookings"]}
check(set(back) == set(left) and "name" not in back[left[0]], "a stranger's name is kept")
with open(bank, encoding="utf-8") as file:
    whole = file.read()
for name, text, says in (("empty", "", "the file is empty"), ("cut", whole[:-40], "cut short"),
                         ("dollars", whole.replace('"EUR"', '"USD"'), "not in EUR"),
                         ("entity", whole.replace("<Document", '<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
                                                  "<Document", 1), "document type"),
                         ("stranger", whole.replace(ibans["op"], OTHER), "which is none of the network")):
    with open(f"{tmp}/{name}.xml", "w", encoding="utf-8") as file:
        file.write(text)
    cli("payment", "import", f"{tmp}/{name}.xml", code=1, says=says)

# Employers: debits where a mandate was given, transfers from the others; one debit comes back.
cli("payment", "export", "2026-10", "--debits", "--out", f"{tmp}/none", says="has no SEPA creditor id")
check(not os.path.exists(f"{tmp}/none"), "nothing to write, and a folder")
issuers = {one["toId"] for one in payments() if one["kind"].endswith("INVOICE")}
for issuer in issuers:
    cli("member", "put", issuer, "--sepa-creditor-id", "FR72ZZZ123456")
cli("payment", "export", "2026-10", "--debits", "--out", f"{tmp}/debits")
by_schemas(f"{tmp}/debits")
check(all(b"<SeqTp>FRST</SeqTp>" in text for text in tree(f"{tmp}/debits").values()), "the first debit of a mandate")
owed = [one for one in payments() if one["kind"].endswith("INVOICE") and one["state"] != "PAYMENT_STATE_CONFIRMED"]
back = next(one for one in owed if one.get("debited"))
for issuer in sorted(issuers):
    lines = [(int(one["cents"]), one["paymentId"], None, None) for one in owed if one["toId"] == issuer]
    if issuer == back["toId"]:
        lines.append((-int(back["cents"]), back["paymentId"], None, "AM04"))
    if lines:
        cli("payment", "import", statement(issuer, ibans[issuer], *lines), says="0 left over")
check(period() == "PERIOD_STATE_CLOSED", "a month with a debit that came back is not paid")
told = cli_json("payment", "list", "2026-10", back["fromId"])["payments"]
check([(one["state"], one["returnReason"]) for one in told] == [("PAYMENT_STATE_RETURNED", "AM04")], told)
cli("payment", "export", "2026-10", "--debits", "--party", back["toId"], "--again", "--out", f"{tmp}/again.xml")
check(b"<SeqTp>RCUR</SeqTp>" in open(f"{tmp}/again.xml", "rb").read(), "the second debit of a mandate")
done = cli_json("payment", "import", statement("late", ibans[back["toId"]], (int(back["cents"]), "NOTPROVIDED", None, None)))
booking = done["leftOver"][0]["bookingId"]
cli("payment", "match", booking, "VT-202610-1", code=1, says="no payment")
cli("payment", "match", booking, back["paymentId"], says="confirmed")
check(period() == "PERIOD_STATE_PAID", "all is confirmed, and the month is not paid")
cli("period", "show", "2026-10", says="2026-10 is paid\npayments: ")
cli("payment", "match", "--undo", booking, says="sent")
check(period() == "PERIOD_STATE_CLOSED", "undone, and the month is paid")
cli("payment", "match", booking, back["paymentId"])
check(period() == "PERIOD_STATE_PAID", "matched again")

# Who sees what.
made = {}
for kind, party in (("member", back["toId"]), ("employer", back["fromId"])):
    key = cli_json("credential", "key", kind, party)
    with open(f"{tmp}/{kind}.key", "w", encoding="utf-8") as file:
        file.write(key["secret"])
    profile(kind, hub.url, "--api-key-file", f"{tmp}/{kind}.key")
check({one["paymentId"] for one in payments(profile="employer")} == {back["paymentId"]}, "an employer sees its own")
for one in payments(profile="member"):
    check(back["toId"] in (one["fromId"], one["toId"]), f"{back['toId']} sees {one}")
cli("payment", "export", "2026-10", "--party", "op", "--out", f"{tmp}/theirs", profile="member", code=4)
cli("payment", "import", bank, profile="member", code=1, says="none of yours")
cli("payment", "match", profile="employer", code=4)
cli("ledger", "verify", says="equal")
hub.end()
command("rebuild", folder)
hub = start()
check(period() == "PERIOD_STATE_PAID", "paid, after a rebuild")

# The accounts of the year: nobody owes anything but what was carried over.
with open(os.path.join(reference, "expected.json"), encoding="utf-8") as file:
    expected = json.load(file)
left = {}
for member in ("op", *sorted(expected["carried"]), *sorted(issuers))[:8]:
    cli("fec", "export", member, "2026", f"{tmp}/fec-{member}")
    cli("fec", "check", glob.glob(f"{tmp}/fec-{member}/*FEC20261231.txt")[0], says="nothing is wrong")
    with open(f"{tmp}/fec-{member}/balance-2026-12-31.csv", newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    for row in rows[:-1]:
        key = member, row["Compte"][:3]
        left[key] = left.get(key, 0) + int(row["Solde"].replace(",", ""))
    check(left.get((member, "411"), 0) == 0, f"employers still owe {member}: {left}")
    if member != "op":
        check(left.get((member, "467"), 0) == expected["carried"].get(member, 0), f"{member}: {left}")
hub.end()


# ---- another month, which is not paid

folder = os.path.join(tmp, "late")
command("init", folder, "--network", "late", "--name", "late", "--demo", "--port", "0")
hub = start()
cli("network", "import", reference)
with open(os.path.join(reference, "visits-2026-10.csv"), newline="", encoding="utf-8") as file:
    rows = [dict(row, check_in=row["check_in"].replace("2026-10", "2026-08"),
                 check_out=row["check_out"].replace("2026-10", "2026-08"))
            for row in list(csv.DictReader(file))[:900] if row["check_in"][8:10] < "29"]
with open(f"{tmp}/august.csv", "w", newline="", encoding="utf-8") as file:
    table = csv.DictWriter(file, rows[0].keys())
    table.writeheader()
    table.writerows(rows)
cli("visit", "import", f"{tmp}/august.csv", says=f"{len(rows)} added")
cli("period", "close", "2026-08")
cli("payment", "overdue", says="days late")
listed = cli_json("payment", "overdue").get("invoices", [])
check(not listed, "an invoice of today is overdue")

# What issuers owe: warned and cut off by the hub's own clock, after a restart at the latest.
owed = {one["memberId"]: int(one.get("owedCents", 0)) for one in cli_json("exposure", "list", "--now")["issuers"]}
most, next_most = sorted(owed, key=owed.get)[-1:-3:-1]
check(owed[next_most] > 0, owed)
cli("exposure", "limit", most, owed[most])
cli("exposure", "limit", next_most, owed[next_most] * 5 // 4)
cli("exposure", "limit", "m999", "1", code=1, says="no issuer")
hub.end()
hub = start()
for _ in range(100):
    levels = {one["memberId"]: one.get("level") for one in cli_json("exposure", "list")["issuers"]}
    if None not in levels.values():
        break
    time.sleep(0.1)
check(levels == {most: "EXPOSURE_LEVEL_CUT_OFF", next_most: "EXPOSURE_LEVEL_WARNED"}, levels)
cli("status", says=f"{most} is cut off")
check('passerelle_exposure_issuers{level="CUT_OFF"} 1' in hub.get("/metrics", cert="operator-1")[1], "metrics of exposure")
cli("period", "show", "2026-08", says=f"{next_most} nears its exposure limit")
cli("exposure", "limit", most, 0)
cli("payment", "follow-up")
check([one["memberId"] for one in cli_json("exposure", "list")["issuers"]] == [next_most], "a limit that was lifted")
one = next(one for one in payments(month="2026-08") if one["kind"].endswith("INVOICE"))
cli("payment", "remind", one["paymentId"], "--out", f"{tmp}/letters", code=1, says="past its day")
hub.end()

# Two months later: reminders, suspension, and what lifts it.
with open(f"{folder}/clock", encoding="utf-8") as file:
    clock = re.sub(r"real_start_utc_ms = (\d+)", lambda m: f"real_start_utc_ms = {int(m.group(1)) - 86400000}", file.read())
with open(f"{folder}/clock", "w", encoding="utf-8") as file:
    file.write(clock)
hub = start()
late = cli_json("payment", "overdue")["invoices"]
check(len(late) > 2 and all(int(one["daysLate"]) == 30 for one in late), late[:2])
one = next(one for one in late if one["fromId"] in {row["fromId"] for row in payments(month="2026-08")
                                                   if row.get("debited")})
number, employer = one["paymentId"], one["fromId"]
cli("payment", "remind", number, "--out", f"{tmp}/letters", says="reminder 1")
letter = tree(f"{tmp}/letters")
check(sorted(letter) == [f"{number}-1.html", f"{number}-1.txt"], sorted(letter))
check("Rappel" in letter[f"{number}-1.txt"].decode(), "the first letter")
cli("payment", "remind", number, "--out", f"{tmp}/letters", code=1, says="--level 1")
cli("payment", "remind", number, "--level", 1, "--out", f"{tmp}/same")
check(tree(f"{tmp}/same") == letter, "a letter that is written again is another")
cli("pass", "issue", "--employer", employer)
cli("policy", "set", "--suspend-overdue-days", 20)
cli("payment", "follow-up", says="changed")  # the hub may have done it already: it looks when it starts
passes = cli_json("pass", "list", employer)["passes"]
check({row["state"] for row in passes} == {"PASS_STATE_SUSPENDED"}, "passes of an employer that does not pay")
told = next(row for row in cli_json("payment", "overdue", employer)["invoices"])
check(told.get("suspended") and told["reminders"] == 1, told)
issuer = one["toId"]

# A cheque pays a part of it, and is taken back and booked again: what is left is asked for.
cheque = ("payment", "record", number, "--booked-on", one["dueOn"], "--cents", 100, "--reference", "CHQ 0001")
booked = cli_json(*cheque)
check(booked["leftCents"] == str(int(one["cents"]) - 100) and booked["booked"]["part"], booked)
cli("payment", "match", "--undo", booked["booked"]["bookingId"], says="a part: to_pay")
cli(*cheque, says="left: ")
cli("payment", "record", number, "--booked-on", one["dueOn"], "--cents", one["cents"], code=1, says="are left to pay")
told = next(row for row in payments(month="2026-08") if row["paymentId"] == number)
check(told["paidCents"] == "100" and told["state"] == "PAYMENT_STATE_TO_PAY", told)
check(cli_json("payment", "overdue", employer)["invoices"][0]["cents"] == booked["leftCents"], "what is left is overdue")
hub.end()
command("rebuild", folder)
hub = start()
check(told in payments(month="2026-08"), "a part that was paid, after a rebuild")
rest = statement("paid", ibans[issuer], (int(one["cents"]), number, None, None), (int(one["cents"]) - 100, number, None, None))
cli("payment", "import", rest, says="1 matched, 0 known before, 0 not final yet, 1 left over")
cli("payment", "follow-up", says="changed")
passes = cli_json("pass", "list", employer)["passes"]
check("PASS_STATE_SUSPENDED" not in {row["state"] for row in passes}, "passes of an employer that has paid")
cli("ledger", "verify", says="equal")
hub.end()
hubs.over()
