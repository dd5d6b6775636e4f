#!/usr/bin/env bash
# build.sh BINARY VERSION OUTDIR: makes OUTDIR/spanloom_VERSION_ARCHITECTURE.deb and prints its path.
#
# The binary, the unit, the config, and the user's entry. It depends on the glibc whose symbols the binary uses.
set -euo pipefail
binary=${1:?usage: build.sh BINARY VERSION OUTDIR} version=${2:?usage: build.sh BINARY VERSION OUTDIR} out=${3:?usage: build.sh BINARY VERSION OUTDIR}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../pack.sh"
needs dpkg-deb readelf strip
systemd=$here/../systemd

program "$binary" "$root/usr/bin/spanloom"
install -D -m 644 "$systemd/spanloom.service" "$root/usr/lib/systemd/system/spanloom.service"
install -D -m 644 "$systemd/spanloom.sysusers" "$root/usr/lib/sysusers.d/spanloom.conf"
install -D -m 640 "$systemd/spanloom.yaml" "$root/etc/spanloom/spanloom.yaml"
install -D -m 640 "$systemd/spanloom.default" "$root/etc/default/spanloom"
install -D -m 644 "$here/../../README.md" "$root/usr/share/doc/spanloom/README.md"
install -D -m 644 "$here/../../LICENSE" "$root/usr/share/doc/spanloom/copyright"
chmod 750 "$root/etc/spanloom"

architecture=$(architecture "$binary")
# Debian's order has 1.0.0~rc.1 before 1.0.0, and 1.0.0-rc.1 after it.
version=${version/-/\~}
glibc=$(glibc "$binary")
# Of files alone: how large a folder is depends on the file system.
size=$(find "$root" -type f -printf '%s\n' | awk '{ total += int(($1 + 1023) / 1024) } END { print total }')
mkdir -p "$root/DEBIAN" "$out"
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@GLIBC@/${glibc:-2.31}/" \
    -e "s/@INSTALLED_SIZE@/$size/" "$here/control.in" >"$root/DEBIAN/control"
install -m 644 "$here/conffiles" "$root/DEBIAN/conffiles"
install -m 755 "$here/postinst" "$here/prerm" "$here/postrm" "$root/DEBIAN/"
find "$root" -exec touch --no-dereference --date="@$epoch" {} +
package=$out/spanloom_${version}_${architecture}.deb
compression=(-Zxz)
[ "${SPANLOOM_COMPRESSION:-}" != quick ] || compression=(-Znone)
SOURCE_DATE_EPOCH=$epoch dpkg-deb --root-owner-group "${compression[@]}" --build "$root" "$package" >&2
echo "$package"
