#!/usr/bin/env bash
# Installs what the build needs and the machine lacks (Debian packages): a C and C++ compiler and make
# for RocksDB, and libclang for its bindings. `setup.sh test` also installs what only tests need.
# Says what it installs; does nothing when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

lacking=()
want() { # want PACKAGE CHECK...: the package is lacking when the check fails
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || lacking+=("$package")
}

has_libclang() {
  [ -n "${LIBCLANG_PATH:-}" ] && return
  ldconfig -p | grep -q 'libclang[-.0-9]*\.so' && return
  compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null
}
# The bindings also include stddef.h and its like, which come with clang's own headers.
has_clang_headers() { compgen -G '/usr/lib/llvm-*/lib/clang/*/include/stddef.h' >/dev/null; }

want gcc command -v cc
want g++ command -v c++
want make command -v make
want libclang-dev has_libclang
want libclang-dev has_clang_headers
if [ "${1:-}" = test ]; then
  want curl command -v curl
  want openssl command -v openssl
  want python3-venv python3 -c 'import venv, ensurepip'
  want nodejs command -v node
  want npm command -v npm
  # systemd-analyze, which rates the unit; it does not have to be the running init.
  want systemd command -v systemd-analyze
fi

if [ ${#lacking[@]} -gt 0 ]; then
  mapfile -t lacking < <(printf '%s\n' "${lacking[@]}" | sort -u)
  echo "setup: installing ${lacking[*]}"
  sudo=
  if [ "$(id -u)" != 0 ]; then
    sudo=sudo
    command -v sudo >/dev/null || {
      echo "setup: not root and no sudo; install these packages, then run this again" >&2
      exit 1
    }
  fi
  command -v apt-get >/dev/null || {
    echo "setup: no apt-get here; install the equivalents of these packages" >&2
    exit 1
  }
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${lacking[@]}"
fi

command -v cargo >/dev/null || {
  echo "setup: no cargo; install the Rust toolchain from https://rustup.rs" >&2
  exit 1
}
