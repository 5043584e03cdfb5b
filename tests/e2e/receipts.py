#!/usr/bin/env python3
# tier: quick
"""A visit's receipt: made with `ledger prove`, checked with `ledger check` and by a script that is not our code; each way
in which a file can be wrong has its own sentence."""
import base64
import csv
import io
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from hub import Hub, check, cli, cli_json, command, over, request_id, tmp  # noqa: E402

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
home = os.path.join(tmp, "hub")
command("init", home, "--network", "demo", "--name", "Demo", "--demo", "--clock-rate", "1", "--port", "0")
hub = Hub(home)
cli("profile", "add", "op", "--url", hub.url, "--ca", home + "/ca.crt",
    "--cert", f"{home}/operator-1.crt", "--key", f"{home}/operator-1.key")
cli("network", "import", os.path.join(root, "config/reference"))
issued = csv.DictReader(io.StringIO(cli("--quiet", "pass", "issue").decode()))
cards = [row["number"] for row in issued if row["card_token"]]


def check_in(site):
    for _ in range(20):
        status, answer = hub.call("DeskService/CheckIn", {
            "requestId": request_id(), "siteId": site, "cardNumber": cards.pop()}, cert="operator-1")
        if "visit" in answer:
            return answer["visit"]["visitId"]
    check(False, f"nobody is let in: {status} {answer}")


visits = [check_in("s009") for _ in range(5)]  # open day and night
receipt = os.path.join(tmp, "visit.tlog-proof")
feeds = {feed["feedId"]: feed for feed in cli_json("ledger", "feeds")["feeds"]}
vkey, net = feeds["s009"]["verifierKey"], feeds["net"]["verifierKey"]

# The feed has signed nothing yet: it does now.
said = cli("ledger", "prove", visits[2], "-o", receipt, says="entry 3 of s009").decode()
check(vkey in said, f"prove does not name the key: {said}")
cli("ledger", "check", receipt, "--key", vkey, says="visit_opened")
cli("ledger", "check", receipt, "--key", vkey, says=visits[2])
shown = cli_json("ledger", "check", receipt, "--key", vkey)
check(shown["seq"] == 3 and shown["size"] == 5 and shown["feedId"] == "s009", f"check: {shown}")
proof = cli("ledger", "prove", visits[2])
with open(receipt, "rb") as file:
    check(file.read() == proof, "the file is not what standard output gets")
stranger = os.path.join(root, "tests/vectors/verify-proof.mjs")
done = subprocess.run(["node", stranger, receipt, vkey], capture_output=True, text=True, timeout=30)
check(done.returncode == 0 and "entry 3 of 5" in done.stdout, f"the stranger's script: {done.stdout} {done.stderr}")

cli("ledger", "prove", "01a0f609-b58e-7e4d-8286-6d5370d0be9e", code=1, says="there is no visit")
cli("ledger", "prove", "visit", code=1, says="UUID")
cli("ledger", "prove", visits[0], "--feed", "s001", code=1, says="there is no visit")

# It proves what was written, not that it still counts: that is said.
for method, body, says in (("VoidVisit", {}, "voided later"),
                           ("CorrectVisit", {"resource": "RESOURCE_DESK"}, "a correction took its place")):
    visit = visits.pop()
    hub.call("DeskService/CheckOut", {"requestId": request_id(), "siteId": "s009", "visitId": visit}, cert="operator-1")
    status, answer = hub.call("DeskService/" + method, {"requestId": request_id(), "siteId": "s009", "visitId": visit,
                                                        "reason": "a test", **body}, cert="operator-1")
    check(status == 200, f"{method}: {status} {answer}")
    cli("ledger", "prove", visit, "-o", os.path.join(tmp, "void.tlog-proof"), says=says)

# What is wrong is told apart.
lines = proof.decode().split("\n")
entry, index = lines[1].removeprefix("extra "), lines.index("index 2")


def altered(*changes):
    text = proof.decode()
    for old, new in changes:
        check(old in text, f"{old!r} is not in the receipt")
        text = text.replace(old, new, 1)
    return text


def flipped(text, at):
    """Base64 with one bit of byte `at` changed."""
    data = bytearray(base64.b64decode(text))
    data[at] ^= 1
    return base64.b64encode(data).decode()


signature = lines[-2].split(" ")[2]
root_line = lines[index + 7]  # behind three hashes, an empty line, origin and size
wrong = [
    ("no proof", "hello\n", "its first line"),
    ("cut short", proof.decode()[:len(proof) // 2], "cut short"),
    ("no entry", altered((lines[1] + "\n", "")), "holds no entry"),
    ("another entry", altered((entry, flipped(entry, -1))), "does not show that the entry is number 3"),
    ("another place", altered(("index 2", "index 3")), "does not show that the entry is number 4"),
    ("outside", altered(("index 2", "index 5")), "covers 5"),
    ("another hash", altered((lines[index + 1], flipped(lines[index + 1], 0))), "does not show"),
    ("a hash less", altered((lines[index + 1] + "\n", "")), "does not show"),
    ("another root", altered((root_line, flipped(root_line, 0))), "was changed"),
    ("another signature", altered((signature, flipped(signature, 10))), "was changed"),
    ("another signer", altered((signature, flipped(signature, 0))), "not signed by"),
    ("too long", "c2sp.org/tlog-proof@v1\nindex 0\n" + (lines[index + 1] + "\n") * 65 + "\n", "longer than any"),
    ("no note", altered(("\n\n— ", "\n— ")), "no signed note"),
]
for what, text, says in wrong:
    path = os.path.join(tmp, "wrong.tlog-proof")
    with open(path, "w", newline="") as file:
        file.write(text)
    cli("ledger", "check", path, "--key", vkey, code=6, says=says)
    done = subprocess.run(["node", stranger, path, vkey], capture_output=True, text=True, timeout=30)
    check(done.returncode != 0, f"{what}: the stranger's script is content: {done.stdout}")
cli("ledger", "check", receipt, "--key", net, code=6, says="not signed by")
cli("ledger", "check", receipt, "--key", vkey[:-2], code=2, says="verifier key")
cli("ledger", "check", receipt, code=2, says="whose feed")
cli("ledger", "check", os.path.join(tmp, "absent"), "--key", vkey, code=1, says="cannot be read")
hub.end()
over()
