/**
 * How the agent runs programs on a host: with an end to their time and to what is kept of their output, in the environment of
 * a login; and which program makes a closure live. POSIX sh.
 *
 * What programs find that it runs: the environment of a login (`PATH` as NixOS sets it for one, then what the session
 * had that started it; `HOME`, `USER`, locale and the variables of Nix), no `NIXOS_INSTALL_BOOTLOADER`, nothing on stdin, and
 * signals as they are by default. A command runs in the directory of the closure, all else in `/`.
 */

/** Programs that make a closure live which is no NixOS system, by their paths in it, in the order they are looked for. */
export const knownActivationPrograms: readonly string[] = ['bin/activate', 'activate'];

/** Needs "dir" and what the request assigned, and the common script. */
export const programsScript: string = `
# At most "log_max" bytes of stdin go to the log. What comes after is read all the same: nobody dies of a full log.
keep_log() {
  size=$(wc -c <"$dir/log")
  size=$((size))
  most=$((size + log_max))
  while [ "$size" -lt "$most" ]; do
    dd bs=4096 count=1 2>/dev/null >>"$dir/log" || break
    grown=$(wc -c <"$dir/log")
    grown=$((grown))
    if [ "$grown" -le "$size" ]; then
      # An end of the log is an end of a line.
      [ "$size" -eq 0 ] || [ -z "$(tail -c 1 "$dir/log")" ] || echo >>"$dir/log"
      return
    fi
    size=$grown
  done
  printf '\\n(the log is full: what comes after is not kept)\\n' >>"$dir/log"
  exec cat >/dev/null
}

signal_all() {
  if [ -n "$session" ]; then
    kill -s "$1" -- "-$2" 2>/dev/null || kill -s "$1" "$2" 2>/dev/null
    return
  fi
  ps -A -o pid= -o ppid= 2>/dev/null | while read -r child parent; do
    if [ "$parent" = "$2" ]; then (signal_all "$1" "$child"); fi
  done
  kill -s "$1" "$2" 2>/dev/null
}

# kill_all PID: it, and all it started that stayed with it; fails where it doesn't die.
kill_all() {
  for killing in TERM KILL; do
    signal_all "$killing" "$1"
    now
    killed_at=$now_s
    while signal_all 0 "$1"; do
      now
      [ $((now_s - killed_at)) -lt 5 ] || continue 2
      # A corpse keeps its group until it is buried.
      started "$1" || wait "$1" 2>/dev/null
      nap
    done
    return 0
  done
  return 1
}

# run_limited SECONDS DIRECTORY WORD...: sets "run_end": empty, or how it failed.
run_limited() {
  limit=$1
  shift
  run_end=
  rm -f "$dir/pipe" "$dir/running"
  if ! mkfifo "$dir/pipe" && ! { rm -f "$dir/reserve" && mkfifo "$dir/pipe"; }; then
    run_end='could not be started: there is no room'
    return 1
  fi
  keep_log <"$dir/pipe" &
  log_pid=$!
  in_login_environment "$@" </dev/null >"$dir/pipe" 2>&1 &
  run_pid=$!
  is_late=
  cannot_die=
  if identity "$run_pid"; then
    ran=$identity
    ln -s "$ran" "$dir/running"
    now
    ran_at=$now_s
    naps=0
    while alive "$ran"; do
      now
      if [ $((now_s - ran_at)) -ge "$limit" ]; then
        is_late=1
        kill_all "$run_pid" || cannot_die=", and can't be killed"
        break
      fi
      nap
    done
  fi
  status=
  if [ -z "$cannot_die" ]; then
    wait "$run_pid"
    status=$?
  fi
  rm -f "$dir/running" "$dir/pipe"
  # What it left in the background may hold the log open for ever.
  naps=0
  while [ "$naps" -lt 20 ] && started "$log_pid"; do nap; done
  if [ -n "$is_late" ]; then
    run_end="had not ended after $limit s$cannot_die"
  elif [ "$status" -gt 128 ]; then
    run_end="was killed by signal $((status - 128))"
  elif [ "$status" -ne 0 ]; then
    run_end="ended with status $status"
  fi
  [ -z "$run_end" ]
}

in_login_environment() {
  cd "$1" || exit 126
  shift
  umask 022
  # A path with "=" in it would be a variable to env, and nothing would run.
  case $1 in *=*) set -- sh -c 'exec "$0" "$@"' "$@" ;; esac
  for name in $kept_names; do
    eval "value=\\\${kept_$name-}; is_set=\\\${kept_$name+1}"
    [ -z "$is_set" ] || set -- "$name=$value" "$@"
  done
  exec $session $default_signals env -i "PATH=$login_path" "$@"
}

# program_of PATH: what makes it live: sets "program", "program_word" and "program_name"; "program" is empty where it
# brings nothing.
program_of() {
  program_word=
  case $kind in
    none) program= ;;
    command)
      program=sh
      program_name='the activation command'
      return
      ;;
    nixos)
      program=bin/switch-to-configuration
      program_word=$action
      ;;
    program) program=$activation_program ;;
    auto)
      program=
      for candidate in bin/switch-to-configuration $known_programs; do
        if [ -f "$1/$candidate" ] && [ -x "$1/$candidate" ]; then
          program=$candidate
          break
        fi
      done
      [ "$program" != bin/switch-to-configuration ] || program_word=switch
      ;;
  esac
  program_name=$program\${program_word:+ $program_word}
}

# make_live PATH: sets "reason" where it fails.
make_live() {
  program_of "$1"
  [ -n "$program" ] || return 0
  if [ "$kind" = command ]; then
    place=$1
    [ -d "$place" ] || place=/
    set -- "$place" sh -c "$activation_command"
  elif [ ! -x "$1/$program" ]; then
    why="\\"$1\\" has no $program"
    return 1
  else
    set -- / "$1/$program" $program_word
  fi
  run_limited "$activation_timeout" "$@" && return
  why="$program_name $run_end"
  case $program_word:$status in
    switch:100 | test:100) why="$why: it takes a restart of the host, for which there is the action boot" ;;
  esac
  return 1
}
`;
