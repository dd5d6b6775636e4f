#!/usr/bin/env bash
# systemd.sh BINARY: reads the unit with systemd-analyze, which must find nothing unknown in it and call it safe enough, and
# looks whether the binary needs a system call that the unit forbids. Ends with 3, and the reason, where this machine cannot.
set -euo pipefail
binary=$(readlink -f "${1:?usage: systemd.sh BINARY}")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command -v systemd-analyze >/dev/null || { echo "no systemd-analyze in the PATH" >&2; exit 3; }
work=$(mktemp -d)
spanloom=
cleanup() {
    [ -z "$spanloom" ] || kill "$spanloom" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

# The paths of this machine, else `verify` only says that the program is not installed.
sed "s#/usr/bin/spanloom#$binary#" "$here/../systemd/spanloom.service" >"$work/spanloom.service"
# `verify` ends with 0 whatever it finds; it says nothing if all is well. What it says of other units is not ours.
said=$(systemd-analyze verify --man=no "$work/spanloom.service" 2>&1 | grep -F spanloom || true)
[ -z "$said" ] || { echo "FAILED: $said" >&2; exit 1; }
# The score is out of 100, and worse the higher it is.
systemd-analyze security --offline=true --threshold=20 "$work/spanloom.service" >"$work/security" || {
    grep '✗' "$work/security" >&2 || true
    tail -n 1 "$work/security" >&2
    exit 1
}
tail -n 1 "$work/security" | sed 's/^[^A-Za-z]*//'

command -v strace >/dev/null || { echo "the system calls were not looked at: no strace in the PATH"; exit 0; }
names() { systemd-analyze syscall-filter "$1" 2>/dev/null | grep -oE '^ +[@a-z_0-9-]+' | tr -d ' '; }
expand() { # prints the calls of a group, and of the groups in it
    names "$1" | while read -r name; do
        case $name in @*) expand "$name" ;; *) echo "$name" ;; esac
    done
}
expand @system-service | sort -u >"$work/system"
{ expand @privileged; expand @keyring; expand @obsolete; } | sort -u >"$work/forbidden"
comm -23 "$work/system" "$work/forbidden" >"$work/allowed"
[ -s "$work/allowed" ] || { echo "FAILED: systemd-analyze names no system calls" >&2; exit 1; }
port=$((20000 + RANDOM % 20000))
XDG_CACHE_HOME=$work/cache RUNTIME_DIRECTORY=$work/run strace -f -qq -e trace=all -e signal=none -o "$work/trace" "$binary" run \
    --config "$here/../systemd/spanloom.yaml" --set "receivers::otlp::protocols::grpc::endpoint=127.0.0.1:$port" \
    --set "receivers::otlp::protocols::http::endpoint=127.0.0.1:$((port + 1))" --set "service::admin::endpoint=127.0.0.1:$((port + 2))" \
    --set "extensions::health_check::endpoint=127.0.0.1:$((port + 3))" --set 'service::telemetry::metrics::level=none' \
    --set 'processors::batch=' --set 'service::pipelines::traces::processors=[batch]' >"$work/log" 2>&1 &
spanloom=$!
"$binary" generate traces --endpoint "http://127.0.0.1:$port" --total 50 >"$work/sent" 2>&1 || true
for _ in $(seq 50); do
    grep -q 'accepted  50' "$work/sent" && break
    sleep 0.5
    "$binary" generate traces --endpoint "http://127.0.0.1:$port" --total 50 >"$work/sent" 2>&1 || true
done
grep -q 'accepted  50' "$work/sent" || { echo "FAILED: it takes no traces" >&2; cat "$work/log" "$work/sent" >&2; exit 1; }
"$binary" reload --admin "127.0.0.1:$((port + 2))" >/dev/null 2>&1 || { echo "FAILED: it does not reload" >&2; exit 1; }
pkill -TERM -P "$spanloom" || kill "$spanloom"
wait "$spanloom" || true
spanloom=
grep -oE '^[0-9]+ +[a-z_0-9]+\(' "$work/trace" | sed -E 's/^[0-9]+ +//; s/\($//' | sort -u >"$work/used"
# strace sees the call that starts the program; systemd makes it before the filter.
denied=$(comm -23 "$work/used" "$work/allowed" | grep -vx execve || true)
[ -z "$denied" ] || { echo "FAILED: the unit forbids system calls that it makes: $denied" >&2; exit 1; }
echo "$(wc -l <"$work/used") system calls, all allowed by the unit"
