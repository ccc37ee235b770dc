#!/bin/sh
# The unit tests, in two processes at the same time: one process for each file would spend most of its time starting.
# What the second one says comes after the first is done.
set -u
cd "$(dirname "$0")/.."
said=$(mktemp)
trap 'rm -f "$said"' EXIT
run() {
  node --test --test-isolation=none "$@"
}
run 'src/{bytes,format,wire,system}/**/*.test.ts' >"$said" 2>&1 &
run 'src/{config,store,copy,serve,page,cli}/**/*.test.ts' 'fuzz/*.test.ts' 'test/tidy/*.test.ts'
first=$?
wait $!
second=$?
cat "$said"
[ "$first" = 0 ] && [ "$second" = 0 ]
