import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extraSystemsOf, systemOf } from './system-names.ts';

for (const [kernel, machine, system] of [
  ['Linux', 'x86_64', 'x86_64-linux'],
  ['Linux', 'aarch64', 'aarch64-linux'],
  ['Linux', 'armv7l', 'armv7l-linux'],
  ['Linux', 'armv8l', 'armv7l-linux'],
  ['Linux', 'armv6l', 'armv6l-linux'],
  ['Linux', 'i586', 'i686-linux'],
  ['Linux', 'riscv64', 'riscv64-linux'],
  ['Linux', 'ppc64le', 'powerpc64le-linux'],
  ['Darwin', 'arm64', 'aarch64-darwin'],
  ['Darwin', 'x86_64', 'x86_64-darwin'],
  ['FreeBSD', 'amd64', 'x86_64-freebsd'],
] as const) {
  test(`${kernel} on ${machine} is ${system}`, () => {
    assert.equal(systemOf(kernel, machine), system);
  });
}

test('a PC of 64 bits runs programs for 32 unless nix.conf says otherwise', () => {
  assert.deepEqual(extraSystemsOf('x86_64-linux', ''), ['i686-linux']);
  assert.deepEqual(extraSystemsOf('aarch64-linux', ''), []);
  assert.deepEqual(extraSystemsOf('x86_64-linux', 'extra-platforms = aarch64-linux'), [
    'aarch64-linux',
  ]);
  assert.deepEqual(extraSystemsOf('x86_64-linux', 'extra-platforms ='), []);
});

test('later lines replace or add', () => {
  const lines = 'extra-platforms = a-linux;extra-extra-platforms=  b-linux a-linux;other = c-linux';
  assert.deepEqual(extraSystemsOf('x86_64-linux', lines), ['a-linux', 'b-linux']);
  assert.deepEqual(extraSystemsOf('a-linux', lines), ['b-linux']);
  assert.deepEqual(extraSystemsOf('a-linux', 'extra-platforms = $(x) a;b'), ['a']);
});
