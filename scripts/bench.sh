#!/usr/bin/env bash
# Measures influxd, and InfluxDB 1.x and VictoriaMetrics where Debian's packages of them are installed, with the
# load generator of BENCH_DIR (default ../shared/bench): one after the other, each on a fresh directory, the same data.
#
#   scripts/bench.sh             all suites (about half an hour with both peers)
#   SUITES=main scripts/bench.sh a single one; see BENCH_DIR/README.md for the suites and sizes
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

bench=${BENCH_DIR:-../shared/bench}
if [ ! -x "$bench/run-exec.sh" ]; then
  echo "bench: no load generator at $bench; set BENCH_DIR to the folder that holds run-exec.sh" >&2
  exit 1
fi
scripts/setup.sh
cargo build --release --locked
export BENCH_OUT=${BENCH_OUT:-/var/tmp/influxd-bench}
mkdir -p "$BENCH_OUT"

export SERVER_LABEL=influxd BENCH_TOKEN=token-of-the-bench
export SERVER_CMD="env INFLUXD_SETUP_USERNAME=bench INFLUXD_SETUP_PASSWORD=bench-password INFLUXD_SETUP_ORG=bench \
INFLUXD_SETUP_BUCKET=bench INFLUXD_SETUP_TOKEN=$BENCH_TOKEN \
$CARGO_TARGET_DIR/release/influxd run --storage-path {dir}/data --http-bind-address 127.0.0.1:{port}"
# The load generator's own build must not go to this project's target directory.
run() { CARGO_TARGET_DIR=${BENCH_TARGET_DIR:-/tmp/tsbench-target} "$bench/$1"; }

results=("$BENCH_OUT/influxd.jsonl")
run run-exec.sh
if dpkg -s influxdb >/dev/null 2>&1; then
  run run-influx1.sh
  results+=("$BENCH_OUT"/influx1-*.jsonl)
else
  echo "bench: InfluxDB is left out (apt-get install influxdb)"
fi
if dpkg -s victoria-metrics >/dev/null 2>&1; then
  run run-vm.sh
  results+=("$BENCH_OUT/vm.jsonl")
else
  echo "bench: VictoriaMetrics is left out (apt-get install victoria-metrics)"
fi
"${BENCH_TARGET_DIR:-/tmp/tsbench-target}/release/tsbench" report "${results[@]}"
