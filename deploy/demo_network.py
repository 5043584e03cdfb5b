"""The show of deploy/demo-network, which builds and then calls this: a hub and twelve sites as
processes of this machine, a relay on each link, and a day on the network's fast clock. Every step
says what it expects, and ends the show when something else comes: a demonstration that goes on
after an error shows nothing."""
import argparse
import base64
import csv
import fcntl
import http.client
import json
import os
import random
import re
import select
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
from hub import Hub, Live, request_id  # noqa: E402
from phone import Phone  # noqa: E402
from receipt import open_receipt  # noqa: E402
from relay import Relay  # noqa: E402

REFERENCE = os.path.join(ROOT, "config", "reference")
MONTH = "2026-10"
RATE = 120  # business seconds in one of ours: the show lasts from 8 o'clock to the early afternoon
SITES = ["s009", "s076", "s025", "s046", "s037", "s111",  # their links hold
         "s041", "s049", "s087", "s102",  # in Lozère, a truck among them: links that are cut
         "s103", "s004"]  # links that fall silent
CUT, SILENT, TINY = SITES[6:10], SITES[10:], "s004"
CAST = {"nora": ("Nora", "units"), "paul": ("Paul", "cap"), "lea": ("Léa", "usage"),
        "rose": ("Rose", "usage"), "noe": ("Noé", "never"), "sami": ("Sami", "usage")}
AWAY_S = 45  # three heartbeats without a word


class Stop(Exception):
    """The show cannot go on; the sentence says why."""


class Screen:
    """Text that stays, and a bar that is redrawn; without a terminal only the text."""

    def __init__(self, short):
        self.terminal, self.short, self.drawn = sys.stdout.isatty(), short, False

    def clear(self):
        if self.drawn:
            sys.stdout.write("\r\033[K")
            self.drawn = False

    def line(self, text=""):
        self.clear()
        print(text, flush=True)

    def part(self, title, *told):
        """The head of a part, and what one has to know to follow it."""
        self.line(f"\n== {title}")
        for line in told:
            self.line(f"   {line}")
        self.pause(2)

    def bar(self, done, total, text):
        if self.terminal:
            width = shutil.get_terminal_size().columns - 1
            filled = 24 * done // max(total, 1)
            sys.stdout.write("\r\033[K" + f"[{'#' * filled}{'.' * (24 - filled)}] {text}"[:width])
            sys.stdout.flush()
            self.drawn = True

    def pause(self, seconds):
        if not self.short:
            time.sleep(seconds)


