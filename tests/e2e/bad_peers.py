#!/usr/bin/env python3
# tier: full
# waits 40 s
"""Peers that are not what they should be. For a site: a hub that takes connections and says nothing, one that says a
byte a second, an impostor. For a hub: a push of a gigabyte, certificates that have expired or are of others, and a site
that is revoked while it is inside."""
import gzip
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from hub import Hub, Live, check, cli, cli_json, command, over, request_id, tmp, until  # noqa: E402

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
reference = os.path.join(root, "config/reference")
port = int(os.environ.get("PORTS", "22800"))
SITE = "s009"  # open day and night
home, box = os.path.join(tmp, "hub"), os.path.join(tmp, "box")


def link():
    return site.call("DirectoryService/GetNetwork", {})[1]["siteDaemon"]["link"]


class Bad(threading.Thread):
    """Takes connections and never answers; with `trickle`, a byte a second."""

    def __init__(self, at, trickle):
        super().__init__(daemon=True)
        self.trickle, self.links = trickle, []
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", at))
        self.listener.listen(64)
        self.listener.settimeout(0.5)
        self.ended = False
        self.start()

    def run(self):
        said = time.monotonic()
        while not self.ended:
            try:
                self.links.append(self.listener.accept()[0])
            except TimeoutError:
                pass
            if self.trickle and time.monotonic() - said > 1:
                said = time.monotonic()
                for peer in self.links:
                    try:
                        peer.send(b"\x16")
                    except OSError:
                        pass

    def end(self):
        self.ended = True
        self.join()
        for peer in self.links + [self.listener]:
            peer.close()


SIGNING = """[ca]
default_ca = all
[all]
database = {0}.index
new_certs_dir = {0}.certs
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = client
[any]
commonName = supplied
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectAltName = URI:{1}
"""


def openssl(*words):
    done = subprocess.run(["openssl", *words], capture_output=True, text=True)
    check(done.returncode == 0, f"openssl {words}: {done.stderr}")


def signed(name, authority=home, uri="passerelle://ops/operator/operator-1", first="20260101000000Z", last="20491231000000Z",
           key=home + "/operator-1.key"):
    """A client's certificate; where it is, without .crt."""
    to = os.path.join(tmp, name)
    os.mkdir(to + ".certs")
    open(to + ".index", "w").close()
    with open(to + ".conf", "w") as conf:
        conf.write(SIGNING.format(to, uri))
    shutil.copy(key, to + ".key")
    openssl("req", "-new", "-key", to + ".key", "-subj", "/CN=operator operator-1", "-out", to + ".csr")
    openssl("ca", "-batch", "-notext", "-config", to + ".conf", "-cert", authority + "/ca.crt", "-keyfile",
            authority + "/keys/ca.key", "-startdate", first, "-enddate", last, "-in", to + ".csr", "-out", to + ".crt")
    return to


command("init", home, "--network", "ops", "--name", "Ops", "--demo", "--clock-rate", "1", "--port", str(port))
hub = Hub(home)
cli("profile", "add", "op", "--url", hub.url, "--ca", home + "/ca.crt",
    "--cert", f"{home}/operator-1.crt", "--key", f"{home}/operator-1.key")
cli("network", "import", reference)
command("join", cli("--quiet", "site", "enrol", SITE).decode().split()[0], box, "--port", str(port + 1))
for name in ("site.crt", "keys/site.key", "ca.crt"):
    shutil.copy(os.path.join(box, name), tmp)
cli("credential", "certificate", "desk", SITE, "--out", box + "/tablet")
site = Hub(box)


def decides():
    """A stranger's card is refused: that is a decision."""
    status, answer = site.call("DeskService/CheckIn", {"requestId": request_id(), "siteId": SITE, "cardNumber": "1"},
                               cert="tablet")
    return status == 200 and "refusal" in answer


until("the site follows", lambda: link() == "good")
until("its desk is known", decides)
site.end()

