#!/bin/bash
# tier: quick
# `passerelle fec check` on files that are right and wrong: what it prints, in both forms, and how it ends.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$TMPDIR" || exit 1
failed=0
good=998836464FEC20261231.txt
# The seeds of the fuzz harness: their first line is the name of the file.
tail -n +2 "$here/../fuzz/corpus/fec/good" >"$good"
mkdir -p broken
tail -n +2 "$here/../fuzz/corpus/fec/broken" >"broken/$good"

# ends STATUS WORDS COMMAND...: it ends with that status and says the words.
ends() {
    local wanted=$1 words=$2 said status
    shift 2
    said=$("$PASSERELLE" "$@" 2>&1)
    status=$?
    if [ $status -ne "$wanted" ] || ! grep -qF -- "$words" <<<"$said"; then
        echo "FAILED: $*: status $status, not $wanted with '$words': $said"
        failed=$((failed + 1))
    fi
}

ends 0 "4 lines, 2 entries, debits 22.00 EUR, credits 22.00 EUR: nothing is wrong." fec check "$good"
ends 0 '"breaches":0,"findings":[]' fec check "$good" --json
ends 6 "broken/$good:2: account: CompteNum is '7X': it begins with three digits" fec check "broken/$good"
ends 6 "broken/$good:3: date: EcritureDate is '20261301': a day as AAAAMMJJ is wanted" fec check "broken/$good"
ends 6 "broken/$good:4: amount: Debit is '12.00': a point; the decimal separator is a comma" fec check "broken/$good"
cp "$good" accounts.txt
ends 6 "accounts.txt: name: the file is called 'accounts.txt'" fec check accounts.txt
ends 1 "nothere.txt cannot be read" fec check nothere.txt
ends 1 "cannot be read" fec check broken
ends 2 "give one file" fec check
ends 2 "give one file" fec check "$good" "$good"
ends 2 "--strict" fec check "$good" --strict
head -c 1000000 /dev/urandom >noise.txt
ends 6 "header" fec check noise.txt
"$PASSERELLE" --json fec check "broken/$good" >report.json
python3 - report.json <<'CHECK' || failed=$((failed + 1))
import json, sys
report = json.load(open(sys.argv[1], encoding="utf-8"))
lines = [(one["line"], one["rule"]) for one in report["findings"]]
assert report["breaches"] == len(lines) and (2, "account") in lines and (4, "amount") in lines, report
CHECK
exit $((failed > 0))
