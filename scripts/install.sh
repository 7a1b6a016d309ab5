#!/usr/bin/env bash
# Installs influxd as a systemd service: binary, unit, configuration, completions. Builds the binary unless
# one is named. What exists of the configuration stays as it is; data is never touched.
#
#   scripts/install.sh                     build and install on this machine
#   scripts/install.sh --binary FILE       install a binary that is built already
#   DESTDIR=/tmp/stage scripts/install.sh  into a folder, as packages want it
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

binary=
while [ $# -gt 0 ]; do
  case $1 in
  --binary)
    [ $# -ge 2 ] || {
      echo "install: --binary needs a file" >&2
      exit 2
    }
    binary=$2
    shift 2
    ;;
  *)
    echo "install: unknown argument $1; see the head of this file" >&2
    exit 2
    ;;
  esac
done
destination=${DESTDIR:-}
if [ -z "$destination" ] && [ "$(id -u)" != 0 ]; then
  echo "install: must be root (or set DESTDIR)" >&2
  exit 1
fi
if [ -z "$binary" ]; then
  scripts/setup.sh
  cargo build --release --locked --bin influxd
  binary=$CARGO_TARGET_DIR/release/influxd
fi

install -D -m 755 "$binary" "$destination/usr/bin/influxd"
strip --strip-debug "$destination/usr/bin/influxd" 2>/dev/null || true
install -D -m 644 scripts/influxd.service "$destination/lib/systemd/system/influxd.service"
if [ ! -e "$destination/etc/influxd/influxd.toml" ]; then
  install -D -m 644 influxd.toml "$destination/etc/influxd/influxd.toml"
fi
completions=$destination/usr/share/bash-completion/completions
install -d "$completions" "$destination/usr/share/fish/vendor_completions.d"
"$binary" completions bash >"$completions/influxd"
"$binary" completions fish >"$destination/usr/share/fish/vendor_completions.d/influxd.fish"

if [ -z "$destination" ]; then
  if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    echo "install: done; start it with: systemctl enable --now influxd"
  else
    echo "install: done; systemd does not run here, so start it with: influxd run"
  fi
fi
