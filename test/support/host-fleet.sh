#!/usr/bin/env bash
# host-fleet.sh DIRECTORY
# What the machines of hosts.ts have in common: a network with a bridge, which this machine is on as well, and a PID
# namespace above theirs. Prints "ready PID NUMBER": the process that keeps both, and the subnet 198.18.NUMBER.0/24
# (a block that is kept for benchmarks of networks, so nothing real has it). It goes on until stdin ends, also when
# whoever holds the other end was killed, and then removes DIRECTORY and all that there was. Root only.
set -euo pipefail

directory=$1
link=
init=

clean_up() {
  set +e
  # The kernel ends all processes below it, and with them their namespaces and what is mounted and linked in those.
  [ -z "$init" ] || kill -KILL "$init" 2>/dev/null
  wait
  [ -z "$link" ] || ip link del "$link" 2>/dev/null
  awk -v below="$directory/" 'index($2, below) == 1 { print $2 }' /proc/self/mounts | tac |
    while read -r mounted; do umount -l "$mounted"; done
  # Control groups of machines with systemd; they are empty by now, the innermost first.
  awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts |
    while read -r mounted; do
      [ ! -d "$mounted/${directory##*/}" ] || find "$mounted/${directory##*/}" -depth -type d -exec rmdir {} +
    done
  rm -rf --one-file-system "$directory"
}
trap clean_up EXIT
# ^C at a terminal is for whoever holds stdin.
trap '' INT HUP

# Process 1 has no other work than to be there, and to reap whom others leave behind. /proc still is this machine's,
# so it tells the number that the process has here.
coproc KEEPER {
  exec unshare --net --pid --fork --kill-child bash -c '
    set -e
    ip link set lo up
    ip link add hosts type bridge
    ip link set hosts up
    read -r pid _ </proc/self/stat
    echo "$pid"
    while :; do sleep infinity & wait "$!"; done'
}
read -r init <&"${KEEPER[0]}"

# To be the first to make a link of that name is to have its subnet.
for number in {0..255}; do
  name=ferry-hosts$number
  said=$(ip link add "$name" type veth peer name client netns "/proc/$init/ns/net" 2>&1) || continue
  link=$name
  break
done
[ -n "$link" ] || {
  echo "cannot link a network: $said" >&2
  exit 1
}
nsenter --net="/proc/$init/ns/net" ip link set client master hosts up
ip address add "198.18.$number.1/24" dev "$link"
ip link set "$link" up
echo "ready $init $number"
cat >/dev/null
