#!/bin/bash
# tier: quick
# The completion script, sourced by a real bash: what it offers at each place of a line.
set -uo pipefail # no -e: the script is made for a shell in which somebody types
cd "$TMPDIR" || exit 1
"$PASSERELLE" completion bash >completion.bash
export PASSERELLE_CONFIG=$TMPDIR/profiles
"$PASSERELLE" profile add north --url https://north.example:1 >/dev/null
"$PASSERELLE" profile add south --url https://south.example:1 >/dev/null
# shellcheck disable=SC2317  # the script calls it
passerelle() { "$PASSERELLE" "$@"; }
# shellcheck source=/dev/null
. ./completion.bash
mkdir -p files
touch files/staff.csv files/stops.csv
failed=0

# offers EXPECTED WORD...: completing after these words (the last may be empty) gives exactly EXPECTED.
offers() {
    local expected=$1 got
    shift
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    _passerelle
    got=$(printf '%s\n' "${COMPREPLY[@]}" | sort -u | tr '\n' ' ')
    got=${got% }
    if [ "$got" != "$expected" ]; then
        echo "FAILED: ${*}: offers '$got', not '$expected'"
        failed=$((failed + 1))
    fi
}

offers 'pass payment period plan policy profile' passerelle p
offers 'pass payment period plan policy profile' passerelle --json --profile north p
offers 'check-in check-out correct' passerelle visit c
offers 'state stops' passerelle site st
offers '--profile' passerelle --pr
offers 'north south' passerelle --profile ''
offers 'south' passerelle --profile s
offers '--card-number' passerelle visit check-in s010 --card
offers 'booth desk meeting_room' passerelle visit check-in s010 --resource ''
offers '--legal-form --legal-name' passerelle member put m001 --legal
offers '--carry-under-cents --close-wait-days --correction-hours' passerelle policy set --c
offers 'active candidate closed suspended' passerelle site state s010 ''
offers 'files/staff.csv files/stops.csv' passerelle network import stops files/st
offers 'files/stops.csv' passerelle site stops s010 files/sto
offers '--dry-run' passerelle tariff publish --dry
offers 'bash' passerelle completion b
offers 'chart chart-set check export openings openings-set' passerelle fec ''
offers 'files/stops.csv' passerelle statement site s010 2026-10 -o files/sto
offers 'files/staff.csv' passerelle fec check files/sta
# Every command of --help can be completed to, word by word, and has an example.
"$PASSERELLE" --help | sed -n 's/^  \([a-z][a-z-]*\( [a-z][a-z-]*\)\{0,1\}\)  .*/\1/p' >commands
[ "$(wc -l <commands)" -gt 60 ] || { echo "FAILED: --help lists few commands"; failed=$((failed + 1)); }
while read -r first second; do
    COMP_WORDS=(passerelle "${second:+$first}" "${second:-$first}")
    [ -n "$second" ] || COMP_WORDS=(passerelle "$first")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _passerelle
    if ! printf '%s\n' "${COMPREPLY[@]}" | grep -qx -- "${second:-$first}"; then
        echo "FAILED: $first $second is not completed"
        failed=$((failed + 1))
    fi
    # shellcheck disable=SC2086
    if ! "$PASSERELLE" $first $second --help | grep -q "^  passerelle $first"; then
        echo "FAILED: $first $second --help has no example"
        failed=$((failed + 1))
    fi
done <commands
exit $((failed > 0))
