#!/usr/bin/env bash
# Writes the generated parts of README.md and influxd.toml from the table of options.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
influxd=${1:-$CARGO_TARGET_DIR/release/influxd}
"$influxd" default-config >influxd.toml.new
mv influxd.toml.new influxd.toml
"$influxd" readme-table >README.table
awk '/^<!-- options -->$/ { print; while ((getline line < "README.table") > 0) print line; skip = 1 }
     /^<!-- \/options -->$/ { skip = 0 }
     !skip { print }' README.md >README.new
rm README.table
mv README.new README.md
