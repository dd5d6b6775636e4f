#!/usr/bin/env bash
# image.sh BINARY: builds the image with podman, and runs it as docs/containers.md says: read-only, without capabilities, as
# a user of its own, within a memory limit; and from its archive. Ends with 3, and the reason, where this machine cannot.
set -euo pipefail
binary=${1:?usage: image.sh BINARY}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command -v podman >/dev/null || { echo "no podman in the PATH" >&2; exit 3; }
work=$(mktemp -d)
name=spanloom-check-$$
image=localhost/spanloom-check:$$
cleanup() {
    podman rm --force --time 0 --volumes "$name" >/dev/null 2>&1 || true
    podman rmi --force "$image" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap cleanup EXIT
# Inside another container, root's podman may do less than on a machine of its own.
if [ -z "${CONTAINERS_CONF:-}" ] && [ "$(id -u)" = 0 ] && command -v runc >/dev/null; then
    printf '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n[containers]\ndefault_ulimits = ["nofile=1024:1024","nproc=1024:1024"]\n' >"$work/containers.conf"
    export CONTAINERS_CONF=$work/containers.conf
fi
fail() { echo "FAILED: $*" >&2; podman logs "$name" 2>&1 | tail -n 30 >&2 || true; exit 1; }
in_container() { podman exec "$name" /usr/bin/spanloom "$@"; }
ready() {
    for _ in $(seq 100); do
        in_container status >"$work/status" 2>/dev/null && return
        sleep 0.2
    done
    fail "it is not ready"
}
run() { # run ARGUMENTS OF PODMAN…
    podman run --detach --name "$name" --network none --read-only --read-only-tmpfs=false --cap-drop=all \
        --security-opt no-new-privileges --stop-timeout 40 "$@" "$image" >/dev/null
}

SPANLOOM_BUILDER=podman "$here/../image/build.sh" "$binary" "$image" >"$work/build" 2>&1 || { cat "$work/build" >&2; exit 1; }
size=$(podman image inspect --format '{{.Size}}' "$image")
[ "$size" -lt 120000000 ] || fail "the image has $size bytes"
[ "$(podman image inspect --format '{{.User}}' "$image")" = 10001:10001 ] || fail "its user is not 10001"
echo "built: $((size / 1000000)) MB"

# The image's own config, nothing that can be written but two volumes, which get the owner that the folders have in the image.
run --memory 256m --volume /run/spanloom --volume /var/cache/spanloom
ready
in_container generate traces --endpoint http://127.0.0.1:4317 --total 300 >"$work/sent" || fail "it takes no traces"
grep -q 'accepted  300' "$work/sent" || fail "not all are taken: $(cat "$work/sent")"
in_container reload >"$work/reload" 2>&1 || fail "the socket for operators does not answer: $(cat "$work/reload")"
[ -z "$(podman logs "$name" 2>&1 | grep -E ' (WARN|ERROR) ')" ] || fail "it warns"
podman stop "$name" >/dev/null
[ "$(podman inspect --format '{{.State.ExitCode}}' "$name")" = 0 ] || fail "it ended with $(podman inspect --format '{{.State.ExitCode}}' "$name")"
podman logs "$name" 2>&1 | grep -q 'traces to span_metrics: received 300, delivered 300' || fail "the last lines do not account for 300 spans"
podman rm --volumes "$name" >/dev/null
echo "ran read-only, without capabilities, as 10001; took 300 spans, reloaded by its socket, drained"

# Nothing at all can be written, as in Kubernetes; the config and a plugin are in folders made and changed as the kubelet does
# it with a ConfigMap: the files are links through one link, `..data`, which is replaced.
mounted() { # mounted FOLDER VERSION FILE: makes or replaces the content of the mounted folder
    mkdir -p "$1/..$2"
    cp "$3" "$1/..$2/"
    ln -sfn "..$2" "$1/..data_tmp"
    mv -T "$1/..data_tmp" "$1/..data"
    ln -sfn "..data/$(basename "$3")" "$1/$(basename "$3")"
    chmod -R a+rX "$1"
}
chmod a+rx "$work"
mkdir "$work/config" "$work/plugins" "$work/new"
cp "$here/../../tests/interface/0.1.0/redactor.wasm" "$work/new/redact.wasm"
cp "$here/../kubernetes/plugin/spanloom.yaml" "$work/new/"
mounted "$work/config" 1 "$work/new/spanloom.yaml"
mounted "$work/plugins" 1 "$work/new/redact.wasm"
run --memory 512m --env XDG_CACHE_HOME=none --volume "$work/config:/etc/spanloom:ro" --volume "$work/plugins:/etc/spanloom-plugins:ro"
ready
[ -z "$(podman logs "$name" 2>&1 | grep -E ' (WARN|ERROR) ')" ] || fail "it warns"
says() { # says TEXT: waits until the log has it
    for _ in $(seq 100); do
        podman logs "$name" 2>&1 | grep -q "$1" && return
        sleep 0.2
    done
    fail "it does not say: $1"
}
sed -i 's/flush_timeout: 200ms/flush_timeout: 300ms/' "$work/new/spanloom.yaml"
mounted "$work/config" 2 "$work/new/spanloom.yaml"
says 'the config is reloaded'
# The same plugin with a custom section of the name `note`: another file that does the same.
printf '\0\5\4note' >>"$work/new/redact.wasm"
mounted "$work/plugins" 2 "$work/new/redact.wasm"
says ' swapped plugin="redact"'
podman stop "$name" >/dev/null
podman rm --volumes "$name" >/dev/null
echo "ran with nothing that can be written; followed a changed config and a changed plugin in folders like ConfigMaps"

# The limit is the container's: of 64 MiB it takes 57.
run --memory 64m --env XDG_CACHE_HOME=none --volume "$(readlink -f "$here/../kubernetes/agent"):/etc/spanloom:ro"
ready
podman logs "$name" 2>&1 | grep -q "nine tenths of the container's memory mib=57" || fail "it does not find its memory limit"
echo "took nine tenths of the container's memory for its own"
podman stop "$name" >/dev/null
podman rm --volumes "$name" >/dev/null

for folder in one other; do
    "$here/../image/archive.sh" "$binary" 0.1.0 "$work/$folder" >/dev/null 2>"$work/build" || { cat "$work/build" >&2; exit 1; }
done
cmp "$work"/one/*.oci.tar "$work"/other/*.oci.tar || fail "the same input gave another archive"
podman rmi --force "$image" >/dev/null
image=$(podman pull --quiet "oci-archive:$(echo "$work"/one/*.oci.tar)")
run --memory 256m --volume /run/spanloom --volume /var/cache/spanloom
ready
echo "archived, reproducibly: $(stat -c %s "$work"/one/*.oci.tar) bytes; ran from the archive"
