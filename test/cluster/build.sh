#!/usr/bin/env bash
# build.sh [client]: gets what a test cluster needs: kube-apiserver, kube-controller-manager, etcd, kubectl and the
# SparkApplication CRD; with "client" only kubectl and the CRD, for a cluster that is there already. Prints the folder of
# the programs as its last line; the CRD lies beside it in ../crd.
#
# Where all of them are on PATH or in KUBEBUILDER_ASSETS those are used. Else all are built from the Go modules that
# go/go.mod pins, once: the result is kept outside the work tree, by the hash of go.mod and go.sum.
#
#   SPARKINGEST_CACHE       where to keep it (cache.sh)
#   SPARKINGEST_BUILD_KUBE  1 = build even if the programs are there already
set -euo pipefail
umask 022

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=cache.sh
. "$here/cache.sh"
cache=$SPARKINGEST_CACHE
declare -A package=(
    [kube-apiserver]=k8s.io/kubernetes/cmd/kube-apiserver
    [kube-controller-manager]=k8s.io/kubernetes/cmd/kube-controller-manager
    [kubectl]=k8s.io/kubernetes/cmd/kubectl
    [etcd]=go.etcd.io/etcd/server/v3
)
crd=sparkoperator.k8s.io_sparkapplications.yaml
wanted_go=$(awk '$1 == "go" { print $2 }' "$here/go/go.mod")
start=$SECONDS

say() { printf 'build.sh: %2dm%02ds %s\n' $(((SECONDS - start) / 60)) $(((SECONDS - start) % 60)) "$*" >&2; }
die() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }

case ${1:-all} in
    all) programs=(kube-apiserver kube-controller-manager kubectl etcd) ;;
    client) programs=(kubectl) ;;
    *) die "unknown argument \"$1\": there is only \"client\"" ;;
esac

# Where a program is already; KUBEBUILDER_ASSETS first.
find_program() {
    if [ -n "${KUBEBUILDER_ASSETS:-}" ] && [ -x "$KUBEBUILDER_ASSETS/$1" ]; then
        echo "$KUBEBUILDER_ASSETS/$1"
    else
        command -v "$1"
    fi
}

# The go on PATH must be new enough, or able to fetch one that is.
ensure_go() {
    local version
    command -v go >/dev/null || die "Go is missing: run $here/packages.sh, or put Go $wanted_go or newer on PATH"
    version=$(cd "$here/go" && go env GOVERSION 2>&1) ||
        die "Go $wanted_go or newer is needed ($version): run $here/packages.sh, or put it on PATH"
}

# Runs a long command and tells every 15 s how far it is: the lines of its log, as `phrase` reads them.
with_progress() {
    local log=$1 phrase=$2 pid status=0
    shift 2
    "$@" >"$log" 2>&1 &
    pid=$!
    trap 'kill '"$pid"' 2>/dev/null || true' EXIT
    while kill -0 "$pid" 2>/dev/null; do
        for _ in $(seq 150); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -0 "$pid" 2>/dev/null && say "$($phrase "$log")"
    done
    wait "$pid" || status=$?
    trap - EXIT
    if [ "$status" -ne 0 ]; then
        tail -n 20 "$log" >&2
        die "failed: ${*:1:2} ...; the whole log is $log"
    fi
}

said_download() { echo "downloading Go modules: $(grep -c '^go: downloading' "$1" || true) so far"; }
said_compile() {
    local last
    last=$(tail -n 1 "$1")
    echo "compiling: $(wc -l <"$1") of $packages packages; ${last:-starting}"
}

# The folder of the operator's module; downloaded if need be and checked against go.sum.
operator_module() {
    local dir
    dir=$(cd "$here/go/operator" && GOFLAGS=-mod=mod go mod download -json github.com/kubeflow/spark-operator/v2 |
        sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p')
    [ -n "$dir" ] || die "the Go module github.com/kubeflow/spark-operator/v2 cannot be downloaded"
    echo "$dir"
}

build() {
    local out=$1 version minor program wanted=()
    for program in "${programs[@]}"; do
        wanted+=("${package[$program]}")
    done
    export CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly
    cd "$here/go"
    version=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' go.mod)
    minor=${version#v1.}
    say "building ${programs[*]} of Kubernetes $version from Go modules with $(go env GOVERSION): a few minutes, once"
    with_progress "$out/download.log" said_download go list -deps -f '{{.ImportPath}}' "${wanted[@]}"
    packages=$(grep -vc '^go: ' "$out/download.log")
    local stamp="-X k8s.io/component-base/version.gitVersion=$version -X k8s.io/component-base/version.gitMajor=1"
    stamp+=" -X k8s.io/component-base/version.gitMinor=${minor%%.*}"
    # All in one call: they share most of their packages.
    with_progress "$out/compile.log" said_compile go build -v -trimpath -buildvcs=false -ldflags "-s -w $stamp" -o "$out/bin/" \
        "${wanted[@]}"
    [ ! -e "$out/bin/server" ] || mv "$out/bin/server" "$out/bin/etcd"
    for program in "${programs[@]}"; do
        [ -x "$out/bin/$program" ] || die "go build left no $program in $out/bin"
    done
    say "built ${programs[*]}"
}

key=$(cat "$here/go/go.mod" "$here/go/go.sum" "$here/go/operator/go.sum" | sha256sum | cut -c 1-16)
if [ "${1:-all}" = client ] && [ -d "$cache/kube-$key" ]; then
    echo "$cache/kube-$key/bin" # the whole was built before
    exit
fi
found=()
if [ "${SPARKINGEST_BUILD_KUBE:-0}" != 1 ]; then
    for program in "${programs[@]}"; do
        path=$(find_program "$program") && found+=("$path")
    done
fi
if [ ${#found[@]} -eq ${#programs[@]} ]; then
    key=found-$(printf '%s\n' "$key" "${found[@]}" | sha256sum | cut -c 1-16)
fi
[ "${1:-all}" = all ] || key=$key-$1
result=$cache/kube-$key

if [ ! -d "$result" ]; then
    mkdir -p "$cache"
    exec 9>"$cache/kube.lock"
    flock -n 9 || { say "another build.sh is at work, waiting for it"; flock 9; }
fi
if [ ! -d "$result" ]; then
    ensure_go
    rm -rf "$cache"/kube-*.new
    new=$result.new
    mkdir -p "$new/bin" "$new/crd"
    module=$(operator_module)
    install -m 0644 "$module/config/crd/bases/$crd" "$new/crd/"
    if [ ${#found[@]} -eq ${#programs[@]} ]; then
        say "using ${found[*]}"
        for path in "${found[@]}"; do
            ln -s "$path" "$new/bin/"
        done
    else
        build "$new"
    fi
    rm -f "$new"/*.log
    mv "$new" "$result"
fi
echo "$result/bin"
