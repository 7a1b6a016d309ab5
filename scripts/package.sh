#!/usr/bin/env bash
# Makes a Debian package of the built binary, and prints its name: scripts/package.sh [FOLDER]
# `--binary FILE` takes another binary, `--version VERSION` another version (which the check of upgrades needs).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

binary=$CARGO_TARGET_DIR/release/influxd
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
folder=.
while [ $# -gt 0 ]; do
  case $1 in
  --binary) binary=$2 && shift 2 ;;
  --version) version=$2 && shift 2 ;;
  *) folder=$1 && shift ;;
  esac
done
[ -x "$binary" ] || {
  echo "package: $binary is missing; build it with: cargo build --release --locked" >&2
  exit 1
}

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
chmod 755 "$stage"
DESTDIR=$stage scripts/install.sh --binary "$binary"
install -D -m 644 README.md "$stage/usr/share/doc/influxd/README.md"
install -D -m 644 CHANGELOG.md "$stage/usr/share/doc/influxd/CHANGELOG.md"
install -D -m 644 LICENSE "$stage/usr/share/doc/influxd/copyright"

architecture=$(dpkg --print-architecture)
libc=$(objdump -T "$binary" | grep -o 'GLIBC_2\.[0-9]*' | sort -uV | tail -n 1)
size=$(du -sk "$stage" | cut -f 1)
mkdir "$stage/DEBIAN"
cat >"$stage/DEBIAN/control" <<CONTROL
Package: influxd
Version: $version
Architecture: $architecture
Maintainer: the influxd authors <influxd@localhost>
Section: database
Priority: optional
Installed-Size: $size
Depends: libc6 (>= ${libc#GLIBC_}), libgcc-s1, libstdc++6
Description: time-series database that speaks the InfluxDB 2.x HTTP API
 One binary with an embedded storage engine. Line protocol in, Flux and
 InfluxQL out; official clients, Telegraf and Grafana work with it unchanged.
CONTROL
echo /etc/influxd/influxd.toml >"$stage/DEBIAN/conffiles"
# The unit makes its user and its data directory (/var/lib/influxd) by itself. No script touches data.
cat >"$stage/DEBIAN/postinst" <<'SCRIPT'
#!/bin/sh
set -e
if [ "$1" = configure ] && [ -d /run/systemd/system ] && [ -z "$DPKG_ROOT" ]; then
  systemctl daemon-reload || true
  # After an upgrade: what ran runs again, as the new version.
  systemctl try-restart influxd.service || true
fi
SCRIPT
cat >"$stage/DEBIAN/prerm" <<'SCRIPT'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ] && [ -z "$DPKG_ROOT" ]; then
  systemctl disable --now influxd.service || true
fi
SCRIPT
cat >"$stage/DEBIAN/postrm" <<'SCRIPT'
#!/bin/sh
set -e
if [ -d /run/systemd/system ] && [ -z "$DPKG_ROOT" ]; then
  systemctl daemon-reload || true
fi
if [ "$1" = purge ]; then
  echo "influxd: the data in /var/lib/influxd is kept; remove it by hand when it is not needed"
fi
SCRIPT
chmod 755 "$stage"/DEBIAN/{postinst,prerm,postrm}

mkdir -p "$folder"
package=$folder/influxd_${version}_$architecture.deb
dpkg-deb --root-owner-group --build "$stage" "$package" >/dev/null
echo "$package"
