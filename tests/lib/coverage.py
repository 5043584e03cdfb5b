#!/usr/bin/env python3
"""Line coverage of one folder, by room, and whether it reaches a least percentage.

Usage: coverage.py BUILD FOLDER LEAST
"""
import json
import os
import subprocess
import sys


def main():
    build, folder, least = sys.argv[1], sys.argv[2], float(sys.argv[3])
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    report = subprocess.run(
        ["gcovr", build, "--root", root, "--filter", folder + "/", "--json"], cwd=root, check=True,
        stdout=subprocess.PIPE)
    rooms, missed = {}, []
    for file in json.loads(report.stdout)["files"]:
        lines = [line for line in file["lines"] if not line.get("gcovr/noncode")]
        bad = [line["line_number"] for line in lines if line["count"] == 0]
        room = os.path.dirname(file["file"])
        total, hit = rooms.get(room, (0, 0))
        rooms[room] = (total + len(lines), hit + len(lines) - len(bad))
        if bad:
            missed.append((file["file"], bad))
    for name, numbers in sorted(missed):
        print(f"not reached: {name}: {', '.join(map(str, numbers))}")
    for room, (total, hit) in sorted(rooms.items()):
        print(f"{100 * hit / total:6.1f} %  {hit}/{total}  {room}")
    total = sum(room[0] for room in rooms.values())
    hit = sum(room[1] for room in rooms.values())
    if total == 0:
        sys.exit(f"no line of {folder} was measured: is a test missing?")
    percent = 100 * hit / total
    print(f"{percent:6.1f} %  {hit}/{total} lines of {folder}; at least {least:g} % are asked for")
    sys.exit(percent < least)


if __name__ == "__main__":
    main()
