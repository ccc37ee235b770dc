#!/usr/bin/env bash
# Makes the real peers that the tests and benchmarks run against, on Debian or Ubuntu:
#   - the system's packages named below, where they are missing (this part needs root or sudo);
#   - three Nix releases, each the nix-bin of one Debian suite with its libraries, unpacked into
#     a directory of its own and run through its own dynamic linker: nothing of them is installed,
#     no daemon is started, no build users are made;
#   - nginx, unpacked in the same way, as installing it would start it;
#   - sudo and doas, unpacked as well: installing them would change who may become root here;
#   - Chromium without a screen, for the pages that ferry writes;
#   - Ceph, whose gateway is the S3 server of the tests, unpacked to be the root directory of
#     scripts/s3-server.sh;
#   - the packages that a development shell of the tests is made of.
# Run it as often as you like: what is there already is left alone.
# FERRY_PEERS names another directory than .peers of this checkout.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
peers=${FERRY_PEERS:-$checkout/.peers}

# Each release as "VERSION SUITE": the suite's nix-bin must still be of that version.
releases=('2.8 bookworm' '2.26 trixie' '2.34 sid')
programs=(nix nix-build nix-collect-garbage nix-copy-closure nix-daemon nix-env nix-hash
  nix-instantiate nix-prefetch-url nix-shell nix-store)

packages=(
  brotli # brotli, bzip2, lzip, xz and zstd: what the compressions are checked against
  bzip2
  curl
  debian-archive-keyring # signs the suites below; Ubuntu has it as a package
  fish                   # the shells that completions are made for
  iproute2 # the networks of the machines in test/support/hosts.ts
  libatomic1             # Node's own library
  lzip
  man-db
  openssh-client
  openssl # certificates of test servers
  openssh-server # started by the tests alone, on loopback, with its own keys
  patchelf       # RPATHs of the benchmark's corpus, the linker of Chromium
  strace         # counts which files are opened
  time           # peak memory of a benchmarked command
  xz-utils
  zsh
  zstd
)

say() { printf '%s\n' "peers: $*"; }
fail() {
  printf '%s\n' "peers: $*" >&2
  exit 1
}
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]
}

