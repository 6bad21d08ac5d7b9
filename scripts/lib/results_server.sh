#!/usr/bin/env bash
# For scripts of scripts/results.d that measure over HTTP; sourced after results.sh.

# serve_models: a server on $MODELS until the script ends; URL says where.
serve_models() {
    "$LATENTD" serve --models "$MODELS" --data "$RESULTS_DIR/data" --listen 127.0.0.1:0 >"$RESULTS_DIR/serve.out" \
        2>"$RESULTS_DIR/serve.log" &
    server=$!
    trap 'kill $server; wait $server || true' EXIT
    URL=
    for _ in $(seq 600); do
        URL=$(sed -n 's/^latentd listening on //p' "$RESULTS_DIR/serve.out")
        [ -z "$URL" ] || return 0
        sleep 0.1
    done
    note "the server did not get ready, see $RESULTS_DIR/serve.log"
    return 1
}
