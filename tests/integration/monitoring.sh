#!/usr/bin/env bash
# The dashboard and the alert rules ask for metrics that the server has.
set -euo pipefail
. "$(dirname "$0")/../support/process.sh"
docker=$(cd "$(dirname "$0")/../../docker" && pwd)
start monitoring
curl -sf "$url/metrics" >"$work/metrics"
sed -n 's/^# TYPE \([^ ]*\) histogram$/\1_bucket\n\1_sum\n\1_count/p; s/^# TYPE \([^ ]*\) .*/\1/p' "$work/metrics" |
    sort -u >"$work/families"
[ "$(wc -l <"$work/families")" -gt 10 ] || fail "few metrics: $(cat "$work/families")"
jq -e '.panels | length > 5' "$docker/grafana/latentd.json" >/dev/null || fail "the dashboard is no dashboard"
for file in "$docker/grafana/latentd.json" "$docker/prometheus/alerts.yml"; do
    # What the server measures, not what is called after it.
    grep -oE 'latentd_[a-z_]+' "$file" | sort -u >"$work/asked"
    [ -s "$work/asked" ] || fail "$file asks for nothing"
    unknown=$(comm -23 "$work/asked" "$work/families")
    [ -z "$unknown" ] || fail "$file asks for what is not there: $unknown"
done
if command -v promtool >/dev/null; then
    promtool check metrics <"$work/metrics" >"$work/out" 2>&1 || fail "promtool: $(cat "$work/out")"
    promtool check rules "$docker/prometheus/alerts.yml" >"$work/out" 2>&1 || fail "promtool: $(cat "$work/out")"
fi
kill -TERM "$server"
wait "$server" || fail "exit status $?"
server=
echo "monitoring.sh: all well"
