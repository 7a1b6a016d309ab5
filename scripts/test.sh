#!/usr/bin/env bash
# Everything that CI runs. One profile and one target directory, shared with run.sh and bench.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

started=$SECONDS
step() { printf '\n== %s (%d s)\n' "$*" $((SECONDS - started)); }

step "what the build and the tests need"
scripts/setup.sh test
rustup component add rustfmt clippy >/dev/null 2>&1 || true

step "format"
cargo fmt --check

step "the systemd unit's exposure"
scripts/check-unit.sh

step "packages of the official clients"
scripts/clients.sh

step "clippy"
cargo clippy --release --locked --all-targets -- -D warnings

step "tests"
cargo test --release --locked

step "the Debian package"
cargo build --release --locked --bin influxd
scripts/check-package.sh

step "every command of the README"
scripts/check-readme.sh

step "all passed"
