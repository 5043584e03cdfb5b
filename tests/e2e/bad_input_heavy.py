#!/usr/bin/env python3
# tier: full
# plain builds only
# alone
"""The heavy rows of bad input: 10,000 idle connections, and a CSV of a million lines."""
import csv
import os
import resource
import select
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "bad_input"))
from hub import *  # noqa: F403

CONNECTIONS = int(os.environ.get("CONNECTIONS", "10000"))
LINES = int(os.environ.get("LINES", "1000000"))

hub = Hub("hub", settings="connections = 2048\nconnections_per_address = 2048\nidle_s = 3600\n").start()
cli("network", "import", reference)


@row("10,000 idle connections: bounded memory, the oldest are cut, live ones work on")
def _():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = CONNECTIONS
    if hard != resource.RLIM_INFINITY and hard < count + 200:
        count = hard - 200
        print(f"    scaled down to {count}: this user may have {hard} files open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, count + 200)), hard))
    before = hub.rss_kib()
    tls = hub.context(None)
    live = http.client.HTTPSConnection("localhost", hub.port, context=hub.context(), timeout=30)
    slowest, idle, peak = 0, [], 0
    # Greetings that resume a session are three times as cheap, for both sides.
    with tls.wrap_socket(socket.create_connection(("127.0.0.1", hub.port), timeout=30),
                         server_hostname="localhost") as first:
        first.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        answer_of(first)
        session = first.session

    def use():
        nonlocal slowest
        start = time.monotonic()
        live.request("GET", "/healthz")
        answer = live.getresponse()
        check(answer.read() == b"ok\n", "the live connection")
        slowest = max(slowest, time.monotonic() - start)

    use()
    socket_kept = live.sock
    for i in range(count):
        raw = socket.create_connection(("127.0.0.1", hub.port), timeout=30)
        link = tls.wrap_socket(raw, server_hostname="localhost", session=session)
        idle.append(link)
        if i % 500 == 499:
            use()
            peak = max(peak, hub.rss_kib())
    check(live.sock is socket_kept, "the live connection was cut")
    watch = select.poll()
    for link in idle:
        watch.register(link.fileno(), select.POLLRDHUP | select.POLLHUP)
    time.sleep(0.5)
    cut = {fd for fd, _ in watch.poll(0)}
    gone = [link.fileno() in cut for link in idle]
    check(not any(gone[-1000:]), "young connections were cut")
    check(all(gone[:count - 3000]), "old connections were kept")
    kept = gone.count(False)
    check(kept <= 2048, f"{kept} are open, where 2048 may be")
    print(f"    {count} connections, {kept} kept; resident {before} KiB before, {peak} KiB at most; the "
          f"live one waited {slowest * 1000:.0f} ms at most")
    check(peak - before < 2048 * 64, f"{peak - before} KiB for 2048 connections")
    for link in idle:
        link.close()
    live.close()
    cli("status", words_said="120 sites")


@row("a CSV of a million lines")
def _():
    with open(os.path.join(reference, "visits-2026-10.csv")) as file:
        known = list(csv.DictReader(file))
    path = os.path.join(tmp, "million.csv")
    with open(path, "w") as file:
        file.write(",".join(known[0]) + "\n")
        for i in range(LINES):
            file.write(",".join(known[i % len(known)].values()) + "\n")
    with open(path) as file:  # a bad line at the very end: nothing of it all may be recorded
        text = file.read()
    bad = os.path.join(tmp, "million-and-one.csv")
    with open(bad, "w") as file:
        file.write(text + text.splitlines()[1].replace("s", "x", 1) + "\n")
    start = time.monotonic()
    said = cli("visit", "import", bad, code=6, timeout=600, words_said="nothing was recorded")
    says(said, f"{bad}:{LINES + 2}: ", "the bad line")
    print(f"    looked through in {time.monotonic() - start:.0f} s")
    start, before = time.monotonic(), hub.rss_kib()
    added = min(LINES, len(known))  # told twice with the same content counts once
    cli("visit", "import", path, timeout=600,
        words_said=f"{LINES} lines: {added} added, {LINES - added} unchanged, 0 refused")
    print(f"    recorded in {time.monotonic() - start:.0f} s; resident {before} KiB before, "
          f"{hub.rss_kib()} KiB after")
    check(hub.rss_kib() < 256 * 1024, f"{hub.rss_kib()} KiB")
    os.unlink(path)
    os.unlink(bad)


@row("in the end everything verifies")
def _():
    check(hub.end() == 0, "the daemon did not stop well")
    daemon("check", hub.folder, words_said="equal to a replay of all feeds")


end()
