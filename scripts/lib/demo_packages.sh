#!/usr/bin/env bash
# The recommender of the demonstration, out of apt's own lists: every package is somebody who needs others, what it
# depends on and recommends is its history. Sourced by scripts/demo, which sets ROOT, demo and url.

# shellcheck disable=SC2154 # demo and url are the caller's

# package_needs: a line of JSON for each package and package it needs, of those that at least ten need and not one in
# ten does (everybody's libc says nothing of anybody). Of alternatives the first counts.
package_needs() {
    apt-cache dumpavail 2>/dev/null | awk '
        function need(list,   parts, i, n, name) {
            n = split(list, parts, /, */)
            for (i = 1; i <= n; i++) {
                name = parts[i]
                sub(/[ (|:].*/, "", name)
                if (name != "" && !((package, name) in seen)) {
                    seen[package, name] = 1
                    who[++pairs] = package
                    what[pairs] = name
                    needed[name]++
                    needing[package] = 1
                }
            }
        }
        /^Package: / { package = $2; known[package] = 1 }
        /^(Pre-)?Depends: |^Recommends: / { list = $0; sub(/^[^:]*: /, "", list); need(list) }
        END {
            for (package in needing) most++
            for (i = 1; i <= pairs; i++)
                if (needed[what[i]] >= 10 && needed[what[i]] <= most / 10 && (what[i] in known))
                    printf "{\"user\":\"%s\",\"item\":\"%s\"}\n", who[i], what[i]
        }'
}

packages_train() {
    local job state
    job=$(jq '{type: "train", spec: .}' "$ROOT/examples/specs/packages.json" |
        curl -sS --fail-with-body -H 'Content-Type: application/json' -d @- "$url/v1/jobs" | jq -r .id) || return 1
    while state=$(curl -sf "$url/v1/jobs/$job" | jq -r .state); do
        case $state in
            done) return 0 ;;
            queued | running) sleep 0.2 ;;
            *) return 1 ;;
        esac
    done
    return 1
}

# packages_fill: collection and model, once; some seconds.
packages_fill() {
    local packages=$url/v1/collections/packages json='Content-Type: application/json'
    [ ! -f "$demo/packages.filled" ] || [ ! -f "$ROOT/models/packages/1/model.json" ] || return 0
    package_needs >"$demo/packages.ndjson"
    if [ ! -s "$demo/packages.ndjson" ]; then
        say "apt has no lists of packages (apt-get update brings them): no recommender"
        return 0
    fi
    say "growing a recommender on what Debian's packages need"
    if curl -sf -X PUT -H "$json" -d '{}' "$packages" >"$demo/packages.log" &&
        curl -sS --fail-with-body -H 'Content-Type: application/x-ndjson' --data-binary "@$demo/packages.ndjson" \
            "$packages/interactions" >"$demo/packages.log" &&
        packages_train &&
        curl -sf -X PUT -H "$json" -d '{"model":"packages"}' "$packages/recommender" >"$demo/packages.log"; then
        : >"$demo/packages.filled"
    else
        die "no recommender of packages; see .demo/packages.log and .demo/server.log"
    fi
}

# packages_lines: what can be asked of it.
packages_lines() {
    [ -f "$demo/packages.filled" ] || return 0
    cat <<END
  curl -s $url/v1/collections/packages/interactions --json '[{"user":"me","item":"gcc"},{"user":"me","item":"make"},{"user":"me","item":"gdb"}]'
  curl -s '$url/v1/collections/packages/users/me/recommendations?k=5'
END
}
