"""Writes the numbered SQL files into one C file: embed.py OUT FILE..."""

import os
import re
import sys

out, files = sys.argv[1], sys.argv[2:]
rows = []
last = 0
for path in files:
    name = os.path.basename(path).removesuffix(".sql")
    if not re.fullmatch("[0-9]{4}_[a-z0-9_]+", name) or int(name[:4]) <= last:
        sys.exit(f"{path}: the next migration must be named NNNN_*.sql, with a number above {last}")
    last = int(name[:4])
    lines = []
    for line in open(path, encoding="ascii"):
        text = line.rstrip("\n").replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'     "{text}\\n"')
    rows.append('    {"%s",\n%s},\n' % (name, "\n".join(lines)))
with open(out, "w", encoding="ascii") as file:
    file.write('#include "store/migrate/migrate.h"\n\n')
    file.write("const struct migration migrations[] = {\n%s};\n" % "".join(rows))
    file.write("const size_t migration_count = sizeof migrations / sizeof migrations[0];\n")
