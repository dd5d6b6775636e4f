#!/usr/bin/env bash
# compose.sh BINARY: compose reads the file, promtool the config of its Prometheus, and each file that is mounted is there.
# Ends with 3, and the reason, where this machine cannot.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
compose=$here/../compose/compose.yaml
if docker compose version >/dev/null 2>&1; then
    reader=(docker compose)
elif command -v docker-compose >/dev/null; then
    reader=(docker-compose)
elif command -v podman-compose >/dev/null; then
    reader=(podman-compose)
else
    echo "no docker compose, docker-compose or podman-compose in the PATH" >&2
    exit 3
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${reader[@]}" -f "$compose" config >"$work/whole"
services=$("${reader[@]}" -f "$compose" --profile demo config --services | sort | tr '\n' ' ')
[ "$services" = "demo grafana jaeger prometheus spanloom " ] || { echo "FAILED: the services are $services" >&2; exit 1; }
if grep -E '^ +image: .*:latest$|^ +image: [^:]+$' "$work/whole"; then
    echo "FAILED: an image has no version" >&2
    exit 1
fi
for mounted in ./spanloom/spanloom.yaml ./prometheus/prometheus.yaml ../prometheus/alerts.yaml ./grafana/provisioning/datasources \
    ./grafana/provisioning/dashboards ../grafana/spanloom.json; do
    [ -e "$here/../compose/$mounted" ] || { echo "FAILED: no $mounted" >&2; exit 1; }
done
echo "read: $services"

promtool=${SPANLOOM_PROMTOOL:-promtool}
command -v "$promtool" >/dev/null || { echo "the config of Prometheus was not checked: no promtool in the PATH, nor in SPANLOOM_PROMTOOL"; exit 0; }
mkdir "$work/rules"
cp "$here/../prometheus/alerts.yaml" "$work/rules/"
sed "s#/etc/prometheus-rules#$work/rules#" "$here/../compose/prometheus/prometheus.yaml" >"$work/prometheus.yaml"
"$promtool" check config "$work/prometheus.yaml" | grep -v "$work"
(cd "$here/../prometheus" && "$promtool" test rules alerts.test.yaml)
