#!/usr/bin/env python3
"""Raw sockets against echo-server: what no well-behaved client sends.
Usage: transport_test.py ECHO_SERVER PEER_CHECK [unittest arguments]"""
import base64
import gzip
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import unittest

SERVER = None
PEER = None
ECHO = "/passerelle.test.v1.EchoService/"


class Server:
    """One echo-server with its own settings and certificates."""

    def __init__(self, **settings):
        self.dir = tempfile.TemporaryDirectory()
        args = [SERVER, self.dir.name] + [f"{k}={v}" for k, v in settings.items()]
        self.process = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.port = int(self.process.stdout.readline().split()[1])

    def say(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def counts(self):
        return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", self.say("counts"))}

    def rss_kib(self):
        """Resident memory; 0 under a sanitizer, whose own memory would be measured."""
        with open(SERVER, "rb") as program:
            if re.search(rb"__[at]san_init", program.read()):
                return 0
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

    def stop(self):
        self.process.stdin.close()
        code = self.process.wait(20)
        self.process.stdout.close()
        self.dir.cleanup()
        return code


class Link:
    """One TLS connection and a very small HTTP reader."""

    def __init__(self, server, cert=None, context=None, session=None, address="127.0.0.1"):
        self.server = server
        if context is None:
            context = ssl.create_default_context(cafile=server.dir.name + "/ca.pem")
            if cert:
                context.load_cert_chain(f"{server.dir.name}/{cert}.pem", f"{server.dir.name}/{cert}.key")
        raw = socket.create_connection((address, server.port), timeout=20)
        self.socket = context.wrap_socket(raw, server_hostname="localhost", session=session)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def more(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return len(data) > 0

    def until(self, mark):
        while mark not in self.buffer:
            if not self.more():
                raise EOFError(self.buffer)
        head, self.buffer = self.buffer.split(mark, 1)
        return head

    def exactly(self, count):
        while len(self.buffer) < count:
            if not self.more():
                raise EOFError(self.buffer)
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def head(self):
        lines = self.until(b"\r\n\r\n").decode().split("\r\n")
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
        return int(lines[0].split()[1]), headers

    def reply(self, head_only=False):
        status, headers = self.head()
        body = b""
        if head_only or status == 100:
            pass
        elif headers.get("transfer-encoding") == "chunked":
            body = b"".join(self.chunks())
        else:
            body = self.exactly(int(headers["content-length"]))
        return status, headers, body

    def chunk(self):
        size = int(self.until(b"\r\n"), 16)
        data = self.exactly(size)
        self.exactly(2)
        return data

    def chunks(self):
        while (data := self.chunk()) != b"":
            yield data

    def is_closed(self, wait_s=3):
        self.socket.settimeout(wait_s)
        try:
            return self.buffer == b"" and self.socket.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    def close(self):
        self.socket.close()


def post(method, body=b"{}", content_type="application/json", extra=""):
    body = body.encode() if isinstance(body, str) else body
    return (f"POST {ECHO}{method} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
            f"{extra}Content-Length: {len(body)}\r\n\r\n").encode() + body


def envelope(message, flags=0):
    return struct.pack(">BI", flags, len(message)) + message


def envelopes(body):
    out = []
    at = 0
    while at < len(body):
        flags, size = struct.unpack_from(">BI", body, at)
        out.append((flags, body[at + 5:at + 5 + size]))
        at += 5 + size
    return out


class Base(unittest.TestCase):
    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.server = Server(**cls.settings)

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0

    def link(self, **kwargs):
        link = Link(self.server, **kwargs)
        self.addCleanup(link.close)
        return link

    def ask(self, data, **kwargs):
        link = self.link(**kwargs)
        link.send(data)
        return link.reply()

    def check(self, data, status, code=None, **kwargs):
        got, headers, body = self.ask(data, **kwargs)
        self.assertEqual(got, status, body)
        if code:
            self.assertEqual(headers["content-type"], "application/json")
            self.assertEqual(json.loads(body)["code"], code)
            self.assertGreater(len(json.loads(body)["message"]), 10)
        return headers, body


class Statuses(Base):
    def test_table(self):
        big = "x" * 20000
        rows = [
            # request, status, code
            (b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404, "unimplemented"),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 404, "unimplemented"),
            (b"POST /passerelle.test.v1.Nobody/Echo HTTP/1.1\r\nHost: x\r\n\r\n", 404, "unimplemented"),
            (post("Missing"), 501, "unimplemented"),
            (post("Echo/more"), 404, "unimplemented"),
            (f"DELETE {ECHO}Echo HTTP/1.1\r\nHost: x\r\n\r\n", 405, "unknown"),
            (f"GET {ECHO}Record HTTP/1.1\r\nHost: x\r\n\r\n", 405, "unknown"),
            (f"GET {ECHO}Count HTTP/1.1\r\nHost: x\r\n\r\n", 405, "unknown"),
            ("DELETE /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 405, "unknown"),
            (post("Echo", content_type="image/jpeg"), 415, "unknown"),
            (post("Echo", content_type="application/connect+json"), 415, "unknown"),
            (post("Count", content_type="application/json"), 415, "unknown"),
            (post("Echo", extra="Connect-Protocol-Version: 2\r\n"), 400, "invalid_argument"),
            (post("Echo", extra="Connect-Timeout-Ms: 12345678901\r\n"), 400, "invalid_argument"),
            (post("Echo", extra="Connect-Timeout-Ms: 1s\r\n"), 400, "invalid_argument"),
            (post("Echo", extra="Content-Encoding: br\r\n"), 501, "unimplemented"),
            (post("Echo", b"{"), 400, "invalid_argument"),
            (post("Echo", b""), 400, "invalid_argument"),
            (post("Echo", b'{"nothing":1}'), 400, "invalid_argument"),
            (post("Echo", b'{"text":1}'), 400, "invalid_argument"),
            (post("Echo", b'{"number":"9223372036854775808"}'), 400, "invalid_argument"),
            (post("Echo", b"\x0a\x05abc", "application/proto"), 400, "invalid_argument"),
            (post("Echo", b"\x0a\x02\xff\xfe", "application/proto"), 400, "invalid_argument"),
            (post("Echo", b"\x1f\x8bnot gzip", extra="Content-Encoding: gzip\r\n"), 400, "invalid_argument"),
            (post("Record", json.dumps({"text": "x" * 4096})), 429, "resource_exhausted"),
            (post("Record", b"x" * 2000000), 429, "resource_exhausted"),
            (post("Record", gzip.compress(json.dumps({"text": "x" * 400000}).encode()),
                  extra="Content-Encoding: gzip\r\n"), 429, "resource_exhausted"),
            (post("Secret"), 401, "unauthenticated"),
            (post("Secret", extra="Authorization: Bearer employer-key\r\n"), 403, "permission_denied"),
            (post("Echo", extra="Authorization: Bearer nonsense\r\n"), 401, "unauthenticated"),
            (post("Echo", extra="Authorization: Basic eDp5\r\n"), 401, "unauthenticated"),
            ("GET /private/x HTTP/1.1\r\nHost: x\r\n\r\n", 401, "unauthenticated"),
            ("GET /upload HTTP/1.1\r\nHost: x\r\n\r\n", 405, "unknown"),
            ("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 2049\r\n\r\n" + "x" * 2049, 413, "resource_exhausted"),
            ("POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n801\r\n" + "x" * 2049, 413,
             "resource_exhausted"),
            # HTTP itself
            (b"\x00\x01\x02\r\n\r\n", 400, "invalid_argument"),
            (b"GET /healthz HTTP/1.1\r\n\r\n", 400, "invalid_argument"),
            (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "invalid_argument"),
            (b"GET /healthz HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400, "invalid_argument"),
            (b"FROB /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 501, "unimplemented"),
            (b"GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n", 505, "unimplemented"),
            (f"GET /{big} HTTP/1.1\r\nHost: a\r\n\r\n", 414, "resource_exhausted"),
            (f"GET /healthz HTTP/1.1\r\nHost: a\r\nX: {big}\r\n\r\n", 431, "resource_exhausted"),
            ("GET /healthz HTTP/1.1\r\nHost: a\r\n" + "X: y\r\n" * 100 + "\r\n", 431, "resource_exhausted"),
            (b"GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417, "invalid_argument"),
        ]
        for request, status, code in rows:
            with self.subTest(request=request[:90]):
                self.check(request, status, code)

    def test_smuggling(self):
        start = f"POST {ECHO}Echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        for headers in ["Content-Length: 2\r\nContent-Length: 2\r\n",
                        "Content-Length: 2\r\nContent-Length: 3\r\n",
                        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
                        "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
                        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                        "Transfer-Encoding: chunked, identity\r\n",
                        "Transfer-Encoding: gzip, chunked\r\n",
                        "Transfer-Encoding: xchunked\r\n",
                        "Content-Length: -2\r\n", "Content-Length: +2\r\n",
                        "Content-Length: 2 2\r\n", "Content-Length: 99999999999999999999999\r\n",
                        "Content-Length : 2\r\n"]:
            with self.subTest(headers=headers):
                link = self.link()
                link.send(start + headers + "\r\n{}GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                status, _, _ = link.reply()
                self.assertEqual(status, 400)
                self.assertTrue(link.is_closed(), "what follows must not be served")

    def test_allow_and_accept_post(self):
        headers, _ = self.check(f"DELETE {ECHO}Echo HTTP/1.1\r\nHost: x\r\n\r\n", 405)
        self.assertEqual(headers["allow"], "GET, HEAD, POST")
        headers, _ = self.check(f"PUT {ECHO}Record HTTP/1.1\r\nHost: x\r\n\r\n", 405)
        self.assertEqual(headers["allow"], "POST")
        headers, _ = self.check(post("Echo", content_type="text/html"), 415)
        self.assertEqual(headers["accept-post"], "application/proto, application/json")
        headers, body = self.check(post("Echo", extra="Content-Encoding: br\r\n"), 501)
        self.assertIn("gzip", headers["accept-encoding"])
        self.assertIn("gzip", json.loads(body)["message"])

    def test_error_details(self):
        headers, body = self.check(post("Fail", '{"code":"unavailable"}'), 503, "unavailable")
        self.assertEqual(headers["retry-after"], "1")
        detail = json.loads(body)["details"][0]
        self.assertEqual(detail["type"], "passerelle.test.v1.FailDetail")
        self.assertEqual(detail["debug"], {"field": 'qu"ota', "limit": "9007199254740993"})
        self.assertNotIn("=", detail["value"])
        self.assertEqual(base64.b64decode(detail["value"] + "==")[:2], b"\x0a\x06")

    def test_head_and_date(self):
        link = self.link()
        link.send("HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        status, headers, _ = link.reply(head_only=True)
        self.assertEqual((status, headers["content-length"]), (200, "3"))
        self.assertRegex(headers["date"], r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")
        self.assertEqual(link.reply()[2], b"ok\n")

    def test_http10_and_close(self):
        link = self.link()
        link.send("GET /healthz HTTP/1.0\r\n\r\n")
        status, headers, body = link.reply()
        self.assertEqual((status, headers["connection"], body), (200, "close", b"ok\n"))
        self.assertTrue(link.is_closed())
        link = self.link()
        link.send("GET http://x/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertEqual(link.reply()[0], 200)
        self.assertTrue(link.is_closed())


class Unary(Base):
    def test_pipelining_in_order(self):
        link = self.link()
        link.send(b"".join(post("Record" if i % 3 == 0 else "Echo", json.dumps({"text": str(i)}))
                           for i in range(200)))
        for i in range(200):
            status, _, body = link.reply()
            self.assertEqual((status, json.loads(body)["text"]), (200, str(i)))

    def test_byte_by_byte(self):
        link = self.link()
        for byte in post("Echo", '{"text":"slow"}', extra="X-Y: z\r\n"):
            link.send(bytes([byte]))
        self.assertEqual(json.loads(link.reply()[2])["text"], "slow")

    def test_refused_body_keeps_connection(self):
        link = self.link()
        link.send(post("Secret", b"x" * 3000) + post("Echo", '{"text":"next"}'))
        self.assertEqual(link.reply()[0], 401)
        self.assertEqual(json.loads(link.reply()[2])["text"], "next")

    def test_chunked_and_continue(self):
        link = self.link()
        head = (f"POST {ECHO}Echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                "Transfer-Encoding: chunked\r\n")
        link.send(head + "\r\n5\r\n{\"tex\r\n8;a=b\r\nt\":\"yes\"\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n")
        self.assertEqual(json.loads(link.reply()[2])["text"], "yes")
        link.send(head + "Expect: 100-continue\r\n\r\n")
        self.assertEqual(link.reply()[0], 100)
        link.send("2\r\n{}\r\n0\r\n\r\n")
        self.assertEqual(link.reply()[0], 200)
        link.send(head.replace("/Echo ", "/Secret ") + "Expect: 100-continue\r\n\r\n")
        self.assertEqual(link.reply()[0], 401)  # and no 100 before
        self.assertTrue(link.is_closed())

    def test_too_large_by_chunks(self):
        link = self.link()
        link.send(f"POST {ECHO}Record HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            link.send(b"7d0\r\n" + b"x" * 2000 + b"\r\n")
        self.assertEqual(link.reply()[0], 429)

    def test_gzip(self):
        text = "t" * 5000
        body = gzip.compress(json.dumps({"text": text}).encode())
        _, headers, got = self.ask(post("Echo", body, extra="Content-Encoding: gzip\r\n"))
        self.assertEqual(headers["content-encoding"], "gzip")
        self.assertEqual(json.loads(gzip.decompress(got))["text"], text)
        _, headers, got = self.ask(post("Echo", body, extra="Content-Encoding: gzip\r\n"
                                        "Accept-Encoding: identity\r\n"))
        self.assertNotIn("content-encoding", headers)
        _, headers, _ = self.ask(post("Echo", json.dumps({"text": text}),
                                      extra="Accept-Encoding: br, gzip;q=0\r\n"))
        self.assertNotIn("content-encoding", headers)
        self.check(post("Echo", b"", "application/proto", "Content-Encoding: gzip\r\n"), 200)

    def get(self, query, status=200, extra=""):
        got, headers, body = self.ask(f"GET {ECHO}Echo?{query} HTTP/1.1\r\nHost: x\r\n{extra}\r\n")
        self.assertEqual(got, status, body)
        return headers, body

    def test_get(self):
        proto = b"\x0a\x02hi"
        b64 = base64.urlsafe_b64encode(proto).decode()
        packed = base64.urlsafe_b64encode(gzip.compress(proto)).decode()
        for query in [f"connect=v1&encoding=proto&base64=1&message={b64}",
                      f"message={b64.rstrip('=')}&base64=1&encoding=proto&unknown&x=%20",
                      f"&&encoding=proto&message={b64.replace('=', '%3D')}&base64=1",
                      "encoding=proto&message=%0a%02hi",
                      f"encoding=proto&base64=1&compression=gzip&message={packed}"]:
            headers, body = self.get(query)
            self.assertEqual(headers["content-type"], "application/proto")
            self.assertEqual(body[:4], proto)
        _, body = self.get("encoding=json&message=%7b%22text%22:%22a+b%22%7d&base64=0&compression=")
        self.assertEqual(json.loads(body)["text"], "a b")
        self.get("encoding=proto&message=", 200)
        for query, status in [("", 400), ("encoding=proto", 400), ("message=x", 400),
                              ("encoding=xml&message=x", 415),
                              ("encoding=proto&message=%zz", 400),
                              ("encoding=proto&message=%0", 400),
                              ("encoding=proto&message=a&message=b", 400),
                              ("connect=v2&encoding=proto&message=", 400),
                              ("encoding=proto&base64=1&message=!!", 400),
                              ("encoding=proto&message=&compression=br", 501),
                              ("&".join(f"p{i}" for i in range(50)), 429)]:
            self.get(query, status)

    def test_deadline(self):
        for attempt in range(2):
            link = self.link()
            start = time.monotonic()
            link.send(post("Record", '{"delayMs":700}', extra="Connect-Timeout-Ms: 100\r\n"))
            status, _, body = link.reply()
            self.assertEqual((status, json.loads(body)["code"]), (504, "deadline_exceeded"))
            self.assertLess(time.monotonic() - start, 0.6)
            link.send(post("Record", '{"text":"after"}'))  # while the late one still runs
            self.assertEqual(json.loads(link.reply()[2])["text"], "after")
        self.assertEqual(self.ask(post("Record", extra="Connect-Timeout-Ms: 0000005000\r\n"))[0], 200)
        time.sleep(0.8)  # the late results come and are dropped

    def test_peer_leaves_during_call(self):
        link = self.link()
        link.send(post("Record", '{"delayMs":300}'))
        time.sleep(0.1)
        link.close()
        time.sleep(0.5)
        self.assertEqual(self.ask(post("Echo"))[0], 200)
        self.assertEqual(self.server.counts()["call"], 0)


class Routes(Base):
    def test_a_post_gets_its_answer(self):
        def upload(body, extra=""):
            return f"POST /upload HTTP/1.1\r\nHost: x\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}"
        headers, body = self.check(upload("hello"), 200)
        self.assertEqual((body, headers["cache-control"], headers["vary"]), (b"hello", "no-cache", "Accept-Encoding"))
        self.assertNotIn("content-encoding", headers)
        self.assertEqual(self.check(upload(""), 200)[1], b"")
        headers, body = self.check(upload("x" * 2048, "Accept-Encoding: gzip\r\n"), 200)
        self.assertEqual((headers["content-encoding"], gzip.decompress(body)), ("gzip", b"x" * 2048))
        self.assertNotIn("content-encoding", self.check(upload("x" * 2048), 200)[0])
        headers, _ = self.check("PUT /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405)
        self.assertEqual(headers["allow"], "POST")
        headers, _ = self.check("DELETE /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 405)
        self.assertEqual(headers["allow"], "GET, HEAD")


class Identity(Base):
    def test_certificates(self):
        self.assertEqual(self.ask(post("Secret"), cert="operator")[0], 200)
        self.check(post("Secret"), 403, "permission_denied", cert="site")
        _, body = self.check(post("Echo"), 200, cert="site")
        self.assertEqual((json.loads(body)["role"], json.loads(body)["party"]), ("site", "s-1"))
        headers, body = self.check(post("Echo", extra="Authorization: bearer employer-key\r\n"), 200)
        self.assertEqual(json.loads(body)["role"], "employer")
        self.check(post("Echo", extra="Authorization: Bearer employer-key\r\n"), 401,
                   "unauthenticated", cert="site")
        self.check("GET /private/x HTTP/1.1\r\nHost: x\r\n\r\n", 200, cert="operator")
        self.check("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200)  # loopback

    def test_stranger_fails_handshake(self):
        with self.assertRaises(OSError):
            self.ask(post("Echo"), cert="stranger")

    def test_only_tls13_and_http11(self):
        context = ssl.create_default_context(cafile=self.server.dir.name + "/ca.pem")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with self.assertRaises(OSError):
            self.link(context=context)
        context = ssl.create_default_context(cafile=self.server.dir.name + "/ca.pem")
        context.set_alpn_protocols(["h2"])
        with self.assertRaises(OSError):
            self.link(context=context)
        context.set_alpn_protocols(["h2", "http/1.1"])
        self.assertEqual(self.link(context=context).socket.selected_alpn_protocol(), "http/1.1")

    def test_resumption_keeps_identity(self):
        context = ssl.create_default_context(cafile=self.server.dir.name + "/ca.pem")
        context.load_cert_chain(self.server.dir.name + "/site.pem", self.server.dir.name + "/site.key")
        first = self.link(context=context)
        first.send(post("Echo"))
        first.reply()
        again = self.link(context=context, session=first.socket.session)
        self.assertTrue(again.socket.session_reused)
        again.send(post("Echo"))
        self.assertEqual(json.loads(again.reply()[2])["party"], "s-1")


class Streams(Base):
    settings = {"heartbeat_ms": 300, "streams_max": 4}

    def stream(self, message, content_type="application/connect+json", extra="", cert=None,
               raw=None):
        link = self.link(cert=cert)
        body = envelope(json.dumps(message).encode()) if raw is None else raw
        link.send(post("Count", body, content_type, extra))
        return link

    def check_end(self, raw, code, extra=""):
        status, headers, body = self.stream({}, raw=raw, extra=extra).reply()
        self.assertEqual((status, headers["content-type"]), (200, "application/connect+json"))
        (flags, end), = envelopes(body)
        self.assertEqual((flags, json.loads(end)["error"]["code"]), (2, code))

    def test_count(self):
        link = self.stream({"upTo": 1000})
        status, headers, body = link.reply()
        self.assertEqual((status, headers["content-type"]), (200, "application/connect+json"))
        got = envelopes(body)
        self.assertEqual([json.loads(m)["number"]["value"] for _, m in got[:-1]],
                         [str(i + 1) for i in range(1000)])
        self.assertEqual(got[-1], (2, b"{}"))
        link.send(post("Echo", '{"text":"same connection"}'))
        self.assertEqual(link.reply()[0], 200)

    def test_errors_in_the_last_envelope(self):
        _, _, body = self.stream({"upTo": 9, "failAt": 3}).reply()
        got = envelopes(body)
        self.assertEqual(len(got), 3)
        self.assertEqual(json.loads(got[2][1])["error"]["code"], "data_loss")
        one = envelope(b'{"upTo":"1"}')
        self.check_end(b"", "unimplemented")
        self.check_end(one + one, "unimplemented")
        self.check_end(one[:7], "invalid_argument")
        self.check_end(envelope(b'{"upTo":"-1"}'), "invalid_argument")
        self.check_end(envelope(b'{"nothing":1}'), "invalid_argument")
        self.check_end(envelope(b"{}", 1), "internal")
        self.check_end(envelope(b"{}", 4), "invalid_argument")
        self.check_end(envelope(b"x" * 4500), "resource_exhausted")
        self.check_end(b"\0\xff\xff\xff\xff", "resource_exhausted")
        self.check_end(b"x" * 9000, "resource_exhausted")
        self.check_end(one, "unimplemented", "Connect-Content-Encoding: br\r\n")
        self.check_end(one, "unauthenticated", "Authorization: Bearer nonsense\r\n")

    def test_gzip(self):
        raw = envelope(gzip.compress(b'{"upTo":"2","padding":3000}'), 1)
        _, headers, body = self.stream({}, raw=raw, extra="Connect-Content-Encoding: gzip\r\n"
                                       "Connect-Accept-Encoding: gzip\r\n").reply()
        self.assertEqual(headers["connect-content-encoding"], "gzip")
        got = envelopes(body)
        self.assertEqual([flags for flags, _ in got], [1, 1, 2])
        self.assertEqual(json.loads(gzip.decompress(got[1][1]))["number"]["value"], "2")

    def test_deadline(self):
        start = time.monotonic()
        _, _, body = self.stream({"upTo": 10 ** 6, "slowly": True},
                                 extra="Connect-Timeout-Ms: 300\r\n").reply()
        self.assertLess(time.monotonic() - start, 2)
        got = envelopes(body)
        self.assertGreater(len(got), 2)
        self.assertEqual(json.loads(got[-1][1])["error"]["code"], "deadline_exceeded")

    def test_back_pressure(self):
        before = self.server.rss_kib()
        link = self.stream({"upTo": 4000, "padding": 10000}, "application/connect+proto",
                           raw=envelope(b"\x08\xa0\x1f\x18\x90\x4e"))
        time.sleep(1)
        self.assertLess(self.server.rss_kib() - before, 8 * 1024)  # of 40 MB
        _, _, body = link.reply()
        got = envelopes(body)
        numbers = [m for _, m in got if m[:1] == b"\x12"]  # and maybe a heartbeat
        self.assertEqual((len(numbers), got[-1]), (4000, (2, b"{}")))

    def test_limit_and_departure(self):
        links = [self.stream({"upTo": 10 ** 6, "slowly": True}) for _ in range(4)]
        for link in links:
            self.assertEqual(link.head()[0], 200)
        self.check_end(envelope(b"{}"), "unavailable")
        links[0].close()
        time.sleep(0.5)
        self.assertEqual(self.stream({"upTo": 1}).reply()[0], 200)


class Heartbeats(Base):
    settings = {"heartbeat_ms": 200, "write_ms_max": 1000}

    def test_silence_is_broken(self):
        link = self.link()
        start = time.monotonic()
        link.send(post("Count", envelope(b'{"silent":true}'), "application/connect+json"))
        self.assertEqual(link.head()[0], 200)  # at once, before any message
        self.assertLess(time.monotonic() - start, 0.5)
        for _ in range(3):
            (flags, message), = envelopes(link.chunk())
            self.assertEqual(flags, 0)
            self.assertGreater(int(json.loads(message)["heartbeat"]["nowUtcMs"]), 1700000000000)
        self.assertGreater(time.monotonic() - start, 0.55)
        self.assertLess(time.monotonic() - start, 6)

    def test_reader_that_stops_is_cut(self):
        link = self.link()
        link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.send(post("Count", envelope(b'{"upTo":"100000","padding":10000}'), "application/connect+json"))
        link.head()
        deadline = time.monotonic() + 6
        while self.server.counts()["streaming"] > 0 and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(self.server.counts()["streaming"], 0)


    def test_reader_that_trickles_is_cut(self):
        link = self.link()
        link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.send(post("Count", envelope(b'{"upTo":"100000","padding":10000}'), "application/connect+json"))
        link.head()
        link.socket.settimeout(0.2)
        deadline = time.monotonic() + 20
        try:
            while self.server.counts()["streaming"] > 0 and time.monotonic() < deadline:
                link.socket.recv(1000)  # it lives, and never takes what waits
                time.sleep(0.1)
        except OSError:
            pass
        self.assertEqual(self.server.counts()["streaming"], 0)

    def test_stuck_readers_cost_little(self):
        before = self.server.rss_kib()
        links = [self.link() for _ in range(60)]
        for link in links:
            link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            link.send(post("Count", envelope(b'{"upTo":"100000","padding":10000}'), "application/connect+json"))
        time.sleep(0.5)
        grown = self.server.rss_kib() - before
        print(f"60 stuck streams: {grown} KiB", file=sys.stderr)
        self.assertLess(grown, 60 * 205)


class Limits(Base):
    settings = {"connections_max": 100, "head_ms_max": 800, "request_ms_max": 1500,
                "handshake_ms_max": 800, "idle_ms_max": 4000, "threads": 2}

    def test_oldest_idle_are_cut(self):
        live = [self.link() for _ in range(10)]
        idle = []

        def use():  # younger than the idle ones, however slow this machine is
            for link in live:
                link.send(post("Echo"))
                self.assertEqual(link.reply()[0], 200)

        for i in range(150):
            idle.append(self.link())
            if i % 10 == 9:
                use()
        gone, end = set(), time.monotonic() + 20
        while len(gone) < 55 and time.monotonic() < end:
            gone |= {i for i in range(90) if i not in gone and idle[i].is_closed(0.01)}
        self.assertGreaterEqual(len(gone), 55)
        self.assertLessEqual(self.server.counts()["idle"], 100)

    def test_full_is_told(self):
        busy = []
        for _ in range(100):
            link = self.link()
            link.send(post("Record", '{"delayMs":5000}'))
            busy.append(link)
        time.sleep(0.3)
        late = self.link()
        status, headers, body = late.reply()
        self.assertEqual((status, json.loads(body)["code"]), (503, "unavailable"))
        self.assertEqual(headers["retry-after"], "5")
        detail = json.loads(body)["details"][0]
        self.assertEqual((detail["type"], base64.b64decode(detail["value"] + "==")),
                         ("google.rpc.RetryInfo", bytes([0x0a, 2, 8, 5])))
        self.assertTrue(late.is_closed())
        for link in busy:
            self.assertEqual(link.reply()[0], 200)
            link.close()

    def test_one_byte_a_second(self):
        for request, most in [(b"GET /healthz HTTP/1.1\r\nHost: " + b"x" * 99, 2.0),
                              (post("Echo", b" " * 99), 3.0)]:
            link = self.link()
            start = time.monotonic()
            split = request.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in request else 4
            link.send(request[:split])
            link.socket.settimeout(0.2)
            for i in range(split, len(request)):
                try:
                    link.send(request[i:i + 1])
                    link.more()
                except TimeoutError:
                    continue
                except OSError:
                    break
                break
            self.assertLess(time.monotonic() - start, most)
            self.assertIn(b" 408 ", link.buffer)

    def test_silent_handshake_is_cut(self):
        raw = socket.create_connection(("127.0.0.1", self.server.port), timeout=5)
        self.addCleanup(raw.close)
        start = time.monotonic()
        self.assertEqual(raw.recv(1), b"")
        self.assertLess(time.monotonic() - start, 3)

    def test_garbage_instead_of_tls(self):
        raw = socket.create_connection(("127.0.0.1", self.server.port), timeout=5)
        self.addCleanup(raw.close)
        raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            while raw.recv(100):
                pass
        except ConnectionResetError:
            pass
        self.assertEqual(self.ask(post("Echo"))[0], 200)


class OurClient(Base):
    def test_peer_check(self):
        done = subprocess.run([PEER, self.server.dir.name, str(self.server.port)],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, "peer: fine\n"), done.stderr)


class PerAddress(Base):
    settings = {"connections_per_address_max": 5, "threads": 1}

    def test_oldest_of_the_address_is_cut(self):
        links = [self.link() for _ in range(8)]
        time.sleep(0.2)
        self.assertEqual([link.is_closed(0.2) for link in links], [True] * 3 + [False] * 5)


class FromOutside(Base):
    settings = {"everywhere": 1}

    def test_what_this_machine_may_read_others_may_not(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # nothing is sent: this asks for our own address
            except OSError:
                self.skipTest("this machine has no address but loopback")
            outside = probe.getsockname()[0]
        metrics = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
        self.check(metrics, 200)
        self.check(metrics, 401, "unauthenticated", address=outside)
        self.check(metrics, 403, "permission_denied", address=outside, cert="site")
        self.check(metrics, 200, address=outside, cert="operator")
        self.check("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 200, address=outside)


class Ends(unittest.TestCase):
    def test_drain(self):
        server = Server()
        idle, busy, stream = Link(server), Link(server), Link(server)
        busy.send(post("Record", '{"text":"kept","delayMs":600}'))
        stream.send(post("Count", envelope(b'{"upTo":"100000","slowly":true}'), "application/connect+json"))
        stream.head()
        time.sleep(0.2)
        self.assertEqual(server.say("drain"), "drained")
        self.assertTrue(idle.is_closed())
        status, headers, body = busy.reply()
        self.assertEqual((status, headers["connection"], json.loads(body)["text"]), (200, "close", "kept"))
        end = envelopes(b"".join(stream.chunks()))[-1]
        self.assertEqual(json.loads(end[1])["error"]["code"], "unavailable")
        self.assertEqual(json.loads(end[1])["metadata"], {"retry-after": ["2"]})
        with self.assertRaises(OSError):
            Link(server)
        for link in (idle, busy, stream):
            link.close()
        self.assertEqual(server.stop(), 0)

    def test_end_during_calls(self):
        server = Server()
        links = [Link(server) for _ in range(4)]
        for i, link in enumerate(links):
            link.send(post("Record", '{"delayMs":700}', extra=f"Connect-Timeout-Ms: {100 + i}\r\n"))
        links.pop().close()
        self.assertEqual(links[0].reply()[0], 504)
        self.assertEqual(server.stop(), 0)  # the threads that still work on them are waited for
        for link in links:
            link.close()

    def test_revoked(self):
        server = Server()
        stream, idle = Link(server, cert="site"), Link(server, cert="site")
        idle.send(post("Echo"))
        self.assertEqual(idle.reply()[0], 200)
        stream.send(post("Count", envelope(b'{"upTo":"100000","slowly":true}'), "application/connect+json"))
        stream.head()
        self.assertEqual(server.say("revoke"), "revoked")
        start = time.monotonic()
        end = envelopes(b"".join(stream.chunks()))[-1]
        self.assertLess(time.monotonic() - start, 1)
        self.assertEqual(json.loads(end[1])["error"]["code"], "unauthenticated")
        idle.send(post("Echo"))
        self.assertEqual(idle.reply()[0], 401)
        for link in (idle, stream):
            link.close()
        self.assertEqual(server.stop(), 0)

    def test_reload(self):
        server = Server()
        old = Link(server)
        self.assertEqual(server.say("reload"), "reloaded")
        new = Link(server)  # reads the new CA: the old one would not verify
        for link in (old, new):
            link.send(post("Echo"))
            self.assertEqual(link.reply()[0], 200)
            link.close()
        self.assertEqual(server.stop(), 0)

    def test_rate_of_a_caller(self):
        server = Server(caller_calls_per_s=2, caller_burst=4)
        one, two, nobody = Link(server, "operator"), Link(server, "operator"), Link(server)

        def ask(link, method="Echo"):
            link.send(post(method))
            return link.reply()

        # One bucket for all connections of a certificate; another caller has its own.
        self.assertEqual([ask(link)[0] for link in (one, two, one, two)], [200] * 4)
        status, headers, body = ask(one)
        self.assertEqual((status, headers["retry-after"]), (429, "1"))
        error = json.loads(body)
        self.assertEqual(error["code"], "resource_exhausted")
        self.assertEqual(error["details"], [{"type": "google.rpc.RetryInfo", "value": "CgIIAQ",
                                             "debug": {"retryDelay": "1s"}}])
        self.assertEqual([ask(nobody)[0] for _ in range(4)], [200] * 4)
        self.assertEqual(ask(nobody)[0], 429)
        # Keys that nobody has count for the address that tries them.
        nobody.send(post("Echo", extra="Authorization: Bearer guess\r\n"))
        self.assertEqual(nobody.reply()[0], 429)
        # A stream is told in its last envelope.
        one.send(post("Count", envelope(b"{}"), "application/connect+json"))
        status, _, body = one.reply()
        end = json.loads(body[5:])
        self.assertEqual((status, end["error"]["code"], end["metadata"]),
                         (200, "resource_exhausted", {"retry-after": ["1"]}))
        time.sleep(1.1)
        self.assertEqual(ask(one)[0], 200)
        self.assertGreaterEqual(server.counts()["over_rate"], 4)
        # Limits change under connections that stay.
        self.assertEqual(server.say("caller_calls_per_s=0"), "set")
        self.assertEqual([ask(nobody)[0] for _ in range(50)], [200] * 50)
        for link in (one, two, nobody):
            link.close()
        self.assertEqual(server.stop(), 0)

    def test_limits_change(self):
        server = Server(connections_max=16, connections_per_address_max=4, threads=1)
        links = [Link(server) for _ in range(4)]
        self.assertEqual(server.say("connections_max=5000"), "set")
        self.assertEqual(server.say("connections_per_address_max=300"), "set")
        links += [Link(server) for _ in range(196)]
        for link in links:
            link.send(post("Echo"))
            self.assertEqual(link.reply()[0], 200)
        self.assertEqual(server.counts()["cut"], 0)
        # A lower limit cuts nobody; whoever comes next takes the place of the oldest.
        self.assertEqual(server.say("connections_per_address_max=100"), "set")
        links[150].send(post("Echo"))
        self.assertEqual(links[150].reply()[0], 200)
        late = Link(server)
        self.assertTrue(links[0].is_closed())
        self.assertEqual(server.counts()["cut"], 1)
        self.assertEqual(server.say("idle_ms_max=300"), "set")
        self.assertTrue(links[150].is_closed())
        for link in links + [late]:
            link.close()
        self.assertEqual(server.stop(), 0)

    def test_metadata(self):
        server = Server()
        link = Link(server)
        link.send(post("Echo", extra="Echo-Metadata: a, b;c\r\n"))
        _, headers, _ = link.reply()
        self.assertEqual(headers["echo-metadata"], "a, b;c")
        self.assertEqual(headers["trailer-echo-trailer"], "a, b;c")
        self.assertRegex(headers["passerelle-call"], "^[0-9a-f]{16}$")
        link.send(post("Fail", json.dumps({"code": "unavailable"})))
        status, again, body = link.reply()
        self.assertEqual((status, again["trailer-echo-trailer"]), (503, "failed"))
        self.assertNotEqual(again["passerelle-call"], headers["passerelle-call"])
        types = [detail["type"] for detail in json.loads(body)["details"]]
        self.assertEqual(types, ["passerelle.test.v1.FailDetail", "google.rpc.RetryInfo"])
        link.close()
        server.stop()

    def test_port_in_use(self):
        server = Server()
        with tempfile.TemporaryDirectory() as scratch:
            second = subprocess.run([SERVER, scratch, f"port={server.port}"], capture_output=True,
                                    text=True, stdin=subprocess.DEVNULL, timeout=20)
        self.assertEqual(second.returncode, 1)
        self.assertIn("choose another port", second.stderr)
        server.stop()

    def test_idle_memory(self):
        server = Server()
        first = Link(server)
        before = server.rss_kib()
        links = [Link(server) for _ in range(300)]
        for link in links:
            link.send(post("Echo", json.dumps({"text": "x" * 9000})))
            link.reply()
        grown = server.rss_kib() - before
        print(f"300 idle connections: {grown} KiB, {server.rss_kib()} in all", file=sys.stderr)
        self.assertLess(grown, 24 * 1024)
        for link in links + [first]:
            link.close()
        server.stop()


if __name__ == "__main__":
    SERVER = os.path.abspath(sys.argv.pop(1))
    PEER = os.path.abspath(sys.argv.pop(1))
    unittest.main()
