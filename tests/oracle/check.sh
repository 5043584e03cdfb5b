#!/bin/sh
# Compares the daemon with the oracle on random months.
#
#     check.sh PASSERELLE_BINARY [COUNT] [FIRST_SEED]
#
# Every 5th seed has lines that must be refused (its exit status is then not looked at), every 3rd of the others
# must give the same bytes from the same lines shuffled and repeated. Seeds take turns in the two settlement modes.
# REFERENCE=DIR also compares the oracle itself with DIR/expected.json first.
set -u

if [ $# -lt 1 ]; then
    echo "usage: $0 PASSERELLE_BINARY [COUNT] [FIRST_SEED]" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
binary=$1
count=${2:-20}
first=${3:-1}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
export PYTHONDONTWRITEBYTECODE=1

if [ -n "${REFERENCE:-}" ]; then
    for file in "$REFERENCE"/visits-*.csv; do
        month=${file##*/visits-}
        python3 "$here/rules.py" month "$REFERENCE" "${month%.csv}" | cmp - "$REFERENCE/expected.json" || exit 1
    done
fi

# check_seed SEED: says what is wrong on stdout.
check_seed() {
    rm -rf "$work/net" && mkdir "$work/net"
    bad='' mode=operator
    [ $(($1 % 5)) -eq 0 ] && bad=--bad
    [ $(($1 % 2)) -eq 0 ] && mode=direct
    month=$(python3 "$here/generate.py" $bad "$1" "$work/net") || return 1
    python3 "$here/rules.py" month "$work/net" "$month" >"$work/expected.json" 2>"$work/refused" || {
        echo "the oracle failed: $(tail -n 1 "$work/refused")"
        return 1
    }
    simulate "$work/result.json" || [ -n "$bad" ] || {
        echo "exit status not 0: $(tail -n 1 "$work/stderr")"
        return 1
    }
    python3 "$here/compare.py" "$work/expected.json" "$work/result.json" $mode || return 1
    if [ -z "$bad" ] && [ $(($1 % 3)) -eq 0 ]; then
        python3 "$here/shuffle.py" "$1" "$work/net/visits-$month.csv" || return 1
        simulate "$work/shuffled.json"
        cmp -s "$work/result.json" "$work/shuffled.json" || {
            echo "the shuffled lines give other bytes"
            return 1
        }
    fi
}

# simulate RESULT
simulate() {
    set -- "$1" "$work/net" "$month"
    if [ $mode = direct ]; then
        "$binary" simulate "$2" "$3" --mode direct --json >"$1" 2>"$work/stderr"
    else
        "$binary" simulate "$2" "$3" --json >"$1" 2>"$work/stderr"
    fi
}

passed=0 failed=0 seed=$first
while [ "$seed" -lt $((first + count)) ]; do
    if wrong=$(check_seed "$seed"); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "seed $seed: $wrong"
        echo "    again: $0 $binary 1 $seed"
    fi
    seed=$((seed + 1))
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
