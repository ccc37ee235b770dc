/** The scripts that look at activations on a host, start them and decide them. They come after the common script. */
import { keptTurns } from './script-common.ts';

/** Variables of the session that an activation sees too, where they are set. */
const keptVariables: readonly string[] = [
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'LC_ALL',
  'LOCALE_ARCHIVE',
  'LOCALE_ARCHIVE_2_27',
  'TZ',
  'TZDIR',
  'NIX_PATH',
  'NIX_REMOTE',
  'NIX_CONF_DIR',
  'NIX_USER_CONF_FILES',
  'NIX_STORE_DIR',
  'NIX_STATE_DIR',
  'NIX_LOG_DIR',
  'NIX_SSL_CERT_FILE',
  'SSL_CERT_FILE',
  'XDG_RUNTIME_DIR',
  'XDG_CONFIG_HOME',
  'XDG_DATA_HOME',
  'XDG_CACHE_HOME',
  'XDG_STATE_HOME',
  'DBUS_SESSION_BUS_ADDRESS',
];

/** Names that the agent passes on; the last one it sets itself. */
export const keptNames: string = [...keptVariables, 'NIXOS_NO_CHECK'].join(' ');

/** Takes the next turn of "key" for "id", and starts the agent in it. Needs "sh", "wants_systemd". */
const launchScript = `
# take_turn: whether nobody else took it.
take_turn() {
  next_turn "$turn"
  identity $$ || complain 'failed this process cannot be found in /proc'
  ln -s "$id/$identity" "$base/turns/$key.$next" 2>/dev/null || return 1
  turn=$next
  starter=$identity
}

detach() {
  if setsid true 2>/dev/null; then
    setsid "$@" </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
  else
    nohup "$@" </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
  fi
}

# Under the supervisor of the host: a user's own one only where it outlives the session.
supervise() {
  [ -n "$wants_systemd" ] && command -v systemd-run >/dev/null 2>&1 || return 1
  manager=--system
  if [ "$(id -u)" != 0 ]; then
    manager=--user
    [ "$(loginctl show-user "$(id -un)" --property=Linger --value 2>/dev/null </dev/null)" = yes ] || return 1
  fi
  # What the activation leaves running in the background stays.
  systemd-run "$manager" --quiet --collect --no-block --no-ask-password \\
    --unit="ferry-activation-$id-$turn" --description="Activation of $profile by ferry" \\
    --property=KillMode=process -- "$@" </dev/null >/dev/null 2>&1
}

# launch activate|recover: sets "how".
launch() {
  how=systemd
  supervise "$sh" "$dir/agent.sh" "$turn" "$1" || {
    how=detached
    detach "$sh" "$dir/agent.sh" "$turn" "$1"
  }
  now
  launched_at=$now_s
  naps=0
  until [ -L "$dir/agent.$turn" ]; do
    now
    if [ $((now_s - launched_at)) -ge 30 ] && ln -s void "$dir/agent.$turn" 2>/dev/null; then return 1; fi
    nap
  done
}
`;

/**
 * Needs the assignments of the request, and the function "write_agent", which prints the agent. Answers with one of
 * `started ID HOW`, `busy ID`, `lost ID`, `error CODE TEXT`.
 */
