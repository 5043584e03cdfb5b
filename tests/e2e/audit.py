#!/usr/bin/env python3
# tier: full
"""Three months closed in a row, each with late and disputed stays of those before, with the real
programs over TLS. The audit computes every close again from the feeds, on the wire and from an
exported folder, and names each kind of harm that was done to the folder."""
import calendar
import csv
import json
import os
import random
import shutil
import ssl
import subprocess
import sys
import time
import urllib.request
import uuid

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
tmp = os.environ["TMPDIR"]
reference = os.path.join(root, "config", "reference")
state = os.path.join(tmp, "hub")
os.environ["PASSERELLE_CONFIG"] = os.path.join(tmp, "cli")
failures = 0


def check(good, what):
    global failures
    if not good:
        failures += 1
        print("FAILED:", what)


def run(*words, code=0, says=""):
    done = subprocess.run([os.environ["PASSERELLE"], "--profile", "demo", *words],
                          capture_output=True, text=True, timeout=120)
    said = done.stdout + done.stderr
    check(done.returncode == code, f"{words}: ended with {done.returncode}, not {code}: {said[:500]}")
    check(says in said, f"{words}: does not say {says!r}: {said[:500]}")
    return done.stdout


def call(service, method, body):
    tls = ssl.create_default_context(cafile=f"{state}/ca.crt")
    tls.load_cert_chain(f"{state}/operator-1.crt", f"{state}/operator-1.key")
    request = urllib.request.Request(f"{url}/passerelle.v1.{service}/{method}",
                                     data=json.dumps(body).encode(),
                                     headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, context=tls, timeout=20) as response:
        return json.load(response)


def request_id():
    """A UUIDv7."""
    number = int(time.time() * 1000) << 80 | 0x7 << 76 | 0b10 << 62 | random.getrandbits(62)
    return str(uuid.UUID(int=number))


def rule(stay, outcome, **times):
    """An operator's ruling on a stay."""
    opened = call("SettlementService", "OpenDispute", {
        "requestId": request_id(), "feedId": stay["site_id"], "visitId": stay["visit_id"],
        "reason": "so it was"})
    call("SettlementService", "ResolveDispute", {
        "requestId": request_id(), "disputeId": opened["disputeId"], "outcome": outcome,
        **times})


def imports(name, stays):
    path = os.path.join(tmp, name + ".csv")
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(stays)
    run("visit", "import", path, says=f"{len(stays)} added")


def month_of(number, stays):
    """The same stays in another month: other ids, days 1 to 28 only."""
    moved = []
    for stay in stays:
        if stay["check_in"][8:10] <= "28":
            other = dict(stay, visit_id="%08x" % number + stay["visit_id"][8:])
            for key in ("check_in", "check_out"):
                other[key] = stay[key].replace("2026-10", "2026-%02d" % number)
            moved.append(other)
    return moved


