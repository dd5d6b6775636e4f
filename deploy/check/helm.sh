#!/usr/bin/env bash
# helm.sh BINARY: lints and renders the chart with each file of values in deploy/helm/spanloom/ci, lets Spanloom validate the
# config in it, and installs it on a real API server if there is one (see kubernetes.sh). Ends with 3, and the reason, where
# this machine cannot.
set -euo pipefail
binary=$(readlink -f "${1:?usage: helm.sh BINARY}")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/cluster.sh"
helm=${SPANLOOM_HELM:-helm}
command -v "$helm" >/dev/null || { echo "no helm in the PATH, nor in SPANLOOM_HELM" >&2; exit 3; }
work=$(mktemp -d)
trap 'cluster_ends; rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }
export HELM_CACHE_HOME=$work/helm HELM_CONFIG_HOME=$work/helm HELM_DATA_HOME=$work/helm
chart=$here/../helm/spanloom
plugin=$here/../../tests/interface/0.1.0/redactor.wasm
base64 -w0 "$plugin" >"$work/plugin"

# values NAME: the arguments for a file of values; the one that has a plugin gets a real one.
oldest=1.30.0
values() {
    echo --values "$chart/ci/$1.yaml"
    ! grep -q redact.wasm "$chart/ci/$1.yaml" || echo --set-file "plugins.files.redact\\.wasm=$work/plugin"
}
for name in default gateway agent; do
    mapfile -t arguments < <(values "$name" | tr ' ' '\n')
    "$helm" lint --strict --kube-version "$oldest" "$chart" "${arguments[@]}" >"$work/lint" || { cat "$work/lint" >&2; fail "lint with $name"; }
    "$helm" template check "$chart" --kube-version "$oldest" --namespace spanloom "${arguments[@]}" >"$work/$name.yaml"
    # The config is the block below its key.
    sed -n '/^  spanloom.yaml: |/,/^[^ ]/p' "$work/$name.yaml" | sed -n 's/^    //p' >"$work/config.yaml"
    plugins=()
    ! grep -q '^plugins:' "$work/config.yaml" || plugins=(--set "plugins::redact::path=$plugin")
    POD_NAME=a NODE_NAME=b BACKEND=c:1 "$binary" validate --config "$work/config.yaml" "${plugins[@]}" >"$work/validated" 2>&1 || { cat "$work/validated" >&2; fail "the config of $name"; }
    ! grep warning "$work/validated" >&2 || fail "the config of $name"
    echo "$name: $(grep -c '^kind: ' "$work/$name.yaml") objects; $(cat "$work/validated")"
done
grep -q '^kind: DaemonSet' "$work/agent.yaml" && ! grep -qE '^kind: (Deployment|HorizontalPodAutoscaler|PodDisruptionBudget)' "$work/agent.yaml" || fail "the mode daemonset has the wrong objects"
for kind in Deployment HorizontalPodAutoscaler PodDisruptionBudget NetworkPolicy ServiceMonitor; do
    grep -q "^kind: $kind\$" "$work/gateway.yaml" || fail "no $kind"
done
sed -n 's/^  redact.wasm: //p' "$work/gateway.yaml" | base64 -d | cmp - "$plugin" || fail "the plugin's bytes changed"

for wrong in mode=cluster replica=3 image.digest=latest healthPort=0 config.pipelines.traces=x 'plugins.files.redact=AA'; do
    ! "$helm" template check "$chart" --kube-version "$oldest" --set "$wrong" >/dev/null 2>&1 || fail "the schema takes $wrong"
done
! "$helm" template check "$chart" --kube-version "$oldest" --set plugins.image=a --set plugins.configMap=b >/dev/null 2>&1 || fail "two sources of plugins are taken"
echo "wrong values are refused"

command -v kubectl >/dev/null && has_cluster || { echo "the chart was not installed: no kubectl, or no API server in the folder that SPANLOOM_KUBERNETES names"; exit 0; }
cluster_starts "$work"
kubectl apply -f "$here/../kubernetes/namespace.yaml" >/dev/null
for name in default gateway agent; do
    mapfile -t arguments < <(values "$name" | tr ' ' '\n')
    # The Prometheus operator is not installed there.
    arguments+=(--set serviceMonitor.enabled=false --namespace spanloom)
    kubectl apply --server-side --validate=strict --dry-run=server --namespace spanloom -f <("$helm" template "$name" "$chart" --kube-version "$oldest" "${arguments[@]}") >"$work/dry" 2>&1 || { cat "$work/dry" >&2; fail "$name: refused"; }
    ! grep -i warning "$work/dry" >&2 || fail "$name: the server warns"
    "$helm" install "$name" "$chart" "${arguments[@]}" >"$work/notes" 2>&1 || { cat "$work/notes" >&2; fail "$name cannot be installed"; }
    ! grep -i warning "$work/notes" >&2 || fail "$name: the server warns"
    grep -q 'Applications send to it with' "$work/notes" || fail "$name: no notes"
    "$helm" upgrade "$name" "$chart" "${arguments[@]}" --set terminationGracePeriodSeconds=90 >/dev/null 2>&1 || fail "$name cannot be upgraded"
    echo "$name: installed, upgraded"
done
"$helm" uninstall default gateway agent --namespace spanloom >/dev/null
