#!/bin/sh
# ./bindings.sh redactor FOLDER: makes the interface in C, for a world of wit/.
set -eu
cd "$(dirname "$0")"
plugin=$1 folder=$2
set -- --world "$plugin" --rename-world plugin --out-dir "$folder"
for interface in $(sed -n 's/^interface \(.*\) {$/\1/p' wit/deps/spanloom/*.wit); do
  set -- "$@" --rename "spanloom:plugin/$interface@0.1.0=$interface"
done
wit-bindgen c "$@" wit