export const startScript: string = `${launchScript}
# keep NAME AS: prints an assignment, if it is set.
keep() {
  eval "is_set=\\\${$1+1}; rest=\\\${$1-}"
  [ -n "$is_set" ] || return 0
  quoted=
  while :; do
    case $rest in *"'"*) ;; *) break ;; esac
    quoted=$quoted\${rest%%"'"*}"'\\\\''"
    rest=\${rest#*"'"}
  done
  printf "%s='%s'\\n" "$2" "$quoted$rest"
}

discard() { rm -rf "$dir"; }

owner_of() {
  set -- $(ls -Lnd "$1" 2>/dev/null)
  owner=$3
}

# What root goes back to is what the profile leads to: nobody else may say what that is, but for whom the store is.
require_trusted() {
  owner_of "\${new_path%/*}"
  store_owner=$owner
  place=$profile
  while [ -n "$place" ]; do
    place=\${place%/*}
    [ -e "$place/" ] || continue
    owner_of "$place/"
    case $owner in
      0 | "$store_owner") ;;
      *) complain "denied \\"$place\\" belongs to another user: log in as that one" ;;
    esac
  done
}

# Keeps the last turns of the profile; activations of none of them go.
clean() {
  count=0
  for link in "$base/turns/$key".*; do count=$((count + 1)); done
  for link in "$base/turns/$key".*; do
    [ "$count" -gt ${keptTurns} ] || break
    count=$((count - 1))
    read_turn "$link"
    rm -f "$link"
    old=$turn_id
    [ -n "$old" ] || continue
    is_kept=
    for other in "$base/turns/$key".*; do
      read_turn "$other"
      if [ "$turn_id" = "$old" ]; then is_kept=1; fi
    done
    [ -n "$is_kept" ] || rm -rf "\${base:?}/$old"
  done
  # Those whose starter never came to its turn.
  for link in "$base"/*/key; do
    [ -L "$link" ] || continue
    old=\${link%/key}
    [ -L "$old/taken" ] && continue
    maker=$(readlink "$old/maker") || continue
    alive "$maker" || rm -rf "$old"
  done
}

parent=\${top%/*}
if [ ! -d "$parent" ]; then
  if [ "$(id -u)" = 0 ]; then (umask 022; mkdir -p "$parent"); else mkdir -p "$parent"; fi
fi
make_private "$top"
make_private "$base"
make_private "$base/turns"
dir=$base/$id

if [ ! -L "$profile" ] && [ -e "$profile" ]; then
  complain "conflict \\"$profile\\" is there, and no profile"
fi
if [ -n "$to_generation" ]; then
  has_path=$(readlink "$profile-$to_generation-link") ||
    complain "not-found \\"$profile\\" has no generation $to_generation there"
  [ "$has_path" = "$new_path" ] || complain "conflict generation $to_generation is another path by now"
fi
if [ "$(id -u)" = 0 ]; then require_trusted; fi
[ -e "$new_path" ] || complain "not-found \\"$new_path\\" is not there"
if [ ! -d "\${profile%/*}" ] && [ -n "\${profile%/*}" ]; then
  (umask 022; mkdir -p "\${profile%/*}") || complain "denied cannot make \\"\${profile%/*}\\""
fi
found=$(command -v "$nix_env_program") || complain "not-found \\"$nix_env_program\\" is not on PATH"
case $found in
  # The directory may be a link that the activation turns elsewhere; the name means something to the program.
  /*) nix_env_program=$(cd -P "\${found%/*}/" && pwd -P)/\${found##*/} ;;
  *) complain "not-found \\"$nix_env_program\\" is no program" ;;
esac
sh=$(command -v sh) || sh=/bin/sh

if [ "$(id -u)" = 0 ]; then
  HOME=~root
  [ -d "$HOME" ] || HOME=/root
  USER=root
else
  USER=$(id -un)
fi
LOGNAME=$USER
identity $$ || complain 'failed this process cannot be found in /proc'
mkdir "$dir" || complain "denied cannot make \\"$dir\\""
if ! {
  ln -s "$identity" "$dir/maker" && ln -s "$key" "$dir/key" &&
    for name in PATH ${keptVariables.join(' ')}; do keep "$name" "kept_$name"; done >"$dir/environment" &&
    write_agent >"$dir/agent.sh" &&
    printf 'ferry-activation 1\\nphase prepared\\nprofile %s\\nnew-path %s\\nchanged-at %s\\nend\\n' \\
      "$profile" "$new_path" "$(date +%s)" >"$dir/request" &&
    cp "$dir/request" "$dir/state" && : >"$dir/log" &&
    dd if=/dev/zero of="$dir/reserve" bs=4096 count=8 2>/dev/null
}; then
  discard
  complain 'no-space the activation could not be written down there'
fi

# On the disk before anybody can know of it.
flush "$dir"/* "$dir" 2>/dev/null
tries=0
while :; do
  latest_turn "$key"
  if [ -n "$turn_id" ] && [ -d "$base/$turn_id" ]; then
    watch "$base/$turn_id"
    if [ "$state" = busy ] || [ "$state" = lost ]; then
      discard
      printf '%s %s\\n' "$state" "$turn_id"
      exit 0
    fi
  fi
  take_turn && break
  tries=$((tries + 1))
  if [ "$tries" -ge 50 ]; then
    discard
    complain 'conflict others start activations all the time'
  fi
done
ln -s yes "$dir/taken"
flush "$dir" "$base" "$base/turns" 2>/dev/null
if launch activate; then
  clean
  printf 'started %s %s\\n' "$id" "$how"
else
  {
    printf 'ferry-activation 1\\nphase rolled-back\\nprofile %s\\nnew-path %s\\n' "$profile" "$new_path"
    printf 'reason it could not be started\\nchanged-at %s\\nend\\n' "$(date +%s)"
  } >"$dir/state.new" && mv -f "$dir/state.new" "$dir/state"
  complain 'failed the agent did not start within 30 s'
fi
`;

