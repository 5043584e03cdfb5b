#!/usr/bin/env python3
"""Rules of the source that no compiler knows. Prints one line per breach: file, line, what, and what
to do; ends with status 1 when there is one. Usage: tidy.py [ROOT]"""
import os
import re
import subprocess
import sys

# Rooms, lowest first. A file includes its own room and those above it in this list; a second column
# says instead exactly what it may include. "proto" stands for the generated messages.
ROOMS = [
    ("base", None),
    ("crypt", None),
    ("proto", None),
    ("wire", None),
    ("core/money", ["base"]),
    ("core/day", ["base"]),
    ("core/ident", ["base"]),
    ("core/csv", ["base"]),
    ("core/entry", None),
    ("core/join", ["base", "crypt", "core/ident"]),
    ("core/merkle", ["base", "crypt"]),
    ("core/pass", None),
    ("core/policy", None),
    ("core/rating", None),
    ("core/visit", None),
    ("core/books", None),
    ("core/netting", ["base", "core/money"]),
    ("core/close", None),
    ("core/records", None),
    ("core/paper", None),
    ("core/payments", None),
    ("core/fec", None),
    ("core/statement", None),
    ("core/invoices", None),
    ("core/audit", None),
    ("store/db", ["base"]),
    ("store/migrate", None),
    ("store/feed", None),
    ("store/request", None),
    ("store/view", None),
    ("store/person", None),
    ("service", None),
    ("service/sync", None),
    ("transport", ["base", "crypt", "proto", "wire", "service/method.h"]),
    ("process", None),
]
CLIENT_ROOMS = ["base", "crypt", "proto", "wire", "core", "transport", "service/method.h"]

# Where the tests of a folder of daemon/ stand when they are not tests/unit/NAME.c.
TESTED_BY = {
    "process": "tests/unit/settings.c",
    "service": "tests/unit/writer.c",
    "service/identity": "tests/unit/access.c",
    "service/pass": "tests/unit/passes.c",
    "service/sync": "tests/unit/push.c",
    "transport": "tests/transport/transport_test.py",
}

# System headers that are doors to the world, and the rooms that have the key.
DOORS = [
    ("sqlite3.h", ["store"]),
    ("libpq-fe.h", ["store"]),
    ("event2/", ["transport", "process"]),
    ("http_parser.h", ["transport"]),
    ("curl/", ["transport", "clients"]),
    ("openssl/", ["crypt", "transport", "process"]),
    ("sodium", ["crypt"]),
    ("libxml/", ["core/paper", "core/payments"]),
]
CORE_HEADERS = {"assert.h", "ctype.h", "errno.h", "inttypes.h", "limits.h", "stdalign.h", "stdarg.h",
                "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h",
                "protobuf-c/protobuf-c.h", "libxml/parser.h", "libxml/xmlwriter.h"}

CALL = r"(?<![\w.>])(%s)\s*\("
CLOCK_AND_CHANCE = re.compile(CALL % (
    "time|clock|clock_gettime|gettimeofday|getenv|secure_getenv|setenv|rand|rand_r|random|drand48|"
    "arc4random|arc4random_buf|getrandom|getentropy|RAND_bytes|randombytes_buf|randombytes_random"))
DISK_AND_OUTPUT = re.compile(CALL % (
    "fopen|open|openat|read|write|printf|puts|putchar|perror|exit|fork|socket|system|popen|"
    "pthread_create"))
FLOAT = re.compile(r"\b(float|double|strtod|strtof)\b|(?<![\w.])\d+\.\d")
GLOBAL = re.compile(r"^(?!return\b|typedef\b|extern\b|.*\bconst\b)(static\s+)?(struct\s+|enum\s+)?"
                    r"[a-z_]\w*[\s*]+\w+(\[[^\]]*\])*\s*(=[^=].*|;)$")
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
MACHINE_PATH = re.compile(r"(?<![\w$}.*])/(wo" r"rk|ho" r"me|ro" r"ot|Use" r"rs)/\w")
REGISTRY = re.compile(r"registry\.npm" r"js|registry\.yarn" r"pkg|deb\.debian" r"\.org|\"resol" r"ved\":")
PROTO_DECLARES = re.compile(r"^\s*(?:(?:message|enum|service|oneof|rpc)\s+(\w+)"
                            r"|(?:(?:repeated|optional)\s+)?(?:map\s*<[^>]*>|[\w.]+)\s+(\w+)\s*=\s*\d+"
                            r"|([A-Z]\w*)\s*=\s*\d+)")
