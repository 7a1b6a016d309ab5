#!/usr/bin/env bash
# The tests of crashes and failing disks, many times over: hours where CI takes a minute.
#
#   scripts/faults.sh            1000 kills, 200 rounds of failing calls, 100 power cuts, 300 rounds beside a model
#   scripts/faults.sh 10         ten times as much
#   SOAK_SEED=… CRASH_SEED=…     repeats what a failed run has printed
#
# As root it mounts file systems of its own under a temporary directory; without it those tests are left out.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
scripts/setup.sh test

times=${1:-1}
export CRASH_CYCLES=$((1000 * times))
export FAULT_ROUNDS=$((200 * times))
export POWER_ROUNDS=$((100 * times))
export SOAK_ROUNDS=$((300 * times))
exec cargo test --release --locked --test crash --test faults -- --nocapture
