# The standard environment of the fixture: what `source $stdenv/setup` does, in small.
set -eu

initialPath=@busybox@
export SHELL=@bash@/bin/bash CONFIG_SHELL=@bash@/bin/bash
PATH=

addToPath() {
  if [ -d "$1/bin" ]; then PATH=${PATH:+$PATH:}$1/bin; fi
}

# A list is an array where the attributes are structured, else words.
listOf() {
  case $(declare -p "$1" 2>/dev/null || true) in
  "declare -a"*) local -n array=$1 && items=("${array[@]}") ;;
  *) read -r -d '' -a items <<<"${!1:-}" || true ;;
  esac
}

# Runs the functions and commands of `preShellHooks`, then the variable or function `shellHook` itself.
runHook() {
  local name=$1 hook
  local -n hooks=pre${name^}s
  for hook in "${hooks[@]}"; do "$hook"; done
  if [ "$(type -t "$name")" = function ]; then
    "$name"
  elif [ -n "${!name:-}" ]; then
    eval "${!name}"
  fi
}

declare -a preShellHooks=()
inputsFound=
addInput() {
  local -x dependency
  case " $inputsFound " in *" $1 "*) return ;; esac
  inputsFound="$inputsFound $1"
  addToPath "$1"
  if [ -e "$1/nix-support/setup-hook" ]; then source "$1/nix-support/setup-hook"; fi
}

for list in nativeBuildInputs buildInputs; do
  listOf "$list"
  for input in "${items[@]}"; do addInput "$input"; done
done
addToPath "$initialPath"
export PATH
export SETUP_SOURCED=1
unset input list items
set +u
