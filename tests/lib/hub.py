"""For scenarios in Python: commands that must end as said, a running hub, calls to it, a count of failures."""
import atexit
import http.client
import json
import os
import re
import signal
import ssl
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request

import logs

daemon = os.environ["PASSERELLED"]
passerelle = os.environ["PASSERELLE"]
tmp = os.environ.get("TMPDIR", "/tmp")
failures = 0


def check(good, what):
    global failures
    if not good:
        failures += 1
        print("FAILED:", what)


def in_contact(state):
    """By what a site's daemon says of itself: it hears from its hub, and was told all that it missed."""
    return state["link"] == "good" and state["knowledge"].get("complete") and state["knowledge"].get("connected")


def until(what, condition, seconds=30):
    """The first answer of the condition that is true. When none is in time, a failure with the last words of each daemon."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    check(False, f"{what}: not within {seconds} s: {[one.lines[-5:] for one in Hub.started if one.lines]}")
    return None


def command(*words, code=0, says=""):
    """Runs a command to its end."""
    done = subprocess.run([daemon, *words], capture_output=True, text=True, timeout=60)
    said = done.stdout + done.stderr
    check(done.returncode == code, f"{words}: ended with {done.returncode}, not {code}: {said}")
    check(says in said, f"{words}: does not say {says!r}: {said}")
    return said


def over():
    """Ends the scenario. Whatever it was about, nobody's name or token stands in a log."""
    for line in logs.wrong([line for hub in Hub.started for line in list(hub.lines)]):
        check(False, line)
    print("failures:", failures)
    raise SystemExit(failures != 0)


def cli(*words, code=0, says="", profile="op", stdin=None):
    """Runs `passerelle` with the profiles of this scenario; what it printed."""
    done = subprocess.run([passerelle, "--config", tmp + "/profiles", "--profile", profile, *map(str, words)],
                          capture_output=True, timeout=120, input=stdin)
    said = done.stdout.decode() + done.stderr.decode()
    check(done.returncode == code, f"{words}: ended with {done.returncode}, not {code}: {said[:2000]}")
    check(says in said, f"{words}: does not say {says!r}: {said[:2000]}")
    return done.stdout


def cli_json(*words, **how):
    text = cli("--json", *words, **how)
    return json.loads(text) if text else {}


