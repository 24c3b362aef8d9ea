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

# The tests and the program that the client drives.
cargo test --workspace --no-run "${locked[@]}"

failed=()
avn=
avn_log="${CARGO_TARGET_DIR:-target}/avn.log"
stop_avn() { [ -z "$avn" ] || ! kill "$avn" 2>/dev/null || wait "$avn" || true; }
trap stop_avn EXIT

# The API, driven by three versions of the client avn. It waits most of its time, so it runs beside everything else, and is
# shown at the end.
if [ -n "${FARSHORE_TEST_AVN:-}" ]; then
  python3 tests/avn/run.py >"$avn_log" 2>&1 </dev/null &
  avn=$!
elif [ "${CI:-}" = true ]; then
  die "no avn (scripts/install.sh test)"
else
  say "SKIPPED: the client avn (scripts/install.sh test)"
fi

# Tests with real servers wait most of their time: twice as many as there are processors go on at the same time.
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-$((2 * $(nproc)))}"

# One run shows everything that fails.
cargo test --workspace --no-fail-fast "${locked[@]}" || failed+=("cargo test")

# The independent reader of docs/format.md, in Python.
if [ -n "${FARSHORE_TEST_PYTHON:-}" ]; then
  "$FARSHORE_TEST_PYTHON" tests/reader/test_reader.py || failed+=("the independent reader")
elif [ "${CI:-}" = true ]; then
  die "no Python with aiosmtpd, cryptography and zstandard (scripts/install.sh test)"
else
  say "SKIPPED: the independent reader (no Python with aiosmtpd, cryptography and zstandard)"
fi

if [ -n "$avn" ]; then
  wait "$avn" || failed+=("the client avn")
  avn=
  cat "$avn_log" || true
fi
if [ ${#failed[@]} -gt 0 ]; then
  printf -v list '%s, ' "${failed[@]}"
  die "failed: ${list%, }"
fi