def tool(*words, show=None):
    """Runs a program to its end; what it printed. `show`: a screen on which its output goes."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    if done.returncode != 0:
        raise Stop(f"{' '.join(words[:4])} ended with {done.returncode}:\n{done.stdout}")
    if show:
        for line in done.stdout.rstrip().splitlines():
            show.line(f"   {line}")
    return done.stdout


class Network:
    """The hub, the sites, and a relay between each of them and the hub."""

    def __init__(self, state, port, screen):
        self.state, self.screen, self.hub_folder = state, screen, os.path.join(state, "hub")
        self.port, self.hub, self.sites, self.relays, self.desks = port, None, {}, {}, {}
        self.clock = None
        with open(os.path.join(REFERENCE, "sites.csv"), newline="") as file:
            self.names = {row["site_id"]: row["name"].split(" – ")[-1]
                          for row in csv.DictReader(file)}

    def folder(self, site):
        return os.path.join(self.state, "sites", site)

    def now_s(self):
        """Business time, as any phone of the demonstration reckons it."""
        start, real, rate = self.clock
        return (start + (time.time() * 1000 - real) * rate) / 1000

    def hour(self):
        return time.strftime("%H:%M", time.gmtime(self.now_s() + 3600))  # Paris, in November

    def daemon(self, folder):
        os.makedirs(os.path.join(self.state, "logs"), exist_ok=True)
        name = os.path.basename(folder) + ".log"
        log = open(os.path.join(self.state, "logs", name), "a", buffering=1)
        # It dies with us, however we end; Ctrl-C is ours to pass on.
        return Hub(folder, before=("setsid", "setpriv", "--pdeathsig", "KILL"), log=log)

    def cli(self, *words, **how):
        return tool(os.environ["PASSERELLE"], "--config", os.path.join(self.state, "cli"),
                    "--profile", "demo", *words, **how)

    def json(self, *words):
        return json.loads(self.cli("--json", *words) or "{}")

    def ask(self, at, method, body, cert="operator-1"):
        """The answer of the hub, or of a site's daemon; anything but an answer ends the show."""
        status, answer = at.call(method, body, cert=cert)
        if status != 200:
            raise Stop(f"{method}: {answer.get('message', answer)}")
        return answer

    def start_hub(self):
        self.hub = self.daemon(self.hub_folder)
        text = open(os.path.join(self.hub_folder, "clock")).read()
        self.clock = [int(re.search(rf"{name} = (\d+)", text).group(1))
                      for name in ("business_start_utc_ms", "real_start_utc_ms", "rate")]

        self.profile("demo", self.hub, os.path.join(self.hub_folder, "operator-1"))

    def profile(self, name, daemon, certificate):
        """For passerelle --profile: the operator at the hub, or a tablet at its site."""
        self.cli("profile", "add", name, "--url", daemon.url, "--ca", self.hub_folder + "/ca.crt",
                 "--cert", certificate + ".crt", "--key", certificate + ".key")

    def link(self, site):
        """The relay of a site's link to the hub."""
        self.relays[site] = Relay(self.port + 13 + SITES.index(site), self.port)
        return self.relays[site]

    def start_site(self, site):
        self.sites[site] = self.daemon(self.folder(site))
        self.profile(site, self.sites[site], os.path.join(self.folder(site), "tablet"))

    def tap(self, site, method, body):
        """(status, answer) of a tablet's call to the daemon of its site. A connection that was idle
        for so long that it was closed is made again, and the same request sent once more."""
        for again in (False, True):
            if site not in self.desks:
                certificate = os.path.join(self.folder(site), "tablet")
                self.desks[site] = Live(self.sites[site], cert=certificate)
            try:
                return self.desks[site].call("DeskService/" + method, body)
            except (OSError, http.client.HTTPException):
                if again:
                    raise
                del self.desks[site]

    def standing(self, site):
        network = self.ask(self.sites[site], "DirectoryService/GetNetwork", {}, cert=None)
        return network["siteDaemon"]

    def is_synced(self, site):
        state = self.standing(site)
        return (state["link"] == "good" and state["knowledge"].get("complete", False)
                and state.get("ownSize") == state.get("receiptSize"))

    def is_ready(self, site):
        return self.is_synced(site) and self.tap(site, "ListVisits", {"siteId": site})[0] == 200

    def wait_all(self, what, sites, good, seconds=60):
        """Until `good` is true of all; how long it took."""
        start, left = time.monotonic(), set(sites)
        while left:
            left = {site for site in left if not good(site)}
            took = time.monotonic() - start
            done = len(sites) - len(left)
            self.screen.bar(done, len(sites), f"{what}: {done} of {len(sites)}")
            if left and took > seconds:
                raise Stop(f"{what}: not {', '.join(sorted(left))} within {seconds} s: "
                           f"{self.standing(min(left))}")
            time.sleep(0.05 if left else 0)
        self.screen.clear()
        return time.monotonic() - start

    def stop(self):
        """Ends all that runs, sites first; nobody is left behind."""
        running = [*self.sites.values(), *([self.hub] if self.hub else [])]
        for one in running:
            if one.process.poll() is None:
                one.process.send_signal(signal.SIGTERM)
        for one in running:
            try:
                one.process.wait(20)
            except subprocess.TimeoutExpired:
                one.process.kill()
                one.process.wait()
        for relay in self.relays.values():
            relay.close()


