/**
 * The agent: the script that makes one generation live on a host and goes back where it must. It runs there by itself,
 * under systemd or in a session of its own, and asks nobody but the directory of its activation.
 *
 * What remains of a generation that failed: its link beside the profile, as after `nix-env --rollback`. It isn't current, the
 * same closure gets the same number again, and it goes with the other old generations.
 */

/** After the common script, that of programs, and the assignments of the request; run as `sh agent.sh TURN activate|recover`. */
export const agentScript: string = `
newline='
'
write_state() {
  {
    printf 'ferry-activation 1\\nphase %s\\nprofile %s\\nnew-path %s\\n' "$phase" "$profile" "$new_path"
    [ -z "$old_path" ] || printf 'old-path %s\\n' "$old_path"
    [ -z "$old_generation" ] || printf 'old-generation %s\\n' "$old_generation"
    [ -z "$new_generation" ] || printf 'new-generation %s\\n' "$new_generation"
    # Links of others may be quoted in it.
    [ -z "$reason" ] || printf 'reason %s\\n' "$(printf '%s' "$reason" | tr -d '\\000-\\037\\177')"
    printf 'changed-at %s\\nend\\n' "$(date +%s)"
  } >"$dir/state.new" 2>/dev/null && mv -f "$dir/state.new" "$dir/state"
}

# enter PHASE: on a full disk what was put aside for this makes room.
enter() {
  phase=$1
  write_state && return
  rm -f "$dir/reserve"
  write_state
}

# decide WORD: sets "decision" to it, or to what was decided before. Where nothing can be written down, nobody else can
# decide either, and it holds all the same.
decide() {
  ln -s "$1" "$dir/decision" 2>/dev/null || [ -L "$dir/decision" ] || {
    rm -f "$dir/reserve"
    ln -s "$1" "$dir/decision" 2>/dev/null
  }
  decision=$(readlink "$dir/decision")
  [ -n "$decision" ] || decision=$1
}

# generation_of LINK: the number that a link of the profile says; empty where it is none.
generation_of() {
  generation=
  case $1 in
    /*) [ "\${1%/*}" = "\${profile%/*}" ] || return ;;
    */*) return ;;
  esac
  set -- "\${1##*/}" "\${profile##*/}"
  case $1 in "$2"-*-link) ;; *) return ;; esac
  generation=\${1#"$2"-}
  generation=\${generation%-link}
  case $generation in '' | *[!0-9]*) generation= ;; esac
}

# lead: sets "leads" to what the profile says, "generation", and "leads_path" to the path that it is: a profile may be a link
# to another one, and what lies in the store is what it is, link or not.
lead() {
  leads=$(readlink "$profile" 2>/dev/null && echo .) && leads=\${leads%"$newline".}
  leads_path=
  generation=
  [ -n "$leads" ] || return
  generation_of "$leads"
  case $leads in /*) leads_path=$leads ;; *) leads_path=\${profile%/*}/$leads ;; esac
  links=0
  while [ "$links" -lt 20 ] && [ "\${leads_path%/*}" != "\${new_path%/*}" ] && [ -L "$leads_path" ]; do
    links=$((links + 1))
    link=$(readlink "$leads_path")
    case $link in /*) leads_path=$link ;; *) leads_path=\${leads_path%/*}/$link ;; esac
  done
}

switch_to() {
  if [ -n "$to_generation" ]; then
    set -- --switch-generation "$to_generation"
  else
    set -- --set "$new_path"
  fi
  why=
  nix_env 300 -p "$profile" "$@" || why="the profile could not be set: nix-env $run_end"
  lead
  new_generation=$generation
  if [ -z "$why" ] && [ "$leads_path" != "$new_path" ]; then
    why="the profile was set, and leads to \\"$leads_path\\""
  fi
  flush "\${profile%/*}"
  [ -z "$why" ]
}

# The link itself, where nix-env can't: a generation that fails may have taken it away.
put_link() {
  ln -s "$old_link" "$profile.ferry-$$" || return 1
  mv -f -T "$profile.ferry-$$" "$profile" 2>/dev/null && return
  rm -f "$profile" "$profile.ferry-$$" && ln -s "$old_link" "$profile"
}

# switch_back: sets "why" where it fails.
switch_back() {
  lead
  was_made=
  [ "$leads" != "$old_link" ] || return 0
  if [ "$leads_path" != "$new_path" ]; then
    why="the profile leads to \\"$leads\\" by now, which somebody else did: it was left alone"
    return 1
  fi
  if [ -z "$old_link" ]; then
    rm -f "$profile"
    was_made=1
  elif [ ! -e "$old_path" ] && [ ! -L "$old_path" ]; then
    why="\\"$old_path\\" is gone"
    return 1
  else
    if [ -n "$old_generation" ]; then
      # Old generations may have been removed while it waited: without a link nothing would keep this one.
      old_name=\${profile%/*}/\${old_link##*/}
      [ -L "$old_name" ] || ln -s "$old_path" "$old_name"
      nix_env 60 -p "$profile" --switch-generation "$old_generation"
      lead
    fi
    [ "$leads" = "$old_link" ] || put_link
  fi
  lead
  why="the profile leads to \\"$leads\\""
  flush "\${profile%/*}"
  [ "$leads" = "$old_link" ]
}

# go_back REASON
go_back() {
  reason=$1
  enter rolling-back
  if [ -n "$sets_profile" ] && ! switch_back; then
    reason="$reason; going back failed: $why"
    enter stuck
    return
  fi
  if [ -z "$old_link" ] && [ -n "$sets_profile" ]; then
    reason="$reason; there was no generation before"
    [ -z "$was_made" ] || reason="$reason, so the profile was removed"
  elif [ -L "$dir/activated" ]; then
    if [ -z "$back_path" ]; then
      reason="$reason; nothing ran before that could run again"
      enter stuck
      return
    fi
    # Going back must not be refused by what looks whether a switch is wise.
    kept_NIXOS_NO_CHECK=1
    if ! make_live "$back_path"; then
      reason="$reason; going back failed: $why"
      enter stuck
      return
    fi
  fi
  enter rolled-back
}

activate() {
  if [ -n "$sets_profile" ]; then
    lead
    old_link=$leads
    old_path=$leads_path
    old_generation=$generation
    back_path=$old_path
  else
    old_link=
    old_generation=
    old_path=$(readlink "$system_link" 2>/dev/null)
    back_path=$old_path
  fi
  for name in old_link old_path old_generation back_path; do
    eval "value=\\$$name"
    case $value in
      *"$newline"*)
        reason="the profile leads to a name of several lines"
        decide failed
        enter rolled-back
        return
        ;;
    esac
  done
  if ! {
    printf 'old-link %s\\nold-path %s\\nold-generation %s\\nback-path %s\\nend\\n' \\
      "$old_link" "$old_path" "$old_generation" "$back_path" >"$dir/begun.new" &&
      mv -f "$dir/begun.new" "$dir/begun"
  }; then
    reason='the disk has no room'
    decide failed
    enter rolled-back
    return
  fi
  flush "$dir/begun" "$dir"
  enter activating
  if [ -n "$sets_profile" ] && ! switch_to; then
    decide failed
    go_back "$why"
    return
  fi
  # Its number is known now.
  enter activating
  program_of "$new_path"
  if [ -n "$program" ]; then
    if [ "$kind:$action" != nixos:dry-activate ]; then ln -s yes "$dir/activated"; fi
    flush "$dir"
    if ! make_live "$new_path"; then
      decide failed
      go_back "$why"
      return
    fi
  fi
  if [ "$confirm_timeout" -eq 0 ]; then
    decide confirm
  else
    enter waiting
    now
    waits_since=$now_s
    naps=0
    decision=
    while [ -z "$decision" ]; do
      if [ -L "$dir/decision" ]; then
        decision=$(readlink "$dir/decision")
      else
        now
        if [ $((now_s - waits_since)) -ge "$confirm_timeout" ]; then decide late; else nap; fi
      fi
    done
  fi
  conclude
}

# What was confirmed is live, unless somebody else has made something else of the profile meanwhile.
enter_live() {
  lead
  if [ -z "$sets_profile" ] || [ "$leads_path" = "$new_path" ]; then
    enter live
  else
    reason="$1confirmed, and the profile leads to \\"$leads\\" by now"
    enter stuck
  fi
}

conclude() {
  case $decision in
    confirm) enter_live 'it was ' ;;
    roll-back) go_back 'it was told to go back' ;;
    *) go_back "nobody confirmed within $confirm_timeout s" ;;
  esac
}

# Whoever cared for it is gone. What was decided stays decided; else it goes back.
recover() {
  if whole "$dir/state"; then
    field phase "$dir/state"
    was=$value
    field new-generation "$dir/state"
    new_generation=$value
  else
    was=unknown
  fi
  case $was in live | rolled-back | stuck) return ;; esac
  ran=$(readlink "$dir/running" 2>/dev/null)
  if alive "$ran"; then kill_all "\${ran%%:*}"; fi
  interrupted="it was interrupted while it was \\"$was\\""
  if ! whole "$dir/begun"; then
    decide lost
    reason="$interrupted, before anything was changed"
    enter rolled-back
    return
  fi
  field old-link "$dir/begun"; old_link=$value
  field old-path "$dir/begun"; old_path=$value
  field old-generation "$dir/begun"; old_generation=$value
  field back-path "$dir/begun"; back_path=$value
  decide lost
  if [ "$decision" = confirm ]; then
    enter_live "$interrupted and "
    return
  fi
  go_back "$interrupted"
}

main() {
  turn=$1
  dir=$base/$id
  cd / || exit
  old_link= old_path= old_generation= back_path= new_generation= reason=
  . "$dir/environment"
  here=$(cd -P /run/current-system/sw/bin 2>/dev/null && pwd -P)
  login_path=/run/wrappers/bin:$kept_HOME/.nix-profile/bin:/etc/profiles/per-user/$kept_USER/bin
  login_path=$login_path:/nix/var/nix/profiles/default/bin:/run/current-system/sw/bin:$kept_PATH
  login_path=$login_path:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  # An activation may take the tools of the system away: ours are those there were.
  PATH=\${here:+$here:}$login_path
  export PATH
  session=
  if setsid true 2>/dev/null; then session=setsid; fi
  default_signals=
  if env --default-signal=INT,QUIT,HUP true 2>/dev/null; then
    default_signals='env --default-signal=INT,QUIT,HUP'
  fi
  identity $$ && ln -s "$identity" "$dir/agent.$turn" 2>/dev/null || exit 0
  case $2 in
    activate) activate ;;
    recover) recover ;;
  esac
  rm -f "$dir/reserve" "$dir/state.new" "$dir/begun.new"
  exit 0
}
`;
