#!/bin/sh
# Bundles the command into dist/. With "lib" also what is published: the library with its types, man pages, completions.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/node_modules/.bin:$PATH
rm -rf dist
rolldown --config rolldown.config.ts --log-level warn >/dev/null
if [ "${1:-}" = lib ]; then
  tsc -p tsconfig.lib.json
  node scripts/manuals.ts
fi
