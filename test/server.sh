#!/usr/bin/env bash
# server.sh: a PostgreSQL 15 server of its own in a directory, with pg_cron and sparkingest loaded. For tests and the
# quickstart.
#   server.sh start DIR [--fast] [--tcp] [--database NAME] [CONFIGURATION LINE]...
#   server.sh stop DIR
#
# start prints shell code that connects clients: eval "$(test/server.sh start DIR)". Where DIR holds a cluster already,
# that one is started again with what is asked for now. stop may be repeated; the files stay.
#   --fast            nothing is forced to disk: for what may be lost
#   --tcp             listens on a free port of 127.0.0.1 as well, with passwords (scram); else only on a socket in DIR
#   --database NAME   creates NAME; pg_cron and the dispatcher work there (default: postgres)
# Roles need no password over the socket, so DIR is closed to everybody else (mode 700). Run by root, the server runs as
# the system's user postgres. PG_CONFIG names another PostgreSQL 15.
set -euo pipefail
umask 077

readonly FIRST_PORT=20000 # below the range of outgoing connections
readonly PORTS=12000

die() { printf 'server.sh: %s\n' "$*" >&2; exit 1; }

usage() { die 'usage: server.sh start DIR [--fast] [--tcp] [--database NAME] [CONFIGURATION LINE]... | server.sh stop DIR'; }

bindir=$("${PG_CONFIG:-pg_config}" --bindir 2>/dev/null) ||
    die "${PG_CONFIG:-pg_config} does not run: apt-get install postgresql-15 postgresql-server-dev-15"
[ -x "$bindir/initdb" ] || die "no initdb in $bindir: apt-get install postgresql-15"

# Runs a program of the server as its user, without settings of the caller's clients.
as_server() {
    local program=("$bindir/$1" "${@:2}") variable
    (
        cd /
        for variable in ${!PG@}; do unset "$variable"; done
        export LC_ALL=C.UTF-8
        if [ "$(id -u)" = 0 ]; then
            exec setpriv --reuid="$user" --regid="$user" --init-groups "${program[@]}"
        fi
        exec "${program[@]}"
    )
}

# The process of the server in DIR, as its lock file names it and only if it is that one.
running() {
    local pid
    pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$data" ]
}

check_library() {
    local library
    for library in pg_cron sparkingest; do
        [ -f "$("${PG_CONFIG:-pg_config}" --pkglibdir)/$library.so" ] && continue
        case $library in
            pg_cron) die "pg_cron is not installed: apt-get install postgresql-15-cron" ;;
            *) die "sparkingest is not installed: run make install" ;;
        esac
    done
}

prepare_directory() {
    mkdir -p "$dir" || die "cannot make $dir"
    [ -d "$data" ] || [ -z "$(ls -A "$dir")" ] || die "$dir is neither empty nor made by server.sh: give another directory"
    [ "$(id -u)" != 0 ] || chown "$user:" "$dir"
    chmod 700 "$dir"
    as_server pg_config >/dev/null 2>&1 || die "user $user cannot run programs in $bindir"
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid="$user" --regid="$user" --init-groups test -x "$dir" ||
            die "user $user cannot enter $dir: give a directory below one that everybody may enter"
    fi
}

create_cluster() {
    local options=(-U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-instructions)
    [ "$fast" = no ] || options+=(--no-sync)
    as_server initdb -D "$data" "${options[@]}" >"$log" 2>&1 || fail "initdb failed"
    # The options of every start stand in the last file that is read, so that a later start can replace them.
    echo "include_if_exists 'start.conf'" >>"$data/postgresql.conf"
    cat >"$data/pg_hba.conf" <<HBA
local all all trust
host all all 127.0.0.1/32 scram-sha-256
HBA
}

create_database() {
    [ "$database" != postgres ] || return 0
    # Before the first start, so that no worker looks for it in vain. Errors do not end a single-user server.
    printf 'CREATE DATABASE "%s"\n' "${database//\"/\"\"}" |
        as_server postgres --single -D "$data" -c shared_preload_libraries= postgres >"$log" 2>&1 ||
        fail "could not create database $database"
    ! grep -q 'ERROR:' "$log" || fail "could not create database $database"
}

quote() { printf "'%s'" "${1//\'/\'\'}"; }

configure() {
    cat >"$data/start.conf" <<CONF
port = $port
listen_addresses = $(quote "$([ "$tcp" = no ] || echo 127.0.0.1)")
unix_socket_directories = $(quote "$dir")
shared_preload_libraries = 'pg_cron,sparkingest'
cron.database_name = $(quote "$database")
cron.use_background_workers = on
sparkingest.database = $(quote "$database")
max_worker_processes = 16
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %b '
CONF
    [ "$fast" = no ] || cat >>"$data/start.conf" <<'CONF'
fsync = off
synchronous_commit = off
full_page_writes = off
CONF
    [ ${#lines[@]} -eq 0 ] || printf '%s\n' "${lines[@]}" >>"$data/start.conf"
    [ "$(id -u)" != 0 ] || chown "$user:" "$data/start.conf"
}

fail() {
    printf 'server.sh: %s; the end of %s:\n' "$1" "$log" >&2
    tail -n 15 "$log" | sed 's/^/    /' >&2
    exit 1
}

launch() {
    local tries=0
    port=5432 # of a socket in a directory of its own, where nobody else is
    while :; do
        [ "$tcp" = no ] || port=$((FIRST_PORT + (RANDOM * 32768 + RANDOM) % PORTS))
        configure
        : >"$log"
        as_server pg_ctl start -D "$data" -l "$log" -w -t 60 -s >/dev/null 2>&1 </dev/null && return
        grep -q 'Address already in use' "$log" || fail "the server did not start"
        [ $((++tries)) -lt 20 ] || fail "no port of 127.0.0.1 was free"
    done
}

start() {
    local new=no
    check_library
    [ ${#dir} -le 85 ] || die "$dir is too long for a socket: give a directory of at most 85 characters"
    ! running || die "the server in $dir runs already: stop it first"
    prepare_directory
    : >>"$log"
    [ "$(id -u)" != 0 ] || chown "$user:" "$log"
    [ -d "$data" ] || new=yes
    [ $new = no ] || create_cluster
    [ $new = no ] || create_database
    launch
    printf 'export PGHOST=%q PGPORT=%q PGUSER=postgres\n' "$dir" "$port"
}

stop() {
    running || return 0
    as_server pg_ctl stop -D "$data" -m fast -w -t 60 -s >&2 || die "the server in $dir did not stop within 60 s: see $log"
}

[ $# -ge 2 ] || usage
command=$1
dir=$(realpath -m -- "$2")
shift 2
data=$dir/data
log=$dir/server.log
user=postgres
database=postgres
fast=no
tcp=no
lines=()
[ "$(id -u)" != 0 ] || id "$user" >/dev/null 2>&1 || die "there is no user $user: apt-get install postgresql-15"
while [ $# -gt 0 ]; do
    case $1 in
        --fast) fast=yes ;;
        --tcp) tcp=yes ;;
        --database)
            [ $# -ge 2 ] || usage
            database=$2
            shift
            ;;
        -*) usage ;;
        *) lines+=("$1") ;;
    esac
    shift
done
case $command in
    start) start ;;
    stop) stop ;;
    *) usage ;;
esac
