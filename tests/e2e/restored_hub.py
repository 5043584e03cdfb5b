#!/usr/bin/env python3
# tier: full
# waits 50 s
"""A hub is lost and restored from a backup while a site knows more of `net` than that: the site says so and decides on,
the hub says so and keeps the proof, and what the site holds brings back the rest."""
import csv
import io
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from hub import Hub, check, cli, cli_json, command, in_contact, over, request_id, tmp, until  # noqa: E402

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
reference = os.path.join(root, "config/reference")
port = int(os.environ.get("PORTS", "22700"))
SITE = "s009"  # open day and night
home, box = os.path.join(tmp, "hub"), os.path.join(tmp, "box")


def daemon():
    return site.call("DirectoryService/GetNetwork", {})[1]["siteDaemon"]


def caught_up():
    state = daemon()
    return in_contact(state) \
        and state.get("ownSize") == state.get("receiptSize")


def check_in(number):
    return site.call("DeskService/CheckIn", {"requestId": request_id(), "siteId": SITE, "cardNumber": number},
                     cert="tablet")[1]


def problems():
    return cli_json("ledger", "problems", "net").get("problems", [])


command("init", home, "--network", "ops", "--name", "Ops", "--demo", "--clock-rate", "1", "--port", str(port))
hub = Hub(home)
for name in ("operator-1.crt", "operator-1.key", "ca.crt"):
    shutil.copy(os.path.join(home, name), tmp)
cli("profile", "add", "op", "--url", hub.url, "--ca", tmp + "/ca.crt",
    "--cert", tmp + "/operator-1.crt", "--key", tmp + "/operator-1.key")
cli("network", "import", reference)
with open(os.path.join(reference, "holders.csv"), newline="") as file:
    lasting = {row["holder_id"] for row in csv.DictReader(file) if not row["active_to"] and row["active_from"] < "2026-11"}
issued = csv.DictReader(io.StringIO(cli("--quiet", "pass", "issue").decode()))
passes = {row["number"]: row["pass_id"] for row in issued if row["card_token"] and row["holder_id"] in lasting}
cards = list(passes)
command("join", cli("--quiet", "site", "enrol", SITE).decode().split()[0], box, "--port", str(port + 1))
site = Hub(box)
cli("credential", "certificate", "desk", SITE, "--out", box + "/tablet")
cli("profile", "add", "box", "--url", site.url, "--ca", tmp + "/ca.crt",
    "--cert", tmp + "/operator-1.crt", "--key", tmp + "/operator-1.key")
until("the site is caught up", caught_up)
until("its desk is known", lambda: "visit" in check_in(cards.pop()))

# ---- a backup, and what comes after it: a pass is revoked, a visit is told
backup = os.path.join(tmp, "backup")
command("backup", home, backup)
lost = cards.pop()
cli("pass", "revoke", passes[lost], "--reason", "lost")
until("the revocation", lambda: check_in(lost).get("refusal", {}).get("code") == "REFUSAL_CODE_REVOKED", 5)
check("visit" in check_in(cards.pop()), "a visit after the backup")
until("its receipt", caught_up)
hub.process.kill()
hub.process.wait()
shutil.move(home, home + ".lost")

# ---- the backup alone: the site does not follow, says why, and goes on
alone = os.path.join(tmp, "alone")
command("restore", backup, alone, says="begin a new epoch")
hub = Hub(alone)
state = until("the site says so", lambda: daemon() if daemon()["link"] in ("refused", "diverged") else None)
check("ask your operator" in state["sentence"] or "your operator" in state["sentence"], f"the site says: {state}")
check(check_in(lost).get("refusal", {}).get("code") == "REFUSAL_CODE_REVOKED", "the site forgot a revocation")
check("visit" in check_in(cards.pop()), "the site decides on")
[found] = until("the hub says so", problems)
check(found["kind"] == "LEDGER_PROBLEM_KIND_HUB_ROLLED_BACK" and SITE in found["sentence"] and found["evidence"],
      f"the hub says: {found}")
check(hub.wait_line("event=hub_rolled_back") is not None, "the hub's log does not say so")

# ---- who lets it be lost joins again in a new folder, with all that the site wrote
first, new_box = site, os.path.join(tmp, "box2")
until("its ledger is at the hub", lambda: daemon().get("ownSize") == daemon().get("receiptSize"))
size = int(daemon()["ownSize"])
command("join", cli("--quiet", "site", "enrol", SITE).decode().split()[0], new_box, "--port", str(port + 2),
        says=f"{size} entries of its ledger are here")
site = Hub(new_box)
until("the new folder follows", caught_up)
check(site.end()[0] == 0, "the new folder's daemon ends well")
site = first
hub.end()

# ---- with what the site holds: nothing of `net` is lost
export = os.path.join(tmp, "net")
cli("ledger", "export", export, "--feed", "net", profile="box", says="entries of net")
whole = os.path.join(tmp, "whole")
command("restore", backup, whole, "--entries", export, says="entries made after the backup")
hub = Hub(whole)
until("the site follows again", caught_up, 90)
check(next(row for row in cli_json("pass", "list", "--limit", 5000)["passes"] if row["passId"] == passes[lost])["state"]
      == "PASS_STATE_REVOKED", "the revocation is lost")
check(not problems(), f"the hub still finds something: {problems()}")
check("visit" in check_in(cards.pop()), "a visit behind it")
until("its receipt", caught_up)
cli("ledger", "verify", says="feeds verify")
hub.end()
site.end()
for folder in (whole, box):
    command("check", folder)
over()
