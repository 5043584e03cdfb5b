#!/usr/bin/env python3
"""tidy.py finds each kind of breach in a small tree made for it, and nothing in a clean one."""
import os
import subprocess
import sys
import tempfile

CLEAN = {
    "meson.build": "subdir('daemon')\nsubdir('tests')\n",
    "tests/unit/meson.build": "files('base.c', 'day.c')\n",
    "tests/unit/base.c": "int base(void);\n",
    "tests/unit/day.c": "int day(void);\n",
    "daemon/meson.build": "files('base/a.c', 'core/day/day.c')\n",
    "daemon/base/a.h": "int a(void);\n",
    "daemon/base/a.c": '#include "base/a.h"\n',
    "daemon/core/day/day.c": '#include "base/a.h"\n/* time( */ static const int x = 1;\n',
}
# What to put where, and a piece of what must be said.
BREACHES = [
    ("daemon/base/a.c", '#include "core/day/day.h"\n', "higher room"),
    ("daemon/core/day/day.c", '#include "crypt/c.h"\n', "may not include crypt/c.h"),
    ("daemon/core/day/day.c", "#include <unistd.h>\n", "core is pure"),
    ("daemon/core/day/day.c", "static int counter;\n", "variable of the whole file"),
    ("daemon/core/day/day.c", "int f(void)\n{\n    printf(x);\n}\n", "printf() in core"),
    ("daemon/base/a.c", "#include <sqlite3.h>\n", "<sqlite3.h> only in store"),
    ("daemon/base/a.c", "    time(NULL);\n", "time() below process/"),
    ("daemon/base/a.c", "    pthread_create(a, b, c, d);\n", "a thread below process/"),
    ("daemon/base/a.c", "    double x;\n", "floating point"),
    ("daemon/base/a.c", "    x = 1.5;\n", "floating point"),
    ("daemon/base/a.c", "\tx;\n", "a tab"),
    ("daemon/base/a.c", "x; \n", "at the end of the line"),
    ("daemon/base/a.c", "x;", "one newline"),
    ("daemon/base/a.c", "/* TO" "DO */\n", "finish it"),
    ("daemon/base/a.c", "/* " + 100 * "x" + " */\n", "columns"),
    ("daemon/base/dead.c", "x;\n", "no meson.build names"),
    ("daemon/base/dead.h", "x;\n", "nothing includes"),
    ("daemon/core/money/m.c", "x;\n", "make tests/unit/money.c"),
    ("daemon/transport/net/n.c", "x;\n", "make tests/transport/transport_test.py"),
    ("daemon/attic/x.c", "x;\n", "not in the table ROOMS"),
    ("clients/cli/x.c", '#include "store/s.h"\n', "goes through the services"),
    ("README.md", "see /ho" "me/me/notes\n", "path of one machine"),
    ("proto/x.proto", "// M.\nmessage M {\n  string name = 1;\n}\n", "name has no comment"),
    ("proto/x.proto", "message M {}\n", "M has no comment"),
]
HEADERS = {"daemon/core/day/day.h": "", "daemon/crypt/c.h": "", "daemon/store/db/s.h": "",
           "daemon/store/s.h": ""}


def run_on(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)) or root, exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        tidy = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tidy.py")
        done = subprocess.run([sys.executable, tidy, root], stdout=subprocess.PIPE, text=True)
        return done.returncode, done.stdout


def main():
    status, said = run_on(CLEAN)
    wrong = [] if status == 0 else [f"a clean tree: {said}"]
    for path, text, expected in BREACHES:
        status, said = run_on({**CLEAN, **HEADERS, path: CLEAN.get(path, "") + text})
        if status == 0 or not any(line.startswith(path) and expected in line
                                  for line in said.splitlines()):
            wrong.append(f"{path} with {text!r}: expected {expected!r}, got:\n{said}")
    print("\n".join(wrong) or f"{len(BREACHES)} breaches found")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
