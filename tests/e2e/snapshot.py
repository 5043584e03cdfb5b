#!/usr/bin/env python3
# tier: full
"""Sites that are far behind the network, as processes: a new one takes a snapshot, lets visitors in and pushes; one that was
killed on the way goes on; one that slept for long catches up by a snapshot; one that gets a forged snapshot takes the
entries; a rebuild of each gives the same tables; a hub that is restored gets back what one holds behind its snapshot."""
import csv
import glob
import io
import os
import re
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from hub import Hub, check, cli, command, in_contact, over, request_id, tmp, until  # noqa: E402

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
reference = os.path.join(root, "config/reference")
home = os.path.join(tmp, "hub")
base_port = int(os.environ.get("PORTS", "22000"))


def feeds_of(at):
    feeds = at.call("LedgerService/ListFeeds", {}, cert="operator-1")[1].get("feeds", [])
    return {feed["feedId"]: int(feed.get("size", 0)) for feed in feeds}


def metric(at, name):
    return int(float(re.search(rf"^{name} (\S+)$", at.get("/metrics")[1], re.M).group(1)))


def snapshots(at):
    return metric(at, "passerelle_uplink_snapshots_total")


class Box:
    """A site with a daemon of its own, which takes a snapshot when it is 100 entries behind."""

    def __init__(self, site_id, port):
        self.site_id, self.folder, self.at = site_id, os.path.join(tmp, site_id), None
        code = cli("--quiet", "site", "enrol", site_id).decode().split()[0]
        command("join", code, self.folder, "--port", str(port))
        with open(self.folder + "/site.conf", "a") as file:
            file.write("\nsnapshot_entries = 100\n")
        for name in ("operator-1.crt", "operator-1.key"):
            shutil.copy(os.path.join(home, name), self.folder)
        cli("credential", "certificate", "desk", site_id, "--out", self.folder + "/tablet")

    def start(self):
        self.at = Hub(self.folder)

    def state(self):
        return self.at.call("DirectoryService/GetNetwork", {})[1]["siteDaemon"]

    def caught_up(self):
        state = self.state()
        return in_contact(state) and \
            feeds_of(self.at)["net"] == feeds_of(hub)["net"]

    def visit(self):
        body = {"requestId": request_id(), "siteId": self.site_id, "cardNumber": cards.pop()}
        until("the desk is known", lambda: self.at.call("DeskService/ListVisits", {"siteId": self.site_id},
                                                        cert="tablet")[0] == 200)
        status, answer = self.at.call("DeskService/CheckIn", body, cert="tablet")
        check(status == 200 and "visit" in answer, f"check-in: {status} {answer}")
        until("the receipt", lambda: int(self.state().get("receiptSize", 0)) == feeds_of(hub).get(self.site_id, -1)
              == feeds_of(self.at)[self.site_id])

    def end(self):
        check(self.at.end()[0] == 0, f"the daemon of {self.site_id} does not end well")
        command("check", self.folder)
        command("rebuild", self.folder, says="nothing changed")
        command("check", self.folder)


command("init", home, "--network", "ops", "--name", "Ops", "--demo", "--clock-rate", "1", "--port", str(base_port))
hub = Hub(home)
cli("profile", "add", "op", "--url", hub.url, "--ca", home + "/ca.crt",
    "--cert", f"{home}/operator-1.crt", "--key", f"{home}/operator-1.key")
cli("network", "import", reference)
with open(os.path.join(reference, "holders.csv"), newline="") as file:
    lasting = {row["holder_id"] for row in csv.DictReader(file) if not row["active_to"] and row["active_from"] < "2026-11"}

