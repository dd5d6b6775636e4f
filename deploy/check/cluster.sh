# Sourced by kubernetes.sh and helm.sh: starts a real Kubernetes API server with its etcd, without nodes and controllers.
# $SPANLOOM_KUBERNETES is a folder with kube-apiserver, etcd and start.sh (`start.sh BIN DIR PORT`).
# cluster_starts WORK: sets KUBECONFIG. cluster_ends: ends what was started.
cluster=
cluster_starts() {
    local work=$1 port=$((20000 + RANDOM % 20000))
    mkdir -p "$work/cluster"
    "$SPANLOOM_KUBERNETES/start.sh" "$SPANLOOM_KUBERNETES" "$work/cluster" "$port" >"$work/cluster.log" 2>&1 &
    cluster=$!
    export KUBECONFIG=$work/cluster/kubeconfig
    for _ in $(seq 120); do
        [ "$(kubectl get --raw /readyz 2>/dev/null)" = ok ] && return
        kill -0 "$cluster" 2>/dev/null || break
        sleep 0.5
    done
    tail -n 20 "$work/cluster.log" "$work/cluster/apiserver.log" >&2 || true
    echo "FAILED: the API server does not start" >&2
    return 1
}
cluster_ends() {
    [ -n "$cluster" ] || return 0
    local servers
    servers=$(pgrep -P "$cluster" || true)
    kill "$cluster" 2>/dev/null || true
    wait "$cluster" 2>/dev/null || true
    # An API server whose etcd ends first waits for it.
    # shellcheck disable=SC2086
    [ -z "$servers" ] || kill -KILL $servers 2>/dev/null || true
}
has_cluster() { [ -x "${SPANLOOM_KUBERNETES:-}/kube-apiserver" ] && [ -x "${SPANLOOM_KUBERNETES:-}/etcd" ]; }
