#!/bin/sh
# ./build.sh redactor [FILE]: compiles a plugin and makes it a component (FILE, else redactor.wasm).
set -eu
cd "$(dirname "$0")"
plugin=$1
core=$(mktemp)
trap 'rm -f "$core"' EXIT
python-zig cc -target wasm32-wasi -mexec-model=reactor -std=c23 -O2 -s -Wall -Wno-unused-parameter \
  -Wl,-z,stack-size=65536 -I "bindings/$plugin" \
  "$plugin.c" "bindings/$plugin/plugin.c" "bindings/$plugin/plugin_component_type.o" -o "$core"
wasm-tools component new "$core" -o "${2:-$plugin.wasm}"
