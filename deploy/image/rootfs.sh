#!/usr/bin/env bash
# rootfs.sh BINARY OUT.tar: the file system of the image, as an archive that `deploy/Containerfile` adds.
#
# It holds the binary without its debug information, the libraries that the binary is linked with (this machine's, or for another
# architecture those of Debian's cross compiler), the certificates of this machine, and the default config.
set -euo pipefail
binary=${1:?usage: rootfs.sh BINARY OUT.tar} out=${2:?usage: rootfs.sh BINARY OUT.tar}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
uid=10001
. "$here/../pack.sh"
needs readelf strip ldd

program "$binary" "$root/usr/bin/spanloom"
if [ "$(machine "$binary")" = "$(uname -m)" ]; then
    # A line is `name => /path (address)`, or `/path (address)` for the loader. A static binary has none.
    ldd "$binary" 2>/dev/null | grep -oE '/[^ ]+' | sort -u | while read -r library; do
        install -D -m 755 "$(readlink -f "$library")" "$root$library"
    done
else
    { libraries "$binary"; readelf -W -l "$binary" | sed -nE 's/.*interpreter: .*\/(.*)\]/\1/p'; } | sort -u | while read -r library; do
        install -D -m 755 "/usr/$(machine "$binary")-linux-gnu/lib/$library" "$root/lib/$library"
    done
fi

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

fixed=(--format=gnu --sort=name --numeric-owner --mtime="@$epoch" --directory="$root")
tar "${fixed[@]}" --owner=0 --group=0 -cf "$out" --exclude=./var/cache/spanloom --exclude=./run/spanloom .
# Only their user may enter the folders that hold machine code and the socket for operators: Spanloom checks this.
mkdir -p "$root/var/cache/spanloom" "$root/run/spanloom"
chmod 700 "$root/var/cache/spanloom" "$root/run/spanloom"
tar "${fixed[@]}" --owner=0 --group=0 --no-recursion -rf "$out" ./var ./var/cache ./run
tar "${fixed[@]}" --owner=$uid --group=$uid --no-recursion -rf "$out" ./var/cache/spanloom ./run/spanloom
