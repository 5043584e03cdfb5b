#!/bin/bash
# Migrates a real PostgreSQL 15 and has it PREPARE every statement that any room declares.
# tier: quick
# plain builds only
set -euo pipefail

statements=$BUILD/tests/lib/sql-statements
bin=$(find /usr/lib/postgresql/15/bin -maxdepth 0 2>/dev/null) || true
if [ -z "$bin" ]; then
    echo "PostgreSQL 15 is not installed: apt-get install postgresql-15"
    exit 1
fi

# PostgreSQL refuses to run as root.
home=$(mktemp -d /tmp/passerelle-postgres.XXXXXX)
as_user=()
if [ "$(id -u)" = 0 ]; then
    chown postgres "$home"
    as_user=(runuser -u postgres --)
fi
stop() {
    "${as_user[@]}" "$bin/pg_ctl" -D "$home/data" -m immediate -s stop || true
    rm -rf "$home"
}
trap stop EXIT
cd "$home"
"${as_user[@]}" "$bin/initdb" -D "$home/data" -A trust -U tester -E UTF8 --locale=C --no-sync >/dev/null
"${as_user[@]}" "$bin/pg_ctl" -D "$home/data" -s -w -l "$home/log" \
    -o "-c listen_addresses='' -c unix_socket_directories='$home' -c fsync=off" start

# Each statement is one address in the section db_sql of an object file.
declared=$(find "$BUILD/daemon" -name '*.o' -exec size -A {} + | awk '$1 == "db_sql" { n += $2 / 8 } END { print n + 0 }')
linked=$("$statements" count)
if [ "$declared" != "$linked" ]; then
    echo "$declared statements are declared, $linked are tested: a library is missing in tests/lib/meson.build"
    exit 1
fi
"$statements" >statements.sql
if ! psql -h "$home" -U tester -d postgres -X -q -v ON_ERROR_STOP=1 -f statements.sql 2>errors; then
    cat errors
    line=$(sed -n 's/^psql:statements.sql:\([0-9]*\):.*/\1/p' errors | head -n 1)
    sed -n "$((line > 3 ? line - 3 : 1)),${line}p" statements.sql
    exit 1
fi
echo "$linked statements prepared"
