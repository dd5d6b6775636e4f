#!/usr/bin/env bash
# build.sh BINARY IMAGE: builds the image with podman, buildah or docker, whichever is there.
#
#   cargo xtask plugins --builtin && cargo build --release
#   deploy/image/build.sh target/release/spanloom registry.example.com/spanloom:0.1.0
set -euo pipefail
binary=${1:?usage: build.sh BINARY IMAGE} image=${2:?usage: build.sh BINARY IMAGE}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
"$here/rootfs.sh" "$binary" "$context/rootfs.tar"
for builder in ${SPANLOOM_BUILDER:-podman buildah docker}; do
    command -v "$builder" >/dev/null || continue
    exec_build=("$builder" build --file "$here/../Containerfile" --tag "$image" "$context")
    "${exec_build[@]}"
    exit
done
echo "no podman, buildah or docker in the PATH" >&2
exit 3
