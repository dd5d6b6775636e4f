#!/usr/bin/env bash
# build.sh BINARY VERSION OUTDIR: makes OUTDIR/spanloom_VERSION_ARCHITECTURE.deb and prints its path.
#
# The binary, the unit, the config, and the user's entry. It depends on the glibc whose symbols the binary uses. The same
# input gives the same bytes: owners, order and times are fixed ($SOURCE_DATE_EPOCH, else 0).
set -euo pipefail
binary=${1:?usage: build.sh BINARY VERSION OUTDIR} version=${2:?usage: build.sh BINARY VERSION OUTDIR} out=${3:?usage: build.sh BINARY VERSION OUTDIR}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for tool in dpkg-deb objdump strip; do
    command -v "$tool" >/dev/null || { echo "no $tool in the PATH" >&2; exit 3; }
done
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
umask 022
chmod 755 "$root"
systemd=$here/../systemd

install -D -m 755 "$binary" "$root/usr/bin/spanloom"
strip --strip-debug "$root/usr/bin/spanloom"
install -D -m 644 "$systemd/spanloom.service" "$root/usr/lib/systemd/system/spanloom.service"
install -D -m 644 "$systemd/spanloom.sysusers" "$root/usr/lib/sysusers.d/spanloom.conf"
install -D -m 640 "$systemd/spanloom.yaml" "$root/etc/spanloom/spanloom.yaml"
install -D -m 640 "$systemd/spanloom.default" "$root/etc/default/spanloom"
install -D -m 644 "$here/../../README.md" "$root/usr/share/doc/spanloom/README.md"
install -D -m 644 "$here/../../LICENSE" "$root/usr/share/doc/spanloom/copyright"
chmod 750 "$root/etc/spanloom"

case $(objdump -f "$root/usr/bin/spanloom" | sed -n 's/^architecture: \([^,]*\),.*/\1/p') in
    i386:x86-64) architecture=amd64 ;;
    aarch64) architecture=arm64 ;;
    *) echo "$binary: neither x86-64 nor aarch64" >&2; exit 1 ;;
esac
glibc=$(objdump -T "$root/usr/bin/spanloom" | grep -oE 'GLIBC_[0-9.]+' | sed 's/GLIBC_//' | sort -uV | tail -n 1)
mkdir -p "$root/DEBIAN" "$out"
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@GLIBC@/${glibc:-2.31}/" \
    -e "s/@INSTALLED_SIZE@/$(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f1)/" "$here/control.in" >"$root/DEBIAN/control"
install -m 644 "$here/conffiles" "$root/DEBIAN/conffiles"
install -m 755 "$here/postinst" "$here/prerm" "$here/postrm" "$root/DEBIAN/"
find "$root" -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH:-0}" {} +
package=$out/spanloom_${version}_${architecture}.deb
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-0} dpkg-deb --root-owner-group "-Z${SPANLOOM_DEB_COMPRESSION:-xz}" --build "$root" "$package" >&2
echo "$package"
