#!/usr/bin/env bash
# Formatting, clippy, tidy. Where the installed Rust has no formatter or linter, it is said and skipped, but not in CI.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

run_if_there() {
  local tool="$1" package="$2"
  shift 2
  if cargo "$tool" --version >/dev/null 2>&1; then
    cargo "$tool" "$@"
  elif [ "${CI:-}" = true ]; then
    die "cargo $tool is missing (apt-get install $package, or rustup component add $tool)"
  else
    say "SKIPPED: cargo $tool is missing (apt-get install $package, or rustup component add $tool)"
  fi
}

run_if_there fmt rustfmt-web --all --check
run_if_there clippy rust-web-clippy --workspace --all-targets -- -D warnings
cargo xtask tidy
