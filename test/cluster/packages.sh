#!/usr/bin/env bash
# Installs what sparkingest needs on Debian 12; does nothing, in well under 2 s, where all is there.
#   packages.sh        all: building, the quickstart, every test
#   packages.sh build  what building and installing the extension needs
# Debian's packages need root. The rest goes to $SPARKINGEST_CACHE (cache.sh): a Python environment with exactly
# requirements.txt, JDBC drivers, a Go that can build Kubernetes where the machine has none. No service is started, and no
# database cluster is made. Two runs at once wait for each other.
set -euo pipefail
umask 022
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=cache.sh
. "$here/cache.sh"

readonly BUILD_PACKAGES="postgresql-15 postgresql-server-dev-15 gcc libc6-dev make libcurl4-openssl-dev libyaml-dev"
# mariadb-server-core: the server's programs without a service.
readonly TEST_PACKAGES="postgresql-15-cron postgresql-15-pgtap libipc-run-perl libtap-parser-sourcehandler-pgtap-perl
    clang clang-format clang-tidy libclang-rt-14-dev cppcheck libcmocka-dev tzdata openssl ca-certificates procps util-linux
    python3 python3-venv mariadb-server-core mariadb-client-core"

# mysql sources are read by MariaDB's driver: LGPL, speaks to MySQL and MariaDB, and streams rows by fetch size. MySQL's own
# (GPL) works as well where an image carries it.
readonly JARS="org.postgresql:postgresql:42.7.13 org.mariadb.jdbc:mariadb-java-client:3.5.11"
readonly MAVEN_COPY=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy

# From Go 1.21 on, the go command fetches the toolchain that a go.mod asks for. Debian 12's 1.19 can only be told to.
readonly GO_LEAST=21
readonly GO_VERSION=1.26.8
readonly GO_BOOTSTRAP=/usr/lib/go-1.19

say() {
    printf 'packages: %4d s  %s\n' "$SECONDS" "$*"
}

die() {
    printf 'packages: %4d s  error: %s\n' "$SECONDS" "$*" >&2
    exit 1
}

# Runs a command quietly; its output is shown when it fails.
quietly() {
    local log=$SPARKINGEST_CACHE/packages.log
    "$@" >"$log" 2>&1 </dev/null || {
        tail -n 40 "$log" >&2
        die "failed: $* (log: $log)"
    }
}

# The cache, and every directory on the way to it that is made here, may be entered by all.
make_cache() {
    mkdir -p "$SPARKINGEST_CACHE" || die "cannot make $SPARKINGEST_CACHE; set SPARKINGEST_CACHE to another directory"
    [ -w "$SPARKINGEST_CACHE" ] || die "cannot write to $SPARKINGEST_CACHE; set SPARKINGEST_CACHE to another directory"
}

check_readable() {
    [ "$(id -u)" = 0 ] && id postgres >/dev/null 2>&1 || return 0
    setpriv --reuid=postgres --regid=postgres --init-groups test -x "$SPARKINGEST_CACHE" ||
        die "user postgres cannot enter $SPARKINGEST_CACHE; set SPARKINGEST_CACHE to a directory that all can read"
}

# Names, out of the arguments, that are not installed.
missing_packages() {
    local name
    declare -A there=()
    while read -r name; do
        there[$name]=1
    done < <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p')
    for name; do
        [ -n "${there[$name]:-}" ] || echo "$name"
    done
}

# While packages are installed no service starts, and postgresql-common makes no cluster; both as before afterwards.
readonly POLICY=/usr/sbin/policy-rc.d
readonly NO_CLUSTER=/etc/postgresql-common/createcluster.d/sparkingest-packages.conf
forbid_services() {
    trap allow_services EXIT
    if [ ! -e "$POLICY" ]; then
        printf '#!/bin/sh\n# sparkingest packages.sh, while it runs\nexit 101\n' >"$POLICY"
        chmod 755 "$POLICY"
    fi
    if ! dpkg-query -W -f '${db:Status-Status}' postgresql-15 2>/dev/null | grep -qx installed; then
        mkdir -p "$(dirname "$NO_CLUSTER")"
        echo 'create_main_cluster = false' >"$NO_CLUSTER"
    fi
}

allow_services() {
    ! grep -qs 'sparkingest packages.sh' "$POLICY" || rm -f "$POLICY"
    if [ -e "$NO_CLUSTER" ]; then
        rm -f "$NO_CLUSTER"
        rmdir --ignore-fail-on-non-empty "$(dirname "$NO_CLUSTER")"
    fi
}

install_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || die "as root: apt-get install ${missing[*]}"
    say "installing Debian packages: ${missing[*]}"
    forbid_services
    quietly apt-get -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 update
    quietly env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 \
        install -y --no-install-recommends "${missing[@]}"
    allow_services
    say "Debian packages installed"
}

# Prints the major version, 0 where there is no Java.
java_major() {
    local java=java
    [ -z "${JAVA_HOME:-}" ] || java=$JAVA_HOME/bin/java
    "$java" -XshowSettings:none -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | grep . || echo 0
}

