"""Receipts checked without our code: C2SP signed-note, tlog-checkpoint and tlog-cosignature."""
import base64

import phone


def _signed(vkey, text, lines):
    """Whether that key is among the signers; ValueError when a line of its is wrong."""
    name, key_id, key = vkey.split("+", 2)
    key = base64.b64decode(key)
    found = False
    for line in lines:
        dash, who, signature = line.split(" ", 2)
        raw = base64.b64decode(signature)
        if dash != "—" or who != name or raw[:4].hex() != key_id:
            continue
        message, raw = text.encode(), raw[4:]
        if key[0] == 4:
            when, raw = int.from_bytes(raw[:8], "big"), raw[8:]
            message = f"cosignature/v1\ntime {when}\n{text}".encode()
        if not phone.verifies(key[1:], message, raw):
            raise ValueError(f"the signature of {name} is wrong")
        found = True
    return found


def open_receipt(note, *vkeys):
    """(origin, size, root) of a checkpoint that all these keys have signed; ValueError for any other."""
    text, _, rest = note.partition("\n\n")
    text += "\n"
    for vkey in vkeys:
        if not _signed(vkey, text, rest.splitlines()):
            raise ValueError(f"{vkey.split('+')[0]} did not sign")
    origin, size, root = text.splitlines()[:3]
    return origin, int(size), base64.b64decode(root)
