#!/bin/sh
# The unit tests, in three processes at the same time: one process for each file would spend most of its time starting.
# What the others say comes after the first is done.
set -u
cd "$(dirname "$0")/.."
said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT
run() {
  node --test --test-isolation=none "$@"
}
run 'src/{bytes,format,wire,serve,page,cli,host,shell,deploy}/**/*.test.ts' >"$said/2" 2>&1 &
second=$!
run 'src/{system,config,copy}/**/*.test.ts' >"$said/3" 2>&1 &
third=$!
run 'src/store/**/*.test.ts' 'test/tidy/*.test.ts'
status=$?
wait "$second" || status=1
wait "$third" || status=1
cat "$said/2" "$said/3"
exit "$status"
