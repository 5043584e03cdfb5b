#!/usr/bin/env python3
# tier: quick
"""Feeds as C2SP tlog-tiles: curl and a script that is not our code read them as those may who may read entries; checkpoints
are everyone's."""
import csv
import io
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from hub import Hub, check, cli, cli_json, command, over, request_id, tmp  # noqa: E402

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
home = os.path.join(tmp, "hub")
stranger = os.path.join(root, "tests/vectors/verify-tiles.mjs")
command("init", home, "--network", "demo", "--name", "Demo", "--demo", "--clock-rate", "1", "--port", "0")
hub = Hub(home)
cli("profile", "add", "op", "--url", hub.url, "--ca", home + "/ca.crt",
    "--cert", f"{home}/operator-1.crt", "--key", f"{home}/operator-1.key")
cli("network", "import", os.path.join(root, "config/reference"))
issued = csv.DictReader(io.StringIO(cli("--quiet", "pass", "issue").decode()))
cards = [row["number"] for row in issued if row["card_token"]]
for number in cards[:12]:
    hub.call("DeskService/CheckIn", {"requestId": request_id(), "siteId": "s009", "cardNumber": number}, cert="operator-1")
cli("credential", "certificate", "desk", "s009", "--out", home + "/desk")
key = cli("--quiet", "credential", "key", "auditor", "a001").decode().split()[0]
feeds = {feed["feedId"]: feed for feed in cli_json("ledger", "feeds")["feeds"]}


def curl(path, *options, who=None):
    """(status, headers, body)"""
    shown = {"operator": ("--cert", f"{home}/operator-1.crt", "--key", f"{home}/operator-1.key"),
             "desk": ("--cert", home + "/desk.crt", "--key", home + "/desk.key"),
             "auditor": ("-H", "Authorization: Bearer " + key)}.get(who, ())
    done = subprocess.run(["curl", "-s", "-i", "--cacert", home + "/ca.crt", *shown, *options, hub.url + "/tlog/" + path],
                          capture_output=True, timeout=20)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return int(lines[0].split()[1]), {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}, body


def expect(path, status, *options, who=None, **headers):
    got, said, body = curl(path, *options, who=who)
    check(got == status, f"{path} as {who}: {got}, not {status}: {body[:300]}")
    for name, value in headers.items():
        check(said.get(name.replace("_", "-")) == value, f"{path} as {who}: {name} is {said.get(name.replace('_', '-'))!r}")
    return said, body


# Everyone has checkpoints, by the feed's name and by its origin; they are signed when somebody asks.
_, note = expect("s009/checkpoint", 200, content_type="text/plain; charset=utf-8", cache_control="no-cache")
check(note.startswith(feeds["s009"]["origin"].encode() + b"\n"), f"no checkpoint: {note}")
check(expect(feeds["s009"]["origin"] + "/checkpoint", 200)[1] == note, "the origin has another checkpoint")
check(note.decode() == cli_json("ledger", "checkpoint", "s009")["checkpoint"], "GetCheckpoint gives another")
size = int(note.split(b"\n")[1])

# Tiles are for those who may read the entries, and for ever.
for_ever = "private, max-age=31536000, immutable"
partial = f"s009/tile/0/000.p/{size}"
for who in ("operator", "desk", "auditor"):
    _, tile = expect(partial, 200, who=who, content_type="application/octet-stream", cache_control=for_ever)
    check(len(tile) == 32 * size, f"a tile of {len(tile)} bytes")
expect(partial, 401, content_type="application/json")
expect(f"s009/tile/entries/000.p/{size}", 401)
expect("s010/tile/0/000", 403, who="desk")
expect("books/tile/0/000", 403, who="desk")
said, tile = expect("net/tile/0/000", 200, "-H", "Accept-Encoding: gzip", who="desk", cache_control=for_ever)
check(len(tile) == 8192 and "content-encoding" not in said, f"a tile of hashes: {len(tile)} {said}")
said, plain = expect("net/tile/entries/000", 200, who="desk", cache_control=for_ever, vary="Accept-Encoding")
check("content-encoding" not in said, "gzip for those who did not ask")
said, packed = expect("net/tile/entries/000", 200, "-H", "Accept-Encoding: gzip", who="desk", content_encoding="gzip")
check(len(packed) < len(plain), f"gzip makes {len(plain)} bytes {len(packed)}")
said, body = expect("net/tile/0/000", 200, "-I", who="desk", content_length="8192")
check(body == b"", "HEAD has a body")

# What is not there, and what is not done.
for path in ("s009/tile/0/000", f"s009/tile/0/000.p/{size + 1}", "s009/tile/1/000.p/1", "s009/tile/0/0", "s009/tile/64/000",
             "s009/tile/0/000.p/256", "s009/tile/entries/001", "s009/tile", "s009", "", "s999/checkpoint", "net/tile/0/x001/000"):
    expect(path, 404, who="operator")
expect("s999/tile/0/000", 404)
for method in ("POST", "PUT", "DELETE"):
    expect("net/tile/0/000", 405, "-X", method, allow="GET, HEAD")

# A stranger rebuilds the trees.
as_operator = (f"{home}/operator-1.crt", f"{home}/operator-1.key")


def read_all(feed, *credential, good=True):
    done = subprocess.run(["node", stranger, f"{hub.url}/tlog/{feed}", feeds[feed]["verifierKey"], home + "/ca.crt",
                           *credential], capture_output=True, text=True, timeout=60)
    check((done.returncode == 0) == good, f"{feed}: the stranger: {done.stdout} {done.stderr}")
    return done.stdout


for feed in ("net", "books", "s009"):
    said = read_all(feed, *as_operator)
    check(f"{feed}: {cli_json('ledger', 'checkpoint', feed)['checkpoint'].splitlines()[1]} entries" in said, said)
check("2 levels" in read_all("net", home + "/desk.crt", home + "/desk.key"), "net has no second level")
read_all("s009", key)
read_all("books", home + "/desk.crt", home + "/desk.key", good=False)
hub.call("DeskService/CheckIn", {"requestId": request_id(), "siteId": "s009", "cardNumber": cards[13]}, cert="operator-1")
check(f"{size + 1} entries" in read_all("s009", key), "the tree has not grown")
hub.end()
over()