# ---- a hub that is there and says nothing: a join ends with a sentence, a desk waits for five seconds
astray = cli("--quiet", "site", "enrol", "s004", "--hub-address", f"127.0.0.1:{port + 3}").decode().split()[0]
hub.end()
for trickle in (False, True):
    bad = Bad(port, trickle)
    other = Bad(port + 3, trickle)
    began = time.monotonic()
    command("join", astray, os.path.join(tmp, "astray"), code=1, says="run the same command again")
    check(time.monotonic() - began < 50, f"a join waits for {time.monotonic() - began:.0f} s")
    site = Hub(box)
    began = time.monotonic()
    until("the site lets its desks decide", decides, 8)
    until("the site says that its hub is not there", lambda: link() == "unreachable", 60)
    check(time.monotonic() - began < 30, f"a site waits {time.monotonic() - began:.0f} s for a hub that says nothing")
    check(len(bad.links) < 80, f"{len(bad.links)} connections to a hub that says nothing")
    bad.end()
    other.end()
    if not trickle:
        site.end()
hub = Hub(home)
until("the hub is back, and the site with it", lambda: link() == "good", 60)

# ---- another hub answers at its address: nothing is told to it, and desks decide alone
hub.end()
command("init", os.path.join(tmp, "impostor"), "--network", "ops", "--name", "Ops", "--demo", "--clock-rate", "1",
        "--port", str(port))
impostor = Hub(os.path.join(tmp, "impostor"))
state = until("the site sees that it is another", lambda: next(
    (one for one in [site.call("DirectoryService/GetNetwork", {})[1]["siteDaemon"]]
     if one["link"] == "unreachable" and "certificate" in one.get("sentence", "")), None))
check(decides(), f"its desks do not decide: {state}")
check("passerelle_requests_total{" not in impostor.get("/metrics")[1], "the impostor was asked something")
impostor.end()
hub = Hub(home)
until("the site is back with its hub", lambda: link() == "good", 60)

# ---- its certificate expires while it is off: it renews it by its feed's key, and follows
check(site.end()[0] == 0, "the site does not end well")
names = subprocess.run(["openssl", "x509", "-in", box + "/site.crt", "-noout", "-ext", "subjectAltName"], capture_output=True,
                       text=True).stdout
late = signed("late", uri=names.split("URI:")[1].split()[0], last="20260201000000Z", key=box + "/keys/site.key")
shutil.copy(late + ".crt", box + "/site.crt")
site = Hub(box)
check(site.wait_line("event=certificate_renewed") is not None, "an expired certificate is not renewed")
until("the renewed site follows", lambda: link() == "good")
openssl("x509", "-in", box + "/site.crt", "-noout", "-checkend", "86400")

# ---- a push of a gigabyte is refused before it is sent
tls = ssl.create_default_context(cafile=tmp + "/ca.crt")
tls.load_cert_chain(tmp + "/site.crt", tmp + "/site.key")
with socket.create_connection(("127.0.0.1", port), timeout=10) as raw, \
        tls.wrap_socket(raw, server_hostname="localhost") as peer:
    peer.sendall(b"POST /passerelle.v1.LedgerService/PushEntries HTTP/1.1\r\nHost: localhost\r\n"
                 b"Content-Type: application/proto\r\nContent-Length: 1073741824\r\n\r\n")
    head = peer.recv(4096)
    check(b" 429 " in head and b"resource_exhausted" in head, f"a push of 1 GiB: {head[:300]}")


# ---- and one that is small until it is unpacked is refused before it is large

