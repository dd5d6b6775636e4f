#!/bin/sh
# Makes bindings/ anew from the interface: `cargo install wit-bindgen-cli --version 0.63.0`
set -eu
cd "$(dirname "$0")"
for plugin in redactor keep-errors; do
  set -- --world "$plugin" --rename-world plugin --out-dir "bindings/$plugin"
  for interface in types spans batches traces output log metrics clock schedule http store processing sampling describe; do
    set -- "$@" --rename "spanloom:plugin/$interface@0.1.0=$interface"
  done
  wit-bindgen c "$@" wit
done
