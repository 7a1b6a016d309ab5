# shellcheck shell=bash
# Sourced by the other scripts: where the build goes. One target directory and one profile
# (--release) for running, testing and measuring, so that RocksDB is compiled once.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/influxd-target}"
# Python and Node packages that only tests need.
export CLIENTS_CACHE="${CLIENTS_CACHE:-$HOME/.cache/influxd-clients}"
# A fresh shell of rustup's may not have this yet.
if ! command -v cargo >/dev/null && [ -f "$HOME/.cargo/env" ]; then
  # shellcheck disable=SC1091
  . "$HOME/.cargo/env"
fi