install_java() {
    case ${JAVA_HOME:-} in
        /usr/lib/jvm/java-17-openjdk-* | /usr/lib/jvm/java-21-openjdk-*) return ;; # chosen by cache.sh
    esac
    case $(java_major) in
        17 | 21) return ;;
    esac
    install_packages openjdk-17-jdk-headless
    # shellcheck source=cache.sh
    . "$here/cache.sh"
    case $(java_major) in
        17 | 21) ;;
        *) die "JAVA_HOME ($JAVA_HOME) is not a JDK 17 or 21; unset it" ;;
    esac
}

go_can_choose() {
    local minor
    minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p') || return 1
    [ "${minor:-0}" -ge $GO_LEAST ]
}

# The toolchain is a Go module, checked by Go's checksum database like any other; modules lose modes and cannot hold a go.mod.
install_go() {
    local os_arch module target=$SPARKINGEST_CACHE/go-$GO_VERSION
    local work=$SPARKINGEST_CACHE/.go.$$
    [ ! -x "$SPARKINGEST_CACHE/go/bin/go" ] || return 0
    ! go_can_choose || return 0
    install_packages golang-1.19-go
    say "fetching Go $GO_VERSION"
    os_arch=$("$GO_BOOTSTRAP/bin/go" env GOOS GOARCH | paste -sd- -)
    rm -rf "$work"
    mkdir -p "$work/empty"
    (cd "$work/empty" && quietly env GOPATH="$work/path" GOMODCACHE="$work/modules" GOFLAGS=-modcacherw GOROOT= \
        "$GO_BOOTSTRAP/bin/go" mod download "golang.org/toolchain@v0.0.1-go$GO_VERSION.$os_arch")
    module="$work/modules/golang.org/toolchain@v0.0.1-go$GO_VERSION.$os_arch"
    find "$module" -name _go.mod -execdir mv _go.mod go.mod ';'
    find "$module/bin" "$module/pkg/tool" -type f -exec chmod 755 {} +
    chmod -R a+rX "$module"
    rm -rf "$target"
    mv "$module" "$target"
    rm -rf "$work"
    ln -sfn "go-$GO_VERSION" "$SPARKINGEST_CACHE/.go.link"
    mv -T "$SPARKINGEST_CACHE/.go.link" "$SPARKINGEST_CACHE/go"
    say "Go $GO_VERSION is in $SPARKINGEST_CACHE/go"
}

# By Debian's own Python: one from a version manager may be in a home directory that others cannot enter.
install_venv() {
    local python=/usr/bin/python3 hash name target
    hash=$({ cat "$here/requirements.txt"; readlink -f "$python"; } | sha256sum | cut -c1-12)
    name=venv-$hash
    target=$SPARKINGEST_CACHE/$name
    if [ ! -e "$target/complete" ]; then
        say "making a Python environment (PySpark is 0.4 GB)"
        rm -rf "$target"
        quietly "$python" -m venv "$target"
        quietly "$target/bin/python" -m pip install --disable-pip-version-check --no-input --no-deps -r "$here/requirements.txt"
        quietly "$target/bin/python" -m pip check
        chmod -R a+rX "$target"
        touch "$target/complete"
        say "Python environment made"
    fi
    if [ "$(readlink "$SPARKINGEST_CACHE/venv" 2>/dev/null || true)" != "$name" ]; then
        ln -sfn "$name" "$SPARKINGEST_CACHE/.venv.link"
        mv -T "$SPARKINGEST_CACHE/.venv.link" "$SPARKINGEST_CACHE/venv"
    fi
}

install_jars() {
    local jar group artifact version file work=$SPARKINGEST_CACHE/.jars.$$
    mkdir -p "$SPARKINGEST_CACHE/jars"
    for jar in $JARS; do
        IFS=: read -r group artifact version <<<"$jar"
        file=$artifact-$version.jar
        [ ! -s "$SPARKINGEST_CACHE/jars/$file" ] || continue
        command -v mvn >/dev/null || install_packages maven
        say "fetching $file"
        rm -rf "$work"
        quietly mvn -B -q "$MAVEN_COPY" "-Dartifact=$group:$artifact:$version" "-DoutputDirectory=$work"
        # One version of each driver: two on a class path would be a matter of luck.
        find "$SPARKINGEST_CACHE/jars" -name "$artifact-[0-9]*.jar" -delete
        mv "$work/$file" "$SPARKINGEST_CACHE/jars/$file"
        chmod 644 "$SPARKINGEST_CACHE/jars/$file"
    done
    rm -rf "$work"
}

main() {
    case ${1:-all} in
        all | build) ;;
        *) die "usage: packages.sh [build]" ;;
    esac
    make_cache
    exec 9>"$SPARKINGEST_CACHE/packages.lock"
    flock -n 9 || {
        say "waiting for another packages.sh"
        flock 9
    }
    if [ "${1:-all}" = build ]; then
        # shellcheck disable=SC2086
        install_packages $BUILD_PACKAGES
    else
        # shellcheck disable=SC2086
        install_packages $BUILD_PACKAGES $TEST_PACKAGES
        install_java
        install_go
        install_venv
        install_jars
    fi
    check_readable
    say "ready: $SPARKINGEST_CACHE"
}

main "$@"
