#!/usr/bin/env bash
# archive.sh BINARY VERSION OUTDIR: builds the image and makes OUTDIR/spanloom-VERSION-linux-ARCHITECTURE.oci.tar of it, which
# podman, skopeo, crane and containerd read. Prints its path.
set -euo pipefail
binary=${1:?usage: archive.sh BINARY VERSION OUTDIR} version=${2:?usage: archive.sh BINARY VERSION OUTDIR} out=${3:?usage: archive.sh BINARY VERSION OUTDIR}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../pack.sh"
export SOURCE_DATE_EPOCH=$epoch
# docker writes no archive that is the same twice.
builder=$(command -v "${SPANLOOM_BUILDER:-podman}" || command -v buildah) || { echo "no podman or buildah in the PATH" >&2; exit 3; }
architecture=$(architecture "$binary")
image=localhost/spanloom-archive:$version
SPANLOOM_BUILDER=$builder "$here/build.sh" "$binary" "$image" >&2
"$builder" push --quiet "$image" "oci:$root/image:$version" >&2
"$builder" rmi "$image" >/dev/null
mkdir -p "$out"
archive=$out/spanloom-$version-linux-$architecture.oci.tar
tar --format=gnu --sort=name --numeric-owner --owner=0 --group=0 --mode=u=rwX,go=rX --mtime="@$epoch" --directory="$root/image" -cf "$archive" blobs index.json oci-layout
echo "$archive"
