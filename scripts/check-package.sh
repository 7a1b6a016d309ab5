#!/usr/bin/env bash
# The Debian package, installed into a folder: it runs, an upgrade and a downgrade keep the configuration that was
# changed and the data, and so does its removal with the data.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
command -v dpkg-deb >/dev/null && command -v objdump >/dev/null || {
  echo "check-package: no dpkg-deb or objdump here, skipped"
  exit 0
}
work=$(mktemp -d)
server=
finish() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap finish EXIT
fail() {
  echo "check-package: $*" >&2
  exit 1
}

old=$(scripts/package.sh --version 0.0.9 "$work")
new=$(scripts/package.sh --version 0.1.0 "$work")
root=$work/root
mkdir -p "$root/var/lib/dpkg/"{updates,info}
touch "$root/var/lib/dpkg/"{status,available}
# Scripts see DPKG_ROOT instead of a new root, so that no shell has to be in there.
package() { dpkg --root="$root" --force-not-root,depends,script-chrootless,confold --log=/dev/null "$@" >"$work/out" 2>&1 || {
  cat "$work/out" >&2
  fail "dpkg $*"
}; }

# Writes a point with this value, then counts all.
serve() {
  local value=$1 wanted=$2
  # Emptied here: the server's own redirection may come after the first look.
  : >"$work/log"
  "$root/usr/bin/influxd" run --config "$root/etc/influxd/influxd.toml" \
    --storage-path "$root/var/lib/influxd" --http-bind-address 127.0.0.1:0 --setup-username u \
    --setup-org o --setup-bucket b --setup-token a-token-of-the-check 2>>"$work/log" &
  server=$!
  for _ in $(seq 1 300); do
    grep -q 'listening on' "$work/log" && break
    kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2 && fail "it ended"; }
    sleep 0.1
  done
  local host
  host=$(grep -o 'http://[0-9.:]*' "$work/log" | head -n 1) || fail "it does not listen: $(cat "$work/log")"
  local client=("$root/usr/bin/influxd")
  export INFLUX_HOST=$host INFLUX_TOKEN=a-token-of-the-check INFLUX_BUCKET=b
  "${client[@]}" write "m f=$value $value"
  "${client[@]}" query --influxql --format csv 'SELECT count(f) FROM m' | grep -q ",$wanted\$" ||
    fail "not $wanted points"
  kill "$server"
  wait "$server" || fail "it ended with status $?"
  server=
}

package --install "$old"
serve 1 1
echo '# changed by hand' >>"$root/etc/influxd/influxd.toml"
package --install "$new"
serve 2 2
package --install "$old"
serve 3 3
grep -q 'changed by hand' "$root/etc/influxd/influxd.toml" || fail "the configuration was overwritten"
bash -n "$root/usr/share/bash-completion/completions/influxd"
package --purge influxd
[ ! -e "$root/usr/bin/influxd" ] || fail "the binary is still there"
[ -e "$root/var/lib/influxd/CURRENT" ] || fail "the data is gone"
echo "check-package: installed, upgraded, downgraded, removed; configuration and data kept"
