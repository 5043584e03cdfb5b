"""A hub for scenarios: the daemon as a process, calls to it as JSON or as raw bytes, the command line,
a phone with its device key, and named checks."""
import atexit
import base64
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../lib"))
import logs  # noqa: E402

root = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
reference = os.path.join(root, "config", "reference")
passerelled, passerelle = os.environ["PASSERELLED"], os.environ["PASSERELLE"]
tmp = os.environ["TMPDIR"]
failures = []


def check(good, what):
    if not good:
        failures.append(what)
        print("  FAILED:", what, flush=True)
    return good


def says(text, words, what):
    """One sentence, with these words in it."""
    return check(words in text, f"{what}: does not say {words!r}: {text!r}")


def row(name):
    """Runs the function now, as a check with a name."""
    def run(function):
        before, start = len(failures), time.monotonic()
        try:
            function()
        except Exception as error:  # a hub that ended breaks the rows behind it too: go on and tell
            check(False, f"{name}: {type(error).__name__}: {error}")
            for hub in Hub.started:
                if hub.process.poll() not in (None, 0):
                    print("".join(hub.log[-5:]))
                    hub.start()
        print(f"{'ok    ' if len(failures) == before else 'FAILED'} {name} "
              f"({time.monotonic() - start:.1f} s)", flush=True)
    return run


@atexit.register
def leave_nothing():
    for hub in Hub.started:
        if hub.process.poll() is None:
            hub.process.kill()


def end():
    print(f"{len(failures)} failures")
    sys.exit(bool(failures))


def request_id():
    bits = int(time.time() * 1000) << 80 | 7 << 76 | int.from_bytes(os.urandom(1), "big") << 64 \
        | 2 << 62 | int.from_bytes(os.urandom(7), "big")
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def daemon(*words, code=0, words_said=""):
    """passerelled to its end."""
    done = subprocess.run([passerelled, *words], capture_output=True, text=True, timeout=120)
    said = done.stdout + done.stderr
    check(done.returncode == code, f"passerelled {words}: {done.returncode}, not {code}: {said}")
    says(said, words_said, f"passerelled {words}")
    return said


def cli(*words, code=0, words_said="", config="cli", timeout=120):
    """passerelle to its end: what it said."""
    done = subprocess.run([passerelle, *words], capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, "PASSERELLE_CONFIG": os.path.join(tmp, config)})
    said = done.stdout + done.stderr
    check(done.returncode == code, f"passerelle {words}: {done.returncode}, not {code}: {said[-500:]}")
    says(said, words_said, f"passerelle {words}")
    return said