class Hub:
    """A daemon that runs. What it logs is read all the time: a full pipe would stop it."""
    started = []

    def __init__(self, folder, ready=True, before=(), log=None):
        """`before`: words in front of the command; `log`: an open file that gets the lines too."""
        self.process = subprocess.Popen([*before, daemon, "run", folder], stderr=subprocess.PIPE, text=True)
        self.log = log
        atexit.register(self.process.kill)  # whatever becomes of the scenario
        self.folder, self.lines, self.url, self.ended = folder, [], None, False
        self.news = threading.Condition()
        Hub.started.append(self)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        if ready:
            line = self.wait_line("event=ready")
            if line is None:
                raise SystemExit(f"the daemon ended: {self.lines}")
            self.url = re.search(r"url=(\S+)", line).group(1)

    def read(self):
        for line in self.process.stderr:
            with self.news:
                self.lines.append(line)
                self.news.notify_all()
            if self.log:
                self.log.write(line)
        with self.news:
            self.ended = True
            self.news.notify_all()

    def wait_line(self, part, after=0):
        """The first line with that part behind the first `after` lines; None when the daemon ended without it."""
        with self.news:
            while True:
                for line in self.lines[after:]:
                    if part in line:
                        return line
                if self.ended or not self.news.wait(30):
                    return None

    def get(self, path, body=None, cert=None, key=None):
        """(status, text); `cert` is an operator's name."""
        tls = ssl.create_default_context(cafile=self.folder + "/ca.crt")
        if cert:
            tls.load_cert_chain(f"{self.folder}/{cert}.crt", f"{self.folder}/{cert}.key")
        head = {"Content-Type": "application/json"} if body is not None else {}
        if key:
            head["Authorization"] = "Bearer " + key
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=head)
        try:
            with urllib.request.urlopen(request, context=tls, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def call(self, method, body, **who):
        """(status, answer). A daemon that says when to try again, such as a site that asks its hub first whether its
        ledger is whole, is asked again for some seconds, as its desks do."""
        end = time.monotonic() + 20
        while True:
            status, text = self.get("/passerelle.v1." + method, body, **who)
            answer = json.loads(text)
            told = any(detail["type"] == "google.rpc.RetryInfo" for detail in answer.get("details", []))
            if status != 503 or not told or time.monotonic() > end:
                return status, answer
            time.sleep(0.1)

    def wait_ready(self):
        for _ in range(100):
            status, text = self.get("/readyz")
            if status == 200:
                return text
            time.sleep(0.05)
        return text

    def end(self, number=signal.SIGTERM):
        """(exit status, all that it logged)"""
        self.process.send_signal(number)
        self.process.wait(30)
        self.reader.join()
        return self.process.returncode, "".join(self.lines)


def request_id():
    now = int(time.time() * 1000)
    bits = (now << 80) | (7 << 76) | (int.from_bytes(os.urandom(1), "big") << 64) | (2 << 62) \
        | int.from_bytes(os.urandom(7), "big")
    text = f"{bits:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


class Live:
    """One connection that stays open, and whatever credential it has."""

    def __init__(self, hub, cert=None, key=None):
        tls = ssl.create_default_context(cafile=hub.folder + "/ca.crt")
        if cert:
            tls.load_cert_chain(cert + ".crt", cert + ".key")
        host, port = hub.url.split("//")[1].split(":")
        self.connection = http.client.HTTPSConnection(host, int(port), context=tls, timeout=20)
        self.connection.connect()
        self.socket = self.connection.sock
        self.key = key

    def call(self, method, body):
        """(status, answer) over the same connection: an error when it was closed."""
        self.connection.auto_open = 0
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = "Bearer " + self.key
        self.connection.request("POST", "/passerelle.v1." + method, json.dumps(body), headers)
        answer = self.connection.getresponse()
        self.headers = answer.headers
        return answer.status, json.loads(answer.read())

    def stream(self, method, body):
        """Opens a stream; next_event() reads it."""
        message = json.dumps(body).encode()
        self.connection.request("POST", "/passerelle.v1." + method, struct.pack(">BI", 0, len(message)) + message,
                                {"Content-Type": "application/connect+json"})
        self.answer = self.connection.getresponse()
        return self.answer.status

    def next_event(self):
        """(is the last one, message)."""
        head = self.answer.read(5)
        flags, size = struct.unpack(">BI", head)
        return flags & 2 != 0, json.loads(self.answer.read(size))


def parse_metrics(text):
    """The samples of a page in the text format 0.0.4, held against its rules and Prometheus's conventions:
    {(name, labels): value}."""
    samples, types, last = {}, {}, None
    check(text.endswith("\n"), "/metrics does not end with a line end")
    for line in text.splitlines():
        found = re.fullmatch(r"# (HELP|TYPE) ([a-z_][a-z0-9_]*) (.+)", line)
        if found:
            if found.group(1) == "TYPE":
                name, kind = found.group(2), found.group(3)
                check(name not in types, f"{name} has a second TYPE")
                check(kind in ("counter", "gauge", "histogram"), f"{name} is a {kind}")
                check((kind == "counter") == name.endswith("_total"), f"{name} is a {kind}")
                types[name] = kind
                last = name
            else:
                check(found.group(3).endswith("."), f"{line}: no sentence")
            continue
        found = re.fullmatch(r'([a-z_][a-z0-9_]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)+)\})? ([0-9.]+)', line)
        if not found:
            check(False, f"/metrics: not a sample: {line!r}")
            continue
        name, labels, value = found.groups()
        family = name
        if last and types[last] == "histogram" and name in (last + "_bucket", last + "_sum", last + "_count"):
            family = last
        check(family == last, f"{name} stands apart from its family")
        check(family.startswith("passerelle_"), f"{family}: no prefix")
        check(not re.search(r"_(ms|us|ns|pages|kib|mib|minutes)(_|$)", family), f"{family}: not in base units")
        check((name, labels) not in samples, f"{line}: twice")
        samples[name, labels or ""] = float(value)
    for name in (n for n, kind in types.items() if kind == "histogram"):
        buckets = {}
        for (sample, labels), value in samples.items():
            if sample == name + "_bucket":
                rest, le = re.fullmatch(r'(.*?),?le="([^"]+)"', labels).groups()
                buckets.setdefault(rest, []).append((float("inf") if le == "+Inf" else float(le), value))
        for rest, steps in buckets.items():
            check(steps == sorted(steps), f"{name}{{{rest}}}: buckets are not cumulative, in order")
            check(steps[-1][0] == float("inf"), f"{name}: no +Inf")
            check(samples.get((name + "_count", rest)) == steps[-1][1], f"{name}: _count is not the last bucket")
            check((name + "_sum", rest) in samples, f"{name}: no _sum")
    return samples
