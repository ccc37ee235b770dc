#!/bin/sh
# Bundles the command into dist/. With "lib" instead what is published besides: the library with its types, the manual
# pages and the completions.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/node_modules/.bin:$PATH
if [ "${1:-}" = lib ]; then
  rm -rf dist/lib
  tsc -p tsconfig.lib.json
  node scripts/manuals.ts
else
  rm -rf dist
  rolldown --config rolldown.config.ts --log-level warn >/dev/null
fi
