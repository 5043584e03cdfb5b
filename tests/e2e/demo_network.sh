#!/bin/bash
# tier: full
# waits 60 s
# plain builds only
# The show of sites on their own, in its short form: everything that it says it shows, it has seen; October
# equals the expected result; a second run serves the same network; however it ends, no process is left.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
state=$TMPDIR/state
port=${PORTS:-$((12000 + RANDOM % 8000))}
export PASSERELLE_BUILD=$BUILD

fail() {
    echo "demo_network: $*" >&2
    exit 1
}
show=("$root/deploy/demo-network" --short --dir "$state")
left() { pgrep -af -- "$state/"; }

"${show[@]}" --help | grep -q "^Usage: deploy/demo-network" || fail "no help"
"${show[@]}" --faster >/dev/null 2>&1 && fail "an option that it does not know was taken"

# Stopped in its middle, as Ctrl-C does; another one may not come beside it.
"${show[@]}" --port "$port" >"$TMPDIR/stopped.log" 2>&1 &
stopped=$!
for _ in $(seq 600); do
    grep -qs "joined Démonstration" "$TMPDIR/stopped.log" && break
    sleep 0.1
done
"${show[@]}" --once >"$TMPDIR/beside.log" 2>&1 && fail "two shows in one folder"
grep -q "another one serves" "$TMPDIR/beside.log" || fail "beside: $(cat "$TMPDIR/beside.log")"
kill -TERM "$stopped"
status=0
wait "$stopped" || status=$?
[ "$status" -eq 130 ] || fail "stopped, it ended with $status: $(tail -5 "$TMPDIR/stopped.log")"
if left; then fail "processes are left after Ctrl-C"; fi

"${show[@]}" --once >"$TMPDIR/first.log" 2>&1 || { tail -30 "$TMPDIR/first.log" >&2; fail "the show failed"; }
if left; then fail "processes are left after the show"; fi
for words in "stopped in its middle" NO_CREDIT CAP_REACHED PROOF_STALE OFFLINE_LIMIT REVOKED unreachable \
    "ended when she came" "each site a receipt" "nobody comes from" "12 receipts" "The proof holds" \
    "computed again from the feeds: equal" "Net positions"; do
    grep -q -- "$words" "$TMPDIR/first.log" || fail "nothing of '$words' was shown"
done
python3 - "$state/2026-10.json" "$root/config/reference/expected.json" <<'END' || fail "October is another one"
import json, sys
result = json.load(open(sys.argv[1]))
result.pop("transfers")
assert json.dumps(result) == json.dumps(json.load(open(sys.argv[2]))), "another result than expected.json"
END

# Served again, on other ports; a daemon that dies ends it with a sentence, and with all others.
"${show[@]}" --port "$((port + 30))" >"$TMPDIR/second.log" 2>&1 &
second=$!
for _ in $(seq 600); do
    grep -qs "serve until Ctrl-C" "$TMPDIR/second.log" && break
    kill -0 "$second" 2>/dev/null || fail "the second run: $(cat "$TMPDIR/second.log")"
    sleep 0.1
done
pkill -KILL -f -- "$state/sites/s009\$"
status=0
wait "$second" || status=$?
[ "$status" -eq 1 ] || fail "with a dead daemon it ended with $status"
grep -q "a daemon ended" "$TMPDIR/second.log" || fail "it does not say what died: $(tail -3 "$TMPDIR/second.log")"
if left; then fail "processes are left after a failure"; fi
echo "1 passed, 0 failed"
