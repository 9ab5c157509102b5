#!/bin/sh
# Usage: tools/fuzz_api.sh [SECONDS]      (600)
# Fuzzes every operation of a Belfry's OpenAPI document for so long, with schemathesis out of a temporary venv, and prints its
# report: whatever is sent, no answer may be a 5xx, and Belfry must live. BELFRY names the executable, else build/belfry;
# FUZZ_VENV one that has schemathesis already. The Belfry is the script's own, in a folder of its own, as nobody where root runs it:
# what is sent may be a command to run or a file to read. Left out is what stops the program or takes in other sources.
set -eu
seconds=${1:-600}
root=$(cd "$(dirname "$0")/.." && pwd)
exe=${BELFRY:-$root/build/belfry}
version=4.32.5
left_out='/upgrade$|/-/reload$|/prometheus/-/(quit|reload)$'

folder=$(mktemp -d "${TMPDIR:-/tmp}/belfry-fuzz.XXXXXX")
pid=
finish() {
    if [ -n "$pid" ]; then
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    fi
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM

venv=${FUZZ_VENV:-$folder/venv}
if [ ! -x "$venv/bin/schemathesis" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" -q install "schemathesis==$version"
fi

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir "$folder/b"
cp "$exe" "$folder/b/belfry"
cat >"$folder/b/belfry.yaml" <<YAML
server: {listen: "127.0.0.1:$port", anonymous: admin, limits: {local: false}}
groups:
  - name: web
    interval: 5s
    targets:
      - {name: self, url: "tcp://127.0.0.1:$port"}
      - {name: nobody, url: "tcp://127.0.0.1:1"}
YAML
as=
if [ "$(id -u)" = 0 ]; then
    chmod 711 "$folder"
    chown -R nobody "$folder/b"
    as='setpriv --reuid=nobody --clear-groups --no-new-privs'
fi
cd "$folder/b"
# shellcheck disable=SC2086
$as ./belfry run -c belfry.yaml >"$folder/out.log" 2>&1 &
pid=$!
i=0
until curl -fs "http://127.0.0.1:$port/health/ready" >/dev/null; do
    i=$((i + 1))
    [ $i -lt 300 ] || { cat "$folder/out.log"; exit 1; }
    sleep 0.1
done

status=0
nice "$venv/bin/schemathesis" run "http://127.0.0.1:$port/api/v1/openapi.json" --checks not_a_server_error \
    --exclude-path-regex "$left_out" --max-time "$seconds" --phases examples,coverage,fuzzing --continue-on-failure --workers 1 \
    --request-timeout 30 --suppress-health-check all --no-shrink --warnings off --no-color || status=$?

curl -fs "http://127.0.0.1:$port/health/live" >/dev/null || { echo "Belfry answers no more"; tail -50 "$folder/out.log"; status=1; }
crashes=$(find "$folder/b" -path '*/crash/*.json' | wc -l)
[ "$crashes" = 0 ] || { echo "$crashes crash reports:"; find "$folder/b" -path '*/crash/*.json' -exec cat {} +; status=1; }
exit $status
