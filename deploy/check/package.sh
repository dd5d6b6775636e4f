# Sourced by the checks of packages, which are given the binary: the functions that they share, and a folder, `$work`, which goes
# at the end, with an empty home in it.
binary=${1:?usage: $(basename "$0") BINARY}
work=$(mktemp -d)
spanloom=
cleanup() {
    [ -z "$spanloom" ] || kill -KILL "$spanloom" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
mkdir "$work/home"
export SPANLOOM_COMPRESSION=quick
fail() { echo "FAILED: $*" >&2; exit 1; }

built() { # built KIND VERSION: makes the packages of a kind in $work/built, twice, which must give the same bytes
    local script=$here/../$1/build.sh package
    "$script" "$binary" "$2" "$work/built" >"$work/packages" 2>"$work/log" || { local code=$?; cat "$work/log" >&2; exit "$code"; }
    "$script" "$binary" "$2" "$work/again" >/dev/null 2>&1
    while read -r package; do
        cmp "$package" "$work/again/$(basename "$package")" || fail "the same input gave another $(basename "$package")"
        echo "built: $(basename "$package"), $(stat -c %s "$package") bytes, reproducibly"
    done <"$work/packages"
    rm -r "$work/again"
}

alone() { # alone PATH COMMAND…: runs a command with this PATH, the empty home, and nothing else of the environment
    (exec_alone "$@")
}

exec_alone() { # exec_alone PATH COMMAND…: the same, in the place of this process, so that a signal reaches the command
    exec env -i PATH="$1" HOME="$work/home" "${@:2}"
}

# works PATH VERSION [CONFIG]: `spanloom` is found in this PATH, says its version, and runs: it takes spans and accounts for each.
works() {
    local path=$1 said
    said=$(alone "$path" spanloom --version) || fail "it does not start"
    [[ $said == "spanloom $2 ("*")" ]] || fail "it says of itself: $said"
    # Of the ports that are tried, another program may have one: then the next ones are.
    for _ in 1 2 3; do
        sent "$path" "${3:-$here/../systemd/spanloom.yaml}" && break
        grep -q 'in use' "$work/run" || fail "it takes no spans: $(tail -n 20 "$work/run" "$work/sent")"
    done
    grep -q 'accepted  50' "$work/sent" || fail "it takes no spans: three times in a row, its ports were taken"
    grep -q 'traces to debug: received 50, delivered 50' "$work/run" || fail "it does not account for 50 spans: $(tail -n 20 "$work/run")"
    echo "$said: took 50 spans, and accounted for them"
}

sent() { # sent PATH CONFIG: runs it, sends 50 spans, and ends it with SIGTERM
    local port=$((20000 + RANDOM % 11000))
    exec_alone "$1" spanloom run --config "$2" --set "receivers::otlp::protocols::grpc::endpoint=127.0.0.1:$port" \
        --set "receivers::otlp::protocols::http::endpoint=127.0.0.1:$((port + 1))" --set "service::admin::endpoint=127.0.0.1:$((port + 2))" \
        --set "extensions::health_check::endpoint=127.0.0.1:$((port + 3))" --set 'service::telemetry::metrics::level=none' >"$work/run" 2>&1 &
    spanloom=$!
    local code=1
    for _ in $(seq 150); do
        if alone "$1" spanloom generate traces --endpoint "http://127.0.0.1:$port" --total 50 >"$work/sent" 2>&1; then
            code=0
            break
        fi
        kill -0 "$spanloom" 2>/dev/null || break
        sleep 0.2
    done
    kill -TERM "$spanloom" 2>/dev/null || true
    wait "$spanloom" || code=1
    spanloom=
    return "$code"
}
