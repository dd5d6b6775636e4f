#!/usr/bin/env bash
# Replaces a plugin under load: three versions, one of which has a bug, and a file that is not a plugin. Then draws what the senders
# saw, second by second. Builds everything that it needs: run `examples/hot-swap/run.sh` in a clone.
#
#   RATE=20000        spans a second; 0: as fast as possible
#   SECONDS_EACH=5    how long each version runs at least
#   SPANLOOM, SPANLOOM_PLUGINS   a binary and a folder with hot-swap-v1.wasm, -v2, -v3, instead of building them
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
rate=${RATE:-20000}
each=${SECONDS_EACH:-5}
export HOT_SWAP_GRPC=${HOT_SWAP_GRPC:-127.0.0.1:14317} HOT_SWAP_ADMIN=${HOT_SWAP_ADMIN:-127.0.0.1:18899}
export NO_COLOR=1

work=$(mktemp -d)
running=()
finish() {
    for process in ${running[@]+"${running[@]}"}; do kill "$process" 2>/dev/null || true; done
    wait
    rm -rf "$work"
}
trap finish EXIT

# --- the binary and the plugins

if [[ -z ${SPANLOOM:-} ]]; then
    (cd "$root" && cargo xtask plugins --builtin && cargo build --release --package spanloom)
    SPANLOOM=${CARGO_TARGET_DIR:-$root/target}/release/spanloom
fi
for version in v1 v2 v3; do
    if [[ -n ${SPANLOOM_PLUGINS:-} ]]; then
        cp "$SPANLOOM_PLUGINS/hot-swap-$version.wasm" "$work/$version.wasm"
    else
        "$SPANLOOM" plugin build "$here/$version" --output "$work/$version.wasm"
    fi
done
head -c 1000 "$work/v1.wasm" >"$work/half.wasm"

# --- start, and load

say() { printf '%s\n' "$*" >&2; }
now() { echo $(($(date +%s) - begun)); }
# Notes an event for the plot, with its second.
note() {
    printf '%s\t%s\n' "$(now)" "$*" >>"$work/events"
    say "$(printf '%4s s  %s' "$(now)" "$*")"
}

cp "$here/spanloom.yaml" "$work/spanloom.yaml"
cp "$work/v1.wasm" "$work/tag.wasm"
"$SPANLOOM" run --config "$work/spanloom.yaml" >"$work/arrived" 2>"$work/log" &
collector=$!
running+=("$collector")
for _ in $(seq 100); do
    if "$SPANLOOM" status --admin "$HOT_SWAP_ADMIN" >/dev/null 2>&1; then break; fi
    if ! kill -0 "$collector" 2>/dev/null; then break; fi
    sleep 0.2
done
"$SPANLOOM" status --admin "$HOT_SWAP_ADMIN" >/dev/null || { cat "$work/log" >&2; exit 1; }

begun=$(date +%s)
say "load: $rate spans a second, until each version had its turn"
"$SPANLOOM" generate traces --endpoint "http://$HOT_SWAP_GRPC" --connections 4 --rate "$rate" \
    --duration 10m --every 1s >"$work/summary" 2>"$work/seconds" &
load=$!
running+=("$load")
note "1.0.0 runs"

# --- one version after another

outcomes() { grep -cE "$1" "$work/log" || true; }
turn=0
next_turn() {
    turn=$((turn + 1))
    while (($(now) < turn * each)); do sleep 0.1; done
}
# put FILE WHAT OUTCOME: waits for the next turn, copies the file over the running one, and waits until the log has the outcome.
put() {
    local outcome=$3 before
    next_turn
    before=$(outcomes "$outcome")
    cp "$work/$1" "$work/tag.wasm"
    note "$2 is copied over it"
    for _ in $(seq 300); do
        if (($(outcomes "$outcome") > before)); then
            note "$(grep -E "$outcome" "$work/log" | tail -n 1 | sed 's/^[^ ]* *[A-Z]* *//')"
            return
        fi
        sleep 0.1
    done
    note "no outcome after 30 s"
    return 1
}

put v2.wasm "2.0.0" 'swapped'
put v3.wasm "3.0.0, which has a bug," 'rolled back'
put half.wasm "a file that is half a plugin" 'rejected'
next_turn

# --- what the senders saw

status=0
kill -INT "$load"
wait "$load" || status=$?
"$SPANLOOM" status --admin "$HOT_SWAP_ADMIN"
kill "$collector"
wait "$collector" || status=$?
running=()

echo
awk -f "$here/plot.awk" "$work/events" "$work/seconds"
echo
cat "$work/summary"
accepted=$(awk '/^accepted/ { gsub(",", "", $2); print $2 }' "$work/summary")
arrived=$(awk '{ for (i = 2; i <= NF; i++) if ($i ~ /^spans?$/) { n = $(i - 1); gsub(",", "", n); sum += n } } END { print sum + 0 }' "$work/arrived")
echo "arrived   $arrived, of $accepted that were accepted"
if ((status != 0)) || [[ $arrived != "$accepted" ]]; then
    say "something was lost or refused:"
    cat "$work/log" >&2
    exit 1
fi
