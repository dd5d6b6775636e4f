#!/usr/bin/env bash
# build.sh BINARY VERSION OUTDIR: makes OUTDIR/spanloom-VERSION-py3-none-manylinux_X_Y_MACHINE.whl and prints its path.
#
# The wheel has no Python in it: pip, pipx and uv put its one script, the binary, into the PATH. X_Y is the oldest glibc with
# which the binary starts, so pip installs it nowhere else.
set -euo pipefail
binary=${1:?usage: build.sh BINARY VERSION OUTDIR} version=${2:?usage: build.sh BINARY VERSION OUTDIR} out=${3:?usage: build.sh BINARY VERSION OUTDIR}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../pack.sh"
needs readelf strip python3
clone=$here/../..
# Python writes 1.0.0-rc.1 as 1.0.0rc1.
version=$(sed -E 's/-(a)lpha\.?|-(b)eta\.?|-(rc)\.?/\1\2\3/' <<<"$version")
# Every Linux for which manylinux stands has these.
other=$(libraries "$binary" | grep -vE '^(lib(c|m|dl|rt|pthread|gcc_s)\.so\.|ld-linux)' || true)
[ -z "$other" ] || { echo "$binary needs $other: that is on no list of manylinux" >&2; exit 1; }
glibc=$(glibc "$binary")
tag=py3-none-manylinux_${glibc:-2.17}_$(machine "$binary")
tag=${tag//./_}
info=$root/spanloom-$version.dist-info

program "$binary" "$root/spanloom-$version.data/scripts/spanloom"
install -D -m 644 "$clone/LICENSE" "$info/licenses/LICENSE"
cat >"$info/WHEEL" <<END
Wheel-Version: 1.0
Generator: spanloom
Root-Is-Purelib: false
Tag: $tag
END
cat - "$clone/README.md" >"$info/METADATA" <<END
Metadata-Version: 2.4
Name: spanloom
Version: $version
Summary: An OpenTelemetry collector whose processing is done by WebAssembly plugins
License-Expression: Apache-2.0
License-File: LICENSE
Keywords: opentelemetry,collector,tracing,metrics,logs,webassembly
Classifier: Environment :: Console
Classifier: Operating System :: POSIX :: Linux
Classifier: Topic :: System :: Monitoring
Requires-Python: >=3.8
Description-Content-Type: text/markdown

END
mkdir -p "$out"
SOURCE_DATE_EPOCH=$epoch python3 "$here/zip.py" "$root" "$out/spanloom-$version-$tag.whl"
echo "$out/spanloom-$version-$tag.whl"
