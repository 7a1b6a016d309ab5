#!/usr/bin/env bash
# Installs the official clients, at the versions the tests were written with, into a cache outside
# the checkout.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
mkdir -p "$CLIENTS_CACHE"

python=tests/clients/python
venv=$CLIENTS_CACHE/python
if ! cmp -s "$python/requirements.txt" "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check -r "$python/requirements.txt"
  cp "$python/requirements.txt" "$venv/installed.txt"
fi

node=tests/clients/node
modules=$CLIENTS_CACHE/node
if ! cmp -s "$node/package-lock.json" "$modules/installed.json"; then
  rm -rf "$modules"
  mkdir -p "$modules"
  cp "$node/package.json" "$node/package-lock.json" "$modules/"
  npm ci --prefix "$modules" --silent --no-audit --no-fund
  cp "$node/package-lock.json" "$modules/installed.json"
fi
echo "clients: ready in $CLIENTS_CACHE"
