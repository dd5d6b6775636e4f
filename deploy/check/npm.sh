#!/usr/bin/env bash
# npm.sh BINARY: makes the packages twice, installs them in a fresh prefix and in a project, runs them from there, and removes
# them. Ends with 3, and the reason, where this machine cannot.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/package.sh"
command -v npm >/dev/null || { echo "no npm in the PATH" >&2; exit 3; }
npm() { alone "$PATH" npm "$@" --offline --no-audit --no-fund --no-update-notifier --loglevel=error >"$work/log" 2>&1 || fail "npm $1: $(cat "$work/log")"; }

built npm 0.1.0
mapfile -t packages <"$work/packages"
npm install --global --prefix "$work/prefix" "${packages[@]}"
# The launcher needs nothing in the PATH but the launcher.
works "$work/prefix/bin" 0.1.0
npm uninstall --global --prefix "$work/prefix" spanloom
[ ! -e "$work/prefix/bin/spanloom" ] || fail "the launcher is left after an uninstall"

mkdir "$work/project"
cd "$work/project"
echo '{ "name": "project", "private": true }' >package.json
npm install "${packages[@]}"
alone "$work/project/node_modules/.bin" spanloom --version >/dev/null || fail "it does not start in a project"
code=0
alone "$work/project/node_modules/.bin" spanloom run --config missing.yaml >"$work/log" 2>&1 || code=$?
[ "$code" = 2 ] || fail "the exit code of a wrong config is $code: $(cat "$work/log")"
rm -r node_modules/@spanloom
code=0
alone "$work/project/node_modules/.bin" spanloom --version >"$work/log" 2>&1 || code=$?
[ "$code" = 1 ] && grep -q 'npm install --include=optional' "$work/log" || fail "without its binary, it ends with $code: $(cat "$work/log")"
echo "installed globally and in a project, ran, passed on an exit code, uninstalled"