install_packages() {
  local missing=() package
  for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  if [ ${#missing[@]} = 0 ]; then
    say "system packages: all ${#packages[@]} are installed"
    return
  fi
  say "system packages: installing ${missing[*]}"
  as_root apt-get -qq update
  # Recommended packages would bring a Nix or SSH service with them where none was asked for.
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
}

# unpack WORK ROOT: the contents of the packages alone, none of their scripts.
unpack() {
  local work=$1 root=$2 directory package
  mkdir -p "$root"/usr/{bin,sbin,lib,lib64}
  for directory in bin sbin lib lib64; do ln -s "usr/$directory" "$root/$directory"; done
  for package in "$work"/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root" --keep-directory-symlink --no-same-owner \
      --exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./usr/share/locale' \
      --exclude='./dev'
  done
}

# write_programs DIR PROGRAM...: DIR/bin/nix-store and so on, runnable from anywhere. Their own directory
# leads PATH, so that a program which starts another (nix-copy-closure) finds that of the same release.
write_programs() {
  local directory=$1 program binary linker libraries
  shift
  linker=$(echo "$directory"/root/usr/lib/*-linux-gnu/ld-linux-*.so.*)
  [ -x "$linker" ] || fail "\"$directory\" has no dynamic linker"
  # Some suites keep Nix's own libraries apart, found by a RUNPATH that has no place here.
  libraries=$(dirname "$linker"):$directory/root/usr/lib/nix
  mkdir -p "$directory/bin"
  for program in "$@"; do
    binary=$directory/root/usr/bin/$program
    [ -e "$binary" ] || binary=$directory/root/usr/sbin/$program
    [ -e "$binary" ] || fail "\"$directory\" has no $program"
    cat >"$directory/bin/.$program.new" <<EOT
#!/bin/sh
PATH='$directory/bin':\$PATH
export PATH
exec '$linker' --argv0 '$program' --library-path '$libraries' '$binary' "\$@"
EOT
    chmod 755 "$directory/bin/.$program.new"
    # Renamed into place: tests may be running the old one.
    mv "$directory/bin/.$program.new" "$directory/bin/$program"
  done
}

is_there() {
  [ -e "$peers/$1/stamp" ] && say "$1: is there ($(cat "$peers/$1/stamp"))"
}

# fetch NAME SUITE PACKAGE...: NAME/root with the packages and all they depend on, and the version of the
# first in $fetched. NAME is complete when it has its stamp.
fetch() {
  local directory=$peers/$1 suite=$2 work=$peers/$1.fetch
  say "$1: fetching $3 of Debian $suite"
  shift 2
  rm -rf "$directory" "$work"
  mkdir -p "$directory" "$work"
  "$checkout/scripts/debian-fetch.sh" "$suite" "$work" "$@"
  unpack "$work" "$directory/root"
  fetched=$(dpkg-deb --field "$work/archives/$1"_*.deb Version)
  rm -rf "$work"
}

# stamp NAME TEXT: it is complete.
stamp() {
  printf '%s\n' "$2" >"$peers/$1/stamp"
  say "$1: unpacked $2, $(du -sm "$peers/$1" | cut -f1) MB"
}

make_release() {
  local version=$1 suite=$2 directory=$peers/nix-$1 found
  if ! is_there "nix-$version"; then fetch "nix-$version" "$suite" nix-bin; fi
  write_programs "$directory" "${programs[@]}"
  if [ ! -e "$directory/stamp" ]; then
    found=$(NIX_CONFIG="build-users-group =" "$directory/bin/nix-store" --version)
    case $found in
      *" $version".*) ;;
      *) fail "Debian $suite now has \"$found\", wanted $version" ;;
    esac
    stamp "nix-$version" "$found of Debian $suite"
  fi
}

make_nginx() {
  if is_there nginx; then return; fi
  fetch nginx bookworm nginx
  write_programs "$peers/nginx" nginx
  stamp nginx "nginx $fetched of Debian bookworm"
}

# Their setuid bits are set where they are used, inside the machines of test/support/hosts.ts.
make_sudo() {
  if is_there sudo; then return; fi
  fetch sudo bookworm sudo opendoas
  chmod -R u-s,g-s "$peers/sudo/root/usr/bin"
  # One of their packages asks for perl, to be installed.
  rm -rf "$peers"/sudo/root/usr/{share,lib/*/perl*,bin/perl*}
  stamp sudo "sudo $fetched of Debian bookworm"
}

# It starts itself anew for each of its processes, by what /proc says its program is: that must not be
# the dynamic linker, so the program names its own.
make_chromium() {
  local name=chromium-headless-shell
  local directory=$peers/$name root=$peers/$name/root linker
  if is_there "$name"; then return; fi
  fetch "$name" bookworm "$name"
  linker=$(echo "$root"/usr/lib/*-linux-gnu/ld-linux-*.so.*)
  [ -x "$linker" ] || fail "\"$directory\" has no dynamic linker"
  patchelf --set-interpreter "$linker" "$root/usr/lib/chromium/$name"
  mkdir -p "$directory/bin"
  cat >"$directory/bin/$name" <<EOT
#!/bin/sh
LD_LIBRARY_PATH='$(dirname "$linker")' FONTCONFIG_SYSROOT='$root' \
  exec '$root/usr/lib/chromium/$name' "\$@"
EOT
  chmod 755 "$directory/bin/$name"
  stamp "$name" "Chromium $fetched of Debian bookworm"
}

# A root directory has to be complete: a shell and what s3-server.sh runs in it besides Ceph.
make_ceph() {
  local root=$peers/ceph/root
  if is_there ceph; then return; fi
  fetch ceph trixie radosgw ceph-mon ceph-osd ceph-common \
    base-files libc-bin bash coreutils python3-minimal
  mkdir -p "$root"/{dev,proc,run,tmp,etc}
  printf 'root:x:0:0::/root:/bin/bash\n' >"$root/etc/passwd"
  printf 'root:x:0:\n' >"$root/etc/group"
  printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
  stamp ceph "Ceph $fetched of Debian trixie"
}

# What a development shell of the tests is made of (test/support/shell-fixture): archives whose names don't
# change with their versions, and a busybox to unpack the first of them with.
make_shell_packages() {
  local name=shell-packages archive package work
  if is_there "$name"; then return; fi
  work=$peers/$name.fetch
  say "$name: fetching bash-static and others of Debian bookworm"
  rm -rf "${peers:?}/$name" "$work"
  mkdir -p "$peers/$name/archives" "$work"
  "$checkout/scripts/debian-fetch.sh" bookworm "$work" \
    bash-static busybox-static hello jq libc6 libjq1 libonig5
  for archive in "$work"/archives/*.deb; do
    package=$(dpkg-deb --field "$archive" Package)
    case $package in
      bash-static | hello | jq | libc6 | libjq1 | libonig5) cp "$archive" "$peers/$name/archives/$package.deb" ;;
      busybox-static) dpkg-deb --fsys-tarfile "$archive" | tar -x -C "$peers/$name" --no-same-owner --transform 's,^\./bin/,./,' ./bin/busybox ;;
    esac
  done
  rm -rf "$work"
  stamp "$name" 'packages of Debian bookworm'
}

command -v apt-get >/dev/null || fail 'this needs apt, as on Debian and Ubuntu'
install_packages
mkdir -p "$peers"
for release in "${releases[@]}"; do
  # shellcheck disable=SC2086 # two words on purpose
  make_release $release
done
make_nginx
make_sudo
make_chromium
make_ceph
make_shell_packages
say "ready in $peers"