class Show:
    def __init__(self, network, screen):
        self.n, self.screen = network, screen
        self.phones, self.cards = {}, {}  # by holder: Phone, card number
        self.waiting = []  # holders who come today, phones and cards mixed
        self.inside = {site: [] for site in SITES}  # visit ids
        self.took_ms, self.turned_away = [], {}
        self.offline_visit = None

    # ---- the network

    def make(self):
        n, screen = self.n, self.screen
        screen.part("A network: its CA, its keys, 84 members, 120 sites, 1,739 holders",
                    "Its clock starts on 2026-11-03 at 8 in Paris, and runs "
                    f"{RATE} times as fast as yours.")
        tool(os.environ["PASSERELLED"], "init", n.hub_folder, "--network", "demo", "--name",
             "Démonstration Occitanie", "--demo", "--clock-rate", str(RATE), "--port", str(n.port))
        with open(os.path.join(n.hub_folder, "hub.conf"), "a") as conf:
            conf.write("caller_calls_s = 0\n")  # one operator does all of it
        n.start_hub()
        steps = [("members, sites, tariffs, employers, plans, holders", self.import_reference),
                 ("people who will be turned away", self.cast),
                 ("a pass for each holder", self.issue),
                 ("12,002 stays of October, as the sites told them", self.import_stays)]
        for i, (what, act) in enumerate(steps):
            screen.bar(i, len(steps), what)
            start = time.monotonic()
            act()
            screen.line(f"   {what}: {time.monotonic() - start:.1f} s")

    def import_reference(self):
        self.n.cli("network", "import", REFERENCE)

    def import_stays(self):
        self.n.cli("visit", "import", os.path.join(REFERENCE, f"visits-{MONTH}.csv"))

    def put_plan(self, plan, **terms):
        self.n.ask(self.n.hub, "EmployerService/PutPlan", {
            "requestId": request_id(),
            "plan": {"planId": plan, "employerId": "demo", "type": "PLAN_TYPE_USAGE", **terms}})

    def cast(self):
        self.n.ask(self.n.hub, "EmployerService/PutEmployer", {
            "requestId": request_id(),
            "employer": {"employerId": "demo", "issuerMemberId": "op",
                         "legalName": "Demonstration SAS", "sector": "SECTOR_PRIVATE",
                         "siren": "990447757", "siret": "99044775700016",
                         "vatId": "FR95990447757", "address": "1 place du Capitole",
                         "postcode": "31000", "city": "Toulouse", "country": "FR"}})
        self.put_plan("demo-usage")
        self.put_plan("demo-never", offlineRule="OFFLINE_RULE_NEVER")
        self.put_plan("demo-cap", holderCapCents="2000")
        self.put_plan("demo-units", type="PLAN_TYPE_SUBSCRIPTION", monthlyFeeCents="1500",
                      includedUnits=1, overage="OVERAGE_REFUSE")
        rows = [f"demo-{key},demo,demo-{plan},{name},Demo,{key}@example.org,D1,phone,2026-11-01,"
                for key, (name, plan) in CAST.items()]
        head = ("holder_id,employer_id,plan_id,given_name,family_name,email,cost_centre,medium,"
                "active_from,active_to")
        answer = self.n.ask(self.n.hub, "NetworkService/ImportTable", {
            "requestId": request_id(), "table": "TABLE_HOLDERS",
            "csv": base64.b64encode("\n".join([head, *rows, ""]).encode()).decode()})
        if not answer.get("done"):
            raise Stop(f"the cast was refused: {answer}")

    def issue(self):
        done, left = 0, 1
        operator = Live(self.n.hub, cert=self.n.hub_folder + "/operator-1")
        while left:
            status, answer = operator.call("PassService/IssuePasses",
                                           {"requestId": request_id(), "limit": 250})
            if status != 200:
                raise Stop(f"no passes: {answer}")
            for issued in answer["passes"]:
                row = issued["pass"]
                if row.get("validUntil") or row["state"] != "PASS_STATE_ACTIVE":
                    continue
                if issued.get("activationCode"):
                    self.phones[row["holderId"]] = Phone(issued)
                else:
                    self.cards[row["holderId"]] = row["number"]
            done, left = done + len(answer["passes"]), int(answer.get("remaining", 0))
            self.screen.bar(done, done + left, f"passes: {done} of {done + left}")
        chance = random.Random(1)
        phones = sorted(holder for holder in self.phones if not holder.startswith("demo-"))
        self.waiting = chance.sample(phones, 60 if self.screen.short else 150)
        self.waiting += chance.sample(sorted(self.cards), 40 if self.screen.short else 100)
        chance.shuffle(self.waiting)
        cast = sorted(holder for holder in self.phones if holder.startswith("demo-"))
        anyone = Live(self.n.hub)
        active = [holder for holder in [*cast, *self.waiting] if holder in self.phones]
        for i, holder in enumerate(active):
            phone = self.phones[holder]
            status, answer = anyone.call("PassService/Activate", phone.activation(request_id()))
            if status != 200:
                raise Stop(f"no token: {answer}")
            phone.activated(answer)
            self.screen.bar(i, len(active), f"phones get their tokens: {i} of {len(active)}")

    def join(self):
        n, screen = self.n, self.screen
        screen.part("Twelve sites get daemons of their own",
                    "Each joins with a code that serves once: its own keys, its own database, and",
                    "the ledger that the hub kept for it so far. A relay carries each link.")
        start = time.monotonic()
        for i, site in enumerate(SITES):
            screen.bar(i, len(SITES), f"{site} joins ({n.names[site]})")
            relay = n.link(site)
            code = n.cli("--quiet", "site", "enrol", site,
                         "--hub-address", f"127.0.0.1:{relay.port}").split()[0]
            said = tool(os.environ["PASSERELLED"], "join", code, n.folder(site),
                        "--port", str(n.port + 1 + i))
            if i == 0:
                screen.line(f"   {code}")
                screen.line(f"   {said.splitlines()[0]}")
            n.cli("credential", "certificate", "desk", site, "--out", n.folder(site) + "/tablet")
            n.start_site(site)
        n.wait_all("sites that know the whole network, and their tablets", SITES, n.is_ready)
        clocks = {open(os.path.join(folder, "clock")).read()
                  for folder in [n.hub_folder, *map(n.folder, SITES)]}
        if len(clocks) != 1:
            raise Stop("a site has another clock than the hub")
        screen.line("   all twelve know the whole network and have the hub's clock, "
                    f"{time.monotonic() - start:.1f} s")

    # ---- at the desk

    def scan(self, site, holder, shown=None):
        """The answer to one visitor. A phone that was too slow shows its next code."""
        for _ in range(20):
            body = {"requestId": request_id(), "siteId": site}
            if holder in self.phones:
                body["scan"] = shown or self.phones[holder].show(self.n.now_s())
            else:
                body["cardNumber"] = self.cards[holder]
            start = time.monotonic()
            status, answer = self.n.tap(site, "CheckIn", body)
            self.took_ms.append((time.monotonic() - start) * 1000)
            if status != 200:
                raise Stop(f"check-in at {site}: {answer}")
            code = answer.get("refusal", {}).get("code", "")
            if shown or code not in ("REFUSAL_CODE_PROOF_STALE", "REFUSAL_CODE_PROOF_REPLAYED"):
                break
        if answer.get("accepted"):
            self.inside[site].append(answer["visit"]["visitId"])
        return answer

    def expect(self, site, holder, refusal=None, shown=None, told=""):
        """One visitor of the cast: let in, or turned away for that reason."""
        answer = self.scan(site, holder, shown)
        code = answer.get("refusal", {}).get("code", "").removeprefix("REFUSAL_CODE_") or None
        who = CAST[holder.removeprefix("demo-")][0]
        if code != refusal:
            raise Stop(f"{who} at {site}: expected {refusal or 'to be let in'}, got {answer}")
        said = f"{code}: {answer['refusal']['sentenceFr']}" if code else "let in"
        self.screen.line(f"   {self.n.hour()} {who} at {self.n.names[site]}: {said}")
        if told:
            self.screen.line(f"         ({told})")
        self.screen.pause(1)
        return answer

    def wave(self, what, sites, each, seconds):
        """Visitors come to these sites, one after the other."""
        total, taken, away = each * len(sites), 0, 0
        self.took_ms.clear()
        for i in range(total):
            site = sites[i % len(sites)]
            holder = self.waiting.pop()
            answer = self.scan(site, holder)
            taken += answer.get("accepted", False)
            if not answer.get("accepted"):
                away += 1
                code = answer["refusal"]["code"].removeprefix("REFUSAL_CODE_")
                self.turned_away[code] = self.turned_away.get(code, 0) + 1
            elif answer["visit"].get("source") == "SOURCE_OFFLINE":
                self.offline_visit = (site, answer["visit"]["visitId"])
            self.screen.bar(i + 1, total, f"{self.n.hour()} {what}: {taken} in, {away} turned away")
            self.screen.pause(max(seconds, 0) / total)
        if taken < total * 3 // 4:
            raise Stop(f"only {taken} of {total} were let in: {self.turned_away}")
        self.screen.line(f"   {self.n.hour()} {what}: {taken} let in, {away} turned away; "
                         f"a decision takes {statistics.median(self.took_ms):.1f} ms (median)")

    def leave(self, site, count):
        for visit in self.inside[site][:count]:
            status, answer = self.n.tap(site, "CheckOut", {
                "requestId": request_id(), "siteId": site, "visitId": visit})
            if status != 200:
                raise Stop(f"check-out at {site}: {answer}")
        del self.inside[site][:count]

    def table(self, sites):
        self.screen.line("   site                            link         news    entries  receipt"
                         "  worst case")
        for site in sites:
            state = self.n.standing(site)
            age_s = self.n.now_s() - int(state["knowledge"].get("asOfUtcMs", 0)) / 1000
            age = f"{max(0, age_s) / 60:.0f} min"
            self.screen.line(f"   {site} {self.n.names[site][:26]:26} {state['link']:11} {age:>6} "
                             f"{state.get('ownSize', 0):>10} {state.get('receiptSize', 0):>8} "
                             f"{state['knowledge'].get('worstCaseUnits', 0):>5} units")
        self.screen.pause(3)

    # ---- the day

    def morning(self):
        self.screen.part("Morning: each desk asks the daemon of its own site",
                         "A phone shows a proof that is good for a minute of business time:",
                         "half a second of yours. The hub is not asked; it gets the entries.")
        self.wave("visitors at twelve sites", SITES, 3 if self.screen.short else 7, 8)
        took = self.n.wait_all("receipts", SITES, self.n.is_synced)
        self.screen.line(f"   {took:.1f} s later the hub's receipt covers every entry:")
        self.table(SITES)

    def across(self):
        self.screen.part("What one site lets in counts at the others, within a second",
                         "Nora has one unit left, Paul a cap of 20 EUR; Léa just moves on.")
        self.expect("s009", "demo-nora")
        self.expect("s009", "demo-paul")
        lea = self.expect("s009", "demo-lea")["visit"]["visitId"]
        self.business_wait(400, "five minutes pass")
        self.expect("s076", "demo-nora", "NO_CREDIT")
        self.expect("s076", "demo-paul", "CAP_REACHED")
        self.expect("s025", "demo-lea")
        self.n.wait_all("the first desk is told", ["s009"], lambda site: any(
            visit["visitId"] == lea and visit.get("cutShort") for visit in self.visits(site)), 5)
        self.screen.line(f"   {self.n.hour()} {self.n.names['s009']} is told: Léa's stay "
                         f"ended when she came to {self.n.names['s025']}")

    def visits(self, site):
        status, answer = self.n.tap(site, "ListVisits", {"siteId": site})
        return answer.get("visits", []) if status == 200 else []

    def business_wait(self, seconds, what):
        end = time.monotonic() + seconds / RATE
        while (left := end - time.monotonic()) > 0:
            self.screen.bar(int(seconds - left * RATE), seconds, f"{self.n.hour()} {what}")
            time.sleep(min(left, 0.2))
        self.screen.clear()

    def cut(self):
        self.screen.part("Half of the links fail",
                         f"{', '.join(self.n.names[site] for site in CUT)}: cut.",
                         f"{', '.join(self.n.names[site] for site in SILENT)}: silent.")
        for site in CUT:
            self.n.relays[site].cut()
        for site in SILENT:
            self.n.relays[site].silence()
        self.cut_at = time.monotonic()
        self.wave("they go on", CUT + SILENT[:1], 2, 4)
        self.leave(TINY, len(self.inside[TINY]))
        while len(self.inside[TINY]) < 4:  # a place with four desks, all taken
            self.scan(TINY, self.waiting.pop())

    def alone(self):
        screen, n = self.screen, self.n
        if not screen.short:
            self.wave("they go on", CUT + SILENT[:1], 2,
                      self.cut_at + AWAY_S - 4 - time.monotonic())
        while (left := self.cut_at + AWAY_S - time.monotonic()) > -1:
            screen.bar(int(AWAY_S - left), AWAY_S,
                       f"{n.hour()} a site that hears nothing for three heartbeats is away")
            time.sleep(0.2)
        screen.clear()
        n.wait_all("sites that know that they are away", CUT + SILENT,
                   lambda site: not n.standing(site)["knowledge"].get("connected", False), 15)
        screen.part("Away: each decides by itself, and says what that could cost at most",
                    "The clock runs on without a link, so that a proof is as fresh as ever.")
        self.table(CUT + SILENT)
        old = self.phones["demo-sami"].show(n.now_s() - 600)
        answer = self.expect("s087", "demo-lea", told="a fresh proof, and no link")
        if answer["visit"].get("source") != "SOURCE_OFFLINE":
            raise Stop(f"decided without a link, and not said so: {answer}")
        self.offline_visit = ("s087", answer["visit"]["visitId"])
        self.expect("s087", "demo-sami", "PROOF_STALE", shown=old,
                    told="a screenshot of ten minutes ago")
        self.expect("s087", "demo-noe", "OFFLINE_LIMIT",
                    told="the issuer wants a link for this plan")
        self.leave(TINY, 4)
        for _ in range(2):
            if not self.scan(TINY, self.waiting.pop()).get("accepted"):
                raise Stop("the four desks may be used twice a day")
        spare = next(holder for holder in reversed(self.waiting) if holder in self.phones)
        answer = self.scan(TINY, spare)
        if answer.get("refusal", {}).get("code") != "REFUSAL_CODE_OFFLINE_LIMIT":
            raise Stop(f"more than two units a desk without a link: {answer}")
        screen.line(f"   {n.hour()} One too many at {n.names[TINY]}, four desks: OFFLINE_LIMIT:")
        screen.line(f"         {answer['refusal']['sentenceFr']}")
        screen.pause(1)

    def revoke(self):
        self.screen.part("A phone is lost, and its pass revoked at the hub",
                         "Who hears of it refuses it within a second. Who does not lets it in,",
                         "which is what the allowance is for.")
        n = self.n
        n.ask(n.hub, "PassService/RevokePasses", {
            "requestId": request_id(), "passIds": [self.phones["demo-rose"].pass_id],
            "reason": "phone lost"})
        size = next(int(feed["size"]) for feed in n.json("ledger", "feeds")["feeds"]
                    if feed["feedId"] == "net")
        hearing = [site for site in SITES if site not in CUT + SILENT]
        took = n.wait_all("sites that know", hearing,
                          lambda site: int(n.standing(site)["netSize"]) >= size, 5)
        self.expect("s111", "demo-rose", "REVOKED",
                    told=f"six sites know it {took:.1f} s after the revocation")
        self.expect("s049", "demo-rose", told="it cannot know; its next news will tell")

    def restore(self):
        n, screen = self.n, self.screen
        screen.part("The links are back")
        for relay in n.relays.values():
            relay.restore()
        took = n.wait_all("sites with a receipt for all that they wrote", SITES, n.is_synced)
        screen.line(f"   {took:.1f} s later the hub has all of it, and each site a receipt:")
        self.table(CUT + SILENT)
        self.expect("s049", "demo-rose", "REVOKED", told="it knows now")
        for problem in n.ask(n.hub, "LedgerService/ListProblems", {}).get("problems", []):
            if problem["kind"] != "LEDGER_PROBLEM_KIND_IMPOSSIBLE_STAY":
                raise Stop(f"the hub has found what should not be: {problem}")
            screen.line(f"   The hub has a doubt about Léa's visits: {problem['sentence']}")
        for site in SITES:
            self.leave(site, len(self.inside[site]) // 2)
        self.written = {site: int(n.standing(site)["ownSize"]) for site in SITES}
        n.wait_all("receipts", SITES, n.is_synced)

    # ---- the proofs

    def close(self):
        self.screen.part("October is closed",
                         "Twelve of its 120 ledgers are kept by their sites, which showed them.")
        self.n.cli("period", "close", MONTH, show=self.screen)
        with open(os.path.join(self.n.state, f"{MONTH}.json"), "w") as file:
            file.write(self.n.cli("period", "show", MONTH, "--json"))

    def verify(self):
        n, screen = self.n, self.screen
        screen.part("Every entry, root and signature, from the first to the last")
        said = n.cli("ledger", "verify")
        screen.line("   " + "\n   ".join(said.rstrip().splitlines()[-3:]))
        screen.part("Receipts, by a few lines of Python that are not Passerelle's",
                    "A site keeps what the hub signed: that it holds these entries.")
        keys = {feed["feedId"]: feed["verifierKey"] for feed in n.json("ledger", "feeds")["feeds"]}
        for site in SITES:
            with open(os.path.join(n.folder(site), "joined")) as file:
                cosigner = re.search(r"cosigner_key = (\S+)", file.read()).group(1)
            _, size, _ = open_receipt(self.receipt(site), keys[site], cosigner)
            if size < self.written[site]:
                raise Stop(f"the receipt of {site} is of {size} entries, "
                           f"not of {self.written[site]}")
        screen.line("   12 receipts, each signed by site and hub, of all that the site wrote")
        site, visit = self.offline_visit
        screen.line(f"   A visit that {site} decided without a link, proven to anyone:")
        proof = os.path.join(n.state, "visit.tlog-proof")
        n.cli("ledger", "prove", visit, "--feed", site, "-o", proof)
        n.cli("ledger", "check", proof, "--key", keys[site], "--cosigner", cosigner, show=screen)
        screen.pause(2)

    def receipt(self, site):
        database = sqlite3.connect(f"file:{self.n.folder(site)}/site.db?mode=ro", uri=True)
        try:
            return database.execute("SELECT note FROM receipt ORDER BY size DESC").fetchone()[0]
        finally:
            database.close()

    def report(self):
        self.screen.part("October 2026, closed: who pays whom")
        self.n.cli("period", "show", MONTH, show=self.screen)
        self.screen.line(f"\nThe whole result: {os.path.join(self.n.state, MONTH + '.json')}")

    def play(self):
        for act in (self.make, self.join, self.morning, self.cut, self.across, self.alone,
                    self.revoke, self.restore, self.close, self.verify):
            act()


def set_ports(network):
    """The ports that the folders say become those of this run."""
    def change(path, name, value):
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(re.sub(rf"(?m)^{name} *=.*$", f"{name} = {value}", text))

    change(os.path.join(network.hub_folder, "hub.conf"), "port", network.port)
    for i, site in enumerate(SITES):
        conf = os.path.join(network.folder(site), "site.conf")
        change(conf, "port", network.port + 1 + i)
        change(conf, "hub", f"https://127.0.0.1:{network.port + 13 + i}")
    os.remove(os.path.join(network.state, "cli"))


def serve_again(network, screen):
    screen.part("The network is served as the last show left it")
    set_ports(network)
    network.start_hub()
    for site in SITES:
        network.link(site)
        network.start_site(site)
    network.wait_all("sites in touch with the hub", SITES, network.is_synced)


def run(options, screen, network):
    marks = {name: os.path.join(network.state, name) for name in ("port", "done", "cards")}
    done = os.path.exists(marks["done"])
    if options.port is None and os.path.exists(marks["port"]):
        with open(marks["port"]) as file:
            network.port = int(file.read())
    with open(marks["port"], "w") as file:
        file.write(str(network.port))
    show = Show(network, screen)
    if done and not options.fresh:
        serve_again(network, screen)
    else:
        if os.path.exists(network.hub_folder):
            screen.part("Starting over: the network is made anew" if options.fresh else
                        "The last show was stopped in its middle: the network is made anew")
        for name in ("hub", "sites", "logs", "cli", "done"):
            path = os.path.join(network.state, name)
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.exists(path):
                os.remove(path)
        os.makedirs(os.path.join(network.state, "sites"), mode=0o700)
        show.play()
        open(marks["done"], "w").close()
        with open(marks["cards"], "w") as file:
            file.write(" ".join(show.cards[who] for who in show.waiting if who in show.cards))
    show.report()
    if not options.once:
        with open(marks["cards"]) as file:
            serve(show, file.read().split()[:3])


def serve(show, cards):
    """Until Ctrl-C. Whoever watches may cut links and restore them."""
    network, screen = show.n, show.screen
    screen.line(f"""
The hub and twelve sites serve until Ctrl-C: {network.hub.url}, logs in {network.state}/logs.
Try, in another terminal; cards that were not used today: {' '.join(cards)}
  export PASSERELLE_CONFIG={network.state}/cli
  alias passerelle={os.environ["PASSERELLE"]}
  passerelle --profile s087 visit check-in s087 --card-number {cards[0]}
  passerelle --profile s087 status
  passerelle --profile demo ledger problems""")
    acts = {"cut": Relay.cut, "silence": Relay.silence, "restore": Relay.restore}
    if sys.stdin.isatty():
        screen.line("Type, and Return: cut SITE, silence SITE, restore SITE, or status.")
    while True:
        for one in [network.hub, *network.sites.values()]:
            if one.process.poll() is not None:
                raise Stop(f"a daemon ended: {''.join(one.lines[-5:])}")
        if not sys.stdin.isatty():
            time.sleep(0.5)
        elif select.select([sys.stdin], [], [], 0.5)[0]:
            words = sys.stdin.readline().split()
            if words == ["status"]:
                show.table(SITES)
            elif len(words) == 2 and words[0] in acts and words[1] in SITES:
                acts[words[0]](network.relays[words[1]])
            elif words:
                screen.line(f"cut, silence or restore, and one of {' '.join(SITES)}; or status")


def main():
    parser = argparse.ArgumentParser()
    for name in ("--once", "--fresh", "--short"):
        parser.add_argument(name, action="store_true")
    parser.add_argument("--dir", required=True)
    parser.add_argument("--port", type=int)
    options = parser.parse_args()
    state = os.path.abspath(options.dir)
    os.makedirs(state, mode=0o700, exist_ok=True)
    screen = Screen(options.short)
    network = Network(state, options.port or 8500, screen)
    lock = open(os.path.join(state, "lock"), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        print("demo-network: another one serves this network: stop it first (Ctrl-C there)",
              file=sys.stderr)
        return 1

    def interrupt(number, frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    status = 0
    try:
        run(options, screen, network)
    except KeyboardInterrupt:
        screen.line("\nStopping.")
        status = 130
    except (Stop, SystemExit, OSError) as error:
        screen.clear()
        print(f"demo-network: {error}\nLogs: {state}/logs", file=sys.stderr)
        status = 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        network.stop()
    return status


if __name__ == "__main__":
    sys.exit(main())