/** Needs "id" and "wants_systemd". Answers with `started ID HOW`, `busy ID`, `ended ID` or `error CODE TEXT`. */
export const recoverScript: string = `${launchScript}
find_id "$id"
sh=$(command -v sh) || sh=/bin/sh
field profile "$dir/request"
profile=$value
latest_turn "$key"
[ "$turn_id" = "$id" ] || complain 'conflict another activation of the profile came after it'
watch "$dir"
if [ "$state" = lost ] && [ ! -L "$dir/agent.$turn" ]; then
  # From here on no agent of that turn can begin.
  ln -s void "$dir/agent.$turn" 2>/dev/null || watch "$dir"
fi
if [ "$state" = lost ] && take_turn; then
  if launch recover; then
    printf 'started %s %s\\n' "$id" "$how"
  else
    complain 'failed the agent did not start within 30 s'
  fi
else
  [ "$state" = ended ] || state=busy
  printf '%s %s\\n' "$state" "$id"
fi
`;

/** Needs "key". Answers with a state, or `none`. */
export const findScript: string = `
latest_turn "$key"
if [ -n "$turn_id" ] && [ -d "$base/$turn_id" ]; then
  dir=$base/$turn_id
  watch "$dir"
else
  state=void
fi
if [ "$state" = void ]; then
  echo none
  exit 0
fi
print_state "$dir"
`;

/** Needs "id". Answers with a state. */
export const readScript: string = `
find_id "$id"
watch "$dir"
print_state "$dir"
`;

/** Needs "id" and "word". Answers with `accepted`, `too-late`, `early PHASE`, `lost`. */
export const decideScript: string = `
find_id "$id"
answer() {
  if [ "$(readlink "$dir/decision")" = "$word" ]; then echo accepted; else echo too-late; fi
  exit 0
}
[ ! -L "$dir/decision" ] || answer
watch "$dir"
[ ! -L "$dir/decision" ] || answer
case $state in
  ended) echo too-late; exit 0 ;;
  lost) echo lost; exit 0 ;;
esac
if [ "$word" = confirm ] && [ "$phase" != waiting ]; then
  printf 'early %s\\n' "$phase"
  exit 0
fi
ln -s "$word" "$dir/decision" 2>/dev/null
# Whoever is told of it may rely on it, whatever happens to the host.
flush "$dir"
answer
`;

/**
 * Needs "mark", "id", "from" (lines of the log that aren't wanted any more), "past_waiting" and "duration" in seconds. Prints, each
 * line after the mark, which no activation can know: `S` and lines of a state as it changes, `L` and a line of the log, `.` now and
 * then (who is gone is noticed by that), and last `done` or, after the duration, `again`.
 */
export const followScript: string = `
find_id "$id"
LC_ALL=C
export LC_ALL
now
follow_until=$((now_s + duration))
beat=$now_s
naps=0
shown=
while :; do
  watch "$dir"
  is_done=
  case $state in ended | lost) is_done=1 ;; esac
  # Who recovers it waits for nobody, whatever is written there before that begins.
  if [ "$phase$past_waiting$is_recovery" = waiting ] && [ ! -L "$dir/decision" ]; then is_done=1; fi
  # After the state: what has ended has written all its lines.
  count=$(wc -l <"$dir/log")
  count=$((count))
  if [ "$count" -gt "$from" ]; then
    sed -n "$((from + 1)),\${count}p" "$dir/log" | tr -d '\\000\\r' | cut -b 1-4000 | sed "s/^/$mark L /"
    from=$count
  fi
  text="$state $(cat "$file")"
  if [ "$text" != "$shown" ]; then
    print_state "$dir" | sed "s/^/$mark S /"
    shown=$text
  fi
  if [ -n "$is_done" ]; then
    echo "$mark done"
    exit 0
  fi
  now
  if [ "$now_s" -ge "$follow_until" ]; then
    echo "$mark again"
    exit 0
  fi
  if [ $((now_s - beat)) -ge 3 ]; then
    echo "$mark ." || exit 0
    beat=$now_s
  fi
  nap
done
`;
