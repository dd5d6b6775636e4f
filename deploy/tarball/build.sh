#!/usr/bin/env bash
# build.sh BINARY VERSION OUTDIR: makes OUTDIR/spanloom-VERSION-MACHINE-unknown-linux-gnu.tar.gz and prints its path.
#
# In it are the binary, the README, the licence, the systemd unit with its config, and the example configs. It runs where it is
# unpacked.
set -euo pipefail
binary=${1:?usage: build.sh BINARY VERSION OUTDIR} version=${2:?usage: build.sh BINARY VERSION OUTDIR} out=${3:?usage: build.sh BINARY VERSION OUTDIR}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../pack.sh"
needs readelf strip
machine=$(machine "$binary")
clone=$here/../..
name=spanloom-$version-$machine-unknown-linux-gnu
folder=$root/$name

program "$binary" "$folder/spanloom"
install -m 644 "$clone/README.md" "$clone/LICENSE" "$folder"
install -D -m 644 -t "$folder/systemd" "$here/../systemd/"*
for config in gateway.yaml record.yaml collector sampling; do
    (cd "$clone/examples" && find "$config" -type f -exec install -D -m 644 {} "$folder/examples/{}" \;)
done
mkdir -p "$out"
tgz "$name" "$out/$name.tar.gz"
echo "$out/$name.tar.gz"
