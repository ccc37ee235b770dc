#!/usr/bin/env bash
# hosts.sh up N [RATE [RUNS...]] | down
# Machines h1 to hN to try things on, as tests have them (test/support/hosts.ts): namespaces of this machine, each with
# an sshd, users and a store of its own. RATE is what the link of each carries (200mbit; '' is no limit), RUNS what they
# run, in turn: nix-2.8, nix-2.26, nix-2.34, ferry. "up" tells how to reach them, "down" takes all of them away. Root only.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
kept=/run/ferry-hosts.pid
PATH=$checkout/node_modules/.bin:$PATH

usage() {
  sed -n '2,5s/^# //p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

# Whoever is this process now; another one may have got the number of one that is gone.
running() { [ -e "$kept" ] && tr '\0' ' ' <"/proc/$(cat "$kept")/cmdline" 2>/dev/null | grep -q hosts-main.ts; }

case ${1:-} in
  up)
    [[ ${2:-} =~ ^[1-9][0-9]{0,2}$ ]] || usage
    ! running || {
      echo 'there are machines already: hosts.sh down' >&2
      exit 1
    }
    said=$(mktemp)
    trap 'rm -f "$said"' EXIT
    setsid node "$checkout/test/support/hosts-main.ts" "${@:2}" >"$said" 2>&1 </dev/null &
    pid=$!
    until grep -q '^ready$' "$said"; do
      kill -0 "$pid" 2>/dev/null || {
        cat "$said" >&2
        exit 1
      }
      sleep 0.05
    done
    echo "$pid" >"$kept"
    grep -v '^ready$' "$said"
    ;;
  down)
    running || {
      echo 'there are no machines' >&2
      exit 1
    }
    pid=$(cat "$kept")
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    rm -f "$kept"
    ;;
  *) usage ;;
esac