TEXT = {".c", ".h", ".py", ".mjs", ".js", ".ts", ".sh", ".md", ".proto", ".build", ".sql", ".yaml",
        ".yml", ".conf", ".service", ".supp", ""}
NOT_OURS = ("LICENSE", "tests/fuzz/corpus/")

problems = []


def problem(path, line, text):
    problems.append(f"{path}:{line}: {text}")


def tree(root):
    """All files of the project, without what is built or installed."""
    if os.path.exists(os.path.join(root, ".git")):
        listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others",
                                 "--exclude-standard"], check=True, stdout=subprocess.PIPE)
        names = [name for name in listed.stdout.decode().split("\0") if name]
        return sorted(name for name in names if os.path.isfile(os.path.join(root, name)))
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in ("node_modules", "__pycache__")
                      and not name.startswith("build")]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(found)


def code_of(text):
    """The text with comments and the insides of strings blanked, lines kept."""
    def blank(match):
        found = match.group(0)
        if found[0] == "/":
            return re.sub(r"[^\n]", " ", found)
        return found[0] + " " * (len(found) - 2) + found[-1]
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


def within(path, room):
    return path == room or path.startswith(room + "/")


def room_of(path):
    """The level of the longest room of the table that holds a path below daemon/."""
    best = None
    for level, (room, _) in enumerate(ROOMS):
        if within(path, room) and (best is None or len(room) > len(ROOMS[best][0])):
            best = level
    return best


def check_include(path, line, header, known):
    if "/" not in header:
        return  # beside it, in its own folder
    target = "proto/" + header if header.endswith(".pb-c.h") else header
    if path.startswith("clients/"):
        if header in known and not any(within(target, room) for room in CLIENT_ROOMS):
            problem(path, line, f"a client may not include {header}: it goes through the services")
        return
    if header not in known and not target.startswith("proto/"):
        problem(path, line, f'"{header}" is no header of daemon/: system headers take <>')
        return
    level, other = room_of(path.split("/", 1)[1]), room_of(target)
    if level is None or other is None:
        return  # said once, for the file itself
    own, only = ROOMS[level]
    if within(target, own):
        return
    if only is not None:
        if not any(within(target, room) for room in only):
            problem(path, line, f"{own} may not include {header}: only {', '.join(only)}")
    elif other > level:
        problem(path, line, f"{own} may not include {header}: {ROOMS[other][0]} is a higher room")


def check_system_include(path, line, header):
    below = path.split("/", 1)[1]
    place = below if path.startswith("daemon/") else path
    for door, rooms in DOORS:
        if header.startswith(door) and not any(within(place, room) for room in rooms):
            problem(path, line, f"<{header}> only in {', '.join(rooms)}")
    if place.startswith("core/") and header not in CORE_HEADERS:
        problem(path, line, f"core is pure: no <{header}> (disk, clock, thread, net)")


def check_code(path, below, code):
    core = below.startswith("core/")
    for number, line in enumerate(code.split("\n"), 1):
        call = CLOCK_AND_CHANCE.search(line)
        if call and not below.startswith("process/") and below not in ("base/env.c", "base/banned.h"):
            problem(path, number, f"{call.group(1)}() below process/: struct env hands it in")
        if "pthread_create" in line and not below.startswith(("process/", "transport/")) \
                and below not in ("service/writer.c", "service/checkpointer.c"):
            problem(path, number, "a thread below process/: no service needs one, struct node has helpers")
        if FLOAT.search(line):
            problem(path, number, "floating point: money and time are integers here")
        if not core:
            continue
        call = DISK_AND_OUTPUT.search(line)
        if call:
            problem(path, number, f"{call.group(1)}() in core, which is pure")
        if path.endswith(".c") and GLOBAL.match(line):
            problem(path, number, "a variable of the whole file in core, which is pure")


