#!/usr/bin/env bash
# tests/layers.sh finds what it is there to find: each line below is a breach put into an empty house.
set -euo pipefail
layers=$(cd "$(dirname "$0")/.." && pwd)/layers.sh
house=$(mktemp -d)
trap 'rm -rf "$house"' EXIT

# caught FILE INCLUDE WORDS: a house with just that include is refused with those words.
caught() {
    local said
    rm -rf "${house:?}"/*
    mkdir -p "$house/$(dirname "$1")"
    printf '#include %s\n' "$2" >"$house/$1"
    if said=$(bash "$layers" "$house"); then
        echo "not caught: $1 with $2" >&2
        exit 1
    fi
    grep -qF "$3" <<<"$said" || { echo "caught $1 with other words: $said" >&2; exit 1; }
}

# clean FILE INCLUDE: that one is allowed.
clean() {
    rm -rf "${house:?}"/*
    mkdir -p "$house/$(dirname "$1")"
    printf '#include %s\n' "$2" >"$house/$1"
    bash "$layers" "$house" >/dev/null || { echo "refused: $1 with $2" >&2; exit 1; }
}

caught base/x.c '"model/engine.h"' 'base may not include'
caught model/x.h '"index/store.h"' 'model may not include'
caught index/sqlite/x.c '"model/tensor.h"' 'index may not include'
caught model/x.c '"model/train/spec.h"' 'model may not include'
caught service/x.c '"api/json.h"' 'service may not include'
caught api/x.c '"cli/commands.h"' 'api may not include'
caught service/x.c '<sqlite3.h>' 'belongs to index/sqlite/ alone'
caught service/x.c '<microhttpd.h>' 'belongs to service/http_mhd.c alone'
caught index/x.c '  "faiss/c_api/Index_c.h"' 'belongs to index/faiss_graph.hpp'
caught base/x.c '"status.h"' 'not written from the root'
caught api/x.c '<openssl/ssl.h>' 'has no owner'
clean service/http_mhd.c '<microhttpd.h>'
clean cli/x.c '"base/status.h"'
clean model/train/x.c '"model/graph/graph.h"'
clean index/sqlite/db.c '<sqlite3.h>'
