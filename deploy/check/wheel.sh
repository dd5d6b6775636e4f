#!/usr/bin/env bash
# wheel.sh BINARY: makes the wheel twice, installs it with pip in a fresh environment, runs it from there, and removes it. Ends
# with 3, and the reason, where this machine cannot.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/package.sh"
command -v python3 >/dev/null || { echo "no python3 in the PATH" >&2; exit 3; }
python3 -m venv --without-pip "$work/environment" 2>"$work/log" || { echo "python3 makes no environments: $(tail -n 1 "$work/log")" >&2; exit 3; }
pip() { alone "$PATH" python3 -m pip --python "$work/environment/bin/python" --disable-pip-version-check "$@"; }
pip --version >"$work/log" 2>&1 || { echo "no pip that fills another environment: $(tail -n 1 "$work/log")" >&2; exit 3; }

built wheel 0.1.0
pip install --quiet --no-index "$(cat "$work/packages")" >"$work/log" 2>&1 || fail "it cannot be installed: $(cat "$work/log")"
works "$work/environment/bin" 0.1.0
pip show spanloom | sed -n '/^Name/p; /^Version/p; /^Summary/p'
pip uninstall --quiet --yes spanloom
[ ! -e "$work/environment/bin/spanloom" ] || fail "the binary is left after an uninstall"
echo "installed, ran in its environment, uninstalled"
