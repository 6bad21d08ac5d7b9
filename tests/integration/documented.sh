#!/usr/bin/env bash
# The lines to paste of README, quick start and HTTP examples, run as they are written against a server with items of
# the names they use. What needs the demonstration's data or another model is left out by name below.
set -euo pipefail
. "$(dirname "$0")/../support/process.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
pictures=$root/tests/data/images

# blocks FILE: the shell commands of a page, one a line but for here-documents.
blocks() {
    awk '/^```sh$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$1" |
        sed -e ':more' -e '/\\$/ { N; s/\\\n */ /; b more' -e '}'
}

# run FILE LEFT-OUT: a command that fails, or that the server refuses, fails the test and is named.
run() {
    blocks "$root/$1" | grep -vE "$2" | sed "s#http://127.0.0.1:8080#$url#g; s#localhost:8080#${url#http://}#g" >"$work/lines"
    [ "$(grep -c curl "$work/lines")" -gt 3 ] || fail "$1: few lines: $(cat "$work/lines")"
    (cd "$work" && HOME=$work LATENTD_SERVER=$url bash -euo pipefail -c '
        curl() { command curl --fail-with-body "$@"; }
        set -E
        trap '\''at=$LINENO; [ "${FUNCNAME[0]-}" != curl ] || at=${BASH_LINENO[0]}
              echo "the line: $(sed -n "${at}p" lines)" >&2'\'' ERR
        . ./lines' >"$work/out" 2>&1) || fail "$1: $(tail -c 900 "$work/out")"
}

mkdir -p "$work/models" "$work/Pictures/below" "$work/build"
cp -r "$root/models/emoji" "$root/models/fashion" "$work/models"
cp "$pictures"/gray.jpg "$pictures"/gray1.png "$work/Pictures"
cp "$pictures"/cmyk.jpg "$work/Pictures/below"
cp "$pictures"/gray.jpg "$work/some.jpg"
ln -s "$bin" "$work/build/latentd"
start documented
json='Content-Type: application/json'
curl -sf -X PUT -H "$json" -d '{"model":"emoji"}' "$url/v1/collections/emoji" >/dev/null
curl -sf -X PUT -H "$json" -d '{"model":"fashion"}' "$url/v1/collections/fashion" >/dev/null
curl -sf -X PUT -H "$json" -d '{}' "$url/v1/collections/packages" >/dev/null
curl -sf -X PUT -H 'Content-Type: image/png' --data-binary "@$pictures/gray1.png" \
    "$url/v1/collections/emoji/items/1f431.png" >/dev/null
for id in 000000 000001 000002 000007; do
    curl -sf -X PUT -H 'Content-Type: image/jpeg' --data-binary "@$pictures/gray.jpg" \
        "$url/v1/collections/fashion/items/test%2F$id" >/dev/null
done

# The lines for PyTorch are for versions before 2.9, as the page says, which want the module onnx from 2.0 on.
shoes=NOTHING
if ! python3 -c '
import torch
version = tuple(int(part) for part in torch.__version__.split(".")[:2])
assert version < (2, 9)
if version >= (2, 0): import onnx' 2>/dev/null; then
    shoes='shoes|^import torch|^from torch|^encoder = |^torch\.|input_names|^END|^{"input"'
fi
run README.md "^make |clothes|$shoes"
grep -q '"colour":"red"' "$work/out" || fail "README.md: the last of the ten lines does not find b: $(cat "$work/out")"
[ "$(curl -sf "$url/v1/collections/photos" | jq .items)" = 3 ] || fail "three pictures were imported"
[ "$shoes" != NOTHING ] || [ "$(curl -sf "$url/v1/collections/photos-by-shoes" | jq .items)" = 3 ] || fail "no shoes"
run docs/quick-start.md '^make|serve'
run docs/http-examples.md 'generation/|denoising/|/clean/|anomaly/'
for made in cat.png cat-again.png boot.png boot-again.png walk.png moved.png where.png; do
    [ "$made" = boot.png ] || [ "$(head -c 4 "$work/$made" | tail -c 3)" = PNG ] || fail "$made is no picture"
done
kill -TERM "$server"
wait "$server" || fail "exit status $?"
server=
echo "documented.sh: all well"
