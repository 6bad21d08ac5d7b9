#!/usr/bin/env bash
# latentd as a process: options, exit codes, the ready line, draining, a second signal, health.
set -euo pipefail
. "$(dirname "$0")/../support/process.sh"

# An upload that goes on until its pipe is closed: a call that is running.
hold_a_call() {
    mkfifo "$work/body"
    curl -s -o "$work/held" -H 'Content-Type: application/x-ndjson' -T - \
        -X POST "$url/v1/collections/c/import" <"$work/body" &
    holder=$!
    exec 9>"$work/body"
    printf '{"id":"a","code":[1,2]}\n' >&9
    again is_held
}
is_held() { curl -s "$url/metrics" | grep -q '^latentd_requests_active 2'; }
is_draining() { [ "$(code "$url/readyz")" = 503 ]; }

exits 0 "$bin" --help; says serve; says health
exits 0 "$bin" --version; says onnxruntime; says faiss
exits 0 "$bin" --version --json
jq -e '.version and .libraries.onnxruntime and .libraries.faiss and .libraries.sqlite' "$work/out" >/dev/null ||
    fail "no versions in $(cat "$work/out")"
exits 2 "$bin" --version --yaml; says --yaml
"$bin" --help | sed -n 's/^  \([a-z]*\) .*/\1/p' >"$work/commands"
[ "$(wc -l <"$work/commands")" -ge 10 ] || fail "few commands: $(cat "$work/commands")"
while read -r command; do
    exits 0 "$bin" "$command" --help; says "usage: latentd $command"
done <"$work/commands"
exits 2 "$bin"
exits 2 "$bin" serv; says "did you mean 'serve'"
exits 0 "$bin" serve --help; says --api-keys-file; says --drain-ms
exits 2 "$bin" serve --worker 3; says --workers
exits 2 "$bin" serve surplus
exits 1 "$bin" serve --data "$work/d" --models "$work/m" --listen 0.0.0.0:0; says allow-anonymous
exits 2 "$bin" serve --data "$work/d" --models "$work/m" --listen nonsense
says "listen: expected ADDR:PORT"; says "not 'nonsense'"
exits 1 "$bin" serve --data "$work/d" --models "$work/m" --listen no.such.host.invalid:0
says "no.such.host.invalid"
exits 2 "$bin" serve --log-level loud; says "expected debug, info, warning, error or off, not 'loud'"
exits 2 "$bin" serve --api-keys secret-of-mine; says "expected SCOPE:KEY"
! grep -q secret-of-mine "$work/out" || fail "the key is in the message"
exits 2 env LATENTD_LISTEN=x "$bin" serve; says "not 'x'"
# What is wrong inside a file is a failure, not a wrong call.
echo 'listen = x' >"$work/bad.conf"
exits 1 "$bin" serve --config "$work/bad.conf"; says "bad.conf"; says "not 'x'"
echo 'worker = 3' >"$work/bad.conf"
exits 1 "$bin" serve --config "$work/bad.conf"; says "bad.conf:1"; says "did you mean 'workers'"
exits 2 "$bin" health --server localhost; says "expected http://HOST:PORT, not 'localhost'"
exits 2 "$bin" import c "$work" --server localhost; says "expected http://HOST:PORT, not 'localhost'"
exits 2 "$bin" import c "$work" --create --dimension 2 --metric l3; says "expected l2, cosine or ip, not 'l3'"
exits 2 "$bin" eval m --data x --split some; says "expected all, train or validation, not 'some'"
exits 2 "$bin" train x.json --set seed; says "expected PATH=VALUE, not 'seed'"
exits 2 "$bin" import 'No Name' "$work"; says "no name of a collection"
exits 1 "$bin" health --server http://127.0.0.1:1
exits 2 "$bin" health --serve x

start first
exits 0 "$bin" health --server "$url"
exits 1 "$bin" serve --data "$work/data" --models "$work/models" --listen 127.0.0.1:0
says "in use"
[ "$(code -X PUT -H 'Content-Type: application/json' -d '{"dimension":2}' "$url/v1/collections/c")" = 201 ] ||
    fail "the collection was not created"

# SIGTERM: the running call finishes, new ones are 503, the exit status is 0.
hold_a_call
kill -TERM "$server"
again is_draining
[ "$(code "$url/livez")" = 200 ] || fail "/livez while draining"
[ "$(code "$url/v1/collections")" = 503 ] || fail "a new call while draining"
exec 9>&-
wait "$holder" || fail "the held call failed"
grep -q '"status":201' "$work/held" || fail "the held call said: $(cat "$work/held")"
wait "$server" || fail "exit status $? after SIGTERM"
rm "$work/body"

# A second signal does not wait for anybody; what was acknowledged is there afterwards.
start second
[ "$(code "$url/v1/collections/c/items/a")" = 200 ] || fail "the item is gone"
hold_a_call
kill -INT "$server"
again is_draining
kill -INT "$server"
status=0
wait "$server" || status=$?
[ "$status" = 1 ] || fail "exit status $status after two signals"
exec 9>&-
wait "$holder" || true
rm "$work/body"

# A drain that takes too long is cut short.
start third --drain-ms 100
hold_a_call
kill -INT "$server"
wait "$server" || fail "exit status $? after a drain cut short"
exec 9>&-
wait "$holder" || true
server=
echo "serve.sh: all well"
