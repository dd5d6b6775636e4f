#!/usr/bin/env bash
# build.sh BINARY VERSION OUTDIR: makes two packages for npm and prints their paths.
#
# `@spanloom/linux-x64` (or `-arm64`) has the binary. `spanloom`, the same for every machine, has a launcher and the others as
# optional dependencies, of which npm installs the one whose `os`, `cpu` and `libc` are this machine's. No script runs at
# installation.
set -euo pipefail
binary=${1:?usage: build.sh BINARY VERSION OUTDIR} version=${2:?usage: build.sh BINARY VERSION OUTDIR} out=${3:?usage: build.sh BINARY VERSION OUTDIR}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../pack.sh"
needs readelf strip
clone=$here/../..
case $(machine "$binary") in
    x86_64) cpu=x64 ;;
    aarch64) cpu=arm64 ;;
esac
mkdir -p "$out"
about='"version": "'$version'",
  "license": "Apache-2.0",
  "os": ["linux"],
  "publishConfig": { "access": "public" }'

mkdir "$root/package"
program "$binary" "$root/package/bin/spanloom"
install -m 644 "$clone/LICENSE" "$root/package"
cat >"$root/package/package.json" <<END
{
  "name": "@spanloom/linux-$cpu",
  "description": "The binary of Spanloom for Linux on $cpu: install the package spanloom",
  $about,
  "cpu": ["$cpu"],
  "libc": ["glibc"],
  "preferUnplugged": true
}
END
tgz package "$out/spanloom-linux-$cpu-$version.tgz"
echo "$out/spanloom-linux-$cpu-$version.tgz"

rm -r "$root/package"
install -D -m 755 "$here/spanloom" "$root/package/bin/spanloom"
install -m 644 "$clone/LICENSE" "$clone/README.md" "$root/package"
cat >"$root/package/package.json" <<END
{
  "name": "spanloom",
  "description": "An OpenTelemetry collector whose processing is done by WebAssembly plugins",
  "keywords": ["opentelemetry", "collector", "tracing", "metrics", "logs", "webassembly"],
  $about,
  "bin": { "spanloom": "bin/spanloom" },
  "optionalDependencies": {
    "@spanloom/linux-arm64": "$version",
    "@spanloom/linux-x64": "$version"
  }
}
END
tgz package "$out/spanloom-$version.tgz"
echo "$out/spanloom-$version.tgz"
