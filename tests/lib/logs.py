"""What daemons logged, held against the rules of base/log.h: logfmt, each call with its id, and no name, address,
token, code or key of anybody."""
import csv
import os
import re

LINE = re.compile(r'ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=(error|warning|info|debug) event=[a-z_]+'
                  r'( [a-z_]+=("([^"\\\x00-\x1f]|\\["\\nx])*"|[^\s"=\\]*))*\n?')
SECRET = re.compile(r"P[TP]\d:|psk_|[\w.]+@\w|BEGIN [A-Z ]*PRIVATE")
# The words that it says before there is a log, or after.
PLAIN = re.compile(r"passerelled: |\s*$")


def people():
    """Family names, and given names, of the reference network."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../config/reference/holders.csv")
    with open(path, encoding="utf-8") as file:
        return {row[column] for row in csv.DictReader(file) for column in ("given_name", "family_name")}


def wrong(lines, secrets=()):
    """What must not stand there, each with its line. `secrets`: further words that nobody may log."""
    words = people() | set(secrets)
    found = []
    for line in lines:
        if not (LINE.fullmatch(line) or PLAIN.match(line)):
            found.append(f"no logfmt: {line!r}")
        if " event=call " in line and not re.search(r" id=[0-9a-f]{16} ", line):
            found.append(f"a call without an id: {line!r}")
        if SECRET.search(line) or not words.isdisjoint(re.findall(r"\w+", line)):
            found.append(f"a name, token or key: {line!r}")
    return found
