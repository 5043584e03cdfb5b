#!/usr/bin/env python3
# tier: long
# plain builds only
# alone
"""All 120 sites of the reference network with daemons of their own, and a hub that goes: killed while each site has visits
that it has not pushed, killed in the midst of pushes, stopped as for an update. Each time all are back within 5 s of the
hub's start and not at once, none was refused for load, and whatever a desk was told is at the hub, under a receipt."""
import concurrent.futures
import csv
import datetime
import io
import itertools
import os
import re
import shutil
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from hub import Hub, check, cli, command, in_contact, over, parse_metrics, request_id, tmp, until  # noqa: E402

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
network = os.path.join(tmp, "network")
home = os.path.join(tmp, "hub")
BACK_S = 5
AWAY_S = 14  # by then all wait as long as they ever do for a hub that was away for less than ten minutes
TENTH_MAX = 30  # sites that come back within the same tenth of a second, when all had time to draw other waits
began = time.monotonic()


def say(text):
    print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)


def instant(line):
    """Of a line of a log, in seconds: all daemons have one clock."""
    return datetime.datetime.fromisoformat(re.search(r"ts=(\S+)Z", line).group(1)).timestamp()


class Site:
    def __init__(self, site_id):
        self.site_id, self.folder = site_id, os.path.join(tmp, site_id)
        self.visits, self.mark = [], 0
        code = cli("--quiet", "site", "enrol", site_id).decode().split()[0]
        command("join", code, self.folder, "--port", "0")
        cli("credential", "certificate", "desk", site_id, "--out", self.folder + "/tablet")
        self.at = Hub(self.folder)

    def check_in(self, card):
        status, answer = self.at.call("DeskService/CheckIn", {"requestId": request_id(), "siteId": self.site_id,
                                                              "cardNumber": card}, cert="tablet")
        check(status == 200, f"check-in at {self.site_id}: {status} {answer}")
        if "visit" in answer:
            self.visits.append(answer["visit"]["visitId"])

    def links(self):
        """What it logged of its link since the hub went."""
        return [line for line in list(self.at.lines)[self.mark:] if "event=hub_link" in line]

    def is_back(self):
        """Its link is good, and the hub's receipt covers all that it wrote."""
        links = self.links()
        if not links or "state=good" not in links[-1]:
            return False
        values = parse_metrics(self.at.get("/metrics")[1])
        return values["passerelle_uplink_state", 'state="good"'] == 1 and \
            values["passerelle_uplink_receipt_entries", ""] == values["passerelle_feed_entries", f'feed="{self.site_id}"']

    def knows_all(self):
        state = self.at.call("DirectoryService/GetNetwork", {})[1]["siteDaemon"]
        return in_contact(state)


def wait_all(what, good, seconds):
    left = set(sites)

    def rest():
        left.difference_update([site for site in list(left) if good(site)])
        return not left

    if not until(what, rest, seconds):
        for site in sorted(left, key=lambda one: one.site_id)[:3]:
            print(f"  {site.site_id}: {site.at.lines[-3:]}")
        raise SystemExit(f"{what}: {len(left)} of {len(sites)} are not there")


def check_in_all(count):
    """Each time somebody else."""
    for _ in range(count):
        for n, site in enumerate(sites):
            site.check_in(next(cards))


