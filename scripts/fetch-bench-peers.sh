#!/usr/bin/env bash
# Unpacks the bench's peers, pgBackRest and restic, from the next Debian (trixie) without installing them: Debian 12's
# pgBackRest knows no block incremental. Shared libraries that this machine lacks are unpacked beside them, from this
# Debian, because the next one's want a newer libc.
#
# The place to fetch from is read from this machine's apt; apt's own state is not touched. Idempotent: the stamp is
# written last.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

next=trixie
pgbackrest_needed=2.55
dir="$(bench_peers)"
[ -e "$dir/stamp" ] && exit 0

# Debian's archive (not its security archive) as apt knows it here.
archive() {
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
    awk -F '|' '$1 == "Debian" && $2 == "Debian" && !found { print $3; found = 1 }'
}

# A private apt: own lists and cache under $dir/apt, the next Debian as its only source.
prepare_apt() {
  local address keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  address="$(archive)"
  [ -n "$address" ] || die "apt knows no Debian archive here (run: apt-get update)"
  mkdir -p "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial" "$dir/debs" "$dir/files" "$dir/bin"
  printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$address" "$next" >"$dir/apt/sources.list"
  cat >"$dir/apt/apt.conf" <<CONF
Dir::State "$dir/apt";
Dir::State::lists "$dir/apt/lists";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "$dir/apt/cache";
Dir::Etc::sourcelist "$dir/apt/sources.list";
Dir::Etc::sourceparts "-";
APT::Sandbox::User "root";
CONF
  APT_CONFIG="$dir/apt/apt.conf" apt-get -q update </dev/null >&2
}

# The package that holds a shared library, in this Debian.
package_of() {
  case "$1" in
    libssh2.so.1) echo libssh2-1 ;;
    libpq.so.5) echo libpq5 ;;
    libxml2.so.2) echo libxml2 ;;
    liblz4.so.1) echo liblz4-1 ;;
    libicuuc.so.*) echo libicu72 ;;
    libldap-2.5.so.0) echo libldap-2.5-0 ;;
    libsasl2.so.2) echo libsasl2-2 ;;
    *) die "no package known for $1 (add it to package_of in $0)" ;;
  esac
}

library_path() { printf '%s/files/usr/lib/%s-linux-gnu' "$dir" "$(uname -m)"; }

# Each round brings the libraries that the round before asked for; four rounds are deeper than any chain here.
complete_libraries() {
  local program="$1" round missing soname
  for round in 1 2 3 4; do
    missing="$(LD_LIBRARY_PATH="$(library_path)" ldd "$program" | awk '/not found/ { print $1 }' | sort -u)"
    [ -n "$missing" ] || return 0
    say "round $round: $program lacks" $missing
    for soname in $missing; do
      (cd "$dir/debs" && apt-get -q -o APT::Sandbox::User=root download "$(package_of "$soname")" </dev/null >&2)
    done
    unpack
  done
  die "$program still lacks $missing"
}

unpack() {
  local deb
  for deb in "$dir"/debs/*.deb; do
    dpkg -x "$deb" "$dir/files"
    rm "$deb"
  done
}

wrap() {
  cat >"$dir/bin/$1" <<WRAP
#!/bin/sh
LD_LIBRARY_PATH="$(library_path)\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}" exec "$dir/files/usr/bin/$1" "\$@"
WRAP
  chmod 755 "$dir/bin/$1"
}

say "fetching pgBackRest and restic for the bench"
rm -rf "$dir"
prepare_apt
(cd "$dir/debs" && APT_CONFIG="$dir/apt/apt.conf" apt-get -q download pgbackrest restic </dev/null >&2)
unpack
for program in pgbackrest restic; do
  complete_libraries "$dir/files/usr/bin/$program"
  wrap "$program"
done
rm -rf "$dir/apt" "$dir/debs"
chmod -R a+rX "$dir"
found="$("$dir/bin/pgbackrest" version | awk '{ print $2 }')"
version_at_least "$found" "$pgbackrest_needed" || die "pgBackRest is $found, the bench needs $pgbackrest_needed"
{ echo "pgbackrest $found"; "$dir/bin/restic" version; } | tee "$dir/stamp" >&2
