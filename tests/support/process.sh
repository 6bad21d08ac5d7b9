# shellcheck shell=bash
# latentd as a process, for shell tests: $bin, $work (a folder that goes in the end), $server and $url.
bin=${LATENTD_BIN:-$(dirname "${BASH_SOURCE[0]}")/../../build/latentd}
work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

fail() {
    echo "$(basename "$0"): $*" >&2
    cat "$work"/*.err >&2 || true
    exit 1
}
# exits STATUS COMMAND…: runs it, output into $work/out.
exits() {
    local want=$1 got=0
    shift
    "$@" >"$work/out" 2>&1 || got=$?
    [ "$got" = "$want" ] || fail "exit status $got, not $want: $* ($(cat "$work/out"))"
}
says() { grep -qF -- "$1" "$work/out" || fail "'$1' is not in: $(cat "$work/out")"; }
code() { curl -s -o /dev/null -w '%{http_code}' --max-time 20 "$@" || true; }
# again COMMAND…: until it holds; what a signal asks for is done soon after it.
again() {
    for _ in $(seq 600); do
        "$@" && return 0
        sleep 0.05
    done
    fail "never: $*"
}
# start NAME [OPTION…]: sets $server and $url once the ready line is there.
start() {
    local name=$1
    shift
    : >"$work/$name.ready"
    "$bin" serve --data "$work/data" --models "$work/models" --listen 127.0.0.1:0 "$@" \
        >"$work/$name.ready" 2>"$work/$name.err" &
    server=$!
    for _ in $(seq 600); do
        url=$(sed -n 's/^latentd listening on //p' "$work/$name.ready")
        [ -z "$url" ] || return 0
        kill -0 "$server" 2>/dev/null || fail "the server ended"
        sleep 0.05
    done
    fail "no ready line"
}