with open(os.path.join(reference, "visits-2026-10.csv"), newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
august, september = month_of(8, rows[0:900]), month_of(9, rows[900:1800])
october = rows[1800:2700]

for attempt in range(5):
    port = int(os.environ.get("PORTS", "21000")) + attempt
    shutil.rmtree(state, ignore_errors=True)
    subprocess.run([os.environ["PASSERELLED"], "init", state, "--network", "demo", "--name", "Demo",
                    "--demo", "--port", str(port)], check=True, stdout=subprocess.DEVNULL)
    hub = subprocess.Popen([os.environ["PASSERELLED"], "run", state], stderr=subprocess.DEVNULL)
    url = f"https://localhost:{port}"
    tls = ssl.create_default_context(cafile=f"{state}/ca.crt")
    ready = False
    for _ in range(100):
        try:
            ready = urllib.request.urlopen(url + "/readyz", context=tls, timeout=5).status == 200
        except OSError:
            time.sleep(0.1)
        if ready or hub.poll() is not None:
            break
    if ready:
        break
try:
    run("profile", "add", "demo", "--url", url, "--ca", f"{state}/ca.crt", "--cert",
        f"{state}/operator-1.crt", "--key", f"{state}/operator-1.key")
    run("network", "import", reference)
    # Nothing is closed yet: nothing to compute.
    check(json.loads(run("audit", "--json"))["closes"] == [], "a close before the first")

    imports("august", august[:-60])
    run("period", "close", "2026-08")
    imports("late-august", august[-60:-30])
    rule(august[0], "DISPUTE_OUTCOME_VOIDED")
    imports("september", september[:-60])
    run("period", "close", "2026-09")
    imports("later-august", august[-30:])
    imports("late-september", september[-60:])
    rule(august[1], "DISPUTE_OUTCOME_VOIDED")
    evening = time.strptime(september[0]["check_in"][:10] + " 21", "%Y-%m-%d %H")
    rule(september[0], "DISPUTE_OUTCOME_CORRECTED", outUtcMs=str(calendar.timegm(evening) * 1000))
    imports("october", october)
    run("period", "close", "2026-10")

    revised = call("SettlementService", "GetPeriod", {"month": "2026-10"})["document"]
    check(revised["revisedMonths"] == ["2026-08", "2026-09"], "October rates both months again")

    said = run("ledger", "verify", says="feeds verify")
    for month in ("2026-08", "2026-09", "2026-10"):
        check(f"{month} computed again from the feeds: equal" in said, f"{month} on the wire: {said}")
    feeds = os.path.join(tmp, "feeds")
    run("ledger", "export", feeds, says="3 closed months")
finally:
    hub.terminate()
    hub.wait()

report = json.loads(run("audit", feeds, "--json"))
check([c["month"] for c in report["closes"]] == ["2026-08", "2026-09", "2026-10"] and
      all(c["equal"] and c["trial_balance"] == 0 for c in report["closes"]) and
      report["inconsistencies"] == [], f"the folder is right: {report}")
run("audit", feeds, "--month", "2026-07", code=1, says="2026-07 is not closed")


def harmed(name):
    copy = os.path.join(tmp, name)
    shutil.copytree(feeds, copy)
    return copy


# Without the documents, the hashes in books are still those of what the feeds give.
bare = harmed("bare")
for name in os.listdir(bare):
    if name.startswith("settlement."):
        os.remove(os.path.join(bare, name))
run("ledger", "verify", bare, says="2026-10 computed again from the feeds: equal")

# A document that was changed: which close and what, on both commands.
changed = harmed("changed")
path = os.path.join(changed, "settlement.2026-09.pb")
with open(path, "rb") as file:
    document = bytearray(file.read())
at = document.index(b"2026-09") + len(b"2026-09")
check(document[at] == 0x10, "the second field is the number of stays")
document[at + 1] ^= 1
with open(path, "wb") as file:
    file.write(document)
run("ledger", "verify", changed, code=6, says="close of 2026-09: stays: the hub says")
report = json.loads(run("audit", changed, "--json", code=6))
first = report["inconsistencies"][0]
check((first["operation"], first["month"], first["position"]) == ("count", "2026-09", "stays"), first)
check(abs(first["hub_amount"] - first["auditor_amount"]) == 1, first)
check(report["inconsistencies"][-1]["operation"] == "document_hash", report["inconsistencies"][-1])
check([c["equal"] for c in report["closes"]] == [True, False, True], report["closes"])
run("audit", changed, "--month", "2026-10", says="2026-10: equal")

# A feed that is left out, by name.
short = harmed("short")
shutil.rmtree(os.path.join(short, "s007"))
run("ledger", "verify", short, code=6, says="net opened the feed s007, but it is left out")

# A visit that was changed: its entry.
visit = harmed("visit")
bundle = os.path.join(visit, "s001", "tile", "entries")
path = next(os.path.join(folder, name) for folder, _, names in os.walk(bundle) for name in names)
with open(path, "r+b") as file:
    file.seek(30)
    byte = file.read(1)
    file.seek(30)
    file.write(bytes([byte[0] ^ 1]))
run("ledger", "verify", visit, code=6, says="feed s001")
report = json.loads(run("audit", visit, "--json", code=6))
check(report["inconsistencies"][0]["operation"] == "entry" and report["closes"] == [], report)

print(f"{0 if failures else 1} passed, {1 if failures else 0} failed")
sys.exit(bool(failures))
