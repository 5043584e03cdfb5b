"""A visitor's phone, written from proto/pass-token.md: a device key, a token, and a proof for each second."""
import base64
import ctypes
import ctypes.util
import hashlib
import os

sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def verifies(public_key, message, signature):
    """Whether this Ed25519 key signed the message."""
    return len(signature) == 64 and sodium.crypto_sign_verify_detached(
        signature, message, ctypes.c_ulonglong(len(message)), public_key) == 0


def base45(data):
    text = ""
    for i in range(0, len(data), 2):
        value, count = int.from_bytes(data[i:i + 2], "big"), 3 if i + 1 < len(data) else 2
        for _ in range(count):
            value, digit = divmod(value, 45)
            text += BASE45[digit]
    return text


def from_base45(text):
    data = b""
    for i in range(0, len(text), 3):
        value = sum(BASE45.index(c) * 45 ** k for k, c in enumerate(text[i:i + 3]))
        data += value.to_bytes(2 if len(text) - i > 2 else 1, "big")
    return data


def code_bytes(code):
    """The 16 bytes of a one-time code; its last character is a check."""
    value = 0
    for c in code[:-1]:
        value = value * 32 + CROCKFORD.index(c)
    return value.to_bytes(16, "big")


class Phone:
    def __init__(self, issued):
        """Of a row of `pass issue`: an IssuedPass as JSON."""
        self.pass_id, self.holder = issued["pass"]["passId"], issued["pass"]["holderId"]
        self.number, self.code = issued["pass"]["number"], issued["activationCode"]
        self.public, self.secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
        sodium.crypto_sign_seed_keypair(self.public, self.secret, os.urandom(32))
        self.token = None

    def sign(self, message):
        signature = ctypes.create_string_buffer(64)
        sodium.crypto_sign_detached(signature, None, message, ctypes.c_ulonglong(len(message)), self.secret)
        return signature.raw

    def activation(self, request_id):
        """The request of PassService.Activate."""
        signed = self.sign(b"passerelle-activate/v1\0" + code_bytes(self.code))
        return {"requestId": request_id, "activationCode": self.code,
                "devicePublicKey": base64.b64encode(self.public.raw).decode(),
                "signature": base64.b64encode(signed).decode()}

    def activated(self, answer):
        self.token = from_base45(answer["token"].removeprefix("PT1:"))

    def show(self, utc_s):
        """What the screen shows at that second of business time."""
        second = int(utc_s)
        message = b"passerelle-proof/v1\0" + hashlib.sha256(self.token).digest() + second.to_bytes(8, "big")
        return "PP1:" + base45(self.token + second.to_bytes(4, "big") + self.sign(message))
