/**
 * What all scripts that run on a host share: where activations are kept there, and whether the process that cares for
 * one still lives. POSIX sh, as dash, busybox and bash have it; no program beyond those of POSIX is taken for granted.
 *
 * What lies there, below `/nix/var/nix/ferry/activations` for root and `~/.local/state/ferry/activations` for others, both
 * of mode 0700:
 *
 * | file | what it is |
 * |---|---|
 * | `turns/KEY.NUMBER` | a link that says ID/PROCESS. Whoever makes the next one of a profile has the turn: making a link is atomic |
 * | `ID/key` | a link that says KEY |
 * | `ID/request`, `ID/state` | what `parse-state.ts` reads; `request` as it was at first, for when a crash took `state` |
 * | `ID/agent.NUMBER` | a link that says which process cares for it in that turn: PID, time of its start, boot id |
 * | `ID/begun` | what ran before; there before anything is changed |
 * | `ID/activated` | there before an activation program runs |
 * | `ID/decision` | a link that says `confirm`, `roll-back`, or what the agent decided itself: the first one wins |
 * | `ID/log` | what the programs printed |
 */

/** Turns of a profile that are kept, with what belongs to them. */
export const keptTurns = 10;

export const commonScript: string = `
umask 077
unset CDPATH
# What all its words mean is ours.
complain() { printf 'error %s\\n' "$*"; exit 0; }

find_base() {
  if [ "$(id -u)" = 0 ]; then
    top=\${NIX_STATE_DIR:-/nix/var/nix}/ferry
  else
    top=\${XDG_STATE_HOME:-\${HOME:?}/.local/state}/ferry
  fi
  base=$top/activations
}

# A directory that is ours alone: no link, nobody else's.
make_private() {
  mkdir -p "$1" 2>/dev/null
  owner=$(ls -nd "$1" 2>/dev/null) || complain "denied cannot make \\"$1\\""
  set -- "$1" $owner
  case $2 in
    d*) ;;
    *) complain "conflict \\"$1\\" is not a directory" ;;
  esac
  [ "$4" = "$(id -u)" ] || complain "denied \\"$1\\" belongs to somebody else"
  chmod 700 "$1" || complain "denied cannot make \\"$1\\" private"
}

boot_id() {
  cat /proc/sys/kernel/random/boot_id 2>/dev/null ||
    sysctl -n kern.bootsessionuuid 2>/dev/null || echo unknown
}

# started PID: sets "start"; fails where there is no such process, or only its corpse.
started() {
  if [ -r /proc/self/stat ]; then
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
    set -- \${line##*)}
    case $1 in Z | X | '') return 1 ;; esac
    [ $# -ge 20 ] || return 1
    shift 19
    start=$1
  else
    line=$(LC_ALL=C ps -o stat= -o lstart= -p "$1" 2>/dev/null) || return 1
    set -- $line
    case $1 in Z* | '') return 1 ;; esac
    shift
    start=$(printf '%s' "$*" | tr -c 'A-Za-z0-9' '-')
  fi
}

# identity PID: sets "identity".
identity() {
  started "$1" || return 1
  identity=$1:$start:$(boot_id)
}

# alive IDENTITY
alive() {
  case $1 in *:*:*) ;; *) return 1 ;; esac
  alive_rest=\${1#*:}
  case \${1%%:*} in '' | *[!0-9]*) return 1 ;; esac
  [ "\${alive_rest#*:}" = "$(boot_id)" ] || return 1
  started "\${1%%:*}" || return 1
  [ "$start" = "\${alive_rest%%:*}" ]
}

# Files made a moment ago are on the disk when it returns.
flush() { sync "$@" 2>/dev/null || sync; }

nap() {
  naps=$((\${naps:-0} + 1))
  if [ "$naps" -le 40 ]; then pause=0.05; else pause=0.2; fi
  sleep "$pause" 2>/dev/null || sleep 1
}

# Seconds that no change of the clock disturbs, where there are such.
now() {
  if { read -r now_s rest </proc/uptime; } 2>/dev/null; then
    now_s=\${now_s%%.*}
  else
    now_s=$(date +%s)
  fi
}

# read_turn LINK: sets "turn_id" and "starter"
read_turn() {
  turn_id=$(readlink "$1")
  starter=\${turn_id#*/}
  turn_id=\${turn_id%%/*}
  case $turn_id in '' | *[!a-z0-9-]* | -*) turn_id= ;; esac
}

# latest_turn KEY: sets "turn" (digits, 00000000 where there is none), "turn_id" and "starter".
latest_turn() {
  turn=00000000
  turn_id=
  starter=
  for link in "$base/turns/$1".*; do
    [ -L "$link" ] && turn=\${link##*.}
  done
  [ "$turn" = 00000000 ] || read_turn "$base/turns/$1.$turn"
}

# next_turn DIGITS: sets "next".
next_turn() {
  next=$((1$1 + 1))
  next=\${next#1}
}

# whole FILE: whether a state was written to its end.
whole() { [ -f "$1" ] && [ "$(tail -n 1 "$1")" = end ]; }

# field NAME FILE: sets "value".
field() {
  value=
  while IFS= read -r line; do
    case $line in "$1 "*) value=\${line#* } ;; esac
  done <"$2"
}

# is_cared_for DIRECTORY
is_cared_for() {
  carer=$(readlink "$1/agent.$turn" 2>/dev/null) || carer=$starter
  alive "$carer"
}

# watch DIRECTORY: sets "phase", "state" (busy, ended, lost; void where it was cut off before all of it was written down) and "file". Needs "turn" and "starter" of its latest turn.
watch() {
  agent=alive
  # First the process, then what it wrote: it may end in between, having written all.
  if ! is_cared_for "$1"; then
    # Who starts an agent may be gone a moment before the agent is there.
    [ -L "$1/agent.$turn" ] || sleep 1
    is_cared_for "$1" || agent=gone
  fi
  file=$1/state
  whole "$file" || file=$1/request
  if whole "$file"; then
    field phase "$file"
    phase=$value
  else
    phase=unknown
  fi
  case $phase in
    live | rolled-back | stuck) state=ended ;;
    *) if [ "$agent" = gone ]; then state=lost; else state=busy; fi ;;
  esac
  if [ "$state:$phase" = lost:unknown ] && [ ! -e "$1/begun" ]; then state=void; fi
}

# find_id ID: sets "dir", "key", "turn", "starter" and "is_recovery": whether it is cared for by another agent than its first.
find_id() {
  case $1 in '' | *[!a-z0-9-]* | -*) complain 'usage the id is malformed' ;; esac
  dir=$base/$1
  key=$(readlink "$dir/key" 2>/dev/null) || complain 'not-found there is no such activation'
  turn=00000000
  id_starter=
  is_recovery=
  for link in "$base/turns/$key".*; do
    read_turn "$link"
    if [ "$turn_id" = "$1" ]; then
      [ "$turn" = 00000000 ] || is_recovery=1
      turn=\${link##*.}
      id_starter=$starter
    fi
  done
  starter=$id_starter
}

print_state() {
  if [ "$phase" = unknown ]; then complain 'corrupt what is kept of it there is torn'; fi
  printf 'activation %s %s\\n' "\${1##*/}" "$state"
  cat "$file"
}
`;

/** For scripts that look for the directory; an agent was told of it. */
export const commonClientScript: string = `${commonScript}find_base\n`;
