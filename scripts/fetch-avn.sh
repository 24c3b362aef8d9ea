#!/usr/bin/env bash
# Puts the versions of `avn` that tests/avn drives into one virtual environment each, from the pins in scripts/avn/.
#
#   <tools>/avn/<version>/bin/avn
#
# Idempotent: an environment's stamp holds its pins and the place it was made for, and is written last, so a broken
# run is simply done again and a moved clone gets new environments (their programs name their interpreter by path).
set -euo pipefail
. "$(dirname "$0")/lib.sh"

dir="$(avn_clients)"
python=/usr/bin/python3

make_client() {
  local version="$1" pins="$2" into="$dir/$1"
  say "fetching avn $version for the tests"
  rm -rf "$into"
  mkdir -p "$dir"
  "$python" -m venv "$into" || die "$python makes no virtual environments (apt-get install python3-venv)"
  "$into/bin/python" -m pip install -q --no-input --disable-pip-version-check --no-deps --only-binary=:all: \
    --require-hashes -r "$pins" </dev/null >&2 || die "pip could not fetch what $pins names (no network?)"
  "$into/bin/avn" --version >&2
  chmod -R a+rX "$into"
  avn_stamp "$pins" "$into" >"$into/stamp"
}

for pins in "$root"/scripts/avn/*.txt; do
  version="${pins##*/}"
  version="${version%.txt}"
  avn_is_there "$dir/$version" "$pins" || make_client "$version" "$pins"
done
