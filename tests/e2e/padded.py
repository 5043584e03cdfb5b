#!/usr/bin/env python3
# tier: full
# waits 15 s
"""A site notes every third stay from paper. The hub finds it by itself with the next day, the treasurer reads it before
the close, and the close goes through."""
import csv
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from hub import Hub, check, cli, cli_json, command, over, tmp  # noqa: E402

reference = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../config/reference")
home = os.path.join(tmp, "hub")
DAY = 20  # seconds of one of its days

command("init", home, "--network", "ops", "--name", "Ops", "--demo", "--clock-rate", str(86400 // DAY), "--port", "0")
hub = Hub(home)
cli("profile", "add", "op", "--url", hub.url, "--ca", home + "/ca.crt",
    "--cert", f"{home}/operator-1.crt", "--key", f"{home}/operator-1.key")
cli("network", "import", reference)
stays = os.path.join(tmp, "stays.csv")
with open(os.path.join(reference, "visits-2026-10.csv"), newline="") as told, open(stays, "w", newline="") as padded:
    reader = csv.DictReader(told)
    writer = csv.DictWriter(padded, reader.fieldnames)
    writer.writeheader()
    count = 0
    for row in reader:
        count += row["site_id"] == "s010"
        writer.writerow(row | {"source": "paper"} if row["site_id"] == "s010" and count % 3 == 0 else row)
cli("visit", "import", stays)

# ---- with the next day of its clock, nobody asks
end = time.monotonic() + 3 * DAY
found = []
while not found and time.monotonic() < end:
    found = cli_json("ledger", "problems").get("problems", [])
    time.sleep(0.5)
check([(row["kind"], row["feedId"], row["month"]) for row in found]
      == [("LEDGER_PROBLEM_KIND_PADDED", "s010", "2026-10")], f"found by itself: {found}")

# ---- the treasurer, before the close and by asking
said = cli("period", "show", "2026-10").decode()
check("look first: the 85 stays of s010" in said and "from paper" in said, f"the preview says: {said[:500]}")
said = cli("ledger", "padded", "2026-10").decode()
check("s010" in said and "from paper" in said, f"asked: {said}")
cli("ledger", "padded", "october", code=1, says="2026-10")
cli("policy", "set", "--padded-per-thousand", 900)
check("look first" not in cli("period", "show", "2026-10").decode(), "the policy's thresholds count for nothing")
cli("policy", "set", "--padded-per-thousand", 200)
closed = cli_json("period", "close", "2026-10")
check(closed["period"]["state"] == "PERIOD_STATE_CLOSED" and len(closed["period"]["warnings"]) == 1, f"closed: {closed}")
check(len(cli_json("ledger", "problems")["problems"]) == 1, "it is noted twice")
check(hub.end()[0] == 0, "the hub ends well")
over()
