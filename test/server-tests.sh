#!/usr/bin/env bash
# server-tests.sh [PART [NAME...]]: the tests that need a PostgreSQL server and nothing else. Without a PART all of them:
#   regress     test/sql/*.sql by pg_regress
#   isolation   test/specs/*.spec by isolationtester: sessions that race
#   pgtap       test/pgtap/test_*.sql by pg_prove: from the catalogs
# NAME is a test, without its ending. Outputs are compared with expected/; UPDATE=1 writes what came out there instead, for
# you to read as a difference of git.
#
# Needs the extension installed as it is built (make install). The server is private and temporary; two runs do not meet.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
export PG_CONFIG=${PG_CONFIG:-pg_config}
parts=(regress isolation pgtap)

die() { printf 'server-tests.sh: %s\n' "$*" >&2; exit 2; }

if [ $# -gt 0 ]; then
    case $1 in
        regress | isolation | pgtap) parts=("$1") ;;
        *) die "unknown part \"$1\": regress, isolation or pgtap" ;;
    esac
    shift
fi
names=("$@")

bindir=$("$PG_CONFIG" --bindir)
tools=$(dirname "$("$PG_CONFIG" --pgxs)")/../test
for program in "$tools/regress/pg_regress" "$tools/isolation/pg_isolation_regress"; do
    [ -x "$program" ] || die "$program is missing: apt-get install postgresql-server-dev-15"
done
[ -f "$("$PG_CONFIG" --sharedir)/extension/pgtap.control" ] || die "pgTAP is missing: apt-get install postgresql-15-pgtap"
command -v pg_prove >/dev/null || die "pg_prove is missing: apt-get install libtap-parser-sourcehandler-pgtap-perl"

# Every test ends with the books; the README's walk-through is printed as users see it and has none of ours in it.
for file in "$here"/sql/*.sql "$here"/specs/*.spec; do
    case $file in
        */sql/readme.sql) ;;
        *.sql) grep -qx '\\i :end' "$file" || die "$file does not end with \\i :end, which checks the books" ;;
        *) grep -q 'books.differences()' "$file" || die "$file has no teardown that checks the books" ;;
    esac
done

work=$(mktemp -d "${TMPDIR:-/tmp}/sparkingest-server.XXXXXX")
chmod 755 "$work" # the server runs from it
# shellcheck disable=SC2317 # a trap calls it
cleanup() {
    "$here/server.sh" stop "$work/server" || true
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP PIPE

# shellcheck source=test/private.sh
. "$here/private.sh"

sql() { "$bindir/psql" -X -q -v ON_ERROR_STOP=1 "$@" >/dev/null; }

make_database() {
    sql -d postgres -c "CREATE DATABASE $1"
    sql -d "$1" -c 'CREATE EXTENSION sparkingest' # its tables must be there when functions name them
    sql -d "$1" -f "$here/pgtap/books.sql"
    sql -d "$1" -f "$here/sql/include/fixture.sql"
    [ "$1" != test_isolation ] || sql -d "$1" -f "$here/sql/include/races.sql"
}

# Which tests a part has, or those that were asked for.
list() {
    local file
    if [ ${#names[@]} -gt 0 ]; then
        printf '%s\n' "${names[@]}"
        return
    fi
    for file in "$1"/$2; do
        file=${file##*/}
        printf '%s\n' "${file%.*}"
    done
}

# Runs pg_regress or its sibling for isolation; both look for expected/ in their output directory. Clients see what users
# see: the launcher takes away the date style and the zone that pg_regress sets.
run_regress() {
    local part=$1 program=$2 tests=() name status=0 output=$work/$1
    mapfile -t tests < <(list "$3" "$4")
    mkdir -p "$output"
    ln -sfn "$root/expected" "$output/expected"
    make_database "test_$part"
    [ -z "${UPDATE:-}" ] || for name in "${tests[@]}"; do : >>"$root/expected/$name.out"; done
    (cd "$output" && "$program" --bindir="$bindir" --inputdir="$here" --outputdir="$output" --use-existing \
        --launcher='env -u PGDATESTYLE -u PGTZ' \
        --dbname="test_$part" --host="$PGHOST" --port="$PGPORT" --user=postgres "${tests[@]}") >"$output/log" 2>&1 || status=$?
    if [ -n "${UPDATE:-}" ]; then
        for name in "${tests[@]}"; do cp "$output/results/$name.out" "$root/expected/$name.out"; done
    elif [ "$status" -ne 0 ]; then
        cat "$output/regression.diffs" 2>/dev/null || cat "$output/log"
    fi
    passed=$(grep -cE '^test .* ok  ' "$output/log" || true)
    [ -z "${UPDATE:-}" ] || passed=${#tests[@]}
    failed=$((${#tests[@]} - passed))
}

run_pgtap() {
    local name files=()
    while read -r name; do files+=("$here/pgtap/$name.sql"); done < <(list "$here/pgtap" 'test_*.sql')
    make_database test_pgtap
    sql -d test_pgtap -c 'CREATE EXTENSION pgtap'
    pg_prove --psql-bin "$bindir/psql" -d test_pgtap --timer --verbose "${files[@]}" >"$work/pgtap.log" 2>&1 || {
        grep -vE '^ok |^ *ok ' "$work/pgtap.log" || true
    }
    passed=$(grep -cE '^(\[[0-9:]+\] )?ok ' "$work/pgtap.log" || true)
    failed=$(grep -E '^(\[[0-9:]+\] )?not ok ' "$work/pgtap.log" | grep -vc '# TODO' || true)
    # A file that dies, or runs other tests than it planned, fails as a whole.
    [ "$failed" -gt 0 ] || grep -q '^Result: PASS$' "$work/pgtap.log" || failed=1
}

build_server "$work/postgres"
bindir=$("$PG_CONFIG" --bindir)
# The dispatcher and pg_cron live in a database of their own, where they change nothing that a test sees.
start=$("$here/server.sh" start "$work/server" --fast --database home 'max_connections = 50' "cron.log_run = off")
eval "$start"
sql -d home -c 'CREATE EXTENSION pg_cron' -c 'CREATE EXTENSION sparkingest'
status=0
for part in "${parts[@]}"; do
    seconds=$SECONDS
    case $part in
        regress) run_regress regress "$tools/regress/pg_regress" "$here/sql" '*.sql' ;;
        isolation) run_regress isolation "$tools/isolation/pg_isolation_regress" "$here/specs" '*.spec' ;;
        pgtap) run_pgtap ;;
    esac
    printf '%s: %d passed, %d failed (%d s)\n' "$part" "$passed" "$failed" $((SECONDS - seconds))
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ] || status=1
done
exit $status