def check_c(path, text, known):
    for number, line in enumerate(text.split("\n"), 1):
        # A table of test cases is read by column: a row may be wider than a line of code.
        columns = 180 if str(path).startswith("tests/") else 100
        if len(line) > columns:
            problem(path, number, f"{len(line)} columns: at most {columns}")
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line)
        if not match or not path.startswith(("daemon/", "clients/")):
            continue
        if match.group(1) == '"':
            check_include(path, number, match.group(2), known)
        else:
            check_system_include(path, number, match.group(2))
    if path.startswith("daemon/"):
        below = path.split("/", 1)[1]
        if room_of(below) is None:
            problem(path, 1, "its room is not in the table ROOMS of tests/tidy/tidy.py: enter it")
        check_code(path, below, code_of(text))


def check_text(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if "\t" in line:
            problem(path, number, "a tab: indent with spaces, write \\t in code")
        if line != line.rstrip():
            problem(path, number, "space or carriage return at the end of the line")
        if UNFINISHED.search(line):
            problem(path, number, f"{UNFINISHED.search(line).group(1)}: finish it, or say it elsewhere")
        if MACHINE_PATH.search(line):
            problem(path, number, "a path of one machine: make it relative")
        if REGISTRY.search(line):
            problem(path, number, "names a registry's host: its client knows where it is")
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        problem(path, text.count("\n") + 1, "a file ends with one newline")


def check_proto(path, text):
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        match = PROTO_DECLARES.match(line)
        if not match or line.lstrip().startswith(("//", "option ")):
            continue
        if "//" not in line and not (number > 1 and lines[number - 2].lstrip().startswith("//")):
            name = match.group(1) or match.group(2) or match.group(3)
            problem(path, number, f"{name} has no comment: say what it means and its unit")


def check_dead(paths, texts):
    """A .c, .proto or .sql that no meson.build names; a header that nothing includes."""
    included = set()
    for path in paths:
        if path.endswith((".c", ".h")):
            included |= {os.path.basename(header)
                         for header in re.findall(r'#\s*include\s*"([^"]+)"', texts[path])}
    for path in paths:
        folder, name = os.path.split(path)
        stem, kind = os.path.splitext(name)
        if kind == ".h" and name not in included:
            problem(path, 1, "nothing includes this header: remove it")
        if kind not in (".c", ".proto", ".sql") or folder.startswith("proto/released/"):
            continue
        named = texts.get("meson.build", "")
        while folder:
            named += texts.get(os.path.join(folder, "meson.build"), "")
            folder = os.path.dirname(folder)
        words = "|".join(map(re.escape, (name, stem, re.sub("^fuzz_", "", stem))))
        if not re.search(rf"'([^']*/)?({words})'", named):
            problem(path, 1, "no meson.build names this file: enter it or remove it")


def check_tested(paths):
    """Each folder of daemon/ has a test of its own, named like it."""
    said = set()
    for path in paths:
        folder = os.path.dirname(path)
        if not path.startswith("daemon/") or not path.endswith(".c") or folder in said:
            continue
        said.add(folder)
        below = folder.split("/", 1)[1]
        test = f"tests/unit/{os.path.basename(folder)}.c"
        whole = "transport" if within(below, "transport") else below  # a library under one test
        test = TESTED_BY.get(whole, test)
        if test not in paths:
            problem(path, 1, f"its folder has no test: make {test}")


def main():
    root = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.dirname(
        os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    paths = tree(root)
    known = {path.split("/", 1)[1] for path in paths if path.startswith("daemon/")}
    texts = {}
    for path in paths:
        if os.path.splitext(path)[1] not in TEXT or path.startswith(NOT_OURS):
            continue
        with open(os.path.join(root, path), encoding="utf-8", newline="") as file:
            try:
                texts[path] = file.read()
            except UnicodeDecodeError:
                problem(path, 1, "is not UTF-8")
    paths = sorted(texts)
    for path in paths:
        check_text(path, texts[path])
        if path.endswith((".c", ".h")) and "/" in path:
            check_c(path, texts[path], known)
        if path.endswith(".proto") and path.startswith("proto/"):
            check_proto(path, texts[path])
    check_dead(paths, texts)
    check_tested(paths)
    for line in problems:
        print(line)
    print(f"{len(paths)} files, {len(problems)} breaches")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
