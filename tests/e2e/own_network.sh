#!/bin/bash
# tier: full
# "A network of your own" of the README: an operator builds a network from the command line alone, from
# a folder of CSV files, which goes in whole or not at all, and thing by thing; two operators where two
# are needed.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
hub=$TMPDIR/hub
port=${PORTS:-$((20000 + RANDOM % 12000))}
export PASSERELLE_CONFIG=$TMPDIR/cli

fail() {
    echo "own_network: $*" >&2
    exit 1
}
as() {
    local profile=$1
    shift
    "$PASSERELLE" --profile "$profile" "$@"
}
run() { as one "$@"; }
# says WORDS STATUS COMMAND...: the command ends with the status and says the words.
says() {
    local words=$1 wanted=$2 said status=0
    shift 2
    said=$(run "$@" 2>&1) || status=$?
    [ "$status" -eq "$wanted" ] || fail "$*: status $status: $said"
    grep -q -- "$words" <<<"$said" || fail "$*: said '$said'"
}

"$PASSERELLED" init "$hub" --network own --name "Own" --host localhost --port "$port" >/dev/null
"$PASSERELLED" run "$hub" >"$TMPDIR/hub.log" 2>&1 &
daemon=$!
trap 'kill "$daemon" 2>/dev/null; wait "$daemon" 2>/dev/null || true' EXIT
until curl -sf --cacert "$hub/ca.crt" "https://localhost:$port/readyz" >/dev/null 2>&1; do
    kill -0 "$daemon" 2>/dev/null || fail "the hub did not start: $(cat "$TMPDIR/hub.log")"
    sleep 0.1
done
for who in one:1 two:2; do
    as x profile add "${who%:*}" --url "https://localhost:$port" --ca "$hub/ca.crt" \
        --cert "$hub/operator-${who#*:}.crt" --key "$hub/operator-${who#*:}.key" >/dev/null
done

# A folder: looked at as a whole, recorded as a whole.
says "holders.csv: 1739 lines: 1739 added" 0 network import "$root/config/reference" --dry-run
cp -r "$root/config/reference" "$TMPDIR/bad"
sed -i '2s/,e001-p1,/,e001-p9,/' "$TMPDIR/bad/holders.csv"
says "holders.csv:2: plan_id: employer e001 has no plan e001-p9" 6 network import "$TMPDIR/bad"
says " 0 members, 0 sites" 0 status
says "1739 added" 0 network import "$root/config/reference"
says "holders.csv: 1739 lines: 0 added, 0 changed, 1739 unchanged" 0 network import "$root/config/reference"

# One by one.
says "SIREN" 1 member put new --legal-name "Neuve" --legal-form association --sector private \
    --siren 732829321
run member put new --legal-name "La Neuve" --legal-form association --sector private \
    --siren 732829320 --siret 73282932000074 --vat-regime franchise --address "1 rue Neuve" \
    --postcode 09000 --city Foix --country FR --is-issuer yes >/dev/null
says "La Neuve .*Foix" 0 member list new
run member put new --city Pamiers >/dev/null
says "La Neuve .*Pamiers" 0 member list new
run member put new --account-iban FR1420041010050500013M02606 >/dev/null
iban=FR7630006000011234567890189
says "waits for a second operator" 5 member put new --account-iban $iban
says "PutMember" 0 approval list
says "waits for a second operator" 5 member put new --account-iban $iban # the same one twice is not two
as two member put new --account-iban $iban >/dev/null || fail "the second operator was not enough"

run site put new1 --member-id new --name "Chez Neuve" --kind fixed --insee 09122 --lat 42.96 \
    --lon 1.6 --zone rural --category standard --services "wifi|printer|coffee|locker" \
    --security-level 1 --opening-hours "24/7" --desks 4 >/dev/null
says "Chez Neuve .*candidate" 0 site list new1
run site state new1 active >/dev/null
says "Chez Neuve .*active" 0 site list new1
run site put new1 --desks 5 >/dev/null
run employer put acme --issuer-member-id new --legal-name "Acme" --sector private --siren 732829320 \
    --siret 73282932000074 --address "2 rue Neuve" --postcode 09000 --city Foix --country FR >/dev/null
says "Acme" 0 employer list acme
run plan put acme-p1 --employer-id acme --type carnet >/dev/null
says "carnet" 0 plan list acme
run carnet sell acme-c1 --plan-id acme-p1 --units 20 --price-cents 16400 \
    --bought-on "$(date -u +%F)" --valid-months 6 >/dev/null
says "164.00" 0 carnet list acme
printf '%s\n%s\n' "$(head -1 "$root/config/reference/holders.csv")" \
    'a1,acme,acme-p1,Zoé,Neuve,zoe@example.org,CC1,card,,' >"$TMPDIR/staff.csv"
says "1 added" 0 holder import acme "$TMPDIR/staff.csv"
says "Zoé" 0 holder list acme
run pass issue --employer acme >"$TMPDIR/codes.csv"
[ "$(wc -l <"$TMPDIR/codes.csv")" -eq 2 ] || fail "one pass, one line"
says "a1 .*card.*active" 0 pass list acme
number=$(run pass list acme | awk '$2 == "a1" { print $3 }')
says "accepted: yes" 0 visit check-in new1 --card-number "$number"
echo "1 passed, 0 failed"
