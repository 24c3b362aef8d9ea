# What tests, demo and bench find in their environment. Source it after install.sh.
#
#   PATH                    begins with a cargo that is new enough
#   FARSHORE_TEST_PYTHON    a Python with `cryptography`, `zstandard` and `aiosmtpd`: the independent reader, a mail server
#   FARSHORE_TEST_PG        programs of the PostgreSQL that Debian packages
#   FARSHORE_TEST_PG_NEXT   programs of a newer major, fetched by fetch-postgres-next.sh
#   FARSHORE_TEST_AVN       folder with one environment per version of the client avn, made by fetch-avn.sh
#   FARSHORE_BENCH_PEERS    folder with pgbackrest and restic, fetched by fetch-bench-peers.sh
#
# A variable that is set already is kept, except the Python, which is taken only if it has the modules. What is not
# on this machine stays unset: with CI=true a test that needs it fails, otherwise it says what it skipped.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if cargo_bin="$(cargo_dir)"; then
  if [ "$(command -v cargo || true)" != "$cargo_bin/cargo" ]; then
    export PATH="$cargo_bin:$PATH"
  fi
fi
if python="$(test_python)"; then export FARSHORE_TEST_PYTHON="$python"; fi
if [ -z "${FARSHORE_TEST_PG:-}" ] && pg="$(debian_postgres)"; then export FARSHORE_TEST_PG="$pg"; fi
if [ -z "${FARSHORE_TEST_PG_NEXT:-}" ] && [ -x "$(next_postgres)/postgres" ]; then
  FARSHORE_TEST_PG_NEXT="$(next_postgres)"
  export FARSHORE_TEST_PG_NEXT
fi
if [ -z "${FARSHORE_TEST_AVN:-}" ] && avn_all_there; then
  FARSHORE_TEST_AVN="$(avn_clients)"
  export FARSHORE_TEST_AVN
fi
if [ -z "${FARSHORE_BENCH_PEERS:-}" ] && [ -x "$(bench_peers)/bin/pgbackrest" ]; then
  FARSHORE_BENCH_PEERS="$(bench_peers)/bin"
  export FARSHORE_BENCH_PEERS
fi
