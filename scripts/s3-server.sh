#!/usr/bin/env bash
# s3-server.sh ADDRESS
# A real S3 server for tests: Ceph with one monitor, one disk in memory and its gateway, on port 7480 of the
# loopback ADDRESS (any of 127.0.0.0/8: each server that runs has one of its own). Prints "ready URL" when it serves
# and "cannot start: WHY" on stderr when it can't. It ends with all its processes when stdin ends, or when it is
# killed in whatever way; its data were in memory alone.
#
# scripts/peers.sh unpacks the programs. They run with that directory as their root, in namespaces of their own: as
# root, or as anyone where the kernel lets users have namespaces. `s3-server.sh --check` only tells whether that goes.
#
# Users: "owner" (key id "owner-key", secret "owner/secret+1234") and "guest" ("guest-key", "guest/secret+5678").
set -euo pipefail

peers=${FERRY_PEERS:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)/.peers}
root=$peers/ceph/root

# Run inside, as process 1 of its namespace: when it ends the kernel kills all that is left in there.
serve() {
  set -euo pipefail
  local address=$1 dir=/run/ceph fsid osd
  cd /
  export PATH=/usr/sbin:/usr/bin HOME=/run LC_ALL=C.UTF-8
  mkdir -p $dir/mon $dir/osd $dir/rgw
  fsid=$(cat /proc/sys/kernel/random/uuid)
  # The parts that make it quick: no elections to wait for, one shard, one placement group a pool.
  cat >$dir/ceph.conf <<EOT
[global]
fsid = $fsid
mon initial members = a
mon host = [v2:$address:3300]
public addr = $address
cluster addr = $address
ms bind ipv6 = false
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
keyring = $dir/keyring
run dir = $dir
admin socket = $dir/\$name.asok
pid file = $dir/\$name.pid
log to file = false
log to stderr = false
err to stderr = true
mon cluster log to file = false
paxos propose interval = 0.02
paxos min wait = 0.01
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
mon data avail warn = 1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 4294967296
osd op num shards = 1
osd op num threads per shard = 2
rgw frontends = beast endpoint=$address:7480
rgw enable usage log = false
rgw dynamic resharding = false
rgw override bucket index max shards = 1
[mon.a]
mon data = $dir/mon
[osd.0]
osd data = $dir/osd
[client.rgw.a]
rgw data = $dir/rgw
EOT
  monmaptool --create --fsid "$fsid" --addv a "[v2:$address:3300]" $dir/monmap
  ceph-authtool --create-keyring $dir/keyring --gen-key -n mon. --cap mon 'allow *'
  for name in client.admin client.rgw.a; do
    ceph-authtool $dir/keyring --gen-key -n $name \
      --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
  done
  ceph_() { timeout 30 "$1" -c $dir/ceph.conf "${@:2}"; }
  ceph_ ceph-mon -i a --mkfs --monmap $dir/monmap --keyring $dir/keyring
  ceph_ ceph-mon -i a
  osd=$(cat /proc/sys/kernel/random/uuid)
  ceph_ ceph osd new "$osd"
  ceph_ ceph auth get-or-create osd.0 mon 'allow profile osd' osd 'allow *' >>$dir/keyring
  ceph_ ceph-osd -i 0 --mkfs --osd-uuid "$osd"
  ceph_ ceph-osd -i 0
  ceph_ radosgw -n client.rgw.a &
  ceph_ radosgw-admin user create --uid=owner --display-name=owner \
    --access-key=owner-key --secret=owner/secret+1234
  ceph_ radosgw-admin user create --uid=guest --display-name=guest \
    --access-key=guest-key --secret=guest/secret+5678
  wait
  timeout 30 bash -c "until (exec 3<>/dev/tcp/$address/7480) 2>/dev/null; do sleep 0.02; done"
}

# Namespaces of its own, the root that peers.sh made, and a fresh /run in memory. stdout of the parts is for nobody.
enter() {
  local namespaces=(--mount --pid --fork --kill-child)
  [ "$(id -u)" = 0 ] || namespaces=(--user --map-root-user "${namespaces[@]}")
  # Everything within quotes is for the shell inside, which has the two functions by their texts.
  # shellcheck disable=SC2016
  exec unshare "${namespaces[@]}" bash -c '
    set -eu
    mount --make-rprivate / 2>/dev/null || :
    mount --rbind /dev "$1/dev"
    mount -t proc proc "$1/proc"
    mount -t tmpfs -o size=1g tmpfs "$1/run"
    exec chroot "$1" /bin/bash -c "$2" "${@:3}"' unshare "$root" "$@"
}

[ -e "$peers/ceph/stamp" ] || {
  echo 'cannot start: no Ceph here; scripts/peers.sh unpacks it' >&2
  exit 1
}
if [ "$1" = --check ]; then
  enter 'exit 0'
fi
exec 4>&1
enter "$(declare -f serve)"'
  serve "$1" 4>&- >/run/log 2>&1 </dev/null || {
    echo "cannot start: $(tail -n 3 /run/log)" >&2
    exit 1
  }
  echo "ready http://$1:7480" >&4
  exec 4>&- 1>/dev/null
  exec cat' s3-server "$1"
