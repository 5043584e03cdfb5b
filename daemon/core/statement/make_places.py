#!/usr/bin/env python3
"""Makes a C file of the communes, intercommunalities and outlines of the region.
Usage: make_places.py COMMUNES.csv OUTLINES.svg OUT.c"""
import csv
import re
import sys

ZONES = {"urban": 0, "periurban": 1, "rural": 2}


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def middle(path):
    """Where a label goes: the middle of the outline's corners, in tenths of a unit."""
    x = y = 0.0
    xs, ys = [], []
    for part in re.findall(r"[a-zA-Z][^a-zA-Z]*", path):
        numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", part[1:])]
        if part[0] not in "mMlLzZ":
            raise SystemExit(f"an outline has the command {part[0]}")
        for dx, dy in zip(numbers[::2], numbers[1::2]):
            x, y = (dx, dy) if part[0] in "ML" else (x + dx, y + dy)
            xs.append(x)
            ys.append(y)
    return round((min(xs) + max(xs)) * 5), round((min(ys) + max(ys)) * 5)


communes_csv, outlines_svg, out = sys.argv[1:]
with open(communes_csv, newline="", encoding="utf-8") as file:
    communes = sorted(csv.DictReader(file), key=lambda row: row["insee"])
with open(outlines_svg, encoding="utf-8") as file:
    svg = file.read()
box = [round(float(number) * 10) for number in re.search(r'viewBox="([^"]+)"', svg).group(1).split()]
shapes = re.findall(r'<path id="dep-(\w+)" aria-label="([^"]+)" d="([^"]+)"', svg)
epci = sorted({(row["epci_siren"], row["epci_name"]) for row in communes})
place = {siren: at for at, (siren, _) in enumerate(epci)}
departement = {code: at for at, (code, _, _) in enumerate(shapes)}
population = {}
for row in communes:
    for key in (row["epci_siren"], row["departement"]):
        population[key] = population.get(key, 0) + int(row["population"])
with open(out, "w", encoding="utf-8") as file:
    file.write('#include "core/statement/places.h"\n\nconst struct place_commune place_communes[] = {\n')
    for row in communes:
        file.write('    {"%s", %d, %d, %d, %d, %s},\n' % (
            row["insee"], ZONES[row["zone"]], departement[row["departement"]], place[row["epci_siren"]],
            int(row["population"]), quoted(row["name"])))
    file.write("};\nconst size_t place_commune_count = sizeof place_communes / sizeof place_communes[0];\n"
               "const struct place_epci place_epcis[] = {\n")
    for siren, name in epci:
        file.write("    {%s, %s, %d},\n" % (quoted(siren), quoted(name), population[siren]))
    file.write("};\nconst size_t place_epci_count = sizeof place_epcis / sizeof place_epcis[0];\n"
               "const struct place_departement place_departements[] = {\n")
    for code, name, path in shapes:
        x, y = middle(path)
        lines = '"\n     "'.join(re.findall(r".{1,4000}", path))
        file.write('    {%s, %s, %d, %d, %d,\n     "%s"},\n' % (quoted(code), quoted(name), population[code], x, y, lines))
    file.write("};\nconst size_t place_departement_count = sizeof place_departements / sizeof place_departements[0];\n"
               "const int place_box[4] = {%d, %d, %d, %d};\n" % tuple(box))
