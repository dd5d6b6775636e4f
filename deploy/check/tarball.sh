#!/usr/bin/env bash
# tarball.sh BINARY: makes the archive twice, unpacks it in an empty folder and runs the binary there with the config
# in it. Ends with 3, and the reason, where this machine cannot.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/package.sh"

built tarball 0.1.0
mkdir "$work/unpacked"
tar -xzf "$(cat "$work/packages")" --directory="$work/unpacked" --strip-components=1
cd "$work/unpacked"
for file in README.md LICENSE systemd/spanloom.service examples/gateway.yaml examples/sampling/five-percent.yaml; do
    [ -s "$file" ] || fail "$file is not in the archive"
done
works "$PWD" 0.1.0 systemd/spanloom.yaml
echo "unpacked, ran in its folder"