def back(what):
    """The hub is started again, and all sites come back: how many at most in the same tenth of a second."""
    global hub
    hub = Hub(home)
    ready = instant(hub.wait_line("event=ready"))
    wait_all(f"{what}: all are back", Site.is_back, 30)
    took = sorted(max(0.0, instant(site.links()[-1]) - ready) for site in sites)
    tenths = [0] * (int(took[-1] * 10) + 1)
    for one in took:
        tenths[int(one * 10)] += 1
    say(f"{what}: back after {took[0]:.1f}, {took[len(took) // 2]:.1f}, {took[-1]:.1f} s (first, half, last); "
        f"in each tenth of a second: {' '.join(map(str, tenths))}")
    check(took[-1] < BACK_S, f"{what}: the last site is back after {took[-1]:.1f} s")
    values = parse_metrics(hub.get("/metrics")[1])
    for name in ("calls_over_rate", "connections_cut", "connections_refused"):
        check(values[f"passerelle_{name}_total", ""] == 0, f"{what}: {name}: {values[f'passerelle_{name}_total', '']:.0f}")
    for (name, labels), count in values.items():
        if name == "passerelle_requests_total":
            check('code="ok"' in labels, f"{what}: {count:.0f} requests of {labels}")
    for site in sites:
        visits = {visit["visitId"] for visit in hub.call("DeskService/ListVisits", {"siteId": site.site_id},
                                                         cert="operator-1")[1].get("visits", [])}
        lost = set(site.visits) - visits
        check(not lost, f"{what}: {len(lost)} of {len(site.visits)} visits of {site.site_id} are not at the hub")
    say(f"{what}: {sum(len(site.visits) for site in sites)} visits that desks were told of are at the hub")
    return max(tenths)


def gone(process_end):
    for site in sites:
        site.mark = len(site.at.lines)
    process_end()


def kill():
    hub.process.kill()
    hub.process.wait()


shutil.copytree(os.path.join(root, "config/reference"), network)
with open(network + "/sites.csv", newline="") as file:
    rows = list(csv.DictReader(file))
with open(network + "/sites.csv", "w", newline="") as file:  # each can have visitors at any hour
    writer = csv.DictWriter(file, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "kind": "fixed", "opening_hours": "24/7", "first_day": "", "last_day": ""} for row in rows)
with open(network + "/stops.csv") as file:
    head = file.readline()
with open(network + "/stops.csv", "w") as file:
    file.write(head)
command("init", home, "--network", "ops", "--name", "Ops", "--demo", "--clock-rate", "1",
        "--port", os.environ.get("PORTS", "22900"))
hub = Hub(home)
cli("profile", "add", "op", "--url", hub.url, "--ca", home + "/ca.crt",
    "--cert", f"{home}/operator-1.crt", "--key", f"{home}/operator-1.key")
cli("network", "import", network)
issued = csv.DictReader(io.StringIO(cli("--quiet", "pass", "issue").decode()))
with open(network + "/holders.csv", newline="") as file:
    lasting = {row["holder_id"] for row in csv.DictReader(file) if not row["active_to"] and row["active_from"] < "2026-11"}
cards = itertools.cycle([row["number"] for row in issued if row["card_token"] and row["holder_id"] in lasting])
with concurrent.futures.ThreadPoolExecutor(os.cpu_count() * 2) as pool:
    sites = list(pool.map(Site, (row["site_id"] for row in rows)))
say(f"{len(sites)} sites have joined and run")
wait_all("all know the network", Site.knows_all, 180)
say("all know the whole network")

gone(kill)
down = time.monotonic()
check_in_all(3)
check(all(site.visits for site in sites), f"nobody is let in at {[site.site_id for site in sites if not site.visits]}")
wait_all("all notice", lambda site: any("state=unreachable" in line for line in site.links()), 30)
time.sleep(max(0.0, AWAY_S - (time.monotonic() - down)))
at_once = back("killed, each with visits to push")
check(at_once <= TENTH_MAX, f"{at_once} sites are back within the same tenth of a second")

visitors = threading.Thread(target=check_in_all, args=(2,))
visitors.start()
time.sleep(0.7)
gone(kill)
visitors.join()
back("killed in the midst of pushes")

gone(lambda: check(hub.end()[0] == 0, "the hub does not end well"))
back("stopped and started")

cli("ledger", "verify")
problems = hub.call("LedgerService/ListProblems", {}, cert="operator-1")[1].get("problems", [])
check({problem["kind"] for problem in problems} <= {"LEDGER_PROBLEM_KIND_IMPOSSIBLE_STAY"}, f"the hub has found: {problems[:3]}")
for site in sites:
    site.at.process.terminate()
for site in sites:
    check(site.at.end()[0] == 0, f"the daemon of {site.site_id} does not end well")
hub.end()
command("check", home)
say("all have ended")
over()