class Hub:
    """A state folder and the daemon that serves it."""
    started = []

    def __init__(self, name, *options, settings=""):
        self.folder, self.process, self.log = os.path.join(tmp, name), None, []
        daemon("init", self.folder, "--network", name, "--name", name, "--demo", "--clock-rate", "1",
               "--port", "0", *options)
        with open(self.folder + "/hub.conf", "a") as conf:
            conf.write(settings)

    @classmethod
    def of(cls, folder):
        """A state folder that is there already."""
        hub = cls.__new__(cls)
        hub.folder, hub.process, hub.log = folder, None, []
        return hub

    def start(self, environment=None, profile="cli"):
        self.process = subprocess.Popen([passerelled, "run", self.folder], stderr=subprocess.PIPE,
                                        text=True, env={**os.environ, **(environment or {})})
        port = None
        while port is None:
            line = self.process.stderr.readline()
            if line == "":
                raise RuntimeError(f"the daemon ended with {self.process.wait()}: {self.log[-3:]}")
            self.log.append(line)
            found = re.search(r"event=ready url=https://[^:]*:(\d+)", line)
            port = found and int(found.group(1))
        self.port = port
        with open(self.folder + "/hub.conf") as conf:  # the same one when it is started again
            lines = [line for line in conf if not line.startswith("port =")]
        with open(self.folder + "/hub.conf", "w") as conf:
            conf.writelines(lines + [f"port = {port}\n"])
        if self not in Hub.started:
            Hub.started.append(self)
        threading.Thread(target=self.log.extend, args=(self.process.stderr,), daemon=True).start()
        if os.path.exists(os.path.join(tmp, profile)):
            os.unlink(os.path.join(tmp, profile))
        cli("profile", "add", "hub", "--url", f"https://localhost:{port}", "--ca",
            self.folder + "/ca.crt", "--cert", self.folder + "/operator-1.crt", "--key",
            self.folder + "/operator-1.key", config=profile)
        return self

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(30)

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

    def context(self, cert="operator-1"):
        tls = ssl.create_default_context(cafile=self.folder + "/ca.crt")
        if cert:
            tls.load_cert_chain(f"{self.folder}/{cert}.crt", f"{self.folder}/{cert}.key")
        return tls

    def socket(self, cert="operator-1", timeout=20):
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        return self.context(cert).wrap_socket(raw, server_hostname="localhost")

    def ask(self, path, body=None, cert="operator-1", key=None, head=None):
        """(status, bytes) of one request on a connection of its own."""
        link = http.client.HTTPSConnection("localhost", self.port, timeout=60,
                                           context=self.context(None if key else cert))
        heads = dict(head or {})
        if key:
            heads["Authorization"] = "Bearer " + key
        link.request("GET" if body is None else "POST", path, body, heads)
        answer = link.getresponse()
        got = answer.status, answer.read()
        link.close()
        return got

    def call(self, method, body, **who):
        status, text = self.ask("/passerelle.v1." + method, json.dumps(body).encode(),
                                head={"Content-Type": "application/json"}, **who)
        return status, json.loads(text)

    def write(self, method, body, **who):
        return self.call(method, {"requestId": request_id(), **body}, **who)

    def raw(self, data, cert="operator-1"):
        """(status, text) of whatever bytes."""
        with self.socket(cert) as link:
            link.sendall(data)
            return answer_of(link)

    def now_ms(self):
        """Business time, as every process computes it."""
        with open(self.folder + "/clock") as clock:
            values = dict(re.findall(r"(\w+) = (\d+)", clock.read()))
        return int(values["business_start_utc_ms"]) + (
            int(time.time() * 1000) - int(values["real_start_utc_ms"])) * int(values["rate"])


def answer_of(link):
    got = b""
    try:
        while True:
            more = link.recv(65536)
            got += more
            length = re.search(rb"content-length: *(\d+)", got, re.I)
            head = got.find(b"\r\n\r\n")
            if not more or (length and head >= 0 and len(got) >= head + 4 + int(length.group(1))):
                break
    except (ConnectionResetError, ssl.SSLError):
        pass
    if b" " not in got:
        return 0, ""
    return int(got.split(b" ", 2)[1]), got.split(b"\r\n\r\n", 1)[-1].decode("utf-8", "replace")


def wait_until(condition, seconds=30, step=0.05):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        got = condition()
        if got:
            return got
        time.sleep(step)
    raise RuntimeError("waited in vain")


# ---- a phone, from proto/pass-token.md
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def base45(data):
    text = ""
    for i in range(0, len(data), 2):
        pair = data[i:i + 2]
        number = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            text += ALPHABET[number % 45]
            number //= 45
    return text


def unbase45(text):
    data = b""
    for i in range(0, len(text), 3):
        group = text[i:i + 3]
        number = sum(ALPHABET.index(c) * 45 ** k for k, c in enumerate(group))
        data += number.to_bytes(len(group) - 1, "big")
    return data


class Phone:
    def __init__(self, name):
        self.key = os.path.join(tmp, name + ".pem")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.key], check=True)
        self.public = subprocess.run(["openssl", "pkey", "-in", self.key, "-pubout", "-outform", "DER"],
                                     check=True, capture_output=True).stdout[-32:]

    def sign(self, message):
        path = self.key + ".message"
        with open(path, "wb") as file:
            file.write(message)
        return subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.key, "-in", path],
                              check=True, capture_output=True).stdout

    def activate(self, hub, code):
        number = 0
        for c in code[:26]:
            number = number * 32 + CROCKFORD.index(c)
        signature = self.sign(b"passerelle-activate/v1\0" + number.to_bytes(16, "big"))
        status, answer = hub.write("PassService/Activate", {
            "activationCode": code, "devicePublicKey": base64.b64encode(self.public).decode(),
            "signature": base64.b64encode(signature).decode()}, cert=None)
        check(status == 200, f"Activate: {answer}")
        self.token = unbase45(answer["token"][4:])

    def show(self, second):
        message = b"passerelle-proof/v1\0" + hashlib.sha256(self.token).digest() \
            + second.to_bytes(8, "big")
        return "PP1:" + base45(self.token + second.to_bytes(4, "big") + self.sign(message))
