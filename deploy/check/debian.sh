#!/usr/bin/env bash
# debian.sh BINARY: makes the package twice, looks into it, and runs the binary with the config in it. As root, with debootstrap,
# it also installs, upgrades, removes and purges the package in a Debian of its own ($SPANLOOM_DEBIAN_ROOT keeps that for the next
# time; `none` leaves this out). Ends with 3, and the reason, where this machine cannot.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command -v dpkg-deb >/dev/null || { echo "no dpkg-deb in the PATH" >&2; exit 3; }
. "$here/package.sh"

built debian 0.1.0
package=$(cat "$work/packages")
dpkg-deb --contents "$package" >"$work/contents"
for file in ./usr/bin/spanloom ./usr/lib/systemd/system/spanloom.service ./usr/lib/sysusers.d/spanloom.conf ./etc/spanloom/spanloom.yaml ./etc/default/spanloom; do
    grep -q " $file\$" "$work/contents" || fail "$file is not in the package"
done
! awk '{print $2}' "$work/contents" | grep -qv root/root || fail "a file belongs to another user than root"
dpkg-deb --info "$package" | sed -n '/Package:/,/Recommends:/p'
dpkg-deb --extract "$package" "$work/unpacked"
works "$work/unpacked/usr/bin" 0.1.0 "$work/unpacked/etc/spanloom/spanloom.yaml"

if [ "${SPANLOOM_DEBIAN_ROOT:-}" = none ]; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
    echo "the package was not installed: that needs root and debootstrap"
    exit 0
fi
root=${SPANLOOM_DEBIAN_ROOT:-$work/root}
if [ ! -x "$root/usr/bin/dpkg" ]; then
    debootstrap --variant=minbase "$(. /etc/os-release && echo "${VERSION_CODENAME:-stable}")" "$root" >"$work/debootstrap" 2>&1 || {
        tail -n 3 "$work/debootstrap" >&2
        echo "debootstrap could not make a Debian here" >&2
        exit 3
    }
fi
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }
later=$("$here/../debian/build.sh" "$binary" 0.1.1 "$work" 2>/dev/null)
cp "$package" "$root/spanloom.deb"
cp "$later" "$root/later.deb"
inside dpkg --purge spanloom >/dev/null 2>&1 || true
inside dpkg --install /spanloom.deb >"$work/install" 2>&1 || { cat "$work/install" >&2; fail "it cannot be installed"; }
[ "$(inside stat -c '%U:%G %a' /etc/spanloom/spanloom.yaml)" = "root:spanloom 640" ] || fail "the config is $(inside stat -c '%U:%G %a' /etc/spanloom/spanloom.yaml)"
inside setpriv --reuid spanloom --regid spanloom --clear-groups /usr/bin/spanloom validate --config /etc/spanloom/spanloom.yaml || fail "its user cannot read its config"
# A changed config survives an upgrade, and goes with a purge.
echo "# mine" >>"$root/etc/spanloom/spanloom.yaml"
inside dpkg --install /later.deb >"$work/upgrade" 2>&1 || { cat "$work/upgrade" >&2; fail "it cannot be upgraded"; }
grep -q '# mine' "$root/etc/spanloom/spanloom.yaml" || fail "an upgrade replaced the config"
[ "$(inside dpkg-query -W -f '${Version}' spanloom)" = 0.1.1 ] || fail "it was not upgraded"
inside dpkg --remove spanloom >/dev/null
[ -e "$root/etc/spanloom/spanloom.yaml" ] || fail "the config went with the program"
inside dpkg --purge spanloom >/dev/null 2>&1
[ ! -e "$root/etc/spanloom" ] && [ ! -e "$root/usr/bin/spanloom" ] || fail "something is left after a purge"
rm -f "$root/spanloom.deb" "$root/later.deb"
echo "installed, ran as its user, upgraded with a changed config, removed, purged"
