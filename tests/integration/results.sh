#!/usr/bin/env bash
# scripts/results: lines become rows, a second run replaces them, a missed bar and an unknown name fail.
set -euo pipefail
source_dir=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "results.sh: $*" >&2
    cat "$work/docs/results.md" "$work/out" >&2 || true
    exit 1
}
mkdir -p "$work/scripts/lib" "$work/scripts/results.d" "$work/docs" "$work/sets"
cp "$source_dir/scripts/results" "$work/scripts/"
cp "$source_dir"/scripts/lib/{common,results}.sh "$work/scripts/lib/"
printf 'Before.\n\n| a table |\n|---|\n<!-- results: begin -->\n| kept | 1 |  |  | `x` | 1 | d | c |\n<!-- results: end -->\n\nBehind.\n' \
    >"$work/docs/results.md"
cat >"$work/scripts/results.d/fake" <<'END'
#!/usr/bin/env bash
# what it measures
. "$ROOT/scripts/lib/results.sh"
note "for people"
line "fake: error" "$(rounded "${FAKE:-2.0449}" 2)" '<=' 2.5 "in words"
printf 'fake: no bar | 7\n'
END
chmod +x "$work/scripts/results.d/fake"
export LATENTD=/bin/true LATENTD_TEST_DATA=$work/sets

results() { "$work/scripts/results" "$@" >"$work/out" 2>&1; }
row() { grep -qxE -- "$1" "$work/docs/results.md" || fail "no row '$1'"; }

results fake || fail "a bar that is met failed"
row '\| fake: error \| 2\.04 \(in words\) \| ≤ 2\.5 \| yes \| `make results-fake` \| 0 \| [0-9-]+ \| [^|]+ \|'
row '\| fake: no bar \| 7 \|  \|  \| `make results-fake` \| .*'
row '\| kept \| 1 \| .*'
[ "$(tail -n 1 "$work/docs/results.md")" = Behind. ] || fail "what follows the table is lost"

if FAKE=2.6 results fake; then fail "a missed bar did not fail"; fi
row '\| fake: error \| 2\.60 \(in words\) \| ≤ 2\.5 \| no \| .*'
[ "$(grep -c 'fake: error' "$work/docs/results.md")" = 1 ] || fail "the row was not replaced"

cp "$work/docs/results.md" "$work/before"
if results nothing; then fail "an unknown name did not fail"; fi
grep -q "no result 'nothing'; there are: fake" "$work/out" || fail "the names are not told"
printf '#!/bin/sh\nexit 0\n' >"$work/scripts/results.d/fake"
results fake || fail "a script that measures nothing failed"
cmp -s "$work/before" "$work/docs/results.md" || fail "no lines emptied the page"
printf '#!/bin/sh\nexit 3\n' >"$work/scripts/results.d/fake"
if results fake; then fail "a script that fails did not fail"; fi
cmp -s "$work/before" "$work/docs/results.md" || fail "the page was touched"
results --list || fail "no list"
