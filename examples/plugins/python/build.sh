#!/bin/sh
# ./build.sh redactor [FILE]: makes a plugin a component (FILE, else redactor.wasm).
set -eu
cd "$(dirname "$0")"
plugin=$1
module=$(echo "$plugin" | tr - _)
componentize-py --quiet --wit-path wit --world "$plugin" componentize "$module" --output "${2:-$plugin.wasm}"
