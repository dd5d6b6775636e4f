#!/usr/bin/env bash
# rootfs.sh BINARY OUT.tar: the file system of the image, as an archive that `deploy/Containerfile` adds.
#
# It holds the binary without its debug information, the libraries that the binary is linked with (from this machine, which
# must therefore be of the image's architecture), the certificates of this machine, and the default config.
# The same input gives the same bytes: owners, modes, order and times are fixed ($SOURCE_DATE_EPOCH, else 0).
set -euo pipefail
binary=${1:?usage: rootfs.sh BINARY OUT.tar} out=${2:?usage: rootfs.sh BINARY OUT.tar}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
uid=10001
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
umask 022
chmod 755 "$root"

install -D -m 755 "$binary" "$root/usr/bin/spanloom"
strip --strip-debug "$root/usr/bin/spanloom"
# A line of ldd is `name => /path (address)`, or `/path (address)` for the loader. A static binary has none.
ldd "$binary" 2>/dev/null | grep -oE '/[^ ]+' | sort -u | while read -r library; do
    install -D -m 755 "$(readlink -f "$library")" "$root$library"
done

for certificates in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
    if [ -s "$certificates" ]; then
        install -D -m 644 "$(readlink -f "$certificates")" "$root/etc/ssl/certs/ca-certificates.crt"
        break
    fi
done
[ -s "$root/etc/ssl/certs/ca-certificates.crt" ] || { echo "no certificates here: install ca-certificates" >&2; exit 3; }

install -D -m 644 "$here/spanloom.yaml" "$root/etc/spanloom/spanloom.yaml"
install -D -m 644 "$here/../../LICENSE" "$root/usr/share/doc/spanloom/LICENSE"
for notice in libc6 libgcc-s1; do
    [ ! -f "/usr/share/doc/$notice/copyright" ] || install -D -m 644 "$(readlink -f "/usr/share/doc/$notice/copyright")" "$root/usr/share/doc/$notice/copyright"
done
echo "spanloom:x:$uid:$uid:Spanloom:/var/cache/spanloom:/sbin/nologin" >"$root/etc/passwd"
echo "spanloom:x:$uid:" >"$root/etc/group"
echo "hosts: files dns" >"$root/etc/nsswitch.conf"

fixed=(--format=gnu --sort=name --numeric-owner --mtime="@${SOURCE_DATE_EPOCH:-0}" --directory="$root")
tar "${fixed[@]}" --owner=0 --group=0 -cf "$out" --exclude=./var/cache/spanloom --exclude=./run/spanloom .
# Only their user may enter the folders that hold machine code and the socket for operators: Spanloom checks this.
mkdir -p "$root/var/cache/spanloom" "$root/run/spanloom"
chmod 700 "$root/var/cache/spanloom" "$root/run/spanloom"
tar "${fixed[@]}" --owner=0 --group=0 --no-recursion -rf "$out" ./var ./var/cache ./run
tar "${fixed[@]}" --owner=$uid --group=$uid --no-recursion -rf "$out" ./var/cache/spanloom ./run/spanloom
