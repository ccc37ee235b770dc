#!/usr/bin/env bash
# debian-fetch.sh SUITE DIRECTORY PACKAGE...
# Downloads PACKAGEs of a Debian SUITE with all they depend on into DIRECTORY/archives, whatever is
# installed here and whatever suite this machine follows; installs nothing and needs no root. Packages
# that were downloaded before are not downloaded again.
set -euo pipefail

suite=$1
mkdir -p "$2"
directory=$(cd "$2" && pwd -P)
shift 2
state=$directory/apt
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# The Debian mirror that this machine's apt uses, or Debian's own where it uses none (Ubuntu).
debian_mirror() {
  local mirror
  mirror=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
    sed -n 's/^Debian \(.*\)$/\1/p' | sort -u | head -n 1)
  printf '%s\n' "${mirror:-http://deb.debian.org/debian}"
}

mkdir -p "$state/lists/partial" "$directory/archives/partial"
# No package is installed, so that apt answers as on an empty machine.
: >"$state/status"
printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$(debian_mirror)" "$suite" >"$state/sources.list"
options=(
  -qq
  -o "Dir::State=$state" -o "Dir::State::status=$state/status" -o "Dir::State::lists=$state/lists"
  -o "Dir::Cache=$state" -o "Dir::Cache::archives=$directory/archives"
  -o "Dir::Etc::sourcelist=$state/sources.list"
  -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null
  -o APT::Install-Recommends=false -o Acquire::Languages=none
  -o "APT::Sandbox::User=$(id -un)" -o Debug::NoLocking=1
)
apt-get "${options[@]}" update
apt-get "${options[@]}" install -y --download-only "$@" >/dev/null
