#!/usr/bin/env bash
# Process 1 of a machine of hosts.ts, in namespaces of its own: it makes the network and the root directory ready, goes
# there and on with /usr/local/sbin/boot (host-root.ts), which prints "up PID", its number outside. When it is killed the machine is off.
#
# HOST_ROOT     its disk: all that it keeps
# HOST_USR      the directories that its /usr is laid over, as overlayfs takes them
# HOST_BINDS    directories that it sees where they are here, one a line
# HOST_NAME, HOST_MAC, HOST_ADDRESS (with its prefix length), HOST_PORT (the link's name at the bridge)
# HOST_BRIDGE   the network namespace of the bridge, as a file
# HOST_CGROUP   a directory for its control group where systemd is to be its process 1; empty where not
# HOST_RATE, HOST_BURST  in bits a second and bytes, for each direction; empty without a limit
set -euo pipefail

# Before /proc is its own.
read -r pid _ </proc/self/stat

if [ -n "$HOST_CGROUP" ] && [ -z "${HOST_IN_CGROUP:-}" ]; then
  mkdir -p "$HOST_CGROUP"
  echo 0 >"$HOST_CGROUP/cgroup.procs"
  HOST_IN_CGROUP=1 exec unshare --cgroup bash "$0"
fi

limit() { [ -z "$HOST_RATE" ] || tc qdisc add dev "$1" root tbf rate "$HOST_RATE" burst "$HOST_BURST" latency 50ms; }

ip link set lo up
ip link add eth0 address "$HOST_MAC" type veth peer name "$HOST_PORT" netns "$HOST_BRIDGE"
limit eth0
ip address add "$HOST_ADDRESS" dev eth0
ip link set eth0 up
export -f limit
nsenter --net="$HOST_BRIDGE" bash -ec 'limit "$HOST_PORT"; ip link set "$HOST_PORT" master hosts up'

cd "$HOST_ROOT"
mount --make-rprivate /
mkdir -p usr proc sys dev run tmp mnt
mount -t overlay overlay -o "ro,lowerdir=$HOST_USR" usr
mount --bind var/local usr/local
while read -r bound; do
  mkdir -p ".$bound"
  mount --bind -o ro "$bound" ".$bound"
done <<<"$HOST_BINDS"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for node in 'null 1 3' 'zero 1 5' 'full 1 7' 'random 1 8' 'urandom 1 9' 'tty 5 0'; do
  # shellcheck disable=SC2086 # three words on purpose
  mknod -m 666 dev/${node/ / c }
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
echo "$HOST_NAME" >proc/sys/kernel/hostname
# What else is in there is this machine's.
for path in proc/sys proc/sysrq-trigger; do
  [ ! -e "$path" ] || mount --bind -o ro "$path" "$path"
done
# Each start has its own, as on a machine that was switched off.
cat proc/sys/kernel/random/uuid >run/boot-id
mount --bind -o ro run/boot-id proc/sys/kernel/random/boot_id
if [ -n "$HOST_CGROUP" ]; then
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  # Of this machine's units and what makes more of them, nothing is for that one.
  mount --bind etc/systemd/units usr/lib/systemd/system
  mount -t tmpfs -o ro tmpfs usr/lib/systemd/system-generators
  rm -f var/log/up
fi
pivot_root . mnt
cd /
umount -l /mnt

clean=(env -i "HOST_PID=$pid" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  LANG=C.UTF-8 HOME=/root)
[ -n "$HOST_CGROUP" ] || exec "${clean[@]}" boot
{
  until [ -e /var/log/up ]; do sleep 0.01; done
  echo "up $pid"
} &
exec "${clean[@]}" container=ferry-test /lib/systemd/systemd </dev/null >/var/log/boot 2>&1
