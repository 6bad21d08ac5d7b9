#!/usr/bin/env bash
# What who runs the server relies on: TLS, API keys and their limits, settings read again, traces, logs.
set -euo pipefail
. "$(dirname "$0")/../support/process.sh"
tls=$(cd "$(dirname "$0")/../data/tls" && pwd)

# put FROM TO: as renewals do, whole or not at all.
put() { cp "$1" "$2.new" && mv "$2.new" "$2"; }
# asks CERTIFICATE KEY [OPTION…] PATH: the status, of a server whose certificate must be this one.
asks() {
    local certificate=$1 key=$2
    shift 2
    code --cacert "$tls/$certificate.pem" -H "Authorization: Bearer $key" "${@:1:$#-1}" "$url${*: -1}"
}
is() { [ "$(asks "${@:2}")" = "$1" ]; }
logged() { grep -q "$1" "$work/$2.err"; }

# -- the file of keys --
exits 2 "$bin" keys
exits 2 "$bin" keys add
exits 2 "$bin" keys add "$work/keys" --scope boss; says "expected read, write or admin, not 'boss'"
exits 2 "$bin" keys add "$work/keys" --name 'two words'
exits 1 "$bin" keys list "$work/keys"; says "no file"
exits 0 "$bin" keys add "$work/keys" --scope read --name shop --rate 0.1 --burst 2
shop=$(cat "$work/out")
exits 0 "$bin" keys add "$work/keys" --scope admin --name boss --json
boss=$(jq -re .key "$work/out")
[ "$(stat -c %a "$work/keys")" = 600 ] || fail "the keys are open to others"
grep -qF "$shop" "$work/keys" && fail "the key itself is in the file"
exits 0 "$bin" keys list "$work/keys" --json
[ "$(jq -r '.keys | map(.name) | join(" ")' "$work/out")" = "shop boss" ] || fail "the list is $(cat "$work/out")"

# -- TLS --
put "$tls/first.pem" "$work/chain"
put "$tls/first.key" "$work/private"
exits 2 "$bin" serve --tls-certificate "$work/chain"; says "expected both or neither"
put "$tls/second.key" "$work/private"
exits 1 "$bin" serve --data "$work/data" --models "$work/models" --listen 127.0.0.1:0 \
    --tls-certificate "$work/chain" --tls-key "$work/private"
says "this is not the key of the certificate"
put "$tls/first.key" "$work/private"
printf 'log_level = debug\nlog_format = json\napi_keys_file = %s\nrate_limit = 0\n' "$work/keys" >"$work/settings"
start tls --config "$work/settings" --tls-certificate "$work/chain" --tls-key "$work/private"
[[ $url == https://* ]] || fail "the ready line says $url"
exits 0 "$bin" health --server "$url"
is 200 first "$boss" /v1/info || fail "no answer over TLS"
is 000 second "$boss" /v1/info || fail "another certificate is shown"
[ "$(code "http${url#https}/livez")" = 000 ] || fail "answered in the clear"
# A body over the limit gets its words through the encrypted connection, too.
head -c 70000000 /dev/zero >"$work/zeros"
said=$(curl -s --cacert "$tls/first.pem" -H "X-API-Key: $boss" -H 'Transfer-Encoding: chunked' \
    -H 'Content-Type: application/json' -T "$work/zeros" -X POST "$url/v1/embeddings" || true)
[ "$(jq -r .code <<<"$said")" = too_large ] || fail "a body over the limit: $said"

# -- the limit of a key --
statuses=$(for _ in $(seq 12); do asks first "$shop" /v1/models; echo; done | sort | uniq -c)
grep -q 429 <<<"$statuses" || fail "a key that may be used twice: $statuses"
grep -q 200 <<<"$statuses" || fail "a key that may be used twice: $statuses"
curl -s --cacert "$tls/first.pem" -H "X-API-Key: $boss" "$url/metrics" >"$work/metrics"
grep -q '^latentd_rate_limited_total [1-9]' "$work/metrics" || fail "refusals are not counted"
grep -q '^latentd_tls_certificate_expiry_timestamp_seconds [1-9]' "$work/metrics" || fail "no end of the certificate"
for _ in $(seq 20); do is 200 first "$boss" /v1/models || fail "a key without a limit is refused"; done

# -- a trace --
trace=4bf92f3577b34da6a3ce929d0e0e4736
curl -s --cacert "$tls/first.pem" -H "X-API-Key: $boss" -H "traceparent: 00-$trace-00f067aa0ba902b7-01" \
    -o "$work/out" -D "$work/head" "$url/v1/models/nobody"
grep -qi "^traceparent: 00-$trace-[0-9a-f]\{16\}-01" "$work/head" || fail "the trace is not carried: $(cat "$work/head")"
again logged "\"trace_id\":\"$trace\"" tls
curl -s --cacert "$tls/first.pem" -H "traceparent: 00-$trace-0000000000000000-01" -o "$work/out" -D "$work/head" "$url/livez"
grep -qi '^traceparent' "$work/head" && fail "a broken trace is carried"

# -- read again --
put "$tls/second.pem" "$work/chain"
put "$tls/second.key" "$work/private"
exits 0 "$bin" keys remove "$work/keys" shop
exits 0 "$bin" keys add "$work/keys" --scope write --name later
later=$(cat "$work/out")
sed -i 's/debug/warning/; s/json/text/; $a workers = 3' "$work/settings"
kill -HUP "$server"
again is 200 second "$later" /v1/models
is 401 second "$shop" /v1/models || fail "a removed key is still taken"
again logged 'setting wants a restart.*workers' tls
# What cannot be read leaves everything as it was.
echo 'nonsense' >"$work/keys"
put "$tls/first.pem" "$work/chain"
kill -HUP "$server"
again logged 'not reloaded.*SCOPE' tls
again logged 'not reloaded.*is not the key' tls
is 200 second "$later" /v1/models || fail "a bad file of keys took the keys away"
kill -TERM "$server"
wait "$server" || fail "exit status $?"
server=
echo "operations.sh: all well"
