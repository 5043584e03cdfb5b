"""A demonstration hub as a process, with the reference network in it, for scenarios that load it."""
import csv
import http.client
import io
import json
import os
import random
import re
import ssl
import subprocess
import threading
import time

root = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
passerelled, passerelle = os.environ["PASSERELLED"], os.environ["PASSERELLE"]
tmp = os.environ["TMPDIR"]
hub = os.path.join(tmp, "hub")
log_path = os.path.join(tmp, "hub.log")
seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
lock = threading.Lock()
chance = random.Random(seed)
port = int(os.environ.get("PORTS", 0)) or chance.randrange(20000, 32000)
tls = None


def bits(count):
    with lock:
        return chance.getrandbits(count)


def one_of(things):
    return things[bits(20) % len(things)]


def uuid7():
    number = int(time.time() * 1000) << 80 | 7 << 76 | bits(12) << 64 | 2 << 62 | bits(62)
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def connect(at=None, who=None):
    """To the hub, as an operator; or to another daemon's port, or as somebody else."""
    return http.client.HTTPSConnection("localhost", at or port, context=who or tls, timeout=20)


def get(connection, path):
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read()


def call(connection, method, body):
    connection.request("POST", "/passerelle.v1." + method, json.dumps(body),
                       {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def cli(*words):
    return subprocess.run([passerelle, *words], check=True, capture_output=True, text=True,
                          env={**os.environ, "PASSERELLE_CONFIG": os.path.join(tmp, "cli")}).stdout


def init(name):
    global tls
    subprocess.run([passerelled, "init", hub, "--network", name, "--name", name.title(), "--demo",
                    "--clock-rate", "1", "--port", str(port)], check=True, capture_output=True)
    with open(os.path.join(hub, "hub.conf"), "a") as conf:  # all the load comes from one caller
        conf.write("caller_calls_s = 0\n")
    tls = identity(os.path.join(hub, "operator-1"))


def identity(path):
    """Of a certificate and a key of this network."""
    context = ssl.create_default_context(cafile=os.path.join(hub, "ca.crt"))
    context.load_cert_chain(path + ".crt", path + ".key")
    return context


def spawn(folder):
    """Runs the daemon of a folder. It logs to log_path."""
    with open(log_path, "ab") as log:
        return subprocess.Popen([passerelled, "run", folder], stdout=log, stderr=log)


def start(folder=hub, at=None):
    """Runs a daemon, the hub unless said, until it answers."""
    process = spawn(folder)
    deadline = time.time() + 60
    while time.time() < deadline and process.poll() is None:
        try:
            if get(connect(at), "/healthz")[0] == 200:
                return process
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"passerelled does not answer ({process.poll()}): see hub.log")


def fill(name):
    """Imports the reference network; (cards, sites that are always open)."""
    cli("profile", "add", name, "--url", f"https://localhost:{port}", "--ca", os.path.join(hub, "ca.crt"),
        "--cert", os.path.join(hub, "operator-1.crt"), "--key", os.path.join(hub, "operator-1.key"))
    cli("network", "import", os.path.join(root, "config", "reference"))
    issued = csv.DictReader(io.StringIO(cli("--quiet", "pass", "issue")))
    cards = [row["number"] if "number" in row else row["pass_number"] for row in issued if row["card_token"]]
    sites = [site["siteId"] for site in json.loads(cli("--json", "site", "list"))["sites"]
             if site.get("openingHours") == "24/7"]
    if not cards or not sites:
        raise SystemExit("no card or no site to check in at")
    return cards, sites


def check(folder=hub):
    """What `passerelled check` says of a folder, the hub's unless said: (good, text)."""
    done = subprocess.run([passerelled, "check", folder], capture_output=True, text=True)
    return done.returncode == 0, done.stdout + done.stderr


def log_counts(event):
    with open(log_path, encoding="utf-8") as log:
        return len(re.findall(rf"event={event}\b", log.read()))
