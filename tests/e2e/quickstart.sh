#!/bin/bash
# tier: quick
# The whole way, with the real binaries over TLS: a network from nothing to a closed, verified October
# that equals the expected result; a second run that goes on; the feeds checked offline, and a harmed
# one found; closing again and too early refused.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
state=$TMPDIR/state
port=${PORTS:-$((20000 + RANDOM % 12000))}
export PASSERELLE_BUILD=$BUILD
export PASSERELLE_CONFIG=$state/cli

fail() {
    echo "quickstart: $*" >&2
    exit 1
}

# Stopped in the middle of the live day: the next run makes it whole.
setsid "$root/deploy/quickstart" --dir "$state" --port "$port" >"$TMPDIR/stopped.log" 2>&1 &
stopped=$!
for _ in $(seq 300); do
    grep -q "phones are activated" "$TMPDIR/stopped.log" && break
    sleep 0.1
done
if "$root/deploy/quickstart" --once --fresh --dir "$state" >"$TMPDIR/beside.log" 2>&1; then
    fail "a network in use was made anew"
fi
grep -q "another one serves" "$TMPDIR/beside.log" || fail "a network in use: $(cat "$TMPDIR/beside.log")"
kill -TERM -- "-$stopped"
wait "$stopped" && fail "a stopped run ended well"

"$root/deploy/quickstart" --once --dir "$state" --port "$port" >"$TMPDIR/first.log" 2>&1 ||
    { tail -30 "$TMPDIR/first.log" >&2; fail "the first run failed"; }
python3 - "$state/2026-10.json" "$root/config/reference/expected.json" <<'END' ||
import json, sys
result = json.load(open(sys.argv[1]))
expected = json.load(open(sys.argv[2]))
transfers = result.pop("transfers")
assert json.dumps(result) == json.dumps(expected), "another result than expected.json"
left = {m: c for m, c in result["positions"].items() if m not in result["carried"]}
left["op"] += sum(result["carried"].values())
for t in transfers:
    left[t["from"]] += t["cents"]
    left[t["to"]] -= t["cents"]
assert not any(left.values()), "transfers do not settle"
END
    fail "the closed month is not the expected one"

grep -q "made anew" "$TMPDIR/first.log" || fail "half a day was taken up"
"$root/deploy/quickstart" --once --dir "$state" >"$TMPDIR/second.log" 2>&1 ||
    { tail -30 "$TMPDIR/second.log" >&2; fail "the second run failed"; }
grep -q "done before" "$TMPDIR/second.log" || fail "the second run started over"

"$PASSERELLED" run "$state/hub" >"$TMPDIR/hub.log" 2>&1 &
daemon=$!
trap 'kill "$daemon" 2>/dev/null; wait "$daemon" 2>/dev/null || true' EXIT
for _ in $(seq 100); do
    curl -sf --cacert "$state/hub/ca.crt" "https://localhost:$port/readyz" >/dev/null 2>&1 && break
    sleep 0.1
done
run() { "$PASSERELLE" --profile demo "$@"; }
refused() {
    local words=$1 said
    shift
    if said=$(run "$@" 2>&1); then
        fail "$* was accepted"
    fi
    grep -qi "$words" <<<"$said" || fail "$*: said '$said'"
}
refused "closed" period close 2026-10
refused "cannot be closed yet" period close 2026-11
run visit import "$root/config/reference/visits-2026-10.csv" | grep -q "0 added" ||
    fail "the same stays were added twice"
for table in members sites stops employers plans carnets holders tariffs; do
    run network export "$table" >"$TMPDIR/$table.csv"
done
# The live day added people, plans and employers of its own.
for table in members sites stops carnets tariffs; do
    cmp "$TMPDIR/$table.csv" "$root/config/reference/$table.csv" || fail "$table came out otherwise"
done
run network export visits 2026-10 | cmp - "$root/config/reference/visits-2026-10.csv" ||
    fail "the stays came out otherwise"
# The tour of the README: each command does something and says so.
cp "$root/config/reference/tariffs.csv" "$TMPDIR/my-tariffs.csv"
tour=$(sed -n '/^## Five minutes/,/^## A network/s/^passerelle //p' "$root/README.md")
[ "$(wc -l <<<"$tour")" -ge 10 ] || fail "the README has no tour"
key=$(run ledger feeds --json | grep -o 'passerelle.example/demo/s090+[^"]*')
while read -r line; do
    line=${line//\/tmp\//$TMPDIR/tour-}
    line=${line//passerelle.example\/demo\/s090+*.../$key}
    line=${line//export-s0??/$TMPDIR/tour-feeds}
    line=${line//evidence.json/$TMPDIR/evidence.json}
    line=${line//config\/reference/$root/config/reference}
    line=${line//my-tariffs.csv/$TMPDIR/my-tariffs.csv}
    status=0
    patience=120
    case $line in "visit watch"*) patience=3 ;; esac
    # As a shell reads it: quotes, a redirection, a remark.
    timeout $patience bash -c "\"\$PASSERELLE\" --profile demo $line" >"$TMPDIR/tour.log" 2>&1 || status=$?
    case $line in "visit watch"*) [ "$status" -ne 124 ] || status=0 ;; esac
    [ "$status" -eq 0 ] || { cat "$TMPDIR/tour.log" >&2; fail "README: $line: status $status"; }
    [[ $line == *">"* ]] || [ "$(wc -l <"$TMPDIR/tour.log")" -ge 1 ] || fail "README: $line says nothing"
done <<<"$tour"
run --help | grep -q "^usage:" || fail "no help behind --profile"
run ledger export "$TMPDIR/feeds" >/dev/null
run ledger verify "$TMPDIR/feeds" --proofs >"$TMPDIR/verify.log" || fail "the export is wrong"
grep -q "feeds verify" "$TMPDIR/verify.log" || fail "the export is wrong"
grep -q "2026-10 computed again from the feeds: equal" "$TMPDIR/verify.log" ||
    fail "October was not computed again"
run audit "$TMPDIR/feeds" --month 2026-10 --json >"$TMPDIR/audit.json" || fail "October does not audit"
python3 - "$TMPDIR/audit.json" <<'END' || fail "the audit's report is not the expected one"
import json, sys
report = json.load(open(sys.argv[1]))
close, = report["closes"]
assert close["equal"] and close["month"] == "2026-10" and close["stays"] >= 12002, close
assert close["books_sha256"] == close["auditor_sha256"] and close["trial_balance"] == 0, close
assert report["inconsistencies"] == [] and report["delta_plus"] == report["delta_minus"] == 0
END
bundle=$(find "$TMPDIR/feeds/s001/tile" -type f | head -1)
printf 'X' | dd of="$bundle" bs=1 seek=300 conv=notrunc 2>/dev/null
refused "s001" ledger verify "$TMPDIR/feeds"
curl -sf --cacert "$state/hub/ca.crt" -H 'content-type: application/json' -d '{}' \
    "https://localhost:$port/passerelle.v1.DirectoryService/GetNetwork" | grep -q '"networkId":"demo"' ||
    fail "curl got no answer"
echo "1 passed, 0 failed"
