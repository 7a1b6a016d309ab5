#!/usr/bin/env bash
# Builds influxd and runs a local development database. Prints URL, org, bucket, token and a curl line.
# Arguments go to influxd: scripts/run.sh --http-bind-address 127.0.0.1:9999
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
scripts/setup.sh
if [ ! -e "$CARGO_TARGET_DIR/release/influxd" ]; then
  echo "run: the first build compiles RocksDB, about 20 minutes on two cores"
fi
cargo build --release --locked --bin influxd
exec "$CARGO_TARGET_DIR/release/influxd" run --dev "$@"