def memory():
    """The most that the hub ever had, in KiB."""
    with open(f"/proc/{hub.process.pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


deflate = zlib.compressobj(9, wbits=-15)
piece = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)  # may be repeated
bomb = gzip.compress(b"")[:10] + piece * 1024 + b"\3\0" + bytes(8)
small = gzip.compress(bytes(1 << 20))
for what, method, kind, coding, body in (
        ("a push", "PushEntries", "application/proto", "Content-Encoding", bomb),
        ("a question for a stream", "Follow", "application/connect+proto", "Connect-Content-Encoding",
         struct.pack(">BI", 1, len(small)) + small)):
    before = memory()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw, \
            tls.wrap_socket(raw, server_hostname="localhost") as peer:
        peer.sendall(f"POST /passerelle.v1.LedgerService/{method} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
                     f"{coding}: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = b""
        while b"}" not in answer and (more := peer.recv(4096)):
            answer += more
    check(b"resource_exhausted" in answer, f"{what} that is a gzip bomb: {answer[:600]}")
    check(memory() - before < 40 * 1024, f"{what} of {len(body)} bytes costs the hub {memory() - before} KiB")
until("it serves on", lambda: link() == "good")

# ---- who is not let in, and who not to that
sited = Live(hub, cert=tmp + "/site")
status, answer = sited.call("NetworkService/ListMembers", {})
check((status, answer.get("code")) == (403, "permission_denied"), f"a site asks for members: {status} {answer}")
sited = Live(hub, cert=tmp + "/site")
status, answer = sited.call("NetworkService/EnrolSite", {"requestId": request_id(), "siteId": SITE})
check((status, answer.get("code")) == (403, "permission_denied"), f"a site enrols: {status} {answer}")
command("init", os.path.join(tmp, "other"), "--network", "other", "--name", "Other", "--demo", "--clock-rate", "1",
        "--port", str(port + 2))

def met(cert):
    """What a client hears that shows this certificate: the alert of TLS, or the hub's sentence."""
    tls = ssl.create_default_context(cafile=home + "/ca.crt")
    tls.load_cert_chain(cert + ".crt", cert + ".key")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw, \
            tls.wrap_socket(raw, server_hostname="localhost") as peer:
        try:
            peer.settimeout(1)
            peer.recv(1)  # a hub that refuses it says so unasked; one that takes it waits
        except TimeoutError:
            status, answer = Live(hub, cert=cert).call("NetworkService/ListMembers", {})
            return f"{status} {answer.get('message')}"
        except ssl.SSLError as error:
            return str(error)
    return "the end of the connection"


# Its own authority says that it is the hub's.
forger = os.path.join(tmp, "forger")
os.makedirs(forger + "/keys")
openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=Passerelle ops",
        "-days", "30", "-keyout", forger + "/keys/ca.key", "-out", forger + "/ca.crt")
for what, cert, says in (("an expired certificate", signed("expired", last="20260201000000Z"), "certificate expired"),
                         ("one that is not yet valid", signed("early", first="20490101000000Z"), "bad certificate"),
                         ("one of another authority", signed("forged", forger), "unknown ca"),
                         ("one of another network", os.path.join(tmp, "other/operator-1"), "unknown ca"),
                         ("one for another network", signed("astray", uri="passerelle://other/operator/operator-1"), "401"),
                         ("one that the hub never gave", signed("made"), "401"),
                         ("an operator's", home + "/operator-1", "200")):
    said = met(cert)
    check(says in said, f"{what} meets: {said}")

# ---- revoked while it is inside: out within a second
sited = Live(hub, cert=tmp + "/site")
check(sited.stream("LedgerService/Follow", {}) == 200, "a site follows")
ends = threading.Event()


def listen():
    try:
        while not sited.next_event()[0]:
            pass
    except Exception:  # whatever the cut looks like
        pass
    ends.set()


threading.Thread(target=listen, daemon=True).start()
for row in cli_json("credential", "list")["credentials"]:
    if row["role"] == "site" and row["party"] == SITE and not int(row.get("revokedUtcMs", 0)):
        cli("credential", "revoke", row["credentialId"])
check(ends.wait(1), "a revoked site is still followed a second later")
until("the site says so", lambda: link() == "refused", 10)
status, answer = Live(hub, cert=tmp + "/site").call("LedgerService/ListFeeds", {})
check(status == 401 and "revoked" in answer["message"], f"a revoked site comes back: {status} {answer}")
site.end()
hub.end()
over()
