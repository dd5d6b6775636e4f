#!/bin/sh
# ./build.sh redactor [FILE]: makes a plugin a component (FILE, else redactor.wasm).
set -eu
cd "$(dirname "$0")"
plugin=$1
PATH=$PWD/node_modules/.bin:$PATH
componentize-qjs --sync --wit wit --world "$plugin" --js "$plugin.js" --output "${2:-$plugin.wasm}"
