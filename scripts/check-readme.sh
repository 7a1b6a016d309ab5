#!/usr/bin/env bash
# Runs the commands of README.md, block after block, against a fresh development database started by
# scripts/run.sh, and compares what they print with the README where it shows it.
#
# ```sh blocks are run; a ```text block right after one is its output, line for line; ```python blocks
# are run with the clients that scripts/clients.sh installed. Blocks that only call scripts/run.sh or
# scripts/test.sh are what CI does anyway and are not repeated.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

work=$(mktemp -d)
server=
finish() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; fi
  rm -rf "$work"
}
trap finish EXIT

scripts/run.sh --http-bind-address 127.0.0.1:0 --storage-path "$work/db" >"$work/out" 2>"$work/log" &
server=$!
for _ in $(seq 1 1200); do
  grep -q 'range(start: -1h)' "$work/out" && break
  kill -0 "$server" 2>/dev/null || {
    cat "$work/out" "$work/log" >&2
    exit 1
  }
  sleep 0.1
done
address=$(sed -n 's|^ *url *http://||p' "$work/out")
[ -n "$address" ] || {
  echo "check-readme: no address printed" >&2
  cat "$work/out" "$work/log" >&2
  exit 1
}

# NNN.sh, NNN.python, NNN.text in the order of the file.
awk -v dir="$work" '
  /^```(sh|python|text)$/ { file = sprintf("%s/%03d.%s", dir, ++n, substr($0, 4)); printf "" >file; next }
  /^```/ { file = ""; next }
  file { print >file }' README.md

adapt() { sed -e "s|127\.0\.0\.1:8086|$address|g" -e "s|data/db|$work/db|g" "$1"; }
curl_prelude='curl() { command curl --silent --show-error --fail-with-body "$@"; }'
exports=
ran=0
for block in "$work"/[0-9]*.sh "$work"/[0-9]*.python; do
  [ -e "$block" ] || continue
  echo "$block"
done | sort >"$work/order"
while read -r block; do
  case $block in
  *.python)
    { echo "$exports"; } >"$work/exports"
    # shellcheck disable=SC1091
    (. "$work/exports" && adapt "$block" | "$CLIENTS_CACHE/python/bin/python" -) >"$work/printed" || {
      echo "check-readme: failed:" >&2
      cat "$block" "$work/printed" >&2
      exit 1
    }
    ;;
  *)
    if ! grep -qvE '^(scripts/(run|test|bench)\.sh.*|git clone .*|cd .*|#.*|)$' "$block"; then continue; fi
    { echo "$curl_prelude"; echo "$exports"; adapt "$block"; } >"$work/run"
    PATH="$CARGO_TARGET_DIR/release:$PATH" bash -euo pipefail "$work/run" >"$work/printed" || {
      echo "check-readme: failed:" >&2
      cat "$block" "$work/printed" >&2
      exit 1
    }
    exports+=$'\n'$(adapt "$block" | grep '^export ' || true)
    ;;
  esac
  ran=$((ran + 1))
  number=$(basename "$block")
  number=$((10#${number%%.*} + 1))
  shown=$(printf '%s/%03d.text' "$work" "$number")
  if [ -e "$shown" ]; then
    clean() { tr -d '\r' | sed -e 's/[[:space:]]*$//' | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'; }
    diff <(adapt "$shown" | clean) <(clean <"$work/printed") >"$work/difference" || {
      echo "check-readme: README shows (<) something else than is printed (>):" >&2
      cat "$block" "$work/difference" >&2
      exit 1
    }
  fi
done <"$work/order"
kill "$server"
wait "$server"
server=
[ "$ran" -gt 0 ]
echo "check-readme: $ran blocks ran as shown"
