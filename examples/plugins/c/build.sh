#!/bin/sh
# ./build.sh redactor [FILE]: compiles a plugin and makes it a component (FILE, else redactor.wasm).
set -eu
cd "$(dirname "$0")"
plugin=$1
bindings=bindings/$plugin
zig=$(command -v zig || command -v python-zig)
core=$(mktemp)
trap 'rm -f "$core"' EXIT
"$zig" cc -target wasm32-wasi -mexec-model=reactor -std=c23 -O2 -s -Wall -Wl,-z,stack-size=65536 \
  -I "$bindings" "$plugin.c" "$bindings/plugin.c" "$bindings/plugin_component_type.o" -o "$core"
wasm-tools component new "$core" -o "${2:-$plugin.wasm}"
