#!/usr/bin/env bash
# kubernetes.sh BINARY: a real API server takes every manifest, strictly: no unknown field, no deprecated version, no Pod that
# the standard "restricted" forbids. And it lets Spanloom's accounts do nothing. Ends with 3, and the reason, where this
# machine cannot.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/cluster.sh"
command -v kubectl >/dev/null || { echo "no kubectl in the PATH" >&2; exit 3; }
has_cluster || { echo "no kube-apiserver, etcd and start.sh in the folder that SPANLOOM_KUBERNETES names" >&2; exit 3; }
work=$(mktemp -d)
trap 'cluster_ends; rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }
cluster_starts "$work"
kubectl version 2>/dev/null | tail -n 1

manifests=$here/../kubernetes
# strictly NAME ARGUMENTS…: applies, first dry. A warning is a failure.
strictly() {
    local name=$1
    shift
    for dry in --dry-run=server --dry-run=none; do
        kubectl apply --server-side --validate=strict $dry "$@" >"$work/said" 2>&1 || { cat "$work/said" >&2; fail "$name"; }
        ! grep -i warning "$work/said" >&2 || fail "$name: the server warns"
    done
    echo "$name: $(wc -l <"$work/said") objects"
}
# Objects can be tried in a namespace that is there.
strictly namespace -f "$manifests/namespace.yaml"
strictly "agents and gateway" -k "$manifests"
kubectl create namespace shop >/dev/null
kubectl label namespace shop pod-security.kubernetes.io/enforce=restricted pod-security.kubernetes.io/warn=restricted >/dev/null
strictly "sidecar, as a Pod" --namespace shop -k "$manifests/sidecar"

# With a plugin: its bytes are those of the file.
cp -R "$manifests" "$work/manifests"
cp "$here/../../tests/interface/0.1.0/redactor.wasm" "$work/manifests/plugin/redact.wasm"
strictly "gateway with a plugin" -k "$work/manifests/plugin"
kubectl -n spanloom get configmap spanloom-plugins -o 'jsonpath={.binaryData.redact\.wasm}' | base64 -d | cmp - "$work/manifests/plugin/redact.wasm" || fail "the plugin's bytes changed"

# The Pods themselves, since no controller here makes them: the server enforces the standard on them.
for workload in daemonset/spanloom-agent deployment/spanloom-gateway; do
    kubectl -n spanloom get "$workload" -o json >"$work/workload.json"
    python3 - "$work/workload.json" >"$work/pod.json" <<'P'
import json, sys

workload = json.load(open(sys.argv[1]))
template = workload["spec"]["template"]
template["metadata"]["name"] = workload["metadata"]["name"]
print(json.dumps({"apiVersion": "v1", "kind": "Pod", **template}))
P
    strictly "a Pod of $workload" --namespace spanloom -f "$work/pod.json"
done

for account in spanloom-agent spanloom-gateway; do
    for may in "get pods" "list nodes" "get configmaps" "get secrets" "create pods"; do
        # shellcheck disable=SC2086
        ! kubectl -n spanloom auth can-i $may --as "system:serviceaccount:spanloom:$account" >/dev/null 2>&1 || fail "$account may $may"
    done
done
echo "the accounts may do nothing"

# The checks can fail: a key that is not there, and a Pod that runs as root.
sed 's/readinessProbe:/readynessProbe:/' "$manifests/agent/daemonset.yaml" >"$work/typo.yaml"
! kubectl -n spanloom apply --dry-run=server --validate=strict -f "$work/typo.yaml" >/dev/null 2>&1 || fail "a wrong key was taken"
sed 's/runAsNonRoot: true/runAsNonRoot: false/' "$manifests/sidecar/pod.yaml" >"$work/root.yaml"
! kubectl -n shop apply --dry-run=server -f "$work/root.yaml" >/dev/null 2>&1 || fail "a Pod that may run as root was taken"
echo "a wrong key, and a Pod that may run as root, are refused"
