import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ByteString } from '../bytes/byte-string.ts';
import { formatRcFile, type RcOptions } from './rc-file.ts';

const bytes = (text: string): ByteString => text as ByteString;
const options: RcOptions = {
  directory: bytes("/tmp/it's"),
  remover: bytes('/bin/rm'),
  isPure: false,
  isRoot: false,
  shell: bytes('/bin/bash'),
  shellDirectory: bytes('/bin'),
  attributesScript: bytes(''),
};

test('every word that comes from outside is quoted', () => {
  const text = formatRcFile({ ...options, timeZone: bytes("a'; rm -rf /; '\xff") });
  assert.ok(
    text.startsWith("_nix_shell_clean_tmpdir() { command '/bin/rm' -rf '/tmp/it'\\''s'; }; trap"),
  );
  assert.ok(text.includes("export TZ='a'\\''; rm -rf /; '\\''\xff'; "));
  assert.ok(text.includes(`PATH='/bin':"$PATH"; SHELL='/bin/bash'; BASH='/bin/bash'; `));
});

test('only an impure one reads the bashrc and keeps PATH, behind that of the derivation', () => {
  const [impure, pure] = [false, true].map((isPure) => formatRcFile({ ...options, isPure }));
  assert.match(
    impure ?? '',
    /source ~\/\.bashrc; p=\$PATH; unset PATH;.*\n\n.*PATH=\$PATH:\$p; unset p; /,
  );
  assert.doesNotMatch(pure ?? '', /bashrc|\$p\b/);
  assert.match(pure ?? '', /unset PATH; dontAddDisableDepTrack=1\n\n\[ -e \$stdenv\/setup \]/);
});

test('attributes stand before the setup, the command behind all, with the end of the shell after it', () => {
  const text = formatRcFile({
    ...options,
    attributesScript: bytes("declare a='1'\n"),
    command: bytes('echo "$a" # a comment'),
    shellDirectory: undefined,
  });
  const lines = text.split('\n');
  assert.deepEqual(lines.slice(1, 3), ["declare a='1'", '']);
  assert.match(lines[3] ?? '', /^\[ -e .*; shopt -s execfail; echo "\$a" # a comment$/);
  assert.equal(lines[4], 'exit');
  assert.doesNotMatch(text, /PATH='/);
});

test('without a command there is nothing after the last option', () => {
  assert.match(formatRcFile(options), /unset TZ; shopt -s execfail; $/);
});

test('the prompt of root is red, of others green', () => {
  assert.match(formatRcFile(options), /\[1;32m/);
  assert.match(formatRcFile({ ...options, isRoot: true }), /\[1;31m/);
});
