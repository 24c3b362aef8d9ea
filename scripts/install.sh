#!/usr/bin/env bash
# Installs what one make target needs and this Debian 12 lacks; where nothing is missing it says nothing, calls no
# package manager and ends in a fraction of a second.
#
#   scripts/install.sh lint | demo | test | soak | bench | all
#
# Works as root, or with sudo for the packages alone. Dying in the middle is harmless: every step looks before it acts.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

target="${1:-all}"
packages=()

want() { packages+=("$@"); }

missing_build_tools() {
  command -v cc >/dev/null || want gcc
  [ -e /usr/include/stdio.h ] || want libc6-dev
  command -v make >/dev/null || want make
  command -v git >/dev/null || want git
  [ -e /etc/ssl/certs/ca-certificates.crt ] || want ca-certificates
}

# A Rust from Debian comes with its formatter and linter; one that is here already is left as it is.
missing_rust() { cargo_dir >/dev/null || want cargo-web rustc-web rustfmt-web rust-web-clippy; }

missing_postgres() { debian_postgres >/dev/null || want postgresql; }

missing_test_tools() {
  test_python >/dev/null || want python3 python3-aiosmtpd python3-cryptography python3-zstandard
  command -v age >/dev/null || want age
  [ -x "$(next_postgres)/postgres" ] || /usr/bin/python3 -m pip --version >/dev/null 2>&1 || want python3-pip
  missing_venv
}

# Only the clients of tests/avn need it, and only until they are there.
missing_venv() { avn_all_there || /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null || want python3-venv; }

# Debian's package makes and starts a server of its own unless it is told not to before it is installed.
# Other lines of an existing file stay.
forbid_main_cluster() {
  local file=/etc/postgresql-common/createcluster.conf
  grep -qs '^create_main_cluster = false$' "$file" && return 0
  say "setting create_main_cluster = false in $file, so that no server appears on this machine"
  as_root mkdir -p "$(dirname "$file")"
  { grep -v '^[[:space:]]*create_main_cluster' "$file" 2>/dev/null || true; echo 'create_main_cluster = false'; } |
    as_root tee "$file.new" >/dev/null
  as_root mv "$file.new" "$file"
}

apt() { as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -q -o Dpkg::Options::=--force-confold "$@" </dev/null >&2; }

install_packages() {
  [ ${#packages[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "missing: ${packages[*]} (this is no Debian: install them yourself)"
  say "installing ${packages[*]}"
  apt update || say "the package lists could not all be renewed; going on with what is there"
  case " ${packages[*]} " in *" postgresql "*) forbid_main_cluster ;; esac
  apt install -y --no-install-recommends "${packages[@]}" ||
    die "apt could not install ${packages[*]} (read its message above)"
}

check() {
  cargo_dir >/dev/null ||
    die "no cargo of $(rust_needed) or newer (Debian's cargo-web comes with bookworm-security: is it in the apt sources?)"
  [ "$target" = lint ] && return 0
  debian_postgres >/dev/null || die "no PostgreSQL 13 or newer under /usr/lib/postgresql (apt-get install postgresql)"
  [ "$(id -u)" != 0 ] || id postgres >/dev/null 2>&1 || die "no user postgres (apt-get install postgresql makes it)"
}

missing_build_tools
missing_rust
case "$target" in
  lint) ;;
  demo) missing_postgres ;;
  test | soak) missing_postgres && missing_test_tools ;;
  bench) missing_postgres ;;
  all) missing_postgres && missing_test_tools ;;
  *) die "no such target: $target (lint, demo, test, soak, bench or all)" ;;
esac
install_packages
check
case "$target" in
  test | soak | all)
    "$root/scripts/fetch-postgres-next.sh"
    "$root/scripts/fetch-avn.sh"
    ;;
esac
case "$target" in bench | all) "$root/scripts/fetch-bench-peers.sh" ;; esac
