#!/usr/bin/env python3
# tier: full
"""Two sites with daemons of their own export what they were told. An honest hub is told to be one; a hub that gave them
different histories, here one state folder that lived twice, is proven a liar, and a stranger's script agrees."""
import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from hub import Hub, check, cli, cli_json, command, over, tmp  # noqa: E402

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
home, other = os.path.join(tmp, "hub"), os.path.join(tmp, "other")
base_port = int(os.environ.get("PORTS", "22100"))
stranger = os.path.join(root, "tests/vectors/verify-contradiction.mjs")
command("init", home, "--network", "demo", "--name", "Demo", "--demo", "--clock-rate", "3600", "--port", str(base_port))


def profile(name, at):
    """Of the operator, who may read at sites too."""
    cli("profile", "add", name, "--url", at.url, "--ca", home + "/ca.crt",
        "--cert", f"{home}/operator-1.crt", "--key", f"{home}/operator-1.key")


def anchored(at, site, times):
    """Until the site wrote so often into its own feed which head of net it saw, and has the hub's receipt."""
    for _ in range(400):
        state = at.call("DirectoryService/GetNetwork", {})[1]["siteDaemon"]
        if int(state.get("ownSize", 0)) >= times and state.get("receiptSize") == state["ownSize"]:
            return
        time.sleep(0.05)
    check(False, f"{site} is not caught up: {state} {at.lines[-5:]}")


def anchored_again(at, site, version):
    """It does so each hour, a second of this clock, when net has moved."""
    time.sleep(1.2)
    cli("charter", "publish", "--version", version, "--valid-from", "2027-03-01", "--text", f"Be kind to {site}.")
    anchored(at, site, 2)


def join(site, number, code):
    box = os.path.join(tmp, site)
    command("join", code, box, "--port", str(base_port + number))
    shutil.copy(home + "/ca.crt", box)
    at = Hub(box)
    anchored(at, site, 1)
    profile(site, at)
    return at


def export(name):
    folder = os.path.join(tmp, "export-" + name)
    cli("ledger", "export", folder, profile=name)
    return folder


def compare(*words, **how):
    return cli("ledger", "compare", *words, **how).decode()


hub = Hub(home)
profile("op", hub)
cli("network", "import", os.path.join(root, "config/reference"))
codes = {site: cli("--quiet", "site", "enrol", site).decode().split()[0] for site in ("s009", "s010", "s011", "s012")}

# ---- an honest hub
first = join("s009", 1, codes["s009"])
second = join("s010", 2, codes["s010"])
honest = [export("s009"), export("s010"), export("op")]

def checkpoints(said):
    """Of net, in each folder; how many hours pass while the second site joins is not said."""
    found = re.search(r"demo/net: (\d+) and (\d+) checkpoints", said)
    return [int(n) for n in found.groups()] if found else [0, 0]


said = compare(honest[0], honest[1])
two = checkpoints(said)
check(min(two) >= 2, f"two sites: {said}")
said = compare(honest[0], honest[2])
check(checkpoints(said)[0] == two[0] and checkpoints(said)[1] >= two[0] and "demo/s009" in said,
      f"a site and the hub: {said}")
check(not os.path.exists("evidence.json"), "evidence against an honest hub")
logs = {log["origin"]: log for log in cli_json("ledger", "compare", *honest[:2])["logs"]}
check(logs["passerelle.example/demo/net"]["checkpoints"] == two, f"as JSON: {logs}")
compare(honest[0], honest[0], says="can all be true")
compare(honest[0], os.path.join(tmp, "absent"), code=1, says="cannot be read")
compare(honest[0], code=2, says="which two")
compare(honest[0], home, code=1, says="not as `passerelle ledger export` made it")
broken = os.path.join(tmp, "broken")
shutil.copytree(honest[0], broken)
with open(broken + "/net/checkpoint", "ab") as file:
    file.write(bytes(70000))
compare(honest[0], broken, code=1, says="at most 64 KiB")
shutil.rmtree(broken + "/net")
shutil.rmtree(broken + "/s009")  # which would have told what it was shown
for order in ((honest[2], broken), (broken, honest[2])):
    compare(*order, code=1, says="demo/net is not compared: there is no checkpoint of it in " + broken)
first.end()
second.end()

# ---- the same hub's past goes on in two ways: s011 is told one, s012 the other
hub.end()
shutil.copytree(home, other)
hub = Hub(home)
cli("charter", "publish", "--version", "1", "--valid-from", "2027-01-01", "--text", "Be kind.")
third = join("s011", 3, codes["s011"])
anchored_again(third, "s011", "2")
told = [export("s011")]
hub.end()
shutil.rmtree(home)
shutil.copytree(other, home)
hub = Hub(home)
for version in ("1", "2"):
    cli("charter", "publish", "--version", version, "--valid-from", "2027-02-01", "--text", "Be quick.")
fourth = join("s012", 4, codes["s012"])
anchored_again(fourth, "s012", "3")
told.append(export("s012"))
evidence = os.path.join(tmp, "evidence.json")
for order in (told, told[::-1]):
    if os.path.exists(evidence):
        os.remove(evidence)
    compare(*order, "--out", evidence, code=6, says="shown in two histories")
    done = subprocess.run(["node", stranger, evidence], capture_output=True, text=True, timeout=30)
    check(done.returncode == 0 and "demo/net signed" in done.stdout, f"the stranger: {done.stdout} {done.stderr}")
compare(*told, "--out", evidence, code=1, says="exists")

# ---- a site that began with a snapshot exports no net: what it wrote down is enough
shutil.rmtree(told[0] + "/net")
key = next(feed["verifierKey"] for feed in cli_json("ledger", "feeds")["feeds"] if feed["feedId"] == "net")
os.remove(evidence)
compare(*told, "--key", key, "--out", evidence, code=6, says="s011, entry")
with open(evidence) as file:
    proof = json.load(file)
where = [proof[part]["toldIn"] for part in ("first", "second")]
check("s011, entry" in where[0] and "s012, entry" in where[1], f"it does not say who: {where}")

# ---- evidence that proves nothing is seen through
for name, change in {
    "another size": lambda p: p["first"].update(checkpoint=p["first"]["checkpoint"].replace("\n", "\n1", 1)),
    "one note twice": lambda p: p.update(first=p["second"], rootInSecond=p["second"]["checkpoint"].split("\n")[2]),
    "another root": lambda p: p.update(rootInSecond=p["first"]["checkpoint"].split("\n")[2]),
    "another key": lambda p: p.update(verifierKey=p["verifierKey"][:-4] + "AAA="),
}.items():
    forged = json.loads(json.dumps(proof))
    change(forged)
    with open(evidence, "w") as file:
        json.dump(forged, file)
    done = subprocess.run(["node", stranger, evidence], capture_output=True, text=True, timeout=30)
    check(done.returncode != 0, f"{name}: the stranger is content: {done.stdout}")
for at in (third, fourth, hub):
    at.end()
over()
