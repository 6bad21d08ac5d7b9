#!/usr/bin/env bash
# For the scripts of scripts/results.d; sourced after `set -euo pipefail`. They run under scripts/results,
# which sets RESULTS_DIR, LATENTD, LATENTD_TEST_DATA and ROOT.

MODELS=$RESULTS_DIR/models
mkdir -p "$MODELS"

note() { printf '%s\n' "$*" >&2; }

# train SPEC [path=value…]: examples/specs/SPEC.json into $MODELS as SPEC. Takes up a run that was cut short, unless
# the spec or the data have changed since. With REUSE=1 a model that is there already stays.
train() {
    local spec=$1
    shift
    train_as "$spec" "$spec" "$@"
}

# train_as SPEC MODEL [path=value…]: the same under another name.
train_as() {
    local spec=$1 model=$2 sets=() checkpoint=$MODELS/$2/training.checkpoint
    shift 2
    [ -z "${REUSE:-}" ] || [ ! -f "$(manifest "$model" || true)" ] || return 0
    while [ "$#" -gt 0 ]; do
        sets+=(--set "$1")
        shift
    done
    note "training $model, see $RESULTS_DIR/$model.log"
    if [ -f "$checkpoint" ]; then
        run_training "$spec" "$model" "${sets[@]}" --resume && return 0
        grep -q "checkpoint '" "$RESULTS_DIR/$model.log" || fail_training "$model"
        note "starting anew: $(tail -n 1 "$RESULTS_DIR/$model.log")"
        rm -f "$checkpoint"
    fi
    run_training "$spec" "$model" "${sets[@]}" || fail_training "$model"
}

run_training() {
    local spec=$1 model=$2
    shift 2
    "$LATENTD" train "$ROOT/examples/specs/$spec.json" --models "$MODELS" --set "name=$model" "$@" \
        >"$RESULTS_DIR/$model.log" 2>&1 </dev/null
}

fail_training() {
    tail -n 3 "$RESULTS_DIR/$1.log" >&2
    exit 1
}

# manifest MODEL: the path of the newest version's manifest.
manifest() { find "$MODELS/$1" -mindepth 2 -maxdepth 2 -name model.json 2>/dev/null | sort -V | tail -n 1 | grep .; }

# trained MODEL FILTER: a jq filter over the training record.
trained() { jq -r ".training | $2" "$(manifest "$1")"; }

# measure MODEL OPTIONS…: `latentd eval --json`; kept in $RESULTS_DIR/MODEL.json, printed.
measure() {
    local model=$1
    shift
    "$LATENTD" eval "$model" --models "$MODELS" --json "$@" >"$RESULTS_DIR/$model.json" </dev/null
    cat "$RESULTS_DIR/$model.json"
}

# line NAME MEASURED '<='|'>='|'<'|'>' BAR [WORDS]: a line of results; WORDS follow the measured figure.
line() {
    awk -v name="$1" -v x="$2" -v op="$3" -v bar="$4" -v words="${5:-}" 'BEGIN {
        met = op == "<=" ? x + 0 <= bar + 0 : op == ">=" ? x + 0 >= bar + 0 : op == "<" ? x + 0 < bar + 0 : x + 0 > bar + 0
        sign = op == "<=" ? "≤" : op == ">=" ? "≥" : op
        printf "%s | %s%s | %s %s | %s\n", name, x, words == "" ? "" : " (" words ")", sign, bar, met ? "yes" : "no" }'
}

# rounded NUMBER DIGITS
rounded() { printf '%.*f\n' "$2" "$1"; }

# effort MODEL: "N epochs in M min", the minutes those of its epochs alone
effort() { trained "$1" '"\(.epochs) epochs in \(.seconds / 60 * 10 | round / 10) min"'; }

# reconstruction SPEC SET BAR NAME: trains SPEC on the training pictures of SET, a line about the test pictures.
reconstruction() {
    local set=$LATENTD_TEST_DATA/$2 error
    train "$1" "data.path=$set/train-images-idx3-ubyte.gz"
    error=$(measure "$1" --data "$set/t10k-images-idx3-ubyte.gz" | jq .squared_error.sum)
    line "$4" "$(rounded "$error" 3)" '<=' "$3" "$(effort "$1")"
}
