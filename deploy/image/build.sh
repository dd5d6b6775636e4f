#!/usr/bin/env bash
# build.sh BINARY IMAGE: builds the image with podman, buildah or docker, whichever is there.
#
#   cargo xtask plugins --builtin && cargo build --release
#   deploy/image/build.sh target/release/spanloom registry.example.com/spanloom:0.1.0
set -euo pipefail
binary=${1:?usage: build.sh BINARY IMAGE} image=${2:?usage: build.sh BINARY IMAGE}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../pack.sh"
needs readelf
platform=linux/$(architecture "$binary")
"$here/rootfs.sh" "$binary" "$root/rootfs.tar"
for builder in ${SPANLOOM_BUILDER:-podman buildah docker}; do
    command -v "$builder" >/dev/null || continue
    fixed=()
    # docker knows no such flag, and takes the time of the build.
    if [ -n "${SOURCE_DATE_EPOCH:-}" ] && [ "$(basename "$builder")" != docker ]; then
        fixed=(--timestamp "$SOURCE_DATE_EPOCH")
    fi
    "$builder" build "${fixed[@]}" --platform "$platform" --file "$here/../Containerfile" --tag "$image" "$root"
    exit
done
echo "no podman, buildah or docker in the PATH" >&2
exit 3
