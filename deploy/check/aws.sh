#!/usr/bin/env bash
# aws.sh BINARY: AWS's model of ECS takes the task definition, IAM the policies; and the task's config, given as a variable,
# sends spans to moto's X-Ray with credentials from the address where a task finds them. Ends with 3, and the reason, where
# this machine cannot.
set -euo pipefail
binary=$(readlink -f "${1:?usage: aws.sh BINARY}")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
moto=${SPANLOOM_MOTO:-$(command -v moto_server || true)}
[ -n "$moto" ] || { echo "no moto_server in the PATH, nor in SPANLOOM_MOTO" >&2; exit 3; }
python=$(dirname "$moto")/python
[ -x "$python" ] || python=python3
"$python" "$here/aws.py" "$here/../aws"

work=$(mktemp -d)
started=()
cleanup() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap cleanup EXIT
port=$((20000 + RANDOM % 20000))
"$moto" -H 127.0.0.1 -p "$port" >"$work/moto" 2>&1 &
started+=($!)
"$python" - "$((port + 1))" <<'P' >"$work/credentials" 2>&1 &
import http.server, json, sys

class Credentials(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "example", "Token": "example", "Expiration": "2099-01-01T00:00:00Z"})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Credentials).serve_forever()
P
started+=($!)
for _ in $(seq 100); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && (exec 3<>"/dev/tcp/127.0.0.1/$((port + 1))") 2>/dev/null && break
    sleep 0.3
done
env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY -u AWS_PROFILE HOME="$work" AWS_REGION=us-east-1 XDG_CACHE_HOME=none \
    AWS_CONTAINER_CREDENTIALS_FULL_URI="http://127.0.0.1:$((port + 1))/credentials" SPANLOOM_CONFIG="$(cat "$here/../aws/spanloom.yaml")" \
    "$binary" run --config env:SPANLOOM_CONFIG --set "exporters::awsxray::endpoint=http://127.0.0.1:$port" \
    --set "receivers::otlp::protocols::grpc::endpoint=127.0.0.1:$((port + 2))" \
    --set "receivers::otlp::protocols::http::endpoint=127.0.0.1:$((port + 3))" \
    --set "service::admin::endpoint=127.0.0.1:$((port + 4))" --set service::telemetry::metrics::level=none >"$work/log" 2>&1 &
spanloom=$!
started+=("$spanloom")
for _ in $(seq 100); do
    "$binary" status --admin "127.0.0.1:$((port + 4))" >/dev/null 2>&1 && break
    sleep 0.2
done
"$binary" generate traces --endpoint "http://127.0.0.1:$((port + 2))" --total 200 >"$work/sent" 2>&1 || { cat "$work/sent" "$work/log" >&2; exit 1; }
kill "$spanloom"
wait "$spanloom" || { echo "FAILED: it ended with $?" >&2; cat "$work/log" >&2; exit 1; }
grep -q 'traces to awsxray: received 200, delivered 200' "$work/log" || { echo "FAILED: not all was delivered" >&2; cat "$work/log" >&2; exit 1; }
echo "the config from a variable sent 200 spans to X-Ray, with the credentials of a task"
