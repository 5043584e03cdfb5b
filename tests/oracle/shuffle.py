#!/usr/bin/env python3
"""Shuffles the lines of a file of visits in place and repeats some: shuffle.py SEED FILE. The header stays."""
import random
import sys

dice = random.Random(int(sys.argv[1]))
with open(sys.argv[2], 'rb') as file:
    header, *lines = file.read().splitlines(keepends=True)
lines += dice.sample(lines, min(7, len(lines)))
dice.shuffle(lines)
with open(sys.argv[2], 'wb') as file:
    file.writelines([header] + lines)