# ---- one that learns a small network, and sleeps while it grows
sleeper = Box("s009", base_port + 1)
sleeper.start()
until("the sleeper is caught up", sleeper.caught_up)
check(snapshots(sleeper.at) == 1, "a new site took no snapshot")
check(sleeper.at.wait_line("event=snapshot_loaded") is not None, "the log does not say so")
sleeper.end()
known = feeds_of(hub)["net"]
early = os.path.join(tmp, "early")
command("backup", home, early)
issued = list(csv.DictReader(io.StringIO(cli("--quiet", "pass", "issue").decode())))
lost = [row["pass_id"] for row in issued if not row["card_token"]]
cards = [row["number"] for row in issued if row["card_token"] and row["holder_id"] in lasting]
check(feeds_of(hub)["net"] > 2 * known, f"the network did not grow much: {known} -> {feeds_of(hub)['net']}")
sleeper.start()
until("the sleeper is caught up again", sleeper.caught_up)
check(snapshots(sleeper.at) == 1, "who slept long took no snapshot")
sleeper.visit()
status, answer = sleeper.at.call("LedgerService/ReadEntries", {"feedId": "net", "fromSeq": "1"}, cert="operator-1")
check(status != 200 or "ask the hub" in str(answer), f"entries that are not here: {status} {answer}")
sleeper.end()

# ---- a new one, killed again and again on its way
killed = Box("s004", base_port + 2)
for pause in range(6):
    killed.start()
    time.sleep(0.02 * pause)
    killed.at.process.kill()
    killed.at.process.wait()
killed.start()
until("the killed one is caught up", killed.caught_up)
until("its own ledger is at the hub", lambda: feeds_of(killed.at)["s004"] == feeds_of(hub)["s004"])
killed.visit()
killed.end()

# ---- a snapshot that is not the one that the hub signed: dropped, and the entries are taken
snapshot, = glob.glob(home + "/snapshot-*.net")
with open(snapshot, "r+b") as file:
    data = bytearray(file.read())
    at = data.rindex(b"Toulouse") if b"Toulouse" in data else len(data) - 100
    data[at] ^= 1
    file.seek(0)
    file.write(data)
deceived = Box("s010", base_port + 3)
deceived.start()
check(deceived.at.wait_line("event=snapshot_dropped") is not None, "a forged snapshot is not noticed")
until("the deceived one is caught up", deceived.caught_up)
check(snapshots(deceived.at) == 0, "a forged snapshot was loaded")
status, text = deceived.at.get("/passerelle.v1.LedgerService/GetCheckpoint", {"feedId": "net"}, cert="operator-1")
check(status == 200, f"no checkpoint of net: {status} {text}")
deceived.end()

problems = hub.call("LedgerService/ListProblems", {}, cert="operator-1")[1]
check(problems == {}, f"the hub has found problems: {problems}")

# ---- a hub that was restored gets back what a site holds behind its snapshot, when the backup has all before
sleeper.start()
cli("profile", "add", "sleeper", "--url", sleeper.at.url, "--ca", home + "/ca.crt",
    "--cert", f"{home}/operator-1.crt", "--key", f"{home}/operator-1.key")
until("the sleeper is caught up", sleeper.caught_up)
part = os.path.join(tmp, "part")
cli("ledger", "export", part, "--feed", "net", profile="sleeper", code=1, says="no whole bundle")
check(not os.path.exists(part), "an export without entries leaves a folder")
cli("pass", "revoke", *lost[:300], "--reason", "lost")
until("the revocations", sleeper.caught_up)
backup = os.path.join(tmp, "backup")
command("backup", home, backup)
cli("pass", "revoke", lost[300], "--reason", "lost")
until("one more", sleeper.caught_up)
size = feeds_of(hub)["net"]
hub.end()
command("check", home)
cli("ledger", "export", part, "--feed", "net", profile="sleeper", says="for a backup that holds all before")
cli("ledger", "verify", part, code=6, says="000 cannot be read")
command("restore", early, os.path.join(tmp, "short"), "--entries", part, code=4, says="take a later backup")
whole = os.path.join(tmp, "whole")
command("restore", backup, whole, "--entries", part, says="entries made after the backup")
for name in ("operator-1.crt", "operator-1.key"):
    shutil.copy(os.path.join(home, name), whole)
hub = Hub(whole)
check(feeds_of(hub)["net"] >= size, f"of {size} entries of net {feeds_of(hub)['net']} are back")
until("the sleeper follows again", sleeper.caught_up, 90)
check(sleeper.state()["link"] == "good", f"the link: {sleeper.state()}")
sleeper.end()
hub.end()
command("check", whole)
over()
