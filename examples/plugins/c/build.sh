#!/bin/sh
# ./build.sh redactor [FILE]: compiles a plugin and makes it a component (FILE, else redactor.wasm).
# $BINDINGS is a folder that bindings.sh made; else they are made anew.
set -eu
cd "$(dirname "$0")"
plugin=$1
zig=$(command -v zig || command -v python-zig)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bindings=${BINDINGS:-$work}
[ -n "${BINDINGS:-}" ] || ./bindings.sh "$plugin" "$bindings"
"$zig" cc -target wasm32-wasi -mexec-model=reactor -std=c23 -O2 -s -Wall -Wl,-z,stack-size=65536 \
  -I "$bindings" "$plugin.c" "$bindings/plugin.c" "$bindings/plugin_component_type.o" -o "$work/core.wasm"
wasm-tools component new "$work/core.wasm" -o "${2:-$plugin.wasm}"
