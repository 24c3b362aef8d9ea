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

cargo test --workspace "${locked[@]}"

# The independent reader of docs/format.md, in Python.
if [ -n "${FARSHORE_TEST_PYTHON:-}" ]; then
  "$FARSHORE_TEST_PYTHON" tests/reader/test_reader.py
elif [ "${CI:-}" = true ]; then
  die "no Python with cryptography and zstandard (scripts/install.sh test)"
else
  say "SKIPPED: the independent reader (no Python with cryptography and zstandard)"
fi
