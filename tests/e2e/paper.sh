#!/bin/bash
# Every invoice of the reference month, and those that no month holds, read by what others wrote.
# tier: full
# plain builds only: the same code runs under sanitizers in tests/unit/paper.c
set -euo pipefail
exec python3 tests/paper/check.py "$BUILD/tests/paper/paper-dump" config/reference .
