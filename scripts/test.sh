#!/usr/bin/env bash
# Runs every test suite of the project: the one place to add another. `make test` and `make soak` come here.
# FARSHORE_SOAK=1 makes the random tests run their full counts; without it each runs a few samples.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

locked=()
if [ "${CI:-}" = true ]; then
  locked=(--locked)
  export CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never
fi

# One run shows everything that fails.
cargo test --workspace --no-fail-fast "${locked[@]}"

# The independent reader of docs/format.md, in Python.
if [ -n "${FARSHORE_TEST_PYTHON:-}" ]; then
  "$FARSHORE_TEST_PYTHON" tests/reader/test_reader.py
elif [ "${CI:-}" = true ]; then
  die "no Python with aiosmtpd, cryptography and zstandard (scripts/install.sh test)"
else
  say "SKIPPED: the independent reader (no Python with aiosmtpd, cryptography and zstandard)"
fi

# The API, driven by three versions of the client avn.
if [ -n "${FARSHORE_TEST_AVN:-}" ]; then
  cargo build -q -p farshore "${locked[@]}"
  python3 tests/avn/run.py
elif [ "${CI:-}" = true ]; then
  die "no avn (scripts/install.sh test)"
else
  say "SKIPPED: the client avn (scripts/install.sh test)"
fi
