/** What is asked of a host in one go: a script of POSIX sh that prints `key=value` lines and changes nothing. */

/** How the values of `$1` and `$2` come to be is told in `survey.ts`. */
export const surveyScript = `
LC_ALL=C
export LC_ALL
put() { printf '%s=%s\\n' "$1" "$2"; }
one_line() { printf '%s' "$1" | tr '\\n\\r' '  ' | head -c 1000; }
store_dir=$1
become=$2
user=$(id -un 2>/dev/null || id -u)
uid=$(id -u)
put time "$(date +%s)"
put user "$user"
put uid "$uid"
put home "$HOME"
put os "$(uname -s)"
put machine "$(uname -m)"
if [ -r /proc/sys/kernel/random/boot_id ]; then
  IFS= read -r boot </proc/sys/kernel/random/boot_id
else
  boot=$(sysctl -n kern.bootsessionuuid 2>/dev/null || sysctl -n kern.boottime 2>/dev/null)
fi
put boot "$(one_line "$boot")"
[ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1 && put systemd yes
directory=$store_dir
while [ ! -e "$directory" ]; do
  directory=\${directory%/*}
  [ -n "$directory" ] || directory=/
done
put df "$(df -P -k "$directory" 2>/dev/null | tail -n 1)"
for name in NIX_CONF_DIR NIX_STORE_DIR NIX_STATE_DIR NIX_LOG_DIR NIX_REMOTE; do
  eval "value=\\\${$name-}"
  [ -z "$value" ] || put "env.$name" "$(one_line "$value")"
done
configuration=\${NIX_CONF_DIR:-/etc/nix}/nix.conf
if [ -r "$configuration" ]; then
  platforms=$(sed -n 's/#.*//; /^[[:blank:]]*\\(extra-\\)\\{0,1\\}extra-platforms[[:blank:]]*=/p' "$configuration")
  [ -z "$platforms" ] || put platforms "$(printf '%s' "$platforms" | tr '\\n' ';' | head -c 4000)"
fi
directories=$PATH:$HOME/.nix-profile/bin:\${XDG_STATE_HOME:-$HOME/.local/state}/nix/profile/bin
directories=$directories:/etc/profiles/per-user/$user/bin:/nix/var/nix/profiles/default/bin:/run/wrappers/bin
directories=$directories:/run/current-system/sw/bin:/usr/local/bin:/opt/homebrew/bin:/usr/bin:/bin:/usr/sbin:/sbin
find_program() {
  (
    IFS=:
    set -f
    for directory in $directories; do
      case $directory in
        /*)
          if [ -f "$directory/$1" ] && [ -x "$directory/$1" ]; then
            printf '%s' "$directory/$1"
            exit 0
          fi
          ;;
      esac
    done
    exit 1
  )
}
for name in nix-store nix-env nix-daemon ferry; do
  program=$(find_program "$name") || continue
  put "program.$name" "$program"
  case $name in
    nix-store | ferry) put "version.$name" "$(one_line "$("$program" --version 2>/dev/null </dev/null | head -n 1)")" ;;
  esac
done
try() {
  name=$1
  program=$(find_program "$name") || return 0
  shift
  said=$("$program" "$@" /bin/sh -c : 2>&1 </dev/null)
  status=$?
  put "program.$name" "$program"
  put "status.$name" "$status"
  put "said.$name" "$(one_line "$said")"
}
if [ "$uid" != 0 ]; then
  case $become in auto | sudo) try sudo -k -n -- ;; esac
  case $become in auto | doas) try doas -n ;; esac
fi
put end yes
`;
