#!/bin/bash
# tier: quick
# plain builds only
# The manual pages have each command and setting of the programs, and troff has nothing to say of them.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)

"$root/deploy/man/make" "$BUILD" --check
for page in "$root"/deploy/man/*.[18]; do
    said=$(groff -man -Kutf8 -Tutf8 -ww -z "$page" 2>&1)
    [ -z "$said" ] || { printf '%s\n' "$said" >&2; exit 1; }
done
